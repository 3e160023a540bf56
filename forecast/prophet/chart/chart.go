package chart

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// Format is the file format of a figure.
type Format string

// The formats.
const (
	SVG Format = "svg"
	PNG Format = "png"
)

// ParseFormat reads a format's name. Errors are of KindInvalid.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); f == SVG || f == PNG {
		return f, nil
	}
	return "", etf.Invalid("format", fmt.Sprintf("%q is not a figure format", name), `use "svg" or "png"`)
}

// Size is the size of a figure. Zero fields mean the original's size: 10 x 6 inches, for components 9 x 3 inches per
// panel, at 100 dots per inch.
type Size struct {
	Width, Height float64 // inches, 2 to 100
	DPI           int     // dots per inch of a PNG, 20 to 600
}

// orElse fills in zero fields and checks the size.
func (s Size) orElse(width, height float64) (Size, error) {
	if s.Width == 0 {
		s.Width = width
	}
	if s.Height == 0 {
		s.Height = height
	}
	if s.DPI == 0 {
		s.DPI = 100
	}
	// At the least size labels take most of the room; the most is a poster; this many pixels take 160 MB of memory.
	const least, most, pixels = 2, 100, 40e6
	for _, side := range []struct {
		field  string
		inches float64
	}{{"size.width", s.Width}, {"size.height", s.Height}} {
		if !(side.inches >= least && side.inches <= most) {
			return s, etf.Invalid(side.field, fmt.Sprintf("%v inches is out of range", side.inches), fmt.Sprintf("use %d to %d, or 0 for the default", least, most))
		}
	}
	if s.DPI < 20 || s.DPI > 600 {
		return s, etf.Invalid("size.dpi", fmt.Sprintf("%d dots per inch is out of range", s.DPI), "use 20 to 600, or 0 for 100")
	}
	if n := s.Width * s.Height * float64(s.DPI) * float64(s.DPI); n > pixels {
		return s, etf.Invalid("size.dpi", fmt.Sprintf("%.0f million pixels are too many", n/1e6), "make the figure smaller, or lower dpi")
	}
	return s, nil
}

// ForecastData is a forecast over its history. Slices other than DS and HistoryDS are nil where there is nothing to
// draw, else as long as the slice of stamps they belong to.
type ForecastData struct {
	DS           []prophet.Stamp // ascending, 2 or more
	Yhat         []float64
	Lower, Upper []float64 // of y's interval: both or neither
	Cap, Floor   []float64
	Trend        []float64       // drawn in red
	HistoryDS    []prophet.Stamp // ascending
	HistoryY     []float64
	Changepoints []prophet.Stamp // ascending; vertical lines
	// XLabel and YLabel name the axes; "" = "ds" and "y".
	XLabel, YLabel string
}

// Since returns the rows at or after from: a month's forecast can't be seen next to decades of history. The result
// shares memory with d.
func (d ForecastData) Since(from prophet.Stamp) ForecastData {
	first := func(ds []prophet.Stamp) int {
		i, _ := slices.BinarySearch(ds, from)
		return i
	}
	rows, history, changes := first(d.DS), first(d.HistoryDS), first(d.Changepoints)
	for _, x := range []*[]float64{&d.Yhat, &d.Lower, &d.Upper, &d.Cap, &d.Floor, &d.Trend} {
		*x = (*x)[min(rows, len(*x)):]
	}
	d.DS, d.Changepoints = d.DS[rows:], d.Changepoints[changes:]
	d.HistoryDS, d.HistoryY = d.HistoryDS[history:], d.HistoryY[min(history, len(d.HistoryY)):]
	return d
}

// Forecast draws the history as points, the forecast as a line, its interval as a band, cap and floor as dashed lines,
// and the trend and changepoints, where given, in red.
//
// Errors: KindInvalid, which names the field ("ds" for fewer than 2 rows), and those of w.
func Forecast(w io.Writer, d ForecastData, f Format, s Size) error {
	var c checker
	c.stamps("ds", d.DS)
	c.required("yhat", d.Yhat, len(d.DS))
	c.pair("yhat_lower", d.Lower, "yhat_upper", d.Upper, len(d.DS))
	c.optional("cap", d.Cap, len(d.DS))
	c.optional("floor", d.Floor, len(d.DS))
	c.optional("trend", d.Trend, len(d.DS))
	c.optional("history.y", d.HistoryY, len(d.HistoryDS))
	if c.err != nil {
		return c.err
	}
	if d.HistoryY == nil {
		d.HistoryDS = nil
	}
	x, hx := timeOf(d.DS), timeOf(d.HistoryDS)
	p := panel{xLabel: orText(d.XLabel, "ds"), yLabel: orText(d.YLabel, "y"), ticks: dateTicks}
	p.seeX(x, hx)
	p.seeY(d.Yhat, d.Lower, d.Upper, d.Cap, d.Floor, d.Trend, d.HistoryY)
	p.draw = func(pl *plane) {
		pl.band(x, d.Lower, d.Upper, forecastBand)
		pl.points(hx, d.HistoryY, observed)
		pl.line(x, d.Yhat, forecastLine)
		pl.line(x, d.Cap, limitLine)
		pl.line(x, d.Floor, limitLine)
		pl.line(x, d.Trend, changeLine)
		for _, s := range d.Changepoints {
			pl.vertical(float64(s), changepointLine)
		}
	}
	return render(w, []panel{p}, f, s, 10, 6)
}

// Axis is what a component is drawn over.
type Axis string

// The axes.
const (
	OverTime     Axis = "time"     // dates
	OverWeekdays Axis = "weekdays" // seven named days, starting on any of them
	OverYear     Axis = "year"     // days of a year, ticks on the first of the month
	OverPeriod   Axis = "period"   // time since the first stamp: days, or the time of day for up to two days
	OverWeek     Axis = "week"     // a week with times of day, starting on any day
)

// Panel is one component. Lower and Upper are both set or both nil; Cap and Floor may be nil.
type Panel struct {
	Name         string // label of the vertical axis
	Over         Axis
	XLabel       string          // "" = the original's for the axis
	DS           []prophet.Stamp // ascending; 2 or more, 7 for OverWeekdays
	Value        []float64
	Lower, Upper []float64
	Cap, Floor   []float64
	Percent      bool // values are fractions, shown as percentages
	// Unobserved marks the days of OverWeekdays without rows in the history, whose values mean nothing: they are
	// gaps on a grey background. nil = none.
	Unobserved []bool
}

// Components draws panels one above the other, with their vertical axes aligned.
//
// Errors: KindInvalid, which names the field of the panel ("panels[1].value") or "panels" if there are none, and
// those of w.
func Components(w io.Writer, panels []Panel, f Format, s Size) error {
	if len(panels) == 0 {
		return etf.Invalid("panels", "there is no component to draw", "give one panel or more")
	}
	drawn := make([]panel, len(panels))
	for i, p := range panels {
		var err error
		if drawn[i], err = p.panel(fmt.Sprintf("panels[%d].", i)); err != nil {
			return err
		}
	}
	return render(w, drawn, f, s, 9, min(3*float64(len(panels)), 100))
}

func (p Panel) panel(field string) (panel, error) {
	c := checker{prefix: field}
	n := len(p.DS)
	c.stamps("ds", p.DS)
	c.required("value", p.Value, n)
	c.pair("lower", p.Lower, "upper", p.Upper, n)
	c.optional("cap", p.Cap, n)
	c.optional("floor", p.Floor, n)
	if c.err == nil && p.Unobserved != nil && len(p.Unobserved) != n {
		c.refuse("unobserved", fmt.Sprintf("%d values for %d rows", len(p.Unobserved), n), "give one value for each row")
	}
	if c.err == nil && p.Over == OverWeekdays && n != 7 {
		c.refuse("ds", fmt.Sprintf("%d rows for the seven days of a week", n), "give one row per day")
	}
	out := panel{yLabel: p.Name, percent: p.Percent}
	x := timeOf(p.DS)
	switch p.Over {
	case OverTime:
		out.xLabel, out.ticks = "ds", dateTicks
	case OverWeekdays:
		out.xLabel = "Day of week"
		for i := range x {
			x[i] = float64(i)
		}
		out.ticks = weekdayTicks(p.DS)
	case OverYear:
		out.xLabel, out.ticks = "Day of year", monthTicks
	case OverPeriod, OverWeek:
		start := x[:min(1, len(x))]
		span := 0.0
		for i := len(x) - 1; i >= 0; i-- {
			x[i] -= start[0]
			span = max(span, x[i])
		}
		switch {
		case p.Over == OverWeek:
			out.xLabel, out.ticks = "Day of week", weekTicks(p.DS)
		case span <= 1.001*float64(prophet.Day):
			out.xLabel, out.ticks = "Hour of day", clockTicks
		case span <= 2.001*float64(prophet.Day):
			out.xLabel, out.ticks = "Hours", clockTicks
		default:
			out.xLabel, out.ticks = "Days", dayTicks
		}
	default:
		c.refuse("over", fmt.Sprintf("%q is not an axis", p.Over), `use "time", "weekdays", "week", "year" or "period"`)
	}
	if c.err != nil {
		return out, c.err
	}
	out.xLabel = orText(p.XLabel, out.xLabel)
	value, lower, upper := p.Value, p.Lower, p.Upper
	if p.Over == OverWeekdays && p.Unobserved != nil {
		value, lower, upper = without(value, p.Unobserved), without(lower, p.Unobserved), without(upper, p.Unobserved)
		if missing(value) {
			c.refuse("unobserved", "every day of the week is marked", "mark only the days without rows")
			return out, c.err
		}
	}
	out.seeX(x)
	out.seeY(value, lower, upper, p.Cap, p.Floor)
	out.under = func(pl *plane) {
		for i, u := range p.Unobserved {
			if u && p.Over == OverWeekdays {
				pl.column(x[i]-0.5, x[i]+0.5, unobservedGround)
			}
		}
	}
	out.draw = func(pl *plane) {
		pl.band(x, lower, upper, forecastBand)
		pl.line(x, value, forecastLine)
		pl.line(x, p.Cap, limitLine)
		pl.line(x, p.Floor, limitLine)
	}
	return out, nil
}

// MetricData is a cross-validation metric: for each prediction, and rolling over the horizon. Horizons are durations
// (prophet.Day is one day), in any order.
type MetricData struct {
	Name           string          // of the metric, "mape"
	Horizon        []prophet.Stamp // of each prediction
	Value          []float64
	RollingHorizon []prophet.Stamp // ascending
	Rolling        []float64
}

// CrossValidationMetric draws a dot for each prediction and a line for the rolling metric over the horizon. The
// horizon's unit is the largest that fits more than once into a tenth of the longest horizon.
//
// Errors: KindInvalid, which names the field ("horizon" for no predictions), and those of w.
func CrossValidationMetric(w io.Writer, d MetricData, f Format, s Size) error {
	var c checker
	if len(d.Horizon) == 0 {
		c.refuse("horizon", "there are no predictions", "give one or more")
	}
	c.required("value", d.Value, len(d.Horizon))
	if len(d.RollingHorizon) == 0 {
		c.refuse("rolling_horizon", "the rolling metric has no rows", "give one or more")
	}
	if !slices.IsSorted(d.RollingHorizon) {
		c.refuse("rolling_horizon", "it is not in ascending order", "sort it")
	}
	c.required("rolling", d.Rolling, len(d.RollingHorizon))
	if c.err != nil {
		return c.err
	}
	unit := horizonUnit(max(slices.Max(d.Horizon), d.RollingHorizon[len(d.RollingHorizon)-1]))
	x, rx := timeOf(d.Horizon), timeOf(d.RollingHorizon)
	for _, v := range [][]float64{x, rx} {
		for i := range v {
			v[i] /= float64(unit.length)
		}
	}
	p := panel{xLabel: fmt.Sprintf("Horizon (%s)", unit.name), yLabel: d.Name, ticks: unit.ticks}
	p.seeX(x, rx)
	p.seeY(d.Value, d.Rolling)
	p.draw = func(pl *plane) {
		pl.haze(x, d.Value, predictionDot)
		pl.line(rx, d.Rolling, metricLine)
	}
	return render(w, []panel{p}, f, s, 10, 6)
}

// checker keeps the first error found in the data of a figure.
type checker struct {
	prefix string
	err    error
}

func (c *checker) refuse(field, message, remedy string) {
	if c.err == nil {
		c.err = etf.Invalid(c.prefix+field, message, remedy)
	}
}

func (c *checker) stamps(field string, ds []prophet.Stamp) {
	switch {
	case len(ds) == 0:
		c.refuse(field, "there are no rows", "give 2 rows or more")
	case len(ds) == 1:
		c.refuse(field, "one row makes no line", "give 2 rows or more")
	case !slices.IsSorted(ds):
		c.refuse(field, "it is not in ascending order", "sort the rows")
	}
}

// most bounds what is drawn, so that the range of an axis is a finite number.
const most = 1e300

func (c *checker) optional(field string, x []float64, n int) {
	if x == nil {
		return
	}
	if len(x) != n {
		c.refuse(field, fmt.Sprintf("%d values for %d rows", len(x), n), "give one value for each row")
	}
	for i, v := range x {
		if math.Abs(v) > most {
			c.refuse(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("%v can't be drawn", v), "correct it, or set it to NaN to leave it out")
		}
	}
}

func (c *checker) required(field string, x []float64, n int) {
	if len(x) == 0 {
		c.refuse(field, "there are no values", "give one value for each row")
	}
	c.optional(field, x, n)
	if missing(x) {
		c.refuse(field, "no row has a value", "give numbers")
	}
}

func (c *checker) pair(lower string, lo []float64, upper string, hi []float64, n int) {
	if (lo == nil) != (hi == nil) {
		c.refuse(lower, fmt.Sprintf("only one of %s and %s is given", lower, upper), "give both or neither")
	}
	c.optional(lower, lo, n)
	c.optional(upper, hi, n)
}

// missing reports whether no value is a number.
func missing(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return !math.IsNaN(v) })
}

// without returns x with NaN where gap is true.
func without(x []float64, gap []bool) []float64 {
	x = slices.Clone(x)
	for i := range x {
		if gap[i] {
			x[i] = math.NaN()
		}
	}
	return x
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// timeOf returns stamps as numbers: microseconds are exact in a float64 over the whole span of stamps.
func timeOf(ds []prophet.Stamp) []float64 {
	out := make([]float64, len(ds))
	for i, s := range ds {
		out[i] = float64(s)
	}
	return out
}
