package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Decide records a person's decision on a finding, or takes one back: see activities.Findings. It also settles duplicates of
// the finding (quality.DuplicateCandidates), which only releases before 0.2 made, and findings that the change of bars leaves
// nothing to decide on (quality.Moot). An accepted row stays quarantined while another rule blocks it (quality.Unblocked).
func (s *Store) Decide(ctx context.Context, r etf.Ruling) (etf.Finding, error) {
	if r.Decision != etf.Undo && !slices.Contains(etf.Decisions(), r.Decision) {
		return etf.Finding{}, etf.Invalid("decision", fmt.Sprintf("%q is not a decision", r.Decision), "use accept, reject, replace, refetch, retract or undo")
	}
	if r.By == "" {
		return etf.Finding{}, etf.Invalid("by", "the decision names no person", "name the person who decides")
	}
	// The fetch is read first, so that the transaction begins with its lock and sees everything that was written before.
	head, err := finding(ctx, s.q, r.Finding)
	if err != nil {
		return etf.Finding{}, translate(err, "reading a finding")
	}
	var result etf.Finding
	err = s.transaction(ctx, "deciding finding "+r.Finding, func(q *writing, _ *sql.Tx) error {
		fetch, err := q.GetFetchToPersist(ctx, head.Fetch) // locks it, as Persist does
		if err != nil {
			return err
		}
		q.concerns(fetch.Exchange, fetch.Symbol, r.Run)
		record, err := findingRecord(ctx, q.Queries, r.Finding)
		if err != nil {
			return err
		}
		settled, changed, err := quality.Settle(record.Finding, record.Decisions, r)
		result = settled
		if err != nil || !changed {
			return err
		}
		if err := quality.Decidable(record.Finding, r.Decision); err != nil {
			return err
		}
		d := &deciding{
			store: s, q: q, ruling: r, fetch: fetch, before: record.Decisions, old: seriesOf(fetch), to: seriesOf(fetch),
			finding: quality.FindingWithRows{Finding: settled, Rows: quality.RowsOf(record)},
		}
		if err := d.decide(ctx); err != nil {
			return err
		}
		return d.keepGrounds(ctx)
	})
	if err == nil && r.Decision == etf.Accept {
		err = s.releaseAccepted(ctx, head.Symbol)
	}
	return result, err
}

// deciding is the state of one decision.
type deciding struct {
	store   *Store
	q       *writing
	ruling  etf.Ruling
	finding quality.FindingWithRows
	fetch   sqlcgen.GetFetchToPersistRow // the finding's
	before  []etf.DecisionRecord         // on the finding
	old, to series
	changed int // bars
}

func (d *deciding) decide(ctx context.Context) error {
	id := d.old.id
	cases, err := casesOn(ctx, d.q.Queries, id, d.finding.Sessions)
	if err != nil {
		return err
	}
	stored, err := barsOn(ctx, d.q.Queries, id, d.finding.Sessions)
	if err != nil {
		return err
	}
	also, err := d.duplicates(ctx, cases)
	if err != nil {
		return err
	}
	version := int64(0)
	if d.fetch.PersistedAt.Valid {
		version = d.fetch.ResultVersion
	}
	source, putFetch := d.fetch.Source, d.finding.Fetch
	var changes quality.BarChanges
	switch d.ruling.Decision {
	case etf.Accept:
		rows := quality.Unblocked(d.finding, cases)
		if err := d.ruleStaged(ctx, etf.VerdictKeep, rows); err != nil {
			return err
		}
		changes = quality.AcceptRows(rows, stored, version)
	case etf.Reject:
		if err := d.ruleStaged(ctx, etf.VerdictQuarantine, d.finding.Rows); err != nil {
			return err
		}
		changes = quality.RejectRows(d.finding.Rows, stored)
	case etf.Retract:
		if changes, err = d.retracted(stored, version); err != nil {
			return err
		}
	case etf.Replace:
		if err := d.ruleStaged(ctx, etf.VerdictQuarantine, d.finding.Rows); err != nil {
			return err
		}
		if changes, err = d.replaced(stored); err != nil {
			return err
		}
		source = etf.SourcePerson
		if putFetch, err = d.personsFetch(ctx, changes.Put); err != nil {
			return err
		}
	case etf.Undo:
		if err := d.undo(ctx); err != nil {
			return err
		}
	}
	if err := d.change(ctx, changes, stored, source, putFetch); err != nil {
		return err
	}
	if err := d.record(ctx, also); err != nil || d.changed == 0 {
		return err
	}
	return d.store.settle(ctx, d.q, id, d.to.version.Number, d.ruling.By, "")
}

// keepGrounds makes the verdicts on other fetches outdated, but not those of the finding's own fetch if its rows have not been stored: the
// decision is about them, and has changed them (ruleStaged).
func (d *deciding) keepGrounds(ctx context.Context) error {
	g := groundsToPersist(d.fetch)
	before := groundsHash(g)
	if g.Version = d.to.version; d.to.version == d.old.version {
		var err error
		if g.Change, err = d.store.changeGrounds(ctx, d.q, d.old.id); err != nil {
			return err
		}
	}
	if d.fetch.PersistedAt.Valid || d.fetch.ResultWriter != before {
		return nil
	}
	n, err := d.q.SetFetchGrounds(ctx, sqlcgen.SetFetchGroundsParams{ID: d.finding.Fetch, Before: before, Grounds: groundsHash(g)})
	if err == nil && n != 1 {
		err = errLost
	}
	return err
}

// ruleStaged sets the verdict on rows that are still staged. A decision may come before they are stored.
func (d *deciding) ruleStaged(ctx context.Context, v etf.Verdict, rows []quality.NamedRow) error {
	if d.fetch.PersistedAt.Valid || len(rows) == 0 {
		return nil
	}
	return d.q.RuleStagedRows(ctx, sqlcgen.RuleStagedRowsParams{Verdict: uint8(v), FetchID: d.finding.Fetch, Sessions: columns(sessionsOf(rows))})
}

func (d *deciding) retracted(stored []etf.StoredBar, version int64) (quality.BarChanges, error) {
	rows := d.finding.Rows
	if only := d.ruling.Sessions; len(only) > 0 {
		for _, session := range only {
			if !slices.Contains(d.finding.Sessions, session) {
				return quality.BarChanges{}, notNamed("sessions", d.finding.ID, session)
			}
		}
		rows = slices.DeleteFunc(slices.Clone(rows), func(r quality.NamedRow) bool { return !slices.Contains(only, r.Session) })
	}
	changes := quality.RetractRows(rows, stored, version)
	if len(changes.Quarantine) == 0 {
		return changes, etf.Invalid("finding", fmt.Sprintf("no bar in use has the numbers that %s names", d.finding.ID), "`etfcast finding show "+d.finding.ID+"` shows what is stored; a bar that is kept out already needs no retraction")
	}
	return changes, nil
}

func (d *deciding) replaced(stored []etf.StoredBar) (quality.BarChanges, error) {
	if len(d.ruling.Values) == 0 {
		return quality.BarChanges{}, etf.Invalid("values", "no value is given", "give the session's close at least")
	}
	var changes quality.BarChanges
	for _, v := range d.ruling.Values {
		v, err := quality.Complete(v)
		if err != nil {
			return quality.BarChanges{}, err
		}
		if !slices.Contains(d.finding.Sessions, v.Session) {
			return quality.BarChanges{}, notNamed("values.session", d.finding.ID, v.Session)
		}
		if slices.ContainsFunc(changes.Put, func(b etf.Bar) bool { return b.Session == v.Session }) {
			return quality.BarChanges{}, etf.Invalid("values.session", fmt.Sprintf("%s has two values", v.Session), "give one for each session")
		}
		changes.Put = append(changes.Put, v)
	}
	// A held row that gets no value is as wrong as the others.
	for _, session := range quality.RejectRows(d.finding.Rows, stored).Quarantine {
		if !slices.ContainsFunc(changes.Put, func(b etf.Bar) bool { return b.Session == session }) {
			changes.Quarantine = append(changes.Quarantine, session)
		}
	}
	return changes, nil
}

func notNamed(field, finding string, session etf.Session) error {
	return etf.Invalid(field, fmt.Sprintf("%s does not name the session %s", finding, session), "`etfcast finding show "+finding+"` lists its sessions")
}

// personsFetch records the values a person gives as a fetch, so that the bars name where they come from.
func (d *deciding) personsFetch(ctx context.Context, bars []etf.Bar) (id string, err error) {
	raw, err := json.Marshal(bars)
	if err != nil {
		return "", err
	}
	body, err := compress(raw)
	if err != nil {
		return "", err
	}
	now := d.store.now()
	sum := sha256.Sum256(raw)
	basis := d.old.basis
	if d.old.bars == 0 {
		basis = d.fetch.Basis
	}
	first, last := bars[0].Session, bars[0].Session
	for _, b := range bars {
		first, last = min(first, b.Session), max(last, b.Session)
	}
	id = newWriter()
	at := sql.NullTime{Time: now, Valid: true}
	n, err := d.q.InsertFetch(ctx, sqlcgen.InsertFetchParams{
		ID: id, Symbol: d.fetch.Symbol, Source: etf.SourcePerson, WindowFrom: column.Session(first), WindowTo: column.Session(last),
		Request: "replace on finding " + d.finding.ID + " by " + d.ruling.By, MediaType: "application/json", RawHash: hex.EncodeToString(sum[:]),
		Basis: basis, RowCount: int32(len(bars)), FetchedAt: now, JudgedAt: at,
	})
	if err != nil || n != 1 {
		return "", errors.Join(err, errLost)
	}
	if err := d.q.InsertFetchBody(ctx, sqlcgen.InsertFetchBodyParams{FetchID: id, Encoding: "gzip", Size: int32(len(raw)), StoredAt: now, Body: body}); err != nil {
		return "", err
	}
	d.begin()
	return id, markPersisted(ctx, d.q.Queries, id, now, etf.Persisted{New: len(bars), DataVersion: d.to.version, KnownFrom: d.to.knownFrom})
}

// begin makes the data version that the decision creates, once.
func (d *deciding) begin() {
	if d.to.version == d.old.version {
		d.to.version, d.to.knownFrom = d.old.next(d.store.now())
	}
}

// change applies changes to the stored bars and advances the data version.
func (d *deciding) change(ctx context.Context, c quality.BarChanges, stored []etf.StoredBar, source, fetch string) error {
	sessions := c.Sessions()
	if len(sessions) == 0 {
		return nil
	}
	d.begin()
	bars := map[etf.Session]etf.StoredBar{}
	var existing, replaced []etf.Session
	for _, b := range stored {
		if slices.Contains(sessions, b.Session) {
			bars[b.Session] = b
			existing = append(existing, b.Session)
		}
	}
	if err := d.archive(ctx, existing); err != nil {
		return err
	}
	if len(c.Release) > 0 {
		if _, err := d.q.ReleaseBars(ctx, sqlcgen.ReleaseBarsParams{
			EtfID: d.old.id, DataVersion: d.to.version.Number, KnownFrom: d.to.knownFrom, Sessions: columns(c.Release),
		}); err != nil {
			return err
		}
	}
	if len(c.Quarantine) > 0 {
		if _, err := d.q.QuarantineBars(ctx, sqlcgen.QuarantineBarsParams{
			EtfID: d.old.id, DataVersion: d.to.version.Number, KnownFrom: d.to.knownFrom, Sessions: columns(c.Quarantine),
		}); err != nil {
			return err
		}
	}
	for _, b := range c.Put {
		if _, ok := bars[b.Session]; ok {
			replaced = append(replaced, b.Session)
		}
	}
	if len(replaced) > 0 {
		if _, err := d.q.DeleteBars(ctx, sqlcgen.DeleteBarsParams{EtfID: d.old.id, Sessions: columns(replaced)}); err != nil {
			return err
		}
	}
	basis := d.old.basis
	if d.old.bars == 0 {
		basis = d.fetch.Basis
	}
	for _, b := range c.Put {
		if err := d.q.PutBar(ctx, sqlcgen.PutBarParams{
			EtfID: d.old.id, Session: column.Session(b.Session), Open: column.Price(b.Open), High: column.Price(b.High), Low: column.Price(b.Low),
			Close: column.Price(b.Close), AdjClose: column.OptionalPrice(b.AdjClose), Volume: column.Volume(b.Volume), Basis: basis,
			Source: source, FetchID: fetch, DataVersion: d.to.version.Number, KnownFrom: d.to.knownFrom,
		}); err != nil {
			return err
		}
	}
	put := map[etf.Session]etf.Bar{}
	for _, b := range c.Put {
		put[b.Session] = b
		if _, ok := bars[b.Session]; ok {
			continue
		}
		d.to.basis = basis
		if d.to.bars == 0 {
			d.to.first = b.Session
		}
		d.to.first, d.to.last = min(d.to.first, b.Session), max(d.to.last, b.Session)
		d.to.bars++
	}
	for session, b := range bars {
		if b.Quarantined {
			d.to.quarantined--
		}
		if slices.Contains(c.Quarantine, session) {
			d.to.quarantined++
		}
		if now, ok := put[session]; quality.InUse(b) && (!ok || now.Close != b.Close) {
			if err := d.markForecasts(ctx, b); err != nil {
				return err
			}
		}
	}
	d.changed += len(sessions)
	return advance(ctx, d.q.Queries, d.old, d.to, cause{causeDecision, d.finding.ID})
}

func (d *deciding) archive(ctx context.Context, sessions []etf.Session) error {
	if len(sessions) == 0 {
		return nil
	}
	n, err := d.q.ArchiveBars(ctx, sqlcgen.ArchiveBarsParams{
		EtfID: d.old.id, KnownTo: d.to.knownFrom, SupersededBy: d.to.version.Number, Sessions: columns(sessions),
	})
	if err == nil && int(n) != len(sessions) {
		err = fmt.Errorf("%d bars archived, but %d change", n, len(sessions))
	}
	return err
}

// markForecasts marks the forecasts made from data that had the bar's close: while the bar, or an earlier one of its session
// with the same close, was in use.
func (d *deciding) markForecasts(ctx context.Context, b etf.StoredBar) error {
	mark := func(first, past int64) error {
		_, err := d.q.MarkForecasts(ctx, sqlcgen.MarkForecastsParams{
			CauseID: d.markCause(d.number()), MarkedAt: d.to.knownFrom, EtfID: d.old.id, Session: column.Session(b.Session), First: first, Past: past,
		})
		return err
	}
	if err := mark(b.DataVersion, d.to.version.Number); err != nil {
		return err
	}
	revisions, err := d.q.ListRevisions(ctx, sqlcgen.ListRevisionsParams{EtfID: d.old.id, Session: column.Session(b.Session)})
	if err != nil {
		return err
	}
	for _, r := range revisions {
		if old := revisedBar(r); quality.InUse(old) && old.Close == b.Close && old.DataVersion < b.DataVersion {
			if err := mark(old.DataVersion, r.SupersededBy); err != nil {
				return err
			}
		}
	}
	return nil
}

// number is that of the decision being recorded.
func (d *deciding) number() int { return len(d.before) + 1 }

func (d *deciding) markCause(number int) string { return fmt.Sprintf("%s#%d", d.finding.ID, number) }

// undo restores the bars that the decision in force has changed, unless a later response or decision has changed them since.
func (d *deciding) undo(ctx context.Context) error {
	i := slices.IndexFunc(d.before, func(r etf.DecisionRecord) bool { return r.InForce })
	if i < 0 {
		return errLost
	}
	made := d.before[i]
	verdict := etf.VerdictQuarantine
	if d.finding.Severity != etf.SeverityError {
		verdict = etf.VerdictHold
	}
	if made.Decision != etf.Retract {
		if err := d.ruleStaged(ctx, verdict, d.finding.Rows); err != nil {
			return err
		}
	}
	if made.RowsChanged == 0 {
		return d.undoEarly(ctx, made)
	}
	id := d.old.id
	if _, err := d.q.ReinstateForecasts(ctx, sqlcgen.ReinstateForecastsParams{MarkedAt: d.store.now(), EtfID: id, CauseID: d.markCause(made.Number)}); err != nil {
		return err
	}
	written, err := d.q.ListBarsOfVersion(ctx, sqlcgen.ListBarsOfVersionParams{EtfID: id, DataVersion: made.DataVersion})
	if err != nil || len(written) == 0 {
		return err
	}
	superseded, err := d.q.ListSupersededBars(ctx, sqlcgen.ListSupersededBarsParams{EtfID: id, SupersededBy: made.DataVersion})
	if err != nil {
		return err
	}
	previous := map[etf.Session]etf.StoredBar{}
	for _, r := range superseded {
		previous[etf.Session(r.Session)] = revisedBar(r)
	}
	d.begin()
	var all, restored []etf.Session
	for _, w := range written {
		now := storedBar(w)
		was, ok := previous[now.Session]
		all = append(all, now.Session)
		if ok {
			restored = append(restored, now.Session)
		} else {
			d.to.bars--
		}
		d.to.quarantined += bit(was.Quarantined) - bit(now.Quarantined)
		if quality.InUse(now) && (!ok || !quality.InUse(was) || was.Close != now.Close) {
			if err := d.markForecasts(ctx, now); err != nil {
				return err
			}
		}
	}
	if err := d.archive(ctx, all); err != nil {
		return err
	}
	if _, err := d.q.DeleteBars(ctx, sqlcgen.DeleteBarsParams{EtfID: id, Sessions: columns(all)}); err != nil {
		return err
	}
	if len(restored) > 0 {
		if _, err := d.q.RestoreBars(ctx, sqlcgen.RestoreBarsParams{
			DataVersion: d.to.version.Number, KnownFrom: d.to.knownFrom, EtfID: id, SupersededBy: made.DataVersion, Sessions: columns(restored),
		}); err != nil {
			return err
		}
	}
	if len(restored) < len(all) {
		span, err := d.q.GetSpan(ctx, id)
		if err != nil {
			return err
		}
		d.to.first, d.to.last = etf.Session(span.FirstSession), etf.Session(span.LastSession)
		if d.to.bars == 0 {
			d.to.basis = ""
		}
	}
	d.changed = len(all)
	return advance(ctx, d.q.Queries, d.old, d.to, cause{causeDecision, d.finding.ID})
}

// undoEarly keeps out what an acceptance has let in that came before the finding's rows were stored.
func (d *deciding) undoEarly(ctx context.Context, made etf.DecisionRecord) error {
	stored := d.fetch.ResultVersion
	if made.Decision != etf.Accept || !d.fetch.PersistedAt.Valid || made.DataVersion >= stored {
		return nil
	}
	bars, err := barsOn(ctx, d.q.Queries, d.old.id, d.finding.Sessions)
	if err != nil {
		return err
	}
	// A bar that was in use before is not so because of the decision.
	bars = slices.DeleteFunc(bars, func(b etf.StoredBar) bool { return b.DataVersion < stored })
	return d.change(ctx, quality.RetractRows(d.finding.Rows, bars, 0), bars, d.fetch.Source, d.finding.Fetch)
}

// record writes the decision, on the finding and on its duplicates.
func (d *deciding) record(ctx context.Context, also []string) error {
	r := etf.DecisionRecord{
		Decision: d.ruling.Decision, By: d.ruling.By, Why: d.ruling.Why, Key: d.ruling.Key, Values: d.ruling.Values, Sessions: d.ruling.Sessions,
		Run: d.ruling.Run, DataVersion: d.to.version.Number, RowsChanged: d.changed,
	}
	write := d.store.enter
	if r.Decision == etf.Undo {
		write = d.store.takeBack
	}
	if err := write(ctx, d.q, d.finding.ID, r); err != nil {
		return err
	}
	r.Why, r.Key, r.Values, r.Sessions, r.RowsChanged = asDecidedOn(d.finding.ID), "", nil, nil, 0
	for _, id := range also {
		if err := write(ctx, d.q, id, r); err != nil {
			return err
		}
	}
	return nil
}

// enter adds a decision that is in force to a finding's list.
func (s *Store) enter(ctx context.Context, q *writing, finding string, r etf.DecisionRecord) error {
	r.InForce = true
	return s.insertDecision(ctx, q, finding, r)
}

// takeBack ends the decision in force and adds the entry that says so.
func (s *Store) takeBack(ctx context.Context, q *writing, finding string, r etf.DecisionRecord) error {
	n, err := q.EndDecision(ctx, finding)
	if err != nil {
		return err
	}
	if n != 1 {
		return errLost
	}
	return s.insertDecision(ctx, q, finding, r)
}

// insertDecision numbers the entry: two transactions that add one to the same finding collide.
func (s *Store) insertDecision(ctx context.Context, q *writing, finding string, r etf.DecisionRecord) error {
	before, err := q.ListDecisions(ctx, []string{finding})
	if err != nil {
		return err
	}
	details := ""
	if len(r.Values)+len(r.Sessions) > 0 {
		text, err := json.Marshal(decisionDetails{Values: r.Values, Sessions: r.Sessions})
		if err != nil {
			return err
		}
		details = string(text)
	}
	q.emit(etf.EventFindingDecided, finding, map[string]any{"decision": r.Decision, "by": r.By, "rows_changed": r.RowsChanged})
	return q.InsertDecision(ctx, sqlcgen.InsertDecisionParams{
		FindingID: finding, Number: int32(len(before) + 1), InForce: r.InForce, Decision: string(r.Decision), DecidedBy: r.By, Why: r.Why,
		RequestKey: r.Key, Details: details, RunID: string(r.Run), DecidedAt: s.now(), DataVersion: r.DataVersion, RowsChanged: int32(r.RowsChanged),
	})
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

// duplicates returns the other findings that the decision is about: undecided ones on the same rows or, if a decision is
// taken back, those that it settled.
func (d *deciding) duplicates(ctx context.Context, cases quality.Cases) ([]string, error) {
	if d.ruling.Decision != etf.Undo {
		candidates := quality.DuplicateCandidates(d.finding, cases)
		if len(candidates) == 0 {
			return nil, nil
		}
		rows, err := rowsOf(ctx, d.q.Queries, candidates)
		return slices.DeleteFunc(candidates, func(id string) bool { return !d.finding.Covers(rows[id]) }), err
	}
	var others []string
	for _, list := range cases {
		for _, c := range list {
			if c.Rule == d.finding.Rule && c.Finding != d.finding.ID && c.Decision != etf.Undecided {
				others = append(others, c.Finding)
			}
		}
	}
	if len(others) == 0 {
		return nil, nil
	}
	slices.Sort(others)
	others = slices.Compact(others)
	decided, err := decisionsOf(ctx, d.q.Queries, others)
	return slices.DeleteFunc(others, func(id string) bool {
		return !slices.ContainsFunc(decided[id], func(r etf.DecisionRecord) bool { return r.InForce && r.Why == asDecidedOn(d.finding.ID) })
	}), err
}

// settle records which of an ETF's undecided findings have become moot (quality.Moot), in the name of whoever has written
// the rows. fetch is the fetch that is being stored, "" if there is none.
func (s *Store) settle(ctx context.Context, q *writing, etfID uint32, version int64, by, fetch string) error {
	open, err := q.ListUndecidedOfETF(ctx, sqlcgen.ListUndecidedOfETFParams{EtfID: etfID, Holding: quality.HoldingRules()})
	if err != nil || len(open) == 0 {
		return err
	}
	ids := make([]string, len(open))
	for i, f := range open {
		ids[i] = f.Finding.ID
	}
	rows, err := rowsOf(ctx, q.Queries, ids)
	if err != nil {
		return err
	}
	var sessions []etf.Session
	for _, list := range rows {
		sessions = append(sessions, sessionsOf(list)...)
	}
	slices.Sort(sessions)
	stored, err := barsOn(ctx, q.Queries, etfID, slices.Compact(sessions))
	if err != nil {
		return err
	}
	taken, err := decisionsOf(ctx, q.Queries, ids)
	if err != nil {
		return err
	}
	confirmed, err := keptRows(ctx, q.Queries, fetch)
	if err != nil {
		return err
	}
	for _, o := range open {
		since := o.ResultVersion
		for _, d := range taken[o.Finding.ID] {
			since = max(since, d.DataVersion) // a decision was taken back: it waits since then
		}
		f := quality.FindingWithRows{Rows: rows[o.Finding.ID], Finding: etf.Finding{
			ID: o.Finding.ID, Rule: o.Finding.Rule, Severity: etf.Severity(o.Finding.Severity), FoundAt: o.Finding.FoundAt,
		}}
		back := confirmed
		if o.Finding.FetchID == fetch {
			back = nil
		}
		if !quality.Moot(f, since, stored, back) {
			continue
		}
		if err := s.enter(ctx, q, f.ID, etf.DecisionRecord{
			Decision: etf.Superseded, By: by, Why: "later rows have taken the place of those that the finding names", DataVersion: version,
		}); err != nil {
			return err
		}
	}
	return nil
}

// keptRows returns the rows of a staged fetch that are kept, by session.
func keptRows(ctx context.Context, q *sqlcgen.Queries, fetch string) (map[etf.Session]etf.Bar, error) {
	if fetch == "" {
		return nil, nil
	}
	rows, err := q.ListStagedBars(ctx, fetch)
	if err != nil {
		return nil, err
	}
	kept := make(map[etf.Session]etf.Bar, len(rows))
	for _, r := range rows {
		if etf.Verdict(r.Verdict) == etf.VerdictKeep {
			kept[etf.Session(r.Session)] = etf.Bar{
				Session: etf.Session(r.Session), Open: etf.Price(r.Open), High: etf.Price(r.High), Low: etf.Price(r.Low), Close: etf.Price(r.Close),
			}
		}
	}
	return kept, nil
}

// releaseAccepted releases bars with accepted numbers that are kept out all the same. A decision and a Persist that run at
// the same time do not see each other's writes; whichever ends last calls this after both.
func (s *Store) releaseAccepted(ctx context.Context, symbol etf.Symbol) error {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return err
	}
	findings, err := s.q.ListAcceptedOut(ctx, id)
	if err != nil {
		return translate(err, "looking for accepted rows of "+string(symbol))
	}
	for _, finding := range findings {
		err := s.transaction(ctx, "releasing the rows of finding "+finding, func(q *writing, _ *sql.Tx) error {
			head, err := q.GetFinding(ctx, finding)
			if err != nil {
				return err
			}
			fetch, err := q.GetFetchToPersist(ctx, head.Finding.FetchID)
			if err != nil {
				return err
			}
			record, err := findingRecord(ctx, q.Queries, finding)
			if err != nil || record.Decision != etf.Accept {
				return err
			}
			d := &deciding{
				store: s, q: q, fetch: fetch, before: record.Decisions, old: seriesOf(fetch), to: seriesOf(fetch),
				finding: quality.FindingWithRows{Finding: record.Finding, Rows: quality.RowsOf(record)},
			}
			cases, err := casesOn(ctx, q.Queries, id, record.Sessions)
			if err != nil {
				return err
			}
			stored, err := barsOn(ctx, q.Queries, id, record.Sessions)
			if err != nil {
				return err
			}
			q.concerns(fetch.Exchange, fetch.Symbol, etf.RunID(fetch.RunID))
			changes := quality.AcceptRows(quality.Unblocked(d.finding, cases), stored, 0)
			for _, session := range changes.Sessions() {
				q.released(session)
			}
			return d.change(ctx, changes, stored, fetch.Source, head.Finding.FetchID)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
