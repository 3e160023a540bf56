package tiingo

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// Name is the name under which ETFs list this source.
const Name = "tiingo"

const (
	provider = "Tiingo"
	host     = "https://api.tiingo.com"
)

// Options configure a Source.
type Options struct {
	BaseURL   string                 // default: https://api.tiingo.com
	Key       func() (string, error) // the credential, asked before each request
	Transport http.RoundTripper      // default: a copy of http.DefaultTransport
	Timeout   time.Duration          // of one request; default: 30 s
	MaxBody   int64                  // bytes; default: 8 MiB (30 years are about 2 MiB)
}

// Source is the adapter. It is safe for concurrent use and has no state.
type Source struct{ http *web.Client }

// New returns a Source. It makes no request.
func New(o Options) *Source {
	if o.BaseURL == "" {
		o.BaseURL = host
	}
	return &Source{http: client(o)}
}

func client(o Options) *web.Client {
	return web.New(web.Options{
		Provider: provider, Base: o.BaseURL, Key: o.Key, Credential: etf.Source(Name).Key, KeyHeader: "Authorization", KeyPrefix: "Token ",
		Header: http.Header{"Accept": {"application/json"}}, Transport: o.Transport, Timeout: o.Timeout, MaxBody: o.MaxBody,
	})
}

// Name returns the source's name.
func (s *Source) Name() string { return Name }

// Fetch fetches one ETF's bars and actions. Query.Ref is Tiingo's ticker; for an empty one see the source's default reference. The
// response holds the sessions of Query.Window that had closed and settled at Query.AsOf; if there are none, it is empty and there
// is no error. One call makes one request, or none if no session of the window has closed.
//
// Errors: KindInvalid (a bad query or ticker), KindNotFound (unknown ticker), KindRateLimited with RetryAfter, or with Until for a
// quota by the day or month, KindUnavailable, KindDenied (key, plan, challenge), KindCorrupt (the message names the JSON path).
// With an error, the response still has Request, and Raw and MediaType if there was a body.
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	response := etf.Response{Basis: etf.AsTraded}
	cal, window, err := web.Prepare(provider, Name, q)
	if err != nil {
		return response, err
	}
	ticker, err := Ticker(q)
	if err != nil || window.To < window.From {
		return response, err
	}
	got, err := s.http.Get(ctx, "/tiingo/daily/"+url.PathEscape(ticker)+"/prices", parameters(window), nil)
	response.Request, response.Raw, response.MediaType = got.Request, got.Body, got.MediaType
	if err != nil {
		return response, err
	}
	if err := refused(s.http, got, ticker, q.AsOf); err != nil {
		return response, err
	}
	return response, read(got.Body, cal, window, &response)
}

// ParseStored parses the stored body of a fetch, as Fetch did. Of q it uses Exchange, Window and AsOf. Errors are those of Fetch.
func ParseStored(q etf.Query, f etf.Fetch, body []byte) (etf.Response, error) {
	parsed := etf.Response{Basis: etf.AsTraded, Request: f.Request, MediaType: f.MediaType, Raw: body}
	cal, window, err := web.Prepare(provider, Name, q)
	if err != nil || f.Request == "" {
		return parsed, err
	}
	// Only a response with status 200 has rows.
	if err := refused(client(Options{}), web.Response{Status: http.StatusOK, MediaType: f.MediaType, Body: body}, f.Request, q.AsOf); err != nil {
		return parsed, err
	}
	return parsed, read(body, cal, window, &parsed)
}

// tickerForm keeps a ticker inside one path segment.
var tickerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,31}$`)

// Ticker returns Tiingo's ticker of the ETF: q.Ref unchanged, or else the source's default reference. Errors are of KindInvalid with
// Field "ref".
func Ticker(q etf.Query) (string, error) {
	ticker := q.Ref
	if ticker == "" {
		ticker = etf.Source(Name).DefaultRef(q.Symbol, q.Exchange)
	}
	if !tickerForm.MatchString(ticker) {
		return "", etf.Invalid("ref", fmt.Sprintf("%q is not a Tiingo ticker", etf.Clip(ticker, 40)), "use letters, digits and a hyphen, for example SPY or BRK-B")
	}
	return ticker, nil
}

// parameters always name both ends: without them Tiingo sends the last row only.
func parameters(w etf.Window) url.Values {
	from := w.From
	if from.IsZero() {
		from = etf.NewSession(1970, time.January, 1)
	}
	return url.Values{"startDate": {date(from)}, "endDate": {date(w.To)}, "resampleFreq": {"daily"}, "format": {"json"}}
}

// date writes a session; Session.String leaves out the zero one, 1970-01-01.
func date(s etf.Session) string {
	y, m, d := s.Date()
	return fmt.Sprintf("%04d-%02d-%02d", y, m, d)
}

// refused judges what Tiingo sent instead of rows: JSON with a "detail", or plain text, with any status.
func refused(c *web.Client, r web.Response, ticker string, asOf time.Time) error {
	words, stated := "", false
	if start := bytes.TrimSpace(bytes.TrimPrefix(r.Body, []byte("\xef\xbb\xbf"))); !bytes.HasPrefix(start, []byte("[")) && !web.IsPage(r) {
		words, stated = detail(r.Body)
	}
	low := strings.ToLower(words)
	switch {
	case web.HasAny(low, "run over", "allocation", "rate limit", "too many requests", "limit exceeded", "exceeded your"):
		return limited(c, r, words, asOf)
	case stated && web.HasAny(low, "not found") && (r.Status == http.StatusNotFound || r.Status == http.StatusOK):
		return etf.NotFound("ref", fmt.Sprintf("Tiingo does not know %s (%s)", ticker, etf.Clip(words, 120)),
			"check the ticker on tiingo.com and correct it with `etfcast etf edit`; class shares are written with a hyphen")
	case r.Status == http.StatusOK && web.HasAny(low, "token", "api key", "authenticat"):
		return c.Denied("Tiingo refuses the key: %s", words)
	case r.Status == http.StatusOK && web.HasAny(low, "permission", "subscription", "your plan", "upgrade", "power user"):
		return c.Denied("Tiingo's plan does not cover this: %s", words)
	}
	if err := c.Refused(r); err != nil {
		return err
	}
	if words != "" && !stated {
		return web.Corrupt("body", "Tiingo sent text instead of rows: %s", words)
	}
	return nil
}

// detail is the message of a refusal: what an object states under "detail", or the text itself.
func detail(body []byte) (words string, stated bool) {
	v, err := web.Decode(provider, body)
	if err != nil {
		return web.Summary(body), false
	}
	for _, name := range []string{"detail", "message", "error"} {
		if d := v.Optional(name); d != nil {
			return web.Summary([]byte(d.Show(300))), true
		}
	}
	if said, err := v.Text(); err == nil {
		return web.Summary([]byte(said)), false
	}
	return "", false // JSON of another shape, whatever words are in it
}

// limited tells the limit by the hour, after which the same request is answered, from those by the day and by the month. A symbol that was
// asked for before is answered in spite of a month's limit of symbols: so it is asked for again the next day.
func limited(c *web.Client, r web.Response, words string, asOf time.Time) error {
	low := strings.ToLower(words)
	if r.Status == http.StatusTooManyRequests && !web.HasAny(low, "day", "daily", "month") || web.HasAny(low, "hour", "minute", "second") && !web.HasAny(low, "day", "daily", "month") {
		e := c.Limited(r, words)
		if e.RetryAfter == 0 && web.HasAny(low, "hour") {
			e.RetryAfter = asOf.Truncate(time.Hour).Add(time.Hour).Sub(asOf)
		}
		return e
	}
	_, ends := etf.Source(Name).QuotaDay(asOf)
	e := c.QuotaUsedUp(words, ends)
	if web.HasAny(low, "symbol") && !web.HasAny(low, "day", "daily") {
		e.Field = "ref" // the symbols that were asked for before in the month go on
	}
	return e
}
