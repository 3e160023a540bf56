package file

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/etfcast/etfcast/etf"
)

// line is one line under the header, split but not read.
type line struct {
	text   string
	number int
	cells  []string // of the roles in table.used; nil if the line could not be split
	err    error    // why it could not
	cut    bool     // it has no line end, so it may be half-written
	note   bool     // text among the rows: it may be a title or a footer
	action string   // the words of a row that only states an action: "0.25 Dividend"
}

// maxFooterLines is how many lines of text may follow the rows, or stand between them and the header.
const maxFooterLines = 12

// collect splits the lines under the header. Nothing is read yet, because what a date or a number means depends on all of them.
func (t *table) collect(r *lineReader, opt options) error {
	for role := date; role < roles; role++ {
		t.slot[role] = -1
		if t.columns.at[role] >= 0 {
			t.slot[role] = len(t.used)
			t.used = append(t.used, role)
		}
	}
	interval := t.intervalColumn()
	size := min(len(r.rest)/48+1, etf.MaxResponseRows)
	t.raw = make([]line, 0, size)
	flat := make([]string, 0, size*len(t.used))
	var fields []string
	broken := 0
	for {
		text, ok := r.next()
		if !ok {
			break
		}
		if len(t.raw) == etf.MaxResponseRows {
			return corrupt(t.name, r.number, fmt.Sprintf("the file has more than %d rows, more than any ETF has sessions", etf.MaxResponseRows), "keep only the daily prices of one ETF in it")
		}
		l := line{text: text, number: r.number, cut: !r.ended && !opt.lastLine}
		var action string
		fields, action, l.err = t.splitRow(text, fields)
		if !l.cut && len(fields) > 0 && !startsLikeDate(fields, t.columns.at[date]) {
			skip, err := t.isHeaderLine(text, r.number)
			if err != nil {
				return err
			}
			if skip {
				continue
			}
			l.note = t.isNote(fields, l.err)
		}
		switch {
		case l.cut:
			if d := t.columns.at[date]; d < len(fields)-1 { // the date is whole if a delimiter follows it
				l.action = fields[d]
			}
		case action != "":
			l.action, l.err = action, nil
			l.cells = []string{fields[t.columns.at[date]]}
		case l.err == nil:
			start := len(flat)
			for _, role := range t.used {
				flat = append(flat, fields[t.columns.at[role]])
			}
			l.cells = flat[start:len(flat):len(flat)]
			if interval >= 0 && !daily(fields[interval]) {
				return corrupt(t.name, r.number, fmt.Sprintf("the rows are not daily: the column %s says %q", t.names.cells[interval], etf.Clip(fields[interval], 20)), "export daily prices")
			}
		case !l.note:
			if broken++; broken >= etf.MaxResponseDefects {
				t.raw = append(t.raw, l)
				return nil
			}
		}
		t.raw = append(t.raw, l)
	}
	t.dropNotes()
	return nil
}

// dropNotes removes lines of text before the first and after the last row; among the rows they stay, as rows that can't be read.
func (t *table) dropNotes() {
	end := len(t.raw)
	for end > 0 && t.raw[end-1].note {
		end--
	}
	if len(t.raw)-end <= maxFooterLines && end > 0 {
		t.raw = t.raw[:end]
	}
	start := 0
	for start < len(t.raw) && t.raw[start].note {
		start++
	}
	if start <= maxFooterLines && start < len(t.raw) {
		t.raw = t.raw[start:]
	}
}

// startsLikeDate reports whether the date column holds a date or at least begins with a digit; other lines are looked at closely.
func startsLikeDate(fields []string, at int) bool {
	return len(fields) > 1 && at < len(fields) && fields[at] != "" && (fields[at][0] >= '0' && fields[at][0] <= '9' || lexDate(fields[at]).kind != noDate)
}

// isNote reports whether a line is text rather than a row: a total, a source, the explanation of a mark.
func (t *table) isNote(fields []string, err error) bool {
	at := t.columns.at[date]
	filled, numbers := 0, 0
	for i, f := range fields {
		if f == "" {
			continue
		}
		filled++
		if _, ok := lexNumber(f); ok && i != at {
			numbers++
		}
	}
	if at < len(fields) && lexDate(fields[at]).kind != noDate {
		return false
	}
	first := ""
	if len(fields) > 0 {
		first = fields[min(at, len(fields)-1)]
	}
	if totals[headerKey(strings.ToLower(first))] {
		return true
	}
	return numbers < 4 && (err != nil || filled <= 2) && strings.IndexFunc(first+strings.Join(fields, ""), unicode.IsLetter) >= 0 &&
		(strings.IndexFunc(first, unicode.IsDigit) < 0 || filled == 1 || numbers == 0)
}

// totals are the first words of lines that sum up the rows.
var totals = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq("total totals sum average avg mean median max min maximum minimum highest lowest difference change count 합계 평균 최고 최저 총계 summe durchschnitt moyenne total media promedio 合计 平均 合計") {
		m[word] = true
	}
	return m
}()

// isHeaderLine reports whether a line among the rows repeats the header. One that names the columns in another order is an error.
func (t *table) isHeaderLine(text string, number int) (bool, error) {
	h, _ := readHeader(text)
	known := 0
	for _, n := range h.named {
		if n.role != ignored {
			known++
		}
	}
	if t.names.multi && len(h.keys) > 1 && (h.keys[0] == "ticker" || h.keys[0] == "date" && strings.Join(h.cells[1:], "") == "") {
		return true, nil
	}
	if known < 4 {
		return false, nil
	}
	h.multi = t.names.multi && len(h.keys) > 2
	if t.names.cells != nil && !slices.Equal(h.rolesOf(), t.names.rolesOf()) {
		return false, corrupt(t.name, number, fmt.Sprintf("another header stands among the rows, %q, and the columns differ", etf.Clip(text, etf.MaxDefectText)), "keep the rows of one export in the file")
	}
	return true, nil
}

// intervalColumn returns the column that says how far apart the rows are; -1 for none.
func (t *table) intervalColumn() int {
	if len(t.names.keys) != t.columns.count {
		return -1
	}
	return slices.IndexFunc(t.names.keys, func(key string) bool { return key == "per" || key == "interval" || key == "timeframe" })
}

func daily(interval string) bool {
	switch strings.ToLower(interval) {
	case "", "d", "1d", "day", "daily", "1day", "1 day", "24h", "1440", "일":
		return true
	}
	return false
}

// splitRow splits a row and joins a date that its own comma divides ("Sep 26, 2025"). action is set if the row states nothing but a
// corporate action.
func (t *table) splitRow(text string, fields []string) (_ []string, action string, err error) {
	if len(text) > maxLine {
		return fields[:0], "", fmt.Errorf("the line has %d bytes", len(text))
	}
	fields, err = splitFields(text, t.delimiter, fields)
	if err != nil {
		return fields, "", err
	}
	if d := t.columns.at[date]; t.delimiter == ',' && d+1 < len(fields) && fields[d] != "" && (fields[d][0] > '9' || len(fields[d]) <= 7) &&
		lexDate(fields[d]).kind == noDate && lexDate(fields[d]+", "+fields[d+1]).kind == monthName {
		fields[d] += ", " + fields[d+1]
		fields = slices.Delete(fields, d+1, d+2)
	}
	for len(fields) > t.columns.count && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	if c := t.columns.at[closing]; len(fields) != t.columns.count || c >= 0 && fields[c] == "" {
		if action := t.onlyAction(fields); action != "" {
			return fields, action, nil
		}
	}
	if len(fields) != t.columns.count {
		if t.delimiter == ',' && len(fields) > t.columns.count+3 {
			return fields, "", fmt.Errorf("%d fields under a header of %d; if the numbers have decimal commas, the file needs another separator", len(fields), t.columns.count)
		}
		return fields, "", fmt.Errorf("%d fields under a header of %d", len(fields), t.columns.count)
	}
	return fields, "", nil
}

// split is splitRow for callers who look for rows with prices.
func (t *table) split(text string, fields []string) ([]string, error) {
	fields, action, err := t.splitRow(text, fields)
	if err == nil && action != "" {
		err = errNoPrice
	}
	return fields, err
}

// onlyAction returns the words of a row that has a date and an action and nothing else, as on Yahoo's page.
func (t *table) onlyAction(fields []string) string {
	words := ""
	for i, f := range fields {
		if i == t.columns.at[date] || f == "" {
			continue
		}
		if words != "" {
			return ""
		}
		words = f
	}
	if words == "" || t.columns.at[date] >= len(fields) || actionKind(words) == "" {
		return ""
	}
	return words
}

func actionKind(words string) etf.ActionKind {
	lower := strings.ToLower(words)
	switch {
	case strings.IndexFunc(words, unicode.IsDigit) < 0:
		return ""
	case strings.Contains(lower, "split"):
		return etf.Split
	case strings.Contains(lower, "capital gain"):
		return etf.CapitalGain
	case strings.Contains(lower, "dividend"):
		return etf.Dividend
	}
	return ""
}

// parseAction reads "0.25 Dividend" or "4:1 Stock Splits".
func (t *table) parseAction(words string) (etf.Action, error) {
	kind := actionKind(words)
	value := strings.TrimFunc(words, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsSpace(r) || strings.ContainsRune("():-/", r)
	})
	if kind == etf.Split {
		num, den, err := parseRatio(value)
		if err != nil || num == 0 {
			return etf.Action{}, fmt.Errorf("%q is not a split", etf.Clip(words, 40))
		}
		return etf.Action{Kind: kind, Numerator: num, Denominator: den}, nil
	}
	amount, err := t.decimal.price(value)
	if err != nil || amount <= 0 {
		return etf.Action{}, fmt.Errorf("%q is not an amount per share", etf.Clip(words, 40))
	}
	return etf.Action{Kind: kind, Amount: amount}, nil
}

// eachCell calls f with every filled cell of a role.
func (t *table) eachCell(r role, f func(cell string)) {
	slot := t.slot[r]
	if slot < 0 {
		return
	}
	for i := range t.raw {
		if l := &t.raw[i]; slot < len(l.cells) && l.action == "" && !l.cut && !blank(l.cells[slot]) {
			f(l.cells[slot])
		}
	}
}

// eachOther calls f with every filled cell of the columns without a role.
func (t *table) eachOther(f func(cell string)) {
	var fields []string
	for i := range t.raw {
		l := &t.raw[i]
		if l.cells == nil || l.action != "" || l.cut {
			continue
		}
		fields, _ = splitFields(l.text, t.delimiter, fields)
		for at, cell := range fields {
			if !slices.Contains(t.columns.at[:], at) && !blank(cell) {
				f(cell)
			}
		}
	}
}
