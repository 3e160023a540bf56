package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// SaveFindings stores the findings in a fetch and the verdicts on its rows: see activities.Findings. In addition to
// that contract, an error-level finding must name every quarantined row, or nobody could ever release it (KindInvalid), and a
// finding by a rule that holds rows every held one;
// and a finding with a precedent takes over its decision (quality.Precedents).
func (s *Store) SaveFindings(ctx context.Context, j etf.Judgement) error {
	keepAll := true
	for i, v := range j.Verdicts {
		if v > etf.VerdictDrop && v != etf.VerdictHold {
			return etf.Invalid(fmt.Sprintf("verdicts[%d]", i), fmt.Sprintf("%d is not a verdict", v), "use keep, quarantine, drop or hold")
		}
		keepAll = keepAll && v == etf.VerdictKeep
	}
	mark := sqlcgen.MarkFetchJudgedParams{ID: j.Fetch, Rows: int32(len(j.Verdicts)), JudgedAt: sql.NullTime{Time: s.now(), Valid: true}}
	what := "saving the findings of fetch " + j.Fetch
	if len(j.Findings) == 0 && keepAll {
		return s.retry(ctx, what, func() error {
			_, err := s.markJudged(ctx, s.q, mark)
			return err
		})
	}
	return s.transaction(ctx, what, func(q *sqlcgen.Queries, tx *sql.Tx) error {
		first, err := s.markJudged(ctx, q, mark)
		if err != nil || !first {
			return err
		}
		return s.saveFindings(ctx, q, tx, j)
	})
}

// markJudged reports whether this is the first judgement of the fetch.
func (s *Store) markJudged(ctx context.Context, q *sqlcgen.Queries, mark sqlcgen.MarkFetchJudgedParams) (first bool, err error) {
	n, err := q.MarkFetchJudged(ctx, mark)
	if err != nil || n == 1 {
		return n == 1, err
	}
	row, err := q.GetFetch(ctx, mark.ID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, unknownFetch(mark.ID)
	case err != nil:
		return false, err
	case row.Fetch.JudgedAt.Valid || row.Fetch.PersistedAt.Valid:
		return false, nil // judged already
	case row.Fetch.RowCount != mark.Rows:
		return false, etf.Invalid("verdicts", fmt.Sprintf("%d verdicts for %d rows of fetch %s", mark.Rows, row.Fetch.RowCount, mark.ID), "give one for each row")
	}
	return false, errLost
}

func (s *Store) saveFindings(ctx context.Context, q *sqlcgen.Queries, tx *sql.Tx, j etf.Judgement) error {
	fetch, err := q.GetFetch(ctx, j.Fetch)
	if err != nil {
		return err
	}
	staged, err := q.ListStagedBars(ctx, j.Fetch)
	if err != nil {
		return err
	}
	bars := stagedBars(staged)
	found, err := quality.WithRows(j, bars)
	if err != nil {
		return err
	}
	if err := s.insertFindings(ctx, tx, fetch, found); err != nil {
		return err
	}
	if err := saveProposals(ctx, q, fetch, found); err != nil {
		return err
	}
	before, err := casesOn(ctx, q, fetch.Fetch.EtfID, errorSessions(found))
	if err != nil {
		return err
	}
	precedents := quality.Precedents(found, before)
	for _, f := range found {
		c, ok := precedents[f.ID]
		if !ok {
			continue
		}
		if err := q.InsertDecision(ctx, sqlcgen.InsertDecisionParams{
			FindingID: f.ID, Decision: string(c.Decision), DecidedBy: c.By,
			Why: asDecidedOn(c.Finding), DecidedAt: s.now(), DataVersion: fetch.DataVersion,
		}); err != nil {
			return err
		}
	}
	var changed []rowVerdict
	for i, v := range quality.Final(j.Verdicts, bars, quality.Released(found, precedents)) {
		if v != etf.VerdictKeep { // which is what staging sets
			changed = append(changed, rowVerdict{staged[i].Ordinal, v})
		}
	}
	return setVerdicts(ctx, q, j.Fetch, changed)
}

func asDecidedOn(finding string) string { return "as decided on finding " + finding }

// rowVerdict is the verdict on the staged row with the ordinal.
type rowVerdict struct {
	ordinal int32
	verdict etf.Verdict
}

// setVerdicts changes the verdicts of some of a fetch's rows, in ascending order of ordinal; the others keep theirs.
func setVerdicts(ctx context.Context, q *sqlcgen.Queries, fetch string, rows []rowVerdict) error {
	const span = 2000 // ordinals covered by one statement
	for len(rows) > 0 {
		first := rows[0].ordinal
		var verdicts []byte
		for len(rows) > 0 && rows[0].ordinal < first+span {
			for first+int32(len(verdicts)) < rows[0].ordinal {
				verdicts = append(verdicts, '.')
			}
			verdicts = append(verdicts, '0'+byte(rows[0].verdict))
			rows = rows[1:]
		}
		if err := q.SetVerdicts(ctx, sqlcgen.SetVerdictsParams{
			FetchID: fetch, First: first, Last: first + int32(len(verdicts)) - 1, Verdicts: string(verdicts),
		}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) insertFindings(ctx context.Context, tx *sql.Tx, fetch sqlcgen.GetFetchRow, found []quality.FindingWithRows) error {
	head := inserter{ctx: ctx, tx: tx, into: "INSERT INTO findings (id, etf_id, fetch_id, rule, severity, evidence, found_at)"}
	rows := inserter{ctx: ctx, tx: tx, into: "INSERT INTO finding_rows (etf_id, finding_id, session, staged, open, high, low, close, adj_close, volume)"}
	id := fetch.Fetch.EtfID
	for _, f := range found {
		at := f.FoundAt
		if at.IsZero() {
			at = s.now()
		}
		head.row(f.ID, id, fetch.Fetch.ID, f.Rule, string(f.Severity), f.Evidence, instant(at))
		for _, r := range f.Rows {
			rows.row(id, f.ID, column.Session(r.Session), r.Staged, column.Price(r.Open), column.Price(r.High),
				column.Price(r.Low), column.Price(r.Close), column.OptionalPrice(r.AdjClose), column.Volume(r.Volume))
		}
	}
	if err := head.done(); err != nil {
		return err
	}
	return rows.done()
}

// errorSessions returns the sessions that error-level findings name; a session may occur more than once.
func errorSessions(found []quality.FindingWithRows) []etf.Session {
	var sessions []etf.Session
	for _, f := range found {
		if f.Severity == etf.SeverityError {
			for _, r := range f.Rows {
				sessions = append(sessions, r.Session)
			}
		}
	}
	return sessions
}

// casesOn reads every row that an error-level finding names on these sessions.
func casesOn(ctx context.Context, q *sqlcgen.Queries, id uint32, sessions []etf.Session) (quality.Cases, error) {
	const batch = 1000
	cases := quality.Cases{}
	for len(sessions) > 0 {
		n := min(batch, len(sessions))
		rows, err := q.ListErrorRowsOfSessions(ctx, sqlcgen.ListErrorRowsOfSessionsParams{EtfID: id, Sessions: columns(sessions[:n])})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			row := namedRow(r.FindingRow)
			cases[row.Session] = append(cases[row.Session], quality.Case{
				NamedRow: row, Finding: r.FindingRow.FindingID, Rule: r.Rule,
				Decision: etf.Decision(r.Decision.String), By: r.DecidedBy.String,
			})
		}
		sessions = sessions[n:]
	}
	return cases, nil
}

func namedRow(r sqlcgen.FindingRow) quality.NamedRow {
	return quality.NamedRow{Staged: r.Staged, Bar: numbers{
		Session: r.Session, Open: r.Open, High: r.High, Low: r.Low, Close: r.Close, AdjClose: r.AdjClose, Volume: r.Volume,
	}.bar()}
}

func columns(sessions []etf.Session) []column.Session {
	list := make([]column.Session, len(sessions))
	for i, session := range sessions {
		list[i] = column.Session(session)
	}
	return list
}

// Finding returns one finding; KindNotFound for an unknown ID.
func (s *Store) Finding(ctx context.Context, id string) (etf.Finding, error) {
	f, err := finding(ctx, s.q, id)
	return f, translate(err, "reading a finding")
}

func finding(ctx context.Context, q *sqlcgen.Queries, id string) (etf.Finding, error) {
	row, err := q.GetFinding(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Finding{}, etf.NotFound("id", fmt.Sprintf("there is no finding %q", id), "list the findings: `etfcast finding list --all`")
	}
	if err != nil {
		return etf.Finding{}, err
	}
	list, err := withSessions(ctx, q, []sqlcgen.GetFindingRow{row})
	if err != nil {
		return etf.Finding{}, err
	}
	return list[0], nil
}

// Findings returns up to limit findings after the given position, newest first, and the position of the next page: zero
// after the last one.
func (s *Store) Findings(ctx context.Context, filter etf.FindingFilter, after etf.Cursor, limit int) (page []etf.Finding, next etf.Cursor, err error) {
	undecided := 0
	if filter.Undecided {
		undecided = 1
	}
	var rows []sqlcgen.GetFindingRow
	if filter.Symbol == "" {
		list, err := s.q.ListFindings(ctx, sqlcgen.ListFindingsParams{BeforeAt: startOf(after), BeforeID: after.ID, Undecided: undecided, Limit: int32(limit + 1)})
		if err != nil {
			return nil, next, translate(err, "listing findings")
		}
		for _, r := range list {
			rows = append(rows, sqlcgen.GetFindingRow(r))
		}
	} else {
		etfID, err := s.idOf(ctx, filter.Symbol)
		if err != nil {
			return nil, next, err
		}
		list, err := s.q.ListFindingsOfETF(ctx, sqlcgen.ListFindingsOfETFParams{
			EtfID: etfID, BeforeAt: startOf(after), BeforeID: after.ID, Undecided: undecided, Limit: int32(limit + 1),
		})
		if err != nil {
			return nil, next, translate(err, "listing findings of "+string(filter.Symbol))
		}
		for _, r := range list {
			rows = append(rows, sqlcgen.GetFindingRow(r))
		}
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = etf.Cursor{At: rows[limit-1].Finding.FoundAt, ID: rows[limit-1].Finding.ID}
	}
	page, err = withSessions(ctx, s.q, rows)
	return page, next, translate(err, "reading the findings' sessions")
}

// withSessions converts rows and adds their sessions, with one statement for all of them.
func withSessions(ctx context.Context, q *sqlcgen.Queries, rows []sqlcgen.GetFindingRow) ([]etf.Finding, error) {
	list := make([]etf.Finding, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	ids := make([]string, len(rows))
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		ids[i], at[r.Finding.ID] = r.Finding.ID, i
		list[i] = etf.Finding{
			ID: r.Finding.ID, Symbol: etf.Symbol(r.Symbol), Fetch: r.Finding.FetchID, Rule: r.Finding.Rule,
			Severity: etf.Severity(r.Finding.Severity), Sessions: []etf.Session{}, Evidence: r.Finding.Evidence,
			Decision: etf.Decision(r.Decision.String), By: r.DecidedBy.String, Why: r.Why.String, FoundAt: r.Finding.FoundAt,
		}
	}
	named, err := q.ListFindingRows(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, r := range named {
		f := &list[at[r.FindingID]]
		f.Sessions = append(f.Sessions, etf.Session(r.Session))
	}
	return list, nil
}
