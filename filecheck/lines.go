package filecheck

import (
	"cmp"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Line is what one rule finds on an unbroken run of sessions.
type Line struct {
	File     string       `json:"file"`
	Rule     string       `json:"rule"`
	Severity etf.Severity `json:"severity"`
	From     etf.Session  `json:"from"`
	To       etf.Session  `json:"to"`
	Sessions int          `json:"sessions"` // how many the rule names from From to To
	Evidence string       `json:"evidence"`
	Proposal *Proposal    `json:"proposal"` // null: none
}

// Proposal is the corporate action that would explain what a rule found.
type Proposal struct {
	Kind        etf.ActionKind `json:"kind"`
	Ex          etf.Session    `json:"ex"`
	Numerator   int64          `json:"numerator,omitempty"`
	Denominator int64          `json:"denominator,omitempty"`
	Amount      etf.Price      `json:"amount,omitempty"`
}

// RuleUnreadable is the rule of the line about a file that can't be read at all.
const RuleUnreadable = "unreadable_file"

// Unreadable is the line about a file that can't be read.
func Unreadable(f File, err error) Line {
	return Line{File: name(f), Rule: RuleUnreadable, Severity: etf.SeverityError, Evidence: err.Error()}
}

// lines splits findings into runs of sessions.
func lines(name string, cal *calendar.Calendar, bars []etf.Bar, findings []etf.Finding, details []quality.Detail) []Line {
	next := following(bars)
	var out []Line
	for _, f := range findings {
		l := Line{File: name, Rule: f.Rule, Severity: f.Severity, Evidence: f.Evidence}
		if p := f.Proposal; p != nil {
			l.Proposal = &Proposal{Kind: p.Kind, Ex: p.Ex, Numerator: p.Numerator, Denominator: p.Denominator, Amount: p.Amount}
		}
		all := runs(cal, next, len(next) > 0 && len(f.Sessions) >= len(next), f.Sessions)
		if len(all) == 0 {
			out = append(out, l) // about the file as a whole, such as its order
		}
		for _, run := range all {
			l.From, l.To, l.Sessions = run[0], run[len(run)-1], len(run)
			l.Evidence = f.Evidence
			if len(all) > 1 {
				l.Evidence = own(f, l, details)
			}
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Line) int { return cmp.Compare(a.From, b.From) })
	return out
}

// following maps each of the file's dates to the next one.
func following(bars []etf.Bar) map[etf.Session]etf.Session {
	dates := make([]etf.Session, 0, len(bars))
	for _, b := range bars {
		dates = append(dates, b.Session)
	}
	slices.Sort(dates)
	dates = slices.Compact(dates)
	next := make(map[etf.Session]etf.Session, len(dates))
	for i, d := range dates {
		next[d] = 0
		if i+1 < len(dates) {
			next[d] = dates[i+1]
		}
	}
	return next
}

// runs splits ascending dates where a session lies between two of them. In a file of which every row is named, rows that
// follow each other are one run, whatever lies between.
func runs(cal *calendar.Calendar, next map[etf.Session]etf.Session, every bool, dates []etf.Session) [][]etf.Session {
	var out [][]etf.Session
	for i := 0; i < len(dates); {
		j := i + 1
		for j < len(dates) && (cal.Count(etf.Window{From: dates[j-1] + 1, To: dates[j] - 1}) == 0 || every && next[dates[j-1]] == dates[j]) {
			j++
		}
		out = append(out, dates[i:j])
		i = j
	}
	return out
}

// own is the evidence about the sessions of one run alone, or that of the finding if there is none.
func own(f etf.Finding, run Line, details []quality.Detail) string {
	var texts []string
	for _, d := range details {
		if d.Rule == f.Rule && d.Severity == f.Severity && d.Session >= run.From && d.Session <= run.To && d.Text != "" {
			texts = append(texts, d.Text)
			if len(texts) == 5 {
				break
			}
		}
	}
	if len(texts) == 0 {
		return f.Evidence
	}
	return etf.Clip(strings.Join(texts, "; "), 1000)
}
