package garch

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// format is the version of the serialised fit; increment it when the fields of state change.
const format = 1

// state is what is stored of a fit. Mu, Omega and Variance are of log returns in percent, per session.
type state struct {
	Format        int         `json:"format"`
	Model         string      `json:"model"`
	Origin        etf.Session `json:"origin"`
	From          etf.Session `json:"from"`
	Last          float64     `json:"last"` // close at the origin
	Floor         float64     `json:"floor"`
	Mu            float64     `json:"mu"`
	Omega         float64     `json:"omega"`
	Alpha         float64     `json:"alpha"`
	Gamma         float64     `json:"gamma"`
	Beta          float64     `json:"beta"`
	Nu            float64     `json:"nu"`
	Lambda        float64     `json:"lambda"`
	Variance      float64     `json:"variance"`       // of the next session
	LogLikelihood float64     `json:"log_likelihood"` // of the returns fitted, in percent
	Rows          int         `json:"rows"`           // fitted
	Filtered      int         `json:"filtered"`       // rows since
	Gaps          int         `json:"gaps"`           // returns over more than one session, of those fitted
	Status        string      `json:"status"`
}

// fitted is a fit.
type fitted struct {
	state
	shape *shape
}

func (f *state) theta() theta {
	return theta{f.Mu, f.Omega, f.Alpha, f.Gamma, f.Beta, f.Nu, f.Lambda}
}

// bounded returns a variance that a forecast can be made with: at least the floor's, at most that of a move to e times the price and back
// every session.
func (f *state) bounded(variance float64) float64 {
	return min(max(variance, 1e4*f.Floor*f.Floor), 1e4)
}

func (f *state) check() error {
	p := f.theta()
	if !p.sound() || !(f.Last > 0) || math.IsInf(f.Last, 0) || !(f.Variance > 0) || math.IsInf(f.Variance, 0) || math.IsNaN(f.LogLikelihood) || math.IsInf(f.LogLikelihood, 0) ||
		!(f.Floor > 0) || f.Rows < 2 || f.Filtered < 0 || f.Origin <= f.From || f.Status == "" {
		return fmt.Errorf("parameters %+v, variance %v, log likelihood %v, last close %v, rows %d, origin %s", p, f.Variance, f.LogLikelihood, f.Last, f.Rows, f.Origin)
	}
	return nil
}

// price returns the price a log return in percent away from the last close. Moves beyond a factor of e^20 are cut off, and so is what no
// number can hold.
func (f *fitted) price(percent float64) float64 {
	return min(max(f.Last*math.Exp(min(max(percent/100, -20), 20)), math.SmallestNonzeroFloat64), math.MaxFloat64)
}

// Predict implements forecast.Fitted.
func (f *fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	if err := forecast.CheckTargets(f.Origin, targets); err != nil {
		return nil, err
	}
	quantiles := f.shape.quantiles(f.Variance, len(targets))
	points := make([]etf.ForecastPoint, len(targets))
	total := 0.0
	for i, v := range f.shape.p.path(f.Variance, len(targets)) {
		p := etf.ForecastPoint{Horizon: i + 1, Target: targets[i]}
		centre := float64(i+1) * f.Mu
		for k, q := range quantiles[i][1 : len(levels)-1] {
			p.Quantiles[k] = f.price(centre + q)
		}
		// The mean of the price itself is infinite, because the moments of exp(t) are.
		total += v
		p.Mean = min(max(f.price(centre+total/200), p.Quantiles[0]), p.Quantiles[len(p.Quantiles)-1])
		points[i] = p
	}
	if err := forecast.Check(points); err != nil {
		return nil, fmt.Errorf("%s forecast with a variance of %v: %w", f.Model, f.Variance, err)
	}
	return points, nil
}

// Tails implements forecast.TailForecaster.
func (f *fitted) Tails(targets []etf.Session) ([][2]float64, error) {
	if err := forecast.CheckTargets(f.Origin, targets); err != nil {
		return nil, err
	}
	tails := make([][2]float64, len(targets))
	for i, q := range f.shape.quantiles(f.Variance, len(targets)) {
		centre := float64(i+1) * f.Mu
		tails[i] = [2]float64{f.price(centre + q[0]), f.price(centre + q[len(q)-1])}
	}
	return tails, nil
}

// Filter implements forecast.Filterer: the variance goes on by its recursion, with the parameters as they were fitted.
func (f *fitted) Filter(ctx context.Context, s forecast.Series) (forecast.Fitted, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := len(s.Sessions)
	if len(s.Close) != n || s.Steps != nil && len(s.Steps) != n {
		return nil, s.Validate(1)
	}
	at, found := slices.BinarySearch(s.Sessions, f.Origin)
	if !found {
		return nil, etf.Invalid("sessions", fmt.Sprintf("the series has no row of %s, the origin of the fit", f.Origin), "fit the model again")
	}
	rest := s
	rest.Sessions, rest.Close = s.Sessions[at:], s.Close[at:]
	if s.Steps != nil {
		rest.Steps = s.Steps[at:]
	}
	if err := rest.Validate(1); err != nil {
		return nil, err
	}
	out := &fitted{state: f.state, shape: f.shape}
	out.Origin, out.Last = s.Origin, s.Close[n-1]
	out.Filtered += n - 1 - at
	p := &f.shape.p
	for i := 1; i < len(rest.Close); i++ {
		root := math.Sqrt(float64(rest.Step(i)))
		residual := percent(rest.Close[i-1], rest.Close[i])/root - p.mu*root
		out.Variance = out.bounded(p.next(out.Variance, residual))
	}
	return out, nil
}

// Diagnostics implements forecast.Fitted. Mu and omega are of log returns in percent, sigma is the standard deviation of the next session's
// log return as a fraction.
func (f *fitted) Diagnostics() map[string]string {
	p := f.theta()
	d := map[string]string{
		"status":         f.Status,
		"rows":           strconv.Itoa(f.Rows),
		"filtered":       strconv.Itoa(f.Filtered),
		"from":           f.From.String(),
		"gaps":           strconv.Itoa(f.Gaps),
		"mu":             number(f.Mu),
		"omega":          number(f.Omega),
		"alpha":          number(f.Alpha),
		"beta":           number(f.Beta),
		"nu":             number(f.Nu),
		"persistence":    number(p.persistence()),
		"log_likelihood": number(f.LogLikelihood),
		"sigma":          number(math.Sqrt(f.Variance) / 100),
	}
	if f.Model == NameGJR {
		d["gamma"], d["lambda"] = number(f.Gamma), number(f.Lambda)
	}
	return d
}

// MarshalBinary implements forecast.Fitted. It writes JSON, floats as the shortest text that reads back exactly.
func (f *fitted) MarshalBinary() ([]byte, error) {
	b, err := json.Marshal(f.state)
	return b, etf.Wrap(etf.KindInternal, err, "writing a "+f.Model+" fit")
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
