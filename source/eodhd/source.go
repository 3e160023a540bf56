package eodhd

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
	"github.com/etfcast/etfcast/source/web"
)

// Name is the name under which ETFs list this source.
const Name = "eodhd"

const (
	provider = "EODHD"
	host     = "https://eodhd.com"
)

// Options configure a Source.
type Options struct {
	BaseURL   string                 // default: https://eodhd.com
	Key       func() (string, error) // the credential, asked before each request
	Transport http.RoundTripper      // default: a copy of http.DefaultTransport
	Timeout   time.Duration          // of one request; default: 30 s
	MaxBody   int64                  // bytes; default: 8 MiB (30 years are about 1 MiB)
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
		Provider: provider, Base: o.BaseURL, Key: o.Key, Credential: etf.Source(Name).Key, KeyParam: "api_token",
		Transport: o.Transport, Timeout: o.Timeout, MaxBody: o.MaxBody,
	})
}

// Name returns the source's name.
func (s *Source) Name() string { return Name }

// Fetch fetches one ETF's bars. Query.Ref is EODHD's ticker with its exchange (SPY.US); for an empty one see the source's default
// reference. The response holds the sessions of Query.Window that had closed and settled at Query.AsOf; if there are none, it is
// empty and there is no error. A window without a beginning begins where the free plan's history does, or, with the option
// history=whole (SPY.US?history=whole), where EODHD's does. One call makes one request, or none if no session of the window has closed.
//
// The response does not state its currency: that of a ticker in New York or Korea is the exchange's, and the option currency=GBX states any
// other. In London, where listings are in pence, pounds, dollars or euros, the option is required.
//
// Errors: KindInvalid (a bad query or ticker), KindNotFound (unknown ticker), KindRateLimited with RetryAfter, or with Until for the
// daily quota, KindUnavailable, KindDenied (key, plan, challenge, and a response cut to what the plan covers), KindCorrupt (the
// message names the JSON path). With an error, the response still has Request, and Raw and MediaType if there was a body.
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	response := etf.Response{Basis: etf.AsTraded}
	cal, window, err := web.Prepare(provider, Name, q)
	if err != nil {
		return response, err
	}
	ref, err := Reference(q)
	if err != nil || window.To < window.From {
		return response, err
	}
	response.Currency = ref.Currency
	got, err := s.http.Get(ctx, "/api/eod/"+url.PathEscape(ref.Ticker), parameters(window, q.AsOf, ref.Whole), nil)
	response.Request, response.Raw, response.MediaType = got.Request, got.Body, got.MediaType
	if response.Request != "" && ref.Currency != "" {
		response.Request += stated + string(ref.Currency)
	}
	if err != nil {
		return response, err
	}
	return response, s.read(got, ref.Ticker, cal, window, q.AsOf, &response)
}

// stated comes before the currency in Response.Request, as the URL's fragment, which is not sent: a body that is parsed again is in the
// currency that the reference stated when it was fetched.
const stated = "#currency="

// ParseStored parses the stored body of a fetch, as Fetch did; the ticker is that of the fetch's request. Of q it uses Exchange,
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
	if currency, found := strings.CutPrefix("#"+request.Fragment, stated); found {
		parsed.Currency = etf.Currency(currency)
	}
	// Only a response with status 200 has rows.
	got := web.Response{Status: http.StatusOK, MediaType: f.MediaType, Body: body}
	return parsed, New(Options{}).read(got, path.Base(request.Path), cal, window, q.AsOf, &parsed)
}

var tickerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}\.[A-Za-z]{1,10}$`)

// Ref is what a reference says.
type Ref struct {
	Ticker   string
	Whole    bool         // the plan has the ETF's whole history
	Currency etf.Currency // of the prices; "" if it is not known
}

// Reference reads q.Ref, or else the source's default reference. Errors are of KindInvalid with Field "ref".
func Reference(q etf.Query) (Ref, error) {
	ref, err := source.ParseRef(q.Ref, "history", "currency")
	if err != nil {
		return Ref{}, err
	}
	history, given := ref.Options["history"]
	if given && history != "whole" {
		return Ref{}, etf.Invalid("ref", fmt.Sprintf("history=%s is not known", etf.Clip(history, 20)), "write history=whole, or leave it out")
	}
	if ref.Name == "" {
		ref.Name = etf.Source(Name).DefaultRef(q.Symbol, q.Exchange)
	}
	if !tickerForm.MatchString(ref.Name) {
		return Ref{}, etf.Invalid("ref", fmt.Sprintf("%q is not a ticker of EODHD", etf.Clip(ref.Name, 40)), "write the ticker with its exchange, for example SPY.US or 069500.KO")
	}
	parsed := Ref{Ticker: ref.Name, Whole: given}
	market := strings.ToUpper(ref.Name[strings.LastIndex(ref.Name, ".")+1:])
	text, given := ref.Options["currency"]
	switch {
	case given:
		if parsed.Currency, err = etf.ParseCurrency(text); err != nil {
			return Ref{}, etf.Invalid("ref", fmt.Sprintf("currency=%s is not a currency", etf.Clip(text, 20)), "write its ISO 4217 code, such as GBP or USD, or GBX for pence")
		}
	case market == "LSE":
		return Ref{}, etf.Invalid("ref", fmt.Sprintf("EODHD does not say whether the prices of %s are in pence, pounds, dollars or euros", ref.Name),
			fmt.Sprintf("look up the listing's currency on eodhd.com and state it, with all the sources that the ETF is to have: `etfcast etf edit %s --source 'eodhd=%s?currency=GBX'`", q.Symbol, ref.Name))
	case market == "US":
		parsed.Currency = "USD"
	case market == "KO" || market == "KQ":
		parsed.Currency = "KRW"
	}
	return parsed, nil
}

// parameters ask for the window. Without a beginning it is the history that the free plan has: asking a free plan for more gives an
// incomplete response, which is refused.
func parameters(w etf.Window, asOf time.Time, whole bool) url.Values {
	p := url.Values{"fmt": {"json"}, "period": {"d"}, "order": {"a"}, "to": {w.To.String()}}
	switch {
	case !w.From.IsZero():
		p.Set("from", w.From.String())
	case !whole:
		from := etf.SessionOf(asOf.UTC()).AddDays(-etf.Source(Name).Depth.Days)
		p.Set("from", min(from, w.To).String())
	}
	return p
}

const planRemedy = "ask for sessions that the plan covers, take a larger plan, or use another source"

// read fills the response, or returns why there is none.
func (s *Source) read(got web.Response, ticker string, cal *calendar.Calendar, window etf.Window, asOf time.Time, response *etf.Response) error {
	words := ""
	if !web.IsPage(got) {
		words = message(got.Body)
	}
	low := strings.ToLower(words)
	switch {
	case got.Status == http.StatusPaymentRequired, web.HasAny(low, "daily api requests limit", "daily limit", "exceeded your daily"):
		_, ends := etf.Source(Name).QuotaDay(asOf)
		return s.http.QuotaUsedUp(either(words, "the day's calls are spent"), ends)
	case got.Status == http.StatusTooManyRequests, web.HasAny(low, "too many requests", "rate limit"):
		e := s.http.Limited(got, words)
		if e.RetryAfter == 0 {
			e.RetryAfter = time.Minute // the limit is by the minute
		}
		return e
	case got.Status == http.StatusNotFound && web.HasAny(low, "not found") && !web.HasAny(low, "page not found"), got.Status == http.StatusOK && web.HasAny(low, "ticker not found", "symbol not found"):
		return etf.NotFound("ref", fmt.Sprintf("EODHD does not know %s (%s)", ticker, etf.Clip(words, 120)),
			"check the ticker and its exchange on eodhd.com and correct it with `etfcast etf edit`")
	case got.Status == http.StatusForbidden && words != "":
		return &etf.Error{Kind: etf.KindDenied, Message: fmt.Sprintf("EODHD's plan does not cover %s: %s", ticker, words), Remedy: planRemedy}
	case got.Status == http.StatusOK && web.HasAny(low, "unauthenticated", "api token", "api key", "unauthorized"):
		return s.http.Denied("EODHD refuses the key: %s", words)
	case got.Status == http.StatusOK && web.HasAny(low, "forbidden", "subscription", "your plan", "upgrade", "only for paid", "free user"):
		return &etf.Error{Kind: etf.KindDenied, Message: fmt.Sprintf("EODHD's plan does not cover %s: %s", ticker, words), Remedy: planRemedy}
	}
	if err := s.http.Refused(got); err != nil {
		return err
	}
	return readRows(got.Body, ticker, cal, window, response)
}

// message is what a body says that is not JSON with rows: the message of an object, or the text itself.
func message(body []byte) string {
	text := strings.TrimSpace(string(body))
	if strings.HasPrefix(text, "[") {
		return ""
	}
	v, err := web.Decode(provider, body)
	if err != nil {
		return web.Summary(body)
	}
	for _, name := range []string{"message", "error", "errors"} {
		if m := v.Optional(name); m != nil {
			return web.Summary([]byte(m.Show(300)))
		}
	}
	if said, err := v.Text(); err == nil {
		return web.Summary([]byte(said))
	}
	return "" // JSON of another shape, whatever words are in it
}

func either(words, otherwise string) string {
	if words == "" {
		return otherwise
	}
	return words
}
