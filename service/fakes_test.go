package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

var (
	friday = etf.MustSession("2025-09-26")
	// now is a Saturday: Friday is the last closed session of both exchanges.
	now = time.Date(2025, 9, 27, 12, 0, 0, 0, time.UTC)

	storeAway    = etf.Wrap(etf.KindUnavailable, errors.New("dial tcp: refused"), "reading the record")
	temporalAway = etf.Wrap(etf.KindUnavailable, errors.New("dial tcp: refused"), "asking Temporal")
)

func atNow() time.Time { return now }

// failures are errors by the name of the method that returns them.
type failures map[string]error

// record is a Store of ETFs and runs.
type record struct {
	assessments map[etf.Exchange]etf.Assessment // the newest, without state
	Store
	fail failures

	mu      sync.Mutex
	etfs    map[etf.Symbol]etf.Exchange
	runs    map[etf.RunID]etf.Run
	rows    map[etf.RunID][]etf.RunETF
	reads   map[string]int // calls by method
	onRun   func(n int)    // called before the n-th call of Run reads
	uncount etf.RunID      // not seen by RerunCount: recorded right after it
	// confirmed are the ETFs' confirmations.
	confirmed map[etf.Symbol]etf.Confirmation
}

func newRecord(runs ...etf.Run) *record {
	s := &record{etfs: map[etf.Symbol]etf.Exchange{}, runs: map[etf.RunID]etf.Run{}, rows: map[etf.RunID][]etf.RunETF{}, reads: map[string]int{}}
	for _, r := range runs {
		s.runs[r.ID] = r
	}
	return s
}

// begin counts a call and returns with the lock held.
func (s *record) begin(method string) (end func(), err error) {
	s.mu.Lock()
	s.reads[method]++
	return s.mu.Unlock, s.fail[method]
}

func (s *record) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	end, err := s.begin("ETF")
	defer end()
	if err != nil {
		return etf.ETF{}, err
	}
	x, ok := s.etfs[symbol]
	if !ok {
		return etf.ETF{}, etf.NotFound("", "no row", "")
	}
	return etf.ETF{Symbol: symbol, Exchange: x}, nil
}

func (s *record) Confirmations(_ context.Context, symbols []etf.Symbol) (map[etf.Symbol]etf.Confirmation, error) {
	end, err := s.begin("Confirmations")
	defer end()
	list := map[etf.Symbol]etf.Confirmation{}
	for _, symbol := range symbols {
		if c, ok := s.confirmed[symbol]; ok {
			list[symbol] = c
		}
	}
	return list, err
}

func (s *record) ETFs(_ context.Context, exchange etf.Exchange, after etf.Symbol, limit int) (page []etf.ETF, err error) {
	end, err := s.begin("ETFs")
	defer end()
	if err != nil {
		return nil, err
	}
	var symbols []etf.Symbol
	for symbol, x := range s.etfs {
		if symbol > after && (exchange == "" || x == exchange) {
			symbols = append(symbols, symbol)
		}
	}
	slices.Sort(symbols)
	for _, symbol := range symbols[:min(limit, len(symbols))] {
		page = append(page, etf.ETF{Symbol: symbol, Exchange: s.etfs[symbol]})
	}
	return page, nil
}

func (s *record) Run(_ context.Context, id etf.RunID) (etf.Run, error) {
	end, _ := s.begin("Run")
	defer end()
	if s.onRun != nil {
		s.onRun(s.reads["Run"])
	}
	if err := s.fail["Run"]; err != nil {
		return etf.Run{}, err
	}
	r, ok := s.runs[id]
	if !ok {
		return etf.Run{}, etf.NotFound("", "no row", "")
	}
	return r, nil
}

func (s *record) RerunCount(_ context.Context, base etf.RunID) (highest int, err error) {
	end, err := s.begin("RerunCount")
	defer end()
	for id := range s.runs {
		if id.Base() == base && id != s.uncount {
			highest = max(highest, id.Attempt())
		}
	}
	return highest, err
}

func (s *record) RunETFs(_ context.Context, run etf.RunID, after etf.Symbol, limit int) (page []etf.RunETF, err error) {
	end, err := s.begin("RunETFs")
	defer end()
	if err != nil {
		return nil, err
	}
	for _, r := range s.rows[run] {
		if r.Symbol > after && len(page) < limit {
			page = append(page, r)
		}
	}
	return page, nil
}

// engine is a Temporal that runs what it is told and never ends anything.
type engine struct {
	Temporal
	fail failures
	hang string // the method that waits until its context ends

	mu         sync.Mutex
	executions map[string]etf.Execution
	statuses   map[string]workflows.DailyStatus // by workflow; a worker responds only for these
	starts     []start
	cancelled  []string
	onCancel   func()
	calls      map[string]int
}

// start is a start that Temporal carried out.
type start struct {
	ID      etf.RunID
	Restart bool
}

func newEngine() *engine {
	return &engine{executions: map[string]etf.Execution{}, statuses: map[string]workflows.DailyStatus{}, calls: map[string]int{}}
}

func (t *engine) begin(ctx context.Context, method string) (end func(), err error) {
	if t.hang == method {
		<-ctx.Done()
		return func() {}, etf.Wrap(etf.KindUnavailable, ctx.Err(), "waiting for Temporal")
	}
	t.mu.Lock()
	t.calls[method]++
	return t.mu.Unlock, t.fail[method]
}

func (t *engine) StartDaily(ctx context.Context, in workflows.DailyInput, restart bool) (bool, error) {
	end, err := t.begin(ctx, "StartDaily")
	defer end()
	if err != nil {
		return false, err
	}
	id := in.Run().WorkflowID()
	earlier, ok := t.executions[id]
	if ok && (!restart || earlier.Status == etf.RunRunning || earlier.Status == etf.RunCompleted) {
		return false, nil
	}
	t.executions[id] = etf.Execution{Status: etf.RunRunning, Symbols: in.Symbols, StartedAt: now}
	t.starts = append(t.starts, start{in.Run(), restart})
	return true, nil
}

func (t *engine) Execution(ctx context.Context, id string) (etf.Execution, error) {
	end, err := t.begin(ctx, "Execution")
	defer end()
	if err != nil {
		return etf.Execution{}, err
	}
	x, ok := t.executions[id]
	if !ok {
		return etf.Execution{}, etf.NotFound("", "no such workflow", "")
	}
	return x, nil
}

func (t *engine) DailyStatus(ctx context.Context, id string) (workflows.DailyStatus, error) {
	end, err := t.begin(ctx, "DailyStatus")
	defer end()
	if err != nil {
		return workflows.DailyStatus{}, err
	}
	status, ok := t.statuses[id]
	if !ok {
		return status, etf.Wrap(etf.KindUnavailable, errors.New("no worker"), "asking a workflow")
	}
	return status, nil
}

func (t *engine) Cancel(ctx context.Context, id string) error {
	if t.onCancel != nil {
		t.onCancel()
	}
	end, err := t.begin(ctx, "Cancel")
	defer end()
	if err != nil {
		return err
	}
	if t.executions[id].Status != etf.RunRunning {
		return etf.NotFound("", "the workflow has ended", "")
	}
	t.cancelled = append(t.cancelled, id)
	return nil
}

// wantProblems fails the test unless err is exactly these problems, of one kind, by their fields.
func wantProblems(t *testing.T, err error, kind etf.Kind, fields ...string) []*etf.Error {
	t.Helper()
	all := etf.Errors(err)
	var got []string
	for _, e := range all {
		got = append(got, e.Field)
		if e.Kind != kind {
			t.Errorf("%v is %s, want %s", e, e.Kind, kind)
		}
		if e.Message == "" || e.Remedy == "" {
			t.Errorf("%v lacks a message or a remedy", e)
		}
	}
	if !slices.Equal(got, fields) {
		t.Fatalf("problems with %q, want %q: %v", got, fields, err)
	}
	return all
}

func (s *record) NewestAssessment(_ context.Context, exchange etf.Exchange) (etf.Assessment, error) {
	if a, ok := s.assessments[exchange]; ok {
		return a, nil
	}
	return etf.Assessment{}, etf.NotFound("assessment", "there is none", "")
}
