package quality

import (
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A hundred sound histories, on both exchanges, must pass without a finding: a normal random walk never exceeds the
// threshold of 7 deviations.
func TestSoundRowsGiveNoFindings(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.Name] || r.Name == "" || r.Meaning == "" || r.Remedy == "" || len(r.Severities) == 0 {
			t.Errorf("rule %+v is a duplicate or not described", r)
		}
		seen[r.Name] = true
	}
}

func TestCheckRefusesBadInput(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Input){
		"exchange": func(in *Input) { in.Exchange = "XPAR" },
		"session":  func(in *Input) { in.Session = 0 },
	} {
		in := sound(t)
		change(&in)
		if _, err := Check(in); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("bad %s: error %v", name, err)
		}
	}
}

func TestResponseWithoutRows(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"first update", func(in *Input) { in.Bars = nil }, []string{"missing_session warning 2025-09-26"}},
		{"daily update", func(in *Input) { daily(in, 1); in.Bars = nil }, []string{"missing_session warning 2025-09-26"}},
	})
}

// The next update, which fetches the last sessions again, repeats none of the first update's warnings.
func TestWarningsAreNotRepeated(t *testing.T) {
	t.Parallel()
	in := sound(t)
	in.Bars[112].Volume = 0                 // moved without volume
	in.Bars[113].Volume = etf.VolumeUnknown // none at all
	scalePricesOnly(in.Bars[114:115], 1.12) // a small spike
	in.Bars[115] = etf.Bar{Session: in.Bars[115].Session, Close: in.Bars[114].Close}
	in.Bars = append(in.Bars[:116], in.Bars[117:]...)
	session := in.Session
	in.Session = in.Bars[len(in.Bars)-2].Session
	whole := in.Bars
	in.Bars = whole[:len(whole)-1]
	first := check(t, in)
	if len(first.Findings) < 5 {
		t.Fatalf("the first update should have findings: %q", summary(first))
	}
	in.Session, in.Initial = session, false
	in.Known = stored(whole[:len(whole)-1], in.Basis)[50:]
	in.Bars = whole[len(whole)-15:]
	if r := check(t, in); len(r.Findings) > 0 {
		t.Errorf("repeated: %q", summary(r))
	}
}

// A row that is stored and in use with the same prices is not quarantined again: a person has accepted it, or it passed
// the checks when it was new.
func TestStoredRowsAreNotQuarantinedAgain(t *testing.T) {
	t.Parallel()
	in := sound(t)
	daily(&in, 10)
	scalePrices(in.Bars[3:], 1, 3)                       // prices fall to a third
	in.Bars[5].Low = in.Bars[5].Open + 5*in.Bars[5].Open // and one bar contradicts itself
	before := check(t, in)
	if !before.QuarantinedNew {
		t.Fatalf("the new session should be quarantined: %q", summary(before))
	}
	in.Known = append(in.Known, stored(in.Bars[:9], in.Basis)...)
	after := check(t, in)
	for i, v := range after.Verdicts {
		if v != etf.VerdictKeep {
			t.Errorf("row %d has verdict %d: %q", i, v, summary(after))
		}
	}
}
