package main

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/worker"
)

// activityMetrics registers the activities' metrics and returns the function that counts and times an attempt.
func activityMetrics(registry prometheus.Registerer) func(worker.Activity) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "etfcast_activity_seconds", Help: "Duration of activity attempts.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"activity", "queue", "outcome"})
	registry.MustRegister(seconds)
	return func(a worker.Activity) {
		outcome := a.Error
		if outcome == "" {
			outcome = "ok"
		}
		seconds.WithLabelValues(a.Name, a.Queue, outcome).Observe(a.Took.Seconds())
	}
}

// modelMetrics registers the counter of model failures and returns the function that increments it. Every model's series
// exists from the start: an alert on an increase would miss the failure that creates a series.
func modelMetrics(registry prometheus.Registerer, models []activities.Model) func(model string) {
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "etfcast_model_failures_total", Help: "Activity attempts in which a model failed to forecast an ETF.",
	}, []string{"model"})
	registry.MustRegister(failures)
	for _, m := range models {
		failures.WithLabelValues(m.Name())
	}
	return func(model string) { failures.WithLabelValues(model).Inc() }
}

// storeMetrics queries the database at each scrape for what alerts need: the last completed session, and how many
// findings await a decision. While the database is unreachable both are absent and etfcast_database_up is 0.
type storeMetrics struct{ service *service.Service }

var (
	descUp        = prometheus.NewDesc("etfcast_database_up", "1 if the database can be reached.", nil, nil)
	descCompleted = prometheus.NewDesc("etfcast_last_completed_session_timestamp_seconds",
		"Midnight UTC of the last session whose run over the whole exchange completed.", []string{"exchange"}, nil)
	descUndecided = prometheus.NewDesc("etfcast_undecided_findings",
		"Findings that await a decision, at most 1000.", nil, nil)
	descOverdue = prometheus.NewDesc("etfcast_overdue_findings",
		"Findings that have awaited a decision for longer than its deadline of five days, at most 1000.", nil, nil)
	descCoverage = prometheus.NewDesc("etfcast_coverage",
		"Share of prices inside a model's interval, over the forecasts of record.", []string{"exchange", "model", "horizon", "nominal"}, nil)
	descCoverageAlarm = prometheus.NewDesc("etfcast_coverage_alarm",
		"1 if the coverage of a model's interval is refuted: the evidence against it has reached 20 at some session.", []string{"exchange", "model", "horizon", "nominal"}, nil)
	descServed = prometheus.NewDesc("etfcast_served",
		"1 for a model that is served instead of the benchmark.", []string{"exchange", "model", "horizon"}, nil)
	descBackfills = prometheus.NewDesc("etfcast_backfills",
		"Recorded backfills.", []string{"status"}, nil)
	descBacktests = prometheus.NewDesc("etfcast_backtests",
		"Recorded backtests of stored ETFs.", []string{"status"}, nil)
	descBreaker = prometheus.NewDesc("etfcast_source_breaker_state",
		"0 while a source is asked (closed), 1 while one request decides (half open), 2 while it is not asked (open).", []string{"source"}, nil)
	descQuotaUsed = prometheus.NewDesc("etfcast_source_quota_used",
		"Requests of a source's daily quota that are used.", []string{"source"}, nil)
	descQuotaLimit = prometheus.NewDesc("etfcast_source_quota_limit",
		"A source's daily quota of requests.", []string{"source"}, nil)
	descKeyExpires = prometheus.NewDesc("etfcast_source_key_expires_seconds",
		"Seconds until a source's key expires, by this process's environment; negative afterwards.", []string{"source"}, nil)
)

// Describe implements prometheus.Collector.
func (storeMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- descUp
	ch <- descCompleted
	ch <- descUndecided
	ch <- descOverdue
	ch <- descCoverage
	ch <- descCoverageAlarm
	ch <- descServed
	ch <- descBackfills
	ch <- descBacktests
	ch <- descBreaker
	ch <- descQuotaUsed
	ch <- descQuotaLimit
	ch <- descKeyExpires
}

// Collect implements prometheus.Collector.
func (m storeMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	up := 0.0
	if waiting, _, err := m.service.Findings(ctx, service.FindingQuery{Undecided: true, Limit: service.MaxPage}); err == nil {
		up = 1
		ch <- prometheus.MustNewConstMetric(descUndecided, prometheus.GaugeValue, float64(len(waiting)))
		overdue := 0
		for _, f := range waiting {
			if m.service.Overdue(f) {
				overdue++
			}
		}
		ch <- prometheus.MustNewConstMetric(descOverdue, prometheus.GaugeValue, float64(overdue))
		for _, x := range etf.Exchanges() {
			if s, err := m.service.LastCompleted(ctx, x); err == nil && !s.IsZero() {
				ch <- prometheus.MustNewConstMetric(descCompleted, prometheus.GaugeValue, float64(s.Time().Unix()), string(x))
			}
		}
		m.record(ctx, ch)
		if counts, err := m.service.CountBackfills(ctx); err == nil {
			for _, status := range []etf.RunStatus{etf.RunRunning, etf.RunCompleted, etf.RunFailed, etf.RunCancelled} {
				ch <- prometheus.MustNewConstMetric(descBackfills, prometheus.GaugeValue, float64(counts[status]), string(status))
			}
		}
		if counts, err := m.service.CountBacktests(ctx); err == nil {
			for _, status := range []etf.BacktestStatus{etf.RunRunning, etf.RunCompleted, etf.RunFailed, etf.RunCancelled} {
				ch <- prometheus.MustNewConstMetric(descBacktests, prometheus.GaugeValue, float64(counts[status]), string(status))
			}
		}
	}
	m.sources(ctx, ch)
	ch <- prometheus.MustNewConstMetric(descUp, prometheus.GaugeValue, up)
}

// sources sends how the sources stand.
func (m storeMetrics) sources(ctx context.Context, ch chan<- prometheus.Metric) {
	list, err := m.service.SourceStates(ctx)
	if err != nil {
		return
	}
	states := map[etf.BreakerState]float64{etf.BreakerHalfOpen: 1, etf.BreakerOpen: 2}
	for _, s := range list {
		send := func(desc *prometheus.Desc, value float64) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.Name)
		}
		send(descBreaker, states[s.Breaker.State])
		if s.Use != nil {
			send(descQuotaUsed, float64(s.Use.Used))
			send(descQuotaLimit, float64(s.Use.Limit))
		}
		if expires := s.KeyIs.Expiry(); !expires.IsZero() {
			send(descKeyExpires, expires.Sub(m.service.Now()).Seconds())
		}
	}
}

// record sends what the newest assessments say; nothing before there is one.
func (m storeMetrics) record(ctx context.Context, ch chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	_ = m.service.Coverages(ctx, func(exchange etf.Exchange, model string, horizon int, c etf.CoverageMeasure) {
		labels := []string{string(exchange), model, strconv.Itoa(horizon), strconv.FormatFloat(c.Nominal, 'g', -1, 64)}
		if c.N > 0 {
			send(descCoverage, c.Measured, labels...)
		}
		alarm := 0.0
		if c.Alarm {
			alarm = 1
		}
		send(descCoverageAlarm, alarm, labels...)
	})
	served, _ := m.service.ServedModels(ctx)
	for _, v := range served {
		send(descServed, 1, string(v.Exchange), v.Model, strconv.Itoa(v.Horizon))
	}
}
