package etf

import "strings"

// MaxQuoted bounds how much of what somebody sent is quoted back, in bytes.
const MaxQuoted = 64

// Clip shortens text to at most n bytes of valid UTF-8, cut at a character's boundary, and marks the cut with "…".
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
