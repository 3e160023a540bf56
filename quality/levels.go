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

// The thresholds, in daily volatilities and in log return. On the real histories the tests read (77,000 rows of
// 17 files) 7 volatilities are passed about once in 10,000 rows; the largest genuine moves of the last forty years
// stay below 12 volatilities or below 35 %: 1987-10-19 (-20.5 %), 2008-10-13 (EEM +20 %), 2020-03-16 (-11 %), and
// threefold funds on such days, whose volatility is already high.
const (
	surprising = 7.0  // a warning
	leastMove  = 0.01 // moves below 1 % are never worth a warning
	spiking    = 10.0 // a move and its return: an error beyond this and leastSpike
	unlikely   = 12.0 // no return: an error beyond this and leastShift
	lasting    = 20   // sessions on a new level after which it is taken for the true one
)

var (
	leastSpike = math.Log(1.10)
	leastShift = math.Log(1.35)
	leastSplit = math.Log(1.40) // below the 3:2 split; 4:3 counts only where a move is unlikely anyway
	sameLevel  = math.Log(1.15) // two levels closer than this are one
)

// levelBreak is a lasting change of level between two rows.
type levelBreak struct {
	row   int // first row on the new level
	log   float64
	rule  string
	score float64
	text  string
}

// checkLevels walks along the closes once and tells apart: moves like the recent ones; surprising moves (a
// warning); moves that are taken back at once (a bad tick); and changes of level that the market does not make
// (splits, units, mistakes). Which side of a change of level is at fault, blame decides.
func checkLevels(s *sheet) {
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
		if end := s.returns(rows, prev, i, move, sigma); end > 0 {
			for ; i < end; i++ {
				s.objectSpike(rows, prev, i, end, sigma)
			}
			i-- // row end is judged next, against prev
			continue
		}
		if rows[i].believed {
			prev = i // accepted already: neither objected to nor taken as a measure of volatility
			continue
		}
		if b, isBreak := s.classify(rows, prev, i, move, sigma); isBreak {
			breaks = append(breaks, b)
		} else {
			s.object(ruleJump, etf.SeverityWarning, rows[i].Session, move.size()/sigma, describe(rows, prev, i, move, sigma))
			vol.add(move.size(), floor)
		}
		prev = i
	}
	if len(breaks) > 0 {
		s.blame(rows, breaks)
	}
}

// returns finds the row at which a large move from prev to i has been taken back: the next row, or within three
// more sessions where the market does not make such moves. 0 means it has not been.
func (s *sheet) returns(rows []row, prev, i int, move change, sigma float64) int {
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
			break // neither back nor still away
		}
	}
	return 0
}

// objectSpike objects to row i between rows prev and end. A row in use already, which only today's price shows to be a
// spike, gets a warning, once: it can't be kept out of forecasts that are made.
func (s *sheet) objectSpike(rows []row, prev, i, end int, sigma float64) {
	if rows[i].believed && rows[end].believed {
		return
	}
	there, back := s.change(&rows[prev], &rows[i]), s.change(&rows[i], &rows[end])
	leg := min(there.size(), back.size())
	text := fmt.Sprintf("%s: close %s between %s on %s and %s on %s (%s, %s volatilities)", rows[i].Session, rows[i].Close,
		rows[prev].Close, rows[prev].Session, rows[end].Close, rows[end].Session, percent(math.Expm1(there.log)), short(leg/sigma))
	if !rows[i].believed && leg > spiking*sigma && min(math.Abs(there.log), math.Abs(back.log)) > leastSpike {
		s.reject(ruleSpike, rows[i].ordinal, leg/sigma, text)
	} else {
		s.object(ruleSpike, etf.SeverityWarning, rows[i].Session, leg/sigma, text)
	}
}

// classify decides whether a large move that was not taken back is a change of level the market does not make.
func (s *sheet) classify(rows []row, prev, i int, move change, sigma float64) (levelBreak, bool) {
	b := levelBreak{row: i, log: move.log, rule: ruleJump, score: move.size() / sigma, text: describe(rows, prev, i, move, sigma)}
	far := math.Abs(move.log) > max(unlikely*sigma*math.Sqrt(move.gap), leastShift)
	// The market moves on the day of a split too; beyond 12 % every jump would be near some ratio.
	slack := min(max(3*sigma*math.Sqrt(move.gap), 0.01), 0.12)

	if move.split != 0 {
		if s.in.Basis == etf.AsTraded && math.Abs(move.raw) < 0.5*math.Abs(move.split) {
			b.rule = ruleSplit
			b.text += fmt.Sprintf("; the split stated for then (factor %s) is not in the prices", short(math.Exp(move.split)))
			return b, true
		}
		if s.in.Basis != etf.AsTraded && math.Abs(move.raw+move.split) < 0.5*math.Abs(move.split) {
			b.rule = ruleSplit
			b.text += fmt.Sprintf("; the split stated for then (factor %s) is not applied to the prices before it, which should be %s", short(math.Exp(move.split)), s.in.Basis)
			return b, true
		}
	}
	// A split or a unit moves all four prices; a bad close leaves some of them where they were.
	if far && straddles(&rows[i], move) {
		b.text += fmt.Sprintf("; %s: not all of it on the new level, a bad tick?", ohlc(rows[i].Bar))
		return b, true
	}
	if _, factor, near := nearRatio(unitRatios, move.log, slack); near && far {
		b.rule = ruleUnit
		b.text += "; near a factor of " + short(factor) + ": another unit?"
		return b, true
	}
	volume, haveVolume := volumeRatio(rows, prev, i)
	// In a split volume changes as price does, the other way round.
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

// straddles reports whether some of the row's prices are still near the level the move to its close came from.
func straddles(b *row, move change) bool {
	far := func(p etf.Price) float64 {
		if p <= 0 {
			return 0
		}
		return math.Abs(math.Log(p.Float()/b.Close.Float())) / math.Abs(move.log)
	}
	return max(far(b.Open), far(b.High), far(b.Low)) > 0.6
}

// blame names the rows on the wrong side of the changes of level.
//
// Where rows are believed already, their level is the true one and the answer's rows off it are named. In a first
// answer the newest level is the true one if it has lasted 20 sessions: the older rows can't be compared with it
// until an action is recorded, and a forecast fitted across the break would be wrong, so they are named. A newer
// level is not trusted over a longer older one: then the level most rows are on stands.
func (s *sheet) blame(rows []row, breaks []levelBreak) {
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
	truth, believed := level[len(rows)-1], -1
	for i := range rows {
		if rows[i].believed {
			believed = i
		}
	}
	if believed >= 0 {
		truth = level[believed]
	} else if most := on(truth); most < lasting {
		for i := range breaks {
			if l := level[breaks[i].row-1]; on(l) > most {
				truth, most = l, on(l)
			}
		}
	}
	named := make([]int, len(breaks)) // rows named for each break
	reason := make([]int, len(rows))
	for i := range rows {
		reason[i] = -1
		if rows[i].ordinal < 0 || math.Abs(level[i]-truth) < sameLevel {
			continue
		}
		// The break next to the row on the side where the true level lies: the one after it, or the one before.
		k := cause[i] + 1
		if k == len(breaks) || !reaches(level, i, truth) {
			k = cause[i]
		}
		reason[i] = max(k, 0)
		named[reason[i]]++
	}
	told := make(map[[2]int]bool, len(breaks)) // the new session's finding is one of its own and needs the text too
	for i, k := range reason {
		if k < 0 {
			continue
		}
		text, key := "", [2]int{k, 0}
		if rows[i].Session == s.in.Session {
			key[1] = 1
		}
		if !told[key] {
			told[key] = true
			side := "from then on"
			if i < breaks[k].row {
				side = "before"
			}
			text = fmt.Sprintf("%s; on another level: %s %s", breaks[k].text, count(named[k], "row"), side)
		}
		s.reject(breaks[k].rule, rows[i].ordinal, breaks[k].score, text)
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

// volumeRatio is the log of the median volume of up to 5 rows from i on over that of up to 10 rows before.
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
