package dispatch

import (
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

func TestDailyOptions(t *testing.T) {
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), Symbols: []etf.Symbol{"SPY"}, Attempt: 2}
	o := DailyOptions(in)
	if o.ID != "daily/XNYS/2025-09-26/6493341e6b56/rerun-2" || o.TaskQueue != "etfcast" {
		t.Errorf("started as %s on %s", o.ID, o.TaskQueue)
	}
	// A running or completed run is found; a failed, cancelled, terminated or timed-out one is started again.
	if o.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY ||
		o.WorkflowIDConflictPolicy != enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING {
		t.Errorf("reuse %s, conflict %s", o.WorkflowIDReusePolicy, o.WorkflowIDConflictPolicy)
	}
	if !strings.Contains(o.StaticSummary, "SPY") || !strings.Contains(o.StaticDetails, string(in.Run())) {
		t.Errorf("summary %q, details %q", o.StaticSummary, o.StaticDetails)
	}
	run, _ := o.TypedSearchAttributes.GetKeyword(workflows.RunAttribute)
	session, _ := o.TypedSearchAttributes.GetKeyword(workflows.SessionAttribute)
	if run != string(in.Run()) || session != "2025-09-26" {
		t.Errorf("search attributes: run %q, session %s", run, session)
	}
}

// What a run starts inherits its priority; a lower key goes first, and 3 is the default.
func TestRunsBehindGoLast(t *testing.T) {
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), Attempt: 1}
	if key := DailyOptions(in).Priority.PriorityKey; key != 2 {
		t.Errorf("a run has the priority %d", key)
	}
	in.Behind = true
	if o := DailyOptions(in); o.Priority.PriorityKey != 5 || o.ID != "daily/XNYS/2025-09-26" {
		t.Errorf("a run behind the others is %s with the priority %d", o.ID, o.Priority.PriorityKey)
	}
}

func TestScheduleFiresAfterTheClose(t *testing.T) {
	for _, c := range []struct {
		exchange   etf.Exchange
		id, zone   string
		cron       string
		close      string // the regular close in that zone
		firesAfter time.Duration
	}{
		{etf.XNYS, "daily-XNYS", "America/New_York", "30 17 * * 1-5", "16:00", 90 * time.Minute},
		{etf.XKRX, "daily-XKRX", "Asia/Seoul", "45 16 * * 1-5", "15:30", 75 * time.Minute},
	} {
		s, err := ScheduleOptions(c.exchange, 0)
		if err != nil {
			t.Fatal(err)
		}
		if s.ID != c.id || s.Spec.TimeZoneName != c.zone || len(s.Spec.CronExpressions) != 1 || s.Spec.CronExpressions[0] != c.cron {
			t.Errorf("%s: %s, %+v", c.exchange, s.ID, s.Spec)
		}
		if _, err := time.LoadLocation(c.zone); err != nil {
			t.Fatal(err)
		}
		closes, _ := time.Parse("15:04", c.close)
		fires, err := time.Parse("4 15", strings.Join(strings.Fields(c.cron)[:2], " "))
		if err != nil || fires.Sub(closes) != c.firesAfter {
			t.Errorf("%s fires %s after the close, %v", c.exchange, fires.Sub(closes), err)
		}
		if s.Overlap != enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE || s.CatchupWindow != 7*24*time.Hour || s.Spec.Jitter <= 0 || s.Spec.Jitter > 5*time.Minute {
			t.Errorf("%s: overlap %s, catch-up %s, jitter %s", c.exchange, s.Overlap, s.CatchupWindow, s.Spec.Jitter)
		}
		a := s.Action.(*client.ScheduleWorkflowAction)
		if a.ID != "tick/"+string(c.exchange) || a.Workflow != workflows.TickWorkflow || a.TaskQueue != "etfcast" || a.StaticSummary == "" ||
			len(a.Args) != 1 || a.Args[0].(workflows.TickInput).Exchange != c.exchange {
			t.Errorf("%s starts %+v", c.exchange, a)
		}
	}
	later, err := ScheduleOptions(etf.XNYS, 20*60+5)
	if err != nil || later.Spec.CronExpressions[0] != "5 20 * * 1-5" || later.Note != "20:05 New York, Monday to Friday" || later.Memo["fires"] != later.Note {
		t.Errorf("at another time: %+v, %v", later, err)
	}
	if DefaultSchedule(etf.XKRX) != 16*60+45 || DefaultSchedule("XXXX") != 0 {
		t.Error("the defaults are other times")
	}
	if _, err := ScheduleOptions("XXXX", 0); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("an unknown exchange gave %v", err)
	}
}

func TestEveryExchangeHasASchedule(t *testing.T) {
	for _, x := range etf.Exchanges() {
		if _, err := ScheduleOptions(x, 0); err != nil {
			t.Error(err)
		}
	}
}

func TestFindingOptions(t *testing.T) {
	o := FindingOptions(workflows.ResolveFindingInput{Finding: "ab12", Symbol: "SPY", Exchange: etf.XNYS, Rule: "jump"})
	// One that was decided may be taken back: its workflow has completed, and another starts.
	if o.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE {
		t.Errorf("reuse %s", o.WorkflowIDReusePolicy)
	}
	if o.ID != "finding/ab12" || o.StaticSummary == "" || o.WorkflowIDConflictPolicy != enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING {
		t.Errorf("got %+v", o)
	}
}
