package file

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// delimiters in the order they are tried.
const delimiters = ",;\t|"

// maxTitleLines bounds the lines tried as the header: title lines may come before it.
const maxTitleLines = 30

// findHeader reads up to and including the header, and sets the layout, the columns and the delimiter.
func (t *table) findHeader(r *lineReader, opt options) error {
	if opt.columns != nil {
		return t.findRows(r, opt)
	}
	var firstLine, nearest, problem string
	firstNumber, nearestNumber := 0, 0
	var unknown []string
	var under lineReader // the lines under the nearest header
	var tickers []string // of the line "Ticker,SPY,SPY" above the names
	for range maxTitleLines {
		line, ok := r.next()
		if !ok {
			break
		}
		line = line[:min(len(line), maxLine)]
		if firstLine == "" {
			firstLine, firstNumber = line, r.number
		}
		h, delimiter := readHeader(line)
		if len(h.keys) > 2 && h.keys[0] == "ticker" && h.cells[1] != "" {
			tickers = h.cells
		}
		h.multi = len(h.keys) > 2 && (h.keys[0] == "price" || h.cells[0] == "" && r.followedByTickers(delimiter)) && h.has("close")
		cols, wrong := newColumns(h.rolesOf())
		if wrong != "" && opt.closesOnly && cols.onlyCloses() {
			wrong = ""
		}
		if wrong == "" {
			t.setHeader(line, h, delimiter, cols)
			t.useLayout(h, opt)
			if wrong, remedy := t.readAsides(h); wrong != "" {
				return corrupt(t.name, r.number, wrong, remedy)
			}
			if h.multi {
				if len(tickers) > 1 {
					if other := otherTicker(tickers); other != "" {
						return t.twoETFs(r.number-1, tickers[1], other)
					}
				}
				return t.skipExportLines(r)
			}
			return nil
		}
		if len(tickers) > 1 && h.multiOf(tickers) {
			if other := otherTicker(tickers); other != "" {
				return t.twoETFs(r.number-1, tickers[1], other)
			}
		}
		if cols.at[date] >= 0 && problem == "" && (cols.at[closing] >= 0 || cols.at[open] >= 0 || cols.at[volume] >= 0) {
			nearest, nearestNumber, problem, under = line, r.number, wrong, *r
			unknown = h.unknown()
			t.setHeader(line, h, delimiter, cols)
		}
	}
	const remedy = "name the columns in the header or in the reference, each with its name or - for none: columns=date,open,high,low,close,volume"
	if problem != "" {
		if unknown != nil {
			problem += fmt.Sprintf(" (no meaning is known of %s)", strings.Join(unknown, ", "))
		}
		also, alsoRemedy := t.alsoWrong(&under, opt)
		return corrupt(t.name, nearestNumber, fmt.Sprintf("the header %q can't be used: %s%s", etf.Clip(nearest, etf.MaxDefectText), problem, also), remedy+alsoRemedy)
	}
	if h, _ := readHeader(firstLine); len(h.cells) > 0 && lexDate(h.cells[0]).kind != noDate {
		return corrupt(t.name, firstNumber, fmt.Sprintf("there is no header; the first line is a row: %q", etf.Clip(firstLine, etf.MaxDefectText)), "add a header line, or name the columns in the reference: columns=date,open,high,low,close,volume")
	}
	return corrupt(t.name, firstNumber, fmt.Sprintf("no header with date, open, high, low and close in the first lines, which begin with %q", etf.Clip(firstLine, etf.MaxDefectText)), remedy)
}

func (t *table) setHeader(line string, h header, delimiter byte, cols columns) {
	t.header, t.delimiter, t.columns, t.names = line, delimiter, cols, h
	t.eastAsian = eastAsianText(line)
	for _, n := range h.named {
		t.european = t.european || n.european
	}
}

// alsoWrong says what else is wrong with a file whose header can't be used, so that all of it can be mended at once.
func (t *table) alsoWrong(r *lineReader, opt options) (wrong, remedy string) {
	if err := t.collect(r, opt); err != nil {
		return "", ""
	}
	stamps, wrong, remedy := t.decide(opt)
	if wrong == "" {
		for i, st := range stamps {
			if l := &t.raw[i]; l.cells != nil && st.kind == noDate {
				wrong = fmt.Sprintf("column date: %q is not a date; write YYYY-MM-DD", etf.Clip(l.cells[0], 40))
				return "; " + wrong, ""
			}
		}
		return "", ""
	}
	return "; " + wrong, "; " + remedy
}

// unknown returns up to five of the names that say nothing, quoted.
func (h header) unknown() []string {
	var list []string
	for i, n := range h.named {
		if n.role == ignored && h.cells[i] != "" && len(list) < 5 {
			list = append(list, strconv.Quote(etf.Clip(h.cells[i], 40)))
		}
	}
	return list
}

// readAsides reads what stands in parentheses in the header: the unit of the volume and the currency.
func (t *table) readAsides(h header) (wrong, remedy string) {
	for r := open; r <= shares; r++ {
		i := t.columns.at[r]
		if i < 0 || i >= len(h.asides) || h.asides[i] == "" {
			continue
		}
		unit := headerUnits[h.asides[i]]
		switch {
		case r == volume:
			t.headerUnit = unit
		case unit != 0 && r != ticker:
			return fmt.Sprintf("the column %q is in another unit than one", etf.Clip(h.cells[i], 60)), "export it per share and in whole units of the currency"
		}
		for _, c := range currencySigns {
			if t.currency == "" && r <= closing && c.currency != "" && strings.EqualFold(h.asides[i], c.sign) {
				t.currency = c.currency
			}
		}
	}
	return "", ""
}

func otherTicker(cells []string) string {
	for _, c := range cells[1:] {
		if c != "" && c != cells[1] {
			return c
		}
	}
	return ""
}

// multiOf reports whether h is the second line of an export whose first names the tickers.
func (h header) multiOf(tickers []string) bool {
	return len(h.keys) == len(tickers) && (h.keys[0] == "price" || h.keys[0] == "") && h.has("close")
}

func (t *table) twoETFs(line int, a, b string) error {
	return corrupt(t.name, line, fmt.Sprintf("the file holds columns of %.20s and of %.20s", a, b), "export one ETF to one file")
}

// followedByTickers reports whether the next line names tickers under an index without a name, as an older export of yfinance does.
func (r *lineReader) followedByTickers(delimiter byte) bool {
	after := *r
	line, ok := after.next()
	if !ok {
		return false
	}
	fields, err := splitFields(line, delimiter, nil)
	if err != nil || len(fields) < 3 || fields[0] != "" || fields[1] == "" || fields[1] != fields[2] {
		return false
	}
	_, number := lexNumber(fields[1])
	return !number
}

// useLayout sets the layout, and with it the basis and the currency.
func (t *table) useLayout(h header, opt options) {
	t.layout = opt.layout
	for _, l := range layouts {
		if t.layout == nil && l.is(h) {
			t.layout = l
		}
	}
	t.basis, t.currency = t.layout.basis, t.layout.currency
}

// readHeader splits a line at the delimiter that yields the most known names.
func readHeader(line string) (h header, delimiter byte) {
	best := -1
	for i := range len(delimiters) {
		fields, err := splitFields(line, delimiters[i], nil)
		if err != nil {
			continue
		}
		for len(fields) > 1 && fields[len(fields)-1] == "" { // a trailing delimiter
			fields = fields[:len(fields)-1]
		}
		if i > 0 && len(fields) == 1 && best >= 0 {
			continue
		}
		known := 0
		next := header{cells: fields, keys: make([]string, len(fields)), named: make([]name, len(fields)), asides: make([]string, len(fields))}
		for j, f := range fields {
			next.named[j], next.keys[j], next.asides[j] = headerName(f)
			if next.named[j].role != ignored {
				known++
			}
		}
		if known > best {
			best, h, delimiter = known, next, delimiters[i]
		}
	}
	return h, delimiter
}

// skipExportLines reads the lines of Yahoo's export between the names and the rows: the tickers, and a line that names
// the index "Date".
func (t *table) skipExportLines(r *lineReader) error {
	for range 4 {
		line, ok := r.next()
		if !ok {
			break
		}
		fields, err := splitFields(line, t.delimiter, nil)
		if err != nil {
			break
		}
		switch headerKey(fields[0]) {
		case "ticker", "":
			if len(fields) > 1 {
				if other := otherTicker(fields); other != "" {
					return t.twoETFs(r.number, fields[1], other)
				}
			}
		case "date", "datetime":
			return nil
		}
	}
	return corrupt(t.name, r.number, "no line beginning with Date follows the column names of this export", "export it again")
}

// findRows finds the first row of a file whose columns are named in the reference, and the header above it, if there is one.
func (t *table) findRows(r *lineReader, opt options) error {
	t.columns, _ = newColumns(opt.columns) // checked when the reference was read
	t.layout = opt.layout
	if t.layout == nil {
		t.layout = layoutNamed("plain")
	}
	t.basis, t.currency = t.layout.basis, t.layout.currency
	list := make([]string, len(opt.columns))
	for i, c := range opt.columns {
		list[i] = roleNames[c]
	}
	t.header = strings.Join(list, ",")
	dated := "" // a value of the date column in a line with the right number of fields
	for range maxTitleLines {
		before := *r
		line, ok := r.next()
		if !ok {
			break
		}
		line = line[:min(len(line), maxLine)]
		if h, _ := readHeader(line); t.names.cells == nil && len(h.cells) == len(opt.columns) {
			if cols, _ := newColumns(h.rolesOf()); cols.at[closing] >= 0 {
				t.names = h
				t.eastAsian = eastAsianText(line)
				continue
			}
		}
		for i := range len(delimiters) {
			t.delimiter = delimiters[i]
			fields, err := t.split(line, nil)
			if err != nil {
				continue
			}
			if lexDate(fields[t.columns.at[date]]).kind != noDate {
				*r = before
				return nil
			}
			dated = fields[t.columns.at[date]]
		}
	}
	if dated != "" {
		return corrupt(t.name, r.number, fmt.Sprintf("none of the first %d lines has a date in its column %d of %d, which holds %q", r.number, t.columns.at[date]+1, t.columns.count, etf.Clip(dated, 40)),
			"write dates as YYYY-MM-DD, or correct columns= in the reference")
	}
	if r.number == 0 {
		return nil
	}
	return corrupt(t.name, r.number, fmt.Sprintf("none of the first %d lines is a row with the %d columns %s", r.number, t.columns.count, t.header), "correct columns= in the reference")
}
