package quality

import "github.com/etfcast/etfcast/etf"

// Plenty is how many rows a response may have before Condense leaves any of them out: more than twice the sessions of the
// longest calendar, so no history loses a row, even if it holds every session twice.
const Plenty = 25_000

// Condense leaves out rows that can't matter, of a response with more than Plenty of them: of each session it keeps the
// last row, which is the one that is used, and of those before it the first one that differs from the last, or else the
// first. That is enough for every rule. ordinals are the positions, in bars, of the rows kept; nil if all are. The order
// does not change.
func Condense(bars []etf.Bar) (kept []etf.Bar, ordinals []int) {
	if len(bars) <= Plenty {
		return bars, nil
	}
	type rows struct{ last, other int }
	of := make(map[etf.Session]rows)
	for i, b := range bars {
		of[b.Session] = rows{last: i, other: -1}
	}
	for i, b := range bars {
		r := of[b.Session]
		if i == r.last {
			continue
		}
		last := bars[r.last]
		if r.other < 0 || (bars[r.other] == last && b != last) {
			r.other = i
			of[b.Session] = r
		}
	}
	kept = make([]etf.Bar, 0, 2*len(of))
	ordinals = make([]int, 0, 2*len(of))
	for i, b := range bars {
		if r := of[b.Session]; i == r.last || i == r.other {
			kept, ordinals = append(kept, b), append(ordinals, i)
		}
	}
	if len(kept) == len(bars) {
		return bars, nil
	}
	return kept, ordinals
}
