package prophet

import (
	"fmt"
	"math"
	"slices"
)

// Bounds for naming a cause. They decide only what a message says.
const (
	smallVariation = 1e-6  // of y relative to its size: what varies is in the last digits
	lostVariation  = 1e-9  // the same where sigma is at its floor
	nearCap        = 0.999 // of cap
	farCap         = 1e-3  // of cap
	widePrior      = 100.0 // ten times the default of seasonalities and holidays
	fallingSigma   = 1e-3  // on scaled y; with fewer rows than parameters it falls on
)

// variation returns the range of y as a fraction of its largest absolute value.
func variation(y []float64) float64 {
	lo, hi := slices.Min(y), slices.Max(y)
	if size := max(math.Abs(lo), math.Abs(hi)); size > 0 {
		return (hi - lo) / size
	}
	return 0
}

// explain completes the status of a fit that did not converge: it names the cause and the remedy.
func (f *Fitted) explain(p *posterior, r *rows, x *mode, by Optimizer, limit int) string {
	var cause, remedy string
	switch {
	case x.converged:
		return x.status
	case x.status == statusPerfect:
		cause, remedy = f.whyPerfect(p, r)
	default:
		cause, remedy = f.whyStopped(p, r, x, by, limit)
	}
	return x.status + ": " + cause + "; " + remedy
}

// parameters counts what the model can adjust, sigma aside.
func (f *Fitted) parameters(p *posterior) int {
	n := 1
	if p.growth != Flat {
		n += 1 + len(f.s.Changepoints)
	}
	for _, none := range p.none {
		if !none {
			n++
		}
	}
	return n
}

const remedyParameters = "give more rows, use fewer changepoints, seasonalities or regressors, or use smaller prior scales"

// whyPerfect says why the model meets every row.
func (f *Fitted) whyPerfect(p *posterior, r *rows) (cause, remedy string) {
	rows, parameters := len(p.y), f.parameters(p)
	switch of := variation(r.y); {
	case of == 0:
		return f.constant()
	case rows <= 2:
		return fmt.Sprintf("a trend passes through %d rows exactly, so nothing shows how large the noise is", rows), "give more rows"
	case of <= lostVariation:
		return f.offset(of)
	case rows <= parameters:
		return fmt.Sprintf("the model has %d parameters and can meet %d rows exactly", parameters, rows), remedyParameters
	}
	return "y follows the model exactly, without noise", "use the forecast as it is, but not its intervals: they have no width"
}

func (f *Fitted) constant() (cause, remedy string) {
	return "y is constant", "use growth linear or flat, which need no search then"
}

func (f *Fitted) offset(of float64) (cause, remedy string) {
	if f.s.Options.Scaling == MinMax {
		return fmt.Sprintf("y varies by %.1g of its size, close to the precision of its numbers", of), "subtract the offset where y is made, before it is rounded"
	}
	return fmt.Sprintf("y varies by only %.1g of its size", of), "subtract the offset from y, or use scaling minmax"
}

// whyStopped says why an optimiser stopped before it converged.
func (f *Fitted) whyStopped(p *posterior, r *rows, x *mode, by Optimizer, limit int) (cause, remedy string) {
	rows, parameters := len(p.y), f.parameters(p)
	of := variation(r.y)
	if limit > 0 && x.iterations >= limit {
		return fmt.Sprintf("the fit was given %d iterations", limit), "allow more"
	}
	if of == 0 {
		return f.constant()
	}
	if of <= smallVariation {
		return f.offset(of)
	}
	if rows <= parameters && x.sigma < fallingSigma {
		return fmt.Sprintf("the model has %d parameters for %d rows, and sigma is still falling to 0", parameters, rows), remedyParameters
	}
	if p.growth == Logistic {
		if cause, remedy := f.whyLogistic(p); cause != "" {
			return cause, remedy
		}
	}
	if name, scale := f.widestPrior(p); scale > widePrior {
		return fmt.Sprintf("the prior scale of %s, %.3g, is so wide that different parameters fit y almost equally well", name, scale), fmt.Sprintf("use %v or less", widePrior/10)
	}
	if rows <= parameters {
		return fmt.Sprintf("the model has %d parameters for %d rows", parameters, rows), remedyParameters
	}
	if by != MAP {
		return "this recipe of the original makes no more progress", "use optimizer map"
	}
	return "different parameters fit y almost equally well", "use fewer changepoints or seasonalities, or smaller prior scales"
}

// whyLogistic looks for what makes a logistic trend hard to determine.
func (f *Fitted) whyLogistic(p *posterior) (cause, remedy string) {
	lo, hi := math.Inf(1), math.Inf(-1)
	between := 0
	for i, y := range p.y {
		share := y / p.limit[i]
		lo, hi = min(lo, share), max(hi, share)
		if share > 0.02 && share < 0.98 {
			between++
		}
	}
	switch {
	case hi > nearCap && between == 0:
		return "y goes from floor to cap in one step, which no logistic curve is steep enough for", "give rows of the rise, or use linear growth"
	case hi > nearCap:
		return fmt.Sprintf("y reaches %.4g of cap, which a logistic curve only approaches", hi), "give a higher cap"
	case hi < farCap:
		return fmt.Sprintf("y reaches only %.1g of cap, where a logistic curve can't be told from an exponential one", hi), "give a lower cap, or use linear growth"
	case lo < 0:
		return "y falls below the floor of logistic growth", "give a column floor below y"
	}
	return "", ""
}

// widestPrior returns the largest prior scale and what has it.
func (f *Fitted) widestPrior(p *posterior) (name string, scale float64) {
	if len(f.s.Changepoints) > 0 && p.growth != Flat {
		name, scale = "changepoints", p.tau
	}
	for _, c := range f.layout.columns {
		if c.mode != "" && c.prior > scale {
			name, scale = c.component, c.prior
		}
	}
	return name, scale
}
