package simulated

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// The body is what a provider would send, and what is then parsed: lines of comma-separated fields.
//
//	simulated,1,SEED,EXCHANGE,CURRENCY,BASIS
//	bar,SESSION,OPEN,HIGH,LOW,CLOSE,VOLUME
//	split,SESSION,NUMERATOR,DENOMINATOR
//	dividend,SESSION,AMOUNT
//	end,LINES            the number of lines between the first and the last
const (
	mediaType  = "text/csv; charset=utf-8"
	bodyHeader = "simulated,1,"
)

// fields holds the number of fields in each kind of line.
var fields = map[string]int{"bar": 7, "split": 4, "dividend": 3}

func appendBar(b []byte, bar etf.Bar) []byte {
	b = append(b, "bar,"...)
	b = bar.Session.Time().AppendFormat(b, "2006-01-02")
	for _, p := range [4]etf.Price{bar.Open, bar.High, bar.Low, bar.Close} {
		b = appendPrice(append(b, ','), p)
	}
	b = strconv.AppendInt(append(b, ','), int64(bar.Volume)/10_000, 10)
	return append(b, '\n')
}

// appendPrice writes a price that is a whole number of cents.
func appendPrice(b []byte, p etf.Price) []byte {
	if p < 0 {
		b, p = append(b, '-'), -p
	}
	b = strconv.AppendInt(b, int64(p)/1e8, 10)
	if cents := int64(p) % 1e8 / 1e6; cents != 0 {
		b = append(b, '.', byte('0'+cents/10), byte('0'+cents%10))
	}
	return b
}

func appendAction(b []byte, a etf.Action) []byte {
	if a.Kind == etf.Split {
		return fmt.Appendf(b, "split,%s,%d,%d\n", a.Ex, a.Numerator, a.Denominator)
	}
	return fmt.Appendf(b, "dividend,%s,%s\n", a.Ex, a.Amount)
}

// parseBody parses a body. A body without its end line is truncated: KindUnavailable. A line in between that can't be
// read is a defect, located by where and line.
func parseBody(where string, body []byte) (etf.Response, error) {
	response := etf.Response{Raw: body, MediaType: mediaType, Covers: []etf.ActionKind{etf.Split, etf.Dividend}}
	first, rest, _ := bytes.Cut(body, []byte{'\n'})
	head := strings.Split(string(first), ",")
	if !bytes.HasPrefix(first, []byte(bodyHeader)) || len(head) != 6 {
		return response, &etf.Error{Kind: etf.KindUnavailable, Field: where, Message: "the simulated response is truncated in its first line", Remedy: "retry"}
	}
	response.Currency, response.Basis = etf.Currency(head[4]), etf.Basis(head[5])
	response.Bars = make([]etf.Bar, 0, bytes.Count(rest, []byte("bar,")))
	lines := 0
	for len(rest) > 0 {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		rest = after
		text := string(line)
		if want, ok := strings.CutPrefix(text, "end,"); ok && whole && len(rest) == 0 && want == strconv.Itoa(lines) {
			return response, nil
		}
		lines++
		if !whole {
			break
		}
		if err := parseLine(&response, text); err != nil {
			d := etf.Defect{Where: fmt.Sprintf("%s:%d", where, lines+1), Text: text[:min(len(text), 200)], Reason: err.Error()}
			if f := strings.Split(text, ","); len(f) > 1 {
				d.Session, _ = etf.ParseSession(f[1])
			}
			response.Defects = append(response.Defects, d)
		}
	}
	return response, &etf.Error{Kind: etf.KindUnavailable, Field: where, Message: fmt.Sprintf("the simulated response is truncated after %d bytes, line %d", len(body), lines+1), Remedy: "retry"}
}

func parseLine(response *etf.Response, line string) error {
	var f [7]string
	n := 0
	for field := range strings.SplitSeq(line, ",") {
		if n == len(f) {
			return fmt.Errorf("a simulated line has more than %d fields", n)
		}
		f[n], n = field, n+1
	}
	if fields[f[0]] != n {
		return fmt.Errorf("a simulated line of type %.20q has the wrong number of fields, %d", f[0], n)
	}
	s, err := etf.ParseSession(f[1])
	if err != nil {
		return err
	}
	switch f[0] {
	case "bar":
		b := etf.Bar{Session: s}
		for i, p := range [4]*etf.Price{&b.Open, &b.High, &b.Low, &b.Close} {
			if *p, err = etf.ParsePrice(f[2+i]); err != nil {
				return err
			}
		}
		if b.Volume, err = etf.ParseVolume(f[6]); err != nil {
			return err
		}
		response.Bars = append(response.Bars, b)
	case "split":
		a := etf.Action{Kind: etf.Split, Ex: s}
		if a.Numerator, err = strconv.ParseInt(f[2], 10, 64); err != nil {
			return err
		}
		if a.Denominator, err = strconv.ParseInt(f[3], 10, 64); err != nil {
			return err
		}
		response.Actions = append(response.Actions, a)
	default:
		a := etf.Action{Kind: etf.Dividend, Ex: s}
		if a.Amount, err = etf.ParsePrice(f[2]); err != nil {
			return err
		}
		response.Actions = append(response.Actions, a)
	}
	return nil
}
