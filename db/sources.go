package db

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// Breaker returns the circuit breaker of a source, closed if nothing is recorded.
func (s *Store) Breaker(ctx context.Context, source string) (etf.Breaker, error) {
	row, err := s.q.GetBreaker(ctx, source)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Breaker{Source: source, State: etf.BreakerClosed}, nil
	}
	return domainBreaker(row), translate(err, "reading the breaker of "+source)
}

// Breakers returns the recorded breakers, ascending by source.
func (s *Store) Breakers(ctx context.Context) ([]etf.Breaker, error) {
	rows, err := s.q.ListBreakers(ctx)
	list := make([]etf.Breaker, len(rows))
	for i, r := range rows {
		list[i] = domainBreaker(r)
	}
	return list, translate(err, "reading the sources' breakers")
}

// BreakerChanges returns up to limit changes of the breaker's state, newest first.
func (s *Store) BreakerChanges(ctx context.Context, source string, limit int) ([]etf.BreakerChange, error) {
	rows, err := s.q.ListBreakerChanges(ctx, sqlcgen.ListBreakerChangesParams{Source: source, Limit: int32(limit)})
	list := make([]etf.BreakerChange, len(rows))
	for i, r := range rows {
		list[i] = etf.BreakerChange{
			Number: r.Number, State: etf.BreakerState(r.State), Failures: int(r.Failures), Reason: r.Reason, At: r.At, RetryAt: utcOrZero(r.RetryAt),
		}
	}
	return list, translate(err, "reading the changes of the breaker of "+source)
}

// ChangeBreaker replaces the breaker by what change makes of it and returns that. A new state is recorded with an event in the same
// transaction. change is called again if another writer was faster, so it must have no effect but on variables that it sets each time.
func (s *Store) ChangeBreaker(ctx context.Context, source string, change func(etf.Breaker) etf.Breaker) (etf.Breaker, error) {
	var after etf.Breaker
	err := s.transaction(ctx, "changing the breaker of "+source, func(q *writing, _ *sql.Tx) error {
		row, err := q.GetBreaker(ctx, source)
		fresh := errors.Is(err, sql.ErrNoRows)
		if err != nil && !fresh {
			return err
		}
		before := domainBreaker(row)
		if fresh {
			before = etf.Breaker{Source: source, State: etf.BreakerClosed}
		}
		after = change(before)
		after.Source = source
		if reflect.DeepEqual(before, after) {
			return nil
		}
		changes := row.Changes
		if before.State != after.State {
			changes++
			if err := q.InsertBreakerChange(ctx, sqlcgen.InsertBreakerChangeParams{
				Source: source, Number: changes, State: string(after.State), Failures: int32(after.Failures), Reason: after.Reason,
				At: instant(after.Since), RetryAt: nullInstant(after.RetryAt),
			}); err != nil {
				return err
			}
			q.emitAbout(etf.Event{}, etf.EventSourceChanged, source, map[string]any{
				"state": after.State, "was": before.State, "failures": after.Failures, "reason": etf.Clip(after.Reason, maxEventText),
				"retry_at": after.RetryAt.UTC().Format(time.RFC3339),
			})
		}
		failing := joinSymbols(after.Failing)
		if fresh {
			return q.InsertBreaker(ctx, sqlcgen.InsertBreakerParams{
				Source: source, Changes: changes, Writer: newWriter(), State: string(after.State), Failures: int32(after.Failures), Failing: failing,
				Opened: int32(after.Opened), Reason: after.Reason, Since: nullInstant(after.Since), RetryAt: nullInstant(after.RetryAt),
				LastSuccess: nullInstant(after.LastSuccess),
			})
		}
		n, err := q.UpdateBreaker(ctx, sqlcgen.UpdateBreakerParams{
			Changes: changes, Writer: newWriter(), State: string(after.State), Failures: int32(after.Failures), Failing: failing,
			Opened: int32(after.Opened), Reason: after.Reason, Since: nullInstant(after.Since), RetryAt: nullInstant(after.RetryAt),
			LastSuccess: nullInstant(after.LastSuccess), Source: source, OldWriter: row.Writer,
		})
		if err == nil && n != 1 {
			return errLost
		}
		return err
	})
	return after, err
}

// QuotaUse returns how much of the source's quota of the day is used: Limit, Reserved and Renewed are left zero.
func (s *Store) QuotaUse(ctx context.Context, source string, day etf.Session) (etf.QuotaUse, error) {
	row, err := s.q.GetSourceDay(ctx, sqlcgen.GetSourceDayParams{Source: source, Day: column.Session(day)})
	if errors.Is(err, sql.ErrNoRows) {
		return etf.QuotaUse{Source: source, Day: day}, nil
	}
	return domainQuota(row), translate(err, "reading the quota of "+source)
}

// TakeQuota counts requests as used before they are made, and returns the use with them. KindRateLimited with Until if not enough is
// left: then none is counted. However many callers there are, the limit is never exceeded.
func (s *Store) TakeQuota(ctx context.Context, r etf.QuotaRequest) (etf.QuotaUse, error) {
	return s.changeQuota(ctx, r.Source, r.Day, func(u etf.QuotaUse) (etf.QuotaUse, error) { return u.Take(r) })
}

// RefuseQuota records that the source itself says that its quota of the day is used up.
func (s *Store) RefuseQuota(ctx context.Context, source string, day etf.Session) error {
	_, err := s.changeQuota(ctx, source, day, func(u etf.QuotaUse) (etf.QuotaUse, error) {
		u.Refused = true
		return u, nil
	})
	return err
}

// AllowQuota forgets that the source has said that its quota of the day is used up. Nothing changes if it has not.
func (s *Store) AllowQuota(ctx context.Context, source string, day etf.Session) error {
	if use, err := s.QuotaUse(ctx, source, day); err != nil || !use.Refused {
		return err
	}
	_, err := s.changeQuota(ctx, source, day, func(u etf.QuotaUse) (etf.QuotaUse, error) {
		u.Refused = false
		return u, nil
	})
	return err
}

func (s *Store) changeQuota(ctx context.Context, source string, day etf.Session, change func(etf.QuotaUse) (etf.QuotaUse, error)) (etf.QuotaUse, error) {
	var after etf.QuotaUse
	err := s.transaction(ctx, "counting requests to "+source, func(q *writing, _ *sql.Tx) error {
		row, err := q.GetSourceDay(ctx, sqlcgen.GetSourceDayParams{Source: source, Day: column.Session(day)})
		fresh := errors.Is(err, sql.ErrNoRows)
		if err != nil && !fresh {
			return err
		}
		before := etf.QuotaUse{Source: source, Day: day}
		if !fresh {
			before = domainQuota(row)
		}
		if after, err = change(before); err != nil {
			return err
		}
		refused := row.RefusedAt
		if after.Refused != refused.Valid {
			refused = sql.NullTime{}
			if after.Refused {
				refused = nullInstant(s.now())
			}
		}
		if fresh {
			return q.InsertSourceDay(ctx, sqlcgen.InsertSourceDayParams{
				Source: source, Day: column.Session(day), Used: int32(after.Used), Behind: int32(after.Behind), RefusedAt: refused, Writer: newWriter(),
			})
		}
		n, err := q.UpdateSourceDay(ctx, sqlcgen.UpdateSourceDayParams{
			Used: int32(after.Used), Behind: int32(after.Behind), RefusedAt: refused, Writer: newWriter(),
			Source: source, Day: column.Session(day), OldWriter: row.Writer,
		})
		if err == nil && n != 1 {
			return errLost
		}
		return err
	})
	return after, err
}

// SourceETFs returns, by source, the ETFs that name it and are not retired, ascending by symbol.
func (s *Store) SourceETFs(ctx context.Context) (map[string][]etf.SourceETF, error) {
	const page = 500
	list := map[string][]etf.SourceETF{}
	for after := etf.Symbol(""); ; {
		etfs, err := s.ETFs(ctx, "", after, page)
		if err != nil {
			return nil, err
		}
		for _, e := range etfs {
			after = e.Symbol
			if e.Retired {
				continue
			}
			for i, ref := range e.Sources {
				list[ref.Name] = append(list[ref.Name], etf.SourceETF{Symbol: e.Symbol, Exchange: e.Exchange, Ref: ref.Ref, Place: i + 1})
			}
		}
		if len(etfs) < page {
			return list, nil
		}
	}
}

func domainBreaker(r sqlcgen.SourceBreaker) etf.Breaker {
	b := etf.Breaker{
		Source: r.Source, State: etf.BreakerState(r.State), Failures: int(r.Failures), Opened: int(r.Opened), Reason: r.Reason,
		Since: utcOrZero(r.Since), RetryAt: utcOrZero(r.RetryAt), LastSuccess: utcOrZero(r.LastSuccess),
	}
	b.Failing = splitSymbols(r.Failing)
	return b
}

func domainQuota(r sqlcgen.SourceDay) etf.QuotaUse {
	return etf.QuotaUse{Source: r.Source, Day: etf.Session(r.Day), Used: int(r.Used), Behind: int(r.Behind), Refused: r.RefusedAt.Valid}
}

// splitSymbols reads what joinSymbols wrote; nil for no symbol.
func splitSymbols(text string) (list []etf.Symbol) {
	if text == "" {
		return nil
	}
	for symbol := range strings.SplitSeq(text, ",") {
		list = append(list, etf.Symbol(symbol))
	}
	return list
}

func joinSymbols(list []etf.Symbol) string {
	texts := make([]string, len(list))
	for i, symbol := range list {
		texts[i] = string(symbol)
	}
	return strings.Join(texts, ",")
}

// nullInstant is null for the zero instant.
func nullInstant(t time.Time) sql.NullTime { return sql.NullTime{Time: instant(t), Valid: !t.IsZero()} }
