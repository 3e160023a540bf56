package chart

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/internal/testenv"
)

// fit fits a history; in-sample rows are forecast without simulating.
func fit(t testing.TB, o prophet.Options, h *prophet.Frame, future *prophet.Frame) (*prophet.Fitted, *prophet.Forecast) {
	t.Helper()
	m, err := prophet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.Fit(context.Background(), h, prophet.FitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fc, err := f.Predict(context.Background(), future, prophet.PredictOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f, fc
}

// wave is a history with a trend, a yearly and a weekly pattern.
func wave(ds []prophet.Stamp) *prophet.Frame {
	y := make([]float64, len(ds))
	for i, s := range ds {
		y[i] = 100 + 0.01*s.Days() + 5*math.Sin(2*math.Pi*s.Days()/365.25) + 2*math.Cos(2*math.Pi*s.Days()/7) + math.Sin(float64(i*i))
	}
	return &prophet.Frame{DS: ds, Y: y, Columns: map[string][]float64{}}
}

func names(panels []Panel) []string {
	out := make([]string, len(panels))
	for i, p := range panels {
		out[i] = p.Name
	}
	return out
}

func TestPanelsComeInTheOriginalsOrder(t *testing.T) {
	t.Parallel()
	ds := days(y2020, 1000)
	h := wave(ds)
	h.Columns["rain"], h.Columns["price"], h.Columns["open"] = line(1000, 0, 0.01), make([]float64, 1000), make([]float64, 1000)
	for i := range ds {
		h.Columns["price"][i], h.Columns["open"][i] = math.Sin(float64(i)), float64(i%2)
	}
	o := prophet.Defaults()
	o.Seasonalities = []prophet.Seasonality{
		{Name: "zodiac", Period: 365.25, FourierOrder: 2, ConditionName: "open"},
		{Name: "monthly", Period: 30.5, FourierOrder: 3, Mode: prophet.Multiplicative},
		{Name: "fortnight", Period: 14, FourierOrder: 2},
		{Name: "sabbath", Period: 7, FourierOrder: 1, ConditionName: "open"},
	}
	o.Holidays = []prophet.Holiday{{Name: "new year", DS: y2020}, {Name: "new year", DS: prophet.DateOf(2021, time.January, 1)}}
	o.HolidaysMode = prophet.Multiplicative
	o.Regressors = []prophet.Regressor{{Name: "price", Mode: prophet.Multiplicative}, {Name: "rain"}}
	f, fc := fit(t, o, h, nil)
	panels, err := PanelsOf(context.Background(), f, fc, PanelOptions{WeeklyStart: 1, YearlyStart: 31})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"trend", "holidays", "weekly", "yearly", "fortnight", "monthly", "sabbath", "zodiac", "extra_regressors_additive", "extra_regressors_multiplicative"}
	if got := names(panels); !slices.Equal(got, want) {
		t.Fatalf("panels %q, want %q", got, want)
	}
	start := prophet.DateOf(2017, time.January, 1)
	for i, c := range []struct {
		over    Axis
		rows    int
		first   prophet.Stamp
		last    prophet.Stamp
		percent bool
	}{
		{OverTime, 1000, ds[0], ds[999], false},
		{OverTime, 1000, ds[0], ds[999], true},
		{OverWeekdays, 7, start + prophet.Day, start + 7*prophet.Day, false},
		{OverYear, 365, start + 31*prophet.Day, start + 395*prophet.Day, false},
		{OverPeriod, 200, start, start + 14*prophet.Day, false},
		{OverPeriod, 200, start, start + 30*prophet.Day + prophet.Day/2, true},
		{OverWeekdays, 7, start + prophet.Day, start + 7*prophet.Day, false},
		{OverYear, 365, start + 31*prophet.Day, start + 395*prophet.Day, false},
		{OverTime, 1000, ds[0], ds[999], false},
		{OverTime, 1000, ds[0], ds[999], true},
	} {
		p := panels[i]
		n := len(p.DS)
		if p.Over != c.over || n != c.rows || len(p.Value) != n || len(p.Lower) != n || len(p.Upper) != n || p.DS[0] != c.first || p.DS[n-1] != c.last || p.Percent != c.percent || p.Unobserved != nil {
			t.Errorf("%s: over %s, %d rows from %s to %s, percent %t, unobserved %v", p.Name, p.Over, n, p.DS[0], p.DS[n-1], p.Percent, p.Unobserved)
		}
	}
	// The weekly wave above is highest on days that are multiples of 7 from 1970-01-01, a Thursday.
	weekly := panels[2]
	if day := weekly.DS[slices.Index(weekly.Value, slices.Max(weekly.Value))].Weekday(); day != time.Thursday {
		t.Errorf("the week is highest on %s", day)
	}
	// A condition is true in its panel, though it is false in half of the rows.
	if slices.Max(panels[6].Value) <= 0 {
		t.Errorf("the conditional seasonality is %v", panels[6].Value)
	}
	var b bytes.Buffer
	if err := Components(&b, panels, SVG, Size{}); err != nil {
		t.Fatal(err)
	}
	parse(t, b.Bytes())
}

func TestPanelsWithinTheDay(t *testing.T) {
	t.Parallel()
	ds := make([]prophet.Stamp, 24*20)
	for i := range ds {
		ds[i] = y2020 + prophet.Stamp(i)*prophet.Hour
	}
	o := prophet.Defaults()
	o.UncertaintySamples = 0
	f, fc := fit(t, o, wave(ds), nil)
	panels, err := PanelsOf(context.Background(), f, fc, PanelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// Hourly rows: the week is a period with times of day, not seven days; 20 days have no yearly seasonality.
	if got := names(panels); !slices.Equal(got, []string{"trend", "weekly", "daily"}) || panels[1].Over != OverWeek || panels[2].Over != OverPeriod {
		t.Fatalf("panels %q over %s, %s", got, panels[1].Over, panels[2].Over)
	}
	for _, p := range panels {
		if p.Lower != nil || p.Upper != nil {
			t.Errorf("%s has a band, but the model has no intervals", p.Name)
		}
	}
}

// Logistic growth between a floor and a cap, scaled by its range: cap 1 and floor 0, with which the original computes
// its panels, are below the history.
func TestPanelsOfLogisticGrowth(t *testing.T) {
	t.Parallel()
	ds := days(y2020, 60)
	for _, scaling := range []prophet.Scaling{prophet.AbsMax, prophet.MinMax} {
		for _, floor := range [][]float64{nil, line(60, 50, 0)} {
			o := prophet.Defaults()
			o.Growth, o.Scaling = prophet.Logistic, scaling
			h := wave(ds)
			h.Cap, h.Floor = line(60, 500, 0), floor
			f, fc := fit(t, o, h, nil)
			panels, err := PanelsOf(context.Background(), f, fc, PanelOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if panels[0].Cap == nil || (panels[0].Floor == nil) != (floor == nil) {
				t.Errorf("%s: cap %t, floor %t", scaling, panels[0].Cap != nil, panels[0].Floor != nil)
			}
			if err := Components(io.Discard, panels, PNG, Size{}); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestPanelsOfAMarket(t *testing.T) {
	t.Parallel()
	var ds []prophet.Stamp
	for _, s := range days(y2020, 400) {
		if d := s.Weekday(); d != time.Saturday && d != time.Sunday {
			ds = append(ds, s)
		}
	}
	saturday := prophet.DateOf(2020, time.March, 7) // one make-up session: less than 1 % of the rows
	ds = append(ds, saturday)
	slices.Sort(ds)
	o := prophet.Defaults()
	o.Market = prophet.Market{LogScale: true, WeekdayBasis: true}
	f, fc := fit(t, o, wave(ds), nil)
	panels, err := PanelsOf(context.Background(), f, fc, PanelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(panels, func(p Panel) bool { return p.Name == "weekly" })
	weekly := panels[i]
	if want := []bool{true, false, false, false, false, false, true}; !slices.Equal(weekly.Unobserved, want) { // Sunday first
		t.Errorf("unobserved %v, want %v", weekly.Unobserved, want)
	}
	// On a logarithmic scale a component c multiplies the price by exp(c): exp(c) - 1 in per cent.
	monday := slices.IndexFunc(fc.DS, func(s prophet.Stamp) bool { return s.Weekday() == time.Monday })
	if got, want := weekly.Value[1], math.Exp(fc.Component("weekly").Value[monday])-1; math.Abs(got-want) > 1e-12 || !weekly.Percent {
		t.Errorf("Monday is %v, percent %t; want %v", got, weekly.Percent, want)
	}
	if panels[0].Percent || math.Abs(panels[0].Value[0]-fc.Trend[0]) > 0 {
		t.Error("the trend is not shown as a price")
	}
	// Everything a market model has, on the exchange's sessions.
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	var sessions []prophet.Stamp
	for _, s := range cal.Sessions(etf.Window{From: etf.Session(y2020 / prophet.Day), To: etf.Session(y2020/prophet.Day) + 800}) {
		sessions = append(sessions, prophet.SessionStamp(s))
	}
	o.Market = prophet.MarketFor("XNYS")
	f, fc = fit(t, o, wave(sessions), nil)
	if panels, err = PanelsOf(context.Background(), f, fc, PanelOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, want := names(panels), []string{"trend", "holidays", "weekly", "yearly", "residual"}; !slices.Equal(got, want) {
		t.Errorf("panels %q, want %q", got, want)
	}
	// Without a market all seven days are drawn, as the original draws them.
	o.Market = prophet.Market{}
	f, fc = fit(t, o, wave(ds), nil)
	if panels, err = PanelsOf(context.Background(), f, fc, PanelOptions{}); err != nil {
		t.Fatal(err)
	}
	if i = slices.IndexFunc(panels, func(p Panel) bool { return p.Name == "weekly" }); panels[i].Unobserved != nil {
		t.Errorf("unobserved %v without a market", panels[i].Unobserved)
	}
}

// The mean of two draws counts: 0.01 or more either way is drawn.
func TestForecastOfChangepoints(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.Changepoints = days(y2020+50*prophet.Day, 5)
	f, _ := fit(t, o, wave(days(y2020, 200)), nil)
	s := f.State()
	p := s.Params
	s.Params = prophet.Params{K: []float64{p.K[0], p.K[0]}, M: []float64{p.M[0], p.M[0]}, SigmaObs: []float64{p.SigmaObs[0], p.SigmaObs[0]}, Beta: [][]float64{p.Beta[0], p.Beta[0]},
		Delta: [][]float64{{0.01, -0.0300, 0.5, 0.0099, 0}, {0.01, 0.0099, -0.5, 0.0099, 0}}}
	f, err := prophet.FromState(s)
	if err != nil {
		t.Fatal(err)
	}
	fc, err := f.Predict(context.Background(), nil, prophet.PredictOptions{Samples: 2})
	if err != nil {
		t.Fatal(err)
	}
	d := ForecastOf(f, fc, true)
	if want := o.Changepoints[:2]; !slices.Equal(d.Changepoints, want) || !slices.Equal(d.Trend, fc.Trend) {
		t.Errorf("changepoints %v, want %v", d.Changepoints, want)
	}
	if d = ForecastOf(f, fc, false); d.Changepoints != nil || d.Trend != nil {
		t.Error("changepoints that were not asked for")
	}
	if len(d.HistoryDS) != 200 || len(d.HistoryY) != 200 {
		t.Errorf("%d points of a history of 200", len(d.HistoryY))
	}
}

func TestForecastOfNoChangepoints(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.NChangepoints = 0
	f, fc := fit(t, o, wave(days(y2020, 50)), nil)
	if d := ForecastOf(f, fc, true); len(d.Changepoints) != 0 || d.Trend == nil {
		t.Errorf("changepoints %v of a model without", d.Changepoints)
	}
}

func TestPanelsStopWithTheContext(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.MCMCSamples = 4
	f, fc := fit(t, o, wave(days(y2020, 50)), nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := PanelsOf(ctx, f, fc, PanelOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v after the context was cancelled", err)
	}
}

// The daily page views of Peyton Manning's article, the example of the original's documentation.
func TestRealData(t *testing.T) {
	t.Parallel()
	folder := testenv.RealData.Value(t)
	file, err := os.Open(filepath.Join(folder, "prophet", "example_wp_log_peyton_manning.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	h := &prophet.Frame{}
	for _, r := range records[1:] {
		s, err := prophet.ParseStamp(r[0])
		if err != nil {
			t.Fatal(err)
		}
		y, err := strconv.ParseFloat(r[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		h.DS, h.Y = append(h.DS, s), append(h.Y, y)
	}
	last := h.DS[len(h.DS)-1]
	f, fc := fit(t, prophet.Defaults(), h, &prophet.Frame{DS: append(slices.Clone(h.DS), days(last+prophet.Day, 365)...)})
	d := figure(t, func(w io.Writer, format Format, s Size) error {
		return Forecast(w, ForecastOf(f, fc, true), format, s)
	})
	// 2007-12-10 to 2017-01-19, log views of 5.3 to 12.8.
	if want := strings.Fields("2008 2009 2010 2011 2012 2013 2014 2015 2016 2017 ds 5 6 7 8 9 10 11 12 13 y"); !slices.Equal(d.text, want) {
		t.Errorf("text %q, want %q", d.text, want)
	}
	// The original's figure has 9 changepoints, where its optimiser stopped; the maximum of the posterior has 10.
	if n := len(d.with("stroke:#FF0000", "stroke-dasharray")); n < 8 || n > 12 {
		t.Errorf("%d changepoints", n)
	}
	panels, err := PanelsOf(context.Background(), f, fc, PanelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(panels); !slices.Equal(got, []string{"trend", "weekly", "yearly"}) {
		t.Fatalf("panels %q", got)
	}
	// Monday is the weekly maximum and Saturday the minimum in the figure of the original's documentation.
	if w := panels[1].Value; slices.Index(w, slices.Max(w)) != 1 || slices.Index(w, slices.Min(w)) != 6 {
		t.Errorf("week from Sunday: %v", w)
	}
}
