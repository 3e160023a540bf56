package db_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// verdict judges a staged fetch as the activity Validate does, without storing what comes of it.
func verdict(ctx context.Context, s *db.Store, fetch string) (etf.Judgement, error) {
	staged, err := s.Staged(ctx, fetch)
	if err != nil {
		return etf.Judgement{}, err
	}
	report, err := quality.Check(quality.InputOf(staged, etf.XNYS, staged.Fetch.Window.To, false))
	if err != nil {
		return etf.Judgement{}, err
	}
	j := etf.Judgement{Fetch: fetch, Findings: report.Findings, Verdicts: report.Verdicts, Grounds: &staged.Grounds}
	for i := range j.Findings {
		j.Findings[i].Fetch, j.Findings[i].FoundAt = fetch, staged.Fetch.FetchedAt
	}
	found, err := quality.WithRows(j, staged.Bars)
	for i, f := range found {
		j.Findings[i].ID = quality.FindingID(f)
	}
	return j, err
}

// judgeAndStore judges a fetch until its rows are stored, and returns how often that was.
func judgeAndStore(ctx context.Context, s *db.Store, fetch string) (judged int, err error) {
	for {
		j, err := verdict(ctx, s, fetch)
		if err != nil {
			return judged, err
		}
		judged++
		if _, err = s.SaveFindings(ctx, j); err == nil {
			_, err = s.Persist(ctx, fetch)
		}
		if !errors.Is(err, etf.ErrOutdated) {
			return judged, err
		}
	}
}

// aChange is something that may come between a fetch's judgement and its storing.
type aChange struct {
	name string
	// rows are those of the fetch: from and up to these positions of the history.
	from, to int
	do       func(t *testing.T, c *changed)
}

// changed is the ETF that a change is made of.
type changed struct {
	s      *db.Store
	symbol etf.Symbol
	bars   []etf.Bar // the history
	now    etf.Symbol
}

func (c *changed) finding(t *testing.T, rule string, session etf.Session) string {
	t.Helper()
	list, _, err := c.s.Findings(t.Context(), etf.FindingFilter{Symbol: c.symbol, Rule: rule, Sessions: etf.Window{From: session, To: session}}, etf.Cursor{}, 1)
	if err != nil || len(list) != 1 {
		t.Fatalf("%s on %s: %v %v", rule, session, list, err)
	}
	return list[0].ID
}

func (c *changed) decide(t *testing.T, rule string, at int, r etf.Ruling) {
	t.Helper()
	r.Finding, r.By, r.Why = c.finding(t, rule, c.bars[at].Session), "kim", "compared"
	if _, err := c.s.Decide(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func (c *changed) decideSplit(t *testing.T, status etf.ActionStatus, key string) {
	t.Helper()
	list, err := c.s.ActionsAt(t.Context(), c.symbol, etf.NewestVersion)
	if err != nil || len(list) != 1 {
		t.Fatalf("actions %v %v", list, err)
	}
	if _, err := c.s.DecideAction(t.Context(), etf.ActionDecision{Action: list[0].ID, Symbol: c.symbol, Status: status, By: "kim", Why: "announced", Key: key}); err != nil {
		t.Fatal(err)
	}
}

// The history has, by position: 5 a row that was quarantined, 8 one that is held, 20 a split that nobody has stated, and its rows up to 29 kept
// out. Those from 30 on are not stored.
const (
	heldAt, quarantinedAt, splitAt, unstored = 8, 5, 20, 30
)

var changes = []aChange{
	{"a split is accepted", splitAt, 40, func(t *testing.T, c *changed) { c.decideSplit(t, etf.Accepted, "k") }},
	{"a split is accepted, and that is withdrawn", splitAt, 40, func(t *testing.T, c *changed) {
		c.decideSplit(t, etf.Accepted, "k")
		c.decideSplit(t, etf.Rejected, "l")
	}},
	{"a split is rejected", splitAt, 40, func(t *testing.T, c *changed) { c.decideSplit(t, etf.Rejected, "k") }},
	{"a person states a split", splitAt, 40, func(t *testing.T, c *changed) {
		add := split(c.bars[splitAt].Session.String(), 4, 1)
		if _, err := c.s.DecideAction(t.Context(), etf.ActionDecision{Add: &add, Symbol: c.symbol, Status: etf.Accepted, By: "kim", Why: "announced", Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}},
	{"quarantined rows are accepted", 0, 12, func(t *testing.T, c *changed) { c.decide(t, "spike", quarantinedAt, etf.Ruling{Decision: etf.Accept}) }},
	{"quarantined rows are rejected, which changes no bar", 0, 12, func(t *testing.T, c *changed) { c.decide(t, "spike", quarantinedAt, etf.Ruling{Decision: etf.Reject}) }},
	{"a rejection is taken back", 0, 12, func(t *testing.T, c *changed) {
		c.decide(t, "spike", quarantinedAt, etf.Ruling{Decision: etf.Reject})
		c.decide(t, "spike", quarantinedAt, etf.Ruling{Decision: etf.Undo})
	}},
	{"a price is replaced", 0, 12, func(t *testing.T, c *changed) {
		c.decide(t, "spike", quarantinedAt, etf.Ruling{Decision: etf.Replace, Values: []etf.Bar{{Session: c.bars[quarantinedAt].Session, Close: etf.MustPrice("101.5")}}})
	}},
	{"a held bar is accepted", 0, 12, func(t *testing.T, c *changed) { c.decide(t, "held_close", heldAt, etf.Ruling{Decision: etf.Accept}) }},
	{"a held bar is rejected", 0, 12, func(t *testing.T, c *changed) { c.decide(t, "held_close", heldAt, etf.Ruling{Decision: etf.Reject}) }},
	{"the market releases a held bar", 0, 12, func(t *testing.T, c *changed) {
		if released, err := c.s.ReleaseHeld(t.Context(), c.symbol, c.bars[heldAt].Session, "daily:XNYS:2026-11-24"); err != nil || !released {
			t.Fatal(released, err)
		}
	}},
	{"bars in use are retracted", 0, 12, func(t *testing.T, c *changed) {
		c.decide(t, "note", 3, etf.Ruling{Decision: etf.Retract})
	}},
	{"the ETF is listed later than its rows", 25, 40, func(t *testing.T, c *changed) {
		if _, _, err := c.s.ChangeETF(t.Context(), etf.ETFEdit{Symbol: c.symbol, Listed: &c.bars[32].Session, By: "kim"}); err != nil {
			t.Fatal(err)
		}
	}},
	{"a list is imported that has it listed later", 25, 40, func(t *testing.T, c *changed) {
		e := etfOf(t, c.s, c.symbol)
		e.Listed = c.bars[32].Session
		if what, err := c.s.ImportETFs(t.Context(), etf.Import{ETFs: []etf.ETF{e}, Update: true, By: "kim"}); err != nil || what[0] != etf.Changed {
			t.Fatal(what, err)
		}
	}},
	{"it is renamed", splitAt, 40, func(t *testing.T, c *changed) {
		if _, _, err := c.s.RenameETF(t.Context(), etf.Rename{Symbol: c.symbol, To: c.symbol + "X", Last: c.bars[splitAt].Session, By: "kim"}); err != nil {
			t.Fatal(err)
		}
		c.now = c.symbol + "X"
	}},
	{"a session is closed", splitAt, 40, func(t *testing.T, c *changed) {
		all, err := c.s.CalendarChanges(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		closing := etf.CalendarChange{Exchange: etf.XNYS, Number: len(all) + 1, Session: etf.MustSession("2027-03-01"), Closed: len(all)%2 == 0, Reason: "storm", By: "kim"}
		if _, _, err := c.s.ChangeCalendar(t.Context(), closing, nil); err != nil {
			t.Fatal(err)
		}
	}},
	{"rows of another window are stored", splitAt, 36, func(t *testing.T, c *changed) {
		f := staged(t, c, 36, 40)
		if _, err := judgeAndStore(t.Context(), c.s, f.ID); err != nil {
			t.Fatal(err)
		}
	}},
}

// A decision on a finding of the fetch itself is about the verdicts that it found: they stay, but for what it decides.
func testDecisionOnOwnFinding(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	for i, r := range []etf.Ruling{{Decision: etf.Accept}, {Decision: etf.Reject}, {Decision: etf.Replace}} {
		var want []string
		for _, when := range []string{"AFTER", "BEFORE"} {
			symbol := etf.Symbol(fmt.Sprintf("OWN%d%s", i, when))
			register(t, s, symbol)
			bars := sessionsAround(t)
			const bad = 20
			for _, p := range []*etf.Price{&bars[bad].Open, &bars[bad].High, &bars[bad].Low, &bars[bad].Close} {
				*p /= 10
			}
			if r.Decision == etf.Replace {
				r.Values = []etf.Bar{{Session: bars[bad].Session, Close: etf.MustPrice("80")}} // as after a split 5:4
			}
			c := &changed{s: s, symbol: symbol, bars: bars, now: symbol}
			f := staged(t, c, 0, len(bars))
			j, err := verdict(ctx, s, f.ID)
			if err == nil {
				_, err = s.SaveFindings(ctx, j)
			}
			if err != nil {
				t.Fatal(err)
			}
			if when == "BEFORE" {
				c.decide(t, "price_spike", bad, r)
			}
			if _, err := s.Persist(ctx, f.ID); err != nil {
				t.Fatalf("%s: %v", r.Decision, err)
			}
			if when == "AFTER" {
				c.decide(t, "price_spike", bad, r)
				want = c.outcome(t)
			} else if got := c.outcome(t); !slices.Equal(got, want) {
				t.Errorf("%s before its rows are stored:\n%v\nwant\n%v", r.Decision, got, want)
			}
		}
	}
}

func TestDecisionOnOwnFinding(t *testing.T) { onServers(t, testDecisionOnOwnFinding) }

// staged saves a fetch with rows of the history.
func staged(t *testing.T, c *changed, from, to int) etf.Fetch {
	t.Helper()
	f := fetchOf(c.symbol, c.bars[from:to])
	if err := c.s.SaveFetch(t.Context(), f, etf.Response{Bars: c.bars[from:to], Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	return f
}

// prepared registers an ETF with the history and a fetch of the change's rows.
func prepared(t *testing.T, s *db.Store, symbol etf.Symbol, change aChange) (*changed, etf.Fetch) {
	t.Helper()
	register(t, s, symbol)
	bars := quartered(sessionsAround(t)[:40], splitAt)
	c := &changed{s: s, symbol: symbol, bars: bars, now: symbol}
	verdicts := make([]etf.Verdict, 12)
	verdicts[quarantinedAt], verdicts[heldAt] = quarantine, hold
	judged(t, s, symbol, bars[:12], verdicts...)
	ingest(t, s, symbol, bars[2:5], func(f etf.Fetch) etf.Finding {
		note := finding(f, "note", bars[3].Session)
		note.Severity = etf.SeverityInfo
		return note
	})
	for _, part := range [][2]int{{12, splitAt}, {splitAt - 5, unstored}} {
		f := staged(t, c, part[0], part[1])
		if _, err := judgeAndStore(t.Context(), s, f.ID); err != nil {
			t.Fatal(err)
		}
	}
	if b := barOn(t, s, symbol, bars[splitAt].Session); !b.Quarantined {
		t.Fatalf("the split is not suspected: %+v", b)
	}
	return c, staged(t, c, change.from, change.to)
}

// outcome is what is believed of an ETF, and what waits for a person, without IDs, versions and instants.
func (c *changed) outcome(t *testing.T) (lines []string) {
	t.Helper()
	bars, err := c.s.BarsPage(t.Context(), c.now, etf.Window{}, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bars {
		lines = append(lines, fmt.Sprintf("%s %s quarantined %v held %v", b.Session, b.Close, b.Quarantined, b.Held))
	}
	waiting, _, err := c.s.Findings(t.Context(), etf.FindingFilter{Symbol: c.now, Undecided: true}, etf.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, f := range waiting {
		open = append(open, fmt.Sprintf("%s names %v", f.Rule, f.Sessions))
	}
	slices.Sort(open)
	e := etfOf(t, c.s, c.now)
	return append(append(append(lines, open...), statements(t, c.s, c.now)...), fmt.Sprintf("%s to %s, %d kept out", e.First, e.Last, e.Quarantined))
}

// testGrounds makes each change at three moments: before the rows of a fetch are judged, between the reading of what they are judged by and the
// storing of the verdicts, and after that. What comes of it is the same.
func testGrounds(t *testing.T, d dbtest.Database) {
	for i, change := range changes {
		t.Run(change.name, func(t *testing.T) { testChange(t, d, i, change) })
	}
}

func testChange(t *testing.T, d dbtest.Database, number int, change aChange) {
	ctx, s := t.Context(), d.Store
	symbol := func(when string) etf.Symbol { return etf.Symbol(fmt.Sprintf("G%02d%s", number, when)) }
	first, fetch := prepared(t, s, symbol("A"), change)
	change.do(t, first)
	if judged, err := judgeAndStore(ctx, s, fetch.ID); err != nil || judged != 1 {
		t.Fatalf("before: judged %d times, %v", judged, err)
	}
	want := first.outcome(t)

	between, fetch := prepared(t, s, symbol("B"), change)
	j, err := verdict(ctx, s, fetch.ID)
	if err != nil {
		t.Fatal(err)
	}
	change.do(t, between)
	before := dump(t, d, "findings", "staged_bars", "fetches", "decisions", "finding_proposals")
	if _, err := s.SaveFindings(ctx, j); !errors.Is(err, etf.ErrOutdated) {
		t.Errorf("before the verdicts are stored: %v", err)
	}
	if dump(t, d, "findings", "staged_bars", "fetches", "decisions", "finding_proposals") != before {
		t.Error("before the verdicts are stored: something has been stored")
	}
	if _, err := judgeAndStore(ctx, s, fetch.ID); err != nil {
		t.Fatal(err)
	}
	if got := between.outcome(t); !slices.Equal(got, want) {
		t.Errorf("before the verdicts are stored:\n%v\nwant\n%v", got, want)
	}

	after, fetch := prepared(t, s, symbol("C"), change)
	if j, err = verdict(ctx, s, fetch.ID); err == nil {
		_, err = s.SaveFindings(ctx, j)
	}
	if err != nil {
		t.Fatal(err)
	}
	change.do(t, after)
	if _, err := s.Persist(ctx, fetch.ID); !errors.Is(err, etf.ErrOutdated) {
		t.Fatalf("after that: %v, and there is\n%v\nwant\n%v", err, after.outcome(t), want)
	}
	if j, err = verdict(ctx, s, fetch.ID); err != nil {
		t.Fatal(err)
	}
	reported, err := s.SaveFindings(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.SaveFindings(ctx, j)
	if err != nil || len(again) != len(reported) {
		t.Errorf("after that: %d findings reported, and then %d, %v", len(reported), len(again), err)
	}
	p, err := s.Persist(ctx, fetch.ID)
	if err != nil {
		t.Fatal(err)
	}
	if repeat, err := s.Persist(ctx, fetch.ID); err != nil || !reflect.DeepEqual(repeat, p) {
		t.Errorf("after that: a repeat gives %+v %v, the first was %+v", repeat, err, p)
	}
	if got := after.outcome(t); !slices.Equal(got, want) {
		t.Errorf("after that:\n%v\nwant\n%v", got, want)
	}
}

func TestGrounds(t *testing.T) { onServers(t, testGrounds) }

// A workflow of an earlier release can't have rows judged again: what it has judged is stored.
func testOutdatedRegardless(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	c, fetch := prepared(t, s, "OLD", changes[0])
	j, err := verdict(ctx, s, fetch.ID)
	if err == nil {
		_, err = s.SaveFindings(ctx, j)
	}
	if err != nil {
		t.Fatal(err)
	}
	changes[0].do(t, c)
	if p, _, err := s.Replace(ctx, fetch.ID, etf.Replacement{Outdated: true}); err != nil || p.New != 10 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestOutdatedRegardless(t *testing.T) { onServers(t, testOutdatedRegardless) }

// testSplitWhileOlderRowsWait: rows on the level of others that are kept out are kept out with them, and are believed with them once somebody
// accepts the split, also if that is between their judgement and their storing.
func testSplitWhileOlderRowsWait(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	around := sessionsAround(t)
	var bars []etf.Bar
	for i, session := range cal.Sessions(etf.Window{From: etf.MustSession("2026-03-02"), To: etf.MustSession("2026-11-20")}) {
		b := around[i%2]
		b.Session = session
		bars = append(bars, b)
	}
	ex := at(t, bars, "2026-08-03")
	bars = quartered(bars, ex)
	for i, when := range []string{"BEFORE", "BETWEEN", "AFTER"} {
		symbol := etf.Symbol("OLDER" + when)
		register(t, s, symbol)
		c := &changed{s: s, symbol: symbol, bars: bars, now: symbol}
		for _, part := range [][2]int{{ex, len(bars)}, {60, ex}} {
			if _, err := judgeAndStore(ctx, s, staged(t, c, part[0], part[1]).ID); err != nil {
				t.Fatal(err)
			}
		}
		f := staged(t, c, 0, 60)
		if i > 0 {
			j, err := verdict(ctx, s, f.ID)
			if err != nil || len(j.Findings) == 0 || j.Verdicts[59] != quarantine {
				t.Fatalf("the older rows are not kept out: %+v %v", j.Findings, err)
			}
			if i > 1 {
				if _, err := s.SaveFindings(ctx, j); err != nil {
					t.Fatal(err)
				}
			}
			c.decideSplit(t, etf.Accepted, "k")
			if i == 1 {
				_, err = s.SaveFindings(ctx, j)
			}
			if err == nil {
				_, err = s.Persist(ctx, f.ID)
			}
			if !errors.Is(err, etf.ErrOutdated) {
				t.Errorf("%s: %v", when, err)
			}
		} else {
			c.decideSplit(t, etf.Accepted, "k")
		}
		if j, err := s.Staged(ctx, f.ID); err == nil && len(j.Bars) > 0 {
			if _, err := judgeAndStore(ctx, s, f.ID); err != nil {
				t.Fatal(err)
			}
		}
		e := etfOf(t, s, symbol)
		waiting, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: symbol, Undecided: true}, etf.Cursor{}, 10)
		if err != nil || len(waiting) > 0 || e.Quarantined > 0 || e.Bars != len(bars) {
			t.Errorf("%s: %d of %d bars are kept out, and these wait: %+v, %v", when, e.Quarantined, e.Bars, waiting, err)
		}
	}
}

func TestSplitWhileOlderRowsWait(t *testing.T) { onServers(t, testSplitWhileOlderRowsWait) }

// testWindowsTogether has several windows of an ETF judged and stored at once while a person accepts the split: each is judged again as long as
// others come first, all of them get through, and nothing stays kept out.
func testWindowsTogether(t *testing.T, d dbtest.Database) {
	const windows = 4
	c, first := prepared(t, d.Store, "MANY", aChange{from: splitAt, to: unstored})
	fetches := []etf.Fetch{first}
	for i := unstored; len(fetches) < windows; i += 3 {
		fetches = append(fetches, staged(t, c, i, i+3))
	}
	times := make([]int, windows)
	together(t, d, windows+1, func(i int, s *db.Store) (err error) {
		if i == windows {
			add := split(c.bars[splitAt].Session.String(), 4, 1)
			_, err = s.DecideAction(t.Context(), etf.ActionDecision{Add: &add, Symbol: c.symbol, Status: etf.Accepted, By: "kim", Why: "announced", Key: "k"})
			return err
		}
		times[i], err = judgeAndStore(t.Context(), s, fetches[i].ID)
		return err
	})
	for _, n := range times {
		if n > windows+1 { // each of the others comes first once at most
			t.Errorf("judged %v times", times)
		}
	}
	for _, b := range c.bars[splitAt : unstored+3*(windows-1)] {
		if stored := barOn(t, d.Store, c.symbol, b.Session); stored.Quarantined {
			t.Errorf("%s is kept out", b.Session)
		}
	}
	waiting, _, err := d.Store.Findings(t.Context(), etf.FindingFilter{Symbol: c.symbol, Rule: quality.SplitSuspected, Undecided: true}, etf.Cursor{}, 10)
	if err != nil || len(waiting) > 0 {
		t.Errorf("these wait: %+v, %v", waiting, err)
	}
}

func TestWindowsTogether(t *testing.T) { onServers(t, testWindowsTogether) }

// Two fetches have the same suspicious row. The first finds it, the second stores it. Judged again beside what is stored by then, the first finds
// nothing wrong with it: the finding waits all the same, because it is what keeps the stored row out.
func testFindingOfAnotherFetchStays(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "TWICE")
	ingest(t, s, "TWICE", []etf.Bar{bar(day(0), 0)})
	rows := []etf.Bar{bar(day(1), 300), bar(day(4), 301)}
	first, second := fetchOf("TWICE", rows[:1]), fetchOf("TWICE", rows)
	same := finding(first, "jump", day(1)) // the ID of a finding follows from its numbers
	judge := func(f etf.Fetch, bars []etf.Bar, findings ...etf.Finding) {
		t.Helper()
		staged, err := s.Staged(ctx, f.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := saveFindings(s, etf.Judgement{Fetch: f.ID, Findings: findings, Verdicts: verdictsOf(bars, findings), Grounds: &staged.Grounds}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []etf.Fetch{first, second} {
		bars := rows[:f.Rows]
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
			t.Fatal(err)
		}
		judge(f, bars, same)
	}
	if _, err := s.Persist(ctx, second.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Persist(ctx, first.ID); !errors.Is(err, etf.ErrOutdated) {
		t.Fatal(err)
	}
	judge(first, rows[:1])
	if _, err := s.Persist(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	f, err := s.Finding(ctx, same.ID)
	if kept := barOn(t, s, "TWICE", day(1)).Quarantined; err != nil || !kept || f.Decision != etf.Undecided {
		t.Errorf("kept out: %v; the finding: %+v, %v", kept, f, err)
	}
}

func TestFindingOfAnotherFetchStays(t *testing.T) { onServers(t, testFindingOfAnotherFetchStays) }
