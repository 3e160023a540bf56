package quality

import "github.com/etfcast/etfcast/etf"

// StatedAction is a corporate action stated in a response, with its initial status.
type StatedAction struct {
	etf.Action
	Status etf.ActionStatus
}

// NewActions returns the actions of a response that are not stored yet, in the response's order, each once. The first
// action of a kind and day is accepted; one that differs from an earlier one, whatever its status, is proposed, for a
// person to decide: two sources that round a dividend differently must not make two dividends.
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

// sameTerms reports whether two actions of one kind have the same ratio, as it is written, or the same amount.
func sameTerms(a, b etf.Action) bool {
	if a.Kind == etf.Split {
		return a.Numerator == b.Numerator && a.Denominator == b.Denominator
	}
	return a.Amount == b.Amount
}
