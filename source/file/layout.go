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
	nav
	shares
	roles // how many there are
)

// roleNames are the names of roles in the option "columns".
var roleNames = [...]string{"-", "date", "open", "high", "low", "close", "adj_close", "volume", "dividend", "split", "capital_gain", "ticker", "nav", "shares"}

func roleNamed(name string) (role, bool) {
	i := slices.Index(roleNames[:], name)
	return role(i), i >= 0
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
	cells  []string // as written, trimmed
	keys   []string // reduced by headerKey, without what is in parentheses
	named  []name   // what the cells say
	asides []string // what is in parentheses, reduced by headerKey
	multi  bool     // the names take several lines, as in Yahoo's export
}

func (h header) has(key string) bool   { return slices.Contains(h.keys, key) }
func (h header) says(cell string) bool { return slices.Contains(h.cells, cell) }

// hasPercent reports whether a column holds percentages, such as "Change %".
func (h header) hasPercent() bool {
	return slices.ContainsFunc(h.cells, func(cell string) bool { return strings.Contains(cell, "%") })
}

// adjusted reports whether there is a column of adjusted closes.
func (h header) adjusted() bool { return slices.Contains(h.rolesOf(), adjClose) }

// adjustedLikeYahoo reports whether there is a column "Adj Close", perhaps with the mark of a footnote or an explanation.
func (h header) adjustedLikeYahoo() bool {
	return slices.ContainsFunc(h.cells, func(cell string) bool { return strings.HasPrefix(cell, "Adj Close") })
}

// layouts in the order they are tried; the last matches everything.
var layouts = []*layout{
	{name: "yahoo_export", basis: etf.SplitAdjusted, is: func(h header) bool { return h.multi && h.adjusted() }},
	{name: "yahoo_auto", basis: etf.BasisUnknown, is: func(h header) bool { return h.multi }},
	{name: "alphavantage", basis: etf.AsTraded, is: func(h header) bool { return slices.ContainsFunc(h.cells, numbered) || h.says("timestamp") }},
	{name: "tiingo", basis: etf.AsTraded, is: func(h header) bool { return h.has("adjclose") && h.has("divcash") && h.has("splitfactor") }},
	{name: "investing", basis: etf.BasisUnknown, is: func(h header) bool { return h.hasPercent() && !h.adjusted() }},
	{name: "naver", basis: etf.BasisUnknown, currency: "KRW", is: func(h header) bool { return h.has("종가") && h.has("전일비") }},
	{name: "krx", basis: etf.AsTraded, currency: "KRW", is: func(h header) bool { return h.has("종가") }},
	{name: "nasdaq", basis: etf.BasisUnknown, is: func(h header) bool { return h.has("closelast") }},
	{name: "stooq", basis: etf.TotalAdjusted, is: func(h header) bool {
		return h.says("<CLOSE>") || h.has("zamkniecie") || h.has("zamknięcie")
	}},
	{name: "eodhd", basis: etf.AsTraded, is: func(h header) bool { return h.says("Adjusted_close") }},
	{name: "yahoo", basis: etf.SplitAdjusted, is: func(h header) bool { return h.adjustedLikeYahoo() }},
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

// onlyCloses gives open, high and low the column of the close if a date and a close are all that there is of them; false if there is more or less.
func (c *columns) onlyCloses() bool {
	if c.at[date] < 0 || c.at[closing] < 0 || c.at[open] >= 0 || c.at[high] >= 0 || c.at[low] >= 0 {
		return false
	}
	c.at[open], c.at[high], c.at[low] = c.at[closing], c.at[closing], c.at[closing]
	return true
}

// rolesOf returns the role of each of the header's names. Of several columns with one role, those with the best rank have it.
func (h header) rolesOf() []role {
	of := make([]role, len(h.keys))
	var best [roles]int
	for _, n := range h.named {
		if n.role != ignored && (best[n.role] == 0 || n.rank < best[n.role]) {
			best[n.role] = n.rank
		}
	}
	var taken [roles]bool
	for i, n := range h.named {
		if n.rank == best[n.role] && !(n.role > closing && taken[n.role]) { // of two columns beside the prices, the first
			of[i] = n.role
			taken[n.role] = true
		}
		if h.multi && h.keys[i] == "price" { // the first is the index, the second what yfinance calls Adj Close
			of[i] = adjClose
		}
		if h.multi && i == 0 {
			of[i] = date
		}
	}
	// The index of a data frame has no name.
	if best[date] == 0 && len(h.cells) > 0 && (h.cells[0] == "" || h.keys[0] == "index" || h.keys[0] == "unnamed0") {
		of[0] = date
	}
	return of
}
