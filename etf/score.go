package etf

import (
	"encoding/json"
	"time"
)

// ScoreHorizons are the horizons that are scored unless others are set, in sessions.
var ScoreHorizons = []int{1, 5, 21}

// TailLevels are the probability levels of a forecast's tails: with them a forecast has a 95 % interval.
var TailLevels = [2]float64{.025, .975}

// Standing says whether a forecast counts towards the record.
type Standing string

// The standings.
const (
	// OfRecord: the forecast of its ETF, model and origin that counts. It was issued before the open of its first target
	// session.
	OfRecord Standing = "record"
	// Late: issued at or after that open. It is scored, and never part of the record.
	Late Standing = "late"
	// Repeated: issued in time, but another forecast of the same ETF, model and origin counts. It is not scored.
	Repeated Standing = "repeated"
)

// Losses measure one forecast at one horizon against the actual price. Errors are in the ETF's currency, in the forecast's own
// shares. The point forecast is the median for Error and Absolute and the mean for Squared, because these are what each
// loss asks for (Gneiting 2011, Making and Evaluating Point Forecasts).
type Losses struct {
	Error    float64    `json:"error"` // actual minus median
	Absolute float64    `json:"absolute_error"`
	Squared  float64    `json:"squared_error"` // of the mean
	Pinball  [7]float64 `json:"pinball"`       // at QuantileLevels
	CRPS     float64    `json:"crps"`
	Inside50 bool       `json:"inside_50"`
	Inside80 bool       `json:"inside_80"`
	Inside90 bool       `json:"inside_90"`
	Winkler  [2]float64 `json:"winkler"` // of the 80 % and the 90 % interval
	Width    [2]float64 `json:"width"`   // of the same intervals
	PIT      float64    `json:"pit"`     // the forecast's distribution function at the actual price, 0 to 1

	// Tailed says that the forecast has tails; without them the next two are zero, and absent from a Score's JSON.
	Tailed      bool       `json:"tailed,omitempty"`
	TailPinball [2]float64 `json:"tail_pinball"` // at TailLevels
	Inside95    bool       `json:"inside_95"`
}

// Score is how one forecast fared at one horizon.
type Score struct {
	Forecast string   `json:"forecast"` // ID
	Symbol   Symbol   `json:"symbol"`
	Exchange Exchange `json:"exchange"`
	Model    string   `json:"model"`
	Origin   Session  `json:"origin"`
	Horizon  int      `json:"horizon"`
	Standing Standing `json:"standing"` // OfRecord or Late
	// Version counts the scores of this forecast and horizon, from 1. A later version takes the place of an earlier one, because
	// what is believed about the actual price has changed; all of them are kept.
	Version int `json:"version"`
	// Target is the session of the actual price: Horizon sessions after Origin, in the calendar as it is known now. The forecast's
	// own target differs if a closure was announced later.
	Target Session `json:"target"`
	// Withdrawn: no actual price is believed any more. Actual and the losses are zero.
	Withdrawn   bool    `json:"withdrawn,omitempty"`
	Actual      float64 `json:"actual"`
	DataVersion int64   `json:"data_version"` // the ETF's, as of which the actual price is believed
	// ForecastVersion is the data version that the forecast was made from.
	ForecastVersion int64     `json:"forecast_data_version"`
	ScoredAt        time.Time `json:"scored_at"`
	Scale           Scale     `json:"scale"` // of the forecast
	Losses
}

// MarshalJSON gives the losses at the tails exactly if the forecast has tails: a zero or a false of theirs is no absence.
func (s Score) MarshalJSON() ([]byte, error) {
	type score Score
	out := struct {
		score
		TailPinball *[2]float64 `json:"tail_pinball,omitempty"`
		Inside95    *bool       `json:"inside_95,omitempty"`
	}{score: score(s)}
	if s.Tailed {
		out.TailPinball, out.Inside95 = &s.TailPinball, &s.Inside95
	}
	return json.Marshal(out)
}

// Scale is how much the closes a forecast was made from moved from one session to the next before its origin: errors divided
// by it are comparable between ETFs. See ScaleSessions.
type Scale struct {
	Absolute float64 `json:"absolute"` // mean absolute change
	Squared  float64 `json:"squared"`  // mean squared change
}

// ScaleSessions is how many changes, the newest ones, a Scale is the mean of.
const ScaleSessions = 250

// PITBins is the number of equal bins of a PIT histogram.
const PITBins = 10

// SessionLosses sums up, over ETFs, the scores of one model's forecasts from one origin at one horizon. Each loss is divided by
// the forecast's Scale.Absolute (squared ones by Scale.Squared) before it is added.
type SessionLosses struct {
	Exchange Exchange `json:"exchange"`
	Model    string   `json:"model"`
	Horizon  int      `json:"horizon"`
	Standing Standing `json:"standing"`
	Origin   Session  `json:"origin"`

	N                            int // scores
	Absolute, Squared, CRPS      float64
	Pinball                      float64 // mean over QuantileLevels
	Winkler80, Winkler90         float64
	Width80, Width90             float64
	Inside50, Inside80, Inside90 int
	Tailed, Inside95             int // scores of forecasts with tails, and hits of their 95 % interval
	PIT                          [PITBins]int

	// The rest is over the scores that have a counterpart: the benchmark's score of the same ETF, origin, horizon and standing (for a
	// late one without: the benchmark's of record). Both models' losses are divided by the counterpart's scale.
	Paired                                       int
	PairedAbsolute, PairedSquared, PairedCRPS    float64 // this model's
	AgainstAbsolute, AgainstSquared, AgainstCRPS float64 // the benchmark's
	// Difference sums this model's pinball loss (mean over QuantileLevels) minus the benchmark's, clipped at ±DifferenceLimit.
	Difference float64
}

// DifferenceLimit is where the difference of two pinball losses, each divided by the scale times the square root of the horizon, is
// clipped, so that its mean can be bounded at any time (SessionLosses.Difference is in these units). The pinball loss of a good
// forecast is about .3 in them. A lower limit makes narrower bounds and more clipping (docs/scores.md has the figures).
const DifferenceLimit = 0.5

// ScoreFilter selects scores. Zero fields select everything.
type ScoreFilter struct {
	Exchange Exchange
	Symbol   Symbol
	Model    string
	Horizon  int
	Standing Standing
	Origins  Window // a zero end is open
}

// Scored says what scoring an ETF has done.
type Scored struct {
	Scores      int   `json:"scores"`                // written, new versions included
	Revised     int   `json:"revised,omitempty"`     // of those: the actual price had been another one
	Withdrawn   int   `json:"withdrawn,omitempty"`   // of those: no actual price is believed any more
	Redated     int   `json:"redated,omitempty"`     // targets that a closure announced later has moved
	Corrupt     int   `json:"corrupt,omitempty"`     // forecasts left out because what is stored of them can't be scored
	DataVersion int64 `json:"data_version,omitzero"` // as of which the scores are complete
}
