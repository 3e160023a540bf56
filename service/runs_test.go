package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// The stages follow from the names of the activities.
func TestStageOf(t *testing.T) {
	t.Parallel()
	for activity, want := range map[string]etf.Stage{
		"Fetch": etf.StageFetch, "Validate": etf.StageValidate, "Persist": etf.StagePersist, "Forecast": etf.StageForecast,
	} {
		if stage, ok := stageOf(activity); !ok || stage != want {
			t.Errorf("%s is stage %q", activity, stage)
		}
	}
	for _, activity := range []string{"", "Done", "FinishRun"} {
		if _, ok := stageOf(activity); ok {
			t.Errorf("%q is a stage", activity)
		}
	}
}

func TestRunJoinsRecordAndTemporal(t *testing.T) {
	t.Parallel()
	began, ended := now.Add(-time.Hour), now.Add(-30*time.Minute)
	spy := []etf.Symbol{"SPY"}
	// row is a recorded run that has counts, and an error unless it is running.
	row := func(status etf.RunStatus) *etf.Run {
		r := recordedRun(whole, status)
		r.Symbols, r.Counts = spy, etf.RunCounts{Due: 3, Updated: 1}
		if status != etf.RunRunning && status != etf.RunCompleted {
			r.Error = "as recorded"
		}
		return &r
	}
	known := func(status etf.RunStatus, began time.Time) *etf.Execution {
		x := etf.Execution{Status: status, StartedAt: began}
		if status != etf.RunRunning {
			x.FinishedAt = now
		}
		if status == etf.RunFailed {
			x.Failure = "as Temporal has it"
		}
		return &x
	}
	// only is the run as far as Temporal alone knows it.
	only := func(x *etf.Execution, symbols ...etf.Symbol) etf.Run {
		return etf.Run{
			ID: whole, Workflow: "daily", Exchange: etf.XNYS, Session: friday, Symbols: symbols,
			Status: x.Status, StartedAt: x.StartedAt, FinishedAt: x.FinishedAt, Error: x.Failure,
		}
	}
	// closed is the recorded run with the end that Temporal knows.
	closed := func(status etf.RunStatus, failure string) etf.Run {
		r := *row(etf.RunRunning)
		r.Status, r.FinishedAt, r.Error = status, now, failure
		return r
	}
	withSymbols := func(x *etf.Execution) *etf.Execution { x.Symbols = []etf.Symbol{"QQQ"}; return x }
	status := func(began time.Time, symbols ...etf.Symbol) *workflows.DailyStatus {
		return &workflows.DailyStatus{Run: etf.Run{Counts: etf.RunCounts{Due: 9, Updated: 4}, StartedAt: began, Symbols: symbols}}
	}
	changed := func(r etf.Run, change func(*etf.Run)) etf.Run { change(&r); return r }
	for _, c := range []struct {
		name   string
		row    *etf.Run
		x      *etf.Execution
		status *workflows.DailyStatus // nil = no worker responds
		want   etf.Run
	}{
		{name: "just started", x: known(etf.RunRunning, now), want: only(known(etf.RunRunning, now))},
		{name: "just started with symbols", x: withSymbols(known(etf.RunRunning, now)), want: only(known(etf.RunRunning, now), "QQQ")},
		{name: "just started, a worker responds", x: known(etf.RunRunning, now), status: status(began, "QQQ"),
			want: changed(only(known(etf.RunRunning, began), "QQQ"), func(r *etf.Run) { r.Counts = etf.RunCounts{Due: 9, Updated: 4} })},
		{name: "running, no worker responds", row: row(etf.RunRunning), x: known(etf.RunRunning, began), want: *row(etf.RunRunning)},
		{name: "running with counts", row: row(etf.RunRunning), x: known(etf.RunRunning, began), status: status(time.Time{}),
			want: changed(*row(etf.RunRunning), func(r *etf.Run) { r.Counts = etf.RunCounts{Due: 9, Updated: 4} })},
		{name: "recorded as running, terminated", row: row(etf.RunRunning), x: known(etf.RunTerminated, began), want: closed(etf.RunTerminated, "")},
		{name: "recorded as running, timed out", row: row(etf.RunRunning), x: known(etf.RunTimedOut, began), want: closed(etf.RunTimedOut, "")},
		{name: "recorded as running, failed", row: row(etf.RunRunning), x: known(etf.RunFailed, began), want: closed(etf.RunFailed, "as Temporal has it")},
		{name: "recorded as running, completed without a record", row: row(etf.RunRunning), x: known(etf.RunCompleted, began), want: closed(etf.RunCompleted, "")},
		{name: "recorded as running, forgotten", row: row(etf.RunRunning),
			want: changed(*row(etf.RunRunning), func(r *etf.Run) {
				r.Status, r.Error = etf.RunTerminated, "recorded as running, but Temporal does not know this run any more: start it again"
			})},
		{name: "never recorded, terminated", x: known(etf.RunTerminated, began), want: only(known(etf.RunTerminated, began))},
		{name: "never recorded, failed", x: withSymbols(known(etf.RunFailed, began)), want: only(known(etf.RunFailed, began), "QQQ")},
		{name: "completed, forgotten", row: row(etf.RunCompleted), want: *row(etf.RunCompleted)},
		{name: "completed stands whatever Temporal says", row: row(etf.RunCompleted), x: known(etf.RunTerminated, now), want: *row(etf.RunCompleted)},
		{name: "failed, forgotten", row: row(etf.RunFailed), want: *row(etf.RunFailed)},
		{name: "failed as recorded", row: row(etf.RunFailed), x: known(etf.RunFailed, began), want: *row(etf.RunFailed)},
		{name: "cancelled as recorded", row: row(etf.RunCancelled), x: known(etf.RunCancelled, ended), want: *row(etf.RunCancelled)},
		{name: "failed, started again", row: row(etf.RunFailed), x: known(etf.RunRunning, now), want: only(known(etf.RunRunning, now), "SPY")},
		{name: "failed, started again, a worker responds", row: row(etf.RunFailed), x: withSymbols(known(etf.RunRunning, now)), status: status(time.Time{}),
			want: changed(only(known(etf.RunRunning, now), "QQQ"), func(r *etf.Run) { r.Counts = etf.RunCounts{Due: 9, Updated: 4} })},
		{name: "failed, started again, terminated", row: row(etf.RunFailed), x: known(etf.RunTerminated, now), want: only(known(etf.RunTerminated, now), "SPY")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := newRecord(), newEngine()
			if c.row != nil {
				store.runs[whole] = *c.row
			}
			if c.x != nil {
				temporal.executions[wholeWF] = *c.x
			}
			if c.status != nil {
				temporal.statuses[wholeWF] = *c.status
			}
			got, err := New(Deps{Store: store, Temporal: temporal, Now: atNow}).Run(t.Context(), whole)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestRunThatEndsBetweenTheReads(t *testing.T) {
	t.Parallel()
	done := recordedRun(whole, etf.RunCompleted)
	done.Counts = etf.RunCounts{Due: 9, Updated: 9}
	for _, c := range []struct {
		name    string
		again   error // of reading the record again
		updated int
	}{
		{"the record has it by now", nil, 9},
		{"the record can't be read again", storeAway, 0},
	} {
		store, temporal := newRecord(recordedRun(whole, etf.RunRunning)), newEngine()
		temporal.executions[wholeWF] = executionOf(etf.RunCompleted)
		store.onRun = func(n int) {
			if n == 2 {
				store.runs[whole], store.fail = done, failures{"Run": c.again}
			}
		}
		run, err := New(Deps{Store: store, Temporal: temporal, Now: atNow}).Run(t.Context(), whole)
		if err != nil || run.Status != etf.RunCompleted || run.Counts.Updated != c.updated || run.FinishedAt.IsZero() {
			t.Errorf("%s: %+v, %v", c.name, run, err)
		}
	}
}

// Without Temporal, a run that is recorded as ended is known, and nothing is said about any other.
func TestRunWithoutTheStoreOrTemporal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		recorded  etf.RunStatus // "" = not recorded
		storeErr  error
		engineErr error
		kind      etf.Kind // "" = the record is returned
	}{
		{name: "unknown to both", kind: etf.KindNotFound},
		{name: "not recorded, no Temporal", engineErr: temporalAway, kind: etf.KindUnavailable},
		{name: "recorded as running, no Temporal", recorded: etf.RunRunning, engineErr: temporalAway, kind: etf.KindUnavailable},
		{name: "recorded as completed, no Temporal", recorded: etf.RunCompleted, engineErr: temporalAway},
		{name: "recorded as failed, no Temporal", recorded: etf.RunFailed, engineErr: temporalAway},
		{name: "recorded as cancelled, no Temporal", recorded: etf.RunCancelled, engineErr: temporalAway},
		{name: "no store", recorded: etf.RunRunning, storeErr: storeAway, kind: etf.KindUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := newRecord(), newEngine()
			store.fail, temporal.fail = failures{"Run": c.storeErr}, failures{"Execution": c.engineErr}
			if c.recorded != "" {
				store.runs[whole] = recordedRun(whole, c.recorded)
			}
			if c.storeErr != nil {
				temporal.executions[wholeWF] = executionOf(etf.RunRunning)
			}
			s := New(Deps{Store: store, Temporal: temporal, Now: atNow})
			run, err := s.Run(t.Context(), whole)
			_, _, _, detailErr := s.RunDetail(t.Context(), whole, "", 10)
			if c.kind == "" {
				if err != nil || detailErr != nil || !reflect.DeepEqual(run, recordedRun(whole, c.recorded)) {
					t.Errorf("got %+v, %v, %v", run, err, detailErr)
				}
				return
			}
			if etf.KindOf(err) != c.kind || err == nil || !reflect.DeepEqual(detailErr, err) {
				t.Errorf("got %v and %v, want %s", err, detailErr, c.kind)
			}
			if c.kind == etf.KindNotFound {
				wantProblems(t, err, c.kind, "id")
			}
		})
	}
}

// A worker that does not respond delays the answer by no more than the limit, and the record stands.
func TestRunDoesNotWaitForABusyWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, temporal := newRecord(recordedRun(whole, etf.RunRunning)), newEngine()
		temporal.executions[wholeWF] = executionOf(etf.RunRunning)
		temporal.hang = "DailyStatus"
		began := time.Now()
		run, err := New(Deps{Store: store, Temporal: temporal}).Run(t.Context(), whole)
		if err != nil || !reflect.DeepEqual(run, recordedRun(whole, etf.RunRunning)) {
			t.Errorf("got %+v, %v", run, err)
		}
		if took := time.Since(began); took != queryTimeout {
			t.Errorf("it took %s, want %s", took, queryTimeout)
		}
	})
}

// detailed is a Service with a running run of five ETFs: AAA and CCC are recorded, BBB has ended but is not recorded yet,
// and CCC (recorded by an earlier execution), DDD and EEE are being updated.
func detailed() (*Service, *record, *engine) {
	store, temporal := newRecord(recordedRun(whole, etf.RunRunning)), newEngine()
	row := func(symbol etf.Symbol, outcome etf.Outcome) etf.RunETF {
		return etf.RunETF{Symbol: symbol, Session: friday, Outcome: outcome}
	}
	store.rows[whole] = []etf.RunETF{row("AAA", etf.OutcomeUpdated), row("CCC", etf.OutcomeFailed)}
	temporal.executions[wholeWF] = executionOf(etf.RunRunning)
	temporal.statuses[wholeWF] = workflows.DailyStatus{
		Recent: []etf.RunETF{row("BBB", etf.OutcomeQuarantined)},
		Active: []etf.RunETF{row("EEE", etf.OutcomeRunning), row("DDD", etf.OutcomeRunning), row("CCC", etf.OutcomeRunning)},
	}
	open := func(pending ...etf.PendingActivity) etf.Execution {
		return etf.Execution{Status: etf.RunRunning, Pending: pending}
	}
	temporal.executions["update/CCC/2025-09-26"] = open() // between two activities
	temporal.executions["update/DDD/2025-09-26"] = open(etf.PendingActivity{Type: "Persist", Attempt: 3, FailureType: "Unavailable", Failure: "locked"})
	temporal.executions["update/EEE/2025-09-26"] = open(etf.PendingActivity{Type: "AddedLater", Attempt: 2})
	return New(Deps{Store: store, Temporal: temporal, Now: atNow}), store, temporal
}

func describe(etfs []etf.RunETF) (lines []string) {
	for _, r := range etfs {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s %s %s %d %s %s", r.Symbol, r.Outcome, r.Stage, r.Attempts, r.ErrorType, r.ErrorMessage), " "))
	}
	return lines
}

func TestRunDetail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		set  func(*record, *engine)
		want []string
	}{
		{"running", func(*record, *engine) {},
			[]string{"AAA updated  0", "BBB quarantined  0", "CCC running  0", "DDD running persist 3 Unavailable locked", "EEE running  2"}},
		{"no worker responds", func(_ *record, x *engine) { delete(x.statuses, wholeWF) }, []string{"AAA updated  0", "CCC failed  0"}},
		{"an update is unknown to Temporal", func(_ *record, x *engine) { delete(x.executions, "update/DDD/2025-09-26") },
			[]string{"AAA updated  0", "BBB quarantined  0", "CCC running  0", "DDD running  0", "EEE running  2"}},
		{"just started", func(s *record, x *engine) {
			delete(s.runs, whole)
			delete(x.statuses, wholeWF)
			s.fail = failures{"RunETFs": etf.NotFound("", "no such run", "")}
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, store, temporal := detailed()
			c.set(store, temporal)
			run, etfs, more, err := s.RunDetail(t.Context(), whole, "", 10)
			if err != nil || run.ID != whole || run.Status != etf.RunRunning || more || !slices.Equal(describe(etfs), c.want) {
				t.Errorf("%s %s, more %t, %v\ngot  %q\nwant %q", run.ID, run.Status, more, err, describe(etfs), c.want)
			}
		})
	}
	t.Run("the rows can't be read", func(t *testing.T) {
		t.Parallel()
		s, store, _ := detailed()
		store.fail = failures{"RunETFs": storeAway}
		if _, _, _, err := s.RunDetail(t.Context(), whole, "", 10); !errors.Is(err, storeAway) {
			t.Errorf("got %v", err)
		}
	})
}

// Pages of every size list the same ETFs, whether they are recorded or only Temporal has them.
func TestRunDetailPages(t *testing.T) {
	t.Parallel()
	for limit := 1; limit <= 6; limit++ {
		s, _, temporal := detailed()
		var got []etf.Symbol
		var after etf.Symbol
		for more := true; more; {
			before := temporal.calls["Execution"]
			var page []etf.RunETF
			var err error
			if _, page, more, err = s.RunDetail(t.Context(), whole, after, limit); err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 || len(page) > limit || (more && len(page) < limit) {
				t.Fatalf("pages of %d: one has %d, more %t", limit, len(page), more)
			}
			// What is not on the page is not described.
			if asked := temporal.calls["Execution"] - before - 1; asked > len(page) {
				t.Errorf("pages of %d: %d updates were described", limit, asked)
			}
			for _, r := range page {
				got = append(got, r.Symbol)
			}
			after = got[len(got)-1]
		}
		if !slices.Equal(got, []etf.Symbol{"AAA", "BBB", "CCC", "DDD", "EEE"}) {
			t.Errorf("pages of %d list %v", limit, got)
		}
	}
}

// Without a worker, the recorded rows alone say whether more follow.
func TestRunDetailPagesOfTheRecord(t *testing.T) {
	t.Parallel()
	s, _, temporal := detailed()
	delete(temporal.statuses, wholeWF)
	for limit, wantMore := range map[int]bool{1: true, 2: false, 3: false} {
		_, etfs, more, err := s.RunDetail(t.Context(), whole, "", limit)
		if err != nil || len(etfs) != min(limit, 2) || more != wantMore {
			t.Errorf("a page of %d has %d, more %t, %v", limit, len(etfs), more, err)
		}
	}
}

func TestRunDetailDescribesABoundedNumber(t *testing.T) {
	t.Parallel()
	s, store, temporal := detailed()
	delete(temporal.statuses, wholeWF)
	store.rows[whole] = nil
	for i := range maxDescribed + 10 {
		symbol := etf.Symbol(fmt.Sprintf("S%04d", i))
		store.rows[whole] = append(store.rows[whole], etf.RunETF{Symbol: symbol, Session: friday, Outcome: etf.OutcomeRunning})
		temporal.executions[workflows.UpdateID(symbol, friday)] = etf.Execution{Pending: []etf.PendingActivity{{Type: "Fetch", Attempt: 1}}}
	}
	_, etfs, _, err := s.RunDetail(t.Context(), whole, "", 1000)
	if err != nil || len(etfs) != maxDescribed+10 || etfs[maxDescribed-1].Stage != etf.StageFetch || etfs[maxDescribed].Stage != "" {
		t.Errorf("%d ETFs, %v", len(etfs), err)
	}
}

func TestRunDetailDoesNotWaitForUpdates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, temporal := detailed()
		s.temporal = &hangsForUpdates{temporal}
		began := time.Now()
		_, etfs, _, err := s.RunDetail(t.Context(), whole, "", 10)
		if err != nil || len(etfs) != 5 || etfs[3].Symbol != "DDD" || etfs[3].Attempts != 0 {
			t.Errorf("got %+v, %v", etfs, err)
		}
		if took := time.Since(began); took != queryTimeout {
			t.Errorf("it took %s, want %s", took, queryTimeout)
		}
	})
}

// hangsForUpdates describes runs, but not updates.
type hangsForUpdates struct{ *engine }

func (t *hangsForUpdates) Execution(ctx context.Context, id string) (etf.Execution, error) {
	if strings.HasPrefix(id, "update/") {
		<-ctx.Done()
		return etf.Execution{}, ctx.Err()
	}
	return t.engine.Execution(ctx, id)
}

// listing is a record that lists its runs, newest first, and notes what it was asked.
type listing struct {
	*record
	list    []etf.Run
	filters []etf.RunFilter
	limits  []int
}

func (s *listing) Runs(_ context.Context, filter etf.RunFilter, after etf.Cursor, limit int) (page []etf.Run, next etf.Cursor, err error) {
	s.filters, s.limits = append(s.filters, filter), append(s.limits, limit)
	if err := s.fail["Runs"]; err != nil {
		return nil, etf.Cursor{}, err
	}
	skip := !after.IsZero()
	for _, r := range s.list {
		at := etf.Cursor{At: r.StartedAt, ID: string(r.ID)}
		switch {
		case skip:
			skip = at != after
		case filter.Exchange != "" && r.Exchange != filter.Exchange, len(filter.Statuses) > 0 && !slices.Contains(filter.Statuses, r.Status):
		case len(page) == limit:
			return page, next, nil
		default:
			page, next = append(page, r), at
		}
	}
	return page, etf.Cursor{}, nil
}

// listed is a Service with recorded runs of the sessions of a week. Of the three recorded as running, Friday's runs,
// Thursday's timed out and Wednesday's was terminated.
func listed() (*Service, *listing, *engine) {
	store, temporal := &listing{record: newRecord()}, newEngine()
	add := func(exchange etf.Exchange, session etf.Session, status etf.RunStatus) {
		id := etf.DailyRunID(exchange, session, nil, 1)
		store.list = append(store.list, etf.Run{ID: id, Exchange: exchange, Session: session, Status: status, StartedAt: session.Time()})
	}
	add(etf.XNYS, friday, etf.RunRunning)
	add(etf.XNYS, friday-1, etf.RunRunning)
	add(etf.XNYS, friday-2, etf.RunRunning)
	add(etf.XNYS, friday-3, etf.RunCompleted)
	add(etf.XKRX, friday-3, etf.RunFailed)
	add(etf.XNYS, monday, etf.RunCompleted)
	temporal.executions["daily/XNYS/2025-09-26"] = executionOf(etf.RunRunning)
	temporal.executions["daily/XNYS/2025-09-25"] = executionOf(etf.RunTimedOut)
	temporal.executions["daily/XNYS/2025-09-24"] = executionOf(etf.RunTerminated)
	temporal.statuses["daily/XNYS/2025-09-26"] = workflows.DailyStatus{Run: etf.Run{Counts: etf.RunCounts{Due: 5}}}
	return New(Deps{Store: store, Temporal: temporal, Now: atNow}), store, temporal
}

func lines(runs []etf.Run) (all []string) {
	for _, r := range runs {
		all = append(all, strings.TrimPrefix(string(r.ID), "daily:")+" "+string(r.Status))
	}
	return all
}

func TestRuns(t *testing.T) {
	t.Parallel()
	all := []string{
		"XNYS:2025-09-26 running", "XNYS:2025-09-25 timed_out", "XNYS:2025-09-24 terminated", "XNYS:2025-09-23 completed",
		"XKRX:2025-09-23 failed", "XNYS:2025-09-22 completed",
	}
	for _, c := range []struct {
		query RunQuery
		want  []string
	}{
		{RunQuery{}, all},
		{RunQuery{Exchange: "XKRX"}, all[4:5]},
		{RunQuery{Status: "running"}, all[:1]},
		{RunQuery{Status: "timed_out"}, all[1:2]},
		{RunQuery{Status: "terminated"}, all[2:3]},
		{RunQuery{Status: "failed"}, all[4:5]},
		{RunQuery{Status: "cancelled"}, nil},
		{RunQuery{Status: "completed", Exchange: "XNYS"}, []string{all[3], all[5]}},
		{RunQuery{Status: "completed", Exchange: "XKRX"}, nil},
	} {
		for _, limit := range []int{1, 2, 4, MaxPage} {
			s, _, _ := listed()
			var got []string
			q := c.query
			q.Limit = limit
			for {
				page, next, err := s.Runs(t.Context(), q)
				if err != nil || len(page) > limit {
					t.Fatalf("%+v: %d runs, %v", q, len(page), err)
				}
				got = append(got, lines(page)...)
				if next.IsZero() {
					break
				}
				if next == q.After {
					t.Fatalf("%+v: the next page is the same page", q)
				}
				q.After = next
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v in pages of %d lists %q, want %q", c.query, limit, got, c.want)
			}
		}
	}
}

func TestRunsHaveCurrentCounts(t *testing.T) {
	t.Parallel()
	s, _, _ := listed()
	runs, _, err := s.Runs(t.Context(), RunQuery{Limit: 1})
	if err != nil || len(runs) != 1 || runs[0].Counts.Due != 5 {
		t.Errorf("got %+v, %v", runs, err)
	}
}

// Nothing records that a run was terminated or timed out, so a listing by status also reads the rows recorded as running.
func TestRunsAskTheStore(t *testing.T) {
	t.Parallel()
	s, store, _ := listed()
	if _, _, err := s.Runs(t.Context(), RunQuery{Exchange: "XNYS", Status: "terminated", Limit: 2}); err != nil {
		t.Fatal(err)
	}
	want := etf.RunFilter{Workflow: etf.DailyRun, Exchange: etf.XNYS, Statuses: []etf.RunStatus{etf.RunRunning, etf.RunTerminated}}
	// Two rows don't match, then one of the last two places is filled.
	if !reflect.DeepEqual(store.filters, []etf.RunFilter{want, want}) || !slices.Equal(store.limits, []int{2, 2}) {
		t.Errorf("asked for %+v, up to %v", store.filters, store.limits)
	}
	// The last place is filled by asking for one row.
	s, store, _ = listed()
	if runs, _, err := s.Runs(t.Context(), RunQuery{Exchange: "XNYS", Status: "completed", Limit: 2}); err != nil || len(runs) != 2 || !slices.Equal(store.limits, []int{2, 2, 1}) {
		t.Errorf("%d runs, %v, asked for up to %v", len(runs), err, store.limits)
	}
	filter, wanted, err := RunQuery{Status: "running"}.Filter()
	if err != nil || wanted != etf.RunRunning || !slices.Equal(filter.Statuses, []etf.RunStatus{etf.RunRunning}) {
		t.Errorf("running reads %v for %s, %v", filter.Statuses, wanted, err)
	}
	if filter, wanted, err := (RunQuery{}).Filter(); err != nil || wanted != "" || !reflect.DeepEqual(filter, etf.RunFilter{Workflow: etf.DailyRun}) {
		t.Errorf("everything is %+v for %q, %v", filter, wanted, err)
	}
	if filter, _, err := (RunQuery{Workflow: "backfill"}).Filter(); err != nil || filter.Workflow != etf.BackfillRun {
		t.Errorf("backfills are %+v, %v", filter, err)
	}
	if _, _, err := (RunQuery{Workflow: "weekly"}).Filter(); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("an unknown workflow: %v", err)
	}
}

// A listing that finds nothing for long ends and says where to go on.
func TestRunsReadABoundedNumberOfPages(t *testing.T) {
	t.Parallel()
	store, temporal := &listing{record: newRecord()}, newEngine()
	for i := range maxPages + 2 {
		id := etf.DailyRunID(etf.XNYS, friday, nil, i+1)
		store.list = append(store.list, etf.Run{ID: id, Exchange: etf.XNYS, Status: etf.RunRunning, StartedAt: now.Add(-time.Duration(i) * time.Minute)})
		temporal.executions[id.WorkflowID()] = executionOf(etf.RunTimedOut)
	}
	s := New(Deps{Store: store, Temporal: temporal})
	q := RunQuery{Status: "terminated", Limit: 1}
	runs, next, err := s.Runs(t.Context(), q)
	if last := store.list[maxPages-1]; err != nil || len(runs) > 0 || next != (etf.Cursor{At: last.StartedAt, ID: string(last.ID)}) || len(store.limits) != maxPages {
		t.Fatalf("%d runs, next %+v after %d pages, %v", len(runs), next, len(store.limits), err)
	}
	q.After = next
	if runs, next, err = s.Runs(t.Context(), q); err != nil || len(runs) > 0 || !next.IsZero() {
		t.Errorf("then %d runs, next %+v, %v", len(runs), next, err)
	}
}

func TestRunsRefused(t *testing.T) {
	t.Parallel()
	s, store, _ := listed()
	for _, c := range []struct {
		query  RunQuery
		fields []string
	}{
		{RunQuery{Limit: 0}, []string{"limit"}},
		{RunQuery{Limit: -1}, []string{"limit"}},
		{RunQuery{Limit: MaxPage + 1}, []string{"limit"}},
		{RunQuery{Exchange: "XPAR", Limit: 1}, []string{"exchange"}},
		{RunQuery{Status: "done", Limit: 1}, []string{"status"}},
		{RunQuery{Exchange: "XPAR", Status: "Running"}, []string{"exchange", "status", "limit"}},
	} {
		_, _, err := s.Runs(t.Context(), c.query)
		wantProblems(t, err, etf.KindInvalid, c.fields...)
	}
	if len(store.limits) > 0 {
		t.Errorf("the store was asked %d times", len(store.limits))
	}
	store.fail = failures{"Runs": storeAway}
	if _, _, err := s.Runs(t.Context(), RunQuery{Limit: 1}); !errors.Is(err, storeAway) {
		t.Errorf("without the store: %v", err)
	}
}

// Without Temporal, or while it does not respond, the record is listed unchanged.
func TestRunsWithoutTemporal(t *testing.T) {
	t.Parallel()
	want := []string{"XNYS:2025-09-26 running", "XNYS:2025-09-25 running", "XNYS:2025-09-24 running"}
	t.Run("away", func(t *testing.T) {
		t.Parallel()
		s, _, temporal := listed()
		temporal.fail = failures{"Execution": temporalAway}
		if runs, _, err := s.Runs(t.Context(), RunQuery{Status: "running", Limit: 10}); err != nil || !slices.Equal(lines(runs), want) {
			t.Errorf("listed %q, %v", lines(runs), err)
		}
	})
	t.Run("hanging", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, _, temporal := listed()
			temporal.hang = "Execution"
			began := time.Now()
			if runs, _, err := s.Runs(t.Context(), RunQuery{Status: "running", Limit: 10}); err != nil || !slices.Equal(lines(runs), want) {
				t.Errorf("listed %q, %v", lines(runs), err)
			}
			if took := time.Since(began); took != 2*queryTimeout {
				t.Errorf("it took %s, want %s", took, 2*queryTimeout)
			}
		})
	})
}

func TestInParallel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 3*maxParallel + 1
		var calls [n]atomic.Int32
		var current, most atomic.Int32
		began := time.Now()
		inParallel(n, func(i int) {
			if c := current.Add(1); c > most.Load() {
				most.Store(c)
			}
			calls[i].Add(1)
			time.Sleep(time.Second) // on the bubble's clock
			current.Add(-1)
		})
		for i := range calls {
			if calls[i].Load() != 1 {
				t.Errorf("f(%d) was called %d times", i, calls[i].Load())
			}
		}
		if took := time.Since(began); most.Load() != maxParallel || took != 4*time.Second {
			t.Errorf("%d at a time, for %s; want %d, for 4s", most.Load(), took, maxParallel)
		}
		inParallel(0, func(int) { t.Error("called for nothing") })
	})
}

func TestCancelRun(t *testing.T) {
	t.Parallel()
	type executions = map[string]etf.Execution
	running := executions{wholeWF: executionOf(etf.RunRunning)}
	ends := func(status etf.RunStatus) func(*engine) {
		return func(x *engine) { x.executions[wholeWF] = executionOf(status) }
	}
	for _, c := range []struct {
		name     string
		record   []etf.Run
		running  executions
		fail     failures
		onCancel func(*engine)
		kind     etf.Kind // "" = cancelled
		says     string
	}{
		{name: "running", record: []etf.Run{recordedRun(whole, etf.RunRunning)}, running: running},
		{name: "running, not recorded yet", running: running},
		{name: "failed, started again", record: []etf.Run{recordedRun(whole, etf.RunFailed)}, running: executions{wholeWF: {Status: etf.RunRunning, StartedAt: now}}},
		{name: "unknown", kind: etf.KindNotFound, says: "there is no run"},
		{name: "completed", record: []etf.Run{recordedRun(whole, etf.RunCompleted)}, kind: etf.KindConflict, says: "it is completed"},
		{name: "failed", record: []etf.Run{recordedRun(whole, etf.RunFailed)}, kind: etf.KindConflict, says: "it is failed"},
		{name: "terminated, recorded as running", record: []etf.Run{recordedRun(whole, etf.RunRunning)}, running: executions{wholeWF: executionOf(etf.RunTerminated)},
			kind: etf.KindConflict, says: "it is terminated"},
		{name: "ends in the meantime", running: running, onCancel: ends(etf.RunCompleted), kind: etf.KindConflict, says: "it is completed"},
		{name: "Temporal is away when asked", running: running, fail: failures{"Execution": temporalAway}, kind: etf.KindUnavailable, says: "asking Temporal"},
		{name: "Temporal is away when told", running: running, fail: failures{"Cancel": temporalAway}, kind: etf.KindUnavailable, says: "asking Temporal"},
		{name: "ends in the meantime, then Temporal is away", running: running, kind: etf.KindUnavailable, says: "asking Temporal",
			onCancel: func(x *engine) { ends(etf.RunCompleted)(x); x.fail = failures{"Execution": temporalAway} }},
		{name: "the store is away", running: running, fail: failures{"Run": storeAway}, kind: etf.KindUnavailable, says: "reading the record"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := newRecord(c.record...), newEngine()
			store.fail, temporal.fail = c.fail, c.fail
			maps.Copy(temporal.executions, c.running)
			if c.onCancel != nil {
				temporal.onCancel = func() { c.onCancel(temporal) }
			}
			s := New(Deps{Store: store, Temporal: temporal, Now: atNow})
			run, err := s.CancelRun(t.Context(), whole)
			if c.kind != "" {
				if etf.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %+v, %v; want %s with %q", run, err, c.kind, c.says)
				}
				if len(temporal.cancelled) > 0 {
					t.Errorf("cancelled %v", temporal.cancelled)
				}
				if c.kind == etf.KindConflict {
					wantProblems(t, err, c.kind, "id")
				}
				if c.onCancel == nil && c.fail == nil && temporal.calls["Cancel"] > 0 {
					t.Error("Temporal was told to cancel a run known to have ended")
				}
				return
			}
			_, again := s.CancelRun(t.Context(), whole) // it is still stopping
			if err != nil || again != nil || run.ID != whole || run.Status != etf.RunRunning {
				t.Errorf("got %+v, %v, and the second time %v", run, err, again)
			}
			if !slices.Equal(temporal.cancelled, []string{wholeWF, wholeWF}) {
				t.Errorf("cancelled %v", temporal.cancelled)
			}
		})
	}
}
