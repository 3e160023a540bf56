package db_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// onServers runs the test in a new database on each kind of server.
func onServers(t *testing.T, run func(t *testing.T, d dbtest.Database)) {
	t.Helper()
	t.Parallel()
	dbtest.Servers(t, func(t *testing.T, dsn string) { run(t, dbtest.Open(t, dsn)) })
}

func register(t testing.TB, s *db.Store, symbol etf.Symbol) {
	t.Helper()
	_, _, err := s.CreateETF(context.Background(), etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD",
		Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}})
	if err != nil {
		t.Fatal(err)
	}
}

// day returns the session n days after 2 January 2025.
func day(n int) etf.Session { return etf.MustSession("2025-01-02").AddDays(n) }

// bar is a plausible bar whose numbers depend on n.
func bar(session etf.Session, n int) etf.Bar {
	base := etf.Price(100e8 + int64(n%997)*1e6)
	return etf.Bar{Session: session, Open: base, High: base + 2e8, Low: base - 1e8, Close: base + 1e8, AdjClose: base + 5e7, Volume: etf.Shares(1000 + int64(n))}
}

func weekdays(from etf.Session, n int) []etf.Bar {
	var bars []etf.Bar
	for s := from; len(bars) < n; s++ {
		if d := s.Weekday(); d != time.Saturday && d != time.Sunday {
			bars = append(bars, bar(s, len(bars)))
		}
	}
	return bars
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func fetchOf(symbol etf.Symbol, bars []etf.Bar) etf.Fetch {
	f := etf.Fetch{ID: newID(), Symbol: symbol, Source: "simulated", Basis: etf.AsTraded, Rows: len(bars),
		Request: "GET /SPY", MediaType: "text/csv", Hash: strings.Repeat("0", 64), FetchedAt: time.Now(), Run: "daily:XNYS:2025-01-02"}
	if len(bars) > 0 {
		f.Window = etf.Window{From: bars[0].Session, To: bars[len(bars)-1].Session}
	}
	return f
}

// finding returns an error-level finding in the fetch that names the sessions.
func finding(fetch etf.Fetch, rule string, sessions ...etf.Session) etf.Finding {
	return etf.Finding{ID: newID(), Symbol: fetch.Symbol, Fetch: fetch.ID, Rule: rule, Severity: etf.SeverityError, Sessions: sessions,
		Evidence: "low 1 above high 0", FoundAt: time.Now()}
}

// verdictsOf quarantines the rows that the findings name.
func verdictsOf(bars []etf.Bar, findings []etf.Finding) []etf.Verdict {
	list := make([]etf.Verdict, len(bars))
	for i, b := range bars {
		for _, f := range findings {
			for _, s := range f.Sessions {
				if s == b.Session && f.Severity == etf.SeverityError {
					list[i] = etf.VerdictQuarantine
				}
			}
		}
	}
	return list
}

// ingest takes bars through the whole pipeline: fetch, findings, Persist.
func ingest(t testing.TB, s *db.Store, symbol etf.Symbol, bars []etf.Bar, rules ...func(etf.Fetch) etf.Finding) (etf.Persisted, []etf.Finding) {
	t.Helper()
	ctx := context.Background()
	f := fetchOf(symbol, bars)
	if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis}); err != nil {
		t.Fatal(err)
	}
	var findings []etf.Finding
	for _, rule := range rules {
		findings = append(findings, rule(f))
	}
	if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: findings, Verdicts: verdictsOf(bars, findings)}); err != nil {
		t.Fatal(err)
	}
	p, err := s.Persist(ctx, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p, findings
}

func findingBy(rule string, sessions ...etf.Session) func(etf.Fetch) etf.Finding {
	return func(f etf.Fetch) etf.Finding { return finding(f, rule, sessions...) }
}

func barOn(t testing.TB, s *db.Store, symbol etf.Symbol, session etf.Session) etf.StoredBar {
	t.Helper()
	bars, err := s.BarsPage(context.Background(), symbol, etf.Window{From: session, To: session}, 0, 2)
	if err != nil || len(bars) != 1 {
		t.Fatalf("bars of %s on %s: %v %v", symbol, session, bars, err)
	}
	return bars[0]
}

func etfOf(t testing.TB, s *db.Store, symbol etf.Symbol) etf.ETF {
	t.Helper()
	e, err := s.ETF(context.Background(), symbol)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func wantKind(t testing.TB, err error, kind etf.Kind, field string) {
	t.Helper()
	if err == nil || etf.KindOf(err) != kind {
		t.Fatalf("error %v of kind %s, want %s", err, etf.KindOf(err), kind)
	}
	if field != "" && fieldOf(err) != field {
		t.Fatalf("error %v names field %q, want %q", err, fieldOf(err), field)
	}
}

func fieldOf(err error) string {
	var e *etf.Error
	for errors.As(err, &e) {
		if e.Field != "" {
			return e.Field
		}
		err = e.Err
	}
	return ""
}

// dump returns the whole content of tables, to check that nothing has changed.
func dump(t testing.TB, d dbtest.Database, tables ...string) string {
	t.Helper()
	admin := d.Admin(t)
	var out strings.Builder
	for _, table := range tables {
		dumpTable(t, admin, table, &out)
	}
	return out.String()
}

func dumpTable(t testing.TB, admin *sql.DB, table string, out *strings.Builder) {
	t.Helper()
	rows, err := admin.QueryContext(context.Background(), "SELECT * FROM "+table+" ORDER BY 1, 2, 3")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	for rows.Next() {
		values, into := make([][]byte, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(out, "%s %s\n", table, values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func forecastOf(symbol etf.Symbol, model string, origin etf.Session, v etf.DataVersion) etf.Forecast {
	f := etf.Forecast{
		ID: newID(), Symbol: symbol, Model: model, Origin: origin, DataVersion: v, Basis: etf.SplitAdjusted,
		Params: `{"lambda":0.94}`, ParamsHash: strings.Repeat("a", 64), Seed: 1<<63 + 5, CodeVersion: "v0.1.0", Run: "daily:XNYS:x",
		Diagnostics: map[string]string{"status": "ok", "sigma": "0.0123", "name": "a \\ ' \" ü"}, AsOf: time.Now(), IssuedAt: time.Now(),
	}
	for h := 1; h <= etf.MaxHorizon; h++ {
		p := etf.ForecastPoint{Horizon: h, Target: origin.AddDays(h), Mean: 100.1 / float64(h+2)}
		for i := range p.Quantiles {
			p.Quantiles[i] = 100.0/3 + float64(i)/7
		}
		f.Points = append(f.Points, p)
	}
	return f
}

// appendOne appends one forecast and returns it as stored, and whether it is new.
func appendOne(ctx context.Context, s *db.Store, f etf.Forecast) (stored etf.Forecast, isNew bool, err error) {
	results, err := s.AppendForecasts(ctx, []etf.Forecast{f})
	if err != nil {
		return etf.Forecast{}, false, err
	}
	return results[0].Forecast, results[0].New, results[0].Refused
}

// saveFindings is SaveFindings without what it reports.
func saveFindings(s *db.Store, j etf.Judgement) error {
	_, err := s.SaveFindings(context.Background(), j)
	return err
}
