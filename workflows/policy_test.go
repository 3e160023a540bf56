package workflows

import (
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"
)

// No policy limits the number of attempts: that depends on the error, and package activities decides it. All policies
// have a timeout, so that nothing stays open for ever unnoticed.
func TestPoliciesWaitAndEnd(t *testing.T) {
	for name, p := range map[string]workflow.ActivityOptions{
		"store": storePolicy("x"), "fetch": fetchPolicy("yahoo", "x", 0), "fit": fitPolicy("x"),
	} {
		if p.RetryPolicy.MaximumAttempts != 0 || len(p.RetryPolicy.NonRetryableErrorTypes) != 0 {
			t.Errorf("%s gives up by count or type", name)
		}
		if p.ScheduleToCloseTimeout != 24*time.Hour {
			t.Errorf("%s ends after %s", name, p.ScheduleToCloseTimeout)
		}
		if p.StartToCloseTimeout <= 0 || p.StartToCloseTimeout > 15*time.Minute {
			t.Errorf("%s lets one attempt take %s", name, p.StartToCloseTimeout)
		}
		if p.HeartbeatTimeout <= 0 || p.HeartbeatTimeout > 30*time.Second {
			t.Errorf("a killed worker's %s is noticed after %s", name, p.HeartbeatTimeout)
		}
		if p.Summary == "" {
			t.Errorf("%s drops the summary", name)
		}
	}
	if p := watchPolicy("x"); p.HeartbeatTimeout == 0 || p.Summary == "" {
		t.Errorf("watch has no heartbeat timeout or no summary: %+v", p)
	}
}

// A killed worker's activities are resumed within 25 s, however many attempts there were before.
func TestKilledWorkersAreReplacedSoon(t *testing.T) {
	for name, p := range map[string]workflow.ActivityOptions{
		"store": storePolicy("x"), "fetch": fetchPolicy("yahoo", "x", 0), "fit": fitPolicy("x"), "watch": watchPolicy("x"),
	} {
		if wait := p.HeartbeatTimeout + p.RetryPolicy.MaximumInterval; wait > 25*time.Second {
			t.Errorf("%s: %s", name, wait)
		}
	}
}

// A task queue that nobody polls is given up in time before the exchange's next close, but a restart of the workers is
// waited for.
func TestFetchesWaitForWorkersInTime(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{
		0: 4 * time.Hour, 20 * time.Hour: 4 * time.Hour, time.Hour: time.Hour, time.Nanosecond: 30 * time.Minute,
	} {
		if got := fetchPolicy("yahoo", "x", left).ScheduleToStartTimeout; got != want {
			t.Errorf("with %s left, a worker is waited for for %s, want %s", left, got, want)
		}
	}
}
