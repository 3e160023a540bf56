package workflows

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// firesAt is when the XNYS schedule fires on that Friday: 17:30 in New York.
var firesAt = time.Date(2025, 9, 26, 21, 30, 0, 0, time.UTC)

// newTickEnv runs daily in place of Daily.
func newTickEnv(t *testing.T, daily func(workflow.Context, DailyInput) (DailyResult, error)) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	env.RegisterWorkflowWithOptions(Tick, workflow.RegisterOptions{Name: TickWorkflow})
	env.RegisterWorkflowWithOptions(daily, workflow.RegisterOptions{Name: DailyWorkflow})
	env.RegisterActivity(&activities.Planning{})
	return env
}

// scheduled sets the search attribute that Temporal sets on a workflow started by a schedule.
func scheduled(t *testing.T, env *testsuite.TestWorkflowEnvironment, nominal time.Time) {
	t.Helper()
	err := env.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(scheduledStartAttribute.ValueSet(nominal)))
	if err != nil {
		t.Fatal(err)
	}
}

func due(env *testsuite.TestWorkflowEnvironment, at time.Time, sessions ...etf.Session) {
	env.OnActivity(planning.SessionsDue, mock.Anything, activities.SessionsDueInput{Exchange: etf.XNYS, At: at, Limit: maxTickSessions}).
		Return(activities.SessionsDueResult{Sessions: sessions}, nil).Once()
}

func TestTickUsesTheScheduledTime(t *testing.T) {
	env := newTickEnv(t, func(workflow.Context, DailyInput) (DailyResult, error) { return DailyResult{}, nil })
	// The server was down: the firing of 21:30 UTC starts two days late, and in another time zone.
	env.SetStartTime(firesAt.Add(48 * time.Hour).In(time.FixedZone("Chatham", 12*3600+45*60)))
	scheduled(t, env, firesAt)
	due(env, firesAt, friday)
	env.ExecuteWorkflow(Tick, TickInput{Exchange: etf.XNYS})
	got := result[TickResult](t, env)
	want := TickSession{Session: friday, Run: "daily:XNYS:2025-09-26", Status: etf.RunCompleted}
	if !got.Nominal.Equal(firesAt) || len(got.Sessions) != 1 || got.Sessions[0] != want {
		t.Errorf("got %+v", got)
	}
	env.AssertExpectations(t)
}

func TestTickStartedByHandUsesItsStartTime(t *testing.T) {
	env := newTickEnv(t, func(workflow.Context, DailyInput) (DailyResult, error) { return DailyResult{}, nil })
	by := time.Date(2025, 9, 27, 7, 0, 0, 0, time.FixedZone("Seoul", 9*3600))
	env.SetStartTime(by)
	due(env, by.UTC())
	env.ExecuteWorkflow(Tick, TickInput{Exchange: etf.XNYS})
	if got := result[TickResult](t, env); len(got.Sessions) != 0 {
		t.Errorf("nothing was due, got %+v", got)
	}
	env.AssertExpectations(t)
}

// Three sessions late: each runs once, oldest first, and only after the previous one has ended, even if it failed.
func TestTickThreeSessionsLate(t *testing.T) {
	sessions := []etf.Session{friday - 2, friday - 1, friday}
	var ran []etf.Session
	running := 0
	env := newTickEnv(t, func(ctx workflow.Context, in DailyInput) (DailyResult, error) {
		ran = append(ran, in.Session)
		if running++; running > 1 {
			t.Errorf("%s started while an earlier session was running", in.Session)
		}
		defer func() { running-- }()
		err := workflow.Sleep(ctx, 40*time.Minute)
		if in.Session == friday-1 {
			err = temporal.NewNonRetryableApplicationError("no", activities.TypeInvalid, nil)
		}
		return DailyResult{}, err
	})
	scheduled(t, env, firesAt)
	due(env, firesAt, sessions...)
	env.ExecuteWorkflow(Tick, TickInput{Exchange: etf.XNYS})
	got := result[TickResult](t, env)
	if !slices.Equal(ran, sessions) {
		t.Errorf("ran %v, want %v", ran, sessions)
	}
	for i, want := range []etf.RunStatus{etf.RunCompleted, etf.RunFailed, etf.RunCompleted} {
		if got.Sessions[i].Status != want || got.Sessions[i].Session != sessions[i] {
			t.Errorf("session %d is %+v, want %s", i, got.Sessions[i], want)
		}
	}
	env.AssertExpectations(t)
}

// The API started the middle session first, and its run is still running or has completed. The Tick waits for it and
// does not start another for that session.
func TestTickSessionAlreadyStarted(t *testing.T) {
	for _, c := range []struct {
		name   string
		takes  time.Duration // the API's run, which starts ten minutes before the Tick
		result activities.AwaitRunResult
		err    error
		want   etf.RunStatus
	}{
		{"running", time.Hour, activities.AwaitRunResult{Status: etf.RunCompleted}, nil, etf.RunCompleted},
		{"completed", time.Minute, activities.AwaitRunResult{Status: etf.RunCompleted}, nil, etf.RunCompleted},
		{"cancelled in the meantime", time.Hour, activities.AwaitRunResult{Status: etf.RunCancelled}, nil, etf.RunCancelled},
		{"beyond retention", time.Minute, activities.AwaitRunResult{}, typed(activities.TypeNotFound, "gone", 1), etf.RunCompleted},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ran []etf.Session
			waited := false
			env := newTickEnv(t, func(ctx workflow.Context, in DailyInput) (DailyResult, error) {
				if in.Session == friday && !waited {
					t.Error("the last session started before the API's run had ended")
				}
				ran = append(ran, in.Session)
				if in.Session == friday-1 {
					return DailyResult{}, workflow.Sleep(ctx, c.takes)
				}
				return DailyResult{}, nil
			})
			due(env, firesAt, friday-2, friday-1, friday)
			env.OnActivity(planning.AwaitRun, mock.Anything, activities.AwaitRunInput{WorkflowID: "daily/XNYS/2025-09-25"}).
				Return(func(context.Context, activities.AwaitRunInput) (activities.AwaitRunResult, error) {
					waited = true
					return c.result, c.err
				}).Once()
			env.RegisterWorkflowWithOptions(func(ctx workflow.Context) (got TickResult, err error) {
				api := DailyInput{Exchange: etf.XNYS, Session: friday - 1}
				workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
					WorkflowID: api.Run().WorkflowID(), TaskQueue: TaskQueue, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
				}), DailyWorkflow, api)
				if err := workflow.Sleep(ctx, 10*time.Minute); err != nil {
					return got, err
				}
				err = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
					WorkflowID: TickID(etf.XNYS), TaskQueue: TaskQueue,
				}), TickWorkflow, TickInput{Exchange: etf.XNYS, Nominal: firesAt}).Get(ctx, &got)
				return got, err
			}, workflow.RegisterOptions{Name: "APIFirst"})
			env.ExecuteWorkflow("APIFirst")
			got := result[TickResult](t, env)
			if want := []etf.Session{friday - 1, friday - 2, friday}; !slices.Equal(ran, want) {
				t.Errorf("ran %v, want %v", ran, want)
			}
			if s := got.Sessions[1]; !s.Elsewhere || s.Status != c.want {
				t.Errorf("the session of the API's run is %+v, want %s", s, c.want)
			}
			env.AssertExpectations(t)
		})
	}
}

// A cancelled Tick starts no further sessions and does not cancel the current run.
func TestTickCancelled(t *testing.T) {
	ended := false
	var ran []etf.Session
	env := newTickEnv(t, func(ctx workflow.Context, in DailyInput) (DailyResult, error) {
		ran = append(ran, in.Session)
		for range 60 {
			if err := workflow.Sleep(ctx, time.Minute); err != nil {
				return DailyResult{}, err
			}
		}
		ended = true
		return DailyResult{}, nil
	})
	scheduled(t, env, firesAt)
	due(env, firesAt, friday-1, friday)
	env.RegisterDelayedCallback(env.CancelWorkflow, 10*time.Minute)
	env.ExecuteWorkflow(Tick, TickInput{Exchange: etf.XNYS})
	if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v", err)
	}
	if !ended || !slices.Equal(ran, []etf.Session{friday - 1}) {
		t.Errorf("the current run ended: %t; ran %v", ended, ran)
	}
}

func TestTickFailsWithoutTheSessionsDue(t *testing.T) {
	env := newTickEnv(t, func(workflow.Context, DailyInput) (DailyResult, error) { return DailyResult{}, nil })
	env.OnActivity(planning.SessionsDue, mock.Anything, mock.Anything).
		Return(activities.SessionsDueResult{}, typed(activities.TypeInvalid, "exchange: unknown", 1)).Once()
	env.ExecuteWorkflow(Tick, TickInput{Exchange: "XXXX"})
	if f := failureOf(env.GetWorkflowError()); f.Type != activities.TypeInvalid {
		t.Errorf("ended with %+v", f)
	}
}

// A year late: the sessions run in batches of sixty. Each batch is a run of its own that continues after the previous
// one, even though no session completed.
func TestTickBatches(t *testing.T) {
	var all []etf.Session
	for s := friday - 364; s <= friday; s++ {
		if d := s.Weekday(); d != time.Saturday && d != time.Sunday {
			all = append(all, s)
		}
	}
	var ran []etf.Session
	in := TickInput{Exchange: etf.XNYS}
	for range 10 {
		env := newTickEnv(t, func(_ workflow.Context, in DailyInput) (DailyResult, error) {
			ran = append(ran, in.Session)
			return DailyResult{}, temporal.NewNonRetryableApplicationError("no", activities.TypeInvalid, nil)
		})
		scheduled(t, env, firesAt)
		env.OnActivity(planning.SessionsDue, mock.Anything, mock.Anything).Return(
			func(_ context.Context, in activities.SessionsDueInput) (activities.SessionsDueResult, error) {
				if !in.At.Equal(firesAt) {
					t.Errorf("the instant is %s", in.At)
				}
				rest := slices.DeleteFunc(slices.Clone(all), func(s etf.Session) bool { return s <= in.After })
				return activities.SessionsDueResult{Sessions: rest[:min(len(rest), in.Limit)], More: len(rest) > in.Limit}, nil
			}).Once()
		env.ExecuteWorkflow(Tick, in)
		var next *workflow.ContinueAsNewError
		if !asContinue(env.GetWorkflowError(), &next) {
			if got := result[TickResult](t, env); len(got.Sessions) != maxTickSessions {
				t.Errorf("the result lists %d sessions", len(got.Sessions))
			}
			break
		}
		in = decodeInput[TickInput](t, next)
	}
	if !slices.Equal(ran, all) {
		t.Errorf("ran %d sessions, want %d", len(ran), len(all))
	}
}
