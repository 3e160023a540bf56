package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// SaveFindings stores what was found in a fetch and the verdicts on its rows: see activities.Findings. Beyond that
// contract: a quarantined row must be named by an error-level finding, or nobody could ever free it (KindInvalid); and a
// finding that objects to the very numbers a person has decided on before, by the same rule, takes over that decision.
func (s *Store) SaveFindings(ctx context.Context, fetch string, findings []etf.Finding, verdicts []etf.Verdict) error {
	keepAll := true
	for i, v := range verdicts {
		if v > etf.VerdictDrop {
			return etf.Invalid(fmt.Sprintf("verdicts[%d]", i), fmt.Sprintf("%d is not a verdict", v), "use keep, quarantine or drop")
		}
		keepAll = keepAll && v == etf.VerdictKeep
	}
	mark := sqlcgen.MarkFetchJudgedParams{ID: fetch, Rows: int32(len(verdicts)), JudgedAt: sql.NullTime{Time: s.now(), Valid: true}}
	what := "saving the findings of fetch " + fetch
	if len(findings) == 0 && keepAll {
		return s.again(ctx, what, func() error {
			_, err := s.markJudged(ctx, s.q, mark)
			return err
		})
	}
	return s.transaction(ctx, what, func(q *sqlcgen.Queries, tx *sql.Tx) error {
		first, err := s.markJudged(ctx, q, mark)
		if err != nil || !first {
			return err
		}
		return s.saveFindings(ctx, q, tx, fetch, findings, verdicts)
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
		return false, nil // a repeat: the first one stands
	case row.Fetch.RowCount != mark.Rows:
		return false, etf.Invalid("verdicts", fmt.Sprintf("%d verdicts for the %d rows of fetch %s", mark.Rows, row.Fetch.RowCount, mark.ID), "give one for each row")
	}
	return false, errLost
}

// objection is one row a finding names: the numbers it objects to, or just the session where the fetch had no row.
type objection struct {
	session etf.Session
	staged  bool
	bar     etf.Bar
}

// same reports whether two objections are to the same numbers of one session.
func (o objection) same(p objection) bool {
	return o.session == p.session && o.staged == p.staged && sameNumbers(o.bar, p.bar)
}

// sameNumbers compares as Persist does, but for an unknown volume, which is a value here.
func sameNumbers(a, b etf.Bar) bool {
	return a.Open == b.Open && a.High == b.High && a.Low == b.Low && a.Close == b.Close && a.Volume == b.Volume
}

func (s *Store) saveFindings(ctx context.Context, q *sqlcgen.Queries, tx *sql.Tx, fetch string, findings []etf.Finding, verdicts []etf.Verdict) error {
	row, err := q.GetFetch(ctx, fetch)
	if err != nil {
		return err
	}
	staged, err := q.ListStagedBars(ctx, fetch)
	if err != nil {
		return err
	}
	bySession := map[etf.Session]etf.Bar{}
	for i, r := range staged {
		session := etf.Session(r.Session)
		if _, taken := bySession[session]; !taken || verdicts[i] != etf.VerdictDrop {
			bySession[session] = domainBar(r.Session, r.Open, r.High, r.Low, r.Close, r.AdjClose, r.Volume)
		}
	}
	objections := make([][]objection, len(findings))
	named := map[etf.Session]bool{} // by an error-level finding
	for i, f := range findings {
		seen := map[etf.Session]bool{}
		for _, session := range f.Sessions {
			if session.IsZero() || seen[session] {
				continue
			}
			seen[session] = true
			bar, ok := bySession[session]
			objections[i] = append(objections[i], objection{session: session, staged: ok, bar: bar})
			if f.Severity == etf.SeverityError {
				named[session] = true
			}
		}
	}
	for i, v := range verdicts {
		if session := etf.Session(staged[i].Session); v == etf.VerdictQuarantine && !named[session] {
			return etf.Invalid("findings", fmt.Sprintf("the row of %s is quarantined and no error-level finding names it", session), "name its session in a finding of severity error")
		}
	}
	if err := insertFindings(ctx, tx, row.Fetch.EtfID, fetch, findings, objections, s); err != nil {
		return err
	}
	decided, err := s.inheritDecisions(ctx, q, row.Fetch.EtfID, row.DataVersion, findings, objections)
	if err != nil {
		return err
	}
	freed := freedSessions(findings, objections, decided)
	return setVerdicts(ctx, q, fetch, staged, verdicts, freed)
}

// setVerdicts writes the verdicts that are not Keep, grouped, and Keep for rows whose every objection a person has
// overruled before.
func setVerdicts(ctx context.Context, q *sqlcgen.Queries, fetch string, staged []sqlcgen.ListStagedBarsRow, verdicts []etf.Verdict, freed map[etf.Session]bool) error {
	ordinals := map[etf.Verdict][]int32{}
	for i, v := range verdicts {
		if v == etf.VerdictQuarantine && freed[etf.Session(staged[i].Session)] {
			continue
		}
		ordinals[v] = append(ordinals[v], staged[i].Ordinal)
	}
	for _, v := range []etf.Verdict{etf.VerdictQuarantine, etf.VerdictDrop} {
		if err := setVerdict(ctx, q, fetch, v, ordinals[v]); err != nil {
			return err
		}
	}
	return nil
}

func setVerdict(ctx context.Context, q *sqlcgen.Queries, fetch string, v etf.Verdict, ordinals []int32) error {
	const batch = 2000
	for len(ordinals) > 0 {
		n := min(batch, len(ordinals))
		if err := q.SetVerdicts(ctx, sqlcgen.SetVerdictsParams{Verdict: uint8(v), FetchID: fetch, Ordinals: ordinals[:n]}); err != nil {
			return err
		}
		ordinals = ordinals[n:]
	}
	return nil
}

// insertFindings is written by hand: sqlc has no multi-row VALUES, and the first fetch of an ETF can find hundreds.
func insertFindings(ctx context.Context, tx *sql.Tx, id uint32, fetch string, findings []etf.Finding, objections [][]objection, s *Store) error {
	head := inserter{ctx: ctx, tx: tx, head: "INSERT INTO findings (id, etf_id, fetch_id, rule, severity, evidence, found_at) VALUES "}
	rows := inserter{ctx: ctx, tx: tx, head: "INSERT INTO finding_rows (etf_id, finding_id, session, staged, open, high, low, close, adj_close, volume) VALUES "}
	for i, f := range findings {
		found := f.FoundAt
		if found.IsZero() {
			found = s.now()
		}
		head.row(func(buf []byte) []byte {
			return fmt.Appendf(buf, "%s,%d,%s,%s,%s,%s,'%s'", quote(f.ID), id, quote(fetch), quote(f.Rule),
				quote(string(f.Severity)), quote(f.Evidence), instant(found).Format("2006-01-02 15:04:05.000000"))
		})
		for _, o := range objections[i] {
			rows.row(func(buf []byte) []byte {
				staged := 0
				if o.staged {
					staged = 1
				}
				buf = fmt.Appendf(buf, "%d,%s,'%s',%d,", id, quote(f.ID), o.session, staged)
				return appendNumbers(buf, o.bar, ',', "NULL")
			})
		}
	}
	if err := head.done(); err != nil {
		return err
	}
	return rows.done()
}

// ruled is a row some error-level finding objects to, the rule, and what was decided.
type ruled struct {
	objection
	finding  string
	rule     string
	decision etf.Decision
	by       string
}

// errorRows returns every row an error-level finding names on these sessions.
func errorRows(ctx context.Context, q *sqlcgen.Queries, id uint32, sessions []etf.Session) (map[etf.Session][]ruled, error) {
	const batch = 1000
	found := map[etf.Session][]ruled{}
	for len(sessions) > 0 {
		n := min(batch, len(sessions))
		rows, err := q.ListErrorRowsOfSessions(ctx, sqlcgen.ListErrorRowsOfSessionsParams{EtfID: id, Sessions: columns(sessions[:n])})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			o := domainObjection(r.FindingRow)
			found[o.session] = append(found[o.session], ruled{
				objection: o, finding: r.FindingRow.FindingID, rule: r.Rule,
				decision: etf.Decision(r.Decision.String), by: r.DecidedBy.String,
			})
		}
		sessions = sessions[n:]
	}
	return found, nil
}

func domainObjection(r sqlcgen.FindingRow) objection {
	return objection{
		session: etf.Session(r.Session), staged: r.Staged,
		bar: domainBar(r.Session, r.Open, r.High, r.Low, r.Close, r.AdjClose, r.Volume),
	}
}

func columns(sessions []etf.Session) []column.Session {
	list := make([]column.Session, len(sessions))
	for i, session := range sessions {
		list[i] = column.Session(session)
	}
	return list
}

// inheritDecisions decides new findings as a person has decided before on the same numbers under the same rule, and
// returns the decisions by finding ID.
func (s *Store) inheritDecisions(ctx context.Context, q *sqlcgen.Queries, id uint32, version int64, findings []etf.Finding, objections [][]objection) (map[string]etf.Decision, error) {
	var sessions []etf.Session
	for i, f := range findings {
		if f.Severity == etf.SeverityError {
			for _, o := range objections[i] {
				sessions = append(sessions, o.session)
			}
		}
	}
	if len(sessions) == 0 {
		return nil, nil
	}
	before, err := errorRows(ctx, q, id, sessions)
	if err != nil {
		return nil, err
	}
	decided := map[string]etf.Decision{}
	for i, f := range findings {
		if f.Severity != etf.SeverityError {
			continue
		}
		model, ok := precedent(f, objections[i], before)
		if !ok {
			continue
		}
		decided[f.ID] = model.decision
		if err := q.InsertDecision(ctx, sqlcgen.InsertDecisionParams{
			FindingID: f.ID, Decision: string(model.decision), DecidedBy: model.by,
			Why: "as decided on finding " + model.finding, DecidedAt: s.now(), DataVersion: version,
		}); err != nil {
			return nil, err
		}
	}
	return decided, nil
}

// precedent returns an earlier decision that covers every row of the finding, if they all agree.
func precedent(f etf.Finding, rows []objection, before map[etf.Session][]ruled) (ruled, bool) {
	var model ruled
	for _, o := range rows {
		match := ruled{}
		for _, r := range before[o.session] {
			if r.rule == f.Rule && r.finding != f.ID && r.decision != etf.Undecided && r.same(o) {
				match = r
				break
			}
		}
		if match.decision == etf.Undecided || (model.decision != etf.Undecided && match.decision != model.decision) {
			return ruled{}, false
		}
		model = match
	}
	return model, model.decision != etf.Undecided
}

// freedSessions are those whose every error-level finding of this fetch has been accepted by precedent.
func freedSessions(findings []etf.Finding, objections [][]objection, decided map[string]etf.Decision) map[etf.Session]bool {
	freed := map[etf.Session]bool{}
	for i, f := range findings {
		if f.Severity != etf.SeverityError {
			continue
		}
		for _, o := range objections[i] {
			open := decided[f.ID] != etf.Accept
			if before, seen := freed[o.session]; seen {
				freed[o.session] = before && !open
			} else {
				freed[o.session] = !open
			}
		}
	}
	return freed
}

// Finding returns one finding; KindNotFound for an unknown ID.
func (s *Store) Finding(ctx context.Context, id string) (etf.Finding, error) {
	f, err := finding(ctx, s.q, id)
	return f, translate(err, "reading a finding")
}

func finding(ctx context.Context, q *sqlcgen.Queries, id string) (etf.Finding, error) {
	row, err := q.GetFinding(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Finding{}, etf.NotFound("id", fmt.Sprintf("there is no finding %q", id), "list the findings")
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

// Findings returns up to limit findings after the given position, newest first, and the position to read on from: zero
// after the last.
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

// withSessions translates rows and adds their sessions, with one statement for all of them.
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
