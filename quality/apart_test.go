package quality

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// quoted is a random walk in ticks from a price on, with that daily volatility.
func quoted(t testing.TB, x etf.Exchange, price, tick etf.Price, sigma float64, n int, random *rand.Rand) []etf.Bar {
	t.Helper()
	bars := walk(t, x, n, sigma, random)
	log := math.Log(price.Float())
	for i := range bars {
		b := &bars[i]
		log += sigma * random.NormFloat64()
		p, _ := etf.PriceFromFloat(math.Exp(log))
		b.Close = (p + tick/2) / tick * tick
		b.Open, b.High, b.Low = b.Close, b.Close+2*tick, b.Close-2*tick
	}
	return bars
}

// quotes are ETFs at all prices and their ticks.
var quotes = []struct {
	exchange    etf.Exchange
	price, tick string
}{
	{etf.XNYS, "0.55", "0.01"}, {etf.XNYS, "0.55", "0.0001"}, {etf.XNYS, "3", "0.01"}, {etf.XNYS, "24", "0.01"}, {etf.XNYS, "99.9", "0.01"}, {etf.XNYS, "500", "0.01"},
	{etf.XKRX, "1500", "1"}, {etf.XKRX, "10000", "5"}, {etf.XKRX, "60000", "5"}, {etf.XLON, "4.5", "0.01"}, {etf.XLON, "7512.5", "0.5"}, {etf.XETR, "100", "0.02"}, {etf.XTKS, "1800", "0.5"},
}

// A fallback whose closes are a tick away, as from the last trade in place of the auction, says nothing against the stored ones, at any
// price and however calm the fund is; also if they are all a tick lower.
func TestATickIsNoDifference(t *testing.T) {
	t.Parallel()
	random := newRandom(41)
	noises := map[string]func(i int) etf.Price{
		"a tick up and down": func(i int) etf.Price { return etf.Price(i%3 - 1) },
		"all a tick lower":   func(int) etf.Price { return -1 }, "all a tick higher": func(int) etf.Price { return 1 },
	}
	for _, q := range quotes {
		for _, sigma := range []float64{0.0004, 0.004, 0.02} {
			for noise, of := range noises {
				tick := etf.MustPrice(q.tick)
				in := Input{Symbol: "SIM", Exchange: q.exchange, Basis: etf.AsTraded, Bars: quoted(t, q.exchange, etf.MustPrice(q.price), tick, sigma, 120, random)}
				in.Session = in.Bars[119].Session
				failover(&in, 16)
				second := slices.Clone(in.Bars)
				for i := range in.Bars {
					in.Bars[i].Close += tick * of(i)
				}
				for _, f := range check(t, in).Findings {
					if f.Rule == ruleDifference {
						t.Errorf("%s at %s, volatility %g, %s: %s %s", q.exchange, q.price, sigma, noise, f.Severity, f.Evidence)
					}
				}
				// The same two sources, when the one is only asked for a comparison.
				in.Second = SecondOpinion(etf.Fetch{ID: "s", Source: "other"}, etf.Response{Bars: second, Basis: etf.AsTraded}, in.Session)
				in.Sources, in.Source = nil, "file"
				for _, f := range check(t, in).Findings {
					if f.Rule == ruleSecond {
						t.Errorf("%s at %s, volatility %g, %s: %s", q.exchange, q.price, sigma, noise, f.Evidence)
					}
				}
			}
		}
	}
}

// More than that is a difference: the least one in ticks or in volatilities, whichever is more.
func TestMoreThanATickIsADifference(t *testing.T) {
	t.Parallel()
	random := newRandom(42)
	for _, q := range quotes {
		for _, sigma := range []float64{0.0004, 0.004, 0.02} {
			for _, sign := range []float64{-1, 1} {
				tick := etf.MustPrice(q.tick)
				in := Input{Symbol: "SIM", Exchange: q.exchange, Basis: etf.AsTraded, Bars: quoted(t, q.exchange, etf.MustPrice(q.price), tick, sigma, 120, random)}
				in.Session = in.Bars[119].Session
				failover(&in, 16)
				close := in.Bars[5].Close.Float()
				// 0.16 of a volatility is beyond a tenth whatever the estimate of it is; and more than two ticks, or 0.02 %.
				off := max(2*tick.Float(), 0.16*sigma*close, 0.0002*close) + 0.5*tick.Float()
				p, _ := etf.PriceFromFloat(close + sign*off)
				in.Bars[5].Close = p
				in.Bars[5].High, in.Bars[5].Low = max(in.Bars[5].High, p), min(in.Bars[5].Low, p)
				got := slices.DeleteFunc(summary(check(t, in)), func(f string) bool { return !strings.HasPrefix(f, ruleDifference) })
				if want := []string{"source_difference warning " + in.Bars[5].Session.String()}; !slices.Equal(got, want) {
					t.Errorf("%s at %s, volatility %g: %s in place of %g: %q", q.exchange, q.price, sigma, p, close, got)
				}
			}
		}
	}
}

// A source that gives fewer digits is another rounding, not another price, as long as nothing much is lost: pounds with two digits for pence. A source that rounds to
// whole dollars is reported.
func TestRoundingOfASource(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exchange          etf.Exchange
		price, tick, step string
		sigma             float64
		differs           bool
	}{
		{etf.XLON, "512.5", "0.1", "1", 0.01, false},        // pence with a digit, pounds with two
		{etf.XLON, "4.5121", "0.0005", "0.01", 0.01, false}, // in pounds
		{etf.XNYS, "0.5512", "0.0001", "0.01", 0.05, false},
		{etf.XNYS, "24.1234", "0.0001", "0.01", 0.01, false},
		{etf.XNYS, "24", "0.01", "1", 0.01, true},
		{etf.XNYS, "24", "0.01", "0.1", 0.001, true},
		{etf.XKRX, "10000", "5", "100", 0.004, true},
	} {
		in := Input{Symbol: "SIM", Exchange: c.exchange, Basis: etf.AsTraded, Bars: quoted(t, c.exchange, etf.MustPrice(c.price), etf.MustPrice(c.tick), c.sigma, 120, newRandom(43))}
		in.Session = in.Bars[119].Session
		failover(&in, 31)
		step := etf.MustPrice(c.step)
		for i := range in.Bars {
			in.Bars[i].Close = (in.Bars[i].Close + step/2) / step * step
			in.Bars[i].Open, in.Bars[i].High, in.Bars[i].Low = in.Bars[i].Close, in.Bars[i].Close, in.Bars[i].Close
		}
		differs := slices.ContainsFunc(check(t, in).Findings, func(f etf.Finding) bool { return f.Rule == ruleDifference })
		if differs != c.differs {
			t.Errorf("%s at %s in steps of %s, another source's of %s: a difference: %v", c.exchange, c.price, c.tick, c.step, differs)
		}
	}
}

// A fallback that is a session late or early, or another security, fills nothing, though each of its closes is near the stored one.
func TestAFallbackThatCannotContinueTheSeries(t *testing.T) {
	t.Parallel()
	cent := etf.MustPrice("0.01")
	kinds := map[string]func(in *Input, all, other []etf.Bar){
		"dated one session late": func(in *Input, all, _ []etf.Bar) {
			for i := range in.Bars {
				b := all[len(all)-len(in.Bars)+i-1]
				b.Session, b.Close = in.Bars[i].Session, min(max(b.Close+cent*etf.Price(i%3-1), b.Low), b.High)
				in.Bars[i] = b
			}
		},
		"dated one session early": func(in *Input, all, _ []etf.Bar) {
			for i := range in.Bars[:len(in.Bars)-1] {
				b := all[len(all)-len(in.Bars)+i+1]
				b.Session, b.Close = in.Bars[i].Session, min(max(b.Close+cent*etf.Price(i%3-1), b.Low), b.High)
				in.Bars[i] = b
			}
		},
		"another security": func(in *Input, all, other []etf.Bar) {
			copy(in.Bars, other[len(other)-len(in.Bars):])
			factor := all[len(all)-9].Close.Float() / other[len(other)-9].Close.Float() // their levels meet in the middle
			scalePricesOnly(in.Bars, factor)
		},
	}
	for name, change := range kinds {
		caught, random := 0, newRandom(44)
		const tries = 200
		for range tries {
			in := Input{Symbol: "SIM", Exchange: etf.XNYS, Basis: etf.AsTraded, Bars: walk(t, etf.XNYS, 120, 0.01, random)}
			in.Session = in.Bars[119].Session
			all := slices.Clone(in.Bars)
			failover(&in, 16)
			change(&in, all, walk(t, etf.XNYS, 120, 0.01, random))
			r := check(t, in)
			if r.QuarantinedNew {
				caught++
			}
		}
		t.Logf("%s: %d of %d kept out", name, caught, tries)
		if caught*100 < tries*95 {
			t.Errorf("%s: %d of %d kept out", name, caught, tries)
		}
	}
}

// The preferred source is back: what the fallback has filled a tick lower throughout gives way, and is no series that has been restated.
func TestThePreferredSourceIsBack(t *testing.T) {
	t.Parallel()
	random := newRandom(46)
	for _, q := range quotes {
		for _, sigma := range []float64{0.0004, 0.004, 0.02} {
			tick := etf.MustPrice(q.tick)
			in := Input{Symbol: "SIM", Exchange: q.exchange, Basis: etf.AsTraded, Bars: quoted(t, q.exchange, etf.MustPrice(q.price), tick, sigma, 120, random)}
			in.Session = in.Bars[119].Session
			failover(&in, 16)
			in.Source = "yahoo"
			for i := range in.Known[len(in.Known)-20:] {
				k := &in.Known[len(in.Known)-20+i]
				k.Source, k.Close = "file", k.Close-tick
			}
			got := slices.DeleteFunc(summary(check(t, in)), func(f string) bool {
				return strings.HasPrefix(f, "revised_bar info") || strings.HasPrefix(f, "stale_close")
			})
			// A cent of 55 is more than 2 %, which a warning is worth.
			if len(got) > 0 && !(q.price == "0.55" && q.tick == "0.01" && strings.HasPrefix(got[0], "revised_bar warning")) {
				t.Errorf("%s at %s, volatility %g: %q", q.exchange, q.price, sigma, got)
			}
		}
	}
}

// Closes that a person has corrected, however many, say nothing about the source's others. A fallback that has filled most of the sessions itself is no other security
// because a more preferred source differs on three.
func TestCorrectedClosesSayNothingAboutTheOthers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(in *Input){
		"a person's": func(in *Input) {
			in.Source, in.Sources = "yahoo", []etf.SourceRef{{Name: "yahoo"}}
			for i, factor := range []float64{1.02, 0.97, 1.05, 1.03} {
				in.Known[len(in.Known)-2-3*i].Source = etf.SourcePerson
				scalePricesOnly(in.Bars[len(in.Bars)-3-3*i:len(in.Bars)-2-3*i], factor)
			}
		},
		"a better source's": func(in *Input) {
			setSource(in.Known, "file")
			for i, factor := range []float64{1.02, 0.97, 1.05} {
				in.Known[len(in.Known)-2-3*i].Source = "yahoo"
				scalePricesOnly(in.Bars[len(in.Bars)-3-3*i:len(in.Bars)-2-3*i], factor)
			}
		},
	} {
		in := sound(t)
		failover(&in, 16)
		change(&in)
		r := check(t, in)
		want := 1
		if name == "a person's" {
			want = 0
		}
		if got := summary(r); len(got) != want || want > 0 && !strings.HasPrefix(got[0], "source_difference warning") || r.QuarantinedNew {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A fallback that repeats its last row under the new date repeats its own, which is not quite the stored one.
func TestAStaleFallback(t *testing.T) {
	t.Parallel()
	in := sound(t)
	failover(&in, 16)
	for i := range in.Bars {
		in.Bars[i].Close = min(in.Bars[i].Close+etf.MustPrice("0.01"), in.Bars[i].High)
		in.Bars[i].Volume += etf.Shares(int64(i))
	}
	n := len(in.Bars) - 1
	session := in.Bars[n].Session
	in.Bars[n] = in.Bars[n-1]
	in.Bars[n].Session = session
	if got := summary(check(t, in)); !slices.Equal(got, []string{"stale_close warning " + session.String()}) {
		t.Errorf("findings %q", got)
	}
}

// An odd close among them hides no tick: a fallback that is a tick lower throughout fills the session all the same.
func TestAnOddCloseHidesNoTick(t *testing.T) {
	t.Parallel()
	for _, q := range quotes {
		for _, inStored := range []bool{false, true} {
			tick := etf.MustPrice(q.tick)
			in := Input{Symbol: "SIM", Exchange: q.exchange, Basis: etf.AsTraded, Bars: quoted(t, q.exchange, etf.MustPrice(q.price), tick, 0.0004, 120, newRandom(41))}
			in.Session = in.Bars[119].Session
			failover(&in, 16)
			for i := range in.Bars {
				in.Bars[i].Close -= tick
			}
			if inStored {
				in.Known[30].Close++
			} else {
				in.Bars[4].Close++
			}
			for _, f := range check(t, in).Findings {
				if f.Rule == ruleDifference && f.Severity == etf.SeverityError {
					t.Errorf("%s at %s: %s", q.exchange, q.price, f.Evidence)
				}
			}
		}
	}
}

// What one source differs in from what is stored is said once, not again in each session of an outage, whose window moves on.
func TestADifferenceIsToldOnce(t *testing.T) {
	t.Parallel()
	bars := walk(t, etf.XNYS, 120, 0.01, newRandom(45))
	before := Cases{}
	var told []string
	for end := 80; end < 100; end++ {
		in := Input{Symbol: "SIM", Exchange: etf.XNYS, Basis: etf.AsTraded, Session: bars[end].Session, Bars: slices.Clone(bars[end-15 : end+1]),
			Source: "file", Sources: []etf.SourceRef{{Name: "yahoo"}, {Name: "file"}}, Known: stored(bars[end-60:end], etf.AsTraded)}
		for i := range in.Known {
			if in.Known[i].Source = "yahoo"; in.Known[i].Session >= bars[80].Session {
				in.Known[i].Source = "file"
			}
		}
		for i := range in.Bars {
			if s := in.Bars[i].Session; s == bars[68].Session || s == bars[74].Session || s == bars[77].Session && end > 82 {
				scalePricesOnly(in.Bars[i:i+1], 1.01)
			}
		}
		r := check(t, in)
		judgement := etf.Judgement{Findings: r.Findings, Verdicts: r.Verdicts}
		found, err := WithRows(judgement, in.Bars)
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			found[i].ID = FindingID(found[i])
		}
		a := Assess(found, before, r.Verdicts, in.Bars)
		for _, f := range a.Store {
			told = append(told, fmt.Sprint(end, " ", f.Sessions))
			for _, row := range f.Rows {
				before[row.Session] = append(before[row.Session], Case{NamedRow: row, Finding: f.ID, Rule: f.Rule, Severity: f.Severity})
			}
		}
		if again := Assess(found, before, r.Verdicts, in.Bars); len(again.Reported) != len(a.Reported) || len(again.Store) != 0 {
			t.Errorf("%d: a repeat reports %d, and stores %d; at first %d", end, len(again.Reported), len(again.Store), len(a.Reported))
		}
	}
	want := []string{fmt.Sprint(80, " ", []etf.Session{bars[68].Session, bars[74].Session}), fmt.Sprint(83, " ", []etf.Session{bars[77].Session})}
	if !slices.Equal(told, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

// Real sources as each other's fallback: none of them is taken for another security or level, and few rows differ.
func TestRealFallbacks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		symbol, from string
		differing    int
	}{{"SPY", "1999-11-01", 4}, {"QQQ", "2000-03-20", 41}, {"IWM", "2005-06-09", 60}} {
		first, _ := realBars(t, "alphavantage/"+c.symbol+".csv")
		other, _ := realBars(t, "yahoo/"+c.symbol+".csv")
		after := func(bars []etf.Bar) []etf.Bar {
			return slices.DeleteFunc(slices.Clone(bars), func(b etf.Bar) bool { return b.Session < etf.MustSession(c.from) })
		}
		first, other = after(first), after(other)
		rows := map[etf.Session]etf.Bar{}
		for _, b := range other {
			rows[b.Session] = b
		}
		n, differing := 0, map[etf.Session]bool{}
		for i := 75; i < len(first); i += 4 {
			in := Input{Symbol: "REAL", Exchange: etf.XNYS, Session: first[i].Session, Basis: etf.AsTraded, Source: "file",
				Sources: []etf.SourceRef{{Name: "yahoo"}, {Name: "file"}}, Known: stored(first[i-75:i], etf.AsTraded)}
			setSource(in.Known, "yahoo")
			for _, b := range first[i-15 : i+1] {
				if row, ok := rows[b.Session]; ok {
					in.Bars = append(in.Bars, row)
				}
			}
			n++
			for _, f := range check(t, in).Findings {
				if f.Rule == ruleDifference && f.Severity == etf.SeverityError {
					t.Errorf("%s %s: %s", c.symbol, in.Session, f.Evidence)
				}
				if f.Rule == ruleDifference {
					for _, s := range f.Sessions {
						differing[s] = true
					}
				}
			}
		}
		t.Logf("%s: %d failovers, %d sessions differ", c.symbol, n, len(differing))
		if len(differing) != c.differing {
			t.Errorf("%s: %d sessions differ, want %d", c.symbol, len(differing), c.differing)
		}
	}
}

// A second source that gives pence for pounds contradicts nothing, however few sessions both have: its moves are the same.
func TestASecondSourceInPence(t *testing.T) {
	t.Parallel()
	for _, common := range []int{1, 2, 3, 4, 16} {
		for _, crash := range []float64{1, 0.9} {
			in := Input{Symbol: "SIM", Exchange: etf.XLON, Basis: etf.AsTraded, Bars: quoted(t, etf.XLON, etf.MustPrice("24"), etf.MustPrice("0.01"), 0.01, 120, newRandom(47))}
			in.Session = in.Bars[119].Session
			daily(&in, 1)
			in.Source = "first"
			scalePricesOnly(in.Bars, crash)
			alone := summary(check(t, in))
			all := append(barsOf(in.Known), in.Bars...)
			pence := slices.Clone(all[len(all)-common:])
			scalePricesOnly(pence, 100)
			in.Second = SecondOpinion(etf.Fetch{ID: "s", Source: "other"}, etf.Response{Bars: pence, Basis: etf.AsTraded}, in.Session)
			r := check(t, in)
			if common > 1 && crash != 1 { // a move that both show is believed
				alone = []string{"price_jump warning " + in.Session.String()}
			}
			if got := summary(r); !slices.Equal(got, alone) {
				t.Errorf("%d sessions, times %g: %q, want %q", common, crash, got, alone)
			}
		}
	}
}
