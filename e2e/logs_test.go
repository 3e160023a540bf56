package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Every line of a JSON log is JSON, whatever the libraries have to say about a database that closes each connection.
func TestJSONLogsStayJSON(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte{1, 0, 0}) // less than a header
			_ = conn.Close()
		}
	}()
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_LOG_FORMAT=json", "ETFCAST_MYSQL_DSN=u:p@tcp(" + l.Addr().String() + ")/etfcast"}, "api")
	p.waitsFor("database")
	code, raw, header, err := p.request(http.MethodGet, "/v1/etfs", nil)
	if err != nil || code != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || strings.Contains(string(raw), l.Addr().String()) {
		t.Errorf("status %d, %v: %s", code, err, raw)
	}
	p.interrupt()
	lines := strings.Split(strings.TrimSpace(p.out.String()), "\n")
	if len(lines) < 2 {
		t.Errorf("the log: %q", lines)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}
