package alphavantage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/sourcetest"
	"github.com/etfcast/etfcast/source"
	"github.com/etfcast/etfcast/source/web"
)

var _ source.Source = New(Options{})

func open(address string) sourcetest.Fetcher {
	return New(Options{BaseURL: address, Key: sourcetest.Key})
}

const before = `{"Meta Data":{"1. Information":"Daily Prices (open, high, low, close) and Volumes","2. Symbol":"SPY","3. Last Refreshed":"2024-01-22","4. Output Size":"Compact","5. Time Zone":"US/Eastern"},"Time Series (Daily)":{`

func day(date, open, high, low, close, volume string) string {
	return fmt.Sprintf(`%q:{"1. open":%q,"2. high":%q,"3. low":%q,"4. close":%q,"5. volume":%q}`, date, open, high, low, close, volume)
}

func series100(days ...string) string { return before + strings.Join(days, ",") + "}}" }

func asCSV(lines ...string) string {
	return "timestamp,open,high,low,close,volume\r\n" + strings.Join(lines, "\r\n") + "\r\n"
}

func TestFetch(t *testing.T) {
	t.Parallel()
	inJSON := series100(
		day("2024-01-23", "50", "51", "49", "50", "7"), // still open
		day("2024-01-22", "50.1000", "51", "50", "50.5", "2000"),
		day("2024-01-19", "50", "51", "49", "None", "7"),
		day("2024-01-18", "50", "51", "49", "50.25", ""),
		day("2024-01-17", "50", "51", "49", "50.2", "7"), day("2024-01-17", "50", "51", "49", "50.2", "7"), // twice
		day("2024-01-12", "50", "51", "49", "50", "7"), // before the window
	)
	inCSV := asCSV("2024-01-23,50,51,49,50,7", "2024-01-22,50.1000,51,50,50.5,2000", "2024-01-19,50,51,49,,7", "2024-01-18,50,51,49,50.25,", "2024-01-17,50,51,49,50.2,7",
		"2024-01-17,50,51,49,50.2,7", "2024-01-12,50,51,49,50,7")
	for name, c := range map[string]struct{ mediaType, body, where string }{
		"JSON": {"application/json", inJSON, `$["Time Series (Daily)"].2024-01-19`}, "CSV": {"application/x-download", inCSV, "line 4, column timestamp"},
	} {
		address := sourcetest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			if q.Get("apikey") != sourcetest.Secret || r.URL.Path != "/query" {
				t.Errorf("request %s", r.URL)
			}
			if q.Del("apikey"); q.Encode() != "datatype=json&function=TIME_SERIES_DAILY&outputsize=compact&symbol=SPY" {
				t.Errorf("request %s", q.Encode())
			}
			sourcetest.Body(200, c.mediaType, c.body)(w, r)
		})
		q := sourcetest.Query("SPY", "2024-01-16", "", "2024-01-23T20:00:00Z")
		got := sourcetest.Fetch(t, Name, open(address), q, ParseStored)
		if want := "2024-01-17 50 51 49 50.2 7\n2024-01-17 50 51 49 50.2 7\n2024-01-18 50 51 49 50.25 -\n2024-01-22 50.1 51 50 50.5 2000\n"; sourcetest.Show(got.Bars) != want {
			t.Errorf("%s: bars:\n%swant:\n%s", name, sourcetest.Show(got.Bars), want)
		}
		if len(got.Defects) != 1 || !got.Defects[0].NoPrice || got.Defects[0].Where != c.where || got.Basis != etf.AsTraded || len(got.Covers) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// All of the window is older than what there is.
	if got, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", inJSON))).Fetch(t.Context(), sourcetest.Query("SPY", "2020-01-02", "2020-02-03", "2024-01-23T20:00:00Z")); err != nil || len(got.Bars)+len(got.Defects) > 0 {
		t.Errorf("an older window: %+v, %v", got, err)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	good := sourcetest.Query("SPY", "2024-01-16", "2024-01-23", "2024-01-25T12:00:00Z")
	for field, edit := range map[string]func(*etf.Query){
		"ref": func(q *etf.Query) { q.Ref = "SPY&outputsize=full" }, "exchange": func(q *etf.Query) { q.Exchange = etf.XKRX },
		"as_of": func(q *etf.Query) { q.AsOf = time.Time{} }, "window": func(q *etf.Query) { q.Window.To = etf.MustSession("2024-01-02") },
	} {
		q := good
		edit(&q)
		if _, err := open("http://127.0.0.1:1").Fetch(t.Context(), q); etf.KindOf(err) != etf.KindInvalid || etf.Errors(err)[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := New(Options{BaseURL: "http://127.0.0.1:1"}).Fetch(t.Context(), good); etf.KindOf(err) != etf.KindDenied || !strings.Contains(err.Error(), "set ETFCAST_ALPHAVANTAGE_KEY") {
		t.Errorf("no key: %v", err)
	}
}

// Every refusal comes with status 200, and as JSON whatever was asked for.
func TestRefusals(t *testing.T) {
	t.Parallel()
	q := sourcetest.Query("SPY", "2024-01-16", "2024-01-22", "2024-01-23T14:40:00Z")
	midnight := time.Date(2024, 1, 24, 5, 0, 0, 0, time.UTC)
	said := func(field, text string) string {
		b, err := json.Marshal(map[string]string{field: text})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	sourcetest.Refusals(t, q, []sourcetest.Refusal{
		{Name: "unknown symbol", Status: 200, Body: said("Error Message", "Invalid API call. Please retry or visit the documentation (https://www.alphavantage.co/documentation/) for TIME_SERIES_DAILY."), Kind: etf.KindNotFound, Says: "does not know SPY"},
		{Name: "bad key", Status: 200, Body: said("Error Message", "the parameter apikey is invalid or missing. Please claim your free API key on (https://www.alphavantage.co/support/#api-key)."), Kind: etf.KindDenied, Says: "set ETFCAST_ALPHAVANTAGE_KEY"},
		{Name: "the demo key", Status: 200, Body: said("Information", "The **demo** API key is for demo purposes only. Please claim your free API key at (https://www.alphavantage.co/support/#api-key) to explore our full API offerings."), Kind: etf.KindDenied, Says: "refuses the key"},
		{Name: "quota", Status: 200, Body: said("Information", "We have detected your API key as "+sourcetest.Secret+" and our standard API rate limit is 25 requests per day. Please subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly remove all daily rate limits."),
			Kind: etf.KindRateLimited, Says: "detected your API key as ***", Until: midnight},
		{Name: "quota as CSV was asked for", Status: 200, MediaType: "application/x-download", Body: said("Information", "our standard API rate limit is 25 requests per day"), Kind: etf.KindRateLimited, Says: "quota", Until: midnight},
		{Name: "quota of 2020", Status: 200, Body: said("Note", "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and 500 calls per day. Please visit https://www.alphavantage.co/premium/ if you would like to target a higher API call frequency."),
			Kind: etf.KindRateLimited, Says: "quota", Until: midnight},
		{Name: "quota as text with 403", Status: 403, MediaType: "text/plain", Body: "our standard API rate limit is 25 requests per day", Kind: etf.KindRateLimited, Says: "quota", Until: midnight},
		{Name: "quota as text", Status: 200, MediaType: "text/plain", Body: "our standard API rate limit is 25 requests per day", Kind: etf.KindRateLimited, Says: "quota", Until: midnight},
		{Name: "pace", Status: 200, Body: said("Information", "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more sparingly (1 request per second). You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to lift the free key rate limit (25 requests per day), raise the per-second burst limit, and instantly unlock all premium endpoints"),
			Kind: etf.KindRateLimited, Says: "too many requests", After: 2 * time.Second},
		{Name: "pace by the minute", Status: 200, Body: said("Note", "Our standard API call frequency is 5 calls per minute."), Kind: etf.KindRateLimited, Says: "too many requests", After: time.Minute},
		{Name: "premium parameter", Status: 200, Body: said("Information", "Thank you for using Alpha Vantage! The outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY endpoint. You may subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly unlock all premium features"),
			Kind: etf.KindDenied, Says: "free plan does not cover"},
		{Name: "premium endpoint", Status: 200, Body: said("Information", "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any of the premium plans"), Kind: etf.KindDenied, Says: "free plan"},
		{Name: "unknown words", Status: 200, Body: said("Information", "Hello."), Kind: etf.KindDenied, Says: "Hello."},
		{Name: "unknown error", Status: 200, Body: said("Error Message", "No such thing."), Kind: etf.KindInvalid, Says: "No such thing."},
		{Name: "trouble", Status: 200, Body: said("Error Message", "Error getting data. Please try again later."), Kind: etf.KindUnavailable, Says: "is down"},
		{Name: "an empty object", Status: 200, Body: `{}`, Kind: etf.KindUnavailable, Says: "empty object"},
		{Name: "empty", Status: 200, Kind: etf.KindUnavailable, Says: "empty body"},
		{Name: "no row", Status: 200, Body: series100()},
		{Name: "429", Status: 429, Header: http.Header{"Retry-After": {"7"}}, Kind: etf.KindRateLimited, Says: "too many", After: 7 * time.Second},
		{Name: "502", Status: 502, MediaType: "text/html", Body: `<html>Bad gateway`, Kind: etf.KindUnavailable, Says: "502"},
		{Name: "503 as broken JSON", Status: 503, Body: `{"err`, Kind: etf.KindUnavailable, Says: "503"},
		{Name: "403", Status: 403, Body: `forbidden`, Kind: etf.KindDenied, Says: "403"},
		{Name: "maintenance", Status: 200, MediaType: "text/html", Body: `<html>We will be right back`, Kind: etf.KindUnavailable, Says: "right back"},
		{Name: "challenge", Status: 200, MediaType: "text/html", Body: `<html>captcha`, Kind: etf.KindDenied, Says: "browser"},
		{Name: "cut off", Status: 200, Body: before + `"2024-01-16":{"1. op`, Kind: etf.KindUnavailable, Says: "ends too early"},
		{Name: "CSV cut off", Status: 200, MediaType: "text/csv", Body: "timestamp,open,high,low,close,volume\r\n2024-01-22,50,51,4", Kind: etf.KindUnavailable, Says: "ends too early, in line 2"},
		{Name: "text", Status: 200, MediaType: "text/plain", Body: "hello\n", Kind: etf.KindCorrupt, Says: "line 1, column timestamp"},
	}, open)
}

func TestChangedShapes(t *testing.T) {
	t.Parallel()
	row := map[string]any{"1. open": "50.1", "2. high": "51.5", "3. low": "50.0", "4. close": "50.5", "5. volume": "2000"}
	first := day("2024-01-22", "50.1", "51", "50", "50.5", "2000")
	changes := sourcetest.Rows(t, row, before+first+`,"2024-01-19":`, "}}", "", func(string) bool { return true })
	for i := range changes { // names with a space are quoted
		changes[i].Field = fmt.Sprintf(`$["Time Series (Daily)"].2024-01-19[%q]`, changes[i].Field)
	}
	edit := func(name, old, text, field string) {
		changes = append(changes, sourcetest.Change{Name: name, Body: strings.Replace(series100(first), old, text, 1), Field: field})
	}
	edit("series renamed", "Time Series (Daily)", "Daily Time Series", `$["Time Series (Daily)"]`)
	edit("meta data renamed", "Meta Data", "Meta", `$["Meta Data"]`)
	edit("symbol renamed", "2. Symbol", "2. symbol", `$["Meta Data"]["2. Symbol"]`)
	edit("another symbol", `"SPY"`, `"SPYX"`, `$["Meta Data"]["2. Symbol"]`)
	edit("another zone", "US/Eastern", "Asia/Seoul", `$["Meta Data"]["5. Time Zone"]`)
	edit("zone as a number", `"US/Eastern"`, "5", `$["Meta Data"]["5. Time Zone"]`)
	edit("another form of date", "2024-01-22\":{", "01/22/2024\":{", `$["Time Series (Daily)"].01/22/2024`)
	edit("a row as a list", first, `"2024-01-22":[1,2]`, `$["Time Series (Daily)"].2024-01-22`)
	changes = append(changes,
		sourcetest.Change{Name: "a list", Body: `[` + series100(first) + `]`, Field: "$"},
		sourcetest.Change{Name: "series as a list", Body: before[:len(before)-1] + `[]}`, Field: `$["Time Series (Daily)"]`},
		sourcetest.Change{Name: "CSV column renamed", Body: strings.Replace(asCSV("2024-01-22,50,51,49,50,7"), "close", "last", 1), Field: "line 1, column close"},
		sourcetest.Change{Name: "CSV column removed", Body: "timestamp,open,high,low,close\r\n2024-01-22,50,51,49,50\r\n", Field: "line 1, column volume"},
		sourcetest.Change{Name: "CSV row longer", Body: asCSV("2024-01-22,50,51,49,50,7,8", "2024-01-19,50,51,49,50,7"), Field: "line 2"},
		sourcetest.Change{Name: "CSV dates in another form", Body: asCSV("22/01/2024,50,51,49,50,7"), Field: "line 2, column timestamp"},
	)
	q := sourcetest.Query("SPY", "2024-01-16", "2024-01-22", "2024-01-25T12:00:00Z")
	sourcetest.Changes(t, q, changes, open)
	// What is added changes nothing.
	for _, body := range []string{
		strings.Replace(series100(strings.Replace(first, "{", `{"6. new":{"a":1},`, 1)), "{", `{"new":[1],`, 1),
		"timestamp,open,high,low,close,volume,new\n2024-01-22,50.1,51,50,50.5,2000,x\n",
	} {
		got, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", body))).Fetch(t.Context(), q)
		if err != nil || sourcetest.Show(got.Bars) != "2024-01-22 50.1 51 50 50.5 2000\n" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// A row that has text instead of a number is left out, and said so.
func TestOneBadRow(t *testing.T) {
	t.Parallel()
	body := series100(day("2024-01-22", "50.1", "51", "50", "n/a?", "2000"), day("2024-01-19", "50", "51", "49", "50", "-5"))
	got, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", body))).Fetch(t.Context(), sourcetest.Query("SPY", "2024-01-16", "2024-01-22", "2024-01-25T12:00:00Z"))
	if err != nil || sourcetest.Show(got.Bars) != "2024-01-19 50 51 49 50 -\n" || len(got.Defects) != 2 || got.Defects[0].NoPrice || !got.Defects[1].Side {
		t.Errorf("%+v, %v", got, err)
	}
}

// A price that is none is never used, and no other row is lost by it.
func TestUnusablePrices(t *testing.T) {
	t.Parallel()
	bars := sourcetest.Walk(t, 100, etf.MustSession("2024-09-30"), 0, 1)
	bad := bars[70].Session
	q := sourcetest.Query("SPY", "", "2024-09-30", "2024-10-01T12:00:00Z")
	for _, close := range append([]string{"0x32", "50,5", "NaN", "1e", "", " ", "-", "Infinity", "50.5 USD", "٥٠"}, sourcetest.Unusable...) {
		t.Run(close, func(t *testing.T) {
			var days []string
			for _, b := range bars {
				text := b.Close.String()
				if b.Session == bad {
					text = close
				}
				days = append(days, day(b.Session.String(), b.Open.String(), b.High.String(), b.Low.String(), text, b.Volume.String()))
			}
			got, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", series100(days...)))).Fetch(t.Context(), q)
			sourcetest.KeepsOut(t, Name, q, bad, got, err)
		})
	}
}

// A genuine history passes the rules.
func TestAGenuineHistoryPasses(t *testing.T) {
	t.Parallel()
	var days []string
	for _, b := range sourcetest.Walk(t, 100, etf.MustSession("2024-09-30"), 0, 1) {
		days = append(days, day(b.Session.String(), b.Open.String(), b.High.String(), b.Low.String(), b.Close.String(), b.Volume.String()))
	}
	slices.Reverse(days)
	q := sourcetest.Query("SPY", "", "2024-09-30", "2024-10-01T12:00:00Z")
	got := sourcetest.Fetch(t, Name, open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", series100(days...)))), q, ParseStored)
	if len(got.Bars) != 100 {
		t.Fatalf("%d bars", len(got.Bars))
	}
	sourcetest.Passes(t, Name, q, got, 0, 0)
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	for _, symbol := range []string{"SPY", "TLT"} {
		body := sourcetest.Real(t, "recorded", "alphavantage", symbol+".csv")
		q := sourcetest.Query(etf.Symbol(symbol), "", "", "2026-08-22T12:00:00Z")
		got := sourcetest.Fetch(t, Name, open(sourcetest.Serve(t, sourcetest.Body(200, "application/x-download", body))), q, ParseStored)
		if len(got.Bars) != 100 || len(got.Defects) != 0 || got.Bars[99].Session != etf.MustSession("2026-08-21") {
			t.Errorf("%s: %d bars, %v", symbol, len(got.Bars), got.Defects)
		}
		sourcetest.Passes(t, Name, q, got, 0, 0)
	}
}

func FuzzBody(f *testing.F) {
	good := day("2024-01-22", "50.1", "51", "50", "50.5", "2000")
	for _, body := range []string{series100(good), series100(good, good), "{}", `{"Note":"per day"}`, asCSV("2024-01-22,50,51,49,50,7"), "timestamp\n", before, asCSV("2024-01-22,,1e9,-1,0,")} {
		f.Add(200, body)
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		f.Fatal(err)
	}
	window := etf.Window{From: etf.MustSession("2024-01-02"), To: etf.MustSession("2024-02-02")}
	s := New(Options{})
	f.Fuzz(func(t *testing.T, status int, body string) {
		var got etf.Response
		if err := s.read(web.Response{Status: status, Body: []byte(body)}, "SPY", cal, window, time.Unix(1705900000, 0), &got); err != nil {
			if etf.KindOf(err) == etf.KindInternal {
				t.Errorf("an error without a kind: %v", err)
			}
			return
		}
		for _, b := range got.Bars {
			if !window.Contains(b.Session) || b.Close == 0 && !strings.Contains(body, "0") {
				t.Errorf("bar %+v", b)
			}
		}
		for _, d := range got.Defects {
			if d.Where == "" || d.Reason == "" || len(d.Text) > etf.MaxDefectText {
				t.Errorf("defect %+v", d)
			}
		}
	})
}
