package forecast

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
)

// normalQuantiles are the standard normal quantiles at etf.QuantileLevels, symmetric so that the median is exactly exp of the mean
// logarithm; normalTail is that at the upper of etf.TailLevels, whose negative is that at the lower.
var (
	normalQuantiles = func() (z [len(etf.QuantileLevels)]float64) {
		for i, p := range etf.QuantileLevels[:len(z)/2] {
			z[i] = distuv.UnitNormal.Quantile(p)
			z[len(z)-1-i] = -z[i]
		}
		return z
	}()
	normalTail = -distuv.UnitNormal.Quantile(etf.TailLevels[0])
)

// LogNormal is the forecast of a model whose log close at horizon h is normal: its mean is the logarithm of Base, a price, plus At's centre.
type LogNormal struct {
	Base   float64
	Origin etf.Session
	At     func(h int) (centre, variance float64)
}

// Points returns a point for each target: quantiles and the lognormal mean. They pass Check. Errors are those of Fitted.Predict.
func (l LogNormal) Points(targets []etf.Session) ([]etf.ForecastPoint, error) {
	if err := CheckTargets(l.Origin, targets); err != nil {
		return nil, err
	}
	points := make([]etf.ForecastPoint, len(targets))
	for i, target := range targets {
		centre, v := l.At(i + 1)
		sd := math.Sqrt(v)
		p := etf.ForecastPoint{Horizon: i + 1, Target: target, Mean: l.Base * math.Exp(centre+v/2)}
		for k, z := range normalQuantiles {
			p.Quantiles[k] = l.Base * math.Exp(centre+z*sd)
		}
		points[i] = p
	}
	if err := Check(points); err != nil {
		return nil, err
	}
	return points, nil
}

// Tails returns a pair for each target that with Points passes CheckTails. Errors are those of TailForecaster.
func (l LogNormal) Tails(targets []etf.Session) ([][2]float64, error) {
	if err := CheckTargets(l.Origin, targets); err != nil {
		return nil, err
	}
	tails := make([][2]float64, len(targets))
	for i := range targets {
		centre, v := l.At(i + 1)
		sd := math.Sqrt(v)
		tails[i] = [2]float64{l.Base * math.Exp(centre-normalTail*sd), l.Base * math.Exp(centre+normalTail*sd)}
		if !positive(tails[i][0]) || !positive(tails[i][1]) {
			return nil, &etf.Error{Kind: etf.KindInternal, Field: fmt.Sprintf("tails[%d]", i),
				Message: fmt.Sprintf("tails %v and %v are not positive numbers", tails[i][0], tails[i][1])}
		}
	}
	return tails, nil
}
