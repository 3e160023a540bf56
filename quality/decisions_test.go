package quality

import (
	"errors"
	"reflect"
	"slices"
	"testing"

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

// on is a finding's case on a row.
func on(finding, rule string, row NamedRow, d etf.Decision) Case {
	c := Case{NamedRow: row, Finding: finding, Rule: rule, Decision: d}
	if d != etf.Undecided {
		c.By = "kim"
	}
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

func TestPrecedents(t *testing.T) {
	both, zeros := found("spike", monRow, tueRow), without(tueRow)
	zeros.Staged = true
	for _, c := range []struct {
		name   string
		found  FindingWithRows
		before Cases
		want   string // the finding followed; "" for no precedent
	}{
		{"nothing before", both, nil, ""},
		{"decided on both rows", both, casesOf(on("a", "spike", monRow, etf.Accept), on("a", "spike", tueRow, etf.Accept)), "a"},
		{"by two findings that agree: the last row's", both, casesOf(on("a", "spike", monRow, etf.Reject), on("b", "spike", tueRow, etf.Reject)), "b"},
		{"by two that disagree", both, casesOf(on("a", "spike", monRow, etf.Accept), on("b", "spike", tueRow, etf.Reject)), ""},
		{"on one row only", both, casesOf(on("a", "spike", monRow, etf.Accept)), ""},
		{"as part of a wider finding", found("spike", tueRow), casesOf(on("a", "spike", monRow, etf.Accept), on("a", "spike", tueRow, etf.Accept)), "a"},
		{"undecided", found("spike", tueRow), casesOf(on("a", "spike", tueRow, etf.Undecided)), ""},
		{"undecided and decided", found("spike", tueRow), casesOf(on("a", "spike", tueRow, etf.Undecided), on("b", "spike", tueRow, etf.Reject)), "b"},
		{"decided twice: the first", found("spike", tueRow), casesOf(on("a", "spike", tueRow, etf.Reject), on("b", "spike", tueRow, etf.Accept)), "a"},
		{"another rule", found("spike", tueRow), casesOf(on("a", "ohlc_order", tueRow, etf.Accept)), ""},
		{"other numbers", found("spike", tueRow), casesOf(on("a", "spike", tueOther, etf.Accept)), ""},
		{"a volume that was unknown before", found("spike", tueRow), casesOf(on("a", "spike", volume(tueRow, etf.VolumeUnknown), etf.Accept)), ""},
		{"a session without a row", found("missing", without(tueRow)), casesOf(on("a", "missing", without(tueRow), etf.Accept)), "a"},
		{"a row where there was none", found("missing", tueRow), casesOf(on("a", "missing", without(tueRow), etf.Accept)), ""},
		{"a row of zeros where there was none", found("missing", zeros), casesOf(on("a", "missing", without(zeros), etf.Accept)), ""},
		{"itself", found("spike", tueRow), casesOf(on("new", "spike", tueRow, etf.Accept)), ""},
		{"a warning needs no decision", warning(found("spike", tueRow)), casesOf(on("a", "spike", tueRow, etf.Accept)), ""},
		{"names no row", found("spike"), casesOf(on("a", "spike", tueRow, etf.Accept)), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Precedents([]FindingWithRows{c.found}, c.before)
			if got["new"].Finding != c.want || len(got) > 1 || (c.want == "" && len(got) > 0) {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}

func TestReleased(t *testing.T) {
	with := func(id string, f FindingWithRows) FindingWithRows {
		f.ID = id
		return f
	}
	a, b := with("a", found("spike", monRow, tueRow)), with("b", found("stale", tueRow, wedRow))
	decided := func(ids ...string) map[string]Case {
		m := map[string]Case{}
		for _, id := range ids {
			m[id] = Case{Decision: etf.Accept}
		}
		return m
	}
	for _, c := range []struct {
		name       string
		found      []FindingWithRows
		precedents map[string]Case
		want       []etf.Session
	}{
		{"no precedent", []FindingWithRows{a, b}, nil, nil},
		{"one of two", []FindingWithRows{a, b}, decided("a"), []etf.Session{mon}},
		{"the other", []FindingWithRows{a, b}, decided("b"), []etf.Session{wed}},
		{"in the other order", []FindingWithRows{b, a}, decided("a"), []etf.Session{mon}},
		{"both", []FindingWithRows{a, b}, decided("a", "b"), []etf.Session{mon, tue, wed}},
		{"rejected", []FindingWithRows{a}, map[string]Case{"a": {Decision: etf.Reject}}, nil},
		{"a warning does not count", []FindingWithRows{a, warning(b)}, decided("a"), []etf.Session{mon, tue}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []etf.Session
			for session, released := range Released(c.found, c.precedents) {
				if released {
					got = append(got, session)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
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
	noVolume := volume(tueRow, etf.VolumeUnknown)
	for _, c := range []struct {
		name   string
		rows   []NamedRow
		stored []etf.StoredBar
		want   Acceptance
	}{
		{"a quarantined bar", []NamedRow{tueRow}, []etf.StoredBar{stored(tueRow, true, 5)}, Acceptance{Release: []etf.Session{tue}, Unquarantined: 1}},
		{"whenever it was written", []NamedRow{tueRow}, []etf.StoredBar{stored(tueRow, true, 9)}, Acceptance{Release: []etf.Session{tue}, Unquarantined: 1}},
		{"not quarantined", []NamedRow{tueRow}, []etf.StoredBar{stored(tueRow, false, 5)}, Acceptance{}},
		{"held: the bar is good", []NamedRow{tueOther}, []etf.StoredBar{stored(tueRow, false, 5)}, Acceptance{Replace: []etf.Bar{tueOther.Bar}}},
		{"held: the bar is quarantined", []NamedRow{tueOther}, []etf.StoredBar{stored(tueRow, true, 4)}, Acceptance{Replace: []etf.Bar{tueOther.Bar}, Unquarantined: 1}},
		{"revised since", []NamedRow{tueOther}, []etf.StoredBar{stored(tueRow, false, 6)}, Acceptance{}},
		{"revised since, quarantined", []NamedRow{tueOther}, []etf.StoredBar{stored(tueRow, true, 6)}, Acceptance{}},
		{"no volume, same prices", []NamedRow{noVolume}, []etf.StoredBar{stored(tueRow, true, 5)}, Acceptance{Release: []etf.Session{tue}, Unquarantined: 1}},
		{"a volume that was unknown before", []NamedRow{tueRow}, []etf.StoredBar{stored(noVolume, false, 5)}, Acceptance{Replace: []etf.Bar{tueRow.Bar}}},
		{"no bar of the session", []NamedRow{tueRow}, nil, Acceptance{}},
		{"a bar of another session", []NamedRow{tueRow}, []etf.StoredBar{stored(monRow, true, 5)}, Acceptance{}},
		{"several", []NamedRow{monRow, tueOther, wedRow},
			[]etf.StoredBar{stored(monRow, true, 2), stored(tueRow, true, 5), stored(wedRow, false, 1)},
			Acceptance{Release: []etf.Session{mon}, Replace: []etf.Bar{tueOther.Bar}, Unquarantined: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := AcceptRows(c.rows, c.stored, resultVersion)
			if !reflect.DeepEqual(got, c.want) || got.Changed() != len(c.want.Release)+len(c.want.Replace) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	accept := etf.Ruling{Finding: "ab12", Decision: etf.Accept, By: "kim", Why: "seen twice"}
	for _, c := range []struct {
		name    string
		before  etf.Finding
		changed bool
		kind    etf.Kind // "" = no error
		by      string
	}{
		{"undecided", etf.Finding{ID: "ab12"}, true, "", "kim"},
		{"a repeat by somebody else", etf.Finding{ID: "ab12", Decision: etf.Accept, By: "lee"}, false, "", "lee"},
		{"decided otherwise", etf.Finding{ID: "ab12", Decision: etf.Reject, By: "lee"}, false, etf.KindConflict, "lee"},
	} {
		got, changed, err := Settle(c.before, accept)
		if changed != c.changed || got.By != c.by || (c.kind == "") != (err == nil) || err != nil && etf.KindOf(err) != c.kind {
			t.Errorf("%s: %+v, changed %t, %v", c.name, got, changed, err)
		}
	}
}

func TestFinalVerdicts(t *testing.T) {
	t.Parallel()
	bars := []etf.Bar{{Session: 20000}, {Session: 20001}, {Session: 20001}, {Session: 20002}}
	judged := []etf.Verdict{etf.VerdictQuarantine, etf.VerdictDrop, etf.VerdictQuarantine, etf.VerdictQuarantine}
	got := Final(judged, bars, map[etf.Session]bool{20001: true, 20002: false})
	want := []etf.Verdict{etf.VerdictQuarantine, etf.VerdictDrop, etf.VerdictKeep, etf.VerdictQuarantine}
	if !slices.Equal(got, want) || judged[2] != etf.VerdictQuarantine {
		t.Errorf("got %v of %v, want %v", got, judged, want)
	}
}

func TestDecidable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    etf.Finding
		want bool
	}{
		{etf.Finding{Severity: etf.SeverityError, Sessions: []etf.Session{20000}}, true},
		{etf.Finding{Severity: etf.SeverityError}, false},
		{etf.Finding{Severity: etf.SeverityWarning, Sessions: []etf.Session{20000}}, false},
	} {
		if err := Decidable(c.f); (err == nil) != c.want {
			t.Errorf("%+v: %v", c.f, err)
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
