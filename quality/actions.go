package quality

import "github.com/etfcast/etfcast/etf"

// StatedAction is a corporate action as an answer states it, and where that puts it.
type StatedAction struct {
	etf.Action
	Status etf.ActionStatus
}

// NewActions returns the actions of an answer that are not stored yet, in the answer's order, each once. The first
// statement about a kind and day is accepted; one that differs from an earlier statement, whatever has become of that, is
// proposed, for a person to decide: two sources that round a dividend differently must not make two dividends.
func NewActions(stated, stored []etf.Action) []StatedAction {
	type subject struct {
		kind etf.ActionKind
		ex   etf.Session
	}
	known := map[subject][]etf.Action{}
	for _, a := range stored {
		s := subject{a.Kind, a.Ex}
		known[s] = append(known[s], a)
	}
	var added []StatedAction
next:
	for _, a := range stated {
		s := subject{a.Kind, a.Ex}
		for _, k := range known[s] {
			if sameTerms(k, a) {
				continue next
			}
		}
		status := etf.Accepted
		if len(known[s]) > 0 {
			status = etf.Proposed
		}
		known[s] = append(known[s], a)
		added = append(added, StatedAction{Action: a, Status: status})
	}
	return added
}

// sameTerms compares what two actions of one kind say: the ratio as it is written, or the amount.
func sameTerms(a, b etf.Action) bool {
	if a.Kind == etf.Split {
		return a.Numerator == b.Numerator && a.Denominator == b.Denominator
	}
	return a.Amount == b.Amount
}
