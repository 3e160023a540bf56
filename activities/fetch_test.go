package activities

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

var fetchSPY = FetchInput{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Session: friday, Ref: "SPY", Run: "daily:XNYS:2025-09-26"}

func typeOf(err error) string {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return ""
	}
	return app.Type()
}

func TestFetchWindow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		stored  etf.Stored
		session string
		from    string
	}{
		{"nothing stored: the whole history", etf.Stored{}, "2025-09-26", ""},
		// The fifteenth session before 2025-09-25; Labor Day, 2025-09-01, lies before it.
		{"up to yesterday", etf.Stored{Bars: 9, Last: friday - 1}, "2025-09-26", "2025-09-04"},
		{"the newest three quarantined", etf.Stored{Bars: 9, Last: friday - 1, LastUsed: friday - 4}, "2025-09-26", "2025-08-29"},
		{"the same session again", etf.Stored{Bars: 9, Last: friday}, "2025-09-26", "2025-09-05"},
		{"an earlier session again", etf.Stored{Bars: 9, Last: friday}, "2025-09-22", "2025-08-29"},
		{"a month behind", etf.Stored{Bars: 9, Last: etf.MustSession("2025-08-26")}, "2025-09-26", "2025-08-05"},
		{"before the calendar", etf.Stored{Bars: 9, Last: etf.MustSession("1990-01-05")}, "1990-01-08", "1990-01-01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := fetchWindow(etf.XNYS, etf.MustSession(c.session), c.stored, false)
			if err != nil || w.From.String() != c.from || w.To.String() != c.session {
				t.Errorf("got %s to %s, %v; want from %s", w.From, w.To, err, c.from)
			}
			if w, err := fetchWindow(etf.XNYS, etf.MustSession(c.session), c.stored, true); err != nil || !w.From.IsZero() || w.To.String() != c.session {
				t.Errorf("the whole history is from %s to %s, %v", w.From, w.To, err)
			}
		})
	}
}

// A source that needs a request for each session is never asked for a whole history.
func TestLimitedWindow(t *testing.T) {
	t.Parallel()
	krx, yahoo := etf.Source("krx"), etf.Source("yahoo")
	to := etf.MustSession("2026-01-23")
	for _, c := range []struct {
		source     etf.SourceTraits
		from, want string
	}{
		{yahoo, "", ""}, {yahoo, "2020-01-02", "2020-01-02"},
		{krx, "", "2026-01-02"},           // the fifteenth session before; the exchange was closed on 2025-12-31 and 2026-01-01
		{krx, "2026-01-05", "2026-01-05"}, // as asked for
		{krx, "2020-01-02", "2025-10-28"}, // the sixtieth before: 64 weekdays from then on, less three closures
	} {
		w := etf.Window{To: to}
		if c.from != "" {
			w.From = etf.MustSession(c.from)
		}
		got, err := limited(w, etf.XKRX, c.source)
		if err != nil || got.From.String() != c.want || got.To != to {
			t.Errorf("%s from %q: %s to %s, %v; want from %s", c.source.Name, c.from, got.From, got.To, err, c.want)
		}
	}
}

// A source with another basis than the series never takes the first one's place, not even for an ETF without prices.
func TestOtherBasis(t *testing.T) {
	t.Parallel()
	refs := func(names ...string) (list []etf.SourceRef) {
		for _, n := range names {
			list = append(list, etf.SourceRef{Name: n})
		}
		return list
	}
	for _, c := range []struct {
		sources []string
		want    etf.Basis
	}{
		{[]string{"krx", "naver"}, etf.AsTraded}, {[]string{"krx", "yahoo", "naver"}, etf.AsTraded}, {[]string{"naver", "krx"}, etf.TotalAdjusted}, {[]string{"krx", "yahoo"}, ""},
		{[]string{"naver"}, ""}, {[]string{"file", "naver"}, ""}, {[]string{"naver", "file"}, ""}, {[]string{"krx", "added-later"}, ""}, {nil, ""},
	} {
		if got := etf.SeriesBasis(refs(c.sources...)); got != c.want {
			t.Errorf("%v: %q, want %q", c.sources, got, c.want)
		}
	}
	for _, c := range []struct {
		source        string
		basis, stored etf.Basis
		ok            bool
	}{
		{"naver", etf.AsTraded, "", false}, {"naver", etf.AsTraded, etf.AsTraded, false}, {"krx", etf.AsTraded, "", true}, {"krx", etf.AsTraded, etf.TotalAdjusted, false},
		{"naver", "", etf.AsTraded, true}, // its response decides
		{"file", etf.AsTraded, "", true},
	} {
		err := otherBasis(c.source, FetchInput{Basis: c.basis}, etf.Stored{Basis: c.stored})
		if c.ok != (err == nil) || err != nil && (etf.KindOf(err) != etf.KindInvalid || !strings.Contains(err.Error(), string(etf.Source(c.source).Basis)+", but the series is "+string(cmp.Or(c.stored, c.basis)))) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// The body of a response that can't be read is kept with those that it shares.
func TestRefusedResponseKeepsSharedBodies(t *testing.T) {
	t.Parallel()
	shared := []etf.SharedBody{etf.NewSharedBody([]byte("a day"))}
	store, source := newFakeStore(), &fakeSource{
		response: etf.Response{Request: "GET x", Raw: []byte("manifest"), MediaType: etf.ManifestType, Shared: shared},
		err:      &etf.Error{Kind: etf.KindCorrupt, Message: "changed"},
	}
	f := &Fetching{Store: store, Source: source, Now: clock}
	if _, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY); typeOf(err) != TypeSourceCorrupt {
		t.Fatal(err)
	}
	if len(store.responses) != 1 {
		t.Fatalf("%d responses kept", len(store.responses))
	}
	for _, r := range store.responses {
		if !slices.EqualFunc(r.Shared, shared, func(a, b etf.SharedBody) bool { return a.Hash == b.Hash }) {
			t.Errorf("kept %+v", r)
		}
	}
}

func TestFetchStoresTheResponse(t *testing.T) {
	t.Parallel()
	store, source := newFakeStore(), &fakeSource{response: etf.Response{
		Bars: bars(16, friday), Basis: etf.AsTraded, Currency: "USD", Request: "GET x", Raw: []byte("raw"), MediaType: "text/csv",
	}}
	store.stored = etf.Stored{Bars: 100, Last: friday - 1, Basis: etf.AsTraded}
	f := &Fetching{Store: store, Source: source, Now: clock}
	got, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY)
	if err != nil {
		t.Fatal(err)
	}
	want := FetchResult{Fetch: got.Fetch, Rows: 16, Last: friday, HasSession: true, Attempt: 1}
	if got != want || len(got.Fetch) != 32 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if q := source.query; q.Symbol != "SPY" || q.Ref != "SPY" || q.Currency != "USD" || !q.AsOf.Equal(fridayEvening) || q.Window.To != friday || q.Window.From.IsZero() {
		t.Errorf("the query is %+v", q)
	}
	saved := store.fetches[got.Fetch]
	// printf raw | sha256sum
	if saved.Source != "fake" || saved.Rows != 16 || saved.Run != fetchSPY.Run || saved.Basis != etf.AsTraded || !saved.FetchedAt.Equal(fridayEvening) ||
		saved.Hash != "d7439bee24773bcbfa2d0a97947ee36227b10d1022b1a55847e928965bb6bfde" {
		t.Errorf("saved %+v", saved)
	}
}

// The first attempt stored its response, but its result was lost: the second attempt finds the response, makes no
// request and returns the same.
func TestFetchRetried(t *testing.T) {
	t.Parallel()
	store, source := newFakeStore(), &fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}}
	store.err["SaveFetch"] = &etf.Error{Kind: etf.KindUnavailable, Message: "connection lost after the commit"}
	f := &Fetching{Store: store, Source: source, Now: clock}
	got, err := retried[FetchResult](t, f, "Fetch", fetchSPY)
	if err != nil {
		t.Fatal(err)
	}
	if got.Rows != 16 || !got.HasSession || got.Attempt != 2 || source.times != 1 || len(store.fetches) != 1 {
		t.Errorf("got %+v after %d requests and %d fetches", got, source.times, len(store.fetches))
	}
}

// The earlier attempts stored nothing: the last one makes the request and returns what is stored.
func TestFetchRetriedFromTheStart(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	source := &fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}, failures: 2}
	f := &Fetching{Store: store, Source: source, Now: clock}
	got, err := retried[FetchResult](t, f, "Fetch", fetchSPY)
	if err != nil || got.Rows != 16 || got.Attempt != 3 || source.times != 3 || store.times["Staged"] != 1 {
		t.Errorf("got %+v, %v after %d requests", got, err, source.times)
	}
}

// A source that stays down is given up after SourceAttempts attempts.
func TestFetchGivesUp(t *testing.T) {
	t.Parallel()
	source := &fakeSource{failures: 1000}
	f := &Fetching{Store: newFakeStore(), Source: source, Now: clock}
	_, err := retried[FetchResult](t, f, "Fetch", fetchSPY)
	if typeOf(err) != TypeSourceUnavailable || source.times != SourceAttempts {
		t.Errorf("ended with %v after %d requests", err, source.times)
	}
}

// A database that is down is not an error of the source, and must not make the workflow try another source.
func TestFetchStoreErrors(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Stored", "SaveFetch"} {
		store, source := newFakeStore(), &fakeSource{response: etf.Response{Bars: bars(1, friday)}}
		store.err[method] = &etf.Error{Kind: etf.KindUnavailable, Message: "database down"}
		f := &Fetching{Store: store, Source: source, Now: clock}
		_, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY)
		if typeOf(err) != TypeUnavailable {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestFetchMismatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		response etf.Response
	}{
		{"basis", etf.Response{Bars: bars(2, friday), Basis: etf.TotalAdjusted}},
		{"currency", etf.Response{Bars: bars(2, friday), Basis: etf.AsTraded, Currency: "KRW"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, source := newFakeStore(), &fakeSource{response: c.response}
			store.stored = etf.Stored{Bars: 100, Last: friday - 1, Basis: etf.AsTraded}
			f := &Fetching{Store: store, Source: source, Now: clock}
			_, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY)
			if typeOf(err) != TypeSourceMismatch || len(store.fetches) != 0 {
				t.Errorf("ended with %v and %d fetches", err, len(store.fetches))
			}
		})
	}
}

func TestFetchEmptyResponse(t *testing.T) {
	t.Parallel()
	store, source := newFakeStore(), &fakeSource{}
	f := &Fetching{Store: store, Source: source, Now: clock}
	got, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY)
	if err != nil || !got.Empty || got.HasSession || len(store.fetches) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	source.response.Defects = []etf.Defect{{Where: "SPY.csv:2", Reason: "no date"}}
	got, err = do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY)
	if err != nil || got.Empty {
		t.Errorf("a response with a defect has to be validated, got %+v, %v", got, err)
	}
}

func TestFetchIDs(t *testing.T) {
	t.Parallel()
	// printf 'fetch\0run\0%s' 5 | sha256sum
	if got := fetchID("run", "5"); got != "7135bb1fb6913c6842e058c04f91f868" {
		t.Errorf("the ID of this activity has changed to %s", got)
	}
	seen := map[string]bool{}
	for _, run := range []string{"a", "b", "ab"} {
		for _, activity := range []string{"1", "2", "b1"} {
			seen[fetchID(run, activity)] = true
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d IDs for nine activities", len(seen))
	}
}

// An unusable response is an error, and its body is kept under the ID that the error names.
func TestFetchKeepsARefusedResponse(t *testing.T) {
	t.Parallel()
	raw := []byte("<html>what is this</html>")
	for _, c := range []struct {
		name   string
		source *fakeSource
		want   string
		kept   int
	}{
		{"corrupt", &fakeSource{response: etf.Response{Raw: raw, Request: "GET x"}, err: &etf.Error{Kind: etf.KindCorrupt, Field: "$.chart", Message: "no JSON"}}, TypeSourceCorrupt, 1},
		{"another basis", &fakeSource{response: etf.Response{Raw: raw, Bars: bars(16, friday), Basis: etf.TotalAdjusted}}, TypeSourceMismatch, 1},
		{"corrupt without a body", &fakeSource{err: &etf.Error{Kind: etf.KindCorrupt, Message: "no JSON"}}, TypeSourceCorrupt, 0},
		{"not found", &fakeSource{response: etf.Response{Raw: raw}, err: etf.NotFound("ref", "no such ticker", "")}, TypeSourceNotFound, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newFakeStore()
			store.stored = etf.Stored{Bars: 100, Last: friday - 1, Basis: etf.AsTraded}
			f := &Fetching{Store: store, Source: c.source, Now: clock}
			_, err := do[FetchResult](t, newEnv(t, f), f.Fetch, fetchSPY)
			if typeOf(err) != c.want || len(store.fetches) != c.kept {
				t.Fatalf("%v, %d fetches kept", err, len(store.fetches))
			}
			for id, kept := range store.fetches {
				if kept.Rows != 0 || kept.Basis != etf.BasisUnknown || string(store.responses[id].Raw) != string(raw) || len(store.responses[id].Bars) != 0 {
					t.Errorf("kept %+v", kept)
				}
				if !strings.Contains(err.Error(), id) {
					t.Errorf("the error does not name fetch %s: %v", id, err)
				}
			}
		})
	}
}

// panicking is a source whose adapter has a bug.
type panicking struct{ fakeSource }

func (*panicking) Fetch(context.Context, etf.Query) (etf.Response, error) {
	panic("index out of range")
}

// A panic in an adapter is an error of that source, after which the next source is asked.
func TestFetchPanicIsTheSourcesError(t *testing.T) {
	t.Parallel()
	a := &Fetching{Store: newFakeStore(), Source: &panicking{}, Now: time.Now}
	_, err := do[FetchResult](t, newEnv(t, a), a.Fetch, fetchSPY)
	if typeOf(err) != TypeSourceFault || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("got %v", err)
	}
}

// flakyStore is down whenever down says so, asked once for each attempt of a fetch.
type flakyStore struct {
	*fakeStore
	attempts int
	down     func(attempt int) bool
}

func (s *flakyStore) Stored(ctx context.Context, symbol etf.Symbol) (etf.Stored, error) {
	if s.attempts++; s.down(s.attempts) {
		return etf.Stored{}, &etf.Error{Kind: etf.KindUnavailable, Message: "the database is down"}
	}
	return s.fakeStore.Stored(ctx, symbol)
}

// Attempts that the database lost are not the source's: it still has all of its own.
func TestOutagesCostTheSourceNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		down     func(attempt int) bool
		refusals int // of the source, before it answers
		requests int
		want     string
	}{
		{"then a single refusal", func(n int) bool { return n <= 12 }, 1, 2, ""},
		{"between refusals", func(n int) bool { return n%2 == 1 }, 3, 4, ""},
		{"then only refusals", func(n int) bool { return n <= 12 }, 1000, SourceAttempts, TypeSourceUnavailable},
		{"between only refusals", func(n int) bool { return n%3 != 0 }, 1000, SourceAttempts, TypeSourceUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := &flakyStore{fakeStore: newFakeStore(), down: c.down}
			source := &fakeSource{response: etf.Response{Bars: bars(16, friday), Basis: etf.AsTraded}, failures: c.refusals}
			_, err := retried[FetchResult](t, &Fetching{Store: store, Source: source, Now: clock}, "Fetch", fetchSPY)
			if (err != nil || c.want != "") && typeOf(err) != c.want || source.times != c.requests {
				t.Errorf("%d requests in %d attempts, %v; want %d and %q", source.times, store.attempts, err, c.requests, c.want)
			}
		})
	}
}

// hanging is a source that does not respond until the request is cancelled, and returns the context's error as it is.
type hanging struct{ fakeSource }

func (s *hanging) Fetch(ctx context.Context, _ etf.Query) (etf.Response, error) {
	s.times++
	<-ctx.Done()
	return etf.Response{}, ctx.Err()
}

// A source that does not respond in time has refused.
func TestTimeoutsOfTheSourceAreRefusals(t *testing.T) {
	t.Parallel()
	source := &hanging{}
	a := &Fetching{Store: newFakeStore(), Source: source, Now: clock}
	env := newEnv(t)
	probe := func(ctx context.Context, in FetchInput) (FetchResult, error) {
		// The request's time is the attempt's without saveTime.
		ctx, cancel := context.WithTimeout(ctx, saveTime+50*time.Millisecond)
		defer cancel()
		return a.Fetch(ctx, in)
	}
	env.RegisterActivity(probe)
	_, err := do[FetchResult](t, env, probe, fetchSPY)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != TypeSourceUnavailable || app.NonRetryable() || source.times != 1 {
		t.Errorf("ended with %v after %d requests", err, source.times)
	}
}

// A response that costs too much is refused as the source's error, so that the next source gets its turn.
func TestFetchRefusesWhatCostsTooMuch(t *testing.T) {
	t.Parallel()
	many := func(n int) []etf.Bar {
		bars := make([]etf.Bar, n)
		for i := range bars {
			bars[i] = etf.Bar{Session: friday.AddDays(-i), Close: 1e8}
		}
		return bars
	}
	actions := make([]etf.Action, maxResponseActions+1)
	for i := range actions {
		actions[i] = etf.Action{Kind: etf.Dividend, Ex: friday, Amount: etf.Price(i + 1)}
	}
	for _, c := range []struct {
		name     string
		response etf.Response
		saveErr  error
		want     string // in the message; "" if it is not refused
	}{
		{"bytes", etf.Response{Raw: make([]byte, etf.MaxResponseBytes+1)}, nil, "67108865 bytes; the limit is 67108864"},
		{"rows", etf.Response{Bars: make([]etf.Bar, etf.MaxResponseRows+1)}, nil, "250001 rows; the limit is 250000"},
		{"dates", etf.Response{Bars: many(maxResponseSessions + 1)}, nil, "30001 different dates; the limit is 30000"},
		{"defects", etf.Response{Defects: make([]etf.Defect, etf.MaxResponseDefects+1)}, nil, "10001 unreadable rows; the limit is 10000"},
		{"actions", etf.Response{Actions: actions}, nil, "5001 splits and distributions; the limit is 5000"},
		{"repeated actions", etf.Response{Actions: slices.Repeat(actions[:100], 100)}, nil, ""},
		{"what the store refuses", etf.Response{Bars: many(1)}, etf.Invalid("close", "it does not fit its column", "correct it"), "it does not fit its column"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store := newFakeStore()
			store.err["SaveFetch"] = c.saveErr
			c.response.Basis = etf.AsTraded
			a := &Fetching{Store: store, Source: &fakeSource{response: c.response}, Now: clock}
			got, err := do[FetchResult](t, newEnv(t, a), a.Fetch, fetchSPY)
			if c.want == "" {
				if err != nil || len(store.responses[got.Fetch].Actions) != 100 {
					t.Errorf("%v, %d actions", err, len(store.responses[got.Fetch].Actions))
				}
				return
			}
			var app *temporal.ApplicationError
			if !errors.As(err, &app) || app.Type() != TypeSourceCorrupt || !app.NonRetryable() || !strings.Contains(app.Message(), c.want) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
