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
	Body     []byte    `json:"-"`   // canonical JSON of an AssessmentBody
	State    []byte    `json:"-"`   // JSON of the calibration.State; not read with every assessment, because it is large
}

// AssessmentBody is what an assessment says. Its models are this program's, apart from the benchmark; its horizons those that are scored.
type AssessmentBody struct {
	Exchange Exchange `json:"exchange"`
	Session  Session  `json:"session"`
	Previous string   `json:"previous"`
	Through  Session  `json:"through"`
	// Calibration is the SHA-256 of the calibration's state.
	Calibration string `json:"calibration"`
	// Weights are those of a combination's members, by horizon and model: at a horizon without a record those of the exchange's newest
	// completed backtest, which is then Backtest, or else equal ones. Empty without either.
	Weights  map[int]map[string]float64 `json:"weights"`
	Backtest string                     `json:"backtest,omitempty"`
	Gate     []GateVerdict              `json:"gate"`
	Coverage []ModelCoverage            `json:"coverage"`
	Skill    []ModelSkill               `json:"skill"`
}

// ModelCoverage is how often a model's intervals have held the actual price at a horizon, over the forecasts of record of an exchange:
// a measure for each of the levels .5, .8, .9 and .95. The benchmark has it, too.
type ModelCoverage struct {
	Model    string            `json:"model"`
	Horizon  int               `json:"horizon"`
	Measures []CoverageMeasure `json:"measures"`
}

// ModelSkill is a model's CRPS relative to the benchmark's at a horizon, with its 95 % interval: below 1 the model is better. What is
// undefined is nil.
type ModelSkill struct {
	Model   string   `json:"model"`
	Horizon int      `json:"horizon"`
	N       int      `json:"n"` // scores
	RelCRPS *float64 `json:"rel_crps"`
	Low     *float64 `json:"low"`
	High    *float64 `json:"high"`
}

// OutcomeQuery selects the forecasts of record by some models at one horizon whose actual price has come.
type OutcomeQuery struct {
	Exchange Exchange
	Models   []string
	Horizon  int
	Origin   Session
	Target   Session
}

// MaturedForecast is a forecast of record at one horizon whose actual price has come.
type MaturedForecast struct {
	Symbol     Symbol
	Model      string
	Volatility float64
	Raw        RawPoint
	Actual     float64
}

// GateFilter selects verdicts. Zero fields select everything.
type GateFilter struct {
	Exchange Exchange
	Model    string
	Horizon  int
}

// GatePosition is a verdict's place in the list of all: newest session first, then by exchange, horizon and model.
type GatePosition struct {
	Session  Session
	Exchange Exchange
	Horizon  int
	Model    string
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

// CoverageMeasure is how often the actual price fell inside a model's interval so far, beside how often it should have. Low and High are a 95 %
// confidence sequence of the expected coverage: they may be looked at every day. EValue is evidence against a correct coverage: if
// the coverage is right it ever reaches 20 with a probability of at most 5 %, whatever the dependence between ETFs.
type CoverageMeasure struct {
	Nominal  float64 `json:"nominal"`  // .5, .8, .9 or .95
	Measured float64 `json:"measured"` // share inside, over all scores; 0 if N is
	N        int     `json:"n"`        // scores
	Sessions int     `json:"sessions"` // origins that don't overlap: what Low, High and EValue are made from
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	EValue   float64 `json:"e_value"` // at the newest session; 1 without evidence
	// Alarm: the e-value has reached 20 at some session, which a correct coverage ever does with a probability of at most 5 %.
	Alarm bool `json:"alarm"`
	// Since is the origin at which it first did; zero without an alarm.
	Since Session `json:"since,omitzero"`
}
