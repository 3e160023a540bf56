package quality

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// surprise makes the input a daily update of the last n rows, of which the first n-k are stored already and the next k are
// new or held. The row before the k last ones moves by log, those after it as given.
func surprise(in *Input, k int, logs ...float64) {
	first := len(in.Bars) - k
	for i, log := range logs {
		scalePricesOnly(in.Bars[first+i:first+i+1], math.Exp(log))
	}
	daily(in, 10)
	in.Known = append(in.Known, stored(slices.Clone(in.Bars[:10-k]), in.Basis)...)
}

func hold(in *Input, i int) {
	in.Held = stored(slices.Clone(in.Bars[i:i+1]), in.Basis)
	in.Held[0].Held = true
}

func TestHeldClose(t *testing.T) {
	t.Parallel()
	up := math.Log(1.45)
	run(t, []scenario{
		{"45 % up", func(in *Input) { surprise(in, 1, up) }, []string{"held_close warning 2025-09-26"}},
		{"57 % down", func(in *Input) { surprise(in, 1, math.Log(.43)) }, []string{"held_close warning 2025-09-26"}},
		{"asked for again on the same day", func(in *Input) { surprise(in, 1, up); hold(in, 9) }, []string{"held_close warning 2025-09-26"}},
		{"accepted by a person", func(in *Input) {
			surprise(in, 1, up)
			in.Known = append(in.Known, stored(slices.Clone(in.Bars[9:]), in.Basis)...)
		}, []string{}},
		{"back the next day", func(in *Input) { surprise(in, 2, up, 0); hold(in, 8) }, []string{"price_spike error 2025-09-25"}},
		{"still there", func(in *Input) { surprise(in, 2, up, up); hold(in, 8) }, []string{"held_close info 2025-09-25"}},
		{"a third of the way", func(in *Input) { surprise(in, 2, up, up/3); hold(in, 8) },
			[]string{"price_spike error 2025-09-25", "price_jump warning 2025-09-26"}},
		{"most of the way", func(in *Input) { surprise(in, 2, up, .8*up); hold(in, 8) },
			[]string{"held_close info 2025-09-25"}},
		{"further up", func(in *Input) { surprise(in, 2, up, 1.1*up); hold(in, 8) }, []string{"held_close info 2025-09-25"}},
		{"corrected by the source", func(in *Input) {
			surprise(in, 2, up, 0)
			hold(in, 8)
			scalePricesOnly(in.Bars[8:9], math.Exp(-up))
		}, []string{}},
		{"still there, the held row not sent again", func(in *Input) {
			surprise(in, 2, up, up)
			hold(in, 8)
			in.Bars = in.Bars[9:]
		}, []string{"missing_session warning 2025-09-25"}},
		{"back, the held row not sent again", func(in *Input) {
			surprise(in, 2, up, 0)
			hold(in, 8)
			in.Bars = in.Bars[9:]
		}, []string{"missing_session warning 2025-09-25"}},
		{"the net asset value moved too", func(in *Input) {
			surprise(in, 1, up)
			in.NAVs = []etf.NAV{{Session: in.Bars[9].Session, NAV: etf.MustPrice("145")}, {Session: in.Bars[8].Session, NAV: etf.MustPrice("100")}}
		}, []string{"price_jump warning 2025-09-26"}},
		{"the net asset value did not move", func(in *Input) {
			surprise(in, 1, up)
			in.NAVs = []etf.NAV{{Session: in.Bars[8].Session, NAV: etf.MustPrice("100")}, {Session: in.Bars[9].Session, NAV: etf.MustPrice("101")}}
		}, []string{"held_close warning 2025-09-26"}},
		{"another source agrees", func(in *Input) { surprise(in, 1, up); in.Second = secondOf9(*in) }, []string{"price_jump warning 2025-09-26"}},
		{"another source does not", func(in *Input) {
			surprise(in, 1, up)
			in.Second = secondOf9(*in)
			scalePricesOnly(in.Second.Bars, math.Exp(-up))
		}, []string{"held_close warning 2025-09-26", "second_source warning 2025-09-26"}},
		{"a split that nobody states is an error", func(in *Input) { split := in.Bars[119:]; scalePrices(split, 1, 3); surprise(in, 1) },
			[]string{"split_suspected error 2025-09-26"}},
	})
	in := sound(t)
	surprise(&in, 1, up)
	r := check(t, in)
	if !r.HeldNew || r.QuarantinedNew || r.Verdicts[9] != etf.VerdictHold {
		t.Errorf("held %v, quarantined %v, verdict %d", r.HeldNew, r.QuarantinedNew, r.Verdicts[9])
	}
	if e := r.Findings[0].Evidence; !strings.Contains(e, "daily volatilities") || !strings.Contains(e, "held until") {
		t.Errorf("evidence %q", e)
	}
}

// A surprise is held at every length of history and in every kind of fund, in a first response too.
func TestHeldAtEveryLength(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 30, 250, 2500} {
		for _, sigma := range []float64{.0005, .002, .01, .02} {
			for _, log := range []float64{17, -17} {
				bars := walk(t, etf.XNYS, n, sigma, newRandom(uint64(n)))
				scalePricesOnly(bars[n-1:], math.Exp(log*sigma))
				in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: bars[n-1].Session, Initial: true, Bars: bars, Basis: etf.AsTraded}
				r := check(t, in)
				small := sigma == .0005 && log < 0 // may be a distribution
				if got := r.HeldNew; got == small {
					t.Errorf("%d rows, %v a day, %v: held %v, %q", n, sigma, log, got, summary(r))
				}
				consistent(t, in, r)
			}
		}
	}
}

// diary feeds daily updates to Check as the pipeline does: the last 15 sessions each day.
type diary struct {
	known, held []etf.StoredBar
	errors      []etf.Session
	heldFor     map[etf.Session]int // updates after which a held row was still held
}

func (d *diary) update(t *testing.T, x etf.Exchange, bars []etf.Bar, basis etf.Basis) Report {
	t.Helper()
	window := bars[max(0, len(bars)-15):]
	in := Input{Symbol: "SIM", Exchange: x, Session: bars[len(bars)-1].Session, Bars: window, Basis: basis, Held: d.held}
	from := 0
	for from < len(d.known) && d.known[from].Session < window[0].Session {
		from++
	}
	in.Known = d.known[max(0, from-60):]
	r := check(t, in)
	consistent(t, in, r)
	d.held = nil
	for i, b := range window {
		k, stored := slices.BinarySearchFunc(d.known, b.Session, func(k etf.StoredBar, s etf.Session) int { return int(k.Session - s) })
		bar := etf.StoredBar{Bar: b, Basis: basis}
		switch r.Verdicts[i] {
		case etf.VerdictKeep:
			if !stored {
				d.known = slices.Insert(d.known, k, bar)
			}
		case etf.VerdictHold:
			bar.Held = true
			d.held = append(d.held, bar)
			d.heldFor[b.Session]++
		case etf.VerdictQuarantine:
			d.errors = append(d.errors, b.Session)
		}
	}
	return r
}

// leveraged is the bar of a fund that makes a multiple of the return since the close before, at which it stood at before.
func leveraged(t testing.TB, source []etf.Bar, i int, leverage, before float64) etf.Bar {
	t.Helper()
	b := source[i]
	base := source[max(i-1, 0)].Close.Float()
	price := func(p etf.Price) etf.Price {
		x, ok := etf.PriceFromFloat(before * (1 + leverage*(p.Float()/base-1)))
		if !ok {
			t.Fatalf("%s: no price", b.Session)
		}
		return x
	}
	if i == 0 {
		base = b.Close.Float()
	}
	out := etf.Bar{Session: b.Session, Open: price(b.Open), High: price(b.High), Low: price(b.Low), Close: price(b.Close), Volume: b.Volume}
	if leverage < 0 {
		out.High, out.Low = out.Low, out.High
	}
	return out
}

// Funds of three times the daily return through the worst months of their indices, day by day: nothing is quarantined, and
// what is held is believed the next day.
func TestCrashesAreBelieved(t *testing.T) {
	t.Parallel()
	days, held := 0, 0
	for _, c := range []struct {
		path     string
		exchange etf.Exchange
		from, to string
	}{
		{"yahoo/SPY.csv", etf.XNYS, "2008-09-01", "2009-04-01"}, {"yahoo/EEM.csv", etf.XNYS, "2008-09-01", "2009-04-01"},
		{"yahoo/SPY.csv", etf.XNYS, "2020-02-01", "2020-06-01"}, {"yahoo/IWM.csv", etf.XNYS, "2020-02-01", "2020-06-01"},
		{"yahoo/QQQ.csv", etf.XNYS, "2025-03-01", "2025-06-01"}, {"yahoo/SPY.csv", etf.XNYS, "2010-04-01", "2010-07-01"},
		{"yahoo/SPY.csv", etf.XNYS, "1997-10-01", "1997-12-01"}, {"yahoo/SPY.csv", etf.XNYS, "2007-02-01", "2007-04-01"},
		{"krx/069500_D.csv", etf.XKRX, "2008-09-01", "2009-04-01"}, {"krx_nav/253150.csv", etf.XKRX, "2026-02-01", "2026-04-24"},
	} {
		source, _ := realBars(t, c.path)
		for _, leverage := range []float64{1, -1, 3, -3} {
			bars := make([]etf.Bar, 0, len(source))
			level := 1000.0
			for i, b := range source {
				before := level
				if i > 0 {
					level *= 1 + leverage*(b.Close.Float()/source[i-1].Close.Float()-1)
				}
				bars = append(bars, leveraged(t, source, i, leverage, before))
				if b.Session < etf.MustSession(c.from)-120 {
					bars, level = bars[:0], 1000
				}
			}
			d := diary{heldFor: map[etf.Session]int{}}
			start := 0
			for bars[start].Session < etf.MustSession(c.from) {
				start++
			}
			d.known = stored(bars[:start], etf.SplitAdjusted)
			for i := start; i < len(bars) && bars[i].Session <= etf.MustSession(c.to); i++ {
				d.update(t, c.exchange, bars[:i+1], etf.SplitAdjusted)
				days++
			}
			for s, n := range d.heldFor {
				held++
				if n > 1 {
					t.Errorf("%s times %v: %s was still held after %d updates", c.path, leverage, s, n)
				}
			}
			if len(d.errors) > 0 {
				t.Errorf("%s times %v: quarantined %v", c.path, leverage, d.errors)
			}
		}
	}
	t.Logf("%d of %d days held", held, days)
}

// Bad closes and genuine moves of several sizes, day by day: neither is ever believed at once, and the next session tells
// them apart.
func TestTheNextSessionDecides(t *testing.T) {
	t.Parallel()
	cases, splits := 0, 0
	for seed := range uint64(20) {
		for _, sigma := range []float64{.002, .01, .04} {
			size := 18 * sigma
			if sigma == .04 {
				size = .85 // between the ratios 2:1 and 3:1
			}
			for _, log := range []float64{size, -size, 25 * sigma} {
				for _, genuine := range []bool{true, false} {
					bars := walk(t, etf.XNYS, 80, sigma, newRandom(seed))
					const at = 70
					if genuine {
						scalePricesOnly(bars[at:], math.Exp(log))
					} else {
						scalePricesOnly(bars[at:at+1], math.Exp(log))
					}
					d := diary{heldFor: map[etf.Session]int{}, known: stored(bars[:at], etf.AsTraded)}
					cases++
					r := d.update(t, etf.XNYS, bars[:at+1], etf.AsTraded)
					if r.QuarantinedNew {
						splits++ // near the ratio of a split
						continue
					}
					if !r.HeldNew {
						t.Errorf("seed %d, %v a day, %v: not held: %q", seed, sigma, log, summary(r))
					}
					r = d.update(t, etf.XNYS, bars[:at+2], etf.AsTraded)
					if genuine && r.QuarantinedNew {
						splits++ // the same, but only two sessions' volumes show it
						continue
					}
					believed := slices.ContainsFunc(d.known, func(k etf.StoredBar) bool { return k.Session == bars[at].Session })
					if believed != genuine || len(d.held) > 0 || r.QuarantinedNew {
						t.Errorf("seed %d, %v a day, %v, genuine %v: believed %v, %d held: %q", seed, sigma, log, genuine, believed, len(d.held), summary(r))
					}
					for i := at + 2; i < 80; i++ {
						if r := d.update(t, etf.XNYS, bars[:i+1], etf.AsTraded); r.HeldNew || r.QuarantinedNew {
							t.Errorf("seed %d, %v a day, %v, genuine %v: %d days later: %q", seed, sigma, log, genuine, i-at, summary(r))
						}
					}
				}
			}
		}
	}
	if splits*20 > cases {
		t.Errorf("%d of %d are taken for splits", splits, cases)
	}
}

func TestUnfinishedRow(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		x, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	part := func(in *Input, volume, width float64) {
		b := &in.Bars[len(in.Bars)-1]
		b.Volume = etf.Shares(int64(b.Volume.Float() * volume))
		half := etf.Price(b.Close.Float() * width * 5e7)
		b.Open, b.High, b.Low = b.Close, b.Close+half, b.Close-half
	}
	run(t, []scenario{
		{"data of an hour before the close", func(in *Input) { in.DataAt = at("2025-09-26T19:00:00Z") }, []string{"unfinished_row warning 2025-09-26"}},
		{"data of the close", func(in *Input) { in.DataAt = at("2025-09-26T20:00:00Z") }, []string{}},
		{"asked for before the close", func(in *Input) { in.FetchedAt = at("2025-09-26T15:00:00Z") }, []string{"unfinished_row warning 2025-09-26"}},
		{"a row of tomorrow", func(in *Input) {
			in.FetchedAt = at("2025-09-25T22:00:00Z")
			in.Session = in.Bars[118].Session
		}, []string{"unfinished_row warning 2025-09-26"}},
		{"in use already", func(in *Input) {
			in.DataAt = at("2025-09-26T19:00:00Z")
			overlap(in, 10)
			in.Known = append(in.Known, stored(in.Bars[9:], in.Basis)...)
		}, []string{}},
		{"a twentieth of the volume, a fifth of the range", func(in *Input) { part(in, .05, .002) }, []string{"unfinished_row warning 2025-09-26"}},
		{"in a daily update", func(in *Input) { part(in, .05, .002); daily(in, 1) }, []string{"unfinished_row warning 2025-09-26"}},
		{"with the usual range it is a quiet day", func(in *Input) { part(in, .05, .02) }, []string{}},
		{"a third of the volume", func(in *Input) { part(in, .33, .002) }, []string{}},
		{"flat with volume 0", func(in *Input) { part(in, 0, 0) }, []string{"unfinished_row warning 2025-09-26"}},
		{"in history it is a session without a trade", func(in *Input) {
			in.Bars = in.Bars[:119]
			part(in, 0, 0)
			in.Bars = in.Bars[:120]
		}, []string{"no_trade info 2025-09-25"}},
		{"a fund whose volume varies a hundredfold", func(in *Input) {
			random := newRandom(8)
			for i := range in.Bars {
				in.Bars[i].Volume = etf.Shares(int64(10_000 * math.Exp(2.3*random.NormFloat64())))
			}
			in.Bars[119].Volume = etf.Shares(500)
			b := &in.Bars[119]
			b.Open, b.High, b.Low = b.Close, b.Close, b.Close
		}, []string{}},
		{"without a volume column", func(in *Input) {
			for i := range in.Bars {
				in.Bars[i].Volume = etf.VolumeUnknown
			}
			b := &in.Bars[119]
			b.Open, b.High, b.Low = b.Close, b.Close, b.Close
		}, []string{}},
	})
	in := sound(t)
	part(&in, .05, .002)
	if r := check(t, in); !r.HeldNew || r.Verdicts[119] != etf.VerdictHold {
		t.Errorf("held %v, verdict %d", r.HeldNew, r.Verdicts[119])
	}
}

// On the day after Thanksgiving, which ends at 13:00 New York time, half the usual volume or a fifteenth is no sign of an
// unfinished row; data of 13:30 are complete.
func TestUnfinishedOnHalfDays(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	session := etf.MustSession("2024-11-29")
	sessions := cal.Sessions(etf.Window{To: session})
	bars := walk(t, etf.XNYS, 60, .01, newRandom(5))
	for i := range bars {
		bars[i].Session = sessions[len(sessions)-60+i]
	}
	b := &bars[59]
	b.Volume = etf.Shares(80_000)
	b.High, b.Low = max(b.Open, b.Close), min(b.Open, b.Close)
	b.Open = b.Close
	for minute, want := range map[int]bool{0: false, -1: true, 30: false} {
		in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: session, Initial: true, Bars: bars, Basis: etf.AsTraded,
			DataAt: time.Date(2024, 11, 29, 18, minute, 0, 0, time.UTC)}
		if r := check(t, in); r.HeldNew != want {
			t.Errorf("data %d minutes after the close: held %v, %q", minute, r.HeldNew, summary(r))
		}
	}
}

// secondOf9 is the opinion of another source that has only the newest of ten rows.
func secondOf9(in Input) etf.SecondOpinion {
	return etf.SecondOpinion{Source: "other", Basis: in.Basis, Bars: slices.Clone(in.Bars[9:])}
}
