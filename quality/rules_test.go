package quality

import (
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A hundred sound histories of both exchanges must pass without a finding: with a threshold of 7 deviations a
// normal walk has none.
func TestSoundRowsGiveNoFindings(t *testing.T) {
	for seed := range uint64(50) {
		for _, x := range etf.Exchanges() {
			in := sound(t)
			in.Exchange = x
			in.Bars = walk(t, x, 300, 0.002+0.001*float64(seed), newRandom(seed))
			in.Session = in.Bars[299].Session
			r := check(t, in)
			if len(r.Findings) > 0 {
				t.Errorf("%s, seed %d: %q %s", x, seed, summary(r), r.Findings[0].Evidence)
			}
			consistent(t, in, r)
		}
	}
}

func TestRulesAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.Name] || r.Name == "" || r.Meaning == "" || r.Operator == "" || len(r.Severities) == 0 {
			t.Errorf("rule %+v is repeated or not described", r)
		}
		seen[r.Name] = true
	}
}

func TestCheckRefusesBadInput(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"exchange": func(in *Input) { in.Exchange = "XLON" },
		"session":  func(in *Input) { in.Session = 0 },
	} {
		in := sound(t)
		change(&in)
		if _, err := Check(in); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("bad %s: error %v", name, err)
		}
	}
}

func TestAnswerWithoutRows(t *testing.T) {
	run(t, []scenario{
		{"first update", func(in *Input) { in.Bars = nil }, []string{"missing_session warning 2025-09-26"}},
		{"daily update", func(in *Input) { daily(in, 1); in.Bars = nil }, []string{"missing_session warning 2025-09-26"}},
	})
}

// A row that is stored and in use with the same prices is not objected to again: a person accepted it, or it was
// judged with what was known then.
func TestBelievedRowsAreNotRejectedAgain(t *testing.T) {
	in := sound(t)
	daily(&in, 10)
	scalePrices(in.Bars[3:], 1, 3)                       // as if a fall to a third had happened
	in.Bars[5].Low = in.Bars[5].Open + 5*in.Bars[5].Open // and one bar contradicted itself
	before := check(t, in)
	if !before.QuarantinedNew {
		t.Fatalf("the input is not as bad as it should be: %q", summary(before))
	}
	in.Known = append(in.Known, stored(in.Bars[:9], in.Basis)...)
	after := check(t, in)
	for i, v := range after.Verdicts {
		if v != etf.VerdictKeep {
			t.Errorf("row %d has verdict %d: %q", i, v, summary(after))
		}
	}
}
