package prophet

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// CSVColumns says which columns a CSV has to have besides ds.
type CSVColumns struct {
	// Y asks for the column y: a history.
	Y bool
	// Needed are further columns by name: regressors, conditions, cap, floor.
	Needed []string
}

// CSVColumns returns the columns a model of these options takes from a CSV: a history (with y), or rows to forecast.
func (o Options) CSVColumns(history bool) CSVColumns {
	c := CSVColumns{Y: history}
	if o.Growth == Logistic {
		c.Needed = append(c.Needed, "cap")
	}
	for _, r := range o.Regressors {
		c.Needed = append(c.Needed, r.Name)
	}
	for _, s := range o.Seasonalities {
		if s.ConditionName != "" && !slices.Contains(c.Needed, s.ConditionName) {
			c.Needed = append(c.Needed, s.ConditionName)
		}
	}
	return c
}

// ReadCSV reads a frame from comma-separated text in UTF-8 whose first line names the columns: ds, y, cap, floor and
// any others. ds is what ParseStamp reads. Numbers have a decimal point; true and false are 1 and 0 except in y, cap
// and floor. Empty fields and NA, NaN, null, None are missing values, which only ds can't have. A column that is not
// asked for and is not made of numbers is left out, and so are columns without a name. See OpenCSV for the text.
//
// Errors of the text are of KindInvalid and name column and line.
func ReadCSV(r io.Reader, want CSVColumns) (*Frame, error) {
	t, err := openTable(r, "ds", "ds,y")
	if err != nil {
		return nil, err
	}
	if want.Y {
		if err := t.need("y", "it is what was observed"); err != nil {
			return nil, err
		}
	}
	for _, name := range want.Needed {
		if err := t.need(name, "the model asks for it"); err != nil {
			return nil, err
		}
	}
	f := &Frame{DS: []Stamp{}}
	dsAt := t.at["ds"]
	columns := make([]*numberColumn, 0, len(t.names))
	for i, name := range t.names {
		if name == "" || i == dsAt {
			continue
		}
		level := name == "y" || name == "cap" || name == "floor"
		columns = append(columns, &numberColumn{name: name, at: i, strict: level || slices.Contains(want.Needed, name), level: level, values: []float64{}})
	}
	for {
		record, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		s, err := t.stamp(record, "ds")
		if err != nil {
			return nil, err
		}
		f.DS = append(f.DS, s)
		for _, c := range columns {
			if err := c.add(t, record); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range columns {
		switch {
		case c.text:
		case c.name == "y":
			f.Y = c.values
		case c.name == "cap":
			f.Cap = c.values
		case c.name == "floor":
			f.Floor = c.values
		default:
			if f.Columns == nil {
				f.Columns = map[string][]float64{}
			}
			f.Columns[c.name] = c.values
		}
	}
	return f, nil
}

// numberColumn gathers a column of numbers.
type numberColumn struct {
	name   string
	at     int
	strict bool // text is an error; else the column is left out
	level  bool // y, cap or floor: true and false are text
	text   bool // something that is no number was met
	values []float64
}

func (c *numberColumn) add(t *table, record []string) error {
	if c.text {
		return nil
	}
	v, problem := parseNumber(record[c.at], !c.level)
	if problem != nil {
		if c.strict {
			return t.invalid(c.name, c.at, problem.message, problem.remedy)
		}
		c.text, c.values = true, nil
		return nil
	}
	c.values = append(c.values, v)
	return nil
}

type problem struct{ message, remedy string }

// isMissing reports whether text stands for a value that is not there, in the spellings pandas reads so.
func isMissing(text string) bool {
	if len(text) > 4 {
		return false
	}
	switch strings.ToLower(text) {
	case "", "na", "nan", "-nan", "null", "none", "n/a", "#n/a", "#na", "<na>", "nat":
		return true
	}
	return false
}

// parseNumber reads a number; NaN where it is missing.
func parseNumber(text string, truths bool) (float64, *problem) {
	text = strings.TrimSpace(text)
	if isMissing(text) {
		return math.NaN(), nil
	}
	if truths {
		switch text {
		case "true", "True", "TRUE":
			return 1, nil
		case "false", "False", "FALSE":
			return 0, nil
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case strings.ContainsAny(text, "xX_"): // Go's own notations
	case math.IsInf(v, 0):
		return 0, &problem{fmt.Sprintf("%s is infinite", quote(text)), "correct it, or leave it empty for a missing value"}
	case err == nil && !math.IsNaN(v):
		return v, nil
	}
	remedy := "write a number such as 1234.5, or leave it empty for a missing value"
	if strings.Contains(text, ",") {
		remedy = "write numbers with a decimal point and without separators, such as 1234.5"
	}
	return 0, &problem{fmt.Sprintf("%s is not a number", quote(text)), remedy}
}

// quote quotes text for a message, cut where it is long.
func quote(text string) string {
	const longest = 60
	return quoteShort(text, longest)
}

func quoteShort(text string, longest int) string {
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return strconv.Quote(text)
}

// maxRecord bounds a row, so that a file that is no CSV does not fill the memory.
const maxRecord = 1 << 20

const notText = "the text is not a CSV in UTF-8"

// OpenCSV returns a reader of comma-separated text in UTF-8, with or without a byte order mark, for this package and
// those beside it. Lines end with LF, CRLF or CR; within double quotes a line end is part of the field. Errors are of
// KindInvalid for what begins like something else (compressed data, UTF-16, other bytes that are not text); those of
// the reader returned are for CSVError.
func OpenCSV(r io.Reader) (*csv.Reader, error) {
	in := bufio.NewReader(r)
	const looked = 512
	start, err := in.Peek(looked)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading a CSV: %w", err)
	}
	begins := func(mark string) bool { return strings.HasPrefix(string(start), mark) }
	const save = "save it as CSV in UTF-8"
	switch {
	case begins("\xEF\xBB\xBF"):
		if _, err := in.Discard(3); err != nil {
			return nil, fmt.Errorf("reading a CSV: %w", err)
		}
	case begins("\xFF\xFE") || begins("\xFE\xFF"):
		return nil, etf.Invalid("line 1", "the text is in UTF-16", save)
	case begins("\x1F\x8B"):
		return nil, etf.Invalid("line 1", "it is compressed with gzip", "decompress it first")
	case begins("PK\x03\x04"):
		return nil, etf.Invalid("line 1", "it is a ZIP archive or a spreadsheet", save)
	case isBinary(start, len(start) == looked):
		return nil, etf.Invalid("line 1", notText, save)
	}
	return csv.NewReader(&lineEnds{r: in, line: 1}), nil
}

// isBinary reports whether the beginning of a file is not text: a zero byte, or control characters in what is not UTF-8.
func isBinary(start []byte, cut bool) bool {
	if slices.Contains(start, 0) {
		return true
	}
	if !slices.ContainsFunc(start, func(b byte) bool { return b < ' ' && !strings.ContainsRune("\t\n\v\f\r", rune(b)) }) {
		return false
	}
	for range utf8.UTFMax {
		if utf8.Valid(start) {
			return false
		}
		if !cut || len(start) == 0 {
			return true
		}
		start = start[:len(start)-1] // of a character that was cut
	}
	return true
}

// CSVError returns what to say of an error of OpenCSV's reader other than io.EOF: of KindInvalid, with the line, where
// the text is at fault.
func CSVError(err error) error {
	var bad *csv.ParseError
	var known *etf.Error
	switch {
	case errors.As(err, &known):
		return known
	case !errors.As(err, &bad):
		return fmt.Errorf("reading a CSV: %w", err)
	case errors.Is(bad, csv.ErrFieldCount):
		return etf.Invalid(fmt.Sprintf("line %d", bad.Line), "it has another number of fields than there are columns", "write one field for each column")
	}
	return etf.Invalid(fmt.Sprintf("line %d", bad.Line), "a double quote is not closed, or stands inside a field", "put the whole field between double quotes and double those within")
}

// lineEnds reads text with every CR outside double quotes that has no LF after it turned into LF, and refuses a row that
// is too long.
type lineEnds struct {
	r      *bufio.Reader
	quoted bool
	size   int // bytes of the row
	line   int
	err    error
}

// Read implements io.Reader.
func (l *lineEnds) Read(p []byte) (n int, err error) {
	// A read at a time of what is there already, so that it never waits with something to give.
	for n < len(p) && l.err == nil && (n == 0 || l.r.Buffered() > 0) {
		var b byte
		if b, l.err = l.r.ReadByte(); l.err != nil {
			break
		}
		if b == '\r' && !l.quoted {
			next, err := l.r.Peek(1)
			if len(next) == 0 || next[0] != '\n' {
				b = '\n'
			}
			if len(next) == 0 && !errors.Is(err, io.EOF) {
				l.err = err
			}
		}
		switch {
		case b == '"':
			l.quoted = !l.quoted
		case b == '\n' && !l.quoted:
			l.size = -1
		}
		if b == '\n' {
			l.line++
		}
		if l.size++; l.size > maxRecord {
			l.err = etf.Invalid(fmt.Sprintf("line %d", l.line), "a row is longer than 1 MB", "write one line for each row, and close double quotes")
			break
		}
		p[n] = b
		n++
	}
	if n > 0 {
		return n, nil
	}
	return 0, l.err
}

// table reads comma-separated text whose first line names the columns.
type table struct {
	r     *csv.Reader
	names []string
	at    map[string]int
}

// openTable reads the header. first is a column that has to be there, example a header for the remedy.
func openTable(r io.Reader, first, example string) (*table, error) {
	records, err := OpenCSV(r)
	if err != nil {
		return nil, err
	}
	t := &table{r: records, at: map[string]int{}}
	t.r.FieldsPerRecord = -1 // checked in next, which says more
	t.r.ReuseRecord = true
	header, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, etf.Invalid(first, "the CSV is empty", "begin with a line that names the columns, such as "+example)
	}
	if err != nil {
		return nil, CSVError(err)
	}
	for i, name := range header {
		name = strings.TrimSpace(name)
		t.names = append(t.names, name)
		if name == "" {
			continue // the index that pandas writes has no name
		}
		if _, taken := t.at[name]; taken {
			return nil, t.invalid(quoteIfOdd(name), i, "two columns have this name", "remove or rename one of them")
		}
		t.at[name] = i
	}
	if err := t.need(first, "the first line has to name the columns, separated by commas"); err != nil {
		if err.Remedy == addColumn {
			err.Remedy = "begin with a line such as " + example
		}
		return nil, err
	}
	return t, nil
}

// quoteIfOdd leaves plain names as they are.
func quoteIfOdd(name string) string {
	if q := quote(name); q != `"`+name+`"` {
		return q
	}
	return name
}

const addColumn = "add it to the CSV"

// need returns an error where a column is missing.
func (t *table) need(name, why string) *etf.Error {
	if _, ok := t.at[name]; ok {
		return nil
	}
	const lengthiest = 24 // of a name
	const longest = 80    // of all names
	var have []string
	room := longest
	for _, n := range t.names {
		if strings.EqualFold(n, name) {
			return etf.Invalid(name, fmt.Sprintf("the column is missing: %s", why), fmt.Sprintf("rename the column %s", quote(n)))
		}
		q := quoteShort(n, lengthiest)
		if room -= len(q) + 2; room >= 0 {
			have = append(have, q)
		}
	}
	if len(have) < len(t.names) {
		have = append(have, "...")
	}
	message := fmt.Sprintf("the column is missing: %s; there are %s", why, strings.Join(have, ", "))
	if all := strings.Join(t.names, ""); !utf8.ValidString(all) {
		return etf.Invalid(quoteIfOdd(name), notText+": "+message, "save it as CSV in UTF-8")
	}
	if len(t.names) == 1 {
		for _, c := range []struct{ separator, called string }{{";", "semicolons"}, {"\t", "tabs"}} {
			if strings.Contains(t.names[0], c.separator) {
				return etf.Invalid(quoteIfOdd(name), fmt.Sprintf("the column is missing: the first line has %s and no commas", c.called), "separate columns by commas, and write numbers with a decimal point")
			}
		}
	}
	return etf.Invalid(quoteIfOdd(name), message, addColumn)
}

// next returns the next row. It is valid until the call after.
func (t *table) next() ([]string, error) {
	record, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, CSVError(err)
	}
	if len(record) == len(t.names) {
		return record, nil
	}
	remedy := "write as many fields as columns; put a field with a comma in it between double quotes"
	message := fmt.Sprintf("%d fields for %d columns", len(record), len(t.names))
	if len(record) < len(t.names) {
		return nil, t.invalid(quoteIfOdd(t.names[len(record)]), 0, message, remedy)
	}
	return nil, t.invalid("after "+quoteIfOdd(t.names[len(t.names)-1]), len(t.names), message, remedy)
}

// invalid is an error at a column of the row read last.
func (t *table) invalid(column string, at int, message, remedy string) *etf.Error {
	line, _ := t.r.FieldPos(at)
	return etf.Invalid(fmt.Sprintf("%s, line %d", column, line), message, remedy)
}

// stamp reads a date of the row read last.
func (t *table) stamp(record []string, column string) (Stamp, error) {
	at := t.at[column]
	text := strings.TrimSpace(record[at])
	if isMissing(text) {
		return 0, t.invalid(column, at, "the date is missing", "give every row a date, or remove the row")
	}
	s, err := ParseStamp(text)
	var bad *etf.Error
	if errors.As(err, &bad) {
		return 0, t.invalid(column, at, bad.Message, bad.Remedy)
	}
	return s, err
}

// ReadHolidaysCSV reads a table of holidays from comma-separated text with the columns holiday and ds and, if they are
// there, lower_window, upper_window (missing: 0) and prior_scale (missing: Options.HolidaysPriorScale). Other columns
// are left out. Errors of the text are of KindInvalid and name column and line.
func ReadHolidaysCSV(r io.Reader) ([]Holiday, error) {
	out, _, err := ReadHolidayLines(r)
	return out, err
}

// ReadHolidayLines is ReadHolidaysCSV with the number of the line that each holiday is from.
func ReadHolidayLines(r io.Reader) ([]Holiday, []int, error) {
	t, err := openTable(r, "holiday", "holiday,ds,lower_window,upper_window,prior_scale")
	if err != nil {
		return nil, nil, err
	}
	if err := t.need("ds", "it is the date of the holiday"); err != nil {
		return nil, nil, err
	}
	out, at := []Holiday{}, []int{}
	for {
		record, err := t.next()
		if errors.Is(err, io.EOF) {
			return out, at, nil
		}
		if err != nil {
			return nil, nil, err
		}
		h, err := t.holiday(record)
		if err != nil {
			return nil, nil, err
		}
		line, _ := t.r.FieldPos(0)
		out, at = append(out, h), append(at, line)
	}
}

// holiday reads the row read last.
func (t *table) holiday(record []string) (h Holiday, err error) {
	h.Name = strings.TrimSpace(record[t.at["holiday"]])
	if isMissing(h.Name) {
		return h, t.invalid("holiday", t.at["holiday"], "the name is missing", "give every row a name")
	}
	if h.DS, err = t.stamp(record, "ds"); err != nil {
		return h, err
	}
	if h.LowerWindow, err = t.days(record, "lower_window"); err != nil {
		return h, err
	}
	if h.UpperWindow, err = t.days(record, "upper_window"); err != nil {
		return h, err
	}
	if h.PriorScale, err = t.number(record, "prior_scale"); err != nil {
		return h, err
	}
	if at, ok := t.at["prior_scale"]; ok && !(h.PriorScale > 0) && !isMissing(strings.TrimSpace(record[at])) {
		return h, t.invalid("prior_scale", at, fmt.Sprintf("%v is not above 0", h.PriorScale), "use a number above 0, or leave it empty for the default")
	}
	return h, nil
}

// number reads a number of the row read last; 0 where it is missing.
func (t *table) number(record []string, column string) (float64, error) {
	at, ok := t.at[column]
	if !ok {
		return 0, nil
	}
	v, problem := parseNumber(record[at], false)
	if problem != nil {
		return 0, t.invalid(column, at, problem.message, problem.remedy)
	}
	if math.IsNaN(v) {
		return 0, nil
	}
	return v, nil
}

// days reads a whole number of the row read last; 0 where it is missing.
func (t *table) days(record []string, column string) (int, error) {
	v, err := t.number(record, column)
	if err != nil {
		return 0, err
	}
	if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
		return 0, t.invalid(column, t.at[column], fmt.Sprintf("%v is not a whole number of days", v), "use days such as -1, 0 or 2")
	}
	return int(v), nil
}

// WriteCSV writes the forecast as comma-separated text, the original's columns in its order: ds, trend, cap and floor
// where the model has them, yhat_lower, yhat_upper, trend_lower, trend_upper, each component with its bounds, yhat.
// Numbers are the shortest that read back to the same bits; a missing one is empty. Dates are written as pandas would:
// all alike, without a time of day where all are midnights.
func (fc *Forecast) WriteCSV(w io.Writer) error { return fc.WriteCSVWithQuantiles(w, nil) }

// WriteCSVWithQuantiles is WriteCSV with the quantiles of PredictOptions.Levels after the other columns, each called
// yhat_q and its level: yhat_q0.05.
func (fc *Forecast) WriteCSVWithQuantiles(w io.Writer, levels []float64) error {
	if len(levels) != len(fc.Quantiles) && len(levels) > 0 {
		return etf.Invalid("levels", fmt.Sprintf("%d levels for %d quantiles", len(levels), len(fc.Quantiles)), "give those of the prediction")
	}
	names := fc.ColumnNames()
	columns := make([][]float64, len(names), len(names)+len(levels))
	for i, name := range names {
		if name != "ds" {
			columns[i] = fc.Column(name)
		}
	}
	for i, level := range levels {
		names = append(names, "yhat_q"+strconv.FormatFloat(level, 'f', -1, 64))
		columns = append(columns, fc.Quantiles[i])
	}
	for i, name := range names {
		if name != "ds" && len(columns[i]) != len(fc.DS) {
			return &etf.Error{Kind: etf.KindInternal, Field: name, Message: fmt.Sprintf("%d values for %d rows", len(columns[i]), len(fc.DS))}
		}
	}
	out := bufio.NewWriter(w)
	header := csv.NewWriter(out)
	if err := header.Write(names); err != nil {
		return fmt.Errorf("writing a CSV: %w", err)
	}
	header.Flush()
	layout := StampLayout(fc.DS)
	var line []byte
	for row, s := range fc.DS {
		line = line[:0]
		for i, x := range columns {
			if i > 0 {
				line = append(line, ',')
			}
			if x == nil {
				line = s.Time().AppendFormat(line, layout)
				continue
			}
			line = AppendNumber(line, x[row])
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("writing a CSV: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing a CSV: %w", err)
	}
	return nil
}

// StampLayout returns the time.Format layout in which all the stamps of a column are written: without a time of day
// where all are midnights, and with as many of 0, 3 or 6 digits of a second's fraction as one of them needs.
func StampLayout(ds []Stamp) string {
	layout := "2006-01-02"
	for _, s := range ds {
		switch {
		case s%(1000*Microsecond) != 0:
			return "2006-01-02 15:04:05.000000"
		case s%Second != 0:
			layout = "2006-01-02 15:04:05.000"
		case s%Day != 0 && len(layout) == len("2006-01-02"):
			layout = "2006-01-02 15:04:05"
		}
	}
	return layout
}

// AppendNumber appends v as the shortest decimal that reads back to the same bits, nothing where v is NaN.
func AppendNumber(line []byte, v float64) []byte {
	if math.IsNaN(v) {
		return line
	}
	if size := math.Abs(v); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.AppendFloat(line, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(line, v, 'f', -1, 64)
}
