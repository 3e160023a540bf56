package etf

import "time"

// BacktestOptions say what a backtest measures. Zero fields mean the defaults.
type BacktestOptions struct {
	Models       []string `json:"models"` // the benchmark is always measured
	Horizons     []int    `json:"horizons"`
	From         Session  `json:"from,omitzero"` // first origin, at the earliest; never before 750 rows
	To           Session  `json:"to,omitzero"`   // last origin
	OriginsEvery int      `json:"origins_every"` // sessions from one origin to the next
	RefitEvery   int      `json:"refit_every"`   // sessions from one estimation of a model's parameters to the next
	Calibrate    bool     `json:"calibrate"`
	// ExpectSignal says why a model may be much better than the benchmark at one session; without it that is taken for a leak.
	ExpectSignal string `json:"expect_signal,omitempty"`
}

// BacktestResult is how one model fared at one horizon: on one ETF, or on all of an exchange (ETF is empty). Losses are divided by the
// forecasts' scales (docs/scores.md). What is undefined is nil.
type BacktestResult struct {
	ETF      Symbol   `json:"etf"`
	Exchange Exchange `json:"exchange"` // empty for a file without one
	Model    string   `json:"model"`
	Horizon  int      `json:"horizon"`
	N        int      `json:"n"`
	From     Session  `json:"from"` // first and last origin
	To       Session  `json:"to"`

	RelMAE       *float64 `json:"rel_mae"`
	RelMAELow    *float64 `json:"rel_mae_low"`
	RelMAEHigh   *float64 `json:"rel_mae_high"`
	MASE         *float64 `json:"mase"`
	RMSSE        *float64 `json:"rmsse"`
	RelCRPS      *float64 `json:"rel_crps"`
	RelCRPSLow   *float64 `json:"rel_crps_low"`
	RelCRPSHigh  *float64 `json:"rel_crps_high"`
	Pinball      *float64 `json:"pinball"`
	CRPS         *float64 `json:"crps"`
	Coverage50   *float64 `json:"coverage_50"`
	Coverage80   *float64 `json:"coverage_80"`
	Coverage90   *float64 `json:"coverage_90"`
	Coverage95   *float64 `json:"coverage_95"`
	Coverage50SE *float64 `json:"coverage_50_se"`
	Coverage80SE *float64 `json:"coverage_80_se"`
	Coverage90SE *float64 `json:"coverage_90_se"`
	Coverage95SE *float64 `json:"coverage_95_se"`
	Winkler80    *float64 `json:"winkler_80"`
	Winkler90    *float64 `json:"winkler_90"`
	Width80      *float64 `json:"width_80"`
	Width90      *float64 `json:"width_90"`
	DMP          *float64 `json:"dm_p"`     // two-sided p-value of Diebold and Mariano on CRPS
	DMPMAE       *float64 `json:"dm_p_mae"` // the same on absolute errors
	KupiecP      *float64 `json:"kupiec_p"` // of the 90 % interval, on origins that don't overlap
	ChristP      *float64 `json:"christoffersen_p"`
	PIT          []int    `json:"pit"`
	// Served is the gate's verdict at the last origin: for one ETF of a file, a file being its own exchange. Only the served model of a
	// horizon has true, the benchmark if no other passes.
	Served bool         `json:"served"`
	Gate   *GateVerdict `json:"gate,omitempty"` // nil for the benchmark

	Slices []BacktestSlice `json:"slices,omitempty"` // by year and by tercile of volatility
	// Steps are the cumulative differences from the benchmark's CRPS, thinned out for drawing; below 0 the model is better.
	Steps []BacktestStep `json:"steps,omitempty"`
}

// BacktestSlice is a part of a result.
type BacktestSlice struct {
	By         string   `json:"by"`   // "year" or "volatility"
	Name       string   `json:"name"` // "2024"; "low", "middle", "high"
	N          int      `json:"n"`
	RelMAE     *float64 `json:"rel_mae"`
	RelCRPS    *float64 `json:"rel_crps"`
	Coverage50 *float64 `json:"coverage_50"`
	Coverage80 *float64 `json:"coverage_80"`
	Coverage90 *float64 `json:"coverage_90"`
	Coverage95 *float64 `json:"coverage_95"`
}

// BacktestStep is a point of a cumulative difference.
type BacktestStep struct {
	Origin Session `json:"origin"`
	Sum    float64 `json:"sum"`
}

// BacktestFan is one forecast to be drawn: the closes before it, its quantiles at every horizon, and the closes that came.
type BacktestFan struct {
	ETF    Symbol          `json:"etf"`
	Model  string          `json:"model"`
	Origin Session         `json:"origin"`
	Before []BacktestClose `json:"before"`
	Points []ForecastPoint `json:"points"`
	Tails  [][2]float64    `json:"tails"`
	After  []BacktestClose `json:"after"`
}

// BacktestClose is a close in the shares of a fan's origin.
type BacktestClose struct {
	Session Session `json:"session"`
	Close   float64 `json:"close"`
}

// Backtest is a whole backtest: what was asked, what came out.
type Backtest struct {
	Options BacktestOptions  `json:"options"`
	ETFs    []BacktestETF    `json:"etfs"`
	Results []BacktestResult `json:"results"` // one for each ETF, model and horizon
	Pooled  []BacktestResult `json:"pooled"`  // one for each exchange, model and horizon, if there are several ETFs
	Fans    []BacktestFan    `json:"fans,omitempty"`
	// Weights are the combination's after the last outcome; empty without one.
	Weights []BacktestWeights `json:"weights,omitempty"`
	// LeakSuspected: a model beats the benchmark at one session by more than 5 %, which no honest forecast of closes does. Leaks says where.
	LeakSuspected bool              `json:"leak_suspected"`
	Suspects      []BacktestSuspect `json:"suspects"` // what is too good to be true, also if a signal is expected
	Leaks         []string          `json:"leaks"`    // the same in words, and then what to look at
	CodeVersion   string            `json:"code_version"`
}

// BacktestSuspect is a model that is too good to be true at a horizon of one session, on one ETF or on all of an exchange (ETF is empty).
type BacktestSuspect struct {
	ETF      Symbol   `json:"etf"`
	Exchange Exchange `json:"exchange"` // empty for a file without one
	Model    string   `json:"model"`
	RelMAE   float64  `json:"rel_mae"`
	N        int      `json:"n"` // forecasts
}

// BacktestWeights are what a combination's members weigh at a horizon, on an exchange or in a file without one.
type BacktestWeights struct {
	Exchange Exchange           `json:"exchange"`
	Horizon  int                `json:"horizon"`
	Models   map[string]float64 `json:"models"`
}

// BacktestETF is what a backtest knows of one series.
type BacktestETF struct {
	ETF        Symbol   `json:"etf"`
	Exchange   Exchange `json:"exchange"`
	Source     string   `json:"source,omitempty"` // file name
	Rows       int      `json:"rows"`
	From       Session  `json:"from"` // of the rows
	To         Session  `json:"to"`
	ClosesHash string   `json:"closes_hash"`
	// DataVersion and AsOf say what was believed of a stored ETF.
	DataVersion int64     `json:"data_version,omitempty"`
	AsOf        time.Time `json:"as_of,omitzero"`
	Origins     int       `json:"origins"`
	// Accepted are the errors that were accepted (--accept-errors).
	Accepted []string `json:"accepted,omitempty"`
	// Failed says, by model, how many fits failed, and why the first did.
	Failed map[string]string `json:"failed,omitempty"`
}
