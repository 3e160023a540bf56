// Package sourcetest has what the tests of adapters share: a provider on this machine, and tables of changed responses.
package sourcetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
	"github.com/etfcast/etfcast/quality"
)

// Secret is the credential that adapters are tested with. It must not be in anything that they return.
const Secret = "s3cr3t+k3y/0123456789"

// Key returns Secret.
func Key() (string, error) { return Secret, nil }

// Fetcher is a source.Source.
type Fetcher interface {
	Fetch(ctx context.Context, q etf.Query) (etf.Response, error)
}

// Serve starts a server and returns its address.
func Serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// Body sends one response to every request.
func Body(status int, mediaType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// Query asks for an ETF in New York, from and to in the form YYYY-MM-DD or empty, as of an instant in RFC 3339.
func Query(symbol etf.Symbol, from, to, asOf string) etf.Query {
	q := etf.Query{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD"}
	if from != "" {
		q.Window.From = etf.MustSession(from)
	}
	if to != "" {
		q.Window.To = etf.MustSession(to)
	}
	at, err := time.Parse(time.RFC3339, asOf)
	if err != nil {
		panic(err)
	}
	q.AsOf = at
	return q
}

// Show formats bars as lines of "session open high low close volume".
func Show(bars []etf.Bar) string {
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

// Fetch fetches, and checks that the response, parsed again from its body, is the same.
func Fetch(t *testing.T, name string, s Fetcher, q etf.Query, again func(etf.Query, etf.Fetch, []byte) (etf.Response, error)) etf.Response {
	t.Helper()
	got, err := s.Fetch(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprintf("%+v %s", got, got.Raw), "s3cr3t") {
		t.Errorf("the response has the key: %+v", got)
	}
	q.Ref = ""
	stored, err := again(q, etf.Fetch{Source: name, Request: got.Request, MediaType: got.MediaType}, got.Raw)
	if err != nil || !reflect.DeepEqual(got, stored) {
		t.Errorf("the stored body is parsed as %+v (%v), but was fetched as %+v", stored, err, got)
	}
	return got
}

// Refusal is a response that has no rows, and the error it leads to.
type Refusal struct {
	Name      string
	Status    int
	MediaType string // default: application/json
	Body      string
	Header    http.Header
	Kind      etf.Kind      // "" for an empty response without an error
	Says      string        // in the error
	After     time.Duration // RetryAfter
	Until     time.Time     // of a quota
}

// Refusals checks a table of them. make constructs the source for an address.
func Refusals(t *testing.T, q etf.Query, table []Refusal, make func(address string) Fetcher) {
	t.Helper()
	for _, c := range table {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if c.MediaType == "" {
				c.MediaType = "application/json"
			}
			address := Serve(t, func(w http.ResponseWriter, r *http.Request) {
				maps.Copy(w.Header(), c.Header)
				Body(c.Status, c.MediaType, c.Body)(w, r)
			})
			got, err := make(address).Fetch(t.Context(), q)
			if c.Kind == "" {
				if err != nil || len(got.Bars)+len(got.Defects)+len(got.Actions) > 0 {
					t.Errorf("%+v, %v; want an empty response", got, err)
				}
				return
			}
			e := etf.Errors(err)
			if len(e) != 1 || e[0].Kind != c.Kind || !strings.Contains(err.Error(), c.Says) {
				t.Fatalf("%s: %v; want %s with %q", etf.KindOf(err), err, c.Kind, c.Says)
			}
			if e[0].RetryAfter != c.After || !e[0].Until.Equal(c.Until) {
				t.Errorf("retry after %s, until %s; want %s, %s", e[0].RetryAfter, e[0].Until, c.After, c.Until)
			}
			if len(got.Bars) > 0 || got.Request == "" || strings.Contains(fmt.Sprintf("%+v %s %v", got, got.Raw, err), "s3cr3t") {
				t.Errorf("with the error came %+v", got)
			}
		})
	}
}

// Change is a response in another shape, and what the error has to name.
type Change struct {
	Name, Body, Field string
}

// Rows makes the changes of one row in a list of rows, for each of its fields: renamed, removed, and as every other type of JSON.
// nullable fields may be null; all others must not.
func Rows(t *testing.T, row map[string]any, before string, after string, place string, nullable func(field string) bool) []Change {
	t.Helper()
	write := func(row map[string]any) string {
		b, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		return before + string(b) + after
	}
	var all []Change
	for _, field := range slices.Sorted(maps.Keys(row)) {
		change := func(name string, edit func(map[string]any)) {
			changed := maps.Clone(row)
			edit(changed)
			all = append(all, Change{field + " " + name, write(changed), place + field})
		}
		change("removed", func(r map[string]any) { delete(r, field) })
		change("renamed", func(r map[string]any) { r[field+"Value"] = r[field]; delete(r, field) })
		change("in capitals", func(r map[string]any) { r[strings.ToUpper(field)+"_"] = r[field]; delete(r, field) })
		_, isText := row[field].(string)
		others := map[string]any{"as an object": map[string]any{"value": row[field]}, "as a list": []any{row[field]}, "as a boolean": true}
		if isText {
			others["as a number"] = 1.5
		} else {
			others["as text"] = fmt.Sprint(row[field])
		}
		if !nullable(field) {
			others["as null"] = nil
		}
		for _, name := range slices.Sorted(maps.Keys(others)) {
			change(name, func(r map[string]any) { r[field] = others[name] })
		}
	}
	return all
}

// Changes checks that each changed response is an error of KindCorrupt that names the field and its place, and no row of it is used.
func Changes(t *testing.T, q etf.Query, table []Change, make func(address string) Fetcher) {
	t.Helper()
	for _, c := range table {
		got, err := make(Serve(t, Body(200, "application/json", c.Body))).Fetch(t.Context(), q)
		e := etf.Errors(err)
		if len(e) != 1 || e[0].Kind != etf.KindCorrupt || e[0].Field != c.Field || len(got.Bars) > 0 || len(got.Raw) == 0 {
			t.Errorf("%s: %v, %d bars; want an error about %s", c.Name, err, len(got.Bars), c.Field)
		}
	}
}

// Walk returns as-traded bars of n sessions that end at last, as a genuine ETF would trade: moves of about 1%. Before the session
// split, prices are times times as high and volumes as low.
func Walk(t testing.TB, n int, last, split etf.Session, times int64) []etf.Bar {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	first, err := cal.Nth(last, -(n - 1))
	if err != nil {
		t.Fatal(err)
	}
	price, bars := 100.0, make([]etf.Bar, 0, n)
	for i, s := range cal.Sessions(etf.Window{From: first, To: last}) {
		move := 0.011*math.Sin(float64(i)*1.7) + 0.006*math.Cos(float64(i)*0.61+1) + 0.0003
		open := price * (1 + 0.2*move)
		price *= 1 + move
		factor := 1.0
		if s < split {
			factor = float64(times)
		}
		cents := func(f float64) etf.Price { p, _ := etf.PriceFromFloat(f * factor); return p.RoundTo(2) }
		b := etf.Bar{Session: s, Open: cents(open), Close: cents(price), Volume: etf.Shares(int64((5e6 + 1.5e6*math.Sin(float64(i)*2.3)) / factor))}
		b.High, b.Low = max(b.Open, b.Close)+cents(0.002*price), min(b.Open, b.Close)-cents(0.002*price)
		bars = append(bars, b)
	}
	return bars
}

// Passes checks that the rules of package quality accept a whole history: no error, nothing held, and the given number of accepted
// splits and dividends.
func Passes(t *testing.T, name string, q etf.Query, got etf.Response, splits, dividends int) {
	t.Helper()
	report, err := quality.Check(quality.Input{
		Symbol: q.Symbol, Exchange: q.Exchange, Session: got.Bars[len(got.Bars)-1].Session, Initial: true, Bars: got.Bars, Defects: got.Defects,
		Basis: got.Basis, Actions: got.Actions, Covers: got.Covers, Window: q.Window, Source: name, Sources: []etf.SourceRef{{Name: name}}, FetchedAt: q.AsOf,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range report.Verdicts {
		if v != etf.VerdictKeep {
			t.Errorf("%s: %v", got.Bars[i].Session, v)
		}
	}
	for _, f := range report.Findings {
		if f.Severity == etf.SeverityError {
			t.Errorf("finding %+v", f)
		}
	}
	n := map[etf.ActionKind]int{}
	for _, a := range report.Plan.InForce {
		n[a.Kind]++
	}
	if n[etf.Split] != splits || n[etf.Dividend] != dividends {
		t.Errorf("accepted %v, want %d splits and %d dividends", n, splits, dividends)
	}
}

// Real returns a file under ETFCAST_REAL_DATA, or skips the test.
func Real(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{testenv.RealData.Value(t)}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Unusable are prices as a provider might write them that are none: of a row with one of them as its close, nothing may be used.
var Unusable = []string{"-50", "-0.01", "0", "0.0", "1e300", "1e30", "99999999999999999999", "1e-30", "50000"}

// KeepsOut checks that nothing of the session is used: the response is refused, the row could not be read, or the rules keep it out. The
// other rows are used.
func KeepsOut(t *testing.T, name string, q etf.Query, session etf.Session, got etf.Response, fetchErr error) {
	t.Helper()
	if fetchErr != nil {
		if etf.KindOf(fetchErr) != etf.KindCorrupt {
			t.Errorf("%v", fetchErr)
		}
		return
	}
	report, err := quality.Check(quality.Input{
		Symbol: q.Symbol, Exchange: q.Exchange, Session: got.Bars[len(got.Bars)-1].Session, Initial: true, Bars: got.Bars, Defects: got.Defects,
		Basis: got.Basis, Actions: got.Actions, Covers: got.Covers, Window: q.Window, Source: name, Sources: []etf.SourceRef{{Name: name}}, FetchedAt: q.AsOf,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range report.Verdicts {
		if of := got.Bars[i].Session; (of == session) == (v == etf.VerdictKeep) {
			t.Errorf("%s: %v, %s", of, v, Show(got.Bars[i:i+1]))
		}
	}
	for _, f := range report.Findings {
		if slices.Contains(f.Sessions, session) {
			return
		}
	}
	t.Errorf("no finding names %s", session)
}
