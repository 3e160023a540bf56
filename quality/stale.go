package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleStale = "stale_close"

const (
	// leastRun is the shortest run of unchanged closes considered: 4 changes of 0, which is five equal closes.
	leastRun = 4
	// oneYear bounds the stretch over which a run must be improbable, so that it is no more probable to be found in a short
	// history than in a long one.
	oneYear = 250
	// improbable is how many such runs are expected in a year at most.
	improbable = 1e-3
	// tickWeight is how many changes the chance of an unchanged close that follows from tick and volatility counts for.
	tickWeight = 20
	// wideTicks is the least range, in ticks, of a bar whose four prices don't repeat by chance.
	wideTicks = 10
	// outOfPlace is how many times as far from its neighbours as the other one a stretch is that plainly is the copy.
	outOfPlace = 4.0
	// mostRepeated is the share of a response's rows beyond which repeats are how the series is, not a defect.
	mostRepeated = 0.6
)

// checkStale looks for repeated prices: a traded bar with the same four prices as the bar before; a run of equal closes too
// long to be chance; and bars that repeat those of other sessions.
func checkStale(s *state) {
	rows := s.series()
	if len(rows) < 2 {
		return
	}
	s.checkRepeatedBars(rows)
	s.checkBlocks(rows)
	s.checkRuns(rows)
}

// checkRepeatedBars reports bars that repeat the one before.
func (s *state) checkRepeatedBars(rows []row) {
	for i := 1; i < len(rows); i++ {
		a, b := rows[i-1], rows[i]
		if b.fresh() && s.preferred[a.Session] {
			// A source that repeats its last row repeats its own, not the preferred source's.
			if own := s.ownRow(a.Session); own != nil && repeats(own, &b.Bar) {
				a.Bar = *own
			}
		}
		revealed := b.after && a.fresh() // by the new row before it
		if b.ordinal < 0 && !revealed || b.Volume <= 0 || b.High == b.Low || !repeats(&a.Bar, &b.Bar) || b.at-a.at > 1 || s.unchanged(b.Bar) && !revealed {
			continue
		}
		// A range of a few ticks may repeat by chance; one of ten or more, or with the same volume, does not.
		if s.wide(&b) || a.Volume == b.Volume {
			s.flag(ruleStale, etf.SeverityWarning, b.Session, 1, fmt.Sprintf("%s repeats the prices of %s: %s; volume %s after %s", b.Session, a.Session, ohlc(b.Bar), b.Volume, a.Volume))
		}
	}
}

// ownRow is the response's row of a session; nil if there is none.
func (s *state) ownRow(session etf.Session) *etf.Bar {
	for i := range s.in.Bars {
		if s.in.Bars[i].Session == session {
			return &s.in.Bars[i]
		}
	}
	return nil
}

func repeats(a, b *etf.Bar) bool {
	return a.Open == b.Open && a.High == b.High && a.Low == b.Low && a.Close == b.Close
}

// wide reports whether the bar's prices are too far apart to repeat by chance.
func (s *state) wide(b *row) bool {
	return b.High-b.Low >= wideTicks*smallestTick(s.in.Exchange, b.Close)
}

// block is rows from..to, which repeat those from..to less back.
type block struct{ from, to, back int }

// checkBlocks reports stretches of rows that repeat earlier ones: a window copied to other dates. One bar repeated with its
// volume, or two running, are no chance if their ranges are wide. Both stretches are named, unless one of them plainly fits
// its neighbours less well.
func (s *state) checkBlocks(rows []row) {
	seen := make(map[uint64]int, len(rows)) // by hash of the prices
	var blocks []block
	repeated := 0
	for i := range rows {
		b := &rows[i]
		if b.Volume == 0 || !s.wide(b) {
			continue
		}
		key := uint64(b.Close)
		for _, p := range [...]etf.Price{b.Open, b.High, b.Low} {
			key = key*0x9e3779b97f4a7c15 ^ uint64(p)
		}
		at, found := seen[key]
		found = found && repeats(&rows[at].Bar, &b.Bar)
		// In a repeated stretch the row to compare with is the next one, though the prices may have come later too.
		if n := len(blocks); n > 0 && blocks[n-1].to == i-1 && repeats(&rows[i-blocks[n-1].back].Bar, &b.Bar) {
			blocks[n-1].to = i
			repeated++
		} else if found {
			blocks = append(blocks, block{i, i, i - at})
			repeated++
		}
		seen[key] = i
	}
	if repeated == 0 || float64(repeated) > mostRepeated*float64(len(rows)) {
		return
	}
	for _, k := range blocks {
		volumes := 0
		for i := k.from; i <= k.to; i++ {
			if v := rows[i].Volume; v == rows[i-k.back].Volume && v >= etf.Shares(100) {
				volumes++
			}
		}
		if k.back == 1 && k.from == k.to || k.to-k.from < 1 && volumes == 0 {
			continue // the bar before is checkRepeatedBars'
		}
		text := fmt.Sprintf("%s from %s to %s repeat those from %s to %s", count(k.to-k.from+1, "bar"), rows[k.from].Session, rows[k.to].Session,
			rows[k.from-k.back].Session, rows[k.to-k.back].Session)
		here, there := s.joint(rows, k.from, k.to), s.joint(rows, k.from-k.back, k.to-k.back)
		score := float64(k.to - k.from + 1)
		plain := func(joint, other float64, at int) bool {
			return joint > outOfPlace*other && joint > surprising*s.sigmaAround(rows, at)
		}
		if !plain(here, there, k.from) {
			text = s.flagRows(rows[k.from-k.back:k.to-k.back+1], score, text)
		}
		if !plain(there, here, k.from-k.back) {
			s.flagRows(rows[k.from:k.to+1], score, text)
		}
	}
}

// joint is how far the closes at the ends of rows from..to are from those beside them, on the greater side.
func (s *state) joint(rows []row, from, to int) float64 {
	far := 0.0
	if from > 0 {
		far = max(far, s.change(&rows[from-1], &rows[from]).size())
	}
	if to+1 < len(rows) {
		far = max(far, s.change(&rows[to], &rows[to+1]).size())
	}
	return far
}

// flagRows warns of the rows of the response among rows that are not stored already, and returns the text if there are none.
func (s *state) flagRows(rows []row, score float64, text string) string {
	for _, r := range rows {
		if r.ordinal >= 0 && !s.unchanged(r.Bar) {
			s.flag(ruleStale, etf.SeverityWarning, r.Session, score, text)
			text = ""
		}
	}
	return text
}

// checkRuns reports runs of equal closes that are improbable given how often this fund's close stays the same on other
// days, in the whole series and around the run, and given its tick and volatility.
func (s *state) checkRuns(rows []row) {
	still := make([]int, len(rows)+1) // unchanged closes among the rows before
	for i := range rows {
		still[i+1] = still[i]
		if i > 0 && rows[i].Close == rows[i-1].Close {
			still[i+1]++
		}
	}
	for i := 1; i < len(rows); {
		j := i
		for j < len(rows) && rows[j].Close == rows[j-1].Close {
			j++
		}
		if j-i >= leastRun {
			s.checkRun(rows, still, i, j)
		}
		i = max(j, i+1)
	}
}

// checkRun reports the unchanged closes of rows i..j-1, if they are improbable.
func (s *state) checkRun(rows []row, still []int, i, j int) {
	if (rows[j-1].ordinal < 0 || s.unchanged(rows[j-1].Bar)) && !rows[j-1].after {
		return
	}
	tick := s.tickChance(rows, i, j)
	run := j - i
	share := func(from, to int) float64 { // of unchanged closes in rows from..to-1, the run left out; at most, by two deviations
		n := float64(to-from-run) + tickWeight
		p := (float64(still[to]-still[from]-run) + tickWeight*tick) / n
		return min(1, p+2*math.Sqrt(p*(1-p)/n))
	}
	chance := max(share(1, len(rows)), share(max(1, i-oneYear/2), min(len(rows), j+oneYear/2)))
	if float64(min(len(rows)-1, oneYear))*math.Pow(chance, float64(run)) >= improbable {
		return
	}
	s.flagRows(rows[i:j], float64(run), fmt.Sprintf("close %s unchanged from %s to %s (%d sessions); this fund's close stays the same on at most %s of other days",
		rows[i].Close, rows[i-1].Session, rows[j-1].Session, run+1, percent(chance)))
}

// tickChance is the chance of an unchanged close that follows from the tick and the volatility around the run: that a normal
// variable of that deviation rounds to 0.
func (s *state) tickChance(rows []row, i, j int) float64 {
	var sizes []float64
	add := func(from, to int) {
		for k := max(from, 1); k < min(to, len(rows)); k++ {
			sizes = append(sizes, s.change(&rows[k-1], &rows[k]).size())
		}
	}
	add(i-30, i)
	add(j, j+30)
	if len(sizes) == 0 {
		return 1
	}
	half := 0.5 * tradingTick(s.in.Exchange, rows[i].Close).Float() / rows[i].Close.Float()
	return math.Erf(half / (spread(sizes) * math.Sqrt2))
}
