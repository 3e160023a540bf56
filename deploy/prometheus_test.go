package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/etfcast/etfcast/deploy/grafana"
	"github.com/etfcast/etfcast/internal/testenv"
)

// promtool runs Prometheus' own checker in the folder of its files.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		testenv.Prometheus.Missing(t)
	}
	c := exec.CommandContext(t.Context(), "promtool", args...)
	c.Dir = "prometheus"
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusFiles(t *testing.T) {
	promtool(t, "check", "config", "prometheus.yml")
	promtool(t, "check", "rules", "rules.yml")
	promtool(t, "test", "rules", "rules_test.yml")
}

// Every expression of the dashboards is one, as promtool reads rules.
func TestPanelsPromQL(t *testing.T) {
	r := grafana.Range{From: time.Unix(0, 0), To: time.Unix(3600, 0), Interval: time.Minute, Variables: map[string][]string{"exchange": {"XNYS", "XKRX"}}}
	type rule struct{ Record, Expr string }
	var rules []rule
	for _, d := range grafana.Dashboards() {
		for _, p := range d.Panels {
			for _, q := range p.Queries {
				if q.PromQL == "" {
					continue
				}
				text, err := r.PromQL(q.PromQL)
				if err != nil {
					t.Errorf("%s, %s: %v", d.Title, p.Title, err)
				}
				rules = append(rules, rule{fmt.Sprintf("panel:%d", len(rules)), text})
			}
		}
	}
	raw, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "panels.yml")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", path)
	if len(rules) < 15 {
		t.Errorf("only %d expressions", len(rules))
	}
}

type alert struct {
	Alert       string
	Labels      map[string]string
	Annotations map[string]string
}

// Each alert says what is the matter, how urgent it is and what to do, is tested, and is in the table of docs/operations.md.
// That the commands exist is checked in cmd/etfcast.
func TestAlerts(t *testing.T) {
	var file struct{ Groups []struct{ Rules []alert } }
	raw, err := os.ReadFile("prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("prometheus/rules_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range file.Groups {
		for _, a := range g.Rules {
			n++
			if a.Annotations["summary"] == "" || a.Annotations["remedy"] == "" || !strings.HasPrefix(a.Annotations["command"], "etfcast ") {
				t.Errorf("%s lacks a summary, a remedy or a command: %v", a.Alert, a.Annotations)
			}
			switch a.Labels["severity"] {
			case "page", "ticket", "info":
			default:
				t.Errorf("%s: severity %q", a.Alert, a.Labels["severity"])
			}
			if fires := fmt.Sprintf(`ALERTS{alertname="%s", alertstate="firing", `, a.Alert); !strings.Contains(string(tests), fires) {
				t.Errorf("no test in rules_test.yml has %s fire with its labels", a.Alert)
			}
			if row := "| `" + a.Alert + "` | " + a.Labels["severity"] + " |"; !strings.Contains(string(page), row) {
				t.Errorf("docs/operations.md has no row %s", row)
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d alerts were read", n)
	}
}
