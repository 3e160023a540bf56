package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/backtest"
)

// backtestStore is Backtests and BacktestHistory in memory, with one backtest. Every ETF has walk's closes.
type backtestStore struct {
	mu       sync.Mutex
	run      etf.BacktestRun
	etfs     map[etf.Symbol]etf.ETF
	versions map[etf.Symbol]int64 // newest at the instant
	planned  []etf.BacktestRunETF
	parts    map[etf.Symbol]etf.BacktestPart
	saves    int
	result   []byte
	ended    []etf.BacktestEnd
	dropped  []etf.Symbol
	finished []string // what FinishBacktest and DropBacktestPart did, in order
	away     error    // of BarsPageAt
}

func newBacktestStore(symbols ...etf.Symbol) *backtestStore {
	s := &backtestStore{
		run: etf.BacktestRun{ID: "b1", Status: etf.RunRunning, BacktestRequest: etf.BacktestRequest{Exchange: etf.XNYS, AsOf: time.Date(2025, 9, 27, 0, 0, 0, 0, time.UTC),
			Options: etf.BacktestOptions{Models: []string{"drift"}, Horizons: []int{1, 5}, OriginsEvery: 10, RefitEvery: 21}}},
		etfs: map[etf.Symbol]etf.ETF{}, versions: map[etf.Symbol]int64{}, parts: map[etf.Symbol]etf.BacktestPart{},
	}
	for i, symbol := range symbols {
		s.etfs[symbol], s.versions[symbol] = etf.ETF{Symbol: symbol, Exchange: etf.XNYS}, int64(i)
	}
	return s
}

func (s *backtestStore) Backtest(context.Context, string) (etf.BacktestRun, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.run
	run.Counts = etf.BacktestCounts{ETFs: len(s.planned)}
	return run, nil
}

func (s *backtestStore) PlanBacktest(_ context.Context, _ string, etfs []etf.BacktestRunETF) (etf.BacktestCounts, error) {
	if len(s.planned) == 0 {
		s.planned = slices.Clone(etfs)
	}
	return etf.BacktestCounts{ETFs: len(s.planned)}, nil
}

func (s *backtestStore) BacktestETFs(_ context.Context, _ string, after etf.Symbol, limit int) ([]etf.BacktestRunETF, error) {
	var page []etf.BacktestRunETF
	for _, e := range s.planned {
		if e.Symbol <= after || len(page) == limit {
			continue
		}
		if p, ok := s.parts[e.Symbol]; ok {
			e.Done, e.Origins, e.Error = true, p.Origins, p.Error
		}
		page = append(page, e)
	}
	return page, nil
}

func (s *backtestStore) PendingBacktestETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BacktestRunETF, error) {
	all, _ := s.BacktestETFs(ctx, id, after, math.MaxInt)
	left := slices.DeleteFunc(all, func(e etf.BacktestRunETF) bool { return e.Done })
	return left[:min(limit, len(left))], nil
}

func (s *backtestStore) BacktestETF(ctx context.Context, id string, symbol etf.Symbol) (etf.BacktestRunETF, error) {
	all, _ := s.BacktestETFs(ctx, id, "", math.MaxInt)
	for _, e := range all {
		if e.Symbol == symbol {
			return e, nil
		}
	}
	return etf.BacktestRunETF{}, etf.NotFound("symbol", "not planned", "plan it")
}

func (s *backtestStore) SaveBacktestPart(_ context.Context, _ string, p etf.BacktestPart) (etf.BacktestCounts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	if _, there := s.parts[p.Symbol]; !there {
		s.parts[p.Symbol] = p
	}
	return etf.BacktestCounts{ETFs: len(s.planned), Measured: len(s.parts)}, nil
}

func (s *backtestStore) BacktestPart(_ context.Context, _ string, symbol etf.Symbol) (etf.BacktestPart, error) {
	return s.parts[symbol], nil
}

func (s *backtestStore) DropBacktestPart(_ context.Context, _ string, symbol etf.Symbol) error {
	s.dropped, s.finished = append(s.dropped, symbol), append(s.finished, "drop "+string(symbol))
	return nil
}

func (s *backtestStore) SaveBacktestResult(_ context.Context, _ string, body []byte, _ bool, code string) (string, error) {
	s.result = body
	return code, nil
}

func (s *backtestStore) FinishBacktest(_ context.Context, end etf.BacktestEnd) error {
	s.ended, s.finished = append(s.ended, end), append(s.finished, string(end.Status))
	return nil
}

func (s *backtestStore) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	e, ok := s.etfs[symbol]
	if !ok {
		return e, etf.NotFound("symbol", "not registered", "register it")
	}
	return e, nil
}

func (s *backtestStore) ETFs(_ context.Context, x etf.Exchange, after etf.Symbol, limit int) ([]etf.ETF, error) {
	var page []etf.ETF
	for _, e := range s.etfs {
		if e.Exchange == x && e.Symbol > after {
			page = append(page, e)
		}
	}
	slices.SortFunc(page, func(a, b etf.ETF) int { return cmp.Compare(a.Symbol, b.Symbol) })
	return page[:min(limit, len(page))], nil
}

func (s *backtestStore) AsOfTime(_ context.Context, symbol etf.Symbol, at time.Time) (etf.AsOf, error) {
	return etf.AsOf{Version: s.versions[symbol], Given: true, At: at}, nil
}

// walk gives bars whose closes oscillate, and as many as the ETF's data version times 500. The newest but one is quarantined, the newest held.
func (s *backtestStore) BarsPageAt(_ context.Context, _ etf.Symbol, version int64, _ etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error) {
	if s.away != nil {
		return nil, s.away
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		return nil, err
	}
	all := cal.Sessions(etf.Window{From: etf.MustSession("2018-01-02"), To: etf.MustSession("2025-09-26")})[:500*version]
	var page []etf.StoredBar
	for i, session := range all {
		if session <= after || len(page) == limit {
			continue
		}
		price := etf.Price(math.Round(100e8 * math.Exp(.1*math.Sin(float64(i)/9)+.02*math.Sin(float64(i*i)))))
		b := etf.StoredBar{Bar: etf.Bar{Session: session, Open: price, High: price, Low: price, Close: price, Volume: etf.Shares(1000)}, Basis: etf.SplitAdjusted}
		b.Quarantined, b.Held = i == len(all)-2, i == len(all)-1
		page = append(page, b)
	}
	return page, nil
}

func (s *backtestStore) ActionsAt(context.Context, etf.Symbol, int64) ([]etf.StatedAction, error) {
	return nil, nil
}

// The plan of an exchange has its ETFs of which something was stored at the instant, retired ones too; that of named ETFs has all of them.
// It is made once.
func TestPlanBacktest(t *testing.T) {
	s := newBacktestStore("AAA", "BBB", "CCC")
	s.etfs["CCC"] = etf.ETF{Symbol: "CCC", Exchange: etf.XNYS, Retired: true}
	s.etfs["KR"], s.versions["KR"] = etf.ETF{Symbol: "KR", Exchange: etf.XKRX}, 7
	a := &BacktestPlanning{Store: s, History: s, Cores: 3}
	plan, err := do[BacktestPlan](t, newEnv(t, a), a.PlanBacktest, BacktestInput{ID: "b1"})
	if err != nil || plan.Counts.ETFs != 2 || plan.AtOnce != 3 || s.planned[0].Symbol != "BBB" || s.planned[0].DataVersion != 1 || s.planned[1].Symbol != "CCC" {
		t.Fatalf("%+v, %v: %+v", plan, err, s.planned)
	}
	s.versions["BBB"] = 9 // stored later, with an instant before: the plan stands
	if plan, err = do[BacktestPlan](t, newEnv(t, a), a.PlanBacktest, BacktestInput{ID: "b1"}); err != nil || plan.Counts.ETFs != 2 || s.planned[0].DataVersion != 1 {
		t.Errorf("%+v, %v: %+v", plan, err, s.planned)
	}
	s.planned, s.run.Symbols = nil, []etf.Symbol{"AAA", "KR"}
	if plan, err = do[BacktestPlan](t, newEnv(t, a), a.PlanBacktest, BacktestInput{ID: "b1"}); err != nil || plan.Counts.ETFs != 2 || s.planned[0].DataVersion != 0 || s.planned[1].Exchange != etf.XKRX {
		t.Errorf("%+v, %v: %+v", plan, err, s.planned)
	}
	s = newBacktestStore("AAA")
	a.Store, a.History = s, s
	if _, err = do[BacktestPlan](t, newEnv(t, a), a.PlanBacktest, BacktestInput{ID: "b1"}); err == nil || !strings.Contains(err.Error(), "nothing was stored") {
		t.Errorf("nothing is stored: %v", err)
	}
}

func measuredStore(t *testing.T) (*backtestStore, *Backtesting) {
	t.Helper()
	s := newBacktestStore("AAA", "BBB", "CCC", "DDD")
	for symbol, version := range s.versions {
		s.planned = append(s.planned, etf.BacktestRunETF{Symbol: symbol, Exchange: etf.XNYS, DataVersion: version})
	}
	slices.SortFunc(s.planned, func(a, b etf.BacktestRunETF) int { return cmp.Compare(a.Symbol, b.Symbol) })
	return s, &Backtesting{Store: s, History: s, CodeVersion: "v1", Fits: NewPlaces(1)}
}

// An ETF is measured on what was believed of it: neither the quarantined bar nor the held one is there.
func TestMeasureETF(t *testing.T) {
	s, a := measuredStore(t)
	r, err := do[MeasureETFResult](t, newEnv(t, a), a.MeasureETF, MeasureETFInput{ID: "b1", Symbol: "CCC"})
	if err != nil || r.Reason != "" || r.Origins == 0 || r.Counts.Measured != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	var part backtest.Part
	if err := json.Unmarshal(s.parts["CCC"].Body, &part); err != nil {
		t.Fatal(err)
	}
	if e := part.ETF; e.ETF != "CCC" || e.Rows != 998 || e.DataVersion != 2 || !e.AsOf.Equal(s.run.AsOf) || e.Origins != r.Origins || len(part.Outcomes) != r.Origins*2 && len(part.Outcomes) != r.Origins*2-1 {
		t.Errorf("%+v with %d outcomes", e, len(part.Outcomes))
	}
	if a.Fits.available() != 1 {
		t.Error("its place among the fits was not given back")
	}
	// A repeat, after an attempt whose result was lost.
	s.away = fmt.Errorf("must not be read")
	if again, err := do[MeasureETFResult](t, newEnv(t, a), a.MeasureETF, MeasureETFInput{ID: "b1", Symbol: "CCC"}); err != nil || again.Origins != r.Origins || s.saves != 1 {
		t.Errorf("%+v, %v after %d saves", again, err, s.saves)
	}
}

// What the ETF's data are the reason for is recorded, and the others go on; a database that is down is waited for.
func TestMeasureETFFails(t *testing.T) {
	for _, c := range []struct {
		symbol etf.Symbol
		break_ func(*backtestStore)
		want   string
	}{
		{"AAA", nil, "nothing was stored"},
		{"BBB", nil, "has 498 rows"},
		{"CCC", func(s *backtestStore) { s.run.Options.Models = []string{"nonsense"} }, "there is no model"},
		{"CCC", func(s *backtestStore) { s.away = &etf.Error{Kind: etf.KindCorrupt, Message: "a bar can't be read"} }, "can't be read"},
		{"CCC", func(s *backtestStore) { s.run.Options.From = etf.MustSession("2030-01-02") }, "can be an origin"},
	} {
		s, a := measuredStore(t)
		if c.break_ != nil {
			c.break_(s)
		}
		r, err := do[MeasureETFResult](t, newEnv(t, a), a.MeasureETF, MeasureETFInput{ID: "b1", Symbol: c.symbol})
		if err != nil || !strings.Contains(r.Reason, c.want) || s.parts[c.symbol].Error != r.Reason || s.parts[c.symbol].Body != nil || a.Fits.available() != 1 {
			t.Errorf("%s: %+v, %v; stored %+v", c.want, r, err, s.parts[c.symbol])
		}
	}
	s, a := measuredStore(t)
	s.away = etf.Wrap(etf.KindUnavailable, fmt.Errorf("refused"), "reading bars")
	if _, err := do[MeasureETFResult](t, newEnv(t, a), a.MeasureETF, MeasureETFInput{ID: "b1", Symbol: "CCC"}); err == nil || len(s.parts) > 0 {
		t.Errorf("without a database: %v, stored %+v", err, s.parts)
	}
}

// A forecast that waits for a core gets it between two origins, long before the ETF is measured.
func TestMeasuringGivesWay(t *testing.T) {
	s, a := measuredStore(t)
	s.run.Options.OriginsEvery = 1
	ended := make(chan error, 1)
	go func() {
		_, err := do[MeasureETFResult](t, newEnv(t, a), a.MeasureETF, MeasureETFInput{ID: "b1", Symbol: "DDD"})
		ended <- err
	}()
	waitUntil(t, ended, func() bool { return a.Fits.available() == 0 })
	release, err := a.Fits.acquire(t.Context(), forForecasts)
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, ended, func() bool { return a.Fits.waiting(forBacktests) == 1 }) // in its midst: it would not wait again after its end
	release()
	if err := <-ended; err != nil || s.parts["DDD"].Origins == 0 {
		t.Fatalf("%v: %+v", err, s.parts["DDD"].Origins)
	}
}

// waitUntil waits for a condition. The test fails if the activity ends before.
func waitUntil(t *testing.T, ended <-chan error, condition func() bool) {
	t.Helper()
	for !condition() {
		select {
		case err := <-ended:
			t.Fatalf("the activity ended before: %v", err)
		default:
			runtime.Gosched()
		}
	}
}

// The result is a function of the parts: a repeat gives the same bytes, and what could not be measured is left out.
func TestAssembleBacktest(t *testing.T) {
	s, a := measuredStore(t)
	for _, e := range s.planned {
		if _, err := do[MeasureETFResult](t, newEnv(t, a), a.MeasureETF, MeasureETFInput{ID: "b1", Symbol: e.Symbol}); err != nil {
			t.Fatal(err)
		}
	}
	part := s.parts["DDD"]
	part.CodeVersion = "v0"
	s.parts["DDD"] = part
	r, err := do[AssembleResult](t, newEnv(t, a), a.AssembleBacktest, BacktestInput{ID: "b1"})
	if err != nil || r.Hash != "v0, v1" || r.Results != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	var b etf.Backtest
	if err := json.Unmarshal(s.result, &b); err != nil {
		t.Fatal(err)
	}
	if len(b.ETFs) != 2 || b.ETFs[0].ETF != "CCC" || b.CodeVersion != "v0, v1" || len(b.Pooled) != 2 {
		t.Errorf("%+v", b)
	}
	first := s.result
	if _, err := do[AssembleResult](t, newEnv(t, a), a.AssembleBacktest, BacktestInput{ID: "b1"}); err != nil || string(s.result) != string(first) {
		t.Errorf("a repeat gives other bytes: %v", err)
	}

	planning := &BacktestPlanning{Store: s, History: s}
	if _, err := do[any](t, newEnv(t, planning), planning.FinishBacktest, FinishBacktestInput{ID: "b1", Status: etf.RunFailed, Reason: "x"}); err != nil || len(s.dropped) > 0 {
		t.Errorf("failed: %v, dropped %v", err, s.dropped)
	}
	if _, err := do[any](t, newEnv(t, planning), planning.FinishBacktest, FinishBacktestInput{ID: "b1", Status: etf.RunCompleted}); err != nil || !slices.Equal(s.dropped, []etf.Symbol{"CCC", "DDD"}) {
		t.Errorf("completed: %v, dropped %v", err, s.dropped)
	}
	if want := []etf.BacktestEnd{{ID: "b1", Status: etf.RunFailed, Error: "x"}, {ID: "b1", Status: etf.RunCompleted}}; !slices.Equal(s.ended, want) {
		t.Errorf("ended %+v", s.ended)
	}
	// Parts are needed until it can't be assembled again; a cancelled one may have new ones as soon as that is recorded.
	if _, err := do[any](t, newEnv(t, planning), planning.FinishBacktest, FinishBacktestInput{ID: "b1", Status: etf.RunCancelled}); err != nil {
		t.Error(err)
	}
	if want := []string{"failed", "completed", "drop CCC", "drop DDD", "drop CCC", "drop DDD", "cancelled"}; !slices.Equal(s.finished, want) {
		t.Errorf("%q, want %q", s.finished, want)
	}

	for symbol := range s.parts {
		s.parts[symbol] = etf.BacktestPart{Symbol: symbol, Error: "too short"}
	}
	if _, err := do[AssembleResult](t, newEnv(t, a), a.AssembleBacktest, BacktestInput{ID: "b1"}); err == nil || !strings.Contains(err.Error(), "none of the 4 ETFs could be measured: AAA: too short") {
		t.Errorf("nothing was measured: %v", err)
	}
}
