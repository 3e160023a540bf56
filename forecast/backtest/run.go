package backtest

import (
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Input is one ETF's history.
type Input struct {
	Symbol   etf.Symbol
	Exchange etf.Exchange // empty: the ETF is its own exchange
	Source   string
	// Calendar gives the sessions; nil means that the dates of the bars are the calendar (see Dates).
	Calendar forecast.Calendar
	Basis    etf.Basis    // of the bars; only those as traded are adjusted for splits
	Bars     []etf.Bar    // ascending, without those that are quarantined or held
	Splits   []etf.Action // accepted; those with an ex-date after an origin are not known there
	Accepted []string     // errors that were accepted, in words
}

// Outcome is one forecast at one horizon with the price that came. All prices are in the shares of the origin.
type Outcome struct {
	Model      string       `json:"model"`
	Horizon    int          `json:"horizon"`
	Origin     etf.Session  `json:"origin"`
	Target     etf.Session  `json:"target"`
	Actual     float64      `json:"actual"`
	Mean       float64      `json:"mean"`
	Raw        etf.RawPoint `json:"raw"`        // as the model gave them; the tails are 0 if it has none
	Volatility float64      `json:"volatility"` // forecast.Volatility of the closes fitted
	Scale      etf.Scale    `json:"scale"`      // of the closes fitted
}

// Part is what one ETF gives, before anything that looks across ETFs: the forecasts of every model but the combination, not calibrated.
// It can be stored as JSON, so that a backtest goes on after a crash. Parts of one ETF with different models add up to one with all.
type Part struct {
	ETF      etf.BacktestETF   `json:"etf"`
	Outcomes []Outcome         `json:"outcomes"` // by model, origin and horizon
	Fans     []etf.BacktestFan `json:"fans"`
}
