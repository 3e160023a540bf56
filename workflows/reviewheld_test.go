package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// heldSPY is what Validate says about a close that is held.
var heldSPY = activities.ValidateResult{
	Findings: 1, HeldNew: true, Attempt: 1,
	OnHeld: []activities.FindingRef{{ID: "abc", Rule: "held_close", Evidence: "20 daily volatilities"}},
}

func TestUpdateETFOfAHeldClose(t *testing.T) {
	for _, c := range []struct {
		name    string
		failed  []string
		message string
	}{
		{"all models", nil, "held_close, finding abc"},
		{"without a model", []string{"prophet: no"}, "held_close, finding abc; prophet: no"},
	} {
		env := newEnv(t)
		env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
		expectValidated(env, heldSPY)
		expectPersisted(env, etf.Persisted{New: 1, Unchanged: 15})
		env.OnActivity(forecasting.Forecast, mock.Anything, activities.ForecastInput{
			Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Run: spy.Run,
		}).Return(activities.ForecastResult{Appended: 2, Failed: c.failed, Attempt: 1}, nil).Once()
		env.ExecuteWorkflow(UpdateETF, spy)
		wantRow(t, result[etf.RunETF](t, env), etf.RunETF{
			Symbol: "SPY", Session: friday, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "yahoo",
			RowsNew: 1, RowsUnchanged: 15, Findings: 1, Forecasts: 2, Attempts: 1,
			Held: true, ErrorType: activities.TypeHeldClose, ErrorMessage: c.message,
		})
		env.AssertExpectations(t)
	}
}

// The session that confirms a held close also forecasts from it, before it forecasts itself.
func TestUpdateETFForecastsWhatItReleases(t *testing.T) {
	for _, c := range []struct {
		name     string
		released []etf.Session
		err      error
		want     []etf.Session
	}{
		{"one", []etf.Session{friday - 1}, nil, []etf.Session{friday - 1, friday}},
		{"the new session itself", []etf.Session{friday}, nil, []etf.Session{friday}},
		{"the newest of many", []etf.Session{friday - 9, friday - 8, friday - 7, friday - 4, friday - 3, friday - 2, friday - 1}, nil,
			[]etf.Session{friday - 7, friday - 4, friday - 3, friday - 2, friday - 1, friday}},
		{"a failure", []etf.Session{friday - 1}, typed(activities.TypeInternal, "a bug", 3), []etf.Session{friday - 1, friday}},
	} {
		env := newEnv(t)
		var origins []etf.Session
		env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
		expectValidated(env, activities.ValidateResult{Attempt: 1})
		expectPersisted(env, etf.Persisted{New: 1, Revised: 1, Released: c.released})
		env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(
			func(_ context.Context, in activities.ForecastInput) (activities.ForecastResult, error) {
				origins = append(origins, in.Session)
				if in.Session != friday && c.err != nil {
					return activities.ForecastResult{}, c.err
				}
				return activities.ForecastResult{Appended: 1, Attempt: 1}, nil
			})
		env.ExecuteWorkflow(UpdateETF, spy)
		row := result[etf.RunETF](t, env)
		forecasts := len(c.want)
		if c.err != nil {
			forecasts = 1
		}
		if !slices.Equal(origins, c.want) || row.Forecasts != forecasts || row.Stage != etf.StageDone || row.ErrorType != "" || row.Held {
			t.Errorf("%s: forecast from %v, row %+v", c.name, origins, row)
		}
	}
}

func TestUpdateETFQuarantinedAfterARelease(t *testing.T) {
	env := newEnvWith(t, UpdateETF)
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	expectValidated(env, activities.ValidateResult{QuarantinedNew: true, Attempt: 1})
	expectPersisted(env, etf.Persisted{New: 1, Revised: 1, Quarantined: 1, Released: []etf.Session{friday - 1}})
	env.OnActivity(forecasting.Forecast, mock.Anything, activities.ForecastInput{
		Symbol: "SPY", Exchange: etf.XNYS, Session: friday - 1, Run: spy.Run,
	}).Return(activities.ForecastResult{Appended: 1, Failed: []string{"prophet: no"}, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeQuarantined || row.Stage != etf.StagePersist || row.ErrorType != "" || row.Forecasts != 1 {
		t.Errorf("row %+v", row)
	}
	env.AssertExpectations(t)
}

// heldMarket is a market in which every ETF's close is held.
type heldMarket struct {
	*market
	mu        sync.Mutex // several forecasts are made at once
	reviews   []activities.ReviewHeldInput
	forecasts []etf.Symbol
}

func newHeldMarket(n int) *heldMarket { return &heldMarket{market: newMarket(n)} }

func (m *heldMarket) hold(ctx workflow.Context, in UpdateETFInput) (etf.RunETF, error) {
	m.updated = append(m.updated, in.Symbol)
	return etf.RunETF{
		Symbol: in.Symbol, Session: in.Session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, RowsNew: 1, Forecasts: 2,
		Held: true, ErrorType: activities.TypeHeldClose, ErrorMessage: "held_close, finding x",
	}, nil
}

// review releases every held ETF but those whose symbol ends in 9.
func (m *heldMarket) review(_ context.Context, in activities.ReviewHeldInput) (activities.ReviewHeldResult, error) {
	m.reviews = append(m.reviews, in)
	result := activities.ReviewHeldResult{After: in.After}
	for _, s := range m.symbols {
		row, recorded := m.recorded[s]
		if s <= in.After || !recorded || !row.Held {
			continue
		}
		if result.Reviewed == in.Limit {
			result.More = true
			break
		}
		result.Reviewed++
		result.After = s
		if !strings.HasSuffix(string(s), "9") {
			row.Held, row.ErrorType, row.ErrorMessage = false, "", ""
			result.Released = append(result.Released, row)
		}
	}
	return result, nil
}

func (m *heldMarket) forecast(_ context.Context, in activities.ForecastInput) (activities.ForecastResult, error) {
	m.mu.Lock()
	m.forecasts = append(m.forecasts, in.Symbol)
	m.mu.Unlock()
	result := activities.ForecastResult{Appended: 2}
	if in.Symbol == "SIM00004" {
		result.Failed = []string{"prophet: no"}
	}
	if in.Symbol == "SIM00005" {
		return result, typed(activities.TypeInternal, "a bug", 3)
	}
	return result, nil
}

// At the end of a run over the whole exchange, once every update has ended and is recorded, the held closes are looked at
// again; those released are forecast and recorded anew.
func TestDailyReviewsHeldCloses(t *testing.T) {
	const n = 100
	m := newHeldMarket(n)
	env := newEnvWith(t, m.hold)
	m.serve(env)
	env.OnActivity(reviewing.ReviewHeld, mock.Anything, mock.Anything).Return(
		func(ctx context.Context, in activities.ReviewHeldInput) (activities.ReviewHeldResult, error) {
			if len(m.recorded) != n || len(m.updated) != n {
				t.Errorf("a review with %d of %d outcomes recorded", len(m.recorded), n)
			}
			return m.review(ctx, in)
		})
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(m.forecast)
	env.ExecuteWorkflow(Daily, xnysFriday)
	got := result[DailyResult](t, env)
	if want := (etf.RunCounts{Due: n, Updated: n, RowsNew: n, Forecasts: 2*n + 2*89}); got.Counts != want {
		t.Errorf("got  %+v\nwant %+v", got.Counts, want)
	}
	if len(m.reviews) != 3 || m.reviews[0] != (activities.ReviewHeldInput{Run: "daily:XNYS:2025-09-26", Exchange: etf.XNYS, Session: friday, Limit: reviewPage}) ||
		m.reviews[2].After != "SIM00079" {
		t.Errorf("reviews %+v", m.reviews)
	}
	if len(m.forecasts) != 90 {
		t.Errorf("%d forecasts", len(m.forecasts))
	}
	for s, row := range m.recorded {
		wantType, held, forecasts := "", false, 4
		switch {
		case strings.HasSuffix(string(s), "9"):
			wantType, held, forecasts = activities.TypeHeldClose, true, 2
		case s == "SIM00004":
			wantType = activities.TypeModelFailed
		case s == "SIM00005":
			wantType, forecasts = activities.TypeInternal, 2
		}
		if row.ErrorType != wantType || row.Held != held || row.Forecasts != forecasts || row.Outcome != etf.OutcomeUpdated {
			t.Errorf("%s: %+v", s, row)
		}
	}
	// Of the problems, those remain that are ones still. Which of the held ETFs are among the newest depends on the order in
	// which they ended.
	var problems []string
	for _, p := range query[DailyStatus](t, env).Problems {
		if p.Held != strings.HasSuffix(string(p.Symbol), "9") {
			t.Errorf("%s is shown as %s", p.Symbol, p.ErrorType)
		}
		problems = append(problems, fmt.Sprintf("%s %s", p.Symbol, p.ErrorType))
	}
	if !slices.Contains(problems, "SIM00004 ModelFailed") || !slices.Contains(problems, "SIM00005 Internal") {
		t.Errorf("problems %v", problems)
	}
}

// Without a held close, and in a run over some ETFs, there is no review: the environment would panic.
func TestDailyWithoutReview(t *testing.T) {
	m := newMarket(10)
	env := newEnvWith(t, m.update)
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	result[DailyResult](t, env)

	some := newHeldMarket(10)
	env = newEnvWith(t, some.hold)
	some.serve(env)
	env.ExecuteWorkflow(Daily, DailyInput{Exchange: etf.XNYS, Session: friday, Symbols: some.symbols[:5]})
	if got := result[DailyResult](t, env); got.Counts.Updated != 5 {
		t.Errorf("got %+v", got)
	}
}

// A review that fails does not fail the run.
func TestDailyWhoseReviewFails(t *testing.T) {
	m := newHeldMarket(10)
	env := newEnvWith(t, m.hold)
	m.serve(env)
	env.OnActivity(reviewing.ReviewHeld, mock.Anything, mock.Anything).Return(activities.ReviewHeldResult{}, typed(activities.TypeInternal, "a bug", 3)).Once()
	env.ExecuteWorkflow(Daily, xnysFriday)
	if got := result[DailyResult](t, env); got.Counts.Updated != 10 || len(m.finished) != 1 || m.finished[0].Status != etf.RunCompleted {
		t.Errorf("got %+v, finished %+v", got, m.finished)
	}
}

// A run that continues as new, with updates left or in the middle of the review, reviews every held close once.
func TestDailyReviewsAfterContinuingAsNew(t *testing.T) {
	m := newHeldMarket(100)
	in := xnysFriday
	for runs := 0; ; runs++ {
		env := newEnvWith(t, m.hold)
		env.SetContinueAsNewSuggested(runs == 1 || runs == 3) // after the updates, and in the review
		m.serve(env)
		env.OnActivity(reviewing.ReviewHeld, mock.Anything, mock.Anything).Return(
			func(ctx context.Context, in activities.ReviewHeldInput) (activities.ReviewHeldResult, error) {
				if runs == 2 && len(m.reviews) == 1 {
					env.SetContinueAsNewSuggested(true)
				}
				return m.review(ctx, in)
			}).Maybe()
		env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(m.forecast).Maybe()
		if runs == 0 { // the first 60 ETFs; the rest are due in the next run
			all := m.symbols
			m.symbols = all[:60]
			env.RegisterDelayedCallback(func() { env.SetContinueAsNewSuggested(true); m.symbols = all }, 0)
		}
		env.ExecuteWorkflow(Daily, in)
		err := env.GetWorkflowError()
		var next *workflow.ContinueAsNewError
		if err == nil {
			break
		}
		if !errors.As(err, &next) {
			t.Fatal(err)
		}
		in = decodeInput[DailyInput](t, next)
		if p := in.Progress; !p.Held && len(m.updated) > 0 {
			t.Errorf("run %d forgets that closes are held: %+v", runs, p)
		}
		if runs > 6 {
			t.Fatal("it keeps continuing as new")
		}
	}
	if len(m.updated) != 100 || len(m.forecasts) != 90 || !in.Progress.Reviewing {
		t.Errorf("%d updates, %d forecasts, progress %+v", len(m.updated), len(m.forecasts), in.Progress)
	}
	released := 0 // rows recorded anew, whichever run of the chain released them
	for _, row := range m.recorded {
		if !row.Held {
			released++
		}
	}
	if released != 90 {
		t.Errorf("%d rows are recorded as released, not 90", released)
	}
	afters := map[etf.Symbol]bool{}
	for _, r := range m.reviews {
		if afters[r.After] {
			t.Errorf("reviewed after %q twice", r.After)
		}
		afters[r.After] = true
	}
}
