package etf

import "time"

// BarState is one state of a bar, as far as scoring needs it.
type BarState struct {
	Session      Session
	Close        Price
	NoTrade      bool
	Believed     bool  // neither quarantined nor held
	DataVersion  int64 // the version that wrote it
	SupersededBy int64 // the version that did; 0 while the bar is current
}

// At reports whether the state held at the data version.
func (b BarState) At(version int64) bool {
	return b.DataVersion <= version && (b.SupersededBy == 0 || b.SupersededBy > version)
}

// ScoringMark says as of what an ETF's scores are complete.
type ScoringMark struct {
	DataVersion int64
	Writer      string // unique to the transaction that wrote it; empty if nothing has been scored yet
	Horizons    []int
	// Chains has, for each model that has been looked at, the position in its chain up to which all of its forecasts have been. Those
	// of this program's models may have been looked at beyond it.
	Chains map[string]int64
	// Last is the newest session ever stored, and Sessions how many sessions the calendar had up to it: another number now means
	// that a closure has been announced since.
	Last     Session
	Sessions int
}

// ForecastPlace is a forecast's model, origin and position in its chain.
type ForecastPlace struct {
	Model  string
	Origin Session
	Chain  int64
}

// Unscored is an ETF with what has changed since its scores were complete.
type Unscored struct {
	Symbol   Symbol
	Number   uint32 // of the ETF in the database
	Exchange Exchange
	Basis    Basis       // of the bars; empty without any
	Version  DataVersion // the newest
	Last     Session     // the newest stored one
	Mark     ScoringMark
	// Changed are the sessions with a state that is newer than Mark, written or superseded, ascending.
	Changed []Session
	// OnlyNew means that nothing can have been scored yet of what is due: all targets are later than Mark.Last.
	OnlyNew bool
	// Splits are all states of all statements about splits.
	Splits []StatedAction
	// Bars are the states of the bars from BarsFrom on, ascending by session and version: all that the actual prices of what is due
	// are made from.
	Bars     []BarState
	BarsFrom Session
	// Appended are the forecasts at positions after Mark, if they may be due for another reason than a bar: entrants', and, if
	// everything was asked for, all. Origins asked for are among them, without model.
	Appended []ForecastPlace
	Models   []string // whose chains were looked at
}

// UnscoredQuery says what is asked for beyond what has changed.
type UnscoredQuery struct {
	Models     []string  // of this program
	Everything bool      // as if nothing had been scored
	Origins    []Session // of forecasts that were issued after their target
	// Added: the data version with that number has added so many bars and changed nothing else. Zero if that is not known.
	Added AddedBars
}

// AddedBars is a data version that has only added bars.
type AddedBars struct {
	Version int64
	Bars    int
}

// ScoringInput is what is scored.
type ScoringInput struct {
	// Forecasts are all forecasts from the origins, each with its points at the horizons, their tails, Held and Scale (zero if
	// none is stored), ascending by model, origin and position.
	Forecasts []Forecast
	// Corrupt says which forecasts are left out because their stored parts can't be read.
	Corrupt []error
	// Scores are the newest versions from these origins at the horizons, withdrawn ones included.
	Scores []Score
}

// MovedTarget is a forecast's target that a closure announced later has moved.
type MovedTarget struct {
	Forecast string
	Horizon  int
	Target   Session
}

// ScoreChanges are new versions of scores of one ETF, with their effect on the sums of sessions.
type ScoreChanges struct {
	Symbol  Symbol
	Number  uint32      // of the ETF in the database
	Version DataVersion // of the ETF's data, as of which the changes were made
	Before  string      // writer of the mark that they continue; empty if there was none
	Mark    ScoringMark // without Writer
	Scores  []Score
	// Remove and Add are contributions of single scores: those before and those after.
	Remove, Add []SessionLosses
	Moved       []MovedTarget
	At          time.Time
}

// ScoreDifference is a session whose stored sums are not those of its scores.
type ScoreDifference struct {
	Exchange Exchange
	Model    string
	Horizon  int
	Standing Standing
	Origin   Session
	Column   string // the first one that differs
	Stored   int64  // in billionths, for sums of losses
	Scores   int64
}
