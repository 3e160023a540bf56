package workflows

import "go.temporal.io/sdk/workflow"

// continueAsNew returns the error with which a workflow continues as new, or that of its cancellation, of which the next run would not
// know.
func continueAsNew(ctx workflow.Context, name string, in any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, name, in)
}
