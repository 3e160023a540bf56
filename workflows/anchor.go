package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var anchoring *activities.Anchoring

// anchored is what anchoring came to; zero if nothing was anchored because the workflow began before 0.2.
type anchored struct {
	result  activities.AnchorResult
	failure string
	done    bool
}

// anchorHeads anchors the heads of the chains of the scope in the ledger. A failure is logged and returned: the next run of the
// ETFs anchors the same heads, so it fails nothing.
func anchorHeads(ctx workflow.Context, scope etf.AnchorScope, run etf.RunID, summary string) anchored {
	if workflow.GetVersion(ctx, changeAnchor, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return anchored{}
	}
	a := anchored{done: true}
	actx := workflow.WithActivityOptions(ctx, storePolicy(summary+": ledger"))
	err := workflow.ExecuteActivity(actx, anchoring.Anchor, activities.AnchorInput{Scope: scope, Run: run}).Get(actx, &a.result)
	if err != nil {
		a.failure = describe(err)
		if temporal.IsCanceledError(err) {
			a.failure = "cancelled"
		}
		workflow.GetLogger(ctx).Error("heads not anchored", "run", run, "error", err)
	}
	return a
}

// checkpoint returns the ledger's newest checkpoint; nil if there is none.
func (a anchored) checkpoint() *etf.Checkpoint {
	if a.failure != "" || a.result.Checkpoint.Size == 0 {
		return nil
	}
	c := a.result.Checkpoint
	return &c
}

// String describes the result to people, for example "3 leaves, checkpoint 17"; it is empty if nothing was anchored.
func (a anchored) String() string {
	switch {
	case !a.done:
		return ""
	case a.failure != "":
		return "not anchored: " + a.failure + "; the next run anchors the same forecasts"
	}
	leaves := "leaves"
	if a.result.Leaves == 1 {
		leaves = "leaf"
	}
	text := fmt.Sprintf("%s %s, checkpoint %s", thousands(a.result.Leaves), leaves, thousands(int(a.result.Checkpoint.Size)))
	if a.result.NotKept != "" {
		text += "; not in a file: " + a.result.NotKept
	}
	return text
}
