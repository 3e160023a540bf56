package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A suspect row of a past session is stored and kept out of forecasts without stopping the run, so no workflow waits for
// a decision on it. A person can decide all the same: the first decision stands, and the row is used from the next
// forecast on.
func TestFindingOnAPastRowCanBeDecided(t *testing.T) {
	t.Parallel()
	session := etf.MustSession("2025-09-26")
	dir := t.TempDir()
	writePrices(t, dir, "OLD.csv", session, func(lines []string) {
		row := strings.Split(lines[len(lines)-40], ",")
		row[2], row[3] = row[3], row[2] // high and low swapped
		lines[len(lines)-40] = strings.Join(row, ",")
	})
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	p.registerFile("OLD", "OLD.csv")
	request := map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session}
	if done := p.waitRun(p.startRun(request)); done.Counts.Updated != 1 || done.Counts.Forecasts != len(p.models()) {
		t.Fatalf("the run ended with %+v", done.Counts)
	}
	const quarantined = "SELECT COUNT(*) FROM bars WHERE quarantined = 1"
	if n := s.count(t, quarantined); n != 1 {
		t.Fatalf("%d rows are quarantined", n)
	}
	list := s.start(t, nil, "finding", "list")
	if code := list.wait(); code != 0 {
		t.Fatalf("finding list ended with %d", code)
	}
	var id string
	for line := range strings.Lines(list.tail()) {
		if strings.Contains(line, "ohlc_order") {
			id = strings.Fields(line)[0]
		}
	}
	if id == "" {
		t.Fatalf("finding list does not show the finding: %s", list.tail())
	}
	for _, c := range []struct {
		decision string
		code     int
	}{{"accept", 0}, {"accept", 0}, {"reject", 2}} {
		if code := s.start(t, nil, "finding", c.decision, id, "--by", "kim", "--why", "the exchange printed it so").wait(); code != c.code {
			t.Errorf("%s ended with %d, not %d", c.decision, code, c.code)
		}
	}
	if n := s.count(t, quarantined); n != 0 {
		t.Errorf("%d rows are quarantined after the decision", n)
	}
	request["rerun"] = true
	if done := p.waitRun(p.startRun(request)); done.Counts.Unchanged != 1 || done.Counts.Forecasts != len(p.models()) {
		t.Errorf("the run after the decision ended with %+v", done.Counts)
	}
	if code := s.start(t, nil, "finding", "accept", strings.Repeat("0", 32), "--by", "kim", "--why", "x").wait(); code != 2 {
		t.Errorf("deciding on an unknown finding ended with %d", code)
	}
	p.must(http.MethodGet, "/v1/etfs/OLD/forecasts/latest", nil, http.StatusOK)
}
