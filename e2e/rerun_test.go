package e2e

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// writePrices writes a plain CSV file of made-up prices up to the session and returns its lines, header first.
func writePrices(t *testing.T, dir, name string, to etf.Session, edit func(lines []string)) {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"Date,Open,High,Low,Close,Volume"}
	for i, s := range cal.Sessions(etf.Window{From: to.AddDays(-365), To: to}) {
		// A smooth path with a small wobble, which violates no rule.
		price := 100 + 5*math.Sin(float64(i)/20) + .3*math.Sin(float64(i)*1.7)
		lines = append(lines, fmt.Sprintf("%s,%.2f,%.2f,%.2f,%.2f,%d", s, price-.1, price+.4, price-.5, price, 1_000_000+i*37))
	}
	if edit != nil {
		edit(lines)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *process) registerFile(symbol etf.Symbol, name string) {
	p.t.Helper()
	p.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbol, "exchange": etf.XNYS, "currency": "USD",
		"sources": []etf.SourceRef{{Name: "file", Ref: name}}}, http.StatusCreated)
}

// A re-run changes no rows and appends no forecast; when a bar is revised, its earlier values are kept.
func TestRerunChangesNothingAndRevisionKeepsThePast(t *testing.T) {
	t.Parallel()
	session := etf.MustSession("2025-09-26")
	dir := t.TempDir()
	writePrices(t, dir, "AAA.csv", session, nil)
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	p.registerFile("AAA", "AAA.csv")
	request := map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session, "symbols": []string{"AAA"}}
	location := p.startRun(request)
	if done := p.waitRun(location); done.Counts.Updated != 1 {
		t.Fatalf("the first run ended with %+v: %+v", done.Counts, done.ETFs.Items)
	}
	if again := p.startRun(request); again != location {
		t.Errorf("the same request gave %s, then %s", location, again)
	}
	rows := s.marketRows(t, []etf.Symbol{"AAA"}, p)

	request["rerun"] = true
	second := p.startRun(request)
	if second == location {
		t.Fatal("the re-run has the ID of the first run")
	}
	done := p.waitRun(second)
	if c := done.Counts; done.Status != etf.RunCompleted || c.Unchanged != 1 || c.RowsNew+c.RowsRevised+c.Forecasts != 0 {
		t.Errorf("the re-run ended with %+v", c)
	}
	if got := s.marketRows(t, []etf.Symbol{"AAA"}, p); !slices.Equal(got, rows) {
		t.Errorf("the re-run changed rows: %s", firstDifference(got, rows))
	}
	if n := s.count(t, "SELECT COUNT(*) FROM forecasts"); n != len(p.models()) {
		t.Errorf("%d forecasts after a re-run", n)
	}

	// The provider corrects the close of four sessions ago.
	var old, corrected string
	writePrices(t, dir, "AAA.csv", session, func(lines []string) {
		row := strings.Split(lines[len(lines)-5], ",")
		old = row[4]
		var close float64
		if _, err := fmt.Sscan(old, &close); err != nil {
			t.Fatal(err)
		}
		corrected = fmt.Sprintf("%.2f", close+.2)
		row[4] = corrected
		lines[len(lines)-5] = strings.Join(row, ",")
	})
	done = p.waitRun(p.startRun(request))
	if c := done.Counts; c.RowsRevised != 1 || c.RowsNew != 0 || c.Forecasts != len(p.models()) {
		t.Errorf("after a correction the run ended with %+v", c)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM bars WHERE close = ?", corrected); n < 1 {
		t.Errorf("the corrected close %s is not stored", corrected)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM bar_revisions WHERE close = ?", old); n != 1 {
		t.Errorf("the earlier close %s is kept %d times", old, n)
	}
}

// A finding names the file and number of a line that can't be read. The other ETFs are not affected, nor are the other
// rows of the same file.
func TestCorruptLineIsNamedAndOthersGoOn(t *testing.T) {
	t.Parallel()
	session := etf.MustSession("2025-09-26")
	dir := t.TempDir()
	writePrices(t, dir, "GOOD.csv", session, nil)
	writePrices(t, dir, "BAD.csv", session, func(lines []string) { lines[99] = "2025-02-14,1o3.20,104,102,103.1,1000" })
	writePrices(t, dir, "LAST.csv", session, func(lines []string) {
		lines[len(lines)-1] = session.String() + ",what,is,this,really,?"
	})
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	for _, name := range []string{"GOOD", "BAD", "LAST", "GONE"} {
		p.registerFile(etf.Symbol(name), name+".csv")
	}
	done := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session}))
	if c := done.Counts; done.Status != etf.RunCompleted || c.Updated != 2 || c.Quarantined+c.Failed != 2 {
		t.Fatalf("the run ended %s with %+v: %+v", done.Status, c, done.ETFs.Items)
	}
	for _, e := range done.ETFs.Items {
		switch e.Symbol {
		case "GOOD", "BAD":
			if e.Outcome != etf.OutcomeUpdated || e.Forecasts != len(p.models()) {
				t.Errorf("%s: %+v", e.Symbol, e)
			}
		case "GONE":
			if e.Outcome != etf.OutcomeFailed || e.ErrorType == "" || !strings.Contains(e.ErrorMessage, "GONE.csv") {
				t.Errorf("GONE: %+v", e)
			}
		case "LAST":
			if e.Outcome == etf.OutcomeUpdated || e.Forecasts != 0 {
				t.Errorf("LAST: %+v", e)
			}
		}
	}
	for where, query := range map[string]string{
		"BAD.csv:100": "SELECT COUNT(*) FROM findings WHERE evidence LIKE '%BAD.csv:100%'",
		"LAST.csv":    "SELECT COUNT(*) FROM findings WHERE evidence LIKE '%LAST.csv:%'",
	} {
		if n := s.count(t, query); n < 1 {
			t.Errorf("no finding names %s", where)
		}
	}
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%q and %q", a[i], b[i])
		}
	}
	return "one has more rows"
}
