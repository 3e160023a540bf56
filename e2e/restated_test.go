package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// writeAdjusted writes prices near 50 with each row times its factor, as a provider of adjusted
// prices exports them.
func writeAdjusted(t *testing.T, dir, name string, from, to etf.Session, factor func(etf.Session) float64) {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"Date,Open,High,Low,Close,Volume"}
	for _, s := range cal.Sessions(etf.Window{From: from, To: to}) {
		f, step := factor(s), .005*float64(int(s)%7)
		lines = append(lines, fmt.Sprintf("%s,%.4f,%.4f,%.4f,%.4f,%d", s, 50*f, 50.6*f, 49.9*f, (50+step*10)*f, 1_000_000+int(s)%977))
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// result runs a session, or what a request starts, and returns the one ETF's row.
func (p *process) result(location string) etf.RunETF {
	p.t.Helper()
	run := p.waitRun(location)
	if len(run.ETFs.Items) != 1 {
		p.t.Fatalf("the run is %+v", run)
	}
	return run.ETFs.Items[0]
}

func (p *process) session(symbol etf.Symbol, session string) etf.RunETF {
	p.t.Helper()
	return p.result(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session, "symbols": []etf.Symbol{symbol}, "rerun": true}))
}

func (p *process) refetch(symbol etf.Symbol) etf.RunETF {
	p.t.Helper()
	_, header := p.must(http.MethodPost, "/v1/etfs/"+string(symbol)+"/refetch", map[string]any{"by": "Kim", "why": "a test"}, http.StatusAccepted)
	return p.result(header.Get("Location"))
}

func (p *process) etf(symbol etf.Symbol) (e struct {
	Bars        int         `json:"bars"`
	Quarantined int         `json:"quarantined"`
	First       etf.Session `json:"first_session"`
	Version     struct {
		Number int `json:"number"`
	} `json:"data_version"`
}) {
	p.t.Helper()
	body, _ := p.must(http.MethodGet, "/v1/etfs/"+string(symbol), nil, http.StatusOK)
	if err := json.Unmarshal(body, &e); err != nil {
		p.t.Fatal(err)
	}
	return e
}

// A file of adjusted prices is restated at each distribution, and taken over at once, in one data version. One that is cut
// replaces nothing until it is whole again; a refetch then resolves what it left. Older rows of another security go with the
// listing date.
func TestRestatedFile(t *testing.T) {
	t.Parallel()
	day := etf.MustSession
	dir := t.TempDir()
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	p.registerFile("AAA", "AAA.csv")
	write := func(from, to string, factor float64) {
		writeAdjusted(t, dir, "AAA.csv", day(from), day(to), func(s etf.Session) float64 {
			if s < day(to) {
				return factor
			}
			return 1 // the newest row is as traded
		})
	}
	ok := func(what string, row etf.RunETF, outcome etf.Outcome, bars, quarantined, version int) {
		t.Helper()
		e := p.etf("AAA")
		if row.Outcome != outcome || e.Bars != bars || e.Quarantined != quarantined || e.Version.Number != version {
			t.Fatalf("%s: %+v, %+v; want %s, %d bars, %d of them quarantined, version %d", what, row, e, outcome, bars, quarantined, version)
		}
	}
	write("2025-01-02", "2025-06-26", 1)
	ok("the first export", p.session("AAA", "2025-06-26"), etf.OutcomeUpdated, 120, 0, 1)
	write("2025-01-02", "2025-06-27", .994)
	row := p.session("AAA", "2025-06-27")
	ok("restated for a distribution", row, etf.OutcomeUpdated, 121, 0, 2)
	if row.RowsRevised != 120 || row.RowsNew != 1 {
		t.Errorf("%d rows revised, %d new", row.RowsRevised, row.RowsNew)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM findings WHERE severity <> 'info'"); n != 0 {
		t.Errorf("%d findings of a restated file", n)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM findings WHERE rule = 'restated_series'"); n != 1 {
		t.Errorf("%d findings say that the series was restated", n)
	}

	// Restated again, but only the last rows are in the file.
	write("2025-06-02", "2025-06-30", .99)
	ok("cut", p.session("AAA", "2025-06-30"), etf.OutcomeQuarantined, 122, 1, 3)
	write("2025-01-02", "2025-06-30", .99)
	row = p.refetch("AAA")
	ok("whole again", row, etf.OutcomeUpdated, 122, 0, 4)
	if row.Forecasts == 0 {
		t.Error("the refetch made no forecast")
	}
	if n := s.count(t, "SELECT COUNT(*) FROM decisions WHERE decision = 'refetch'"); n != 1 {
		t.Errorf("%d findings settled", n)
	}
	eventually(t, "the workflow that waited for a decision to end", func() error {
		list, err := s.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: `WorkflowType = "ResolveFinding" AND ExecutionStatus = "Canceled"`,
		})
		if err == nil && len(list.Executions) != 1 {
			err = fmt.Errorf("%d have", len(list.Executions))
		}
		return err
	})
	ok("once more", p.refetch("AAA"), etf.OutcomeUnchanged, 122, 0, 4)

	// The symbol was another fund's until April.
	p.must(http.MethodPatch, "/v1/etfs/AAA", map[string]any{"listed": "2025-04-01", "by": "Kim"}, http.StatusOK)
	row = p.session("AAA", "2025-06-30")
	ok("listed", row, etf.OutcomeUpdated, 62, 0, 5)
	if e := p.etf("AAA"); e.First != day("2025-04-01") || row.Forecasts == 0 {
		t.Errorf("after the listing date was set: %+v, %+v", e, row)
	}
}

// A ticker that another fund had until a year ago: its rows are quarantined, until the listing date says that they are not this
// ETF's. Then nothing is left to decide.
func TestListingDateResolvesAReusedTicker(t *testing.T) {
	t.Parallel()
	day := etf.MustSession
	dir := t.TempDir()
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	p.registerFile("AAA", "AAA.csv")
	writeAdjusted(t, dir, "old.csv", day("2023-06-01"), day("2024-03-28"), func(etf.Session) float64 { return 9 })
	writeAdjusted(t, dir, "new.csv", day("2025-01-02"), day("2025-06-26"), func(etf.Session) float64 { return 1 })
	old, err := os.ReadFile(filepath.Join(dir, "old.csv"))
	if err != nil {
		t.Fatal(err)
	}
	young, err := os.ReadFile(filepath.Join(dir, "new.csv"))
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(string(young), "\n")
	if err := os.WriteFile(filepath.Join(dir, "AAA.csv"), append(old, rows...), 0o600); err != nil {
		t.Fatal(err)
	}
	p.session("AAA", "2025-06-26")
	e := p.etf("AAA")
	if e.Quarantined == 0 || s.count(t, "SELECT COUNT(*) FROM findings WHERE rule = 'reused_ticker'") == 0 {
		t.Fatalf("the reused ticker is not noticed: %+v", e)
	}
	p.must(http.MethodPatch, "/v1/etfs/AAA", map[string]any{"listed": "2025-01-02", "by": "Kim"}, http.StatusOK)
	row := p.session("AAA", "2025-06-26")
	if e := p.etf("AAA"); row.Outcome != etf.OutcomeUpdated || row.Forecasts == 0 || e.Bars != 120 || e.Quarantined != 0 || e.First != day("2025-01-02") {
		t.Errorf("after the listing date was set: %+v, %+v", row, e)
	}
	if n := s.count(t, `SELECT COUNT(*) FROM findings f WHERE f.severity = 'error' AND NOT EXISTS
		(SELECT 1 FROM decisions d WHERE d.finding_id = f.id AND d.in_force = 1)`); n != 0 {
		t.Errorf("%d findings still wait for a decision", n)
	}
	if row := p.session("AAA", "2025-06-26"); row.Outcome != etf.OutcomeUnchanged || row.Findings != 0 {
		t.Errorf("once more: %+v", row)
	}
}

// One day of failover fills that day and rewrites nothing; the preferred source replaces it when it is back, and reports
// what differs. The file has the simulated market's prices, but for one session.
func TestFailoverFillsOneSession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	p.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": "SIMA", "exchange": etf.XNYS, "sources": []etf.SourceRef{{Name: "simulated", Ref: "SIMA"}}}, http.StatusCreated)
	if row := p.session("SIMA", "2025-06-30"); row.Outcome != etf.OutcomeUpdated {
		t.Fatalf("got %+v", row)
	}
	var page struct {
		Items []struct {
			Session                        etf.Session
			Open, High, Low, Close, Volume json.Number
		}
	}
	body, _ := p.must(http.MethodGet, "/v1/etfs/SIMA/bars?from=2025-01-02&limit=1000", nil, http.StatusOK)
	if err := json.Unmarshal(body, &page); err != nil || len(page.Items) != 122 {
		t.Fatalf("%d bars, %v", len(page.Items), err)
	}
	write := func(to string) {
		lines := []string{"Date,Open,High,Low,Close,Volume"}
		for _, b := range page.Items {
			if b.Session > etf.MustSession(to) {
				break
			}
			if b.Session == etf.MustSession("2025-06-20") {
				high, _ := b.High.Float64()
				b.High, b.Close = json.Number(fmt.Sprintf("%.2f", high*1.01)), json.Number(fmt.Sprintf("%.2f", high*1.01))
			}
			lines = append(lines, fmt.Sprintf("%s,%s,%s,%s,%s,%s", b.Session, b.Open, b.High, b.Low, b.Close, b.Volume))
		}
		if err := os.WriteFile(filepath.Join(dir, "A.csv"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("2025-06-26")
	p.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": "SIMB", "exchange": etf.XNYS, "sources": []etf.SourceRef{
		{Name: "file", Ref: "A.csv?basis=as_traded"}, {Name: "simulated", Ref: "SIMA"},
	}}, http.StatusCreated)
	if row := p.session("SIMB", "2025-06-26"); row.Outcome != etf.OutcomeUpdated || row.Source != "file" {
		t.Fatalf("got %+v", row)
	}
	// The file is a day late.
	row := p.session("SIMB", "2025-06-27")
	if row.Outcome != etf.OutcomeUpdated || row.Source != "simulated" || row.RowsNew != 1 || row.RowsRevised != 0 || row.Forecasts == 0 {
		t.Errorf("the failover: %+v", row)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM findings f JOIN finding_rows r ON r.finding_id = f.id WHERE f.rule = 'source_difference' AND f.severity = 'warning' AND r.session = '2025-06-20'"); n != 1 {
		t.Errorf("%d findings show that the sources differ", n)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM bar_revisions"); n != 0 {
		t.Errorf("the failover rewrote %d bars", n)
	}
	write("2025-06-30")
	if row := p.session("SIMB", "2025-06-30"); row.Outcome != etf.OutcomeUpdated || row.Source != "file" || row.RowsNew != 1 {
		t.Errorf("with the preferred source back: %+v", row)
	}
	if e := p.etf("SIMB"); e.Bars != 122 || e.Quarantined != 0 {
		t.Errorf("with the preferred source back: %+v", e)
	}
	// The same numbers are not a revision, so the filled bar keeps its source; what counts is that a later correction by the
	// file is stored, and one by the simulated market would not be.
	if n := s.count(t, "SELECT COUNT(*) FROM bars b JOIN etfs e ON e.id = b.etf_id WHERE e.symbol = 'SIMB' AND b.source <> 'file'"); n != 1 {
		t.Errorf("%d bars of the fallback", n)
	}
}
