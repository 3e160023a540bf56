package workflows

import (
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// A workflow that is cancelled does not continue as new.
func TestContinueAsNew(t *testing.T) {
	for _, cancelled := range []bool{true, false} {
		env := newEnv(t)
		waits := func(ctx workflow.Context) error {
			_ = workflow.Sleep(ctx, time.Hour)
			return continueAsNew(ctx, TickWorkflow, TickInput{})
		}
		env.RegisterWorkflow(waits)
		if cancelled {
			env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
		}
		env.ExecuteWorkflow(waits)
		err := env.GetWorkflowError()
		if temporal.IsCanceledError(err) != cancelled || workflow.IsContinueAsNewError(err) == cancelled {
			t.Errorf("cancelled %v: %v", cancelled, err)
		}
	}
}
