package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Decide records a person's decision on a finding: see activities.Findings. It also settles duplicates of the finding
// (quality.DuplicateCandidates). An accepted row stays quarantined while another rule blocks it (quality.Unblocked).
func (s *Store) Decide(ctx context.Context, r etf.Ruling) (etf.Finding, error) {
	if r.Decision != etf.Accept && r.Decision != etf.Reject {
		return etf.Finding{}, etf.Invalid("decision", fmt.Sprintf("%q is not a decision", r.Decision), "use accept or reject")
	}
	if r.By == "" {
		return etf.Finding{}, etf.Invalid("by", "the decision names no person", "name the person who decides")
	}
	var result etf.Finding
	err := s.transaction(ctx, "deciding finding "+r.Finding, func(q *sqlcgen.Queries, _ *sql.Tx) error {
		f, err := finding(ctx, q, r.Finding)
		if err != nil {
			return err
		}
		settled, changed, err := quality.Settle(f, r)
		if err != nil {
			return err
		}
		result = settled
		if !changed {
			return nil
		}
		return s.decide(ctx, q, settled)
	})
	return result, err
}

func (s *Store) decide(ctx context.Context, q *sqlcgen.Queries, decided etf.Finding) error {
	fetch, err := q.GetFetchToPersist(ctx, decided.Fetch) // locks it, as Persist does
	if err != nil {
		return err
	}
	rows, err := rowsOf(ctx, q, []string{decided.ID})
	if err != nil {
		return err
	}
	f := quality.FindingWithRows{Finding: decided, Rows: rows[decided.ID]}
	cases, err := casesOn(ctx, q, fetch.EtfID, f.Sessions)
	if err != nil {
		return err
	}
	version, changed := fetch.DataVersion, 0
	if f.Decision == etf.Accept && f.Severity == etf.SeverityError {
		unblocked := quality.Unblocked(f, cases)
		switch {
		case len(unblocked) == 0:
		case !fetch.PersistedAt.Valid:
			err = q.ReleaseStagedRows(ctx, sqlcgen.ReleaseStagedRowsParams{FetchID: f.Fetch, Sessions: columns(sessionsOf(unblocked))})
		default:
			version, changed, err = s.accept(ctx, q, f, fetch, unblocked)
		}
		if err != nil {
			return err
		}
	}
	duplicates, err := duplicatesOf(ctx, q, f, cases)
	if err != nil {
		return err
	}
	record := sqlcgen.InsertDecisionParams{
		FindingID: f.ID, Decision: string(f.Decision), DecidedBy: f.By, Why: f.Why, DecidedAt: s.now(),
		DataVersion: version, RowsChanged: int32(changed),
	}
	if err := q.InsertDecision(ctx, record); err != nil {
		return err
	}
	for _, id := range duplicates {
		record.FindingID, record.Why, record.RowsChanged = id, asDecidedOn(f.ID), 0
		if err := q.InsertDecision(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf reads the rows each of the findings names.
func rowsOf(ctx context.Context, q *sqlcgen.Queries, findings []string) (map[string][]quality.NamedRow, error) {
	list, err := q.ListFindingRows(ctx, findings)
	if err != nil {
		return nil, err
	}
	rows := map[string][]quality.NamedRow{}
	for _, r := range list {
		rows[r.FindingID] = append(rows[r.FindingID], namedRow(r))
	}
	return rows, nil
}

func sessionsOf(rows []quality.NamedRow) []etf.Session {
	sessions := make([]etf.Session, len(rows))
	for i, r := range rows {
		sessions[i] = r.Session
	}
	return sessions
}

func duplicatesOf(ctx context.Context, q *sqlcgen.Queries, f quality.FindingWithRows, cases quality.Cases) ([]string, error) {
	candidates := quality.DuplicateCandidates(f, cases)
	if len(candidates) == 0 {
		return nil, nil
	}
	rows, err := rowsOf(ctx, q, candidates)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(candidates, func(id string) bool { return !f.Covers(rows[id]) }), nil
}

// accept puts accepted rows to use (quality.AcceptRows). It returns the resulting data version and how many bars changed.
func (s *Store) accept(ctx context.Context, q *sqlcgen.Queries, f quality.FindingWithRows, fetch sqlcgen.GetFetchToPersistRow, rows []quality.NamedRow) (int64, int, error) {
	old := seriesOf(fetch)
	list, err := q.ListBarsOfSessions(ctx, sqlcgen.ListBarsOfSessionsParams{EtfID: old.id, Sessions: columns(sessionsOf(rows))})
	if err != nil {
		return 0, 0, err
	}
	stored := make([]etf.StoredBar, len(list))
	for i, b := range list {
		stored[i] = storedBar(b)
	}
	a := quality.AcceptRows(rows, stored, fetch.ResultVersion)
	if a.Changed() == 0 {
		return old.version.Number, 0, nil
	}
	to := old
	to.quarantined -= a.Unquarantined
	to.version, to.knownFrom = old.next(s.now())
	changed := slices.Clone(a.Release)
	for _, b := range a.Replace {
		changed = append(changed, b.Session)
	}
	if _, err := q.ArchiveBars(ctx, sqlcgen.ArchiveBarsParams{
		EtfID: old.id, KnownTo: to.knownFrom, SupersededBy: to.version.Number, Sessions: columns(changed),
	}); err != nil {
		return 0, 0, err
	}
	if len(a.Release) > 0 {
		if _, err := q.ReleaseBars(ctx, sqlcgen.ReleaseBarsParams{
			EtfID: old.id, DataVersion: to.version.Number, KnownFrom: to.knownFrom, Sessions: columns(a.Release),
		}); err != nil {
			return 0, 0, err
		}
	}
	for _, b := range a.Replace {
		if _, err := q.AcceptHeldRow(ctx, sqlcgen.AcceptHeldRowParams{
			Open: column.Price(b.Open), High: column.Price(b.High), Low: column.Price(b.Low), Close: column.Price(b.Close),
			AdjClose: column.OptionalPrice(b.AdjClose), Volume: column.Volume(b.Volume), Source: fetch.Source, FetchID: f.Fetch,
			DataVersion: to.version.Number, KnownFrom: to.knownFrom, EtfID: old.id, Session: column.Session(b.Session),
		}); err != nil {
			return 0, 0, err
		}
	}
	return to.version.Number, a.Changed(), advance(ctx, q, old, to, cause{causeDecision, f.ID})
}
