package prophet

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/etfcast/etfcast/etf"
)

// rows is a prepared frame: sorted, scaled, with every column the model needs.
type rows struct {
	ds         []Stamp
	t          []float64
	y, ys      []float64 // nil when there is nothing to fit
	limit      []float64 // cap on scaled y; nil unless growth is logistic
	floor      []float64 // in units of y
	regressors [][]float64
	conditions map[string][]float64
	frame      *Frame // the rows in order, columns as given
}

// scales holds what a history is scaled by.
type scales struct {
	yMin, yScale  float64
	logisticFloor bool
	clock         clock
	regressors    []FittedRegressor
}

// check checks that every slice of the frame is as long as DS, and that stamps are within bounds.
func (f *Frame) check() error {
	for _, name := range append([]string{"y", "cap", "floor"}, f.columnNames()...) {
		if x := f.column(name); x != nil && len(x) != len(f.DS) {
			return etf.Invalid(name, fmt.Sprintf("%d values for %d rows", len(x), len(f.DS)), "give one value for each row")
		}
	}
	for i, s := range f.DS {
		if s < minStamp || s >= maxStamp {
			return etf.Invalid(rowField("ds", i), fmt.Sprintf("%s is outside 1678-01-01 to 2261-12-31", s), "use a date in this range")
		}
	}
	return nil
}

func rowField(column string, row int) string { return fmt.Sprintf("%s[%d]", column, row) }

// order returns the frame's rows sorted by DS, rows of the same stamp in their given order; f itself if they are already
// sorted.
func (f *Frame) order() *Frame {
	if slices.IsSorted(f.DS) {
		return f
	}
	index := indexTo(len(f.DS))
	sort.SliceStable(index, func(a, b int) bool { return f.DS[index[a]] < f.DS[index[b]] })
	return f.Rows(index)
}

// needed returns a required column, which must have a finite number in every row.
func (f *Frame) needed(name, why string) ([]float64, error) {
	x := f.column(name)
	if x == nil {
		return nil, etf.Invalid(name, "the column is missing: "+why, fmt.Sprintf("add a column %q", name))
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, etf.Invalid(rowField(name, i), fmt.Sprintf("%v on %s: %s", v, f.DS[i], why), "give a number in every row")
		}
	}
	return x, nil
}

// observed returns the rows that have a y, sorted, and the distinct stamps of all rows.
func (m *Model) observed(f *Frame) (*Frame, []Stamp, error) {
	if f == nil || len(f.DS) == 0 {
		return nil, nil, etf.Invalid("ds", "the history has no rows", "give 2 rows or more")
	}
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	if f.Y == nil {
		return nil, nil, etf.Invalid("y", "the column is missing", `add a column "y" with the observed values`)
	}
	dates := slices.Clone(f.DS)
	slices.Sort(dates)
	dates = slices.Compact(dates)
	missing := 0
	for i, y := range f.Y {
		if math.IsInf(y, 0) {
			return nil, nil, etf.Invalid(rowField("y", i), fmt.Sprintf("%v on %s is not finite", y, f.DS[i]), "correct it, or leave it empty")
		}
		if math.IsNaN(y) {
			missing++
		}
	}
	if missing == len(f.Y) {
		return nil, nil, etf.Invalid("y", fmt.Sprintf("none of the %d rows has a value", missing), "give 2 rows or more with a value")
	}
	if len(f.Y)-missing < 2 {
		return nil, nil, etf.Invalid("y", "only one row has a value", "give 2 rows or more with a value")
	}
	if missing > 0 {
		index := make([]int, 0, len(f.Y)-missing)
		for i, y := range f.Y {
			if !math.IsNaN(y) {
				index = append(index, i)
			}
		}
		f = f.Rows(index)
	}
	f = f.order()
	if f.DS[0] == f.DS[len(f.DS)-1] {
		return nil, nil, etf.Invalid("ds", fmt.Sprintf("all rows with a value have the date %s", f.DS[0]), "give rows of 2 dates or more")
	}
	return f, dates, nil
}

// maxScale is the largest range of y and its inverse the smallest: forecasts far ahead are still finite.
const maxScale = 1e200

// scale computes what the history is scaled by. y is in the fitted units (a logarithm with LogScale).
func (m *Model) scale(f *Frame, y []float64) (scales, error) {
	s := scales{logisticFloor: m.o.Growth == Logistic && f.Floor != nil}
	lo, hi := math.Inf(1), math.Inf(-1)
	see := func(v float64) { lo, hi = min(lo, v), max(hi, v) }
	var err error
	if s.logisticFloor {
		if _, err := f.needed("floor", "the history has a floor"); err != nil {
			return s, err
		}
	}
	if m.o.Growth == Logistic {
		if _, err := f.needed("cap", "logistic growth saturates at cap"); err != nil {
			return s, err
		}
	}
	switch {
	case s.logisticFloor && m.o.Scaling == AbsMax:
		for i, v := range y {
			see(math.Abs(v - f.Floor[i]))
		}
		s.yMin, s.yScale = lo, hi
	case s.logisticFloor:
		s.yMin = slices.Min(f.Floor)
		s.yScale = slices.Max(f.Cap) - s.yMin
	case m.o.unitFree():
		sorted := slices.Clone(y)
		slices.Sort(sorted)
		s.yMin = sortedQuantile(sorted, 0.5)
		if s.yScale = sortedQuantile(sorted, 0.95) - sortedQuantile(sorted, 0.05); s.yScale == 0 {
			s.yScale = sorted[len(sorted)-1] - sorted[0]
		}
	case m.o.Scaling == AbsMax:
		for _, v := range y {
			see(math.Abs(v))
		}
		s.yScale = hi
	default:
		for _, v := range y {
			see(v)
		}
		s.yMin, s.yScale = lo, hi-lo
	}
	if s.yScale == 0 {
		s.yScale = 1
	}
	if s.yScale > maxScale || s.yScale < 1/maxScale {
		return s, etf.Invalid("y", fmt.Sprintf("values with a range of %v can't be scaled", s.yScale), "change the unit of y")
	}
	if s.clock, err = newClock(m.o.Market, f.DS[0], f.DS[len(f.DS)-1]); err != nil {
		return s, err
	}
	s.regressors, err = m.scaleRegressors(f)
	return s, err
}

// constantSpread is the standard deviation, relative to the mean, below which a regressor's changes are rounding noise.
const constantSpread = 1e-9

// scaleRegressors standardises the regressors. A constant one, or one whose changes are rounding noise, is only centred.
func (m *Model) scaleRegressors(f *Frame) ([]FittedRegressor, error) {
	out := make([]FittedRegressor, len(m.o.Regressors))
	for i, r := range m.o.Regressors {
		x, err := f.needed(r.Name, "it is a regressor")
		if err != nil {
			return nil, err
		}
		out[i] = FittedRegressor{Regressor: r, Mu: 0, Std: 1}
		constant, binary := true, true
		for _, v := range x {
			constant = constant && v == x[0]
			binary = binary && (v == 0 || v == 1)
		}
		if constant {
			// Its effect can't be told from the trend's offset. Centred it is 0, which leaves the level to the trend: otherwise the
			// most probable model gives it the level of y, and every later change of the regressor moves the forecast by a multiple of that.
			if !m.o.Compat {
				out[i].Mu = x[0]
			}
			continue
		}
		if r.Standardize == "false" || r.Standardize == "auto" && binary {
			continue
		}
		var sum, squares float64
		for _, v := range x {
			sum += v
		}
		mu := sum / float64(len(x))
		for _, v := range x {
			squares += (v - mu) * (v - mu)
		}
		std := math.Sqrt(squares / float64(len(x)-1))
		if math.IsInf(mu, 0) || math.IsInf(std, 0) || std == 0 {
			return nil, etf.Invalid(r.Name, fmt.Sprintf("the regressor can't be standardised with mean %v and standard deviation %v", mu, std), "change the regressor's unit")
		}
		out[i].Mu = mu
		if std > constantSpread*math.Abs(mu) || m.o.Compat {
			out[i].Std = std
		}
	}
	return out, nil
}

// prepare makes rows from a sorted frame. If y is given, in the fitted units, it is scaled too.
func (o *Options) prepare(f *Frame, s *scales, seasonalities []Seasonality, y []float64) (*rows, error) {
	n := len(f.DS)
	r := &rows{ds: f.DS, frame: f, t: make([]float64, n), floor: make([]float64, n), conditions: map[string][]float64{}}
	switch {
	case s.logisticFloor:
		floor, err := f.needed("floor", "the model was fitted with a floor")
		if err != nil {
			return nil, err
		}
		copy(r.floor, floor)
	case o.Scaling == MinMax || o.unitFree():
		for i := range r.floor {
			r.floor[i] = s.yMin
		}
	}
	if o.Growth == Logistic {
		limit, err := f.needed("cap", "logistic growth saturates at cap")
		if err != nil {
			return nil, err
		}
		r.limit = make([]float64, n)
		for i, c := range limit {
			if c <= r.floor[i] {
				return nil, etf.Invalid(rowField("cap", i), fmt.Sprintf("cap %v on %s is not above the floor %v", c, f.DS[i], r.floor[i]), "raise cap, or lower floor")
			}
			r.limit[i] = (c - r.floor[i]) / s.yScale
		}
	}
	if err := s.clock.write(r.t, f.DS); err != nil {
		return nil, err
	}
	if y != nil {
		r.y, r.ys = y, make([]float64, n)
		for i, v := range y {
			r.ys[i] = (v - r.floor[i]) / s.yScale
		}
	}
	for _, g := range s.regressors {
		x, err := f.needed(g.Name, "it is a regressor")
		if err != nil {
			return nil, err
		}
		z := make([]float64, n)
		for i, v := range x {
			z[i] = (v - g.Mu) / g.Std
		}
		r.regressors = append(r.regressors, z)
	}
	for _, season := range seasonalities {
		name := season.ConditionName
		if name == "" || r.conditions[name] != nil {
			continue
		}
		x, err := f.needed(name, fmt.Sprintf("it is the condition of the seasonality %q", season.Name))
		if err != nil {
			return nil, err
		}
		for i, v := range x {
			if v != 0 && v != 1 {
				return nil, etf.Invalid(rowField(name, i), fmt.Sprintf("condition %v on %s is neither 0 nor 1", v, f.DS[i]), "use 0 and 1, or true and false")
			}
		}
		r.conditions[name] = x
	}
	return r, nil
}
