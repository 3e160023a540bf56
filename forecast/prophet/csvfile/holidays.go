package csvfile

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// ReadHolidays reads a table of holidays from comma-separated text with the columns holiday and ds and, optionally,
// lower_window, upper_window (missing: 0) and prior_scale (missing: prophet.Options.HolidaysPriorScale). Other columns
// are ignored. Errors in the text are of KindInvalid and name column and line.
func ReadHolidays(r io.Reader) ([]prophet.Holiday, error) {
	out, _, err := ReadHolidayLines(r)
	return out, err
}

// ReadHolidayLines is ReadHolidays and also returns each holiday's line number.
func ReadHolidayLines(r io.Reader) ([]prophet.Holiday, []int, error) {
	t, err := openTable(r, "holiday", "holiday,ds,lower_window,upper_window,prior_scale")
	if err != nil {
		return nil, nil, err
	}
	if err := t.need("ds", "it holds the date of the holiday"); err != nil {
		return nil, nil, err
	}
	out, at := []prophet.Holiday{}, []int{}
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

// holiday parses the last row read.
func (t *table) holiday(record []string) (h prophet.Holiday, err error) {
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
		return h, t.invalid("prior_scale", at, fmt.Sprintf("%v is not a positive number", h.PriorScale), "use a number above 0, or leave it empty for the default")
	}
	return h, nil
}
