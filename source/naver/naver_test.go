package naver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/encoding/korean"

	"github.com/etfcast/etfcast/etf"
)

var seoul = time.FixedZone("KST", 9*3600)

var friday = etf.MustSession("2026-01-23")

func instantOf(s etf.Session, hour, minute int) time.Time {
	y, m, d := s.Date()
	return time.Date(y, m, d, hour, minute, 0, 0, seoul)
}

func line(date string, open, high, low, closes, volume any) map[string]any {
	return map[string]any{"localDate": date, "openPrice": open, "highPrice": high, "lowPrice": low, "closePrice": closes, "accumulatedTradingVolume": volume, "foreignRetentionRate": 52.37}
}

func list(rows ...map[string]any) []byte {
	if rows == nil {
		rows = []map[string]any{}
	}
	b, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	return b
}

// week are the rows of five sessions, one of which was a halt.
func week() []map[string]any {
	return []map[string]any{
		line("20260119", 128400.0, 129500.0, 128000.0, 128500.0, 30463279), line("20260120", 0, 0, 0, 128500, 0),
		line("20260121", 128500, 130000, 128500, 129995, 100), line("20260122", 130000, 131000.5, 129000, 130500, 7), line("20260123", 130500, 130600, 130000, 130100, 9),
	}
}

// chart is the older endpoint's body, in EUC-KR.
func chart(t *testing.T, symbol string, items ...string) []byte {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "<?xml version=\"1.0\" encoding=\"EUC-KR\" ?>\n<protocol>\n<chartdata symbol=%q name=\"코덱스 200\" count=\"%d\" timeframe=\"day\" precision=\"0\" origintime=\"20021014\">\n", symbol, len(items))
	for _, i := range items {
		fmt.Fprintf(&b, "\t<item data=%q />\n", i)
	}
	b.WriteString("</chartdata>\n</protocol>\n")
	body, err := korean.EUCKR.NewEncoder().String(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return []byte(body)
}

var weekItems = []string{"20260119|128400|129500|128000|128500|30463279", "20260120|0|0|0|128500|0", "20260121|128500|130000|128500|129995|100",
	"20260122|130000|131000.5|129000|130500|7", "20260123|130500|130600|130000|130100|9"}

// provider is a server with both endpoints, which counts the requests to each.
type endpoints struct {
	url       string
	mu        sync.Mutex
	json, xml int
	requests  []string
}

func serve(t *testing.T, newer, older http.HandlerFunc) *endpoints {
	t.Helper()
	e := &endpoints{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.requests = append(e.requests, r.URL.String())
		if r.Header.Get("Referer") == "" || !strings.HasPrefix(r.UserAgent(), "Mozilla/") {
			t.Errorf("headers %v", r.Header)
		}
		if strings.HasPrefix(r.URL.Path, "/chart/domestic/item/") {
			e.json++
			newer(w, r)
			return
		}
		e.xml++
		older(w, r)
	}))
	t.Cleanup(s.Close)
	e.url = s.URL
	return e
}

func sends(status int, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func query(from, to etf.Session, asOf time.Time) etf.Query {
	return etf.Query{Symbol: "069500", Exchange: etf.XKRX, Currency: "KRW", Window: etf.Window{From: from, To: to}, AsOf: asOf}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	info, err := json.Marshal(map[string]any{"code": "069500", "priceInfos": week()})
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*endpoints{
		"array":                    serve(t, sends(200, list(week()...)), sends(500, nil)),
		"object":                   serve(t, sends(200, info), sends(500, nil)),
		"older, the newer is down": serve(t, sends(503, nil), sends(200, chart(t, "069500", weekItems...))),
		"older, the newer is gone": serve(t, sends(404, []byte("<html><body>404</body></html>")), sends(200, chart(t, "069500", weekItems...))),
		"older, the newer changed": serve(t, sends(200, []byte(`{"chart":[]}`)), sends(200, chart(t, "069500", weekItems...))),
		"older, the newer is cut":  serve(t, sends(200, list(week()...)[:100]), sends(200, chart(t, "069500", weekItems...))),
	} {
		src := New(Options{BaseURL: e.url})
		q := query(friday-3, friday, instantOf(friday, 16, 30))
		r, err := src.Fetch(t.Context(), q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := []etf.Bar{
			{Session: friday - 3, Close: etf.MustPrice("128500")},
			{Session: friday - 2, Open: etf.MustPrice("128500"), High: etf.MustPrice("130000"), Low: etf.MustPrice("128500"), Close: etf.MustPrice("129995"), Volume: etf.Shares(100)},
			{Session: friday - 1, Open: etf.MustPrice("130000"), High: etf.MustPrice("131000.5"), Low: etf.MustPrice("129000"), Close: etf.MustPrice("130500"), Volume: etf.Shares(7)},
			{Session: friday, Open: etf.MustPrice("130500"), High: etf.MustPrice("130600"), Low: etf.MustPrice("130000"), Close: etf.MustPrice("130100"), Volume: etf.Shares(9)},
		}
		if !slices.Equal(r.Bars, want) || len(r.Defects) != 0 || r.Basis != etf.TotalAdjusted || !r.Bars[0].NoTrade() {
			t.Errorf("%s: %+v, defects %+v", name, r.Bars, r.Defects)
		}
		stored, err := ParseStored(q, etf.Fetch{Request: r.Request, MediaType: r.MediaType}, r.Raw)
		if err != nil || !reflect.DeepEqual(stored.Bars, r.Bars) {
			t.Errorf("%s, stored: %+v, %v", name, stored.Bars, err)
		}
		if strings.HasPrefix(name, "older") != (e.xml == 1) {
			t.Errorf("%s: %d requests to the older endpoint", name, e.xml)
		}
		// The candle of the day is provisional until 16:30.
		if early, err := src.Fetch(t.Context(), query(friday-3, friday, instantOf(friday, 16, 29))); err != nil || len(early.Bars) != 3 {
			t.Errorf("%s, a minute earlier: %d bars, %v", name, len(early.Bars), err)
		}
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	e := serve(t, sends(500, nil), sends(200, chart(t, "069500", weekItems...)))
	src := New(Options{BaseURL: e.url})
	for _, from := range []etf.Session{0, friday - 4} {
		if _, err := src.Fetch(t.Context(), query(from, friday, instantOf(friday, 20, 0))); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"/chart/domestic/item/069500/day?endDateTime=20260123&startDateTime=19900101", "/sise.nhn?count=12000&requestType=0&symbol=069500&timeframe=day",
		"/chart/domestic/item/069500/day?endDateTime=20260123&startDateTime=20260119", "/sise.nhn?count=5&requestType=0&symbol=069500&timeframe=day",
	}
	if !slices.Equal(e.requests, want) {
		t.Errorf("%q, want %q", e.requests, want)
	}
}

// Without a row in the window, rows of other sessions tell a known code from an unknown one.
func TestUnknownCode(t *testing.T) {
	t.Parallel()
	asOf := instantOf(friday, 20, 0)
	only := func(start string) http.HandlerFunc { // rows only for a request from that day
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("startDateTime") == start {
				_, _ = w.Write(list(week()...))
				return
			}
			_, _ = w.Write(list())
		}
	}
	known := New(Options{BaseURL: serve(t, only("19900101"), sends(500, nil)).url})
	if r, err := known.Fetch(t.Context(), query(friday+3, friday+4, instantOf(friday+5, 20, 0))); err != nil || len(r.Bars) != 0 || string(r.Raw) != "[]" {
		t.Errorf("a known code: %+v, %v", r, err)
	}
	for name, e := range map[string]*endpoints{
		"no row anywhere":     serve(t, sends(200, list()), sends(200, chart(t, "069500"))),
		"the older one fails": serve(t, sends(200, list()), sends(500, nil)),
		"it says so":          serve(t, sends(409, []byte(`{"code":"StockConflict","message":"존재하지 않는 종목입니다"}`)), sends(500, nil)),
		"404 and it says so":  serve(t, sends(404, []byte(`{"code":"NotFound","message":"Not Found"}`)), sends(500, nil)),
	} {
		for _, from := range []etf.Session{0, friday} {
			if _, err := New(Options{BaseURL: e.url}).Fetch(t.Context(), query(from, friday, asOf)); etf.KindOf(err) != etf.KindNotFound {
				t.Errorf("%s, from %q: %v", name, from, err)
			}
		}
	}
	// An endpoint that sends empty lists for everything is not believed while the older one has rows.
	shut := New(Options{BaseURL: serve(t, sends(200, list()), sends(200, chart(t, "069500", weekItems...))).url})
	if r, err := shut.Fetch(t.Context(), query(friday-4, friday, asOf)); err != nil || len(r.Bars) != 5 {
		t.Errorf("an endpoint that was shut down: %+v, %v", r.Bars, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		newer, older http.HandlerFunc
		kind         etf.Kind
		says         string
		xml          int
	}{
		{"rate limit", sends(429, nil), sends(200, nil), etf.KindRateLimited, "", 0},
		{"both down", sends(503, nil), sends(500, nil), etf.KindUnavailable, "503", 1},
		{"changed, the older is down", sends(200, []byte(`{"rows":[]}`)), sends(500, nil), etf.KindCorrupt, "priceInfos", 1},
		{"a page for browsers, the older is down", sends(403, nil), sends(500, nil), etf.KindDenied, "403", 1},
		{"maintenance", sends(200, []byte("<html><body>서비스 점검 중</body></html>")), sends(200, []byte("<html><body>서비스 점검 중</body></html>")), etf.KindUnavailable, "", 1},
		{"another symbol", sends(503, nil), sends(200, chart(t, "005930", weekItems...)), etf.KindCorrupt, "005930", 1},
	} {
		e := serve(t, c.newer, c.older)
		_, err := New(Options{BaseURL: e.url}).Fetch(t.Context(), query(friday-4, friday, instantOf(friday, 20, 0)))
		var known *etf.Error
		if !errors.As(err, &known) || known.Kind != c.kind || !strings.Contains(err.Error(), c.says) || e.xml != c.xml {
			t.Errorf("%s: %v, %d requests to the older endpoint", c.name, err, e.xml)
		}
	}
	src := New(Options{BaseURL: "http://127.0.0.1:1"})
	asOf := instantOf(friday, 20, 0)
	for _, q := range []etf.Query{
		{Symbol: "SPY", Exchange: etf.XNYS, AsOf: asOf}, {Symbol: "SPY", Exchange: etf.XKRX, AsOf: asOf}, {Symbol: "069500", Exchange: etf.XKRX},
		{Symbol: "069500", Exchange: etf.XKRX, Currency: "USD", AsOf: asOf}, {Symbol: "069500", Exchange: etf.XKRX, AsOf: asOf, Window: etf.Window{From: friday, To: friday - 1}},
	} {
		if _, err := src.Fetch(t.Context(), q); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// A changed shape is named with field and row.
func TestChangedShape(t *testing.T) {
	t.Parallel()
	for _, f := range []string{"localDate", "openPrice", "highPrice", "lowPrice", "closePrice", "accumulatedTradingVolume"} {
		for name, change := range map[string]func(map[string]any){
			"missing": func(m map[string]any) { delete(m, f) },
			"a list":  func(m map[string]any) { m[f] = []int{1} },
			"another": func(m map[string]any) {
				if m[f] = any("128,500"); f == "localDate" {
					m[f] = 20260119
				}
			},
		} {
			rows := week()
			change(rows[2])
			_, err := readJSON(list(rows...))
			if want := "$[2]." + f + ":"; etf.KindOf(err) != etf.KindCorrupt || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s of %s: %v; want %s named", name, f, err, want)
			}
		}
	}
	for body, place := range map[string]string{
		`{"priceInfos":{}}`: "$.priceInfos:", `{"priceInfos":[{"date":"20260119"}]}`: "$.priceInfos[0].localDate:", `{"a":1}`: "$.priceInfos:", `[1]`: "$[0]", `"x"`: "$:", `[] []`: "$:",
	} {
		if _, err := readJSON([]byte(body)); etf.KindOf(err) != etf.KindCorrupt || !strings.HasPrefix(err.Error(), place) {
			t.Errorf("%s: %v; want %s", body, err, place)
		}
	}
	for name, body := range map[string][]byte{
		"item[1].data":        chart(t, "069500", weekItems[0], "20260120|1|1|1|1"),
		"chartdata.symbol":    chart(t, "005930", weekItems[0]),
		"chartdata.timeframe": []byte(strings.ReplaceAll(string(chart(t, "069500", weekItems[0])), `"day"`, `"week"`)),
		"chartdata":           []byte(`<?xml version="1.0" encoding="EUC-KR" ?><protocol></protocol>`),
		"body":                []byte(`<?xml version="1.0" encoding="KOI8-R" ?><protocol></protocol>`),
	} {
		if _, err := readXML(body, "069500"); etf.KindOf(err) != etf.KindCorrupt || !strings.HasPrefix(err.Error(), name+":") {
			t.Errorf("%v; want %s named", err, name)
		}
	}
	whole := chart(t, "069500", weekItems...)
	if _, err := readXML(whole[:len(whole)-30], "069500"); etf.KindOf(err) != etf.KindUnavailable {
		t.Errorf("a body that was cut off: %v", err)
	}
	// If no date can be read, the form of the dates has changed.
	if _, err := New(Options{BaseURL: serve(t, sends(200, list(line("2026-01-19", 1, 1, 1, 1, 1))), sends(500, nil)).url}).
		Fetch(t.Context(), query(0, friday, instantOf(friday, 20, 0))); etf.KindOf(err) != etf.KindCorrupt {
		t.Errorf("dates of another form: %v", err)
	}
}

// What has no price is never a price of 0.
func TestRows(t *testing.T) {
	t.Parallel()
	rows := []map[string]any{
		line("20260119", nil, nil, nil, nil, 5), line("20260120", 1, 1, 1, nil, 5), line("20260121", 0, 0, 0, 0, 0), line("20260122", 1e30, 1, 1, 1, 1),
		line("2026012", 1, 1, 1, 1, 1), line("20260123", 1, 1, 1, 1, nil), line("20260117", nil, nil, nil, nil, nil),
	}
	e := serve(t, sends(200, list(rows...)), sends(500, nil))
	r, err := New(Options{BaseURL: e.url}).Fetch(t.Context(), query(0, friday, instantOf(friday, 20, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Bars) != 1 || r.Bars[0].Volume != etf.VolumeUnknown || r.Bars[0].Session != friday {
		t.Errorf("bars %+v", r.Bars)
	}
	var got []string
	for _, d := range r.Defects {
		got = append(got, fmt.Sprintf("%s %s %v %s", d.Where, d.Session, d.NoPrice, d.Reason))
	}
	want := []string{
		"$[0] 2026-01-19 true no price", "$[1] 2026-01-20 true no price: close", "$[2] 2026-01-21 true no price: all four are 0",
		"$[3] 2026-01-22 false not a number: open", `$[4]  false "2026012" is not a date (YYYYMMDD)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("defects %q, want %q", got, want)
	}
}

// FuzzRead: no body makes a parser panic, and no bar has only zeros.
func FuzzRead(f *testing.F) {
	f.Add(list(week()...))
	f.Add([]byte(`{"priceInfos":[{"localDate":"20260119","openPrice":1,"highPrice":1,"lowPrice":1,"closePrice":1,"accumulatedTradingVolume":null}]}`))
	f.Add([]byte(`<?xml version="1.0" encoding="EUC-KR" ?><protocol><chartdata symbol="069500" timeframe="day"><item data="20260123|1|1|1|1|1" /></chartdata></protocol>`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseStored(query(0, friday, instantOf(friday, 20, 0)), etf.Fetch{Request: "https://host/chart/domestic/item/069500/day"}, body)
		if err != nil && etf.KindOf(err) == etf.KindInternal {
			t.Error(err)
		}
		for _, b := range r.Bars {
			if b.Session > friday || b.Open == 0 && b.High == 0 && b.Low == 0 && b.Close == 0 {
				t.Errorf("%+v", b)
			}
		}
	})
}
