package file

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/unicode"

	"github.com/etfcast/etfcast/etf"
)

// file writes days with a header and one row each.
func csvOf(header string, list []day, row func(i int, d day) string) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i, d := range list {
		b.WriteString(row(i, d) + "\n")
	}
	return b.String()
}

const englishHeader = "Date,Open,High,Low,Close,Volume"

// plainRow writes a row with its date in a layout of package time.
func plainRow(layout string) func(i int, d day) string {
	return func(_ int, d day) string {
		return strings.Join([]string{d.date.Format(layout), us(d.o), us(d.h), us(d.l), us(d.c), fmt.Sprint(d.volume)}, ",")
	}
}

// commaRow writes prices with three decimals and a comma as the decimal sign.
func commaRow(separator, volume string) func(i int, d day) string {
	return func(_ int, d day) string {
		e := func(f float64) string { return fmt.Sprintf("%d,%03d", int(f), 125*(int(f*100)%7+1)) }
		hi := func(f float64) string { return fmt.Sprintf("%d,%03d", int(f)+2, 125) }
		lo := func(f float64) string { return fmt.Sprintf("%d,%03d", int(f)-2, 875) }
		return strings.Join([]string{d.date.Format(time.DateOnly), e(d.o), hi(max(d.o, d.c)), lo(min(d.o, d.c)), e(d.c), volume}, separator)
	}
}

// What the column does not show is refused, with the option that decides; with the option, the file is read.
func TestAmbiguousFiles(t *testing.T) {
	t.Parallel()
	list := days(t, etf.XNYS, "2025-04-03", 40, 98)
	korean1 := days(t, etf.XKRX, "2025-03-31", 60, 30_000)
	// The first twelve days of months, some rows of each: no order makes them consecutive sessions or rules the other out.
	var early []day
	for _, d := range days(t, etf.XNYS, "2024-01-02", 250, 98) {
		if d.date.Day() <= 12 {
			early = append(early, d)
		}
	}
	half := func(first, second func(i int, d day) string) func(i int, d day) string {
		return func(i int, d day) string {
			if i < len(list)/2 {
				return first(i, d)
			}
			return second(i, d)
		}
	}
	seoul := func(_ int, d day) string {
		return strings.Join([]string{d.date.Add(-9 * time.Hour).Format("2006-01-02 15:04:05-07:00"), us(d.o), us(d.h), us(d.l), us(d.c), "1"}, ",")
	}
	for _, c := range []struct {
		name, body string
		exchange   etf.Exchange
		says       []string
		remedy     string
		ref        string // decides it; "" for nothing
		first      string // session of the first bar then
		close      string
	}{
		{name: "three decimals behind a comma, tabs", body: csvOf("Date\tOpen\tHigh\tLow\tClose\tVolume", list, commaRow("\t", "1000000")),
			says: []string{`could be 98.`, `or 98`}, remedy: "decimal=.", ref: "decimal=,", first: "2025-04-03"},
		{name: "three decimals behind a comma, semicolons", body: csvOf("Date;Open;High;Low;Close;Volume", list, commaRow(";", "1000000")),
			says: []string{`could be 98.`}, remedy: "decimal=,", ref: "decimal=,", first: "2025-04-03"},
		{name: "three decimals behind a comma, vertical bars", body: csvOf("Date|Open|High|Low|Close|Volume", list, commaRow("|", "")),
			says: []string{`could be 98.`}, remedy: "decimal=,", ref: "decimal=.", first: "2025-04-03"},
		{name: "three decimals behind a comma, quoted", body: csvOf(englishHeader, list, func(i int, d day) string {
			return `"` + commaRow(`","`, "1000000")(i, d) + `"`
		}), says: []string{`could be 98.`}, remedy: "decimal=,", ref: "decimal=,", first: "2025-04-03"},
		{name: "three places behind a point in a German file", body: strings.ReplaceAll(csvOf("Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", list, commaRow(";", "1000000")), ",", "."),
			says: []string{`could be 98.`, "or 98"}, remedy: "decimal=.", ref: "decimal=.", first: "2025-04-03"},
		{name: "points and commas", body: csvOf("Date;Open;High;Low;Close;Volume", list, half(func(i int, d day) string {
			return strings.ReplaceAll(plainRow(time.DateOnly)(i, d), ",", ";")
		}, func(i int, d day) string {
			return strings.ReplaceAll(strings.ReplaceAll(plainRow(time.DateOnly)(i, d), ",", ";"), ".", ",")
		})), says: []string{"decimal points", "decimal commas"}, remedy: "write all prices in one way"},
		{name: "one date", body: csvOf(englishHeader, days(t, etf.XNYS, "2025-06-05", 1, 98), plainRow("01/02/2006")),
			says: []string{"column Date", `"06/05/2025" could be 2025-05-06 or 2025-06-05`}, remedy: "dates=mdy (month first)", ref: "dates=mdy", first: "2025-06-05"},
		{name: "two days", body: csvOf(englishHeader, days(t, etf.XNYS, "2025-06-05", 2, 98), plainRow("02.01.2006")),
			says: []string{`"05.06.2025" could be`}, remedy: "dates=dmy (day first)", ref: "dates=dmy", first: "2025-06-05"},
		{name: "the first days of months", body: csvOf(englishHeader, early, plainRow("02/01/2006")),
			says: []string{"could be"}, remedy: "dates=dmy", ref: "dates=dmy", first: "2024-01-02"},
		{name: "day first, then month first", body: csvOf(englishHeader, list, half(plainRow("02/01/2006"), plainRow("01/02/2006"))),
			says: []string{"have the day first and others the month"}, remedy: "YYYY-MM-DD"},
		{name: "month first, and the newest rows day first", body: csvOf(englishHeader, append(slices.Clone(days(t, etf.XNYS, "2025-06-02", 20, 98)), days(t, etf.XNYS, "2025-07-01", 7, 98)...), func(i int, d day) string {
			if i >= 20 {
				return plainRow("02/01/2006")(i, d)
			}
			return plainRow("01/02/2006")(i, d)
		}), says: []string{"most dates have the month first", "2025-01-07, which is out of place", "only with the day first"}, remedy: "YYYY-MM-DD"},
		{name: "several ways to write a date", body: csvOf(englishHeader, list, half(plainRow("2006-01-02"), plainRow("01/02/2006"))),
			says: []string{"written in several ways", `"2025-04-03"`}, remedy: "one way"},
		{name: "Excel days of Tuesdays", body: csvOf(englishHeader, []day{days(t, etf.XNYS, "2019-06-04", 1, 98)[0], days(t, etf.XNYS, "2019-06-11", 1, 98)[0]}, func(i int, d day) string {
			return fmt.Sprint(int(d.date.Unix()/86400)+25569) + plainRow("")(i, d)
		}), says: []string{"day number of a spreadsheet", "2019-06-04 or 2023-06-05"}, remedy: "dates=excel1904", ref: "dates=excel1900", first: "2019-06-04"},
		{name: "stamps in UTC", exchange: etf.XKRX, body: csvOf(englishHeader, korean1, seoul),
			says: []string{"column Date", "not in the time zone of the exchange", "2025-03-30 15:00 UTC is 2025-03-31 00:00 in Asia/Seoul"}, remedy: "zone=exchange", ref: "zone=exchange", first: "2025-03-31"},
		{name: "stamps in UTC, three rows", exchange: etf.XKRX, body: csvOf(englishHeader, korean1[1:4], seoul), says: []string{"not in the time zone"}, remedy: "zone=exchange", ref: "zone=exchange", first: "2025-04-01"},
		{name: "stamps in UTC without a zone", exchange: etf.XKRX, body: strings.ReplaceAll(csvOf(englishHeader, korean1, seoul), "+00:00", ""), says: []string{"not in the time zone"}, remedy: "zone=exchange", ref: "zone=exchange", first: "2025-03-31"},
		{name: "closes of New York as seen in Seoul", body: csvOf(englishHeader, list, func(_ int, d day) string {
			return strings.Join([]string{d.date.Add(29*time.Hour).Format("2006-01-02 15:04:05") + "+09:00", us(d.o), us(d.h), us(d.l), us(d.c), "1"}, ",")
		}), says: []string{"not in the time zone"}, remedy: "zone=exchange", ref: "zone=exchange", first: "2025-04-03"},
		{name: "all that is wrong at once", body: csvOf("Date\tOpen\tHigh\tLow\tClose\tVolume", early, func(i int, d day) string {
			return strings.Replace(commaRow("\t", "1000000")(i, d), d.date.Format(time.DateOnly), d.date.Format("02/01/2006"), 1)
		}), says: []string{"column Date", "could be 98."}, remedy: "decimal=,", ref: "dates=dmy&decimal=,", first: "2024-01-02"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.exchange == "" {
				c.exchange = etf.XNYS
			}
			q := etf.Query{Symbol: "SPY", Exchange: c.exchange, AsOf: sunday}
			_, err := Parse("x.csv", []byte(c.body), time.Time{}, q)
			if etf.KindOf(err) != etf.KindCorrupt {
				t.Fatalf("error %v, want one of KindCorrupt", err)
			}
			for _, says := range append(c.says, c.remedy) {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("error %q lacks %q", err, says)
				}
			}
			if c.ref == "" {
				return
			}
			q.Ref = "x.csv?" + c.ref
			got, err := Parse("x.csv", []byte(c.body), time.Time{}, q)
			if err != nil || len(got.Bars) == 0 || got.Bars[0].Session.String() != c.first || len(got.Defects) != 0 {
				t.Fatalf("with %s: %v, %v; want bars from %s", c.ref, got.Bars[:min(len(got.Bars), 1)], err, c.first)
			}
		})
	}
}

// What the column does show is not asked for.
func TestTheColumnDecides(t *testing.T) {
	t.Parallel()
	row := func(list []day, f func(i int, d day) string) string { return csvOf(englishHeader, list, f) }
	for name, c := range map[string]struct {
		body  string
		first string
	}{
		"consecutive sessions, month first":  {row(days(t, etf.XNYS, "2025-06-02", 8, 98), plainRow("01/02/2006")), "2025-06-02"},
		"consecutive sessions, day first":    {row(days(t, etf.XNYS, "2025-06-02", 8, 98), plainRow("2.1.2006")), "2025-06-02"},
		"consecutive sessions, newest first": {"date,open,high,low,close\n06/05/2025,2,3,1,2\n06/04/2025,2,3,1,2\n06/03/2025,2,3,1,2\n", "2025-06-03"},
		"the same day and month":             {"date,open,high,low,close\n06/06/2025,2,3,1,2\n", "2025-06-06"},
		"two-digit years, year first":        {row(days(t, etf.XNYS, "2025-06-10", 12, 98), plainRow("06.01.02")), "2025-06-10"},
		"a day above 12 in the last row":     {"date,open,high,low,close\n01/04/2024,2,3,1,2\n01/05/2024,2,3,1,2\n01/16/2024,2,3,1,2\n", "2024-01-04"},
	} {
		got, err := Parse("x.csv", []byte(c.body), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday})
		if err != nil || len(got.Bars) < 1 || got.Bars[0].Session.String() != c.first || len(got.Defects) > 0 {
			t.Errorf("%s: from %v, %v; want from %s", name, got.Bars, err, c.first)
		}
	}
	for name, c := range map[string]struct{ body, closes string }{
		"grouped and not":                      {"date;open;high;low;close\n2025-09-22;998;1,010;990;998\n2025-09-23;1,000;1,010;990;1,002\n", "998 1002"},
		"trailing zeros dropped":               {"date;open;high;low;close\n2025-09-22;98,125;99;97,5;98\n2025-09-23;98,125;99;97;98,375\n", "98 98.375"},
		"only some have decimals":              {"date;open;high;low;close\n2025-09-22;98,125;99;97;98\n2025-09-23;98,125;99;97;98,375\n", "98 98.375"},
		"a volume with separators":             {"date\topen\thigh\tlow\tclose\tvolume\n2025-09-22\t98,125\t99,125\t97,125\t98,250\t1,003\n", "98250"},
		"a European volume":                    {"date\topen\thigh\tlow\tclose\tvolume\n2025-09-22\t98,125\t99,125\t97,125\t98,250\t1.003.000\n", "98.25"},
		"a change in percent":                  {"date\topen\thigh\tlow\tclose\tchange\n2025-09-22\t98,125\t99,125\t97,125\t98,250\t-0,25%\n", "98.25"},
		"a leading zero":                       {"date\topen\thigh\tlow\tclose\n2025-09-22\t0,125\t0,225\t0,115\t0,125\n2025-09-23\t0,125\t0,225\t0,115\t0,126\n", "0.125 0.126"},
		"three places behind a point":          {"date,open,high,low,close\n2025-09-22,98.125,98.225,98.115,98.125\n", "98.125"},
		"a thousands separator among decimals": {"date;open;high;low;close\n2025-09-22;998,12;1.001,50;990,25;998,12\n2025-09-23;998,12;1.001,50;990,25;1.000,25\n", "998.12 1000.25"},
	} {
		got, err := Parse("x.csv", []byte(c.body), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday})
		var closes []string
		for _, b := range got.Bars {
			closes = append(closes, b.Close.String())
		}
		if err != nil || strings.Join(closes, " ") != c.closes {
			t.Errorf("%s: closes %v, %v; want %s", name, closes, err, c.closes)
		}
	}
}

// A number in another style than the file's is an error of reading, never a price.
func TestNumbersInAnotherStyle(t *testing.T) {
	t.Parallel()
	list := days(t, etf.XNYS, "2025-02-20", 60, 1234)
	comma := func(f float64) string { return group(f, 2, ".", ",") }
	for name, c := range map[string]struct {
		separator string
		write     func(float64) string
		odd       string
	}{
		"a point in a file of commas":                     {";", comma, "1,234.50"},
		"thousands in a file of commas":                   {";", func(f float64) string { return group(f, 2, "", ",") }, "1,234"},
		"a comma in a file of points":                     {";", us, "1.234,50"},
		"a decimal comma in a file of points":             {";", us, "1234,50"},
		"a comma before three digits in a file of points": {";", func(f float64) string { return us(f / 10) }, "123,456"},
		"a word":       {";", us, "x1234"},
		"a unit":       {";", us, "1.23K"},
		"a percentage": {";", us, "1.23%"},
	} {
		body := csvOf("Date;Open;High;Low;Close;Volume", list, func(i int, d day) string {
			cells := []string{d.date.Format(time.DateOnly), c.write(d.o), c.write(d.h), c.write(d.l), c.write(d.c), fmt.Sprint(d.volume)}
			if i == 30 {
				cells[4] = c.odd
			}
			return strings.Join(cells, c.separator)
		})
		got, err := Parse("x.csv", []byte(body), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday})
		if err != nil || len(got.Bars) != 59 || len(got.Defects) != 1 || got.Defects[0].Where != "x.csv:32" || !strings.Contains(got.Defects[0].Reason, "column close") || got.Defects[0].NoPrice {
			t.Errorf("%s: %d bars, defects %v, %v; want line 32 as an error of reading", name, len(got.Bars), got.Defects, err)
		}
	}
}

// Values beside the prices never cost the row, and a row without prices keeps its actions.
func TestBesideThePrices(t *testing.T) {
	t.Parallel()
	header := "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits,Capital Gains\n"
	good := "2025-09-22,10.25,12,9,11,11,100,0.0,0.0,0.0\n"
	for name, c := range map[string]struct {
		row, actions string
		adj, volume  string
		unread       string // the columns noted
		covers       int
	}{
		"infinite adjusted close": {row: "2025-09-23,10,12,9,11,-inf,100,0,0,0", volume: "100", unread: "adj_close", covers: 4},
		"adjusted close in words": {row: "2025-09-23,10,12,9,11,?,100,0,0,0", volume: "100", unread: "adj_close", covers: 4},
		"negative volume":         {row: "2025-09-23,10,12,9,11,11,-5,0,0,0", adj: "11", unread: "volume", covers: 4},
		"volume in words":         {row: "2025-09-23,10,12,9,11,11,many,0,0,0", adj: "11", unread: "volume", covers: 4},
		"dividend in words":       {row: "2025-09-23,10,12,9,11,11,100,yes,4:1,0", adj: "11", volume: "100", actions: "split 4:1", unread: "dividend", covers: 2},
		"infinite split":          {row: "2025-09-23,10,12,9,11,11,100,0.5,inf,0", adj: "11", volume: "100", actions: "dividend 0.5", unread: "split", covers: 3},
		"gain as a percentage":    {row: "2025-09-23,10,12,9,11,11,100,0.5,0,3%", adj: "11", volume: "100", actions: "dividend 0.5", unread: "capital_gain", covers: 3},
		"absurd dividend":         {row: "2025-09-23,10,12,9,11,11,100,2500,0,0", adj: "11", volume: "100", actions: "dividend 2500", covers: 4},
		"all of them missing":     {row: "2025-09-23,10,12,9,11,NaN,N/A,,,-", covers: 4},
		"all of them unreadable":  {row: "2025-09-23,10,12,9,11,x,x,x,x,x", unread: "adj_close volume dividend split capital_gain"},
		"a ratio and an amount":   {row: "2025-09-23,10,12,9,11,11,100,$0.25,1:190,0", adj: "11", volume: "100", actions: "split 1:190, dividend 0.25", covers: 4},
		"a volume with an M":      {row: "2025-09-23,10,12,9,11,11,1.5M,0,0,0", adj: "11", volume: "1500000", covers: 4},
	} {
		got, err := Parse("x.csv", []byte(header+good+c.row+"\n"), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday})
		if err != nil || len(got.Bars) != 2 {
			t.Errorf("%s: %d bars, %v; want both", name, len(got.Bars), err)
			continue
		}
		var unread []string
		for _, d := range got.Defects {
			column, _, _ := strings.Cut(strings.TrimPrefix(d.Reason, "column "), ":")
			unread = append(unread, column)
			if !d.Side || !d.NoPrice || d.Where != "x.csv:3" {
				t.Errorf("%s: defect %+v", name, d)
			}
		}
		adj := got.Bars[1].AdjClose.String()
		if c.adj == "" {
			c.adj = "0"
		}
		if a := describe(got.Actions); a != c.actions || strings.Join(unread, " ") != c.unread || adj != c.adj || got.Bars[1].Volume.String() != c.volume || len(got.Covers) != c.covers {
			t.Errorf("%s: actions %q, unread %q, adjusted close %s, volume %q, covers %v; want %+v", name, a, unread, adj, got.Bars[1].Volume, got.Covers, c)
		}
	}
	for name, c := range map[string]struct{ rows, actions string }{
		"split on an empty row":         {"2025-09-23,,,,,,,0.0,4.0,0.0\n", "split 4:1"},
		"dividend on an empty row":      {"2025-09-23,,,,,,,0.71,0.0,0.0\n2025-09-23,10,12,9,11,11,100,0.0,0.0,0.0\n", "dividend 0.71"},
		"the same on both":              {"2025-09-23,,,,,,,0.71,0.0,0.0\n2025-09-23,10,12,9,11,11,100,0.71,0.0,0.0\n", "dividend 0.71"},
		"one price of four":             {"2025-09-23,,,,11,,,0.71,0.0,0.2\n", "dividend 0.71, capital_gain 0.2"},
		"a row of words":                {"2025-09-23,4:1 Stock Splits,,,,,,,,\n", "split 4:1"},
		"a short row of words":          {"2025-09-23,0.2345 Dividend\n2025-09-23,1:10 Stock Split\n", "dividend 0.2345, split 1:10"},
		"a gain in words":               {"2025-09-23,0.33 Capital Gain\n", "capital_gain 0.33"},
		"a date that its comma divides": {"Sep 23, 2025, 1.66 Dividend\n", ""},
	} {
		got, err := Parse("x.csv", []byte(header+good+c.rows), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday})
		if err != nil || describe(got.Actions) != c.actions {
			t.Errorf("%s: %s, %v; want %s", name, describe(got.Actions), err, c.actions)
		}
	}
	page := "Date,Open,High,Low,Close*,Adj Close**,Volume\nSep 26, 2025,10,12,9,11,11,100\nSep 25, 2025, 1.66 Dividend\nSep 25, 2025,10,12,9,11,11,\nSep 24, 2025,2:1 Stock Splits,,,,,\n"
	got, err := Parse("x.csv", []byte(page), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday})
	if err != nil || len(got.Bars) != 2 || len(got.Defects) != 0 || describe(got.Actions) != "split 2:1, dividend 1.66" || got.Covers != nil {
		t.Errorf("a page without quotes: %d bars, defects %v, actions %s, covers %v, %v", len(got.Bars), got.Defects, describe(got.Actions), got.Covers, err)
	}
}

// A unit of the volume that nothing shows is no volume, and the note names the option.
func TestVolumeUnits(t *testing.T) {
	t.Parallel()
	list := days(t, etf.XNYS, "2025-06-02", 20, 98)
	for name, c := range map[string]struct {
		volume func(i int) string
		ref    string
		want   string // of the last row
		note   string
	}{
		"units of several sizes":   {volume: func(i int) string { return []string{"950.5K", "1.2M", "-"}[i%3] }, want: "1200000"},
		"millions without a unit":  {volume: func(i int) string { return fmt.Sprintf("%d.%d3", i%3+1, i%10) }, note: "volume=1000000"},
		"and the option":           {volume: func(i int) string { return fmt.Sprintf("%d.%d3", i%3+1, i%10) }, ref: "x?volume=1000000", want: "2930000"},
		"one number without":       {volume: func(i int) string { return []string{"1.2M", "123"}[i/19] }, note: "volume=1 "},
		"and the option for one":   {volume: func(i int) string { return []string{"1.2M", "123"}[i/19] }, ref: "x?volume=1", want: "123"},
		"numbers of a data frame":  {volume: func(i int) string { return fmt.Sprintf("%d.0", 69_142_300+i) }, want: "69142319"},
		"exponents":                {volume: func(int) string { return "1.12117471e+08" }, want: "112117471"},
		"split-adjusted fractions": {volume: func(i int) string { return fmt.Sprintf("%d.5", 69_142_300+i) }, want: "69142319.5"},
		"Korean":                   {volume: func(i int) string { return fmt.Sprintf("%d만", 12+i) }, want: "310000"},
	} {
		body := csvOf(englishHeader, list, func(i int, d day) string {
			return strings.Join([]string{d.date.Format(time.DateOnly), us(d.o), us(d.h), us(d.l), us(d.c), c.volume(i)}, ",")
		})
		got, err := Parse("x.csv", []byte(body), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday, Ref: c.ref})
		if err != nil || len(got.Bars) != 20 {
			t.Errorf("%s: %d bars, %v", name, len(got.Bars), err)
			continue
		}
		note := ""
		for _, d := range got.Defects {
			note += d.Reason
		}
		if v := got.Bars[19].Volume.String(); v != c.want || (note == "") != (c.note == "") || !strings.Contains(note, c.note) {
			t.Errorf("%s: volume %q, note %q; want %q, %q", name, v, note, c.want, c.note)
		}
	}
}

// Closes on another basis than the other prices are refused as that, wherever they are in the file, and no order of columns is suggested.
func TestClosesOnAnotherBasis(t *testing.T) {
	t.Parallel()
	list := days(t, etf.XNYS, "2023-01-03", 600, 98)
	random := rand.New(rand.NewPCG(7, 7))
	write := func(factor func(i int) float64, close bool) string {
		return csvOf(englishHeader, list, func(i int, d day) string {
			f := factor(i)
			g := f
			if close {
				f = 1
			} else {
				g = 1
			}
			return strings.Join([]string{d.date.Format(time.DateOnly), us(d.o * f), us(d.h * f), us(d.l * f), us(d.c * g), fmt.Sprint(d.volume)}, ",")
		})
	}
	slow := func(i int) float64 { return .94 + .06*float64(i/60)/10 }
	for name, c := range map[string]struct {
		body, ref string
		says      string
	}{
		"raw closes, others adjusted":              {write(func(int) float64 { return .93 }, false), "", "the closes are on another basis than open, high and low"},
		"adjusted closes, others raw":              {write(func(int) float64 { return .93 }, true), "", "the closes are on another basis than open, high and low"},
		"by a factor that changes":                 {write(slow, false), "", "the closes are on another basis"},
		"adjusted closes by a factor that does":    {write(slow, true), "", "below the low"},
		"only in the oldest twentieth":             {write(func(i int) float64 { return []float64{.95, 1}[min(i/30, 1)] }, false), "", "from line 2 to 31"},
		"adjusted closes in the oldest sixth":      {write(func(i int) float64 { return []float64{.97, 1}[min(i/100, 1)] }, true), "", "the closes are on another basis"},
		"by 1 %, within the range of many rows":    {write(func(int) float64 { return .99 }, true), "", "the closes are on another basis"},
		"with the columns named to hide it":        {write(func(int) float64 { return .93 }, false), "x?columns=date,open,close,low,high,volume", "closes, which columns= calls high, are on another basis"},
		"named without a header":                   {strings.TrimPrefix(write(func(int) float64 { return .93 }, false), englishHeader+"\n"), "x?columns=date,open,close,low,high,volume", "on another basis"},
		"the older part, columns named to hide it": {write(func(i int) float64 { return []float64{.93, 1}[min(i/300, 1)] }, false), "x?columns=date,open,close,low,high,volume", "on another basis"},
	} {
		_, err := Parse("x.csv", []byte(c.body), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday, Ref: c.ref})
		if etf.KindOf(err) != etf.KindCorrupt || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "they fit") || strings.Contains(err.Error(), "put columns=") {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
	for name, body := range map[string]string{
		"one basis": write(func(int) float64 { return 1 }, false),
		"single bad closes": write(func(i int) float64 {
			if random.IntN(20) == 0 {
				return 1.3
			}
			return 1
		}, true),
		"closes at the high for weeks": csvOf(englishHeader, list, func(i int, d day) string {
			return strings.Join([]string{d.date.Format(time.DateOnly), us(d.o), us(max(d.o, d.c)), us(d.l), us(d.c), "1"}, ",")
		}),
		"one price a day": csvOf(englishHeader, list, func(i int, d day) string {
			return strings.Join([]string{d.date.Format(time.DateOnly), us(d.c), us(d.c), us(d.c), us(d.c), "1"}, ",")
		}),
		"opens missing in the older half": csvOf(englishHeader, list, func(i int, d day) string {
			if i < 300 {
				d.o = 0
			}
			return plainRow(time.DateOnly)(i, d)
		}),
		"opens left empty in the older half": csvOf(englishHeader, list, func(i int, d day) string {
			row := plainRow(time.DateOnly)(i, d)
			if i < 300 {
				cells := strings.Split(row, ",")
				cells[1] = []string{"", "-", "NaN"}[i%3]
				row = strings.Join(cells, ",")
			}
			return row
		}),
		"high and low missing in the older part": csvOf(englishHeader, list, func(i int, d day) string {
			if i < 400 {
				d.h, d.l = 0, 0
			}
			return plainRow(time.DateOnly)(i, d)
		}),
	} {
		got, err := Parse("x.csv", []byte(body), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday})
		if err != nil || len(got.Bars) != 600 {
			t.Errorf("%s: %d bars, %v; want 600", name, len(got.Bars), err)
		}
	}
}

// NAV and shares outstanding come with their sessions, also those without prices, in ascending order.
func TestNAV(t *testing.T) {
	t.Parallel()
	body := "일자,종가,대비,등락률,순자산가치(NAV),시가,고가,저가,거래량,거래대금,시가총액,순자산총액,상장좌수\n" +
		"2025/06/30,\"30,300\",300,1.00,\"30,311.25\",\"30,000\",\"30,400\",\"29,900\",\"1,234,567\",1,1,1,\"51,000,000\"\n" +
		"2025/06/27,\"30,000\",-300,-1.00,\"30,002.1\",\"30,300\",\"30,400\",\"29,900\",\"1,234,567\",1,1,1,\"50,500,000\"\n" +
		"2025/06/26,-,-,-,\"30,100.5\",-,-,-,-,-,-,-,-\n"
	got, err := Parse("x.csv", []byte(body), time.Unix(1751300000, 0), etf.Query{Exchange: etf.XKRX, AsOf: sunday})
	if err != nil {
		t.Fatal(err)
	}
	want := []etf.NAV{
		{Session: etf.MustSession("2025-06-26"), NAV: etf.MustPrice("30100.5"), Shares: etf.VolumeUnknown},
		{Session: etf.MustSession("2025-06-27"), NAV: etf.MustPrice("30002.1"), Shares: etf.Shares(50_500_000)},
		{Session: etf.MustSession("2025-06-30"), NAV: etf.MustPrice("30311.25"), Shares: etf.Shares(51_000_000)},
	}
	if !slices.Equal(got.NAVs, want) || len(got.Bars) != 2 || got.Currency != "KRW" || got.Basis != etf.AsTraded || !got.DataAt.Equal(time.Unix(1751300000, 0)) {
		t.Errorf("%d bars, NAVs %v, %s, %s, %v; want %v", len(got.Bars), got.NAVs, got.Currency, got.Basis, got.DataAt, want)
	}
	q := etf.Query{Exchange: etf.XKRX, AsOf: sunday, Window: etf.Window{From: etf.MustSession("2025-06-27"), To: etf.MustSession("2025-06-27")}}
	if got, err = Parse("x.csv", []byte(body), time.Time{}, q); err != nil || !slices.Equal(got.NAVs, want[1:2]) {
		t.Errorf("within a window: %v, %v", got.NAVs, err)
	}
}

func TestRefusedKinds(t *testing.T) {
	t.Parallel()
	list := days(t, etf.XNYS, "2025-06-02", 20, 98)
	for name, c := range map[string]struct{ body, ref, says string }{
		"hourly rows by their interval":  {"<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nSPY.US,60,20250926,160000,2,3,1,2,5,0\n", "", `the column <PER> says "60"`},
		"another header among the rows":  {englishHeader + "\n2025-06-02,2,3,1,2,5\nDate,Close,High,Low,Open,Volume\n2025-06-03,2,3,1,2,5\n", "", "another header stands among the rows"},
		"two ETFs side by side":          {"Ticker,SPY,SPY,SPY,SPY,QQQ\nPrice,Open,High,Low,Close,Volume\nDate,,,,,\n2025-06-02,2,3,1,2,5\n", "", "columns of SPY and of QQQ"},
		"prices in thousands":            {"Date,Open (천원),High,Low,Close,Volume\n2025-06-02,2,3,1,2,5\n", "", "in another unit than one"},
		"names nobody knows":             {"Date,Start,Top,Bottom,End,Volume\n2025-06-02,2,3,1,2,5\n", "", `no meaning is known of "Start", "Top", "Bottom", "End"`},
		"a name and dates nobody knows":  {strings.Replace(csvOf(englishHeader, days(t, etf.XNYS, "2025-06-05", 1, 98), plainRow("01/02/2006")), "Open", "Start", 1), "", `(no meaning is known of "Start"); column Date: "06/05/2025" could be`},
		"dollars and euros":              {"Date,Open,High,Low,Close\n2025-06-02,$2,€3,$1,$2\n", "", "in several currencies: $ and €"},
		"dates nobody knows":             {csvOf(englishHeader, list, plainRow("2006-W01")), "", `"2025-W06" is not a date`},
		"columns named, dates not known": {csvOf(englishHeader, list, plainRow("2006-W01")), "x?columns=date,open,high,low,close,volume", `has a date in its column 1 of 6, which holds`},
		"decimal commas between commas":  {csvOf(englishHeader, list, func(i int, d day) string { return strings.ReplaceAll(plainRow(time.DateOnly)(i, d), ".", ",") }), "", "if the numbers have decimal commas, the file needs another separator"},
		"a spreadsheet":                  {"PK\x03\x04\x14\x00\x06\x00", "", "such as a spreadsheet"},
		"a bad value of dates":           {englishHeader, "x?dates=american", "is not a value of dates; use one of dmy mdy ymd excel1900 excel1904"},
		"a bad value of decimal":         {englishHeader, "x?decimal=;", "is not a value of decimal"},
		"a bad value of zone":            {englishHeader, "x?zone=UTC", "is not a value of zone"},
		"a bad value of volume":          {englishHeader, "x?volume=many", "volume=1000 if it is in thousands"},
	} {
		_, err := Parse("x.csv", []byte(c.body), time.Time{}, etf.Query{Exchange: etf.XNYS, AsOf: sunday, Ref: c.ref})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
}

// Fetch says when the file was last changed; Parse works without a folder and without the time of the request.
func TestDataAt(t *testing.T) {
	t.Parallel()
	s, _ := folder(t, map[string]string{"SPY.csv": whole})
	got, err := s.Fetch(context.Background(), query(""))
	if err != nil || time.Since(got.DataAt) > time.Hour || got.DataAt.IsZero() {
		t.Errorf("changed at %v, %v", got.DataAt, err)
	}
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(whole)
	if err != nil {
		t.Fatal(err)
	}
	s, _ = folder(t, map[string]string{"SPY.csv": wide})
	started := time.Now()
	if got, err = s.Fetch(context.Background(), query("")); err != nil || len(got.Bars) != 3 || got.Unfinished != "" || time.Since(started) > time.Second {
		t.Errorf("UTF-16: %d bars, unfinished %q, %v after %v; want 3 at once", len(got.Bars), got.Unfinished, err, time.Since(started))
	}
	got, err = Parse("SPY.csv", []byte(whole), time.Time{}, etf.Query{Exchange: etf.XNYS})
	if err != nil || len(got.Bars) != 3 || !got.DataAt.IsZero() {
		t.Errorf("without a time: %d bars, changed at %v, %v", len(got.Bars), got.DataAt, err)
	}
}

// A date whose readings are the same would explain nothing.
func TestAmbiguousDateExample(t *testing.T) {
	t.Parallel()
	text := englishHeader + "\n"
	for _, d := range []string{"02/02/2025", "03/04/2025", "04/03/2025"} {
		text += d + ",98,99,97,98.5,1000\n"
	}
	_, err := Parse("x.csv", []byte(text), time.Time{}, etf.Query{Exchange: etf.XNYS})
	if err == nil || !strings.Contains(err.Error(), `"03/04/2025" could be`) {
		t.Errorf("%v", err)
	}
}
