package etf

import "time"

// EntryVersion is the code version of the forecasts that others have entered: no program of this one made them.
const EntryVersion = "entry"

// MaxEntries is how many entries one request may have.
const MaxEntries = 1000

// Entry reports whether the forecast was entered by somebody else under the name of an entrant. It is chained and scored like any
// other, and never served.
func (f Forecast) Entry() bool { return f.CodeVersion == EntryVersion }

// Entrant is a name under which others enter forecasts. It belongs to them from the first entry on.
type Entrant struct {
	Model        string    `json:"model"`
	RegisteredAt time.Time `json:"registered_at"`
}

// EntryPosition is a position in the list of an entrant's entries, which is ordered by symbol and position in the chain. Zero is the
// place before the first.
type EntryPosition struct {
	Symbol Symbol
	Chain  int64
}
