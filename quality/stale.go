package quality

import (
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const ruleStale = "stale_close"

// checkStale looks for repeated prices. There are two signs: a traded bar, not flat, with the same four prices as the bar
// before; and a run of equal closes too long to be chance, given how often this fund's close stays the same on other days.
func checkStale(s *state) {
	rows := s.series()
	if len(rows) < 2 {
		return
	}
	for i := 1; i < len(rows); i++ {
		a, b := rows[i-1], rows[i]
		if b.ordinal < 0 || b.Volume <= 0 || b.High == b.Low || a.Open != b.Open || a.High != b.High || a.Low != b.Low || a.Close != b.Close {
			continue
		}
		if b.at-a.at > 1 || s.unchanged(b.Bar) {
			continue
		}
		// A range of a few ticks may repeat by chance; one of ten or more, or with the same volume, does not.
		if b.High-b.Low >= 10*smallestTick(s.in.Exchange, b.Close) || a.Volume == b.Volume {
			s.flag(ruleStale, etf.SeverityWarning, b.Session, 1, fmt.Sprintf("%s repeats the prices of %s: %s; volume %s after %s", b.Session, a.Session, ohlc(b.Bar), b.Volume, a.Volume))
		}
	}
	// Sessions of volume 0 mean nothing here: without a trade the close stays the same, and no_trade has reported them.
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.Volume == 0 })
	total := len(rows) - 1
	still := 0
	for i := 1; i < len(rows); i++ {
		if rows[i].Close == rows[i-1].Close {
			still++
		}
	}
	for i := 1; i < len(rows); {
		j := i
		for j < len(rows) && rows[j].Close == rows[j-1].Close {
			j++
		}
		run := j - i
		if run >= leastRun {
			s.flagRun(rows, i, j, float64(still-run+1)/float64(total-run+2), total)
		}
		i = max(j, i+1)
	}
}

// leastRun is the shortest run of unchanged closes considered: 4 changes of 0, which is five equal closes.
const leastRun = 4

// flagRun reports the unchanged closes of rows i..j-1 if fewer than one such run is expected in a thousand histories of
// this length, given the chance of an unchanged close.
func (s *state) flagRun(rows []row, i, j int, chance float64, total int) {
	expected := float64(total) * math.Pow(chance, float64(j-i))
	if expected >= 1e-3 || rows[j-1].ordinal < 0 || s.unchanged(rows[j-1].Bar) {
		return
	}
	text := fmt.Sprintf("close %s unchanged from %s to %s (%d sessions); this fund's close stays the same on %s of other days",
		rows[i].Close, rows[i-1].Session, rows[j-1].Session, j-i+1, percent(chance))
	for k := i; k < j; k++ {
		if rows[k].ordinal >= 0 && !s.unchanged(rows[k].Bar) {
			s.flag(ruleStale, etf.SeverityWarning, rows[k].Session, float64(j-i), text)
			text = ""
		}
	}
}
