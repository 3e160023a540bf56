package quality

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func asError(err error, target **etf.Error) bool { return errors.As(err, target) }

// FuzzCheck checks arbitrary rows: Check does not panic, its report passes consistent, and a second call reports the
// same.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add([]byte("a row is twelve bytes of this text, so there are some rows here with repeats repeats repeats"), uint8(3))
	f.Add([]byte{0, 1, 1, 1, 1, 5, 0, 1, 1, 1, 1, 5, 1, 1, 1, 1, 1, 5, 2, 200, 200, 200, 200, 1, 3, 1, 1, 1, 1, 5}, uint8(7))
	random := newRandom(1)
	for range 500 {
		data := make([]byte, 6*(1+random.IntN(200)))
		for i := range data {
			data[i] = byte(random.IntN([]int{256, 40, 20}[random.IntN(3)]))
		}
		f.Add(data, uint8(random.IntN(8)))
	}
	f.Fuzz(func(t *testing.T, data []byte, flags uint8) {
		in := Input{Symbol: "SIM", Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), Basis: etf.AsTraded, Initial: flags&1 != 0}
		if flags&2 != 0 {
			in.Exchange = etf.XKRX
		}
		if flags&4 != 0 {
			in.Basis = etf.SplitAdjusted
		}
		first := etf.MustSession("2025-06-02")
		session := first
		price := func(b byte) etf.Price { // mostly plausible, some absurd
			switch {
			case b < 4:
				return etf.Price(b) - 2
			case b > 250:
				return etf.Price(1) << (10 + 10*(b-250))
			}
			return etf.Price(b) * 100_000_000
		}
		for ; len(data) >= 6 && len(in.Bars)+len(in.Known) < 300; data = data[6:] {
			step := data[0]
			session += etf.Session(step%5) - 1
			b := etf.Bar{Session: session, Open: price(data[1]), High: price(data[2]), Low: price(data[3]), Close: price(data[4]), Volume: etf.Volume(data[5]) - 1}
			switch {
			case step > 240:
				in.Actions = append(in.Actions, etf.Action{Kind: etf.Split, Ex: session, Numerator: int64(data[1]) - 1, Denominator: int64(data[2]) - 1})
			case step > 230:
				in.Actions = append(in.Actions, etf.Action{Kind: etf.Dividend, Ex: session, Amount: price(data[1])})
			case step > 220:
				in.Defects = append(in.Defects, etf.Defect{Where: "x", Session: session, Text: string(data[1:4])})
			case step > 200 && (len(in.Known) == 0 || in.Known[len(in.Known)-1].Session < session):
				in.Known = append(in.Known, etf.StoredBar{Bar: b, Basis: in.Basis})
			default:
				in.Bars = append(in.Bars, b)
			}
		}
		r := check(t, in)
		consistent(t, in, r)
		again := check(t, in)
		for i := range r.Findings {
			if r.Findings[i].Evidence != again.Findings[i].Evidence || r.Findings[i].Rule != again.Findings[i].Rule {
				t.Errorf("two reports of one input differ: %+v and %+v", r.Findings[i], again.Findings[i])
			}
		}
	})
}

// FuzzAdjust: Adjust does not panic and returns as many bars as it was given.
func FuzzAdjust(f *testing.F) {
	f.Add(int64(100), int64(2), int64(1), []byte{1, 2, 3})
	f.Add(int64(-1), int64(1)<<62, int64(3), []byte{1, 1})
	f.Fuzz(func(t *testing.T, price, num, den int64, steps []byte) {
		var bars []etf.StoredBar
		var actions []etf.Action
		s := etf.MustSession("2025-01-02")
		for i, step := range steps {
			s += etf.Session(step % 4)
			bars = append(bars, etf.StoredBar{Basis: etf.AsTraded, Bar: etf.Bar{Session: s, Open: etf.Price(price), High: etf.Price(price), Low: etf.Price(price), Close: etf.Price(price), Volume: etf.Volume(price)}})
			if step > 128 {
				var b [8]byte
				b[0] = byte(i)
				actions = append(actions, etf.Action{Kind: etf.Split, Ex: s, Numerator: num, Denominator: den + int64(binary.LittleEndian.Uint64(b[:]))})
			}
		}
		out, err := Adjust(bars, actions, s)
		if err == nil && len(out) != len(bars) {
			t.Errorf("%d bars became %d", len(bars), len(out))
		}
	})
}
