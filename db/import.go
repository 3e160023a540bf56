package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// ImportETFs registers a list of ETFs in one transaction, all or none, and returns what became of each; with DryRun it only tells. One that
// is registered already is left as it is if it is the same (see CreateETF), and with Update changed in what differs. The symbols of the
// list are distinct, and Basis is set of those that are registered. The error is that of every ETF that can't be, with Field "etfs[i].field" or the like.
func (s *Store) ImportETFs(ctx context.Context, list etf.Import) ([]etf.Change, error) {
	changes := make([]etf.Change, len(list.ETFs))
	symbols := make([]string, len(list.ETFs))
	for i, e := range list.ETFs {
		symbols[i] = string(e.Symbol)
	}
	err := s.transaction(ctx, "importing ETFs", func(q *writing, _ *sql.Tx) error {
		registered := map[string]registration{}
		if len(symbols) > 0 {
			rows, err := q.ListETFsBySymbol(ctx, symbols)
			if err != nil {
				return err
			}
			known, err := complete(ctx, q.Queries, rows)
			if err != nil {
				return err
			}
			for i, r := range rows {
				registered[r.Symbol] = registration{r, known[i]}
			}
		}
		var problems []error
		for i, e := range list.ETFs {
			old, known := registered[string(e.Symbol)]
			var err error
			switch {
			case known:
				list.ETFs[i].Basis = old.etf.Basis
				changes[i], err = s.importKnown(ctx, q, old, e, list)
			default:
				if changes[i], err = etf.Created, checkReuse(ctx, q.Queries, e); err == nil {
					err = checkFormers(ctx, q.Queries, e)
				}
				if err == nil {
					err = s.register(ctx, q, e, list.By, list.Why)
				}
			}
			var wrong *etf.Error
			if errors.As(err, &wrong) && wrong.Kind != etf.KindUnavailable && wrong.Kind != etf.KindInternal {
				problems = append(problems, etf.WithField(err, fmt.Sprintf("etfs[%d].%s", i, wrong.Field)))
			} else if err != nil {
				return err
			}
		}
		if len(problems) > 0 {
			return errors.Join(problems...)
		}
		if list.DryRun {
			return errTried
		}
		return nil
	})
	if errors.Is(err, errTried) {
		err = nil
	}
	return changes, err
}

// importKnown compares an ETF that is registered with how it is to be imported, and changes it if that is asked for.
func (s *Store) importKnown(ctx context.Context, q *writing, old registration, e etf.ETF, list etf.Import) (etf.Change, error) {
	differs := differing(old.etf, e)
	if len(differs) == 0 {
		return etf.Unchanged, nil
	}
	for _, field := range differs {
		switch {
		case field == "exchange":
			return "", &etf.Error{Kind: etf.KindConflict, Field: field, Message: fmt.Sprintf("%s is registered on %s", e.Symbol, old.etf.Exchange),
				Remedy: "an exchange can't be changed: register the ETF under another symbol"}
		case field == "former_symbols":
			return "", &etf.Error{Kind: etf.KindConflict, Field: field, Message: fmt.Sprintf("%s is registered without one of these former symbols", e.Symbol),
				Remedy: "leave them out: `etfcast etf rename` records the symbols of a registered ETF"}
		case !list.Update:
			return "", &etf.Error{Kind: etf.KindConflict, Field: field, Message: fmt.Sprintf("%s is already registered with another value of %s", e.Symbol, field),
				Remedy: "repeat the registered value, leave the line out, or have it changed: --update (?update=true)"}
		}
	}
	edit := etf.ETFEdit{Symbol: e.Symbol, Sources: e.Sources, Currency: &e.Currency, By: list.By, Why: list.Why}
	if e.Name != "" {
		edit.Name = &e.Name
	}
	if !e.Listed.IsZero() {
		edit.Listed = &e.Listed
	}
	if !e.Delisted.IsZero() {
		edit.Delisted = &e.Delisted
	}
	if e.ISIN != "" {
		edit.ISIN = &e.ISIN
	}
	// What it was compared with may be older than its first bars, whose currency can't be changed.
	now, err := q.LockETF(ctx, old.row.Symbol)
	if errors.Is(err, sql.ErrNoRows) || err == nil && now.DataVersion != old.row.DataVersion {
		err = errLost
	}
	if err != nil {
		return "", err
	}
	_, err = s.change(ctx, q, old, edit, newWriter())
	return etf.Changed, err
}

// checkReuse refuses a symbol that an ETF has given up, unless the list says since when another fund has it: an old list that is imported
// again must not register a renamed ETF a second time.
func checkReuse(ctx context.Context, q *sqlcgen.Queries, e etf.ETF) error {
	if !e.Listed.IsZero() {
		return nil
	}
	formers, err := q.ListETFsFormerly(ctx, []string{string(e.Symbol)})
	if err != nil || len(formers) == 0 {
		return err
	}
	last := formers[len(formers)-1]
	return &etf.Error{Kind: etf.KindConflict, Field: "listed", Message: fmt.Sprintf("%s was the symbol of %s until %s, and the line does not say that another fund has it now", e.Symbol, last.Symbol, etf.Session(last.LastSession)),
		Remedy: fmt.Sprintf("write %s if it is the same fund, otherwise the other fund's first session", last.Symbol)}
}

// checkFormers refuses former symbols that another ETF had at that time.
func checkFormers(ctx context.Context, q *sqlcgen.Queries, e etf.ETF) error {
	for _, f := range e.Former {
		others, err := q.ListETFsFormerly(ctx, []string{string(f.Symbol)})
		if err != nil {
			return err
		}
		for _, other := range others {
			if etf.Session(other.LastSession) == f.Last && other.Symbol != string(e.Symbol) {
				return &etf.Error{Kind: etf.KindConflict, Field: "former_symbols", Message: fmt.Sprintf("%s until %s is a former symbol of %s too", f.Symbol, f.Last, other.Symbol),
					Remedy: "correct one of the two: a symbol names one ETF at a time"}
			}
		}
		row, err := q.GetETF(ctx, string(f.Symbol))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		other, err := complete(ctx, q, []sqlcgen.Etf{row})
		if err != nil {
			return err
		}
		if other[0].Listed <= f.Last {
			return &etf.Error{Kind: etf.KindConflict, Field: "former_symbols",
				Message: fmt.Sprintf("%s is the symbol of another ETF, which is not known to have been listed after %s", f.Symbol, f.Last),
				Remedy:  "give that ETF's listing date, in the list or with `etfcast etf edit`; if it is this one, rename it: `etfcast etf rename`"}
		}
	}
	return nil
}
