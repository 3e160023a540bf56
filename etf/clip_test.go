package etf

import (
	"testing"
	"unicode/utf8"
)

func TestClip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 10, ""},
		{"short", 5, "short"},
		{"longer", 5, "lo…"},
		{"한국거래소", 10, "한국…"}, // three bytes per character, and three for the mark
		{"한국거래소", 15, "한국거래소"},
		{"broken \xff byte", 40, "broken \uFFFD byte"},
		{"\xff\xff\xff\xff", 3, "\uFFFD"}, // a run of invalid bytes becomes one replacement character
		{"abc", 2, "…"},                   // no room for a character: only the mark
	} {
		got := Clip(c.in, c.n)
		if got != c.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
		if !utf8.ValidString(got) {
			t.Errorf("Clip(%q, %d) is not UTF-8", c.in, c.n)
		}
	}
}

func FuzzClip(f *testing.F) {
	f.Add("héllo", 3)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 3 || n > 10_000 || !utf8.ValidString(s) {
			return
		}
		got := Clip(s, n)
		if len(got) > n || !utf8.ValidString(got) || (len(s) <= n && got != s) {
			t.Errorf("%q clipped to %d gives %q", s, n, got)
		}
	})
}
