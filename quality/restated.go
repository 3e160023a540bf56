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

// leastRevision is the smallest change of a close worth a warning: closes are corrected by a tick or two after
// the close, hardly ever by 2 %.
const leastRevision = 0.02

// checkRestated compares the answer with what is stored for the same sessions. One factor over all of them is a
// re-adjustment; anything else is a revision of single rows, left to checkRevised.
func checkRestated(s *sheet) {
	logs, slack, compared := s.overlap()
	if len(logs) == 0 || len(logs) < compared {
		return // nothing stored differs, or some of it agrees
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
		return // one row tells no pattern
	}
	text := fmt.Sprintf("%s from %s to %s restated by the factor %s", count(len(logs), "stored session"), logs[0].session, logs[len(logs)-1].session, short(math.Exp(mean)))
	older := 0
	for _, k := range s.in.Known {
		if k.Session < s.first {
			older++
		}
	}
	if older == 0 {
		s.object(ruleRestated, etf.SeverityInfo, logs[0].session, 0, text+", and the answer covers all of them")
		return
	}
	text += "; older stored rows are on the old level"
	first := logs[0].session // carries the text for all but the new session, whose finding is one of its own
	for i, b := range s.in.Bars {
		switch {
		case s.verdicts[i] == etf.VerdictDrop:
		case b.Session == first, b.Session == s.in.Session:
			s.reject(ruleRestated, i, 0, text)
		default:
			s.reject(ruleRestated, i, 0, "")
		}
	}
}

// checkRevised notes rows that differ from what is stored for their session.
func checkRevised(s *sheet) {
	for i, b := range s.in.Bars {
		k := s.believed(b.Session)
		if k == nil || s.verdicts[i] != etf.VerdictKeep || k.Basis != s.in.Basis || sameNumbers(k.Bar, b) {
			continue
		}
		text := fmt.Sprintf("%s: %s, volume %s where %s, volume %s is stored", b.Session, ohlc(b), b.Volume, ohlc(k.Bar), k.Volume)
		size := 0.0
		if b.Close > 0 && k.Close > 0 {
			size = math.Abs(math.Log(b.Close.Float() / k.Close.Float()))
		}
		severity := etf.SeverityInfo
		if size > leastRevision {
			severity = etf.SeverityWarning
		}
		s.object(ruleRevised, severity, b.Session, size, text)
	}
}

type revision struct {
	session  etf.Session
	log      float64 // of new close over stored close
	rounding float64 // relative size of a tick
}

// overlap returns the sessions whose close differs from the stored one by more than rounding, and how many were
// compared.
func (s *sheet) overlap() (logs []revision, slack float64, compared int) {
	const noise = 5e-4 // half a per mille: adjusted prices are rounded to few decimals
	for i, b := range s.in.Bars {
		k := s.believed(b.Session)
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
