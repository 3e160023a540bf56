package quality

import (
	"fmt"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// stuck makes the rows from..from+n-1 repeat the close before, in one of the ways providers do.
func stuck(bars []etf.Bar, from, n, way int) {
	last := bars[from-1].Close
	for i := from; i < from+n; i++ {
		b := &bars[i]
		switch way {
		case 0: // flat, with the volume
			b.Open, b.High, b.Low, b.Close = last, last, last, last
		case 1: // flat, without volume
			b.Open, b.High, b.Low, b.Close, b.Volume = last, last, last, last, 0
		case 2: // only the close
			b.Close = last
			b.High, b.Low = max(b.High, last), min(b.Low, last)
		case 3: // the whole bar
			volume := b.Volume
			b.Open, b.High, b.Low, b.Close = bars[from-1].Open, bars[from-1].High, bars[from-1].Low, last
			b.Volume = volume
		case 4: // flat, volume unknown
			b.Open, b.High, b.Low, b.Close, b.Volume = last, last, last, last, etf.VolumeUnknown
		}
	}
}

// staleOn counts the sessions from..to with a warning, and those elsewhere.
func staleOn(r Report, from, to etf.Session) (inside, outside int) {
	for _, f := range r.Findings {
		if f.Rule != ruleStale {
			continue
		}
		for _, s := range f.Sessions {
			if s >= from && s <= to+4 { // the next close may be the same by chance
				inside++
			} else {
				outside++
			}
		}
	}
	return inside, outside
}

func TestStuckPrices(t *testing.T) {
	t.Parallel()
	for _, x := range etf.Exchanges() {
		for _, n := range []int{12, 30, 250, 2500, 5000} {
			tried, found := 0, 0
			rounds := 120
			if n > 1000 {
				rounds = 24
			}
			for round := range rounds {
				random := newRandom(uint64(round))
				// A fund that moves by a few ticks a day stays where it is too often.
				sigma := []float64{0.006, 0.008, 0.01, 0.02, 0.04}[round%5]
				bars := walk(t, x, n, sigma, random)
				length := []int{4, 5, 8}[round%3] // five equal closes in all, or more
				length = min(length, n-7)
				from := 3 + random.IntN(n-length-3)
				stuck(bars, from, length, random.IntN(5))
				r := check(t, first(x, bars))
				inside, outside := staleOn(r, bars[from-1].Session, bars[from+length-1].Session)
				tried++
				if inside > 0 {
					found++
				}
				if outside > 0 && n < 1000 {
					t.Errorf("%s, %d rows, round %d: %d other sessions: %q", x, n, round, outside, summary(r))
				}
			}
			least := 95
			if n < 30 {
				least = 85
			}
			if found*100 < tried*least {
				t.Errorf("%s, %d rows: %d of %d stuck prices found", x, n, found, tried)
			}
			t.Logf("%s, %d rows: %d of %d stuck prices found", x, n, found, tried)
		}
	}
}

// An update in which the price stays where the stored rows ended.
func TestStuckPriceInAnUpdate(t *testing.T) {
	t.Parallel()
	for way := range 5 {
		in := sound(t)
		stuck(in.Bars, 115, 5, way)
		overlap(&in, 10)
		r := check(t, in)
		if inside, outside := staleOn(r, in.Session, in.Session); inside == 0 || outside > 0 {
			t.Errorf("way %d: %q", way, summary(r))
		}
	}
}

func TestCopiedRows(t *testing.T) {
	t.Parallel()
	for _, x := range etf.Exchanges() {
		for _, n := range []int{30, 250, 2500} {
			for round := range 30 {
				random := newRandom(uint64(round + n))
				bars := walk(t, x, n, []float64{0.005, 0.01, 0.02}[round%3], random)
				length := 2 + random.IntN(8)
				from, to := random.IntN(n-length), random.IntN(n-length)
				if max(from-to, to-from) <= length {
					continue
				}
				copied := slices.Clone(bars[from : from+length])
				for i, b := range copied {
					b.Session = bars[to+i].Session
					if round%2 == 0 {
						b.Volume += etf.Shares(random.Int64N(1000))
					}
					bars[to+i] = b
				}
				in := first(x, bars)
				r := check(t, in)
				inside, _ := staleOn(r, bars[min(from, to)].Session, bars[max(from, to)+length-1].Session)
				// On another level the copy is quarantined for that.
				found := inside > 0 || slices.Contains(r.Verdicts[to:to+length], etf.VerdictQuarantine) ||
					slices.Contains(r.Verdicts[from:from+length], etf.VerdictQuarantine)
				narrow := slices.ContainsFunc(copied, func(b etf.Bar) bool { return b.High-b.Low < wideTicks*smallestTick(x, b.Close) })
				if !found && !narrow {
					t.Errorf("%s, %d rows: a copy of %d rows from %d to %d is not found: %q", x, n, length, from, to, summary(r))
				}
			}
		}
	}
}

// Funds whose close stays the same on many days: thinly traded ones, and bond funds that move by a tick or two.
func TestQuietFundsAreNotStale(t *testing.T) {
	t.Parallel()
	for _, x := range etf.Exchanges() {
		warned, total := 0, 0
		for _, n := range []int{10, 30, 250, 2500, 5000} {
			for round := range 40 {
				random := newRandom(uint64(round))
				var bars []etf.Bar
				switch round % 4 {
				case 0: // a bond fund: a few ticks a day
					bars = walk(t, x, n, 0.0004, random)
				case 1: // a money market fund: a tick on every fifth day
					bars = walk(t, x, n, 0.01, random)
					close := bars[0].Close
					for i := range bars {
						if random.IntN(5) == 0 {
							close += tradingTick(x, close)
						}
						bars[i].Open, bars[i].High, bars[i].Low, bars[i].Close = close, close, close, close
					}
				default: // thinly traded: the close stays on 30 to 90 % of the days, with volume, without, or untraded
					bars = walk(t, x, n, 0.01, random)
					stays := 0.3 + 0.6*random.Float64()
					way := random.IntN(3)
					for i := 1; i < n; i++ {
						switch {
						case random.Float64() >= stays:
						case way == 2: // as KRX writes a session without a trade
							bars[i] = etf.Bar{Session: bars[i].Session, Close: bars[i-1].Close}
						default:
							stuck(bars, i, 1, way)
						}
					}
				}
				r := check(t, first(x, bars))
				total++
				if inside, _ := staleOn(r, bars[0].Session, bars[n-1].Session); inside > 0 {
					warned++
					t.Logf("%s, %d rows, round %d: %s", x, n, round, fmt.Sprint(summary(r)))
				}
			}
		}
		if warned*50 > total {
			t.Errorf("%s: %d of %d series are called stale", x, warned, total)
		}
	}
}
