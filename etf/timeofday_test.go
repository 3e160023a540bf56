package etf_test

import (
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func TestTimeOfDay(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"00:01", "09:05", "17:30", "23:59"} {
		if at, err := etf.ParseTimeOfDay(text); err != nil || at.String() != text {
			t.Errorf("%s became %s, %v", text, at, err)
		}
	}
	for _, text := range []string{"", "00:00", "24:00", "17", "17:60", "17:30:00", "-1:00", "5pm", " 17:30"} {
		if at, err := etf.ParseTimeOfDay(text); etf.KindOf(err) != etf.KindInvalid || err == nil {
			t.Errorf("%q became %s, %v", text, at, err)
		}
	}
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for session, want := range map[string]string{"2025-07-01": "2025-07-02T00:00:00Z", "2025-01-02": "2025-01-03T01:00:00Z"} {
		if got := etf.TimeOfDay(20*60).On(etf.MustSession(session), york); got.UTC().Format(time.RFC3339) != want {
			t.Errorf("20:00 on %s is %s, want %s", session, got.UTC(), want)
		}
	}
}
