package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A process killed in the middle of a daily run of 50 ETFs and then restarted leaves the same rows as an undisturbed run,
// without duplicates.
func TestKilledRunEndsLikeAnUndisturbedOne(t *testing.T) {
	const etfs = 50
	request := map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": "2025-09-26"}

	calm := newStack(t)
	up := calm.start(t, nil, "up")
	up.waitReady()
	symbols := up.registerSimulated(etf.XNYS, etfs)
	done := up.waitRun(up.startRun(request))
	if done.Status != etf.RunCompleted || done.Counts.Updated != etfs {
		t.Fatalf("the undisturbed run ended %s, %+v", done.Status, done.Counts)
	}
	want := calm.marketRows(t, symbols, up)
	up.interrupt()

	rough := newStack(t)
	victim := rough.start(t, nil, "up")
	victim.waitReady()
	victim.registerSimulated(etf.XNYS, etfs)
	forecasts := etfs * len(victim.models())
	location := victim.startRun(request)
	eventually(t, "a fifth of the forecasts", func() error {
		if n := rough.count(t, "SELECT COUNT(*) FROM forecasts"); n < forecasts/5 {
			return fmt.Errorf("%d forecasts", n)
		}
		return nil
	})
	victim.kill()
	if n := rough.count(t, "SELECT COUNT(*) FROM forecasts"); n >= forecasts {
		t.Fatalf("the run had finished (%d forecasts) before the kill: nothing was tested", n)
	}

	again := rough.start(t, nil, "up")
	again.waitReady()
	done = again.waitRun(location)
	if done.Status != etf.RunCompleted || done.Counts.Updated+done.Counts.Unchanged != etfs {
		t.Fatalf("the killed run ended %s, %+v", done.Status, done.Counts)
	}
	got := rough.marketRows(t, symbols, again)
	if !slices.Equal(got, want) {
		t.Errorf("%d rows after the kill, %d undisturbed; first difference: %s", len(got), len(want), firstDifference(got, want))
	}
	for name, query := range map[string]string{
		"revisions":           "SELECT COUNT(*) FROM bar_revisions",
		"staged rows left":    "SELECT COUNT(*) FROM staged_bars",
		"surplus forecasts":   fmt.Sprintf("SELECT COUNT(*) - %d FROM forecasts", forecasts),
		"duplicate forecasts": "SELECT COUNT(*) FROM (SELECT etf_id FROM forecasts GROUP BY etf_id, model HAVING COUNT(*) > 1) twice",
	} {
		if n := rough.count(t, query); n != 0 {
			t.Errorf("%s: %d", name, n)
		}
	}
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%q and %q", a[i], b[i])
		}
	}
	return "one has more rows"
}
