package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// script stands in for every activity. What it does depends on the beginning of the symbol:
//
//	OK     everything succeeds
//	DENY   every source fails
//	SECOND only the second source responds
//	LATE   the session is missing from the first response
//	MISS   the session is missing from every response
//	EMPTY  the responses are empty
//	FAULT  an error-level finding names the new session
//	HELD   the close of the new session is held; the review of a run over the whole exchange releases it
//	FREE   the close of the session before was held and is believed now
//	DOWN   the database is down at first
//	BOOM   forecasting fails permanently
//	RESTA  the source has restated its series, and its whole history takes over
//	PART   a model other than the benchmark gives no forecast
//	OPEN   the first source is not asked for two seconds, the second fails
//	CHECK  the new close is compared with the second source
//	AGAIN  the rows are judged three times before they are stored
//
// The activities of a backfill work on its shelf.
type script struct {
	mu    sync.Mutex
	calls map[string]int
	due   map[etf.Session][]etf.Symbol
	// pageError makes the second page of this session's ETFs fail.
	pageError etf.Session
	sessions  []etf.Session // the result of SessionsDue
	shelves   shelves
	missing   string // an activity that the script lacks
}

func (s *script) register(main, fit sdkworker.ActivityRegistry, sources ...sdkworker.ActivityRegistry) {
	named := func(r sdkworker.ActivityRegistry, name string, f any) {
		r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	named(main, "BeginRun", s.beginRun)
	named(main, "DueETFs", s.dueETFs)
	named(main, "RecordOutcomes", func(context.Context, activities.RecordOutcomesInput) error { return nil })
	named(main, "FinishRun", func(context.Context, activities.FinishRunInput) error { return nil })
	named(main, "SessionsDue", s.sessionsDue)
	named(main, "AwaitRun", func(context.Context, activities.AwaitRunInput) (activities.AwaitRunResult, error) {
		return activities.AwaitRunResult{Status: etf.RunCompleted}, nil
	})
	named(main, "Validate", s.validate)
	named(main, "Persist", s.persist)
	named(main, "ReviewHeld", s.reviewHeld)
	named(main, "Anchor", s.anchor)
	named(main, "Decide", s.decide)
	named(main, "FindingState", s.findingState)
	named(main, "NewestSession", func(context.Context, activities.NewestInput) (activities.NewestResult, error) {
		return activities.NewestResult{Session: friday, Usable: true}, nil
	})
	named(main, "DecideAction", s.decideAction)
	named(main, "Assess", s.assess)
	named(fit, "Forecast", s.forecast)
	for _, r := range sources {
		named(r, "Fetch", s.fetch)
	}
	s.registerBackfill(func(name string, f any) { named(main, name, f) })
	s.registerBacktest(func(name string, f any) { named(main, name, f) }, func(name string, f any) { named(fit, name, f) })
	// An unknown activity would be retried until the workflow's patience is at its end, which may be a day.
	for _, r := range append([]sdkworker.ActivityRegistry{main, fit}, sources...) {
		r.RegisterDynamicActivity(s.unknown, activity.DynamicRegisterOptions{})
	}
}

// unknown stands in for what the script lacks; the scenario fails then (lacks).
func (s *script) unknown(ctx context.Context, _ converter.EncodedValues) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = activity.GetInfo(ctx).ActivityType.Name
	return permanentError(activities.TypeInternal, s.missing+" is not scripted")
}

// lacks returns an error if the workflows have used an activity that the script lacks.
func (s *script) lacks() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.missing == "" {
		return nil
	}
	return etf.Invalid("activity", s.missing+" is not scripted", "add it to e2e/record/script.go")
}

func (s *script) assess(_ context.Context, in activities.AssessInput) (activities.AssessResult, error) {
	if in.Exchange == etf.XTKS {
		return activities.AssessResult{}, permanentError(activities.TypeCorrupt, "score 3 is not as it was written")
	}
	return activities.AssessResult{Hash: strings.Repeat("a5", 32), Through: in.Session - 1, Served: []string{"5 prophet"}}, nil
}

func (s *script) registerBacktest(main, fit func(name string, f any)) {
	counts := etf.BacktestCounts{ETFs: 3}
	main("PlanBacktest", func(context.Context, activities.BacktestInput) (activities.BacktestPlan, error) {
		return activities.BacktestPlan{Counts: counts, AtOnce: 2}, nil
	})
	main("PendingETFs", func(context.Context, activities.PendingETFsInput) (activities.PendingETFsResult, error) {
		return activities.PendingETFsResult{Symbols: []etf.Symbol{"A", "B", "C"}}, nil
	})
	main("RecordUnmeasured", func(context.Context, activities.UnmeasuredInput) error { return nil })
	main("FinishBacktest", func(context.Context, activities.FinishBacktestInput) error { return nil })
	fit("MeasureETF", func(_ context.Context, in activities.MeasureETFInput) (activities.MeasureETFResult, error) {
		if in.Symbol == "B" {
			return activities.MeasureETFResult{}, permanentError(activities.TypeTimedOut, "three attempts have used all of their time")
		}
		return activities.MeasureETFResult{Counts: counts, Origins: 120}, nil
	})
	fit("AssembleBacktest", func(context.Context, activities.BacktestInput) (activities.AssembleResult, error) {
		return activities.AssembleResult{Hash: strings.Repeat("b5", 32), Results: 2}, nil
	})
}

// times counts the calls with a key and returns their number, from 1.
func (s *script) times(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[key]++
	return s.calls[key]
}

func (s *script) beginRun(_ context.Context, in activities.BeginRunInput) (activities.BeginRunResult, error) {
	return activities.BeginRunResult{Closed: in.Run.Session.Weekday() == time.Sunday}, nil
}

func (s *script) dueETFs(_ context.Context, in activities.DueETFsInput) (activities.DueETFsResult, error) {
	// The input has no session: XKRX stands for the one whose second page fails, XNYS for the Friday.
	session := etf.MustSession("2025-09-26")
	if in.Exchange == etf.XKRX {
		session = s.pageError
	}
	var page activities.DueETFsResult
	for _, symbol := range s.due[session] {
		if symbol <= in.After || len(page.ETFs) == in.Limit || (len(in.Symbols) > 0 && !contains(in.Symbols, symbol)) {
			continue
		}
		page.ETFs = append(page.ETFs, activities.DueETF{Symbol: symbol, Currency: "USD", Sources: sourcesOf(symbol)})
	}
	if session == s.pageError && in.After != "" {
		return page, permanentError(activities.TypeNotFound, "symbols: no ETF XYZ is registered")
	}
	return page, nil
}

func (s *script) sessionsDue(_ context.Context, in activities.SessionsDueInput) (activities.SessionsDueResult, error) {
	var due activities.SessionsDueResult
	for _, session := range s.sessions {
		if session > in.After {
			due.Sessions = append(due.Sessions, session)
		}
	}
	if in.Exchange == etf.XKRX && len(due.Sessions) > 1 { // one at a time
		due.Sessions, due.More = due.Sessions[:1], true
	}
	return due, nil
}

func (s *script) fetch(ctx context.Context, in activities.FetchInput) (activities.FetchResult, error) {
	info := activity.GetInfo(ctx)
	source := strings.TrimPrefix(info.TaskQueue, workflows.SourceTaskQueue(""))
	if shelf := s.shelves.of(ctx); shelf != nil {
		return shelf.fetch(ctx, source, in)
	}
	fetched := activities.FetchResult{Fetch: fmt.Sprintf("%032x", 1), Rows: 16, Last: in.Session, HasSession: true, Attempt: info.Attempt}
	lacks := activities.FetchResult{Fetch: fmt.Sprintf("%032x", 2), Rows: 15, Last: in.Session - 1, Attempt: info.Attempt}
	switch {
	case starts(in.Symbol, "DENY"), starts(in.Symbol, "SECOND") && source == "simulated":
		return activities.FetchResult{}, permanentError(activities.TypeSourceDenied, source+": the key is wrong")
	case starts(in.Symbol, "OPEN") && source == "simulated" && s.times(string(in.Symbol)) == 1:
		return activities.FetchResult{}, leftAlone(activities.TypeSourceOpen, 2*time.Second)
	case starts(in.Symbol, "OPEN") && source == "file":
		return activities.FetchResult{}, permanentError(activities.TypeSourceNotFound, source+": there is no such file")
	case starts(in.Symbol, "LATE") && s.times(string(in.Symbol)) == 1, starts(in.Symbol, "MISS"):
		return lacks, nil
	case starts(in.Symbol, "EMPTY"):
		return activities.FetchResult{Fetch: lacks.Fetch, Empty: true, Attempt: info.Attempt}, nil
	}
	return fetched, nil
}

func (s *script) validate(ctx context.Context, in activities.ValidateInput) (activities.ValidateResult, error) {
	if shelf := s.shelves.of(ctx); shelf != nil {
		return shelf.verdict(), nil
	}
	if starts(in.Symbol, "CHECK") && in.CanCheck {
		return activities.ValidateResult{Check: "sampled", Attempt: 1}, nil
	}
	if starts(in.Symbol, "FAULT") {
		return activities.ValidateResult{Findings: 1, Errors: 1, QuarantinedNew: true, Attempt: 1, OnNew: []activities.FindingRef{
			{ID: findingOf(in.Symbol), Rule: "jump", Evidence: "close 66.18 is 90 % below the previous close"},
		}}, nil
	}
	if starts(in.Symbol, "RESTA") {
		return activities.ValidateResult{FetchWhole: in.CanFetchWhole, TakeOver: in.Whole, Attempt: 1}, nil
	}
	if starts(in.Symbol, "HELD") {
		return activities.ValidateResult{Findings: 1, HeldNew: true, Attempt: 1, OnHeld: []activities.FindingRef{
			{ID: findingOf(in.Symbol), Rule: "held_close", Evidence: "close 66.18 is 20 daily volatilities below the previous close"},
		}}, nil
	}
	return activities.ValidateResult{Findings: 1, Attempt: 1}, nil
}

func (s *script) reviewHeld(_ context.Context, in activities.ReviewHeldInput) (activities.ReviewHeldResult, error) {
	const symbol = "HELD1"
	return activities.ReviewHeldResult{Reviewed: 1, After: symbol, Released: []etf.RunETF{{
		Symbol: symbol, Session: in.Session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Source: "simulated",
		RowsNew: 1, RowsUnchanged: 15, Findings: 1, Forecasts: 1, Attempts: 1,
	}}}, nil
}

func (s *script) anchor(_ context.Context, in activities.AnchorInput) (activities.AnchorResult, error) {
	if contains(in.Scope.Symbols, "OK0009") {
		return activities.AnchorResult{}, permanentError(activities.TypeCorrupt, "leaf 4 of the ledger is not as it was written")
	}
	return activities.AnchorResult{Leaves: 2, Checkpoint: etf.Checkpoint{
		Size: 42, Root: "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", At: friday.Time(),
		Note: "etfcast/5f0c9a7e2d1b4c3895e6a1d07b2f4c88\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
	}}, nil
}

func findingOf(symbol etf.Symbol) string { return "f1" + strings.ToLower(string(symbol)) }

func (s *script) persist(ctx context.Context, in activities.PersistInput) (activities.PersistResult, error) {
	info := activity.GetInfo(ctx)
	if shelf := s.shelves.of(ctx); shelf != nil {
		return shelf.store(ctx)
	}
	if strings.HasPrefix(info.WorkflowExecution.ID, "update/DOWN") && info.Attempt < 3 {
		return activities.PersistResult{}, temporal.NewApplicationError("connection refused", activities.TypeUnavailable, activities.ErrorDetail{Attempt: info.Attempt})
	}
	if strings.HasPrefix(info.WorkflowExecution.ID, "update/AGAIN") && s.times(info.WorkflowExecution.ID) < 3 {
		return activities.PersistResult{JudgeAgain: true, Attempt: info.Attempt}, nil
	}
	if in.Whole { // the finding that it settles has no workflow
		return activities.PersistResult{Persisted: etf.Persisted{New: 1, Revised: 5000}, Attempt: info.Attempt, Settled: []string{"settled"}}, nil
	}
	persisted := etf.Persisted{New: 1, Unchanged: 15}
	if strings.HasPrefix(info.WorkflowExecution.ID, "update/FREE") {
		persisted.Unchanged, persisted.Revised, persisted.Released = 14, 1, []etf.Session{friday - 1}
	}
	return activities.PersistResult{Persisted: persisted, Attempt: info.Attempt}, nil
}

func (s *script) forecast(_ context.Context, in activities.ForecastInput) (activities.ForecastResult, error) {
	if starts(in.Symbol, "BOOM") {
		return activities.ForecastResult{}, permanentError(activities.TypeInternal, "drift: no finite numbers")
	}
	if starts(in.Symbol, "PART") {
		return activities.ForecastResult{Appended: 1, Failed: []string{"model prophet: no finite numbers"}, Attempt: 1}, nil
	}
	return activities.ForecastResult{Appended: 1, Attempt: 1}, nil
}

func (s *script) decide(_ context.Context, in activities.DecideInput) (etf.Finding, error) {
	if in.Finding == "taken" {
		return etf.Finding{}, permanentError(activities.TypeConflict, "decided before by al")
	}
	return etf.Finding{ID: in.Finding, Symbol: "FAULT1", Rule: "jump", Decision: in.Decision, By: in.By, Why: in.Why}, nil
}

// findingState is asked for after a decision that could not be applied, and by the timers.
func (s *script) findingState(_ context.Context, in activities.FindingInput) (etf.Finding, error) {
	f := etf.Finding{ID: in.Finding, Symbol: "FAULT1", Rule: "jump"}
	if in.Finding == "taken" {
		f.Decision, f.By, f.Why = etf.Accept, "al", "seen on two sources"
	}
	return f, nil
}

func (s *script) decideAction(_ context.Context, d etf.ActionDecision) (etf.ActionDecided, error) {
	if d.By == "" {
		return etf.ActionDecided{}, permanentError(activities.TypeInvalid, "by: no name is given")
	}
	return etf.ActionDecided{Action: etf.StatedAction{ID: d.Action, Symbol: d.Symbol, Status: d.Status, By: d.By}, Freed: 96, Newest: friday}, nil
}

func permanentError(errorType, message string) error {
	return temporal.NewNonRetryableApplicationError(message, errorType, nil, activities.ErrorDetail{Attempt: 1})
}

func sourcesOf(symbol etf.Symbol) []etf.SourceRef {
	return []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}, {Name: "file", Ref: string(symbol) + ".csv"}}
}

func starts(symbol etf.Symbol, with string) bool { return strings.HasPrefix(string(symbol), with) }

func contains(symbols []etf.Symbol, symbol etf.Symbol) bool {
	for _, s := range symbols {
		if s == symbol {
			return true
		}
	}
	return false
}
