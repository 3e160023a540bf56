package prophet

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// Context is how many rows before the end Carry is best given: those that a new row is judged by.
const Context = 2 * spikeWindow

// Carry returns the model at the end of later rows, without estimating anything: trend and seasonalities go on as they were fitted, and the
// residual of Market.ResidualAR1, where a forecast starts, is that of the last row, as after a fit. What remains uncertain of the trend
// counts from there. The rows have ds and y; rows before from are known to the model and are only what the new ones, from on, are judged
// by: up to Context of them, the last being the one that the model ends with. The cost is that of the rows given.
//
// KindInvalid if the model has no residual that is carried, if the rows are not sorted by date or if the new ones are not after the model's end.
func (p *Forecaster) Carry(ctx context.Context, frame *Frame, from int) (*Forecaster, error) {
	f := p.f
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !f.s.Options.Market.ResidualAR1 || len(f.s.Regressors) > 0 {
		return nil, etf.Invalid("market.residual_ar1", "only a model with residual_ar1 and without regressors can be carried on", "fit it again")
	}
	n := frame.Len()
	if from < 1 || from > n || len(frame.Y) != n || !slices.IsSorted(frame.DS) {
		return nil, etf.Invalid("ds", fmt.Sprintf("%d rows with %d values, of which the first %d are known, are not sorted or too few", n, len(frame.Y), from), "give the row that the model ends with and those after it")
	}
	if err := frame.check(); err != nil {
		return nil, err
	}
	m := Model{o: f.s.Options}
	y, err := m.fittedUnits(frame)
	if err != nil {
		return nil, err
	}
	r, err := f.s.Options.prepare(frame, &scales{yMin: f.s.YMin, yScale: f.s.YScale, logisticFloor: f.s.LogisticFloor, clock: f.clock}, f.s.Seasonalities, y)
	if err != nil {
		return nil, err
	}
	const remedy = "give the row that the model ends with, the rows after it, and up to ten before it"
	if r.t[from-1] != f.until() {
		return nil, etf.Invalid(rowField("ds", from-1), fmt.Sprintf("%s is not the session that the model ends with", r.ds[from-1]), remedy)
	}
	for i := from; i < n; i++ {
		if r.ds[i] == r.ds[i-1] {
			return nil, etf.Invalid(rowField("ds", i), fmt.Sprintf("there are two rows of %s", r.ds[i]), remedy)
		}
	}
	x, err := f.features(r)
	if err != nil {
		return nil, err
	}
	e := f.distances(r, x)
	usual, df := f.usual()
	doubted := f.doubts(y, r.t, f.spikesOf(y, r.t, df, usual*f.s.YScale))
	next := *f
	next.s.History, next.s.HistoryDates = History{}, nil
	next.given, next.residuals, next.doubted = given{}, nil, nil
	if next.end = r.t[n-1]; next.end == 1 {
		next.end = 0
	}
	end := next.until()
	next.residual.Behind += f.clock.steps(f.until(), end)
	if v := f.volatility; v != nil {
		own := *v
		next.volatility = &own
	}
	for i := from; i < n; i++ {
		if doubted[i] {
			continue
		}
		// The residual before it is that of the last believed row: the model's own, if that is not new.
		before, k := next.residual.Last, next.residual.Behind-f.clock.steps(r.t[i], end)
		if next.volatility != nil {
			next.volatility.take(next.residual.innovation(before, e[i], k))
		}
		next.residual.Last, next.residual.Behind = e[i], f.clock.steps(r.t[i], end)
	}
	next.applyVolatility()
	if v := next.residual; math.IsNaN(v.Last) || math.IsInf(v.Last, 0) || math.IsInf(v.Innovation, 0) {
		return nil, errNotFinite("the rows have no finite distance from the model")
	}
	return &Forecaster{&next}, nil
}

// usual returns scale and degrees of freedom of the innovations that the model was fitted with, whatever the volatility is now.
func (f *Fitted) usual() (innovation, df float64) {
	if r := f.s.Report; r.Innovation > 0 {
		return r.Innovation, r.DF
	}
	return f.residual.Innovation, f.residual.DF
}

// innovation returns the innovation, per session, that leads from one residual to another k sessions later.
func (e Residual) innovation(from, to float64, k int) float64 {
	k = max(k, 1)
	return (to - math.Pow(e.Phi, float64(k))*from) / spread(e.Phi, k)
}

// Volatility lets the innovations of Market.ResidualAR1 follow the market: their variance is an exponentially weighted average of squared
// innovations, taken around 0, on scaled y. What an innovation is in units of the root of the average before it has Student's t distribution
// (DF 0 = normal) of scale Scale, estimated from the history.
type Volatility struct {
	Decay   float64 `json:"decay"`   // of the weights, per row, in (0,1)
	Floor   float64 `json:"floor"`   // the smallest root of the average
	Squares float64 `json:"squares"` // weighted sum of squares
	Weights float64 `json:"weights"` // sum of the weights
	Scale   float64 `json:"scale"`
	DF      float64 `json:"df"`
}

func (v *Volatility) check() error {
	if !(v.Decay > 0 && v.Decay < 1) || !(v.Floor >= 0) || !(v.Squares >= 0) || !(v.Weights >= 1) || !(v.Scale > 0) || !validDF(v.DF) ||
		math.IsInf(v.Squares+v.Weights+v.Scale+v.Floor, 1) {
		return corrupt("volatility", fmt.Sprintf("%+v is out of range", *v))
	}
	return nil
}

// root is the expected size of the next innovation.
func (v *Volatility) root() float64 { return max(math.Sqrt(v.Squares/v.Weights), v.Floor) }

func (v *Volatility) take(innovation float64) {
	v.Squares = v.Decay*v.Squares + innovation*innovation
	v.Weights = v.Decay*v.Weights + 1
}

// applyVolatility makes the residual's innovations those of the next session.
func (f *Fitted) applyVolatility() {
	if v := f.volatility; v != nil {
		f.residual.Innovation, f.residual.DF = v.root()*v.Scale, v.DF
	}
}

// volatilityWarmUp is how many innovations start the average before others are measured by it: the effective number in an average of decay .94.
const volatilityWarmUp = 33

// FollowVolatility returns the model with innovations whose volatility follows the market, by an average of this decay that is at least floor, a
// change of the fitted y (a logarithm with Market.LogScale). Everything else stays as it was fitted. Rows that are doubted do not count.
// KindInvalid if the model has no residual that is carried, no history, or fewer than twice 33 rows.
func (f *Fitted) FollowVolatility(decay, floor float64) (*Forecaster, error) {
	e, t := f.residuals, f.s.History.T
	switch {
	case !f.s.Options.Market.ResidualAR1:
		return nil, etf.Invalid("market.residual_ar1", "without residual_ar1 there are no innovations", "turn it on")
	case len(e) < 2*volatilityWarmUp:
		return nil, etf.Invalid("history", fmt.Sprintf("%d rows are too few for a volatility that changes", len(e)), fmt.Sprintf("give %d rows or more", 2*volatilityWarmUp))
	case !(decay > 0 && decay < 1) || !(floor > 0):
		return nil, etf.Invalid("volatility", fmt.Sprintf("decay %v or floor %v is out of range", decay, floor), "use .94 and 1e-5")
	}
	v := &Volatility{Decay: decay, Floor: floor / f.s.YScale}
	z := make([]float64, 0, len(e))
	for i := 1; i < len(e); i++ {
		if f.doubted != nil && f.doubted[i] {
			continue
		}
		last := believed(f.doubted, i)
		u := f.residual.innovation(e[last], e[i], f.clock.steps(t[last], t[i]))
		if v.Weights > 0 {
			z = append(z, u/v.root())
		}
		v.take(u)
	}
	if len(z) > volatilityWarmUp {
		v.DF, v.Scale = tails(z[volatilityWarmUp:])
	}
	if !(v.Scale > 0) { // nothing ever changes: the floor is the volatility
		v.DF, v.Scale = 0, 1
	}
	next := *f
	next.volatility = v
	next.applyVolatility()
	return &Forecaster{&next}, nil
}
