package file

import (
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// delimiters in the order they are tried.
const delimiters = ",;\t|"

// maxTitleLines bounds the lines tried as the header: title lines may come before it.
const maxTitleLines = 10

// findHeader reads up to and including the header, and sets the layout, the columns and the delimiter.
func (t *table) findHeader(r *lineReader, opt options) error {
	if opt.columns != nil {
		return t.findRows(r, opt)
	}
	var firstLine, nearest, problem string
	firstNumber, nearestNumber := 0, 0
	for range maxTitleLines {
		line, ok := r.next()
		if !ok {
			break
		}
		line = decodeHeader(line[:min(len(line), maxLine)])
		if firstLine == "" {
			firstLine, firstNumber = line, r.number
		}
		h, delimiter := readHeader(line)
		h.multi = len(h.keys) > 2 && h.keys[0] == "price" && h.has("close")
		of := h.rolesOf()
		cols, wrong := newColumns(of)
		if wrong == "" {
			t.header, t.delimiter, t.columns = line, delimiter, cols
			t.useLayout(h, opt)
			if h.multi {
				return t.skipExportLines(r)
			}
			return nil
		}
		if cols.at[date] >= 0 && problem == "" && (cols.at[closing] >= 0 || cols.at[open] >= 0 || cols.at[volume] >= 0) {
			nearest, nearestNumber, problem = line, r.number, wrong
		}
	}
	if problem != "" {
		return corrupt(t.name, nearestNumber, fmt.Sprintf("the header %q can't be used: %s", etf.Clip(nearest, etf.MaxDefectText), problem), "name the columns in the header or in the reference: columns=date,open,high,low,close,volume")
	}
	if h, _ := readHeader(firstLine); len(h.cells) > 0 {
		if _, err := parseDate(h.cells[0]); err == nil {
			return corrupt(t.name, firstNumber, fmt.Sprintf("there is no header; the first line is a row: %q", etf.Clip(firstLine, etf.MaxDefectText)), "add a header line, or name the columns in the reference: columns=date,open,high,low,close,volume")
		}
	}
	return corrupt(t.name, firstNumber, fmt.Sprintf("no header with date, open, high, low and close in the first lines, which begin with %q", etf.Clip(firstLine, etf.MaxDefectText)), "name the columns in the header or in the reference: columns=date,open,high,low,close,volume")
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
		known := 0
		keys := make([]string, len(fields))
		for j, f := range fields {
			keys[j] = headerKey(f)
			if roleOf[keys[j]] != ignored {
				known++
			}
		}
		if known > best {
			best, h, delimiter = known, header{cells: fields, keys: keys}, delimiters[i]
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
		case "ticker":
			for _, f := range fields[1:] {
				if f != fields[1] {
					return corrupt(t.name, r.number, fmt.Sprintf("the file holds columns of %.20s and of %.20s", fields[1], f), "export one ETF to one file")
				}
			}
		case "date", "datetime":
			return nil
		}
	}
	return corrupt(t.name, r.number, "no line beginning with Date follows the column names of this export", "export it again")
}

// findRows finds the first row of a file whose columns are named in the reference.
func (t *table) findRows(r *lineReader, opt options) error {
	t.columns, _ = newColumns(opt.columns) // checked when the reference was read
	t.layout = opt.layout
	if t.layout == nil {
		t.layout = layoutNamed("plain")
	}
	t.basis, t.currency = t.layout.basis, t.layout.currency
	names := make([]string, len(opt.columns))
	for i, c := range opt.columns {
		names[i] = roleNames[c]
	}
	t.header = strings.Join(names, ",")
	for range maxTitleLines {
		before := *r
		line, ok := r.next()
		if !ok {
			return nil
		}
		for i := range len(delimiters) {
			fields, err := splitFields(line, delimiters[i], nil)
			if err != nil || len(fields) != t.columns.count {
				continue
			}
			if _, err := parseDate(fields[t.columns.at[date]]); err == nil {
				t.delimiter = delimiters[i]
				*r = before
				return nil
			}
		}
	}
	return corrupt(t.name, r.number, fmt.Sprintf("none of the first %d lines is a row with the %d columns %s", maxTitleLines, t.columns.count, t.header), "correct columns= in the reference")
}
