package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

// openForEntries returns an exchange whose newest closed session can still be entered, and its last three sessions. There always is one:
// New York and Seoul are never open at the same time.
func openForEntries(t *testing.T) (etf.Exchange, [3]etf.Session) {
	t.Helper()
	const margin = 5 * time.Minute // for the test to be done
	for _, x := range etf.Exchanges() {
		cal, err := calendar.For(x)
		if err != nil {
			t.Fatal(err)
		}
		var s [3]etf.Session
		if s[2], err = cal.LastClosed(time.Now()); err != nil {
			t.Fatal(err)
		}
		next, _ := cal.Next(s[2])
		s[1], _ = cal.Previous(s[2])
		s[0], _ = cal.Previous(s[1])
		if open, err := cal.Open(next); err == nil && time.Until(open) > margin {
			return x, s
		}
	}
	t.Fatal("both exchanges are open, or about to")
	return "", [3]etf.Session{}
}

// Forecasts are entered by request and by command, in time and late; they are kept once, chained like others and never served, and the
// next run scores what has come of them.
func TestEntries(t *testing.T) {
	t.Parallel()
	exchange, sessions := openForEntries(t)
	s := newStack(t)
	p := s.start(t, nil, "up")
	p.waitReady()
	symbols := p.registerSimulated(exchange, 2)
	run := map[string]any{"workflow": "daily", "exchange": exchange, "session": sessions[2].String(), "rerun": true}
	if done := p.waitRun(p.startRun(run)); done.Counts.Updated != 2 {
		t.Fatalf("the run ended with %+v", done.Counts)
	}
	closes := map[etf.Symbol]float64{}
	for _, symbol := range symbols {
		bars := p.bars(t, symbol)
		closes[symbol] = bars[len(bars)-1].Close.Float()
	}
	quantiles := func(symbol etf.Symbol) map[string]float64 {
		q := map[string]float64{}
		for i, level := range []string{"0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.975"} {
			q[level] = closes[symbol] * (1 + float64(i-4)/100)
		}
		return q
	}

	// In time, by request.
	type receipt struct {
		Checkpoint *etf.Checkpoint `json:"checkpoint"`
		Items      []struct {
			ID       string `json:"id"`
			Standing string `json:"standing"`
			Chain    struct {
				Position int `json:"position"`
			} `json:"chain"`
		} `json:"items"`
	}
	entry := map[string]any{"model": "outsider", "entries": []any{map[string]any{
		"symbol": symbols[0], "origin": sessions[2], "points": []any{map[string]any{"horizon": 1, "quantiles": quantiles(symbols[0])}, map[string]any{"horizon": 21, "quantiles": quantiles(symbols[0])}},
	}}}
	raw, _ := p.must(http.MethodPost, "/v1/entries", entry, http.StatusCreated)
	var first receipt
	if err := json.Unmarshal(raw, &first); err != nil || len(first.Items) != 1 || first.Items[0].Standing != "record" || first.Items[0].Chain.Position != 1 {
		t.Fatalf("%s: %v", raw, err)
	}
	if raw, _ := p.must(http.MethodPost, "/v1/entries", entry, http.StatusConflict); !strings.Contains(string(raw), first.Items[0].ID) {
		t.Errorf("a second entry: %s", raw)
	}

	// The checkpoint of the response proves it, also once the ledger has grown.
	if first.Checkpoint == nil {
		t.Fatalf("the entry is not anchored: %s", raw)
	}

	// By command, as CSV: late, at first without saying so.
	var csv strings.Builder
	csv.WriteString("origin_date,horizon,target,target_end_date,location,output_type,output_type_id,value\n")
	for level, v := range quantiles(symbols[1]) {
		fmt.Fprintf(&csv, "%s,1,close,%s,%s,quantile,%s,%g\n", sessions[0], sessions[1], symbols[1], level, v)
	}
	file := filepath.Join(t.TempDir(), "late.csv")
	if err := os.WriteFile(file, []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(want int, says string, args ...string) string {
		t.Helper()
		c := s.start(t, nil, append([]string{"entry"}, args...)...)
		if code := c.wait(); code != want || !strings.Contains(c.tail(), says) {
			t.Errorf("etfcast entry %s: exit code %d, want %d with %q: %s", strings.Join(args, " "), code, want, says, c.tail())
		}
		return c.tail()
	}
	command(2, "--late", "submit", file, "--model", "outsider")
	command(2, "is a name of etfcast's own models", "submit", file, "--model", "drift", "--late")
	command(0, "late", "check", file, "--model", "outsider", "--late")
	if n := s.count(t, "SELECT COUNT(*) FROM forecasts WHERE code_version = 'entry'"); n != 1 {
		t.Errorf("%d entries are stored, want 1", n)
	}
	if out := command(0, "The checkpoint with", "submit", file, "--model", "outsider", "--late"); !strings.Contains(out, "late") {
		t.Errorf("not said to be late: %s", out)
	}
	command(2, "already", "submit", file, "--model", "outsider", "--late")
	command(0, "outsider", "list")
	if out := command(0, first.Items[0].ID, "list", "--model", "outsider"); !strings.Contains(out, string(symbols[1])) {
		t.Errorf("the list lacks %s: %s", symbols[1], out)
	}

	raw, _ = p.must(http.MethodGet, fmt.Sprintf("/v1/ledger/proof?forecast=%s&since=%d", first.Items[0].ID, first.Checkpoint.Size), nil, http.StatusOK)
	proof, err := ledger.ReadProof(raw)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := ledger.ParseCheckpoint(first.Checkpoint.Note)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := proof.Verify(ledger.Options{Against: &kept})
	if err != nil || shown.Number >= kept.Size || shown.Forecast.ID != first.Items[0].ID || shown.Forecast.Points[0].Quantiles[0] != quantiles(symbols[0])["0.05"] {
		t.Errorf("the proof shows %+v: %v", shown, err)
	}

	// Never served; by ID as entered.
	for _, symbol := range symbols {
		p.must(http.MethodGet, "/v1/etfs/"+string(symbol)+"/forecasts/latest?model=outsider", nil, http.StatusNotFound)
	}
	raw, _ = p.must(http.MethodGet, "/v1/forecasts/"+first.Items[0].ID, nil, http.StatusOK)
	if !strings.Contains(string(raw), `"code_version":"entry"`) {
		t.Errorf("the entry by ID: %s", raw)
	}

	// The next run scores the late one, whose target has come, against the close that is stored.
	p.waitRun(p.startRun(run))
	if n := s.count(t, "SELECT COUNT(*) FROM scores WHERE model = 'outsider'"); n != 1 {
		t.Fatalf("%d scores of entries, want that of the late one", n)
	}
	if n := s.count(t, `SELECT COUNT(*) FROM scores x JOIN bars b ON b.etf_id = x.etf_id AND b.session = x.target
		WHERE x.model = 'outsider' AND x.standing = 'late' AND x.target = ? AND x.actual = b.close AND x.inside95 IS NOT NULL AND x.scale_absolute > 0`, sessions[1].String()); n != 1 {
		t.Error("the late entry is not scored against the stored close, or not marked late")
	}
}
