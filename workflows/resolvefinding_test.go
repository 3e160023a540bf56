package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

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

func TestResolveFindingAppliesTheDecision(t *testing.T) {
	env := newEnv(t)
	decided := etf.Finding{ID: "ab12", Symbol: "SPY", Rule: "jump", Decision: etf.Accept, By: "jo", Why: "seen on two sources"}
	env.OnActivity(deciding.Decide, mock.Anything, activities.DecideInput{Finding: "ab12", Decision: etf.Accept, By: "jo", Why: "seen on two sources"}).
		Return(decided, nil).Once()
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
	if s := query[FindingStatus](t, env); s.Decision != etf.Accept || s.By != "jo" {
		t.Errorf("after the decision the status is %+v", s)
	}
	env.AssertExpectations(t)
}

func TestResolveFindingRefusesIncompleteDecisions(t *testing.T) {
	env := newEnv(t)
	bad := []Decision{
		{}, {Decision: "maybe", By: "jo", Why: "x"}, {Decision: etf.Accept, Why: "x"}, {Decision: etf.Accept, By: " ", Why: "x"},
		{Decision: etf.Reject, By: "jo"}, {Decision: etf.Reject, By: strings.Repeat("j", 101), Why: "x"},
		{Decision: etf.Reject, By: "jo", Why: strings.Repeat("x", 1001)},
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

// If the decision can't be applied, because of a different one or a finding that is gone, the workflow fails.
func TestResolveFindingThatCannotBeApplied(t *testing.T) {
	env := newEnv(t)
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
