package eodhd

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

func line(date, open, high, low, close, adjusted, volume string) string {
	return fmt.Sprintf(`{"date":%q,"open":%s,"high":%s,"low":%s,"close":%s,"adjusted_close":%s,"volume":%s}`, date, open, high, low, close, adjusted, volume)
}

func list(rows ...string) string { return "[" + strings.Join(rows, ",") + "]" }

func TestFetch(t *testing.T) {
	t.Parallel()
	body := list(
		line("2024-01-12", "50", "51", "49", "50", "25", "7"),
		line("2024-01-16", "50.1", "51", "50", "50.5", "25.0123", "2000"),
		line("2024-01-17", "50.1", "51", "50", "50.6", "null", "null"), line("2024-01-17", "50.1", "51", "50", "50.6", "null", "null"),
		line("2024-01-18", "null", "null", "null", "null", "null", "null"),
		line("2024-01-19", "null", "51", "49", "50", "25", "7"),
		line("2024-01-22", "50", "51", "49", "50", "25", "7"),
	)
	address := sourcetest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("api_token") != sourcetest.Secret || r.URL.Path != "/api/eod/SPY.US" {
			t.Errorf("request %s", r.URL)
		}
		if q.Del("api_token"); q.Encode() != "fmt=json&from=2024-01-16&order=a&period=d&to=2024-01-19" {
			t.Errorf("request %s", q.Encode())
		}
		sourcetest.Body(200, "application/json", body)(w, r)
	})
	got := sourcetest.Fetch(t, Name, open(address), sourcetest.Query("SPY", "2024-01-16", "2024-01-25", "2024-01-22T21:14:00Z"), ParseStored)
	if want := "2024-01-16 50.1 51 50 50.5 2000\n2024-01-17 50.1 51 50 50.6 -\n2024-01-17 50.1 51 50 50.6 -\n"; sourcetest.Show(got.Bars) != want {
		t.Errorf("bars:\n%swant:\n%s", sourcetest.Show(got.Bars), want)
	}
	if got.Bars[0].AdjClose != etf.MustPrice("25.0123") || got.Bars[1].AdjClose != 0 || got.Basis != etf.AsTraded || len(got.Covers) != 0 {
		t.Errorf("%+v", got)
	}
	if len(got.Defects) != 2 || !got.Defects[0].NoPrice || !got.Defects[1].NoPrice || got.Defects[1].Where != "$[5]" {
		t.Errorf("defects %+v", got.Defects)
	}
}

// A window without a beginning begins where the free plan's history does, unless the plan has more.
func TestWholeHistory(t *testing.T) {
	t.Parallel()
	for ref, from := range map[string]string{"VTI.US": "2023-01-24", "VTI.US?history=whole": "", "": "2023-01-24"} {
		asked := ""
		address := sourcetest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.Path + " " + r.URL.Query().Get("from")
			fmt.Fprint(w, "[]")
		})
		q := sourcetest.Query("VTI", "", "", "2024-01-23T12:00:00Z")
		q.Ref = ref
		if _, err := open(address).Fetch(t.Context(), q); err != nil || asked != "/api/eod/VTI.US "+from {
			t.Errorf("%q: %s, %v", ref, asked, err)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		symbol   etf.Symbol
		exchange etf.Exchange
		ref      string
		want     Ref // zero = refused
	}{
		{"SPY", etf.XNYS, "", Ref{"SPY.US", false, "USD"}}, {"BRK.B", etf.XNYS, "", Ref{"BRK-B.US", false, "USD"}},
		{"069500", etf.XKRX, "", Ref{"069500.KO", false, "KRW"}}, {"0000J0", etf.XKRX, "", Ref{"0000J0.KO", false, "KRW"}},
		{"SPY", etf.XNYS, "IVV.US", Ref{"IVV.US", false, "USD"}}, {"SPY", etf.XNYS, "SPY", Ref{}}, {"SPY", etf.XNYS, "../SPY.US", Ref{}},
		{"SPY", etf.XNYS, "SPY.US?history=all", Ref{}}, {"SPY", etf.XNYS, "SPY.US?depth=1", Ref{}}, {"1306", "XTKS", "", Ref{}},
		{"EXS1", etf.XETR, "", Ref{"EXS1.XETRA", false, ""}}, {"EXS1", etf.XETR, "EXS1.XETRA?currency=USD&history=whole", Ref{"EXS1.XETRA", true, "USD"}},
		{"VUSA", etf.XLON, "", Ref{}}, {"VUSA", etf.XLON, "VUSA.LSE", Ref{}}, {"VUSA", etf.XLON, "vusa.lse", Ref{}}, {"VUSA", etf.XLON, "VUSA.LSE?currency=pence", Ref{}},
		{"VUSA", etf.XLON, "VUSA.LSE?currency=GBP", Ref{"VUSA.LSE", false, "GBP"}}, {"VUSA", etf.XLON, "VUSA.LSE?history=whole&currency=GBX", Ref{"VUSA.LSE", true, "GBX"}},
	} {
		got, err := Reference(etf.Query{Symbol: c.symbol, Exchange: c.exchange, Ref: c.ref})
		if got != c.want || (err == nil) != (c.want != Ref{}) || err != nil && (etf.KindOf(err) != etf.KindInvalid || etf.Errors(err)[0].Field != "ref") {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
	if _, err := Reference(etf.Query{Symbol: "VUSA", Exchange: etf.XLON}); err == nil || !strings.Contains(err.Error(), "VUSA.LSE?currency=GBX") {
		t.Errorf("the remedy does not show how: %v", err)
	}
}

// Pounds of an ETF that is registered in pence are converted, and so they are when the stored body is parsed again; dollars are not taken for either.
func TestLondon(t *testing.T) {
	t.Parallel()
	address := sourcetest.Serve(t, sourcetest.Body(200, "application/json", list(line("2024-01-16", "70.1", "71", "70", "70.5", "70.5", "2000"))))
	for currency, want := range map[string]string{"GBX": "70.5", "GBP": "7050"} {
		q := sourcetest.Query("VUSA", "2024-01-16", "2024-01-16", "2024-01-22T21:14:00Z")
		q.Exchange, q.Currency, q.Ref = etf.XLON, "GBX", "VUSA.LSE?currency="+currency
		got := sourcetest.Fetch(t, Name, open(address), q, ParseStored)
		in, err := got.InCurrency(q.Currency)
		if err != nil || len(in.Bars) != 1 || in.Bars[0].Close.String() != want || in.Currency != "GBX" {
			t.Errorf("%s: %+v, %v", currency, in, err)
		}
		if strings.Contains(got.Request, "?currency") || !strings.HasSuffix(got.Request, "#currency="+currency) {
			t.Errorf("request %s", got.Request)
		}
	}
	// London closes at 16:30, and in winter that is UTC: the row is final 45 minutes later, as Yahoo's is.
	for asOf, rows := range map[string]int{"2024-01-16T17:14:59Z": 0, "2024-01-16T17:15:00Z": 1} {
		q := sourcetest.Query("VUSA", "2024-01-16", "2024-01-16", asOf)
		q.Exchange, q.Currency, q.Ref = etf.XLON, "GBX", "VUSA.LSE?currency=GBX"
		if got := sourcetest.Fetch(t, Name, open(address), q, ParseStored); len(got.Bars) != rows {
			t.Errorf("%s: %d rows, want %d", asOf, len(got.Bars), rows)
		}
	}
	// What an earlier release has stored states no currency.
	if got, err := ParseStored(etf.Query{Symbol: "VUSA", Exchange: etf.XLON, AsOf: time.Date(2024, 1, 22, 21, 0, 0, 0, time.UTC)}, etf.Fetch{Request: "https://eodhd.com/api/eod/VUSA.LSE?fmt=json"}, []byte("[]")); err != nil || got.Currency != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	good := sourcetest.Query("SPY", "2024-01-16", "2024-01-23", "2024-01-25T12:00:00Z")
	for field, edit := range map[string]func(*etf.Query){
		"ref": func(q *etf.Query) { q.Ref = "SPY" }, "as_of": func(q *etf.Query) { q.AsOf = time.Time{} }, "window": func(q *etf.Query) { q.Window.To = etf.MustSession("2024-01-02") },
	} {
		q := good
		edit(&q)
		if _, err := open("http://127.0.0.1:1").Fetch(t.Context(), q); etf.KindOf(err) != etf.KindInvalid || etf.Errors(err)[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := New(Options{BaseURL: "http://127.0.0.1:1"}).Fetch(t.Context(), good); etf.KindOf(err) != etf.KindDenied || !strings.Contains(err.Error(), "set ETFCAST_EODHD_KEY") {
		t.Errorf("no key: %v", err)
	}
}

const limited = "Data is limited by one year as you have free subscription"

func TestRefusals(t *testing.T) {
	t.Parallel()
	q := sourcetest.Query("SPY", "2020-01-16", "2024-01-22", "2024-01-23T14:40:00Z")
	midnight := time.Date(2024, 1, 24, 0, 0, 0, 0, time.UTC)
	good := line("2024-01-16", "50.1", "51", "50", "50.5", "25", "2000")
	sourcetest.Refusals(t, q, []sourcetest.Refusal{
		{Name: "nothing in the window", Status: 200, Body: `[]`},
		{Name: "cut to the plan, on every row", Status: 200, Body: list(strings.Replace(good, "{", `{"warning":"`+limited+`",`, 1)), Kind: etf.KindDenied, Says: "$[0].warning: EODHD left out what the plan of this key does not cover of SPY.US: " + limited},
		{Name: "cut to the plan, as the last row", Status: 200, Body: list(good, `{"warning":"`+limited+`"}`), Kind: etf.KindDenied, Says: "$[1].warning"},
		{Name: "cut to the plan, beside the rows", Status: 200, Body: `{"warning":"` + limited + `","data":[]}`, Kind: etf.KindDenied, Says: "$.warning"},
		{Name: "cut to the plan, in another spelling", Status: 200, Body: list(good, `{"Warning":["`+limited+`"]}`), Kind: etf.KindDenied, Says: "one year"},
		{Name: "bad token", Status: 401, MediaType: "text/plain", Body: `Unauthenticated`, Kind: etf.KindDenied, Says: "set ETFCAST_EODHD_KEY"},
		{Name: "bad token with status 200", Status: 200, Body: `{"message":"Unauthenticated."}`, Kind: etf.KindDenied, Says: "refuses the key"},
		{Name: "not in the plan", Status: 403, MediaType: "text/plain", Body: `Forbidden`, Kind: etf.KindDenied, Says: "plan does not cover SPY.US"},
		{Name: "not in the plan with status 200", Status: 200, Body: `{"error":"Only EOD data allowed for free users"}`, Kind: etf.KindDenied, Says: "plan does not cover SPY.US"},
		{Name: "unknown ticker", Status: 404, MediaType: "text/plain", Body: `Ticker Not Found.`, Kind: etf.KindNotFound, Says: "does not know SPY.US"},
		{Name: "unknown ticker as JSON", Status: 404, Body: `{"message":"Ticker not found"}`, Kind: etf.KindNotFound, Says: "etfcast etf edit"},
		{Name: "unknown address", Status: 404, MediaType: "text/html", Body: `<html>Not Found</html>`, Kind: etf.KindUnavailable, Says: "404"},
		{Name: "calls of the day", Status: 402, MediaType: "text/plain", Body: `You exceeded your daily API requests limit. Please contact support@eodhistoricaldata.com`, Kind: etf.KindRateLimited, Says: "daily API requests limit", Until: midnight},
		{Name: "calls of the day without words", Status: 402, Kind: etf.KindRateLimited, Says: "the day's calls are spent", Until: midnight},
		{Name: "calls of the day with status 200", Status: 200, Body: `{"message":"You exceeded your daily API requests limit"}`, Kind: etf.KindRateLimited, Says: "quota", Until: midnight},
		{Name: "calls of the minute", Status: 429, MediaType: "text/plain", Body: `Too Many Requests`, Kind: etf.KindRateLimited, Says: "too many requests", After: time.Minute},
		{Name: "calls of the minute as forbidden", Status: 403, Body: `{"message":"Rate limit exceeded"}`, Kind: etf.KindRateLimited, Says: "too many requests", After: time.Minute},
		{Name: "calls of the minute with a wait", Status: 429, Header: http.Header{"Retry-After": {"9"}}, Kind: etf.KindRateLimited, Says: "too many requests", After: 9 * time.Second},
		{Name: "bad parameter", Status: 422, Body: `{"errors":{"from":["The from field must be a date."]}}`, Kind: etf.KindInvalid, Says: "must be a date"},
		{Name: "500", Status: 500, Kind: etf.KindUnavailable, Says: "500"},
		{Name: "maintenance", Status: 200, MediaType: "text/html", Body: `<html>Maintenance`, Kind: etf.KindUnavailable, Says: "Maintenance"},
		{Name: "challenge", Status: 403, MediaType: "text/html", Body: `<html>Checking your browser`, Kind: etf.KindDenied, Says: "wants a browser"},
		{Name: "redirect", Status: 301, Header: http.Header{"Location": {"https://eodhd.com/login"}}, Kind: etf.KindDenied, Says: "redirects"},
		{Name: "cut off", Status: 200, Body: `[{"date":"2024-01-16","open":1`, Kind: etf.KindUnavailable, Says: "ends too early"},
		{Name: "empty", Status: 200, Kind: etf.KindUnavailable, Says: "empty"},
		{Name: "CSV", Status: 200, MediaType: "text/csv", Body: "Date,Open\n2024-01-16,1\n", Kind: etf.KindCorrupt, Says: "not valid JSON"},
		{Name: "an object", Status: 200, Body: `{"data":[]}`, Kind: etf.KindCorrupt, Says: "instead of a list"},
	}, open)
}

func TestChangedShapes(t *testing.T) {
	t.Parallel()
	row := map[string]any{"date": "2024-01-17", "open": 50.1, "high": 51.5, "low": 50.0, "close": 50.5, "adjusted_close": 25.5, "volume": 2000}
	first := line("2024-01-16", "50.1", "51", "50", "50.5", "25", "2000")
	changes := sourcetest.Rows(t, row, "["+first+",", "]", "$[1].", func(field string) bool { return field != "date" })
	changes = append(changes,
		sourcetest.Change{Name: "a row as a list", Body: `[[1,2,3]]`, Field: "$[0]"},
		sourcetest.Change{Name: "rows under a name", Body: `{"eod":[` + first + `]}`, Field: "$"},
		sourcetest.Change{Name: "another form of date", Body: list(line("16.01.2024", "50.1", "51", "50", "50.5", "25", "2000")), Field: "$[0]"},
	)
	q := sourcetest.Query("SPY", "2024-01-16", "2024-01-22", "2024-01-25T12:00:00Z")
	sourcetest.Changes(t, q, changes, open)
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", "["+strings.Replace(string(text), "{", `{"currency":"USD",`, 1)+"]"))).Fetch(t.Context(), q)
	if err != nil || len(got.Bars) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A genuine history passes the rules, also around a split that is not stated: it is proposed, not taken for a fall.
func TestAGenuineHistoryPasses(t *testing.T) {
	t.Parallel()
	var rows []string
	for _, b := range sourcetest.Walk(t, 250, etf.MustSession("2024-09-30"), 0, 1) {
		rows = append(rows, line(b.Session.String(), b.Open.String(), b.High.String(), b.Low.String(), b.Close.String(), b.Close.String(), b.Volume.String()))
	}
	for _, order := range []string{"oldest first", "newest first"} {
		q := sourcetest.Query("SPY", "", "2024-09-30", "2024-10-01T12:00:00Z")
		got := sourcetest.Fetch(t, Name, open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", list(rows...)))), q, ParseStored)
		if len(got.Bars) != 250 {
			t.Fatalf("%s: %d bars", order, len(got.Bars))
		}
		sourcetest.Passes(t, Name, q, got, 0, 0)
		slices.Reverse(rows)
	}
}

// A price that is none is never used, and no other row is lost by it; a number with an exponent is a number.
func TestUnusablePrices(t *testing.T) {
	t.Parallel()
	bars := sourcetest.Walk(t, 250, etf.MustSession("2024-09-30"), 0, 1)
	bad := bars[200].Session
	q := sourcetest.Query("SPY", "", "2024-09-30", "2024-10-01T12:00:00Z")
	fetch := func(close string) (etf.Response, error) {
		var rows []string
		for _, b := range bars {
			text := b.Close.String()
			if b.Session == bad {
				text = close
			}
			rows = append(rows, line(b.Session.String(), b.Open.String(), b.High.String(), b.Low.String(), text, b.Close.String(), b.Volume.String()))
		}
		return open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", list(rows...)))).Fetch(t.Context(), q)
	}
	for _, close := range append([]string{"0x32", "50,5", "NaN", "1e"}, sourcetest.Unusable...) {
		t.Run(close, func(t *testing.T) {
			got, err := fetch(close)
			sourcetest.KeepsOut(t, Name, q, bad, got, err)
		})
	}
	exponent := strings.Replace(bars[200].Close.String(), ".", "", 1) + "e-" + fmt.Sprint(len(bars[200].Close.String())-1-strings.Index(bars[200].Close.String(), "."))
	if got, err := fetch(exponent); err != nil || len(got.Bars) != 250 || got.Bars[200].Close != bars[200].Close {
		t.Errorf("%s: %v", exponent, err)
	}
}

func FuzzBody(f *testing.F) {
	good := line("2024-01-16", "50.1", "51", "50", "50.5", "25", "2000")
	for _, body := range []string{list(good), list(good, good), "[]", `{"message":"x"}`, "Ticker Not Found.", `[{"warning":1}]`, list(line("2024-01-17", "null", "1e9", "-1", "0", "null", "null"))} {
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
		if err := s.read(web.Response{Status: status, Body: []byte(body)}, "SPY.US", cal, window, time.Unix(1705900000, 0), &got); err != nil {
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
