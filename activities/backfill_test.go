package activities

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// fillStore is the part of the store that backfills need, for one ETF.
type fillStore struct {
	Backfills
	Runs
	backfill etf.Backfill
	etf      etf.ETF
	row      etf.BackfillETF
	plan     []etf.BackfillETF
	stored   []etf.Session
	asked    []etf.BackfillWindow
	now      time.Time
}

func (s *fillStore) Backfill(context.Context, string) (etf.Backfill, error) { return s.backfill, nil }

func (s *fillStore) BackfillRecord(context.Context, string) (etf.Backfill, error) {
	return s.backfill, nil
}

func (s *fillStore) PlanBackfill(_ context.Context, _ string, list []etf.BackfillETF) (etf.BackfillCounts, error) {
	s.plan = list
	return etf.BackfillCounts{ETFs: len(list)}, nil
}

func (s *fillStore) AdvanceBackfillETF(_ context.Context, id string, symbol etf.Symbol, request *etf.BackfillWindow, next func(etf.BackfillETF, []etf.BackfillWindow) etf.BackfillETF) (etf.BackfillCounts, error) {
	if request != nil {
		w := *request
		w.Backfill, w.Symbol, w.AskedAt = id, symbol, s.now
		s.asked = append(s.asked, w)
	}
	s.row = next(s.row, s.asked)
	return s.backfill.Counts, nil
}

func (s *fillStore) StoredSessions(_ context.Context, _ etf.Symbol, w etf.Window) ([]etf.Session, error) {
	return slices.DeleteFunc(slices.Clone(s.stored), func(d etf.Session) bool { return d < w.From || d > w.To }), nil
}

func (s *fillStore) ETF(context.Context, etf.Symbol) (etf.ETF, error) { return s.etf, nil }

func (s *fillStore) Due(context.Context, etf.Exchange, etf.Session, []etf.Symbol, etf.Symbol, int) ([]etf.ETF, error) {
	return nil, nil
}

func (s *fillStore) ETFs(context.Context, etf.Exchange, etf.Symbol, int) ([]etf.ETF, error) {
	return []etf.ETF{s.etf}, nil
}

const fillID = "0123456789abcdef0123456789abcdef"

// newFill returns an ETF of which nothing is stored, and activities at an instant after the close of 2025-09-26.
func newFill(from, to string, sources ...string) (*fillStore, *Backfilling) {
	s := &fillStore{now: time.Date(2025, 9, 27, 3, 0, 0, 0, time.UTC)}
	s.backfill = etf.Backfill{
		ID: fillID, Status: etf.RunRunning, StartedAt: s.now.Add(-time.Minute),
		BackfillRequest: etf.BackfillRequest{Exchange: etf.XNYS, Attempt: 1, Window: etf.Window{From: etf.MustSession(from), To: etf.MustSession(to)}},
	}
	s.etf = etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD"}
	for _, name := range sources {
		s.etf.Sources = append(s.etf.Sources, etf.SourceRef{Name: name, Ref: "SPY"})
	}
	cal, _ := calendar.For(etf.XNYS)
	s.row = etf.BackfillETF{Symbol: "SPY", Status: etf.RunRunning, Sessions: cal.Count(s.backfill.Window)}
	return s, &Backfilling{Store: s, Registry: s, ETFs: s, Runs: s, Now: func() time.Time { return s.now }}
}

// advance answers every window with all its sessions but those lacking, until nothing is left, and returns what was asked.
func (s *fillStore) advance(t *testing.T, a *Backfilling, lacking func(source string, d etf.Session) bool, fails func(source string) string) (asked []string) {
	t.Helper()
	cal, _ := calendar.For(s.etf.Exchange)
	in := AdvanceInput{ID: s.backfill.ID, Symbol: "SPY"}
	for range 100 {
		next, err := a.AdvanceBackfill(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if next.Done {
			return asked
		}
		line := next.Source.Name + " " + next.Window.From.String() + ".." + next.Window.To.String()
		if next.Whole {
			line += " whole"
		}
		asked = append(asked, line)
		in.Last = &AskedWindow{Source: next.Source.Name, Window: next.Window, Whole: next.Whole, Fetch: "f"}
		if fails != nil {
			in.Last.ErrorType = fails(next.Source.Name)
		}
		if in.Last.ErrorType != "" {
			continue
		}
		for _, d := range cal.Sessions(next.Window) {
			if lacking == nil || !lacking(next.Source.Name, d) {
				s.stored = append(s.stored, d)
			}
		}
		slices.Sort(s.stored)
		s.stored = slices.Compact(s.stored)
	}
	t.Fatalf("it does not end: %q", asked)
	return nil
}

func wantAsked(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("asked\n%q, want\n%q", got, want)
	}
}

// Twenty years are asked for in windows of at most eight, the newest first, and nothing twice.
func TestAdvanceBackfill(t *testing.T) {
	s, a := newFill("2005-01-03", "2025-09-26", "yahoo")
	asked := s.advance(t, a, nil, nil)
	if len(asked) != 3 {
		t.Fatalf("asked %q", asked)
	}
	// 2922 calendar days back from 2025-09-26 is 2017-09-27, a Wednesday.
	if asked[0] != "yahoo 2017-09-26..2025-09-26" && asked[0] != "yahoo 2017-09-27..2025-09-26" {
		t.Errorf("first %q", asked[0])
	}
	if s.row.Status != etf.RunCompleted || s.row.SessionsDone != s.row.Sessions || s.row.StillMissing != 0 {
		t.Errorf("%+v", s.row)
	}
}

// Only what is missing is asked for; gaps that are near share a window; what is stored in any state is not missing.
func TestAdvanceBackfillOnlyMissing(t *testing.T) {
	s, a := newFill("2020-01-02", "2025-09-26", "yahoo")
	cal, _ := calendar.For(etf.XNYS)
	holes := []etf.Session{etf.MustSession("2020-02-03"), etf.MustSession("2023-05-01"), etf.MustSession("2023-05-02"), etf.MustSession("2023-07-03")}
	s.stored = slices.DeleteFunc(cal.Sessions(s.backfill.Window), func(d etf.Session) bool { return slices.Contains(holes, d) })
	wantAsked(t, s.advance(t, a, nil, nil), "yahoo 2023-05-01..2023-07-03", "yahoo 2020-02-03..2020-02-03")
}

// A session that a source answers without is asked of the next source, and then stays missing; a later backfill asks nobody for it again,
// unless it asks again.
func TestAdvanceBackfillInVain(t *testing.T) {
	s, a := newFill("2025-09-02", "2025-09-26", "yahoo", "file")
	hole := etf.MustSession("2025-09-10")
	lacking := func(_ string, d etf.Session) bool { return d == hole }
	wantAsked(t, s.advance(t, a, lacking, nil), "yahoo 2025-09-02..2025-09-26", "file 2025-09-10..2025-09-10")
	if s.row.Status != etf.RunCompleted || s.row.StillMissing != 1 || s.row.SessionsDone != s.row.Sessions {
		t.Errorf("%+v", s.row)
	}
	s.backfill.ID, s.row.Status = "another", etf.RunRunning
	wantAsked(t, s.advance(t, a, lacking, nil))
	s.backfill.ID, s.backfill.Attempt, s.row.Status = "again", 2, etf.RunRunning
	wantAsked(t, s.advance(t, a, lacking, nil), "yahoo 2025-09-10..2025-09-10", "file 2025-09-10..2025-09-10")
}

// A source on another basis than the series is not asked for what the others lack: the sessions stay missing, and nothing has failed. If it is
// the only one left, or named, the ETF fails, and the error says what to do.
func TestAdvanceBackfillComparedOnly(t *testing.T) {
	hole := etf.MustSession("2025-09-10")
	lacking := func(_ string, d etf.Session) bool { return d == hole }
	s, a := newFill("2025-09-02", "2025-09-26", "naver", "yahoo")
	wantAsked(t, s.advance(t, a, lacking, nil), "naver 2025-09-02..2025-09-26 whole")
	if s.row.Status != etf.RunCompleted || s.row.StillMissing != 1 || s.row.Error != "" {
		t.Errorf("%+v", s.row)
	}
	s, a = newFill("2025-09-02", "2025-09-26", "naver", "yahoo", "file")
	wantAsked(t, s.advance(t, a, lacking, nil), "naver 2025-09-02..2025-09-26 whole", "file 2025-09-10..2025-09-10")

	refetch := func(names ...string) (*fillStore, *Backfilling) {
		s, a := newFill("2025-09-02", "2025-09-26", names...)
		s.backfill.Refetch = true
		return s, a
	}
	s, a = refetch("naver", "yahoo")
	wantAsked(t, s.advance(t, a, nil, func(string) string { return TypeSourceCorrupt }), "naver 2025-09-02..2025-09-26 whole")
	if s.row.Status != etf.RunFailed || !strings.Contains(s.row.Error, "naver") {
		t.Errorf("%+v", s.row)
	}

	// What is stored says which sources fill it in, if that is another basis than the first source's.
	s, a = newFill("2025-09-02", "2025-09-26", "naver", "yahoo")
	s.etf.Basis = etf.AsTraded
	wantAsked(t, s.advance(t, a, nil, nil), "yahoo 2025-09-02..2025-09-26")

	for _, c := range []struct {
		named   string
		basis   etf.Basis
		sources []string
		want    []string
	}{
		{"yahoo", "", []string{"naver", "yahoo"}, []string{"source: yahoo's prices are as_traded, but the series of SPY is total_adjusted", "`etfcast backfill start`", "`etfcast etf sources SPY`"}},
		{"", etf.SplitAdjusted, []string{"naver", "yahoo"}, []string{"sources: the series of SPY is split_adjusted, and none of its sources fills in such prices", "put one first that has them: `etfcast etf edit SPY --source NAME`"}},
		{"", etf.TotalAdjusted, []string{"yahoo", "naver"}, []string{"sources: the series of SPY is total_adjusted, and none of its sources fills in such prices"}}, // naver does in first place only
	} {
		s, a := newFill("2025-09-02", "2025-09-26", c.sources...)
		s.backfill.Source, s.etf.Basis = c.named, c.basis
		wantAsked(t, s.advance(t, a, nil, nil))
		for _, text := range c.want {
			if s.row.Status != etf.RunFailed || s.row.StillMissing != s.row.Sessions || !strings.Contains(s.row.Error, text) {
				t.Errorf("%+v, want %s", s.row, text)
			}
		}
		if _, err := a.PlanBackfill(t.Context(), BackfillInput{ID: fillID}); err != nil || s.plan[0].Status != etf.RunFailed || !strings.Contains(s.plan[0].Error, c.want[0]) {
			t.Errorf("planned %+v, %v", s.plan, err)
		}
		cal, _ := calendar.For(etf.XNYS) // nobody has to be asked
		s.stored = cal.Sessions(s.backfill.Window)
		if _, err := a.PlanBackfill(t.Context(), BackfillInput{ID: fillID}); err != nil || s.plan[0].Status != etf.RunCompleted {
			t.Errorf("planned %+v, %v", s.plan, err)
		}
	}
}

// A source that does not have the ETF is asked once; the next one is asked for everything. If it is the only one, the ETF fails, and
// the same backfill started again asks once more.
func TestAdvanceBackfillFailures(t *testing.T) {
	s, a := newFill("2005-01-03", "2025-09-26", "yahoo", "file")
	notFound := func(source string) string {
		if source == "yahoo" {
			return TypeSourceNotFound
		}
		return ""
	}
	asked := s.advance(t, a, nil, notFound)
	if len(asked) != 4 || asked[0][:6] != "yahoo " || asked[1][:5] != "file " || s.row.Status != etf.RunCompleted {
		t.Errorf("asked %q: %+v", asked, s.row)
	}
	s, a = newFill("2005-01-03", "2025-09-26", "yahoo")
	corrupt := func(string) string { return TypeSourceCorrupt }
	if asked := s.advance(t, a, nil, corrupt); len(asked) > mostFailures || s.row.Status != etf.RunFailed || s.row.Error == "" || s.row.StillMissing != s.row.Sessions {
		t.Errorf("asked %q: %+v", asked, s.row)
	}
	s.now = s.now.Add(time.Hour)
	s.backfill.StartedAt, s.row.Status = s.now, etf.RunRunning
	if asked := s.advance(t, a, nil, nil); len(asked) != 3 || s.row.Status != etf.RunCompleted {
		t.Errorf("started again: asked %q: %+v", asked, s.row)
	}
}

// Nothing is asked for before the listing, after the delisting, or that has not closed.
func TestAdvanceBackfillWithinListing(t *testing.T) {
	s, a := newFill("2005-01-03", "2025-12-31", "yahoo")
	s.etf.Listed, s.etf.Delisted = etf.MustSession("2024-03-04"), etf.MustSession("2024-06-28")
	wantAsked(t, s.advance(t, a, nil, nil), "yahoo 2024-03-04..2024-06-28")
	s, a = newFill("2025-09-22", "2025-12-31", "yahoo")
	wantAsked(t, s.advance(t, a, nil, nil), "yahoo 2025-09-22..2025-09-26")
}

// A refetch asks the first source for the whole history, whatever is stored, and the next one if that fails.
func TestAdvanceRefetch(t *testing.T) {
	s, a := newFill("1990-01-02", "2025-09-26", "yahoo", "file")
	cal, _ := calendar.For(etf.XNYS)
	s.backfill.Refetch, s.stored = true, cal.Sessions(s.backfill.Window)
	wantAsked(t, s.advance(t, a, nil, nil), "yahoo 1990-01-02..2025-09-26 whole")
	s.asked, s.row.Status = nil, etf.RunRunning
	wantAsked(t, s.advance(t, a, nil, func(source string) string {
		if source == "yahoo" {
			return TypeSourceCorrupt
		}
		return ""
	}), "yahoo 1990-01-02..2025-09-26 whole", "file 1990-01-02..2025-09-26 whole")
	if s.row.Status != etf.RunCompleted {
		t.Errorf("%+v", s.row)
	}
	s.asked, s.row.Status = nil, etf.RunRunning
	s.advance(t, a, nil, func(string) string { return TypeSourceCorrupt })
	if s.row.Status != etf.RunFailed {
		t.Errorf("%+v", s.row)
	}
	s.asked, s.row.Status, s.row.Error = nil, etf.RunRunning, ""
	wantAsked(t, s.advance(t, a, nil, func(string) string { return NotReplaced }), "yahoo 1990-01-02..2025-09-26 whole")
	if s.row.Status != etf.RunFailed || s.row.Error == "" {
		t.Errorf("refused: %+v", s.row)
	}
}

// A source that is to be left alone is not asked; the next one is, and without one the ETF waits.
func TestAdvanceBackfillSkips(t *testing.T) {
	_, a := newFill("2025-09-02", "2025-09-26", "yahoo", "file")
	next, err := a.AdvanceBackfill(t.Context(), AdvanceInput{ID: fillID, Symbol: "SPY", LeftOut: []string{"yahoo"}})
	if err != nil || next.Source.Name != "file" {
		t.Errorf("%+v, %v", next, err)
	}
	next, err = a.AdvanceBackfill(t.Context(), AdvanceInput{ID: fillID, Symbol: "SPY", LeftOut: []string{"yahoo", "file"}})
	if err != nil || !next.Waiting || next.Done || !slices.Equal(next.WaitsFor, []string{"yahoo", "file"}) {
		t.Errorf("%+v, %v", next, err)
	}
}

// What lies beyond a source's depth is not asked of it; windows are no longer than it allows; a response for all ETFs of a day is asked
// for in blocks; a request that counts against a quota takes more gaps along.
func TestWindowsSuitTheSource(t *testing.T) {
	cal, _ := calendar.For(etf.XNYS)
	last := etf.MustSession("2025-09-26")
	f := &fill{cal: cal, last: last, today: last.AddDays(1), missing: cal.Sessions(etf.Window{From: etf.MustSession("2020-01-02"), To: last})}
	if todo := f.askable(f.missing, etf.SourceTraits{Name: "a", Depth: etf.SourceDepth{Rows: 100}}); len(todo) != 100 || todo[99] != last {
		t.Errorf("the newest 100 rows are %d", len(todo))
	}
	if todo := f.askable(f.missing, etf.SourceTraits{Name: "a", Depth: etf.SourceDepth{Days: 365}}); todo[0] < last.AddDays(1-365) || todo[0] > last.AddDays(5-365) {
		t.Errorf("a year begins on %s", todo[0])
	}
	if w := newestWindow(f.missing, etf.SourceTraits{Window: 30}); int(w.To-w.From) >= 30 || w.To != last || !cal.IsSession(w.From) {
		t.Errorf("30 days are %+v", w)
	}
	w := newestWindow(f.missing, etf.SourceTraits{Window: 1, DayResponses: true})
	if w.From < dayBlock(last) || w.To != last || !cal.IsSession(w.From) || int(last-dayBlock(last)) >= blockDays {
		t.Errorf("a block is %+v", w)
	}
	apart := []etf.Session{etf.MustSession("2021-01-04"), etf.MustSession("2025-09-26")}
	if w := newestWindow(apart, etf.SourceTraits{}); w.From != last {
		t.Errorf("%+v", w)
	}
	if w := newestWindow(apart, etf.SourceTraits{Quota: 20}); w.From != apart[0] {
		t.Errorf("%+v", w)
	}
}

// ETFs are planned with what is missing of each; those of which nothing is have ended.
func TestPlanBackfill(t *testing.T) {
	s, a := newFill("2025-09-02", "2025-09-26", "yahoo")
	cal, _ := calendar.For(etf.XNYS)
	if _, err := a.PlanBackfill(t.Context(), BackfillInput{ID: fillID}); err != nil || len(s.plan) != 1 || s.plan[0].Sessions != cal.Count(s.backfill.Window) || s.plan[0].Status != etf.RunRunning {
		t.Errorf("%+v, %v", s.plan, err)
	}
	s.stored = cal.Sessions(s.backfill.Window)
	if _, err := a.PlanBackfill(t.Context(), BackfillInput{ID: fillID}); err != nil || s.plan[0].Sessions != 0 || s.plan[0].Status != etf.RunCompleted {
		t.Errorf("%+v, %v", s.plan, err)
	}
	s.etf.Retired = true
	if _, err := a.PlanBackfill(t.Context(), BackfillInput{ID: fillID}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("nothing to fill in: %v", err)
	}
	s.etf.Retired, s.etf.Sources, s.backfill.Symbols = false, nil, []etf.Symbol{"SPY"}
	if _, err := a.PlanBackfill(t.Context(), BackfillInput{ID: fillID}); err != nil || s.plan[0].Status != etf.RunFailed {
		t.Errorf("without a source: %+v, %v", s.plan, err)
	}
}

// The source is asked for the stored sessions next to a window, too, so that rows on another level show; no further than it reaches.
func TestAdvanceBackfillOverlaps(t *testing.T) {
	s, a := newFill("2024-01-02", "2025-09-26", "yahoo", "naver")
	cal, _ := calendar.For(etf.XNYS)
	hole := etf.Window{From: etf.MustSession("2025-03-03"), To: etf.MustSession("2025-03-14")}
	s.stored = slices.DeleteFunc(cal.Sessions(s.backfill.Window), func(d etf.Session) bool { return d >= hole.From && d <= hole.To })
	next, err := a.AdvanceBackfill(t.Context(), AdvanceInput{ID: fillID, Symbol: "SPY"})
	around := etf.Window{From: etf.MustSession("2025-02-24"), To: etf.MustSession("2025-03-21")}
	if err != nil || next.Window != hole || next.Request != around || next.Symbol != "SPY" {
		t.Errorf("%+v, %v", next, err)
	}
	if next.Basis != etf.AsTraded {
		t.Errorf("the series is %q: a fallback of another basis must not begin it", next.Basis)
	}
	f := &fill{cal: cal, stored: s.stored, today: etf.MustSession("2025-09-27"), last: etf.MustSession("2025-09-26")}
	if got := f.around(hole, etf.SourceTraits{Window: 17}); got.From != hole.From || got.To != etf.MustSession("2025-03-19") {
		t.Errorf("17 days are %+v", got)
	}
	depth := int(f.today - etf.MustSession("2025-02-27"))
	if got := f.around(hole, etf.SourceTraits{Depth: etf.SourceDepth{Days: depth}}); got.From != etf.MustSession("2025-02-27") || got.To != around.To {
		t.Errorf("what the source reaches is %+v", got)
	}
	if got := f.around(hole, etf.SourceTraits{Window: 1, DayResponses: true}); got != hole {
		t.Errorf("days are %+v", got)
	}
}

// A session that a source had no row for within a week is asked of it again by a later backfill, and not by the same one.
func TestAdvanceBackfillSoonAfterTheClose(t *testing.T) {
	s, a := newFill("2025-09-02", "2025-09-26", "yahoo")
	newest, old := etf.MustSession("2025-09-26"), etf.MustSession("2025-09-10")
	lacking := func(_ string, d etf.Session) bool { return d == newest || d == old }
	wantAsked(t, s.advance(t, a, lacking, nil), "yahoo 2025-09-02..2025-09-26")
	s.backfill.ID, s.row.Status = "another", etf.RunRunning
	wantAsked(t, s.advance(t, a, lacking, nil), "yahoo 2025-09-26..2025-09-26")
}

// A source that answers with one session has no whole history: a refetch asks it for every session since the first stored one, block by
// block, and stores what differs.
func TestAdvanceRefetchOfDays(t *testing.T) {
	s, a := newFill("1990-01-02", "2025-09-26", "krx")
	cal, _ := calendar.For(etf.XKRX)
	s.backfill.Exchange, s.etf.Exchange, s.backfill.Refetch = etf.XKRX, etf.XKRX, true
	first := etf.MustSession("2025-07-01")
	s.stored, s.etf.First = cal.Sessions(etf.Window{From: first, To: s.backfill.Window.To}), first
	s.asked = []etf.BackfillWindow{{Backfill: "other", Source: "krx", Window: etf.Window{From: first, To: s.backfill.Window.To}, AskedAt: s.now}}
	next, err := a.AdvanceBackfill(t.Context(), AdvanceInput{ID: fillID, Symbol: "SPY"})
	if err != nil || next.Whole || !next.Revise || next.Window.To != s.backfill.Window.To || next.Window.From < dayBlock(next.Window.To) {
		t.Fatalf("%+v, %v", next, err)
	}
	asked := s.advance(t, a, nil, nil)
	if n := int(s.backfill.Window.To-first)/blockDays + 1; len(asked) < n || len(asked) > n+1 || asked[len(asked)-1][4:14] != first.String() || s.row.Status != etf.RunCompleted {
		t.Errorf("asked %q: %+v", asked, s.row)
	}
	s.asked, s.row.Status = nil, etf.RunRunning
	s.advance(t, a, nil, func(string) string { return TypeSourceCorrupt })
	if s.row.Status != etf.RunFailed {
		t.Errorf("%+v", s.row)
	}
}

// An ETF that is renamed meanwhile is filled in under its new symbol, and stays in the backfill under the one that it was planned with.
func TestAdvanceBackfillRenamed(t *testing.T) {
	s, a := newFill("2025-09-02", "2025-09-26", "yahoo")
	s.etf.Symbol = "SPYX"
	next, err := a.AdvanceBackfill(t.Context(), AdvanceInput{ID: fillID, Symbol: "SPY"})
	if err != nil || next.Symbol != "SPYX" {
		t.Errorf("%+v, %v", next, err)
	}
	wantAsked(t, s.advance(t, a, nil, nil), "yahoo 2025-09-02..2025-09-26")
	if s.row.Symbol != "SPY" || s.row.Status != etf.RunCompleted || s.asked[0].Symbol != "SPY" {
		t.Errorf("%+v, %+v", s.row, s.asked)
	}
}
