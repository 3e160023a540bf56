package service

import (
	"time"

	"github.com/etfcast/etfcast/etf"
)

// eventOrder decides which events a reader may pass on. A number is given when the event is written and seen when its
// transaction commits, so that a lower one can appear after a higher one, and one that was rolled back never does. A reader
// that resumes after an event's number must have passed on everything below it. So it waits at a gap, until the gap is filled or
// has been there for etf.EventGap.
//
// The gaps are those of the whole table, so the rows must not be filtered.
type eventOrder struct {
	passed int64 // every event up to here has been passed on, or will never be
	seen   []sighting
}

// sighting is up to which number events had appeared at a time: whatever is missing below it had been given by then.
type sighting struct {
	id int64
	at time.Time
}

// settledAge is how old an event must be for a gap before it to be passed at once: the gap is as old. It is twice etf.EventGap
// because the event's time is by the clock of whoever wrote it.
const settledAge = 2 * etf.EventGap

// pass returns the events that may be passed on now. The rows are the events after o.passed, ascending.
func (o *eventOrder) pass(rows []etf.Event, now time.Time) []etf.Event {
	if len(rows) == 0 {
		return nil
	}
	newest := rows[len(rows)-1].ID
	if n := len(o.seen); n == 0 || o.seen[n-1].id < newest {
		o.seen = append(o.seen, sighting{newest, now})
	}
	for i, e := range rows {
		if e.ID > o.passed+1 && !o.settled(e, now) {
			return rows[:i]
		}
		o.passed = e.ID
		for len(o.seen) > 0 && o.seen[0].id <= o.passed { // they tell about nothing that is still missing
			o.seen = o.seen[1:]
		}
	}
	return rows
}

// settled reports whether what is missing just before the event will not appear any more.
func (o *eventOrder) settled(e etf.Event, now time.Time) bool {
	if now.Sub(e.At) >= settledAge {
		return true
	}
	for _, s := range o.seen {
		if s.id >= e.ID {
			return now.Sub(s.at) >= etf.EventGap
		}
	}
	return false
}
