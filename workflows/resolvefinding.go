package workflows

import (
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var deciding *activities.Deciding

// ResolveFinding waits, for as long as it takes, for a person's decision on a finding (the update "decide"), applies
// it and returns the decided finding. No workflow waits for it. While waiting it has no timer and no activity, so it
// costs no more than its record in Temporal's database.
func ResolveFinding(ctx workflow.Context, in ResolveFindingInput) (etf.Finding, error) {
	var (
		decided   bool
		finding   etf.Finding
		decideErr error
	)
	workflow.SetCurrentDetails(ctx, findingDetails(in))
	err := workflow.SetQueryHandler(ctx, StatusQuery, func() (FindingStatus, error) {
		return FindingStatus{Finding: in.Finding, Decision: finding.Decision, By: finding.By, Why: finding.Why}, nil
	})
	if err != nil {
		return etf.Finding{}, err
	}
	busy := workflow.NewMutex(ctx)
	decide := func(ctx workflow.Context, d Decision) (etf.Finding, error) {
		// One decision at a time: a second one waits for the result of the first.
		if err := busy.Lock(ctx); err != nil {
			return etf.Finding{}, err
		}
		defer busy.Unlock()
		if decided {
			if decideErr == nil && finding.Decision == d.Decision {
				return finding, nil
			}
			return etf.Finding{}, temporal.NewApplicationError("the finding has already been decided; the first decision stands", activities.TypeConflict)
		}
		actx := workflow.WithActivityOptions(ctx, storePolicy(string(d.Decision)+" by "+etf.Clip(d.By, 60)))
		var result etf.Finding
		err := workflow.ExecuteActivity(actx, deciding.Decide, activities.DecideInput{
			Finding: in.Finding, Decision: d.Decision, By: d.By, Why: d.Why,
		}).Get(actx, &result)
		if err != nil {
			if !temporal.IsCanceledError(err) {
				decided, decideErr = true, err
			}
			return etf.Finding{}, err
		}
		decided, finding = true, result
		return result, nil
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, DecideUpdate, decide, workflow.UpdateHandlerOptions{
		Description: "Decide on the finding: accept (the rows are right) or reject (they are wrong).",
		Validator:   func(d Decision) error { return d.validate() },
	})
	if err != nil {
		return etf.Finding{}, err
	}
	err = workflow.Await(ctx, func() bool { return decided && workflow.AllHandlersFinished(ctx) })
	if err != nil {
		return etf.Finding{}, err
	}
	if decideErr != nil {
		f := failureOf(decideErr)
		workflow.SetCurrentDetails(ctx, "The decision could not be applied: "+f.Message)
		return etf.Finding{}, temporal.NewNonRetryableApplicationError(f.Message, f.Type, nil)
	}
	workflow.SetCurrentDetails(ctx, decidedDetails(finding))
	return finding, nil
}

// validate rejects an incomplete decision, before anything enters the history.
func (d Decision) validate() error {
	invalid := func(message string) error { return temporal.NewApplicationError(message, activities.TypeInvalid) }
	switch {
	case d.Decision != etf.Accept && d.Decision != etf.Reject:
		return invalid(`decision: use "accept" or "reject"`)
	case strings.TrimSpace(d.By) == "" || len(d.By) > 100:
		return invalid("by: say who decides, in at most 100 bytes")
	case strings.TrimSpace(d.Why) == "" || len(d.Why) > 1000:
		return invalid("why: give the reason, in at most 1,000 bytes")
	}
	return nil
}
