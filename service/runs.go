package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

const (
	// queryTimeout limits a query that a worker has to handle: a status page does not wait for a busy worker.
	queryTimeout = 2 * time.Second
	// maxParallel is how many executions are described at once.
	maxParallel = 8
	// maxDescribed is how many open updates are described for one response: the most a run has open.
	maxDescribed = 50
	// maxPages limits how many pages one listing by status reads to find rows that match.
	maxPages = 10
)

// joinedRun is a run, combined from the record and Temporal.
type joinedRun struct {
	run etf.Run
	// status is the workflow's own status; nil if it has ended or no worker responded.
	status *workflows.DailyStatus
}

// Run returns one run, joining the record (table runs) with Temporal's: a run that has just started is running with zero
// counts, one that was terminated or timed out is not left "running", and a running one has its current counts.
// KindNotFound if neither knows it; KindUnavailable if one of them can't be reached and so its status is unknown.
func (s *Service) Run(ctx context.Context, id etf.RunID) (etf.Run, error) {
	j, err := s.join(ctx, id)
	return j.run, err
}

// RunDetail returns a run and, for up to limit of its ETFs after the given symbol, ascending, what it did; more says
// whether more follow. They include ETFs being updated now, with their current stage and attempt if Temporal responds in
// time.
func (s *Service) RunDetail(ctx context.Context, id etf.RunID, after etf.Symbol, limit int) (run etf.Run, etfs []etf.RunETF, more bool, err error) {
	j, err := s.join(ctx, id)
	if err != nil {
		return etf.Run{}, nil, false, err
	}
	stored, err := s.store.RunETFs(ctx, j.run.ID, after, limit+1)
	// A run that has just started has no row yet.
	if err != nil && etf.KindOf(err) != etf.KindNotFound {
		return etf.Run{}, nil, false, err
	}
	etfs, more = cut(overlay(stored, j.status, after), limit)
	s.describeOpen(ctx, etfs)
	if err := s.markRows(ctx, etfs); err != nil {
		return etf.Run{}, nil, false, err
	}
	return j.run, etfs, more, nil
}

// overlay updates the recorded rows with the workflow's status. Both begin after the same symbol, so the first items of
// the result are right however many rows were left unread.
func overlay(stored []etf.RunETF, status *workflows.DailyStatus, after etf.Symbol) []etf.RunETF {
	if status == nil {
		return stored
	}
	bySymbol := make(map[etf.Symbol]etf.RunETF, len(stored))
	for _, group := range [][]etf.RunETF{stored, status.Recent, status.Active} {
		for _, r := range group {
			if r.Symbol > after {
				bySymbol[r.Symbol] = r
			}
		}
	}
	all := make([]etf.RunETF, 0, len(bySymbol))
	for _, r := range bySymbol {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b etf.RunETF) int { return strings.Compare(string(a.Symbol), string(b.Symbol)) })
	return all
}

// describeOpen fills in the stage and attempt of open updates. Those not known in time are left empty.
func (s *Service) describeOpen(ctx context.Context, etfs []etf.RunETF) {
	ctx, stop := context.WithTimeout(ctx, queryTimeout)
	defer stop()
	var open []int
	for i, r := range etfs {
		if r.Outcome == etf.OutcomeRunning && len(open) < maxDescribed {
			open = append(open, i)
		}
	}
	inParallel(len(open), func(n int) {
		r := &etfs[open[n]]
		x, err := s.temporal.Execution(ctx, workflows.UpdateID(r.Symbol, r.Session))
		if err != nil || len(x.Pending) == 0 {
			return
		}
		p := x.Pending[0]
		if stage, ok := stageOf(p.Type); ok {
			r.Stage = stage
		}
		r.Attempts, r.ErrorType, r.ErrorMessage = p.Attempt, p.FailureType, p.Failure
	})
}

// stageOf returns the stage an activity type belongs to: they have the same names.
func stageOf(activityType string) (etf.Stage, bool) {
	stage := etf.Stage(strings.ToLower(activityType))
	return stage, slices.Contains([]etf.Stage{etf.StageFetch, etf.StageValidate, etf.StagePersist, etf.StageForecast}, stage)
}

// inParallel calls f(0) to f(n-1), maxParallel of them at a time, and returns when all have returned.
func inParallel(n int, f func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxParallel)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}

func (s *Service) join(ctx context.Context, id etf.RunID) (joinedRun, error) {
	row, err := s.store.Run(ctx, id)
	recorded := err == nil
	if err != nil && etf.KindOf(err) != etf.KindNotFound {
		return joinedRun{}, err
	}
	if recorded && row.Status == etf.RunCompleted {
		return joinedRun{run: row}, nil
	}
	return s.joinTemporal(ctx, id, row, recorded)
}

// joinTemporal is join for a run that is not recorded as completed: since the row was written, it may have been started
// (again), or may have ended without being recorded.
func (s *Service) joinTemporal(ctx context.Context, id etf.RunID, row etf.Run, recorded bool) (joinedRun, error) {
	ended := recorded && row.Status != etf.RunRunning
	x, err := s.temporal.Execution(ctx, id.WorkflowID())
	switch {
	case err == nil:
	case etf.KindOf(err) == etf.KindNotFound && !recorded:
		return joinedRun{}, etf.NotFound("id", fmt.Sprintf("there is no run %s", id), "GET /v1/runs or `etfcast run list` lists the existing runs")
	case ended:
		return joinedRun{run: row}, nil // the record stands
	case etf.KindOf(err) == etf.KindNotFound:
		row.Status, row.Error = etf.RunTerminated, "recorded as running, but Temporal does not know this run any more: start it again"
		return joinedRun{run: row}, nil
	default:
		return joinedRun{}, err
	}

	if x.Status == etf.RunRunning {
		run := row
		if !recorded || ended {
			run = started(id, x, row.Symbols)
		}
		return s.withStatus(ctx, id, run), nil
	}
	switch {
	case ended && !x.StartedAt.After(row.FinishedAt):
		return joinedRun{run: row}, nil // the row is about this execution, and has more than Temporal does
	case recorded && !ended && x.Status == etf.RunCompleted:
		// It ended between the two reads: a run records its end before it completes.
		if again, err := s.store.Run(ctx, row.ID); err == nil && again.Status == etf.RunCompleted {
			return joinedRun{run: again}, nil
		}
	}
	run := row
	if !recorded || ended {
		run = started(id, x, row.Symbols)
	}
	run.Status, run.FinishedAt, run.Error = x.Status, x.FinishedAt, x.Failure
	return joinedRun{run: run}, nil
}

// started returns a run that only Temporal knows about so far.
func started(id etf.RunID, x etf.Execution, symbols []etf.Symbol) etf.Run {
	if len(x.Symbols) > 0 {
		symbols = x.Symbols
	}
	key, _ := id.Key() // the ID was parsed by the caller or is a recorded run's
	return etf.Run{
		ID: id, Workflow: key.Workflow, Exchange: key.Exchange, Session: key.Session,
		Symbols: symbols, Status: etf.RunRunning, StartedAt: x.StartedAt,
	}
}

// withStatus adds the workflow's own status to a running run; if no worker responds, the recorded counts stand.
func (s *Service) withStatus(ctx context.Context, id etf.RunID, run etf.Run) joinedRun {
	if run.Workflow == etf.BackfillRun { // its record has everything
		return joinedRun{run: run}
	}
	ctx, stop := context.WithTimeout(ctx, queryTimeout)
	defer stop()
	status, err := s.temporal.DailyStatus(ctx, id.WorkflowID())
	if err != nil {
		return joinedRun{run: run}
	}
	run.Counts = status.Run.Counts
	if !status.Run.StartedAt.IsZero() {
		run.StartedAt = status.Run.StartedAt
	}
	if len(status.Run.Symbols) > 0 {
		run.Symbols = status.Run.Symbols
	}
	return joinedRun{run: run, status: &status}
}

// RunQuery selects runs, as the user wrote it.
type RunQuery struct {
	Workflow string     // etf.DailyRun or etf.BackfillRun; "" = etf.DailyRun
	Exchange string     // "" = all
	Status   string     // "" = all
	After    etf.Cursor // zero = from the newest
	Limit    int
}

// Filter checks the query and returns the filter for the store and the wanted status ("" = any). Errors are KindInvalid.
func (q RunQuery) Filter() (filter etf.RunFilter, wanted etf.RunStatus, err error) {
	var errs []error
	if filter.Workflow = q.Workflow; q.Workflow == "" {
		filter.Workflow = etf.DailyRun
	}
	if !slices.Contains([]string{etf.DailyRun, etf.BackfillRun}, filter.Workflow) {
		errs = append(errs, etf.Invalid("workflow", fmt.Sprintf("there is no workflow %q", etf.Clip(q.Workflow, etf.MaxQuoted)), "use "+etf.DailyRun+" or "+etf.BackfillRun))
	}
	if q.Exchange != "" {
		if filter.Exchange, err = etf.ParseExchange(q.Exchange); err != nil {
			errs = append(errs, err)
		}
	}
	if q.Status != "" {
		wanted = etf.RunStatus(q.Status)
		if !slices.Contains(runStatuses, wanted) {
			errs = append(errs, etf.Invalid("status", fmt.Sprintf("%q is not a run status", etf.Clip(q.Status, etf.MaxQuoted)),
				"use running, completed, failed, cancelled, terminated or timed_out"))
		}
		// Nothing records that a run was terminated or timed out: those rows still say "running".
		filter.Statuses = slices.Compact([]etf.RunStatus{etf.RunRunning, wanted})
	}
	return filter, wanted, errors.Join(errs...)
}

var runStatuses = []etf.RunStatus{
	etf.RunRunning, etf.RunCompleted, etf.RunFailed, etf.RunCancelled, etf.RunTerminated, etf.RunTimedOut,
}

// Runs returns recorded runs, newest first, and the position of the next page: zero after the last. Rows that say
// "running" are checked with Temporal, as Run does, and left unchanged if it can't be reached. A page may have fewer than
// Limit runs even if more follow.
func (s *Service) Runs(ctx context.Context, q RunQuery) (runs []etf.Run, next etf.Cursor, err error) {
	filter, wanted, err := q.Filter()
	if err := errors.Join(err, checkLimit(q.Limit)); err != nil {
		return nil, etf.Cursor{}, err
	}
	next = q.After
	for range maxPages {
		var rows []etf.Run
		rows, next, err = s.store.Runs(ctx, filter, next, q.Limit-len(runs))
		if err != nil {
			return nil, etf.Cursor{}, err
		}
		s.refresh(ctx, rows)
		for _, r := range rows {
			if wanted == "" || r.Status == wanted {
				runs = append(runs, r)
			}
		}
		if next.IsZero() || len(runs) == q.Limit {
			break
		}
	}
	return runs, next, nil
}

// refresh joins the rows that say "running" with Temporal's status, in place.
func (s *Service) refresh(ctx context.Context, rows []etf.Run) {
	ctx, stop := context.WithTimeout(ctx, 2*queryTimeout)
	defer stop()
	var open []int
	for i, r := range rows {
		if r.Status == etf.RunRunning {
			open = append(open, i)
		}
	}
	inParallel(len(open), func(n int) {
		row := &rows[open[n]]
		if j, err := s.joinTemporal(ctx, row.ID, *row, true); err == nil {
			*row = j.run
		}
	})
}

// CancelRun requests the cancellation of a run and returns its current state, which is still running until it has
// stopped. A repeat is harmless. KindConflict if the run has ended, KindNotFound if there is none.
func (s *Service) CancelRun(ctx context.Context, id etf.RunID) (etf.Run, error) {
	j, err := s.join(ctx, id)
	if err != nil {
		return etf.Run{}, err
	}
	if j.run.Status == etf.RunRunning {
		err = s.temporal.Cancel(ctx, id.WorkflowID())
		if err == nil {
			return j.run, nil
		}
		if etf.KindOf(err) != etf.KindNotFound {
			return etf.Run{}, err
		}
		// It ended in the meantime.
		if j, err = s.join(ctx, id); err != nil {
			return etf.Run{}, err
		}
	}
	return etf.Run{}, &etf.Error{
		Kind: etf.KindConflict, Field: "id", Message: fmt.Sprintf("run %s has already ended: it is %s", id, j.run.Status),
		Remedy: "only a running run can be cancelled",
	}
}
