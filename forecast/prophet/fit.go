package prophet

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet/stan"
)

// FitOptions are the options of a single fit. The zero value is a sound default.
type FitOptions struct {
	// Init is where to start from (a warm start): the parameters of another fit. Vectors of the wrong length and values
	// that are not finite are replaced by the usual start.
	Init *Params
	// Progress is called from time to time while the posterior is sampled. Calls do not overlap.
	Progress func(done, total int)
	// Workers is how many chains are sampled concurrently; 0 = 1. The draws do not depend on it.
	Workers int
	// MaxIterations limits the optimiser's iterations; 0 = the optimiser's own limit (the original's 10,000 for
	// LBFGS and Newton).
	MaxIterations int
}

// Chains is the number of chains that sample the posterior, as in the original.
const Chains = 4

func errNotFinite(message string) error {
	return &etf.Error{Kind: etf.KindInternal, Field: "y", Message: message, Remedy: "check the history for extreme values and, with logistic growth, check cap and floor"}
}

// Fit fits the model to a history: columns ds and y, cap and floor if growth is logistic, and a column for each
// regressor and condition. Rows without y are left out. The frame is not changed and not kept.
//
// Errors: KindInvalid for bad input (Field names column and row), KindInternal for a fit without finite numbers, ctx's
// error soon after ctx is done.
func (m *Model) Fit(ctx context.Context, history *Frame, fo FitOptions) (*Fitted, error) {
	f, dates, err := m.observed(history)
	if err != nil {
		return nil, err
	}
	y, err := m.fittedUnits(f)
	if err != nil {
		return nil, err
	}
	sc, err := m.scale(f, y)
	if err != nil {
		return nil, err
	}
	o := m.o.clone()
	seasons := o.seasonalities(f.DS)
	r, err := o.prepare(f, &sc, seasons, y)
	if err != nil {
		return nil, err
	}
	tab, err := o.holidaysFor(f.DS, nil)
	if err != nil {
		return nil, err
	}
	lay := o.newLayout(seasons, tab, tab.names, sc.regressors)
	changepoints := o.Changepoints
	if changepoints != nil {
		if err := givenChangepoints(changepoints, f.DS[0], f.DS[len(f.DS)-1]); err != nil {
			return nil, err
		}
		changepoints = slices.Clone(changepoints)
		slices.Sort(changepoints)
	} else {
		changepoints = autoChangepoints(f.DS, o.NChangepoints, o.ChangepointRange)
		o.NChangepoints = min(o.NChangepoints, len(changepoints))
	}
	if err := checkSize(len(f.DS), len(changepoints), len(lay.columns)); err != nil {
		return nil, err
	}
	x := lay.features(r, tab)
	c := make([]float64, len(changepoints))
	if err := sc.clock.write(c, changepoints); err != nil {
		return nil, err
	}
	if len(c) == 0 {
		c = []float64{0}
	}
	out := &Fitted{layout: lay, clock: sc.clock, gap: meanGap(r.t), s: State{
		Options: o, SpecifiedChangepoints: m.o.Changepoints != nil,
		YMin: sc.yMin, YScale: sc.yScale, LogisticFloor: sc.logisticFloor,
		Start: f.DS[0], TScale: f.DS[len(f.DS)-1] - f.DS[0],
		Seasonalities: seasons, Regressors: sc.regressors, TrainHolidayNames: tab.names,
		ComponentModes: lay.modes(o.HolidaysMode, tab.names), ComponentColumns: lay.components(), Columns: len(lay.columns),
		Changepoints: changepoints, ChangepointsT: c, HistoryDates: dates, History: historyOf(r),
	}}
	if err := out.estimate(ctx, r, x, fo); err != nil {
		return nil, err
	}
	if err := out.checkParams(); err != nil {
		return nil, err
	}
	out.setResidual(r, x)
	out.given = m.givenColumns(f)
	return out, nil
}

// givenColumns copies the columns that the fit transforms.
func (m *Model) givenColumns(f *Frame) given {
	g := given{regressors: make(map[string][]float64, len(m.o.Regressors))}
	if m.o.Market.LogScale {
		g.y = slices.Clone(f.Y)
	}
	for _, r := range m.o.Regressors {
		g.regressors[r.Name] = slices.Clone(f.Columns[r.Name])
	}
	return g
}

// The largest fit: beyond either limit it would take minutes and gigabytes.
const (
	maxChangepoints = 2000
	maxCells        = 100_000_000 // rows times the columns of features and changepoints
)

func checkSize(rows, changepoints, columns int) error {
	switch {
	case changepoints > maxChangepoints:
		return etf.Invalid("n_changepoints", fmt.Sprintf("%d changepoints are too many", changepoints), fmt.Sprintf("use %d or fewer", maxChangepoints))
	case rows*(changepoints+columns) > maxCells:
		return etf.Invalid("history", fmt.Sprintf("%d rows with %d changepoints and %d feature columns are too many", rows, changepoints, columns),
			"use fewer rows, changepoints or holidays, or lower Fourier orders")
	}
	return nil
}

// fittedUnits returns y, or its logarithm with Market.LogScale.
func (m *Model) fittedUnits(f *Frame) ([]float64, error) {
	if !m.o.Market.LogScale {
		return f.Y, nil
	}
	out := make([]float64, len(f.Y))
	for i, v := range f.Y {
		if v <= 0 {
			return nil, etf.Invalid(rowField("y", i), sprint(v)+" on "+f.DS[i].String()+" has no logarithm", "leave the row out, or leave log_scale out")
		}
		out[i] = math.Log(v)
	}
	return out, nil
}

// historyOf returns the rows of the fit, with standardised regressors, as the original keeps them.
func historyOf(r *rows) History {
	h := History{Frame: *r.frame.Rows(indexTo(len(r.ds))), T: r.t, YScaled: r.ys, CapScaled: r.limit}
	h.Y = slices.Clone(r.y)
	h.Floor = slices.Clone(r.floor)
	return h
}

func indexTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// estimate finds the parameters.
func (f *Fitted) estimate(ctx context.Context, r *rows, x [][]float64, fo FitOptions) error {
	o := &f.s.Options
	for i := range f.s.Regressors {
		f.s.History.Columns[f.s.Regressors[i].Name] = slices.Clone(r.regressors[i])
	}
	c := f.s.ChangepointsT
	k0, m0 := initialTrend(o.Growth, r.t, r.ys, r.limit)
	start := &mode{k: k0, m: m0, delta: make([]float64, len(c)), beta: make([]float64, len(x)), sigma: 1}
	f.s.Report = Report{Optimizer: o.Optimizer, Rows: len(r.ds)}
	if o.Growth != Logistic && slices.Min(r.y) == slices.Max(r.y) {
		start.sigma, start.status, start.converged = constantSigma, statusConstant, true
		f.keep(start)
		return nil
	}
	warm(start, fo.Init)
	basis, err := newReduction(o, f.layout, r.ds)
	if err != nil {
		return err
	}
	columns, xr := basis.apply(f.layout.columns, x)
	start.beta = basis.shrink(start.beta)
	fitted := r
	if o.Market.ResidualAR1 {
		fitted, xr = f.withoutSpikes(r, xr)
	}
	p := newPosterior(o.Growth, fitted, xr, columns, o.ChangepointPriorScale, c)
	if o.MCMCSamples > 0 {
		return f.sample(ctx, p, start, basis, fo)
	}
	var best *mode
	report := &f.s.Report
	if o.Market.ResidualAR1 {
		if len(p.y) < minAutoregressionRows {
			return tooFewRows(len(r.ds), report.LeftOut)
		}
		a := newAutoregression(p, &f.clock, fo.MaxIterations)
		if best, report.Phi, err = a.estimate(ctx); err != nil {
			return err
		}
		report.DF, report.Slope = a.df, math.Sqrt(a.slopeVariance(best))/f.clock.len
		n := float64(len(p.y))
		report.Innovation = best.sigma * math.Sqrt(n/max(n-a.parameters(), n/2))
		report.Gradient = a.subgradient(best, report.Phi)
	} else {
		if best, report.Optimizer, err = optimise(ctx, p, start, o.Optimizer, fo.MaxIterations); err != nil {
			return err
		}
		report.Gradient = p.subgradient(p.vector(best))
	}
	best.status = f.explain(p, r, best, report.Optimizer, fo.MaxIterations)
	best.beta = basis.expand(best.beta)
	f.keep(best)
	return nil
}

// tooFewRows says that an autoregression can't be estimated from rows, of which some were left out.
func tooFewRows(rows, leftOut int) error {
	have, correct := fmt.Sprintf("%d rows", rows), ""
	switch {
	case leftOut == 1:
		have, correct = have+", of which 1 was left out as a bad price,", "correct the price, "
	case leftOut > 1:
		have, correct = fmt.Sprintf("%s, of which %d were left out as bad prices,", have, leftOut), "correct the prices, "
	}
	return etf.Invalid("y", have+" are too few to estimate how residuals persist",
		fmt.Sprintf("%sgive %d rows or more, or leave market.residual_ar1 out", correct, minAutoregressionRows+leftOut))
}

// withoutSpikes returns the rows and features that the autoregression is estimated from.
func (f *Fitted) withoutSpikes(r *rows, x [][]float64) (*rows, [][]float64) {
	var keep []int
	for i, spike := range f.spikes(r.t) {
		if !spike {
			keep = append(keep, i)
		}
	}
	if f.s.Report.LeftOut = len(r.t) - len(keep); f.s.Report.LeftOut == 0 {
		return r, x
	}
	pick := func(all []float64) []float64 {
		out := make([]float64, len(keep))
		for i, at := range keep {
			out[i] = all[at]
		}
		return out
	}
	kept := make([][]float64, len(x))
	for j := range x {
		kept[j] = pick(x[j])
	}
	return &rows{t: pick(r.t), ys: pick(r.ys)}, kept
}

// optimise finds a maximum with the given optimizer and returns which one was used in the end.
func optimise(ctx context.Context, p *posterior, start *mode, by Optimizer, limit int) (*mode, Optimizer, error) {
	switch by {
	case MAP:
		best, err := p.maximise(ctx, start, limit)
		return best, MAP, err
	case Auto:
		if len(p.y) >= 100 {
			best, err := p.lbfgs(ctx, start, limit)
			if err == nil && best.status != string(stan.LineSearchFailed) || ctx.Err() != nil {
				return best, LBFGS, err
			}
		}
		best, err := p.newton(ctx, start, limit)
		return best, Newton, err
	case LBFGS:
		best, err := p.lbfgs(ctx, start, limit)
		return best, LBFGS, err
	}
	best, err := p.newton(ctx, start, limit)
	return best, Newton, err
}

func (p *posterior) lbfgs(ctx context.Context, start *mode, limit int) (*mode, error) {
	res, err := stan.LBFGS(ctx, p, p.vector(start), stan.LBFGSOptions{MaxIterations: max(limit, 0)})
	return p.fromStan(res, err)
}

func (p *posterior) newton(ctx context.Context, start *mode, limit int) (*mode, error) {
	res, err := stan.Newton(ctx, p.memoised(), p.vector(start), stan.NewtonOptions{MaxIterations: max(limit, 0)})
	return p.fromStan(res, err)
}

func (p *posterior) fromStan(res stan.Result, err error) (*mode, error) {
	if err != nil {
		return nil, err
	}
	x := p.modeOf(res.U)
	x.logProb, x.iterations, x.status, x.converged = res.LogProb, res.Iterations, string(res.Status), res.Converged
	return x, nil
}

// warm copies another fit's parameters into a start where their lengths match and their values are finite.
func warm(start *mode, init *Params) {
	if init == nil || init.Draws() == 0 {
		return
	}
	set := func(to *float64, from []float64) {
		if len(from) > 0 {
			if v := mean(from); !math.IsNaN(v) && !math.IsInf(v, 0) {
				*to = v
			}
		}
	}
	vector := func(to []float64, from [][]float64) {
		if len(from) == 0 || slices.ContainsFunc(from, func(draw []float64) bool { return len(draw) != len(to) }) {
			return
		}
		out := columnMeans(from)
		for _, v := range out {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return
			}
		}
		copy(to, out)
	}
	set(&start.k, init.K)
	set(&start.m, init.M)
	set(&start.sigma, init.SigmaObs)
	if !(start.sigma > 0) {
		start.sigma = 1
	}
	vector(start.delta, init.Delta)
	vector(start.beta, init.Beta)
}

// keep stores a maximum. Without changepoints, the dummy changepoint is folded into the rate.
func (f *Fitted) keep(x *mode) {
	f.s.Params = Params{K: []float64{x.k}, M: []float64{x.m}, SigmaObs: []float64{x.sigma}, Delta: [][]float64{x.delta}, Beta: [][]float64{x.beta}}
	f.foldDummy()
	r := &f.s.Report
	r.Status, r.Converged, r.Iterations, r.LogPosterior = x.status, x.converged, x.iterations, x.logProb
}

func (f *Fitted) foldDummy() {
	if len(f.s.Changepoints) > 0 {
		return
	}
	p := &f.s.Params
	for d := range p.K {
		p.K[d] += p.Delta[d][0]
		p.Delta[d] = make([]float64, len(p.Delta[d]))
	}
}

// reduction replaces the columns of a weekly seasonality by those that its weekdays identify (Market.WeekdayBasis).
type reduction struct {
	at, width int
	basis     [][]float64 // width x len(basis[0])
}

// newReduction returns an empty reduction if there is nothing to reduce.
func newReduction(o *Options, l layout, ds []Stamp) (*reduction, error) {
	if !o.Market.WeekdayBasis {
		return &reduction{}, nil
	}
	at := 0
	for _, s := range l.seasons {
		if s.Period == 7 && s.ConditionName == "" {
			basis, err := weekdayBasis(ds, s.FourierOrder)
			if err != nil || basis == nil {
				return &reduction{}, err
			}
			return &reduction{at: at, width: 2 * s.FourierOrder, basis: basis}, nil
		}
		at += 2 * s.FourierOrder
	}
	return &reduction{}, nil
}

func (r *reduction) rank() int {
	if r.width == 0 {
		return 0
	}
	return len(r.basis[0])
}

func (r *reduction) apply(columns []column, x [][]float64) ([]column, [][]float64) {
	if r.width == 0 {
		return columns, x
	}
	outC, outX := slices.Clone(columns[:r.at]), slices.Clone(x[:r.at])
	for j := range r.rank() {
		z := make([]float64, len(x[0]))
		for i := range r.width {
			for row, v := range x[r.at+i] {
				z[row] += r.basis[i][j] * v
			}
		}
		outC, outX = append(outC, columns[r.at]), append(outX, z)
	}
	return append(outC, columns[r.at+r.width:]...), append(outX, x[r.at+r.width:]...)
}

// shrink projects coefficients onto the basis.
func (r *reduction) shrink(beta []float64) []float64 {
	if r.width == 0 {
		return beta
	}
	out := slices.Clone(beta[:r.at])
	for j := range r.rank() {
		var v float64
		for i := range r.width {
			v += r.basis[i][j] * beta[r.at+i]
		}
		out = append(out, v)
	}
	return append(out, beta[r.at+r.width:]...)
}

// expand converts coefficients back to the original's.
func (r *reduction) expand(beta []float64) []float64 {
	if r.width == 0 {
		return beta
	}
	out := slices.Clone(beta[:r.at])
	for i := range r.width {
		var v float64
		for j := range r.rank() {
			v += r.basis[i][j] * beta[r.at+j]
		}
		out = append(out, v)
	}
	return append(out, beta[r.at+r.rank():]...)
}
