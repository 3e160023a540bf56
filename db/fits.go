package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

// fitEncoding is the encoding of stored fits, so far the only one. The hash chain does not cover it, so it is checked.
const fitEncoding = "gzip"

// packedFit is a fit as it is stored; zero if there is none.
type packedFit struct {
	hash   string
	size   int // before compression
	packed []byte
}

func packFit(f etf.Forecast) (packedFit, error) {
	if len(f.Fit) == 0 {
		return packedFit{}, nil
	}
	packed, err := compress(f.Fit)
	if err != nil {
		return packedFit{}, etf.Wrap(etf.KindInternal, err, "compressing a fit")
	}
	if len(packed) > maxBody {
		return packedFit{}, etf.Invalid("fit",
			fmt.Sprintf("the compressed fit has %d bytes; the limit is %d", len(packed), maxBody), "store only what predicting needs, not the history")
	}
	return packedFit{hash: hashOf(f.Fit), size: len(f.Fit), packed: packed}, nil
}

// ForecastFit returns the fit stored with a forecast, as the model wrote it; its Model.Restore reads it. KindNotFound
// if the forecast is unknown or was stored without a fit, KindCorrupt if the fit no longer matches its hash.
func (s *Store) ForecastFit(ctx context.Context, id string) ([]byte, error) {
	row, err := s.q.GetForecastFit(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, etf.NotFound("id", fmt.Sprintf("no fit is stored for forecast %q", id), latestForecasts)
	}
	if err != nil {
		return nil, translate(err, "reading a forecast's fit")
	}
	var fit []byte
	if row.Encoding != fitEncoding {
		err = fmt.Errorf("its encoding is %q, not %q", row.Encoding, fitEncoding)
	} else if fit, err = decompress(row.Fit, int(row.Size)); err == nil && hashOf(fit) != row.Hash {
		err = etf.ErrAltered
	}
	if err != nil {
		if !errors.Is(err, etf.ErrAltered) {
			err = fmt.Errorf("%w: %w", etf.ErrAltered, err)
		}
		return nil, &etf.Error{Kind: etf.KindCorrupt, Err: err, Message: "the fit of forecast " + id + " is not as it was stored", Remedy: compareWithBackup}
	}
	return fit, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
