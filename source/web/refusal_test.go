package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	c := New(Options{Provider: "Acme", Base: "https://acme.example", Credential: etf.SourceKey{Variable: "ETFCAST_ACME_KEY"}})
	const cloudflare = `<!DOCTYPE html><html><title>Just a moment...</title>`
	for _, x := range []struct {
		name   string
		status int
		body   string
		kind   etf.Kind
		text   string
	}{
		{"JSON", 200, `[]`, "", ""},
		{"XML", 200, `<?xml version="1.0"?><a/>`, "", ""},
		{"XML as text/html", 200, `<protocol><item/></protocol>`, "", ""},
		{"nothing", 200, " \n", etf.KindUnavailable, "empty body"},
		{"maintenance", 200, `<html><body>Will be right back...</body></html>`, etf.KindUnavailable, "Will be right back"},
		{"maintenance in Korean", 200, `<html>서비스 점검 안내</html>`, etf.KindUnavailable, "점검"},
		{"proof of work", 200, `<html><script>fetch("/__verify")</script>`, etf.KindDenied, "wants a browser"},
		{"login", 200, `<html><form>Log in</form>`, etf.KindDenied, "wants a browser"},
		{"some page", 200, `<html>Welcome`, etf.KindDenied, "Welcome"},
		{"challenge as an outage", 503, cloudflare, etf.KindDenied, "wants a browser"},
		{"outage with a margin", 503, `<html>Service unavailable <a>log in</a>`, etf.KindUnavailable, "503"},
		{"bad gateway", 502, ``, etf.KindUnavailable, "502"},
		{"request timeout", 408, ``, etf.KindUnavailable, "408"},
		{"too many", 429, `<html>captcha`, etf.KindRateLimited, "too many requests"},
		{"too many, as a page with 200", 200, `<html><title>Too Many Requests</title>`, etf.KindRateLimited, "Too Many Requests"},
		{"too many, as forbidden", 403, `You are being rate limited`, etf.KindRateLimited, "being rate limited"},
		{"too many, as an outage", 503, `{"message":"Rate limit exceeded"}`, etf.KindRateLimited, "Rate limit exceeded"},
		{"data about too many", 200, `[{"note":"too many requests"}]`, "", ""},
		{"no key", 401, `{}`, etf.KindDenied, "set ETFCAST_ACME_KEY"},
		{"forbidden", 403, `{}`, etf.KindDenied, "plan"},
		{"payment", 402, `{}`, etf.KindDenied, "plan"},
		{"legal", 451, ``, etf.KindDenied, "451"},
		{"redirect", 301, ``, etf.KindDenied, "redirects to login.example"},
		{"bad request", 400, `no such parameter`, etf.KindInvalid, "no such parameter"},
		{"not found", 404, ``, etf.KindUnavailable, "404"},
		{"teapot", 418, ``, etf.KindCorrupt, "418"},
		{"no content", 204, ``, etf.KindCorrupt, "204"},
	} {
		media := "text/plain"
		if x.name == "login" || x.name == "some page" {
			media = "text/html"
		}
		err := c.Refused(Response{Status: x.status, Body: []byte(x.body), MediaType: media, Header: http.Header{"Location": {"https://login.example/?next=secret"}}})
		if x.kind == "" {
			if err != nil {
				t.Errorf("%s: %v", x.name, err)
			}
			continue
		}
		if etf.KindOf(err) != x.kind || !strings.Contains(err.Error(), x.text) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %s %v, want %s with %q", x.name, etf.KindOf(err), err, x.kind, x.text)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		value, date string
		want        time.Duration
	}{
		{"120", "", 2 * time.Minute}, {"", "", 0}, {"-5", "", 0}, {"soon", "", 0}, {"9999999", "", 24 * time.Hour},
		{"Fri, 26 Sep 2025 20:01:30 GMT", "Fri, 26 Sep 2025 20:00:00 GMT", 90 * time.Second},
		{"Fri, 26 Sep 2025 20:01:30 GMT", "", 0}, {"Fri, 26 Sep 2025 20:00:00 GMT", "Fri, 26 Sep 2025 20:01:30 GMT", 0},
	} {
		h := http.Header{"Retry-After": {x.value}, "Date": {x.date}}
		if got := RetryAfter(h); got != x.want {
			t.Errorf("%q at %q: %s, want %s", x.value, x.date, got, x.want)
		}
		err := New(Options{Provider: "Acme"}).Refused(Response{Status: 429, Header: h}).(*etf.Error) //nolint:errorlint,forcetypeassert // what Limited returns
		if err.RetryAfter != x.want {
			t.Errorf("429 with %q: %s", x.value, err.RetryAfter)
		}
	}
}
