package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// What a run behind the others starts is behind the others too.
func TestRunBehindTheOthers(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	p := s.start(t, nil, "up")
	p.waitReady()
	symbols := p.registerSimulated(etf.XKRX, 1)
	cal, err := calendar.For(etf.XKRX)
	if err != nil {
		t.Fatal(err)
	}
	session, err := cal.LastClosed(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		behind bool
		want   int32
	}{{true, 5}, {false, 2}} {
		in := workflows.DailyInput{Exchange: etf.XKRX, Session: session, Symbols: symbols, Attempt: 1, Behind: c.behind}
		if !c.behind {
			in.Attempt = 2
		}
		if _, err := s.client.ExecuteWorkflow(t.Context(), dispatch.DailyOptions(in), workflows.DailyWorkflow, in); err != nil {
			t.Fatal(err)
		}
		if r := p.waitRun("/v1/runs/" + string(in.Run())); r.Status != etf.RunCompleted || r.Counts.Due != 1 {
			t.Fatalf("%s: %s, %+v", r.ID, r.Status, r.Counts)
		}
		for _, id := range []string{in.Run().WorkflowID(), workflows.UpdateID(symbols[0], session)} {
			d, err := s.client.DescribeWorkflowExecution(t.Context(), id, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := d.GetWorkflowExecutionInfo().GetPriority().GetPriorityKey(); got != c.want {
				t.Errorf("behind %v: %s has the priority %d, want %d", c.behind, id, got, c.want)
			}
		}
	}
	p.must(http.MethodGet, "/v1/etfs/"+string(symbols[0])+"/forecasts/latest", nil, http.StatusOK)
}
