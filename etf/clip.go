package etf

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// MaxQuoted is how many bytes of a caller's input an error message quotes at most.
const MaxQuoted = 64

// Clip makes one line of at most n bytes of text that came from outside. Line breaks and tabs become spaces, characters that
// control a terminal or the direction of text are escaped (Escape), and the cut, at a character boundary, is marked with "…".
func Clip(s string, n int) string {
	const mark = "…"
	s = OneLine(s)
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

// OneLine is Escape with line breaks and tabs as spaces.
func OneLine(s string) string {
	if strings.ContainsAny(s, "\r\n\t") {
		s = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(s)
	}
	return Escape(s)
}

// Escape returns s as valid UTF-8 in which every control character but newline and tab, and every invisible formatting
// character but the two joiners, is spelled out as \uXXXX. A provider, a file or a user can't move the cursor, set the title or colours of a
// terminal, or reorder text through it. JSON stays the same JSON.
func Escape(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexFunc(s, hostile) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch first, second := utf16.EncodeRune(r); {
		case !hostile(r):
			b.WriteRune(r)
		case first == unicode.ReplacementChar: // a single unit
			b.WriteString(fmt.Sprintf(`\u%04x`, r)) //nolint:staticcheck // workflowcheck knows Sprintf to be deterministic
		default:
			b.WriteString(fmt.Sprintf(`\u%04x\u%04x`, first, second)) //nolint:staticcheck // as above
		}
	}
	return b.String()
}

// hostile reports whether r acts on a terminal or on the text around it instead of being shown.
func hostile(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d' // Persian and emoji need them
	switch {
	case r < ' ':
		return r != '\n' && r != '\t'
	case r < 0x7f, r == nonJoiner, r == joiner:
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
