package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// SaveCheck records what a second source's fetch says about a fetch: see activities.Fetches.
func (s *Store) SaveCheck(ctx context.Context, fetch, second string, session etf.Session) error {
	what := "recording the second source of fetch " + fetch
	row, err := s.q.GetFetch(ctx, second)
	if errors.Is(err, sql.ErrNoRows) {
		return unknownFetch(second)
	}
	if err != nil {
		return translate(err, what)
	}
	staged, err := s.q.ListStagedBars(ctx, second)
	if err != nil {
		return translate(err, what)
	}
	if len(staged) != int(row.Fetch.RowCount) {
		return discarded(second)
	}
	stated, err := decodeStatements(row.Fetch.Actions)
	if err != nil {
		return etf.Wrapf(etf.KindInternal, err, "decoding fetch %s", second)
	}
	f := domainFetch(row.Fetch, row.Symbol)
	text, err := json.Marshal(quality.SecondOpinion(f, etf.Response{Bars: stagedBars(staged), Actions: stated.Actions, Basis: f.Basis}, session))
	if err != nil {
		return etf.Wrap(etf.KindInternal, err, what)
	}
	return s.transaction(ctx, what, func(q *writing, _ *sql.Tx) error {
		known, err := q.ListFetchChecks(ctx, []string{fetch})
		if err != nil || len(known) > 0 {
			return err
		}
		return q.InsertFetchCheck(ctx, sqlcgen.InsertFetchCheckParams{FetchID: fetch, SecondFetchID: second, Opinion: string(text)})
	})
}

// secondOpinions reads what second sources said about fetches, by fetch.
func secondOpinions(ctx context.Context, q *sqlcgen.Queries, fetches []string) (map[string]etf.SecondOpinion, error) {
	if len(fetches) == 0 {
		return nil, nil
	}
	rows, err := q.ListFetchChecks(ctx, fetches)
	if err != nil {
		return nil, err
	}
	list := make(map[string]etf.SecondOpinion, len(rows))
	for _, r := range rows {
		var o etf.SecondOpinion
		if err := json.Unmarshal([]byte(r.Opinion), &o); err != nil {
			return nil, etf.Wrap(etf.KindCorrupt, err, fmt.Sprintf("the second opinion on fetch %s can't be read", r.FetchID))
		}
		o.Fetch = r.SecondFetchID
		list[r.FetchID] = o
	}
	return list, nil
}

// secondOpinion reads what a second source said about a fetch; zero if none was asked.
func secondOpinion(ctx context.Context, q *sqlcgen.Queries, fetch string) (etf.SecondOpinion, error) {
	list, err := secondOpinions(ctx, q, []string{fetch})
	return list[fetch], err
}
