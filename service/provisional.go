package service

import (
	"context"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// DefaultFinal returns when a day's prices are final, in the exchange's own time, unless a setting says otherwise: on XNYS late
// trading ends at 20:00, on XKRX the after-market session does.
func DefaultFinal(etf.Exchange) etf.TimeOfDay { return 20 * 60 }

// finality says of each session of an ETF whether its prices are final and confirmed.
type finality struct {
	confirmed etf.Confirmation
	final     etf.TimeOfDay
	location  *time.Location
	day       etf.Session // that of the confirmation, in the exchange's own time
}

func (s *Service) finality(c etf.Confirmation) (finality, error) {
	cal, err := calendar.For(c.Exchange)
	if err != nil {
		return finality{}, err
	}
	f := finality{confirmed: c, final: s.final[c.Exchange], location: cal.Location()}
	if f.final == 0 {
		f.final = DefaultFinal(c.Exchange)
	}
	f.day = etf.SessionOf(c.At.In(f.location))
	return f, nil
}

// provisional reports whether no fetch made after the session's prices were final has covered the session. Fetches go back
// some sessions: one that has a session covers those before it.
func (f finality) provisional(session etf.Session) bool {
	if f.location == nil { // nothing is stored
		return false
	}
	if session > f.confirmed.Session {
		return true
	}
	return session >= f.day && f.confirmed.At.Before(f.final.On(session, f.location))
}

// finalities returns the finality of each of the ETFs; that of one without bars says of no session that it is provisional.
func (s *Service) finalities(ctx context.Context, symbols ...etf.Symbol) (map[etf.Symbol]finality, error) {
	list := map[etf.Symbol]finality{}
	if len(symbols) == 0 {
		return list, nil
	}
	confirmed, err := s.store.Confirmations(ctx, symbols)
	if err != nil {
		return nil, err
	}
	for symbol, c := range confirmed {
		if list[symbol], err = s.finality(c); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Provisional reports whether the ETF's bar of the session may still change before its day is over: whether no fetch made
// after its prices were final has covered it.
func (s *Service) Provisional(ctx context.Context, symbol etf.Symbol, session etf.Session) (bool, error) {
	list, err := s.finalities(ctx, symbol)
	return list[symbol].provisional(session), err
}

// markForecast says of a forecast whether its origin is provisional.
func (s *Service) markForecast(ctx context.Context, f etf.Forecast) (etf.Forecast, error) {
	var err error
	f.Provisional, err = s.Provisional(ctx, f.Symbol, f.Origin)
	return f, err
}

// markRows says of a run's rows whose session has a price whether that is provisional.
func (s *Service) markRows(ctx context.Context, rows []etf.RunETF) error {
	var symbols []etf.Symbol
	for _, r := range rows {
		if priced(r) {
			symbols = append(symbols, r.Symbol)
		}
	}
	list, err := s.finalities(ctx, symbols...)
	if err != nil {
		return err
	}
	for i, r := range rows {
		rows[i].Provisional = priced(r) && list[r.Symbol].provisional(r.Session)
	}
	return nil
}

func priced(r etf.RunETF) bool {
	return r.Outcome == etf.OutcomeUpdated || r.Outcome == etf.OutcomeUnchanged || r.Outcome == etf.OutcomeQuarantined
}
