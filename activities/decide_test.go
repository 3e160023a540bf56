package activities

import (
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// What keeps a session's row out of forecasts: an error that nobody has accepted, and numbers that a person has found wrong.
func TestValidateAsksOnlyWhatIsUndecided(t *testing.T) {
	t.Parallel()
	rows := bars(16, friday)
	rows[15].High, rows[15].Low = rows[15].Low, rows[15].High
	for _, c := range []struct {
		name        string
		reported    etf.Finding
		quarantined bool
	}{
		{"undecided", etf.Finding{Severity: etf.SeverityError, Sessions: []etf.Session{friday}}, true},
		{"on another session", etf.Finding{Severity: etf.SeverityError, Sessions: []etf.Session{friday - 1}}, false},
		{"a warning", etf.Finding{Severity: etf.SeverityWarning, Sessions: []etf.Session{friday}}, false},
		{"accepted", etf.Finding{Severity: etf.SeverityError, Sessions: []etf.Session{friday}, Decision: etf.Accept}, false},
		{"replaced", etf.Finding{Severity: etf.SeverityError, Sessions: []etf.Session{friday}, Decision: etf.Replace}, false},
		{"rejected", etf.Finding{Severity: etf.SeverityError, Sessions: []etf.Session{friday}, Decision: etf.Reject}, true},
		{"a warning about a retracted row", etf.Finding{Severity: etf.SeverityWarning, Sessions: []etf.Session{friday}, Decision: etf.Retract}, true},
	} {
		store := newFakeStore()
		c.reported.ID, c.reported.Rule = "ab12", "jump"
		store.reported = []etf.Reported{{Finding: c.reported}}
		v := &Validating{Fetches: store, Findings: store}
		got, err := do[ValidateResult](t, newEnv(t, v), v.Validate, ValidateInput{Fetch: stage(store, etf.Response{Bars: rows}), Symbol: "SPY", Exchange: etf.XNYS, Session: friday})
		if err != nil || got.QuarantinedNew != c.quarantined || got.Given != (c.reported.Decision == etf.Replace) || len(got.OnNew) != len(onlyIf(c.quarantined, "ab12")) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		for _, ref := range got.OnNew {
			if ref.ID != "ab12" || ref.Decision != c.reported.Decision {
				t.Errorf("%s: %+v", c.name, ref)
			}
		}
	}
}

func onlyIf(condition bool, one string) []string {
	if condition {
		return []string{one}
	}
	return nil
}

func TestNewestSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		last etf.Session
		bars []etf.StoredBar
		held bool
		want NewestResult
	}{
		{"usable", friday, storedBars(bars(2, friday), etf.AsTraded), false, NewestResult{Session: friday, Usable: true}},
		{"held", friday, storedBars(bars(2, friday-1), etf.AsTraded), true, NewestResult{Session: friday, Usable: true}},
		{"kept out", friday, storedBars(bars(2, friday-1), etf.AsTraded), false, NewestResult{Session: friday}},
		{"no usable bar", friday, nil, false, NewestResult{Session: friday}},
		{"held, and none believed", friday, nil, true, NewestResult{Session: friday}},
		{"no bar", 0, nil, false, NewestResult{}},
	} {
		store := newFakeStore()
		store.etf, store.history = etf.ETF{Symbol: "SPY", Last: c.last}, etf.History{Bars: c.bars, Held: c.held}
		d := &Deciding{Store: store}
		if got, err := do[NewestResult](t, newEnv(t, d), d.NewestSession, NewestInput{Symbol: "SPY"}); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestDecideAndFindingState(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	d := &Deciding{Store: store}
	in := DecideInput{Finding: "ab12", Decision: etf.Replace, By: "kim", Why: "x", Key: "k", Values: []etf.Bar{{Session: friday, Close: 1}}, Run: "r"}
	if got, err := do[etf.Finding](t, newEnv(t, d), d.Decide, in); err != nil || got.Decision != etf.Replace {
		t.Errorf("%+v, %v", got, err)
	}
	if store.ruling.Key != "k" || len(store.ruling.Values) != 1 || store.ruling.Run != "r" {
		t.Errorf("the store got %+v", store.ruling)
	}
	if got, err := do[etf.Finding](t, newEnv(t, d), d.FindingState, FindingInput{Finding: "ab12"}); err != nil || got.ID != "ab12" || got.Decision != etf.Reject {
		t.Errorf("%+v, %v", got, err)
	}
}
