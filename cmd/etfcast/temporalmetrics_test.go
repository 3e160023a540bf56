package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/etfcast/etfcast/dispatch"
)

// The SDK's counters, gauges and timers arrive under their names, with their tags as labels, also when one name comes with
// different tags.
func TestSDKMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	h := newSDKMetrics(registry).handler().WithTags(map[string]string{"namespace": "default"})
	fetch := h.WithTags(map[string]string{"activity_type": "Fetch"})
	fetch.Counter("temporal_failed").Inc(2)
	fetch.WithTags(map[string]string{"activity_type": "Persist"}).Counter("temporal_failed").Inc(1) // the later tag wins
	h.Counter("temporal_failed").Inc(4)
	fetch.Counter("temporal_failed").Inc(3)
	h.Counter("temporal_local_activity_total").Inc(1) // has the suffix already
	h.Gauge("temporal_slots").Update(7)
	h.Gauge("temporal_slots").Update(5)
	fetch.Timer("temporal_latency").Record(20 * time.Millisecond)
	fetch.Timer("temporal_latency").Record(2 * time.Hour)

	got := scraped(t, registry)
	for _, want := range []string{
		`# TYPE temporal_failed_total counter`,
		`temporal_failed_total{activity_type="Fetch",namespace="default"} 5`,
		`temporal_failed_total{activity_type="Persist",namespace="default"} 1`,
		`temporal_failed_total{namespace="default"} 4`,
		`temporal_local_activity_total{namespace="default"} 1`,
		`temporal_slots{namespace="default"} 5`,
		`# TYPE temporal_latency_seconds histogram`,
		`temporal_latency_seconds_bucket{activity_type="Fetch",namespace="default",le="0.01"} 0`,
		`temporal_latency_seconds_bucket{activity_type="Fetch",namespace="default",le="0.025"} 1`,
		`temporal_latency_seconds_bucket{activity_type="Fetch",namespace="default",le="1800"} 1`,
		`temporal_latency_seconds_bucket{activity_type="Fetch",namespace="default",le="14400"} 2`,
		`temporal_latency_seconds_sum{activity_type="Fetch",namespace="default"} 7200.02`, // 20 ms and 2 hours
	} {
		if !slices.Contains(got, want) {
			t.Errorf("missing: %s\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// scraped returns what Prometheus would read, line by line.
func scraped(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(scrape(t, registry)), "\n")
}

// Series may be made while the metrics are collected (run it with -race).
func TestSDKMetricsConcurrently(t *testing.T) {
	registry := prometheus.NewRegistry()
	h := newSDKMetrics(registry).handler()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			h.WithTags(map[string]string{"n": strings.Repeat("x", i)}).Counter("temporal_made").Inc(1)
		}
	}()
	for {
		if _, err := registry.Gather(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			n := 0
			for _, line := range scraped(t, registry) {
				if strings.HasPrefix(line, "temporal_made_total{") {
					n++
				}
			}
			if n != 200 {
				t.Errorf("%d series, want 200", n)
			}
			return
		default:
		}
	}
}

// While Temporal is away, that is all there is to say about the task queues.
func TestQueueMetrics(t *testing.T) {
	var err error
	m := queueMetrics{func(context.Context, []string) ([]dispatch.Backlog, error) {
		return []dispatch.Backlog{{Queue: "etfcast-fit", Kind: "activity", Tasks: 12, Age: 90 * time.Second, Pollers: 2}}, err
	}}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	series := func() (list []string) {
		for _, line := range scraped(t, registry) {
			if !strings.HasPrefix(line, "#") {
				list = append(list, line)
			}
		}
		return list
	}
	if got, want := series(), []string{
		`etfcast_task_queue_backlog{kind="activity",queue="etfcast-fit"} 12`,
		`etfcast_task_queue_backlog_age_seconds{kind="activity",queue="etfcast-fit"} 90`,
		`etfcast_task_queue_pollers{kind="activity",queue="etfcast-fit"} 2`,
		`etfcast_temporal_up 1`,
	}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	err = errors.New("no server")
	if got, want := series(), []string{`etfcast_temporal_up 0`}; !slices.Equal(got, want) {
		t.Errorf("without Temporal: %q, want %q", got, want)
	}
}
