package activities

import (
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// restated makes the store hold 80 bars of a file, and a response whose last 16 rows all come back times 0.994.
func restated(s *fakeStore) (ValidateInput, []etf.Bar) {
	rows := bars(81, friday)
	s.stored.Bars = 80
	for _, b := range rows[:80] {
		s.known = append(s.known, etf.StoredBar{Bar: b, Basis: etf.TotalAdjusted, Source: "file"})
	}
	for i := range rows {
		for _, p := range []*etf.Price{&rows[i].Open, &rows[i].High, &rows[i].Low, &rows[i].Close} {
			*p, _ = p.MulRatio(994, 1000)
		}
	}
	fetch := stageAdjusted(s, rows[65:])
	return ValidateInput{Fetch: fetch, Symbol: "SPY", Exchange: etf.XNYS, Session: friday}, rows
}

func stageAdjusted(s *fakeStore, rows []etf.Bar) string {
	fetch := stage(s, etf.Response{Bars: rows})
	f := s.fetches[fetch]
	f.Basis, f.Source = etf.TotalAdjusted, "file"
	s.fetches[fetch] = f
	return fetch
}

func TestValidateOfARestatedSeries(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	v := &Validating{Fetches: store, Findings: store}
	in, rows := restated(store)

	// A source whose history is cheap is asked for all of it; the last sessions are left aside, without findings.
	in.CanFetchWhole = true
	got, err := do[ValidateResult](t, newEnv(t, v), v.Validate, in)
	if want := (ValidateResult{FetchWhole: true, Attempt: 1}); err != nil || !same(got, want) || store.times["SaveFindings"] != 0 {
		t.Errorf("got %+v, %v, findings %+v", got, err, store.findings)
	}
	// Any other source is not, and the rows are quarantined.
	f := store.fetches[in.Fetch]
	f.Source = "yahoo"
	store.fetches[in.Fetch] = f
	got, err = do[ValidateResult](t, newEnv(t, v), v.Validate, in)
	if err != nil || got.FetchWhole || got.TakeOver || !got.QuarantinedNew || got.OnNew[0].Rule != "restated_series" {
		t.Errorf("got %+v, %v", got, err)
	}
	// The whole history takes over.
	stageAdjusted(store, rows)
	in.Whole, in.CanFetchWhole = true, false
	got, err = do[ValidateResult](t, newEnv(t, v), v.Validate, in)
	if err != nil || !got.TakeOver || got.Errors != 0 || got.Findings != 1 || slices.Contains(store.verdicts, etf.VerdictQuarantine) {
		t.Errorf("got %+v, %v, verdicts %v", got, err, store.verdicts)
	}
	// One that is cut does not.
	stageAdjusted(store, rows[60:])
	got, err = do[ValidateResult](t, newEnv(t, v), v.Validate, in)
	if err != nil || got.TakeOver || !got.QuarantinedNew {
		t.Errorf("got %+v, %v", got, err)
	}
}

func same(a, b ValidateResult) bool {
	a.OnNew, b.OnNew = nil, nil
	return a.FetchWhole == b.FetchWhole && a.TakeOver == b.TakeOver && a.Findings == b.Findings && a.Errors == b.Errors &&
		a.QuarantinedNew == b.QuarantinedNew && a.Listed == b.Listed && a.Attempt == b.Attempt
}

// The listing date is passed on only while bars from before it are stored.
func TestValidatePassesOnTheListing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ first, listed, want etf.Session }{
		{friday - 100, friday - 50, friday - 50}, {friday - 50, friday - 50, 0}, {friday - 100, 0, 0}, {0, friday - 50, 0},
	} {
		store := newFakeStore()
		store.stored.Bars, store.first, store.listed = 1, c.first, c.listed
		v := &Validating{Fetches: store, Findings: store}
		got, err := do[ValidateResult](t, newEnv(t, v), v.Validate,
			ValidateInput{Fetch: stage(store, etf.Response{Bars: bars(16, friday)}), Symbol: "SPY", Exchange: etf.XNYS, Session: friday})
		if err != nil || got.Listed != c.want || got.FetchWhole {
			t.Errorf("stored from %s, listed on %s: %+v, %v", c.first, c.listed, got, err)
		}
		// What was made of the other bars is judged again, on the whole history.
		got, err = do[ValidateResult](t, newEnv(t, v), v.Validate,
			ValidateInput{Fetch: stage(store, etf.Response{Bars: bars(16, friday)}), Symbol: "SPY", Exchange: etf.XNYS, Session: friday, CanFetchWhole: true})
		if err != nil || got.FetchWhole == c.want.IsZero() {
			t.Errorf("stored from %s, listed on %s: %+v, %v; want the whole history asked for: %v", c.first, c.listed, got, err, !c.want.IsZero())
		}
	}
}

func TestPersistReplaces(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	p := &Persisting{Store: store}
	for _, r := range []etf.Replacement{{}, {Whole: true}, {Listed: friday}} {
		store.replaced, store.times["Replace"] = etf.Replacement{}, 0
		if _, err := do[PersistResult](t, newEnv(t, p), p.Persist, PersistInput{Fetch: "f1", Whole: r.Whole, Listed: r.Listed, CanJudge: true}); err != nil || store.replaced != r {
			t.Errorf("%+v: replaced %+v, %v", r, store.replaced, err)
		}
		if store.times["Replace"] != 1 {
			t.Errorf("%+v: Replace called %d times", r, store.times["Replace"])
		}
	}
}
