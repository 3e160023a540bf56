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

// Compact returns the response without what only costs time: rows that Condense leaves out, and repeated actions.
func Compact(r etf.Response) etf.Response {
	r.Bars, r.Ordinals = Condense(r.Bars)
	r.Actions, r.Splits = distinct(r.Actions), distinct(r.Splits)
	return r
}

// distinct returns the actions without repeats, in their order.
func distinct(actions []etf.Action) []etf.Action {
	seen := make(map[etf.Action]bool, len(actions))
	var kept []etf.Action
	for _, a := range actions {
		if !seen[a] {
			seen[a] = true
			kept = append(kept, a)
		}
	}
	return kept
}
