package workflows

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var jump = ResolveFindingInput{Finding: "ab12", Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Rule: "jump", Evidence: "too far"}

// updateResult keeps the result of an update.
type updateResult struct {
	rejected error
	err      error
	finding  etf.Finding
}

func (a *updateResult) callback() *testsuite.TestUpdateCallback {
	return &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { a.rejected = err },
		OnComplete: func(result any, err error) {
			a.err = err
			if f, ok := result.(etf.Finding); ok {
				a.finding = f
			}
		},
	}
}

// expectFollowUp makes the newest forecasts again after a decision, once.
func expectFollowUp(env *testsuite.TestWorkflowEnvironment) {
	env.OnActivity(deciding.NewestSession, mock.Anything, activities.NewestInput{Symbol: "SPY"}).Return(activities.NewestResult{Session: friday + 3, Usable: true}, nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, activities.ForecastInput{Symbol: "SPY", Exchange: etf.XNYS, Session: friday + 3, Run: "finding:ab12"}).
		Return(activities.ForecastResult{Appended: 2}, nil).Once()
	expectAnchored(env, "finding:ab12")
}

// undecided makes the finding wait in the store whenever the workflow asks.
func undecided(env *testsuite.TestWorkflowEnvironment, times int) {
	env.OnActivity(deciding.FindingState, mock.Anything, activities.FindingInput{Finding: "ab12"}).Return(etf.Finding{ID: "ab12", Symbol: "SPY", Rule: "jump"}, nil).Times(times)
}

func TestResolveFindingAppliesTheDecision(t *testing.T) {
	env := newEnv(t)
	decided := etf.Finding{ID: "ab12", Symbol: "SPY", Rule: "jump", Decision: etf.Accept, By: "jo", Why: "seen on two sources"}
	env.OnActivity(deciding.Decide, mock.Anything, activities.DecideInput{Finding: "ab12", Decision: etf.Accept, By: "jo", Why: "seen on two sources"}).
		Return(decided, nil).Once()
	env.OnActivity(deciding.Decide, mock.Anything, activities.DecideInput{Finding: "ab12", Decision: etf.Reject, By: "al", Why: "no"}).
		Return(etf.Finding{}, typed(activities.TypeConflict, "decided before by jo", 1)).Once()
	undecided(env, 2) // the reminder and the deadline
	env.OnActivity(deciding.FindingState, mock.Anything, mock.Anything).Return(decided, nil).Once()
	expectFollowUp(env)
	var first, second updateResult
	env.RegisterDelayedCallback(func() { // a month later
		if s := query[FindingStatus](t, env); s != (FindingStatus{Finding: "ab12"}) {
			t.Errorf("before the decision the status is %+v", s)
		}
		d := Decision{Decision: etf.Accept, By: "jo", Why: "seen on two sources"}
		env.UpdateWorkflow(DecideUpdate, "one", first.callback(), d)
		env.UpdateWorkflow(DecideUpdate, "two", second.callback(), Decision{Decision: etf.Reject, By: "al", Why: "no"})
	}, 30*24*time.Hour)
	env.ExecuteWorkflow(ResolveFinding, jump)
	if got := result[etf.Finding](t, env); got.Decision != etf.Accept || got.By != "jo" {
		t.Errorf("got %+v", got)
	}
	if first.err != nil || first.finding.Decision != etf.Accept {
		t.Errorf("the result of the first decision is %+v", first)
	}
	if second.err == nil || second.rejected != nil {
		t.Errorf("the result of the second decision is %+v", second)
	}
	if s := query[FindingStatus](t, env); s.Decision != etf.Accept || s.By != "jo" || s.Followed != "Forecasts from 2025-09-29: 2 new, 0 as before. Ledger: 2 leaves, checkpoint 17." {
		t.Errorf("after the decision the status is %+v", s)
	}
	env.AssertExpectations(t)
}

// It reminds once and alerts once, a day and five days after it began to wait, and then holds no timer.
func TestResolveFindingRemindsOnceAndAlertsOnce(t *testing.T) {
	env := newEnv(t)
	began := env.Now()
	var asked []time.Duration
	env.OnActivity(deciding.FindingState, mock.Anything, mock.Anything).Return(func(context.Context, activities.FindingInput) (etf.Finding, error) {
		asked = append(asked, env.Now().Sub(began).Round(time.Hour))
		return etf.Finding{ID: "ab12"}, nil
	})
	timers := 0
	env.SetOnTimerScheduledListener(func(string, time.Duration) { timers++ })
	env.RegisterDelayedCallback(env.CancelWorkflow, 365*24*time.Hour)
	env.ExecuteWorkflow(ResolveFinding, jump)
	if !slices.Equal(asked, []time.Duration{RemindAfter, DecisionDeadline}) || timers != 2 {
		t.Errorf("it asked after %v, with %d timers", asked, timers)
	}
	if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v", err)
	}
}

// A finding that later rows have settled needs no decision: the workflow notices at its reminder.
func TestResolveFindingThatIsSettledElsewhere(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(deciding.FindingState, mock.Anything, mock.Anything).Return(etf.Finding{ID: "ab12", Decision: etf.Superseded, By: "source:yahoo"}, nil).Once()
	env.ExecuteWorkflow(ResolveFinding, jump)
	if got := result[etf.Finding](t, env); got.Decision != etf.Superseded {
		t.Errorf("got %+v", got)
	}
	env.AssertExpectations(t)
}

// One that waits since 0.1 has neither reminder nor deadline, and its decision is applied and followed up all the same.
func TestResolveFindingThatWaitsSince01(t *testing.T) {
	for name, follows := range map[string]bool{"decided by the new code": true, "decided by the old code": false} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t)
			env.OnGetVersion(changeFindingDeadline, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
			if follows {
				expectFollowUp(env)
			} else {
				env.OnGetVersion(changeFindingFollowUp, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
			}
			env.OnActivity(deciding.Decide, mock.Anything, mock.Anything).Return(etf.Finding{ID: "ab12", Symbol: "SPY", Decision: etf.Accept, By: "jo"}, nil).Once()
			timers := 0
			env.SetOnTimerScheduledListener(func(string, time.Duration) { timers++ })
			var a updateResult
			env.RegisterDelayedCallback(func() {
				env.UpdateWorkflow(DecideUpdate, "one", a.callback(), Decision{Decision: etf.Accept, By: "jo", Why: "x"})
			}, 30*24*time.Hour)
			env.ExecuteWorkflow(ResolveFinding, jump)
			if got := result[etf.Finding](t, env); got.Decision != etf.Accept || a.err != nil || timers > 0 {
				t.Errorf("got %+v, %v, %d timers", got, a.err, timers)
			}
			env.AssertExpectations(t)
		})
	}
}

// A decision that is taken back while its forecasts are made: the finding waits again, in the same workflow.
func TestResolveFindingTakenBack(t *testing.T) {
	env := newEnv(t)
	decisions := []etf.Decision{}
	env.OnActivity(deciding.Decide, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DecideInput) (etf.Finding, error) {
		decisions = append(decisions, in.Decision)
		f := etf.Finding{ID: "ab12", Symbol: "SPY", Decision: in.Decision, By: in.By}
		if in.Decision == etf.Undo {
			f.Decision, f.By = etf.Undecided, ""
		}
		return f, nil
	})
	var undone, last updateResult
	env.OnActivity(deciding.NewestSession, mock.Anything, mock.Anything).Return(func(context.Context, activities.NewestInput) (activities.NewestResult, error) {
		env.UpdateWorkflow(DecideUpdate, "two", undone.callback(), Decision{Decision: etf.Undo, By: "jo", Why: "too soon"})
		return activities.NewestResult{Session: friday}, nil
	}).Once()
	var first updateResult
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(DecideUpdate, "one", first.callback(), Decision{Decision: etf.Accept, By: "jo", Why: "x"})
	}, time.Hour)
	env.RegisterDelayedCallback(func() {
		if s := query[FindingStatus](t, env); s.Decision != etf.Undecided {
			t.Errorf("taken back, the status is %+v", s)
		}
		env.UpdateWorkflow(DecideUpdate, "three", last.callback(), Decision{Decision: etf.Reject, By: "al", Why: "bad tick"})
	}, 2*time.Hour)
	env.ExecuteWorkflow(ResolveFinding, jump)
	if got := result[etf.Finding](t, env); got.Decision != etf.Reject || got.By != "al" || undone.err != nil {
		t.Errorf("got %+v, %v", got, undone.err)
	}
	if !slices.Equal(decisions, []etf.Decision{etf.Accept, etf.Undo, etf.Reject}) {
		t.Errorf("applied %v", decisions)
	}
}

// A request that can't be applied does not cost the finding its place: it goes on waiting.
func TestResolveFindingSurvivesABadRequest(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(deciding.Decide, mock.Anything, mock.Anything).Return(etf.Finding{}, typed(activities.TypeInvalid, "no bar in use has the numbers", 1)).Once()
	env.OnActivity(deciding.Decide, mock.Anything, mock.Anything).Return(etf.Finding{ID: "ab12", Symbol: "SPY", Decision: etf.Reject, By: "jo"}, nil).Once()
	undecided(env, 1)
	var bad, good updateResult
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(DecideUpdate, "one", bad.callback(), Decision{Decision: etf.Retract, By: "jo", Why: "x"})
	}, time.Hour)
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(DecideUpdate, "two", good.callback(), Decision{Decision: etf.Reject, By: "jo", Why: "x"})
	}, 2*time.Hour)
	env.ExecuteWorkflow(ResolveFinding, jump)
	if got := result[etf.Finding](t, env); got.Decision != etf.Reject || bad.err == nil || good.err != nil {
		t.Errorf("got %+v, %v, %v", got, bad.err, good.err)
	}
	env.AssertExpectations(t)
}

// The decision stands even if the forecasts can't be made again, and the details say so.
func TestResolveFindingWhoseForecastFails(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(deciding.Decide, mock.Anything, mock.Anything).Return(etf.Finding{ID: "ab12", Symbol: "SPY", Decision: etf.Retract, By: "jo"}, nil).Once()
	env.OnActivity(deciding.NewestSession, mock.Anything, mock.Anything).Return(activities.NewestResult{Session: friday, Usable: true}, nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{}, typed(activities.TypeInternal, "no convergence", 3)).Once()
	var a updateResult
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(DecideUpdate, "one", a.callback(), Decision{Decision: etf.Retract, By: "jo", Why: "x"})
	}, time.Hour)
	env.ExecuteWorkflow(ResolveFinding, jump)
	if got := result[etf.Finding](t, env); got.Decision != etf.Retract {
		t.Errorf("got %+v", got)
	}
	if s := query[FindingStatus](t, env); !strings.Contains(s.Followed, "no convergence") {
		t.Errorf("the status is %+v", s)
	}
}

func TestResolveFindingRefusesIncompleteDecisions(t *testing.T) {
	env := newEnv(t)
	bad := []Decision{
		{}, {Decision: "maybe", By: "jo", Why: "x"}, {Decision: etf.Accept, Why: "x"}, {Decision: etf.Accept, By: " ", Why: "x"},
		{Decision: etf.Reject, By: "jo"}, {Decision: etf.Reject, By: strings.Repeat("j", 101), Why: "x"},
		{Decision: etf.Reject, By: "jo", Why: strings.Repeat("x", 1001)}, {Decision: etf.Superseded, By: "jo", Why: "x"},
		{Decision: etf.Accept, By: "jo", Why: "x", Key: strings.Repeat("k", 129)}, {Decision: etf.Replace, By: "jo", Why: "x"},
		{Decision: etf.Accept, By: "jo", Why: "x", Values: []etf.Bar{{Session: friday, Close: 1}}},
		{Decision: etf.Retract, By: "jo", Why: "x", Sessions: make([]etf.Session, 101)},
	}
	results := make([]updateResult, len(bad))
	env.RegisterDelayedCallback(func() {
		for i, d := range bad {
			env.UpdateWorkflow(DecideUpdate, string(rune('a'+i)), results[i].callback(), d)
		}
	}, time.Hour)
	env.RegisterDelayedCallback(env.CancelWorkflow, 2*time.Hour)
	env.ExecuteWorkflow(ResolveFinding, jump)
	for i, a := range results {
		if a.rejected == nil {
			t.Errorf("%+v was accepted", bad[i])
		}
	}
	if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v", err)
	}
	env.AssertExpectations(t)
}

// If the decision can't be applied because the finding is gone, the workflow fails.
func TestResolveFindingThatCannotBeApplied(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(deciding.FindingState, mock.Anything, mock.Anything).Return(etf.Finding{}, typed(activities.TypeNotFound, "there is no finding", 1)).Once()
	env.OnActivity(deciding.Decide, mock.Anything, mock.Anything).Return(etf.Finding{}, typed(activities.TypeConflict, "decided before by al", 20)).Once()
	var a updateResult
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(DecideUpdate, "one", a.callback(), Decision{Decision: etf.Reject, By: "jo", Why: "bad tick"})
	}, time.Hour)
	env.ExecuteWorkflow(ResolveFinding, jump)
	if f := failureOf(env.GetWorkflowError()); f.Type != activities.TypeConflict || f.Message != "decided before by al" {
		t.Errorf("ended with %+v", f)
	}
	if a.err == nil {
		t.Error("the update returned no error")
	}
	env.AssertExpectations(t)
}
