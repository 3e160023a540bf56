package etf

import "time"

// CalendarChange is one entry in the record of an exchange's calendar: a session that an operator closed, or took back. Version n of a
// calendar is the built-in one with the first n changes. Changes are appended and never altered.
type CalendarChange struct {
	Exchange Exchange  `json:"exchange"`
	Number   int       `json:"number"` // from 1, without gaps, in each exchange
	Session  Session   `json:"session"`
	Closed   bool      `json:"closed"` // false: a closure is taken back
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

// DatedHorizon is the session to which a change of the calendar moves the horizon of the forecasts from an origin.
type DatedHorizon struct {
	Origin  Session
	Horizon int
	Target  Session
}

// MovedTo returns the session to which the calendar has moved the end of a point's horizon since the forecast was issued; zero if it is the
// one that the point names.
func (f Forecast) MovedTo(p ForecastPoint) Session {
	last := p.Target
	for _, m := range f.Moved {
		if m.Horizon == p.Horizon { // the newest version's comes last
			last = m.Target
		}
	}
	if last == p.Target {
		return 0
	}
	return last
}

// TargetDate is the session to which a version of the exchange's calendar has moved a horizon of a forecast. The newest one of a horizon
// counts; the forecast's own point keeps the session that was known when it was issued.
type TargetDate struct {
	Horizon         int       `json:"horizon"`
	Target          Session   `json:"target"`
	CalendarVersion int       `json:"calendar_version"`
	At              time.Time `json:"at"`
}
