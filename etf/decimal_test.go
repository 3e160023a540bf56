package etf

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"
)

func TestParsePrice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want string // exact decimal; "" = an error
	}{
		{"26775", "26775"},
		{"661.82", "661.82"},
		{"-0.5", "-0.5"},
		{"+1.25", "1.25"},
		{".5", "0.5"},
		{"5.", "5"},
		{"0.00000001", "0.00000001"},
		{"1.2e3", "1200"},
		{"1E-8", "0.00000001"},
		{"52.709999084472656", "52.70999908"}, // the ninth decimal is a 4
		{"0.000000005", "0.00000001"},         // half rounds away from zero
		{"-0.000000005", "-0.00000001"},
		{"0.000000004999999999", "0"},
		{"92233720368.54775807", "92233720368.54775807"}, // math.MaxInt64 units
		{"92233720368.54775808", ""},
		{"1e11", ""},
		{"", ""}, {".", ""}, {"-", ""}, {"1.2.3", ""}, {"1,000", ""}, {"0x10", ""}, {"1/3", ""}, {"1_0", ""}, {"NaN", ""}, {"Inf", ""},
		{"1e", ""}, {"1e999999999", ""}, {" 1", ""}, {"１", ""},
	} {
		p, err := ParsePrice(c.text)
		if c.want == "" {
			if err == nil || KindOf(err) != KindInvalid {
				t.Errorf("ParsePrice(%q) = %s, %v; want an error of KindInvalid", c.text, p, err)
			}
			continue
		}
		if err != nil || p.String() != c.want {
			t.Errorf("ParsePrice(%q) = %s, %v; want %s", c.text, p, err, c.want)
		}
	}
}

func TestParseVolume(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"25195543": "25195543", "1.12117471e+08": "112117471", "0": "0", "12.34567": "12.3457"} {
		if v, err := ParseVolume(text); err != nil || v.String() != want {
			t.Errorf("ParseVolume(%q) = %s, %v; want %s", text, v, err, want)
		}
	}
	if _, err := ParseVolume("-1"); KindOf(err) != KindInvalid {
		t.Errorf("ParseVolume(-1): %v, want KindInvalid", err)
	}
}

func TestMulRatio(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p        string
		num, den int64
		want     string
	}{
		{"100.01", 1, 2, "50.005"},
		{"100", 1, 3, "33.33333333"},
		{"200", 1, 3, "66.66666667"},
		{"-200", 1, 3, "-66.66666667"},
		{"12.5", 20, 1, "250"},
	} {
		if got, ok := MustPrice(c.p).MulRatio(c.num, c.den); !ok || got.String() != c.want {
			t.Errorf("%s * %d/%d = %s, %v; want %s", c.p, c.num, c.den, got, ok, c.want)
		}
	}
	for _, bad := range [][2]int64{{0, 1}, {1, 0}, {-1, 2}} {
		if _, ok := MustPrice("1").MulRatio(bad[0], bad[1]); ok {
			t.Errorf("ratio %v is accepted", bad)
		}
	}
	if _, ok := Price(math.MaxInt64).MulRatio(3, 2); ok {
		t.Error("overflow is not reported")
	}
	if v, ok := VolumeUnknown.MulRatio(2, 1); !ok || v != VolumeUnknown {
		t.Errorf("an unknown volume becomes %d", v)
	}
}

func TestRoundTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p        string
		decimals int
		want     string
	}{{"52.70999908", 4, "52.71"}, {"0.5", 0, "1"}, {"-0.5", 0, "-1"}, {"1.23456789", 8, "1.23456789"}, {"26774.99", 0, "26775"}} {
		if got := MustPrice(c.p).RoundTo(c.decimals); got.String() != c.want {
			t.Errorf("%s to %d decimals is %s, not %s", c.p, c.decimals, got, c.want)
		}
	}
}

func TestNumbersInJSON(t *testing.T) {
	t.Parallel()
	type row struct {
		P Price
		V Volume
	}
	b, err := json.Marshal([]row{{MustPrice("661.82000732"), Shares(5)}, {0, VolumeUnknown}})
	if want := `[{"P":661.82000732,"V":5},{"P":0,"V":null}]`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	var back []row
	if err := json.Unmarshal([]byte(`[{"P":"661.82000732","V":null},{"P":null,"V":"5"}]`), &back); err != nil {
		t.Fatal(err)
	}
	if back[0].P != MustPrice("661.82000732") || back[0].V != VolumeUnknown || back[1].P != 0 || back[1].V != Shares(5) {
		t.Errorf("%+v", back)
	}
}

func TestPriceFromFloat(t *testing.T) {
	t.Parallel()
	if p, ok := PriceFromFloat(661.82); !ok || p != MustPrice("661.82") {
		t.Errorf("661.82 is %s, %v", p, ok)
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e12} {
		if _, ok := PriceFromFloat(f); ok {
			t.Errorf("%v is accepted", f)
		}
	}
}

// ParsePrice agrees with big.Rat, rounded to eight decimals, and what String writes parses to the same price.
func FuzzParsePrice(f *testing.F) {
	for _, s := range []string{"661.82", "1e-9", "-0.000000005", "92233720368.54775807", "1.2.3", "9e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePrice(s)
		if err != nil {
			return
		}
		r, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("ParsePrice accepts %q, big.Rat does not", s)
		}
		diff := new(big.Rat).Sub(r, big.NewRat(int64(p), 1e8))
		if diff.Abs(diff).Cmp(big.NewRat(1, 2e8)) > 0 {
			t.Errorf("ParsePrice(%q) = %s", s, p)
		}
		if back, err := ParsePrice(p.String()); err != nil || back != p {
			t.Errorf("%s is read back as %s, %v", p, back, err)
		}
	})
}
