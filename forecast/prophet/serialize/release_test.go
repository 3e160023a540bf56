package serialize

import (
	"bytes"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// A market model written by version 0.1.0 predicts what that version predicted, although its last close is a bad tick, and
// does so again when it has been written in today's layout. The two files were written by `etfcast prophet fit` and `predict` of version 0.1.0.
func TestMarketModelOf010(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("testdata", "0.1.0")
	data, err := os.ReadFile(filepath.Join(folder, "market.json"))
	if err != nil {
		t.Fatal(err)
	}
	f := mustRead(t, data)
	written := mustWrite(t, f)
	if !bytes.Contains(written, []byte(`"format":2`)) {
		t.Error("not written in today's layout")
	}
	predictsAs010(t, f, folder)
	predictsAs010(t, mustRead(t, written), folder)
}

func predictsAs010(t *testing.T, f *prophet.Fitted, folder string) {
	t.Helper()
	future, err := f.MakeFuture(5, prophet.Freq{}, false)
	if err != nil {
		t.Fatal(err)
	}
	fc := mustPredict(t, f, future, prophet.PredictOptions{})
	file, err := os.Open(filepath.Join(folder, "market.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) != 6 {
		t.Fatalf("%d lines, %v", len(rows), err)
	}
	if names := fc.ColumnNames(); !slices.Equal(names, rows[0]) {
		t.Fatalf("columns %v, want %v", names, rows[0])
	}
	for j, name := range rows[0][1:] {
		for i, row := range rows[1:] {
			want, err := strconv.ParseFloat(row[j+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			if got := fc.Column(name)[i]; !(math.Abs(got-want) <= 1e-9*(1+math.Abs(want))) {
				t.Errorf("%s of %s: %v, want %v", name, row[0], got, want)
			}
		}
	}
}
