package db_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// However many workers take requests at once, none is counted twice and the limit is never exceeded; backfills leave the daily runs
// what is reserved for them.
func TestQuotas(t *testing.T) { onServers(t, testQuotas) }

func testQuotas(t *testing.T, d dbtest.Database) {
	ctx := context.Background()
	stores := []*db.Store{d.Store, d.Another(t, db.Options{})}
	request := etf.QuotaRequest{Source: "tight", Day: day(0), Renewed: time.Date(2025, 1, 3, 0, 0, 0, 0, time.UTC), Limit: 20, Reserved: 8, Requests: 1}
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := map[bool]int{}
	var refusals []error
	for i := range 8 {
		wg.Go(func() {
			r := request
			r.Behind = i < 6
			for range 6 {
				_, err := stores[i%2].TakeQuota(ctx, r)
				mu.Lock()
				if err == nil {
					taken[r.Behind]++
				} else {
					refusals = append(refusals, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	use, err := d.Store.QuotaUse(ctx, "tight", day(0))
	if err != nil || use.Used != taken[true]+taken[false] || use.Behind != taken[true] || use.Used != 20 || taken[false] < 8 {
		t.Errorf("%d taken by backfills and %d by daily runs; stored: %+v (%v)", taken[true], taken[false], use, err)
	}
	for _, err := range refusals {
		for _, one := range etf.Errors(err) {
			if one.Kind != etf.KindRateLimited || !one.Until.Equal(request.Renewed) {
				t.Errorf("refused with %+v", one)
			}
		}
	}
	if len(refusals) != 48-20 {
		t.Errorf("%d refusals", len(refusals))
	}
	// Another day and another source have quotas of their own.
	request.Day = day(1)
	if use, err := d.Store.TakeQuota(ctx, request); err != nil || use.Used != 1 {
		t.Errorf("the next day: %+v (%v)", use, err)
	}
	// Once the source itself refuses, nothing is left.
	if err := d.Store.RefuseQuota(ctx, "tight", day(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Store.TakeQuota(ctx, request); etf.KindOf(err) != etf.KindRateLimited {
		t.Errorf("after the source's own refusal: %v", err)
	}
	if use, err := d.Store.QuotaUse(ctx, "tight", day(1)); err != nil || !use.Refused || use.Used != 1 {
		t.Errorf("after the refusal: %+v (%v)", use, err)
	}
	// It is asked again once a person says so, within the quota.
	if err := d.Store.AllowQuota(ctx, "tight", day(1)); err != nil {
		t.Fatal(err)
	}
	if use, err := d.Store.TakeQuota(ctx, request); err != nil || use.Refused || use.Used != 2 {
		t.Errorf("after it is allowed again: %+v (%v)", use, err)
	}
	if err := d.Store.AllowQuota(ctx, "never-asked", day(1)); err != nil {
		t.Error(err)
	}
}

// Of many workers that see an open breaker's time come, one asks the source. Changes of the state are recorded, each with an event.
func TestBreakers(t *testing.T) { onServers(t, testBreakers) }

func testBreakers(t *testing.T, d dbtest.Database) {
	ctx := context.Background()
	now := time.Date(2025, 1, 2, 22, 0, 0, 0, time.UTC)
	change := func(do func(etf.Breaker) etf.Breaker) etf.Breaker {
		t.Helper()
		b, err := d.Store.ChangeBreaker(ctx, "down", do)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, symbol := range []etf.Symbol{"A", "B", "C", "D", "E"} {
		change(func(b etf.Breaker) etf.Breaker { return b.Failed(symbol, "connection refused", 10, now) })
	}
	b, err := d.Store.Breaker(ctx, "down")
	if err != nil || b.State != etf.BreakerOpen || !b.RetryAt.Equal(now.Add(5*time.Minute)) || !slices.Equal(b.Failing, []etf.Symbol{"A", "B", "C", "D", "E"}) || b.Failures != 5 {
		t.Fatalf("after five failures: %+v (%v)", b, err)
	}
	later := b.RetryAt
	var wg sync.WaitGroup
	var mu sync.Mutex
	probes := 0
	for range 8 {
		wg.Go(func() {
			var probe bool
			_, err := d.Store.ChangeBreaker(ctx, "down", func(b etf.Breaker) etf.Breaker {
				if _, probe = b.Admits(later); probe {
					return b.Probe(later)
				}
				return b
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if probe {
				probes++
			}
		})
	}
	wg.Wait()
	if probes != 1 {
		t.Errorf("%d requests are let through", probes)
	}
	change(func(b etf.Breaker) etf.Breaker { return b.Failed("A", "still down", 10, later) })
	later = later.Add(time.Hour)
	change(func(b etf.Breaker) etf.Breaker { return b.Probe(later) })
	if b := change(func(b etf.Breaker) etf.Breaker { return b.Succeeded(later) }); b.State != etf.BreakerClosed || b.Failures != 0 || b.Opened != 0 {
		t.Errorf("after a success: %+v", b)
	}
	changes, err := d.Store.BreakerChanges(ctx, "down", 10)
	var states []etf.BreakerState
	for _, c := range changes {
		states = append(states, c.State)
	}
	want := []etf.BreakerState{etf.BreakerClosed, etf.BreakerHalfOpen, etf.BreakerOpen, etf.BreakerHalfOpen, etf.BreakerOpen}
	if err != nil || !slices.Equal(states, want) || changes[0].Number != 5 {
		t.Errorf("the changes are %v (%v)", states, err)
	}
	events, err := d.Store.Events(ctx, etf.EventQuery{Kinds: []etf.EventKind{etf.EventSourceChanged}, Limit: 10})
	if err != nil || len(events) != 5 || events[0].Subject != "down" {
		t.Errorf("the events are %+v (%v)", events, err)
	}
	if list, err := d.Store.Breakers(ctx); err != nil || len(list) != 1 || list[0].Source != "down" {
		t.Errorf("the breakers are %+v (%v)", list, err)
	}
}

func TestSourceETFs(t *testing.T) { onServers(t, testSourceETFs) }

func testSourceETFs(t *testing.T, d dbtest.Database) {
	ctx := context.Background()
	register(t, d.Store, "AAA")
	register(t, d.Store, "BBB")
	if _, _, err := d.Store.CreateETF(ctx, etf.ETF{Symbol: "CCC", Exchange: etf.XKRX, Currency: "KRW",
		Sources: []etf.SourceRef{{Name: "file", Ref: "c.csv"}, {Name: "simulated", Ref: "C"}}}); err != nil {
		t.Fatal(err)
	}
	retired := true
	if _, _, err := d.Store.ChangeETF(ctx, etf.ETFEdit{Symbol: "BBB", Retired: &retired, By: "Kim"}); err != nil {
		t.Fatal(err)
	}
	all, err := d.Store.SourceETFs(ctx)
	want := []etf.SourceETF{{Symbol: "AAA", Exchange: etf.XNYS, Ref: "AAA", Place: 1}, {Symbol: "CCC", Exchange: etf.XKRX, Ref: "C", Place: 2}}
	if err != nil || !slices.Equal(all["simulated"], want) || len(all["file"]) != 1 || etf.Preferring(all["simulated"]) != 1 {
		t.Errorf("got %+v (%v)", all, err)
	}
}
