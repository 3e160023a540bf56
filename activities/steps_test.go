package activities

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// stage puts a response into the store as Fetch would.
func stage(s *fakeStore, a etf.Response) string {
	s.fetches["f1"] = etf.Fetch{ID: "f1", Symbol: "SPY", Basis: etf.AsTraded, FetchedAt: fridayEvening}
	s.responses["f1"] = a
	return "f1"
}

func TestValidateStoresFindingsAndVerdicts(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	rows := bars(40, friday)
	rows[39].High, rows[39].Low = etf.MustPrice("50"), etf.MustPrice("200") // the new session
	rows[5].High, rows[5].Low = etf.MustPrice("50"), etf.MustPrice("200")   // an old one
	v := &Validating{Fetches: store, Findings: store}
	in := ValidateInput{Fetch: stage(store, etf.Response{Bars: rows}), Symbol: "SPY", Exchange: etf.XNYS, Session: friday}
	got, err := do[ValidateResult](t, newEnv(t, v), v.Validate, in)
	if err != nil {
		t.Fatal(err)
	}
	if !got.QuarantinedNew || len(got.OnNew) == 0 || got.OnNew[0].Rule != "ohlc_order" || got.Errors != 2 || got.Findings != len(store.findings) {
		t.Errorf("got %+v", got)
	}
	if store.verdicts[39] != etf.VerdictQuarantine || store.verdicts[5] != etf.VerdictQuarantine || store.verdicts[20] != etf.VerdictKeep {
		t.Errorf("the verdicts are %v", store.verdicts)
	}
	ids := map[string]bool{}
	for _, f := range store.findings {
		if f.Fetch != "f1" || !f.FoundAt.Equal(fridayEvening) || f.Symbol != "SPY" || len(f.ID) != 32 || ids[f.ID] {
			t.Errorf("stored %+v", f)
		}
		ids[f.ID] = true
	}
	if !ids[got.OnNew[0].ID] {
		t.Error("the finding on the new session was not stored")
	}
	first := slices.Clone(store.findings)
	if _, err := do[ValidateResult](t, newEnv(t, v), v.Validate, in); err != nil || first[0].ID != store.findings[0].ID {
		t.Errorf("a repeat gives a different finding, %v", err)
	}
}

func TestValidateCleanRows(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.stored.Bars = 1
	v := &Validating{Fetches: store, Findings: store}
	got, err := do[ValidateResult](t, newEnv(t, v), v.Validate,
		ValidateInput{Fetch: stage(store, etf.Response{Bars: bars(16, friday)}), Symbol: "SPY", Exchange: etf.XNYS, Session: friday})
	if err != nil || got.QuarantinedNew || got.Errors != 0 || len(store.verdicts) != 16 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStepErrorsHaveTypes(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	for _, m := range []string{"Replace", "SaveFindings", "Decide", "RecordOutcomes", "FinishRun", "LastCompleted", "Due", "History", "StartRun"} {
		store.err[m] = &etf.Error{Kind: etf.KindUnavailable, Message: "database down"}
	}
	fetch := stage(store, etf.Response{Bars: bars(1, friday)})
	p, v, d := &Persisting{Store: store}, &Validating{Fetches: store, Findings: store}, &Deciding{Store: store}
	r, pl := &Recording{Store: store, Now: clock}, &Planning{Registry: store, Runs: store}
	f := &Forecasting{Store: store, Models: []Model{fakeModel{name: "m", min: 1}}, CodeVersion: "1", Now: clock}
	for _, c := range []struct {
		name     string
		activity any
		in       any
	}{
		{"Persist", p.Persist, PersistInput{Fetch: fetch}},
		{"Validate", v.Validate, ValidateInput{Fetch: fetch, Symbol: "SPY", Exchange: etf.XNYS, Session: friday}},
		{"Decide", d.Decide, DecideInput{Finding: "x"}},
		{"BeginRun", r.BeginRun, BeginRunInput{Run: etf.Run{Exchange: etf.XNYS, Session: friday}}},
		{"RecordOutcomes", r.RecordOutcomes, RecordOutcomesInput{}},
		{"FinishRun", r.FinishRun, FinishRunInput{}},
		{"SessionsDue", pl.SessionsDue, SessionsDueInput{Exchange: etf.XNYS, At: fridayEvening, Limit: 9}},
		{"DueETFs", pl.DueETFs, DueETFsInput{Exchange: etf.XNYS, Limit: 9}},
		{"Forecast", f.Forecast, ForecastInput{Symbol: "SPY", Exchange: etf.XNYS, Session: friday}},
	} {
		if _, err := newEnv(t, p, v, d, r, pl, f).ExecuteActivity(c.activity, c.in); typeOf(err) != TypeUnavailable {
			t.Errorf("%s ended with %v", c.name, err)
		}
	}
}

func TestPersistAndDecide(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.persisted = etf.Persisted{New: 1, Unchanged: 15, DataVersion: etf.DataVersion{Number: 7, Writer: "w"}}
	p, d := &Persisting{Store: store}, &Deciding{Store: store}
	got, err := do[PersistResult](t, newEnv(t, p), p.Persist, PersistInput{Fetch: "f1"})
	if err != nil || !reflect.DeepEqual(got.Persisted, store.persisted) || got.Attempt != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	finding, err := do[etf.Finding](t, newEnv(t, d), d.Decide, DecideInput{Finding: "x", Decision: etf.Reject, By: "jo", Why: "bad tick"})
	if err != nil || finding.Decision != etf.Reject || finding.By != "jo" || store.decided.Why != "bad tick" {
		t.Errorf("got %+v, %v", finding, err)
	}
}

func TestBeginRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		session string
		now     time.Time
		closed  bool
		wrong   string
	}{
		{"2025-09-26", fridayEvening, false, ""},
		{"2025-09-26", time.Date(2025, 9, 26, 20, 0, 0, 0, time.UTC), false, ""}, // the close itself, 16:00 in New York
		{"2025-09-26", time.Date(2025, 9, 26, 19, 59, 59, 0, time.UTC), false, TypeInvalid},
		{"2025-09-29", fridayEvening, false, TypeInvalid}, // next Monday
		{"2025-09-27", fridayEvening, true, ""},           // Saturday
		{"2025-07-04", fridayEvening, true, ""},           // Independence Day
		{"2150-01-04", fridayEvening, false, TypeInvalid}, // beyond the calendar
	} {
		store := newFakeStore()
		r := &Recording{Store: store, Now: func() time.Time { return c.now }}
		run := etf.Run{ID: etf.RunID("daily:XNYS:" + c.session), Exchange: etf.XNYS, Session: etf.MustSession(c.session)}
		got, err := do[BeginRunResult](t, newEnv(t, r), r.BeginRun, BeginRunInput{Run: run})
		if c.wrong == "" && !c.closed {
			if next := time.Date(2025, 9, 29, 20, 0, 0, 0, time.UTC); !got.NextClose.Equal(next) { // Monday, 16:00 in New York
				t.Errorf("after %s the exchange closes next at %s", c.now, got.NextClose)
			}
		}
		if typeOf(err) != c.wrong || got.Closed != c.closed {
			t.Errorf("%s at %s: %+v, %v", c.session, c.now, got, err)
		}
		if store.run.ID != run.ID {
			t.Errorf("%s was not recorded", c.session)
		}
	}
}

func TestSessionsDue(t *testing.T) {
	t.Parallel()
	day := etf.MustSession
	for _, c := range []struct {
		name      string
		at        time.Time
		completed etf.Session
		after     etf.Session
		limit     int
		want      []etf.Session
		more      bool
	}{
		{"first time", fridayEvening, 0, 0, 60, []etf.Session{friday}, false},
		{"on time", fridayEvening, friday - 1, 0, 60, []etf.Session{friday}, false},
		{"already done", fridayEvening, friday, 0, 60, nil, false},
		{"three missed over a weekend", time.Date(2025, 9, 30, 21, 30, 0, 0, time.UTC), friday - 1, 0, 60, []etf.Session{friday, friday + 3, friday + 4}, false},
		{"before the close", time.Date(2025, 9, 26, 19, 0, 0, 0, time.UTC), friday - 1, 0, 60, nil, false},
		{"Thanksgiving", time.Date(2025, 11, 27, 22, 30, 0, 0, time.UTC), day("2025-11-26"), 0, 60, nil, false},
		{"in batches", fridayEvening, friday - 4, 0, 2, []etf.Session{friday - 3, friday - 2}, true},
		{"the next batch", fridayEvening, friday - 4, friday - 2, 2, []etf.Session{friday - 1, friday}, false},
		{"nothing completed, first batch handled", fridayEvening, 0, friday, 60, nil, false},
		{"an instant in the past", time.Date(2025, 9, 24, 21, 30, 0, 0, time.UTC), friday, 0, 60, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newFakeStore()
			store.completed = c.completed
			p := &Planning{Registry: store, Runs: store}
			got, err := do[SessionsDueResult](t, newEnv(t, p), p.SessionsDue,
				SessionsDueInput{Exchange: etf.XNYS, At: c.at, After: c.after, Limit: c.limit})
			if err != nil || !slices.Equal(got.Sessions, c.want) || got.More != c.more {
				t.Errorf("got %+v, %v; want %v", got, err, c.want)
			}
		})
	}
}

// The record of the week's runs, Monday to Friday: d completed, f failed, - none.
func TestSkippedSessionsAreDue(t *testing.T) {
	t.Parallel()
	monday := friday - 4
	for _, c := range []struct {
		name, record string // from Monday on
		after        etf.Session
		at           time.Time
		want         []etf.Session
	}{
		{"a person ran the newest after an outage", "d---d", 0, fridayEvening, []etf.Session{monday + 1, monday + 2, monday + 3}},
		{"two gaps", "d-d-d", 0, fridayEvening, []etf.Session{monday + 1, monday + 3}},
		{"none", "ddddd", 0, fridayEvening, nil},
		{"the only run ever", "----d", 0, fridayEvening, nil},
		{"before the first run", "--d-d", 0, fridayEvening, []etf.Session{monday + 3}},
		{"a failed run is not skipped", "df--d", 0, fridayEvening, []etf.Session{monday + 2, monday + 3}},
		{"handled in the previous batch", "d---d", monday + 2, fridayEvening, []etf.Session{monday + 3}},
		{"newer ones come after them", "d-d--", 0, fridayEvening, []etf.Session{monday + 1, monday + 3, friday}},
		{"an instant in the past", "d-d-d", 0, fridayEvening.AddDate(0, 0, -2), []etf.Session{monday + 1}},
		{"an instant in the past, after a session without a run", "dd--d", 0, fridayEvening.AddDate(0, 0, -2), []etf.Session{monday + 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newFakeStore()
			store.recorded = map[etf.RunID]etf.RunStatus{}
			for i, r := range c.record {
				s := monday + etf.Session(i)
				switch r {
				case 'd':
					store.completed, store.recorded[etf.DailyRunID(etf.XNYS, s, nil, 1)] = s, etf.RunCompleted
				case 'f':
					store.recorded[etf.DailyRunID(etf.XNYS, s, nil, 1)] = etf.RunFailed
				}
			}
			p := &Planning{Runs: store}
			got, err := do[SessionsDueResult](t, newEnv(t, p), p.SessionsDue, SessionsDueInput{Exchange: etf.XNYS, At: c.at, After: c.after, Limit: 60})
			if err != nil || !slices.Equal(got.Sessions, c.want) || got.More {
				t.Errorf("got %+v, %v; want %v", got, err, c.want)
			}
		})
	}

	store := newFakeStore()
	store.completed, store.err["Run"] = friday, &etf.Error{Kind: etf.KindUnavailable, Message: "database down"}
	p := &Planning{Runs: store}
	if _, err := do[SessionsDueResult](t, newEnv(t, p), p.SessionsDue, SessionsDueInput{Exchange: etf.XNYS, At: fridayEvening, Limit: 9}); typeOf(err) != TypeUnavailable {
		t.Errorf("with the database down it ended with %v", err)
	}
}

func TestDueETFs(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	for _, s := range []etf.Symbol{"AAA", "BBB", "CCC"} {
		store.etfs = append(store.etfs, etf.ETF{Symbol: s, Currency: "USD", Sources: []etf.SourceRef{{Name: "file", Ref: "x"}}})
	}
	p := &Planning{Registry: store, Runs: store}
	got, err := do[DueETFsResult](t, newEnv(t, p), p.DueETFs, DueETFsInput{Exchange: etf.XNYS, After: "AAA", Limit: 5})
	if err != nil || len(got.ETFs) != 2 || got.ETFs[0].Symbol != "BBB" || got.ETFs[0].Sources[0].Name != "file" {
		t.Errorf("got %+v, %v", got, err)
	}
}

type fakeWatcher struct {
	status etf.RunStatus
	err    error
}

func (w fakeWatcher) AwaitEnd(context.Context, string) (etf.RunStatus, error) { return w.status, w.err }

func TestAwaitRun(t *testing.T) {
	t.Parallel()
	p := &Planning{Watcher: fakeWatcher{status: etf.RunCancelled}}
	got, err := do[AwaitRunResult](t, newEnv(t, p), p.AwaitRun, AwaitRunInput{WorkflowID: "x"})
	if err != nil || got.Status != etf.RunCancelled {
		t.Errorf("got %+v, %v", got, err)
	}
	p = &Planning{Watcher: fakeWatcher{err: etf.NotFound("workflow", "gone", "")}}
	if _, err := do[AwaitRunResult](t, newEnv(t, p), p.AwaitRun, AwaitRunInput{WorkflowID: "x"}); typeOf(err) != TypeNotFound {
		t.Errorf("ended with %v", err)
	}
}

// A stopping worker stops waiting at once; the activity is retried elsewhere.
func TestAwaitRunEndsWithTheWorker(t *testing.T) {
	t.Parallel()
	p := &Planning{Watcher: patientWatcher{}}
	env := newEnv(t, p)
	stop := make(chan struct{})
	close(stop)
	env.SetWorkerStopChannel(stop)
	_, err := do[AwaitRunResult](t, env, p.AwaitRun, AwaitRunInput{WorkflowID: "x"})
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != TypeUnavailable || app.NonRetryable() {
		t.Errorf("ended with %v", err)
	}
}

// patientWatcher waits until its context ends.
type patientWatcher struct{}

func (patientWatcher) AwaitEnd(ctx context.Context, _ string) (etf.RunStatus, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// storedBars turns bars into what History returns.
func storedBars(rows []etf.Bar, basis etf.Basis) []etf.StoredBar {
	out := make([]etf.StoredBar, len(rows))
	for i, b := range rows {
		out[i] = etf.StoredBar{Bar: b, Basis: basis, Source: "fake"}
	}
	return out
}

var forecastSPY = ForecastInput{Symbol: "SPY", Exchange: etf.XNYS, Session: friday, Run: "daily:XNYS:2025-09-26"}

func TestForecastAppendsOnce(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	rows := bars(50, friday)
	store.history = etf.History{
		DataVersion: etf.DataVersion{Number: 7, Writer: "w"}, AsOf: fridayEvening.Add(-time.Hour), Bars: storedBars(rows, etf.AsTraded),
		// Two for one before the last bar: forecasts are in terms of the shares at the origin.
		Splits: []etf.Action{{Kind: etf.Split, Ex: friday, Numerator: 2, Denominator: 1}},
	}
	fitted := 0
	f := &Forecasting{Store: store, CodeVersion: "v1", Now: clock, Models: []Model{
		fakeModel{name: "one", min: 10, max: 30, rows: &fitted}, fakeModel{name: "two", min: 10, max: 40}, fakeModel{name: "old", min: 51, max: 60},
	}}
	got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
	if err != nil || got.Appended != 2 || got.Found != 0 || len(got.Skipped) != 1 || got.Skipped[0] != "old: 50 of 51 sessions" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if store.limit != 60 || fitted != 50 {
		t.Errorf("loaded at most %d rows and fitted %d", store.limit, fitted)
	}
	for id, x := range store.forecasts {
		if x.ID != id || x.ID != forecast.ID(x) || x.Origin != friday || x.DataVersion.Number != 7 || x.Basis != etf.SplitAdjusted ||
			x.CodeVersion != "v1" || x.Run != forecastSPY.Run || !x.AsOf.Equal(store.history.AsOf) || !x.IssuedAt.Equal(fridayEvening) ||
			x.ParamsHash != forecast.ParamsHash(`{"a":1}`) || len(x.Points) != etf.MaxHorizon || x.Points[0].Target != friday+3 {
			t.Errorf("appended %+v", x)
		}
		if want := rows[49].Close.Float(); x.Points[0].Mean != want {
			t.Errorf("the last close after the split is %v, want %v", x.Points[0].Mean, want)
		}
	}
	// An attempt after one whose result was lost finds the forecasts and counts them as its own: they are this run's.
	again, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
	if err != nil || again.Appended != 2 || again.Found != 0 || len(store.forecasts) != 2 {
		t.Errorf("the repeat: %+v, %v", again, err)
	}
	rerun := forecastSPY
	rerun.Run += ":rerun-2"
	again, err = do[ForecastResult](t, newEnv(t, f), f.Forecast, rerun)
	if err != nil || again.Appended != 0 || again.Found != 2 || len(store.forecasts) != 2 {
		t.Errorf("the re-run: %+v, %v", again, err)
	}
}

// Somebody changes the data between the read and the append: the history is read again, and all forecasts are of one
// data version.
func TestForecastLosesARace(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.history = etf.History{DataVersion: etf.DataVersion{Number: 7, Writer: "w"}, Bars: storedBars(bars(50, friday), etf.AsTraded)}
	raced := false
	store.onAppend = func(etf.Forecast) error {
		if !raced {
			raced = true
			store.history.DataVersion = etf.DataVersion{Number: 8, Writer: "other"}
			return &etf.Error{Kind: etf.KindConflict, Message: "the data version moved"}
		}
		return nil
	}
	f := &Forecasting{Store: store, CodeVersion: "v1", Now: clock, Models: []Model{fakeModel{name: "m", min: 1}}}
	got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
	if err != nil || got.Appended != 1 || store.times["History"] != 2 || store.limit != fullHistory {
		t.Errorf("got %+v, %v after %d reads of up to %d rows", got, err, store.times["History"], store.limit)
	}
	for _, x := range store.forecasts {
		if x.DataVersion.Number != 8 {
			t.Errorf("the forecast is of version %d", x.DataVersion.Number)
		}
	}
}

func TestForecastThatLosesEveryRaceIsRetried(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.history = etf.History{Bars: storedBars(bars(50, friday), etf.AsTraded)}
	store.onAppend = func(etf.Forecast) error { return &etf.Error{Kind: etf.KindConflict, Message: "moved"} }
	f := &Forecasting{Store: store, CodeVersion: "v1", Now: clock, Models: []Model{fakeModel{name: "m", min: 1}}}
	_, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
	if typeOf(err) != TypeConflict || store.times["History"] != maxLostRaces+1 {
		t.Errorf("ended with %v after %d reads", err, store.times["History"])
	}
}

func TestForecastRefuses(t *testing.T) {
	t.Parallel()
	mixed := storedBars(bars(50, friday), etf.AsTraded)
	mixed[3].Basis = etf.TotalAdjusted
	for _, c := range []struct {
		name string
		bars []etf.StoredBar
		want string
	}{
		{"without the session", storedBars(bars(50, friday-1), etf.AsTraded), TypeNotFound},
		{"without bars", nil, TypeNotFound},
		{"mixed bases", mixed, TypeCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newFakeStore()
			store.history = etf.History{Bars: c.bars}
			f := &Forecasting{Store: store, CodeVersion: "v1", Now: clock, Models: []Model{fakeModel{name: "m", min: 1}}}
			if _, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY); typeOf(err) != c.want {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestForecastBasisOfAdjustedSeries(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.history = etf.History{Bars: storedBars(bars(50, friday), etf.TotalAdjusted)}
	f := &Forecasting{Store: store, CodeVersion: "v1", Now: clock, Models: []Model{fakeModel{name: "m", min: 1}}}
	if _, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY); err != nil {
		t.Fatal(err)
	}
	for _, x := range store.forecasts {
		if x.Basis != etf.TotalAdjusted {
			t.Errorf("the basis is %s", x.Basis)
		}
	}
}

// The benchmark's failure is an internal error.
func TestForecastModelErrors(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.history = etf.History{Bars: storedBars(bars(50, friday), etf.AsTraded)}
	f := &Forecasting{Store: store, CodeVersion: "v1", Now: clock, Models: []Model{scriptedModel{fakeModel: fakeModel{name: "m", min: 1}, err: errors.New("no convergence")}}}
	if _, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY); typeOf(err) != TypeInternal {
		t.Errorf("ended with %v", err)
	}
}

// A run has ended once that is recorded, whether or not the rows left behind could be discarded.
func TestFinishRunDiscardsStagedRows(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, &etf.Error{Kind: etf.KindUnavailable, Message: "down"}} {
		store := newFakeStore()
		store.err["DiscardStaged"] = err
		r := &Recording{Store: store, Now: clock}
		if _, err := newEnv(t, r).ExecuteActivity(r.FinishRun, FinishRunInput{Status: etf.RunCompleted}); err != nil || store.times["DiscardStaged"] != 1 || store.run.Status != etf.RunCompleted {
			t.Errorf("ended with %v after %d calls", err, store.times["DiscardStaged"])
		}
	}
}
