package etf

import "strings"

// MaxQuoted is how many bytes of a caller's input an error message quotes at most.
const MaxQuoted = 64

// Clip shortens s to at most n bytes of valid UTF-8, cutting at a character boundary and marking the cut with "…".
func Clip(s string, n int) string {
	const mark = "…"
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	cut := 0
	for i := range s {
		if i > n-len(mark) {
			break
		}
		cut = i
	}
	return s[:cut] + mark
}
