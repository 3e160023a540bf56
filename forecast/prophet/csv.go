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
// asked for and is not made of numbers is left out, and so are columns without a name.
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
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return strconv.Quote(text)
}

// table reads comma-separated text whose first line names the columns.
type table struct {
	r     *csv.Reader
	names []string
	at    map[string]int
}

// openTable reads the header. first is a column that has to be there, example a header for the remedy.
func openTable(r io.Reader, first, example string) (*table, error) {
	in := bufio.NewReader(r)
	start, err := in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading a CSV: %w", err)
	}
	switch {
	case len(start) == 3 && string(start) == "\xEF\xBB\xBF":
		if _, err := in.Discard(3); err != nil {
			return nil, fmt.Errorf("reading a CSV: %w", err)
		}
	case len(start) >= 2 && (string(start[:2]) == "\xFF\xFE" || string(start[:2]) == "\xFE\xFF"):
		return nil, etf.Invalid("line 1", "the text is in UTF-16", "save it as CSV in UTF-8")
	}
	t := &table{r: csv.NewReader(in), at: map[string]int{}}
	t.r.FieldsPerRecord = -1 // checked in next, which says more
	t.r.ReuseRecord = true
	header, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, etf.Invalid(first, "the CSV is empty", "begin with a line that names the columns, such as "+example)
	}
	if err != nil {
		return nil, t.syntax(err)
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
	var have []string
	for _, n := range t.names {
		if len(have) == 10 {
			have = append(have, "...")
			break
		}
		if strings.EqualFold(n, name) {
			return etf.Invalid(name, fmt.Sprintf("the column is missing: %s", why), fmt.Sprintf("rename the column %s", quote(n)))
		}
		have = append(have, quote(n))
	}
	return etf.Invalid(quoteIfOdd(name), fmt.Sprintf("the column is missing: %s; there are %s", why, strings.Join(have, ", ")), addColumn)
}

// next returns the next row. It is valid until the call after.
func (t *table) next() ([]string, error) {
	record, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, t.syntax(err)
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

func (t *table) syntax(err error) error {
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return etf.Invalid(fmt.Sprintf("line %d", bad.Line), "a double quote is not closed, or stands inside a field", "put the whole field between double quotes and double those within")
	}
	return fmt.Errorf("reading a CSV: %w", err)
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
	t, err := openTable(r, "holiday", "holiday,ds,lower_window,upper_window,prior_scale")
	if err != nil {
		return nil, err
	}
	if err := t.need("ds", "it is the date of the holiday"); err != nil {
		return nil, err
	}
	out := []Holiday{}
	for {
		record, err := t.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		h := Holiday{Name: strings.TrimSpace(record[t.at["holiday"]])}
		if isMissing(h.Name) {
			return nil, t.invalid("holiday", t.at["holiday"], "the name is missing", "give every row a name")
		}
		if h.DS, err = t.stamp(record, "ds"); err != nil {
			return nil, err
		}
		if h.LowerWindow, err = t.days(record, "lower_window"); err != nil {
			return nil, err
		}
		if h.UpperWindow, err = t.days(record, "upper_window"); err != nil {
			return nil, err
		}
		if h.PriorScale, err = t.number(record, "prior_scale"); err != nil {
			return nil, err
		}
		if at, ok := t.at["prior_scale"]; ok && !(h.PriorScale > 0) && !isMissing(strings.TrimSpace(record[at])) {
			return nil, t.invalid("prior_scale", at, fmt.Sprintf("%v is not above 0", h.PriorScale), "use a number above 0, or leave it empty for the default")
		}
		out = append(out, h)
	}
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
func (fc *Forecast) WriteCSV(w io.Writer) error {
	names := fc.ColumnNames()
	columns := make([][]float64, len(names))
	for i, name := range names {
		if name == "ds" {
			continue
		}
		if columns[i] = fc.Column(name); len(columns[i]) != len(fc.DS) {
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
