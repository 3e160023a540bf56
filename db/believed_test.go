package db_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

var everything = etf.Window{}

// snapshot is what was believed at one data version, read while it was current.
type snapshot struct {
	bars    []etf.StoredBar
	navs    []etf.StoredNAV
	actions []etf.StatedAction
}

// observe reads what is believed now; ok is false if a writer changed it meanwhile.
func observe(ctx context.Context, s *db.Store, symbol etf.Symbol) (version int64, at time.Time, seen snapshot, ok bool, err error) {
	now := time.Now().Add(time.Hour)
	before, err := s.AsOfTime(ctx, symbol, now)
	if err != nil {
		return 0, time.Time{}, snapshot{}, false, err
	}
	if seen.bars, err = s.BarsPage(ctx, symbol, everything, 0, 10_000); err != nil {
		return 0, time.Time{}, snapshot{}, false, err
	}
	if seen.navs, err = s.NAVsPageAt(ctx, symbol, etf.NewestVersion, everything, 0, 10_000); err != nil {
		return 0, time.Time{}, snapshot{}, false, err
	}
	if seen.actions, err = s.ActionsAt(ctx, symbol, etf.NewestVersion); err != nil {
		return 0, time.Time{}, snapshot{}, false, err
	}
	after, err := s.AsOfTime(ctx, symbol, now)
	return before.Version, before.KnownFrom, seen, before.Version == after.Version, err
}

// timeless removes from a snapshot what says when a belief ended: that was not known at its version.
func timeless(s snapshot) snapshot {
	out := snapshot{bars: append([]etf.StoredBar{}, s.bars...), navs: append([]etf.StoredNAV{}, s.navs...), actions: append([]etf.StatedAction{}, s.actions...)}
	for i := range out.bars {
		out.bars[i].KnownTo = time.Time{}
	}
	for i := range out.navs {
		out.navs[i].KnownTo, out.navs[i].SupersededBy = time.Time{}, 0
	}
	for i := range out.actions {
		out.actions[i].KnownTo, out.actions[i].SupersededBy = time.Time{}, 0
	}
	return out
}

// believedWriters are the kinds of write that the as-of test runs at once.
var believedWriters = []func(ctx context.Context, s *db.Store, symbol etf.Symbol, r *rand.Rand) error{
	writeDaily, writeDecision,
}

// writeDaily is an update: new, revised, unchanged and quarantined rows, NAVs and actions.
func writeDaily(ctx context.Context, s *db.Store, symbol etf.Symbol, r *rand.Rand) error {
	first := r.IntN(40)
	bars := make([]etf.Bar, 1+r.IntN(8))
	navs := make([]etf.NAV, len(bars))
	for i := range bars {
		bars[i] = bar(day(first+i), r.IntN(3))
		navs[i] = etf.NAV{Session: day(first + i), NAV: bars[i].Close + etf.Price(r.IntN(3)*1e6), Shares: etf.VolumeUnknown}
	}
	f := fetchOf(symbol, bars)
	f.ID, f.Basis = randomID(r), etf.AsTraded
	response := etf.Response{Bars: bars, Basis: f.Basis, NAVs: navs}
	if r.IntN(3) == 0 {
		response.Actions = []etf.Action{{Kind: etf.Dividend, Ex: day(first), Amount: etf.Price(1e8 + r.Int64N(3)*1e6)}}
	}
	if err := s.SaveFetch(ctx, f, response); err != nil {
		return err
	}
	j := etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, len(bars))}
	if i := r.IntN(2 * len(bars)); i < len(bars) {
		found := finding(f, "ohlc_order", bars[i].Session)
		found.ID = randomID(r)
		j.Findings, j.Verdicts[i] = []etf.Finding{found}, etf.VerdictQuarantine
	}
	if _, err := s.SaveFindings(ctx, j); err != nil {
		return err
	}
	_, err := s.Persist(ctx, f.ID)
	return err
}

// writeDecision decides on an open finding.
func writeDecision(ctx context.Context, s *db.Store, symbol etf.Symbol, r *rand.Rand) error {
	open, _, err := s.Findings(ctx, etf.FindingFilter{Symbol: symbol, Undecided: true}, etf.Cursor{}, 20)
	if err != nil || len(open) == 0 {
		return err
	}
	decision := etf.Accept
	if r.IntN(3) == 0 {
		decision = etf.Reject
	}
	_, err = s.Decide(ctx, etf.Ruling{Finding: open[r.IntN(len(open))].ID, Decision: decision, By: "kim", Why: "test"})
	if etf.KindOf(err) == etf.KindConflict {
		err = nil // somebody else decided first
	}
	return err
}

func randomID(r *rand.Rand) string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }

// testAsOf lets several writers change the same ETFs at once, keeps what is believed at each version it meets, and compares
// that with what is read as of 1,000 random instants later.
func testAsOf(t *testing.T, d dbtest.Database) {
	const rounds, instants = 30, 1000
	ctx, s := t.Context(), d.Store
	symbols := []etf.Symbol{"ASOF1", "ASOF2"}
	for _, symbol := range symbols {
		register(t, s, symbol)
	}
	var mu sync.Mutex
	kept := map[etf.Symbol]map[int64]snapshot{}
	begin := time.Now()
	var writers []func(s *db.Store) error
	for i, write := range believedWriters {
		for _, symbol := range symbols {
			r := rand.New(rand.NewPCG(uint64(i), uint64(symbol[4])))
			writers = append(writers, func(s *db.Store) error {
				for range rounds {
					if err := write(ctx, s, symbol, r); err != nil {
						return err
					}
					version, _, seen, ok, err := observe(ctx, s, symbol)
					if err != nil {
						return err
					}
					if !ok {
						continue
					}
					mu.Lock()
					if kept[symbol] == nil {
						kept[symbol] = map[int64]snapshot{}
					}
					before, again := kept[symbol][version]
					kept[symbol][version] = seen
					mu.Unlock()
					if again && !reflect.DeepEqual(timeless(before), timeless(seen)) {
						return fmt.Errorf("version %d of %s was read twice, differently", version, symbol)
					}
				}
				return nil
			})
		}
	}
	together(t, d, len(writers), func(i int, s *db.Store) error { return writers[i](s) })
	span := time.Since(begin)
	r := rand.New(rand.NewPCG(7, 7))
	compared := 0
	for range instants {
		symbol := symbols[r.IntN(len(symbols))]
		asOf, err := s.AsOfTime(ctx, symbol, begin.Add(time.Duration(r.Int64N(int64(span)))))
		if err != nil {
			t.Fatal(err)
		}
		want, ok := kept[symbol][asOf.Version]
		if !ok && asOf.Version > 0 {
			continue // nobody looked while it was current
		}
		compared++
		var got snapshot
		if got.bars, err = s.BarsPageAt(ctx, symbol, asOf.Version, everything, 0, 10_000); err == nil {
			if got.navs, err = s.NAVsPageAt(ctx, symbol, asOf.Version, everything, 0, 10_000); err == nil {
				got.actions, err = s.ActionsAt(ctx, symbol, asOf.Version)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(timeless(got), timeless(want)) {
			t.Fatalf("%s at version %d:\n%+v\nbut it was\n%+v", symbol, asOf.Version, timeless(got), timeless(want))
		}
	}
	versions := 0
	for _, of := range kept {
		versions += len(of)
	}
	if compared < instants/2 || versions < rounds {
		t.Errorf("only %d instants and %d versions compared", compared, versions)
	}
}

// testAsOfPages checks that pages at a version add up, whatever their size, and that a version's number leads back to it.
func testAsOfPages(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "PAGED")
	ingest(t, s, "PAGED", weekdays(day(0), 30))
	ingest(t, s, "PAGED", []etf.Bar{bar(day(4), 900), bar(day(5), 901), bar(day(60), 902)})
	p, _ := ingest(t, s, "PAGED", []etf.Bar{bar(day(4), 903)})
	asOf, err := s.AsOfVersion(ctx, "PAGED", 1)
	if err != nil || asOf.Version != 1 || asOf.KnownFrom.IsZero() || !asOf.Given {
		t.Fatalf("%+v, %v", asOf, err)
	}
	if again, err := s.AsOfTime(ctx, "PAGED", asOf.KnownFrom); err != nil || again.Version != asOf.Version || again.KnownFrom != asOf.KnownFrom || !again.At.Equal(asOf.KnownFrom) || !again.Given {
		t.Errorf("as of the version's own instant: %+v, %v", again, err)
	}
	if before, err := s.AsOfTime(ctx, "PAGED", asOf.KnownFrom.Add(-time.Microsecond)); err != nil || before.Version != 0 || !before.Given {
		t.Errorf("before the first version: %+v, %v", before, err)
	}
	_, err = s.AsOfVersion(ctx, "PAGED", p.DataVersion.Number+1)
	wantKind(t, err, etf.KindInvalid, "as_of")
	_, err = s.AsOfTime(ctx, "NOSUCH", time.Now())
	wantKind(t, err, etf.KindNotFound, "symbol")
	for version, want := range map[int64]int{0: 0, 1: 30, 2: 31, 3: 31} {
		whole, err := s.BarsPageAt(ctx, "PAGED", version, everything, 0, 100)
		if err != nil || len(whole) != want {
			t.Fatalf("version %d: %d bars, %v; want %d", version, len(whole), err, want)
		}
		for _, size := range []int{1, 7, 30} {
			var all []etf.StoredBar
			for after := etf.Session(0); ; {
				page, err := s.BarsPageAt(ctx, "PAGED", version, everything, after, size)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, page...)
				if len(page) < size {
					break
				}
				after = page[len(page)-1].Session
			}
			if len(all) != len(whole) || len(all) > 0 && !reflect.DeepEqual(all, whole) {
				t.Errorf("version %d in pages of %d: %d bars, want %d", version, size, len(all), len(whole))
			}
		}
	}
}

// testVersions checks what each version is said to have changed.
func testVersions(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "VERSIONS")
	ingest(t, s, "VERSIONS", []etf.Bar{bar(day(0), 0), bar(day(1), 1), bar(day(2), 2)})
	_, found := ingest(t, s, "VERSIONS", []etf.Bar{bar(day(0), 10), bar(day(3), 3)}, findingBy("ohlc_order", day(3)))
	if _, err := s.Decide(ctx, etf.Ruling{Finding: found[0].ID, Decision: etf.Accept, By: "kim", Why: "right"}); err != nil {
		t.Fatal(err)
	}
	list, err := s.Versions(ctx, "VERSIONS", 0, 10)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	if v := list[0]; v.Number != 3 || v.Cause != etf.CauseDecision || v.CauseID != found[0].ID || v.Revised != 1 || v.Released != 1 || v.New+v.Parked+v.Removed != 0 {
		t.Errorf("the decision: %+v", v)
	}
	if v := list[1]; v.Number != 2 || v.Cause != etf.CauseFetch || v.Source != "simulated" || v.Run != "daily:XNYS:2025-01-02" || v.New != 1 || v.Revised != 1 || v.Parked != 1 || v.Released != 0 {
		t.Errorf("the second update: %+v", v)
	}
	if v := list[2]; v.Number != 1 || v.New != 3 || v.Revised+v.Parked+v.Released+v.Removed != 0 {
		t.Errorf("the first update: %+v", v)
	}
	if rest, err := s.Versions(ctx, "VERSIONS", 3, 1); err != nil || len(rest) != 1 || !reflect.DeepEqual(rest[0], list[1]) {
		t.Errorf("a page: %+v, %v", rest, err)
	}
	history, err := s.BarHistory(ctx, "VERSIONS", day(3))
	if err != nil || len(history) != 2 || !history[0].Quarantined || history[0].SupersededBy != 3 || history[0].Cause != etf.CauseFetch ||
		history[1].Quarantined || history[1].SupersededBy != 0 || history[1].Cause != etf.CauseDecision {
		t.Errorf("history: %+v, %v", history, err)
	}
}

// testNAVs checks that NAVs are versioned, and that a value left out does not contradict one stored.
func testNAVs(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "NAV")
	store := func(navs ...etf.NAV) etf.Persisted {
		t.Helper()
		bars := []etf.Bar{bar(day(0), 0), bar(day(1), 1)}
		f := fetchOf("NAV", bars)
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, NAVs: navs}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Verdicts: make([]etf.Verdict, len(bars))}); err != nil {
			t.Fatal(err)
		}
		p, err := s.Persist(ctx, f.ID)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	one, two := etf.MustPrice("100.5"), etf.MustPrice("101.25")
	first := store(etf.NAV{Session: day(0), NAV: one, Shares: etf.Shares(1000)}, etf.NAV{Session: day(1), NAV: one, Shares: etf.VolumeUnknown})
	if first.NAVs != 2 {
		t.Fatalf("%+v", first)
	}
	if again := store(etf.NAV{Session: day(0), NAV: one, Shares: etf.VolumeUnknown}); again.NAVs != 0 || again.DataVersion != first.DataVersion {
		t.Errorf("a repeat without shares: %+v", again)
	}
	if changed := store(etf.NAV{Session: day(1), NAV: two, Shares: etf.VolumeUnknown}); changed.NAVs != 1 || changed.DataVersion.Number != 2 {
		t.Errorf("a change: %+v", changed)
	}
	for version, want := range map[int64]etf.Price{1: one, 2: two, etf.NewestVersion: two} {
		navs, err := s.NAVsPageAt(ctx, "NAV", version, everything, 0, 10)
		if err != nil || len(navs) != 2 || navs[0].NAV.NAV != one || navs[0].Shares != etf.Shares(1000) || navs[1].NAV.NAV != want {
			t.Errorf("version %d: %+v, %v", version, navs, err)
		}
	}
	if list, err := s.Versions(ctx, "NAV", 0, 1); err != nil || list[0].NAVs != 1 || list[0].Revised != 0 {
		t.Errorf("versions: %+v, %v", list, err)
	}
}
