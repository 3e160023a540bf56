package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// Writers of which some commit up to 2 s after their events were numbered, and some roll back, beside a stream that begins
// before them and one that resumes in the middle: both get every event that commits, in order and once.
func TestStreamsLoseNoEvent(t *testing.T) {
	t.Parallel()
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		database := dbtest.Open(t, dsn)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		svc := service.New(service.Deps{Store: database.Store})
		follow := func(svc *service.Service, after *int64) *service.EventStream {
			t.Helper()
			stream, err := svc.FollowEvents(ctx, service.EventFollow{After: after})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stream.Close)
			return stream
		}
		first := follow(svc, nil)
		written := sync.WaitGroup{}
		admin := database.Admin(t)
		for writer := range 8 {
			written.Go(func() { writeEvents(t, admin, database, writer) })
		}
		done := make(chan struct{})
		go func() { written.Wait(); close(done) }()

		// The resumed stream is another process's, and begins from what the first one has got so far.
		got, resumed := []int64{}, []int64{}
		var second *service.EventStream
		begun := time.Now()
		for complete := false; !complete && time.Since(begun) < time.Minute; {
			got = append(got, next(ctx, t, first)...)
			if second == nil && len(got) > 20 {
				last := got[len(got)-1]
				resumed = slices.Clone(got)
				second = follow(service.New(service.Deps{Store: database.Another(t, db.Options{})}), &last)
			}
			if second != nil {
				resumed = append(resumed, next(ctx, t, second)...)
			}
			select {
			case <-done:
				all := storedEvents(t, admin)
				complete = len(got) >= len(all) && len(resumed) >= len(all)
			default:
			}
		}
		all := storedEvents(t, admin)
		if !slices.Equal(got, all) || !slices.Equal(resumed, all) {
			t.Errorf("the table has\n%v\nthe stream\n%v\nthe resumed one\n%v", all, got, resumed)
		}
		if gaps := int(all[len(all)-1]-all[0]) + 1 - len(all); gaps == 0 {
			t.Error("no number is missing: the case tests no gap")
		}
	})
}

func next(ctx context.Context, t *testing.T, stream *service.EventStream) (ids []int64) {
	t.Helper()
	events, _, err := stream.Next(ctx, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

func storedEvents(t *testing.T, admin *sql.DB) (ids []int64) {
	t.Helper()
	rows, err := admin.QueryContext(t.Context(), "SELECT id FROM events ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// writeEvents makes ETFs, each with its event, and between them transactions that hold their events back, or roll them back.
func writeEvents(t *testing.T, admin *sql.DB, database dbtest.Database, writer int) {
	rng := rand.New(rand.NewPCG(uint64(writer), 2))
	for i := range 12 {
		symbol := etf.Symbol(fmt.Sprintf("W%dX%d", writer, i))
		if i%3 != 1 {
			if _, _, err := database.Store.CreateETF(t.Context(), etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD",
				Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}}); err != nil {
				t.Error(err)
			}
			continue
		}
		held := time.Duration(rng.Int64N(int64(2 * time.Second)))
		err := heldBack(t.Context(), admin, symbol, held, writer == 0 && i == 4)
		// Dolt merges at COMMIT, where two transactions can turn out to have one number: then it is the whole transaction again, as in the product.
		for again := (*mysql.MySQLError)(nil); errors.As(err, &again) && again.Number == 1062; {
			err = heldBack(t.Context(), admin, symbol, held, false)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// heldBack writes three events and commits, or rolls back, only after some time: the delay is what is tested.
func heldBack(ctx context.Context, admin *sql.DB, symbol etf.Symbol, held time.Duration, undo bool) error {
	tx, err := admin.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	const row = "(UTC_TIMESTAMP(6), 'etf.changed', 'XNYS', NULL, ?, '', '', '{}')"
	_, err = tx.ExecContext(ctx, "INSERT INTO events (at, kind, exchange, session, symbol, run_id, subject, data) VALUES "+row+", "+row+", "+row, symbol, symbol, symbol)
	select {
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	case <-time.After(held):
	}
	if undo || err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
