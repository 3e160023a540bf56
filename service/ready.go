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
)

const (
	checkTimeout = 2 * time.Second
	// checksCached is how long results are reused, so that frequent requests cause few checks.
	checksCached = time.Second
)

// Check is the state of one thing a process needs in order to be ready.
type Check struct {
	Name   string
	OK     bool
	Detail string    // what is wrong and the remedy; empty when OK
	Since  time.Time // when OK last changed, or the first check
}

// Probe checks whether one thing is available. The error of Run says what is wrong.
type Probe struct {
	Name string
	Run  func(context.Context) error
}

// Readiness runs probes and remembers how long each has been in its state. It is safe for concurrent use.
type Readiness struct {
	now    func() time.Time
	probes []Probe

	mu   sync.Mutex
	last []Check
	at   time.Time
}

// NewReadiness returns a Readiness that runs the probes and reports them in this order.
func NewReadiness(now func() time.Time, probes ...Probe) *Readiness {
	return &Readiness{now: now, probes: probes}
}

// Probes returns the probes of what every process needs: "database", "schema" and "temporal".
func (s *Service) Probes() []Probe {
	return []Probe{
		{"database", func(ctx context.Context) error { return databaseError(s.store.Ping(ctx)) }},
		{"schema", s.Migrated},
		{"temporal", s.temporal.Check},
	}
}

// QueueProbes returns a probe for each task queue, named "pollers:<task queue>": whether workers are polling it.
func (s *Service) QueueProbes(queues []string) []Probe {
	probes := make([]Probe, len(queues))
	for i, queue := range queues {
		probes[i] = Probe{"pollers:" + queue, func(ctx context.Context) error { return s.CheckQueue(ctx, queue) }}
	}
	return probes
}

// OwnQueueProbes is QueueProbes for this process's own workers.
func (s *Service) OwnQueueProbes(queues []string) []Probe {
	probes := make([]Probe, len(queues))
	for i, queue := range queues {
		probes[i] = Probe{"pollers:" + queue, func(ctx context.Context) error {
			polling, err := s.temporal.Polling(ctx, queue)
			if err == nil && !polling {
				err = &etf.Error{Kind: etf.KindUnavailable, Message: "this process's workers do not poll task queue " + queue + " yet",
					Remedy: "wait: they start once the database and Temporal are there"}
			}
			return err
		}}
	}
	return probes
}

// CheckQueue returns nil if workers are polling the task queue, and KindUnavailable with a remedy if none is.
func (s *Service) CheckQueue(ctx context.Context, queue string) error {
	served, err := s.temporal.Served(ctx, queue)
	if err == nil && !served {
		err = &etf.Error{Kind: etf.KindUnavailable, Message: "no worker polls task queue " + queue, Remedy: "start `etfcast up` or `etfcast worker`"}
	}
	return err
}

// Schema is the version of the database's schema, and the version this program was written for.
type Schema struct{ Current, Wanted int64 }

// Newer reports whether the database is ahead of this program. They are compatible for one release: migrations expand
// first and contract one release later.
func (v Schema) Newer() bool { return v.Current > v.Wanted }

// Schema returns the schema's version. If the schema is older than this program needs, or the pipeline's user may not even
// read its version, the error is KindUnavailable with a remedy: somebody has to run the migration, and the caller can wait
// for that.
func (s *Service) Schema(ctx context.Context) (Schema, error) {
	current, wanted, err := s.store.SchemaVersion(ctx)
	v := Schema{current, wanted}
	if err != nil {
		return v, databaseError(err)
	}
	if current < wanted {
		return v, &etf.Error{Kind: etf.KindUnavailable, Message: fmt.Sprintf("the schema is at version %d, but this program needs %d", current, wanted),
			Remedy: grantRemedy}
	}
	return v, nil
}

const grantRemedy = "run `etfcast migrate --grant USER`"

// Rights returns nil if the pipeline's user has every right that this program needs, and otherwise KindUnavailable with
// the missing ones and a remedy, for which the caller can wait.
func (s *Service) Rights(ctx context.Context) error {
	missing, err := s.store.MissingRights(ctx)
	if err != nil {
		return databaseError(err)
	}
	if len(missing) > 0 {
		return &etf.Error{Kind: etf.KindUnavailable, Message: "the database user has too few rights; missing: " + strings.Join(missing, "; "), Remedy: grantRemedy}
	}
	return nil
}

// Migrated returns nil if the database has the schema and its user the rights that this program needs; otherwise the
// error of Schema or Rights.
func (s *Service) Migrated(ctx context.Context) error {
	if _, err := s.Schema(ctx); err != nil {
		return err
	}
	return s.Rights(ctx)
}

// databaseError adds a remedy to an error of the store, unless it has one: by itself it says what the store was doing. A
// denied user is waited for like a database that is down: before the first migration, nothing is granted.
func databaseError(err error) error {
	var known *etf.Error
	if !errors.As(err, &known) || known.Kind == etf.KindUnavailable && known.Remedy != "" {
		return err
	}
	switch known.Kind {
	case etf.KindDenied:
		return &etf.Error{Kind: etf.KindUnavailable, Message: "the database denies access to the user", Remedy: "check that ETFCAST_MYSQL_DSN is right and `etfcast migrate --grant USER` has run", Err: err}
	case etf.KindUnavailable:
		return &etf.Error{Kind: etf.KindUnavailable, Message: "the database can't be reached", Remedy: "check that it is running and that ETFCAST_MYSQL_DSN is right", Err: err}
	}
	return err
}

// Checks runs the probes, all at once and for at most 2 s, and returns their results in the order of the probes.
func (r *Readiness) Checks(ctx context.Context) []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now().UTC()
	if r.last != nil && now.Sub(r.at) < checksCached && !now.Before(r.at) {
		return slices.Clone(r.last)
	}
	// A client that disconnects must not make the checks fail for others waiting for them.
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
	// Those who waited for slow checks take their results; each of them would otherwise wait for checks of its own.
	r.last, r.at = checks, r.now().UTC()
	return slices.Clone(checks)
}

// detail describes an error without its causes, which may name hosts and users.
func detail(err error) string {
	if err == nil {
		return ""
	}
	if all := etf.Errors(err); len(all) > 0 {
		return all[0].Detail()
	}
	return "the check timed out"
}
