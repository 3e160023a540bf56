package api

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
	// checksKept is how long an answer is given again: however often /readyz is asked, the checks stay few.
	checksKept = time.Second
)

// Check is one thing a ready installation needs.
type Check struct {
	Name   string
	OK     bool
	Detail string    // what is wrong; empty when OK
	Since  time.Time // since when it is so
}

// readiness runs the checks and remembers since when each is in its state.
type readiness struct {
	service *Service
	checks  []namedCheck

	mu   sync.Mutex
	last []Check
	at   time.Time
}

type namedCheck struct {
	name string
	run  func(context.Context) error
}

func newReadiness(s *Service, queues []string) *readiness {
	r := &readiness{service: s, checks: []namedCheck{
		{"database", func(ctx context.Context) error { return ofDatabase(s.store.Ping(ctx)) }},
		{"schema", s.checkSchema},
		{"temporal", s.temporal.Check},
	}}
	for _, queue := range queues {
		r.checks = append(r.checks, namedCheck{"pollers:" + queue, func(ctx context.Context) error { return s.checkPollers(ctx, queue) }})
	}
	return r
}

// ofDatabase says what to do about an error of the store, which itself says what it was doing.
func ofDatabase(err error) error {
	if err == nil {
		return nil
	}
	if etf.KindOf(err) == etf.KindDenied {
		return &etf.Error{Kind: etf.KindUnavailable, Message: "the database refuses the user", Remedy: "see that ETFCAST_MYSQL_DSN is right and `etfcast migrate` has run", Err: err}
	}
	return &etf.Error{Kind: etf.KindUnavailable, Message: "the database can't be reached", Remedy: "see that it runs and ETFCAST_MYSQL_DSN is right", Err: err}
}

func (s *Service) checkSchema(ctx context.Context) error {
	is, wanted, err := s.store.SchemaVersion(ctx)
	if err != nil {
		return ofDatabase(err)
	}
	// A newer schema will do: migrations expand first and contract a release later.
	if is < wanted {
		return &etf.Error{Kind: etf.KindUnavailable, Message: fmt.Sprintf("the schema is at version %d, this code wants %d", is, wanted), Remedy: "run `etfcast migrate`"}
	}
	missing, err := s.store.Ungranted(ctx)
	if err != nil {
		return ofDatabase(err)
	}
	if len(missing) > 0 {
		return &etf.Error{Kind: etf.KindUnavailable, Message: "tables not granted: " + strings.Join(missing, ", "), Remedy: "run `etfcast migrate --grant USER`"}
	}
	return nil
}

func (s *Service) checkPollers(ctx context.Context, queue string) error {
	n, err := s.temporal.Pollers(ctx, queue)
	if err == nil && n == 0 {
		err = &etf.Error{Kind: etf.KindUnavailable, Message: "no worker polls task queue " + queue, Remedy: "start `etfcast worker`"}
	}
	return err
}

// Ready runs the checks, all at once and 2 s at most, and returns them in a fixed order.
func (r *readiness) Ready(ctx context.Context) []Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.service.now().UTC()
	if r.last != nil && now.Sub(r.at) < checksKept && !now.Before(r.at) {
		return slices.Clone(r.last)
	}
	// A client that hangs up must not make the checks fail for those who wait behind it.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer stop()
	checks := make([]Check, len(r.checks))
	var wg sync.WaitGroup
	for i, c := range r.checks {
		wg.Go(func() {
			err := c.run(ctx)
			checks[i] = Check{Name: c.name, OK: err == nil, Detail: outcome(err)}
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

// outcome says what is wrong without causes, which may name hosts and users.
func outcome(err error) string {
	if err == nil {
		return ""
	}
	if all := failures(err); len(all) > 0 {
		return detail(all[0])
	}
	return "the check did not end in time"
}
