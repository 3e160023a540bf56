package workflows

import (
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// asked is a fetch for comparison.
func asked(ref string) any {
	return mock.MatchedBy(func(in activities.FetchInput) bool { return in.Ref == ref && in.Check && !in.Whole })
}

// validatedWith is a validation with a second source's fetch.
func validatedWith(second string, canCheck bool) any {
	return mock.MatchedBy(func(in activities.ValidateInput) bool {
		return in.Fetch == "f1" && in.Second == second && in.CanCheck == canCheck
	})
}

// A validation that asks for a second opinion is repeated with it, or without it if no other source has one; the update ends alike.
func TestUpdateETFAsksASecondSource(t *testing.T) {
	for _, c := range []struct {
		name, second string
		expect       func(env *testsuite.TestWorkflowEnvironment)
	}{
		{"it has the session", "f9", func(env *testsuite.TestWorkflowEnvironment) {
			env.OnActivity(fetching.Fetch, mock.Anything, asked("SPY.csv")).Return(activities.FetchResult{Fetch: "f9", Rows: 16, HasSession: true, Attempt: 1}, nil).Once()
		}},
		{"it lacks the session", "", func(env *testsuite.TestWorkflowEnvironment) {
			env.OnActivity(fetching.Fetch, mock.Anything, asked("SPY.csv")).Return(lacksSession, nil).Once()
		}},
		{"it fails", "", func(env *testsuite.TestWorkflowEnvironment) {
			env.OnActivity(fetching.Fetch, mock.Anything, asked("SPY.csv")).Return(activities.FetchResult{}, typed(activities.TypeSourceRateLimited, "file: slow down", 1)).Once()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := newEnv(t)
			env.OnActivity(fetching.Fetch, mock.Anything, mock.MatchedBy(func(in activities.FetchInput) bool { return !in.Check })).Return(hasSession, nil).Once()
			env.OnActivity(validating.Validate, mock.Anything, validatedWith("", true)).Return(activities.ValidateResult{Check: "sample", Attempt: 1}, nil).Once()
			c.expect(env)
			env.OnActivity(validating.Validate, mock.Anything, validatedWith(c.second, false)).Return(activities.ValidateResult{Findings: 1, Attempt: 1}, nil).Once()
			expectPersisted(env, etf.Persisted{New: 1})
			env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
			env.ExecuteWorkflow(UpdateETF, spy)
			wantRow(t, result[etf.RunETF](t, env), etf.RunETF{
				Symbol: "SPY", Session: friday, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "yahoo",
				RowsNew: 1, Findings: 1, Forecasts: 1, Attempts: 1,
			})
			env.AssertExpectations(t)
		})
	}
}

// After a failover no source is left to compare with: those before have failed.
func TestUpdateETFAfterFailoverComparesWithLaterSourcesOnly(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(activities.FetchResult{}, typed(activities.TypeSourceUnavailable, "yahoo: down", 4)).Once()
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(hasSession, nil).Once()
	env.OnActivity(validating.Validate, mock.Anything, validatedWith("", false)).Return(activities.ValidateResult{Findings: 1, Attempt: 1}, nil).Once()
	expectPersisted(env, etf.Persisted{New: 1})
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeUpdated || row.Source != "file" {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}
