package etf

import "time"

// QuantileLevels are the probability levels every forecast carries at every horizon.
var QuantileLevels = [7]float64{.05, .10, .25, .50, .75, .90, .95}

// MaxHorizon is the longest horizon issued daily, in sessions.
const MaxHorizon = 21

// MaxHeld is how many sessions before a held origin the series of a forecast may end.
const MaxHeld = 21

// ForecastPoint is the forecast of the close at one horizon. Values are prices in the ETF's currency, split-adjusted as
// of the origin session.
type ForecastPoint struct {
	Horizon   int        `json:"horizon"` // sessions after the origin, 1-based
	Target    Session    `json:"target"`
	Mean      float64    `json:"mean"`
	Quantiles [7]float64 `json:"quantiles"` // at QuantileLevels, nondecreasing
}

// Forecast is one model's forecast of one ETF from one origin. Forecasts are append-only and unique by
// (Symbol, Model, Origin, DataVersion, ParamsHash, Seed, CodeVersion).
type Forecast struct {
	ID          string            `json:"id"` // 32 hex digits, a hash of what makes it unique
	Symbol      Symbol            `json:"symbol"`
	Model       string            `json:"model"`
	Origin      Session           `json:"origin"`
	DataVersion DataVersion       `json:"data_version"`
	Basis       Basis             `json:"basis"`  // of the prices fitted
	Params      string            `json:"params"` // JSON, canonical
	ParamsHash  string            `json:"params_hash"`
	Seed        uint64            `json:"seed"`
	CodeVersion string            `json:"code_version"`
	Diagnostics map[string]string `json:"diagnostics"` // status, sigma, drift, rows used, ...
	Run         RunID             `json:"run"`
	AsOf        time.Time         `json:"as_of"` // the instant as of which its data was known
	IssuedAt    time.Time         `json:"issued_at"`
	Chain       int64             `json:"chain"` // position in the chain of (Symbol, Model), 1-based
	PrevHash    string            `json:"prev_hash"`
	Hash        string            `json:"hash"`
	Points      []ForecastPoint   `json:"points"`

	// A forecast's hash covers its JSON: add fields only at the end, and omit them when empty, so that the hashes of
	// earlier forecasts stay valid.

	// Components are the parts that the model adds or multiplies to get its forecast, by name, each with one value per
	// point, in the model's own units (see Params). Empty for a model without components.
	Components map[string][]float64 `json:"components,omitempty"`
	// FitHash is the SHA-256 of the fit in hex; empty when none is stored.
	FitHash string `json:"fit_hash,omitempty"`
	// Retracted lists the findings whose decision says that prices this forecast was made from are wrong. It is not part of what
	// was issued.
	Retracted []string `json:"-"`
	// Moved are the sessions to which later versions of the exchange's calendar have moved horizons, by horizon and version. It is not part of
	// what was issued either.
	Moved []TargetDate `json:"-"`
	// Fit is what the model needs to reproduce these numbers (Model.Restore). It is stored with the forecast but, because
	// it is large, not read back with it.
	Fit []byte `json:"-"`
	// Held is set if the origin's price was held: the series fitted ends at the last believed session, this many sessions
	// before the origin, and horizon h lies h+Held sessions after that one.
	Held int `json:"held,omitempty"`
	// Provisional means that the origin's price may still change before the day is over. It is derived, not stored.
	Provisional bool `json:"-"`
	// Tails are the quantiles at TailLevels, a pair for each point. Empty for forecasts issued before 0.2.0.
	Tails [][2]float64 `json:"tails,omitempty"`
	// ClosesHash is the SHA-256, in hex, of the closes fitted (forecast.ClosesHash).
	ClosesHash string `json:"closes_hash,omitempty"`
	// Scale is that of the closes fitted.
	Scale Scale `json:"scale,omitzero"`
	// Build is the program that made it.
	Build Build `json:"build,omitzero"`
	// Raw are the quantiles before calibration, a value for each point. Empty for a forecast that is not calibrated.
	Raw []RawPoint `json:"raw,omitempty"`
	// Volatility is forecast.Volatility of the closes fitted. Zero for forecasts issued before 0.2.0.
	Volatility float64 `json:"volatility,omitempty"`
	// Now is the symbol that the ETF has now, if it has been renamed since; empty if it is still Symbol. It is not part of what was issued.
	Now Symbol `json:"-"`
}

// ETF returns the symbol by which the forecast's ETF is found now.
func (f *Forecast) ETF() Symbol {
	if f.Now != "" {
		return f.Now
	}
	return f.Symbol
}

// Appended is what became of one forecast that was to be appended.
type Appended struct {
	Forecast Forecast // as it is stored, without Fit; zero if it was refused
	New      bool     // appended now; otherwise it had been stored before
	// Refused says why the forecast can't be stored, no matter how often that is tried (KindInvalid).
	Refused error
}
