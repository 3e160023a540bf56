package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

const hostileText = "\x1b]0;owned\a\x1b[2J\rSPY \u009b31m \u202elanif\u202c \x9b done"

// controls are what must never reach a terminal.
func controls(text string) bool {
	return strings.ContainsAny(text, "\x1b\a\r\u009b\u202e\u202c") || bytes.IndexByte([]byte(text), 0x9b) >= 0
}

func TestSafeWriter(t *testing.T) {
	t.Parallel()
	text := hostileText + " 한국 \U0001F469\u200d\U0001F4BB\n\ttabs stay\n"
	for size := 1; size < len(text); size++ {
		var out bytes.Buffer
		w := newSafeWriter(&out)
		for rest := []byte(text); len(rest) > 0; {
			n := min(size, len(rest))
			if written, err := w.Write(rest[:n]); err != nil || written != n {
				t.Fatal(written, err)
			}
			rest = rest[n:]
		}
		want := `\u001b]0;owned\u0007\u001b[2J\u000dSPY \u009b31m \u202elanif\u202c ` + "\uFFFD done 한국 \U0001F469\u200d\U0001F4BB\n\ttabs stay\n"
		if out.String() != want {
			t.Fatalf("in pieces of %d: %q, want %q", size, out.String(), want)
		}
	}
}

// Whatever a row of the database or a server holds, the commands show it in printable characters, in one line for each ETF.
func TestOutputIsPrintable(t *testing.T) {
	t.Parallel()
	var table bytes.Buffer
	err := printRunETFs(newSafeWriter(&table), []etf.RunETF{
		{Symbol: "SPY", Outcome: etf.OutcomeFailed, ErrorType: "SourceDenied", ErrorMessage: hostileText + "\nQQQ  updated"},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(strings.TrimSpace(table.String()), "\n"); lines != 1 || controls(table.String()) {
		t.Errorf("%q", table.String())
	}

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(hostileText))
	}))
	defer server.Close()
	for _, args := range [][]string{
		{"ready", "--url", server.URL + "/good"},
		{"ready", "--url", server.URL + "/bad"},
		{"ready", "--url", hostileText},
		{"run", "show", hostileText},
		{"etf", "add", hostileText},
		{hostileText},
		{"finding", "list", "--log-format", hostileText},
	} {
		var stdout, stderr bytes.Buffer
		run(context.Background(), args, nil, &stdout, &stderr)
		if stdout.Len()+stderr.Len() == 0 || controls(stdout.String()) || controls(stderr.String()) {
			t.Errorf("%q printed %q and %q", args, stdout.String(), stderr.String())
		}
	}
	// Logs, in both formats.
	for _, format := range []string{"text", "json"} {
		var stderr bytes.Buffer
		a := &app{stdout: &bytes.Buffer{}, stderr: newSafeWriter(&stderr), common: commonSettings{logLevel: "info", logFormat: format}}
		log, err := a.logger()
		if err != nil {
			t.Fatal(err)
		}
		log.Warn("source failed "+hostileText, "error", hostileText)
		if controls(stderr.String()) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: %q", format, stderr.String())
		}
	}
}
