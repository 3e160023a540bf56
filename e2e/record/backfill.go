package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// shelf is what is missing in the scenario of a backfill, and how its sources answer. Each window is a year.
type shelf struct {
	windows map[etf.Symbol]int // how many are missing of each ETF, each for a source of the list
	sources []string
	// answer, if set, is called for the n-th request for an ETF, from 1, and says how it fails; onStore when its rows are stored.
	answer  func(ctx context.Context, source string, symbol etf.Symbol, n int) error
	onStore func(context.Context) error
	// days: the sources have every ETF of a day in one response, and a window is in an older block of days than the one before it.
	days bool
	// outdated is how often rows are to be judged again before they are stored.
	outdated int
	// pad is how long the verdict on a window is: enough of them, and the server suggests to continue as new.
	pad int

	mu       sync.Mutex
	requests map[etf.Symbol]int
	failed   map[string]bool // symbol/source
	ended    map[etf.Symbol]bool
}

var newestBlock = etf.MustSession("2025-09-01")

// shelves are those of the scenarios, by the backfill's ID.
type shelves struct {
	mu   sync.Mutex
	byID map[string]*shelf
}

// add keeps a shelf under a new ID.
func (s *shelves) add(of *shelf) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	of.requests, of.failed, of.ended = map[etf.Symbol]int{}, map[string]bool{}, map[etf.Symbol]bool{}
	id := fmt.Sprintf("%032x", len(s.byID)+1)
	s.byID[id] = of
	return id
}

func (s *shelves) get(id string) *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// of returns the shelf of the backfill that the activity belongs to; nil if it belongs to none.
func (s *shelves) of(ctx context.Context) *shelf {
	id, _ := strings.CutPrefix(activity.GetInfo(ctx).WorkflowExecution.ID, etf.BackfillWorkflowID(""))
	return s.get(id)
}

func (s *shelf) counts() etf.BackfillCounts {
	done := 0
	for _, n := range s.requests {
		done += n
	}
	return etf.BackfillCounts{ETFs: len(s.windows), ETFsDone: len(s.ended), SessionsDone: 250 * done, RowsNew: 250 * done, Requests: done}
}

func (s *shelf) plan() activities.BackfillPlan {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := activities.BackfillPlan{Counts: s.counts(), StartedAt: time.Now().UTC()}
	if s.days {
		p.Round = newestBlock
	}
	return p
}

func (s *shelf) pending(in activities.PendingBackfillInput) activities.PendingBackfillResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []etf.Symbol
	for symbol := range s.windows {
		if !s.ended[symbol] && symbol > in.After {
			list = append(list, symbol)
		}
	}
	slices.Sort(list)
	return activities.PendingBackfillResult{Symbols: list[:min(len(list), in.Limit)]}
}

func (s *shelf) advance(in activities.AdvanceInput) activities.AdvanceResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := in.Last; l != nil && l.ErrorType == "" {
		s.windows[in.Symbol]--
	} else if l != nil {
		s.failed[string(in.Symbol)+"/"+l.Source] = true
	}
	var waits []string
	for _, name := range s.sources {
		switch {
		case s.windows[in.Symbol] == 0 || s.failed[string(in.Symbol)+"/"+name]:
			continue
		case slices.Contains(in.LeftOut, name):
			waits = append(waits, name)
			continue
		}
		to := etf.MustSession("2024-12-31").AddDays(-365 * (5 - s.windows[in.Symbol]))
		next := activities.AdvanceResult{
			Counts: s.counts(), Symbol: in.Symbol, Exchange: etf.XNYS, Currency: "USD", Source: etf.SourceRef{Name: name, Ref: string(in.Symbol)},
			Window: etf.Window{From: to.AddDays(-364), To: to}, Request: etf.Window{From: to.AddDays(-364), To: to.AddDays(7)},
		}
		if block := newestBlock.AddDays(28 * (s.windows[in.Symbol] - 5)); s.days && block < in.Round {
			return activities.AdvanceResult{Counts: next.Counts, Later: block}
		}
		return next
	}
	if len(waits) > 0 {
		return activities.AdvanceResult{Counts: s.counts(), Waiting: true, WaitsFor: waits}
	}
	s.ended[in.Symbol] = true
	return activities.AdvanceResult{Counts: s.counts(), Done: true}
}

func (s *shelf) fetch(ctx context.Context, source string, in activities.FetchInput) (activities.FetchResult, error) {
	s.mu.Lock()
	s.requests[in.Symbol]++
	n := s.requests[in.Symbol]
	s.mu.Unlock()
	if s.answer != nil {
		if err := s.answer(ctx, source, in.Symbol, n); err != nil {
			return activities.FetchResult{}, err
		}
	}
	return activities.FetchResult{Fetch: fmt.Sprintf("%032x", 3), Rows: 255, Last: in.Session, HasSession: true, Attempt: 1}, nil
}

func (s *shelf) verdict() activities.ValidateResult {
	v := activities.ValidateResult{Findings: 1, Attempt: 1}
	if s.pad > 0 {
		v.OnNew = []activities.FindingRef{{ID: "f1", Rule: "jump", Evidence: strings.Repeat("x", s.pad)}}
	}
	return v
}

func (s *shelf) store(ctx context.Context) (activities.PersistResult, error) {
	if s.onStore != nil {
		if err := s.onStore(ctx); err != nil {
			return activities.PersistResult{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outdated > 0 {
		s.outdated--
		return activities.PersistResult{JudgeAgain: true, Attempt: 1}, nil
	}
	return activities.PersistResult{Persisted: etf.Persisted{New: 250, Unchanged: 5}, Attempt: 1}, nil
}

// leftAlone is the error of a source that is not asked for now.
func leftAlone(errorType string, after time.Duration) error {
	return temporal.NewNonRetryableApplicationError("not asked for now", errorType, nil, activities.ErrorDetail{Attempt: 1, RetryAt: time.Now().Add(after).UTC().Truncate(time.Millisecond)})
}

func (s *script) registerBackfill(named func(name string, f any)) {
	named("PlanBackfill", func(_ context.Context, in activities.BackfillInput) (activities.BackfillPlan, error) {
		return s.shelves.get(in.ID).plan(), nil
	})
	named("PendingBackfill", func(_ context.Context, in activities.PendingBackfillInput) (activities.PendingBackfillResult, error) {
		return s.shelves.get(in.ID).pending(in), nil
	})
	named("AdvanceBackfill", func(_ context.Context, in activities.AdvanceInput) (activities.AdvanceResult, error) {
		return s.shelves.get(in.ID).advance(in), nil
	})
	named("SetBackfillWait", func(context.Context, activities.SetBackfillWaitInput) error { return nil })
	named("FinishBackfill", func(context.Context, activities.FinishBackfillInput) error { return nil })
}

func (s *environment) startBackfill(ctx context.Context, of *shelf) (client.WorkflowRun, error) {
	in := workflows.BackfillInput{ID: s.script.shelves.add(of), Exchange: etf.XNYS, What: "XNYS: all ETFs"}
	return s.client.ExecuteWorkflow(ctx, dispatch.BackfillOptions(in), workflows.BackfillWorkflow, in)
}

// backfill makes its shelf anew each time, because a backfill empties it.
func backfill(of func() *shelf, how func(error) error) func(context.Context, *environment) (recorded, error) {
	return func(ctx context.Context, s *environment) (recorded, error) {
		run, err := s.startBackfill(ctx, of())
		if err != nil {
			return recorded{}, err
		}
		return s.wait(ctx, run, how)
	}
}

// eightETFs are more than are filled in at once, with more windows than one source has to answer at once.
func eightETFs() *shelf {
	return &shelf{windows: map[etf.Symbol]int{"A": 1, "B": 2, "C": 1, "D": 1, "E": 1, "F": 1, "G": 1, "H": 2}, sources: []string{"simulated"}}
}

// quotaUsedUp is waited for.
func quotaUsedUp() *shelf {
	return &shelf{windows: map[etf.Symbol]int{"A": 2, "B": 1}, sources: []string{"simulated", "file"}, answer: func(_ context.Context, _ string, symbol etf.Symbol, n int) error {
		if symbol == "A" && n == 2 {
			return leftAlone(activities.TypeSourceQuota, 3*time.Second)
		}
		return nil
	}}
}

// breakerOpen is waited for, because there is no other source.
func breakerOpen() *shelf {
	return &shelf{windows: map[etf.Symbol]int{"A": 1, "B": 1}, sources: []string{"simulated"}, answer: func(_ context.Context, _ string, symbol etf.Symbol, n int) error {
		if symbol == "A" && n == 1 {
			return leftAlone(activities.TypeSourceOpen, 3*time.Second)
		}
		return nil
	}}
}

// failsOver has an ETF that its first source does not know, one whose first source has failed too often, and one that no source has.
func failsOver() *shelf {
	return &shelf{windows: map[etf.Symbol]int{"A": 1, "B": 1, "C": 1}, sources: []string{"simulated", "file"}, answer: func(_ context.Context, source string, symbol etf.Symbol, _ int) error {
		switch {
		case symbol == "A" && source == "simulated", symbol == "C":
			return permanentError(activities.TypeSourceNotFound, source+" does not have "+string(symbol))
		case symbol == "B" && source == "simulated":
			return leftAlone(activities.TypeSourceOpen, time.Hour)
		}
		return nil
	}}
}

// sourceDown is asked again after a minute.
func sourceDown() *shelf {
	return &shelf{windows: map[etf.Symbol]int{"A": 1}, sources: []string{"simulated"}, answer: func(_ context.Context, _ string, _ etf.Symbol, n int) error {
		if n == 1 {
			return permanentError(activities.TypeSourceUnavailable, "503 Service Unavailable")
		}
		return nil
	}}
}

// judgedAgain has a window whose rows are judged three times before they are stored.
func judgedAgain() *shelf {
	return &shelf{windows: map[etf.Symbol]int{"A": 1}, sources: []string{"simulated"}, outdated: 2}
}

// byDays goes over the ETFs once for each block of days.
func byDays() *shelf {
	return &shelf{windows: map[etf.Symbol]int{"A": 3, "B": 2}, sources: []string{"simulated"}, days: true}
}

// backfillPaused is paused while a window is fetched, and resumed when nothing is under way any more.
func backfillPaused(ctx context.Context, s *environment) (recorded, error) {
	asked, paused := make(chan struct{}), make(chan struct{})
	of := &shelf{windows: map[etf.Symbol]int{"A": 3}, sources: []string{"simulated"}, answer: func(ctx context.Context, _ string, _ etf.Symbol, n int) error {
		if n > 1 {
			return nil
		}
		close(asked)
		return received(ctx, paused)
	}}
	run, err := s.startBackfill(ctx, of)
	if err != nil {
		return recorded{}, err
	}
	if err := received(ctx, asked); err != nil {
		return recorded{}, err
	}
	if err := s.client.SignalWorkflow(ctx, run.GetID(), run.GetRunID(), workflows.PauseSignal, true); err != nil {
		return recorded{}, err
	}
	close(paused)
	// The window that was under way is stored, and the next one is known.
	if err := s.await(ctx, run, func(status workflows.BackfillStatus) bool { return status.Paused && status.Counts.SessionsDone > 0 }); err != nil {
		return recorded{}, err
	}
	if err := s.client.SignalWorkflow(ctx, run.GetID(), run.GetRunID(), workflows.PauseSignal, false); err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, completed)
}

// await waits until the status of a backfill is as wanted.
func (s *environment) await(ctx context.Context, run client.WorkflowRun, as func(workflows.BackfillStatus) bool) error {
	for {
		answer, err := s.client.QueryWorkflow(ctx, run.GetID(), run.GetRunID(), workflows.StatusQuery)
		if err != nil {
			return err
		}
		var status workflows.BackfillStatus
		if err := answer.Get(&status); err != nil {
			return err
		}
		switch {
		case as(status):
			return nil
		case status.Status != etf.RunRunning:
			return errors.New("the backfill ended before it had the wanted status")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// received waits until a channel is closed.
func received(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// backfillCancelled is cancelled while it stores the first window; another ETF's source is being asked meanwhile.
func backfillCancelled(ctx context.Context, s *environment) (recorded, error) {
	asked := make(chan struct{})
	var run client.WorkflowRun
	of := &shelf{windows: map[etf.Symbol]int{"A": 2, "B": 1}, sources: []string{"simulated"}, answer: func(ctx context.Context, _ string, symbol etf.Symbol, _ int) error {
		if symbol == "B" {
			close(asked)
			<-ctx.Done() // it is not waited for
			return ctx.Err()
		}
		return nil
	}}
	of.onStore = func(ctx context.Context) error {
		if err := received(ctx, asked); err != nil {
			return err
		}
		info := activity.GetInfo(ctx).WorkflowExecution
		return s.client.CancelWorkflow(ctx, info.ID, info.RunID)
	}
	run, err := s.startBackfill(ctx, of)
	if err != nil {
		return recorded{}, err
	}
	return s.wait(ctx, run, failed)
}

// backfillContinued has verdicts so long that the server suggests continuing as new at 4 MB of history, after four windows. The first source
// of one ETF is left alone then, and still in the second run. Both runs are saved.
func backfillContinued(first bool) func(context.Context, *environment) (recorded, error) {
	return func(ctx context.Context, s *environment) (recorded, error) {
		of := &shelf{
			windows: map[etf.Symbol]int{"A": 3, "B": 3}, sources: []string{"simulated", "file"}, pad: 1_300_000,
			answer: func(_ context.Context, source string, symbol etf.Symbol, _ int) error {
				if symbol == "A" && source == "simulated" {
					return leftAlone(activities.TypeSourceOpen, time.Hour)
				}
				return nil
			},
		}
		run, err := s.startBackfill(ctx, of)
		if err != nil {
			return recorded{}, err
		}
		return s.half(ctx, run, first)
	}
}
