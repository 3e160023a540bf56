package db_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func backtestOf(symbols ...etf.Symbol) etf.BacktestRequest {
	return etf.BacktestRequest{
		Exchange: etf.XNYS, Symbols: symbols, AsOf: time.Date(2025, 9, 26, 20, 0, 0, 123456000, time.UTC), Attempt: 1,
		Options: etf.BacktestOptions{Models: []string{"drift"}, Horizons: []int{1, 5}, From: etf.MustSession("2020-01-02"), OriginsEvery: 1, RefitEvery: 21, ExpectSignal: "it's \\ simulated ü"},
	}
}

func testBacktests(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := backtestOf("BTA", "BTB", "BTC")
	run, started, err := s.StartBacktest(ctx, r)
	must(err)
	if !started || run.ID != r.ID() || !reflect.DeepEqual(run.BacktestRequest, r) || run.Status != etf.RunRunning || run.StartedAt.IsZero() {
		t.Fatalf("%v %+v", started, run)
	}
	if again, started, err := s.StartBacktest(ctx, r); err != nil || started || !reflect.DeepEqual(again, run) {
		t.Fatalf("repeated: %v %+v %v", started, again, err)
	}
	if _, err := s.BacktestResult(ctx, run.ID); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("the result of a running backtest: %v", err)
	}
	plan := []etf.BacktestRunETF{{Symbol: "BTA", Exchange: etf.XNYS, DataVersion: 3}, {Symbol: "BTB", Exchange: etf.XNYS}, {Symbol: "BTC", Exchange: etf.XKRX, DataVersion: 1}}
	counts, err := s.PlanBacktest(ctx, run.ID, plan)
	must(err)
	if counts != (etf.BacktestCounts{ETFs: 3}) {
		t.Fatalf("%+v", counts)
	}
	if counts, err := s.PlanBacktest(ctx, run.ID, plan[:1]); err != nil || counts.ETFs != 3 {
		t.Fatalf("a second plan replaces the first: %+v, %v", counts, err)
	}
	pending := func(after etf.Symbol, want ...etf.Symbol) {
		t.Helper()
		list, err := s.PendingBacktestETFs(ctx, run.ID, after, 2)
		must(err)
		var got []etf.Symbol
		for _, e := range list {
			got = append(got, e.Symbol)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("pending after %q: %v, want %v", after, got, want)
		}
	}
	pending("", "BTA", "BTB")
	pending("BTB", "BTC")

	// More than two pieces, which do not compress.
	body := make([]byte, 5<<19)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	counts, err = s.SaveBacktestPart(ctx, run.ID, etf.BacktestPart{Symbol: "BTA", Origins: 250, CodeVersion: "v1", Body: body})
	must(err)
	if want := (etf.BacktestCounts{ETFs: 3, Measured: 1, Origins: 250}); counts != want {
		t.Fatalf("%+v, want %+v", counts, want)
	}
	if counts, err = s.SaveBacktestPart(ctx, run.ID, etf.BacktestPart{Symbol: "BTA", Origins: 9, CodeVersion: "v2", Body: []byte("other")}); err != nil || counts.Origins != 250 {
		t.Fatalf("a repeat: %+v, %v", counts, err)
	}
	must(second(s.SaveBacktestPart(ctx, run.ID, etf.BacktestPart{Symbol: "BTB", Error: "nothing was stored"})))
	if part, err := s.BacktestPart(ctx, run.ID, "BTA"); err != nil || !bytes.Equal(part.Body, body) || part.CodeVersion != "v1" || part.Origins != 250 {
		t.Fatalf("%d bytes by %s, %v", len(part.Body), part.CodeVersion, err)
	}
	pending("", "BTC")
	list, err := s.BacktestETFs(ctx, run.ID, "", 10)
	must(err)
	plan[0].Done, plan[0].Origins, plan[1].Done, plan[1].Error = true, 250, true, "nothing was stored"
	if !reflect.DeepEqual(list, plan) {
		t.Errorf("%+v, want %+v", list, plan)
	}
	if e, err := s.BacktestETF(ctx, run.ID, "BTC"); err != nil || e != plan[2] {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := s.BacktestETF(ctx, run.ID, "SPY"); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("an ETF that is not in the plan: %v", err)
	}

	hash, err := s.SaveBacktestResult(ctx, run.ID, []byte("first"), false, "v1")
	must(err)
	hash2, err := s.SaveBacktestResult(ctx, run.ID, body, true, "v1, v2")
	must(err)
	sum := sha256.Sum256(body)
	if hash2 != hex.EncodeToString(sum[:]) || hash == hash2 {
		t.Errorf("hashes %s, %s", hash, hash2)
	}
	if got, err := s.BacktestResult(ctx, run.ID); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	must(s.DropBacktestPart(ctx, run.ID, "BTA"))
	if err := s.DropBacktestPart(ctx, run.ID, ""); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("the result was dropped as a part: %v", err)
	}
	end := etf.BacktestEnd{ID: run.ID, Status: etf.RunCompleted}
	must(s.FinishBacktest(ctx, end))
	must(s.FinishBacktest(ctx, etf.BacktestEnd{ID: run.ID, Status: etf.RunFailed, Error: "late"})) // a repeat
	got, err := s.Backtest(ctx, run.ID)
	must(err)
	if got.Status != etf.RunCompleted || got.FinishedAt.IsZero() || got.Error != "" || !got.LeakSuspected || got.Hash != hash2 || got.CodeVersion != "v1, v2" {
		t.Errorf("%+v", got)
	}
	if got, err := s.BacktestResult(ctx, run.ID); err != nil || !bytes.Equal(got, body) {
		t.Errorf("after the parts are gone: %d bytes, %v", len(got), err)
	}
	if _, started, err := s.StartBacktest(ctx, r); err != nil || started {
		t.Errorf("a completed backtest was started again: %v, %v", started, err)
	}
	if _, err := s.SaveBacktestPart(ctx, run.ID, etf.BacktestPart{Symbol: "BTC", Body: body}); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("a part of a completed backtest: %v", err)
	}

	// Cancelled: neither plan nor parts stay, and it can be started again.
	r.Attempt = 2
	other, _, err := s.StartBacktest(ctx, r)
	must(err)
	if n, err := s.BacktestAttempts(ctx, r.BaseID()); err != nil || n != 2 {
		t.Errorf("%d attempts, %v", n, err)
	}
	if open, err := s.OpenBacktests(ctx, 10); err != nil || len(open) != 1 || open[0].ID != other.ID {
		t.Errorf("open: %+v, %v", open, err)
	}
	_, err = s.PlanBacktest(ctx, other.ID, plan)
	must(err)
	must(second(s.SaveBacktestPart(ctx, other.ID, etf.BacktestPart{Symbol: "BTA", Origins: 7, CodeVersion: "v1", Body: body})))
	_, err = s.SaveBacktestPart(ctx, other.ID, etf.BacktestPart{Symbol: "BTB", Error: "too short"})
	must(err)
	must(second(s.SaveBacktestResult(ctx, other.ID, body, true, "v1"))) // by a worker that was killed before it said so
	must(s.FinishBacktest(ctx, etf.BacktestEnd{ID: other.ID, Status: etf.RunCancelled}))
	if got, err := s.Backtest(ctx, other.ID); err != nil || got.Hash != "" || got.LeakSuspected {
		t.Errorf("cancelled, with a result: %+v, %v", got, err)
	}
	if _, err := s.BacktestResult(ctx, other.ID); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("the result of a cancelled backtest: %v", err)
	}
	if list, err := s.BacktestETFs(ctx, other.ID, "", 10); err != nil || len(list) > 0 {
		t.Errorf("after it was cancelled: %+v, %v", list, err)
	}
	if again, started, err := s.StartBacktest(ctx, r); err != nil || !started || again.Status != etf.RunRunning || !again.FinishedAt.IsZero() || again.Counts != (etf.BacktestCounts{}) {
		t.Errorf("started again: %v %+v %v", started, again, err)
	}
	// Failed: what was measured stays, what could not be is tried again, and a result is made again.
	_, err = s.PlanBacktest(ctx, other.ID, plan)
	must(err)
	must(second(s.SaveBacktestPart(ctx, other.ID, etf.BacktestPart{Symbol: "BTA", Origins: 7, CodeVersion: "v1", Body: []byte("anew")})))
	must(second(s.SaveBacktestResult(ctx, other.ID, body, true, "v1")))
	_, err = s.SaveBacktestPart(ctx, other.ID, etf.BacktestPart{Symbol: "BTB", Error: "too short"})
	must(err)
	must(s.FinishBacktest(ctx, etf.BacktestEnd{ID: other.ID, Status: etf.RunFailed, Error: "the database was away"}))
	if again, started, err := s.StartBacktest(ctx, r); err != nil || !started || again.Counts != (etf.BacktestCounts{ETFs: 3, Measured: 1, Origins: 7}) || again.Error != "" ||
		again.Hash != "" || again.LeakSuspected {
		t.Errorf("started again: %v %+v %v", started, again, err)
	}
	if part, err := s.BacktestPart(ctx, other.ID, "BTA"); err != nil || string(part.Body) != "anew" {
		t.Errorf("%q, %v", part.Body, err)
	}
	if counts, err := s.CountBacktests(ctx); err != nil || !reflect.DeepEqual(counts, map[etf.BacktestStatus]int{etf.RunCompleted: 1, etf.RunRunning: 1}) {
		t.Errorf("%v, %v", counts, err)
	}

	page, next, err := s.Backtests(ctx, etf.BacktestFilter{Exchange: etf.XNYS}, etf.Cursor{}, 1)
	must(err)
	if len(page) != 1 || page[0].ID != other.ID || next.IsZero() {
		t.Fatalf("%+v, %v", page, next)
	}
	if page, next, err = s.Backtests(ctx, etf.BacktestFilter{}, next, 1); err != nil || len(page) != 1 || page[0].ID != run.ID || !next.IsZero() {
		t.Errorf("%+v, %v, %v", page, next, err)
	}
	if page, _, err = s.Backtests(ctx, etf.BacktestFilter{Statuses: []etf.BacktestStatus{etf.RunFailed, etf.RunCompleted}}, etf.Cursor{}, 9); err != nil || len(page) != 1 || page[0].ID != run.ID {
		t.Errorf("%+v, %v", page, err)
	}
	if _, err := s.Backtest(ctx, "x"); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("an unknown backtest: %v", err)
	}

	register(t, s, "BTNEW")
	if at, err := s.NewestKnown(ctx, etf.XNYS, []etf.Symbol{"BTNEW"}); err != nil || !at.IsZero() {
		t.Errorf("nothing is stored, known at %s, %v", at, err)
	}
	ingest(t, s, "BTNEW", weekdays(day(0), 3))
	at, err := s.NewestKnown(ctx, etf.XNYS, []etf.Symbol{"BTNEW"})
	must(err)
	if all, err := s.NewestKnown(ctx, etf.XNYS, nil); err != nil || !all.Equal(at) {
		t.Errorf("of the exchange %s, of the ETF stored last %s, %v", all, at, err)
	}
	if v, err := s.AsOfTime(ctx, "BTNEW", at); err != nil || v.Version != 1 {
		t.Errorf("what is believed at that instant is version %d, %v", v.Version, err)
	}
	if v, err := s.AsOfTime(ctx, "BTNEW", at.Add(-time.Microsecond)); err != nil || v.Version != 0 {
		t.Errorf("before it, version %d, %v", v.Version, err)
	}
}

func second[T any](_ T, err error) error { return err }

// However many workers store the part of an ETF at the same time, there is one, whole, and one event of it.
func testBacktestWorkers(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	r := backtestOf("BTW1", "BTW2")
	run, _, err := s.StartBacktest(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PlanBacktest(ctx, run.ID, []etf.BacktestRunETF{{Symbol: "BTW1", Exchange: etf.XNYS, DataVersion: 1}, {Symbol: "BTW2", Exchange: etf.XNYS, DataVersion: 1}}); err != nil {
		t.Fatal(err)
	}
	span, err := s.EventSpan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			symbol := etf.Symbol(fmt.Sprintf("BTW%d", 1+i%2))
			_, errs[i] = s.SaveBacktestPart(context.WithoutCancel(ctx), run.ID, etf.BacktestPart{Symbol: symbol, Origins: 10, Body: bytes.Repeat([]byte{byte(i)}, 3<<20)})
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Backtest(ctx, run.ID)
	if want := (etf.BacktestCounts{ETFs: 2, Measured: 2, Origins: 20}); err != nil || got.Counts != want {
		t.Errorf("%+v, %v, want %+v", got.Counts, err, want)
	}
	for _, symbol := range []etf.Symbol{"BTW1", "BTW2"} {
		part, err := s.BacktestPart(ctx, run.ID, symbol)
		if err != nil || len(part.Body) != 3<<20 || bytes.Count(part.Body, part.Body[:1]) != len(part.Body) {
			t.Errorf("the part of %s has %d bytes, %v", symbol, len(part.Body), err)
		}
	}
	events, err := s.Events(ctx, etf.EventQuery{After: span.Newest, Kinds: []etf.EventKind{etf.EventBacktestProgress}, Limit: 100})
	if err != nil || len(events) != 2 || events[0].Subject != run.ID {
		t.Errorf("%d events, %v: %+v", len(events), err, events)
	}
}

// The weights are those of the newest completed backtest of the whole exchange that is not suspected of a leak.
func TestBacktestWeights(t *testing.T) { onServers(t, testBacktestWeights) }

func testBacktestWeights(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	run := func(attempt int, status etf.RunStatus, leak bool, result string, symbols ...etf.Symbol) string {
		t.Helper()
		r := backtestOf(symbols...)
		r.Exchange, r.Attempt = etf.XKRX, attempt
		b, _, err := s.StartBacktest(ctx, r)
		if err == nil && result != "" {
			_, err = s.SaveBacktestResult(ctx, b.ID, []byte(result), leak, "v1")
		}
		if err == nil {
			err = s.FinishBacktest(ctx, etf.BacktestEnd{ID: b.ID, Status: status})
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.ID
	}
	const result = `{"weights": [{"exchange": "XKRX", "horizon": 5, "models": {"drift": 0.25, "ets": 0.75}}]}`
	run(1, etf.RunCompleted, false, result, "BTW")
	run(2, etf.RunCompleted, true, result)
	run(3, etf.RunFailed, false, "")
	if _, _, err := s.BacktestWeights(ctx, etf.XKRX); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("of single ETFs, with a leak, or failed: %v", err)
	}
	id := run(4, etf.RunCompleted, false, result)
	found, weights, err := s.BacktestWeights(ctx, etf.XKRX)
	if err != nil || found != id || len(weights) != 1 || weights[0].Horizon != 5 || weights[0].Models["ets"] != .75 {
		t.Errorf("%s %+v, %v; want %s", found, weights, err, id)
	}
	newer := run(5, etf.RunCompleted, false, "no JSON")
	if found, _, err := s.BacktestWeights(ctx, etf.XKRX); found != newer || etf.KindOf(err) != etf.KindCorrupt {
		t.Errorf("a result that can't be read: %s, %v", found, err)
	}
}
