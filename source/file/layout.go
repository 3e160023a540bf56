package file

import (
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// role is what a column holds.
type role int

const (
	ignored role = iota
	date
	open
	high
	low
	closing
	adjClose
	volume
	dividend
	split
	capitalGain
	ticker
	roles // how many there are
)

// roleNames are the names of roles in the option "columns".
var roleNames = [...]string{"-", "date", "open", "high", "low", "close", "adj_close", "volume", "dividend", "split", "capital_gain", "ticker"}

func roleNamed(name string) (role, bool) {
	i := slices.Index(roleNames[:], name)
	return role(i), i >= 0
}

// roleOf maps header names, reduced by headerKey, to roles.
var roleOf = func() map[string]role {
	m := map[string]role{}
	for r, names := range map[role]string{
		date:        "date datetime timestamp tradedate tradingdate day session 날짜 일자 data basdd trddd basdt localdate",
		open:        "open openprice openingprice 시가 otwarcie tddopnprc mkp",
		high:        "high highprice 고가 najwyzszy najwyższy tddhgprc hipr",
		low:         "low lowprice 저가 najnizszy najniższy tddlwprc lopr",
		closing:     "close closeprice closingprice 종가 zamkniecie zamknięcie tddclsprc clpr",
		adjClose:    "adjclose adjustedclose adjcloseprice adjustedcloseprice closeadj 수정종가",
		volume:      "volume vol 거래량 wolumen acctrdvol accumulatedtradingvolume trqu",
		dividend:    "dividend dividends divcash dividendamount 배당금",
		split:       "split splits stocksplit stocksplits splitfactor splitcoefficient splitratio",
		capitalGain: "capitalgain capitalgains",
		ticker:      "ticker symbol code 종목코드",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = r
		}
	}
	return m
}()

// headerKey reduces a header cell: "1. open" and " <OPEN> " to "open", "Adj Close" and "adj_close" to "adjclose".
func headerKey(cell string) string {
	s := strings.ToLower(strings.TrimSpace(cell))
	if numbered(s) {
		s = s[3:]
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-.<>\"'", r) {
			return -1
		}
		return r
	}, s)
}

// numbered reports whether a cell is numbered, as in Alpha Vantage's "1. open".
func numbered(cell string) bool {
	return len(cell) > 3 && cell[0] >= '0' && cell[0] <= '9' && cell[1] == '.' && cell[2] == ' '
}

// layout is one of the layouts in the package documentation.
type layout struct {
	name     string
	basis    etf.Basis
	currency etf.Currency
	is       func(h header) bool
}

// header is a line of column names.
type header struct {
	cells []string // as written, trimmed
	keys  []string // reduced by headerKey
	multi bool     // the names take several lines, as in Yahoo's export
}

func (h header) has(key string) bool   { return slices.Contains(h.keys, key) }
func (h header) says(cell string) bool { return slices.Contains(h.cells, cell) }

// adjusted reports whether there is a column of adjusted closes.
func (h header) adjusted() bool { return slices.Contains(h.rolesOf(), adjClose) }

// layouts in the order they are tried; the last matches everything.
var layouts = []*layout{
	{name: "yahoo_export", basis: etf.SplitAdjusted, is: func(h header) bool { return h.multi && h.adjusted() }},
	{name: "yahoo_auto", basis: etf.BasisUnknown, is: func(h header) bool { return h.multi }},
	{name: "alphavantage", basis: etf.AsTraded, is: func(h header) bool { return slices.ContainsFunc(h.cells, numbered) || h.says("timestamp") }},
	{name: "tiingo", basis: etf.AsTraded, is: func(h header) bool { return h.has("adjclose") && h.has("divcash") && h.has("splitfactor") }},
	{name: "krx", basis: etf.AsTraded, currency: "KRW", is: func(h header) bool { return h.has("종가") }},
	{name: "stooq", basis: etf.TotalAdjusted, is: func(h header) bool {
		return h.says("<CLOSE>") || h.has("zamkniecie") || h.has("zamknięcie")
	}},
	{name: "eodhd", basis: etf.AsTraded, is: func(h header) bool { return h.says("Adjusted_close") }},
	{name: "yahoo", basis: etf.SplitAdjusted, is: func(h header) bool { return h.says("Adj Close") }},
	{name: "plain", basis: etf.BasisUnknown, is: func(header) bool { return true }},
}

func layoutNamed(name string) *layout {
	for _, l := range layouts {
		if l.name == name {
			return l
		}
	}
	return nil
}

func layoutNames() []string {
	names := make([]string, len(layouts))
	for i, l := range layouts {
		names[i] = l.name
	}
	return names
}

// columns holds the index of each role's column, -1 for none, and how many columns there are.
type columns struct {
	at    [roles]int
	count int
}

// newColumns places the roles. wrong says what is wrong with them, "" for nothing.
func newColumns(of []role) (c columns, wrong string) {
	c.count = len(of)
	for i := range c.at {
		c.at[i] = -1
	}
	for i, r := range of {
		switch {
		case r == ignored || (r == ticker && c.at[r] >= 0):
		case c.at[r] >= 0:
			return c, "two columns hold " + roleNames[r]
		default:
			c.at[r] = i
		}
	}
	var missing []string
	for r := date; r <= closing; r++ {
		if c.at[r] < 0 {
			missing = append(missing, roleNames[r])
		}
	}
	if missing != nil {
		return c, "no column holds " + strings.Join(missing, ", ")
	}
	return c, ""
}

// rolesOf returns the role of each of the header's names.
func (h header) rolesOf() []role {
	of := make([]role, len(h.keys))
	for i, key := range h.keys {
		of[i] = roleOf[key]
		if h.multi && key == "price" { // the first is the index, the second what yfinance calls Adj Close
			of[i] = adjClose
			if i == 0 {
				of[i] = date
			}
		}
	}
	return of
}
