package naver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
	"github.com/etfcast/etfcast/source/web"
)

// Name is the name under which ETFs list this source.
const Name = "naver"

// Options configure a Source. The zero value fetches from the real service.
type Options struct {
	// BaseURL is the address of the JSON endpoint, ChartURL that of the older XML endpoint.
	// Default: https://api.stock.naver.com and https://fchart.stock.naver.com. If only BaseURL is given, it is both.
	BaseURL, ChartURL string
	// Transport makes the requests. Default: a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one request, MaxBody a body in bytes. Default: 30 s, 8 MiB (a history of 35 years is about 2 MiB).
	Timeout time.Duration
	MaxBody int64
	// Log receives what an operator may want to know but no error says. Default: no log.
	Log *slog.Logger
}

const (
	jsonHost = "https://api.stock.naver.com"
	xmlHost  = "https://fchart.stock.naver.com"
	browser  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)

// Source is the adapter. It is safe for concurrent use and has no state.
type Source struct {
	json, xml *web.Client
	log       *slog.Logger
}

// New returns a Source. It makes no request.
func New(o Options) *Source {
	if o.ChartURL == "" {
		if o.ChartURL = o.BaseURL; o.ChartURL == "" {
			o.ChartURL = xmlHost
		}
	}
	if o.BaseURL == "" {
		o.BaseURL = jsonHost
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	client := func(base, accept string) *web.Client {
		return web.New(web.Options{
			Provider: provider, Base: base, Transport: o.Transport, UserAgent: browser, Timeout: o.Timeout, MaxBody: o.MaxBody,
			Header: http.Header{"Referer": {"https://m.stock.naver.com/"}, "Accept": {accept}, "Accept-Language": {"ko-KR,ko;q=0.9,en;q=0.8"}},
		})
	}
	return &Source{json: client(o.BaseURL, "application/json, text/plain, */*"), xml: client(o.ChartURL, "text/xml, */*"), log: o.Log}
}

// Name returns the source's name.
func (s *Source) Name() string { return Name }

// Fetch fetches one ETF's bars, total_adjusted. Query.Ref is the exchange's six-character code; an empty one is the symbol. The
// response holds the sessions of Query.Window (a zero To means no end) that were final at Query.AsOf; if there are none, it is empty and
// there is no error. One call makes one request, one more to the older endpoint if the first one fails for a reason that need not hold there, and
// one more if there is no row at all, to tell an unknown code from a window without rows.
//
// Errors: KindInvalid (a bad query or code, an exchange other than XKRX), KindNotFound (unknown code), KindRateLimited, KindUnavailable (down,
// slow, truncated), KindDenied (a page that wants a browser), KindCorrupt (the message names the JSON path). With an error, the response
// still carries Request, and Raw and MediaType if there was a body.
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	response := etf.Response{Basis: etf.TotalAdjusted}
	cal, code, err := check(q)
	if err != nil {
		return response, err
	}
	newest, err := s.fetch(ctx, code, q.Window.From, cal, q, &response)
	if err != nil {
		return response, err
	}
	if newest.IsZero() && !q.Window.From.IsZero() {
		// Rows of other sessions tell a code that Naver knows from one that it does not.
		empty := response
		if newest, err = s.fetch(ctx, code, 0, cal, q, &response); err != nil {
			return response, err
		}
		if !newest.IsZero() && len(response.Bars)+len(response.Defects) == 0 {
			response = empty
		}
	}
	if newest.IsZero() {
		return response, unknownCode("there is no row of " + code)
	}
	s.log.DebugContext(ctx, "naver responded", "symbol", q.Symbol, "code", code, "bars", len(response.Bars), "defects", len(response.Defects), "bytes", len(response.Raw))
	return response, nil
}

// fetch asks the endpoints in turn for the rows from a session on (0: all) and fills the response. newest is the newest session among all
// rows.
func (s *Source) fetch(ctx context.Context, code string, from etf.Session, cal *calendar.Calendar, q etf.Query, response *etf.Response) (newest etf.Session, err error) {
	var failures []error
	empty := false // the newer endpoint has no row at all
	for _, e := range []endpoint{s.jsonEndpoint(code, from, q.AsOf.In(cal.Location())), s.xmlEndpoint(code, from, q.AsOf.In(cal.Location()))} {
		one := etf.Response{Basis: etf.TotalAdjusted}
		newest, err = e.fetch(ctx, code, cal, q, &one)
		switch {
		case empty && (err != nil || newest.IsZero()):
			return 0, nil //nolint:nilerr // the newer endpoint has answered that there is no row
		case err == nil || len(failures) == 0 || len(one.Raw) > 0:
			*response = one
		}
		if err == nil && newest.IsZero() && from.IsZero() && e.client == s.json {
			empty = true // an endpoint that has been shut down may send empty lists: the older one decides
			continue
		}
		if err == nil {
			return newest, nil
		}
		// A rate limit holds for the address, whichever host is asked, and a code that one endpoint does not know is unknown.
		if k := etf.KindOf(err); k == etf.KindNotFound || k == etf.KindRateLimited || k == etf.KindInvalid || ctx.Err() != nil {
			return 0, err
		}
		s.log.InfoContext(ctx, "naver's endpoint failed", "endpoint", e.path, "reason", err.Error())
		failures = append(failures, err)
	}
	if empty {
		return 0, nil
	}
	// The newer endpoint's failure says what is wrong: the older one may be gone for good.
	first := failures[0]
	if etf.KindOf(failures[1]) == etf.KindUnavailable || etf.KindOf(first) != etf.KindUnavailable {
		return 0, withCause(first, failures[1])
	}
	return 0, withCause(failures[1], first)
}

// withCause returns err with what the other endpoint's failure was.
func withCause(err, other error) error {
	var e *etf.Error
	if !errors.As(err, &e) {
		return err
	}
	both := *e
	both.Message += fmt.Sprintf(" (and Naver's other endpoint failed too: %s)", web.Summary([]byte(other.Error())))
	return &both
}

// endpoint is one way to ask for a chart.
type endpoint struct {
	client *web.Client
	path   string
	query  url.Values
}

// firstDay is before the exchange's first ETF, in 2002.
const firstDay = "19900101"

func (s *Source) jsonEndpoint(code string, from etf.Session, asOf time.Time) endpoint {
	start := firstDay
	if !from.IsZero() {
		start = from.Time().Format("20060102")
	}
	return endpoint{s.json, "/chart/domestic/item/" + url.PathEscape(code) + "/day", url.Values{"startDateTime": {start}, "endDateTime": {asOf.Format("20060102")}}}
}

// mostRows is more rows than any ETF has.
const mostRows = 12_000

func (s *Source) xmlEndpoint(code string, from etf.Session, asOf time.Time) endpoint {
	count := mostRows // it counts back from today
	if !from.IsZero() {
		count = min(max(1, int(etf.SessionOf(asOf)-from)+1), mostRows)
	}
	return endpoint{s.xml, "/sise.nhn", url.Values{"symbol": {code}, "timeframe": {"day"}, "count": {strconv.Itoa(count)}, "requestType": {"0"}}}
}

func (e endpoint) fetch(ctx context.Context, code string, cal *calendar.Calendar, q etf.Query, r *etf.Response) (etf.Session, error) {
	got, err := e.client.Get(ctx, e.path, e.query, nil)
	r.Request, r.Raw, r.MediaType = got.Request, got.Body, got.MediaType
	if err != nil {
		return 0, err
	}
	if got.Status == http.StatusNotFound || got.Status == http.StatusConflict || got.Status == http.StatusBadRequest {
		// Naver's own words come with these; from anything else they mean that the address has changed.
		if _, err := readJSON(got.Body); etf.KindOf(err) == etf.KindNotFound {
			return 0, err
		}
		return 0, &etf.Error{Kind: etf.KindUnavailable, Message: fmt.Sprintf("Naver responded with %d: %s", got.Status, web.Summary(got.Body))}
	}
	if err := e.client.Refused(got); err != nil {
		return 0, err
	}
	rows, err := read(got.Body, code)
	if err != nil {
		return 0, err
	}
	return translate(rows, cal, q, r)
}

// ParseStored parses the stored body of a fetch, as Fetch did. Of q it uses Exchange, Window and AsOf. Errors are those of Fetch.
func ParseStored(q etf.Query, f etf.Fetch, body []byte) (etf.Response, error) {
	parsed := etf.Response{Basis: etf.TotalAdjusted, Request: f.Request, MediaType: f.MediaType, Raw: body}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return parsed, err
	}
	rows, err := read(body, codeOf(f.Request))
	if err != nil {
		return parsed, err
	}
	_, err = translate(rows, cal, q, &parsed)
	return parsed, err
}

var codeInPath = regexp.MustCompile(`/item/([0-9A-Z]{6})/day$`)

// codeOf reads the code from a request.
func codeOf(request string) string {
	u, err := url.Parse(request)
	if err != nil {
		return ""
	}
	if m := codeInPath.FindStringSubmatch(u.Path); m != nil {
		return m[1]
	}
	return u.Query().Get("symbol")
}

var codeForm = regexp.MustCompile(`^[0-9A-Z]{6}$`)

// check returns what a query is about. Errors are of KindInvalid.
func check(q etf.Query) (*calendar.Calendar, string, error) {
	if q.Exchange != etf.XKRX {
		return nil, "", etf.Invalid("exchange", fmt.Sprintf("Naver has no prices of %s", q.Exchange), "use this source for ETFs of XKRX only")
	}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return nil, "", err
	}
	code := q.Ref
	if code == "" {
		code = string(q.Symbol)
	}
	if !codeForm.MatchString(code) {
		return nil, "", etf.Invalid("ref", fmt.Sprintf("%q is not a code of the Korea Exchange", etf.Clip(code, 40)), "use its six characters, such as 069500 or 0000J0")
	}
	if q.Currency != "" && q.Currency != "KRW" {
		return nil, "", etf.Invalid("currency", fmt.Sprintf("Naver quotes in KRW, but the ETF is registered in %s", q.Currency), "correct the currency: `etfcast etf edit`")
	}
	if q.AsOf.IsZero() {
		return nil, "", etf.Invalid("as_of", "the query has no as-of time to tell final rows from the live one", "set Query.AsOf")
	}
	if err := source.CheckWindow(q.Window); err != nil {
		return nil, "", err
	}
	return cal, code, nil
}
