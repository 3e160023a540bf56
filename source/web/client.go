package web

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Options configure a Client.
type Options struct {
	// Provider is the name that messages begin with: "Tiingo".
	Provider string
	// Base is the address that paths are appended to: "https://api.tiingo.com".
	Base string
	// Header is sent with every request.
	Header http.Header
	// Key returns the credential; nil if none is needed. It is asked before each request, so that a file may change. An empty key or
	// an error means that there is none. Credential names it in remedies.
	Key        func() (string, error)
	Credential etf.SourceKey
	// KeyHeader names the header with the credential, after KeyPrefix ("Token "); or else KeyParam names the query parameter.
	KeyHeader, KeyPrefix, KeyParam string
	// Transport makes the requests. Default: a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// UserAgent is sent with every request. Default: "etfcast".
	UserAgent string
	// Timeout bounds one request, including reading the body. Default: 30 s.
	Timeout time.Duration
	// MaxBody bounds a body in bytes, as sent and decompressed. Default: 8 MiB.
	MaxBody int64
}

const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 8 << 20
)

// Client makes GET requests to one provider. It is safe for concurrent use and has no state.
type Client struct {
	o    Options
	http *http.Client
}

// New returns a Client. It makes no request.
func New(o Options) *Client {
	o.Base = strings.TrimRight(o.Base, "/")
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
		if t, ok := o.Transport.(*http.Transport); ok {
			o.Transport = t.Clone()
		}
	}
	if o.UserAgent == "" {
		o.UserAgent = "etfcast"
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Key == nil && !o.Credential.IsZero() {
		o.Key = func() (string, error) { return "", nil } // one is needed, and none is set
	}
	return &Client{o: o, http: &http.Client{
		Transport: o.Transport,
		// A redirect leads to a login or consent page, or takes the credential somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Response is one HTTP response as received, without the credential: where the provider repeats it, asterisks stand instead.
type Response struct {
	Status    int
	Header    http.Header // without cookies
	Body      []byte      // decompressed; never nil if there was a response
	MediaType string      // "application/octet-stream" if it is not stated
	Request   string      // the URL, without the credential and without the password of a proxy
}

// Get requests Base + path with the query, and reads the body within the bounds. path begins with "/" and is already escaped
// (url.PathEscape). query and header may be nil and are not modified. No status is an error here: Refused judges it.
//
// Errors: KindDenied (no key), KindUnavailable (no response, a timeout, a reset, a body cut short), KindCorrupt (a body too large or
// encoded in an unknown way), KindInvalid (the base address). With an error, Response still has Request and what was read of the body. A
// cancelled context gives an error that wraps ctx.Err().
func (c *Client) Get(ctx context.Context, path string, query url.Values, header http.Header) (Response, error) {
	var got Response
	address, err := c.address(path, query)
	if err != nil {
		return got, err
	}
	got.Request = shown(address)
	key, err := c.key()
	if err != nil {
		return got, err
	}
	bounded, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := c.request(bounded, address, key, header)
	if err != nil {
		return got, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		err = withoutURL(err)
		if ctx.Err() == nil && bounded.Err() != nil {
			return got, etf.Wrapf(etf.KindUnavailable, without(err, key), "no response from %s within %s", address.Host, c.o.Timeout)
		}
		return got, etf.Wrapf(etf.KindUnavailable, without(err, key), "no response from %s", address.Host)
	}
	defer func() { _ = res.Body.Close() }() // read to the end or abandoned
	got.Status, got.Header = res.StatusCode, res.Header
	got.Header.Del("Set-Cookie")
	for _, values := range got.Header {
		for i := range values {
			values[i] = string(Hide([]byte(values[i]), key))
		}
	}
	body, err := c.read(res)
	got.Body = Hide(body, key)
	if got.MediaType, _, _ = mime.ParseMediaType(got.Header.Get("Content-Type")); got.MediaType == "" {
		got.MediaType = "application/octet-stream"
	}
	if got.Status >= http.StatusMultipleChoices {
		err = nil // the status says more than the body of a refusal
	}
	return got, without(err, key)
}

func (c *Client) address(path string, query url.Values) (*url.URL, error) {
	const remedy = "write it as https://host"
	u, err := url.Parse(c.o.Base + path)
	switch {
	case err != nil:
		return nil, etf.Invalid("base_url", c.o.Provider+"'s address is not a URL", remedy)
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, etf.Invalid("base_url", c.o.Provider+"'s address is not an http or https URL with a host", remedy)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, etf.Invalid("base_url", c.o.Provider+"'s address has a query", remedy)
	}
	u.RawQuery = query.Encode()
	return u, nil
}

// shown is the address without the password of a proxy, which a base address may contain.
func shown(u *url.URL) string {
	v := *u
	v.User = nil
	return v.String()
}

// key returns the credential; "" if none is needed.
func (c *Client) key() (string, error) {
	if c.o.Key == nil {
		return "", nil
	}
	key, err := c.o.Key()
	key = strings.TrimSpace(key)
	if err != nil {
		return "", &etf.Error{Kind: etf.KindDenied, Message: c.o.Provider + "'s key can't be read", Remedy: c.keyRemedy(), Err: without(err, key)}
	}
	if key == "" {
		return "", &etf.Error{Kind: etf.KindDenied, Message: c.o.Provider + " needs a key, and none is set", Remedy: c.keyRemedy()}
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", &etf.Error{Kind: etf.KindDenied, Message: c.o.Provider + "'s key has a space, a line break or a character that is not ASCII", Remedy: c.keyRemedy()}
	}
	return key, nil
}

// keyRemedy says where the credential comes from and goes.
func (c *Client) keyRemedy() string {
	k := c.o.Credential
	if k.IsZero() {
		return "use another source"
	}
	remedy := fmt.Sprintf("set %s, or %s_FILE to the name of a file that has it", k.Variable, k.Variable)
	if k.From != "" {
		remedy += "; keys are issued at " + k.From
	}
	return remedy
}

func (c *Client) request(ctx context.Context, address *url.URL, key string, header http.Header) (*http.Request, error) {
	u := *address
	if key != "" && c.o.KeyHeader == "" {
		q := u.Query()
		q.Set(c.o.KeyParam, key)
		u.RawQuery = q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil { // the message would have the address
		return nil, etf.Invalid("base_url", c.o.Provider+"'s address can't be used", "write it as https://host")
	}
	for _, h := range []http.Header{c.o.Header, header} {
		for name, values := range h {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	req.Header.Set("Accept-Encoding", "gzip") // so that what is compressed is bounded too
	if key != "" && c.o.KeyHeader != "" {
		req.Header.Set(c.o.KeyHeader, c.o.KeyPrefix+key)
	}
	return req, nil
}

// read returns the decompressed body. With an error, it returns what was read before it.
func (c *Client) read(res *http.Response) ([]byte, error) {
	sent := &io.LimitedReader{R: res.Body, N: c.o.MaxBody + 1}
	tooLarge := func() error {
		return Corrupt("body", "%s's response is larger than %d bytes", c.o.Provider, c.o.MaxBody)
	}
	var from io.Reader = sent
	switch encoding := strings.ToLower(strings.TrimSpace(res.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		unzip, err := gzip.NewReader(sent)
		if err != nil {
			return []byte{}, etf.Wrap(etf.KindUnavailable, err, c.o.Provider+"'s compressed response has no valid gzip header")
		}
		from = unzip
	default:
		return []byte{}, Corrupt("Content-Encoding", "%s's response is encoded as %s, which was not asked for", c.o.Provider, etf.Clip(encoding, 40))
	}
	body, err := io.ReadAll(io.LimitReader(from, c.o.MaxBody+1))
	if int64(len(body)) > c.o.MaxBody || sent.N == 0 {
		return body[:min(int64(len(body)), c.o.MaxBody)], tooLarge()
	}
	if body == nil {
		body = []byte{}
	}
	return body, etf.Wrap(etf.KindUnavailable, err, c.o.Provider+"'s response was cut off")
}

// withoutURL drops the address from a request's error, because it may contain the credential.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
