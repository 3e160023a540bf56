// Command figures draws the figures of docs/prophet.md and docs/prophet-markets.md into a folder, from seeded series
// that it generates: the same pictures every time.
//
//	go run ./bench/prophet/figures docs/images
package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/chart"
	"github.com/etfcast/etfcast/forecast/prophet/diagnostics"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: figures FOLDER")
		os.Exit(2)
	}
	a := &album{ctx: context.Background(), folder: os.Args[1]}
	for _, draw := range []func() error{a.plots, a.weekdays, a.logScale, a.sessionTime, a.closures, a.residuals} {
		if err := draw(); err != nil {
			fmt.Fprintln(os.Stderr, "figures:", err)
			os.Exit(1)
		}
	}
}

type album struct {
	ctx    context.Context
	folder string
}

func (a *album) save(name string, draw func(io.Writer) error) error {
	f, err := os.Create(filepath.Join(a.folder, name+".png"))
	if err != nil {
		return err
	}
	if err := draw(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Close()
}

// half is the size of one of two figures side by side.
var half = chart.Size{Width: 7, Height: 4.5}

func (a *album) fit(o prophet.Options, history *prophet.Frame) (*prophet.Fitted, error) {
	m, err := prophet.New(o)
	if err != nil {
		return nil, err
	}
	return m.Fit(a.ctx, history, prophet.FitOptions{})
}

// forecast fits and forecasts, and keeps the rows from a date on.
func (a *album) forecast(o prophet.Options, history *prophet.Frame, periods int, freq string, from prophet.Stamp) (chart.ForecastData, *prophet.Fitted, *prophet.Forecast, error) {
	fitted, err := a.fit(o, history)
	if err != nil {
		return chart.ForecastData{}, nil, nil, err
	}
	q, err := prophet.ParseFreq(freq)
	if err != nil {
		return chart.ForecastData{}, nil, nil, err
	}
	future, err := fitted.MakeFuture(periods, q, true)
	if err != nil {
		return chart.ForecastData{}, nil, nil, err
	}
	future = future.Where(func(s prophet.Stamp) bool { return s >= from })
	fc, err := fitted.Predict(a.ctx, future, prophet.PredictOptions{})
	if err != nil {
		return chart.ForecastData{}, nil, nil, err
	}
	d := chart.ForecastOf(fitted, fc, false)
	recent := history.Where(func(s prophet.Stamp) bool { return s >= from })
	d.HistoryDS, d.HistoryY = recent.DS, recent.Y
	return d, fitted, fc, nil
}

// pair draws two forecasts of the same history: with the original's defaults at the given frequency, and with the given
// market options on sessions.
func (a *album) pair(name, freq string, history *prophet.Frame, market prophet.Market, periods int, from prophet.Stamp, change func(*prophet.Options)) error {
	for _, side := range []struct {
		suffix, freq string
		market       prophet.Market
	}{{"before", freq, prophet.Market{}}, {"after", "session:" + market.Exchange, market}} {
		o := prophet.Defaults()
		if change != nil {
			change(&o)
		}
		o.Market = side.market
		d, _, _, err := a.forecast(o, history, periods, side.freq, from)
		if err != nil {
			return fmt.Errorf("%s-%s: %w", name, side.suffix, err)
		}
		d.XLabel, d.YLabel = "date", "close"
		if err := a.save("prophet-"+name+"-"+side.suffix, func(w io.Writer) error { return chart.Forecast(w, d, chart.PNG, half) }); err != nil {
			return err
		}
	}
	return nil
}

// sessions returns the last n sessions up to a date.
func sessions(exchange etf.Exchange, last string, n int) []etf.Session {
	cal, err := calendar.For(exchange)
	if err != nil {
		panic(err) // the exchanges are constants
	}
	all := cal.Sessions(etf.Window{From: cal.Range().From, To: etf.MustSession(last)})
	return all[len(all)-n:]
}

// market makes closes whose logarithm is a line plus an effect plus an AR(1) excursion.
func market(days []etf.Session, growth, phi, innovation float64, seed uint64, effect func(i int) float64) *prophet.Frame {
	rng := rand.New(rand.NewPCG(seed, 0))
	f := &prophet.Frame{}
	var e float64
	for i, s := range days {
		e = phi*e + innovation*rng.NormFloat64()
		x := math.Log(100) + growth*float64(i)/252 + e
		if effect != nil {
			x += effect(i)
		}
		f.DS, f.Y = append(f.DS, prophet.SessionStamp(s)), append(f.Y, math.Exp(x))
	}
	return f
}

// plots are the figures that the plot command draws, of a daily series with a break, a weekly and a yearly pattern.
func (a *album) plots() error {
	rng := rand.New(rand.NewPCG(4, 2))
	f := &prophet.Frame{}
	for i := range 1500 {
		s := prophet.DateOf(2020, 1, 1) + prophet.Stamp(i)*prophet.Day
		slope := 0.02*float64(i) - 0.035*math.Max(0, float64(i-700))
		week := []float64{-3, 1, 1.5, 1, 0.5, 2, -3}[s.Weekday()]
		year := 6 * math.Sin(2*math.Pi*s.Days()/365.25)
		f.DS, f.Y = append(f.DS, s), append(f.Y, 50+slope+week+year+2*rng.NormFloat64())
	}
	d, fitted, fc, err := a.forecast(prophet.Defaults(), f, 365, "D", f.DS[0])
	if err != nil {
		return err
	}
	with := chart.ForecastOf(fitted, fc, true)
	if err := a.save("prophet-forecast", func(w io.Writer) error { return chart.Forecast(w, d, chart.PNG, chart.Size{}) }); err != nil {
		return err
	}
	if err := a.save("prophet-changepoints", func(w io.Writer) error { return chart.Forecast(w, with, chart.PNG, chart.Size{}) }); err != nil {
		return err
	}
	panels, err := chart.PanelsOf(a.ctx, fitted, fc, chart.PanelOptions{})
	if err != nil {
		return err
	}
	if err := a.save("prophet-components", func(w io.Writer) error { return chart.Components(w, panels, chart.PNG, chart.Size{}) }); err != nil {
		return err
	}
	table, err := diagnostics.CrossValidation(a.ctx, fitted, diagnostics.Options{Horizon: 120 * prophet.Day, Initial: 730 * prophet.Day, Period: 60 * prophet.Day})
	if err != nil {
		return err
	}
	each, err := diagnostics.PerformanceMetrics(table, []string{"mae"}, -1, false)
	if err != nil {
		return err
	}
	rolling, err := diagnostics.PerformanceMetrics(table, []string{"mae"}, 0.1, false)
	if err != nil {
		return err
	}
	return a.save("prophet-cv", func(w io.Writer) error {
		return chart.CrossValidationMetric(w, chart.MetricData{Name: "mae", Horizon: each.Horizon, Value: each.Column("mae"),
			RollingHorizon: rolling.Horizon, Rolling: rolling.Column("mae")}, chart.PNG, chart.Size{})
	})
}

// weekdays: five weekdays do not identify a weekly seasonality of order 3.
func (a *album) weekdays() error {
	days := sessions(etf.XNYS, "2025-09-26", 1000)
	f := market(days, 0.08, 0, 0.006, 21, nil)
	return a.pair("weekend", "D", f, prophet.Market{Exchange: "XNYS", WeekdayBasis: true}, 40, prophet.DateOf(2025, 8, 1), nil)
}

// logScale: twenty years of growth at 12 %.
func (a *album) logScale() error {
	days := sessions(etf.XNYS, "2025-09-26", 5000)
	f := market(days, 0.12, 0.97, 0.012, 5, nil)
	return a.pair("log", "session:XNYS", f, prophet.Market{Exchange: "XNYS", LogScale: true, WeekdayBasis: true}, 500, f.DS[0], func(o *prophet.Options) { o.WeeklySeasonality = prophet.SeasonalOff })
}

// sessionTime: a steep trend over the closed week of Chuseok 2025.
func (a *album) sessionTime() error {
	days := sessions(etf.XKRX, "2025-10-02", 250)
	f := market(days, 1.2, 0, 0.002, 8, nil)
	off := func(o *prophet.Options) {
		o.WeeklySeasonality, o.YearlySeasonality = prophet.SeasonalOff, prophet.SeasonalOff
	}
	return a.pair("sessions", "session:XKRX", f, prophet.Market{Exchange: "XKRX", SessionTime: true}, 15, prophet.DateOf(2025, 8, 25), off)
}

// closures: prices are 2 % higher on the session before a closure, more than any real calendar effect.
func (a *album) closures() error {
	days := sessions(etf.XNYS, "2025-08-15", 1500)
	before := map[etf.Session]bool{}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		return err
	}
	for _, c := range cal.Closures(etf.Window{From: days[0], To: days[len(days)-1]}) {
		if s, err := cal.Previous(c.Date); err == nil {
			before[s] = true
		}
	}
	f := market(days, 0.08, 0, 0.003, 3, func(i int) float64 {
		if before[days[i]] {
			return 0.02
		}
		return 0
	})
	off := func(o *prophet.Options) {
		o.WeeklySeasonality, o.YearlySeasonality = prophet.SeasonalOff, prophet.SeasonalOff
	}
	return a.pair("closures", "session:XNYS", f, prophet.Market{Exchange: "XNYS", SessionTime: true, SessionHolidays: true}, 80, prophet.DateOf(2025, 6, 1), off)
}

// residuals: an excursion of the price that has not ended with the history.
func (a *album) residuals() error {
	days := sessions(etf.XNYS, "2025-09-26", 1200)
	f := market(days, 0.08, 0.99, 0.011, 12, nil)
	return a.pair("residual", "session:XNYS", f, prophet.Market{Exchange: "XNYS", LogScale: true, WeekdayBasis: true, SessionTime: true, ResidualAR1: true}, 21, prophet.DateOf(2025, 6, 1), nil)
}
