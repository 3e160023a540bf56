package quality

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// The days and rows of these tests: one row a day, and a second version of Tuesday's with another close.
var (
	mon, tue, wed = etf.MustSession("2025-09-22"), etf.MustSession("2025-09-23"), etf.MustSession("2025-09-24")

	monRow, tueRow, wedRow = named("2025-09-22", "100"), named("2025-09-23", "101"), named("2025-09-24", "102")
	tueOther               = named("2025-09-23", "11")
)

func named(session, close string) NamedRow {
	return NamedRow{Bar: bar(session, close, 1000), Staged: true}
}

// without is r's session without a row in the response.
func without(r NamedRow) NamedRow { return NamedRow{Bar: etf.Bar{Session: r.Session}} }

func volume(r NamedRow, v etf.Volume) NamedRow {
	r.Volume = v
	return r
}

// found is an error-level finding of a rule on rows; its ID is "new".
func found(rule string, rows ...NamedRow) FindingWithRows {
	return FindingWithRows{Finding: etf.Finding{ID: "new", Rule: rule, Severity: etf.SeverityError}, Rows: rows}
}

func warning(f FindingWithRows) FindingWithRows {
	f.Severity = etf.SeverityWarning
	return f
}

func casesOf(list ...Case) Cases {
	cases := Cases{}
	for _, c := range list {
		cases[c.Session] = append(cases[c.Session], c)
	}
	return cases
}

// on is a finding's case on a row, of severity error.
func on(finding, rule string, row NamedRow, d etf.Decision) Case {
	c := Case{NamedRow: row, Finding: finding, Rule: rule, Severity: etf.SeverityError, Decision: d}
	if d != etf.Undecided {
		c.By = "kim"
	}
	return c
}

func warned(c Case) Case {
	c.Severity = etf.SeverityWarning
	return c
}

func TestWithRows(t *testing.T) {
	first, last := bar("2025-09-23", "1", 1), bar("2025-09-23", "2", 1)
	naming := func(sessions ...etf.Session) []etf.Finding {
		return []etf.Finding{{Severity: etf.SeverityError, Sessions: sessions}}
	}
	const keep, quarantine, drop = etf.VerdictKeep, etf.VerdictQuarantine, etf.VerdictDrop
	for _, c := range []struct {
		name     string
		bars     []etf.Bar
		findings []etf.Finding
		verdicts []etf.Verdict
		want     []NamedRow // of the first finding; nil for an error
	}{
		{"a row", []etf.Bar{monRow.Bar, tueRow.Bar}, naming(tue), []etf.Verdict{keep, quarantine}, []NamedRow{tueRow}},
		{"no row", []etf.Bar{monRow.Bar}, naming(tue), []etf.Verdict{keep}, []NamedRow{without(tueRow)}},
		{"each once, and none for the zero session", []etf.Bar{monRow.Bar, tueRow.Bar}, naming(0, tue, mon, tue), []etf.Verdict{keep, keep}, []NamedRow{tueRow, monRow}},
		{"the last row of a session", []etf.Bar{first, last}, naming(tue), []etf.Verdict{drop, keep}, []NamedRow{{Bar: last, Staged: true}}},
		{"the one not dropped", []etf.Bar{first, last}, naming(tue), []etf.Verdict{keep, drop}, []NamedRow{{Bar: first, Staged: true}}},
		{"both dropped", []etf.Bar{first, last}, naming(tue), []etf.Verdict{drop, drop}, []NamedRow{{Bar: first, Staged: true}}},
		{"nobody could release it", []etf.Bar{monRow.Bar, tueRow.Bar}, naming(mon), []etf.Verdict{keep, quarantine}, nil},
		{"a warning releases nothing", []etf.Bar{tueRow.Bar}, []etf.Finding{{Severity: etf.SeverityWarning, Sessions: []etf.Session{tue}}}, []etf.Verdict{quarantine}, nil},
		{"a held row", []etf.Bar{tueRow.Bar}, []etf.Finding{{Rule: "held_close", Severity: etf.SeverityWarning, Sessions: []etf.Session{tue}}}, []etf.Verdict{etf.VerdictHold}, []NamedRow{tueRow}},
		{"a row held by a rule that holds none", []etf.Bar{tueRow.Bar}, []etf.Finding{{Rule: "price_jump", Severity: etf.SeverityWarning, Sessions: []etf.Session{tue}}}, []etf.Verdict{etf.VerdictHold}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := WithRows(etf.Judgement{Findings: c.findings, Verdicts: c.verdicts}, c.bars)
			if c.want == nil {
				if etf.KindOf(err) != etf.KindInvalid {
					t.Fatalf("%+v, %v", list, err)
				}
				return
			}
			if err != nil || len(list) != len(c.findings) || !slices.Equal(list[0].Rows, c.want) {
				t.Errorf("%+v, %v; want %+v", list, err, c.want)
			}
		})
	}
}

// What a judgement proposes is proposed again as long as nobody has decided on the finding, of a warning too: the fetch that found it first may never
// have been stored.
func TestProposing(t *testing.T) {
	t.Parallel()
	split := splitOn("2025-09-23", 4, 1)
	proposes := func(f FindingWithRows) FindingWithRows {
		f.Proposal, f.Sessions = &split, make([]etf.Session, len(f.Rows))
		for i, r := range f.Rows {
			f.Sessions[i] = r.Session
		}
		return f
	}
	wrong, jump := proposes(found(ruleSplit, tueRow, wedRow)), proposes(warning(found(ruleJump, tueRow)))
	for _, c := range []struct {
		name   string
		found  FindingWithRows
		before Cases
		want   []string // IDs; "" is that of the fresh rows alone
	}{
		{"nothing", found(ruleSplit, tueRow), nil, nil},
		{"new", wrong, nil, []string{"new"}},
		{"reported before", wrong, casesOf(on("old", ruleSplit, tueRow, etf.Undecided), on("old", ruleSplit, wedRow, etf.Undecided)), []string{"old"}},
		{"of one row", wrong, casesOf(on("old", ruleSplit, tueRow, etf.Undecided)), []string{"old", ""}},
		{"decided on", wrong, casesOf(on("old", ruleSplit, tueRow, etf.Accept), on("old", ruleSplit, wedRow, etf.Accept)), nil},
		{"the numbers are back", wrong, casesOf(on("old", ruleSplit, tueRow, etf.Refetch), on("old", ruleSplit, wedRow, etf.Refetch)), []string{"old"}},
		{"a warning", jump, nil, []string{"new"}},
		{"a warning reported before", jump, casesOf(warned(on("new", ruleJump, tueRow, etf.Undecided))), []string{"new"}},
		{"a warning decided on", jump, casesOf(warned(on("new", ruleJump, tueRow, etf.Retract))), nil},
	} {
		a := Assess([]FindingWithRows{c.found}, c.before, nil, nil)
		var got []string
		for _, f := range a.Proposing {
			if slices.ContainsFunc(a.Store, func(s FindingWithRows) bool { return s.ID == f.ID }) && f.ID != "new" {
				f.ID = ""
			}
			got = append(got, f.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAssess(t *testing.T) {
	const keep, quarantine, drop, hold = etf.VerdictKeep, etf.VerdictQuarantine, etf.VerdictDrop, etf.VerdictHold
	finding := func(rule string, rows ...NamedRow) FindingWithRows {
		f := found(rule, rows...)
		for _, r := range rows {
			f.Sessions = append(f.Sessions, r.Session)
		}
		f.ID = FindingID(f)
		return f
	}
	held := func(rows ...NamedRow) FindingWithRows {
		f := finding("held_close", rows...)
		f.Severity = etf.SeverityWarning
		f.ID = FindingID(f)
		return f
	}
	holding := func(c Case) Case { return warned(c) }
	both := finding("spike", monRow, tueRow)
	quiet := warning(finding("jump", tueRow))
	quiet.ID = FindingID(quiet)
	for _, c := range []struct {
		name     string
		found    []FindingWithRows
		before   Cases
		bars     []etf.Bar // default: monRow, tueRow
		judged   []etf.Verdict
		store    string // sessions of the findings stored, by rule
		reported string // earlier findings reported again
		reopen   string
		want     []etf.Verdict
	}{
		{name: "nothing before", found: []FindingWithRows{both}, judged: []etf.Verdict{quarantine, quarantine}, store: "spike:mon,tue", want: []etf.Verdict{quarantine, quarantine}},
		{name: "the same, undecided", found: []FindingWithRows{both}, before: casesOf(on("a", "spike", monRow, ""), on("a", "spike", tueRow, "")), judged: []etf.Verdict{quarantine, quarantine}, reported: "a", want: []etf.Verdict{quarantine, quarantine}},
		{name: "one row is new", found: []FindingWithRows{both}, before: casesOf(on("a", "spike", monRow, "")), judged: []etf.Verdict{quarantine, quarantine}, store: "spike:tue", reported: "a", want: []etf.Verdict{quarantine, quarantine}},
		{name: "one row is accepted", found: []FindingWithRows{both}, before: casesOf(on("a", "spike", monRow, etf.Accept)), judged: []etf.Verdict{quarantine, quarantine}, store: "spike:tue", reported: "a accept", want: []etf.Verdict{keep, quarantine}},
		{name: "both accepted", found: []FindingWithRows{both}, before: casesOf(on("a", "spike", monRow, etf.Accept), on("b", "spike", tueRow, etf.Accept)), judged: []etf.Verdict{quarantine, quarantine}, reported: "a accept,b accept", want: []etf.Verdict{keep, keep}},
		{name: "rejected", found: []FindingWithRows{both}, before: casesOf(on("a", "spike", monRow, etf.Reject), on("a", "spike", tueRow, etf.Reject)), judged: []etf.Verdict{quarantine, quarantine}, reported: "a reject", want: []etf.Verdict{quarantine, quarantine}},
		{name: "other prices", found: []FindingWithRows{finding("spike", tueRow)}, before: casesOf(on("a", "spike", tueOther, etf.Accept)), judged: []etf.Verdict{keep, quarantine}, store: "spike:tue", want: []etf.Verdict{keep, quarantine}},
		{name: "another volume", found: []FindingWithRows{finding("spike", tueRow)}, before: casesOf(on("a", "spike", volume(tueRow, 7), etf.Accept)), judged: []etf.Verdict{keep, quarantine}, reported: "a accept", want: []etf.Verdict{keep, keep}},
		{name: "another rule accepted", found: []FindingWithRows{finding("spike", tueRow)}, before: casesOf(on("a", "ohlc_order", tueRow, etf.Accept)), judged: []etf.Verdict{keep, quarantine}, store: "spike:tue", want: []etf.Verdict{keep, quarantine}},
		{name: "two rules, one accepted", found: []FindingWithRows{finding("spike", tueRow), finding("stale", tueRow)}, before: casesOf(on("a", "stale", tueRow, etf.Accept)), judged: []etf.Verdict{keep, quarantine}, store: "spike:tue", reported: "a accept", want: []etf.Verdict{keep, quarantine}},
		{name: "two rules, in the other order", found: []FindingWithRows{finding("stale", tueRow), finding("spike", tueRow)}, before: casesOf(on("a", "stale", tueRow, etf.Accept)), judged: []etf.Verdict{keep, quarantine}, store: "spike:tue", reported: "a accept", want: []etf.Verdict{keep, quarantine}},
		{name: "decided before undecided", found: []FindingWithRows{finding("spike", tueRow)}, before: casesOf(on("a", "spike", tueRow, ""), on("b", "spike", tueRow, etf.Accept)), judged: []etf.Verdict{keep, quarantine}, reported: "b accept", want: []etf.Verdict{keep, keep}},
		{name: "fetched again, and still there", found: []FindingWithRows{finding("spike", tueRow)}, before: casesOf(on("a", "spike", tueRow, etf.Refetch)), judged: []etf.Verdict{keep, quarantine}, reported: "a", reopen: "a", want: []etf.Verdict{keep, quarantine}},
		{name: "superseded, and back", found: []FindingWithRows{finding("spike", tueRow)}, before: casesOf(on("a", "spike", tueRow, etf.Superseded)), judged: []etf.Verdict{keep, quarantine}, reported: "a", reopen: "a", want: []etf.Verdict{keep, quarantine}},
		{name: "a session without a row", found: []FindingWithRows{finding("unreadable", without(tueRow))}, before: casesOf(on("a", "unreadable", without(tueRow), "")), bars: []etf.Bar{monRow.Bar}, judged: []etf.Verdict{keep}, reported: "a", want: []etf.Verdict{keep}},
		{name: "a row where there was none", found: []FindingWithRows{finding("unreadable", tueRow)}, before: casesOf(on("a", "unreadable", without(tueRow), etf.Accept)), judged: []etf.Verdict{keep, quarantine}, store: "unreadable:tue", want: []etf.Verdict{keep, quarantine}},
		{name: "a dropped row", found: []FindingWithRows{finding("spike", tueRow)}, before: casesOf(on("a", "spike", tueRow, etf.Accept)), bars: []etf.Bar{tueOther.Bar, tueRow.Bar}, judged: []etf.Verdict{drop, quarantine}, reported: "a accept", want: []etf.Verdict{drop, keep}},
		{name: "held", found: []FindingWithRows{held(tueRow)}, judged: []etf.Verdict{keep, hold}, store: "held_close:tue", want: []etf.Verdict{keep, hold}},
		{name: "held, accepted", found: []FindingWithRows{held(tueRow)}, before: casesOf(holding(on("a", "held_close", tueRow, etf.Accept))), judged: []etf.Verdict{keep, hold}, reported: "a accept", want: []etf.Verdict{keep, keep}},
		{name: "held, rejected", found: []FindingWithRows{held(tueRow)}, before: casesOf(holding(on("a", "held_close", tueRow, etf.Reject))), judged: []etf.Verdict{keep, hold}, reported: "a reject", want: []etf.Verdict{keep, quarantine}},
		{name: "held, and an accepted error", found: []FindingWithRows{held(tueRow), finding("spike", tueRow)}, before: casesOf(on("a", "spike", tueRow, etf.Accept)), judged: []etf.Verdict{keep, quarantine}, store: "held_close:tue", reported: "a accept", want: []etf.Verdict{keep, hold}},
		{name: "a warning about a retracted row", found: []FindingWithRows{quiet}, before: casesOf(warned(on("a", "jump", tueRow, etf.Retract))), judged: []etf.Verdict{keep, keep}, store: "jump:tue", reported: "a retract", want: []etf.Verdict{keep, quarantine}},
		{name: "a replaced row", found: []FindingWithRows{finding("spike", tueRow)}, before: casesOf(on("a", "spike", tueRow, etf.Replace)), judged: []etf.Verdict{keep, quarantine}, reported: "a replace", want: []etf.Verdict{keep, quarantine}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.bars == nil {
				c.bars = []etf.Bar{monRow.Bar, tueRow.Bar}
			}
			judged := slices.Clone(c.judged)
			a := Assess(c.found, c.before, c.judged, c.bars)
			day := map[etf.Session]string{mon: "mon", tue: "tue", wed: "wed"}
			var stored, reported []string
			for _, f := range a.Store {
				var days []string
				for i, r := range f.Rows {
					if f.Sessions[i] != r.Session {
						t.Errorf("sessions %v, rows %v", f.Sessions, f.Rows)
					}
					days = append(days, day[r.Session])
				}
				if f.ID != FindingID(f) {
					t.Errorf("the ID %s is not that of its rows", f.ID)
				}
				stored = append(stored, f.Rule+":"+strings.Join(days, ","))
			}
			fresh := 0
			for _, r := range a.Reported {
				if r.New {
					fresh++
					continue
				}
				reported = append(reported, strings.TrimSpace(r.Finding.ID+" "+string(r.Finding.Decision)))
			}
			if strings.Join(stored, ";") != c.store || strings.Join(reported, ",") != c.reported || strings.Join(a.Reopen, ",") != c.reopen || fresh != len(a.Store) {
				t.Errorf("stored %v, reported again %v, %d new, reopened %v", stored, reported, fresh, a.Reopen)
			}
			if !slices.Equal(a.Verdicts, c.want) || !slices.Equal(c.judged, judged) {
				t.Errorf("verdicts %v, want %v", a.Verdicts, c.want)
			}
		})
	}
}

// A finding is identified by symbol, rule, severity, sessions and prices, and by nothing else.
func TestFindingID(t *testing.T) {
	t.Parallel()
	base := found("spike", monRow, tueRow)
	base.Symbol, base.Evidence = "SPY", "too far"
	id := FindingID(base)
	if !etf.IsFindingID(id) {
		t.Fatalf("%q is not an ID", id)
	}
	for name, c := range map[string]struct {
		change func(*FindingWithRows)
		same   bool
	}{
		"fetch":                {func(f *FindingWithRows) { f.Fetch = "another" }, true},
		"evidence":             {func(f *FindingWithRows) { f.Evidence = "other words" }, true},
		"volume of an error":   {func(f *FindingWithRows) { f.Rows = []NamedRow{volume(monRow, 9), tueRow} }, true},
		"symbol":               {func(f *FindingWithRows) { f.Symbol = "QQQ" }, false},
		"rule":                 {func(f *FindingWithRows) { f.Rule = "stale" }, false},
		"severity":             {func(f *FindingWithRows) { f.Severity = etf.SeverityWarning }, false},
		"price":                {func(f *FindingWithRows) { f.Rows = []NamedRow{monRow, tueOther} }, false},
		"sessions":             {func(f *FindingWithRows) { f.Rows = f.Rows[:1] }, false},
		"no row in a response": {func(f *FindingWithRows) { f.Rows = []NamedRow{monRow, without(tueRow)} }, false},
		"evidence alone":       {func(f *FindingWithRows) { f.Rows = nil }, false},
	} {
		f := base
		f.Rows = slices.Clone(base.Rows)
		c.change(&f)
		if (FindingID(f) == id) != c.same {
			t.Errorf("%s: the same ID: %v", name, !c.same)
		}
	}
	loud, quiet := warning(base), warning(base)
	quiet.Rows = []NamedRow{volume(monRow, 9), tueRow}
	none, other := base, base
	none.Rows, other.Rows, other.Evidence = nil, nil, "other words"
	if FindingID(loud) == FindingID(quiet) || FindingID(none) == FindingID(other) {
		t.Error("a warning's volume and the evidence of a finding without sessions count")
	}
}

func TestUnblocked(t *testing.T) {
	// The finding itself is among the cases, undecided until the decision is written.
	self := []Case{on("new", "spike", monRow, etf.Undecided), on("new", "spike", tueRow, etf.Undecided)}
	f := found("spike", monRow, tueRow)
	for _, c := range []struct {
		name   string
		found  FindingWithRows
		others []Case
		want   []NamedRow
	}{
		{"no other rule", f, nil, []NamedRow{monRow, tueRow}},
		{"another rule's undecided", f, []Case{on("a", "stale", tueRow, etf.Undecided)}, []NamedRow{monRow}},
		{"rejected", f, []Case{on("a", "stale", tueRow, etf.Reject)}, []NamedRow{monRow}},
		{"accepted", f, []Case{on("a", "stale", tueRow, etf.Accept)}, []NamedRow{monRow, tueRow}},
		{"accepted before, reported again", f, []Case{on("a", "stale", tueRow, etf.Undecided), on("b", "stale", tueRow, etf.Accept)}, []NamedRow{monRow, tueRow}},
		{"one rule of two", f, []Case{on("a", "stale", tueRow, etf.Accept), on("b", "ohlc_order", tueRow, etf.Undecided)}, []NamedRow{monRow}},
		{"on other numbers", f, []Case{on("a", "stale", tueOther, etf.Undecided)}, []NamedRow{monRow, tueRow}},
		{"accepted on other numbers", f, []Case{on("a", "stale", tueRow, etf.Undecided), on("b", "stale", tueOther, etf.Accept)}, []NamedRow{monRow}},
		{"no row to release", found("spike", without(monRow), tueRow), nil, []NamedRow{tueRow}},
		{"another rule's warning", f, []Case{warned(on("a", "jump", tueRow, etf.Undecided))}, []NamedRow{monRow, tueRow}},
		{"another rule's warning, retracted", f, []Case{warned(on("a", "jump", tueRow, etf.Retract))}, []NamedRow{monRow}},
		{"another rule holds the row", f, []Case{warned(on("a", "held_close", tueRow, etf.Undecided))}, []NamedRow{monRow}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Unblocked(c.found, casesOf(append(slices.Clone(self), c.others...)...)); !slices.Equal(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestDuplicates(t *testing.T) {
	f := found("spike", monRow, tueRow)
	for _, c := range []struct {
		name      string
		other     []Case // one finding "a"
		candidate bool
		duplicate bool
	}{
		{"the same rows", []Case{on("a", "spike", monRow, etf.Undecided), on("a", "spike", tueRow, etf.Undecided)}, true, true},
		{"fewer rows", []Case{on("a", "spike", tueRow, etf.Undecided)}, true, true},
		{"more rows", []Case{on("a", "spike", tueRow, etf.Undecided), on("a", "spike", wedRow, etf.Undecided)}, true, false},
		{"other numbers too", []Case{on("a", "spike", monRow, etf.Undecided), on("a", "spike", tueOther, etf.Undecided)}, true, false},
		{"other numbers only", []Case{on("a", "spike", tueOther, etf.Undecided)}, false, false},
		{"decided", []Case{on("a", "spike", tueRow, etf.Reject)}, false, false},
		{"another rule", []Case{on("a", "stale", tueRow, etf.Undecided)}, false, false},
		{"itself", []Case{on("new", "spike", tueRow, etf.Undecided)}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rows []NamedRow
			for _, o := range c.other {
				rows = append(rows, o.NamedRow)
			}
			ids := DuplicateCandidates(f, casesOf(c.other...))
			if candidate := slices.Equal(ids, []string{"a"}); candidate != c.candidate || (!candidate && len(ids) > 0) {
				t.Errorf("candidates %v", ids)
			}
			if duplicate := c.candidate && f.Covers(rows); duplicate != c.duplicate {
				t.Errorf("duplicate: %v", duplicate)
			}
		})
	}
	several := casesOf(on("c", "spike", monRow, etf.Undecided), on("a", "spike", tueRow, etf.Undecided), on("c", "spike", tueRow, etf.Undecided))
	if ids := DuplicateCandidates(f, several); !slices.Equal(ids, []string{"a", "c"}) {
		t.Errorf("candidates %v are not ascending, each once", ids)
	}
}

func TestAcceptRows(t *testing.T) {
	const resultVersion = 5 // the data version the finding's fetch resulted in
	stored := func(r NamedRow, quarantined bool, version int64) etf.StoredBar {
		return etf.StoredBar{Bar: r.Bar, Quarantined: quarantined, DataVersion: version}
	}
	held := stored(tueRow, false, 5)
	held.Held = true
	noVolume := volume(tueRow, etf.VolumeUnknown)
	for _, c := range []struct {
		name   string
		rows   []NamedRow
		stored []etf.StoredBar
		want   BarChanges
	}{
		{"a quarantined bar", []NamedRow{tueRow}, []etf.StoredBar{stored(tueRow, true, 5)}, BarChanges{Release: []etf.Session{tue}}},
		{"a held bar", []NamedRow{tueRow}, []etf.StoredBar{held}, BarChanges{Release: []etf.Session{tue}}},
		{"whenever it was written", []NamedRow{tueRow}, []etf.StoredBar{stored(tueRow, true, 9)}, BarChanges{Release: []etf.Session{tue}}},
		{"whatever the volume is by now", []NamedRow{tueRow}, []etf.StoredBar{stored(volume(tueRow, 7), true, 9)}, BarChanges{Release: []etf.Session{tue}}},
		{"not quarantined", []NamedRow{tueRow}, []etf.StoredBar{stored(tueRow, false, 5)}, BarChanges{}},
		{"disputed: the bar is good", []NamedRow{tueOther}, []etf.StoredBar{stored(tueRow, false, 5)}, BarChanges{Put: []etf.Bar{tueOther.Bar}}},
		{"disputed: the bar is quarantined", []NamedRow{tueOther}, []etf.StoredBar{stored(tueRow, true, 4)}, BarChanges{Put: []etf.Bar{tueOther.Bar}}},
		{"revised since", []NamedRow{tueOther}, []etf.StoredBar{stored(tueRow, false, 6)}, BarChanges{}},
		{"revised since, quarantined", []NamedRow{tueOther}, []etf.StoredBar{stored(tueRow, true, 6)}, BarChanges{}},
		{"no volume, same prices", []NamedRow{noVolume}, []etf.StoredBar{stored(tueRow, true, 5)}, BarChanges{Release: []etf.Session{tue}}},
		{"a volume that was unknown before", []NamedRow{tueRow}, []etf.StoredBar{stored(noVolume, false, 5)}, BarChanges{Put: []etf.Bar{tueRow.Bar}}},
		{"no bar of the session", []NamedRow{tueRow}, nil, BarChanges{}},
		{"a bar of another session", []NamedRow{tueRow}, []etf.StoredBar{stored(monRow, true, 5)}, BarChanges{}},
		{"several", []NamedRow{monRow, tueOther, wedRow},
			[]etf.StoredBar{stored(monRow, true, 2), stored(tueRow, true, 5), stored(wedRow, false, 1)},
			BarChanges{Release: []etf.Session{mon}, Put: []etf.Bar{tueOther.Bar}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := AcceptRows(c.rows, c.stored, resultVersion)
			if !reflect.DeepEqual(got, c.want) || len(got.Sessions()) != len(c.want.Release)+len(c.want.Put) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestRejectAndRetractRows(t *testing.T) {
	t.Parallel()
	used := etf.StoredBar{Bar: tueRow.Bar, DataVersion: 5}
	out, held := used, used
	out.Quarantined, held.Held = true, true
	for _, c := range []struct {
		name            string
		row             NamedRow
		stored          etf.StoredBar
		reject, retract bool // the bar is quarantined
	}{
		{"in use", tueRow, used, false, true},
		{"quarantined already", tueRow, out, false, false},
		{"held", tueRow, held, true, false},
		{"in use with other prices", tueOther, used, false, false},
		{"in use, and not in the response", without(tueRow), used, false, true},
		{"another volume", volume(tueRow, 7), used, false, true},
	} {
		if got := RejectRows([]NamedRow{c.row}, []etf.StoredBar{c.stored}); (len(got.Quarantine) == 1) != c.reject {
			t.Errorf("%s: rejecting changes %+v", c.name, got)
		}
		if got := RetractRows([]NamedRow{c.row}, []etf.StoredBar{c.stored}, 5); (len(got.Quarantine) == 1) != c.retract {
			t.Errorf("%s: retracting changes %+v", c.name, got)
		}
	}
	if got := RetractRows([]NamedRow{without(tueRow)}, []etf.StoredBar{used}, 4); len(got.Quarantine) > 0 {
		t.Errorf("a bar written after the response: %+v", got)
	}
}

func TestMoot(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 9, 24, 22, 0, 0, 0, time.UTC)
	bar := func(r NamedRow, version int64, known time.Time) etf.StoredBar {
		return etf.StoredBar{Bar: r.Bar, DataVersion: version, KnownFrom: known}
	}
	out, held := bar(tueOther, 6, at), bar(tueOther, 6, at)
	out.Quarantined, held.Held = true, true
	error1 := found("spike", tueRow)
	error1.FoundAt = at
	holds := warning(found("held_close", tueRow))
	for _, c := range []struct {
		name    string
		f       FindingWithRows
		version int64
		stored  []etf.StoredBar
		want    bool
	}{
		{"no bar", error1, 5, nil, false},
		{"replaced later", error1, 5, []etf.StoredBar{bar(tueOther, 6, at)}, true},
		{"only disputed", error1, 5, []etf.StoredBar{bar(tueOther, 5, at)}, false},
		{"still quarantined", error1, 5, []etf.StoredBar{out}, false},
		{"held", error1, 5, []etf.StoredBar{held}, false},
		{"in use all the same", error1, 5, []etf.StoredBar{bar(tueRow, 5, at)}, true},
		{"its response was never stored, the bar is older", error1, 0, []etf.StoredBar{bar(tueOther, 6, at.Add(-time.Hour))}, false},
		{"its response was never stored, the bar is newer", error1, 0, []etf.StoredBar{bar(tueOther, 6, at.Add(time.Hour))}, true},
		{"one of two", found("spike", monRow, tueRow), 5, []etf.StoredBar{bar(tueOther, 6, at)}, false},
		{"no row named", found("spike"), 5, nil, false},
		{"held, and quarantined by the next session", holds, 5, []etf.StoredBar{out}, true},
		{"held, and still held", holds, 5, []etf.StoredBar{held}, false},
	} {
		if got := Moot(c.f, c.version, c.stored, nil); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	disputed := []etf.StoredBar{bar(tueOther, 5, at)}
	if !Moot(error1, 5, disputed, map[etf.Session]etf.Bar{tueOther.Session: tueOther.Bar}) {
		t.Error("a later response has the stored prices, and the finding still waits")
	}
	if Moot(error1, 5, disputed, map[etf.Session]etf.Bar{tueOther.Session: tueRow.Bar}) {
		t.Error("a later response has the disputed prices again, and the finding does not wait")
	}
	if Moot(error1, 5, []etf.StoredBar{out}, map[etf.Session]etf.Bar{tueOther.Session: tueOther.Bar}) {
		t.Error("a quarantined bar that comes back does not wait")
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	p := etf.MustPrice
	for _, c := range []struct {
		name  string
		v     etf.Bar
		want  etf.Bar
		field string
	}{
		{"a close", etf.Bar{Session: tue, Close: p("101")}, etf.Bar{Session: tue, Open: p("101"), High: p("101"), Low: p("101"), Close: p("101")}, ""},
		{"open and close", etf.Bar{Session: tue, Open: p("103"), Close: p("101")}, etf.Bar{Session: tue, Open: p("103"), High: p("103"), Low: p("101"), Close: p("101")}, ""},
		{"no session", etf.Bar{Close: p("101")}, etf.Bar{}, "values.session"},
		{"no close", etf.Bar{Session: tue, Open: p("101")}, etf.Bar{}, "values.close"},
		{"a negative close", etf.Bar{Session: tue, Close: p("-1")}, etf.Bar{}, "values.close"},
		{"a low high", etf.Bar{Session: tue, High: p("100"), Close: p("101")}, etf.Bar{}, "values.high"},
		{"a high low", etf.Bar{Session: tue, Low: p("102"), High: p("103"), Close: p("101")}, etf.Bar{}, "values.low"},
		{"a negative low", etf.Bar{Session: tue, Low: p("-1"), Close: p("101")}, etf.Bar{}, "values.open"},
	} {
		got, err := Complete(c.v)
		if c.field == "" {
			if err != nil || got != c.want {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
			continue
		}
		if all := etf.Errors(err); len(all) != 1 || all[0].Field != c.field || all[0].Remedy == "" {
			t.Errorf("%s: %v, want field %s", c.name, err, c.field)
		}
	}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	by := func(d etf.Decision, key string, values ...etf.Bar) etf.Ruling {
		return etf.Ruling{Finding: "ab12", Decision: d, By: "kim", Why: "seen twice", Key: key, Values: values}
	}
	entry := func(d etf.Decision, key string, inForce bool, values ...etf.Bar) etf.DecisionRecord {
		return etf.DecisionRecord{Decision: d, Key: key, InForce: inForce, By: "lee", Values: values}
	}
	v1, v2 := etf.Bar{Session: tue, Close: 1}, etf.Bar{Session: tue, Close: 2}
	for _, c := range []struct {
		name    string
		before  []etf.DecisionRecord
		ruling  etf.Ruling
		changed bool
		field   string // of the conflict; "" = none
		after   etf.Decision
	}{
		{"undecided", nil, by(etf.Accept, ""), true, "", etf.Accept},
		{"a repeat by somebody else", []etf.DecisionRecord{entry(etf.Accept, "", true)}, by(etf.Accept, ""), false, "", etf.Accept},
		{"decided otherwise", []etf.DecisionRecord{entry(etf.Reject, "", true)}, by(etf.Accept, ""), false, "decision", etf.Reject},
		{"the same key", []etf.DecisionRecord{entry(etf.Accept, "k", true)}, by(etf.Accept, "k"), false, "", etf.Accept},
		{"the same key, another decision", []etf.DecisionRecord{entry(etf.Accept, "k", true)}, by(etf.Reject, "k"), false, "key", etf.Accept},
		{"the same key, other values", []etf.DecisionRecord{entry(etf.Replace, "k", true, v1)}, by(etf.Replace, "k", v2), false, "key", etf.Replace},
		{"the same key, taken back since", []etf.DecisionRecord{entry(etf.Accept, "k", false), entry(etf.Undo, "u", false)}, by(etf.Accept, "k"), false, "key", ""},
		{"another key, taken back before", []etf.DecisionRecord{entry(etf.Accept, "k", false), entry(etf.Undo, "u", false)}, by(etf.Reject, "l"), true, "", etf.Reject},
		{"the same values", []etf.DecisionRecord{entry(etf.Replace, "", true, v1)}, by(etf.Replace, "", v1), false, "", etf.Replace},
		{"other values", []etf.DecisionRecord{entry(etf.Replace, "", true, v1)}, by(etf.Replace, "", v2), false, "decision", etf.Replace},
		{"undo", []etf.DecisionRecord{entry(etf.Accept, "", true)}, by(etf.Undo, ""), true, "", ""},
		{"undo again", []etf.DecisionRecord{entry(etf.Accept, "", false), entry(etf.Undo, "", false)}, by(etf.Undo, ""), false, "", ""},
		{"undo with the same key, decided since", []etf.DecisionRecord{entry(etf.Accept, "", false), entry(etf.Undo, "u", false), entry(etf.Reject, "", true)}, by(etf.Undo, "u"), false, "", etf.Reject},
		{"nothing to undo", nil, by(etf.Undo, ""), false, "decision", ""},
		{"undo what the pipeline settled", []etf.DecisionRecord{entry(etf.Superseded, "", true)}, by(etf.Undo, ""), true, "", ""},
	} {
		f := etf.Finding{ID: "ab12"}
		for _, d := range c.before {
			if d.InForce {
				f.Decision, f.By = d.Decision, d.By
			}
		}
		got, changed, err := Settle(f, c.before, c.ruling)
		if changed != c.changed || got.Decision != c.after || changed && c.after != "" && got.By != "kim" {
			t.Errorf("%s: %+v, changed %t", c.name, got, changed)
		}
		if c.field == "" && err == nil {
			continue
		}
		if all := etf.Errors(err); len(all) != 1 || all[0].Kind != etf.KindConflict || all[0].Field != c.field || all[0].Remedy == "" {
			t.Errorf("%s: %v, want a conflict about %q", c.name, err, c.field)
		}
	}
}

func TestDecidable(t *testing.T) {
	t.Parallel()
	day := []etf.Session{20000}
	anError := etf.Finding{ID: "a", Severity: etf.SeverityError, Sessions: day}
	aWarning := etf.Finding{ID: "a", Severity: etf.SeverityWarning, Rule: "price_jump", Sessions: day}
	holds := etf.Finding{ID: "a", Severity: etf.SeverityWarning, Rule: "held_close", Sessions: day}
	for _, c := range []struct {
		f    etf.Finding
		want string // the decisions that can be made
	}{
		{anError, "accept reject replace refetch retract"},
		{etf.Finding{ID: "a", Severity: etf.SeverityError}, ""},
		{aWarning, "replace retract"},
		{holds, "accept reject replace refetch retract"},
		{etf.Finding{ID: "a", Severity: etf.SeverityInfo, Rule: "held_close", Sessions: day}, "replace retract"},
	} {
		var can []string
		for _, d := range etf.Decisions() {
			if err := Decidable(c.f, d); err == nil {
				can = append(can, string(d))
			} else if etf.KindOf(err) != etf.KindInvalid {
				t.Error(err)
			}
		}
		if strings.Join(can, " ") != c.want {
			t.Errorf("%+v: %v", c.f, can)
		}
	}
}

// A verdict for each row: fewer or more are a caller's fault that is named, not a panic.
func TestWithRowsNeedsAVerdictForEachRow(t *testing.T) {
	t.Parallel()
	_, err := WithRows(etf.Judgement{Verdicts: make([]etf.Verdict, 1)}, make([]etf.Bar, 2))
	var e *etf.Error
	if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "verdicts" {
		t.Errorf("got %v", err)
	}
}
