package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/etf"
)

// The dashboard, as `make web` builds it: index.html, app/ with a hash of the content in each name, and docs/, the page
// of the OpenAPI document.
//
//go:embed all:assets
var assetFiles embed.FS

// dashboardRoutes are the paths of the dashboard. Each is answered with index.html, whose program shows the page; any
// other path is unknown here too, and not only to the program.
var dashboardRoutes = []string{
	"/", "/etfs/:symbol", "/findings", "/findings/:id", "/runs", "/runs/:id", "/scoreboard", "/scoreboard/:exchange/:model/:horizon",
	"/backtests", "/backtests/:id", "/backfills", "/backfills/:id", "/gaps", "/schedules", "/calendars", "/sources", "/sources/:name", "/forecasts/:id", "/register",
}

// documentationRoute is the page of the OpenAPI document; its files are below it.
const documentationRoute = "/docs"

// pagePolicy is the Content-Security-Policy of the pages: nothing from another server, and no script but the files of
// this one. Styles may stand in the page: the charts' library and Swagger UI write some.
const pagePolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
	"connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const (
	// assetLife is the Cache-Control of files whose names have a hash of their content: they never change.
	assetLife = "public, max-age=31536000, immutable"
	// revalidate is that of the others: a new release changes them under the same name.
	revalidate = "no-cache"
	// leastCompressed is the size in bytes from which a file is worth compressing.
	leastCompressed = 1 << 10
)

// asset is a file of the dashboard.
type asset struct {
	body      []byte
	mediaType string
	tag       string               // ETag of the file as it is
	small     func() (body []byte) // compressed with gzip; nil if it is not worth it
	lasting   bool
	page      bool
}

// loadAssets reads the files once for all servers in the process, by their path below assets/.
var loadAssets = sync.OnceValues(func() (map[string]*asset, error) {
	all := map[string]*asset{}
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "assets/")
		all[name] = newAsset(name, body)
		return nil
	})
	if err == nil && all["index.html"] == nil {
		err = fs.ErrNotExist
	}
	return all, etf.Wrap(etf.KindInternal, err, "read the dashboard's files")
})

// mediaTypes are those of the files that `make web` makes: the system's table, which package mime reads, may lack or
// change them.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon", ".js": "text/javascript; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json", ".woff2": "font/woff2",
}

func newAsset(name string, body []byte) *asset {
	sum := sha256.Sum256(body)
	a := &asset{
		body: body, mediaType: mediaTypes[path.Ext(name)], tag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		lasting: hashed(name), page: path.Ext(name) == ".html",
	}
	if a.mediaType == "" {
		if a.mediaType = mime.TypeByExtension(path.Ext(name)); a.mediaType == "" {
			a.mediaType = "application/octet-stream"
		}
	}
	text := strings.HasPrefix(a.mediaType, "text/") || strings.Contains(a.mediaType, "json") || strings.Contains(a.mediaType, "xml")
	if text && len(body) >= leastCompressed {
		// On first use: few processes are ever asked for the page of the OpenAPI document, the largest by far.
		a.small = sync.OnceValue(func() []byte { return compressed(body) })
	}
	return a
}

var hashForm = regexp.MustCompile(`^app/.*-([A-Za-z0-9_-]{8})\.[a-z0-9]+$`)

// hashed reports whether the name has a hash of the content. A word of eight letters is none: a hash without a digit or a capital is
// taken for a word, and only asked for more often.
func hashed(name string) bool {
	m := hashForm.FindStringSubmatch(name)
	return m != nil && strings.ContainsFunc(m[1], func(c rune) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' })
}

func compressed(body []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is valid
	_, _ = w.Write(body)                                    // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// serve responds with the file, compressed if the client takes that.
func (a *asset) serve(c echo.Context) error {
	h := c.Response().Header()
	body, tag := a.body, a.tag
	if a.small != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(strings.Join(c.Request().Header.Values("Accept-Encoding"), ",")) {
			body, tag = a.small(), strings.TrimSuffix(a.tag, `"`)+`-gzip"`
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", tag)
	h.Set("Cache-Control", revalidate)
	if a.lasting {
		h.Set("Cache-Control", assetLife)
	}
	if a.page {
		pageHeaders(h)
	}
	if match := c.Request().Header.Get("If-None-Match"); current(&match, tag) && match != "" {
		h.Del("Content-Encoding")
		return c.NoContent(http.StatusNotModified)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	return c.Blob(http.StatusOK, a.mediaType, body)
}

// pageHeaders are the headers of every HTML page.
func pageHeaders(h http.Header) {
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// acceptsGzip reports whether an Accept-Encoding header allows gzip.
func acceptsGzip(header string) bool {
	named, any := -1.0, -1.0
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		q := 1.0
		if name, value, ok := strings.Cut(params, "="); ok && strings.TrimSpace(name) == "q" {
			var err error
			if q, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
				continue
			}
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			named = q
		case "*":
			any = q
		}
	}
	return named > 0 || named < 0 && any > 0
}

// registerAssets adds the routes of the dashboard and of the documentation.
func registerAssets(e *echo.Echo, files map[string]*asset) {
	index := files["index.html"]
	for _, route := range dashboardRoutes {
		e.GET(route, func(c echo.Context) error {
			// The router gives the rest of the path to a parameter at its end.
			if slices.ContainsFunc(c.ParamValues(), func(v string) bool { return strings.Contains(v, "/") }) {
				return echo.ErrNotFound
			}
			return index.serve(c)
		})
	}
	if page := files["docs/index.html"]; page != nil {
		e.GET(documentationRoute, page.serve)
	}
	for _, folder := range []string{"app", "docs"} {
		e.GET("/"+folder+"/*", func(c echo.Context) error {
			if a := files[folder+"/"+c.Param("*")]; a != nil && !a.page {
				return a.serve(c)
			}
			return echo.ErrNotFound
		})
	}
	for name, a := range files {
		if !strings.Contains(name, "/") && !a.page {
			e.GET("/"+name, a.serve)
		}
	}
}

// unknownPage is what a browser gets for a path that does not exist.
var unknownPage = newAsset("unknown.html", []byte(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not found: etfcast</title>
<h1>There is no such page</h1>
<p><a href="/">To the overview</a>. <a href="/openapi.json">/openapi.json</a> lists the paths of the API.</p>
</html>
`))

// wantsPage reports whether the request is a browser's for a page, and not for the API.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "/v1/") {
		return false
	}
	// The tie goes to the problem document: most programs accept everything.
	media, ok := negotiate(infoOf(r.Context()).accept, "application/problem+json", "text/html")
	return ok && media == "text/html"
}

// writeUnknownPage responds with unknownPage.
func writeUnknownPage(w http.ResponseWriter) error {
	h := w.Header()
	pageHeaders(h)
	h.Set("Content-Type", unknownPage.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(unknownPage.body)))
	w.WriteHeader(http.StatusNotFound)
	_, err := w.Write(unknownPage.body)
	return err
}
