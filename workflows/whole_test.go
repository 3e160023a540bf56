package workflows

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var spyFromFile = UpdateETFInput{
	Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Session: friday,
	Sources: []etf.SourceRef{{Name: "file", Ref: "SPY.csv"}, {Name: "yahoo", Ref: "SPY"}}, Run: "daily:XNYS:2025-09-26",
}

func fetchOf(whole bool) any {
	return mock.MatchedBy(func(in activities.FetchInput) bool { return in.Whole == whole && in.Ref == "SPY.csv" })
}

// A file that has been restated is read again as a whole, and replaces what is stored.
func TestUpdateETFTakesARestatedSeriesOver(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, fetchOf(false)).Return(hasSession, nil).Once()
	env.OnActivity(fetching.Fetch, mock.Anything, fetchOf(true)).
		Return(activities.FetchResult{Fetch: "f2", Rows: 5000, Last: friday, HasSession: true, Attempt: 1}, nil).Once()
	env.OnActivity(validating.Validate, mock.Anything, activities.ValidateInput{
		Fetch: "f1", Symbol: "SPY", Exchange: etf.XNYS, Session: friday, CanFetchWhole: true, CanCheck: true,
	}).Return(activities.ValidateResult{FetchWhole: true, Attempt: 1}, nil).Once()
	env.OnActivity(validating.Validate, mock.Anything, activities.ValidateInput{
		Fetch: "f2", Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Whole: true, CanCheck: true,
	}).Return(activities.ValidateResult{TakeOver: true, Findings: 1, Attempt: 1}, nil).Once()
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f2", Whole: true, CanJudge: true}).
		Return(activities.PersistResult{Persisted: etf.Persisted{New: 1, Revised: 4999}, Settled: []string{"a", "b"}, Attempt: 1}, nil).Once()
	// The first finding has no workflow, the second one waits.
	env.OnRequestCancelExternalWorkflow(mock.Anything, FindingID("a"), "").Return(errors.New("not found")).Once()
	env.OnRequestCancelExternalWorkflow(mock.Anything, FindingID("b"), "").Return(nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spyFromFile)
	wantRow(t, result[etf.RunETF](t, env), etf.RunETF{
		Symbol: "SPY", Session: friday, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "file",
		RowsNew: 1, RowsRevised: 4999, Findings: 1, Forecasts: 1, Attempts: 1,
	})
	env.AssertExpectations(t)
}

// A whole history that can't replace what is stored is stored as any other response.
func TestUpdateETFWithACutHistory(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, fetchOf(false)).Return(hasSession, nil).Once()
	env.OnActivity(fetching.Fetch, mock.Anything, fetchOf(true)).Return(hasSession, nil).Once()
	expectValidated(env, activities.ValidateResult{FetchWhole: true, Attempt: 1})
	expectValidated(env, activities.ValidateResult{
		QuarantinedNew: true, OnNew: []activities.FindingRef{{ID: "x", Rule: "restated_series"}}, Findings: 1, Errors: 1, Attempt: 1,
	})
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f1", CanJudge: true}).
		Return(activities.PersistResult{Persisted: etf.Persisted{New: 1, Quarantined: 1}, Attempt: 1}, nil).Once()
	env.OnWorkflow(ResolveFindingWorkflow, mock.Anything, mock.Anything).Return(nil, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spyFromFile)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeQuarantined || row.ErrorMessage != "restated_series, finding x" {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

func TestUpdateETFWholeHistoryFails(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, fetchOf(false)).Return(hasSession, nil).Once()
	env.OnActivity(fetching.Fetch, mock.Anything, fetchOf(true)).Return(activities.FetchResult{}, typed(activities.TypeSourceNotFound, "file: gone", 1)).Once()
	expectValidated(env, activities.ValidateResult{FetchWhole: true, Attempt: 1})
	env.ExecuteWorkflow(UpdateETF, spyFromFile)
	if row := wantFailed(t, env, activities.TypeSourceNotFound); row.Stage != etf.StageFetch || row.RowsNew != 0 {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

// A refetch asks for the whole history at once, from whichever source has it.
func TestUpdateETFRefetches(t *testing.T) {
	env := newEnv(t)
	in := spy
	in.Whole = true
	env.OnActivity(fetching.Fetch, mock.Anything, mock.MatchedBy(func(in activities.FetchInput) bool { return in.Whole && in.Ref == "SPY" })).
		Return(activities.FetchResult{}, typed(activities.TypeSourceUnavailable, "yahoo: down", 4)).Once()
	env.OnActivity(fetching.Fetch, mock.Anything, fetchOf(true)).Return(hasSession, nil).Once()
	env.OnActivity(validating.Validate, mock.Anything, activities.ValidateInput{
		Fetch: "f1", Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Whole: true,
	}).Return(activities.ValidateResult{TakeOver: true, Attempt: 1}, nil).Once()
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f1", Whole: true, CanJudge: true}).
		Return(activities.PersistResult{Persisted: etf.Persisted{Unchanged: 16}, Attempt: 1}, nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, in)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeUnchanged || row.Source != "file" {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

// Stored bars from before the listing date go with the next update.
func TestUpdateETFPassesOnTheListing(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	expectValidated(env, activities.ValidateResult{Listed: friday - 99, Attempt: 1})
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f1", Listed: friday - 99, CanJudge: true}).
		Return(activities.PersistResult{Persisted: etf.Persisted{New: 1, Revised: 300}, Attempt: 1}, nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeUpdated {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}
