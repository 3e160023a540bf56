package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const (
	checkTimeout = 2 * time.Second
	// checksKept is how long an answer is given again: however often it is asked for, the checks stay few.
	checksKept = time.Second
)

// Check is one thing a ready process needs.
type Check struct {
	Name   string
	OK     bool
	Detail string    // what is wrong and the remedy; empty when OK
	Since  time.Time // since when it is so
}

// Probe looks whether one thing is there. Its error says what is wrong.
type Probe struct {
	Name string
	Run  func(context.Context) error
}

// Readiness runs probes and remembers since when each is in its state. It is safe for concurrent use.
type Readiness struct {
	now    func() time.Time
	probes []Probe

	mu   sync.Mutex
	last []Check
	at   time.Time
}

// NewReadiness returns a Readiness over the probes, which it reports in this order.
func NewReadiness(now func() time.Time, probes ...Probe) *Readiness {
	return &Readiness{now: now, probes: probes}
}

// Probes are those of what every process needs: "database", "schema" and "temporal".
func (s *Service) Probes() []Probe {
	return []Probe{
		{"database", func(ctx context.Context) error { return ofDatabase(s.store.Ping(ctx)) }},
		{"schema", func(ctx context.Context) error { _, err := s.Schema(ctx); return err }},
		{"temporal", s.temporal.Check},
	}
}

// QueueProbes are one for each task queue, "pollers:" and its name: whether workers take its tasks.
func (s *Service) QueueProbes(queues []string) []Probe {
	probes := make([]Probe, len(queues))
	for i, queue := range queues {
		probes[i] = Probe{"pollers:" + queue, func(ctx context.Context) error { return s.CheckQueue(ctx, queue) }}
	}
	return probes
}

// CheckQueue returns nil when workers take the queue's tasks, and KindUnavailable with the remedy when none does.
func (s *Service) CheckQueue(ctx context.Context, queue string) error {
	served, err := s.temporal.Served(ctx, queue)
	if err == nil && !served {
		err = &etf.Error{Kind: etf.KindUnavailable, Message: "no worker polls task queue " + queue, Remedy: "start `etfcast up` or `etfcast worker`"}
	}
	return err
}

// Schema is the version of the database's schema beside the one this program was written for.
type Schema struct{ Current, Wanted int64 }

// Newer reports whether the database is ahead of this program, which works with it for one release: migrations expand
// first and contract a release later.
func (v Schema) Newer() bool { return v.Current > v.Wanted }

// Schema returns the schema's version. It is an error of KindUnavailable with the remedy when the schema is not what this
// program needs, or the pipeline's user lacks rights on a table of it: somebody has to run the migration, which can be
// waited for.
func (s *Service) Schema(ctx context.Context) (Schema, error) {
	current, wanted, err := s.store.SchemaVersion(ctx)
	v := Schema{current, wanted}
	if err != nil {
		return v, ofDatabase(err)
	}
	if current < wanted {
		return v, &etf.Error{Kind: etf.KindUnavailable, Message: fmt.Sprintf("the schema is at version %d, this program needs %d", current, wanted),
			Remedy: "run `etfcast migrate --grant USER`"}
	}
	missing, err := s.store.Ungranted(ctx)
	if err != nil {
		return v, ofDatabase(err)
	}
	if len(missing) > 0 {
		return v, &etf.Error{Kind: etf.KindUnavailable, Message: "tables not granted: " + strings.Join(missing, ", "), Remedy: "run `etfcast migrate --grant USER`"}
	}
	return v, nil
}

// ofDatabase says what to do about an error of the store, which itself says what it was doing. A user who is refused can
// be waited for like a database that is not up: before the first migration has run, nothing is granted.
func ofDatabase(err error) error {
	if err == nil {
		return nil
	}
	switch etf.KindOf(err) {
	case etf.KindDenied:
		return &etf.Error{Kind: etf.KindUnavailable, Message: "the database refuses the user", Remedy: "see that ETFCAST_MYSQL_DSN is right and `etfcast migrate --grant USER` has run", Err: err}
	case etf.KindUnavailable:
		return &etf.Error{Kind: etf.KindUnavailable, Message: "the database can't be reached", Remedy: "see that it runs and ETFCAST_MYSQL_DSN is right", Err: err}
	}
	return err
}

// Checks runs the probes, all at once and 2 s at most, and returns their results in the order of the probes.
func (r *Readiness) Checks(ctx context.Context) []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now().UTC()
	if r.last != nil && now.Sub(r.at) < checksKept && !now.Before(r.at) {
		return slices.Clone(r.last)
	}
	// A client that hangs up must not make the checks fail for those who wait behind it.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer stop()
	checks := make([]Check, len(r.probes))
	var wg sync.WaitGroup
	for i, p := range r.probes {
		wg.Go(func() {
			err := p.Run(ctx)
			checks[i] = Check{Name: p.Name, OK: err == nil, Detail: detail(err)}
		})
	}
	wg.Wait()
	for i := range checks {
		checks[i].Since = now
		if r.last != nil && r.last[i].OK == checks[i].OK {
			checks[i].Since = r.last[i].Since
		}
	}
	r.last, r.at = checks, now
	return slices.Clone(checks)
}

// detail says what is wrong without causes, which may name hosts and users.
func detail(err error) string {
	if err == nil {
		return ""
	}
	if all := etf.Errors(err); len(all) > 0 {
		return all[0].Detail()
	}
	return "the check did not end in time"
}
