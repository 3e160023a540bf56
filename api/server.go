package api

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// Deps are the dependencies of the API.
type Deps struct {
	Service *service.Service
	// Version is the version of the code, as recorded in forecasts.
	Version string
	// Workers are the probes of the workers, for /readyz: any workers, or this process's own if it has some.
	Workers []service.Probe
	Log     *slog.Logger // nil = none
	// Hosts are the names by which requests may address the server.
	Hosts Hosts
	// Streams are the times of streams of events; zero = the defaults.
	Streams StreamTimes
	// KeepForecasts and KeepBars are how long a latest forecast and a page of bars may be sent again while no event names the ETF;
	// zero = never.
	KeepForecasts, KeepBars time.Duration
	// Metrics is served at /metrics, together with the API's own metrics; nil = a new registry.
	Metrics *prometheus.Registry
}

// server implements the generated interface, one file per resource (handle_*.go).
type server struct {
	*service.Service
	version string
	started time.Time
	log     *slog.Logger
	metrics *httpMetrics
	ready   *service.Readiness
	heavy   turnstile
	// overviews are kept as they are sent.
	overviews overviewPages
	streams   StreamTimes
	uploads   chan struct{} // files that are being received
	kept      kept
}

var _ gen.StrictServerInterface = (*server)(nil)

// New returns the handler for the whole API. It does not contact the store or Temporal: either may start later.
func New(d Deps) (http.Handler, error) {
	if d.Service == nil {
		return nil, errors.New("api: Deps.Service is missing")
	}
	doc, err := loadDocument()
	if err != nil {
		return nil, err
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	registry := d.Metrics
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	metrics, err := newHTTPMetrics(registry)
	if err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "register HTTP metrics")
	}
	s := &server{
		Service: d.Service, version: d.Version, started: d.Service.Now().UTC(), log: d.Log, metrics: metrics,
		heavy: newTurnstile(), streams: d.Streams.orDefault(), uploads: make(chan struct{}, maxUploads),
		kept:  kept{spans: map[string]time.Duration{latestRoute: d.KeepForecasts, barsRoute: d.KeepBars}},
		ready: service.NewReadiness(d.Service.Now, append(d.Service.Probes(), d.Workers...)...),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}

	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Logger.SetOutput(logWriter{s.log})
	e.Binder = strictBinder{}
	// observe handles every error; only a bug in echo could get here.
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		s.log.Error("unhandled error", "error", err, "path", c.Request().URL.Path)
	}
	e.Use(s.observe, importIsPosted, checkQuery(doc.spec), s.received, s.keeps, s.limited)
	gen.RegisterHandlers(e, gen.NewStrictHandler(s, []gen.StrictMiddlewareFunc{refuseBodies}))
	// Without these, the other methods of this path would be those of an ETF of that name, which none can have.
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		e.Add(method, importRoute, func(echo.Context) error { return echo.ErrMethodNotAllowed })
	}
	doc.register(e)
	registerAssets(e, assets)
	e.GET("/metrics", echo.WrapHandler(metrics.handler))

	problem := func(err error) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			class, _ := classify(err)
			metrics.observe(r.Method, "", class.status, 0)
			s.log.Info("request refused", "method", r.Method, "path", r.URL.Path, "status", class.status, "request_id", infoOf(r.Context()).id)
			_ = writeProblem(w, r, infoOf(r.Context()).id, err) // an error means that the client is gone
		}
	}
	// A browser sends requests to loopback for any page, so a page of another site could start runs.
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(problem(refuse(problemForbidden, "Origin", "the request comes from another site's page", "send it from a page of this server or without a browser"))))
	return identified(drained(d.Hosts.only(origin.Handler(normalised(e)), problem), problem)), nil
}

// logWriter writes echo's own messages to the log.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(p []byte) (int, error) {
	w.log.Warn("echo", "line", string(p))
	return len(p), nil
}

// importIsPosted refuses other methods of the import's path before anything looks at their parameters and bodies.
func importIsPosted(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Path() != importRoute || c.Request().Method == http.MethodPost {
			return next(c)
		}
		c.Response().Header().Set(echo.HeaderAllow, "OPTIONS, POST")
		if c.Request().Method == http.MethodOptions {
			return c.NoContent(http.StatusNoContent)
		}
		return echo.ErrMethodNotAllowed
	}
}
