package web

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"html"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// mask stands where a credential stood.
const mask = "***"

// shortest is the length from which a credential is hidden. Shorter ones, such as EODHD's public key "demo", are words that a body may
// have anyway.
const shortest = 6

// mostLayers is how many times what a provider repeats may be escaped: as in JSON in an address in a page.
const mostLayers = 3

// Hide returns text with asterisks for the credential, however its characters are written: as they are, percent-encoded, with the escapes of JSON
// and JavaScript, as HTML entities, or several of these at once or within each other. Not the forms but what they mean is compared. At
// the end of a text that was cut off, the credential's beginning is hidden too. text is not modified. A key of fewer than 6 characters stays.
func Hide(text []byte, key string) []byte {
	if len(key) < shortest {
		return text
	}
	forms := [][]byte{[]byte(key)} // a key with a percent sign is decoded like the text around it
	for _, form := range layers([]byte(key))[1:] {
		if len(form) >= shortest {
			forms = append(forms, form)
		}
	}
	spaced := bytes.ContainsAny([]byte(key), " +") // in a form, a plus is a space
	var found []span
	all := layers(text)
	for n, layer := range slices.Backward(all) {
		searched := layer
		if spaced {
			searched = bytes.ReplaceAll(layer, []byte("+"), []byte(" "))
		}
		for _, form := range forms {
			if spaced {
				form = bytes.ReplaceAll(form, []byte("+"), []byte(" "))
			}
			found = occurrences(found, searched, form)
		}
		if found = joined(found); n > 0 {
			found = below(all[n-1], found)
		}
	}
	if len(found) == 0 {
		return text
	}
	var b bytes.Buffer
	at := 0
	for _, f := range joined(found) {
		b.Write(text[at:f.from])
		b.WriteString(mask)
		at = f.to
	}
	b.Write(text[at:])
	return b.Bytes()
}

// span is a part of a text.
type span struct{ from, to int }

// layers returns the text, the text with its escapes undone, with those of the result undone, and so on, as long as that changes anything.
func layers(text []byte) [][]byte {
	all := [][]byte{text}
	for len(all) <= mostLayers && bytes.ContainsAny(text, `%\&`) {
		var b bytes.Buffer
		escapes := 0
		pieces(text, func(_ span, as []byte, escaped bool) {
			b.Write(as)
			if escaped {
				escapes++
			}
		})
		if escapes == 0 {
			break
		}
		text = b.Bytes()
		all = append(all, text)
	}
	return all
}

// occurrences adds where the text has the word, and where it ends with its beginning.
func occurrences(list []span, text, word []byte) []span {
	for at := 0; ; {
		i := bytes.Index(text[at:], word)
		if i < 0 {
			break
		}
		list = append(list, span{at + i, at + i + len(word)})
		at += i + len(word)
	}
	for n := min(len(word)-1, len(text)); n >= shortest; n-- {
		if bytes.HasSuffix(text, word[:n]) {
			return append(list, span{len(text) - n, len(text)})
		}
	}
	return list
}

// joined sorts the spans and makes one of those that overlap.
func joined(list []span) []span {
	slices.SortFunc(list, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out []span
	for _, s := range list {
		if n := len(out); n > 0 && s.from < out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// below returns where the spans of a text, which are sorted and apart, are in the text that it was before its escapes were undone.
func below(escaped []byte, list []span) []span {
	out := slices.Clone(list)
	at, begin, end := 0, 0, 0 // in the text above; the next span to begin, and to end
	pieces(escaped, func(p span, as []byte, isEscape bool) {
		for ; begin < len(list) && list[begin].from < at+len(as); begin++ {
			if out[begin].from = p.from; !isEscape {
				out[begin].from += list[begin].from - at
			}
		}
		at += len(as)
		for ; end < len(list) && list[end].to <= at; end++ {
			if out[end].to = p.to; !isEscape {
				out[end].to -= at - list[end].to
			}
		}
	})
	if n := len(list) - 1; n >= 0 && list[n].to == at {
		out[n].to = len(escaped) // with an escape that was cut off
	}
	return out
}

// pieces calls f with each escape of the text and each part between two, in order, and what it means.
func pieces(text []byte, f func(p span, as []byte, isEscape bool)) {
	plain := 0
	for at := 0; at < len(text); {
		i := bytes.IndexAny(text[at:], `%\&`)
		if i < 0 {
			break
		}
		at += i
		as, n := unescape(text[at:])
		if n == 0 {
			at++
			continue
		}
		if plain < at {
			f(span{plain, at}, text[plain:at], false)
		}
		f(span{at, at + n}, as, true)
		at += n
		plain = at
	}
	if plain < len(text) {
		f(span{plain, len(text)}, text[plain:], false)
	}
}

// unescape returns what the escape at the beginning of the text means, and its length: nothing if the text ends within it, and 0 if there is none.
func unescape(text []byte) (as []byte, n int) {
	if text[0] == '&' {
		return entity(text)
	}
	if len(text) == 1 {
		return nil, 1
	}
	switch c := text[1]; {
	case text[0] == '%' && c != 'u':
		return coded(text, 1, 2)
	case c == 'x':
		return coded(text, 2, 2)
	case c == 'u' || c == 'U':
		return unicodeEscape(text)
	case c >= '0' && c <= '9' || c >= 'A' && c <= 'Z':
		return nil, 0
	default:
		if i := bytes.IndexByte([]byte("abfnrtv"), c); i >= 0 {
			return []byte("\a\b\f\n\r\t\v")[i : i+1], 2
		}
		if c >= 'a' && c <= 'z' || c >= utf8.RuneSelf {
			return nil, 0
		}
		return text[1:2], 2
	}
}

// coded reads a byte that is written with digits, as they follow the first bytes.
func coded(text []byte, first, digits int) ([]byte, int) {
	r, n := hexadecimal(text, first, digits)
	if n != first+digits {
		return nil, n
	}
	return []byte{byte(r)}, n
}

// hexadecimal reads the digits that follow the first bytes, and returns their value and where they end: 0 if they are not digits, the length
// of the text if it ends before.
func hexadecimal(text []byte, first, digits int) (rune, int) {
	var r rune
	for i := first; i < first+digits; i++ {
		if i >= len(text) {
			return 0, len(text)
		}
		v, err := strconv.ParseUint(string(text[i:i+1]), 16, 8)
		if err != nil {
			return 0, 0
		}
		r = r<<4 | rune(v)
	}
	return r, first + digits
}

// unicodeEscape reads \uXXXX or %uXXXX, two of which may be one character, \u{X...} and \UXXXXXXXX.
func unicodeEscape(text []byte) ([]byte, int) {
	digits, first := 4, 2
	switch {
	case text[1] == 'U':
		digits = 8
	case len(text) > 2 && text[2] == '{':
		end := bytes.IndexByte(text[:min(len(text), len(`\u{10FFFF}`))], '}')
		if end < 0 && len(text) < len(`\u{10FFFF}`) {
			end = len(text) + 1 // cut off, if it is one
		}
		if end < 4 {
			return nil, 0
		}
		first, digits = 3, end-3
	}
	r, n := hexadecimal(text, first, digits)
	if n != first+digits {
		return nil, n
	}
	if first == 3 {
		n++
	}
	if utf16.IsSurrogate(r) {
		if len(text) < n+2 || text[n] != text[0] || text[n+1] != 'u' {
			if bytes.HasPrefix(text[:2], text[n:]) {
				return nil, len(text)
			}
			return nil, 0
		}
		low, to := hexadecimal(text[n:], 2, 4)
		if to != 6 {
			if to > 0 {
				return nil, len(text)
			}
			return nil, 0
		}
		if r, n = utf16.DecodeRune(r, low), n+6; r == utf8.RuneError {
			return nil, 0
		}
	}
	return utf8.AppendRune(nil, r), n
}

// entity reads an HTML entity that ends with a semicolon.
func entity(text []byte) ([]byte, int) {
	const longest = 33 // &CounterClockwiseContourIntegral;
	for i, c := range text[1:min(len(text), longest)] {
		switch {
		case c == ';':
			written := string(text[:i+2])
			if as := html.UnescapeString(written); as != written {
				return []byte(as), i + 2
			}
			return nil, 0
		case c == '#' && i == 0 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z':
		default:
			return nil, 0
		}
	}
	if len(text) < longest {
		return nil, len(text)
	}
	return nil, 0
}

// without returns err, or an error of the same kind whose text does not have the credential.
func without(err error, key string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := string(Hide([]byte(text), key)); clean != text {
		masked := &etf.Error{Kind: etf.KindOf(err), Message: clean}
		for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
			if errors.Is(err, cause) {
				masked.Err = cause
			}
		}
		return masked
	}
	return err
}
