package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// The command needs the database only, and knows this program's models.
func TestScoreboardCommand(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN}
	code, out, stderr := etfcast(t, env, "scoreboard")
	if code != exitOK || out != "The record begins today: no forecast issued in time has met its price yet.\n" {
		t.Errorf("exit code %d, %q, %s", code, out, stderr)
	}
	code, out, _ = etfcast(t, env, "scoreboard", "--late", "--json")
	var b struct {
		Late  *bool `json:"late"`
		Items []any `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &b); code != exitOK || err != nil || b.Late == nil || !*b.Late || b.Items == nil || len(b.Items) != 0 {
		t.Errorf("exit code %d, %s, %v", code, out, err)
	}
	code, _, stderr = etfcast(t, env, "scoreboard", "--exchange", "NYSE", "--etf", "spy", "--model", "oracle", "--horizon", "0", "--from", "x", "--to", "y")
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"exchange: ", "symbol: ", "model: ", "use drift or ", " or prophet", "horizon: ", "from: ", "to: "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in\n%s", want, stderr)
		}
	}
}

func TestPrintScoreboard(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	b := service.Board{Summary: strings.Repeat("word ", 30) + "end.", Items: []service.BoardItem{
		{Model: "drift", Exchange: etf.XNYS, Horizon: 1, N: 120, LateN: 4, Statistics: service.Statistics{Sessions: 60, RelMAE: v(1), MASE: v(.8125), Coverage80: v(.7912)},
			Served: true, Coverage: []etf.CoverageMeasure{{Nominal: .8, Measured: .79}, {Nominal: .9, Measured: .842, Alarm: true}}},
		{Model: "naive", Entry: true, Exchange: etf.XNYS, Horizon: 1, N: 60, Statistics: service.Statistics{
			Sessions: 60, RelMAE: v(.98), RelMAELow: v(.951), RelMAEHigh: v(1.01), Coverage80: v(.8), Coverage80SE: v(.052),
			Difference: &service.Difference{Mean: -.0123, Low: -.05, High: .0254, N: 60, Alpha: .05, Limit: .5},
		}},
	}}
	var out bytes.Buffer
	if err := printScoreboard(&out, b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines[0]) > 100 || !strings.HasSuffix(lines[1], "end.") || lines[2] != "" {
		t.Errorf("the words are not broken into lines of 100:\n%s", out.String())
	}
	columns := func(line string) []string { return strings.Fields(line) }
	if got, want := columns(lines[4]), strings.Fields("XNYS 1 drift 120 4 60 1.000 - - - 0.812 79.1 % - - - served 90 %: 84.2 %"); !slices.Equal(got, want) {
		t.Errorf("the benchmark: %q, want %q", got, want)
	}
	if got, want := columns(lines[5]), strings.Fields("XNYS 1 naive (entry) 60 0 60 0.980 0.951 to 1.010 - - - 80.0 % ±5.2 - -0.0123 -0.0500 to 0.0254 - -"); !slices.Equal(got, want) {
		t.Errorf("the entrant: %q, want %q", got, want)
	}
}
