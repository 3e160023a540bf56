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

var recording *activities.Recording

// Daily updates the ETFs of an exchange, all or some, for one session. It pages through them, keeps at most FanOut
// UpdateETF children open and counts their outcomes. It completes when every ETF has ended, failed and quarantined ones
// included; it fails only if the run itself is impossible (a session that has not closed, an unknown symbol, a database
// that is down for a day). It never waits for a person. At the end of a run over the whole exchange it looks again at the closes
// that are held (review). Cancelling it cancels the open updates, records their outcomes
// and ends as cancelled. However it ends, it then anchors the heads of the ETFs' chains of forecasts in the ledger.
//
// When the server suggests it, it continues as new with no update open, carrying over the counts and the position.
func Daily(ctx workflow.Context, in DailyInput) (DailyResult, error) {
	d := newDaily(ctx, in)
	err := workflow.SetQueryHandler(ctx, StatusQuery, func() (DailyStatus, error) { return d.status(), nil })
	if err != nil {
		return DailyResult{}, err
	}
	err = d.run(ctx)
	return d.end(ctx, err)
}

// daily is the state of one run of Daily.
type daily struct {
	in   DailyInput
	info etf.Run

	fan      fanOut
	pages    pager
	recorder recorder

	// held says that the close of some ETF is held, reviewing that every update has ended and the held closes are looked at
	// again, reviewed up to which ETF.
	held, reviewing bool
	reviewed        etf.Symbol

	anchored anchored // what anchoring came to

	assessment  string // hash; empty if there is none
	notAssessed string // why not

	until    time.Time // see UpdateETFInput
	problems []etf.RunETF
	open     []string  // the sources that were not asked for some ETF, ascending
	usedUp   []string  // those whose daily quota is used up, ascending
	shown    time.Time // when current details were last rendered
}

func newDaily(ctx workflow.Context, in DailyInput) *daily {
	in.Symbols = etf.SortedSymbols(in.Symbols)
	d := &daily{in: in, info: etf.Run{
		ID: in.Run(), Workflow: etf.DailyRun, Exchange: in.Exchange, Session: in.Session, Symbols: in.Symbols,
		Status: etf.RunRunning, StartedAt: workflow.GetInfo(ctx).WorkflowStartTime.UTC(),
	}}
	after := etf.Symbol("")
	if p := in.Progress; p != nil {
		d.info.Counts, d.info.StartedAt = p.Counts, p.StartedAt
		d.problems, d.open, d.usedUp, after, d.until = p.Problems, p.SourcesOpen, p.SourcesUsedUp, p.After, p.Until
		d.held, d.reviewing, d.reviewed = p.Held, p.Reviewing, p.Reviewed
		d.assessment, d.notAssessed = p.Assessment, p.NotAssessed
	}
	d.fan = fanOut{limit: FanOut}
	d.pages = pager{exchange: in.Exchange, session: in.Session, symbols: in.Symbols, after: after, taken: after}
	d.recorder = recorder{run: d.info.ID}
	return d
}

// run starts updates and collects their outcomes until none are left, the context is cancelled, the run proves
// impossible, or the server suggests continuing as new.
func (d *daily) run(ctx workflow.Context) error {
	if d.in.Progress == nil {
		if err := d.begin(ctx); err != nil {
			return err
		}
	}
	d.show(ctx)
	for !d.info.Closed && !d.reviewing {
		full := workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		for !full && d.fan.free() && d.pages.has() {
			d.start(ctx, d.pages.next())
		}
		if !full {
			// Fetch the next page while the last updates of this one are still open.
			d.pages.request(ctx)
		}
		d.recorder.flush(ctx, d.info.Counts, recordBatch)
		if d.fan.idle() && (full || d.pages.done()) {
			break
		}
		err := workflow.Await(ctx, func() bool { return d.fan.ready() || d.pages.ready() || d.recorder.ready() })
		if err != nil {
			return err
		}
		if err := d.collect(ctx); err != nil {
			return err
		}
	}
	if err := d.record(ctx); err != nil {
		return err
	}
	if !d.info.Closed && !d.reviewing && !d.pages.done() {
		return d.continueAsNew(ctx)
	}
	return d.review(ctx)
}

// continueAsNew carries over what the run has to remember. No update is open.
func (d *daily) continueAsNew(ctx workflow.Context) error {
	d.pages.clear()
	d.info.Counts.Due = d.info.Counts.Done()
	return continueAsNew(ctx, DailyWorkflow, DailyInput{
		Exchange: d.in.Exchange, Session: d.in.Session, Symbols: d.in.Symbols, Attempt: d.in.Attempt, Whole: d.in.Whole, Behind: d.in.Behind,
		Progress: &DailyProgress{
			After: d.pages.taken, Counts: d.info.Counts, StartedAt: d.info.StartedAt, Problems: d.problems, SourcesOpen: d.open, SourcesUsedUp: d.usedUp, Until: d.until,
			Held: d.held, Reviewing: d.reviewing, Reviewed: d.reviewed,
			Assessment: d.assessment, NotAssessed: d.notAssessed,
		},
	})
}

// begin records the run, and finds out whether the exchange was open and what the record says.
func (d *daily) begin(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, storePolicy(d.in.Summary()))
	var begun activities.BeginRunResult
	err := workflow.ExecuteActivity(ctx, recording.BeginRun, activities.BeginRunInput{Run: d.info}).Get(ctx, &begun)
	d.info.Closed = begun.Closed
	if !begun.NextClose.IsZero() {
		d.until = begun.NextClose.Add(-untilClose)
	}
	if err != nil || begun.Closed {
		return err
	}
	return d.assess(ctx)
}

func (d *daily) start(ctx workflow.Context, due activities.DueETF) {
	d.fan.start(ctx, UpdateETFInput{
		Symbol: due.Symbol, Exchange: d.in.Exchange, Currency: due.Currency, Session: d.in.Session,
		Sources: due.Sources, Run: d.info.ID, Until: d.until, Whole: d.in.Whole, Assessment: d.assessment,
	})
}

// collect handles everything that has become ready.
func (d *daily) collect(ctx workflow.Context) error {
	for _, row := range d.fan.collect(ctx) {
		d.count(ctx, row)
	}
	if err := d.recorder.check(ctx); err != nil {
		return err
	}
	n, err := d.pages.check(ctx)
	if err != nil {
		return err
	}
	d.info.Counts.Due += n
	if workflow.Now(ctx).Sub(d.shown) >= detailsEvery {
		d.show(ctx)
	}
	return nil
}

// withNames adds names, separated by commas, to a list, ascending.
func withNames(list []string, names string) []string {
	for name := range strings.SplitSeq(names, ", ") {
		if i, found := slices.BinarySearch(list, name); name != "" && !found {
			list = slices.Insert(list, i, name)
		}
	}
	return list
}

func (d *daily) count(ctx workflow.Context, row etf.RunETF) {
	d.info.Counts.Add(row)
	d.recorder.add(row)
	d.held = d.held || row.Held
	d.open, d.usedUp = withNames(d.open, row.SourcesOpen), withNames(d.usedUp, row.SourcesUsedUp)
	switch {
	case row.Outcome == etf.OutcomeFailed, row.Outcome == etf.OutcomeQuarantined, row.Outcome == etf.OutcomeElsewhere,
		row.ErrorType == activities.TypeModelFailed, row.Held:
		d.problem(row)
		workflow.GetLogger(ctx).Info("ETF needs attention", "symbol", row.Symbol, "session", row.Session,
			"outcome", row.Outcome, "stage", row.Stage, "type", row.ErrorType)
	}
}

// problem keeps the newest rows that need attention.
func (d *daily) problem(row etf.RunETF) {
	d.problems = append(d.problems, row)
	if extra := len(d.problems) - maxProblems; extra > 0 {
		d.problems = slices.Delete(d.problems, 0, extra)
	}
}

// record writes all outcomes that are not recorded yet and waits until they are.
func (d *daily) record(ctx workflow.Context) error {
	for !d.recorder.empty() {
		d.recorder.flush(ctx, d.info.Counts, 1)
		if err := workflow.Await(ctx, d.recorder.ready); err != nil {
			return err
		}
		if err := d.recorder.check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// end records how the run ended and returns the workflow's result or error.
func (d *daily) end(ctx workflow.Context, err error) (DailyResult, error) {
	if workflow.IsContinueAsNewError(err) {
		return DailyResult{}, err
	}
	// The rest must happen even if the run is cancelled.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	switch {
	case err == nil:
		d.info.Status = etf.RunCompleted
	case temporal.IsCanceledError(err):
		d.info.Status = etf.RunCancelled
		d.drain(ctx, drainTimeout)
	default:
		d.info.Status, d.info.Error = etf.RunFailed, describe(err)
		d.drain(ctx, 0)
	}
	if err != nil {
		d.pages.clear()
		if recordErr := d.record(ctx); recordErr != nil {
			workflow.GetLogger(ctx).Error("outcomes not recorded", "error", recordErr)
		}
	}
	d.anchor(ctx)
	d.show(ctx)
	finishErr := d.finish(ctx)
	switch {
	case temporal.IsCanceledError(err):
		return DailyResult{}, temporal.NewCanceledError()
	case err != nil:
		return DailyResult{}, temporal.NewNonRetryableApplicationError(d.info.Error, failureOf(err).Type, nil, d.info.Counts)
	case finishErr != nil:
		return DailyResult{}, finishErr
	}
	return DailyResult{
		Run: d.info.ID, Closed: d.info.Closed, Counts: d.info.Counts, Checkpoint: d.anchored.checkpoint(), NotAnchored: d.anchored.failure,
		Assessment: d.assessment, NotAssessed: d.notAssessed,
	}, nil
}

// anchor anchors the heads of the chains of the run's ETFs, whichever run has moved them. A failure does not fail the run: the
// next one anchors them.
func (d *daily) anchor(ctx workflow.Context) {
	if d.info.Counts.Done() == 0 {
		return // nothing was done: the exchange was closed, or the run was impossible from the start
	}
	scope := etf.AnchorScope{Symbols: d.in.Symbols}
	if len(scope.Symbols) == 0 {
		scope.Exchange = d.in.Exchange
	}
	d.anchored = anchorHeads(ctx, scope, d.info.ID, d.in.Summary())
}

// drain waits until no update is open; with timeout 0 it waits without limit. Updates still open after the timeout are
// recorded as cancelled, since that was requested.
func (d *daily) drain(ctx workflow.Context, timeout time.Duration) {
	deadline := workflow.Now(ctx).Add(timeout)
	for !d.fan.idle() {
		if timeout == 0 {
			_ = workflow.Await(ctx, d.fan.ready) // the context is never cancelled
		} else {
			left := deadline.Sub(workflow.Now(ctx))
			ok, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
				Timeout: max(left, time.Millisecond), TimerOptions: workflow.TimerOptions{Summary: "waiting for open updates"},
			}, d.fan.ready)
			if err != nil || !ok {
				for _, row := range d.fan.abandon() {
					d.count(ctx, row)
				}
				return
			}
		}
		for _, row := range d.fan.collect(ctx) {
			d.count(ctx, row)
		}
	}
}

func (d *daily) finish(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s %s: %s", d.in.Exchange, d.in.Session, d.info.Status)))
	var finished activities.FinishRunResult
	err := workflow.ExecuteActivity(ctx, recording.FinishRun, activities.FinishRunInput{
		Run: d.info.ID, Status: d.info.Status, Counts: d.info.Counts, Closed: d.info.Closed, Reason: d.info.Error,
	}).Get(ctx, &finished)
	if finished.Counts != nil {
		d.info.Counts = *finished.Counts
	}
	return err
}

func (d *daily) status() DailyStatus {
	return DailyStatus{
		Run: d.info, Active: d.fan.active(), Recent: d.recorder.unrecorded(), Problems: slices.Clone(d.problems), Ledger: d.anchored.String(), Record: d.recordText(),
		SourcesOpen: d.open, SourcesUsedUp: d.usedUp,
	}
}

func (d *daily) show(ctx workflow.Context) {
	d.shown = workflow.Now(ctx)
	workflow.SetCurrentDetails(ctx, dailyDetails(d.status(), d.shown.Sub(d.info.StartedAt), len(d.pages.queue), d.pages.last || d.reviewing))
}

// describe returns the reason, on one line, why a run was impossible.
func describe(err error) string {
	f := failureOf(err)
	if f.Message == "" {
		f.Message = err.Error()
	}
	return etf.Clip(f.Message, 500)
}
