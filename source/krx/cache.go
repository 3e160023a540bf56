package krx

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// How long a response serves other fetches. The exchange corrects figures now and then, so that even final ones are asked for again.
const (
	finalFor = 6 * time.Hour
	earlyFor = 10 * time.Minute // before they are final
	emptyFor = time.Minute      // without any price: the figures of a session may be published at any moment
	// refusedFor is how long a refusal stands for further calls if the exchange does not say, corruptFor and downFor how long a response
	// that can't be read, and none, stand for further calls for the day: hundreds of ETFs ask for it.
	refusedFor = 30 * time.Second
	corruptFor = time.Minute
	downFor    = time.Second
	// claimedFor is how long a call that is counted but has not been made keeps others from counting it.
	claimedFor = 30 * time.Second
	// keptDays and keptBytes bound the responses that are kept.
	keptDays  = 64
	keptBytes = 64 << 20
)

// answer is the response for one day.
type answer struct {
	*day
	body      etf.SharedBody
	mediaType string
	at        time.Time // when it was asked for
}

// fresh reports whether the response may serve a fetch at the instant.
func (a *answer) fresh(cal *calendar.Calendar, asOf time.Time) bool {
	if asOf.Before(a.at) {
		return true
	}
	age, final := asOf.Sub(a.at), finalAt(cal, a.session)
	switch {
	case a.priced == 0 && a.at.Before(final): // later, it is a day without trading
		return age < emptyFor
	case !a.at.Before(final):
		return age < finalFor
	}
	return age < earlyFor && asOf.Before(final)
}

// cache keeps the responses of days, and a refusal that concerns every call. The instants are those of the queries.
type cache struct {
	mu      sync.Mutex
	days    map[etf.Session]*answer
	order   []etf.Session // the oldest use first
	bytes   int
	refusal failure
	failed  map[etf.Session]failure
	claimed map[etf.Session]time.Time // when a call was counted that is still to be made
	calls   singleflight.Group
}

// failure is an error that stands for further calls until an instant.
type failure struct {
	err   error
	until time.Time
}

// at returns the error for a later call, with what is left of the time that the exchange asked to wait; nil if it does not stand any more.
func (f failure) at(asOf time.Time) error {
	if f.err == nil || !asOf.Before(f.until) {
		return nil
	}
	var e *etf.Error
	if !errors.As(f.err, &e) || e.RetryAfter == 0 {
		return f.err
	}
	left := *e
	left.RetryAfter = f.until.Sub(asOf)
	return &left
}

// get returns the response for a day: one that is kept, or that of a call that is under way, or that of a new call. The call does not end
// with the context of the fetch that happened to make it.
func (c *cache) get(ctx context.Context, cal *calendar.Calendar, s etf.Session, asOf time.Time, ask func(context.Context) (*answer, error)) (*answer, error) {
	if a, err := c.kept(cal, s, asOf); a != nil || err != nil {
		return a, err
	}
	result := c.calls.DoChan(s.String(), func() (any, error) {
		// Another call may have ended since this fetch looked.
		if a, err := c.kept(cal, s, asOf); a != nil || err != nil {
			return a, err
		}
		a, err := ask(context.WithoutCancel(ctx))
		c.keep(s, a, err, asOf)
		return a, err
	})
	select {
	case r := <-result:
		a, _ := r.Val.(*answer)
		if a != nil && r.Err == nil && !a.fresh(cal, asOf) { // it was asked for before this fetch, and is too old for it
			return c.get(ctx, cal, s, asOf, ask)
		}
		return a, r.Err
	case <-ctx.Done():
		return nil, etf.Wrap(etf.KindUnavailable, ctx.Err(), "KRX did not respond in time")
	}
}

func (c *cache) kept(cal *calendar.Calendar, s etf.Session, asOf time.Time) (*answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.days[s]; a != nil && a.fresh(cal, asOf) {
		c.use(s)
		return a, nil
	}
	if err := c.refusal.at(asOf); err != nil {
		return nil, err
	}
	return nil, c.failed[s].at(asOf)
}

// claim counts the calls that a fetch of the sessions needs, and that no other fetch has counted.
func (c *cache) claim(cal *calendar.Calendar, sessions []etf.Session, asOf time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusal.at(asOf) != nil {
		return 0
	}
	n := 0
	for _, s := range sessions {
		if a := c.days[s]; a != nil && a.fresh(cal, asOf) || c.failed[s].at(asOf) != nil {
			continue
		}
		if at, claimed := c.claimed[s]; claimed && !asOf.Before(at) && asOf.Sub(at) < claimedFor {
			continue
		}
		if c.claimed == nil || len(c.claimed) >= 8*keptDays {
			c.claimed = map[etf.Session]time.Time{}
		}
		c.claimed[s] = asOf
		n++
	}
	return n
}

func (c *cache) use(s etf.Session) {
	c.order = append(slices.DeleteFunc(c.order, func(o etf.Session) bool { return o == s }), s)
}

func (c *cache) keep(s etf.Session, a *answer, err error, asOf time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.claimed, s)
	if err != nil {
		var e *etf.Error
		errors.As(err, &e)
		switch etf.KindOf(err) {
		case etf.KindDenied, etf.KindRateLimited: // these concern every day
			c.refusal = failure{err, asOf.Add(max(refusedFor, e.RetryAfter))}
		case etf.KindCorrupt, etf.KindInternal:
			c.fail(s, failure{err, asOf.Add(corruptFor)})
		case etf.KindUnavailable:
			c.fail(s, failure{err, asOf.Add(max(downFor, min(e.RetryAfter, corruptFor)))})
		}
		return
	}
	c.refusal = failure{}
	delete(c.failed, s)
	if old := c.days[a.session]; old != nil {
		c.bytes -= len(old.body.Raw)
	}
	if c.days == nil {
		c.days = map[etf.Session]*answer{}
	}
	c.days[a.session] = a
	c.bytes += len(a.body.Raw)
	c.use(a.session)
	for len(c.order) > 1 && (len(c.order) > keptDays || c.bytes > keptBytes) {
		c.bytes -= len(c.days[c.order[0]].body.Raw)
		delete(c.days, c.order[0])
		c.order = c.order[1:]
	}
}

func (c *cache) fail(s etf.Session, f failure) {
	if c.failed == nil || len(c.failed) >= keptDays {
		c.failed = map[etf.Session]failure{}
	}
	c.failed[s] = f
}
