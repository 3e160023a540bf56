package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var aBacktest = BacktestInput{ID: "0123456789abcdef0123456789abcdef", Exchange: etf.XNYS, What: "XNYS: all ETFs"}

var whichBacktest = activities.BacktestInput{ID: aBacktest.ID}

// expectPlan expects the plan of n ETFs, measured two at a time, and pages of those that are left.
func expectPlan(env *testsuite.TestWorkflowEnvironment, n int, left ...[]etf.Symbol) {
	env.OnActivity(backtestPlanning.PlanBacktest, mock.Anything, whichBacktest).
		Return(activities.BacktestPlan{Counts: etf.BacktestCounts{ETFs: n}, AtOnce: 2}, nil).Once()
	after := etf.Symbol("")
	for _, page := range left {
		env.OnActivity(backtestPlanning.PendingETFs, mock.Anything, activities.PendingETFsInput{ID: aBacktest.ID, After: after, Limit: measurePage}).
			Return(activities.PendingETFsResult{Symbols: page}, nil).Once()
		if len(page) > 0 {
			after = page[len(page)-1]
		}
	}
}

func expectEnd(env *testsuite.TestWorkflowEnvironment, status etf.BacktestStatus, reason any) {
	env.OnActivity(backtestPlanning.FinishBacktest, mock.Anything, mock.MatchedBy(func(in activities.FinishBacktestInput) bool {
		text, _ := reason.(string)
		return in.ID == aBacktest.ID && in.Status == status && strings.Contains(in.Reason, text)
	})).Return(nil).Once()
}

func measured(done int) activities.MeasureETFResult {
	return activities.MeasureETFResult{Counts: etf.BacktestCounts{ETFs: 3, Measured: done, Origins: 10 * done}, Origins: 10}
}

// The ETFs are measured two at a time; one whose measuring failed in every attempt is recorded and fails nothing.
func TestBacktest(t *testing.T) {
	env := newEnv(t)
	expectPlan(env, 3, []etf.Symbol{"A", "B", "C"})
	open, most := 0, 0
	env.OnActivity(backtesting.MeasureETF, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.MeasureETFInput) (activities.MeasureETFResult, error) {
		if in.Symbol == "B" {
			return activities.MeasureETFResult{}, typed(activities.TypeTimedOut, "it took too long", 3)
		}
		return measured(1), nil
	}).Times(3)
	env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if info.ActivityType.Name == "MeasureETF" {
			if info.Priority.PriorityKey != 0 && info.Priority.PriorityKey != BacktestPriority.PriorityKey {
				t.Errorf("priority %d", info.Priority.PriorityKey)
			}
			open++
			most = max(most, open)
		}
	})
	env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
		if info.ActivityType.Name == "MeasureETF" {
			open--
		}
	})
	env.OnActivity(backtestPlanning.RecordUnmeasured, mock.Anything, mock.MatchedBy(func(in activities.UnmeasuredInput) bool {
		return in.ID == aBacktest.ID && in.Symbol == "B" && strings.HasPrefix(in.Reason, activities.TypeTimedOut+": it took too long")
	})).Return(nil).Once()
	env.OnActivity(backtesting.AssembleBacktest, mock.Anything, whichBacktest).Return(activities.AssembleResult{Hash: "ab", LeakSuspected: true}, nil).Once()
	expectEnd(env, etf.RunCompleted, "")
	env.ExecuteWorkflow(Backtest, aBacktest)
	if got := result[BacktestResult](t, env); got.Hash != "ab" || !got.LeakSuspected || got.Counts.Measured != 1 {
		t.Errorf("%+v", got)
	}
	if most > 2 {
		t.Errorf("%d ETFs were measured at once", most)
	}
	env.AssertExpectations(t)
}

// A page that is full is followed by the next, after its last symbol.
func TestBacktestPages(t *testing.T) {
	env := newEnv(t)
	var page []etf.Symbol
	for i := range measurePage {
		page = append(page, etf.Symbol(fmt.Sprintf("S%03d", i)))
	}
	expectPlan(env, measurePage+1, page, []etf.Symbol{"T"})
	env.OnActivity(backtesting.MeasureETF, mock.Anything, mock.Anything).Return(measured(1), nil).Times(measurePage + 1)
	env.OnActivity(backtesting.AssembleBacktest, mock.Anything, whichBacktest).Return(activities.AssembleResult{Hash: "ab"}, nil).Once()
	expectEnd(env, etf.RunCompleted, "")
	env.ExecuteWorkflow(Backtest, aBacktest)
	result[BacktestResult](t, env)
	env.AssertExpectations(t)
}

// With a long history it continues as new before it takes the next page; what is left is read from the store then.
func TestBacktestContinuesAsNew(t *testing.T) {
	env := newEnv(t)
	env.SetContinueAsNewSuggested(true)
	env.OnActivity(backtestPlanning.PlanBacktest, mock.Anything, whichBacktest).Return(activities.BacktestPlan{Counts: etf.BacktestCounts{ETFs: 3}, AtOnce: 2}, nil).Once()
	env.ExecuteWorkflow(Backtest, aBacktest)
	var next *workflow.ContinueAsNewError
	if err := env.GetWorkflowError(); !errors.As(err, &next) || next.WorkflowType.Name != BacktestWorkflow {
		t.Errorf("%v", err)
	}
	env.AssertExpectations(t)
}

// Cancelled while ETFs are measured: they are cancelled too, and it is recorded.
func TestBacktestCancelled(t *testing.T) {
	env := newEnv(t)
	expectPlan(env, 3, []etf.Symbol{"A", "B", "C"})
	env.OnActivity(backtesting.MeasureETF, mock.Anything, mock.Anything).After(time.Hour).Return(measured(1), nil)
	expectEnd(env, etf.RunCancelled, "")
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
	env.ExecuteWorkflow(Backtest, aBacktest)
	if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("%v", err)
	}
	env.AssertExpectations(t)
}

// A backtest that can't be made says why, in the record and as the workflow's failure.
func TestBacktestFails(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(*testsuite.TestWorkflowEnvironment)
	}{
		{"the plan", func(env *testsuite.TestWorkflowEnvironment) {
			env.OnActivity(backtestPlanning.PlanBacktest, mock.Anything, whichBacktest).Return(activities.BacktestPlan{}, typed(activities.TypeInvalid, "no way", 1)).Once()
		}},
		{"what is left", func(env *testsuite.TestWorkflowEnvironment) {
			expectPlan(env, 1)
			env.OnActivity(backtestPlanning.PendingETFs, mock.Anything, mock.Anything).Return(activities.PendingETFsResult{}, typed(activities.TypeInvalid, "no way", 1)).Once()
		}},
		{"an ETF that the plan lacks", func(env *testsuite.TestWorkflowEnvironment) {
			expectPlan(env, 2, []etf.Symbol{"A", "B"})
			env.OnActivity(backtesting.MeasureETF, mock.Anything, activities.MeasureETFInput{ID: aBacktest.ID, Symbol: "A"}).Return(activities.MeasureETFResult{}, typed(activities.TypeNotFound, "no way", 1)).Once()
			env.OnActivity(backtesting.MeasureETF, mock.Anything, activities.MeasureETFInput{ID: aBacktest.ID, Symbol: "B"}).After(time.Hour).Return(measured(1), nil).Maybe()
		}},
		{"the result", func(env *testsuite.TestWorkflowEnvironment) {
			expectPlan(env, 1, []etf.Symbol{"A"})
			env.OnActivity(backtesting.MeasureETF, mock.Anything, mock.Anything).Return(measured(1), nil).Once()
			env.OnActivity(backtesting.AssembleBacktest, mock.Anything, whichBacktest).Return(activities.AssembleResult{}, typed(activities.TypeInvalid, "no way", 1)).Once()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := newEnv(t)
			c.fail(env)
			expectEnd(env, etf.RunFailed, "no way")
			env.ExecuteWorkflow(Backtest, aBacktest)
			if err := env.GetWorkflowError(); err == nil || !strings.Contains(err.Error(), "no way") {
				t.Errorf("%v", err)
			}
			env.AssertExpectations(t)
		})
	}
}

// What the Web UI shows, and the query answers, while two ETFs are measured.
func TestBacktestStatus(t *testing.T) {
	env := newEnv(t)
	expectPlan(env, 3, []etf.Symbol{"A", "B", "C"})
	env.OnActivity(backtesting.MeasureETF, mock.Anything, mock.Anything).After(time.Hour).Return(measured(1), nil)
	env.OnActivity(backtesting.AssembleBacktest, mock.Anything, whichBacktest).Return(activities.AssembleResult{Hash: "ab"}, nil).Once()
	expectEnd(env, etf.RunCompleted, "")
	env.RegisterDelayedCallback(func() {
		value, err := env.QueryWorkflow(StatusQuery)
		if err != nil {
			t.Fatal(err)
		}
		var s BacktestStatus
		if err := value.Get(&s); err != nil {
			t.Fatal(err)
		}
		if s.Stage != "measure" || !slices.Equal(s.Active, []etf.Symbol{"A", "B"}) || s.Counts.ETFs != 3 {
			t.Errorf("%+v", s)
		}
		details := backtestDetails(s, 90*time.Second)
		for _, want := range []string{"**measure**: running after 1m30s", "0 of 3 done", "under way" + gap + " | 2", "waiting" + gap + " | 1", "A, B"} {
			if !strings.Contains(details, want) {
				t.Errorf("no %q in %s", want, details)
			}
		}
	}, time.Minute)
	env.ExecuteWorkflow(Backtest, aBacktest)
	result[BacktestResult](t, env)
}
