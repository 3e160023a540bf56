package quality

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// maxEvidence is the most bytes a finding's evidence may have (etf.Finding); shown is how many flags it writes out.
const (
	maxEvidence = 1000
	shown       = 5
)

// evidence writes out the worst flags in order of session, and says how many there are in all. The text of another flag
// covers those without one.
func evidence(list []flag) string {
	worst := slices.DeleteFunc(slices.Clone(list), func(o flag) bool { return o.text == "" })
	slices.SortStableFunc(worst, func(a, b flag) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.session, b.session))
	})
	total, written := len(worst), min(len(worst), shown)
	worst = worst[:written]
	slices.SortStableFunc(worst, func(a, b flag) int { return cmp.Compare(a.session, b.session) })
	texts := make([]string, 0, written)
	for _, o := range worst {
		texts = append(texts, o.text)
	}
	out := strings.Join(texts, "; ")
	if total > written {
		out = fmt.Sprintf("%d in all; the worst: %s", total, out)
	}
	return etf.Clip(out, maxEvidence)
}

// ranges writes ascending sessions as ranges of consecutive ones: "2020-03-02..2020-03-20 (15)".
func ranges(sessions []etf.Session, next func(etf.Session) (etf.Session, error), most int) string {
	var parts []string
	for i := 0; i < len(sessions); {
		j := i
		for j+1 < len(sessions) {
			if n, err := next(sessions[j]); err != nil || n != sessions[j+1] {
				break
			}
			j++
		}
		if len(parts) == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(sessions)-i))
			break
		}
		if i == j {
			parts = append(parts, sessions[i].String())
		} else {
			parts = append(parts, fmt.Sprintf("%s..%s (%d)", sessions[i], sessions[j], j-i+1))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// count writes "1 row", "2 rows".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// percent writes a log return as a change in percent.
func percent(change float64) string {
	return strconv.FormatFloat(100*change, 'f', 1, 64) + "%"
}

func ohlc(b etf.Bar) string {
	return fmt.Sprintf("open %s, high %s, low %s, close %s", b.Open, b.High, b.Low, b.Close)
}
