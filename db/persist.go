package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Persist moves a fetch's judged rows into the ETF's bars: see activities.Bars, and the data dictionary for what counts
// as new, unchanged and revised. New, Unchanged and Revised add up to the rows not dropped; Quarantined is how many of
// the fetch's rows forecasts exclude afterwards, because of this fetch or an earlier one.
func (s *Store) Persist(ctx context.Context, fetch string) (etf.Persisted, error) {
	p, _, err := s.Replace(ctx, fetch, etf.Replacement{})
	return p, err
}

// Replace is Persist for a fetch that also takes stored bars out: see activities.Bars and etf.Replacement. Revised then
// counts what is taken out, too. settled are the findings that it settles, at most a hundred.
func (s *Store) Replace(ctx context.Context, fetch string, replacement etf.Replacement) (result etf.Persisted, settled []string, err error) {
	var symbol etf.Symbol
	var of sqlcgen.GetFetchToPersistRow
	settles := false // findings may be settled
	err = s.transaction(ctx, "persisting fetch "+fetch, func(q *writing, tx *sql.Tx) error {
		row, err := q.GetFetchToPersist(ctx, fetch)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownFetch(fetch)
		}
		if err != nil {
			return err
		}
		of = row
		if row.PersistedAt.Valid {
			settles, result = true, firstResult(row)
			symbol = etf.Symbol(row.Symbol) // the first one may have ended before releaseAccepted
			if row.RowsRevised > 0 {
				result.Released, err = releasedBy(ctx, q.Queries, row.EtfID, row.ResultVersion)
			}
			return err
		}
		if row.ResultWriter != "" && row.ResultWriter != groundsHash(groundsToPersist(row)) && !replacement.Outdated {
			return outdated(fetch)
		}
		q.concerns(row.Exchange, row.Symbol, etf.RunID(row.RunID))
		removed := 0
		if !replacement.Listed.IsZero() {
			if row, removed, err = s.removeEarly(ctx, q, fetch, row, replacement.Listed); err != nil {
				return err
			}
		}
		symbol = etf.Symbol(row.Symbol)
		if result, settles, err = s.persist(ctx, q, tx, fetch, row, replacement, removed); err != nil {
			return err
		}
		q.emit(etf.EventStored, fetch, map[string]any{"new": result.New, "unchanged": result.Unchanged, "revised": result.Revised,
			"quarantined": result.Quarantined, "data_version": result.DataVersion.Number, "stage": etf.StagePersist})
		for _, session := range result.Released {
			q.released(session)
		}
		return nil
	})
	if err == nil && result.Quarantined > 0 {
		err = s.releaseAccepted(ctx, symbol)
	}
	result.Symbol = symbol
	if err != nil || replacement.IsZero() && !settles {
		return result, nil, err
	}
	settled, err = s.settled(ctx, fetch, of, result.DataVersion.Number)
	return result, settled, translate(err, "listing the findings that fetch "+fetch+" settles")
}

// settled lists the findings that storing the fetch has settled.
func (s *Store) settled(ctx context.Context, fetch string, row sqlcgen.GetFetchToPersistRow, version int64) ([]string, error) {
	removed, err := s.q.ListSettled(ctx, sqlcgen.ListSettledParams{DecidedBy: settledBy, RequestKey: fetch, Limit: mostSettled})
	if err != nil {
		return nil, err
	}
	replaced, err := s.q.ListSettledAt(ctx, sqlcgen.ListSettledAtParams{
		EtfID: row.EtfID, DataVersion: version, DecidedBy: quality.BySource(row.Source), Why: "%", Limit: mostSettled,
	})
	list := append(removed, replaced...)
	return list[:min(len(list), mostSettled)], err
}

func firstResult(r sqlcgen.GetFetchToPersistRow) etf.Persisted {
	return etf.Persisted{
		New: int(r.RowsNew), Unchanged: int(r.RowsUnchanged), Revised: int(r.RowsRevised),
		Quarantined: int(r.RowsQuarantined), Actions: int(r.ActionsNew),
		DataVersion: etf.DataVersion{Number: r.ResultVersion, Writer: r.ResultWriter}, KnownFrom: r.ResultKnownFrom.Time,
	}
}

func (s *Store) persist(ctx context.Context, q *writing, tx *sql.Tx, fetch string, row sqlcgen.GetFetchToPersistRow, replacement etf.Replacement, removed int) (result etf.Persisted, settles bool, err error) {
	whole := replacement.Whole
	if !row.JudgedAt.Valid {
		return etf.Persisted{}, false, &etf.Error{Kind: etf.KindConflict, Field: "fetch",
			Message: fmt.Sprintf("fetch %s has no saved findings", fetch), Remedy: "save its findings first"}
	}
	p := persisting{q: q, fetch: fetch, row: row, old: seriesOf(row), to: seriesOf(row)}
	overlapping := 0
	onlyNew := replacement.OnlyNew && !whole
	if onlyNew {
		var err error
		if overlapping, err = p.leaveStored(ctx); err != nil {
			return etf.Persisted{}, false, err
		}
	}
	c, err := p.classify(ctx, onlyNew)
	if err != nil {
		return etf.Persisted{}, false, err
	}
	if row.RowCount > 0 && c.Kept == 0 { // every row is dropped, or none is left
		if n, err := q.CountStagedBars(ctx, fetch); err != nil || n == 0 {
			return etf.Persisted{}, false, cmp.Or(err, discarded(fetch))
		}
	}
	if c.Sessions != c.Kept {
		return etf.Persisted{}, false, etf.Invalid("session", fmt.Sprintf("fetch %s keeps more than one row for a session", fetch), "drop all but one of them")
	}
	old, to := p.old, &p.to
	if c.Kept > 0 && old.bars > 0 && row.Basis != old.basis {
		return etf.Persisted{}, false, &etf.Error{Kind: etf.KindConflict, Field: "basis",
			Message: fmt.Sprintf("the prices of fetch %s are %s, but the bars of %s are %s", fetch, row.Basis, row.Symbol, old.basis),
			Remedy:  "use a source with the same basis"}
	}

	changes, err := p.plan(ctx, etf.Session(c.FirstSession), etf.Session(c.LastSession))
	if err != nil {
		return etf.Persisted{}, false, err
	}
	to.version, to.knownFrom = old.next(s.now())
	result = etf.Persisted{DataVersion: old.version, KnownFrom: old.knownFrom}
	var taken quality.TakeOver
	if whole && old.bars > 0 {
		if taken, err = p.takeOver(ctx, &c); err != nil {
			return etf.Persisted{}, false, err
		}
	} else if result.Revised, err = p.revise(ctx, &c); err != nil {
		return etf.Persisted{}, false, err
	}
	if c.RowsNew > 0 {
		if err := p.insertNew(ctx, c); err != nil {
			return etf.Persisted{}, false, err
		}
	}
	if err := storeStates(ctx, q.Queries, tx, p.stated, changes, *to, ""); err != nil {
		return etf.Persisted{}, false, err
	}
	for _, c := range changes {
		q.stated(c)
	}
	result.Actions = len(changes)
	if result.NAVs, err = p.storeNAVs(ctx, tx); err != nil {
		return etf.Persisted{}, false, err
	}
	result.New = int(c.RowsNew) - taken.Replaced
	result.Unchanged = int(c.Kept) - result.New - result.Revised - taken.Replaced
	result.Unchanged += overlapping
	result.Quarantined = int(c.NewQuarantined + c.UnchangedQuarantined + c.BecomeQuarantined)
	if whole && old.bars > 0 {
		result.Revised, result.Quarantined = len(taken.Remove), taken.Quarantined
	}
	if result.New+result.Revised+result.Actions+result.NAVs > 0 {
		to.bars += result.New
		to.quarantined += int(c.NewQuarantined + c.BecomeQuarantined - c.WereQuarantined)
		if whole && old.bars > 0 {
			if err := p.summarise(ctx); err != nil {
				return etf.Persisted{}, false, err
			}
		} else if result.New > 0 {
			to.basis = row.Basis
			to.first, to.last = etf.Session(c.FirstSession), max(old.last, etf.Session(c.LastSession))
			if old.bars > 0 {
				to.first = min(old.first, to.first)
			}
		}
		late, err := p.lateSplits(ctx, c)
		if err != nil {
			return etf.Persisted{}, false, err
		}
		if to.quarantined > 0 && (len(late) > 0 || frees(p.stated, changes)) {
			freed, err := s.free(ctx, q, etf.Exchange(row.Exchange), *to, p.stated, append(late, changes...), len(late) > 0, quality.BySource(row.Source))
			if err != nil {
				return etf.Persisted{}, false, err
			}
			to.quarantined -= len(freed)
			for _, session := range freed {
				if slices.ContainsFunc(p.rows, func(b etf.Bar) bool { return b.Session == session }) {
					result.Quarantined--
				}
			}
		}
		by := cause{causeFetch, fetch}
		if len(taken.Remove) > 0 {
			by.kind = causeRestated
		}
		if err := advance(ctx, q.Queries, old, *to, by); err != nil {
			return etf.Persisted{}, false, err
		}
		result.DataVersion, result.KnownFrom = to.version, to.knownFrom
	}
	if whole && old.bars > 0 {
		if err := p.settle(ctx, s, lastSession, "the whole history was fetched again, in fetch "+fetch); err != nil {
			return etf.Persisted{}, false, err
		}
	}
	result.Revised += removed
	if c.Released > 0 {
		if result.Released, err = releasedBy(ctx, q.Queries, old.id, result.DataVersion.Number); err != nil {
			return etf.Persisted{}, false, err
		}
	}
	if settles, err = p.settles(ctx, c, result); err != nil {
		return etf.Persisted{}, false, err
	}
	if settles {
		if err := s.settle(ctx, q, old.id, result.DataVersion.Number, "source:"+row.Source, fetch); err != nil {
			return etf.Persisted{}, false, err
		}
	}
	if c.Kept > 0 {
		if err := p.confirm(ctx, etf.Session(c.LastSession)); err != nil {
			return etf.Persisted{}, false, err
		}
	}
	if row.RowCount > 0 {
		if err := q.DeleteStagedBars(ctx, fetch); err != nil {
			return etf.Persisted{}, false, err
		}
	}
	return result, settles || result.Actions > 0, markPersisted(ctx, q.Queries, fetch, s.now(), result)
}

// lateSplits returns the splits that were decided on after the fetch, so perhaps after its rows were judged; none if no row is
// quarantined.
func (p *persisting) lateSplits(ctx context.Context, c sqlcgen.ClassifyStagedBarsRow) (late []etf.StatedAction, err error) {
	if c.NewQuarantined+c.BecomeQuarantined == 0 || p.old.bars == 0 {
		return nil, nil
	}
	if p.stated == nil {
		rows, err := p.q.ListCurrentActions(ctx, sqlcgen.ListCurrentActionsParams{EtfID: p.old.id, SupersededBy: openVersion})
		if err != nil {
			return nil, err
		}
		p.stated = domainActions(rows, p.row.Symbol)
	}
	for _, a := range p.stated {
		if a.Kind == etf.Split && a.KnownFrom.After(p.row.FetchedAt) && a.KnownFrom != p.to.knownFrom && quality.DecidedByPerson(a) {
			late = append(late, a)
		}
	}
	if len(late) == 0 || p.rows != nil {
		return late, nil
	}
	staged, err := p.q.ListStagedBars(ctx, p.fetch)
	p.rows = stagedBars(staged)
	return late, err
}

// persisting is the state of one Persist.
type persisting struct {
	q       *writing
	fetch   string // ID
	row     sqlcgen.GetFetchToPersistRow
	old, to series             // before and after
	stated  []etf.StatedAction // the current statements before; nil if the fetch states nothing
	rows    []etf.Bar          // staged; nil if the fetch changes no statement
	// refused are the sessions whose row a whole history's fetch quarantines.
	refused map[etf.Session]bool
}

// settles reports whether storing the fetch may have left nothing to decide on some finding: it replaced bars or filled a gap.
// The newest row of an ordinary run settles nothing.
func (p *persisting) settles(ctx context.Context, c sqlcgen.ClassifyStagedBarsRow, r etf.Persisted) (bool, error) {
	if p.old.bars == 0 || r.Revised > 0 || c.RowsNew != 1 || p.old.quarantined > 0 {
		return p.old.bars > 0 && (r.Revised > 0 || c.RowsNew > 1 || p.old.quarantined > 0), nil
	}
	named, err := p.q.CountRowsNamed(ctx, sqlcgen.CountRowsNamedParams{EtfID: p.to.id, Session: c.LastSession})
	return named > 0, err
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

// leaveStored drops the staged rows of sessions that have a bar already, so that only those of the others are stored, and returns how many.
func (p *persisting) leaveStored(ctx context.Context) (int, error) {
	if p.old.bars == 0 {
		return 0, nil
	}
	ordinals, err := p.q.ListOverlappingRows(ctx, sqlcgen.ListOverlappingRowsParams{EtfID: p.old.id, FetchID: p.fetch})
	if err != nil || len(ordinals) == 0 {
		return 0, err
	}
	rows := make([]rowVerdict, len(ordinals))
	for i, ordinal := range ordinals {
		rows[i] = rowVerdict{ordinal, etf.VerdictDrop}
	}
	return len(rows), setVerdicts(ctx, p.q.Queries, p.fetch, rows)
}

// verdictRejected is the verdict on a row whose numbers a person has rejected before; the store alone sets it.
const verdictRejected = etf.VerdictDrop + 1

// classify counts the staged rows by how they relate to the stored bars. onlyNew: no session of theirs has one.
func (p *persisting) classify(ctx context.Context, onlyNew bool) (sqlcgen.ClassifyStagedBarsRow, error) {
	if p.old.bars > 0 && !onlyNew {
		return p.q.ClassifyStagedBars(ctx, sqlcgen.ClassifyStagedBarsParams{EtfID: p.old.id, FetchID: p.fetch})
	}
	sum, err := p.q.SummariseStagedBars(ctx, p.fetch)
	return sqlcgen.ClassifyStagedBarsRow{
		Kept: sum.Kept, Sessions: sum.Sessions, RowsNew: sum.Kept, NewQuarantined: sum.Quarantined,
		FirstSession: sum.FirstSession, LastSession: sum.LastSession,
	}, err
}

// revise replaces the bars whose numbers differ and archives the old ones. A quarantined or held row does not replace a bar
// that is believed: its numbers stay in finding_rows for a decision. Numbers that a person has rejected do not come back. Then
// it gives held bars whose numbers came back their new verdict (rejudge).
func (p *persisting) revise(ctx context.Context, c *sqlcgen.ClassifyStagedBarsRow) (int, error) {
	if c.Superseded+c.Rejudged+c.Parked == 0 {
		return 0, nil
	}
	rejected, err := p.q.ListRejectedRows(ctx, sqlcgen.ListRejectedRowsParams{EtfID: p.old.id, FetchID: p.fetch})
	if err != nil {
		return 0, err
	}
	if len(rejected) > 0 {
		slices.Sort(rejected)
		rows := make([]rowVerdict, len(rejected))
		for i, ordinal := range rejected {
			rows[i] = rowVerdict{ordinal, verdictRejected}
		}
		if err := setVerdicts(ctx, p.q.Queries, p.fetch, rows); err != nil {
			return 0, err
		}
		kept, first, last := c.Kept, c.FirstSession, c.LastSession
		if *c, err = p.classify(ctx, false); err != nil {
			return 0, err
		}
		c.FirstSession, c.LastSession = first, last // the source has the rejected rows all the same
		c.RowsUnchanged += kept - c.Kept            // the rejected rows count as unchanged
		c.Kept = kept
	}
	rejudged, err := p.rejudge(ctx, c.Rejudged)
	if err != nil {
		return 0, err
	}
	revised := c.Superseded
	if revised == 0 {
		return rejudged, nil
	}
	n, err := p.q.ArchiveSupersededBars(ctx, sqlcgen.ArchiveSupersededBarsParams{
		EtfID: p.old.id, FetchID: p.fetch, KnownTo: p.to.knownFrom, SupersededBy: p.to.version.Number,
	})
	if err != nil {
		return 0, err
	}
	if n != revised {
		return 0, fmt.Errorf("%d superseded bars archived, but %d were counted", n, revised)
	}
	n, err = p.q.ReviseBars(ctx, sqlcgen.ReviseBarsParams{
		EtfID: p.old.id, FetchID: p.fetch, Source: p.row.Source, DataVersion: p.to.version.Number, KnownFrom: p.to.knownFrom,
	})
	if err == nil && n != revised {
		err = fmt.Errorf("%d bars revised, but %d were counted", n, revised)
	}
	return int(revised) + rejudged, err
}

// rejudge believes or quarantines the held bars whose numbers came back, and archives them as they were. They keep their
// numbers and their fetch.
func (p *persisting) rejudge(ctx context.Context, count int64) (int, error) {
	if count == 0 {
		return 0, nil
	}
	n, err := p.q.ArchiveRejudgedBars(ctx, sqlcgen.ArchiveRejudgedBarsParams{
		EtfID: p.old.id, FetchID: p.fetch, KnownTo: p.to.knownFrom, SupersededBy: p.to.version.Number,
	})
	if err == nil && n == count {
		n, err = p.q.RejudgeBars(ctx, sqlcgen.RejudgeBarsParams{
			EtfID: p.old.id, FetchID: p.fetch, DataVersion: p.to.version.Number, KnownFrom: p.to.knownFrom,
		})
	}
	if err == nil && n != count {
		err = fmt.Errorf("%d held bars judged again, but %d were counted", n, count)
	}
	return int(count), err
}

// confirm records that the fetch had the newest session, and as of when: the instant of the fetch, or of the source's data if
// that is earlier.
func (p *persisting) confirm(ctx context.Context, newest etf.Session) error {
	stated, err := decodeStatements(p.row.Actions)
	if err != nil {
		return err
	}
	at := p.row.FetchedAt
	if !stated.DataAt.IsZero() && stated.DataAt.Before(at) {
		at = stated.DataAt
	}
	return p.q.ConfirmSession(ctx, sqlcgen.ConfirmSessionParams{EtfID: p.to.id, Session: column.Session(newest), FetchedAt: instant(at)})
}

// releasedBy returns the sessions whose bars were held until the data version and are believed since.
func releasedBy(ctx context.Context, q *sqlcgen.Queries, id uint32, version int64) ([]etf.Session, error) {
	rows, err := q.ListReleasedBars(ctx, sqlcgen.ListReleasedBarsParams{EtfID: id, DataVersion: version})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	sessions := make([]etf.Session, len(rows))
	for i, r := range rows {
		sessions[i] = etf.Session(r)
	}
	return sessions, nil
}

func (p *persisting) insertNew(ctx context.Context, c sqlcgen.ClassifyStagedBarsRow) error {
	all := sqlcgen.InsertAllStagedBarsParams{
		EtfID: p.to.id, Basis: p.row.Basis, Source: p.row.Source, DataVersion: p.to.version.Number, KnownFrom: p.to.knownFrom, FetchID: p.fetch,
	}
	var n int64
	var err error
	if c.RowsNew == c.Kept {
		n, err = p.q.InsertAllStagedBars(ctx, all)
	} else {
		n, err = p.q.InsertNewStagedBars(ctx, sqlcgen.InsertNewStagedBarsParams(all))
	}
	if err == nil && n != c.RowsNew {
		err = fmt.Errorf("%d new bars stored, but %d were counted", n, c.RowsNew)
	}
	return err
}
