package workflows

import (
	"context"
	"testing"

	"github.com/stretchr/testify/mock"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var judgeThemAgain = activities.PersistResult{JudgeAgain: true, Attempt: 1}

// A decision that comes between Validate and Persist counts: the rows are judged again, and the outcome is that of the last judgement.
func TestUpdateETFJudgesAgain(t *testing.T) {
	env := newEnv(t)
	finding := activities.FindingRef{ID: "0123", Rule: "split_suspected"}
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	env.OnActivity(validating.Validate, mock.Anything, activities.ValidateInput{
		Fetch: "f1", Symbol: "SPY", Exchange: etf.XNYS, Session: friday, CanFetchWhole: true, CanCheck: true,
	}).Return(activities.ValidateResult{Findings: 3, Errors: 1, QuarantinedNew: true, OnNew: []activities.FindingRef{finding}, Attempt: 1}, nil).Once()
	env.OnActivity(persisting.Persist, mock.Anything, mock.Anything).Return(judgeThemAgain, nil).Twice()
	env.OnActivity(validating.Validate, mock.Anything, activities.ValidateInput{
		Fetch: "f1", Symbol: "SPY", Exchange: etf.XNYS, Session: friday, CanFetchWhole: true,
	}).Return(activities.ValidateResult{Findings: 1, Attempt: 1}, nil).Twice()
	env.OnActivity(persisting.Persist, mock.Anything, mock.Anything).Return(activities.PersistResult{Persisted: etf.Persisted{New: 1, Unchanged: 15}, Attempt: 1}, nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	wantRow(t, result[etf.RunETF](t, env), etf.RunETF{
		Symbol: "SPY", Session: friday, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "yahoo",
		RowsNew: 1, RowsUnchanged: 15, Findings: 1, Forecasts: 1, Attempts: 1,
	})
	env.AssertExpectations(t)
}

// What is judged again may ask for the whole history.
func TestUpdateETFJudgesAgainAndFetchesWhole(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	expectValidated(env, activities.ValidateResult{Attempt: 1})
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f1", CanJudge: true}).Return(judgeThemAgain, nil).Once()
	expectValidated(env, activities.ValidateResult{FetchWhole: true, Attempt: 1})
	whole := hasSession
	whole.Fetch = "f2"
	env.OnActivity(fetching.Fetch, mock.Anything, mock.MatchedBy(func(in activities.FetchInput) bool { return in.Whole })).Return(whole, nil).Once()
	expectValidated(env, activities.ValidateResult{TakeOver: true, Attempt: 1})
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f2", Whole: true, CanJudge: true}).
		Return(activities.PersistResult{Persisted: etf.Persisted{Revised: 16}, Attempt: 1}, nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeUpdated || row.RowsRevised != 16 {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

// An update that can't store its rows for hours fails; it does not go round for ever.
func TestUpdateETFJudgesAgainSoOften(t *testing.T) {
	env := newEnv(t)
	start := env.Now()
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	env.OnActivity(validating.Validate, mock.Anything, mock.Anything).Return(activities.ValidateResult{Attempt: 1}, nil).Times(mostJudged + 1)
	env.OnActivity(persisting.Persist, mock.Anything, mock.Anything).Return(judgeThemAgain, nil).Times(mostJudged + 1)
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := wantFailed(t, env, activities.TypeConflict); row.Stage != etf.StagePersist {
		t.Errorf("got %+v", row)
	}
	if took := env.Now().Sub(start); took < longestJudgePause || took > 24*longestJudgePause {
		t.Errorf("it took %s", took)
	}
	env.AssertExpectations(t)
}

func TestBackfillJudgesAgain(t *testing.T) {
	env := newEnv(t)
	window := etf.Window{From: etf.MustSession("2020-01-02"), To: etf.MustSession("2020-12-31")}
	var last *activities.AskedWindow
	env.OnActivity(backfilling.PlanBackfill, mock.Anything, mock.Anything).Return(activities.BackfillPlan{}, nil)
	env.OnActivity(backfilling.PendingBackfill, mock.Anything, mock.Anything).Return(activities.PendingBackfillResult{Symbols: []etf.Symbol{"SPY"}}, nil)
	env.OnActivity(backfilling.AdvanceBackfill, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.AdvanceInput) (activities.AdvanceResult, error) {
		if last = in.Last; last != nil {
			return activities.AdvanceResult{Done: true}, nil
		}
		return activities.AdvanceResult{Source: etf.SourceRef{Name: "yahoo", Ref: "SPY"}, Window: window}, nil
	})
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(activities.FetchResult{Fetch: "f", Rows: 250}, nil).Once()
	env.OnActivity(validating.Validate, mock.Anything, mock.Anything).Return(activities.ValidateResult{}, nil).Times(3)
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f", OnlyNew: true, CanJudge: true}).Return(judgeThemAgain, nil).Twice()
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f", OnlyNew: true, CanJudge: true}).
		Return(activities.PersistResult{Persisted: etf.Persisted{New: 250}}, nil).Once()
	env.OnActivity(backfilling.FinishBackfill, mock.Anything, mock.Anything).Return(nil)
	env.ExecuteWorkflow(Backfill, aBackfill)
	result[BackfillResult](t, env)
	if last == nil || last.ErrorType != "" || last.Stored.New != 250 {
		t.Errorf("got %+v", last)
	}
	env.AssertExpectations(t)
}
