package etf_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A price outside the 95 % interval, and losses of zero, are said; that a forecast has no tails is an absence.
func TestScoreJSON(t *testing.T) {
	outside := etf.Score{Model: "m", Origin: etf.MustSession("2025-02-07"), Target: etf.MustSession("2025-02-10"), Losses: etf.Losses{Tailed: true}}
	inside := outside
	inside.Inside95, inside.TailPinball = true, [2]float64{.1, .2}
	without := outside
	without.Tailed = false
	for want, s := range map[string]etf.Score{
		`"tail_pinball":[0,0],"inside_95":false}`:    outside,
		`"tail_pinball":[0.1,0.2],"inside_95":true}`: inside,
		``: without,
	} {
		text, err := json.Marshal(s)
		if err != nil || !strings.HasSuffix(string(text), want) || strings.Contains(string(text), "95") != s.Tailed {
			t.Errorf("%s %v, want %s", text, err, want)
		}
		var back etf.Score
		if err := json.Unmarshal(text, &back); err != nil || back != s {
			t.Errorf("%+v %v", back, err)
		}
	}
}
