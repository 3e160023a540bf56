package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// walkFile writes n rows of a random walk, with a date and a close only, or with prices and volume on the sessions of XNYS. noise is added to
// each close by itself.
func walkFile(t *testing.T, name string, n int, exchange bool, noise float64) string {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	days := cal.Sessions(etf.Window{From: etf.MustSession("2018-01-02"), To: etf.MustSession("2025-06-30")})[:n]
	r := rand.New(rand.NewPCG(5, uint64(len(name))))
	var b strings.Builder
	b.WriteString("date,close\n")
	if exchange {
		b.Reset()
		b.WriteString("Date,Open,High,Low,Close,Volume\n")
	}
	x := math.Log(100)
	for _, day := range days {
		x += .008 * min(max(r.NormFloat64(), -2.5), 2.5)
		c := math.Exp(x + noise*min(max(r.NormFloat64(), -2.5), 2.5))
		if exchange {
			fmt.Fprintf(&b, "%s,%.2f,%.2f,%.2f,%.2f,%d\n", day, c*1.001, c*1.004, c*.996, c, 1_000_000+r.IntN(200_000))
		} else {
			fmt.Fprintf(&b, "%s,%.4f\n", day, c)
		}
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// backtestRun runs etfcast backtest and returns its exit code and output.
func backtestRun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx := context.Background()
	code = run(ctx, append([]string{"backtest"}, args...), nil, &out, &errs)
	return code, out.String(), errs.String()
}

func TestBacktestJSON(t *testing.T) {
	t.Parallel()
	a, b := walkFile(t, "spy.csv", 790, true, 0), walkFile(t, "Other walk.csv", 800, true, 0)
	folder := filepath.Join(t.TempDir(), "out", "report")
	code, out, errs := backtestRun(t, "--in", a, b, "--exchange", "XNYS", "--models", "ewma, combination, histsim", "--horizons", "5,1", "--json", "--report", folder)
	if code != exitOK || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var got struct {
		Options struct {
			Models   []string `json:"models"`
			Horizons []int    `json:"horizons"`
		} `json:"options"`
		ETFs []struct {
			ETF    string `json:"etf"`
			Source string `json:"source"`
			Rows   int    `json:"rows"`
		} `json:"etfs"`
		Results []map[string]any `json:"results"`
		Pooled  []map[string]any `json:"pooled"`
		Leak    *bool            `json:"leak_suspected"`
		Version string           `json:"code_version"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got.Options.Models, " ") != "drift ewma combination histsim" || !slices.Equal(got.Options.Horizons, []int{1, 5}) {
		t.Errorf("options %+v", got.Options)
	}
	if len(got.ETFs) != 2 || got.ETFs[0].ETF != "Other walk" || got.ETFs[1].ETF != "SPY" || got.ETFs[1].Source != "spy.csv" || got.ETFs[1].Rows != 790 {
		t.Errorf("ETFs %+v", got.ETFs)
	}
	if len(got.Results) != 2*4*2 || len(got.Pooled) != 4*2 || got.Leak == nil || *got.Leak || got.Version != version {
		t.Errorf("%d results, %d pooled, leak %v, version %q", len(got.Results), len(got.Pooled), got.Leak, got.Version)
	}
	for _, key := range strings.Fields("etf model horizon n rel_mae mase rmsse rel_crps pinball crps coverage_50 coverage_80 coverage_90 coverage_95 coverage_90_se winkler_90 width_90 dm_p served") {
		if _, ok := got.Results[0][key]; !ok {
			t.Errorf("results lack %s", key)
		}
	}
	written, err := os.ReadFile(filepath.Join(folder, "results.json"))
	if err != nil || string(written) != out {
		t.Errorf("results.json is not what --json prints (%v)", err)
	}
	page, err := os.ReadFile(filepath.Join(folder, "index.html"))
	if err != nil || !strings.Contains(string(page), "<html") || !strings.Contains(string(page), "Other walk") {
		t.Errorf("the report (%v) has %d bytes", err, len(page))
	}
	_, again, _ := backtestRun(t, "--in", b+","+a, "--exchange", "XNYS", "--models", "ewma,combination,histsim", "--horizons", "1,5", "--json")
	if again != out {
		t.Error("the files in another order give another result")
	}
	_, text, _ := backtestRun(t, "--in", a, "--in", b, "--exchange", "XNYS", "--models", "ewma", "--horizons", "1", "--csv")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 1+2*2+2 || rows[0][0] != "etf" {
		t.Errorf("CSV: %d rows, %v", len(rows), err)
	}
}

// A file with dates and closes needs no exchange, though its closes never trade.
func TestBacktestText(t *testing.T) {
	t.Parallel()
	code, out, errs := backtestRun(t, "--in", walkFile(t, "walk.csv", 790, false, 0), "--models", "drift,prophet", "--horizons", "1", "--calibrate", "--origins-every", "4")
	if code != exitOK || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, part := range []string{"WALK  790 rows from 2018-01-02", "10 origins", "Intervals calibrated", "an origin every 4", "Horizon 1\n", "prophet", "No model is shown to be better than drift at horizon 1."} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not in\n%s", part, out)
		}
	}
}

// Closes with an error that the next one takes back, as stale or badly stamped ones have: a model that smooths beats the benchmark by far.
func TestBacktestLeak(t *testing.T) {
	t.Parallel()
	path := walkFile(t, "walk.csv", 900, false, .02)
	args := []string{"--in", path, "--models", "ets", "--horizons", "1", "--json", "--report", t.TempDir()}
	code, out, errs := backtestRun(t, args...)
	var got etf.Backtest
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("exit %d: %s, %v", code, errs, err)
	}
	if code != exitLeak || !got.LeakSuspected || len(got.Leaks) == 0 || !strings.Contains(errs, "ets on WALK: relative MAE 0.") || !strings.Contains(errs, "UTC") || !strings.Contains(errs, "--expect-signal REASON") {
		t.Errorf("exit %d, suspected %v, %q", code, got.LeakSuspected, errs)
	}
	code, out, errs = backtestRun(t, "--in", path, "--models", "ets", "--horizons", "1")
	if code != exitLeak || !strings.Contains(out, "A leak is suspected:\n  ets on WALK: relative MAE 0.") || !strings.Contains(out, "UTC") || strings.Contains(errs, "UTC") || !strings.Contains(errs, "a leak is suspected; ") {
		t.Errorf("as text: exit %d, %q\n%s", code, errs, out)
	}
	if _, err := os.Stat(filepath.Join(args[len(args)-1], "index.html")); err != nil {
		t.Errorf("the report is not there: %v", err)
	}
	code, out, errs = backtestRun(t, "--in", path, "--models", "ets", "--horizons", "1", "--expect-signal", "noise that reverts")
	if code != exitOK || errs != "" || !strings.Contains(out, "A signal is expected: noise that reverts") || !strings.Contains(out, "ets on WALK: relative MAE 0.") {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
}

func TestBacktestRefusals(t *testing.T) {
	t.Parallel()
	good, short := walkFile(t, "good.csv", 800, true, 0), walkFile(t, "short.csv", 760, false, 0)
	twin := walkFile(t, "GOOD.txt", 800, true, 0)
	raw, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.csv")
	lines := strings.SplitAfter(string(raw), "\n")
	lines[100] = strings.Replace(lines[100], ",", ",-", 3)
	if err := os.WriteFile(bad, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		text string
	}{
		"no file":             {nil, "give --in FILE"},
		"a word":              {[]string{"begin"}, `unknown command "begin"`},
		"absent":              {[]string{"--in", "absent.csv"}, "absent.csv does not exist"},
		"too short":           {[]string{"--in", short}, "rows: SHORT has 760 rows, and a backtest up to horizon 21 needs 772"},
		"horizon 0":           {[]string{"--in", good, "--horizons", "0"}, "horizons: horizon 0"},
		"horizon 22":          {[]string{"--in", good, "--horizons", "1,22"}, "horizons: horizon 22"},
		"no number":           {[]string{"--in", good, "--horizons", "one"}, "--horizons"},
		"unknown model":       {[]string{"--in", good, "--models", "drift,oracle"}, `models: there is no model "oracle"`},
		"a model twice":       {[]string{"--in", good, "--models", "ets,ets"}, `models: "ets" is named twice`},
		"no model":            {[]string{"--in", good, "--models", ""}, "models: no model is named"},
		"an empty model":      {[]string{"--in", good, "--models", "ets,"}, `models: there is no model ""`},
		"no reason":           {[]string{"--in", good, "--models", "ets", "--expect-signal", " "}, "expect-signal: there is no reason"},
		"no horizon":          {[]string{"--in", good, "--horizons", ""}, "--horizons"},
		"a horizon twice":     {[]string{"--in", good, "--horizons", "5,1,5"}, "horizons: horizon 5 is named twice"},
		"combination of one":  {[]string{"--in", good, "--models", "drift,combination"}, "models: a combination needs"},
		"a bad date":          {[]string{"--in", good, "--from", "1.1.2020"}, "from: "},
		"from after to":       {[]string{"--in", good, "--from", "2020-01-02", "--to", "2020-01-01"}, "from: the first origin"},
		"no origin":           {[]string{"--in", good, "--models", "drift", "--from", "2030-01-02"}, "from: no session of GOOD"},
		"no target":           {[]string{"--in", good, "--models", "drift", "--from", "2021-02-19"}, "from: GOOD ends before the target of any forecast 21 sessions ahead"},
		"origins-every":       {[]string{"--in", good, "--origins-every", "0"}, "origins-every: 0"},
		"refit-every":         {[]string{"--in", good, "--refit-every", "0"}, "refit-every: 0"},
		"overlapping names":   {[]string{"--in", good, twin}, "would both be called GOOD"},
		"an unknown exchange": {[]string{"--in", good, "--exchange", "XPAR"}, "exchange: "},
		"closes only":         {[]string{"--in", short, "--exchange", "XNYS"}, "no column holds open, high, low"},
		"standard input":      {[]string{"--in", "-", "-"}, "standard input is named twice"},
		"errors":              {[]string{"--in", bad, "--exchange", "XNYS"}, "its prices don't pass the check: non_positive_price on 2018-05-24"},
		"json and csv":        {[]string{"--in", good, "--json", "--csv"}, "json"},
		"an impossible place": {[]string{"--in", good, "--models", "drift", "--horizons", "1", "--report", good}, "report: "},
	} {
		code, out, errs := backtestRun(t, c.args...)
		if code != exitUsage || out != "" || !strings.Contains(errs, c.text) {
			t.Errorf("%s: exit %d, %q", name, code, errs)
		}
	}
	// What the message says is enough is enough.
	if code, out, errs := backtestRun(t, "--in", short, "--models", "drift", "--horizons", "9"); code != exitOK || errs != "" || !strings.Contains(out, ", 2 origins") {
		t.Errorf("760 rows for horizon 9: exit %d, %s\n%s", code, errs, out)
	}
	if code, _, errs := backtestRun(t, "--in", short, "--models", "drift", "--horizons", "10"); code != exitUsage || !strings.Contains(errs, "needs 761: 750 up to the first origin and 11 after it") {
		t.Errorf("760 rows for horizon 10: exit %d, %s", code, errs)
	}
	code, out, errs := backtestRun(t, "--in", bad, "--exchange", "XNYS", "--accept-errors", "--models", "drift", "--horizons", "1")
	if code != exitOK || errs != "" || !strings.Contains(out, "BAD  799 rows") || !strings.Contains(out, "accepted: non_positive_price on 2018-05-24") {
		t.Errorf("accepted: exit %d, %s\n%s", code, errs, out)
	}
}
