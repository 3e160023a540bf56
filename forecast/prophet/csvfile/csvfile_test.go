package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

func TestReadFrame(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	day := func(d int) prophet.Stamp { return prophet.DateOf(2024, time.January, d) }
	for _, c := range []struct {
		name, text string
		want       Columns
		frame      prophet.Frame
	}{
		{"plain", "ds,y\n2024-01-01,1.5\n2024-01-02,-2e3\n", Columns{Y: true},
			prophet.Frame{DS: []prophet.Stamp{day(1), day(2)}, Y: []float64{1.5, -2000}}},
		{"byte order mark, CRLF, quotes, no end of line", "\xEF\xBB\xBF\"ds\",y \r\n\"2024-01-01\", 1 \r\n2024-01-02,\"2\"", Columns{Y: true},
			prophet.Frame{DS: []prophet.Stamp{day(1), day(2)}, Y: []float64{1, 2}}},
		{"CR alone", "\"ds\",y,note\r2024-01-01,1,\"a\rb\"\r\r2024-01-02,2,\"c \"\"d\"\"\"\r", Columns{Y: true},
			prophet.Frame{DS: []prophet.Stamp{day(1), day(2)}, Y: []float64{1, 2}}},
		{"CR within quotes is part of the field", "ds,\"a\rb\"\r2024-01-01,5\r", Columns{},
			prophet.Frame{DS: []prophet.Stamp{day(1)}, Columns: map[string][]float64{"a\rb": {5}}}},
		{"CR, CRLF and LF", "ds,y\r2024-01-01,1\r\n2024-01-02,2\n2024-01-03,3\r", Columns{Y: true},
			prophet.Frame{DS: []prophet.Stamp{day(1), day(2), day(3)}, Y: []float64{1, 2, 3}}},
		{"a control character in a note", "ds,note\n2024-01-01,\x1b" + strings.Repeat("é", 300) + "\n", Columns{}, prophet.Frame{DS: []prophet.Stamp{day(1)}}},
		{"zeros after the microsecond", "ds\n2024-01-01 00:00:01.500000000\n", Columns{}, prophet.Frame{DS: []prophet.Stamp{day(1) + 3*prophet.Second/2}}},
		{"every column there is", "y,floor,cap,ds,price\n1,0,9,20240101,7\n2,0,9,20240102 ,8\n", Columns{Needed: []string{"price"}},
			prophet.Frame{DS: []prophet.Stamp{day(1), day(2)}, Y: []float64{1, 2}, Cap: []float64{9, 9}, Floor: []float64{0, 0}, Columns: map[string][]float64{"price": {7, 8}}}},
		{"missing values", "ds,y\n2024-01-01,\n2024-01-01,NA\n2024-01-01,NaN\n2024-01-01,nan\n2024-01-01,null\n2024-01-01,None\n2024-01-01,N/A\n2024-01-01,<NA>\n2024-01-01,1\n", Columns{Y: true},
			prophet.Frame{DS: []prophet.Stamp{day(1), day(1), day(1), day(1), day(1), day(1), day(1), day(1), day(1)}, Y: []float64{nan, nan, nan, nan, nan, nan, nan, nan, 1}}},
		{"conditions", "ds,on,off\n2024-01-01,true,False\n2024-01-02,FALSE,1\n", Columns{Needed: []string{"on", "off"}},
			prophet.Frame{DS: []prophet.Stamp{day(1), day(2)}, Columns: map[string][]float64{"on": {1, 0}, "off": {0, 1}}}},
		{"unneeded text and an index", ",ds,note,volume\n0,2024-01-01,first,5\n1,2024-01-02,2,6\n", Columns{},
			prophet.Frame{DS: []prophet.Stamp{day(1), day(2)}, Columns: map[string][]float64{"volume": {5, 6}}}},
		{"infinite in an unneeded column", "ds,ratio\n2024-01-01,inf\n", Columns{}, prophet.Frame{DS: []prophet.Stamp{day(1)}}},
		{"blank lines between rows", "ds\n\n2024-01-01\n\n", Columns{}, prophet.Frame{DS: []prophet.Stamp{day(1)}}},
		{"no rows", "ds,y\n", Columns{Y: true}, prophet.Frame{DS: []prophet.Stamp{}, Y: []float64{}}},
		{"time of day", "ds,y\n2024-01-01 12:30:00,1\n2024-01-01T12:30:00.25,2\n", Columns{Y: true},
			prophet.Frame{DS: []prophet.Stamp{day(1) + 12*prophet.Hour + 30*prophet.Minute, day(1) + 12*prophet.Hour + 30*prophet.Minute + prophet.Second/4}, Y: []float64{1, 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadFrame(strings.NewReader(c.text), c.want)
			if err != nil {
				t.Fatal(err)
			}
			if !sameFrame(got, &c.frame) {
				t.Errorf("got %+v, want %+v", *got, c.frame)
			}
		})
	}
}

// sameFrame compares frames, with NaN equal to NaN.
func sameFrame(a, b *prophet.Frame) bool {
	same := func(x, y []float64) bool {
		if len(x) != len(y) || (x == nil) != (y == nil) {
			return false
		}
		for i := range x {
			if x[i] != y[i] && !(math.IsNaN(x[i]) && math.IsNaN(y[i])) {
				return false
			}
		}
		return true
	}
	if !reflect.DeepEqual(a.DS, b.DS) || !same(a.Y, b.Y) || !same(a.Cap, b.Cap) || !same(a.Floor, b.Floor) || len(a.Columns) != len(b.Columns) {
		return false
	}
	for name := range a.Columns {
		if !same(a.Columns[name], b.Columns[name]) {
			return false
		}
	}
	return true
}

func TestReadFrameRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       Columns
		field      string
		says       string // in message or remedy
	}{
		{"nothing", "", Columns{}, "ds", "empty"},
		{"no header", "2024-01-01,5\n2024-01-02,6\n", Columns{Y: true}, "ds", "begin with a line such as ds,y"},
		{"semicolons", "ds;y\n2024-01-01;5\n", Columns{Y: true}, "ds", "the first line has semicolons and no commas; separate columns by commas"},
		{"tabs", "ds\ty\n2024-01-01\t5\n", Columns{Y: true}, "ds", "the first line has tabs and no commas; separate columns by commas"},
		{"gzip", "\x1f\x8b\x08\x00\"\"\n\"", Columns{Y: true}, "line 1", "decompress it first"},
		{"spreadsheet", "PK\x03\x04\x14\x00", Columns{Y: true}, "line 1", "save it as CSV in UTF-8"},
		{"zero bytes", "ds,y\n\x00", Columns{Y: true}, "line 1", "the text is not a CSV in UTF-8"},
		{"random bytes", "\x93\"\x04,\xf3\"\n\x81", Columns{Y: true}, "line 1", "the text is not a CSV in UTF-8; save it as CSV in UTF-8"},
		{"header in another encoding", "\xb3\xaf\xc2\xa5,\xc1\xbe\xb0\xa1\n2024-01-01,1\n", Columns{Y: true}, "ds", "not a CSV in UTF-8"},
		{"line number with CR", "ds,y\r2024-01-01,1\r2024-01-02,x\r", Columns{Y: true}, "y, line 3", "not a number"},
		{"America/New_York", "ds,y\n2024-01-01 00:00:00 America/New_York,1\n", Columns{Y: true}, "ds, line 2", "has a time zone"},
		{"zone in brackets", "ds,y\n2024-01-01T00:00:00[Asia/Seoul],1\n", Columns{Y: true}, "ds, line 2", "has a time zone"},
		{"nanoseconds", "ds,y\n2024-01-01 00:00:00.123456789,1\n", Columns{Y: true}, "ds, line 2", "finer than a microsecond"},
		{"date and a word", "ds,y\n2024-02-31 noon,1\n", Columns{Y: true}, "ds, line 2", "is not a date"},
		{"no ds", "date,y\n2024-01-01,5\n", Columns{Y: true}, "ds", `the columns are "date", "y"`},
		{"DS", "y,DS\n", Columns{Y: true}, "ds", `rename the column "DS"`},
		{"no y", "ds,close\n2024-01-01,5\n", Columns{Y: true}, "y", `the columns are "ds", "close"`},
		{"Y", "ds,Y\n2024-01-01,5\n", Columns{Y: true}, "y", `rename the column "Y"`},
		{"no regressor", "ds,y\n2024-01-01,5\n", Columns{Y: true, Needed: []string{"price"}}, "price", "add it"},
		{"two columns with one name", "ds,y,y\n2024-01-01,5,6\n", Columns{Y: true}, "y, line 1", "rename"},
		{"text y", "ds,y\n2024-01-01,5\n2024-01-02,five\n", Columns{Y: true}, "y, line 3", `"five" is not a number`},
		{"true as y", "ds,y\n2024-01-01,true\n", Columns{Y: true}, "y, line 2", "not a number"},
		{"decimal comma", "ds,y\n2024-01-01,\"5,5\"\n", Columns{Y: true}, "y, line 2", "decimal point"},
		{"hexadecimal", "ds,y\n2024-01-01,0x10\n", Columns{Y: true}, "y, line 2", "not a number"},
		{"infinite y", "ds,y\n2024-01-01,-inf\n", Columns{Y: true}, "y, line 2", "infinite"},
		{"too large a y", "ds,y\n2024-01-01,1e999\n", Columns{Y: true}, "y, line 2", "infinite"},
		{"infinite cap", "ds,y,cap\n2024-01-01,1,Infinity\n", Columns{Y: true}, "cap, line 2", "infinite"},
		{"text floor", "ds,y,floor\n2024-01-01,1,low\n", Columns{Y: true}, "floor, line 2", "not a number"},
		{"text regressor", "ds,y,price\n2024-01-01,1,2\n2024-01-02,1,high\n", Columns{Y: true, Needed: []string{"price"}}, "price, line 3", "not a number"},
		{"no date", "ds,y\n,1\n", Columns{Y: true}, "ds, line 2", "missing"},
		{"NaT", "ds,y\nNaT,1\n", Columns{Y: true}, "ds, line 2", "missing"},
		{"not a date", "ds,y\n2024-01-01,1\n2024-02-30,1\n", Columns{Y: true}, "ds, line 3", "not a date"},
		{"American date", "ds,y\n1/31/2024,1\n", Columns{Y: true}, "ds, line 2", "YYYY-MM-DD"},
		{"time zone", "ds,y\n2024-01-01T00:00:00Z,1\n", Columns{Y: true}, "ds, line 2", "time zone"},
		{"offset", "ds,y\n2024-01-01 00:00:00+09:00,1\n", Columns{Y: true}, "ds, line 2", "time zone"},
		{"before pandas", "ds,y\n1492-10-12,1\n", Columns{Y: true}, "ds, line 2", "1678"},
		{"short row", "ds,y,cap\n2024-01-01,1,2\n2024-01-02,1\n", Columns{Y: true}, "cap, line 3", "2 fields for 3 columns"},
		{"long row", "ds,y\n2024-01-01,1,234\n", Columns{Y: true}, "after y, line 2", "double quotes"},
		{"open quote", "ds,y\n\"2024-01-01,1\n", Columns{Y: true}, "line 2", "not closed"},
		{"UTF-16", "\xFF\xFEd\x00s\x00", Columns{}, "line 1", "UTF-8"},
		{"line number after a quoted line end", "ds,note,y\n2024-01-01,\"a\nb\",1\n2024-01-02,c,x\n", Columns{Y: true}, "y, line 4", "not a number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadFrame(strings.NewReader(c.text), c.want)
			var bad *etf.Error
			if !errors.As(err, &bad) || bad.Kind != etf.KindInvalid {
				t.Fatalf("%v is not an invalid input", err)
			}
			if bad.Field != c.field || !strings.Contains(bad.Error(), c.says) || bad.Remedy == "" {
				t.Errorf("field %q, error %v, want field %q and %q", bad.Field, bad, c.field, c.says)
			}
		})
	}
}

// A file without line ends or with a quote that is never closed is refused long before it fills the memory.
func TestReadFrameBoundsRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ begins, goesOn, field string }{
		{"ds,y\n", "a", "line 2"},
		{"", "a", "line 1"},
		{"ds,y\n2024-01-01,1\n\"", "a\n", "line "},
	} {
		endless := &repeated{text: c.goesOn}
		_, err := ReadFrame(io.MultiReader(strings.NewReader(c.begins), endless), Columns{Y: true})
		var bad *etf.Error
		if !errors.As(err, &bad) || bad.Kind != etf.KindInvalid || !strings.HasPrefix(bad.Field, c.field) || !strings.Contains(bad.Error(), "longer than 1 MB") || bad.Remedy == "" {
			t.Errorf("%q, then %q repeated: %v", c.begins, c.goesOn, err)
		}
		if endless.read > 2*maxRecord {
			t.Errorf("%q, then %q repeated: %d bytes were read", c.begins, c.goesOn, endless.read)
		}
	}
	long := "ds,note\n2024-01-01,\"" + strings.Repeat("a\n", maxRecord/2-20) + "\"\n"
	if f, err := ReadFrame(strings.NewReader(long+strings.TrimPrefix(long, "ds,note\n")), Columns{}); err != nil || f.Len() != 2 {
		t.Errorf("two rows of just under 1 MB: %v", err)
	}
}

// repeated is an endless repetition of text.
type repeated struct {
	text string
	read int
}

func (r *repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[(r.read+i)%len(r.text)]
	}
	r.read += len(p)
	return len(p), nil
}

// The message about a missing column is short even if other names are long.
func TestMissingColumnMessageIsShort(t *testing.T) {
	t.Parallel()
	names := make([]string, 300)
	for i := range names {
		names[i] = fmt.Sprintf("a column with a very long name, %d", i)
	}
	_, err := ReadFrame(strings.NewReader("ds,\""+strings.Join(names, "\",\"")+"\"\n"), Columns{Y: true})
	if err == nil || len(err.Error()) > 250 || !strings.Contains(err.Error(), `the columns are "ds", "a column with a very …"`) {
		t.Errorf("%v", err)
	}
}

// Line ends are recognised however the text is split into reads.
func TestLineEndsInPieces(t *testing.T) {
	t.Parallel()
	const text = "ds,note,y\r2024-01-01,\"a\r\nb\",1\r\n2024-01-02,c,2\r\r2024-01-03,,3"
	for name, r := range map[string]io.Reader{"one byte": iotest.OneByteReader(strings.NewReader(text)), "halves": iotest.HalfReader(strings.NewReader(text)), "data with EOF": iotest.DataErrReader(strings.NewReader(text))} {
		f, err := ReadFrame(r, Columns{Y: true})
		if err != nil || !reflect.DeepEqual(f.Y, []float64{1, 2, 3}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An error of the underlying reader is not reported as an error in the text.
func TestReadFrameReturnsReaderErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	for _, text := range []string{"", "ds", "ds,y\n2024-01-01,1\n2024"} {
		_, err := ReadFrame(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), Columns{})
		if !errors.Is(err, broken) || etf.KindOf(err) == etf.KindInvalid {
			t.Errorf("after %q: %v", text, err)
		}
	}
}

func TestReadHolidays(t *testing.T) {
	t.Parallel()
	got, err := ReadHolidays(strings.NewReader("ds,holiday,lower_window,upper_window,prior_scale,note\n2014-02-02,superbowl,0,1,,a\n20160207,superbowl,,1.0,5,b\n"))
	want := []prophet.Holiday{
		{Name: "superbowl", DS: prophet.DateOf(2014, time.February, 2), UpperWindow: 1},
		{Name: "superbowl", DS: prophet.DateOf(2016, time.February, 7), UpperWindow: 1, PriorScale: 5},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %+v", err, got)
	}
	if rows, at, err := ReadHolidayLines(strings.NewReader("holiday,ds\rx,2024-01-01\r\ry,2024-01-02\r")); err != nil || len(rows) != 2 || !reflect.DeepEqual(at, []int{2, 4}) {
		t.Errorf("%v: %+v, lines %v", err, rows, at)
	}
	for _, c := range []struct{ text, field, says string }{
		{"", "holiday", "empty"},
		{"name,ds\n", "holiday", "missing"},
		{"holiday,date\n", "ds", "missing"},
		{"holiday,ds\n,2024-01-01\n", "holiday, line 2", "missing"},
		{"holiday,ds\nx,\n", "ds, line 2", "missing"},
		{"holiday,ds\nx,soon\n", "ds, line 2", "not a date"},
		{"holiday,ds,lower_window\nx,2024-01-01,-0.5\n", "lower_window, line 2", "whole number"},
		{"holiday,ds,upper_window\nx,2024-01-01,many\n", "upper_window, line 2", "not a number"},
		{"holiday,ds,prior_scale\nx,2024-01-01,0\n", "prior_scale, line 2", "not a positive number"},
		{"holiday,ds,prior_scale\nx,2024-01-01,-1\n", "prior_scale, line 2", "not a positive number"},
		{"holiday,ds\nx,2024-01-01,1\n", "after ds, line 2", "3 fields"},
	} {
		_, err := ReadHolidays(strings.NewReader(c.text))
		var bad *etf.Error
		if !errors.As(err, &bad) || bad.Kind != etf.KindInvalid || bad.Field != c.field || !strings.Contains(bad.Error(), c.says) || bad.Remedy == "" {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

// The columns a model needs.
func TestColumnsOf(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.Growth = prophet.Logistic
	o.Regressors = []prophet.Regressor{{Name: "price"}, {Name: "season"}}
	o.Seasonalities = []prophet.Seasonality{{Name: "a", ConditionName: "season"}, {Name: "b"}, {Name: "c", ConditionName: "open"}}
	if got, want := ColumnsOf(o, true), (Columns{Y: true, Needed: []string{"cap", "price", "season", "open"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := ColumnsOf(prophet.Defaults(), false); !reflect.DeepEqual(got, Columns{}) {
		t.Errorf("%+v", got)
	}
}

// The layouts are what pandas 3.1.1's to_csv writes for the same dates.
func TestStampLayout(t *testing.T) {
	t.Parallel()
	day := prophet.DateOf(2020, time.January, 1)
	for _, c := range []struct {
		other prophet.Stamp
		want  string // how day is written
	}{
		{prophet.Day, "2020-01-01"},
		{prophet.Day + 10*prophet.Hour, "2020-01-01 00:00:00"},
		{prophet.Day + prophet.Second/2, "2020-01-01 00:00:00.000"},
		{prophet.Day + 456*prophet.Microsecond, "2020-01-01 00:00:00.000000"},
	} {
		if got := day.Time().Format(StampLayout([]prophet.Stamp{day, day + c.other, day + prophet.Day/2 - prophet.Day/2})); got != c.want {
			t.Errorf("together with %s: got %s, want %s", day+c.other, got, c.want)
		}
	}
}

// The numbers are what pandas 3.1.1's to_csv writes, without ".0".
func TestAppendNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v    float64
		want string
	}{
		{1e15, "1000000000000000"}, {1e16, "1e+16"}, {1e21, "1e+21"}, {0.0001, "0.0001"}, {0.00001, "1e-05"},
		{math.NaN(), ""}, {123456789.123, "123456789.123"}, {0, "0"}, {-0.1, "-0.1"}, {1.0 / 3, "0.3333333333333333"},
	} {
		if got := string(AppendNumber(nil, c.v)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.v, got, c.want)
		}
	}
}

// columnsOf returns a frame's numeric columns by name; y, cap and floor are nil if missing.
func columnsOf(f *prophet.Frame) map[string][]float64 {
	out := map[string][]float64{"y": f.Y, "cap": f.Cap, "floor": f.Floor}
	maps.Copy(out, f.Columns)
	return out
}

// For any text: no panic, columns as long as the dates, no infinity, and every error of KindInvalid.
func FuzzReadFrame(f *testing.F) {
	for _, text := range []string{
		"ds,y\n2024-01-01,1\n", "\xEF\xBB\xBFds,y,cap,floor,x\r\n20240101,NA,1,0,true\r\n", "ds\n\"2024-01-01\"\n", "ds,y\n2024,1e999\n",
		",ds,y\n0,2024-01-01 00:00:00+00:00,5\n", "ds,ds\n", "ds;y\n", "\"", "ds,\xff\n2024-01-01,0x1p-2\n",
	} {
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, y bool) {
		if _, err := ReadHolidays(bytes.NewReader(text)); err != nil && etf.KindOf(err) != etf.KindInvalid {
			t.Fatalf("holidays: %v", err)
		}
		frame, err := ReadFrame(bytes.NewReader(text), Columns{Y: y, Needed: []string{"x"}[:len(text)%2]})
		if err != nil {
			if etf.KindOf(err) != etf.KindInvalid {
				t.Fatalf("%v", err)
			}
			return
		}
		if y && frame.Y == nil {
			t.Fatal("no y")
		}
		for name, x := range columnsOf(frame) {
			if x != nil && len(x) != frame.Len() {
				t.Fatalf("%s has %d values for %d rows", name, len(x), frame.Len())
			}
			for i, v := range x {
				if math.IsInf(v, 0) {
					t.Fatalf("%s[%d] is infinite", name, i)
				}
			}
		}
	})
}

func TestWriteForecast(t *testing.T) {
	t.Parallel()
	fc := &prophet.Forecast{
		DS: []prophet.Stamp{prophet.DateOf(2024, time.January, 1), prophet.DateOf(2024, time.January, 2)}, Trend: []float64{1, 2}, Cap: []float64{9, 9},
		YhatLower: []float64{0.5, 1.5}, YhatUpper: []float64{1.5, 2.5}, TrendLower: []float64{1, 1.9}, TrendUpper: []float64{1, 2.1},
		Components: []prophet.Component{{Name: "additive_terms", Value: []float64{0.1, 1e-5}, Lower: []float64{0, 0}, Upper: []float64{1.0 / 3, 1e22}},
			{Name: "price, odd", Value: []float64{math.NaN(), -1}}},
		Yhat: []float64{1.1, 2.00001},
	}
	var b strings.Builder
	if err := WriteForecast(&b, fc, nil); err != nil {
		t.Fatal(err)
	}
	// The order is that of the original's predict (forecaster.py of prophet 1.3.0).
	const want = "ds,trend,cap,yhat_lower,yhat_upper,trend_lower,trend_upper,additive_terms,additive_terms_lower,additive_terms_upper,\"price, odd\",yhat\n" +
		"2024-01-01,1,9,0.5,1.5,1,1,0.1,0,0.3333333333333333,,1.1\n" +
		"2024-01-02,2,9,1.5,2.5,1.9,2.1,1e-05,0,1e+22,-1,2.00001\n"
	if b.String() != want {
		t.Errorf("got\n%s, want\n%s", b.String(), want)
	}
	back, err := ReadFrame(strings.NewReader(b.String()), Columns{Needed: fc.ColumnNames()[1:]})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range fc.ColumnNames()[1:] {
		for i, v := range fc.Column(name) {
			if got := columnsOf(back)[name][i]; got != v && !(math.IsNaN(v) && math.IsNaN(got)) {
				t.Errorf("%s[%d] reads back as %v, want %v", name, i, got, v)
			}
		}
	}
	fc.Quantiles = [][]float64{{0.5, 1}, {2, 3}}
	var more strings.Builder
	if err := WriteForecast(&more, fc, []float64{0.05, 0.5}); err != nil || more.String() != strings.NewReplacer(",yhat\n", ",yhat,yhat_q0.05,yhat_q0.5\n", ",1.1\n", ",1.1,0.5,2\n", ",2.00001\n", ",2.00001,1,3\n").Replace(want) {
		t.Errorf("with quantiles %v:\n%s", err, more.String())
	}
	if err := WriteForecast(io.Discard, fc, []float64{0.05}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("one level too few: %v", err)
	}
	broken := errors.New("disk full")
	if err := WriteForecast(writerFunc(func([]byte) (int, error) { return 0, broken }), fc, nil); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	fc.Yhat = fc.Yhat[:1]
	if err := WriteForecast(io.Discard, fc, nil); etf.KindOf(err) != etf.KindInternal {
		t.Errorf("a column that is too short: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
