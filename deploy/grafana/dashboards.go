package grafana

import (
	"strings"

	"github.com/etfcast/etfcast/quality"
)

// The unique names of the dashboards: their addresses, /d/<uid>, never change.
const (
	pipelineUID  = "etfcast-pipeline"
	dataUID      = "etfcast-data"
	forecastsUID = "etfcast-forecasts"
)

var titles = map[string]string{pipelineUID: "etfcast: pipeline", dataUID: "etfcast: data", forecastsUID: "etfcast: forecasts"}

// Dashboards lists all dashboards.
func Dashboards() []Dashboard { return []Dashboard{pipeline(), data(), forecasts()} }

const (
	// Units, by Grafana's names.
	count    = "short"
	ratio    = "percentunit"
	seconds  = "s"
	second   = "reqps"
	plain    = "none"
	instants = "dateTimeAsIso"
	price    = "sishort"
)

var exchanges = Variable{
	Name: "exchange", Label: "Exchange", Description: "Exchanges by ISO 10383 code.", Multi: true,
	SQL: "SELECT DISTINCT exchange FROM etfs ORDER BY exchange",
}

func number(v float64) *float64 { return &v }

// alarm colours from the value on.
func alarm(from float64) []Threshold { return []Threshold{{from, "red"}} }

func pipeline() Dashboard {
	return Dashboard{
		UID: pipelineUID, Title: titles[pipelineUID], From: "now-7d", To: "now",
		Description: "Is the pipeline running: runs and their outcomes, task queues, workers, servers.",
		Variables:   []Variable{exchanges},
		Panels: []Panel{
			{
				Title: "Database", Description: "Whether every process reaches the database. If not: etfcast doctor.",
				Kind: Stat, Width: 4, Height: 4, Unit: plain, Texts: map[string]string{"0": "down", "1": "up"},
				Queries: []Query{{PromQL: `min(etfcast_database_up)`}},
			}, {
				Title: "Temporal", Description: "Whether every process reaches Temporal and its namespace. If not: etfcast doctor.",
				Kind: Stat, Width: 4, Height: 4, Unit: plain, Texts: map[string]string{"0": "down", "1": "up"},
				Queries: []Query{{PromQL: `min(etfcast_temporal_up)`}},
			}, {
				Title: "Queues without a worker", Description: "Task queues that no worker has polled in the last 90 seconds: what is put there waits. Start a worker.",
				Kind: Stat, Width: 4, Height: 4, Unit: count, Thresholds: alarm(1),
				Queries: []Query{{PromQL: `count(max by (queue, kind) (etfcast_task_queue_pollers) == 0) or vector(0)`}},
			}, {
				Title: "Oldest waiting task", Description: "How long the task that has waited longest in any queue has waited. Minutes are usual while a run is going on.",
				Kind: Stat, Width: 4, Height: 4, Unit: seconds, Thresholds: alarm(900),
				Queries: []Query{{PromQL: `max(etfcast_task_queue_backlog_age_seconds)`}},
			}, {
				Title: "Findings to decide", Description: "Findings that await a person's decision, at most 1,000: etfcast finding next.",
				Kind: Stat, Width: 4, Height: 4, Unit: count, Thresholds: []Threshold{{1, "orange"}},
				Queries: []Query{{PromQL: `max(etfcast_undecided_findings)`}},
			}, {
				Title: "Event streams", Description: "Open streams of events: pages and programs that follow along.",
				Kind: Stat, Width: 4, Height: 4, Unit: count,
				Queries: []Query{{PromQL: `sum(etfcast_event_streams)`}},
			}, {
				Title: "Runs", Description: "The newest 100 runs that began in the time range: ETFs by outcome, forecasts issued, and how long each took. A run with failed ETFs is completed.",
				Kind: Table, Width: 24, Height: 10, Unit: plain, Units: map[string]string{"started": instants, "took": seconds},
				Queries: []Query{{SQL: `
SELECT r.id AS run, r.exchange, DATE_FORMAT(r.session, '%Y-%m-%d') AS session, r.status, r.started_at AS started,
    TIMESTAMPDIFF(SECOND, r.started_at, r.finished_at) AS took, r.due, r.updated, r.unchanged, r.quarantined, r.failed, r.elsewhere,
    r.cancelled, r.forecasts
FROM runs r
WHERE $__timeFilter(r.started_at) AND r.exchange IN (${exchange:sqlstring})
ORDER BY r.started_at DESC, r.id DESC LIMIT 100`}},
			}, {
				Title: "ETFs by outcome", Description: "Updates of ETFs by outcome, by the day on which their run began (UTC).",
				Kind: Bars, Width: 12, Height: 9, Unit: count, Stacked: true,
				Queries: []Query{{SQL: `
SELECT $__timeGroup(r.started_at,'1d') AS time, SUM(r.updated) AS updated, SUM(r.unchanged) AS unchanged, SUM(r.quarantined) AS quarantined,
    SUM(r.failed) AS failed, SUM(r.elsewhere) AS elsewhere, SUM(r.cancelled) AS cancelled
FROM runs r
WHERE $__timeFilter(r.started_at) AND r.exchange IN (${exchange:sqlstring})
GROUP BY 1 ORDER BY 1`}},
			}, {
				Title: "Outcomes by type", Description: "Updates of ETFs by outcome, the step they reached, and the type of error, failures first. docs/operations.md has the remedy for each type; etfcast run show RUN has the messages.",
				Kind: Table, Width: 12, Height: 9, Unit: plain,
				Queries: []Query{{SQL: `
SELECT u.outcome, u.stage, u.error_type AS error, COUNT(*) AS updates, COUNT(DISTINCT u.symbol) AS etfs, SUM(u.attempts) AS attempts,
    DATE_FORMAT(MAX(u.session), '%Y-%m-%d') AS newest
FROM runs r JOIN run_etfs u ON u.run_id = r.id
WHERE $__timeFilter(r.started_at) AND r.exchange IN (${exchange:sqlstring})
GROUP BY u.outcome, u.stage, u.error_type
ORDER BY CASE u.outcome WHEN 'failed' THEN 0 WHEN 'quarantined' THEN 1 ELSE 2 END, COUNT(*) DESC LIMIT 100`}},
			}, {
				Title: "Task queue backlog", Description: "Tasks that wait in each task queue, as Temporal estimates it. Tasks that a worker takes at once never count.",
				Kind: TimeSeries, Width: 12, Height: 8, Unit: count,
				Queries: []Query{{PromQL: `max by (queue, kind) (etfcast_task_queue_backlog)`, Legend: "{{queue}} {{kind}}"}},
			}, {
				Title: "Schedule-to-start latency", Description: "How long tasks waited for a worker, 95th percentile. Rising: too few workers, or too few slots in them (--store-activities, --fit-cores). Fetches also wait for --source-rate. Activities that Temporal hands out together with a workflow task wait for nothing and are not counted.",
				Kind: TimeSeries, Width: 12, Height: 8, Unit: seconds,
				Queries: []Query{
					{PromQL: `histogram_quantile(0.95, sum by (le, task_queue) (rate(temporal_activity_schedule_to_start_latency_seconds_bucket[$__rate_interval])))`, Legend: "{{task_queue}} activities"},
					{PromQL: `histogram_quantile(0.95, sum by (le, task_queue) (rate(temporal_workflow_task_schedule_to_start_latency_seconds_bucket[$__rate_interval])))`, Legend: "{{task_queue}} workflow tasks"},
				},
			}, {
				Title: "Activity attempts", Description: "Finished attempts of activities by result: ok, or the type of the error.",
				Kind: TimeSeries, Width: 12, Height: 8, Unit: second, Stacked: true,
				Queries: []Query{{PromQL: `sum by (outcome) (rate(etfcast_activity_seconds_count[$__rate_interval]))`, Legend: "{{outcome}}"}},
			}, {
				Title: "Failed attempts", Description: "Attempts of activities that ended with an error, by activity and type of error. Most are retried: an ETF fails only when all attempts have.",
				Kind: Bars, Width: 12, Height: 8, Unit: count, Stacked: true,
				Queries: []Query{{PromQL: `sum by (activity, outcome) (increase(etfcast_activity_seconds_count{outcome!="ok"}[$__rate_interval]))`, Legend: "{{activity}} {{outcome}}"}},
			}, {
				Title: "Activity duration", Description: "How long attempts of each activity take, 95th percentile.",
				Kind: TimeSeries, Width: 12, Height: 8, Unit: seconds,
				Queries: []Query{{PromQL: `histogram_quantile(0.95, sum by (le, activity) (rate(etfcast_activity_seconds_bucket[$__rate_interval])))`, Legend: "{{activity}}"}},
			}, {
				Title: "Slots in use", Description: "Tasks that the workers are working on, by task queue. A queue at its limit for long delays what waits in it.",
				Kind: TimeSeries, Width: 12, Height: 8, Unit: count,
				Queries: []Query{{PromQL: `sum by (task_queue, worker_type) (temporal_worker_task_slots_used{worker_type=~"ActivityWorker|WorkflowWorker"})`, Legend: "{{task_queue}} {{worker_type}}"}},
			}, {
				Title: "Workflow tasks that failed", Description: "Workflow tasks that ended with an error, by reason. NonDeterminismError: running histories do not fit the code; put the old binary back.",
				Kind: Bars, Width: 8, Height: 8, Unit: count, Stacked: true,
				Queries: []Query{{PromQL: `sum by (workflow_type, failure_reason) (increase(temporal_workflow_task_execution_failed_total[$__rate_interval]))`, Legend: "{{workflow_type}} {{failure_reason}}"}},
			}, {
				Title: "Model failures", Description: "Attempts in which a model failed to forecast an ETF, in the time range. Reasons: ModelFailed in etfcast run show RUN.",
				Kind: Stat, Width: 8, Height: 8, Unit: count, Thresholds: []Threshold{{1, "orange"}},
				Queries: []Query{{PromQL: `sum by (model) (increase(etfcast_model_failures_total[$__range]))`, Legend: "{{model}}"}},
			}, {
				Title: "HTTP requests", Description: "Requests to the API by status.",
				Kind: TimeSeries, Width: 8, Height: 8, Unit: second, Stacked: true,
				Queries: []Query{{PromQL: `sum by (status) (rate(etfcast_http_requests_total[$__rate_interval]))`, Legend: "{{status}}"}},
			},
		},
	}
}

func data() Dashboard {
	return Dashboard{
		UID: dataUID, Title: titles[dataUID], From: "now-30d", To: "now",
		Description: "Is the data in, and can it be believed: freshness, findings, revisions, sources.",
		Variables:   []Variable{exchanges},
		Panels: []Panel{
			{
				Title: "Stale ETFs", Description: "ETFs that lack prices (stored) or a forecast although the deadline of a session has passed. etfcast freshness lists them.",
				Kind: TimeSeries, Width: 8, Height: 8, Unit: count,
				Queries: []Query{{PromQL: `max by (exchange, deadline) (etfcast_stale_etfs{exchange=~"${exchange:regex}"})`, Legend: "{{exchange}} {{deadline}}"}},
			}, {
				Title: "Lateness", Description: "How long ago what has been missing for longest was due, by exchange; 0 while nothing is missing.",
				Kind: TimeSeries, Width: 8, Height: 8, Unit: seconds,
				Queries: []Query{{PromQL: `max by (exchange) (etfcast_freshness_lateness_seconds{exchange=~"${exchange:regex}"})`, Legend: "{{exchange}}"}},
			}, {
				Title: "Deadlines", Description: "Deadlines that were missed for sessions in the time range: those still open, and those met late. No run has to have started for one to be missed.",
				Kind: Table, Width: 8, Height: 8, Unit: plain, Units: map[string]string{"latest": instants},
				Queries: []Query{{SQL: `
SELECT x.exchange, k.kind AS deadline, COUNT(m.due_at) AS missed, COALESCE(SUM(m.met_at >= '9999-01-01'), 0) AS open,
    DATE_FORMAT(MIN(CASE WHEN m.met_at >= '9999-01-01' THEN m.session END), '%Y-%m-%d') AS oldest, MAX(m.due_at) AS latest
FROM (SELECT DISTINCT exchange FROM etfs WHERE exchange IN (${exchange:sqlstring})) x
    CROSS JOIN (SELECT 'stored' AS kind UNION ALL SELECT 'forecast') k
    LEFT JOIN (SELECT e.exchange, d.kind, d.session, d.due_at, d.met_at FROM missed_deadlines d JOIN etfs e ON e.id = d.etf_id
        WHERE $__timeFilter(d.due_at)) m ON m.exchange = x.exchange AND m.kind = k.kind
GROUP BY x.exchange, k.kind ORDER BY x.exchange, k.kind DESC`}},
			}, {
				Title: "ETFs", Description: "Every ETF, the one whose newest stored session is oldest first: what is stored, and the deadlines that it still misses. The symbol leads to its forecasts.",
				Kind: Table, Width: 24, Height: 10, Unit: plain, Units: map[string]string{"changed": instants},
				Links: map[string]string{"symbol": "/d/" + forecastsUID + "?var-symbol=${__value.raw}"},
				Queries: []Query{{SQL: `
SELECT e.symbol, e.exchange, DATE_FORMAT(e.last_session, '%Y-%m-%d') AS newest, DATE_FORMAT(e.first_session, '%Y-%m-%d') AS first,
    e.bars, e.quarantined, e.data_version AS version, e.known_from AS changed,
    (SELECT COUNT(*) FROM missed_deadlines m WHERE m.met_at >= '9999-01-01' AND m.etf_id = e.id) AS missed
FROM etfs e
WHERE e.exchange IN (${exchange:sqlstring})
ORDER BY e.last_session, e.symbol LIMIT 5000`}},
			}, {
				Title: "Rows by result", Description: "Rows that sources sent and runs stored, by what became of them and the day on which the run began (UTC). Revised: a source has changed what it said before.",
				Kind: Bars, Width: 12, Height: 8, Unit: count, Stacked: true,
				Queries: []Query{{SQL: `
SELECT $__timeGroup(r.started_at,'1d') AS time, SUM(u.rows_new) AS new, SUM(u.rows_revised) AS revised, SUM(u.rows_quarantined) AS quarantined
FROM runs r JOIN run_etfs u ON u.run_id = r.id
WHERE $__timeFilter(r.started_at) AND r.exchange IN (${exchange:sqlstring})
GROUP BY 1 ORDER BY 1`}},
			}, {
				Title: "Revisions", Description: "How many beliefs about prices were replaced by others in the time range, by ETF, most first. etfcast bars history shows each one.",
				Kind: Table, Width: 12, Height: 8, Unit: plain, Units: map[string]string{"latest": instants},
				Queries: []Query{{SQL: `
SELECT e.symbol, COUNT(v.session) AS revisions, COUNT(DISTINCT v.session) AS sessions, MAX(v.known_to) AS latest
FROM etfs e LEFT JOIN bar_revisions v ON v.etf_id = e.id AND $__timeFilter(v.known_to)
WHERE e.exchange IN (${exchange:sqlstring})
GROUP BY e.symbol ORDER BY 2 DESC, e.symbol LIMIT 100`}},
			}, {
				Title: "Findings by day", Description: "Findings reported, by severity and day (UTC).",
				Kind: Bars, Width: 12, Height: 8, Unit: count, Stacked: true,
				Queries: []Query{{Series: true, SQL: `
SELECT $__timeGroup(f.found_at,'1d') AS time, f.severity AS metric, COUNT(*) AS value
FROM findings f JOIN etfs e ON e.id = f.etf_id
WHERE $__timeFilter(f.found_at) AND e.exchange IN (${exchange:sqlstring})
GROUP BY 1, f.severity ORDER BY 1`}},
			}, {
				Title: "Findings by rule", Description: "Findings reported in the time range, by rule: how many, how many of them await a decision, and for how long the oldest has. etfcast finding next decides them.",
				Kind: Table, Width: 12, Height: 8, Unit: plain, Units: map[string]string{"oldest": instants},
				Queries: []Query{{SQL: `
SELECT f.rule, f.severity, COUNT(*) AS found, SUM(d.finding_id IS NOT NULL) AS decided, SUM(` + awaits + `) AS awaiting,
    MIN(CASE WHEN ` + awaits + ` THEN f.found_at END) AS oldest
FROM findings f JOIN etfs e ON e.id = f.etf_id LEFT JOIN decisions d ON d.finding_id = f.id AND d.in_force = 1
WHERE $__timeFilter(f.found_at) AND e.exchange IN (${exchange:sqlstring})
GROUP BY f.rule, f.severity ORDER BY 5 DESC, 3 DESC, f.rule`}},
			}, {
				Title: "Newest findings", Description: "The newest 200 findings in the time range, what speaks for them, and the decision in force.",
				Kind: Table, Width: 24, Height: 9, Unit: plain, Units: map[string]string{"found": instants},
				Queries: []Query{{SQL: `
SELECT f.found_at AS found, e.symbol, f.rule, f.severity, f.evidence, COALESCE(d.decision, CASE WHEN ` + awaits + ` THEN 'awaited' ELSE '' END) AS decision,
    COALESCE(d.decided_by, '') AS decided_by, f.id
FROM findings f JOIN etfs e ON e.id = f.etf_id LEFT JOIN decisions d ON d.finding_id = f.id AND d.in_force = 1
WHERE $__timeFilter(f.found_at) AND e.exchange IN (${exchange:sqlstring})
ORDER BY f.found_at DESC, f.id DESC LIMIT 200`}},
			}, {
				Title: "Sources", Description: "What runs got from each source in the time range: updates, the attempts they took, rows, findings, and updates that failed while fetching. An update names the source that it used in the end.",
				Kind: Table, Width: 12, Height: 8, Unit: plain,
				Queries: []Query{{SQL: `
SELECT CASE u.source WHEN '' THEN '(none)' ELSE u.source END AS source, COUNT(*) AS updates, SUM(u.attempts) AS attempts, SUM(u.rows_new) AS new,
    SUM(u.rows_unchanged) AS unchanged, SUM(u.rows_revised) AS revised, SUM(u.rows_quarantined) AS quarantined, SUM(u.findings) AS findings,
    SUM(u.outcome = 'failed' AND u.stage = 'fetch') AS failed
FROM runs r JOIN run_etfs u ON u.run_id = r.id
WHERE $__timeFilter(r.started_at) AND r.exchange IN (${exchange:sqlstring})
GROUP BY u.source ORDER BY 2 DESC, u.source`}},
			}, {
				Title: "Fetches", Description: "Attempts to fetch from each source by result: ok, or the type of the error.",
				Kind: TimeSeries, Width: 12, Height: 8, Unit: second,
				Queries: []Query{{PromQL: `sum by (queue, outcome) (rate(etfcast_activity_seconds_count{activity="Fetch"}[$__rate_interval]))`, Legend: "{{queue}} {{outcome}}"}},
			},
		},
	}
}

// awaits is whether a finding (f) without a decision in force (d) awaits one, as the service counts them.
var awaits = `(d.finding_id IS NULL AND (f.severity = 'error' OR f.severity = 'warning' AND f.rule IN ('` + strings.Join(quality.HoldingRules(), `','`) + `')))`

// chosen is the forecast that the variables choose: of the ETF, the model and the origin, the first one issued.
const chosen = `(SELECT f.id FROM forecasts f JOIN etfs e ON e.id = f.etf_id
    WHERE e.symbol = ${symbol:sqlstring} AND f.model = ${model:sqlstring} AND f.origin = ${origin:sqlstring} ORDER BY f.chain LIMIT 1)`

// quantiles are the columns of a point, lowest first.
const quantiles = `p.q05 AS "5 %", p.q10 AS "10 %", p.q25 AS "25 %", p.q50 AS "median", p.q75 AS "75 %", p.q90 AS "90 %", p.q95 AS "95 %"`

// scoredSums are the sums of scores that the variables choose.
const scoredSums = `FROM score_sums s
WHERE s.exchange IN (${exchange:sqlstring}) AND s.horizon IN (${horizon:csv}) AND s.standing = ${standing:sqlstring} AND s.n > 0`

func forecasts() Dashboard {
	bands := [][2]string{{"5 %", "95 %"}, {"10 %", "90 %"}, {"25 %", "75 %"}}
	return Dashboard{
		UID: forecastsUID, Title: titles[forecastsUID], From: "now-90d", To: "now+45d",
		Description: "What is forecast, and how forecasts have fared.",
		Variables: []Variable{
			exchanges,
			{
				Name: "symbol", Label: "ETF", Description: "The ETF whose forecasts are drawn.",
				SQL: "SELECT symbol FROM etfs WHERE exchange IN (${exchange:sqlstring}) ORDER BY symbol",
			}, {
				Name: "model", Label: "Model", Description: "The model whose forecasts are drawn; the tables of scores have all models.",
				SQL: "SELECT DISTINCT f.model FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE e.symbol = ${symbol:sqlstring} ORDER BY f.model",
			}, {
				Name: "origin", Label: "Origin", Description: "The newest session that the drawn forecast knows; the newest one at first.",
				SQL: "SELECT DISTINCT DATE_FORMAT(f.origin, '%Y-%m-%d') AS origin FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE e.symbol = ${symbol:sqlstring} AND f.model = ${model:sqlstring} ORDER BY origin DESC LIMIT 120",
			}, {
				Name: "horizon", Label: "Horizon", Description: "Sessions ahead.", Multi: true,
				SQL: "SELECT DISTINCT horizon FROM score_sums ORDER BY horizon",
			}, {
				Name: "standing", Label: "Standing", Description: "record: issued before the target's session began. late: issued afterwards, which proves nothing. The record comes first once there is one.",
				SQL: "SELECT DISTINCT standing FROM score_sums ORDER BY standing DESC",
			},
		},
		Panels: []Panel{
			{
				Title: "Forecast of ${symbol}", Description: "Closes as they are believed now, and the chosen forecast on its target sessions: median, and the intervals that it puts 50, 80 and 90 % on. Prices are on the basis on which they are stored: after a split, closes on both sides are on different levels.",
				Kind: TimeSeries, Width: 16, Height: 12, Unit: price, Bands: bands,
				Queries: []Query{{SQL: `
SELECT UNIX_TIMESTAMP(b.session) AS time, b.close AS "close"
FROM bars b JOIN etfs e ON e.id = b.etf_id
WHERE e.symbol = ${symbol:sqlstring} AND b.quarantined = 0 AND $__timeFilter(b.session)
ORDER BY b.session`}, {SQL: `
SELECT UNIX_TIMESTAMP(p.target) AS time, ` + quantiles + `
FROM forecast_points p
WHERE p.forecast_id = ` + chosen + `
ORDER BY p.target`}},
			}, {
				Title: "Points", Description: "The numbers of the chosen forecast: for each session ahead its mean and quantiles.",
				Kind: Table, Width: 8, Height: 12, Unit: price, Units: map[string]string{"horizon": plain, "target": plain},
				Queries: []Query{{SQL: `
SELECT p.horizon, DATE_FORMAT(p.target, '%Y-%m-%d') AS target, p.mean, ` + quantiles + `
FROM forecast_points p
WHERE p.forecast_id = ` + chosen + `
ORDER BY p.horizon`}},
			}, {
				Title: "What was forecast for each session, and what came", Description: "The scored forecasts of the chosen ETF and model at the shortest chosen horizon: their median and 90 % interval at the target session, and the close that came.",
				Kind: TimeSeries, Width: 16, Height: 10, Unit: price, Bands: [][2]string{{"5 %", "95 %"}},
				Queries: []Query{{SQL: `
SELECT UNIX_TIMESTAMP(s.target) AS time, MAX(s.actual) AS "actual", MAX(p.q50) AS "median", MIN(p.q05) AS "5 %", MAX(p.q95) AS "95 %"
FROM scores s JOIN etfs e ON e.id = s.etf_id JOIN forecast_points p ON p.forecast_id = s.forecast_id AND p.horizon = s.horizon
WHERE e.symbol = ${symbol:sqlstring} AND s.model = ${model:sqlstring} AND s.standing = ${standing:sqlstring} AND s.withdrawn = 0
    AND s.horizon = LEAST(${horizon:csv}, 9999) AND $__timeFilter(s.target)
    AND NOT EXISTS (SELECT 1 FROM scores n WHERE n.etf_id = s.etf_id AND n.model = s.model AND n.horizon = s.horizon AND n.origin = s.origin
        AND n.forecast_id = s.forecast_id AND n.version > s.version)
GROUP BY s.target ORDER BY s.target`}},
			}, {
				Title: "Newest forecasts", Description: "The forecasts of the chosen ETF by every model, newest origin first. etfcast provenance ID says what one was made from.",
				Kind: Table, Width: 8, Height: 10, Unit: plain, Units: map[string]string{"issued": instants},
				Queries: []Query{{SQL: `
SELECT DATE_FORMAT(f.origin, '%Y-%m-%d') AS origin, f.model, f.issued_at AS issued, f.data_version AS version, f.id
FROM forecasts f JOIN etfs e ON e.id = f.etf_id
WHERE e.symbol = ${symbol:sqlstring}
ORDER BY f.origin DESC, f.model, f.chain DESC LIMIT 100`}},
			}, {
				Title: "Scoreboard", Description: "Every model by exchange and horizon, over all origins. MASE, CRPS: losses in units of one session's mean absolute change, smaller is better. CRPS against the benchmark: below 1 is better than the benchmark on the same forecasts. 50, 80, 90, 95 %: how often the actual price was inside the interval. docs/scores.md says how many forecasts it takes to tell a difference from chance; etfcast scoreboard says it in words.",
				Kind: Table, Width: 24, Height: 9, Unit: plain, Units: map[string]string{"50 %": ratio, "80 %": ratio, "90 %": ratio, "95 %": ratio},
				Queries: []Query{{SQL: `
SELECT s.exchange, s.model, s.horizon, COUNT(DISTINCT s.origin) AS origins, SUM(s.n) AS forecasts,
    SUM(s.absolute) / SUM(s.n) / 1e9 AS "MASE", SUM(s.crps) / SUM(s.n) / 1e9 AS "CRPS",
    SUM(s.paired_crps) / NULLIF(SUM(s.against_crps), 0) AS "CRPS against the benchmark",
    SUM(s.inside50) / SUM(s.n) AS "50 %", SUM(s.inside80) / SUM(s.n) AS "80 %", SUM(s.inside90) / SUM(s.n) AS "90 %",
    SUM(s.inside95) / NULLIF(SUM(s.tailed), 0) AS "95 %"
` + scoredSums + `
GROUP BY s.exchange, s.model, s.horizon ORDER BY s.exchange, s.horizon, s.model`}},
			}, {
				Title: "Coverage of the 90 % interval", Description: "How often the actual price was inside the interval that the forecast put 90 % on, by model and the week of the origin, over the chosen exchanges and horizons. Far from the line for long: the model's intervals are too narrow or too wide.",
				Kind: TimeSeries, Width: 12, Height: 9, Unit: ratio, Max: number(1), Reference: number(.9),
				Queries: []Query{{Series: true, SQL: `
SELECT $__timeGroup(s.origin,'7d') AS time, s.model AS metric, SUM(s.inside90) / SUM(s.n) AS value
` + scoredSums + ` AND $__timeFilter(s.origin)
GROUP BY 1, s.model ORDER BY 1`}},
			}, {
				Title: "CRPS against the benchmark", Description: "The model's CRPS divided by the benchmark's on the same forecasts, by the week of the origin, over the chosen exchanges and horizons. Below the line: better than the benchmark. A few weeks are chance.",
				Kind: TimeSeries, Width: 12, Height: 9, Unit: plain, Reference: number(1),
				Queries: []Query{{Series: true, SQL: `
SELECT $__timeGroup(s.origin,'7d') AS time, s.model AS metric, SUM(s.paired_crps) / NULLIF(SUM(s.against_crps), 0) AS value
` + scoredSums + ` AND $__timeFilter(s.origin)
GROUP BY 1, s.model ORDER BY 1`}},
			},
		},
	}
}
