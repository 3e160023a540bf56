package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleRestated      = "restated_series"
	ruleRevised       = "revised_bar"
	ruleRevisedVolume = "revised_volume"
)

const (
	// leastRevision is the smallest change of a close that is worth a warning: corrections after the session are a tick or
	// two, hardly ever 2 %.
	leastRevision = 0.02
	// noise is how far, in log, restated closes stray from one factor: adjusted prices are rounded to a few decimals.
	noise = 5e-4
	// mostSteps is how many times the factor may change within the sessions that an update fetches again: once for each
	// distribution that the source has deducted since.
	mostSteps = 2
)

// checkRestated compares the response with the bars stored for the same sessions. If the closes differ by one factor, or
// by one that steps at a session or two, the series was re-adjusted, and the stored rows before the response are on the old
// level. Anything else is a revision of single rows, left to checkRevised.
func checkRestated(s *state) {
	if s.in.Whole {
		s.restatedAs = s.restatement(len(s.in.Bars))
		return // takeOver has the rest
	}
	r := s.restatement(mostSteps)
	if !r.found {
		s.checkOtherLevel()
		return
	}
	older := len(s.in.Known) > 0 && s.in.Known[0].Session < s.first
	if !older && len(s.in.Following) == 0 {
		s.flag(ruleRestated, etf.SeverityInfo, r.first, 0, r.text()+"; the response covers all stored sessions")
		return
	}
	s.restated = r.plausible
	// Where the newest stored sessions are unchanged, the level of the rows after them is known.
	others := "older"
	if !older {
		others = "later"
	}
	text := r.text() + "; " + others + " stored rows are still on the old level: "
	if !r.plausible {
		text += "no distribution or split explains that (another unit, currency or security?); if the source is right, "
	}
	text += fmt.Sprintf("`etfcast etf refetch %s` replaces the whole history", s.in.Symbol)
	s.quarantineAll(ruleRestated, text, func(i int) bool { return r.newest || s.in.Bars[i].Session <= r.last })
}

// checkOtherLevel looks for a response whose closes are all off in one direction, but not by one factor: prices in another
// currency, or of another security. Stored as revisions, they would make a series of two levels. A window of a history, which is to fill in more
// sessions than it repeats, is of another security also if most of its source's own closes come back otherwise in either direction.
func (s *state) checkOtherLevel() {
	const (
		least = 3 // sessions compared
		sizes = 3 // daily volatilities that they are off by
	)
	compared := s.overlap()
	if len(compared) < least {
		return
	}
	var text string
	middle, spread := middleSpread(compared)
	if size := math.Abs(middle); size > max(sizes*s.knownVolatility(), leastRevision) && spread <= size/4 {
		text = fmt.Sprintf("the closes of %s are about %s times the stored ones, but not by one factor (another currency or security?)", count(len(compared), "stored session"), short(math.Exp(middle)))
	} else if usual := s.ownDifference(); usual > 0 {
		text = fmt.Sprintf("most closes of stored sessions come back otherwise, half of them by %s or more (another security?)", percent(usual))
	} else {
		return
	}
	text += fmt.Sprintf("; if the source is right, `etfcast etf refetch %s` replaces the whole history", s.in.Symbol)
	s.quarantineAll(ruleRestated, text, func(int) bool { return true })
}

// ownDifference is by how much, as a logarithm, half the closes that the source itself has sent before come back otherwise or more; 0 if that is
// half a daily volatility or a tick at most, or the response is not to fill in more sessions than that.
func (s *state) ownDifference() float64 {
	var sizes []float64
	m, most := s.storedAndResponse(), 0.0
	for _, r := range s.overlap() {
		if !r.foreign {
			sizes, most = append(sizes, math.Abs(r.log)), max(most, m.atMost(r.close, r.close, levelDifference))
		}
	}
	fresh := 0
	for i, b := range s.in.Bars {
		if s.verdicts[i] != etf.VerdictDrop && s.stored(b.Session) == nil {
			fresh++
		}
	}
	if len(sizes) < leastShifted || fresh <= len(sizes) {
		return 0
	}
	if usual := median(sizes); usual > most {
		return usual
	}
	return 0
}

// checkRevised reports rows that differ from the bar stored for their session; those that differ in nothing but the volume
// apart from the others, because forecasts don't use it.
func checkRevised(s *state) {
	if s.restatedAs.found {
		return // takeOver reports them all in one
	}
	volumes, largest := 0, -1
	var factor float64
	change := func(b etf.Bar, k *etf.StoredBar) float64 {
		if b.Volume <= 0 || k.Volume <= 0 {
			return math.Inf(1)
		}
		return math.Abs(math.Log(b.Volume.Float() / k.Volume.Float()))
	}
	for i, b := range s.in.Bars {
		k := s.stored(b.Session)
		if k == nil || s.verdicts[i] != etf.VerdictKeep || k.Basis != s.in.Basis || sameNumbers(k.Bar, b) {
			continue
		}
		if samePrices(k.Bar, b) {
			volumes++
			if x := change(b, k); largest < 0 || x > factor {
				largest, factor = i, x
			}
			continue
		}
		text := fmt.Sprintf("%s: %s, volume %s; stored: %s, volume %s", b.Session, ohlc(b), b.Volume, ohlc(k.Bar), k.Volume)
		size := 0.0
		if b.Close > 0 && k.Close > 0 {
			size = math.Abs(math.Log(b.Close.Float() / k.Close.Float()))
		}
		severity := etf.SeverityInfo
		if size > leastRevision {
			severity = etf.SeverityWarning
		}
		s.flag(ruleRevised, severity, b.Session, size, text)
	}
	if volumes == 0 {
		return
	}
	for i, b := range s.in.Bars {
		k := s.stored(b.Session)
		if k == nil || s.verdicts[i] != etf.VerdictKeep || k.Basis != s.in.Basis || !samePrices(k.Bar, b) || sameNumbers(k.Bar, b) {
			continue
		}
		text := ""
		if i == largest {
			text = fmt.Sprintf("%s changed, the prices did not; the most on %s: %s, stored: %s", count(volumes, "volume"), b.Session, b.Volume, k.Volume)
		}
		s.flag(ruleRevisedVolume, etf.SeverityInfo, b.Session, 0, text)
	}
}

// revision compares a row's close with the stored one.
type revision struct {
	session  etf.Session
	close    etf.Price // the stored one
	log      float64   // of new close over stored close
	rounding float64   // relative size of a tick
	differs  bool      // by more than rounding
	foreign  bool      // the stored one is another source's
}

func bySession(a, b revision) int { return cmp.Compare(a.session, b.session) }

func (s *state) compare(b etf.Bar, k *etf.StoredBar) revision {
	off, least := b.Close-k.Close, min(b.Close, k.Close)
	return revision{
		session: b.Session, close: k.Close, log: math.Log(b.Close.Float() / k.Close.Float()),
		rounding: smallestTick(s.in.Exchange, least).Float() / least.Float(),
		differs:  max(off, -off) > tolerance(s.in.Exchange, b.Close),
		foreign:  k.Source != s.in.Source && k.Source != "" && s.in.Source != "",
	}
}

// restatement is how a source has restated the sessions compared.
type restatement struct {
	found       bool
	first, last etf.Session // of the sessions restated
	sessions    int         // how many were
	factor      float64     // of the oldest ones
	steps       int         // how often the factor changes
	newest      bool        // the newest session compared is restated too
	plausible   bool        // the factors are those of distributions or splits
}

func (r restatement) text() string {
	text := fmt.Sprintf("%s from %s to %s restated by the factor %s", count(r.sessions, "stored session"), r.first, r.last, short(r.factor))
	if r.steps > 1 || r.steps == 1 && r.newest {
		text += fmt.Sprintf(" at first, which changes %s", numberOfTimes(r.steps))
	}
	if !r.newest {
		text += "; those after are unchanged"
	}
	return text
}

func numberOfTimes(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// restatement finds out whether the closes compared differ from the stored ones by a factor that changes at most so many
// times, the oldest by one other than 1. As-traded closes are never restated in part: a factor that steps is then a
// correction of single rows, or another split, which the rules on levels find.
func (s *state) restatement(most int) restatement {
	compared := s.overlap()
	differ := 0
	// Prices as traded are never restated by a little: what another source has filled may be a tick off throughout.
	var m margin
	for i, x := range compared {
		if s.in.Basis == etf.AsTraded && x.foreign {
			if m.sigma == 0 {
				m = s.storedAndResponse()
			}
			x.differs = x.differs && math.Abs(x.log) > m.atMost(x.close, x.close, levelDifference)
			compared[i] = x
		}
		if x.differs {
			differ++
		}
	}
	if differ == 0 {
		return restatement{}
	}
	pieces := piecesOf(compared)
	if len(pieces)-1 > most || !restatedBy(pieces[0]) {
		return restatement{}
	}
	if len(pieces) > 1 && (s.in.Basis == etf.AsTraded || len(pieces[0]) < 2) {
		return restatement{}
	}
	factor := factorOf(pieces[0])
	if len(compared) < 2 {
		if _, _, ratio := nearRatio(splitRatios, factor, 0.002); !ratio {
			return restatement{} // one row shows no pattern
		}
	}
	r := restatement{found: true, first: compared[0].session, factor: math.Exp(factor), steps: len(pieces) - 1}
	r.plausible = s.in.Basis != etf.AsTraded
	for i, p := range pieces {
		r.plausible = r.plausible && plausible(factorOf(p))
		if restatedBy(p) {
			r.sessions += len(p)
			r.last, r.newest = p[len(p)-1].session, i == len(pieces)-1
		}
	}
	return r
}

// overlap compares the closes of the rows that are not dropped with those stored for the same sessions, ascending. What a person has given
// corrects single rows, and says nothing about the source's others.
func (s *state) overlap() []revision {
	var compared []revision
	for i, b := range s.in.Bars {
		k := s.stored(b.Session)
		if k == nil || s.verdicts[i] == etf.VerdictDrop || k.Basis != s.in.Basis || b.Close <= 0 || k.Close <= 0 || k.Source == etf.SourcePerson {
			continue
		}
		compared = append(compared, s.compare(b, k))
	}
	if !s.ordered {
		slices.SortStableFunc(compared, bySession)
	}
	return compared
}

// piecesOf cuts the sessions compared where the factor changes. The factors are smoothed by a median of three neighbours
// first, which leaves steps where they are, so that one corrected row does not hide that the others were restated.
func piecesOf(compared []revision) [][]revision {
	n := len(compared)
	smooth := func(i int) float64 {
		if n < 5 {
			return compared[i].log
		}
		j := min(max(i, 1), n-2)
		return median([]float64{compared[j-1].log, compared[j].log, compared[j+1].log})
	}
	var pieces [][]revision
	start, sum := 0, 0.0
	for i, x := range compared {
		log := smooth(i)
		if i > start && math.Abs(log-sum/float64(i-start)) > noise+2*x.rounding {
			pieces = append(pieces, compared[start:i])
			start, sum = i, 0
		}
		sum += log
	}
	return append(pieces, compared[start:])
}

// restatedBy reports whether the closes of a piece differ from the stored ones by one factor, and not just by ticks. One in
// five may be a correction.
func restatedBy(piece []revision) bool {
	const few = 5 // rows, which may be corrected by the same amount by chance
	factor := factorOf(piece)
	differ, stray, farthest := 0, 0, 0.0
	for _, x := range piece {
		if x.differs {
			differ++
		}
		if off := math.Abs(x.log - factor); off > noise+2*x.rounding {
			stray++
		} else {
			farthest = max(farthest, off)
		}
	}
	size := math.Abs(factor)
	clear := size > noise || size > 2*farthest
	if len(piece) < few {
		clear = size > 2*noise
	}
	return clear && 5*stray <= len(piece) && 2*differ > len(piece)
}

// plausible reports whether a source may have restated its series by the factor: for distributions, which take a part of
// the price, or for a split.
func plausible(log float64) bool {
	const (
		distributed = 0.34 // up to 29 % of the price
		slack       = 0.3  // distributions deducted together with a split
	)
	if math.Abs(log) < distributed {
		return true
	}
	_, _, split := nearRatio(splitRatios, log, slack)
	_, unit := nearUnit(log, 0.05)
	return split && !unit
}

// middleSpread returns the median of the logs, and how far four in five stray from it at most.
func middleSpread(list []revision) (middle, spread float64) {
	middle = factorOf(list)
	off := make([]float64, len(list))
	for i, x := range list {
		off[i] = math.Abs(x.log - middle)
	}
	slices.Sort(off)
	return middle, off[4*(len(off)-1)/5]
}

// factorOf is the log of the factor of a piece.
func factorOf(piece []revision) float64 {
	logs := make([]float64, len(piece))
	for i, x := range piece {
		logs[i] = x.log
	}
	return median(logs)
}
