package forecast

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/etfcast/etfcast/etf"
)

// CanonicalJSON returns v as JSON that is identical for equal values: object keys sorted, no spaces, HTML
// characters not escaped, numbers as encoding/json writes them. NaN and Inf give an error of KindInvalid.
func CanonicalJSON(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", &etf.Error{Kind: etf.KindInvalid, Field: "params", Message: "parameters can't be written as JSON", Err: err}
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // keeps integers beyond 2^53 and the exact digits of floats
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return "", etf.Wrap(etf.KindInternal, err, "reading back canonical JSON")
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil {
		return "", etf.Wrap(etf.KindInternal, err, "writing canonical JSON")
	}
	return string(bytes.TrimRight(out.Bytes(), "\n")), nil
}

// ParamsHash returns the SHA-256 of canonical JSON as 64 hex digits.
func ParamsHash(canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(sum[:])
}

// ID returns the identity of a forecast as 32 hex digits: a hash of what makes it unique (symbol, model, origin,
// data version, hash of the parameters, seed, code version). The other fields of f are ignored.
func ID(f etf.Forecast) string {
	h := sha256.New()
	for _, part := range []string{
		"forecast", string(f.Symbol), f.Model, f.Origin.String(),
		strconv.FormatInt(f.DataVersion.Number, 10), f.DataVersion.Writer,
		f.ParamsHash, strconv.FormatUint(f.Seed, 10), f.CodeVersion,
	} {
		writePart(h.Write, part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Seed returns the seed a model is fitted with: a hash of symbol, model and origin, so that a re-run draws the
// same numbers and no two ETFs share them. It is below 2^53, so every JSON reader reads it exactly.
func Seed(symbol etf.Symbol, model string, origin etf.Session) uint64 {
	h := sha256.New()
	for _, part := range []string{"seed", string(symbol), model, origin.String()} {
		writePart(h.Write, part)
	}
	return binary.BigEndian.Uint64(h.Sum(nil)) >> 11
}

// writePart prefixes the length, because ("ab","c") and ("a","bc") must not hash alike. A hash never returns an error.
func writePart(write func([]byte) (int, error), part string) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(part)))
	_, _ = write(n[:])
	_, _ = write([]byte(part))
}
