package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// AppendForecast appends the text of a forecast that its hash covers: the JSON that encoding/json writes for it with an empty Hash, but
// several times as fast. The fields are in the order of etf.Forecast, map keys sorted, instants in UTC, and numbers are the shortest
// texts that read back as the same float64. KindCorrupt for numbers and instants that JSON has no text for.
func AppendForecast(b []byte, f *etf.Forecast) ([]byte, error) { return appendForecast(b, f, nil) }

// Encoded has the parts of a forecast that are stored as JSON, as they are stored: the text takes them over unread.
type Encoded struct {
	Diagnostics string // an object
	Components  []EncodedComponent
	Tails       string // a list; empty if there are none
	Raw         string // a list; empty if there is none
}

// EncodedComponent is one component of a forecast.
type EncodedComponent struct {
	Name   string
	Values string // a list
}

// AppendEncoded is AppendForecast of a forecast whose diagnostics, components, tails and raw quantiles are encoded; its own are not read. The components
// are sorted by name. KindCorrupt also for a part that is not JSON, which could otherwise pretend to be more than one part.
func AppendEncoded(b []byte, f *etf.Forecast, parts Encoded) ([]byte, error) {
	slices.SortFunc(parts.Components, func(x, y EncodedComponent) int { return cmp.Compare(x.Name, y.Name) })
	unreadable := func(part string) ([]byte, error) {
		return b, &etf.Error{Kind: etf.KindCorrupt, Field: part, Message: "it is not JSON: it can't be read"}
	}
	if !isJSON(parts.Diagnostics, '{') {
		return unreadable("diagnostics")
	}
	for _, c := range parts.Components {
		if !isJSON(c.Values, '[') {
			return unreadable("components[" + strconv.Quote(c.Name) + "]")
		}
	}
	if parts.Tails != "" && !isJSON(parts.Tails, '[') {
		return unreadable("tails")
	}
	if parts.Raw != "" && !isJSON(parts.Raw, '[') {
		return unreadable("raw")
	}
	return appendForecast(b, f, &parts)
}

func isJSON(s string, first byte) bool { return s != "" && s[0] == first && json.Valid([]byte(s)) }

func appendForecast(b []byte, f *etf.Forecast, parts *Encoded) ([]byte, error) {
	w := textWriter{b: b}
	w.key(`{"id":`, f.ID)
	w.key(`,"symbol":`, string(f.Symbol))
	w.key(`,"model":`, f.Model)
	w.raw(`,"origin":`)
	w.session(f.Origin)
	w.raw(`,"data_version":{"number":`)
	w.b = strconv.AppendInt(w.b, f.DataVersion.Number, 10)
	w.key(`,"writer":`, f.DataVersion.Writer)
	w.key(`},"basis":`, string(f.Basis))
	w.key(`,"params":`, f.Params)
	w.key(`,"params_hash":`, f.ParamsHash)
	w.raw(`,"seed":`)
	w.b = strconv.AppendUint(w.b, f.Seed, 10)
	w.key(`,"code_version":`, f.CodeVersion)
	w.raw(`,"diagnostics":`)
	if parts != nil {
		w.raw(parts.Diagnostics)
	} else {
		w.diagnostics(f.Diagnostics)
	}
	w.key(`,"run":`, string(f.Run))
	w.raw(`,"as_of":`)
	w.instant(f.AsOf)
	w.raw(`,"issued_at":`)
	w.instant(f.IssuedAt)
	w.raw(`,"chain":`)
	w.b = strconv.AppendInt(w.b, f.Chain, 10)
	w.key(`,"prev_hash":`, f.PrevHash)
	w.raw(`,"hash":"","points":`)
	w.points(f.Points)
	if parts != nil {
		w.encoded(parts.Components)
	} else {
		w.components(f.Components)
	}
	if f.FitHash != "" {
		w.key(`,"fit_hash":`, f.FitHash)
	}
	if f.Held != 0 {
		w.raw(`,"held":`)
		w.b = strconv.AppendInt(w.b, int64(f.Held), 10)
	}
	if parts == nil {
		w.tails(f.Tails)
	} else if parts.Tails != "" {
		w.raw(`,"tails":`)
		w.raw(parts.Tails)
	}
	w.provenance(f)
	if parts == nil {
		w.rawPoints(f.Raw)
	} else if parts.Raw != "" {
		w.raw(`,"raw":`)
		w.raw(parts.Raw)
	}
	if f.Volatility != 0 {
		w.raw(`,"volatility":`)
		w.number(f.Volatility)
	}
	w.raw("}")
	if w.err != nil {
		return b, &etf.Error{Kind: etf.KindCorrupt, Message: "forecast " + f.ID + " has no text", Err: w.err}
	}
	return w.b, nil
}

type textWriter struct {
	b   []byte
	err error
}

func (w *textWriter) raw(s string) { w.b = append(w.b, s...) }

// key appends what precedes a string, and the string.
func (w *textWriter) key(before, s string) {
	w.b = append(w.b, before...)
	w.b = appendString(w.b, s)
}

func (w *textWriter) session(s etf.Session) {
	w.b = append(w.b, '"')
	if !s.IsZero() {
		w.b = s.Time().AppendFormat(w.b, time.DateOnly)
	}
	w.b = append(w.b, '"')
}

func (w *textWriter) instant(t time.Time) {
	if year := t.Year(); year < 0 || year > 9999 {
		w.err = fmt.Errorf("an instant is in the year %d", year)
		return
	}
	w.b = append(w.b, '"')
	w.b = t.AppendFormat(w.b, time.RFC3339Nano)
	w.b = append(w.b, '"')
}

func (w *textWriter) number(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		w.err = fmt.Errorf("%v is not a number", v)
		return
	}
	// The rule of encoding/json, which is ECMAScript's.
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		w.b = strconv.AppendFloat(w.b, v, 'e', -1, 64)
		if n := len(w.b); n >= 4 && w.b[n-4] == 'e' && w.b[n-3] == '-' && w.b[n-2] == '0' { // e-09 is written e-9
			w.b[n-2] = w.b[n-1]
			w.b = w.b[:n-1]
		}
		return
	}
	w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64)
}

func (w *textWriter) numbers(list []float64) {
	if list == nil {
		w.raw("null")
		return
	}
	w.b = append(w.b, '[')
	for i, v := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.number(v)
	}
	w.b = append(w.b, ']')
}

func (w *textWriter) diagnostics(m map[string]string) {
	if m == nil {
		w.raw("null")
		return
	}
	w.b = append(w.b, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendString(w.b, name)
		w.key(":", m[name])
	}
	w.b = append(w.b, '}')
}

func (w *textWriter) points(list []etf.ForecastPoint) {
	if list == nil {
		w.raw("null")
		return
	}
	w.b = append(w.b, '[')
	for i := range list {
		p := &list[i]
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.raw(`{"horizon":`)
		w.b = strconv.AppendInt(w.b, int64(p.Horizon), 10)
		w.raw(`,"target":`)
		w.session(p.Target)
		w.raw(`,"mean":`)
		w.number(p.Mean)
		w.raw(`,"quantiles":`)
		w.numbers(p.Quantiles[:])
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}

func (w *textWriter) components(m map[string][]float64) {
	if len(m) == 0 {
		return
	}
	w.raw(`,"components":{`)
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendString(w.b, name)
		w.b = append(w.b, ':')
		w.numbers(m[name])
	}
	w.b = append(w.b, '}')
}

func (w *textWriter) encoded(list []EncodedComponent) {
	for i, c := range list {
		w.key([...]string{`,"components":{`, `,`}[min(i, 1)], c.Name)
		w.b = append(w.b, ':')
		w.raw(c.Values)
	}
	if len(list) > 0 {
		w.b = append(w.b, '}')
	}
}

func (w *textWriter) tails(list [][2]float64) {
	for i := range list {
		w.raw([...]string{`,"tails":[`, `,`}[min(i, 1)])
		w.numbers(list[i][:])
	}
	if len(list) > 0 {
		w.b = append(w.b, ']')
	}
}

func (w *textWriter) rawPoints(list []etf.RawPoint) {
	for i := range list {
		w.raw([...]string{`,"raw":[`, `,`}[min(i, 1)])
		w.raw(`{"quantiles":`)
		w.numbers(list[i].Quantiles[:])
		w.raw(`,"tails":`)
		w.numbers(list[i].Tails[:])
		w.b = append(w.b, '}')
	}
	if len(list) > 0 {
		w.b = append(w.b, ']')
	}
}

func (w *textWriter) provenance(f *etf.Forecast) {
	if f.ClosesHash != "" {
		w.key(`,"closes_hash":`, f.ClosesHash)
	}
	if f.Scale != (etf.Scale{}) {
		w.raw(`,"scale":{"absolute":`)
		w.number(f.Scale.Absolute)
		w.raw(`,"squared":`)
		w.number(f.Scale.Squared)
		w.b = append(w.b, '}')
	}
	if f.Build != (etf.Build{}) {
		w.key(`,"build":{"go":`, f.Build.Go)
		w.key(`,"arch":`, f.Build.Arch)
		w.key(`,"features":`, f.Build.Features)
		if f.Build.Modified {
			w.raw(`,"modified":true`)
		}
		w.b = append(w.b, '}')
	}
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string with the escapes of encoding/json, which include those of HTML.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, '\\', 'b')
			case '\f':
				b = append(b, '\\', 'f')
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
			b = append(b, s[start:i]...)
			if r == utf8.RuneError {
				b = append(b, `\ufffd`...)
			} else {
				b = append(b, `\u202`...)
				b = append(b, hexDigits[r&15])
			}
			start = i + size
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
