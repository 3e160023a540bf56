package file

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// The decimal sign is that of the whole file. The prices decide if any of them shows it; else the other columns, a volume
// with a separator (shares are whole), won under a Korean header, or numbers without separators among
// the others. A file in which nothing shows whether "98,375" is 98.375 or 98375 is rejected.

// signCount counts what numbers show about the decimal sign.
type signCount struct {
	point, comma, eitherComma, eitherPoint, plain int
	examplePoint, exampleComma, exampleEither     string
	currencies                                    []string // the signs of currencies seen
}

func (c *signCount) add(cell string) {
	n, ok := lexNumber(cell)
	if !ok {
		return
	}
	if n.currency != "" && !slices.ContainsFunc(c.currencies, func(sign string) bool { return sameCurrency(sign, n.currency) }) {
		c.currencies = append(c.currencies, n.currency)
	}
	switch n.evidence() {
	case showsPoint:
		c.point++
		first(&c.examplePoint, cell)
	case showsComma:
		c.comma++
		first(&c.exampleComma, cell)
	case showsEitherComma:
		c.eitherComma++
		first(&c.exampleEither, cell)
	case showsEitherPoint:
		c.eitherPoint++
		first(&c.exampleEither, cell)
	default:
		c.plain++
	}
}

// sameCurrency reports whether two signs can be of one currency.
func sameCurrency(a, b string) bool {
	of := func(sign string) string {
		for _, c := range currencySigns {
			if c.sign == sign && c.currency != "" {
				return string(c.currency)
			}
		}
		return sign
	}
	a, b = of(a), of(b)
	for _, group := range [...]string{"$ USD HKD", "¥ ￥ 元 JPY CNY"} {
		if list := strings.Fields(group); slices.Contains(list, a) && slices.Contains(list, b) {
			return len(a) < 3 || len(b) < 3 || a == b
		}
	}
	return a == b
}

func first(to *string, s string) {
	if *to == "" {
		*to = s
	}
}

// sign returns the decimal sign that nearly all of the numbers that show one show, 0 for none; mixed reports that they disagree.
func (c *signCount) sign() (d decimal, mixed bool) {
	few, most, d := c.comma, c.point, decimal('.')
	if c.comma > c.point {
		few, most, d = c.point, c.comma, ','
	}
	if most == 0 {
		return 0, false
	}
	return d, !fewOdd(few, few+most) || few == most
}

// decideDecimal decides the decimal sign. others calls its argument with the cells of every other column.
func (t *table) decideDecimal(opt options, dates dateFormat, others func(func(cell string))) (wrong, remedy string) {
	var prices signCount
	for want := open; want <= closing; want++ {
		t.eachCell(want, prices.add)
	}
	if len(prices.currencies) > 1 {
		return fmt.Sprintf("the prices are in several currencies: %s", strings.Join(prices.currencies, " and ")), "keep the prices of one currency in the file"
	}
	for _, c := range currencySigns {
		if t.currency == "" && len(prices.currencies) == 1 && c.sign == prices.currencies[0] {
			t.currency = c.currency
		}
	}
	if t.decimal = opt.decimal; t.decimal != 0 {
		return "", ""
	}
	d, mixed := prices.sign()
	if mixed {
		return fmt.Sprintf("the prices have decimal points (%q) and decimal commas (%q)", prices.examplePoint, prices.exampleComma), "write all prices in one way"
	}
	if d != 0 {
		t.decimal = d
		return "", ""
	}
	var rest, volumes signCount
	others(rest.add)
	for _, want := range [...]role{volume, adjClose, nav, shares, dividend, capitalGain} {
		t.eachCell(want, rest.add)
	}
	t.eachCell(volume, func(cell string) {
		if n, ok := lexNumber(cell); ok && n.unit == 0 {
			volumes.add(cell)
		}
	})
	either := prices.eitherComma + prices.eitherPoint
	korean := opt.market.calendar != nil && opt.market.calendar.Exchange() == etf.XKRX || t.currency == "KRW" // won have no decimals
	if d, mixed := rest.sign(); d != 0 && !mixed {
		t.decimal = d
		return "", ""
	}
	if prices.eitherComma > 0 && prices.eitherPoint > 0 {
		return fmt.Sprintf("the prices have commas and points before three digits, such as %q, and nothing shows which of the two is the decimal sign", prices.exampleEither), decimalRemedy(prices.exampleEither)
	}
	switch {
	case either == 0 && rest.eitherComma+rest.eitherPoint == 0, either == 0 && volumes.eitherComma > 0:
		t.decimal = '.'
	case volumes.eitherComma > 0 && volumes.eitherPoint == 0:
		t.decimal = '.'
	case volumes.eitherPoint > 0 && volumes.eitherComma == 0 && prices.eitherComma > 0:
		t.decimal = ','
	case prices.eitherComma > 0 && t.eastAsian && t.currency == "KRW": // whole won, in a country without decimal commas
		t.decimal = '.'
	case either > 0 && prices.plain > 0 && t.continuous() != 0:
		t.decimal = t.continuous()
	case prices.eitherComma == 0 && !korean && t.delimiter != ';' && !t.european && !(dates.kind == yearLast && strings.Contains(dates.example, ".")):
		t.decimal = '.' // the usual sign, in a file with nothing of a country that uses another
	default:
		if either == 0 {
			t.decimal = '.'
			return "", ""
		}
		text := prices.exampleEither
		return fmt.Sprintf("%q in the prices could be %s or %s, and no number of the file shows which", text,
			strings.NewReplacer(",", ".").Replace(text), strings.NewReplacer(",", "", ".", "").Replace(text)), decimalRemedy(text)
	}
	return "", ""
}

func decimalRemedy(text string) string {
	whole, frac := strings.NewReplacer(",", "", ".", "").Replace(text), strings.ReplaceAll(text, ",", ".")
	if strings.Contains(text, ",") {
		return fmt.Sprintf("put decimal=. (%s) or decimal=, (%s) in the reference", whole, frac)
	}
	return fmt.Sprintf("put decimal=. (%s) or decimal=, (%s) in the reference", frac, whole)
}

// continuous returns the decimal sign with which the closes move by less than a factor of 3 from row to row, if with the
// other one they jump thirtyfold between numbers with a separator and numbers without; 0 for neither.
func (t *table) continuous() decimal {
	var largest [2]float64
	for i, d := range [...]decimal{'.', ','} {
		before := 0.0
		t.eachCell(closing, func(cell string) {
			n, ok := lexNumber(cell)
			if !ok {
				return
			}
			text, err := d.normal(n)
			if err != nil {
				return
			}
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || v <= 0 {
				return
			}
			if before > 0 {
				largest[i] = max(largest[i], math.Abs(math.Log(v/before)))
			}
			before = v
		})
	}
	const smooth, rough = 1.1, 3.4 // log 3 and log 30
	switch {
	case largest[0] < smooth && largest[1] > rough:
		return '.'
	case largest[1] < smooth && largest[0] > rough:
		return ','
	}
	return 0
}

// volumeUnit is what the numbers of the volume column stand for.
type volumeUnit struct {
	plain float64 // what a number without a unit is multiplied by; 0 if that is not known
	why   string  // of 0
}

// decideVolume decides the unit of the volume from the whole column.
func (t *table) decideVolume(opt options) {
	t.unit = volumeUnit{plain: 1}
	if opt.volume != 0 {
		t.unit.plain = opt.volume
		return
	}
	if t.headerUnit != 0 {
		t.unit.plain = t.headerUnit
		return
	}
	with, without, fractions, large := 0, 0, 0, 0
	t.eachCell(volume, func(cell string) {
		n, ok := lexNumber(cell)
		if !ok || n.percent {
			return
		}
		if n.unit != 0 {
			with++
			return
		}
		text, err := t.decimal.normal(n)
		if err != nil {
			return
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v == 0 {
			return
		}
		without++
		if v != math.Trunc(v) {
			fractions++
		}
		if v >= 10_000 {
			large++
		}
	})
	switch {
	case with > without:
		t.unit = volumeUnit{why: "has no unit, which most others have; put volume=1 in the reference if it is a number of shares"}
	case with == 0 && fractions*2 > without && large*2 < without:
		t.unit = volumeUnit{why: "is not a whole number of shares and has no unit; put volume=1000 or volume=1000000 in the reference if it is in thousands or millions"}
	}
}

// parseVolume reads a volume in the unit of its column.
func (t *table) parseVolume(text string) (etf.Volume, error) {
	if t.unit.plain == 0 {
		if n, ok := lexNumber(text); ok && n.unit == 0 && strings.Trim(n.text, "0.,") != "" {
			return 0, fmt.Errorf("%q %s", etf.Clip(text, 40), t.unit.why)
		}
		return t.decimal.volume(text, 1)
	}
	return t.decimal.volume(text, t.unit.plain)
}
