package quality

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// What a person's decision on a finding does to other findings and to rows. A decision is about numbers: it holds for
// every finding by the same rule that objects to the same numbers, whichever answer brought them. The store reads the
// rows, asks these functions and writes what they say.

// NamedRow is a row that a finding names, with the numbers it objects to. Where the answer had no row of the session,
// Staged is false and only the session is set.
type NamedRow struct {
	etf.Bar
	Staged bool
}

// same reports whether two named rows are the same numbers of the same session. An unknown volume is a value here.
func (r NamedRow) same(o NamedRow) bool {
	return r.Staged == o.Staged && samePrices(r.Bar, o.Bar) && r.Volume == o.Volume
}

// Found is a finding with the rows it names, each session once.
type Found struct {
	etf.Finding
	Rows []NamedRow
}

// Case is one row named by an error-level finding, with the finding's rule and what was decided on it.
type Case struct {
	NamedRow
	Finding  string // ID
	Rule     string
	Decision etf.Decision // Undecided while it is open
	By       string
}

// Cases holds all cases of an ETF on some sessions.
type Cases map[etf.Session][]Case

// Named pairs the findings of a judgement with the answer's rows they name; bars and j.Verdicts are parallel. Of a
// session that the answer repeats, the last row not dropped counts. A quarantined row that no error-level finding names
// is KindInvalid: nobody could ever decide on it.
func Named(j etf.Judgement, bars []etf.Bar) ([]Found, error) {
	if len(j.Verdicts) != len(bars) {
		return nil, etf.Invalid("verdicts", fmt.Sprintf("%d verdicts for %d rows", len(j.Verdicts), len(bars)), "give one for each row")
	}
	rows := map[etf.Session]etf.Bar{}
	for i, b := range bars {
		if _, taken := rows[b.Session]; !taken || j.Verdicts[i] != etf.VerdictDrop {
			rows[b.Session] = b
		}
	}
	found := make([]Found, len(j.Findings))
	objected := map[etf.Session]bool{} // by an error-level finding
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
				objected[session] = true
			}
		}
	}
	for i, v := range j.Verdicts {
		if v == etf.VerdictQuarantine && !objected[bars[i].Session] {
			return nil, etf.Invalid("findings", fmt.Sprintf("the row of %s is quarantined and no error-level finding names it", bars[i].Session), "name its session in a finding of severity error")
		}
	}
	return found, nil
}

// Precedents returns, by finding ID, the earlier decision that settles each new finding which has one. An error-level
// finding has a precedent when a decision on another finding of its rule covers each of its rows, on the same numbers,
// and these decisions are all the same. The case returned is that of the last row. Two decisions on one row: the first
// in the list counts.
func Precedents(found []Found, before Cases) map[string]Case {
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

func precedent(f Found, before Cases) (Case, bool) {
	var last Case
	for _, row := range f.Rows {
		i := slices.IndexFunc(before[row.Session], func(c Case) bool {
			return c.Rule == f.Rule && c.Finding != f.ID && c.Decision != etf.Undecided && c.same(row)
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

// Freed returns the sessions whose rows need not be quarantined: those that error-level findings name, all of which have
// been accepted by precedent.
func Freed(found []Found, precedents map[string]Case) map[etf.Session]bool {
	freed := map[etf.Session]bool{}
	for _, f := range found {
		if f.Severity != etf.SeverityError {
			continue
		}
		accepted := precedents[f.ID].Decision == etf.Accept
		for _, row := range f.Rows {
			before, seen := freed[row.Session]
			freed[row.Session] = accepted && (before || !seen)
		}
	}
	return freed
}

// Final returns the verdicts that stand after precedents: as judged, but rows of freed sessions are kept.
func Final(verdicts []etf.Verdict, bars []etf.Bar, freed map[etf.Session]bool) []etf.Verdict {
	final := slices.Clone(verdicts)
	for i, v := range final {
		if v == etf.VerdictQuarantine && freed[bars[i].Session] {
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

// Unblocked returns those rows of an accepted finding that now count: rows the answer had, to which every other rule
// that objects to the same numbers has been overruled as well, by one acceptance at least.
func Unblocked(accepted Found, cases Cases) []NamedRow {
	var free []NamedRow
	for _, row := range accepted.Rows {
		if row.Staged && !blocked(accepted.Rule, row, cases[row.Session]) {
			free = append(free, row)
		}
	}
	return free
}

func blocked(rule string, row NamedRow, cases []Case) bool {
	overruled := map[string]bool{rule: true}
	for _, c := range cases {
		if c.Decision == etf.Accept && c.same(row) {
			overruled[c.Rule] = true
		}
	}
	return slices.ContainsFunc(cases, func(c Case) bool { return c.same(row) && !overruled[c.Rule] })
}

// MayBeTwins returns the IDs of the undecided findings of f's rule that name a row of f's, ascending. Those of them that
// f Covers are twins, which the decision on f settles too: every later answer with a quarantined row makes one.
func MayBeTwins(f Found, cases Cases) []string {
	var ids []string
	for _, row := range f.Rows {
		for _, c := range cases[row.Session] {
			if c.Finding != f.ID && c.Rule == f.Rule && c.Decision == etf.Undecided && c.same(row) {
				ids = append(ids, c.Finding)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Covers reports whether each of the rows, all that another finding names, is one of f's.
func (f Found) Covers(rows []NamedRow) bool {
	own := make(map[etf.Session]NamedRow, len(f.Rows))
	for _, row := range f.Rows {
		own[row.Session] = row
	}
	for _, row := range rows {
		if o, named := own[row.Session]; !named || !o.same(row) {
			return false
		}
	}
	return true
}

// Acceptance is what accepting rows does to the stored bars.
type Acceptance struct {
	Free          []etf.Session // quarantined bars of these very numbers, which are free now
	Replace       []etf.Bar     // rows held back from a bar with other numbers, which take its place
	Unquarantined int           // bars of either kind that were quarantined
}

// Changed is how many bars the acceptance changes.
func (a Acceptance) Changed() int { return len(a.Free) + len(a.Replace) }

// Accepting returns what becomes of the stored bars of sessions whose rows have been accepted. A quarantined bar with the
// row's numbers is freed. A bar with other numbers is replaced by the row, unless it was written after the data version
// that storing the row's answer resulted in: a later answer has revised it, and knew better. A row without a volume does not
// contradict a bar with one.
func Accepting(rows []NamedRow, stored []etf.StoredBar, version int64) Acceptance {
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
			a.Free = append(a.Free, bar.Session)
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
