package workflows

import (
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var planning *activities.Planning

// Tick runs Daily for every session of an exchange that is due, oldest first, one after another: a session starts when
// the previous one has ended, in whatever way, so that two sessions never write the same ETF at once and a later
// session's forecast never has less data than an earlier one's. A session that already has a run, running or completed,
// counts as success: Tick waits for a running one as if it had started it.
//
// The daily runs are abandoned children: cancelling or terminating a Tick only keeps further sessions from starting.
// What is due depends on the scheduled time and the runs table, so the next firing makes up for any number of missed ones.
func Tick(ctx workflow.Context, in TickInput) (TickResult, error) {
	if in.Nominal.IsZero() {
		in.Nominal = workflow.GetInfo(ctx).WorkflowStartTime.UTC() // started by hand
		if at, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledStartAttribute); ok {
			in.Nominal = at.UTC()
		}
	}
	t := &tick{in: in, sessions: in.Started}
	t.show(ctx)
	due, err := t.due(ctx)
	if err != nil {
		return t.result(), err
	}
	for i, session := range due.Sessions {
		t.sessions = append(t.sessions, TickSession{
			Session: session, Run: t.input(session).Run(), Status: etf.RunRunning,
		})
		t.sessions = t.sessions[max(0, len(t.sessions)-maxTickSessions):]
		t.waiting = due.Sessions[i+1:]
		t.show(ctx)
		if err := t.run(ctx, &t.sessions[len(t.sessions)-1]); err != nil {
			return t.result(), err
		}
		t.show(ctx)
		in.After = session
		rest := due.More || i+1 < len(due.Sessions)
		if rest && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return t.result(), t.again(ctx, in)
		}
	}
	if due.More {
		return t.result(), t.again(ctx, in)
	}
	return t.result(), nil
}

type tick struct {
	in       TickInput
	sessions []TickSession
	waiting  []etf.Session
}

func (t *tick) input(session etf.Session) DailyInput {
	return DailyInput{Exchange: t.in.Exchange, Session: session, Attempt: 1}
}

func (t *tick) due(ctx workflow.Context) (activities.SessionsDueResult, error) {
	ctx = workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s sessions due", t.in.Exchange)))
	var due activities.SessionsDueResult
	err := workflow.ExecuteActivity(ctx, planning.SessionsDue, activities.SessionsDueInput{
		Exchange: t.in.Exchange, At: t.in.Nominal, After: t.in.After, Limit: maxTickSessions,
	}).Get(ctx, &due)
	return due, err
}

// run runs one session to its end. It returns an error only if the Tick is cancelled or the run can't be started. How the
// daily run itself ended is in s.Status and does not stop the Tick.
func (t *tick) run(ctx workflow.Context, s *TickSession) error {
	input := t.input(s.Session)
	// The child outlives a cancelled Tick, so its context must not be cancelled.
	childCtx, _ := workflow.NewDisconnectedContext(ctx)
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(childCtx, workflow.ChildWorkflowOptions{
		WorkflowID:            input.Run().WorkflowID(),
		TaskQueue:             TaskQueue,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		TypedSearchAttributes: input.SearchAttributes(),
		StaticSummary:         input.Summary(),
		StaticDetails:         input.Details(),
		Priority:              DailyPriority,
	}), DailyWorkflow, input)
	started := child.GetChildWorkflowExecution()
	if err := workflow.Await(childCtx, started.IsReady); err != nil {
		return err
	}
	if err := started.Get(ctx, nil); err != nil {
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return err
		}
		s.Elsewhere = true
		return t.await(ctx, s, input)
	}
	if err := workflow.Await(ctx, child.IsReady); err != nil {
		return err
	}
	err := child.Get(ctx, nil)
	s.Status = runStatusOf(err)
	if err != nil {
		workflow.GetLogger(ctx).Warn("daily run did not complete; continuing with later sessions", "run", s.Run, "status", s.Status, "error", err)
	}
	return nil
}

// await waits for a run that somebody else started.
func (t *tick) await(ctx workflow.Context, s *TickSession, input DailyInput) error {
	ctx = workflow.WithActivityOptions(ctx, watchPolicy(fmt.Sprintf("wait for %s, started elsewhere", s.Run)))
	var ended activities.AwaitRunResult
	err := workflow.ExecuteActivity(ctx, planning.AwaitRun, activities.AwaitRunInput{WorkflowID: input.Run().WorkflowID()}).Get(ctx, &ended)
	switch {
	case err == nil:
		s.Status = ended.Status
	case temporal.IsCanceledError(err):
		return err
	case failureOf(err).Type == activities.TypeNotFound:
		s.Status = etf.RunCompleted // past its retention: a run that is gone can't be in the way
	default:
		return err
	}
	return nil
}

func (t *tick) again(ctx workflow.Context, in TickInput) error {
	in.Started = t.sessions
	return continueAsNew(ctx, TickWorkflow, in)
}

func (t *tick) result() TickResult { return TickResult{Nominal: t.in.Nominal, Sessions: t.sessions} }

func (t *tick) show(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, tickDetails(t.in, t.sessions, t.waiting))
}
