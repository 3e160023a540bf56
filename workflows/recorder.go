package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// recorder writes ended updates to the runs table in batches, one batch at a time, while the run continues: an activity
// per ETF would make the run a fifth slower.
type recorder struct {
	run     etf.RunID
	pending []etf.RunETF // not sent yet
	sent    []etf.RunETF // being written
	writing workflow.Future
}

func (r *recorder) add(row etf.RunETF) { r.pending = append(r.pending, row) }

// flush starts writing if nothing is being written and at least `least` rows are pending.
func (r *recorder) flush(ctx workflow.Context, counts etf.RunCounts, least int) {
	if r.writing != nil || len(r.pending) < least || len(r.pending) == 0 {
		return
	}
	n := min(len(r.pending), recordBatch)
	r.sent, r.pending = slices.Clone(r.pending[:n]), slices.Clone(r.pending[n:])
	ctx = workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s: %d done", r.run, counts.Done())))
	r.writing = workflow.ExecuteActivity(ctx, recording.RecordOutcomes, activities.RecordOutcomesInput{
		Run: r.run, Counts: counts, ETFs: r.sent,
	})
}

// ready reports whether a batch has been written.
func (r *recorder) ready() bool { return r.writing != nil && r.writing.IsReady() }

// check handles a write that has finished. If it did not succeed, its rows become pending again. A cancelled write is not
// an error, because the run writes once more before it ends.
func (r *recorder) check(ctx workflow.Context) error {
	if !r.ready() {
		return nil
	}
	err := r.writing.Get(ctx, nil)
	if err != nil {
		r.pending = append(r.sent, r.pending...)
	}
	r.sent, r.writing = nil, nil
	if temporal.IsCanceledError(err) {
		return nil
	}
	return err
}

func (r *recorder) empty() bool { return r.writing == nil && len(r.pending) == 0 }

// unrecorded returns the rows that may not be in the table yet, oldest first.
func (r *recorder) unrecorded() []etf.RunETF {
	return append(append([]etf.RunETF{}, r.sent...), r.pending...)
}
