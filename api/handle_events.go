package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

const (
	mediaEvents = "text/event-stream"

	eventsRoute    = "/v1/events"
	runEventsRoute = "/v1/runs/:id/events"
)

// StreamTimes are the times of streams of events.
type StreamTimes struct {
	// Heartbeat is how often a stream without events sends a comment, so that both sides notice a broken connection: 15 s if zero.
	Heartbeat time.Duration
	// Write is how long a client may take to make room for the next messages: 20 s if zero.
	Write time.Duration
}

func (s StreamTimes) orDefault() StreamTimes {
	return StreamTimes{Heartbeat: cmp.Or(s.Heartbeat, 15*time.Second), Write: cmp.Or(s.Write, 20*time.Second)}
}

// follows reports whether the route's response is a stream that does not end by itself.
func follows(route string) bool { return route == eventsRoute || route == runEventsRoute }

// StreamEvents implements gen.StrictServerInterface.
func (s *server) StreamEvents(ctx context.Context, r gen.StreamEventsRequestObject) (gen.StreamEventsResponseObject, error) {
	p := r.Params
	return s.follow(ctx, service.EventFollow{Exchange: textOf(p.Exchange), Symbol: textOf(p.Symbol), Kinds: textOf(p.Kinds)}, p.After, p.LastEventID)
}

// StreamRunEvents implements gen.StrictServerInterface.
func (s *server) StreamRunEvents(ctx context.Context, r gen.StreamRunEventsRequestObject) (gen.StreamRunEventsResponseObject, error) {
	return s.follow(ctx, service.EventFollow{Run: r.Id}, r.Params.After, r.Params.LastEventID)
}

// follow opens a stream. It is closed once it has been sent.
func (s *server) follow(ctx context.Context, f service.EventFollow, after, last *string) (eventStream, error) {
	info := infoOf(ctx)
	if _, ok := negotiate(info.accept, mediaEvents); !ok {
		return eventStream{}, refuse(problemAccept, "Accept", "the header does not accept text/event-stream", "accept it")
	}
	var afterErr error
	if after != nil {
		n, err := strconv.ParseInt(*after, 10, 64)
		if err != nil || n < 0 || (*after)[0] == '+' {
			afterErr = etf.Invalid("after", fmt.Sprintf("%q is not the id of an event", etf.Clip(*after, etf.MaxQuoted)), "use the `id` of the last event you have, or omit it")
		}
		f.After = &n
	}
	if last != nil {
		n, err := strconv.ParseInt(*last, 10, 64)
		if err != nil || n < 0 {
			n = 1<<63 - 1 // no event of ours: the client is told to begin anew
		}
		f.After = &n
	}
	opening, stop := context.WithTimeout(ctx, temporalTimeout)
	defer stop()
	if afterErr != nil {
		f.After = nil
		return eventStream{}, errors.Join(service.CheckEventFollow(f), afterErr)
	}
	stream, err := s.FollowEvents(opening, f)
	switch {
	case errors.Is(err, service.ErrTooManyStreams):
		return eventStream{}, &httpError{problemStreams, etf.Errors(err)[0]}
	case err != nil:
		return eventStream{}, err
	}
	return eventStream{ctx: ctx, stream: stream, metrics: s.metrics, head: info.head, times: s.streams}, nil
}

// eventStream responds with events as they happen.
type eventStream struct {
	ctx     context.Context // the generated interface passes none to the response
	stream  *service.EventStream
	metrics *httpMetrics
	head    bool // HEAD: only the header
	times   StreamTimes
}

// VisitStreamEventsResponse implements gen.StreamEventsResponseObject.
func (e eventStream) VisitStreamEventsResponse(w http.ResponseWriter) error { return e.send(w) }

// VisitStreamRunEventsResponse implements gen.StreamRunEventsResponseObject.
func (e eventStream) VisitStreamRunEventsResponse(w http.ResponseWriter) error { return e.send(w) }

// send sends until the client goes, the server shuts down, or a run has ended. The client notices an error by the end of the
// connection, and resumes, so there is nothing to report.
func (e eventStream) send(w http.ResponseWriter) error {
	defer e.stream.Close()
	w.Header().Set("Content-Type", mediaEvents)
	w.Header().Set("X-Accel-Buffering", "no") // nginx passes messages on at once
	w.WriteHeader(http.StatusOK)
	if e.head {
		return nil
	}
	e.metrics.streams.Inc()
	defer e.metrics.streams.Dec()
	sender := http.NewResponseController(w)
	// What the server allows for reading a request would end the stream: the connection is still being read, to notice when it ends.
	if err := sender.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	draining := drainingOf(e.ctx)
	defer context.AfterFunc(draining, stop)()

	write := func(text []byte) bool {
		if err := sender.SetWriteDeadline(time.Now().Add(e.times.Write)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return false
		}
		if _, err := w.Write(text); err != nil {
			return false
		}
		return sender.Flush() == nil
	}
	if !write(e.greeting()) {
		return nil
	}
	for {
		events, ended, err := e.stream.Next(ctx, e.times.Heartbeat)
		var text []byte
		switch {
		case draining.Err() != nil:
			write([]byte("event: end\ndata: {}\n\n"))
			return nil
		case err != nil:
			return nil
		case len(events) == 0 && !ended:
			// The ID tells a filtered stream how far it has come, without a message.
			text = fmt.Appendf(text, ": heartbeat\nid: %d\n\n", e.stream.Position())
		}
		for _, event := range events {
			text = appendEvent(text, event)
		}
		if ended {
			text = append(text, "event: end\ndata: {\"ended\":true}\n\n"...)
		}
		if !write(text) || ended {
			return nil
		}
		e.metrics.events.Add(float64(len(events)))
	}
}

// greeting is what a stream begins with.
func (e eventStream) greeting() []byte {
	text := []byte("retry: 2000\n\n")
	name := ""
	switch {
	case e.stream.Begins:
		name = "hello"
	case e.stream.Reset:
		name = "reset"
	default:
		return text
	}
	return fmt.Appendf(text, "id: %d\nevent: %s\ndata: {\"newest\":%d}\n\n", e.stream.Position(), name, e.stream.Position())
}

// appendEvent appends an event's message.
func appendEvent(text []byte, e etf.Event) []byte {
	e.At = e.At.UTC()
	e.Data = withoutSecrets(e.Data)
	data, err := json.Marshal(e)
	if err != nil { // what is stored is no JSON
		e.Data = json.RawMessage("{}")
		data, _ = json.Marshal(e)
	}
	text = fmt.Appendf(text, "id: %d\nevent: %s\ndata: ", e.ID, e.Kind)
	return append(append(text, data...), "\n\n"...)
}

// withoutSecrets redacts the messages of errors in an event's data.
func withoutSecrets(data json.RawMessage) json.RawMessage {
	if !bytes.Contains(data, []byte(`"error`)) {
		return data
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if decoder.Decode(&tree) != nil {
		return data
	}
	text, err := json.Marshal(redactedTree(tree))
	if err != nil {
		return data
	}
	return text
}

func redactedTree(tree any) any {
	switch t := tree.(type) {
	case map[string]any:
		for name, value := range t {
			t[name] = redactedTree(value)
		}
	case []any:
		for i, value := range t {
			t[i] = redactedTree(value)
		}
	case string:
		return redacted(t)
	}
	return tree
}
