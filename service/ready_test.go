package service

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// database is a Store with a schema.
type database struct {
	Store
	fail            failures
	current, wanted int64
	missing         []string
}

func (s *database) Ping(context.Context) error { return s.fail["Ping"] }

func (s *database) SchemaVersion(context.Context) (current, wanted int64, err error) {
	return s.current, s.wanted, s.fail["SchemaVersion"]
}

func (s *database) MissingRights(context.Context) ([]string, error) {
	return s.missing, s.fail["MissingRights"]
}

// queues is a Temporal whose workers poll these task queues.
type queues struct {
	Temporal
	err    error
	served []string
	own    []string
}

func (t *queues) Check(context.Context) error { return t.err }

func (t *queues) Served(_ context.Context, queue string) (bool, error) {
	return slices.Contains(t.served, queue), t.err
}

func (t *queues) Polling(_ context.Context, queue string) (bool, error) {
	return slices.Contains(t.own, queue), t.err
}

// Workers of another process, such as one that has just been killed, do not make this one ready.
func TestOwnQueues(t *testing.T) {
	t.Parallel()
	all := []string{"etfcast", "etfcast-fit"}
	s := New(Deps{Temporal: &queues{served: all, own: all[:1]}})
	checks := NewReadiness(atNow, s.OwnQueueProbes(all)...).Checks(t.Context())
	if len(checks) != 2 || checks[0].Name != "pollers:etfcast" || !checks[0].OK || checks[1].OK || !strings.Contains(checks[1].Detail, "etfcast-fit") {
		t.Errorf("checks: %+v", checks)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	denied := etf.Wrap(etf.KindDenied, errors.New("user etfcast@10.0.0.1"), "reading the schema")
	corrupt := etf.Wrap(etf.KindCorrupt, errors.New("syntax"), "reading the schema")
	for _, c := range []struct {
		name  string
		store database
		kind  etf.Kind // "" = right
		newer bool
		says  []string
		cause error
	}{
		{name: "as wanted", store: database{current: 7, wanted: 7}},
		{name: "newer", store: database{current: 8, wanted: 7}, newer: true},
		{name: "older", store: database{current: 6, wanted: 7}, kind: etf.KindUnavailable,
			says: []string{"at version 6, but this program needs 7", "etfcast migrate --grant USER"}},
		{name: "empty database", store: database{wanted: 7}, kind: etf.KindUnavailable, says: []string{"at version 0"}},
		{name: "rights missing", store: database{current: 7, wanted: 7, missing: []string{"SELECT on runs", "INSERT, UPDATE on bars, fetches"}}, kind: etf.KindUnavailable,
			says: []string{"missing: SELECT on runs; INSERT, UPDATE on bars, fetches", "etfcast migrate --grant USER"}},
		{name: "newer and a right missing", store: database{current: 8, wanted: 7, missing: []string{"SELECT on runs"}}, kind: etf.KindUnavailable, newer: true, says: []string{"missing: SELECT on runs"}},
		{name: "out of reach", store: database{fail: failures{"SchemaVersion": storeAway}}, kind: etf.KindUnavailable, cause: storeAway,
			says: []string{"the database can't be reached", "ETFCAST_MYSQL_DSN"}},
		{name: "access denied", store: database{fail: failures{"SchemaVersion": denied}}, kind: etf.KindUnavailable, cause: denied,
			says: []string{"denies access", "etfcast migrate --grant USER", "ETFCAST_MYSQL_DSN"}},
		{name: "not our schema", store: database{fail: failures{"SchemaVersion": corrupt}}, kind: etf.KindCorrupt, cause: corrupt},
		{name: "out of reach when the rights are checked", store: database{current: 7, wanted: 7, fail: failures{"MissingRights": storeAway}}, kind: etf.KindUnavailable, cause: storeAway,
			says: []string{"the database can't be reached"}},
		{name: "checking the rights is denied", store: database{current: 7, wanted: 7, fail: failures{"MissingRights": denied}}, kind: etf.KindUnavailable, cause: denied, says: []string{"denies access"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := New(Deps{Store: &c.store})
			err := s.Migrated(t.Context())
			v, schemaErr := s.Schema(t.Context())
			if schemaErr != nil && schemaErr.Error() != err.Error() {
				t.Errorf("the schema fails with %v, everything with %v", schemaErr, err)
			}
			if v != (Schema{Current: c.store.current, Wanted: c.store.wanted}) || v.Newer() != c.newer {
				t.Errorf("the schema is %+v, newer %t", v, v.Newer())
			}
			if c.kind == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if etf.KindOf(err) != c.kind || err == nil || (c.cause != nil && !errors.Is(err, c.cause)) {
				t.Fatalf("got %v, want %s", err, c.kind)
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not say %q", err, text)
				}
			}
		})
	}
}

func TestCheckQueue(t *testing.T) {
	t.Parallel()
	temporal := &queues{served: []string{"etfcast"}}
	s := New(Deps{Temporal: temporal})
	if err := s.CheckQueue(t.Context(), "etfcast"); err != nil {
		t.Error(err)
	}
	err := s.CheckQueue(t.Context(), "etfcast-fit")
	if etf.KindOf(err) != etf.KindUnavailable || err == nil || !strings.Contains(err.Error(), "no worker polls task queue etfcast-fit; start `etfcast up`") {
		t.Errorf("got %v", err)
	}
	temporal.err = temporalAway
	if err := s.CheckQueue(t.Context(), "etfcast"); !errors.Is(err, temporalAway) {
		t.Errorf("without Temporal: %v", err)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	denied := etf.Wrap(etf.KindDenied, errors.New("user etfcast@10.0.0.1"), "pinging")
	for _, c := range []struct {
		name     string
		store    database
		temporal queues
		want     []string // what is not ready, with its detail
	}{
		{name: "ready", store: database{current: 7, wanted: 7}, temporal: queues{served: []string{"etfcast", "etfcast-fit"}}},
		{name: "no database", store: database{fail: failures{"Ping": storeAway, "SchemaVersion": storeAway}}, temporal: queues{served: []string{"etfcast", "etfcast-fit"}}, want: []string{
			"database: the database can't be reached (check that it is running and that ETFCAST_MYSQL_DSN is right)",
			"schema: the database can't be reached (check that it is running and that ETFCAST_MYSQL_DSN is right)",
		}},
		{name: "access denied", store: database{current: 7, wanted: 7, fail: failures{"Ping": denied}}, temporal: queues{served: []string{"etfcast", "etfcast-fit"}}, want: []string{
			"database: the database denies access to the user (check that ETFCAST_MYSQL_DSN is right and `etfcast migrate --grant USER` has run)",
		}},
		{name: "no workers for one queue", store: database{current: 7, wanted: 7}, temporal: queues{served: []string{"etfcast"}}, want: []string{
			"pollers:etfcast-fit: no worker polls task queue etfcast-fit (start `etfcast up` or `etfcast worker`)",
		}},
		{name: "no Temporal", store: database{current: 7, wanted: 7}, temporal: queues{err: temporalAway}, want: []string{
			"temporal: asking Temporal", "pollers:etfcast: asking Temporal", "pollers:etfcast-fit: asking Temporal",
		}},
		{name: "no migration yet", store: database{current: 6, wanted: 7}, temporal: queues{served: []string{"etfcast", "etfcast-fit"}}, want: []string{
			"schema: the schema is at version 6, but this program needs 7 (run `etfcast migrate --grant USER`)",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := New(Deps{Store: &c.store, Temporal: &c.temporal})
			r := NewReadiness(atNow, append(s.Probes(), s.QueueProbes([]string{"etfcast", "etfcast-fit"})...)...)
			var names, got []string
			for _, check := range r.Checks(t.Context()) {
				names = append(names, check.Name)
				if check.OK != (check.Detail == "") {
					t.Errorf("%+v", check)
				}
				if !check.OK {
					got = append(got, check.Name+": "+check.Detail)
				}
			}
			if !slices.Equal(names, []string{"database", "schema", "temporal", "pollers:etfcast", "pollers:etfcast-fit"}) {
				t.Errorf("the checks are %q", names)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("not ready:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// The checks are in the order of the probes, however long each takes, and run at once.
func TestChecksKeepTheirOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		after := func(d time.Duration) func(context.Context) error {
			return func(context.Context) error { time.Sleep(d); return nil } // on the bubble's clock
		}
		r := NewReadiness(time.Now, Probe{"slow", after(1500 * time.Millisecond)}, Probe{"fast", after(0)}, Probe{"slower", after(1900 * time.Millisecond)})
		began := time.Now()
		var names []string
		for _, c := range r.Checks(t.Context()) {
			names = append(names, fmt.Sprint(c.Name, " ", c.OK))
		}
		if !slices.Equal(names, []string{"slow true", "fast true", "slower true"}) {
			t.Errorf("the checks are %q", names)
		}
		if took := time.Since(began); took != 1900*time.Millisecond {
			t.Errorf("they took %s", took)
		}
	})
}

func TestSince(t *testing.T) {
	t.Parallel()
	clock := now
	var first, second error
	r := NewReadiness(func() time.Time { return clock },
		Probe{"first", func(context.Context) error { return first }}, Probe{"second", func(context.Context) error { return second }})
	for i, c := range []struct {
		first, second error
		since         [2]int // the step at which each last changed
	}{
		{storeAway, nil, [2]int{0, 0}},
		{temporalAway, nil, [2]int{0, 0}}, // still not ready, for another reason
		{nil, nil, [2]int{2, 0}},
		{nil, storeAway, [2]int{2, 3}},
		{nil, nil, [2]int{2, 4}},
	} {
		const step = 10 * time.Second
		clock = now.Add(time.Duration(i) * step)
		first, second = c.first, c.second
		checks := r.Checks(t.Context())
		for k, want := range c.since {
			if since := now.Add(time.Duration(want) * step); !checks[k].Since.Equal(since) || checks[k].Since.Location() != time.UTC {
				t.Errorf("step %d: %s is in its state since %s, want %s", i, checks[k].Name, checks[k].Since, since)
			}
		}
		if wantFirst := detail(c.first); checks[0].Detail != wantFirst {
			t.Errorf("step %d: detail %q, want %q", i, checks[0].Detail, wantFirst)
		}
	}
}

func TestChecksAreCached(t *testing.T) {
	t.Parallel()
	clock := now
	var runs atomic.Int32
	r := NewReadiness(func() time.Time { return clock }, Probe{"counted", func(context.Context) error { runs.Add(1); return nil }})
	for _, c := range []struct {
		at   time.Duration
		runs int32
	}{
		{0, 1},
		{0, 1},
		{checksCached - 1, 1},
		{checksCached, 2},
		{2*checksCached - 1, 2},
		{-time.Hour, 3}, // the clock was set back
		{-time.Hour, 3},
	} {
		clock = now.Add(c.at)
		checks := r.Checks(t.Context())
		if len(checks) != 1 || !checks[0].OK || runs.Load() != c.runs {
			t.Errorf("after %s: %+v, %d runs, want %d", c.at, checks, runs.Load(), c.runs)
		}
		checks[0].OK = false // the caller's copy
	}
	// No probes, no checks.
	if checks := NewReadiness(atNow).Checks(t.Context()); len(checks) != 0 {
		t.Errorf("without probes: %+v", checks)
	}
}

// hanging is a probe that ends with its context.
func hanging(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestProbeThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewReadiness(time.Now, Probe{"well", func(context.Context) error { return nil }}, Probe{"hangs", hanging})
		began := time.Now()
		checks := r.Checks(t.Context())
		want := []Check{{Name: "well", OK: true, Since: began.UTC()}, {Name: "hangs", Detail: "the check timed out", Since: began.UTC()}}
		if !reflect.DeepEqual(checks, want) {
			t.Errorf("got %+v, want %+v", checks, want)
		}
		if took := time.Since(began); took != checkTimeout {
			t.Errorf("it took %s, want %s", took, checkTimeout)
		}
	})
}

// Results are reused from when they are known, however long they took: requests that came in while a probe hung must not
// each wait for checks of their own.
func TestSlowChecksAreCached(t *testing.T) {
	t.Parallel()
	clock, runs := now, 0
	r := NewReadiness(func() time.Time { return clock }, Probe{"slow", func(context.Context) error {
		runs++
		clock = clock.Add(checkTimeout)
		return context.DeadlineExceeded
	}})
	for range 3 {
		if checks := r.Checks(t.Context()); !checks[0].Since.Equal(now) {
			t.Errorf("not ready since %s, want %s", checks[0].Since, now)
		}
	}
	if runs != 1 {
		t.Errorf("the probe ran %d times for requests that came at once", runs)
	}
	clock = clock.Add(checksCached)
	if r.Checks(t.Context()); runs != 2 {
		t.Errorf("the probe ran %d times", runs)
	}
}

// A client that has gone away does not make the checks fail for the others.
func TestChecksOutliveTheClient(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := NewReadiness(atNow, Probe{"waits", func(ctx context.Context) error { return ctx.Err() }})
	if checks := r.Checks(ctx); !checks[0].OK {
		t.Errorf("got %+v", checks)
	}
}

// Causes may name hosts and users: they are not shown.
func TestDetailHidesCauses(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"":                        nil,
		"pinging":                 etf.Wrap(etf.KindUnavailable, errors.New("dial 10.0.0.1"), "pinging"),
		"it is away (start it)":   fmt.Errorf("checking 10.0.0.1: %w", &etf.Error{Kind: etf.KindUnavailable, Message: "it is away", Remedy: "start it"}),
		"session: it is a Sunday": errors.Join(etf.Invalid("session", "it is a Sunday", ""), etf.Invalid("by", "no name", "")),
		"the check timed out":     context.DeadlineExceeded,
	} {
		if got := detail(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
