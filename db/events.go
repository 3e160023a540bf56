package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// writing is a transaction that is being made: its queries, and the events that tell what it does. They are stored with one
// statement just before it commits, so that their IDs are given as late as possible.
type writing struct {
	*sqlcgen.Queries
	about  etf.Event // Exchange, Session, Symbol and Run of the events that name no other
	events []etf.Event
}

// concerns says what the transaction's events are about.
func (w *writing) concerns(exchange, symbol string, run etf.RunID) {
	w.about = etf.Event{Exchange: etf.Exchange(exchange), Session: sessionOf(run), Symbol: etf.Symbol(symbol), Run: run}
}

// sessionOf returns the session of a run; zero if the ID names none.
func sessionOf(run etf.RunID) etf.Session {
	key, _ := run.Key()
	return key.Session
}

// emit adds an event about what the transaction concerns. subject is an ID or empty.
func (w *writing) emit(kind etf.EventKind, subject string, data any) {
	w.emitAbout(w.about, kind, subject, data)
}

func (w *writing) emitAbout(about etf.Event, kind etf.EventKind, subject string, data any) {
	e := about
	e.Kind, e.Subject = kind, etf.Clip(subject, maxSubject)
	e.Data, _ = json.Marshal(data) // texts and numbers
	w.events = append(w.events, e)
}

const (
	// maxSubject and maxEventRun are the widths of events.subject and events.run_id.
	maxSubject  = 64
	maxEventRun = 160
	// maxEventText is how much of an error message an event has.
	maxEventText = 300
	// maxEventETFs and maxEventData limit how much one event of a run's progress tells.
	maxEventETFs = 50
	maxEventData = 3500
)

// storeEvents writes the transaction's events.
func (w *writing) storeEvents(ctx context.Context, tx *sql.Tx, now time.Time) error {
	ins := inserter{ctx: ctx, tx: tx, into: "INSERT INTO events (at, kind, exchange, session, symbol, run_id, subject, data)"}
	for _, e := range w.events {
		ins.row(now, string(e.Kind), string(e.Exchange), column.Session(e.Session), string(e.Symbol), etf.Clip(string(e.Run), maxEventRun), e.Subject, string(e.Data))
	}
	return ins.done()
}

// fetched adds the event of a stored response.
func (w *writing) fetched(ctx context.Context, f etf.Fetch) error {
	key, err := f.Run.Key()
	if err != nil { // no run has fetched it
		row, err := named(ctx, w.Queries, string(f.Symbol), w.GetETFVersion)
		if err != nil {
			return err
		}
		key.Exchange = etf.Exchange(row.Exchange)
	}
	w.concerns(string(key.Exchange), string(f.Symbol), f.Run)
	w.emit(etf.EventFetched, f.ID, map[string]any{"source": f.Source, "rows": f.Rows, "stage": etf.StageFetch})
	return nil
}

// validated adds the event of the first judgement of a response.
func (w *writing) validated(fetch sqlcgen.GetFetchRow, j etf.Judgement) {
	w.concerns(fetch.Exchange, fetch.Symbol, etf.RunID(fetch.Fetch.RunID))
	errors := 0
	for _, f := range j.Findings {
		if f.Severity == etf.SeverityError {
			errors++
		}
	}
	w.emit(etf.EventValidated, j.Fetch, map[string]any{"findings": len(j.Findings), "errors": errors, "stage": etf.StageValidate})
}

func (w *writing) released(session etf.Session) {
	w.emit(etf.EventReleased, "", map[string]any{"session": session})
}

func (w *writing) stated(a etf.StatedAction) {
	w.emit(etf.EventActionStated, a.ID, map[string]any{"kind": a.Kind, "ex": a.Ex, "status": a.Status})
}

// forecast adds the events of the forecasts that have a Hash, one for each origin and run.
func (w *writing) forecast(exchange string, placed []etf.Forecast) {
	type issued struct {
		origin etf.Session
		run    etf.RunID
	}
	var order []issued
	models := map[issued]map[string]string{}
	for _, f := range placed {
		if f.Hash == "" {
			continue
		}
		at := issued{f.Origin, f.Run}
		if models[at] == nil {
			order, models[at] = append(order, at), map[string]string{}
			w.about.Symbol = f.Symbol
		}
		models[at][f.Model] = f.ID
	}
	for _, at := range order {
		w.emitAbout(etf.Event{Exchange: etf.Exchange(exchange), Session: at.origin, Symbol: w.about.Symbol, Run: at.run},
			etf.EventForecast, "", map[string]any{"models": models[at], "stage": etf.StageForecast})
	}
}

// entered adds the events of entries, one for each ETF.
func (w *writing) entered(places map[etf.Symbol]sqlcgen.Etf, drafts [][]draft) {
	for _, of := range drafts {
		f := of[0].f
		w.emitAbout(etf.Event{Exchange: etf.Exchange(places[f.Symbol].Exchange), Symbol: f.Symbol}, etf.EventEntered, "",
			map[string]any{"model": f.Model, "entries": len(of)})
	}
}

// progressed adds the events of ETFs whose update has ended: several if there are too many for one.
func (w *writing) progressed(counts etf.RunCounts, etfs []etf.RunETF) {
	type row struct {
		Symbol       etf.Symbol  `json:"symbol"`
		Stage        etf.Stage   `json:"stage"`
		Outcome      etf.Outcome `json:"outcome"`
		ErrorType    string      `json:"error_type,omitempty"`
		ErrorMessage string      `json:"error_message,omitempty"`
	}
	for len(etfs) > 0 {
		rows, size := []row{}, 0
		for len(etfs) > 0 && len(rows) < maxEventETFs {
			e := etfs[0]
			r := row{e.Symbol, e.Stage, e.Outcome, e.ErrorType, etf.Clip(e.ErrorMessage, maxEventText)}
			text, _ := json.Marshal(r)
			if size += len(text); size > maxEventData && len(rows) > 0 {
				break
			}
			rows, etfs = append(rows, r), etfs[1:]
		}
		w.emit(etf.EventRunProgress, "", map[string]any{"counts": counts, "etfs": rows})
	}
}

// Events returns up to q.Limit events, ascending. A number that is missing among them may still appear: see etf.EventGap.
func (s *Store) Events(ctx context.Context, q etf.EventQuery) ([]etf.Event, error) {
	if q.Through == 0 {
		q.Through = math.MaxInt64
	}
	kinds := make([]string, len(q.Kinds))
	for i, k := range q.Kinds {
		kinds[i] = string(k)
	}
	p := sqlcgen.ListEventsParams{
		After: q.After, Through: q.Through, Exchange: string(q.Exchange), Symbol: string(q.Symbol), Kinds: strings.Join(kinds, ","),
		Limit: int32(min(q.Limit, math.MaxInt32)),
	}
	var rows []sqlcgen.Event
	var err error
	if q.Run == "" {
		rows, err = s.q.ListEvents(ctx, p)
	} else {
		rows, err = s.q.ListEventsOfRun(ctx, sqlcgen.ListEventsOfRunParams{
			RunID: string(q.Run), After: p.After, Through: p.Through, Exchange: p.Exchange, Symbol: p.Symbol, Kinds: p.Kinds, Limit: p.Limit,
		})
	}
	if err != nil {
		return nil, translate(err, "reading events")
	}
	list := make([]etf.Event, len(rows))
	for i, r := range rows {
		list[i] = etf.Event{
			ID: r.ID, At: r.At, Kind: etf.EventKind(r.Kind), Exchange: etf.Exchange(r.Exchange), Session: etf.Session(r.Session),
			Symbol: etf.Symbol(r.Symbol), Run: etf.RunID(r.RunID), Subject: r.Subject, Data: json.RawMessage(r.Data),
		}
	}
	return list, nil
}

// EventSpan returns which events are stored.
func (s *Store) EventSpan(ctx context.Context) (etf.EventSpan, error) {
	row, err := s.q.GetEventSpan(ctx)
	return etf.EventSpan{Oldest: row.Oldest, Newest: row.Newest}, translate(err, "reading which events are stored")
}

// NewestEventBefore returns the highest ID of an event from before the instant; zero if there is none.
func (s *Store) NewestEventBefore(ctx context.Context, before time.Time) (int64, error) {
	ids, err := s.q.ListNewestEventBefore(ctx, instant(before))
	if err != nil || len(ids) == 0 {
		return 0, translate(err, "reading the newest events")
	}
	return ids[0], nil
}

// PruneEvents deletes up to limit of the oldest events, as long as they are from before the instant, and returns how many. The
// newest event always stays, so that no server gives its number again.
func (s *Store) PruneEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	var n int64
	err := s.retry(ctx, "pruning events", func() error {
		n = 0
		rows, err := s.q.ListOldestEvents(ctx, int32(min(limit, math.MaxInt32-1)+1))
		if err != nil {
			return err
		}
		old := 0
		for old < len(rows)-1 && rows[old].At.Before(before) {
			old++
		}
		if old == 0 {
			return nil
		}
		n, err = s.q.DeleteEventsThrough(ctx, rows[old-1].ID)
		return err
	})
	return int(n), err
}
