package db_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func testSessionSettings(t *testing.T, d dbtest.Database) {
	settings, err := d.Store.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"STRICT_ALL_TABLES", "NO_ZERO_DATE", "ONLY_FULL_GROUP_BY"} {
		if !strings.Contains(settings.SQLMode, mode) {
			t.Errorf("sql_mode %q lacks %s", settings.SQLMode, mode)
		}
	}
	if settings.TimeZone != "+00:00" || settings.Charset != "utf8mb4" {
		t.Errorf("session %+v", settings)
	}
}

// testFixedVariables checks that a DSN can't change the settings that the escaping of values relies on.
func testFixedVariables(t *testing.T, d dbtest.Database) {
	d.UserDSN += "?SQL_MODE=%27NO_BACKSLASH_ESCAPES%27&character_set_client=latin1&Time_Zone=%27%2B05%3A00%27"
	s := d.Another(t, db.Options{MaxConns: 1})
	settings, err := s.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(settings.SQLMode, "NO_BACKSLASH_ESCAPES") || settings.TimeZone != "+00:00" || settings.Charset != "utf8mb4" {
		t.Errorf("session %+v", settings)
	}
}

// testText checks that any text comes back unchanged, from single-row and multi-row statements.
func testText(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "TEXT")
	for i, text := range []string{
		`it's "\" \' \\' -- # /* ? %s`, "\x00\n\r\t\x1a\b", `\`, `'`, `?`, "'); DROP TABLE runs; --", "한국 ü € 𝄞 \u00a0\u2028",
		"\u5c5c\u275c\u815c", // characters whose code points, or other encodings, contain the byte of a backslash
	} {
		bars := []etf.Bar{bar(day(i), i)}
		f := fetchOf("TEXT", bars)
		f.Request = text
		if err := s.SaveFetch(ctx, f, etf.Response{Bars: bars}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		found := finding(f, "jump", day(i))
		found.Evidence = text
		if _, err := s.SaveFindings(ctx, etf.Judgement{Fetch: f.ID, Findings: []etf.Finding{found, finding(f, "stale", day(i))}, Verdicts: []etf.Verdict{etf.VerdictQuarantine}}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		staged, err := s.Staged(ctx, f.ID)
		if err != nil || staged.Fetch.Request != text {
			t.Errorf("request %q came back as %q, %v", text, staged.Fetch.Request, err)
		}
		if read, err := s.Finding(ctx, found.ID); err != nil || read.Evidence != text {
			t.Errorf("evidence %q came back as %q, %v", text, read.Evidence, err)
		}
	}
}

// testUnfit checks that a value that does not fit its column is refused, never truncated.
func testUnfit(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	register(t, d.Store, "UNFIT")
	f := fetchOf("UNFIT", nil)
	f.MediaType = strings.Repeat("x", 101)
	err := d.Store.SaveFetch(ctx, f, etf.Response{})
	wantKind(t, err, etf.KindInvalid, "")
	if !strings.Contains(err.Error(), "media_type") {
		t.Errorf("%v does not name the column", err)
	}
	_, _, err = d.Store.CreateETF(ctx, etf.ETF{Symbol: "UNFIT2", Exchange: "XNYSE", Currency: "USD", Sources: []etf.SourceRef{{Name: "a", Ref: "b"}}})
	wantKind(t, err, etf.KindInvalid, "")
}

// testRights checks that the pipeline's user can neither change nor delete rows of append-only tables, nor drop them.
func testRights(t *testing.T, d dbtest.Database) {
	user, err := sql.Open("mysql", d.UserDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	tables := db.AppendOnly()
	if len(tables) < 9 {
		t.Fatalf("append-only tables: %v", tables)
	}
	column := map[string]string{"data_versions": "number", "etf_sources": "name", "finding_decisions": "decision",
		"finding_rows": "session", "findings": "rule", "bar_revisions": "close", "forecasts": "hash", "forecast_points": "mean",
		"forecast_components": "by_horizon", "forecast_fits": "hash", "etf_changes": "name", "etf_fetches": "fetch_id",
		"forecast_marks": "skipped", "etf_listings": "listed", "finding_proposals": "kind",
		"forecast_provenance": "closes_hash", "forecast_tails": "by_horizon", "forecast_targets": "target", "scores": "crps",
		"ledger_leaves": "hash", "ledger_hashes": "hashes", "ledger_checkpoints": "root", "entrants": "model",
		"forecast_raw": "volatility", "assessments": "body", "gate_verdicts": "mean",
		"calendar_closures": "reason", "forecast_target_dates": "target", "etf_details": "isin", "etf_identities": "permanent_id", "etf_symbols": "symbol",
		"chain_symbols": "symbol", "fetch_checks": "opinion", "source_breaker_changes": "state"}
	for _, table := range tables {
		c := column[table]
		if c == "" {
			t.Fatalf("no column to update is named for table %s", table)
		}
		for _, statement := range []string{"UPDATE " + table + " SET " + c + " = " + c, "DELETE FROM " + table, "DROP TABLE " + table} {
			if _, err := user.Exec(statement); err == nil || !strings.Contains(err.Error(), "denied") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if _, err := user.Exec("SELECT * FROM " + table + " LIMIT 1"); err != nil {
			t.Error(err)
		}
	}
	if _, err := user.Exec("DROP TABLE bars"); err == nil { // it may delete those that it has archived
		t.Error("the pipeline's user may drop the table of bars")
	}
	if _, err := user.Exec("DELETE FROM decisions"); err == nil {
		t.Error("the pipeline's user may delete decisions")
	}
}
