package file

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// TestRealFiles reads every real price file: each row under the header is a bar, and the first and the last are what
// the file says (read with head and tail).
func TestRealFiles(t *testing.T) {
	t.Parallel()
	data := testenv.RealData.Value(t)
	type pin struct {
		header      int // lines above the rows
		basis       etf.Basis
		first, last etf.Bar
		actions     int
	}
	pins := map[string]pin{
		"yahoo/SPY.csv":        {4, etf.SplitAdjusted, bar("1993-01-29", "43.96875", "43.96875", "43.75", "43.9375", "24.313", "1003200"), bar("2025-09-26", "659.51", "662.37", "657.88", "661.82", "661.82", "69142300"), 0},
		"yahoo/QQQ.csv":        {4, etf.SplitAdjusted, bar("1999-03-10", "51.125", "51.15625", "50.28125", "51.0625", "43.1842", "5232000"), bar("2025-09-26", "594.35", "596.3", "591.06", "595.97", "595.97", "54318500"), 0},
		"yahoo/IWM.csv":        {4, etf.SplitAdjusted, bar("2000-05-26", "45.53125", "45.71875", "45.3125", "45.71875", "32.836", "74800"), bar("2025-09-26", "239.62", "241.68", "239.33", "241.34", "241.34", "28932100"), 0},
		"yahoo/EEM.csv":        {4, etf.SplitAdjusted, bar("2003-04-14", "11.1444", "11.2222", "11.1444", "11.2222", "7.3403", "93600"), bar("2025-09-26", "52.44", "52.71", "52.35", "52.71", "52.71", "22608400"), 0},
		"alphavantage/SPY.csv": {1, etf.AsTraded, bar("1999-11-01", "136.5", "137", "135.5625", "135.5625", "", "4006500"), bar("2024-11-08", "596.17", "599.64", "596.165", "598.19", "", "46444893"), 0},
		"alphavantage/QQQ.csv": {1, etf.AsTraded, bar("1999-11-01", "131.5", "133.1", "130.6", "130.8", "", "4840900"), bar("2024-11-08", "513.035", "514.9175", "512.41", "514.14", "", "22924483"), 0},
		"alphavantage/IWM.csv": {1, etf.AsTraded, bar("2000-05-26", "91.06", "91.44", "90.63", "91.44", "", "37400"), bar("2024-11-08", "235.93", "238.465", "235.65", "238.12", "", "26597830"), 0},
		"alphavantage/IJH.csv": {1, etf.AsTraded, bar("2000-05-26", "91.38", "91.38", "91.38", "91.38", "", "20000"), bar("2024-11-08", "65.67", "66.05", "65.47", "65.93", "", "9127331"), 0},
		"alphavantage/XLF.csv": {1, etf.AsTraded, bar("1999-11-01", "25.5", "25.67", "25.19", "25.25", "", "374100"), bar("2024-11-08", "49.1", "49.4662", "48.85", "49.19", "", "60376533"), 0},
		"krx/069500_D.csv":     {1, etf.BasisUnknown, bar("2002-10-14", "5402", "5541", "5257", "5368", "", "3720670"), bar("2023-12-22", "35265", "35335", "35050", "35050", "", "3155432"), 0},
		"krx/114800_D.csv":     {1, etf.BasisUnknown, bar("2009-09-16", "9930", "9930", "9635", "9710", "", "364432"), bar("2023-12-22", "4370", "4400", "4360", "4395", "", "8621222"), 0},
		"krx/139230_D.csv":     {1, etf.BasisUnknown, bar("2011-04-06", "7371", "7614", "7348", "7614", "", "21466"), bar("2023-12-22", "3450", "3450", "3410", "3430", "", "381519"), 0},
		"krx/152380_D.csv":     {1, etf.BasisUnknown, bar("2012-01-20", "50040", "50040", "49960", "49960", "", "3276"), bar("2023-12-22", "66135", "66235", "65880", "66055", "", "67961"), 0},
		"krx/161510_D.csv":     {1, etf.BasisUnknown, bar("2012-08-29", "6901", "6901", "6849", "6849", "", "43218"), bar("2023-12-28", "12240", "12360", "12205", "12355", "", "145614"), 0},
		"krx_nav/0000J0.csv":   {1, etf.AsTraded, bar("2025-01-02", "10540", "10880", "10540", "10860", "", "83993"), bar("2026-04-24", "40900", "41895", "40900", "41820", "", "267279"), 0},
		"krx_nav/069500.csv":   {1, etf.AsTraded, bar("2025-01-02", "31930", "32095", "31740", "31990", "", "5735290"), bar("2026-04-24", "98695", "99030", "96910", "98000", "", "16267003"), 0},
		"krx_nav/253150.csv":   {1, etf.AsTraded, bar("2025-01-02", "25500", "25595", "25280", "25305", "", "323"), bar("2026-04-24", "197500", "208495", "197500", "204345", "", "2701"), 0},
		// Newest first in the file. 4063.T split 5:1 on 2023-03-30 and paid once.
		"defects/4063-T-1d-bad-stock-split.csv":           {1, etf.SplitAdjusted, bar("2023-03-15", "20170", "20250", "20015", "20205", "19940.79", "1224400"), bar("2023-04-14", "4126", "4130", "4055", "4129", "4129", "7459400"), 2},
		"defects/4063-T-1d-bad-stock-split-fixed.csv":     {1, etf.SplitAdjusted, bar("2023-03-15", "4034", "4050", "4003", "4041", "3988.1578125", "6122000"), bar("2023-04-14", "4126", "4130", "4055", "4129", "4129", "7459400"), 2},
		"defects/8TRA-DE-1d-missing-div-adjust.csv":       {1, etf.SplitAdjusted, bar("2023-05-30", "19.59", "19.8", "19.27", "19.35", "19.35", "196309"), bar("2023-06-06", "18.91", "18.95", "18.51", "18.66", "18.66", "104352"), 1},
		"defects/8TRA-DE-1d-missing-div-adjust-fixed.csv": {1, etf.SplitAdjusted, bar("2023-05-30", "19.59", "19.8", "19.27", "19.35", "18.6291", "196309"), bar("2023-06-06", "18.91", "18.95", "18.51", "18.66", "18.66", "104352"), 1},
		"defects/AET-L-1d-100x-error.csv":                 {1, etf.SplitAdjusted, bar("2022-05-03", "0.1455", "0.1455", "0.1455", "0.1455", "0.1455", "0"), bar("2022-06-06", "0.1455", "0.1455", "0.1455", "0.1455", "0.1455", "0"), 0},
		"defects/AET-L-1d-100x-error-fixed.csv":           {1, etf.SplitAdjusted, bar("2022-05-03", "14.55", "14.55", "14.55", "14.55", "14.55", "0"), bar("2022-06-06", "14.55", "14.55", "14.55", "14.55", "14.55", "0"), 0},
		"defects/DODFX-1d-cg-double-count.csv":            {1, etf.SplitAdjusted, bar("2024-01-10", "12.1475", "12.1475", "12.1475", "12.1475", "11.0047", "0"), bar("2026-01-09", "16.81", "16.81", "16.81", "16.81", "16.81", "0"), 4},
		"defects/DODFX-1d-cg-double-count-fixed.csv":      {1, etf.SplitAdjusted, bar("2024-01-10", "12.1475", "12.1475", "12.1475", "12.1475", "11.2977", "0"), bar("2026-01-09", "16.81", "16.81", "16.81", "16.81", "16.81", "0"), 4},
		"defects/EWG-1d-no-bad-divs.csv":                  {1, etf.SplitAdjusted, bar("2022-01-03", "33.12", "33.19", "33", "33.16", "30.5764", "1763100"), bar("2024-08-21", "31.9", "32.08", "31.83", "32.04", "32.04", "400700"), 5},
		"defects/SOXS-1d-bad-level-shift.csv":             {1, etf.SplitAdjusted, bar("2026-05-11", "1297.5", "1315.5", "1222.5", "1230", "1200.832", "2004827"), bar("2026-06-05", "58.6", "68.5", "57.9", "68.4", "66.778", "97269150"), 0},
	}
	dir := filepath.Join(data, "prices")
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*.csv"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no price files under %s (%v)", dir, err)
	}
	s, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	asOf := time.Date(2026, 8, 31, 0, 0, 0, 0, time.UTC)
	for _, path := range paths {
		name, _ := filepath.Rel(dir, path)
		t.Run(name, func(t *testing.T) {
			exchange := etf.XNYS
			if strings.HasPrefix(name, "krx") {
				exchange = etf.XKRX
			}
			q := etf.Query{Symbol: "X", Ref: name, Exchange: exchange, AsOf: asOf}
			got, err := s.Fetch(context.Background(), q)
			if name == "defects/krx-mislabelled-069500.csv" {
				want := "defects/krx-mislabelled-069500.csv:2: the header Date,close,open,high,low,change,volume does not fit"
				if etf.KindOf(err) != etf.KindCorrupt || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "they fit date,close,-,open,high,low,volume") {
					t.Fatalf("error %v; want one of KindCorrupt that begins with %q", err, want)
				}
				q.Ref += "?columns=date,close,-,open,high,low,volume"
				got, err = s.Fetch(context.Background(), q)
				if err != nil || len(got.Bars) != 2269 { // wc -l: 2270
					t.Fatalf("with the columns named: %d bars, %v; want 2269", len(got.Bars), err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, ok := pins[name]
			if !ok {
				t.Fatalf("this file has no expected first and last bar; it gives %v and %v", got.Bars[0], got.Bars[len(got.Bars)-1])
			}
			if rows := bytes.Count(got.Raw, []byte("\n")) - want.header; len(got.Bars) != rows || len(got.Defects) != 0 {
				t.Errorf("%d bars and defects %v of %d rows", len(got.Bars), got.Defects, rows)
			}
			if first, last := got.Bars[0], got.Bars[len(got.Bars)-1]; first != want.first || last != want.last {
				t.Errorf("from %v to %v; want %v to %v", first, last, want.first, want.last)
			}
			if got.Basis != want.basis || len(got.Actions) != want.actions {
				t.Errorf("basis %s, actions %v; want %s, %d", got.Basis, got.Actions, want.basis, want.actions)
			}
			if navs := len(got.Bars); strings.HasPrefix(name, "krx_nav") {
				if len(got.NAVs) != navs || got.NAVs[0].Session != got.Bars[0].Session || got.NAVs[0].NAV <= 0 || got.NAVs[0].Shares.Known() {
					t.Errorf("%d NAVs from %v; want one of each of the %d bars", len(got.NAVs), got.NAVs[:1], navs)
				}
			}
			for i, b := range got.Bars[1:] {
				if b.Session <= got.Bars[i].Session {
					t.Fatalf("%s after %s", b.Session, got.Bars[i].Session)
				}
			}
		})
	}
}

// Two providers, one ETF that never split: the closes of the two files agree, as they would not if a column or a date of
// either were misread. None of the 6,297 closes differs by more than 0.2%.
func TestRealFilesAgree(t *testing.T) {
	t.Parallel()
	data := testenv.RealData.Value(t)
	s, err := New(Options{Dir: filepath.Join(data, "prices")})
	if err != nil {
		t.Fatal(err)
	}
	closes := map[etf.Session]etf.Bar{}
	for _, ref := range []string{"yahoo/SPY.csv", "alphavantage/SPY.csv"} {
		a, err := s.Fetch(context.Background(), etf.Query{Symbol: "SPY", Ref: ref, Exchange: etf.XNYS, AsOf: time.Date(2026, 8, 31, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		if len(closes) == 0 {
			for _, b := range a.Bars {
				closes[b.Session] = b
			}
			continue
		}
		compared := 0
		for _, b := range a.Bars {
			other, ok := closes[b.Session]
			if !ok {
				continue
			}
			compared++
			if r := b.Close.Float() / other.Close.Float(); r < .998 || r > 1.002 {
				t.Errorf("%s: close %s and %s", b.Session, b.Close, other.Close)
			}
		}
		if compared != 6297 {
			t.Errorf("%d sessions are in both files, want 6297", compared)
		}
	}
}

// Swapping any two of the price and volume columns of a real file is detected, and the columns suggested instead are
// the right ones. Files with few rows, or with four equal prices in each row, don't show it.
func TestRealFilesWithColumnsSwapped(t *testing.T) {
	t.Parallel()
	data := testenv.RealData.Value(t)
	paths, err := filepath.Glob(filepath.Join(data, "prices", "*", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		right, err := parse(filepath.Base(path), body, options{})
		if err != nil || len(right.bars) < swapRows || strings.Contains(path, "DODFX") { // DODFX: one price a day
			continue
		}
		names := make([]string, right.columns.count)
		for i := range names {
			names[i] = "-"
		}
		var at []int
		for r := date; r < ticker; r++ {
			if i := right.columns.at[r]; i >= 0 {
				names[i] = roleNames[r]
				if r >= open && r <= volume {
					at = append(at, i)
				}
			}
		}
		for i, a := range at {
			for _, b := range at[:i] {
				wrong := slices.Clone(names)
				wrong[a], wrong[b] = wrong[b], wrong[a]
				opt, err := parseOptions(map[string]string{"columns": strings.Join(wrong, ",")})
				if err != nil {
					t.Fatal(err)
				}
				tried++
				_, err = parse(filepath.Base(path), body, opt)
				if etf.KindOf(err) != etf.KindCorrupt {
					t.Errorf("%s with %s and %s swapped: error %v", path, names[a], names[b], err)
					continue
				}
				_, suggested, _ := strings.Cut(err.Error(), "they fit ")
				suggested, _, _ = strings.Cut(suggested, ";")
				columns := strings.Split(suggested, ",")
				if len(columns) != len(names) {
					t.Errorf("%s with %s and %s swapped: no columns are suggested: %v", path, names[a], names[b], err)
					continue
				}
				for k, name := range columns {
					if r, _ := roleNamed(names[k]); r >= open && r <= closing && name != names[k] {
						t.Errorf("%s with %s and %s swapped: %s is suggested, want %s", path, names[a], names[b], suggested, strings.Join(names, ","))
						break
					}
				}
			}
		}
	}
	if tried < 190 { // 13 files with 10 pairs, 5 with 15
		t.Errorf("only %d pairs tried", tried)
	}
}
