package yahoo

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/etfcast/etfcast/etf"
)

// testChart is a chart as Yahoo would send it, built by a test. Cells are JSON text.
type testChart struct {
	meta                             map[string]any
	stamp                            []string
	open, high, low, close, vol, adj []string
	dividends, capitalGains, splits  []string // JSON members: "ts":{...}
}

func spy() *testChart {
	return &testChart{meta: map[string]any{
		"currency": "USD", "symbol": "SPY", "instrumentType": "ETF", "exchangeTimezoneName": "America/New_York",
		"firstTradeDate": 728317800, "gmtoffset": -18000, "timezone": "EST", "priceHint": 2, "dataGranularity": "1d",
	}}
}

func kodex() *testChart {
	return &testChart{meta: map[string]any{
		"currency": "KRW", "symbol": "069500.KS", "instrumentType": "ETF", "exchangeTimezoneName": "Asia/Seoul",
		"firstTradeDate": 1034553600, "gmtoffset": 32400, "timezone": "KST", "priceHint": 2, "dataGranularity": "1d",
	}}
}

// row appends open, high, low, close, volume (JSON cells) at an instant in RFC 3339.
func (a *testChart) row(at string, cells ...string) *testChart {
	a.stamp = append(a.stamp, strconv.FormatInt(unix(at), 10))
	a.open, a.high, a.low = append(a.open, cells[0]), append(a.high, cells[1]), append(a.low, cells[2])
	a.close, a.vol = append(a.close, cells[3]), append(a.vol, cells[4])
	a.adj = append(a.adj, cells[3])
	return a
}

func (a *testChart) nulls(at string) *testChart {
	return a.row(at, "null", "null", "null", "null", "null")
}

func (a *testChart) split(at string, n, d string) *testChart {
	a.splits = append(a.splits, fmt.Sprintf(`"%d":{"date":%d,"numerator":%s,"denominator":%s,"splitRatio":"%s:%s"}`, unix(at), unix(at), n, d, n, d))
	return a
}

func (a *testChart) dividend(at, amount string) *testChart {
	a.dividends = append(a.dividends, fmt.Sprintf(`"%d":{"amount":%s,"date":%d}`, unix(at), amount, unix(at)))
	return a
}

// regular sets the current trading period.
func (a *testChart) regular(start, end string) *testChart {
	a.meta["currentTradingPeriod"] = map[string]any{"regular": map[string]any{"start": unix(start), "end": unix(end), "gmtoffset": -14400}}
	return a
}

func (a *testChart) json() string {
	m, err := json.Marshal(a.meta)
	if err != nil {
		panic(err)
	}
	list := func(c []string) string { return "[" + strings.Join(c, ",") + "]" }
	if len(a.stamp) == 0 {
		return fmt.Sprintf(`{"chart":{"result":[{"meta":%s,"indicators":{"quote":[{}],"adjclose":[{}]}}],"error":null}}`, m)
	}
	return fmt.Sprintf(`{"chart":{"result":[{"meta":%s,"timestamp":%s,"events":{"dividends":{%s},"capitalGains":{%s},"splits":{%s}},`+
		`"indicators":{"quote":[{"open":%s,"high":%s,"low":%s,"close":%s,"volume":%s}],"adjclose":[{"adjclose":%s}]}}],"error":null}}`,
		m, list(a.stamp), strings.Join(a.dividends, ","), strings.Join(a.capitalGains, ","), strings.Join(a.splits, ","),
		list(a.open), list(a.high), list(a.low), list(a.close), list(a.vol), list(a.adj))
}

func unix(at string) int64 { return instant(at).Unix() }

func instant(at string) time.Time {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return t
}

// float32Text returns p*den/num as Yahoo prints it: rounded to float32, printed as a float64.
func float32Text(p etf.Price, num, den int64) string {
	r := big.NewRat(int64(p), 100_000_000)
	r.Mul(r, big.NewRat(den, num))
	f, _ := r.Float32()
	return strconv.FormatFloat(float64(f), 'f', -1, 64)
}

// serve starts a server that sends one body for every request, and returns a Source that uses it.
func serve(t *testing.T, body string) *Source {
	t.Helper()
	return serveWith(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		fmt.Fprint(w, body)
	})
}

func serveWith(t *testing.T, h http.HandlerFunc) *Source {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return New(Options{BaseURLs: []string{srv.URL}, Transport: srv.Client().Transport})
}

func spyQuery(from, to, asOf string) etf.Query {
	return query("SPY", etf.XNYS, "USD", from, to, asOf)
}

func query(symbol etf.Symbol, x etf.Exchange, c etf.Currency, from, to, asOf string) etf.Query {
	q := etf.Query{Symbol: symbol, Exchange: x, Currency: c, AsOf: instant(asOf)}
	if from != "" {
		q.Window.From = etf.MustSession(from)
	}
	if to != "" {
		q.Window.To = etf.MustSession(to)
	}
	return q
}

func fetch(t *testing.T, s *Source, q etf.Query) etf.Response {
	t.Helper()
	a, err := s.Fetch(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if a.Basis != etf.AsTraded {
		t.Errorf("basis %q, want as_traded", a.Basis)
	}
	// Parsed again from what is stored of it, it says the same.
	again, err := ParseStored(etf.Query{Symbol: q.Symbol, Exchange: q.Exchange, Currency: q.Currency, Window: q.Window, AsOf: q.AsOf},
		etf.Fetch{Source: Name, Request: a.Request, MediaType: a.MediaType}, a.Raw)
	if err != nil || !reflect.DeepEqual(a, again) {
		t.Errorf("the stored body is parsed as %+v (%v), but was fetched as %+v", again, err, a)
	}
	return a
}

// show formats bars as lines of "session open high low close volume".
func show(bars []etf.Bar) string {
	var b strings.Builder
	for _, x := range bars {
		v := "-"
		if x.Volume.Known() {
			v = x.Volume.String()
		}
		fmt.Fprintf(&b, "%s %s %s %s %s %s\n", x.Session, x.Open, x.High, x.Low, x.Close, v)
	}
	return b.String()
}

func wantBars(t *testing.T, a etf.Response, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(want), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	if got := strings.TrimSpace(show(a.Bars)); got != strings.Join(lines, "\n") {
		t.Errorf("bars:\n%s\nwant:\n%s", got, strings.Join(lines, "\n"))
	}
}

func wantDefects(t *testing.T, a etf.Response, want ...string) {
	t.Helper()
	var got []string
	for _, d := range a.Defects {
		got = append(got, d.Session.String()+" "+d.Reason)
		if d.Where == "" || d.Text == "" || len(d.Text) > 202 {
			t.Errorf("a defect has no location, no text or too long a text: %+v", d)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("defects:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
