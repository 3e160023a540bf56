package yahoo

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

const (
	host1         = "https://query1.finance.yahoo.com"
	host2         = "https://query2.finance.yahoo.com"
	cookieHost    = "https://fc.yahoo.com/"
	browser       = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	defaultLimit  = 8 << 20
	defaultPeriod = 30 * time.Second
)

// client makes requests and tells charts from refusals.
type client struct {
	http      *http.Client
	bases     []string
	cookieURL string
	agent     string
	timeout   time.Duration
	limit     int64
	crumbs    chan crumb // holds the only crumb, except while it is renewed
	log       *slog.Logger
}

// response is one HTTP response as received.
type response struct {
	status    int
	header    http.Header
	body      []byte
	mediaType string
	request   string // the URL without the crumb
}

// result is a parsed response.
type result struct {
	response
	chart chart
	empty bool // Yahoo knows the ticker but has nothing in the range
}

func newClient(o Options) *client {
	if o.CookieURL == "" {
		o.CookieURL = cookieHost
		if len(o.BaseURLs) > 0 {
			o.CookieURL = o.BaseURLs[0]
		}
	}
	if len(o.BaseURLs) == 0 {
		o.BaseURLs = []string{host1, host2}
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
		if t, ok := o.Transport.(*http.Transport); ok {
			o.Transport = t.Clone()
		}
	}
	if o.UserAgent == "" {
		o.UserAgent = browser
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultPeriod
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultLimit
	}
	jar, _ := cookiejar.New(nil) // its error is always nil
	c := &client{
		http: &http.Client{
			Transport: o.Transport,
			Jar:       jar,
			// Redirects lead to a consent page; following one would hide it behind a 200.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		cookieURL: o.CookieURL,
		agent:     o.UserAgent,
		timeout:   o.Timeout,
		limit:     o.MaxBody,
		crumbs:    make(chan crumb, 1),
		log:       o.Log,
	}
	for _, b := range o.BaseURLs {
		c.bases = append(c.bases, strings.TrimRight(b, "/"))
	}
	c.crumbs <- crumb{}
	return c
}

// chart requests one ticker's chart from the hosts in order. The result carries the last body received, even if there
// is an error.
func (c *client) chart(ctx context.Context, ticker string, params url.Values) (result, error) {
	var got result
	var failures []error
	for _, base := range c.bases {
		latest, err := c.fetch(ctx, base, ticker, params)
		if latest.body != nil || got.request == "" {
			got = latest
		}
		// The next host helps only if this one is down: a refusal holds for both, and rate limits apply per address.
		if err == nil || etf.KindOf(err) != etf.KindUnavailable || ctx.Err() != nil {
			return got, err
		}
		failures = append(failures, err)
	}
	if len(failures) == 1 {
		return got, failures[0]
	}
	return got, etf.Wrapf(etf.KindUnavailable, errors.Join(failures...), "none of Yahoo's %d hosts responded", len(c.bases))
}

// fetch requests a chart from one host, and again with a new crumb if the request was refused for lack of one.
func (c *client) fetch(ctx context.Context, base, ticker string, params url.Values) (result, error) {
	held, err := c.crumb(ctx)
	if err != nil {
		return result{}, err
	}
	got, err := c.fetchWith(ctx, base, ticker, params, held)
	if !errors.Is(err, errCrumb) {
		return got, err
	}
	c.log.InfoContext(ctx, "yahoo requires a crumb", "host", base, "reason", err.Error())
	fresh, renewErr := c.renew(ctx, held)
	if etf.KindOf(renewErr) == etf.KindDenied {
		var first *etf.Error
		errors.As(err, &first) // errCrumb is only ever wrapped in an *etf.Error
		return got, &etf.Error{Kind: etf.KindDenied, Message: first.Message + ", and gave no crumb to retry with",
			Remedy: first.Remedy, Err: errors.Unwrap(renewErr)}
	}
	if renewErr != nil {
		return got, renewErr
	}
	return c.fetchWith(ctx, base, ticker, params, fresh)
}

func (c *client) fetchWith(ctx context.Context, base, ticker string, params url.Values, with crumb) (result, error) {
	address := base + "/v8/finance/chart/" + url.PathEscape(ticker) + "?" + params.Encode()
	secret := ""
	if with.value != "" {
		secret = "&crumb=" + url.QueryEscape(with.value)
	}
	got, err := c.get(ctx, address, secret)
	got.body = web.Hide(got.body, with.value)
	if err != nil {
		return result{response: got}, err
	}
	ch, empty, err := classify(got, ticker)
	return result{response: got, chart: ch, empty: empty}, err
}

// get makes one request and reads the body within the bounds. secret is appended to the address and kept out of the
// response and of errors.
func (c *client) get(ctx context.Context, address, secret string) (response, error) {
	var got response
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(bounded, http.MethodGet, address+secret, nil)
	if err != nil {
		return got, etf.Invalid("base_url", "Yahoo's address can't be used: "+withoutURL(err).Error(), "write it as https://host")
	}
	if req.URL.Host == "" || req.URL.Scheme != "https" && req.URL.Scheme != "http" {
		return got, etf.Invalid("base_url", "Yahoo's address is not an http or https URL with a host", "write it as https://host")
	}
	got.request = address
	if req.URL.User != nil { // a base URL may contain the user name and password of a proxy
		shown := *req.URL
		shown.User = nil
		got.request = strings.TrimSuffix(shown.String(), secret)
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "application/json,text/plain,*/*")
	req.Header.Set("Accept-Language", "en-US,en;q=0.9")
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := c.http.Do(req)
	if err != nil {
		return got, etf.Wrapf(etf.KindUnavailable, withoutURL(err), "no response from %s", req.URL.Host)
	}
	defer func() { _ = res.Body.Close() }() // read to the end or abandoned
	got.status, got.header = res.StatusCode, res.Header
	if got.mediaType, _, err = mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil {
		got.mediaType = "application/octet-stream"
	}
	got.body, err = c.read(res)
	if err != nil && got.status >= http.StatusBadRequest {
		err = nil // the status says more than the truncated body of a refusal
	}
	return got, err
}

// read returns the decompressed body. With an error, it returns what was read before it.
func (c *client) read(res *http.Response) ([]byte, error) {
	var from io.Reader = res.Body
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		unzip, err := gzip.NewReader(res.Body)
		if err != nil {
			return nil, etf.Wrap(etf.KindUnavailable, err, "Yahoo's compressed response has no valid gzip header")
		}
		from = unzip
	}
	body, err := io.ReadAll(io.LimitReader(from, c.limit+1))
	if int64(len(body)) > c.limit {
		return nil, corrupt("body", "Yahoo's response is larger than %d bytes", c.limit)
	}
	return body, etf.Wrap(etf.KindUnavailable, err, "Yahoo's response was cut off")
}

// withoutURL drops the address from a request's error, because it may contain a crumb.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
