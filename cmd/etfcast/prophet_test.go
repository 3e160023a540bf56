package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// workbench is a folder of inputs in which commands run.
type workbench struct {
	t   *testing.T
	dir string
}

func newWorkbench(t *testing.T) *workbench {
	t.Helper()
	return &workbench{t, t.TempDir()}
}

func (b *workbench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *workbench) put(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *workbench) get(name string) string {
	b.t.Helper()
	raw, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(raw)
}

// names lists the folder, including the files in subfolders.
func (b *workbench) names() []string {
	b.t.Helper()
	var out []string
	err := filepath.WalkDir(b.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && path != b.dir {
			name, _ := filepath.Rel(b.dir, path)
			out = append(out, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// run runs `etfcast prophet` with @ in the arguments standing for the folder.
func (b *workbench) run(args string) (code int, stdout, stderr string) {
	b.t.Helper()
	return etfcast(b.t, nil, b.args(args)...)
}

func (b *workbench) args(args string) []string {
	words := append([]string{"prophet"}, strings.Fields(args)...)
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, "@", b.dir+string(filepath.Separator))
	}
	return words
}

// must runs a command that is expected to succeed.
func (b *workbench) must(args string) (stdout, stderr string) {
	b.t.Helper()
	code, stdout, stderr := b.run(args)
	if code != exitOK {
		b.t.Fatalf("%s: exit code %d: %s", args, code, stderr)
	}
	return stdout, stderr
}

// daily is a seeded daily series from 2023-01-02, a Monday: a trend with a weekly pattern and noise, and two more
// columns.
func daily(rows int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var s strings.Builder
	s.WriteString("ds,y,price,open,cap,floor\n")
	for i := range rows {
		y := 20 + 0.02*float64(i) + math.Sin(2*math.Pi*float64(i)/7) + 0.3*rng.NormFloat64()
		fmt.Fprintf(&s, "%s,%.4f,%.2f,%v,50,0\n", time.Date(2023, 1, 2+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), y, 5+rng.Float64(), i%3 == 0)
	}
	return s.String()
}

// lines returns the records of a CSV without quotes.
func lines(text string) (header []string, rows [][]string) {
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i == 0 {
			header = strings.Split(line, ",")
			continue
		}
		rows = append(rows, strings.Split(line, ","))
	}
	return header, rows
}

func TestProphetFitsAndForecasts(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(100))
	stdout, stderr := b.must("fit --in @history.csv --model-out @model.json")
	for _, says := range []string{"status", "converged", "optimizer      map", "iterations", "log posterior", "rows           100"} {
		if !strings.Contains(stderr, says) {
			t.Errorf("the report does not contain %q: %s", says, stderr)
		}
	}
	if stdout != "" {
		t.Errorf("on standard output: %s", stdout)
	}
	stdout, stderr = b.must("predict --model @model.json --periods 10 --out @forecast.csv")
	if stdout+stderr != "" {
		t.Errorf("predict printed %s%s", stdout, stderr)
	}
	header, rows := lines(b.get("forecast.csv"))
	// The original's order; a series of 100 days has only a weekly seasonality.
	const want = "ds,trend,yhat_lower,yhat_upper,trend_lower,trend_upper,additive_terms,additive_terms_lower,additive_terms_upper," +
		"weekly,weekly_lower,weekly_upper,multiplicative_terms,multiplicative_terms_lower,multiplicative_terms_upper,yhat"
	if strings.Join(header, ",") != want {
		t.Errorf("columns %v", header)
	}
	// Day 100 of the series is 2023-04-12, and the model should foresee the true mean within the noise of 0.3.
	if len(rows) != 110 || rows[0][0] != "2023-01-02" || rows[109][0] != "2023-04-21" {
		t.Fatalf("%d rows from %s to %s", len(rows), rows[0][0], rows[len(rows)-1][0])
	}
	for i, row := range rows[100:] {
		at := float64(100 + i)
		if yhat, err := strconv.ParseFloat(row[15], 64); err != nil || math.Abs(yhat-(20+0.02*at+math.Sin(2*math.Pi*at/7))) > 0.3 {
			t.Errorf("%s: yhat %s (%v)", row[0], row[15], err)
		}
	}

	// The rows of a file, and the same rows from --periods. The seed changes only the intervals.
	b.put("future.csv", "note,ds\nsoon,2023-04-12\nlater,2023-04-13\n")
	fromFile, _ := b.must("predict --model @model.json --in @future.csv --out -")
	fromPeriods, _ := b.must("predict --model @model.json --periods 2 --freq D --no-history --out -")
	if fromFile != fromPeriods || strings.Count(fromFile, "\n") != 3 {
		t.Errorf("the rows of a file:\n%s\nas periods:\n%s", fromFile, fromPeriods)
	}
	again, _ := b.must("predict --model @model.json --in @future.csv --out - --seed 0")
	other, _ := b.must("predict --model @model.json --in @future.csv --out - --seed 1")
	if again != fromFile || other == fromFile {
		t.Error("seed 0 is the model's and should change nothing; another seed should give other intervals")
	}
	levels, _ := b.must("predict --model @model.json --in @future.csv --out - --levels 0.1,0.5,0.9")
	header, rows = lines(levels)
	if n := len(header); strings.Join(header[n-4:], ",") != "yhat,yhat_q0.1,yhat_q0.5,yhat_q0.9" {
		t.Errorf("columns %v", header)
	}
	// The interval of 0.8 runs from the quantile 0.1 to the quantile 0.9.
	for _, row := range rows {
		if n := len(row); row[n-3] != row[2] || row[n-1] != row[3] || row[n-2] <= row[n-3] || row[n-2] >= row[n-1] {
			t.Errorf("quantiles %v, interval %v", row[n-3:], row[2:4])
		}
	}
	weeks, _ := b.must("predict --model @model.json --periods 2 --freq W --no-history --out -")
	if _, rows := lines(weeks); rows[0][0] != "2023-04-16" || rows[1][0] != "2023-04-23" { // Sundays, pandas' W
		t.Errorf("weeks: %s", weeks)
	}
}

func TestProphetFitReportsAsJSON(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(60))
	b.put("prophet.json", `{"optimizer": "newton", "weekly_seasonality": false}`)
	stdout, stderr := b.must("fit --in @history.csv --config @prophet.json --json --model-out @model.json")
	var report struct {
		Optimizer, Status string
		Converged         bool
		Iterations, Rows  int
		LogPosterior      float64 `json:"log_posterior"`
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || report.Optimizer != "newton" || report.Rows != 60 || report.LogPosterior <= 0 || stderr != "" {
		t.Errorf("%v: %s%s", err, stdout, stderr)
	}
}

func TestProphetReadsStandardInput(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(40))
	b.must("fit --in @history.csv --model-out @model.json")
	var out, errs bytes.Buffer
	a := &app{env: environment{}, stdout: &out, stderr: &errs}
	root := rootCommand(a)
	root.SetIn(strings.NewReader(daily(40)))
	root.SetArgs([]string{"prophet", "fit", "--in", "-", "--model-out", "-"})
	if err := root.ExecuteContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out.String() != b.get("model.json") {
		t.Error("the model from standard input to standard output differs from the one from file to file")
	}
}

// Regressors, conditions, caps and floors come from the history and from the rows to forecast.
func TestProphetWithFurtherColumns(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(60))
	b.put("prophet.json", `{"growth": "logistic", "weekly_seasonality": false, "regressors": [{"name": "price"}],
		"seasonalities": [{"name": "open_week", "period": 7, "fourier_order": 2, "condition_name": "open"}]}`)
	b.put("holidays.csv", "holiday,ds,lower_window,upper_window\nfeast,2023-01-20,0,1\nfeast,2023-03-05,0,1\n")
	b.must("fit --in @history.csv --config @prophet.json --holidays @holidays.csv --model-out @model.json")
	b.put("future.csv", "ds,price,open,cap,floor\n2023-03-05,5.5,True,50,0\n2023-03-06,5.4,false,50,0\n")
	stdout, _ := b.must("predict --model @model.json --in @future.csv --out -")
	header, rows := lines(stdout)
	for _, name := range []string{"cap", "floor", "feast", "holidays", "open_week", "price", "extra_regressors_additive"} {
		if !slices.Contains(header, name) {
			t.Errorf("no column %s in %v", name, header)
		}
	}
	at := slices.Index(header, "open_week")
	if len(rows) != 2 || rows[0][at] == "0" || rows[1][at] != "0" {
		t.Errorf("the condition does not work: %s", stdout)
	}
	// Drawn over the history followed by the file's rows, and over the history alone.
	b.must("plot --model @model.json --in @future.csv --out @with")
	b.must("plot --model @model.json --out @without")
	if code, _, stderr := b.run("predict --model @model.json --periods 5 --out @none.csv"); code != 2 || !strings.Contains(stderr, "cap, price, open, floor") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// A model for a market continues in trading sessions.
func TestProphetForAMarket(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	var history strings.Builder
	history.WriteString("ds,y\n")
	_, sessions, _ := etfcast(t, nil, "calendar", "sessions", "XNYS", "--from", "2025-01-02", "--to", "2025-06-30")
	rng := rand.New(rand.NewPCG(3, 4))
	price := 100.0
	for _, day := range strings.Fields(sessions) {
		price *= math.Exp(0.01 * rng.NormFloat64())
		fmt.Fprintf(&history, "%s,%.2f\n", day, price)
	}
	b.put("history.csv", history.String())
	b.put("prophet.json", `{"market": true, "exchange": "XNYS"}`)
	b.must("fit --in @history.csv --config @prophet.json --model-out @model.json")
	stdout, _ := b.must("predict --model @model.json --periods 4 --no-history --out -")
	_, rows := lines(stdout)
	var days []string
	for _, row := range rows {
		days = append(days, row[0])
	}
	// 2025-07-04 was a Friday, with the exchange closed.
	if want := []string{"2025-07-01", "2025-07-02", "2025-07-03", "2025-07-07"}; !slices.Equal(days, want) {
		t.Errorf("%v, not %v", days, want)
	}
	b.must("plot --model @model.json --periods 20 --from 2025-05-01 --out @figures")
}

func TestProphetCrossValidates(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(120))
	_, stderr := b.must("cv --in @history.csv --horizon 10d --initial 60d --period 10d --out @cv.csv --metrics-out @metrics.csv --workers 2")
	if stderr != "" {
		t.Errorf("cv printed %s", stderr)
	}
	header, rows := lines(b.get("cv.csv"))
	// Cutoffs every 10 days, back from 10 days before the last day, 2023-04-21, to 60 days after the first: 5 of them,
	// with 10 rows each.
	if strings.Join(header, ",") != "ds,yhat,yhat_lower,yhat_upper,y,cutoff" || len(rows) != 50 || rows[0][5] != "2023-03-12" || rows[49][5] != "2023-04-21" {
		t.Errorf("%v, %d rows, cutoffs %s to %s", header, len(rows), rows[0][5], rows[len(rows)-1][5])
	}
	header, rows = lines(b.get("metrics.csv"))
	if strings.Join(header, ",") != "horizon,mse,rmse,mae,mape,mdape,smape,coverage" || rows[0][0] != "1 days" || rows[len(rows)-1][0] != "10 days" {
		t.Errorf("%v, %v", header, rows)
	}
	one, _ := b.must("cv --in @history.csv --horizon 10d --cutoffs 2023-03-12,2023-04-21 --metrics rmse,coverage --rolling-window 0 --metrics-out - --workers 1")
	if header, rows := lines(one); strings.Join(header, ",") != "horizon,rmse,coverage" || len(rows) != 10 {
		t.Errorf("%s", one)
	}

	b.must("fit --in @history.csv --model-out @model.json")
	b.must("plot --model @model.json --cv @cv.csv --metric rmse --format both --periods 30 --freq D --out @figures")
	var want []string
	for _, name := range []string{"changepoints", "components", "cv_rmse", "forecast"} {
		want = append(want, "figures/"+name+".png", "figures/"+name+".svg")
	}
	got := slices.DeleteFunc(b.names(), func(name string) bool { return !strings.HasPrefix(name, "figures/") })
	if !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	for _, name := range got {
		head := map[string]string{".png": "\x89PNG", ".svg": "<?xml"}[filepath.Ext(name)]
		if text := b.get(name); !strings.HasPrefix(text, head) || len(text) < 2000 {
			t.Errorf("%s is not a figure: %d bytes", name, len(text))
		}
	}
	// Drawn again over existing figures.
	b.must("plot --model @model.json --out @figures")
}

// Flags that affect numbers do so in the same way as the option in the file.
func TestProphetFlagsAreHeeded(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(60))
	b.put("seed.json", `{"seed": 7}`)
	b.put("minmax.json", `{"scaling": "minmax", "compat": true}`)
	b.must("fit --in @history.csv --seed 7 --model-out @flag.json")
	b.must("fit --in @history.csv --config @seed.json --model-out @option.json")
	b.must("fit --in @history.csv --config @seed.json --seed 0 --model-out @zero.json")
	flag, option, zero := b.get("flag.json"), b.get("option.json"), b.get("zero.json")
	if flag != option || flag == zero {
		t.Errorf("--seed 7 equals the option seed 7: %v; --seed 0 overrides it: %v", flag == option, flag != zero)
	}

	const cv = "cv --in @history.csv --horizon 5d --cutoffs 2023-02-10,2023-02-20 --config @minmax.json --out "
	kept, _ := b.must(cv + "- --keep-scaling")
	reset, _ := b.must(cv + "-")
	if kept == reset {
		t.Error("--keep-scaling changes nothing although scaling is minmax and compat is true")
	}

	const metrics = "cv --in @history.csv --horizon 5d --cutoffs 2023-02-10,2023-02-20 --metrics mse --metrics-out - --rolling-window "
	// 5 horizons of two forecasts each: one value per horizon, one over all, one per forecast.
	for window, want := range map[string]int{"0": 5, "1": 1, "-1": 10} {
		text, _ := b.must(metrics + window)
		if _, rows := lines(text); len(rows) != want {
			t.Errorf("--rolling-window %s: %d rows, want %d", window, len(rows), want)
		}
	}
	// Cutoffs in February with 5 days after each: the first has month 0 only, the second months 0 and 1.
	text, _ := b.must("cv --in @history.csv --horizon 5d --cutoffs 2023-02-10,2023-02-25 --metrics mse --metrics-out - --rolling-window 0 --monthly")
	if _, rows := lines(text); len(rows) != 2 || rows[0][0] != "0" || rows[1][0] != "1" {
		t.Errorf("--monthly: %s", text)
	}

	b.must("plot --model @flag.json --out @whole")
	b.must("plot --model @flag.json --from 2023-02-20 --out @recent")
	for _, name := range []string{"forecast.svg", "changepoints.svg"} {
		whole, recent := b.get("whole/"+name), b.get("recent/"+name)
		// A dot for each row of the history: 60, of which 10 are on or after 2023-02-20.
		if !(len(recent) < len(whole)*2/3) || !strings.Contains(whole, ">2023-01") || strings.Contains(recent, ">2023-01") {
			t.Errorf("--from does not change %s: %d bytes, and %d without it", name, len(recent), len(whole))
		}
	}
	if b.get("whole/components.svg") != b.get("recent/components.svg") {
		t.Error("--from is about the forecast's figures alone")
	}
}

// Rows of a file, in any order, come after those rows of the history that precede the first of them.
func TestJoined(t *testing.T) {
	t.Parallel()
	stamps := func(days ...int) (out []prophet.Stamp) {
		for _, d := range days {
			out = append(out, prophet.Stamp(d)*prophet.Day)
		}
		return out
	}
	history := &prophet.Frame{DS: stamps(1, 2, 3, 4), Columns: map[string][]float64{"price": {1, 2, 3, 4}}}
	ahead := &prophet.Frame{DS: stamps(6, 3, 5), Columns: map[string][]float64{"price": {60, 30, 50}, "note": {0, 0, 0}}}
	got := joined(history, ahead)
	if !slices.Equal(got.DS, stamps(1, 2, 6, 3, 5)) || !slices.Equal(got.Columns["price"], []float64{1, 2, 60, 30, 50}) || got.Columns["note"] != nil || got.Cap != nil {
		t.Errorf("%+v", got)
	}
}

// A flag's type is one word, and help lists no flag without an effect.
func TestProphetHelp(t *testing.T) {
	t.Parallel()
	for _, cmd := range prophetCommand(&app{}).Commands() {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if kind, _ := pflag.UnquoteUsage(f); strings.ContainsAny(kind, " -`") || strings.Contains(f.Usage, "`") {
				t.Errorf("%s: the type of --%s is %q", cmd.Name(), f.Name, kind)
			}
		})
		code, text, _ := etfcast(t, nil, "prophet", cmd.Name(), "--help")
		for _, flag := range []string{"--mysql-dsn", "--log-level", "YAML"} {
			if code != exitOK || !strings.Contains(text, "--in ") && !strings.Contains(text, "--model ") || strings.Contains(text, flag) {
				t.Errorf("%s: exit code %d, help with %s: %s", cmd.Name(), code, flag, text)
			}
		}
	}
	if _, text, _ := etfcast(t, nil, "up", "--help"); !strings.Contains(text, "--mysql-dsn") {
		t.Errorf("the help of another command: %s", text)
	}
}

// An error about a forecast that is not finite names the file.
func TestProphetForecastsOutOfBounds(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(60))
	b.must("fit --in @history.csv --model-out @model.json")
	var document map[string]any
	if err := json.Unmarshal([]byte(b.get("model.json")), &document); err != nil {
		t.Fatal(err)
	}
	document["y_scale"] = 1.7e308
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	b.put("far.json", string(text))
	for _, args := range []string{"predict --model @far.json --periods 400 --out @out.csv", "plot --model @far.json --periods 400 --out @figures"} {
		code, _, stderr := b.run(args)
		if code != exitError || !strings.Contains(stderr, "far.json: ") || !strings.Contains(stderr, "closer to the history") {
			t.Errorf("%s: exit code %d: %s", args, code, stderr)
		}
	}
}

// Every bad input ends with exit code 2, names the field and the remedy, and leaves the folder as it was.
func TestProphetRefusesBadInput(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(60))
	b.must("fit --in @history.csv --model-out @model.json")
	b.put("regressor.json", `{"regressors": [{"name": "price"}]}`)
	b.must("fit --in @history.csv --config @regressor.json --model-out @regressor-model.json")
	b.must("cv --in @history.csv --horizon 5d --out @cv.csv")
	b.put("plain-options.json", `{"uncertainty_samples": 0}`)
	b.must("fit --in @history.csv --config @plain-options.json --model-out @plain.json")
	if err := os.Mkdir(b.path("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	model := b.get("model.json")
	histories := map[string]string{
		"one-row":      "ds,y\n2024-01-01,1\n",
		"no-rows":      "ds,y\n",
		"empty":        "",
		"all-missing":  "ds,y\n2024-01-01,\n2024-01-02,NA\n2024-01-03,nan\n",
		"one-value":    "ds,y\n2024-01-01,\n2024-01-02,5\n2024-01-03,\n",
		"one-date":     "ds,y\n2024-01-01,1\n2024-01-01,2\n",
		"infinite":     "ds,y\n2024-01-01,1\n2024-01-02,inf\n",
		"overflow":     "ds,y\n2024-01-01,1\n2024-01-02,-1e400\n",
		"text":         "ds,y\n2024-01-01,1\n2024-01-02,high\n",
		"no-ds":        "date,y\n2024-01-01,1\n",
		"no-y":         "ds,close\n2024-01-01,1\n",
		"twice":        "ds,y,y\n2024-01-01,1,2\n",
		"bad-date":     "ds,y\n2024-01-01,1\n2024-13-01,2\n",
		"no-date":      "ds,y\n2024-01-01,1\n,2\n",
		"zone":         "ds,y\n2024-01-01T00:00:00Z,1\n2024-01-02T00:00:00Z,2\n",
		"offset":       "ds,y\n2024-01-01 00:00:00+09:00,1\n",
		"ragged":       "ds,y\n2024-01-01,1\n2024-01-02\n",
		"gap-price":    "ds,y,price\n2024-01-01,1,2\n2024-01-02,2,\n",
		"text-price":   "ds,y,price\n2024-01-01,1,2\n2024-01-02,2,high\n",
		"no-cap":       "ds,y\n2024-01-01,1\n2024-01-02,2\n",
		"gap-cap":      "ds,y,cap\n2024-01-01,1,5\n2024-01-02,2,\n",
		"cap-at-floor": "ds,y,cap,floor\n2024-01-01,1,5,0\n2024-01-02,2,3,3\n",
		"odd-open":     "ds,y,open\n2024-01-01,1,0\n2024-01-02,2,2\n",
		"below-zero":   "ds,y\n2024-01-02,5\n2024-01-03,-5\n",
	}
	for name, text := range histories {
		b.put(name+".csv", text)
	}
	configs := map[string]string{
		"not-json":     "growth: linear",
		"unknown":      `{"changepoint_prior": 0.1}`,
		"key-twice":    `{"growth": "flat", "growth": "flat"}`,
		"type":         `{"n_changepoints": "25"}`,
		"growth":       `{"growth": "cubic"}`,
		"range":        `{"changepoint_range": 1.5}`,
		"two-prices":   `{"regressors": [{"name": "price"}, {"name": "price"}]}`,
		"reserved":     `{"regressors": [{"name": "trend"}]}`,
		"clash":        `{"regressors": [{"name": "price"}], "seasonalities": [{"name": "price", "period": 7, "fourier_order": 1}]}`,
		"two-scales":   `{"holidays": [{"holiday": "x", "ds": "2024-01-01", "prior_scale": 1}, {"holiday": "x", "ds": "2024-02-01", "prior_scale": 2}]}`,
		"logistic":     `{"growth": "logistic"}`,
		"open":         `{"seasonalities": [{"name": "w", "period": 7, "fourier_order": 1, "condition_name": "open"}]}`,
		"outside":      `{"changepoints": ["2030-01-01"]}`,
		"market":       `{"market": true}`,
		"nyse":         `{"market": true, "exchange": "NYSE"}`,
		"log":          `{"market": {"log_scale": true}}`,
		"country":      `{"country_holidays": "Atlantis"}`,
		"empty-config": "",
		"twice":        `{"changepoints": ["2023-01-20", "2023-01-20"]}`,
		"feast":        `{"holidays": [{"holiday": "feast", "ds": "2023-02-20", "prior_scale": 1}]}`,
		"bad-feast":    `{"holidays": [{"holiday": "feast", "ds": "2023-02-20", "upper_window": -1}]}`,
	}
	for name, text := range configs {
		b.put(name+".json", text)
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(model), &document); err != nil {
		t.Fatal(err)
	}
	document["params"] = map[string]any{"k": []any{[]any{1}}}
	damaged, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	b.put("damaged.model", string(damaged))
	b.put("cut.model", model[:len(model)/2])
	b.put("foreign.model", `{"format": "xgboost", "version": [1, 7]}`)
	b.put("binary.model", "\x80\x04\x95pickle\x00")
	b.put("future.csv", "ds,price\n2023-03-05,5\n")
	b.put("future-gap.csv", "ds,price\n2023-03-05,\n")
	b.put("future-none.csv", "ds\n")
	b.put("feast.csv", "holiday,ds\nfeast,soon\n")
	b.put("far.csv", "ds,price\n2023-03-05,1e308\n")
	b.put("window.csv", "holiday,ds,lower_window\nfeast,2023-01-20,0\nfeast,2023-01-27,2\n")
	b.put("scales.csv", "holiday,ds,prior_scale\nfeast,2023-01-20,2\n")
	b.put("cv-none.csv", "ds,yhat,y,cutoff\n")
	b.put("compressed.csv", "\x1f\x8b\x08\x00\x00")
	b.put("semicolons.csv", "ds;y\n2024-01-01;1\n")
	b.put("read-only", "keep\n")
	if err := errors.Join(os.Chmod(b.path("read-only"), 0o444), os.Symlink("nothing", b.path("dangling"))); err != nil {
		t.Fatal(err)
	}
	b.put("cv-bad.csv", "ds,yhat,y,cutoff\n2024-01-01,1,x,2023-12-31\n")

	fit := func(history, config string) string {
		args := "fit --in @" + history + ".csv --model-out @out.json"
		if config != "" {
			args += " --config @" + config + ".json"
		}
		return args
	}
	type refusal struct{ name, args, field, remedy string }
	cases := []refusal{
		{"one row", fit("one-row", ""), "y: only one row has a value", "give 2 rows or more"},
		{"no rows", fit("no-rows", ""), "ds: the history has no rows", "give 2 rows or more"},
		{"empty file", fit("empty", ""), "ds: the CSV is empty", "begin with a line"},
		{"all y missing", fit("all-missing", ""), "y: none of the 3 rows has a value", "give 2 rows or more"},
		{"one value", fit("one-value", ""), "y: only one row has a value", "give 2 rows or more"},
		{"one date", fit("one-date", ""), "ds: ", "2 dates or more"},
		{"infinite y", fit("infinite", ""), "y, line 3: \"inf\" is infinite", "correct it"},
		{"y too large", fit("overflow", ""), "y, line 3", "correct it"},
		{"text y", fit("text", ""), "y, line 3: \"high\" is not a number", "write a number"},
		{"no ds", fit("no-ds", ""), "ds: the column is missing", "begin with a line such as ds,y"},
		{"no y", fit("no-y", ""), "y: the column is missing", "add it to the CSV"},
		{"column twice", fit("twice", ""), "y, line 1: two columns", "remove or rename"},
		{"bad date", fit("bad-date", ""), "ds, line 3: \"2024-13-01\" is not a date", "write YYYY-MM-DD"},
		{"no date", fit("no-date", ""), "ds, line 3: the date is missing", "give every row a date"},
		{"time zone", fit("zone", ""), "ds, line 2: \"2024-01-01T00:00:00Z\" has a time zone", "without naming the zone"},
		{"offset", fit("offset", ""), "ds, line 2: ", "without naming the zone"},
		{"ragged rows", fit("ragged", ""), "y, line 3: 1 fields for 2 columns", "write one field for each column"},
		{"regressor missing", fit("one-date", "regressor"), "price: the column is missing", "add it to the CSV"},
		{"regressor with a gap", fit("gap-price", "regressor"), "price[1]: ", "give a number in every row"},
		{"regressor of text", fit("text-price", "regressor"), "price, line 3: \"high\"", "write a number"},
		{"cap missing", fit("no-cap", "logistic"), "cap: the column is missing", "add it to the CSV"},
		{"cap with a gap", fit("gap-cap", "logistic"), "cap[1]: ", "give a number in every row"},
		{"cap below floor", fit("cap-at-floor", "logistic"), "cap[1]: cap 3 on 2024-01-02 is not above the floor 3", "raise cap"},
		{"condition missing", fit("no-cap", "open"), "open: the column is missing", "add it to the CSV"},
		{"condition of 2", fit("odd-open", "open"), "open[1]: condition 2", "use 0 and 1"},
		{"logarithm of a negative", fit("below-zero", "log"), "y[1]: ", "leave log_scale out"},
		{"config not JSON", fit("history", "not-json"), "line 1: not JSON", "write one JSON object"},
		{"config empty", fit("history", "empty-config"), "line 1: the configuration is empty", "write {}"},
		{"unknown key", fit("history", "unknown"), "changepoint_prior: the configuration has an unknown key", "changepoint_prior_scale"},
		{"key twice", fit("history", "key-twice"), "growth: the key appears twice", "keep one"},
		{"wrong type", fit("history", "type"), "n_changepoints: the text \"25\" is not a whole number", "without quotes"},
		{"unknown growth", fit("history", "growth"), "growth: \"cubic\"", "use linear, logistic, flat"},
		{"number out of range", fit("history", "range"), "changepoint_range: 1.5", "use a fraction"},
		{"regressor twice", fit("history", "two-prices"), "regressors[1].name: ", "rename"},
		{"reserved name", fit("history", "reserved"), "regressors[0].name: \"trend\"", "choose another name"},
		{"names clash", fit("history", "clash"), "name: \"price\"", "choose another name"},
		{"two prior scales", fit("history", "two-scales"), "holidays[1].prior_scale: ", "give all rows of one holiday the same"},
		{"changepoint outside", fit("history", "outside"), "changepoints", "2030-01-01"},
		{"market without an exchange", fit("history", "market"), "exchange: market is true", "XNYS"},
		{"unknown exchange", fit("history", "nyse"), "nyse.json: exchange: \"NYSE\" has no calendar", "XNYS, XKRX, XLON, XETR or XTKS"},
		{"unknown country", fit("history", "country"), "country_holidays: ", ";"},
		{"bad holidays", "fit --in @history.csv --holidays @feast.csv --model-out @out.json", "feast.csv: ds, line 2", "write YYYY-MM-DD"},
		{"window of a holiday", "fit --in @history.csv --holidays @window.csv --model-out @out.json", "window.csv: lower_window, line 3: 2 days", "use 0 to -366"},
		{"holidays clash", "fit --in @history.csv --config @feast.json --holidays @scales.csv --model-out @out.json", "scales.csv: prior_scale, line 2: \"feast\" has prior scales 1 and 2", "give all rows of one holiday the same"},
		{"holiday of the options", "fit --in @history.csv --config @bad-feast.json --holidays @scales.csv --model-out @out.json", "bad-feast.json: holidays[0].upper_window: ", "use 0 to 366"},
		{"option that a history refuses", fit("history", "outside"), "outside.json: changepoints", "2030-01-01"},
		{"changepoint twice", fit("history", "twice"), "twice.json: changepoints[1]: 2023-01-20 appears twice", "list each date once"},
		{"compressed", fit("compressed", ""), "compressed.csv: line 1: it is compressed with gzip", "decompress it first"},
		{"separated by semicolons", fit("semicolons", ""), "semicolons.csv: ds: ", "separate columns by commas"},
		{"model through a broken link", "fit --in @history.csv --model-out @dangling", "model-out: ", "create the file it points to"},
		{"model to a read-only file", "fit --in @history.csv --model-out @read-only", "read-only can't be written", "allow writing it"},
		{"no input", "fit --model-out @out.json", "in: no file is named", "give --in FILE"},
		{"input not there", fit("nowhere", ""), "in: ", "name an existing file"},
		{"input is a folder", "fit --in @folder --model-out @out.json", "in: ", "name a file"},
		{"config not there", fit("history", "nowhere"), "config: ", "name an existing file"},
		{"no output", "fit --in @history.csv", "model-out: no file is named", "give --model-out FILE"},
		{"output is a folder", "fit --in @history.csv --model-out @folder", "model-out: ", "name a file"},
		{"output in no folder", "fit --in @history.csv --model-out @nowhere/out.json", "model-out: the folder of ", "create it"},
		{"output in a file", "fit --in @history.csv --model-out @history.csv/out.json", "model-out: ", "name another file"},
		{"output is the input", "fit --in @history.csv --model-out @history.csv", "model-out: ", "the input of --in; name another file"},
		{"report and model on one stream", "fit --in @history.csv --json --model-out -", "json: ", "name a file"},
		{"standard input twice", "fit --in - --config - --model-out @out.json", "config", "standard input can be read only once"},
		{"standard input for model and rows", "predict --model - --in - --out @out.csv", "standard input: ", ";"},
		{"an argument", "fit @history.csv --model-out @out.json", "one argument too many", "--help"},
		{"a negative seed", "fit --in @history.csv --seed -1 --model-out @out.json", "seed: \"-1\" is not a seed", "use a whole number from 0 to 18446744073709551615; see `etfcast prophet fit --help`"},

		{"model of another program", "predict --model @foreign.model --periods 3 --out @out.csv", "foreign.model: ", ";"},
		{"model not JSON", "predict --model @binary.model --periods 3 --out @out.csv", "binary.model: ", ";"},
		{"model cut off", "predict --model @cut.model --periods 3 --out @out.csv", "cut.model: ", ";"},
		{"model damaged", "predict --model @damaged.model --periods 3 --out @out.csv", "damaged.model: ", ";"},
		{"model is a CSV", "predict --model @history.csv --periods 3 --out @out.csv", "history.csv: ", ";"},
		{"no model", "predict --periods 3 --out @out.csv", "model: no file is named", "give --model FILE"},
		{"a config to predict", "predict --model @model.json --config @regressor.json --periods 3 --out @out.csv", "config: ", "give --config to"},
		{"neither periods nor rows", "predict --model @model.json --out @out.csv", "periods: exactly one of", "--in FILE"},
		{"periods and rows", "predict --model @model.json --periods 3 --in @future.csv --out @out.csv", "periods: exactly one of", "--in FILE"},
		{"frequency of rows", "predict --model @model.json --freq D --in @future.csv --out @out.csv", "freq: ", "leave it out"},
		{"no history of rows", "predict --model @model.json --no-history --in @future.csv --out @out.csv", "no-history: ", "leave it out"},
		{"negative periods", "predict --model @model.json --periods -3 --out @out.csv", "periods: -3 periods", "ask for 0 or more"},
		{"negative periods alone", "predict --model @model.json --periods -3 --no-history --out @out.csv", "periods: -3 periods", "ask for 1 or more"},
		{"no rows at all", "predict --model @model.json --periods 0 --no-history --out @out.csv", "periods: 0 periods", "ask for 1 to"},
		{"periods beyond the calendar", "predict --model @model.json --periods 5000 --freq session:XNYS --out @out.csv", "periods: 5000 periods reach beyond the trading calendar: its sessions run from 1990-01-02 to 2030-12-31", "ask for fewer"},
		{"levels out of order", "predict --model @model.json --periods 3 --levels 0.5,0.1 --out @out.csv", "levels[1]: \"0.1\"", "ascending"},
		{"level of 1", "predict --model @model.json --periods 3 --levels 1 --out @out.csv", "levels[0]: \"1\"", "between 0 and 1"},
		{"no levels", "predict --model @model.json --periods 3 --levels= --out @out.csv", "levels: no probability is named", "such as 0.05,0.5,0.95"},
		{"level of text", "predict --model @model.json --periods 3 --levels half --out @out.csv", "levels[0]: \"half\"", "such as 0.05,0.5,0.95"},
		{"levels without intervals", "predict --model @plain.json --periods 3 --levels 0.5 --out @out.csv", "plain.json: levels: ", "uncertainty_samples above 0"},
		{"periods of text", "predict --model @model.json --periods ten --out @out.csv", "periods: \"ten\" is not a whole number", "use one such as 30; see `etfcast prophet predict --help`"},
		{"rows out of all proportion", "predict --model @regressor-model.json --in @far.csv --out @out.csv", "far.csv: ", "extreme values"},
		{"far too many periods", "predict --model @model.json --periods 99999999 --out @out.csv", "periods: ", "ask for 1 to"},
		{"unknown frequency", "predict --model @model.json --periods 3 --freq fortnight --out @out.csv", "freq: ", ";"},
		{"unknown exchange's sessions", "predict --model @model.json --periods 3 --freq session:NYSE --out @out.csv", "freq: ", "XNYS"},
		{"periods of a model with a regressor", "predict --model @regressor-model.json --periods 3 --out @out.csv", "periods: the model needs the columns price", "with --in"},
		{"rows without the regressor", "predict --model @regressor-model.json --in @all-missing.csv --out @out.csv", "price: the column is missing", "add it to the CSV"},
		{"rows with a gap in the regressor", "predict --model @regressor-model.json --in @future-gap.csv --out @out.csv", "price[0]: ", "give a number in every row"},
		{"no rows to forecast", "predict --model @model.json --in @future-none.csv --out @out.csv", "ds: there are no rows to predict", "give one row or more"},
		{"rows with a bad date", "predict --model @model.json --in @bad-date.csv --out @out.csv", "bad-date.csv: ds, line 3", "write YYYY-MM-DD"},
		{"forecast over the rows", "predict --model @model.json --in @future.csv --out @future.csv", "out: ", "name another file"},

		{"no horizon", "cv --in @history.csv --out @out.csv", "horizon: ", "--horizon 30d"},
		{"horizon without a unit", "cv --in @history.csv --horizon 30 --out @out.csv", "horizon: ", "write"},
		{"horizon of months", "cv --in @history.csv --horizon 2months --out @out.csv", "horizon: ", ";"},
		{"horizon longer than the history", "cv --in @history.csv --horizon 90d --out @out.csv", "horizon: ", "use a shorter horizon"},
		{"initial longer than the history", "cv --in @history.csv --horizon 5d --initial 90d --out @out.csv", "initial: ", "use a shorter initial"},
		{"bad period", "cv --in @history.csv --horizon 5d --period soon --out @out.csv", "period: ", "write"},
		{"no output of cv", "cv --in @history.csv --horizon 5d", "out: no file is named", "--metrics-out FILE"},
		{"one output twice", "cv --in @history.csv --horizon 5d --out @out.csv --metrics-out @out.csv", "metrics-out: --out is also written to", "name another file"},
		{"standard output twice", "cv --in @history.csv --horizon 5d --out - --metrics-out -", "metrics-out: --out is also written to", "name another file"},
		{"bad cutoff", "cv --in @history.csv --horizon 5d --cutoffs 2023-02-01,x --out @out.csv", "cutoffs[1]: ", "write YYYY-MM-DD"},
		{"cutoff outside", "cv --in @history.csv --horizon 5d --cutoffs 2022-02-01 --out @out.csv", "cutoffs", ";"},
		{"cutoffs and a period", "cv --in @history.csv --horizon 5d --period 5d --cutoffs 2023-02-01 --out @out.csv", "period: ", "leave one of them out"},
		{"no workers", "cv --in @history.csv --horizon 5d --workers 0 --out @out.csv", "workers: ", "use 1 or more"},
		{"cutoff twice", "cv --in @history.csv --horizon 5d --cutoffs 2023-02-01,20230201 --out @out.csv", "cutoffs[1]: 2023-02-01 is named twice", "name each cutoff once"},
		{"no cutoffs", "cv --in @history.csv --horizon 5d --cutoffs= --out @out.csv", "cutoffs: no date", "leave it out"},
		{"no metrics", "cv --in @history.csv --horizon 5d --metrics= --metrics-out @out.csv", "metrics: no metric", "use some of mse"},
		{"metrics to no file", "cv --in @history.csv --horizon 5d --metrics rmse --out @out.csv", "metrics: it applies to the metrics", "give --metrics-out FILE"},
		{"window to no file", "cv --in @history.csv --horizon 5d --rolling-window 0.5 --out @out.csv", "rolling-window: it applies to the metrics", "give --metrics-out FILE"},
		{"window above 1", "cv --in @nowhere.csv --horizon 5d --rolling-window 2 --metrics-out @out.csv", "rolling-window: 2 is", "use 0 to 1, or -1"},
		{"window below 0", "cv --in @nowhere.csv --horizon 5d --rolling-window -0.5 --metrics-out @out.csv", "rolling-window: -0.5 is", "use 0 to 1, or -1"},
		{"window that is not a number", "cv --in @nowhere.csv --horizon 5d --rolling-window NaN --metrics-out @out.csv", "rolling-window: NaN is", "use 0 to 1, or -1"},
		{"window of text", "cv --in @nowhere.csv --horizon 5d --rolling-window wide --metrics-out @out.csv", "rolling-window: \"wide\" is not a number", "use one such as 0.1"},
		{"window of a plot", "plot --model @nowhere.json --cv @cv.csv --rolling-window 9 --out @figures", "rolling-window: 9 is", "use 0 to 1, or -1"},
		{"cv without rows", "plot --model @model.json --cv @cv-none.csv --out @figures", "cv-none.csv: ds: the table has no rows", "use the result"},
		{"unknown metric", "cv --in @history.csv --horizon 5d --metrics mase --metrics-out @out.csv", "metrics[0]: ", "use mse"},
		{"cv of an unknown key", "cv --in @history.csv --horizon 5d --config @unknown.json --out @out.csv", "changepoint_prior: ", "changepoint_prior_scale"},

		{"no folder", "plot --model @model.json", "out: no folder is named", "give --out FOLDER"},
		{"folder is a file", "plot --model @model.json --out @history.csv", "out: ", "name a folder"},
		{"folder in no folder", "plot --model @model.json --out @nowhere/figures", "out: the folder of ", "create it"},
		{"unknown format", "plot --model @model.json --format gif --out @figures", "format: \"gif\"", "use svg, png or both"},
		{"metric of nothing", "plot --model @model.json --metric rmse --out @figures", "metric: ", "give --cv FILE"},
		{"unknown metric to draw", "plot --model @model.json --cv @cv.csv --metric mase --out @figures", "metric: ", "use mse"},
		{"bad table of cv", "plot --model @model.json --cv @cv-bad.csv --out @figures", "cv-bad.csv: y, line 2", "write a number"},
		{"coverage without intervals", "plot --model @model.json --cv @cv-plain.csv --metric coverage --out @figures", "metric: coverage", "choose another metric"},
		{"plot of a damaged model", "plot --model @damaged.model --out @figures", "damaged.model: ", ";"},
		{"plot from no date", "plot --model @model.json --from yesterday --out @figures", "from: \"yesterday\"", "write YYYY-MM-DD"},
		{"plot from after the end", "plot --model @model.json --from 2250-01-01 --out @figures", "from: 2250-01-01", "name an earlier date"},
		{"plot of two kinds of rows", "plot --model @model.json --in @future.csv --periods 3 --out @figures", "periods: ", "leave out --in"},
	}
	b.put("cv-plain.csv", "ds,yhat,y,cutoff\n2024-01-01,1,1,2023-12-31\n2024-01-02,1,2,2023-12-31\n")
	before := b.names()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := b.run(c.args)
			if code != exitUsage || !strings.Contains(stderr, c.field) || !strings.Contains(stderr, c.remedy) {
				t.Errorf("exit code %d: %s (want %q and %q)", code, stderr, c.field, c.remedy)
			}
			if stdout != "" {
				t.Errorf("on standard output: %s", stdout)
			}
			if strings.Count(strings.TrimSpace(stderr), "\n") > 0 && !strings.Contains(stderr, "note:") {
				t.Errorf("the message has more than one line: %s", stderr)
			}
			if after := b.names(); !slices.Equal(after, before) {
				t.Errorf("the folder had %v and now has %v", before, after)
			}
		})
	}
	if b.get("model.json") != model || b.get("history.csv") != daily(60) {
		t.Error("an input was changed")
	}
}

// An interrupted command leaves no files, and ends as interrupted.
func TestProphetInterrupted(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(60))
	b.must("fit --in @history.csv --model-out @model.json")
	b.put("old.csv", "what was there before\n")
	before := b.names()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range []string{
		"fit --in @history.csv --model-out @new.json",
		"predict --model @model.json --periods 5 --out @old.csv",
		"cv --in @history.csv --horizon 5d --out @old.csv --metrics-out @new.csv",
		"plot --model @model.json --out @figures",
	} {
		var out, errs bytes.Buffer
		if code := run(ctx, b.args(args), nil, &out, &errs); code != exitInterrupted || out.Len()+errs.Len() > 0 {
			t.Errorf("%s: exit code %d, printed %s%s", args, code, out.String(), errs.String())
		}
	}
	if after := b.names(); !slices.Equal(after, before) || b.get("old.csv") != "what was there before\n" {
		t.Errorf("the folder had %v and now has %v", before, after)
	}
}

// A level far above the spread, minmax and multiplicative terms: the forecast is near the level, whether by fit and predict or
// by cv; with compat it is the original's, far off, and predict says so. The file of the first is none for Python.
func TestProphetForecastsWhatItFitted(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	var history strings.Builder
	history.WriteString("ds,y\n")
	for i := range 90 {
		y := 1000 + 0.1*float64(i) + 10*math.Sin(2*math.Pi*float64(i)/7) + math.Cos(float64(i*i))
		fmt.Fprintf(&history, "%s,%.3f\n", time.Date(2024, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), y)
	}
	b.put("history.csv", history.String())
	furthest := func(text string) (most float64) {
		header, rows := lines(text)
		for _, row := range rows {
			v, err := strconv.ParseFloat(row[slices.Index(header, "yhat")], 64)
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, math.Abs(v-1000))
		}
		return most
	}
	for _, compat := range []bool{false, true} {
		b.put("options.json", fmt.Sprintf(`{"scaling": "minmax", "seasonality_mode": "multiplicative", "compat": %v}`, compat))
		b.must("fit --in @history.csv --config @options.json --model-out @model.json")
		forecast, notes := b.must("predict --model @model.json --periods 14 --out -")
		cv, _ := b.must("cv --in @history.csv --config @options.json --horizon 10d --cutoffs 2024-03-01 --out - --keep-scaling")
		if far := min(furthest(forecast), furthest(cv)); (far > 100) != compat {
			t.Errorf("compat %v: forecasts are up to %v from a level of 1000", compat, far)
		}
		if strings.Contains(notes, "compat") != compat {
			t.Errorf("compat %v: predict says %q", compat, notes)
		}
		if refused := strings.Contains(b.get("model.json"), "predict with etfcast"); refused == compat {
			t.Errorf("compat %v: the file tells Python to leave it to etfcast: %v", compat, refused)
		}
	}
}
