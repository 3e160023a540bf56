package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleNAV = "nav_difference"

const (
	// navReach is how many rows on each side of a row show the usual premium, and leastNAVs how many of them it takes.
	navReach, leastNAVs = 30, 8
	// strangePremium is how far a premium may lie from the usual one, in deviations of the premiums around it, and strangeMove how far
	// in daily volatilities of the close: a premium is compared with a day's move too, because that of a fund which tracks
	// its index closely hardly varies at all.
	strangePremium = 9.0
	strangeMove    = 4.0
)

// premium is one row's close over its net asset value.
type premium struct {
	row int // in levels.rows
	nav etf.Price
	log float64 // of close over NAV
}

// checkNAV compares closes with net asset values. Where both jump, the move is real and the premium stays. Where only one of them
// does, one of them is wrong. The premium is compared with those around it: a fund of foreign shares trades at a premium that
// varies with what happened since its market closed, and that is usual for it.
func checkNAV(s *state) {
	if len(s.in.NAVs) == 0 {
		return
	}
	navs := make(map[etf.Session]etf.Price, len(s.in.NAVs))
	for _, n := range s.in.NAVs {
		if n.NAV > 0 {
			navs[n.Session] = n.NAV
		}
	}
	l := s.levels()
	var list []premium
	for i := range l.rows {
		if nav, ok := navs[l.rows[i].Session]; ok {
			list = append(list, premium{i, nav, math.Log(l.rows[i].Close.Float() / nav.Float())})
		}
	}
	for k, p := range list {
		row := &l.rows[p.row]
		// The NAV may come a day after the price: then the row is in use already, and one of the newest.
		if row.ordinal < 0 || s.unchanged(row.Bar) && p.row < len(l.rows)-2 {
			continue
		}
		center, scale, ok := usualPremium(list, k)
		if !ok {
			continue
		}
		floor := floorAt(s.in.Exchange, row.Close)
		scale = max(scale, floor)
		off := math.Abs(p.log - center)
		sigma := around(l.sizes, max(p.row-1, 0), p.row, floor)
		if off <= strangePremium*scale || off <= strangeMove*sigma {
			continue
		}
		text := fmt.Sprintf("%s: close %s, net asset value %s: a premium of %s, usually %s (%s deviations)", row.Session, row.Close, p.nav,
			percent(math.Expm1(p.log)), percent(math.Expm1(center)), short(off/scale))
		s.flag(ruleNAV, etf.SeverityWarning, row.Session, off/scale, text+which(l, list, k))
	}
}

// which says which of the two numbers left the level of the session before.
func which(l *levels, list []premium, k int) string {
	if k == 0 {
		return ""
	}
	last := list[k-1]
	close := l.move(last.row, list[k].row).raw
	nav := math.Log(list[k].nav.Float() / last.nav.Float())
	return fmt.Sprintf("; since %s the close moved by %s and the net asset value by %s", l.rows[last.row].Session, percent(math.Expm1(close)), percent(math.Expm1(nav)))
}

// usualPremium is the median of the premiums around one of them, and their deviation from it; ok is false if there are too few.
func usualPremium(list []premium, k int) (center, scale float64, ok bool) {
	var near []float64
	for i := max(k-navReach, 0); i < min(k+navReach+1, len(list)); i++ {
		if i != k {
			near = append(near, list[i].log)
		}
	}
	if len(near) < leastNAVs {
		return 0, 0, false
	}
	center = median(near)
	for i := range near {
		near[i] = math.Abs(near[i] - center)
	}
	return center, spread(near) * (1 + priorWeight/float64(len(near))), true
}
