package e2e

import (
	"net/http"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// Responses that are not used leave no staged rows behind: those that lack the session, of an ETF that gets it in the end
// and of one that does not. The raw responses stay.
func TestUnusedResponsesLeaveNoRows(t *testing.T) {
	s := newStack(t)
	up := s.start(t, []string{"ETFCAST_FILE_DIR=" + t.TempDir()}, "up")
	up.waitReady()
	for symbol, faults := range map[etf.Symbol]string{"SIMLATE": "missing:2", "SIMNEVER": "missing:9"} {
		up.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbol, "exchange": etf.XNYS, "currency": "USD",
			"sources": []etf.SourceRef{{Name: "simulated", Ref: string(symbol) + "?inception=2024-01-02&faults=" + faults}}}, http.StatusCreated)
	}
	run := up.waitRun(up.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": "2025-09-26"}))
	if run.Counts.Updated != 1 || run.Counts.Failed != 1 {
		t.Fatalf("the run ended %s, %+v", run.Status, run.Counts)
	}
	// 3 responses for SIMLATE, and one at first and after each of the source's three waits for SIMNEVER.
	if n := s.count(t, "SELECT COUNT(*) FROM fetch_bodies"); n != 7 {
		t.Errorf("%d responses are kept", n)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM staged_bars"); n != 0 {
		t.Errorf("%d staged rows are left", n)
	}
}
