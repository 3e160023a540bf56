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
		"store": storePolicy("x"), "fetch": fetchPolicy("yahoo", "x"), "fit": fitPolicy("x"),
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
		"store": storePolicy("x"), "fetch": fetchPolicy("yahoo", "x"), "fit": fitPolicy("x"), "watch": watchPolicy("x"),
	} {
		if wait := p.HeartbeatTimeout + p.RetryPolicy.MaximumInterval; wait > 25*time.Second {
			t.Errorf("%s: %s", name, wait)
		}
	}
}
