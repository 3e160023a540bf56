package diagnostics

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// The golden files are the original's results (Prophet 1.5.0), written by bench/prophet/golden_diagnostics.py with the
// versions of everything that produced them.

// floats reads numbers, among them the strings "inf" and "nan".
type floats []float64

func (f *floats) UnmarshalJSON(text []byte) error {
	var cells []any
	if err := json.Unmarshal(text, &cells); err != nil {
		return err
	}
	for _, c := range cells {
		switch v := c.(type) {
		case float64:
			*f = append(*f, v)
		case string:
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return err
			}
			*f = append(*f, n)
		default:
			return fmt.Errorf("%v is not a number", c)
		}
	}
	return nil
}

func golden(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func readTable(t testing.TB, name string) *Table {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "table_"+name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := ReadCSV(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return table
}

// near reports whether two numbers agree up to rounding: 1e-9 of their size, or of 1 if they are smaller.
func near(a, b float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b))
}

func TestMetricsEqualTheOriginals(t *testing.T) {
	t.Parallel()
	var file struct {
		Versions map[string]string
		Cases    []struct {
			Case       int
			Table      string
			Window     float64
			Monthly    bool
			Metrics    []string
			Columns    []string
			Horizon    []prophet.Stamp
			HorizonCSV []string `json:"horizon_csv"`
			Values     []floats
		}
	}
	golden(t, "metrics.json", &file)
	if file.Versions["prophet"] != "1.5.0" || len(file.Cases) < 200 {
		t.Fatalf("written by %v, %d cases", file.Versions, len(file.Cases))
	}
	var largest float64
	for _, c := range file.Cases {
		name := fmt.Sprintf("case %d: %s, window %v, monthly %v, metrics %v", c.Case, c.Table, c.Window, c.Monthly, c.Metrics)
		table := readTable(t, c.Table)
		got, err := PerformanceMetrics(table, c.Metrics, c.Window, c.Monthly)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var text strings.Builder
		if err := got.WriteCSV(&text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		if c.Columns == nil { // the original's None
			if len(got.Columns) != 0 || len(got.Horizon) != 0 || len(got.Notices) == 0 || len(lines) != 1 || lines[0] != "horizon" {
				t.Errorf("%s: want nothing and a notice, got %v", name, got)
			}
			continue
		}
		columns := []string{"horizon"}
		for _, m := range got.Columns {
			columns = append(columns, m.Name)
		}
		if !slices.Equal(columns, c.Columns) || lines[0] != strings.Join(c.Columns, ",") {
			t.Errorf("%s: columns %v, want %v", name, columns, c.Columns)
			continue
		}
		if !slices.Equal(got.Horizon, c.Horizon) {
			t.Errorf("%s: horizons %v, want %v", name, got.Horizon, c.Horizon)
			continue
		}
		for i, want := range c.HorizonCSV {
			if horizon, _, _ := strings.Cut(lines[i+1], ","); horizon != want {
				t.Errorf("%s: row %d is of %q, want %q", name, i, horizon, want)
				break
			}
		}
		for k, m := range got.Columns {
			for i, want := range c.Values[k] {
				if !near(m.Values[i], want) {
					t.Errorf("%s: %s[%d] = %v, want %v", name, m.Name, i, m.Values[i], want)
					break
				}
				if d := math.Abs(m.Values[i] - want); d > largest {
					largest = d
				}
			}
		}
	}
	t.Logf("%d cases, largest difference %.1e", len(file.Cases), largest)
}

func TestCutoffsEqualTheOriginals(t *testing.T) {
	t.Parallel()
	var file struct {
		Series map[string][]prophet.Stamp
		Cases  []struct {
			Series                   string
			Horizon, Period, Initial prophet.Stamp
			Cutoffs                  []prophet.Stamp
			Error                    string
		}
	}
	golden(t, "cutoffs.json", &file)
	errors, jumps := 0, 0
	for _, c := range file.Cases {
		name := fmt.Sprintf("%s, horizon %s, period %s, initial %s", c.Series, describe(c.Horizon), describe(c.Period), describe(c.Initial))
		got, err := Cutoffs(file.Series[c.Series], c.Horizon, c.Initial, c.Period)
		if c.Error != "" {
			errors++
			field := "horizon"
			if strings.Contains(c.Error, "initial window") {
				field = "initial"
			}
			wantInvalid(t, name, err, field)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(got, c.Cutoffs) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, c.Cutoffs)
		}
		for i := 1; i < len(got); i++ {
			if got[i]-got[i-1] != c.Period {
				jumps++
			}
		}
	}
	if errors < 10 || jumps < 10 {
		t.Errorf("%d errors and %d cutoffs moved by gaps among %d cases: too few to tell", errors, jumps, len(file.Cases))
	}
}
