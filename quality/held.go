package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleHeld       = HeldClose
	ruleUnfinished = UnfinishedRow
)

// holdSurprise holds the newest row, whose close is further from the one before than the market is likely to move, unless
// the fund's net asset value or another source shows the same move. It reports whether the row was held.
func (l *levels) holdSurprise(prev, i int, move change, sigma float64) bool {
	row := &l.rows[i]
	if why := l.explained(prev, i, move, sigma); why != "" {
		l.flag(ruleJump, etf.SeverityWarning, row.Session, move.size()/sigma, l.describe(prev, i, move, sigma)+"; "+why)
		return true
	}
	text := l.describe(prev, i, move, sigma) + "; nothing explains it"
	if other := l.contradicted(i, move); other != "" {
		text += ", and " + other
	}
	text += ": held until the next session's close or a person decides"
	if straddles(row, move) {
		text += fmt.Sprintf(" (%s)", ohlc(row.Bar))
	}
	l.hold(ruleHeld, row.ordinal, move.size()/sigma, text)
	return true
}

// holdContradicted holds the newest row, whose close has moved further than usual, if a second source does not show that. It reports
// whether the row was held.
func (l *levels) holdContradicted(prev, i int, move change, sigma float64) bool {
	other := l.contradicted(i, move)
	if other == "" {
		return false
	}
	l.hold(ruleHeld, l.rows[i].ordinal, move.size()/sigma, fmt.Sprintf("%s; %s: held until the next session's close or a person decides", l.describe(prev, i, move, sigma), other))
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
	close := l.second(b)
	if close <= 0 {
		return ""
	}
	text := fmt.Sprintf("%s has the close %s", l.in.Second.Source, close)
	if log, ok := l.secondMove(a, b); ok {
		if math.Abs(log-move.log) <= max(3*sigma*math.Sqrt(move.gap), 0.3*math.Abs(move.log)) && log*move.log > 0 {
			return text
		}
		return ""
	}
	if l.in.Second.Basis == l.in.Basis {
		if log := math.Log(close.Float() / l.rows[prev].Close.Float()); near(log) {
			return text
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

// A row counts as unfinished by its numbers if its volume is below a tenth of the usual, and lower than a fund of this one's
// habits would trade in a whole session, and its turnover and its range are small as well.
const (
	partVolume  = 0.1
	quietVolume = 0.02 // the same next to a holiday, and in sessions with special hours
	partScales  = 4.0  // deviations of the log volume below its median
	noneScales  = 6.0  // likewise, for a session without any
	partRange   = 0.5  // of the median range
	leastVolume = 8    // sessions with a volume that show what is usual
)

// fewShares is a volume that is small for any fund: a fund that might trade so little on some day may also trade nothing.
var fewShares = math.Log(100)

// checkUnfinished holds rows of sessions that had not closed when the source's data were last changed or asked for, and the
// newest row if its volume and range are those of a part of a session.
func checkUnfinished(s *state) {
	newest := -1
	for i, b := range s.in.Bars {
		if s.verdicts[i] != etf.VerdictKeep {
			continue
		}
		if newest < 0 || b.Session > s.in.Bars[newest].Session {
			newest = i
		}
		closes, err := s.cal.Close(b.Session)
		if err != nil {
			continue // not a session: reported already
		}
		switch {
		case !s.in.DataAt.IsZero() && s.in.DataAt.Before(closes):
			s.hold(ruleUnfinished, i, math.Inf(1), fmt.Sprintf("%s: the data are of %s, before the session's close at %s", b.Session, instant(s.in.DataAt), instant(closes)))
		case !s.in.FetchedAt.IsZero() && s.in.FetchedAt.Before(closes):
			s.hold(ruleUnfinished, i, math.Inf(1), fmt.Sprintf("%s: asked for at %s, before the session's close at %s", b.Session, instant(s.in.FetchedAt), instant(closes)))
		}
	}
	if newest >= 0 && s.verdicts[newest] == etf.VerdictKeep && len(s.in.Following) == 0 {
		s.checkPart(newest)
	}
}

// checkPart holds the newest row if it looks like a part of a session.
func (s *state) checkPart(newest int) {
	b := s.in.Bars[newest]
	if !b.Volume.Known() || min(b.Open, b.High, b.Low, b.Close) <= 0 {
		return
	}
	var logs, money, ranges []float64
	without := 0 // sessions with volume 0
	usual := func(k etf.Bar) {
		switch {
		case k.Session >= b.Session || !k.Volume.Known():
		case k.Volume <= 0:
			without++
		case k.Close > 0:
			logs = append(logs, math.Log(k.Volume.Float()))
			money = append(money, turnover(k))
			if k.Low > 0 && k.High >= k.Low {
				ranges = append(ranges, math.Log(k.High.Float()/k.Low.Float()))
			}
		}
	}
	recent := s.recent(newest)
	for _, k := range recent {
		usual(k)
	}
	if len(logs) < leastVolume || len(ranges) == 0 {
		return
	}
	center := median(logs)
	deviations := make([]float64, len(logs))
	least := logs[0]
	for i, x := range logs {
		deviations[i] = math.Abs(x - center)
		least = min(least, x)
	}
	own := 0.0
	if b.Low > 0 && b.High > b.Low {
		own = math.Log(b.High.Float() / b.Low.Float())
	}
	of := fmt.Sprintf("usually about %s", etf.Shares(int64(math.Exp(center))))
	if b.Volume == 0 {
		if own == 0 && without == 0 && center-noneScales*spread(deviations) > fewShares {
			s.hold(ruleUnfinished, newest, 0, fmt.Sprintf("%s: flat at %s with volume 0, %s: a placeholder?", b.Session, b.Close, of))
		}
		return
	}
	volume := math.Log(b.Volume.Float())
	part := partVolume
	if s.quiet(b.Session) {
		part = quietVolume
	}
	below := max(-math.Log(part), partScales*spread(deviations))
	if center-below > fewShares && volume < min(center-below, least) && turnover(b) < median(money)-below && own <= partRange*median(ranges) {
		s.hold(ruleUnfinished, newest, center-volume, fmt.Sprintf("%s: volume %s, %s, and a range of %s: the row of an unfinished session?", b.Session, b.Volume, of, percent(math.Expm1(own))))
	}
}

// turnover is the log of the money that volume and close amount to, which a split leaves as it is.
func turnover(b etf.Bar) float64 { return math.Log(b.Volume.Float() * b.Close.Float()) }

// quiet reports whether a session is next to a holiday or has special hours.
func (s *state) quiet(session etf.Session) bool {
	if len(s.cal.SpecialHours(etf.Window{From: session, To: session})) > 0 {
		return true
	}
	before, after := etf.Session(1), etf.Session(1) // days to the neighbouring sessions in a week without a holiday
	switch session.Weekday() {
	case time.Monday:
		before = 3
	case time.Friday:
		after = 3
	}
	previous, err := s.cal.Previous(session)
	if err == nil && previous != session-before {
		return true
	}
	next, err := s.cal.Next(session)
	return err == nil && next != session+after
}

// recent returns the up to 60 bars before a row, from the store and the response, in any order.
func (s *state) recent(i int) []etf.Bar {
	const reach = 60
	var list []etf.Bar
	to := s.in.Bars[i].Session
	from := 0
	if s.ordered {
		from = max(i-reach, 0)
	}
	for k := from; k < len(s.in.Bars); k++ {
		b := s.in.Bars[k]
		if k != i && b.Session < to && s.verdicts[k] == etf.VerdictKeep {
			list = append(list, b)
		}
	}
	for _, k := range s.in.Known {
		if len(s.in.Bars) == 0 || k.Session < s.first {
			list = append(list, k.Bar)
		}
	}
	if len(list) > reach {
		slices.SortFunc(list, func(a, b etf.Bar) int { return cmp.Compare(b.Session, a.Session) })
		list = list[:reach]
	}
	return list
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
