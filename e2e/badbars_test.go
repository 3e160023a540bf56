package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// Bad bars of each kind come in with one run of many ETFs, fewer than half of which have any. Each is kept out, what is
// forecast from a held session starts at the last believed close, and the others are updated as if nothing had happened.
func TestBadBarsOfManyETFs(t *testing.T) {
	t.Parallel()
	const each = 20
	session := etf.MustSession("2025-09-26")
	kinds := []string{"bad_tick", "tenth", "unit", "zero", "negative", "ohlc", "wrong_date", "shifted", "partial", "crash", "unsplit:10000"}
	s := newStack(t)
	p := s.start(t, nil, "up")
	p.waitReady()
	add := func(symbol, options string) {
		p.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": symbol, "exchange": etf.XNYS, "currency": "USD",
			"sources": []etf.SourceRef{{Name: "simulated", Ref: symbol + "?inception=2025-03-03" + options}}}, http.StatusCreated)
	}
	kindOf := map[etf.Symbol]string{}
	for k, kind := range kinds {
		for i := range each {
			symbol := fmt.Sprintf("SIMBAD%02d%02d", k, i)
			options := fmt.Sprintf("&faults=%s@%s", kind, session)
			if kind == "unsplit:10000" {
				options += fmt.Sprintf("&split=%s:4:1", session)
			}
			add(symbol, options)
			kindOf[etf.Symbol(symbol)] = kind
		}
	}
	clean := each*len(kinds) + 20
	for i := range clean {
		add(fmt.Sprintf("SIMGOOD%03d", i), "")
	}
	if done := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": "2025-09-25"})); done.Counts.Updated != clean+len(kindOf) {
		t.Fatalf("the run before ended with %+v", done.Counts)
	}
	location := p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session})
	done := p.waitRun(location)
	if done.Counts.Updated+done.Counts.Quarantined+done.Counts.Failed != clean+len(kindOf) {
		t.Errorf("the run ended with %+v", done.Counts)
	}
	var rows []etf.RunETF
	for query := "?limit=200"; ; {
		body, _ := p.must(http.MethodGet, location+query, nil, http.StatusOK)
		var page struct {
			ETFs struct {
				Items []etf.RunETF
				Next  *string `json:"next_cursor"`
			}
		}
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, page.ETFs.Items...)
		if page.ETFs.Next == nil {
			break
		}
		query = "?limit=200&cursor=" + *page.ETFs.Next
	}
	good, out := 0, map[string]int{}
	for _, row := range rows {
		kind := kindOf[row.Symbol]
		if kind == "" {
			if row.Outcome == etf.OutcomeUpdated && !row.Held && row.Forecasts == len(p.models()) {
				good++
			}
			continue
		}
		var believed []float64
		used := false
		for _, b := range p.bars(t, row.Symbol) {
			if !b.Quarantined && !b.Held {
				believed, used = append(believed, b.Close.Float()), used || b.Session == session
			}
		}
		if !used {
			out[kind]++
		}
		var f struct {
			Origin etf.Session
			Held   json.RawMessage
			Points []struct{ Quantiles map[string]float64 }
		}
		body, _ := p.must(http.MethodGet, "/v1/etfs/"+string(row.Symbol)+"/forecasts/latest?model=drift", nil, http.StatusOK)
		if err := json.Unmarshal(body, &f); err != nil {
			t.Fatal(err)
		}
		if !used && f.Origin == session && !row.Held {
			t.Errorf("%s, %s: a forecast of the session, which is kept out, is not stamped as held: %s", row.Symbol, kind, body)
		}
		last := believed[len(believed)-1]
		for _, q := range f.Points {
			if low, high := q.Quantiles["0.05"], q.Quantiles["0.95"]; low < .3*last || high > 3*last || low > last || high < last*.9 {
				t.Errorf("%s, %s: the band %v is not around %v", row.Symbol, kind, q.Quantiles, last)
				break
			}
		}
	}
	if good < clean-clean/50 { // the market has surprises of its own, which are held as well
		t.Errorf("%d of %d ETFs without faults are updated and forecast", good, clean)
	}
	for _, kind := range kinds {
		if out[kind] < each-1 {
			t.Errorf("%s: %d of %d rows are kept out", kind, out[kind], each)
		}
	}
}

func (p *process) bars(t *testing.T, symbol etf.Symbol) []etf.StoredBar {
	t.Helper()
	body, _ := p.must(http.MethodGet, "/v1/etfs/"+string(symbol)+"/bars?limit=10000", nil, http.StatusOK)
	var page struct{ Items []etf.StoredBar }
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	return page.Items
}
