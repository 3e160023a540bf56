package etf

import (
	"fmt"
	"slices"
	"time"
)

// BreakerState is the state of a source's circuit breaker.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // the source is asked
	BreakerOpen     BreakerState = "open"      // it is not asked until RetryAt
	BreakerHalfOpen BreakerState = "half_open" // one request is let through, which decides
)

// The limits of a breaker.
const (
	// BreakerFailures is how many fetches of different ETFs must fail in a row before a breaker opens; of a source that has fewer ETFs, all
	// of them and as many fetches.
	BreakerFailures = 5
	// breakerFirst and breakerLongest are how long a breaker stays open, which doubles each time it opens again without a success.
	breakerFirst   = 5 * time.Minute
	breakerLongest = 6 * time.Hour
	// breakerProbe is how long the request that is let through may take: as long as an attempt of a fetch.
	breakerProbe = 5 * time.Minute
	// breakerLook is how soon whoever finds the breaker half open may look again.
	breakerLook = 20 * time.Second
	// breakerSeen is how old LastSuccess may become while nothing else changes.
	breakerSeen = time.Minute
	// breakerSkew is how far the clocks of two workers may differ.
	breakerSkew = time.Minute
	// breakerReason bounds Reason, in bytes.
	breakerReason = 300
)

// Breaker is the circuit breaker of a source, over all workers. Its methods return what it becomes and change nothing.
type Breaker struct {
	Source string       `json:"source"`
	State  BreakerState `json:"state"`
	// Failures are the fetches that have failed since the last success, and Failing the first ETFs they were of, at most BreakerFailures;
	// once the breaker lets requests through, those of these.
	Failures int      `json:"failures"`
	Failing  []Symbol `json:"failing,omitempty"`
	// Opened is how often it has opened since the last success.
	Opened  int       `json:"opened,omitempty"`
	Reason  string    `json:"reason,omitempty"`  // the last failure
	Since   time.Time `json:"since,omitzero"`    // of the state
	RetryAt time.Time `json:"retry_at,omitzero"` // when an open breaker lets a request through, and a half-open one another
	// LastSuccess is when the source last gave a response; zero if it never has.
	LastSuccess time.Time `json:"last_success,omitzero"`
}

// BreakerChange is a change of a breaker's state. Numbers ascend from 1 for each source.
type BreakerChange struct {
	Number   int64        `json:"number"`
	State    BreakerState `json:"state"`
	Failures int          `json:"failures"`
	Reason   string       `json:"reason,omitempty"`
	At       time.Time    `json:"at"`
	RetryAt  time.Time    `json:"retry_at,omitzero"`
}

// Admits reports whether a request may be made now, and whether it is the one that decides: then the breaker must first become what
// Probe returns.
func (b Breaker) Admits(now time.Time) (pass, probe bool) {
	if b.State == BreakerClosed || b.State == "" {
		return true, false
	}
	// An instant that is further ahead than a breaker ever waits was written by a clock that was wrong.
	wait := b.RetryAt.Sub(now)
	due := wait <= 0 || wait > b.waits()+breakerSkew
	return due, due
}

// waits is how long the breaker waits in its state.
func (b Breaker) waits() time.Duration {
	if b.State == BreakerHalfOpen {
		return breakerProbe
	}
	if doublings := b.Opened - 1; doublings < 7 {
		return min(breakerFirst<<max(doublings, 0), breakerLongest)
	}
	return breakerLongest
}

// Probe returns the breaker half open. If the request never reports back, because its worker was killed, another is let through
// after the time that one may take.
func (b Breaker) Probe(now time.Time) Breaker {
	if b.RetryAt.After(b.Since) { // not after one that has left the decision to the next
		b.Failing = nil
	}
	b.State, b.Since, b.RetryAt = BreakerHalfOpen, now, now.Add(breakerProbe)
	return b
}

// LookAgain is when a breaker that does not admit a request is worth asking again.
func (b Breaker) LookAgain(now time.Time) time.Time {
	if soon := now.Add(breakerLook); b.State == BreakerHalfOpen && soon.Before(b.RetryAt) {
		return soon
	}
	return b.RetryAt
}

// Succeeded returns the breaker after a response. It is the same if there is nothing worth recording.
func (b Breaker) Succeeded(now time.Time) Breaker {
	if (b.State == BreakerClosed || b.State == "") && b.Failures == 0 && now.Sub(b.LastSuccess).Abs() < breakerSeen {
		return b
	}
	closed := Breaker{Source: b.Source, State: BreakerClosed, Since: b.Since, LastSuccess: now}
	if b.State != BreakerClosed {
		closed.Since = now
	}
	return closed
}

// Released returns the breaker after a request that says nothing about the source, such as one for an unknown symbol. If it was the
// probe, the next request is.
func (b Breaker) Released(now time.Time) Breaker {
	if b.State == BreakerHalfOpen {
		b.State, b.Since, b.RetryAt = BreakerOpen, now, now
	}
	return b
}

// Failed returns the breaker after a fetch of the ETF has failed for the reason. etfs is how many ETFs name the source. While it is
// open, a request that began before counts no more.
func (b Breaker) Failed(symbol Symbol, reason string, etfs int, now time.Time) Breaker {
	if b.State == BreakerOpen {
		return b
	}
	b.Failures++
	b.Reason = Clip(reason, breakerReason)
	if len(b.Failing) < BreakerFailures && !slices.Contains(b.Failing, symbol) {
		b.Failing = append(slices.Clone(b.Failing), symbol)
	}
	if b.State == BreakerHalfOpen || b.Failures >= BreakerFailures && len(b.Failing) >= min(BreakerFailures, max(etfs, 1)) {
		b.Opened++
		b.State, b.Since = BreakerOpen, now
		b.RetryAt = now.Add(b.waits())
	} else if b.State == "" {
		b.State = BreakerClosed
	}
	return b
}

// FailedAlone returns the breaker after the request that was to decide has failed for a reason that may be its ETF's own, such as a
// response that can't be read: otherwise one bad ETF that is always asked for first would keep the breaker open for all. The next
// request decides, until as many ETFs have failed as open a breaker. A breaker that is not half open takes it as any other failure.
func (b Breaker) FailedAlone(symbol Symbol, reason string, etfs int, now time.Time) Breaker {
	if b.State != BreakerHalfOpen {
		return b.Failed(symbol, reason, etfs, now)
	}
	failing := b.Failing
	if !slices.Contains(failing, symbol) {
		failing = append(slices.Clone(failing), symbol)
	}
	if len(failing) >= min(BreakerFailures, max(etfs, 1)) {
		return b.Failed(symbol, reason, etfs, now)
	}
	b.Failures++
	b.Failing, b.Reason = failing, Clip(reason, breakerReason)
	return b.Released(now)
}

// QuotaUse is how much of a source's daily quota is used.
type QuotaUse struct {
	Source string  `json:"source"`
	Day    Session `json:"day"`
	Limit  int     `json:"limit"` // 0 = no limit
	Used   int     `json:"used"`
	Behind int     `json:"behind"` // of these, by backfills and comparisons
	// Reserved is how many of the limit backfills and comparisons leave to the daily runs.
	Reserved int       `json:"reserved"`
	Renewed  time.Time `json:"renewed"` // when the next day begins
	// Refused is set once the source itself says that the quota is used up: the key may be used elsewhere, too.
	Refused bool `json:"refused,omitempty"`
}

// QuotaRequest asks for some of a source's daily quota.
type QuotaRequest struct {
	Source   string
	Day      Session
	Renewed  time.Time // when the next day begins
	Limit    int       // at least 1
	Reserved int       // for the daily runs, of which what they have used already is no longer kept
	Requests int       // at least 1
	Behind   bool      // for a backfill or a comparison
}

// QuotaReserve is how many of a day's requests backfills and comparisons leave to the daily runs: two for each ETF that prefers the
// source, for those that are asked for again, but not more than half, and at least one for each. For the ETFs that name it at all it
// is one each, but not more than half: if the sources before it fail, it is the one that has the session.
func QuotaReserve(limit, preferring, naming int) int {
	return max(preferring, min(2*preferring, limit/2), min(naming, limit/2))
}

// Left is how many requests the daily runs can still make, or a backfill or comparison.
func (u QuotaUse) Left(behind bool) int {
	if u.Refused {
		return 0
	}
	left := u.Limit - u.Used
	if behind {
		left -= max(0, u.Reserved-(u.Used-u.Behind))
	}
	return max(0, left)
}

// Take returns the use after the request. KindRateLimited with Until if not enough is left; then nothing changes.
func (u QuotaUse) Take(r QuotaRequest) (QuotaUse, error) {
	u.Source, u.Day, u.Limit, u.Reserved, u.Renewed = r.Source, r.Day, r.Limit, r.Reserved, r.Renewed
	if left := u.Left(r.Behind); left < r.Requests {
		message := fmt.Sprintf("the daily quota of %d requests is used up", r.Limit)
		remedy := "wait, or set --source-quota if your plan has more"
		switch {
		case u.Refused:
			message = "the source says that its daily quota is used up"
			remedy = "wait, or if your plan has more by now: `etfcast source retry " + r.Source + "`"
		case u.Left(false) >= r.Requests:
			message = fmt.Sprintf("of the daily quota of %d requests, the %d that are left are kept for the daily runs", r.Limit, u.Left(false))
		}
		return u, &Error{Kind: KindRateLimited, Message: message + " until " + r.Renewed.UTC().Format(time.RFC3339), Remedy: remedy, Until: r.Renewed}
	}
	u.Used += r.Requests
	if r.Behind {
		u.Behind += r.Requests
	}
	return u, nil
}

// SourceETF is an ETF that names a source.
type SourceETF struct {
	Symbol   Symbol   `json:"symbol"`
	Exchange Exchange `json:"exchange"`
	Ref      string   `json:"ref"`
	Place    int      `json:"place"` // of the source in the ETF's order, from 1
}

// Preferring is how many of the ETFs name the source first: those that a daily run asks it for.
func Preferring(list []SourceETF) int {
	n := 0
	for _, e := range list {
		if e.Place == 1 {
			n++
		}
	}
	return n
}
