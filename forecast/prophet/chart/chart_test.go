package chart

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// drawn is what an SVG shows.
type drawn struct {
	text  []string
	paths []path
}

type path struct{ d, style string }

// parse reads an SVG as XML, and refuses NaN and infinities.
func parse(t testing.TB, svg []byte) drawn {
	t.Helper()
	var out drawn
	d := xml.NewDecoder(bytes.NewReader(svg))
	inText := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			inText = e.Name.Local == "text"
			var p path
			for _, a := range e.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Fatalf("%s %s=%q", e.Name.Local, a.Name.Local, a.Value)
				}
				switch a.Name.Local {
				case "d":
					p.d = a.Value
				case "style":
					p.style = a.Value
				}
			}
			if e.Name.Local == "path" {
				out.paths = append(out.paths, p)
			}
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				out.text = append(out.text, string(e))
			}
		}
	}
	return out
}

// with returns the paths whose style has all of the parts.
func (d drawn) with(parts ...string) []path {
	var out []path
	for _, p := range d.paths {
		if !slices.ContainsFunc(parts, func(s string) bool { return !strings.Contains(p.style, s) }) {
			out = append(out, p)
		}
	}
	return out
}

func figure(t testing.TB, draw func(io.Writer, Format, Size) error) drawn {
	t.Helper()
	var b bytes.Buffer
	if err := draw(&b, SVG, Size{}); err != nil {
		t.Fatal(err)
	}
	return parse(t, b.Bytes())
}

func days(from prophet.Stamp, n int) []prophet.Stamp {
	out := make([]prophet.Stamp, n)
	for i := range out {
		out[i] = from + prophet.Stamp(i)*prophet.Day
	}
	return out
}

func line(n int, from, slope float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = from + slope*float64(i)
	}
	return out
}

var y2020 = prophet.DateOf(2020, time.January, 1)

// full has every part of a forecast's figure: 100 rows of history, 130 of forecast, 2 changepoints.
func full() ForecastData {
	ds := days(y2020, 130)
	return ForecastData{
		DS: ds, Yhat: line(130, 10, 0.1), Lower: line(130, 9, 0.1), Upper: line(130, 11, 0.1), Cap: line(130, 30, 0), Floor: line(130, 5, 0),
		Trend: line(130, 10, 0.09), HistoryDS: ds[:100], HistoryY: line(100, 10, 0.11), Changepoints: []prophet.Stamp{ds[20], ds[50]},
	}
}

// two is a trend and a weekly component whose Sunday (its first day) and Saturday are never observed.
func two() []Panel {
	ds := days(y2020, 100)
	gaps := make([]bool, 7)
	gaps[0], gaps[6] = true, true
	return []Panel{
		{Name: "trend", Over: OverTime, DS: ds, Value: line(100, 1, 1), Lower: line(100, 0, 1), Upper: line(100, 2, 1)},
		{Name: "weekly", Over: OverWeekdays, DS: days(prophet.DateOf(2017, time.January, 1), 7), Value: []float64{-9, 0.01, 0.02, 0.03, 0.02, 0.01, -9}, Percent: true, Unobserved: gaps},
	}
}

// metric has 10 predictions, one a day.
func metric() MetricData {
	h := make([]prophet.Stamp, 10)
	for i := range h {
		h[i] = prophet.Stamp(i+11) * prophet.Day
	}
	return MetricData{Name: "mape", Horizon: h, Value: line(10, 0, 0.1), RollingHorizon: h[4:], Rolling: line(6, 0.2, 0.05)}
}

func drawFull(w io.Writer, f Format, s Size) error { return Forecast(w, full(), f, s) }
func drawTwo(w io.Writer, f Format, s Size) error  { return Components(w, two(), f, s) }
func drawMetric(w io.Writer, f Format, s Size) error {
	return CrossValidationMetric(w, metric(), f, s)
}

func TestForecastShowsEverything(t *testing.T) {
	t.Parallel()
	d := figure(t, drawFull)
	// Points: one path of black circles, each of a move and two arcs.
	var circles []path
	for _, p := range d.paths {
		if p.style == "" && strings.Contains(p.d, "A") { // black is SVG's default, which vgsvg leaves out
			circles = append(circles, p)
		}
	}
	if len(circles) != 1 || strings.Count(circles[0].d, "M") != 100 || strings.Count(circles[0].d, "A") != 200 {
		t.Errorf("points of the history: %d paths", len(circles))
	}
	for _, want := range []struct {
		what  string
		style []string
		n     int
		each  int // corners
	}{
		{"yhat", []string{"stroke:#0072B2", "stroke-width:1.5"}, 1, 130},
		{"band", []string{"fill:#0072B2", "fill-opacity:0.2"}, 1, 260},
		{"cap and floor", []string{"stroke:#000000", "stroke-dasharray:5.55,2.4"}, 2, 130},
		{"changepoints", []string{"stroke:#FF0000", "stroke-dasharray:5.55,2.4"}, 2, 2},
		{"trend and changepoints", []string{"stroke:#FF0000", "stroke-width:1.5"}, 3, 0},
		{"grid", []string{"stroke:#E3E3E3"}, 10 + 6, 2}, // the ticks below
	} {
		found := d.with(want.style...)
		if len(found) != want.n {
			t.Errorf("%s: %d paths, want %d", want.what, len(found), want.n)
			continue
		}
		for _, p := range found {
			if got := strings.Count(p.d, "M") + strings.Count(p.d, "L"); want.each > 0 && got != want.each {
				t.Errorf("%s: %d corners, want %d", want.what, got, want.each)
			}
		}
	}
	// 130 days from 2020-01-01 end on 2020-05-09; the margin of 5 % reaches 2019-12-25 and 2020-05-15: twenty Mondays,
	// with room for every second one. Values are 5 to 30.
	want := []string{"2019-12-30", "2020-01-13", "2020-01-27", "2020-02-10", "2020-02-24", "2020-03-09", "2020-03-23", "2020-04-06", "2020-04-20", "2020-05-04", "ds", "5", "10", "15", "20", "25", "30", "y"}
	if !slices.Equal(d.text, want) {
		t.Errorf("text %q, want %q", d.text, want)
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	whole := full()
	d := whole.Since(whole.DS[30])
	if len(d.DS) != 100 || d.DS[0] != whole.DS[30] || d.Yhat[0] != whole.Yhat[30] || len(d.Upper) != 100 || len(d.Cap) != 100 || len(d.Trend) != 100 ||
		len(d.HistoryDS) != 70 || len(d.HistoryY) != 70 || len(d.Changepoints) != 1 {
		t.Errorf("%d rows from %s, %d of history, %d changepoints", len(d.DS), d.DS[0], len(d.HistoryDS), len(d.Changepoints))
	}
	// From between two rows, and without the optional columns.
	if d = (ForecastData{DS: whole.DS, Yhat: whole.Yhat}).Since(whole.DS[30] + prophet.Hour); len(d.DS) != 99 || len(d.Yhat) != 99 || d.Lower != nil || d.HistoryY != nil {
		t.Errorf("%d rows", len(d.DS))
	}
	if d = whole.Since(whole.DS[129] + prophet.Day); len(d.DS) != 0 || Forecast(io.Discard, d, SVG, Size{}) == nil {
		t.Errorf("%d rows after the last", len(d.DS))
	}
	figure(t, func(w io.Writer, f Format, s Size) error { return Forecast(w, whole.Since(whole.DS[110]), f, s) })
}

func TestForecastWithoutTheRest(t *testing.T) {
	t.Parallel()
	d := figure(t, func(w io.Writer, f Format, s Size) error {
		return Forecast(w, ForecastData{DS: days(y2020, 3), Yhat: []float64{1, 2, 3}, XLabel: "date", YLabel: "closing price"}, f, s)
	})
	if n := len(d.with("fill-opacity")) + len(d.with("#FF0000")) + len(d.with("stroke-dasharray")); n != 0 {
		t.Errorf("%d unexpected paths", n)
	}
	for _, label := range []string{"date", "closing price"} {
		if !slices.Contains(d.text, label) {
			t.Errorf("no label %q in %q", label, d.text)
		}
	}
}

func TestComponentsShowsPanels(t *testing.T) {
	t.Parallel()
	d := figure(t, drawTwo)
	for _, label := range []string{"trend", "weekly", "ds", "Day of week", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "1.0%", "3.0%"} {
		if !slices.Contains(d.text, label) {
			t.Errorf("no %q in %q", label, d.text)
		}
	}
	if slices.Index(d.text, "trend") > slices.Index(d.text, "weekly") {
		t.Error("the panels are out of order")
	}
	lines := d.with("stroke:#0072B2", "stroke-width:1.5")
	if len(lines) != 2 || strings.Count(lines[1].d, "L") != 4 {
		t.Errorf("the weekly line should join Monday to Friday: %v", lines[1:])
	}
	// Values and axis are both in per cent: Monday to Friday fill the panel's height up to the margins.
	var lowest, highest float64
	for i, corner := range strings.Split(lines[1].d[1:], "L") {
		var x, y float64
		if _, err := fmt.Sscanf(corner, "%g,%g", &x, &y); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			lowest, highest = y, y
		}
		lowest, highest = min(lowest, y), max(highest, y)
	}
	if highest-lowest < 120 || lowest < 0 || highest > 216 { // the lower of two panels of 3 inches
		t.Errorf("the weekly line is from %v to %v points high", lowest, highest)
	}
	if n := len(d.with("fill:#F2F2F2")); n != 2 {
		t.Errorf("%d days on a grey background, want Sunday and Saturday", n)
	}
}

func TestComponentsAxes(t *testing.T) {
	t.Parallel()
	year := days(prophet.DateOf(2017, time.January, 1), 365)
	period := func(length prophet.Stamp) []prophet.Stamp {
		out := make([]prophet.Stamp, 200)
		for i := range out {
			out[i] = prophet.DateOf(2017, time.January, 1) + prophet.Stamp(i)*length/199
		}
		return out
	}
	for _, c := range []struct {
		over Axis
		ds   []prophet.Stamp
		want []string // labels of the horizontal axis
	}{
		{OverYear, year, []string{"January 1", "March 1", "May 1", "July 1", "September 1", "November 1", "January 1", "Day of year"}},
		{OverYear, days(prophet.DateOf(2017, time.April, 1), 365), []string{"May 1", "July 1", "September 1", "November 1", "January 1", "March 1", "Day of year"}},
		{OverPeriod, period(prophet.Day), []string{"00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "00:00", "Hour of day"}},
		{OverPeriod, period(2 * prophet.Day), []string{"00:00", "06:00", "12:00", "18:00", "00:00", "06:00", "12:00", "18:00", "00:00", "Hours"}},
		{OverPeriod, period(30*prophet.Day + prophet.Day/2), []string{"0", "5", "10", "15", "20", "25", "30", "Days"}},
		{OverPeriod, period(91 * prophet.Day), []string{"0", "10", "20", "30", "40", "50", "60", "70", "80", "90", "Days"}},
		{OverWeek, period(7 * prophet.Day), []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Day of week"}},
	} {
		n := len(c.ds)
		d := figure(t, func(w io.Writer, f Format, s Size) error {
			return Components(w, []Panel{{Name: "name", Over: c.over, DS: c.ds, Value: line(n, 0, 1)}}, f, s)
		})
		if len(d.text) < len(c.want) || !slices.Equal(d.text[:len(c.want)], c.want) {
			t.Errorf("%s from %s to %s: %q, want %q", c.over, c.ds[0], c.ds[n-1], d.text, c.want)
		}
	}
}

func TestCrossValidationMetric(t *testing.T) {
	t.Parallel()
	d := figure(t, drawMetric)
	if n := len(d.with("fill:#808080")); n != 10 {
		t.Errorf("%d dots, want 10, one per prediction", n)
	}
	if l := d.with("stroke:#0000FF"); len(l) != 1 || strings.Count(l[0].d, "L") != 5 {
		t.Errorf("rolling line: %v", l)
	}
	for _, label := range []string{"mape", "Horizon (days)", "11", "20"} {
		if !slices.Contains(d.text, label) {
			t.Errorf("no %q in %q", label, d.text)
		}
	}
}

// The unit is the largest that fits more than once into a tenth of the longest horizon: 10 days are 240 hours.
func TestHorizonUnit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		longest prophet.Stamp
		want    string
	}{
		{365 * prophet.Day, "days"}, {11 * prophet.Day, "days"}, {10 * prophet.Day, "hours"}, {11 * prophet.Hour, "hours"}, {10 * prophet.Hour, "minutes"},
		{10 * prophet.Minute, "seconds"}, {10 * prophet.Second, "milliseconds"}, {10_000, "microseconds"}, {0, "microseconds"},
	} {
		if got := horizonUnit(c.longest).name; got != c.want {
			t.Errorf("%d µs: %s, want %s", c.longest, got, c.want)
		}
	}
}

func TestPNGSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		draw          func(io.Writer, Format, Size) error
		size          Size
		width, height int
	}{
		{drawFull, Size{}, 1000, 600}, // 10 x 6 inches at 100 dots, as the original
		{drawFull, Size{DPI: 110}, 1100, 660},
		{drawFull, Size{Width: 4, Height: 2.5, DPI: 50}, 200, 125},
		{drawTwo, Size{}, 900, 600}, // 9 x 3 inches a panel
		{drawMetric, Size{}, 1000, 600},
	} {
		var b bytes.Buffer
		if err := c.draw(&b, PNG, c.size); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if got := img.Bounds().Size(); got.X != c.width || got.Y != c.height {
			t.Errorf("%+v: %v, want %d x %d", c.size, got, c.width, c.height)
		}
		colours := map[[3]uint32]int{}
		for y := range c.height {
			for x := range c.width {
				r, g, b, _ := img.At(x, y).RGBA()
				colours[[3]uint32{r >> 8, g >> 8, b >> 8}]++
			}
		}
		if colours[[3]uint32{255, 255, 255}] < c.width*c.height/2 || len(colours) < 10 {
			t.Errorf("%d colours, %d white dots: nothing is drawn", len(colours), colours[[3]uint32{255, 255, 255}])
		}
	}
}

func TestSameDataSameBytes(t *testing.T) {
	t.Parallel()
	for name, draw := range map[string]func(io.Writer, Format, Size) error{"forecast": drawFull, "components": drawTwo, "metric": drawMetric} {
		for _, f := range []Format{SVG, PNG} {
			var a, b bytes.Buffer
			if err := errors.Join(draw(&a, f, Size{}), draw(&b, f, Size{})); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%s as %s: two drawings differ", name, f)
			}
		}
	}
}

func TestErrorsNameTheField(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	forecast := func(change func(*ForecastData)) func(io.Writer, Format, Size) error {
		return func(w io.Writer, f Format, s Size) error {
			d := full()
			change(&d)
			return Forecast(w, d, f, s)
		}
	}
	components := func(change func([]Panel) []Panel) func(io.Writer, Format, Size) error {
		return func(w io.Writer, f Format, s Size) error { return Components(w, change(two()), f, s) }
	}
	scores := func(change func(*MetricData)) func(io.Writer, Format, Size) error {
		return func(w io.Writer, f Format, s Size) error {
			d := metric()
			change(&d)
			return CrossValidationMetric(w, d, f, s)
		}
	}
	nan := slices.Repeat([]float64{math.NaN()}, 130)
	for _, c := range []struct {
		field string
		draw  func(io.Writer, Format, Size) error
		f     Format
		s     Size
	}{
		{"ds", forecast(func(d *ForecastData) { *d = ForecastData{} }), SVG, Size{}},
		{"ds", forecast(func(d *ForecastData) { *d = ForecastData{DS: d.DS[:1], Yhat: d.Yhat[:1]} }), SVG, Size{}},
		{"ds", forecast(func(d *ForecastData) { slices.Reverse(d.DS) }), SVG, Size{}},
		{"yhat", forecast(func(d *ForecastData) { d.Yhat = nil }), SVG, Size{}},
		{"yhat", forecast(func(d *ForecastData) { d.Yhat = d.Yhat[1:] }), SVG, Size{}},
		{"yhat", forecast(func(d *ForecastData) { d.Yhat = nan }), SVG, Size{}},
		{"yhat[3]", forecast(func(d *ForecastData) { d.Yhat[3] = inf }), SVG, Size{}},
		{"yhat_lower", forecast(func(d *ForecastData) { d.Upper = nil }), SVG, Size{}},
		{"yhat_upper[0]", forecast(func(d *ForecastData) { d.Upper[0] = -1e301 }), SVG, Size{}},
		{"cap", forecast(func(d *ForecastData) { d.Cap = d.Cap[1:] }), SVG, Size{}},
		{"trend[129]", forecast(func(d *ForecastData) { d.Trend[129] = inf }), SVG, Size{}},
		{"history.y", forecast(func(d *ForecastData) { d.HistoryY = d.HistoryY[1:] }), SVG, Size{}},
		{"format", drawFull, "pdf", Size{}},
		{"size.width", drawFull, PNG, Size{Width: 1}},
		{"size.width", drawFull, PNG, Size{Width: math.NaN()}},
		{"size.height", drawFull, SVG, Size{Height: 101}},
		{"size.dpi", drawFull, PNG, Size{DPI: 601}},
		{"size.dpi", drawFull, PNG, Size{Width: 100, Height: 100}},
		{"panels", components(func([]Panel) []Panel { return nil }), SVG, Size{}},
		{"panels[0].ds", components(func(p []Panel) []Panel { p[0].DS = p[0].DS[:1]; return p }), SVG, Size{}},
		{"panels[1].ds", components(func(p []Panel) []Panel {
			p[1].DS, p[1].Value, p[1].Unobserved = p[1].DS[:6], p[1].Value[:6], nil
			return p
		}), SVG, Size{}},
		{"panels[1].value", components(func(p []Panel) []Panel { p[1].Value = nil; return p }), SVG, Size{}},
		{"panels[1].unobserved", components(func(p []Panel) []Panel { p[1].Unobserved = p[1].Unobserved[:5]; return p }), SVG, Size{}},
		{"panels[1].unobserved", components(func(p []Panel) []Panel { p[1].Unobserved = slices.Repeat([]bool{true}, 7); return p }), SVG, Size{}},
		{"panels[0].over", components(func(p []Panel) []Panel { p[0].Over = "moon"; return p }), SVG, Size{}},
		{"panels[0].lower", components(func(p []Panel) []Panel { p[0].Lower = nil; return p }), SVG, Size{}},
		{"size.height", components(func(p []Panel) []Panel { return slices.Repeat(p, 2) }), SVG, Size{Height: 2}},
		{"horizon", scores(func(d *MetricData) { *d = MetricData{} }), SVG, Size{}},
		{"value", scores(func(d *MetricData) { d.Value = d.Value[1:] }), SVG, Size{}},
		{"rolling_horizon", scores(func(d *MetricData) { d.RollingHorizon, d.Rolling = nil, nil }), SVG, Size{}},
		{"rolling_horizon", scores(func(d *MetricData) {
			d.RollingHorizon = slices.Clone(d.RollingHorizon)
			slices.Reverse(d.RollingHorizon)
		}), SVG, Size{}},
		{"rolling[2]", scores(func(d *MetricData) { d.Rolling[2] = inf }), SVG, Size{}},
	} {
		var b bytes.Buffer
		err := c.draw(&b, c.f, c.s)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != c.field || e.Remedy == "" {
			t.Errorf("want an error of %s, got %v", c.field, err)
		}
		if b.Len() > 0 {
			t.Errorf("%s: %d bytes written despite the error", c.field, b.Len())
		}
	}
}

// broken accepts a number of bytes and fails on the next.
type broken struct{ left int }

var errFull = errors.New("the disk is full")

func (b *broken) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errFull
	}
	b.left -= len(p)
	return len(p), nil
}

func TestWriterErrorsComeBack(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{SVG, PNG} {
		if err := drawFull(&broken{left: 100}, f, Size{}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestMissingValuesAreGaps(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	d := full()
	d.Yhat[40], d.Yhat[80] = nan, nan // three stretches
	d.Upper[60], d.Lower[70] = nan, nan
	d.Cap = slices.Repeat([]float64{nan}, 130)
	d.HistoryY[7] = nan
	out := figure(t, func(w io.Writer, f Format, s Size) error { return Forecast(w, d, f, s) })
	if n := len(out.with("stroke:#0072B2", "stroke-width:1.5")); n != 3 {
		t.Errorf("yhat is drawn in %d stretches, want 3", n)
	}
	if n := len(out.with("fill:#0072B2", "fill-opacity:0.2")); n != 3 {
		t.Errorf("the band is drawn in %d stretches, want 3", n)
	}
	if n := len(out.with("stroke:#000000", "stroke-dasharray")); n != 1 {
		t.Errorf("%d dashed lines, want the floor alone", n)
	}
	for _, p := range out.paths {
		if p.style == "" && strings.Contains(p.d, "A") && strings.Count(p.d, "M") != 99 {
			t.Errorf("%d points, want 99", strings.Count(p.d, "M"))
		}
	}
	// An isolated row between gaps makes no line; it is a dot in the line's colour.
	lone := figure(t, func(w io.Writer, f Format, s Size) error {
		return Forecast(w, ForecastData{DS: days(y2020, 4), Yhat: []float64{1, nan, 2, 3}}, f, s)
	})
	if n := len(lone.with("fill:#0072B2")); n != 1 {
		t.Errorf("%d dots, want 1", n)
	}
}

// Values that are far apart, all equal or of any size have a finite place on the figure.
func TestRanges(t *testing.T) {
	t.Parallel()
	for _, v := range [][]float64{{0, 0}, {5, 5}, {-5, -5}, {1e300, -1e300}, {5e-324, 0}, {1e-300, 2e-300}, {1e15, 1e15 + 1}, {1e9, 1e9}, {-1e-7, 1e-7}, {99999.9999999, 100000}} {
		for _, percent := range []bool{false, true} {
			if percent && math.Abs(v[0]) > 1e297 {
				continue
			}
			d := figure(t, func(w io.Writer, f Format, s Size) error {
				return Components(w, []Panel{{Name: "x", Over: OverTime, DS: days(y2020, 2), Value: v, Percent: percent}}, f, s)
			})
			if len(d.with("stroke:#0072B2")) != 1 || len(d.text) < 5 {
				t.Errorf("%v: %q", v, d.text)
			}
		}
	}
	same := []prophet.Stamp{y2020, y2020}
	figure(t, func(w io.Writer, f Format, s Size) error {
		return Forecast(w, ForecastData{DS: same, Yhat: []float64{1, 2}}, f, s)
	})
}

func TestLabelsAreText(t *testing.T) {
	t.Parallel()
	name := `<script> & "quotes" style="font-family:Liberation Sans;` + "\x00\xff\n"
	d := figure(t, func(w io.Writer, f Format, s Size) error {
		return Components(w, []Panel{{Name: name, Over: OverTime, DS: days(y2020, 2), Value: []float64{1, 2}}}, f, Size{Height: 10})
	})
	if want := `<script> & "quotes" style="font-family:Liberation Sans;` + "\uFFFD\uFFFD\uFFFD"; !slices.Contains(d.text, want) {
		t.Errorf("%q has no %q", d.text, want)
	}
	long := strings.Repeat("seasonality", 40)
	d = figure(t, func(w io.Writer, f Format, s Size) error {
		return Components(w, []Panel{{Name: long, Over: OverTime, DS: days(y2020, 2), Value: []float64{1, 2}}}, f, s)
	})
	cut := d.text[len(d.text)-1]
	if !strings.HasPrefix(cut, "seasonality") || !strings.HasSuffix(cut, "…") || textWidth(cut) > 3*72 {
		t.Errorf("a label %.0f points long: %q", float64(textWidth(cut)), cut)
	}
}

// A PNG has a box for each character that its font lacks, an SVG the character.
func TestCharactersTheFontLacks(t *testing.T) {
	t.Parallel()
	draw := func(name string, f Format) string {
		panels := two()
		panels[0].Name = name
		panels[0].XLabel = name
		var b strings.Builder
		if err := Components(&b, panels, f, Size{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if got := draw("설날 2024", PNG); got == draw(" 2024", PNG) || got != draw("□□ 2024", PNG) {
		t.Error("a PNG does not show that characters are missing")
	}
	if got := draw("설날 2024", SVG); strings.Count(got, ">설날 2024<") != 2 {
		t.Errorf("an SVG has the characters in %d of 2 places", strings.Count(got, ">설날 2024<"))
	}
}

func TestColoursAreExact(t *testing.T) {
	t.Parallel()
	for _, k := range []ink{{0x00, 0x72, 0xB2, 51}, {0x80, 0x80, 0x80, 26}, {1, 254, 255, 3}, {0xE3, 0xE3, 0xE3, 255}} {
		r, g, b, a := k.RGBA()
		if max(r, g, b) > a {
			t.Errorf("%v: a colour channel above alpha", k)
		}
		for _, c := range [][2]uint32{{r, uint32(k.r)}, {g, uint32(k.g)}, {b, uint32(k.b)}} {
			if got := int(float64(c[0]) * (255 / float64(a))); got != int(c[1]) { // what vgsvg does
				t.Errorf("%v: %d is written as %d", k, c[1], got)
			}
		}
	}
}

// However long the history, a browser opens the figure at once.
func TestLongHistoriesStaySmall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rows, most int }{{10_000, 1_500_000}, {100_000, 3_000_000}} {
		random := rand.New(rand.NewPCG(1, 2))
		d := ForecastData{DS: days(prophet.DateOf(1900, time.January, 1), c.rows)}
		for range c.rows {
			v := random.NormFloat64()
			d.Yhat, d.Lower, d.Upper = append(d.Yhat, v), append(d.Lower, v-1), append(d.Upper, v+1)
			d.HistoryY = append(d.HistoryY, v+random.NormFloat64())
		}
		d.HistoryDS = d.DS
		var b bytes.Buffer
		if err := Forecast(&b, d, SVG, Size{}); err != nil {
			t.Fatal(err)
		}
		if b.Len() > c.most {
			t.Errorf("%d rows: %d bytes, want %d at most", c.rows, b.Len(), c.most)
		}
		parse(t, b.Bytes())
		// As one path this PNG took a minute; in pieces it takes a quarter of a second.
		if err := Forecast(io.Discard, d, PNG, Size{}); err != nil {
			t.Fatal(err)
		}
	}
}

// A band of very many rows is drawn in pieces without visible seams: along a level band all dots have the band's
// colour, one fifth of #0072B2 on white, except on the grid.
func TestPiecesShowNoSeam(t *testing.T) {
	t.Parallel()
	const rows = 5000
	var b bytes.Buffer
	d := ForecastData{DS: days(prophet.DateOf(2000, time.January, 1), rows), Yhat: line(rows, -9, 0), Lower: line(rows, -1, 0), Upper: line(rows, 1, 0)}
	if err := Forecast(&b, d, PNG, Size{}); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	// The axis runs from 1.5 down to -9.5 over some 540 dots: 0.5 is 50 dots below the top and between ticks, as is
	// -4.5, where there is only the grid.
	band, empty := color.RGBA{R: 0xCC, G: 0xE3, B: 0xF0, A: 0xFF}, color.RGBA{R: 0xFF, G: 0xFF, B: 0xFF, A: 0xFF}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) }
	seen := 0
	for x := 150; x < 900; x++ {
		if at(x, 305) != empty {
			continue
		}
		seen++
		if at(x, 60) != band {
			t.Errorf("column %d is %v, want %v", x, at(x, 60), band)
		}
	}
	if seen < 700 {
		t.Errorf("only %d columns are free of the grid", seen)
	}
}

// The pieces of a line keep all its segments: a straight line over 500 days has at least one dot in each column of
// dots, with a corner per day or none.
func TestLinesInPieces(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Forecast(&b, ForecastData{DS: days(y2020, 500), Yhat: line(500, 0, 1)}, PNG, Size{}); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	for x := 150; x < 900; x++ {
		darkest := uint32(0xFFFF)
		for y := 20; y < 530; y++ {
			r, _, _, _ := img.At(x, y).RGBA()
			darkest = min(darkest, r)
		}
		if darkest > 0x4000 { // the line's red is 0, the grid's 0xE3
			t.Fatalf("the line is broken at column %d: %x", x, darkest)
		}
	}
}

func FuzzForecast(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), "y")
	f.Add(bytes.Repeat([]byte{0x7f, 0xf0, 0, 0, 0, 0, 0, 0}, 6), "\x00<")
	f.Fuzz(func(t *testing.T, data []byte, label string) {
		var d ForecastData
		at := y2020
		for ; len(data) >= 8; data = data[8:] {
			bits := binary.BigEndian.Uint64(data)
			v := math.Float64frombits(bits)
			at += prophet.Stamp(bits % uint64(400*prophet.Day))
			d.DS, d.Yhat = append(d.DS, min(at, prophet.DateOf(2261, time.December, 31))), append(d.Yhat, v)
			d.Lower, d.Upper = append(d.Lower, -v), append(d.Upper, v/3)
		}
		d.HistoryDS, d.HistoryY, d.Changepoints, d.YLabel = d.DS, d.Lower, d.DS, label
		var b bytes.Buffer
		err := Forecast(&b, d, SVG, Size{})
		if err != nil {
			if etf.KindOf(err) != etf.KindInvalid {
				t.Fatal(err)
			}
			return
		}
		if out := parse(t, b.Bytes()); len(out.text) < 3 {
			t.Errorf("text %q", out.text)
		}
	})
}

func ExampleForecast() {
	ds := []prophet.Stamp{prophet.DateOf(2024, time.January, 1), prophet.DateOf(2024, time.January, 2), prophet.DateOf(2024, time.January, 3)}
	var b bytes.Buffer
	err := Forecast(&b, ForecastData{DS: ds, Yhat: []float64{1, 2, 3}, HistoryDS: ds[:2], HistoryY: []float64{1.1, 1.9}}, PNG, Size{})
	img, _ := png.DecodeConfig(&b)
	fmt.Println(img.Width, img.Height, err)
	// Output: 1000 600 <nil>
}
