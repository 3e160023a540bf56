package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// statesStore is the fake store with the ETFs' states.
type statesStore struct {
	*fakeStore
	states []etf.ETFState
	event  int64
}

func (s *statesStore) ETFStates(_ context.Context, q etf.StateQuery) ([]etf.ETFState, error) {
	defer s.locked()()
	list := slices.DeleteFunc(slices.Clone(s.states), func(e etf.ETFState) bool { return q.Symbols != nil && !slices.Contains(q.Symbols, e.Symbol) })
	return list, s.err
}

func (s *statesStore) SessionRun(context.Context, etf.Exchange, etf.Session) (etf.Run, error) {
	return etf.Run{}, etf.NotFound("", "no row", "")
}

func (s *statesStore) NewestEvent(context.Context) (int64, error) { return s.event, s.err }

func (s *statesStore) EventMarks(_ context.Context, after int64, _ int) (list []etf.EventMark, err error) {
	defer s.locked()()
	for id := after + 1; id <= s.event; id++ {
		list = append(list, etf.EventMark{ID: id, Symbol: "SPY"})
	}
	return list, s.err
}

func (s *statesStore) OpenDeadlines(context.Context, string, int) ([]etf.MissedDeadline, error) {
	return nil, s.err
}

// newStatesFixture is the API on one ETF with two closes and a forecast, all of it in time.
func newStatesFixture(t *testing.T) (*fixture, *statesStore) {
	t.Helper()
	var store *statesStore
	f := newFixtureOn(t, func(fake *fakeStore) service.Store {
		store = &statesStore{fakeStore: fake}
		return store
	})
	session, before := etf.MustSession("2025-09-26"), etf.MustSession("2025-09-25")
	at := time.Date(2025, 9, 27, 1, 0, 0, 0, time.UTC)
	store.states = []etf.ETFState{{
		ETF: etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "file", Ref: "SPY.csv"}}, Bars: 100,
			DataVersion: etf.DataVersion{Number: 12}},
		Since: time.Date(2025, 9, 26, 12, 0, 0, 0, time.UTC), Basis: etf.AsTraded,
		Closes:    []etf.KnownClose{{Session: before, Close: etf.MustPrice("658.05"), KnownFrom: at}, {Session: session, Close: etf.MustPrice("661.82"), KnownFrom: at}},
		Arrivals:  []etf.Arrival{{Session: session, Stored: at.Add(-3 * time.Hour), Forecast: at}},
		Confirmed: etf.Confirmation{Exchange: etf.XNYS, Session: session, At: at},
		Forecasts: []etf.ServedForecast{{ID: strings.Repeat("5f", 16), Model: "drift", Origin: session, Points: []etf.ForecastPoint{
			{Horizon: 1, Target: etf.MustSession("2025-09-29"), Mean: 662.1, Quantiles: [7]float64{651.2, 0, 0, 0, 0, 0, 673.4}}}}},
	}}
	return f, store
}

func TestOverview(t *testing.T) {
	t.Parallel()
	f, store := newStatesFixture(t)
	a := f.send("GET", "/v1/overview", "")
	var o struct {
		Event int64
		Items []struct {
			Symbol, State, Freshness, Session string
			Close, PreviousClose              json.Number
			Closes                            []json.Number
			LateSeconds                       int64 `json:"late_seconds"`
			Forecasts                         []struct{ Low, High, Level float64 }
		}
		Exchanges []struct{ Exchange, State, Name string }
	}
	if err := json.Unmarshal(a.body, &o); err != nil || a.status != http.StatusOK || len(o.Items) != 1 || len(o.Exchanges) != 2 {
		t.Fatalf("status %d, %v: %s", a.status, err, a.body)
	}
	// Due at 23:00, and the forecast came at 01:00.
	if i := o.Items[0]; i.Symbol != "SPY" || i.Close != "661.82" || i.Closes[0] != "658.05" || i.State != "ok" || i.Freshness != "ok" || i.LateSeconds != 7200 ||
		i.Forecasts[0].Low != 651.2 || i.Forecasts[0].High != 673.4 || i.Forecasts[0].Level != .9 {
		t.Errorf("item %+v", i)
	}
	if x := o.Exchanges[0]; x.Exchange != "XNYS" || x.State != "complete" || x.Name != "New York Stock Exchange" || o.Exchanges[1].State != "empty" {
		t.Errorf("exchanges %+v", o.Exchanges)
	}
	etag := a.header.Get("ETag")
	if again := f.send("GET", "/v1/overview", "", header("If-None-Match", etag)); again.status != http.StatusNotModified {
		t.Errorf("status %d", again.status)
	}
	// Time passes and an event changes nothing that is shown: the same ETag.
	f.advance(2 * time.Minute)
	store.mu.Lock()
	store.event = 1
	store.mu.Unlock()
	later := f.send("GET", "/v1/overview", "")
	if later.header.Get("ETag") != etag || !strings.Contains(string(later.body), `"event":1,`) {
		t.Errorf("ETag %s, want %s: %s", later.header.Get("ETag"), etag, later.body)
	}
	store.mu.Lock()
	store.states[0].Waiting, store.event = 1, 2
	store.mu.Unlock()
	if changed := f.send("GET", "/v1/overview", "", header("If-None-Match", etag)); changed.status != http.StatusOK || changed.header.Get("ETag") == etag {
		t.Errorf("after a finding: status %d", changed.status)
	}
	if part := f.send("GET", "/v1/overview?exchange=XKRX", ""); !strings.Contains(string(part.body), `"items":[]`) {
		t.Errorf("part: %s", part.body)
	}
	if bad := f.send("GET", "/v1/overview?exchange=XPAR", ""); bad.status != http.StatusBadRequest {
		t.Errorf("status %d", bad.status)
	}
	plain := f.send("GET", "/v1/overview", "")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL+"/v1/overview", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "br;q=1, gzip;q=0.5")
	packed, err := f.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Body.Close()
	if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("headers %v", packed.Header)
	}
	r, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(r); err != nil || !bytes.Equal(body, plain.body) {
		t.Errorf("unpacked: %v: %s", err, body)
	}
}

func TestFreshness(t *testing.T) {
	t.Parallel()
	f, store := newStatesFixture(t)
	store.states[0].Arrivals[0].Forecast = time.Time{}
	f.register(etf.XNYS, "SPY")
	a := f.send("GET", "/v1/freshness?symbol=SPY&state=stale", "")
	want := `"items":[{"symbol":"SPY","exchange":"XNYS","session":"2025-09-26","closed_at":"2025-09-26T20:00:00Z","due_at":"2025-09-26T23:00:00Z",` +
		`"stored_at":"2025-09-26T22:00:00Z","forecast_at":null,"state":"stale","late_seconds":46800}]`
	if a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	for _, query := range []string{"state=late", "session=2025-09-28", "exchange=XPAR", "symbol=spy"} {
		if bad := f.send("GET", "/v1/freshness?"+query, ""); bad.status != http.StatusBadRequest {
			t.Errorf("%s: status %d", query, bad.status)
		}
	}
}
