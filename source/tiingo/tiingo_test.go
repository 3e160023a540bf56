package tiingo

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

// line is a row as Tiingo sends it. The numbers are invented.
func line(date, open, high, low, close, volume, cash, factor string) string {
	return fmt.Sprintf(`{"date":%q,"close":%s,"high":%s,"low":%s,"open":%s,"volume":%s,"adjClose":%[2]s,"adjHigh":%[3]s,"adjLow":%[4]s,"adjOpen":%[5]s,"adjVolume":%[6]s,"divCash":%s,"splitFactor":%s}`,
		date, close, high, low, open, volume, cash, factor)
}

func list(rows ...string) string { return "[" + strings.Join(rows, ",") + "]" }

func TestFetch(t *testing.T) {
	t.Parallel()
	body := list(
		line("2024-01-12T00:00:00.000Z", "99", "102", "98.5", "101.25", "1000", "0.0", "1.0"), // before the window
		line("2024-01-16T00:00:00+00:00", "50.1", "51", "50", "50.5", "2000.5", "0.0", "2.0"), // as dates were written in 2018
		line("2024-01-17T00:00:00.000Z", "50.1", "51.123456", "50", "50.5", "2e3", "0.23", "1.0"),
		line("2024-01-17T00:00:00.000Z", "50.1", "51.123456", "50", "50.5", "2e3", "0.23", "1.0"), // twice: for the rules to judge
		line("2024-01-18T00:00:00.000Z", "null", "null", "null", "null", "null", "0.0", "1.0"),
		line("2024-01-19T00:00:00.000Z", "50", "51", "49", "null", "7", "0.0", "1.0"),
		line("2024-01-20T00:00:00.000Z", "null", "null", "null", "null", "0", "0.0", "1.0"), // a Saturday
		line("2024-01-22T00:00:00.000Z", "50", "51", "49", "50", "-7", "0.0", "1.0"),
		line("2024-01-23T00:00:00.000Z", "50", "51", "49", "50", "7", "9.9", "1.0"), // still open
	)
	address := sourcetest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if want := "/tiingo/daily/BRK-B/prices?endDate=2024-01-22&format=json&resampleFreq=daily&startDate=2024-01-16"; r.URL.String() != want || r.Header.Get("Authorization") != "Token "+sourcetest.Secret {
			t.Errorf("request %s %v, want %s", r.URL, r.Header, want)
		}
		sourcetest.Body(200, "application/json", body)(w, r)
	})
	q := sourcetest.Query("BRK.B", "2024-01-16", "2024-01-23", "2024-01-23T21:14:59Z")
	got := sourcetest.Fetch(t, Name, open(address), q, ParseStored)
	if want := "2024-01-16 50.1 51 50 50.5 2000.5\n2024-01-17 50.1 51.123456 50 50.5 2000\n2024-01-17 50.1 51.123456 50 50.5 2000\n2024-01-22 50 51 49 50 -\n"; sourcetest.Show(got.Bars) != want {
		t.Errorf("bars:\n%swant:\n%s", sourcetest.Show(got.Bars), want)
	}
	wantActions := []etf.Action{
		{Kind: etf.Split, Ex: etf.MustSession("2024-01-16"), Numerator: 2, Denominator: 1},
		{Kind: etf.Dividend, Ex: etf.MustSession("2024-01-17"), Amount: etf.MustPrice("0.23")},
	}
	if !slices.Equal(got.Actions, wantActions) || !slices.Equal(got.Covers, []etf.ActionKind{etf.Split, etf.Dividend}) || got.Basis != etf.AsTraded || got.Bars[0].AdjClose != etf.MustPrice("50.5") {
		t.Errorf("%+v", got)
	}
	var defects []string
	for _, d := range got.Defects {
		defects = append(defects, fmt.Sprintf("%s %s %s %v %v", d.Where, d.Session, d.Reason, d.NoPrice, d.Side))
	}
	if want := []string{"$[4] 2024-01-18 no price true false", "$[5] 2024-01-19 no price: close true false", "$[7] 2024-01-22 not a number: volume, in 1 rows; it is left out false true"}; !slices.Equal(defects, want) {
		t.Errorf("defects %q, want %q", defects, want)
	}
	// A minute later the session counts.
	q.AsOf = q.AsOf.Add(time.Minute)
	later := sourcetest.Fetch(t, Name, open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", body))), q, ParseStored)
	if n := len(later.Bars); n != len(got.Bars)+1 || len(later.Actions) != 3 {
		t.Errorf("after the close: %d bars, %v", n, later.Actions)
	}
}

// A window whose sessions have not closed costs no request.
func TestNothingHasClosed(t *testing.T) {
	t.Parallel()
	address := sourcetest.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was made") })
	got, err := open(address).Fetch(t.Context(), sourcetest.Query("SPY", "2024-01-23", "", "2024-01-23T20:00:00Z"))
	if err != nil || len(got.Bars) > 0 || got.Request != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Without a beginning, the whole history is asked for: without dates, Tiingo would send the last row only.
func TestWholeHistory(t *testing.T) {
	t.Parallel()
	asked := ""
	address := sourcetest.Serve(t, func(w http.ResponseWriter, r *http.Request) { asked = r.URL.RawQuery; fmt.Fprint(w, "[]") })
	if _, err := open(address).Fetch(t.Context(), sourcetest.Query("SPY", "", "", "2024-01-23T12:00:00Z")); err != nil || !strings.Contains(asked, "startDate=1970-01-01") || !strings.Contains(asked, "endDate=2024-01-22") {
		t.Errorf("%s, %v", asked, err)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	good := sourcetest.Query("SPY", "2024-01-16", "2024-01-23", "2024-01-25T12:00:00Z")
	for field, edit := range map[string]func(*etf.Query){
		"ref": func(q *etf.Query) { q.Ref = "../SPY" }, "exchange": func(q *etf.Query) { q.Exchange = etf.XKRX },
		"as_of": func(q *etf.Query) { q.AsOf = time.Time{} }, "window": func(q *etf.Query) { q.Window.To = etf.MustSession("2024-01-02") },
	} {
		q := good
		edit(&q)
		if _, err := open("http://127.0.0.1:1").Fetch(t.Context(), q); etf.KindOf(err) != etf.KindInvalid || etf.Errors(err)[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := New(Options{BaseURL: "http://127.0.0.1:1"}).Fetch(t.Context(), good); etf.KindOf(err) != etf.KindDenied || !strings.Contains(err.Error(), "set ETFCAST_TIINGO_KEY") {
		t.Errorf("no key: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	q := sourcetest.Query("SPY", "2024-01-16", "2024-01-22", "2024-01-23T14:40:00Z") // 09:40 in New York
	midnight := time.Date(2024, 1, 24, 5, 0, 0, 0, time.UTC)
	sourcetest.Refusals(t, q, []sourcetest.Refusal{
		{Name: "nothing in the window", Status: 200, Body: `[]`},
		{Name: "unknown ticker", Status: 404, Body: `{"detail":"Not found."}`, Kind: etf.KindNotFound, Says: "does not know SPY"},
		{Name: "unknown ticker with its name", Status: 404, Body: `{"detail":"Error: Ticker 'SPYX' not found"}`, Kind: etf.KindNotFound, Says: "etfcast etf edit"},
		{Name: "unknown address", Status: 404, MediaType: "text/html", Body: `<html>Not found</html>`, Kind: etf.KindUnavailable, Says: "404"},
		{Name: "bad token", Status: 401, Body: `{"detail":"Invalid token."}`, Kind: etf.KindDenied, Says: "set ETFCAST_TIINGO_KEY"},
		{Name: "bad token as 403", Status: 403, Body: `{"detail":"Invalid token."}`, Kind: etf.KindDenied, Says: "check the key"},
		{Name: "bad token with status 200", Status: 200, Body: `{"detail":"Please supply a token"}`, Kind: etf.KindDenied, Says: "refuses the key"},
		{Name: "plan with status 200", Status: 200, Body: `{"detail":"You do not have permission to access this API"}`, Kind: etf.KindDenied, Says: "plan"},
		{Name: "symbols of the month", Status: 200, MediaType: "text/plain", Body: `You have run over your 500 symbol look up for this month. Please upgrade at https://api.tiingo.com/pricing to have your limits increased.`,
			Kind: etf.KindRateLimited, Says: "for this month", Until: midnight},
		{Name: "requests of the day", Status: 200, MediaType: "text/plain", Body: `Error: You have run over your daily request allocation.`, Kind: etf.KindRateLimited, Says: "daily", Until: midnight},
		{Name: "requests of the day as JSON", Status: 429, Body: `{"detail":"Error: You have run over your daily request allocation."}`, Kind: etf.KindRateLimited, Says: "daily", Until: midnight},
		{Name: "requests of the hour", Status: 200, MediaType: "text/plain", Body: `Error: You have run over your hourly request allocation.`, Kind: etf.KindRateLimited, Says: "hourly", After: 20 * time.Minute},
		{Name: "requests of the hour as 429", Status: 429, Body: `{"detail":"You have run over your hourly request allocation."}`, Kind: etf.KindRateLimited, Says: "hourly", After: 20 * time.Minute},
		{Name: "429", Status: 429, Header: http.Header{"Retry-After": {"90"}}, Kind: etf.KindRateLimited, Says: "too many requests", After: 90 * time.Second},
		{Name: "500", Status: 500, Kind: etf.KindUnavailable, Says: "500"},
		{Name: "503 with Retry-After", Status: 503, Header: http.Header{"Retry-After": {"5"}}, Kind: etf.KindUnavailable, Says: "503", After: 5 * time.Second},
		{Name: "bad request", Status: 400, Body: `{"detail":"bad startDate"}`, Kind: etf.KindInvalid, Says: "bad startDate"},
		{Name: "maintenance", Status: 200, MediaType: "text/html", Body: `<html>Down for maintenance</html>`, Kind: etf.KindUnavailable, Says: "maintenance"},
		{Name: "challenge", Status: 200, MediaType: "text/html", Body: `<!DOCTYPE html><title>Just a moment...</title>`, Kind: etf.KindDenied, Says: "wants a browser"},
		{Name: "redirect", Status: 302, Header: http.Header{"Location": {"https://www.tiingo.com/login"}}, Kind: etf.KindDenied, Says: "redirects to www.tiingo.com"},
		{Name: "cut off", Status: 200, Body: `[{"date":"2024-01-16T00:00:00.000Z","close":1`, Kind: etf.KindUnavailable, Says: "ends too early"},
		{Name: "empty", Status: 200, Kind: etf.KindUnavailable, Says: "empty"},
		{Name: "unknown words", Status: 200, MediaType: "text/plain", Body: `None`, Kind: etf.KindCorrupt, Says: "text instead of rows: None"},
		{Name: "another endpoint", Status: 200, Body: `{"ticker":"AOR","name":"iShares Core Growth Allocation ETF","description":"upgrade, token, rate limit","startDate":"2008-11-04"}`, Kind: etf.KindCorrupt, Says: "$: Tiingo sent an object instead of a list"},
		{Name: "text as JSON", Status: 200, Body: `"You have run over your hourly request allocation."`, Kind: etf.KindRateLimited, Says: "hourly", After: 20 * time.Minute},
		{Name: "a number", Status: 200, Body: `0`, Kind: etf.KindCorrupt, Says: "instead of a list"},
		{Name: "an object", Status: 200, Body: `{"data":[]}`, Kind: etf.KindCorrupt, Says: "$: Tiingo sent an object instead of a list"},
		{Name: "no JSON", Status: 200, Body: `[{"date":NaN}]`, Kind: etf.KindCorrupt, Says: "$[0].date"},
		{Name: "the key repeated", Status: 400, Body: `{"detail":"bad token ` + sourcetest.Secret + `"}`, Kind: etf.KindInvalid, Says: "***"},
	}, open)
}

// A response in another shape is refused, and the error names the field and its place.
func TestChangedShapes(t *testing.T) {
	t.Parallel()
	row := map[string]any{"date": "2024-01-17T00:00:00.000Z", "open": 50.1, "high": 51.5, "low": 50.0, "close": 50.5, "volume": 2000, "adjOpen": 50.1, "adjHigh": 51.5, "adjLow": 50.0,
		"adjClose": 50.5, "adjVolume": 2000, "divCash": 0.0, "splitFactor": 1.0}
	first := line("2024-01-16T00:00:00.000Z", "50.1", "51", "50", "50.5", "2000", "0.0", "1.0")
	changes := sourcetest.Rows(t, row, "["+first+",", "]", "$[1].", func(field string) bool { return field != "date" })
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	changes = append(changes,
		sourcetest.Change{Name: "a row as a list", Body: `[[1,2,3]]`, Field: "$[0]"},
		sourcetest.Change{Name: "a row as text", Body: `[` + first + `,"2024-01-17"]`, Field: "$[1]"},
		sourcetest.Change{Name: "rows under a name", Body: `{"prices":[` + first + `]}`, Field: "$"},
		sourcetest.Change{Name: "two values", Body: `[` + first + `][]`, Field: "$"},
		sourcetest.Change{Name: "instants instead of dates", Body: strings.ReplaceAll("["+string(text)+"]", "T00:00:00.000Z", "T01:00:00.000Z"), Field: "$[0]"},
		sourcetest.Change{Name: "midnight in another time zone", Body: strings.ReplaceAll("["+string(text)+"]", "T00:00:00.000Z", "T00:00:00+09:00"), Field: "$[0]"},
		sourcetest.Change{Name: "another form of date", Body: strings.ReplaceAll("["+string(text)+"]", "2024-01-17T", "17/01/2024 "), Field: "$[0]"},
	)
	q := sourcetest.Query("SPY", "2024-01-16", "2024-01-22", "2024-01-25T12:00:00Z")
	sourcetest.Changes(t, q, changes, open)
	if len(changes) < 80 {
		t.Errorf("only %d changes", len(changes))
	}
	// A field that is added changes nothing.
	more := strings.Replace(string(text), "{", `{"currency":"USD","nested":{"a":[1,null]},`, 1)
	got, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", "["+more+"]"))).Fetch(t.Context(), q)
	if err != nil || len(got.Bars) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What a row does not say about actions is not taken for none.
func TestUnreadableActions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cash, factor string
		covers       []etf.ActionKind
		where        string
	}{
		{"null", "1.0", []etf.ActionKind{etf.Split}, "$[0].divCash"},
		{"-0.5", "1.0", []etf.ActionKind{etf.Split}, "$[0].divCash"},
		{"0.0", "null", []etf.ActionKind{etf.Dividend}, "$[0].splitFactor"},
		{"0.0", "0.0", []etf.ActionKind{etf.Dividend}, "$[0].splitFactor"},
		{"0.0", "1e300", []etf.ActionKind{etf.Dividend}, "$[0].splitFactor"},
	} {
		body := list(line("2024-01-16T00:00:00.000Z", "50", "51", "50", "50.5", "2000", c.cash, c.factor))
		got, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", body))).Fetch(t.Context(), sourcetest.Query("SPY", "2024-01-16", "2024-01-22", "2024-01-25T12:00:00Z"))
		if err != nil || len(got.Bars) != 1 || len(got.Actions) != 0 || !slices.Equal(got.Covers, c.covers) || len(got.Defects) != 1 ||
			got.Defects[0].Where != c.where || !got.Defects[0].Side || !got.Defects[0].Action {
			t.Errorf("divCash %s, splitFactor %s: %+v, %v", c.cash, c.factor, got, err)
		}
	}
}

func TestOneBadRow(t *testing.T) {
	t.Parallel()
	good := line("2024-01-16T00:00:00.000Z", "50", "51", "50", "50.5", "2000", "0.0", "1.0")
	for name, bad := range map[string]string{
		"the date is not one": line("someday", "50", "51", "50", "50.5", "2000", "0.0", "1.0"),
		"not a number: close": line("2024-01-17T00:00:00.000Z", "50", "51", "50", "1e300", "2000", "0.0", "1.0"),
	} {
		got, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", list(good, bad)))).Fetch(t.Context(), sourcetest.Query("SPY", "2024-01-16", "2024-01-22", "2024-01-25T12:00:00Z"))
		if err != nil || len(got.Bars) != 1 || len(got.Defects) != 1 || got.Defects[0].NoPrice || !strings.Contains(got.Defects[0].Reason, name) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// rows writes bars as Tiingo would, newest-shares adjusted columns included.
func rows(bars []etf.Bar, cash, factor map[etf.Session]string) string {
	lines := make([]string, len(bars))
	or := func(m map[etf.Session]string, s etf.Session, none string) string {
		if v, ok := m[s]; ok {
			return v
		}
		return none
	}
	for i, b := range bars {
		lines[i] = line(b.Session.String()+"T00:00:00.000Z", b.Open.String(), b.High.String(), b.Low.String(), b.Close.String(), b.Volume.String(), or(cash, b.Session, "0.0"), or(factor, b.Session, "1.0"))
	}
	return list(lines...)
}

// A genuine history around a split and dividends passes the rules.
func TestAGenuineHistoryPasses(t *testing.T) {
	t.Parallel()
	split := etf.MustSession("2024-06-10")
	bars := sourcetest.Walk(t, 300, etf.MustSession("2024-09-30"), split, 4)
	body := rows(bars, map[etf.Session]string{etf.MustSession("2024-03-18"): "1.594937", etf.MustSession("2024-06-21"): "0.41", etf.MustSession("2024-09-20"): "0.41"}, map[etf.Session]string{split: "4.0"})
	q := sourcetest.Query("SPY", "", "2024-09-30", "2024-10-01T12:00:00Z")
	got := sourcetest.Fetch(t, Name, open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", body))), q, ParseStored)
	if len(got.Bars) != 300 || len(got.Actions) != 4 {
		t.Fatalf("%d bars, %v", len(got.Bars), got.Actions)
	}
	sourcetest.Passes(t, Name, q, got, 1, 3)
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"ticker_price.json":           "2018-04-12 1031.47 1044.65 1026.05 1037.29 1644794\n",
		"ticker_price_with_date.json": "2015-01-02 532.6 535.8 527.88 529.55 1327870\n2015-01-05 527.15 527.9899 517.75 519.46 2059119\n",
	} {
		got := sourcetest.Fetch(t, Name, open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", sourcetest.Real(t, "recorded", "tiingo", file)))),
			sourcetest.Query("GOOGL", "", "", "2018-04-13T12:00:00Z"), ParseStored)
		if sourcetest.Show(got.Bars) != want || len(got.Actions) != 0 || len(got.Defects) != 0 {
			t.Errorf("%s: %+v", file, got)
		}
	}
	got := sourcetest.Fetch(t, Name, open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", sourcetest.Real(t, "recorded", "tiingo", "ticker_price_pandas_daily_equivalent_requesting_json_or_csv.0.json")))),
		sourcetest.Query("GOOGL", "", "", "2018-04-13T12:00:00Z"), ParseStored)
	if len(got.Bars) != 10 || got.Bars[9].Close != etf.MustPrice("1143.5") {
		t.Errorf("%+v", got.Bars)
	}
	// The metadata of a ticker are no rows.
	_, err := open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", sourcetest.Real(t, "recorded", "tiingo", "ticker_metadata.json")))).Fetch(t.Context(), sourcetest.Query("GOOGL", "", "", "2018-04-13T12:00:00Z"))
	if etf.KindOf(err) != etf.KindCorrupt {
		t.Errorf("metadata: %v", err)
	}
}

// Whatever the body, nothing panics, every error has a kind, bars are inside the window, and no price of zero appears that was not sent.
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
			rows = append(rows, line(b.Session.String()+"T00:00:00.000Z", b.Open.String(), b.High.String(), b.Low.String(), text, b.Volume.String(), "0.0", "1.0"))
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
	good := line("2024-01-16T00:00:00.000Z", "50", "51", "50", "50.5", "2000", "0.23", "2.0")
	for _, body := range []string{list(good), list(good, good), "[]", `{"detail":"Not found."}`, "You have run over your limit", "[{", list(line("2024-01-17", "null", "1e9", "-1", "0", "null", "null", "0.33333"))} {
		f.Add(200, body)
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		f.Fatal(err)
	}
	window := etf.Window{From: etf.MustSession("2024-01-02"), To: etf.MustSession("2024-02-02")}
	c := client(Options{BaseURL: host})
	f.Fuzz(func(t *testing.T, status int, body string) {
		var got etf.Response
		err := refused(c, web.Response{Status: status, Body: []byte(body)}, "SPY", time.Unix(1705900000, 0))
		if err == nil {
			err = read([]byte(body), cal, window, &got)
		}
		if err != nil {
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
		for _, a := range got.Actions {
			if a.Kind == etf.Split && (a.Numerator <= 0 || a.Denominator <= 0) || a.Kind == etf.Dividend && a.Amount <= 0 || !window.Contains(a.Ex) {
				t.Errorf("action %+v", a)
			}
		}
	})
}

// Real histories as traded, in Tiingo's format, with the split of each: the rules accept the split and keep every row around it.
func TestRealSplitsPass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ symbol, split, factor string }{
		{"QQQ", "2000-03-20", "2.0"}, {"IWM", "2005-06-09", "2.0"}, {"IJH", "2024-02-22", "5.0"},
	} {
		var bars []etf.Bar
		split := etf.MustSession(c.split)
		for _, text := range strings.Split(sourcetest.Real(t, "prices", "alphavantage", c.symbol+".csv"), "\n")[1:] {
			f := strings.Split(strings.TrimSpace(text), ",")
			if s, err := etf.ParseSession(f[0]); err == nil && s >= split.AddDays(-200) && s <= split.AddDays(200) {
				v, err := etf.ParseVolume(f[5])
				if err != nil {
					t.Fatal(err)
				}
				bars = append(bars, etf.Bar{Session: s, Open: etf.MustPrice(f[1]), High: etf.MustPrice(f[2]), Low: etf.MustPrice(f[3]), Close: etf.MustPrice(f[4]), Volume: v})
			}
		}
		slices.SortFunc(bars, func(a, b etf.Bar) int { return int(a.Session - b.Session) })
		q := sourcetest.Query(etf.Symbol(c.symbol), "", "", "2025-01-01T12:00:00Z")
		q.Window.To = bars[len(bars)-1].Session
		got := sourcetest.Fetch(t, Name, open(sourcetest.Serve(t, sourcetest.Body(200, "application/json", rows(bars, nil, map[etf.Session]string{split: c.factor})))), q, ParseStored)
		if len(got.Bars) != len(bars) || len(bars) < 150 {
			t.Fatalf("%s: %d of %d bars", c.symbol, len(got.Bars), len(bars))
		}
		sourcetest.Passes(t, Name, q, got, 1, 0)
	}
}
