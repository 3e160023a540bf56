package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// GateVerdicts lists those of the filter after the position; they are in order.
func (f *fakeStore) GateVerdicts(_ context.Context, filter etf.GateFilter, after etf.GatePosition, limit int) (page []etf.GateVerdict, next etf.GatePosition, err error) {
	skipping := after != (etf.GatePosition{})
	for _, v := range f.verdicts {
		at := etf.GatePosition{Session: v.Session, Exchange: v.Exchange, Horizon: v.Horizon, Model: v.Model}
		switch {
		case skipping:
			skipping = at != after
		case filter.Model != "" && v.Model != filter.Model || filter.Horizon != 0 && v.Horizon != filter.Horizon || filter.Exchange != "" && v.Exchange != filter.Exchange:
		case len(page) == limit:
			last := page[limit-1]
			return page, etf.GatePosition{Session: last.Session, Exchange: last.Exchange, Horizon: last.Horizon, Model: last.Model}, f.err
		default:
			page = append(page, v)
		}
	}
	return page, next, f.err
}

func TestGateVerdicts(t *testing.T) {
	f := newFixture(t)
	for _, session := range []string{"2025-09-26", "2025-09-25"} {
		for _, horizon := range []int{1, 5} {
			f.store.verdicts = append(f.store.verdicts, etf.GateVerdict{Exchange: etf.XNYS, Session: etf.MustSession(session), Model: "prophet", Horizon: horizon, N: 3, Low: -.5, High: .5, Level: .01})
		}
	}
	var page struct {
		Items []etf.GateVerdict `json:"items"`
		Next  *string           `json:"next_cursor"`
	}
	read := func(query string) {
		t.Helper()
		page.Next = nil
		if err := json.Unmarshal(f.get("/v1/gate"+query).want(t, http.StatusOK).body, &page); err != nil {
			t.Fatal(err)
		}
	}
	read("?limit=3")
	if len(page.Items) != 3 || page.Next == nil || page.Items[2] != f.store.verdicts[2] {
		t.Fatalf("%+v", page)
	}
	next := *page.Next
	read("?limit=3&cursor=" + next)
	if len(page.Items) != 1 || page.Next != nil || page.Items[0] != f.store.verdicts[3] {
		t.Errorf("%+v", page)
	}
	f.get("/v1/gate?horizon=1&cursor="+next).wantProblem(t, http.StatusBadRequest, "cursor")
	read("?exchange=XNYS&horizon=5&model=prophet")
	if len(page.Items) != 2 || page.Items[0].Horizon != 5 {
		t.Errorf("%+v", page)
	}
	read("?exchange=XKRX")
	if page.Items == nil || len(page.Items) != 0 {
		t.Errorf("%+v", page)
	}
	f.get("/v1/gate?exchange=NYSE").wantProblem(t, http.StatusBadRequest, "exchange")
	f.get("/v1/gate?horizon=22").wantProblem(t, http.StatusBadRequest, "horizon")
	f.get("/v1/gate?model=A").wantProblem(t, http.StatusBadRequest, "model")
}

// A calibrated forecast has the model's own quantiles beside; another assessment is another representation.
func TestCalibratedForecast(t *testing.T) {
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	hash := strings.Repeat("ab", 32)
	forecast := etf.Forecast{ID: strings.Repeat("ab", 16), Symbol: "SPY", Model: "prophet", Origin: etf.MustSession("2025-09-26"), Basis: etf.SplitAdjusted,
		AsOf: testNow, IssuedAt: testNow, Chain: 1, Hash: "c0ffee", Params: `{"calibration":"` + hash + `"}`, Volatility: .01,
		Points: []etf.ForecastPoint{{Horizon: 1, Target: etf.MustSession("2025-09-29"), Mean: 10, Quantiles: [7]float64{1, 2, 3, 4, 5, 6, 7}}},
		Tails:  [][2]float64{{.5, 8}}, Raw: []etf.RawPoint{{Quantiles: [7]float64{2, 2.5, 3, 4, 5, 5.5, 6}, Tails: [2]float64{1.5, 6.5}}}}
	f.store.forecasts = []etf.Forecast{forecast}
	answer := f.get("/v1/forecasts/"+forecast.ID).want(t, http.StatusOK)
	for _, want := range []string{`"calibrated":true`, `"calibration":"` + hash + `"`, `"volatility":0.01`, `"assessment":null`, `"coverage":[]`, `"skill":[]`, `"weights":{}`,
		`"raw":{"0.025":1.5,"0.05":2,"0.1":2.5,"0.25":3,"0.5":4,"0.75":5,"0.9":5.5,"0.95":6,"0.975":6.5}`} {
		if !strings.Contains(string(answer.body), want) {
			t.Errorf("%s is not in %s", want, answer.body)
		}
	}
	f.get("/v1/etfs/SPY/forecasts/latest?horizon=0").wantProblem(t, http.StatusBadRequest, "horizon")
	f.get("/v1/etfs/SPY/forecasts/latest?horizon=").wantProblem(t, http.StatusBadRequest, "horizon")
	f.get("/v1/etfs/SPY/forecasts/latest?horizon=5&model=prophet").want(t, http.StatusOK)
}
