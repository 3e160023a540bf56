package service

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// entryColumns are the columns of a file of entries, those of the hubverse's model output. model_id may be added.
var entryColumns = []string{"origin_date", "horizon", "target", "target_end_date", "location", "output_type", "output_type_id", "value"}

const (
	entryTarget      = "close"
	columnOfEntrant  = "model_id"
	notApplicable    = "NA"
	maxEntryCSVLines = etf.MaxEntries * etf.MaxHorizon * 12 // nine levels, mean and median, and one to spare
)

// ReadEntriesCSV reads entries in the hubverse's columns, in any order: origin_date, horizon (in sessions), target ("close"),
// target_end_date (may be empty or NA), location (the symbol), output_type (quantile; mean and median with the ID NA),
// output_type_id and value. The column model_id may be added; without it, or if it is empty, model says who enters them.
// Rows of the same location and origin_date make an entry. It reads only the form: CheckEntries checks the rest. Its error joins
// everything that is wrong; fields name the line and the column ("line 7, value").
func ReadEntriesCSV(raw []byte, model string) (EntryRequest, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	r.ReuseRecord, r.TrimLeadingSpace = true, true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return EntryRequest{}, etf.Invalid("body", "the file is empty", "begin it with the line "+strings.Join(entryColumns, ","))
	}
	if err != nil {
		return EntryRequest{}, unreadableCSV(err)
	}
	t := entryTable{request: EntryRequest{Model: model}, column: map[string]int{}, entry: map[[2]string]int{}, point: map[[3]string]int{}, medians: map[[2]int]float64{}}
	if err := t.readHeader(header); err != nil {
		return EntryRequest{}, err
	}
	for {
		t.row, err = r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.problems = append(t.problems, unreadableCSV(err))
			break
		}
		t.line, _ = r.FieldPos(0)
		if t.line > maxEntryCSVLines {
			t.refuse("output_type", "the file has too many lines", fmt.Sprintf("send at most %d entries at once", etf.MaxEntries))
		}
		t.read()
		if len(t.problems) >= maxEntryProblems {
			break
		}
	}
	t.addMedians()
	if err := errors.Join(t.problems...); err != nil {
		return EntryRequest{}, err
	}
	return t.request, nil
}

func unreadableCSV(err error) error {
	var at *csv.ParseError
	if errors.As(err, &at) {
		return etf.Invalid(fmt.Sprintf("line %d", at.Line), "the line can't be read as CSV: "+at.Err.Error(), "write as many fields as the first line has, separated by commas")
	}
	return etf.Invalid("body", "the file can't be read as CSV", "write one line for each value, separated by commas")
}

// entryTable reads the rows of a file of entries.
type entryTable struct {
	request  EntryRequest
	column   map[string]int
	row      []string
	line     int
	entry    map[[2]string]int // by location and origin_date
	point    map[[3]string]int // and horizon
	medians  map[[2]int]float64
	problems []error
}

func (t *entryTable) refuse(column, message, remedy string) {
	t.problems = append(t.problems, etf.Invalid(fmt.Sprintf("line %d, %s", t.line, column), message, remedy))
}

// at returns the row's value in a column; "" for a column that the file does not have.
func (t *entryTable) at(column string) string {
	if i, ok := t.column[column]; ok {
		return strings.TrimSpace(t.row[i])
	}
	return ""
}

func (t *entryTable) readHeader(header []string) error {
	var problems []error
	for i, name := range header {
		name = strings.TrimSpace(name)
		field := "line 1, " + etf.Clip(name, etf.MaxQuoted)
		if _, twice := t.column[name]; twice {
			problems = append(problems, etf.Invalid(field, "the column is there twice", "keep one of them"))
		} else if name != columnOfEntrant && !slices.Contains(entryColumns, name) {
			problems = append(problems, etf.Invalid(field, "there is no such column", "use "+strings.Join(entryColumns, ", ")+" and, if you like, "+columnOfEntrant))
		}
		t.column[name] = i
	}
	for _, name := range entryColumns {
		if _, ok := t.column[name]; !ok {
			problems = append(problems, etf.Invalid("line 1, "+name, "the column is missing", "add it"))
		}
	}
	return errors.Join(problems...)
}

// read adds a row to the request.
func (t *entryTable) read() {
	if name := t.at(columnOfEntrant); name != "" && name != notApplicable {
		if t.request.Model == "" {
			t.request.Model = name
		}
		if name != t.request.Model {
			t.refuse(columnOfEntrant, fmt.Sprintf("the model is %q, not %q", etf.Clip(name, etf.MaxQuoted), etf.Clip(t.request.Model, etf.MaxQuoted)), "send each model's entries by themselves")
		}
	}
	if target := t.at("target"); target != entryTarget {
		t.refuse("target", fmt.Sprintf("%q is not forecast here", etf.Clip(target, etf.MaxQuoted)), "use "+entryTarget)
	}
	horizon, err := strconv.Atoi(t.at("horizon"))
	if err != nil {
		t.refuse("horizon", fmt.Sprintf("%q is not a number of sessions", etf.Clip(t.at("horizon"), etf.MaxQuoted)), fmt.Sprintf("use 1 to %d", etf.MaxHorizon))
		return
	}
	value, err := decimal(t.at("value"))
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		t.refuse("value", fmt.Sprintf("%q is not a number", etf.Clip(t.at("value"), etf.MaxQuoted)), "give a price")
		return
	}
	i, k := t.place(horizon)
	p := &t.request.Entries[i].Points[k]
	if target := t.at("target_end_date"); target != "" && target != notApplicable {
		if p.Target != "" && p.Target != target {
			t.refuse("target_end_date", fmt.Sprintf("%q is not %s, as in an earlier line of the same horizon", etf.Clip(target, etf.MaxQuoted), etf.Clip(p.Target, etf.MaxQuoted)), "correct one of them, or leave it out")
		}
		p.Target = target
	}
	id := t.at("output_type_id")
	twice := func() { t.refuse("output_type_id", "the value is given twice", "keep one of the lines") }
	switch kind := t.at("output_type"); kind {
	case "quantile":
		if _, known := p.Quantiles[id]; known {
			twice()
		}
		p.Quantiles[id] = value
	case "mean", "median":
		if id != "" && id != notApplicable {
			t.refuse("output_type_id", fmt.Sprintf("a %s has no %q", kind, etf.Clip(id, etf.MaxQuoted)), "write "+notApplicable)
		}
		_, median := t.medians[[2]int{i, k}]
		switch {
		case kind == "median" && median, kind == "mean" && p.Mean != nil:
			twice()
		case kind == "median":
			t.medians[[2]int{i, k}] = value
		default:
			p.Mean = &value
		}
	default:
		t.refuse("output_type", fmt.Sprintf("%q is not a type that is scored", etf.Clip(kind, etf.MaxQuoted)), "use quantile, mean or median")
	}
}

// decimal reads a number without the forms of Go's literals that other programs don't know (0x1p7, 1_000).
func decimal(text string) (float64, error) {
	if strings.ContainsAny(text, "xX_") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, 64)
}

// place returns the indexes of the row's entry and of its point.
func (t *entryTable) place(horizon int) (entry, point int) {
	of := [2]string{t.at("location"), t.at("origin_date")}
	i, known := t.entry[of]
	if !known {
		i = len(t.request.Entries)
		t.entry[of] = i
		t.request.Entries = append(t.request.Entries, NewEntry{Symbol: of[0], Origin: of[1]})
	}
	e := &t.request.Entries[i]
	at := [3]string{of[0], of[1], strconv.Itoa(horizon)}
	k, known := t.point[at]
	if !known {
		k = len(e.Points)
		t.point[at] = k
		e.Points = append(e.Points, EntryPoint{Horizon: horizon, Quantiles: map[string]float64{}})
	}
	return i, k
}

// addMedians makes each median the quantile 0.5, which it must not contradict.
func (t *entryTable) addMedians() {
	for i, e := range t.request.Entries {
		for k, p := range e.Points {
			median, given := t.medians[[2]int{i, k}]
			if !given {
				continue
			}
			same, at := true, "0.5"
			for text, v := range p.Quantiles {
				if level, err := decimal(text); err == nil && level == .5 {
					same, at = v == median, text
				}
			}
			if !same {
				t.problems = append(t.problems, etf.Invalid(fmt.Sprintf("entries[%d].points[%d].quantiles.%s", i, k, at),
					fmt.Sprintf("the median of %s from %s at horizon %d is not its quantile 0.5", etf.Clip(e.Symbol, etf.MaxQuoted), etf.Clip(e.Origin, etf.MaxQuoted), p.Horizon), "keep one of them"))
			}
			p.Quantiles[at] = median
		}
	}
}
