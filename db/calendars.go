package db

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// CalendarChanges returns all changes of the exchanges' calendars, by exchange and number.
func (s *Store) CalendarChanges(ctx context.Context) ([]etf.CalendarChange, error) {
	rows, err := s.q.ListCalendarChanges(ctx)
	if err != nil {
		return nil, translate(err, "reading the changes of calendars")
	}
	list := make([]etf.CalendarChange, len(rows))
	for i, r := range rows {
		list[i] = etf.CalendarChange{Exchange: etf.Exchange(r.Exchange), Number: int(r.Number), Session: etf.Session(r.Session), Closed: r.Closed,
			Reason: r.Reason, By: r.ChangedBy, At: r.ChangedAt}
	}
	return list, nil
}

// namedWithBar is how many ETFs a refused closure names.
const namedWithBar = 5

// ChangeCalendar appends a change of an exchange's calendar and, in the same transaction, the sessions to which it moves the horizons of
// forecasts; it returns how many it moved. The change's Number is the version it makes, and At is set here. KindConflict with Field "number"
// if the calendar has another number of changes by now; with Field "session" if it closes a session of which there are bars.
func (s *Store) ChangeCalendar(ctx context.Context, c etf.CalendarChange, dates []etf.DatedHorizon) (stored etf.CalendarChange, moved int, err error) {
	err = s.transaction(ctx, fmt.Sprintf("changing the calendar of %s", c.Exchange), func(q *writing, tx *sql.Tx) error {
		moved = 0
		// Whoever stores bars waits, and counts the change when it goes on.
		if _, err := q.LockExchange(ctx, string(c.Exchange)); err != nil {
			return err
		}
		count, err := q.CountCalendarChanges(ctx, string(c.Exchange))
		if err != nil {
			return err
		}
		if int(count) != c.Number-1 {
			return &etf.Error{Kind: etf.KindConflict, Field: "number", Message: fmt.Sprintf("the calendar of %s was changed at the same time", c.Exchange), Remedy: "repeat the request"}
		}
		if c.Closed {
			symbols, err := q.ListSymbolsWithBar(ctx, sqlcgen.ListSymbolsWithBarParams{Exchange: string(c.Exchange), Session: column.Session(c.Session), Limit: namedWithBar})
			if err != nil {
				return err
			}
			if len(symbols) > 0 {
				return &etf.Error{Kind: etf.KindConflict, Field: "session", Message: fmt.Sprintf("there are bars of %s on %s: %s", c.Exchange, c.Session, strings.Join(symbols, ", ")),
					Remedy: "the exchange traded on that day: check the date, or find out where the bars come from (`etfcast provenance`)"}
			}
		}
		stored = c
		stored.At = s.now()
		if err := q.InsertCalendarChange(ctx, sqlcgen.InsertCalendarChangeParams{Exchange: string(c.Exchange), Number: int32(c.Number), Session: column.Session(c.Session), //nolint:gosec // numbers of changes are small
			Closed: c.Closed, Reason: c.Reason, ChangedBy: c.By, ChangedAt: stored.At, Writer: newWriter()}); err != nil {
			return err
		}
		if moved, err = s.dateTargets(ctx, q, tx, stored, dates); err != nil {
			return err
		}
		q.emitAbout(etf.Event{Exchange: c.Exchange, Session: c.Session}, etf.EventCalendarChanged, "", map[string]any{
			"closed": c.Closed, "reason": etf.Clip(c.Reason, maxEventText), "version": c.Number, "moved": moved,
		})
		return nil
	})
	return stored, moved, err
}

// dateTargets appends the new target of every forecast's horizon that has moved.
func (s *Store) dateTargets(ctx context.Context, q *writing, tx *sql.Tx, c etf.CalendarChange, dates []etf.DatedHorizon) (int, error) {
	if len(dates) == 0 {
		return 0, nil
	}
	type horizon struct {
		origin  etf.Session
		horizon int
	}
	to := map[horizon]etf.Session{}
	first, last := dates[0].Origin, dates[0].Origin
	for _, d := range dates {
		to[horizon{d.Origin, d.Horizon}] = d.Target
		first, last = min(first, d.Origin), max(last, d.Origin)
	}
	points, err := q.ListPointsFrom(ctx, sqlcgen.ListPointsFromParams{Exchange: string(c.Exchange), First: column.Session(first), Last: column.Session(last)})
	if err != nil {
		return 0, err
	}
	moved := 0
	rows := inserter{ctx: ctx, tx: tx, into: "INSERT INTO forecast_target_dates (forecast_id, horizon, calendar_version, target, dated_at)"}
	for _, p := range points {
		target, ok := to[horizon{etf.Session(p.Origin), int(p.Horizon)}]
		if !ok {
			continue
		}
		rows.row(p.ForecastID, p.Horizon, c.Number, column.Session(target), instant(c.At))
		moved++
	}
	return moved, rows.done()
}

// TargetDates returns where versions of the calendar have moved a forecast's horizons, by horizon and version.
func (s *Store) TargetDates(ctx context.Context, forecast string) ([]etf.TargetDate, error) {
	rows, err := s.q.ListTargetDates(ctx, forecast)
	if err != nil {
		return nil, translate(err, "reading where the targets of forecast "+forecast+" have moved")
	}
	list := make([]etf.TargetDate, len(rows))
	for i, r := range rows {
		list[i] = etf.TargetDate{Horizon: int(r.Horizon), CalendarVersion: int(r.CalendarVersion), Target: etf.Session(r.Target), At: r.DatedAt}
	}
	return list, nil
}
