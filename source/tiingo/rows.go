package tiingo

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// columns are the numbers of a row. All of them have to be there: a row without one is of another format, in which the others may mean
// something else.
var columns = []string{"open", "high", "low", "close", "volume", "adjOpen", "adjHigh", "adjLow", "adjClose", "adjVolume", "divCash", "splitFactor"}

// read fills the response from a list of rows.
func read(body []byte, cal *calendar.Calendar, window etf.Window, response *etf.Response) error {
	root, err := web.Decode(provider, body)
	if err != nil {
		return err
	}
	list, err := root.List()
	if err != nil {
		return err
	}
	rows := web.NewRows(provider, cal, window)
	acts := actions{covered: []etf.ActionKind{etf.Split, etf.Dividend}}
	for _, v := range list {
		dated, err := v.Field("date")
		if err != nil {
			return err
		}
		date, err := dated.Text()
		if err != nil {
			return err
		}
		numbers := make(map[string]string, len(columns))
		for _, name := range columns {
			f, err := v.Field(name)
			if err != nil {
				return err
			}
			if numbers[name], err = f.Number(); err != nil {
				return err
			}
		}
		session, in := rows.Add(web.Row{
			Where: v.Place, Show: func() string { return v.Show(etf.MaxDefectText) }, Date: calendarDate(date),
			Open: numbers["open"], High: numbers["high"], Low: numbers["low"], Close: numbers["close"], AdjClose: numbers["adjClose"], Volume: numbers["volume"],
		})
		if in {
			acts.split(v, session, numbers["splitFactor"])
			acts.dividend(v, session, numbers["divCash"])
		}
	}
	response.Defects = acts.defects
	if err := rows.Into(response); err != nil {
		return err
	}
	slices.SortStableFunc(acts.list, func(a, b etf.Action) int { return int(a.Ex - b.Ex) })
	response.Actions = acts.list
	if len(list) > 0 {
		response.Covers = acts.covered
	}
	return nil
}

// midnight is a calendar date in the costume of an instant: 2018-04-12T00:00:00+00:00, later 2023-02-10T00:00:00.000Z.
var midnight = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(T00:00:00(\.0+)?(Z|[+-]00:?00)?)?$`)

// calendarDate returns the date of a row, and text that is no date if it is anything but midnight in UTC: of an instant it is not known in which
// time zone its date is the session's.
func calendarDate(text string) string {
	if m := midnight.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return "not midnight: " + text
}

// actions collects what rows state besides prices. A row that does not say whether there was an action takes its kind out of covered.
type actions struct {
	list    []etf.Action
	covered []etf.ActionKind
	defects []etf.Defect
}

func (a *actions) split(v *web.Value, ex etf.Session, factor string) {
	n, d, ok := web.Ratio(factor)
	switch {
	case !ok:
		a.unreadable(v, ex, etf.Split, "splitFactor", factor)
	case n != d:
		a.add(etf.Action{Kind: etf.Split, Ex: ex, Numerator: n, Denominator: d})
	}
}

func (a *actions) dividend(v *web.Value, ex etf.Session, cash string) {
	p, err := etf.ParsePrice(cash)
	switch {
	case err != nil || p < 0:
		a.unreadable(v, ex, etf.Dividend, "divCash", cash)
	case p > 0:
		a.add(etf.Action{Kind: etf.Dividend, Ex: ex, Amount: p})
	}
}

// add leaves out the action of a row that is there twice.
func (a *actions) add(act etf.Action) {
	if !slices.Contains(a.list, act) {
		a.list = append(a.list, act)
	}
}

func (a *actions) unreadable(v *web.Value, ex etf.Session, kind etf.ActionKind, field, value string) {
	a.covered = slices.DeleteFunc(a.covered, func(k etf.ActionKind) bool { return k == kind })
	if value == "" {
		value = "null"
	}
	a.defects = append(a.defects, etf.Defect{Where: v.Place() + "." + field, Session: ex, Text: v.Show(etf.MaxDefectText), Side: true, Action: true,
		Reason: fmt.Sprintf("%s is %s: whether there was a %s is not known", field, etf.Clip(value, 40), kind)})
}
