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
	// heartbeat is how often a stream of events without any sends a comment.
	heartbeat time.Duration
	uploads   chan struct{} // files that are being received
	// overviews are kept as they are sent.
	overviews overviewPages
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
		heavy: newTurnstile(), heartbeat: heartbeat, uploads: make(chan struct{}, maxUploads),
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
	e.Use(s.observe, checkQuery(doc.spec), s.received, s.limited)
	gen.RegisterHandlers(e, gen.NewStrictHandler(s, []gen.StrictMiddlewareFunc{refuseBodies}))
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
