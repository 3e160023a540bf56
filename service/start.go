package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// MaxSymbols limits the symbols of one run: 1,000 of them fit in a workflow input of 64 KB.
const MaxSymbols = 1000

// RunRequest asks for a run, as the user wrote it.
type RunRequest struct {
	Workflow string // "daily"
	Exchange string
	Session  string   // "" = the last closed session
	Symbols  []string // nil = every ETF of the exchange
	Rerun    bool     // start a new run even if one is running or completed
	Behind   bool     // let every other run go first
}

// StartRun checks the whole request and starts the run, or finds the running or completed run with the same identity
// (exchange, session, set of symbols); started says which. A failed, cancelled, terminated or timed-out run is started
// again under its ID. With Rerun, a new run is started under the ID of the next attempt. If anything in the request is
// wrong, nothing is started.
func (s *Service) StartRun(ctx context.Context, r RunRequest) (run etf.Run, started bool, err error) {
	in, err := s.checkRun(ctx, r)
	if err != nil {
		return etf.Run{}, false, err
	}
	if r.Rerun {
		return s.startRerun(ctx, in)
	}
	// The record outlives Temporal's retention: Temporal alone would start a run again that completed long ago.
	recorded, err := s.store.Run(ctx, in.Run())
	switch {
	case err == nil && recorded.Status == etf.RunCompleted:
		return recorded, false, nil
	case err != nil && etf.KindOf(err) != etf.KindNotFound:
		return etf.Run{}, false, err
	}
	started, err = s.temporal.StartDaily(ctx, in, true)
	if err != nil {
		return etf.Run{}, false, err
	}
	if started {
		return s.newRun(in), true, nil
	}
	run, err = s.Run(ctx, in.Run())
	return run, false, err
}

// startRerun starts the next attempt. Two concurrent re-runs get different IDs, because Temporal starts each ID once.
func (s *Service) startRerun(ctx context.Context, in workflows.DailyInput) (etf.Run, bool, error) {
	known, err := s.known(ctx, in)
	if err != nil {
		return etf.Run{}, false, err
	}
	if known {
		highest, err := s.store.RerunCount(ctx, in.Run())
		if err != nil {
			return etf.Run{}, false, err
		}
		in.Attempt = max(highest, 1) + 1
	}
	for {
		// The ID of a recorded attempt is taken, even if Temporal has forgotten it.
		_, err := s.store.Run(ctx, in.Run())
		if err != nil && etf.KindOf(err) != etf.KindNotFound {
			return etf.Run{}, false, err
		}
		if err != nil {
			started, err := s.temporal.StartDaily(ctx, in, false)
			if err != nil {
				return etf.Run{}, false, err
			}
			if started {
				return s.newRun(in), true, nil
			}
		}
		in.Attempt++
	}
}

// known reports whether the first attempt was ever started.
func (s *Service) known(ctx context.Context, in workflows.DailyInput) (bool, error) {
	_, err := s.store.Run(ctx, in.Run())
	if etf.KindOf(err) == etf.KindNotFound && err != nil {
		_, err = s.temporal.Execution(ctx, in.Run().WorkflowID())
	}
	if err != nil && etf.KindOf(err) == etf.KindNotFound {
		return false, nil
	}
	return err == nil, err
}

func (s *Service) newRun(in workflows.DailyInput) etf.Run {
	return etf.Run{
		ID: in.Run(), Workflow: etf.DailyRun, Exchange: in.Exchange, Session: in.Session, Symbols: in.Symbols,
		Status: etf.RunRunning, StartedAt: s.now().UTC(),
	}
}

func (s *Service) checkRun(ctx context.Context, r RunRequest) (workflows.DailyInput, error) {
	var errs []error
	if r.Workflow != etf.DailyRun {
		errs = append(errs, etf.Invalid("workflow", fmt.Sprintf("there is no workflow %q", etf.Clip(r.Workflow, etf.MaxQuoted)), "use "+etf.DailyRun))
	}
	in := workflows.DailyInput{Attempt: 1, Behind: r.Behind}
	exchange, err := etf.ParseExchange(r.Exchange)
	if err != nil {
		errs = append(errs, err)
	}
	in.Exchange = exchange
	session, err := s.checkSession(exchange, r.Session)
	if err != nil {
		errs = append(errs, err)
	}
	in.Session = session
	symbols, err := s.checkSymbols(ctx, exchange, session, r.Symbols)
	if err != nil {
		// A database that is down must not be reported as a problem with the request.
		if k := etf.KindOf(err); k != etf.KindInvalid {
			return in, err
		}
		errs = append(errs, err)
	}
	in.Symbols = etf.SortedSymbols(symbols)
	return in, errors.Join(errs...)
}

// checkSession parses the session and checks it against the calendar and the clock. If the exchange is "", which means
// it is not valid, only the form is checked.
func (s *Service) checkSession(exchange etf.Exchange, text string) (etf.Session, error) {
	var session etf.Session
	var err error
	if text != "" {
		if session, err = etf.ParseSession(text); err != nil {
			return 0, err
		}
	}
	if exchange == "" {
		return session, nil
	}
	cal, err := calendar.For(exchange)
	if err != nil {
		return 0, err
	}
	now := s.now()
	if text == "" {
		return cal.LastClosed(now)
	}
	if err := cal.Check(session); err != nil {
		return 0, err
	}
	closes, err := cal.Close(session)
	if err != nil {
		return 0, err
	}
	if closes.After(now) {
		remedy := "wait until then"
		if last, err := cal.LastClosed(now); err == nil {
			remedy = fmt.Sprintf("wait until then, or use %s, the last closed session", last)
		}
		return 0, etf.Invalid("session", fmt.Sprintf("%s session %s does not close until %s", exchange, session, closes.UTC().Format("2006-01-02T15:04:05Z")), remedy)
	}
	return session, nil
}

// checkSymbols checks each symbol's form, that it is registered, and that it belongs to the exchange and was not delisted before the session,
// if these are valid.
func (s *Service) checkSymbols(ctx context.Context, exchange etf.Exchange, session etf.Session, texts []string) ([]etf.Symbol, error) {
	switch {
	case texts == nil:
		return nil, nil
	case len(texts) == 0:
		return nil, etf.Invalid("symbols", "the list is empty", "leave symbols out to run every ETF of the exchange")
	case len(texts) > MaxSymbols:
		return nil, etf.Invalid("symbols", fmt.Sprintf("%d symbols are too many", len(texts)), fmt.Sprintf("name at most %d, or leave symbols out to run every ETF of the exchange", MaxSymbols))
	}
	var errs []error
	symbols := make([]etf.Symbol, 0, len(texts))
	field := map[etf.Symbol]string{} // where each symbol is first named
	for i, text := range texts {
		where := fmt.Sprintf("symbols[%d]", i)
		symbol, err := etf.ParseSymbol(text)
		if err != nil {
			errs = append(errs, etf.WithField(err, where))
			continue
		}
		if _, twice := field[symbol]; !twice {
			field[symbol] = where
			symbols = append(symbols, symbol)
		}
	}
	registered, err := s.registered(ctx, symbols)
	if err != nil {
		return nil, err
	}
	named := make([]etf.Symbol, 0, len(symbols))
	for _, symbol := range symbols {
		e, ok := registered[symbol]
		if ok && !slices.Contains(named, e.Symbol) {
			named = append(named, e.Symbol)
		}
		switch {
		case !ok:
			e := unknownSymbol(field[symbol], symbol)
			errs = append(errs, etf.Invalid(e.Field, e.Message, e.Remedy))
		case exchange != "" && e.Exchange != exchange:
			errs = append(errs, etf.Invalid(field[symbol], fmt.Sprintf("%s is registered on %s, not on %s", symbol, e.Exchange, exchange), fmt.Sprintf("start a run of %s for it", e.Exchange)))
		case e.Retired:
			errs = append(errs, etf.Invalid(field[symbol], fmt.Sprintf("%s is retired", symbol), "leave it out, or take it back with `etfcast etf retire "+string(symbol)+" --undo` or PATCH /v1/etfs/{symbol}"))
		case !e.Delisted.IsZero() && session > e.Delisted:
			errs = append(errs, etf.Invalid(field[symbol], fmt.Sprintf("%s was delisted: its last session was %s, before %s", symbol, e.Delisted, session),
				"leave it out, run a session until then, or correct the date with `etfcast etf edit "+string(e.Symbol)+" --delisted`"))
		}
	}
	return named, joinSome(errs)
}

// mostProblems is how many problems with one request are listed: enough to see what is wrong.
const mostProblems = 20

// joinSome joins the first problems, and says how many more there are.
func joinSome(errs []error) error {
	if more := len(errs) - mostProblems; more > 0 {
		errs = append(errs[:mostProblems:mostProblems], etf.Invalid("symbols", fmt.Sprintf("%d more symbols are wrong", more), "correct those named; the rest is named then"))
	}
	return errors.Join(errs...)
}

// registered returns the ETFs that the symbols name, by symbol as it was asked for. One that is named by a former symbol has the one that it
// has now.
func (s *Service) registered(ctx context.Context, symbols []etf.Symbol) (map[etf.Symbol]etf.ETF, error) {
	const few = 20 // for more it is cheaper to read the whole registry
	found := make(map[etf.Symbol]etf.ETF, len(symbols))
	if len(symbols) <= few {
		for _, symbol := range symbols {
			e, err := s.store.ETF(ctx, symbol)
			switch {
			case err == nil:
				found[symbol] = e
			case etf.KindOf(err) != etf.KindNotFound:
				return nil, err
			}
		}
		return found, nil
	}
	formers := map[etf.Symbol]etf.ETF{}
	last := map[etf.Symbol]etf.Session{}
	err := s.eachETF(ctx, "", func(e etf.ETF) error {
		found[e.Symbol] = e
		for _, f := range e.Former {
			if f.Last >= last[f.Symbol] {
				formers[f.Symbol], last[f.Symbol] = e, f.Last
			}
		}
		return nil
	})
	for symbol, e := range formers {
		if _, taken := found[symbol]; !taken {
			found[symbol] = e
		}
	}
	return found, err
}
