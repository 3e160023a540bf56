package file

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// blank reports whether s is one of the ways files mark a missing value.
func blank(s string) bool {
	switch len(s) {
	case 0:
		return true
	case 1:
		return s == "-"
	case 2:
		return s == "--"
	case 3, 4:
		switch strings.ToLower(s) {
		case "nan", "n/a", "null", "none", "#n/a", "<na>":
			return true
		}
	}
	return false
}

var errComma = errors.New("a comma that does not group thousands; write decimals with a point")

// ungroup removes thousands separators: "1,234,500.5".
func ungroup(s string) (string, error) {
	if strings.IndexByte(s, ',') < 0 {
		return s, nil
	}
	whole, frac, _ := strings.Cut(s, ".")
	groups := strings.Split(strings.TrimLeft(whole, "+-"), ",")
	for i, g := range groups {
		if (i == 0 && (len(g) == 0 || len(g) > 3)) || (i > 0 && len(g) != 3) || strings.Contains(frac, ",") {
			return "", errComma
		}
	}
	return strings.ReplaceAll(s, ",", ""), nil
}

// parsePrice reads a price and removes the noise of binary floats, as described in the package documentation.
func parsePrice(s string) (etf.Price, error) {
	s, err := ungroup(s)
	if err != nil {
		return 0, err
	}
	point := strings.IndexByte(s, '.')
	decimals := len(s) - point - 1
	if point < 0 || decimals <= 4 || strings.ContainsAny(s, "eE") {
		return etf.ParsePrice(s)
	}
	if decimals > 8 {
		if point >= 4 { // from 1024 on, 32 bits are not precise to 4 decimals: 1743.18 prints as 1743.1800537109375
			if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f-float64(float32(f))) <= 1e-12*math.Abs(f) {
				p, err := etf.ParsePrice(strconv.FormatFloat(f, 'f', -1, 32))
				return p.RoundTo(4), err
			}
		}
		keep, unit := 4, etf.Price(10_000)
		if whole, ok := digits(strings.TrimLeft(s[:point], "+-")); ok && whole == 0 {
			keep, unit = 6, 100
		}
		rest := s[point+1+keep:]
		if _, ok := digits(rest); !ok {
			return etf.ParsePrice(s) // for its error
		}
		p, err := etf.ParsePrice(s[:point+1+keep])
		if err == nil && rest[0] >= '5' {
			if s[0] == '-' {
				unit = -unit
			}
			p += unit
		}
		return p, err
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && strconv.FormatFloat(float64(float32(f)), 'f', decimals, 64) == strings.TrimPrefix(s, "+") {
		if p, err := etf.ParsePrice(strconv.FormatFloat(f, 'f', -1, 32)); err == nil && p == p.RoundTo(4) {
			return p, nil
		}
	}
	return etf.ParsePrice(s)
}

func parseVolume(s string) (etf.Volume, error) {
	s, err := ungroup(s)
	if err != nil {
		return 0, err
	}
	return etf.ParseVolume(s)
}

// parseDate reads the civil date at the start of s. Anything after it must look like a time of day.
func parseDate(s string) (etf.Session, error) {
	var y, m, d, rest string
	switch {
	case len(s) >= 10 && (s[4] == '-' || s[4] == '/' || s[4] == '.') && s[7] == s[4]:
		y, m, d, rest = s[:4], s[5:7], s[8:10], s[10:]
	case len(s) >= 8:
		y, m, d, rest = s[:4], s[4:6], s[6:8], s[8:]
	default:
		return 0, notDate(s)
	}
	if rest != "" && ((rest[0] != ' ' && rest[0] != 'T') || strings.Trim(rest, " TZ:.+-0123456789UC") != "") {
		return 0, notDate(s)
	}
	year, ok1 := digits(y)
	month, ok2 := digits(m)
	day, ok3 := digits(d)
	if !ok1 || !ok2 || !ok3 || year < 1900 || year > 2200 || month < 1 || month > 12 || day < 1 {
		return 0, notDate(s)
	}
	at := etf.NewSession(year, time.Month(month), day)
	if _, _, back := at.Date(); back != day {
		return 0, fmt.Errorf("%.40q is not a date: the month has no such day", s)
	}
	return at, nil
}

func notDate(s string) error { return fmt.Errorf("%.40q is not a date; write YYYY-MM-DD", s) }

func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// maxDenominator bounds the denominator of a split ratio: 1281:1000 has been seen for spin-offs.
const maxDenominator = 1000

// parseRatio reads new shares per old share as a fraction: exactly if its denominator is at most 1000, else as the
// simplest fraction that rounds to the given decimals (0.06666667 is 1:15). num is 0 for no split.
func parseRatio(s string) (num, den int64, err error) {
	p, err := etf.ParsePrice(s)
	if err != nil {
		return 0, 0, err
	}
	if p < 0 {
		return 0, 0, fmt.Errorf("%s is negative", s)
	}
	const one = 100_000_000
	if p == 0 || p == one {
		return 0, 0, nil
	}
	g := gcd(int64(p), one)
	num, den = int64(p)/g, one/g
	if den <= maxDenominator {
		return num, den, nil
	}
	// Half a unit in the last decimal given; at most eight are kept.
	decimals := 0
	if point := strings.IndexByte(s, '.'); point >= 0 {
		decimals = min(len(s)-point-1, 8)
	}
	half := 0.5
	for range decimals {
		half /= 10
	}
	x := float64(p) / one
	if n, d, ok := simplest(x, half*1.000001); ok {
		return n, d, nil
	}
	return num, den, nil
}

// simplest returns the first convergent of x's continued fraction within tolerance.
func simplest(x, tolerance float64) (num, den int64, ok bool) {
	n0, d0, n1, d1 := int64(0), int64(1), int64(1), int64(0)
	for y, i := x, 0; i < 20 && y < 1e9; i++ {
		a := int64(y)
		n0, d0, n1, d1 = n1, d1, a*n1+n0, a*d1+d0
		if d1 > maxDenominator {
			return 0, 0, false
		}
		if diff := x - float64(n1)/float64(d1); diff <= tolerance && -diff <= tolerance {
			return n1, d1, n1 > 0
		}
		y = 1 / (y - float64(a))
	}
	return 0, 0, false
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
