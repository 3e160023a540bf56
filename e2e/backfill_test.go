package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

type backfillResponse struct {
	ID     string             `json:"id"`
	Run    string             `json:"run"`
	Status etf.RunStatus      `json:"status"`
	Paused bool               `json:"paused"`
	Error  string             `json:"error"`
	Counts etf.BackfillCounts `json:"counts"`
	ETFs   struct {
		Items []etf.BackfillETF `json:"items"`
	} `json:"etfs"`
}

func (p *process) backfill(location string) (b backfillResponse) {
	p.t.Helper()
	eventually(p.t, "an answer about "+location, func() error { // 503 while Temporal is too slow
		status, raw, _, err := p.request(http.MethodGet, location, nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", status, raw)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &b)
	})
	return b
}

func (p *process) waitBackfill(location string) (b backfillResponse) {
	p.t.Helper()
	eventually(p.t, "backfill "+location+" to end", func() error {
		if b = p.backfill(location); b.Status == etf.RunRunning {
			return fmt.Errorf("%+v %s", b.Counts, b.Error)
		}
		return nil
	})
	return b
}

// A backfill is paused, loses its worker, is resumed, loses it again, and fills in what was missing, each session once; what was stored
// before stays as it was, and nothing is missing afterwards. A cancelled one goes on where it was when it is started again.
func TestBackfillPausedAndKilled(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	if code := s.start(t, nil, "migrate", "--grant", s.user).wait(); code != 0 {
		t.Fatalf("migrate ended with %d", code)
	}
	worker, api := s.start(t, nil, "worker"), s.start(t, nil, "api")
	worker.waitReady()
	api.waitReady()
	const n = 12 // slow, so that the backfill is not over before it can be paused
	for i := range n {
		symbol := fmt.Sprintf("SIMBF%02d", i)
		api.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbol, "exchange": etf.XNYS, "currency": "USD", "listed": "2015-01-02",
			"sources": []etf.SourceRef{{Name: "simulated", Ref: symbol + "?inception=2015-01-02&faults=slow:1s"}}}, http.StatusCreated)
	}
	// Of the first ETF, everything is stored: of its sessions none is missing.
	api.waitRun(api.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": "2025-09-26", "symbols": []string{"SIMBF00"}}))
	before := s.count(t, "SELECT COUNT(*) FROM bars")
	version := s.count(t, "SELECT data_version FROM etfs WHERE symbol = 'SIMBF00'")

	request := map[string]any{"exchange": etf.XNYS, "from": "2015-01-02", "to": "2025-09-26"}
	_, header := api.must(http.MethodPost, "/v1/backfills", request, http.StatusAccepted)
	location := header.Get("Location")
	eventually(t, "the backfill to be planned", func() error {
		if b := api.backfill(location); b.Counts.ETFs == 0 {
			return errors.New("it has no ETFs")
		}
		return nil
	})
	api.must(http.MethodPost, location+"/pause", nil, http.StatusAccepted)
	eventually(t, "the pause to be recorded", func() error {
		if b := api.backfill(location); !b.Paused && b.Status == etf.RunRunning {
			return errors.New("it is not paused")
		}
		return nil
	})
	if b := api.backfill(location); b.Status != etf.RunRunning {
		t.Fatalf("it ended before it could be paused: %+v", b)
	}
	worker.kill()
	worker = s.start(t, nil, "worker")
	worker.waitReady()
	paused := api.backfill(location)
	if !paused.Paused || paused.Status != etf.RunRunning || paused.Counts.ETFsDone == n {
		t.Errorf("after the worker's death: %+v", paused)
	}
	api.must(http.MethodPost, location+"/resume", nil, http.StatusAccepted)
	eventually(t, "it to go on", func() error {
		if b := api.backfill(location); b.Paused || b.Counts.SessionsDone == paused.Counts.SessionsDone && b.Status == etf.RunRunning {
			return fmt.Errorf("%+v", b)
		}
		return nil
	})
	worker.kill()
	worker = s.start(t, nil, "worker")
	worker.waitReady()
	b := api.waitBackfill(location)
	each := s.count(t, "SELECT COUNT(*) FROM bars WHERE session <= '2025-09-26'") / n
	if b.Status != etf.RunCompleted || b.Counts.ETFsDone != n || b.Counts.ETFsFailed != 0 || b.Counts.SessionsDone != b.Counts.Sessions || b.Counts.RowsRevised != 0 || b.Counts.RowsNew != (n-1)*each {
		t.Errorf("%d bars of each: %+v", each, b)
	}
	if total := s.count(t, "SELECT COUNT(*) FROM bars"); total != before+(n-1)*each || s.count(t, "SELECT COUNT(*) FROM bar_revisions") != 0 {
		t.Errorf("%d bars, %d before", total, before)
	}
	if got := s.count(t, "SELECT data_version FROM etfs WHERE symbol = 'SIMBF00'"); got != version {
		t.Errorf("the complete ETF has another data version: %d, was %d", got, version)
	}
	if left := s.count(t, "SELECT COUNT(*) FROM staged_bars"); left != 0 {
		t.Errorf("%d staged rows are left", left)
	}
	raw, _ := api.must(http.MethodGet, "/v1/gaps?exchange=XNYS&to=2025-09-26", nil, http.StatusOK)
	var gaps struct {
		Items []etf.Gap `json:"items"`
	}
	if err := json.Unmarshal(raw, &gaps); err != nil || len(gaps.Items) != 0 {
		t.Errorf("%+v, %v", gaps, err)
	}
	if _, header = api.must(http.MethodPost, "/v1/backfills", request, http.StatusAccepted); header.Get("Location") != location {
		t.Errorf("the same request is another backfill: %s", header.Get("Location"))
	}

	// Cancelled, a refetch keeps what it has and starts again under its ID.
	again := map[string]any{"exchange": etf.XNYS, "refetch": true}
	_, header = api.must(http.MethodPost, "/v1/backfills", again, http.StatusAccepted)
	refetch := header.Get("Location")
	if status, _, _, err := api.request(http.MethodPost, refetch+"/cancel", nil); err != nil || status != http.StatusAccepted && status != http.StatusConflict {
		t.Fatalf("%d, %v", status, err)
	}
	api.waitBackfill(refetch)
	if _, header = api.must(http.MethodPost, "/v1/backfills", again, http.StatusAccepted); header.Get("Location") != refetch {
		t.Errorf("started again as %s", header.Get("Location"))
	}
	if done := api.waitBackfill(refetch); done.Status != etf.RunCompleted || done.Counts.ETFsFailed != 0 || done.Counts.RowsRevised != 0 {
		t.Errorf("%+v", done)
	}
}
