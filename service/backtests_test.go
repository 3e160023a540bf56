package service

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// bench is a Store of ETFs with 2,000 bars each, and of backtests.
type bench struct {
	*record
	bars  map[etf.Symbol]int // of an ETF that has not 2,000
	known time.Time
	runs  map[string]etf.BacktestRun
}

func (s *bench) widened(e etf.ETF, err error) (etf.ETF, error) {
	e.Bars = 2000
	if n, ok := s.bars[e.Symbol]; ok {
		e.Bars = n
	}
	return e, err
}

func (s *bench) ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error) {
	return s.widened(s.record.ETF(ctx, symbol))
}

func (s *bench) ETFs(ctx context.Context, x etf.Exchange, after etf.Symbol, limit int) ([]etf.ETF, error) {
	page, err := s.record.ETFs(ctx, x, after, limit)
	for i := range page {
		page[i], _ = s.widened(page[i], nil)
	}
	return page, err
}

func (s *bench) StartBacktest(_ context.Context, r etf.BacktestRequest) (etf.BacktestRun, bool, error) {
	end, err := s.begin("StartBacktest")
	defer end()
	if err != nil {
		return etf.BacktestRun{}, false, err
	}
	b, there := s.runs[r.ID()]
	if there && (b.Status == etf.RunRunning || b.Status == etf.RunCompleted) {
		return b, false, nil
	}
	b = etf.BacktestRun{ID: r.ID(), BacktestRequest: r, Status: etf.RunRunning, StartedAt: now}
	s.runs[b.ID] = b
	return b, true, nil
}

func (s *bench) Backtest(_ context.Context, id string) (etf.BacktestRun, error) {
	end, err := s.begin("Backtest")
	defer end()
	b, there := s.runs[id]
	if err == nil && !there {
		err = etf.NotFound("id", "no row", "")
	}
	return b, err
}

func (s *bench) OpenBacktests(context.Context, int) (open []etf.BacktestRun, err error) {
	for _, b := range s.runs {
		if b.Status == etf.RunRunning {
			open = append(open, b)
		}
	}
	return open, nil
}

func (s *bench) BacktestAttempts(_ context.Context, base string) (n int, err error) {
	for _, b := range s.runs {
		if b.BaseID() == base {
			n = max(n, b.Attempt)
		}
	}
	return n, nil
}

func (s *bench) NewestKnown(context.Context, etf.Exchange, []etf.Symbol) (time.Time, error) {
	return s.known, nil
}

func (s *bench) end(id string, status etf.BacktestStatus, temporal *backtestEngine) {
	b := s.runs[id]
	b.Status, b.FinishedAt = status, now
	s.runs[id] = b
	temporal.executions[etf.BacktestWorkflowID(id)] = etf.Execution{Status: status, StartedAt: now, FinishedAt: now}
}

// backtestEngine is a Temporal that starts backtests.
type backtestEngine struct {
	*engine
	began []workflows.BacktestInput
}

func (t *backtestEngine) StartBacktest(ctx context.Context, in workflows.BacktestInput) (bool, error) {
	end, err := t.begin(ctx, "StartBacktest")
	defer end()
	if err != nil {
		return false, err
	}
	id := etf.BacktestWorkflowID(in.ID)
	if x, there := t.executions[id]; there && (x.Status == etf.RunRunning || x.Status == etf.RunCompleted) {
		return false, nil
	}
	t.executions[id] = etf.Execution{Status: etf.RunRunning, StartedAt: now}
	t.began = append(t.began, in)
	return true, nil
}

func newBench() (*Service, *bench, *backtestEngine) {
	store := &bench{record: newRecord(), bars: map[etf.Symbol]int{}, known: now.Add(-time.Hour), runs: map[string]etf.BacktestRun{}}
	store.etfs = map[etf.Symbol]etf.Exchange{"SPY": etf.XNYS, "QQQ": etf.XNYS, "069500": etf.XKRX}
	temporal := &backtestEngine{engine: newEngine()}
	return New(Deps{Store: store, Temporal: temporal, Now: atNow}), store, temporal
}

func mustStart(t *testing.T, s *Service, r NewBacktest) etf.BacktestRun {
	t.Helper()
	b, _, err := s.StartBacktest(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A question is the same however it is written, and another as soon as anything in it is.
func TestBacktestIdentity(t *testing.T) {
	t.Parallel()
	s, store, temporal := newBench()
	question := NewBacktest{Exchange: "XNYS", Symbols: []string{"SPY", "QQQ"}, Options: etf.BacktestOptions{Models: []string{"ets"}}}
	first := mustStart(t, s, question)
	if len(temporal.began) != 1 || temporal.began[0].ID != first.ID || temporal.began[0].Exchange != etf.XNYS || !strings.Contains(temporal.began[0].What, "QQQ, SPY as of 2025-09-27T11:00:00Z") {
		t.Fatalf("%+v", temporal.began)
	}
	for name, change := range map[string]func(*NewBacktest){
		"as it was":                  func(*NewBacktest) {},
		"another order":              func(r *NewBacktest) { r.Symbols = []string{"QQQ", "SPY", "SPY"} },
		"defaults written":           func(r *NewBacktest) { r.Options.Horizons, r.Options.RefitEvery = []int{21, 5, 1}, 21 },
		"the benchmark":              func(r *NewBacktest) { r.Options.Models = []string{"drift", "ets"} },
		"another zone":               func(r *NewBacktest) { r.AsOf = "2025-09-27T20:00:00.0000001+09:00" },
		"again, while it is running": func(r *NewBacktest) { r.Again = true },
	} {
		r := question
		change(&r)
		b, started, err := s.StartBacktest(t.Context(), r)
		if err != nil || started || b.ID != first.ID {
			t.Errorf("%s: %s, started %v, %v", name, b.ID, started, err)
		}
	}
	store.end(first.ID, etf.RunCompleted, temporal)
	seen := map[string]string{first.ID: "the first"}
	for _, c := range []struct {
		name   string
		change func(*NewBacktest)
	}{
		{"no exchange", func(r *NewBacktest) { r.Exchange = "" }},
		{"all ETFs", func(r *NewBacktest) { r.Symbols = nil }},
		{"another ETF", func(r *NewBacktest) { r.Symbols = r.Symbols[:1] }},
		{"another model", func(r *NewBacktest) { r.Options.Models = []string{"theta"} }},
		{"calibrated", func(r *NewBacktest) { r.Options.Calibrate = true }},
		{"other origins", func(r *NewBacktest) { r.From = "2020-01-02" }},
		{"a reason", func(r *NewBacktest) { r.Options.ExpectSignal = strings.Repeat("가", MaxSignalReason) }},
		{"another instant", func(r *NewBacktest) { r.AsOf = "2025-09-27T10:59:59Z" }},
		{"again", func(r *NewBacktest) { r.Again = true }},
	} {
		r := question
		c.change(&r)
		b := mustStart(t, s, r)
		if other, twice := seen[b.ID]; twice {
			t.Errorf("%s has the backtest of %s", c.name, other)
		}
		seen[b.ID] = c.name
		store.end(b.ID, etf.RunCompleted, temporal)
	}
	// Without again, the newest answer is found.
	if b := mustStart(t, s, question); seen[b.ID] != "again" || b.Attempt != 2 {
		t.Errorf("attempt %d", b.Attempt)
	}
	if len(temporal.began) != len(seen) {
		t.Errorf("%d workflows for %d backtests", len(temporal.began), len(seen))
	}
}

// What has not completed goes on under its ID; again asks anew.
func TestBacktestResumes(t *testing.T) {
	t.Parallel()
	for _, status := range []etf.BacktestStatus{etf.RunFailed, etf.RunCancelled, etf.RunTerminated} {
		s, store, temporal := newBench()
		first := mustStart(t, s, NewBacktest{Symbols: []string{"SPY"}})
		if status == etf.RunTerminated { // which nobody records
			temporal.executions[etf.BacktestWorkflowID(first.ID)] = etf.Execution{Status: status, StartedAt: now, FinishedAt: now}
		} else {
			store.end(first.ID, status, temporal)
		}
		if b, err := s.Backtest(t.Context(), first.ID); err != nil || b.Status != status {
			t.Errorf("%s: shown as %s, %v", status, b.Status, err)
		}
		b, started, err := s.StartBacktest(t.Context(), NewBacktest{Symbols: []string{"SPY"}})
		if err != nil || !started || b.ID != first.ID || b.Status != etf.RunRunning || len(temporal.began) != 2 {
			t.Errorf("%s: %+v, started %v, %v", status, b, started, err)
		}
		store.end(first.ID, status, temporal)
		if b := mustStart(t, s, NewBacktest{Symbols: []string{"SPY"}, Again: true}); b.ID == first.ID || b.Attempt != 2 {
			t.Errorf("%s: again is attempt %d", status, b.Attempt)
		}
	}
	// A start that failed between the record and Temporal is completed by a repeat.
	s, store, temporal := newBench()
	temporal.fail = failures{"StartBacktest": temporalAway}
	if _, _, err := s.StartBacktest(t.Context(), NewBacktest{Symbols: []string{"SPY"}}); etf.KindOf(err) != etf.KindUnavailable || len(store.runs) != 1 {
		t.Fatalf("%v, %d backtests", err, len(store.runs))
	}
	temporal.fail = nil
	if _, started, err := s.StartBacktest(t.Context(), NewBacktest{Symbols: []string{"SPY"}}); err != nil || !started || len(store.runs) != 1 {
		t.Errorf("started %v, %v, %d backtests", started, err, len(store.runs))
	}
}

// One that is recorded as running, and that Temporal does not run, is not left running for ever, and takes no place.
func TestBacktestWithoutWorkflow(t *testing.T) {
	t.Parallel()
	s, store, temporal := newBench()
	for i, symbol := range []string{"SPY", "QQQ"} {
		b := mustStart(t, s, NewBacktest{Symbols: []string{symbol}})
		old := store.runs[b.ID]
		old.StartedAt = now.Add(-time.Hour)
		store.runs[b.ID] = old
		id := etf.BacktestWorkflowID(b.ID)
		if i == 0 {
			delete(temporal.executions, id) // beyond its retention, or never started
		} else {
			temporal.executions[id] = etf.Execution{Status: etf.RunFailed, StartedAt: now.Add(-9 * time.Hour), FinishedAt: now.Add(-8 * time.Hour)} // the one before
		}
		if got, err := s.Backtest(t.Context(), b.ID); err != nil || got.Status != etf.RunTerminated || !strings.Contains(got.Error, "start it again") {
			t.Errorf("%s: %s %q, %v", symbol, got.Status, got.Error, err)
		}
		if _, err := s.CancelBacktest(t.Context(), b.ID); etf.KindOf(err) != etf.KindConflict {
			t.Errorf("%s cancelled: %v", symbol, err)
		}
	}
	mustStart(t, s, NewBacktest{Exchange: "XKRX"})
}

func TestBacktestLimits(t *testing.T) {
	t.Parallel()
	s, store, temporal := newBench()
	refused := func(r NewBacktest, kind etf.Kind, fields ...string) []*etf.Error {
		t.Helper()
		began := len(temporal.began)
		runs := maps.Clone(store.runs)
		_, _, err := s.StartBacktest(t.Context(), r)
		all := wantProblems(t, err, kind, fields...)
		if len(temporal.began) != began || len(store.runs) != len(runs) {
			t.Errorf("a refused request has started something: %+v", r)
		}
		return all
	}
	// 10,000,749 bars have 10,000,000 origins: with 8 models and 3 horizons 240 million forecasts, 120 times the limit.
	store.bars["SPY"] = 10_000_749
	models := []string{"drift", "ewma", "histsim", "ets", "theta", "garch", "prophet", "combination"}
	many := NewBacktest{Symbols: []string{"SPY"}, Options: etf.BacktestOptions{Models: models}}
	if e := refused(many, etf.KindInvalid, "origins_every")[0]; e.Message != "that would be some 240000024 forecasts; the limit is 2000000" || !strings.HasPrefix(e.Remedy, "measure an origin every 121 sessions, or fewer") {
		t.Errorf("%q, %q", e.Message, e.Remedy)
	}
	many.Options.OriginsEvery = 121 // as the remedy says
	if _, _, err := s.StartBacktest(t.Context(), many); err != nil {
		t.Errorf("the remedy does not help: %v", err)
	}
	// Counted over the exchange, but not those of the other one, nor origins outside the dates.
	refused(NewBacktest{Exchange: "XNYS", Options: etf.BacktestOptions{Models: models}}, etf.KindInvalid, "origins_every")
	mustStart(t, s, NewBacktest{Exchange: "XKRX", Options: etf.BacktestOptions{Models: models}})
	// Two are running.
	limited := NewBacktest{Exchange: "XNYS", From: "2020-01-02", To: "2024-12-31", Options: etf.BacktestOptions{Models: models}}
	if e := refused(limited, etf.KindConflict, "body")[0]; !strings.Contains(e.Message, "2 backtests are running") {
		t.Errorf("%q", e.Message)
	}
	for id := range store.runs {
		store.end(id, etf.RunFailed, temporal)
	}
	mustStart(t, s, limited)
}

func TestBacktestRefused(t *testing.T) {
	t.Parallel()
	s, store, _ := newBench()
	for _, c := range []struct {
		request NewBacktest
		fields  []string
	}{
		{NewBacktest{}, []string{"exchange"}},
		{NewBacktest{Exchange: "XPAR"}, []string{"exchange"}},
		{NewBacktest{Exchange: "XNYS", Symbols: []string{}}, []string{"symbols"}},
		{NewBacktest{Exchange: "XNYS", Symbols: []string{"SPY", "spy", "069500", "NONE"}}, []string{"symbols[1]", "symbols[2]", "symbols[3]"}},
		{NewBacktest{Symbols: slices.Repeat([]string{"SPY"}, MaxSymbols+1)}, []string{"symbols"}},
		{NewBacktest{Symbols: []string{"SPY"}, AsOf: "2025-09-27T12:00:01Z"}, []string{"as_of"}}, // a second after now
		{NewBacktest{Symbols: []string{"SPY"}, From: "2025-02-30", To: "x"}, []string{"from", "to"}},
		{NewBacktest{Symbols: []string{"SPY"}, Options: etf.BacktestOptions{OriginsEvery: MaxEvery + 1}}, []string{"origins_every"}},
		{NewBacktest{Symbols: []string{"SPY"}, Options: etf.BacktestOptions{RefitEvery: -1}}, []string{"refit_every"}},
		{NewBacktest{Symbols: []string{"SPY"}, Options: etf.BacktestOptions{Horizons: []int{0}}}, []string{"horizons"}},
		{NewBacktest{Symbols: []string{"SPY"}, Options: etf.BacktestOptions{Models: []string{"lstm"}}}, []string{"models"}},
		{NewBacktest{Symbols: []string{"SPY"}, Options: etf.BacktestOptions{ExpectSignal: strings.Repeat("가", MaxSignalReason+1)}}, []string{"expect_signal"}},
		{NewBacktest{Exchange: "XPAR", AsOf: "yesterday", Options: etf.BacktestOptions{Horizons: []int{22}}}, []string{"exchange", "horizons", "as_of"}},
	} {
		_, _, err := s.StartBacktest(t.Context(), c.request)
		wantProblems(t, err, etf.KindInvalid, c.fields...)
	}
	store.known = time.Time{}
	_, _, err := s.StartBacktest(t.Context(), NewBacktest{Exchange: "XNYS"})
	wantProblems(t, err, etf.KindInvalid, "symbols")
	if len(store.runs) != 0 {
		t.Errorf("%d backtests of refused requests", len(store.runs))
	}
}
