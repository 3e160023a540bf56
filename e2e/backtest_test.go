package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

var (
	backtestKills = flag.Int("backtest-kills", 10, "how often TestBacktestKilled kills the worker")
	backtestSeed  = flag.Uint64("backtest-seed", 0, "the seed of TestBacktestKilled; 0 draws one")
)

type backtestResponse struct {
	ID            string             `json:"id"`
	Status        etf.BacktestStatus `json:"status"`
	Error         string             `json:"error"`
	Hash          string             `json:"hash"`
	AsOf          time.Time          `json:"as_of"`
	Counts        etf.BacktestCounts `json:"counts"`
	LeakSuspected bool               `json:"leak_suspected"`
	ETFs          struct {
		Items []etf.BacktestRunETF `json:"items"`
	} `json:"etfs"`
	Result *struct {
		Results []etf.BacktestResult `json:"results"`
	} `json:"result"`
}

// startBacktest requests a backtest and returns its path.
func (p *process) startBacktest(request map[string]any) string {
	p.t.Helper()
	_, header := p.must(http.MethodPost, "/v1/backtests", request, http.StatusAccepted)
	return header.Get("Location")
}

func (p *process) backtest(location string) (b backtestResponse) {
	p.t.Helper()
	raw, _ := p.must(http.MethodGet, location, nil, http.StatusOK)
	if err := json.Unmarshal(raw, &b); err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *process) waitBacktest(location string) (b backtestResponse) {
	p.t.Helper()
	eventually(p.t, "backtest "+location+" to end", func() error {
		if b = p.backtest(location); b.Status == etf.RunRunning {
			return fmt.Errorf("%+v %s", b.Counts, b.Error)
		}
		return nil
	})
	return b
}

// A backtest whose worker is killed ten times at random moments has the same result as an undisturbed one, byte for byte. Every ETF
// has been stored once, no part is left, one ETF with too short a history is recorded and fails nothing, and a cancelled backtest
// leaves nothing and can be started again.
func TestBacktestKilled(t *testing.T) {
	t.Parallel()
	if *backtestSeed == 0 {
		*backtestSeed = rand.Uint64N(1e6) + 1
	}
	rng := rand.New(rand.NewPCG(*backtestSeed, 0))
	t.Logf("repeat with -backtest-seed %d", *backtestSeed)
	s := newStack(t)
	if code := s.start(t, nil, "migrate", "--grant", s.user).wait(); code != 0 {
		t.Fatalf("migrate ended with %d", code)
	}
	startWorker := func() *process { return s.start(t, []string{"ETFCAST_FIT_CORES=3"}, "worker") }
	worker, api := startWorker(), s.start(t, nil, "api")
	worker.waitReady()
	api.waitReady()
	const n = 9
	for i := range n {
		inception := "2020-06-01"
		if i == 0 {
			inception = "2024-01-02"
		}
		symbol := fmt.Sprintf("SIMBT%d", i)
		api.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbol, "exchange": etf.XNYS, "currency": "USD",
			"sources": []etf.SourceRef{{Name: "simulated", Ref: symbol + "?inception=" + inception}}}, http.StatusCreated)
	}
	api.waitRun(api.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": "2025-09-26"}))

	request := map[string]any{"exchange": etf.XNYS, "models": []string{"drift", "prophet"}, "horizons": []int{1, 5}, "origins_every": 20, "refit_every": 20, "calibrate": true}
	began := time.Now()
	location := api.startBacktest(request)
	calm := api.waitBacktest(location)
	calmTook := time.Since(began)
	if calm.Status != etf.RunCompleted || calm.Hash == "" || calm.Counts.ETFs != n || calm.Counts.Measured != n-1 || calm.Counts.Failed != 1 || calm.Result == nil || len(calm.Result.Results) != (n-1)*4 {
		t.Fatalf("undisturbed: %+v", calm)
	}
	if again := api.startBacktest(request); again != location {
		t.Errorf("the same request started %s, not %s", again, location)
	}
	if e := calm.ETFs.Items[0]; !e.Done || !strings.Contains(e.Error, "rows") || e.Origins != 0 {
		t.Errorf("the short history: %+v", e)
	}

	request["again"] = true
	rough := api.startBacktest(request)
	hit := 0
	for i := range *backtestKills {
		// Half of the kills come while the successor starts or has just started, the others in the midst of the work.
		wait := time.Duration(rng.Int64N(int64(500 * time.Millisecond)))
		if i%2 == 0 {
			worker.waitReady()
			wait = time.Duration(rng.Int64N(int64(min(calmTook/6, 4*time.Second)))) // so that most come before it has ended
		}
		time.Sleep(wait) // the instant is what the test draws
		if api.backtest(rough).Status == etf.RunRunning {
			hit++
		}
		worker.kill()
		worker = startWorker()
	}
	worker.waitReady()
	killed := api.waitBacktest(rough)
	t.Logf("undisturbed %s; %d kills, %d of them while it ran, done after %s", calmTook.Round(time.Second), *backtestKills, hit, time.Since(began).Round(time.Second))
	if hit < *backtestKills/3 {
		t.Errorf("only %d kills came while the backtest ran: it has too little to do", hit)
	}
	if killed.Status != etf.RunCompleted || killed.ID == calm.ID || killed.Hash != calm.Hash || !killed.AsOf.Equal(calm.AsOf) || killed.Counts != calm.Counts {
		t.Errorf("killed: %+v\nundisturbed: %+v", killed, calm)
	}
	eventually(t, "the parts to be deleted", func() error {
		if left := s.count(t, "SELECT COUNT(*) FROM backtest_pieces WHERE symbol <> ''"); left != 0 {
			return fmt.Errorf("%d pieces are left", left)
		}
		return nil
	})
	for query, want := range map[string]int{
		"SELECT COUNT(*) FROM backtest_parts":                                                   2 * n,
		"SELECT COUNT(*) FROM events WHERE kind = 'backtest.progress'":                          2 * n,
		"SELECT COUNT(*) FROM events WHERE kind IN ('backtest.started', 'backtest.ended')":      4,
		"SELECT COUNT(*) FROM backtests WHERE status = 'completed' AND finished_at IS NOT NULL": 2,
	} {
		if got := s.count(t, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	if page, header := api.must(http.MethodGet, rough+"/report?lang=ko", nil, http.StatusOK); !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'") || len(page) == 0 {
		t.Errorf("the report has %d bytes and the policy %q", len(page), header.Get("Content-Security-Policy"))
	}

	third := api.startBacktest(request)
	eventually(t, "an ETF to be measured", func() error {
		if b := api.backtest(third); b.Counts.Done() == 0 {
			return fmt.Errorf("%+v", b.Counts)
		}
		return nil
	})
	api.must(http.MethodPost, third+"/cancel", nil, http.StatusAccepted)
	if b := api.waitBacktest(third); b.Status != etf.RunCancelled || b.Result != nil {
		t.Errorf("cancelled: %+v", b)
	}
	id := strings.TrimPrefix(third, "/v1/backtests/")
	if left := s.count(t, "SELECT COUNT(*) FROM backtest_pieces WHERE backtest_id = ?", id) + s.count(t, "SELECT COUNT(*) FROM backtest_parts WHERE backtest_id = ?", id); left != 0 {
		t.Errorf("%d rows are left of the cancelled backtest", left)
	}
	api.must(http.MethodPost, third+"/cancel", nil, http.StatusConflict)
}
