package quality

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// What a person's decision on a finding does to other findings and to rows. A decision is about numbers: it holds for
// every finding by the same rule on the same numbers, whichever response they came in. The store reads the rows, calls
// these functions and writes their results.

// NamedRow is a row that a finding names, with the numbers the rule found. If the response had no row for the session,
// Staged is false and only the session is set.
type NamedRow struct {
	etf.Bar
	Staged bool
}

// equals reports whether two named rows have the same numbers and session. An unknown volume equals only another one.
func (r NamedRow) equals(o NamedRow) bool {
	return r.Staged == o.Staged && samePrices(r.Bar, o.Bar) && r.Volume == o.Volume
}

// FindingWithRows is a finding with the rows it names, each session once.
type FindingWithRows struct {
	etf.Finding
	Rows []NamedRow
}

// Case is one row named by an error-level finding, with the finding's rule and the decision on it.
type Case struct {
	NamedRow
	Finding  string // ID
	Rule     string
	Decision etf.Decision // Undecided until a person decides
	By       string
}

// Cases holds all cases of an ETF on some sessions.
type Cases map[etf.Session][]Case

// WithRows pairs the findings of a judgement with the response's rows they name; bars and j.Verdicts are parallel. If a
// session has several rows, the last one not dropped counts. A quarantined row that no error-level finding names is
// KindInvalid: nobody could ever decide on it. So is a held row that no finding of a rule that holds rows names.
func WithRows(j etf.Judgement, bars []etf.Bar) ([]FindingWithRows, error) {
	if len(j.Verdicts) != len(bars) {
		return nil, etf.Invalid("verdicts", fmt.Sprintf("%d verdicts for %d rows", len(j.Verdicts), len(bars)), "give one for each row")
	}
	rows := map[etf.Session]etf.Bar{}
	for i, b := range bars {
		if _, taken := rows[b.Session]; !taken || j.Verdicts[i] != etf.VerdictDrop {
			rows[b.Session] = b
		}
	}
	found := make([]FindingWithRows, len(j.Findings))
	named := map[etf.Session]bool{}   // by an error-level finding
	holding := map[etf.Session]bool{} // by a finding of a rule that holds rows
	for i, f := range j.Findings {
		found[i].Finding = f
		seen := map[etf.Session]bool{}
		for _, session := range f.Sessions {
			if session.IsZero() || seen[session] {
				continue
			}
			seen[session] = true
			b, staged := rows[session]
			b.Session = session
			found[i].Rows = append(found[i].Rows, NamedRow{Bar: b, Staged: staged})
			if f.Severity == etf.SeverityError {
				named[session] = true
			}
			if Holds(f.Rule) {
				holding[session] = true
			}
		}
	}
	for i, v := range j.Verdicts {
		if v == etf.VerdictQuarantine && !named[bars[i].Session] {
			return nil, etf.Invalid("findings", fmt.Sprintf("the row of %s is quarantined, but no error-level finding names it", bars[i].Session), "name its session in a finding of severity error")
		}
		if v == etf.VerdictHold && !holding[bars[i].Session] {
			return nil, etf.Invalid("findings", fmt.Sprintf("the row of %s is held, but no finding says why", bars[i].Session),
				"name its session in a finding of a rule that holds rows: "+strings.Join(HoldingRules(), " or "))
		}
	}
	return found, nil
}

// Precedents returns, by finding ID, the earlier decisions that settle new findings. An error-level finding has a
// precedent if each of its rows, with the same numbers, has been decided on in another finding of its rule, and all these
// decisions agree. The case returned is that of the last row. If a row has been decided on twice, the first decision in
// the list counts.
func Precedents(found []FindingWithRows, before Cases) map[string]Case {
	precedents := map[string]Case{}
	for _, f := range found {
		if f.Severity != etf.SeverityError {
			continue
		}
		if c, ok := precedent(f, before); ok {
			precedents[f.ID] = c
		}
	}
	return precedents
}

func precedent(f FindingWithRows, before Cases) (Case, bool) {
	var last Case
	for _, row := range f.Rows {
		i := slices.IndexFunc(before[row.Session], func(c Case) bool {
			return c.Rule == f.Rule && c.Finding != f.ID && c.Decision != etf.Undecided && c.equals(row)
		})
		if i < 0 {
			return Case{}, false
		}
		c := before[row.Session][i]
		if last.Decision != etf.Undecided && c.Decision != last.Decision {
			return Case{}, false
		}
		last = c
	}
	return last, last.Decision != etf.Undecided
}

// Released returns, by session, whether the rows that error-level findings name need no quarantine: true if all findings
// that name the session are accepted by precedent.
func Released(found []FindingWithRows, precedents map[string]Case) map[etf.Session]bool {
	released := map[etf.Session]bool{}
	for _, f := range found {
		if f.Severity != etf.SeverityError {
			continue
		}
		accepted := precedents[f.ID].Decision == etf.Accept
		for _, row := range f.Rows {
			before, seen := released[row.Session]
			released[row.Session] = accepted && (before || !seen)
		}
	}
	return released
}

// Final returns the verdicts that stand after precedents: as judged, except that rows of released sessions are kept.
func Final(verdicts []etf.Verdict, bars []etf.Bar, released map[etf.Session]bool) []etf.Verdict {
	final := slices.Clone(verdicts)
	for i, v := range final {
		if v == etf.VerdictQuarantine && released[bars[i].Session] {
			final[i] = etf.VerdictKeep
		}
	}
	return final
}

// Settle applies a decision to a finding: the first one stands. changed is false for a repeat of it; another one is
// KindConflict.
func Settle(f etf.Finding, r etf.Ruling) (settled etf.Finding, changed bool, err error) {
	switch f.Decision {
	case r.Decision:
		return f, false, nil
	case etf.Undecided:
		f.Decision, f.By, f.Why = r.Decision, r.By, r.Why
		return f, true, nil
	}
	return f, false, &etf.Error{Kind: etf.KindConflict, Field: "decision",
		Message: fmt.Sprintf("%s has already decided on %s: %s", f.By, f.ID, f.Decision), Remedy: "the first decision stands"}
}

// Decidable returns nil for a finding that a person can decide on: one of severity error that names sessions.
func Decidable(f etf.Finding) error {
	if f.Severity == etf.SeverityError && len(f.Sessions) > 0 {
		return nil
	}
	return etf.Invalid("finding", fmt.Sprintf("%s is of severity %s and keeps no rows out of forecasts, so there is nothing to decide", f.ID, f.Severity), "`etfcast finding list` shows the findings that need a decision")
}

// Unblocked returns the rows of an accepted finding that may now be used: rows the response had, for which every other
// rule that reports the same numbers has been overruled too, by at least one acceptance.
func Unblocked(accepted FindingWithRows, cases Cases) []NamedRow {
	var rows []NamedRow
	for _, row := range accepted.Rows {
		if row.Staged && !blocked(accepted.Rule, row, cases[row.Session]) {
			rows = append(rows, row)
		}
	}
	return rows
}

func blocked(rule string, row NamedRow, cases []Case) bool {
	overruled := map[string]bool{rule: true}
	for _, c := range cases {
		if c.Decision == etf.Accept && c.equals(row) {
			overruled[c.Rule] = true
		}
	}
	return slices.ContainsFunc(cases, func(c Case) bool { return c.equals(row) && !overruled[c.Rule] })
}

// DuplicateCandidates returns, in ascending order, the IDs of the undecided findings of f's rule that name a row of f.
// Those that f Covers are duplicates, which the decision on f settles too: every later response that repeats a
// quarantined row makes one.
func DuplicateCandidates(f FindingWithRows, cases Cases) []string {
	var ids []string
	for _, row := range f.Rows {
		for _, c := range cases[row.Session] {
			if c.Finding != f.ID && c.Rule == f.Rule && c.Decision == etf.Undecided && c.equals(row) {
				ids = append(ids, c.Finding)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Covers reports whether f names each of the rows, which are all those of another finding.
func (f FindingWithRows) Covers(rows []NamedRow) bool {
	own := make(map[etf.Session]NamedRow, len(f.Rows))
	for _, row := range f.Rows {
		own[row.Session] = row
	}
	for _, row := range rows {
		if o, named := own[row.Session]; !named || !o.equals(row) {
			return false
		}
	}
	return true
}

// Acceptance is how accepting rows changes the stored bars.
type Acceptance struct {
	Release       []etf.Session // quarantined bars with the accepted numbers
	Replace       []etf.Bar     // held rows, which replace a bar with other numbers
	Unquarantined int           // bars of either kind that were quarantined
}

// Changed is how many bars the acceptance changes.
func (a Acceptance) Changed() int { return len(a.Release) + len(a.Replace) }

// AcceptRows returns how accepting rows changes the stored bars of their sessions. A quarantined bar with the row's
// numbers is released. A bar with other numbers is replaced by the row, unless it was written after the data version that
// storing the row's response resulted in: then a later response has revised it and takes precedence. A row without a
// volume does not contradict a bar with one.
func AcceptRows(rows []NamedRow, stored []etf.StoredBar, version int64) Acceptance {
	accepted := make(map[etf.Session]etf.Bar, len(rows))
	for _, row := range rows {
		accepted[row.Session] = row.Bar
	}
	var a Acceptance
	for _, bar := range stored {
		row, ok := accepted[bar.Session]
		if !ok {
			continue
		}
		switch {
		case sameNumbers(bar.Bar, row):
			if !bar.Quarantined {
				continue
			}
			a.Release = append(a.Release, bar.Session)
		case bar.DataVersion <= version:
			a.Replace = append(a.Replace, row)
		default:
			continue
		}
		if bar.Quarantined {
			a.Unquarantined++
		}
	}
	return a
}
