package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/simulated"
	"github.com/etfcast/etfcast/worker"
	"github.com/etfcast/etfcast/workflows"
)

// bareUpdate is an update that does no work: four sequential activities on the task queues of the real ones.
func bareUpdate(ctx workflow.Context, in workflows.UpdateETFInput) (etf.RunETF, error) {
	for _, queue := range []string{workflows.SourceTaskQueue(simulated.Name), workflows.TaskQueue, workflows.TaskQueue, workflows.FitTaskQueue} {
		options := workflow.ActivityOptions{TaskQueue: queue, StartToCloseTimeout: time.Minute}
		if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), nothing).Get(ctx, nil); err != nil {
			return etf.RunETF{}, err
		}
	}
	return etf.RunETF{Symbol: in.Symbol, Session: in.Session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated}, nil
}

func nothing(context.Context) error { return nil }

// memory is the in-memory registry and run record of a bare run.
type memory struct {
	symbols []etf.Symbol
}

func (m *memory) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	return m.etf(symbol), nil
}

func (m *memory) etf(symbol etf.Symbol) etf.ETF {
	return etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: simulated.Name, Ref: string(symbol)}}}
}

func (m *memory) Due(_ context.Context, _ etf.Exchange, _ etf.Session, _ []etf.Symbol, after etf.Symbol, limit int) ([]etf.ETF, error) {
	i, found := slices.BinarySearch(m.symbols, after)
	if found {
		i++
	}
	var page []etf.ETF
	for ; i < len(m.symbols) && len(page) < limit; i++ {
		page = append(page, m.etf(m.symbols[i]))
	}
	return page, nil
}

func (m *memory) StartRun(context.Context, etf.Run) error { return nil }
func (m *memory) RecordOutcomes(context.Context, etf.RunID, []string, etf.RunCounts, []etf.RunETF) error {
	return nil
}
func (m *memory) FinishRun(_ context.Context, end etf.RunEnd) (etf.RunCounts, error) {
	return end.Counts, nil
}
func (m *memory) Anchor(context.Context, etf.AnchorScope, etf.CheckpointNote) (etf.Anchored, error) {
	return etf.Anchored{}, nil
}
func (m *memory) DiscardStaged(context.Context, etf.RunID) (int, error)            { return 0, nil }
func (m *memory) LastCompleted(context.Context, etf.Exchange) (etf.Session, error) { return 0, nil }
func (m *memory) Run(context.Context, etf.RunID) (etf.Run, error)                  { return etf.Run{}, nil }

// bareRun runs the bare workflows once, for the session `back` sessions before the measured one, and returns its figures.
func bareRun(ctx context.Context, c client.Client, cal *calendar.Calendar, session etf.Session, symbols []etf.Symbol, back int, pids processes) (figures, error) {
	past, err := cal.Nth(session, -1-back)
	if err != nil {
		return figures{}, err
	}
	m := &memory{symbols: symbols}
	var options worker.Options
	main := sdkworker.New(c, workflows.TaskQueue, options.Main())
	main.RegisterWorkflowWithOptions(workflows.Daily, workflow.RegisterOptions{Name: workflows.DailyWorkflow})
	main.RegisterWorkflowWithOptions(bareUpdate, workflow.RegisterOptions{Name: workflows.UpdateETFWorkflow})
	main.RegisterActivity(&activities.Recording{Store: m, Now: time.Now})
	main.RegisterActivity(&activities.Planning{Registry: m, Runs: m})
	main.RegisterActivity(&activities.Anchoring{Store: m})
	fit := sdkworker.New(c, workflows.FitTaskQueue, options.Fit())
	fetch := sdkworker.New(c, workflows.SourceTaskQueue(simulated.Name), options.Source(simulated.Name))
	for _, w := range []sdkworker.Worker{main, fit, fetch} {
		w.RegisterActivity(nothing)
		if err := w.Start(); err != nil {
			return figures{}, err
		}
		defer w.Stop()
	}
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: past}
	used, err := startMeter(os.Getpid(), pids)
	if err != nil {
		return figures{}, err
	}
	run, err := c.ExecuteWorkflow(ctx, dispatch.DailyOptions(in), workflows.DailyWorkflow, in)
	if err != nil {
		return figures{}, err
	}
	var done workflows.DailyResult
	if err := run.Get(ctx, &done); err != nil {
		return figures{}, err
	}
	if done.Counts.Updated != len(symbols) {
		return figures{}, fmt.Errorf("the bare run did not update every ETF: %+v", done.Counts)
	}
	spent, err := used.perETF(len(symbols))
	if err != nil {
		return figures{}, err
	}
	rate, err := ratePerSecond(ctx, c, in.Run().WorkflowID(), len(symbols))
	if err != nil {
		return figures{}, err
	}
	fmt.Fprintf(os.Stderr, "bare: %.1f ETFs/s, CPU in ms per ETF: %s\n", rate, spent)
	return figures{rate, spent}, nil
}
