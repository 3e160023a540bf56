package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

const (
	// maxWaitsFor and maxWindowError are the widths of backfills.waits_for and backfill_windows.error, in characters; etf.Clip counts bytes,
	// which are no fewer.
	maxWaitsFor    = 500
	maxWindowError = 500
	// maxErrorType is the width of backfill_windows.error_type.
	maxErrorType = 64
)

// StartBackfill records that a backfill is asked for, or finds it: one that is running, or completed without an ETF that failed, stays as it
// is (started is false). One that has ended otherwise, or with more any that has ended, is running again, to be planned anew: what it has
// stored is not missing any more. The run's row is made with it.
func (s *Store) StartBackfill(ctx context.Context, r etf.BackfillRequest, more bool) (b etf.Backfill, started bool, err error) {
	id, now := r.ID(), s.now()
	run := string(etf.BackfillRunID(id))
	err = s.transaction(ctx, "recording backfill "+id, func(q *writing, _ *sql.Tx) error {
		old, err := q.LockBackfill(ctx, id)
		var counts etf.BackfillCounts
		if err == nil && old.Status == string(etf.RunCompleted) {
			if counts, err = countBackfill(ctx, q.Queries, id); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, sql.ErrNoRows):
			err = q.InsertBackfill(ctx, sqlcgen.InsertBackfillParams{
				ID: id, BaseID: r.BaseID(), Attempt: int32(max(r.Attempt, 1)), Exchange: string(r.Exchange), Symbols: joinSymbols(r.Symbols),
				WindowFrom: column.Session(r.Window.From), WindowTo: column.Session(r.Window.To), Source: r.Source, Refetch: r.Refetch, StartedAt: now,
			})
			if err == nil {
				err = q.InsertRun(ctx, sqlcgen.InsertRunParams{
					ID: run, BaseID: run, Attempt: int32(max(r.Attempt, 1)), Workflow: etf.BackfillRun, Exchange: string(r.Exchange),
					Session: column.Session(r.Window.To), WholeExchange: len(r.Symbols) == 0, Symbols: joinSymbols(r.Symbols), StartedAt: now,
				})
			}
			if duplicate(err) {
				return errLost // a repeat at the same time
			}
		case err == nil && (old.Status == string(etf.RunRunning) || old.Status == string(etf.RunCompleted) && counts.ETFsFailed == 0 && !more):
			b, started = domainBackfill(old), false
			return nil
		case err == nil:
			if err = q.StartBackfillAgain(ctx, sqlcgen.StartBackfillAgainParams{StartedAt: now, ID: id}); err == nil {
				err = q.DeleteBackfillETFs(ctx, id)
			}
			if err == nil {
				err = q.StartRunAgain(ctx, sqlcgen.StartRunAgainParams{ID: run, StartedAt: now})
			}
		}
		if err != nil {
			return err
		}
		row, err := q.GetBackfill(ctx, id)
		b, started = domainBackfill(row), true
		q.about = aboutBackfill(b)
		q.emit(etf.EventBackfillStarted, id, map[string]any{"status": etf.RunRunning})
		return err
	})
	if err == nil && !started {
		err = s.addBackfillCounts(ctx, &b)
	}
	return b, started, err
}

func aboutBackfill(b etf.Backfill) etf.Event {
	return etf.Event{Exchange: b.Exchange, Run: etf.BackfillRunID(b.ID)}
}

// lockBackfill locks a running backfill. KindNotFound for an unknown ID, and for one that is not running: what an activity of a cancelled
// one still has to say is not wanted.
func lockBackfill(ctx context.Context, q *writing, id string) (sqlcgen.Backfill, error) {
	row, err := q.LockBackfill(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return row, unknownBackfill(id)
	}
	if err != nil {
		return row, err
	}
	if row.Status != string(etf.RunRunning) {
		return row, notRunning(row)
	}
	q.about = aboutBackfill(domainBackfill(row))
	return row, nil
}

// PlanBackfill stores the ETFs of the backfill, each with how many sessions are missing, and returns the counts. A repeat changes nothing:
// the first plan stands.
func (s *Store) PlanBackfill(ctx context.Context, id string, etfs []etf.BackfillETF) (counts etf.BackfillCounts, err error) {
	err = s.transaction(ctx, "planning backfill "+id, func(q *writing, tx *sql.Tx) error {
		row, err := lockBackfill(ctx, q, id)
		if err != nil {
			return err
		}
		if !row.Planned {
			ins := inserter{ctx: ctx, tx: tx, into: `INSERT INTO backfill_etfs (backfill_id, symbol, status, source, sessions, sessions_done,
still_missing, rows_new, rows_unchanged, rows_revised, rows_quarantined, requests, error)`}
			var ended []etf.BackfillETF
			for _, e := range etfs {
				ins.row(id, string(e.Symbol), string(e.Status), "", e.Sessions, e.SessionsDone, e.StillMissing, 0, 0, 0, 0, 0, e.Error)
				if e.Status != etf.RunRunning {
					ended = append(ended, e)
				}
			}
			if err := ins.done(); err != nil {
				return err
			}
			if err := recordBackfillETFs(ctx, tx, domainBackfill(row), ended); err != nil {
				return err
			}
			if err := q.SetBackfillPlanned(ctx, id); err != nil {
				return err
			}
		}
		if counts, err = countBackfill(ctx, q.Queries, id); err != nil {
			return err
		}
		if !row.Planned {
			q.emit(etf.EventBackfillProgress, id, map[string]any{"counts": counts})
		}
		return nil
	})
	return counts, err
}

// recordBackfillETFs adds or replaces the rows of ended ETFs among those of the run.
func recordBackfillETFs(ctx context.Context, tx *sql.Tx, b etf.Backfill, ended []etf.BackfillETF) error {
	rows := make([]etf.RunETF, len(ended))
	for i, e := range ended {
		rows[i] = etf.RunETF{
			Symbol: e.Symbol, Session: b.Window.To, Stage: etf.StageDone, Outcome: etf.OutcomeUnchanged, Source: e.Source, RowsNew: e.RowsNew,
			RowsUnchanged: e.RowsUnchanged, RowsRevised: e.RowsRevised, RowsQuarantined: e.RowsQuarantined,
		}
		switch {
		case e.Status == etf.RunFailed:
			rows[i].Stage, rows[i].Outcome, rows[i].ErrorType, rows[i].ErrorMessage = etf.StageFetch, etf.OutcomeFailed, "BackfillFailed", e.Error
		case e.Status == etf.RunCancelled:
			rows[i].Outcome = etf.OutcomeCancelled
		case e.RowsNew+e.RowsRevised > 0:
			rows[i].Outcome = etf.OutcomeUpdated
		}
	}
	return replaceRunETFs(ctx, tx, etf.BackfillRunID(b.ID), rows)
}

// countBackfill sums up the ETFs of a backfill.
func countBackfill(ctx context.Context, q *sqlcgen.Queries, id string) (etf.BackfillCounts, error) {
	sums, err := backfillCounts(ctx, q, []string{id})
	return sums[id], err
}

func backfillCounts(ctx context.Context, q *sqlcgen.Queries, ids []string) (map[string]etf.BackfillCounts, error) {
	sums := map[string]etf.BackfillCounts{}
	if len(ids) == 0 {
		return sums, nil
	}
	rows, err := q.SumBackfillETFs(ctx, ids)
	for _, r := range rows {
		sums[r.BackfillID] = etf.BackfillCounts{
			ETFs: int(r.Etfs), ETFsDone: int(r.EtfsDone), ETFsFailed: int(r.EtfsFailed), Sessions: int(r.Sessions), SessionsDone: int(r.SessionsDone),
			RowsNew: int(r.RowsNew), RowsUnchanged: int(r.RowsUnchanged), RowsRevised: int(r.RowsRevised), RowsQuarantined: int(r.RowsQuarantined),
			Requests: int(r.Requests), StillMissing: int(r.StillMissing),
		}
	}
	return sums, err
}

func (s *Store) addBackfillCounts(ctx context.Context, list ...*etf.Backfill) error {
	ids := make([]string, len(list))
	for i, b := range list {
		ids[i] = b.ID
	}
	sums, err := backfillCounts(ctx, s.q, ids)
	for _, b := range list {
		b.Counts = sums[b.ID]
	}
	return translate(err, "counting what backfills have done")
}

// PendingBackfillETFs returns up to limit ETFs of a backfill that have not ended, after the symbol, ascending.
func (s *Store) PendingBackfillETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BackfillETF, error) {
	rows, err := s.q.ListPendingBackfillETFs(ctx, sqlcgen.ListPendingBackfillETFsParams{BackfillID: id, After: string(after), Limit: int32(min(limit, math.MaxInt32))})
	return domainBackfillETFs(rows), translate(err, "listing what is left of backfill "+id)
}

// BackfillETFs returns up to limit ETFs of a backfill with what came of them, after the symbol, ascending.
func (s *Store) BackfillETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BackfillETF, error) {
	rows, err := s.q.ListBackfillETFs(ctx, sqlcgen.ListBackfillETFsParams{BackfillID: id, After: string(after), Limit: int32(min(limit, math.MaxInt32))})
	return domainBackfillETFs(rows), translate(err, "listing the ETFs of backfill "+id)
}

func notOfBackfill(id string, symbol etf.Symbol) error {
	return etf.NotFound("symbol", fmt.Sprintf("%s is not among the ETFs of backfill %s", symbol, id), "start the backfill again")
}

// AdvanceBackfillETF records what came of a request for an ETF of a backfill, if there was one, and how far the ETF is then, in one
// transaction, and returns the backfill's counts. next is given the ETF's row and what backfills have asked for the ETF, that request included,
// and returns the row with the Status, SessionsDone, StillMissing and Error to record; it may be called several times. The ETF's end is recorded
// among the ETFs of the run as well. Backfill and Symbol of the request are those given, and AskedAt is now.
//
// A request that is recorded since the backfill was started changes nothing, so a repeat does not either. One that failed before then is replaced.
func (s *Store) AdvanceBackfillETF(ctx context.Context, id string, symbol etf.Symbol, request *etf.BackfillWindow, next func(etf.BackfillETF, []etf.BackfillWindow) etf.BackfillETF) (counts etf.BackfillCounts, err error) {
	err = s.transaction(ctx, fmt.Sprintf("recording how far %s of backfill %s is", symbol, id), func(q *writing, tx *sql.Tx) error {
		// No lock: the ETFs of a backfill are filled in at the same time, and only one writes each ETF's rows.
		run, err := q.GetBackfill(ctx, id)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownBackfill(id)
		}
		if err != nil {
			return err
		}
		if request != nil && run.Status != string(etf.RunRunning) {
			return notRunning(run)
		}
		row, err := q.GetBackfillETF(ctx, sqlcgen.GetBackfillETFParams{BackfillID: id, Symbol: string(symbol)})
		if errors.Is(err, sql.ErrNoRows) {
			return notOfBackfill(id, symbol)
		}
		if err != nil {
			return err
		}
		of, asked, err := askedWindows(ctx, q.Queries, symbol)
		if err != nil {
			return err
		}
		now := domainBackfillETF(row)
		brought := sqlcgen.AdvanceBackfillETFParams{Source: now.Source, BackfillID: id, Symbol: string(symbol)}
		if request != nil {
			w := *request
			w.Backfill, w.Symbol, w.AskedAt = id, symbol, s.now()
			w.ErrorType, w.Error = etf.Clip(w.ErrorType, maxErrorType), etf.Clip(w.Error, maxWindowError)
			var isNew bool
			if asked, isNew, err = recordBackfillWindow(ctx, q, of, run, asked, w); err != nil {
				return err
			}
			if isNew {
				brought.Source, brought.Requests = w.Source, 1
				brought.RowsNew, brought.RowsUnchanged = int32(w.RowsNew), int32(w.RowsUnchanged)
				brought.RowsRevised, brought.RowsQuarantined = int32(w.RowsRevised), int32(w.RowsQuarantined)
			}
		}
		then := next(now, asked)
		if then != now || brought.Requests > 0 {
			brought.Status, brought.SessionsDone, brought.StillMissing, brought.Error = string(then.Status), int32(then.SessionsDone), int32(then.StillMissing), then.Error
			if err := q.AdvanceBackfillETF(ctx, brought); err != nil {
				return err
			}
		}
		if then != now && then.Status != etf.RunRunning {
			if row, err = q.GetBackfillETF(ctx, sqlcgen.GetBackfillETFParams{BackfillID: id, Symbol: string(symbol)}); err != nil {
				return err
			}
			if err := recordBackfillETFs(ctx, tx, domainBackfill(run), []etf.BackfillETF{domainBackfillETF(row)}); err != nil {
				return err
			}
		}
		if counts, err = countBackfill(ctx, q.Queries, id); err != nil {
			return err
		}
		if then != now {
			q.about = aboutBackfill(domainBackfill(run))
			q.about.Symbol = symbol
			q.emit(etf.EventBackfillProgress, id, map[string]any{"counts": counts, "status": then.Status, "error": etf.Clip(then.Error, maxEventText)})
		}
		return nil
	})
	return counts, err
}

// recordBackfillWindow adds a window to those that have been asked for, and reports whether it was not recorded since the backfill was started.
func recordBackfillWindow(ctx context.Context, q *writing, of uint32, run sqlcgen.Backfill, asked []etf.BackfillWindow, w etf.BackfillWindow) ([]etf.BackfillWindow, bool, error) {
	key := sqlcgen.DeleteBackfillWindowParams{
		EtfID: of, BackfillID: w.Backfill, Source: w.Source, WindowFrom: column.Session(w.Window.From), WindowTo: column.Session(w.Window.To),
	}
	if of == 0 {
		return nil, false, notOfBackfill(w.Backfill, w.Symbol)
	}
	i := slices.IndexFunc(asked, func(old etf.BackfillWindow) bool {
		return old.Backfill == w.Backfill && old.Source == w.Source && old.Window == w.Window
	})
	if i >= 0 {
		if old := asked[i]; old.ErrorType == "" || !old.AskedAt.Before(run.StartedAt) {
			return asked, false, nil // a repeat
		}
		if err := q.DeleteBackfillWindow(ctx, key); err != nil {
			return nil, false, err
		}
		asked = slices.Delete(asked, i, i+1)
	}
	err := q.InsertBackfillWindow(ctx, sqlcgen.InsertBackfillWindowParams{
		EtfID: of, BackfillID: w.Backfill, Source: w.Source, WindowFrom: key.WindowFrom, WindowTo: key.WindowTo, Whole: w.Whole, FetchID: w.Fetch,
		ErrorType: w.ErrorType, Error: w.Error, RowsNew: int32(w.RowsNew), RowsUnchanged: int32(w.RowsUnchanged),
		RowsRevised: int32(w.RowsRevised), RowsQuarantined: int32(w.RowsQuarantined), AskedAt: w.AskedAt,
	})
	if duplicate(err) {
		err = errLost // a repeat at the same time
	}
	return append(asked, w), true, err
}

// SetBackfillWait records what a running backfill waits for, and whether it is paused. A repeat changes nothing.
func (s *Store) SetBackfillWait(ctx context.Context, id string, w etf.BackfillWait) error {
	return s.transaction(ctx, "recording what backfill "+id+" waits for", func(q *writing, _ *sql.Tx) error {
		row, err := lockBackfill(ctx, q, id)
		if err != nil {
			return err
		}
		until := sql.NullTime{Time: instant(w.Until), Valid: !w.Until.IsZero()}
		w.For = etf.Clip(w.For, maxWaitsFor)
		if row.Paused == w.Paused && row.WaitsFor == w.For && row.WaitsUntil.Valid == until.Valid && row.WaitsUntil.Time.Equal(until.Time) {
			return nil
		}
		q.emit(etf.EventBackfillProgress, id, map[string]any{"paused": w.Paused, "waits_for": etf.Clip(w.For, maxEventText)})
		return q.SetBackfillWait(ctx, sqlcgen.SetBackfillWaitParams{Paused: w.Paused, WaitsFor: w.For, WaitsUntil: until, ID: id})
	})
}

// FinishBackfill records how a backfill and its run ended. What it has stored stays. A repeat changes nothing.
func (s *Store) FinishBackfill(ctx context.Context, end etf.BackfillEnd) error {
	return s.transaction(ctx, "recording the end of backfill "+end.ID, func(q *writing, _ *sql.Tx) error {
		row, err := q.LockBackfill(ctx, end.ID)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownBackfill(end.ID)
		}
		if err != nil || row.Status != string(etf.RunRunning) {
			return err
		}
		counts, err := countBackfill(ctx, q.Queries, end.ID)
		if err != nil {
			return err
		}
		now := sql.NullTime{Time: s.now(), Valid: true}
		updated, err := q.CountUpdatedBackfillETFs(ctx, end.ID)
		if err != nil {
			return err
		}
		run := string(etf.BackfillRunID(end.ID))
		done := counts.ETFsDone - counts.ETFsFailed
		_, err = q.FinishRun(ctx, sqlcgen.FinishRunParams{
			ID: run, Status: string(end.Status), Error: end.Error, Due: int32(counts.ETFs), Updated: int32(updated),
			Unchanged: int32(done - int(updated)), Failed: int32(counts.ETFsFailed), Cancelled: int32(counts.ETFs - counts.ETFsDone), RowsNew: int32(counts.RowsNew), RowsUnchanged: int32(counts.RowsUnchanged),
			RowsRevised: int32(counts.RowsRevised), FinishedAt: now,
		})
		if err != nil {
			return err
		}
		q.about = aboutBackfill(domainBackfill(row))
		q.emit(etf.EventBackfillEnded, end.ID, map[string]any{"status": end.Status, "counts": counts, "error": etf.Clip(end.Error, maxEventText)})
		return q.FinishBackfill(ctx, sqlcgen.FinishBackfillParams{Status: string(end.Status), Error: end.Error, FinishedAt: now, ID: end.ID})
	})
}

// Backfill returns one backfill with its counts; KindNotFound for an unknown ID.
func (s *Store) Backfill(ctx context.Context, id string) (etf.Backfill, error) {
	b, err := s.BackfillRecord(ctx, id)
	if err != nil {
		return b, err
	}
	return b, s.addBackfillCounts(ctx, &b)
}

// BackfillRecord returns one backfill without its counts; KindNotFound for an unknown ID.
func (s *Store) BackfillRecord(ctx context.Context, id string) (etf.Backfill, error) {
	row, err := s.q.GetBackfill(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Backfill{}, unknownBackfill(id)
	}
	if err != nil {
		return etf.Backfill{}, translate(err, "reading a backfill")
	}
	return domainBackfill(row), nil
}

// Backfills returns up to limit backfills after the given position, newest start first, and the position of the next page: zero after
// the last one.
func (s *Store) Backfills(ctx context.Context, filter etf.BackfillFilter, after etf.Cursor, limit int) (page []etf.Backfill, next etf.Cursor, err error) {
	rows, err := s.q.ListBackfills(ctx, sqlcgen.ListBackfillsParams{
		BeforeAt: startOf(after), BeforeID: after.ID, Exchange: string(filter.Exchange), Statuses: joinStatuses(filter.Statuses), Limit: int32(limit + 1),
	})
	if err != nil {
		return nil, next, translate(err, "listing backfills")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		next = etf.Cursor{At: last.StartedAt, ID: last.ID}
	}
	page, err = s.domainBackfills(ctx, rows)
	return page, next, err
}

// OpenBackfills returns up to limit of the backfills that are recorded as running, newest first.
func (s *Store) OpenBackfills(ctx context.Context, limit int) ([]etf.Backfill, error) {
	rows, err := s.q.ListOpenBackfills(ctx, int32(limit))
	if err != nil {
		return nil, translate(err, "listing the backfills that are running")
	}
	return s.domainBackfills(ctx, rows)
}

func (s *Store) domainBackfills(ctx context.Context, rows []sqlcgen.Backfill) ([]etf.Backfill, error) {
	list, pointers := make([]etf.Backfill, len(rows)), make([]*etf.Backfill, len(rows))
	for i, r := range rows {
		list[i] = domainBackfill(r)
		pointers[i] = &list[i]
	}
	return list, s.addBackfillCounts(ctx, pointers...)
}

// CountBackfills returns how many backfills are recorded, by status.
func (s *Store) CountBackfills(ctx context.Context) (map[etf.RunStatus]int, error) {
	rows, err := s.q.CountBackfills(ctx)
	if err != nil {
		return nil, translate(err, "counting backfills")
	}
	by := make(map[etf.RunStatus]int, len(rows))
	for _, r := range rows {
		by[etf.RunStatus(r.Status)] = int(r.N)
	}
	return by, nil
}

// BackfillAttempts returns the highest attempt at the request whose first attempt has the ID; 0 if there is none.
func (s *Store) BackfillAttempts(ctx context.Context, base string) (int, error) {
	n, err := s.q.GetHighestBackfillAttempt(ctx, base)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return int(n), translate(err, "counting the attempts at a backfill")
}

// StoredSessions returns the sessions of the window that have a bar, quarantined and held ones included, ascending. KindNotFound for an
// unknown symbol.
func (s *Store) StoredSessions(ctx context.Context, symbol etf.Symbol, window etf.Window) ([]etf.Session, error) {
	of, err := named(ctx, s.q, string(symbol), s.q.GetETFVersion)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, etf.NotFound("symbol", fmt.Sprintf("there is no ETF %s", symbol), "register it: `etfcast etf add "+string(symbol)+"`")
	}
	if err != nil {
		return nil, translate(err, "reading an ETF")
	}
	bounds := listBarsParams(of.ID, window, 0, 1)
	rows, err := s.q.ListStoredSessions(ctx, sqlcgen.ListStoredSessionsParams{EtfID: of.ID, FromSession: bounds.FromSession, ToSession: bounds.ToSession})
	if err != nil {
		return nil, translate(err, "listing the stored sessions of "+string(symbol))
	}
	sessions := make([]etf.Session, len(rows))
	for i, r := range rows {
		sessions[i] = etf.Session(r)
	}
	return sessions, nil
}

// AskedWindows returns what backfills have asked for the ETF, in no order. It is empty for an unknown symbol.
func (s *Store) AskedWindows(ctx context.Context, symbol etf.Symbol) ([]etf.BackfillWindow, error) {
	_, list, err := askedWindows(ctx, s.q, symbol)
	return list, translate(err, "listing what backfills have asked for "+string(symbol))
}

// askedWindows returns the ETF's ID, too; 0 for an unknown symbol.
func askedWindows(ctx context.Context, q *sqlcgen.Queries, symbol etf.Symbol) (of uint32, list []etf.BackfillWindow, err error) {
	head, err := named(ctx, q, string(symbol), q.GetETFVersion)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	rows, err := q.ListBackfillWindows(ctx, head.ID)
	list = make([]etf.BackfillWindow, len(rows))
	for i, r := range rows {
		list[i] = etf.BackfillWindow{
			Backfill: r.BackfillID, Symbol: symbol, Source: r.Source, Window: etf.Window{From: etf.Session(r.WindowFrom), To: etf.Session(r.WindowTo)},
			Whole: r.Whole, Fetch: r.FetchID, ErrorType: r.ErrorType, Error: r.Error, RowsNew: int(r.RowsNew), RowsUnchanged: int(r.RowsUnchanged),
			RowsRevised: int(r.RowsRevised), RowsQuarantined: int(r.RowsQuarantined), AskedAt: r.AskedAt.UTC(),
		}
	}
	return head.ID, list, err
}

func domainBackfill(r sqlcgen.Backfill) etf.Backfill {
	b := etf.Backfill{
		ID: r.ID,
		BackfillRequest: etf.BackfillRequest{
			Exchange: etf.Exchange(r.Exchange), Window: etf.Window{From: etf.Session(r.WindowFrom), To: etf.Session(r.WindowTo)},
			Source: r.Source, Refetch: r.Refetch, Attempt: int(r.Attempt),
		},
		Status: etf.RunStatus(r.Status), Paused: r.Paused, WaitsFor: r.WaitsFor, WaitsUntil: utcOrZero(r.WaitsUntil), Error: r.Error,
		StartedAt: r.StartedAt.UTC(), FinishedAt: utcOrZero(r.FinishedAt),
	}
	b.Symbols = splitSymbols(r.Symbols)
	return b
}

func domainBackfillETFs(rows []sqlcgen.BackfillEtf) []etf.BackfillETF {
	list := make([]etf.BackfillETF, len(rows))
	for i, r := range rows {
		list[i] = domainBackfillETF(r)
	}
	return list
}

func domainBackfillETF(r sqlcgen.BackfillEtf) etf.BackfillETF {
	return etf.BackfillETF{
		Symbol: etf.Symbol(r.Symbol), Status: etf.RunStatus(r.Status), Source: r.Source, Sessions: int(r.Sessions), SessionsDone: int(r.SessionsDone),
		RowsNew: int(r.RowsNew), RowsUnchanged: int(r.RowsUnchanged), RowsRevised: int(r.RowsRevised), RowsQuarantined: int(r.RowsQuarantined),
		Requests: int(r.Requests), StillMissing: int(r.StillMissing), Error: r.Error,
	}
}

func notRunning(b sqlcgen.Backfill) error {
	return etf.NotFound("id", fmt.Sprintf("backfill %s is not running: it is %s", b.ID, b.Status), "start it again")
}

func unknownBackfill(id string) error {
	return etf.NotFound("id", fmt.Sprintf("there is no backfill %q", etf.Clip(id, etf.MaxQuoted)), "list the backfills: `etfcast backfill list`")
}
