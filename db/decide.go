package db

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// Decide records a person's decision on a finding: see activities.Findings. It settles undecided findings of the same
// rule on the same numbers as well: each later fetch of a quarantined row makes one. An accepted row stays quarantined
// while another rule's objection to the same numbers is not accepted.
func (s *Store) Decide(ctx context.Context, id string, d etf.Decision, by, why string) (etf.Finding, error) {
	if d != etf.Accept && d != etf.Reject {
		return etf.Finding{}, etf.Invalid("decision", fmt.Sprintf("%q is not a decision", d), "use accept or reject")
	}
	if by == "" {
		return etf.Finding{}, etf.Invalid("by", "a decision needs a person", "say who decides")
	}
	var result etf.Finding
	err := s.transaction(ctx, "deciding finding "+id, func(q *sqlcgen.Queries, _ *sql.Tx) error {
		f, err := finding(ctx, q, id)
		if err != nil {
			return err
		}
		if f.Decision == d {
			result = f
			return nil
		}
		if f.Decision != etf.Undecided {
			return &etf.Error{Kind: etf.KindConflict, Field: "decision",
				Message: fmt.Sprintf("%s has decided %s on finding %s", f.By, f.Decision, id), Remedy: "the first decision stands"}
		}
		f.Decision, f.By, f.Why = d, by, why
		result = f
		return s.decide(ctx, q, f)
	})
	return result, err
}

func (s *Store) decide(ctx context.Context, q *sqlcgen.Queries, f etf.Finding) error {
	fetch, err := q.GetFetchToPersist(ctx, f.Fetch) // and lock, as Persist does
	if err != nil {
		return err
	}
	objections, err := objectionsOf(ctx, q, f.ID)
	if err != nil {
		return err
	}
	others, err := errorRows(ctx, q, fetch.EtfID, f.Sessions)
	if err != nil {
		return err
	}
	version, changed := fetch.DataVersion, 0
	if f.Decision == etf.Accept && f.Severity == etf.SeverityError {
		free := unblocked(f.Rule, objections, others)
		switch {
		case len(free) == 0:
		case !fetch.PersistedAt.Valid:
			err = q.KeepStagedRows(ctx, sqlcgen.KeepStagedRowsParams{FetchID: f.Fetch, Sessions: columns(sessionsOf(free))})
		default:
			version, changed, err = s.applyAccepted(ctx, q, f, fetch, free)
		}
		if err != nil {
			return err
		}
	}
	twins, err := twinsOf(ctx, q, f, objections, others)
	if err != nil {
		return err
	}
	now := s.now()
	record := sqlcgen.InsertDecisionParams{
		FindingID: f.ID, Decision: string(f.Decision), DecidedBy: f.By, Why: f.Why, DecidedAt: now,
		DataVersion: version, RowsChanged: int32(changed),
	}
	if err := q.InsertDecision(ctx, record); err != nil {
		return err
	}
	for _, twin := range twins {
		record.FindingID, record.Why, record.RowsChanged = twin, "as decided on finding "+f.ID, 0
		if err := q.InsertDecision(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

func objectionsOf(ctx context.Context, q *sqlcgen.Queries, finding string) ([]objection, error) {
	rows, err := q.ListFindingRows(ctx, []string{finding})
	if err != nil {
		return nil, err
	}
	list := make([]objection, len(rows))
	for i, r := range rows {
		list[i] = domainObjection(r)
	}
	return list, nil
}

func sessionsOf(list []objection) []etf.Session {
	sessions := make([]etf.Session, len(list))
	for i, o := range list {
		sessions[i] = o.session
	}
	return sessions
}

// unblocked returns the rows to which no other rule has an objection that is not accepted.
func unblocked(rule string, rows []objection, others map[etf.Session][]ruled) []objection {
	var free []objection
	for _, o := range rows {
		if !o.staged {
			continue
		}
		accepted, open := map[string]bool{rule: true}, map[string]bool{}
		for _, r := range others[o.session] {
			if !r.same(o) {
				continue
			}
			open[r.rule] = true
			if r.decision == etf.Accept {
				accepted[r.rule] = true
			}
		}
		blocked := false
		for r := range open {
			blocked = blocked || !accepted[r]
		}
		if !blocked {
			free = append(free, o)
		}
	}
	return free
}

// twinsOf returns the undecided findings of the same rule whose every row is one of the finding's.
func twinsOf(ctx context.Context, q *sqlcgen.Queries, f etf.Finding, rows []objection, others map[etf.Session][]ruled) ([]string, error) {
	matched := map[string]int{}
	for _, o := range rows {
		for _, r := range others[o.session] {
			if r.finding != f.ID && r.rule == f.Rule && r.decision == etf.Undecided && r.same(o) {
				matched[r.finding]++
			}
		}
	}
	if len(matched) == 0 {
		return nil, nil
	}
	candidates := make([]string, 0, len(matched))
	for id := range matched {
		candidates = append(candidates, id)
	}
	all, err := q.ListFindingRows(ctx, candidates)
	if err != nil {
		return nil, err
	}
	total := map[string]int{}
	for _, r := range all {
		total[r.FindingID]++
	}
	var twins []string
	for _, id := range candidates {
		if total[id] == matched[id] {
			twins = append(twins, id)
		}
	}
	return twins, nil
}

// applyAccepted makes the accepted rows count: a quarantined bar of these numbers is freed, and a bar they were held
// back from is replaced, unless it has been revised since. Returns the data version after it and how many bars changed.
func (s *Store) applyAccepted(ctx context.Context, q *sqlcgen.Queries, f etf.Finding, fetch sqlcgen.GetFetchToPersistRow, rows []objection) (int64, int, error) {
	old := seriesOf(fetch)
	current, err := q.ListBarsOfSessions(ctx, sqlcgen.ListBarsOfSessionsParams{EtfID: old.id, Sessions: columns(sessionsOf(rows))})
	if err != nil {
		return 0, 0, err
	}
	accepted := map[etf.Session]etf.Bar{}
	for _, o := range rows {
		accepted[o.session] = o.bar
	}
	var free, replace []etf.Session
	to := old
	for _, b := range current {
		bar := storedBar(b)
		want := accepted[bar.Session]
		if !want.Volume.Known() { // an unknown volume contradicts none
			want.Volume = bar.Volume
		}
		switch {
		case sameNumbers(bar.Bar, want):
			if !bar.Quarantined {
				continue
			}
			free = append(free, bar.Session)
		case bar.DataVersion <= fetch.ResultVersion:
			replace = append(replace, bar.Session)
		default:
			continue
		}
		if bar.Quarantined {
			to.quarantined--
		}
	}
	changed := len(free) + len(replace)
	if changed == 0 {
		return old.version.Number, 0, nil
	}
	to.version, to.knownFrom = old.next(s.now())
	if _, err := q.KeepBars(ctx, sqlcgen.KeepBarsParams{
		EtfID: old.id, KnownTo: to.knownFrom, SupersededBy: to.version.Number,
		Sessions: columns(append(free[:len(free):len(free)], replace...)),
	}); err != nil {
		return 0, 0, err
	}
	if len(free) > 0 {
		if _, err := q.FreeBars(ctx, sqlcgen.FreeBarsParams{
			EtfID: old.id, DataVersion: to.version.Number, KnownFrom: to.knownFrom, Sessions: columns(free),
		}); err != nil {
			return 0, 0, err
		}
	}
	for _, session := range replace {
		b := accepted[session]
		if _, err := q.AcceptDisputedBar(ctx, sqlcgen.AcceptDisputedBarParams{
			Open: column.Price(b.Open), High: column.Price(b.High), Low: column.Price(b.Low), Close: column.Price(b.Close),
			AdjClose: column.OptionalPrice(b.AdjClose), Volume: column.Volume(b.Volume), Source: fetch.Source, FetchID: f.Fetch,
			DataVersion: to.version.Number, KnownFrom: to.knownFrom, EtfID: old.id, Session: column.Session(session),
		}); err != nil {
			return 0, 0, err
		}
	}
	return to.version.Number, changed, advance(ctx, q, old, to, causeDecision, f.ID)
}
