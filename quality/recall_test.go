package quality

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
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
	variance, close, volume := p.sigma*p.sigma, p.start, math.Exp(13+2*random.Float64())
	for i := range bars {
		z := student()
		r := math.Sqrt(variance) * z
		if random.Float64() < p.thin {
			r = 0
		}
		r -= .003 * math.Log(close/p.start)
		variance = .03*p.sigma*p.sigma + .90*variance + .07*r*r
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

func TestRecallScan(t *testing.T) {
	if os.Getenv("SCAN") == "" {
		t.Skip()
	}
	only := os.Getenv("ONLY")
	for _, f := range realFiles {
		if strings.HasPrefix(f.path, "defects/") && !strings.Contains(f.path, "EWG") {
			continue
		}
		bars, actions := realBars(t, f.path)
		for _, x := range check(t, Input{Symbol: "REAL", Exchange: f.exchange, Session: bars[len(bars)-1].Session, Initial: true, Bars: bars, Actions: actions, Basis: f.basis}).Findings {
			if x.Severity != etf.SeverityInfo {
				t.Logf("real %s: %s %s %d %s", f.path, x.Severity, x.Rule, len(x.Sessions), x.Evidence)
			}
		}
	}
	random := newRandom(11)
	type key struct{ kind, group string }
	hit, all := map[key]int{}, map[key]int{}
	note := func(k key, ok bool) {
		all[k]++
		if ok {
			hit[k]++
		}
	}
	series := map[string][]etf.Bar{}
	for _, f := range realFiles {
		if !strings.HasPrefix(f.path, "defects/") && f.exchange == etf.XNYS {
			bars, _ := realBars(t, f.path)
			series[f.path] = bars
		}
	}
	type clean struct {
		n, errors, warnings int
	}
	cleans := map[string]*clean{}
	for _, p := range profiles {
		for _, n := range []int{10, 30, 60, 250, 2500} {
			for rep := range 30 {
				bars := temperament(t, p, n, random)
				in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n-1].Session, Initial: true, Bars: bars, Basis: etf.SplitAdjusted}
				k := fmt.Sprintf("%s %d", p.name, n)
				if cleans[k] == nil {
					cleans[k] = &clean{}
				}
				cleans[k].n += n
				for _, f := range check(t, in).Findings {
					if f.Severity == etf.SeverityError {
						cleans[k].errors++
						t.Logf("clean %s: %s %s", k, f.Rule, f.Evidence)
					}
					if f.Severity == etf.SeverityWarning && (f.Rule != ruleStale) {
						cleans[k].warnings += len(f.Sessions)
						if n <= 60 {
							t.Logf("clean %s: %s %s", k, f.Rule, f.Evidence)
						}
					}
				}
				if rep < 3 {
					series[fmt.Sprintf("%s/%d/%d", p.name, n, rep)] = bars
				}
			}
		}
	}
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range cleans {
			if !yield(k) {
				return
			}
		}
	}) {
		t.Logf("clean %-18s %d rows, %d errors, %d warnings", k, cleans[k].n, cleans[k].errors, cleans[k].warnings)
	}
	names := []string{}
	for k := range series {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, name := range names {
		source := series[name]
		for _, inj := range injections {
			if only != "" && !strings.HasPrefix(inj.kind, only) {
				continue
			}
			sizes := []float64{4, 6, 8, 10, 12, 16, 24}
			if !inj.sized {
				sizes = []float64{0}
			}
			for _, size := range sizes {
				for range 6 {
					n := []int{30, 60, 250, 2500}[random.IntN(4)]
					base := source
					if len(base) > n {
						from := random.IntN(len(base) - n)
						base = base[from : from+n]
					}
					n = len(base)
					i := 1 + random.IntN(n-2)
					switch random.IntN(6) {
					case 0:
						i = n - 1
					case 1:
						i = n - 2
					}
					v := localVolatility(base, i)
					x := size * v
					if random.IntN(2) == 0 {
						x = -x
					}
					bars := slices.Clone(base)
					lo, hi := inj.apply(bars, i, x)
					in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n-1].Session, Initial: true, Bars: bars, Basis: etf.SplitAdjusted}
					found, proposal, exact := false, false, false
					for _, f := range check(t, in).Findings {
						if f.Severity == etf.SeverityInfo || !slices.Contains(inj.rules, f.Rule) {
							continue
						}
						for _, s := range f.Sessions {
							if s >= bars[lo].Session && s <= bars[hi-1].Session {
								found = true
							}
						}
						if f.Proposal != nil && f.Proposal.Ex == bars[i].Session {
							proposal = true
							exact = strings.HasSuffix(inj.kind, f.Proposal.Terms())
						}
					}
					where := "middle"
					if i == n-1 {
						where = "newest"
					} else if i == n-2 {
						where = "last but one"
					}
					note(key{inj.kind, fmt.Sprintf("size %2.0f", size)}, found)
					if size == 0 || size >= 12 {
						note(key{inj.kind, where}, found)
						note(key{inj.kind, "of " + strings.Split(name, "/")[0]}, found)
						note(key{inj.kind, fmt.Sprintf("rows %4d", n)}, found)
						if size == 0 {
							note(key{inj.kind, "proposed"}, proposal)
							note(key{inj.kind, "proposed exactly"}, exact)
						}
						if !found && os.Getenv("SHOW") != "" {
							t.Logf("missed %s in %s (%d rows) at %d (%s), size %.0f, vol %.4f: %q", inj.kind, name, n, i, bars[i].Session, size, v, summary(check(t, in)))
						}
					}
				}
			}
		}
	}
	keys := []key{}
	for k := range all {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.kind+"|"+a.group, b.kind+"|"+b.group) })
	last := ""
	line := ""
	for _, k := range keys {
		if k.kind != last {
			t.Log(line)
			line, last = k.kind+": ", k.kind
		}
		line += fmt.Sprintf("%s %.2f (%d) | ", k.group, float64(hit[k])/float64(all[k]), all[k])
	}
	t.Log(line)
}
