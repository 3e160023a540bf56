package workflows

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

var writeGolden = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "details", name)
	if *writeGolden {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it). Got:\n%s", name, got)
	}
}

func TestDailyDetails(t *testing.T) {
	s := DailyStatus{
		Run: etf.Run{
			ID: "daily:XNYS:2025-09-26", Exchange: etf.XNYS, Session: friday, Status: etf.RunRunning,
			Counts: etf.RunCounts{Due: 1300, Updated: 1180, Unchanged: 3, Quarantined: 1, Failed: 2, RowsNew: 1181, RowsUnchanged: 17700, RowsRevised: 4, Forecasts: 1180},
		},
		Active: make([]etf.RunETF, 50),
		Problems: []etf.RunETF{
			{Symbol: "AAA", Stage: etf.StagePersist, Outcome: etf.OutcomeQuarantined},
			{Symbol: "BBB", Stage: etf.StageFetch, Outcome: etf.OutcomeFailed, ErrorType: "SourceCorrupt", ErrorMessage: "file: BBB.csv:17: bad | price\nsecond line"},
		},
	}
	golden(t, "daily_running.md", dailyDetails(s, 83*time.Second+400*time.Millisecond, 64, false))
	s.Active, s.Run.Status, s.Ledger = nil, etf.RunCompleted, "2,366 leaves, checkpoint 41,007"
	golden(t, "daily_completed.md", dailyDetails(s, 2*time.Hour, 0, true))
	golden(t, "daily_closed.md", dailyDetails(DailyStatus{Run: etf.Run{Exchange: etf.XKRX, Session: friday, Status: etf.RunCompleted, Closed: true}}, time.Second, 0, false))
}

func TestOtherDetails(t *testing.T) {
	in := TickInput{Exchange: etf.XNYS, Nominal: time.Date(2025, 9, 26, 21, 30, 0, 0, time.UTC)}
	golden(t, "tick.md", tickDetails(in, []TickSession{
		{Session: friday - 1, Run: "daily:XNYS:2025-09-25", Status: etf.RunCompleted, Elsewhere: true},
		{Session: friday, Run: "daily:XNYS:2025-09-26", Status: etf.RunRunning},
	}, []etf.Session{friday + 3}))
	golden(t, "tick_nothing.md", tickDetails(in, nil, nil))
	golden(t, "finding.md", findingDetails(ResolveFindingInput{Finding: "ab12", Symbol: "SPY", Session: friday, Rule: "jump", Evidence: "close 66.18 is 90 % below 661.82"}, ""))
	golden(t, "finding_decided.md", decidedDetails(etf.Finding{Symbol: "SPY", Rule: "jump", Decision: etf.Reject, By: "jo", Why: "bad tick"}, ""))
	golden(t, "finding_overdue.md", findingDetails(ResolveFindingInput{Finding: "ab12", Symbol: "SPY", Session: friday, Rule: "jump", Evidence: "close 66.18 is 90 % below 661.82"}, "**Overdue**: x"))
	golden(t, "finding_followed.md", decidedDetails(etf.Finding{Symbol: "SPY", Rule: "jump", Decision: etf.Accept, By: "jo", Why: "seen twice"}, "Forecasts from 2025-09-26: 2 new, 0 as before."))
}

func TestDetailsStayBounded(t *testing.T) {
	row := etf.RunETF{Symbol: "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", Stage: etf.StageValidate, Outcome: etf.OutcomeQuarantined,
		ErrorType: "SourceUnavailable", ErrorMessage: strings.Repeat("|", 5000)}
	s := DailyStatus{Run: etf.Run{Error: strings.Repeat("x", 5000)}}
	for range maxProblems {
		s.Problems = append(s.Problems, row)
	}
	if n := len(dailyDetails(s, 0, 0, true)); n > 10_000 {
		t.Errorf("details of %d bytes", n)
	}
}

// Temporal limits summaries to 400 bytes and details to 20 KB; it rejects a start that exceeds them.
func TestSummariesStayBounded(t *testing.T) {
	long := etf.Symbol("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")
	daily := DailyInput{Exchange: etf.XNYS, Session: friday, Attempt: 1 << 30}
	for range 4 {
		daily.Symbols = append(daily.Symbols, long)
		long = "A" + long[:31]
	}
	update := UpdateETFInput{Symbol: long, Exchange: etf.XNYS, Session: friday, Run: daily.Run()}
	for range 10 {
		update.Sources = append(update.Sources, etf.SourceRef{Name: "simulated", Ref: "x"})
	}
	finding := ResolveFindingInput{Symbol: long, Session: friday, Rule: "missing_session"}
	for _, x := range []interface{ Summary() string }{daily, update, finding, TickInput{Exchange: etf.XNYS}} {
		if s := x.Summary(); len(s) > 200 || strings.Contains(s, "\n") {
			t.Errorf("summary of %d bytes: %s", len(s), s)
		}
	}
	for _, x := range []interface{ Details() string }{daily, update, finding, TickInput{Exchange: etf.XNYS}} {
		if s := x.Details(); len(s) > 2000 {
			t.Errorf("details of %d bytes: %s", len(s), s)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
