package workflows

import (
	"errors"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/etf"
)

// fanOut is a sliding window of open UpdateETF children. It uses a slice, not a map, so that children that become ready
// together are collected in the order they were started.
type fanOut struct {
	limit int
	open  []openUpdate
}

type openUpdate struct {
	symbol  etf.Symbol
	session etf.Session
	future  workflow.ChildWorkflowFuture
}

func (f *fanOut) free() bool { return len(f.open) < f.limit }
func (f *fanOut) idle() bool { return len(f.open) == 0 }

// start starts a child. If the parent ends first, for whatever reason, the child is sent a cancellation: it stops between
// two steps and returns what it did.
func (f *fanOut) start(ctx workflow.Context, in UpdateETFInput) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            UpdateID(in.Symbol, in.Session),
		TaskQueue:             TaskQueue,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WaitForCancellation:   true,
		TypedSearchAttributes: in.SearchAttributes(),
		StaticSummary:         in.Summary(),
		StaticDetails:         in.Details(),
	})
	f.open = append(f.open, openUpdate{in.Symbol, in.Session, workflow.ExecuteChildWorkflow(ctx, UpdateETFWorkflow, in)})
}

// ready reports whether a child has ended.
func (f *fanOut) ready() bool {
	return slices.ContainsFunc(f.open, func(o openUpdate) bool { return o.future.IsReady() })
}

// collect removes the ended children from the window and returns their rows, in the order they were started.
func (f *fanOut) collect(ctx workflow.Context) []etf.RunETF {
	var rows []etf.RunETF
	f.open = slices.DeleteFunc(f.open, func(o openUpdate) bool {
		if !o.future.IsReady() {
			return false
		}
		rows = append(rows, o.ended(ctx))
		return true
	})
	return rows
}

// abandon empties the window and returns its children's rows as cancelled.
func (f *fanOut) abandon() []etf.RunETF {
	rows := f.active()
	for i := range rows {
		rows[i].Outcome = etf.OutcomeCancelled
	}
	f.open = nil
	return rows
}

// active returns the open children in the order they were started.
func (f *fanOut) active() []etf.RunETF {
	rows := make([]etf.RunETF, len(f.open))
	for i, o := range f.open {
		rows[i] = etf.RunETF{Symbol: o.symbol, Session: o.session, Outcome: etf.OutcomeRunning}
	}
	return rows
}

// ended reads how a child ended; its future is ready.
func (o openUpdate) ended(ctx workflow.Context) etf.RunETF {
	row := etf.RunETF{Symbol: o.symbol, Session: o.session, Stage: etf.StageFetch}
	var result etf.RunETF
	err := o.future.Get(ctx, &result)
	if err == nil {
		return result
	}
	var app *temporal.ApplicationError
	var cancelled *temporal.CanceledError
	switch {
	case temporal.IsWorkflowExecutionAlreadyStartedError(err):
		row.Stage, row.Outcome = "", etf.OutcomeElsewhere
		return row
	case errors.As(err, &cancelled):
		if cancelled.HasDetails() && cancelled.Details(&result) == nil {
			row = result
		}
		row.Outcome = etf.OutcomeCancelled
		return row
	case errors.As(err, &app) && app.HasDetails() && app.Details(&result) == nil && result.Symbol == o.symbol:
		return result
	}
	// It was terminated, timed out, or could not start: it left no details.
	f := failureOf(err)
	row.Outcome, row.ErrorType, row.ErrorMessage = etf.OutcomeFailed, f.Type, f.Message
	return row
}
