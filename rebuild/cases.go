package rebuild

import (
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// cases are the rows that recorded findings name, with the decisions on them over time.
type cases map[etf.Session][]past

type past struct {
	quality.Case
	since   time.Time // when the finding was stored
	entries []etf.DecisionRecord
}

func casesOf(findings []etf.FindingRecord, fetches map[string]etf.PastFetch) cases {
	all := cases{}
	for _, f := range findings {
		since := f.FoundAt
		if judged := fetches[f.Fetch].JudgedAt; judged.After(since) {
			since = judged
		}
		for _, r := range f.Rows {
			row := quality.NamedRow{Bar: etf.Bar{Session: r.Session}}
			if r.Row != nil {
				row = quality.NamedRow{Bar: *r.Row, Staged: true}
			}
			all[r.Session] = append(all[r.Session], past{
				Case:  quality.Case{NamedRow: row, Finding: f.ID, Rule: f.Rule, Severity: f.Severity},
				since: since, entries: f.Decisions,
			})
		}
	}
	return all
}

// before returns the cases on the sessions that were stored before the instant, with the decisions in force then. An ETF's data
// versions tell for sure what came before a later one, which instants do not if the clock was set back: only decisions made at
// the version or an earlier one count.
func (c cases) before(at time.Time, version int64, sessions []etf.Session) quality.Cases {
	list := quality.Cases{}
	for _, session := range sessions {
		if _, done := list[session]; done {
			continue
		}
		for _, p := range c[session] {
			if !p.since.Before(at) {
				continue
			}
			p.Decision, p.By = inForce(p.entries, at, version)
			list[session] = append(list[session], p.Case)
		}
	}
	return list
}

func inForce(entries []etf.DecisionRecord, at time.Time, version int64) (d etf.Decision, by string) {
	for _, e := range entries { // oldest first
		switch {
		case !e.At.Before(at), e.DataVersion > version:
		case e.Decision == etf.Undo, e.Decision == etf.Reopened:
			d, by = etf.Undecided, ""
		default:
			d, by = e.Decision, e.By
		}
	}
	return d, by
}
