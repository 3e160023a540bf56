package grafana

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write the files in dashboards")

// encoded is the dashboard's file.
func encoded(t *testing.T, d Dashboard) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d.JSON()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The files are those of the definitions, and there are no others.
func TestFiles(t *testing.T) {
	var want []string
	for _, d := range Dashboards() {
		path := filepath.Join("dashboards", d.UID+".json")
		want = append(want, path)
		text := encoded(t, d)
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s is not what the definition gives (%v); run `go test ./deploy/grafana -update`", path, err)
		}
	}
	slices.Sort(want)
	if got, err := filepath.Glob("dashboards/*"); err != nil || !slices.Equal(got, want) {
		t.Errorf("the files are %q (%v), want %q", got, err, want)
	}
}

// Grafana's own schema, as its Go library has it, knows every field of the files, and finds nothing wrong with their values.
func TestFilesFitGrafanasSchema(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	// problems returns what is wrong with a file. The library's errors are not nil when there are none.
	problems := func(text []byte) (string, int) {
		var read dashboard.Dashboard //nolint:staticcheck // deprecated for new dashboards; the files are of this format, which the schema of Grafana 13 still has
		var all string
		if err := read.UnmarshalJSONStrict(text); err != nil {
			all = err.Error()
		}
		if err := read.Validate(); err != nil {
			all += err.Error()
		}
		return all, len(read.Panels)
	}
	for _, d := range Dashboards() {
		if found, n := problems(encoded(t, d)); found != "" || n != len(d.Panels) {
			t.Errorf("%s: %d panels were read, want %d: %s", d.UID, n, len(d.Panels), found)
		}
	}
	// The check would notice.
	for old, replacement := range map[string]string{
		`"showLegend": true`: `"showLegends": true`, `"fillOpacity": 0`: `"fillOpacities": 0`, `"timezone": "utc"`: `"timezones": "utc"`,
		`"displayMode": "list"`: `"displayMode": 7`, `"instant": true`: `"instantly": true`,
	} {
		text := encoded(t, pipeline())
		changed := bytes.Replace(text, []byte(old), []byte(replacement), 1)
		if found, _ := problems(changed); found == "" || bytes.Equal(text, changed) {
			t.Errorf("%s is not noticed", replacement)
		}
	}
}

// Addresses, time zone, descriptions, layout and variables.
func TestDashboards(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range Dashboards() {
		if err := d.Check(); err != nil {
			t.Error(err)
		}
		if d.Description == "" || d.Title == "" || uids[d.UID] {
			t.Errorf("%q: no description, no title, or a uid that another one has", d.UID)
		}
		uids[d.UID] = true
		known := []string{"mysql", "prometheus"}
		for _, v := range d.Variables {
			uses(t, d.UID+", variable "+v.Name, v.SQL, known) // those before it
			known = append(known, v.Name)
			if v.Description == "" || v.Label == "" {
				t.Errorf("%s: variable %s has no label or no description", d.UID, v.Name)
			}
		}
		names := map[string]bool{}
		for _, p := range d.Panels {
			if names[p.Title] {
				t.Errorf("%s: two panels are called %s", d.UID, p.Title)
			}
			names[p.Title] = true
			uses(t, d.UID+", "+p.Title, p.Title, known)
			for _, q := range p.Queries {
				uses(t, d.UID+", "+p.Title, q.SQL+q.PromQL, known)
			}
		}
		var file struct {
			UID, Timezone string
			Panels        []struct {
				ID      int
				GridPos struct{ X, Y, W, H int }
			}
		}
		if err := json.Unmarshal(encoded(t, d), &file); err != nil || file.UID != d.UID || file.Timezone != "utc" {
			t.Errorf("%s: %+v, %v", d.UID, file, err)
		}
		taken := map[[2]int]int{} // cell to panel
		for _, p := range file.Panels {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok || x > 23 {
						t.Fatalf("%s: panel %d is outside, or covers panel %d at %d, %d", d.UID, p.ID, other, x, y)
					}
					taken[[2]int{x, y}] = p.ID
				}
			}
		}
	}
	for _, uid := range []string{"etfcast-pipeline", "etfcast-data", "etfcast-forecasts"} {
		if !uids[uid] {
			t.Errorf("the dashboard %s, whose address people have kept, is gone", uid)
		}
	}
}

// uses checks that the text names known variables only.
func uses(t *testing.T, where, text string, known []string) {
	t.Helper()
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("%s: ${%s} is not a variable of the dashboard, or one that comes later", where, m[1])
		}
	}
}

// The macros are expanded as Grafana's sources do it (grafana/grafana: pkg/tsdb/mysql/macros.go, and the format options of variables).
func TestExpand(t *testing.T) {
	r := Range{
		From: time.Unix(1700000000, 0), To: time.Unix(1700086400, 0), Interval: time.Minute,
		Variables: map[string][]string{"exchange": {"XNYS", "XKRX"}, "symbol": {"O'X"}, "horizon": {"1", "21"}},
	}
	for query, want := range map[string]string{
		"SELECT $__timeGroup(r.started_at,'1d') AS time WHERE $__timeFilter(r.started_at)": "SELECT UNIX_TIMESTAMP(r.started_at) DIV 86400 * 86400 AS time WHERE r.started_at BETWEEN FROM_UNIXTIME(1700000000) AND FROM_UNIXTIME(1700086400)",
		"$__timeGroup(d,'7d')":                  "UNIX_TIMESTAMP(d) DIV 604800 * 604800",
		"x IN (${exchange:sqlstring})":          "x IN ('XNYS','XKRX')",
		"s = ${symbol:sqlstring}":               "s = 'O''X'",
		"h IN (${horizon:csv})":                 "h IN (1,21)",
		"$__timeFilter(a) AND $__timeFilter(b)": "a BETWEEN FROM_UNIXTIME(1700000000) AND FROM_UNIXTIME(1700086400) AND b BETWEEN FROM_UNIXTIME(1700000000) AND FROM_UNIXTIME(1700086400)",
	} {
		if got, err := r.SQL(query); err != nil || got != want {
			t.Errorf("%s: %q (%v), want %q", query, got, err, want)
		}
	}
	for _, query := range []string{"$symbol", "${symbol}", "${model:sqlstring}", "$__timeGroup(a,'1h')", "$__timeFrom()", "${symbol:raw}", "$__timeFilter(a,'1d')"} {
		if got, err := r.SQL(query); err == nil {
			t.Errorf("%s is accepted: %s", query, got)
		}
	}
	if got, err := r.PromQL(`rate(m{x=~"${exchange:regex}"}[$__rate_interval]) + increase(m[$__range])`); err != nil || got != `rate(m{x=~"(XNYS|XKRX)"}[60s]) + increase(m[86400s])` {
		t.Errorf("%q, %v", got, err)
	}
	for _, query := range []string{"m{x=~\"$exchange\"}", "m{x=~\"${exchange}\"}", "rate(m[$__interval])"} {
		if got, err := r.PromQL(query); err == nil {
			t.Errorf("%s is accepted: %s", query, got)
		}
	}
}

// The provisioning files make the sources that the dashboards choose at first, keep no password, and lead to the dashboards.
func TestProvisioning(t *testing.T) {
	var sources struct {
		Datasources []struct {
			UID, Type, URL string
			JSONData       map[string]any    `yaml:"jsonData"`
			Secure         map[string]string `yaml:"secureJsonData"`
		}
	}
	read(t, "provisioning/datasources/etfcast.yaml", &sources)
	found := map[string]string{}
	for _, s := range sources.Datasources {
		found[s.Type] = s.UID
		for name, secret := range s.Secure {
			if !regexp.MustCompile(`^\$\{[A-Z_]+\}$`).MatchString(secret) {
				t.Errorf("%s: the %s is written in the file", s.UID, name)
			}
		}
		if s.Type == "mysql" && s.JSONData["timezone"] != "+00:00" { // else FROM_UNIXTIME is in the server's time zone
			t.Errorf("the session's time zone is %v", s.JSONData["timezone"])
		}
	}
	if fmt.Sprint(found) != fmt.Sprint(map[string]string{"mysql": MySQL, "prometheus": Prometheus}) {
		t.Errorf("the sources are %v", found)
	}
	var providers struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	read(t, "provisioning/dashboards/etfcast.yaml", &providers)
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	if len(providers.Providers) != 1 || !strings.Contains(string(compose), "./deploy/grafana/dashboards:"+providers.Providers[0].Options.Path+":ro") {
		t.Errorf("docker-compose.yml does not mount the dashboards where the provider looks: %+v", providers)
	}
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
