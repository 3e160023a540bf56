package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var (
	backtestPlanning *activities.BacktestPlanning
	backtesting      *activities.Backtesting
)

// BacktestInput names a backtest; what it measures is recorded under its ID.
type BacktestInput struct {
	ID       string       `json:"id"`
	Exchange etf.Exchange `json:"exchange,omitempty"`
	// What describes it to people, clipped.
	What string `json:"what"`
}

// Summary is the line shown next to a backtest.
func (in BacktestInput) Summary() string { return "backtest of " + in.What }

// Details explains a backtest to whoever opens it.
func (in BacktestInput) Details() string {
	return fmt.Sprintf("Measures models on the stored history: **%s**. Each ETF is measured by one activity, which no daily run waits for; then the result "+
		"is assembled and stored. Current details show the progress. `etfcast backtest show %s` shows the result, `etfcast backtest cancel %s` stops it.", in.What, in.ID, in.ID)
}

// SearchAttributes returns the attributes the workflow is found by.
func (in BacktestInput) SearchAttributes() temporal.SearchAttributes {
	list := []temporal.SearchAttributeUpdate{RunAttribute.ValueSet("backtest:" + in.ID)}
	if in.Exchange != "" {
		list = append(list, ExchangeAttribute.ValueSet(string(in.Exchange)))
	}
	return temporal.NewSearchAttributes(list...)
}

// BacktestResult summarises a backtest.
type BacktestResult struct {
	ID            string             `json:"id"`
	Counts        etf.BacktestCounts `json:"counts"`
	Hash          string             `json:"hash"` // of the stored result
	LeakSuspected bool               `json:"leak_suspected,omitempty"`
}

// BacktestStatus is the result of a backtest's status query.
type BacktestStatus struct {
	ID     string             `json:"id"`
	Status etf.BacktestStatus `json:"status"`
	Counts etf.BacktestCounts `json:"counts"`
	Active []etf.Symbol       `json:"active"` // being measured, in the order in which they were started
	// Stage is "plan", "measure", "assemble" or "done".
	Stage string `json:"stage"`
	Error string `json:"error,omitempty"`
}

// Backtest measures models on stored ETFs: it plans which ETFs at which data versions, measures them, a few at a time, and assembles
// the result. Everything is stored as soon as it is there, so after a crash, or when a failed one is started again, only what is missing
// is done. An ETF that can't be measured is recorded and does not fail the others. Cancelling it deletes what was measured.
//
// When the server suggests it, it continues as new with nothing under way: what is left is read from the store.
func Backtest(ctx workflow.Context, in BacktestInput) (BacktestResult, error) {
	b := &measuring{in: in, status: BacktestStatus{ID: in.ID, Status: etf.RunRunning, Stage: "plan"}, began: workflow.Now(ctx)}
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (BacktestStatus, error) { return b.now(), nil }); err != nil {
		return BacktestResult{}, err
	}
	within, stop := workflow.WithCancel(ctx)
	b.stop = stop
	result, err := b.run(within)
	if workflow.IsContinueAsNewError(err) {
		return BacktestResult{}, err
	}
	return result, b.end(ctx, err)
}

// measuring is the state of one run of Backtest.
type measuring struct {
	in     BacktestInput
	status BacktestStatus
	open   []openMeasure
	stop   func() // cancels them
	began  time.Time
	shown  time.Time
}

type openMeasure struct {
	symbol etf.Symbol
	future workflow.Future
}

func (b *measuring) now() BacktestStatus {
	s := b.status
	s.Active = make([]etf.Symbol, len(b.open))
	for i, o := range b.open {
		s.Active[i] = o.symbol
	}
	return s
}

func (b *measuring) run(ctx workflow.Context) (BacktestResult, error) {
	actx := workflow.WithActivityOptions(ctx, storePolicy("plan"))
	var plan activities.BacktestPlan
	if err := workflow.ExecuteActivity(actx, backtestPlanning.PlanBacktest, activities.BacktestInput{ID: b.in.ID}).Get(ctx, &plan); err != nil {
		return BacktestResult{}, err
	}
	b.status.Counts, b.status.Stage = plan.Counts, "measure"
	b.show(ctx, true)
	if err := b.measure(ctx, max(plan.AtOnce, 1)); err != nil {
		return BacktestResult{}, err
	}
	b.status.Stage = "assemble"
	b.show(ctx, true)
	actx = workflow.WithActivityOptions(ctx, measurePolicy("assemble"))
	var made activities.AssembleResult
	if err := workflow.ExecuteActivity(actx, backtesting.AssembleBacktest, activities.BacktestInput{ID: b.in.ID}).Get(ctx, &made); err != nil {
		return BacktestResult{}, err
	}
	return BacktestResult{ID: b.in.ID, Counts: b.status.Counts, Hash: made.Hash, LeakSuspected: made.LeakSuspected}, nil
}

// measure measures every ETF that has no part yet, atOnce at a time.
func (b *measuring) measure(ctx workflow.Context, atOnce int) error {
	for after := etf.Symbol(""); ; {
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return continueAsNew(ctx, BacktestWorkflow, b.in)
		}
		actx := workflow.WithActivityOptions(ctx, storePolicy("what is left"))
		var page activities.PendingETFsResult
		err := workflow.ExecuteActivity(actx, backtestPlanning.PendingETFs,
			activities.PendingETFsInput{ID: b.in.ID, After: after, Limit: measurePage}).Get(ctx, &page)
		if err != nil {
			return err
		}
		if err := b.measurePage(ctx, page.Symbols, atOnce); err != nil {
			return err
		}
		if len(page.Symbols) < measurePage {
			return nil
		}
		after = page.Symbols[len(page.Symbols)-1]
	}
}

func (b *measuring) measurePage(ctx workflow.Context, left []etf.Symbol, atOnce int) error {
	for len(left) > 0 || len(b.open) > 0 {
		for len(left) > 0 && len(b.open) < atOnce {
			actx := workflow.WithActivityOptions(ctx, measurePolicy(string(left[0])))
			future := workflow.ExecuteActivity(actx, backtesting.MeasureETF, activities.MeasureETFInput{ID: b.in.ID, Symbol: left[0]})
			b.open = append(b.open, openMeasure{left[0], future})
			left = left[1:]
		}
		ready := func() bool {
			return slices.ContainsFunc(b.open, func(o openMeasure) bool { return o.future.IsReady() })
		}
		if err := workflow.Await(ctx, ready); err != nil {
			return err
		}
		if err := b.collect(ctx); err != nil {
			return err
		}
		b.show(ctx, false)
	}
	return nil
}

// collect takes the measured ETFs out of the window. One whose measuring failed in every attempt is recorded as such.
func (b *measuring) collect(ctx workflow.Context) error {
	var ended []openMeasure
	b.open = slices.DeleteFunc(b.open, func(o openMeasure) bool {
		if o.future.IsReady() {
			ended = append(ended, o)
			return true
		}
		return false
	})
	for _, o := range ended {
		var result activities.MeasureETFResult
		err := o.future.Get(ctx, &result)
		switch {
		case temporal.IsCanceledError(err):
			return err
		case err != nil:
			if err := b.unmeasured(ctx, o.symbol, err); err != nil {
				return err
			}
		case result.Counts.Done() > b.status.Counts.Done():
			b.status.Counts = result.Counts
		}
	}
	return nil
}

func (b *measuring) unmeasured(ctx workflow.Context, symbol etf.Symbol, why error) error {
	f := failureOf(why)
	if f.Type == activities.TypeNotFound { // the backtest or its plan is gone
		return why
	}
	actx := workflow.WithActivityOptions(ctx, storePolicy(string(symbol)+" can't be measured"))
	return workflow.ExecuteActivity(actx, backtestPlanning.RecordUnmeasured, activities.UnmeasuredInput{
		ID: b.in.ID, Symbol: symbol, Reason: etf.Clip(f.Type+": "+f.Message, modelFailures),
	}).Get(ctx, nil)
}

// end records how the backtest ended and returns the workflow's error. It happens even if the workflow is cancelled, after the activities
// under way have ended.
func (b *measuring) end(ctx workflow.Context, err error) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	end := activities.FinishBacktestInput{ID: b.in.ID, Status: etf.RunCompleted}
	switch {
	case temporal.IsCanceledError(err):
		end.Status = etf.RunCancelled
	case err != nil:
		end.Status, end.Reason = etf.RunFailed, describe(err)
	}
	b.stop()
	for _, o := range b.open {
		_ = o.future.Get(ctx, nil) // cancelled, unless its part is stored
	}
	b.open = nil
	actx := workflow.WithActivityOptions(ctx, storePolicy(string(end.Status)))
	finishErr := workflow.ExecuteActivity(actx, backtestPlanning.FinishBacktest, end).Get(ctx, nil)
	b.status.Status, b.status.Stage, b.status.Error = end.Status, "done", end.Reason
	b.show(ctx, true)
	switch {
	case temporal.IsCanceledError(err):
		return temporal.NewCanceledError()
	case err != nil:
		return temporal.NewNonRetryableApplicationError(end.Reason, failureOf(err).Type, nil, b.status.Counts)
	}
	return finishErr
}

// show renders current details, if the last time is long enough ago.
func (b *measuring) show(ctx workflow.Context, now bool) {
	if at := workflow.Now(ctx); now || at.Sub(b.shown) >= detailsEvery {
		b.shown = at
		workflow.SetCurrentDetails(ctx, backtestDetails(b.now(), at.Sub(b.began)))
	}
}

// backtestDetails renders a backtest. elapsed is the time since its start.
func backtestDetails(s BacktestStatus, elapsed time.Duration) string {
	var t strings.Builder
	c := s.Counts
	writef(&t, "**%s**: %s after %s\n\n", s.Stage, s.Status, elapsed.Truncate(time.Second))
	t.WriteString("| ETFs" + gap + " | |\n|:---|---:|\n")
	for _, line := range []struct {
		name string
		n    int
	}{{"measured", c.Measured}, {"can't be measured", c.Failed}, {"under way", len(s.Active)}, {"waiting", c.ETFs - c.Done() - len(s.Active)}} {
		writef(&t, "| %s%s | %s |\n", line.name, gap, thousands(line.n))
	}
	writef(&t, "\n%s of %s done, %s origins.\n", thousands(c.Done()), thousands(c.ETFs), thousands(c.Origins))
	if len(s.Active) > 0 {
		writef(&t, "\nUnder way: %s\n", cell(joinSymbols(s.Active[:min(len(s.Active), maxProblems)]), 500))
	}
	if s.Error != "" {
		writef(&t, "\n%s\n", cell(s.Error, 500))
	}
	return t.String()
}
