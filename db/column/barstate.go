package column

// BarState is the column bars.quarantined: what a stored bar is good for.
type BarState uint8

// The states of a bar.
const (
	Believed    BarState = 0
	Quarantined BarState = 1 // kept out of forecasts until a person decides
	Held        BarState = 2 // not believed until the next session, the market's moves or a person decides
)
