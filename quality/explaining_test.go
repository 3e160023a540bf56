package quality

import (
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestExplaining(t *testing.T) {
	t.Parallel()
	split := func(id, ex string, numerator int64, source string, status etf.ActionStatus, finding string) etf.StatedAction {
		return etf.StatedAction{ID: id, Action: splitOn(ex, numerator, 1), Source: source, Status: status, Finding: finding}
	}
	proposed := splitOn("2025-09-24", 4, 1)
	f := etf.Finding{ID: "f", Rule: ruleSplit, Proposal: &proposed, Sessions: []etf.Session{etf.MustSession("2025-09-26")}}
	of := func(change func(*etf.Finding)) etf.Finding {
		g := f
		change(&g)
		return g
	}
	detected := split("detected", "2025-09-24", 4, etf.SourceDetection, etf.Proposed, "g")
	doubted := split("doubted", "2025-09-24", 2, "yahoo", etf.Proposed, "")
	dividend := etf.StatedAction{ID: "dividend", Status: etf.Proposed, Action: etf.Action{Kind: etf.Dividend, Ex: proposed.Ex, Amount: 1}}
	for _, c := range []struct {
		name   string
		f      etf.Finding
		stated []etf.StatedAction
		want   []string
	}{
		{"another finding's, which proposes the same", f, []etf.StatedAction{detected}, []string{"detected"}},
		{"the ratio that the prices show comes first", f, []etf.StatedAction{doubted, detected}, []string{"detected", "doubted"}},
		{"its own, whatever became of it", f, []etf.StatedAction{split("own", "2025-09-24", 4, "yahoo", etf.Accepted, "f")}, []string{"own"}},
		{"stated, and not in the prices: the finding proposes nothing", of(func(f *etf.Finding) { f.Proposal, f.Sessions = nil, []etf.Session{proposed.Ex} }), []etf.StatedAction{doubted}, []string{"doubted"}},
		{"of another rule", of(func(f *etf.Finding) { f.Rule, f.Proposal, f.Sessions = ruleJump, nil, []etf.Session{proposed.Ex} }), []etf.StatedAction{doubted}, nil},
		{"of another rule, in another ratio than it proposes", of(func(f *etf.Finding) { f.Rule = ruleJump }), []etf.StatedAction{doubted}, nil},
		{"another day", f, []etf.StatedAction{split("later", "2025-09-25", 4, etf.SourceDetection, etf.Proposed, "g")}, nil},
		{"decided on already", f, []etf.StatedAction{split("rejected", "2025-09-24", 4, etf.SourceDetection, etf.Rejected, "g")}, nil},
		{"another kind", f, []etf.StatedAction{dividend}, nil},
		{"it proposes nothing", of(func(f *etf.Finding) { f.Proposal = nil }), []etf.StatedAction{detected}, nil},
	} {
		var got []string
		for _, s := range Explaining(c.f, c.stated) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
