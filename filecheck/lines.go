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

	Named []etf.Session `json:"-"` // the sessions, ascending
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

// lines splits what each rule finds at one severity and with one proposal into runs of sessions. The new session, on which
// a rule makes a finding of its own, is part of the run that it ends.
func lines(name string, cal *calendar.Calendar, bars []etf.Bar, findings []etf.Finding, details []quality.Detail) []Line {
	dates := dates(bars)
	var out []Line
	for i, f := range findings {
		if slices.ContainsFunc(findings[:i], func(g etf.Finding) bool { return alike(f, g) }) {
			continue
		}
		group := []etf.Finding{f}
		sessions := slices.Clone(f.Sessions)
		for _, g := range findings[i+1:] {
			if alike(f, g) {
				group = append(group, g)
				sessions = append(sessions, g.Sessions...)
			}
		}
		slices.Sort(sessions)
		sessions = slices.Compact(sessions)
		l := Line{File: name, Rule: f.Rule, Severity: f.Severity, Evidence: f.Evidence}
		if p := f.Proposal; p != nil {
			l.Proposal = &Proposal{Kind: p.Kind, Ex: p.Ex, Numerator: p.Numerator, Denominator: p.Denominator, Amount: p.Amount}
		}
		all := runs(cal, dates, sessions)
		if len(all) == 0 {
			out = append(out, l) // about the file as a whole, such as its order
		}
		for _, run := range all {
			l.From, l.To, l.Sessions, l.Named = run[0], run[len(run)-1], len(run), run
			l.Evidence = evidence(group, l, len(all) == 1, details)
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Line) int { return cmp.Compare(a.From, b.From) })
	return out
}

// alike reports whether two findings say the same of different sessions.
func alike(f, g etf.Finding) bool {
	if f.Rule != g.Rule || f.Severity != g.Severity || (f.Proposal == nil) != (g.Proposal == nil) {
		return false
	}
	return f.Proposal == nil || *f.Proposal == *g.Proposal
}

// dates lists the dates of the rows, ascending, each once.
func dates(bars []etf.Bar) []etf.Session {
	dates := make([]etf.Session, len(bars))
	for i, b := range bars {
		dates[i] = b.Session
	}
	slices.Sort(dates)
	return slices.Compact(dates)
}

// runs splits ascending dates where a session lies between two of them. In a file of which every row is named, rows that
// follow each other are one run, whatever lies between: all days are wrong, or all weeks.
func runs(cal *calendar.Calendar, rows, named []etf.Session) [][]etf.Session {
	if len(rows) > 0 && len(named) >= len(rows) {
		every := true
		for _, d := range rows {
			_, found := slices.BinarySearch(named, d)
			every = every && found
		}
		if every {
			return [][]etf.Session{named}
		}
	}
	var out [][]etf.Session
	for i := 0; i < len(named); {
		j := i + 1
		for j < len(named) && cal.Count(etf.Window{From: named[j-1] + 1, To: named[j] - 1}) == 0 {
			j++
		}
		out = append(out, named[i:j])
		i = j
	}
	return out
}

// maxTexts is how many sessions of a run are written out.
const maxTexts = 5

// evidence is what the findings say about the sessions of one run. That of a single finding on a single run is complete;
// otherwise it is put together from the details, as far as there are any.
func evidence(group []etf.Finding, run Line, only bool, details []quality.Detail) string {
	if only && len(group) == 1 {
		return group[0].Evidence
	}
	from, _ := slices.BinarySearchFunc(details, run.From, func(d quality.Detail, s etf.Session) int { return cmp.Compare(d.Session, s) })
	var texts []string
	for _, d := range details[from:] {
		if d.Session > run.To || len(texts) == maxTexts {
			break
		}
		if d.Rule == run.Rule && d.Severity == run.Severity && d.Text != "" && !slices.Contains(texts, d.Text) {
			texts = append(texts, d.Text)
		}
	}
	if len(texts) > 0 {
		return etf.Clip(strings.Join(texts, "; "), maxEvidence)
	}
	for _, f := range group {
		if slices.Contains(f.Sessions, run.From) {
			return f.Evidence
		}
	}
	return group[0].Evidence
}

// maxEvidence is the most bytes of evidence, as in a finding.
const maxEvidence = 1000
