package db_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// A body that many fetches share is stored once, however many of them are saved at once, and goes with the last fetch that needs it.
func testSharedBodies(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	register(t, d.Store, "SHARE")
	admin := connectAs(t, d.AdminDSN)
	count := func() (bodies, links int) {
		t.Helper()
		for _, q := range []struct {
			table string
			to    *int
		}{{"shared_bodies", &bodies}, {"fetch_shared_bodies", &links}} {
			if err := admin.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+q.table).Scan(q.to); err != nil {
				t.Fatal(err)
			}
		}
		return bodies, links
	}
	bodies0, links0 := count()
	body := func(text string) etf.SharedBody {
		return etf.NewSharedBody(bytes.Repeat([]byte(text+" \x00'\\\"\x1aü"), 300))
	}
	first, second, third := body(d.Name+" first"), body(d.Name+" second"), body(d.Name+" third")
	save := func(s *db.Store, shared ...etf.SharedBody) string {
		f := fetchOf("SHARE", nil)
		if err := s.SaveFetch(ctx, f, etf.Response{Raw: []byte("manifest of " + f.ID), MediaType: etf.ManifestType, Shared: shared}); err != nil {
			t.Error(err)
		}
		return f.ID
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { save(d.Store, first, second) })
	}
	wg.Wait()
	if b, l := count(); b-bodies0 != 2 || l-links0 != 16 {
		t.Errorf("%d bodies and %d links, want 2 and 16", b-bodies0, l-links0)
	}
	for _, b := range []etf.SharedBody{first, second} {
		if raw, err := d.Store.SharedBody(ctx, b.Hash); err != nil || !bytes.Equal(raw, b.Raw) {
			t.Errorf("%d bytes, %v", len(raw), err)
		}
	}
	_, err := d.Store.SharedBody(ctx, third.Hash)
	wantKind(t, err, etf.KindNotFound, "fetch")

	// Ten days ago, a fetch needed the third; two days later the first came to be needed again by another, and the third by none.
	at := func(ago time.Duration) *db.Store {
		return d.Another(t, db.Options{Now: func() time.Time { return time.Now().Add(-ago) }})
	}
	const daysOfTime = 24 * time.Hour
	save(at(10*daysOfTime), third)
	kept := save(at(8*daysOfTime), third)
	if _, err := d.Store.PruneFetches(ctx, time.Now().Add(-9*daysOfTime)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Store.SharedBody(ctx, third.Hash); err != nil {
		t.Error("a body was pruned that a kept fetch needs:", err)
	}
	if raw, err := d.Store.FetchBody(ctx, kept); err != nil || string(raw) != "manifest of "+kept {
		t.Errorf("%q, %v", raw, err)
	}
	n, err := d.Store.PruneFetches(ctx, time.Now().Add(-7*daysOfTime))
	if err != nil || n != 2 {
		t.Errorf("%d pruned, %v; want the fetch's own body and the one that no other needs", n, err)
	}
	_, err = d.Store.SharedBody(ctx, third.Hash)
	wantKind(t, err, etf.KindNotFound, "fetch")
	if b, l := count(); b-bodies0 != 2 || l-links0 != 16 {
		t.Errorf("after pruning, %d bodies and %d links, want 2 and 16", b-bodies0, l-links0)
	}
	// It is stored again when it is needed again, and a body that was just stored stays although it was pruned for everything else.
	save(d.Store, third)
	if _, err := d.Store.PruneFetches(ctx, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, b := range []etf.SharedBody{first, third} {
		if _, err := d.Store.SharedBody(ctx, b.Hash); err != nil {
			t.Error("a body that a fetch being saved may have found was pruned:", err)
		}
	}
	if _, err := admin.ExecContext(ctx, "UPDATE shared_bodies SET size = size - 1 WHERE hash = ?", first.Hash); err != nil {
		t.Fatal(err)
	}
	_, err = d.Store.SharedBody(ctx, first.Hash)
	wantKind(t, err, etf.KindCorrupt, "")
}
