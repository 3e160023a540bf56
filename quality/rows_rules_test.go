package quality

import (
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// Tables for the rules on single rows. Row 100 of the sound input is 2025-08-29; the last is 2025-09-26.

func TestUnreadable(t *testing.T) {
	t.Parallel()
	newest := etf.MustSession("2025-09-26")
	garbled := func(s etf.Session) etf.Defect {
		return etf.Defect{Where: "SIM.csv:17", Session: s, Text: "2025-09-26,abc", Reason: "close \"abc\" is not a decimal number"}
	}
	run(t, []scenario{
		{"old row without a date", func(in *Input) { in.Defects = []etf.Defect{garbled(0)} }, []string{"unreadable_row warning"}},
		{"old row", func(in *Input) {
			in.Defects = []etf.Defect{garbled(in.Bars[100].Session)}
			in.Bars = append(in.Bars[:100], in.Bars[101:]...)
		}, []string{"unreadable_row warning 2025-08-29", "missing_session warning 2025-08-29"}},
		{"new row", func(in *Input) {
			in.Bars = in.Bars[:119]
			in.Defects = []etf.Defect{garbled(newest)}
		}, []string{"unreadable_row error 2025-09-26", "missing_session warning 2025-09-26"}},
		// Nobody can decide on a row without a price: the session is missing, as if there were no row.
		{"new row without a price", func(in *Input) {
			in.Bars = in.Bars[:119]
			in.Defects = []etf.Defect{{Where: "chart.result[0].timestamp[119]", Session: newest, Reason: "no price", NoPrice: true}}
		}, []string{"unreadable_row warning 2025-09-26", "missing_session warning 2025-09-26"}},
		{"new row, and a readable one", func(in *Input) { in.Defects = []etf.Defect{garbled(newest)} },
			[]string{"unreadable_row warning 2025-09-26"}},
	})
	in := sound(t)
	in.Defects = []etf.Defect{garbled(0)}
	if e := check(t, in).Findings[0].Evidence; !strings.Contains(e, "SIM.csv:17") || !strings.Contains(e, "abc") {
		t.Errorf("evidence %q does not name file, line and text", e)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"newest first is an order", func(in *Input) {
			for i, j := 0, len(in.Bars)-1; i < j; i, j = i+1, j-1 {
				in.Bars[i], in.Bars[j] = in.Bars[j], in.Bars[i]
			}
		}, []string{}},
		{"two rows swapped", func(in *Input) { in.Bars[99], in.Bars[100] = in.Bars[100], in.Bars[99] },
			[]string{"row_order warning 2025-08-28"}},
		{"halves swapped", func(in *Input) { in.Bars = append(in.Bars[100:], in.Bars[:100]...) },
			[]string{"row_order warning 2025-04-07..2025-08-28 (100)"}},
	})
}

func TestDuplicate(t *testing.T) {
	t.Parallel()
	repeat := func(in *Input, i, at int) {
		b := in.Bars[i]
		in.Bars = append(in.Bars[:at], append([]etf.Bar{b}, in.Bars[at:]...)...)
	}
	run(t, []scenario{
		{"the same row twice", func(in *Input) { repeat(in, 100, 101) }, []string{"duplicate_row info 2025-08-29"}},
		{"the new row twice", func(in *Input) { repeat(in, 119, 120) }, []string{"duplicate_row info 2025-09-26"}},
		{"far apart", func(in *Input) { repeat(in, 100, 50) },
			[]string{"row_order warning 2025-06-18..2025-08-28 (50)", "duplicate_row info 2025-08-29"}},
		{"another volume", func(in *Input) { repeat(in, 119, 120); in.Bars[119].Volume++ },
			[]string{"duplicate_row warning 2025-09-26"}},
		{"three times, one of them different", func(in *Input) {
			repeat(in, 100, 101)
			repeat(in, 100, 101)
			in.Bars[101].Close++
		}, []string{"duplicate_row warning 2025-08-29"}},
	})
	in := sound(t)
	repeat(&in, 100, 101)
	in.Bars[100].Close += 5
	r := check(t, in)
	if r.Verdicts[100] != etf.VerdictDrop || r.Verdicts[101] != etf.VerdictKeep {
		t.Errorf("verdicts %d and %d: the last row wins", r.Verdicts[100], r.Verdicts[101])
	}
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"a Saturday", func(in *Input) { in.Bars[118].Session = etf.MustSession("2025-09-20") },
			[]string{"row_order warning 2025-09-20", "unknown_session error 2025-09-20", "missing_session warning 2025-09-25"}},
		{"Labor Day", func(in *Input) { // 2025-09-01, a Monday; row 101 is 2025-09-02
			in.Bars[101].Session = etf.MustSession("2025-09-01")
		}, []string{"unknown_session error 2025-09-01", "missing_session warning 2025-09-02"}},
	})
}

func TestNoTrade(t *testing.T) {
	t.Parallel()
	untraded := func(in *Input, i int, close etf.Price) {
		in.Bars[i] = etf.Bar{Session: in.Bars[i].Session, Close: close}
	}
	run(t, []scenario{
		{"carried close", func(in *Input) { untraded(in, 100, in.Bars[99].Close) }, []string{"no_trade info 2025-08-29"}},
		{"new session", func(in *Input) { untraded(in, 119, in.Bars[118].Close) }, []string{"no_trade info 2025-09-26"}},
		{"new session of a daily update", func(in *Input) { untraded(in, 119, in.Bars[118].Close); daily(in, 1) }, []string{"no_trade info 2025-09-26"}},
		{"close not carried", func(in *Input) { untraded(in, 100, in.Bars[99].Close+50_000_000) }, []string{"no_trade warning 2025-08-29"}},
		{"new session's close far from the one before", func(in *Input) { overlap(in, 10); untraded(in, 9, 3*in.Bars[8].Close) },
			[]string{"no_trade error 2025-09-26"}},
		{"close halved by a split stated for the day", func(in *Input) {
			in.Actions = []etf.Action{{Kind: etf.Split, Ex: in.Bars[119].Session, Numerator: 2, Denominator: 1}}
			untraded(in, 119, in.Bars[118].Close/2)
		}, []string{"no_trade warning 2025-09-26"}},
		{"without a volume column", func(in *Input) {
			for i := range in.Bars {
				in.Bars[i].Volume = etf.VolumeUnknown
			}
			untraded(in, 100, in.Bars[99].Close)
			in.Bars[100].Volume = etf.VolumeUnknown
		}, []string{"no_trade info 2025-08-29"}},
		{"flat without volume", func(in *Input) {
			b := &in.Bars[100]
			b.Open, b.High, b.Low, b.Volume = b.Close, b.Close, b.Close, 0
		}, []string{"no_trade info 2025-08-29"}},
	})
}

func TestNonPositive(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"negative open", func(in *Input) { in.Bars[100].Open = -in.Bars[100].Open }, []string{"non_positive_price error 2025-08-29"}},
		{"zero close", func(in *Input) { in.Bars[119].Close = 0 }, []string{"non_positive_price error 2025-09-26"}},
		{"zeros with volume", func(in *Input) { b := &in.Bars[100]; b.Open, b.High, b.Low = 0, 0, 0 }, []string{"non_positive_price error 2025-08-29"}},
		{"all zero", func(in *Input) { in.Bars[100] = etf.Bar{Session: in.Bars[100].Session} }, []string{"non_positive_price error 2025-08-29"}},
	})
}

func TestOHLC(t *testing.T) {
	t.Parallel()
	cent := etf.MustPrice("0.01")
	run(t, []scenario{
		{"close a tick above high", func(in *Input) { b := &in.Bars[100]; b.High = max(b.Open, b.Close) - cent }, []string{}},
		{"close two ticks above high", func(in *Input) { b := &in.Bars[100]; b.High = max(b.Open, b.Close) - 2*cent },
			[]string{"ohlc_order error 2025-08-29"}},
		{"open below low", func(in *Input) { b := &in.Bars[100]; b.Open = b.Low - 10*cent }, []string{"ohlc_order error 2025-08-29"}},
		{"high and low swapped", func(in *Input) { b := &in.Bars[119]; b.High, b.Low = b.Low, b.High+100*cent },
			[]string{"ohlc_order error 2025-09-26"}},
		{"KRX: off by 1 KRW", func(in *Input) { krx(t, in); b := &in.Bars[100]; b.Low = min(b.Open, b.Close) + 100_000_000 }, []string{}},
		{"KRX: off by 5 KRW", func(in *Input) { krx(t, in); b := &in.Bars[100]; b.Low = min(b.Open, b.Close) + 500_000_000 },
			[]string{"ohlc_order error 2025-09-01"}},
		{"high price: 0.01 % allowed", func(in *Input) { // 1,000 times 100 USD: 10 USD is 0.01 %
			scalePrices(in.Bars, 1000, 1)
			b := &in.Bars[100]
			b.High = max(b.Open, b.Close) - 800*cent
		}, []string{}},
	})
}

// krx moves the sound input to XKRX. Its row 100 is 2025-09-01.
func krx(t testing.TB, in *Input) {
	in.Exchange = etf.XKRX
	in.Bars = walk(t, etf.XKRX, soundRows, 0.01, newRandom(7))
}

func TestVolume(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"moved without volume", func(in *Input) { in.Bars[100].Volume = 0 }, []string{"volume warning 2025-08-29"}},
		{"one without volume", func(in *Input) { in.Bars[100].Volume = etf.VolumeUnknown }, []string{"volume info 2025-08-29"}},
		{"none has a volume", func(in *Input) {
			for i := range in.Bars {
				in.Bars[i].Volume = etf.VolumeUnknown
			}
		}, []string{}},
		{"twenty times the volume", func(in *Input) { in.Bars[119].Volume *= 20 }, []string{}},
		{"a thousand times the volume", func(in *Input) { in.Bars[119].Volume *= 1000 }, []string{"volume warning 2025-09-26"}},
		{"a thousandth of the volume", func(in *Input) { in.Bars[100].Volume /= 1000 }, []string{"volume info 2025-08-29"}},
		{"a thousand times the volume in an update", func(in *Input) { overlap(in, 10); in.Bars[9].Volume *= 1000 }, []string{"volume warning 2025-09-26"}},
	})
}

func TestMissing(t *testing.T) {
	t.Parallel()
	cut := func(in *Input, from, to int) { in.Bars = append(in.Bars[:from], in.Bars[to:]...) }
	run(t, []scenario{
		{"one", func(in *Input) { cut(in, 100, 101) }, []string{"missing_session warning 2025-08-29"}},
		{"the new one", func(in *Input) { cut(in, 119, 120) }, []string{"missing_session warning 2025-09-26"}},
		{"a long gap is one finding", func(in *Input) { cut(in, 20, 110) }, []string{"missing_session warning 2025-05-06..2025-09-12 (90)"}},
		{"between store and response", func(in *Input) {
			daily(in, 3)
			in.Bars = in.Bars[1:]
		}, []string{"missing_session warning 2025-09-24"}},
		{"stored already", func(in *Input) {
			daily(in, 3)
			in.Known = append(in.Known, stored(in.Bars[:2], in.Basis)...)
			in.Bars = []etf.Bar{in.Bars[0], in.Bars[2]}
		}, []string{}},
	})
	run(t, []scenario{
		{"a gap between stored rows", func(in *Input) {
			overlap(in, 10)
			in.Bars = append(in.Bars[:4], in.Bars[5:]...)
			in.Known = append(in.Known[:64], in.Known[65:]...)
		}, []string{}},
		{"a gap before the new session", func(in *Input) {
			overlap(in, 10)
			in.Bars = append(in.Bars[:8], in.Bars[9:]...)
			in.Known = in.Known[:68]
		}, []string{"missing_session warning 2025-09-25"}},
	})
	// A window of older history with the first of the stored bars in it, before them or between others.
	for _, between := range []bool{false, true} {
		in := sound(t)
		in.Initial = false
		known := stored(in.Bars[60:65], in.Basis)
		if between {
			known = append(stored(in.Bars[:20], in.Basis), known...)
		}
		in.Known, in.Following, in.Session = known, stored(in.Bars[65:], in.Basis), in.Bars[64].Session
		in.Bars = append(slices.Clone(in.Bars[20:40]), in.Bars[42:65]...)
		if got, want := summary(check(t, in)), []string{"missing_session warning 2025-06-04..2025-06-05 (2)"}; !slices.Equal(got, want) {
			t.Errorf("between stored bars %t: %q, want %q", between, got, want)
		}
	}
	in := sound(t)
	in.Bars = append(in.Bars[:20], append(in.Bars[50:60:60], in.Bars[61:]...)...)
	e := check(t, in).Findings[0].Evidence
	if want := "no row for 31 sessions: 2025-05-06..2025-06-17 (30), 2025-07-03"; e != want {
		t.Errorf("evidence %q, want %q", e, want)
	}
}
