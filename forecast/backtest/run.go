package backtest

import (
	"context"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// The defaults of etf.BacktestOptions.
const (
	FirstOrigin       = 750 // rows before the first origin, itself included
	DefaultRefitEvery = 21
)

// Input is one ETF's history.
type Input struct {
	Symbol   etf.Symbol
	Exchange etf.Exchange
	Source   string
	// Calendar gives the sessions; nil means that the dates of the bars are the calendar.
	Calendar forecast.Calendar
	Bars     []etf.Bar    // ascending, without those that are quarantined or held
	Splits   []etf.Action // accepted; those with an ex-date after an origin are not known there
	Accepted []string
}

// Outcome is one forecast of one ETF, scored at one horizon.
type Outcome struct {
	Score      etf.Score // Forecast, Run and versions are empty
	Raw        etf.RawPoint
	Volatility float64
}

// Part is what one ETF gives, before anything that looks across ETFs: the forecasts of every model but the combination, not calibrated.
// It can be stored, so that a backtest goes on after a crash.
type Part struct {
	ETF      etf.BacktestETF
	Outcomes []Outcome
	Fans     []etf.BacktestFan
}

// Measure makes an ETF's part. progress may be nil; it is called with the origins done and their total.
func Measure(ctx context.Context, in Input, models []forecast.Model, o etf.BacktestOptions, progress forecast.Progress) (Part, error) {
	return Part{}, nil
}

// Assemble makes the backtest of its parts: combination, calibration, the gate, and all sums. The order of the parts does not matter.
func Assemble(parts []Part, o etf.BacktestOptions) (etf.Backtest, error) {
	return etf.Backtest{}, nil
}
