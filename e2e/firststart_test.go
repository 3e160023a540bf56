package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/internal/testenv"
)

// TestFirstStart starts the processes in every order on a fresh database, on each kind of server: a process whose database
// user has no rights yet waits for them and says so.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T, s *stack, user string) *process{
		"up": func(t *testing.T, s *stack, _ string) *process { return s.start(t, nil, "up") },
		"up twice, and a worker": func(t *testing.T, s *stack, _ string) *process {
			first, second, worker := s.start(t, nil, "up"), s.start(t, nil, "up"), s.start(t, nil, "worker")
			first.waitReady()
			worker.waitReady()
			return second
		},
		"worker, api, migrate": func(t *testing.T, s *stack, user string) *process {
			worker, api := s.start(t, nil, "worker"), s.start(t, nil, "api")
			for _, p := range []*process{worker, api} {
				p.waitsFor("schema")
				p.says("etfcast migrate --grant USER")
			}
			api.must(http.MethodGet, "/v1/etfs", nil, http.StatusServiceUnavailable)
			if code := s.start(t, nil, "migrate", "--grant", user).wait(); code != 0 {
				t.Fatalf("migrate ended with %d", code)
			}
			worker.waitReady()
			return api
		},
		"worker, up without the admin, migrate, grant": func(t *testing.T, s *stack, user string) *process {
			noAdmin := []string{"ETFCAST_MYSQL_ADMIN_DSN="}
			worker, up := s.start(t, noAdmin, "worker"), s.start(t, noAdmin, "up")
			worker.waitsFor("schema")
			if code := s.start(t, nil, "migrate").wait(); code != 0 {
				t.Fatalf("migrate ended with %d", code)
			}
			worker.waitsFor("schema")
			up.waitsFor("schema")
			up.says("etfcast migrate --grant USER")
			if code := s.start(t, nil, "migrate", "--grant", user).wait(); code != 0 {
				t.Fatalf("migrate --grant ended with %d", code)
			}
			worker.waitReady()
			return up
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Servers(t, func(t *testing.T, dsn string) {
				s := newStackOn(t, dsn, testenv.Temporal.Value(t))
				p := start(t, s, s.user)
				p.waitReady()
				works(t, p)
			})
		})
	}
}

// says checks that /readyz contains the text.
func (p *process) says(text string) {
	p.t.Helper()
	_, raw, _, err := p.request(http.MethodGet, "/readyz", nil)
	var body struct{ Checks []struct{ Detail string } }
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		p.t.Fatalf("/readyz of etfcast %s: %v", p.name, err)
	}
	for _, c := range body.Checks {
		if strings.Contains(c.Detail, text) {
			return
		}
	}
	p.t.Errorf("/readyz of etfcast %s does not say %q: %s", p.name, text, raw)
}
