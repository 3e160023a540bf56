package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/dispatch"
)

// sdkMetrics passes the metrics of Temporal's SDK on to Prometheus, under the SDK's own names: counters end in _total, timers are
// histograms in seconds and end in _seconds. The SDK chooses the tags at run time, and not always the same ones for one name, so the
// series are in one vector for each name and set of tags, and the collector describes none of them in advance.
type sdkMetrics struct {
	mu      sync.RWMutex
	vectors map[string]prometheus.Collector // by kind, name and tags
}

// sdkSeconds are the buckets of the SDK's timers: from a task taken at once to the four hours that a fetch waits for a worker.
var sdkSeconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 14400}

const sdkHelp = "Reported by Temporal's SDK; https://docs.temporal.io/references/sdk-metrics says what it is."

func newSDKMetrics(registry prometheus.Registerer) *sdkMetrics {
	m := &sdkMetrics{vectors: map[string]prometheus.Collector{}}
	registry.MustRegister(m)
	return m
}

// Describe implements prometheus.Collector: a collector that describes nothing is not checked for its labels.
func (*sdkMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *sdkMetrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.RLock()
	vectors := slices.Collect(maps.Values(m.vectors))
	m.mu.RUnlock()
	for _, v := range vectors {
		v.Collect(ch)
	}
}

// handler returns what client.Options take.
func (m *sdkMetrics) handler() client.MetricsHandler { return sdkHandler{m, nil} }

// vector returns the vector of this kind, name and tags, which make makes if it is new.
func (m *sdkMetrics) vector(kind, name string, tags prometheus.Labels, make func(name string, labels []string) prometheus.Collector) prometheus.Collector {
	labels := slices.Sorted(maps.Keys(tags))
	key := kind + " " + name + " " + strings.Join(labels, " ")
	m.mu.RLock()
	v, ok := m.vectors[key]
	m.mu.RUnlock()
	if ok {
		return v
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok = m.vectors[key]; !ok {
		v = make(name, labels)
		m.vectors[key] = v
	}
	return v
}

// sdkHandler implements client.MetricsHandler for one set of tags, which is never changed.
type sdkHandler struct {
	metrics *sdkMetrics
	tags    prometheus.Labels
}

func (h sdkHandler) WithTags(tags map[string]string) client.MetricsHandler {
	all := make(prometheus.Labels, len(h.tags)+len(tags))
	maps.Copy(all, h.tags)
	maps.Copy(all, tags)
	return sdkHandler{h.metrics, all}
}

func (h sdkHandler) Counter(name string) client.MetricsCounter {
	v := h.metrics.vector("counter", suffixed(name, "_total"), h.tags, func(name string, labels []string) prometheus.Collector {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: sdkHelp}, labels)
	}).(*prometheus.CounterVec) //nolint:forcetypeassert // the key has the kind
	return sdkCounter{v.With(h.tags)}
}

func (h sdkHandler) Gauge(name string) client.MetricsGauge {
	v := h.metrics.vector("gauge", name, h.tags, func(name string, labels []string) prometheus.Collector {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: sdkHelp}, labels)
	}).(*prometheus.GaugeVec) //nolint:forcetypeassert // the key has the kind
	return sdkGauge{v.With(h.tags)}
}

func (h sdkHandler) Timer(name string) client.MetricsTimer {
	v := h.metrics.vector("timer", suffixed(name, "_seconds"), h.tags, func(name string, labels []string) prometheus.Collector {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: sdkHelp, Buckets: sdkSeconds}, labels)
	}).(*prometheus.HistogramVec) //nolint:forcetypeassert // the key has the kind
	return sdkTimer{v.With(h.tags)}
}

// suffixed ends the name as Prometheus' conventions ask for.
func suffixed(name, suffix string) string { return strings.TrimSuffix(name, suffix) + suffix }

type sdkCounter struct{ prometheus.Counter }

func (c sdkCounter) Inc(n int64) { c.Add(float64(n)) }

type sdkGauge struct{ prometheus.Gauge }

func (g sdkGauge) Update(value float64) { g.Set(value) }

type sdkTimer struct{ prometheus.Observer }

func (t sdkTimer) Record(d time.Duration) { t.Observe(d.Seconds()) }

// queueMetrics asks Temporal at each scrape what waits in the task queues and who polls them. While Temporal is unreachable, these are
// absent and etfcast_temporal_up is 0.
type queueMetrics struct {
	backlogs func(context.Context, []string) ([]dispatch.Backlog, error)
}

var (
	descTemporalUp = prometheus.NewDesc("etfcast_temporal_up", "1 if Temporal responds and has the namespace.", nil, nil)
	descBacklog    = prometheus.NewDesc("etfcast_task_queue_backlog", "Tasks that wait in the task queue, as Temporal estimates it.",
		[]string{"queue", "kind"}, nil)
	descBacklogAge = prometheus.NewDesc("etfcast_task_queue_backlog_age_seconds", "How long the oldest task in the task queue has waited.",
		[]string{"queue", "kind"}, nil)
	descPollers = prometheus.NewDesc("etfcast_task_queue_pollers", "Workers that have polled the task queue in the last 90 seconds.",
		[]string{"queue", "kind"}, nil)
)

// Describe implements prometheus.Collector.
func (queueMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- descTemporalUp
	ch <- descBacklog
	ch <- descBacklogAge
	ch <- descPollers
}

// Collect implements prometheus.Collector.
func (m queueMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	up := 0.0
	if list, err := m.backlogs(ctx, queues()); err == nil {
		up = 1
		for _, b := range list {
			ch <- prometheus.MustNewConstMetric(descBacklog, prometheus.GaugeValue, float64(b.Tasks), b.Queue, b.Kind)
			ch <- prometheus.MustNewConstMetric(descBacklogAge, prometheus.GaugeValue, b.Age.Seconds(), b.Queue, b.Kind)
			ch <- prometheus.MustNewConstMetric(descPollers, prometheus.GaugeValue, float64(b.Pollers), b.Queue, b.Kind)
		}
	}
	ch <- prometheus.MustNewConstMetric(descTemporalUp, prometheus.GaugeValue, up)
}
