package prophet

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/etfcast/etfcast/etf"
)

// Fitted is a fitted model: immutable, safe for concurrent use.
type Fitted struct {
	s      State
	layout layout
	clock  clock
	// gap is the mean distance between the history's rows in scaled time: the step for a future of one row.
	gap       float64
	residual  Residual  // of Market.ResidualAR1
	residuals []float64 // one for each row of the history
	given     given
	doubted   []bool // the rows that no forecast starts from; nil = none
	// end is the scaled time that the residual is known until, if the model has been carried on (Forecaster.Carry); otherwise 0.
	end        float64
	volatility *Volatility // nil = the residual's innovations are of one size
}

// until is the scaled time after which rows are future.
func (f *Fitted) until() float64 { return max(f.end, 1) }

// given holds the columns of the history that State keeps only transformed, as they were given: y if it was fitted as a
// logarithm, and the regressors. Both are nil for a model made from a State.
type given struct {
	y          []float64
	regressors map[string][]float64
}

// State returns the parts of the model. It shares memory with the model and must not be changed.
func (f *Fitted) State() State { return f.s }

// Report says how the fit went.
func (f *Fitted) Report() Report { return f.s.Report }

// Options returns the options of the fit.
func (f *Fitted) Options() Options { return f.s.Options.clone() }

func sprint(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// FromState builds a model from its parts, as returned by State or stored by another program. Scaled values of the
// history (T, YScaled, CapScaled), ComponentModes, ComponentColumns, ChangepointsT and NChangepoints are computed and
// need not be filled in; Columns is checked if it is not 0. Errors are of KindInvalid (an option) or KindCorrupt (the
// parts are inconsistent) and name the attribute.
func FromState(s State) (*Fitted, error) {
	if len(s.History.DS) == 0 {
		return nil, corrupt("history", "it has no rows")
	}
	f, err := assemble(s)
	if err != nil {
		return nil, err
	}
	if err := f.scaleHistory(); err != nil {
		return nil, err
	}
	if !s.Options.Market.ResidualAR1 {
		return f, nil
	}
	if !(s.Report.Phi >= 0 && s.Report.Phi <= maxPhi) {
		return nil, corrupt("report.phi", sprint(s.Report.Phi)+" is not between 0 and 1")
	}
	if !validDF(s.Report.DF) {
		return nil, corrupt("report.df", sprint(s.Report.DF)+" is not a number of degrees of freedom that a fit finds")
	}
	if !(s.Report.Innovation >= 0) || math.IsInf(s.Report.Innovation, 1) {
		return nil, corrupt("report.innovation", sprint(s.Report.Innovation)+" is not a standard deviation")
	}
	if !(s.Report.Slope >= 0) || math.IsInf(s.Report.Slope, 1) {
		return nil, corrupt("report.slope", sprint(s.Report.Slope)+" is not a standard deviation")
	}
	r, err := f.rowsOf(nil)
	if err != nil {
		return nil, err
	}
	x, err := f.features(r)
	if err != nil {
		return nil, err
	}
	f.setResidual(r, x)
	return f, nil
}

// assemble builds a model from its parts without its history.
func assemble(s State) (*Fitted, error) {
	m, err := New(s.Options)
	if err != nil {
		return nil, err
	}
	n := s.Options.NChangepoints
	s.Options = m.Options()
	s.Options.NChangepoints = n
	if err := checkScales(&s); err != nil {
		return nil, err
	}
	f := &Fitted{s: s}
	if f.clock, err = newClock(s.Options.Market, s.Start, s.Start+s.TScale); err != nil {
		return nil, err
	}
	c := make([]float64, len(s.Changepoints))
	if err := f.clock.write(c, s.Changepoints); err != nil {
		return nil, err
	}
	if !slices.IsSorted(c) {
		return nil, corrupt("changepoints", "they are not in order")
	}
	if len(c) == 0 {
		c = []float64{0}
	}
	// A stored scaled time may differ from the computed one in the last bit; the fit used the stored one.
	if len(s.ChangepointsT) == len(c) {
		for j, v := range s.ChangepointsT {
			if !(math.Abs(v-c[j]) < 1e-6) {
				return nil, corrupt("changepoints_t", fmt.Sprintf("%v is not the scaled time of %v", v, s.Changepoints))
			}
		}
	} else {
		f.s.ChangepointsT = c
	}
	tab := holidayTable{}
	for _, h := range s.Options.Holidays {
		if slices.Contains(s.TrainHolidayNames, h.Name) {
			tab.rows = append(tab.rows, h)
		}
	}
	f.layout = s.Options.newLayout(s.Seasonalities, tab, s.TrainHolidayNames, s.Regressors)
	f.layout.earlierFourier = s.EarlierFourier
	if s.Columns != 0 && s.Columns != len(f.layout.columns) {
		return nil, corrupt("train_component_cols", fmt.Sprintf("it has %d columns, but the components make %d", s.Columns, len(f.layout.columns)))
	}
	f.s.Columns = len(f.layout.columns)
	f.s.ComponentColumns = f.layout.components()
	f.s.ComponentModes = f.layout.modes(s.Options.HolidaysMode, s.TrainHolidayNames)
	return f, f.checkParams()
}

func corrupt(field, message string) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: field, Message: message, Remedy: "fit the model again"}
}

func checkScales(s *State) error {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	switch {
	case !finite(s.YMin):
		return corrupt("y_min", fmt.Sprintf("%v is not finite", s.YMin))
	case !finite(s.YScale) || s.YScale <= 0:
		return corrupt("y_scale", fmt.Sprintf("%v is not positive", s.YScale))
	case s.TScale <= 0:
		return corrupt("t_scale", "it is not positive")
	case s.Start < minStamp || s.Start+s.TScale >= maxStamp || s.TScale >= maxStamp-minStamp:
		return corrupt("start", "the history is not within 1678-01-01 to 2261-12-31")
	}
	for i, c := range s.Changepoints {
		if c < minStamp || c >= maxStamp {
			return corrupt(rowField("changepoints", i), "it is not within 1678-01-01 to 2261-12-31")
		}
	}
	if err := s.History.check(); err != nil {
		return corrupt("history", err.Error())
	}
	if !slices.IsSorted(s.History.DS) {
		return corrupt("history", "its rows are not sorted by ds")
	}
	taken := map[string]bool{}
	for i, g := range s.Seasonalities {
		if !(g.Period > 0) || math.IsInf(g.Period, 1) || g.FourierOrder < 1 || g.FourierOrder > maxOrder || !(g.PriorScale > 0) ||
			g.Mode != Additive && g.Mode != Multiplicative || taken[g.Name] || g.Name == "" {
			return corrupt(fmt.Sprintf("seasonalities[%d]", i), fmt.Sprintf("%q has period %v, order %d, prior scale %v, mode %q", g.Name, g.Period, g.FourierOrder, g.PriorScale, g.Mode))
		}
		taken[g.Name] = true
	}
	for i, g := range s.Regressors {
		if !finite(g.Mu) || !finite(g.Std) || g.Std == 0 || !(g.PriorScale > 0) || g.Mode != Additive && g.Mode != Multiplicative || taken[g.Name] || g.Name == "" {
			return corrupt(fmt.Sprintf("extra_regressors[%d]", i), fmt.Sprintf("%q has mean %v, standard deviation %v, prior scale %v, mode %q", g.Name, g.Mu, g.Std, g.PriorScale, g.Mode))
		}
		taken[g.Name] = true
	}
	return nil
}

// checkParams checks that the parameters are finite and have the right lengths.
func (f *Fitted) checkParams() error {
	p, d := &f.s.Params, len(f.s.Params.K)
	if d == 0 || len(p.M) != d || len(p.SigmaObs) != d || len(p.Delta) != d || len(p.Beta) != d {
		return corrupt("params", fmt.Sprintf("%d draws of k, %d of m, %d of sigma_obs, %d of delta, %d of beta", d, len(p.M), len(p.SigmaObs), len(p.Delta), len(p.Beta)))
	}
	scan := func(name string, x []float64, want int) error {
		if len(x) != want {
			return corrupt("params."+name, fmt.Sprintf("%d values, but the model has %d", len(x), want))
		}
		for _, v := range x {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return &etf.Error{Kind: etf.KindCorrupt, Field: "params." + name, Message: fmt.Sprintf("%v is not a finite number", v), Remedy: "fit the model again"}
			}
		}
		return nil
	}
	if err := scan("k", p.K, d); err != nil {
		return err
	}
	if err := scan("m", p.M, d); err != nil {
		return err
	}
	if err := scan("sigma_obs", p.SigmaObs, d); err != nil {
		return err
	}
	for i := range d {
		if p.SigmaObs[i] < 0 {
			return corrupt("params.sigma_obs", fmt.Sprintf("%v is negative", p.SigmaObs[i]))
		}
		if err := scan("delta", p.Delta[i], len(f.s.ChangepointsT)); err != nil {
			return err
		}
		if err := scan("beta", p.Beta[i], len(f.layout.columns)); err != nil {
			return err
		}
	}
	return nil
}

// scaleHistory computes the scaled columns of the history.
func (f *Fitted) scaleHistory() error {
	h := &f.s.History
	n := len(h.DS)
	h.T = make([]float64, n)
	if err := f.clock.write(h.T, h.DS); err != nil {
		return err
	}
	f.gap = meanGap(h.T)
	if h.Floor == nil || !f.s.LogisticFloor {
		h.Floor = make([]float64, n)
		if f.s.Options.Scaling == MinMax || f.s.Options.unitFree() {
			for i := range h.Floor {
				h.Floor[i] = f.s.YMin
			}
		}
	}
	if h.Y == nil {
		return corrupt("history", "it has no column y")
	}
	need := [][]float64{h.Y, h.Floor}
	if f.s.Options.Growth == Logistic {
		if h.Cap == nil {
			return corrupt("history", "growth is logistic, but there is no column cap")
		}
		need = append(need, h.Cap)
	}
	for _, g := range f.s.Regressors {
		if h.Columns[g.Name] == nil {
			return corrupt("history", fmt.Sprintf("it has no column %q, which is a regressor", g.Name))
		}
		need = append(need, h.Columns[g.Name])
	}
	for _, g := range f.s.Seasonalities {
		if g.ConditionName != "" {
			if h.Columns[g.ConditionName] == nil {
				return corrupt("history", fmt.Sprintf("it has no column %q, which is a condition", g.ConditionName))
			}
			need = append(need, h.Columns[g.ConditionName])
		}
	}
	for _, x := range need {
		for i, v := range x {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return corrupt(rowField("history", i), fmt.Sprintf("%v is not a finite number", v))
			}
		}
	}
	h.YScaled = make([]float64, n)
	for i := range h.YScaled {
		h.YScaled[i] = (h.Y[i] - h.Floor[i]) / f.s.YScale
	}
	if f.s.Options.Growth == Logistic {
		h.CapScaled = make([]float64, n)
		for i := range h.CapScaled {
			h.CapScaled[i] = (h.Cap[i] - h.Floor[i]) / f.s.YScale
		}
	}
	return nil
}

// meanGap returns the mean distance between ascending times.
func meanGap(t []float64) float64 {
	if len(t) < 2 {
		return 1
	}
	return (t[len(t)-1] - t[0]) / float64(len(t)-1)
}

// HistoryFrame returns the fitted history in its original units: y not as a logarithm, regressors as they were before
// standardisation. Rows without y are left out. Floor is set if one was given. The numbers are those given to Fit. Those of
// a model made from a State are equal if they have at most 15 digits and the State was stored with all digits,
// otherwise up to rounding.
func (f *Fitted) HistoryFrame() *Frame {
	out := f.s.History.Rows(indexTo(len(f.s.History.DS)))
	if f.s.Options.Market.LogScale && copy(out.Y, f.given.y) == 0 {
		for i, v := range out.Y {
			out.Y[i] = invert(v, math.Exp(v), math.Log)
		}
	}
	if !f.s.LogisticFloor {
		out.Floor = nil
	}
	for _, g := range f.s.Regressors {
		x := out.Columns[g.Name]
		if copy(x, f.given.regressors[g.Name]) > 0 {
			continue
		}
		for i, z := range x {
			x[i] = invert(z, z*g.Std+g.Mu, func(v float64) float64 { return (v - g.Mu) / g.Std })
		}
	}
	return out
}

// invert returns the x with f(x) = y, given one that is exact up to rounding: the nearest number of 15 digits if its f is y
// to the last bit. Few numbers that are written down have more digits.
func invert(y, near float64, f func(float64) float64) float64 {
	x, err := strconv.ParseFloat(strconv.FormatFloat(near, 'g', 15, 64), 64)
	if err == nil && f(x) == y {
		return x
	}
	return near
}

// CopyOptions returns options for fitting another part of the history in the same way: with the seasonalities of this
// fit, even if the part is too short for them, and no automatic ones. Of the given changepoints it keeps those before the
// last row up to the cutoff; a nil cutoff keeps all.
func (f *Fitted) CopyOptions(cutoff *Stamp) Options {
	o := f.s.Options.clone()
	o.Seasonalities = slices.Clone(f.s.Seasonalities)
	o.YearlySeasonality, o.WeeklySeasonality, o.DailySeasonality = SeasonalOff, SeasonalOff, SeasonalOff
	if o.Changepoints != nil && cutoff != nil {
		last := minStamp
		for _, s := range f.s.History.DS {
			if s <= *cutoff {
				last = max(last, s)
			}
		}
		kept := []Stamp{}
		for _, c := range o.Changepoints {
			if c < last {
				kept = append(kept, c)
			}
		}
		o.Changepoints = kept
	}
	return o
}

// RegressorCoefficient is the effect of one unit of a regressor: on y if its mode is additive, as a fraction of the trend
// above its floor if it is multiplicative. Center is the value at which the regressor has no effect.
type RegressorCoefficient struct {
	Regressor string  `json:"regressor"`
	Mode      Mode    `json:"regressor_mode"`
	Center    float64 `json:"center"`
	Lower     float64 `json:"coef_lower"`
	Coef      float64 `json:"coef"`
	Upper     float64 `json:"coef_upper"`
}

// RegressorCoefficients returns the coefficients of all regressors, with an interval of Options.IntervalWidth over the
// draws; with a single draw Lower and Upper equal Coef.
func (f *Fitted) RegressorCoefficients() []RegressorCoefficient {
	out := make([]RegressorCoefficient, len(f.s.Regressors))
	first := len(f.layout.columns) - len(f.s.Regressors)
	tail := (1 - f.s.Options.IntervalWidth) / 2
	for i, g := range f.s.Regressors {
		scale := 1 / g.Std
		if g.Mode == Additive {
			scale = f.s.YScale / g.Std
		}
		draws := make([]float64, f.s.Params.Draws())
		var sum float64
		for d := range draws {
			draws[d] = f.s.Params.Beta[d][first+i] * scale
			sum += draws[d]
		}
		sort.Float64s(draws)
		out[i] = RegressorCoefficient{Regressor: g.Name, Mode: g.Mode, Center: g.Mu, Coef: sum / float64(len(draws)),
			Lower: sortedQuantile(draws, tail), Upper: sortedQuantile(draws, 1-tail)}
	}
	return out
}
