package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func (f *fakeStore) Events(_ context.Context, q etf.EventQuery) (list []etf.Event, err error) {
	defer f.locked()()
	f.eventReads++
	for _, e := range f.events {
		if e.ID > q.After && (q.Through == 0 || e.ID <= q.Through) && q.Selects(e) && len(list) < q.Limit {
			list = append(list, e)
		}
	}
	return list, f.err
}

func (f *fakeStore) EventSpan(context.Context) (span etf.EventSpan, err error) {
	defer f.locked()()
	if n := len(f.events); n > 0 {
		span = etf.EventSpan{Oldest: f.events[0].ID, Newest: f.events[n-1].ID}
	}
	return span, f.err
}

func (f *fakeStore) NewestEventBefore(_ context.Context, before time.Time) (id int64, err error) {
	defer f.locked()()
	for _, e := range f.events {
		if e.At.Before(before) {
			id = e.ID
		}
	}
	return id, f.err
}

// happen appends events with the next numbers.
func (f *fakeStore) happen(list ...etf.Event) {
	defer f.locked()()
	for _, e := range list {
		if e.ID == 0 {
			e.ID = 1
			if n := len(f.events); n > 0 {
				e.ID = f.events[n-1].ID + 1
			}
		}
		if e.At.IsZero() {
			e.At = testNow
		}
		if e.Data == nil {
			e.Data = json.RawMessage("{}")
		}
		f.events = append(f.events, e)
	}
}

func stored(symbol etf.Symbol) etf.Event {
	return etf.Event{Kind: etf.EventStored, Exchange: etf.XNYS, Symbol: symbol, Run: "daily:XNYS:2025-09-26", Session: etf.MustSession("2025-09-26"),
		Subject: "f1", Data: json.RawMessage(`{"new":1}`)}
}

// message is one message of a stream; a comment has only Comment.
type message struct{ ID, Event, Data, Retry, Comment string }

// reader reads a stream, and fails the test if it takes more than 10 s for a message.
type reader struct {
	t    testing.TB
	body io.ReadCloser
	in   chan message
}

func (f *fixture) follow(path string, options ...option) *reader {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.server.URL+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, o := range options {
		o(r)
	}
	resp, err := f.server.Client().Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		f.t.Fatalf("%s: %s, %s, %v", path, resp.Status, got, resp.Header)
	}
	f.t.Cleanup(func() { quietly(resp.Body) })
	return newReader(f.t, resp.Body)
}

func newReader(t testing.TB, body io.ReadCloser) *reader {
	r := &reader{t: t, body: body, in: make(chan message, 10_000)}
	go func() {
		defer close(r.in)
		var m message
		for lines := bufio.NewScanner(body); lines.Scan(); {
			line := lines.Text()
			if line == "" {
				r.in <- m
				m = message{}
				continue
			}
			name, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch name {
			case "":
				m.Comment = value
			case "id":
				m.ID = value
			case "event":
				m.Event = value
			case "data":
				m.Data += value
			case "retry":
				m.Retry = value
			}
		}
	}()
	return r
}

// next returns the next message that is not a comment; the zero message at the end of the stream.
func (r *reader) next() message {
	r.t.Helper()
	for {
		select {
		case m, ok := <-r.in:
			if !ok || m.Comment == "" && m.Retry == "" {
				return m
			}
		case <-time.After(10 * time.Second):
			r.t.Fatal("no message within 10 s")
		}
	}
}

func (r *reader) want(event, id, data string) {
	r.t.Helper()
	if m := r.next(); m.Event != event || m.ID != id || data != "" && m.Data != data {
		r.t.Fatalf("message %+v, want event %s, id %s, data %s", m, event, id, data)
	}
}

func TestEventStream(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.store.happen(stored("SPY"), stored("QQQ"))
	all := f.follow("/v1/events")
	if m := <-all.in; m.Retry != "2000" {
		t.Errorf("first message %+v", m)
	}
	all.want("hello", "2", `{"newest":2}`)
	spy := f.follow("/v1/events?symbol=SPY&exchange=XNYS&kinds=etf.stored,run.ended")
	spy.want("hello", "2", "")
	korean := f.follow("/v1/events?exchange=XKRX")
	korean.want("hello", "2", "")
	f.store.happen(stored("QQQ"), stored("SPY"), etf.Event{Kind: etf.EventFetched, Symbol: "SPY", Exchange: etf.XNYS}, etf.Event{Kind: etf.EventAnchored, Exchange: etf.XKRX})
	all.want("etf.stored", "3", "")
	all.want("etf.stored", "4", `{"id":4,"at":"2025-09-27T12:00:00Z","kind":"etf.stored","exchange":"XNYS","session":"2025-09-26","symbol":"SPY","run":"daily:XNYS:2025-09-26","subject":"f1","data":{"new":1}}`)
	all.want("etf.fetched", "5", `{"id":5,"at":"2025-09-27T12:00:00Z","kind":"etf.fetched","exchange":"XNYS","symbol":"SPY","data":{}}`)
	all.want("ledger.anchored", "6", "")
	spy.want("etf.stored", "4", "")
	korean.want("ledger.anchored", "6", "")

	// Resumed: by the header, which takes precedence over the address, or by the address.
	f.follow("/v1/events?after=6", header("Last-Event-ID", "2")).want("etf.stored", "3", "")
	f.follow("/v1/events?after=4").want("etf.fetched", "5", "")
	f.follow("/v1/events?after=0").want("etf.stored", "1", "")
	again := f.follow("/v1/events?symbol=SPY&kinds=etf.stored&after=1")
	again.want("etf.stored", "4", "")

	// What can't be resumed begins anew.
	for _, id := range []string{"7", "9223372036854775807", "99999999999999999999", "x", "-1"} {
		f.follow("/v1/events", header("Last-Event-ID", id)).want("reset", "6", `{"newest":6}`)
	}
	f.store.mu.Lock()
	f.store.events = f.store.events[3:] // 1 to 3 are pruned
	f.store.mu.Unlock()
	expired := f.follow("/v1/events?after=2")
	expired.want("reset", "6", "")
	f.store.happen(stored("SPY"))
	expired.want("etf.stored", "7", "")
	f.follow("/v1/events?after=3").want("etf.stored", "4", "")
}

func TestRunEventStream(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const id = "daily:XNYS:2025-09-26"
	started := etf.Event{Kind: etf.EventRunStarted, Exchange: etf.XNYS, Run: id}
	ended := etf.Event{Kind: etf.EventRunEnded, Exchange: etf.XNYS, Run: id, Data: json.RawMessage(`{"status":"failed","counts":{"due":1},"error":"dial tcp 10.0.0.7:3306: refused, see /srv/data/SPY.csv"}`)}
	f.store.runs[id] = etf.Run{ID: id, Workflow: "daily", Exchange: etf.XNYS, Status: etf.RunRunning}
	f.temporal.executions["daily/XNYS/2025-09-26"] = etf.Execution{Status: etf.RunRunning}
	other := stored("SPY")
	other.Run = "daily:XNYS:2025-09-25"
	// An earlier execution has failed; it runs again.
	f.store.happen(started, stored("SPY"), ended, other, started)
	live := f.follow("/v1/runs/" + id + "/events")
	for i, kind := range []string{"run.started", "etf.stored", "run.ended", "run.started"} {
		live.want(kind, []string{"1", "2", "3", "5"}[i], "")
	}
	f.store.happen(stored("SPY"), ended)
	live.want("etf.stored", "6", "")
	// No account, address or folder of the server is shown.
	live.want("run.ended", "7", `{"id":7,"at":"2025-09-27T12:00:00Z","kind":"run.ended","exchange":"XNYS","run":"daily:XNYS:2025-09-26","data":{"counts":{"due":1},"error":"dial tcp refused, see SPY.csv","status":"failed"}}`)
	live.want("end", "", `{"ended":true}`)
	if m := live.next(); m != (message{}) {
		t.Errorf("after the end: %+v", m)
	}
	// One that has ended already is sent from its first event, or from where the client was.
	f.store.mu.Lock()
	f.store.runs[id] = etf.Run{ID: id, Workflow: "daily", Exchange: etf.XNYS, Status: etf.RunCompleted}
	f.store.mu.Unlock()
	past := f.follow("/v1/runs/"+id+"/events", header("Last-Event-ID", "5"))
	past.want("etf.stored", "6", "")
	past.want("run.ended", "7", "")
	past.want("end", "", `{"ended":true}`)
}

func TestEventStreamProblems(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.get("/v1/events?exchange=NYSE&symbol=spy&kinds=etf.stored,x&after=-1").wantProblem(t, 400, "exchange", "symbol", "kinds", "after")
	f.get("/v1/events?after=%2B1").wantProblem(t, 400, "after")
	f.get("/v1/events?after=1.5").wantProblem(t, 400, "after")
	f.get("/v1/events?kinds=etf.stored,").wantProblem(t, 400, "kinds")
	f.get("/v1/events?kind=etf.stored").wantProblem(t, 400, "kind")
	f.get("/v1/events?symbol=NONE").wantProblem(t, 404, "symbol")
	f.get("/v1/events", header("Accept", "application/json")).wantProblem(t, 406, "Accept")
	f.get("/v1/runs/x/events").wantProblem(t, 400, "id")
	f.get("/v1/runs/daily:XNYS:2025-09-26/events").wantProblem(t, 404, "id")
	f.get("/v1/runs/daily:XNYS:2025-09-26/events?symbol=SPY").wantProblem(t, 400, "symbol")
	f.post("/v1/events", "").wantProblem(t, 405)

}

func TestEventStreamHead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if a := f.send(http.MethodHead, "/v1/events", ""); a.status != 200 || a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%+v", a)
	}
	resp, err := f.server.Client().Head(f.server.URL + "/v1/events?after=x")
	if err != nil {
		t.Fatal(err)
	}
	defer quietly(resp.Body)
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%s", resp.Status)
	}
}

// serveStreams serves the API on loopback as the binary does, until stop.
func serveStreams(t testing.TB, f *fixture, times StreamTimes) (address string, stop func() error) {
	t.Helper()
	handler, err := New(Deps{Service: f.service, Streams: times})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, handler) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { _ = stop() })
	return listener.Addr().String(), stop
}

// dial opens a stream without a client of net/http, whose memory and goroutines would count too.
func dial(t testing.TB, address, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { quietly(conn) })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	return conn
}

// waitFor reads until the text has come.
func waitFor(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	buf := make([]byte, 4096)
	for !strings.Contains(string(got), text) {
		n, err := conn.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			t.Fatalf("%v before %q; got %q", err, text, got)
		}
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	address, _ := serveStreams(t, f, StreamTimes{Heartbeat: 20 * time.Millisecond})
	conn := dial(t, address, "/v1/events?symbol=SPY")
	waitFor(t, conn, ": heartbeat\nid: 0\n\n")
	f.store.happen(stored("QQQ")) // of which the stream tells only how far it has come
	waitFor(t, conn, ": heartbeat\nid: 1\n\n")
}

// A server that shuts down ends its streams at once, and does not wait 10 s for them.
func TestShutdownEndsStreams(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	address, stop := serveStreams(t, f, StreamTimes{})
	conns := make([]net.Conn, 20)
	for i := range conns {
		conns[i] = dial(t, address, "/v1/events")
		waitFor(t, conns[i], "event: hello")
	}
	begun := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > shutdownTimeout/2 {
		t.Errorf("the shutdown took %s", took)
	}
	for _, conn := range conns {
		waitFor(t, conn, "event: end\ndata: {}\n\n")
	}
}

// A client that does not read is disconnected, and keeps nobody else waiting; it resumes where it was.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	address, _ := serveStreams(t, f, StreamTimes{Write: 500 * time.Millisecond})
	slow := dial(t, address, "/v1/events")
	waitFor(t, slow, "event: hello")
	quick, err := http.Get("http://" + address + "/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer quietly(quick.Body)
	events := newReader(t, quick.Body)
	events.want("hello", "0", "")
	big := stored("SPY")
	big.Data = json.RawMessage(`{"x":"` + strings.Repeat("x", 3000) + `"}`)
	const total = 12_000 // 36 MB: more than the buffers of a loopback connection hold
	go func() {
		for range total / 100 {
			f.store.happen(slices.Repeat([]etf.Event{big}, 100)...)
		}
	}()
	for last := ""; last != fmt.Sprint(total); {
		m := events.next()
		if m == (message{}) {
			t.Fatalf("the quick client's stream ended after %s", last)
		}
		if m.ID != "" {
			last = m.ID
		}
	}
	eventually(t, func() error {
		if streams := metric(t, address, "etfcast_event_streams"); streams != "1" {
			return fmt.Errorf("%s streams are open", streams)
		}
		return nil
	})
	if err := slow.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(slow)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the slow client is still connected")
	}
	if n := strings.Count(string(text), "event: etf.stored"); n == 0 || n >= total {
		t.Errorf("the slow client got %d of %d events", n, total)
	}
	resumed := dial(t, address, "/v1/events?after=1")
	waitFor(t, resumed, "id: 2\n")
	if sent := metric(t, address, "etfcast_events_sent_total"); sent == "0" {
		t.Error("no event is counted")
	}
}

// eventually waits until check succeeds, for at most 10 s.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	var err error
	for begun := time.Now(); time.Since(begun) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// metric returns the value of a metric without labels.
func metric(t testing.TB, address, name string) string {
	t.Helper()
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer quietly(resp.Body)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return value
		}
	}
	t.Fatalf("there is no metric %s", name)
	return ""
}

// 1,000 idle streams cost less than 50 MB, one read of the table for all of them, and no goroutine is left after they end.
func TestIdleStreams(t *testing.T) { // not parallel: it measures the whole process
	const streams, limit = 1000, 50 << 20
	f := newFixture(t)
	address, _ := serveStreams(t, f, StreamTimes{})
	waitFor(t, dial(t, address, "/v1/events"), "event: hello") // what is made once
	inUse := func() (uint64, int) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse, runtime.NumGoroutine()
	}
	before, goroutines := inUse()
	conns := make([]net.Conn, streams)
	for i := range conns {
		conns[i] = dial(t, address, "/v1/events")
	}
	for _, conn := range conns {
		waitFor(t, conn, "event: hello")
	}
	f.store.happen(stored("SPY"))
	for _, conn := range conns {
		waitFor(t, conn, "id: 1\n")
	}
	during, many := inUse()
	t.Logf("%d idle streams: %.1f MB in use, %.1f kB each, %d goroutines", streams, float64(during-before)/1e6, float64(during-before)/1e3/streams, many-goroutines)
	if during-before > limit {
		t.Errorf("%d bytes in use by %d streams", during-before, streams)
	}
	f.store.mu.Lock()
	reads := f.store.eventReads
	f.store.mu.Unlock()
	begun := time.Now()
	eventually(t, func() error {
		f.store.mu.Lock()
		defer f.store.mu.Unlock()
		if f.store.eventReads < reads+3 {
			return errors.New("the table is not read")
		}
		return nil
	})
	f.store.mu.Lock()
	if n := f.store.eventReads - reads; n > int(time.Since(begun)/(200*time.Millisecond))+2 {
		t.Errorf("the table was read %d times in %s", n, time.Since(begun))
	}
	f.store.mu.Unlock()
	for _, conn := range conns {
		quietly(conn)
	}
	eventually(t, func() error {
		if n := runtime.NumGoroutine(); n > goroutines {
			return fmt.Errorf("%d goroutines are left of %d", n, goroutines)
		}
		return nil
	})
}

// The limit of streams is told with the problem's own type.
func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	streams := make([]*service.EventStream, service.MaxEventStreams)
	for i := range streams {
		var err error
		if streams[i], err = f.service.FollowEvents(t.Context(), service.EventFollow{}); err != nil {
			t.Fatal(err)
		}
	}
	a := f.get("/v1/events")
	if p := a.wantProblem(t, 503); p.Type != "/problems/too-many-streams" || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v, %v", p, a.header)
	}
	streams[0].Close()
	f.follow("/v1/events").want("hello", "0", "")
	for _, s := range streams[1:] {
		s.Close()
	}
}
