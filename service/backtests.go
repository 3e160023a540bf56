package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/backtest"
	"github.com/etfcast/etfcast/workflows"
)

// Backtests keeps the backtests of stored ETFs; db.Store implements it. It is part of Store.
type Backtests interface {
	// StartBacktest records that a backtest is asked for, or finds the one that is running or completed (started is false). One that has
	// ended otherwise is running again.
	StartBacktest(ctx context.Context, r etf.BacktestRequest) (run etf.BacktestRun, started bool, err error)
	// FinishBacktest records how a backtest ended. A repeat changes nothing.
	FinishBacktest(ctx context.Context, end etf.BacktestEnd) error
	// Backtest returns one backtest; KindNotFound for an unknown ID.
	Backtest(ctx context.Context, id string) (etf.BacktestRun, error)
	// Backtests returns up to limit backtests after the position, newest first, and the position of the next page.
	Backtests(ctx context.Context, filter etf.BacktestFilter, after etf.Cursor, limit int) (page []etf.BacktestRun, next etf.Cursor, err error)
	// OpenBacktests returns up to limit of those recorded as running.
	OpenBacktests(ctx context.Context, limit int) ([]etf.BacktestRun, error)
	// BacktestETFs returns up to limit ETFs of a backtest with what came of them, after the symbol, ascending.
	BacktestETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BacktestRunETF, error)
	// BacktestResult returns the result's JSON. KindNotFound if there is none yet.
	BacktestResult(ctx context.Context, id string) ([]byte, error)
	// CountBacktests returns how many backtests are recorded, by status.
	CountBacktests(ctx context.Context) (map[etf.BacktestStatus]int, error)
	// BacktestAttempts returns the highest attempt at the question whose first attempt has the ID; 0 if there is none.
	BacktestAttempts(ctx context.Context, base string) (int, error)
	// NewestKnown returns when the newest data version of the ETFs became known; zero if nothing is stored.
	NewestKnown(ctx context.Context, exchange etf.Exchange, symbols []etf.Symbol) (time.Time, error)
}

const (
	// MaxBacktests is how many backtests run at once. Each measures as many ETFs at the same time as a worker has cores, and a worker
	// takes four times as many steps that fit: the rest is for the daily runs.
	MaxBacktests = 2
	// MaxBacktestForecasts limits the forecasts of a backtest: they are all in memory, some 300 bytes each, when the result is assembled.
	MaxBacktestForecasts = 2_000_000
	// MaxEvery is the most sessions from one origin, or estimation, to the next.
	MaxEvery = 10_000
	// MaxSignalReason limits the reason for an expected signal, in characters.
	MaxSignalReason = 500
)

// NewBacktest asks for a backtest of stored ETFs, as the user wrote it. Zero options mean the defaults.
type NewBacktest struct {
	Exchange string
	Symbols  []string // nil = every ETF of the exchange
	AsOf     string   // an RFC 3339 instant; "" = what is believed now
	From, To string   // sessions; "" = no limit
	Options  etf.BacktestOptions
	Again    bool // ask again what was answered already
}

// StartBacktest checks the whole request and starts the backtest, or finds the newest one that is running or completed with the same
// question (ETFs, instant, options); started says which. One that failed or was cancelled is started again under its ID, and goes on with
// what it has. With Again, the question is asked anew unless it is being answered: a request that is repeated because its answer was
// lost starts no second one. KindConflict if MaxBacktests are running.
func (s *Service) StartBacktest(ctx context.Context, r NewBacktest) (run etf.BacktestRun, started bool, err error) {
	q, err := s.checkBacktest(ctx, r)
	if err != nil {
		return run, false, err
	}
	attempts, err := s.store.BacktestAttempts(ctx, q.BaseID())
	if err != nil {
		return run, false, err
	}
	var known etf.BacktestRun
	if q.Attempt = max(attempts, 1); attempts > 0 {
		if known, err = s.Backtest(ctx, q.ID()); err != nil {
			return run, false, err
		}
		if r.Again && known.Status != etf.RunRunning {
			q.Attempt, known = attempts+1, etf.BacktestRun{}
		}
	}
	if known.Status == etf.RunCompleted {
		return known, false, nil
	}
	if known.Status != etf.RunRunning {
		if err := s.roomForBacktest(ctx); err != nil {
			return run, false, err
		}
	}
	if run, started, err = s.store.StartBacktest(ctx, q); err != nil || run.Status != etf.RunRunning {
		return run, started, err
	}
	// The record comes first, so a repeat of a request that failed here starts the workflow that is missing.
	in := workflows.BacktestInput{ID: run.ID, Exchange: run.Exchange, What: etf.Clip(run.BacktestRequest.String(), maxWhat)}
	began, err := s.startRecorded(ctx, started, etf.BacktestWorkflowID(run.ID), run.StartedAt, func() (bool, error) { return s.temporal.StartBacktest(ctx, in) })
	return run, started || began, err
}

// maxWhat bounds what the Web UI shows of a question, in bytes.
const maxWhat = 150

// roomForBacktest refuses one more while MaxBacktests are running.
func (s *Service) roomForBacktest(ctx context.Context) error {
	open, err := s.store.OpenBacktests(ctx, MaxPage)
	if err != nil {
		return err
	}
	running := 0
	for _, b := range open {
		if b, err = s.joinBacktest(ctx, b); err != nil {
			return err
		}
		if b.Status == etf.RunRunning {
			running++
		}
	}
	if running >= MaxBacktests {
		return &etf.Error{Kind: etf.KindConflict, Field: "body", Message: fmt.Sprintf("%d backtests are running already", running),
			Remedy: "wait until one has ended, or cancel one (`etfcast backtest list --status running`, `etfcast backtest cancel`)"}
	}
	return nil
}

func (s *Service) checkBacktest(ctx context.Context, r NewBacktest) (etf.BacktestRequest, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	q := etf.BacktestRequest{Attempt: 1}
	var err error
	if r.Exchange != "" {
		q.Exchange, err = etf.ParseExchange(r.Exchange)
		note(err)
	} else if r.Symbols == nil {
		note(etf.Invalid("exchange", "neither an exchange nor symbols are named", "name one of them, or both"))
	}
	symbols, etfs, err := s.exchangeSymbols(ctx, q.Exchange, r.Symbols)
	if err != nil && etf.KindOf(err) != etf.KindInvalid {
		return q, err
	}
	note(err)
	q.Symbols, q.Options = symbols, r.Options
	for _, every := range []struct {
		field    string
		sessions int
	}{{"origins_every", q.Options.OriginsEvery}, {"refit_every", q.Options.RefitEvery}} {
		if every.sessions > MaxEvery {
			note(etf.Invalid(every.field, fmt.Sprintf("%d is too many sessions", every.sessions), fmt.Sprintf("use at most %d", MaxEvery)))
		}
	}
	for _, date := range []struct {
		field, text string
		into        *etf.Session
	}{{"from", r.From, &q.Options.From}, {"to", r.To, &q.Options.To}} {
		if date.text != "" {
			*date.into, err = etf.ParseSession(date.text)
			note(etf.WithField(err, date.field))
		}
	}
	if utf8.RuneCountInString(q.Options.ExpectSignal) > MaxSignalReason {
		note(etf.Invalid("expect_signal", "the reason is too long", fmt.Sprintf("use at most %d characters", MaxSignalReason)))
	}
	complete, err := backtest.Complete(q.Options)
	note(apiField(err))
	at, err := s.backtestInstant(r.AsOf)
	note(err)
	if len(errs) > 0 {
		return q, errors.Join(errs...)
	}
	q.Options, q.AsOf = complete, at
	if q.AsOf.IsZero() {
		// The instant of the newest data instead of now: then a repeat of the request is the same question as long as nothing is stored.
		if q.AsOf, err = s.store.NewestKnown(ctx, q.Exchange, q.Symbols); err != nil {
			return q, err
		}
		if q.AsOf.IsZero() {
			return q, etf.Invalid("symbols", "nothing is stored of these ETFs", "update them first (POST /v1/runs, `etfcast run daily`)")
		}
	}
	q.AsOf = q.AsOf.UTC().Truncate(time.Microsecond)
	return q, s.fitsMemory(ctx, q, etfs)
}

// apiField renames the fields of backtest.Complete's errors from the command's options to the API's members.
func apiField(err error) error {
	names := map[string]string{"origins-every": "origins_every", "refit-every": "refit_every"}
	var e *etf.Error
	if errors.As(err, &e) && names[e.Field] != "" {
		return etf.WithField(err, names[e.Field])
	}
	return err
}

// exchangeSymbols checks the symbols' form, that they are registered, and on the exchange if one is given. Retired ETFs may be measured:
// leaving out what did not survive would flatter every model.
func (s *Service) exchangeSymbols(ctx context.Context, exchange etf.Exchange, texts []string) ([]etf.Symbol, []etf.ETF, error) {
	switch {
	case texts == nil:
		return nil, nil, nil
	case len(texts) == 0:
		return nil, nil, etf.Invalid("symbols", "the list is empty", "leave symbols out for every ETF of the exchange")
	case len(texts) > MaxSymbols:
		return nil, nil, etf.Invalid("symbols", fmt.Sprintf("%d symbols are too many", len(texts)), fmt.Sprintf("name at most %d", MaxSymbols))
	}
	var errs []error
	var symbols []etf.Symbol
	field := map[etf.Symbol]string{}
	for i, text := range texts {
		where := fmt.Sprintf("symbols[%d]", i)
		symbol, err := etf.ParseSymbol(text)
		if err != nil {
			errs = append(errs, etf.WithField(err, where))
		} else if _, twice := field[symbol]; !twice {
			field[symbol] = where
			symbols = append(symbols, symbol)
		}
	}
	symbols = etf.SortedSymbols(symbols)
	registered, err := s.registered(ctx, symbols)
	if err != nil {
		return nil, nil, err
	}
	var etfs []etf.ETF
	for _, symbol := range symbols {
		e, ok := registered[symbol]
		switch {
		case !ok:
			u := unknownSymbol(field[symbol], symbol)
			errs = append(errs, etf.Invalid(u.Field, u.Message, u.Remedy))
		case exchange != "" && e.Exchange != exchange:
			errs = append(errs, etf.Invalid(field[symbol], fmt.Sprintf("%s is registered on %s, not on %s", symbol, e.Exchange, exchange), "name exchange "+string(e.Exchange)+", or leave the symbol out"))
		}
		etfs = append(etfs, e)
	}
	return symbols, etfs, joinSome(errs)
}

// backtestInstant reads as_of; "" gives the zero time.
func (s *Service) backtestInstant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, etf.Invalid("as_of", fmt.Sprintf("%q is not an instant", etf.Clip(text, etf.MaxQuoted)), "write it as 2025-09-26T20:00:00Z")
	}
	if now := s.now(); at.After(now) {
		return time.Time{}, etf.Invalid("as_of", fmt.Sprintf("%s is in the future; it is %s now", at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)), "leave it out for what is believed now")
	}
	return at, nil
}

// fitsMemory refuses a backtest that makes too many forecasts, estimated from the bars that are stored now.
func (s *Service) fitsMemory(ctx context.Context, q etf.BacktestRequest, named []etf.ETF) error {
	forecasts := 0
	add := func(e etf.ETF) {
		origins := e.Bars - backtest.FirstOrigin + 1
		if cal, err := calendar.For(e.Exchange); err == nil && (!q.Options.From.IsZero() || !q.Options.To.IsZero()) {
			window := etf.Window{From: max(q.Options.From, cal.Range().From), To: cal.Range().To}
			if !q.Options.To.IsZero() {
				window.To = min(q.Options.To, window.To)
			}
			origins = min(origins, cal.Count(window))
		}
		if origins > 0 {
			forecasts += (origins/q.Options.OriginsEvery + 1) * len(q.Options.Models) * len(q.Options.Horizons)
		}
	}
	for _, e := range named {
		add(e)
	}
	if len(q.Symbols) == 0 {
		err := s.eachETF(ctx, q.Exchange, func(e etf.ETF) error {
			add(e)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if forecasts > MaxBacktestForecasts {
		return etf.Invalid("origins_every", fmt.Sprintf("that would be some %d forecasts; the limit is %d", forecasts, MaxBacktestForecasts),
			fmt.Sprintf("measure an origin every %d sessions, or fewer ETFs, models or horizons", q.Options.OriginsEvery*(forecasts/MaxBacktestForecasts+1)))
	}
	return nil
}

// Backtest returns a backtest, with Temporal's status if it is recorded as running: one that was terminated is not left "running".
func (s *Service) Backtest(ctx context.Context, id string) (etf.BacktestRun, error) {
	b, err := s.store.Backtest(ctx, id)
	if err != nil {
		return b, err
	}
	return s.joinBacktest(ctx, b)
}

func (s *Service) joinBacktest(ctx context.Context, b etf.BacktestRun) (etf.BacktestRun, error) {
	if b.Status != etf.RunRunning {
		return b, nil
	}
	o, err := s.observe(ctx, etf.BacktestWorkflowID(b.ID), b.StartedAt)
	if err != nil {
		return b, err
	}
	if o.ended { // between the two reads, or without recording it
		if again, err := s.store.Backtest(ctx, b.ID); err == nil && again.Status != etf.RunRunning {
			return again, nil
		}
	}
	o.apply(&b.Status, &b.FinishedAt, &b.Error)
	return b, nil
}

// BacktestDetail returns a backtest and, for up to limit of its ETFs after the symbol, ascending, what came of them.
func (s *Service) BacktestDetail(ctx context.Context, id string, after etf.Symbol, limit int) (b etf.BacktestRun, etfs []etf.BacktestRunETF, more bool, err error) {
	if b, err = s.Backtest(ctx, id); err != nil {
		return b, nil, false, err
	}
	etfs, err = s.store.BacktestETFs(ctx, id, after, limit+1)
	etfs, more = cut(etfs, limit)
	return b, etfs, more, err
}

// BacktestResult returns the result of a completed backtest. KindNotFound if there is none yet.
func (s *Service) BacktestResult(ctx context.Context, id string) (etf.Backtest, error) {
	body, err := s.store.BacktestResult(ctx, id)
	if err != nil {
		return etf.Backtest{}, err
	}
	var b etf.Backtest
	if err := json.Unmarshal(body, &b); err != nil {
		return b, etf.Wrap(etf.KindCorrupt, err, "decoding the result of backtest "+id)
	}
	return b, nil
}

// BacktestQuery selects backtests.
type BacktestQuery struct {
	Exchange string // "" = every exchange
	Status   string // "" = every status
	After    etf.Cursor
	Limit    int
}

// Filter checks the query and returns the filter for the store and the wanted status ("" = any). Errors are KindInvalid.
func (q BacktestQuery) Filter() (etf.BacktestFilter, etf.BacktestStatus, error) {
	f, wanted, err := RunQuery{Exchange: q.Exchange, Status: q.Status}.Filter()
	return etf.BacktestFilter{Exchange: f.Exchange, Statuses: f.Statuses}, wanted, err
}

// Backtests returns up to q.Limit backtests, newest first, and the position of the next page: zero after the last. What is recorded as
// running is joined with Temporal's state, and left unchanged if it can't be reached. A page may have fewer than Limit even if more follow.
func (s *Service) Backtests(ctx context.Context, q BacktestQuery) (page []etf.BacktestRun, next etf.Cursor, err error) {
	f, wanted, err := q.Filter()
	if err := errors.Join(err, checkLimit(q.Limit)); err != nil {
		return nil, next, err
	}
	if page, next, err = s.store.Backtests(ctx, f, q.After, q.Limit); err != nil {
		return nil, next, err
	}
	ctx, stop := context.WithTimeout(ctx, 2*queryTimeout)
	defer stop()
	inParallel(len(page), func(i int) {
		if b, err := s.joinBacktest(ctx, page[i]); err == nil {
			page[i] = b
		}
	})
	return slices.DeleteFunc(page, func(b etf.BacktestRun) bool { return wanted != "" && b.Status != wanted }), next, nil
}

// CancelBacktest requests the cancellation of a backtest and returns its current state, which is still running until it has stopped. What
// was measured is deleted then. KindConflict if it has ended, KindNotFound if there is none.
func (s *Service) CancelBacktest(ctx context.Context, id string) (etf.BacktestRun, error) {
	b, err := s.Backtest(ctx, id)
	if err != nil {
		return b, err
	}
	if b.Status == etf.RunRunning {
		err := s.temporal.Cancel(ctx, etf.BacktestWorkflowID(id))
		if err == nil {
			return b, nil
		}
		if etf.KindOf(err) != etf.KindNotFound {
			return b, err
		}
		if b, err = s.Backtest(ctx, id); err != nil {
			return b, err
		}
	}
	return b, &etf.Error{Kind: etf.KindConflict, Field: "id", Message: fmt.Sprintf("backtest %s has already ended: it is %s", id, b.Status),
		Remedy: "only a running backtest can be cancelled"}
}

// CountBacktests returns how many backtests are recorded, by status; one that was terminated in Temporal counts as running until it is
// started again.
func (s *Service) CountBacktests(ctx context.Context) (map[etf.BacktestStatus]int, error) {
	return s.store.CountBacktests(ctx)
}

// BacktestURL returns the URL of a backtest in Temporal's Web UI, or "" if the UI's URL is not known.
func (s *Service) BacktestURL(id string) string { return s.workflowURL(etf.BacktestWorkflowID(id)) }
