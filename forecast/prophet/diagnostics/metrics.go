package diagnostics

import (
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/csvfile"
)

// Scored is a table sorted by horizon, from which metrics are computed. It must not be changed.
type Scored struct {
	*Table
	// Horizon is how far ahead each row is, ascending: a difference of stamps, or a number of months.
	Horizon []prophet.Stamp
}

// Metric is a measure of error over the horizon.
type Metric struct {
	Name string
	// Compute returns the curve for windows of w rows, or one value for each row where w is negative. Its horizons are
	// those of RollingMeanByHorizon, or Scored.Horizon.
	Compute func(s *Scored, w int) (Curve, error)
}

// MeanMetric makes a metric from the rolling mean of a loss, which has a value for each row.
func MeanMetric(name string, loss func(s *Scored) []float64) Metric {
	return Metric{name, func(s *Scored, w int) (Curve, error) { return roll(s, loss(s), w, RollingMeanByHorizon) }}
}

// MedianMetric makes a metric from the rolling median of a loss.
func MedianMetric(name string, loss func(s *Scored) []float64) Metric {
	return Metric{name, func(s *Scored, w int) (Curve, error) { return roll(s, loss(s), w, RollingMedianByHorizon) }}
}

func roll(s *Scored, x []float64, w int, by func([]float64, []prophet.Stamp, int) (Curve, error)) (Curve, error) {
	if w < 0 {
		return Curve{Horizon: s.Horizon, Value: x}, nil
	}
	return by(x, s.Horizon, w)
}

// each makes a loss from a function of one row.
func each(loss func(s *Scored, i int) float64) func(*Scored) []float64 {
	return func(s *Scored) []float64 {
		out := make([]float64, s.Len())
		for i := range out {
			out[i] = loss(s, i)
		}
		return out
	}
}

// builtIn are the original's metrics in its order.
var builtIn = []Metric{
	MeanMetric("mse", each(squaredError)),
	{"rmse", func(s *Scored, w int) (Curve, error) {
		c, err := roll(s, each(squaredError)(s), w, RollingMeanByHorizon)
		for i, v := range c.Value {
			c.Value[i] = math.Sqrt(v)
		}
		return c, err
	}},
	MeanMetric("mae", each(absoluteError)),
	MeanMetric("mape", each(percentError)),
	MedianMetric("mdape", each(percentError)),
	MeanMetric("smape", each(symmetricError)),
	MeanMetric("coverage", each(covered)),
}

func squaredError(s *Scored, i int) float64  { e := s.Y[i] - s.Yhat[i]; return e * e }
func absoluteError(s *Scored, i int) float64 { return math.Abs(s.Y[i] - s.Yhat[i]) }
func percentError(s *Scored, i int) float64  { return math.Abs((s.Y[i] - s.Yhat[i]) / s.Y[i]) }

// symmetricError is the error relative to the mean of |y| and |yhat| (Chen and Yang 2004), 0 if both are 0.
func symmetricError(s *Scored, i int) float64 {
	size := (math.Abs(s.Y[i]) + math.Abs(s.Yhat[i])) / 2
	if size == 0 {
		return 0
	}
	return math.Abs(s.Y[i]-s.Yhat[i]) / size
}

func covered(s *Scored, i int) float64 {
	if s.YhatLower[i] <= s.Y[i] && s.Y[i] <= s.YhatUpper[i] {
		return 1
	}
	return 0
}

// MetricNames returns the names of the built-in metrics in the order they are reported: mean squared error, its root,
// mean absolute error, mean and median absolute error relative to y, mean error relative to the mean of |y| and |yhat|,
// and the share of y within the interval.
func MetricNames() []string {
	out := make([]string, len(builtIn))
	for i, m := range builtIn {
		out[i] = m.Name
	}
	return out
}

// Metrics are curves of metrics over the horizon.
type Metrics struct {
	// Monthly says that Horizon counts calendar months from the cutoff's, not microseconds.
	Monthly bool
	// Horizon is ascending; without a window it has one value for each row of the table.
	Horizon []prophet.Stamp
	// Columns has the metrics in the order they were asked for.
	Columns []Column
	// Notices say what was left out and why.
	Notices []string
}

// Column returns the values of a metric, nil if it is not there.
func (m *Metrics) Column(name string) []float64 {
	for _, c := range m.Columns {
		if c.Name == name {
			return c.Values
		}
	}
	return nil
}

// tinyY is the size of y below which the original does not divide by it.
const tinyY = 1e-8

// PerformanceMetrics aggregates the rows of a cross-validation by horizon: the difference of ds and cutoff, or with
// monthly the calendar months between them. metrics are names of built-in or custom metrics; nil is all built-in ones.
// window is the fraction of the rows that each value is the mean (or median) of, at least one row and at most all; 0
// takes each horizon separately, 0.1 is the original's default. If window times the number of rows is -1 or less there
// is no window: one value for each row.
//
// mape is left out if the smallest |y| is below 1e-8, coverage if there are no intervals; Notices say so. Where y is 0,
// mdape is infinite, or NaN if yhat is 0 too, as in the original. Errors are of KindInvalid: unknown and repeated
// metrics, a table without rows, and one with values that are not finite.
func PerformanceMetrics(t *Table, metrics []string, window float64, monthly bool, custom ...Metric) (*Metrics, error) {
	known, err := knownMetrics(custom)
	if err != nil {
		return nil, err
	}
	if metrics == nil {
		metrics = MetricNames()
	}
	var wanted []Metric
	for i, name := range metrics {
		field := fmt.Sprintf("metrics[%d]", i)
		at := slices.IndexFunc(known, func(m Metric) bool { return m.Name == name })
		switch {
		case at < 0:
			names := make([]string, len(known))
			for k, m := range known {
				names[k] = m.Name
			}
			return nil, etf.Invalid(field, fmt.Sprintf("there is no metric %s", quote(name)), "use "+strings.Join(names, ", "))
		case slices.Contains(metrics[:i], name):
			return nil, etf.Invalid(field, fmt.Sprintf("%s is named twice", name), "name each metric once")
		}
		wanted = append(wanted, known[at])
	}
	if math.IsNaN(window) || math.IsInf(window, 0) {
		return nil, etf.Invalid("rolling_window", fmt.Sprintf("%v is not a fraction of the rows", window), "use 0 to 1, or -1 for no window")
	}
	if err := t.checkNumbers(); err != nil {
		return nil, err
	}
	out := &Metrics{Monthly: monthly, Horizon: []prophet.Stamp{}, Columns: []Column{}}
	drop := func(name, why string) {
		if at := slices.IndexFunc(wanted, func(m Metric) bool { return m.Name == name }); at >= 0 {
			wanted = slices.Delete(wanted, at, at+1)
			out.Notices = append(out.Notices, name+" is left out: "+why)
		}
	}
	if t.YhatLower == nil || t.YhatUpper == nil {
		drop("coverage", "the forecasts have no intervals")
	}
	smallest := math.Inf(1)
	for _, y := range t.Y {
		smallest = min(smallest, math.Abs(y))
	}
	if smallest < tinyY {
		drop("mape", "y is 0 or nearly 0 in at least one row")
	}
	if len(wanted) == 0 {
		return out, nil
	}
	s := t.scored(monthly)
	w := windowRows(window, t.Len())
	for k, m := range wanted {
		c, err := m.Compute(s, w)
		if err != nil {
			return nil, fmt.Errorf("computing the metric %s: %w", m.Name, err)
		}
		if k == 0 {
			out.Horizon = slices.Clone(c.Horizon)
		}
		if !slices.Equal(c.Horizon, out.Horizon) || len(c.Value) != len(c.Horizon) {
			return nil, etf.Invalid("metrics", fmt.Sprintf("%s has different horizons from %s", m.Name, wanted[0].Name), "make it with MeanMetric or MedianMetric")
		}
		out.Columns = append(out.Columns, Column{m.Name, c.Value})
		if m.Name == "mdape" && smallest == 0 {
			out.Notices = append(out.Notices, "mdape is infinite or missing where it depends on a row with y = 0")
		}
	}
	return out, nil
}

// knownMetrics returns the built-in metrics and the custom ones, which replace built-in ones of the same name.
func knownMetrics(custom []Metric) ([]Metric, error) {
	known := slices.Clone(builtIn)
	for i, m := range custom {
		field := fmt.Sprintf("custom[%d]", i)
		if m.Name == "" || m.Name == "horizon" || m.Compute == nil {
			return nil, etf.Invalid(field, "it has no name or no function, or is named horizon", "give it another name and a function")
		}
		if slices.ContainsFunc(custom[:i], func(o Metric) bool { return o.Name == m.Name }) {
			return nil, etf.Invalid(field, fmt.Sprintf("there are two metrics called %s", quote(m.Name)), "rename one")
		}
		if at := slices.IndexFunc(known, func(o Metric) bool { return o.Name == m.Name }); at >= 0 {
			known[at] = m
			continue
		}
		known = append(known, m)
	}
	return known, nil
}

// windowRows returns the number of rows of a window, negative for none. The product is truncated towards zero, so that a
// small negative fraction is a window of one row.
func windowRows(window float64, rows int) int {
	product := math.Trunc(window * float64(rows))
	if product < 0 {
		return -1
	}
	return int(min(max(product, 1), float64(rows)))
}

// checkNumbers checks a table that may come from elsewhere.
func (t *Table) checkNumbers() error {
	if t == nil || len(t.DS) == 0 {
		return etf.Invalid("ds", "the table has no rows", "use the result of a cross-validation")
	}
	if err := t.check(); err != nil {
		return err
	}
	for _, c := range []Column{{"yhat", t.Yhat}, {"y", t.Y}, {"yhat_lower", t.YhatLower}, {"yhat_upper", t.YhatUpper}} {
		for i, v := range c.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return etf.Invalid(fmt.Sprintf("%s[%d]", c.Name, i), fmt.Sprintf("%v on %s is not a finite number", v, t.DS[i]), "leave the row out")
			}
		}
	}
	return nil
}

// scored sorts by horizon; rows of one horizon keep their order.
func (t *Table) scored(monthly bool) *Scored {
	horizon := make([]prophet.Stamp, t.Len())
	index := make([]int, t.Len())
	for i := range horizon {
		index[i] = i
		horizon[i] = t.DS[i] - t.Cutoff[i]
		if monthly {
			horizon[i] = prophet.Stamp(month(t.DS[i]) - month(t.Cutoff[i]))
		}
	}
	sort.SliceStable(index, func(a, b int) bool { return horizon[index[a]] < horizon[index[b]] })
	s := &Scored{Table: t.pick(index), Horizon: make([]prophet.Stamp, len(index))}
	for i, k := range index {
		s.Horizon[i] = horizon[k]
	}
	return s
}

// month counts months.
func month(s prophet.Stamp) int {
	t := s.Time()
	return 12*t.Year() + int(t.Month())
}

// WriteCSV writes the curves as comma-separated text: horizon as the original's to_csv writes it ("37 days", or
// "37 days 06:00:00" if any is not in whole days, or a number of months), then a column for each metric.
func (m *Metrics) WriteCSV(w io.Writer) error {
	header := []string{"horizon"}
	for _, c := range m.Columns {
		header = append(header, c.Name)
		if len(c.Values) != len(m.Horizon) {
			return etf.Invalid(c.Name, fmt.Sprintf("%d values for %d horizons", len(c.Values), len(m.Horizon)), "give one for each")
		}
	}
	horizon := FormatDurations(m.Horizon)
	return csvfile.WriteRows(w, header, len(m.Horizon), func(line []byte, i int) []byte {
		if m.Monthly {
			line = fmt.Appendf(line, "%d", m.Horizon[i])
		} else {
			line = append(line, horizon[i]...)
		}
		for _, c := range m.Columns {
			line = appendNumber(append(line, ','), c.Values[i])
		}
		return line
	})
}
