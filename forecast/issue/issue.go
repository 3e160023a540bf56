package issue

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/quality"
)

// Input is what models are fitted to and asked to predict.
type Input struct {
	Symbol etf.Symbol
	Origin etf.Session
	Basis  etf.Basis       // of the closes in Series
	Series forecast.Series // split-adjusted to the origin
	// Targets are the sessions after the series. The first Held of them are not after the origin, whose price is held: they
	// are predicted on the way to the others, but are no part of the forecast.
	Targets []etf.Session
	Held    int
}

// Made is what a model makes of an input, without its place, time and identity.
type Made struct {
	Points      []etf.ForecastPoint
	Tails       [][2]float64         // a pair for each point; nil for a model without tails
	Components  map[string][]float64 // by name, one value for each point; nil for a model without components
	Fit         []byte
	Diagnostics map[string]string
	ClosesHash  string    // of the rows that the model uses (forecast.ClosesHash)
	Scale       etf.Scale // of the same rows
	Volatility  float64   // of the same rows (forecast.Volatility)
	// Raw are the quantiles before calibration, a value for each point; nil if nothing was calibrated.
	Raw []etf.RawPoint
}

// Prepare builds the models' input from what is believed of the ETF's prices up to the origin. KindNotFound if the origin has no
// usable price and none of the etf.MaxHeld sessions before it can stand in, KindCorrupt if bars and splits contradict each other.
func Prepare(cal *calendar.Calendar, symbol etf.Symbol, exchange etf.Exchange, origin etf.Session, history etf.History) (Input, error) {
	bars := history.Bars
	held, err := skipped(cal, symbol, origin, history)
	if err != nil {
		return Input{}, err
	}
	targets, err := forecast.Targets(cal, bars[len(bars)-1].Session, held+etf.MaxHorizon)
	if err != nil {
		return Input{}, err
	}
	adjusted, err := quality.Adjust(bars, history.Splits, origin)
	if err != nil {
		// A contradiction in the stored data is not a lost race: reading again would find it again.
		if etf.KindOf(err) == etf.KindConflict {
			err = etf.Wrap(etf.KindCorrupt, err, "stored rows contradict each other")
		}
		return Input{}, fmt.Errorf("adjusting the prices of %s: %w", symbol, err)
	}
	series, err := forecast.NewSeries(cal, symbol, exchange, adjusted)
	if err != nil {
		return Input{}, fmt.Errorf("the series of %s: %w", symbol, err)
	}
	series.CalendarVersion = cal.Version()
	return Input{Symbol: symbol, Origin: origin, Basis: basisFitted(history), Series: series, Targets: targets, Held: held}, nil
}

// skipped is how many sessions before the origin the history ends: 0 unless the origin's price is held.
func skipped(cal *calendar.Calendar, symbol etf.Symbol, origin etf.Session, h etf.History) (int, error) {
	n := len(h.Bars)
	switch {
	case n > 0 && h.Bars[n-1].Session == origin:
		return 0, nil
	case !h.Held:
		return 0, etf.NotFound("session", fmt.Sprintf("%s has no usable price on %s", symbol, origin),
			"decide on that session's findings, then run it again")
	case n == 0:
		return 0, etf.NotFound("session", fmt.Sprintf("the price of %s on %s is held, and no earlier one is believed", symbol, origin),
			"wait for the next session, or decide on that session's findings (`etfcast finding list`)")
	}
	last := h.Bars[n-1].Session
	held := cal.Count(etf.Window{From: last + 1, To: origin})
	if held < 1 || held > etf.MaxHeld {
		return 0, etf.NotFound("session", fmt.Sprintf("the price of %s on %s is held, and the last believed one is of %s, %d sessions before",
			symbol, origin, last, held), "decide on the findings of the sessions between (`etfcast finding list`), then run the session again")
	}
	return held, nil
}

// basisFitted is the basis of the prices quality.Adjust returns: as-traded prices become split-adjusted, others stay.
func basisFitted(h etf.History) etf.Basis {
	if basis := h.Bars[0].Basis; basis != etf.AsTraded {
		return basis
	}
	return etf.SplitAdjusted
}

// Make fits the model to the input and predicts its targets. It is deterministic in the input, the model's parameters and the seed.
// Errors are the model's own, and KindInternal if it gives a forecast that breaks the rules of package forecast.
func Make(ctx context.Context, m forecast.Model, in Input, seed uint64) (Made, error) {
	fitted, err := Fit(ctx, m, in, seed)
	if err != nil {
		return Made{}, err
	}
	return Finish(m, fitted, in)
}

// Finish makes the forecast of a model that is fitted to the input.
func Finish(m forecast.Model, fitted forecast.Fitted, in Input) (Made, error) {
	made, err := Predict(fitted, in)
	if err != nil {
		return Made{}, err
	}
	if made.Fit, err = fitted.MarshalBinary(); err != nil {
		return Made{}, fmt.Errorf("writing the fit of %s: %w", in.Symbol, err)
	}
	used := in.Series.Tail(m.MaxRows())
	made.Diagnostics, made.ClosesHash, made.Scale = fitted.Diagnostics(), forecast.ClosesHash(used), forecast.ScaleOf(used.Close)
	made.Volatility = forecast.Volatility(used)
	return made, nil
}

// Fit fits the model to the input. The members of a composite have the seeds of their own forecasts, which depend on the origin, not on where
// the series ends.
func Fit(ctx context.Context, m forecast.Model, in Input, seed uint64) (forecast.Fitted, error) {
	fitted, err := fit(ctx, m, in, seed)
	if err != nil {
		return nil, fmt.Errorf("fitting %s: %w", in.Symbol, err)
	}
	return fitted, nil
}

func fit(ctx context.Context, m forecast.Model, in Input, seed uint64) (forecast.Fitted, error) {
	c, ok := m.(forecast.Composite)
	if !ok {
		return m.Fit(ctx, in.Series, seed, nil)
	}
	fits := make([]forecast.Fitted, len(c.Members()))
	for i, member := range c.Members() {
		var err error
		if fits[i], err = member.Fit(ctx, in.Series, forecast.Seed(in.Symbol, member.Name(), in.Origin), nil); err != nil {
			return nil, fmt.Errorf("member %s: %w", member.Name(), err)
		}
	}
	return c.Combine(fits)
}

// Predict returns the points, tails and components that a fit to the input gives, and nothing else.
func Predict(fitted forecast.Fitted, in Input) (Made, error) {
	points, err := fitted.Predict(in.Targets)
	if err != nil {
		return Made{}, fmt.Errorf("predicting %s: %w", in.Symbol, err)
	}
	points = slices.Clone(points[in.Held:])
	for i := range points {
		points[i].Horizon = i + 1
	}
	if err := forecast.Check(points); err != nil {
		return Made{}, fmt.Errorf("checking the forecast of %s: %w", in.Symbol, err)
	}
	made := Made{Points: points}
	if t, ok := fitted.(forecast.TailForecaster); ok {
		tails, err := t.Tails(in.Targets)
		if err != nil {
			return Made{}, fmt.Errorf("predicting the tails of %s: %w", in.Symbol, err)
		}
		made.Tails = slices.Clone(tails[min(in.Held, len(tails)):])
		if err := forecast.CheckTails(points, made.Tails); err != nil {
			return Made{}, fmt.Errorf("checking the tails of %s: %w", in.Symbol, err)
		}
	}
	if made.Components, err = components(fitted, in.Targets); err != nil {
		return Made{}, fmt.Errorf("decomposing the forecast of %s: %w", in.Symbol, err)
	}
	for name := range made.Components {
		made.Components[name] = made.Components[name][in.Held:]
	}
	return made, nil
}

// components returns the components of a model that has any, after checking that each has one finite value per target.
func components(fitted forecast.Fitted, targets []etf.Session) (map[string][]float64, error) {
	d, ok := fitted.(forecast.Decomposer)
	if !ok {
		return nil, nil
	}
	parts, err := d.Components(targets)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		bad := func(format string, args ...any) error {
			return &etf.Error{Kind: etf.KindInternal, Field: "components[" + strconv.Quote(name) + "]",
				Message: fmt.Sprintf(format, args...), Remedy: "report it as a bug in the model"}
		}
		if len(parts[name]) != len(targets) {
			return nil, bad("%d values for %d horizons", len(parts[name]), len(targets))
		}
		for i, v := range parts[name] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, bad("%v at horizon %d", v, i+1)
			}
		}
	}
	return parts, nil
}
