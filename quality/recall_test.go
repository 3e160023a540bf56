package quality

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Defects of several sizes put into simulated histories of every length and temper. Sizes are in the volatility around the
// row, measured here by the median of the returns, not by the rules' own estimate.

type profile struct {
	name  string
	sigma float64 // a day
	start float64
	thin  float64 // part of the days whose close stays
}

var profiles = []profile{
	{"equity", .011, 80, 0}, {"bond", .002, 100, 0}, {"bills", .0006, 100, 0}, {"leveraged", .045, 40, 0}, {"thin", .008, 25, .3},
}

// temperament simulates a fund whose volatility clusters, with heavy tails, ranges and volumes that fit the moves.
func temperament(t testing.TB, p profile, n int, random *rand.Rand) []etf.Bar {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{To: etf.MustSession("2025-09-26")})
	sessions = sessions[len(sessions)-n:]
	student := func() float64 { // 5 degrees of freedom, variance 1
		x := 0.0
		for range 5 {
			z := random.NormFloat64()
			x += z * z
		}
		return random.NormFloat64() / math.Sqrt(x/5) * math.Sqrt(.6)
	}
	round := func(f float64) etf.Price {
		x, ok := etf.PriceFromFloat(f)
		if !ok {
			t.Fatalf("price %v", f)
		}
		return x.RoundTo(4)
	}
	bars := make([]etf.Bar, n)
	variance, close, volume, pending := p.sigma*p.sigma, p.start, math.Exp(13+2*random.Float64()), 0.0
	for i := range bars {
		z := student()
		r := math.Sqrt(variance) * z
		r -= .003 * math.Log(close/p.start)
		variance = .03*p.sigma*p.sigma + .90*variance + .07*r*r
		r, pending = r+pending, 0
		if random.Float64() < p.thin {
			r, pending = 0, r
		}
		share := random.Float64()
		open := close * math.Exp(.5*share*r+.2*p.sigma*random.NormFloat64())
		close *= math.Exp(r)
		wick := func() float64 { return math.Exp(.4 * math.Sqrt(variance) * random.ExpFloat64()) }
		b := etf.Bar{Session: sessions[i], Open: round(open), Close: round(close)}
		b.High, b.Low = round(max(open, close)*wick()), round(min(open, close)/wick())
		b.Volume = etf.Shares(int64(volume * math.Exp(.35*random.NormFloat64()+.3*math.Abs(z))))
		bars[i] = b
	}
	return bars
}

// localVolatility is 1.4826 times the median absolute return of the 60 around row i.
func localVolatility(bars []etf.Bar, i int) float64 {
	var sizes []float64
	lo, hi := max(i-30, 1), min(i+31, len(bars))
	for k := lo; k < hi; k++ {
		if bars[k].Close > 0 && bars[k-1].Close > 0 {
			if x := math.Abs(math.Log(bars[k].Close.Float() / bars[k-1].Close.Float())); x > 0 {
				sizes = append(sizes, x)
			}
		}
	}
	if len(sizes) == 0 {
		return 0
	}
	return max(1.4826*median(sizes), .0002)
}

type injection struct {
	kind  string
	sized bool
	apply func(bars []etf.Bar, i int, log float64) (lo, hi int) // changes the bars; the rows that are wrong
	rules []string
}

var injections = []injection{
	{"spike 1", true, func(b []etf.Bar, i int, x float64) (int, int) {
		scalePricesOnly(b[i:i+1], math.Exp(x))
		return i, i + 1
	}, []string{ruleSpike, ruleJump, ruleHeld, ruleSplit}},
	{"spike 2", true, func(b []etf.Bar, i int, x float64) (int, int) {
		scalePricesOnly(b[i:min(i+2, len(b))], math.Exp(x))
		return i, min(i+3, len(b))
	}, []string{ruleSpike, ruleJump, ruleHeld, ruleSplit, ruleUnit}},
	{"spike 3", true, func(b []etf.Bar, i int, x float64) (int, int) {
		scalePricesOnly(b[i:min(i+3, len(b))], math.Exp(x))
		return i, min(i+4, len(b))
	}, []string{ruleSpike, ruleJump, ruleHeld, ruleSplit, ruleUnit}},
	{"close only", true, func(b []etf.Bar, i int, x float64) (int, int) {
		p := &b[i].Close
		*p = scaled(*p, x)
		b[i].High, b[i].Low = max(b[i].High, *p), min(b[i].Low, *p)
		return i, i + 1
	}, []string{ruleSpike, ruleJump, ruleHeld, ruleSplit}},
	{"level", true, func(b []etf.Bar, i int, x float64) (int, int) { scalePricesOnly(b[i:], math.Exp(x)); return 0, len(b) }, []string{ruleJump, ruleHeld, ruleSplit, ruleUnit, ruleSpike}},
	{"high", true, func(b []etf.Bar, i int, x float64) (int, int) {
		b[i].High = scaled(max(b[i].Open, b[i].Close), math.Abs(x))
		return i, i + 1
	}, []string{rulePriceRange}},
	{"low", true, func(b []etf.Bar, i int, x float64) (int, int) {
		b[i].Low = scaled(min(b[i].Open, b[i].Close), -math.Abs(x))
		return i, i + 1
	}, []string{rulePriceRange}},
	{"open", true, func(b []etf.Bar, i int, x float64) (int, int) {
		b[i].Open = scaled(b[i].Open, x)
		b[i].High, b[i].Low = max(b[i].High, b[i].Open), min(b[i].Low, b[i].Open)
		return i, i + 1
	}, []string{rulePriceRange}},
}

func init() {
	for _, r := range [][2]int64{{3, 2}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {7, 1}, {10, 1}, {15, 1}, {20, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 8}, {1, 10}, {1, 20}, {2, 3}} {
		injections = append(injections, injection{fmt.Sprintf("split %d:%d", r[0], r[1]), false, func(b []etf.Bar, i int, _ float64) (int, int) {
			scalePrices(b[i:], r[1], r[0])
			return 0, len(b)
		}, []string{ruleSplit, ruleUnit}})
	}
}

func scaled(p etf.Price, log float64) etf.Price {
	p, _ = p.MulRatio(int64(math.Round(math.Exp(log)*1e6)), 1e6)
	return p
}

// outcome counts the injected defects of one group and those found.
type outcome struct{ found, all int }

func (o outcome) share() float64 { return float64(o.found) / float64(o.all) }

// inject puts one defect into bars, and reports whether a fitting rule names rows it changed at warning or error level, and
// whether the finding proposes the very split.
func inject(t *testing.T, inj injection, bars []etf.Bar, i int, log float64) (found, proposed bool) {
	t.Helper()
	bars = slices.Clone(bars)
	n := len(bars)
	lo, hi := inj.apply(bars, i, log)
	in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n-1].Session, Initial: true, Bars: bars, Basis: etf.SplitAdjusted}
	r := check(t, in)
	consistent(t, in, r)
	for _, f := range r.Findings {
		if f.Severity == etf.SeverityInfo || !slices.Contains(inj.rules, f.Rule) {
			continue
		}
		for _, s := range f.Sessions {
			found = found || s >= bars[lo].Session && s <= bars[hi-1].Session
		}
		if f.Proposal != nil && f.Proposal.Ex == bars[i].Session && strings.HasSuffix(inj.kind, " "+f.Proposal.Terms()) {
			proposed = true
		}
	}
	return found, proposed
}

func TestRecall(t *testing.T) {
	t.Parallel()
	random := newRandom(11)
	sized := map[string]map[float64]outcome{}
	var splits, newest, short, proposals outcome
	note := func(o outcome, found bool) outcome {
		o.all++
		if found {
			o.found++
		}
		return o
	}
	for _, p := range profiles {
		for _, n := range []int{10, 30, 30, 250, 2500} {
			source := temperament(t, p, n, random)
			for _, inj := range injections {
				sizes := []float64{8, 12, 16, 24}
				if !inj.sized {
					sizes = []float64{0}
				}
				for _, size := range sizes {
					for k := range 4 {
						i := 1 + random.IntN(n-2)
						if k < 2 {
							i = n - 1 - k // the newest row and the one before
						}
						log := size * localVolatility(source, i)
						if random.IntN(2) == 0 {
							log = -log
						}
						found, proposed := inject(t, inj, source, i, log)
						if k == 0 && size != 8 {
							newest = note(newest, found)
						}
						switch {
						case !inj.sized:
							splits, proposals = note(splits, found), note(proposals, proposed)
						case n == 10:
							if size > 12 {
								short = note(short, found)
							}
						default:
							if sized[inj.kind] == nil {
								sized[inj.kind] = map[float64]outcome{}
							}
							sized[inj.kind][size] = note(sized[inj.kind][size], found)
						}
					}
				}
			}
		}
	}
	for kind, bySize := range sized {
		var from8, from12 outcome
		for size, o := range bySize {
			from8.found, from8.all = from8.found+o.found, from8.all+o.all
			if size >= 12 {
				from12.found, from12.all = from12.found+o.found, from12.all+o.all
			}
		}
		t.Logf("%-10s at 8 volatilities %.2f, from 8 %.2f, from 12 %.2f", kind, bySize[8].share(), from8.share(), from12.share())
		if from8.share() < .80 || from12.share() < .93 {
			t.Errorf("%s: %.2f of those from 8 volatilities are found, %.2f of those from 12", kind, from8.share(), from12.share())
		}
	}
	for name, x := range map[string]struct {
		outcome
		least float64
	}{"splits": {splits, .96}, "the newest row": {newest, .9}, "10 rows, from 16 volatilities": {short, .9}, "the split proposed": {proposals, .92}} {
		t.Logf("%s: %.3f of %d", name, x.share(), x.all)
		if x.share() < x.least {
			t.Errorf("%s: %.3f of %d, want %v", name, x.share(), x.all, x.least)
		}
	}
}

// Simulated funds with heavy tails and volatility that comes in clusters have no error and hardly a warning, however short.
func TestSimulatedFundsAreSound(t *testing.T) {
	t.Parallel()
	random := newRandom(12)
	rows, warnings := 0, 0
	for _, p := range profiles {
		for _, n := range []int{10, 30, 60, 250, 2500} {
			for range max(1, 1000/n) {
				bars := temperament(t, p, n, random)
				rows += n
				r := check(t, Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n-1].Session, Initial: true, Bars: bars, Basis: etf.SplitAdjusted})
				for _, f := range r.Findings {
					switch {
					case f.Severity == etf.SeverityError || f.Rule == ruleHeld || f.Rule == ruleUnfinished:
						t.Errorf("%s, %d rows: %s %s", p.name, n, f.Rule, f.Evidence)
					case f.Severity == etf.SeverityWarning && f.Rule != ruleStale:
						warnings += len(f.Sessions)
					}
				}
			}
		}
	}
	if warnings*1000 > rows {
		t.Errorf("%d warnings in %d rows", warnings, rows)
	}
	t.Logf("%d rows, %d warnings", rows, warnings)
}
