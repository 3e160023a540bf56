package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func withHost(host string) option { return func(r *http.Request) { r.Host = host } }

// A page of evil.example whose name now resolves to this server has the same host in Host and Origin.
func TestDNSRebinding(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	_, port, _ := net.SplitHostPort(f.server.Listener.Addr().String())
	for _, host := range []string{
		"evil.example", "evil.example:" + port, "localhost.evil.example:" + port, "127.0.0.1.evil.example", "evil.localhost", "127.1", "0.0.0.0:" + port,
		"2130706433:" + port, "10.0.0.1:" + port, "[::2]:" + port, "localhost..", "etfcast",
	} {
		origin := header("Origin", "http://"+host)
		for _, path := range []string{"/", "/v1/etfs", "/v1/etfs/SPY/bars", "/v1/runs", "/readyz", "/healthz", "/metrics", "/openapi.json", "/problems/internal", "/nowhere"} {
			f.get(path, withHost(host), origin).wantProblem(t, http.StatusMisdirectedRequest, "Host")
		}
		f.post("/v1/etfs", `{"symbol":"EVIL","exchange":"XNYS","sources":[{"name":"file","ref":"x"}]}`, withHost(host), origin).wantProblem(t, http.StatusMisdirectedRequest, "Host")
		f.post("/v1/schedules/daily-XNYS/pause", "", withHost(host), origin, header("X-Forwarded-Host", "localhost")).wantProblem(t, http.StatusMisdirectedRequest, "Host")
		f.patch("/v1/etfs/SPY", `{"retired":true}`, withHost(host), origin).wantProblem(t, http.StatusMisdirectedRequest, "Host")
	}
	if _, ok := f.store.etfs["EVIL"]; ok || f.store.etfs["SPY"].Retired || len(f.temporal.schedules) > 0 && f.temporal.schedules["daily-XNYS"].Paused {
		t.Error("a refused request changed something")
	}
	for _, host := range []string{"", "localhost", "LOCALHOST:" + port, "localhost.:" + port, "127.0.0.1", "127.0.0.1:99", "127.7.7.7", "[::1]:" + port, "[::1]", "[::ffff:127.0.0.1]:80"} {
		f.get("/v1/etfs", withHost(host), header("X-Forwarded-Host", "evil.example")).want(t, 200)
	}
	// The check of the origin stays.
	f.post("/v1/runs", `{"workflow":"daily","exchange":"XNYS"}`, header("Origin", "http://evil.example")).wantProblem(t, 403, "Origin")
}

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	hosts, err := NewHosts([]string{"ETFcast.Example.com.", " 10.0.0.5", "[2001:DB8::5]", "my_api"})
	if err != nil {
		t.Fatal(err)
	}
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, hosts.allow(r)) }))
	defer own.Close()
	for host, want := range map[string]bool{
		"etfcast.example.com": true, "ETFCAST.example.com.:8080": true, "10.0.0.5:80": true, "[2001:db8::5]:80": true, "my_api": true, "localhost": true,
		"example.com": false, "x.etfcast.example.com": false, "10.0.0.6": false, "my_api.evil.example": false, "localhost@evil.example": false, "localhost:80@evil.example": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host = host
		if got := hosts.allow(r); got != want {
			t.Errorf("%s is allowed: %v, want %v", host, got, want)
		}
	}
	for _, bad := range []string{"", "http://x", "x:8080", "*", "*.example.com", "a b", "x/y", "-x"} {
		if _, err := NewHosts([]string{"good", bad}); etf.KindOf(err) != etf.KindInvalid || err == nil || !strings.Contains(err.Error(), "allowed-hosts") {
			t.Errorf("%q as an allowed host: %v", bad, err)
		}
	}
}

// A health check may name the server's own address or, in HTTP/1.0, no host.
func TestHealthServerChecksTheHost(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(NewHealth(service.NewReadiness(time.Now), prometheus.NewRegistry(), Hosts{}))
	defer server.Close()
	for request, want := range map[string]string{
		"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n":                "421",
		"GET /readyz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n":                 "421",
		"GET http://evil.example/readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n": "421",
		"GET /readyz HTTP/1.0\r\n\r\n": "200",
		"GET /readyz HTTP/1.1\r\nHost: " + server.Listener.Addr().String() + "\r\nConnection: close\r\n\r\n": "200",
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, " "+want+" ") {
			t.Errorf("%q: %q, %v; want %s", request, line, err, want)
		}
		quietly(conn)
	}
}
