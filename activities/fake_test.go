package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/quality"
)

var friday = etf.MustSession("2025-09-26")

// fridayEvening is after the close in New York.
var fridayEvening = time.Date(2025, 9, 26, 21, 30, 0, 0, time.UTC)

func clock() time.Time { return fridayEvening }

// fakeStore keeps everything in memory and follows the ports' contracts as far as the tests need. err holds the errors
// its methods return, by method name.
type fakeStore struct {
	seconds   map[string]etf.SecondOpinion
	weights   []etf.BacktestWeights
	Scores    // nil: what is scored is tested on the database
	Backtests // nil, like the next
	BacktestHistory
	Backfills
	stored    etf.Stored
	fetches   map[string]etf.Fetch
	responses map[string]etf.Response
	known     []etf.StoredBar
	splits    []etf.Action
	findings  []etf.Finding
	verdicts  []etf.Verdict
	reported  []etf.Reported
	ruling    etf.Ruling
	etf       etf.ETF
	persisted etf.Persisted
	replaced  etf.Replacement
	grounds   etf.Grounds
	// onStaged is called after what is staged has been read; judgedOn has the grounds of the judgements that were stored.
	onStaged  func()
	judgedOn  []etf.Grounds
	first     etf.Session // stored
	listed    etf.Session
	history   etf.History
	limit     int
	forecasts map[string]etf.Forecast
	etfs      []etf.ETF
	run       etf.Run
	rows      map[etf.Symbol]etf.RunETF
	completed etf.Session
	recorded  map[etf.RunID]etf.RunStatus // of runs, by ID
	decided   etf.Finding
	err       map[string]error
	times     map[string]int
	onAppend  func(etf.Forecast) error
	// held are the bars of the session reviewed, released the ETFs whose bar was, histories the bars before it.
	held      []etf.SessionBar
	released  []etf.Symbol
	histories map[etf.Symbol]etf.History
	// anchored is what Anchor returns, scope what it was last asked for.
	anchored etf.Anchored
	scope    etf.AnchorScope
	// assessments are by exchange and session; matured are returned by target and horizon, losses whatever is asked for.
	assessments map[string]etf.Assessment
	fakeStates
	gate    []etf.GateVerdict
	matured map[etf.Session]map[int][]etf.MaturedForecast
	losses  []etf.SessionLosses
}

func assessmentKey(exchange etf.Exchange, session etf.Session) string {
	return string(exchange) + " " + session.String()
}

func (s *fakeStore) SaveAssessment(_ context.Context, a etf.Assessment, gate []etf.GateVerdict) (etf.Assessment, error) {
	if err := s.called("SaveAssessment"); err != nil {
		return a, err
	}
	k := assessmentKey(a.Exchange, a.Session)
	if old, ok := s.assessments[k]; ok {
		return old, nil
	}
	s.assessments[k], s.gate = a, append(s.gate, gate...)
	return a, nil
}

func (s *fakeStore) AssessmentOf(_ context.Context, exchange etf.Exchange, session etf.Session) (etf.Assessment, error) {
	if a, ok := s.assessments[assessmentKey(exchange, session)]; ok {
		return a, s.called("AssessmentOf")
	}
	return etf.Assessment{}, cmp.Or[error](s.called("AssessmentOf"), etf.NotFound("assessment", "there is none", ""))
}

func (s *fakeStore) AssessmentHash(_ context.Context, exchange etf.Exchange, session etf.Session) (string, error) {
	return s.assessments[assessmentKey(exchange, session)].Hash, s.called("AssessmentHash")
}

func (s *fakeStore) AssessmentByHash(_ context.Context, hash string) (etf.Assessment, error) {
	for _, a := range s.assessments {
		if a.Hash == hash {
			return a, s.called("AssessmentByHash")
		}
	}
	return etf.Assessment{}, etf.NotFound("assessment", "there is none", "")
}

func (s *fakeStore) AssessmentBefore(_ context.Context, exchange etf.Exchange, session etf.Session) (etf.Assessment, error) {
	var newest etf.Assessment
	for _, a := range s.assessments {
		if a.Exchange == exchange && a.Session < session && a.Session > newest.Session {
			newest = a
		}
	}
	if newest.Hash == "" {
		return newest, cmp.Or[error](s.called("AssessmentBefore"), etf.NotFound("assessment", "there is none", ""))
	}
	return newest, s.called("AssessmentBefore")
}

func (s *fakeStore) Matured(_ context.Context, q etf.OutcomeQuery) ([]etf.MaturedForecast, []error, error) {
	return s.matured[q.Target][q.Horizon], nil, s.called("Matured")
}

func (s *fakeStore) BacktestWeights(context.Context, etf.Exchange) (string, []etf.BacktestWeights, error) {
	if s.weights == nil && s.err["BacktestWeights"] == nil {
		return "", nil, etf.NotFound("exchange", "there is none", "")
	}
	return "b1", s.weights, s.err["BacktestWeights"]
}

func (s *fakeStore) SessionLosses(context.Context, etf.ScoreFilter) ([]etf.SessionLosses, error) {
	return s.losses, s.called("SessionLosses")
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		seconds: map[string]etf.SecondOpinion{}, fetches: map[string]etf.Fetch{}, responses: map[string]etf.Response{}, forecasts: map[string]etf.Forecast{},
		assessments: map[string]etf.Assessment{},
		rows:        map[etf.Symbol]etf.RunETF{}, err: map[string]error{}, times: map[string]int{},
	}
}

func (s *fakeStore) called(name string) error {
	s.times[name]++
	return s.err[name]
}

func (s *fakeStore) ETF(context.Context, etf.Symbol) (etf.ETF, error) {
	return s.etf, s.called("ETF")
}

func (s *fakeStore) Due(_ context.Context, _ etf.Exchange, _ etf.Session, _ []etf.Symbol, after etf.Symbol, limit int) ([]etf.ETF, error) {
	var due []etf.ETF
	for _, e := range s.etfs {
		if e.Symbol > after && len(due) < limit {
			due = append(due, e)
		}
	}
	return due, s.called("Due")
}

func (s *fakeStore) Stored(context.Context, etf.Symbol) (etf.Stored, error) {
	return s.stored, s.called("Stored")
}

func (s *fakeStore) SaveFetch(_ context.Context, f etf.Fetch, a etf.Response) error {
	if _, ok := s.fetches[f.ID]; !ok {
		s.fetches[f.ID], s.responses[f.ID] = f, a
	}
	return s.called("SaveFetch")
}

func (s *fakeStore) SaveCheck(_ context.Context, fetch, second string, session etf.Session) error {
	s.seconds[fetch] = quality.SecondOpinion(s.fetches[second], s.responses[second], session)
	return s.called("SaveCheck")
}

func (s *fakeStore) Staged(_ context.Context, fetch string) (etf.Staged, error) {
	f, ok := s.fetches[fetch]
	if !ok {
		return etf.Staged{}, etf.NotFound("fetch", "no such fetch", "")
	}
	a := s.responses[fetch]
	grounds := s.grounds
	if s.onStaged != nil {
		s.onStaged()
	}
	return etf.Staged{
		Grounds: grounds,
		Fetch:   f, Bars: a.Bars, Actions: a.Actions, Defects: a.Defects, Known: s.known, Splits: s.splits, Initial: s.stored.Bars == 0,
		First: s.first, Listed: s.listed, Second: s.seconds[fetch],
	}, s.called("Staged")
}

func (s *fakeStore) DiscardStaged(context.Context, etf.RunID) (int, error) {
	return 1, s.called("DiscardStaged")
}

// SaveFindings reports every finding as new, except those with an entry in s.reported.
func (s *fakeStore) SaveFindings(_ context.Context, j etf.Judgement) ([]etf.Reported, error) {
	if j.Grounds == nil {
		return nil, errors.New("judged on no grounds")
	}
	if *j.Grounds != s.grounds {
		return nil, cmp.Or[error](s.called("SaveFindings"), &etf.Error{Kind: etf.KindConflict, Message: "outdated", Err: etf.ErrOutdated})
	}
	s.judgedOn = append(s.judgedOn, s.grounds)
	s.findings, s.verdicts = j.Findings, j.Verdicts
	list := slices.Clone(s.reported)
	if list == nil {
		for _, f := range j.Findings {
			list = append(list, etf.Reported{Finding: f, New: true})
		}
	}
	return list, s.called("SaveFindings")
}

func (s *fakeStore) Finding(_ context.Context, id string) (etf.Finding, error) {
	return etf.Finding{ID: id, Decision: etf.Reject}, s.called("Finding")
}

func (s *fakeStore) Decide(_ context.Context, r etf.Ruling) (etf.Finding, error) {
	s.ruling = r
	s.decided = etf.Finding{ID: r.Finding, Decision: r.Decision, By: r.By, Why: r.Why}
	return s.decided, s.called("Decide")
}

func (s *fakeStore) Persist(context.Context, string) (etf.Persisted, error) {
	return s.persisted, s.called("Persist")
}

func (s *fakeStore) Replace(_ context.Context, _ string, r etf.Replacement) (etf.Persisted, []string, error) {
	s.replaced = r
	if !r.Outdated && len(s.judgedOn) > 0 && s.judgedOn[len(s.judgedOn)-1] != s.grounds {
		return etf.Persisted{}, nil, cmp.Or[error](s.called("Replace"), &etf.Error{Kind: etf.KindConflict, Message: "outdated", Err: etf.ErrOutdated})
	}
	return s.persisted, nil, s.called("Replace")
}

func (s *fakeStore) SessionBars(context.Context, etf.Exchange, etf.Session) ([]etf.SessionBar, error) {
	return s.held, s.called("SessionBars")
}

func (s *fakeStore) ReleaseHeld(_ context.Context, symbol etf.Symbol, _ etf.Session, run etf.RunID) (bool, error) {
	err := s.called("ReleaseHeld")
	for i := range s.held {
		if b := &s.held[i]; err == nil && b.Symbol == symbol && b.Held {
			b.Held, b.HeldBy, b.Released = false, nil, run
			s.released = append(s.released, symbol)
			return true, nil
		}
	}
	return false, err
}

func (s *fakeStore) RunETFs(_ context.Context, _ etf.RunID, after etf.Symbol, limit int) ([]etf.RunETF, error) {
	var rows []etf.RunETF
	for _, symbol := range slices.Sorted(maps.Keys(s.rows)) {
		if symbol > after && len(rows) < limit {
			rows = append(rows, s.rows[symbol])
		}
	}
	return rows, s.called("RunETFs")
}

func (s *fakeStore) History(_ context.Context, symbol etf.Symbol, _ etf.Session, limit int) (etf.History, error) {
	s.limit = limit
	if h, ok := s.histories[symbol]; ok {
		return h, s.called("History")
	}
	return s.history, s.called("History")
}

// AppendForecasts refuses a forecast for which onAppend returns KindInvalid; any other error of onAppend fails the whole.
func (s *fakeStore) AppendForecasts(_ context.Context, list []etf.Forecast) ([]etf.Appended, error) {
	results := make([]etf.Appended, len(list))
	after := maps.Clone(s.forecasts)
	for i, f := range list {
		if s.onAppend != nil {
			if err := s.onAppend(f); etf.KindOf(err) == etf.KindInvalid {
				results[i].Refused = err
				continue
			} else if err != nil {
				return nil, err
			}
		}
		old, found := after[f.ID]
		if !found {
			old = f
			after[f.ID] = f
		}
		results[i] = etf.Appended{Forecast: old, New: !found}
	}
	s.forecasts = after
	return results, s.called("AppendForecasts")
}

func (s *fakeStore) StartRun(_ context.Context, r etf.Run) error {
	s.run = r
	return s.called("StartRun")
}

func (s *fakeStore) RecordOutcomes(_ context.Context, _ etf.RunID, _ []string, counts etf.RunCounts, rows []etf.RunETF) error {
	s.run.Counts = counts
	for _, r := range rows {
		s.rows[r.Symbol] = r
	}
	return s.called("RecordOutcomes")
}

func (s *fakeStore) FinishRun(_ context.Context, end etf.RunEnd) (etf.RunCounts, error) {
	s.run.Status, s.run.Counts, s.run.Closed, s.run.Error = end.Status, end.Counts, end.Closed, end.Reason
	return end.Counts, s.called("FinishRun")
}

func (s *fakeStore) LastCompleted(context.Context, etf.Exchange) (etf.Session, error) {
	return s.completed, s.called("LastCompleted")
}

func (s *fakeStore) Run(_ context.Context, id etf.RunID) (etf.Run, error) {
	status, ok := s.recorded[id]
	if err := s.called("Run"); err != nil || ok {
		return etf.Run{ID: id, Status: status}, err
	}
	return etf.Run{}, etf.NotFound("id", "no run "+string(id), "")
}

func (s *fakeStore) Anchor(_ context.Context, scope etf.AnchorScope, _ etf.CheckpointNote) (etf.Anchored, error) {
	s.scope = scope
	return s.anchored, s.called("Anchor")
}

var _ Store = (*fakeStore)(nil)

// fakeSource returns the given response and error, and keeps the query.
type fakeSource struct {
	response etf.Response
	err      error
	query    etf.Query
	times    int
	// failures is how many of the first calls find it down.
	failures int
}

func (s *fakeSource) Name() string { return "fake" }

func (s *fakeSource) Fetch(_ context.Context, q etf.Query) (etf.Response, error) {
	s.query = q
	if s.times++; s.times <= s.failures {
		return etf.Response{}, &etf.Error{Kind: etf.KindUnavailable, Message: "down"}
	}
	return s.response, s.err
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// intercepted has the interceptor that every worker installs: errors have the types a workflow sees.
var intercepted = worker.Options{Interceptors: []interceptor.WorkerInterceptor{&Interceptor{}}}

func newEnv(t *testing.T, structs ...any) *testsuite.TestActivityEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(intercepted)
	for _, s := range structs {
		env.RegisterActivity(s)
	}
	return env
}

func do[T any](t *testing.T, env *testsuite.TestActivityEnvironment, activity, in any) (T, error) {
	t.Helper()
	var v T
	encoded, err := env.ExecuteActivity(activity, in)
	if err == nil && encoded.HasValue() {
		if err := encoded.Get(&v); err != nil {
			t.Fatal(err)
		}
	}
	return v, err
}

// retried runs the named activity in a workflow, which retries it as often as its errors allow.
func retried[T any](t *testing.T, registered any, name string, in any) (T, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(intercepted)
	env.RegisterActivity(registered)
	env.ExecuteWorkflow(func(ctx workflow.Context) (v T, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 30},
		})
		err = workflow.ExecuteActivity(ctx, name, in).Get(ctx, &v)
		return v, err
	})
	var v T
	if err := env.GetWorkflowError(); err != nil {
		return v, err
	}
	if err := env.GetWorkflowResult(&v); err != nil {
		t.Fatal(err)
	}
	return v, nil
}

// bars makes n bars on consecutive sessions of XNYS, ending with last.
func bars(n int, last etf.Session) []etf.Bar {
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		panic(err)
	}
	sessions := cal.Sessions(etf.Window{To: last})
	out := make([]etf.Bar, n)
	for i, s := range sessions[len(sessions)-n:] {
		c := etf.MustPrice(fmt.Sprintf("%d.%02d", 100+i%3, i%7))
		out[i] = etf.Bar{Session: s, Open: c, High: c, Low: c, Close: c, Volume: etf.Shares(1000)}
	}
	return out
}

// fakeModel predicts the last close at every horizon.
type fakeModel struct {
	name     string
	min, max int
	rows     *int
}

func (m fakeModel) Name() string                            { return m.name }
func (m fakeModel) Params() string                          { return `{"a":1}` }
func (m fakeModel) MinRows() int                            { return m.min }
func (m fakeModel) MaxRows() int                            { return m.max }
func (m fakeModel) Restore([]byte) (forecast.Fitted, error) { return nil, nil }

func (m fakeModel) Fit(_ context.Context, s forecast.Series, _ uint64, _ forecast.Progress) (forecast.Fitted, error) {
	if m.rows != nil {
		*m.rows = len(s.Close)
	}
	return fakeFitted{s.Close[len(s.Close)-1]}, nil
}

type fakeFitted struct{ last float64 }

func (f fakeFitted) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	points := make([]etf.ForecastPoint, len(targets))
	for i, s := range targets {
		points[i] = etf.ForecastPoint{Horizon: i + 1, Target: s, Mean: f.last}
		for k := range points[i].Quantiles {
			points[i].Quantiles[k] = f.last
		}
	}
	return points, nil
}

func (fakeFitted) Diagnostics() map[string]string { return map[string]string{"status": "ok"} }
func (fakeFitted) MarshalBinary() ([]byte, error) { return nil, nil }

func (s *fakeStore) DecideAction(_ context.Context, d etf.ActionDecision) (etf.ActionDecided, error) {
	return etf.ActionDecided{Action: etf.StatedAction{ID: d.Action, Symbol: d.Symbol, Status: d.Status, By: d.By, Why: d.Why}}, nil
}

// fakeStates keep breakers and quotas, without other writers.
type fakeStates struct {
	mu       sync.Mutex
	breakers map[string]etf.Breaker
	quotas   map[string]etf.QuotaUse
	named    map[string][]etf.SourceETF
	writes   int // changes of breakers
}

func (s *fakeStates) Breaker(_ context.Context, source string) (etf.Breaker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.breakers[source]
	b.Source = source
	return b, nil
}

func (s *fakeStates) ChangeBreaker(_ context.Context, source string, change func(etf.Breaker) etf.Breaker) (etf.Breaker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.breakers == nil {
		s.breakers = map[string]etf.Breaker{}
	}
	b := s.breakers[source]
	b.Source = source
	s.breakers[source] = change(b)
	s.writes++
	return s.breakers[source], nil
}

func (s *fakeStates) TakeQuota(_ context.Context, r etf.QuotaRequest) (etf.QuotaUse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quotas == nil {
		s.quotas = map[string]etf.QuotaUse{}
	}
	key := r.Source + " " + r.Day.String()
	u, err := s.quotas[key].Take(r)
	if err == nil {
		s.quotas[key] = u
	}
	return u, err
}

func (s *fakeStates) RefuseQuota(_ context.Context, source string, day etf.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quotas == nil {
		s.quotas = map[string]etf.QuotaUse{}
	}
	u := s.quotas[source+" "+day.String()]
	u.Refused = true
	s.quotas[source+" "+day.String()] = u
	return nil
}

func (s *fakeStates) QuotaUse(_ context.Context, source string, day etf.Session) (etf.QuotaUse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quotas[source+" "+day.String()], nil
}

func (s *fakeStates) SourceETFs(context.Context) (map[string][]etf.SourceETF, error) {
	return s.named, nil
}
