package etf

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// Price is an exact decimal amount of money per share in units of 1e-8 of the ETF's currency, the scale of the
// DECIMAL(20,8) it is stored in. Its range is about ±92 billion. JSON form: a number written out in full.
type Price int64

// Volume is an exact number of shares in units of 1e-4 (split-adjusted volumes are fractional), the scale of
// the DECIMAL(24,4) it is stored in. JSON form: a number, or null for VolumeUnknown.
type Volume int64

// VolumeUnknown marks a bar whose provider gave a price but no volume. It is stored as NULL.
const VolumeUnknown Volume = -1

const (
	priceDigits  = 8
	volumeDigits = 4
)

// ParsePrice reads decimal text ("26775", "661.82000732", "1.2e3") exactly. Digits past the eighth decimal are
// rounded half away from zero: providers send float32 and float64 noise there. Errors are of KindInvalid.
func ParsePrice(s string) (Price, error) {
	v, err := parseFixed(s, priceDigits)
	return Price(v), err
}

// MustPrice is ParsePrice for constants; it panics on bad text.
func MustPrice(s string) Price {
	p, err := ParsePrice(s)
	if err != nil {
		panic(err)
	}
	return p
}

// ParseVolume reads decimal text exactly, rounded to four decimals. Errors are of KindInvalid.
func ParseVolume(s string) (Volume, error) {
	v, err := parseFixed(s, volumeDigits)
	if err == nil && v < 0 {
		return 0, Invalid("volume", fmt.Sprintf("%s is negative", s), "use zero or more shares")
	}
	return Volume(v), err
}

// PriceFromFloat rounds a computed value to a Price. It is for computed numbers only (forecasts, simulations); use
// ParsePrice for text from a provider. ok is false for NaN, Inf and overflow.
func PriceFromFloat(f float64) (p Price, ok bool) {
	f = math.Round(f * 1e8)
	if math.IsNaN(f) || math.Abs(f) >= math.MaxInt64 {
		return 0, false
	}
	return Price(f), true
}

// Shares returns a whole number of shares as a Volume.
func Shares(n int64) Volume { return Volume(n * 10_000) }

// Float returns the nearest float64, for numerics.
func (p Price) Float() float64 { return float64(p) / 1e8 }

// Float returns the nearest float64, for numerics; NaN when unknown.
func (v Volume) Float() float64 {
	if v < 0 {
		return math.NaN()
	}
	return float64(v) / 1e4
}

// Known reports whether the provider gave a volume.
func (v Volume) Known() bool { return v >= 0 }

// MulRatio returns p*num/den rounded half away from zero. ok is false for a non-positive ratio or on overflow.
func (p Price) MulRatio(num, den int64) (r Price, ok bool) {
	v, ok := mulRatio(int64(p), num, den)
	return Price(v), ok
}

// MulRatio returns v*num/den rounded half away from zero; an unknown volume stays unknown.
func (v Volume) MulRatio(num, den int64) (r Volume, ok bool) {
	if v < 0 {
		return v, true
	}
	w, ok := mulRatio(int64(v), num, den)
	return Volume(w), ok
}

// RoundTo rounds to the given number of decimals (0 to 8), half away from zero.
func (p Price) RoundTo(decimals int) Price {
	if decimals >= priceDigits {
		return p
	}
	unit := int64(math.Pow10(priceDigits - max(decimals, 0)))
	v := int64(p)
	half := unit / 2
	if v < 0 {
		half = -half
	}
	return Price((v + half) / unit * unit)
}

// String returns the shortest exact decimal text: "661.82", "26775".
func (p Price) String() string { return formatFixed(int64(p), priceDigits) }

// String returns the shortest exact decimal text, "" when unknown.
func (v Volume) String() string {
	if v < 0 {
		return ""
	}
	return formatFixed(int64(v), volumeDigits)
}

// MarshalJSON writes an exact JSON number.
func (p Price) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads a JSON number or a string holding one, exactly; null leaves p unchanged.
func (p *Price) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	v, err := parseFixed(string(bytes.Trim(b, `"`)), priceDigits)
	*p = Price(v)
	return err
}

// MarshalJSON writes an exact JSON number, null when unknown.
func (v Volume) MarshalJSON() ([]byte, error) {
	if v < 0 {
		return []byte("null"), nil
	}
	return []byte(v.String()), nil
}

// UnmarshalJSON reads a JSON number, a string holding one, or null for unknown.
func (v *Volume) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*v = VolumeUnknown
		return nil
	}
	w, err := ParseVolume(string(bytes.Trim(b, `"`)))
	*v = w
	return err
}

func mulRatio(v, num, den int64) (int64, bool) {
	if num <= 0 || den <= 0 {
		return 0, false
	}
	neg := v < 0
	u := uint64(v)
	if neg {
		u = -u
	}
	hi, lo := bits.Mul64(u, uint64(num))
	lo, carry := bits.Add64(lo, uint64(den)/2, 0)
	hi += carry
	if hi >= uint64(den) {
		return 0, false
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	if q > math.MaxInt64 {
		return 0, false
	}
	if neg {
		return -int64(q), true
	}
	return int64(q), true
}

func parseFixed(s string, digits int) (int64, error) {
	if v, ok := parsePlain(s, digits); ok {
		return v, nil
	}
	// Exponents and long fractions take the exact slow path.
	if !plainNumber(s) {
		return 0, Invalid("number", fmt.Sprintf("%q is not a decimal number", Clip(s, 40)), "use digits and a decimal point, for example 661.82")
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, Invalid("number", fmt.Sprintf("%q is not a decimal number", Clip(s, 40)), "use digits and a decimal point, for example 661.82")
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)))
	num, den := new(big.Int).Set(r.Num()), r.Denom()
	neg := num.Sign() < 0
	num.Abs(num).Lsh(num, 1).Add(num, den).Quo(num, new(big.Int).Lsh(den, 1))
	if !num.IsInt64() {
		return 0, Invalid("number", fmt.Sprintf("%q is out of range", Clip(s, 40)), "check the unit of the column")
	}
	if neg {
		return -num.Int64(), nil
	}
	return num.Int64(), nil
}

// parsePlain reads [-+]digits[.digits] with at most `digits` decimals and no overflow.
func parsePlain(s string, digits int) (int64, bool) {
	i, neg := 0, false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	var v int64
	seen, frac := 0, -1
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.' && frac < 0:
			frac = 0
		case c >= '0' && c <= '9':
			if v > (math.MaxInt64-9)/10 {
				return 0, false
			}
			v = v*10 + int64(c-'0')
			seen++
			if frac >= 0 {
				frac++
			}
		default:
			return 0, false
		}
	}
	if seen == 0 || frac > digits {
		return 0, false
	}
	for n := max(frac, 0); n < digits; n++ {
		if v > math.MaxInt64/10 {
			return 0, false
		}
		v *= 10
	}
	if neg {
		v = -v
	}
	return v, true
}

// plainNumber rejects what big.Rat accepts beyond decimal numbers (fractions, hex, underscores), and exponents large
// enough to exhaust memory.
func plainNumber(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	mantissa, exp := s, ""
	for i := range len(s) {
		if s[i] == 'e' || s[i] == 'E' {
			mantissa, exp = s[:i], s[i+1:]
			break
		}
	}
	if len(mantissa) != len(s) {
		if n, err := strconv.Atoi(exp); err != nil || n < -40 || n > 40 {
			return false
		}
	}
	digits := 0
	for i := range len(mantissa) {
		switch c := mantissa[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.', (c == '-' || c == '+') && i == 0:
		default:
			return false
		}
	}
	return digits > 0
}

func formatFixed(v int64, digits int) string {
	neg := v < 0
	u := uint64(v)
	if neg {
		u = -u
	}
	unit := uint64(math.Pow10(digits))
	buf := make([]byte, 0, 24)
	if neg {
		buf = append(buf, '-')
	}
	buf = strconv.AppendUint(buf, u/unit, 10)
	if f := u % unit; f != 0 {
		frac := fmt.Sprintf("%0*d", digits, f)
		end := len(frac)
		for frac[end-1] == '0' {
			end--
		}
		buf = append(append(buf, '.'), frac[:end]...)
	}
	return string(buf)
}
