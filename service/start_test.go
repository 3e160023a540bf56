package service

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const (
	whole   = etf.RunID("daily:XNYS:2025-09-26")
	wholeWF = "daily/XNYS/2025-09-26"
	// printf QQQ,SPY | sha256sum
	subset = etf.RunID("daily:XNYS:2025-09-26:4c486f165861")
)

func daily(change func(*RunRequest)) RunRequest {
	r := RunRequest{Workflow: "daily", Exchange: "XNYS", Session: "2025-09-26"}
	if change != nil {
		change(&r)
	}
	return r
}

// recordedRun is a row of the record.
func recordedRun(id etf.RunID, status etf.RunStatus) etf.Run {
	r := etf.Run{ID: id, Workflow: "daily", Exchange: etf.XNYS, Session: friday, Status: status, StartedAt: now.Add(-time.Hour)}
	if status != etf.RunRunning {
		r.FinishedAt = now.Add(-30 * time.Minute)
	}
	return r
}

func executionOf(status etf.RunStatus) etf.Execution {
	x := etf.Execution{Status: status, StartedAt: now.Add(-time.Hour)}
	if status != etf.RunRunning {
		x.FinishedAt = now.Add(-30 * time.Minute)
	}
	return x
}

func TestStartRun(t *testing.T) {
	t.Parallel()
	type executions = map[string]etf.Execution
	type startCase struct {
		name    string
		request RunRequest
		record  []etf.Run
		running executions
		want    etf.RunID
		status  etf.RunStatus
		starts  []start // also says whether the run was started
	}
	started := []start{{whole, true}}
	cases := []startCase{
		{name: "the first", request: daily(nil), want: whole, status: etf.RunRunning, starts: started},
		{name: "running, not recorded yet", request: daily(nil), running: executions{wholeWF: executionOf(etf.RunRunning)}, want: whole, status: etf.RunRunning},
		{name: "running", request: daily(nil), record: []etf.Run{recordedRun(whole, etf.RunRunning)}, running: executions{wholeWF: executionOf(etf.RunRunning)},
			want: whole, status: etf.RunRunning},
		{name: "completed, not recorded", request: daily(nil), running: executions{wholeWF: executionOf(etf.RunCompleted)}, want: whole, status: etf.RunCompleted},
		{name: "completed beyond Temporal's retention", request: daily(nil), record: []etf.Run{recordedRun(whole, etf.RunCompleted)}, want: whole, status: etf.RunCompleted},
		{name: "failed beyond Temporal's retention", request: daily(nil), record: []etf.Run{recordedRun(whole, etf.RunFailed)}, want: whole, status: etf.RunRunning, starts: started},
		{name: "terminated while recorded as running", request: daily(nil), record: []etf.Run{recordedRun(whole, etf.RunRunning)},
			running: executions{wholeWF: executionOf(etf.RunTerminated)}, want: whole, status: etf.RunRunning, starts: started},
		{name: "another run of the session is running", request: daily(func(r *RunRequest) { r.Symbols = []string{"SPY", "QQQ", "SPY"} }),
			running: executions{wholeWF: executionOf(etf.RunRunning)}, want: subset, status: etf.RunRunning, starts: []start{{subset, true}}},
		{name: "the same symbols in another order", request: daily(func(r *RunRequest) { r.Symbols = []string{"QQQ", "SPY"} }),
			running: executions{subset.WorkflowID(): executionOf(etf.RunRunning)}, want: subset, status: etf.RunRunning},
		{name: "no session", request: daily(func(r *RunRequest) { r.Session = "" }), want: whole, status: etf.RunRunning, starts: started},
		{name: "no session, the other exchange", request: daily(func(r *RunRequest) { r.Exchange, r.Session = "XKRX", "" }),
			want: "daily:XKRX:2025-09-26", status: etf.RunRunning, starts: []start{{"daily:XKRX:2025-09-26", true}}},
	}
	for _, status := range []etf.RunStatus{etf.RunFailed, etf.RunCancelled, etf.RunTerminated, etf.RunTimedOut} {
		cases = append(cases, startCase{
			name: string(status), request: daily(nil), record: []etf.Run{recordedRun(whole, status)},
			running: executions{wholeWF: executionOf(status)}, want: whole, status: etf.RunRunning, starts: started,
		})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := newRecord(c.record...), newEngine()
			store.etfs = map[etf.Symbol]etf.Exchange{"SPY": etf.XNYS, "QQQ": etf.XNYS}
			for id, x := range c.running {
				temporal.executions[id] = x
			}
			run, started, err := New(Deps{Store: store, Temporal: temporal, Now: atNow}).StartRun(t.Context(), c.request)
			if err != nil || run.ID != c.want || run.Status != c.status || started != (len(c.starts) > 0) {
				t.Fatalf("run %s %s, started %t, %v; want %s %s, started %t", run.ID, run.Status, started, err, c.want, c.status, len(c.starts) > 0)
			}
			if !slices.Equal(temporal.starts, c.starts) {
				t.Errorf("Temporal was told to start %v, want %v", temporal.starts, c.starts)
			}
		})
	}
}

// A run that has just started is described in full without asking Temporal or the record again.
func TestStartedRunIsDescribed(t *testing.T) {
	t.Parallel()
	store, temporal := newRecord(), newEngine()
	store.etfs = map[etf.Symbol]etf.Exchange{"SPY": etf.XNYS, "QQQ": etf.XNYS}
	inSeoul := now.In(time.FixedZone("KST", 9*3600))
	s := New(Deps{Store: store, Temporal: temporal, Now: func() time.Time { return inSeoul }})
	run, _, err := s.StartRun(t.Context(), daily(func(r *RunRequest) { r.Symbols = []string{"SPY", "QQQ", "SPY"} }))
	want := etf.Run{
		ID: subset, Workflow: "daily", Exchange: etf.XNYS, Session: friday, Symbols: []etf.Symbol{"QQQ", "SPY"}, Status: etf.RunRunning, StartedAt: now,
	}
	if err != nil || !reflect.DeepEqual(run, want) {
		t.Errorf("run %+v, %v; want %+v", run, err, want)
	}
	if x := temporal.executions[subset.WorkflowID()]; !slices.Equal(x.Symbols, want.Symbols) {
		t.Errorf("Temporal was given the symbols %v", x.Symbols)
	}
}

func TestRerun(t *testing.T) {
	t.Parallel()
	attempt := func(n int) etf.RunID { return etf.DailyRunID(etf.XNYS, friday, nil, n) }
	for _, c := range []struct {
		name    string
		record  []etf.RunID
		uncount etf.RunID
		running []etf.RunID // what Temporal knows
		status  etf.RunStatus
		want    int
	}{
		{name: "nothing to run again", want: 1},
		{name: "the first is running, not recorded yet", running: []etf.RunID{attempt(1)}, status: etf.RunRunning, want: 2},
		{name: "the first is recorded, Temporal has forgotten it", record: []etf.RunID{attempt(1)}, want: 2},
		{name: "five attempts are recorded, Temporal has forgotten them", record: []etf.RunID{attempt(1), attempt(2), attempt(5)}, want: 6},
		{name: "two re-runs are not recorded yet", record: []etf.RunID{attempt(1)}, running: []etf.RunID{attempt(2), attempt(3)}, status: etf.RunRunning, want: 4},
		{name: "a failed re-run is not restarted", record: []etf.RunID{attempt(1)}, running: []etf.RunID{attempt(1), attempt(2)}, status: etf.RunFailed, want: 3},
		{name: "recorded after the count", record: []etf.RunID{attempt(1), attempt(2)}, uncount: attempt(2), want: 3},
		{name: "another session's re-runs do not count", record: []etf.RunID{etf.DailyRunID(etf.XNYS, friday-1, nil, 4)}, want: 1},
		{name: "re-runs of a set of symbols do not count", record: []etf.RunID{attempt(1), subset, subset + ":rerun-7"}, want: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := newRecord(), newEngine()
			store.uncount = c.uncount
			for _, id := range c.record {
				store.runs[id] = recordedRun(id, etf.RunCompleted)
			}
			for _, id := range c.running {
				temporal.executions[id.WorkflowID()] = executionOf(c.status)
			}
			s := New(Deps{Store: store, Temporal: temporal, Now: atNow})
			run, started, err := s.StartRun(t.Context(), daily(func(r *RunRequest) { r.Rerun = true }))
			if err != nil || !started || run.ID != attempt(c.want) || run.Status != etf.RunRunning {
				t.Fatalf("run %s %s, started %t, %v; want %s", run.ID, run.Status, started, err, attempt(c.want))
			}
			if want := []start{{attempt(c.want), false}}; !slices.Equal(temporal.starts, want) {
				t.Errorf("Temporal was told to start %v, want %v", temporal.starts, want)
			}
		})
	}
}

func TestStartRunRefused(t *testing.T) {
	t.Parallel()
	tooMany := make([]string, MaxSymbols+1)
	for i := range tooMany {
		tooMany[i] = "SPY"
	}
	for _, c := range []struct {
		name    string
		request RunRequest
		fields  []string
		says    string // in the last problem's message or remedy
	}{
		{"everything at once", RunRequest{Workflow: "weekly", Exchange: "XPAR", Session: "26.9.2025", Symbols: []string{"spy", "ZZZ"}},
			[]string{"workflow", "exchange", "session", "symbols[0]", "symbols[1]"}, "ZZZ is not registered"},
		{"nothing is given", RunRequest{}, []string{"workflow", "exchange"}, `"" is not a known exchange`},
		{"no workflow", daily(func(r *RunRequest) { r.Workflow = "" }), []string{"workflow"}, "use daily"},
		{"a Saturday", daily(func(r *RunRequest) { r.Session = "2025-09-20" }), []string{"session"}, "2025-09-20"},
		{"a holiday", daily(func(r *RunRequest) { r.Session = "2025-07-04" }), []string{"session"}, "Independence Day"},
		{"a holiday of the other exchange only", daily(func(r *RunRequest) { r.Exchange, r.Session = "XKRX", "2025-08-15" }), []string{"session"}, "Liberation Day"},
		{"beyond the calendar", daily(func(r *RunRequest) { r.Session = "2199-01-02" }), []string{"session"}, "calendar"},
		// 16:00 in New York is 20:00 UTC in summer.
		{"a session of the future", daily(func(r *RunRequest) { r.Session = "2025-09-29" }), []string{"session"}, "does not close until 2025-09-29T20:00:00Z"},
		{"a session of the future has a remedy", daily(func(r *RunRequest) { r.Session = "2025-09-29" }), []string{"session"}, "use 2025-09-26, the last closed session"},
		{"an empty list", daily(func(r *RunRequest) { r.Symbols = []string{} }), []string{"symbols"}, "leave symbols out"},
		{"too many symbols", daily(func(r *RunRequest) { r.Symbols = tooMany }), []string{"symbols"}, "1001 symbols are too many"},
		{"unknown symbols, one named twice", daily(func(r *RunRequest) { r.Symbols = []string{"SPY", "ZZZ", "YYY", "ZZZ"} }), []string{"symbols[1]", "symbols[2]"}, "etfcast etf add"},
		{"a symbol of the other exchange", daily(func(r *RunRequest) { r.Symbols = []string{"SPY", "069500"} }), []string{"symbols[1]"}, "069500 is registered on XKRX, not on XNYS"},
		{"no exchange, so no symbol is on the wrong one", daily(func(r *RunRequest) { r.Exchange, r.Symbols = "", []string{"SPY", "069500"} }), []string{"exchange"}, "use XNYS, XKRX, XLON, XETR or XTKS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := newRecord(), newEngine()
			store.etfs = map[etf.Symbol]etf.Exchange{"SPY": etf.XNYS, "069500": etf.XKRX}
			_, started, err := New(Deps{Store: store, Temporal: temporal, Now: atNow}).StartRun(t.Context(), c.request)
			all := wantProblems(t, err, etf.KindInvalid, c.fields...)
			if last := all[len(all)-1]; !strings.Contains(last.Message+"; "+last.Remedy, c.says) {
				t.Errorf("%v does not say %q", last, c.says)
			}
			if started || len(temporal.starts) > 0 {
				t.Errorf("started %v", temporal.starts)
			}
		})
	}
}

func TestSessionCanRunFromItsClose(t *testing.T) {
	t.Parallel()
	// The New York Stock Exchange closes at 16:00, 20:00 UTC in summer; on the day after Thanksgiving at 13:00, 18:00 UTC.
	for _, c := range []struct {
		session, closes, previous string
	}{
		{"2025-09-26", "2025-09-26T20:00:00Z", "2025-09-25"},
		{"2025-11-28", "2025-11-28T18:00:00Z", "2025-11-26"},
	} {
		closes, err := time.Parse(time.RFC3339, c.closes)
		if err != nil {
			t.Fatal(err)
		}
		clock := closes.Add(-time.Second)
		s := New(Deps{Store: newRecord(), Temporal: newEngine(), Now: func() time.Time { return clock }})
		request := daily(func(r *RunRequest) { r.Session = c.session })
		if _, _, err := s.StartRun(t.Context(), request); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("a second before %s closes: %v", c.session, err)
		}
		latest := daily(func(r *RunRequest) { r.Session = "" })
		if run, _, err := s.StartRun(t.Context(), latest); err != nil || run.Session != etf.MustSession(c.previous) {
			t.Errorf("a second before %s closes, the last closed session is %s, %v", c.session, run.Session, err)
		}
		clock = closes
		if _, started, err := s.StartRun(t.Context(), request); err != nil || !started {
			t.Errorf("when %s closes: started %t, %v", c.session, started, err)
		}
	}
}

// Few symbols are looked up one by one, many by reading the registry, which has several pages.
func TestSymbolsAreLookedUp(t *testing.T) {
	t.Parallel()
	symbol := func(i int) string { return fmt.Sprintf("S%04d", i) }
	for _, c := range []struct {
		name       string
		registered int
		symbols    []string
		fields     []string
		one, pages int // calls of the store
	}{
		{"20 symbols", 1500, numbered(symbol, 0, 20), nil, 20, 0},
		{"21 symbols", 1500, numbered(symbol, 0, 21), nil, 0, 2},
		{"on the second page", 1500, numbered(symbol, 1400, 1500), nil, 0, 2},
		{"a full last page", 1000, numbered(symbol, 0, MaxSymbols), nil, 0, 2},
		{"one of many is unknown", 1500, append(numbered(symbol, 1450, 1500), "ZZZ"), []string{"symbols[50]"}, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := newRecord(), newEngine()
			for i := range c.registered {
				store.etfs[etf.Symbol(symbol(i))] = etf.XNYS
			}
			s := New(Deps{Store: store, Temporal: temporal, Now: atNow})
			_, _, err := s.StartRun(t.Context(), daily(func(r *RunRequest) { r.Symbols = c.symbols }))
			wantProblems(t, err, etf.KindInvalid, c.fields...)
			if store.reads["ETF"] != c.one || store.reads["ETFs"] != c.pages {
				t.Errorf("%d symbols and %d pages were read, want %d and %d", store.reads["ETF"], store.reads["ETFs"], c.one, c.pages)
			}
		})
	}
}

func numbered(name func(int) string, from, to int) (names []string) {
	for i := from; i < to; i++ {
		names = append(names, name(i))
	}
	return names
}

// What can't be reached is reported as that, never as a problem with the request.
func TestStartRunWithoutTheStoreOrTemporal(t *testing.T) {
	t.Parallel()
	rerun := daily(func(r *RunRequest) { r.Rerun = true })
	few := daily(func(r *RunRequest) { r.Symbols = []string{"SPY"} })
	many := daily(func(r *RunRequest) {
		r.Symbols = numbered(func(i int) string { return fmt.Sprint("S", i) }, 0, 21)
	})
	wrong := daily(func(r *RunRequest) { r.Workflow, r.Session, r.Symbols = "weekly", "today", []string{"spy", "SPY"} })
	for _, c := range []struct {
		name    string
		request RunRequest
		record  []etf.Run
		running []string
		method  string
		want    error
	}{
		{name: "reading the symbols", request: few, method: "ETF", want: storeAway},
		{name: "reading many symbols", request: many, method: "ETFs", want: storeAway},
		{name: "reading the symbols of a wrong request", request: wrong, method: "ETF", want: storeAway},
		{name: "reading the run", request: daily(nil), method: "Run", want: storeAway},
		{name: "reading the run to run again", request: rerun, method: "Run", want: storeAway},
		{name: "reading the attempts", request: rerun, record: []etf.Run{recordedRun(whole, etf.RunCompleted)}, method: "RerunCount", want: storeAway},
		{name: "starting", request: daily(nil), method: "StartDaily", want: temporalAway},
		{name: "starting again", request: rerun, record: []etf.Run{recordedRun(whole, etf.RunCompleted)}, method: "StartDaily", want: temporalAway},
		{name: "finding the first attempt", request: rerun, method: "Execution", want: temporalAway},
		{name: "describing the run that stands", request: daily(nil), running: []string{wholeWF}, method: "Execution", want: temporalAway},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := newRecord(c.record...), newEngine()
			store.fail, temporal.fail = failures{c.method: c.want}, failures{c.method: c.want}
			for _, id := range c.running {
				temporal.executions[id] = executionOf(etf.RunRunning)
			}
			_, started, err := New(Deps{Store: store, Temporal: temporal, Now: atNow}).StartRun(t.Context(), c.request)
			if !errors.Is(err, c.want) || etf.KindOf(err) != etf.KindUnavailable || len(etf.Errors(err)) != 1 {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if started || len(temporal.starts) > 0 {
				t.Errorf("started %v", temporal.starts)
			}
		})
	}
	t.Run("a wrong request that needs neither", func(t *testing.T) {
		t.Parallel()
		store := newRecord()
		store.fail = failures{"Run": storeAway, "ETF": storeAway, "ETFs": storeAway}
		_, _, err := New(Deps{Store: store, Now: atNow}).StartRun(t.Context(), daily(func(r *RunRequest) { r.Session = "2025-09-20" }))
		wantProblems(t, err, etf.KindInvalid, "session")
	})
}

// gone is a record of an ETF that was delisted.
type gone struct {
	*record
	last etf.Session
}

func (s *gone) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	return etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Delisted: s.last}, nil
}

// A run of a delisted ETF is refused for sessions after its last one: it would complete with nothing done.
func TestStartRunOfDelisted(t *testing.T) {
	t.Parallel()
	for last, refused := range map[etf.Session]bool{friday - 1: true, friday: false, 0: false} {
		svc := New(Deps{Store: &gone{newRecord(), last}, Temporal: newEngine(), Now: atNow})
		_, _, err := svc.StartRun(t.Context(), daily(func(r *RunRequest) { r.Symbols = []string{"SPY"} }))
		if (err != nil) != refused {
			t.Errorf("last session %s: %v", last, err)
		}
		if e := etf.Errors(err); refused && (len(e) != 1 || e[0].Field != "symbols[0]" || !strings.Contains(e[0].Message, "its last session was 2025-09-25")) {
			t.Errorf("%v", err)
		}
	}
}
