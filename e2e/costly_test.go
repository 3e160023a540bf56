package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// rowsUntil returns n plausible CSV rows on consecutive sessions of XNYS that end with last.
func rowsUntil(t *testing.T, last etf.Session, n int) []string {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{To: last})
	random := rand.New(rand.NewPCG(1, 2))
	rows, price := make([]string, n), 10000
	for i, s := range sessions[len(sessions)-n:] {
		price += random.IntN(201) - 100
		cents := func(c int) string { return fmt.Sprintf("%d.%02d", c/100, c%100) }
		rows[i] = fmt.Sprintf("%s,%s,%s,%s,%s,%d", s, cents(price), cents(price+30), cents(price-30), cents(price+10), 100000+i)
	}
	return rows
}

// repeat returns n rows that begin with the given ones, again and again.
func repeat(rows []string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = rows[i%len(rows)]
	}
	return out
}

// Files that cost much more than an ETF's history does are stored or refused, and none holds up the other ETFs or the
// next session.
func TestCostlyFilesHoldUpNothing(t *testing.T) {
	const good = 7
	first, second := etf.MustSession("2025-09-25"), etf.MustSession("2025-09-26")
	rows := rowsUntil(t, second, 1500)
	random := rand.New(rand.NewPCG(3, 4))
	shuffled := repeat(rows, 100_000)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	files := map[etf.Symbol]struct {
		rows    []string
		outcome etf.Outcome
		why     string
	}{
		"REPEATED": {slices.Sorted(slices.Values(repeat(rows, 250_000))), etf.OutcomeUpdated, ""},
		"SHUFFLED": {shuffled, etf.OutcomeUpdated, ""},
		"TOOMANY":  {repeat(rows, 250_001), etf.OutcomeFailed, "250000 rows"},
		"FIELD":    {append(slices.Clone(rows), "2025-09-26,"+strings.Repeat("9", 20<<20)), etf.OutcomeUpdated, ""},
		"BYTES":    {append(slices.Clone(rows), "2025-09-26,"+strings.Repeat("9", 64<<20)), etf.OutcomeFailed, "larger than 64 MiB"},
	}
	dir := t.TempDir()
	for symbol, file := range files {
		text := "Date,Open,High,Low,Close,Volume\n" + strings.Join(file.rows, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(dir, string(symbol)+".csv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newStack(t)
	up := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	up.waitReady()
	up.registerSimulated(etf.XNYS, good)
	for symbol := range files {
		up.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbol, "exchange": etf.XNYS, "currency": "USD",
			"sources": []etf.SourceRef{{Name: "file", Ref: string(symbol) + ".csv"}}}, http.StatusCreated)
	}
	for _, session := range []etf.Session{first, second} {
		run := up.waitRun(up.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session}))
		if run.Status != etf.RunCompleted || run.Counts.Done() != good+len(files) {
			t.Fatalf("%s ended %s, %+v", session, run.Status, run.Counts)
		}
		for _, e := range run.ETFs.Items {
			want, bad := files[e.Symbol]
			if !bad {
				want.outcome = etf.OutcomeUpdated
			}
			if e.Outcome != want.outcome || !strings.Contains(e.ErrorMessage, want.why) {
				t.Errorf("%s of %s: %s, %s: %s; want %s, %s", e.Symbol, session, e.Outcome, e.ErrorType, e.ErrorMessage, want.outcome, want.why)
			}
		}
	}
	if n := s.count(t, "SELECT COUNT(*) FROM bars b JOIN etfs e ON e.id = b.etf_id WHERE e.symbol IN ('REPEATED', 'SHUFFLED')"); n != 2*len(rows) {
		t.Errorf("%d bars of two files with %d sessions each", n, len(rows))
	}
	if n := s.count(t, "SELECT COUNT(*) FROM staged_bars"); n != 0 {
		t.Errorf("%d staged rows are left", n)
	}
}
