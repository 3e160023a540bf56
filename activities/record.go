package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Recording keeps the record of runs, which outlives Temporal's retention.
type Recording struct {
	Store  Runs
	Models []string // whose forecasts are counted
	Now    func() time.Time
}

// BeginRunInput describes a run that starts.
type BeginRunInput struct {
	Run etf.Run `json:"run"`
}

// BeginRunResult says whether there is a session to run.
type BeginRunResult struct {
	Closed bool `json:"closed"` // not a trading session
	// NextClose is when the exchange closes next. Zero beyond the calendar.
	NextClose time.Time `json:"next_close,omitzero"`
}

// BeginRun records that a run has started and checks the session: a day on which the exchange does not trade is a result
// (Closed), a session that has not closed yet an error (TypeInvalid). The run's ID is the idempotency key.
func (a *Recording) BeginRun(ctx context.Context, in BeginRunInput) (BeginRunResult, error) {
	cal, err := calendar.For(in.Run.Exchange)
	if err != nil {
		return BeginRunResult{}, err
	}
	if err := a.Store.StartRun(ctx, in.Run); err != nil {
		return BeginRunResult{}, err
	}
	if !cal.Range().Contains(in.Run.Session) {
		return BeginRunResult{}, cal.Check(in.Run.Session)
	}
	if !cal.IsSession(in.Run.Session) {
		return BeginRunResult{Closed: true}, nil
	}
	closes, err := cal.Close(in.Run.Session)
	if err != nil {
		return BeginRunResult{}, err
	}
	if now := a.Now(); now.Before(closes) {
		return BeginRunResult{}, etf.Invalid("session",
			fmt.Sprintf("%s session %s does not close until %s", in.Run.Exchange, in.Run.Session, closes.Format(time.RFC3339)),
			"start the run after the close")
	}
	return BeginRunResult{NextClose: nextClose(cal, a.Now())}, nil
}

// nextClose returns the first close after the instant; zero beyond the calendar.
func nextClose(cal *calendar.Calendar, now time.Time) time.Time {
	last, err := cal.LastClosed(now)
	if err != nil {
		return time.Time{}
	}
	next, err := cal.Next(last)
	if err != nil {
		return time.Time{}
	}
	closes, err := cal.Close(next)
	if err != nil {
		return time.Time{}
	}
	return closes
}

// RecordOutcomesInput carries how some ETFs of a run ended.
type RecordOutcomesInput struct {
	Run    etf.RunID     `json:"run"`
	Counts etf.RunCounts `json:"counts"` // of the whole run, as of now
	ETFs   []etf.RunETF  `json:"etfs"`
}

// RecordOutcomes adds or replaces the run's rows for these ETFs, with the counts of what is stored for the run. A repeat
// changes nothing.
func (a *Recording) RecordOutcomes(ctx context.Context, in RecordOutcomesInput) error {
	return a.Store.RecordOutcomes(ctx, in.Run, a.Models, in.Counts, in.ETFs)
}

// FinishRunInput says how a run ended.
type FinishRunInput struct {
	Run    etf.RunID     `json:"run"`
	Status etf.RunStatus `json:"status"`
	Counts etf.RunCounts `json:"counts"`
	Closed bool          `json:"closed,omitempty"`
	Reason string        `json:"reason,omitempty"`
}

// FinishRunResult has the counts as they are recorded.
type FinishRunResult struct {
	Counts *etf.RunCounts `json:"counts,omitempty"` // absent in results of release 0.1.0
}

// FinishRun discards the rows that the run and earlier ones have staged but not stored (those of responses that lacked the
// session, and of updates that failed, were cancelled or terminated), and records how the run ended. A repeat changes
// nothing.
func (a *Recording) FinishRun(ctx context.Context, in FinishRunInput) (FinishRunResult, error) {
	fetches, err := a.Store.DiscardStaged(ctx, in.Run)
	switch {
	case err != nil: // the next run does it
		activity.GetLogger(ctx).Warn("staged rows not discarded", "run", in.Run, "error", err)
	case fetches > 0:
		activity.GetLogger(ctx).Info("staged rows discarded", "run", in.Run, "fetches", fetches)
	}
	counts, err := a.Store.FinishRun(ctx, etf.RunEnd(in))
	if err != nil {
		return FinishRunResult{}, err
	}
	return FinishRunResult{Counts: &counts}, nil
}
