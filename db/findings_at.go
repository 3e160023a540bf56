package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// findingsAt is Findings for the data version of the filter's AsOf: the findings known then, with the decisions in force then.
// p has the rest of the filter, and the limit plus one. Which findings were decided is told here and not by the statement,
// because the decision in force then is the last of several entries.
func (s *Store) findingsAt(ctx context.Context, p sqlcgen.ListFindingsOfETFParams, asOf etf.AsOf) (page []etf.Finding, next etf.Cursor, err error) {
	limit := int(p.Limit) - 1
	until, err := s.lastInstant(ctx, p.EtfID, asOf)
	if err != nil {
		return nil, next, err
	}
	for {
		list, err := s.q.ListFindingsOfETFAt(ctx, sqlcgen.ListFindingsOfETFAtParams{
			EtfID: p.EtfID, BeforeAt: p.BeforeAt, BeforeID: p.BeforeID, Until: until, Version: asOf.Version, Exchange: p.Exchange, Rule: p.Rule,
			Severity: p.Severity, BySession: p.BySession, FromSession: p.FromSession, ToSession: p.ToSession, Limit: p.Limit,
		})
		if err != nil || len(list) == 0 {
			return page, etf.Cursor{}, err
		}
		rows := make([]sqlcgen.GetFindingRow, len(list))
		for i, r := range list {
			rows[i] = sqlcgen.GetFindingRow(r)
		}
		found, err := s.decidedAt(ctx, rows, asOf)
		if err != nil {
			return nil, etf.Cursor{}, err
		}
		for _, f := range found {
			decided := f.Decision != etf.Undecided
			if p.Decided == 1 && !decided || p.Undecided == 1 && (decided || !quality.Asks(f)) {
				continue
			}
			if len(page) == limit {
				last := page[limit-1]
				return page, etf.Cursor{At: last.FoundAt, ID: last.ID}, nil
			}
			page = append(page, f)
		}
		if len(list) < int(p.Limit) {
			return page, etf.Cursor{}, nil
		}
		last := found[len(found)-1]
		p.BeforeAt, p.BeforeID = last.FoundAt, last.ID
	}
}

// lastInstant is the instant that was asked for or, if a version was, the last one at which it was current.
func (s *Store) lastInstant(ctx context.Context, id uint32, asOf etf.AsOf) (time.Time, error) {
	if !asOf.At.IsZero() {
		return instant(asOf.At), nil
	}
	following, err := s.q.GetVersionByNumber(ctx, sqlcgen.GetVersionByNumberParams{EtfID: id, Number: asOf.Version + 1})
	if errors.Is(err, sql.ErrNoRows) {
		return openEnd, nil
	}
	return following.KnownFrom.Add(-time.Microsecond), err
}

// decidedAt converts rows and gives each finding the decision that was in force.
func (s *Store) decidedAt(ctx context.Context, rows []sqlcgen.GetFindingRow, asOf etf.AsOf) ([]etf.Finding, error) {
	list, err := withSessions(ctx, s.q, rows)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i, f := range list {
		ids[i] = f.ID
	}
	entries, err := decisionsOf(ctx, s.q, ids)
	if err != nil {
		return nil, err
	}
	for i := range list {
		f := &list[i]
		f.Decision, f.By, f.Why = etf.Undecided, "", ""
		for _, d := range entries[f.ID] { // oldest first
			switch {
			case d.DataVersion > asOf.Version, !asOf.At.IsZero() && d.At.After(asOf.At):
			case d.Decision == etf.Undo, d.Decision == etf.Reopened:
				f.Decision, f.By, f.Why = etf.Undecided, "", ""
			default:
				f.Decision, f.By, f.Why = d.Decision, d.By, d.Why
			}
		}
	}
	return list, nil
}
