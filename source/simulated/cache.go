package simulated

import (
	"sync"

	"github.com/etfcast/etfcast/etf"
)

// A walk from the epoch to a recent window costs some 50 µs. Marks, the states every markEvery weekdays, reduce that to
// the window itself. They are only a cache: dropping them changes nothing.
const (
	markEvery = 256
	maxPaths  = 8192 // ETFs whose marks are kept, about 0.6 KB each
)

type pathKey struct {
	market *market
	seed   uint64
	split  plannedSplit
}

// pathCache keeps marks by ETF. When it is full, it is emptied completely: refilling costs less than tracking use.
type pathCache struct {
	mu    sync.Mutex
	marks map[pathKey][]state // marks[i] is the state before weekday i*markEvery; never written once shared
}

func (c *pathCache) get(k pathKey) []state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marks[k]
}

func (c *pathCache) put(k pathKey, marks []state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.marks == nil || len(c.marks) >= maxPaths {
		c.marks = make(map[pathKey][]state)
	}
	if len(c.marks[k]) < len(marks) {
		c.marks[k] = marks
	}
}

// walk calls each for every session, in order, with its bar and the actions that take effect in it.
func (c *pathCache) walk(a resolved, sessions []etf.Session, each func(etf.Bar, []etf.Action)) {
	if len(sessions) == 0 {
		return
	}
	// What is due on a day without trading takes effect in the next session, so the days since the session before the
	// window count as well.
	first := weekday(sessions[0])
	if before, err := a.cal.Previous(sessions[0]); err == nil && before >= epoch {
		first = weekday(before + 1)
	}
	key := pathKey{a.market, a.traits.seed, a.traits.split}
	known := c.get(key)
	marks := known
	day, st := 0, state{log: a.traits.start, shares: 1}
	if n := min(first/markEvery, len(marks)-1); n > 0 {
		day, st = n*markEvery, marks[n]
	}
	var pending []etf.Action
	next := 0
	for last := weekday(sessions[len(sessions)-1]); day <= last; day++ {
		if day%markEvery == 0 && day/markEvery == len(marks) {
			if len(marks) == len(known) { // a shared slice is never appended to in place
				marks = append(make([]state, 0, weekday(horizon)/markEvery+1), marks...)
			}
			marks = append(marks, st)
		}
		after, base, ch := a.traits.step(a.market, st, day)
		st = after
		if day < first {
			continue
		}
		if !ch.none() {
			if ch.splitNum != 0 {
				pending = append(pending, etf.Action{Kind: etf.Split, Numerator: ch.splitNum, Denominator: ch.splitD})
			}
			if ch.dividend != 0 {
				pending = append(pending, etf.Action{Kind: etf.Dividend, Amount: ch.dividend})
			}
		}
		if next < len(sessions) && weekday(sessions[next]) == day {
			for i := range pending {
				pending[i].Ex = sessions[next]
			}
			each(a.traits.bar(a.market, sessions[next], day, base, st), pending)
			pending = pending[:0]
			next++
		}
	}
	if len(marks) > len(known) {
		c.put(key, marks)
	}
}

// fetchCounter counts fetches, for the faults that end after some number of them.
type fetchCounter struct {
	mu   sync.Mutex
	seen map[fetchKey]int
}

type fetchKey struct {
	symbol  etf.Symbol
	seed    uint64
	fault   string
	session etf.Session
}

// maxCounters bounds the counters; beyond that, all start again.
const maxCounters = 65_536

// first reports whether this is one of the first n fetches that meet the fault at the session, and counts it.
func (c *fetchCounter) first(a resolved, name string, s etf.Session, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil || len(c.seen) >= maxCounters {
		c.seen = make(map[fetchKey]int)
	}
	k := fetchKey{a.symbol, a.traits.seed, name, s}
	if c.seen[k] >= n {
		return false
	}
	c.seen[k]++
	return true
}
