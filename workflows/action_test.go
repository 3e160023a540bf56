package workflows

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var splitAction = DecideActionInput{Action: "ab12", Symbol: "SPY", Exchange: etf.XNYS}

func decisionOn(status etf.ActionStatus, key string) etf.ActionDecision {
	return etf.ActionDecision{Action: "ab12", Symbol: "SPY", Status: status, By: "kim", Why: "the fund's notice", Key: key}
}

func decidedAs(status etf.ActionStatus, newest etf.Session) etf.ActionDecided {
	return etf.ActionDecided{Action: etf.StatedAction{ID: "ab12", Status: status}, Freed: 2, Newest: newest}
}

var forecastAgain = activities.ForecastInput{Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Run: "action:ab12"}

func TestDecideAction(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(decidingActions.DecideAction, mock.Anything, decisionOn(etf.Accepted, "k1")).Return(decidedAs(etf.Accepted, friday), nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, forecastAgain).Return(activities.ForecastResult{Appended: 2}, nil).Once()
	expectAnchored(env, "action:ab12")
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(DecideActionSignal, decisionOn(etf.Accepted, "k1")) }, 0)
	env.ExecuteWorkflow(DecideAction, splitAction)
	got := result[DecideActionStatus](t, env)
	if got.Status != etf.Accepted || got.Decided != 1 || got.Freed != 2 || got.Forecasts != 2 || got.Session != friday || got.Ledger != "2 leaves, checkpoint 17" {
		t.Errorf("%+v", got)
	}
	env.AssertExpectations(t)
}

// A decision that arrives while the first one's forecasts are made is applied afterwards, and forecasts are made again.
func TestDecideActionTwice(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(decidingActions.DecideAction, mock.Anything, decisionOn(etf.Accepted, "k1")).Return(decidedAs(etf.Accepted, friday), nil).Once()
	env.OnActivity(decidingActions.DecideAction, mock.Anything, decisionOn(etf.Rejected, "k2")).Return(decidedAs(etf.Rejected, 0), nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, forecastAgain).After(time.Hour).Return(activities.ForecastResult{Appended: 2}, nil).Once()
	expectAnchored(env, "action:ab12")
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(DecideActionSignal, decisionOn(etf.Accepted, "k1")) }, 0)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(DecideActionSignal, decisionOn(etf.Rejected, "k2")) }, time.Minute)
	env.ExecuteWorkflow(DecideAction, splitAction)
	if got := result[DecideActionStatus](t, env); got.Status != etf.Rejected || got.Decided != 2 || !got.Session.IsZero() {
		t.Errorf("%+v", got)
	}
	env.AssertExpectations(t)
}

func TestDecideActionRefused(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(decidingActions.DecideAction, mock.Anything, mock.Anything).
		Return(etf.ActionDecided{}, typed(activities.TypeConflict, "another decision has this key", 1)).Once()
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(DecideActionSignal, decisionOn(etf.Accepted, "k1")) }, 0)
	env.ExecuteWorkflow(DecideAction, splitAction)
	if f := failureOf(env.GetWorkflowError()); f.Type != activities.TypeConflict || f.Message != "another decision has this key" {
		t.Errorf("%+v", f)
	}
	if s := query[DecideActionStatus](t, env); s.Keys["k1"] == "" || s.Decided != 0 {
		t.Errorf("%+v", s)
	}
	env.AssertExpectations(t)
}

// The workflows that wait for decisions on findings which the decision settles end.
func TestDecideActionEndsWaiting(t *testing.T) {
	env := newEnv(t)
	decided := decidedAs(etf.Accepted, 0)
	decided.Settled = []string{"a", "b"}
	env.OnActivity(decidingActions.DecideAction, mock.Anything, mock.Anything).Return(decided, nil).Once()
	env.OnRequestCancelExternalWorkflow(mock.Anything, FindingID("a"), "").Return(errors.New("not found")).Once()
	env.OnRequestCancelExternalWorkflow(mock.Anything, FindingID("b"), "").Return(nil).Once()
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(DecideActionSignal, decisionOn(etf.Accepted, "k1")) }, 0)
	env.ExecuteWorkflow(DecideAction, splitAction)
	if got := result[DecideActionStatus](t, env); got.Decided != 1 {
		t.Errorf("%+v", got)
	}
	env.AssertExpectations(t)
}

// The newest bar may have been quarantined since: that is no failure of the decision.
func TestDecideActionWithoutForecast(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(decidingActions.DecideAction, mock.Anything, mock.Anything).Return(decidedAs(etf.Accepted, friday), nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, forecastAgain).
		Return(activities.ForecastResult{}, typed(activities.TypeNotFound, "no usable price", 1)).Once()
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(DecideActionSignal, decisionOn(etf.Accepted, "k1")) }, 0)
	env.ExecuteWorkflow(DecideAction, splitAction)
	if got := result[DecideActionStatus](t, env); got.Decided != 1 || got.Forecasts != 0 {
		t.Errorf("%+v", got)
	}
	env.AssertExpectations(t)
}
