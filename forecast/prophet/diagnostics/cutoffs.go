package diagnostics

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// maxCutoffs bounds the refits of one cross-validation: more can only mean a wrong unit in the period.
const maxCutoffs = 100_000

// Cutoffs returns the stamps up to which a history is refitted, ascending. The last one is the end of the history
// minus the horizon; the others come before it, one period apart, back to the first whose history is at least as long
// as initial. A cutoff with no row within the horizon after it moves back until the last row before it is the last of
// its horizon.
//
// ds are the stamps of the history, ascending; horizon, initial and period are above zero. Errors are of KindInvalid:
// a history that is shorter than the horizon, or that has no cutoff after initial.
func Cutoffs(ds []prophet.Stamp, horizon, initial, period prophet.Stamp) ([]prophet.Stamp, error) {
	for _, d := range []struct {
		name  string
		value prophet.Stamp
	}{{"horizon", horizon}, {"initial", initial}, {"period", period}} {
		if d.value <= 0 {
			return nil, etf.Invalid(d.name, "it is not above zero", `use a length of time such as "30 days"`)
		}
	}
	if len(ds) == 0 {
		return nil, etf.Invalid("ds", "the history has no rows", "fit the model to a history first")
	}
	if !slices.IsSorted(ds) {
		return nil, etf.Invalid("ds", "the history is not in ascending order", "sort it by ds")
	}
	first, last := ds[0], ds[len(ds)-1]
	span := last - first
	if horizon > span {
		return nil, etf.Invalid("horizon", fmt.Sprintf("%s is longer than the history, which is %s", describe(horizon), describe(span)), "use a shorter horizon, or a longer history")
	}
	if horizon > span-initial {
		return nil, etf.Invalid("initial", fmt.Sprintf("a history of %s is too short for a first window of %s and a horizon of %s", describe(span), describe(initial), describe(horizon)),
			"use a shorter initial or horizon")
	}
	// A period beyond the span ends the list in any case; capped, it does not overflow.
	period = min(period, span+1)
	var out []prophet.Stamp
	for c := last - horizon; c >= first+initial; {
		if len(out) == maxCutoffs {
			return nil, etf.Invalid("period", fmt.Sprintf("%s makes more than %d cutoffs", describe(period), maxCutoffs), "use a longer period")
		}
		out = append(out, c)
		c -= period
		next, _ := slices.BinarySearch(ds, c+1) // the first row after c
		if c > first && (next == len(ds) || ds[next] > c+horizon) {
			c = ds[next-1] - horizon
		}
	}
	slices.Reverse(out)
	return out, nil
}

// describe formats one duration for a message.
func describe(d prophet.Stamp) string { return FormatDurations([]prophet.Stamp{d})[0] }

// checkCutoffs checks given cutoffs as the original does.
func checkCutoffs(cutoffs, ds []prophet.Stamp, horizon prophet.Stamp) error {
	first, last := ds[0], ds[len(ds)-1]
	if horizon > last-first {
		return etf.Invalid("horizon", fmt.Sprintf("%s is longer than the history, which is %s", describe(horizon), describe(last-first)), "use a shorter horizon, or a longer history")
	}
	for i, c := range cutoffs {
		field := fmt.Sprintf("cutoffs[%d]", i)
		switch {
		case c <= first:
			return etf.Invalid(field, fmt.Sprintf("%s is not after the first row, %s", c, first), "use a later cutoff")
		case c > last-horizon:
			return etf.Invalid(field, fmt.Sprintf("%s is less than the horizon %s before the last row, %s", c, describe(horizon), last), "use an earlier cutoff, or a shorter horizon")
		}
	}
	return nil
}
