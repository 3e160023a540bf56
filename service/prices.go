package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// lastDay stands for "no end" in a window: the last date etf.ParseSession accepts.
var lastDay = etf.NewSession(2200, time.December, 31)

// Bars returns up to limit stored bars of a window after the given session, ascending; more says whether more follow.
func (s *Service) Bars(ctx context.Context, symbol etf.Symbol, w etf.Window, after etf.Session, limit int) (bars []etf.StoredBar, more bool, err error) {
	bars, err = s.store.BarsPage(ctx, symbol, w, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	bars, more = cut(bars, limit)
	list, err := s.finalities(ctx, symbol)
	for i := range bars {
		bars[i].Provisional = list[symbol].provisional(bars[i].Session)
	}
	return bars, more, err
}

// ParseWindow reads an inclusive window of sessions; an empty from or to leaves that end open. The Field of an error is
// "from" or "to".
func ParseWindow(from, to string) (etf.Window, error) {
	w := etf.Window{To: lastDay}
	var errs []error
	read := func(field, text string, into *etf.Session) {
		if text == "" {
			return
		}
		v, err := etf.ParseSession(text)
		if err != nil {
			errs = append(errs, etf.WithField(err, field))
			return
		}
		*into = v
	}
	read("from", from, &w.From)
	read("to", to, &w.To)
	if len(errs) == 0 && w.From > w.To {
		errs = append(errs, etf.Invalid("from", fmt.Sprintf("%s is after %s", w.From, w.To), "swap from and to; both are inclusive"))
	}
	return w, errors.Join(errs...)
}

// EachBar calls f with every stored bar of the window, ascending. It stops at and returns the first error of f.
func (s *Service) EachBar(ctx context.Context, symbol etf.Symbol, w etf.Window, f func(etf.StoredBar) error) error {
	list, err := s.finalities(ctx, symbol)
	if err != nil {
		return err
	}
	return s.store.EachBar(ctx, symbol, w, func(b etf.StoredBar) error {
		b.Provisional = list[symbol].provisional(b.Session)
		return f(b)
	})
}
