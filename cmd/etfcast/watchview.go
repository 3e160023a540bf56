package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// watchState is what `etfcast watch` shows.
type watchState struct {
	AsOf      time.Time       `json:"as_of"`
	Exchanges []watchExchange `json:"exchanges"`
	Waiting   watchWaiting    `json:"waiting"`
	// notice says what is wrong with what is shown, events are the newest.
	notice string
	events []etf.Event
}

// watchWaiting counts what waits for a person.
type watchWaiting struct {
	Findings int  `json:"findings"`
	Actions  int  `json:"actions"` // proposed
	More     bool `json:"more"`    // there are more than were counted
}

// watchExchange is an exchange with its session and runs.
type watchExchange struct {
	Exchange    etf.Exchange `json:"exchange"`
	Session     etf.Session  `json:"session"` // the newest closed one
	ClosedAt    time.Time    `json:"closed_at"`
	OpenNow     bool         `json:"open_now"`
	NextSession etf.Session  `json:"next_session"`
	NextOpen    time.Time    `json:"next_open"`
	NextClose   time.Time    `json:"next_close"`
	DueAt       time.Time    `json:"due_at"` // the session, without the delay of a source
	Stale       int          `json:"stale"`  // ETFs that lack something that is due
	Late        []watchLate  `json:"late"`   // what they lack, by session, the latest first
	Runs        []watchRun   `json:"runs"`   // those at work, and the newest one that has ended
}

// watchLate is a session of an ETF that lacks something that is due.
type watchLate struct {
	Symbol      etf.Symbol  `json:"symbol"`
	Session     etf.Session `json:"session"`
	DueAt       time.Time   `json:"due_at"`
	StoredAt    time.Time   `json:"stored_at,omitzero"`
	ForecastAt  time.Time   `json:"forecast_at,omitzero"`
	LateSeconds int64       `json:"late_seconds"`
}

// watchRun is a run with what went wrong in it.
type watchRun struct {
	ID         etf.RunID      `json:"id"`
	Status     etf.RunStatus  `json:"status"`
	Done       int            `json:"done"`
	Counts     etf.RunCounts  `json:"counts"`
	StartedAt  time.Time      `json:"started_at"`
	FinishedAt time.Time      `json:"finished_at,omitzero"`
	Error      string         `json:"error,omitempty"`
	Failures   []watchFailure `json:"failures"`
}

// watchFailure is an ETF whose update did not end well.
type watchFailure struct {
	Symbol  etf.Symbol  `json:"symbol"`
	Outcome etf.Outcome `json:"outcome"`
	Stage   etf.Stage   `json:"stage"`
	Type    string      `json:"error_type,omitempty"`
	Message string      `json:"error_message,omitempty"`
	Remedy  string      `json:"remedy,omitempty"`
}

// watchRow is an exchange as a row of CSV.
type watchRow struct {
	Exchange etf.Exchange  `json:"exchange"`
	Session  etf.Session   `json:"session"`
	OpenNow  bool          `json:"open_now"`
	Stale    int           `json:"stale"`
	Run      etf.RunID     `json:"run"`
	Status   etf.RunStatus `json:"status"`
	Done     int           `json:"done"`
	Counts   etf.RunCounts `json:"counts"`
}

// rows returns a row for each run, and one for an exchange without.
func (s watchState) rows() []watchRow {
	var rows []watchRow
	for _, x := range s.Exchanges {
		row := watchRow{Exchange: x.Exchange, Session: x.Session, OpenNow: x.OpenNow, Stale: x.Stale}
		for _, r := range x.Runs {
			row.Run, row.Status, row.Done, row.Counts = r.ID, r.Status, r.Done, r.Counts
			rows = append(rows, row)
		}
		if len(x.Runs) == 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

const (
	// shownFailures, shownEvents and shownLate are how many a frame has at most.
	shownFailures = 4
	shownEvents   = 8
	shownLate     = 3
)

// frame is a picture of the state in lines.
type frame struct {
	width int
	ascii bool
	lines []string
}

func (f *frame) add(indent int, text string) {
	for _, line := range wrap(visible(text), f.width-indent) {
		f.lines = append(f.lines, strings.Repeat(" ", indent)+cut(line, max(f.width-indent, 4), f.mark()))
	}
}

func (f *frame) mark() string {
	if f.ascii {
		return "..."
	}
	return "…"
}

// clockText is an instant as people read it beside others of the same days.
func clockText(at time.Time) string { return at.UTC().Format("Mon 2006-01-02 15:04 UTC") }

func spanText(d time.Duration) string { return max(0, d).Round(time.Second).String() }

// picture returns the lines that show the state in the width.
func (s watchState) picture(width int, ascii bool) []string {
	f := &frame{width: max(width, 40), ascii: ascii}
	for _, x := range s.Exchanges {
		state := fmt.Sprintf("closed since %s, opens %s", clockText(x.ClosedAt), clockText(x.NextOpen))
		if x.OpenNow {
			state = fmt.Sprintf("open until %s; last session %s", clockText(x.NextClose), x.Session)
		}
		f.add(0, fmt.Sprintf("%s  %s", x.Exchange, state))
		f.late(x)
		if len(x.Runs) == 0 {
			f.add(2, fmt.Sprintf("no run yet (`etfcast run daily --exchange %s`)", x.Exchange))
		}
		for _, r := range x.Runs {
			f.run(r, s.AsOf)
		}
		f.lines = append(f.lines, "")
	}
	f.waiting(s.Waiting)
	if len(s.events) > 0 {
		f.lines = append(f.lines, "")
		for _, e := range s.events[max(0, len(s.events)-shownEvents):] {
			f.lines = append(f.lines, cut(visible(eventText(e, "15:04:05")), f.width, f.mark()))
		}
	}
	if s.notice != "" {
		f.lines = append(f.lines, "")
		f.add(0, s.notice)
	}
	return f.lines
}

// late tells which ETFs lack what is due.
func (f *frame) late(x watchExchange) {
	if x.Stale == 0 {
		return
	}
	verb := "lack"
	if x.Stale == 1 {
		verb = "lacks"
	}
	f.add(2, fmt.Sprintf("late: %s %s what is due (`etfcast freshness --exchange %s`)", counted(x.Stale, "ETF"), verb, x.Exchange))
	for _, l := range x.Late[:min(len(x.Late), shownLate)] {
		what := "prices"
		if !l.StoredAt.IsZero() {
			what = "forecast"
		}
		f.add(4, fmt.Sprintf("%s %s: no %s, late by %s", l.Symbol, l.Session, what, spanText(time.Duration(l.LateSeconds)*time.Second)))
	}
	if more := len(x.Late) - shownLate; more > 0 {
		f.add(4, fmt.Sprintf("%d more", more))
	}
}

func (f *frame) run(r watchRun, now time.Time) {
	took := now.Sub(r.StartedAt)
	if !r.FinishedAt.IsZero() {
		took = r.FinishedAt.Sub(r.StartedAt)
	}
	f.add(2, fmt.Sprintf("%s  %s, %s", r.ID, r.Status, spanText(took)))
	c := r.Counts
	if c.Due > 0 {
		f.lines = append(f.lines, "  "+f.bar(r.Done, c.Due, min(f.width-2-16, 60)))
	}
	var parts []string
	for _, p := range []struct {
		n    int
		name string
	}{{c.Updated, "updated"}, {c.Unchanged, "unchanged"}, {c.Quarantined, "quarantined"}, {c.Failed, "failed"}, {c.Elsewhere, "elsewhere"}, {c.Cancelled, "cancelled"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.name))
		}
	}
	if len(parts) > 0 {
		f.add(2, strings.Join(parts, ", "))
	}
	if r.Error != "" {
		f.add(2, "error: "+etf.OneLine(r.Error))
	}
	for _, e := range r.Failures[:min(len(r.Failures), shownFailures)] {
		text := fmt.Sprintf("%s %s at %s", e.Symbol, e.Outcome, e.Stage)
		if e.Type != "" {
			text += ": " + e.Type
		}
		if e.Message != "" {
			text += ": " + etf.OneLine(e.Message)
		}
		f.lines = append(f.lines, "    "+cut(visible(text), f.width-4, f.mark()))
		if e.Remedy != "" {
			f.add(6, "-> "+e.Remedy)
		}
	}
	if more := len(r.Failures) - shownFailures; more > 0 {
		f.add(4, fmt.Sprintf("%d more: `etfcast run show %s`", more, r.ID))
	}
}

// bar draws how much is done.
func (f *frame) bar(done, of, width int) string {
	full, empty := "█", "░"
	if f.ascii {
		full, empty = "#", "."
	}
	width = max(width, 10)
	n := min(done*width/of, width)
	return strings.Repeat(full, n) + strings.Repeat(empty, width-n) + fmt.Sprintf(" %d/%d", done, of)
}

func (f *frame) waiting(w watchWaiting) {
	if w.Findings+w.Actions == 0 {
		f.add(0, "Nothing waits for a person.")
		return
	}
	var parts []string
	more := ""
	if w.More {
		more = " or more"
	}
	if w.Findings > 0 {
		parts = append(parts, fmt.Sprintf("%s%s (`etfcast finding next`)", counted(w.Findings, "finding"), more))
	}
	if w.Actions > 0 {
		parts = append(parts, fmt.Sprintf("%s (`etfcast action list --status proposed`)", counted(w.Actions, "proposed action")))
	}
	f.add(0, "Waiting for a person: "+strings.Join(parts, ", "))
}

// eventText is an event in a line: when, what, where, and its data.
func eventText(e etf.Event, layout string) string {
	parts := []string{e.At.UTC().Format(layout), fmt.Sprintf("%-16s", e.Kind)}
	for _, text := range []string{string(e.Exchange), e.Session.String(), string(e.Symbol)} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if text := eventData(e); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, "  ")
}

// eventData is what an event says beyond what it is about.
func eventData(e etf.Event) string {
	switch e.Kind {
	case etf.EventRunProgress:
		var p struct {
			Counts etf.RunCounts
			ETFs   []struct {
				Symbol    etf.Symbol
				Outcome   etf.Outcome
				Stage     etf.Stage
				ErrorType string `json:"error_type"`
			}
		}
		if json.Unmarshal(e.Data, &p) != nil {
			break
		}
		text := fmt.Sprintf("%d of %d done", p.Counts.Done(), p.Counts.Due)
		for _, r := range p.ETFs {
			if r.Outcome == etf.OutcomeFailed || r.Outcome == etf.OutcomeQuarantined {
				text += fmt.Sprintf(", %s %s at %s %s", r.Symbol, r.Outcome, r.Stage, r.ErrorType)
			}
		}
		return strings.TrimRight(text, " ")
	case etf.EventRunStarted, etf.EventRunEnded:
		var p struct {
			Status etf.RunStatus
			Error  string
			Counts *etf.RunCounts
		}
		if json.Unmarshal(e.Data, &p) != nil {
			break
		}
		text := string(e.Run) + " " + string(p.Status)
		if c := p.Counts; c != nil {
			text += fmt.Sprintf(": %d due, %d updated, %d unchanged, %d quarantined, %d failed", c.Due, c.Updated, c.Unchanged, c.Quarantined, c.Failed)
		}
		if p.Error != "" {
			text += ": " + etf.OneLine(p.Error)
		}
		return text
	}
	var data map[string]json.RawMessage
	if json.Unmarshal(e.Data, &data) != nil {
		return ""
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(data)) {
		text, err := csvText(data[key])
		if key == "stage" || err != nil || text == "" {
			continue
		}
		parts = append(parts, strings.ReplaceAll(key, "_", " ")+" "+text)
	}
	return strings.Join(parts, ", ")
}

// writeEvent writes an event as a line for people, JSON, or a row of CSV.
func writeEvent(w io.Writer, as format, e etf.Event) error {
	switch {
	case as.json:
		return json.NewEncoder(w).Encode(e)
	case as.csv:
		return writeCSVRows(w, []etf.Event{e})
	}
	_, err := fmt.Fprintln(w, visible(eventText(e, time.RFC3339)))
	return err
}
