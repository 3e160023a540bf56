package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// SaveFindings stores the findings in a fetch and the verdicts on its rows: see activities.Findings. In addition to
// that contract, an error-level finding must name every quarantined row, and a finding of a rule that holds rows every held
// one, or nobody could ever release it (KindInvalid). Earlier findings and decisions count (quality.Assess).
func (s *Store) SaveFindings(ctx context.Context, j etf.Judgement) ([]etf.Reported, error) {
	keepAll := true
	for i, v := range j.Verdicts {
		if v > etf.VerdictHold || v == verdictRejected {
			return nil, etf.Invalid(fmt.Sprintf("verdicts[%d]", i), fmt.Sprintf("%d is not a verdict", v), "use keep, quarantine, hold or drop")
		}
		keepAll = keepAll && v == etf.VerdictKeep
	}
	var reported []etf.Reported
	err := s.transaction(ctx, "saving the findings of fetch "+j.Fetch, func(q *writing, tx *sql.Tx) error {
		fetch, turn, err := s.markJudged(ctx, q.Queries, j)
		if err != nil {
			return err
		}
		if len(j.Findings) == 0 && keepAll && turn != judgedAnew {
			if turn == judgedFirst {
				q.validated(fetch, j)
			}
			return nil
		}
		reported, err = s.saveFindings(ctx, q, tx, j, fetch, turn)
		return err
	})
	return reported, err
}

// turn says which judgement of a fetch one is.
type turn int

const (
	judgedBefore turn = iota // this one, or its rows are stored: nothing changes
	judgedFirst
	judgedAnew // it takes the place of one that was made on other grounds
)

// markJudged records that the fetch is judged, and on which grounds. KindConflict with ErrOutdated if those of the judgement have changed.
func (s *Store) markJudged(ctx context.Context, q *sqlcgen.Queries, j etf.Judgement) (fetch sqlcgen.GetFetchRow, t turn, err error) {
	fetch, err = q.GetFetch(ctx, j.Fetch)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fetch, judgedBefore, unknownFetch(j.Fetch)
	case err != nil || fetch.Fetch.PersistedAt.Valid:
		return fetch, judgedBefore, err
	}
	grounds, now := "", sql.NullTime{Time: s.now(), Valid: true}
	if j.Grounds != nil {
		if grounds = groundsHash(*j.Grounds); *j.Grounds != groundsToJudge(fetch) {
			return fetch, judgedBefore, outdated(j.Fetch)
		}
	}
	if fetch.Fetch.JudgedAt.Valid && (grounds == "" || grounds == fetch.Fetch.ResultWriter) {
		return fetch, judgedBefore, nil
	}
	if int(fetch.Fetch.RowCount) != len(j.Verdicts) {
		return fetch, judgedBefore, etf.Invalid("verdicts", fmt.Sprintf("%d verdicts for %d rows of fetch %s", len(j.Verdicts), fetch.Fetch.RowCount, j.Fetch), "give one for each row")
	}
	var n int64
	if fetch.Fetch.JudgedAt.Valid {
		t = judgedAnew
		n, err = q.MarkFetchJudgedAgain(ctx, sqlcgen.MarkFetchJudgedAgainParams{ID: j.Fetch, JudgedAt: now, Grounds: grounds, Before: fetch.Fetch.ResultWriter})
	} else {
		t = judgedFirst
		n, err = q.MarkFetchJudged(ctx, sqlcgen.MarkFetchJudgedParams{ID: j.Fetch, Rows: int32(len(j.Verdicts)), JudgedAt: now, Grounds: grounds}) //nolint:gosec // at most a century of rows
	}
	if err == nil && n != 1 {
		err = errLost
	}
	return fetch, t, err
}

// saveFindings stores what is new unless the fetch was judged before, and returns what the judgement reports.
func (s *Store) saveFindings(ctx context.Context, q *writing, tx *sql.Tx, j etf.Judgement, fetch sqlcgen.GetFetchRow, t turn) ([]etf.Reported, error) {
	staged, err := q.ListStagedBars(ctx, j.Fetch)
	if err != nil || t == judgedBefore && len(staged) != len(j.Verdicts) {
		return nil, err // a repeat after the rows were stored
	}
	bars := stagedBars(staged)
	found, err := quality.WithRows(j, bars)
	if err != nil {
		return nil, err
	}
	before, err := casesOn(ctx, q.Queries, fetch.Fetch.EtfID, sessionsNamed(found, fetch.Bars > 0 || t == judgedAnew))
	if err != nil {
		return nil, err
	}
	assessed := quality.Assess(found, before, j.Verdicts, bars)
	fresh, err := unknown(ctx, q.Queries, assessed)
	if err != nil || t == judgedBefore {
		return assessed.Reported, err
	}
	q.validated(fetch, j)
	if err := s.insertFindings(ctx, q, tx, fetch, fresh); err != nil {
		return nil, err
	}
	proposing := assessed.Proposing
	if t == judgedAnew {
		own, err := s.withdraw(ctx, q, fetch, assessed.Reported)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if slices.Contains(own, f.ID) && !slices.ContainsFunc(proposing, func(p quality.FindingWithRows) bool { return p.ID == f.ID }) {
				proposing = append(proposing, f)
			}
		}
	}
	if err := saveProposals(ctx, q.Queries, fetch, proposing); err != nil {
		return nil, err
	}
	for _, id := range assessed.Reopen {
		if err := s.takeBack(ctx, q, id, etf.DecisionRecord{
			Decision: etf.Reopened, By: "source:" + fetch.Fetch.Source, Why: "the same numbers are in fetch " + j.Fetch, DataVersion: fetch.DataVersion,
		}); err != nil {
			return nil, err
		}
	}
	var changed []rowVerdict
	for i, v := range assessed.Verdicts {
		if v != etf.VerdictKeep || t == judgedAnew { // which is what staging sets
			changed = append(changed, rowVerdict{staged[i].Ordinal, v})
		}
	}
	return assessed.Reported, setVerdicts(ctx, q.Queries, j.Fetch, changed)
}

// withdraw settles the findings that an earlier judgement of the fetch has made, which nobody has decided on, this one does not report, and that
// keep out no bar that another fetch has stored with the same prices. It returns the IDs of all that earlier ones have made.
func (s *Store) withdraw(ctx context.Context, q *writing, fetch sqlcgen.GetFetchRow, reported []etf.Reported) ([]string, error) {
	rows, err := q.ListFindingsOfFetch(ctx, sqlcgen.ListFindingsOfFetchParams{EtfID: fetch.Fetch.EtfID, FetchID: fetch.Fetch.ID})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var own, over []string
	for i, r := range rows {
		if i > 0 && rows[i-1].ID == r.ID {
			continue
		}
		own = append(own, r.ID)
		f := etf.Finding{Rule: r.Rule, Severity: etf.Severity(r.Severity), Sessions: []etf.Session{etf.Session(r.Session)}}
		if quality.Asks(f) && !slices.ContainsFunc(reported, func(now etf.Reported) bool { return now.Finding.ID == r.ID }) {
			over = append(over, r.ID)
		}
	}
	decided, err := inForce(ctx, q.Queries, over)
	if err != nil {
		return nil, err
	}
	keeps, err := s.keepingOut(ctx, q, fetch, over)
	if err != nil {
		return nil, err
	}
	for _, id := range over {
		if _, ok := decided[id]; ok || keeps[id] {
			continue
		}
		if err := s.enter(ctx, q, id, etf.DecisionRecord{
			Decision: etf.Superseded, By: settledBy, DataVersion: fetch.DataVersion,
			Why: "the rows of fetch " + fetch.Fetch.ID + " were judged again, after what they are judged by had changed",
		}); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// keepingOut returns those of the findings that name a stored bar, with its prices, that is not in use. It locks the ETF, so that none is stored
// meanwhile.
func (s *Store) keepingOut(ctx context.Context, q *writing, fetch sqlcgen.GetFetchRow, findings []string) (map[string]bool, error) {
	if len(findings) == 0 {
		return nil, nil
	}
	now, err := q.GetFetchToPersist(ctx, fetch.Fetch.ID)
	if err == nil && groundsToPersist(now).Version != groundsToJudge(fetch).Version {
		err = errLost
	}
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf(ctx, q.Queries, findings)
	if err != nil {
		return nil, err
	}
	keeps := map[string]bool{}
	for id, named := range rows {
		stored, err := barsOn(ctx, q.Queries, fetch.Fetch.EtfID, sessionsOf(named))
		if err != nil {
			return nil, err
		}
		keeps[id] = len(quality.AcceptRows(named, stored, 0).Release) > 0
	}
	return keeps, nil
}

// unknown returns the findings to be stored that are not stored yet, and marks the others as reported before.
func unknown(ctx context.Context, q *sqlcgen.Queries, a quality.Assessment) ([]quality.FindingWithRows, error) {
	if len(a.Store) == 0 {
		return nil, nil
	}
	ids := make([]string, len(a.Store))
	for i, f := range a.Store {
		ids[i] = f.ID
	}
	known, err := q.ListKnownFindings(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range a.Reported {
		a.Reported[i].New = a.Reported[i].New && !slices.Contains(known, a.Reported[i].Finding.ID)
	}
	var fresh []quality.FindingWithRows
	for i, f := range a.Store {
		if !slices.Contains(known, f.ID) && !slices.Contains(ids[:i], f.ID) {
			fresh = append(fresh, f)
		}
	}
	return fresh, nil
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

func (s *Store) insertFindings(ctx context.Context, q *writing, tx *sql.Tx, fetch sqlcgen.GetFetchRow, found []quality.FindingWithRows) error {
	head := inserter{ctx: ctx, tx: tx, into: "INSERT INTO findings (id, etf_id, fetch_id, rule, severity, evidence, found_at)"}
	rows := inserter{ctx: ctx, tx: tx, into: "INSERT INTO finding_rows (etf_id, finding_id, session, staged, open, high, low, close, adj_close, volume)"}
	id := fetch.Fetch.EtfID
	for _, f := range found {
		at := f.FoundAt
		if at.IsZero() {
			at = s.now()
		}
		q.emit(etf.EventFindingReported, f.ID, map[string]any{"rule": f.Rule, "severity": f.Severity})
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

// sessionsNamed returns the sessions that findings name: those that people are asked about or, with all, every one. A session
// may occur more than once.
func sessionsNamed(found []quality.FindingWithRows, all bool) []etf.Session {
	var sessions []etf.Session
	for _, f := range found {
		if all || quality.Asks(f.Finding) {
			for _, r := range f.Rows {
				sessions = append(sessions, r.Session)
			}
		}
	}
	return sessions
}

// inBatches calls do with at most a thousand of the sessions at a time.
func inBatches(sessions []etf.Session, do func([]column.Session) error) error {
	for part := range slices.Chunk(sessions, 1000) {
		if err := do(columns(part)); err != nil {
			return err
		}
	}
	return nil
}

// casesOn reads every row that a finding names on these sessions.
func casesOn(ctx context.Context, q *sqlcgen.Queries, id uint32, sessions []etf.Session) (quality.Cases, error) {
	sessions = slices.Clone(sessions)
	slices.Sort(sessions)
	cases := quality.Cases{}
	var ids []string
	err := inBatches(slices.Compact(sessions), func(part []column.Session) error {
		rows, err := q.ListCases(ctx, sqlcgen.ListCasesParams{EtfID: id, Sessions: part})
		for _, r := range rows {
			row := namedRow(r.FindingRow)
			cases[row.Session] = append(cases[row.Session], quality.Case{
				NamedRow: row, Finding: r.FindingRow.FindingID, Rule: r.Rule, Severity: etf.Severity(r.Severity),
			})
			ids = append(ids, r.FindingRow.FindingID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	decided, err := inForce(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	for _, list := range cases {
		for i := range list {
			d := decided[list[i].Finding]
			list[i].Decision, list[i].By = etf.Decision(d.Decision), d.DecidedBy
		}
	}
	return cases, nil
}

// inForce reads the decisions in force on the findings; an ID may occur more than once.
func inForce(ctx context.Context, q *sqlcgen.Queries, findings []string) (map[string]sqlcgen.ListDecisionsInForceRow, error) {
	decided := map[string]sqlcgen.ListDecisionsInForceRow{}
	findings = slices.Clone(findings)
	slices.Sort(findings)
	for part := range slices.Chunk(slices.Compact(findings), 1000) {
		rows, err := q.ListDecisionsInForce(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			decided[r.FindingID] = r
		}
	}
	return decided, nil
}

// barsOn reads the stored bars of these sessions.
func barsOn(ctx context.Context, q *sqlcgen.Queries, id uint32, sessions []etf.Session) ([]etf.StoredBar, error) {
	var bars []etf.StoredBar
	err := inBatches(sessions, func(part []column.Session) error {
		rows, err := q.ListBarsOfSessions(ctx, sqlcgen.ListBarsOfSessionsParams{EtfID: id, Sessions: part})
		for _, b := range rows {
			bars = append(bars, storedBar(b))
		}
		return err
	})
	return bars, err
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
	p := sqlcgen.ListFindingsOfETFParams{
		BeforeAt: startOf(after), BeforeID: after.ID, Exchange: string(filter.Exchange), Rule: filter.Rule, Severity: string(filter.Severity),
		Decided: bit(filter.Decided), Undecided: bit(filter.Undecided), Holding: quality.HoldingRules(),
		BySession: bit(filter.Sessions != (etf.Window{})), FromSession: column.Session(firstDate), ToSession: column.Session(lastSession),
		Limit: int32(limit + 1),
	}
	if !filter.Sessions.From.IsZero() {
		p.FromSession = column.Session(filter.Sessions.From)
	}
	if !filter.Sessions.To.IsZero() {
		p.ToSession = column.Session(filter.Sessions.To)
	}
	var rows []sqlcgen.GetFindingRow
	if filter.Symbol == "" {
		list, err := s.q.ListFindings(ctx, sqlcgen.ListFindingsParams{
			BeforeAt: p.BeforeAt, BeforeID: p.BeforeID, Exchange: p.Exchange, Rule: p.Rule, Severity: p.Severity, Decided: p.Decided, Undecided: p.Undecided,
			Holding: p.Holding, BySession: p.BySession, FromSession: p.FromSession, ToSession: p.ToSession, Limit: p.Limit,
		})
		if err != nil {
			return nil, next, translate(err, "listing findings")
		}
		for _, r := range list {
			rows = append(rows, sqlcgen.GetFindingRow(r))
		}
	} else {
		if p.EtfID, err = s.idOf(ctx, filter.Symbol); err != nil {
			return nil, next, err
		}
		if filter.AsOf.Given {
			page, next, err = s.findingsAt(ctx, p, filter.AsOf)
			return page, next, translate(err, "listing earlier findings of "+string(filter.Symbol))
		}
		list, err := s.q.ListFindingsOfETF(ctx, p)
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

// bit is a condition as SQL compares it.
func bit(condition bool) int {
	if condition {
		return 1
	}
	return 0
}

// OldestUndecided returns the finding that has waited longest for a decision, of one ETF or, with an empty symbol, of all;
// KindNotFound if none waits.
func (s *Store) OldestUndecided(ctx context.Context, symbol etf.Symbol) (etf.Finding, error) {
	p := sqlcgen.GetOldestUndecidedParams{Holding: quality.HoldingRules()}
	if symbol != "" {
		var err error
		if p.EtfID, err = s.idOf(ctx, symbol); err != nil {
			return etf.Finding{}, err
		}
	}
	id, err := s.q.GetOldestUndecided(ctx, p)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Finding{}, etf.NotFound("", "no finding waits for a decision", "there is nothing to do")
	}
	if err != nil {
		return etf.Finding{}, translate(err, "looking for the oldest finding")
	}
	return s.Finding(ctx, id)
}

// FindingRecord returns a finding with its rows and decisions; KindNotFound for an unknown ID.
func (s *Store) FindingRecord(ctx context.Context, id string) (etf.FindingRecord, error) {
	r, err := findingRecord(ctx, s.q, id)
	return r, translate(err, "reading a finding")
}

func findingRecord(ctx context.Context, q *sqlcgen.Queries, id string) (etf.FindingRecord, error) {
	f, err := finding(ctx, q, id)
	if err != nil {
		return etf.FindingRecord{}, err
	}
	record := etf.FindingRecord{Finding: f, Rows: []etf.FoundRow{}}
	switch p, err := q.GetProposal(ctx, id); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return etf.FindingRecord{}, err
	default:
		a := proposedAction(p)
		record.Proposal = &a
	}
	rows, err := rowsOf(ctx, q, []string{id})
	if err != nil {
		return etf.FindingRecord{}, err
	}
	second, err := secondOpinion(ctx, q, f.Fetch)
	if err != nil {
		return etf.FindingRecord{}, err
	}
	for _, r := range rows[id] {
		found := etf.FoundRow{Session: r.Session, Second: second.Row(r.Session)}
		if r.Staged {
			bar := r.Bar
			found.Row = &bar
		}
		record.Rows = append(record.Rows, found)
	}
	decided, err := decisionsOf(ctx, q, []string{id})
	record.Decisions = append([]etf.DecisionRecord{}, decided[id]...)
	return record, err
}

// decisionsOf reads the decisions on each of the findings, oldest first.
func decisionsOf(ctx context.Context, q *sqlcgen.Queries, findings []string) (map[string][]etf.DecisionRecord, error) {
	list, err := q.ListDecisions(ctx, findings)
	if err != nil {
		return nil, err
	}
	decisions := map[string][]etf.DecisionRecord{}
	for _, d := range list {
		r := etf.DecisionRecord{
			Number: int(d.Number), InForce: d.InForce, Decision: etf.Decision(d.Decision), By: d.DecidedBy, Why: d.Why, Key: d.RequestKey,
			Run: etf.RunID(d.RunID), At: d.DecidedAt, DataVersion: d.DataVersion, RowsChanged: int(d.RowsChanged),
		}
		if d.Details != "" {
			var details decisionDetails
			if err := json.Unmarshal([]byte(d.Details), &details); err != nil {
				return nil, etf.Wrapf(etf.KindCorrupt, err, "the details of decision %d on %s can't be read", d.Number, d.FindingID)
			}
			r.Values, r.Sessions = details.Values, details.Sessions
		}
		decisions[d.FindingID] = append(decisions[d.FindingID], r)
	}
	return decisions, nil
}

// Retracted returns, by forecast, the findings whose decision says that prices it was made from are wrong; forecasts without
// one are left out.
func (s *Store) Retracted(ctx context.Context, forecasts []string) (map[string][]string, error) {
	if len(forecasts) == 0 {
		return nil, nil
	}
	list, err := s.q.ListRetractions(ctx, forecasts)
	if err != nil {
		return nil, translate(err, "reading the forecasts' marks")
	}
	lifted := map[[2]string]bool{}
	for _, m := range list {
		if m.Mark == markReinstated {
			lifted[[2]string{m.ForecastID, m.CauseID}] = true
		}
	}
	marks := map[string][]string{}
	for _, m := range list {
		finding, _, _ := strings.Cut(m.CauseID, "#")
		if m.Mark != markReinstated && !lifted[[2]string{m.ForecastID, m.CauseID}] && !slices.Contains(marks[m.ForecastID], finding) {
			marks[m.ForecastID] = append(marks[m.ForecastID], finding)
		}
	}
	return marks, nil
}

// markReinstated is the mark of a forecast whose prices are no longer taken for wrong; MarkForecasts sets "retracted".
const markReinstated = "reinstated"

// decisionDetails is the column decisions.details.
type decisionDetails struct {
	Values   []etf.Bar     `json:"values,omitempty"`
	Sessions []etf.Session `json:"sessions,omitempty"`
}

// withSessions converts rows and adds their decisions and sessions, with one statement each for all of them.
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
			FoundAt: r.Finding.FoundAt,
		}
	}
	decided, err := inForce(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	for i := range list {
		d := decided[list[i].ID]
		list[i].Decision, list[i].By, list[i].Why = etf.Decision(d.Decision), d.DecidedBy, d.Why
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
