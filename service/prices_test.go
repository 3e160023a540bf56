package service

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestParseWindow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		want     etf.Window
		fields   []string
	}{
		{"", "", etf.Window{To: lastDay}, nil},
		{"2025-09-22", "", etf.Window{From: monday, To: lastDay}, nil},
		{"", "2025-09-26", etf.Window{To: friday}, nil},
		{"2025-09-22", "2025-09-26", etf.Window{From: monday, To: friday}, nil},
		{"2025-09-26", "2025-09-26", etf.Window{From: friday, To: friday}, nil},
		{"2200-12-31", "", etf.Window{From: lastDay, To: lastDay}, nil}, // the last date that can be written
		{"2025-09-26", "2025-09-25", etf.Window{}, []string{"from"}},
		{"today", "", etf.Window{}, []string{"from"}},
		{"", "2025-13-01", etf.Window{}, []string{"to"}},
		{"26.9.2025", "2025-9-26", etf.Window{}, []string{"from", "to"}},
	} {
		w, err := ParseWindow(c.from, c.to)
		wantProblems(t, err, etf.KindInvalid, c.fields...)
		if err == nil && w != c.want {
			t.Errorf("%q to %q: %+v, want %+v", c.from, c.to, w, c.want)
		}
	}
}

// prices is a Store with a bar for each of these sessions.
type prices struct {
	Store
	sessions []etf.Session
	err      error
}

func (s *prices) Confirmations(context.Context, []etf.Symbol) (map[etf.Symbol]etf.Confirmation, error) {
	return nil, s.err
}

func (s *prices) BarsPage(_ context.Context, _ etf.Symbol, w etf.Window, after etf.Session, limit int) (page []etf.StoredBar, err error) {
	for _, session := range s.sessions {
		if w.Contains(session) && session > after && len(page) < limit {
			page = append(page, etf.StoredBar{Bar: etf.Bar{Session: session}})
		}
	}
	return page, s.err
}

func TestBars(t *testing.T) {
	t.Parallel()
	store := &prices{sessions: []etf.Session{monday, monday + 1, monday + 2, monday + 3, friday}}
	s := New(Deps{Store: store})
	for _, c := range []struct {
		window etf.Window
		after  etf.Session
		limit  int
		want   []etf.Session
		more   bool
	}{
		{etf.Window{To: lastDay}, 0, 4, []etf.Session{monday, monday + 1, monday + 2, monday + 3}, true},
		{etf.Window{To: lastDay}, monday + 3, 4, []etf.Session{friday}, false},
		{etf.Window{To: lastDay}, 0, 5, store.sessions, false},
		{etf.Window{From: monday + 1, To: monday + 2}, 0, 1, []etf.Session{monday + 1}, true},
		{etf.Window{From: monday + 1, To: monday + 2}, monday + 1, 1, []etf.Session{monday + 2}, false},
		{etf.Window{To: monday - 1}, 0, 1, nil, false},
	} {
		bars, more, err := s.Bars(t.Context(), BarQuery{Symbol: "SPY", Window: c.window, After: c.after, Limit: c.limit})
		var got []etf.Session
		for _, b := range bars {
			got = append(got, b.Session)
		}
		if err != nil || more != c.more || !slices.Equal(got, c.want) {
			t.Errorf("%d of %+v after %q: %v, more %t, %v; want %v, %t", c.limit, c.window, c.after, got, more, err, c.want, c.more)
		}
	}
	enough := errors.New("enough")
	read := 0
	err := s.EachBar(t.Context(), BarQuery{Symbol: "SPY", Window: etf.Window{From: monday + 1, To: friday}}, func(BarRow) error {
		if read++; read == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || read != 2 {
		t.Errorf("read %d bars, %v", read, err)
	}
	store.err = storeAway
	if _, _, err := s.Bars(t.Context(), BarQuery{Symbol: "SPY", Window: etf.Window{To: lastDay}, Limit: 1}); !errors.Is(err, storeAway) {
		t.Errorf("without the store: %v", err)
	}
}
