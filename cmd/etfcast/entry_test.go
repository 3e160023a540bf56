package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

const entriesAsJSON = `
{"model": "naive", "entries": [{"symbol": "SPY", "origin": "2025-09-26", "points": [
  {"horizon": 1, "target": "2025-09-29", "mean": 101.5, "quantiles": {"0.05": 97, "0.5": 100}},
  {"horizon": 5, "quantiles": {"0.5": 101}}]}]}`

const entriesAsCSV = `origin_date,horizon,target,target_end_date,location,output_type,output_type_id,value
2025-09-26,1,close,2025-09-29,SPY,quantile,0.05,97
2025-09-26,1,close,2025-09-29,SPY,quantile,0.5,100
2025-09-26,1,close,2025-09-29,SPY,mean,NA,101.5
2025-09-26,5,close,NA,SPY,quantile,0.5,101
`

// The same entries as JSON and as CSV, from a file and from standard input, are the same request.
func TestReadEntries(t *testing.T) {
	t.Parallel()
	mean := 101.5
	want := service.EntryRequest{Model: "naive", Late: true, Entries: []service.NewEntry{{Symbol: "SPY", Origin: "2025-09-26", Points: []service.EntryPoint{
		{Horizon: 1, Target: "2025-09-29", Mean: &mean, Quantiles: map[string]float64{"0.05": 97, "0.5": 100}},
		{Horizon: 5, Quantiles: map[string]float64{"0.5": 101}},
	}}}}
	for name, text := range map[string]string{"JSON": entriesAsJSON, "CSV": entriesAsCSV} {
		path := filepath.Join(t.TempDir(), "entries")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{path, standardStream} {
			cmd := &cobra.Command{}
			cmd.SetContext(context.Background())
			cmd.SetIn(strings.NewReader(text))
			got, err := readEntries(cmd, from, entryFlags{model: "naive", late: true})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s from %s: %+v, %v", name, from, got, err)
			}
		}
	}
}

func TestEntryFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nowhere := []string{"ETFCAST_MYSQL_DSN=u:p@tcp(127.0.0.1:1)/etfcast", "TEMPORAL_ADDRESS=127.0.0.1:1"}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string // of standard error
	}{
		{"no file", []string{"submit"}, 2, []string{"FILE is missing"}},
		{"no such file", []string{"submit", filepath.Join(dir, "none.csv")}, 2, []string{"none.csv does not exist"}},
		{"a folder", []string{"check", dir}, 2, []string{"is a folder"}},
		{"empty", []string{"check", file("empty", "")}, 2, []string{"the file is empty", "origin_date,horizon"}},
		{"not JSON", []string{"check", file("broken", "{")}, 2, []string{"the JSON is malformed"}},
		{"NaN", []string{"check", file("nan", strings.Replace(entriesAsJSON, "97", "NaN", 1))}, 2, []string{"entries[0].points[0].quantiles.0.05", "NaN is not a number"}},
		{"a column too many", []string{"check", file("wide", strings.Replace(entriesAsCSV, ",value", ",value,colour", 1))}, 2, []string{"line 1, colour"}},
		{"another model", []string{"submit", file("mine", entriesAsJSON), "--model", "other"}, 2, []string{`"naive" is not other`}},
		{"a symbol without a model", []string{"list", "--symbol", "SPY"}, 2, []string{"--model"}},
		{"a key that is none", []string{"submit", file("good", entriesAsJSON), "--ledger-key", file("key", "x")}, 2, []string{"ledger-key"}},
		{"no database", []string{"submit", file("good", entriesAsJSON)}, 4, []string{"127.0.0.1:1"}},
	} {
		code, out, stderr := etfcast(t, nowhere, append([]string{"entry"}, c.args...)...)
		if code != c.code || out != "" {
			t.Errorf("%s: exit code %d, want %d; standard output %q; standard error %q", c.name, code, c.code, out, stderr)
		}
		for _, text := range c.says {
			if !strings.Contains(stderr, text) {
				t.Errorf("%s: %q is not in %q", c.name, text, stderr)
			}
		}
	}
}

func TestWriteEntries(t *testing.T) {
	t.Parallel()
	e := service.Entered{
		Forecast: etf.Forecast{ID: strings.Repeat("ab", 16), Symbol: "SPY", Model: "naive", Origin: etf.MustSession("2025-09-26"), Chain: 3, Hash: "c0ffee",
			IssuedAt: time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC), Points: []etf.ForecastPoint{{Horizon: 1}, {Horizon: 21}}},
		Exchange: etf.XNYS, Deadline: time.Date(2025, 9, 29, 13, 30, 0, 0, time.UTC), Standing: etf.OfRecord,
	}
	var out bytes.Buffer
	if err := writeEntries(&out, []service.Entered{e}); err != nil {
		t.Fatal(err)
	}
	want := "SYMBOL  ORIGIN      HORIZONS  STANDING  DEADLINE              FORECAST\n" +
		"SPY     2025-09-26  1,21      record    2025-09-29T13:30:00Z  abababababababababababababababab\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	raw, err := json.Marshal(entriesJSON([]service.Entered{e}))
	const asJSON = `[{"id":"abababababababababababababababab","symbol":"SPY","exchange":"XNYS","model":"naive","origin":"2025-09-26","deadline":"2025-09-29T13:30:00Z",` +
		`"issued_at":"2025-09-27T12:00:00Z","standing":"record","horizons":[1,21],"chain":{"position":3,"hash":"c0ffee"}}]`
	if err != nil || string(raw) != asJSON {
		t.Errorf("%s, %v", raw, err)
	}
	out.Reset()
	if err := writeEntrants(&out, nil); err != nil || !strings.Contains(out.String(), "Nobody") {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := writeEntrants(&out, []etf.Entrant{{Model: "naive", RegisteredAt: e.IssuedAt}}); err != nil || !strings.Contains(out.String(), "naive  2025-09-27T12:00:00Z") {
		t.Errorf("%q, %v", out.String(), err)
	}
}
