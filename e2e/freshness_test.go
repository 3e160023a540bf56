package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// No run ever starts, and the deadlines of two sessions pass: a worker sees it without one. A run of the older session does not clear the
// newer one; the newer one's own run does.
func TestDeadlinesPassWithoutARun(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	if code := s.start(t, nil, "migrate", "--grant", s.user).wait(); code != 0 {
		t.Fatalf("migrate ended with %d", code)
	}
	due := []string{"ETFCAST_DUE_AFTER=XNYS=1s"}
	api := s.start(t, due, "api")
	eventually(t, "the API to answer", func() error { _, _, _, err := api.request(http.MethodGet, "/v1/etfs", nil); return err })
	api.registerSimulated(etf.XNYS, 2)

	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	newest, err := cal.LastClosed(time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	older, err := cal.Previous(newest)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := cal.Open(older)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("mysql", s.adminDSN+"?parseTime=true")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	// As if they had been registered in time for both sessions.
	if _, err := admin.ExecContext(t.Context(), "UPDATE etfs SET created_at = ?", opened.UTC()); err != nil {
		t.Fatal(err)
	}

	// freshness returns the exit code of the command and the stale sessions with their number of ETFs.
	freshness := func() (int, map[string]int) {
		t.Helper()
		p := s.start(t, due, "freshness", "--exchange", "XNYS", "--json")
		code := p.wait()
		var report struct {
			Items []struct{ Session, State string }
		}
		line, _, _ := strings.Cut(p.out.String(), "\n")
		if err := json.Unmarshal([]byte(line), &report); err != nil {
			t.Fatalf("exit code %d, %v: %s", code, err, p.out.String())
		}
		stale := map[string]int{}
		for _, i := range report.Items {
			if i.State == "stale" {
				stale[i.Session]++
			}
		}
		return code, stale
	}
	count := func(query string) (n int) {
		t.Helper()
		if err := admin.QueryRowContext(context.Background(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if code, stale := freshness(); code != 3 || stale[newest.String()] != 2 || stale[older.String()] != 2 {
		t.Fatalf("exit code %d, stale: %v", code, stale)
	}
	worker := s.start(t, due, "worker")
	// Two ETFs and two sessions. Without any prices, no forecast is due.
	eventually(t, "the deadlines to be recorded as missed", func() error {
		if n := count("SELECT COUNT(*) FROM missed_deadlines"); n != 4 {
			return fmt.Errorf("%d deadlines", n)
		}
		return nil
	})
	if n := count("SELECT COUNT(*) FROM events WHERE kind = 'deadline.missed' AND subject = 'stored'"); n != 4 {
		t.Errorf("%d events", n)
	}
	eventually(t, "the metrics", func() error {
		_, body, _, err := worker.request(http.MethodGet, "/metrics", nil)
		for _, line := range []string{`etfcast_stale_etfs{deadline="stored",exchange="XNYS"} 2`, `etfcast_deadlines_missed_total{deadline="stored",exchange="XNYS"} 4`} {
			if err == nil && !strings.Contains(string(body), line+"\n") {
				err = errors.New("the metrics lack " + line)
			}
		}
		return err
	})
	if status, body, _, err := api.request(http.MethodGet, "/v1/overview?exchange=XNYS", nil); err != nil || status != http.StatusOK || !strings.Contains(string(body), `"stale":2`) {
		t.Errorf("overview: %d, %v: %s", status, err, body)
	}

	run := func(session etf.Session) {
		t.Helper()
		if p := s.start(t, due, "run", "daily", "--exchange", "XNYS", "--session", session.String(), "--wait"); p.wait() != 0 {
			t.Fatalf("the run of %s: %s", session, p.out.String())
		}
	}
	worker.waitReady()
	run(older)
	if code, stale := freshness(); code != 3 || stale[newest.String()] != 2 || stale[older.String()] != 0 {
		t.Errorf("after the run of the older session: exit code %d, stale: %v", code, stale)
	}
	run(newest)
	if code, stale := freshness(); code != 0 || len(stale) != 0 {
		t.Errorf("after the run of the newest session: exit code %d, stale: %v", code, stale)
	}
	eventually(t, "the deadlines to be recorded as met", func() error {
		if n := count("SELECT COUNT(*) FROM events WHERE kind = 'deadline.met' AND subject = 'stored'"); n != 4 {
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
	if n := count("SELECT COUNT(*) FROM missed_deadlines WHERE met_at < due_at OR met_at > '9000-01-01'"); n != 0 {
		t.Errorf("%d deadlines were not met, or met before they were due", n)
	}
}
