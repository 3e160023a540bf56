package activities

import (
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// What changes between the reading of what rows are judged by and the storing of the verdicts has them judged again, in the same attempt
// unless it changes all the time.
func TestValidateJudgesAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		changes, staged int
		wrong           string
	}{{0, 1, ""}, {1, 2, ""}, {maxLostRaces, maxLostRaces + 1, ""}, {maxLostRaces + 1, maxLostRaces + 1, TypeConflict}} {
		store := newFakeStore()
		v := &Validating{Fetches: store, Findings: store}
		left := c.changes
		store.onStaged = func() {
			if left > 0 {
				left--
				store.grounds.Version.Number++
			}
		}
		_, err := do[ValidateResult](t, newEnv(t, v), v.Validate,
			ValidateInput{Fetch: stage(store, etf.Response{Bars: bars(16, friday)}), Symbol: "SPY", Exchange: etf.XNYS, Session: friday})
		if typeOf(err) != c.wrong || store.times["Staged"] != c.staged {
			t.Errorf("%d changes: read %d times, %v", c.changes, store.times["Staged"], err)
		}
		if c.wrong == "" && (len(store.judgedOn) != 1 || store.judgedOn[0] != store.grounds) {
			t.Errorf("%d changes: judged on %v, and the grounds are %v", c.changes, store.judgedOn, store.grounds)
		}
	}
}

// A worker that does not know the newest calendar judges nothing.
func TestValidateWithAnOldCalendar(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.grounds.Calendar = 1
	v := &Validating{Fetches: store, Findings: store}
	_, err := do[ValidateResult](t, newEnv(t, v), v.Validate,
		ValidateInput{Fetch: stage(store, etf.Response{Bars: bars(16, friday)}), Symbol: "SPY", Exchange: etf.XNYS, Session: friday})
	if typeOf(err) != TypeUnavailable || store.times["SaveFindings"] != 0 {
		t.Errorf("%v, and findings saved %d times", err, store.times["SaveFindings"])
	}
}

// Persist stores no verdicts that are outdated, unless its workflow can't judge again.
func TestPersistAsksToJudgeAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ changed, canJudge, again bool }{
		{false, true, false}, {true, true, true}, {true, false, false},
	} {
		store := newFakeStore()
		store.persisted = etf.Persisted{New: 1}
		v, p := &Validating{Fetches: store, Findings: store}, &Persisting{Store: store}
		fetch := stage(store, etf.Response{Bars: bars(16, friday)})
		if _, err := do[ValidateResult](t, newEnv(t, v), v.Validate, ValidateInput{Fetch: fetch, Symbol: "SPY", Exchange: etf.XNYS, Session: friday}); err != nil {
			t.Fatal(err)
		}
		if c.changed {
			store.grounds.Change = "x"
		}
		got, err := do[PersistResult](t, newEnv(t, p), p.Persist, PersistInput{Fetch: fetch, CanJudge: c.canJudge})
		if err != nil || got.JudgeAgain != c.again || (got.New == 1) == c.again || got.Attempt != 1 {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
}
