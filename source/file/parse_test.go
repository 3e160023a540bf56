package file

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func bar(session, o, h, l, c, adj, v string) etf.Bar {
	b := etf.Bar{Session: etf.MustSession(session), Open: etf.MustPrice(o), High: etf.MustPrice(h), Low: etf.MustPrice(l), Close: etf.MustPrice(c), Volume: etf.VolumeUnknown}
	if adj != "" {
		b.AdjClose = etf.MustPrice(adj)
	}
	if v != "" {
		b.Volume, _ = etf.ParseVolume(v)
	}
	return b
}

// A hand-written file of each layout, with the bar its row must give.
func TestLayouts(t *testing.T) {
	t.Parallel()
	euckr := "\xb3\xaf\xc2\xa5,\xbd\xc3\xb0\xa1,\xb0\xed\xb0\xa1,\xc0\xfa\xb0\xa1,\xc1\xbe\xb0\xa1,\xb0\xc5\xb7\xa1\xb7\xae" // 날짜,시가,고가,저가,종가,거래량
	for _, c := range []struct {
		name, body, layout string
		basis              etf.Basis
		currency           etf.Currency
		want               etf.Bar
		actions            string
	}{
		{name: "yahoo export, Price twice", layout: "yahoo_export", basis: etf.SplitAdjusted,
			body: "Price,Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY,SPY\nDate,,,,,,\n1993-01-29 00:00:00,24.313047409057617,43.9375,43.96875,43.75,43.96875,1003200\n",
			want: bar("1993-01-29", "43.96875", "43.96875", "43.75", "43.9375", "24.313", "1003200")},
		{name: "yahoo export, Adj Close", layout: "yahoo_export", basis: etf.SplitAdjusted,
			body: "Price,Adj Close,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY,SPY\nDate,,,,,,\n2025-09-26,661.8200073242188,661.8200073242188,662.3699951171875,657.8800048828125,659.510009765625,69142300\n",
			want: bar("2025-09-26", "659.51", "662.37", "657.88", "661.82", "661.82", "69142300")},
		{name: "yahoo export without adjusted close", layout: "yahoo_auto", basis: etf.BasisUnknown,
			body: "Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY\nDate,,,,,\n2025-09-26,661.82,662.37,657.88,659.51,69142300\n",
			want: bar("2025-09-26", "659.51", "662.37", "657.88", "661.82", "", "69142300")},
		{name: "yahoo history", layout: "yahoo", basis: etf.SplitAdjusted, actions: "split 5:1, dividend 0.7, capital_gain 0.25",
			body: "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits,Capital Gains\n2023-03-15 00:00:00+09:00,4034,4050,4003,4041,3988.1578125,6122000,0.7,5.0,0.25\n",
			want: bar("2023-03-15", "4034", "4050", "4003", "4041", "3988.1578125", "6122000")},
		{name: "yahoo download with six decimals", layout: "yahoo", basis: etf.SplitAdjusted,
			body: "Date,Open,High,Low,Close,Adj Close,Volume\n2020-01-02,323.540009,324.890015,322.529999,324.869995,303.291657,59151200\n",
			want: bar("2020-01-02", "323.54", "324.89", "322.53", "324.87", "303.291657", "59151200")},
		{name: "alpha vantage numbered", layout: "alphavantage", basis: etf.AsTraded,
			body: "date,1. open,2. high,3. low,4. close,5. volume\n1999-11-02,135.9687,137.25,134.5937,134.5937,6516900.0\n",
			want: bar("1999-11-02", "135.9687", "137.25", "134.5937", "134.5937", "", "6516900")},
		{name: "alpha vantage CRLF", layout: "alphavantage", basis: etf.AsTraded,
			body: "timestamp,open,high,low,close,volume\r\n2026-08-21,765.9700,767.8500,764.1700,765.6200,38996889\r\n",
			want: bar("2026-08-21", "765.97", "767.85", "764.17", "765.62", "", "38996889")},
		{name: "alpha vantage adjusted", layout: "alphavantage", basis: etf.AsTraded, actions: "split 2:1, dividend 0.5",
			body: "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n2026-08-21,10,12,9,11,10.5,100,0.5,2.0\n",
			want: bar("2026-08-21", "10", "12", "9", "11", "10.5", "100")},
		{name: "tiingo", layout: "tiingo", basis: etf.AsTraded, actions: "dividend 0.23",
			body: "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n2018-01-05,1110.29,1113.58,1101.8,1103.45,1493389,1110.29,1113.58,1101.8,1103.45,1493389,0.23,1.0\n",
			want: bar("2018-01-05", "1103.45", "1113.58", "1101.8", "1110.29", "1110.29", "1493389")},
		{name: "eodhd", layout: "eodhd", basis: etf.AsTraded,
			body: "Date,Open,High,Low,Close,Adjusted_close,Volume\n2024-01-19,10,12,9,11,10.5,100\n",
			want: bar("2024-01-19", "10", "12", "9", "11", "10.5", "100")},
		{name: "krx with byte order mark and NAV", layout: "krx", basis: etf.AsTraded, currency: "KRW",
			body: "\ufeff날짜,NAV,시가,고가,저가,종가,거래량,거래대금,기초지수\n2025-01-02,10872.09,10540,10880,10540,10860,83993,907092545,2249.54\n",
			want: bar("2025-01-02", "10540", "10880", "10540", "10860", "", "83993")},
		{name: "krx with quoted thousands, no trade", layout: "krx", basis: etf.AsTraded, currency: "KRW",
			body: "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금,시가총액\n2018/04/30,\"53,000\",0,0.00,0,0,0,0,0,\"1,000,000\"\n",
			want: bar("2018-04-30", "0", "0", "0", "53000", "", "0")},
		{name: "krx in EUC-KR", layout: "krx", basis: etf.AsTraded, currency: "KRW",
			body: euckr + "\n20250102,31930,32095,31740,31990,5735290\n",
			want: bar("2025-01-02", "31930", "32095", "31740", "31990", "", "5735290")},
		{name: "krx prices with codes", layout: "plain", basis: etf.BasisUnknown,
			body: "date,open,high,low,close,volume,ticker,code,name,interval\n20021014,5402,5541,5257,5368,3720670,069500,069500,KODEX 200,D\n",
			want: bar("2002-10-14", "5402", "5541", "5257", "5368", "", "3720670")},
		{name: "stooq in bulk", layout: "stooq", basis: etf.TotalAdjusted,
			body: "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nSPY.US,D,20250926,000000,659.51,662.37,657.88,661.82,69142300,0\n",
			want: bar("2025-09-26", "659.51", "662.37", "657.88", "661.82", "", "69142300")},
		{name: "stooq in Polish", layout: "stooq", basis: etf.TotalAdjusted,
			body: "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n2025-09-26,659.51,662.37,657.88,661.82,69142300\n",
			want: bar("2025-09-26", "659.51", "662.37", "657.88", "661.82", "", "69142300")},
		{name: "semicolons without volume", layout: "plain", basis: etf.BasisUnknown,
			body: "date;open;high;low;close\n2025-09-26;1;3;0.5;2\n\n\n",
			want: bar("2025-09-26", "1", "3", "0.5", "2", "", "")},
		{name: "tabs, title line, all optional columns", layout: "plain", basis: etf.BasisUnknown, actions: "split 1:5, dividend 0.1",
			body: "SPY daily prices\nDATE\tOpen\tHigh\tLow\tClose\tAdjusted Close\tVolume\tDividend\tSplit\n2025.09.26\t1\t3\t0.5\t2\t1.9\t\t0.1\t0.2\n",
			want: bar("2025-09-26", "1", "3", "0.5", "2", "1.9", "")},
		{name: "carriage returns only", layout: "plain", basis: etf.BasisUnknown,
			body: "date,open,high,low,close\r2025-09-26,1,3,0.5,2\r",
			want: bar("2025-09-26", "1", "3", "0.5", "2", "", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse("x.csv", []byte(c.body), options{})
			if err != nil {
				t.Fatal(err)
			}
			if got.layout.name != c.layout || got.basis != c.basis || got.currency != c.currency {
				t.Errorf("layout %s, basis %s, currency %q; want %s, %s, %q", got.layout.name, got.basis, got.currency, c.layout, c.basis, c.currency)
			}
			if len(got.bars) != 1 || len(got.defects) != 0 {
				t.Fatalf("%d bars, defects %v; want one bar", len(got.bars), got.defects)
			}
			if got.bars[0] != c.want {
				t.Errorf("bar %v, want %v", got.bars[0], c.want)
			}
			if a := describe(got.actions); a != c.actions {
				t.Errorf("actions %q, want %q", a, c.actions)
			}
		})
	}
}

func describe(actions []etf.Action) string {
	var parts []string
	for _, a := range actions {
		if a.Kind == etf.Split {
			parts = append(parts, fmt.Sprintf("split %d:%d", a.Numerator, a.Denominator))
		} else {
			parts = append(parts, fmt.Sprintf("%s %s", a.Kind, a.Amount))
		}
	}
	return strings.Join(parts, ", ")
}

const plainHeader = "date,open,high,low,close,volume\n"

func TestRowDefects(t *testing.T) {
	t.Parallel()
	good := func(day int) string { return fmt.Sprintf("2025-09-%02d,10.25,12,9,11,100\n", day) }
	for _, c := range []struct {
		name, row, reason, session string
	}{
		{"a word for a price", "2025-09-03,10,12,abc,11,100", `column low: "abc" is not a number`, "2025-09-03"},
		{"too few fields", "2025-09-03,10,12,9,11", "5 fields under a header of 6", ""},
		{"too many fields", "2025-09-03,10,12,9,11,100,7", "7 fields under a header of 6", ""},
		{"a day that does not exist", "2025-02-30,10,12,9,11,100", `"2025-02-30" is not a date: there is no such day`, ""},
		{"American date", "09/03/2025,10,12,9,11,100", `"09/03/2025" is not written like the other dates, such as "2025-09-01"`, ""},
		{"no date", ",10,12,9,11,100", "is not a date", ""},
		{"a date with text after it", "2025-09-03abc,10,12,9,11,100", "is not a date", ""},
		{"no price", "2025-09-03,,,,,100", "the row has no price", "2025-09-03"},
		{"null price", "2025-09-03,null,NaN,N/A,-,0", "the row has no price", "2025-09-03"},
		{"three of four prices", "2025-09-03,,12,9,11,100", "the row has no open price", "2025-09-03"},
		{"unclosed quote", `2025-09-03,"10,12,9,11,100`, "quote", ""},
		{"decimal comma", `2025-09-03,"10,5",12,9,11,100`, `column open: "10,5" does not fit a file with decimal points`, "2025-09-03"},
		{"control characters", "2025-09-03,\x01,12,9,11,\xff\xfe", "is not a number", "2025-09-03"},
		{"infinite", "2025-09-03,10,Inf,9,11,100", `"Inf" is not a number`, "2025-09-03"},
		{"hexadecimal", "2025-09-03,10,0x1F,9,11,100", `"0x1F" is not a number`, "2025-09-03"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := plainHeader + good(1) + good(2) + c.row + "\n" + good(4)
			got, err := parse("SPY.csv", []byte(body), options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.bars) != 3 || len(got.defects) != 1 || got.rows != 4 {
				t.Fatalf("%d bars, %d defects of %d rows; want 3, 1 of 4", len(got.bars), len(got.defects), got.rows)
			}
			d := got.defects[0]
			if d.Where != "SPY.csv:4" || !strings.Contains(d.Reason, c.reason) || d.Session.String() != c.session {
				t.Errorf("defect %+v; want SPY.csv:4, session %q, reason with %q", d, c.session, c.reason)
			}
			if want := strings.Contains(c.name, "price") && !strings.HasPrefix(c.name, "a word"); d.NoPrice != want {
				t.Errorf("NoPrice is %v, want %v", d.NoPrice, want)
			}
			if want := etf.Clip(c.row, etf.MaxDefectText); d.Text != want {
				t.Errorf("text %q, want the row %q", d.Text, want)
			}
			if d.before.String() != "2025-09-02" || d.after.String() != "2025-09-04" {
				t.Errorf("rows around it %s and %s; want 2025-09-02 and 2025-09-04", d.before, d.after)
			}
		})
	}
}

func TestLongRowIsClipped(t *testing.T) {
	t.Parallel()
	got, err := parse("x.csv", []byte(plainHeader+"2025-09-01,10,12,9,11,100\n"+strings.Repeat("가", 500)+"\n2025-09-02,10,12,9,11,100\n"), options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.defects[0].Text); n > etf.MaxDefectText || n < etf.MaxDefectText-6 {
		t.Errorf("text of %d bytes, want at most %d", n, etf.MaxDefectText)
	}
}

// rows makes n plausible rows with the columns in the given order: o, h, l, c, v, d (change) and a (adjusted close).
func rows(order string, n int) string {
	var b strings.Builder
	price := 10_000
	for i := range n {
		before := price
		price += []int{130, -90, 70, -150, 110}[i%5]
		o := before + []int{10, -20, 15}[i%3]
		h, l := max(o, price)+40, min(o, price)-30
		s := etf.MustSession("2025-01-02").AddDays(i)
		fmt.Fprintf(&b, "%s", s)
		for _, c := range order {
			fmt.Fprintf(&b, ",%d", map[rune]int{'o': o, 'h': h, 'l': l, 'c': price, 'v': 5_000_000 + i*i*700, 'd': price - before, 'a': price * 9 / 10}[c])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestHeaderThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, header, order string
		rows                int
		fits                string
	}{
		{"shifted by a change column", "date,close,open,high,low,change,volume", "cdohlv", 100, "date,close,-,open,high,low,volume"},
		{"high and low", "date,open,high,low,close,volume", "olhcv", 100, "date,open,low,high,close,volume"},
		{"open and high", "date,open,high,low,close,volume", "holcv", 100, "date,high,open,low,close,volume"},
		{"low and close", "date,open,high,low,close,volume", "ohclv", 100, ""},
		{"close and volume", "date,open,high,low,close,volume", "ohlvc", 100, ""},
		{"change as low", "date,open,high,low,close", "ohdc", 100, ""},
		{"open and close", "date,open,high,low,close,volume", "chlov", 100, ""},
		{"adjusted close and low", "date,open,high,low,close,adj_close", "ohacl", 100, "date,open,high,-,close,low"},
		{"adjusted close and volume", "date,open,high,low,close,adj_close,volume", "ohlcva", 100, "date,open,high,low,close,-,volume"},
		{"three rows only", "date,open,high,low,close,volume", "olhcv", 3, "date,open,low,high,close,volume"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse("krx/069500.csv", []byte(c.header+"\n"+rows(c.order, c.rows)), options{})
			if etf.KindOf(err) != etf.KindCorrupt {
				t.Fatalf("error %v, want one of KindCorrupt", err)
			}
			text := err.Error()
			for _, want := range []string{"krx/069500.csv:2: ", "header " + c.header + " does not fit the numbers"} {
				if !strings.Contains(text, want) {
					t.Errorf("error %q lacks %q", text, want)
				}
			}
			if c.fits == "" { // none fits, or only one in which another column is the close
				if strings.Contains(text, "columns=") {
					t.Errorf("error %q suggests an order of columns", text)
				}
				return
			}
			if !strings.Contains(text, "they fit "+c.fits+";") {
				t.Errorf("error %q does not suggest %s", text, c.fits)
			}
			// The remedy works.
			opt, err := parseOptions(map[string]string{"columns": c.fits})
			if err != nil {
				t.Fatal(err)
			}
			got, err := parse("krx/069500.csv", []byte(c.header+"\n"+rows(c.order, c.rows)), opt)
			if err != nil {
				t.Fatalf("with the remedy: %v", err)
			}
			if len(got.bars) != c.rows {
				t.Errorf("with the remedy %d bars, want %d", len(got.bars), c.rows)
			}
		})
	}
}

// The header counts as wrong once more than a third of the rows contradict it.
func TestHeaderThatOftenDoesNotFit(t *testing.T) {
	t.Parallel()
	for bad, refused := range map[int]bool{33: false, 34: true} {
		_, err := parse("x.csv", []byte(plainHeader+rows("ohlcv", 100-bad)+rows("olhcv", bad)), options{})
		if (err != nil) != refused {
			t.Errorf("%d of 100 rows contradict the header: %v", bad, err)
		}
	}
}

// A few bad rows, or rows that show nothing, are no reason to reject a file.
func TestHeaderThatFits(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"right":                   plainHeader + rows("ohlcv", 100),
		"newest first":            plainHeader + newestFirst(rows("ohlcv", 100)),
		"some bad rows":           plainHeader + rows("ohlcv", 20) + rows("olhcv", 5),
		"adjusted close":          "date,open,high,low,close,adj_close\n" + rows("ohlca", 100),
		"one bad row":             plainHeader + rows("olhcv", 1),
		"flat rows":               plainHeader + "2025-09-01,5,5,5,5,0\n2025-09-02,5,5,5,5,0\n",
		"without trade":           plainHeader + "2025-09-01,0,0,0,5,0\n2025-09-02,0,0,0,5,0\n",
		"untraded without volume": "date,open,high,low,close\n2025-09-01,5,6,4,5\n2025-09-02,0,0,0,5\n2025-09-03,0,0,0,5\n2025-09-04,5,6,4,5\n",
		"rounded adjusted":        plainHeader + "2025-09-01,10001,10000,9990,10000,1\n2025-09-02,10000,10000,9991,9990,1\n",
		"header only":             plainHeader,
	} {
		if _, err := parse("x.csv", []byte(body), options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A fund of shares from another time zone: it opens with a gap, and three tenths of each gap are reversed during the
// day. Its opens are farther from the closes before them than its closes from the opens before, as if the columns were
// swapped.
func TestReversedGapsAreNotASwap(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	var body strings.Builder
	body.WriteString(plainHeader)
	closed := 30.0
	for i := range 200 {
		gap := 0.012 * random.NormFloat64()
		opened := closed * (1 + gap)
		closed *= 1 + 0.7*gap + 0.003*random.NormFloat64()
		fmt.Fprintf(&body, "%s,%.2f,%.2f,%.2f,%.2f,%d\n", etf.MustSession("2025-01-01").AddDays(i), opened,
			max(opened, closed)+.02, min(opened, closed)-.02, closed, 1000+i)
	}
	got, err := parse("x.csv", []byte(body.String()), options{})
	if err != nil {
		t.Fatal(err)
	}
	if !got.swapped() {
		t.Error("the fund's columns do not look swapped, so this test proves nothing")
	}
}

func newestFirst(rows string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(rows, "\n")+"\n", "\n")
	for i, j := 0, len(lines)-2; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return strings.Join(lines, "")
}

func TestNewestFirstIsReversed(t *testing.T) {
	t.Parallel()
	header := "date,open,high,low,close,volume,dividend\n"
	old := "2025-09-01,10,12,9,11,100,0.1\n"
	middle := "2025-09-02,10,12,9,11,100,\n"
	recent := "2025-09-03,10,12,9,11,100,0.3\n"
	for _, c := range []struct{ name, body, want, actions string }{
		{"newest first", header + recent + middle + old, "2025-09-01 2025-09-02 2025-09-03", "dividend 0.1, dividend 0.3"},
		{"oldest first", header + old + middle + recent, "2025-09-01 2025-09-02 2025-09-03", "dividend 0.1, dividend 0.3"},
		{"neither", header + middle + recent + old, "2025-09-02 2025-09-03 2025-09-01", "dividend 0.3, dividend 0.1"},
		{"a session twice", header + recent + recent + old, "2025-09-03 2025-09-03 2025-09-01", "dividend 0.3, dividend 0.3, dividend 0.1"},
	} {
		got, err := parse("x.csv", []byte(c.body), options{})
		if err != nil {
			t.Fatal(err)
		}
		var s []string
		for _, b := range got.bars {
			s = append(s, b.Session.String())
		}
		if j := strings.Join(s, " "); j != c.want {
			t.Errorf("%s: sessions %s, want %s", c.name, j, c.want)
		}
		if a := describe(got.actions); a != c.actions {
			t.Errorf("%s: actions %s, want %s", c.name, a, c.actions)
		}
	}
}

func TestRejectedFiles(t *testing.T) {
	t.Parallel()
	unreadable := plainHeader
	for i := range 10 {
		unreadable += fmt.Sprintf("2025-09-%02d,10,12,9,11\n", i+1)
	}
	for _, c := range []struct{ name, body, where, says string }{
		{"empty", "", "x.csv:1", "empty"},
		{"blank", "\n \r\n", "x.csv:1", "empty"},
		{"binary", "PK\x03\x04\x00\x00", "x.csv:1", "binary"},
		{"web page", "<!DOCTYPE html>\n<html>", "x.csv:1", "web page"},
		{"JSON", `{"Information":"25 requests per day"}`, "x.csv:1", "JSON"},
		{"text", "No data\n", "x.csv:1", "no header with date"},
		{"no header", "\n2025-09-01,10,12,9,11,100\n", "x.csv:2", "there is no header; the first line is a row"},
		{"close only", "Date,Close\n2025-09-01,10\n", "x.csv:1", "no column holds open, high, low"},
		{"two closes", "date,open,high,low,close,Close\n", "x.csv:1", "two columns hold close"},
		{"two ETFs in rows", "date,open,high,low,close,ticker\n2025-09-01,1,1,1,1,SPY\n2025-09-01,1,1,1,1,QQQ\n", "x.csv:3", "rows of SPY and of QQQ"},
		{"two ETFs in columns", "Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,QQQ\nDate,,,,,\n", "x.csv:2", "columns of SPY and of QQQ"},
		{"export cut off", "Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY\n", "x.csv:2", "no line beginning with Date"},
		{"most rows unreadable", unreadable, "x.csv:2", "10 of the first 10 rows can't be read under the header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse("x.csv", []byte(c.body), options{})
			if etf.KindOf(err) != etf.KindCorrupt {
				t.Fatalf("error %v, want one of KindCorrupt", err)
			}
			if !strings.HasPrefix(err.Error(), c.where+": ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q; want %s and %q", err, c.where, c.says)
			}
		})
	}
}

// A file of junk is abandoned before it fills the memory.
func TestJunkIsAbandoned(t *testing.T) {
	t.Parallel()
	_, err := parse("x.csv", []byte(plainHeader+strings.Repeat("junk\n", 30_000)), options{})
	if etf.KindOf(err) != etf.KindCorrupt || !strings.Contains(err.Error(), "10000 of the first 10000 rows") {
		t.Errorf("error %v; want the file rejected after 10,000 rows", err)
	}
	_, err = parse("x.csv", []byte(plainHeader+strings.Repeat("2025-09-01,5,5,5,5,1\n", etf.MaxResponseRows+1)), options{})
	if etf.KindOf(err) != etf.KindCorrupt || !strings.HasPrefix(err.Error(), "x.csv:250002: the file has more than 250000 rows") {
		t.Errorf("error %v; want the file rejected at the first row over the limit", err)
	}
	half := strings.Repeat("2025-09-01,10,12,9,11,100\njunk\n", 11_000)
	_, err = parse("x.csv", []byte(plainHeader+half), options{})
	if etf.KindOf(err) != etf.KindCorrupt || !strings.Contains(err.Error(), "10000 of the first 20000") {
		t.Errorf("error %v; want the file rejected after 10,000 defects", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(plainHeader + rows("ohlcv", 5))
	f.Add("date,close,open,high,low,change,volume\n" + rows("cdohlv", 5))
	f.Add("Price,Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY,SPY\nDate,,,,,,\n1993-01-29 00:00:00,24.3,43.9375,43.96875,43.75,43.96875,1003200\n")
	f.Add("\ufeff날짜,NAV,시가,고가,저가,종가\n2025-01-02,1,\"1,000\",1,1,1\n\"\n\"\"\n")
	f.Add("2025-01-02,1,2,1,2,4.0,0.5\n2025-01-03,1,2,1,2,0,\n")
	f.Add("Date;Open;High;Low;Close;Stock Splits\n20250102;1;1;1;1;0.33333333\n2025-01-03;null;;;;\n\r\r\n")
	f.Add("Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume\nSep 26, 2025\t1\t2\t1\t2\t2\t1,234\nSep 25, 2025\t1.66 Dividend\nSep 24, 2025\t4:1 Stock Splits\n*Close price adjusted for splits.\n")
	f.Add("\ufeff\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"\n\"06/30/2025\",\"1,101.00\",\"1,100.00\",\"1,101.20\",\"99.80\",\"1.23M\",\"0.50%\"\n")
	f.Add("Datum;Eröffnung;Hoch;Tief;Schluss;Volumen (000)\n05.06.2025;98,12;98,50;1'097,00;(98,125);1 003\n06.06.2025;98,125;98,500;97,000;98,125-;12万\n")
	f.Add("일자,종가,시가,고가,저가,순자산가치(NAV),상장좌수\n2025. 6. 30,₩30,300,1,2,3,4\n2025년 6월 27일 (금) 오후 3:30,1,1,1,1,-inf,1e3\n")
	f.Add("t,o,h,l,c,v\n1751256000000,1,1,1,1,1.1e+08\n45838,1,1,1,1,1\n45838.5,1,1,1,1,1\n2025-03-30 15:00:00+00:00,1,1,1,1,1\n")
	f.Add("\xff\xfeD\x00a\x00t\x00e\x00,\x00")
	f.Add("\xb3\xaf\xc2\xa5,\xbd\xc3\xb0\xa1,\xb0\xed\xb0\xa1,\xc0\xfa\xb0\xa1,\xc1\xbe\xb0\xa1\n2025.01.02,1,1,1,1\n")
	korea := market{calendar: calendarOf(f, etf.XKRX), now: sunday}
	named, err := parseOptions(map[string]string{"columns": "date,open,high,low,close,split,dividend"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		checkAccounting(t, body, options{})
		checkAccounting(t, body, named)
		checkAccounting(t, body, options{market: korea})
		checkAccounting(t, body, options{market: korea, dates: "dmy", decimal: ',', zone: "exchange", volume: 1000, lastLine: true})
	})
}

func checkAccounting(t *testing.T, body string, opt options) {
	t.Helper()
	got, err := parse("x.csv", []byte(body), opt)
	if err != nil {
		if k := etf.KindOf(err); k != etf.KindCorrupt {
			t.Fatalf("error of kind %s: %v", k, err)
		}
		return
	}
	if len(got.bars)+len(got.defects)+got.actionRows != got.rows || len(got.bars) != len(got.lines) {
		t.Fatalf("%d bars and %d defects of %d rows", len(got.bars), len(got.defects), got.rows)
	}
	for _, b := range got.bars {
		if b.Session == 0 || (b.Volume < 0 && b.Volume != etf.VolumeUnknown) {
			t.Fatalf("bar %v", b)
		}
	}
	for _, a := range got.actions {
		if a.Ex == 0 || (a.Kind == etf.Split && (a.Numerator < 1 || a.Denominator < 1)) || a.Amount < 0 {
			t.Fatalf("action %v", a)
		}
	}
}
