package workflows

import (
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
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

// The waits between a source's attempts are those in the comment on activities.SourceAttempts.
func TestFetchAttemptsTakeHalfAMinute(t *testing.T) {
	p := fetchPolicy("yahoo", "x").RetryPolicy
	total, pause := time.Duration(0), p.InitialInterval
	for range activities.SourceAttempts - 1 {
		total += min(pause, p.MaximumInterval)
		pause = time.Duration(float64(pause) * p.BackoffCoefficient)
	}
	if total != 26*time.Second { // 2 + 6 + 18
		t.Errorf("the pauses sum to %s", total)
	}
}
