package prophet_test

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

//go:embed testdata/frequencies.jsonl
var frequencies []byte

// Every frequency gives the dates that Prophet's make_future_dataframe gives, from any last date, and every history the frequency that
// pandas infers; what pandas refuses is refused. Recorded by bench/prophet/frequencies.py.
func TestFrequenciesAreThoseOfPandas(t *testing.T) {
	t.Parallel()
	// Names of earlier releases of pandas are still understood.
	earlier := map[string]bool{"Q-DEC": true}
	// What etfcast does not have, and says so: stamps here are in microseconds.
	absent := map[string]bool{"ns": true, "1ns": true}
	fitted := func(dates []prophet.Stamp) *prophet.Fitted {
		y := make([]float64, len(dates))
		for i := range y {
			y[i] = float64(i * i)
		}
		return fit(t, prophet.Defaults(), &prophet.Frame{DS: dates, Y: y})
	}
	stamps := func(texts []string) (out []prophet.Stamp) {
		for _, text := range texts {
			s, err := prophet.ParseStamp(text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, s)
		}
		return out
	}
	ends := map[string]*prophet.Fitted{}
	lines := bufio.NewScanner(bytes.NewReader(frequencies))
	compared, refused, inferred := 0, 0, 0
	for lines.Scan() {
		var row struct {
			Freq, Last, Name string
			History, Dates   []string
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if row.Last == "" && row.History == nil { // the versions
			continue
		}
		var f *prophet.Fitted
		var freq prophet.Freq
		if row.History != nil {
			inferred++
			f = fitted(stamps(row.History))
		} else {
			var err error
			freq, err = prophet.ParseFreq(row.Freq)
			if (err != nil) != (len(row.Dates) == 0) && !earlier[row.Freq] && row.Freq != "" {
				if !(absent[row.Freq] && err != nil) {
					t.Errorf("%q: %v, but pandas gives %v", row.Freq, err, row.Dates)
				}
				continue
			}
			if err != nil || row.Freq == "" || earlier[row.Freq] {
				refused++
				continue
			}
			if ends[row.Last] == nil {
				last := stamps([]string{row.Last})[0]
				ends[row.Last] = fitted([]prophet.Stamp{last - 40*prophet.Day, last - 3*prophet.Day, last})
			}
			f = ends[row.Last]
		}
		future, err := f.MakeFuture(4, freq, false)
		if err != nil {
			if len(row.Dates) > 0 {
				t.Errorf("%q after %s%v: %v, but pandas gives %v", row.Freq, row.Last, row.History, err, row.Dates)
			}
			continue
		}
		if !slices.Equal(future.DS, stamps(row.Dates)) {
			t.Errorf("%q after %s%v: %v, want %v", row.Freq, row.Last, row.History, future.DS, row.Dates)
		}
		compared++
	}
	if err := lines.Err(); err != nil || compared < 900 || refused < 100 || inferred < 100 {
		t.Errorf("%d compared, %d refused, %d inferred, %v", compared, refused, inferred, err)
	}
}
