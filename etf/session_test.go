package etf

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestSession(t *testing.T) {
	t.Parallel()
	s := MustSession("2025-09-26")
	if s.String() != "2025-09-26" || s.Weekday() != time.Friday || s.AddDays(3) != MustSession("2025-09-29") || s != NewSession(2025, time.September, 26) {
		t.Errorf("%s %s", s, s.Weekday())
	}
	if Session(0).String() != "" || !Session(0).IsZero() {
		t.Error("the zero value should mean no session")
	}
	// 20:00 in New York is already the next day in UTC: the civil date is New York's.
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	if got := SessionOf(time.Date(2025, 9, 26, 20, 0, 0, 0, ny)); got != s {
		t.Errorf("the session of an evening in New York is %s", got)
	}
	if _, err := ParseSession(""); err == nil || err.Error() != "session: no date is given; write it as YYYY-MM-DD, for example 2025-09-26" {
		t.Errorf("without a date: %v", err)
	}
	for _, bad := range []string{"", "2025-9-26", "2025-02-30", "26.09.2025", "2025-09-26T00:00:00Z", "0001-01-01", "2500-01-01", " 2025-09-26"} {
		if _, err := ParseSession(bad); KindOf(err) != KindInvalid || err == nil {
			t.Errorf("ParseSession(%q): %v", bad, err)
		}
	}
}

func TestSessionInJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(map[Session]Window{MustSession("2025-01-02"): {To: MustSession("1969-12-31")}})
	if want := `{"2025-01-02":{"from":"","to":"1969-12-31"}}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	var back map[Session]Window
	if err := json.Unmarshal(b, &back); err != nil || back[MustSession("2025-01-02")].To != MustSession("1969-12-31") {
		t.Errorf("%v, %v", back, err)
	}
}

func TestSymbols(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"SPY", "069500", "0000J0", "BRK.B", "A", "8TRA-DE-1D"} {
		if s, err := ParseSymbol(good); err != nil || string(s) != good {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "spy", "-A", "A B", "A/B", "069500\n", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"} {
		if _, err := ParseSymbol(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	inner := NotFound("symbol", "SPY is not registered", "register it")
	if k := KindOf(fmt.Errorf("reading: %w", inner)); k != KindNotFound {
		t.Errorf("wrapped: %s", k)
	}
	outer := Wrap(KindUnavailable, inner, "asking")
	if k := KindOf(outer); k != KindUnavailable {
		t.Errorf("the outermost kind should count: %s", k)
	}
	if k := KindOf(errors.New("plain")); k != KindInternal {
		t.Errorf("plain: %s", k)
	}
	if Wrap(KindInternal, nil, "nothing") != nil {
		t.Error("wrapping nil makes an error")
	}
	if got, want := inner.Error(), "symbol: SPY is not registered; register it"; got != want {
		t.Errorf("%q", got)
	}
}
