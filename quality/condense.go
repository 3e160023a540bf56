package quality

import "github.com/etfcast/etfcast/etf"

// Plenty is how many rows a response may have before Condense leaves any of them out: more than twice the sessions of the
// longest calendar, so no history loses a row, even if it holds every session twice.
const Plenty = 25_000

// Condense leaves out rows that can't matter, of a response with more than Plenty of them: of each session it keeps the
// last row and the one before it that the rule on duplicates chooses the last one against. That is enough for every rule.
// ordinals are the positions, in bars, of the rows kept; nil if all are. The order does not change.
func Condense(bars []etf.Bar) (kept []etf.Bar, ordinals []int) {
	if len(bars) <= Plenty {
		return bars, nil
	}
	of := pairsOf(bars)
	kept = make([]etf.Bar, 0, 2*len(of))
	ordinals = make([]int, 0, 2*len(of))
	for i, b := range bars {
		if p := of[b.Session]; i == p.last || i == p.other {
			kept, ordinals = append(kept, b), append(ordinals, i)
		}
	}
	if len(kept) == len(bars) {
		return bars, nil
	}
	return kept, ordinals
}
