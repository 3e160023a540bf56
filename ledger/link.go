package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// LinkHash is the hash of a forecast in its chain: SHA-256, in hex, over the hash of the position before it (empty for the first), a
// newline, and the forecast's text (AppendForecast).
func LinkHash(previous string, text []byte) string {
	h := sha256.New()
	_, _ = io.WriteString(h, previous)
	_, _ = h.Write([]byte{'\n'})
	_, _ = h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// readLink returns the forecast that a text stands for. It must be the one text that AppendForecast writes for it, so that it can be
// read in one way only.
func readLink(text, field string) (etf.Forecast, error) {
	const again = "make the proof again with `etfcast ledger proof FORECAST`"
	var f etf.Forecast
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, &etf.Error{Kind: etf.KindInvalid, Field: field, Message: "it is not a forecast's text", Err: err,
			Remedy: again + "; a proof by a newer etfcast needs that version"}
	}
	written, err := AppendForecast(nil, &f)
	if err != nil || f.Hash != "" || !bytes.Equal(written, []byte(text)) {
		return f, etf.Invalid(field, fmt.Sprintf("the text of forecast %s is not as etfcast writes it", etf.Clip(f.ID, 40)), again)
	}
	return f, nil
}
