package forecast

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// ClosesHash returns the SHA-256, in hex, of the closes of a series as text. Each row is a line: the session, a space, the close as the
// shortest decimal that reads back exactly (never with an exponent), a space, the sessions since the row before (0 in the first), and a
// newline, for example
//
//	2025-09-25 661.82 0
//	2025-09-26 663.68 1
//
// Nothing else of the series is in the text.
func ClosesHash(s Series) string {
	h := sha256.New()
	var line []byte
	for i, price := range s.Close {
		step := 0
		if i > 0 {
			step = s.Step(i)
		}
		line = append(line[:0], s.Sessions[i].String()...)
		line = append(line, ' ')
		line = strconv.AppendFloat(line, price, 'f', -1, 64)
		line = append(line, ' ')
		line = strconv.AppendInt(line, int64(step), 10)
		line = append(line, '\n')
		_, _ = h.Write(line) // a hash never returns an error
	}
	return hex.EncodeToString(h.Sum(nil))
}
