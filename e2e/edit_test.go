package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// An ETF registered with a wrong reference fails with the remedy, is corrected and updated; once retired, the daily run
// leaves it out and its prices stay.
func TestCorrectAndRetire(t *testing.T) {
	t.Parallel()
	session := etf.MustSession("2025-09-26")
	dir := t.TempDir()
	writePrices(t, dir, "AAA.csv", session, nil)
	writePrices(t, dir, "BBB.csv", session, nil)
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	p.registerFile("AAA", "AAAA.csv")
	p.registerFile("BBB", "BBB.csv")
	request := map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session}
	run := p.waitRun(p.startRun(request))
	if run.Counts.Failed != 1 || run.Counts.Updated != 1 || !strings.Contains(run.ETFs.Items[0].ErrorMessage, "`etfcast etf edit`") {
		t.Fatalf("the run with the wrong reference: %+v, %+v", run.Counts, run.ETFs.Items)
	}
	if message := run.ETFs.Items[0].ErrorMessage; strings.Contains(message, dir) {
		t.Errorf("the message names a folder of the server: %s", message)
	}
	p.must(http.MethodPatch, "/v1/etfs/AAA", map[string]any{"sources": []etf.SourceRef{{Name: "file", Ref: "AAA.csv"}}}, http.StatusOK)
	request["rerun"] = true
	if run = p.waitRun(p.startRun(request)); run.Counts.Failed != 0 || run.Counts.Updated != 1 || run.Counts.Unchanged != 1 {
		t.Fatalf("the run after the correction: %+v, %+v", run.Counts, run.ETFs.Items)
	}
	p.must(http.MethodPatch, "/v1/etfs/AAA", map[string]any{"retired": true, "by": "Kim", "why": "delisted"}, http.StatusOK)
	if run = p.waitRun(p.startRun(request)); run.Counts.Due != 1 || run.ETFs.Items[0].Symbol != "BBB" {
		t.Fatalf("the run after retiring: %+v, %+v", run.Counts, run.ETFs.Items)
	}
	p.must(http.MethodGet, "/v1/etfs/AAA/forecasts/latest", nil, http.StatusOK)
}
