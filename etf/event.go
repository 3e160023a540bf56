package etf

import (
	"encoding/json"
	"slices"
	"time"
)

// EventKind says what happened. The kinds are part of the API: renaming one is a breaking change.
type EventKind string

// The kinds of events.
const (
	EventRunStarted       EventKind = "run.started"
	EventRunProgress      EventKind = "run.progress" // some ETFs have ended; data: counts and the ETFs
	EventRunEnded         EventKind = "run.ended"
	EventFetched          EventKind = "etf.fetched"   // a response is stored; subject: the fetch
	EventValidated        EventKind = "etf.validated" // and judged
	EventStored           EventKind = "etf.stored"    // its rows are among the bars; data: rows new, unchanged, revised
	EventForecast         EventKind = "etf.forecast"  // forecasts are issued; data: their IDs by model
	EventRegistered       EventKind = "etf.registered"
	EventChanged          EventKind = "etf.changed"
	EventReleased         EventKind = "bar.released"     // a held close is believed
	EventFindingReported  EventKind = "finding.reported" // subject: the finding
	EventFindingDecided   EventKind = "finding.decided"
	EventActionStated     EventKind = "action.stated" // subject: the statement
	EventActionDecided    EventKind = "action.decided"
	EventEntered          EventKind = "entry.appended"
	EventAnchored         EventKind = "ledger.anchored"
	EventDeadlineMissed   EventKind = "deadline.missed"   // subject: "stored" or "forecast"
	EventDeadlineMet      EventKind = "deadline.met"      // after it was missed
	EventBacktestStarted  EventKind = "backtest.started"  // subject: the backtest, as in the next two
	EventBacktestProgress EventKind = "backtest.progress" // an ETF is measured; data: counts
	EventBacktestEnded    EventKind = "backtest.ended"
	EventSourceChanged    EventKind = "source.changed"    // a breaker's state; subject: the source's name
	EventBackfillStarted  EventKind = "backfill.started"  // subject: the backfill, as in the next two
	EventBackfillProgress EventKind = "backfill.progress" // a window is answered, an ETF has ended, or it waits; data: counts
	EventBackfillEnded    EventKind = "backfill.ended"
	EventCalendarChanged  EventKind = "calendar.changed" // an operator has closed or reopened a session
)

// Event is one thing that happened. It is written in the transaction of what it tells of: there is an event if and only if
// that happened.
type Event struct {
	ID       int64           `json:"id"` // ascending, with gaps; zero until it is stored
	At       time.Time       `json:"at"`
	Kind     EventKind       `json:"kind"`
	Exchange Exchange        `json:"exchange,omitempty"`
	Session  Session         `json:"session,omitzero"`
	Symbol   Symbol          `json:"symbol,omitempty"`
	Run      RunID           `json:"run,omitempty"`
	Subject  string          `json:"subject,omitempty"` // an ID
	Data     json.RawMessage `json:"data"`              // a JSON object
}

// EventRetention is how long events are kept.
const EventRetention = 30 * 24 * time.Hour

// EventGap is how long a reader waits for a missing number before it takes it for rolled back.
const EventGap = 10 * time.Second

// EventKinds lists the kinds of events.
func EventKinds() []EventKind {
	return []EventKind{
		EventRunStarted, EventRunProgress, EventRunEnded, EventFetched, EventValidated, EventStored, EventForecast, EventRegistered,
		EventChanged, EventReleased, EventFindingReported, EventFindingDecided, EventActionStated, EventActionDecided, EventEntered,
		EventAnchored, EventDeadlineMissed, EventDeadlineMet, EventBacktestStarted, EventBacktestProgress, EventBacktestEnded, EventSourceChanged,
		EventBackfillStarted, EventBackfillProgress, EventBackfillEnded, EventCalendarChanged,
	}
}

// EventQuery selects events; what is zero selects all.
type EventQuery struct {
	After    int64 // those with a higher ID
	Through  int64 // and up to this one
	Exchange Exchange
	Symbol   Symbol
	Run      RunID
	Kinds    []EventKind
	Limit    int // at least 1
}

// Selects reports whether the event is one of those that the query selects, whatever its ID.
func (q EventQuery) Selects(e Event) bool {
	return (q.Exchange == "" || q.Exchange == e.Exchange) && (q.Symbol == "" || q.Symbol == e.Symbol) &&
		(q.Run == "" || q.Run == e.Run) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind))
}

// EventSpan is which events are stored: the lowest and the highest ID, zero if there is none.
type EventSpan struct{ Oldest, Newest int64 }
