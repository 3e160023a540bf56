package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// expectAnchored makes SPY's heads anchored for the run, once.
func expectAnchored(env *testsuite.TestWorkflowEnvironment, run etf.RunID) {
	env.OnActivity(anchoring.Anchor, mock.Anything, activities.AnchorInput{Scope: etf.AnchorScope{Symbols: []etf.Symbol{"SPY"}}, Run: run}).
		Return(activities.AnchorResult{Leaves: 2, Checkpoint: etf.Checkpoint{Size: 17, Root: "r", Note: "n"}}, nil).Once()
}

// A Daily anchors the heads of the whole exchange once: after every update has ended and is recorded, before the run ends.
func TestDailyAnchorsTheExchange(t *testing.T) {
	m := newMarket(230)
	env := newEnvWith(t, m.update)
	m.serve(env)
	m.onAnchor = func() {
		if m.open > 0 || len(m.recorded) != 230 || len(m.finished) > 0 {
			t.Errorf("anchored with %d updates open, %d ETFs recorded, and %d times finished", m.open, len(m.recorded), len(m.finished))
		}
	}
	env.ExecuteWorkflow(Daily, xnysFriday)
	got := result[DailyResult](t, env)
	if len(m.anchors) != 1 || m.anchors[0].Scope.Exchange != etf.XNYS || len(m.anchors[0].Scope.Symbols) > 0 || m.anchors[0].Run != "daily:XNYS:2025-09-26" {
		t.Errorf("anchored %+v", m.anchors)
	}
	if c := got.Checkpoint; c == nil || *c != (etf.Checkpoint{Size: 3, Root: "r", Note: "n"}) || got.NotAnchored != "" {
		t.Errorf("the result is %+v with checkpoint %+v", got, c)
	}
	if s := query[DailyStatus](t, env); s.Ledger != "3 leaves, checkpoint 3" {
		t.Errorf("the status says %q", s.Ledger)
	}
}

// A run over some ETFs anchors the heads of those.
func TestDailyAnchorsItsSymbols(t *testing.T) {
	m := newMarket(5)
	env := newEnvWith(t, m.update)
	m.serve(env)
	in := xnysFriday
	in.Symbols = []etf.Symbol{"SIM00004", "SIM00001", "SIM00004"}
	env.ExecuteWorkflow(Daily, in)
	result[DailyResult](t, env)
	if len(m.anchors) != 1 || m.anchors[0].Scope.Exchange != "" || !slices.Equal(m.anchors[0].Scope.Symbols, []etf.Symbol{"SIM00001", "SIM00004"}) {
		t.Errorf("anchored %+v", m.anchors)
	}
}

// A ledger that refuses fails no run: the run says why.
func TestDailyCannotAnchor(t *testing.T) {
	m := newMarket(3)
	m.anchorErr = typed(activities.TypeCorrupt, "the ledger's leaf 4 is not as it was written", 1)
	env := newEnvWith(t, m.update)
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	got := result[DailyResult](t, env)
	if got.NotAnchored != "the ledger's leaf 4 is not as it was written" || got.Checkpoint != nil || got.Counts.Done() != 3 {
		t.Errorf("got %+v", got)
	}
	if len(m.finished) != 1 || m.finished[0].Status != etf.RunCompleted {
		t.Errorf("finished %+v", m.finished)
	}
	s := query[DailyStatus](t, env)
	if s.Ledger != "not anchored: the ledger's leaf 4 is not as it was written; the next run anchors the same forecasts" {
		t.Errorf("the status says %q", s.Ledger)
	}
	if text := dailyDetails(s, time.Minute, 0, true); !strings.Contains(text, "\nledger: not anchored: the ledger's leaf 4") {
		t.Errorf("the details are\n%s", text)
	}
}

// What a cancelled run has issued is anchored, after its updates have ended.
func TestDailyCancelledAnchors(t *testing.T) {
	m := newMarket(200)
	env := newEnvWith(t, m.update)
	m.serve(env)
	m.onAnchor = func() {
		if m.open > 0 || len(m.finished) > 0 {
			t.Errorf("anchored with %d updates open, %d times finished", m.open, len(m.finished))
		}
	}
	var cancel func()
	cancel = func() {
		if m.open < FanOut || len(m.updated) < FanOut+20 {
			env.RegisterDelayedCallback(cancel, time.Millisecond)
			return
		}
		env.CancelWorkflow()
	}
	env.RegisterDelayedCallback(cancel, 551*time.Millisecond)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Fatalf("ended with %v", err)
	}
	if len(m.anchors) != 1 || len(m.finished) != 1 || m.finished[0].Status != etf.RunCancelled {
		t.Errorf("anchored %+v, finished %+v", m.anchors, m.finished)
	}
}

// A run that fails half way anchors what it has issued.
func TestDailyFailedAnchors(t *testing.T) {
	m := newMarket(300)
	env := newEnvWith(t, m.update)
	env.OnActivity(planning.DueETFs, mock.Anything, mock.MatchedBy(func(in activities.DueETFsInput) bool { return in.After != "" })).
		Return(activities.DueETFsResult{}, typed(activities.TypeNotFound, "symbols: no ETF XYZ", 1)).Once()
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if f := failureOf(env.GetWorkflowError()); f.Type != activities.TypeNotFound || len(m.anchors) != 1 {
		t.Errorf("ended with %+v, anchored %+v", f, m.anchors)
	}
}

// A run that did nothing anchors nothing: its history is as before.
func TestDailyWithoutWorkAnchorsNothing(t *testing.T) {
	for name, begin := range map[string]func(*testsuite.TestWorkflowEnvironment){
		"closed": func(env *testsuite.TestWorkflowEnvironment) {
			env.OnActivity(recording.BeginRun, mock.Anything, mock.Anything).Return(activities.BeginRunResult{Closed: true}, nil).Once()
		},
		"impossible": func(env *testsuite.TestWorkflowEnvironment) {
			env.OnActivity(recording.BeginRun, mock.Anything, mock.Anything).Return(activities.BeginRunResult{}, typed(activities.TypeInvalid, "not closed yet", 1)).Once()
		},
		"no ETF": func(*testsuite.TestWorkflowEnvironment) {},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(0)
			env := newEnvWith(t, m.update)
			begin(env)
			m.serve(env)
			env.OnGetVersion(changeAnchor, workflow.DefaultVersion, workflow.Version(1)).Panic("the version was asked for").Maybe()
			env.ExecuteWorkflow(Daily, xnysFriday)
			if len(m.anchors) != 0 || len(m.finished) != 1 {
				t.Errorf("anchored %+v, finished %+v", m.anchors, m.finished)
			}
		})
	}
}

// A run that ended before 0.2 replays without the ledger.
func TestDailyOfBefore02(t *testing.T) {
	m := newMarket(3)
	env := newEnvWith(t, m.update)
	m.serve(env)
	env.OnGetVersion(changeAnchor, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if got := result[DailyResult](t, env); got.Checkpoint != nil || got.NotAnchored != "" || len(m.anchors) != 0 {
		t.Errorf("got %+v, anchored %+v", got, m.anchors)
	}
}

// A checkpoint that is in no file is said to be so where people look.
func TestAnchoredInWords(t *testing.T) {
	for want, a := range map[string]anchored{
		"":                       {},
		"0 leaves, checkpoint 9": {done: true, result: activities.AnchorResult{Checkpoint: etf.Checkpoint{Size: 9}}},
		"1 leaf, checkpoint 1,234; not in a file: disk full":          {done: true, result: activities.AnchorResult{Leaves: 1, Checkpoint: etf.Checkpoint{Size: 1234}, NotKept: "disk full"}},
		"not anchored: down; the next run anchors the same forecasts": {done: true, failure: "down"},
	} {
		if got := a.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Forecasts that a decision found made already move no head, and one that can't be anchored does not undo the decision.
func TestResolveFindingAnchors(t *testing.T) {
	for _, c := range []struct {
		appended int
		err      error
		followed string
	}{
		{0, nil, "Forecasts from 2025-09-29: 0 new, 0 as before."},
		{2, typed(activities.TypeUnavailable, "the database is down", 1),
			"Forecasts from 2025-09-29: 2 new, 0 as before. Ledger: not anchored: the database is down; the next run anchors the same forecasts."},
	} {
		env := newEnv(t)
		env.OnActivity(deciding.Decide, mock.Anything, mock.Anything).Return(etf.Finding{ID: "ab12", Symbol: "SPY", Decision: etf.Accept, By: "jo"}, nil).Once()
		env.OnActivity(deciding.NewestSession, mock.Anything, mock.Anything).Return(activities.NewestResult{Session: friday + 3, Usable: true}, nil).Once()
		env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: c.appended}, nil).Once()
		if c.err != nil {
			env.OnActivity(anchoring.Anchor, mock.Anything, mock.Anything).Return(activities.AnchorResult{}, c.err).Once()
		} else {
			env.OnGetVersion(changeAnchor, workflow.DefaultVersion, workflow.Version(1)).Panic("the version was asked for").Maybe()
		}
		var a updateResult
		env.RegisterDelayedCallback(func() {
			env.UpdateWorkflow(DecideUpdate, "one", a.callback(), Decision{Decision: etf.Accept, By: "jo", Why: "x"})
		}, time.Minute)
		env.ExecuteWorkflow(ResolveFinding, jump)
		if got := result[etf.Finding](t, env); got.Decision != etf.Accept {
			t.Errorf("got %+v", got)
		}
		if s := query[FindingStatus](t, env); s.Followed != c.followed {
			t.Errorf("it says %q, want %q", s.Followed, c.followed)
		}
		env.AssertExpectations(t)
	}
}

func TestDecideActionCannotAnchor(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(decidingActions.DecideAction, mock.Anything, mock.Anything).Return(decidedAs(etf.Accepted, friday), nil).Once()
	env.OnActivity(forecasting.Forecast, mock.Anything, forecastAgain).Return(activities.ForecastResult{Appended: 2}, nil).Once()
	env.OnActivity(anchoring.Anchor, mock.Anything, mock.Anything).Return(activities.AnchorResult{}, typed(activities.TypeUnavailable, "the database is down", 1)).Once()
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(DecideActionSignal, decisionOn(etf.Accepted, "k1")) }, 0)
	env.ExecuteWorkflow(DecideAction, splitAction)
	got := result[DecideActionStatus](t, env)
	if got.Decided != 1 || got.Forecasts != 2 || got.Ledger != "not anchored: the database is down; the next run anchors the same forecasts" {
		t.Errorf("%+v", got)
	}
	if text := got.details(); !strings.Contains(text, "\n\nledger: not anchored: the database is down") {
		t.Errorf("the details are %q", text)
	}
	env.AssertExpectations(t)
}
