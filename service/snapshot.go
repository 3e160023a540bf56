package service

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const (
	// readAgain is how old what was read may get before everything is read again: for changes without an event, made by a worker of an
	// earlier release.
	readAgain = time.Minute
	// maxNamed is how many ETFs are read one by one; if the new events name more, everything is read again.
	maxNamed = 300
	// eventsBack is how many numbers an event that commits late may lie behind the newest one when everything is read, and
	// maxMarks how many events are read at once.
	eventsBack = 1000
	maxMarks   = 5000
	// overviewTimeout limits the reads for an overview, which no request can cancel: others wait for them too.
	overviewTimeout = 20 * time.Second
)

// overviews keeps the newest overview of a process. A check reads the events since the last, and then the ETFs that they name.
type overviews struct {
	checks rounds[*snapshot]

	mu      sync.Mutex
	current *snapshot
	// fresh is everything, read in the background; it takes the place of current at the next check. reading says that it is being read.
	fresh   *snapshot
	reading bool
}

// snapshot is what was read and the overview made of it. It is never changed.
type snapshot struct {
	marks  marks
	readAt time.Time // when everything was read
	until  time.Time // when the overview is to be made again
	served servedModels
	states map[etf.Symbol]*etf.ETFState
	open   map[etf.Symbol][]etf.MissedDeadline
	items  map[etf.Symbol]overviewEntry
	whole  *Overview
	parts  map[etf.Exchange]*Overview
}

// of returns the overview of an exchange, or of all.
func (n *snapshot) of(x etf.Exchange) *Overview {
	if x == "" {
		return n.whole
	}
	return n.parts[x]
}

// checked returns a snapshot that was checked after the call began.
func (o *overviews) checked(ctx context.Context, s *Service) (*snapshot, error) {
	return o.checks.get(ctx, "reading the overview", func() (*snapshot, error) {
		o.mu.Lock()
		cur := o.current
		if o.fresh != nil {
			cur, o.fresh = o.fresh, nil
		}
		o.mu.Unlock()
		snap, err := o.check(s, cur)
		if err == nil {
			o.mu.Lock()
			o.current = snap
			o.mu.Unlock()
		}
		return snap, err
	})
}

// check returns a snapshot that counts in everything that is committed now.
func (o *overviews) check(s *Service, cur *snapshot) (*snapshot, error) {
	ctx, stop := context.WithTimeout(context.Background(), overviewTimeout)
	defer stop()
	now := s.now()
	if cur == nil {
		return s.readOverview(ctx, nil)
	}
	found, err := s.store.EventMarks(ctx, cur.marks.settled, maxMarks)
	if err != nil {
		return nil, err
	}
	named, changed := cur.marks.named(found)
	if len(found) == maxMarks || len(named) > maxNamed || now.Before(cur.readAt) {
		return s.readOverview(ctx, cur)
	}
	if now.Sub(cur.readAt) > readAgain {
		o.readLater(s, cur)
	}
	marks := cur.marks.after(found, now)
	if !changed && now.Before(cur.until) {
		same := *cur
		same.marks = marks
		return &same, nil
	}
	next := &snapshot{marks: marks, readAt: cur.readAt, served: cur.served, states: cur.states, open: cur.open}
	b, err := newBuilder(s, now)
	if err != nil {
		return nil, err
	}
	b.served = cur.served
	if changed {
		served, err := s.servedModels(ctx)
		if err != nil {
			return nil, err
		}
		if !maps.Equal(served, cur.served) { // the gate has given another verdict
			return s.readOverview(ctx, cur)
		}
		if err := next.update(ctx, b, named); err != nil {
			return nil, err
		}
	}
	return next, next.build(ctx, b, cur)
}

// readLater reads everything in the background, once at a time.
func (o *overviews) readLater(s *Service, cur *snapshot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reading || o.fresh != nil {
		return
	}
	o.reading = true
	go func() {
		ctx, stop := context.WithTimeout(context.Background(), overviewTimeout)
		defer stop()
		snap, err := s.readOverview(ctx, cur)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.reading = false
		if err == nil { // otherwise a later check tries again
			o.fresh = snap
		}
	}()
}

// readOverview reads everything. What has not changed since cur, which may be nil, is kept.
func (s *Service) readOverview(ctx context.Context, cur *snapshot) (*snapshot, error) {
	now := s.now()
	newest, err := s.store.NewestEvent(ctx) // first: what is read after it may be newer, never older
	if err != nil {
		return nil, err
	}
	m := marks{settled: max(0, newest-eventsBack), newest: newest}
	seen, err := s.store.EventMarks(ctx, m.settled, maxMarks)
	if err != nil {
		return nil, err
	}
	next := &snapshot{marks: m.after(seen, now), readAt: now, states: map[etf.Symbol]*etf.ETFState{}}
	b, err := newBuilder(s, now)
	if err != nil {
		return nil, err
	}
	if next.served, err = s.servedModels(ctx); err != nil {
		return nil, err
	}
	b.served = next.served
	if err := next.read(ctx, b, nil, cur); err != nil {
		return nil, err
	}
	return next, next.build(ctx, b, cur)
}

// update reads the ETFs that events have named.
func (n *snapshot) update(ctx context.Context, b *builder, named map[etf.Symbol]bool) error {
	before := *n
	n.states = maps.Clone(n.states)
	symbols := make([]etf.Symbol, 0, len(named))
	for symbol := range named {
		symbols = append(symbols, symbol)
		delete(n.states, symbol)
	}
	return n.read(ctx, b, symbols, &before)
}

// read reads these ETFs, nil for all, and the missed deadlines.
func (n *snapshot) read(ctx context.Context, b *builder, symbols []etf.Symbol, cur *snapshot) error {
	var err error
	if n.open, _, err = b.s.openDeadlines(ctx); err != nil {
		return err
	}
	if symbols != nil && len(symbols) == 0 {
		return nil
	}
	list, err := b.s.store.ETFStates(ctx, etf.StateQuery{Symbols: symbols, Model: b.s.benchmark(), Served: b.served.models(b.s.served), Since: b.since(), Full: true})
	if err != nil {
		return err
	}
	for i := range list {
		e := &list[i]
		if cur != nil {
			if old := cur.states[e.Symbol]; old != nil && reflect.DeepEqual(old, e) {
				e = old
			}
		}
		n.states[e.Symbol] = e
	}
	return nil
}

// build makes the overview. Items that are as they were keep their pointers.
func (n *snapshot) build(ctx context.Context, b *builder, cur *snapshot) error {
	if err := b.runs(ctx); err != nil {
		return err
	}
	n.items = make(map[etf.Symbol]overviewEntry, len(n.states))
	// Until cur.until, an entry depends on nothing but what is stored and served.
	stands := cur != nil && b.now.Before(cur.until) && maps.Equal(n.served, cur.served)
	for symbol, e := range n.states {
		var old overviewEntry
		known := false
		if cur != nil {
			old, known = cur.items[symbol]
		}
		if known && stands && cur.states[symbol] == e && len(cur.open[symbol]) == 0 && len(n.open[symbol]) == 0 {
			n.items[symbol] = old
			b.add(e, old)
			continue
		}
		entry, err := b.entry(e, n.open[symbol])
		if err != nil {
			return err
		}
		if old.item != nil && reflect.DeepEqual(old.item, entry.item) {
			entry.item = old.item
		}
		n.items[symbol] = entry
		b.add(e, entry)
	}
	n.until = b.until(n.states)
	n.whole = &Overview{AsOf: b.now.UTC(), Event: n.marks.newest, Exchanges: []OverviewExchange{}, Items: sortedItems(n.items)}
	n.parts = map[etf.Exchange]*Overview{}
	for _, x := range b.exchanges() {
		part := &Overview{AsOf: n.whole.AsOf, Event: n.whole.Event, Waiting: x.Waiting, Exchanges: []OverviewExchange{x}, Items: []*OverviewItem{}}
		for _, i := range n.whole.Items {
			if i.ETF.Exchange == x.Exchange {
				part.Items = append(part.Items, i)
			}
		}
		n.parts[x.Exchange] = part
		if x.ETFs == 0 && !slices.Contains(etf.HomeExchanges(), x.Exchange) {
			continue
		}
		n.whole.Exchanges = append(n.whole.Exchanges, x)
		w := &n.whole.Waiting
		w.Findings += x.Waiting.Findings
		w.Warnings += x.Waiting.Warnings
		w.Actions += x.Waiting.Actions
		w.Stale += x.Waiting.Stale
		w.Failed += x.Waiting.Failed
	}
	return nil
}

// marks are the events that are counted in: all up to settled, and the ones seen after it. A number after settled that is not seen may
// still belong to a transaction that commits later.
type marks struct {
	settled int64
	newest  int64
	seen    map[int64]bool
	past    []markedAt // ascending
}

// markedAt is the newest number at an instant. After etf.EventGap, all up to it are settled.
type markedAt struct {
	at     time.Time
	newest int64
}

// named returns the ETFs that events which are not counted in name, and whether there are such events.
func (m marks) named(found []etf.EventMark) (symbols map[etf.Symbol]bool, changed bool) {
	symbols = map[etf.Symbol]bool{}
	for _, e := range found {
		if !m.seen[e.ID] {
			changed = true
			if e.Symbol != "" {
				symbols[e.Symbol] = true
			}
		}
	}
	return symbols, changed
}

// after returns the marks with the events found after settled counted in.
func (m marks) after(found []etf.EventMark, now time.Time) marks {
	next := marks{settled: m.settled, newest: m.newest, past: m.past}
	for _, e := range found {
		next.newest = max(next.newest, e.ID)
	}
	if n := len(m.past); n == 0 || now.Sub(m.past[n-1].at) >= time.Second {
		next.past = append(append([]markedAt(nil), m.past...), markedAt{now, next.newest})
	}
	for len(next.past) > 0 && now.Sub(next.past[0].at) > etf.EventGap {
		next.settled, next.past = max(next.settled, next.past[0].newest), next.past[1:]
	}
	next.seen = make(map[int64]bool, len(found))
	for _, e := range found {
		if e.ID > next.settled {
			next.seen[e.ID] = true
		}
	}
	return next
}
