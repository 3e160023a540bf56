package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

const (
	// stateTimeout is how long recording what came of a request may take.
	stateTimeout = 10 * time.Second
	// countFor is how long a count of a source's ETFs is used.
	countFor = time.Minute
)

// sourceCounts are how many ETFs name the source, and how many name it first.
type sourceCounts struct {
	mu         sync.Mutex
	at         time.Time
	any, first int
}

// usedUp is what a source without a configured quota has said: that its quota is used up.
type usedUp struct {
	mu    sync.Mutex
	again time.Time // when it is asked again
}

// until notes when the source has said that it answers again. It is asked an hour later at the latest: its plan may have changed.
func (r *usedUp) until(now, renewed time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again = renewed; renewed.Sub(now) > longestRetryAfter {
		r.again = now.Add(longestRetryAfter)
	}
}

// forget has the source asked again at once.
func (r *usedUp) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again = time.Time{}
}

// err is the error of a source that is not asked for that reason; nil if it is.
func (r *usedUp) err(source string, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if wait := r.again.Sub(now); wait <= 0 || wait > longestRetryAfter {
		return nil
	}
	return &sourceError{source: source, err: &etf.Error{Kind: etf.KindRateLimited, Until: r.again,
		Message: "the source says that its quota is used up; it is asked again at " + r.again.UTC().Format(time.RFC3339), Remedy: "wait, or if your plan has more by now: `etfcast source retry " + source + "`"}}
}

func (a *Fetching) counts(ctx context.Context) (named, first int, err error) {
	c := &a.etfs
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := a.Now(); c.at.IsZero() || now.Sub(c.at) >= countFor || now.Before(c.at) {
		all, err := a.States.SourceETFs(ctx)
		if err != nil {
			return 0, 0, err
		}
		list := all[a.Source.Name()]
		c.at, c.any, c.first = now, len(list), etf.Preferring(list)
	}
	return c.any, c.first, nil
}

// asking is one attempt to ask a source: whether it may be asked, and what came of it.
type asking struct {
	a      *Fetching
	symbol etf.Symbol
	once   bool // there is no further attempt
	probe  bool // the breaker waits for its outcome, which decides whether it closes
}

// ask finds out whether the source may be asked now: its breaker admits the request, and there is enough left of its quota. Errors
// are a *sourceError, or those of the store.
func (a *Fetching) ask(ctx context.Context, in FetchInput, q etf.Query) (*asking, error) {
	s := &asking{a: a, symbol: in.Symbol, once: in.Check}
	if a.States == nil {
		return s, nil
	}
	name := a.Source.Name()
	if !etf.Source(name).Local {
		b, err := a.States.Breaker(ctx, name)
		if err != nil {
			return nil, err
		}
		pass, probe := b.Admits(a.Now())
		if probe {
			b, err = a.States.ChangeBreaker(ctx, name, func(b etf.Breaker) etf.Breaker {
				if pass, s.probe = b.Admits(a.Now()); s.probe {
					return b.Probe(a.Now())
				}
				return b
			})
			if err != nil {
				return nil, err
			}
		}
		if !pass {
			return nil, a.isOpen(b)
		}
	}
	if err := a.takeQuota(ctx, in, q); err != nil {
		s.end(ctx)
		return nil, err
	}
	return s, nil
}

// isOpen is the error for a source that is not asked.
func (a *Fetching) isOpen(b etf.Breaker) error {
	again := b.LookAgain(a.Now())
	message := fmt.Sprintf("%s is not asked until %s, after %d failures", b.Source, again.UTC().Format(time.RFC3339), b.Failures)
	if b.State == etf.BreakerHalfOpen {
		message = fmt.Sprintf("%s is not asked until a trial request has ended, after %d failures", b.Source, b.Failures)
	}
	if b.Reason != "" {
		message += "; the last one: " + b.Reason
	}
	return &sourceError{source: b.Source, open: true, err: &etf.Error{Kind: etf.KindUnavailable, Message: message, Until: again}}
}

// takeQuota counts the requests of the query before they are made.
func (a *Fetching) takeQuota(ctx context.Context, in FetchInput, q etf.Query) error {
	if a.Quota <= 0 {
		return a.refused(ctx)
	}
	requests := 1
	if source, ok := a.Source.(Requesting); ok {
		requests = source.Requests(q)
	}
	if requests <= 0 {
		return nil
	}
	name := a.Source.Name()
	day, renewed := etf.Source(name).QuotaDay(a.Now())
	named, first, err := a.counts(ctx)
	if err != nil {
		return err
	}
	_, err = a.States.TakeQuota(ctx, etf.QuotaRequest{
		Source: name, Day: day, Renewed: renewed, Limit: a.Quota, Reserved: etf.QuotaReserve(a.Quota, first, named), Requests: requests,
		Behind: in.Behind || in.Check,
	})
	if etf.KindOf(err) == etf.KindRateLimited {
		return &sourceError{source: name, err: err}
	}
	return err
}

// refused is the error of a source without a configured quota that has said that its own is used up, unless that has been forgotten since
// (`etfcast source retry`).
func (a *Fetching) refused(ctx context.Context) error {
	err := a.usedUp.err(a.Source.Name(), a.Now())
	if err == nil {
		return nil
	}
	day, _ := etf.Source(a.Source.Name()).QuotaDay(a.Now())
	if use, readErr := a.States.QuotaUse(ctx, a.Source.Name(), day); readErr != nil || use.Refused {
		return err
	}
	a.usedUp.forget()
	return nil
}

// succeeded records that the source gave a response.
func (s *asking) succeeded(ctx context.Context) {
	s.record(ctx, "response", func(ctx context.Context) error {
		name := s.a.Source.Name() // a local one has no breaker that opens, but a last response
		b, err := s.a.States.Breaker(ctx, name)
		if err != nil || b.Succeeded(s.a.Now()).LastSuccess.Equal(b.LastSuccess) {
			return err
		}
		_, err = s.a.States.ChangeBreaker(ctx, name, func(b etf.Breaker) etf.Breaker { return b.Succeeded(s.a.Now()) })
		return err
	})
	s.probe = false
}

// failed records that the source failed, if the failure is one of the source and not of the ETF, and the fetch gives up or is the
// one that decides.
func (s *asking) failed(ctx context.Context, err error) {
	name := s.a.Source.Name()
	var e *etf.Error
	if errors.As(err, &e) && !e.Until.IsZero() { // its quota is used up
		if e.Field != "ref" { // else for this ETF only
			s.record(ctx, "quota", func(ctx context.Context) error {
				if s.a.Quota <= 0 {
					s.a.usedUp.until(s.a.Now(), e.Until)
				}
				day, _ := etf.Source(name).QuotaDay(s.a.Now())
				return s.a.States.RefuseQuota(ctx, name, day)
			})
		}
		s.end(ctx)
		return
	}
	if etf.Source(name).Local || !blamesSource(err) || !s.probe && !s.once && !givesUp(ctx, err) {
		s.end(ctx)
		return
	}
	s.record(ctx, "failure", func(ctx context.Context) error {
		named, _, countErr := s.a.counts(ctx)
		if countErr != nil {
			return countErr
		}
		b, changeErr := s.a.States.ChangeBreaker(ctx, name, func(b etf.Breaker) etf.Breaker {
			switch {
			case !s.probe && b.State == etf.BreakerHalfOpen:
				return b // it began before the one that decides
			case blamesETF(err):
				return b.FailedAlone(s.symbol, etf.WithoutRemedy(err), named, s.a.Now())
			}
			return b.Failed(s.symbol, etf.WithoutRemedy(err), named, s.a.Now())
		})
		if changeErr == nil && b.State == etf.BreakerOpen {
			activity.GetLogger(ctx).Warn("source is not asked for now", "source", name, "until", b.RetryAt, "failures", b.Failures, "reason", b.Reason)
		}
		return changeErr
	})
	s.probe = false
}

// end lets another request decide if this was to and has not.
func (s *asking) end(ctx context.Context) {
	if !s.probe {
		return
	}
	s.probe = false
	s.record(ctx, "end of the trial request", func(ctx context.Context) error {
		_, err := s.a.States.ChangeBreaker(ctx, s.a.Source.Name(), func(b etf.Breaker) etf.Breaker { return b.Released(s.a.Now()) })
		return err
	})
}

// record records an outcome. If it can't be recorded, the fetch goes on all the same: a breaker that is not told stays as it is.
func (s *asking) record(ctx context.Context, what string, record func(context.Context) error) {
	if s.a.States == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stateTimeout)
	defer cancel()
	if err := record(ctx); err != nil {
		activity.GetLogger(ctx).Warn("the source's state is not recorded", "source", s.a.Source.Name(), "of", what, "error", err)
	}
}

// blamesSource reports whether a failure says something about the source as a whole. What it does not know, rejects, or has on another
// basis says something about one ETF.
func blamesSource(err error) bool {
	var source *sourceError
	if errors.As(err, &source) && source.mismatch {
		return false
	}
	switch etf.KindOf(err) {
	case etf.KindUnavailable, etf.KindRateLimited, etf.KindDenied, etf.KindCorrupt, etf.KindInternal:
		return true
	}
	return false
}

// blamesETF reports whether a failure that counts may be one of the ETF all the same.
func blamesETF(err error) bool {
	switch etf.KindOf(err) {
	case etf.KindDenied, etf.KindCorrupt, etf.KindInternal:
		return true
	}
	return false
}

// givesUp reports whether the activity has no further attempt after the error of a source.
func givesUp(ctx context.Context, err error) bool {
	to := translationOf(err)
	if to.reason == hopeless {
		return true
	}
	failures := int32(1)
	if p, ok := ctx.Value(heartbeaterKey{}).(*heartbeater); ok {
		p.mu.Lock()
		failures += p.spent[to.reason]
		p.mu.Unlock()
	}
	return failures >= allowances[to.reason].attempts
}

// interrupted reports whether the attempt was ended from outside, which says nothing about the source.
func interrupted(ctx context.Context) bool {
	return ctx.Err() != nil && (temporal.IsCanceledError(context.Cause(ctx)) || errors.Is(ctx.Err(), context.Canceled))
}
