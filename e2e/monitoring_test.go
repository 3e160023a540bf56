package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"gopkg.in/yaml.v3"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/deploy/grafana"
	"github.com/etfcast/etfcast/internal/testenv"
)

// Every query of the dashboards runs as the reader, on each kind of server, and finds rows in what the demo has stored.
func TestDashboardsOnTheDemo(t *testing.T) {
	t.Parallel()
	dbtest.Servers(t, func(t *testing.T, server string) {
		s := newStackOn(t, server, testenv.Temporal.Value(t))
		p := s.start(t, nil, "up", "--demo")
		p.prints("up to date after")
		eventually(t, "scores on both exchanges", func() error {
			if n := s.count(t, "SELECT COUNT(DISTINCT exchange) FROM score_sums WHERE n > 0"); n < 2 {
				return fmt.Errorf("there are some on %d", n)
			}
			return nil
		})
		readerDSN := s.newReader(t, server)
		doctor := s.start(t, []string{"ETFCAST_READER_DSN=" + readerDSN}, "doctor")
		doctor.wait()
		if out := doctor.out.String(); !strings.Contains(out, "can read what it is meant to, and nothing else") {
			t.Errorf("doctor: %s", out)
		}
		reader, err := sql.Open("mysql", readerDSN)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = reader.Close() })
		for _, d := range grafana.Dashboards() {
			choices := choose(t, reader, d)
			queryPanels(t, reader, d, choices)
			for _, exchange := range choices.Variables["exchange"] { // as if only one were chosen
				one := choices
				one.Variables = map[string][]string{"exchange": {exchange}}
				if len(d.Variables) == 1 {
					queryPanels(t, reader, d, one)
				}
			}
		}
	})
}

// newReader makes a user and lets it read, as docs/operations.md says, and returns its DSN with Grafana's settings of the session.
func (s *stack) newReader(t *testing.T, server string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(server)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DBName = ""
	root, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	name := s.user + "_g"
	account := "'" + name + "'@'%'"
	if _, err := root.ExecContext(t.Context(), "CREATE USER "+account+" IDENTIFIED BY 'reads'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := root.ExecContext(context.Background(), "DROP USER "+account); err != nil {
			t.Error(err)
		}
		_ = root.Close()
	})
	if code := s.start(t, nil, "migrate", "--grant-reader", name).wait(); code != 0 {
		t.Fatalf("migrate --grant-reader ended with %d", code)
	}
	own, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	own.User, own.Passwd, own.Params = name, "reads", map[string]string{"time_zone": "'+00:00'"}
	return own.FormatDSN()
}

// choose returns the dashboard's time range and what its variables are at first.
func choose(t *testing.T, reader *sql.DB, d grafana.Dashboard) grafana.Range {
	t.Helper()
	now := time.Now()
	r := grafana.Range{From: relative(t, d.From, now), To: relative(t, d.To, now), Variables: map[string][]string{}, Interval: time.Minute}
	for _, v := range d.Variables {
		rows := run(t, reader, r, d.Title+", variable "+v.Name, v.SQL)
		if len(rows.values) == 0 || len(rows.columns) != 1 {
			t.Fatalf("%s: variable %s has %d values in %q", d.Title, v.Name, len(rows.values), rows.columns)
		}
		for _, row := range rows.values {
			r.Variables[v.Name] = append(r.Variables[v.Name], row[0].String)
		}
		if !v.Multi {
			r.Variables[v.Name] = r.Variables[v.Name][:1]
		}
	}
	return r
}

// relative returns the time that Grafana writes as "now-90d".
func relative(t *testing.T, text string, now time.Time) time.Time {
	t.Helper()
	rest, ok := strings.CutPrefix(text, "now")
	if rest == "" && ok {
		return now
	}
	days, err := strconv.Atoi(strings.TrimSuffix(rest, "d"))
	if err != nil || !strings.HasSuffix(rest, "d") {
		t.Fatalf("%s is not now, or days before or after it", text)
	}
	return now.AddDate(0, 0, days)
}

type resultRows struct {
	columns []string
	values  [][]sql.NullString
}

// run runs a query with its macros and variables expanded.
func run(t *testing.T, reader *sql.DB, r grafana.Range, where, query string) resultRows {
	t.Helper()
	query, err := r.SQL(query)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	rows, err := reader.QueryContext(t.Context(), query)
	if err != nil {
		t.Errorf("%s: %v\n%s", where, err, query)
		return resultRows{}
	}
	defer rows.Close()
	var result resultRows
	if result.columns, err = rows.Columns(); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	for rows.Next() {
		row := make([]sql.NullString, len(result.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		result.values = append(result.values, row)
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%s: %v\n%s", where, err, query)
	}
	return result
}

// queryPanels runs the panels' SQL and checks that there are rows, of the shape that the panel draws.
func queryPanels(t *testing.T, reader *sql.DB, d grafana.Dashboard, r grafana.Range) {
	t.Helper()
	for _, p := range d.Panels {
		for _, q := range p.Queries {
			if q.SQL == "" {
				continue
			}
			where := d.Title + ", " + p.Title
			began := time.Now()
			rows := run(t, reader, r, where, q.SQL)
			t.Logf("%s: %d rows in %s", where, len(rows.values), time.Since(began).Round(time.Millisecond))
			if len(rows.values) == 0 {
				t.Errorf("%s has no rows with %v", where, r.Variables)
				continue
			}
			for name := range p.Units {
				if !slices.Contains(rows.columns, name) && !slices.ContainsFunc(p.Queries, func(o grafana.Query) bool { return strings.Contains(o.SQL, `"`+name+`"`) }) {
					t.Errorf("%s has a unit for %s; the columns are %q", where, name, rows.columns)
				}
			}
			if p.Kind == grafana.Table {
				continue
			}
			if rows.columns[0] != "time" || q.Series && strings.Join(rows.columns, " ") != "time metric value" {
				t.Errorf("%s: the columns are %q", where, rows.columns)
			}
			last := 0
			for _, row := range rows.values {
				at, err := strconv.Atoi(row[0].String)
				if err != nil || at < last || at < int(r.From.Unix())-8*86400 || at > int(r.To.Unix()) {
					t.Errorf("%s: time %q after %d (%v)", where, row[0].String, last, err)
				}
				last = at
				for i, cell := range row[1:] {
					if name := rows.columns[i+1]; name == "metric" {
						continue
					} else if _, err := strconv.ParseFloat(cell.String, 64); cell.Valid && err != nil {
						t.Errorf("%s: %s is %q", where, name, cell.String)
					}
				}
			}
		}
	}
}

// emptyWhenAllIsWell are the panels that only failures fill.
var emptyWhenAllIsWell = []string{"Failed attempts", "Workflow tasks that failed"}

// A Prometheus that scrapes the demo with the shipped rules: every expression of the dashboards gives something, every metric that
// they and the rules name exists, and no alert fires.
func TestPrometheusOnTheDemo(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	if _, err := exec.LookPath("prometheus"); err != nil {
		testenv.Prometheus.Missing(t)
	}
	p := s.start(t, nil, "up", "--demo")
	prometheus := startPrometheus(t, p.base)
	p.prints("up to date after")
	p.must(http.MethodGet, "/v1/etfs", nil, http.StatusOK) // a request, for the metrics of requests
	known := sdkMetricNames(t)
	names := func(where, expression string) {
		for _, name := range metricNames(expression) {
			if known[name] {
				continue
			}
			eventually(t, where+": a process to have the metric", func() error { // some appear with the first completed run, and are counted at most every few seconds
				if !prometheus.knows(t, name) {
					return errors.New("none has " + name)
				}
				return nil
			})
		}
	}
	r := grafana.Range{From: time.Now().Add(-time.Hour), To: time.Now(), Interval: time.Minute, Variables: map[string][]string{"exchange": {"XNYS", "XKRX"}}}
	checked := 0
	for _, d := range grafana.Dashboards() {
		for _, panel := range d.Panels {
			for _, q := range panel.Queries {
				if q.PromQL == "" {
					continue
				}
				checked++
				where := d.Title + ", " + panel.Title
				expression, err := r.PromQL(q.PromQL)
				if err != nil {
					t.Fatalf("%s: %v", where, err)
				}
				names(where, expression)
				if slices.Contains(emptyWhenAllIsWell, panel.Title) {
					prometheus.query(t, expression)
					continue
				}
				eventually(t, where+" to have a value", func() error {
					if n := prometheus.query(t, expression); n == 0 {
						return errors.New("it has none: " + expression)
					}
					return nil
				})
			}
		}
	}
	raw, err := os.ReadFile("../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(raw, &rules); err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, rule := range g.Rules {
			checked++
			names(rule.Alert, rule.Expr)
			eventually(t, rule.Alert+" not to be about to fire", func() error { // the demo's ETFs are stale until it has run
				if n := prometheus.query(t, rule.Expr); n != 0 {
					return fmt.Errorf("%d series", n)
				}
				return nil
			})
		}
	}
	if checked < 30 {
		t.Errorf("only %d expressions were checked", checked)
	}
	t.Logf("%d expressions; a scrape has %s", checked, prometheus.size(t))
}

// server is a running Prometheus.
type server struct{ base string }

func startPrometheus(t *testing.T, target string) server {
	t.Helper()
	rules, err := filepath.Abs("../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs: [{job_name: etfcast, static_configs: [{targets: [%q]}]}]
`, rules, strings.TrimPrefix(target, "http://"))
	path := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	var out syncBuffer
	c := exec.Command("prometheus", "--config.file="+path, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("--- output of prometheus\n%s", out.String())
		}
	})
	p := server{"http://" + address}
	eventually(t, "prometheus to be ready", func() error { return p.get(t.Context(), "/-/ready", nil) })
	return p
}

// get reads an answer of the HTTP API; into may be nil.
func (p server) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into == nil {
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// query returns how many series the expression has now that are numbers.
func (p server) query(t *testing.T, expression string) int {
	t.Helper()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := p.get(t.Context(), "/api/v1/query?query="+url.QueryEscape(expression), &answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %s %v", expression, answer.Error, err)
	}
	n := 0
	for _, series := range answer.Data.Result {
		if series.Value[1] != "NaN" {
			n++
		}
	}
	return n
}

// knows reports whether a scrape had a metric of this name.
func (p server) knows(t *testing.T, name string) bool {
	t.Helper()
	for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
		family, ok := strings.CutSuffix(name, suffix)
		var answer struct{ Data map[string]any }
		if !ok {
			continue
		}
		if err := p.get(t.Context(), "/api/v1/metadata?metric="+family, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Data) > 0 {
			return true
		}
	}
	return name == "up"
}

// size says how much a scrape is.
func (p server) size(t *testing.T) string {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := p.get(t.Context(), "/api/v1/query?query=scrape_samples_scraped", &answer); err != nil || len(answer.Data.Result) == 0 {
		t.Fatalf("%+v %v", answer, err)
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1], " series")
}

var (
	quotedText = regexp.MustCompile(`"[^"]*"`)
	metricName = regexp.MustCompile(`\b(?:etfcast_\w+|temporal_\w+|up)\b`)
)

// metricNames lists the metrics that an expression names.
func metricNames(expression string) []string {
	return metricName.FindAllString(quotedText.ReplaceAllString(expression, `""`), -1)
}

// sdkMetricNames are the names of the metrics of Temporal's SDK, from its source: some of them appear only with the first failure.
func sdkMetricNames(t *testing.T) map[string]bool {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "go.temporal.io/sdk").Output()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal", "common", "metrics", "constants.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`TemporalMetricsPrefix \+ "(\w+)"`).FindAllSubmatch(raw, -1) {
		name := "temporal_" + string(m[1])
		for _, suffix := range []string{"", "_total", "_seconds", "_seconds_bucket", "_seconds_count", "_seconds_sum"} {
			names[name+suffix] = true
		}
	}
	if len(names) < 100 {
		t.Fatalf("only %d names were found in the SDK's source", len(names))
	}
	return names
}
