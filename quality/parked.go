package quality

import (
	"slices"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// SplitSuspected is the rule for a level that changes as by a split that is not in force.
const SplitSuspected = ruleSplit

// Parked is the opposite of Freed: it returns the sessions of the bars in use that do not fit those before them, now that some
// splits have ended: all from the first such split on whose step is a usual move with the splits before, and is not with those
// after. bars are the ETF's stored bars, ascending, with at least their closes. last is the bar before them.
func Parked(x etf.Exchange, bars []etf.StoredBar, ended, before, after []etf.Action) (parked []etf.Session, last etf.StoredBar, err error) {
	cal, err := calendar.For(x)
	if err != nil {
		return nil, last, err
	}
	list := slices.DeleteFunc(slices.Clone(bars), func(b etf.StoredBar) bool { return b.Close <= 0 || !InUse(b) })
	if len(list) == 0 {
		return nil, last, nil
	}
	fits := func(actions []etf.Action) (func(int) bool, error) {
		adjusted, err := Adjust(list, actions, list[len(list)-1].Session)
		f := freeing{x: x, list: list, adjusted: adjusted, at: positions(cal, list)}
		return func(i int) bool { return f.usual(i-1, i) }, err
	}
	did, err := fits(before)
	if err != nil {
		return nil, last, err
	}
	does, err := fits(after)
	if err != nil {
		return nil, last, err
	}
	first := len(list)
	for _, a := range ended {
		i := slices.IndexFunc(list, func(b etf.StoredBar) bool { return b.Session >= a.Ex })
		if i > 0 && i < first && did(i) && !does(i) {
			first = i
		}
	}
	if first == len(list) {
		return nil, last, nil
	}
	for _, b := range list[first:] {
		parked = append(parked, b.Session)
	}
	return parked, list[first-1], nil
}
