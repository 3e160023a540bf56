package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleVolume = "volume"

// checkVolume reports volumes that contradict the rest of the row. A large volume is not a defect: news and index
// changes cause them.
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
}
