package file

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Whatever the way dates and numbers are written, and however few rows there are: a row is read as it was meant, or not at all.
func TestNeverAnotherNumberOrDate(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 1))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	read := 0
	const files = 4000
	for n := range files {
		exchange := []etf.Exchange{etf.XNYS, etf.XKRX}[random.IntN(2)]
		sessions := calendarOf(t, exchange).Sessions(etf.Window{From: etf.MustSession("2012-01-01"), To: etf.MustSession("2025-09-01")})
		rows := []int{1, 2, 3, 5, 8, 13, 40}[random.IntN(7)]
		from := random.IntN(len(sessions) - rows)
		level := []float64{.5, 4.8, 98, 980, 9_900, 31_000, 990_000}[random.IntN(7)]
		decimals := random.IntN(5)
		sign := pick(".", ",")
		group := map[string][]string{".": {"", ",", " ", "'"}, ",": {"", ".", "\u00a0", "'"}}[sign][random.IntN(4)]
		separator := pick(";", "\t", "|", ",")
		trim := random.IntN(4) == 0
		header := pick(englishHeader, "Datum,Eröffnung,Hoch,Tief,Schluss,Volumen", "날짜,시가,고가,저가,종가,거래량")
		if strings.HasPrefix(header, "날짜") && sign == "," { // Korea writes decimal points
			header = englishHeader
		}
		// A point before three digits is a decimal point if nothing speaks of a country with decimal commas.
		if group == "." && header == englishHeader && exchange == etf.XNYS && decimals == 0 {
			header = "Datum,Eröffnung,Hoch,Tief,Schluss,Volumen"
		}
		layout := pick("2006-01-02", "20060102", "02/01/2006", "01/02/2006", "2.1.2006", "1/2/2006 16:00:00", "2006. 1. 2", "02-Jan-06", "Jan 2, 2006", "01/02/06", "02.01.06", "06-01-02", "serial", "seconds", "2006-01-02T15:04:05Z")
		volumes := pick("plain", "grouped", "none", "millions")
		newest := random.IntN(2) == 0
		write := func(f float64) string {
			s := strconv.FormatFloat(f, 'f', decimals, 64)
			whole, frac, found := strings.Cut(s, ".")
			if trim && found {
				frac = strings.TrimRight(frac, "0")
				found = frac != ""
			}
			whole = thousands(whole, group)
			if found {
				whole += sign + frac
			}
			if separator == "," {
				return quoted(whole)
			}
			return whole
		}
		scale := math.Pow10(decimals)
		round := func(f float64) float64 { return max(math.Round(f*scale), 1) / scale }
		want := map[etf.Session]etf.Bar{}
		var lines []string
		price := level
		for _, s := range sessions[from : from+rows] {
			open := round(price * (1 + .004*random.NormFloat64()))
			price *= 1 + .01*random.NormFloat64()
			closing := round(price)
			high, low := round(max(open, closing)*(1+.004*random.Float64())), round(min(open, closing)*(1-.004*random.Float64()))
			high, low = max(high, open, closing), min(low, open, closing)
			shares := int64(1 + random.IntN(5_000_000))
			p := func(f float64) etf.Price { return etf.MustPrice(strconv.FormatFloat(f, 'f', decimals, 64)) }
			b := etf.Bar{Session: s, Open: p(open), High: p(high), Low: p(low), Close: p(closing), Volume: etf.Shares(shares)}
			v := fmt.Sprint(shares)
			switch volumes {
			case "grouped":
				v = thousands(v, group)
			case "none":
				v, b.Volume = "", etf.VolumeUnknown
			case "millions":
				hundredths := (shares + 5_000) / 10_000
				v = fmt.Sprintf("%d%s%02dM", hundredths/100, sign, hundredths%100)
				b.Volume = etf.Shares(hundredths * 10_000)
			}
			want[s] = b
			date := s.Time().Format(layout)
			switch layout {
			case "serial":
				date = fmt.Sprint(int(s) + 25569)
			case "seconds":
				date = fmt.Sprint(s.Time().Unix())
			}
			cells := []string{date, write(open), write(high), write(low), write(closing), v}
			if separator == "," {
				cells[0], cells[5] = quoted(date), quoted(v)
			}
			lines = append(lines, strings.Join(cells, separator))
		}
		if newest {
			slices.Reverse(lines)
		}
		body := strings.ReplaceAll(header, ",", separator) + "\n" + strings.Join(lines, "\n") + "\n"
		got, err := Parse("x.csv", []byte(body), time.Time{}, etf.Query{Exchange: exchange, AsOf: sunday})
		if err != nil {
			if etf.KindOf(err) != etf.KindCorrupt {
				t.Fatalf("file %d: %v in\n%s", n, err, body)
			}
			continue
		}
		if len(got.Bars) == rows {
			read++
		}
		for _, b := range got.Bars {
			w := want[b.Session]
			if !b.Volume.Known() {
				w.Volume = b.Volume
			}
			if b != w {
				t.Fatalf("file %d: read %v, want %v, from\n%s", n, b, w, body)
			}
		}
	}
	if read < files/2 {
		t.Errorf("only %d of %d files are read", read, files)
	}
	t.Logf("%d of %d files are read", read, files)
}

// thousands writes a whole number with a separator of thousands.
func thousands(whole, separator string) string {
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + separator + whole[i:]
	}
	return whole
}
