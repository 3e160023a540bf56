package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// The commands about backtests of stored ETFs, with a database that has some and without Temporal.
func TestStoredBacktests(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1"}
	ctx, s := t.Context(), database.Store
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	record := func(symbol etf.Symbol, end etf.BacktestStatus, result *etf.Backtest) string {
		t.Helper()
		b, _, err := s.StartBacktest(ctx, etf.BacktestRequest{Exchange: etf.XNYS, Symbols: []etf.Symbol{symbol}, AsOf: time.Date(2025, 9, 26, 21, 0, 0, 0, time.UTC), Attempt: 1,
			Options: etf.BacktestOptions{Models: []string{"drift", "theta"}, Horizons: []int{1}, OriginsEvery: 1, RefitEvery: 21}})
		must(err)
		_, err = s.PlanBacktest(ctx, b.ID, []etf.BacktestRunETF{{Symbol: symbol, Exchange: etf.XNYS, DataVersion: 1}, {Symbol: "SHORT", Exchange: etf.XNYS, DataVersion: 1}})
		must(err)
		_, err = s.SaveBacktestPart(ctx, b.ID, etf.BacktestPart{Symbol: "SHORT", Error: "rows: too short"})
		must(err)
		if result != nil {
			_, err = s.SaveBacktestPart(ctx, b.ID, etf.BacktestPart{Symbol: symbol, Origins: 7, Body: []byte("{}")})
			must(err)
			body, err := json.Marshal(result)
			must(err)
			_, err = s.SaveBacktestResult(ctx, b.ID, body, result.LeakSuspected, "v1")
			must(err)
		}
		must(s.FinishBacktest(ctx, etf.BacktestEnd{ID: b.ID, Status: end, Error: map[bool]string{true: "no disk\nis left"}[end == etf.RunFailed]}))
		return b.ID
	}
	rel := .4
	options := etf.BacktestOptions{Models: []string{"drift", "theta"}, Horizons: []int{1}, OriginsEvery: 1, RefitEvery: 21}
	leaking := record("LEAK", etf.RunCompleted, &etf.Backtest{
		Options: options, ETFs: []etf.BacktestETF{{ETF: "LEAK", Exchange: etf.XNYS, Rows: 780, Origins: 7}},
		Results:       []etf.BacktestResult{{ETF: "LEAK", Exchange: etf.XNYS, Model: "theta", Horizon: 1, N: 7, RelMAE: &rel}},
		LeakSuspected: true, Suspects: []etf.BacktestSuspect{{ETF: "LEAK", Exchange: etf.XNYS, Model: "theta", RelMAE: rel, N: 7}}, Leaks: []string{"theta on LEAK: too good"},
	})
	failed := record("SPY", etf.RunFailed, nil)

	call := func(want int, args ...string) (out, errs string) {
		t.Helper()
		code, out, errs := etfcast(t, env, append([]string{"backtest"}, args...)...)
		if code != want {
			t.Fatalf("%v: exit %d, want %d: %s%s", args, code, want, out, errs)
		}
		return out, errs
	}
	contains := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q is not in\n%s", part, text)
			}
		}
	}
	out, _ := call(exitOK, "list")
	contains(out, leaking, failed, "completed", "suspected", "failed", "XNYS: LEAK as of 2025-09-26T21:00:00Z")
	if out, _ = call(exitOK, "list", "--status", "failed", "--json"); strings.Contains(out, leaking) || !strings.Contains(out, failed) {
		t.Errorf("those that failed:\n%s", out)
	}
	_, errs := call(exitUsage, "list", "--status", "done")
	contains(errs, "status")

	// Looking at a suspected leak is no failure.
	folder := filepath.Join(t.TempDir(), "report")
	out, errs = call(exitOK, "show", leaking, "--report", folder)
	contains(out, "2 of 2 ETFs done, 1 of them can't be measured; 7 origins", "SHORT", "rows: too short", "theta", "0.4000", "theta on LEAK: too good", "by code v1")
	contains(errs, "a leak is suspected")
	page, err := os.ReadFile(filepath.Join(folder, "index.html"))
	must(err)
	contains(string(page), "theta on LEAK: relative MAE 0.400")
	out, _ = call(exitOK, "show", leaking, "--json")
	var b etf.Backtest
	if err := json.Unmarshal([]byte(out), &b); err != nil || len(b.Results) != 1 || len(b.Suspects) != 1 {
		t.Errorf("%v: %s", err, out)
	}

	out, _ = call(exitOK, "show", failed)
	contains(out, "error: no disk is left", "1 of 2 ETFs done")
	_, errs = call(exitUsage, "show", failed, "--report", folder)
	contains(errs, "has no result: it is failed")
	_, errs = call(exitUsage, "show", "1234")
	contains(errs, "is not the ID of a backtest")
	_, errs = call(exitUsage, "show", strings.Repeat("0", 32))
	contains(errs, "`etfcast backtest list`")
	_, errs = call(exitUsage, "cancel", leaking)
	contains(errs, "has already ended: it is completed")

	_, errs = call(exitUsage, "start")
	contains(errs, "neither an exchange nor symbols are named")
	_, errs = call(exitUsage, "start", "--symbols", "NONE")
	contains(errs, "NONE is not registered")
	_, errs = call(exitUsage, "start", "--exchange", "XNYS")
	contains(errs, "nothing is stored of these ETFs")
	_, errs = call(exitUsage, "start", "--exchange", "XNYS", "--report", folder)
	contains(errs, "give --wait too")
}
