package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
	"github.com/etfcast/etfcast/service"
)

// openForEntries returns an exchange whose newest closed session can still be entered, and its last three sessions. There always is one:
// New York and Seoul are never open at the same time.
func openForEntries(t *testing.T) (etf.Exchange, [3]etf.Session) {
	t.Helper()
	const margin = 5 * time.Minute // for the test to be done
	for _, x := range etf.HomeExchanges() {
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

// An entry in time is of record and one at the open is late: the run that brings the price scores both. That a session closes after an
// entry takes a clock: only that of the service that takes the entry is turned back, to the evening of a session.
func TestEntryIsScoredWhenItsPriceComes(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	p := s.start(t, nil, "up")
	p.waitReady()
	symbols := p.registerSimulated(etf.XNYS, 2)
	origin, target := etf.MustSession("2025-09-16"), etf.MustSession("2025-09-17")
	p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": origin}))

	open := time.Date(2025, time.September, 17, 9, 30, 0, 0, newYork(t))
	now := open.Add(-time.Microsecond)
	clock := func() time.Time { return now }
	store, err := db.Open(s.dsn, db.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	var unsigned *ledger.Signer
	arena := service.New(service.Deps{Store: store, Anchors: store, CheckpointNote: unsigned.Note, Now: clock})
	enter := func(symbol etf.Symbol, late bool) (service.EntryReceipt, error) {
		bars := p.bars(t, symbol)
		q := map[string]float64{}
		for i, level := range []string{"0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95"} {
			q[level] = bars[len(bars)-1].Close.Float() * (1 + float64(i-3)/100)
		}
		return arena.Enter(t.Context(), service.EntryRequest{Model: "outsider", Late: late, Entries: []service.NewEntry{
			{Symbol: string(symbol), Origin: origin.String(), Points: []service.EntryPoint{{Horizon: 1, Quantiles: q}}},
		}})
	}
	inTime, err := enter(symbols[0], false)
	if err != nil || inTime.Entries[0].Standing != etf.OfRecord || inTime.Checkpoint == nil {
		t.Fatalf("a microsecond before the open: %+v, %v", inTime, err)
	}
	now = open
	if r, err := enter(symbols[1], false); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("at the open: %+v, %v", r, err)
	}
	if r, err := enter(symbols[1], true); err != nil || r.Entries[0].Standing != etf.Late {
		t.Fatalf("at the open, as late: %+v, %v", r, err)
	}

	run := map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": origin, "rerun": true}
	p.waitRun(p.startRun(run))
	if n := s.count(t, "SELECT COUNT(*) FROM scores"); n != 0 {
		t.Errorf("%d scores before a price has come", n)
	}
	scored := func() []string {
		admin, err := sql.Open("mysql", s.adminDSN)
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		return rowsOf(t, admin, `SELECT e.symbol, x.standing, x.version, x.withdrawn, x.target, ABS(x.absolute_error - ABS(b.close - p.q50)) < 1e-6 FROM scores x
			JOIN etfs e ON e.id = x.etf_id JOIN bars b ON b.etf_id = x.etf_id AND b.session = x.target
			JOIN forecast_points p ON p.forecast_id = x.forecast_id AND p.horizon = x.horizon WHERE x.model = 'outsider' ORDER BY e.symbol`)
	}
	run["session"] = target
	var want []string
	for i, standing := range []string{"record", "late"} {
		want = append(want, fmt.Sprintf("%s | %s | 1 | 0 | %s | 1", symbols[i], standing, target))
	}
	for range 2 { // a repeat changes nothing
		p.waitRun(p.startRun(run))
		if got := scored(); !slices.Equal(got, want) {
			t.Errorf("scored are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	for query, late := range map[string]bool{"?model=outsider": false, "?model=outsider&late=true": true} {
		var b board
		raw, _ := p.must(http.MethodGet, "/v1/scoreboard"+query, nil, http.StatusOK)
		if err := json.Unmarshal(raw, &b); err != nil || b.Late != late || len(b.Items) != 1 || b.Items[0].N != 1 || b.Items[0].LateN != 1 {
			t.Errorf("%s: %s: %v", query, raw, err)
		}
	}
}

func newYork(t *testing.T) *time.Location {
	t.Helper()
	location, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	return location
}
