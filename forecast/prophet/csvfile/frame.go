package csvfile

import (
	"errors"
	"io"
	"slices"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// Columns says which columns a CSV must have besides ds.
type Columns struct {
	// Y requires the column y, as in a history.
	Y bool
	// Needed are the names of other required columns: regressors, conditions, cap, floor.
	Needed []string
}

// ColumnsOf returns the columns a model with these options needs from a CSV: a history (with y) or rows to forecast.
func ColumnsOf(o prophet.Options, history bool) Columns {
	c := Columns{Y: history}
	if o.Growth == prophet.Logistic {
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

// ReadFrame reads a frame from comma-separated text in UTF-8 whose first line names the columns: ds, y, cap, floor and
// any others. ds is what prophet.ParseStamp reads. Numbers have a decimal point; true and false are 1 and 0 except in y, cap
// and floor. Empty fields and NA, NaN, null, None are missing values, allowed in every column but ds. Columns that are
// not required and hold something other than numbers are ignored, and so are columns without a name. See Open for the text.
//
// Errors in the text are of KindInvalid and name column and line.
func ReadFrame(r io.Reader, want Columns) (*prophet.Frame, error) {
	t, err := openTable(r, "ds", "ds,y")
	if err != nil {
		return nil, err
	}
	if want.Y {
		if err := t.need("y", "it holds the observed values"); err != nil {
			return nil, err
		}
	}
	for _, name := range want.Needed {
		if err := t.need(name, "the model needs it"); err != nil {
			return nil, err
		}
	}
	f := &prophet.Frame{DS: []prophet.Stamp{}}
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

// numberColumn collects a column of numbers.
type numberColumn struct {
	name   string
	at     int
	strict bool // text is an error; otherwise it makes the column ignored
	level  bool // y, cap or floor: true and false are not numbers
	text   bool // the column has a field that is not a number
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
