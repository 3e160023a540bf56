package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// On a terminal a list fits its width, or COLUMNS if that is set; in a pipe nothing is cut, whatever COLUMNS says.
func TestListsFitTheTerminal(t *testing.T) {
	args := []string{"calendar", "closures", "XKRX", "--from", "2025-01-01", "--to", "2025-12-31"}
	longest := func(text string) int {
		most := 0
		for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
			most = max(most, textWidth(line))
		}
		return most
	}
	show := func(env ...string) string {
		p := openTerminal(t, 40, 24)
		if code := run(context.Background(), args, env, p.tty, p.tty); code != 0 {
			t.Errorf("exit code %d", code)
		}
		return p.close()
	}
	var pipe bytes.Buffer
	if code := run(context.Background(), args, []string{"COLUMNS=30"}, &pipe, &pipe); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	full := longest(pipe.String())
	if full <= 40 || strings.Contains(pipe.String(), "Left out") || strings.Contains(pipe.String(), "...") {
		t.Errorf("in a pipe the list has %d columns:\n%s", full, pipe.String())
	}
	if got := show(); longest(got) > 40 || !strings.Contains(got, "2025-01-01") {
		t.Errorf("in 40 columns:\n%s", got)
	}
	if got := show("COLUMNS=30"); longest(got) > 30 || !strings.Contains(got, "2025-01-01") {
		t.Errorf("with COLUMNS=30:\n%s", got)
	}
	if got := show("COLUMNS=200"); longest(got) != full || strings.ReplaceAll(got, "\r\n", "\n") != pipe.String() {
		t.Errorf("with COLUMNS=200:\n%s", got)
	}
	// The text of the list follows the locale.
	if got := show("LANG=C.UTF-8"); longest(got) > 40 {
		t.Errorf("in 40 columns of UTF-8:\n%s", got)
	}
}

// On a terminal, the picture is drawn on the alternate screen, and an interruption leaves the terminal as it was.
func TestWatchLeavesTheTerminalClean(t *testing.T) {
	t.Parallel()
	database := stocked(t)
	p := openTerminal(t, 60, 12)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	go func() {
		<-p.shown("no run yet")
		stop()
	}()
	code := run(ctx, []string{"watch", "--exchange", "XNYS"}, []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1", "LANG=C.UTF-8"}, p.tty, p.tty)
	seen := p.close()
	if code != exitInterrupted || !strings.HasPrefix(seen, enterScreen+toTop) || !strings.HasSuffix(seen, leaveScreen) {
		t.Errorf("exit code %d, %q", code, seen)
	}
	if !strings.Contains(seen, "no run yet") || strings.Contains(seen, "XKRX") {
		t.Errorf("%q", seen)
	}
	for _, line := range strings.FieldsFunc(strings.ReplaceAll(seen, toLineEnd, ""), func(r rune) bool { return r == '\r' || r == '\n' || r == '\x1b' }) {
		if textWidth(line) > 60+len("[?1049h") {
			t.Errorf("%q has %d columns", line, textWidth(line))
		}
	}
}
