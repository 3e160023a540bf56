package scoring

import (
	"slices"
	"sort"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/quality"
)

// Prices is what is and was believed about one ETF.
type Prices struct {
	Basis  etf.Basis          // of the bars
	Bars   []etf.BarState     // all states, ascending by session
	Splits []etf.StatedAction // all states of all statements about splits
}

// Actual returns the actual price of a forecast from the origin at the target, in the forecast's own shares. ok is false if there is
// none: no bar of the target is believed, the ETF did not trade in it, or the splits contradict each other.
//
// As-traded closes are multiplied by the numerator and divided by the denominator of every accepted split after the origin, up
// to the target. Closes on any other basis may have been restated since the forecast was made, so the actual price then is the
// base's close as it was known at the forecast's data version, times the return since then from the closes believed now.
// The base is the last session of the series that was fitted: the origin, or, if its price was held, f.Held sessions before.
func Actual(cal *calendar.Calendar, p Prices, f etf.Forecast, target etf.Session) (price float64, ok bool) {
	now, ok := p.current(target)
	if !ok || now.NoTrade || now.Close <= 0 {
		return 0, false
	}
	if p.Basis == etf.AsTraded {
		ratio, ok := p.ratio(f.Origin, target)
		return now.Close.Float() * ratio, ok
	}
	base, err := baseOf(cal, f)
	if err != nil {
		return 0, false
	}
	then, knew := p.at(base, f.DataVersion.Number)
	since, know := p.current(base)
	if !knew || !know || then.Close <= 0 || since.Close <= 0 {
		return 0, false
	}
	if then.Close == since.Close {
		return now.Close.Float(), true
	}
	return then.Close.Float() * now.Close.Float() / since.Close.Float(), true
}

// baseOf is the last session of the series that a forecast was fitted to.
func baseOf(cal *calendar.Calendar, f etf.Forecast) (etf.Session, error) {
	if f.Held == 0 {
		return f.Origin, nil
	}
	return cal.Nth(f.Origin, -f.Held)
}

// states returns the states of a session's bar.
func (p Prices) states(s etf.Session) []etf.BarState {
	from := sort.Search(len(p.Bars), func(i int) bool { return p.Bars[i].Session >= s })
	to := from
	for to < len(p.Bars) && p.Bars[to].Session == s {
		to++
	}
	return p.Bars[from:to]
}

// current returns the session's bar if it is believed now.
func (p Prices) current(s etf.Session) (etf.BarState, bool) {
	for _, b := range p.states(s) {
		if b.SupersededBy == 0 {
			return b, b.Believed
		}
	}
	return etf.BarState{}, false
}

// at returns the session's bar if it was believed at the data version.
func (p Prices) at(s etf.Session, version int64) (etf.BarState, bool) {
	for _, b := range p.states(s) {
		if b.At(version) {
			return b, b.Believed
		}
	}
	return etf.BarState{}, false
}

// ratio is how many of the target's shares one of the origin's has become. ok is false if two accepted splits of one day differ.
func (p Prices) ratio(origin, target etf.Session) (ratio float64, ok bool) {
	ratio = 1
	var counted []etf.StatedAction
	for _, a := range p.Splits {
		if a.SupersededBy != 0 || a.Status != etf.Accepted || a.Kind != etf.Split || a.Ex <= origin || a.Ex > target {
			continue
		}
		if a.Numerator <= 0 || a.Denominator <= 0 {
			return 0, false
		}
		if i := slices.IndexFunc(counted, func(c etf.StatedAction) bool { return c.Ex == a.Ex }); i >= 0 {
			if float64(counted[i].Numerator)*float64(a.Denominator) != float64(a.Numerator)*float64(counted[i].Denominator) {
				return 0, false
			}
			continue // another source states the same
		}
		counted = append(counted, a)
		ratio *= float64(a.Numerator) / float64(a.Denominator)
	}
	return ratio, true
}

// ScaleAt returns the scale of the closes a forecast was made from: those believed at its data version, up to the last session of
// the series fitted, split-adjusted as of the origin. It is zero if there are fewer than two, or they contradict each other.
func ScaleAt(cal *calendar.Calendar, p Prices, f etf.Forecast) etf.Scale {
	base, err := baseOf(cal, f)
	if err != nil {
		return etf.Scale{}
	}
	version := f.DataVersion.Number
	var bars []etf.StoredBar // newest first
	end := sort.Search(len(p.Bars), func(i int) bool { return p.Bars[i].Session > base })
	for i := end - 1; i >= 0 && len(bars) <= etf.ScaleSessions; i-- {
		b := p.Bars[i]
		if b.Believed && b.At(version) && (len(bars) == 0 || bars[len(bars)-1].Session > b.Session) {
			bars = append(bars, etf.StoredBar{Bar: etf.Bar{Session: b.Session, Close: b.Close, Volume: etf.VolumeUnknown}, Basis: p.Basis})
		}
	}
	slices.Reverse(bars)
	var splits []etf.Action
	for _, a := range p.Splits {
		if a.Status == etf.Accepted && a.DataVersion <= version && (a.SupersededBy == 0 || a.SupersededBy > version) {
			splits = append(splits, a.Action)
		}
	}
	adjusted, err := quality.Adjust(bars, splits, f.Origin)
	if err != nil {
		return etf.Scale{}
	}
	closes := make([]float64, len(adjusted))
	for i, b := range adjusted {
		closes[i] = b.Close.Float()
	}
	return forecast.ScaleOf(closes)
}
