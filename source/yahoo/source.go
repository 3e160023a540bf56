package yahoo

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Options sets a Source up. The zero value asks the real service.
type Options struct {
	// BaseURLs are the hosts to ask, in order; the next one is tried when one is down, never when it refuses.
	// Default: https://query1.finance.yahoo.com, then https://query2.finance.yahoo.com.
	BaseURLs []string
	// CookieURL hands out the cookie a crumb belongs to. It is asked only after a 401 or a consent page.
	// Default: https://fc.yahoo.com/ with the default BaseURLs, the first of BaseURLs otherwise.
	CookieURL string
	// Transport makes the requests. Default: a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// UserAgent is sent with every request; Yahoo answers 429 to the ones of libraries. Default: a browser's.
	UserAgent string
	// Timeout bounds one request with its body. Default: 30 s.
	Timeout time.Duration
	// MaxBody bounds an answer, decompressed, in bytes. Default: 8 MiB (SPY's whole history is about 1 MiB).
	MaxBody int64
	// Log gets what an operator may want to know and no error says. Default: none.
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

// Fetch asks for one ETF's bars and actions. Query.Ref is Yahoo's ticker (SPY, 069500.KS); Ticker says what an
// empty one stands for. The answer holds the sessions of Query.Window (a zero To means through the last) that
// were over, and settled, at Query.AsOf; a window without any is an empty answer, not an error. One call makes one request, up to
// two per host when a crumb is needed. Nothing is changed on the other side.
//
// Errors: KindInvalid (a bad query, or a ticker that is not this ETF's: currency, time zone, instrument),
// KindNotFound (unknown ticker), KindRateLimited, KindUnavailable (down, slow, cut short), KindDenied,
// KindCorrupt (the text names the JSON path). With an error the answer still carries Request, and Raw and MediaType
// if there was a body.
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	answer := etf.Response{Basis: etf.AsTraded}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return answer, err
	}
	ticker, err := Ticker(q)
	if err != nil {
		return answer, err
	}
	if err := checkQuery(q); err != nil {
		return answer, err
	}
	got, err := s.http.chart(ctx, ticker, parameters(q.Window.From, cal.Location()))
	answer.Request, answer.Raw, answer.MediaType = got.request, got.body, got.mediaType
	if err != nil || got.empty {
		return answer, err
	}
	if err := translate(got.chart, ticker, cal, q, &answer); err != nil {
		return answer, err
	}
	s.log.DebugContext(ctx, "yahoo answered", "symbol", q.Symbol, "ticker", ticker, "bars", len(answer.Bars),
		"actions", len(answer.Actions), "splits_undone", len(answer.Splits), "defects", len(answer.Defects), "bytes", len(answer.Raw))
	return answer, nil
}

// The form keeps a ticker inside one path segment; Yahoo's own use these characters.
var tickerForm = regexp.MustCompile(`^[A-Za-z0-9^][A-Za-z0-9.^=_-]{0,31}$`)

// Ticker returns what Yahoo calls the ETF: q.Ref as it is, or the source's default for the symbol. Errors are of KindInvalid with Field "ref".
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
	switch {
	case q.AsOf.IsZero():
		return etf.Invalid("as_of", "Yahoo needs the instant of asking to tell a finished session from a live one", "set it to now")
	case !q.Window.To.IsZero() && q.Window.To < q.Window.From:
		return etf.Invalid("window", fmt.Sprintf("%s to %s is no range of sessions for Yahoo", q.Window.From, q.Window.To), "end the window on or after its first day")
	}
	return nil
}

// farFuture is past any present: Yahoo answers up to now, and the request needs no clock. It is the customary
// value, 2286-11-20.
const farFuture = "9999999999"

// parameters asks from one day before the window, because a stamp may lie some hours off its day, through to
// the present. Neither range=max (it silently turns daily into monthly bars) nor an instant before 1970 (there was
// no ETF) is ever asked for.
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
