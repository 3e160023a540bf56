package quality

import (
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// overlap makes the input a daily update of the last n rows, of which all but the newest are stored already.
func overlap(in *Input, n int) {
	daily(in, n)
	in.Known = append(in.Known, stored(slices.Clone(in.Bars[:n-1]), in.Basis)...)
}

func TestRestated(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"overlap agrees", func(in *Input) { overlap(in, 10) }, []string{}},
		{"all restated by 0.7 %", func(in *Input) { overlap(in, 10); scalePricesOnly(in.Bars, .993) },
			[]string{"restated_series error 2025-09-26", "restated_series error 2025-09-15..2025-09-25 (9)"}},
		{"all restated, the response covers all stored rows", func(in *Input) {
			overlap(in, 10)
			in.Known = in.Known[60:]
			scalePricesOnly(in.Bars, .993)
		}, []string{"restated_series info 2025-09-15", "revised_bar info 2025-09-15..2025-09-25 (9)"}},
		// The source has deducted a distribution late: its rows before the ex-date are on a new level, those after it are not.
		{"restated before an ex-date", func(in *Input) {
			in.Basis = etf.TotalAdjusted
			overlap(in, 16)
			scalePricesOnly(in.Bars[:9], .994)
		}, []string{"restated_series error 2025-09-05..2025-09-17 (9)"}},
		{"restated twice", func(in *Input) {
			in.Basis = etf.TotalAdjusted
			overlap(in, 16)
			scalePricesOnly(in.Bars[:12], .994)
			scalePricesOnly(in.Bars[:5], .99)
		}, []string{"restated_series error 2025-09-05..2025-09-22 (12)"}},
		{"restated, and one close corrected", func(in *Input) {
			in.Basis = etf.TotalAdjusted
			overlap(in, 10)
			scalePricesOnly(in.Bars, .993)
			scalePricesOnly(in.Bars[4:5], 1.01)
		}, []string{"restated_series error 2025-09-26", "restated_series error 2025-09-15..2025-09-25 (9)"}},
		{"as traded, a few closes corrected alike", func(in *Input) { overlap(in, 16); scalePricesOnly(in.Bars[:3], .994) },
			[]string{"revised_bar info 2025-09-05..2025-09-09 (3)"}},
		{"two neighbouring closes corrected", func(in *Input) {
			in.Basis = etf.TotalAdjusted
			overlap(in, 16)
			scalePricesOnly(in.Bars[:1], .994)
			scalePricesOnly(in.Bars[1:2], .990)
		}, []string{"revised_bar info 2025-09-05..2025-09-08 (2)"}},
		{"each close corrected by a few hundredths of a percent", func(in *Input) {
			overlap(in, 10)
			for i := range in.Bars {
				scalePricesOnly(in.Bars[i:i+1], 1+.0003*float64(i%3-1))
			}
		}, []string{"revised_bar info 2025-09-15..2025-09-25 (6)"}},
		{"restated by a split", func(in *Input) { in.Basis = etf.SplitAdjusted; overlap(in, 10); scalePrices(in.Bars, 1, 2) },
			[]string{"restated_series error 2025-09-26", "restated_series error 2025-09-15..2025-09-25 (9)"}},
	})
}

// The provider has changed its time zone: the prices are the stored ones, each one session off.
func TestShiftedDates(t *testing.T) {
	t.Parallel()
	shift := func(in *Input, from, to, by int) {
		old := slices.Clone(in.Bars)
		for i := from; i < to; i++ {
			s := in.Bars[i].Session
			in.Bars[i] = old[i+by]
			in.Bars[i].Session = s
		}
	}
	run(t, []scenario{
		{"to the session before", func(in *Input) { overlap(in, 10); shift(in, 0, 9, 1) },
			[]string{"shifted_dates error 2025-09-26", "shifted_dates error 2025-09-15..2025-09-25 (9)"}},
		{"to the session after", func(in *Input) { overlap(in, 10); shift(in, 1, 10, -1) },
			[]string{"shifted_dates error 2025-09-26", "shifted_dates error 2025-09-16..2025-09-25 (8)"}},
		{"some of them, since a clock change", func(in *Input) { overlap(in, 10); shift(in, 5, 9, 1) },
			[]string{"shifted_dates error 2025-09-26", "shifted_dates error 2025-09-22..2025-09-25 (4)"}},
		{"only two, which are revisions", func(in *Input) { overlap(in, 10); shift(in, 3, 5, 1) },
			[]string{"revised_bar info 2025-09-18..2025-09-19 (2)", "stale_close warning 2025-09-22"}},
		{"flat, constant prices are not a shift", func(in *Input) {
			for i := range in.Bars {
				b := &in.Bars[i]
				b.Open, b.High, b.Low, b.Close, b.Volume = 100e8, 100e8, 100e8, 100e8, 0
			}
			overlap(in, 10)
			in.Bars[9].Open, in.Bars[9].High, in.Bars[9].Close = 101e8, 101e8, 101e8
		}, []string{"volume warning 2025-09-26", "held_close warning 2025-09-26"}},
	})
}

func TestRevised(t *testing.T) {
	t.Parallel()
	cent := etf.MustPrice("0.01")
	run(t, []scenario{
		{"one close by two cents", func(in *Input) { overlap(in, 10); in.Bars[4].Close += 2 * cent; in.Bars[4].High += 2 * cent },
			[]string{"revised_bar info 2025-09-19"}},
		{"one volume", func(in *Input) { overlap(in, 10); in.Bars[4].Volume++ }, []string{"revised_volume info 2025-09-19"}},
		{"one volume to 0, the same prices", func(in *Input) { overlap(in, 10); in.Bars[4].Volume = 0 },
			[]string{"volume warning 2025-09-19", "revised_volume info 2025-09-19"}},
		{"three volumes make one finding", func(in *Input) {
			overlap(in, 10)
			for i := range 3 {
				in.Bars[i].Volume += etf.Shares(100)
			}
		}, []string{"revised_volume info 2025-09-15..2025-09-17 (3)"}},
		{"a close and a volume", func(in *Input) {
			overlap(in, 10)
			in.Bars[3].Volume++
			in.Bars[4].Close += 2 * cent
			in.Bars[4].High += 2 * cent
		}, []string{"revised_bar info 2025-09-19", "revised_volume info 2025-09-18"}},
		// The store keeps the volume it has, so there is nothing to report, now or in any later update.
		{"one volume left out", func(in *Input) { overlap(in, 10); in.Bars[4].Volume = etf.VolumeUnknown }, []string{}},
		{"one close by 3 %", func(in *Input) { overlap(in, 10); scalePricesOnly(in.Bars[4:5], 1.03) },
			[]string{"revised_bar warning 2025-09-19"}},
		{"a bad tick corrected", func(in *Input) {
			overlap(in, 10)
			k := &in.Known[64]
			k.Close, k.High = k.Close*10, k.Close*10
		}, []string{"revised_bar warning 2025-09-19"}},
		{"another basis is not compared", func(in *Input) {
			overlap(in, 10)
			in.Basis = etf.SplitAdjusted
			scalePricesOnly(in.Bars, .5)
		}, []string{}},
	})
}

func TestStale(t *testing.T) {
	t.Parallel()
	copyOf := func(in *Input, i int) {
		s := in.Bars[i].Session
		in.Bars[i] = in.Bars[i-1]
		in.Bars[i].Session = s
	}
	run(t, []scenario{
		{"new bar repeats the one before, including its volume", func(in *Input) { copyOf(in, 119) }, []string{"stale_close warning 2025-09-26"}},
		{"in a daily update", func(in *Input) { copyOf(in, 119); daily(in, 1) }, []string{"stale_close warning 2025-09-26"}},
		{"prices repeat, volume does not", func(in *Input) { copyOf(in, 100); in.Bars[100].Volume++ }, []string{"stale_close warning 2025-08-29"}},
		{"a range of three ticks repeats by chance", func(in *Input) {
			for _, i := range []int{99, 100} {
				b := &in.Bars[i]
				b.Open, b.Close, b.Low = in.Bars[99].Close, in.Bars[99].Close, in.Bars[99].Close
				b.High = b.Low + etf.MustPrice("0.03")
			}
		}, []string{}},
		{"close unchanged for five sessions", func(in *Input) {
			for i := 115; i < 120; i++ {
				b := &in.Bars[i]
				b.Close = in.Bars[114].Close
				b.High, b.Low = max(b.Open, b.Close), min(b.Open, b.Close)
			}
		}, []string{"stale_close warning 2025-09-22..2025-09-26 (5)"}},
		{"untraded for twenty sessions, in a fund that trades every day", func(in *Input) {
			for i := 100; i < 120; i++ {
				b := &in.Bars[i]
				b.Open, b.High, b.Low, b.Close, b.Volume = in.Bars[99].Close, in.Bars[99].Close, in.Bars[99].Close, in.Bars[99].Close, 0
			}
		}, []string{"no_trade info 2025-08-29..2025-09-26 (20)", "stale_close warning 2025-08-29..2025-09-26 (20)"}},
		{"three equal closes", func(in *Input) {
			for i := 118; i < 120; i++ {
				b := &in.Bars[i]
				b.Close = in.Bars[117].Close
				b.High, b.Low = max(b.Open, b.Close), min(b.Open, b.Close)
			}
		}, []string{}},
		// A thin fund whose close is unchanged every other day: seven equal closes are nothing special.
		{"thin fund", func(in *Input) {
			for i := range in.Bars {
				b := &in.Bars[i]
				if i%2 != 0 {
					b.Close = in.Bars[i-1].Close
				}
				b.Open, b.High, b.Low = b.Close, b.Close, b.Close
				if i > 105 && i < 112 {
					b.Close = in.Bars[105].Close
					b.Open, b.High, b.Low = b.Close, b.Close, b.Close
				}
			}
		}, []string{}},
	})
}

func TestAdjustedClose(t *testing.T) {
	t.Parallel()
	// ex pays a dividend and a gain on row 100; the price falls by `fall`, and the adjusted close deducts `applied`.
	ex := func(in *Input, dividend, gain, fall, applied string) {
		session := in.Bars[100].Session
		before := in.Bars[99].Close
		paid := etf.MustPrice(fall)
		for i := 100; i < len(in.Bars); i++ {
			b := &in.Bars[i]
			b.Open, b.High, b.Low, b.Close = b.Open-paid, b.High-paid, b.Low-paid, b.Close-paid
		}
		for i := range in.Bars {
			b := &in.Bars[i]
			b.AdjClose = b.Close
			if i < 100 {
				b.AdjClose, _ = b.Close.MulRatio(int64(before-etf.MustPrice(applied)), int64(before))
			}
		}
		if dividend != "" {
			in.Actions = append(in.Actions, etf.Action{Kind: etf.Dividend, Ex: session, Amount: etf.MustPrice(dividend)})
		}
		if gain != "" {
			in.Actions = append(in.Actions, etf.Action{Kind: etf.CapitalGain, Ex: session, Amount: etf.MustPrice(gain)})
		}
	}
	run(t, []scenario{
		{"dividend deducted", func(in *Input) { ex(in, "1", "", "1", "1") }, []string{}},
		{"dividend not deducted", func(in *Input) { ex(in, "1", "", "1", "0") }, []string{"adjusted_close warning 2025-08-29"}},
		{"dividend deducted twice", func(in *Input) { ex(in, "1", "", "1", "2") }, []string{"adjusted_close warning 2025-08-29"}},
		{"dividend and gain", func(in *Input) { ex(in, "1", "2", "3", "3") }, []string{}},
		{"gain is in the dividend", func(in *Input) { ex(in, "3", "2", "3", "3") }, []string{}},
		{"gain counted twice", func(in *Input) { ex(in, "3", "2", "3", "5") }, []string{"adjusted_close warning 2025-08-29"}},
		{"no adjusted close given", func(in *Input) {
			ex(in, "1", "", "1", "0")
			for i := range in.Bars {
				in.Bars[i].AdjClose = 0
			}
		}, []string{}},
	})
}

func TestEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	in := sound(t)
	for range 30 {
		in.Defects = append(in.Defects, etf.Defect{Where: "파일.csv:1", Text: strings.Repeat("가", 300), Reason: strings.Repeat("나", 300)})
	}
	r := check(t, in)
	consistent(t, in, r)
	if e := r.Findings[0].Evidence; len(e) > 1000 || len(e) < 995 || !strings.HasPrefix(e, "30 in all") {
		t.Errorf("evidence of %d bytes: %.60s", len(e), e)
	}
}
