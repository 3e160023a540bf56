package quality

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const ruleSecond = "second_source"

const (
	// SecondReach is how many sessions before the new one a second source is asked for: enough to see its level.
	SecondReach = 15
	// secondOf is how many common sessions show that two sources are on different levels.
	secondOf = 3
	// secondBack is how many sessions back the close that a move is measured from may lie.
	secondBack = 5
	// farOff is a level, in log, at which two sources' closes are not of one unit or security: half again as high.
	farOff = 0.4
	// sameUnit is how near to 100 or 1000 the factor between two units is, in log.
	sameUnit = 0.05
	// mostDistributed is the greatest part of a close that a series restated for distributions may differ by on an ex-date.
	mostDistributed = 0.05
)

// Sampled reports whether a session of an ETF is in the sample of this share whose closes are compared with a second source. It depends
// on nothing else, so that every attempt and every reproduction decides alike.
func Sampled(symbol etf.Symbol, session etf.Session, share float64) bool {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "cross-check\x00%s\x00%s", symbol, session)
	// The last step of FNV mixes only the low bits.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11)/(1<<53) < share
}

// NeedsSecond says why a second source should be asked about the new session, whether or not it is in the sample: something is reported
// about it, or the response changes what is known about splits. It is empty if nothing does, or if the row is in use already.
func NeedsSecond(in Input, r Report) string {
	if !FreshIn(in) {
		return ""
	}
	for _, c := range r.Plan.Changes {
		if c.Kind == etf.Split && c.Ex <= in.Session && c.Ex > in.Session-sameEvent {
			return "a split is stated"
		}
	}
	for _, a := range r.Plan.Doubted {
		if a.Ex <= in.Session && a.Ex > in.Session-sameEvent {
			return "a split is stated"
		}
	}
	for _, f := range r.Findings {
		if f.Severity == etf.SeverityInfo || f.Rule == ruleMissing {
			continue
		}
		for _, s := range f.Sessions {
			if s == in.Session {
				return f.Rule
			}
		}
	}
	return ""
}

// FreshIn reports whether the response has a price of the new session that is not in use already.
func FreshIn(in Input) bool {
	fresh := false
	for _, b := range in.Bars {
		fresh = fresh || b.Session == in.Session && b.Close > 0
	}
	for _, k := range in.Known {
		if k.Session == in.Session {
			for _, b := range in.Bars {
				fresh = fresh && !(b.Session == in.Session && samePrices(k.Bar, b))
			}
		}
	}
	return fresh
}

// SecondOpinion is what a second source's response says about the sessions up to the new one: its last SecondReach rows and its splits. A
// row that repeats the whole of the one before it, the volume included, is the older session under a newer date: it says nothing.
func SecondOpinion(fetch etf.Fetch, r etf.Response, session etf.Session) etf.SecondOpinion {
	o := etf.SecondOpinion{Fetch: fetch.ID, Source: fetch.Source, Basis: r.Basis}
	for _, b := range r.Bars {
		if b.Session <= session && b.Close > 0 && !untraded(b) {
			o.Bars = append(o.Bars, b)
		}
	}
	slices.SortStableFunc(o.Bars, func(a, b etf.Bar) int { return cmp.Compare(a.Session, b.Session) })
	before := etf.Bar{}
	o.Bars = slices.DeleteFunc(o.Bars, func(b etf.Bar) bool {
		repeats := b.Volume == before.Volume && b.Open == before.Open && b.High == before.High && b.Low == before.Low && b.Close == before.Close
		before = b
		return repeats
	})
	o.Bars = o.Bars[max(0, len(o.Bars)-SecondReach-1):]
	for _, a := range r.Actions {
		if a.Kind == etf.Split && len(o.Actions) < SecondReach {
			o.Actions = append(o.Actions, a)
		}
	}
	return o
}

// second returns the second source's close of a session, 0 if it has none.
func (s *state) second(session etf.Session) etf.Price {
	for _, b := range s.in.Second.Bars {
		if b.Session == session {
			return b.Close
		}
	}
	return 0
}

// secondMove is the second source's move between two sessions, as a log return without splits; ok is false if it lacks one of them.
func (s *state) secondMove(from, to etf.Session) (log float64, ok bool) {
	a, b := s.second(from), s.second(to)
	if a <= 0 || b <= 0 {
		return 0, false
	}
	log = math.Log(b.Float() / a.Float())
	if s.in.Second.Basis == etf.AsTraded {
		var seen []etf.Action
		for _, x := range append(append([]etf.Action{}, s.splits...), s.in.Second.Actions...) {
			x, ok := readable(x)
			if !ok || x.Kind != etf.Split || x.Ex <= from || x.Ex > to {
				continue
			}
			known := false
			for _, o := range seen {
				known = known || sameStatement(o, x)
			}
			if !known {
				seen = append(seen, x)
				log += splitLog(x)
			}
		}
	}
	return log, true
}

// comparison is what a second source says about one row.
type comparison struct {
	off     float64 // log of the row's close over what the second source's says it is
	limit   float64 // of off
	text    string  // both values
	paid    bool    // a distribution that nobody states could explain it
	surely  bool    // the second source's own move is on record, not only its close
	similar bool    // its move is like the row's: in the same direction, and at least half as large
	move    float64 // the second source's
}

// compareSecond compares a row with the second source's: the closes themselves if both are as traded and on one level, the moves since a
// session before otherwise. before are rows of earlier sessions, ascending.
func (s *state) compareSecond(b etf.Bar, before []row) (c comparison, ok bool) {
	other := s.second(b.Session)
	if other <= 0 || b.Close <= 0 {
		return c, false
	}
	direct := s.in.Basis == etf.AsTraded && s.in.Second.Basis == etf.AsTraded
	margins := s.responseAndSecond()
	c.limit = margins.both.atMost(b.Close, other, closeDifference)
	from := -1 // the session that moves are measured from
	var apart []float64
	for i := len(before) - 1; i >= 0; i-- {
		if p := s.second(before[i].Session); p > 0 {
			if from < 0 && len(before)-i <= secondBack {
				from = i
			}
			apart = append(apart, math.Log(before[i].Close.Float()/p.Float()))
		}
	}
	if direct && len(apart) > 0 {
		// Another security, currency or level: only moves can be compared. A level that is far off shows in one session.
		level := math.Abs(median(apart))
		direct = level <= c.limit || len(apart) < secondOf && level <= farOff
	}
	if _, unit := nearUnit(math.Log(b.Close.Float()/other.Float()), sameUnit); direct && unit && len(apart) == 0 {
		return c, false // pence and pounds, and no move to compare
	}
	if from < 0 && !direct {
		return c, false
	}
	var move change
	if from >= 0 {
		move = s.change(&before[from], &row{Bar: b, at: before[from].at + 1})
		if log, known := s.secondMove(before[from].Session, b.Session); known {
			c.move, c.surely = log, true
			c.similar = log*move.log > 0 && math.Abs(log) >= math.Abs(move.log)/2
		}
	}
	if direct {
		c.off = math.Log(b.Close.Float() / other.Float())
		c.text = fmt.Sprintf("%s: close %s from %s, %s from %s", b.Session, b.Close, s.name(), other, s.in.Second.Source)
		return c, true
	}
	if !c.surely {
		return c, false
	}
	own, off := s.apartSince(&before[from], b)
	c.off = off
	// The session before may be the odd one: then the row agrees with those before it.
	var others []float64
	for i := range before[:from] {
		if s.second(before[i].Session) > 0 {
			_, off := s.apartSince(&before[i], b)
			others = append(others, off)
		}
	}
	if len(others) >= secondOf && math.Abs(median(others)) < math.Abs(c.off) {
		c.off = median(others)
	}
	// Two closes of each source are rounded.
	c.limit = 2 * max(margins.response.atMost(b.Close, b.Close, closeDifference), margins.second.atMost(other, other, closeDifference))
	c.paid = c.off < 0 && c.off > -mostDistributed && s.in.Second.Basis == etf.TotalAdjusted && s.in.Basis != etf.TotalAdjusted
	c.text = fmt.Sprintf("%s: close %s from %s (%s since %s); close %s from %s (%s, %s)", b.Session, b.Close, s.name(), percent(math.Expm1(own)), before[from].Session,
		other, s.in.Second.Source, percent(math.Expm1(c.move)), s.in.Second.Basis)
	return c, true
}

// margins says what the response's closes and the second source's may differ by, and what each may be off by itself.
type margins struct{ both, response, second margin }

// responseAndSecond works the margins out once: of a whole history, that takes longer than most rules.
func (s *state) responseAndSecond() margins {
	if s.margins != nil {
		return *s.margins
	}
	first, other, sigma := closesOf(s.in.Known, s.in.Bars), closesOf(nil, s.in.Second.Bars), s.knownVolatility()
	response := margin{exchange: s.in.Exchange, asTraded: s.in.Basis == etf.AsTraded, sigma: sigma, tick: stepIn(first)}
	second := margin{exchange: s.in.Exchange, asTraded: s.in.Second.Basis == etf.AsTraded, sigma: sigma, step: stepIn(other)}
	both := response
	both.step, both.tick = max(response.tick, second.step), stepIn(append(first, other...))
	s.margins = &margins{both, response, second}
	return *s.margins
}

// apartSince is the move from a row to a bar, without splits, and how much it exceeds the second source's, in log. Each of the two series
// may include a distribution or not.
func (s *state) apartSince(a *row, b etf.Bar) (own, off float64) {
	move := s.change(a, &row{Bar: b, at: a.at + 1})
	own = move.raw
	if s.in.Basis == etf.AsTraded {
		own += move.split
	}
	other, _ := s.secondMove(a.Session, b.Session)
	paid := 0.0
	for _, x := range s.between(s.paid, a.Session, b.Session) {
		paid += math.Log1p(max(x.Amount, 0).Float() / b.Close.Float())
	}
	off = own - other
	for _, x := range []float64{own - other + paid, own - other - paid} {
		if math.Abs(x) < math.Abs(off) {
			off = x
		}
	}
	return own, off
}

func (s *state) name() string {
	if s.in.Source == "" {
		return "the source"
	}
	return s.in.Source
}

// checkSecond reports the new rows whose closes differ from the second source's. What is surprising besides is held already
// (checkLevels): that two sources differ by little says nothing against the preferred one.
func checkSecond(s *state) {
	if len(s.in.Second.Bars) == 0 {
		return
	}
	rows := s.levels().rows
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop || untraded(b) || s.unchanged(b) {
			continue
		}
		n, _ := slices.BinarySearchFunc(rows, b.Session, func(r row, t etf.Session) int { return cmp.Compare(r.Session, t) })
		c, ok := s.compareSecond(b, rows[:n])
		if !ok || math.Abs(c.off) <= c.limit {
			continue
		}
		text, severity := fmt.Sprintf("%s: %s apart", c.text, percent(math.Abs(math.Expm1(c.off)))), etf.SeverityWarning
		switch {
		case s.verdicts[i] == etf.VerdictHold:
			text += "; the row is held"
		case s.verdicts[i] == etf.VerdictQuarantine:
			text += "; the row is kept out"
		case c.paid:
			severity = etf.SeverityInfo
			text += ", which a distribution that nobody states would explain"
		default:
			text += fmt.Sprintf("; %s counts", s.name())
		}
		s.flag(ruleSecond, severity, b.Session, math.Abs(c.off)/c.limit, text)
	}
}

// contradicted says that the second source does not show the move to row i; it is empty if the second source says nothing.
func (l *levels) contradicted(i int, move change) string {
	if len(l.in.Second.Bars) == 0 || i == 0 {
		return ""
	}
	c, ok := l.compareSecond(l.rows[i].Bar, l.rows[:i])
	if !ok || c.similar || math.Abs(c.off) <= c.limit || math.Abs(c.off) < math.Abs(move.log)/2 {
		return ""
	}
	return fmt.Sprintf("%s has the close %s", l.in.Second.Source, l.second(l.rows[i].Session))
}
