package e2e

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// calibratedForecast is what a forecast's answer says of its calibration.
type calibratedForecast struct {
	ID          string  `json:"id"`
	Model       string  `json:"model"`
	Calibrated  bool    `json:"calibrated"`
	Calibration *string `json:"calibration"`
	Assessment  *string `json:"assessment"`
	Points      []struct {
		Quantiles map[string]float64 `json:"quantiles"`
		Raw       map[string]float64 `json:"raw"`
	} `json:"points"`
	Coverage []struct {
		Horizon  int                   `json:"horizon"`
		Measures []etf.CoverageMeasure `json:"measures"`
	} `json:"coverage"`
	Skill []struct {
		Horizon int              `json:"horizon"`
		N       int              `json:"n"`
		RelCRPS *float64         `json:"rel_crps"`
		Served  bool             `json:"served"`
		Verdict *etf.GateVerdict `json:"verdict"`
	} `json:"skill"`
	Weights map[string]map[string]float64 `json:"weights"`
}

// Once forecasts of record have met their prices, the next session's are calibrated by them, the combination is weighted, and the answers
// say how often intervals have held the price. They can be made again to the bit, the ledger finds them in order, and a run that is killed
// on the way ends with the same. Scores of the past are late; here they are declared to be of record.
func TestCalibratedForecasts(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	newest, err := cal.LastClosed(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const before = 6
	run := func(kill bool) (*stack, *process, []etf.Symbol, []string) {
		s := newStack(t)
		environment := []string{"ETFCAST_DAILY_MODELS=drift,prophet,combination"}
		p := s.start(t, environment, "up")
		p.waitReady()
		symbols := p.registerSimulated(etf.XNYS, 3)
		daily := func(back int) string {
			session, err := cal.Nth(newest, back)
			if err != nil {
				t.Fatal(err)
			}
			return p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session})
		}
		for back := -before; back < 0; back++ {
			if r := p.waitRun(daily(back)); r.Status != etf.RunCompleted || r.Counts.Failed > 0 {
				t.Fatalf("%s: %s, %+v", r.ID, r.Status, r.Counts)
			}
		}
		admin, err := sql.Open("mysql", s.adminDSN)
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close()
		for _, table := range []string{"scores", "score_sums"} {
			if _, err := admin.Exec("UPDATE " + table + " SET standing = 'record'"); err != nil {
				t.Fatal(err)
			}
		}
		location := daily(0)
		if kill {
			eventually(t, "an assessment of the newest session", func() error {
				if s.count(t, "SELECT COUNT(*) FROM assessments WHERE session = ?", newest.String()) == 0 {
					return errors.New("there is none yet")
				}
				return nil
			})
			p.kill()
			p = s.start(t, environment, "up")
			p.waitReady()
		}
		if r := p.waitRun(location); r.Status != etf.RunCompleted || r.Counts.Failed > 0 {
			t.Fatalf("%s: %s, %+v", r.ID, r.Status, r.Counts)
		}
		var list []string
		rows, err := admin.Query(`SELECT CONCAT_WS(' ', e.symbol, f.model, f.params_hash, r.volatility, r.by_horizon, a.hash) FROM forecasts f
JOIN etfs e ON e.id = f.etf_id JOIN forecast_raw r ON r.forecast_id = f.id JOIN assessments a ON a.session = f.origin
WHERE f.origin = ? ORDER BY e.symbol, f.model`, newest.String())
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return s, p, symbols, list
	}
	s, p, symbols, made := run(false)
	if _, _, _, killed := run(true); len(made) != 3*len(symbols) || !slices.Equal(made, killed) {
		t.Errorf("%d forecasts, and after a kill %d, not the same:\n%s\n%s", len(made), len(killed), strings.Join(made, "\n"), strings.Join(killed, "\n"))
	}
	latest := func(query string) (f calibratedForecast) {
		t.Helper()
		raw, _ := p.must(http.MethodGet, "/v1/etfs/"+string(symbols[0])+"/forecasts/latest"+query, nil, http.StatusOK)
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	if f := latest("?horizon=5"); f.Model != "drift" || !f.Calibrated || len(f.Points[0].Raw) != 9 || !f.Skill[0].Served {
		t.Errorf("served: %+v", f)
	}
	for _, model := range []string{"drift", "prophet", "combination"} {
		f := latest("?model=" + model)
		if !f.Calibrated || f.Calibration == nil || f.Assessment == nil || *f.Calibration != *f.Assessment || len(f.Coverage) != 3 || len(f.Skill) != 3 {
			t.Fatalf("%s: %+v", model, f)
		}
		q, raw := f.Points[0].Quantiles, f.Points[0].Raw
		if len(raw) != 9 || q["0.5"] != raw["0.5"] || q["0.05"] == raw["0.05"] || q["0.975"] == raw["0.975"] {
			t.Errorf("%s: calibrated %v of %v", model, q, raw)
		}
		// At horizon 1 all origins but the newest have met their prices before the session; the others' have not.
		if m := f.Coverage[0].Measures; len(m) != 4 || m[2].Nominal != .9 || m[2].N != (before-1)*len(symbols) || f.Coverage[2].Measures[0].N != 0 {
			t.Errorf("%s: coverage %+v", model, f.Coverage)
		}
		if k := f.Skill[0]; model != "drift" && (k.N != (before-1)*len(symbols) || k.RelCRPS == nil || k.Served || k.Verdict == nil || k.Verdict.N != before-1 || k.Verdict.Passed) {
			t.Errorf("%s: skill %+v", model, k)
		}
		if weights := f.Weights["1"]; (model == "combination") != (len(weights) == 2 && weights["drift"] > 0 && weights["prophet"] > 0 && weights["drift"] != .5) {
			t.Errorf("%s: weights %v", model, f.Weights)
		}
		c := s.start(t, nil, "reproduce", f.ID, "--json")
		var again struct {
			Verdict string `json:"verdict"`
		}
		if code := c.wait(); code != 0 || json.Unmarshal([]byte(c.out.String()), &again) != nil || again.Verdict != "identical" {
			t.Errorf("%s made again ends with %d: %s", model, code, c.tail())
		}
	}
	if c := s.start(t, nil, "ledger", "verify"); c.wait() != 0 {
		t.Errorf("etfcast ledger verify: %s", c.tail())
	}
	if c := s.start(t, nil, "gate", "--horizon", "1", "--model", "prophet", "--json"); c.wait() != 0 || strings.Count(c.out.String(), `"session"`) != before+1 {
		t.Errorf("etfcast gate: %s", c.tail())
	}
	if c := s.start(t, nil, "forecast", "show", string(symbols[0]), "--model", "combination"); c.wait() != 0 || !strings.Contains(c.out.String(), "weights at horizon 1:") ||
		!strings.Contains(c.out.String(), "calibrated by assessment") {
		t.Errorf("etfcast forecast show: %s", c.out.String())
	}
	var page struct {
		Items []etf.GateVerdict `json:"items"`
		Next  *string           `json:"next_cursor"`
	}
	raw, _ := p.must(http.MethodGet, "/v1/gate?exchange=XNYS&limit=4", nil, http.StatusOK)
	if err := json.Unmarshal(raw, &page); err != nil || len(page.Items) != 4 || page.Next == nil || page.Items[0].Session != newest || page.Items[0].Horizon != 1 {
		t.Fatalf("%v: %s", err, raw)
	}
	raw, _ = p.must(http.MethodGet, "/v1/gate?exchange=XNYS&limit=4&cursor="+*page.Next, nil, http.StatusOK)
	if err := json.Unmarshal(raw, &page); err != nil || len(page.Items) != 4 || page.Items[0].Session != newest || page.Items[0].Horizon != 21 || page.Items[2].Session >= newest {
		t.Fatalf("%v: %s", err, raw)
	}
}
