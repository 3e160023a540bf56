package theta

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// format is the version of the serialised fit; increment it when the fields of fitted change.
const format = 1

// fitted is the fit. Levels, intercepts and values of the line are logarithms of ratios to the first close.
type fitted struct {
	Format  int         `json:"format"`
	Model   string      `json:"model"`
	Origin  etf.Session `json:"origin"`
	From    etf.Session `json:"from"`
	First   float64     `json:"first"` // first close of the window
	Last    float64     `json:"last"`  // close at the origin
	Alpha   float64     `json:"alpha"`
	Share   float64     `json:"share"`   // 1 - 1/theta
	Initial float64     `json:"initial"` // level before the first session
	Squares float64     `json:"squares"` // weighted sum of squared errors of the fit
	// LogLikelihood is that of the fit, without its first three rows.
	LogLikelihood float64 `json:"log_likelihood"`
	Level         float64 `json:"level"`    // at the origin
	Sessions      int     `json:"sessions"` // of the window, to the origin
	Line          line    `json:"line"`     // of the fit; that of the dynamic model goes on
	Constant      float64 `json:"constant"` // standard deviation of all errors of the fit
	Volatility    string  `json:"volatility"`
	Decay         float64 `json:"decay"`
	Recent        float64 `json:"recent"`  // exponentially weighted sum of squared errors, to the origin
	Weights       float64 `json:"weights"` // sum of their weights
	Floor         float64 `json:"floor"`
	Rows          int     `json:"rows"`
	Gaps          int     `json:"gaps"` // rows with more than one session since the row before
}

func (f *fitted) dynamic() bool { return f.Model == string(Dynamic) }

func (f *fitted) check() error {
	for _, v := range []float64{f.First, f.Last, f.Initial, f.Constant, f.Recent, f.Squares, f.LogLikelihood, f.Level, f.Line.X, f.Line.Y, f.Line.XX, f.Line.XY} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("first close %v, last %v, initial level %v, level %v, errors %v and %v, line %+v", f.First, f.Last, f.Initial, f.Level, f.Constant, f.Recent, f.Line)
		}
	}
	if !(f.First > 0) || !(f.Last > 0) || !(f.Alpha >= minAlpha && f.Alpha <= maxAlpha) || !(f.Share >= 0 && f.Share < 1) ||
		!(f.Line.XX > 0) || f.Line.N < 2 || f.Sessions < f.Line.N || f.Rows < leastRows || f.Origin <= f.From {
		return fmt.Errorf("first close %v, last %v, alpha %v, share %v, sessions %d, rows %d, line %+v", f.First, f.Last, f.Alpha, f.Share, f.Sessions, f.Rows, f.Line)
	}
	if f.Volatility != EWMA && f.Volatility != Constant || !(f.Decay > 0 && f.Decay < 1) || !(f.Floor > 0 && f.Floor < 1) || f.Constant < 0 || f.Recent < 0 || !(f.Weights >= 1) {
		return fmt.Errorf("volatility %q, decay %v, floor %v, errors %v and %v of weight %v", f.Volatility, f.Decay, f.Floor, f.Constant, f.Recent, f.Weights)
	}
	return nil
}

// learn takes an error of a row, k sessions after the one before it, into the exponentially weighted volatility.
func (f *fitted) learn(e float64, k int) {
	f.Recent = f.Decay*f.Recent + e*e/(1+float64(k-1)*f.Alpha*f.Alpha)
	f.Weights = f.Decay*f.Weights + 1
}

// sigma is the standard deviation of the next error, and whether it was raised to the floor.
func (f *fitted) sigma() (float64, bool) {
	sigma := f.Constant
	if f.Volatility == EWMA {
		sigma = math.Sqrt(f.Recent / f.Weights)
	}
	return max(sigma, f.Floor), sigma < f.Floor
}

// state is where the model stands at the origin.
func (f *fitted) state() state {
	a, b := f.Line.coefficients()
	return state{level: f.Level, decay: faded(math.Pow(1-f.Alpha, float64(f.Sessions))), a: a, b: b}
}

// Filter implements forecast.Filterer: the parameters and a constant volatility are kept; level, EWMA and, in the dynamic model, the line go on.
func (f *fitted) Filter(ctx context.Context, s forecast.Series) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	from, err := s.After(f.Origin)
	if err != nil {
		return nil, err
	}
	next, st := *f, f.state()
	for i := from; i < len(s.Close); i++ {
		k := s.Step(i)
		if k > 1 {
			next.Gaps++
		}
		next.Sessions += k
		next.Rows++
		y := forecast.LogReturn(f.First, s.Close[i])
		next.learn(y-st.expect(f.Alpha, f.Share, k), k)
		st.observe(f.Alpha, y)
		if f.dynamic() {
			next.Line.add(float64(next.Sessions), y)
			st.a, st.b = next.Line.coefficients()
		}
	}
	next.Level, next.Origin, next.Last = st.level, s.Origin, s.Close[len(s.Close)-1]
	if err := next.check(); err != nil {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite level", Err: err}
	}
	return &next, nil
}

// paths returns mean and variance of the logarithm of the close at horizons 1 to n, relative to the first close.
func (f *fitted) paths(n int) (mean, variance []float64) {
	mean, variance = make([]float64, n), make([]float64, n)
	st, l := f.state(), f.Line
	for h := range mean {
		mean[h] = st.expect(f.Alpha, f.Share, 1)
		st.observe(f.Alpha, mean[h])
		if f.dynamic() {
			l.add(float64(f.Sessions+h+1), mean[h])
			st.a, st.b = l.coefficients()
		}
	}
	sigma, _ := f.sigma()
	v := sigma * sigma
	if !f.dynamic() {
		for h := range variance {
			variance[h] = v * (1 + float64(h)*f.Alpha*f.Alpha)
		}
		return mean, variance
	}
	for from := range n { // the effect of a unit error at horizon from+1 on the closes after it
		variance[from] += v
		l, st := f.Line, f.state()
		l.Y, l.XY = 0, 0
		for h := range from {
			l.add(float64(f.Sessions+h+1), 0)
			st.observe(f.Alpha, 0)
		}
		st.level, st.a, st.b = 0, 0, 0
		effect := 1.
		for h := from; ; {
			st.observe(f.Alpha, effect)
			l.add(float64(f.Sessions+h+1), effect)
			st.a, st.b = l.coefficients()
			if h++; h == n {
				break
			}
			effect = st.expect(f.Alpha, f.Share, 1)
			variance[h] += v * effect * effect
		}
	}
	return mean, variance
}

func (f *fitted) forecast(targets []etf.Session) forecast.LogNormal {
	mean, variance := f.paths(min(len(targets), 2*etf.MaxHorizon))
	return forecast.LogNormal{Base: f.First, Origin: f.Origin, At: func(h int) (float64, float64) { return mean[h-1], variance[h-1] }}
}

// Predict implements forecast.Fitted.
func (f *fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	return f.forecast(targets).Points(targets)
}

// Tails implements forecast.TailForecaster.
func (f *fitted) Tails(targets []etf.Session) ([][2]float64, error) {
	return f.forecast(targets).Tails(targets)
}

// Diagnostics implements forecast.Fitted. "drift" is what the next session's expectation adds to the level.
func (f *fitted) Diagnostics() map[string]string {
	st := f.state()
	sigma, floored := f.sigma()
	d := map[string]string{
		"status":         "ok",
		"rows":           strconv.Itoa(f.Rows),
		"from":           f.From.String(),
		"alpha":          number(f.Alpha),
		"theta":          number(1 / (1 - f.Share)),
		"drift":          number(f.Share * st.drift(f.Alpha)),
		"sigma":          number(sigma),
		"squares":        number(f.Squares),
		"log_likelihood": number(f.LogLikelihood),
		"gaps":           strconv.Itoa(f.Gaps),
	}
	if floored {
		d["status"] = "sigma raised to the floor: the closes hardly move"
	}
	return d
}

// MarshalBinary implements forecast.Fitted. It writes JSON, floats as the shortest text that reads back exactly.
func (f *fitted) MarshalBinary() ([]byte, error) {
	b, err := json.Marshal(f)
	return b, etf.Wrap(etf.KindInternal, err, "writing a theta fit")
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
