package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

func rename(t *testing.T, s *db.Store, from, to etf.Symbol, last etf.Session) etf.ETF {
	t.Helper()
	e, changed, err := s.RenameETF(t.Context(), etf.Rename{Symbol: from, To: to, Last: last, By: "ada", Why: "the fund has a new name"})
	if err != nil || !changed || e.Symbol != to {
		t.Fatalf("%s to %s: %+v, %v, %v", from, to, e, changed, err)
	}
	return e
}

// issueOn appends a forecast of the model from the origin under the symbol, and returns it as it is stored.
func issueOn(t *testing.T, s *db.Store, symbol etf.Symbol, model string, origin etf.Session) etf.Forecast {
	t.Helper()
	f := withParts(forecastOf(symbol, model, origin, etfOf(t, s, symbol).DataVersion))
	f.ID = newID()
	return issue(t, s, f)
}

func verify(t *testing.T, s *db.Store) db.LedgerReport {
	t.Helper()
	r, err := s.VerifyLedger(t.Context(), db.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sound(t *testing.T, s *db.Store) {
	t.Helper()
	if r := verify(t, s); r.Broken != 0 {
		t.Fatalf("%d problems: %+v", r.Broken, r.Problems)
	}
}

// proven checks that the forecast is proven to be in the log, under the symbol that it was issued with.
func proven(t *testing.T, s *db.Store, f etf.Forecast) {
	t.Helper()
	p, err := s.LedgerProof(t.Context(), f.ID)
	if err != nil {
		t.Fatalf("%s at %d: %v", f.Symbol, f.Chain, err)
	}
	if got, err := p.Verify(ledger.Options{}); err != nil || got.Forecast.Symbol != f.Symbol || got.Forecast.Hash != f.Hash {
		t.Fatalf("%s at %d: %+v, %v", f.Symbol, f.Chain, got, err)
	}
}

// A renamed ETF keeps what it has, is found by both symbols, and its chain goes on; what was issued before verifies, with proofs made
// before and after. Then another ETF takes up the old symbol, and a third takes up one that is in use again.
func TestRename(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		ctx, s := t.Context(), d.Store
		register(t, s, "META")
		register(t, s, "FB")
		for _, symbol := range []etf.Symbol{"META", "FB"} {
			ingest(t, s, symbol, []etf.Bar{bar(day(0), 0), bar(day(1), 1)})
		}
		id := etfOf(t, s, "META").PermanentID
		if len(id) != 32 || id == etfOf(t, s, "FB").PermanentID {
			t.Fatalf("permanent id %q", id)
		}
		var migrated string // what migration 00024 gives an ETF that was registered before it
		if err := d.Admin(t).QueryRowContext(ctx, `SELECT LEFT(SHA2(CONCAT_WS('|', 'etf', symbol, exchange, id, DATE_FORMAT(created_at, '%Y%m%d%H%i%s')), 256), 32)
FROM etfs WHERE symbol = 'META'`).Scan(&migrated); err != nil || migrated != id {
			t.Fatalf("the migration makes %q, the store %q: %v", migrated, id, err)
		}
		var issued []etf.Forecast
		on := func(symbol etf.Symbol, n int) etf.Forecast {
			f := issueOn(t, s, symbol, "drift", day(n))
			issued = append(issued, f)
			return f
		}
		on("META", 0)
		anchor(t, s)
		before, err := s.LedgerProof(ctx, issued[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		old := on("META", 1)

		e := rename(t, s, "META", "METV", day(1))
		if e.PermanentID != id || e.Bars != 2 || len(e.Former) != 1 || e.Former[0] != (etf.FormerSymbol{Symbol: "META", Last: day(1)}) {
			t.Fatalf("%+v", e)
		}
		if again, changed, err := s.RenameETF(ctx, etf.Rename{Symbol: "META", To: "METV", Last: day(1), By: "ada"}); err != nil || changed || again.Symbol != "METV" {
			t.Fatalf("a repeat: %+v, %v, %v", again, changed, err)
		}
		if found := etfOf(t, s, "META"); found.Symbol != "METV" || found.PermanentID != id {
			t.Fatalf("the former symbol finds %+v", found)
		}
		if f, err := s.Forecast(ctx, old.ID); err != nil || f.Symbol != "META" || f.Now != "METV" || f.Hash != old.Hash {
			t.Fatalf("%+v, %v", f, err)
		}
		// What is still at work under the old symbol ends its work; the same forecast is not issued again under the new one.
		repeat := withParts(forecastOf("METV", "drift", day(1), e.DataVersion))
		repeat.ID = newID()
		if f, isNew, err := appendOne(ctx, s, repeat); err != nil || isNew || f.ID != old.ID {
			t.Fatalf("issued again: %+v, %v, %v", f, isNew, err)
		}
		ingest(t, s, "META", []etf.Bar{bar(day(4), 4)})
		late := issueOn(t, s, "META", "drift", day(4))
		issued = append(issued, late)
		ingest(t, s, "METV", []etf.Bar{bar(day(5), 5)})
		next := on("METV", 5)
		if late.Symbol != "META" || late.Chain != 3 || next.Symbol != "METV" || next.Chain != 4 || next.PrevHash != late.Hash {
			t.Fatalf("the chain goes on with %+v and %+v", late, next)
		}
		sound(t, s)
		if a := anchor(t, s); a.Leaves != 2 { // the ends of both parts
			t.Fatalf("%+v", a)
		}
		sound(t, s)
		if _, err := before.Verify(ledger.Options{}); err != nil {
			t.Fatalf("a proof made before: %v", err)
		}
		for _, f := range issued {
			proven(t, s, f)
		}

		// Facebook becomes META, which was METV's until day 1.
		on("FB", 1)
		_, _, err = s.RenameETF(ctx, etf.Rename{Symbol: "FB", To: "METV", Last: day(5), By: "ada"})
		wantKind(t, err, etf.KindConflict, "to")
		_, _, err = s.RenameETF(ctx, etf.Rename{Symbol: "FB", To: "META", Last: day(0), By: "ada"})
		wantKind(t, err, etf.KindInvalid, "last")
		rename(t, s, "FB", "META", day(5))
		if found := etfOf(t, s, "META"); found.PermanentID == id || found.Former[0].Symbol != "FB" {
			t.Fatalf("META finds %+v", found)
		}
		ingest(t, s, "META", []etf.Bar{bar(day(6), 6)})
		if f := on("META", 6); f.Chain != 5 { // beyond all that METV's chain has, 4, so that META, drift and a position name one forecast
			t.Fatalf("%+v", f)
		}
		ingest(t, s, "METV", []etf.Bar{bar(day(6), 7)})
		on("METV", 6)
		sound(t, s)

		// A new fund takes up FB.
		_, _, err = s.CreateETF(ctx, etf.ETF{Symbol: "FB", Exchange: etf.XNYS, Currency: "USD", Listed: day(5), Sources: []etf.SourceRef{{Name: "simulated", Ref: "FB"}}})
		wantKind(t, err, etf.KindInvalid, "listed")
		register(t, s, "FB")
		if e := etfOf(t, s, "FB"); e.Listed != day(6) || len(e.Former) != 0 {
			t.Fatalf("%+v", e)
		}
		ingest(t, s, "FB", []etf.Bar{bar(day(8), 8)})
		for n := range 3 {
			on("FB", 8+n)
		}
		sound(t, s)
		anchor(t, s)
		sound(t, s)
		for _, f := range issued {
			proven(t, s, f)
		}
		// Back to a symbol that it had.
		rename(t, s, "META", "FBX", day(8))
		rename(t, s, "METV", "META", day(8))
		ingest(t, s, "META", []etf.Bar{bar(day(9), 9)})
		on("META", 9)
		anchor(t, s)
		sound(t, s)
		for _, f := range issued {
			proven(t, s, f)
			if err := s.VerifyChain(ctx, f.Symbol, "drift"); err != nil {
				t.Fatal(err)
			}
		}
		changes, err := s.ETFChanges(ctx, "META")
		if err != nil || len(changes) != 2 || changes[0].Symbol != "METV" || changes[1].Symbol != "META" || changes[0].By != "ada" {
			t.Fatalf("%+v, %v", changes, err)
		}
	})
}

// Whatever is changed about the names of a renamed ETF is found out.
func TestTamperedNames(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		s, admin := d.Store, d.Admin(t)
		exec := func(statement string) {
			t.Helper()
			if _, err := admin.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		register(t, s, "OLD")
		ingest(t, s, "OLD", []etf.Bar{bar(day(0), 0)})
		issueOn(t, s, "OLD", "drift", day(0))
		rename(t, s, "OLD", "NEW", day(0))
		ingest(t, s, "NEW", []etf.Bar{bar(day(1), 1)})
		f := issueOn(t, s, "NEW", "drift", day(1))
		anchor(t, s)
		sound(t, s)
		for _, c := range []struct{ name, change, back string }{
			{"the symbol that the ETF has", "UPDATE etfs SET symbol = 'FORGED' WHERE symbol = 'NEW'", "UPDATE etfs SET symbol = 'NEW' WHERE symbol = 'FORGED'"},
			{"a former symbol", "UPDATE etf_symbols SET symbol = 'FORGED'", "UPDATE etf_symbols SET symbol = 'OLD'"},
			{"the mark", "UPDATE chain_symbols SET symbol = 'FORGED'", "UPDATE chain_symbols SET symbol = 'NEW'"},
			{"its position", "UPDATE chain_symbols SET chain = 1", "UPDATE chain_symbols SET chain = 2"},
			{"no mark", "DELETE FROM chain_symbols", "INSERT INTO chain_symbols SELECT id, 'drift', 2, 'NEW' FROM etfs"},
			{"another mark", "INSERT INTO chain_symbols SELECT id, 'drift', 9, 'FORGED' FROM etfs", "DELETE FROM chain_symbols WHERE chain = 9"},
			{"a leaf", "UPDATE ledger_leaves SET symbol = 'NEW' WHERE position = 1", "UPDATE ledger_leaves SET symbol = 'OLD' WHERE position = 1"},
		} {
			exec(c.change)
			if r := verify(t, s); r.Broken == 0 && c.name != "the symbol that the ETF has" {
				t.Errorf("%s: nothing found", c.name)
			}
			if _, err := s.Forecast(t.Context(), f.ID); c.name == "the mark" && (err == nil || !strings.Contains(err.Error(), "not as it was issued")) {
				t.Errorf("a forecast under a forged symbol: %v", err)
			}
			exec(c.back)
			sound(t, s)
		}
	})
}

// A list is imported as a whole or not at all, and again without effect; symbols that renamed ETFs had are not registered by mistake.
func TestImport(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		ctx, s := t.Context(), d.Store
		register(t, s, "META")
		rename(t, s, "META", "METV", day(1))
		isin := "US78462F1030"
		if _, _, err := s.ChangeETF(ctx, etf.ETFEdit{Symbol: "METV", ISIN: &isin, By: "ada"}); err != nil {
			t.Fatal(err)
		}
		of := func(symbol etf.Symbol, change func(*etf.ETF)) etf.ETF {
			e := etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}}
			if change != nil {
				change(&e)
			}
			return e
		}
		load := func(update, dry bool, list ...etf.ETF) (string, error) {
			changes, err := s.ImportETFs(ctx, etf.Import{ETFs: list, Update: update, DryRun: dry, By: "ada", Why: "the list"})
			return fmt.Sprint(changes), err
		}
		refused := func(kind etf.Kind, field string, list ...etf.ETF) {
			t.Helper()
			_, err := load(false, false, list...)
			wantKind(t, err, kind, field)
			if _, err := s.ETF(ctx, "IMPA"); etf.KindOf(err) != etf.KindNotFound {
				t.Fatalf("a refused list has registered an ETF: %v", err)
			}
		}
		a, b := of("IMPA", func(e *etf.ETF) { e.Name, e.Listed = "A", day(0) }), of("IMPB", func(e *etf.ETF) { e.Former = []etf.FormerSymbol{{Symbol: "OLDB", Last: day(2)}} })
		// The list from before the renaming, again: with and without the ISIN, and a listing date that META can't have had.
		refused(etf.KindConflict, "etfs[1].listed", a, of("META", nil))
		refused(etf.KindConflict, "etfs[1].isin", a, of("META", func(e *etf.ETF) { e.Listed, e.ISIN = day(4), isin }))
		refused(etf.KindInvalid, "etfs[1].listed", a, of("META", func(e *etf.ETF) { e.Listed = day(1) }))
		refused(etf.KindConflict, "etfs[2].former_symbols", a, b, of("IMPC", func(e *etf.ETF) { e.Former = b.Former }))
		if got, err := load(false, true, a, b); err != nil || got != "[created created]" {
			t.Fatalf("tried: %s, %v", got, err)
		}
		refused(etf.KindConflict, "etfs[1].listed", a, of("META", nil)) // the trial has stored nothing
		if got, err := load(false, false, a, b); err != nil || got != "[created created]" {
			t.Fatalf("%s, %v", got, err)
		}
		if e := etfOf(t, s, "OLDB"); e.Symbol != "IMPB" {
			t.Fatalf("the former symbol finds %+v", e)
		}
		if got, err := load(false, false, b, a); err != nil || got != "[unchanged unchanged]" {
			t.Fatalf("a repeat: %s, %v", got, err)
		}
		a.Name = "the fund"
		_, err := load(false, false, b, a)
		wantKind(t, err, etf.KindConflict, "etfs[1].name")
		if got, err := load(true, false, b, a); err != nil || got != "[unchanged changed]" || etfOf(t, s, "IMPA").Name != "the fund" {
			t.Fatalf("an update: %s, %v", got, err)
		}
		// Another fund that has META since.
		if got, err := load(false, false, of("META", func(e *etf.ETF) { e.Listed = day(4) })); err != nil || got != "[created]" || etfOf(t, s, "META").Former != nil {
			t.Fatalf("%s, %v", got, err)
		}
	})
}

// A decision on a finding concerns the ETF that it was found on, whichever has the symbol by now.
func TestDecideAfterReuse(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		s := d.Store
		register(t, s, "META")
		_, findings := ingest(t, s, "META", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, findingBy("spike", day(1)))
		rename(t, s, "META", "METV", day(1))
		if _, _, err := s.CreateETF(t.Context(), etf.ETF{Symbol: "META", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: "META"}}}); err != nil {
			t.Fatal(err)
		}
		f, err := s.Decide(t.Context(), etf.Ruling{Finding: findings[0].ID, Decision: etf.Accept, By: "ada", Why: "checked"})
		if err != nil || f.Symbol != "METV" { // the workflow forecasts and scores this one
			t.Fatalf("%+v, %v", f, err)
		}
		if e := etfOf(t, s, "METV"); e.Quarantined != 0 || e.Bars != 2 {
			t.Errorf("METV: %+v", e)
		}
		if e := etfOf(t, s, "META"); e.Bars != 0 {
			t.Errorf("META: %+v", e)
		}
	})
}

// An import that gives an ETF another currency while its first bars are being stored waits for them, and is refused then.
func TestImportWaitsForBars(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		ctx, s, admin := t.Context(), d.Store, d.Admin(t)
		var version string
		if err := admin.QueryRowContext(ctx, "SELECT @@version_comment").Scan(&version); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(version, "Dolt") {
			return // it has no row locks
		}
		register(t, s, "FIRST")
		storing, err := admin.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = storing.Rollback() }()
		if _, err := storing.ExecContext(ctx, "UPDATE etfs SET bars = 1, data_version = 1 WHERE symbol = 'FIRST'"); err != nil {
			t.Fatal(err)
		}
		imported := make(chan error, 1)
		go func() {
			_, err := s.ImportETFs(ctx, etf.Import{Update: true, By: "ada", ETFs: []etf.ETF{{
				Symbol: "FIRST", Exchange: etf.XNYS, Currency: "EUR", Sources: []etf.SourceRef{{Name: "simulated", Ref: "FIRST"}},
			}}})
			imported <- err
		}()
		waits := 0
		for waits == 0 && len(imported) == 0 {
			time.Sleep(200 * time.Millisecond) // the servers renew that table only if nobody has read it for 100 ms
			if err := admin.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE '%FROM etfs%'").Scan(&waits); err != nil {
				t.Fatal(err)
			}
		}
		if err := storing.Commit(); err != nil {
			t.Fatal(err)
		}
		wantKind(t, <-imported, etf.KindConflict, "etfs[0].currency")
	})
}
