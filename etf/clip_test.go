package etf

import (
	"encoding/json"
	"strings"
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
		{"two\r\nlines\tand a tab", 40, "two lines and a tab"},
		{"\x1b]0;title\a\x1b[2J", 60, `\u001b]0;title\u0007\u001b[2J`},
		{"\u009b2J \u202egnp.exe \u2066a\u2069 \U000E0041", 60, `\u009b2J \u202egnp.exe \u2066a\u2069 \udb40\udc41`},
		{"abc", 2, "…"}, // no room for a character: only the mark
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
		if len(got) > n || !utf8.ValidString(got) || strings.ContainsFunc(got, hostile) || strings.ContainsAny(got, "\n\t") {
			t.Errorf("%q clipped to %d gives %q", s, n, got)
		}
		if len(s) <= n && got != s && !strings.ContainsFunc(s, func(r rune) bool { return hostile(r) || r == '\n' || r == '\t' }) {
			t.Errorf("%q clipped to %d gives %q", s, n, got)
		}
	})
}

// Escaping a JSON document changes its spelling, not its values.
func TestEscapeKeepsJSON(t *testing.T) {
	t.Parallel()
	in := "a\x1b\x7f\u009b\u202e\u2066\u2028\U000E0041 한국 \U0001F469\u200d\U0001F4BB \"quoted\" \\ \n\t"
	encoded, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	escaped := Escape(string(encoded))
	if strings.ContainsFunc(escaped, hostile) {
		t.Errorf("%q", escaped)
	}
	var out string
	if err := json.Unmarshal([]byte(escaped), &out); err != nil || out != in {
		t.Errorf("%q became %q: %v", in, out, err)
	}
}
