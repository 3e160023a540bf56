package service

import (
	"fmt"
	"slices"
	"strings"
)

// summary says in words what a scoreboard shows. It claims that a model beats the benchmark only if the model's confidence
// sequence says so.
func (s *Service) summary(q scoreQuery, b Board) string {
	of := "" // whose record
	switch {
	case q.model != "":
		of = " of " + q.model
	case q.symbol != "":
		of = " of " + string(q.symbol)
	case q.exchange != "":
		of = " of " + string(q.exchange)
	}
	begins := fmt.Sprintf("The record%s begins today: no forecast issued in time has met its price yet.", of)
	if b.RecordBegins != nil {
		begins = fmt.Sprintf("The record%s begins on %s.", of, *b.RecordBegins)
	}
	if q.late && len(b.Items) == 0 {
		return begins + " There are no scores of late forecasts" + within(q) + "."
	}
	if q.late {
		return begins + " The forecasts shown are late: they were issued at or after the open of their first target session. They are not part of the record, and nothing is claimed about them."
	}
	late := 0
	for _, item := range b.Items {
		late += item.LateN
	}
	if b.RecordBegins == nil {
		if late > 0 {
			begins += fmt.Sprintf(" %d scores of late forecasts are not part of it; late=true (`etfcast scoreboard --late`) shows them.", late)
		}
		return begins
	}
	if len(b.Items) == 0 {
		return begins + " There are no scores" + within(q) + "."
	}
	return begins + " " + s.edges(q, b.Items)
}

// within says that a window was asked for, if one was.
func within(q scoreQuery) string {
	if q.windowed {
		return " with an origin in the window asked for"
	}
	return ""
}

// edges says which models beat the benchmark, and which it beats.
func (s *Service) edges(q scoreQuery, items []BoardItem) string {
	benchmark := s.benchmark()
	if q.model == benchmark {
		return "The others are compared with it."
	}
	if q.begun {
		return "The request chose where the window begins, and no claim is made about such a window; without from, this says which models beat " + benchmark + "."
	}
	var better, worse []string
	compared, most := false, 0
	for _, item := range items {
		if item.Model == benchmark || item.Difference == nil {
			continue
		}
		compared, most = true, max(most, item.Difference.N)
		row := fmt.Sprintf("%s at horizon %d on %s", item.Model, item.Horizon, item.Exchange)
		switch {
		case item.Difference.High < 0:
			better = append(better, row)
		case item.Difference.Low > 0:
			worse = append(worse, row)
		}
	}
	if !compared {
		return "There is nothing to compare with " + benchmark + " yet."
	}
	text := fmt.Sprintf("No model has been shown to beat %s, in at most %d %s", benchmark, most, plural(most, "session", "sessions"))
	if len(better) > 0 {
		text = fmt.Sprintf("%s %s %s", list(better), plural(len(better), "beats", "beat"), benchmark)
	}
	if len(worse) > 0 {
		text += fmt.Sprintf("; %s beats %s", benchmark, list(worse))
	}
	text += "."
	return text + fmt.Sprintf(" Each comparison is a confidence sequence of its own, wrong at any time with a probability of at most %g %%.", 100*alpha(items))
}

// alpha is the error probability of the items' confidence sequences; they share it.
func alpha(items []BoardItem) float64 {
	i := slices.IndexFunc(items, func(item BoardItem) bool { return item.Difference != nil })
	return items[i].Difference.Alpha
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// list joins texts as a sentence does.
func list(texts []string) string {
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:len(texts)-1], ", ") + " and " + texts[len(texts)-1]
}
