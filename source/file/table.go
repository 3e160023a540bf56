package file

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// table is a whole parsed file. Every row is a bar, a defect or a row that only states an action:
// len(bars) + len(defects) + actionRows == rows.
type table struct {
	name      string
	layout    *layout
	basis     etf.Basis
	currency  etf.Currency
	header    string // as in the file, for messages
	names     header // the header of the file; without cells if there is none
	delimiter byte
	columns   columns
	eastAsian bool       // the header is Korean, Chinese or Japanese
	european  bool       // the header is in a language that writes decimal commas
	first     int        // line of the first row
	raw       []line     // the lines under the header
	used      []role     // the roles of a line's cells
	slot      [roles]int // the position of each role in used, -1 for none

	// What the whole file decides.
	dates      dateFormat
	location   *time.Location
	decimal    decimal
	unit       volumeUnit
	headerUnit float64     // of the volume, in the header; 0 for none
	level      etf.Price   // the last close read
	openless   bool        // a part of the file, and not single rows, has no opens
	newest     etf.Session // of all rows

	rows       int
	bars       []etf.Bar
	lines      []int // line of each bar
	navs       []etf.NAV
	actions    []etf.Action
	actionRows int
	defects    []defect
	side       []sideDefect

	priceless int // how many defects are merely rows without a price
}

// defect is a row that could not be read, with the readable rows around it.
type defect struct {
	etf.Defect
	before, after etf.Session // zero for none
	priceless     bool        // readable, but without a price
}

// sideDefect is a value beside the prices that could not be read.
type sideDefect struct {
	of      role
	line    int
	session etf.Session
	text    string
	why     string
}

// parse reads a file. Errors are of KindCorrupt and name file and line. It has no side effects.
func parse(name string, body []byte, opt options) (*table, error) {
	if wrong, remedy := notText(body); wrong != "" {
		return nil, corrupt(name, 1, wrong, remedy)
	}
	t := &table{name: name, location: opt.market.location()}
	r := newLineReader(decode(body))
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
	if err := t.collect(r, opt); err != nil {
		return nil, err
	}
	stamps, wrong, remedy := t.decide(opt)
	if wrong != "" {
		return nil, corrupt(name, t.first, wrong, remedy)
	}
	if err := t.readRows(stamps); err != nil {
		return nil, err
	}
	if err := t.checkReadable(); err != nil {
		return nil, err
	}
	if err := t.checkFit(); err != nil {
		return nil, err
	}
	t.sortAscending()
	return t, nil
}

// decide decides what dates and numbers mean, by the whole file. wrong names all that can't be decided.
func (t *table) decide(opt options) (stamps []stamp, wrong, remedy string) {
	if len(t.raw) > 0 {
		t.first = t.raw[0].number
	}
	stamps = make([]stamp, len(t.raw))
	known := make([]stamp, 0, len(t.raw)) // of whole lines
	at := make([]int, 0, len(t.raw))
	for i := range t.raw {
		l := &t.raw[i]
		switch {
		case l.cut:
			stamps[i] = lexDate(l.action)
		case l.cells != nil:
			stamps[i] = lexDate(l.cells[0])
			known = append(known, stamps[i])
			at = append(at, i)
		}
	}
	dates, wrongDates, remedyDates := decideDates(known, func(i int) string { return t.raw[at[i]].cells[0] }, opt)
	t.dates = dates
	wrong, remedy = t.decideDecimal(opt, dates, t.eachOther)
	if wrongDates != "" {
		name := roleNames[date]
		if i := t.columns.at[date]; i < len(t.names.cells) && t.names.cells[i] != "" {
			name = t.names.cells[i]
		}
		wrongDates = fmt.Sprintf("column %s: %s", etf.Clip(name, 40), wrongDates)
		if wrong == "" {
			return nil, wrongDates, remedyDates
		}
		return nil, wrongDates + "; " + wrong, remedyDates + "; " + remedy
	}
	if wrong != "" {
		return nil, wrong, remedy
	}
	t.decideVolume(opt)
	t.findLevel()
	t.findOpenless(stamps)
	return stamps, "", ""
}

// findOpenless looks for a part of the file that has all prices but the open.
func (t *table) findOpenless(stamps []stamp) {
	without := 0
	for i := range t.raw {
		l := &t.raw[i]
		if l.err != nil || l.cut || l.action != "" {
			continue
		}
		if s, ok := t.dates.session(stamps[i], t.location); ok && stamps[i].kind == t.dates.kind {
			t.newest = max(t.newest, s)
		}
		if blank(t.cell(l, open)) && !blank(t.cell(l, high)) && !blank(t.cell(l, low)) && !blank(t.cell(l, closing)) {
			without++
		}
	}
	const fewest = 10
	t.openless = without >= fewest
}

// findLevel sets the level to the first close that shows how it is to be read.
func (t *table) findLevel() {
	t.eachCell(closing, func(cell string) {
		if t.level != 0 {
			return
		}
		if n, ok := lexNumber(cell); ok && n.evidence() < showsEitherComma {
			if p, err := t.decimal.price(cell); err == nil && p > 0 {
				t.level = p
			}
		}
	})
}

func corrupt(name string, line int, wrong, remedy string) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: fmt.Sprintf("%s:%d", name, line), Message: wrong, Remedy: remedy}
}

func (t *table) readRows(stamps []stamp) error {
	t.bars = make([]etf.Bar, 0, len(t.raw))
	t.lines = make([]int, 0, len(t.raw))
	var last etf.Session
	waiting := 0 // first defect whose following row is not known yet
	id := ""
	for i := range t.raw {
		if t.hopeless() {
			return nil
		}
		t.rows++
		l := &t.raw[i]
		var r row
		err := l.err
		switch {
		case l.cut:
			// Only the date of a line that may be cut off is used, to place it. To the rules it is a row without a price: there is
			// nothing to decide, and the next version of the file has it.
			r, err = row{priceless: true}, errUnfinished
			if s, e := t.dates.read(stamps[i], l.action, t.location); e == nil {
				r.bar.Session = s
			}
		case l.action != "":
			var a etf.Action
			if a.Ex, err = t.dates.read(stamps[i], l.cells[0], t.location); err == nil {
				r.bar.Session = a.Ex
				ex := a.Ex
				if a, err = t.parseAction(l.action); err == nil {
					a.Ex = ex
					t.actions = append(t.actions, a)
					t.actionRows++
					continue
				}
			}
			r.priceless = true
		case err == nil:
			r, err = t.parseRow(l, stamps[i])
		}
		if err == nil && t.columns.at[ticker] >= 0 {
			switch current := t.cell(l, ticker); {
			case id == "":
				id = current
			case current != "" && current != id:
				return corrupt(t.name, l.number, fmt.Sprintf("the file holds rows of %.20s and of %.20s", id, current), "keep one ETF per file")
			}
		}
		if err == nil || r.priceless {
			t.actions = append(t.actions, r.actions[:r.n]...)
			if r.nav.NAV != 0 || r.nav.Shares > 0 {
				t.navs = append(t.navs, r.nav)
			}
		}
		if err != nil {
			t.defects = append(t.defects, defect{
				Defect: etf.Defect{Where: fmt.Sprintf("%s:%d", t.name, l.number), Session: r.bar.Session, Text: strings.Clone(etf.Clip(l.text[:min(len(l.text), maxLine)], etf.MaxDefectText)) /* a substring would keep the whole file in memory */, Reason: err.Error(), NoPrice: r.priceless, Unfinished: l.cut},
				before: last, priceless: r.priceless,
			})
			if r.priceless {
				t.priceless++
			}
			continue
		}
		last = r.bar.Session
		for ; waiting < len(t.defects); waiting++ {
			t.defects[waiting].after = last
		}
		t.bars = append(t.bars, r.bar)
		t.lines = append(t.lines, l.number)
	}
	return nil
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
	reasons := d.Reason
	for _, other := range t.defects { // one reason of each column, so that all of them can be mended at once
		column, _, found := strings.Cut(other.Reason, ":")
		if found && !other.priceless && strings.HasPrefix(column, "column ") && !strings.Contains(reasons, column+":") {
			reasons += "; " + other.Reason
		}
	}
	return &etf.Error{
		Kind: etf.KindCorrupt, Field: d.Where,
		Message: fmt.Sprintf("%d of the first %d rows can't be read under the header %q; the first: %s", unreadable, t.rows, etf.Clip(t.header, etf.MaxDefectText), reasons),
		Remedy:  "check the header and the delimiter, or name the columns in the reference: columns=date,open,high,low,close,volume",
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
	slices.SortStableFunc(t.navs, func(a, b etf.NAV) int { return cmp.Compare(a.Session, b.Session) })
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
	seen := map[etf.Action]bool{} // a row that comes twice states its action once
	for _, a := range t.actions {
		if w.Contains(a.Ex) && !seen[a] {
			seen[a] = true
			r.Actions = append(r.Actions, a)
		}
	}
	for _, n := range t.navs {
		if w.Contains(n.Session) {
			r.NAVs = append(r.NAVs, n)
		}
	}
	unread := t.sideDefects(&r, w)
	for _, c := range [...]struct {
		of    role
		kinds []etf.ActionKind
	}{{dividend, []etf.ActionKind{etf.Dividend, etf.SpecialDividend}}, {split, []etf.ActionKind{etf.Split}}, {capitalGain, []etf.ActionKind{etf.CapitalGain}}} {
		if t.columns.at[c.of] >= 0 && !unread[c.of] {
			r.Covers = append(r.Covers, c.kinds...)
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

// sideDefects adds to r one defect for each column beside the prices of which values in the window could not be read, and
// returns those columns.
func (t *table) sideDefects(r *etf.Response, w etf.Window) (unread [roles]bool) {
	var count, firstOf [roles]int
	for i, d := range t.side {
		if !w.Contains(d.session) {
			continue
		}
		if count[d.of] == 0 {
			firstOf[d.of] = i
		}
		count[d.of]++
	}
	for of, n := range count {
		if n == 0 {
			continue
		}
		unread[of] = true
		d := t.side[firstOf[of]]
		text := fmt.Sprintf("column %s: %s", roleNames[of], d.why)
		if n > 1 {
			text = fmt.Sprintf("column %s: %d values can't be read and are left out; the first: %s", roleNames[of], n, d.why)
		}
		r.Defects = append(r.Defects, etf.Defect{Where: fmt.Sprintf("%s:%d", t.name, d.line), Session: d.session, Text: strings.Clone(etf.Clip(d.text, etf.MaxDefectText)), Reason: text, NoPrice: true, Side: true,
			Action: role(of) == dividend || role(of) == split || role(of) == capitalGain})
	}
	return unread
}
