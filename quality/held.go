package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleHeld       = "held_close"
	ruleUnfinished = "unfinished_row"
)

// holdSurprise holds the newest row, whose close is further from the one before than the market is likely to move, unless
// the fund's net asset value or another source shows the same move. It reports whether the row was held.
func (l *levels) holdSurprise(prev, i int, move change, sigma float64) bool {
	row := &l.rows[i]
	if why := l.explained(prev, i, move, sigma); why != "" {
		l.flag(ruleJump, etf.SeverityWarning, row.Session, move.size()/sigma, l.describe(prev, i, move, sigma)+"; "+why)
		return true
	}
	text := l.describe(prev, i, move, sigma) + "; nothing explains it: held until the next session's close or a person decides"
	if straddles(row, move) {
		text += fmt.Sprintf(" (%s)", ohlc(row.Bar))
	}
	l.hold(ruleHeld, row.ordinal, move.size()/sigma, text)
	return true
}

// explained says what shows the same move as the closes of rows prev and i; it is empty if nothing does.
func (l *levels) explained(prev, i int, move change, sigma float64) string {
	a, b := l.rows[prev].Session, l.rows[i].Session
	near := func(log float64) bool {
		return math.Abs(log-move.raw) <= max(3*sigma*math.Sqrt(move.gap), 0.3*math.Abs(move.raw)) && log*move.raw > 0
	}
	var from, to etf.Price
	for _, n := range l.in.NAVs {
		switch n.Session {
		case a:
			from = n.NAV
		case b:
			to = n.NAV
		}
	}
	if from > 0 && to > 0 {
		if log := math.Log(to.Float() / from.Float()); near(log) {
			return fmt.Sprintf("the net asset value moved by %s", percent(math.Expm1(log)))
		}
	}
	for _, o := range l.in.Second {
		if o.Session != b || o.Close <= 0 {
			continue
		}
		if log := math.Log(o.Close.Float() / l.rows[prev].Close.Float()); near(log) {
			return fmt.Sprintf("another source has the close %s", o.Close)
		}
	}
	return ""
}

// confirmation says which later row confirms a close that was held.
func (l *levels) confirmation(i int) string {
	if i+1 < len(l.rows) {
		return fmt.Sprintf("the close of %s is %s", l.rows[i+1].Session, l.rows[i+1].Close)
	}
	return "no later close contradicts it"
}
