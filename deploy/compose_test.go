package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"
)

var passwords = []string{"MYSQL_ROOT_PASSWORD", "ETFCAST_ADMIN_PASSWORD", "ETFCAST_PASSWORD", "TEMPORAL_DB_PASSWORD"}

// monitoringPasswords are those that only the profile `monitoring` needs.
var monitoringPasswords = []string{"ETFCAST_READER_PASSWORD", "GRAFANA_PASSWORD"}

// monitoring are the services of that profile.
var monitoring = []string{"reader-user", "reader-rights", "prometheus", "grafana"}

// load reads docker-compose.yml with Compose's own loader: schema, interpolation and anchors included, every profile switched on.
func load(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	return loadProfiles(t, []string{"*"}, env...)
}

func loadProfiles(t *testing.T, profiles []string, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithEnv(env), cli.WithWorkingDirectory(".."), cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

func withPasswords(t *testing.T) *types.Project {
	t.Helper()
	var env []string
	for _, name := range slices.Concat(passwords, monitoringPasswords) {
		env = append(env, name+"=secret-"+strings.ToLower(name))
	}
	p, err := load(t, env...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// oneShot services exit when they are done; every other service must have a health check.
var oneShot = map[string]bool{"temporal-schema": true, "temporal-namespace": true, "migrate": true, "reader-user": true, "reader-rights": true}

func TestEveryServiceIsHealthCheckedOrOneShot(t *testing.T) {
	p := withPasswords(t)
	for _, want := range append([]string{"mysql", "temporal-schema", "temporal", "temporal-namespace", "temporal-ui", "migrate", "worker", "api"}, monitoring...) {
		if _, ok := p.Services[want]; !ok {
			t.Errorf("service %s is missing", want)
		}
	}
	for name, s := range p.Services {
		checked := s.HealthCheck != nil && !s.HealthCheck.Disable && len(s.HealthCheck.Test) > 1
		if oneShot[name] == checked {
			t.Errorf("%s: one-shot is %v, has a health check is %v", name, oneShot[name], checked)
		}
		if oneShot[name] != strings.HasPrefix(s.Restart, "on-failure:") {
			t.Errorf("%s: restart is %q; a one-shot restarts on failure only, a service until it is stopped", name, s.Restart)
		}
	}
}

func TestStartOrderIsByCondition(t *testing.T) {
	p := withPasswords(t)
	for name, s := range p.Services {
		if name != "mysql" && len(s.DependsOn) == 0 {
			t.Errorf("%s has no depends_on", name)
		}
		for on, d := range s.DependsOn {
			want := types.ServiceConditionHealthy
			if oneShot[on] {
				want = types.ServiceConditionCompletedSuccessfully
			}
			if d.Condition != want {
				t.Errorf("%s waits for %s with condition %q, want %q", name, on, d.Condition, want)
			}
		}
	}
}

func TestImagesArePinnedAndPortsOnLoopback(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+$`)
	p := withPasswords(t)
	for name, s := range p.Services {
		if s.Build == nil && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q has no exact version", name, s.Image)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s listens on %q", name, port.Published, port.HostIP)
			}
		}
	}
}

func TestNoPasswordHasADefault(t *testing.T) {
	for _, missing := range passwords {
		var env []string
		for _, name := range passwords {
			if name != missing {
				env = append(env, name+"=x")
			}
		}
		if _, err := load(t, env...); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: error %v, want one that names it", missing, err)
		}
	}
	raw, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?i)password[^\n]*:-`).Find(raw); m != nil {
		t.Errorf("docker-compose.yml has a default password: %s", m)
	}
	example, err := os.ReadFile("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(passwords, monitoringPasswords) {
		if !regexp.MustCompile(`(?m)^` + name + `=$`).Match(example) {
			t.Errorf(".env.example: %s is missing or not empty", name)
		}
	}
}

func TestMountedFilesExist(t *testing.T) {
	p := withPasswords(t)
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind || filepath.Base(v.Source) == "prices" {
				continue
			}
			// A folder that is missing, Docker would make, empty.
			if info, err := os.Stat(v.Source); err != nil || info.IsDir() && name != "grafana" {
				t.Errorf("%s mounts %s: %v", name, v.Source, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s may write to %s", name, v.Source)
			}
		}
	}
}

// Without the profile nothing of it starts, and its passwords may be missing; with it, none of them may, and Grafana waits for the
// service that checks that.
func TestMonitoringIsOptional(t *testing.T) {
	var env []string
	for _, name := range passwords {
		env = append(env, name+"=x")
	}
	p, err := loadProfiles(t, nil, env...)
	if err != nil {
		t.Fatal(err)
	}
	all := withPasswords(t)
	for _, name := range monitoring {
		if _, ok := p.Services[name]; ok {
			t.Errorf("%s starts without the profile", name)
		}
	}
	if len(p.Services)+len(monitoring) != len(all.Services) {
		t.Errorf("%d services without the profile, %d with it", len(p.Services), len(all.Services))
	}
	if _, ok := all.Services["grafana"].DependsOn["reader-rights"]; !ok {
		t.Error("grafana does not wait for reader-rights")
	}
	if _, ok := all.Services["reader-rights"].DependsOn["reader-user"]; !ok {
		t.Error("reader-rights does not wait for reader-user")
	}
	for _, missing := range monitoringPasswords {
		if value := all.Services["reader-user"].Environment[missing]; value == nil || *value == "" {
			t.Errorf("reader-user does not get %s", missing)
		}
		// The script ends before it does anything: there is no mysql here.
		c := exec.CommandContext(t.Context(), "bash", "mysql/reader.sh")
		for _, name := range append([]string{"MYSQL_ROOT_PASSWORD"}, monitoringPasswords...) {
			value := "x"
			if name == missing {
				value = ""
			}
			c.Env = append(c.Env, name+"="+value)
		}
		if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "set "+missing+" in .env") {
			t.Errorf("without %s: %v, %s", missing, err, out)
		}
	}
}

// Grafana connects as the user whom reader-rights gives the right to read, and Prometheus scrapes the services that there are.
func TestMonitoringFitsTogether(t *testing.T) {
	p := withPasswords(t)
	grafana := p.Services["grafana"].Environment
	for name, want := range map[string]string{
		"READER_USER": "etfcast_reader", "ETFCAST_READER_PASSWORD": "secret-etfcast_reader_password", "READER_ADDRESS": "mysql:3306",
		"READER_DATABASE": "etfcast", "PROMETHEUS_URL": "http://prometheus:9090", "GF_SECURITY_ADMIN_PASSWORD": "secret-grafana_password",
	} {
		if value := grafana[name]; value == nil || *value != want {
			t.Errorf("grafana has no %s=%s", name, want)
		}
	}
	provisioned, err := os.ReadFile("grafana/provisioning/datasources/etfcast.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`: \$\{([A-Z_]+)\}`).FindAllSubmatch(provisioned, -1) {
		if grafana[string(m[1])] == nil {
			t.Errorf("the sources need %s, which grafana does not get", m[1])
		}
	}
	if got := strings.Join(p.Services["reader-rights"].Command, " "); got != "migrate --grant-reader etfcast_reader" {
		t.Errorf("reader-rights runs %q", got)
	}
	script, err := os.ReadFile("mysql/reader.sh")
	if err != nil || !strings.Contains(string(script), "CREATE USER IF NOT EXISTS 'etfcast_reader'@'%'") {
		t.Errorf("reader.sh makes another user: %v", err)
	}
	var config struct {
		RuleFiles []string `yaml:"rule_files"`
		Scrape    []struct {
			Job     string                       `yaml:"job_name"`
			Targets []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	raw, err := os.ReadFile("prometheus/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	for _, target := range config.Scrape[0].Targets[0].Targets {
		name, port, _ := strings.Cut(target, ":")
		if listen := strings.Join(p.Services[name].Command, " "); !strings.Contains(listen, "--listen 0.0.0.0:"+port) {
			t.Errorf("Prometheus scrapes %s, and %s runs %q", target, name, listen)
		}
	}
	// Workers and API answer only requests that name them as they allow it.
	allowed := p.Services["worker"].Environment["ETFCAST_ALLOWED_HOSTS"]
	if config.Scrape[0].Job != "etfcast" || len(config.RuleFiles) != 1 || allowed == nil || *allowed != "worker,api" {
		t.Errorf("the job is %+v, allowed are %v", config, allowed)
	}
}

func TestMySQLAllowsLoadDataLocal(t *testing.T) {
	command := strings.Join(withPasswords(t).Services["mysql"].Command, " ")
	if !strings.Contains(command, "--local-infile=1") {
		t.Errorf("the MySQL command %q lacks --local-infile=1", command)
	}
}

func TestImageRunsUnprivileged(t *testing.T) {
	raw, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).Match(raw) {
		t.Error("the image runs as root")
	}
	pinned := regexp.MustCompile(`^[a-z0-9./-]+:\d+\.\d+\.\d+(-[a-z]+)?$`)
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllSubmatch(raw, -1) {
		if image := string(from[1]); image != "scratch" && !pinned.MatchString(image) {
			t.Errorf("%s has no exact version", image)
		}
	}
}

// The image's binary names the commit it was built from, so the build has to see the tree as git does: leaving out a
// tracked file with .dockerignore would make the tree look modified.
func TestImageIsBuiltFromTheWholeTree(t *testing.T) {
	read := func(path string) []string {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(raw)), "\n")
	}
	ignored := read("../.gitignore")
	for _, name := range read("../.dockerignore") {
		if !strings.HasPrefix(name, "#") && !slices.Contains(ignored, "/"+name+"/") && !slices.Contains(ignored, "/"+name) {
			t.Errorf(".dockerignore excludes %s, but .gitignore does not", name)
		}
	}
	if !strings.Contains(strings.Join(read("../Dockerfile"), "\n"), "-buildvcs=true") {
		t.Error("the Dockerfile does not build with -buildvcs=true")
	}
}
