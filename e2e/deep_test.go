package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A forecast is made again from the stored responses, for ETFs whose sources send wrong, late, repeated and revised rows; and what is
// changed in the database below the forecast is named.
func TestReproduceFromTheResponses(t *testing.T) {
	s := newStack(t)
	up := s.start(t, []string{"ETFCAST_FILE_DIR=" + t.TempDir()}, "up")
	up.waitReady()
	for _, x := range etf.HomeExchanges() {
		for i, faults := range []string{"none", "revised:1,late:1@1/3,duplicate@1/3", "bad_tick@2025-09-24,garbled@2025-09-25", "crash@2025-09-25,split"} {
			ref := fmt.Sprintf("D%d?inception=2024-01-02&faults=%s", i, faults)
			if faults == "crash@2025-09-25,split" {
				ref = "D3?inception=2024-01-02&split=2025-09-24:4:1&faults=crash@2025-09-25,unsplit:1"
			}
			up.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": fmt.Sprintf("SIMD%s%d", x, i), "exchange": x, "currency": x.DefaultCurrency(),
				"sources": []etf.SourceRef{{Name: "simulated", Ref: ref}}}, http.StatusCreated)
		}
		for _, session := range []string{"2025-09-23", "2025-09-24", "2025-09-25", "2025-09-26"} {
			up.waitRun(up.startRun(map[string]any{"workflow": "daily", "exchange": x, "session": session}))
		}
	}
	type result struct {
		Verdict string
		First   struct{ Field, Stored, Made string }
		Data    struct {
			Fetches, Rows, Bars int
			Differences         []struct{ Field string }
		}
	}
	deep := func(t *testing.T, id string, code int) (r result, printed string) {
		t.Helper()
		p := s.start(t, nil, "reproduce", id, "--deep", "--json")
		if got := p.wait(); got != code {
			t.Fatalf("exit code %d, want %d: %s", got, code, p.out.String())
		}
		printed = p.out.String()
		if line, _, _ := strings.Cut(printed, "\n"); strings.HasPrefix(line, "{") {
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
		}
		return r, printed
	}
	forecasts := s.query(t, "SELECT f.id FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE f.model = 'drift' ORDER BY e.symbol, f.chain")
	if len(forecasts) < 20 {
		t.Fatalf("only %d forecasts were issued", len(forecasts))
	}
	for i, id := range forecasts {
		if i%3 != 0 && i != len(forecasts)-1 {
			continue // the last of one ETF takes all of its versions
		}
		r, printed := deep(t, id, 0)
		if r.Verdict != "identical" || r.Data.Fetches == 0 || r.Data.Rows == 0 || r.Data.Bars == 0 {
			t.Errorf("%s: %s", id, printed)
		}
	}

	last := forecasts[len(forecasts)-1]
	fetch := s.query(t, "SELECT b.fetch_id FROM bars b JOIN forecasts f ON f.etf_id = b.etf_id WHERE f.id = '"+last+"' ORDER BY b.session LIMIT 1")[0]
	change := func(statement string) {
		t.Helper()
		s.query(t, statement)
	}
	// Bars before the oldest one that the model fits, too.
	const oldest = "UPDATE bars SET close = close %s 0.01 WHERE fetch_id = '%s' ORDER BY session LIMIT 1"
	change(fmt.Sprintf(oldest, "+", fetch))
	if r, printed := deep(t, last, 1); r.Verdict != "different" || !strings.Contains(r.First.Field, "close of 2024-01-02") {
		t.Errorf("a changed close: %s", printed)
	}
	change(fmt.Sprintf(oldest, "-", fetch))
	change("UPDATE fetches SET raw_hash = REVERSE(raw_hash) WHERE id = '" + fetch + "'")
	if r, printed := deep(t, last, 1); !strings.Contains(r.First.Field, fetch) || !strings.Contains(r.First.Field, "SHA-256") {
		t.Errorf("a changed hash: %s", printed)
	}
	change("UPDATE fetches SET raw_hash = REVERSE(raw_hash) WHERE id = '" + fetch + "'")
	deep(t, last, 0)
	change("DELETE FROM fetch_bodies WHERE fetch_id = '" + fetch + "'")
	if _, printed := deep(t, last, 2); !strings.Contains(printed, fetch) || !strings.Contains(printed, "without --deep") {
		t.Errorf("a pruned response: %s", printed)
	}
	if p := s.start(t, nil, "reproduce", last); p.wait() != 0 {
		t.Errorf("without --deep: %s", p.out.String())
	}
}

// query runs a statement in the test's database, as its owner, and returns the first column of its rows.
func (s *stack) query(t *testing.T, statement string) (values []string) {
	t.Helper()
	db, err := sql.Open("mysql", s.adminDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}
