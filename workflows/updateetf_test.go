package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

func detailsOf(err error, into any) bool {
	var app *temporal.ApplicationError
	var cancelled *temporal.CanceledError
	switch {
	case errors.As(err, &app):
		return app.HasDetails() && app.Details(into) == nil
	case errors.As(err, &cancelled):
		return cancelled.HasDetails() && cancelled.Details(into) == nil
	}
	return false
}

func TestUpdateETFIsFourActivities(t *testing.T) {
	env := newEnv(t)
	var order []string
	env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		order = append(order, info.ActivityType.Name+" on "+info.TaskQueue)
	})
	env.OnActivity(fetching.Fetch, mock.Anything, activities.FetchInput{
		Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Session: friday, Ref: "SPY", Run: spy.Run,
	}).Return(hasSession, nil).Once()
	expectStored(env, etf.Persisted{New: 1, Unchanged: 15})
	env.OnUpsertTypedSearchAttributes(temporal.NewSearchAttributes(OutcomeAttribute.ValueSet("updated"))).Return(nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	wantRow(t, result[etf.RunETF](t, env), etf.RunETF{
		Symbol: "SPY", Session: friday, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "yahoo",
		RowsNew: 1, RowsUnchanged: 15, Findings: 1, Forecasts: 1, Attempts: 1,
	})
	env.AssertExpectations(t)
	if want := []string{"Fetch on etfcast-source-yahoo", "Validate on etfcast", "Persist on etfcast", "Forecast on etfcast-fit"}; !slices.Equal(order, want) {
		t.Errorf("the activities were %v, want %v", order, want)
	}
}

func TestUpdateETFUnchanged(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	expectStored(env, etf.Persisted{Unchanged: 16})
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeUnchanged {
		t.Errorf("the outcome is %s", row.Outcome)
	}
	env.AssertExpectations(t)
}

// After an error of one source the next source is tried; any other error fails the update.
func TestUpdateETFFailover(t *testing.T) {
	for _, e := range activities.ErrorTypes() {
		switch e.Name {
		case activities.TypeSessionMissing, activities.TypeNoWorker, activities.TypeTimedOut:
			continue // made by the workflow, not by the activity
		}
		t.Run(e.Name, func(t *testing.T) {
			env := newEnv(t)
			env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(activities.FetchResult{}, typed(e.Name, "yahoo: no", 4)).Once()
			next := activities.IsSourceError(e.Name)
			if next {
				env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(hasSession, nil).Once()
				expectStored(env, etf.Persisted{New: 1})
			}
			env.ExecuteWorkflow(UpdateETF, spy)
			if next {
				if row := result[etf.RunETF](t, env); row.Source != "file" || row.Outcome != etf.OutcomeUpdated {
					t.Errorf("got %+v", row)
				}
			} else {
				wantRow(t, wantFailed(t, env, e.Name), etf.RunETF{
					Symbol: "SPY", Session: friday, Stage: etf.StageFetch, Outcome: etf.OutcomeFailed, Attempts: 4,
					ErrorType: e.Name, ErrorMessage: "yahoo: no",
				})
			}
			env.AssertExpectations(t)
		})
	}
}

func TestUpdateETFAllSourcesFail(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(activities.FetchResult{}, typed(activities.TypeSourceDenied, "yahoo: key", 1)).Once()
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(activities.FetchResult{}, typed(activities.TypeSourceNotFound, "file: none", 1)).Once()
	env.OnUpsertTypedSearchAttributes(temporal.NewSearchAttributes(OutcomeAttribute.ValueSet("failed"))).Return(nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := wantFailed(t, env, activities.TypeSourceDenied); row.ErrorMessage != "yahoo: key" {
		t.Errorf("want the error of the preferred source, got %q", row.ErrorMessage)
	}
	env.AssertExpectations(t)
}

// opens is the error of a source that is not asked until the instant.
func opens(message string, until time.Time) error {
	return temporal.NewNonRetryableApplicationError(message, activities.TypeSourceOpen, nil, activities.ErrorDetail{Attempt: 1, RetryAt: until})
}

// While every source that could help has an open breaker, the update waits for the first one to be asked again, but not for one that
// has been failing for long.
func TestUpdateETFWaitsForBreakers(t *testing.T) {
	start := time.Date(2025, 9, 26, 21, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		open  time.Duration // of the first source's breaker
		left  time.Duration
		waits bool
	}{
		{"five minutes", 5 * time.Minute, 20 * time.Hour, true},
		{"over already", -time.Second, 20 * time.Hour, true},
		{"twenty minutes", 20 * time.Minute, 20 * time.Hour, false},
		{"the exchange closes before", 10 * time.Minute, 6 * time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := newEnv(t)
			env.SetStartTime(start)
			in := spy
			in.Until = start.Add(c.left)
			env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(activities.FetchResult{}, opens("yahoo is not asked", start.Add(c.open))).Once()
			asked := env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(activities.FetchResult{}, typed(activities.TypeSourceNotFound, "file: none", 1)).Once()
			if c.waits {
				env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(hasSession, nil).Once().NotBefore(asked)
				expectStored(env, etf.Persisted{New: 1})
			}
			env.ExecuteWorkflow(UpdateETF, in)
			if c.waits {
				if row := result[etf.RunETF](t, env); row.Source != "yahoo" || row.SourcesOpen != "" {
					t.Errorf("got %+v", row)
				}
				if waited := env.Now().Sub(start); waited < c.open {
					t.Errorf("it waited for %s", waited)
				}
			} else if row := wantFailed(t, env, activities.TypeSourceOpen); row.SourcesOpen != "yahoo" {
				t.Errorf("got %+v", row)
			}
			env.AssertExpectations(t)
		})
	}
}

// A breaker that stays half open for ever does not make an update wait for ever.
func TestUpdateETFWaitsForBreakersBounded(t *testing.T) {
	env := newEnv(t)
	in := spy
	in.Sources = in.Sources[:1]
	times := 0
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(func(context.Context, activities.FetchInput) (activities.FetchResult, error) {
		times++
		return activities.FetchResult{}, opens("yahoo is not asked", env.Now().Add(20*time.Second))
	})
	env.ExecuteWorkflow(UpdateETF, in)
	wantFailed(t, env, activities.TypeSourceOpen)
	if times != openWaits+1 {
		t.Errorf("asked %d times", times)
	}
}

// If a source responds without the session while another is not asked, only that one is asked again; without it the response is used.
func TestUpdateETFWaitsForBreakersWithoutTheSession(t *testing.T) {
	start := time.Date(2025, 9, 26, 21, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		then error
		want string
	}{{"it is back", nil, "yahoo"}, {"it fails", typed(activities.TypeSourceDenied, "yahoo: no", 1), "file"}} {
		t.Run(c.name, func(t *testing.T) {
			env := newEnv(t)
			env.SetStartTime(start)
			in := spy
			in.Until = start.Add(20 * time.Hour)
			env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(activities.FetchResult{}, opens("yahoo is not asked", start.Add(5*time.Minute))).Once()
			env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(lacksSession, nil).Once()
			back := hasSession
			if c.then != nil {
				back = activities.FetchResult{}
			}
			env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(back, c.then).Once()
			if c.then == nil {
				expectStored(env, etf.Persisted{New: 1})
			} else {
				env.OnActivity(validating.Validate, mock.Anything, mock.Anything).Return(activities.ValidateResult{Attempt: 1}, nil).Once()
				expectPersisted(env, etf.Persisted{New: 1})
			}
			env.ExecuteWorkflow(UpdateETF, in)
			var row etf.RunETF
			if c.then == nil {
				row = result[etf.RunETF](t, env)
			} else {
				row = wantFailed(t, env, activities.TypeSessionMissing)
			}
			if row.Source != c.want {
				t.Errorf("got %+v", row)
			}
			env.AssertExpectations(t)
		})
	}
}

// A source whose quota is used up is left for the next one at once, and named in the row.
func TestUpdateETFQuotaUsedUp(t *testing.T) {
	env := newEnv(t)
	start := time.Date(2025, 9, 26, 21, 0, 0, 0, time.UTC)
	env.SetStartTime(start)
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(activities.FetchResult{},
		temporal.NewNonRetryableApplicationError("used up", activities.TypeSourceQuota, nil, activities.ErrorDetail{Attempt: 1, RetryAt: start.Add(3 * time.Hour)})).Once()
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(hasSession, nil).Once()
	expectStored(env, etf.Persisted{New: 1})
	env.SetOnTimerScheduledListener(func(_ string, d time.Duration) { t.Errorf("it waits for %s", d) })
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Source != "file" || row.SourcesUsedUp != "yahoo" || row.SourcesOpen != "" || row.Outcome != etf.OutcomeUpdated {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

// A source whose breaker is open is named in the row, although another source has the session.
func TestUpdateETFNamesOpenSources(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(activities.FetchResult{}, opens("yahoo is not asked", time.Now().Add(time.Hour))).Once()
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(hasSession, nil).Once()
	expectStored(env, etf.Persisted{New: 1})
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Source != "file" || row.SourcesOpen != "yahoo" || row.Outcome != etf.OutcomeUpdated {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

func TestUpdateETFSessionComesLate(t *testing.T) {
	env := newEnv(t)
	env.SetStartTime(time.Date(2025, 9, 26, 21, 30, 0, 0, time.UTC))
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(lacksSession, nil).Twice()
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(hasSession, nil).Once()
	expectStored(env, etf.Persisted{New: 1})
	var timers []time.Duration
	env.SetOnTimerScheduledListener(func(_ string, d time.Duration) { timers = append(timers, d) })
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeUpdated || row.Source != "yahoo" {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
	if len(timers) != 2 || timers[0] != 10*time.Minute || timers[1] != 30*time.Minute {
		t.Errorf("waited %v", timers)
	}
}

// Yahoo is tried four times, the file once; the preferred source's rows are stored, and no forecast is made.
func TestUpdateETFSessionMissing(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY")).Return(lacksSession, nil).Times(4)
	env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(activities.FetchResult{Fetch: "f9", Rows: 2, Attempt: 1}, nil).Once()
	expectValidated(env, activities.ValidateResult{Findings: 2, Attempt: 1})
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f0", CanJudge: true}).
		Return(activities.PersistResult{Persisted: etf.Persisted{New: 2, Unchanged: 13}, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	wantRow(t, wantFailed(t, env, activities.TypeSessionMissing), etf.RunETF{
		Symbol: "SPY", Session: friday, Stage: etf.StagePersist, Outcome: etf.OutcomeFailed, Source: "yahoo",
		RowsNew: 2, RowsUnchanged: 13, Findings: 2, Attempts: 1,
		ErrorType: activities.TypeSessionMissing, ErrorMessage: "no source has a price of SPY for 2025-09-26 yet",
	})
	env.AssertExpectations(t)
}

// A file that looks half-written is waited for; a complete one without the session is not.
func TestUpdateETFUnfinishedFile(t *testing.T) {
	in := spy
	in.Sources = spy.Sources[1:]
	cut := activities.FetchResult{Fetch: "f0", Rows: 2, Attempt: 1, Unfinished: "SPY.csv:4: the last line has no line end"}
	t.Run("completed", func(t *testing.T) {
		env := newEnv(t)
		env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(cut, nil).Twice()
		env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(hasSession, nil).Once()
		expectStored(env, etf.Persisted{New: 1})
		var timers []time.Duration
		env.SetOnTimerScheduledListener(func(_ string, d time.Duration) { timers = append(timers, d) })
		env.ExecuteWorkflow(UpdateETF, in)
		if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeUpdated || !slices.Equal(timers, unfinishedWaits[:2]) {
			t.Errorf("%+v after waiting %v", row, timers)
		}
		env.AssertExpectations(t)
	})
	t.Run("never completed", func(t *testing.T) {
		env := newEnv(t)
		env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(cut, nil).Times(1 + len(unfinishedWaits))
		expectValidated(env, activities.ValidateResult{Findings: 1, Attempt: 1})
		env.OnActivity(persisting.Persist, mock.Anything, mock.Anything).Return(activities.PersistResult{Persisted: etf.Persisted{New: 2}, Attempt: 1}, nil).Once()
		env.ExecuteWorkflow(UpdateETF, in)
		row := wantFailed(t, env, activities.TypeSessionMissing)
		if want := "no source has a price of SPY for 2025-09-26 yet: SPY.csv:4: the last line has no line end"; row.ErrorMessage != want {
			t.Errorf("the message is %q, want %q", row.ErrorMessage, want)
		}
		env.AssertExpectations(t)
	})
}

// An update stops waiting for a session in time before the exchange's next close, and still stores what it has.
func TestUpdateETFStopsWaitingInTime(t *testing.T) {
	for _, c := range []struct {
		name    string
		left    time.Duration
		fetches int // from Yahoo, which is asked again after 10, 30 and 60 minutes
	}{
		{"the whole night", 20 * time.Hour, 4}, {"an hour", time.Hour, 3}, {"half an hour", 30 * time.Minute, 2}, {"nothing", -time.Hour, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := newEnv(t)
			start := time.Date(2025, 9, 26, 21, 0, 0, 0, time.UTC)
			env.SetStartTime(start)
			in := spy
			in.Until = start.Add(c.left)
			env.OnActivity(fetching.Fetch, mock.Anything, mock.MatchedBy(func(f activities.FetchInput) bool { return f.Ref == "SPY" && f.Until.Equal(in.Until) })).
				Return(lacksSession, nil).Times(c.fetches)
			env.OnActivity(fetching.Fetch, mock.Anything, from("SPY.csv")).Return(activities.FetchResult{Fetch: "f9", Rows: 2, Attempt: 1}, nil).Once()
			expectValidated(env, activities.ValidateResult{Attempt: 1})
			expectPersisted(env, etf.Persisted{New: 2})
			env.ExecuteWorkflow(UpdateETF, in)
			wantFailed(t, env, activities.TypeSessionMissing)
			env.AssertExpectations(t)
		})
	}
}

func TestUpdateETFEmptyResponse(t *testing.T) {
	env := newEnv(t)
	in := spy
	in.Sources = spy.Sources[1:]
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(activities.FetchResult{Fetch: "f0", Empty: true, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, in)
	if row := wantFailed(t, env, activities.TypeSessionMissing); row.Stage != etf.StageFetch {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

// A source that lacks the session does no harm once a person has given its price.
func TestUpdateETFWithAPriceAPersonHasGiven(t *testing.T) {
	env := newEnv(t)
	only := spy
	only.Sources = only.Sources[1:]
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(lacksSession, nil).Once()
	expectValidated(env, activities.ValidateResult{Findings: 1, Given: true, Attempt: 1})
	expectPersisted(env, etf.Persisted{Unchanged: 15})
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, only)
	if got := result[etf.RunETF](t, env); got.Outcome != etf.OutcomeUnchanged || got.Forecasts != 1 {
		t.Errorf("got %+v", got)
	}
	env.AssertExpectations(t)
}

// A finding that has been decided is named, and nobody is asked again.
func TestUpdateETFQuarantinedByDecision(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	expectValidated(env, activities.ValidateResult{
		Findings: 1, Errors: 1, QuarantinedNew: true, Attempt: 1,
		OnNew: []activities.FindingRef{{ID: "ab12", Rule: "jump", Evidence: "too far", Decision: etf.Reject}},
	})
	expectPersisted(env, etf.Persisted{Unchanged: 1, Quarantined: 1})
	env.SetOnChildWorkflowStartedListener(func(info *workflow.Info, _ workflow.Context, _ converter.EncodedValues) {
		t.Errorf("started %s", info.WorkflowExecution.ID)
	})
	env.ExecuteWorkflow(UpdateETF, spy)
	if got := result[etf.RunETF](t, env); got.Outcome != etf.OutcomeQuarantined || got.ErrorMessage != "jump, finding ab12 (reject)" {
		t.Errorf("got %+v", got)
	}
	env.AssertExpectations(t)
}

func TestUpdateETFQuarantined(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
	}{{"asks a person", nil}, {"is already asking", &temporal.ChildWorkflowExecutionAlreadyStartedError{}}} {
		t.Run(c.name, func(t *testing.T) {
			env := newEnv(t)
			env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
			expectValidated(env, activities.ValidateResult{
				Findings: 3, Errors: 1, QuarantinedNew: true, Attempt: 1,
				OnNew: []activities.FindingRef{{ID: "ab12", Rule: "jump", Evidence: "too far"}},
			})
			expectPersisted(env, etf.Persisted{New: 1, Quarantined: 1})
			want := ResolveFindingInput{
				Finding: "ab12", Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Rule: "jump", Evidence: "too far", Run: spy.Run,
			}
			var resolvers []string
			if c.err != nil {
				env.OnWorkflow(ResolveFindingWorkflow, mock.Anything, want).Return(etf.Finding{}, c.err).Once()
			} // otherwise the real one waits, and the test would not end if UpdateETF waited for it
			env.SetOnChildWorkflowStartedListener(func(info *workflow.Info, _ workflow.Context, args converter.EncodedValues) {
				var got ResolveFindingInput
				if err := args.Get(&got); err != nil || got != want {
					t.Errorf("the person is asked %+v, want %+v", got, want)
				}
				resolvers = append(resolvers, info.WorkflowExecution.ID)
			})
			var ended time.Duration
			started := env.Now()
			env.OnUpsertTypedSearchAttributes(temporal.NewSearchAttributes(OutcomeAttribute.ValueSet("quarantined"))).
				Run(func(mock.Arguments) { ended = env.Now().Sub(started) }).Return(nil).Once()
			env.SetDetachedChildWait(false)
			env.ExecuteWorkflow(UpdateETF, spy)
			wantRow(t, result[etf.RunETF](t, env), etf.RunETF{
				Symbol: "SPY", Session: friday, Stage: etf.StagePersist, Outcome: etf.OutcomeQuarantined, Source: "yahoo",
				RowsNew: 1, RowsQuarantined: 1, Findings: 3, Attempts: 1, ErrorMessage: "jump, finding ab12",
			})
			if !slices.Equal(resolvers, []string{"finding/ab12"}) || ended > time.Hour {
				t.Errorf("started %v; the update took %s", resolvers, ended)
			}
			env.AssertExpectations(t)
		})
	}
}

func TestUpdateETFStageErrors(t *testing.T) {
	for _, c := range []struct {
		stage etf.Stage
		want  etf.RunETF
	}{
		{etf.StageValidate, etf.RunETF{}},
		{etf.StagePersist, etf.RunETF{Findings: 1}},
		{etf.StageForecast, etf.RunETF{Findings: 1, RowsNew: 1, RowsUnchanged: 15}},
	} {
		t.Run(string(c.stage), func(t *testing.T) {
			env := newEnv(t)
			boom := typed(activities.TypeInternal, "boom", 3)
			env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
			switch c.stage {
			case etf.StageValidate:
				env.OnActivity(validating.Validate, mock.Anything, mock.Anything).Return(activities.ValidateResult{}, boom).Once()
			case etf.StagePersist:
				expectValidated(env, activities.ValidateResult{Findings: 1, Attempt: 1})
				env.OnActivity(persisting.Persist, mock.Anything, mock.Anything).Return(activities.PersistResult{}, boom).Once()
			case etf.StageForecast:
				expectValidated(env, activities.ValidateResult{Findings: 1, Attempt: 1})
				expectPersisted(env, etf.Persisted{New: 1, Unchanged: 15})
				env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{}, boom).Once()
			}
			env.ExecuteWorkflow(UpdateETF, spy)
			want := c.want
			want.Symbol, want.Session, want.Stage, want.Outcome, want.Source = "SPY", friday, c.stage, etf.OutcomeFailed, "yahoo"
			want.Attempts, want.ErrorType, want.ErrorMessage = 3, activities.TypeInternal, "boom"
			wantRow(t, wantFailed(t, env, activities.TypeInternal), want)
			env.AssertExpectations(t)
		})
	}
}

// A database that is down only costs time: the steps are retried until it is back.
func TestUpdateETFWaitsForTheDatabase(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	expectValidated(env, activities.ValidateResult{Attempt: 1})
	attempts := 0
	env.OnActivity(persisting.Persist, mock.Anything, mock.Anything).Return(func(context.Context, activities.PersistInput) (activities.PersistResult, error) {
		if attempts++; attempts < 9 { // the test environment stops at ten
			return activities.PersistResult{}, temporal.NewApplicationError("down", activities.TypeUnavailable)
		}
		return activities.PersistResult{Persisted: etf.Persisted{New: 1}, Attempt: int32(attempts)}, nil
	})
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	if row := result[etf.RunETF](t, env); row.Outcome != etf.OutcomeUpdated {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

func TestUpdateETFCancelledWhileItWaits(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(lacksSession, nil).Once()
	env.OnUpsertTypedSearchAttributes(temporal.NewSearchAttributes(OutcomeAttribute.ValueSet("cancelled"))).Return(nil).Once()
	env.RegisterDelayedCallback(func() {
		if row := query[etf.RunETF](t, env); row.Outcome != etf.OutcomeRunning || row.Stage != etf.StageFetch {
			t.Errorf("while it waits the status is %+v", row)
		}
		env.CancelWorkflow()
	}, time.Minute)
	env.ExecuteWorkflow(UpdateETF, spy)
	err := env.GetWorkflowError()
	if !temporal.IsCanceledError(err) {
		t.Fatalf("ended with %v", err)
	}
	if row := rowOf(t, err); row.Outcome != etf.OutcomeCancelled || row.Stage != etf.StageFetch {
		t.Errorf("got %+v", row)
	}
	env.AssertExpectations(t)
}

func TestUpdateETFWithoutSource(t *testing.T) {
	env := newEnv(t)
	in := spy
	in.Sources = nil
	env.ExecuteWorkflow(UpdateETF, in)
	wantFailed(t, env, activities.TypeInvalid)
}

// A model without a forecast is recorded in the row; the outcome stays the same.
func TestUpdateETFWithoutAModel(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(hasSession, nil).Once()
	expectValidated(env, activities.ValidateResult{Attempt: 1})
	expectPersisted(env, etf.Persisted{New: 1})
	env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{
		Appended: 1, Attempt: 1, Failed: []string{"model a: fitting SPY: odd", "model b: " + strings.Repeat("x", 291)},
	}, nil).Once()
	env.OnUpsertTypedSearchAttributes(temporal.NewSearchAttributes(OutcomeAttribute.ValueSet("updated"))).Return(nil).Once()
	env.ExecuteWorkflow(UpdateETF, spy)
	row := result[etf.RunETF](t, env)
	if len(row.ErrorMessage) > 300 || !strings.HasPrefix(row.ErrorMessage, "model a: fitting SPY: odd; model b: xxx") {
		t.Errorf("the message is %q", row.ErrorMessage)
	}
	row.ErrorMessage = ""
	wantRow(t, row, etf.RunETF{
		Symbol: "SPY", Session: friday, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "yahoo", RowsNew: 1, Forecasts: 1,
		Attempts: 1, ErrorType: activities.TypeModelFailed,
	})
	env.AssertExpectations(t)
}
