package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// What is held or provisional says so in bars, forecasts and runs, and stops saying so once it is confirmed, although no data
// version and no hash has changed.
func TestHeldAndProvisional(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	session := etf.MustSession("2025-09-26")
	bar := etf.StoredBar{Bar: etf.Bar{Session: session, Open: 1e8, High: 1e8, Low: 1e8, Close: 1e8}, Basis: etf.AsTraded, Source: "file", Held: true, DataVersion: 1, KnownFrom: testNow}
	before := bar
	before.Session, before.Held = session-1, false
	f.store.bars["SPY"] = []etf.StoredBar{before, bar}
	e := f.store.etfs["SPY"]
	e.Last = session
	f.store.etfs["SPY"] = e
	f.store.forecasts = []etf.Forecast{{ID: strings.Repeat("ab", 16), Symbol: "SPY", Model: "drift", Origin: session, Held: 1,
		Basis: etf.SplitAdjusted, AsOf: testNow, IssuedAt: testNow, Chain: 1, Hash: "c0ffee"}}
	run := "daily:XNYS:2025-09-26"
	f.store.runs[etf.RunID(run)] = etf.Run{ID: etf.RunID(run), Workflow: etf.DailyRun, Exchange: etf.XNYS, Session: session, Status: etf.RunCompleted, StartedAt: testNow, FinishedAt: testNow}
	f.store.runETFs[run] = []etf.RunETF{{Symbol: "SPY", Session: session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated, Held: true, ErrorType: etf.HeldClose}}

	closes := time.Date(2025, 9, 26, 20, 0, 0, 0, time.UTC)
	tags := map[string]string{}
	for _, c := range []struct {
		fetched     time.Time
		provisional bool
	}{{closes.Add(90 * time.Minute), true}, {closes.Add(5 * time.Hour), false}} {
		f.store.confirmed = map[etf.Symbol]etf.Confirmation{"SPY": {Exchange: etf.XNYS, Session: session, At: c.fetched}}
		get := func(path string, options ...option) response {
			t.Helper()
			a := f.get(path, options...).want(t, http.StatusOK)
			key := path
			for range options {
				key += " CSV"
			}
			if tag := a.header.Get("ETag"); tag != "" && tag == tags[key] {
				t.Errorf("%s has the same ETag %s when it is confirmed", key, tag)
			} else {
				tags[key] = tag
			}
			return a
		}
		bars := decode[gen.BarList](t, get("/v1/etfs/SPY/bars")).Items
		if len(bars) != 2 || bars[0].Held || bars[0].Provisional || !bars[1].Held || bars[1].Provisional != c.provisional || bars[1].Quarantined {
			t.Errorf("bars %+v", bars)
		}
		lines := strings.Split(strings.TrimSpace(string(get("/v1/etfs/SPY/bars", header("Accept", "text/csv")).body)), "\n")
		want := "true,false"
		if c.provisional {
			want = "true,true"
		}
		if len(lines) != 3 || !strings.HasSuffix(lines[0], ",held,provisional") || !strings.HasSuffix(lines[1], ",false,false") || !strings.HasSuffix(lines[2], ","+want) {
			t.Errorf("CSV %q", lines)
		}
		for _, path := range []string{"/v1/etfs/SPY/forecasts/latest", "/v1/forecasts/" + strings.Repeat("ab", 16)} {
			if one := decode[gen.Forecast](t, get(path)); !one.Held || one.Skipped != 1 || one.Provisional != c.provisional {
				t.Errorf("%s: %+v", path, one)
			}
		}
		rows := decode[gen.GetRun200JSONResponse](t, get("/v1/runs/"+run)).Etfs.Items
		if len(rows) != 1 || !rows[0].Held || rows[0].Provisional != c.provisional {
			t.Errorf("rows %+v", rows)
		}
	}
}
