package quality

import (
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestTmpUnfinished(t *testing.T) {
	for _, f := range realFiles {
		if strings.HasPrefix(f.path, "defects/") {
			continue
		}
		bars, actions := realBars(t, f.path)
		known := stored(bars, f.basis)
		n := map[string]int{}
		for i := 1; i < len(bars); i++ {
			r := check(t, Input{Symbol: "REAL", Exchange: f.exchange, Session: bars[i].Session, Bars: bars[i : i+1], Actions: actions, Basis: f.basis, Known: known[max(0, i-60):i]})
			for _, x := range r.Findings {
				n[x.Rule+" "+string(x.Severity)]++
				if x.Rule == ruleUnfinished || x.Rule == ruleHeld || x.Severity == etf.SeverityError {
					t.Log(f.path, x.Rule, x.Evidence)
				}
			}
		}
		t.Log(f.path, n)
	}
}
