package file

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// numeral is a number as written, taken apart.
type numeral struct {
	text     string  // digits, an exponent, and the separators . , ' and space between them
	negative bool    // by a sign or by parentheses
	unit     float64 // what the text is multiplied by: 1e6 for "1.23M"; 0 for none
	currency string  // the sign of a currency, as in currencySigns
	percent  bool

	points, commas int
	simple         bool // digits, points and commas only
}

// units are the words after a number that multiply it.
var units = map[string]float64{
	"k": 1e3, "th": 1e3, "tsd": 1e3, "천": 1e3, "千": 1e3, "만": 1e4, "万": 1e4, "萬": 1e4, "m": 1e6, "mn": 1e6, "mio": 1e6, "mil": 1e6, "mm": 1e6,
	"백만": 1e6, "百万": 1e6, "천만": 1e7, "千万": 1e7, "억": 1e8, "亿": 1e8, "億": 1e8, "b": 1e9, "bn": 1e9, "mrd": 1e9, "bil": 1e9, "십억": 1e9, "t": 1e12, "조": 1e12, "兆": 1e12,
}

// currencySigns are the signs of currencies before or after a number, with the currency if the sign is that of only one.
var currencySigns = []struct {
	sign     string
	currency etf.Currency
}{
	{"US$", "USD"}, {"USD", "USD"}, {"KRW", "KRW"}, {"EUR", "EUR"}, {"GBP", "GBP"}, {"JPY", "JPY"}, {"CHF", "CHF"}, {"CNY", "CNY"}, {"HKD", "HKD"}, {"HK$", "HKD"},
	{"₩", "KRW"}, {"￦", "KRW"}, {"원", "KRW"}, {"€", "EUR"}, {"£", "GBP"}, {"$", ""}, {"¥", ""}, {"￥", ""}, {"円", "JPY"}, {"元", ""},
}

// lexNumber takes a number apart; ok is false if s is not a number.
func lexNumber(s string) (n numeral, ok bool) {
	simple, digit := true, false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c == '.':
			n.points++
		case c == ',':
			n.commas++
		default:
			simple = false
		}
		if !simple {
			break
		}
	}
	if simple {
		n.text, n.simple = s, true
		return n, digit
	}
	n = numeral{}
	if len(s) > 80 {
		return n, false
	}
	s = strings.TrimSpace(narrow(s))
	if len(s) > 2 && s[0] == '(' && s[len(s)-1] == ')' {
		n.negative = true
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	signs := 0
	sign := func() {
		for _, minus := range [...]string{"-", "\u2212", "+"} {
			if rest, found := strings.CutPrefix(s, minus); found {
				s, signs = strings.TrimSpace(rest), signs+1
				n.negative = n.negative || minus != "+"
				return
			}
		}
	}
	sign()
	for _, c := range currencySigns {
		if rest, found := strings.CutPrefix(s, c.sign); found {
			s, n.currency = strings.TrimSpace(rest), c.sign
			break
		}
	}
	if n.currency != "" {
		sign()
	} else {
		for _, c := range currencySigns {
			if rest, found := strings.CutSuffix(s, c.sign); found {
				s, n.currency = strings.TrimSpace(rest), c.sign
				break
			}
		}
	}
	if rest, found := strings.CutSuffix(s, "%"); found {
		s, n.percent = strings.TrimSpace(rest), true
	}
	if rest, found := strings.CutSuffix(s, "-"); found && signs == 0 { // 1.23-
		s, n.negative, signs = strings.TrimSpace(rest), true, 1
	}
	if signs > 1 || s == "" || s[0] < '0' || s[0] > '9' {
		if s == "" || (s[0] != '.' && s[0] != ',') || signs > 1 {
			return n, false
		}
	}
	end := len(s)
	for end > 0 && (s[end-1] < '0' || s[end-1] > '9') && s[end-1] != '.' && s[end-1] != ',' {
		_, size := utf8.DecodeLastRuneInString(s[:end])
		end -= size
	}
	if end < len(s) {
		if n.unit, ok = units[strings.ToLower(strings.Trim(s[end:], " .\u00a0\u202f"))]; !ok {
			return n, false
		}
		s = s[:end]
	}
	exponent := strings.LastIndexAny(s, "eE")
	mantissa := s
	if exponent > 0 {
		mantissa = s[:exponent]
		if len(s) == exponent+1 || strings.Trim(s[exponent+1:], "+-0123456789") != "" {
			return n, false
		}
	}
	n.simple, digit = exponent <= 0, false
	for _, r := range mantissa {
		switch {
		case r >= '0' && r <= '9':
			digit = true
		case r == '.':
			n.points++
		case r == ',':
			n.commas++
		case r == '\'', r == '’', r == ' ', r == '\u00a0', r == '\u202f', r == '\u2009':
			n.simple = false
		default:
			return n, false
		}
	}
	n.text = s
	return n, digit
}

// spaced removes thousands separators that can't be decimal signs: spaces and apostrophes.
func spaced(text string) (string, bool) {
	if !strings.ContainsAny(text, " '’\u00a0\u202f\u2009") {
		return text, true
	}
	text = strings.NewReplacer("’", " ", "'", " ", "\u00a0", " ", "\u202f", " ", "\u2009", " ").Replace(text)
	whole, _, _ := strings.Cut(text, ".")
	whole, _, _ = strings.Cut(whole, ",")
	if strings.Contains(text[len(whole):], " ") || !grouped(whole, " ") {
		return "", false
	}
	return strings.ReplaceAll(text, " ", ""), true
}

// grouped reports whether a separator divides a whole number into thousands.
func grouped(whole, separator string) bool {
	for i, g := range strings.Split(whole, separator) {
		if (i == 0 && (len(g) == 0 || len(g) > 3)) || (i > 0 && len(g) != 3) {
			return false
		}
	}
	return true
}

// signEvidence is what a number shows about the decimal sign of its file.
type signEvidence uint8

const (
	showsNothing signEvidence = iota
	showsPoint
	showsComma
	showsEitherComma // one comma followed by three digits: 98,375
	showsEitherPoint // one point followed by three digits: 98.375
)

// evidence returns what a numeral shows about the decimal sign.
func (n numeral) evidence() signEvidence {
	if n.points+n.commas == 0 {
		return showsNothing
	}
	text := n.text
	if n.simple && n.commas == 0 && n.points == 1 {
		if point := strings.IndexByte(text, '.'); len(text)-point != 4 || point == 0 || point > 3 || text[0] == '0' {
			return showsPoint
		}
		return showsEitherPoint
	}
	point, comma := strings.IndexByte(text, '.'), strings.IndexByte(text, ',')
	if strings.ContainsAny(text, "eE") {
		if comma >= 0 {
			return showsComma
		}
		return showsPoint
	}
	grouping := strings.ContainsAny(text, " '’\u00a0\u202f\u2009")
	if grouping {
		var ok bool
		if text, ok = spaced(text); !ok {
			return showsNothing
		}
		point, comma = strings.IndexByte(text, '.'), strings.IndexByte(text, ',')
	}
	if point >= 0 && comma >= 0 {
		if strings.LastIndexByte(text, '.') > strings.LastIndexByte(text, ',') {
			return showsPoint
		}
		return showsComma
	}
	sign, at, decimal, group, either := ".", point, showsPoint, showsComma, showsEitherPoint
	if comma >= 0 {
		sign, at, decimal, group, either = ",", comma, showsComma, showsPoint, showsEitherComma
	}
	if strings.Count(text, sign) > 1 {
		if grouped(text, sign) {
			return group
		}
		return showsNothing
	}
	whole, frac := text[:at], text[at+1:]
	if grouping || len(frac) != 3 || len(whole) == 0 || len(whole) > 3 || whole[0] == '0' {
		return decimal
	}
	return either
}

// decimal is the decimal sign of a file, '.' or ','.
type decimal byte

func (d decimal) other() decimal {
	if d == '.' {
		return ','
	}
	return '.'
}

func (d decimal) String() string {
	if d == '.' {
		return "decimal points"
	}
	return "decimal commas"
}

var errSpaces = errors.New("the spaces or apostrophes do not group thousands")

// normal returns the text of a numeral with a decimal point and without separators of thousands.
func (d decimal) normal(n numeral) (string, error) {
	text := n.text
	if n.simple && n.commas == 0 && (d == '.' || n.points == 0) {
		return text, nil
	}
	if !n.simple {
		clean, ok := spaced(text)
		if !ok {
			return "", errSpaces
		}
		text = clean
	}
	// Groups are counted from the left: up to three digits, then three each up to the decimal sign.
	buffer := make([]byte, 0, len(text))
	group, groups, sign := 0, 0, false
	ok := true
	for i := 0; i < len(text) && ok; i++ {
		switch c := text[i]; {
		case c == byte(d):
			ok = !sign && (groups == 0 || group == 3)
			sign = true
			buffer = append(buffer, '.')
		case c == byte(d.other()):
			ok = !sign && group >= 1 && group <= 3 && (groups == 0 || group == 3)
			group, groups = 0, groups+1
		default:
			if !sign {
				group++
			}
			buffer = append(buffer, c)
		}
	}
	if !ok || groups > 0 && !sign && group != 3 {
		return "", fmt.Errorf("%q does not fit a file with %s", etf.Clip(n.text, 40), d)
	}
	return string(buffer), nil
}

// price reads a price.
func (d decimal) price(s string) (etf.Price, error) {
	n, ok := lexNumber(s)
	if !ok {
		return 0, fmt.Errorf("%q is not a number such as 661.82", etf.Clip(s, 40))
	}
	if n.percent || n.unit != 0 {
		return 0, fmt.Errorf("%q is not a price: it is a percentage or has a unit", etf.Clip(s, 40))
	}
	text, err := d.normal(n)
	if err != nil {
		return 0, err
	}
	p, err := parsePrice(text)
	if n.negative {
		p = -p
	}
	return p, err
}

// volume reads a number of shares, of which each plain number stands for unit.
func (d decimal) volume(s string, unit float64) (etf.Volume, error) {
	n, ok := lexNumber(s)
	if !ok || n.percent || n.currency != "" && n.currency != "원" {
		return 0, fmt.Errorf("%q is not a number of shares", etf.Clip(s, 40))
	}
	if n.negative {
		return 0, fmt.Errorf("%q is negative", etf.Clip(s, 40))
	}
	text, err := d.normal(n)
	if err != nil {
		return 0, err
	}
	if n.unit != 0 {
		unit = n.unit
	}
	if unit == 1 {
		return etf.ParseVolume(text)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v*unit > 9e14 {
		return 0, fmt.Errorf("%q is not a number of shares", etf.Clip(s, 40))
	}
	return etf.Shares(int64(math.Round(v * unit))), nil
}
