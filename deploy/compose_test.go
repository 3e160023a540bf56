package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

var passwords = []string{"MYSQL_ROOT_PASSWORD", "ETFCAST_ADMIN_PASSWORD", "ETFCAST_PASSWORD", "TEMPORAL_DB_PASSWORD"}

// load reads docker-compose.yml with Compose's own loader: schema, interpolation and anchors included.
func load(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithEnv(env), cli.WithWorkingDirectory(".."))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

func withPasswords(t *testing.T) *types.Project {
	t.Helper()
	var env []string
	for _, name := range passwords {
		env = append(env, name+"=secret-"+strings.ToLower(name))
	}
	p, err := load(t, env...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// oneShot services exit when they are done; every other service must have a health check.
var oneShot = map[string]bool{"temporal-schema": true, "temporal-namespace": true, "migrate": true}

func TestEveryServiceIsHealthCheckedOrOneShot(t *testing.T) {
	p := withPasswords(t)
	for _, want := range []string{"mysql", "temporal-schema", "temporal", "temporal-namespace", "temporal-ui", "migrate", "worker", "api"} {
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
	pinned := regexp.MustCompile(`^[a-z0-9./-]+:\d+\.\d+\.\d+$`)
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
	for _, name := range passwords {
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
			if info, err := os.Stat(v.Source); err != nil || info.IsDir() {
				t.Errorf("%s mounts %s: %v", name, v.Source, err)
			}
		}
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
