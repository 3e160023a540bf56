package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// etfcast runs the program with the given environment only.
func etfcast(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), args, env, &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitCodesAndMessages(t *testing.T) {
	t.Parallel()
	nowhere := []string{"ETFCAST_MYSQL_DSN=u:secret-word@tcp(127.0.0.1:1)/etfcast", "TEMPORAL_ADDRESS=127.0.0.1:1"}
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		says string // substring of standard error
	}{
		{"no command prints help", nil, []string{}, 0, ""},
		{"unknown command", nil, []string{"upp"}, 2, "or up?"},
		{"unknown subcommand", nil, []string{"etf", "ad"}, 2, `unknown command "ad"`},
		{"unknown flag", nil, []string{"run", "daily", "--bogus"}, 2, "--bogus"},
		{"missing argument", nil, []string{"calendar", "sessions"}, 2, "EXCHANGE is missing"},
		{"one argument too many", nil, []string{"calendar", "sessions", "XNYS", "XKRX"}, 2, `"XKRX" is one argument too many`},
		{"unknown exchange", nil, []string{"calendar", "sessions", "XXXX"}, 2, "use XNYS, XKRX, XLON, XETR or XTKS"},
		{"bad date", nil, []string{"calendar", "sessions", "XNYS", "--from", "2025-9-1"}, 2, "from: "},
		{"date outside the calendar", nil, []string{"calendar", "sessions", "XNYS", "--to", "2031-01-01"}, 2, "1990-01-01 to 2030-12-31"},
		{"from after to", nil, []string{"calendar", "closures", "XKRX", "--from", "2025-02-01", "--to", "2025-01-01"}, 2, "swap them"},
		{"DSN not set", nil, []string{"etf", "list"}, 2, "ETFCAST_MYSQL_DSN"},
		{"not a DSN", []string{"ETFCAST_MYSQL_DSN=secret-word"}, []string{"etf", "list"}, 2, "not a MySQL DSN"},
		{"DSN without a database", []string{"ETFCAST_MYSQL_DSN=u:secret-word@tcp(h:1)/"}, []string{"etf", "list"}, 2, "names no database"},
		{"database down", nowhere, []string{"etf", "list"}, 4, "127.0.0.1:1"},
		{"Temporal down", nowhere, []string{"schedule", "list"}, 4, "Temporal"},
		{"bad log level", append(nowhere, "ETFCAST_LOG_LEVEL=loud"), []string{"up"}, 2, "log-level"},
		{"bad simulated faults", append(nowhere, "ETFCAST_SIM_FAULTS=earthquake"), []string{"worker"}, 2, "earthquake"},
		{"migrate without its DSN", nil, []string{"migrate"}, 2, "ETFCAST_MYSQL_ADMIN_DSN"},
		{"decision without a name", nowhere, []string{"finding", "accept", "x"}, 2, "--by"},
		{"limit out of range", nowhere, []string{"run", "list", "--limit", "0"}, 2, "1 to 1000"},
		{"ready without a server", nil, []string{"ready", "--url", "http://127.0.0.1:1/readyz"}, 4, "readiness"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, stderr := etfcast(t, c.env, c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, want %d; standard error %q, want %q in it", code, c.code, stderr, c.says)
			}
			if strings.Contains(stderr, "secret-word") {
				t.Errorf("standard error contains a password: %s", stderr)
			}
		})
	}
}

func TestCalendarPrintsOneSessionPerLine(t *testing.T) {
	t.Parallel()
	// Thanksgiving 2025 was Thursday, 27 November; the day after closed at 13:00 New York time, 18:00 UTC.
	code, out, _ := etfcast(t, nil, "calendar", "sessions", "XNYS", "--from", "2025-11-26", "--to", "2025-12-01")
	if want := "2025-11-26\n2025-11-28\n2025-12-01\n"; code != 0 || out != want {
		t.Errorf("exit code %d, %q", code, out)
	}
	var rows []struct{ Session, Open, Close string }
	_, out, _ = etfcast(t, nil, "calendar", "sessions", "XNYS", "--from", "2025-11-28", "--to", "2025-11-28", "--json")
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 1 || rows[0].Close != "2025-11-28T18:00:00Z" {
		t.Errorf("%v: %s", err, out)
	}
	_, out, _ = etfcast(t, nil, "calendar", "closures", "XNYS", "--from", "2025-11-26", "--to", "2025-12-01")
	if !strings.Contains(out, "2025-11-27") || !strings.Contains(out, "Thanksgiving") {
		t.Errorf("closures: %s", out)
	}
}

// Flags override the environment, which overrides the file, which overrides the default.
func TestSettingsPrecedence(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "etfcast.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dsn := func(name string) string { return "u:p@tcp(127.0.0.1:1)/" + name }
	got := func(env []string, args ...string) string {
		a := &app{env: newEnvironment(env), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
		cmd, rest, err := rootCommand(a).Find(append([]string{"etf", "list"}, args...))
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Fatal(err)
		}
		if _, err := applySettings(cmd, a.env); err != nil {
			t.Fatal(err)
		}
		if a.common.logLevel != "info" {
			t.Errorf("the log level is %q", a.common.logLevel)
		}
		return a.common.mysqlDSN
	}
	write("mysql-dsn: " + dsn("file") + "\nfile-dir: /prices\n")
	env := []string{"ETFCAST_MYSQL_DSN=" + dsn("environment")}
	if v := got(nil); v != "" {
		t.Errorf("default: %q", v)
	}
	if v := got([]string{"ETFCAST_CONFIG=" + file}); v != dsn("file") {
		t.Errorf("file: %q", v)
	}
	if v := got(append(env, "ETFCAST_CONFIG="+file)); v != dsn("environment") {
		t.Errorf("environment over file: %q", v)
	}
	if v := got(append(env, "ETFCAST_CONFIG="+file), "--mysql-dsn", dsn("flag")); v != dsn("flag") {
		t.Errorf("flag over all: %q", v)
	}

	write("log-level:\nmysql-dsn: 007\n") // no value means the default; text is taken as written
	if v := got([]string{"ETFCAST_CONFIG=" + file}); v != "007" {
		t.Errorf("a number in the file: %q", v)
	}
	write("yahoo-base-url: [a, b]\nsource-rate: {yahoo: 1}\n")
	if code, _, stderr := etfcast(t, nil, "etf", "list", "--config", file); code != 2 || !strings.Contains(stderr, "yahoo-base-url: line 1") || !strings.Contains(stderr, "source-rate: line 2") {
		t.Errorf("lists in the file: exit code %d, %s", code, stderr)
	}

	write("mysql-dsnn: x\nlog-level: info\nsessions: 3\n")
	code, _, stderr := etfcast(t, nil, "etf", "list", "--config", file)
	if code != 2 || !strings.Contains(stderr, "mysql-dsnn") || !strings.Contains(stderr, "sessions") {
		t.Errorf("unknown keys: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := etfcast(t, nil, "etf", "list", "--config", file+".none"); code != 2 || !strings.Contains(stderr, "does not exist") {
		t.Errorf("missing file: exit code %d, %s", code, stderr)
	}
}

// Every command has a short description, and every command that takes arguments has an example.
func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	root := rootCommand(&app{env: environment{}, stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
	for _, group := range root.Commands() {
		for _, cmd := range append(group.Commands(), group) {
			if cmd.Short == "" {
				t.Errorf("%s has no description", cmd.CommandPath())
			}
			if strings.Contains(cmd.Use, " ") && cmd.Example == "" && !cmd.HasSubCommands() {
				t.Errorf("%s takes an argument but has no example", cmd.CommandPath())
			}
		}
	}
}
