package db_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

var everyKind = []etf.ActionKind{etf.Split, etf.Dividend, etf.SpecialDividend, etf.CapitalGain}

// updateETF takes a response through the pipeline as the activities do: Staged, quality.Check, SaveFindings, Persist.
func updateETF(t *testing.T, s *db.Store, symbol etf.Symbol, source string, bars []etf.Bar, actions ...etf.Action) (etf.Persisted, quality.Report) {
	t.Helper()
	ctx := t.Context()
	f := fetchOf(symbol, bars)
	f.Source = source
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis, Actions: actions, Covers: everyKind}); err != nil {
		t.Fatal(err)
	}
	staged, err := s.Staged(ctx, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	session := f.Window.To
	if session.IsZero() {
		session = day(0)
	}
	report, err := quality.Check(quality.Input{
		Symbol: symbol, Exchange: etf.XNYS, Session: session, Initial: staged.Initial, Bars: staged.Bars, Basis: staged.Fetch.Basis,
		Actions: staged.Actions, Covers: staged.Covers, Stated: staged.Stated, Window: staged.Fetch.Window, Known: staged.Known, Source: source,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Findings {
		report.Findings[i].Fetch, report.Findings[i].FoundAt = f.ID, time.Now()
	}
	found, err := quality.WithRows(etf.Judgement{Fetch: f.ID, Findings: report.Findings, Verdicts: report.Verdicts}, staged.Bars)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		report.Findings[i].ID = quality.FindingID(found[i])
	}
	return saveReport(t, s, f.ID, report), report
}

func saveReport(t *testing.T, s *db.Store, fetch string, report quality.Report) etf.Persisted {
	t.Helper()
	if _, err := s.SaveFindings(t.Context(), etf.Judgement{Fetch: fetch, Findings: report.Findings, Verdicts: report.Verdicts}); err != nil {
		t.Fatal(err)
	}
	p, err := s.Persist(t.Context(), fetch)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Persist(t.Context(), fetch)
	if err != nil || !reflect.DeepEqual(p, again) {
		t.Fatalf("a repeat: %+v %v, first %+v", again, err, p)
	}
	return p
}

// sessionsFrom returns bars of n consecutive sessions of XNYS up to 2026-11-19, and the following ones, with closes of 100 and
// 101 in turn: 40 rows in all.
func sessionsAround(t *testing.T) []etf.Bar {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	var bars []etf.Bar
	for i, session := range cal.Sessions(etf.Window{From: etf.MustSession("2026-09-30"), To: etf.MustSession("2026-11-24")}) {
		p := etf.MustPrice("100")
		if i%2 == 1 {
			p = etf.MustPrice("101")
		}
		bars = append(bars, etf.Bar{Session: session, Open: p, High: p + 2e7, Low: p - 2e7, Close: p, Volume: etf.Shares(1_000_000)})
	}
	return bars
}

// quartered returns the bars from the i-th on in new shares of a split 4:1.
func quartered(bars []etf.Bar, i int) []etf.Bar {
	bars = slices.Clone(bars)
	for k := i; k < len(bars); k++ {
		b := &bars[k]
		b.Open, b.High, b.Low, b.Close, b.Volume = b.Open/4, b.High/4, b.Low/4, b.Close/4, b.Volume*4
	}
	return bars
}

func at(t *testing.T, bars []etf.Bar, session string) int {
	t.Helper()
	i := slices.IndexFunc(bars, func(b etf.Bar) bool { return b.Session == etf.MustSession(session) })
	if i < 0 {
		t.Fatal(session, "is missing")
	}
	return i
}

func split(session string, num, den int64) etf.Action {
	return etf.Action{Kind: etf.Split, Ex: etf.MustSession(session), Numerator: num, Denominator: den}
}

// statements writes out the current statements about an ETF.
func statements(t *testing.T, s *db.Store, symbol etf.Symbol) []string {
	t.Helper()
	list, err := s.ActionsAt(t.Context(), symbol, etf.NewestVersion)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{}
	for _, a := range list {
		texts = append(texts, fmt.Sprintf("%s %s@%s %s by %s", a.Source, a.Terms(), a.Ex, a.Status, a.By))
	}
	return texts
}

func wantStatements(t *testing.T, s *db.Store, symbol etf.Symbol, want ...string) {
	t.Helper()
	if got := statements(t, s, symbol); !slices.Equal(got, want) {
		t.Errorf("statements %q\nwant %q", got, want)
	}
}

// wantSeries checks that the history forecasts use is continuous once adjusted, from the first session to the last.
func wantSeries(t *testing.T, s *db.Store, symbol etf.Symbol, last string, rows int, level float64) {
	t.Helper()
	h, err := s.History(t.Context(), symbol, etf.MustSession(last), 1000)
	if err != nil {
		t.Fatal(err)
	}
	adjusted, err := quality.Adjust(h.Bars, h.Splits, etf.MustSession(last))
	if err != nil {
		t.Fatal(err)
	}
	if len(adjusted) != rows || adjusted[rows-1].Session != etf.MustSession(last) {
		t.Fatalf("%d rows up to %s, want %d", len(adjusted), adjusted[len(adjusted)-1].Session, rows)
	}
	for _, b := range adjusted {
		if c := b.Close.Float(); c < level*.98 || c > level*1.02 {
			t.Errorf("%s: adjusted close %v", b.Session, c)
		}
	}
}

func undecided(t *testing.T, s *db.Store, symbol etf.Symbol) []etf.Finding {
	t.Helper()
	list, _, err := s.Findings(t.Context(), etf.FindingFilter{Symbol: symbol, Undecided: true}, etf.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func testActions(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "ACT")
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	dividend := etf.Action{Kind: etf.Dividend, Ex: etf.MustSession("2026-11-20"), Amount: etf.MustPrice("0.83"), Pay: etf.MustSession("2026-11-30")}
	traded := quartered(bars, k)
	p, _ := updateETF(t, s, "ACT", "simulated", traded[:k+1], split("2026-11-20", 4, 1), dividend, dividend)
	if p.Actions != 2 || p.DataVersion.Number != 1 || p.Quarantined != 0 {
		t.Fatalf("first: %+v", p)
	}
	wantStatements(t, s, "ACT", "simulated 0.83@2026-11-20 accepted by source:simulated", "simulated 4:1@2026-11-20 accepted by source:simulated")
	before := dump(t, d, priceTables...)
	if p, _ := updateETF(t, s, "ACT", "simulated", traded[k-10:k+1], dividend, split("2026-11-20", 4, 1)); p.Actions != 0 || p.DataVersion.Number != 1 {
		t.Fatalf("again: %+v", p)
	}
	if dump(t, d, priceTables...) != before {
		t.Error("a repeat changed something")
	}
	// A changed statement alone makes a data version.
	dividend.Amount = etf.MustPrice("0.84")
	if p, _ := updateETF(t, s, "ACT", "simulated", traded[k-10:k+1], dividend, split("2026-11-20", 4, 1)); p.Actions != 2 || p.DataVersion.Number != 2 || p.New+p.Revised != 0 {
		t.Fatalf("corrected: %+v", p)
	}
	list, err := s.ActionsAt(t.Context(), "ACT", etf.NewestVersion)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	i := slices.IndexFunc(list, func(a etf.StatedAction) bool { return a.Status == etf.Cancelled })
	j := slices.IndexFunc(list, func(a etf.StatedAction) bool { return a.Amount == dividend.Amount })
	if list[i].DataVersion != 2 || list[j].Replaces != list[i].ID || list[j].Pay != dividend.Pay || list[j].Fetch == "" {
		t.Errorf("%+v", list)
	}
	states, err := s.ActionStates(t.Context(), list[i].ID)
	if err != nil || len(states) != 2 || states[0].Status != etf.Accepted || states[0].SupersededBy != 2 || !states[0].KnownTo.Equal(states[1].KnownFrom) || states[1].SupersededBy != 0 {
		t.Errorf("%+v %v", states, err)
	}
	_, err = s.ActionStates(t.Context(), newID())
	wantKind(t, err, etf.KindNotFound, "id")

	// The calendar of all ETFs, page by page.
	filter := etf.ActionFilter{Status: etf.Accepted, From: etf.MustSession("2026-11-20"), To: etf.MustSession("2026-11-20")}
	var seen []string
	ex, id := etf.Session(0), ""
	for {
		page, err := s.ActionsByEx(t.Context(), filter, ex, id, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		ex, id = page[0].Ex, page[0].ID
		if page[0].Symbol == "ACT" {
			seen = append(seen, page[0].Terms())
		}
	}
	if slices.Sort(seen); !slices.Equal(seen, []string{"0.84", "4:1"}) {
		t.Errorf("calendar %q", seen)
	}
}

// testSplitCorrected follows a source that undoes the splits it states: it files a split a day early, then corrects it.
func testSplitCorrected(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "SDC")
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	updateETF(t, s, "SDC", "simulated", bars[:k])
	// The session of the split. Undone from the wrong date on, the row before it is divided too.
	p, r := updateETF(t, s, "SDC", "simulated", quartered(bars, k-1)[k-15:k+1], split("2026-11-19", 4, 1))
	if !r.QuarantinedNew || p.New != 1 || p.Revised != 0 {
		t.Errorf("filed early: %+v %+v", p, r.Findings)
	}
	wantStatements(t, s, "SDC", "simulated 4:1@2026-11-19 proposed by source:simulated")
	if b := barOn(t, s, "SDC", etf.MustSession("2026-11-19")); b.Close != bars[k-1].Close {
		t.Errorf("the close of 2026-11-19 is now %s", b.Close)
	}
	p, r = updateETF(t, s, "SDC", "simulated", quartered(bars, k)[k-15:k+2], split("2026-11-20", 4, 1))
	if r.QuarantinedNew || p.New != 1 || p.Quarantined != 0 || p.Actions != 2 {
		t.Errorf("corrected: %+v %+v", p, r.Findings)
	}
	wantStatements(t, s, "SDC", "simulated 4:1@2026-11-19 cancelled by source:simulated", "simulated 4:1@2026-11-20 accepted by source:simulated")
	wantSeries(t, s, "SDC", "2026-11-23", k+2, 25)
	if e := etfOf(t, s, "SDC"); e.Quarantined != 0 || e.Bars != k+2 {
		t.Errorf("%+v", e)
	}
	if left := undecided(t, s, "SDC"); len(left) > 0 {
		t.Errorf("undecided: %+v", left)
	}
}

// testSplitWithdrawn follows a source that states a split that did not happen, and then no longer does.
func testSplitWithdrawn(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "SWD")
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	updateETF(t, s, "SWD", "simulated", bars[:k])
	for n := 1; n <= 2; n++ { // once more on the next session
		_, r := updateETF(t, s, "SWD", "simulated", bars[k-15:k+n], split("2026-11-20", 4, 1))
		if !r.QuarantinedNew {
			t.Errorf("stated: %+v", r.Findings)
		}
	}
	wantStatements(t, s, "SWD", "simulated 4:1@2026-11-20 proposed by source:simulated")
	before := etfOf(t, s, "SWD")
	p, r := updateETF(t, s, "SWD", "simulated", bars[k-15:k+3])
	if r.QuarantinedNew || p.New != 1 || p.Quarantined != 0 || p.Actions != 1 {
		t.Errorf("withdrawn: %+v %+v", p, r.Findings)
	}
	if e := etfOf(t, s, "SWD"); before.Quarantined != 2 || e.Quarantined != 0 {
		t.Errorf("quarantined: %d before, %d after", before.Quarantined, e.Quarantined)
	}
	wantStatements(t, s, "SWD", "simulated 4:1@2026-11-20 cancelled by source:simulated")
	wantSeries(t, s, "SWD", "2026-11-24", k+3, 100)
	if left := undecided(t, s, "SWD"); len(left) > 0 {
		t.Errorf("undecided: %+v", left)
	}
	all, _, err := s.Findings(t.Context(), etf.FindingFilter{Symbol: "SWD"}, etf.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Severity == etf.SeverityError && (f.Decision != etf.Accept || f.By != "source:simulated" || !strings.Contains(f.Why, "4:1 of 2026-11-20")) {
			t.Errorf("%+v", f)
		}
	}
	revisions, err := s.BarRevisions(t.Context(), "SWD", etf.MustSession("2026-11-20"))
	if err != nil || len(revisions) != 2 || !revisions[0].Quarantined || revisions[1].Quarantined || revisions[1].DataVersion != p.DataVersion.Number {
		t.Errorf("%+v %v", revisions, err)
	}
}

// testBetterProposal lets a rule infer two ratios for one ex-date, in one response and in another: the one that the closes show is proposed.
func testBetterProposal(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "BET")
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	for i := k; i < len(bars); i++ {
		b := &bars[i]
		b.Open, b.High, b.Low, b.Close, b.Volume = b.Open/50, b.High/50, b.Low/50, b.Close/50, b.Volume*50
	}
	updateETF(t, s, "BET", "simulated", bars[:k])
	propose := func(rows []etf.Bar, ratios ...int64) {
		f := fetchOf("BET", rows)
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: rows, Basis: f.Basis}); err != nil {
			t.Fatal(err)
		}
		r := quality.Report{Verdicts: make([]etf.Verdict, len(rows))}
		r.Verdicts[len(rows)-1] = etf.VerdictQuarantine
		for _, ratio := range ratios {
			a, x := split("2026-11-20", ratio, 1), finding(f, "split_suspected", rows[len(rows)-1].Session)
			x.Proposal = &a
			r.Findings = append(r.Findings, x)
		}
		saveReport(t, s, f.ID, r)
	}
	propose(bars[k-2:k+1], 51)
	wantStatements(t, s, "BET", "detection 51:1@2026-11-20 proposed by source:detection")
	propose(bars[k-2:k+2], 50)
	want := []string{"detection 50:1@2026-11-20 proposed by source:detection", "detection 51:1@2026-11-20 cancelled by source:detection"}
	wantStatements(t, s, "BET", want...)
	propose(bars[k-2:k+3], 51, 50, 51)
	wantStatements(t, s, "BET", want...)
	list, err := s.ActionsAt(ctx, "BET", etf.NewestVersion)
	if err != nil || len(list) != 2 || list[0].Replaces != list[1].ID || list[0].Finding == "" || !strings.Contains(list[1].Why, "50:1") {
		t.Errorf("%+v %v", list, err)
	}
}

// testProposedSplit lets a rule propose a split that nobody states, and a person accept it.
func testProposedSplit(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "PRO")
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	traded := quartered(bars, k)
	updateETF(t, s, "PRO", "simulated", traded[:k])
	f := fetchOf("PRO", traded[k-2:k+1])
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: traded[k-2 : k+1], Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	suspected := finding(f, "split_suspected", traded[k].Session)
	proposed := split("2026-11-20", 4, 1)
	suspected.Proposal = &proposed
	saveReport(t, s, f.ID, quality.Report{Findings: []etf.Finding{suspected}, Verdicts: []etf.Verdict{0, 0, etf.VerdictQuarantine}})
	wantStatements(t, s, "PRO", "detection 4:1@2026-11-20 proposed by source:detection")
	list, err := s.ActionsAt(ctx, "PRO", etf.NewestVersion)
	if err != nil || list[0].Finding != suspected.ID || list[0].Evidence != suspected.Evidence || list[0].Fetch != f.ID {
		t.Fatalf("%+v %v", list, err)
	}

	decision := etf.ActionDecision{Action: list[0].ID, Symbol: "PRO", Status: etf.Accepted, By: "kim", Why: "the fund's notice", Key: "k1"}
	got, err := s.DecideAction(ctx, decision)
	if err != nil || got.Freed != 1 || got.Newest != traded[k].Session || got.Action.Status != etf.Accepted || got.Action.By != "kim" {
		t.Fatalf("%+v %v", got, err)
	}
	wantSeries(t, s, "PRO", "2026-11-20", k+1, 25)
	if !reflect.DeepEqual(got.Settled, []string{suspected.ID}) {
		t.Errorf("settled %v", got.Settled)
	}
	decided, err := s.Finding(ctx, suspected.ID)
	if err != nil || decided.Decision != etf.Accept || decided.By != "kim" || !strings.Contains(decided.Why, list[0].ID) {
		t.Errorf("%+v %v", decided, err)
	}
	e := etfOf(t, s, "PRO")
	if e.Quarantined != 0 || e.DataVersion.Number != got.Action.DataVersion || barOn(t, s, "PRO", traded[k].Session).DataVersion != got.Action.DataVersion {
		t.Errorf("%+v, action of version %d", e, got.Action.DataVersion)
	}
	before := dump(t, d, priceTables...)
	again, err := s.DecideAction(ctx, decision)
	if err != nil || again.Action != got.Action || dump(t, d, priceTables...) != before {
		t.Errorf("a repeat: %+v %v", again, err)
	}
	state, err := s.ActionDecided(ctx, decision.Action, "k1")
	if err != nil || state != got.Action {
		t.Errorf("%+v %v", state, err)
	}
	decision.Status = etf.Rejected
	_, err = s.DecideAction(ctx, decision)
	wantKind(t, err, etf.KindConflict, "key")
	// The source states it at last.
	updateETF(t, s, "PRO", "simulated", traded[k-10:k+2], proposed)
	wantStatements(t, s, "PRO", "detection 4:1@2026-11-20 accepted by kim", "simulated 4:1@2026-11-20 accepted by source:simulated")
	wantSeries(t, s, "PRO", "2026-11-23", k+2, 25)
}

// testProposedTwice: the newest session has a finding of its own, which proposes the same split as the one about the sessions before it. One of them
// is the statement's, the same one whatever their IDs are, and the statement explains both.
func testProposedTwice(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	traded := quartered(bars, k)
	rows := traded[k-2 : k+3]
	last := len(rows) - 1
	for _, symbol := range []etf.Symbol{"TWA", "TWB", "TWC", "TWD", "TWE"} { // five pairs of IDs
		register(t, s, symbol)
		updateETF(t, s, symbol, "simulated", traded[:k])
		f := fetchOf(symbol, rows)
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: rows, Basis: f.Basis}); err != nil {
			t.Fatal(err)
		}
		proposed := split("2026-11-20", 4, 1)
		newest, before := finding(f, "split_suspected", rows[last].Session), finding(f, "split_suspected", rows[2].Session, rows[3].Session)
		newest.Proposal, before.Proposal = &proposed, &proposed
		out := etf.VerdictQuarantine
		saveReport(t, s, f.ID, quality.Report{Findings: []etf.Finding{newest, before}, Verdicts: []etf.Verdict{0, 0, out, out, out}})
		wantStatements(t, s, symbol, "detection 4:1@2026-11-20 proposed by source:detection")
		list, err := s.ActionsAt(ctx, symbol, etf.NewestVersion)
		if err != nil || list[0].Finding != before.ID {
			t.Errorf("%s: %+v %v, want it of %s", symbol, list, err, before.ID)
		}
		for _, id := range []string{newest.ID, before.ID} {
			record, err := s.FindingRecord(ctx, id)
			if err != nil || record.Proposal == nil || *record.Proposal != proposed || len(quality.Explaining(record.Finding, list)) != 1 {
				t.Errorf("%s: %+v %v", symbol, record.Finding, err)
			}
		}
		got, err := s.DecideAction(ctx, etf.ActionDecision{Action: list[0].ID, Symbol: symbol, Status: etf.Accepted, By: "kim", Why: "the fund's notice", Key: "k1"})
		if err != nil || got.Freed != 3 || len(got.Settled) != 2 {
			t.Errorf("%s: %+v %v", symbol, got, err)
		}
	}
}

func testActionDecisions(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "DEC")
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	updateETF(t, s, "DEC", "simulated", bars[:k])
	_, r := updateETF(t, s, "DEC", "simulated", bars[k-15:k+1], split("2026-11-20", 4, 1))
	if !r.QuarantinedNew {
		t.Fatalf("%+v", r.Findings)
	}
	list, err := s.ActionsAt(ctx, "DEC", etf.NewestVersion)
	if err != nil {
		t.Fatal(err)
	}
	// Rejected: what it has parked is free, and the source can't bring it back.
	got, err := s.DecideAction(ctx, etf.ActionDecision{Action: list[0].ID, Symbol: "DEC", Status: etf.Rejected, By: "kim", Why: "no such split", Key: "k1"})
	if err != nil || got.Freed != 1 || got.Newest != bars[k].Session {
		t.Fatalf("%+v %v", got, err)
	}
	p, r := updateETF(t, s, "DEC", "simulated", bars[k-15:k+2], split("2026-11-20", 4, 1))
	if r.QuarantinedNew || p.Actions != 0 {
		t.Errorf("%+v %+v", p, r.Findings)
	}
	wantStatements(t, s, "DEC", "simulated 4:1@2026-11-20 rejected by kim")
	// A person adds a dividend; the source's other amount does not count beside it.
	paid := etf.Action{Kind: etf.Dividend, Ex: etf.MustSession("2026-11-23"), Amount: etf.MustPrice("0.5")}
	add := etf.ActionDecision{Symbol: "DEC", Status: etf.Accepted, By: "kim", Why: "the fund's notice", Key: "k2", Add: &paid}
	added, err := s.DecideAction(ctx, add)
	if err != nil || added.Action.Source != etf.SourcePerson || added.Action.Status != etf.Accepted || added.Action.ID != etf.ActionID("DEC", paid, etf.SourcePerson) {
		t.Fatalf("%+v %v", added, err)
	}
	if again, err := s.DecideAction(ctx, add); err != nil || !reflect.DeepEqual(again, added) {
		t.Errorf("%+v %v", again, err)
	}
	other := paid
	other.Amount = etf.MustPrice("0.6")
	updateETF(t, s, "DEC", "simulated", bars[k-15:k+2], other)
	wantStatements(t, s, "DEC", "simulated 4:1@2026-11-20 rejected by kim", "person 0.5@2026-11-23 accepted by kim", "simulated 0.6@2026-11-23 proposed by source:simulated")
	// Taken back.
	if _, err := s.DecideAction(ctx, etf.ActionDecision{Action: added.Action.ID, Symbol: "DEC", Status: etf.Cancelled, By: "lee", Why: "wrong fund", Key: "k3"}); err != nil {
		t.Fatal(err)
	}
	wantStatements(t, s, "DEC", "simulated 4:1@2026-11-20 rejected by kim", "person 0.5@2026-11-23 cancelled by lee", "simulated 0.6@2026-11-23 proposed by source:simulated")
	for _, c := range []struct {
		d     etf.ActionDecision
		kind  etf.Kind
		field string
	}{
		{etf.ActionDecision{Action: newID(), Symbol: "DEC", Status: etf.Accepted, By: "kim"}, etf.KindNotFound, "id"},
		{etf.ActionDecision{Action: added.Action.ID, Symbol: "NONE", Status: etf.Accepted, By: "kim"}, etf.KindNotFound, "symbol"},
		{etf.ActionDecision{Action: added.Action.ID, Symbol: "DEC", Status: etf.Proposed, By: "kim"}, etf.KindInvalid, "status"},
		{etf.ActionDecision{Action: added.Action.ID, Symbol: "DEC", Status: etf.Accepted}, etf.KindInvalid, "by"},
	} {
		_, err := s.DecideAction(ctx, c.d)
		wantKind(t, err, c.kind, c.field)
	}
}

// testProposalMadeAgain: a run that is cancelled between the judgement and the storing of its rows leaves a finding, but not the split that it
// proposes. The next fetch, which reports that finding again, states it, once.
func testProposalMadeAgain(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	traded := quartered(bars, k)
	// judge saves what the rules say of the rows up to the k+n-th; proposes says what explains the rows from the k-th on.
	judge := func(symbol etf.Symbol, n int, proposes *etf.Action) (fetch string, reported []etf.Reported) {
		t.Helper()
		rows := traded[k-2 : k+n]
		f := fetchOf(symbol, rows)
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: rows, Basis: f.Basis}); err != nil {
			t.Fatal(err)
		}
		var named []etf.Session
		verdicts := make([]etf.Verdict, 2+n)
		for i, b := range rows[2:] {
			named, verdicts[2+i] = append(named, b.Session), etf.VerdictQuarantine
		}
		suspected := finding(f, "split_suspected", named...)
		suspected.Proposal = proposes
		reported, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{suspected}, Verdicts: verdicts})
		if err != nil {
			t.Fatal(err)
		}
		return f.ID, reported
	}
	persist := func(fetch string) etf.Persisted {
		t.Helper()
		p, err := s.Persist(ctx, fetch)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	four := split("2026-11-20", 4, 1)
	const proposed = "detection 4:1@2026-11-20 proposed by source:detection"
	for symbol, stored := range map[etf.Symbol]int{"AGAIN": k, "AGAINNEW": 0} { // and one of which nothing is stored
		register(t, s, symbol)
		if stored > 0 {
			updateETF(t, s, symbol, "simulated", traded[:stored])
		}
		_, cancelled := judge(symbol, 1, &four)
		wantStatements(t, s, symbol)
		fetch, reported := judge(symbol, 1, &four)
		if len(reported) != 1 || reported[0].New || reported[0].Finding.ID != cancelled[0].Finding.ID {
			t.Fatalf("%s: reported %+v, first %+v", symbol, reported, cancelled)
		}
		if p := persist(fetch); p.Actions != 1 {
			t.Errorf("%s: %+v", symbol, p)
		}
		wantStatements(t, s, symbol, proposed)
		list, err := s.ActionsAt(ctx, symbol, etf.NewestVersion)
		if err != nil || len(list) != 1 || list[0].Finding != cancelled[0].Finding.ID || list[0].Fetch != fetch {
			t.Fatalf("%s: %+v, %v", symbol, list, err)
		}
		fetch, _ = judge(symbol, 2, &four) // with a row that is new
		if p := persist(fetch); p.Actions != 0 || p.New != 1 {
			t.Errorf("%s: proposed twice: %+v", symbol, p)
		}
		if _, err := s.DecideAction(ctx, etf.ActionDecision{Action: list[0].ID, Symbol: symbol, Status: etf.Rejected, By: "kim", Why: "no such split", Key: "k1"}); err != nil {
			t.Fatal(err)
		}
		fetch, _ = judge(symbol, 2, &four)
		persist(fetch)
		wantStatements(t, s, symbol, "detection 4:1@2026-11-20 rejected by kim")
	}

	// What a person has decided on meanwhile proposes nothing more.
	register(t, s, "AGAINDEC")
	updateETF(t, s, "AGAINDEC", "simulated", traded[:k])
	_, cancelled := judge("AGAINDEC", 1, &four)
	if _, err := s.Decide(ctx, etf.Ruling{Finding: cancelled[0].Finding.ID, Decision: etf.Accept, By: "kim", Why: "it fell that much"}); err != nil {
		t.Fatal(err)
	}
	fetch, _ := judge("AGAINDEC", 1, &four)
	if p := persist(fetch); p.Actions != 0 || p.Quarantined != 0 {
		t.Errorf("after the decision: %+v", p)
	}
	wantStatements(t, s, "AGAINDEC")
}

// testSplitAcceptedBetween: rows that were judged without a split which a person has accepted before they are stored are free.
func testSplitAcceptedBetween(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "BTW")
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	traded := quartered(bars, k)
	updateETF(t, s, "BTW", "simulated", traded[:k])
	f := fetchOf("BTW", traded[k-2:k+1])
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: traded[k-2 : k+1], Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	suspected := finding(f, "split_suspected", traded[k].Session)
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{suspected}, Verdicts: []etf.Verdict{0, 0, etf.VerdictQuarantine}}); err != nil {
		t.Fatal(err)
	}
	stated := split("2026-11-20", 4, 1)
	if _, err := s.DecideAction(ctx, etf.ActionDecision{Add: &stated, Symbol: "BTW", Status: etf.Accepted, By: "kim", Why: "the fund's notice", Key: "k1"}); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Persist(ctx, f.ID); err != nil || p.New != 1 || p.Quarantined != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	wantSeries(t, s, "BTW", "2026-11-20", k+1, 25)
	if e := etfOf(t, s, "BTW"); e.Quarantined != 0 {
		t.Errorf("%+v", e)
	}
	if decided, err := s.Finding(ctx, suspected.ID); err != nil || decided.Decision != etf.Accept {
		t.Errorf("%+v, %v", decided, err)
	}
}

// testAcceptedSplitRejected: the rows that an accepted split has released are kept out again when it no longer counts, and
// their finding waits again.
func testAcceptedSplitRejected(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "SPLITREJ")
	bars := sessionsAround(t)
	k := at(t, bars, "2026-11-20")
	traded := quartered(bars, k)
	updateETF(t, s, "SPLITREJ", "simulated", traded[:k])
	f := fetchOf("SPLITREJ", traded[k-2:k+1])
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: traded[k-2 : k+1], Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	suspected := finding(f, "split_suspected", traded[k].Session)
	proposed := split("2026-11-20", 4, 1)
	suspected.Proposal = &proposed
	saveReport(t, s, f.ID, quality.Report{Findings: []etf.Finding{suspected}, Verdicts: []etf.Verdict{0, 0, etf.VerdictQuarantine}})
	list, err := s.ActionsAt(ctx, "SPLITREJ", etf.NewestVersion)
	if err != nil {
		t.Fatal(err)
	}
	decision := etf.ActionDecision{Action: list[0].ID, Symbol: "SPLITREJ", Status: etf.Accepted, By: "kim", Why: "the fund's notice", Key: "k1"}
	if got, err := s.DecideAction(ctx, decision); err != nil || got.Freed != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	// The next session is judged with the split, and believed.
	updateETF(t, s, "SPLITREJ", "simulated", traded[k-10:k+2])
	decision.Status, decision.Why, decision.Key = etf.Rejected, "that was another fund", "k2"
	if got, err := s.DecideAction(ctx, decision); err != nil || got.Newest != 0 {
		t.Fatalf("%+v %v", got, err)
	}
	for _, session := range []etf.Session{traded[k].Session, traded[k+1].Session} {
		if b := barOn(t, s, "SPLITREJ", session); !b.Quarantined {
			t.Errorf("at another level than the bars before, and in use: %+v", b)
		}
	}
	if e := etfOf(t, s, "SPLITREJ"); e.Quarantined != 2 {
		t.Errorf("%+v", e)
	}
	if decided, err := s.Finding(ctx, suspected.ID); err != nil || decided.Decision != etf.Undecided {
		t.Errorf("%+v, %v", decided, err)
	}
	open, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: "SPLITREJ", Undecided: true, Sessions: etf.Window{From: traded[k+1].Session}}, etf.Cursor{}, 10)
	if err != nil || len(open) != 1 || len(open[0].Sessions) != 1 {
		t.Errorf("nobody is asked about the session after: %+v, %v", open, err)
	}
	// Accepted after all: everything is as before.
	decision.Status, decision.Why, decision.Key = etf.Accepted, "it was this one", "k3"
	if got, err := s.DecideAction(ctx, decision); err != nil || got.Freed != 2 || got.Newest != traded[k+1].Session {
		t.Fatalf("%+v %v", got, err)
	}
	wantSeries(t, s, "SPLITREJ", "2026-11-23", k+2, 25)
	if open, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: "SPLITREJ", Undecided: true}, etf.Cursor{}, 10); err != nil || len(open) != 0 {
		t.Errorf("%+v, %v", open, err)
	}
}
