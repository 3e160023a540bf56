package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// FormatRemedy is the remedy for a response that is not in the provider's known format.
const FormatRemedy = "retry later, or use another source; if the error persists, the provider has changed its format and this source needs an update"

const (
	challengeRemedy = "open the provider's site in a browser to see what it asks for, or use another source"
	limitRemedy     = "wait, or lower the source's rate (--source-rate)"
)

// Corrupt returns an error of KindCorrupt about the field, which names its place: "$[17].adjClose", "line 3, column close". The
// message begins with the provider's name.
func Corrupt(field, format string, args ...any) *etf.Error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: field, Message: fmt.Sprintf(format, args...), Remedy: FormatRemedy}
}

// Refused judges what means the same everywhere; nil for a response that the adapter has to read. An adapter looks at its
// provider's own words first. In the order of the tests:
//
//	429, or words about too many requests
//	with 200, 403 or 503                  KindRateLimited, with RetryAfter from the header
//	a redirect                            KindDenied
//	a web page that wants a browser       KindDenied, with any status
//	401, 403, 451                         KindDenied
//	402                                   KindDenied
//	5xx, 408, 425                         KindUnavailable, with RetryAfter from the header
//	400, 414, 422                         KindInvalid, field "ref"
//	404                                   KindUnavailable: what a provider means by it, its adapter knows
//	any other status but 200              KindCorrupt, field "status"
//	a web page about maintenance          KindUnavailable
//	any other web page                    KindDenied
//	nothing                               KindUnavailable
func (c *Client) Refused(r Response) error {
	page := IsPage(r)
	words := Summary(r.Body)
	if page {
		words = "a web page: " + Summary(text(r.Body))
	}
	message := fmt.Sprintf("%s responded with %d: %s", c.o.Provider, r.Status, words)
	denied := func(message, remedy string) error {
		return &etf.Error{Kind: etf.KindDenied, Message: message, Remedy: remedy}
	}
	switch {
	case r.Status == http.StatusTooManyRequests:
		return c.Limited(r, "")
	case limited(r, page):
		return c.Limited(r, words)
	case r.Status >= 300 && r.Status < 400:
		return denied(c.o.Provider+" redirects to "+Destination(r.Header), challengeRemedy)
	case page && has(r.Body, challengeWords), page && r.Status == http.StatusOK && has(r.Body, loginWords):
		return denied(c.o.Provider+" wants a browser: "+words, challengeRemedy)
	case r.Status == http.StatusUnauthorized:
		return denied(message, c.keyRemedy())
	case r.Status == http.StatusForbidden, r.Status == http.StatusUnavailableForLegalReasons, r.Status == http.StatusPaymentRequired:
		return denied(message, "check the key and what its plan covers, or use another source")
	case r.Status >= 500, r.Status == http.StatusRequestTimeout, r.Status == http.StatusTooEarly:
		return &etf.Error{Kind: etf.KindUnavailable, Message: message, RetryAfter: RetryAfter(r.Header)}
	case r.Status == http.StatusBadRequest, r.Status == http.StatusUnprocessableEntity, r.Status == http.StatusRequestURITooLong:
		return etf.Invalid("ref", message, "check the reference and correct it with `etfcast etf edit`")
	case r.Status == http.StatusNotFound:
		return &etf.Error{Kind: etf.KindUnavailable, Message: message}
	case r.Status != http.StatusOK:
		return Corrupt("status", "%s", message)
	case page && has(r.Body, outageWords):
		return &etf.Error{Kind: etf.KindUnavailable, Message: c.o.Provider + " is down, it says on " + words, RetryAfter: RetryAfter(r.Header)}
	case page:
		return denied(c.o.Provider+" sent "+words, challengeRemedy)
	case len(bytes.TrimSpace(r.Body)) == 0:
		return &etf.Error{Kind: etf.KindUnavailable, Message: c.o.Provider + " sent an empty body"}
	}
	return nil
}

// Limited returns the error of KindRateLimited for too many requests at once; what is what the provider says, "" for nothing.
func (c *Client) Limited(r Response, what string) *etf.Error {
	message := c.o.Provider + " reports too many requests"
	if what != "" {
		message += ": " + etf.Clip(what, mostSummary)
	}
	return &etf.Error{Kind: etf.KindRateLimited, Message: message, Remedy: limitRemedy, RetryAfter: RetryAfter(r.Header)}
}

// QuotaUsedUp returns the error of KindRateLimited for a daily quota that is used up until the given instant.
func (c *Client) QuotaUsedUp(what string, until time.Time) *etf.Error {
	return &etf.Error{Kind: etf.KindRateLimited, Message: c.o.Provider + "'s quota is used up: " + etf.Clip(what, mostSummary),
		Remedy: "wait for the next day, or use another source", Until: until}
}

// Denied returns an error of KindDenied about the key, with the remedy for it.
func (c *Client) Denied(format string, args ...any) *etf.Error {
	return &etf.Error{Kind: etf.KindDenied, Message: fmt.Sprintf(format, args...), Remedy: c.keyRemedy()}
}

// Destination is the host that a redirect leads to; its path and query may carry the request's, and with it a credential.
func Destination(h http.Header) string {
	u, err := url.Parse(h.Get("Location"))
	if err != nil || u.Host == "" {
		return "another page"
	}
	return etf.Clip(u.Host, 80)
}

// IsPage reports whether the body is a web page. Some providers send data as text/html, and XML begins with "<" too.
func IsPage(r Response) bool {
	const head = 2048
	start := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(r.Body, []byte("\xef\xbb\xbf"))))
	start = start[:min(len(start), head)]
	if len(start) == 0 || start[0] != '<' {
		return false
	}
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<title", "<meta ", "<h1", "<p>", "<div"} {
		if bytes.Contains(start, []byte(tag)) {
			return true
		}
	}
	return r.MediaType == "text/html" && !bytes.HasPrefix(start, []byte("<?xml"))
}

// limited reports whether a page, or the short text of a refusal, is about too many requests. Data is never searched for words.
func limited(r Response, page bool) bool {
	switch r.Status {
	case http.StatusOK:
		return page && has(r.Body, limitWords)
	case http.StatusForbidden, http.StatusServiceUnavailable:
		return has(r.Body[:min(len(r.Body), 16<<10)], limitWords)
	}
	return false
}

var limitWords = []string{"too many requests", "rate limited", "rate limit exceeded", "ratelimit exceeded"}

// challengeWords appear on pages that are meant for a person with a browser, outageWords on those about maintenance. loginWords may
// also be in the margin of a page about an outage.
var (
	challengeWords = []string{"captcha", "challenge", "/__verify", "proof-of-work", "proof of work", "cf-browser-verification", "just a moment", "enable javascript",
		"javascript is required", "checking your browser", "verify you are human", "are you a robot", "unusual traffic"}
	loginWords  = []string{"consent", "access denied", "sign in", "log in", "login"}
	outageWords = []string{"right back", "maintenance", "temporarily", "unavailable", "try again later", "bad gateway", "gateway time", "overloaded", "scheduled downtime",
		"점검", "internal server error"}
)

func has(body []byte, words []string) bool { return HasAny(string(bytes.ToLower(body)), words...) }

// HasAny reports whether the text contains one of the words.
func HasAny(text string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// text takes the tags out of a page.
func text(page []byte) []byte {
	var out []byte
	tag := false
	for _, b := range page[:min(len(page), 16<<10)] {
		switch {
		case b == '<':
			tag = true
			out = append(out, ' ')
		case b == '>':
			tag = false
		case !tag:
			out = append(out, b)
		}
	}
	return out
}

// RetryAfter reads the Retry-After header, in seconds or as a date. A date is measured from the response's own Date header, so
// that no local clock is involved. It returns 0 if the header is missing or can't be read, and at most a day.
func RetryAfter(h http.Header) time.Duration {
	const longest = 24 * time.Hour
	value := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseInt(value, 10, 32); err == nil {
		return min(max(0, time.Duration(n)*time.Second), longest)
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	from, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(0, until.Sub(from)), longest)
}

const mostSummary = 160

// Summary returns the beginning of a body on one line, for messages.
func Summary(body []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*mostSummary)]), "")), " ")
	return etf.Clip(s, mostSummary)
}
