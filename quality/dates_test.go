package quality

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// The lengths of history at which the rules on whole responses are tried.
var lengths = []int{10, 30, 250, 2500, 5000}

// first is a first update with the rows given, up to the last of them.
func first(x etf.Exchange, bars []etf.Bar) Input {
	in := Input{Symbol: "SIM", Exchange: x, Initial: true, Bars: bars, Basis: etf.AsTraded}
	for _, b := range bars {
		in.Session = max(in.Session, b.Session)
	}
	return in
}

// every calls try with a random walk of each length on each exchange.
func every(t *testing.T, try func(t *testing.T, x etf.Exchange, bars []etf.Bar)) {
	t.Helper()
	for _, x := range etf.Exchanges() {
		for _, n := range lengths {
			t.Run(fmt.Sprint(x, n), func(t *testing.T) { try(t, x, walk(t, x, n, 0.01, newRandom(uint64(n)))) })
		}
	}
}

// condemned checks that one error-level finding by the rule names every row, and that none is used.
func condemned(t *testing.T, in Input, rule string) {
	t.Helper()
	r := check(t, in)
	consistent(t, in, r)
	for i, v := range r.Verdicts {
		if v == etf.VerdictKeep {
			t.Fatalf("row %d (%s) is used: %q", i, in.Bars[i].Session, summary(r))
		}
	}
	for _, f := range r.Findings {
		if f.Rule != rule || f.Severity != etf.SeverityError {
			t.Errorf("unrelated: %s %s: %s", f.Rule, f.Severity, f.Evidence)
		}
	}
}

// silent checks that the rule says nothing, and returns the report.
func silent(t *testing.T, in Input, rule string) Report {
	t.Helper()
	r := check(t, in)
	consistent(t, in, r)
	for _, f := range r.Findings {
		if f.Rule == rule {
			t.Errorf("%s: %s", f.Rule, f.Evidence)
		}
	}
	return r
}

func moved(bars []etf.Bar, by etf.Session) []etf.Bar {
	bars = slices.Clone(bars)
	for i := range bars {
		bars[i].Session += by
	}
	return bars
}

func TestShiftedDatesCondemnTheResponse(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, x etf.Exchange, bars []etf.Bar) {
		for _, by := range []etf.Session{-2, -1, 1, 2} {
			condemned(t, first(x, moved(bars, by)), ruleDates)
		}
		// Only in summer, as with a source that forgets daylight saving.
		if len(bars) >= 250 {
			summer := slices.Clone(bars)
			for i, b := range summer {
				if m := b.Session.Time().Month(); m >= time.April && m <= time.October {
					summer[i].Session--
				}
			}
			condemned(t, first(x, summer), ruleDates)
		}
	})
}

func TestDatesShiftedInAPart(t *testing.T) {
	t.Parallel()
	in := first(etf.XNYS, walk(t, etf.XNYS, 2500, 0.01, newRandom(3)))
	from := slices.IndexFunc(in.Bars, func(b etf.Bar) bool { return b.Session == etf.MustSession("2020-03-02") }) // a Monday
	for i := from; i < from+20; i++ {
		in.Bars[i].Session--
	}
	r := check(t, in)
	consistent(t, in, r)
	for i, v := range r.Verdicts {
		if (v == etf.VerdictQuarantine) != (i >= from && i < from+20) {
			t.Errorf("row %d (%s): verdict %d: %q", i, in.Bars[i].Session, v, summary(r))
		}
	}
}

func TestDatesOfAnotherExchange(t *testing.T) {
	t.Parallel()
	other := map[etf.Exchange]etf.Exchange{etf.XNYS: etf.XKRX, etf.XKRX: etf.XNYS}
	for _, n := range []int{250, 500, 2500, 5000} {
		for x, y := range other {
			condemned(t, first(x, walk(t, y, n, 0.01, newRandom(uint64(n)))), ruleDates)
		}
	}
}

func TestTradingOnWeekends(t *testing.T) {
	t.Parallel()
	for _, n := range []int{30, 250, 2500} {
		bars := walk(t, etf.XNYS, n, 0.01, newRandom(5))
		for i := range bars {
			bars[i].Session = etf.MustSession("2025-09-26") - etf.Session(n-1-i)
		}
		condemned(t, first(etf.XNYS, bars), ruleDates)
	}
}

// Rows on closed days that only carry the last price, and stray rows: they are quarantined, all others used.
func TestRowsOnClosedDays(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, x etf.Exchange, bars []etf.Bar) {
		cal, err := calendar.For(x)
		if err != nil {
			t.Fatal(err)
		}
		random := newRandom(8)
		for name, carried := range map[string]func(day etf.Session) bool{
			"every day":       func(etf.Session) bool { return true },
			"weekdays":        func(d etf.Session) bool { return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday },
			"Sundays":         func(d etf.Session) bool { return d.Weekday() == time.Sunday },
			"one in ten days": func(etf.Session) bool { return random.IntN(10) == 0 },
		} {
			for _, volume := range []etf.Volume{0, etf.VolumeUnknown} {
				var all []etf.Bar
				last := bars[0]
				i := 0
				for day := bars[0].Session; day <= bars[len(bars)-1].Session; day++ {
					switch {
					case bars[i].Session == day:
						last = bars[i]
						all = append(all, last)
						i++
					case carried(day):
						all = append(all, etf.Bar{Session: day, Open: last.Close, High: last.Close, Low: last.Close, Close: last.Close, Volume: volume})
					}
				}
				in := first(x, all)
				r := silent(t, in, ruleDates)
				for i, v := range r.Verdicts {
					if (v == etf.VerdictKeep) != cal.IsSession(all[i].Session) {
						t.Fatalf("%s: %s has verdict %d: %q", name, all[i].Session, v, summary(r))
					}
				}
			}
		}
	})
}

func TestLowerFrequencyCondemnsTheResponse(t *testing.T) {
	t.Parallel()
	for _, x := range etf.Exchanges() {
		daily := walk(t, x, 6000, 0.01, newRandom(2))
		for name, key := range map[string]func(etf.Session) int{
			"weekly":    func(d etf.Session) int { return (int(d) + 3) / 7 },
			"monthly":   func(d etf.Session) int { return d.Time().Year()*12 + int(d.Time().Month()) },
			"quarterly": func(d etf.Session) int { return d.Time().Year()*4 + int(d.Time().Month()-1)/3 },
		} {
			var ends, starts []etf.Bar // rows dated on the last session of the period, and on its first day, closed or not
			for i, b := range daily {
				if i > 0 && key(b.Session) != key(daily[i-1].Session) {
					ends = append(ends, daily[i-1])
					for key(b.Session-1) == key(b.Session) {
						b.Session--
					}
					starts = append(starts, b)
				}
			}
			for _, bars := range [][]etf.Bar{ends, starts} {
				for _, n := range []int{4, 10, 30, 250, 1200} {
					if n <= len(bars) {
						condemned(t, first(x, slices.Clone(bars[len(bars)-n:])), ruleFrequency)
					}
				}
				// Older rows are of the lower frequency, the last hundred are daily.
				cut := len(daily) - 100
				n, _ := slices.BinarySearchFunc(bars, daily[cut].Session, func(b etf.Bar, s etf.Session) int { return int(b.Session - s) })
				in := first(x, append(slices.Clone(bars[max(0, n-60):n]), daily[cut:]...))
				r := check(t, in)
				consistent(t, in, r)
				for i, v := range r.Verdicts {
					old := len(in.Bars) - i
					if old < 100 && v != etf.VerdictKeep || old > 102 && v != etf.VerdictQuarantine {
						t.Fatalf("%s %s: row %d of %d has verdict %d: %q", x, name, i, len(in.Bars), v, summary(r))
					}
				}
			}
		}
	}
}

func TestWeeklyRowsAfterDailyOnes(t *testing.T) {
	t.Parallel()
	bars := walk(t, etf.XNYS, 75, 0.01, newRandom(4))
	in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[74].Session, Bars: []etf.Bar{bars[64], bars[69], bars[74]},
		Basis: etf.AsTraded, Known: stored(bars[:60], etf.AsTraded)}
	condemned(t, in, ruleFrequency)
}

func TestIntradayRowsCondemnTheResponse(t *testing.T) {
	t.Parallel()
	for _, perSession := range []int{4, 7, 390} {
		for _, n := range []int{1, 5, 30, 60, 2500} {
			if n*perSession > 100_000 {
				continue
			}
			hours := walk(t, etf.XNYS, min(5000, n*perSession), 0.002, newRandom(6))
			days := walk(t, etf.XNYS, n, 0.01, newRandom(6))
			var bars []etf.Bar
			for i := range n {
				for k := range perSession {
					b := hours[(i*perSession+k)%len(hours)]
					b.Session = days[i].Session
					bars = append(bars, b)
				}
			}
			in := first(etf.XNYS, bars)
			in.Bars, in.Ordinals = Condense(in.Bars)
			condemned(t, in, ruleFrequency)
		}
	}
}

// Funds that trade seldom, and histories with holes, have no frequency.
func TestSparseRowsAreNoFrequency(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, x etf.Exchange, bars []etf.Bar) {
		random := newRandom(uint64(len(bars)))
		for _, p := range []float64{0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.98} {
			var some []etf.Bar
			for _, b := range bars {
				if random.Float64() < p {
					some = append(some, b)
				}
			}
			if len(some) > 5 {
				silent(t, first(x, some), ruleFrequency)
			}
		}
		// Every Monday is missing.
		silent(t, first(x, slices.DeleteFunc(bars, func(b etf.Bar) bool { return b.Session.Weekday() == time.Monday })), ruleFrequency)
	})
}

// Responses with several defects at once, over stored rows: the report is consistent, whatever they are.
func TestMixedDefectsGiveAConsistentReport(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		random := newRandom(seed)
		x := etf.Exchanges()[random.IntN(len(etf.Exchanges()))]
		bars := walk(t, x, 40+random.IntN(300), 0.01, random)
		known := stored(bars, etf.AsTraded)
		part := func() (from, to int) {
			from = random.IntN(len(bars) - 1)
			return from, min(len(bars), from+1+random.IntN(60))
		}
		initial := random.IntN(2) == 0
		for range 1 + random.IntN(4) {
			from, to := part()
			kind := random.IntN(8)
			if !initial && (kind == 2 || kind == 5) {
				continue // another level is the subject of other tests
			}
			switch kind {
			case 0:
				for i := from; i < to; i++ {
					bars[i].Session--
				}
			case 1:
				bars = slices.Insert(bars, to, bars[from:to]...)
			case 2:
				more := slices.Clone(bars[from:to])
				scalePrices(more, 1, 1+random.Int64N(3))
				bars = append(bars, more...)
			case 3: // weekly
				n := 0
				bars = slices.DeleteFunc(bars, func(b etf.Bar) bool {
					n++
					return n > from && n < to && n%5 != 0
				})
			case 4:
				stuck(bars, max(1, from), to-max(1, from), random.IntN(5))
			case 5:
				scalePrices(bars[from:to], 1, 4)
			case 6:
				for i := range bars[:to] {
					bars[i].Open = 0
				}
			case 7:
				random.Shuffle(to-from, func(i, j int) { bars[from+i], bars[from+j] = bars[from+j], bars[from+i] })
			}
		}
		in := first(x, bars)
		if !initial {
			in.Initial = false
			in.Known = slices.DeleteFunc(known, func(etf.StoredBar) bool { return random.IntN(5) == 0 })
		}
		consistent(t, in, check(t, in))
	}
}
