package krx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

var seoul = time.FixedZone("KST", 9*3600)

// friday is 2026-01-23, a session; the exchange had one on each day of that week.
var friday = etf.MustSession("2026-01-23")

func instantOf(s etf.Session, hour, minute int) time.Time {
	y, m, d := s.Date()
	return time.Date(y, m, d, hour, minute, 0, 0, seoul)
}

// line is a row as the exchange sends it.
func line(day etf.Session, code, open, high, low, closes, volume, nav string) map[string]any {
	return map[string]any{"BAS_DD": compact(day), "ISU_CD": code, "ISU_NM": "가나다 200", "TDD_OPNPRC": open, "TDD_HGPRC": high, "TDD_LWPRC": low,
		"TDD_CLSPRC": closes, "ACC_TRDVOL": volume, "ACC_TRDVAL": "1", "NAV": nav, "LIST_SHRS": "18450000", "MKTCAP": "1", "IDX_IND_NM": "코스피 200", "OBJ_STKPRC_IDX": "-"}
}

func bodyOf(rows ...map[string]any) []byte {
	if rows == nil {
		rows = []map[string]any{}
	}
	b, err := json.Marshal(map[string]any{"OutBlock_1": rows})
	if err != nil {
		panic(err)
	}
	return b
}

// server answers each day with what rows makes of it, and counts the calls of each day.
type server struct {
	mu    sync.Mutex
	calls map[string]int
	url   string
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{calls: map[string]int{}}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls[r.URL.Query().Get("basDd")]++
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	s.url = h.URL
	return s
}

func (s *server) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		n += c
	}
	return n
}

const key = "0123456789ABCDEF"

func open(url string) *Source {
	return New(Options{BaseURL: url, Key: func() (string, error) { return key, nil }})
}

func dayOf(r *http.Request) etf.Session {
	t, err := time.Parse("20060102", r.URL.Query().Get("basDd"))
	if err != nil {
		return 0
	}
	return etf.SessionOf(t)
}

// usual answers with two ETFs, one of which did not trade.
func usual(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != path || r.Header.Get("AUTH_KEY") != key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	day := dayOf(r)
	_, _ = w.Write(bodyOf(line(day, "069500", "41705", "42145", "41585", "41835", "59317", "41887.33"), line(day, "0000J0", "0", "0", "0", "10915", "0", "10969.41")))
}

func query(code string, from, to etf.Session, asOf time.Time) etf.Query {
	return etf.Query{Symbol: etf.Symbol(code), Ref: code, Exchange: etf.XKRX, Currency: "KRW", Window: etf.Window{From: from, To: to}, AsOf: asOf}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	s := serve(t, usual)
	src := open(s.url)
	monday := friday - 4
	r, err := src.Fetch(t.Context(), query("069500", monday, friday, instantOf(friday, 20, 0)))
	if err != nil {
		t.Fatal(err)
	}
	want := etf.Bar{Session: friday, Open: etf.MustPrice("41705"), High: etf.MustPrice("42145"), Low: etf.MustPrice("41585"), Close: etf.MustPrice("41835"), Volume: etf.Shares(59317)}
	if len(r.Bars) != 5 || r.Bars[4] != want || r.Bars[0].Session != monday || r.Basis != etf.AsTraded || len(r.Defects) != 0 {
		t.Errorf("bars %+v, defects %+v", r.Bars, r.Defects)
	}
	if nav := (etf.NAV{Session: friday, NAV: etf.MustPrice("41887.33"), Shares: etf.Shares(18_450_000)}); len(r.NAVs) != 5 || r.NAVs[4] != nav {
		t.Errorf("NAVs %+v", r.NAVs)
	}
	if want := s.url + path + "?basDd=20260119..20260123#069500"; r.Request != want || strings.Contains(r.Request, key) {
		t.Errorf("request %s, want %s", r.Request, want)
	}
	m, err := etf.ParseManifest(r.Raw)
	if err != nil || r.MediaType != etf.ManifestType || len(m.Bodies) != 5 || len(r.Shared) != 5 {
		t.Fatalf("manifest of %d bodies, %d shared, %s; %v", len(m.Bodies), len(r.Shared), r.MediaType, err)
	}
	for i, b := range m.Bodies {
		if b.Hash != r.Shared[i].Hash || b.Bytes != len(r.Shared[i].Raw) || b.Session != monday+etf.Session(i) {
			t.Errorf("body %d: %+v", i, b)
		}
	}

	untraded, err := src.Fetch(t.Context(), query("0000J0", monday, friday, instantOf(friday, 20, 0)))
	if err != nil || len(untraded.Bars) != 5 || !untraded.Bars[0].NoTrade() || s.total() != 5 {
		t.Errorf("untraded: %+v, %v, %d calls", untraded.Bars, err, s.total())
	}
	if string(untraded.Raw) != string(r.Raw) {
		t.Error("two ETFs of the same days have different manifests")
	}

	// What is stored is read the same way.
	bodies := map[string][]byte{}
	for _, b := range r.Shared {
		bodies[b.Hash] = b.Raw
	}
	parse := StoredParser(func(hash string) ([]byte, error) {
		if raw, has := bodies[hash]; has {
			return raw, nil
		}
		return nil, etf.NotFound("fetch", "gone", "")
	})
	q := query("", monday, friday, instantOf(friday, 20, 0))
	again, err := parse(q, etf.Fetch{Request: r.Request, MediaType: r.MediaType}, r.Raw)
	if err != nil || !reflect.DeepEqual(again.Bars, r.Bars) || !reflect.DeepEqual(again.NAVs, r.NAVs) {
		t.Errorf("stored: %+v, %v", again.Bars, err)
	}
	bodies[r.Shared[2].Hash] = append([]byte(nil), bodies[r.Shared[1].Hash]...)
	fresh := StoredParser(func(hash string) ([]byte, error) { return bodies[hash], nil })
	if _, err := fresh(q, etf.Fetch{Request: r.Request}, r.Raw); etf.KindOf(err) != etf.KindCorrupt || !errors.Is(err, etf.ErrAltered) {
		t.Errorf("an altered body: %v", err)
	}
	delete(bodies, r.Shared[2].Hash)
	gone := StoredParser(func(hash string) ([]byte, error) {
		if raw, has := bodies[hash]; has {
			return raw, nil
		}
		return nil, etf.NotFound("fetch", "gone", "")
	})
	if _, err := gone(q, etf.Fetch{Request: r.Request}, r.Raw); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("a pruned body: %v", err)
	}
}

// However many ETFs are fetched at once, each day is one call, and a fetch that is cancelled does not end the call of the others.
func TestOneCallForAll(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var codes []string
	for i := range 900 {
		codes = append(codes, fmt.Sprintf("%06d", i))
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		var rows []map[string]any
		for _, c := range codes {
			rows = append(rows, line(dayOf(r), c, "100", "110", "90", "105", "5", "104.5"))
		}
		_, _ = w.Write(bodyOf(rows...))
	})
	src := open(s.url)
	asOf := instantOf(friday, 20, 0)
	cancelled, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	counted := src.Requests(query(codes[0], friday, friday, asOf))
	go func() {
		_, err := src.Fetch(cancelled, query(codes[0], friday, friday, asOf))
		first <- err
	}()
	for s.total() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) || etf.KindOf(err) != etf.KindUnavailable {
		t.Errorf("the cancelled fetch: %v", err)
	}
	var bad atomic.Int64
	var wg sync.WaitGroup
	for _, c := range codes {
		counted += src.Requests(query(c, friday, friday, asOf))
		wg.Go(func() {
			if r, err := src.Fetch(t.Context(), query(c, friday, friday, asOf)); err != nil || len(r.Bars) != 1 {
				bad.Add(1)
			}
		})
	}
	close(release)
	wg.Wait()
	if bad.Load() != 0 || s.total() != 1 || counted != 1 {
		t.Errorf("%d of 900 fetches failed, %d calls, %d counted; want 0, 1, 1", bad.Load(), s.total(), counted)
	}
}

// A response from before the figures are final is asked for again after that, one without prices soon, and a final one hours later.
func TestFreshness(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		rows          bool
		first, second time.Time
		calls         int
	}{
		{"at once", true, instantOf(friday, 17, 0), instantOf(friday, 17, 9), 1},
		{"not final", true, instantOf(friday, 17, 0), instantOf(friday, 17, 10), 2},
		{"final since", true, instantOf(friday+1, 7, 55), instantOf(friday+1, 8, 0), 2},
		{"final", true, instantOf(friday+1, 8, 0), instantOf(friday+1, 13, 59), 1},
		{"final, long ago", true, instantOf(friday+1, 8, 0), instantOf(friday+1, 14, 0), 2},
		{"not published", false, instantOf(friday, 17, 0), instantOf(friday, 17, 1), 2},
		{"not published a moment ago", false, instantOf(friday, 17, 0), instantOf(friday, 17, 0).Add(59 * time.Second), 1},
		{"a day without trading", false, instantOf(friday+1, 8, 0), instantOf(friday+1, 13, 0), 1},
		{"asked for as of earlier", true, instantOf(friday, 17, 0), instantOf(friday, 16, 40), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if !c.rows {
					_, _ = w.Write(bodyOf())
					return
				}
				usual(w, r)
			})
			src := open(s.url)
			for _, at := range []time.Time{c.first, c.second} {
				r, err := src.Fetch(t.Context(), query("069500", friday, friday, at))
				if err != nil || (len(r.Bars) == 1) != c.rows {
					t.Errorf("at %s: %d bars, %v", at, len(r.Bars), err)
				}
			}
			if s.total() != c.calls {
				t.Errorf("%d calls, want %d", s.total(), c.calls)
			}
		})
	}
}

// The session in progress is not asked for, and days without trading have no row.
func TestWhichSessions(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if d := dayOf(r); d == friday-1 { // as the exchange's web site answers on a day without trading
			_, _ = w.Write(bodyOf(line(d, "069500", "-", "-", "-", "-", "-", "-")))
			return
		}
		usual(w, r)
	})
	src := open(s.url)
	for _, c := range []struct {
		name     string
		from, to etf.Session
		at       time.Time
		bars     int
		calls    int
	}{
		{"before the figures are taken", friday, friday, instantOf(friday, 16, 29), 0, 0},
		{"a weekend", friday + 1, friday + 2, instantOf(friday+3, 12, 0), 0, 0},
		{"no prices", friday - 1, friday - 1, instantOf(friday, 20, 0), 0, 1},
		{"from then on", friday, friday, instantOf(friday, 16, 30), 1, 1},
		{"no beginning", 0, friday, instantOf(friday, 16, 31), 15, 14},
	} {
		before := s.total()
		r, err := src.Fetch(t.Context(), query("069500", c.from, c.to, c.at))
		if err != nil || len(r.Bars) != c.bars || len(r.Defects) != 0 || s.total()-before != c.calls {
			t.Errorf("%s: %d bars, defects %v, %d calls, %v; want %d bars, %d calls", c.name, len(r.Bars), r.Defects, s.total()-before, err, c.bars, c.calls)
		}
	}
	if _, err := src.Fetch(t.Context(), query("069500", friday-400, friday, instantOf(friday, 20, 0))); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("400 days: %v", err)
	}
}

func TestUnknownCode(t *testing.T) {
	t.Parallel()
	src := open(serve(t, usual).url)
	asOf := instantOf(friday, 20, 0)
	if _, err := src.Fetch(t.Context(), query("999999", friday-4, friday, asOf)); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("up to the newest session: %v", err)
	}
	// Of days in the past, the ETF may have been listed later.
	if r, err := src.Fetch(t.Context(), query("999999", friday-4, friday-3, asOf)); err != nil || len(r.Bars) != 0 {
		t.Errorf("in the past: %+v, %v", r.Bars, err)
	}
	// The ISIN names the same row.
	if r, err := src.Fetch(t.Context(), query("KR7069500007", friday, friday, asOf)); err != nil || len(r.Bars) != 1 {
		t.Errorf("by ISIN: %+v, %v", r.Bars, err)
	}
	for _, q := range []etf.Query{
		{Symbol: "SPY", Exchange: etf.XNYS, AsOf: asOf}, {Symbol: "SPY", Exchange: etf.XKRX, AsOf: asOf},
		{Symbol: "069500", Exchange: etf.XKRX}, {Symbol: "069500", Exchange: etf.XKRX, Currency: "USD", AsOf: asOf},
		{Symbol: "069500", Exchange: etf.XKRX, AsOf: asOf, Window: etf.Window{From: friday, To: friday - 1}},
	} {
		if _, err := src.Fetch(t.Context(), q); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		header http.Header
		kind   etf.Kind
		says   string
		until  bool
		after  time.Duration
	}{
		{name: "wrong key", status: 401, body: `{"respMsg":"Unauthorized Key","respCode":"401"}`, kind: etf.KindDenied, says: "ETFCAST_KRX_KEY"},
		{name: "wrong key with 200", status: 200, body: `{"respMsg":"Unauthorized Key","respCode":"401"}`, kind: etf.KindDenied, says: "ETFCAST_KRX_KEY"},
		{name: "service not approved", status: 401, body: `{"respMsg":"Unauthorized API Call","respCode":"401"}`, kind: etf.KindDenied, says: "approved by itself"},
		{name: "401 without words", status: 401, body: ``, kind: etf.KindDenied, says: "ETFCAST_KRX_KEY"},
		{name: "too many at once", status: 429, body: `{"respMsg":"Too many requests","respCode":"429"}`, header: http.Header{"Retry-After": {"7"}}, kind: etf.KindRateLimited, after: 7 * time.Second},
		{name: "429 without words", status: 429, kind: etf.KindRateLimited},
		{name: "quota", status: 429, body: `{"respMsg":"Daily call limit exceeded","respCode":"429"}`, kind: etf.KindRateLimited, until: true},
		{name: "quota with 200", status: 200, body: `{"respMsg":"일일 호출 한도를 초과하였습니다","respCode":"429"}`, kind: etf.KindRateLimited, until: true},
		{name: "maintenance", status: 200, body: `<!DOCTYPE html><html><body>시스템 점검 중입니다</body></html>`, kind: etf.KindUnavailable},
		{name: "another page", status: 200, body: `<html><body>Login</body></html>`, kind: etf.KindDenied},
		{name: "down", status: 503, body: `busy`, kind: etf.KindUnavailable},
		{name: "an error of theirs", status: 200, body: `{"respMsg":"Internal error","respCode":"500"}`, kind: etf.KindUnavailable},
		{name: "empty", status: 200, kind: etf.KindUnavailable},
		{name: "cut", status: 200, body: `{"OutBlock_1":[{"BAS_DD":"20260123"`, kind: etf.KindUnavailable},
		{name: "not JSON", status: 200, body: `OutBlock_1`, kind: etf.KindCorrupt},
		{name: "a request that it does not take", status: 400, body: `{"respMsg":"Bad request","respCode":"400"}`, kind: etf.KindCorrupt, says: "Bad request"},
		{name: "a request that it does not take, as text", status: 400, body: `no such parameter`, kind: etf.KindCorrupt, says: "no such parameter"},
		{name: "unprocessable with 200", status: 200, body: `{"respMsg":"Bad date","respCode":"422"}`, kind: etf.KindCorrupt, says: "Bad date"},
		{name: "the web site's login", status: 400, body: "LOGOUT", kind: etf.KindDenied, says: "login"},
		{name: "the address has moved", status: 404, body: `<html>Not Found</html>`, kind: etf.KindUnavailable, says: "404"},
		{name: "redirect", status: 302, header: http.Header{"Location": {"https://example.com/login"}}, kind: etf.KindDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, v := range c.header {
					w.Header()[name] = v
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			src := open(s.url)
			_, err := src.Fetch(t.Context(), query("069500", friday, friday, instantOf(friday, 20, 0)))
			var e *etf.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.says) || e.RetryAfter != c.after {
				t.Fatalf("%+v; want %s with %q", err, c.kind, c.says)
			}
			if renewed := instantOf(friday+1, 0, 0); c.until != e.Until.Equal(renewed) {
				t.Errorf("until %s", e.Until)
			}
			if strings.Contains(err.Error(), key) {
				t.Error("the key is in the error")
			}
			// What concerns every call is not asked again for each ETF.
			_, err = src.Fetch(t.Context(), query("0000J0", friday, friday, instantOf(friday, 20, 0)))
			if etf.KindOf(err) != c.kind || s.total() != 1 {
				t.Errorf("the next ETF: %v after %d calls", err, s.total())
			}
			if n := src.Requests(query("0000J0", friday, friday, instantOf(friday, 20, 0))); n != 0 {
				t.Errorf("%d calls counted while the failure stands", n)
			}
		})
	}
}

// A changed shape is named with field and row; its body is kept, once for all ETFs.
func TestChangedShape(t *testing.T) {
	t.Parallel()
	good := func() map[string]any { return line(friday, "069500", "1", "1", "1", "1", "1", "1") }
	for _, f := range []string{"BAS_DD", "ISU_CD", "TDD_OPNPRC", "TDD_HGPRC", "TDD_LWPRC", "TDD_CLSPRC", "ACC_TRDVOL", "NAV"} {
		for name, change := range map[string]func(map[string]any){
			"missing":  func(m map[string]any) { delete(m, f) },
			"a number": func(m map[string]any) { m[f] = 41835 },
			"a list":   func(m map[string]any) { m[f] = []string{"1"} },
		} {
			changed := good()
			change(changed)
			_, err := parseDay(bodyOf(good(), changed), friday)
			if want := "$.OutBlock_1[1]." + f; etf.KindOf(err) != etf.KindCorrupt || !strings.HasPrefix(err.Error(), want+":") {
				t.Errorf("%s of %s: %v; want %s named", name, f, err, want)
			}
		}
	}
	for body, place := range map[string]string{
		`{"output":[]}`: "$.OutBlock_1:", `{"OutBlock_1":{}}`: "$.OutBlock_1:", `[]`: "$:", `{"OutBlock_1":[1]}`: "$.OutBlock_1[0]:", `{"OutBlock_1":[]} x`: "$:", `{"OutBlock_1":null}`: "$.OutBlock_1:",
		string(bodyOf(line(friday-1, "069500", "1", "1", "1", "1", "1", "1"))):     "$.OutBlock_1[0].BAS_DD:",
		string(bodyOf(line(friday, "KODEX 200", "1", "1", "1", "1", "1", "1"))):    "$.OutBlock_1[0].ISU_CD:",
		string(bodyOf(line(friday, "US78462F1030", "1", "1", "1", "1", "1", "1"))): "$.OutBlock_1[0].ISU_CD:",
	} {
		if _, err := parseDay([]byte(body), friday); etf.KindOf(err) != etf.KindCorrupt || !strings.HasPrefix(err.Error(), place) {
			t.Errorf("%s: %v; want %s", body, err, place)
		}
	}
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"output":[]}`)) })
	r, err := open(s.url).Fetch(t.Context(), query("069500", friday, friday, instantOf(friday, 20, 0)))
	if etf.KindOf(err) != etf.KindCorrupt || r.MediaType != etf.ManifestType || len(r.Shared) != 1 || string(r.Shared[0].Raw) != `{"output":[]}` || strings.Contains(r.Request, "..") {
		t.Errorf("%+v, %v", r, err)
	}
}

// Of one row, what can't be read is a defect, and never a price of 0.
func TestRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                                string
		open, high, low, close, volume, nav string
		bars, defects, navs                 int
		missing                             bool
	}{
		{"with commas", "41,705", "42,145", "41,585", "41,835", "11,521,190", "43,651.13", 1, 0, 1, false},
		{"not traded", "0", "0", "0", "41835", "0", "41887.33", 1, 0, 1, false},
		{"no close", "1", "1", "1", "-", "1", "1", 0, 1, 1, true},
		{"all zero", "0", "0", "0", "0", "0", "0", 0, 1, 1, true}, // the number of shares is stated
		{"words", "1", "1", "1", "1원", "1", "1", 0, 1, 1, false},
		{"a comma elsewhere", "1", "1", "1", "41,83", "1", "1", 0, 1, 1, false},
		{"NAV in words", "1", "1", "1", "1", "1", "?", 1, 1, 1, false},
		{"no NAV", "1", "1", "1", "1", "1", "-", 1, 0, 0, false},
		{"negative volume", "1", "1", "1", "1", "-5", "1", 0, 1, 1, false},
	} {
		d, err := parseDay(bodyOf(line(friday, "069500", c.open, c.high, c.low, c.close, c.volume, c.nav)), friday)
		if err != nil {
			t.Fatal(c.name, err)
		}
		var r etf.Response
		d.into("069500", &r)
		if len(r.Bars) != c.bars || len(r.Defects) != c.defects || len(r.NAVs) != c.navs || c.defects > 0 && r.Defects[0].NoPrice != c.missing {
			t.Errorf("%s: bars %+v, defects %+v, NAVs %+v", c.name, r.Bars, r.Defects, r.NAVs)
		}
		for _, b := range r.Bars {
			if b.Close == 0 {
				t.Errorf("%s: a close of 0", c.name)
			}
		}
	}
}

// FuzzParseDay: no body makes the parser panic, accept a row of another day, or make a close of 0 or a negative volume.
func FuzzParseDay(f *testing.F) {
	f.Add(bodyOf(line(friday, "069500", "41,705", "42145", "41585", "41835", "59317", "41887.33")))
	f.Add(bodyOf(line(friday, "0000J0", "0", "0", "0", "10915", "0", "-")))
	f.Add([]byte(`{"OutBlock_1":[]}`))
	f.Add([]byte(`{"respMsg":"Unauthorized Key","respCode":"401"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := parseDay(body, friday)
		if err != nil {
			if k := etf.KindOf(err); k != etf.KindCorrupt && k != etf.KindUnavailable {
				t.Errorf("kind %s", k)
			}
			return
		}
		for code := range d.byCode {
			var r etf.Response
			d.into(code, &r)
			for _, b := range r.Bars {
				if b.Session != friday || b.Close == 0 && b.Open == 0 && b.High == 0 && b.Low == 0 || b.Volume < etf.VolumeUnknown {
					t.Errorf("%+v", b)
				}
			}
		}
	})
}
