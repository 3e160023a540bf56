package file

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// day is one session as a layout writes it.
type day struct {
	date       time.Time // midnight UTC
	o, h, l, c float64   // with two decimals, or whole if the ETF is Korean
	volume     int64
}

func calendarOf(t testing.TB, x etf.Exchange) *calendar.Calendar {
	t.Helper()
	cal, err := calendar.For(x)
	if err != nil {
		t.Fatal(err)
	}
	return cal
}

// days makes n sessions of an exchange from a date on, with prices of about level.
func days(t testing.TB, x etf.Exchange, from string, n int, level float64) []day {
	t.Helper()
	sessions := calendarOf(t, x).Sessions(etf.Window{From: etf.MustSession(from), To: etf.MustSession(from).AddDays(2*n + 20)})[:n]
	unit := 100.0
	if x == etf.XKRX {
		unit = 0.2 // steps of 5 won
	}
	round := func(f float64) float64 { return math.Round(f*unit) / unit }
	list := make([]day, n)
	price := level
	for i, s := range sessions {
		before := price
		price *= 1 + []float64{.013, -.009, .007, -.0151, .011, .0031, -.0042}[i%7]
		o := before * (1 + []float64{.001, -.002, .0015}[i%3])
		list[i] = day{s.Time(), round(o), round(max(o, price) * 1.004), round(min(o, price) * .997), round(price), int64(1_234_567 + i*i*7010)}
	}
	return list
}

// want is the bar of a day, with its volume rounded to a step and without one if it is 0.
func (d day) want(step int64) etf.Bar {
	price := func(f float64) etf.Price { return etf.MustPrice(fmt.Sprintf("%.2f", f)) }
	b := etf.Bar{Session: etf.SessionOf(d.date), Open: price(d.o), High: price(d.h), Low: price(d.l), Close: price(d.c), Volume: etf.VolumeUnknown}
	if step > 0 {
		b.Volume = etf.Shares((d.volume + step/2) / step * step)
	}
	return b
}

// group writes a number with two or no decimals, a separator of thousands and a decimal sign.
func group(f float64, decimals int, separator, sign string) string {
	whole, frac, _ := strings.Cut(fmt.Sprintf("%.*f", decimals, f), ".")
	whole = thousands(whole, separator)
	if decimals > 0 {
		whole += sign + frac
	}
	return whole
}

func us(f float64) string     { return fmt.Sprintf("%.2f", f) }
func quoted(s string) string  { return `"` + s + `"` }
func millions(v int64) string { return fmt.Sprintf("%.2fM", float64(v)/1e6) }
func won(f float64) string    { return group(f, 0, ",", ".") }

// TestLayoutsAsPeopleHaveThem writes the same forty sessions as each provider, spreadsheet and country does, and reads them back.
func TestLayoutsAsPeopleHaveThem(t *testing.T) {
	t.Parallel()
	type form struct {
		name     string
		exchange etf.Exchange
		level    float64
		newest   bool // first
		before   string
		header   string
		row      func(i int, d day) string
		after    string
		step     int64 // of the volume; 0 for none
		encode   encoding.Encoding
		ref      string
		layout   string
	}
	join := func(separator string, cells ...string) string { return strings.Join(cells, separator) }
	european := func(layout string) func(i int, d day) string {
		return func(_ int, d day) string {
			e := func(f float64) string { return group(f, 2, ".", ",") }
			return join(";", d.date.Format(layout), e(d.o), e(d.h), e(d.l), e(d.c), group(float64(d.volume), 0, ".", ","))
		}
	}
	plain := func(layout string) func(i int, d day) string {
		return func(_ int, d day) string {
			return join(",", d.date.Format(layout), us(d.o), us(d.h), us(d.l), us(d.c), fmt.Sprint(d.volume))
		}
	}
	korean1 := func(layout string) func(i int, d day) string {
		return func(_ int, d day) string {
			return join(",", d.date.Format(layout), quoted(won(d.c)), quoted("150"), "0.5", quoted(won(d.o)), quoted(won(d.h)), quoted(won(d.l)), quoted(won(float64(d.volume))), quoted("183,045,820,020"))
		}
	}
	investing := func(_ int, d day) string {
		q := func(f float64) string { return quoted(group(f, 2, ",", ".")) }
		return join(",", quoted(d.date.Format("01/02/2006")), q(d.c), q(d.o), q(d.h), q(d.l), quoted(millions(d.volume)), quoted("0.50%"))
	}
	const english = "Date,Open,High,Low,Close,Volume"
	epochRow := func(at func(d day) string) func(i int, d day) string {
		return func(_ int, d day) string {
			return join(",", at(d), us(d.o), us(d.h), us(d.l), us(d.c), fmt.Sprint(d.volume))
		}
	}
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	midnight := func(d day) time.Time {
		y, m, n := d.date.Date()
		return time.Date(y, m, n, 0, 0, 0, 0, newYork)
	}
	excel := func(d day, base string) int { return int(d.date.Sub(etf.MustSession(base).Time()).Hours() / 24) }
	for _, f := range []form{
		{name: "Yahoo's page", newest: true, header: "Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume", step: 1, layout: "yahoo",
			row: func(i int, d day) string {
				row := join("\t", d.date.Format("Jan 2, 2006"), us(d.o), us(d.h), us(d.l), us(d.c), us(d.c), group(float64(d.volume), 0, ",", "."))
				if i == 5 {
					row += "\n" + d.date.Format("Jan 2, 2006") + "\t1.66 Dividend"
				}
				return row
			}, after: "*Close price adjusted for splits. **Adjusted close price adjusted for splits and dividend and/or capital gain distributions.\n"},
		{name: "Yahoo's page, explained header", newest: true, header: "Date,Open,High,Low,Close Close price adjusted for splits.,Adj Close Adjusted close price adjusted for splits and dividend and/or capital gain distributions.,Volume",
			step: 1, layout: "yahoo", row: func(_ int, d day) string {
				return join(",", d.date.Format("Jan 2, 2006"), us(d.o), us(d.h), us(d.l), us(d.c), us(d.c), quoted(group(float64(d.volume), 0, ",", ".")))
			}},
		{name: "yfinance history", header: "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits,Capital Gains", step: 1, row: func(_ int, d day) string {
			return join(",", midnight(d).Format("2006-01-02 15:04:05-07:00"), us(d.o), us(d.h), us(d.l), us(d.c), fmt.Sprint(d.volume), "0.0", "0.0", "0.0")
		}},
		{name: "yfinance download", before: "Price,Close,High,Low,Open,Volume\nTicker,SPY,SPY,SPY,SPY,SPY\n", header: "Date,,,,,", step: 1, layout: "yahoo_auto", row: func(_ int, d day) string {
			return join(",", d.date.Format(time.DateOnly), us(d.c), us(d.h), us(d.l), us(d.o), fmt.Sprint(d.volume))
		}},
		{name: "yfinance download, index without a name", before: ",Adj Close,Close,High,Low,Open,Volume\n,SPY,SPY,SPY,SPY,SPY,SPY\n", header: "Date,,,,,,", step: 1, layout: "yahoo_export", row: func(_ int, d day) string {
			return join(",", d.date.Format(time.DateOnly), us(d.c), us(d.c), us(d.h), us(d.l), us(d.o), fmt.Sprint(d.volume))
		}},
		{name: "yfinance download, grouped by ticker", before: "Ticker,SPY,SPY,SPY,SPY,SPY\nPrice,Open,High,Low,Close,Volume\n", header: "Date,,,,,", step: 1, layout: "yahoo_auto", row: plain(time.DateOnly)},
		{name: "Stooq in bulk", header: "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>", step: 1, layout: "stooq", row: func(i int, d day) string {
			return "SPY.US,D," + join(",", d.date.Format("20060102"), "000000", us(d.o), us(d.h), us(d.l), us(d.c), fmt.Sprint(d.volume), "0")
		}},
		{name: "Stooq in Polish", header: "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", step: 1, layout: "stooq", row: plain(time.DateOnly)},
		{name: "MetaStock", header: "<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", step: 1, layout: "stooq", row: func(i int, d day) string { return "SPY," + plain("20060102")(i, d) }},
		{name: "Investing.com", newest: true, header: "\ufeff\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"", row: investing, step: 10_000, layout: "investing"},
		{name: "Investing.com, above 1000", level: 985, newest: true, header: "\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"", row: investing, step: 10_000, layout: "investing"},
		{name: "Investing.com in Korean", newest: true, header: "\ufeff\"날짜\",\"종가\",\"시가\",\"고가\",\"저가\",\"거래량\",\"변동 %\"", step: 10_000, layout: "investing", row: func(i int, d day) string {
			return strings.Replace(investing(i, d), d.date.Format("01/02/2006"), d.date.Format("2006- 01- 02"), 1)
		}},
		{name: "Investing.com in German", newest: true, header: "\"Datum\",\"Zuletzt\",\"Eröffn.\",\"Hoch\",\"Tief\",\"Vol.\",\"+/- %\"", step: 10_000, layout: "investing", row: func(_ int, d day) string {
			q := func(f float64) string { return quoted(group(f, 2, ".", ",")) }
			return join(",", quoted(d.date.Format("02.01.2006")), q(d.c), q(d.o), q(d.h), q(d.l), quoted(strings.Replace(millions(d.volume), ".", ",", 1)), quoted("0,50%"))
		}},
		{name: "Investing.com in French, above 1000", level: 980, newest: true, header: "\"Date\",\"Dernier\",\"Ouv.\",\" Plus Haut\",\"Plus Bas\",\"Vol.\",\"Variation %\"", step: 10_000, layout: "investing", row: func(_ int, d day) string {
			q := func(f float64) string { return quoted(group(f, 2, ".", ",")) }
			return join(",", quoted(d.date.Format("02/01/2006")), q(d.c), q(d.o), q(d.h), q(d.l), quoted(strings.Replace(millions(d.volume), ".", ",", 1)), quoted("0,50%"))
		}},
		{name: "Nasdaq", newest: true, header: "Date,Close/Last,Volume,Open,High,Low", step: 1, layout: "nasdaq", row: func(_ int, d day) string {
			return join(",", d.date.Format("01/02/2006"), "$"+us(d.c), fmt.Sprint(d.volume), "$"+us(d.o), "$"+us(d.h), "$"+us(d.l))
		}},
		{name: "Nasdaq, above 1000", level: 985, newest: true, header: "Date,Close/Last,Volume,Open,High,Low", step: 1, layout: "nasdaq", row: func(_ int, d day) string {
			q := func(f float64) string { return quoted("$" + group(f, 2, ",", ".")) }
			return join(",", d.date.Format("01/02/2006"), q(d.c), quoted(group(float64(d.volume), 0, ",", ".")), q(d.o), q(d.h), q(d.l))
		}},
		{name: "Google Finance", header: english, step: 1, row: func(i int, d day) string {
			return strings.Replace(plain("1/2/2006")(i, d), ",", " 16:00:00,", 1)
		}},
		{name: "Google Finance, twelve hours", header: english, step: 1, row: plain("1/2/2006 4:00:00 PM")},
		{name: "MarketWatch", newest: true, header: english, step: 1, level: 5990, row: func(_ int, d day) string {
			q := func(f float64) string { return quoted(group(f, 2, ",", ".")) }
			return join(",", d.date.Format("01/02/2006"), q(d.o), q(d.h), q(d.l), q(d.c), quoted(group(float64(d.volume), 0, ",", ".")))
		}},
		{name: "Naver", exchange: etf.XKRX, newest: true, header: "날짜\t종가\t전일비\t시가\t고가\t저가\t거래량", encode: korean.EUCKR, step: 1, layout: "naver", row: func(_ int, d day) string {
			return join("\t", d.date.Format("2006.01.02"), won(d.c), "상승 150", won(d.o), won(d.h), won(d.l), won(float64(d.volume)))
		}},
		{name: "KRX in code page 949", exchange: etf.XKRX, newest: true, header: "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금", encode: korean.EUCKR, step: 1, layout: "krx", row: korean1("2006/01/02")},
		{name: "KRX in UTF-8", exchange: etf.XKRX, newest: true, header: "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금", step: 1, layout: "krx", row: korean1("2006/01/02")},
		{name: "Korean spreadsheet", exchange: etf.XKRX, header: "날짜,시가,고가,저가,종가,거래량", step: 1, layout: "krx", row: func(_ int, d day) string {
			return join(",", d.date.Format("2006. 1. 2"), fmt.Sprint(d.o), fmt.Sprint(d.h), fmt.Sprint(d.l), fmt.Sprint(d.c), fmt.Sprint(d.volume))
		}},
		{name: "Korean spreadsheet in words", exchange: etf.XKRX, header: "날짜\t시가\t고가\t저가\t종가\t거래량", step: 1, layout: "krx", row: func(_ int, d day) string {
			return join("\t", d.date.Format("2006년 1월 2일 (월)"), won(d.o)+"원", won(d.h)+"원", won(d.l)+"원", "₩"+won(d.c), won(float64(d.volume)))
		}},
		{name: "Korean, prices with one separator and a small volume", exchange: etf.XKRX, header: "일자,시가,고가,저가,종가,거래량", layout: "krx", row: func(i int, d day) string {
			return join(",", d.date.Format("2006-1-2"), quoted(won(d.o)), quoted(won(d.h)), quoted(won(d.l)), quoted(won(d.c)), "-")
		}},
		{name: "Chinese", header: "日期,开盘,收盘,最高,最低,成交量,成交额", encode: simplifiedchinese.GB18030, step: 100, row: func(_ int, d day) string {
			return join(",", d.date.Format("2006-01-02"), us(d.o), us(d.c), us(d.h), us(d.l), fmt.Sprintf("%.2f万", float64(d.volume)/1e4), "3.95亿")
		}},
		{name: "Taiwanese", header: "日期,開盤,最高,最低,收盤,成交量", encode: traditionalchinese.Big5, step: 1, row: plain("2006/01/02")},
		{name: "Japanese", header: "日付,始値,高値,安値,終値,出来高", encode: japanese.ShiftJIS, step: 1, row: func(_ int, d day) string {
			return join(",", d.date.Format("2006年1月2日"), us(d.o), us(d.h), us(d.l), us(d.c), quoted(group(float64(d.volume), 0, ",", ".")))
		}},
		{name: "German", header: "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", step: 1, encode: charmap.Windows1252, row: european("02.01.2006")},
		{name: "German, Ariva", newest: true, header: "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen", step: 1, row: func(i int, d day) string { return european("2006-01-02")(i, d) + ";123.456.789" }},
		{name: "French", header: "Date;Ouverture;Plus haut;Plus bas;Clôture;Volume", step: 1, row: func(_ int, d day) string {
			e := func(f float64) string { return group(f, 2, "\u202f", ",") }
			return join(";", d.date.Format("02/01/2006"), e(d.o), e(d.h), e(d.l), e(d.c), group(float64(d.volume), 0, "\u00a0", ","))
		}},
		{name: "Swiss", header: "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", level: 990, step: 1, row: func(_ int, d day) string {
			e := func(f float64) string { return group(f, 2, "'", ".") }
			return join(";", d.date.Format("02.01.2006"), e(d.o), e(d.h), e(d.l), e(d.c), group(float64(d.volume), 0, "’", "."))
		}},
		{name: "Spanish", header: "Fecha;Apertura;Máximo;Mínimo;Cierre;Volumen", step: 1, row: european("2/1/2006")},
		{name: "decimal commas in quotes", header: english, step: 1, row: func(_ int, d day) string {
			e := func(f float64) string { return quoted(group(f, 2, "", ",")) }
			return join(",", d.date.Format("2006-01-02"), e(d.o), e(d.h), e(d.l), e(d.c), fmt.Sprint(d.volume))
		}},
		{name: "Excel days", header: english, step: 1, row: func(i int, d day) string {
			return fmt.Sprint(excel(d, "1970-01-01")+25569) + plain("")(i, d)
		}},
		{name: "Excel days with a time", header: english, step: 1, row: func(i int, d day) string {
			return fmt.Sprint(excel(d, "1970-01-01")+25569) + ".6666666667" + plain("")(i, d)
		}},
		{name: "Excel days of old Macs", header: english, step: 1, row: func(i int, d day) string {
			return fmt.Sprint(excel(d, "1904-01-01")) + plain("")(i, d)
		}},
		{name: "epoch seconds at the open", header: "timestamp,open,high,low,close,volume", step: 1, row: epochRow(func(d day) string { return fmt.Sprint(midnight(d).Add(9*time.Hour + 30*time.Minute).Unix()) })},
		{name: "epoch milliseconds at midnight in New York", header: "v,vw,o,c,h,l,t,n", step: 1, row: func(_ int, d day) string {
			return join(",", fmt.Sprint(d.volume), us(d.c), us(d.o), us(d.c), us(d.h), us(d.l), fmt.Sprint(midnight(d).UnixMilli()), "1234")
		}},
		{name: "epoch seconds at midnight UTC", header: "time,open,high,low,close,Volume", step: 1, row: epochRow(func(d day) string { return fmt.Sprint(d.date.Unix()) })},
		{name: "epoch nanoseconds", header: "time,open,high,low,close,Volume", step: 1, row: epochRow(func(d day) string { return fmt.Sprint(d.date.UnixNano()) })},
		{name: "UTF-16 LE", header: english, step: 1, encode: unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), row: plain(time.DateOnly)},
		{name: "UTF-16 BE", header: english, step: 1, encode: unicode.UTF16(unicode.BigEndian, unicode.UseBOM), row: plain(time.DateOnly)},
		{name: "UTF-16 without a mark", header: english, step: 1, encode: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), row: plain(time.DateOnly)},
		{name: "index without a name", header: ",Open,High,Low,Close,Volume", step: 1, row: plain("2006-01-02")},
		{name: "title lines, source and total", before: "SPDR S&P 500 ETF Trust\nDaily prices, 2025\n\nSource: example\n", header: english, step: 1, row: plain("02-Jan-2006"), after: "\nAverage,100,100,100,100,1\nSource: example 2025\nPrices are delayed.\n"},
		{name: "trailing delimiters", header: english + ",,", step: 1, row: func(i int, d day) string { return plain("Mon, Jan 2 2006")(i, d) + ",," }, ref: ""},
		{name: "the header again among the rows", header: english, step: 1, row: func(i int, d day) string {
			if i == 20 {
				return english + "\n" + plain(time.DateOnly)(i, d)
			}
			return plain(time.DateOnly)(i, d)
		}},
		{name: "volume in thousands by the header", header: "Date,Open,High,Low,Close,Volume (000)", step: 1000, row: func(i int, d day) string {
			d.volume = (d.volume + 500) / 1000
			return plain(time.DateOnly)(i, d)
		}},
		{name: "Chinese lots", header: "日期,开盘,最高,最低,收盘,成交量(手)", step: 100, row: func(i int, d day) string {
			d.volume = (d.volume + 50) / 100
			return plain(time.DateOnly)(i, d)
		}},
		{name: "volume in thousands by the reference", header: english, step: 1000, ref: "?volume=1000", row: func(i int, d day) string {
			d.volume = (d.volume + 500) / 1000
			return plain(time.DateOnly)(i, d)
		}},
		{name: "two-digit years", header: english, step: 1, row: plain("01/02/06")},
		{name: "full-width digits", header: "日付,始値,高値,安値,終値,出来高", step: 1, row: func(i int, d day) string {
			return strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return r + 0xfee0
				}
				return r
			}, plain("2006/1/2")(i, d))
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			if f.exchange == "" {
				f.exchange = etf.XNYS
			}
			if f.level == 0 {
				f.level = 98
				if f.exchange == etf.XKRX {
					f.level = 30_000
				}
			}
			list := days(t, f.exchange, "2025-02-20", 40, f.level)
			lines := make([]string, len(list))
			for i, d := range list {
				lines[i] = f.row(i, d)
			}
			if f.newest {
				slices.Reverse(lines)
			}
			body := []byte(f.before + f.header + "\n" + strings.Join(lines, "\n") + "\n" + f.after)
			if f.encode != nil {
				var err error
				if body, err = f.encode.NewEncoder().Bytes(body); err != nil {
					t.Fatal(err)
				}
			}
			opt, err := parseOptions(refOptions(t, f.ref))
			if err != nil {
				t.Fatal(err)
			}
			opt.market = market{calendar: calendarOf(t, f.exchange), now: sunday}
			got, err := parse("x.csv", body, opt)
			if err != nil {
				t.Fatal(err)
			}
			if f.layout == "" {
				f.layout = "plain"
			}
			if strings.HasPrefix(f.name, "epoch seconds at the open") {
				f.layout = "alphavantage" // the same header
			}
			if got.layout.name != f.layout {
				t.Errorf("layout %s, want %s", got.layout.name, f.layout)
			}
			if len(got.bars) != len(list) || len(got.defects) != 0 || len(got.side) != 0 {
				t.Fatalf("%d bars, defects %v, side %v; want %d bars", len(got.bars), got.defects, got.side, len(list))
			}
			for i, d := range list {
				b := got.bars[i]
				b.AdjClose = 0
				if want := d.want(f.step); b != want {
					t.Fatalf("row %d: %v, want %v", i, b, want)
				}
			}
			if strings.Contains(strings.Join(lines, ""), "Dividend") && describe(got.actions) != "dividend 1.66" {
				t.Errorf("actions %s", describe(got.actions))
			}
		})
	}
}

func refOptions(t *testing.T, ref string) map[string]string {
	t.Helper()
	m := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "?"), "&") {
		if key, value, found := strings.Cut(part, "="); found {
			m[key] = value
		}
	}
	return m
}
