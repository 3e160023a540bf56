package prophet

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// PredictOptions are the options of a prediction. The zero value gives the original's results.
type PredictOptions struct {
	// NoIntervals leaves out the intervals, as UncertaintySamples 0 does.
	NoIntervals bool
	// NoTrendIntervals leaves out only trend_lower and trend_upper, whose quantiles cost as much as those of yhat.
	NoTrendIntervals bool
	// Levels are ascending probabilities in (0,1); Forecast.Quantiles has the quantiles of y at these levels.
	Levels []float64
	// Samples is the number of simulated paths; 0 = Options.UncertaintySamples.
	Samples int
	// Seed of the simulation; nil = Options.Seed.
	Seed *uint64
	// Slow simulates future rate changes at their exact times (the original's vectorized=False). Without it they happen at
	// the rows, which are assumed to be evenly spaced.
	Slow bool
}

// rowsOf prepares a frame for prediction; nil means the history.
func (f *Fitted) rowsOf(frame *Frame) (*rows, error) {
	if frame == nil {
		h := &f.s.History
		r := &rows{ds: h.DS, t: h.T, ys: h.YScaled, limit: h.CapScaled, floor: h.Floor, frame: &h.Frame, conditions: map[string][]float64{}}
		for _, g := range f.s.Regressors {
			r.regressors = append(r.regressors, h.Columns[g.Name])
		}
		for _, s := range f.s.Seasonalities {
			if s.ConditionName != "" {
				r.conditions[s.ConditionName] = h.Columns[s.ConditionName]
			}
		}
		return r, nil
	}
	if frame.Len() == 0 {
		return nil, etf.Invalid("ds", "there are no rows to predict", "give one row or more")
	}
	if err := frame.check(); err != nil {
		return nil, err
	}
	sc := scales{yMin: f.s.YMin, yScale: f.s.YScale, logisticFloor: f.s.LogisticFloor, clock: f.clock, regressors: f.s.Regressors}
	return f.s.Options.prepare(frame.order(), &sc, f.s.Seasonalities, nil)
}

// Predict forecasts the rows of a frame: column ds, and cap, floor, regressors and conditions if the model has them; nil
// means the history. The forecast's rows are sorted by ds.
//
// Errors: KindInvalid for bad input, KindInternal if the numbers are not finite, ctx's error soon after ctx is done.
func (f *Fitted) Predict(ctx context.Context, frame *Frame, po PredictOptions) (*Forecast, error) {
	r, err := f.rowsOf(frame)
	if err != nil {
		return nil, err
	}
	samples, err := f.samples(&po)
	if err != nil {
		return nil, err
	}
	x, err := f.features(r)
	if err != nil {
		return nil, err
	}
	fc := &Forecast{DS: slices.Clone(r.ds)}
	if c := r.frame.Cap; c != nil && !slices.ContainsFunc(c, math.IsNaN) {
		fc.Cap = slices.Clone(c)
	}
	if f.s.LogisticFloor || f.s.FloorMatters() && !f.s.Options.Compat {
		fc.Floor = slices.Clone(r.floor)
	}
	f.addTrend(fc, r)
	f.addComponents(fc, x, samples > 0)
	f.addResidual(fc, r, samples > 0)
	f.addYhat(fc, r)
	if samples > 0 {
		if err := f.addIntervals(ctx, fc, r, x, po, samples); err != nil {
			return nil, err
		}
	}
	if po.NoTrendIntervals {
		fc.TrendLower, fc.TrendUpper = nil, nil
	}
	f.backTransform(fc)
	return fc, fc.finite()
}

// features returns the feature columns of the rows, with the holidays of the fit.
func (f *Fitted) features(r *rows) ([][]float64, error) {
	train := f.s.TrainHolidayNames
	if train == nil {
		train = []string{} // no holidays; nil would mean no restriction
	}
	tab, err := f.s.Options.holidaysFor(r.ds, train)
	if err != nil {
		return nil, err
	}
	return f.layout.features(r, tab), nil
}

// samples checks the options and returns the number of simulated paths per draw, 0 for none.
func (f *Fitted) samples(po *PredictOptions) (int, error) {
	for i, p := range po.Levels {
		if !(p > 0 && p < 1) || i > 0 && p <= po.Levels[i-1] {
			return 0, etf.Invalid(fmt.Sprintf("levels[%d]", i), fmt.Sprintf("level %v is out of range or order", p), "give probabilities between 0 and 1 in ascending order")
		}
	}
	total := po.Samples
	if total == 0 {
		total = f.s.Options.UncertaintySamples
	}
	if total < 0 {
		return 0, etf.Invalid("samples", fmt.Sprintf("%d samples", total), "use 1 or more, or 0 for the model's uncertainty_samples")
	}
	if po.NoIntervals || total == 0 {
		if len(po.Levels) > 0 {
			return 0, etf.Invalid("levels", "quantiles need simulated paths, but there are none", "set samples to 1000")
		}
		return 0, nil
	}
	draws := f.s.Params.Draws()
	return max(1, (total+draws-1)/draws), nil
}

func mean(x []float64) float64 { return floats.Sum(x) / float64(len(x)) }

// columnMeans returns the means over draws.
func columnMeans(x [][]float64) []float64 {
	if len(x) == 1 {
		return x[0]
	}
	out := make([]float64, len(x[0]))
	for _, draw := range x {
		floats.Add(out, draw)
	}
	floats.Scale(1/float64(len(x)), out)
	return out
}

func (f *Fitted) addTrend(fc *Forecast, r *rows) {
	p := &f.s.Params
	fc.Trend = make([]float64, len(r.t))
	trend(f.s.Options.Growth, fc.Trend, r.t, r.limit, columnMeans(p.Delta), mean(p.K), mean(p.M), f.s.ChangepointsT)
	for i := range fc.Trend {
		fc.Trend[i] = fc.Trend[i]*f.s.YScale + r.floor[i]
	}
}

// addComponents adds every component: the sum of its columns times their coefficients, the mean over draws.
func (f *Fitted) addComponents(fc *Forecast, x [][]float64, intervals bool) {
	n, p := len(fc.DS), &f.s.Params
	names := make([]string, 0, len(f.s.ComponentColumns))
	for name, columns := range f.s.ComponentColumns {
		if len(columns) > 0 && name != "zeros" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, total := range []string{"additive_terms", "multiplicative_terms"} {
		if len(f.s.ComponentColumns[total]) == 0 {
			names = append(names, total)
		}
	}
	tail := (1 - f.s.Options.IntervalWidth) / 2
	draws := make([]float64, p.Draws())
	for _, name := range names {
		columns := f.s.ComponentColumns[name]
		c := Component{Name: name, Mode: f.modeOf(name), Value: make([]float64, n)}
		scale := 1.0
		if c.Mode == Additive {
			scale = f.s.YScale
		}
		if p.Draws() == 1 {
			for _, j := range columns {
				floats.AddScaled(c.Value, p.Beta[0][j]*scale, x[j])
			}
			if intervals {
				c.Lower, c.Upper = slices.Clone(c.Value), slices.Clone(c.Value)
			}
			fc.Components = append(fc.Components, c)
			continue
		}
		if intervals {
			c.Lower, c.Upper = make([]float64, n), make([]float64, n)
		}
		for i := range n {
			for d := range draws {
				var v float64
				for _, j := range columns {
					v += x[j][i] * p.Beta[d][j]
				}
				draws[d] = v * scale
			}
			c.Value[i] = mean(draws)
			if intervals {
				var q [2]float64
				quantiles(draws, []float64{tail, 1 - tail}, q[:])
				c.Lower[i], c.Upper[i] = q[0], q[1]
			}
		}
		fc.Components = append(fc.Components, c)
	}
}

// modeOf returns the mode of a component.
func (f *Fitted) modeOf(name string) Mode {
	if slices.Contains(f.s.ComponentModes.Multiplicative, name) {
		return Multiplicative
	}
	return Additive
}

// base is the part of a row's trend that multiplicative terms leave alone: the floor. They were fitted to the trend above
// it. Options.Compat applies them to the whole trend, as the original does when it forecasts.
func (f *Fitted) base(floor float64) float64 {
	if f.s.Options.Compat {
		return 0
	}
	return floor
}

func (f *Fitted) addYhat(fc *Forecast, r *rows) {
	add, mul := fc.Component("additive_terms").Value, fc.Component("multiplicative_terms").Value
	fc.Yhat = make([]float64, len(fc.DS))
	for i := range fc.Yhat {
		fc.Yhat[i] = fc.Trend[i]*(1+mul[i]) + (add[i] - f.base(r.floor[i])*mul[i])
	}
	if c := fc.Component(residualName); c != nil {
		floats.Add(fc.Yhat, c.Value)
	}
}

// residualName is the component of Market.ResidualAR1: what remains of the residual of the last preceding row of the
// history. It is not part of additive_terms.
const residualName = "residual"

func (f *Fitted) addResidual(fc *Forecast, r *rows, intervals bool) {
	if !f.s.Options.Market.ResidualAR1 {
		return
	}
	c := Component{Name: residualName, Mode: Additive, Value: make([]float64, len(r.t))}
	for i, t := range r.t {
		e, _ := f.residualAt(r.ds[i], t)
		c.Value[i] = e * f.s.YScale
	}
	if intervals {
		c.Lower, c.Upper = slices.Clone(c.Value), slices.Clone(c.Value)
	}
	fc.Components = append(fc.Components, c)
}

// addIntervals adds the intervals of yhat and of the trend and the requested quantiles. With a single draw of the
// parameters, the only uncertainty of a row of the history is the normal noise, and its quantiles are exact.
func (f *Fitted) addIntervals(ctx context.Context, fc *Forecast, r *rows, x [][]float64, po PredictOptions, samples int) error {
	n := len(fc.DS)
	tail := (1 - f.s.Options.IntervalWidth) / 2
	levels := append([]float64{tail, 1 - tail}, po.Levels...)
	slices.Sort(levels)
	levels = slices.Compact(levels)
	at := func(p float64) int { i, _ := slices.BinarySearch(levels, p); return i }
	lower, upper := at(tail), at(1-tail)
	fc.YhatLower, fc.YhatUpper = make([]float64, n), make([]float64, n)
	fc.TrendLower, fc.TrendUpper = make([]float64, n), make([]float64, n)
	fc.Quantiles = make([][]float64, len(po.Levels))
	for k := range fc.Quantiles {
		fc.Quantiles[k] = make([]float64, n)
	}
	logScale := f.s.Options.Market.LogScale
	if logScale {
		fc.Mean = make([]float64, n)
	}
	put := func(i int, y []float64, trendLower, trendUpper float64) {
		fc.YhatLower[i], fc.YhatUpper[i], fc.TrendLower[i], fc.TrendUpper[i] = y[lower], y[upper], trendLower, trendUpper
		for k, p := range po.Levels {
			fc.Quantiles[k][i] = y[at(p)]
		}
	}
	exact := f.s.Params.Draws() == 1
	y := make([]float64, len(levels))
	future := n
	if exact {
		z := make([]float64, len(levels))
		df := f.residual.DF
		for k, p := range levels {
			if df > 0 {
				z[k] = distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(p)
			} else {
				z[k] = distuv.UnitNormal.Quantile(p)
			}
		}
		sd := f.s.Params.SigmaObs[0] * f.s.YScale
		for i := range n {
			if r.t[i] > f.until() {
				future = i
				break
			}
			if f.s.Options.Market.ResidualAR1 {
				_, sd = f.residualAt(r.ds[i], r.t[i])
				sd *= f.s.YScale
			}
			for k := range z {
				y[k] = fc.Yhat[i] + z[k]*sd
			}
			put(i, y, fc.Trend[i], fc.Trend[i])
			if logScale {
				variance := sd * sd
				if df > 0 {
					variance *= df / (df - 2)
				}
				fc.Mean[i] = math.Exp(fc.Yhat[i] + variance/2)
			}
		}
		if future == n {
			return nil
		}
	} else {
		future = 0
	}
	ends := []float64{tail, 1 - tail}
	var t [2]float64
	track := tracker{levels: levels}
	sim := f.newSimulation(r, x, samples, f.seed(po), po.Slow)
	return sim.run(ctx, future, func(i int, yhat, trend []float64) {
		if logScale {
			var sum float64
			for _, v := range yhat {
				sum += math.Exp(v)
			}
			fc.Mean[i] = sum / float64(len(yhat))
		}
		track.at(yhat, fc.Yhat[i], y)
		if !po.NoTrendIntervals {
			quantiles(trend, ends, t[:])
		}
		put(i, y, t[0], t[1])
	})
}

func (f *Fitted) seed(po PredictOptions) uint64 {
	if po.Seed != nil {
		return *po.Seed
	}
	return f.s.Options.Seed
}

// backTransform converts logarithms to prices: quantiles commute with exp, and Mean is already a price.
func (f *Fitted) backTransform(fc *Forecast) {
	if !f.s.Options.Market.LogScale {
		return
	}
	for _, x := range append([][]float64{fc.Trend, fc.YhatLower, fc.YhatUpper, fc.TrendLower, fc.TrendUpper, fc.Yhat}, fc.Quantiles...) {
		for i, v := range x {
			x[i] = math.Exp(v)
		}
	}
}

// finite checks that every number of the forecast is finite.
func (fc *Forecast) finite() error {
	check := func(name string, x []float64) error {
		for i, v := range x {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return &etf.Error{Kind: etf.KindInternal, Field: rowField(name, i), Message: fmt.Sprintf("the forecast of %s is %v", fc.DS[i], v),
					Remedy: "use a row closer to the history, and check its regressors for extreme values"}
			}
		}
		return nil
	}
	for _, c := range fc.columns() {
		if err := check(c.name, c.value); err != nil {
			return err
		}
	}
	for _, q := range fc.Quantiles {
		if err := check("quantiles", q); err != nil {
			return err
		}
	}
	return check("mean", fc.Mean)
}

// Samples are draws from the predictive distribution: Yhat[i][p] and Trend[i][p] of row i and path p.
type Samples struct {
	DS          []Stamp
	Yhat, Trend [][]float64
}

// PredictiveSamples returns simulated paths for the rows of a frame like Predict's; nil means the history. The rows of
// the result are sorted by ds. With Market.LogScale the samples are prices.
func (f *Fitted) PredictiveSamples(ctx context.Context, frame *Frame, po PredictOptions) (*Samples, error) {
	r, err := f.rowsOf(frame)
	if err != nil {
		return nil, err
	}
	po.NoIntervals = false
	samples, err := f.samples(&po)
	if err != nil {
		return nil, err
	}
	if samples == 0 {
		return nil, etf.Invalid("uncertainty_samples", "the model has no simulated paths", "set Samples")
	}
	x, err := f.features(r)
	if err != nil {
		return nil, err
	}
	out := &Samples{DS: slices.Clone(r.ds), Yhat: make([][]float64, len(r.ds)), Trend: make([][]float64, len(r.ds))}
	sim := f.newSimulation(r, x, samples, f.seed(po), po.Slow)
	err = sim.run(ctx, 0, func(i int, yhat, trend []float64) {
		out.Yhat[i], out.Trend[i] = slices.Clone(yhat), slices.Clone(trend)
		if f.s.Options.Market.LogScale {
			for p := range yhat {
				out.Yhat[i][p], out.Trend[i][p] = math.Exp(yhat[p]), math.Exp(trend[p])
			}
		}
	})
	return out, err
}
