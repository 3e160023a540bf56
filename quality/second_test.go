package quality

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// checkedDaily judges each session of a history as daily updates do, with what a second source says about it, and returns the findings
// of the rule on second sources as "session: evidence", and the sessions that were held.
func checkedDaily(t testing.TB, x etf.Exchange, basis etf.Basis, bars []etf.Bar, stated []etf.StatedAction, second etf.SecondOpinion, from int) (found []string, heldOn []etf.Session, compared int) {
	t.Helper()
	has := map[etf.Session]int{}
	for i, b := range second.Bars {
		has[b.Session] = i
	}
	for i := from; i < len(bars); i++ {
		k, ok := has[bars[i].Session]
		if !ok {
			continue
		}
		compared++
		o := second
		o.Bars = second.Bars[max(0, k-SecondReach) : k+1]
		r := check(t, Input{Symbol: "REAL", Exchange: x, Session: bars[i].Session, Bars: bars[i : i+1], Basis: basis, Source: "first", Stated: stated,
			Known: stored(bars[max(0, i-60):i], basis), Second: o})
		for _, f := range r.Findings {
			if f.Rule == ruleSecond {
				found = append(found, fmt.Sprintf("%s %s: %s", bars[i].Session, f.Severity, f.Evidence))
			}
		}
		if r.HeldNew {
			heldOn = append(heldOn, bars[i].Session)
		}
	}
	return found, heldOn, compared
}

// splitsOf are the splits of the real files, which their sources state elsewhere.
func splitsOf(symbol string) (list []etf.StatedAction) {
	for _, s := range map[string][]etf.Action{
		"QQQ": {{Kind: etf.Split, Ex: etf.MustSession("2000-03-20"), Numerator: 2, Denominator: 1}},
		"IWM": {{Kind: etf.Split, Ex: etf.MustSession("2005-06-09"), Numerator: 2, Denominator: 1}},
	}[symbol] {
		list = append(list, etf.StatedAction{ID: s.Ex.String(), Action: s, Source: "first", Status: etf.Accepted, By: BySource("first")})
	}
	return list
}

// Two real sources of the same funds: a handful of odd days in 25 years, on which one of them has a close that the other has not, and
// nothing is held. Since 2009 there are one to three for each fund.
func TestRealSourcesAgree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		symbol      string
		all, recent int
	}{{"SPY", 0, 0}, {"QQQ", 6, 1}, {"IWM", 18, 3}} {
		first, _ := realBars(t, "alphavantage/"+c.symbol+".csv")
		other, _ := realBars(t, "yahoo/"+c.symbol+".csv")
		found, heldOn, n := checkedDaily(t, etf.XNYS, etf.AsTraded, first, splitsOf(c.symbol), etf.SecondOpinion{Source: "yahoo", Basis: etf.SplitAdjusted, Bars: other}, 61)
		recent := 0
		for _, f := range found {
			if f >= "2009" {
				recent++
			}
			t.Log(c.symbol, f)
		}
		t.Logf("%s: %d compared, %d findings", c.symbol, n, len(found))
		if len(found) != c.all || recent != c.recent || len(heldOn) > 0 {
			t.Errorf("%s: %d findings, %d since 2009, held on %v; want %d, %d and none", c.symbol, len(found), recent, heldOn, c.all, c.recent)
		}
	}
}

// Closes that differ from the second source's in one session of a simulated history, by sizes that the rules on a single source let
// pass: all are reported, and those that are surprising besides are held.
func TestBadTicksThatOnlyASecondSourceShows(t *testing.T) {
	t.Parallel()
	random := newRandom(31)
	for _, size := range []float64{2, 4, 7, 9, 14} {
		var single, reported, heldBack, all int
		for range 200 {
			p := profiles[random.IntN(4)]
			bars := temperament(t, p, 120, random)
			n := len(bars) - 1
			truth := slices.Clone(bars)
			log := size * localVolatility(bars, n)
			if random.IntN(2) == 0 {
				log = -log
			}
			bars[n].Close = scaled(bars[n-1].Close, log)
			bars[n].High, bars[n].Low = max(bars[n].High, bars[n].Close), min(bars[n].Low, bars[n].Close)
			if math.Abs(math.Log(bars[n].Close.Float()/truth[n].Close.Float())) < localVolatility(truth, n)/2 {
				continue // by chance it is nearly right
			}
			in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n].Session, Bars: bars[n:], Basis: etf.AsTraded, Source: "first", Known: stored(bars[n-60:n], etf.AsTraded)}
			alone := check(t, in)
			in.Second = SecondOpinion(etf.Fetch{ID: "s", Source: "other"}, etf.Response{Bars: truth, Basis: etf.AsTraded}, in.Session)
			both := check(t, in)
			consistent(t, in, both)
			all++
			if alone.HeldNew || alone.QuarantinedNew {
				single++
			}
			if both.HeldNew || both.QuarantinedNew {
				heldBack++
			}
			if slices.ContainsFunc(both.Findings, func(f etf.Finding) bool { return f.Rule == ruleSecond && f.Severity == etf.SeverityWarning }) {
				reported++
			}
			if (alone.HeldNew || alone.QuarantinedNew) && !(both.HeldNew || both.QuarantinedNew) {
				t.Errorf("a bad tick of %g volatilities is believed because a second source contradicts it", size)
			}
		}
		t.Logf("%g volatilities: %d of %d kept out with one source, %d with two; %d reported", size, single, all, heldBack, reported)
		if reported*100 < all*98 {
			t.Errorf("%g volatilities: %d of %d are reported", size, reported, all)
		}
		if least := map[float64]int{9: 70, 14: 88}[size]; heldBack*100 < all*least {
			t.Errorf("%g volatilities: %d of %d are kept out, want %d%%", size, heldBack, all, least)
		}
	}
}

// Genuine closes that a second source shows too, and ordinary ones that it does not: the first are believed at once, however large, and the
// second are used all the same.
func TestASecondSourceNeverMakesGenuineClosesWorse(t *testing.T) {
	t.Parallel()
	random := newRandom(32)
	for range 200 {
		p := profiles[random.IntN(4)]
		bars := temperament(t, p, 120, random)
		n := len(bars) - 1
		in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n].Session, Bars: bars[n:], Basis: etf.AsTraded, Source: "first", Known: stored(bars[n-60:n], etf.AsTraded)}
		if alone := check(t, in); alone.HeldNew || slices.ContainsFunc(alone.Findings, func(f etf.Finding) bool { return f.Rule == ruleJump }) {
			continue
		}
		wrong := slices.Clone(bars)
		wrong[n].Close = scaled(wrong[n].Close, (random.Float64()-0.5)*8*p.sigma)
		in.Second = SecondOpinion(etf.Fetch{ID: "s", Source: "other"}, etf.Response{Bars: wrong, Basis: etf.AsTraded}, in.Session)
		if r := check(t, in); r.HeldNew || r.QuarantinedNew {
			t.Errorf("an ordinary close is kept out because another source has another one: %q", summary(r))
		}
	}
	for _, basis := range []etf.Basis{etf.AsTraded, etf.SplitAdjusted, etf.TotalAdjusted} {
		in := sound(t)
		daily(&in, 1)
		in.Source = "first"
		scalePricesOnly(in.Bars, 1.3)
		if r := check(t, in); !r.HeldNew {
			t.Fatalf("%q", summary(r))
		}
		all := append(barsOf(in.Known), in.Bars...)
		if basis != etf.AsTraded {
			all = slices.Clone(all)
			scalePricesOnly(all, 0.37)
		}
		in.Second = SecondOpinion(etf.Fetch{ID: "s", Source: "other"}, etf.Response{Bars: all, Basis: basis}, in.Session)
		if r := check(t, in); r.HeldNew || r.QuarantinedNew || !slices.Equal(summary(r), []string{"price_jump warning " + in.Session.String()}) {
			t.Errorf("%s: a move that both sources show is not believed: %q", basis, summary(r))
		}
	}
}

func barsOf(list []etf.StoredBar) (bars []etf.Bar) {
	for _, k := range list {
		bars = append(bars, k.Bar)
	}
	return bars
}

// A split that the source states and its prices do not show yet counts once a second source states it, or shows it in as-traded prices.
func TestASecondSourceConfirmsASplit(t *testing.T) {
	t.Parallel()
	bars := walk(t, etf.XNYS, 40, 0.01, newRandom(33))
	n := len(bars) - 1
	split := etf.Action{Kind: etf.Split, Ex: bars[n].Session, Numerator: 4, Denominator: 1}
	shown := slices.Clone(bars)
	scalePrices(shown[n:], 1, 4)
	for _, c := range []struct {
		name   string
		second etf.SecondOpinion
		want   etf.ActionStatus
	}{
		{"no second source", etf.SecondOpinion{}, etf.Proposed},
		{"it shows the split", etf.SecondOpinion{Source: "other", Basis: etf.AsTraded, Bars: shown}, etf.Accepted},
		{"it states the split", etf.SecondOpinion{Source: "other", Basis: etf.TotalAdjusted, Bars: bars, Actions: []etf.Action{split}}, etf.Accepted},
		{"it shows none", etf.SecondOpinion{Source: "other", Basis: etf.AsTraded, Bars: bars}, etf.Proposed},
		{"adjusted prices show nothing", etf.SecondOpinion{Source: "other", Basis: etf.SplitAdjusted, Bars: bars}, etf.Proposed},
		{"the same source is no second one", etf.SecondOpinion{Source: "first", Basis: etf.AsTraded, Bars: shown}, etf.Proposed},
	} {
		plan := PlanActions(PlanInput{Symbol: "SIM", Source: "first", Basis: etf.AsTraded, Actions: []etf.Action{split}, Bars: bars[n:],
			Known: stored(bars[:n], etf.AsTraded), Second: c.second})
		if len(plan.Changes) != 1 || plan.Changes[0].Status != c.want {
			t.Errorf("%s: %+v, want %s", c.name, plan.Changes, c.want)
		}
	}
}

// The sample is what it says, the same each time, and spread over ETFs and sessions.
func TestSampled(t *testing.T) {
	t.Parallel()
	n, hits := 0, 0
	for _, symbol := range []etf.Symbol{"SPY", "QQQ", "069500"} {
		own := 0
		for session := etf.MustSession("2015-01-01"); session < etf.MustSession("2025-01-01"); session++ {
			n++
			if Sampled(symbol, session, 0.1) {
				hits++
				own++
			}
			if Sampled(symbol, session, 0) || !Sampled(symbol, session, 1) || Sampled(symbol, session, 0.1) && !Sampled(symbol, session, 0.2) {
				t.Fatalf("%s %s", symbol, session)
			}
		}
		if own < 300 || own > 430 {
			t.Errorf("%s: %d of 3653", symbol, own)
		}
	}
	if share := float64(hits) / float64(n); math.Abs(share-0.1) > 0.01 {
		t.Errorf("a share of %.3f", share)
	}
}

// A second source that sends yesterday's row under today's date says nothing: a genuine move is neither reported nor held because of it. One
// that has only the close of yesterday is compared.
func TestStaleSecondSource(t *testing.T) {
	t.Parallel()
	random := newRandom(33)
	for i := range 200 {
		bars := temperament(t, profiles[random.IntN(4)], 120, random)
		n := len(bars) - 1
		bars[n].Close = scaled(bars[n-1].Close, 9*localVolatility(bars, n))
		bars[n].High, bars[n].Low = max(bars[n].High, bars[n].Close), min(bars[n].Low, bars[n].Close)
		in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n].Session, Bars: bars[n:], Basis: etf.AsTraded, Source: "first", Known: stored(bars[n-60:n], etf.AsTraded)}
		alone := check(t, in)
		stale := slices.Clone(bars)
		stale[n] = stale[n-1]
		stale[n].Session = bars[n].Session
		in.Second = SecondOpinion(etf.Fetch{Source: "other"}, etf.Response{Bars: stale, Basis: etf.AsTraded}, in.Session)
		if both := check(t, in); both.HeldNew != alone.HeldNew || !slices.Equal(summary(both), summary(alone)) {
			t.Fatalf("history %d: %v, and with a stale second source %v", i, summary(alone), summary(both))
		}
		stale[n].Volume++
		in.Second = SecondOpinion(etf.Fetch{Source: "other"}, etf.Response{Bars: stale, Basis: etf.AsTraded}, in.Session)
		if both := check(t, in); !slices.ContainsFunc(both.Findings, func(f etf.Finding) bool { return f.Rule == ruleSecond }) {
			t.Fatalf("history %d: a contradiction is not reported: %v", i, summary(both))
		}
	}
}
