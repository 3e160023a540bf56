package simulated

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// later is after the close of Friday 2026-11-20 on both exchanges.
var later = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newSource(t testing.TB, faults string) *Source {
	t.Helper()
	s, err := New(Options{Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func query(symbol string, x etf.Exchange, from, to string) etf.Query {
	q := etf.Query{Symbol: etf.Symbol(symbol), Exchange: x, Currency: x.DefaultCurrency(), AsOf: later}
	if from != "" {
		q.Window.From = etf.MustSession(from)
	}
	if to != "" {
		q.Window.To = etf.MustSession(to)
	}
	return q
}

func fetch(t testing.TB, s *Source, q etf.Query) etf.Response {
	t.Helper()
	a, err := s.Fetch(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseStored(etf.Query{}, etf.Fetch{Request: a.Request}, a.Raw); err != nil || !reflect.DeepEqual(a, again) {
		t.Errorf("the stored body is parsed as %+v (%v), but was fetched as %+v", again, err, a)
	}
	return a
}

// The market must never change: what a demonstration or a test has stored must come back the same. The hashes are those
// of the bodies as first published, with the calendar of 2015 to 2025.
func TestMarketNeverChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		symbol   string
		exchange etf.Exchange
		hash     string
	}{
		{"SIMUS1", etf.XNYS, "0179501dc70c8fd5"},
		{"SIMKR1", etf.XKRX, "c185cfeaef40b359"},
	} {
		sum := sha256.Sum256(fetch(t, newSource(t, ""), query(c.symbol, c.exchange, "2015-01-02", "2025-09-26")).Raw)
		if got := hex.EncodeToString(sum[:8]); got != c.hash {
			t.Errorf("the body of %s hashes to %s, want %s", c.symbol, got, c.hash)
		}
	}
}

func TestBarsAreConsistent(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	for _, x := range etf.Exchanges() {
		cal, err := calendar.For(x)
		if err != nil {
			t.Fatal(err)
		}
		tick := etf.MustPrice("0.01")
		if x == etf.XKRX {
			tick = etf.MustPrice("5")
		}
		for i := range 20 {
			q := query(fmt.Sprintf("SIM%d", i), x, "", "")
			q.Ref = "?inception=1999-01-04"
			a := fetch(t, s, q)
			if a.Basis != etf.AsTraded || a.Currency != x.DefaultCurrency() || len(a.Defects) != 0 {
				t.Fatalf("basis %s, currency %s, defects %v", a.Basis, a.Currency, a.Defects)
			}
			want := cal.Sessions(etf.Window{From: epoch, To: etf.MustSession("2026-11-20")})
			if len(a.Bars) != len(want) {
				t.Fatalf("%d bars for %d sessions", len(a.Bars), len(want))
			}
			for j, b := range a.Bars {
				if b.Session != want[j] {
					t.Fatalf("bar %d has session %s, want %s", j, b.Session, want[j])
				}
				if b.Low <= 0 || b.Low > min(b.Open, b.Close) || b.High < max(b.Open, b.Close) {
					t.Fatalf("inconsistent bar %v", b)
				}
				for _, p := range []etf.Price{b.Open, b.High, b.Low, b.Close} {
					if p%tick != 0 {
						t.Fatalf("%s is not a multiple of %s in %v", p, tick, b)
					}
				}
				if b.Volume < etf.Shares(100) || b.Volume%etf.Shares(1) != 0 {
					t.Fatalf("volume %s of %v", b.Volume, b)
				}
			}
		}
	}
}

// A bar is the same for every window and as-of time, from a new source or one that has been used.
func TestBarsDoNotDependOnTheWindow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	used := newSource(t, "")
	for _, x := range etf.Exchanges() {
		cal, err := calendar.For(x)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			symbol := fmt.Sprintf("SIM%d", i%5)
			all := fetch(t, newSource(t, ""), query(symbol, x, "", ""))
			from := r.IntN(len(all.Bars) - 1)
			to := min(from+r.IntN(60), len(all.Bars)-1)
			q := query(symbol, x, all.Bars[from].Session.String(), all.Bars[to].Session.String())
			closes, err := cal.Close(q.Window.To)
			if err != nil {
				t.Fatal(err)
			}
			q.AsOf = closes.Add(time.Hour)
			q.Window.To += etf.Session(r.IntN(30)) // sessions after AsOf are cut off
			for name, s := range map[string]*Source{"a new source": newSource(t, ""), "a used source": used} {
				a := fetch(t, s, q)
				if !slices.Equal(a.Bars, all.Bars[from:to+1]) {
					t.Fatalf("%s returns different bars of %s from %s to %s", name, symbol, q.Window.From, q.Window.To)
				}
				var want []etf.Action
				for _, act := range all.Actions {
					if act.Ex >= all.Bars[from].Session && act.Ex <= all.Bars[to].Session {
						want = append(want, act)
					}
				}
				if !slices.Equal(a.Actions, want) {
					t.Fatalf("%s returns actions %v from %s to %s, want %v", name, a.Actions, q.Window.From, q.Window.To, want)
				}
			}
		}
	}
}

func TestBarsDependOnSeedAndExchange(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	base := fetch(t, s, query("SIMA", etf.XNYS, "2025-09-26", "2025-09-26")).Bars[0]
	q := query("SIMB", etf.XNYS, "2025-09-26", "2025-09-26")
	if got := fetch(t, s, q).Bars[0]; got == base {
		t.Error("another symbol has the same bar")
	}
	q.Ref = "SIMA"
	if got := fetch(t, s, q).Bars[0]; got != base {
		t.Errorf("the same seed gives %v, want %v", got, base)
	}
	if got := fetch(t, s, query("SIMA", etf.XKRX, "2025-09-26", "2025-09-26")).Bars[0]; got == base {
		t.Error("the other exchange has the same bar")
	}
}

// A split divides the price by its ratio and multiplies the volume by it; dividends are quarterly and of the right size.
func TestActionsMovePrices(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	q := query("SIMA", etf.XNYS, "2025-05-01", "2025-07-31")
	plain := fetch(t, s, q)
	q.Ref = "SIMA?split=2025-06-01:4:1" // a Sunday: takes effect on Monday
	split := fetch(t, s, q)
	found := slices.ContainsFunc(split.Actions, func(a etf.Action) bool {
		return a == etf.Action{Kind: etf.Split, Ex: etf.MustSession("2025-06-02"), Numerator: 4, Denominator: 1}
	})
	if !found {
		t.Fatalf("actions %v lack the 4:1 split of 2025-06-02", split.Actions)
	}
	for i, b := range split.Bars {
		price, volume := plain.Bars[i].Close.Float()/b.Close.Float(), b.Volume.Float()/plain.Bars[i].Volume.Float()
		want := 1.0
		if b.Session >= etf.MustSession("2025-06-02") {
			want = 4
		}
		if math.Abs(price-want) > .01 || math.Abs(volume-want) > .01 {
			t.Fatalf("%s: the split divides the price by %.3f and multiplies the volume by %.3f, want %g", b.Session, price, volume, want)
		}
	}

	dividends, yields := 0, 0.0
	for i := range 20 {
		a := fetch(t, s, query(fmt.Sprintf("SIM%d", i), etf.XNYS, "", ""))
		for _, act := range a.Actions {
			if act.Kind != etf.Dividend {
				continue
			}
			dividends++
			at := slices.IndexFunc(a.Bars, func(b etf.Bar) bool { return b.Session == act.Ex })
			if at < 1 {
				t.Fatalf("dividend %v has no session", act)
			}
			yields += 4 * act.Amount.Float() / a.Bars[at-1].Close.Float()
		}
	}
	// 20 ETFs, 47 quarters, four fifths of them paying 1.3% to 4% a year.
	if mean := yields / float64(dividends); dividends < 500 || mean < .015 || mean > .04 {
		t.Errorf("%d dividends of %.4f a year on average", dividends, mean)
	}
}

// A dividend lowers the price by its amount: the mean return on its day, with the dividend added, is about zero.
func TestDividendsLowerThePrice(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	sum, sq, n := 0.0, 0.0, 0
	for i := range 40 {
		a := fetch(t, s, query(fmt.Sprintf("SIM%d", i), etf.XKRX, "", ""))
		for _, act := range a.Actions {
			at := slices.IndexFunc(a.Bars, func(b etf.Bar) bool { return b.Session == act.Ex })
			if act.Kind != etf.Dividend || at < 1 {
				continue
			}
			r := math.Log((a.Bars[at].Close.Float() + act.Amount.Float()) / a.Bars[at-1].Close.Float())
			if math.Abs(r) < .3 {
				sum, sq, n = sum+r, sq+r*r, n+1
			}
		}
	}
	mean := sum / float64(n)
	// The common factor makes all ETFs move alike on one day, so the sample size is the number of days (48).
	if limit := 3 * math.Sqrt(sq/float64(n)) / math.Sqrt(48); math.Abs(mean) > limit {
		t.Errorf("mean return with dividend %.5f over %d, want at most %.5f either way", mean, n, limit)
	}
}

// The market has quiet and stressed periods, fat tails, and ETFs that move together only within an exchange.
func TestMarketIsPlausible(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	returns := func(symbol string, x etf.Exchange) map[etf.Session]float64 {
		a := fetch(t, s, query(symbol, x, "", ""))
		r := map[etf.Session]float64{}
		for i := 1; i < len(a.Bars); i++ {
			if v := math.Log(a.Bars[i].Close.Float() / a.Bars[i-1].Close.Float()); math.Abs(v) < .25 { // without splits
				r[a.Bars[i].Session] = v
			}
		}
		return r
	}
	correlation := func(a, b map[etf.Session]float64) float64 {
		var sa, sb, sab float64
		for d, x := range a {
			if y, ok := b[d]; ok {
				sa, sb, sab = sa+x*x, sb+y*y, sab+x*y
			}
		}
		return sab / math.Sqrt(sa*sb)
	}
	var within, across, kurtosis, volatility float64
	const n = 12
	for i := range n {
		us, other, kr := returns(fmt.Sprintf("SIM%d", i), etf.XNYS), returns(fmt.Sprintf("SIM%d", i+n), etf.XNYS), returns(fmt.Sprintf("SIM%d", i), etf.XKRX)
		within += correlation(us, other) / n
		across += correlation(us, kr) / n
		var m2, m4 float64
		for _, r := range us {
			m2, m4 = m2+r*r, m4+r*r*r*r
		}
		m := float64(len(us))
		kurtosis += m4 / m / (m2 / m * m2 / m) / n
		volatility += math.Sqrt(m2/m*252) / n
	}
	if within < .4 || math.Abs(across) > .1 {
		t.Errorf("mean correlation %.2f within XNYS and %.2f across; want above 0.4 and about 0", within, across)
	}
	if kurtosis < 4 || volatility < .08 || volatility > .3 {
		t.Errorf("mean kurtosis %.1f and volatility %.2f; want above 4 and 0.08 to 0.3", kurtosis, volatility)
	}
	m := s.markets[etf.XNYS]()
	var days [3]int
	for _, r := range m.regime {
		days[r]++
	}
	if slices.Min(days[:]) < len(m.regime)/20 {
		t.Errorf("days by regime %v: a regime hardly ever occurs", days)
	}
}

func TestSplitsHappen(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	for _, x := range etf.HomeExchanges() {
		m := s.markets[x]()
		forward, reverse, far := 0, 0, 0
		const etfs, years = 100, 28
		for n := range etfs {
			tr := newTraits(m, fmt.Sprintf("SIM%d", n), plannedSplit{})
			st := state{log: tr.start, shares: 1}
			for day := range years * 261 {
				var c change
				st, _, c = tr.step(m, st, day)
				if c.splitNum > c.splitD {
					forward++
				} else if c.splitNum != 0 {
					reverse++
				}
				if st.log > m.high+toNano(math.Log(3)) || st.log < m.low-toNano(math.Log(3)) {
					far++
				}
			}
		}
		// An ETF splits about once in several decades, and no price goes far beyond the bounds of the splits.
		if forward < etfs/20 || forward > etfs || reverse == 0 || far > 0 {
			t.Errorf("%s: %d splits, %d reverse splits and %d far prices in %d years of %d ETFs", x, forward, reverse, far, years, etfs)
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	for _, c := range []struct {
		name string
		q    etf.Query
		kind etf.Kind
	}{
		{"a real symbol", query("SPY", etf.XNYS, "", ""), etf.KindNotFound},
		{"lower case", query("SIMa", etf.XNYS, "", ""), etf.KindInvalid},
		{"unknown exchange", query("SIMA", "XPAR", "", ""), etf.KindInvalid},
		{"no as-of time", etf.Query{Symbol: "SIMA", Exchange: etf.XNYS}, etf.KindInvalid},
		{"unknown option", etf.Query{Symbol: "SIMA", Exchange: etf.XNYS, AsOf: later, Ref: "?color=red"}, etf.KindInvalid},
		{"bad seed", etf.Query{Symbol: "SIMA", Exchange: etf.XNYS, AsOf: later, Ref: "a/b"}, etf.KindInvalid},
		{"bad inception", etf.Query{Symbol: "SIMA", Exchange: etf.XNYS, AsOf: later, Ref: "?inception=1990-01-02"}, etf.KindInvalid},
		{"bad split", etf.Query{Symbol: "SIMA", Exchange: etf.XNYS, AsOf: later, Ref: "?split=2025-06-02:4"}, etf.KindInvalid},
		{"split of nothing", etf.Query{Symbol: "SIMA", Exchange: etf.XNYS, AsOf: later, Ref: "?split=2025-06-02:0:1"}, etf.KindInvalid},
		{"bad fault", etf.Query{Symbol: "SIMA", Exchange: etf.XNYS, AsOf: later, Ref: "?faults=flood"}, etf.KindInvalid},
	} {
		if _, err := s.Fetch(context.Background(), c.q); etf.KindOf(err) != c.kind {
			t.Errorf("%s: error %v, want %s", c.name, err, c.kind)
		}
	}
	clocked, err := New(Options{Now: func() time.Time { return later }})
	if err != nil {
		t.Fatal(err)
	}
	if a := fetch(t, clocked, etf.Query{Symbol: "SIMA", Exchange: etf.XNYS}); a.Bars[len(a.Bars)-1].Session.String() != "2026-11-20" {
		t.Errorf("with Options.Now the last session is %s, want 2026-11-20", a.Bars[len(a.Bars)-1].Session)
	}
}

func TestEmptyWindows(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	for _, q := range []etf.Query{
		query("SIMA", etf.XNYS, "2026-11-23", "2026-11-27"), // not closed yet
		query("SIMA", etf.XNYS, "2010-01-01", "2010-12-31"), // before the inception
		query("SIMA", etf.XNYS, "2025-12-25", "2025-12-25"), // closed
	} {
		if a := fetch(t, s, q); len(a.Bars) != 0 || len(a.Actions) != 0 || a.Basis != etf.AsTraded {
			t.Errorf("%s to %s: %d bars, %d actions, basis %s", q.Window.From, q.Window.To, len(a.Bars), len(a.Actions), a.Basis)
		}
	}
}

func TestManyGoroutines(t *testing.T) {
	t.Parallel()
	s := newSource(t, "rate_limit:1")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				q := query(fmt.Sprintf("SIM%d", (g+i)%20), etf.Exchanges()[i%2], "2026-01-02", "")
				if _, err := s.Fetch(context.Background(), q); err != nil && etf.KindOf(err) != etf.KindRateLimited {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// The memory kept per ETF after a trailing window, marks included.
func TestMemoryKept(t *testing.T) {
	s := newSource(t, "")
	kept := make([]etf.Response, 0, 400)
	var before, after runtime.MemStats
	fetch(t, s, query("SIMFIRST", etf.XNYS, "2026-11-06", "2026-11-20"))
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range cap(kept) {
		kept = append(kept, fetch(t, s, query(fmt.Sprintf("SIM%d", i), etf.XNYS, "2026-11-06", "2026-11-20")))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / int64(len(kept))
	t.Logf("%d bytes per ETF, responses included", per)
	if per > 8<<10 {
		t.Errorf("%d bytes are kept per ETF, want at most 8 KiB", per)
	}
	runtime.KeepAlive(kept)
}

func BenchmarkTrailingWindow(b *testing.B) {
	for _, c := range []struct {
		name string
		etfs int
	}{{"known", 1000}, {"new", math.MaxInt}} {
		b.Run(c.name, func(b *testing.B) {
			s := newSource(b, "")
			for i := 0; b.Loop(); i++ {
				fetch(b, s, query(fmt.Sprintf("SIM%d", i%c.etfs), etf.XNYS, "2026-11-06", "2026-11-20"))
			}
		})
	}
}

func BenchmarkWholeHistory(b *testing.B) {
	s := newSource(b, "")
	for b.Loop() {
		fetch(b, s, query("SIMA", etf.XNYS, "", ""))
	}
}
