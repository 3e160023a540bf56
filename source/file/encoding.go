package file

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// legacy are the encodings tried on text that is not UTF-8. The one in whose reading the header has the most known names is
// used; of several, the first.
var legacy = []encoding.Encoding{
	korean.EUCKR, // with the extensions of code page 949
	simplifiedchinese.GB18030, japanese.ShiftJIS, traditionalchinese.Big5, japanese.EUCJP, charmap.Windows1252, charmap.Windows1250, charmap.Windows1251, charmap.Windows1254,
}

// headSize is how much of a file the encoding and the header are looked for in.
const headSize = 8 << 10

// decode returns the file as UTF-8 without a byte order mark and the invisible characters that web pages bring along.
func decode(body []byte) string {
	text := decodeText(body)
	for i := range len(invisible) / 3 {
		if strings.Contains(text, invisible[3*i:3*i+3]) {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune(invisible, r) {
					return -1
				}
				return r
			}, text)
		}
	}
	return text
}

// invisible are a space of no width, the joiners and the marks of direction; each takes three bytes.
const invisible = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"

func decodeText(body []byte) string {
	switch utf16(body) {
	case littleEndian:
		return decodeWith(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), body)
	case bigEndian:
		return decodeWith(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), body)
	}
	if utf8.Valid(body) {
		return strings.TrimPrefix(string(body), "\ufeff")
	}
	head := body[:min(len(body), headSize)]
	if i := bytes.LastIndexAny(head, "\r\n"); i > 0 {
		head = head[:i]
	}
	best, most := encoding.Encoding(nil), 0
	if !utf8.Valid(head) {
		for _, e := range legacy {
			if known := knownNames(decodeWith(e, head)); known > most {
				best, most = e, known
			}
		}
	}
	if best == nil {
		return strings.TrimPrefix(strings.ToValidUTF8(string(body), "\ufffd"), "\ufeff")
	}
	return decodeWith(best, body)
}

func decodeWith(e encoding.Encoding, body []byte) string {
	text, err := e.NewDecoder().Bytes(body)
	if err != nil { // the decoders replace what they can't read
		return strings.ToValidUTF8(string(body), "\ufffd")
	}
	return strings.TrimPrefix(string(text), "\ufeff")
}

// knownNames returns how many known column names the best of the first lines has that are not plain ASCII.
func knownNames(head string) int {
	most := 0
	r := newLineReader(head)
	for range maxTitleLines {
		line, ok := r.next()
		if !ok {
			break
		}
		h, _ := readHeader(line)
		known := 0
		for i, name := range h.named {
			if name.role != ignored && !ascii(h.cells[i]) {
				known++
			}
		}
		most = max(most, known)
	}
	return most
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

type endianness uint8

const (
	notUTF16 endianness = iota
	littleEndian
	bigEndian
)

// utf16 reports whether a file is UTF-16, by its byte order mark or by the zeros beside its ASCII characters.
func utf16(body []byte) endianness {
	switch {
	case bytes.HasPrefix(body, []byte{0xff, 0xfe}):
		return littleEndian
	case bytes.HasPrefix(body, []byte{0xfe, 0xff}):
		return bigEndian
	}
	head := body[:min(len(body), 256)]
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch pairs := len(head) / 2; {
	case pairs < 8:
	case zeros[1]*4 > pairs*3 && zeros[0] == 0:
		return littleEndian
	case zeros[0]*4 > pairs*3 && zeros[1] == 0:
		return bigEndian
	}
	return notUTF16
}
