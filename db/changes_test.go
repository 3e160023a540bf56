package db_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// change applies an edit and returns the ETF, which every reader of the registry must show alike.
func change(t *testing.T, d dbtest.Database, edit etf.ETFEdit, wantChanged bool) etf.ETF {
	t.Helper()
	ctx := t.Context()
	stored, changed, err := d.Store.ChangeETF(ctx, edit)
	if err != nil || changed != wantChanged {
		t.Fatalf("changed %v, want %v; %v", changed, wantChanged, err)
	}
	one, err := d.Store.ETF(ctx, edit.Symbol)
	if err != nil || !reflect.DeepEqual(one, stored) {
		t.Fatalf("ETF returns %+v, %v; want %+v", one, err, stored)
	}
	page, err := d.Store.ETFs(ctx, "", edit.Symbol[:len(edit.Symbol)-1], 1)
	if err != nil || len(page) != 1 || !reflect.DeepEqual(page[0], stored) {
		t.Fatalf("ETFs returns %+v, %v; want %+v", page, err, stored)
	}
	return stored
}

func testChanges(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	registered := etf.ETF{Symbol: "CHANGE1", Exchange: etf.XKRX, Currency: "KRW", Sources: []etf.SourceRef{{Name: "yahoo", Ref: "069500.KQ"}}}
	if _, _, err := d.Store.CreateETF(ctx, registered); err != nil {
		t.Fatal(err)
	}
	right := []etf.SourceRef{{Name: "file", Ref: "순자산.csv"}, {Name: "yahoo", Ref: "069500.KS"}}
	name, currency, yes := "코덱스 200", etf.Currency("USD"), true
	e := change(t, d, etf.ETFEdit{Symbol: "CHANGE1", Sources: right, By: "Kim", Why: "KOSPI, not KOSDAQ"}, true)
	if !reflect.DeepEqual(e.Sources, right) || e.Currency != "KRW" || e.Name != "" || e.Retired || e.Changes != 1 {
		t.Fatalf("after new sources: %+v", e)
	}
	e = change(t, d, etf.ETFEdit{Symbol: "CHANGE1", Name: &name, Currency: &currency, Retired: &yes, By: "Lee"}, true)
	if e.Name != name || e.Currency != "USD" || !e.Retired || e.Changes != 2 || !reflect.DeepEqual(e.Sources, right) {
		t.Fatalf("after the second change: %+v", e)
	}
	change(t, d, etf.ETFEdit{Symbol: "CHANGE1", Name: &name, Sources: right, By: "Park"}, false)

	// Registering is compared with what is in force.
	_, _, err := d.Store.CreateETF(ctx, registered)
	wantKind(t, err, etf.KindConflict, "currency")
	registered.Currency, registered.Sources = "USD", right
	if again, created, err := d.Store.CreateETF(ctx, registered); err != nil || created || !reflect.DeepEqual(again, e) {
		t.Fatalf("registered again: %+v, %v, %v", again, created, err)
	}

	two := 2
	no := false
	_, _, err = d.Store.ChangeETF(ctx, etf.ETFEdit{Symbol: "CHANGE1", Retired: &no, Changes: new(int)})
	wantKind(t, err, etf.KindConflict, "changes")
	change(t, d, etf.ETFEdit{Symbol: "CHANGE1", Retired: &no, By: "Kim", Changes: &two}, true)
	_, _, err = d.Store.ChangeETF(ctx, etf.ETFEdit{Symbol: "CHANGE0", Retired: &no})
	wantKind(t, err, etf.KindNotFound, "symbol")

	changes, err := d.Store.ETFChanges(ctx, "CHANGE1")
	if err != nil || len(changes) != 3 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	if c := changes[0]; c.By != "Kim" || c.Why != "KOSPI, not KOSDAQ" || c.Number != 1 || c.At.IsZero() || c.Currency != "KRW" {
		t.Errorf("first change: %+v", c)
	}
	if changes[1].Retired == changes[2].Retired {
		t.Errorf("changes %+v", changes)
	}
}

// Stored prices keep their currency.
func testCurrencyWithBars(t *testing.T, d dbtest.Database) {
	register(t, d.Store, "CHCUR")
	ingest(t, d.Store, "CHCUR", weekdays(day(0), 3))
	usd, krw := etf.Currency("USD"), etf.Currency("KRW")
	_, _, err := d.Store.ChangeETF(t.Context(), etf.ETFEdit{Symbol: "CHCUR", Currency: &krw})
	wantKind(t, err, etf.KindConflict, "currency")
	change(t, d, etf.ETFEdit{Symbol: "CHCUR", Currency: &usd}, false)
}

// A retired ETF is not due, and no page is short because of it: a short page ends the run.
func testRetiredNotDue(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	yes := true
	var active, all []etf.Symbol
	for i := range 9 {
		symbol := etf.Symbol(fmt.Sprintf("ZRET%d", i)) // after the symbols of all other tests
		register(t, d.Store, symbol)
		all = append(all, symbol)
		if i%3 == 1 {
			active = append(active, symbol)
		} else if _, _, err := d.Store.ChangeETF(ctx, etf.ETFEdit{Symbol: symbol, Retired: &yes}); err != nil {
			t.Fatal(err)
		}
	}
	for _, named := range [][]etf.Symbol{nil, all} {
		var due []etf.Symbol
		after, limit := etf.Symbol("ZRET"), 2
		for {
			page, err := d.Store.Due(ctx, etf.XNYS, 0, named, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				due = append(due, e.Symbol)
				after = e.Symbol
			}
			if len(page) < limit {
				break
			}
		}
		if !reflect.DeepEqual(due, active) {
			t.Errorf("due of %v: %v, want %v", named, due, active)
		}
	}
}

// Concurrent changes are numbered without gaps, and none is lost.
func testChangesAtOnce(t *testing.T, d dbtest.Database) {
	register(t, d.Store, "CHMANY")
	const writers = 8
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			name := fmt.Sprint("name ", i)
			if _, changed, err := d.Store.ChangeETF(t.Context(), etf.ETFEdit{Symbol: "CHMANY", Name: &name, By: name}); err != nil || !changed {
				t.Errorf("writer %d: changed %v, %v", i, changed, err)
			}
		})
	}
	wg.Wait()
	changes, err := d.Store.ETFChanges(t.Context(), "CHMANY")
	if err != nil || len(changes) != writers {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	seen := map[string]bool{}
	for i, c := range changes {
		if c.Number != i+1 || c.Name != c.By || seen[c.By] {
			t.Errorf("change %d: %+v", i, c)
		}
		seen[c.By] = true
	}
}
