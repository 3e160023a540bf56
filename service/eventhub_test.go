package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// eventTable is a Store of events, and of one run.
type eventTable struct {
	Store
	mu     sync.Mutex
	events []etf.Event
	reads  int
	err    error
	run    etf.Run
}

func (t *eventTable) Events(_ context.Context, q etf.EventQuery) (list []etf.Event, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads++
	for _, e := range t.events {
		if e.ID > q.After && (q.Through == 0 || e.ID <= q.Through) && q.Selects(e) && len(list) < q.Limit {
			list = append(list, e)
		}
	}
	return list, t.err
}

func (t *eventTable) EventSpan(context.Context) (etf.EventSpan, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == 0 {
		return etf.EventSpan{}, t.err
	}
	return etf.EventSpan{Oldest: t.events[0].ID, Newest: t.events[len(t.events)-1].ID}, t.err
}

func (t *eventTable) NewestEventBefore(_ context.Context, before time.Time) (id int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.events {
		if e.At.Before(before) {
			id = e.ID
		}
	}
	return id, t.err
}

func (t *eventTable) PruneEvents(_ context.Context, before time.Time, limit int) (n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n < limit && len(t.events) > 1 && t.events[0].At.Before(before) {
		t.events = t.events[1:]
		n++
	}
	return n, t.err
}

func (t *eventTable) Run(context.Context, etf.RunID) (etf.Run, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.run, nil
}

func (t *eventTable) set(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

// add appends n events of a kind with the next numbers.
func (t *eventTable) add(at time.Time, n int, e etf.Event) {
	t.set(func() {
		for range n {
			e.ID, e.At = int64(len(t.events))+1, at
			t.events = append(t.events, e)
		}
	})
}

func follow(t *testing.T, s *Service, f EventFollow) *EventStream {
	t.Helper()
	stream, err := s.FollowEvents(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// take reads from the stream until n events have come, for at most 10 s.
func take(t *testing.T, s *EventStream, n int) (ids []int64, ended bool) {
	t.Helper()
	for begun := time.Now(); len(ids) < n && !ended && time.Since(begun) < 10*time.Second; {
		events, over, err := s.Next(t.Context(), 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		ids, ended = append(ids, idsOf(events)...), over
	}
	return ids, ended
}

func upTo(first, last int64) (ids []int64) {
	for id := first; id <= last; id++ {
		ids = append(ids, id)
	}
	return ids
}

// A stream that falls behind what is kept in memory, or begins far back, reads from the table, page by page, and goes on live.
func TestStreamFallsBehind(t *testing.T) {
	t.Parallel()
	table := &eventTable{}
	s := New(Deps{Store: table, Now: atNow})
	table.add(now.Add(-time.Hour), 2500, etf.Event{Kind: etf.EventStored, Exchange: etf.XNYS})
	quick, slow, first := follow(t, s, EventFollow{}), follow(t, s, EventFollow{}), int64(0)
	back := follow(t, s, EventFollow{After: &first})
	if quick.Position() != 2500 || !quick.Begins || back.Reset || back.Begins {
		t.Fatalf("at %d, %+v", quick.Position(), back)
	}
	const more = eventsKept + 1500
	table.add(now, more, etf.Event{Kind: etf.EventStored, Exchange: etf.XKRX})
	for name, c := range map[string]struct {
		stream *EventStream
		first  int64
	}{"quick": {quick, 2501}, "slow": {slow, 2501}, "back": {back, 1}} {
		want := upTo(c.first, 2500+more)
		if got, _ := take(t, c.stream, len(want)); !slices.Equal(got, want) {
			t.Errorf("%s: %d events, want %d", name, len(got), len(want))
		}
		defer c.stream.Close()
	}
	korean := follow(t, s, EventFollow{Exchange: "XKRX", After: &first})
	defer korean.Close()
	if got, _ := take(t, korean, more); !slices.Equal(got, upTo(2501, 2500+more)) {
		t.Errorf("%d events of one exchange", len(got))
	}
	if n := len(s.events.recent); n != eventsKept {
		t.Errorf("%d events are kept in memory", n)
	}
}

// Without streams nothing is read and nothing is kept. A database that is away when the first stream opens is an error; one that goes
// away later is read again once it is back.
func TestPollingFollowsStreams(t *testing.T) {
	t.Parallel()
	table := &eventTable{err: storeAway}
	s := New(Deps{Store: table, Now: atNow})
	if _, err := s.FollowEvents(t.Context(), EventFollow{}); !errors.Is(err, storeAway) {
		t.Fatalf("%v", err)
	}
	table.set(func() { table.err = nil })
	stream := follow(t, s, EventFollow{})
	table.set(func() { table.err = storeAway })
	table.add(now, 1, etf.Event{Kind: etf.EventStored})
	reads := func() (n int) { table.set(func() { n = table.reads }); return n }
	for begun, before := time.Now(), reads(); reads() < before+2; {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it does not try again")
		}
		if events, _, err := stream.Next(t.Context(), 50*time.Millisecond); err != nil || len(events) > 0 {
			t.Fatalf("%v, %v", events, err)
		}
	}
	table.set(func() { table.err = nil })
	if got, _ := take(t, stream, 1); !slices.Equal(got, []int64{1}) {
		t.Errorf("%v", got)
	}
	stream.Close()
	s.events.mu.Lock()
	if s.events.stop != nil || s.events.recent != nil || s.events.streams != 0 {
		t.Error("the polling goes on without streams")
	}
	s.events.mu.Unlock()
	table.add(now, 1, etf.Event{Kind: etf.EventStored})
	if again := follow(t, s, EventFollow{}); again.Position() != 2 {
		t.Errorf("a new stream begins at %d", again.Position())
	} else {
		again.Close()
	}
}

// The end of a run that was terminated is in no event: the stream asks.
func TestStreamOfATerminatedRun(t *testing.T) {
	t.Parallel()
	const id = "daily:XNYS:2025-09-26"
	table := &eventTable{run: etf.Run{ID: id, Status: etf.RunRunning}}
	temporal := &executions{status: etf.RunRunning}
	s := New(Deps{Store: table, Temporal: temporal, Now: atNow})
	table.add(now, 1, etf.Event{Kind: etf.EventRunStarted, Run: id})
	stream := follow(t, s, EventFollow{Run: id})
	defer stream.Close()
	if got, ended := take(t, stream, 1); !slices.Equal(got, []int64{1}) || ended {
		t.Fatalf("%v, ended %v", got, ended)
	}
	if _, ended, err := stream.Next(t.Context(), time.Millisecond); ended || err != nil {
		t.Fatalf("ended %v, %v", ended, err)
	}
	temporal.set(etf.RunTerminated)
	if got, ended := take(t, stream, 1); len(got) > 0 || !ended {
		t.Errorf("%v, ended %v", got, ended)
	}
}

// executions is a Temporal that knows one run.
type executions struct {
	Temporal
	mu     sync.Mutex
	status etf.RunStatus
}

func (x *executions) set(status etf.RunStatus) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.status = status
}

func (x *executions) Execution(context.Context, string) (etf.Execution, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return etf.Execution{Status: x.status}, nil
}

func (x *executions) DailyStatus(context.Context, string) (workflows.DailyStatus, error) {
	return workflows.DailyStatus{}, temporalAway
}

// Old events go in batches until none is left.
func TestPruneEvents(t *testing.T) {
	t.Parallel()
	table := &eventTable{}
	s := New(Deps{Store: table, Now: atNow})
	table.add(now.Add(-etf.EventRetention-time.Second), 1200, etf.Event{Kind: etf.EventStored})
	table.add(now.Add(-etf.EventRetention), 3, etf.Event{Kind: etf.EventStored})
	if n, err := s.PruneEvents(t.Context()); n != 1200 || err != nil || len(table.events) != 3 {
		t.Errorf("%d deleted, %d left, %v", n, len(table.events), err)
	}
}
