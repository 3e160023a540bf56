package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/issue"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/source/simulated"
)

// fetched stores a response of the simulated market as the daily run does.
func fetched(t *testing.T, s *db.Store, id string, window etf.Window) {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := cal.Close(window.To)
	if err != nil {
		t.Fatal(err)
	}
	at := closed.Add(time.Hour)
	source, err := simulated.New(simulated.Options{Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	r, err := source.Fetch(t.Context(), etf.Query{Symbol: "SIMSPY", Ref: "SPY?inception=2024-05-01", Exchange: etf.XNYS, Currency: "USD", Window: window, AsOf: at})
	if err != nil {
		t.Fatal(err)
	}
	r = quality.Compact(r)
	sum := sha256.Sum256(r.Raw)
	f := etf.Fetch{ID: id, Symbol: "SPY", Source: "simulated", Window: window, Request: r.Request, MediaType: r.MediaType, Hash: hex.EncodeToString(sum[:]),
		Basis: r.Basis, Rows: len(r.Bars), FetchedAt: at, Run: "daily:XNYS:2025-09-26"}
	if err := s.SaveFetch(t.Context(), f, r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveFindings(t.Context(), etf.Judgement{Fetch: id, Verdicts: make([]etf.Verdict, len(r.Bars))}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Persist(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// A version of etfcast before this one has judged the first response, and kept a bar out that this one would use.
func TestReproduceDeep(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	s, admin := database.Store, database.Admin(t)
	if _, _, err := s.CreateETF(t.Context(), etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: "SPY?inception=2024-05-01"}}}); err != nil {
		t.Fatal(err)
	}
	change := func(statement string) {
		t.Helper()
		if _, err := admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	first, second := strings.Repeat("a", 32), strings.Repeat("b", 32)
	fetched(t, s, first, etf.Window{To: etf.MustSession("2025-09-25")})
	change("UPDATE bars SET quarantined = 1 WHERE session = '2025-05-20'")
	change("UPDATE etfs SET quarantined = 1")
	const older = "0.1.0+0123456789ab"
	earlier := issued(t, s, etf.MustSession("2025-09-25"), func(f *etf.Forecast) { f.CodeVersion = older })
	fetched(t, s, second, etf.Window{From: etf.MustSession("2025-09-25"), To: etf.MustSession("2025-09-26")})
	ids := issued(t, s, etf.MustSession("2025-09-26"), func(*etf.Forecast) {})

	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1"}
	check := func(name string, code int, says string, args ...string) string {
		t.Helper()
		got, out, errs := etfcast(t, env, append([]string{"reproduce"}, args...)...)
		if got != code || !strings.Contains(out+errs, says) || code == 2 && out != "" {
			t.Errorf("%s: exit code %d, want %d with %q: %s%s", name, got, code, says, out, errs)
		}
		return out
	}
	check("without --deep", 0, "identical: ", ids["drift"])
	check("another version judged it", 2, "state of 2025-05-20 is used as rebuilt, but quarantined is stored", ids["drift"], "--deep")
	check("what to build", 2, "build commit 0123456789ab and run its `reproduce "+ids["drift"]+" --deep --anyway`", ids["drift"], "--deep", "--json")
	for _, id := range ids {
		out := check("as recorded", 0, "", id, "--deep", "--anyway", "--json")
		var r service.DeepReproduction
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Verdict != issue.Identical || len(r.Data.Otherwise) != 1 || fmt.Sprint(r.Data.Otherwise[0].JudgedBy) != "["+older+"]" ||
			r.Data.Otherwise[0].Version != 1 || r.Data.Version != 2 || r.Data.Fetches != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	check("as recorded, in words", 0, "as recorded   data version 1, perhaps judged by etfcast "+older, ids["drift"], "--deep", "--anyway")
	check("a forecast of the other version", 2, "`etfcast reproduce "+earlier["drift"]+" --build`", earlier["drift"], "--deep")

	// Under another symbol, everything is as it was issued.
	if _, changed, err := s.RenameETF(t.Context(), etf.Rename{Symbol: "SPY", To: "SPYX", Last: etf.MustSession("2025-09-26"), By: "ada"}); err != nil || !changed {
		t.Fatal(changed, err)
	}
	check("renamed", 0, "identical: ", ids["drift"])
	check("renamed, deep", 0, "identical: ", ids["drift"], "--deep", "--anyway")

	// Numbers that no response has are no question of rules.
	change("UPDATE bars SET close = close + 1 WHERE session = '2024-12-03'")
	check("a changed close", 1, "fetch "+first+" has no such row", ids["drift"], "--deep")
	check("a changed close, anyway", 1, "close of 2024-12-03", ids["drift"], "--deep", "--anyway")
	change("UPDATE bars SET close = close - 1 WHERE session = '2024-12-03'")
	change("DELETE FROM fetch_bodies WHERE fetch_id = '" + first + "'")
	check("a pruned body", 2, "to fetch "+first, ids["drift"], "--deep")
}
