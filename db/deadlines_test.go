package db_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// eventsOf returns the kinds and data of the events of an ETF, oldest first.
func eventsOf(t *testing.T, d dbtest.Database, symbol etf.Symbol) (list []etf.Event) {
	t.Helper()
	rows, err := d.Admin(t).QueryContext(context.Background(), "SELECT id, kind, exchange, data FROM events WHERE symbol = ? AND kind LIKE 'deadline.%' ORDER BY id", symbol)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var e etf.Event
		if err := rows.Scan(&e.ID, &e.Kind, &e.Exchange, &e.Data); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// A deadline is recorded as missed once, whoever sees it, and as met once, each time with an event.
func TestDeadlines(t *testing.T) { onServers(t, testDeadlines) }

func testDeadlines(t *testing.T, d dbtest.Database) {
	ctx := context.Background()
	s := d.Store
	for _, symbol := range []etf.Symbol{"AAA", "BBB"} {
		register(t, s, symbol)
	}
	due := time.Date(2025, 1, 2, 23, 0, 0, 0, time.UTC)
	deadline := func(symbol etf.Symbol, kind etf.Deadline) etf.MissedDeadline {
		return etf.MissedDeadline{Symbol: symbol, Exchange: etf.XNYS, Session: day(0), Kind: kind, DueAt: due, SeenAt: due.Add(30 * time.Second)}
	}
	all := []etf.MissedDeadline{
		deadline("AAA", etf.DeadlineStored), deadline("AAA", etf.DeadlineForecast), deadline("BBB", etf.DeadlineStored),
		deadline("BBB", etf.DeadlineStored), deadline("ZZZ", etf.DeadlineStored),
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	type key struct {
		symbol etf.Symbol
		kind   etf.Deadline
	}
	recorded := map[key]int{}
	for range 4 {
		wg.Go(func() {
			list, err := s.RecordMissed(ctx, all)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, m := range list {
				recorded[key{m.Symbol, m.Kind}]++
			}
		})
	}
	wg.Wait()
	if len(recorded) != 3 {
		t.Errorf("%d deadlines were recorded, want 3: %v", len(recorded), recorded)
	}
	for m, n := range recorded {
		if n != 1 {
			t.Errorf("%v was recorded %d times", m, n)
		}
	}
	events := eventsOf(t, d, "AAA")
	if len(events) != 2 || events[0].Kind != etf.EventDeadlineMissed || events[0].Exchange != etf.XNYS {
		t.Fatalf("events %+v", events)
	}
	var data map[string]any
	if err := json.Unmarshal(events[0].Data, &data); err != nil || data["late_seconds"] != 30. || data["due_at"] != "2025-01-02T23:00:00Z" {
		t.Errorf("data %s, %v", events[0].Data, err)
	}

	open, err := s.OpenDeadlines(ctx, "drift", 10)
	if err != nil || len(open) != 3 || !open[0].Arrival.Stored.IsZero() || !open[0].DueAt.Equal(due) || open[0].SeenAt.Sub(due).Truncate(time.Millisecond) != 30*time.Second {
		t.Fatalf("open deadlines %+v, %v", open, err)
	}
	if few, err := s.OpenDeadlines(ctx, "drift", 2); err != nil || len(few) != 2 {
		t.Errorf("%d open deadlines, %v", len(few), err)
	}
	// Data of another session is not what was due.
	ingest(t, s, "AAA", []etf.Bar{bar(day(1), 1)})
	if open, _ = s.OpenDeadlines(ctx, "drift", 10); !open[0].Arrival.Stored.IsZero() {
		t.Errorf("another session's bar counts: %+v", open[0])
	}
	p, _ := ingest(t, s, "AAA", []etf.Bar{bar(day(0), 1)})
	f := forecastOf("AAA", "drift", day(0), p.DataVersion)
	if _, _, err := appendOne(ctx, s, f); err != nil {
		t.Fatal(err)
	}
	open, err = s.OpenDeadlines(ctx, "drift", 10)
	if err != nil {
		t.Fatal(err)
	}
	var met []etf.MissedDeadline
	for _, m := range open {
		if m.Symbol == "AAA" {
			if m.Arrival.Stored.IsZero() || m.Arrival.Forecast.IsZero() {
				t.Errorf("what came is not read: %+v", m)
			}
			m.MetAt = due.Add(time.Hour)
			met = append(met, m)
		}
	}
	for i, want := range []int{2, 0} {
		if list, err := s.RecordMet(ctx, met); err != nil || len(list) != want {
			t.Errorf("time %d: %d deadlines were met, want %d: %v", i, len(list), want, err)
		}
	}
	events = eventsOf(t, d, "AAA")
	if len(events) != 4 || events[3].Kind != etf.EventDeadlineMet {
		t.Fatalf("events %+v", events)
	}
	if err := json.Unmarshal(events[3].Data, &data); err != nil || data["late_seconds"] != 3600. {
		t.Errorf("data %s, %v", events[3].Data, err)
	}
	if open, err = s.OpenDeadlines(ctx, "drift", 10); err != nil || len(open) != 1 || open[0].Symbol != "BBB" {
		t.Errorf("still open: %+v, %v", open, err)
	}
	// A deadline that was met is not missed again.
	if list, err := s.RecordMissed(ctx, all[:2]); err != nil || len(list) != 0 {
		t.Errorf("recorded again: %v, %v", list, err)
	}
}

// More deadlines than one transaction records.
func TestManyDeadlines(t *testing.T) { onServers(t, testManyDeadlines) }

func testManyDeadlines(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "AAA")
	var list []etf.MissedDeadline
	for n := range 600 {
		list = append(list, etf.MissedDeadline{Symbol: "AAA", Exchange: etf.XNYS, Session: day(n), Kind: etf.DeadlineStored, DueAt: time.Now(), SeenAt: time.Now()})
	}
	recorded, err := s.RecordMissed(context.Background(), list)
	if err != nil || len(recorded) != 600 {
		t.Fatal(len(recorded), err)
	}
	if mark, err := s.NewestEvent(context.Background()); err != nil || mark < 600 {
		t.Errorf("newest event %d, %v", mark, err)
	}
	marks, err := s.EventMarks(context.Background(), 0, 1000)
	if err != nil || len(marks) != 601 /* one of the registration */ || marks[0].Symbol != "AAA" || marks[600].ID <= marks[0].ID {
		t.Errorf("%d events, %v", len(marks), err)
	}
}
