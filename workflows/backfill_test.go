package workflows

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var aBackfill = BackfillInput{ID: "0123456789abcdef0123456789abcdef", Exchange: etf.XNYS, What: "XNYS: all ETFs"}

// shelf is what is missing of the ETFs of a backfill: how many windows of 100 sessions each, and the sources that have them, in order.
type shelf struct {
	mu       sync.Mutex
	env      *testsuite.TestWorkflowEnvironment
	sources  []string
	windows  map[etf.Symbol]int
	failed   map[etf.Symbol]map[string]string // by source, the type of its error
	ended    map[etf.Symbol]string            // "" or the error
	total    int
	waits    []activities.SetBackfillWaitInput
	finished []activities.FinishBackfillInput
	requests int
	asks     int // how often the next window was asked for
	plan     func() activities.BackfillPlan
	onFetch  func(source string, in activities.FetchInput) error
}

// newShelf makes the backfill's activities work on what is missing.
func newShelf(t *testing.T, windows map[etf.Symbol]int, sources ...string) *shelf {
	s := &shelf{env: newEnv(t), sources: sources, windows: windows, failed: map[etf.Symbol]map[string]string{}, ended: map[etf.Symbol]string{}}
	for _, n := range windows {
		s.total += 100 * n
	}
	s.env.OnActivity(backfilling.PlanBackfill, mock.Anything, activities.BackfillInput{ID: aBackfill.ID}).
		Return(func(context.Context, activities.BackfillInput) (activities.BackfillPlan, error) {
			if s.plan != nil {
				return s.plan(), nil
			}
			return activities.BackfillPlan{Counts: s.counts(), StartedAt: s.env.Now()}, nil
		})
	s.env.OnActivity(backfilling.PendingBackfill, mock.Anything, mock.Anything).Return(s.pending)
	s.env.OnActivity(backfilling.AdvanceBackfill, mock.Anything, mock.Anything).Return(s.advance)
	s.env.OnActivity(backfilling.SetBackfillWait, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.SetBackfillWaitInput) error {
		s.waits = append(s.waits, in)
		return nil
	}).Maybe()
	s.env.OnActivity(backfilling.FinishBackfill, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.FinishBackfillInput) error {
		s.finished = append(s.finished, in)
		return nil
	}).Maybe()
	s.env.OnActivity(fetching.Fetch, mock.Anything, mock.MatchedBy(func(in activities.FetchInput) bool { return in.Behind })).Return(s.fetch).Maybe()
	s.env.OnActivity(validating.Validate, mock.Anything, mock.Anything).Return(activities.ValidateResult{}, nil).Maybe()
	s.env.OnActivity(persisting.Persist, mock.Anything, mock.MatchedBy(func(in activities.PersistInput) bool { return in.OnlyNew })).Return(func(_ context.Context, in activities.PersistInput) (activities.PersistResult, error) {
		if in.Whole {
			t.Errorf("a backfill persists %+v: it may change stored bars", in)
		}
		return activities.PersistResult{Persisted: etf.Persisted{New: 100}}, nil
	}).Maybe()
	return s
}

func (s *shelf) counts() etf.BackfillCounts {
	left := 0
	for symbol, n := range s.windows {
		if _, over := s.ended[symbol]; !over {
			left += 100 * n
		}
	}
	return etf.BackfillCounts{ETFs: len(s.windows), ETFsDone: len(s.ended), Sessions: s.total, SessionsDone: s.total - left}
}

func (s *shelf) pending(_ context.Context, in activities.PendingBackfillInput) (activities.PendingBackfillResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []etf.Symbol
	for symbol := range s.windows {
		if _, over := s.ended[symbol]; !over && symbol > in.After {
			list = append(list, symbol)
		}
	}
	slices.Sort(list)
	return activities.PendingBackfillResult{Symbols: list[:min(len(list), in.Limit)]}, nil
}

func (s *shelf) advance(_ context.Context, in activities.AdvanceInput) (activities.AdvanceResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	if l := in.Last; l != nil {
		s.requests++
		if l.ErrorType == "" {
			s.windows[in.Symbol]--
		} else {
			if s.failed[in.Symbol] == nil {
				s.failed[in.Symbol] = map[string]string{}
			}
			s.failed[in.Symbol][l.Source] = l.ErrorType
		}
	}
	if s.windows[in.Symbol] == 0 {
		s.ended[in.Symbol] = ""
		return activities.AdvanceResult{Done: true, Counts: s.counts()}, nil
	}
	waiting, why := false, ""
	for _, name := range s.sources {
		if e := s.failed[in.Symbol][name]; e != "" {
			why = e
			continue
		}
		if slices.Contains(in.LeftOut, name) {
			waiting = true
			continue
		}
		from := etf.MustSession("2005-01-03").AddDays(200 * s.windows[in.Symbol])
		return activities.AdvanceResult{
			Counts: s.counts(), Exchange: etf.XNYS, Currency: "USD", Source: etf.SourceRef{Name: name, Ref: string(in.Symbol)},
			Window: etf.Window{From: from, To: from.AddDays(144)},
		}, nil
	}
	if !waiting {
		s.ended[in.Symbol] = why
	}
	return activities.AdvanceResult{Counts: s.counts(), Done: !waiting, Waiting: waiting, WaitsFor: in.LeftOut}, nil
}

func (s *shelf) fetch(_ context.Context, in activities.FetchInput) (activities.FetchResult, error) {
	if in.Window == (etf.Window{}) || in.Session != in.Window.To || in.Run != etf.BackfillRunID(aBackfill.ID) {
		return activities.FetchResult{}, fmt.Errorf("fetched %+v", in)
	}
	if s.onFetch != nil {
		if err := s.onFetch("", in); err != nil {
			return activities.FetchResult{}, err
		}
	}
	return activities.FetchResult{Fetch: "f", Rows: 100}, nil
}

// quotaError is that of a source whose daily quota is used up until the instant.
func quotaError(until time.Time) error {
	return temporal.NewNonRetryableApplicationError("used up", activities.TypeSourceQuota, nil, activities.ErrorDetail{Attempt: 1, RetryAt: until})
}

// Every window of every ETF is fetched, validated and persisted, and the end is recorded.
func TestBackfill(t *testing.T) {
	s := newShelf(t, map[etf.Symbol]int{"A": 3, "B": 1, "C": 2, "D": 4, "E": 2, "F": 1, "G": 1, "H": 3}, "yahoo")
	s.env.ExecuteWorkflow(Backfill, aBackfill)
	got := result[BackfillResult](t, s.env)
	if got.Counts.SessionsDone != 1700 || got.Counts.ETFsDone != 8 || s.requests != 17 || len(s.finished) != 1 || s.finished[0].Status != etf.RunCompleted {
		t.Errorf("%+v after %d requests, finished %+v", got, s.requests, s.finished)
	}
	if status := query[BackfillStatus](t, s.env); status.Status != etf.RunCompleted || len(status.Active) != 0 {
		t.Errorf("%+v", status)
	}
	s.env.AssertExpectations(t)
}

// Done-when: 50 ETFs over 20 years, three windows each, from a source with 20 requests a day of which five are left to the daily run. The
// backfill ends on its own on the tenth day, and the daily updates of every day are done on that day.
func TestBackfillWaitsForQuota(t *testing.T) {
	windows := map[etf.Symbol]int{}
	for i := range 50 {
		windows[etf.Symbol(fmt.Sprintf("S%02d", i))] = 3
	}
	s := newShelf(t, windows, "tiingo")
	s.env.SetTestTimeout(time.Minute)
	s.env.SetStartTime(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC))
	const perDay, reserved, daily = 20, 5, 5
	used := map[string]int{}
	behind := map[string]int{}
	midnight := func() time.Time { return s.env.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour) }
	s.onFetch = func(_ string, in activities.FetchInput) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		day := s.env.Now().UTC().Format(time.DateOnly)
		if used[day] >= perDay || behind[day] >= perDay-reserved {
			return quotaError(midnight())
		}
		used[day]++
		behind[day]++
		return nil
	}
	refused := 0
	s.env.OnActivity(fetching.Fetch, mock.Anything, mock.MatchedBy(func(in activities.FetchInput) bool { return !in.Behind })).
		Return(func(context.Context, activities.FetchInput) (activities.FetchResult, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			day := s.env.Now().UTC().Format(time.DateOnly)
			if used[day] >= perDay {
				refused++
				return activities.FetchResult{}, quotaError(midnight())
			}
			used[day]++
			return activities.FetchResult{Fetch: "f", Rows: 1, HasSession: true, Attempt: 1}, nil
		})
	persisted := activities.PersistResult{Persisted: etf.Persisted{New: 1}, Attempt: 1}
	s.env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f", CanJudge: true}).Return(persisted, nil).Maybe()
	s.env.OnActivity(forecasting.Forecast, mock.Anything, mock.Anything).Return(activities.ForecastResult{Appended: 1, Attempt: 1}, nil)
	late, days := 0, 0
	// together runs the backfill, and the updates of each evening until it has ended.
	together := func(ctx workflow.Context) error {
		child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: etf.BackfillWorkflowID(aBackfill.ID)}), BackfillWorkflow, aBackfill)
		for !child.IsReady() {
			days++
			evening := workflow.Now(ctx).UTC().Truncate(24 * time.Hour).Add(21 * time.Hour)
			if err := workflow.Sleep(ctx, evening.Sub(workflow.Now(ctx))); err != nil {
				return err
			}
			var updates []workflow.ChildWorkflowFuture
			session := etf.SessionOf(evening)
			for i := range daily {
				in := UpdateETFInput{Symbol: etf.Symbol(fmt.Sprintf("S%02d", i)), Exchange: etf.XNYS, Currency: "USD", Session: session,
					Sources: []etf.SourceRef{{Name: "tiingo", Ref: "x"}}, Run: etf.DailyRunID(etf.XNYS, session, nil, 1)}
				updates = append(updates, workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: UpdateID(in.Symbol, session)}), UpdateETFWorkflow, in))
			}
			for _, u := range updates {
				if err := u.Get(ctx, nil); err != nil {
					return err
				}
			}
			if workflow.Now(ctx).Sub(evening) > time.Hour {
				late++
			}
			if err := workflow.Sleep(ctx, evening.Add(4*time.Hour).Sub(workflow.Now(ctx))); err != nil {
				return err
			}
		}
		return child.Get(ctx, nil)
	}
	s.env.RegisterWorkflow(together)
	s.env.ExecuteWorkflow(together)
	if err := s.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	// 150 requests at 15 a day: ten days, the last of which is over before its evening.
	if days != 10 && days != 9 || s.requests != 150 || len(behind) != 10 || refused > 0 || late > 0 {
		t.Errorf("%d requests on %d days (%d days of updates), %d updates refused, %d evenings late", s.requests, len(behind), days, refused, late)
	}
	for day, n := range used {
		if last := "2026-11-11"; n > perDay || n-behind[day] != daily && day != last {
			t.Errorf("%s: %d requests, %d of them by the backfill", day, n, behind[day])
		}
	}
	waited := slices.DeleteFunc(slices.Clone(s.waits), func(w activities.SetBackfillWaitInput) bool { return w.For == "" })
	if len(waited) != 9 || waited[0].For != "the daily quota of tiingo" || !waited[0].Until.Equal(time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("waited %d times, first %+v", len(waited), waited[:min(1, len(waited))])
	}
	if len(s.finished) != 1 || s.finished[0].Status != etf.RunCompleted {
		t.Errorf("finished %+v", s.finished)
	}
}

// A source that does not know the ETF is not waited for: the next one is asked, and if there is none, the ETF fails alone.
func TestBackfillFailsOver(t *testing.T) {
	s := newShelf(t, map[etf.Symbol]int{"A": 2, "B": 1}, "yahoo", "file")
	asked := map[string]int{}
	s.onFetch = func(_ string, in activities.FetchInput) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		asked[string(in.Symbol)]++
		if in.Symbol == "B" {
			return typed(activities.TypeSourceNotFound, "no such symbol", 1)
		}
		return nil
	}
	s.env.ExecuteWorkflow(Backfill, aBackfill)
	result[BackfillResult](t, s.env)
	if asked["A"] != 2 || asked["B"] != 2 || s.ended["A"] != "" || s.ended["B"] != activities.TypeSourceNotFound {
		t.Errorf("asked %v, ended %v", asked, s.ended)
	}
}

// A source whose breaker is open is left alone: another one is asked meanwhile; without one, it is waited for.
func TestBackfillWaitsForBreaker(t *testing.T) {
	for _, sources := range [][]string{{"yahoo"}, {"yahoo", "file"}} {
		s := newShelf(t, map[etf.Symbol]int{"A": 1, "B": 1}, sources...)
		begun := s.env.Now()
		opened := false
		s.onFetch = func(_ string, in activities.FetchInput) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !opened {
				opened = true
				return temporal.NewNonRetryableApplicationError("open", activities.TypeSourceOpen, nil, activities.ErrorDetail{RetryAt: s.env.Now().Add(30 * time.Minute)})
			}
			return nil
		}
		s.env.ExecuteWorkflow(Backfill, aBackfill)
		result[BackfillResult](t, s.env)
		took := s.env.Now().Sub(begun)
		if waited := took >= 30*time.Minute; s.requests != 2 || waited != (len(sources) == 1) || took > time.Hour {
			t.Errorf("%v: %d requests in %s", sources, s.requests, took)
		}
	}
}

// A source that is down is asked again, later and later, and the ETF fails after backfillTries.
func TestBackfillTriesAgain(t *testing.T) {
	s := newShelf(t, map[etf.Symbol]int{"A": 1}, "yahoo")
	begun, tries := s.env.Now(), 0
	s.onFetch = func(string, activities.FetchInput) error {
		tries++
		return typed(activities.TypeSourceUnavailable, "down", 4)
	}
	s.env.ExecuteWorkflow(Backfill, aBackfill)
	result[BackfillResult](t, s.env)
	// Two pauses of a minute, then 5 and 10 minutes.
	if took := s.env.Now().Sub(begun); tries != backfillTries || s.ended["A"] != activities.TypeSourceUnavailable || took < 17*time.Minute || took > 20*time.Minute {
		t.Errorf("%d tries in %s, ended %v", tries, took, s.ended)
	}
}

// Paused, it finishes what is under way and starts nothing; resumed, it goes on. Both are recorded.
func TestPauseBackfill(t *testing.T) {
	s := newShelf(t, map[etf.Symbol]int{"A": 3}, "yahoo")
	var at []time.Duration
	begun := s.env.Now()
	s.onFetch = func(string, activities.FetchInput) error {
		if at = append(at, s.env.Now().Sub(begun)); len(at) == 1 {
			s.env.SignalWorkflow(PauseSignal, true)
		}
		return nil
	}
	s.env.RegisterDelayedCallback(func() {
		if status := query[BackfillStatus](t, s.env); !status.Paused || status.Status != etf.RunRunning {
			t.Errorf("%+v", status)
		}
		s.env.SignalWorkflow(PauseSignal, false)
	}, 2*time.Hour)
	s.env.ExecuteWorkflow(Backfill, aBackfill)
	result[BackfillResult](t, s.env)
	if len(at) != 3 || at[0] > time.Minute || at[1] < 2*time.Hour {
		t.Errorf("asked at %v", at)
	}
	if len(s.waits) != 2 || !s.waits[0].Paused || s.waits[1].Paused {
		t.Errorf("recorded %+v", s.waits)
	}
}

// Cancelled, also while it is paused or waits for a quota, it records that and ends.
func TestCancelBackfill(t *testing.T) {
	for name, prepare := range map[string]func(*shelf){
		"paused": func(s *shelf) {
			s.env.RegisterDelayedCallback(func() { s.env.SignalWorkflow(PauseSignal, true) }, 0)
		},
		"waiting": func(s *shelf) {
			s.onFetch = func(string, activities.FetchInput) error { return quotaError(s.env.Now().Add(24 * time.Hour)) }
		},
	} {
		s := newShelf(t, map[etf.Symbol]int{"A": 3, "B": 2}, "yahoo")
		prepare(s)
		s.env.RegisterDelayedCallback(s.env.CancelWorkflow, time.Hour)
		s.env.ExecuteWorkflow(Backfill, aBackfill)
		if err := s.env.GetWorkflowError(); !temporal.IsCanceledError(err) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.finished) != 1 || s.finished[0].Status != etf.RunCancelled {
			t.Errorf("%s: finished %+v", name, s.finished)
		}
	}
}

// Several decisions that arrive at once count in their order: the last one stands.
func TestPauseBackfillInOrder(t *testing.T) {
	for _, last := range []bool{true, false} {
		s := newShelf(t, map[etf.Symbol]int{"A": 3}, "yahoo")
		asked := 0
		s.onFetch = func(string, activities.FetchInput) error {
			if asked++; asked == 1 {
				s.env.SignalWorkflow(PauseSignal, last)
				s.env.SignalWorkflow(PauseSignal, !last)
				s.env.SignalWorkflow(PauseSignal, last)
			}
			return nil
		}
		s.env.RegisterDelayedCallback(func() {
			if last && asked != 1 {
				t.Errorf("paused last, it has asked for %d windows", asked)
			}
			s.env.SignalWorkflow(PauseSignal, false)
		}, time.Hour)
		s.env.ExecuteWorkflow(Backfill, aBackfill)
		result[BackfillResult](t, s.env)
		if n := len(s.waits); asked != 3 || last && (n < 2 || !s.waits[n-2].Paused) || n > 0 && s.waits[n-1].Paused {
			t.Errorf("last %v: %d windows, recorded %+v", last, asked, s.waits)
		}
	}
}

// With a long history it continues as new with nothing under way, and carries over what it waits for.
func TestBackfillContinuesAsNew(t *testing.T) {
	s := newShelf(t, map[etf.Symbol]int{"A": 2, "B": 2}, "yahoo")
	until := s.env.Now().Add(24 * time.Hour)
	asked, full := make(chan struct{}), make(chan struct{})
	s.onFetch = func(_ string, in activities.FetchInput) error {
		if in.Symbol == "A" {
			close(asked)
			<-full
			return nil
		}
		<-asked
		s.env.SetContinueAsNewSuggested(true)
		close(full)
		return quotaError(until)
	}
	s.env.ExecuteWorkflow(Backfill, aBackfill)
	var next *workflow.ContinueAsNewError
	if err := s.env.GetWorkflowError(); !asContinue(err, &next) || next.WorkflowType.Name != BackfillWorkflow {
		t.Fatalf("%v", s.env.GetWorkflowError())
	}
	in := decodeInput[BackfillInput](t, next)
	if in.ID != aBackfill.ID || len(in.Blocked) != 1 || in.Blocked[0].Source != "yahoo" || !in.Blocked[0].Until.Equal(until) || len(s.finished) > 0 {
		t.Errorf("%+v, finished %+v", in, s.finished)
	}
	if s.requests != 1 {
		t.Errorf("%d windows are recorded; that of A was under way", s.requests)
	}
}

// A plan that can't be made fails the backfill, and that is recorded.
func TestBackfillFails(t *testing.T) {
	env := newEnv(t)
	env.OnActivity(backfilling.PlanBackfill, mock.Anything, mock.Anything).Return(activities.BackfillPlan{}, typed(activities.TypeInvalid, "no ETF is to be filled in", 1)).Once()
	env.OnActivity(backfilling.FinishBackfill, mock.Anything, activities.FinishBackfillInput{ID: aBackfill.ID, Status: etf.RunFailed, Reason: "no ETF is to be filled in"}).Return(nil).Once()
	env.ExecuteWorkflow(Backfill, aBackfill)
	if f := failureOf(env.GetWorkflowError()); f.Type != activities.TypeInvalid {
		t.Errorf("%+v", f)
	}
	env.AssertExpectations(t)
}

func TestBackfillDetails(t *testing.T) {
	text := backfillDetails(BackfillStatus{
		Status: etf.RunRunning, Counts: etf.BackfillCounts{ETFs: 4, ETFsDone: 1, Sessions: 20_000, SessionsDone: 5000, RowsNew: 4990},
		Active: []etf.Symbol{"SPY"}, WaitsFor: "the daily quota of tiingo", WaitsUntil: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC),
	}, 10*time.Second)
	for _, want := range []string{"`█████░░░░░░░░░░░░░░░` 25.0 %, about 30s left at 500.0 sessions/s", "| sessions" + gap + " | 5,000" + gap + " | 20,000 |", "Under way: SPY", "Waits for the daily quota of tiingo until 2026-11-03T00:00:00Z."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// An ETF that waits for a source is not looked at again before the source is asked: a source that stays away for long costs no activity for
// each ETF and each look.
func TestBackfillParks(t *testing.T) {
	windows := map[etf.Symbol]int{}
	for i := range 40 {
		windows[etf.Symbol(fmt.Sprintf("S%02d", i))] = 1
	}
	s := newShelf(t, windows, "tiingo")
	const looks = 10
	refusals := 0
	s.onFetch = func(_ string, in activities.FetchInput) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if refusals++; refusals <= looks {
			return temporal.NewNonRetryableApplicationError("open", activities.TypeSourceOpen, nil, activities.ErrorDetail{Attempt: 1, RetryAt: s.env.Now().Add(20 * time.Second)})
		}
		return nil
	}
	s.env.ExecuteWorkflow(Backfill, aBackfill)
	if got := result[BackfillResult](t, s.env); got.Counts.ETFsDone != 40 || s.requests != 40 {
		t.Errorf("%+v after %d requests", got, s.requests)
	}
	if most := 2*40 + 45 + looks*2*backfillETFs; s.asks > most {
		t.Errorf("the next window was asked for %d times, at most %d are needed", s.asks, most)
	}
}

// A backfill that was paused when its worker went away, and is resumed while it plans again, goes on.
func TestResumeBackfillWhilePlanning(t *testing.T) {
	s := newShelf(t, map[etf.Symbol]int{"A": 1}, "yahoo")
	s.plan = func() activities.BackfillPlan {
		s.env.SignalWorkflow(PauseSignal, false)
		return activities.BackfillPlan{Counts: s.counts(), StartedAt: s.env.Now(), Paused: true}
	}
	s.env.ExecuteWorkflow(Backfill, aBackfill)
	if got := result[BackfillResult](t, s.env); got.Counts.ETFsDone != 1 {
		t.Errorf("%+v", got)
	}
	if len(s.waits) == 0 || s.waits[len(s.waits)-1].Paused {
		t.Errorf("recorded %+v", s.waits)
	}
}

// What is asked for is the window with the stored sessions next to it, of the ETF as it is called now, on the basis of its series; what a
// refetch of days brings is stored where it differs.
func TestBackfillRequest(t *testing.T) {
	env := newEnv(t)
	window := etf.Window{From: etf.MustSession("2025-03-03"), To: etf.MustSession("2025-03-14")}
	request := etf.Window{From: etf.MustSession("2025-02-24"), To: etf.MustSession("2025-03-21")}
	env.OnActivity(backfilling.PlanBackfill, mock.Anything, mock.Anything).Return(activities.BackfillPlan{}, nil)
	env.OnActivity(backfilling.PendingBackfill, mock.Anything, mock.Anything).Return(activities.PendingBackfillResult{Symbols: []etf.Symbol{"OLD"}}, nil)
	env.OnActivity(backfilling.AdvanceBackfill, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.AdvanceInput) (activities.AdvanceResult, error) {
		if in.Symbol != "OLD" {
			t.Errorf("advanced %s", in.Symbol)
		}
		if in.Last != nil {
			if in.Last.Window != window {
				t.Errorf("asked for %+v", in.Last.Window)
			}
			return activities.AdvanceResult{Done: true}, nil
		}
		return activities.AdvanceResult{Symbol: "NEW", Source: etf.SourceRef{Name: "krx", Ref: "x"}, Basis: etf.AsTraded, Window: window, Request: request, Revise: true}, nil
	})
	env.OnActivity(fetching.Fetch, mock.Anything, mock.MatchedBy(func(in activities.FetchInput) bool {
		return in.Symbol == "NEW" && in.Window == request && in.Session == request.To && in.Basis == etf.AsTraded && in.Behind && !in.Whole
	})).Return(activities.FetchResult{Fetch: "f", Rows: 15}, nil).Once()
	env.OnActivity(validating.Validate, mock.Anything, activities.ValidateInput{Fetch: "f", Symbol: "NEW", Session: request.To}).Return(activities.ValidateResult{}, nil).Once()
	env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f", CanJudge: true}).Return(activities.PersistResult{}, nil).Once()
	env.OnActivity(backfilling.FinishBackfill, mock.Anything, mock.Anything).Return(nil)
	env.ExecuteWorkflow(Backfill, aBackfill)
	result[BackfillResult](t, env)
	env.AssertExpectations(t)
}

// A refetch whose history is not let replace the stored one has failed, and says so; what was let through is counted.
func TestRefetchNotReplaced(t *testing.T) {
	for _, takeOver := range []bool{false, true} {
		env := newEnv(t)
		var last *activities.AskedWindow
		env.OnActivity(backfilling.PlanBackfill, mock.Anything, mock.Anything).Return(activities.BackfillPlan{}, nil)
		env.OnActivity(backfilling.PendingBackfill, mock.Anything, mock.Anything).Return(activities.PendingBackfillResult{Symbols: []etf.Symbol{"SPY"}}, nil)
		env.OnActivity(backfilling.AdvanceBackfill, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.AdvanceInput) (activities.AdvanceResult, error) {
			if last = in.Last; last != nil {
				return activities.AdvanceResult{Done: true}, nil
			}
			return activities.AdvanceResult{Source: etf.SourceRef{Name: "yahoo", Ref: "SPY"}, Whole: true, Replaces: true}, nil
		})
		env.OnActivity(fetching.Fetch, mock.Anything, mock.Anything).Return(activities.FetchResult{Fetch: "f", Rows: 15}, nil)
		env.OnActivity(validating.Validate, mock.Anything, mock.Anything).Return(activities.ValidateResult{TakeOver: takeOver}, nil)
		env.OnActivity(persisting.Persist, mock.Anything, activities.PersistInput{Fetch: "f", Whole: takeOver, CanJudge: true}).Return(activities.PersistResult{Persisted: etf.Persisted{New: 3}}, nil)
		env.OnActivity(backfilling.FinishBackfill, mock.Anything, mock.Anything).Return(nil)
		env.ExecuteWorkflow(Backfill, aBackfill)
		result[BackfillResult](t, env)
		if last == nil || (last.ErrorType == "") != takeOver || !takeOver && last.ErrorType != activities.NotReplaced || last.Stored.New != 3 {
			t.Errorf("taken over: %v: %+v", takeOver, last)
		}
	}
}
