package quality

import (
	"fmt"
	"math"
	"strconv"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleSpike = "price_spike"
	ruleSplit = "split_suspected"
	ruleUnit  = "unit_change"
	ruleJump  = "price_jump"
)

// The thresholds, in daily volatilities and in log return. In the real histories the tests read (77,000 rows in
// 17 files) about one move in 10,000 exceeds 7 volatilities; the largest genuine moves of the last forty years
// stay below 12 volatilities or below 35 %: 1987-10-19 (-20.5 %), 2008-10-13 (EEM +20 %), 2020-03-16 (-11 %), and
// triple-leveraged funds on such days, whose volatility is already high.
const (
	surprising = 7.0  // a warning
	leastMove  = 0.01 // moves below 1 % are never worth a warning
	spiking    = 10.0 // a move that is reversed: an error beyond this and leastSpike
	unlikely   = 12.0 // a move that is not: an error beyond this and leastShift
	lasting    = 20   // sessions on a new level after which it counts as the true one
)

var (
	leastSpike = math.Log(1.10)
	leastShift = math.Log(1.35)
	leastSplit = math.Log(1.40) // below the 3:2 split; 4:3 counts only if the move is unlikely anyway
	sameLevel  = math.Log(1.15) // two levels closer than this are the same
)

// levelBreak is a lasting change of level between two rows.
type levelBreak struct {
	row   int // first row on the new level
	log   float64
	rule  string
	score float64
	text  string
}

// checkLevels goes through the closes once and distinguishes moves like the recent ones; surprising moves (a
// warning); moves that are reversed at once (a bad tick); and changes of level that the market does not make
// (splits, units, mistakes). blame decides which side of a change of level is wrong.
func checkLevels(s *state) {
	rows := s.series()
	if len(rows) < 2 {
		return
	}
	first := make([]float64, 0, 60)
	for i := 1; i < len(rows) && len(first) < cap(first); i++ {
		first = append(first, s.change(&rows[i-1], &rows[i]).size())
	}
	vol := newVolatility(first)
	var breaks []levelBreak
	prev := 0 // the last row on the level
	for i := 1; i < len(rows); i++ {
		move := s.change(&rows[prev], &rows[i])
		floor := floorAt(s.in.Exchange, rows[prev].Close)
		usual := func(sigma float64) bool {
			return math.Abs(move.log) <= leastMove || move.size() <= surprising*sigma
		}
		if usual(vol.quick(floor)) || usual(vol.careful(floor)) {
			vol.add(move.size(), floor)
			prev = i
			continue
		}
		sigma := vol.careful(floor)
		if end := s.reversal(rows, prev, i, move, sigma); end > 0 {
			for ; i < end; i++ {
				s.flagSpike(rows, prev, i, end, sigma)
			}
			i-- // row end is next, compared with prev
			continue
		}
		if rows[i].stored {
			prev = i // in use already: neither reported nor added to the volatility
			continue
		}
		if b, isBreak := s.classify(rows, prev, i, move, sigma); isBreak {
			breaks = append(breaks, b)
		} else {
			s.flag(ruleJump, etf.SeverityWarning, rows[i].Session, move.size()/sigma, describe(rows, prev, i, move, sigma))
			vol.add(move.size(), floor)
		}
		prev = i
	}
	if len(breaks) > 0 {
		s.blame(rows, breaks)
	}
}

// reversal finds the row by which a large move from prev to i has been reversed: the next row, or one of the next three
// if the market does not make such moves. 0 means that it has not been reversed.
func (s *state) reversal(rows []row, prev, i int, move change, sigma float64) int {
	longest := 1
	if math.Abs(move.log) > max(unlikely*sigma*math.Sqrt(move.gap), leastShift) {
		longest = 3
	}
	for length := 1; length <= longest && i+length < len(rows); length++ {
		end := i + length
		net := s.change(&rows[prev], &rows[end])
		if math.Abs(net.log) <= max(3*sigma*math.Sqrt(net.gap), 0.3*math.Abs(move.log)) {
			back := s.change(&rows[end-1], &rows[end])
			if back.log*move.log < 0 && back.size() > surprising*sigma && math.Abs(back.log) > leastMove {
				return end
			}
		}
		if math.Abs(s.change(&rows[i], &rows[end]).log) > 0.3*math.Abs(move.log) {
			break // neither reversed nor still on the new level
		}
	}
	return 0
}

// flagSpike reports row i, between rows prev and end, as a spike. A row in use already that only today's price reveals
// as a spike gets one warning: it can't be kept out of the forecasts already issued.
func (s *state) flagSpike(rows []row, prev, i, end int, sigma float64) {
	if rows[i].stored && rows[end].stored {
		return
	}
	there, back := s.change(&rows[prev], &rows[i]), s.change(&rows[i], &rows[end])
	leg := min(there.size(), back.size())
	text := fmt.Sprintf("%s: close %s between %s on %s and %s on %s (%s, %s daily volatilities)", rows[i].Session, rows[i].Close,
		rows[prev].Close, rows[prev].Session, rows[end].Close, rows[end].Session, percent(math.Expm1(there.log)), short(leg/sigma))
	if !rows[i].stored && leg > spiking*sigma && min(math.Abs(there.log), math.Abs(back.log)) > leastSpike {
		s.quarantine(ruleSpike, rows[i].ordinal, leg/sigma, text)
	} else {
		s.flag(ruleSpike, etf.SeverityWarning, rows[i].Session, leg/sigma, text)
	}
}

// classify decides whether a large move that was not reversed is a change of level the market does not make.
func (s *state) classify(rows []row, prev, i int, move change, sigma float64) (levelBreak, bool) {
	b := levelBreak{row: i, log: move.log, rule: ruleJump, score: move.size() / sigma, text: describe(rows, prev, i, move, sigma)}
	far := math.Abs(move.log) > max(unlikely*sigma*math.Sqrt(move.gap), leastShift)
	// The market moves on the day of a split too; with more slack than 12 %, every jump would be near some ratio.
	slack := min(max(3*sigma*math.Sqrt(move.gap), 0.01), 0.12)

	if move.split != 0 {
		if s.in.Basis == etf.AsTraded && math.Abs(move.raw) < 0.5*math.Abs(move.split) {
			b.rule = ruleSplit
			b.text += fmt.Sprintf("; the stated split (factor %s) is not in the prices", short(math.Exp(move.split)))
			return b, true
		}
		if s.in.Basis != etf.AsTraded && math.Abs(move.raw+move.split) < 0.5*math.Abs(move.split) {
			b.rule = ruleSplit
			b.text += fmt.Sprintf("; the stated split (factor %s) is not applied to the prices before it, although their basis is %s", short(math.Exp(move.split)), s.in.Basis)
			return b, true
		}
	}
	// A split or a change of unit moves all four prices; a bad close leaves some of them where they were.
	if far && straddles(&rows[i], move) {
		b.text += fmt.Sprintf("; %s: not all on the new level, a bad tick?", ohlc(rows[i].Bar))
		return b, true
	}
	if _, factor, near := nearRatio(unitRatios, move.log, slack); near && far {
		b.rule = ruleUnit
		b.text += "; near a factor of " + short(factor) + ": a change of unit?"
		return b, true
	}
	volume, haveVolume := volumeRatio(rows, prev, i)
	// A split changes volume by the inverse of the price ratio.
	supported := haveVolume && volume*move.log < 0 && math.Abs(volume) > math.Log(1.3) && math.Abs(volume+move.log) < math.Log(2.2)
	if ratio, _, near := nearRatio(splitRatios, move.log, slack); near && (far || supported && math.Abs(move.log) > leastSplit && move.size() > 8*sigma) {
		if !haveVolume || supported || math.Abs(volume) < math.Log(2.2) {
			b.rule = ruleSplit
		}
		b.text += "; near the split " + ratio
		if haveVolume {
			b.text += ", volume times " + short(math.Exp(volume))
		}
		return b, true
	}
	return b, far
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
// outweigh a longer old one: then the level of most rows is the true one.
func (s *state) blame(rows []row, breaks []levelBreak) {
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
		if rows[i].stored {
			lastStored = i
		}
	}
	if lastStored >= 0 {
		truth = level[lastStored]
	} else if most := on(truth); most < lasting {
		for i := range breaks {
			if l := level[breaks[i].row-1]; on(l) > most {
				truth, most = l, on(l)
			}
		}
	}
	named := make([]int, len(breaks)) // rows blamed on each break
	reason := make([]int, len(rows))
	for i := range rows {
		reason[i] = -1
		if rows[i].ordinal < 0 || math.Abs(level[i]-truth) < sameLevel {
			continue
		}
		// The nearest break on the side of the true level: the one after the row, or else the one before.
		k := cause[i] + 1
		if k == len(breaks) || !reaches(level, i, truth) {
			k = cause[i]
		}
		reason[i] = max(k, 0)
		named[reason[i]]++
	}
	written := make(map[[2]int]bool, len(breaks)) // the new session has a separate finding, which needs the text too
	for i, k := range reason {
		if k < 0 {
			continue
		}
		text, key := "", [2]int{k, 0}
		if rows[i].Session == s.in.Session {
			key[1] = 1
		}
		if !written[key] {
			written[key] = true
			side := "from that session on"
			if i < breaks[k].row {
				side = "before"
			}
			text = fmt.Sprintf("%s; on another level: %s %s", breaks[k].text, count(named[k], "row"), side)
		}
		s.quarantine(breaks[k].rule, rows[i].ordinal, breaks[k].score, text)
	}
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
	pick := func(rows []row) []float64 {
		var out []float64
		for _, r := range rows {
			if r.Volume > 0 {
				out = append(out, r.Volume.Float())
			}
		}
		return out
	}
	before := pick(rows[max(prev-9, 0) : prev+1])
	after := pick(rows[i:min(i+5, len(rows))])
	if len(before) == 0 || len(after) == 0 {
		return 0, false
	}
	return math.Log(median(after) / median(before)), true
}

func describe(rows []row, prev, i int, move change, sigma float64) string {
	return fmt.Sprintf("%s: close %s after %s on %s (%s, %s daily volatilities of %s)", rows[i].Session, rows[i].Close,
		rows[prev].Close, rows[prev].Session, percent(math.Expm1(move.raw)), short(move.size()/sigma), percent(sigma))
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 3, 64) }
