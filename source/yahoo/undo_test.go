package yahoo

import (
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// Three splits: 2:1 on 2024-01-10, 3:2 on 2024-03-12, 1:10 on 2024-06-11. The traded prices are made up; the cells are
// those prices times 10/3, 20/3 and 10, computed elsewhere as exact fractions and rounded to float32.
func TestThreeSplitsAreUndone(t *testing.T) {
	t.Parallel()
	a := spy()
	a.row("2024-01-09T14:30:00Z", "998.3333129882812", "1004.1666870117188", "993.3666381835938", "1001", "300").
		row("2024-01-10T14:30:00Z", "1001.3333129882812", "1007.1333618164062", "999.933349609375", "1001.3333129882812", "1500").
		row("2024-03-11T13:30:00Z", "600.2000122070312", "600.2000122070312", "600.2000122070312", "600.2000122070312", "150").
		row("2024-03-12T13:30:00Z", "600.5999755859375", "611", "598.7000122070312", "600.5999755859375", "100").
		row("2024-06-10T13:30:00Z", "56.70000076293945", "56.70000076293945", "56.70000076293945", "56.70000076293945", "7").
		row("2024-06-11T13:30:00Z", "56.900001525878906", "57.5", "56.099998474121094", "57.25", "1234").
		split("2024-06-11T13:30:00Z", "1", "10").split("2024-01-10T14:30:00Z", "2", "1").split("2024-03-12T13:30:00Z", "3", "2").
		dividend("2024-01-09T14:30:00Z", "1.5666667").dividend("2024-06-10T13:30:00Z", "4.7").dividend("2024-06-11T13:30:00Z", "0.123456")
	s := serve(t, a.json())
	got := fetch(t, s, spyQuery("", "2024-12-31", "2025-01-02T22:00:00Z"))
	wantBars(t, got, `
		2024-01-09 299.5 301.25 298.01 300.3 1000
		2024-01-10 150.2 151.07 149.99 150.2 10000
		2024-03-11 90.03 90.03 90.03 90.03 1000
		2024-03-12 60.06 61.1 59.87 60.06 1000
		2024-06-10 5.67 5.67 5.67 5.67 70
		2024-06-11 56.9 57.5 56.1 57.25 1234`)
	wantDefects(t, got)
	wantActions(t, got.Splits, "split 2024-01-10 2:1", "split 2024-03-12 3:2", "split 2024-06-11 1:10")
	// 1.5666667 x 0.3 = 0.47, 4.7 x 0.1 = 0.47.
	wantActions(t, got.Actions, "dividend 2024-01-09 0.47", "split 2024-01-10 2:1", "split 2024-03-12 3:2",
		"dividend 2024-06-10 0.47", "dividend 2024-06-11 0.123456", "split 2024-06-11 1:10")

	// The same response for a narrow window: every later split is undone and listed, including those outside the window.
	got = fetch(t, s, spyQuery("2024-03-11", "2024-03-12", "2025-01-02T22:00:00Z"))
	wantBars(t, got, `
		2024-03-11 90.03 90.03 90.03 90.03 1000
		2024-03-12 60.06 61.1 59.87 60.06 1000`)
	wantActions(t, got.Splits, "split 2024-03-12 3:2", "split 2024-06-11 1:10")
	wantActions(t, got.Actions, "split 2024-03-12 3:2")

	// As of an instant before the last split: what was traded does not depend on the as-of time.
	got = fetch(t, s, spyQuery("2024-06-10", "", "2024-06-10T22:00:00Z"))
	wantBars(t, got, "2024-06-10 5.67 5.67 5.67 5.67 70")
	wantActions(t, got.Splits, "split 2024-06-11 1:10")

	// After the last split nothing is undone.
	got = fetch(t, s, spyQuery("2024-06-11", "", "2024-06-11T22:00:00Z"))
	wantActions(t, got.Splits)
}

func wantActions(t *testing.T, got []etf.Action, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("actions %v, want %v", got, want)
	}
	for i, a := range got {
		text := string(a.Kind) + " " + a.Ex.String() + " "
		if a.Kind == etf.Split {
			text += etf.Price(a.Numerator*100_000_000).String() + ":" + etf.Price(a.Denominator*100_000_000).String()
		} else {
			text += a.Amount.String()
		}
		if text != want[i] {
			t.Errorf("action %d is %q, want %q", i, text, want[i])
		}
	}
}

// Undoing what Yahoo does to a price gives the price back: cents and sixty-fourths, up to 40,000 dollars, through up to
// four splits of realistic ratios.
func TestUndoIsTheInverseOfAdjusting(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	ratios := [][2]int64{{2, 1}, {3, 1}, {3, 2}, {4, 1}, {5, 1}, {7, 1}, {10, 1}, {1, 2}, {1, 4}, {1, 5}, {1, 8}, {1, 10}, {1, 20}, {1231, 1000}, {1028, 1000}}
	ex := etf.MustSession("2020-01-02")
	for range 20_000 {
		var splits []etf.Action
		for n := rng.IntN(5); n > 0; n-- {
			r := ratios[rng.IntN(len(ratios))]
			splits = append(splits, etf.Action{Kind: etf.Split, Ex: ex.AddDays(len(splits)), Numerator: r[0], Denominator: r[1]})
		}
		u, err := newUndo(splits, "USD")
		if err != nil {
			t.Fatal(err)
		}
		num, den := u.factor(ex.AddDays(-1))
		traded := etf.Price(1+rng.Int64N(4_000_000)) * 1_000_000
		// Beyond a few hundred to one, six decimals no longer tell a sixty-fourth from a cent.
		if rng.IntN(2) == 0 && num <= 500*den { // sixty-fourths ended in 2001, when nothing cost more than a few hundred dollars
			traded = etf.Price(1+rng.Int64N(300*64)) * (100_000_000 / 64)
		}
		volume := etf.Shares(rng.Int64N(1_000_000_000))
		sent, err := etf.ParsePrice(float32Text(traded, num, den))
		if err != nil {
			t.Fatal(err)
		}
		// Old prices have six decimals.
		if rng.IntN(3) == 0 && traded > 1_000_000*20 {
			sent = sent.RoundTo(6)
		}
		sentVolume, _ := volume.MulRatio(num, den)
		got, ok := u.bar(etf.Bar{Session: ex.AddDays(-1), Open: sent, High: sent, Low: sent, Close: sent, Volume: sentVolume})
		if !ok || got.Open != traded || got.Close != traded {
			t.Fatalf("%s through %d:%d sent as %s came back as %s", traded, num, den, sent, got.Close)
		}
		// Volumes have four decimals: beyond 1:10000 they can't hold the last share.
		if den < 10_000*num && got.Volume != volume {
			t.Fatalf("volume %s through %d:%d sent as %s came back as %s", volume, num, den, sentVolume, got.Volume)
		}
	}
}

func TestDenoise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sent, want string
		num, den   int64
	}{
		{"81.41000366210938", "81.41", 1, 1},
		{"682.3200073242188", "682.32", 1, 1},
		{"850.3699951171875", "850.37", 1, 1},
		{"43.96875", "43.96875", 1, 1},              // 43 31/32, SPY 1993
		{"114.484375", "114.484375", 1, 1},          // 114 31/64, QQQ 2000-03-23
		{"89.2421875", "178.484375", 2, 1},          // 178 31/64
		{"12.345", "12.345", 1, 1},                  // a trade between cents
		{"0.12834800779819489", "28.75", 224, 1},    // AAPL 1980: 28 3/4 before 2:1, 2:1, 2:1, 7:1, 4:1, sent with six decimals
		{"11.144444465637207", "100.3", 9, 1},       // EEM 2003-04-14 before two splits of 3:1
		{"61.71500015258789", "123.43", 2, 1},       // IWM 2005-06-08, traded at 123.43
		{"1159.5", "115.95", 1, 10},                 // before a reverse split
		{"0.123456789", "0.123457", 1, 1},           // six decimals at most
		{"-0.00999999977648258", "-0.01", 1, 1},     // left for the rules
		{"0", "0", 3, 1},                            // a zero stays one
		{"38000.01171875", "38000.01", 1, 1},        // noise of 0.004 at this height
		{"70000.0078125", "70000.01", 1, 1},         // beyond a cent's resolution: still cents
		{"0.00009999999747378752", "0.0001", 1, 1},  // below a cent
		{"33.33333206176758", "100", 3, 1},          // a third
		{"14.285714149475098", "100", 7, 1},         // a seventh
		{"81.23476409912109375", "100", 1231, 1000}, // a spin-off stated as a split
		{"0.00000001", "0", 1, 1},                   // below the resolution
		{"123.456703186", "123.4567", 1, 1},         // four decimals
		{"1000000.0625", "1000000.06", 1, 1},        // only cents make sense here
		{"0.0156250", "0.015625", 1, 1},             // one sixty-fourth
		{"0.02999999932944775", "0.03", 1, 1},       // 0.03 as a float32
		{"499.99", "499.99", 1, 1},                  // no noise at all
		{"26775", "26775", 1, 1},                    // whole
		{"26774.99999", "26775", 1, 1},              // whole, within float32
	} {
		p, ok := etf.MustPrice(c.sent).MulRatio(c.num, c.den)
		if !ok {
			t.Fatal(c.sent)
		}
		if got := denoise(p, c.num, c.den); got != etf.MustPrice(c.want) {
			t.Errorf("denoise(%s x %d/%d) = %s, want %s", c.sent, c.num, c.den, got, c.want)
		}
	}
}

func TestProductsOfSplits(t *testing.T) {
	t.Parallel()
	ex := etf.MustSession("2024-01-02")
	var up, down []etf.Action
	for i := range 7 {
		up = append(up, etf.Action{Kind: etf.Split, Ex: ex.AddDays(i), Numerator: 1000, Denominator: 1})
		down = append(down, etf.Action{Kind: etf.Split, Ex: ex.AddDays(10 + i), Numerator: 2, Denominator: 2000})
	}
	// 1000^7 does not fit in 63 bits.
	if _, err := newUndo(up, "USD"); etf.KindOf(err) != etf.KindCorrupt {
		t.Errorf("10^21:1: error %v, want corrupt", err)
	}
	u, err := newUndo(append(up[:4:4], down[:4]...), "USD")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day      int
		num, den int64
	}{{-1, 1, 1}, {0, 1, 1000}, {3, 1, 1e12}, {9, 1, 1e12}, {10, 1, 1e9}, {13, 1, 1}, {20, 1, 1}} {
		if num, den := u.factor(ex.AddDays(c.day)); num != c.num || den != c.den {
			t.Errorf("day %d: factor %d:%d, want %d:%d", c.day, num, den, c.num, c.den)
		}
	}
	// A price that overflows costs its row.
	u, err = newUndo(up[:6], "USD")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := u.bar(etf.Bar{Session: ex.AddDays(-1), Open: 1e8, High: 1e8, Low: 1e8, Close: 1e8}); ok {
		t.Error("a dollar restated through 10^18:1 gives a bar, want an overflow")
	}
}
