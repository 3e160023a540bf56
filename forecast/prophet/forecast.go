package prophet

import "slices"

// Forecast is the result of Predict: one value a row, rows sorted by DS, in the units of y. The slice of a column that
// the forecast does not have is nil.
type Forecast struct {
	DS         []Stamp
	Trend      []float64
	Cap, Floor []float64 // the cap given, whatever the growth; the floor, if the model was fitted with one
	YhatLower  []float64
	YhatUpper  []float64
	TrendLower []float64
	TrendUpper []float64
	// Components are in the original's order. Additive ones are in the units of y, multiplicative ones are fractions of
	// the trend above its floor: yhat = floor + (trend - floor) (1 + multiplicative_terms) + additive_terms. The floor is
	// that of logistic growth, or the lowest y of the history with MinMax, or 0; with Options.Compat it counts as 0 here.
	// With Market.LogScale all are logarithms of factors: yhat = trend * exp(additive_terms).
	Components []Component
	Yhat       []float64
	// Mean is the mean of the predictive distribution with Market.LogScale, whose median is Yhat; otherwise nil.
	Mean []float64
	// Quantiles are the quantiles of y at PredictOptions.Levels: one slice a level, one value a row.
	Quantiles [][]float64
}

// Component is a named component of a forecast. Lower and Upper are nil without intervals.
type Component struct {
	Name                string
	Mode                Mode
	Value, Lower, Upper []float64
}

// Component returns a component by name, or nil if there is none.
func (fc *Forecast) Component(name string) *Component {
	i := slices.IndexFunc(fc.Components, func(c Component) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &fc.Components[i]
}

// namedColumn is a column of the forecast under the original's name.
type namedColumn struct {
	name  string
	value []float64
}

func (fc *Forecast) columns() []namedColumn {
	all := []namedColumn{{"trend", fc.Trend}, {"cap", fc.Cap}, {"floor", fc.Floor}, {"yhat_lower", fc.YhatLower}, {"yhat_upper", fc.YhatUpper},
		{"trend_lower", fc.TrendLower}, {"trend_upper", fc.TrendUpper}}
	for _, c := range fc.Components {
		all = append(all, namedColumn{c.Name, c.Value}, namedColumn{c.Name + "_lower", c.Lower}, namedColumn{c.Name + "_upper", c.Upper})
	}
	all = append(all, namedColumn{"yhat", fc.Yhat}, namedColumn{"mean", fc.Mean})
	return slices.DeleteFunc(all, func(c namedColumn) bool { return c.value == nil })
}

// ColumnNames returns the names of the columns that are not nil, "ds" first, in the original's order; "mean", which the
// original does not have, is last.
func (fc *Forecast) ColumnNames() []string {
	out := []string{"ds"}
	for _, c := range fc.columns() {
		out = append(out, c.name)
	}
	return out
}

// Column returns a column by the original's name ("yhat", "weekly_lower"), or nil if there is none.
func (fc *Forecast) Column(name string) []float64 {
	for _, c := range fc.columns() {
		if c.name == name {
			return c.value
		}
	}
	return nil
}
