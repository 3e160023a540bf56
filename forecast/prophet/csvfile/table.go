package csvfile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// table reads comma-separated text whose first line names the columns.
type table struct {
	r     *csv.Reader
	names []string
	at    map[string]int
}

// openTable reads the header. first is a required column; example is a header to show in the remedy.
func openTable(r io.Reader, first, example string) (*table, error) {
	records, err := Open(r)
	if err != nil {
		return nil, err
	}
	t := &table{r: records, at: map[string]int{}}
	t.r.FieldsPerRecord = -1 // next checks it with a better message
	t.r.ReuseRecord = true
	header, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, etf.Invalid(first, "the CSV is empty", "begin with a line that names the columns, such as "+example)
	}
	if err != nil {
		return nil, ReadError(err)
	}
	for i, name := range header {
		name = strings.TrimSpace(name)
		t.names = append(t.names, name)
		if name == "" {
			continue // the index column that pandas writes has no name
		}
		if _, taken := t.at[name]; taken {
			return nil, t.invalid(quoteIfOdd(name), i, "two columns have this name", "remove or rename one of them")
		}
		t.at[name] = i
	}
	if err := t.need(first, "the first line must name the columns, separated by commas"); err != nil {
		if err.Remedy == addColumn {
			err.Remedy = "begin with a line such as " + example
		}
		return nil, err
	}
	return t, nil
}

// quoteIfOdd quotes names with unusual characters and leaves plain names unquoted.
func quoteIfOdd(name string) string {
	if q := quote(name); q != `"`+name+`"` {
		return q
	}
	return name
}

const addColumn = "add it to the CSV"

// need returns an error if a column is missing.
func (t *table) need(name, why string) *etf.Error {
	if _, ok := t.at[name]; ok {
		return nil
	}
	const nameLimit = 24 // characters of a name
	const listLimit = 80 // bytes of all names
	var have []string
	room := listLimit
	for _, n := range t.names {
		if strings.EqualFold(n, name) {
			return etf.Invalid(name, fmt.Sprintf("the column is missing: %s", why), fmt.Sprintf("rename the column %s", quote(n)))
		}
		q := strconv.Quote(etf.Clip(n, nameLimit))
		if room -= len(q) + 2; room >= 0 {
			have = append(have, q)
		}
	}
	if len(have) < len(t.names) {
		have = append(have, "...")
	}
	message := fmt.Sprintf("the column is missing: %s; the columns are %s", why, strings.Join(have, ", "))
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

// next returns the next row. It is valid until the next call.
func (t *table) next() ([]string, error) {
	record, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, ReadError(err)
	}
	if len(record) == len(t.names) {
		return record, nil
	}
	remedy := "write one field for each column; put a field that contains a comma between double quotes"
	message := fmt.Sprintf("%d fields for %d columns", len(record), len(t.names))
	if len(record) < len(t.names) {
		return nil, t.invalid(quoteIfOdd(t.names[len(record)]), 0, message, remedy)
	}
	return nil, t.invalid("after "+quoteIfOdd(t.names[len(t.names)-1]), len(t.names), message, remedy)
}

// invalid returns an error at a column of the last row read.
func (t *table) invalid(column string, at int, message, remedy string) *etf.Error {
	line, _ := t.r.FieldPos(at)
	return etf.Invalid(fmt.Sprintf("%s, line %d", column, line), message, remedy)
}

// stamp parses a date in the last row read.
func (t *table) stamp(record []string, column string) (prophet.Stamp, error) {
	at := t.at[column]
	text := strings.TrimSpace(record[at])
	if isMissing(text) {
		return 0, t.invalid(column, at, "the date is missing", "give every row a date, or remove the row")
	}
	s, err := prophet.ParseStamp(text)
	var bad *etf.Error
	if errors.As(err, &bad) {
		return 0, t.invalid(column, at, bad.Message, bad.Remedy)
	}
	return s, err
}

// number parses a number in the last row read; 0 if it is missing.
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

// days parses a whole number in the last row read; 0 if it is missing.
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

type problem struct{ message, remedy string }

// isMissing reports whether text stands for a missing value in a spelling that pandas accepts.
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

// parseNumber parses a number; NaN if it is missing.
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
	case strings.ContainsAny(text, "xX_"): // hexadecimal and underscores, which only Go accepts
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

// quote quotes text for a message and shortens long text.
func quote(text string) string {
	const longest = 60
	return strconv.Quote(etf.Clip(text, longest))
}
