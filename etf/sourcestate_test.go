package etf_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

var evening = time.Date(2025, 9, 26, 21, 30, 0, 0, time.UTC)

// failing is the breaker after fetches of the ETFs have failed, one after the other.
func failing(etfs int, symbols ...etf.Symbol) etf.Breaker {
	b := etf.Breaker{Source: "s", State: etf.BreakerClosed}
	for _, symbol := range symbols {
		b = b.Failed(symbol, "down", etfs, evening)
	}
	return b
}

// A breaker opens after failures of five different ETFs, or of all of them if there are fewer: one bad symbol is no outage.
func TestBreakerOpens(t *testing.T) {
	for _, c := range []struct {
		name    string
		etfs    int
		symbols []etf.Symbol
		open    bool
	}{
		{"four ETFs", 10, []etf.Symbol{"A", "B", "C", "D"}, false},
		{"five ETFs", 10, []etf.Symbol{"A", "B", "C", "D", "E"}, true},
		{"one ETF again and again", 10, []etf.Symbol{"A", "A", "A", "A", "A", "A", "A"}, false},
		{"four of ten, again and again", 10, []etf.Symbol{"A", "B", "C", "D", "A", "B", "C", "D"}, false},
		{"the only ETF, five times", 1, []etf.Symbol{"A", "A", "A", "A", "A"}, true},
		{"the only ETF, four times", 1, []etf.Symbol{"A", "A", "A", "A"}, false},
		{"both ETFs", 2, []etf.Symbol{"A", "B", "A", "B", "A"}, true},
		{"one of two ETFs", 2, []etf.Symbol{"A", "A", "A", "A", "A"}, false},
		{"an ETF that no longer names it", 0, []etf.Symbol{"A", "A", "A", "A", "A"}, true},
	} {
		b := failing(c.etfs, c.symbols...)
		if open := b.State == etf.BreakerOpen; open != c.open || b.Failures != len(c.symbols) {
			t.Errorf("%s: %+v", c.name, b)
		}
	}
}

// It stays open for 5 minutes, which double up to 6 hours while the one request that is let through keeps failing.
func TestBreakerOpensForLonger(t *testing.T) {
	b, now := failing(5, "A", "B", "C", "D", "E"), evening
	for _, minutes := range []int{5, 10, 20, 40, 80, 160, 320, 360, 360} {
		open := time.Duration(minutes) * time.Minute
		if b.State != etf.BreakerOpen || b.RetryAt.Sub(now) != open {
			t.Fatalf("%+v at %s, want it open for %s", b, now, open)
		}
		if pass, _ := b.Admits(b.RetryAt.Add(-time.Second)); pass {
			t.Error("a request passes before its time")
		}
		now = b.RetryAt
		if pass, probe := b.Admits(now); !pass || !probe {
			t.Error("no request passes when its time has come")
		}
		b = b.Probe(now)
		if pass, _ := b.Admits(now.Add(time.Minute)); pass || !b.LookAgain(now).After(now) {
			t.Error("a second request passes")
		}
		b = b.Failed("A", "still down", 5, now)
	}
	b = b.Probe(b.RetryAt).Succeeded(b.RetryAt)
	if pass, probe := b.Admits(now); b.State != etf.BreakerClosed || !pass || probe || b.Failures != 0 || len(b.Failing) != 0 || b.Reason != "" {
		t.Errorf("after a success: %+v", b)
	}
	// The next outage begins at the beginning.
	for i := range 5 {
		b = b.Failed(etf.Symbol(fmt.Sprint("A", i)), "down", 5, now)
	}
	if b.RetryAt.Sub(now) != 5*time.Minute {
		t.Errorf("opens again until %s", b.RetryAt)
	}
}

// A request that says nothing about the source lets the next one decide; one whose worker was killed does after a while.
func TestBreakerProbeWithoutOutcome(t *testing.T) {
	b := failing(5, "A", "B", "C", "D", "E")
	half := b.Probe(b.RetryAt)
	if pass, probe := half.Released(b.RetryAt.Add(time.Second)).Admits(b.RetryAt.Add(time.Second)); !pass || !probe {
		t.Error("the next request does not decide")
	}
	if pass, probe := half.Admits(half.RetryAt); !pass || !probe {
		t.Error("nothing passes after the request that never came back")
	}
	closed := failing(5, "A")
	if released := closed.Released(evening); released.State != closed.State || released.Failures != 1 {
		t.Errorf("a closed breaker becomes %+v", released)
	}
}

// One ETF whose response can't be read and that is always asked for first does not keep a breaker open for the others; a source that
// sends nothing readable does, after as many requests as opened it.
func TestBreakerProbeOfABadETF(t *testing.T) {
	open := failing(10, "A", "B", "C", "D", "E")
	now := open.RetryAt
	b := open.Probe(now).FailedAlone("A", "no prices", 10, now)
	if pass, probe := b.Admits(now); !pass || !probe || b.Opened != 1 || b.Failures != 6 {
		t.Fatalf("after one bad ETF: %+v", b)
	}
	if closed := b.Probe(now).Succeeded(now); closed.State != etf.BreakerClosed {
		t.Errorf("after a response for another: %+v", closed)
	}
	if again := b.Probe(now).FailedAlone("A", "no prices", 10, now); again.Opened != 1 || len(again.Failing) != 1 {
		t.Errorf("after the same ETF again: %+v", again)
	}
	for _, symbol := range []etf.Symbol{"B", "C", "D", "E"} {
		if pass, _ := b.Admits(now); !pass {
			t.Errorf("%s may not decide: %+v", symbol, b)
		}
		b = b.Probe(now).FailedAlone(symbol, "no prices", 10, now)
	}
	if pass, _ := b.Admits(now); pass || b.Opened != 2 || b.RetryAt.Sub(now) != 10*time.Minute {
		t.Errorf("after five bad ETFs: %+v", b)
	}
	// The next time it begins anew.
	if b = b.Probe(b.RetryAt).FailedAlone("A", "no prices", 10, b.RetryAt); b.Opened != 2 || len(b.Failing) != 1 {
		t.Errorf("the next time: %+v", b)
	}
	if only := failing(1, "A", "A", "A", "A", "A").Probe(now).FailedAlone("A", "no prices", 1, now); only.Opened != 2 {
		t.Errorf("the only ETF: %+v", only)
	}
}

// What a worker has written whose clock was far ahead does not keep a source from being asked when others know better.
func TestBreakerWrongClock(t *testing.T) {
	b, ahead := etf.Breaker{State: etf.BreakerClosed}, evening.AddDate(1, 0, 0)
	for range 5 {
		b = b.Failed("A", "down", 1, ahead)
	}
	for name, wrong := range map[string]etf.Breaker{"open": b, "half open": b.Probe(b.RetryAt)} {
		if pass, probe := wrong.Admits(evening); !pass || !probe {
			t.Errorf("%s: it is not asked for a year", name)
		}
	}
	open := failing(1, "A", "A", "A", "A", "A")
	if pass, _ := open.Admits(evening.Add(-30 * time.Second)); pass {
		t.Error("half a minute of difference opens a breaker")
	}
	if b := (etf.Breaker{State: etf.BreakerClosed}).Succeeded(ahead).Succeeded(evening); !b.LastSuccess.Equal(evening) {
		t.Errorf("the last success stays in the future: %+v", b)
	}
}

// A success in between begins the count again, and one a second after another changes nothing.
func TestBreakerSuccess(t *testing.T) {
	b := failing(5, "A", "B", "C", "D").Succeeded(evening)
	if b = b.Failed("E", "down", 5, evening); b.State != etf.BreakerClosed || b.Failures != 1 {
		t.Errorf("%+v", b)
	}
	b = etf.Breaker{State: etf.BreakerClosed}.Succeeded(evening)
	if again := b.Succeeded(evening.Add(time.Second)); !again.LastSuccess.Equal(evening) {
		t.Error("every success is recorded")
	}
	if later := b.Succeeded(evening.Add(2 * time.Minute)); !later.LastSuccess.After(evening) {
		t.Error("a later success is not recorded")
	}
}

// Backfills leave the daily runs two requests for each ETF, at most half of the quota, and at least one for each; what these have
// used is no longer kept. Of a fallback's, one for each ETF, and at most half.
func TestQuotaReserve(t *testing.T) {
	for _, c := range []struct{ limit, preferring, naming, want int }{
		{20, 2, 2, 4}, {20, 10, 10, 10}, {20, 15, 15, 15}, {1000, 100, 100, 200}, {20, 0, 0, 0}, {20, 30, 30, 30},
		{20, 0, 6, 6}, {20, 0, 50, 10}, {20, 2, 6, 6}, {20, 15, 50, 15}, // as a fallback
	} {
		if got := etf.QuotaReserve(c.limit, c.preferring, c.naming); got != c.want {
			t.Errorf("of %d, %d are kept for %d ETFs of %d, want %d", c.limit, got, c.preferring, c.naming, c.want)
		}
	}
	u := etf.QuotaUse{Limit: 20, Reserved: 10}
	for _, c := range []struct{ used, behind, daily, backfill int }{{0, 0, 20, 10}, {10, 10, 10, 0}, {5, 0, 15, 10}, {10, 0, 10, 10}, {15, 5, 5, 5}, {20, 10, 0, 0}} {
		u.Used, u.Behind = c.used, c.behind
		if u.Left(false) != c.daily || u.Left(true) != c.backfill {
			t.Errorf("%+v leaves %d and %d, want %+v", u, u.Left(false), u.Left(true), c)
		}
	}
}

// A quota's day begins at midnight where the source counts.
func TestQuotaDay(t *testing.T) {
	utc, seoul := etf.SourceTraits{}, etf.SourceTraits{QuotaZone: "Asia/Seoul"}
	if day, ends := utc.QuotaDay(evening); day.String() != "2025-09-26" || !ends.Equal(time.Date(2025, 9, 27, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("UTC: %s until %s", day, ends)
	}
	if day, ends := seoul.QuotaDay(evening); day.String() != "2025-09-27" || !ends.Equal(time.Date(2025, 9, 27, 15, 0, 0, 0, time.UTC)) {
		t.Errorf("Seoul: %s until %s", day, ends)
	}
}
