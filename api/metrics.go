package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// httpMetrics counts and times requests by route, not by path, so that the number of series stays small.
type httpMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	// integrity counts responses that were refused because a stored forecast does not match its hash.
	integrity prometheus.Counter
	// streams are those of events that are open, and events what they have sent.
	streams prometheus.Gauge
	events  prometheus.Counter
	handler http.Handler
}

func newHTTPMetrics(registry *prometheus.Registry) (*httpMetrics, error) {
	m := &httpMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "etfcast_http_requests_total", Help: "HTTP requests by method, route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "etfcast_http_request_seconds", Help: "Duration of HTTP requests by method and route.",
			Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30},
		}, []string{"method", "route"}),
		integrity: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "etfcast_integrity_failures_total", Help: "Requests for a stored forecast that does not match its hash.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "etfcast_event_streams", Help: "Open streams of events."}),
		events:  prometheus.NewCounter(prometheus.CounterOpts{Name: "etfcast_events_sent_total", Help: "Events sent to streams."}),
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}
	// The registry is shared: the Go and process metrics may already be registered.
	golang, process := collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	return m, errors.Join(
		register(registry, &golang), register(registry, &process), register(registry, &m.requests), register(registry, &m.seconds),
		register(registry, &m.integrity), register(registry, &m.streams), register(registry, &m.events),
	)
}

// register registers the collector, or replaces it by the one that is registered under its names already.
func register[C prometheus.Collector](registry *prometheus.Registry, c *C) error {
	err := registry.Register(*c)
	var twice prometheus.AlreadyRegisteredError
	if !errors.As(err, &twice) {
		return err
	}
	if known, ok := twice.ExistingCollector.(C); ok {
		*c = known
	}
	return nil
}

func (m *httpMetrics) observe(method, route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions:
	default:
		method = "other" // clients can send any method
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	if !follows(route) { // a stream takes as long as its client wants
		m.seconds.WithLabelValues(method, route).Observe(took.Seconds())
	}
}
