package db

import (
	"errors"
	"fmt"

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

const compareWithBackup = "run `etfcast ledger verify`, and compare the database with a backup"

func linkMessage(id string, position int64, symbol etf.Symbol, model, reason string) string {
	return fmt.Sprintf("forecast %s at position %d of the chain of %s and %s: %s", id, position, symbol, model, reason)
}

// fieldOf returns the Field of an error.
func fieldOf(err error) string {
	var e *etf.Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}
