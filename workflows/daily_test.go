package workflows

import (
	"context"
	"fmt"
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

// market is a registry of ETFs and a runs table, for daily runs in the test environment.
type market struct {
	symbols  []etf.Symbol
	recorded map[etf.Symbol]etf.RunETF
	batches  []int
	counts   etf.RunCounts // as last recorded
	finished []activities.FinishRunInput
	stored   *etf.RunCounts // what FinishRun counts; nil for an activity of release 0.1.0
	open     int
	most     int // updates open at once
	updated  []etf.Symbol
	now      func() time.Time
	ended    time.Time // when the run was finished, if now is set

	nextClose time.Time // of the exchange

	anchors   []activities.AnchorInput
	anchorErr error
	onAnchor  func() // called when heads are anchored

	assessments []string // that updates were given
}

func newMarket(n int) *market {
	m := &market{recorded: map[etf.Symbol]etf.RunETF{}, nextClose: time.Date(2100, 1, 4, 21, 0, 0, 0, time.UTC)}
	for i := range n {
		m.symbols = append(m.symbols, etf.Symbol(fmt.Sprintf("SIM%05d", i)))
	}
	return m
}

// serve makes the environment's activities use the market.
func (m *market) serve(env *testsuite.TestWorkflowEnvironment) {
	env.OnActivity(recording.BeginRun, mock.Anything, mock.Anything).Return(activities.BeginRunResult{NextClose: m.nextClose}, nil).Maybe()
	env.OnActivity(planning.DueETFs, mock.Anything, mock.Anything).Return(m.due)
	env.OnActivity(recording.RecordOutcomes, mock.Anything, mock.Anything).Return(m.record).Maybe()
	env.OnActivity(recording.FinishRun, mock.Anything, mock.Anything).Return(m.finish).Maybe()
	env.OnActivity(anchoring.Anchor, mock.Anything, mock.Anything).Return(m.anchor).Maybe()
}

// anchor stands in for the ledger: each call adds three leaves to it.
func (m *market) anchor(_ context.Context, in activities.AnchorInput) (activities.AnchorResult, error) {
	m.anchors = append(m.anchors, in)
	if m.onAnchor != nil {
		m.onAnchor()
	}
	size := int64(3 * len(m.anchors))
	return activities.AnchorResult{Leaves: 3, Checkpoint: etf.Checkpoint{Size: size, Root: "r", Note: "n"}}, m.anchorErr
}

func (m *market) due(_ context.Context, in activities.DueETFsInput) (activities.DueETFsResult, error) {
	var page activities.DueETFsResult
	for _, s := range m.symbols {
		if s > in.After && (len(in.Symbols) == 0 || slices.Contains(in.Symbols, s)) && len(page.ETFs) < in.Limit {
			page.ETFs = append(page.ETFs, activities.DueETF{
				Symbol: s, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: string(s)}, {Name: "file", Ref: string(s) + ".csv"}},
			})
		}
	}
	return page, nil
}

func (m *market) record(_ context.Context, in activities.RecordOutcomesInput) error {
	m.batches = append(m.batches, len(in.ETFs))
	m.counts = in.Counts
	for _, r := range in.ETFs {
		m.recorded[r.Symbol] = r
	}
	return nil
}

func (m *market) finish(_ context.Context, in activities.FinishRunInput) (activities.FinishRunResult, error) {
	m.finished = append(m.finished, in)
	if m.now != nil {
		m.ended = m.now()
	}
	return activities.FinishRunResult{Counts: m.stored}, nil
}

// update stands in for UpdateETF; the symbol's number decides how long it takes and how it ends.
func (m *market) update(ctx workflow.Context, in UpdateETFInput) (etf.RunETF, error) {
	m.open++
	m.most = max(m.most, m.open)
	m.updated = append(m.updated, in.Symbol)
	m.assessments = append(m.assessments, in.Assessment)
	defer func() { m.open-- }()
	var n int
	_, _ = fmt.Sscanf(string(in.Symbol), "SIM%d", &n)
	row := etf.RunETF{Symbol: in.Symbol, Session: in.Session, Source: "simulated", Attempts: 1}
	for range 4 + n%7*2 { // in steps: the test environment cancels a child only between two events
		if err := workflow.Sleep(ctx, 50*time.Millisecond); err != nil {
			row.Stage, row.Outcome = etf.StagePersist, etf.OutcomeCancelled
			return row, temporal.NewCanceledError(row)
		}
	}
	switch n % 10 {
	case 3:
		row.Stage, row.Outcome, row.ErrorType, row.ErrorMessage = etf.StageFetch, etf.OutcomeFailed, activities.TypeSourceUnavailable, "simulated: down"
		return row, updateError(row)
	case 7:
		row.Stage, row.Outcome, row.RowsNew, row.RowsQuarantined = etf.StagePersist, etf.OutcomeQuarantined, 1, 1
	default:
		row.Stage, row.Outcome, row.RowsNew, row.RowsUnchanged, row.Forecasts = etf.StageDone, etf.OutcomeUpdated, 1, 15, 1
	}
	return row, nil
}

// updateBut is update, except that one ETF ends with an error.
func (m *market) updateBut(symbol etf.Symbol, err error) func(workflow.Context, UpdateETFInput) (etf.RunETF, error) {
	return func(ctx workflow.Context, in UpdateETFInput) (etf.RunETF, error) {
		if in.Symbol == symbol {
			return etf.RunETF{}, err
		}
		return m.update(ctx, in)
	}
}

// distinct returns the updated ETFs, sorted: the test environment starts children in no particular order.
func (m *market) distinct() []etf.Symbol { return etf.SortedSymbols(m.updated) }

var xnysFriday = DailyInput{Exchange: etf.XNYS, Session: friday}

func TestDailyUpdatesEveryETF(t *testing.T) {
	m := newMarket(230)
	env := newEnvWith(t, m.update)
	env.SetStartTime(time.Date(2025, 9, 27, 5, 30, 0, 0, time.FixedZone("Kathmandu", 5*3600+45*60)))
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	got := result[DailyResult](t, env)
	want := etf.RunCounts{Due: 230, Updated: 184, Quarantined: 23, Failed: 23, RowsNew: 207, RowsUnchanged: 184 * 15, Forecasts: 184}
	if got.Counts != want || got.Run != "daily:XNYS:2025-09-26" {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if m.most != FanOut {
		t.Errorf("at most %d updates were open at once, want %d", m.most, FanOut)
	}
	if n := len(m.distinct()); n != 230 || len(m.updated) != n {
		t.Errorf("%d updates of %d ETFs", len(m.updated), n)
	}
	if len(m.recorded) != 230 || m.counts.Done() != 230 || slices.Max(m.batches) > recordBatch || len(m.batches) > 8 {
		t.Errorf("recorded %d in batches of %v, the last with %+v", len(m.recorded), m.batches, m.counts)
	}
	if r := m.recorded["SIM00013"]; r.ErrorType != activities.TypeSourceUnavailable || r.ErrorMessage != "simulated: down" || r.Stage != etf.StageFetch {
		t.Errorf("a failed ETF is recorded as %+v", r)
	}
	if len(m.finished) != 1 || m.finished[0].Status != etf.RunCompleted || m.finished[0].Counts != want {
		t.Errorf("finished %+v", m.finished)
	}
	status := query[DailyStatus](t, env)
	if status.Run.Status != etf.RunCompleted || len(status.Problems) != maxProblems || status.Active == nil || status.Recent == nil {
		t.Errorf("the final status is %+v", status)
	}
	if start := time.Date(2025, 9, 26, 23, 45, 0, 0, time.UTC); !status.Run.StartedAt.Equal(start) || status.Run.StartedAt.Location() != time.UTC {
		t.Errorf("started at %v, want %v", status.Run.StartedAt, start)
	}
	env.AssertExpectations(t)
}

func TestDailyStatusWhileItRuns(t *testing.T) {
	m := newMarket(120)
	env := newEnvWith(t, m.update)
	m.serve(env)
	env.RegisterDelayedCallback(func() {
		s := query[DailyStatus](t, env)
		c := s.Run.Counts
		if s.Run.Status != etf.RunRunning || len(s.Active) != FanOut || c.Done() == 0 || c.Due < c.Done()+len(s.Active) {
			t.Errorf("the status is %+v", s)
		}
		if c.Done() != len(s.Recent)+len(m.recorded) {
			t.Errorf("%d have ended, %d are recorded and %d recent", c.Done(), len(m.recorded), len(s.Recent))
		}
	}, 350*time.Millisecond)
	env.ExecuteWorkflow(Daily, xnysFriday)
	result[DailyResult](t, env)
}

func TestDailySubset(t *testing.T) {
	m := newMarket(400)
	env := newEnvWith(t, m.update)
	m.serve(env)
	in := xnysFriday
	for i := 399; i >= 0; i -= 3 { // 134 symbols, descending and duplicated
		in.Symbols = append(in.Symbols, m.symbols[i], m.symbols[i])
	}
	env.ExecuteWorkflow(Daily, in)
	if got := result[DailyResult](t, env); got.Counts.Due != 134 || got.Counts.Done() != 134 || got.Run != in.Run() {
		t.Errorf("got %+v", got)
	}
	if n := len(m.distinct()); n != 134 || len(m.updated) != n {
		t.Errorf("%d updates of %d ETFs", len(m.updated), n)
	}
}

func TestDailyWithoutETFs(t *testing.T) {
	m := newMarket(0)
	env := newEnvWith(t, m.update)
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if got := result[DailyResult](t, env); got.Counts != (etf.RunCounts{}) || len(m.batches) != 0 || len(m.finished) != 1 {
		t.Errorf("got %+v, batches %v, finished %v", got, m.batches, m.finished)
	}
}

func TestDailyClosedExchange(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(recording.BeginRun, mock.Anything, mock.MatchedBy(func(in activities.BeginRunInput) bool {
		return in.Run.ID == "daily:XNYS:2025-12-25" && in.Run.Status == etf.RunRunning && in.Run.Workflow == "daily"
	})).Return(activities.BeginRunResult{Closed: true}, nil).Once()
	env.OnActivity(recording.FinishRun, mock.Anything, activities.FinishRunInput{
		Run: "daily:XNYS:2025-12-25", Status: etf.RunCompleted, Closed: true,
	}).Return(activities.FinishRunResult{}, nil).Once()
	env.ExecuteWorkflow(Daily, DailyInput{Exchange: etf.XNYS, Session: etf.MustSession("2025-12-25"), Attempt: 1})
	if got := result[DailyResult](t, env); !got.Closed {
		t.Errorf("got %+v", got)
	}
	env.AssertExpectations(t)
}

func TestDailyImpossible(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(recording.BeginRun, mock.Anything, mock.Anything).
		Return(activities.BeginRunResult{}, typed(activities.TypeInvalid, "session: not closed yet", 1)).Once()
	env.OnActivity(recording.FinishRun, mock.Anything, activities.FinishRunInput{
		Run: "daily:XNYS:2025-09-26", Status: etf.RunFailed, Reason: "session: not closed yet",
	}).Return(activities.FinishRunResult{}, nil).Once()
	env.ExecuteWorkflow(Daily, xnysFriday)
	if f := failureOf(env.GetWorkflowError()); f.Type != activities.TypeInvalid {
		t.Errorf("ended with %+v", f)
	}
	env.AssertExpectations(t)
}

// A page that can't be read fails the run, but only after the open updates have ended and been recorded.
func TestDailyFailsAfterItsUpdates(t *testing.T) {
	m := newMarket(300)
	env := newEnvWith(t, m.update)
	env.OnActivity(planning.DueETFs, mock.Anything, mock.MatchedBy(func(in activities.DueETFsInput) bool { return in.After != "" })).
		Return(activities.DueETFsResult{}, typed(activities.TypeNotFound, "symbols: no ETF XYZ", 1)).Once()
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if f := failureOf(env.GetWorkflowError()); f.Type != activities.TypeNotFound {
		t.Fatalf("ended with %+v", f)
	}
	if m.open != 0 || len(m.updated) == 0 || len(m.recorded) != len(m.updated) {
		t.Errorf("%d open, %d updated, %d recorded", m.open, len(m.updated), len(m.recorded))
	}
	if len(m.finished) != 1 || m.finished[0].Status != etf.RunFailed || m.finished[0].Counts.Done() != len(m.updated) {
		t.Errorf("finished %+v", m.finished)
	}
}

func TestDailyUpdatedElsewhere(t *testing.T) {
	m := newMarket(3)
	env := newEnvWith(t, m.updateBut("SIM00001", &temporal.ChildWorkflowExecutionAlreadyStartedError{}))
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if got := result[DailyResult](t, env); got.Counts.Elsewhere != 1 || got.Counts.Updated != 2 {
		t.Errorf("got %+v", got)
	}
	if r := m.recorded["SIM00001"]; r.Outcome != etf.OutcomeElsewhere || r.ErrorType != "" {
		t.Errorf("recorded %+v", r)
	}
}

// An update that was terminated leaves no row; the run records it as failed and continues.
func TestDailyUpdateWithoutDetails(t *testing.T) {
	m := newMarket(2)
	env := newEnvWith(t, m.updateBut("SIM00001", temporal.NewApplicationError("strange", "Strange")))
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if got := result[DailyResult](t, env); got.Counts.Failed != 1 || got.Counts.Updated != 1 {
		t.Errorf("got %+v", got)
	}
	if r := m.recorded["SIM00001"]; r.Outcome != etf.OutcomeFailed || r.ErrorType != "Strange" || r.Symbol != "SIM00001" {
		t.Errorf("recorded %+v", r)
	}
}

func TestDailyCancelled(t *testing.T) {
	m := newMarket(200)
	env := newEnvWith(t, m.update)
	m.serve(env)
	// Cancelled once some updates are through and others open in their place, whatever the time: a busy machine starts them late.
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
	if len(m.finished) != 1 || m.finished[0].Status != etf.RunCancelled {
		t.Fatalf("finished %+v", m.finished)
	}
	c := m.finished[0].Counts
	if c.Cancelled != FanOut || c.Updated == 0 || c.Done() != len(m.recorded) || m.open != 0 {
		t.Errorf("counts %+v, %d recorded, %d open", c, len(m.recorded), m.open)
	}
	var stages []string
	for _, r := range m.recorded {
		if r.Outcome == etf.OutcomeCancelled {
			stages = append(stages, string(r.Stage))
		}
	}
	if strings.Join(slices.Compact(stages), " ") != string(etf.StagePersist) {
		t.Errorf("the cancelled updates' stages are %v", stages)
	}
}

// An update that ignores its cancellation does not keep a cancelled run open for ever.
func TestDailyCancelledWithATimeout(t *testing.T) {
	m := newMarket(2)
	env := newEnvWith(t, func(ctx workflow.Context, in UpdateETFInput) (etf.RunETF, error) {
		stubborn, _ := workflow.NewDisconnectedContext(ctx)
		return etf.RunETF{Symbol: in.Symbol, Outcome: etf.OutcomeUpdated}, workflow.Sleep(stubborn, 100*time.Hour)
	})
	m.serve(env)
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Second)
	started := env.Now()
	m.now = env.Now
	env.ExecuteWorkflow(Daily, xnysFriday)
	if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Fatalf("ended with %v", err)
	}
	if took := m.ended.Sub(started); took > drainTimeout+time.Minute {
		t.Errorf("the cancelled run took %s", took)
	}
	if len(m.finished) != 1 || m.finished[0].Counts.Cancelled != 2 || len(m.recorded) != 2 {
		t.Errorf("finished %+v, recorded %d", m.finished, len(m.recorded))
	}
}

// A batch that can't be recorded fails the run, after one more attempt to record the rows.
func TestDailyCannotRecord(t *testing.T) {
	m := newMarket(60)
	env := newEnvWith(t, m.update)
	env.OnActivity(recording.RecordOutcomes, mock.Anything, mock.Anything).Return(typed(activities.TypeInvalid, "counts: negative", 1)).Once()
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if f := failureOf(env.GetWorkflowError()); f.Type != activities.TypeInvalid {
		t.Fatalf("ended with %+v", f)
	}
	if len(m.recorded) != len(m.updated) || m.finished[0].Status != etf.RunFailed {
		t.Errorf("%d of %d recorded, finished %+v", len(m.recorded), len(m.updated), m.finished)
	}
}

// An update that lacks a model's forecast counts with its outcome, and needs attention.
func TestDailyShowsFailedModels(t *testing.T) {
	m, marked := newMarket(3), false
	env := newEnvWith(t, func(ctx workflow.Context, in UpdateETFInput) (etf.RunETF, error) {
		row, err := m.update(ctx, in)
		if !marked {
			marked = true
			row.ErrorType, row.ErrorMessage = activities.TypeModelFailed, "model second: odd"
		}
		return row, err
	})
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if got := result[DailyResult](t, env); got.Counts.Updated != got.Counts.Due || got.Counts.Failed != 0 {
		t.Fatalf("got %+v", got)
	}
	response, err := env.QueryWorkflow(StatusQuery)
	var status DailyStatus
	if err == nil {
		err = response.Get(&status)
	}
	if err != nil || len(status.Problems) != 1 || status.Problems[0].ErrorType != activities.TypeModelFailed || status.Problems[0].Outcome != etf.OutcomeUpdated {
		t.Errorf("problems %+v, %v", status.Problems, err)
	}
}

// The result has the counts that are recorded, which are those of what is stored.
func TestDailyReportsWhatIsStored(t *testing.T) {
	m := newMarket(3)
	m.stored = &etf.RunCounts{Due: 3, Updated: 3, RowsNew: 5, Forecasts: 7}
	env := newEnvWith(t, m.update)
	m.serve(env)
	env.ExecuteWorkflow(Daily, xnysFriday)
	if got := result[DailyResult](t, env); got.Counts != *m.stored {
		t.Errorf("got %+v, want %+v", got.Counts, *m.stored)
	}
}
