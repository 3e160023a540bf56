package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// Every path of the dashboard is the same page, with headers that keep everything foreign out; no other path is.
func TestDashboardPaths(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	index := f.get("/").want(t, http.StatusOK)
	for _, p := range []string{
		"/", "/etfs/SPY", "/etfs/069500.KS", "/findings", "/findings/ab12", "/runs", "/runs/daily:XNYS:2025-09-26", "/scoreboard",
		"/scoreboard/XNYS/drift/1", "/backfills", "/backfills/ab12", "/gaps", "/schedules", "/forecasts/ab12", "/register", "/runs/",
		"/?order=-change&exchange=XKRX", "/?q=", "/findings?view=actions&symbol=SPY", "/runs?start=1",
	} {
		a := f.get(p, header("Accept", browser)).want(t, http.StatusOK)
		if !bytes.Equal(a.body, index.body) || a.header.Get("ETag") != index.header.Get("ETag") {
			t.Errorf("%s is another page than /", p)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": pagePolicy,
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", p, name, got, want)
			}
		}
		f.get(p, header("If-None-Match", a.header.Get("ETag"))).want(t, http.StatusNotModified)
	}
	for _, p := range []string{"/etfs", "/etfs/SPY/bars", "/scoreboard/XNYS", "/nothing", "/app/nothing.js", "/docs/nothing.js", "/index.html", "/docs/index.html", "/assets/index.html", "/app/../index.html"} {
		if a := f.get(p); a.status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", p, a.status)
		}
	}
	f.send(http.MethodPost, "/register", "").wantProblem(t, http.StatusMethodNotAllowed)
}

// A browser that asks for an unknown page gets one with a way back; a program gets a problem document, also under /v1.
func TestUnknownPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL+"/nothing", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", browser)
	resp, err := f.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer quietly(resp.Body)
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), `<a href="/">`) || resp.Header.Get("Cache-Control") != "no-store" ||
		resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || resp.Header.Get("Content-Security-Policy") != pagePolicy {
		t.Errorf("%d %v %s, %v", resp.StatusCode, resp.Header, body, err)
	}
	f.get("/nothing", header("Accept", "*/*")).wantProblem(t, http.StatusNotFound)
	f.get("/v1/nothing", header("Accept", browser)).wantProblem(t, http.StatusNotFound)
	f.get("/v1/etfs/NONE", header("Accept", browser)).wantProblem(t, http.StatusNotFound, "symbol")
}

// Every file of the dashboard has its type, is the same with and without compression, and lasts if its name has a hash.
func TestAssets(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	files, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range files {
		if file.page {
			continue
		}
		plain := f.get("/"+name, header("Accept-Encoding", "identity")).want(t, http.StatusOK)
		want := "no-cache"
		if file.lasting {
			want = "public, max-age=31536000, immutable"
		}
		if plain.header.Get("Cache-Control") != want || plain.header.Get("Content-Encoding") != "" || !bytes.Equal(plain.body, file.body) {
			t.Errorf("%s: %v", name, plain.header)
		}
		if mediaTypes[path.Ext(name)] == "" {
			t.Errorf("%s: the type of these files depends on the system: add it to mediaTypes", name)
		}
		small := f.get("/"+name, header("Accept-Encoding", "gzip"))
		if file.small == nil {
			continue
		}
		if small.header.Get("Content-Encoding") != "gzip" || small.header.Get("Vary") != "Accept-Encoding" || small.header.Get("ETag") == plain.header.Get("ETag") {
			t.Errorf("%s compressed: %v", name, small.header)
		}
		in, err := gzip.NewReader(bytes.NewReader(small.body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(in); err != nil || !bytes.Equal(body, file.body) {
			t.Errorf("%s is not the same compressed: %v", name, err)
		}
		head := f.send(http.MethodHead, "/"+name, "", header("Accept-Encoding", "gzip")).want(t, http.StatusOK)
		if len(head.body) != 0 || head.header.Get("Content-Length") != small.header.Get("Content-Length") || head.header.Get("ETag") != small.header.Get("ETag") {
			t.Errorf("HEAD %s: %v", name, head.header)
		}
		f.get("/"+name, header("If-None-Match", small.header.Get("ETag")), header("Accept-Encoding", "gzip")).want(t, http.StatusNotModified)
	}
}

// A file whose name has a hash never has to be asked for again.
func TestHashedAssetsLast(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"app/index-Dk3x9_aB.js": true, "app/chunks/price-chart-x-7_2b4c.css": true, "app/boot.js": false, "app/icon.svg": false, "app/user-settings.js": false,
		"app/index-Dk3x9.js": false, "favicon.svg": false, "docs/swagger-Dk3x9_aB.css": false} {
		if a := newAsset(name, nil); a.lasting != want {
			t.Errorf("%s lasts: %v", name, a.lasting)
		}
	}
}

// The pages keep to their own policy: no script stands in them, and nothing comes from another host.
func TestPagesFollowTheirPolicy(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	for _, p := range []string{"/", "/docs"} {
		page := string(f.get(p).want(t, http.StatusOK).body)
		for _, script := range regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`).FindAllStringSubmatch(page, -1) {
			if !strings.Contains(script[1], "src=") || strings.TrimSpace(script[2]) != "" {
				t.Errorf("%s has a script inside it, which its policy forbids: %s", p, script[0])
			}
		}
		if regexp.MustCompile(`\son[a-z]+=`).MatchString(page) {
			t.Errorf("%s has an inline event handler", p)
		}
		links := regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(page, -1)
		for _, link := range links {
			if strings.HasPrefix(link[1], "data:") {
				continue
			}
			if !strings.HasPrefix(link[1], "/") || strings.HasPrefix(link[1], "//") {
				t.Errorf("%s needs %s, which is not this server's", p, link[1])
			} else if a := f.get(link[1]); a.status == http.StatusNotFound {
				t.Errorf("%s: link %s is dead", p, link[1])
			}
		}
		if len(links) == 0 || !strings.Contains(page, "<noscript>") {
			t.Errorf("%s says nothing without JavaScript", p)
		}
	}
	if !strings.Contains(string(f.get("/").body), "/v1/etfs") {
		t.Error("whoever has no JavaScript is not told where the API begins")
	}
}

func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "gzip": true, "gzip, deflate, br": true, "br": false, "*": true, "gzip;q=0": false, "gzip;q=0, *": false, "*;q=0": false,
		"GZIP;q=0.5": true, "identity": false, "gzip; q=x": false,
	} {
		r := &http.Request{Header: http.Header{"Accept-Encoding": {text}}}
		if got := acceptsGzip(strings.Join(r.Header.Values("Accept-Encoding"), ",")); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
