package prophet_test

import (
	"strings"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// Dates after Friday 2026-01-30 at each frequency, from pandas.date_range of pandas 3.1.1.
func TestFrequencies(t *testing.T) {
	t.Parallel()
	f := fit(t, prophet.Defaults(), &prophet.Frame{
		DS: []prophet.Stamp{prophet.DateOf(2026, 1, 1), prophet.DateOf(2026, 1, 20), prophet.DateOf(2026, 1, 30)}, Y: []float64{1, 2, 2.5}})
	for name, want := range map[string]string{
		"D":            "2026-01-31 2026-02-01 2026-02-02",
		"2D":           "2026-02-01 2026-02-03 2026-02-05",
		"B":            "2026-02-02 2026-02-03 2026-02-04",
		"W":            "2026-02-01 2026-02-08 2026-02-15",
		"W-FRI":        "2026-02-06 2026-02-13 2026-02-20",
		"MS":           "2026-02-01 2026-03-01 2026-04-01",
		"ME":           "2026-01-31 2026-02-28 2026-03-31",
		"BMS":          "2026-02-02 2026-03-02 2026-04-01",
		"BME":          "2026-02-27 2026-03-31 2026-04-30",
		"QS":           "2026-04-01 2026-07-01 2026-10-01",
		"QE":           "2026-03-31 2026-06-30 2026-09-30",
		"YS":           "2027-01-01 2028-01-01 2029-01-01",
		"YE":           "2026-12-31 2027-12-31 2028-12-31",
		"12h":          "2026-01-30 12:00:00 2026-01-31 2026-01-31 12:00:00",
		"session:XNYS": "2026-02-02 2026-02-03 2026-02-04",
	} {
		freq, err := prophet.ParseFreq(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		future, err := f.MakeFuture(3, freq, false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, s := range future.DS {
			got = append(got, s.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
}
