package e2e

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// message is one message of a stream of events.
type message struct{ id, event, data string }

// follow reads a stream of the process and calls do for each message with an event, until do returns false or the stream ends.
func (p *process) follow(path, last string, do func(message) bool) error {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.t.Context(), waitLimit)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	var m message
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "":
			if m.event != "" && !do(m) {
				return nil
			}
			m.event, m.data = "", ""
		}
	}
	return lines.Err()
}

// The API is killed, and stopped, in the middle of a stream of a run's events: a client that resumes gets each of them once, in
// order, and nothing else.
func TestRestartsLoseNoEvent(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	if code := s.start(t, nil, "migrate", "--grant", s.user).wait(); code != 0 {
		t.Fatalf("migrate ended with %d", code)
	}
	api, worker := s.start(t, nil, "api"), s.start(t, nil, "worker")
	api.waitReady()
	worker.waitReady()
	api.registerSimulated(etf.XNYS, 12)

	var got []int64
	last, hello, location := "", int64(0), ""
	restarts := []int{5, 15, 25, 35} // after so many events
	over, ended := false, false      // the run; the stream, by the server
	for !over {
		err := api.follow("/v1/events", last, func(m message) bool {
			last = m.id
			switch m.event {
			case "hello":
				hello, _ = strconv.ParseInt(m.id, 10, 64)
				location = api.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": "2025-09-26"})
				return true
			case "end":
				ended = true
				return true
			case "reset":
				t.Errorf("the stream began anew: %+v", m)
				return true
			}
			id, err := strconv.ParseInt(m.id, 10, 64)
			var data etf.Event
			if err2 := json.Unmarshal([]byte(m.data), &data); err != nil || err2 != nil || data.ID != id || string(data.Kind) != m.event || data.At.IsZero() {
				t.Errorf("message %+v", m)
			}
			got = append(got, id)
			over = m.event == string(etf.EventRunEnded)
			return !over && (len(restarts) == 0 || len(got) < restarts[0])
		})
		if over {
			break
		}
		if len(restarts) == 0 || len(got) < restarts[0] {
			t.Fatalf("the stream ended after %d events: %v", len(got), err)
		}
		// A process that is killed, and one that ends its streams: the latter while a stream is open.
		if len(restarts)%2 == 0 {
			api.kill()
		} else {
			reading := make(chan error, 1)
			opened := make(chan bool, 1)
			go func() {
				reading <- api.follow("/v1/events", "", func(m message) bool {
					if m.event == "hello" {
						opened <- true
					}
					ended = ended || m.event == "end"
					return true
				})
			}()
			<-opened
			api.interrupt()
			if err := <-reading; err != nil || !ended {
				t.Errorf("a stream of a process that stops: %v, told %v", err, ended)
			}
			ended = false
		}
		restarts = restarts[1:]
		api = s.start(t, nil, "api")
		api.waitReady()
	}
	if len(restarts) > 0 {
		t.Errorf("%d events have come: too few for %d more restarts", len(got), len(restarts))
	}
	if want := eventIDs(t, s, fmt.Sprintf("id > %d AND id <= %d", hello, got[len(got)-1])); !slices.Equal(got, want) {
		t.Errorf("the stream has\n%v\nthe table\n%v", got, want)
	}

	// The run's own stream tells the run from its beginning, and ends.
	var ofRun []int64
	finished := false
	if err := api.follow(location+"/events", "", func(m message) bool {
		if finished = m.event == "end"; !finished {
			id, _ := strconv.ParseInt(m.id, 10, 64)
			ofRun = append(ofRun, id)
		}
		return !finished
	}); err != nil || !finished {
		t.Errorf("the run's stream: %v, ended %v", err, finished)
	}
	run := strings.TrimPrefix(location, "/v1/runs/")
	if want := eventIDs(t, s, "run_id = '"+run+"'"); !slices.Equal(ofRun, want) || len(want) < 12*4 {
		t.Errorf("the run's stream has\n%v\nthe table\n%v", ofRun, want)
	}
}

func eventIDs(t *testing.T, s *stack, where string) (ids []int64) {
	t.Helper()
	db, err := sql.Open("mysql", s.adminDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, row := range rowsOf(t, db, "SELECT id FROM events WHERE "+where+" ORDER BY id") {
		id, err := strconv.ParseInt(row, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}
