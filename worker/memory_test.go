package worker_test

import (
	"context"
	"sync"
	"time"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// memory is a store that keeps what the tests look at.
type memory struct {
	activities.Backtests // nil, like the next: no test measures
	activities.BacktestHistory
	activities.Backfills
	mu        sync.Mutex
	symbols   []etf.Symbol
	fetches   map[string]etf.Fetch
	responses map[string]etf.Response
	bars      map[etf.Symbol]map[etf.Session]etf.StoredBar
	forecasts map[string]etf.Forecast
	runs      map[string]etf.Run
	rows      map[string][]etf.RunETF
	findings  map[string]etf.Finding
	anchors   []etf.AnchorScope
	// assessments are by hash.
	assessments map[string]etf.Assessment
	down        bool // every call is unavailable
}

func newMemory(symbols ...etf.Symbol) *memory {
	return &memory{
		symbols: symbols, fetches: map[string]etf.Fetch{}, responses: map[string]etf.Response{},
		bars: map[etf.Symbol]map[etf.Session]etf.StoredBar{}, forecasts: map[string]etf.Forecast{},
		runs: map[string]etf.Run{}, rows: map[string][]etf.RunETF{}, findings: map[string]etf.Finding{},
		assessments: map[string]etf.Assessment{},
	}
}

var _ activities.Store = (*memory)(nil)

// Nothing of the memory's is scored.

func (m *memory) Unscored(_ context.Context, symbol etf.Symbol, _ etf.UnscoredQuery) (etf.Unscored, error) {
	unlock, err := m.lock()
	defer unlock()
	return etf.Unscored{Symbol: symbol, Exchange: etf.XNYS}, err
}

func (m *memory) ScoringInput(context.Context, etf.Unscored, []etf.Session, []int) (etf.ScoringInput, error) {
	return etf.ScoringInput{}, nil
}

func (m *memory) BarStates(context.Context, uint32, etf.Session) ([]etf.BarState, error) {
	return nil, nil
}

// Each session's assessment is made again, without a record.

func (m *memory) SaveAssessment(_ context.Context, a etf.Assessment, _ []etf.GateVerdict) (etf.Assessment, error) {
	unlock, err := m.lock()
	defer unlock()
	if err == nil {
		m.assessments[a.Hash] = a
	}
	return a, err
}

func (m *memory) AssessmentOf(context.Context, etf.Exchange, etf.Session) (etf.Assessment, error) {
	return etf.Assessment{}, etf.NotFound("assessment", "there is none", "")
}

func (m *memory) AssessmentBefore(ctx context.Context, exchange etf.Exchange, session etf.Session) (etf.Assessment, error) {
	return m.AssessmentOf(ctx, exchange, session)
}

func (m *memory) AssessmentByHash(_ context.Context, hash string) (etf.Assessment, error) {
	unlock, err := m.lock()
	defer unlock()
	return m.assessments[hash], err
}

func (m *memory) AssessmentHash(context.Context, etf.Exchange, etf.Session) (string, error) {
	return "", nil
}

func (m *memory) Matured(context.Context, etf.OutcomeQuery) ([]etf.MaturedForecast, []error, error) {
	return nil, nil, nil
}

func (m *memory) SessionLosses(context.Context, etf.ScoreFilter) ([]etf.SessionLosses, error) {
	return nil, nil
}

func (m *memory) SaveScores(context.Context, etf.ScoreChanges) error { return nil }

func (m *memory) lock() (unlock func(), err error) {
	m.mu.Lock()
	if m.down {
		m.mu.Unlock()
		return func() {}, &etf.Error{Kind: etf.KindUnavailable, Message: "the memory is down"}
	}
	return m.mu.Unlock, nil
}

func (m *memory) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memory) run(id string) etf.Run {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.runs[id]
}

func (m *memory) issued() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.forecasts)
}

func (m *memory) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	return etf.ETF{Symbol: symbol, Exchange: etf.XNYS}, nil
}

func (m *memory) Due(_ context.Context, x etf.Exchange, _ etf.Session, _ []etf.Symbol, after etf.Symbol, limit int) ([]etf.ETF, error) {
	unlock, err := m.lock()
	defer unlock()
	var due []etf.ETF
	for _, s := range m.symbols {
		if s > after && len(due) < limit {
			due = append(due, etf.ETF{Symbol: s, Exchange: x, Currency: "USD", Sources: []etf.SourceRef{{Name: "steady", Ref: string(s)}}})
		}
	}
	return due, err
}

func (m *memory) Stored(_ context.Context, symbol etf.Symbol) (etf.Stored, error) {
	unlock, err := m.lock()
	defer unlock()
	var s etf.Stored
	for session := range m.bars[symbol] {
		s.Bars, s.Last, s.Basis = s.Bars+1, max(s.Last, session), etf.AsTraded
	}
	return s, err
}

func (m *memory) SaveFetch(_ context.Context, f etf.Fetch, a etf.Response) error {
	unlock, err := m.lock()
	defer unlock()
	m.fetches[f.ID], m.responses[f.ID] = f, a
	return err
}

func (m *memory) SaveCheck(context.Context, string, string, etf.Session) error { return nil }

func (m *memory) Staged(_ context.Context, fetch string) (etf.Staged, error) {
	unlock, err := m.lock()
	defer unlock()
	f, ok := m.fetches[fetch]
	if err == nil && !ok {
		err = etf.NotFound("fetch", "no such fetch in memory", "")
	}
	return etf.Staged{Fetch: f, Bars: m.responses[fetch].Bars, Initial: len(m.bars[f.Symbol]) == 0}, err
}

func (m *memory) SessionBars(context.Context, etf.Exchange, etf.Session) ([]etf.SessionBar, error) {
	return nil, nil
}

func (m *memory) ReleaseHeld(context.Context, etf.Symbol, etf.Session, etf.RunID) (bool, error) {
	return false, nil
}

func (m *memory) RunETFs(context.Context, etf.RunID, etf.Symbol, int) ([]etf.RunETF, error) {
	return nil, nil
}

func (m *memory) DiscardStaged(context.Context, etf.RunID) (int, error) {
	unlock, err := m.lock()
	defer unlock()
	return 0, err
}

func (m *memory) SaveFindings(_ context.Context, j etf.Judgement) ([]etf.Reported, error) {
	unlock, err := m.lock()
	defer unlock()
	var reported []etf.Reported
	for _, f := range j.Findings {
		earlier, known := m.findings[f.ID]
		if known {
			f = earlier
		}
		m.findings[f.ID] = f
		reported = append(reported, etf.Reported{Finding: f, New: !known})
	}
	return reported, err
}

func (m *memory) Finding(_ context.Context, id string) (etf.Finding, error) {
	unlock, err := m.lock()
	defer unlock()
	return m.findings[id], err
}

func (m *memory) Decide(_ context.Context, r etf.Ruling) (etf.Finding, error) {
	unlock, err := m.lock()
	defer unlock()
	f := m.findings[r.Finding]
	f.ID, f.Decision, f.By, f.Why = r.Finding, r.Decision, r.By, r.Why
	return f, err
}

func (m *memory) Replace(ctx context.Context, fetch string, _ etf.Replacement) (etf.Persisted, []string, error) {
	p, err := m.Persist(ctx, fetch)
	p.Symbol = m.fetches[fetch].Symbol
	return p, nil, err
}

func (m *memory) Persist(_ context.Context, fetch string) (etf.Persisted, error) {
	unlock, err := m.lock()
	defer unlock()
	var p etf.Persisted
	symbol := m.fetches[fetch].Symbol
	if m.bars[symbol] == nil {
		m.bars[symbol] = map[etf.Session]etf.StoredBar{}
	}
	for _, b := range m.responses[fetch].Bars {
		if _, ok := m.bars[symbol][b.Session]; ok {
			p.Unchanged++
			continue
		}
		m.bars[symbol][b.Session] = etf.StoredBar{Bar: b, Basis: etf.AsTraded}
		p.New++
	}
	return p, err
}

func (m *memory) History(_ context.Context, symbol etf.Symbol, to etf.Session, limit int) (etf.History, error) {
	unlock, err := m.lock()
	defer unlock()
	cal, _ := calendar.For(etf.XNYS)
	h := etf.History{DataVersion: etf.DataVersion{Number: int64(len(m.bars[symbol])), Writer: "memory"}}
	for _, s := range cal.Sessions(etf.Window{To: to}) {
		if b, ok := m.bars[symbol][s]; ok {
			h.Bars = append(h.Bars, b)
		}
	}
	h.Bars = h.Bars[max(0, len(h.Bars)-limit):]
	return h, err
}

func (m *memory) AppendForecasts(_ context.Context, list []etf.Forecast) ([]etf.Appended, error) {
	unlock, err := m.lock()
	defer unlock()
	results := make([]etf.Appended, len(list))
	for i, f := range list {
		stored, old := m.forecasts[f.ID]
		if !old {
			stored = f
		}
		m.forecasts[f.ID] = stored
		results[i] = etf.Appended{Forecast: stored, New: !old}
	}
	return results, err
}

func (m *memory) StartRun(_ context.Context, r etf.Run) error {
	unlock, err := m.lock()
	defer unlock()
	m.runs[string(r.ID)] = r
	return err
}

func (m *memory) RecordOutcomes(_ context.Context, run etf.RunID, _ []string, _ etf.RunCounts, rows []etf.RunETF) error {
	unlock, err := m.lock()
	defer unlock()
	m.rows[string(run)] = append(m.rows[string(run)], rows...)
	return err
}

func (m *memory) FinishRun(_ context.Context, end etf.RunEnd) (etf.RunCounts, error) {
	unlock, err := m.lock()
	defer unlock()
	if err != nil {
		return etf.RunCounts{}, err
	}
	r := m.runs[string(end.Run)]
	r.Status, r.Counts, r.Closed, r.Error = end.Status, end.Counts, end.Closed, end.Reason
	m.runs[string(end.Run)] = r
	return end.Counts, nil
}

func (m *memory) Run(_ context.Context, id etf.RunID) (etf.Run, error) {
	unlock, err := m.lock()
	defer unlock()
	if err != nil {
		return etf.Run{}, err
	}
	r, ok := m.runs[string(id)]
	if !ok {
		return etf.Run{}, etf.NotFound("id", "no run "+string(id), "")
	}
	return r, nil
}

func (m *memory) LastCompleted(context.Context, etf.Exchange) (etf.Session, error) {
	unlock, err := m.lock()
	defer unlock()
	var last etf.Session
	for _, r := range m.runs {
		if r.Status == etf.RunCompleted && len(r.Symbols) == 0 {
			last = max(last, r.Session)
		}
	}
	return last, err
}

// steady is a source that has a bar for every requested session. For symbols that begin with BAD the newest bar is wrong;
// for those that begin with SLOW there is no response until the request is cancelled.
type steady struct{}

func (steady) Name() string { return "steady" }

func (steady) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	if q.Symbol[:4] == "SLOW" {
		<-ctx.Done()
		return etf.Response{}, ctx.Err()
	}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return etf.Response{}, err
	}
	w := q.Window
	if w.From.IsZero() {
		w.From = w.To.AddDays(-90)
	}
	a := etf.Response{Basis: etf.AsTraded, Currency: "USD", Raw: []byte("x"), MediaType: "text/plain"}
	for _, s := range cal.Sessions(w) {
		c := etf.Price(100_00000000 + int64(s)%5*10000000)
		b := etf.Bar{Session: s, Open: c, High: c, Low: c, Close: c, Volume: etf.Shares(int64(1000 + s))}
		if q.Symbol[:3] == "BAD" && s == q.Window.To {
			b.Low = 2 * c
		}
		a.Bars = append(a.Bars, b)
	}
	return a, nil
}

// last is a model that predicts the last close.
type last struct{}

func (last) Name() string                            { return "last" }
func (last) Params() string                          { return "{}" }
func (last) MinRows() int                            { return 1 }
func (last) MaxRows() int                            { return 10 }
func (last) Restore([]byte) (forecast.Fitted, error) { return nil, nil }
func (last) Fit(_ context.Context, s forecast.Series, _ uint64, _ forecast.Progress) (forecast.Fitted, error) {
	return fitted(s.Close[len(s.Close)-1]), nil
}

// broken is a model that always fails.
type broken struct{ last }

func (broken) Name() string { return "broken" }
func (broken) Fit(context.Context, forecast.Series, uint64, forecast.Progress) (forecast.Fitted, error) {
	return nil, &etf.Error{Kind: etf.KindInternal, Message: "no convergence"}
}

type fitted float64

func (f fitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	points := make([]etf.ForecastPoint, len(targets))
	for i, s := range targets {
		points[i] = etf.ForecastPoint{Horizon: i + 1, Target: s, Mean: float64(f)}
		for k := range points[i].Quantiles {
			points[i].Quantiles[k] = float64(f)
		}
	}
	return points, nil
}

func (fitted) Diagnostics() map[string]string { return map[string]string{"status": "ok"} }
func (fitted) MarshalBinary() ([]byte, error) { return nil, nil }

func clock() time.Time { return time.Date(2025, 10, 1, 12, 0, 0, 0, time.UTC) }

func (m *memory) DecideAction(_ context.Context, d etf.ActionDecision) (etf.ActionDecided, error) {
	unlock, err := m.lock()
	defer unlock()
	return etf.ActionDecided{Action: etf.StatedAction{ID: d.Action, Symbol: d.Symbol, Status: d.Status}}, err
}

func (m *memory) Anchor(_ context.Context, scope etf.AnchorScope, _ etf.CheckpointNote) (etf.Anchored, error) {
	unlock, err := m.lock()
	defer unlock()
	if err != nil {
		return etf.Anchored{}, err
	}
	m.anchors = append(m.anchors, scope)
	return etf.Anchored{Leaves: 1, Checkpoint: etf.Checkpoint{Size: int64(len(m.anchors)), Root: "root", Note: "note"}}, nil
}

func (m *memory) BacktestWeights(context.Context, etf.Exchange) (string, []etf.BacktestWeights, error) {
	return "", nil, nil
}

// The memory's sources are always asked.

func (m *memory) Breaker(_ context.Context, source string) (etf.Breaker, error) {
	return etf.Breaker{Source: source, State: etf.BreakerClosed}, nil
}

func (m *memory) ChangeBreaker(_ context.Context, source string, change func(etf.Breaker) etf.Breaker) (etf.Breaker, error) {
	return change(etf.Breaker{Source: source, State: etf.BreakerClosed}), nil
}

func (m *memory) TakeQuota(_ context.Context, r etf.QuotaRequest) (etf.QuotaUse, error) {
	return etf.QuotaUse{}.Take(r)
}

func (m *memory) RefuseQuota(context.Context, string, etf.Session) error { return nil }

func (m *memory) QuotaUse(context.Context, string, etf.Session) (etf.QuotaUse, error) {
	return etf.QuotaUse{}, nil
}

func (m *memory) SourceETFs(context.Context) (map[string][]etf.SourceETF, error) { return nil, nil }
