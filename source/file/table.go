package file

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// table is a whole parsed file. len(bars) + len(defects) == rows.
type table struct {
	name      string
	layout    *layout
	basis     etf.Basis
	currency  etf.Currency
	header    string // as in the file, for messages
	delimiter byte
	columns   columns
	first     int // line of the first row

	rows    int
	bars    []etf.Bar
	lines   []int // line of each bar
	actions []etf.Action
	defects []defect

	priceless int // how many defects are merely rows without a price
}

// defect is a row that could not be read, with the readable rows around it.
type defect struct {
	etf.Defect
	before, after etf.Session // zero for none
	priceless     bool        // readable, but without a price
}

// parse reads a file. Errors are of KindCorrupt and name file and line. It has no side effects.
func parse(name string, body []byte, opt options) (*table, error) {
	if wrong, remedy := notText(body); wrong != "" {
		return nil, corrupt(name, 1, wrong, remedy)
	}
	t := &table{name: name}
	r := newLineReader(body)
	err := t.findHeader(r, opt)
	if r.rest == "" && !r.ended && !opt.lastLine {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Field: fmt.Sprintf("%s:%d", name, r.number), Message: "there is no complete header", Err: errUnfinished}
	}
	if err != nil {
		return nil, err
	}
	if opt.basis != "" {
		t.basis = opt.basis
	}
	if opt.currency != "" {
		t.currency = opt.currency
	}
	if err := t.readRows(r, len(body), opt); err != nil {
		return nil, err
	}
	if err := t.checkReadable(); err != nil {
		return nil, err
	}
	if err := t.checkFit(body); err != nil {
		return nil, err
	}
	t.sortAscending()
	return t, nil
}

func corrupt(name string, line int, wrong, remedy string) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: fmt.Sprintf("%s:%d", name, line), Message: wrong, Remedy: remedy}
}

func (t *table) readRows(r *lineReader, size int, opt options) error {
	t.bars = make([]etf.Bar, 0, min(size/48+1, etf.MaxResponseRows))
	t.lines = make([]int, 0, min(size/48+1, etf.MaxResponseRows))
	var fields []string
	var last etf.Session
	waiting := 0 // first defect whose following row is not known yet
	id := ""
	for {
		line, ok := r.next()
		if !ok {
			return nil
		}
		if t.hopeless() {
			return nil
		}
		t.rows++
		if t.rows > etf.MaxResponseRows {
			return corrupt(t.name, r.number, fmt.Sprintf("the file has more than %d rows, more than any ETF has sessions", etf.MaxResponseRows), "keep only the daily prices of one ETF in it")
		}
		if t.first == 0 {
			t.first = r.number
		}
		var row row
		var err error
		fields, err = t.split(line, fields)
		if !r.ended && !opt.lastLine {
			row, err = t.unfinishedRow(fields), errUnfinished
		} else if err == nil {
			row, err = t.parseRow(fields)
		}
		if err == nil && t.columns.at[ticker] >= 0 {
			switch current := fields[t.columns.at[ticker]]; {
			case id == "":
				id = current
			case current != "" && current != id:
				return corrupt(t.name, r.number, fmt.Sprintf("the file holds rows of %.20s and of %.20s", id, current), "keep one ETF per file")
			}
		}
		if err != nil {
			t.defects = append(t.defects, defect{
				Defect: etf.Defect{Where: fmt.Sprintf("%s:%d", t.name, r.number), Session: row.bar.Session, Text: strings.Clone(etf.Clip(line[:min(len(line), maxLine)], etf.MaxDefectText)) /* a substring would keep the whole file in memory */, Reason: err.Error(), NoPrice: row.priceless, Unfinished: err == errUnfinished}, //nolint:errorlint // set above, never wrapped
				before: last, priceless: row.priceless,
			})
			if row.priceless {
				t.priceless++
			}
			continue
		}
		last = row.bar.Session
		for ; waiting < len(t.defects); waiting++ {
			t.defects[waiting].after = last
		}
		t.bars = append(t.bars, row.bar)
		t.lines = append(t.lines, r.number)
		t.actions = append(t.actions, row.actions[:row.n]...)
	}
}

func (t *table) split(line string, fields []string) ([]string, error) {
	if len(line) > maxLine {
		return nil, fmt.Errorf("the line has %d bytes", len(line))
	}
	fields, err := splitFields(line, t.delimiter, fields)
	if err != nil {
		return fields, err
	}
	for len(fields) > t.columns.count && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	if len(fields) != t.columns.count {
		return fields, fmt.Errorf("%d fields under a header of %d", len(fields), t.columns.count)
	}
	return fields, nil
}

// hopeless reports whether there is no point in reading on: the file will be rejected.
func (t *table) hopeless() bool { return len(t.defects) >= etf.MaxResponseDefects }

// checkReadable rejects a file most of whose rows can't be read: its layout was misjudged.
func (t *table) checkReadable() error {
	unreadable := len(t.defects) - t.priceless
	if unreadable*2 <= t.rows && len(t.defects) < etf.MaxResponseDefects {
		return nil
	}
	d := t.defects[max(0, slices.IndexFunc(t.defects, func(d defect) bool { return !d.priceless }))]
	return &etf.Error{
		Kind: etf.KindCorrupt, Field: d.Where,
		Message: fmt.Sprintf("%d of the first %d rows can't be read under the header %q; the first: %s", unreadable, t.rows, etf.Clip(t.header, etf.MaxDefectText), d.Reason),
		Remedy:  "check the header and the delimiter, or name the columns in the reference",
	}
}

// sortAscending reverses a table that is newest first. Any other order is left for the validation rules to find.
func (t *table) sortAscending() {
	if len(t.bars) < 2 {
		return
	}
	for i := 1; i < len(t.bars); i++ {
		if t.bars[i].Session >= t.bars[i-1].Session {
			return
		}
	}
	slices.Reverse(t.bars)
	slices.Reverse(t.lines)
	slices.SortStableFunc(t.actions, func(a, b etf.Action) int { return cmp.Compare(a.Ex, b.Ex) })
}

// response adds the part of the table that lies in the window to r.
func (t *table) response(r etf.Response, w etf.Window) etf.Response {
	r.Basis, r.Currency = t.basis, t.currency
	n := 0
	for _, b := range t.bars {
		if w.Contains(b.Session) {
			n++
		}
	}
	r.Bars = make([]etf.Bar, 0, n)
	for _, b := range t.bars {
		if w.Contains(b.Session) {
			r.Bars = append(r.Bars, b)
		}
	}
	for _, a := range t.actions {
		if w.Contains(a.Ex) {
			r.Actions = append(r.Actions, a)
		}
	}
	for _, d := range t.defects {
		if d.in(w) {
			r.Defects = append(r.Defects, d.Defect)
			if d.Unfinished {
				r.Unfinished = d.Where + ": " + d.Reason
			}
		}
	}
	return r
}

func (d defect) in(w etf.Window) bool {
	if d.Session != 0 {
		return w.Contains(d.Session)
	}
	if d.before == 0 && d.after == 0 {
		return true
	}
	return (d.before != 0 && w.Contains(d.before)) || (d.after != 0 && w.Contains(d.after))
}
