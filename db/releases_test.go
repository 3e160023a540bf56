package db_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/archive"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/prophet/market"
)

const releases = "testdata/releases"

// TestReleases migrates the database of every earlier release to the current schema and reads it with the current code:
// each number, hash and fit must be what that release stored. The archives are recorded from released code and never
// replaced: see docs/workflows.md.
func TestReleases(t *testing.T) {
	names, err := archive.Releases(releases)
	if err != nil || len(names) == 0 {
		t.Fatalf("no archive of a release in %s: %v", releases, err)
	}
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				a, err := archive.Read(releases, name)
				if err != nil {
					t.Fatal(err)
				}
				testRelease(t, upgraded(t, dsn, a), a.Facts)
			})
		}
	})
}

// upgraded returns the archived database with the current schema.
func upgraded(t *testing.T, dsn string, a archive.Archive) dbtest.Database {
	t.Helper()
	ctx, d := t.Context(), dbtest.Empty(t, dsn)
	if err := db.MigrateTo(ctx, d.AdminDSN, a.Facts.Schema); err != nil {
		t.Fatal(err)
	}
	pool, err := archive.Connect(d.AdminDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := archive.Load(ctx, pool, bytes.NewReader(a.SQL)); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := archive.Dump(ctx, pool, &again); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), a.SQL) {
		t.Fatal("the loaded rows are not those of the archive: " + firstDifference(again.String(), string(a.SQL)))
	}
	tables, err := archive.Tables(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, table := range tables {
		var n int
		if err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		rows[table] = n
	}
	if !reflect.DeepEqual(rows, a.Facts.Rows) {
		t.Errorf("rows %v, want %v", rows, a.Facts.Rows)
	}
	user, _, _ := strings.Cut(d.UserDSN, ":")
	if err := db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{GrantUsers: []string{user}}); err != nil {
		t.Fatal(err)
	}
	// Every fetch is listed with its ETF, those of the release too.
	var listed int
	if err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM etf_fetches l JOIN fetches f ON f.id = l.fetch_id AND f.etf_id = l.etf_id AND f.fetched_at = l.fetched_at").Scan(&listed); err != nil || listed != a.Facts.Rows["fetches"] {
		t.Errorf("%d fetches are listed with their ETF, %v; want %d", listed, err, a.Facts.Rows["fetches"])
	}
	d.Store = d.Another(t, db.Options{})
	return d
}

func firstDifference(got, want string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			from := max(0, i-60)
			return fmt.Sprintf("%q, want %q", got[from:min(len(got), i+60)], want[from:min(len(want), i+60)])
		}
	}
	return fmt.Sprintf("%d bytes, want %d", len(got), len(want))
}

// testRelease first reads, then adds rows, and breaks chains last.
func testRelease(t *testing.T, d dbtest.Database, f archive.Facts) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, dbtest.Database, archive.Facts)
	}{
		{"commands", releaseCommands}, {"prices", releasePrices}, {"chains", releaseChains}, {"hashed text", releaseTexts},
		{"fits", releaseFits}, {"actions", releaseActions}, {"new rows", releaseNewRows}, {"tampering", releaseTampering},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, d, f) })
	}
}

// releaseCommands checks that ETFs, findings with their decisions, runs and their outcomes are what the release's own
// commands printed.
func releaseCommands(t *testing.T, d dbtest.Database, f archive.Facts) {
	ctx, s := t.Context(), d.Store
	var etfs []etf.ETF
	for _, x := range etf.Exchanges() {
		list, err := s.ETFs(ctx, x, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		etfs = append(etfs, list...)
	}
	slices.SortFunc(etfs, func(a, b etf.ETF) int { return strings.Compare(string(a.Symbol), string(b.Symbol)) })
	sameJSON(t, "the ETFs", etfs, f.ETFs)

	findings, _, err := s.Findings(ctx, etf.FindingFilter{}, etf.Cursor{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, "the findings", findings, f.Findings)
	decisions := map[etf.Decision]int{}
	for _, x := range findings {
		decisions[x.Decision]++
	}
	if decisions[etf.Accept] == 0 || decisions[etf.Reject] == 0 || decisions[etf.Undecided] == 0 {
		t.Errorf("the archive must have a finding for each decision; it has %v", decisions)
	}

	runs, _, err := s.Runs(ctx, etf.RunFilter{}, etf.Cursor{}, 1000)
	if err != nil || len(runs) != len(f.Runs) {
		t.Fatalf("%d runs, want %d; %v", len(runs), len(f.Runs), err)
	}
	for i, r := range runs {
		list, err := s.RunETFs(ctx, r.ID, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, "run "+string(r.ID), struct {
			etf.Run
			ETFs []etf.RunETF `json:"etfs"`
		}{r, list}, f.Runs[i])
	}
}

// sameJSON checks that everything recorded is in current, which may have additional fields.
func sameJSON(t *testing.T, name string, current any, recorded json.RawMessage) {
	t.Helper()
	text, err := json.Marshal(current)
	if err != nil {
		t.Fatal(err)
	}
	got, want := decoded(t, text), decoded(t, recorded)
	if at := missing(got, want); at != "" {
		t.Errorf("%s: %s differs from the recorded value: %s, want %s", name, at, text, recorded)
	}
}

func decoded(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // prices are exact
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// missing returns the path at which got lacks something that want has, "" if there is none.
func missing(got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			return "."
		}
		for key := range want {
			if at := missing(got[key], want[key]); at != "" {
				return "." + key + at
			}
		}
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return fmt.Sprintf("[%d]", len(want))
		}
		for i := range want {
			if at := missing(got[i], want[i]); at != "" {
				return fmt.Sprintf("[%d]%s", i, at)
			}
		}
	default:
		if got != want {
			return "."
		}
	}
	return ""
}

// releasePrices checks the sums of the current bars and every revision.
func releasePrices(t *testing.T, d dbtest.Database, f archive.Facts) {
	ctx, s := t.Context(), d.Store
	for _, want := range f.Prices {
		got := archive.Prices{Symbol: want.Symbol}
		var sum etf.Price
		if err := s.EachBar(ctx, want.Symbol, etf.Window{}, func(b etf.StoredBar) error {
			got.Bars++
			if b.Quarantined {
				got.Quarantined++
			}
			sum += b.Close
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got.CloseSum = sum.String(); got != want {
			t.Errorf("prices %+v, want %+v", got, want)
		}
	}
	if len(f.Revised) == 0 {
		t.Error("the archive has no revised bar")
	}
	for _, want := range f.Revised {
		revisions, err := s.BarRevisions(ctx, want.Symbol, want.Session)
		if err != nil {
			t.Fatal(err)
		}
		var closes []string
		for _, b := range revisions {
			closes = append(closes, b.Close.String())
		}
		if !slices.Equal(closes, want.Closes) {
			t.Errorf("%s on %s: closes %v, want %v", want.Symbol, want.Session, closes, want.Closes)
		}
	}
}

// releaseChains checks that every chain exists, verifies and ends with the same hash.
func releaseChains(t *testing.T, d dbtest.Database, f archive.Facts) {
	ctx, s := t.Context(), d.Store
	var got []archive.Chain
	for _, p := range f.Prices {
		models, err := s.ForecastModels(ctx, p.Symbol)
		if err != nil {
			t.Fatal(err)
		}
		for _, model := range models {
			if err := s.VerifyChain(ctx, p.Symbol, model); err != nil {
				t.Error(err)
			}
			page, err := s.ForecastPage(ctx, p.Symbol, model, 0, 1)
			if err != nil || len(page) != 1 {
				t.Fatalf("the last forecast of %s by %s: %v, %v", p.Symbol, model, page, err)
			}
			got = append(got, archive.Chain{Symbol: p.Symbol, Model: model, Length: page[0].Chain, Head: page[0].Hash})
		}
	}
	if !slices.Equal(got, f.Chains) {
		t.Errorf("chains %+v, want %+v", got, f.Chains)
	}
}

// releaseTexts checks that the JSON of a forecast is exactly the text that was hashed. Otherwise a change in what is hashed
// would go unnoticed, because the same code writes and verifies hashes.
func releaseTexts(t *testing.T, d dbtest.Database, f archive.Facts) {
	byModel := map[string]int{}
	for _, want := range f.Forecasts {
		if sum := sha256.Sum256([]byte(want.PrevHash + "\n" + want.JSON)); hex.EncodeToString(sum[:]) != want.Hash {
			t.Fatalf("the archive's text of forecast %s does not match its hash", want.ID)
		}
		got, err := d.Store.Forecast(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Hash != want.Hash || got.PrevHash != want.PrevHash {
			t.Errorf("forecast %s has hash %s after %s, want %s after %s", want.ID, got.Hash, got.PrevHash, want.Hash, want.PrevHash)
		}
		byModel[got.Model]++
		got.Hash = ""
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != want.JSON {
			t.Errorf("the hashed text of forecast %s has changed: %s", want.ID, firstDifference(string(text), want.JSON))
		}
	}
	if byModel[drift.Name] == 0 || byModel[market.Name] == 0 {
		t.Errorf("the archive must have texts of forecasts by both models; it has %v", byModel)
	}
}

// everyForecast calls do for each forecast of the archive.
func everyForecast(t *testing.T, s *db.Store, f archive.Facts, do func(etf.Forecast)) {
	t.Helper()
	for _, c := range f.Chains {
		page, err := s.ForecastPage(t.Context(), c.Symbol, c.Model, c.Length+1, int(c.Length))
		if err != nil || int64(len(page)) != c.Length {
			t.Fatalf("%d forecasts of %s by %s, want %d; %v", len(page), c.Symbol, c.Model, c.Length, err)
		}
		for _, forecast := range page {
			do(forecast)
		}
	}
}

// releaseFits checks that a stored fit, restored by the current model, predicts the numbers that were stored with it.
func releaseFits(t *testing.T, d dbtest.Database, f archive.Facts) {
	models := map[string]forecast.Model{}
	for _, m := range []forecast.Model{drift.Default(), market.Default()} {
		models[m.Name()] = m
	}
	everyForecast(t, d.Store, f, func(stored etf.Forecast) {
		blob, err := d.Store.ForecastFit(t.Context(), stored.ID)
		if err != nil {
			t.Fatal(err)
		}
		if models[stored.Model] == nil {
			t.Fatalf("model %s no longer exists, so its stored fits can't be restored", stored.Model)
		}
		fitted, err := models[stored.Model].Restore(blob)
		if err != nil {
			t.Fatal(err)
		}
		targets := make([]etf.Session, len(stored.Points))
		for i, p := range stored.Points {
			targets[i] = p.Target
		}
		points, err := fitted.Predict(targets)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range stored.Points {
			if !samePoint(points[i], want) {
				t.Errorf("forecast %s by %s, horizon %d: %+v, want %+v", stored.ID, stored.Model, i+1, points[i], want)
			}
		}
		decomposer, ok := fitted.(forecast.Decomposer)
		if !ok {
			if len(stored.Components) > 0 {
				t.Errorf("forecast %s was stored with components, but model %s no longer has any", stored.ID, stored.Model)
			}
			return
		}
		parts, err := decomposer.Components(targets)
		if err != nil {
			t.Fatal(err)
		}
		if len(parts) != len(stored.Components) {
			t.Errorf("forecast %s has %d components, want %d", stored.ID, len(parts), len(stored.Components))
		}
		for name, values := range stored.Components {
			if !slices.EqualFunc(parts[name], values, sameNumber) {
				t.Errorf("forecast %s, component %s: %v, want %v", stored.ID, name, parts[name], values)
			}
		}
	})
}

func samePoint(got, want etf.ForecastPoint) bool {
	return got.Horizon == want.Horizon && got.Target == want.Target && sameNumber(got.Mean, want.Mean) &&
		slices.EqualFunc(got.Quantiles[:], want.Quantiles[:], sameNumber)
}

// sameNumber requires bitwise equality, except in builds that fuse multiply and add, rounding once (arm64, GOAMD64=v3):
// archives are recorded by builds that round twice.
func sameNumber(got, want float64) bool {
	if fuses() {
		return math.Abs(got-want) <= 1e-9*math.Max(1, math.Abs(want))
	}
	return math.Float64bits(got) == math.Float64bits(want)
}

func fuses() bool { return squarePlus(1+0x1p-30, -1-0x1p-29) != 0 }

//go:noinline
func squarePlus(x, y float64) float64 { return x*x + y }

// releaseActions checks that a migrated statement has the ID that the next response stating the same will be given: otherwise it would be
// stored a second time, and couldn't be made again from the responses.
func releaseActions(t *testing.T, d dbtest.Database, f archive.Facts) {
	n := 0
	for _, p := range f.Prices {
		list, err := d.Store.ActionsAt(t.Context(), p.Symbol, etf.NewestVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			if want := etf.ActionID(p.Symbol, a.Action, a.Source); a.ID != want {
				t.Errorf("%s: the %s of %s by %s has ID %s, want %s", p.Symbol, a.Kind, a.Ex, a.Source, a.ID, want)
			}
		}
		n += len(list)
	}
	if want := f.Rows["corporate_actions"]; n != want || n == 0 {
		t.Errorf("%d statements, want the %d of the archive", n, want)
	}
}

// releaseNewRows checks that new prices and a new forecast continue what was stored.
func releaseNewRows(t *testing.T, d dbtest.Database, f archive.Facts) {
	ctx, s := t.Context(), d.Store
	for _, c := range f.Chains {
		before := etfOf(t, s, c.Symbol)
		stored := barOn(t, s, c.Symbol, before.Last)
		next := stored.Bar
		for next.Session++; next.Session.Weekday() == 0 || next.Session.Weekday() == 6; next.Session++ {
		}
		fetch := fetchOf(c.Symbol, []etf.Bar{stored.Bar, next})
		fetch.Basis, fetch.Source = stored.Basis, stored.Source
		if err := s.SaveFetch(ctx, fetch, etf.Response{Bars: []etf.Bar{stored.Bar, next}, Basis: fetch.Basis}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: fetch.ID, Verdicts: make([]etf.Verdict, 2)}); err != nil {
			t.Fatal(err)
		}
		p, err := s.Persist(ctx, fetch.ID)
		if err != nil || p.New != 1 || p.Unchanged+p.Revised != 1 || p.DataVersion.Number != before.DataVersion.Number+1 {
			t.Fatalf("%s: persisted %+v on %+v, %v", c.Symbol, p, before, err)
		}
		if after := etfOf(t, s, c.Symbol); after.Bars != before.Bars+1 || after.Last != next.Session {
			t.Errorf("%s: %+v after %+v", c.Symbol, after, before)
		}
		appended, isNew, err := appendOne(ctx, s, withParts(forecastOf(c.Symbol, c.Model, next.Session, p.DataVersion)))
		if err != nil || !isNew || appended.Chain != c.Length+1 || appended.PrevHash != c.Head {
			t.Errorf("%s by %s: appended %d after %s, %v; want %d after %s", c.Symbol, c.Model, appended.Chain, appended.PrevHash, err, c.Length+1, c.Head)
		}
		if err := s.VerifyChain(ctx, c.Symbol, c.Model); err != nil {
			t.Error(err)
		}
	}
}

// releaseTampering checks that changes bypassing the store are found, so that the checks above can fail.
func releaseTampering(t *testing.T, d dbtest.Database, f archive.Facts) {
	ctx, admin := t.Context(), d.Admin(t)
	for i, c := range []struct{ name, statement string }{
		{"a point", "UPDATE forecast_points SET q50 = q50 * 1.0000001 WHERE horizon = 7 AND forecast_id = ?"},
		{"the code version", "UPDATE forecasts SET code_version = 'another' WHERE id = ?"},
		{"a fit", "UPDATE forecast_fits SET hash = REVERSE(hash) WHERE forecast_id = ?"},
	} {
		chain := f.Chains[i]
		page, err := d.Store.ForecastPage(ctx, chain.Symbol, chain.Model, 3, 1)
		if err != nil || len(page) != 1 {
			t.Fatalf("the second forecast of %s by %s: %v, %v", chain.Symbol, chain.Model, page, err)
		}
		if _, err := admin.ExecContext(ctx, c.statement, page[0].ID); err != nil {
			t.Fatal(err)
		}
		err = d.Store.VerifyChain(ctx, chain.Symbol, chain.Model)
		if etf.KindOf(err) != etf.KindCorrupt || !strings.Contains(err.Error(), "position 2") {
			t.Errorf("changing %s at position 2 of %s by %s gives %v", c.name, chain.Symbol, chain.Model, err)
		}
	}
}
