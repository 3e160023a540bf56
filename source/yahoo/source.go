package yahoo

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
)

// Options configure a Source. The zero value fetches from the real service.
type Options struct {
	// BaseURLs are the hosts to fetch from, in order; the next one is tried if a host is down, never if it refuses.
	// Default: https://query1.finance.yahoo.com, then https://query2.finance.yahoo.com.
	BaseURLs []string
	// CookieURL issues the cookie a crumb is bound to. It is requested only after a 401 or a consent page.
	// Default: https://fc.yahoo.com/ with the default BaseURLs, the first of BaseURLs otherwise.
	CookieURL string
	// Transport makes the requests. Default: a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// UserAgent is sent with every request; Yahoo responds with 429 to those of HTTP libraries. Default: a browser's.
	UserAgent string
	// Timeout bounds one request, including reading the body. Default: 30 s.
	Timeout time.Duration
	// MaxBody bounds the decompressed body of a response, in bytes. Default: 8 MiB (SPY's whole history is about 1 MiB).
	MaxBody int64
	// Log receives what an operator may want to know but no error says. Default: no log.
	Log *slog.Logger
}

// Source is the adapter. It is safe for concurrent use; its only state is a crumb and its cookie.
type Source struct {
	http *client
	log  *slog.Logger
}

// New returns a Source. It makes no request.
func New(o Options) *Source {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Source{http: newClient(o), log: o.Log}
}

// Name is the name under which ETFs list this source.
const Name = "yahoo"

// Name returns the source's name.
func (s *Source) Name() string { return Name }

// Fetch fetches one ETF's bars and actions. Query.Ref is Yahoo's ticker (SPY, 069500.KS); for an empty one see Ticker.
// The response holds the sessions of Query.Window (a zero To means no end) that had closed and settled at Query.AsOf; if
// there are none, it is empty and there is no error. One call makes one request, or up to two per host if a crumb is
// needed. It changes nothing at the provider.
//
// Errors: KindInvalid (a bad query, or a ticker of another currency, time zone or instrument than the ETF),
// KindNotFound (unknown ticker), KindRateLimited, KindUnavailable (down, slow, truncated), KindDenied,
// KindCorrupt (the message names the JSON path). With an error, the response still carries Request, and Raw and
// MediaType if there was a body.
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	response := etf.Response{Basis: etf.AsTraded}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return response, err
	}
	ticker, err := Ticker(q)
	if err != nil {
		return response, err
	}
	if err := checkQuery(q); err != nil {
		return response, err
	}
	got, err := s.http.chart(ctx, ticker, parameters(q.Window.From, cal.Location()))
	response.Request, response.Raw, response.MediaType = got.request, got.body, got.mediaType
	if err != nil || got.empty {
		return response, err
	}
	if err := translate(got.chart, ticker, cal, q, &response); err != nil {
		return response, err
	}
	s.log.DebugContext(ctx, "yahoo responded", "symbol", q.Symbol, "ticker", ticker, "bars", len(response.Bars),
		"actions", len(response.Actions), "splits_undone", len(response.Splits), "defects", len(response.Defects), "bytes", len(response.Raw))
	return response, nil
}

// ParseStored parses the stored body of a fetch, as Fetch did; the ticker is that of the fetch's request. Of q it uses Exchange,
// Currency, Window and AsOf. Errors are those of Fetch.
func ParseStored(q etf.Query, f etf.Fetch, body []byte) (etf.Response, error) {
	parsed := etf.Response{Basis: etf.AsTraded, Request: f.Request, MediaType: f.MediaType, Raw: body}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return parsed, err
	}
	request, err := url.Parse(f.Request)
	if err != nil {
		return parsed, etf.Invalid("request", "the stored request is not a URL", "")
	}
	q.Ref = path.Base(request.Path)
	ticker, err := Ticker(q)
	if err != nil {
		return parsed, err
	}
	// Only a response with status 200 has rows.
	ch, empty, err := classify(response{status: http.StatusOK, mediaType: f.MediaType, body: body}, ticker)
	if err != nil || empty {
		return parsed, err
	}
	return parsed, translate(ch, ticker, cal, q, &parsed)
}

// tickerForm keeps a ticker inside one path segment; Yahoo's tickers use these characters.
var tickerForm = regexp.MustCompile(`^[A-Za-z0-9^][A-Za-z0-9.^=_-]{0,31}$`)

// Ticker returns Yahoo's ticker of the ETF: q.Ref unchanged, or else the source's default reference. Errors are of
// KindInvalid with Field "ref".
func Ticker(q etf.Query) (string, error) {
	ticker := q.Ref
	if ticker == "" {
		ticker = etf.Source(Name).DefaultRef(q.Symbol, q.Exchange)
	}
	if !tickerForm.MatchString(ticker) {
		return "", etf.Invalid("ref", fmt.Sprintf("%.40q is not a Yahoo ticker", ticker), "use the ticker shown on Yahoo Finance, for example SPY or 069500.KS")
	}
	return ticker, nil
}

func checkQuery(q etf.Query) error {
	if q.AsOf.IsZero() {
		return etf.Invalid("as_of", "the query has no as-of time to tell finished sessions from the live one", "set Query.AsOf")
	}
	return source.CheckWindow(q.Window)
}

// farFuture is the end of every request: Yahoo returns rows up to now, and the request needs no clock. It is the
// customary value, 2286-11-20.
const farFuture = "9999999999"

// parameters requests from one day before the window, because a timestamp may be some hours off its day, up to the
// present. It never uses range=max, which silently turns daily bars into monthly ones, or an instant before 1970, when
// there were no ETFs.
func parameters(from etf.Session, zone *time.Location) url.Values {
	var start int64
	if !from.IsZero() {
		y, m, d := from.AddDays(-1).Date()
		start = max(0, time.Date(y, m, d, 0, 0, 0, 0, zone).Unix())
	}
	return url.Values{
		"period1":        {strconv.FormatInt(start, 10)},
		"period2":        {farFuture},
		"interval":       {"1d"},
		"events":         {"div,splits,capitalGains"},
		"includePrePost": {"false"},
	}
}
