package quality

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// backfilled delivers a history in parts of 40 rows, each with up to five stored rows beside it; what is stored stays as it is.
func backfilled(t testing.TB, d deliveries, bars []etf.Bar, newestFirst bool) *deliveries {
	t.Helper()
	const size, beside = 40, 5
	var starts []int
	for from := 0; from < len(bars); from += size {
		starts = append(starts, from)
	}
	if newestFirst {
		slices.Reverse(starts)
	}
	for _, from := range starts {
		to := min(from+size, len(bars))
		isStored := func(i int) bool {
			return i >= 0 && i < len(bars) && slices.ContainsFunc(d.bars, func(k etf.StoredBar) bool { return k.Session == bars[i].Session })
		}
		for n := 0; n < beside && isStored(from-1); n++ {
			from--
		}
		for n := 0; n < beside && isStored(to); n++ {
			to++
		}
		before := slices.Clone(d.bars)
		d.deliver(t, slices.Clone(bars[from:to]), etf.Window{From: bars[from].Session, To: bars[to-1].Session})
		for _, k := range before {
			if i := slices.IndexFunc(d.bars, func(b etf.StoredBar) bool { return b.Session == k.Session }); !k.Held {
				d.bars[i] = k
			}
		}
	}
	return &d
}

// What is wrong where two windows of a backfill meet is named as in a whole history, in whichever order they come.
func TestJointOfWindows(t *testing.T) {
	t.Parallel()
	const n, joint = 120, 80
	history := func() []etf.Bar { return walk(t, etf.XNYS, n, 0.01, newRandom(31)) }
	at := history()[joint].Session
	pays := func(amount string) []etf.Action {
		return []etf.Action{{Kind: etf.Dividend, Ex: at, Amount: etf.MustPrice(amount)}}
	}
	for _, c := range []struct {
		name    string
		actions []etf.Action
		change  func(bars []etf.Bar)
		finding string           // of the session at the joint, with any severity
		action  etf.ActionStatus // of the distribution
	}{
		{"a fall that stays", nil, func(bars []etf.Bar) { scalePricesOnly(bars[joint:], .8) }, ruleJump, ""},
		{"a bad tick", nil, func(bars []etf.Bar) { scalePricesOnly(bars[joint:joint+1], .7) }, ruleSpike, ""},
		{"a repeated bar", nil, func(bars []etf.Bar) {
			bars[joint] = bars[joint-1]
			bars[joint].Session = at
		}, ruleStale, ""},
		{"a distribution of fifty times the price", pays("5000"), func([]etf.Bar) {}, ruleDistribution, etf.Proposed},
		{"one that the prices don't show", pays("30"), func([]etf.Bar) {}, ruleDistribution, etf.Proposed},
		{"a usual one", pays("0.4"), func([]etf.Bar) {}, "", etf.Accepted},
		{"one that the adjusted close does not show", pays("0.4"), func(bars []etf.Bar) {
			for i := range bars {
				bars[i].AdjClose = bars[i].Close
			}
		}, ruleAdjusted, etf.Accepted},
	} {
		bars := history()
		c.change(bars)
		for _, newest := range []bool{true, false} {
			d := backfilled(t, deliveries{exchange: etf.XNYS, basis: etf.AsTraded, actions: c.actions}, bars, newest)
			var named []string
			for f := range d.findings {
				if strings.HasSuffix(f, " "+at.String()) {
					named = append(named, f)
				}
			}
			// The oldest first, the newest row of a window is held until the next one tells what it is.
			if has := slices.ContainsFunc(named, func(f string) bool { return c.finding != "" && strings.HasPrefix(f, c.finding+" ") }); has != (c.finding != "") || c.finding == "" && len(named) > 0 {
				t.Errorf("%s, newest first %t: %q, want %q", c.name, newest, named, c.finding)
			}
			for _, s := range d.stated {
				if s.Status != c.action {
					t.Errorf("%s, newest first %t: the distribution is %s (%s), want %s", c.name, newest, s.Status, s.Why, c.action)
				}
			}
			if len(d.stated) != len(c.actions) {
				t.Errorf("%s, newest first %t: %d statements", c.name, newest, len(d.stated))
			}
		}
	}
}

// A price that a person has given for a row of a window, before the window is stored, keeps none of its other rows out and is no finding,
// whatever the price is.
func TestAPersonsPriceInAWindow(t *testing.T) {
	t.Parallel()
	const n, at = 120, 70
	for _, newestFirst := range []bool{true, false} {
		for _, bad := range []float64{1, .1, 10} {
			for _, given := range []float64{1, .8, 1.25, .5, .2, .1, 2, 10} {
				bars := walk(t, etf.XKRX, n, 0.01, newRandom(31))
				right := bars[at]
				scalePricesOnly(bars[at:at+1], bad)
				one := []etf.Bar{right}
				scalePricesOnly(one, given)
				stored, windows := personsPrice(one[0], bars[90:]), [][2]int{{40, 90}, {0, 45}}
				if !newestFirst {
					windows = [][2]int{{0, 80}, {75, 90}}
				}
				d := deliveries{exchange: etf.XKRX, basis: etf.AsTraded, bars: stored}
				for _, w := range windows {
					d.deliver(t, slices.Clone(bars[w[0]:w[1]]), etf.Window{From: bars[w[0]].Session, To: bars[w[1]-1].Session})
				}
				var out []string
				for _, k := range d.bars {
					if (k.Quarantined || k.Held) && k.Session != right.Session {
						out = append(out, k.Session.String())
					}
				}
				maps.DeleteFunc(d.findings, func(f string, _ bool) bool { return strings.HasPrefix(f, ruleMissing) }) // the sessions of the second window
				if len(out) > 0 || len(d.findings) > 0 {
					t.Errorf("newest first %v, bad %g, given %g: %d rows are kept out: %v; %v", newestFirst, bad, given, len(out), out, d.findings)
				}
			}
		}
	}
}

// The price that a person has given hides nothing about the rows beside it: a bad tick and an unstated split are found as without it.
func TestBesideAPersonsPrice(t *testing.T) {
	t.Parallel()
	const n, at = 120, 70
	for _, given := range []float64{1, .8, 1.25, .5, .2, .1, 2, 10} {
		for _, off := range []int{-3, -2, -1, 1, 2, 3} {
			for _, factor := range []float64{.1, .7, 1.4, 10} {
				bars := walk(t, etf.XKRX, n, 0.01, newRandom(31))
				p := slices.Clone(bars[at : at+1])
				scalePricesOnly(p, given)
				scalePricesOnly(bars[at+off:at+off+1], factor)
				d := deliveries{exchange: etf.XKRX, basis: etf.AsTraded, bars: personsPrice(p[0], bars[90:])}
				for _, w := range [][2]int{{40, 90}, {0, 45}} {
					d.deliver(t, slices.Clone(bars[w[0]:w[1]]), etf.Window{From: bars[w[0]].Session, To: bars[w[1]-1].Session})
				}
				bad := bars[at+off].Session.String()
				if !d.findings["price_spike error "+bad] && !d.findings["unit_change error "+bad] || len(d.findings) != 1 {
					t.Errorf("given %g, the row %d beside it times %g: %v", given, off, factor, d.findings)
				}
			}
		}
	}
	for _, split := range []int{at - 1, at, at + 1} {
		bars := walk(t, etf.XKRX, n, 0.01, newRandom(31))
		scalePrices(bars[split:], 1, 5)
		d := deliveries{exchange: etf.XKRX, basis: etf.AsTraded, bars: personsPrice(bars[at], bars[90:])}
		d.deliver(t, slices.Clone(bars[40:90]), etf.Window{From: bars[40].Session, To: bars[89].Session})
		want := split - 40
		if split == at+1 {
			want-- // the person's is not judged
		}
		out := 0
		for _, k := range d.bars {
			if k.Quarantined && k.Session < bars[split].Session {
				out++
			}
		}
		if out != want || len(d.findings) != want || !d.findings["split_suspected error "+bars[40].Session.String()] {
			t.Errorf("a split %d rows after the given price: %d rows kept out, want %d; %v", split-at, out, want, d.findings)
		}
	}
}

// personsPrice stores a price that a person has given, and the source's rows after it.
func personsPrice(given etf.Bar, after []etf.Bar) []etf.StoredBar {
	list := []etf.StoredBar{{Bar: given, Basis: etf.AsTraded, Source: etf.SourcePerson}}
	for _, b := range after {
		list = append(list, etf.StoredBar{Bar: b, Basis: etf.AsTraded, Source: "file"})
	}
	return list
}

// A window in another unit or currency keeps out its own rows and no others, however many windows come after it and in whichever order.
func TestAWindowInAnotherUnit(t *testing.T) {
	t.Parallel()
	for _, x := range []etf.Exchange{etf.XNYS, etf.XKRX} {
		for _, factor := range []float64{100, .01, 1350, 1. / 1350, 7} {
			for _, newest := range []bool{true, false} {
				bars := walk(t, x, 240, 0.01, newRandom(41))
				scalePricesOnly(bars[80:120], factor)
				d := backfilled(t, deliveries{exchange: x, basis: etf.AsTraded}, bars, newest)
				if got, want := keptOut(d), sessionsOf(bars[80:120]); !slices.Equal(got, want) {
					t.Errorf("%s times %g, newest first %t: %d rows kept out, from %v on, want %d from %v on", x, factor, newest, len(got), got[:min(1, len(got))], len(want), want[0])
				}
			}
		}
	}
}

// Windows all of which are by a fifth off the stored rows stay out, whatever the market's moves in them: none of these takes a change of level back
// that is not much larger.
func TestALevelThatIsNotLeft(t *testing.T) {
	t.Parallel()
	const n = 240
	for _, newest := range []bool{true, false} {
		for _, factor := range []float64{1.2, 1 / 1.2} {
			bars := walk(t, etf.XNYS, n, 0.03, newRandom(50))
			other := slices.Clone(bars)
			scalePricesOnly(other, factor)
			stored, windows := bars[n/2:], [][2]int{{80, 125}, {40, 85}, {0, 45}}
			if !newest {
				stored, windows = bars[:n/2], [][2]int{{115, 160}, {155, 200}, {195, n}}
			}
			d := deliveries{exchange: etf.XNYS, basis: etf.AsTraded}
			for _, b := range stored {
				d.bars = append(d.bars, etf.StoredBar{Bar: b, Basis: etf.AsTraded, Source: "file"})
			}
			for _, w := range windows {
				before := slices.Clone(d.bars)
				d.deliver(t, slices.Clone(other[w[0]:w[1]]), etf.Window{From: bars[w[0]].Session, To: bars[w[1]-1].Session})
				for _, k := range before { // what is stored stays as it is
					d.bars[slices.IndexFunc(d.bars, func(b etf.StoredBar) bool { return b.Session == k.Session })] = k
				}
			}
			if got := keptOut(&d); len(got) != n/2 {
				t.Errorf("times %g, newest first %t: %d rows kept out, want %d", factor, newest, len(got), n/2)
			}
		}
	}
}

// Rows in a history that are on another level, which is left again: they are kept out and not the others, although the move back alone could be
// the market's.
func TestALevelThatIsLeftAgain(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{true, false} {
		bars := walk(t, etf.XKRX, 200, 0.01, newRandom(42))
		scalePricesOnly(bars, 0.9) // about 9,000 won, which are less than 7 dollars: in whole won, each move would be a large one
		scalePricesOnly(bars[90:110], 1./1350)
		d := deliveries{exchange: etf.XKRX, basis: etf.AsTraded}
		if whole {
			d.deliver(t, bars, etf.Window{From: bars[0].Session, To: bars[199].Session})
		} else {
			d.deliver(t, bars[130:], etf.Window{From: bars[130].Session, To: bars[199].Session})
			d.deliver(t, bars[:135], etf.Window{From: bars[0].Session, To: bars[134].Session})
		}
		if got, want := keptOut(&d), sessionsOf(bars[90:110]); !slices.Equal(got, want) {
			t.Errorf("whole %t: %d rows kept out, from %v on, want %d from %v on", whole, len(got), got[:min(1, len(got))], len(want), want[0])
		}
	}
}

// A fall by half in a fund that moves a lot, and months later a reverse split that nobody states: the one does not take the other back, so that all
// rows before the split are on another level than the newest ones.
func TestAFallIsNoLevelThatIsLeftAgain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		random := newRandom(seed)
		bars := walk(t, etf.XNYS, 200, 0.01, random)
		for i := 40; i < 80; i++ {
			scalePricesOnly(bars[i:], math.Exp(0.09*random.NormFloat64()))
		}
		scalePricesOnly(bars[60:], 0.5)
		scalePricesOnly(bars[150:], 2)
		d := deliveries{exchange: etf.XNYS, basis: etf.AsTraded}
		d.deliver(t, bars, etf.Window{From: bars[0].Session, To: bars[199].Session})
		if got := keptOut(&d); len(got) != 150 {
			t.Errorf("seed %d: %d rows kept out, from %v on", seed, len(got), got[:min(1, len(got))])
		}
	}
}

// keptOut are the sessions of the bars that are not believed.
func keptOut(d *deliveries) (list []etf.Session) {
	for _, k := range d.bars {
		if k.Quarantined || k.Held {
			list = append(list, k.Session)
		}
	}
	return list
}

func sessionsOf(bars []etf.Bar) (list []etf.Session) {
	for _, b := range bars {
		list = append(list, b.Session)
	}
	return list
}

// A window of another security that happens to be on about the same level shows at the stored sessions that it repeats, and so does one whose dates
// are shifted; corrections of the source do not keep it out.
func TestAWindowOfAnotherSecurity(t *testing.T) {
	t.Parallel()
	const joint = 60
	bars, other := walk(t, etf.XNYS, 120, 0.01, newRandom(43)), walk(t, etf.XNYS, 120, 0.01, newRandom(44))
	scalePricesOnly(other, bars[joint+2].Close.Float()/other[joint+2].Close.Float())
	for _, c := range []struct {
		name   string
		window []etf.Bar // rows joint-40 to joint+4
		out    int
	}{
		{"the same", bars[joint-40 : joint+5], 0},
		{"another security", other[joint-40 : joint+5], 40},
		{"two corrected closes", append(slices.Clone(bars[joint-40:joint+3]), other[joint+3:joint+5]...), 0},
	} {
		d := deliveries{exchange: etf.XNYS, basis: etf.AsTraded}
		for _, b := range bars[joint:] {
			d.bars = append(d.bars, etf.StoredBar{Bar: b, Basis: etf.AsTraded, Source: "file"})
		}
		d.deliver(t, slices.Clone(c.window), etf.Window{From: bars[joint-40].Session, To: bars[joint+4].Session})
		out := 0
		for _, k := range d.bars {
			if (k.Quarantined || k.Held) && k.Session < bars[joint].Session {
				out++
			}
		}
		if out != c.out {
			t.Errorf("%s: %d rows kept out, want %d: %v", c.name, out, c.out, d.findings)
		}
	}
}

// In whichever order windows come, and however little the fund moves, most windows of another one are found: of five random moves of each, some
// are alike.
func TestWindowsOfOtherSecurities(t *testing.T) {
	t.Parallel()
	const joint, tries = 80, 40
	for _, sigma := range []float64{.003, .01, .02} {
		for _, newest := range []bool{true, false} {
			found := 0
			for seed := range uint64(tries) {
				bars, other := walk(t, etf.XNYS, 2*joint, sigma, newRandom(100+seed)), walk(t, etf.XNYS, 2*joint, sigma, newRandom(300+seed))
				at, stored, window := joint+2, bars[joint:], other[joint-40:joint+5]
				if !newest {
					at, stored, window = joint-3, bars[:joint], other[joint-5:joint+40]
				}
				scalePricesOnly(other, bars[at].Close.Float()/other[at].Close.Float())
				d := deliveries{exchange: etf.XNYS, basis: etf.AsTraded}
				for _, b := range stored {
					d.bars = append(d.bars, etf.StoredBar{Bar: b, Basis: etf.AsTraded, Source: "file"})
				}
				d.deliver(t, slices.Clone(window), etf.Window{From: window[0].Session, To: window[len(window)-1].Session})
				if len(keptOut(&d)) >= 40 {
					found++
				}
			}
			if found < tries*3/4 {
				t.Errorf("volatility %g, newest first %t: %d of %d windows found", sigma, newest, found, tries)
			}
		}
	}
}

// A window of a fund that hardly moves is not another security's because the source has corrected closes by a tick.
func TestAWindowWithClosesATickOff(t *testing.T) {
	t.Parallel()
	const n, joint = 120, 60
	for x, tick := range map[etf.Exchange]etf.Price{etf.XNYS: etf.MustPrice("0.01"), etf.XKRX: etf.MustPrice("5")} {
		for _, newest := range []bool{true, false} {
			bars := walk(t, x, n, 0.0001, newRandom(45))
			scalePricesOnly(bars, .9)
			stored, window := bars[joint:], slices.Clone(bars[joint-40:joint+5])
			if !newest {
				stored, window = bars[:joint], slices.Clone(bars[joint-5:joint+40])
			}
			d := deliveries{exchange: x, basis: etf.AsTraded}
			for _, b := range stored {
				d.bars = append(d.bars, etf.StoredBar{Bar: b, Basis: etf.AsTraded, Source: "file"})
			}
			off := tick
			for i := range window {
				if slices.ContainsFunc(stored, func(b etf.Bar) bool { return b.Session == window[i].Session }) {
					b := &window[i]
					b.Close += off
					b.High, b.Low = max(b.High, b.Close), min(b.Low, b.Close)
					off = -off
				}
			}
			d.deliver(t, window, etf.Window{From: window[0].Session, To: window[len(window)-1].Session})
			if out := keptOut(&d); len(out) > 0 {
				t.Errorf("%s, newest first %t: %d rows kept out: %v", x, newest, len(out), d.findings)
			}
		}
	}
}
