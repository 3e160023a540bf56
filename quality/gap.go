package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleReused = "reused_ticker"

const (
	// longGap is how many sessions without a row make a gap after which the ticker may be another security's.
	longGap = 20
	// gapReach is how many rows on each side of a gap show what the security is like.
	gapReach = 60
	// unfit is the score from which the two sides of a gap are two securities. In real histories with sessions taken out, 1
	// in 50 gaps scores more; of two funds next to each other, 9 in 10 do after a month and 4 in 10 after two years, because
	// the longer the gap, the more one fund may change.
	unfit = 9.0
)

// side is what the rows on one side of a gap are like.
type side struct {
	sigma  float64 // daily volatility, 0 if there are too few rows
	volume float64 // log of the median volume
	traded bool    // whether there is a volume
}

func (l *levels) side(from, to int) side {
	var x side
	var sizes []float64
	for i := from + 1; i < to; i++ {
		sizes = append(sizes, l.sizes[i])
	}
	if len(sizes) >= 5 {
		x.sigma = max(spread(sizes), floorAt(l.in.Exchange, l.rows[from].Close))
	}
	if v := volumes(l.rows[from:to]); len(v) >= 3 {
		x.volume, x.traded = math.Log(median(v)), true
	}
	return x
}

// checkReused names rows that belong to another security: those before a long gap whose level, volatility and volume do not fit
// the rows after it. Those before the ETF's listing are dropped already (checkEarly).
func checkReused(s *state) {
	l := s.levels()
	for k := len(l.rows) - 1; k > 0; k-- {
		missing := l.missing(k)
		if missing <= longGap || s.in.Listed != 0 && s.in.Listed <= l.rows[0].Session {
			continue
		}
		if text, fits := l.fits(k, missing); !fits {
			l.blameGap(k, text)
			return
		}
	}
}

// missing is how many sessions between rows k-1 and k have no row at all; an untraded one is a row.
func (l *levels) missing(k int) int {
	n := l.rows[k].at - l.rows[k-1].at - 1
	if n <= longGap {
		return n
	}
	for _, b := range l.in.Parked { // the sessions between have rows, which are kept out
		if b.Session > l.rows[k-1].Session && b.Session < l.rows[k].Session {
			return 0
		}
	}
	for _, b := range l.in.Bars {
		if untraded(b) && b.Session > l.rows[k-1].Session && b.Session < l.rows[k].Session {
			n--
		}
	}
	for _, b := range l.in.Known {
		if untraded(b.Bar) && b.Session < l.first && b.Session > l.rows[k-1].Session && b.Session < l.rows[k].Session {
			n--
		}
	}
	return n
}

// fits reports whether the rows from k on can be those of the security before the gap. The level may drift with the
// square root of time; volatility and volume change with the times, the more the longer the gap is. Where a split explains
// the level, it is noted for checkLevels. If the rows do not fit, the text says why.
func (l *levels) fits(k, missing int) (text string, ok bool) {
	from, to := k-1, k+1
	for from > 0 && k-from < gapReach && l.missing(from) <= longGap {
		from--
	}
	for to < len(l.rows) && to-k < gapReach && l.missing(to) <= longGap {
		to++
	}
	before, after := l.side(from, k), l.side(k, to)
	sigma := volatilityPrior
	switch {
	case before.sigma > 0 && after.sigma > 0:
		sigma = math.Sqrt(before.sigma * after.sigma)
	case before.sigma > 0:
		sigma = before.sigma
	case after.sigma > 0:
		sigma = after.sigma
	}
	years := float64(missing) / 250 // with the geometric mean of the volatilities, one wild side does not excuse every level
	log := l.moves[k].log
	drift := 1.5 + 0.5/(1+years) // a month may be that of a crash, years are not
	score := func(log, volume float64) float64 {
		x := log / (drift * sigma * math.Sqrt(float64(missing)))
		sum := x * x
		if before.sigma > 0 && after.sigma > 0 {
			x := math.Log(after.sigma/before.sigma) / 0.5
			sum += x * x / (1 + years/2)
		}
		if before.traded && after.traded {
			x := volume / 0.6
			sum += x * x / (1 + 2*years)
		}
		return sum
	}
	volume := after.volume - before.volume
	if score(log, volume) <= unfit {
		return "", true
	}
	// A split in the gap changes level and volume by inverse factors; everything else stays.
	tolerance := min(3*sigma*math.Sqrt(float64(missing)), 0.12)
	if r, _, near := nearSplit(log, log, sigma*math.Sqrt(float64(missing)), tolerance); near && r.unusual <= 0.5 && before.traded && after.traded && math.Abs(log) > surestSplit {
		rest, exchanged := math.Abs(log)-r.log, volume+math.Copysign(r.log, log)
		if score(rest, exchanged) <= unfit/4 {
			if l.gapSplits == nil {
				l.gapSplits = map[etf.Session]*etf.Action{}
			}
			l.gapSplits[l.rows[k].Session] = r.split(log, l.rows[k].Session)
			return "", true
		}
	}
	text = fmt.Sprintf("close %s on %s after %s on %s, %d sessions earlier without a row in between", l.rows[k].Close, l.rows[k].Session, l.rows[k-1].Close, l.rows[k-1].Session, missing+1)
	if before.sigma > 0 && after.sigma > 0 {
		text += fmt.Sprintf("; daily volatility %s after %s", fraction(after.sigma), fraction(before.sigma))
	}
	if before.traded && after.traded {
		text += fmt.Sprintf("; volume times %s", short(math.Exp(volume)))
	}
	return text, false
}

// blameGap names the rows before the gap at row k, or, if rows in use are among them, the new ones after it.
func (l *levels) blameGap(k int, why string) {
	older := true
	for i := range k {
		older = older && !l.rows[i].stored
	}
	// New rows, whatever comes before them, do not fit those in use; a revised row is not new.
	older = older || l.rows[k].after && (l.rows[k].ordinal < 0 || l.rows[k-1].fresh() && l.stored(l.rows[k-1].Session) == nil)
	session := l.rows[k].Session
	named := func(i int) bool {
		return l.verdicts[i] == etf.VerdictKeep && l.in.Bars[i].Session < session == older
	}
	n := 0
	for i := range l.in.Bars {
		if named(i) {
			n++
		}
	}
	which := fmt.Sprintf("the %s before the gap belong to another security?", count(n, "row"))
	if older {
		l.from = session
	} else {
		which = fmt.Sprintf("the stored rows before the gap belong to another security than the %s after it?", count(n, "row"))
	}
	l.quarantineAll(ruleReused, why+"; "+which, named)
}
