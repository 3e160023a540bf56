package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Events reads what has happened.
type Events interface {
	// Events returns up to q.Limit events, ascending. A number that is missing among them may still appear: see etf.EventGap.
	Events(ctx context.Context, q etf.EventQuery) ([]etf.Event, error)
	EventSpan(ctx context.Context) (etf.EventSpan, error)
	// NewestEventBefore returns the highest ID of an event from before the instant; zero if there is none.
	NewestEventBefore(ctx context.Context, before time.Time) (int64, error)
	// PruneEvents deletes up to limit of the oldest events that are from before the instant, and returns how many.
	PruneEvents(ctx context.Context, before time.Time, limit int) (int, error)
}

const (
	// MaxEventStreams is how many streams of events a process serves at once.
	MaxEventStreams = 2000
	// eventPoll is how often the table of events is read while there are streams.
	eventPoll = 300 * time.Millisecond
	// eventPollTimeout ends a read of a database that does not respond; the next poll tries again.
	eventPollTimeout = 5 * time.Second
	// eventPage is how many events are read at once, and eventsKept how many stay in memory for all streams.
	eventPage  = 1000
	eventsKept = 4096
)

// ErrTooManyStreams is why no stream of events can be opened.
var ErrTooManyStreams = errors.New("too many streams")

// eventHub reads new events for all streams of the process: one query each eventPoll, however many streams there are, and none
// without streams. It keeps the newest events that may be passed on; a stream that is further behind reads from the database.
type eventHub struct {
	store  Events
	now    func() time.Time
	begins sync.Mutex // held while the first stream starts the polling

	mu      sync.Mutex
	streams int
	stop    context.CancelFunc // of the polling; nil while there is none
	order   eventOrder
	recent  []etf.Event // the newest that have been passed, at most eventsKept
	after   int64       // recent has every event after this one
	changed chan struct{}
}

// enter counts a stream in; the first one starts the polling.
func (h *eventHub) enter(ctx context.Context) error {
	h.begins.Lock()
	defer h.begins.Unlock()
	h.mu.Lock()
	if h.streams >= MaxEventStreams {
		h.mu.Unlock()
		return &etf.Error{Kind: etf.KindUnavailable, Err: ErrTooManyStreams, Message: fmt.Sprintf("%d streams of events are open, which is the limit", MaxEventStreams),
			Remedy: "close streams that nobody reads, or connect again after the seconds in Retry-After"}
	}
	h.streams++
	running := h.stop != nil
	h.mu.Unlock()
	if running {
		return nil
	}
	if err := h.begin(ctx); err != nil {
		h.leave()
		return err
	}
	return nil
}

// begin finds out from where on to read, and starts the polling.
func (h *eventHub) begin(ctx context.Context) error {
	from, err := h.store.NewestEventBefore(ctx, h.now().Add(-settledAge))
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.order, h.recent, h.after = eventOrder{passed: from}, nil, from
	h.changed = make(chan struct{})
	h.mu.Unlock()
	for {
		n, err := h.poll(ctx)
		if err != nil {
			return err
		}
		if n < eventPage {
			break
		}
	}
	polling, stop := context.WithCancel(context.Background())
	h.mu.Lock()
	h.stop = stop
	h.mu.Unlock()
	go h.run(polling)
	return nil
}

// leave counts a stream out; the last one ends the polling.
func (h *eventHub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams--; h.streams == 0 && h.stop != nil {
		h.stop()
		h.stop, h.recent = nil, nil
	}
}

func (h *eventHub) run(ctx context.Context) {
	ticker := time.NewTicker(eventPoll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for {
			n, err := h.poll(ctx)
			if err != nil || n < eventPage {
				break // a database that is away is asked again: nothing is lost
			}
		}
	}
}

// poll reads once and makes available what may be passed on. It returns how many events were passed on.
func (h *eventHub) poll(ctx context.Context) (int, error) {
	h.mu.Lock()
	after := h.order.passed
	h.mu.Unlock()
	reading, stop := context.WithTimeout(ctx, eventPollTimeout)
	defer stop()
	rows, err := h.store.Events(reading, etf.EventQuery{After: after, Limit: eventPage})
	if err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return 0, ctx.Err() // the polling has ended, and perhaps begun anew
	}
	passed := h.order.pass(rows, h.now())
	if len(passed) == 0 {
		return 0, nil
	}
	h.recent = append(h.recent, passed...)
	if extra := len(h.recent) - eventsKept; extra > 0 {
		h.after = h.recent[extra-1].ID
		h.recent = slices.Clone(h.recent[extra:])
	}
	close(h.changed)
	h.changed = make(chan struct{})
	return len(passed), nil
}

// position returns up to where events have been passed on.
func (h *eventHub) position() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.order.passed
}

// take returns the events after the position that the query selects, as far as they are in memory, and the position after
// them. If they are not (behind), it returns up to where the database can be read. changed is closed once there is more.
func (h *eventHub) take(after int64, q etf.EventQuery) (events []etf.Event, position int64, behind bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if after < h.after {
		return nil, h.order.passed, true, h.changed
	}
	first, _ := slices.BinarySearchFunc(h.recent, after+1, func(e etf.Event, id int64) int { return int(min(1, max(-1, e.ID-id))) })
	for _, e := range h.recent[first:] {
		if q.Selects(e) {
			events = append(events, e)
		}
	}
	return events, max(after, h.order.passed), false, h.changed
}

// EventFollow is what a stream of events shows, as the client wrote it.
type EventFollow struct {
	Exchange, Symbol string // "" = all
	Kinds            string // separated by commas; "" = all
	Run              string // "" = all
	// After is the number of the last event that the client has, nil if it has none: a stream of a run then begins with the run's
	// first event, any other one with the next event.
	After *int64
}

// EventStream passes on events in order, each once. It is not safe for concurrent use.
type EventStream struct {
	hub      *eventHub
	query    etf.EventQuery
	position int64
	// Reset means that the events after the client's last one are not, or no longer, stored; Begins that the client had none. The
	// stream begins after Position.
	Reset, Begins bool
	// runEnded asks whether the run has ended; nil if the stream is not of a run.
	runEnded func(context.Context) (bool, error)
	// since is what had been passed on before runEnded was asked: what it says counts for the run's events up to there.
	since int64
	// end is the event after which nothing more of the run is expected; notEnded while it goes on.
	end int64
}

const notEnded = -1

// FollowEvents opens a stream of events; Close ends it. Errors are KindInvalid with the query's names as Fields, KindNotFound for an
// unknown symbol or run, and KindUnavailable if too many streams are open.
func (s *Service) FollowEvents(ctx context.Context, f EventFollow) (*EventStream, error) {
	q, err := eventQuery(f)
	if err != nil {
		return nil, err
	}
	if q.Symbol != "" {
		if _, err := s.ETF(ctx, f.Symbol); err != nil {
			return nil, err
		}
	}
	if err := s.events.enter(ctx); err != nil {
		return nil, err
	}
	stream := &EventStream{hub: s.events, query: q, end: notEnded}
	if q.Run != "" {
		stream.runEnded = func(ctx context.Context) (bool, error) {
			run, err := s.Run(ctx, q.Run)
			return run.Status != etf.RunRunning, err
		}
	}
	if err := stream.start(ctx, f.After); err != nil {
		stream.Close()
		return nil, err
	}
	return stream, nil
}

// CheckEventFollow reports what is wrong with the form of what a stream is to show.
func CheckEventFollow(f EventFollow) error {
	_, err := eventQuery(f)
	return err
}

func eventQuery(f EventFollow) (q etf.EventQuery, err error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if f.Exchange != "" {
		q.Exchange, err = etf.ParseExchange(f.Exchange)
		note(err)
	}
	if f.Symbol != "" {
		q.Symbol, err = etf.ParseSymbol(f.Symbol)
		note(err)
	}
	if f.Kinds != "" {
		for name := range strings.SplitSeq(f.Kinds, ",") {
			kind := etf.EventKind(name)
			if !slices.Contains(etf.EventKinds(), kind) {
				note(etf.Invalid("kinds", fmt.Sprintf("%q is not a kind of event", etf.Clip(name, etf.MaxQuoted)), "use some of "+kindNames()+", separated by commas"))
				break
			}
			q.Kinds = append(q.Kinds, kind)
		}
	}
	if f.Run != "" {
		q.Run, err = etf.ParseRunID(f.Run)
		note(err)
	}
	if f.After != nil && *f.After < 0 {
		note(etf.Invalid("after", fmt.Sprintf("%d is not the number of an event", *f.After), "use the id of an event"))
	}
	return q, errors.Join(errs...)
}

func kindNames() string {
	names := make([]string, len(etf.EventKinds()))
	for i, k := range etf.EventKinds() {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// start sets where the stream begins.
func (s *EventStream) start(ctx context.Context, after *int64) error {
	passed := s.hub.position()
	if s.runEnded != nil {
		s.since = passed
		if err := s.askWhetherEnded(ctx); err != nil {
			return err
		}
	}
	switch {
	case after == nil && s.runEnded != nil:
		return nil
	case after == nil:
		s.position, s.Begins = passed, true
		return nil
	}
	span, err := s.hub.store.EventSpan(ctx)
	if err != nil {
		return err
	}
	s.position = *after
	// Nobody has been sent an event that has not been passed on: a client that was by another process may be ahead of this one.
	if *after < span.Oldest-1 || *after > span.Newest {
		s.position, s.Reset = passed, true
	}
	return nil
}

// askWhetherEnded sets the end if the run has ended: the events of it have been stored by then.
func (s *EventStream) askWhetherEnded(ctx context.Context) error {
	ended, err := s.runEnded(ctx)
	if err != nil || !ended {
		return err
	}
	span, err := s.hub.store.EventSpan(ctx)
	if err == nil {
		s.end = span.Newest
	}
	return err
}

// Position is the number up to which the stream has passed on everything that the query selects.
func (s *EventStream) Position() int64 { return s.position }

// Next returns the next events, ascending; none after the wait. ended means that the stream is of a run that has ended, and that
// there are no more events of it. A run that was terminated has no event that says so: after a wait, Next asks.
func (s *EventStream) Next(ctx context.Context, wait time.Duration) (events []etf.Event, ended bool, err error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		events, changed, caughtUp, err := s.read(ctx)
		if err != nil {
			return nil, false, err
		}
		for _, e := range events {
			switch {
			case e.ID <= s.since: // perhaps of an earlier execution of the run
			case e.Kind == etf.EventRunStarted:
				s.end = notEnded
			case e.Kind == etf.EventRunEnded:
				s.end = e.ID
			}
		}
		ended := s.runEnded != nil && caughtUp && s.end != notEnded && s.position >= s.end
		if len(events) > 0 || ended {
			return events, ended, nil
		}
		if !caughtUp {
			continue
		}
		select {
		case <-changed:
		case <-timer.C:
			if s.runEnded != nil && s.end == notEnded {
				_ = s.askWhetherEnded(ctx) // the next wait asks again
			}
			return nil, false, nil
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// read returns the events after the position, as many as there are in memory or on one page of the table.
func (s *EventStream) read(ctx context.Context) (events []etf.Event, changed <-chan struct{}, caughtUp bool, err error) {
	events, position, behind, changed := s.hub.take(s.position, s.query)
	if !behind {
		s.position = position
		return events, changed, true, nil
	}
	q := s.query
	q.After, q.Through, q.Limit = s.position, position, eventPage
	reading, stop := context.WithTimeout(ctx, eventPollTimeout)
	defer stop()
	if events, err = s.hub.store.Events(reading, q); err != nil {
		return nil, nil, false, err
	}
	if s.position = position; len(events) == eventPage {
		s.position = events[len(events)-1].ID
	}
	return events, changed, false, nil
}

// Close ends the stream.
func (s *EventStream) Close() { s.hub.leave() }

// PruneEvents deletes the events older than etf.EventRetention, in small batches, and returns how many.
func (s *Service) PruneEvents(ctx context.Context) (int, error) {
	const batch = 500
	before := s.now().Add(-etf.EventRetention)
	for total := 0; ; {
		n, err := s.store.PruneEvents(ctx, before, batch)
		total += n
		if err != nil || n < batch {
			return total, err
		}
	}
}
