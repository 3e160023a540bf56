package main

import (
	"context"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// signal1 is the name of the model that can find the simulated signal.
const signal1 = "ar1"

// ar1 forecasts autoregressive returns with the benchmark's volatility: the model that is right about the simulated signal, and differs from
// the benchmark in nothing else.
type ar1 struct{}

func (ar1) Name() string   { return signal1 }
func (ar1) Params() string { return "{}" }
func (ar1) MinRows() int   { return 100 }
func (ar1) MaxRows() int   { return 0 }

func (ar1) Fit(_ context.Context, s forecast.Series, _ uint64, _ forecast.Progress) (forecast.Fitted, error) {
	n := len(s.Close)
	f := fit{origin: s.Origin, n: n, last: s.Close[n-1], mean: math.Log(s.Close[n-1]/s.Close[0]) / float64(n-1)}
	var products, squares, before float64
	for i := 1; i < n; i++ {
		e := math.Log(s.Close[i]/s.Close[i-1]) - f.mean
		products += before * e
		squares += e * e
		before = e
	}
	f.phi, f.residual = products/squares, before
	f.spread = math.Sqrt(squares / float64(n-2))
	f.roll(s, 1)
	return f, nil
}

func (ar1) Restore([]byte) (forecast.Fitted, error) {
	return nil, etf.Invalid("model", "the model of a simulation is not stored", "fit it again")
}

type fit struct {
	origin              etf.Session
	n                   int
	last, mean, phi     float64
	residual            float64 // last return less the mean
	sum, weight, spread float64
}

// roll carries volatility and residual on over the rows from the given one.
func (f *fit) roll(s forecast.Series, from int) {
	const decay = .94
	before := 0.0
	if from > 1 {
		before = f.residual
	}
	for i := from; i < len(s.Close); i++ {
		e := math.Log(s.Close[i]/s.Close[i-1]) - f.mean
		u := e - f.phi*before
		f.sum, f.weight, before = decay*f.sum+u*u, decay*f.weight+1, e
	}
	f.residual, f.last, f.origin, f.n = before, s.Close[len(s.Close)-1], s.Origin, len(s.Close)
}

// Filter implements forecast.Filterer.
func (f fit) Filter(_ context.Context, s forecast.Series) (forecast.Fitted, error) {
	f.roll(s, f.n)
	return f, nil
}

// at returns mean and standard deviation of the log price.
func (f fit) at(h int) (centre, sd float64) {
	centre = math.Log(f.last) + f.mean*float64(h)
	variance, weight, power := 0.0, 0.0, 1.0
	for range h {
		weight += power // of the newest of the coming shocks' sums
		variance += weight * weight
		power *= f.phi
		centre += f.residual * power
	}
	s := f.sum / f.weight
	return centre, math.Sqrt(variance*s + float64(h*h)*f.spread*f.spread/float64(f.n))
}

func (f fit) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	list := make([]etf.ForecastPoint, len(targets))
	for i, target := range targets {
		centre, sd := f.at(i + 1)
		list[i] = etf.ForecastPoint{Horizon: i + 1, Target: target, Mean: math.Exp(centre + sd*sd/2)}
		for k, level := range etf.QuantileLevels {
			list[i].Quantiles[k] = math.Exp(centre + sd*distuv.UnitNormal.Quantile(level))
		}
	}
	return list, nil
}

func (f fit) Tails(targets []etf.Session) ([][2]float64, error) {
	list := make([][2]float64, len(targets))
	for i := range targets {
		centre, sd := f.at(i + 1)
		for k, level := range etf.TailLevels {
			list[i][k] = math.Exp(centre + sd*distuv.UnitNormal.Quantile(level))
		}
	}
	return list, nil
}

func (fit) Diagnostics() map[string]string { return map[string]string{"status": "ok"} }
func (fit) MarshalBinary() ([]byte, error) { return []byte("{}"), nil }
