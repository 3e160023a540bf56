package backtest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/scoring"
	"github.com/etfcast/etfcast/quality"
)

const (
	fans      = 4  // forecasts of a model and an ETF that are drawn
	fanBefore = 60 // closes before a fan's origin, itself included
)

// Measure makes an ETF's part for complete options: from each origin, the forecasts of every model, scored at the horizons that have an
// actual price. progress may be nil; it is called with the origins done, over all models, and their total.
//
// A model is estimated at its first origin, then at the first origin that is o.RefitEvery rows or more after the last estimation, and
// at the first origin on or after the ex-date of a split; between, it is carried on (forecast.Filterer), and a model that can't be is
// estimated at every origin. A model whose fit fails has no forecast from that origin and is fitted again at the next.
//
// Errors are of KindInvalid: the history is too short (Field "rows"), or no origin lies between o.From and o.To, or none that the longest horizon has a
// target from (Field "from"); of KindConflict: splits contradict each other; and ctx's.
func Measure(ctx context.Context, in Input, models []forecast.Model, o etf.BacktestOptions, progress forecast.Progress) (Part, error) {
	h, err := newHistory(in, o)
	if err != nil {
		return Part{}, err
	}
	part := Part{ETF: h.describe(in)}
	models = slices.DeleteFunc(slices.Clone(models), func(m forecast.Model) bool {
		_, composite := m.(forecast.Composite)
		return composite
	})
	for i, m := range models {
		report := func(done int) {
			if progress != nil {
				progress(i*len(h.origins)+done, len(models)*len(h.origins))
			}
		}
		if err := h.measure(ctx, m, o, &part, report); err != nil {
			return Part{}, fmt.Errorf("measuring %s on %s: %w", m.Name(), in.Symbol, err)
		}
	}
	return part, nil
}

// history is what all models see of an ETF.
type history struct {
	in       Input
	cal      forecast.Calendar
	sessions []etf.Session
	steps    []int
	prices   scoring.Prices
	origins  []int // rows
	targets  int   // that a model predicts
	// The closes in the shares of each time between two splits: closes[k] are those known from row since[k] on. A split that is not known
	// yet does not change them, so that every series is the beginning of one of them.
	since  []int
	closes [][]float64
	// Of every row that is an origin, as most models see it.
	volatility []float64
	scale      []etf.Scale
}

// longest is the longest horizon. Horizons are ascending.
func longest(o etf.BacktestOptions) int { return o.Horizons[len(o.Horizons)-1] }

func newHistory(in Input, o etf.BacktestOptions) (*history, error) {
	h := &history{in: in, cal: in.Calendar, targets: longest(o)}
	n := len(in.Bars)
	for _, b := range in.Bars {
		h.sessions = append(h.sessions, b.Session)
	}
	if h.cal == nil {
		h.cal = Dates(h.sessions)
	}
	if need := FirstOrigin + longest(o) + 1; n < need {
		return nil, etf.Invalid("rows", fmt.Sprintf("%s has %d rows, and a backtest up to horizon %d needs %d: %d up to the first origin and %d after it", in.Symbol, n, longest(o), need,
			FirstOrigin, longest(o)+1), "give a longer history")
	}
	last := n - 1 - o.Horizons[0]
	for i := FirstOrigin - 1; i <= last; i++ {
		s := h.sessions[i]
		if s < o.From || !o.To.IsZero() && s > o.To {
			continue
		}
		if k := len(h.origins); k == 0 || i-h.origins[k-1] >= o.OriginsEvery {
			h.origins = append(h.origins, i)
		}
	}
	if len(h.origins) == 0 {
		return nil, etf.Invalid("from", fmt.Sprintf("no session of %s from %s to %s can be an origin: they run from %s to %s", in.Symbol, orDash(o.From), orDash(o.To),
			h.sessions[FirstOrigin-1], h.sessions[last]), "give other dates for the first or last origin")
	}
	if at := n - 1 - longest(o); h.origins[0] > at {
		return nil, etf.Invalid("from", fmt.Sprintf("%s ends before the target of any forecast %d sessions ahead: its first origin is %s", in.Symbol, longest(o), h.sessions[h.origins[0]]),
			fmt.Sprintf("give a first origin up to %s, or shorter horizons", h.sessions[at]))
	}
	if err := h.adjust(); err != nil {
		return nil, err
	}
	h.prices = scoring.Prices{Basis: in.Basis}
	for _, b := range in.Bars {
		h.prices.Bars = append(h.prices.Bars, etf.BarState{Session: b.Session, Close: b.Close, NoTrade: b.NoTrade(), Believed: true, DataVersion: 1})
	}
	for _, a := range in.Splits {
		h.prices.Splits = append(h.prices.Splits, etf.StatedAction{Action: a, Status: etf.Accepted, DataVersion: 1})
	}
	h.volatility, h.scale = make([]float64, n), make([]etf.Scale, n)
	for _, i := range h.origins {
		s := h.series(i)
		h.volatility[i], h.scale[i] = forecast.Volatility(s), forecast.ScaleOf(s.Close)
	}
	return h, nil
}

func orDash(s etf.Session) string {
	if s.IsZero() {
		return "-"
	}
	return s.String()
}

// adjust fills in closes and steps.
func (h *history) adjust() error {
	bars := make([]etf.StoredBar, len(h.in.Bars))
	for i, b := range h.in.Bars {
		bars[i] = etf.StoredBar{Bar: b, Basis: h.in.Basis}
	}
	h.since = []int{0}
	if h.in.Basis == etf.AsTraded {
		for _, a := range h.in.Splits {
			if a.Kind == etf.Split {
				i, _ := slices.BinarySearch(h.sessions, a.Ex)
				h.since = append(h.since, i)
			}
		}
		slices.Sort(h.since)
		h.since = slices.Compact(h.since)
	}
	for k, from := range h.since {
		to := len(bars)
		if k+1 < len(h.since) {
			to = h.since[k+1]
		}
		if from >= to {
			h.closes = append(h.closes, nil)
			continue
		}
		adjusted, err := quality.Adjust(bars[:to], h.in.Splits, h.sessions[to-1])
		if err != nil {
			return fmt.Errorf("adjusting the prices of %s: %w", h.in.Symbol, err)
		}
		s, err := forecast.NewSeries(h.cal, h.in.Symbol, h.in.Exchange, adjusted)
		if err != nil {
			return fmt.Errorf("the series of %s: %w", h.in.Symbol, err)
		}
		h.closes, h.steps = append(h.closes, s.Close), s.Steps // the last ones are of all rows, unless the last split has no row after it
	}
	if len(h.steps) < len(bars) {
		s, err := forecast.NewSeries(h.cal, h.in.Symbol, h.in.Exchange, h.in.Bars)
		if err != nil {
			return fmt.Errorf("the series of %s: %w", h.in.Symbol, err)
		}
		h.steps = s.Steps
	}
	return nil
}

// regime is the number of the time between two splits that row i is in.
func (h *history) regime(i int) int {
	k, found := slices.BinarySearch(h.since, i)
	if !found {
		k--
	}
	return k
}

// series is what is known at row i. It shares memory with all others: its capacity ends with it.
func (h *history) series(i int) forecast.Series {
	n := i + 1
	return forecast.Series{
		Symbol: h.in.Symbol, Exchange: h.in.Exchange, Origin: h.sessions[i],
		Sessions: h.sessions[:n:n], Close: h.closes[h.regime(i)][:n:n], Steps: h.steps[:n:n],
	}
}

func (h *history) describe(in Input) etf.BacktestETF {
	n := len(h.sessions)
	return etf.BacktestETF{
		ETF: in.Symbol, Exchange: in.Exchange, Source: in.Source, Rows: n, From: h.sessions[0], To: h.sessions[n-1],
		ClosesHash: forecast.ClosesHash(h.series(n - 1)), Origins: len(h.origins), Accepted: in.Accepted,
	}
}

// manyRows is a window from which on Volatility and Scale don't depend on the rows before it.
const manyRows = 1000

// measure adds one model's forecasts to the part.
func (h *history) measure(ctx context.Context, m forecast.Model, o etf.BacktestOptions, part *Part, report func(done int)) error {
	var fit forecast.Fitted
	fitted, regime := 0, 0 // the row of the last estimation, and its time between splits
	failed, why := 0, ""
	fail := func(origin etf.Session, err error) {
		if failed++; why == "" {
			why = fmt.Sprintf("%s: %v", origin, err)
		}
		fit = nil
	}
	drawn := fanPlaces(len(h.origins))
	for place, row := range h.origins {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := h.series(row)
		if c, ok := fit.(forecast.Filterer); ok && row-fitted < o.RefitEvery && h.regime(row) == regime {
			next, err := c.Filter(ctx, s.Tail(tail(m, row-fitted)))
			if err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
			if fit = next; err != nil {
				fit = nil // it is estimated instead
			}
		} else {
			fit = nil
		}
		if fit == nil {
			var err error
			fit, err = m.Fit(ctx, s.Tail(m.MaxRows()), forecast.Seed(s.Symbol, m.Name(), s.Origin), nil)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				fail(s.Origin, err)
				continue
			}
			fitted, regime = row, h.regime(row)
		}
		targets, err := forecast.Targets(h.cal, s.Origin, h.targets)
		if err != nil {
			return err
		}
		points, tails, err := predict(fit, targets)
		if err != nil {
			fail(s.Origin, err)
			continue
		}
		volatility, scale := h.volatility[row], h.scale[row]
		if used := m.MaxRows(); used > 0 && used < manyRows {
			own := s.Tail(used)
			volatility, scale = forecast.Volatility(own), forecast.ScaleOf(own.Close)
		}
		for _, horizon := range o.Horizons {
			p := points[horizon-1]
			actual, ok := scoring.Actual(nil, h.prices, etf.Forecast{Origin: s.Origin, DataVersion: etf.DataVersion{Number: 1}}, p.Target)
			if !ok {
				continue
			}
			out := Outcome{
				Model: m.Name(), Horizon: horizon, Origin: s.Origin, Target: p.Target, Actual: actual, Mean: p.Mean,
				Raw: etf.RawPoint{Quantiles: p.Quantiles}, Volatility: volatility, Scale: scale,
			}
			if tails != nil {
				out.Raw.Tails = tails[horizon-1]
			}
			part.Outcomes = append(part.Outcomes, out)
		}
		if slices.Contains(drawn, place) {
			part.Fans = append(part.Fans, h.fan(m.Name(), s, points, tails))
		}
		report(place)
	}
	report(len(h.origins))
	if failed > 0 {
		if part.ETF.Failed == nil {
			part.ETF.Failed = map[string]string{}
		}
		part.ETF.Failed[m.Name()] = fmt.Sprintf("%d of %d origins without a forecast; the first: %s", failed, len(h.origins), why)
	}
	return nil
}

// tail is how many rows a fit that is carried on sees: those that it was fitted to and those since. 0 means all.
func tail(m forecast.Model, since int) int {
	if m.MaxRows() == 0 {
		return 0
	}
	return m.MaxRows() + since
}

// predict returns a fit's points and tails, after the checks that a forecast passes before it is stored; nil tails for a model without.
func predict(fit forecast.Fitted, targets []etf.Session) ([]etf.ForecastPoint, [][2]float64, error) {
	points, err := fit.Predict(targets)
	if err != nil {
		return nil, nil, err
	}
	if err := forecast.Check(points); err != nil {
		return nil, nil, err
	}
	t, ok := fit.(forecast.TailForecaster)
	if !ok {
		return points, nil, nil
	}
	tails, err := t.Tails(targets)
	if err != nil {
		return nil, nil, err
	}
	return points, tails, forecast.CheckTails(points, tails)
}

// fanPlaces are the places, among n origins, that are drawn: evenly spread, the last one included.
func fanPlaces(n int) []int {
	var places []int
	for k := 1; k <= fans; k++ {
		if i := int(math.Round(float64(n*k)/fans)) - 1; i >= 0 {
			places = append(places, i)
		}
	}
	return slices.Compact(places)
}

// fan is a forecast to be drawn, with the closes around its origin in the origin's shares.
func (h *history) fan(model string, s forecast.Series, points []etf.ForecastPoint, tails [][2]float64) etf.BacktestFan {
	f := etf.BacktestFan{ETF: s.Symbol, Model: model, Origin: s.Origin, Points: slices.Clone(points), Tails: slices.Clone(tails)}
	before := s.Tail(fanBefore)
	for i, session := range before.Sessions {
		f.Before = append(f.Before, etf.BacktestClose{Session: session, Close: before.Close[i]})
	}
	for _, p := range points {
		if actual, ok := scoring.Actual(nil, h.prices, etf.Forecast{Origin: s.Origin, DataVersion: etf.DataVersion{Number: 1}}, p.Target); ok {
			f.After = append(f.After, etf.BacktestClose{Session: p.Target, Close: actual})
		}
	}
	return f
}
