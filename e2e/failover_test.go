package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/simulated"
)

// secondOpinion writes the simulated ETF's history as another provider has it: closes a cent away, as from another venue's
// last trade, and other volumes.
func secondOpinion(t *testing.T, dir string, symbol etf.Symbol, ref string, to etf.Session) {
	t.Helper()
	market, err := simulated.New(simulated.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := market.Fetch(t.Context(), etf.Query{Symbol: symbol, Ref: ref, Exchange: etf.XNYS, Window: etf.Window{To: to}, AsOf: to.AddDays(3).Time()})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, string(symbol)+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := csv.NewWriter(file)
	_ = w.Write([]string{"Date", "Open", "High", "Low", "Close", "Volume"})
	for i, b := range r.Bars {
		b.Close = min(max(b.Close+etf.Price(i%3-1)*1e6, b.Low), b.High)
		_ = w.Write([]string{b.Session.String(), b.Open.String(), b.High.String(), b.Low.String(), b.Close.String(), fmt.Sprint(1_000_000 + i)})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		t.Fatal(err)
	}
}

// sourceState reads a source from the API.
func (p *process) sourceState(name string) (d struct {
	Source struct {
		Breaker etf.Breaker `json:"breaker"`
	} `json:"source"`
	Changes []etf.BreakerChange `json:"changes"`
}) {
	p.t.Helper()
	body, _ := p.must(http.MethodGet, "/v1/sources/"+name, nil, http.StatusOK)
	if err := json.Unmarshal(body, &d); err != nil {
		p.t.Fatal(err)
	}
	return d
}

// The primary source is dead for 30 sessions: every session is complete from the next source, no bar of the primary is rewritten, and
// after the first session nothing waits for it. When it is back, it takes over without a storm of findings.
func TestFailover(t *testing.T) {
	t.Parallel()
	const outage, etfs = 30, 6 // from 2.50 to 610 dollars: a cent is a lot for one, and nothing for another; SIMF3 is calm
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{From: etf.MustSession("2025-03-03"), To: etf.MustSession("2025-05-30")})
	dead, back := sessions[1:1+outage], sessions[1+outage:4+outage]
	dir := t.TempDir()
	s := newStack(t)
	settings := []string{"ETFCAST_FILE_DIR=" + dir, "ETFCAST_DAILY_MODELS=drift"}
	p := s.start(t, settings, "up")
	p.waitReady()
	for i := range etfs {
		symbol := etf.Symbol(fmt.Sprintf("SIMF%d", i))
		ref := string(symbol) + "?inception=2024-01-02" + map[int]string{1: "&split=2025-02-20:8:1", 2: "&split=2025-02-20:1:10"}[i]
		secondOpinion(t, dir, symbol, ref, back[len(back)-1])
		p.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbol, "exchange": etf.XNYS, "sources": []etf.SourceRef{
			{Name: "simulated", Ref: ref}, {Name: "file", Ref: string(symbol) + ".csv?basis=as_traded"},
		}}, http.StatusCreated)
	}
	run := func(session etf.Session, sources ...string) {
		t.Helper()
		r := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session}))
		if r.Status != etf.RunCompleted || len(r.ETFs.Items) != etfs {
			t.Fatalf("%s: the run is %+v", session, r)
		}
		for _, e := range r.ETFs.Items {
			if e.Outcome != etf.OutcomeUpdated || !slices.Contains(sources, e.Source) || e.Forecasts == 0 {
				t.Fatalf("%s: %+v, want it from %s", session, e, sources)
			}
		}
	}
	run(sessions[0], "simulated")
	if b := p.sourceState("simulated").Source.Breaker; b.State != etf.BreakerClosed || b.LastSuccess.IsZero() {
		t.Errorf("before the outage: %+v", b)
	}
	bars := s.count(t, "SELECT COUNT(*) FROM bars")
	p.interrupt()

	p = s.start(t, append(settings, "ETFCAST_SIM_FAULTS=server_error:10000"), "up")
	p.waitReady()
	for _, session := range dead {
		run(session, "file")
	}
	if d := p.sourceState("simulated"); d.Source.Breaker.State == etf.BreakerClosed || d.Source.Breaker.Failures < 5 || !strings.Contains(d.Source.Breaker.Reason, "503") || len(d.Changes) == 0 {
		t.Errorf("during the outage: %+v", d)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM events WHERE kind = 'source.changed' AND subject = 'simulated'"); n == 0 {
		t.Error("no event says that the source is not asked any more")
	}
	for query, want := range map[string]int{
		"SELECT COUNT(*) FROM bar_revisions":                             0, // no bar was rewritten
		"SELECT COUNT(*) FROM bars WHERE source = 'simulated'":           bars,
		"SELECT COUNT(*) FROM bars WHERE source = 'file'":                outage * etfs,
		"SELECT COUNT(*) FROM bars WHERE quarantined <> 0":               0,
		"SELECT COUNT(*) FROM findings WHERE rule = 'source_difference'": 0,
		"SELECT COUNT(*) FROM findings WHERE severity = 'error'":         0,
	} {
		if n := s.count(t, query); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	findings := s.count(t, "SELECT COUNT(*) FROM findings")
	p.interrupt()

	p = s.start(t, settings, "up")
	p.waitReady()
	if retry := s.start(t, nil, "source", "retry", "simulated"); retry.wait() != 0 {
		t.Fatalf("source retry: %s", retry.tail())
	}
	// While one request decides whether the source is back, the other ETFs still get the session from the next source.
	run(back[0], "simulated", "file")
	for _, session := range back[1:] {
		run(session, "simulated")
	}
	if b := p.sourceState("simulated").Source.Breaker; b.State != etf.BreakerClosed || b.Failures != 0 {
		t.Errorf("after the outage: %+v", b)
	}
	// What the other source has filled gives way where it is fetched again, in the first session after the outage: nothing of the primary's own.
	if n := s.count(t, "SELECT COUNT(*) FROM bar_revisions WHERE source = 'simulated'"); n != 0 {
		t.Errorf("%d bars of the primary are rewritten", n)
	}
	revised, filled := s.count(t, "SELECT COUNT(*) FROM bar_revisions"), s.count(t, "SELECT COUNT(*) FROM bars WHERE source = 'file'")
	if revised == 0 || revised > 16*etfs || filled+revised < outage*etfs || filled+revised > (outage+1)*etfs {
		t.Errorf("%d bars have given way to the primary's, %d stay", revised, filled)
	}
	// One finding for each ETF names the rows that have given way, another those of which only the volume differs. They ask for nothing.
	if more := s.count(t, "SELECT COUNT(*) FROM findings") - findings; more > 2*etfs || s.count(t, "SELECT COUNT(*) FROM findings WHERE severity <> 'info'") != 0 {
		t.Errorf("%d findings since the source is back", more)
	}
	for _, f := range s.query(t, "SELECT CONCAT_WS(' ', rule, severity, evidence) FROM findings ORDER BY found_at, rule") {
		t.Log(f)
	}
	t.Logf("findings: %d before the source was back, %d since; %d bars gave way", findings, s.count(t, "SELECT COUNT(*) FROM findings")-findings, revised)
}
