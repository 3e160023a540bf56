package histsim

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// format is the version of the serialised fit; increment it when the fields of stored change.
const format = 1

// stored is what a fit consists of. Log returns are natural, per session.
type stored struct {
	Format    int         `json:"format"`
	Model     string      `json:"model"`
	Origin    etf.Session `json:"origin"`
	From      etf.Session `json:"from"`
	Last      float64     `json:"last"`  // close at the origin
	Drift     float64     `json:"drift"` // mean log return
	Squares   float64     `json:"squares"`
	Weights   float64     `json:"weights"` // sigma² is Squares/Weights
	Decay     float64     `json:"decay"`
	Floor     float64     `json:"floor"`
	Residuals residuals   `json:"residuals"` // ascending, with mean 0
	Flat      bool        `json:"flat"`      // there are none, and these are a normal distribution's
	Paths     int         `json:"paths"`
	Seed      uint64      `json:"seed"`
	Rows      int         `json:"rows"`
	Gaps      int         `json:"gaps"` // returns over more than one session
}

// residuals are written as base64 of their bits, four bytes each, little-endian.
type residuals []float32

// MarshalJSON implements json.Marshaler.
func (r residuals) MarshalJSON() ([]byte, error) {
	raw := make([]byte, 0, 4*len(r))
	for _, v := range r {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return json.Marshal(raw)
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *residuals) UnmarshalJSON(text []byte) error {
	var raw []byte
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	if len(raw)%4 != 0 {
		return fmt.Errorf("%d bytes of residuals are no multiple of 4", len(raw))
	}
	*r = make(residuals, len(raw)/4)
	for i := range *r {
		(*r)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// sigma returns the standard deviation of the next session's innovation, and whether that is the floor.
func (e *stored) sigma() (float64, bool) {
	s := math.Sqrt(e.Squares / e.Weights)
	return max(s, e.Floor), s < e.Floor
}

// carry takes in the rows of s from row from on, and calls residual for each with its innovation in units of the volatility before it; 0 for
// the first.
func (e *stored) carry(s forecast.Series, from int, residual func(z float64)) {
	for i := from; i < len(s.Close); i++ {
		k := float64(s.Step(i))
		if k > 1 {
			e.Gaps++
		}
		innovation := (forecast.LogReturn(s.Close[i-1], s.Close[i]) - k*e.Drift) / math.Sqrt(k)
		z := 0.
		if e.Weights > 0 {
			sigma, _ := e.sigma()
			z = innovation / sigma
		}
		residual(z)
		e.Squares = e.Decay*e.Squares + innovation*innovation
		e.Weights = e.Decay*e.Weights + 1
		e.Rows++
	}
	e.Origin, e.Last = s.Origin, s.Close[len(s.Close)-1]
}

func (e *stored) check() error {
	sigma, _ := e.sigma()
	if !(e.Last > 0) || math.IsInf(e.Last, 0) || !(math.Abs(e.Drift) < math.MaxFloat64) || !(e.Squares >= 0) || !(e.Weights >= 1) || math.IsInf(sigma, 0) ||
		!(e.Decay > 0 && e.Decay < 1) || !(e.Floor > 0 && e.Floor < 1) || e.Paths < leastPaths || e.Paths > mostPaths || e.Rows < 2 || e.Origin <= e.From {
		return fmt.Errorf("last close %v, drift %v, squares %v, weights %v, decay %v, floor %v, paths %d, rows %d, origin %s", e.Last, e.Drift, e.Squares, e.Weights,
			e.Decay, e.Floor, e.Paths, e.Rows, e.Origin)
	}
	if n := len(e.Residuals); n < leastReturns-warmUp || n > mostWindow {
		return fmt.Errorf("%d residuals", n)
	}
	for i, z := range e.Residuals {
		if math.IsNaN(float64(z)) || math.IsInf(float64(z), 0) || i > 0 && z < e.Residuals[i-1] {
			return fmt.Errorf("residual %d is %v", i, z)
		}
	}
	return nil
}

// fitted is a fit.
type fitted struct {
	stored
	shape *shape

	mu   sync.Mutex
	last simulated // the last forecast asked for: Predict and Tails share one simulation
}

// simulated is a forecast of targets. It is not changed once made.
type simulated struct {
	targets []etf.Session
	points  []etf.ForecastPoint
	tails   [][2]float64
}

func newFitted(e stored) (*fitted, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return &fitted{stored: e, shape: newShape(e)}, nil
}

// Filter implements forecast.Filterer: drift and residuals are kept, the volatility goes on.
func (f *fitted) Filter(ctx context.Context, s forecast.Series) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	from, err := s.After(f.Origin)
	if err != nil {
		return nil, err
	}
	next := &fitted{stored: f.stored, shape: f.shape}
	next.carry(s, from, func(float64) {})
	if sigma, _ := next.sigma(); math.IsInf(sigma, 0) || math.IsNaN(sigma) {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "close", Message: "closes of " + string(s.Symbol) + " have no finite volatility"}
	}
	return next, nil
}

// Predict implements forecast.Fitted.
func (f *fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	s, err := f.simulate(targets)
	return slices.Clone(s.points), err
}

// Tails implements forecast.TailForecaster.
func (f *fitted) Tails(targets []etf.Session) ([][2]float64, error) {
	s, err := f.simulate(targets)
	return slices.Clone(s.tails), err
}

// simulate returns the forecast of the targets.
func (f *fitted) simulate(targets []etf.Session) (simulated, error) {
	if err := forecast.CheckTargets(f.Origin, targets); err != nil {
		return simulated{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(f.last.targets, targets) {
		return f.last, nil
	}
	sigma, _ := f.sigma()
	s := simulated{slices.Clone(targets), make([]etf.ForecastPoint, len(targets)), make([][2]float64, len(targets))}
	last := len(levels) - 1
	f.shape.forecast(sigma, len(targets), func(h int, mean float64, q *[9]float64) {
		base := f.Last * math.Exp(float64(h)*f.Drift)
		p := etf.ForecastPoint{Horizon: h, Target: targets[h-1], Mean: base * mean}
		for k := range p.Quantiles {
			p.Quantiles[k] = base * math.Exp(q[k+1])
		}
		s.points[h-1], s.tails[h-1] = p, [2]float64{base * math.Exp(q[0]), base * math.Exp(q[last])}
	})
	if err := forecast.Check(s.points); err != nil {
		return simulated{}, fmt.Errorf("simulating with sigma %v a session: %w", sigma, err)
	}
	if err := forecast.CheckTails(s.points, s.tails); err != nil {
		return simulated{}, fmt.Errorf("simulating with sigma %v a session: %w", sigma, err)
	}
	f.last = s
	return s, nil
}

// Diagnostics implements forecast.Fitted. "scale" and "kurtosis" are the residuals' standard deviation and their fourth moment in units of it.
func (f *fitted) Diagnostics() map[string]string {
	sigma, floored := f.sigma()
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	d := map[string]string{
		"status":    "ok",
		"rows":      strconv.Itoa(f.Rows),
		"from":      f.From.String(),
		"drift":     number(f.Drift),
		"sigma":     number(sigma),
		"residuals": strconv.Itoa(len(f.Residuals)),
		"scale":     number(math.Sqrt(f.shape.variance)),
		"kurtosis":  number(f.shape.kurtosis),
		"gaps":      strconv.Itoa(f.Gaps),
	}
	if floored || f.Flat {
		d["status"] = "sigma raised to the floor: the closes hardly move"
	}
	return d
}

// MarshalBinary implements forecast.Fitted. It writes JSON, floats as the shortest text that reads back exactly.
func (f *fitted) MarshalBinary() ([]byte, error) {
	b, err := json.Marshal(f.stored)
	return b, etf.Wrap(etf.KindInternal, err, "writing a histsim fit")
}
