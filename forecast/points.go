package forecast

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

// maxTargets is how many sessions after the last row of its series a model predicts at most: the longest horizon, after the
// most sessions that a held origin may skip.
const maxTargets = etf.MaxHorizon + etf.MaxHeld

// Targets returns the sessions of horizons 1..n after the origin. Errors: KindInvalid if n is outside 1 to
// etf.MaxHorizon + etf.MaxHeld, and the calendar's own error if it does not extend that far.
func Targets(cal Calendar, origin etf.Session, n int) ([]etf.Session, error) {
	if n < 1 || n > maxTargets {
		return nil, etf.Invalid("horizon", fmt.Sprintf("%d sessions ahead are out of range", n), fmt.Sprintf("ask for 1 to %d", maxTargets))
	}
	out := make([]etf.Session, n)
	at := origin
	for i := range out {
		next, err := cal.Next(at)
		if err != nil {
			return nil, fmt.Errorf("target session of horizon %d after %s: %w", i+1, origin, err)
		}
		out[i], at = next, next
	}
	return out, nil
}

// CheckTargets checks that targets are 1 to etf.MaxHorizon + etf.MaxHeld sessions, strictly ascending and all after the origin.
func CheckTargets(origin etf.Session, targets []etf.Session) error {
	if len(targets) < 1 || len(targets) > maxTargets {
		return etf.Invalid("targets", fmt.Sprintf("%d target sessions", len(targets)), fmt.Sprintf("give 1 to %d", maxTargets))
	}
	prev := origin
	for i, t := range targets {
		if t <= prev {
			return etf.Invalid(fmt.Sprintf("targets[%d]", i), fmt.Sprintf("%s does not come after %s", t, prev), "give the sessions after the origin in order")
		}
		prev = t
	}
	return nil
}

// Check checks a forecast before it is stored: horizons 1, 2, 3, ... in order, targets ascending, all values
// finite and positive, quantiles non-decreasing. An error is a bug in the model (KindInternal).
func Check(points []etf.ForecastPoint) error {
	for i, p := range points {
		field := fmt.Sprintf("points[%d]", i)
		internal := func(message string) error {
			return &etf.Error{Kind: etf.KindInternal, Field: field, Message: message}
		}
		if p.Horizon != i+1 {
			return internal(fmt.Sprintf("horizon %d at position %d", p.Horizon, i+1))
		}
		if i > 0 && p.Target <= points[i-1].Target {
			return internal(fmt.Sprintf("target %s does not come after %s", p.Target, points[i-1].Target))
		}
		if !positive(p.Mean) {
			return internal(fmt.Sprintf("mean %v is not a positive number", p.Mean))
		}
		for k, q := range p.Quantiles {
			if !positive(q) {
				return internal(fmt.Sprintf("quantile %v is %v, not a positive number", etf.QuantileLevels[k], q))
			}
			if k > 0 && q < p.Quantiles[k-1] {
				return internal(fmt.Sprintf("quantile %v is below quantile %v: %v < %v", etf.QuantileLevels[k], etf.QuantileLevels[k-1], q, p.Quantiles[k-1]))
			}
		}
	}
	return nil
}

// CheckTails checks the tails of a forecast whose points have passed Check: a pair for each point, finite and positive, the lower not
// above the lowest quantile and the upper not below the highest. An error is a bug in the model (KindInternal).
func CheckTails(points []etf.ForecastPoint, tails [][2]float64) error {
	if len(tails) != len(points) {
		return &etf.Error{Kind: etf.KindInternal, Field: "tails", Message: fmt.Sprintf("%d tails for %d points", len(tails), len(points))}
	}
	for i, tail := range tails {
		q := points[i].Quantiles
		if !positive(tail[0]) || !positive(tail[1]) || tail[0] > q[0] || tail[1] < q[len(q)-1] {
			return &etf.Error{Kind: etf.KindInternal, Field: fmt.Sprintf("tails[%d]", i),
				Message: fmt.Sprintf("tails %v and %v do not enclose the quantiles %v to %v", tail[0], tail[1], q[0], q[len(q)-1])}
		}
	}
	return nil
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 1) }
