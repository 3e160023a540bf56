package activities

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Planning finds out what is due. Workflows never compute calendars: the result is in their history.
type Planning struct {
	Registry Registry
	Runs     Runs
	Watcher  Watcher
}

// lookBack is how many sessions before the last completed one are checked for skipped sessions: a quarter of a year, one
// look-up by primary key each.
const lookBack = 60

// SessionsDueInput asks which sessions of an exchange are due at an instant.
type SessionsDueInput struct {
	Exchange etf.Exchange `json:"exchange"`
	At       time.Time    `json:"at"`
	After    etf.Session  `json:"after,omitzero"` // the last session already handled
	Limit    int          `json:"limit"`
}

// SessionsDueResult lists sessions, oldest first.
type SessionsDueResult struct {
	Sessions []etf.Session `json:"sessions"`
	More     bool          `json:"more,omitempty"` // more are due, beyond the limit
}

// SessionsDue returns the sessions that had closed by the instant and come after the last completed run over the whole
// exchange, oldest first. Before them come skipped sessions: those without a run between two that completed. If a person
// runs the newest session after an outage, the schedule must not forget the others. A session whose run started but did
// not complete is not skipped: whether to run it again is up to whoever cancelled it or looks into its failure.
//
// If no run has ever completed, only the last closed session is due: an ETF's first update fetches its history anyway.
func (a *Planning) SessionsDue(ctx context.Context, in SessionsDueInput) (SessionsDueResult, error) {
	cal, err := calendar.For(in.Exchange)
	if err != nil {
		return SessionsDueResult{}, err
	}
	last, err := cal.LastClosed(in.At)
	if err != nil {
		return SessionsDueResult{}, err
	}
	completed, err := a.Runs.LastCompleted(ctx, in.Exchange)
	if err != nil {
		return SessionsDueResult{}, err
	}
	from := max(completed, in.After) + 1
	if completed.IsZero() && in.After.IsZero() {
		from = last
	}
	due, err := a.skippedSessions(ctx, cal, in, min(completed, last+1))
	if err != nil {
		return SessionsDueResult{}, err
	}
	if from <= last {
		due = append(due, cal.Sessions(etf.Window{From: from, To: last})...)
	}
	if len(due) <= in.Limit {
		return SessionsDueResult{Sessions: due}, nil
	}
	activity.GetLogger(ctx).Warn("many sessions are due; they will run in batches",
		"exchange", in.Exchange, "due", len(due), "batch", in.Limit)
	return SessionsDueResult{Sessions: due[:in.Limit], More: true}, nil
}

// skippedSessions returns the sessions before the given day that have no run although an older session's run completed
// or this Tick has handled an older session; oldest first.
func (a *Planning) skippedSessions(ctx context.Context, cal *calendar.Calendar, in SessionsDueInput, before etf.Session) ([]etf.Session, error) {
	if before.IsZero() {
		return nil, nil
	}
	from, err := cal.Nth(before, -lookBack)
	if err != nil {
		from = cal.Range().From // the calendar has fewer than lookBack sessions before it
	}
	var sure, unsure []etf.Session // newest first; unsure until an older completed run is found
	for _, s := range slices.Backward(cal.Sessions(etf.Window{From: max(from, in.After+1), To: before - 1})) {
		run, err := a.Runs.Run(ctx, etf.DailyRunID(in.Exchange, s, nil, 1))
		switch {
		case err == nil && run.Status == etf.RunCompleted:
			sure, unsure = append(sure, unsure...), nil
		case err != nil && etf.KindOf(err) == etf.KindNotFound:
			unsure = append(unsure, s)
		case err != nil:
			return nil, err
		}
	}
	if from <= in.After {
		sure = append(sure, unsure...) // this Tick has handled an older one
	}
	slices.Reverse(sure)
	return sure, nil
}

// DueETFsInput asks for a page of an exchange's ETFs.
type DueETFsInput struct {
	Exchange etf.Exchange `json:"exchange"`
	Symbols  []etf.Symbol `json:"symbols,omitempty"` // only these; empty = all
	After    etf.Symbol   `json:"after"`
	Limit    int          `json:"limit"`
	// Session is the one of the run: ETFs that were delisted before it are not due. Zero for a run that an earlier release has started.
	Session etf.Session `json:"session,omitzero"`
}

// DueETF is what a daily run needs to know about an ETF.
type DueETF struct {
	Symbol   etf.Symbol      `json:"symbol"`
	Currency etf.Currency    `json:"currency"`
	Sources  []etf.SourceRef `json:"sources"`
}

// DueETFsResult is a page in ascending order of symbol. A page shorter than the limit is the last.
type DueETFsResult struct {
	ETFs []DueETF `json:"etfs"`
}

// DueETFs returns a page of the exchange's ETFs. A symbol that is not registered is a TypeNotFound that names it.
func (a *Planning) DueETFs(ctx context.Context, in DueETFsInput) (DueETFsResult, error) {
	etfs, err := a.Registry.Due(ctx, in.Exchange, in.Session, in.Symbols, in.After, in.Limit)
	if err != nil {
		return DueETFsResult{}, err
	}
	page := DueETFsResult{ETFs: make([]DueETF, len(etfs))}
	for i, e := range etfs {
		page.ETFs[i] = DueETF{Symbol: e.Symbol, Currency: e.Currency, Sources: e.Sources}
	}
	return page, nil
}

// errStillOpen is not a step that takes too long: the run may take any time.
var errStillOpen = &etf.Error{Kind: etf.KindUnavailable, Message: "the run is still open"}

// AwaitRunInput names the workflow of a run.
type AwaitRunInput struct {
	WorkflowID string `json:"workflow_id"`
}

// AwaitRunResult says how it ended.
type AwaitRunResult struct {
	Status etf.RunStatus `json:"status"`
}

// AwaitRun waits until a run that somebody else started has ended, in whatever way. A workflow can wait only for its own
// children; this is for other workflows. It returns when the worker stops or the attempt's time is nearly up, and a retry
// just keeps waiting.
func (a *Planning) AwaitRun(ctx context.Context, in AwaitRunInput) (AwaitRunResult, error) {
	stopping := activity.GetWorkerStopChannel(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if deadline, ok := ctx.Deadline(); ok {
		early := time.AfterFunc(time.Until(deadline)*99/100, func() { cancel(errStillOpen) })
		defer early.Stop()
	}
	go func() {
		select {
		case <-stopping:
			cancel(errWorkerStopping)
		case <-ctx.Done():
		}
	}()
	status, err := a.Watcher.AwaitEnd(ctx, in.WorkflowID)
	if err != nil && ctx.Err() != nil {
		return AwaitRunResult{}, context.Cause(ctx)
	}
	if err != nil {
		return AwaitRunResult{}, err
	}
	return AwaitRunResult{Status: status}, nil
}
