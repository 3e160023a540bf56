package calibration

import (
	"github.com/etfcast/etfcast/etf"
)

// Outcome is one forecast at one horizon and the price that came, in the forecast's shares.
type Outcome struct {
	Symbol     etf.Symbol
	Model      string
	Horizon    int
	Origin     etf.Session
	Target     etf.Session
	Volatility float64 // forecast.Volatility at the origin
	Raw        etf.RawPoint
	Actual     float64
}

// State is the calibration of the models of one exchange, as of some session. The zero State changes nothing. It is not safe for concurrent
// use while it is updated.
type State struct{}

// Update takes in outcomes that have matured: their targets are not after the session as of which the state is from then on. Their order does
// not matter within one call; the same outcomes in the same calls give the same state, bit for bit.
func (s *State) Update(outcomes []Outcome) {}

// Apply returns the calibrated quantiles of a raw forecast, and whether there is anything to go by yet; if not, they are the raw ones.
// They don't cross, are positive, and the median stays the model's.
func (s *State) Apply(symbol etf.Symbol, model string, horizon int, volatility float64, raw etf.RawPoint) (etf.RawPoint, bool) {
	return raw, false
}

// MarshalJSON writes the state as canonical JSON: the same state gives the same bytes.
func (s *State) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *State) UnmarshalJSON(raw []byte) error { return nil }

// Clone returns a state that shares nothing with s.
func (s *State) Clone() *State { c := *s; return &c }
