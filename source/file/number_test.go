package file

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestParsePrice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"26775":              "26775",
		"43.96875":           "43.96875", // an old fraction, 31/32
		"1,234,500.25":       "1234500.25",
		"-380":               "-380",
		"661.8200073242188":  "661.82",      // 661.82 as a float32
		"662.3699951171875":  "662.37",      // 662.37 as a float32
		"11.222222328186035": "11.2222",     // 101/9 as a float32
		"102.37999999999999": "102.38",      // float64 arithmetic
		"14.5500004291534":   "14.55",       // a float32 cut off at 15 digits
		"323.540009":         "323.54",      // 323.54 as a float32, with 6 decimals
		"45.718750":          "45.71875",    // 23/32 with 6 decimals is not noise
		"0.14550000429153":   "0.1455",      // 0.1455 as a float32
		"0.0123456789012":    "0.012346",    // 6 decimals below 1
		"9.999999999999":     "10",          // rounding carries
		"-9.999999999999":    "-10",         // away from zero
		"0.99999999999":      "1",           //
		"12.34567":           "12.34567",    // not how a float32 of 12.3457 prints
		"12.12345678":        "12.12345678", // 8 decimals are exact
		"1.5e3":              "1500",
	} {
		got, err := decimal('.').price(text)
		if err != nil || got != etf.MustPrice(want) {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"abc", "1.2.3", "1.123456789x", "1,23", ",123", "1,2345", "1.5,000", "0x10", "1_000", "Inf", "1.1234567890.1", "99999999999999"} {
		if got, err := decimal('.').price(text); err == nil {
			t.Errorf("%s is read as %s", text, got)
		}
	}
}

// A price in whole cents is recovered exactly, whatever the noise.
func TestFloatNoise(t *testing.T) {
	t.Parallel()
	for cents := int64(100); cents < 5_000_000; cents += 7919 {
		want := etf.Price(cents * 1e6)
		f := float64(cents) / 100
		for _, text := range []string{
			strconv.FormatFloat(float64(float32(f)), 'f', -1, 64),
			fmt.Sprintf("%.6f", float64(float32(f))),
			fmt.Sprintf("%.12f", math.Nextafter(f, 0)),
		} {
			if got, err := parsePrice(text); err != nil || got != want {
				t.Fatalf("%s is %s, %v; want %s", text, got, err, want)
			}
		}
	}
}

func TestParseRatio(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]int64{
		"0": {}, "1": {}, "1.0": {}, "0.0": {},
		"4.0":                 {4, 1},
		"0.2":                 {1, 5},
		"1.5":                 {3, 2},
		"0.0125":              {1, 80},
		"1.281":               {1281, 1000}, // a spin-off: exact where the denominator allows
		"0.33333333":          {1, 3},
		"0.3333":              {1, 3},
		"0.06666666666666667": {1, 15},
		"1.33333333":          {4, 3},
		"0.123457":            {10, 81}, // 10/81 = 0.12345679
		"4:1":                 {4, 1},
		"1/190":               {1, 190},
		"6:4":                 {3, 2},
		"1:1":                 {},
	} {
		num, den, err := parseRatio(text)
		if err != nil || (num != want[0] && want != [2]int64{}) || num != want[0] || (num != 0 && den != want[1]) {
			t.Errorf("%s is %d:%d, %v; want %d:%d", text, num, den, err, want[0], want[1])
		}
	}
	for _, text := range []string{"-2", "2:0", "0:1", "2:", ":2", "2:1:1", "2 for 1", "9999999:1", "x"} {
		if num, den, err := parseRatio(text); err == nil {
			t.Errorf("%s is read as %d:%d", text, num, den)
		}
	}
}

// Every ratio of small numbers is recovered from its decimals, 8 of them or all of a float64's.
func TestRatiosAreRecovered(t *testing.T) {
	t.Parallel()
	for num := int64(1); num <= 60; num++ {
		for den := int64(1); den <= 60; den++ {
			if num == den {
				continue
			}
			g := gcd(num, den)
			f := float64(num) / float64(den)
			for _, text := range []string{fmt.Sprintf("%.8f", f), strconv.FormatFloat(f, 'f', -1, 64)} {
				n, d, err := parseRatio(text)
				if err != nil || n != num/g || d != den/g {
					t.Fatalf("%s is %d:%d, %v; want %d:%d", text, n, d, err, num/g, den/g)
				}
			}
		}
	}
}
