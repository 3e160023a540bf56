package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// RefetchRequest asks to fetch an ETF's whole history again, as the user wrote it.
type RefetchRequest struct {
	Symbol  string
	By, Why string // who asks, required, and the reason
}

// refetchNote begins the reason that is recorded.
const refetchNote = "the whole history is fetched again"

// Refetch starts a run of the ETF's last stored session, or of the last closed one if none is stored, that fetches its whole
// history up to there and replaces what is stored with it, in one data version; undecided findings that keep nothing out any longer are settled. Who asked and why is recorded among
// the ETF's changes. The run is a new attempt each time.
//
// It does not ask for sessions that are missing after the last stored one: of sources that lack the newest session the update waits for
// each, and takes the history of the first that has it, which need not be the preferred one. They are the next daily run's.
func (s *Service) Refetch(ctx context.Context, r RefetchRequest) (etf.Run, error) {
	symbol, err := etf.ParseSymbol(r.Symbol)
	if err := errors.Join(err, checkAuthor(r.By, r.Why)); err != nil {
		return etf.Run{}, err
	}
	e, err := s.ETF(ctx, r.Symbol)
	if err != nil {
		return etf.Run{}, err
	}
	if e.Retired {
		return etf.Run{}, &etf.Error{Kind: etf.KindConflict, Field: "symbol", Message: fmt.Sprintf("%s is retired", symbol),
			Remedy: "take it back with `etfcast etf retire " + string(symbol) + " --undo` or PATCH /v1/etfs/{symbol}"}
	}
	symbol = e.Symbol // the one that it has now
	session := e.Last
	if session.IsZero() {
		if session, err = s.checkSession(e.Exchange, ""); err != nil {
			return etf.Run{}, err
		}
	}
	if !e.Delisted.IsZero() && session > e.Delisted {
		cal, err := calendar.For(e.Exchange)
		if err != nil {
			return etf.Run{}, err
		}
		if session, err = cal.Nth(e.Delisted+1, -1); err != nil {
			return etf.Run{}, err
		}
	}
	why := refetchNote
	if r.Why != "" {
		why += ": " + r.Why
	}
	if _, _, err := s.store.ChangeETF(ctx, etf.ETFEdit{Symbol: symbol, By: r.By, Why: why, Note: true}); err != nil {
		return etf.Run{}, err
	}
	run, _, err := s.startRerun(ctx, workflows.DailyInput{
		Exchange: e.Exchange, Session: session, Symbols: []etf.Symbol{symbol}, Attempt: 1, Whole: true,
	})
	return run, err
}
