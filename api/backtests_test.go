package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// backtests is the backtests of a fakeStore.
type backtests struct {
	runs    []etf.BacktestRun // oldest first
	etfs    []etf.BacktestRunETF
	results map[string][]byte
	known   time.Time
}

func (f *fakeStore) StartBacktest(_ context.Context, r etf.BacktestRequest) (etf.BacktestRun, bool, error) {
	defer f.locked()()
	for i := range f.backtests.runs {
		if b := &f.backtests.runs[i]; b.ID == r.ID() {
			again := b.Status != etf.RunRunning && b.Status != etf.RunCompleted
			if again {
				b.Status = etf.RunRunning
			}
			return *b, again, f.err
		}
	}
	b := etf.BacktestRun{ID: r.ID(), BacktestRequest: r, Status: etf.RunRunning, StartedAt: testNow.Add(time.Duration(len(f.backtests.runs)) * time.Second)}
	f.backtests.runs = append(f.backtests.runs, b)
	return b, true, f.err
}

func (f *fakeStore) Backtest(_ context.Context, id string) (etf.BacktestRun, error) {
	defer f.locked()()
	for _, b := range f.backtests.runs {
		if b.ID == id {
			return b, f.err
		}
	}
	return etf.BacktestRun{}, etf.NotFound("id", "there is no such backtest", "list them")
}

func (f *fakeStore) Backtests(_ context.Context, filter etf.BacktestFilter, after etf.Cursor, limit int) (page []etf.BacktestRun, next etf.Cursor, err error) {
	defer f.locked()()
	for _, b := range slices.Backward(f.backtests.runs) {
		if !after.IsZero() && !b.StartedAt.Before(after.At) || filter.Exchange != "" && b.Exchange != filter.Exchange || len(filter.Statuses) > 0 && !slices.Contains(filter.Statuses, b.Status) {
			continue
		}
		if len(page) == limit {
			return page, etf.Cursor{At: page[limit-1].StartedAt, ID: page[limit-1].ID}, f.err
		}
		page = append(page, b)
	}
	return page, etf.Cursor{}, f.err
}

func (f *fakeStore) OpenBacktests(ctx context.Context, limit int) ([]etf.BacktestRun, error) {
	page, _, err := f.Backtests(ctx, etf.BacktestFilter{Statuses: []etf.BacktestStatus{etf.RunRunning}}, etf.Cursor{}, limit)
	return page, err
}

func (f *fakeStore) BacktestETFs(_ context.Context, _ string, after etf.Symbol, limit int) ([]etf.BacktestRunETF, error) {
	defer f.locked()()
	list := slices.DeleteFunc(slices.Clone(f.backtests.etfs), func(e etf.BacktestRunETF) bool { return e.Symbol <= after })
	return list[:min(limit, len(list))], f.err
}

func (f *fakeStore) BacktestResult(_ context.Context, id string) ([]byte, error) {
	defer f.locked()()
	if body, ok := f.backtests.results[id]; ok {
		return body, f.err
	}
	return nil, etf.NotFound("id", "it has no result", "wait")
}

func (f *fakeStore) CountBacktests(context.Context) (map[etf.BacktestStatus]int, error) {
	defer f.locked()()
	by := map[etf.BacktestStatus]int{}
	for _, b := range f.backtests.runs {
		by[b.Status]++
	}
	return by, f.err
}

func (f *fakeStore) BacktestAttempts(_ context.Context, base string) (int, error) {
	defer f.locked()()
	n := 0
	for _, b := range f.backtests.runs {
		if b.BaseID() == base {
			n = max(n, b.Attempt)
		}
	}
	return n, f.err
}

func (f *fakeStore) NewestKnown(context.Context, etf.Exchange, []etf.Symbol) (time.Time, error) {
	return f.backtests.known, f.err
}

func backtestFixture(t *testing.T) *fixture {
	f := newFixture(t)
	for _, symbol := range []etf.Symbol{"SPY", "QQQ", "OLD"} {
		f.store.etfs[symbol] = etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Bars: 2000, Retired: symbol == "OLD"}
	}
	f.store.etfs["069500"] = etf.ETF{Symbol: "069500", Exchange: etf.XKRX, Currency: "KRW", Bars: 2000}
	f.store.backtests.known = testNow.Add(-time.Hour)
	return f
}

// end ends a backtest as the workflow does.
func (f *fixture) end(id string, status etf.BacktestStatus, result *etf.Backtest) {
	f.t.Helper()
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	for i := range f.store.backtests.runs {
		if b := &f.store.backtests.runs[i]; b.ID == id {
			b.Status, b.FinishedAt = status, testNow
		}
	}
	if result != nil {
		body, err := json.Marshal(result)
		if err != nil {
			f.t.Fatal(err)
		}
		f.store.backtests.results = map[string][]byte{id: body}
	}
	f.temporal.executions[etf.BacktestWorkflowID(id)] = etf.Execution{Status: status}
}

// The same question has the same backtest while it runs and once it is completed; `again` asks anew; a failed one starts again.
func TestCreateBacktest(t *testing.T) {
	f := backtestFixture(t)
	const body = `{"exchange":"XNYS","symbols":["SPY","QQQ","SPY"],"models":["prophet"],"calibrate":true}`
	first := f.post("/v1/backtests", body).want(t, http.StatusAccepted)
	b := decode[gen.Backtest](t, first)
	if b.Status != etf.RunRunning || !slices.Equal(b.Symbols, []etf.Symbol{"QQQ", "SPY"}) || !b.AsOf.Equal(f.store.backtests.known) || b.Options.RefitEvery != 21 ||
		!slices.Equal(b.Options.Models, []string{"drift", "prophet"}) || !slices.Equal(b.Options.Horizons, []int{1, 5, 21}) || first.header.Get("Location") != "/v1/backtests/"+b.Id {
		t.Fatalf("%+v", b)
	}
	same := func(body string) bool {
		t.Helper()
		return decode[gen.Backtest](t, f.post("/v1/backtests", body).want(t, http.StatusAccepted)).Id == b.Id
	}
	asOf := f.store.backtests.known.Format(time.RFC3339)
	if !same(body) || !same(`{"symbols":["QQQ","SPY"],"exchange":"XNYS","models":["drift","prophet"],"horizons":[21,1,5],"origins_every":1,"calibrate":true,"as_of":"`+asOf+`"}`) {
		t.Error("the same question has two backtests")
	}
	f.store.backtests.known = testNow // something is stored
	if same(body) {
		t.Error("other data have the same backtest")
	}
	// Two are running.
	f.post("/v1/backtests", `{"exchange":"XKRX"}`).wantProblem(t, http.StatusConflict, "body")
	f.end(b.Id, etf.RunFailed, nil)
	if !same(`{"symbols":["QQQ","SPY"],"exchange":"XNYS","models":["prophet"],"calibrate":true,"as_of":"` + asOf + `"}`) {
		t.Error("a failed backtest is not started again under its ID")
	}
	if x := f.temporal.executions[b.WorkflowId]; x.Status != etf.RunRunning {
		t.Errorf("its workflow is %s", x.Status)
	}
	f.end(b.Id, etf.RunCompleted, &etf.Backtest{})
	if same(`{"again":true,"symbols":["QQQ","SPY"],"exchange":"XNYS","models":["prophet"],"calibrate":true,"as_of":"` + asOf + `"}`) {
		t.Error("asked again, it is the first")
	}
	// Retired ETFs are measured, and those of several exchanges.
	for i := range f.store.backtests.runs {
		f.end(f.store.backtests.runs[i].ID, etf.RunCancelled, nil)
	}
	other := decode[gen.Backtest](t, f.post("/v1/backtests", `{"symbols":["OLD","069500"],"from":"2020-01-02","to":"2024-12-31","expect_signal":"simulated"}`).want(t, http.StatusAccepted))
	if other.Exchange != nil || other.Options.From.String() != "2020-01-02" || other.Options.ExpectSignal != "simulated" {
		t.Errorf("%+v", other)
	}
}

// How far a backtest is can be asked while all heavy reads are taken; its result waits for its turn.
func TestPollBacktest(t *testing.T) {
	for path, want := range map[string]bool{"/v1/backtests/:id": false, "/v1/backtests/:id/report": true} {
		e := echo.New()
		c := e.NewContext(httptest.NewRequest(http.MethodGet, "/?limit=1000", nil), httptest.NewRecorder())
		c.SetPath(path)
		if heavy(c) != want {
			t.Errorf("%s is a heavy read: %v", path, !want)
		}
	}
}

// A start that failed between the record and Temporal is completed by a repeat.
func TestCreateBacktestTwice(t *testing.T) {
	f := backtestFixture(t)
	f.temporal.err = &etf.Error{Kind: etf.KindUnavailable, Message: "Temporal is away"}
	f.post("/v1/backtests", `{"symbols":["SPY"]}`).want(t, http.StatusServiceUnavailable)
	f.temporal.err = nil
	b := decode[gen.Backtest](t, f.post("/v1/backtests", `{"symbols":["SPY"]}`).want(t, http.StatusAccepted))
	if len(f.store.backtests.runs) != 1 || f.temporal.executions[b.WorkflowId].Status != etf.RunRunning {
		t.Errorf("%d backtests, workflow %q", len(f.store.backtests.runs), f.temporal.executions[b.WorkflowId].Status)
	}
}

func TestCreateBacktestRefused(t *testing.T) {
	f := backtestFixture(t)
	for body, field := range map[string]string{
		`{}`:                                                                     "exchange",
		`{"exchange":"XPAR"}`:                                                    "exchange",
		`{"exchange":""}`:                                                        "exchange",
		`{"symbols":[]}`:                                                         "symbols",
		`{"symbols":["SPY","NONE"]}`:                                             "symbols[1]",
		`{"exchange":"XKRX","symbols":["SPY"]}`:                                  "symbols[0]",
		`{"symbols":["spy"]}`:                                                    "symbols[0]",
		`{"symbols":["SPY"],"models":["lstm"]}`:                                  "models",
		`{"symbols":["SPY"],"models":["drift","drift"]}`:                         "models",
		`{"symbols":["SPY"],"models":[]}`:                                        "models",
		`{"symbols":["SPY"],"horizons":[0]}`:                                     "horizons",
		`{"symbols":["SPY"],"horizons":[22]}`:                                    "horizons",
		`{"symbols":["SPY"],"horizons":[]}`:                                      "horizons",
		`{"symbols":["SPY"],"origins_every":0}`:                                  "origins_every",
		`{"symbols":["SPY"],"refit_every":-1}`:                                   "refit_every",
		`{"symbols":["SPY"],"refit_every":20000}`:                                "refit_every",
		`{"symbols":["SPY"],"from":"2025-02-30"}`:                                "from",
		`{"symbols":["SPY"],"from":"2025-01-02","to":"2024-01-02"}`:              "from",
		`{"symbols":["SPY"],"as_of":"yesterday"}`:                                "as_of",
		`{"symbols":["SPY"],"as_of":"2199-01-01T00:00:00Z"}`:                     "as_of",
		`{"symbols":["SPY"],"expect_signal":"` + strings.Repeat("x", 501) + `"}`: "expect_signal",
		`{"symbols":["SPY"],"nonsense":1}`:                                       "nonsense",
	} {
		f.post("/v1/backtests", body).wantProblem(t, http.StatusBadRequest, field)
	}
	spy := f.store.etfs["SPY"]
	spy.Bars = 2_000_000
	f.store.etfs["SPY"] = spy
	f.post("/v1/backtests", `{"symbols":["SPY"]}`).wantProblem(t, http.StatusBadRequest, "origins_every")
	f.store.backtests.known = time.Time{}
	f.post("/v1/backtests", `{"symbols":["QQQ"]}`).wantProblem(t, http.StatusBadRequest, "symbols")
	if len(f.store.backtests.runs) > 0 || len(f.temporal.executions) > 0 {
		t.Error("a refused request has started something")
	}
}

func TestGetBacktest(t *testing.T) {
	f := backtestFixture(t)
	b := decode[gen.Backtest](t, f.post("/v1/backtests", `{"symbols":["SPY","QQQ"]}`).want(t, http.StatusAccepted))
	path := "/v1/backtests/" + b.Id
	f.store.backtests.etfs = []etf.BacktestRunETF{{Symbol: "QQQ", Exchange: etf.XNYS, DataVersion: 3, Done: true, Error: "too short"}, {Symbol: "SPY", Exchange: etf.XNYS, DataVersion: 4}}
	got := decode[gen.BacktestDetail](t, f.get(path).want(t, http.StatusOK))
	if got.Result != nil || len(got.Etfs.Items) != 2 || *got.Etfs.Items[0].Error != "too short" || got.Links.Report != nil {
		t.Errorf("running: %+v", got)
	}
	page := decode[gen.BacktestDetail](t, f.get(path+"?limit=1").want(t, http.StatusOK))
	if page.Etfs.NextCursor == nil {
		t.Fatal("no cursor")
	}
	if page = decode[gen.BacktestDetail](t, f.get(path+"?limit=1&cursor="+*page.Etfs.NextCursor).want(t, http.StatusOK)); len(page.Etfs.Items) != 1 || page.Etfs.Items[0].Symbol != "SPY" || page.Etfs.NextCursor != nil {
		t.Errorf("%+v", page.Etfs)
	}
	f.get(path+"/report").wantProblem(t, http.StatusNotFound, "id")
	// Terminated in Temporal, and never recorded.
	f.temporal.executions[b.WorkflowId] = etf.Execution{Status: etf.RunTerminated, StartedAt: testNow, FinishedAt: testNow}
	if got := decode[gen.BacktestDetail](t, f.get(path).want(t, http.StatusOK)); got.Status != etf.RunTerminated {
		t.Errorf("terminated: %s", got.Status)
	}
	rel := .97
	f.end(b.Id, etf.RunCompleted, &etf.Backtest{Results: []etf.BacktestResult{{ETF: "SPY", Exchange: etf.XNYS, Model: "drift", Horizon: 1, N: 9, RelMAE: &rel, Served: true,
		From: etf.MustSession("2024-01-02"), To: etf.MustSession("2025-01-02")}}})
	if got = decode[gen.BacktestDetail](t, f.get(path).want(t, http.StatusOK)); got.Result == nil || len(got.Result.Results) != 1 || *got.Result.Results[0].RelMAE != .97 || got.Result.Leaks == nil || *got.Links.Report != path+"/report" {
		t.Errorf("completed: %+v", got)
	}
	report := f.get(path+"/report?lang=ko").want(t, http.StatusOK)
	if policy := report.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || report.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%v", report.header)
	}
	f.get(path+"/report?lang=de").wantProblem(t, http.StatusBadRequest, "lang")
	f.get("/v1/backtests/ab").wantProblem(t, http.StatusBadRequest, "id")
	f.get("/v1/backtests/"+strings.Repeat("0", 32)).wantProblem(t, http.StatusNotFound, "id")
}

func TestCancelBacktest(t *testing.T) {
	f := backtestFixture(t)
	b := decode[gen.Backtest](t, f.post("/v1/backtests", `{"exchange":"XNYS"}`).want(t, http.StatusAccepted))
	path := "/v1/backtests/" + b.Id + "/cancel"
	f.post(path, "").want(t, http.StatusAccepted)
	f.post(path, "").want(t, http.StatusAccepted)
	if !slices.Equal(f.temporal.cancelled, []string{b.WorkflowId, b.WorkflowId}) {
		t.Errorf("%v", f.temporal.cancelled)
	}
	f.end(b.Id, etf.RunCancelled, nil)
	f.post(path, "").wantProblem(t, http.StatusConflict, "id")
	f.post("/v1/backtests/"+strings.Repeat("0", 32)+"/cancel", "").wantProblem(t, http.StatusNotFound, "id")
}

func TestListBacktests(t *testing.T) {
	f := backtestFixture(t)
	ids := make([]string, 3)
	for i, body := range []string{`{"symbols":["SPY"]}`, `{"exchange":"XKRX"}`, `{"exchange":"XNYS"}`} {
		ids[i] = decode[gen.Backtest](t, f.post("/v1/backtests", body).want(t, http.StatusAccepted)).Id
		if i < 2 {
			f.end(ids[i], etf.RunCompleted, nil)
		}
	}
	list := func(query string) (got []string, next string) {
		t.Helper()
		page := decode[gen.BacktestList](t, f.get("/v1/backtests"+query).want(t, http.StatusOK))
		for _, b := range page.Items {
			got = append(got, b.Id)
		}
		if page.NextCursor != nil {
			next = *page.NextCursor
		}
		return got, next
	}
	got, next := list("?limit=2")
	if !slices.Equal(got, []string{ids[2], ids[1]}) || next == "" {
		t.Errorf("%v, %q", got, next)
	}
	if got, next = list("?limit=2&cursor=" + next); !slices.Equal(got, ids[:1]) || next != "" {
		t.Errorf("%v, %q", got, next)
	}
	if got, _ = list("?status=running"); !slices.Equal(got, ids[2:]) {
		t.Errorf("running: %v", got)
	}
	if got, _ = list("?exchange=XKRX&status=completed"); !slices.Equal(got, ids[1:2]) {
		t.Errorf("completed of XKRX: %v", got)
	}
	f.get("/v1/backtests?status=done&exchange=X").wantProblem(t, http.StatusBadRequest, "exchange", "status")
}
