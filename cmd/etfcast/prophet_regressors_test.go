package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// The coefficients are those of the original's regressor_coefficients (bench/prophet/golden_regressors.py), of a model with
// one set of parameters and of a sampled one.
func TestProphetRegressors(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"maximum", "sampled"} {
		b := newWorkbench(t)
		raw, err := os.ReadFile(filepath.Join("testdata", "regressors-"+name+".model.json"))
		if err != nil {
			t.Fatal(err)
		}
		b.put("model.json", string(raw))
		if raw, err = os.ReadFile(filepath.Join("testdata", "regressors-"+name+".json")); err != nil {
			t.Fatal(err)
		}
		var want, got []prophet.RegressorCoefficient
		if err := json.Unmarshal(raw, &want); err != nil || len(want) != 3 {
			t.Fatal(err, len(want))
		}
		stdout, stderr := b.must("regressors --model @model.json --json")
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || stderr != "" || len(got) != len(want) {
			t.Fatalf("%v: %s%s", err, stdout, stderr)
		}
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(b)) }
		for i, w := range want {
			g := got[i]
			if g.Regressor != w.Regressor || g.Mode != w.Mode || !near(g.Center, w.Center) || !near(g.Coef, w.Coef) || !near(g.Lower, w.Lower) || !near(g.Upper, w.Upper) {
				t.Errorf("%s: %+v, the original has %+v", name, g, w)
			}
		}
		stdout, _ = b.must("regressors --model @model.json")
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		if len(lines) != 4 || strings.Join(strings.Fields(lines[0]), " ") != "regressor mode center coef_lower coef coef_upper" || !strings.HasPrefix(strings.Join(strings.Fields(lines[3]), " "), "wind multiplicative 0 ") {
			t.Errorf("table:\n%s", stdout)
		}
	}
}

func TestProphetRegressorsNeedsRegressors(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(30))
	b.must("fit --in @history.csv --model-out @model.json")
	code, stdout, stderr := b.run("regressors --model @model.json")
	if code != exitUsage || stdout != "" || !strings.Contains(stderr, "model.json: regressors: the model has none; fit it with regressors in its options") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if code, _, stderr = b.run("regressors"); code != exitUsage || !strings.Contains(stderr, "model") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// A fit says what it consists of: what was chosen automatically and why, and what is doubtful.
func TestProphetFitSaysWhatItChose(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(400))
	b.put("prophet.json", `{"yearly_seasonality": true, "daily_seasonality": false, "seasonality_mode": "multiplicative", "n_changepoints": 5,
		"seasonalities": [{"name": "quarterly", "period": 91.25, "fourier_order": 2, "mode": "additive", "condition_name": "open"}],
		"regressors": [{"name": "price", "mode": "additive"}], "holidays": [{"holiday": "sale", "ds": "2023-05-01", "upper_window": 1}]}`)
	_, stderr := b.must("fit --in @history.csv --config @prophet.json --model-out @model.json")
	for _, want := range []string{
		"status           converged: best of 10 starts\n",
		"growth           linear\n",
		"scaling          absmax, y divided by ",
		// 320 rows of 400; six points from the first to the last of them, without the first.
		"changepoints     5 from 2023-03-07 to 2023-11-17, in the first 0.8 of the rows, prior scale 0.05; the rate changes at ",
		"quarterly        period 91.25 days, order 2, additive, prior scale 10, where open (added)\n",
		"yearly           period 365.25 days, order 10, multiplicative, prior scale 10 (on by option)\n",
		"weekly           period 7 days, order 3, multiplicative, prior scale 10 (automatic: 399 days of history, rows 1 day apart)\n",
		"daily            off (off by option)\n",
		"holiday sale     multiplicative, prior scale 10, 2 days\n",
		"regressor price  additive, prior scale 10, standardised by mean 5.",
		"warning          seasonality yearly has a period of 365.25 days, but the history is only 399 days long: less than two periods can't be told from the trend; give a longer history, or leave the seasonality out\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("the report does not contain %q:\n%s", want, stderr)
		}
	}
	if strings.Count(stderr, "warning") != 1 {
		t.Errorf("one warning is due:\n%s", stderr)
	}

	stdout, stderr := b.must("fit --in @history.csv --config @prophet.json --model-out @model.json --json")
	var report struct {
		Status string
		Model  prophet.Summary
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || stderr != "" {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	m := report.Model
	if report.Status != "converged: best of 10 starts" || m.Changepoints.Number != 5 || m.Changepoints.First != "2023-03-07" || len(m.Seasonalities) != 4 || m.Seasonalities[3].On ||
		m.Seasonalities[0].ConditionName != "open" || len(m.Holidays) != 1 || m.Holidays[0].Days != 2 || len(m.Regressors) != 1 || !m.Regressors[0].Standardised || len(m.Warnings) != 1 {
		t.Errorf("%+v", report)
	}
}
