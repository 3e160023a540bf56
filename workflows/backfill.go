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

var backfilling *activities.Backfilling

// BackfillInput names a backfill; what it fills in is recorded under its ID.
type BackfillInput struct {
	ID       string       `json:"id"`
	Exchange etf.Exchange `json:"exchange"`
	// What describes it to people, clipped.
	What string `json:"what"`

	// Blocked is carried over when a backfill continues as new; starters leave it empty.
	Blocked []BlockedSource `json:"blocked,omitempty"`
	// Round is, too: the block of days that sources are asked for one response of which has every ETF.
	Round etf.Session `json:"round,omitzero"`
}

// BlockedSource is a source that a backfill does not ask for now.
type BlockedSource struct {
	Source string    `json:"source"`
	Until  time.Time `json:"until"`
	Why    string    `json:"why"`
	// Quota: its daily quota is used up, which is waited for; otherwise another source is asked meanwhile, if there is one.
	Quota bool `json:"quota,omitempty"`
}

// Summary is the line shown next to a backfill.
func (in BackfillInput) Summary() string { return "backfill of " + in.What }

// Details explains a backfill to whoever opens it.
func (in BackfillInput) Details() string {
	return fmt.Sprintf("Fills in missing history: **%s**. Each window is fetched, validated and stored like a daily run's rows, which go first. Current details "+
		"show the progress. `etfcast backfill show %[2]s` shows what came of each ETF; `etfcast backfill pause %[2]s`, `resume` and `cancel` do what they say.", in.What, in.ID)
}

// SearchAttributes returns the attributes the workflow is found by.
func (in BackfillInput) SearchAttributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(RunAttribute.ValueSet(string(etf.BackfillRunID(in.ID))), ExchangeAttribute.ValueSet(string(in.Exchange)))
}

// BackfillResult summarises a backfill.
type BackfillResult struct {
	ID     string             `json:"id"`
	Counts etf.BackfillCounts `json:"counts"`
}

// BackfillStatus is the result of a backfill's status query.
type BackfillStatus struct {
	ID      string             `json:"id"`
	Status  etf.RunStatus      `json:"status"`
	Paused  bool               `json:"paused,omitempty"`
	Counts  etf.BackfillCounts `json:"counts"`
	Active  []etf.Symbol       `json:"active"` // being filled in, in the order in which they were started
	Blocked []BlockedSource    `json:"blocked,omitempty"`
	// WaitsFor says what it waits for, and WaitsUntil how long; empty if for nothing.
	WaitsFor   string    `json:"waits_for,omitempty"`
	WaitsUntil time.Time `json:"waits_until,omitzero"`
	Error      string    `json:"error,omitempty"`
}

// Backfill fills in missing history: it plans which sessions of which ETFs are missing, and asks sources for them, window by window, the
// newest first, a few ETFs at a time. Each window is fetched, validated and persisted like a daily run's rows, but makes no forecast and
// asks nobody. An ETF that can't be filled in is recorded and does not fail the others. A source whose daily quota is used up is waited for.
//
// Everything that decides on what is next is in the store. So it goes on where it was after a crash, continues as new with nothing under
// way, and one that is started again goes on with what is missing. The signal PauseSignal is honoured between windows; cancelling it
// keeps what is stored.
func Backfill(ctx workflow.Context, in BackfillInput) (BackfillResult, error) {
	f := &filling{in: in, status: BackfillStatus{ID: in.ID, Status: etf.RunRunning}, began: workflow.Now(ctx), blocked: in.Blocked,
		slots: map[string]workflow.Semaphore{}, parked: map[etf.Symbol][]string{}, tries: map[etf.Symbol]int{}, failures: map[string]int{}}
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (BackfillStatus, error) { return f.now(), nil }); err != nil {
		return BackfillResult{}, err
	}
	within, stop := workflow.WithCancel(ctx)
	f.stop = stop
	err := f.run(within)
	if workflow.IsContinueAsNewError(err) {
		return BackfillResult{}, err
	}
	return BackfillResult{ID: in.ID, Counts: f.status.Counts}, f.end(ctx, err)
}

// filling is the state of one run of Backfill.
type filling struct {
	in      BackfillInput
	status  BackfillStatus
	began   time.Time // of this run of the workflow
	started time.Time // of the backfill
	shown   time.Time
	stop    func() // cancels everything under way

	open     []etf.Symbol // being filled in
	slots    map[string]workflow.Semaphore
	blocked  []BlockedSource
	deferred bool // some ETF of this pass waits for a source
	soon     bool // one of them does for a source that is asked again soon
	// round is the block of days that all ETFs are asked for together, later the newest one that some ETF needs after it.
	round, later etf.Session
	// tries and failures count the failures in a row of an ETF's requests and of a source's that may be over soon.
	tries    map[etf.Symbol]int
	failures map[string]int
	// parked are the sources that an ETF waits for: it is not looked at again before one of them is asked.
	parked map[etf.Symbol][]string
	heard  bool // a signal has said whether it is paused

	drain bool  // no further window is started: it continues as new
	err   error // that ends the backfill

	unsaved, saving bool // what it waits for is not recorded yet
}

func (f *filling) now() BackfillStatus {
	s := f.status
	s.Active = append([]etf.Symbol{}, f.open...)
	s.Blocked = f.blocked
	return s
}

func (f *filling) run(ctx workflow.Context) error {
	f.listen(ctx)
	actx := workflow.WithActivityOptions(ctx, planPolicy("plan"))
	var plan activities.BackfillPlan
	if err := workflow.ExecuteActivity(actx, backfilling.PlanBackfill, activities.BackfillInput{ID: f.in.ID}).Get(ctx, &plan); err != nil {
		return err
	}
	f.status.Counts, f.started = plan.Counts, plan.StartedAt
	if f.round = f.in.Round; f.round.IsZero() {
		f.round = plan.Round
	}
	if !f.heard {
		f.status.Paused = plan.Paused
	} else if f.status.Paused != plan.Paused { // a signal came while it was planned
		f.unsaved = true
	}
	f.show(ctx, true)
	for {
		f.deferred, f.soon, f.later = false, false, 0
		if err := f.pass(ctx); err != nil {
			return err
		}
		switch {
		case !f.later.IsZero(): // all ETFs have what they need of the round's days
			f.round = f.later
			continue
		case !f.deferred:
			return f.saved(ctx)
		}
		if err := f.wait(ctx); err != nil {
			return err
		}
	}
}

// listen handles the signals, and records what the backfill waits for.
func (f *filling) listen(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		s := workflow.NewSelector(ctx).
			AddReceive(workflow.GetSignalChannel(ctx, PauseSignal), func(workflow.ReceiveChannel, bool) { f.hear(ctx) }).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		for ctx.Err() == nil {
			s.Select(ctx)
		}
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for workflow.Await(ctx, func() bool { return f.unsaved }) == nil {
			f.unsaved, f.saving = false, true
			what := "go on"
			if f.status.Paused {
				what = "pause"
			} else if f.status.WaitsFor != "" {
				what = "wait for " + f.status.WaitsFor
			}
			actx := workflow.WithActivityOptions(ctx, storePolicy(what))
			err := workflow.ExecuteActivity(actx, backfilling.SetBackfillWait, activities.SetBackfillWaitInput{
				ID: f.in.ID, For: f.status.WaitsFor, Until: f.status.WaitsUntil, Paused: f.status.Paused,
			}).Get(ctx, nil)
			if err != nil && !temporal.IsCanceledError(err) {
				f.err = err
			}
			f.saving = false
			f.show(ctx, true)
		}
	})
}

// hear handles the signals that have arrived, in their order.
func (f *filling) hear(ctx workflow.Context) {
	for pause := true; workflow.GetSignalChannel(ctx, PauseSignal).ReceiveAsync(&pause); pause = true {
		f.heard = true
		if f.status.Paused != pause {
			f.status.Paused, f.unsaved = pause, true
		}
	}
}

// saved waits until what the backfill waits for is recorded.
func (f *filling) saved(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return f.err != nil || !f.unsaved && !f.saving }); err != nil {
		return err
	}
	return f.err
}

// pass goes over every ETF that has not ended, once.
func (f *filling) pass(ctx workflow.Context) error {
	for after := etf.Symbol(""); ; {
		actx := workflow.WithActivityOptions(ctx, storePolicy("what is left"))
		var page activities.PendingBackfillResult
		err := workflow.ExecuteActivity(actx, backfilling.PendingBackfill,
			activities.PendingBackfillInput{ID: f.in.ID, After: after, Limit: backfillPage}).Get(ctx, &page)
		if err != nil {
			return err
		}
		for _, symbol := range page.Symbols {
			f.unblock(ctx)
			if wait := f.parked[symbol]; len(wait) > 0 && !slices.ContainsFunc(wait, func(s string) bool { return !f.waitsFor(s) }) {
				f.deferred, after = true, symbol
				continue
			}
			delete(f.parked, symbol)
			free := func() bool {
				return f.err != nil || f.full(ctx) || len(f.open) < backfillETFs && !f.status.Paused
			}
			if err := workflow.Await(ctx, free); err != nil {
				return err
			}
			if f.drain = f.full(ctx); f.err != nil || f.drain {
				break
			}
			f.open = append(f.open, symbol)
			workflow.Go(ctx, func(ctx workflow.Context) {
				err := f.fill(ctx, symbol)
				f.open = slices.DeleteFunc(f.open, func(s etf.Symbol) bool { return s == symbol })
				if err != nil && f.err == nil {
					f.err = err
				}
			})
			after = symbol
		}
		if len(page.Symbols) < backfillPage || f.err != nil || f.drain {
			break
		}
	}
	if err := workflow.Await(ctx, func() bool { return len(f.open) == 0 }); err != nil {
		return err
	}
	switch {
	case f.err != nil:
		return f.err
	case f.full(ctx) && (f.drain || f.deferred || !f.later.IsZero()):
		return f.continueAsNew(ctx)
	}
	return nil
}

// full reports whether the history is long enough: no further window is started, and the backfill continues as new.
func (f *filling) full(ctx workflow.Context) bool {
	return f.drain || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// continueAsNew carries on in a new history, with nothing under way and every signal handled.
func (f *filling) continueAsNew(ctx workflow.Context) error {
	f.hear(ctx)
	if err := f.saved(ctx); err != nil {
		return err
	}
	f.unblock(ctx)
	next := f.in
	next.Blocked, next.Round = f.blocked, f.round
	return continueAsNew(ctx, BackfillWorkflow, next)
}

// fill asks for the windows of one ETF, one after another, until nothing is left or only what has to wait.
func (f *filling) fill(ctx workflow.Context, symbol etf.Symbol) error {
	var last *activities.AskedWindow
	for {
		f.unblock(ctx)
		in := activities.AdvanceInput{ID: f.in.ID, Symbol: symbol, Last: last, Round: f.round}
		for _, b := range f.blocked {
			if !b.Quota {
				in.LeftOut = append(in.LeftOut, b.Source)
			}
		}
		what := string(symbol)
		if last != nil {
			what = fmt.Sprintf("%s %s done", symbol, windowText(last.Window))
		}
		var next activities.AdvanceResult
		actx := workflow.WithActivityOptions(ctx, storePolicy(what))
		if last != nil { // what is stored is recorded, even if the backfill has been cancelled meanwhile
			actx, _ = workflow.NewDisconnectedContext(actx)
		}
		err := workflow.ExecuteActivity(actx, backfilling.AdvanceBackfill, in).Get(actx, &next)
		if err != nil {
			return err
		}
		if f.status.Counts.SessionsDone <= next.Counts.SessionsDone {
			f.status.Counts = next.Counts
		}
		f.show(ctx, false)
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case next.Done:
			return nil
		case !next.Later.IsZero():
			f.later = max(f.later, next.Later)
			return nil
		case next.Waiting:
			f.deferred, f.parked[symbol] = true, next.WaitsFor
			return nil
		case f.leavesOut(next.Source.Name): // another ETF has found out meanwhile that it fails
			last = nil
			continue
		case f.waitsFor(next.Source.Name):
			f.deferred, f.parked[symbol] = true, []string{next.Source.Name}
			return nil
		}
		if f.drain = f.full(ctx); f.drain {
			return nil
		}
		var again bool
		if last, again, err = f.ask(ctx, symbol, next); err != nil {
			return err
		}
		if again && last == nil { // not now
			if !f.drain && f.err == nil && f.leavesOut(next.Source.Name) {
				continue // the next source is asked meanwhile
			}
			f.deferred = true
			return nil
		}
	}
}

// ask asks a source for a window, and stores what it has. It returns nil if that has to be done again later.
func (f *filling) ask(ctx workflow.Context, symbol etf.Symbol, next activities.AdvanceResult) (asked *activities.AskedWindow, later bool, err error) {
	name := next.Source.Name
	slot, ok := f.slots[name]
	if !ok {
		slot = workflow.NewSemaphore(ctx, backfillWindows)
		f.slots[name] = slot
	}
	if err := slot.Acquire(ctx, 1); err != nil {
		return nil, false, err
	}
	defer slot.Release(1)
	if err := workflow.Await(ctx, func() bool { return f.err != nil || f.full(ctx) || !f.status.Paused }); err != nil {
		return nil, false, err
	}
	if f.drain = f.full(ctx); f.err != nil || f.drain || f.waitsFor(name) { // another ETF has found out meanwhile that it does not answer
		return nil, true, nil
	}
	asked = &activities.AskedWindow{Source: name, Window: next.Window, Whole: next.Whole}
	asked.Fetch, asked.Stored, err = f.window(ctx, symbol, next)
	if err == nil {
		f.failures[name] = 0
		delete(f.tries, symbol)
		return asked, false, nil
	}
	if temporal.IsCanceledError(err) {
		return nil, false, err
	}
	why := failureOf(err)
	workflow.GetLogger(ctx).Warn("window not filled in", "symbol", symbol, "source", name, "window", windowText(next.Window), "error", err)
	switch why.Type {
	case activities.TypeSourceQuota:
		f.block(ctx, BlockedSource{Source: name, Until: why.RetryAt, Why: waitsQuota + name, Quota: true})
		return nil, true, nil
	case activities.TypeSourceOpen:
		f.block(ctx, BlockedSource{Source: name, Until: why.RetryAt, Why: name + waitsFailing})
		return nil, true, nil
	case activities.TypeSourceUnavailable, activities.TypeSourceRateLimited:
		// It may be over soon. If it fails for several ETFs in a row, it is left alone for longer and longer.
		f.tries[symbol]++
		f.failures[name]++
		if n := f.failures[name]; n >= failuresInRow {
			until := workflow.Now(ctx).Add(min(shortestBlock<<min(n-failuresInRow, 10), longestBlock))
			f.block(ctx, BlockedSource{Source: name, Until: until, Why: name + waitsFailing})
		}
		if f.tries[symbol] < backfillTries {
			f.soon = f.soon || !f.waitsFor(name)
			return nil, true, nil
		}
		delete(f.tries, symbol)
	}
	asked.ErrorType, asked.Error = why.Type, etf.Clip(why.Message, modelFailures)
	return asked, false, nil
}

// window fetches, validates and persists one window.
func (f *filling) window(ctx workflow.Context, symbol etf.Symbol, next activities.AdvanceResult) (fetch string, stored etf.Persisted, err error) {
	if next.Symbol != "" {
		symbol = next.Symbol
	}
	what := fmt.Sprintf("%s %s from %s", symbol, windowText(next.Window), next.Source.Name)
	in := activities.FetchInput{
		Symbol: symbol, Exchange: next.Exchange, Currency: next.Currency, Session: next.Window.To, Ref: next.Source.Ref, Run: etf.BackfillRunID(f.in.ID),
		Whole: next.Whole, Basis: next.Basis, Behind: true,
	}
	if !next.Whole {
		if in.Window = next.Window; next.Request != (etf.Window{}) {
			in.Window, in.Session = next.Request, next.Request.To
		}
	}
	var fetched activities.FetchResult
	actx := workflow.WithActivityOptions(ctx, fetchPolicy(next.Source.Name, what, 0))
	if err := workflow.ExecuteActivity(actx, fetching.Fetch, in).Get(ctx, &fetched); err != nil {
		return fetched.Fetch, stored, err
	}
	if fetched.Empty {
		if next.Replaces {
			err = notReplaced("the response has no row")
		}
		return fetched.Fetch, stored, err
	}
	var validated activities.ValidateResult
	var persisted activities.PersistResult
	for again := 1; ; again++ {
		validated, persisted = activities.ValidateResult{}, activities.PersistResult{}
		actx = workflow.WithActivityOptions(ctx, storePolicy(what))
		err = workflow.ExecuteActivity(actx, validating.Validate, activities.ValidateInput{
			Fetch: fetched.Fetch, Symbol: symbol, Exchange: next.Exchange, Session: in.Session, Whole: next.Whole,
		}).Get(ctx, &validated)
		if err != nil {
			return fetched.Fetch, stored, err
		}
		actx = workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s: %d rows", what, fetched.Rows)))
		err = workflow.ExecuteActivity(actx, persisting.Persist, activities.PersistInput{
			Fetch: fetched.Fetch, Whole: validated.TakeOver, OnlyNew: !next.Whole && !next.Revise, CanJudge: true,
		}).Get(ctx, &persisted)
		if err != nil {
			return fetched.Fetch, stored, err
		}
		if !persisted.JudgeAgain {
			break
		}
		if err = judgeAgain(ctx, again); err != nil {
			return fetched.Fetch, stored, err
		}
	}
	if err = endWaiting(ctx, persisted.Settled); err == nil && next.Replaces && !validated.TakeOver {
		err = notReplaced(fmt.Sprintf("`etfcast finding list --symbol %s` says why", symbol))
	}
	return fetched.Fetch, persisted.Persisted, err
}

func notReplaced(why string) error {
	return temporal.NewNonRetryableApplicationError("the whole history was fetched, but what is stored was not replaced: "+why, activities.NotReplaced, nil)
}

func windowText(w etf.Window) string { return w.From.String() + ".." + w.To.String() }

// The forms of what a backfill waits for. The dashboard translates them (waits in web/src/lib/backfill.ts).
const (
	waitsQuota   = "the daily quota of " // and the source
	waitsFailing = ", which fails"       // after the source
	waitsNone    = "a source that has not answered"
)

// block leaves a source alone until an instant. Without one it is an hour.
func (f *filling) block(ctx workflow.Context, b BlockedSource) {
	if !b.Until.After(workflow.Now(ctx)) {
		b.Until = workflow.Now(ctx).Add(longestBlock)
	}
	f.blocked = append(slices.DeleteFunc(slices.Clone(f.blocked), func(old BlockedSource) bool { return old.Source == b.Source }), b)
}

// unblock forgets what is over.
func (f *filling) unblock(ctx workflow.Context) {
	now := workflow.Now(ctx)
	f.blocked = slices.DeleteFunc(slices.Clone(f.blocked), func(b BlockedSource) bool { return !b.Until.After(now) })
}

func (f *filling) waitsFor(source string) bool {
	return slices.ContainsFunc(f.blocked, func(b BlockedSource) bool { return b.Source == source })
}

// leavesOut reports whether the source is not asked now, and the ETF's next one is, if there is one.
func (f *filling) leavesOut(source string) bool {
	return slices.ContainsFunc(f.blocked, func(b BlockedSource) bool { return b.Source == source && !b.Quota })
}

// wait waits until a source may be asked again.
func (f *filling) wait(ctx workflow.Context) error {
	until, whys := workflow.Now(ctx).Add(shortWait), []string(nil)
	for i, b := range f.blocked {
		if i == 0 && !f.soon || b.Until.Before(until) {
			until = b.Until
		}
		whys = append(whys, b.Why)
	}
	slices.Sort(whys)
	why := strings.Join(whys, "; ")
	if why == "" {
		why = waitsNone
	}
	f.status.WaitsFor, f.status.WaitsUntil, f.unsaved = why, until, true
	timer := workflow.NewTimerWithOptions(ctx, until.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: etf.Clip("waits for "+why, modelFailures)})
	if err := workflow.Await(ctx, func() bool { return timer.IsReady() || f.err != nil }); err != nil {
		return err
	}
	if f.err != nil {
		return f.err
	}
	f.status.WaitsFor, f.status.WaitsUntil, f.unsaved = "", time.Time{}, true
	f.unblock(ctx)
	return nil
}

// end records how the backfill ended and returns the workflow's error. It happens even if the workflow is cancelled, after the activities
// under way have ended.
func (f *filling) end(ctx workflow.Context, err error) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	end := activities.FinishBackfillInput{ID: f.in.ID, Status: etf.RunCompleted}
	switch {
	case temporal.IsCanceledError(err):
		end.Status = etf.RunCancelled
	case err != nil:
		end.Status, end.Reason = etf.RunFailed, describe(err)
	}
	f.stop()
	if awaitErr := workflow.Await(ctx, func() bool { return len(f.open) == 0 && !f.saving }); awaitErr != nil {
		return awaitErr
	}
	actx := workflow.WithActivityOptions(ctx, storePolicy(string(end.Status)))
	finishErr := workflow.ExecuteActivity(actx, backfilling.FinishBackfill, end).Get(ctx, nil)
	f.status.Status, f.status.Error, f.status.Paused, f.status.WaitsFor, f.status.WaitsUntil = end.Status, end.Reason, false, "", time.Time{}
	f.show(ctx, true)
	switch {
	case temporal.IsCanceledError(err):
		return temporal.NewCanceledError()
	case err != nil:
		return temporal.NewNonRetryableApplicationError(end.Reason, failureOf(err).Type, nil, f.status.Counts)
	}
	return finishErr
}

// show renders current details, if the last time is long enough ago.
func (f *filling) show(ctx workflow.Context, now bool) {
	if at := workflow.Now(ctx); now || at.Sub(f.shown) >= detailsEvery {
		f.shown = at
		began := f.started
		if began.IsZero() {
			began = f.began
		}
		workflow.SetCurrentDetails(ctx, backfillDetails(f.now(), at.Sub(began)))
	}
}

// backfillDetails renders a backfill. elapsed is the time since its start.
func backfillDetails(s BackfillStatus, elapsed time.Duration) string {
	var t strings.Builder
	c := s.Counts
	status := string(s.Status)
	if s.Paused {
		status = "paused"
	}
	p := c.PaceAfter(elapsed)
	writef(&t, "**%s** after %s\n\n`%s` %.1f %%", status, elapsed.Truncate(time.Second), progressBar(p.Percent), p.Percent)
	if s.Status == etf.RunRunning && p.Left > 0 {
		writef(&t, ", about %s left at %.1f sessions/s", p.Left, p.SessionsPerS)
	}
	t.WriteString("\n\n| " + gap + " | done" + gap + " | of |\n|:---|---:|---:|\n")
	writef(&t, "| ETFs%s | %s%s | %s |\n", gap, thousands(c.ETFsDone), gap, thousands(c.ETFs))
	writef(&t, "| sessions%s | %s%s | %s |\n", gap, thousands(c.SessionsDone), gap, thousands(c.Sessions))
	writef(&t, "\nRows: %s new, %s unchanged, %s revised, %s quarantined, by %s requests. ETFs that failed: %s.\n", thousands(c.RowsNew), thousands(c.RowsUnchanged),
		thousands(c.RowsRevised), thousands(c.RowsQuarantined), thousands(c.Requests), thousands(c.ETFsFailed))
	if len(s.Active) > 0 {
		writef(&t, "\nUnder way: %s\n", cell(joinSymbols(s.Active), 500))
	}
	if s.WaitsFor != "" {
		writef(&t, "\nWaits for %s until %s.\n", cell(s.WaitsFor, 500), s.WaitsUntil.UTC().Format(time.RFC3339))
	}
	if s.Error != "" {
		writef(&t, "\n%s\n", cell(s.Error, 500))
	}
	return t.String()
}

// progressBar draws a bar of 20 characters.
func progressBar(percent float64) string {
	n := min(max(int(percent/5), 0), 20)
	return strings.Repeat("█", n) + strings.Repeat("░", 20-n)
}
