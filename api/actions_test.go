package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

func (f *fakeStore) ActionsAt(_ context.Context, symbol etf.Symbol, version int64) ([]etf.StatedAction, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []etf.StatedAction
	for _, a := range f.actions {
		if a.Symbol == symbol && a.DataVersion <= version && (a.SupersededBy == 0 || a.SupersededBy > version) {
			list = append(list, a)
		}
	}
	return list, f.err
}

func (f *fakeStore) ActionStates(_ context.Context, id string) ([]etf.StatedAction, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []etf.StatedAction
	for _, a := range f.actions {
		if a.ID == id {
			list = append(list, a)
		}
	}
	if f.err == nil && len(list) == 0 {
		return nil, etf.NotFound("id", "there is no action", "list the actions")
	}
	return list, f.err
}

func (f *fakeStore) ActionDecided(_ context.Context, _, key string) (etf.StatedAction, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.keys[key]
	if !ok {
		return a, etf.NotFound("key", "no decision", "")
	}
	return a, f.err
}

func (f *fakeStore) ActionsByEx(_ context.Context, filter etf.ActionFilter, afterEx etf.Session, afterID string, limit int) ([]etf.StatedAction, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var page []etf.StatedAction
	for _, a := range f.actions { // in order of ex-date and ID
		after := a.Ex > afterEx || a.Ex == afterEx && a.ID > afterID
		if after && a.Ex >= filter.From && a.Ex <= filter.To && (filter.Status == "" || a.Status == filter.Status) && a.SupersededBy == 0 && len(page) < limit {
			page = append(page, a)
		}
	}
	return page, f.err
}

// apply stores the state that a decision leads to.
func (f *fakeStore) apply(d etf.ActionDecision) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := etf.StatedAction{ID: d.Action, Symbol: d.Symbol, Source: etf.SourcePerson}
	for i := range f.actions {
		if a := &f.actions[i]; a.ID == d.Action && a.SupersededBy == 0 {
			s, a.SupersededBy, a.KnownTo = *a, 9, time.Now()
		}
	}
	if d.Add != nil {
		s.Action = *d.Add
	}
	s.Status, s.By, s.Why, s.DataVersion = d.Status, d.By, d.Why, 9
	f.actions = append(f.actions, s)
	if f.keys == nil {
		f.keys = map[string]etf.StatedAction{}
	}
	f.keys[d.Key] = s
}

func (f *fakeTemporal) DecideAction(_ context.Context, in workflows.DecideActionInput, d etf.ActionDecision) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.decided = append(f.decided, d)
	if f.onDecide != nil && in.Action == d.Action && in.Symbol == d.Symbol {
		f.onDecide(d)
	}
	return nil
}

func TestActions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY", "QQQ")
	split := etf.Action{Kind: etf.Split, Ex: etf.MustSession("2025-09-24"), Numerator: 4, Denominator: 1}
	paid := etf.Action{Kind: etf.Dividend, Ex: etf.MustSession("2025-09-25"), Amount: etf.MustPrice("0.71"), Pay: etf.MustSession("2025-10-02")}
	stated := func(symbol etf.Symbol, a etf.Action, status etf.ActionStatus) etf.StatedAction {
		return etf.StatedAction{ID: etf.ActionID(symbol, a, "yahoo"), Symbol: symbol, Action: a, Source: "yahoo", Status: status, By: "source:yahoo", DataVersion: 3}
	}
	f.store.actions = []etf.StatedAction{stated("SPY", split, etf.Proposed), stated("SPY", paid, etf.Accepted), stated("QQQ", etf.Action{Kind: etf.Dividend, Ex: etf.MustSession("2025-09-26"), Amount: 1e8}, etf.Accepted)}
	get := func(path string) string {
		t.Helper()
		r := f.send("GET", path, "")
		if r.status != 200 {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		return string(r.body)
	}
	list := get("/v1/etfs/SPY/actions")
	for _, want := range []string{`"ratio":"4:1"`, `"amount":0.71`, `"pay":"2025-10-02"`, `"record":null`, `"status":"proposed"`, `"superseded_by":null`, `"decided_by":"source:yahoo"`} {
		if !strings.Contains(list, want) {
			t.Errorf("%s lacks %s", list, want)
		}
	}
	if only := get("/v1/etfs/SPY/actions?status=accepted"); strings.Contains(only, "4:1") || !strings.Contains(only, "0.71") {
		t.Error(only)
	}
	// The calendar, page by page.
	path, pages := "/v1/actions?from=2025-09-25&to=2025-09-30&limit=1", 0
	for cursor := ""; ; pages++ {
		var page struct {
			Items []struct{ Ex string }
			Next  *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(get(path+cursor)), &page); err != nil || len(page.Items) != 1 {
			t.Fatal(err, page)
		}
		if page.Next == nil {
			break
		}
		cursor = "&cursor=" + *page.Next
	}
	if pages != 1 {
		t.Errorf("%d more pages", pages)
	}
	// A decision that a worker applies, and a repeat of it.
	f.temporal.onDecide = f.store.apply
	id := f.store.actions[0].ID
	body := `{"decision":"accept","by":"kim","why":"the fund's notice","key":"k1"}`
	for range 2 {
		r := f.send("POST", "/v1/actions/"+id+"/decision", body, header("Content-Type", "application/json"))
		if r.status != 200 || !strings.Contains(string(r.body), `"status":"accepted"`) || !strings.Contains(string(r.body), `"decided_by":"kim"`) {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if len(f.temporal.decided) != 1 || f.temporal.decided[0].Symbol != "SPY" {
		t.Errorf("%+v", f.temporal.decided)
	}
	if detail := get("/v1/actions/" + id); strings.Count(detail, `"decided_by"`) != 3 { // the current state, and both states
		t.Error(detail)
	}
	r := f.send("POST", "/v1/actions/"+id+"/decision", strings.Replace(body, "accept", "reject", 1), header("Content-Type", "application/json"))
	if r.status != 409 {
		t.Errorf("%d %s", r.status, r.body)
	}
	r = f.send("POST", "/v1/etfs/QQQ/actions", `{"kind":"split","ex":"2025-09-22","ratio":"8:2","by":"kim","why":"notice"}`, header("Content-Type", "application/json"))
	if r.status != 200 || !strings.Contains(string(r.body), `"ratio":"4:1"`) || !strings.Contains(string(r.body), `"source":"person"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, c := range []struct {
		method, path, body, want string
		status                   int
	}{
		{"GET", "/v1/etfs/NONE/actions", "", "symbol", 404},
		{"GET", "/v1/etfs/SPY/actions?status=open", "", "status", 400},
		{"GET", "/v1/actions?cursor=abc", "", "cursor", 400},
		{"GET", "/v1/actions?from=2025-13-01", "", "from", 400},
		{"GET", "/v1/actions/" + strings.Repeat("0", 32), "", "id", 404},
		{"POST", "/v1/actions/" + id + "/decision", `{"decision":"maybe","by":"kim","why":"x"}`, "decision", 400},
		{"POST", "/v1/actions/" + id + "/decision", `{"decision":"accept","by":" ","why":""}`, "why", 400},
		{"POST", "/v1/etfs/SPY/actions", `{"kind":"split","ex":"2025-09-22","ratio":"4-1","by":"kim","why":"x"}`, "ratio", 400},
		{"POST", "/v1/etfs/SPY/actions", `{"kind":"dividend","ex":"2025-09-22","ratio":"4:1","amount":"-1","by":"kim","why":"x"}`, "amount", 400},
		{"POST", "/v1/etfs/SPY/actions", `{"kind":"merger","ex":"2025-9-22","by":"kim","why":"x"}`, "kind", 400},
	} {
		r := f.send(c.method, c.path, c.body, header("Content-Type", "application/json"))
		if r.status != c.status || !strings.Contains(string(r.body), `"field":"`+c.want+`"`) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, r.status, r.body)
		}
	}
}

// A decision that no worker applies in time is kept: 202 with the place where it will be seen.
func TestActionDecisionKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	a := etf.Action{Kind: etf.Dividend, Ex: etf.MustSession("2025-09-25"), Amount: etf.MustPrice("0.71")}
	id := etf.ActionID("SPY", a, "yahoo")
	f.store.actions = []etf.StatedAction{{ID: id, Symbol: "SPY", Action: a, Source: "yahoo", Status: etf.Accepted, By: "source:yahoo", DataVersion: 3}}
	r := f.send("POST", "/v1/actions/"+id+"/decision", `{"decision":"reject","by":"kim","why":"another fund's"}`, header("Content-Type", "application/json"))
	if r.status != 202 || r.header.Get("Location") != "/v1/actions/"+id || !strings.Contains(string(r.body), `"status":"accepted"`) {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
}

func TestBarsAdjusted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	for i, close := range []string{"100", "50", "49"} {
		p := etf.MustPrice(close)
		f.store.bars["SPY"] = append(f.store.bars["SPY"], etf.StoredBar{
			Bar: etf.Bar{Session: etf.MustSession("2025-09-24").AddDays(i), Open: p, High: p, Low: p, Close: p, Volume: etf.Shares(8)}, Basis: etf.AsTraded, Source: "file", DataVersion: 1,
		})
	}
	for _, a := range []etf.Action{
		{Kind: etf.Split, Ex: etf.MustSession("2025-09-25"), Numerator: 2, Denominator: 1}, {Kind: etf.Dividend, Ex: etf.MustSession("2025-09-26"), Amount: etf.MustPrice("1")},
	} {
		f.store.actions = append(f.store.actions, etf.StatedAction{ID: etf.ActionID("SPY", a, "file"), Symbol: "SPY", Action: a, Status: etf.Accepted})
	}
	for query, want := range map[string]string{
		"": `"close":100,"adj_close":null,"volume":8,"basis":"as_traded"`, "?adjust=none&limit=1": `"close":100,`,
		"?adjust=split&limit=1": `"close":50,"adj_close":null,"volume":16,"basis":"split_adjusted"`,
		"?adjust=total&limit=1": `"close":49,"adj_close":null,"volume":16,"basis":"total_adjusted"`,
	} {
		r := f.send("GET", "/v1/etfs/SPY/bars"+query, "")
		if r.status != 200 || !strings.Contains(string(r.body), want) {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
	f.store.bars["SPY"][0].Basis, f.store.bars["SPY"][1].Basis, f.store.bars["SPY"][2].Basis = etf.BasisUnknown, etf.BasisUnknown, etf.BasisUnknown
	if r := f.send("GET", "/v1/etfs/SPY/bars?adjust=split", ""); r.status != 409 || !strings.Contains(string(r.body), `"field":"adjust"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.send("GET", "/v1/etfs/SPY/bars?adjust=both", ""); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
}
