package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

// chainHash returns the hash of a forecast at its position: SHA-256 over the previous hash (empty for the first), a
// newline, and the forecast as JSON with Hash empty. The JSON has the fields in the order of etf.Forecast, map keys
// sorted, instants in UTC with microseconds at most, and numbers as encoding/json writes them (the shortest text that
// reads back as the same float64), so it can be recomputed from the stored rows. It includes components, tails, the hash of the
// closes, their scale, the build, of a fit its hash, and how many sessions a held origin skipped; a forecast without them has the same
// hash as before they were introduced.
func chainHash(f etf.Forecast) (string, error) {
	f.Hash = ""
	f.AsOf, f.IssuedAt = instant(f.AsOf), instant(f.IssuedAt)
	if f.Diagnostics == nil {
		f.Diagnostics = map[string]string{}
	}
	text, err := ledger.AppendForecast(nil, &f)
	return ledger.LinkHash(f.PrevHash, text), err
}

// verified returns the forecasts if each has the content that its hash was made of: they are as they were issued, or the
// hash was changed with them. Otherwise KindCorrupt.
func verified(list []etf.Forecast, err error) ([]etf.Forecast, error) {
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		want, err := chainHash(f)
		if err != nil {
			return nil, etf.Wrap(etf.KindCorrupt, err, "hashing forecast "+f.ID)
		}
		if f.Hash != want {
			return nil, &etf.Error{Kind: etf.KindCorrupt,
				Message: fmt.Sprintf("forecast %s of %s and %s is not as it was issued", f.ID, f.Symbol, f.Model),
				Remedy:  compareWithBackup, Err: etf.ErrAltered}
		}
	}
	return list, nil
}

const compareWithBackup = "run `etfcast doctor --chains`, and compare the database with a backup"

// VerifyChain recomputes the hash chain of (symbol, model) from the first forecast on, and the hash of every fit. The
// first position that is missing, out of order, unreadable or does not match its hash is KindCorrupt and named in the
// message.
func (s *Store) VerifyChain(ctx context.Context, symbol etf.Symbol, model string) error {
	const page = 200
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return err
	}
	previous, position := "", int64(0)
	for {
		rows, err := s.q.ListForecastsAfter(ctx, sqlcgen.ListForecastsAfterParams{EtfID: id, Model: model, Chain: position, Limit: page})
		if err != nil {
			return translate(err, "reading the chain of "+string(symbol))
		}
		list, broken, err := s.readable(ctx, symbol, rows)
		if err != nil {
			return err
		}
		for _, f := range list {
			position++
			if err := s.checkLink(ctx, f, position, previous); err != nil {
				return err
			}
			previous = f.Hash
		}
		if broken != nil {
			return broken
		}
		if len(list) < page {
			return nil
		}
	}
}

// readable returns the forecasts of rows up to the first that can't be read, and as broken what is wrong with that one.
func (s *Store) readable(ctx context.Context, symbol etf.Symbol, rows []sqlcgen.Forecast) (list []etf.Forecast, broken, err error) {
	list, err = s.withParts(ctx, symbol, rows)
	if err == nil || etf.KindOf(err) != etf.KindCorrupt {
		return list, nil, err
	}
	list = nil
	for i, r := range rows { // find the row that makes the page unreadable
		one, err := s.withParts(ctx, symbol, rows[i:i+1])
		switch {
		case err == nil:
			list = append(list, one...)
		case etf.KindOf(err) == etf.KindCorrupt:
			return list, brokenLink(etf.Forecast{ID: r.ID, Chain: r.Chain, Symbol: symbol, Model: r.Model}, withoutRemedy(err)), nil
		default:
			return nil, nil, err
		}
	}
	return list, nil, nil
}

func (s *Store) checkLink(ctx context.Context, f etf.Forecast, position int64, previous string) error {
	var reason string
	switch want, err := chainHash(f); {
	case err != nil:
		reason = err.Error()
	case f.Chain != position:
		reason = fmt.Sprintf("position %d follows %d", f.Chain, position-1)
	case f.PrevHash != previous:
		reason = "its previous hash is not the hash of the position before"
	case f.Hash != want:
		reason = etf.ErrAltered.Error()
	case f.FitHash == "":
		return nil
	default:
		_, err := s.ForecastFit(ctx, f.ID)
		if etf.KindOf(err) != etf.KindCorrupt {
			return err
		}
		reason = withoutRemedy(err)
	}
	return brokenLink(f, reason)
}

// withoutRemedy returns the text of an error for use as the reason of another one, which has its own remedy.
func withoutRemedy(err error) string {
	var e *etf.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	bare := *e
	bare.Remedy = ""
	return bare.Error()
}

func brokenLink(f etf.Forecast, reason string) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: "chain",
		Message: fmt.Sprintf("forecast %s at position %d of the chain of %s and %s: %s", f.ID, f.Chain, f.Symbol, f.Model, reason),
		Remedy:  "compare the database with a backup: a stored forecast has been changed or removed"}
}
