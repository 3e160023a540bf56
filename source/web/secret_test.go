package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/etfcast/etfcast/etf"
)

// everyUnit escapes every character, with its UTF-16 units as format has them.
func everyUnit(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, unit := range utf16.Encode([]rune(s)) {
			fmt.Fprintf(&b, format, unit)
		}
		return b.String()
	}
}

// everyByte escapes every byte.
func everyByte(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
}

// everyRune escapes every character.
func everyRune(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, format, r)
		}
		return b.String()
	}
}

func jsonText(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return string(b[1 : len(b)-1])
}

func quoted(quote func(string) string) func(string) string {
	return func(s string) string { q := quote(s); return q[1 : len(q)-1] }
}

// spellings are the ways in which a provider may write what it repeats.
var spellings = map[string]func(string) string{
	"plain":              func(s string) string { return s },
	"query":              url.QueryEscape,
	"path":               url.PathEscape,
	"query, lower case":  func(s string) string { return lowerHex(url.QueryEscape(s)) },
	"percent":            everyByte("%%%02X"),
	"percent, lower":     everyByte("%%%02x"),
	"old JavaScript":     everyUnit("%%u%04X"),
	"JSON":               jsonText,
	"JSON with slashes":  func(s string) string { return strings.ReplaceAll(jsonText(s), "/", `\/`) },
	"JSON in ASCII":      quoted(strconv.QuoteToASCII),
	"units":              everyUnit(`\u%04x`),
	"units, upper case":  everyUnit(`\u%04X`),
	"JavaScript":         everyRune(`\u{%x}`),
	"Python":             everyRune(`\U%08x`),
	"bytes":              everyByte(`\x%02x`),
	"HTML":               html.EscapeString,
	"HTML, decimal":      everyRune("&#%d;"),
	"HTML, hexadecimal":  everyRune("&#x%X;"),
	"HTML, named":        strings.NewReplacer("&", "&amp;", "+", "&plus;", "/", "&sol;", "é", "&eacute;", "=", "&equals;", `"`, "&quot;").Replace,
	"a space for a plus": func(s string) string { return strings.ReplaceAll(s, "+", " ") },
}

// lowerHex writes the digits of percent-encoding in lower case.
func lowerHex(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i:], strings.ToLower(string(b[i:i+3])))
		}
	}
	return string(b)
}

var hiddenKeys = []string{
	secret, "pass phrase/1", "clé+secrète&<\"1\">", "비밀열쇠-🔑-0123", `back\slash%41%2fb`, "a&amp;b&c=d", "0123456789abcdef0123456789abcdef", "100%sure!", `\u0041\u0042cdef`,
}

// However a key is written, also in one form within another, nothing of it is left, and what stands around it is.
func TestHide(t *testing.T) {
	t.Parallel()
	const before, after = `{"error":"key 1+1 `, ` is no good","n":1}`
	for _, key := range hiddenKeys {
		for inner, in := range spellings {
			for outer, out := range spellings {
				written := out(in(key))
				for _, text := range []string{before + written + after, before + written + after + written, before + written} {
					want := strings.ReplaceAll(text, written, mask)
					if got := string(Hide([]byte(text), key)); got != want {
						t.Errorf("%s in %s: %s became %s", inner, outer, text, got)
					}
				}
			}
		}
	}
}

// Three times escaped, and each character in a way of its own.
func TestHideMixed(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var names []string
	for name := range spellings {
		names = append(names, name)
	}
	for range 3000 {
		key := hiddenKeys[random.IntN(len(hiddenKeys)-3)] // the last ones look escaped themselves
		if strings.ContainsAny(key, `\%&`) {
			continue
		}
		var b strings.Builder
		for _, r := range key {
			b.WriteString(spellings[names[random.IntN(len(names))]](string(r)))
		}
		written := spellings[names[random.IntN(len(names))]](spellings[names[random.IntN(len(names))]](b.String()))
		if got := string(Hide([]byte("<"+written+">"), key)); got != "<***>" {
			t.Errorf("%s became %s", written, got)
		}
	}
}

// The beginning of a key at the end of what was cut off is hidden, in the middle of an escape too.
func TestHideAtTheCut(t *testing.T) {
	t.Parallel()
	for name, spelling := range spellings {
		written := spelling(secret)
		for n := len(written) - 1; n >= 0; n-- {
			text := []byte("key " + written[:n])
			got := string(Hide(text, secret))
			seen := layers([]byte(strings.TrimPrefix(got, "key ")))
			if last := string(seen[len(seen)-1]); len(last) >= shortest && last != mask {
				t.Errorf("%s: %s became %s", name, text, got)
			}
			if name == "plain" && n < shortest && got != string(text) {
				t.Errorf("%s became %s", text, got)
			}
		}
	}
}

// What only looks like an escape stays as it is, and so does a text without the key, which is not copied.
func TestHideLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "%", `\`, "&", "100% sure, 5%2", `C:\dir\u12 \u00zz \uD83D\uD83D \uD83Dx \u{} \u{110000} \x4`, `\u{1234567`, `\u{12345678 9`, "AT&T &nosuch; &#xZZ; a && b &", "%zz%4", `\8`, "\x80\xff%\xff",
		strings.Repeat(`\\\\`, 100), strings.Repeat("%25", 100),
	} {
		if got := string(Hide([]byte(text), secret)); got != text {
			t.Errorf("%q became %q", text, got)
		}
		with := text + "|" + secret + "|" + text
		if got, want := string(Hide([]byte(with), secret)), text+"|***|"+text; got != want {
			t.Errorf("%q became %q", with, got)
		}
	}
	if text := []byte("no such thing"); &Hide(text, secret)[0] != &text[0] || &Hide(text, "")[0] != &text[0] {
		t.Error("a text without the key was copied")
	}
	text := []byte("key " + secret)
	if Hide(text, secret); string(text) != "key "+secret {
		t.Errorf("the text was changed: %s", text)
	}
}

// A body that is nothing but escapes takes seconds at most.
func TestHideIsLinear(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{`\u0073`, "%2525", `\\\\`, "&amp;", "&a", "s3cr3", secret} {
		text := []byte(strings.Repeat(unit, 2<<20/len(unit)))
		if began := time.Now(); len(Hide(text, secret)) == 0 || time.Since(began) > 10*time.Second {
			t.Errorf("%q: %s", unit, time.Since(began))
		}
	}
}

func TestWithoutKeepsTheKind(t *testing.T) {
	t.Parallel()
	err := without(etf.Wrap(etf.KindDenied, errors.New(`{"key":"s3cr3t\u002Bkey\/0123456789"}`), "no"), secret)
	if etf.KindOf(err) != etf.KindDenied || err.Error() != `no: {"key":"***"}` {
		t.Errorf("%v", err)
	}
}

func FuzzHide(f *testing.F) {
	for _, spelling := range spellings {
		f.Add("a" + spelling(secret) + "b")
	}
	f.Fuzz(func(t *testing.T, text string) {
		hidden := Hide([]byte(text), secret)
		for _, layer := range layers(hidden) {
			if strings.Contains(string(layer), secret) {
				t.Errorf("%q became %q, which has the key", text, hidden)
			}
		}
	})
}
