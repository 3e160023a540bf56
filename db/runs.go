package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// StartRun records that a run has started, or has been started again after it ended. Idempotent by (ID, StartedAt): a
// repeat changes nothing, whatever the run's status by then.
func (s *Store) StartRun(ctx context.Context, r etf.Run) error {
	return s.transaction(ctx, "recording the start of "+string(r.ID), func(q *writing, _ *sql.Tx) error {
		old, err := q.LockRun(ctx, string(r.ID))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			err = q.InsertRun(ctx, sqlcgen.InsertRunParams{
				ID: string(r.ID), BaseID: string(r.ID.Base()), Attempt: int32(r.ID.Attempt()), Workflow: r.Workflow, Exchange: string(r.Exchange),
				Session: column.Session(r.Session), WholeExchange: len(r.Symbols) == 0, Symbols: joinSymbols(r.Symbols),
				StartedAt: instant(r.StartedAt),
			})
			if duplicate(err) {
				return errLost // a repeat at the same time
			}
		case err == nil && old.StartedAt.Equal(instant(r.StartedAt)):
			return nil
		case err == nil:
			err = q.StartRunAgain(ctx, sqlcgen.StartRunAgainParams{ID: string(r.ID), StartedAt: instant(r.StartedAt)})
		}
		q.about = etf.Event{Exchange: r.Exchange, Session: r.Session, Run: r.ID}
		q.emit(etf.EventRunStarted, "", map[string]any{"status": etf.RunRunning, "whole_exchange": len(r.Symbols) == 0, "symbols": len(r.Symbols)})
		return err
	})
}

// lockRun locks the run and returns it. KindNotFound if its start is not recorded.
func lockRun(ctx context.Context, q *writing, run etf.RunID) (etf.Run, error) {
	row, err := q.LockRun(ctx, string(run))
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Run{}, unknownRun(string(run))
	}
	q.about = etf.Event{Exchange: etf.Exchange(row.Exchange), Session: etf.Session(row.Session), Run: run}
	return domainRun(row), err
}

// RecordOutcomes adds or replaces the run's rows of these ETFs and sets the run's counts, those of rows and forecasts as sums
// over its rows, in one transaction. The forecasts (of these models), findings, and new and revised rows of each ETF are
// counted in what is stored for the run, because the result of a step may be lost, and a run that is started again finds
// what it stored before. KindNotFound if the run's start is not recorded.
func (s *Store) RecordOutcomes(ctx context.Context, run etf.RunID, models []string, counts etf.RunCounts, etfs []etf.RunETF) error {
	return s.transaction(ctx, "recording the outcomes of "+string(run), func(q *writing, tx *sql.Tx) error {
		if _, err := lockRun(ctx, q, run); err != nil {
			return err
		}
		counted, err := recount(ctx, q.Queries, run, models, etfs)
		if err != nil {
			return err
		}
		changed, err := unrecorded(ctx, q.Queries, run, counted)
		if err != nil {
			return err
		}
		if err := replaceRunETFs(ctx, tx, run, counted); err != nil {
			return err
		}
		recorded, err := sums(ctx, q.Queries, run, counts)
		if err != nil {
			return err
		}
		q.progressed(recorded, changed)
		_, err = q.SetRunCounts(ctx, countsParams(run, recorded))
		return err
	})
}

// unrecorded returns those of the rows that are not in the table like this already.
func unrecorded(ctx context.Context, q *sqlcgen.Queries, run etf.RunID, etfs []etf.RunETF) ([]etf.RunETF, error) {
	if len(etfs) == 0 {
		return nil, nil
	}
	symbols := make([]string, len(etfs))
	for i, e := range etfs {
		symbols[i] = string(e.Symbol)
	}
	rows, err := q.ListRunETFsOf(ctx, sqlcgen.ListRunETFsOfParams{RunID: string(run), Symbols: symbols})
	recorded := map[etf.Symbol]etf.RunETF{}
	for _, r := range rows {
		recorded[etf.Symbol(r.Symbol)] = domainRunETF(r)
	}
	var changed []etf.RunETF
	for _, e := range etfs {
		e.Held, e.Provisional = e.ErrorType == etf.HeldClose, false // which are derived
		if old, ok := recorded[e.Symbol]; !ok || old != e {
			changed = append(changed, e)
		}
	}
	return changed, err
}

// sums returns the counts with those of rows and forecasts as sums over the run's rows.
func sums(ctx context.Context, q *sqlcgen.Queries, run etf.RunID, counts etf.RunCounts) (etf.RunCounts, error) {
	sum, err := q.SumRunETFs(ctx, string(run))
	counts.RowsNew, counts.RowsUnchanged, counts.RowsRevised = int(sum.RowsNew), int(sum.RowsUnchanged), int(sum.RowsRevised)
	counts.Forecasts = int(sum.Forecasts)
	return counts, err
}

// clockMargin is how far the clock that a version or a finding was stored by may be behind the session's close.
const clockMargin = 30 // days

// recount returns the rows with the counts of what is stored for the run.
func recount(ctx context.Context, q *sqlcgen.Queries, run etf.RunID, models []string, etfs []etf.RunETF) ([]etf.RunETF, error) {
	if len(etfs) == 0 {
		return nil, nil
	}
	counted := slices.Clone(etfs)
	symbols, at := make([]string, len(etfs)), map[string]int{}
	for i, e := range etfs {
		symbols[i], at[string(e.Symbol)] = string(e.Symbol), i
		counted[i].Findings, counted[i].Forecasts = 0, 0
	}
	registered, err := etfsNamed(ctx, q, symbols)
	if err != nil {
		return nil, err
	}
	var ids []uint32
	rows := map[uint32]*etf.RunETF{}
	for symbol, r := range registered {
		if rows[r.ID] == nil || symbol == r.Symbol { // a run may have begun under the old symbol and gone on under the new one
			rows[r.ID] = &counted[at[symbol]]
		}
	}
	ids = slices.Sorted(maps.Keys(rows))
	session := etfs[0].Session
	forecasts, err := q.CountForecastsOfRun(ctx, sqlcgen.CountForecastsOfRunParams{
		Etfs: ids, Models: models, Origin: column.Session(session), RunID: string(run),
	})
	if err != nil {
		return nil, err
	}
	for _, f := range forecasts {
		rows[f.EtfID].Forecasts = int(f.Forecasts)
	}
	since := session.AddDays(-clockMargin).Time()
	findings, err := q.CountFindingsOfRun(ctx, sqlcgen.CountFindingsOfRunParams{Etfs: ids, Since: since, RunID: string(run)})
	if err != nil {
		return nil, err
	}
	for _, f := range findings {
		rows[f.EtfID].Findings = int(f.Findings)
	}
	fetches, err := q.SumFetchesOfRun(ctx, sqlcgen.SumFetchesOfRunParams{Etfs: ids, Since: since, RunID: string(run)})
	for _, f := range fetches {
		row := rows[f.EtfID]
		if row.RowsNew == int(f.RowsNew) && row.RowsRevised == int(f.RowsRevised) {
			continue
		}
		row.RowsNew, row.RowsUnchanged = int(f.RowsNew), int(f.RowsUnchanged)
		row.RowsRevised, row.RowsQuarantined = int(f.RowsRevised), int(f.RowsQuarantined)
	}
	return counted, err
}

// replaceRunETFs uses REPLACE, the only multi-row upsert that works the same on all three servers.
func replaceRunETFs(ctx context.Context, tx *sql.Tx, run etf.RunID, etfs []etf.RunETF) error {
	ins := inserter{ctx: ctx, tx: tx, into: `REPLACE INTO run_etfs (run_id, symbol, session, stage, outcome, source, rows_new,
rows_unchanged, rows_revised, rows_quarantined, findings, forecasts, attempts, error_type, error_message)`}
	for _, e := range etfs {
		if e.Session.IsZero() {
			return etf.Invalid("session", fmt.Sprintf("the outcome of %s names no session", e.Symbol), "name the run's session")
		}
		ins.row(string(run), string(e.Symbol), column.Session(e.Session), string(e.Stage), string(e.Outcome), e.Source, e.RowsNew,
			e.RowsUnchanged, e.RowsRevised, e.RowsQuarantined, e.Findings, e.Forecasts, e.Attempts, e.ErrorType, e.ErrorMessage)
	}
	return ins.done()
}

// FinishRun records how a run ended and returns its counts: of rows and forecasts, the sums of its ETFs' rows. A repeat
// writes the same values, with the time of the repeat as its end.
func (s *Store) FinishRun(ctx context.Context, end etf.RunEnd) (etf.RunCounts, error) {
	var counts etf.RunCounts
	err := s.transaction(ctx, "recording the end of "+string(end.Run), func(q *writing, _ *sql.Tx) error {
		old, err := lockRun(ctx, q, end.Run)
		if err != nil {
			return err
		}
		if counts, err = sums(ctx, q.Queries, end.Run, end.Counts); err != nil {
			return err
		}
		if old.FinishedAt.IsZero() || old.Status != end.Status || old.Closed != end.Closed || old.Error != end.Reason || old.Counts != counts {
			q.emit(etf.EventRunEnded, "", map[string]any{"status": end.Status, "counts": counts, "error": etf.Clip(end.Reason, maxEventText)})
		}
		c := countsParams(end.Run, counts)
		_, err = q.FinishRun(ctx, sqlcgen.FinishRunParams{
			ID: string(end.Run), Status: string(end.Status), Closed: end.Closed, Error: end.Reason, Due: c.Due, Updated: c.Updated,
			Unchanged: c.Unchanged, Quarantined: c.Quarantined, Failed: c.Failed, Elsewhere: c.Elsewhere,
			Cancelled: c.Cancelled, RowsNew: c.RowsNew, RowsUnchanged: c.RowsUnchanged, RowsRevised: c.RowsRevised,
			Forecasts: c.Forecasts, FinishedAt: sql.NullTime{Time: s.now(), Valid: true},
		})
		return err
	})
	return counts, err
}

func countsParams(run etf.RunID, c etf.RunCounts) sqlcgen.SetRunCountsParams {
	return sqlcgen.SetRunCountsParams{
		ID: string(run), Due: int32(c.Due), Updated: int32(c.Updated), Unchanged: int32(c.Unchanged),
		Quarantined: int32(c.Quarantined), Failed: int32(c.Failed), Elsewhere: int32(c.Elsewhere),
		Cancelled: int32(c.Cancelled), RowsNew: int32(c.RowsNew), RowsUnchanged: int32(c.RowsUnchanged),
		RowsRevised: int32(c.RowsRevised), Forecasts: int32(c.Forecasts),
	}
}

// LastCompleted returns the newest session whose run of the whole exchange completed; zero if there is none.
func (s *Store) LastCompleted(ctx context.Context, exchange etf.Exchange) (etf.Session, error) {
	session, err := s.q.GetLastCompletedSession(ctx, string(exchange))
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return etf.Session(session), translate(err, "reading the last completed session of "+string(exchange))
}

// Run returns one run; KindNotFound for an unknown ID.
func (s *Store) Run(ctx context.Context, id etf.RunID) (etf.Run, error) {
	row, err := s.q.GetRun(ctx, string(id))
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Run{}, unknownRun(string(id))
	}
	if err != nil {
		return etf.Run{}, translate(err, "reading a run")
	}
	return domainRun(row), nil
}

// RunETFs returns up to limit of a run's ETFs with their outcomes, ascending by symbol, after the given one.
func (s *Store) RunETFs(ctx context.Context, run etf.RunID, after etf.Symbol, limit int) ([]etf.RunETF, error) {
	rows, err := s.q.ListRunETFs(ctx, sqlcgen.ListRunETFsParams{RunID: string(run), Symbol: string(after), Limit: int32(limit)})
	if err != nil {
		return nil, translate(err, "listing a run's ETFs")
	}
	list := make([]etf.RunETF, len(rows))
	for i, r := range rows {
		list[i] = domainRunETF(r)
	}
	return list, nil
}

func domainRunETF(r sqlcgen.RunEtf) etf.RunETF {
	return etf.RunETF{
		Symbol: etf.Symbol(r.Symbol), Session: etf.Session(r.Session), Stage: etf.Stage(r.Stage),
		Outcome: etf.Outcome(r.Outcome), Source: r.Source, RowsNew: int(r.RowsNew), RowsUnchanged: int(r.RowsUnchanged),
		RowsRevised: int(r.RowsRevised), RowsQuarantined: int(r.RowsQuarantined), Findings: int(r.Findings),
		Forecasts: int(r.Forecasts), Attempts: int(r.Attempts), ErrorType: r.ErrorType, ErrorMessage: r.ErrorMessage,
		Held: r.ErrorType == etf.HeldClose,
	}
}

// RerunCount returns the highest recorded attempt of a run, given the ID of its first attempt: 0 if there is none, 1 if
// there is only the first, n for ":rerun-n".
func (s *Store) RerunCount(ctx context.Context, base etf.RunID) (int, error) {
	n, err := s.q.GetHighestAttempt(ctx, string(base))
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return int(n), translate(err, "counting the attempts of "+string(base))
}

// Runs returns up to limit runs after the given position, newest start first, and the position of the next page: zero
// after the last one.
func (s *Store) Runs(ctx context.Context, filter etf.RunFilter, after etf.Cursor, limit int) (page []etf.Run, next etf.Cursor, err error) {
	rows, err := s.q.ListRuns(ctx, sqlcgen.ListRunsParams{
		BeforeAt: startOf(after), BeforeID: after.ID, Exchange: string(filter.Exchange), Workflow: filter.Workflow, Statuses: joinStatuses(filter.Statuses), Limit: int32(limit + 1),
	})
	if err != nil {
		return nil, next, translate(err, "listing runs")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		next = etf.Cursor{At: last.StartedAt, ID: last.ID}
	}
	page = make([]etf.Run, len(rows))
	for i, r := range rows {
		page[i] = domainRun(r)
	}
	return page, next, nil
}

func domainRun(r sqlcgen.Run) etf.Run {
	run := etf.Run{
		ID: etf.RunID(r.ID), Workflow: r.Workflow, Exchange: etf.Exchange(r.Exchange), Session: etf.Session(r.Session),
		Status: etf.RunStatus(r.Status), Closed: r.Closed, Error: r.Error, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt.Time,
		Counts: etf.RunCounts{
			Due: int(r.Due), Updated: int(r.Updated), Unchanged: int(r.Unchanged), Quarantined: int(r.Quarantined),
			Failed: int(r.Failed), Elsewhere: int(r.Elsewhere), Cancelled: int(r.Cancelled), RowsNew: int(r.RowsNew),
			RowsUnchanged: int(r.RowsUnchanged), RowsRevised: int(r.RowsRevised), Forecasts: int(r.Forecasts),
		},
	}
	run.Symbols = splitSymbols(r.Symbols)
	return run
}

func unknownRun(id string) error {
	return etf.NotFound("id", fmt.Sprintf("there is no run %q", id), "list the runs: `etfcast run list`")
}

// joinStatuses formats statuses, which are single words, for FIND_IN_SET.
func joinStatuses(statuses []etf.RunStatus) string {
	words := make([]string, len(statuses))
	for i, s := range statuses {
		words[i] = string(s)
	}
	return strings.Join(words, ",")
}

// startOf is the instant before which to list: the latest possible one for the first page.
func startOf(after etf.Cursor) time.Time {
	if after.IsZero() {
		return openEnd
	}
	return after.At.UTC()
}
