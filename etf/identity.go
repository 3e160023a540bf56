package etf

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

var isinForm = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]{9}[0-9]$`)

// ParseISIN checks the form and the check digit of an ISIN (ISO 6166); "" is none. Errors are of KindInvalid with Field "isin".
func ParseISIN(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if !isinForm.MatchString(s) {
		return "", Invalid("isin", fmt.Sprintf("%q is not an ISIN", Clip(s, 40)), "use two letters, nine letters or digits, and a check digit, for example US78462F1030")
	}
	if want := isinCheckDigit(s[:11]); s[11] != want {
		return "", Invalid("isin", fmt.Sprintf("%q is not an ISIN: its check digit would be %c", s, want), "compare it with the fund's fact sheet: a character is wrong, or two are swapped")
	}
	return s, nil
}

// isinCheckDigit is Luhn's over the digits, with A = 10 to Z = 35.
func isinCheckDigit(s string) byte {
	var digits []int
	for _, c := range []byte(s) {
		if c >= 'A' {
			digits = append(digits, int(c-'A'+10)/10, int(c-'A'+10)%10)
			continue
		}
		digits = append(digits, int(c-'0'))
	}
	sum := 0
	for i := range digits {
		d := digits[len(digits)-1-i]
		if i%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return byte('0' + (10-sum%10)%10)
}

// minorUnits are the currencies that prices are quoted in and ISO 4217 has no code for: a hundredth of another one.
var minorUnits = map[Currency]Currency{
	"GBX": "GBP", // pence, on the London Stock Exchange
	"ILA": "ILS", // agorot
	"ZAC": "ZAR", // cents
}

// minorNames are other ways in which providers write them.
var minorNames = map[string]Currency{"GBp": "GBX", "GBPX": "GBX", "GBPp": "GBX", "ZAc": "ZAC", "ILa": "ILA"}

// QuotedCurrency reads a currency as a provider writes it: "GBp" and the like become GBX, ILA and ZAC, white space goes, and whatever
// else stays as it is.
func QuotedCurrency(s string) Currency {
	s = strings.TrimSpace(s)
	if minor, ok := minorNames[s]; ok {
		return minor
	}
	return Currency(s)
}

// Major returns the currency of ISO 4217 that the currency is a part of, and how many of it make one: GBP and 100 for GBX, USD and 1 for
// USD.
func (c Currency) Major() (code Currency, per int64) {
	if major, ok := minorUnits[c]; ok {
		return major, 100
	}
	return c, 1
}

// In returns the factor by which prices in the currency are multiplied to be in another one of the same money, as a ratio: 100 and 1
// from GBP to GBX. ok is false for another money.
func (c Currency) In(to Currency) (numerator, denominator int64, ok bool) {
	from, per := c.Major()
	target, perTarget := to.Major()
	if from != target {
		return 0, 0, false
	}
	g := new(big.Int).GCD(nil, nil, big.NewInt(perTarget), big.NewInt(per)).Int64()
	return perTarget / g, per / g, true
}

// InCurrency returns the response with its prices, amounts and net asset values in the currency, if the response says that they are in
// another unit of the same money: pence of an ETF in pounds, or the reverse. Otherwise it is returned as it is. An error is of KindCorrupt: a
// number does not fit.
func (r Response) InCurrency(to Currency) (Response, error) {
	if r.Currency == "" || to == "" || r.Currency == to {
		return r, nil
	}
	numerator, denominator, ok := r.Currency.In(to)
	if !ok {
		return r, nil
	}
	fits := true
	convert := func(p *Price) {
		v, ok := p.MulRatio(numerator, denominator)
		*p, fits = v, fits && ok
	}
	from := r.Currency
	r.Bars, r.Actions, r.NAVs, r.Currency = append([]Bar(nil), r.Bars...), append([]Action(nil), r.Actions...), append([]NAV(nil), r.NAVs...), to
	for i := range r.Bars {
		b := &r.Bars[i]
		for _, p := range []*Price{&b.Open, &b.High, &b.Low, &b.Close, &b.AdjClose} {
			convert(p)
		}
	}
	for i := range r.Actions {
		convert(&r.Actions[i].Amount)
	}
	for i := range r.NAVs {
		convert(&r.NAVs[i].NAV)
	}
	if !fits {
		return r, &Error{Kind: KindCorrupt, Field: "currency", Message: fmt.Sprintf("a price in %s is too large to be written in %s", from, to),
			Remedy: "compare the response with another source"}
	}
	return r, nil
}
