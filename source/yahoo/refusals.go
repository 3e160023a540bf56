package yahoo

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// errCrumb is in the chain of a refusal that a new crumb may resolve.
var errCrumb = errors.New("no valid crumb")

// classify tells apart a chart, an empty range and a refusal. The status alone never decides: Yahoo sends outage pages
// with 200 and empty ranges with 400.
func classify(r response, ticker string) (ch chart, empty bool, err error) {
	switch {
	case r.status == http.StatusTooManyRequests, r.status == 999: // Yahoo's older status for the same
		return ch, false, limited(r)
	case r.status >= 300 && r.status < 400:
		to := r.header.Get("Location")
		if consent([]byte(to)) {
			return ch, false, denied("Yahoo redirects to its consent page")
		}
		return ch, false, &etf.Error{Kind: etf.KindUnavailable, Message: "Yahoo redirects to " + web.Destination(r.header)}
	case r.status == http.StatusUnauthorized:
		return ch, false, denied("Yahoo responded with 401: " + summary(r.body))
	case tooMany(r):
		return ch, false, limited(r)
	case isPage(r):
		return ch, false, page(r)
	}
	// A body that is not JSON at all is judged by its text and status, malformed JSON by decode.
	if !isObject(r) {
		return ch, false, plain(r)
	}
	e, err := decode(withoutMark(r.body))
	if err != nil {
		if r.status >= http.StatusBadRequest {
			err = status(r, summary(r.body))
		}
		return ch, false, err
	}
	for _, s := range []section{e.Chart, e.Finance} {
		if s.Error != nil {
			empty, err := refusal(r, ticker, *s.Error)
			return ch, empty, err
		}
	}
	if r.status != http.StatusOK {
		return ch, false, status(r, summary(r.body))
	}
	ch, err = e.only()
	return ch, false, err
}

// refusal interprets a JSON error.
func refusal(r response, ticker string, e apiError) (empty bool, err error) {
	what := strings.TrimSpace(e.Code + ": " + e.Description)
	words := strings.ToLower(what)
	switch {
	case strings.Contains(words, "data doesn't exist"):
		return true, nil
	case r.status == http.StatusNotFound, strings.EqualFold(e.Code, "Not Found"):
		return false, etf.NotFound("ref", fmt.Sprintf("Yahoo does not know %s (%.120s)", ticker, what), "check the ticker on Yahoo Finance and correct it with `etfcast etf edit`; a delisted ETF needs another source")
	case strings.Contains(words, "too many requests"):
		return false, limited(r)
	case strings.Contains(words, "unauthorized"), strings.Contains(words, "invalid crumb"), strings.Contains(words, "invalid cookie"):
		return false, denied("Yahoo responded with " + what)
	}
	return false, status(r, what)
}

// status judges a response by its status; words describe the body.
func status(r response, words string) error {
	message := fmt.Sprintf("Yahoo responded with %d: %.160s", r.status, words)
	switch {
	case r.status == http.StatusForbidden, r.status == http.StatusUnavailableForLegalReasons:
		return &etf.Error{Kind: etf.KindDenied, Message: message, Remedy: "try another address or user agent, or use another source"}
	case r.status == http.StatusBadRequest, r.status == http.StatusUnprocessableEntity:
		return etf.Invalid("ref", message, "check the ticker on Yahoo Finance")
	case r.status == http.StatusOK, r.status >= 500, r.status == http.StatusRequestTimeout, r.status == http.StatusNotFound:
		// A 404 without JSON comes from something between us and Yahoo: for an unknown ticker it has JSON.
		return &etf.Error{Kind: etf.KindUnavailable, Message: message}
	}
	return corrupt("status", "%s", message)
}

// plain judges a body that is neither a page nor JSON.
func plain(r response) error {
	if len(bytes.TrimSpace(r.body)) == 0 {
		if r.status == http.StatusOK {
			return &etf.Error{Kind: etf.KindUnavailable, Message: "Yahoo sent an empty body"}
		}
		return status(r, "an empty body")
	}
	if r.status == http.StatusOK {
		return corrupt("body", "Yahoo's response is not a JSON object: %s", summary(r.body))
	}
	return status(r, summary(r.body))
}

func isPage(r response) bool {
	return r.mediaType == "text/html" && !isObject(r) || bytes.HasPrefix(bytes.TrimSpace(withoutMark(r.body)), []byte("<"))
}

func isObject(r response) bool {
	return bytes.HasPrefix(bytes.TrimSpace(withoutMark(r.body)), []byte("{"))
}

// withoutMark takes a byte order mark away.
func withoutMark(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }

// tooMany reports whether a page, text or a message begins with words about too many requests, under whatever status. Charts are not searched.
func tooMany(r response) bool {
	if isObject(r) && r.status == http.StatusOK {
		return false
	}
	return strings.Contains(strings.ToLower(summary(r.body)), "too many requests")
}

// page judges a web page. Pages other than consent pages are outages ("Will be right back").
func page(r response) error {
	if consent(r.body) {
		return denied("Yahoo asks for consent on a web page")
	}
	if r.status >= http.StatusBadRequest {
		return status(r, "a web page")
	}
	return &etf.Error{Kind: etf.KindUnavailable, Message: "Yahoo sent a web page instead of data: " + summary(r.body)}
}

func consent(text []byte) bool {
	text = bytes.ToLower(text)
	for _, word := range []string{"consent.yahoo", "guce.yahoo", "collectconsent"} {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}

const deniedRemedy = "open finance.yahoo.com once from this address, or use another source"

func denied(message string) error {
	return &etf.Error{Kind: etf.KindDenied, Message: message, Err: errCrumb, Remedy: deniedRemedy}
}

func limited(r response) error {
	return &etf.Error{Kind: etf.KindRateLimited, Message: "Yahoo reports too many requests from this address",
		Remedy: "wait a few minutes; limits apply per address", RetryAfter: web.RetryAfter(r.header)}
}

// summary returns the beginning of a body on one line, for messages.
func summary(body []byte) string {
	const most = 120
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*most)]), "")), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
