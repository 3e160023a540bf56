package workflows

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// quiet discards the test environment's log, in which failures would be hard to see.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// newEnv returns an environment that knows every workflow and activity by its wire name. Activities without an
// expectation fail the test by panicking on their nil dependencies.
func newEnv(t *testing.T) *testsuite.TestWorkflowEnvironment { return newEnvWith(t, UpdateETF) }

// newEnvWith is newEnv with another workflow in place of UpdateETF. It is registered rather than mocked, because mocked
// children don't receive cancellations.
func newEnvWith(t *testing.T, updateETF func(workflow.Context, UpdateETFInput) (etf.RunETF, error)) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	// As in the workers (worker.Options): with the SDK's own limit of a second, a busy machine looks like a deadlock.
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 10 * time.Second})
	env.RegisterWorkflowWithOptions(Tick, workflow.RegisterOptions{Name: TickWorkflow})
	env.RegisterWorkflowWithOptions(Daily, workflow.RegisterOptions{Name: DailyWorkflow})
	env.RegisterWorkflowWithOptions(updateETF, workflow.RegisterOptions{Name: UpdateETFWorkflow})
	env.RegisterWorkflowWithOptions(ResolveFinding, workflow.RegisterOptions{Name: ResolveFindingWorkflow})
	env.RegisterWorkflowWithOptions(DecideAction, workflow.RegisterOptions{Name: DecideActionWorkflow})
	env.RegisterWorkflowWithOptions(Backtest, workflow.RegisterOptions{Name: BacktestWorkflow})
	env.RegisterWorkflowWithOptions(Backfill, workflow.RegisterOptions{Name: BackfillWorkflow})
	env.RegisterActivity(&activities.Backfilling{})
	env.RegisterActivity(&activities.BacktestPlanning{})
	env.RegisterActivity(&activities.Backtesting{})
	env.RegisterActivity(&activities.DecidingActions{})
	env.RegisterActivity(&activities.Fetching{})
	env.RegisterActivity(&activities.Validating{})
	env.RegisterActivity(&activities.Persisting{})
	env.RegisterActivity(&activities.Forecasting{})
	env.RegisterActivity(&activities.Reviewing{})
	env.RegisterActivity(&activities.Anchoring{})
	env.RegisterActivity(&activities.Recording{})
	env.RegisterActivity(&activities.Assessing{})
	env.RegisterActivity(&activities.Planning{})
	env.RegisterActivity(&activities.Deciding{})
	return env
}

var spy = UpdateETFInput{
	Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Session: friday,
	Sources: []etf.SourceRef{{Name: "yahoo", Ref: "SPY"}, {Name: "file", Ref: "SPY.csv"}}, Run: "daily:XNYS:2025-09-26",
}

func from(ref string) any {
	return mock.MatchedBy(func(in activities.FetchInput) bool { return in.Ref == ref })
}

var hasSession = activities.FetchResult{Fetch: "f1", Rows: 16, Last: friday, HasSession: true, Attempt: 1}
var lacksSession = activities.FetchResult{Fetch: "f0", Rows: 15, Last: friday - 1, Attempt: 1}

// expectStored makes the three activities after the fetch succeed, once each.
func expectStored(env *testsuite.TestWorkflowEnvironment, persisted etf.Persisted) {
	expectValidated(env, activities.ValidateResult{Findings: 1, Attempt: 1})
	expectPersisted(env, persisted)
	env.OnActivity(forecasting.Forecast, mock.Anything, activities.ForecastInput{
		Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Run: spy.Run,
	}).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
}

func expectValidated(env *testsuite.TestWorkflowEnvironment, result activities.ValidateResult) {
	env.OnActivity(validating.Validate, mock.Anything, mock.Anything).Return(result, nil).Once()
}

func expectPersisted(env *testsuite.TestWorkflowEnvironment, persisted etf.Persisted) {
	env.OnActivity(persisting.Persist, mock.Anything, mock.Anything).Return(activities.PersistResult{Persisted: persisted, Attempt: 1}, nil).Once()
}

// typed is an activity's error as the workflow sees it, after `attempt` attempts.
func typed(errorType, message string, attempt int32) error {
	return temporal.NewNonRetryableApplicationError(message, errorType, nil, activities.ErrorDetail{Attempt: attempt})
}

// wantFailed asserts that the workflow failed with the type and returns its row.
func wantFailed(t *testing.T, env *testsuite.TestWorkflowEnvironment, errorType string) etf.RunETF {
	t.Helper()
	err := env.GetWorkflowError()
	if f := failureOf(err); err == nil || f.Type != errorType {
		t.Fatalf("the workflow ended with %v, want type %s", err, errorType)
	}
	return rowOf(t, err)
}

func rowOf(t *testing.T, err error) etf.RunETF {
	t.Helper()
	var row etf.RunETF
	if !detailsOf(err, &row) {
		t.Fatalf("the error %v carries no row", err)
	}
	return row
}

func wantRow(t *testing.T, got, want etf.RunETF) {
	t.Helper()
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func result[T any](t *testing.T, env *testsuite.TestWorkflowEnvironment) T {
	t.Helper()
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not ended")
	}
	if err := env.GetWorkflowError(); err != nil {
		t.Fatalf("the workflow ended with %v", err)
	}
	var v T
	if err := env.GetWorkflowResult(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func query[T any](t *testing.T, env *testsuite.TestWorkflowEnvironment) T {
	t.Helper()
	var v T
	response, err := env.QueryWorkflow(StatusQuery)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Get(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func asContinue(err error, next **workflow.ContinueAsNewError) bool { return errors.As(err, next) }

// decodeInput decodes the input that a workflow passes on when it continues as new.
func decodeInput[T any](t *testing.T, next *workflow.ContinueAsNewError) T {
	t.Helper()
	var v T
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
