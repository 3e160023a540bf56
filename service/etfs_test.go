package service

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// registry is a Store that keeps what is registered.
type registry struct {
	Store
	etfs map[etf.Symbol]etf.ETF
	err  error
}

func (s *registry) CreateETF(_ context.Context, e etf.ETF) (stored etf.ETF, created bool, err error) {
	old, ok := s.etfs[e.Symbol]
	switch {
	case s.err != nil:
		return etf.ETF{}, false, s.err
	case !ok:
		s.etfs[e.Symbol] = e
		return e, true, nil
	case !reflect.DeepEqual(old, e):
		return etf.ETF{}, false, &etf.Error{Kind: etf.KindConflict, Field: "sources", Message: "registered differently", Remedy: "use what is stored"}
	}
	return old, false, nil
}

func ref(text string) *string { return &text }

func from(sources ...SourceRequest) []SourceRequest { return sources }

func TestAddETF(t *testing.T) {
	t.Parallel()
	yahoo, file := SourceRequest{Name: "yahoo"}, SourceRequest{Name: "file"}
	for _, c := range []struct {
		name    string
		request ETFRequest
		want    etf.ETF
	}{
		{"everything is given", ETFRequest{Symbol: "SPY", Exchange: "XNYS", Currency: "EUR", Sources: from(SourceRequest{"file", ref("prices.csv")})},
			etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "EUR", Sources: []etf.SourceRef{{Name: "file", Ref: "prices.csv"}}}},
		{"the references are the sources' own", ETFRequest{Symbol: "BRK.B", Exchange: "XNYS", Sources: from(yahoo, file, SourceRequest{Name: "simulated"})},
			etf.ETF{Symbol: "BRK.B", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "yahoo", Ref: "BRK-B"}, {Name: "file", Ref: "BRK.B.csv"}, {Name: "simulated", Ref: "BRK.B"}}}},
		{"they depend on the exchange", ETFRequest{Symbol: "069500", Exchange: "XKRX", Sources: from(yahoo)},
			etf.ETF{Symbol: "069500", Exchange: etf.XKRX, Currency: "KRW", Sources: []etf.SourceRef{{Name: "yahoo", Ref: "069500.KS"}}}},
		{"one source under two references", ETFRequest{Symbol: "SPY", Exchange: "XNYS", Sources: from(file, SourceRequest{"file", ref("old.csv")})},
			etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "file", Ref: "SPY.csv"}, {Name: "file", Ref: "old.csv"}}}},
		{"the longest reference, in characters", ETFRequest{Symbol: "SPY", Exchange: "XNYS", Sources: from(SourceRequest{"file", ref(strings.Repeat("é", MaxSourceRef))})},
			etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "file", Ref: strings.Repeat("é", MaxSourceRef)}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := &registry{etfs: map[etf.Symbol]etf.ETF{}}
			s := New(Deps{Store: store, Sources: etf.SourceNames()})
			for i, first := range []bool{true, false} {
				if got, created, err := s.AddETF(t.Context(), c.request); err != nil || created != first || !reflect.DeepEqual(got, c.want) {
					t.Errorf("request %d: %+v, created %t, %v; want %+v", i+1, got, created, err, c.want)
				}
			}
			other := c.request
			other.Sources = append(slices.Clone(other.Sources), SourceRequest{"simulated", ref("another")})
			_, created, err := s.AddETF(t.Context(), other)
			wantProblems(t, err, etf.KindConflict, "sources")
			if created || !reflect.DeepEqual(store.etfs[c.want.Symbol], c.want) {
				t.Errorf("a different request changed it to %+v", store.etfs)
			}
			store.err = storeAway
			if _, _, err := s.AddETF(t.Context(), c.request); !errors.Is(err, storeAway) {
				t.Errorf("without the store: %v", err)
			}
		})
	}
}

func TestAddETFRefused(t *testing.T) {
	t.Parallel()
	one := func(src SourceRequest) ETFRequest {
		return ETFRequest{Symbol: "SPY", Exchange: "XNYS", Sources: from(src)}
	}
	several := func(n int) (all []SourceRequest) {
		for i := range n {
			all = append(all, SourceRequest{"file", ref(fmt.Sprint(i, ".csv"))})
		}
		return all
	}
	file := SourceRequest{Name: "file"}
	for _, c := range []struct {
		name    string
		request ETFRequest
		fields  []string
		says    string // in the last problem
	}{
		{"everything at once", ETFRequest{Symbol: "spy", Exchange: "NYSE", Currency: "usd", Sources: from(SourceRequest{"File", ref("")}, SourceRequest{"bloomberg", ref("a\nb")})},
			[]string{"symbol", "exchange", "currency", "sources[0].name", "sources[0].ref", "sources[1].name", "sources[1].ref"}, "control characters"},
		{"nothing is given", ETFRequest{}, []string{"symbol", "exchange", "sources"}, "at least one"},
		{"a source is named twice", ETFRequest{Symbol: "SPY", Exchange: "XNYS", Sources: from(file, SourceRequest{"yahoo", nil}, file)}, []string{"sources[2]"}, "twice"},
		{"twice, once with the reference it has by default", ETFRequest{Symbol: "SPY", Exchange: "XNYS", Sources: from(file, SourceRequest{"file", ref("SPY.csv")})}, []string{"sources[1]"}, "twice"},
		{"too many sources", ETFRequest{Symbol: "SPY", Exchange: "XNYS", Sources: several(MaxSources + 1)}, []string{"sources"}, "9 sources are too many"},
		{"an unknown source", one(SourceRequest{Name: "bloomberg"}), []string{"sources[0].name"}, "use one of " + strings.Join(etf.SourceNames(), ", ")},
		{"a source without the exchange", ETFRequest{Symbol: "069500", Exchange: "XKRX", Sources: from(SourceRequest{Name: "tiingo"})}, []string{"sources[0].name"}, "tiingo has no ETFs of XKRX; use one of yahoo, eodhd"},
		{"no name of a source", one(SourceRequest{"", ref("SPY")}), []string{"sources[0].name"}, `"" is not the name of a source`},
		{"an empty reference", one(SourceRequest{"yahoo", ref("")}), []string{"sources[0].ref"}, "missing"},
		{"a long reference", one(SourceRequest{"file", ref(strings.Repeat("é", MaxSourceRef+1))}), []string{"sources[0].ref"}, "at most 255 characters"},
		{"a reference that is not UTF-8", one(SourceRequest{"file", ref("\xff.csv")}), []string{"sources[0].ref"}, "UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := &registry{etfs: map[etf.Symbol]etf.ETF{}}
			_, created, err := New(Deps{Store: store, Sources: etf.SourceNames()}).AddETF(t.Context(), c.request)
			all := wantProblems(t, err, etf.KindInvalid, c.fields...)
			if last := all[len(all)-1]; !strings.Contains(last.Message+"; "+last.Remedy, c.says) {
				t.Errorf("%v does not say %q", last, c.says)
			}
			if created || len(store.etfs) > 0 {
				t.Errorf("registered %+v", store.etfs)
			}
		})
	}
	store := &registry{etfs: map[etf.Symbol]etf.ETF{}}
	request := ETFRequest{Symbol: "SPY", Exchange: "XNYS", Sources: several(MaxSources)}
	if _, created, err := New(Deps{Store: store, Sources: etf.SourceNames()}).AddETF(t.Context(), request); err != nil || !created {
		t.Errorf("%d sources: %v", MaxSources, err)
	}
}

// The default reference is made from the symbol, so a malformed symbol is one problem, not two.
func TestMalformedSymbolIsOneProblem(t *testing.T) {
	t.Parallel()
	for _, source := range etf.Sources() {
		exchange := etf.XNYS
		if !source.Has(exchange) {
			exchange = etf.XKRX
		}
		_, _, err := New(Deps{}).AddETF(t.Context(), ETFRequest{Symbol: "spy", Exchange: string(exchange), Sources: from(SourceRequest{Name: source.Name})})
		wantProblems(t, err, etf.KindInvalid, "symbol")
	}
}

// A Service that was not told the sources accepts any of the right form.
func TestAnySourceIfNoneIsKnown(t *testing.T) {
	t.Parallel()
	s := New(Deps{Store: &registry{etfs: map[etf.Symbol]etf.ETF{}}})
	e, _, err := s.AddETF(t.Context(), ETFRequest{Symbol: "SPY", Exchange: "XNYS", Sources: from(SourceRequest{Name: "added-later"})})
	if want := []etf.SourceRef{{Name: "added-later", Ref: "SPY"}}; err != nil || !slices.Equal(e.Sources, want) {
		t.Errorf("registered %+v, %v", e, err)
	}
	for _, name := range []string{"Yahoo", "1st", "a b", strings.Repeat("a", 33)} {
		_, _, err := s.AddETF(t.Context(), ETFRequest{Symbol: "QQQ", Exchange: "XNYS", Sources: from(SourceRequest{Name: name})})
		if all := wantProblems(t, err, etf.KindInvalid, "sources[0].name"); !strings.Contains(all[0].Remedy, "yahoo or file") {
			t.Errorf("%s: remedy %q", name, all[0].Remedy)
		}
	}
}

func TestETF(t *testing.T) {
	t.Parallel()
	store := newRecord()
	store.etfs["SPY"] = etf.XNYS
	s := New(Deps{Store: store})
	if e, err := s.ETF(t.Context(), "SPY"); err != nil || e.Symbol != "SPY" || e.Exchange != etf.XNYS {
		t.Errorf("got %+v, %v", e, err)
	}
	_, err := s.ETF(t.Context(), "spy")
	wantProblems(t, err, etf.KindInvalid, "symbol")
	_, err = s.ETF(t.Context(), "QQQ")
	if all := wantProblems(t, err, etf.KindNotFound, "symbol"); !strings.Contains(all[0].Error(), "QQQ is not registered") || !strings.Contains(all[0].Remedy, "etfcast etf add") {
		t.Errorf("got %v", all[0])
	}
	store.fail = failures{"ETF": storeAway}
	if _, err := s.ETF(t.Context(), "SPY"); !errors.Is(err, storeAway) {
		t.Errorf("without the store: %v", err)
	}
}

func TestETFs(t *testing.T) {
	t.Parallel()
	store := newRecord()
	store.etfs = map[etf.Symbol]etf.Exchange{"069500": etf.XKRX, "AAA": etf.XNYS, "BBB": etf.XNYS, "CCC": etf.XNYS}
	s := New(Deps{Store: store})
	for _, c := range []struct {
		exchange string
		after    etf.Symbol
		limit    int
		want     []etf.Symbol
		more     bool
	}{
		{"", "", 3, []etf.Symbol{"069500", "AAA", "BBB"}, true},
		{"", "BBB", 3, []etf.Symbol{"CCC"}, false},
		{"", "", 4, []etf.Symbol{"069500", "AAA", "BBB", "CCC"}, false},
		{"XNYS", "", 1, []etf.Symbol{"AAA"}, true},
		{"XNYS", "AAA", 2, []etf.Symbol{"BBB", "CCC"}, false},
		{"XKRX", "", MaxPage, []etf.Symbol{"069500"}, false},
		{"XKRX", "069500", 1, nil, false},
	} {
		etfs, more, err := s.ETFs(t.Context(), c.exchange, c.after, c.limit)
		var got []etf.Symbol
		for _, e := range etfs {
			got = append(got, e.Symbol)
		}
		if err != nil || more != c.more || !slices.Equal(got, c.want) {
			t.Errorf("%d of %q after %q: %v, more %t, %v; want %v, %t", c.limit, c.exchange, c.after, got, more, err, c.want, c.more)
		}
	}
	for _, c := range []struct {
		exchange string
		limit    int
		fields   []string
	}{
		{"NYSE", 1, []string{"exchange"}},
		{"", 0, []string{"limit"}},
		{"NYSE", MaxPage + 1, []string{"exchange", "limit"}},
	} {
		_, _, err := s.ETFs(t.Context(), c.exchange, "", c.limit)
		wantProblems(t, err, etf.KindInvalid, c.fields...)
	}
	store.fail = failures{"ETFs": storeAway}
	if _, _, err := s.ETFs(t.Context(), "", "", 1); !errors.Is(err, storeAway) {
		t.Errorf("without the store: %v", err)
	}
}
