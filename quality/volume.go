package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const ruleVolume = "volume"

// A volume is absurd beyond a factor of the usual one and a number of the usual deviations of its logarithm. High volumes
// have many causes, up to some hundred times the usual one in a thin fund; low ones are rarer, but holidays and early closes cause
// them.
const (
	absurdHigh, absurdHighDeviations = 400, 10.0
	absurdLow, absurdLowDeviations   = 300, 15.0
	// leastVolumes is how many other volumes make a usual one, nearVolumes how many are looked at on either side.
	leastVolumes, nearVolumes = 5, 30
	// leastVolumeSpread is the least deviation of the logarithm: a factor of 1.2.
	leastVolumeSpread = 0.2
)

// checkVolume reports volumes that contradict the rest of the row or are absurd beside the usual ones. A large volume is
// not a defect: news and index changes cause them.
func checkVolume(s *state) {
	known := 0
	for _, b := range s.in.Bars {
		if b.Volume.Known() {
			known++
		}
	}
	for i, b := range s.in.Bars {
		switch {
		case s.verdicts[i] != etf.VerdictKeep || s.unchanged(b):
		case b.Volume == 0 && b.High > b.Low && b.Low > 0:
			s.flag(ruleVolume, etf.SeverityWarning, b.Session, b.High.Float()/b.Low.Float(), fmt.Sprintf("%s: volume 0, but prices from %s to %s", b.Session, b.Low, b.High))
		case !b.Volume.Known() && known > 0:
			s.flag(ruleVolume, etf.SeverityInfo, b.Session, 0, fmt.Sprintf("%s: no volume", b.Session))
		}
	}
	s.checkAbsurdVolumes()
}

// checkAbsurdVolumes reports volumes in another unit, which is what a thousand times the usual volume is.
func (s *state) checkAbsurdVolumes() {
	type volume struct {
		log     float64
		ordinal int // -1 for a stored row
	}
	all := make([]volume, 0, len(s.in.Known)+len(s.in.Bars))
	for i := range s.in.Known {
		if k := &s.in.Known[i]; k.Volume > 0 && k.Session < s.first {
			all = append(all, volume{math.Log(k.Volume.Float()), -1})
		}
	}
	for _, i := range s.byDay() {
		if b := &s.in.Bars[i]; b.Volume > 0 && s.verdicts[i] == etf.VerdictKeep {
			all = append(all, volume{math.Log(b.Volume.Float()), i})
		}
	}
	for i := range s.in.Following {
		if k := &s.in.Following[i]; k.Volume > 0 {
			all = append(all, volume{math.Log(k.Volume.Float()), -1})
		}
	}
	// A running level finds the few that are worth a closer look.
	first := make([]float64, 0, nearVolumes)
	for _, v := range all[:min(len(all), nearVolumes)] {
		first = append(first, v.log)
	}
	if len(first) <= leastVolumes {
		return
	}
	level := median(first)
	for i, v := range all {
		off := v.log - level
		level += 0.1 * max(-1, min(1, off))
		if math.Abs(off) < math.Log(absurdHigh)/2 || v.ordinal < 0 {
			continue
		}
		b := s.in.Bars[v.ordinal]
		if s.unchanged(b) {
			continue
		}
		var near []float64
		for k := max(0, i-nearVolumes); k < min(len(all), i+nearVolumes+1); k++ {
			if k != i {
				near = append(near, all[k].log)
			}
		}
		if len(near) < leastVolumes {
			continue
		}
		usual := median(near)
		for k := range near {
			near[k] = math.Abs(near[k] - usual)
		}
		deviations := math.Abs(v.log-usual) / max(spread(near), leastVolumeSpread)
		high := v.log - usual
		text := fmt.Sprintf("%s: volume %s is %s times the usual one: another unit?", b.Session, b.Volume, short(math.Exp(high)))
		switch {
		case high > math.Log(absurdHigh) && deviations > absurdHighDeviations:
			s.flag(ruleVolume, etf.SeverityWarning, b.Session, high, text)
		case -high > math.Log(absurdLow) && deviations > absurdLowDeviations:
			s.flag(ruleVolume, etf.SeverityInfo, b.Session, -high, text)
		}
	}
}
