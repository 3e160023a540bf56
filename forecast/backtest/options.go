package backtest

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/forecast/combination"
)

// The defaults of etf.BacktestOptions, and the first origin.
const (
	FirstOrigin         = 750 // rows before the first origin, itself included
	DefaultOriginsEvery = 1
	DefaultRefitEvery   = 21
)

// DefaultHorizons returns the horizons that are measured if none are named.
func DefaultHorizons() []int { return []int{1, 5, 21} }

// DefaultModels returns the models that are measured if none are named: of those that the protocol names, the ones in the catalogue.
func DefaultModels() []string {
	known := catalogue.Names()
	return slices.DeleteFunc([]string{"drift", "ewma", "histsim", "ets", "theta", "garch", "prophet", combination.Name},
		func(name string) bool { return !slices.Contains(known, name) })
}

// Complete returns the options with zero fields replaced by the defaults, and the benchmark before the other models if it is not among
// them. Errors are of KindInvalid and name the field as the option of the command does: models, horizons, from, to, origins-every,
// refit-every.
func Complete(o etf.BacktestOptions) (etf.BacktestOptions, error) {
	if len(o.Models) == 0 {
		o.Models = DefaultModels()
	}
	if _, err := catalogue.New(o.Models); err != nil {
		return o, err
	}
	if !slices.Contains(o.Models, catalogue.Benchmark) {
		o.Models = append([]string{catalogue.Benchmark}, o.Models...)
	}
	if len(o.Horizons) == 0 {
		o.Horizons = DefaultHorizons()
	}
	o.Horizons = slices.Clone(o.Horizons)
	slices.Sort(o.Horizons)
	for i, h := range o.Horizons {
		if h < 1 || h > etf.MaxHorizon {
			return o, etf.Invalid("horizons", fmt.Sprintf("horizon %d is not measured", h), fmt.Sprintf("choose from 1 to %d sessions", etf.MaxHorizon))
		}
		if i > 0 && h == o.Horizons[i-1] {
			return o, etf.Invalid("horizons", fmt.Sprintf("horizon %d is named twice", h), "name each horizon once")
		}
	}
	if o.OriginsEvery == 0 {
		o.OriginsEvery = DefaultOriginsEvery
	}
	if o.RefitEvery == 0 {
		o.RefitEvery = DefaultRefitEvery
	}
	switch {
	case o.OriginsEvery < 1:
		return o, etf.Invalid("origins-every", fmt.Sprintf("%d is no number of sessions", o.OriginsEvery), "give 1 or more")
	case o.RefitEvery < 1:
		return o, etf.Invalid("refit-every", fmt.Sprintf("%d is no number of sessions", o.RefitEvery), "give 1 or more")
	case !o.From.IsZero() && !o.To.IsZero() && o.From > o.To:
		return o, etf.Invalid("from", fmt.Sprintf("the first origin %s is after the last, %s", o.From, o.To), "give an earlier date, or a later one for the last origin")
	}
	return o, nil
}

// Models returns the models whose forecasts Measure makes for complete options: all that are named but the combination, whose forecasts
// Assemble makes from theirs.
func Models(o etf.BacktestOptions) ([]forecast.Model, error) {
	list, err := catalogue.New(o.Models)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(m forecast.Model) bool {
		_, composite := m.(forecast.Composite)
		return composite
	}), nil
}
