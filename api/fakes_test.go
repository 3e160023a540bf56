package api

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/workflows"
)

// fakeStore is an in-memory service.Store. If err is set, every method fails with it.
type fakeStore struct {
	assessments   map[etf.Exchange]etf.Assessment // the newest, without state
	service.Store                                 // nil: methods that no handler calls
	backfills     backfills
	mu            sync.Mutex
	err           error
	etfs          map[etf.Symbol]etf.ETF
	changes       []etf.ETFChange
	closures      []etf.CalendarChange
	bars          map[etf.Symbol][]etf.StoredBar
	confirmed     map[etf.Symbol]etf.Confirmation
	forecasts     []etf.Forecast
	forecastErr   error             // of every method that reads forecasts
	fits          map[string][]byte // by forecast
	runs          map[etf.RunID]etf.Run
	runETFs       map[string][]etf.RunETF
	schema        int64
	missing       []string
	provenance    provenanceStore
	actions       []etf.StatedAction // every state of statements, oldest first
	keys          map[string]etf.StatedAction
	barErr        func(n int) error  // called before the n-th bar, counted from 0
	onRun         func(id etf.RunID) // called by Run before it reads
	findings      []etf.FindingRecord
	retracted     map[string]string // the finding, by forecast
	log           *fakeLedger       // nil while it is empty
	scores        []etf.Score
	entrants      []string
	events        []etf.Event // ascending
	eventReads    int
	fetches       []etf.StoredFetch // newest first
	verdicts      []etf.GateVerdict // newest session first
	backtests     backtests
	breakers      []etf.Breaker
	breakerMoves  []etf.BreakerChange // newest first
	quotas        map[string]etf.QuotaUse
}

func (f *fakeStore) Breakers(context.Context) ([]etf.Breaker, error) {
	defer f.locked()()
	return f.breakers, f.err
}

func (f *fakeStore) BreakerChanges(_ context.Context, _ string, limit int) ([]etf.BreakerChange, error) {
	defer f.locked()()
	return f.breakerMoves[:min(limit, len(f.breakerMoves))], f.err
}

func (f *fakeStore) AllowQuota(context.Context, string, etf.Session) error { return nil }

func (f *fakeStore) QuotaUse(_ context.Context, source string, day etf.Session) (etf.QuotaUse, error) {
	defer f.locked()()
	u := f.quotas[source]
	u.Source, u.Day = source, day
	return u, f.err
}

func (f *fakeStore) SourceETFs(context.Context) (map[string][]etf.SourceETF, error) {
	defer f.locked()()
	all := map[string][]etf.SourceETF{}
	for _, e := range f.etfs {
		for i, ref := range e.Sources {
			all[ref.Name] = append(all[ref.Name], etf.SourceETF{Symbol: e.Symbol, Exchange: e.Exchange, Ref: ref.Ref, Place: i + 1})
		}
	}
	for _, list := range all {
		slices.SortFunc(list, func(a, b etf.SourceETF) int { return strings.Compare(string(a.Symbol), string(b.Symbol)) })
	}
	return all, f.err
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		etfs: map[etf.Symbol]etf.ETF{}, bars: map[etf.Symbol][]etf.StoredBar{}, runs: map[etf.RunID]etf.Run{},
		runETFs: map[string][]etf.RunETF{}, schema: 7,
	}
}

func (f *fakeStore) locked() func() { f.mu.Lock(); return f.mu.Unlock }

// permanentID is that of every ETF here.
const permanentID = "0123456789abcdef0123456789abcdef"

func (f *fakeStore) CreateETF(_ context.Context, e etf.ETF) (etf.ETF, bool, error) {
	defer f.locked()()
	if f.err != nil {
		return etf.ETF{}, false, f.err
	}
	old, ok := f.etfs[e.Symbol]
	if !ok {
		e.CreatedAt, e.PermanentID = testNow, permanentID
		f.etfs[e.Symbol] = e
		return e, true, nil
	}
	if old.Exchange != e.Exchange || old.Currency != e.Currency || !reflect.DeepEqual(old.Sources, e.Sources) {
		return etf.ETF{}, false, &etf.Error{Kind: etf.KindConflict, Field: "sources", Message: string(e.Symbol) + " is registered differently", Remedy: "use what is stored"}
	}
	return old, false, nil
}

func (f *fakeStore) RenameETF(_ context.Context, r etf.Rename) (etf.ETF, bool, error) {
	defer f.locked()()
	e, ok := f.etfs[r.Symbol]
	if _, taken := f.etfs[r.To]; !ok || taken {
		return etf.ETF{}, false, &etf.Error{Kind: etf.KindConflict, Field: "to", Message: "another ETF has the symbol", Remedy: "name another"}
	}
	delete(f.etfs, r.Symbol)
	e.Symbol, e.Former, e.Changes = r.To, append(e.Former, etf.FormerSymbol{Symbol: r.Symbol, Last: r.Last}), e.Changes+1
	if r.Sources != nil {
		e.Sources = r.Sources
	}
	f.etfs[r.To] = e
	return e, true, nil
}

func (f *fakeStore) ImportETFs(_ context.Context, list etf.Import) ([]etf.Change, error) {
	defer f.locked()()
	changes := make([]etf.Change, len(list.ETFs))
	for i, e := range list.ETFs {
		if _, known := f.etfs[e.Symbol]; known {
			changes[i] = etf.Unchanged
			continue
		}
		if changes[i] = etf.Created; !list.DryRun {
			e.PermanentID = permanentID
			f.etfs[e.Symbol] = e
		}
	}
	return changes, nil
}

func (f *fakeStore) ChangeETF(_ context.Context, c etf.ETFEdit) (etf.ETF, bool, error) {
	defer f.locked()()
	if f.err != nil {
		return etf.ETF{}, false, f.err
	}
	e, ok := f.etfs[c.Symbol]
	switch {
	case !ok:
		return etf.ETF{}, false, etf.NotFound("symbol", "not registered", "register it")
	case c.Changes != nil && *c.Changes != e.Changes:
		return etf.ETF{}, false, &etf.Error{Kind: etf.KindConflict, Field: "changes", Message: "changed since", Remedy: "read it again"}
	case c.Currency != nil && *c.Currency != e.Currency && e.Bars > 0:
		return etf.ETF{}, false, &etf.Error{Kind: etf.KindConflict, Field: "currency", Message: "bars are stored", Remedy: "keep it"}
	}
	old := e
	if c.Currency != nil {
		e.Currency = *c.Currency
	}
	if c.Name != nil {
		e.Name = *c.Name
	}
	if c.Sources != nil {
		e.Sources = c.Sources
	}
	if c.Retired != nil {
		e.Retired = *c.Retired
	}
	if c.Listed != nil {
		e.Listed = *c.Listed
	}
	if c.Delisted != nil {
		e.Delisted = *c.Delisted
	}
	if c.ISIN != nil {
		e.ISIN = *c.ISIN
	}
	if reflect.DeepEqual(old, e) && !c.Note {
		return e, false, nil
	}
	e.Changes++
	f.etfs[c.Symbol] = e
	f.changes = append(f.changes, etf.ETFChange{
		Symbol: e.Symbol,
		Number: e.Changes, Currency: e.Currency, Name: e.Name, Sources: e.Sources, Listed: e.Listed, Retired: e.Retired, By: c.By, Why: c.Why, At: testNow,
	})
	return e, true, nil
}

func (f *fakeStore) ETFChanges(context.Context, etf.Symbol) ([]etf.ETFChange, error) {
	defer f.locked()()
	return f.changes, f.err
}

func (f *fakeStore) ETFs(_ context.Context, x etf.Exchange, after etf.Symbol, limit int) ([]etf.ETF, error) {
	defer f.locked()()
	var all []etf.ETF
	for _, e := range f.etfs {
		if (x == "" || e.Exchange == x) && e.Symbol > after {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b etf.ETF) int { return strings.Compare(string(a.Symbol), string(b.Symbol)) })
	return all[:min(limit, len(all))], f.err
}

func (f *fakeStore) ETF(_ context.Context, s etf.Symbol) (etf.ETF, error) {
	defer f.locked()()
	if f.err != nil {
		return etf.ETF{}, f.err
	}
	e, ok := f.etfs[s]
	if !ok {
		return etf.ETF{}, etf.NotFound("symbol", "not registered", "register it")
	}
	return e, nil
}

func (f *fakeStore) Confirmations(_ context.Context, symbols []etf.Symbol) (map[etf.Symbol]etf.Confirmation, error) {
	defer f.locked()()
	list := map[etf.Symbol]etf.Confirmation{}
	for _, s := range symbols {
		if c, ok := f.confirmed[s]; ok {
			list[s] = c
		}
	}
	return list, f.err
}

func (f *fakeStore) window(s etf.Symbol, w etf.Window) []etf.StoredBar {
	defer f.locked()()
	var in []etf.StoredBar
	for _, b := range f.bars[s] {
		if w.Contains(b.Session) {
			in = append(in, b)
		}
	}
	return in
}

func (f *fakeStore) BarsPage(_ context.Context, s etf.Symbol, w etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error) {
	var page []etf.StoredBar
	for i, b := range f.window(s, w) {
		if b.Session <= after || len(page) == limit {
			continue
		}
		if f.barErr != nil {
			if err := f.barErr(i); err != nil {
				return nil, err
			}
		}
		page = append(page, b)
	}
	return page, f.err
}

func (f *fakeStore) LatestForecasts(_ context.Context, s etf.Symbol, model string) ([]etf.Forecast, error) {
	defer f.locked()()
	if f.forecastErr != nil {
		return nil, f.forecastErr
	}
	for i := len(f.forecasts) - 1; i >= 0; i-- {
		if f.forecasts[i].Symbol == s && f.forecasts[i].Model == model {
			return f.forecasts[i : i+1], f.err
		}
	}
	return nil, f.err
}

func (f *fakeStore) ForecastModels(_ context.Context, symbol etf.Symbol) (models []string, err error) {
	defer f.locked()()
	for _, c := range f.forecasts {
		if c.Symbol == symbol {
			models = append(models, c.Model)
		}
	}
	return models, f.err
}

func (f *fakeStore) Scores(_ context.Context, filter etf.ScoreFilter) ([]etf.Score, error) {
	defer f.locked()()
	return slices.DeleteFunc(slices.Clone(f.scores), func(s etf.Score) bool { return s.Symbol != filter.Symbol }), f.err
}

func (f *fakeStore) SessionLosses(_ context.Context, filter etf.ScoreFilter) ([]etf.SessionLosses, error) {
	defer f.locked()()
	sums := scoring.Contributions(f.scores, "drift")
	return slices.DeleteFunc(sums, func(l etf.SessionLosses) bool {
		return filter.Exchange != "" && l.Exchange != filter.Exchange || filter.Model != "" && l.Model != filter.Model ||
			filter.Horizon != 0 && l.Horizon != filter.Horizon || filter.Standing != "" && l.Standing != filter.Standing
	}), f.err
}

func (f *fakeStore) Entrants(context.Context) (list []etf.Entrant, err error) {
	defer f.locked()()
	for _, model := range f.entrants {
		list = append(list, etf.Entrant{Model: model})
	}
	return list, f.err
}

func (f *fakeStore) Retracted(_ context.Context, forecasts []string) (map[string][]string, error) {
	defer f.locked()()
	marks := map[string][]string{}
	for _, id := range forecasts {
		if by := f.retracted[id]; by != "" {
			marks[id] = []string{by}
		}
	}
	return marks, nil
}

func (f *fakeStore) Forecast(_ context.Context, id string) (etf.Forecast, error) {
	defer f.locked()()
	if f.forecastErr != nil {
		return etf.Forecast{}, f.forecastErr
	}
	for _, one := range f.forecasts {
		if one.ID == id {
			return one, f.err
		}
	}
	if f.err != nil {
		return etf.Forecast{}, f.err
	}
	return etf.Forecast{}, etf.NotFound("id", "no such forecast", "")
}

func (f *fakeStore) ForecastFit(_ context.Context, id string) ([]byte, error) {
	defer f.locked()()
	if f.err != nil {
		return nil, f.err
	}
	fit, ok := f.fits[id]
	if !ok {
		return nil, etf.NotFound("id", "no such fit", "")
	}
	return fit, nil
}

func (f *fakeStore) Runs(_ context.Context, filter etf.RunFilter, after etf.Cursor, limit int) ([]etf.Run, etf.Cursor, error) {
	defer f.locked()()
	if f.err != nil {
		return nil, etf.Cursor{}, f.err
	}
	at := func(r etf.Run) etf.Cursor { return etf.Cursor{At: r.StartedAt, ID: string(r.ID)} }
	newestFirst := func(a, b etf.Cursor) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID)) }
	var all []etf.Run
	for _, r := range f.runs {
		if (filter.Exchange == "" || r.Exchange == filter.Exchange) && (len(filter.Statuses) == 0 || slices.Contains(filter.Statuses, r.Status)) &&
			(after.IsZero() || newestFirst(at(r), after) > 0) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b etf.Run) int { return newestFirst(at(a), at(b)) })
	if len(all) > limit {
		return all[:limit], at(all[limit-1]), nil
	}
	return all, etf.Cursor{}, nil
}

func (f *fakeStore) Run(_ context.Context, id etf.RunID) (etf.Run, error) {
	if f.onRun != nil {
		f.onRun(id)
	}
	defer f.locked()()
	if f.err != nil {
		return etf.Run{}, f.err
	}
	r, ok := f.runs[id]
	if !ok {
		return etf.Run{}, etf.NotFound("id", "no such run", "")
	}
	return r, nil
}

func (f *fakeStore) RunETFs(_ context.Context, run etf.RunID, after etf.Symbol, limit int) ([]etf.RunETF, error) {
	defer f.locked()()
	var in []etf.RunETF
	for _, r := range f.runETFs[string(run)] {
		if r.Symbol > after {
			in = append(in, r)
		}
	}
	return in[:min(limit, len(in))], f.err
}

func (f *fakeStore) RerunCount(_ context.Context, base etf.RunID) (int, error) {
	defer f.locked()()
	highest := 0
	for id := range f.runs {
		if id.Base() == base {
			highest = max(highest, id.Attempt())
		}
	}
	return highest, f.err
}

func (f *fakeStore) Findings(_ context.Context, filter etf.FindingFilter, after etf.Cursor, limit int) (page []etf.Finding, next etf.Cursor, err error) {
	defer f.locked()()
	for _, r := range f.findings {
		if !after.IsZero() && r.ID >= after.ID || filter.Symbol != "" && filter.Symbol != r.Symbol || filter.Rule != "" && filter.Rule != r.Rule ||
			filter.Exchange != "" && f.etfs[r.Symbol].Exchange != filter.Exchange {
			continue
		}
		if len(page) == limit {
			last := page[limit-1]
			return page, etf.Cursor{At: last.FoundAt, ID: last.ID}, f.err
		}
		page = append(page, r.Finding)
	}
	return page, etf.Cursor{}, f.err
}

func (f *fakeStore) Finding(ctx context.Context, id string) (etf.Finding, error) {
	r, err := f.FindingRecord(ctx, id)
	return r.Finding, err
}

func (f *fakeStore) FindingRecord(_ context.Context, id string) (etf.FindingRecord, error) {
	defer f.locked()()
	for _, r := range f.findings {
		if r.ID == id {
			return r, f.err
		}
	}
	return etf.FindingRecord{}, etf.NotFound("id", "no such finding", "list them")
}

func (f *fakeStore) AsOfVersion(_ context.Context, _ etf.Symbol, number int64) (etf.AsOf, error) {
	return etf.AsOf{Version: number, Given: true}, f.err
}

func (f *fakeStore) OldestUndecided(context.Context, etf.Symbol) (etf.Finding, error) {
	return etf.Finding{}, etf.NotFound("", "none waits", "")
}

func (f *fakeStore) Ping(context.Context) error { return f.err }

func (f *fakeStore) SchemaVersion(context.Context) (int64, int64, error) {
	defer f.locked()()
	return f.schema, 7, f.err
}

func (f *fakeStore) MissingRights(context.Context) ([]string, error) {
	defer f.locked()()
	return f.missing, f.err
}

// fakeTemporal is an in-memory service.Temporal. If err is set, every method fails with it.
type fakeTemporal struct {
	mu         sync.Mutex
	err        error
	executions map[string]etf.Execution
	statuses   map[string]workflows.DailyStatus
	starts     []workflows.DailyInput
	cancelled  []string
	told       []string // backfills, as "pause <id>"
	closing    int      // so many more starts of a backfill find the one of before in their way
	schedules  map[string]etf.Schedule
	triggered  []string
	served     map[string]bool
	now        func() time.Time
	onStart    func() // called by StartDaily before it decides
	slow       bool   // decisions are not applied in time
	decision   workflows.Decision
	decided    []etf.ActionDecision
	onDecide   func(etf.ActionDecision) // called by DecideAction
}

func newFakeTemporal() *fakeTemporal {
	return &fakeTemporal{
		executions: map[string]etf.Execution{}, statuses: map[string]workflows.DailyStatus{}, schedules: map[string]etf.Schedule{},
		served: map[string]bool{}, now: func() time.Time { return testNow },
	}
}

func (f *fakeTemporal) locked() func() { f.mu.Lock(); return f.mu.Unlock }

func (f *fakeTemporal) StartDaily(_ context.Context, in workflows.DailyInput, again bool) (bool, error) {
	if f.onStart != nil {
		f.onStart()
	}
	defer f.locked()()
	if f.err != nil {
		return false, f.err
	}
	x, there := f.executions[in.Run().WorkflowID()]
	if there && (!again || x.Status == etf.RunRunning || x.Status == etf.RunCompleted) {
		return false, nil
	}
	f.executions[in.Run().WorkflowID()] = etf.Execution{Status: etf.RunRunning, Symbols: in.Symbols, StartedAt: f.now()}
	f.starts = append(f.starts, in)
	return true, nil
}

func (f *fakeTemporal) StartBacktest(_ context.Context, in workflows.BacktestInput) (bool, error) {
	defer f.locked()()
	if f.err != nil {
		return false, f.err
	}
	id := etf.BacktestWorkflowID(in.ID)
	if x, there := f.executions[id]; there && (x.Status == etf.RunRunning || x.Status == etf.RunCompleted) {
		return false, nil
	}
	f.executions[id] = etf.Execution{Status: etf.RunRunning, StartedAt: f.now()}
	return true, nil
}

func (f *fakeTemporal) Execution(_ context.Context, id string) (etf.Execution, error) {
	defer f.locked()()
	if f.err != nil {
		return etf.Execution{}, f.err
	}
	x, ok := f.executions[id]
	if !ok {
		return etf.Execution{}, etf.NotFound("", "no such workflow", "")
	}
	return x, nil
}

func (f *fakeTemporal) DailyStatus(_ context.Context, id string) (workflows.DailyStatus, error) {
	defer f.locked()()
	if f.err != nil {
		return workflows.DailyStatus{}, f.err
	}
	s, ok := f.statuses[id]
	if !ok {
		return s, etf.Wrap(etf.KindUnavailable, fmt.Errorf("no worker"), "query")
	}
	return s, nil
}

func (f *fakeTemporal) Cancel(_ context.Context, id string) error {
	defer f.locked()()
	if f.err != nil {
		return f.err
	}
	if f.executions[id].Status != etf.RunRunning {
		return etf.NotFound("", "not running", "")
	}
	f.cancelled = append(f.cancelled, id)
	return nil
}

func (f *fakeTemporal) Schedule(_ context.Context, id string) (etf.Schedule, error) {
	defer f.locked()()
	if f.err != nil {
		return etf.Schedule{}, f.err
	}
	s, ok := f.schedules[id]
	if !ok {
		return s, etf.NotFound("", "no such schedule", "")
	}
	return s, nil
}

func (f *fakeTemporal) changeSchedule(id string, change func(*etf.Schedule)) error {
	defer f.locked()()
	if f.err != nil {
		return f.err
	}
	s, ok := f.schedules[id]
	if !ok {
		return etf.NotFound("", "no such schedule", "")
	}
	change(&s)
	f.schedules[id] = s
	return nil
}

func (f *fakeTemporal) PauseSchedule(_ context.Context, id, note string) error {
	return f.changeSchedule(id, func(s *etf.Schedule) { s.Paused, s.Note = true, note })
}

func (f *fakeTemporal) ResumeSchedule(_ context.Context, id, note string) error {
	return f.changeSchedule(id, func(s *etf.Schedule) { s.Paused, s.Note = false, note })
}

func (f *fakeTemporal) TriggerSchedule(_ context.Context, id string) error {
	return f.changeSchedule(id, func(*etf.Schedule) { f.triggered = append(f.triggered, id) })
}

func (f *fakeTemporal) ApplySchedule(_ context.Context, x etf.Exchange, _ etf.TimeOfDay) (bool, error) {
	defer f.locked()()
	id := workflows.ScheduleID(x)
	_, there := f.schedules[id]
	if !there {
		f.schedules[id] = etf.Schedule{ID: id, Exchange: x}
	}
	return !there, f.err
}

func (f *fakeTemporal) Served(_ context.Context, queue string) (bool, error) {
	defer f.locked()()
	return f.served[queue], f.err
}

func (f *fakeTemporal) Polling(ctx context.Context, queue string) (bool, error) {
	return f.Served(ctx, queue)
}

func (f *fakeTemporal) Decide(context.Context, string, workflows.Decision, time.Duration) (etf.Finding, bool, error) {
	return etf.Finding{}, false, etf.NotFound("", "no workflow waits", "")
}

// StartAndDecide applies a decision at once, unless slow is set.
func (f *fakeTemporal) StartAndDecide(_ context.Context, in workflows.ResolveFindingInput, d workflows.Decision, _ time.Duration) (etf.Finding, bool, error) {
	defer f.locked()()
	f.decision = d
	if f.slow || f.err != nil {
		return etf.Finding{}, false, f.err
	}
	decided := etf.Finding{ID: in.Finding, Symbol: in.Symbol, Rule: in.Rule, Severity: etf.SeverityError, Sessions: []etf.Session{in.Session}, FoundAt: testNow}
	if d.Decision != etf.Undo {
		decided.Decision, decided.By, decided.Why = d.Decision, d.By, d.Why
	}
	return decided, true, nil
}

func (f *fakeTemporal) Check(context.Context) error { return f.err }

// ForecastHeads returns all there are, which is more than the port asks for.
func (f *fakeStore) ForecastHeads(_ context.Context, symbol etf.Symbol, models []string, through etf.Session, _ int) (list []etf.ForecastHead, err error) {
	defer f.locked()()
	for _, c := range f.forecasts {
		if c.Symbol != symbol || c.Origin > through || !slices.Contains(models, c.Model) {
			continue
		}
		h := etf.ForecastHead{
			ID: c.ID, Symbol: c.Symbol, Model: c.Model, Origin: c.Origin, IssuedAt: c.IssuedAt, AsOf: c.AsOf, Run: c.Run, CodeVersion: c.CodeVersion,
			DataVersion: c.DataVersion.Number, Chain: c.Chain, Held: c.Held > 0,
		}
		for _, p := range c.Points {
			h.Horizons = append(h.Horizons, p.Horizon)
		}
		list = append(list, h)
	}
	return list, f.err
}

func (f *fakeStore) ETFFetches(_ context.Context, symbol etf.Symbol, after etf.Cursor, limit int) (page []etf.StoredFetch, next etf.Cursor, err error) {
	defer f.locked()()
	for _, one := range f.fetches {
		at := etf.Cursor{At: one.FetchedAt, ID: one.ID}
		if one.Symbol != symbol || !after.IsZero() && (at.At.After(after.At) || at.At.Equal(after.At) && at.ID >= after.ID) {
			continue
		}
		if len(page) == limit {
			last := page[limit-1]
			return page, etf.Cursor{At: last.FetchedAt, ID: last.ID}, f.err
		}
		page = append(page, one)
	}
	return page, next, f.err
}

func (f *fakeStore) RunsOfETF(_ context.Context, e etf.ETF, runs []etf.RunID) (map[etf.RunID]etf.RunETF, error) {
	defer f.locked()()
	list := map[etf.RunID]etf.RunETF{}
	for _, id := range runs {
		for _, r := range f.runETFs[string(id)] {
			if r.Symbol == e.Symbol {
				list[id] = r
			}
		}
	}
	return list, f.err
}

func (f *fakeStore) OriginScores(_ context.Context, exchange etf.Exchange, model string, horizon int, origin etf.Session) ([]etf.Score, error) {
	defer f.locked()()
	return slices.DeleteFunc(slices.Clone(f.scores), func(s etf.Score) bool {
		return s.Exchange != exchange || s.Model != model || s.Horizon != horizon || s.Origin != origin
	}), f.err
}

// fakeFolder keeps files in memory.
type fakeFolder struct {
	mu    sync.Mutex
	files map[string]string
}

func (f *fakeFolder) Keep(_ context.Context, name string, raw []byte) (string, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept, ok := f.files[name]
	if ok && kept != string(raw) {
		return "", false, &etf.Error{Kind: etf.KindConflict, Field: "symbol", Message: "another file is kept"}
	}
	f.files[name] = string(raw)
	return "uploads/" + name, !ok, nil
}

func (f *fakeStore) NewestAssessment(_ context.Context, exchange etf.Exchange) (etf.Assessment, error) {
	if a, ok := f.assessments[exchange]; ok {
		return a, nil
	}
	return etf.Assessment{}, etf.NotFound("assessment", "there is none", "")
}
