package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const secret = "s3cr3t+key/0123456789"

func serve(t *testing.T, o Options, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o.Provider, o.Transport = "Acme", srv.Client().Transport
	if o.Base == "" {
		o.Base = srv.URL
	}
	return New(o)
}

func keyed() (string, error) { return secret + "\n", nil }

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGet(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{Header: http.Header{"Referer": {"https://example.org"}}}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a/b" || r.URL.Query().Get("x") != "1 2" || r.Header.Get("Referer") == "" || r.Header.Get("X-One") != "1" || r.Header.Get("User-Agent") != "etfcast" {
			t.Errorf("request %s %v", r.URL, r.Header)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, string(zipped(t, `[1]`)))
	})
	got, err := c.Get(t.Context(), "/a/b", url.Values{"x": {"1 2"}}, http.Header{"X-One": {"1"}})
	if err != nil || string(got.Body) != "[1]" || got.MediaType != "application/json" || got.Status != 200 || !strings.HasSuffix(got.Request, "/a/b?x=1+2") {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.Refused(got); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// Wherever the credential goes and whatever the provider repeats of it, it is nowhere in what comes back.
func TestTheCredentialStaysInside(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"header": {Key: keyed, KeyHeader: "Authorization", KeyPrefix: "Token "},
		"query":  {Key: keyed, KeyParam: "apikey"},
	} {
		for _, status := range []int{200, 302, 401, 403, 404, 418, 429, 500} {
			c := serve(t, o, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Token "+secret && r.URL.Query().Get("apikey") != secret {
					t.Errorf("%s: the key was not sent: %s %v", name, r.URL, r.Header)
				}
				w.Header().Set("Location", "https://elsewhere.example/?k="+url.QueryEscape(secret))
				w.Header().Set("X-Echo", secret)
				w.Header().Set("Set-Cookie", "session=abc")
				w.WriteHeader(status)
				fmt.Fprintf(w, "<html>your key %s, that is %s or %s, is no good", secret, url.QueryEscape(secret), url.PathEscape(secret))
				fmt.Fprint(w, ` (or s3cr3t%2Bkey/0123456789, s3cr3t+key%2f0123456789, {"key":"s3cr3t\u002bkey\/0123456789"})`)
			})
			got, err := c.Get(t.Context(), "/q", url.Values{"a": {"b"}}, nil)
			all := fmt.Sprintf("%+v %s %v %v", got, got.Body, err, c.Refused(got))
			if strings.Contains(all, "s3cr3t") || strings.Contains(all, "session=abc") || !strings.Contains(string(got.Body), "your key ***") {
				t.Errorf("%s, %d: %s", name, status, all)
			}
		}
		o.Base = "http://127.0.0.1:1" // nothing listens there
		_, err := serve(t, o, nil).Get(t.Context(), "/q", nil, nil)
		if etf.KindOf(err) != etf.KindUnavailable || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
		o.Transport = nil
		leaky := New(Options{Provider: "Acme", Base: "http://x.example", Key: keyed, KeyParam: "k", Transport: failing{errors.New("dial " + url.QueryEscape(secret))}})
		if _, err := leaky.Get(t.Context(), "/", nil, nil); etf.KindOf(err) != etf.KindUnavailable || strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), mask) {
			t.Errorf("a transport that repeats the key: %v", err)
		}
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// A short public key is a word that a body may have.
func TestAPublicKeyIsNotErased(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{Key: func() (string, error) { return "demo", nil }, KeyParam: "k"}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a demo") })
	if got, err := c.Get(t.Context(), "/", nil, nil); err != nil || string(got.Body) != "a demo" || strings.Contains(got.Request, "k=") {
		t.Errorf("%+v %v", got, err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	asked := false
	for name, key := range map[string]func() (string, error){
		"none is set": func() (string, error) { return " \n", nil },
		"can't be re": func() (string, error) { return secret, errors.New("no such file, key " + secret) },
		"not ASCII":   func() (string, error) { return "abc\ndef", nil },
	} {
		c := serve(t, Options{Key: key, KeyParam: "k", Credential: etf.SourceKey{Variable: "ETFCAST_ACME_KEY", From: "acme.example"}},
			func(http.ResponseWriter, *http.Request) { asked = true })
		_, err := c.Get(t.Context(), "/", nil, nil)
		if etf.KindOf(err) != etf.KindDenied || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "set ETFCAST_ACME_KEY, or ETFCAST_ACME_KEY_FILE") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked {
		t.Error("a request was made without a key")
	}
}

// Whatever a server does with the connection, the body is bounded and the error has its class.
func TestBrokenResponses(t *testing.T) {
	t.Parallel()
	forever := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte{' '}, 4096)); err != nil {
				return
			}
		}
	}
	whole := zipped(t, strings.Repeat("[1, 2, 3]", 1000))
	bomb := zipped(t, strings.Repeat(" ", 1<<20))
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		kind    etf.Kind
		text    string
	}{
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "[1")
		}, etf.KindUnavailable, "cut off"},
		"reset": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, etf.KindUnavailable, "no response"},
		"cut gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, string(whole[:len(whole)-12]))
		}, etf.KindUnavailable, "cut off"},
		"no gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "plain text, not compressed")
		}, etf.KindUnavailable, "gzip header"},
		"unknown encoding": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			fmt.Fprint(w, "x")
		}, etf.KindCorrupt, "encoded as br"},
		"endless": {forever, etf.KindCorrupt, "larger than 10000 bytes"},
		"bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, string(bomb))
		}, etf.KindCorrupt, "larger than 10000 bytes"},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush() //nolint:forcetypeassert,errcheck // net/http's is one
			<-r.Context().Done()
		}, etf.KindUnavailable, "cut off"},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, etf.KindUnavailable, "within"},
	} {
		limit := 30 * time.Second
		switch name {
		case "slow": // its headers have to come in time
			limit = 3 * time.Second
		case "silent":
			limit = 300 * time.Millisecond
		}
		client := serve(t, Options{MaxBody: 10_000, Timeout: limit}, c.handler)
		got, err := client.Get(t.Context(), "/", nil, nil)
		if etf.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) || len(got.Body) > 10_000 || got.Request == "" {
			t.Errorf("%s: %v, %d bytes", name, err, len(got.Body))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := serve(t, Options{}, forever).Get(ctx, "/", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBaseAddresses(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "acme.example", "ftp://acme.example", "http://", "https://acme.example?k=1", "http://a b"} {
		if _, err := New(Options{Provider: "Acme", Base: base}).Get(t.Context(), "/x", nil, nil); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%q: %v", base, err)
		}
	}
	got, _ := New(Options{Provider: "Acme", Base: "http://me:pass@x.example/v1/", Transport: failing{errors.New("down")}}).Get(t.Context(), "/y", nil, nil)
	if got.Request != "http://x.example/v1/y" {
		t.Errorf("request %s", got.Request)
	}
}
