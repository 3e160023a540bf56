package file

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// table is a whole file read. len(bars) + len(defects) == rows.
type table struct {
	name      string
	layout    *layout
	basis     etf.Basis
	currency  etf.Currency
	header    string // as written, for messages
	delimiter byte
	columns   columns
	first     int // line of the first row

	rows    int
	bars    []etf.Bar
	lines   []int // of each bar
	actions []etf.Action
	defects []defect

	priceless int // defects that are only rows without a price
}

// defect is a row that could not be read, with the readable rows around it.
type defect struct {
	etf.Defect
	before, after etf.Session // zero for none
	priceless     bool        // readable, but without a price
}

// parse reads a file. Errors are of KindCorrupt and name file and line. It is a pure function.
func parse(name string, body []byte, opt options) (*table, error) {
	if wrong, remedy := notText(body); wrong != "" {
		return nil, corrupt(name, 1, wrong, remedy)
	}
	t := &table{name: name}
	r := newLineReader(body)
	if err := t.findHeader(r, opt); err != nil {
		return nil, err
	}
	if opt.basis != "" {
		t.basis = opt.basis
	}
	if opt.currency != "" {
		t.currency = opt.currency
	}
	if err := t.readRows(r, len(body)); err != nil {
		return nil, err
	}
	if err := t.checkReadable(); err != nil {
		return nil, err
	}
	if err := t.checkFit(body); err != nil {
		return nil, err
	}
	t.ascending()
	return t, nil
}

func corrupt(name string, line int, wrong, remedy string) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: fmt.Sprintf("%s:%d", name, line), Message: wrong, Remedy: remedy}
}

func (t *table) readRows(r *lineReader, size int) error {
	t.bars = make([]etf.Bar, 0, min(size/48+1, maxRows))
	t.lines = make([]int, 0, min(size/48+1, maxRows))
	var fields []string
	var last etf.Session
	waiting := 0 // defects that don't know the row after them
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
		if t.rows > maxRows {
			return corrupt(t.name, r.number, fmt.Sprintf("the file has more than %d rows, which no ETF has sessions for", maxRows), "keep only the daily prices of one ETF in it")
		}
		if t.first == 0 {
			t.first = r.number
		}
		var row row
		var err error
		if fields, err = t.split(line, fields); err == nil {
			row, err = t.parseRow(fields)
		}
		if err == nil && t.columns.at[ticker] >= 0 {
			switch own := fields[t.columns.at[ticker]]; {
			case id == "":
				id = own
			case own != "" && own != id:
				return corrupt(t.name, r.number, fmt.Sprintf("the file holds rows of %.20s and of %.20s", id, own), "keep one ETF in one file")
			}
		}
		if err != nil {
			t.defects = append(t.defects, defect{
				Defect: etf.Defect{Where: fmt.Sprintf("%s:%d", t.name, r.number), Session: row.bar.Session, Text: strings.Clone(etf.Clip(line[:min(len(line), maxLine)], etf.MaxDefectText)) /* a part would keep the whole file in memory */, Reason: err.Error(), NoPrice: row.priceless},
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

// hopeless reports that reading on is useless: the file will be refused.
func (t *table) hopeless() bool { return len(t.defects) >= maxDefects }

// maxRows and maxDefects bound the memory a file may take, and what its defects take where they are stored. A
// century has some 26,000 sessions; the rest is for files that repeat themselves.
const (
	maxRows    = 250_000
	maxDefects = 10_000
)

// checkReadable refuses a file most of whose rows can't be read: it is not the layout it was taken for.
func (t *table) checkReadable() error {
	unreadable := len(t.defects) - t.priceless
	if unreadable*2 <= t.rows && len(t.defects) < maxDefects {
		return nil
	}
	d := t.defects[max(0, slices.IndexFunc(t.defects, func(d defect) bool { return !d.priceless }))]
	return &etf.Error{
		Kind: etf.KindCorrupt, Field: d.Where,
		Message: fmt.Sprintf("%d of the first %d rows can't be read under the header %q, the first because of %s", unreadable, t.rows, etf.Clip(t.header, etf.MaxDefectText), d.Reason),
		Remedy:  "check the header and the delimiter, or name the columns in the reference",
	}
}

// ascending turns a file that is newest first. Any other order is left for the rules to find.
func (t *table) ascending() {
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

// answer is what of the table lies in the window.
func (t *table) answer(w etf.Window) etf.Response {
	a := etf.Response{Basis: t.basis, Currency: t.currency}
	n := 0
	for _, b := range t.bars {
		if w.Contains(b.Session) {
			n++
		}
	}
	a.Bars = make([]etf.Bar, 0, n)
	for _, b := range t.bars {
		if w.Contains(b.Session) {
			a.Bars = append(a.Bars, b)
		}
	}
	for _, act := range t.actions {
		if w.Contains(act.Ex) {
			a.Actions = append(a.Actions, act)
		}
	}
	for _, d := range t.defects {
		if d.in(w) {
			a.Defects = append(a.Defects, d.Defect)
		}
	}
	return a
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
