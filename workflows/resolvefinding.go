package workflows

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var deciding *activities.Deciding

// ResolveFinding waits, for as long as it takes, for a person's decision on a finding (the update "decide"), applies it, makes
// the forecasts that follow from it and returns the decided finding. No workflow waits for it. It reminds once and alerts
// once, when the deadline has passed; it never decides. Between the two timers it costs no more than its record in Temporal's
// database, and its history stays short.
//
// A decision that was made before is taken back with the same update: the finding waits again, in this workflow or, if that
// has ended, in the next one under its ID.
func ResolveFinding(ctx workflow.Context, in ResolveFindingInput) (etf.Finding, error) {
	r := &resolving{in: in}
	workflow.SetCurrentDetails(ctx, findingDetails(in, ""))
	err := workflow.SetQueryHandler(ctx, StatusQuery, func() (FindingStatus, error) {
		return FindingStatus{Finding: in.Finding, Decision: r.finding.Decision, By: r.finding.By, Why: r.finding.Why, Followed: r.followed}, nil
	})
	if err != nil {
		return etf.Finding{}, err
	}
	r.busy = workflow.NewMutex(ctx)
	timed := workflow.GetVersion(ctx, changeFindingDeadline, workflow.DefaultVersion, 1) >= 1
	err = workflow.SetUpdateHandlerWithOptions(ctx, DecideUpdate, r.decide, workflow.UpdateHandlerOptions{
		Description: "Decide on the finding: accept (the rows are right), reject (they are wrong), replace (use these values), refetch, retract (rows in use are wrong) or undo (take the decision back).",
		Validator:   func(d Decision) error { return d.validate() },
	})
	if err != nil {
		return etf.Finding{}, err
	}
	for {
		if err := r.wait(ctx, timed); err != nil {
			return etf.Finding{}, err
		}
		if r.failed != nil {
			f := failureOf(r.failed)
			workflow.SetCurrentDetails(ctx, "The decision could not be applied: "+f.Message)
			return etf.Finding{}, temporal.NewNonRetryableApplicationError(f.Message, f.Type, nil)
		}
		workflow.SetCurrentDetails(ctx, decidedDetails(r.finding, ""))
		if workflow.GetVersion(ctx, changeFindingFollowUp, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			return r.finding, nil
		}
		if err := r.follow(ctx); err != nil {
			return etf.Finding{}, err
		}
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return etf.Finding{}, err
		}
		if r.decided {
			return r.finding, nil
		}
		workflow.SetCurrentDetails(ctx, findingDetails(in, "The decision was taken back.")) // and it waits again
	}
}

// resolving is the state of one ResolveFinding.
type resolving struct {
	in       ResolveFindingInput
	busy     workflow.Mutex
	decided  bool
	finding  etf.Finding // as decided
	failed   error       // why the decision could not be applied, if the workflow ends for it
	followed string      // what followed from the decision
}

// decide handles the update. One decision at a time: a second one waits for the result of the first.
func (r *resolving) decide(ctx workflow.Context, d Decision) (etf.Finding, error) {
	if err := r.busy.Lock(ctx); err != nil {
		return etf.Finding{}, err
	}
	defer r.busy.Unlock()
	lasting := workflow.GetVersion(ctx, changeFindingFollowUp, workflow.DefaultVersion, 1) >= 1
	if r.decided && !lasting {
		if r.failed == nil && r.finding.Decision == d.Decision {
			return r.finding, nil
		}
		return etf.Finding{}, temporal.NewApplicationError("the finding has already been decided; the first decision stands", activities.TypeConflict)
	}
	actx := workflow.WithActivityOptions(ctx, storePolicy(string(d.Decision)+" by "+etf.Clip(d.By, 60)))
	var result etf.Finding
	err := workflow.ExecuteActivity(actx, deciding.Decide, activities.DecideInput{
		Finding: r.in.Finding, Decision: d.Decision, By: d.By, Why: d.Why, Key: d.Key, Values: d.Values, Sessions: d.Sessions, Run: d.Run,
	}).Get(actx, &result)
	switch {
	case err == nil:
		r.finding, r.decided = result, result.Decision != etf.Undecided
		return result, nil
	case temporal.IsCanceledError(err):
	case !lasting:
		r.decided, r.failed = true, err
	default:
		// A request that can't be applied must not cost the finding its place: it goes on waiting, unless it was settled elsewhere.
		if state, stateErr := r.state(ctx); stateErr != nil {
			r.decided, r.failed = true, err
		} else {
			r.finding, r.decided = state, state.Decision != etf.Undecided
		}
	}
	return etf.Finding{}, err
}

// state reads the finding as it is now.
func (r *resolving) state(ctx workflow.Context) (etf.Finding, error) {
	actx := workflow.WithActivityOptions(ctx, storePolicy("is it settled?"))
	var f etf.Finding
	err := workflow.ExecuteActivity(actx, deciding.FindingState, activities.FindingInput{Finding: r.in.Finding}).Get(actx, &f)
	return f, err
}

// wait returns when the finding is decided. With timers it reminds once, and alerts once.
func (r *resolving) wait(ctx workflow.Context, timed bool) error {
	done := func() bool { return r.decided && workflow.AllHandlersFinished(ctx) }
	if timed {
		remind, deadline := r.in.RemindAfter, r.in.DeadlineAfter
		if remind <= 0 {
			remind = RemindAfter
		}
		if deadline <= 0 {
			deadline = DecisionDeadline
		}
		for _, alarm := range []struct {
			after time.Duration
			name  string
			alert bool
		}{{remind, "reminder", false}, {max(deadline-remind, time.Second), "deadline", true}} {
			ok, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
				Timeout: alarm.after, TimerOptions: workflow.TimerOptions{Summary: alarm.name + " for the decision"},
			}, done)
			if ok || err != nil {
				return err
			}
			if err := r.alarm(ctx, alarm.alert); err != nil {
				return err
			}
		}
	}
	return workflow.Await(ctx, done)
}

// alarm says that the finding still waits, unless it was settled in the meantime, by later rows for example.
func (r *resolving) alarm(ctx workflow.Context, overdue bool) error {
	if err := r.busy.Lock(ctx); err != nil {
		return err
	}
	defer r.busy.Unlock()
	if r.decided {
		return nil
	}
	f, err := r.state(ctx)
	switch {
	case temporal.IsCanceledError(err):
		return err
	case err == nil && f.Decision != etf.Undecided:
		r.finding, r.decided = f, true
		return nil
	}
	log, note := workflow.GetLogger(ctx).Warn, "Still waiting: this is the one reminder."
	if overdue {
		log, note = workflow.GetLogger(ctx).Error, "**Overdue**: the deadline for the decision has passed. Nothing is decided without a person."
	}
	log("a finding waits for a decision", "finding", r.in.Finding, "symbol", r.in.Symbol, "session", r.in.Session, "rule", r.in.Rule, "overdue", overdue)
	workflow.SetCurrentDetails(ctx, findingDetails(r.in, note))
	return nil
}

// follow makes the ETF's newest forecasts again, if the decision may have changed the prices they are made from. A failure is
// shown and does not fail the workflow: the decision stands, and the next run forecasts anyway.
func (r *resolving) follow(ctx workflow.Context) error {
	switch r.finding.Decision {
	case etf.Accept, etf.Replace, etf.Retract:
	case etf.Refetch:
		r.followed = "The run that fetches again makes the forecasts."
	default:
		r.followed = "The prices in use are the same as before, and so are the forecasts."
	}
	if r.followed == "" {
		if err := r.forecast(ctx); temporal.IsCanceledError(err) {
			return err
		} else if err != nil {
			r.followed = "The forecasts could not be made again: " + failureOf(err).Message + ". The next run makes them."
		}
	}
	workflow.SetCurrentDetails(ctx, decidedDetails(r.finding, r.followed))
	return nil
}

func (r *resolving) forecast(ctx workflow.Context) error {
	symbol := r.finding.Symbol
	if symbol == "" {
		symbol = r.in.Symbol
	}
	actx := workflow.WithActivityOptions(ctx, storePolicy(string(symbol)))
	var newest activities.NewestResult
	if err := workflow.ExecuteActivity(actx, deciding.NewestSession, activities.NewestInput{Symbol: symbol}).Get(actx, &newest); err != nil {
		return err
	}
	if !newest.Usable {
		r.followed = fmt.Sprintf("No forecast: the price of the newest session, %s, is kept out.", newest.Session)
		return nil
	}
	fctx := workflow.WithActivityOptions(ctx, fitPolicy(fmt.Sprintf("%s from %s", symbol, newest.Session)))
	var result activities.ForecastResult
	if err := workflow.ExecuteActivity(fctx, forecasting.Forecast, activities.ForecastInput{
		Symbol: symbol, Exchange: r.in.Exchange, Session: newest.Session, Run: r.run(),
	}).Get(fctx, &result); err != nil {
		return err
	}
	r.followed = fmt.Sprintf("Forecasts from %s: %d new, %d as before.", newest.Session, result.Appended, result.Found)
	if len(result.Failed) > 0 {
		r.followed += " Failed: " + etf.Clip(strings.Join(result.Failed, "; "), modelFailures)
	}
	if result.Appended > 0 { // otherwise no head has moved
		anchored := anchorHeads(ctx, etf.AnchorScope{Symbols: []etf.Symbol{symbol}}, r.run(), string(symbol))
		if text := anchored.String(); text != "" {
			r.followed += " Ledger: " + text + "."
		}
	}
	return nil
}

// run is the run that forecasts made after a decision name.
func (r *resolving) run() etf.RunID { return etf.RunID("finding:" + r.in.Finding) }

// validate rejects an incomplete decision, before anything enters the history.
func (d Decision) validate() error {
	invalid := func(message string) error { return temporal.NewApplicationError(message, activities.TypeInvalid) }
	switch d.Decision {
	case etf.Accept, etf.Reject, etf.Replace, etf.Refetch, etf.Retract, etf.Undo:
	default:
		return invalid(`decision: use "accept", "reject", "replace", "refetch", "retract" or "undo"`)
	}
	switch {
	case strings.TrimSpace(d.By) == "" || utf8.RuneCountInString(d.By) > MaxDecidedBy:
		return invalid("by: say who decides, in at most 100 characters")
	case strings.TrimSpace(d.Why) == "" || utf8.RuneCountInString(d.Why) > MaxDecidedWhy:
		return invalid("why: give the reason, in at most 1,000 characters")
	case utf8.RuneCountInString(d.Key) > MaxDecisionKey:
		return invalid("key: use at most 128 characters")
	case d.Decision == etf.Replace && len(d.Values) == 0:
		return invalid("values: give the values to use instead")
	case d.Decision != etf.Replace && len(d.Values) > 0:
		return invalid("values: only replace takes values")
	case len(d.Values) > MaxDecidedRows || len(d.Sessions) > MaxDecidedRows:
		return invalid("values: decide on at most 100 sessions at once")
	}
	return nil
}
