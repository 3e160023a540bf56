package yahoo

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// realData returns a file under ETFCAST_REAL_DATA, or skips the test.
func realData(t *testing.T, path ...string) []byte {
	t.Helper()
	dir := testenv.RealData.Value(t)
	b, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func recorded(t *testing.T, name string) string {
	return string(realData(t, "recorded", "yahoo", name))
}

// A real response of February 2026. The prices are the cents nearest to its float32 texts, the dates those of its
// timestamps in New York (2026-02-16 was Presidents' Day).
func TestRecordedSPY(t *testing.T) {
	t.Parallel()
	s := serve(t, recorded(t, "chart_SPY_ETF_5d_2026-02.json"))
	got := fetch(t, s, spyQuery("", "", "2026-02-21T12:00:00Z"))
	wantDefects(t, got)
	var closes []string
	for _, b := range got.Bars {
		closes = append(closes, b.Session.String()+" "+b.Close.String())
	}
	want := "2026-02-13 681.75, 2026-02-17 682.85, 2026-02-18 686.29, 2026-02-19 684.48, 2026-02-20 689.43"
	if strings.Join(closes, ", ") != want || got.Currency != "USD" {
		t.Errorf("closes %s in %s, want %s", strings.Join(closes, ", "), got.Currency, want)
	}
	// The last row was recorded after the close: at 21:14Z it is not settled yet, at 21:15Z it is.
	for asOf, n := range map[string]int{"2026-02-20T20:59:00Z": 4, "2026-02-20T21:14:59Z": 4, "2026-02-20T21:15:00Z": 5} {
		if got := fetch(t, s, spyQuery("", "", asOf)); len(got.Bars) != n {
			t.Errorf("as of %s: %d bars, want %d", asOf, len(got.Bars), n)
		}
	}
}

func TestRecordedStocksAreRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, ticker, text string
	}{
		{"chart_AAPL_1d_2025-02_openbb.json", "AAPL", "EQUITY"},
		{"chart_ALL.AX_2022.json", "ALL.AX", "Australia/Sydney"},
		{"chart_MUV2.DE_2025.json", "MUV2.DE", "Europe/Berlin"},
	} {
		q := spyQuery("", "", "2026-02-21T12:00:00Z")
		q.Ref = c.ticker
		_, err := serve(t, recorded(t, c.file)).Fetch(t.Context(), q)
		if etf.KindOf(err) != etf.KindInvalid || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}

// recordedRows reads a recorded response's rows in its own time zone, whatever the exchange.
func recordedRows(t *testing.T, name string) ([]row, []etf.Defect, meta) {
	t.Helper()
	e, err := decode([]byte(recorded(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.only()
	if err != nil {
		t.Fatal(err)
	}
	table, err := c.columns()
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation(c.Meta.ExchangeTimezoneName)
	if err != nil {
		t.Fatal(err)
	}
	rows, defects := table.rows(zone)
	return rows, defects, c.Meta
}

// Sydney opens at 10:00, in summer 23:00Z on the day before, so a UTC date would be one day early. The last row was live
// when recorded: it is stamped with the last trade, 2022-01-13 16:10:07 in Sydney, before Yahoo's end of the session.
func TestRecordedSydney(t *testing.T) {
	t.Parallel()
	rows, defects, m := recordedRows(t, "chart_ALL.AX_2022.json")
	if len(rows) != 64 || len(defects) != 0 {
		t.Fatalf("%d rows, defects %v", len(rows), defects)
	}
	for i, want := range map[int]string{0: "2021-10-13", 62: "2022-01-12", 63: "2022-01-13"} {
		if rows[i].session.String() != want {
			t.Errorf("row %d has session %s, want %s", i, rows[i].session, want)
		}
	}
	stamp, _ := cell("1642050607").whole()
	if end, ok := m.CurrentTradingPeriod.Regular.End.whole(); !ok || stamp >= end {
		t.Errorf("the last row is stamped %d, the session ends at %d: it was not live", stamp, end)
	}
	if b := rows[63].bar; denoise(b.Close, 1, 1) != etf.MustPrice("44.05") {
		t.Errorf("close %s, want 44.05", b.Close)
	}
}

// The same winter of MUV2.DE twice. The timestamps on both sides of the daylight saving change must fall on weekdays in
// Berlin.
func TestRecordedBerlin(t *testing.T) {
	t.Parallel()
	rows, defects, _ := recordedRows(t, "chart_MUV2.DE_2025.json")
	if len(rows) != 124 || len(defects) != 0 {
		t.Fatalf("%d rows, defects %v", len(rows), defects)
	}
	seen := map[etf.Session]bool{}
	for _, r := range rows {
		if d := r.session.Weekday(); d == time.Saturday || d == time.Sunday || seen[r.session] || !r.priced {
			t.Errorf("%s: %s, repeated %v, %s", r.session, d, seen[r.session], r.reason)
		}
		seen[r.session] = true
	}
	if first, last := rows[0].session.String(), rows[123].session.String(); first != "2017-11-27" || last != "2018-05-25" {
		t.Errorf("from %s to %s", first, last)
	}

	// The recording of 2020 was reduced to closes: it is rejected by column, not read as rows without prices.
	e, err := decode([]byte(recorded(t, "chart_MUV2.DE_6mo_2020.json")))
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.only()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.columns(); etf.KindOf(err) != etf.KindCorrupt || !strings.Contains(err.Error(), "quote[0].open") {
		t.Errorf("closes only: %v", err)
	}
	nulls := 0
	for i, v := range c.Indicators.Quote[0].Close {
		if v.null() {
			nulls++
			if s, _ := sessionOf(c.Timestamp[i], time.UTC); s.String() != "2017-12-19" {
				t.Errorf("null close on %s", s)
			}
		}
	}
	if nulls != 1 {
		t.Errorf("%d null closes, want 1", nulls)
	}
}

// history wraps a real Yahoo export, whose cells are the same texts as in a chart, into a response with its splits.
func history(t *testing.T, symbol string, splits ...[3]string) string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(string(realData(t, "prices", "yahoo", symbol+".csv"))))
	r.FieldsPerRecord = -1
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	opens := func(day string) string {
		at, err := cal.Open(etf.MustSession(day))
		if err != nil {
			t.Fatal(err)
		}
		return at.Format(time.RFC3339)
	}
	a := spy()
	a.meta["symbol"], a.meta["firstTradeDate"] = symbol, nil
	for _, l := range lines {
		if l[0] == "" || l[0][0] < '1' || l[0][0] > '2' {
			continue // header
		}
		// Adj Close, Close, High, Low, Open, Volume: the header calls the adjusted close "Price".
		a.row(opens(l[0][:10]), l[5], l[3], l[4], l[2], l[6])
		a.adj[len(a.adj)-1] = l[1]
	}
	for _, s := range splits {
		a.split(opens(s[0]), s[1], s[2])
	}
	return a.json()
}

// Four real histories through the adapter. Since 2001-04-09 prices are in cents, and every one of them must come out in
// cents, through up to two 3:1 splits. Before that, the finest tick is a sixty-fourth.
func TestRealHistoriesComeOutInTicks(t *testing.T) {
	t.Parallel()
	cents := etf.MustSession("2001-04-09")
	for symbol, splits := range map[string][][3]string{
		"SPY": nil,
		"QQQ": {{"2000-03-20", "2", "1"}},
		"IWM": {{"2005-06-09", "2", "1"}},
		"EEM": {{"2005-06-09", "3", "1"}, {"2008-07-24", "3", "1"}},
	} {
		t.Run(symbol, func(t *testing.T) {
			q := spyQuery("", "", "2025-09-27T12:00:00Z")
			q.Symbol = etf.Symbol(symbol)
			got := fetch(t, serve(t, history(t, symbol, splits...)), q)
			wantDefects(t, got)
			if len(got.Splits) != len(splits) || len(got.Bars) < 5000 {
				t.Fatalf("%d bars, splits undone %v", len(got.Bars), got.Splits)
			}
			off, prices := 0, 0
			for _, b := range got.Bars {
				for _, p := range []etf.Price{b.Open, b.High, b.Low, b.Close} {
					prices++
					inCents, inTicks := p%1_000_000 == 0, p%(100_000_000/64) == 0
					if !inCents && (b.Session >= cents || !inTicks) {
						off++
						if off <= 5 {
							t.Logf("%s: %s", b.Session, p)
						}
					}
				}
			}
			t.Logf("%s: %d bars, %d of %d prices between ticks", symbol, len(got.Bars), off, prices)
			if off > 0 {
				t.Errorf("%d prices are not a multiple of a tick", off)
			}
		})
	}
}

// The closes agree with another provider's, which are as traded already. That provider rounds to one decimal until 2001
// and has a few odd days: at most five per ETF since 2009, and under 4 in 1,000 overall (20 of 6,153 for IWM,
// measured).
func TestRealHistoriesAgreeWithAsTradedOnes(t *testing.T) {
	t.Parallel()
	for symbol, splits := range map[string][][3]string{
		"SPY": nil, "QQQ": {{"2000-03-20", "2", "1"}}, "IWM": {{"2005-06-09", "2", "1"}},
	} {
		t.Run(symbol, func(t *testing.T) {
			traded := map[string]float64{}
			lines, err := csv.NewReader(strings.NewReader(string(realData(t, "prices", "alphavantage", symbol+".csv")))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines[1:] {
				traded[l[0]], _ = strconv.ParseFloat(l[4], 64)
			}
			q := spyQuery("", "", "2025-09-27T12:00:00Z")
			q.Symbol = etf.Symbol(symbol)
			got := fetch(t, serve(t, history(t, symbol, splits...)), q)
			common, before, odd, since2009 := 0, 0, 0, 0
			for _, b := range got.Bars {
				want, ok := traded[b.Session.String()]
				if !ok {
					continue
				}
				common++
				if len(splits) > 0 && b.Session.String() < splits[0][0] {
					before++
				}
				if d := math.Abs(b.Close.Float() - want); d > 0.05001 && d > 0.002*want {
					odd++
					if b.Session >= etf.MustSession("2009-01-01") {
						since2009++
					}
					t.Logf("%s: close %s, the other provider's %v", b.Session, b.Close, want)
				}
			}
			t.Logf("%s: %d closes in common, %d before the split, %d odd", symbol, common, before, odd)
			if common < 6000 || (len(splits) > 0 && before < 90) || 1000*odd > 4*common || since2009 > 5 {
				t.Errorf("%d closes in common, %d before the split, %d odd, %d of them since 2009", common, before, odd, since2009)
			}
		})
	}
}
