package alphavantage

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// Name is the name under which ETFs list this source.
const Name = "alphavantage"

const (
	provider = "Alpha Vantage"
	host     = "https://www.alphavantage.co"
)

// Options configure a Source.
type Options struct {
	BaseURL   string                 // default: https://www.alphavantage.co
	Key       func() (string, error) // the credential, asked before each request
	Transport http.RoundTripper      // default: a copy of http.DefaultTransport
	Timeout   time.Duration          // of one request; default: 30 s
	MaxBody   int64                  // bytes; default: 8 MiB
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
		Provider: provider, Base: o.BaseURL, Key: o.Key, Credential: etf.Source(Name).Key, KeyParam: "apikey",
		Transport: o.Transport, Timeout: o.Timeout, MaxBody: o.MaxBody,
	})
}

// Name returns the source's name.
func (s *Source) Name() string { return Name }

// Fetch fetches one ETF's last 100 bars, and returns those in Query.Window whose session had closed and settled at Query.AsOf. Older
// sessions of the window are not covered; if all are older, the response is empty. Query.Ref is Alpha Vantage's symbol; for an
// empty one see the source's default reference. One call makes one request, or none if no session of the window has closed.
//
// Errors: KindInvalid (a bad query or symbol), KindNotFound (unknown symbol), KindRateLimited with RetryAfter, or with Until for the
// daily quota, KindUnavailable, KindDenied (key, plan, challenge), KindCorrupt (the message names the JSON path, or line and
// column). With an error, the response still has Request, and Raw and MediaType if there was a body.
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	response := etf.Response{Basis: etf.AsTraded}
	cal, window, err := web.Prepare(provider, Name, q)
	if err != nil {
		return response, err
	}
	symbol, err := Symbol(q)
	if err != nil || window.To < window.From {
		return response, err
	}
	got, err := s.http.Get(ctx, "/query", url.Values{
		"function": {"TIME_SERIES_DAILY"}, "symbol": {symbol}, "outputsize": {"compact"}, "datatype": {"json"},
	}, nil)
	response.Request, response.Raw, response.MediaType = got.Request, got.Body, got.MediaType
	if err != nil {
		return response, err
	}
	return response, s.read(got, symbol, cal, window, q.AsOf, &response)
}

// ParseStored parses the stored body of a fetch, as Fetch did; the symbol is that of the fetch's request. Of q it uses Exchange,
// Window and AsOf. Errors are those of Fetch.
func ParseStored(q etf.Query, f etf.Fetch, body []byte) (etf.Response, error) {
	parsed := etf.Response{Basis: etf.AsTraded, Request: f.Request, MediaType: f.MediaType, Raw: body}
	cal, window, err := web.Prepare(provider, Name, q)
	if err != nil || f.Request == "" {
		return parsed, err
	}
	request, err := url.Parse(f.Request)
	if err != nil {
		return parsed, etf.Invalid("request", "the stored request is not a URL", "")
	}
	// Only a response with status 200 has rows.
	got := web.Response{Status: http.StatusOK, MediaType: f.MediaType, Body: body}
	return parsed, New(Options{}).read(got, request.Query().Get("symbol"), cal, window, q.AsOf, &parsed)
}

func (s *Source) read(got web.Response, symbol string, cal *calendar.Calendar, window etf.Window, asOf time.Time, response *etf.Response) error {
	body := bytes.TrimSpace(bytes.TrimPrefix(got.Body, []byte("\xef\xbb\xbf")))
	isJSON := bytes.HasPrefix(body, []byte("{")) || bytes.HasPrefix(body, []byte("["))
	var root *web.Value
	switch {
	case isJSON:
		var err error
		if root, err = web.Decode(provider, body); err == nil {
			err = refusal(s.http, got, root, symbol, asOf)
		} else if got.Status != http.StatusOK {
			err = nil // the status says more
		}
		if err != nil {
			return err
		}
	case !web.IsPage(got) && !bytes.HasPrefix(body, []byte("timestamp")):
		if err := stated(s.http, got, "", web.Summary(body), symbol, asOf); err != nil {
			return err
		}
	}
	if err := s.http.Refused(got); err != nil {
		return err
	}
	rows := web.NewRows(provider, cal, window)
	var err error
	if isJSON {
		err = readJSON(root, symbol, rows)
	} else {
		err = readCSV(got.Body, rows)
	}
	if err != nil {
		return err
	}
	return rows.Into(response)
}

var symbolForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$`)

// Symbol returns Alpha Vantage's symbol of the ETF: q.Ref unchanged, or else the source's default reference. Errors are of
// KindInvalid with Field "ref".
func Symbol(q etf.Query) (string, error) {
	symbol := q.Ref
	if symbol == "" {
		symbol = etf.Source(Name).DefaultRef(q.Symbol, q.Exchange)
	}
	if !symbolForm.MatchString(symbol) {
		return "", etf.Invalid("ref", fmt.Sprintf("%q is not a symbol of Alpha Vantage", etf.Clip(symbol, 40)), "use letters, digits, full stops and hyphens, for example SPY")
	}
	return symbol, nil
}

// refusal reads the messages that come instead of rows.
func refusal(c *web.Client, r web.Response, root *web.Value, symbol string, asOf time.Time) error {
	var field, words string
	for _, name := range []string{"Error Message", "Information", "Note", "message", "error"} {
		if v := root.Optional(name); v != nil {
			field, words = name, web.Summary([]byte(v.Show(600)))
			if text, err := v.Text(); err == nil {
				words = text
			}
			break
		}
	}
	return stated(c, r, field, words, symbol, asOf)
}

// stated judges a message by its words, and by the field that it stands in, "" for plain text. Those about the daily quota also advertise
// premium plans, and those about the pace also mention the daily quota: the order of the tests is what tells them apart.
func stated(c *web.Client, r web.Response, field, words, symbol string, asOf time.Time) error {
	low, short := strings.ToLower(words), etf.Clip(words, 160)
	switch {
	case words == "":
		return nil
	case web.HasAny(low, "apikey is invalid", "api key is invalid", "invalid or missing", "claim your free api key", "demo purposes only", "invalid api key"):
		return c.Denied("Alpha Vantage refuses the key: %s", short)
	case field == "Error Message" && web.HasAny(low, "invalid api call"):
		return etf.NotFound("ref", fmt.Sprintf("Alpha Vantage does not know %s (%s)", symbol, short),
			"check the symbol on alphavantage.co and correct it with `etfcast etf edit`; a delisted ETF needs another source")
	case web.HasAny(low, "spreading out", "more sparingly", "call volume"), web.HasAny(low, "per minute", "per second") && !web.HasAny(low, "per day", "daily"):
		e := c.Limited(r, short)
		if e.RetryAfter == 0 {
			e.RetryAfter = pause(low)
		}
		return e
	case web.HasAny(low, "premium feature", "premium endpoint"):
		return &etf.Error{Kind: etf.KindDenied, Message: "Alpha Vantage's free plan does not cover this: " + short, Remedy: "use another source, or take a premium plan"}
	case web.HasAny(low, "per day", "daily", "rate limit", "call frequency"):
		_, ends := etf.Source(Name).QuotaDay(asOf)
		return c.QuotaUsedUp(short, ends)
	case web.HasAny(low, "premium", "subscribe"):
		return &etf.Error{Kind: etf.KindDenied, Message: "Alpha Vantage's free plan does not cover this: " + short, Remedy: "use another source, or take a premium plan"}
	case field == "": // text of any other kind is judged by the status, or is not readable
		return nil
	case web.HasAny(low, "error getting data", "try again", "temporarily", "internal"):
		return &etf.Error{Kind: etf.KindUnavailable, Message: "Alpha Vantage is down, it says: " + short}
	case field == "Error Message":
		return etf.Invalid("ref", "Alpha Vantage refuses the request: "+short, "check the symbol and correct it with `etfcast etf edit`")
	}
	return &etf.Error{Kind: etf.KindDenied, Message: "Alpha Vantage sent a message instead of rows: " + short, Remedy: "see what it asks for, or use another source"}
}

// pause is how long a limit by the second or minute lasts.
func pause(low string) time.Duration {
	if web.HasAny(low, "minute") {
		return time.Minute
	}
	return 2 * time.Second
}
