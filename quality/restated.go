package quality

import (
	"fmt"
	"math"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleRestated = "restated_series"
	ruleRevised  = "revised_bar"
)

// leastRevision is the smallest change of a close that is worth a warning: corrections after the session are a tick or
// two, hardly ever 2 %.
const leastRevision = 0.02

// checkRestated compares the response with the bars stored for the same sessions. If all of them differ by one factor,
// the series was re-adjusted; anything else is a revision of single rows, left to checkRevised.
func checkRestated(s *state) {
	logs, slack, compared := s.overlap()
	if len(logs) == 0 || len(logs) < compared {
		return // no stored close differs, or not all do
	}
	mean := 0.0
	for _, x := range logs {
		mean += x.log
	}
	mean /= float64(len(logs))
	for _, x := range logs {
		if math.Abs(x.log-mean) > slack+2*x.rounding {
			return
		}
	}
	_, _, ratio := nearRatio(splitRatios, mean, 0.002)
	if len(logs) < 2 && !ratio {
		return // one row shows no pattern
	}
	text := fmt.Sprintf("%s from %s to %s restated by the factor %s", count(len(logs), "stored session"), logs[0].session, logs[len(logs)-1].session, short(math.Exp(mean)))
	older := 0
	for _, k := range s.in.Known {
		if k.Session < s.first {
			older++
		}
	}
	if older == 0 {
		s.flag(ruleRestated, etf.SeverityInfo, logs[0].session, 0, text+"; the response covers all stored sessions")
		return
	}
	text += "; older stored rows are still on the old level"
	first := logs[0].session // carries the text for all but the new session, which has a separate finding
	for i, b := range s.in.Bars {
		switch {
		case s.verdicts[i] == etf.VerdictDrop:
		case b.Session == first, b.Session == s.in.Session:
			s.quarantine(ruleRestated, i, 0, text)
		default:
			s.quarantine(ruleRestated, i, 0, "")
		}
	}
}

// checkRevised reports rows that differ from the bar stored for their session.
func checkRevised(s *state) {
	for i, b := range s.in.Bars {
		k := s.stored(b.Session)
		if k == nil || s.verdicts[i] != etf.VerdictKeep || k.Basis != s.in.Basis || sameNumbers(k.Bar, b) {
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
}

type revision struct {
	session  etf.Session
	log      float64 // of new close over stored close
	rounding float64 // relative size of a tick
}

// overlap returns the sessions whose close differs from the stored one by more than rounding, and how many were
// compared.
func (s *state) overlap() (logs []revision, slack float64, compared int) {
	const noise = 5e-4 // 0.05 %: adjusted prices are rounded to a few decimals
	for i, b := range s.in.Bars {
		k := s.stored(b.Session)
		if k == nil || s.verdicts[i] == etf.VerdictDrop || k.Basis != s.in.Basis || b.Close <= 0 || k.Close <= 0 {
			continue
		}
		compared++
		off := b.Close - k.Close
		if max(off, -off) <= tolerance(s.in.Exchange, b.Close) {
			continue
		}
		least := min(b.Close, k.Close)
		logs = append(logs, revision{b.Session, math.Log(b.Close.Float() / k.Close.Float()), smallestTick(s.in.Exchange, least).Float() / least.Float()})
	}
	return logs, noise, compared
}
