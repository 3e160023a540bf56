package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// backfills is the backfills of a fakeStore.
type backfills struct {
	list   []etf.Backfill // oldest first
	etfs   []etf.BackfillETF
	stored map[etf.Symbol][]etf.Session
	asked  map[etf.Symbol][]etf.BackfillWindow
}

func (f *fakeStore) StartBackfill(_ context.Context, r etf.BackfillRequest, more bool) (etf.Backfill, bool, error) {
	defer f.locked()()
	for i := range f.backfills.list {
		if b := &f.backfills.list[i]; b.ID == r.ID() {
			again := b.Status != etf.RunRunning && (more || b.Status != etf.RunCompleted)
			if again {
				b.Status = etf.RunRunning
			}
			return *b, again, f.err
		}
	}
	b := etf.Backfill{ID: r.ID(), BackfillRequest: r, Status: etf.RunRunning, StartedAt: testNow.Add(-time.Minute + time.Duration(len(f.backfills.list))*time.Second)}
	f.backfills.list = append(f.backfills.list, b)
	return b, true, f.err
}

func (f *fakeStore) Backfill(_ context.Context, id string) (etf.Backfill, error) {
	defer f.locked()()
	for _, b := range f.backfills.list {
		if b.ID == id {
			return b, f.err
		}
	}
	return etf.Backfill{}, etf.NotFound("id", "there is no such backfill", "list them")
}

func (f *fakeStore) Backfills(_ context.Context, filter etf.BackfillFilter, after etf.Cursor, limit int) (page []etf.Backfill, next etf.Cursor, err error) {
	defer f.locked()()
	for _, b := range slices.Backward(f.backfills.list) {
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

func (f *fakeStore) OpenBackfills(ctx context.Context, limit int) ([]etf.Backfill, error) {
	page, _, err := f.Backfills(ctx, etf.BackfillFilter{Statuses: []etf.RunStatus{etf.RunRunning}}, etf.Cursor{}, limit)
	return page, err
}

func (f *fakeStore) BackfillETFs(_ context.Context, _ string, after etf.Symbol, limit int) ([]etf.BackfillETF, error) {
	defer f.locked()()
	list := slices.DeleteFunc(slices.Clone(f.backfills.etfs), func(e etf.BackfillETF) bool { return e.Symbol <= after })
	return list[:min(limit, len(list))], f.err
}

func (f *fakeStore) CountBackfills(context.Context) (map[etf.RunStatus]int, error) {
	defer f.locked()()
	by := map[etf.RunStatus]int{}
	for _, b := range f.backfills.list {
		by[b.Status]++
	}
	return by, f.err
}

func (f *fakeStore) BackfillAttempts(_ context.Context, base string) (int, error) {
	defer f.locked()()
	n := 0
	for _, b := range f.backfills.list {
		if b.BaseID() == base {
			n = max(n, b.Attempt)
		}
	}
	return n, f.err
}

func (f *fakeStore) StoredSessions(_ context.Context, symbol etf.Symbol, w etf.Window) ([]etf.Session, error) {
	return slices.DeleteFunc(slices.Clone(f.backfills.stored[symbol]), func(s etf.Session) bool { return s < w.From || s > w.To }), f.err
}

func (f *fakeStore) AskedWindows(_ context.Context, symbol etf.Symbol) ([]etf.BackfillWindow, error) {
	return f.backfills.asked[symbol], f.err
}

func (f *fakeTemporal) StartBackfill(_ context.Context, in workflows.BackfillInput) (bool, error) {
	defer f.locked()()
	if f.err != nil {
		return false, f.err
	}
	if f.closing > 0 {
		f.closing--
		return false, nil
	}
	id := etf.BackfillWorkflowID(in.ID)
	if x, there := f.executions[id]; there && (x.Status == etf.RunRunning || x.Status == etf.RunCompleted) {
		return false, nil
	}
	f.executions[id] = etf.Execution{Status: etf.RunRunning, StartedAt: f.now()}
	return true, nil
}

func (f *fakeTemporal) PauseBackfill(_ context.Context, id string) error { return f.tell(id, "pause") }
func (f *fakeTemporal) ResumeBackfill(_ context.Context, id string) error {
	return f.tell(id, "resume")
}

func (f *fakeTemporal) tell(id, what string) error {
	defer f.locked()()
	if f.err != nil {
		return f.err
	}
	if x := f.executions[etf.BackfillWorkflowID(id)]; x.Status != etf.RunRunning {
		return etf.NotFound("id", "no such workflow is running", "")
	}
	f.told = append(f.told, what+" "+id)
	return nil
}

func backfillFixture(t *testing.T) *fixture {
	f := newFixture(t)
	for _, symbol := range []etf.Symbol{"SPY", "QQQ", "OLD"} {
		f.store.etfs[symbol] = etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "yahoo", Ref: string(symbol)}}, Retired: symbol == "OLD"}
	}
	return f
}

// endBackfill ends a backfill as the workflow does.
func (f *fixture) endBackfill(id string, status etf.RunStatus) {
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	for i := range f.store.backfills.list {
		if b := &f.store.backfills.list[i]; b.ID == id {
			b.Status, b.FinishedAt = status, testNow
		}
	}
	f.temporal.executions[etf.BackfillWorkflowID(id)] = etf.Execution{Status: status}
}

// startBackfill asks for a backfill and returns the one that was started or found.
func (f *fixture) startBackfill(body string) gen.Backfill {
	f.t.Helper()
	return decode[gen.Backfill](f.t, f.post("/v1/backfills", body).want(f.t, http.StatusAccepted))
}

// The same request finds the same backfill while it runs and once it is completed; one that failed starts again, and `again` asks anew.
func TestCreateBackfill(t *testing.T) {
	f := backfillFixture(t)
	const body = `{"exchange":"XNYS","symbols":["SPY","QQQ","SPY"],"from":"2005-01-03","to":"2020-06-30"}`
	first := f.post("/v1/backfills", body).want(t, http.StatusAccepted)
	b := decode[gen.Backfill](t, first)
	if b.Status != etf.RunRunning || !slices.Equal(b.Symbols, []etf.Symbol{"QQQ", "SPY"}) || b.From.String() != "2005-01-03" || b.To.String() != "2020-06-30" ||
		b.Run != "backfill:"+b.Id || b.WorkflowId != "backfill/"+b.Id || first.header.Get("Location") != "/v1/backfills/"+b.Id || b.Attempt != 1 {
		t.Fatalf("%+v", b)
	}
	if got := f.startBackfill(strings.Replace(body, `"SPY","QQQ","SPY"`, `"QQQ","SPY"`, 1)); got.Id != b.Id {
		t.Error("the same request has two backfills")
	}
	other := f.startBackfill(`{"exchange":"XNYS","refetch":true}`)
	if other.Id == b.Id || !other.Refetch {
		t.Errorf("%+v", other)
	}
	f.post("/v1/backfills", `{"exchange":"XKRX","from":"2020-01-02"}`).wantProblem(t, http.StatusConflict, "body")
	f.endBackfill(other.Id, etf.RunCompleted)
	f.endBackfill(b.Id, etf.RunCancelled)
	f.temporal.closing = 2 // its workflow has recorded its end, and is about to close
	if got := f.startBackfill(body); got.Id != b.Id || got.Status != etf.RunRunning || f.temporal.executions[b.WorkflowId].Status != etf.RunRunning {
		t.Errorf("a cancelled one is not started again: %+v", got)
	}
	f.endBackfill(b.Id, etf.RunCompleted)
	f.store.backfills.etfs = []etf.BackfillETF{{Symbol: "QQQ", StillMissing: 4000}, {Symbol: "SPY", StillMissing: 4000}} // fewer sessions were held
	if got := f.startBackfill(body); got.Id != b.Id || got.Status != etf.RunCompleted {
		t.Errorf("%+v", got)
	}
	if got := f.startBackfill(strings.Replace(body, "{", `{"again":true,`, 1)); got.Id == b.Id || got.Attempt != 2 {
		t.Errorf("asked again, it is %+v", got)
	}
}

// A completed backfill is no answer for an ETF that was not there, or not under that symbol, when it was planned: it goes on with that.
func TestCreateBackfillWithMore(t *testing.T) {
	for _, body := range []string{`{"exchange":"XNYS","from":"2025-09-02","to":"2025-09-05"}`, `{"exchange":"XNYS","symbols":["QQQ","SPY"],"from":"2025-09-02","to":"2025-09-05"}`} {
		f := backfillFixture(t)
		id := f.startBackfill(body).Id
		week := []etf.Session{etf.MustSession("2025-09-02"), etf.MustSession("2025-09-03"), etf.MustSession("2025-09-04"), etf.MustSession("2025-09-05")}
		f.store.backfills.etfs = []etf.BackfillETF{{Symbol: "QQQ", Status: etf.RunCompleted, Sessions: 4}, {Symbol: "SPY", Status: etf.RunCompleted, Sessions: 4}}
		f.store.backfills.stored = map[etf.Symbol][]etf.Session{"QQQ": week, "SPY": week}
		f.endBackfill(id, etf.RunCompleted)
		if got := f.startBackfill(body).Status; got != etf.RunCompleted {
			t.Errorf("%s: nothing is missing, but it is %s", body, got)
		}
		// SPY is the symbol of another ETF now, of which nothing is stored.
		spy := f.store.etfs["SPY"]
		spy.CreatedAt = testNow
		f.store.etfs["SPY"] = spy
		f.store.backfills.stored["SPY"] = nil
		if got := f.startBackfill(body).Status; got != etf.RunRunning {
			t.Errorf("%s: an ETF is missing, but it is %s", body, got)
		}
	}
	f := backfillFixture(t)
	const all = `{"exchange":"XNYS","from":"2025-09-02","to":"2025-09-05","source":"yahoo"}`
	id := f.startBackfill(all).Id
	f.store.backfills.etfs = []etf.BackfillETF{{Symbol: "QQQ", Status: etf.RunCompleted}, {Symbol: "SPY", Status: etf.RunCompleted}}
	f.endBackfill(id, etf.RunCompleted)
	for _, c := range []struct {
		symbol etf.Symbol
		source string
		want   etf.RunStatus
	}{{"NEWF", "file", etf.RunCompleted}, {"NEW", "yahoo", etf.RunRunning}} {
		f.store.etfs[c.symbol] = etf.ETF{Symbol: c.symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: c.source}}, CreatedAt: testNow}
		if got := f.startBackfill(all); got.Id != id || got.Status != c.want {
			t.Errorf("with %s of %s it is %s", c.symbol, c.source, got.Status)
		}
	}
}

func TestCreateBackfillRefuses(t *testing.T) {
	f := backfillFixture(t)
	for body, field := range map[string]string{
		`{"exchange":"XNYS"}`: "from",
		`{"exchange":"XNYS","from":"2005-01-03","to":"2004-01-05"}`:                      "to",
		`{"exchange":"XNYS","from":"2005-01-03","to":"2040-01-05"}`:                      "to",
		`{"exchange":"XNYS","from":"2040-01-03"}`:                                        "from",
		`{"exchange":"XNYS","from":"2005-13-03"}`:                                        "from",
		`{"exchange":"XNYS","from":"1950-01-03"}`:                                        "from",
		`{"exchange":"XNYS","from":"2005-01-01","to":"2005-01-02"}`:                      "from",
		`{"exchange":"XNYS","from":"2005-01-03","refetch":true}`:                         "refetch",
		`{"exchange":"XNYS","from":"2005-01-03","source":"nosuch"}`:                      "source",
		`{"exchange":"XNYS","from":"2005-01-03","symbols":["SPY"],"source":"simulated"}`: "symbols[0]",
		`{"exchange":"XNYS","from":"2005-01-03","symbols":["NONE"]}`:                     "symbols[0]",
		`{"exchange":"XKRX","from":"2005-01-03","symbols":["SPY"]}`:                      "symbols[0]",
		`{"exchange":"XNYS","from":"2005-01-03","source":""}`:                            "source",
		`{"from":"2005-01-03"}`:                                                          "exchange",
	} {
		f.post("/v1/backfills", body).wantProblem(t, http.StatusBadRequest, field)
	}
	p := f.post("/v1/backfills", `{"exchange":"XKRX","from":"2005-01-03","symbols":["SPY"]}`).wantProblem(t, http.StatusBadRequest, "symbols[0]")
	if remedy := (*p.Errors)[0].Remedy; *remedy != "name exchange XNYS, or leave the symbol out" {
		t.Error(*remedy)
	}
	if len(f.store.backfills.list) > 0 {
		t.Errorf("recorded: %+v", f.store.backfills.list)
	}
}

// Pausing, resuming and cancelling reach the workflow, and are refused once it has ended.
func TestTellBackfill(t *testing.T) {
	f := backfillFixture(t)
	b := f.startBackfill(`{"exchange":"XNYS","from":"2005-01-03"}`)
	path := "/v1/backfills/" + b.Id
	if got := decode[gen.Backfill](t, f.post(path+"/pause", "").want(t, http.StatusAccepted)); !got.Paused || got.Status != etf.RunRunning {
		t.Errorf("%+v", got)
	}
	if got := decode[gen.Backfill](t, f.post(path+"/resume", "").want(t, http.StatusAccepted)); got.Paused {
		t.Errorf("%+v", got)
	}
	f.post(path+"/cancel", "").want(t, http.StatusAccepted)
	if want := []string{"pause " + b.Id, "resume " + b.Id}; !slices.Equal(f.temporal.told, want) || !slices.Contains(f.temporal.cancelled, b.WorkflowId) {
		t.Errorf("told %q, cancelled %q", f.temporal.told, f.temporal.cancelled)
	}
	f.endBackfill(b.Id, etf.RunCancelled)
	for _, what := range []string{"/pause", "/resume", "/cancel"} {
		f.post(path+what, "").wantProblem(t, http.StatusConflict, "id")
		f.post("/v1/backfills/"+strings.Repeat("0", 32)+what, "").wantProblem(t, http.StatusNotFound, "id")
	}
}

// A backfill is shown with its pace, what it waits for and a page of its ETFs; a terminated one does not stay running.
func TestGetBackfill(t *testing.T) {
	f := backfillFixture(t)
	started := f.startBackfill(`{"exchange":"XNYS","from":"2005-01-03"}`)
	id := started.Id
	if started.Pace.Percent != 0 { // it is not known yet what is missing
		t.Errorf("%+v", started.Pace)
	}
	f.store.backfills.etfs = []etf.BackfillETF{
		{Symbol: "QQQ", Status: etf.RunFailed, Sessions: 10, Error: "yahoo: no such symbol"}, {Symbol: "SPY", Status: etf.RunRunning, Sessions: 90},
	}
	b := &f.store.backfills.list[0]
	b.Counts = etf.BackfillCounts{ETFs: 2, ETFsDone: 1, ETFsFailed: 1, Sessions: 100, SessionsDone: 30}
	b.WaitsFor, b.WaitsUntil = "the daily quota of yahoo", testNow.Add(time.Hour)
	got := decode[gen.BackfillDetail](t, f.get("/v1/backfills/"+id+"?limit=1").want(t, http.StatusOK))
	// 30 sessions in the minute since the start, 70 to come: 140 s.
	if got.Pace.Percent != 30 || got.Pace.SessionsPerS != 0.5 || got.Pace.LeftS != 140 || *got.WaitsFor != b.WaitsFor || len(got.Etfs.Items) != 1 || got.Etfs.NextCursor == nil {
		t.Errorf("%+v", got)
	}
	rest := decode[gen.BackfillDetail](t, f.get("/v1/backfills/"+id+"?limit=1&cursor="+*got.Etfs.NextCursor).want(t, http.StatusOK))
	if len(rest.Etfs.Items) != 1 || rest.Etfs.Items[0].Symbol != "SPY" || rest.Etfs.NextCursor != nil {
		t.Errorf("%+v", rest.Etfs)
	}
	f.temporal.executions[etf.BackfillWorkflowID(id)] = etf.Execution{Status: etf.RunTerminated, StartedAt: testNow}
	if got := decode[gen.BackfillDetail](t, f.get("/v1/backfills/"+id).want(t, http.StatusOK)); got.Status != etf.RunTerminated {
		t.Errorf("a terminated one is %s", got.Status)
	}
	list := decode[gen.BackfillList](t, f.get("/v1/backfills?exchange=XNYS&status=terminated").want(t, http.StatusOK))
	if len(list.Items) != 1 {
		t.Errorf("%+v", list)
	}
	f.get("/v1/backfills/xyz").wantProblem(t, http.StatusBadRequest, "id")
	f.get("/v1/backfills?status=odd").wantProblem(t, http.StatusBadRequest, "status")
}

// Gaps are paged by ETF and session, split where sources have been asked in vain, and don't reach beyond an ETF's listing.
func TestListGaps(t *testing.T) {
	f := backfillFixture(t)
	day := etf.MustSession
	spy := f.store.etfs["SPY"]
	spy.Listed, spy.First, spy.Last = day("2025-09-02"), day("2025-09-05"), day("2025-09-10")
	f.store.etfs["SPY"] = spy
	qqq := f.store.etfs["QQQ"]
	qqq.First, qqq.Last, qqq.Delisted = day("2025-09-02"), day("2025-09-05"), day("2025-09-09")
	f.store.etfs["QQQ"] = qqq
	f.store.backfills.stored = map[etf.Symbol][]etf.Session{
		"SPY": {day("2025-09-05"), day("2025-09-10")}, "QQQ": {day("2025-09-02"), day("2025-09-03"), day("2025-09-04"), day("2025-09-05")},
	}
	f.store.backfills.asked = map[etf.Symbol][]etf.BackfillWindow{"SPY": {
		{Source: "yahoo", Window: etf.Window{From: day("2025-09-02"), To: day("2025-09-02")}, AskedAt: testNow},
		{Source: "yahoo", Window: etf.Window{From: day("2025-09-03"), To: day("2025-09-03")}, AskedAt: testNow},
		{Source: "yahoo", Window: etf.Window{From: day("2025-09-08"), To: day("2025-09-09")}, AskedAt: testNow, ErrorType: "SourceDenied"},
	}}
	// The sessions are those of September 2025: the 1st was Labor Day, the 6th and 7th a weekend.
	want := []string{"QQQ 2025-09-08 2025-09-09 2 after", "SPY 2025-09-02 2025-09-03 2 before asked", "SPY 2025-09-04 2025-09-04 1 before", "SPY 2025-09-08 2025-09-09 2 between"}
	var got []string
	for path := "/v1/gaps?limit=1&to=2025-09-10"; ; {
		page := decode[gen.GapList](t, f.get(path).want(t, http.StatusOK))
		for _, g := range page.Items {
			line := strings.Join([]string{string(g.Symbol), g.From.String(), g.To.String(), string(rune('0' + g.Sessions)), g.Place}, " ")
			if g.Asked != nil {
				line += " asked"
			}
			if g.Unreachable {
				line += " unreachable"
			}
			got = append(got, line)
		}
		if page.NextCursor == nil {
			break
		}
		path = "/v1/gaps?limit=1&to=2025-09-10&cursor=" + *page.NextCursor
	}
	if !slices.Equal(got, want) {
		t.Errorf("gaps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if page := decode[gen.GapList](t, f.get("/v1/gaps?symbol=SPY&from=2025-09-04&to=2025-09-05").want(t, http.StatusOK)); len(page.Items) != 1 {
		t.Errorf("%+v", page)
	}
	qqq.Sources = []etf.SourceRef{{Name: "alphavantage", Ref: "QQQ"}} // the newest 100 sessions
	f.store.etfs["QQQ"] = qqq
	page := decode[gen.GapList](t, f.get("/v1/gaps?symbol=QQQ&from=2024-09-03&to=2025-09-10").want(t, http.StatusOK))
	if n := len(page.Items); n != 3 || !page.Items[0].Unreachable || page.Items[1].Unreachable || page.Items[2].Unreachable {
		t.Errorf("beyond every source: %+v", page)
	}
	f.get("/v1/gaps?symbol=NONE").wantProblem(t, http.StatusNotFound, "symbol")
	f.get("/v1/gaps?from=2025-09-05&to=2025-09-04").wantProblem(t, http.StatusBadRequest, "to")
	f.get("/v1/gaps?cursor=x").wantProblem(t, http.StatusBadRequest, "cursor")
}
