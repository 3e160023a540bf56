package etf

import "time"

// ForecastHead is a forecast without its numbers, as lists show it.
type ForecastHead struct {
	ID          string
	Symbol      Symbol
	Model       string
	Origin      Session
	IssuedAt    time.Time
	AsOf        time.Time
	Run         RunID
	CodeVersion string
	DataVersion int64
	Chain       int64 // position
	Held        bool  // the origin's price was held
	Horizons    []int // ascending
}

// StoredFetch is a fetch with what became of it.
type StoredFetch struct {
	Fetch
	// PersistedAt is when its rows were stored; zero while they are not. Until then the counts are zero.
	PersistedAt                          time.Time
	New, Unchanged, Revised, Quarantined int
	Stored                               bool // the body is still stored
}

// ETFRun is what a run did for one ETF.
type ETFRun struct {
	Run       RunID
	StartedAt time.Time // the run
	RunETF
}
