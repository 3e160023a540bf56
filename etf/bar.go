package etf

import "time"

// Basis says what a price has been adjusted for. Bars of different bases never mix in one series.
type Basis string

// The bases.
const (
	AsTraded      Basis = "as_traded"      // as traded on the day, not adjusted for anything
	SplitAdjusted Basis = "split_adjusted" // restated for later splits, not for dividends
	TotalAdjusted Basis = "total_adjusted" // restated for splits and dividends
	BasisUnknown  Basis = "unknown"        // the provider does not say
)

// Valid reports whether b is one of the four bases.
func (b Basis) Valid() bool {
	switch b {
	case AsTraded, SplitAdjusted, TotalAdjusted, BasisUnknown:
		return true
	}
	return false
}

// Phrase completes the sentence "the series is ...".
func (b Basis) Phrase() string {
	if b == BasisUnknown {
		return "of unknown basis"
	}
	return string(b)
}

// Bar is one session's prices on one basis, in the ETF's currency. A KRX bar of a session without a trade has
// Open = High = Low = 0, Volume = 0 and the close carried over; it is kept and flagged, never read as price 0.
type Bar struct {
	Session  Session `json:"session"`
	Open     Price   `json:"open"`
	High     Price   `json:"high"`
	Low      Price   `json:"low"`
	Close    Price   `json:"close"`
	AdjClose Price   `json:"adj_close,omitempty"` // the provider's own adjusted close, as evidence; 0 = none given
	Volume   Volume  `json:"volume"`
}

// NoTrade reports whether the bar stands for a session in which the ETF did not trade.
func (b Bar) NoTrade() bool {
	return b.Open == 0 && b.High == 0 && b.Low == 0 && b.Close > 0 && b.Volume == 0
}

// StoredBar is a stored bar with its provenance.
type StoredBar struct {
	Bar
	Basis       Basis  `json:"basis"`
	Source      string `json:"source"`
	Fetch       string `json:"fetch"` // ID of the fetch it came from
	Quarantined bool   `json:"quarantined"`
	// Held means that the bar is stored but not believed yet: a surprising close, or one of an unfinished session, which the
	// next session or a person decides on. A held bar is not Quarantined, and forecasts use neither.
	Held bool `json:"held,omitempty"`
	// Provisional means that no fetch made after the session's prices are final has covered the bar yet. It is derived when
	// bars are read, not stored, and forecasts use such a bar.
	Provisional bool      `json:"provisional,omitempty"`
	DataVersion int64     `json:"data_version"` // the version that wrote it
	KnownFrom   time.Time `json:"known_from"`
	KnownTo     time.Time `json:"known_to,omitzero"` // zero while the bar is current
}
