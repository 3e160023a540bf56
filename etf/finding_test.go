package etf

import "testing"

func TestFindingExplains(t *testing.T) {
	split := func(ex string, numerator int64) Action {
		return Action{Kind: Split, Ex: MustSession(ex), Numerator: numerator, Denominator: 1}
	}
	proposed := split("2025-09-24", 2)
	f := Finding{ID: "f", Proposal: &proposed}
	for _, c := range []struct {
		name string
		f    Finding
		s    StatedAction
		want bool
	}{
		{"its own", f, StatedAction{Finding: "f", Status: Accepted, Action: split("2025-09-24", 2)}, true},
		{"its own, without a proposal that is stored", Finding{ID: "f"}, StatedAction{Finding: "f", Status: Proposed, Action: proposed}, true},
		{"another finding's, which proposes the same", f, StatedAction{Finding: "g", Status: Proposed, Action: proposed}, true},
		{"another ratio for the day", f, StatedAction{Finding: "g", Status: Proposed, Action: split("2025-09-24", 3)}, true},
		{"another day", f, StatedAction{Finding: "g", Status: Proposed, Action: split("2025-09-25", 2)}, false},
		{"another kind", f, StatedAction{Finding: "g", Status: Proposed, Action: Action{Kind: Dividend, Ex: proposed.Ex, Amount: 1}}, false},
		{"decided on already", f, StatedAction{Finding: "g", Status: Rejected, Action: proposed}, false},
		{"it proposes nothing", Finding{ID: "f"}, StatedAction{Finding: "g", Status: Proposed, Action: proposed}, false},
	} {
		if got := c.f.Explains(c.s); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
