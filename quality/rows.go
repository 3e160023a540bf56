package quality

import (
	"cmp"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// row is a usable price in the joined series of stored and new rows.
type row struct {
	etf.Bar
	ordinal int  // in Input.Bars; -1 for a stored row before the response
	stored  bool // stored and in use with the same prices
	held    bool // stored, but not believed so far
	person  bool // stored and in use, as a person has given it
	after   bool // stored and in use, after the response or after a fresh row in it, which is the first to show what the move to this one is
	at      int  // position of the session on the calendar, for counting sessions between rows
}

// fresh reports whether the row is the response's and not in use yet.
func (r *row) fresh() bool { return r.ordinal >= 0 && !r.stored }

// series returns the rows that can be compared with each other. The caller owns the slice.
func (s *state) series() []row { return slices.Clone(s.levels().rows) }

// join joins the stored rows before the response, and those that stand in for its dropped rows, with the response's rows that
// are still kept, ascending, one for each session. Untraded sessions are left out and count as a gap: a close carried over is not a price. Held rows that the
// response does not repeat are among them: the next row shows whether to believe it, not them.
func (s *state) join() []row {
	rows := make([]row, 0, len(s.in.Known)+len(s.in.Bars)+len(s.in.Held)+len(s.in.Following))
	for _, k := range s.in.Known {
		before := (len(s.in.Bars) == 0 || k.Session < s.first) && !s.in.Whole
		if (before || s.preferred[k.Session]) && s.usable(k) {
			rows = append(rows, row{Bar: k.Bar, ordinal: -1, stored: true, person: k.Source == etf.SourcePerson})
		}
	}
	for _, k := range s.in.Following {
		if s.usable(k) {
			rows = append(rows, row{Bar: k.Bar, ordinal: -1, stored: true, after: true, person: k.Source == etf.SourcePerson})
		}
	}
	for _, k := range s.in.Held {
		if s.usable(k) && !slices.ContainsFunc(s.in.Bars, func(b etf.Bar) bool { return b.Session == k.Session }) {
			rows = append(rows, row{Bar: k.Bar, ordinal: -1, held: true})
		}
	}
	for i, b := range s.in.Bars {
		if s.verdicts[i] != etf.VerdictKeep || b.Close <= 0 || untraded(b) {
			continue
		}
		k := s.stored(b.Session)
		rows = append(rows, row{Bar: b, ordinal: i, stored: k != nil && samePrices(k.Bar, b), held: s.held(b)})
	}
	bySession := func(a, b row) int { return cmp.Compare(a.Session, b.Session) }
	if !slices.IsSortedFunc(rows, bySession) {
		slices.SortFunc(rows, bySession)
	}
	if len(rows) == 0 {
		return rows
	}
	rows = slices.CompactFunc(rows, func(a, b row) bool { return a.Session == b.Session })
	days := s.cal.Sessions(etf.Window{From: rows[0].Session, To: rows[len(rows)-1].Session})
	at := 0
	for i := range rows {
		for at < len(days) && days[at] < rows[i].Session {
			at++
		}
		rows[i].at = at
	}
	if !s.in.Whole {
		fresh := false
		for i := range rows {
			r := &rows[i]
			fresh = fresh || r.fresh()
			r.after = r.after || fresh && r.stored && r.ordinal >= 0
		}
	}
	return rows
}

// usable reports whether a stored bar is a price that can be compared with the response's.
func (s *state) usable(k etf.StoredBar) bool {
	return k.Close > 0 && !untraded(k.Bar) && k.Basis == s.in.Basis && k.Session >= s.from
}

// held reports whether a row repeats the close of a bar that is held.
func (s *state) held(b etf.Bar) bool {
	return slices.ContainsFunc(s.in.Held, func(k etf.StoredBar) bool { return k.Session == b.Session && k.Close == b.Close })
}

// change is the move from one row to a later one.
type change struct {
	log   float64 // log return, corrected for the splits and distributions known in between
	raw   float64 // log return of the closes, uncorrected
	gap   float64 // sessions from one to the other, at least 1
	split float64 // log of the product of the split ratios stated in between, 0 without one
}

// size is the move divided by the square root of the gap, which makes it comparable to a daily volatility.
func (c change) size() float64 { return math.Abs(c.log) / math.Sqrt(c.gap) }

// change measures the move from a to b. Splits correct as-traded prices only: on any other basis the provider should
// have corrected them, and a failure to do so shows as a jump. A distribution is added back where that makes the move
// smaller, because providers do not always say correctly whether a series includes it.
func (s *state) change(a, b *row) change {
	c := change{raw: math.Log(b.Close.Float() / a.Close.Float()), gap: float64(max(b.at-a.at, 1))}
	for _, x := range s.between(s.splits, a.Session, b.Session) {
		c.split += math.Log(float64(x.Numerator) / float64(x.Denominator))
	}
	c.log = c.raw
	if s.in.Basis == etf.AsTraded {
		c.log += c.split
	}
	var paid etf.Price
	for _, x := range s.between(s.cash, a.Session, b.Session) {
		paid += max(x.Amount, 0)
	}
	if paid > 0 && s.in.Basis != etf.TotalAdjusted {
		if with := c.log + math.Log1p(paid.Float()/b.Close.Float()); math.Abs(with) < math.Abs(c.log) {
			c.log = with
		}
	}
	return c
}

// between returns the actions with Ex in (from, to].
func (s *state) between(actions []etf.Action, from, to etf.Session) []etf.Action {
	if len(actions) == 0 {
		return nil
	}
	lo, _ := slices.BinarySearchFunc(actions, from+1, func(a etf.Action, t etf.Session) int { return cmp.Compare(a.Ex, t) })
	hi, _ := slices.BinarySearchFunc(actions, to+1, func(a etf.Action, t etf.Session) int { return cmp.Compare(a.Ex, t) })
	return actions[lo:max(lo, hi)]
}
