package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/backtest"
)

// Backtests keeps the backtests of stored ETFs.
type Backtests interface {
	// Backtest returns a backtest; KindNotFound for an unknown ID.
	Backtest(ctx context.Context, id string) (etf.BacktestRun, error)
	// PlanBacktest stores which ETFs are measured, at which data versions, and returns the counts. The first plan stands.
	PlanBacktest(ctx context.Context, id string, etfs []etf.BacktestRunETF) (etf.BacktestCounts, error)
	// PendingBacktestETFs returns up to limit planned ETFs without a part, after the symbol, ascending; BacktestETFs all of them.
	PendingBacktestETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BacktestRunETF, error)
	BacktestETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BacktestRunETF, error)
	BacktestETF(ctx context.Context, id string, symbol etf.Symbol) (etf.BacktestRunETF, error)
	// SaveBacktestPart stores what an ETF gave, and BacktestPart reads it. The first part of an ETF stands. KindNotFound if the backtest
	// is not running any more.
	SaveBacktestPart(ctx context.Context, id string, p etf.BacktestPart) (etf.BacktestCounts, error)
	BacktestPart(ctx context.Context, id string, symbol etf.Symbol) (etf.BacktestPart, error)
	// DropBacktestPart deletes the numbers of a part.
	DropBacktestPart(ctx context.Context, id string, symbol etf.Symbol) error
	// SaveBacktestResult stores the result's JSON and returns its SHA-256 in hex. A repeat replaces it.
	SaveBacktestResult(ctx context.Context, id string, body []byte, leak bool, codeVersion string) (hash string, err error)
	// FinishBacktest records how a backtest ended. A repeat changes nothing.
	FinishBacktest(ctx context.Context, end etf.BacktestEnd) error
}

// BacktestHistory reads what was believed of the ETFs at an instant.
type BacktestHistory interface {
	// ETF returns one ETF; KindNotFound for an unknown symbol.
	ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error)
	// ETFs returns up to limit ETFs of the exchange after the symbol, ascending, retired ones included.
	ETFs(ctx context.Context, exchange etf.Exchange, after etf.Symbol, limit int) ([]etf.ETF, error)
	// AsOfTime returns the ETF's newest data version known at the instant; before the first, a Version of 0.
	AsOfTime(ctx context.Context, symbol etf.Symbol, at time.Time) (etf.AsOf, error)
	// BarsPageAt returns up to limit bars of the window after the session, ascending, as they were believed while the data version was
	// current, those quarantined or held included. ActionsAt returns the statements about corporate actions then.
	BarsPageAt(ctx context.Context, symbol etf.Symbol, version int64, window etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error)
	ActionsAt(ctx context.Context, symbol etf.Symbol, version int64) ([]etf.StatedAction, error)
}

// BacktestPlanning plans backtests and records how they end. It only talks to the database.
type BacktestPlanning struct {
	Store   Backtests
	History BacktestHistory
	// Cores is how many fits a worker makes at once.
	Cores int
}

// BacktestInput names a backtest.
type BacktestInput struct {
	ID string `json:"id"`
}

// BacktestPlan says what a backtest has to do.
type BacktestPlan struct {
	Counts etf.BacktestCounts `json:"counts"`
	// AtOnce is how many ETFs are measured at the same time.
	AtOnce int `json:"at_once"`
}

// planPage is how many ETFs are read at once.
const planPage = 200

// PlanBacktest resolves which ETFs the backtest measures and the data version of each at its instant, once: a repeat finds the first plan.
// Retired ETFs are among them, because leaving out those that did not survive would flatter every model. Of a whole exchange, ETFs of
// which nothing was stored at the instant are not.
func (a *BacktestPlanning) PlanBacktest(ctx context.Context, in BacktestInput) (BacktestPlan, error) {
	run, err := a.Store.Backtest(ctx, in.ID)
	if err != nil {
		return BacktestPlan{}, err
	}
	var list []etf.BacktestRunETF
	if run.Counts.ETFs == 0 {
		if list, err = a.resolve(ctx, run); err != nil {
			return BacktestPlan{}, err
		}
		if len(list) == 0 {
			return BacktestPlan{}, etf.Invalid("exchange", fmt.Sprintf("nothing was stored of any ETF of %s at %s", run.Exchange, run.AsOf.Format(time.RFC3339)),
				"choose a later as_of, or update the ETFs first (`etfcast run daily`)")
		}
	}
	counts, err := a.Store.PlanBacktest(ctx, in.ID, list)
	return BacktestPlan{Counts: counts, AtOnce: max(a.Cores, 1)}, err
}

func (a *BacktestPlanning) resolve(ctx context.Context, run etf.BacktestRun) ([]etf.BacktestRunETF, error) {
	var list []etf.BacktestRunETF
	add := func(e etf.ETF) error {
		at, err := a.History.AsOfTime(ctx, e.Symbol, run.AsOf)
		if err != nil {
			return err
		}
		if at.Version > 0 || len(run.Symbols) > 0 {
			list = append(list, etf.BacktestRunETF{Symbol: e.Symbol, Exchange: e.Exchange, DataVersion: at.Version})
		}
		return nil
	}
	for _, symbol := range run.Symbols {
		e, err := a.History.ETF(ctx, symbol)
		if err != nil {
			return nil, err
		}
		if err := add(e); err != nil {
			return nil, err
		}
	}
	if len(run.Symbols) > 0 {
		return list, nil
	}
	for after := etf.Symbol(""); ; {
		page, err := a.History.ETFs(ctx, run.Exchange, after, planPage)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if err := add(e); err != nil {
				return nil, err
			}
			after = e.Symbol
		}
		if len(page) < planPage {
			return list, nil
		}
		Progress(ctx, len(list))
	}
}

// PendingETFsInput asks for a page of the ETFs that have not been measured.
type PendingETFsInput struct {
	ID    string     `json:"id"`
	After etf.Symbol `json:"after"`
	Limit int        `json:"limit"`
}

// PendingETFsResult is a page, ascending. A page shorter than the limit is the last.
type PendingETFsResult struct {
	Symbols []etf.Symbol `json:"symbols"`
}

// PendingETFs returns a page of the ETFs that the backtest has not measured yet.
func (a *BacktestPlanning) PendingETFs(ctx context.Context, in PendingETFsInput) (PendingETFsResult, error) {
	list, err := a.Store.PendingBacktestETFs(ctx, in.ID, in.After, in.Limit)
	r := PendingETFsResult{Symbols: make([]etf.Symbol, len(list))}
	for i, e := range list {
		r.Symbols[i] = e.Symbol
	}
	return r, err
}

// UnmeasuredInput says why an ETF can't be measured.
type UnmeasuredInput struct {
	ID     string     `json:"id"`
	Symbol etf.Symbol `json:"symbol"`
	Reason string     `json:"reason"`
}

// RecordUnmeasured records an ETF whose measuring failed in every attempt, so that the others can be assembled without it.
func (a *BacktestPlanning) RecordUnmeasured(ctx context.Context, in UnmeasuredInput) error {
	_, err := a.Store.SaveBacktestPart(ctx, in.ID, etf.BacktestPart{Symbol: in.Symbol, Error: in.Reason})
	return err
}

// FinishBacktestInput says how a backtest ended.
type FinishBacktestInput struct {
	ID     string             `json:"id"`
	Status etf.BacktestStatus `json:"status"`
	Reason string             `json:"reason,omitempty"`
}

// FinishBacktest records how the backtest ended. The parts of one that is completed or cancelled are deleted: the result has what is in
// them, or nobody wants it. Those of one that failed are kept, for when it is started again.
func (a *BacktestPlanning) FinishBacktest(ctx context.Context, in FinishBacktestInput) error {
	end := etf.BacktestEnd{ID: in.ID, Status: in.Status, Error: in.Reason}
	switch in.Status {
	case etf.RunCompleted:
		// In this order: as long as it is running, it may have to be assembled again. Once completed, it is never started again.
		if err := a.Store.FinishBacktest(ctx, end); err != nil {
			return err
		}
		return a.dropParts(ctx, in.ID)
	case etf.RunCancelled:
		// In this order: once it is recorded, it may be started again, and has new parts.
		if err := a.dropParts(ctx, in.ID); err != nil {
			return err
		}
	}
	return a.Store.FinishBacktest(ctx, end)
}

func (a *BacktestPlanning) dropParts(ctx context.Context, id string) error {
	return eachBacktestETF(ctx, a.Store, id, func(e etf.BacktestRunETF) error {
		if !e.Done || e.Error != "" {
			return nil
		}
		return a.Store.DropBacktestPart(ctx, id, e.Symbol)
	})
}

// eachBacktestETF calls f for every ETF of the backtest, ascending.
func eachBacktestETF(ctx context.Context, store Backtests, id string, f func(etf.BacktestRunETF) error) error {
	for after := etf.Symbol(""); ; {
		page, err := store.BacktestETFs(ctx, id, after, planPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := f(e); err != nil {
				return err
			}
			after = e.Symbol
		}
		if len(page) < planPage {
			return nil
		}
	}
}

// Backtesting measures ETFs and assembles backtests: it computes.
type Backtesting struct {
	Store       Backtests
	History     BacktestHistory
	CodeVersion string // of the running program
	// Fits is the semaphore of Forecasting: measuring takes one place in it, and gives it up between two origins, to a forecast that waits
	// before any other backtest.
	Fits *Places
}

// MeasureETFInput names an ETF of a backtest.
type MeasureETFInput struct {
	ID     string     `json:"id"`
	Symbol etf.Symbol `json:"symbol"`
}

// MeasureETFResult says what came of it.
type MeasureETFResult struct {
	Counts  etf.BacktestCounts `json:"counts"` // of the whole backtest
	Origins int                `json:"origins"`
	Reason  string             `json:"reason,omitempty"` // why it can't be measured, clipped
}

// MeasureProgress is what MeasureETF's heartbeats carry.
type MeasureProgress struct {
	Origins int `json:"origins"`
	Of      int `json:"of"`
}

// MeasureETF measures an ETF on its history at the data version of the plan and stores its part. One that has a part is not
// measured again. An ETF that can't be measured, because its history is too short or contradicts itself or a model panics, has a part that says so:
// it would fail again, and must not fail the others. Only the store's errors and cancellation are errors.
func (a *Backtesting) MeasureETF(ctx context.Context, in MeasureETFInput) (MeasureETFResult, error) {
	run, err := a.Store.Backtest(ctx, in.ID)
	if err != nil {
		return MeasureETFResult{}, err
	}
	e, err := a.Store.BacktestETF(ctx, in.ID, in.Symbol)
	if err != nil {
		return MeasureETFResult{}, err
	}
	if e.Done { // by an attempt whose result was lost
		return MeasureETFResult{Counts: run.Counts, Origins: e.Origins, Reason: etf.Clip(e.Error, errorText)}, nil
	}
	part := etf.BacktestPart{Symbol: in.Symbol, CodeVersion: a.CodeVersion}
	measured, err := a.measure(ctx, run, e)
	switch {
	case ctx.Err() != nil:
		return MeasureETFResult{}, ctx.Err()
	case err != nil && waitsFor(err):
		return MeasureETFResult{}, err
	case err == nil:
		part.Origins = measured.ETF.Origins
		part.Body, err = json.Marshal(measured)
	}
	if err != nil {
		part.Error, part.Origins = etf.Clip(err.Error(), errorText), 0
		activity.GetLogger(ctx).Warn("ETF not measured", "backtest", in.ID, "symbol", in.Symbol, "error", err)
	}
	counts, err := a.Store.SaveBacktestPart(ctx, in.ID, part)
	return MeasureETFResult{Counts: counts, Origins: part.Origins, Reason: part.Error}, err
}

// waitsFor reports whether the error is of a server that is down, not of the ETF.
func waitsFor(err error) bool {
	switch etf.KindOf(err) {
	case etf.KindUnavailable, etf.KindRateLimited, etf.KindDenied:
		return true
	}
	return false
}

func (a *Backtesting) measure(ctx context.Context, run etf.BacktestRun, e etf.BacktestRunETF) (part backtest.Part, err error) {
	if e.DataVersion == 0 {
		return part, etf.NotFound("symbol", fmt.Sprintf("nothing was stored of %s at %s", e.Symbol, run.AsOf.Format(time.RFC3339)), "choose a later as_of, or leave it out")
	}
	cal, err := calendar.For(e.Exchange)
	if err != nil {
		return part, err
	}
	models, err := backtest.Models(run.Options)
	if err != nil {
		return part, err
	}
	in, err := a.believed(ctx, e)
	if err != nil {
		return part, err
	}
	in.Calendar = cal
	release, err := a.Fits.acquire(ctx, forBacktests)
	if err != nil {
		return part, err
	}
	defer func() { release() }()
	defer func() {
		if r := recover(); r != nil {
			activity.GetLogger(ctx).Error("measuring panicked", "symbol", e.Symbol, "panic", r, "stack", string(debug.Stack()))
			err = &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("measuring %s panicked: %v", e.Symbol, r)}
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	part, err = backtest.Measure(ctx, in, models, run.Options, func(done, total int) {
		Progress(ctx, MeasureProgress{done, total})
		release()
		var stopped error
		if release, stopped = a.Fits.acquire(ctx, forBacktests); stopped != nil {
			release = func() {}
			cancel()
		}
	})
	part.ETF.DataVersion, part.ETF.AsOf = e.DataVersion, run.AsOf
	return part, err
}

// barsPage is how many bars are read at once.
const barsPage = 5000

// believed reads the ETF's history as it was believed at its data version: bars that were neither quarantined nor held, and the splits
// accepted then.
func (a *Backtesting) believed(ctx context.Context, e etf.BacktestRunETF) (backtest.Input, error) {
	in := backtest.Input{Symbol: e.Symbol, Exchange: e.Exchange}
	every := etf.Window{From: etf.MustSession("1900-01-01"), To: etf.MustSession("2200-12-31")}
	for after := etf.Session(0); ; {
		page, err := a.History.BarsPageAt(ctx, e.Symbol, e.DataVersion, every, after, barsPage)
		if err != nil {
			return in, err
		}
		for _, b := range page {
			after = b.Session
			if !b.Quarantined && !b.Held {
				in.Bars, in.Basis = append(in.Bars, b.Bar), b.Basis
			}
		}
		if len(page) < barsPage {
			break
		}
	}
	actions, err := a.History.ActionsAt(ctx, e.Symbol, e.DataVersion)
	for _, x := range actions {
		if x.Kind == etf.Split && x.Status == etf.Accepted {
			in.Splits = append(in.Splits, x.Action)
		}
	}
	return in, err
}

// AssembleResult names the result of a backtest.
type AssembleResult struct {
	Hash          string `json:"hash"`
	LeakSuspected bool   `json:"leak_suspected,omitempty"`
	Results       int    `json:"results"`
}

// AssembleBacktest makes the result from the parts and stores it. It is a function of the parts: a repeat stores the same. KindInvalid if
// no ETF could be measured.
func (a *Backtesting) AssembleBacktest(ctx context.Context, in BacktestInput) (AssembleResult, error) {
	run, err := a.Store.Backtest(ctx, in.ID)
	if err != nil {
		return AssembleResult{}, err
	}
	var parts []backtest.Part
	var versions []string
	var failed etf.BacktestRunETF
	err = eachBacktestETF(ctx, a.Store, in.ID, func(e etf.BacktestRunETF) error {
		if e.Error != "" || !e.Done {
			if failed.Error == "" {
				failed = e
			}
			return nil
		}
		stored, err := a.Store.BacktestPart(ctx, in.ID, e.Symbol)
		if err != nil {
			return err
		}
		var part backtest.Part
		if err := json.Unmarshal(stored.Body, &part); err != nil {
			return etf.Wrap(etf.KindCorrupt, err, "decoding the part of "+string(e.Symbol))
		}
		parts = append(parts, part)
		if !slices.Contains(versions, stored.CodeVersion) {
			versions = append(versions, stored.CodeVersion)
		}
		Progress(ctx, len(parts))
		return nil
	})
	if err != nil {
		return AssembleResult{}, err
	}
	if len(parts) == 0 {
		return AssembleResult{}, etf.Invalid("symbols", fmt.Sprintf("none of the %d ETFs could be measured: %s: %s", run.Counts.ETFs, failed.Symbol, failed.Error),
			"`etfcast backtest show "+in.ID+"` lists why for each")
	}
	release, err := a.Fits.acquire(ctx, forBacktests)
	if err != nil {
		return AssembleResult{}, err
	}
	defer release()
	result, err := backtest.Assemble(parts, run.Options)
	if err != nil {
		return AssembleResult{}, err
	}
	slices.Sort(versions)
	result.CodeVersion = strings.Join(versions, ", ")
	body, err := json.Marshal(result)
	if err != nil {
		return AssembleResult{}, etf.Wrap(etf.KindInternal, err, "encoding the result")
	}
	hash, err := a.Store.SaveBacktestResult(ctx, in.ID, body, result.LeakSuspected, result.CodeVersion)
	return AssembleResult{Hash: hash, LeakSuspected: result.LeakSuspected, Results: len(result.Results)}, err
}
