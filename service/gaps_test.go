package service

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Runs of missing sessions are as a look at every window for every session finds them, whatever the windows and their order.
func TestGapsIn(t *testing.T) {
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	span := etf.Window{From: etf.MustSession("2024-01-02"), To: etf.MustSession("2025-09-26")}
	sessions := cal.Sessions(span)
	for range 200 {
		stored := slices.DeleteFunc(slices.Clone(sessions), func(etf.Session) bool { return rng.IntN(3) == 0 })
		asked := make([]etf.BackfillWindow, rng.IntN(12))
		for i := range asked {
			from := sessions[rng.IntN(len(sessions))]
			asked[i] = etf.BackfillWindow{
				Source:  []string{"one", "two", "former"}[rng.IntN(3)],
				Window:  etf.Window{From: from, To: from.AddDays(rng.IntN(200))},
				AskedAt: time.Date(2024, 6, 1, rng.IntN(24), 0, 0, 0, time.UTC).AddDate(0, 0, rng.IntN(600)),
			}
			if rng.IntN(4) == 0 {
				asked[i].ErrorType = "SourceCorrupt"
			}
		}
		sources := []askable{{name: "one"}, {name: "two"}}[:1+rng.IntN(2)]
		for i := range sources {
			if rng.IntN(2) == 0 { // else its history is not limited
				sources[i].reach = sessions[rng.IntN(len(sessions))].AddDays(rng.IntN(3))
			}
		}
		has := map[etf.Session]bool{}
		for _, s := range stored {
			has[s] = true
		}
		var want []etf.Gap
		for i, s := range sessions {
			if has[s] {
				continue
			}
			var at time.Time
			can, answered := map[string]bool{}, map[string]bool{}
			for _, source := range sources {
				if source.reach == 0 || s >= source.reach {
					can[source.name] = true
				}
				for _, w := range asked {
					if w.Source == source.name && w.ErrorType == "" && w.Window.From <= s && s <= w.Settled().To {
						answered[source.name] = true
						if w.AskedAt.After(at) {
							at = w.AskedAt
						}
					}
				}
			}
			for name := range can {
				if !answered[name] {
					at = time.Time{}
				}
			}
			beyond := len(can) == 0
			if n := len(want); n == 0 || i == 0 || want[n-1].To != sessions[i-1] || want[n-1].Asked.IsZero() != at.IsZero() || want[n-1].Unreachable != beyond {
				want = append(want, etf.Gap{From: s, Unreachable: beyond})
			}
			g := &want[len(want)-1]
			if at.After(g.Asked) {
				g.Asked = at
			}
			g.To = s
			g.Sessions++
		}
		if got := gapsIn(sessions, stored, asked, sources); !slices.Equal(got, want) {
			t.Fatalf("%+v\nwant\n%+v\nasked %+v", got, want, asked)
		}
	}
}

// A session that was asked for on the day of its close is not one that was asked for in vain.
func TestGapsSoonAfterTheClose(t *testing.T) {
	day := etf.MustSession("2025-09-26")
	at := time.Date(2025, 9, 26, 20, 5, 0, 0, time.UTC)
	w := etf.BackfillWindow{Source: "one", Window: etf.Window{From: day.AddDays(-20), To: day}, AskedAt: at}
	if g := gapsIn([]etf.Session{day}, nil, []etf.BackfillWindow{w}, []askable{{name: "one"}}); len(g) != 1 || !g[0].Asked.IsZero() {
		t.Errorf("%+v", g)
	}
	w.AskedAt = at.AddDate(0, 0, 7)
	if g := gapsIn([]etf.Session{day}, nil, []etf.BackfillWindow{w}, []askable{{name: "one"}}); len(g) != 1 || !g[0].Asked.Equal(w.AskedAt) {
		t.Errorf("a week later: %+v", g)
	}
}

// gapStore has ETFs, of which none has a bar, and a former symbol.
type gapStore struct {
	Store
	etfs   []etf.ETF
	former map[etf.Symbol]etf.Symbol
	pages  int // of the registry that were read
}

func (s *gapStore) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	if now, ok := s.former[symbol]; ok {
		symbol = now
	}
	for _, e := range s.etfs {
		if e.Symbol == symbol {
			return e, nil
		}
	}
	return etf.ETF{}, etf.NotFound("symbol", "not registered", "")
}

func (s *gapStore) ETFs(context.Context, etf.Exchange, etf.Symbol, int) ([]etf.ETF, error) {
	s.pages++
	return s.etfs, nil
}

func (s *gapStore) StoredSessions(context.Context, etf.Symbol, etf.Window) ([]etf.Session, error) {
	return nil, nil
}

func (s *gapStore) AskedWindows(context.Context, etf.Symbol) ([]etf.BackfillWindow, error) {
	return nil, nil
}

// The gaps of named ETFs are found under a former symbol, page by page, and without the rest of the registry.
func TestGapsOfNamedETFs(t *testing.T) {
	store := &gapStore{
		etfs:   []etf.ETF{{Symbol: "AAA", Exchange: etf.XNYS}, {Symbol: "METV", Exchange: etf.XNYS}, {Symbol: "QQQ", Exchange: etf.XNYS}},
		former: map[etf.Symbol]etf.Symbol{"META": "METV"},
	}
	svc := New(Deps{Store: store, Now: func() time.Time { return time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC) }})
	q := GapQuery{Symbols: []string{"META", "QQQ", "METV"}, Limit: 1}
	var found []etf.Symbol
	for range 5 {
		page, next, err := svc.Gaps(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page {
			found = append(found, g.Symbol)
		}
		if q.After = next; next.IsZero() {
			break
		}
	}
	if !slices.Equal(found, []etf.Symbol{"METV", "QQQ"}) || store.pages != 0 {
		t.Errorf("found %v, after %d pages of the registry", found, store.pages)
	}
	if _, _, err := svc.Gaps(t.Context(), GapQuery{Symbols: []string{"NONE"}, Limit: 1}); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("an unknown symbol: %v", err)
	}
}

// What no source of an ETF can have is told apart: beyond 100 sessions at Alpha Vantage, 364 days at EODHD. A source without a limit reaches
// everything, unless it is only compared with.
func TestGapsBeyondEverySource(t *testing.T) {
	day := etf.MustSession
	at := time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC)
	cal, err := calendar.For(etf.XKRX)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		sources []etf.SourceRef
		stored  etf.Basis
		want    []askable
	}{
		{"one", []etf.SourceRef{{Name: "eodhd", Ref: "069500.KO"}}, "", []askable{{"eodhd", day("2024-09-28")}}},
		{"the plan has all of it", []etf.SourceRef{{Name: "eodhd", Ref: "069500.KO?history=whole"}}, "", []askable{{"eodhd", 0}}},
		{"a second without a limit", []etf.SourceRef{{Name: "eodhd", Ref: "069500.KO"}, {Name: "yahoo", Ref: "069500.KS"}}, "", []askable{{"eodhd", day("2024-09-28")}, {"yahoo", 0}}},
		{"a second that is restated", []etf.SourceRef{{Name: "eodhd", Ref: "069500.KO"}, {Name: "naver", Ref: "069500"}}, "", []askable{{"eodhd", day("2024-09-28")}}},
		{"a first that is restated", []etf.SourceRef{{Name: "naver", Ref: "069500"}, {Name: "eodhd", Ref: "069500.KO"}}, "", []askable{{"naver", 0}}},
		{"none, after the first source was changed", []etf.SourceRef{{Name: "naver", Ref: "069500"}}, etf.AsTraded, nil},
		{"only the second is on the basis of the stored prices", []etf.SourceRef{{Name: "naver", Ref: "069500"}, {Name: "yahoo", Ref: "069500.KS"}}, etf.AsTraded, []askable{{"yahoo", 0}}},
	} {
		e := etf.ETF{Symbol: "069500", Exchange: etf.XKRX, Sources: c.sources, Basis: c.stored}
		if got := askableOf(e, cal, day("2025-09-26"), etf.SessionOf(at)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}

	// The sessions of New York: the 100 that end with 2025-09-26 begin with 2025-05-06 (exchange_calendars).
	store := &gapStore{etfs: []etf.ETF{{Symbol: "AAA", Exchange: etf.XNYS, Listed: day("2025-05-01"), Sources: []etf.SourceRef{{Name: "alphavantage", Ref: "AAA"}}}}}
	svc := New(Deps{Store: store, Now: func() time.Time { return at }})
	page, _, err := svc.Gaps(t.Context(), GapQuery{Limit: 10})
	if err != nil || len(page) != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	if g := page[0]; !g.Unreachable || g.Open() || g.To != day("2025-05-05") || g.Sessions != 3 {
		t.Errorf("before the newest 100: %+v", g)
	}
	if g := page[1]; g.Unreachable || !g.Open() || g.Sessions != 100 {
		t.Errorf("the newest 100: %+v", g)
	}
	store.etfs[0].Sources[0].Name, store.etfs[0].Basis = "naver", etf.AsTraded // only compared with what is stored
	if page, _, err = svc.Gaps(t.Context(), GapQuery{Limit: 10}); err != nil || len(page) != 1 || !page[0].Unreachable || page[0].Open() || page[0].Sessions != 103 {
		t.Errorf("without a source on the stored basis: %+v, %v", page, err)
	}
}

// While a source that can have a session has not answered, the others have not been asked in vain for good: not after the first of two, if the
// second one failed or was added later.
func TestGapsWithASourceLeft(t *testing.T) {
	day := etf.MustSession("2025-09-10")
	w := func(source, failed string) etf.BackfillWindow {
		return etf.BackfillWindow{Source: source, ErrorType: failed, Window: etf.Window{From: day, To: day}, AskedAt: time.Date(2025, 9, 27, 0, 0, 0, 0, time.UTC)}
	}
	two := []askable{{name: "yahoo"}, {name: "tiingo"}}
	for _, c := range []struct {
		name    string
		sources []askable
		asked   []etf.BackfillWindow
		open    bool
	}{
		{"the second was not asked", two, []etf.BackfillWindow{w("yahoo", "")}, true},
		{"the second failed", two, []etf.BackfillWindow{w("yahoo", ""), w("tiingo", "SourceDenied")}, true},
		{"both have answered", two, []etf.BackfillWindow{w("yahoo", ""), w("tiingo", "")}, false},
		{"the second does not go back so far", []askable{{name: "yahoo"}, {name: "tiingo", reach: day + 1}}, []etf.BackfillWindow{w("yahoo", "")}, false},
		{"it was another's answer", two[1:], []etf.BackfillWindow{w("yahoo", "")}, true},
	} {
		if g := gapsIn([]etf.Session{day}, nil, c.asked, c.sources); len(g) != 1 || g[0].Open() != c.open || g[0].Unreachable {
			t.Errorf("%s: %+v", c.name, g)
		}
	}
}
