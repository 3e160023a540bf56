package etf

import "time"

// Assessment is what the record of an exchange's models says before the forecasts of a session are made: how their intervals are
// calibrated, how the combination weights its members, and which model is served. It is made once for each exchange and session from
// the scores of earlier sessions, never changed, and named by its hash in the parameters of the forecasts that used it, so that
// they can be made again.
type Assessment struct {
	Hash     string    `json:"hash"` // SHA-256 of Body in hex
	Exchange Exchange  `json:"exchange"`
	Session  Session   `json:"session"`
	Previous string    `json:"previous"` // hash of the one that it carries on; "" for the first
	Through  Session   `json:"through"`  // the newest target session of the scores in it; zero if there are none
	MadeAt   time.Time `json:"made_at"`
	Run      RunID     `json:"run"` // that made it
	Body     []byte    `json:"-"`   // canonical JSON: calibration, weights, verdicts
}

// GateVerdict is what the gate says of one model at one horizon: whether the record shows that it is better than the benchmark.
type GateVerdict struct {
	Exchange Exchange `json:"exchange"`
	Session  Session  `json:"session"` // from whose forecasts on it holds
	Model    string   `json:"model"`
	Horizon  int      `json:"horizon"`
	// Passed: the confidence sequence lies below 0. Served: of the models that passed, this is the one that is served; the benchmark is
	// if none did.
	Passed bool `json:"passed"`
	Served bool `json:"served"`
	// The sequence of the difference from the benchmark's pinball loss, in units of the scale times the square root of the horizon.
	// Below 0 the model is better. Mean is 0 if N is.
	N     int     `json:"n"` // increments: origins that don't overlap
	Mean  float64 `json:"mean"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Level float64 `json:"level"` // probability, at most, that the gate ever errs in this comparison
}

// RawPoint holds the quantiles of a forecast at one horizon as the model gave them, before calibration.
type RawPoint struct {
	Quantiles [7]float64 `json:"quantiles"` // at QuantileLevels
	Tails     [2]float64 `json:"tails"`     // at TailLevels
}
