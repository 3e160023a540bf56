package issue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/etf"
)

// Verdict says how close a forecast made again is to the stored one.
type Verdict string

// The verdicts.
const (
	// Identical: every bit is equal, of the points, tails, raw quantiles, volatility, components, scale and diagnostics, and so are the hashes of the closes
	// and of the fit.
	Identical Verdict = "identical"
	// Equivalent: made from the same closes, and every number of the points, tails, components and scale is within Tolerance.
	Equivalent Verdict = "equivalent"
	// Different is everything else.
	Different Verdict = "different"
)

// Tolerance is the largest difference of equivalent numbers, relative to the greater of the two; of a component, relative to the
// greatest of its numbers over the horizons, or to 1 if all are smaller: a component may pass through zero, and may be the logarithm
// of a factor, whose absolute error is the relative error of the price.
const Tolerance = 1e-9

// Difference is a number or text that is not equal in a stored forecast and in one made again.
type Difference struct {
	Field  string `json:"field"` // such as points[4].quantiles[0.95]
	Stored string `json:"stored"`
	Made   string `json:"made"`
}

// Comparison is the result of comparing a stored forecast with one made again.
type Comparison struct {
	Verdict Verdict `json:"verdict"`
	Numbers int     `json:"numbers"` // compared
	// Unequal is how many numbers and texts are not equal to the bit, and Largest the largest difference, relative as for Tolerance.
	Unequal int     `json:"unequal"`
	Largest float64 `json:"largest"`
	// NotRecorded is what the stored forecast does not have, because it was issued before there was such a thing, and what is
	// therefore not compared: "closes_hash", "tails", "scale", "volatility", "fit_hash".
	NotRecorded []string `json:"not_recorded,omitempty"`
	// LargestOf is the field that differs most; empty if every number is equal.
	LargestOf string `json:"largest_of,omitempty"`
	// First is the first that makes the verdict worse than identical, or, of different forecasts, worse than equivalent. Nil if
	// they are identical.
	First *Difference `json:"first,omitempty"`
}

// Compare compares a stored forecast, without its fit, with what a model made again of in. What the stored forecast does not have,
// because it was issued before there was such a thing (tails, hash of the closes, scale, fit), is not compared.
func Compare(stored etf.Forecast, in Input, made Made) Comparison {
	c := &comparing{}
	c.text("origin", stored.Origin.String(), in.Origin.String())
	c.text("held", strconv.Itoa(stored.Held), strconv.Itoa(in.Held))
	c.text("basis", string(stored.Basis), string(in.Basis))
	if stored.ClosesHash != "" {
		c.text("closes_hash", stored.ClosesHash, made.ClosesHash)
	} else {
		c.missing("closes_hash")
	}
	c.text("points", strconv.Itoa(len(stored.Points)), strconv.Itoa(len(made.Points)))
	for i := range min(len(stored.Points), len(made.Points)) {
		a, b, field := stored.Points[i], made.Points[i], "points["+strconv.Itoa(i)+"]"
		c.text(field+".horizon", strconv.Itoa(a.Horizon), strconv.Itoa(b.Horizon))
		c.text(field+".target", a.Target.String(), b.Target.String())
		c.number(field+".mean", a.Mean, b.Mean, 0)
		for k, level := range etf.QuantileLevels {
			c.number(field+".quantiles["+number(level)+"]", a.Quantiles[k], b.Quantiles[k], 0)
		}
	}
	if len(stored.Tails) > 0 {
		c.text("tails", strconv.Itoa(len(stored.Tails)), strconv.Itoa(len(made.Tails)))
		for i := range min(len(stored.Tails), len(made.Tails)) {
			for k, level := range etf.TailLevels {
				c.number("points["+strconv.Itoa(i)+"].quantiles["+number(level)+"]", stored.Tails[i][k], made.Tails[i][k], 0)
			}
		}
	}
	if len(stored.Tails) == 0 && len(made.Tails) > 0 {
		c.missing("tails")
	}
	c.text("raw", strconv.Itoa(len(stored.Raw)), strconv.Itoa(len(made.Raw)))
	for i := range min(len(stored.Raw), len(made.Raw)) {
		for k, level := range etf.QuantileLevels {
			c.number("raw["+strconv.Itoa(i)+"].quantiles["+number(level)+"]", stored.Raw[i].Quantiles[k], made.Raw[i].Quantiles[k], 0)
		}
		for k, level := range etf.TailLevels {
			c.number("raw["+strconv.Itoa(i)+"].quantiles["+number(level)+"]", stored.Raw[i].Tails[k], made.Raw[i].Tails[k], 0)
		}
	}
	if stored.Volatility != 0 {
		c.number("volatility", stored.Volatility, made.Volatility, 0)
	} else if made.Volatility != 0 {
		c.missing("volatility")
	}
	c.components(stored.Components, made.Components)
	if stored.Scale != (etf.Scale{}) {
		c.number("scale.absolute", stored.Scale.Absolute, made.Scale.Absolute, 0)
		c.number("scale.squared", stored.Scale.Squared, made.Scale.Squared, 0)
	} else if made.Scale != (etf.Scale{}) {
		c.missing("scale")
	}
	// What follows tells how the fit went: another build may need an iteration more and arrive at the same numbers.
	for _, name := range keys(stored.Diagnostics, made.Diagnostics) {
		a, b := stored.Diagnostics[name], made.Diagnostics[name]
		c.near(a == b, "diagnostics["+strconv.Quote(name)+"]", a, b)
	}
	if stored.FitHash != "" {
		hash := ""
		if len(made.Fit) > 0 {
			sum := sha256.Sum256(made.Fit)
			hash = hex.EncodeToString(sum[:])
		}
		c.near(stored.FitHash == hash, "fit_hash", stored.FitHash, hash)
	} else if len(made.Fit) > 0 {
		c.missing("fit_hash")
	}
	return c.result()
}

// comparing collects differences.
type comparing struct {
	Comparison
	firstNear, firstFar *Difference
}

func (c *comparing) result() Comparison {
	switch {
	case c.firstFar != nil:
		c.Verdict, c.First = Different, c.firstFar
	case c.firstNear != nil:
		c.Verdict, c.First = Equivalent, c.firstNear
	default:
		c.Verdict = Identical
	}
	return c.Comparison
}

func (c *comparing) missing(field string) { c.NotRecorded = append(c.NotRecorded, field) }

// near notes a difference that equivalent forecasts may have.
func (c *comparing) near(equal bool, field, stored, made string) {
	if equal {
		return
	}
	c.Unequal++
	if c.firstNear == nil {
		c.firstNear = &Difference{field, stored, made}
	}
}

// far notes a difference that equivalent forecasts can't have.
func (c *comparing) far(field, stored, made string) {
	c.Unequal++
	if c.firstFar == nil {
		c.firstFar = &Difference{field, stored, made}
	}
}

func (c *comparing) text(field, stored, made string) {
	if stored != made {
		c.far(field, stored, made)
	}
}

// number compares two numbers. The difference counts relative to the greater of them, or to size if that is greater still.
func (c *comparing) number(field string, stored, made, size float64) {
	c.Numbers++
	if math.Float64bits(stored) == math.Float64bits(made) {
		return
	}
	difference := math.Abs(stored-made) / max(math.Abs(stored), math.Abs(made), size)
	if stored == made { // zeros of different sign
		difference = 0
	}
	if !(difference <= Tolerance) {
		c.far(field, number(stored), number(made))
	} else {
		c.near(false, field, number(stored), number(made))
	}
	if difference > c.Largest && !math.IsInf(difference, 0) {
		c.Largest, c.LargestOf = difference, field
	}
}

func (c *comparing) components(stored, made map[string][]float64) {
	for _, name := range keys(stored, made) {
		field, a, b := "components["+strconv.Quote(name)+"]", stored[name], made[name]
		if len(a) != len(b) {
			c.far(field, fmt.Sprintf("%d numbers", len(a)), fmt.Sprintf("%d numbers", len(b)))
			continue
		}
		size := 1.0
		for _, v := range a {
			size = max(size, math.Abs(v))
		}
		for i := range a {
			c.number(field+"["+strconv.Itoa(i)+"]", a[i], b[i], size)
		}
	}
}

// keys returns the keys of either map, sorted.
func keys[V any](a, b map[string]V) []string {
	list := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(list)
	return slices.Compact(list)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
