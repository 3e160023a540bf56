package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// environment is what scenarios run on.
type environment struct {
	client client.Client
	script *script
}

// recorded names the run whose history is saved.
type recorded struct{ workflowID, runID string }

type scenario struct {
	name string
	run  func(context.Context, *environment) (recorded, error)
}

var (
	friday = etf.MustSession("2025-09-26")
	monday = etf.MustSession("2025-09-29")
	sunday = etf.MustSession("2025-09-28")
)

func newEnvironment(c client.Client) *environment {
	s := &script{calls: map[string]int{}, shelves: shelves{byID: map[string]*shelf{}}, due: map[etf.Session][]etf.Symbol{}, pageError: monday, sessions: []etf.Session{friday - 1, friday}}
	for i := range 800 {
		s.due[friday] = append(s.due[friday], etf.Symbol(fmt.Sprintf("OK%04d", i)))
		s.due[monday] = append(s.due[monday], etf.Symbol(fmt.Sprintf("OK%04d", i)))
	}
	// In ascending order of symbol, as the registry returns them.
	s.due[friday] = append([]etf.Symbol{"BOOM1", "DENY1", "DOWN1", "EMPTY1", "FAULT1", "HELD1", "LATE1"}, s.due[friday]...)
	s.due[friday] = append(s.due[friday], "SECOND2", "SECOND3")
	return &environment{client: c, script: s}
}

var scenarios = []scenario{
	{"update_updated", update("OK1", completed)},
	{"update_second_source", update("SECOND1", completed)},
	{"update_late_session", update("LATE2", completed)},
	{"update_missing_session", update("MISS1", failed)},
	{"update_empty_answer", update("EMPTY2", failed)},
	{"update_denied", update("DENY2", failed)},
	{"update_database_away", update("DOWN2", completed)},
	{"update_fit_fails", update("BOOM2", failed)},
	{"update_quarantined", update("FAULT2", completed)},
	{"update_cancelled", updateCancelled},
	{"update_held", update("HELD2", completed)},
	{"update_released", update("FREE2", completed)},
	{"finding_decided", findingDecided},
	{"finding_taken", findingTaken},
	{"finding_overdue", findingOverdue},
	{"action_decided", actionDecided},
	{"daily_subset", daily(workflows.DailyInput{Exchange: etf.XNYS, Session: friday, Symbols: []etf.Symbol{
		"OK0001", "OK0002", "OK0003", "BOOM1", "DENY1", "DOWN1", "EMPTY1", "FAULT1", "LATE1"}}, completed)},
	{"daily_closed", daily(workflows.DailyInput{Exchange: etf.XNYS, Session: sunday}, completed)},
	{"daily_page_fails", daily(workflows.DailyInput{Exchange: etf.XKRX, Session: monday}, failed)},
	{"daily_cancelled", dailyCancelled},
	{"daily_continued_first", dailyContinued(true)},
	{"daily_continued_last", dailyContinued(false)},
	{"tick_two_sessions", tick},
	{"update_restated", update("RESTA1", completed)},
	{"daily_refetch", daily(workflows.DailyInput{Exchange: etf.XNYS, Session: friday, Symbols: []etf.Symbol{"OK0004"}, Attempt: 2, Whole: true}, completed)},
	{"daily_not_anchored", daily(workflows.DailyInput{Exchange: etf.XNYS, Session: friday, Symbols: []etf.Symbol{"OK0009"}}, completed)},
	{"update_model_fails", update("PART1", completed)},
	{"update_finding_open", updateFindingOpen},
	{"daily_elsewhere", dailyElsewhere},
	{"tick_continued_first", tickContinued(true)},
	{"tick_continued_last", tickContinued(false)},
	{"update_source_open", update("OPEN1", completed)},
	{"update_compared", update("CHECK1", completed)},
	{"update_judged_again", update("AGAIN1", completed)},
	{"daily_assessed", daily(workflows.DailyInput{Exchange: etf.XNYS, Session: friday, Symbols: []etf.Symbol{"OK0005", "OK0006"}}, completed)},
	{"daily_not_assessed", daily(workflows.DailyInput{Exchange: etf.XTKS, Session: friday, Symbols: []etf.Symbol{"OK0007"}}, completed)},
	{"daily_second_source", daily(workflows.DailyInput{Exchange: etf.XNYS, Session: friday, Symbols: []etf.Symbol{"SECOND2", "SECOND3"}}, completed)},
	{"backfill_completed", backfill(eightETFs, completed)},
	{"backfill_paused", backfillPaused},
	{"backfill_quota", backfill(quotaUsedUp, completed)},
	{"backfill_breaker", backfill(breakerOpen, completed)},
	{"backfill_source_down", backfill(sourceDown, completed)},
	{"backfill_fails_over", backfill(failsOver, completed)},
	{"backfill_by_days", backfill(byDays, completed)},
	{"backfill_judged_again", backfill(judgedAgain, completed)},
	{"backfill_cancelled", backfillCancelled},
	{"backfill_continued_first", backfillContinued(true)},
	{"backfill_continued_last", backfillContinued(false)},
	{"backtest_completed", backtest},
}

func completed(err error) error { return err }

func failed(err error) error {
	if err == nil {
		return errors.New("it completed, but should have failed")
	}
	return nil
}

// wait waits for a run to end and checks how it ended.
func (s *environment) wait(ctx context.Context, run client.WorkflowRun, how func(error) error) (recorded, error) {
	id := recorded{run.GetID(), run.GetRunID()}
	return id, how(run.Get(ctx, nil))
}

func (s *environment) startUpdate(ctx context.Context, symbol etf.Symbol, sources []etf.SourceRef) (client.WorkflowRun, error) {
	in := workflows.UpdateETFInput{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Session: friday, Sources: sources, Run: "daily:XNYS:2025-09-26"}
	return s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.UpdateID(symbol, friday), TaskQueue: workflows.TaskQueue,
		StaticSummary: in.Summary(), StaticDetails: in.Details(), TypedSearchAttributes: in.SearchAttributes(),
	}, workflows.UpdateETFWorkflow, in)
}

func update(symbol etf.Symbol, how func(error) error) func(context.Context, *environment) (recorded, error) {
	return func(ctx context.Context, s *environment) (recorded, error) {
		run, err := s.startUpdate(ctx, symbol, sourcesOf(symbol))
		if err != nil {
			return recorded{}, err
		}
		return s.wait(ctx, run, how)
	}
}

// updateCancelled cancels an update while it waits for a late session.
func updateCancelled(ctx context.Context, s *environment) (recorded, error) {
	run, err := s.startUpdate(ctx, "MISS2", []etf.SourceRef{{Name: "yahoo", Ref: "MISS2"}})
	if err != nil {
		return recorded{}, err
	}
	if err := s.until(ctx, run, enums.EVENT_TYPE_TIMER_STARTED); err != nil {
		return recorded{}, err
	}
	if err := s.client.CancelWorkflow(ctx, run.GetID(), run.GetRunID()); err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, failed)
}

// until waits for an event of the type in the run's history.
func (s *environment) until(ctx context.Context, run client.WorkflowRun, kind enums.EventType) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	iter := s.client.GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), true, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		event, err := iter.Next()
		if err != nil {
			return err
		}
		if event.GetEventType() == kind {
			return nil
		}
	}
	return fmt.Errorf("%s ended without %s", run.GetID(), kind)
}

func (s *environment) decide(ctx context.Context, finding string, d workflows.Decision) (client.WorkflowRun, error) {
	in := workflows.ResolveFindingInput{Finding: finding, Symbol: "FAULT1", Exchange: etf.XNYS, Session: friday, Rule: "jump", Evidence: "too far"}
	run, err := s.client.ExecuteWorkflow(ctx, dispatch.FindingOptions(in), workflows.ResolveFindingWorkflow, in)
	if err != nil {
		return nil, err
	}
	handle, err := s.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: workflows.DecideUpdate, WaitForStage: client.WorkflowUpdateStageCompleted, Args: []any{d},
	})
	if err != nil {
		return nil, err
	}
	_ = handle.Get(ctx, nil) // the run's own end says whether the decision was applied
	return run, nil
}

func findingDecided(ctx context.Context, s *environment) (recorded, error) {
	run, err := s.decide(ctx, "decided", workflows.Decision{Decision: etf.Accept, By: "jo", Why: "seen on two sources"})
	if err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, completed)
}

func findingTaken(ctx context.Context, s *environment) (recorded, error) {
	run, err := s.decide(ctx, "taken", workflows.Decision{Decision: etf.Reject, By: "jo", Why: "bad tick"})
	if err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, completed)
}

// findingOverdue is decided on after its reminder and its deadline.
func findingOverdue(ctx context.Context, s *environment) (recorded, error) {
	in := workflows.ResolveFindingInput{
		Finding: "overdue", Symbol: "FAULT1", Exchange: etf.XNYS, Session: friday, Rule: "jump", Evidence: "too far",
		RemindAfter: time.Second, DeadlineAfter: 2 * time.Second,
	}
	run, err := s.client.ExecuteWorkflow(ctx, dispatch.FindingOptions(in), workflows.ResolveFindingWorkflow, in)
	if err != nil {
		return recorded{}, err
	}
	select {
	case <-time.After(4 * time.Second):
	case <-ctx.Done():
		return recorded{}, ctx.Err()
	}
	handle, err := s.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: workflows.DecideUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.Decision{Decision: etf.Reject, By: "jo", Why: "bad tick"}},
	})
	if err != nil {
		return recorded{}, err
	}
	if err := handle.Get(ctx, nil); err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, completed)
}

// actionDecided has a decision that is refused and one that is applied.
func actionDecided(ctx context.Context, s *environment) (recorded, error) {
	in := workflows.DecideActionInput{Action: "split1", Symbol: "OK0001", Exchange: etf.XNYS}
	options := dispatch.ActionOptions(in)
	send := func(by, key string) (client.WorkflowRun, error) {
		d := etf.ActionDecision{Action: in.Action, Symbol: in.Symbol, Status: etf.Accepted, By: by, Why: "notice of the fund", Key: key}
		return s.client.SignalWithStartWorkflow(ctx, options.ID, workflows.DecideActionSignal, d, options, workflows.DecideActionWorkflow, in)
	}
	run, err := send("", "1")
	if err != nil {
		return recorded{}, err
	}
	if again, err := send("jo", "2"); err != nil {
		return recorded{}, err
	} else if again.GetRunID() != run.GetRunID() { // the first had ended: it failed
		run = again
	}
	return s.wait(ctx, run, completed)
}

func daily(in workflows.DailyInput, how func(error) error) func(context.Context, *environment) (recorded, error) {
	return func(ctx context.Context, s *environment) (recorded, error) {
		run, err := s.client.ExecuteWorkflow(ctx, dispatch.DailyOptions(in), workflows.DailyWorkflow, in)
		if err != nil {
			return recorded{}, err
		}
		return s.wait(ctx, run, how)
	}
}

// dailyCancelled cancels a run over the whole exchange after its first updates have ended.
func dailyCancelled(ctx context.Context, s *environment) (recorded, error) {
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: friday, Attempt: 2}
	run, err := s.client.ExecuteWorkflow(ctx, dispatch.DailyOptions(in), workflows.DailyWorkflow, in)
	if err != nil {
		return recorded{}, err
	}
	if err := s.until(ctx, run, enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED); err != nil {
		return recorded{}, err
	}
	if err := s.client.CancelWorkflow(ctx, run.GetID(), run.GetRunID()); err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, failed)
}

// dailyContinued is a run over 807 ETFs, for which the server suggests continuing as new. Both its halves are saved. The close
// of an ETF of the first half is held, and reviewed at the end of the second.
func dailyContinued(first bool) func(context.Context, *environment) (recorded, error) {
	return func(ctx context.Context, s *environment) (recorded, error) {
		in := workflows.DailyInput{Exchange: etf.XNYS, Session: friday}
		run, err := s.client.ExecuteWorkflow(ctx, dispatch.DailyOptions(in), workflows.DailyWorkflow, in)
		if err != nil {
			return recorded{}, err
		}
		return s.half(ctx, run, first)
	}
}

// half waits for the end of a workflow that continues as new and names its first or its last run.
func (s *environment) half(ctx context.Context, run client.WorkflowRun, first bool) (recorded, error) {
	if _, err := s.wait(ctx, run, completed); err != nil {
		return recorded{}, err
	}
	last, err := s.client.DescribeWorkflowExecution(ctx, run.GetID(), "")
	if err != nil {
		return recorded{}, err
	}
	info := last.GetWorkflowExecutionInfo()
	if info.GetFirstRunId() == info.GetExecution().GetRunId() {
		return recorded{}, errors.New("it did not continue as new")
	}
	if first {
		return recorded{run.GetID(), info.GetFirstRunId()}, nil
	}
	return recorded{run.GetID(), info.GetExecution().GetRunId()}, nil
}

// tick finds that one of its two sessions already has a run: dailyContinued's.
func tick(ctx context.Context, s *environment) (recorded, error) {
	run, err := s.startTick(ctx, etf.XNYS)
	if err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, completed)
}

func (s *environment) startTick(ctx context.Context, exchange etf.Exchange) (client.WorkflowRun, error) {
	in := workflows.TickInput{Exchange: exchange}
	return s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.TickID(exchange), TaskQueue: workflows.TaskQueue,
		StaticSummary: in.Summary(), StaticDetails: in.Details(), TypedSearchAttributes: in.SearchAttributes(),
	}, workflows.TickWorkflow, in)
}

// tickContinued gets its sessions in two batches, and the run of each fails.
func tickContinued(first bool) func(context.Context, *environment) (recorded, error) {
	return func(ctx context.Context, s *environment) (recorded, error) {
		run, err := s.startTick(ctx, etf.XKRX)
		if err != nil {
			return recorded{}, err
		}
		return s.half(ctx, run, first)
	}
}

// updateFindingOpen finds that its finding is already waiting for a decision.
func updateFindingOpen(ctx context.Context, s *environment) (recorded, error) {
	const symbol = "FAULT3"
	in := workflows.ResolveFindingInput{Finding: findingOf(symbol), Symbol: symbol, Exchange: etf.XNYS, Session: friday, Rule: "jump", Evidence: "too far"}
	if _, err := s.client.ExecuteWorkflow(ctx, dispatch.FindingOptions(in), workflows.ResolveFindingWorkflow, in); err != nil {
		return recorded{}, err
	}
	return update(symbol, completed)(ctx, s)
}

// dailyElsewhere finds that one of its ETFs is already being updated: that update is waiting for a late session.
func dailyElsewhere(ctx context.Context, s *environment) (recorded, error) {
	const symbol = "EMPTY1"
	open, err := s.startUpdate(ctx, symbol, []etf.SourceRef{{Name: "yahoo", Ref: symbol}})
	if err != nil {
		return recorded{}, err
	}
	if err := s.until(ctx, open, enums.EVENT_TYPE_TIMER_STARTED); err != nil {
		return recorded{}, err
	}
	in := workflows.DailyInput{Exchange: etf.XNYS, Session: friday, Symbols: []etf.Symbol{symbol, "OK0004"}}
	saved, err := daily(in, completed)(ctx, s)
	return saved, errors.Join(err, s.client.CancelWorkflow(ctx, open.GetID(), open.GetRunID()))
}

// backtest measures three ETFs, two at a time; every attempt at one of them fails.
func backtest(ctx context.Context, s *environment) (recorded, error) {
	in := workflows.BacktestInput{ID: fmt.Sprintf("%032x", 1), What: "XNYS: all ETFs"}
	run, err := s.client.ExecuteWorkflow(ctx, dispatch.BacktestOptions(in), workflows.BacktestWorkflow, in)
	if err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, completed)
}
