package db_test

import (
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func testRegistry(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	e := etf.ETF{Symbol: "REG1", Exchange: etf.XKRX, Currency: "KRW",
		Sources: []etf.SourceRef{{Name: "file", Ref: "순자산.csv"}, {Name: "yahoo", Ref: "069500.KS"}}}
	stored, created, err := d.Store.CreateETF(ctx, e)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	if stored.CreatedAt.IsZero() || !reflect.DeepEqual(stored.Sources, e.Sources) || stored.Exchange != e.Exchange {
		t.Fatalf("stored %+v", stored)
	}
	again, created, err := d.Store.CreateETF(ctx, e)
	if err != nil || created || !reflect.DeepEqual(again, stored) {
		t.Fatalf("repeat: %+v, created %v, %v", again, created, err)
	}
	for field, change := range map[string]func(*etf.ETF){
		"exchange": func(e *etf.ETF) { e.Exchange = etf.XNYS },
		"currency": func(e *etf.ETF) { e.Currency = "USD" },
		"sources":  func(e *etf.ETF) { e.Sources = e.Sources[:1] },
	} {
		other := e
		change(&other)
		_, _, err := d.Store.CreateETF(ctx, other)
		wantKind(t, err, etf.KindConflict, field)
	}
	_, _, err = d.Store.CreateETF(ctx, etf.ETF{Symbol: "REG2", Exchange: etf.XNYS, Currency: "USD"})
	wantKind(t, err, etf.KindInvalid, "sources")
	_, err = d.Store.ETF(ctx, "REG2")
	wantKind(t, err, etf.KindNotFound, "symbol")
	_, err = d.Store.Stored(ctx, "REG2")
	wantKind(t, err, etf.KindNotFound, "symbol")
	if got, err := d.Store.Stored(ctx, "REG1"); err != nil || got != (etf.Stored{}) {
		t.Fatalf("stored before the first bar: %+v, %v", got, err)
	}
}

func testDue(t *testing.T, d dbtest.Database) {
	ctx := t.Context()
	for _, s := range []etf.Symbol{"DUEC", "DUEA", "DUEB"} {
		register(t, d.Store, s)
	}
	symbols := func(list []etf.ETF, err error) []etf.Symbol {
		if err != nil {
			t.Fatal(err)
		}
		var names []etf.Symbol
		for _, e := range list {
			if len(e.Sources) != 1 || e.Sources[0].Ref != string(e.Symbol) {
				t.Fatalf("sources of %s: %v", e.Symbol, e.Sources)
			}
			names = append(names, e.Symbol)
		}
		return names
	}
	want := func(got []etf.Symbol, want ...etf.Symbol) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	want(symbols(d.Store.Due(ctx, etf.XNYS, 0, nil, "DUE", 2)), "DUEA", "DUEB")
	want(symbols(d.Store.ETFs(ctx, "", "DUEA", 2)), "DUEB", "DUEC")
	chosen := []etf.Symbol{"DUEC", "DUEA", "DUEC"}
	want(symbols(d.Store.Due(ctx, etf.XNYS, 0, chosen, "", 1)), "DUEA")
	want(symbols(d.Store.Due(ctx, etf.XNYS, 0, chosen, "DUEA", 5)), "DUEC")
	want(symbols(d.Store.Due(ctx, etf.XNYS, 0, chosen, "DUEC", 5)))
	_, err := d.Store.Due(ctx, etf.XNYS, 0, []etf.Symbol{"DUEA", "DUEX"}, "", 5)
	wantKind(t, err, etf.KindNotFound, "symbols")
	_, err = d.Store.Due(ctx, etf.XKRX, 0, chosen, "", 5)
	wantKind(t, err, etf.KindNotFound, "symbols")
}
