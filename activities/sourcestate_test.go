package activities

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

// counted is a source that needs some requests for a fetch.
type counted struct {
	fakeSource
	requests int
}

func (s *counted) Requests(etf.Query) int { return s.requests }

func detailOf(err error, into *ErrorDetail) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.HasDetails() && app.Details(into) == nil
}

func stateOf(store *fakeStore) etf.Breaker { return store.breakers["fake"] }

// fetchOf runs a fetch of the symbol with all of its attempts.
func fetchOf(t *testing.T, store *fakeStore, source Source, now time.Time, symbol etf.Symbol) error {
	t.Helper()
	in := fetchSPY
	in.Symbol = symbol
	_, err := retried[FetchResult](t, &Fetching{Store: store, States: store, Source: source, Now: func() time.Time { return now }}, "Fetch", in)
	return err
}

// Only failures that say something about the source as a whole count, once for each fetch that gives up.
func TestFetchFailuresThatCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err      error
		counts   bool
		requests int
	}{
		{&etf.Error{Kind: etf.KindUnavailable, Message: "down"}, true, SourceAttempts},
		{&etf.Error{Kind: etf.KindRateLimited, Message: "busy"}, true, SourceAttempts},
		{&etf.Error{Kind: etf.KindDenied, Message: "no key"}, true, 1},
		{&etf.Error{Kind: etf.KindCorrupt, Message: "prices: changed"}, true, 1},
		{errors.New("a bug"), true, 1},
		{etf.NotFound("ref", "unknown", ""), false, 1},
		{etf.Invalid("ref", "not a ticker", ""), false, 1},
		{&etf.Error{Kind: etf.KindRateLimited, Message: "25 requests per day", Until: fridayEvening.Add(time.Hour)}, false, 1},
	} {
		store, source := newFakeStore(), &fakeSource{err: c.err}
		store.named = map[string][]etf.SourceETF{"fake": make([]etf.SourceETF, 10)}
		if err := fetchOf(t, store, source, fridayEvening, "SPY"); err == nil || source.times != c.requests {
			t.Errorf("%v: %v after %d requests", c.err, err, source.times)
		}
		if got := stateOf(store).Failures; got != map[bool]int{true: 1}[c.counts] {
			t.Errorf("%v: %d failures are counted", c.err, got)
		}
	}
}

// After five ETFs the source is not asked any more; when its time has come, one request decides.
func TestFetchBreaker(t *testing.T) {
	t.Parallel()
	store, source := newFakeStore(), &fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}, err: &etf.Error{Kind: etf.KindUnavailable, Message: "down", Remedy: "retry"}}
	store.named = map[string][]etf.SourceETF{"fake": make([]etf.SourceETF, 10)}
	for _, symbol := range []etf.Symbol{"A", "B", "C", "D", "E"} {
		if err := fetchOf(t, store, source, fridayEvening, symbol); typeOf(err) != TypeSourceUnavailable {
			t.Fatalf("%s: %v", symbol, err)
		}
	}
	b := stateOf(store)
	if b.State != etf.BreakerOpen || strings.Contains(b.Reason, "retry") || b.Reason == "" {
		t.Fatalf("the breaker is %+v", b)
	}
	asked := source.times
	err := fetchOf(t, store, source, fridayEvening.Add(time.Minute), "F")
	var detail ErrorDetail
	if typeOf(err) != TypeSourceOpen || source.times != asked || !detailOf(err, &detail) || !detail.RetryAt.Equal(b.RetryAt) {
		t.Errorf("while it is open: %v (%+v) after %d more requests", err, detail, source.times-asked)
	}
	// The request that decides has one attempt, and then the breaker is open again.
	if err := fetchOf(t, store, source, b.RetryAt, "F"); typeOf(err) != TypeSourceOpen || source.times != asked+1 {
		t.Errorf("the request that decides: %v after %d requests", err, source.times-asked)
	}
	b = stateOf(store)
	if b.State != etf.BreakerOpen || b.Opened != 2 {
		t.Errorf("after it has failed: %+v", b)
	}
	// One for an unknown symbol says nothing: the next one decides, and closes it.
	down := source.err
	source.err = etf.NotFound("ref", "unknown", "")
	if err := fetchOf(t, store, source, b.RetryAt, "G"); typeOf(err) != TypeSourceNotFound {
		t.Errorf("an unknown symbol: %v", err)
	}
	if b := stateOf(store); b.State != etf.BreakerOpen || b.Opened != 2 {
		t.Errorf("after an unknown symbol: %+v", b)
	}
	source.err = nil
	if err := fetchOf(t, store, source, b.RetryAt, "F"); err != nil {
		t.Fatal(err)
	}
	if b := stateOf(store); b.State != etf.BreakerClosed || b.LastSuccess.IsZero() || b.Failures != 0 {
		t.Errorf("after a response: %+v", b)
	}
	// A response on another basis is one all the same: the source is there.
	store.stored = etf.Stored{Bars: 10, Last: friday - 1, Basis: etf.TotalAdjusted}
	source.err = down
	_ = fetchOf(t, store, source, fridayEvening, "A")
	source.err = nil
	if err := fetchOf(t, store, source, fridayEvening, "B"); typeOf(err) != TypeSourceMismatch || stateOf(store).Failures != 0 {
		t.Errorf("another basis: %v, %+v", err, stateOf(store))
	}
}

// A source on the server itself has a last response; its failures count for nothing.
func TestFetchOfALocalSource(t *testing.T) {
	t.Parallel()
	store, source := newFakeStore(), &localSource{}
	source.err = &etf.Error{Kind: etf.KindDenied, Message: "no right to read it"}
	for range 2 * etf.BreakerFailures {
		if err := fetchOf(t, store, source, fridayEvening, "SPY"); typeOf(err) != TypeSourceDenied {
			t.Fatal(err)
		}
	}
	if b, known := store.breakers["file"]; known {
		t.Errorf("after failures: %+v", b)
	}
	source.fakeSource = fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}}
	if err := fetchOf(t, store, source, fridayEvening, "QQQ"); err != nil {
		t.Fatal(err)
	}
	if b := store.breakers["file"]; !b.LastSuccess.Equal(fridayEvening) || b.State != etf.BreakerClosed {
		t.Errorf("after a response: %+v", b)
	}
}

// localSource is one on the server itself.
type localSource struct{ fakeSource }

func (s *localSource) Name() string { return "file" }

// Ordinary fetches write the breaker about once a minute.
func TestFetchBreakerIsSeldomWritten(t *testing.T) {
	t.Parallel()
	store, source := newFakeStore(), &fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}}
	for range 20 {
		if err := fetchOf(t, store, source, fridayEvening, "SPY"); err != nil {
			t.Fatal(err)
		}
	}
	if store.writes != 1 {
		t.Errorf("%d writes for 20 fetches", store.writes)
	}
}

// Each attempt takes of the quota what the source says; when it is used up, the source is not asked, and the error says until when.
func TestFetchQuota(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.named = map[string][]etf.SourceETF{"fake": {{Symbol: "SPY", Place: 1}, {Symbol: "QQQ", Place: 2}}}
	source := &counted{fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}}, 2}
	fetch := func(behind bool) error {
		in := fetchSPY
		in.Behind = behind
		_, err := do[FetchResult](t, newEnv(t, &Fetching{Store: store, States: store, Source: source, Quota: 6, Now: clock}), (&Fetching{}).Fetch, in)
		return err
	}
	if err := fetch(true); err != nil {
		t.Fatal(err)
	}
	if err := fetch(true); err != nil { // two of six are kept for the one ETF that prefers the source
		t.Fatal(err)
	}
	err := fetch(true)
	var detail ErrorDetail
	midnight := time.Date(2025, 9, 27, 0, 0, 0, 0, time.UTC)
	if typeOf(err) != TypeSourceQuota || !detailOf(err, &detail) || !detail.RetryAt.Equal(midnight) || !strings.Contains(err.Error(), "kept for the daily runs") {
		t.Errorf("a backfill is refused with %v, %+v", err, detail)
	}
	if err := fetch(false); err != nil {
		t.Errorf("a daily run: %v", err)
	}
	if err := fetch(false); typeOf(err) != TypeSourceQuota || source.times != 3 {
		t.Errorf("beyond the quota: %v after %d fetches", err, source.times)
	}
	if stateOf(store).Failures != 0 {
		t.Error("a quota that is used up counts as a failure")
	}
	source.requests = 0 // the response is at hand
	if err := fetch(true); err != nil {
		t.Errorf("without a request: %v", err)
	}
}

// A quota that only this ETF is subject to does not keep others from asking.
func TestFetchQuotaOfOneReference(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	source := &fakeSource{err: &etf.Error{Kind: etf.KindRateLimited, Field: "ref", Message: "500 symbols this month", Until: fridayEvening.Add(time.Hour)}}
	f := &Fetching{Store: store, States: store, Source: source, Quota: 25, Now: clock}
	if _, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY); typeOf(err) != TypeSourceQuota {
		t.Errorf("got %v", err)
	}
	source.err, source.response = nil, etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}
	if _, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY); err != nil || stateOf(store).Failures != 0 {
		t.Errorf("the next ETF: %v", err)
	}
}

// When the source itself says that its quota is used up, nobody asks it again that day.
func TestFetchQuotaRefusedBySource(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	source := &fakeSource{err: &etf.Error{Kind: etf.KindRateLimited, Message: "25 requests per day", Until: fridayEvening.Add(time.Hour)}}
	f := &Fetching{Store: store, States: store, Source: source, Quota: 25, Now: clock}
	for range 3 {
		if _, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY); typeOf(err) != TypeSourceQuota {
			t.Errorf("got %v", err)
		}
	}
	if source.times != 1 {
		t.Errorf("it was asked %d times", source.times)
	}
}

// A comparison leaves a fallback what the daily runs may need of its quota, and counts a failure although it has one attempt only.
func TestFetchForComparison(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.named = map[string][]etf.SourceETF{"fake": {{Symbol: "SPY", Place: 2}, {Symbol: "QQQ", Place: 2}}}
	source := &fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}}
	f := &Fetching{Store: store, States: store, Source: source, Quota: 4, Now: clock}
	fetch := func(check bool) error {
		in := fetchSPY
		in.Check = check
		_, err := do[FetchResult](t, newEnv(t, f), f.Fetch, in)
		return err
	}
	for i := range 2 {
		if err := fetch(true); err != nil {
			t.Fatalf("comparison %d: %v", i, err)
		}
	}
	if err := fetch(true); typeOf(err) != TypeSourceQuota || !strings.Contains(err.Error(), "kept for the daily runs") {
		t.Errorf("a third comparison: %v", err)
	}
	for i := range 2 {
		if err := fetch(false); err != nil {
			t.Errorf("update %d after a failover: %v", i, err)
		}
	}
	f.Quota, source.err = 0, &etf.Error{Kind: etf.KindUnavailable, Message: "down"}
	if err := fetch(true); typeOf(err) != TypeSourceUnavailable || stateOf(store).Failures != 1 {
		t.Errorf("a comparison that fails: %v, %+v", err, stateOf(store))
	}
}

// A source without a configured quota that says that its own is used up is left alone for an hour at most.
func TestFetchUnknownQuota(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	source := &fakeSource{err: &etf.Error{Kind: etf.KindRateLimited, Message: "no requests left", Until: fridayEvening.Add(10 * time.Hour)}}
	now := fridayEvening
	f := &Fetching{Store: store, States: store, Source: source, Now: func() time.Time { return now }}
	for _, c := range []struct {
		after    time.Duration
		requests int
	}{{0, 1}, {time.Minute, 1}, {59 * time.Minute, 1}, {time.Hour, 2}, {90 * time.Minute, 2}} {
		now = fridayEvening.Add(c.after)
		if _, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY); typeOf(err) != TypeSourceQuota || source.times != c.requests {
			t.Errorf("after %s: %v, %d requests", c.after, err, source.times)
		}
	}
}

// What such a source has said is forgotten when a person has it asked again.
func TestFetchUnknownQuotaForgotten(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	source := &fakeSource{err: &etf.Error{Kind: etf.KindRateLimited, Message: "no requests left", Until: fridayEvening.Add(10 * time.Hour)}}
	f := &Fetching{Store: store, States: store, Source: source, Now: clock}
	fetch := func() error {
		_, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY)
		return err
	}
	for range 2 {
		if err := fetch(); typeOf(err) != TypeSourceQuota || source.times != 1 {
			t.Fatalf("%v, %d requests", err, source.times)
		}
	}
	for key, use := range store.quotas {
		use.Refused = false // as AllowQuota does
		store.quotas[key] = use
	}
	source.err, source.response = nil, etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}
	if err := fetch(); err != nil || source.times != 2 {
		t.Errorf("%v, %d requests", err, source.times)
	}
}

// A response that can't be read does not keep the breaker open if another ETF's can.
func TestFetchProbeOfABadETF(t *testing.T) {
	t.Parallel()
	store, source := newFakeStore(), &fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}, err: &etf.Error{Kind: etf.KindUnavailable, Message: "down"}}
	store.named = map[string][]etf.SourceETF{"fake": make([]etf.SourceETF, 10)}
	for _, symbol := range []etf.Symbol{"A", "B", "C", "D", "E"} {
		_ = fetchOf(t, store, source, fridayEvening, symbol)
	}
	again := stateOf(store).RetryAt
	source.err = &etf.Error{Kind: etf.KindCorrupt, Message: "no prices"}
	if err := fetchOf(t, store, source, again, "A"); typeOf(err) != TypeSourceCorrupt || stateOf(store).Opened != 1 {
		t.Errorf("a bad ETF: %v, %+v", err, stateOf(store))
	}
	source.err = nil
	if err := fetchOf(t, store, source, again, "B"); err != nil || stateOf(store).State != etf.BreakerClosed {
		t.Errorf("the next ETF: %v, %+v", err, stateOf(store))
	}
}
