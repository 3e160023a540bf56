package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// RenameRequest asks to give an ETF another symbol, as the user wrote it.
type RenameRequest struct {
	Symbol string // that it has had so far
	To     string
	Last   string          // the last session under the old symbol, YYYY-MM-DD
	Source []SourceRequest // the whole new list, in order of preference; nil = as they are
	By     string          // who asks; required
	Why    string
}

// RenameETF checks the request and renames the ETF; changed is false if it has been already. Its data, findings and forecasts stay, its
// chains go on, and it is still found by the old symbol as long as no other ETF has it. Errors are those of Store.RenameETF, and
// KindInvalid for what can't be read.
func (s *Service) RenameETF(ctx context.Context, r RenameRequest) (stored etf.ETF, changed bool, err error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	rename := etf.Rename{By: r.By, Why: r.Why}
	rename.Symbol, err = etf.ParseSymbol(r.Symbol)
	note(err)
	rename.To, err = etf.ParseSymbol(r.To)
	note(etf.WithField(err, "to"))
	if rename.Last, err = etf.ParseSession(r.Last); r.Last == "" {
		err = etf.Invalid("last", "the last session under the old symbol is missing", "write it as YYYY-MM-DD, for example 2022-06-08")
	}
	note(etf.WithField(err, "last"))
	note(checkAuthor(r.By, r.Why))
	if len(errs) > 0 {
		return etf.ETF{}, false, errors.Join(errs...)
	}
	e, err := s.ETF(ctx, r.Symbol)
	if err != nil {
		return etf.ETF{}, false, err
	}
	cal, err := calendar.For(e.Exchange)
	if err != nil {
		return etf.ETF{}, false, err
	}
	if today := etf.SessionOf(s.now().UTC()); rename.Last > today.AddDays(1) { // it is tomorrow already in the east
		note(etf.Invalid("last", fmt.Sprintf("%s is in the future", rename.Last), "rename the ETF when that session has come"))
	} else {
		note(etf.WithField(cal.Check(rename.Last), "last"))
	}
	if r.Source != nil {
		rename.Sources, err = s.checkSources(r.Source, rename.To, e.Exchange)
		note(err)
	}
	if len(errs) > 0 {
		return etf.ETF{}, false, errors.Join(errs...)
	}
	return s.store.RenameETF(ctx, rename)
}
