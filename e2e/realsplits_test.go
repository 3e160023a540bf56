package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// As-traded histories that state no split come in from files. The rules propose the splits, a person accepts each with one
// command, and the closes adjusted for splits are those of another provider, but for the days on which the two differ anyway.
func TestRealSplits(t *testing.T) {
	t.Parallel()
	data := filepath.Join(testenv.RealData.Value(t), "prices")
	dir := t.TempDir()
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	for _, c := range []struct {
		symbol etf.Symbol
		splits []string // ex-dates and ratios
		differ []string
	}{
		{"QQQ", []string{"2000-03-20 2:1"}, strings.Fields(`1999-11-30 2000-01-05 2000-01-11 2000-04-10 2000-05-31 2000-08-31 2001-04-06 2001-08-31 2001-11-21 2006-06-09 2007-02-20 2009-07-16`)},
		{"IWM", []string{"2005-06-09 2:1"}, strings.Fields(`2000-05-31 2002-01-02 2003-01-29 2006-01-18 2006-03-23 2006-06-09 2006-09-25 2006-12-19
			2007-02-28 2007-03-08 2007-04-26 2007-06-20 2007-07-09 2008-02-12 2008-07-03 2009-03-24 2009-09-21 2009-12-22 2010-03-23 2014-07-01`)},
		{"IJH", []string{"2005-06-09 2:1", "2024-02-22 5:1"}, nil}, // there is no other provider's file
	} {
		t.Run(string(c.symbol), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(data, "alphavantage", string(c.symbol)+".csv"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, string(c.symbol)+".csv"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			p.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": c.symbol, "exchange": etf.XNYS, "currency": "USD",
				"sources": []etf.SourceRef{{Name: "file", Ref: string(c.symbol) + ".csv?basis=as_traded"}}}, http.StatusCreated)
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			if row := p.session(c.symbol, lines[len(lines)-1][:10]); row.Outcome != etf.OutcomeUpdated {
				t.Fatalf("%+v", row)
			}
			var splits []string
			for _, a := range p.actions(t, c.symbol).Items {
				if a.Status != string(etf.Proposed) {
					t.Errorf("%+v is not proposed", a)
				}
				splits = append(splits, fmt.Sprintf("%s %s", a.Ex, a.Ratio))
				if run := s.start(t, nil, "action", "accept", a.ID, "--by", "kim", "--why", "compared with the exchange"); run.wait() != 0 {
					t.Fatal(run.tail())
				}
			}
			slices.Sort(splits)
			if !slices.Equal(splits, c.splits) {
				t.Fatalf("%v are proposed, want %v", splits, c.splits)
			}
			eventually(t, "the decisions to be applied", func() error {
				if e := p.etf(c.symbol); e.Quarantined != 0 {
					return fmt.Errorf("%d rows are quarantined", e.Quarantined)
				}
				return nil
			})
			if c.differ == nil {
				return
			}
			theirs := yahooCloses(t, filepath.Join(data, "yahoo", string(c.symbol)+".csv"))
			body, _ := p.must(http.MethodGet, "/v1/etfs/"+string(c.symbol)+"/bars?adjust=split&limit=10000", nil, http.StatusOK)
			var page struct {
				Items []struct {
					Session string
					Close   json.Number
				}
			}
			if err := json.Unmarshal(body, &page); err != nil {
				t.Fatal(err)
			}
			compared := 0
			var differ []string
			for _, b := range page.Items {
				other, ok := theirs[b.Session]
				if !ok {
					continue
				}
				compared++
				if close, err := b.Close.Float64(); err != nil || math.Abs(close/other-1) > .002 {
					differ = append(differ, b.Session)
				}
			}
			if compared < 5000 || !slices.Equal(differ, c.differ) {
				t.Errorf("%d closes compared; %d differ: %v", compared, len(differ), differ[:min(len(differ), 30)])
			}
		})
	}
}

// yahooCloses reads the closes of a file with three header lines, by date.
func yahooCloses(t *testing.T, name string) map[string]float64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	closes, at := map[string]float64{}, slices.Index(records[0], "Close")
	for _, record := range records {
		if close, err := strconv.ParseFloat(record[at], 64); err == nil {
			closes[record[0][:10]] = close
		}
	}
	return closes
}
