package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A suspect row of a past session is stored and kept out of forecasts without stopping the run, so no workflow waits for
// a decision on it. A person can decide all the same, take the decision back and decide otherwise; the forecasts follow.
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
	forecasts := "SELECT COUNT(*) FROM forecasts"
	made := s.count(t, forecasts)
	out := func(want int, code int, args ...string) string {
		t.Helper()
		run := s.start(t, nil, append([]string{"finding"}, args...)...)
		if got := run.wait(); got != code {
			t.Errorf("finding %v ended with %d, not %d: %s", args, got, code, run.tail())
		}
		if n := s.count(t, quarantined); n != want {
			t.Errorf("%d rows are quarantined after %v, not %d", n, args, want)
		}
		return run.tail()
	}
	who := []string{"--by", "kim", "--why", "the exchange printed it so"}
	with := func(args ...string) []string { return append(args, who...) }
	if text := out(1, 0, "next"); !strings.Contains(text, id) || !strings.Contains(text, "etfcast finding accept "+id) {
		t.Errorf("next shows %s", text)
	}
	if text := out(1, 0, with("accept", "--rule", "ohlc_order", "--symbol", "OLD")...); !strings.Contains(text, id) || !strings.Contains(text, "--yes") {
		t.Errorf("a filter shows %s", text)
	}
	out(0, 0, with("accept", "--rule", "ohlc_order", "--symbol", "OLD", "--yes")...)
	// The forecasts that follow from the decision are made without a run.
	eventually(t, "the forecasts to be made again", func() error {
		if n := s.count(t, forecasts); n != 2*made {
			return fmt.Errorf("%d forecasts, not %d", n, 2*made)
		}
		return nil
	})
	out(0, 0, with("accept", id)...)
	out(0, 2, with("reject", id)...)
	out(1, 0, with("undo", id)...) // in another workflow, which goes on waiting
	if text := out(1, 0, "list"); !strings.Contains(text, id) {
		t.Errorf("an undone finding is not listed: %s", text)
	}
	if n := s.count(t, "SELECT COUNT(DISTINCT forecast_id) FROM forecast_marks WHERE mark = 'retracted'"); n != made {
		t.Errorf("%d forecasts are marked, not the %d made while the row was in use", n, made)
	}
	out(0, 0, with("replace", id, "--close", "100.5", "--key", "k")...)
	out(0, 0, with("replace", id, "--close", "100.5", "--key", "k")...)
	out(0, 2, with("replace", id, "--close", "101", "--key", "k")...)
	if n := s.count(t, "SELECT COUNT(*) FROM bars WHERE source = 'person' AND close = 100.5"); n != 1 {
		t.Errorf("%d bars are a person's", n)
	}
	var detail struct {
		Finding   struct{ Decision string }
		Decisions []struct{ Decision string }
	}
	body, _ := p.must(http.MethodGet, "/v1/findings/"+id, nil, http.StatusOK)
	if err := json.Unmarshal(body, &detail); err != nil || detail.Finding.Decision != "replace" || len(detail.Decisions) != 3 {
		t.Errorf("%s, %v", body, err)
	}
	p.must(http.MethodPost, "/v1/findings/"+id+"/decision", map[string]any{"decision": "undo", "by": "kim", "why": "it was right"}, http.StatusOK)
	p.must(http.MethodPost, "/v1/findings/"+id+"/decision", map[string]any{"decision": "accept", "by": "kim", "why": "it was right"}, http.StatusOK)
	if n := s.count(t, quarantined); n != 0 {
		t.Errorf("%d rows are quarantined after the decision", n)
	}
	request["rerun"] = true
	if done := p.waitRun(p.startRun(request)); done.Counts.Unchanged != 1 {
		t.Errorf("the run after the decision ended with %+v", done.Counts)
	}
	if text := out(0, 0, "list"); strings.Contains(text, "ohlc_order") {
		t.Errorf("asking again made a twin: %s", text)
	}
	if code := s.start(t, nil, "finding", "accept", strings.Repeat("0", 32), "--by", "kim", "--why", "x").wait(); code != 2 {
		t.Errorf("deciding on an unknown finding ended with %d", code)
	}
	p.must(http.MethodGet, "/v1/etfs/OLD/forecasts/latest", nil, http.StatusOK)
}
