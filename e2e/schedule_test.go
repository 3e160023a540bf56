package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
)

// runs returns every recorded run, newest first.
func (p *process) runs() []etf.Run {
	p.t.Helper()
	var page struct {
		Items []etf.Run `json:"items"`
	}
	raw, _ := p.must(http.MethodGet, "/v1/runs?limit=100", nil, http.StatusOK)
	if err := json.Unmarshal(raw, &page); err != nil {
		p.t.Fatal(err)
	}
	return page.Items
}

// waitSessions waits until exactly these sessions have a completed run, one each.
func (p *process) waitSessions(exchange etf.Exchange, want []etf.Session) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("runs of %v", want), func() error {
		var got []etf.Session
		for _, r := range p.runs() {
			if r.Exchange == exchange && r.Status == etf.RunCompleted {
				got = append(got, r.Session)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("completed runs of %v", got)
		}
		return nil
	})
}

func lastClosed(t *testing.T, exchange etf.Exchange) (*calendar.Calendar, etf.Session) {
	t.Helper()
	cal, err := calendar.For(exchange)
	if err != nil {
		t.Fatal(err)
	}
	session, err := cal.LastClosed(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return cal, session
}

// scheduleFired returns how many of the schedule's actions have ended.
func (s *stack) scheduleFired(t *testing.T, id string) int {
	t.Helper()
	d, err := s.client.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d.Info.NumActions - len(d.Info.RunningWorkflows)
}

// A schedule that fires three sessions late starts each of them once, oldest first. When it fires again at its own times,
// it starts nothing more.
func TestScheduleCatchesUpThreeSessionsOnce(t *testing.T) {
	t.Parallel()
	cal, last := lastClosed(t, etf.XNYS)
	first, err := cal.Nth(last, -3)
	if err != nil {
		t.Fatal(err)
	}
	want := cal.Sessions(etf.Window{From: first, To: last})

	s := newStack(t)
	p := s.start(t, nil, "up")
	p.waitReady()
	p.registerSimulated(etf.XNYS, 2)
	if done := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": first})); done.Status != etf.RunCompleted {
		t.Fatalf("the first session ended %s", done.Status)
	}
	if code := s.start(t, nil, "schedule", "apply").wait(); code != 0 {
		t.Fatalf("schedule apply ended with %d", code)
	}
	p.must(http.MethodPost, "/v1/schedules/daily-XNYS/trigger", nil, http.StatusAccepted)
	p.waitSessions(etf.XNYS, want)
	started := make([]etf.Session, 0, len(want))
	for _, r := range slices.Backward(p.runs()) {
		started = append(started, r.Session)
	}
	if !slices.Equal(started, want) {
		t.Errorf("sessions were started in the order %v", started)
	}

	// Now at its own times: the same schedule, every second.
	options, err := dispatch.ScheduleOptions(etf.XNYS, 0)
	if err != nil {
		t.Fatal(err)
	}
	handle := s.client.ScheduleClient().GetHandle(t.Context(), options.ID)
	before := s.scheduleFired(t, options.ID)
	if err := handle.Update(t.Context(), client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		in.Description.Schedule.Spec = &client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Second}}}
		return &client.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
	}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the schedule to fire on its own twice", func() error {
		if n := s.scheduleFired(t, options.ID) - before; n < 2 {
			return fmt.Errorf("it fired %d times", n)
		}
		return nil
	})
	if err := handle.Pause(t.Context(), client.SchedulePauseOptions{}); err != nil {
		t.Fatal(err)
	}
	p.waitSessions(etf.XNYS, want)
	if n := s.count(t, "SELECT COUNT(*) FROM forecasts"); n != 2*len(p.models())*len(want) {
		t.Errorf("%d forecasts of 2 ETFs and %d sessions", n, len(want))
	}
}

// The schedule is three sessions late, and the API has started the newest one: that runs once, and the two before it are
// not forgotten, whichever runs first.
func TestScheduleMeetsRunStartedByAPI(t *testing.T) {
	t.Parallel()
	cal, last := lastClosed(t, etf.XKRX)
	first, err := cal.Nth(last, -3)
	if err != nil {
		t.Fatal(err)
	}
	want := cal.Sessions(etf.Window{From: first, To: last})
	s := newStack(t)
	p := s.start(t, nil, "up")
	p.waitReady()
	p.registerSimulated(etf.XKRX, 10)
	if code := s.start(t, nil, "schedule", "apply", "--exchange", "XKRX").wait(); code != 0 {
		t.Fatalf("schedule apply ended with %d", code)
	}
	if done := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XKRX, "session": first})); done.Status != etf.RunCompleted {
		t.Fatalf("the first session ended %s", done.Status)
	}
	location := p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XKRX})
	p.must(http.MethodPost, "/v1/schedules/daily-XKRX/trigger", nil, http.StatusAccepted)
	eventually(t, "the schedule's action to end", func() error {
		if n := s.scheduleFired(t, "daily-XKRX"); n < 1 {
			return fmt.Errorf("it ended %d times", n)
		}
		return nil
	})
	if done := p.waitRun(location); done.Counts.Updated != 10 {
		t.Errorf("the run ended with %+v", done.Counts)
	}
	p.waitSessions(etf.XKRX, want)
	if n := len(p.runs()); n != len(want) {
		t.Errorf("%d runs of %d sessions", n, len(want))
	}
}
