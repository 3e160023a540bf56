package etf

import "time"

// EntryVersion is the code version of the forecasts that others have entered: no program of this one made them.
const EntryVersion = "entry"

// MaxEntries is how many entries one request may have.
const MaxEntries = 1000

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
