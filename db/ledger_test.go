package db_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

// unsigned makes checkpoints without signatures.
var unsigned = (*ledger.Signer)(nil).Note

// anchor anchors every chain.
func anchor(t testing.TB, s *db.Store) etf.Anchored {
	t.Helper()
	a, err := s.Anchor(context.Background(), etf.AnchorScope{}, unsigned)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func parsed(t testing.TB, c etf.Checkpoint) *ledger.Checkpoint {
	t.Helper()
	p, err := ledger.ParseCheckpoint(c.Note)
	if err != nil || p.Size != c.Size || p.Root.String() != c.Root || p.Signed() != c.Signed {
		t.Fatalf("%+v: %v", c, err)
	}
	return &p
}

var seeds atomic.Uint64

// grow registers ETFs, one for each symbol, and appends n forecasts to each of the chains of drift and prophet.
func grow(t testing.TB, s *db.Store, n int, symbols ...etf.Symbol) (ids []string) {
	t.Helper()
	ctx := context.Background()
	for _, symbol := range symbols {
		e, err := s.ETF(ctx, symbol)
		if err != nil {
			register(t, s, symbol)
			ingest(t, s, symbol, []etf.Bar{bar(day(0), 0)})
			e = etfOf(t, s, symbol)
		}
		for i := range n {
			list := []etf.Forecast{forecastOf(symbol, "drift", day(i), e.DataVersion), withParts(forecastOf(symbol, "prophet", day(i), e.DataVersion))}
			for k := range list {
				list[k].Seed = seeds.Add(1) // each is a forecast of its own, also when this is called again
			}
			results, err := s.AppendForecasts(ctx, list)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range results {
				if !r.New {
					t.Fatalf("%+v", r)
				}
				ids = append(ids, r.Forecast.ID)
			}
		}
	}
	return ids
}

func TestLedger(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		ctx, s := t.Context(), d.Store
		_, err := s.Checkpoint(ctx)
		wantKind(t, err, etf.KindNotFound, "ledger")
		_, err = s.LedgerConsistency(ctx, 1, 1)
		wantKind(t, err, etf.KindNotFound, "ledger")
		if a := anchor(t, s); a.Leaves != 0 || a.Checkpoint.Size != 0 {
			t.Fatalf("%+v of nothing", a)
		}
		_, err = s.Anchor(ctx, etf.AnchorScope{Symbols: []etf.Symbol{"NONE"}}, unsigned)
		wantKind(t, err, etf.KindNotFound, "symbol")

		ids := grow(t, s, 3, "AAA", "BBB")
		_, err = s.LedgerProof(ctx, ids[0])
		wantKind(t, err, etf.KindNotFound, "ledger")
		first, err := s.Anchor(ctx, etf.AnchorScope{Symbols: []etf.Symbol{"AAA"}}, unsigned)
		if err != nil || first.Leaves != 2 || first.Checkpoint.Size != 3 || first.Checkpoint.Signed { // the genesis and two models' heads
			t.Fatalf("%+v, %v", first, err)
		}
		_, err = s.LedgerProof(ctx, ids[len(ids)-1])
		wantKind(t, err, etf.KindNotFound, "forecast")
		if a, err := s.Anchor(ctx, etf.AnchorScope{Exchange: etf.XKRX}, unsigned); err != nil || a.Leaves != 0 || a.Checkpoint != first.Checkpoint {
			t.Fatalf("an exchange without ETFs: %+v, %v", a, err)
		}
		private, public, err := ledger.GenerateKey("etfcast/test")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := ledger.NewSigner(private)
		if err != nil {
			t.Fatal(err)
		}
		// A clock that went back: the checkpoint's instant doesn't.
		slow := d.Another(t, db.Options{Now: func() time.Time { return time.Now().Add(-time.Hour) }})
		second, err := slow.Anchor(ctx, etf.AnchorScope{Exchange: etf.XNYS}, signer.Note)
		if err != nil || second.Leaves != 2 || second.Checkpoint.Size != 5 || !second.Checkpoint.Signed || second.Checkpoint.At.Before(first.Checkpoint.At) {
			t.Fatalf("%+v, %v", second, err)
		}
		if again := anchor(t, s); again.Leaves != 0 || again.Checkpoint != second.Checkpoint {
			t.Fatalf("nothing has moved: %+v", again)
		}
		for size, want := range map[int64]etf.Checkpoint{3: first.Checkpoint, 5: second.Checkpoint} {
			if got, err := s.CheckpointAt(ctx, size); err != nil || got != want {
				t.Errorf("%+v, %v", got, err)
			}
		}
		_, err = s.CheckpointAt(ctx, 4)
		wantKind(t, err, etf.KindNotFound, "size")
		kept, newest := parsed(t, first.Checkpoint), parsed(t, second.Checkpoint)
		hashes, err := s.LedgerConsistency(ctx, 3, 0)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := ledger.ParseHashes(hashes, "hashes")
		if err != nil || tlog.CheckTree(proof, newest.Size, newest.Root, kept.Size, kept.Root) != nil {
			t.Errorf("consistency %v, %v", hashes, err)
		}
		for _, c := range []struct {
			from, to int64
			field    string
		}{{0, 5, "from"}, {-1, 5, "from"}, {5, 4, "from"}, {3, 6, "to"}, {3, -1, "to"}} {
			_, err := s.LedgerConsistency(ctx, c.from, c.to)
			wantKind(t, err, etf.KindInvalid, c.field)
		}
		for i, id := range ids {
			p, err := s.LedgerProofSince(ctx, id, 3)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := p.Verify(ledger.Options{PublicKey: public, Against: kept})
			// Each chain has 3 positions, of which the last is anchored.
			if err != nil || shown.Forecast.ID != id || shown.Links != 3-i/2%3 || int64(shown.Links)+shown.Forecast.Chain != 4 {
				t.Errorf("%s: %+v, %v", id, shown, err)
			}
		}
		_, err = s.LedgerProof(ctx, "none")
		wantKind(t, err, etf.KindNotFound, "id")
	})
}

// Nothing is appended to a log that does not lead to its newest checkpoint.
func TestAnchorOfAChangedLog(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		ctx, s, x := t.Context(), d.Store, &tamperer{TB: t, admin: d.Admin(t)}
		grow(t, s, 1, "AAA", "BBB")
		newest := anchor(t, s).Checkpoint
		grow(t, s, 1, "AAA")
		for _, change := range []string{
			"DELETE FROM ledger_leaves WHERE number = 4", "UPDATE ledger_checkpoints SET root = REVERSE(root)", "DELETE FROM ledger_checkpoints",
			"UPDATE ledger_hashes SET hashes = REPEAT('0', LENGTH(hashes))", "DELETE FROM ledger_hashes",
		} {
			for _, table := range []string{"ledger_leaves", "ledger_checkpoints", "ledger_hashes"} {
				x.save(table, "1 = 1")
			}
			x.exec(change)
			for _, store := range []*db.Store{s, d.Another(t, db.Options{})} { // one that has read the log before, and one that has not
				if a, err := store.Anchor(ctx, etf.AnchorScope{}, unsigned); etf.KindOf(err) != etf.KindCorrupt {
					t.Errorf("%s: %+v, %v", change, a, err)
				}
			}
			x.undo()
		}
		if a := anchor(t, s); a.Leaves != 2 || a.Checkpoint.Size != newest.Size+2 {
			t.Errorf("after all was undone: %+v", a)
		}
	})
}

// Concurrent anchorings, each after a forecast of its own ETF, leave a log without gaps in which every head is anchored once.
func TestConcurrentAnchors(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		const writers, rounds = 8, 20
		d := dbtest.Open(t, dsn)
		ctx := t.Context()
		for i := range writers {
			register(t, d.Store, etf.Symbol(fmt.Sprintf("ANCH%d", i)))
			ingest(t, d.Store, etf.Symbol(fmt.Sprintf("ANCH%d", i)), []etf.Bar{bar(day(0), 0)})
		}
		together(t, d, writers, func(i int, s *db.Store) error {
			symbol := etf.Symbol(fmt.Sprintf("ANCH%d", i))
			e, err := s.ETF(ctx, symbol)
			if err != nil {
				return err
			}
			for round := range rounds {
				if _, _, err := appendOne(ctx, s, forecastOf(symbol, "drift", day(round), e.DataVersion)); err != nil {
					return err
				}
				scope := etf.AnchorScope{Symbols: []etf.Symbol{symbol}}
				if round%4 == 3 {
					scope = etf.AnchorScope{Exchange: etf.XNYS} // also those of others
				}
				if _, err := s.Anchor(ctx, scope, unsigned); err != nil {
					return err
				}
			}
			return nil
		})
		if a := anchor(t, d.Store); a.Leaves != 0 {
			t.Errorf("%d heads were left out", a.Leaves)
		}
		admin := d.Admin(t)
		var leaves, highest, distinct, chains, positions int
		if err := admin.QueryRow("SELECT COUNT(*), MAX(number), COUNT(DISTINCT symbol, position), COUNT(DISTINCT symbol) FROM ledger_leaves").Scan(&leaves, &highest, &distinct, &chains); err != nil {
			t.Fatal(err)
		}
		if err := admin.QueryRow("SELECT SUM(p) FROM (SELECT MAX(position) AS p FROM ledger_leaves WHERE number > 0 GROUP BY symbol) AS heads").Scan(&positions); err != nil {
			t.Fatal(err)
		}
		if highest != leaves-1 || distinct != leaves || chains != writers+1 || positions != writers*rounds { // the genesis has the empty symbol
			t.Errorf("%d leaves, numbered to %d, %d of them distinct, of %d chains with %d positions", leaves, highest, distinct, chains, positions)
		}
	})
}

// BenchmarkAnchor measures the anchoring of 500 ETFs with three models, all of whose heads have moved.
func BenchmarkAnchor(b *testing.B) {
	d := dbtest.Open(b, dbtest.Embedded(b))
	s, ctx := d.Store, context.Background()
	const symbols, models = 500, 3
	var rows []string
	for i := range symbols {
		register(b, s, etf.Symbol(fmt.Sprintf("SIM%03d", i)))
		for m := range models {
			for chain := range 20 {
				rows = append(rows, fmt.Sprintf("('%032x', %d, 'model%d', '2025-01-02', %d, '', '', '', '', 0, '', '{}', '', '2025-01-02', '2025-01-02', %d, '', '%064x')",
					(i*models+m)*100+chain, i+1, m, chain, chain+1, chain))
			}
		}
	}
	admin := d.Admin(b)
	exec := func(query string) {
		if _, err := admin.ExecContext(ctx, query); err != nil {
			b.Fatal(err)
		}
	}
	for len(rows) > 0 {
		n := min(1000, len(rows))
		exec("INSERT INTO forecasts (id, etf_id, model, origin, data_version, data_version_writer, basis, params, params_hash, seed, code_version, diagnostics, run_id, as_of, issued_at, chain, prev_hash, hash) VALUES " + strings.Join(rows[:n], ","))
		rows = rows[n:]
	}
	anchor(b, s)
	next := 20
	for b.Loop() {
		b.StopTimer()
		next++
		exec(fmt.Sprintf("INSERT INTO forecasts (id, etf_id, model, origin, data_version, data_version_writer, basis, params, params_hash, seed, code_version, diagnostics, run_id, as_of, issued_at, chain, prev_hash, hash) SELECT REVERSE(CONCAT(SUBSTRING(id, 5), '%04x')), etf_id, model, origin, %d, '', '', '', '', 0, '', '{}', '', as_of, issued_at, %d, '', hash FROM forecasts WHERE chain = 20", next, next, next))
		b.StartTimer()
		if a := anchor(b, s); a.Leaves != symbols*models {
			b.Fatal(a)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/(symbols*models), "µs/chain")
}
