package diagnostics

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/csvfile"
)

// Table is the result of a cross-validation: one row for each forecast, cutoff by cutoff, ascending in DS within each.
type Table struct {
	DS                   []prophet.Stamp
	Yhat                 []float64
	YhatLower, YhatUpper []float64 // nil where the model has no intervals
	Extra                []Column  // the further columns of the forecast that were requested
	Y                    []float64 // what was observed
	Cutoff               []prophet.Stamp
}

// Column is a named column of numbers.
type Column struct {
	Name   string
	Values []float64
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.DS) }

// columns returns the columns of numbers up to y, in the original's order.
func (t *Table) columns() []Column {
	out := []Column{{"yhat", t.Yhat}}
	if t.YhatLower != nil {
		out = append(out, Column{"yhat_lower", t.YhatLower})
	}
	if t.YhatUpper != nil {
		out = append(out, Column{"yhat_upper", t.YhatUpper})
	}
	out = append(out, t.Extra...)
	return append(out, Column{"y", t.Y})
}

// check checks that all columns are as long as DS.
func (t *Table) check() error {
	if len(t.Cutoff) != len(t.DS) {
		return etf.Invalid("cutoff", fmt.Sprintf("%d values for %d rows", len(t.Cutoff), len(t.DS)), "give one for each row")
	}
	for _, c := range t.columns() {
		if len(c.Values) != len(t.DS) {
			return etf.Invalid(c.Name, fmt.Sprintf("%d values for %d rows", len(c.Values), len(t.DS)), "give one for each row")
		}
	}
	return nil
}

// pick returns the rows of the given numbers, in that order.
func (t *Table) pick(index []int) *Table {
	numbers := func(x []float64) []float64 {
		if x == nil {
			return nil
		}
		out := make([]float64, len(index))
		for i, k := range index {
			out[i] = x[k]
		}
		return out
	}
	out := &Table{DS: make([]prophet.Stamp, len(index)), Cutoff: make([]prophet.Stamp, len(index)),
		Yhat: numbers(t.Yhat), YhatLower: numbers(t.YhatLower), YhatUpper: numbers(t.YhatUpper), Y: numbers(t.Y)}
	for i, k := range index {
		out.DS[i], out.Cutoff[i] = t.DS[k], t.Cutoff[k]
	}
	for _, c := range t.Extra {
		out.Extra = append(out.Extra, Column{c.Name, numbers(c.Values)})
	}
	return out
}

// WriteCSV writes the table as comma-separated text, with the original's columns in its order: ds, yhat, yhat_lower and
// yhat_upper if there are intervals, the extra columns, y, cutoff. Numbers are the shortest that read back to the same
// bits; a column of dates that are all midnights has no times of day.
func (t *Table) WriteCSV(w io.Writer) error {
	if err := t.check(); err != nil {
		return err
	}
	header := []string{"ds"}
	for _, c := range t.columns() {
		header = append(header, c.Name)
	}
	columns := t.columns()
	ds, cutoff := csvfile.StampLayout(t.DS), csvfile.StampLayout(t.Cutoff)
	return csvfile.WriteRows(w, append(header, "cutoff"), len(t.DS), func(line []byte, i int) []byte {
		line = t.DS[i].Time().AppendFormat(line, ds)
		for _, c := range columns {
			line = appendNumber(append(line, ','), c.Values[i])
		}
		return t.Cutoff[i].Time().AppendFormat(append(line, ','), cutoff)
	})
}

// appendNumber is csvfile.AppendNumber with infinities as pandas writes them.
func appendNumber(line []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(line, "inf"...)
	case math.IsInf(v, -1):
		return append(line, "-inf"...)
	}
	return csvfile.AppendNumber(line, v)
}

// ReadCSV reads a table as WriteCSV and the original's to_csv write it: columns ds, yhat, y and cutoff, in any order,
// yhat_lower and yhat_upper if there are intervals, and any others as extra columns. A column without a name, the index
// that pandas writes, is left out. Every row has a number in yhat, its bounds and y; extra columns may have gaps.
//
// Errors in the text are of KindInvalid and name column and line.
func ReadCSV(r io.Reader) (*Table, error) {
	records, err := csvfile.Open(r)
	if err != nil {
		return nil, err
	}
	records.ReuseRecord = true
	names, err := readHeader(records)
	if err != nil {
		return nil, err
	}
	in := &tableReader{records: records, names: names, values: make([][]float64, len(names)), table: Table{DS: []prophet.Stamp{}, Cutoff: []prophet.Stamp{}}}
	for i := range in.values {
		in.values[i] = []float64{}
	}
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			return in.whole(), nil
		}
		if err != nil {
			return nil, csvfile.ReadError(err)
		}
		if err := in.add(record); err != nil {
			return nil, err
		}
	}
}

// readHeader reads the names of the columns, "" for one without.
func readHeader(records *csv.Reader) ([]string, error) {
	const example = "begin with a line such as ds,yhat,yhat_lower,yhat_upper,y,cutoff"
	header, err := records.Read()
	if errors.Is(err, io.EOF) {
		return nil, etf.Invalid("ds", "the table is empty", example)
	}
	if err != nil {
		return nil, csvfile.ReadError(err)
	}
	names := make([]string, len(header))
	seen := map[string]bool{}
	for i, name := range header {
		names[i] = strings.TrimSpace(name)
		if names[i] != "" && seen[names[i]] {
			return nil, etf.Invalid(names[i], "two columns have this name", "remove one of them")
		}
		seen[names[i]] = true
	}
	for _, name := range []string{"ds", "yhat", "y", "cutoff"} {
		if !seen[name] {
			return nil, etf.Invalid(name, "the column is missing", example)
		}
	}
	return names, nil
}

// tableReader gathers the rows of a table.
type tableReader struct {
	records *csv.Reader
	names   []string
	values  [][]float64 // a column of numbers for each name
	table   Table
}

// add adds the row read last.
func (in *tableReader) add(record []string) error {
	for i, name := range in.names {
		text := strings.TrimSpace(record[i])
		switch name {
		case "":
		case "ds", "cutoff":
			s, err := prophet.ParseStamp(text)
			var bad *etf.Error
			if errors.As(err, &bad) {
				return etf.Invalid(in.field(i), bad.Message, bad.Remedy)
			}
			if err != nil {
				return err
			}
			if name == "ds" {
				in.table.DS = append(in.table.DS, s)
			} else {
				in.table.Cutoff = append(in.table.Cutoff, s)
			}
		default:
			v, err := number(text)
			if err == nil && math.IsNaN(v) && (name == "yhat" || name == "yhat_lower" || name == "yhat_upper" || name == "y") {
				err = errMissing
			}
			if err != nil {
				return etf.Invalid(in.field(i), fmt.Sprintf("%s: %v", quote(text), err), "write a number such as 1234.5")
			}
			in.values[i] = append(in.values[i], v)
		}
	}
	return nil
}

// field names a column of the row read last in errors.
func (in *tableReader) field(i int) string {
	line, _ := in.records.FieldPos(i)
	return fmt.Sprintf("%s, line %d", in.names[i], line)
}

// whole returns the table of all rows added.
func (in *tableReader) whole() *Table {
	t := &in.table
	for i, name := range in.names {
		x := in.values[i]
		switch name {
		case "", "ds", "cutoff":
		case "yhat":
			t.Yhat = x
		case "yhat_lower":
			t.YhatLower = x
		case "yhat_upper":
			t.YhatUpper = x
		case "y":
			t.Y = x
		default:
			t.Extra = append(t.Extra, Column{name, x})
		}
	}
	return t
}

var (
	errMissing  = errors.New("every row needs a number")
	errNoNumber = errors.New("not a number")
)

// number reads a finite decimal number; empty text is NaN.
func number(text string) (float64, error) {
	if slices.Contains([]string{"", "nan", "NaN", "NA", "null", "None"}, text) {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "xX_") {
		return 0, errNoNumber
	}
	return v, nil
}
