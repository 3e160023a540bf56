package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// park keeps out the bars that are on another level than those before them, now that a split which a person had accepted no
// longer counts (quality.Parked), so that no forecast is made across the step. Findings that were settled by the split wait
// again, and a new one names the bars that none names. It returns how many bars it keeps out.
func (s *Store) park(ctx context.Context, q *writing, tx *sql.Tx, x etf.Exchange, to series, stated, changes []etf.StatedAction, by string) (int, error) {
	var ended []etf.Action
	var what etf.StatedAction
	for _, c := range changes {
		was := slices.IndexFunc(stated, func(a etf.StatedAction) bool { return a.ID == c.ID })
		if c.Kind == etf.Split && c.Status != etf.Accepted && was >= 0 && stated[was].Status == etf.Accepted {
			ended, what = append(ended, c.Action), c
		}
	}
	if len(ended) == 0 || to.bars == 0 {
		return 0, nil
	}
	list, err := q.ListSeries(ctx, to.id)
	if err != nil {
		return 0, err
	}
	sessions, last, err := quality.Parked(x, seriesBars(list, to.basis), ended, quality.InForce(stated), quality.InForce(quality.WithChanges(stated, changes)))
	if err != nil || len(sessions) == 0 {
		return 0, err
	}
	bars, err := barsOn(ctx, q.Queries, to.id, sessions)
	if err != nil {
		return 0, err
	}
	for part := range slices.Chunk(columns(sessions), 1000) {
		if _, err := q.ArchiveBars(ctx, sqlcgen.ArchiveBarsParams{EtfID: to.id, KnownTo: to.knownFrom, SupersededBy: to.version.Number, Sessions: part}); err != nil {
			return 0, err
		}
		if _, err := q.QuarantineBars(ctx, sqlcgen.QuarantineBarsParams{EtfID: to.id, DataVersion: to.version.Number, KnownFrom: to.knownFrom, Sessions: part}); err != nil {
			return 0, err
		}
	}
	fetch, err := q.GetFetch(ctx, bars[0].Fetch)
	if err != nil {
		return 0, err
	}
	ids, _, err := identity(ctx, q.Queries, to.id, string(what.Symbol))
	if err != nil {
		return 0, err
	}
	f := quality.FindingWithRows{Finding: etf.Finding{
		Symbol: ids, Fetch: bars[0].Fetch, Rule: quality.SplitSuspected, Severity: etf.SeverityError, FoundAt: s.now(),
		Evidence: fmt.Sprintf("%s: close %s after %s on %s, without the split %s, which is %s by %s (action %s); the bars from then on are kept out",
			bars[0].Session, bars[0].Close, last.Close, last.Session, what.Terms(), what.Status, etf.Clip(by, 100), what.ID),
	}}
	named, err := s.reopen(ctx, q, to, bars, etf.DecisionRecord{
		Decision: etf.Reopened, By: by, Why: fmt.Sprintf("the split %s of %s is %s (action %s)", what.Terms(), what.Ex, what.Status, what.ID), DataVersion: to.version.Number,
	})
	if err != nil {
		return 0, err
	}
	for _, b := range bars {
		if !named[b.Session] {
			f.Rows, f.Sessions = append(f.Rows, quality.NamedRow{Bar: b.Bar, Staged: true}), append(f.Sessions, b.Session)
		}
	}
	if len(f.Rows) == 0 {
		return len(sessions), nil
	}
	f.ID = quality.FindingID(f)
	known, err := q.ListKnownFindings(ctx, []string{f.ID})
	if err != nil || len(known) > 0 {
		return len(sessions), err
	}
	return len(sessions), s.insertFindings(ctx, q, tx, fetch, []quality.FindingWithRows{f})
}

// reopen takes back the acceptances of findings about levels that name the bars, and returns which sessions such findings name.
func (s *Store) reopen(ctx context.Context, q *writing, to series, bars []etf.StoredBar, why etf.DecisionRecord) (map[etf.Session]bool, error) {
	sessions := make([]etf.Session, len(bars))
	for i, b := range bars {
		sessions[i] = b.Session
	}
	cases, err := casesOn(ctx, q.Queries, to.id, sessions)
	if err != nil {
		return nil, err
	}
	named, done := map[etf.Session]bool{}, map[string]bool{}
	for _, b := range bars {
		for _, c := range cases[b.Session] {
			same := c.Staged && c.Open == b.Open && c.High == b.High && c.Low == b.Low && c.Close == b.Close
			if !same || c.Severity != etf.SeverityError || !quality.AboutLevel(c.Rule) || c.Decision != etf.Accept && c.Decision != etf.Undecided {
				continue
			}
			named[b.Session] = true
			if c.Decision == etf.Accept && !done[c.Finding] {
				done[c.Finding] = true
				if err := s.takeBack(ctx, q, c.Finding, why); err != nil {
					return nil, err
				}
			}
		}
	}
	return named, nil
}
