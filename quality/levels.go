package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleSpike = "price_spike"
	ruleSplit = "split_suspected"
	ruleUnit  = "unit_change"
	ruleJump  = "price_jump"
)

// The thresholds, in daily volatilities around the row. In the real histories the tests read (77,000 rows in 17 files)
// about one move in 10,000 exceeds 7 volatilities.
const (
	looking    = 4.0   // smaller moves are not looked at
	surprising = 5.95  // a move that stays: a warning
	reversed   = 5.2   // a close this far from both neighbours: a warning
	returned   = 6.0   // two or three closes this far from their neighbours: a warning
	spiking    = 11.0  // and an error
	unlikely   = 12.0  // a new close this far away is held; the market makes such moves, but rarely
	impossible = 100.0 // and these it does not make between two calm days; the volatility counts as at least 1 %
	splitLike  = 5.0   // a move by a split's ratio that volume and range confirm
	lasting    = 20    // sessions on a new level after which it counts as the true one
	longSpike  = 3     // rows that a spike has at most
)

var (
	smallestSplit = math.Log(1.2)  // below it, even the ratio 5:4 is no explanation
	surestSplit   = math.Log(1.45) // below it, a distribution or a spin-off is as likely as a split
	sameLevel     = math.Log(1.12) // two levels closer than this are the same
	mostFall      = math.Log(4)    // the market makes no larger move in a day that it takes back
)

// unstatedFall is a fall that may be a distribution in a series whose source states none.
const unstatedFall = 0.01

// levelBreak is a lasting change of level between two rows.
type levelBreak struct {
	row      int // first row on the new level
	log      float64
	rule     string
	score    float64
	text     string
	ex       etf.Session // first session on the new level, which may be untraded
	proposal *etf.Action
}

// levels is the series with its daily moves. Its slices are shared by the rules and must not be changed.
type levels struct {
	*state
	rows  []row
	moves []change  // moves[i] leads from row i-1 to row i
	sizes []float64 // of moves
}

// joined is the series as it was for some verdicts.
type joined struct {
	levels
	verdicts []etf.Verdict
	from     etf.Session
}

// levels returns the series that the present verdicts leave.
func (s *state) levels() *levels {
	if j := s.joined; j != nil && j.from == s.from && slices.Equal(j.verdicts, s.verdicts) {
		return &j.levels
	}
	l := levels{state: s, rows: s.join()}
	l.measure()
	if l.leaveOutPersons() {
		l.measure()
	}
	s.joined = &joined{l, slices.Clone(s.verdicts), s.from}
	return &s.joined.levels
}

// measure measures the moves from each row to the next.
func (l *levels) measure() {
	l.moves = make([]change, len(l.rows))
	l.sizes = make([]float64, len(l.rows))
	for i := 1; i < len(l.rows); i++ {
		l.moves[i] = l.change(&l.rows[i-1], &l.rows[i])
		l.sizes[i] = l.moves[i].size()
	}
}

// leaveOutPersons leaves out the closes that a person has given and that neither neighbour is near: the person knew that they are unusual, and
// they say nothing about the rows beside them. It reports whether there are any.
func (l *levels) leaveOutPersons() bool {
	left := make([]row, 0, len(l.rows))
	for i := range l.rows {
		if l.rows[i].person {
			usual := looking * around(l.sizes, i-1, i+1, floorAt(l.in.Exchange, l.rows[i].Close))
			if (i == 0 || l.sizes[i] > usual) && (i+1 == len(l.rows) || l.sizes[i+1] > usual) {
				continue
			}
		}
		left = append(left, l.rows[i])
	}
	some := len(left) < len(l.rows)
	l.rows = left
	return some
}

// move is the move from row a to row b.
func (l *levels) move(a, b int) change {
	if a == b-1 {
		return l.moves[b]
	}
	return l.change(&l.rows[a], &l.rows[b])
}

// checkLevels goes through the closes once and distinguishes moves like those around them; surprising moves (a
// warning); closes that the next ones take back (a bad tick); the newest close, which nothing confirms yet (held); and
// changes of level that the market does not make (splits, units, mistakes). blame decides which side of a change of level
// is wrong.
func checkLevels(s *state) {
	checkParked(s)
	l := s.levels()
	rows := l.rows
	if len(rows) < 2 {
		return
	}
	vol := newVolatility(l.sizes[1:min(len(rows), 61)])
	var breaks, jumps []levelBreak
	prev := 0 // the last row on the level
	for i := 1; i < len(rows); i++ {
		move := l.move(prev, i)
		floor := floorAt(s.in.Exchange, rows[prev].Close)
		if split := s.gapSplits[rows[i].Session]; split != nil && !rows[i].stored {
			sigma := around(l.sizes, prev, i, floor)
			breaks = append(breaks, levelBreak{row: i, log: move.log, rule: ruleSplit, score: move.size() / sigma, ex: split.Ex, proposal: split,
				text: l.describe(prev, i, move, sigma) + "; near the split " + split.Terms() + " in the gap before"})
			prev = i
			continue
		}
		if move.size() <= looking*vol.quick(floor) {
			vol.add(move.size(), floor)
			prev = i
			continue
		}
		if end := l.reversal(prev, i, floor); end > 0 {
			for ; i < end; i++ {
				l.flagSpike(prev, i, end, floor)
			}
			i-- // row end is next, compared with prev
			continue
		}
		last := i == len(rows)-1
		sigma := around(l.sizes, prev, i, floor)
		if last {
			sigma = max(vol.careful(floor), sigma)
		}
		b, isBreak := l.classify(prev, i, move, sigma)
		if !isBreak && !last && (rows[i].fresh() || rows[prev].fresh()) && math.Abs(move.log) > surestSplit && move.size() > surprising*sigma {
			jumps = append(jumps, b)
		}
		switch {
		case isBreak && rows[i].stored && (rows[i].ordinal >= 0 || rows[i].after || rows[i].person) && rows[prev].fresh():
			breaks = append(breaks, b) // between a row that comes with other prices and one in use: the source has moved older rows
		case rows[i].after && rows[prev].fresh() && !isBreak && move.size() > surprising*sigma && !l.distribution(i, move):
			l.flagJump(i, move, sigma, b)
			vol.add(move.size(), floor)
		case rows[i].stored || rows[i].ordinal < 0: // in use already, or not in the response: nothing to report
			if move.size() <= surprising*sigma {
				vol.add(move.size(), floor)
			}
		case isBreak:
			breaks = append(breaks, b)
		case move.size() <= surprising*sigma || l.distribution(i, move):
			vol.add(move.size(), floor)
		case last && move.size() > unlikely*sigma && l.holdSurprise(prev, i, move, sigma):
		case last && rows[i].fresh() && l.holdContradicted(prev, i, move, sigma):
		case rows[i].held:
			s.flag(ruleHeld, etf.SeverityInfo, rows[i].Session, move.size()/sigma, b.text+"; believed: "+l.confirmation(i))
			vol.add(move.size(), floor)
		default:
			l.flagJump(i, move, sigma, b)
			vol.add(move.size(), floor)
		}
		prev = i
	}
	if len(breaks) > 0 {
		l.blame(withReturns(breaks, jumps))
	}
}

// withReturns adds the moves by which a change of level is taken back, or which it takes back: they are changes of level too, although the market
// might make them. Both lists are in order of rows.
func withReturns(breaks, jumps []levelBreak) []levelBreak {
	undoes := func(a, b levelBreak) bool { return math.Abs(a.log+b.log) <= max(sameLevel, 0.1*math.Abs(b.log)) }
	all := slices.Clone(breaks)
	for k, b := range breaks {
		if math.Abs(b.log) < mostFall { // a fall, and later a reverse split
			continue
		}
		if k > 0 && undoes(breaks[k-1], b) || k+1 < len(breaks) && undoes(breaks[k+1], b) {
			continue
		}
		nearest := -1
		away := func(i int) int { return max(jumps[i].row-b.row, b.row-jumps[i].row) }
		for i, j := range jumps {
			if between := k > 0 && j.row < breaks[k-1].row || k+1 < len(breaks) && j.row > breaks[k+1].row; between || !undoes(j, b) {
				continue
			}
			if nearest < 0 || away(i) < away(nearest) {
				nearest = i
			}
		}
		if nearest >= 0 {
			j := jumps[nearest]
			j.rule = b.rule
			all = append(all, j)
		}
	}
	slices.SortFunc(all, func(a, b levelBreak) int { return cmp.Compare(a.row, b.row) })
	return slices.CompactFunc(all, func(a, b levelBreak) bool { return a.row == b.row })
}

// flagJump warns of a surprising move to row i that stays.
func (l *levels) flagJump(i int, move change, sigma float64, b levelBreak) {
	f := flag{rule: ruleJump, severity: etf.SeverityWarning, session: l.rows[i].Session, score: move.size() / sigma, text: b.text}
	if b.proposal != nil {
		f.level, f.proposal = b.ex, b.proposal
	}
	l.flags = append(l.flags, f)
}

// distribution reports whether the move to row i may be a distribution that nobody states: a small fall, the newest of all
// or one of several alike.
func (l *levels) distribution(i int, move change) bool {
	if len(l.cash) > 0 || l.in.Basis == etf.TotalAdjusted || move.log >= 0 || move.log < -unstatedFall {
		return false
	}
	if i == len(l.rows)-1 {
		return true
	}
	const quarter = 70 // sessions
	for k := max(i-quarter, 1); k < min(i+quarter, len(l.rows)); k++ {
		if like := l.moves[k].log / move.log; k != i && like > 0.5 && like < 2 {
			return true
		}
	}
	return false
}

// reversal finds the row by which a move from prev to i has been reversed, one of the next three. 0 means that it has not
// been reversed. The two moves, there and back, must stand out together, and what remains of them must not.
func (l *levels) reversal(prev, i int, floor float64) int {
	there := l.move(prev, i).log
	for length := 1; length <= longSpike && i+length < len(l.rows); length++ {
		end := i + length
		sigma := around(l.sizes, prev, end, floor)
		net := l.move(prev, end)
		back := l.move(end-1, end).log
		if there*back >= 0 {
			continue
		}
		leg := (math.Abs(there) + math.Abs(back)) / 2
		rest := max(3*sigma*math.Sqrt(net.gap), 0.3*leg)
		// A held close that is taken back for the most part was not right.
		if length == 1 && (l.rows[i].held || end == len(l.rows)-1) && leg > unlikely*sigma {
			rest = 0.5 * math.Abs(there)
		}
		gap := math.Sqrt(max(l.move(prev, i).gap, l.move(end-1, end).gap))
		threshold := reversed
		if length > 1 {
			threshold = returned
		}
		if leg > threshold*sigma*gap && math.Abs(net.log) <= rest {
			return end
		}
		// Neither reversed nor still on the new level?
		if math.Abs(l.move(i, end).log) > max(3*sigma*math.Sqrt(float64(length)), 0.3*math.Abs(there)) {
			break
		}
	}
	return 0
}

// flagSpike reports row i, between rows prev and end, as a spike. A row in use already that only today's price reveals
// as a spike gets one warning: it can't be kept out of the forecasts already issued.
func (l *levels) flagSpike(prev, i, end int, floor float64) {
	rows := l.rows
	if rows[i].person {
		return // who gave it saw that it is unusual
	}
	// Between a new row and stored ones after the response, the new row reveals it.
	revealed := rows[i].after && rows[prev].fresh()
	if rows[i].ordinal < 0 && !rows[i].stored || rows[i].stored && rows[end].stored && !revealed {
		return
	}
	sigma := around(l.sizes, prev, end, floor)
	there, back := l.move(prev, i), l.move(i, end)
	leg := (math.Abs(there.log) + math.Abs(back.log)) / 2 / math.Sqrt(max(there.gap, l.move(end-1, end).gap))
	text := fmt.Sprintf("%s: close %s between %s on %s and %s on %s (%s, %s daily volatilities of %s)", rows[i].Session, rows[i].Close,
		rows[prev].Close, rows[prev].Session, rows[end].Close, rows[end].Session, percent(math.Expm1(there.log)), short(leg/sigma), fraction(sigma))
	if !rows[i].stored && leg > spiking*sigma {
		l.quarantine(ruleSpike, rows[i].ordinal, leg/sigma, text)
	} else {
		l.flag(ruleSpike, etf.SeverityWarning, rows[i].Session, leg/sigma, text)
	}
}

// classify decides whether a large move that was not reversed is a change of level the market does not make. The text of
// the break describes the move in any case.
func (l *levels) classify(prev, i int, move change, sigma float64) (levelBreak, bool) {
	s, row := l.state, &l.rows[i]
	b := levelBreak{row: i, log: move.log, rule: ruleJump, score: move.size() / sigma, text: l.describe(prev, i, move, sigma), ex: row.Session}
	// The market moves on the day of a split too; with more slack than 12 %, every jump would be near some ratio.
	slack := min(max(3*sigma*math.Sqrt(move.gap), 0.01), 0.12)

	if move.split != 0 && move.size() > surprising*sigma {
		if s.in.Basis == etf.AsTraded && math.Abs(move.raw) < 0.5*math.Abs(move.split) {
			b.rule = ruleSplit
			b.text += fmt.Sprintf("; the stated split (factor %s) is not in the prices", short(math.Exp(move.split)))
			return b, true
		}
		if s.in.Basis != etf.AsTraded && math.Abs(move.raw+move.split) < 0.5*math.Abs(move.split) {
			b.rule = ruleSplit
			b.text += fmt.Sprintf("; the stated split (factor %s) is not applied to the prices before it, although their basis is %s", short(math.Exp(move.split)), s.in.Basis)
			if stated := s.between(s.splits, l.rows[prev].Session, row.Session); len(stated) == 1 {
				split := stated[0]
				b.proposal = &split
			}
			return b, true
		}
	}
	size := math.Abs(move.log)
	if size < smallestSplit || move.size() <= splitLike*sigma {
		return b, false
	}
	e := l.signs(prev, i, move, sigma)
	if e.haveVolume {
		b.text += ", volume times " + short(math.Exp(e.volume))
	}
	far := move.size() > unlikely*sigma
	if factor, near := nearUnit(move.log, slack); near && far && !e.inverse && !e.straddles {
		b.rule = ruleUnit
		b.text += fmt.Sprintf("; near a factor of %d: a change of unit?", factor)
		return b, true
	}
	reach := slack
	if e.inverse {
		reach = min(max(5*sigma*math.Sqrt(move.gap), 0.02), 0.12)
	}
	if ratio, off, near := nearSplit(move.log, e.overnight, sigma, reach); near {
		ex := l.firstOn(prev, i)
		// In a fund that moves by several percent a day, every move is near some ratio: then the volume must agree, or the move
		// be that of a usual split very nearly.
		tight := off <= min(max(1.5*sigma*math.Sqrt(move.gap), 0.01), 0.12)
		telling := tight && (ratio.unusual < 2 && sigma < 0.03 || off <= 0.03 && ratio.unusual == 0 && e.calm)
		if size > surestSplit || tight {
			b.proposal = ratio.split(move.log, ex)
			b.text += "; near the split " + b.proposal.Terms()
		}
		certain := far && (telling || e.inverse) || tight && e.inverse && (e.calm || move.size() > surprising*sigma)
		if certain && size > surestSplit && e.mechanical && !e.refuted {
			b.rule, b.ex = ruleSplit, ex
			return b, true
		}
	}
	if e.mechanical && far && e.inverse && math.Abs(e.volume) > math.Log(3) {
		b.text += ": the volume changes the other way, as in a split"
		return b, true
	}
	if size > impossible*max(sigma, 0.01) && !e.wild {
		if e.straddles {
			b.text += fmt.Sprintf("; %s: not all on the new level, a bad tick?", ohlc(row.Bar))
		}
		b.text += "; no market moves so far between two calm days"
		return b, true
	}
	return b, false
}

// signs are what, besides its size, tells a change of level from a move that the market makes.
type signs struct {
	overnight  float64 // log return to the open; that to the close where there is no open
	volume     float64 // log of the volume from the row on over that before
	haveVolume bool
	inverse    bool // the volume changes by about the inverse of the price ratio, as in a split
	refuted    bool // the volume changes by far more or otherwise
	straddles  bool // some of the row's prices are near the level that its close has left, as in a crash or a bad tick
	calm       bool // the row's range is known, and small compared with the move
	wild       bool // the days after it are wild, as after a crash
	mechanical bool // nothing says that the fund traded its way to the new level
}

func (l *levels) signs(prev, i int, move change, sigma float64) signs {
	row, size := &l.rows[i], math.Abs(move.log)
	e := signs{overnight: move.log, straddles: straddles(row, move), wild: l.wild(i, move, floorAt(l.in.Exchange, l.rows[prev].Close))}
	if row.Open > 0 {
		e.overnight += math.Log(row.Open.Float() / row.Close.Float())
	}
	e.volume, e.haveVolume = volumeRatio(l.rows, prev, i)
	if e.haveVolume {
		off := math.Abs(e.volume + move.log)
		e.inverse = e.volume*move.log < 0 && math.Abs(e.volume) > math.Log(1.3) && off < math.Log(2.2) && off < math.Abs(e.volume)
		most := math.Log(4) // one or two volumes may be those of unusual days
		if i+3 <= len(l.rows) {
			most = math.Log(2.5)
		}
		e.refuted = !e.inverse && math.Abs(e.volume) > most/2 && off > most
	}
	wide := false
	if row.High > row.Low && row.Low > 0 {
		spread := math.Log(row.High.Float() / row.Low.Float())
		e.calm, wide = spread < 0.4*size, spread > max(0.5*size, 4*sigma)
	}
	e.mechanical = !e.straddles && !e.wild && !wide
	return e
}

// wild reports whether the returns after row i are much larger than those before it, and not small compared with the move
// to it, as after a crash.
func (l *levels) wild(i int, move change, floor float64) bool {
	before, after := l.sizes[max(i-localReach, 1):i], l.sizes[i+1:min(i+1+10, len(l.sizes))]
	return len(before) >= 5 && len(after) >= 3 && spread(after) > max(2.5*spread(before), 2.5*floor, 0.04*math.Abs(move.log))
}

// firstOn is the first session on the level of row i, which may be one without a trade between rows prev and i.
func (l *levels) firstOn(prev, i int) etf.Session {
	for k, b := range l.in.Bars {
		if l.verdicts[k] == etf.VerdictKeep && untraded(b) && b.Session > l.rows[prev].Session && b.Session < l.rows[i].Session &&
			nearer(b.Close, l.rows[i].Close, l.rows[prev].Close) {
			return min(b.Session, l.firstAmong(k, i))
		}
	}
	return l.rows[i].Session
}

// firstAmong is the earliest untraded session on the level of row i in the response's rows from k on.
func (l *levels) firstAmong(k, i int) etf.Session {
	first := l.in.Bars[k].Session
	for _, b := range l.in.Bars[k:] {
		if untraded(b) && b.Session < first && b.Session > l.rows[i-1].Session && nearer(b.Close, l.rows[i].Close, l.rows[i-1].Close) {
			first = b.Session
		}
	}
	return first
}

// nearer reports whether a price is nearer to one price than to another, in ratio.
func nearer(p, to, than etf.Price) bool {
	return math.Abs(math.Log(p.Float()/to.Float())) < math.Abs(math.Log(p.Float()/than.Float()))
}

// straddles reports whether some of the row's prices are still near the level that its close has left.
func straddles(b *row, move change) bool {
	far := func(p etf.Price) float64 {
		if p <= 0 {
			return 0
		}
		return math.Abs(math.Log(p.Float()/b.Close.Float())) / math.Abs(move.log)
	}
	return max(far(b.Open), far(b.High), far(b.Low)) > 0.6
}

// blame quarantines the rows on the wrong side of the changes of level.
//
// If rows are in use already, theirs is the true level, and the response's rows on another one are wrong. In a first
// response the newest level is the true one if it has lasted 20 sessions: the older rows can't be compared with it
// until an action is recorded, and a forecast fitted across the break would be wrong. A shorter new level does not
// outweigh a longer old one: then the level of most rows is the true one. If the newest level is the oldest too, what lies
// in between is wrong.
func (l *levels) blame(breaks []levelBreak) {
	rows := l.rows
	level := make([]float64, len(rows)) // relative to the first row, breaks only
	cause := make([]int, len(rows))     // the last break at or before the row
	sum, b := 0.0, -1
	for i := range rows {
		if b+1 < len(breaks) && breaks[b+1].row == i {
			b++
			sum += breaks[b].log
		}
		level[i], cause[i] = sum, b
	}
	on := func(l float64) (n int) {
		for _, x := range level {
			if math.Abs(x-l) < sameLevel {
				n++
			}
		}
		return n
	}
	truth, lastStored := level[len(rows)-1], -1
	for i := range rows {
		if rows[i].stored && !rows[i].person {
			lastStored = i
		}
	}
	if lastStored >= 0 {
		truth = level[lastStored]
	} else if most := on(truth); most < lasting && math.Abs(truth-level[0]) > sameLevel {
		for i := range breaks {
			if l := level[breaks[i].row-1]; on(l) > most {
				truth, most = l, on(l)
			}
		}
	}
	reason := make([]int, len(rows)) // the break that a row is blamed on
	for i := range rows {
		reason[i] = -1
		if math.Abs(level[i]-truth) < sameLevel {
			continue
		}
		// The nearest break on the side of the true level: the one after the row, or else the one before.
		k := cause[i] + 1
		if k == len(breaks) || !reaches(level, i, truth) {
			k = cause[i]
		}
		reason[i] = max(k, 0)
	}
	type named struct {
		ordinal, breakIndex int
		before              bool
	}
	var list []named
	counts := make([]int, len(breaks)) // rows blamed on each break
	add := func(ordinal, k int, before bool) {
		list = append(list, named{ordinal, k, before})
		counts[k]++
	}
	for i, k := range reason {
		if k >= 0 && rows[i].ordinal >= 0 {
			add(rows[i].ordinal, k, i < breaks[k].row)
		}
	}
	// A session without a trade belongs to the level of the close that it carries.
	for o, bar := range l.in.Bars {
		if l.verdicts[o] != etf.VerdictKeep || !untraded(bar) || bar.Session < l.from {
			continue
		}
		if i := l.like(bar); i >= 0 && reason[i] >= 0 {
			add(o, reason[i], i < breaks[reason[i]].row)
		}
	}
	written := make(map[[2]int]bool, len(breaks)) // the new session has a separate finding, which needs the text too
	for _, n := range list {
		at := &breaks[n.breakIndex]
		text, key := "", [2]int{n.breakIndex, 0}
		if l.in.Bars[n.ordinal].Session == l.in.Session {
			key[1] = 1
		}
		if !written[key] {
			side := "from that session on"
			if n.before {
				side = "before"
			}
			text = fmt.Sprintf("%s; on another level: %s %s", at.text, count(counts[n.breakIndex], "row"), side)
		}
		f := flag{rule: at.rule, score: at.score, text: text}
		if len(breaks) <= mostLevels { // a series with more is garbage: one finding says so
			f.level, f.proposal = at.ex, at.proposal
		}
		before := len(l.flags)
		l.quarantineAs(f, n.ordinal)
		written[key] = written[key] || len(l.flags) > before // not for a row in use already
	}
}

// mostLevels is how many changes of level get a finding of their own.
const mostLevels = 20

// like is the row whose level an untraded session carries: of the traded rows before and after it, the one with the nearer
// close, the earlier if they are about as near. -1 if there is neither.
func (l *levels) like(b etf.Bar) int {
	lo, hi := 0, len(l.rows)
	for lo < hi {
		if mid := (lo + hi) / 2; l.rows[mid].Session < b.Session {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	before, after := lo-1, lo
	switch {
	case after == len(l.rows):
		return before
	case before < 0 || nearer(b.Close, l.rows[after].Close, l.rows[before].Close):
		return after
	}
	return before
}

// reaches reports whether some row after i is on the true level.
func reaches(level []float64, i int, truth float64) bool {
	for _, l := range level[i+1:] {
		if math.Abs(l-truth) < sameLevel {
			return true
		}
	}
	return false
}

// volumeRatio is the log of the ratio of two median volumes: of up to 5 rows from i on, and of up to 10 rows up to prev.
func volumeRatio(rows []row, prev, i int) (float64, bool) {
	before, after := volumes(rows[max(prev-9, 0):prev+1]), volumes(rows[i:min(i+5, len(rows))])
	if len(before) == 0 || len(after) == 0 {
		return 0, false
	}
	return math.Log(median(after) / median(before)), true
}

// volumes returns the volumes of the rows that have one.
func volumes(rows []row) []float64 {
	var out []float64
	for _, r := range rows {
		if r.Volume > 0 {
			out = append(out, r.Volume.Float())
		}
	}
	return out
}

func (l *levels) describe(prev, i int, move change, sigma float64) string {
	return fmt.Sprintf("%s: close %s after %s on %s (%s, %s daily volatilities of %s)", l.rows[i].Session, l.rows[i].Close,
		l.rows[prev].Close, l.rows[prev].Session, percent(math.Expm1(move.raw)), short(move.size()/sigma), fraction(sigma))
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }

// fraction writes a volatility in percent.
func fraction(sigma float64) string { return strconv.FormatFloat(100*sigma, 'g', 2, 64) + "%" }
