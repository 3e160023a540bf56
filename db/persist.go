package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// Persist moves a fetch's judged rows into the ETF's bars: see activities.Bars, and the data dictionary for what counts
// as new, unchanged and revised. New, Unchanged and Revised add up to the rows not dropped; Quarantined is how many of
// the fetch's rows stand out of forecasts after it, whether this fetch or an earlier one put them there.
func (s *Store) Persist(ctx context.Context, fetch string) (etf.Persisted, error) {
	var result etf.Persisted
	err := s.transaction(ctx, "persisting fetch "+fetch, func(q *sqlcgen.Queries, _ *sql.Tx) error {
		row, err := q.GetFetchToPersist(ctx, fetch)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownFetch(fetch)
		}
		if err != nil {
			return err
		}
		if row.PersistedAt.Valid {
			result = firstResult(row)
			return nil
		}
		result, err = s.persist(ctx, q, fetch, row)
		return err
	})
	return result, err
}

func firstResult(r sqlcgen.GetFetchToPersistRow) etf.Persisted {
	return etf.Persisted{
		New: int(r.RowsNew), Unchanged: int(r.RowsUnchanged), Revised: int(r.RowsRevised),
		Quarantined: int(r.RowsQuarantined), Actions: int(r.ActionsNew),
		DataVersion: etf.DataVersion{Number: r.ResultVersion, Writer: r.ResultWriter}, KnownFrom: r.ResultKnownFrom.Time,
	}
}

func (s *Store) persist(ctx context.Context, q *sqlcgen.Queries, fetch string, row sqlcgen.GetFetchToPersistRow) (etf.Persisted, error) {
	if !row.JudgedAt.Valid {
		return etf.Persisted{}, &etf.Error{Kind: etf.KindConflict, Field: "fetch",
			Message: fmt.Sprintf("fetch %s has not been judged", fetch), Remedy: "save its findings first"}
	}
	old := seriesOf(row)
	c, err := classify(ctx, q, old, fetch)
	if err != nil {
		return etf.Persisted{}, err
	}
	if c.Sessions != c.Kept {
		return etf.Persisted{}, etf.Invalid("session", fmt.Sprintf("fetch %s keeps more than one row of a session", fetch), "drop all but one of them")
	}
	if c.Kept > 0 && old.bars > 0 && row.Basis != old.basis {
		return etf.Persisted{}, &etf.Error{Kind: etf.KindConflict, Field: "basis",
			Message: fmt.Sprintf("fetch %s has prices %s, the bars of %s are %s", fetch, row.Basis, row.Symbol, old.basis),
			Remedy:  "use a source of the same basis"}
	}

	to := old
	to.version, to.knownFrom = old.next(s.now())
	result := etf.Persisted{DataVersion: old.version, KnownFrom: old.knownFrom}
	if result.Revised, err = reviseBars(ctx, q, old, to, fetch, row.Source, &c); err != nil {
		return etf.Persisted{}, err
	}
	if c.Fresh > 0 {
		if err := insertFresh(ctx, q, to, fetch, row, c); err != nil {
			return etf.Persisted{}, err
		}
	}
	if result.Actions, err = s.storeActions(ctx, q, to, fetch, row); err != nil {
		return etf.Persisted{}, err
	}
	result.New = int(c.Fresh)
	result.Unchanged = int(c.Kept) - result.New - result.Revised
	result.Quarantined = int(c.FreshQuarantined + c.UnchangedQuarantined + c.Disputed + c.StillQuarantined)
	if result.New+result.Revised+result.Actions > 0 {
		to.bars += result.New
		to.quarantined += int(c.FreshQuarantined - c.Cleared)
		if result.New > 0 {
			to.basis = row.Basis
			to.first, to.last = etf.Session(c.FirstSession), max(old.last, etf.Session(c.LastSession))
			if old.bars > 0 {
				to.first = min(old.first, to.first)
			}
		}
		if err := advance(ctx, q, old, to, causeFetch, fetch); err != nil {
			return etf.Persisted{}, err
		}
		result.DataVersion, result.KnownFrom = to.version, to.knownFrom
	}
	if row.RowCount > 0 {
		if err := q.DeleteStagedBars(ctx, fetch); err != nil {
			return etf.Persisted{}, err
		}
	}
	return result, markPersisted(ctx, q, fetch, s.now(), result)
}

func seriesOf(row sqlcgen.GetFetchToPersistRow) series {
	return series{
		id: row.EtfID, basis: row.SeriesBasis,
		version:   etf.DataVersion{Number: row.DataVersion, Writer: row.DataVersionWriter},
		knownFrom: row.KnownFrom, bars: int(row.Bars), quarantined: int(row.Quarantined),
		first: etf.Session(row.FirstSession), last: etf.Session(row.LastSession),
	}
}

func markPersisted(ctx context.Context, q *sqlcgen.Queries, fetch string, now time.Time, r etf.Persisted) error {
	n, err := q.MarkFetchPersisted(ctx, sqlcgen.MarkFetchPersistedParams{
		ID: fetch, PersistedAt: sql.NullTime{Time: now, Valid: true},
		RowsNew: int32(r.New), RowsUnchanged: int32(r.Unchanged), RowsRevised: int32(r.Revised),
		RowsQuarantined: int32(r.Quarantined), ActionsNew: int32(r.Actions),
		ResultVersion: r.DataVersion.Number, ResultWriter: r.DataVersion.Writer,
		ResultKnownFrom: sql.NullTime{Time: r.KnownFrom, Valid: true},
	})
	if err == nil && n != 1 {
		return errLost
	}
	return err
}

// verdictRejected is the verdict on a row whose numbers a person has rejected before; the store alone sets it.
const verdictRejected = etf.VerdictDrop + 1

// classify counts the staged rows by what becomes of them.
func classify(ctx context.Context, q *sqlcgen.Queries, old series, fetch string) (sqlcgen.ClassifyStagedBarsRow, error) {
	if old.bars > 0 {
		return q.ClassifyStagedBars(ctx, sqlcgen.ClassifyStagedBarsParams{EtfID: old.id, FetchID: fetch})
	}
	sum, err := q.SummariseStagedBars(ctx, fetch)
	return sqlcgen.ClassifyStagedBarsRow{
		Kept: sum.Kept, Sessions: sum.Sessions, Fresh: sum.Kept, FreshQuarantined: sum.Quarantined,
		FirstSession: sum.FirstSession, LastSession: sum.LastSession,
	}, err
}

// reviseBars replaces the bars whose numbers differ and keeps what was believed before. A quarantined row does not
// replace a good bar: its numbers wait in finding_rows for a decision. Numbers a person has rejected do not come back.
func reviseBars(ctx context.Context, q *sqlcgen.Queries, old, to series, fetch, source string, c *sqlcgen.ClassifyStagedBarsRow) (int, error) {
	if c.Kept == c.Fresh+c.Unchanged {
		return 0, nil
	}
	rejected, err := q.ListRejectedRows(ctx, sqlcgen.ListRejectedRowsParams{EtfID: old.id, FetchID: fetch})
	if err != nil {
		return 0, err
	}
	if len(rejected) > 0 {
		if err := setVerdict(ctx, q, fetch, verdictRejected, rejected); err != nil {
			return 0, err
		}
		kept := c.Kept
		if *c, err = classify(ctx, q, old, fetch); err != nil {
			return 0, err
		}
		c.Unchanged += kept - c.Kept // the rejected rows count as unchanged
		c.Kept = kept
	}
	revised := c.Kept - c.Fresh - c.Unchanged - c.Disputed
	if revised == 0 {
		return 0, nil
	}
	n, err := q.KeepSupersededBars(ctx, sqlcgen.KeepSupersededBarsParams{
		EtfID: old.id, FetchID: fetch, KnownTo: to.knownFrom, SupersededBy: to.version.Number,
	})
	if err != nil {
		return 0, err
	}
	if n != revised {
		return 0, fmt.Errorf("%d superseded bars kept where %d were counted", n, revised)
	}
	n, err = q.ReviseBars(ctx, sqlcgen.ReviseBarsParams{
		EtfID: old.id, FetchID: fetch, Source: source, DataVersion: to.version.Number, KnownFrom: to.knownFrom,
	})
	if err == nil && n != revised {
		err = fmt.Errorf("%d bars revised where %d were counted", n, revised)
	}
	return int(revised), err
}

func insertFresh(ctx context.Context, q *sqlcgen.Queries, to series, fetch string, row sqlcgen.GetFetchToPersistRow, c sqlcgen.ClassifyStagedBarsRow) error {
	all := sqlcgen.InsertAllStagedBarsParams{
		EtfID: to.id, Basis: row.Basis, Source: row.Source, DataVersion: to.version.Number, KnownFrom: to.knownFrom, FetchID: fetch,
	}
	var n int64
	var err error
	if c.Fresh == c.Kept {
		n, err = q.InsertAllStagedBars(ctx, all)
	} else {
		n, err = q.InsertNewStagedBars(ctx, sqlcgen.InsertNewStagedBarsParams(all))
	}
	if err == nil && n != c.Fresh {
		err = fmt.Errorf("%d new bars stored where %d were counted", n, c.Fresh)
	}
	return err
}

// storeActions stores the actions a fetch states that are not stored yet. The first statement about a kind and day is
// accepted with the source as the one who decided; a differing later one is proposed, for a person to decide: two
// sources that round a dividend differently must not make two dividends.
func (s *Store) storeActions(ctx context.Context, q *sqlcgen.Queries, to series, fetch string, row sqlcgen.GetFetchToPersistRow) (int, error) {
	actions, err := decodeList[etf.Action](row.Actions)
	if err != nil || len(actions) == 0 {
		return 0, err
	}
	stored, err := q.ListActions(ctx, sqlcgen.ListActionsParams{EtfID: to.id, KnownTo: openEnd})
	if err != nil {
		return 0, err
	}
	type day struct {
		kind string
		ex   etf.Session
	}
	terms := map[day]map[string]bool{}
	for _, a := range stored {
		d := day{a.Kind, etf.Session(a.Ex)}
		if terms[d] == nil {
			terms[d] = map[string]bool{}
		}
		terms[d][a.Terms] = true
	}
	added := 0
	for _, a := range actions {
		d, t := day{string(a.Kind), a.Ex}, termsOf(a)
		if terms[d][t] {
			continue
		}
		status := etf.Accepted
		if len(terms[d]) > 0 {
			status = etf.Proposed
		}
		if err := q.InsertAction(ctx, sqlcgen.InsertActionParams{
			EtfID: to.id, Kind: string(a.Kind), Ex: column.Session(a.Ex), Terms: t, DataVersion: to.version.Number,
			Amount: column.OptionalPrice(a.Amount), Numerator: a.Numerator, Denominator: a.Denominator,
			Status: string(status), DecidedBy: "source:" + row.Source, FetchID: fetch, KnownFrom: to.knownFrom, KnownTo: openEnd,
		}); err != nil {
			return 0, err
		}
		if terms[d] == nil {
			terms[d] = map[string]bool{}
		}
		terms[d][t] = true
		added++
	}
	return added, nil
}

// termsOf writes what an action says besides kind and day, so that the same statement is the same key.
func termsOf(a etf.Action) string {
	if a.Kind == etf.Split {
		return fmt.Sprintf("%d:%d", a.Numerator, a.Denominator)
	}
	return a.Amount.String()
}

func domainSplits(rows []sqlcgen.ListSplitsWithVersionRow) []etf.Action {
	var list []etf.Action
	for _, r := range rows {
		if r.Numerator.Valid {
			list = append(list, etf.Action{Kind: etf.Split, Ex: etf.Session(r.Ex), Numerator: r.Numerator.Int64, Denominator: r.Denominator.Int64})
		}
	}
	return list
}
