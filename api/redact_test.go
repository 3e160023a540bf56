package api

import (
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestRedacted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"reading bars: Error 1142 (42000): SELECT command denied to user 'etfcast'@'10.0.0.7' for table 'bars'": "reading bars: Error 1142 (42000): SELECT command denied to user the user for table 'bars'",
		"Error 1045 (28000): Access denied for user ''@'%' (using password: YES)":                               "Error 1045 (28000): Access denied for user the user (using password: YES)",
		"dial tcp 10.0.0.7:3306: connect: connection refused":                                                   "dial tcp connect: connection refused",
		"dial tcp: lookup db.internal on 10.0.0.2:53: no such host":                                             "dial tcp: lookup no such host",
		"open /srv/prices/SPY.csv: permission denied":                                                           "open SPY.csv: permission denied",
		"put it in /srv/prices, or correct it":                                                                  "put it in prices, or correct it",
		"register it with POST /v1/etfs or `etfcast etf add`; GET /readyz says more":                            "register it with POST /v1/etfs or `etfcast etf add`; GET /readyz says more",
		"Yahoo responded with 404 to https://query1.example.com/v8/chart/SPY: close 1/2 of SPY/USD":             "Yahoo responded with 404 to https://query1.example.com/v8/chart/SPY: close 1/2 of SPY/USD",
		"": "",
	} {
		if got := redacted(text); got != want {
			t.Errorf("%q\n became %q\n   want %q", text, got, want)
		}
	}
}

// What a worker recorded as the reason of a failure reaches a client without the database's user and the server's folders.
func TestRunsNameNoUsersAndFolders(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const reason = "denied to user 'etfcast_app'@'10.9.8.7', dial tcp 10.9.8.7:3306: refused, open /srv/secret/SPY.csv: denied"
	id := etf.RunID("daily:XNYS:2025-09-26")
	f.setRun(etf.Run{ID: id, Workflow: "daily", Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), Status: etf.RunFailed, StartedAt: testNow, FinishedAt: testNow, Error: reason})
	f.store.runETFs[string(id)] = []etf.RunETF{{Symbol: "SPY", Session: etf.MustSession("2025-09-26"), Outcome: etf.OutcomeFailed, ErrorType: "Denied", ErrorMessage: reason}}
	for _, path := range []string{"/v1/runs", "/v1/runs/" + string(id)} {
		body := string(f.get(path).want(t, 200).body)
		if !strings.Contains(body, "SPY.csv: denied") {
			t.Errorf("%s has no reason: %s", path, body)
		}
		for _, secret := range []string{"etfcast_app", "10.9.8.7", "/srv", "secret"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s names %s: %s", path, secret, body)
			}
		}
	}
}

func TestManyUnknownSymbolsGetAShortResponse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	symbols := make([]string, 1000)
	for i := range symbols {
		symbols[i] = `"UNKNOWN` + strings.Repeat("X", i%20) + string(rune('A'+i%26)) + string(rune('A'+i/26%26)) + string(rune('A'+i/676)) + `"`
	}
	a := f.post("/v1/runs", `{"workflow":"daily","exchange":"XNYS","symbols":[`+strings.Join(symbols, ",")+`]}`)
	if a.status != 400 || len(a.body) > 8<<10 || !strings.Contains(string(a.body), "980 more symbols are wrong") {
		t.Errorf("status %d, %d bytes: %.300s", a.status, len(a.body), a.body)
	}
}
