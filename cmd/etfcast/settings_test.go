package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func testRoot(env ...string) *cobra.Command {
	return rootCommand(&app{env: newEnvironment(env), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
}

// commands calls do with every runnable command below root.
func commands(root *cobra.Command, do func(*cobra.Command)) {
	for _, c := range root.Commands() {
		commands(c, do)
		if c.Runnable() && (!c.HasSubCommands() || c.LocalNonPersistentFlags().HasFlags()) { // a group has no flags of its own
			do(c)
		}
	}
}

// When you add a flag, decide here whether the environment and the settings file may set it. Settings describe an
// installation; other flags say what a single invocation does.
var (
	settingFlags = []string{
		"allowed-hosts", "alphavantage-base-url", "checkpoint-dir", "cross-check", "daily-models", "due-after", "eodhd-base-url", "file-dir", "final-xetr",
		"final-xkrx", "final-xlon", "final-xnys", "final-xtks", "fit-cores", "insecure", "krx-base-url", "ledger-key", "listen",
		"log-format", "log-level", "mysql-admin-dsn", "mysql-dsn", "naver-base-url", "reader-dsn", "schedule-xetr", "schedule-xkrx", "schedule-xlon",
		"schedule-xnys", "schedule-xtks", "score-horizons", "sim-faults", "source-quota", "source-rate", "store-activities", "temporal-ui", "tiingo-base-url",
		"upload-dir", "yahoo-base-url",
	}
	invocationFlags = []string{
		"config", "help", "ascii", "once",
		"csv",
		"against", "all", "anyway", "as-of", "build", "by", "checkpoint", "currency", "deep",
		"delisted", "demo", "dry-run", "exchange", "from", "grant", "grant-reader", "isin", "json",
		"last", "limit", "listed", "name", "nav", "older-than", "public-key", "reason", "ref",
		"repo", "rerun", "session", "source", "status", "stored", "symbol", "symbols", "to",
		"undo", "update", "url", "wait", "why",
		"adjust", "amount", "announced", "ex", "kind", "pay", "ratio", "record", // of corporate actions
		// finding
		"etf", "late", // of the scoreboard
		"close", "high", "key", "low", "open", "rule", "severity", "value", "volume", "yes",
		"late",                                                                                                                 // entry
		"accept-errors", "again", "calibrate", "expect-signal", "horizons", "models", "origins-every", "refit-every", "report", // backtest
		"refetch", "watch", // backfill
	}
	// Prophet's commands read no settings at all.
	prophetFlags = []string{
		"cutoffs", "cv", "format", "freq", "holidays", "horizon", "in", "initial", "keep-scaling", "levels", "metric",
		"metrics", "metrics-out", "model", "model-out", "monthly", "no-history", "out", "period", "periods",
		"rolling-window", "seed", "workers",
	}
)

func TestEveryFlagIsASettingOrNot(t *testing.T) {
	seen := map[string]bool{}
	usage := map[string]string{}
	commands(testRoot(), func(cmd *cobra.Command) {
		check := func(f *pflag.Flag) {
			seen[f.Name] = true
			setting := slices.Contains(settingFlags, f.Name)
			if decided := setting || slices.Contains(invocationFlags, f.Name) || slices.Contains(prophetFlags, f.Name); !decided {
				t.Errorf("%s --%s: decide in this test whether it is a setting", cmd.CommandPath(), f.Name)
			}
			if marked(f) != setting {
				t.Errorf("%s --%s: declared as a setting: %v; listed as a setting: %v", cmd.CommandPath(), f.Name, marked(f), setting)
			}
			if setting && usage[f.Name] != "" && usage[f.Name] != f.Usage {
				t.Errorf("%s --%s: %q here, %q elsewhere", cmd.CommandPath(), f.Name, f.Usage, usage[f.Name])
			}
			usage[f.Name] = f.Usage
		}
		cmd.LocalFlags().VisitAll(check)
		cmd.InheritedFlags().VisitAll(check)
	})
	for _, name := range slices.Concat(settingFlags, invocationFlags, prophetFlags) {
		if !seen[name] && name != "help" { // cobra adds it when the command is executed
			t.Errorf("no command has the flag --%s", name)
		}
	}
	if got := knownSettings(testRoot()); !slices.Equal(got, settingFlags) {
		t.Errorf("the settings are %v", got)
	}
}

// valueFor returns a valid value for the flag that differs from its default.
func valueFor(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true"
	case "int", "uint64", "float64":
		return "7"
	case "stringToString":
		return "yahoo=7"
	}
	return "from-outside"
}

// The environment and the settings file set a command's settings and no other flag.
func TestOnlySettingsAreReadFromOutside(t *testing.T) {
	var env []string
	var file strings.Builder
	commands(testRoot(), func(cmd *cobra.Command) {
		add := func(f *pflag.Flag) {
			if f.Name == "config" {
				return
			}
			env = append(env, envName(f.Name)+"="+valueFor(f))
			if marked(f) && !strings.Contains(file.String(), f.Name+":") {
				file.WriteString(f.Name + ": " + valueFor(f) + "\n")
			}
		}
		cmd.LocalFlags().VisitAll(add)
		cmd.InheritedFlags().VisitAll(add)
	})
	path := filepath.Join(t.TempDir(), "etfcast.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range [][]string{env, {"ETFCAST_CONFIG=" + path}} {
		flags := 0
		commands(testRoot(), func(cmd *cobra.Command) {
			if err := cmd.ParseFlags(nil); err != nil {
				t.Fatal(err)
			}
			if !readsSettings(cmd) {
				return
			}
			if _, err := applySettings(cmd, newEnvironment(from)); err != nil {
				t.Fatal(err)
			}
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				flags++
				changed := f.Value.String() != f.DefValue
				if setting := slices.Contains(settingFlags, f.Name); changed != setting {
					t.Errorf("%s --%s is %q, its default %q", cmd.CommandPath(), f.Name, f.Value, f.DefValue)
				}
			})
		})
		if flags < 100 {
			t.Errorf("only %d flags were checked", flags)
		}
	}
	for _, key := range []string{"currency", "grant", "json", "config"} {
		if err := os.WriteFile(path, []byte(key+": x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := etfcast(t, nil, "version", "--config", path); code != exitUsage || !strings.Contains(stderr, key+": the settings file has an unknown key") {
			t.Errorf("%s in the settings file: exit code %d, %s", key, code, stderr)
		}
	}
}

// In 0.1.0, these variables silently changed what a command did.
func TestVariablesThatAreNotSettings(t *testing.T) {
	for _, c := range []struct {
		variable string
		command  []string
		flag     string
	}{
		{"ETFCAST_CURRENCY=KRW", []string{"etf", "add"}, "currency"},
		{"ETFCAST_SOURCE=yahoo", []string{"etf", "add"}, "source"},
		{"ETFCAST_GRANT=root", []string{"migrate"}, "grant"},
	} {
		cmd, _, err := testRoot().Find(c.command)
		if err != nil {
			t.Fatal(err)
		}
		warnings, err := applySettings(cmd, newEnvironment([]string{c.variable}))
		if f := cmd.Flags().Lookup(c.flag); err != nil || f.Value.String() != f.DefValue {
			t.Errorf("%s: --%s of %v is %s, %v", c.variable, c.flag, c.command, f.Value, err)
		}
		name, _, _ := strings.Cut(c.variable, "=")
		if len(warnings) != 1 || !strings.HasPrefix(warnings[0], name+" is not a setting") {
			t.Errorf("%s: warnings are %q", c.variable, warnings)
		}
	}
	env := []string{
		"ETFCAST_GRNAT=secret-word", "ETFCAST_CONFIG=", "ETFCAST_REAL_DATA=/prices", "ETFCAST_TEST_MYSQL_DSN=x", "ETFCAST_PASSWORD=x",
		"ETFCAST_FILE_DIR=/prices", "TEMPORAL_ADDRESS=x", "HOME=/",
	}
	code, _, stderr := etfcast(t, env, "version")
	if code != exitOK || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "ETFCAST_GRNAT is not a setting") || strings.Contains(stderr, "secret-word") {
		t.Errorf("exit code %d, standard error: %s", code, stderr)
	}
	if _, _, stderr := etfcast(t, append(env, "ETFCAST_LOG_FORMAT=json"), "version"); !strings.HasPrefix(stderr, "{") {
		t.Errorf("the warning is not in the log's format: %s", stderr)
	}
}

func TestHelpTopics(t *testing.T) {
	code, out, _ := etfcast(t, nil, "help", "settings")
	for _, name := range settingFlags {
		if want := "  --" + name + ", " + envName(name) + ", " + name + ":\n"; code != exitOK || !strings.Contains(out, want) {
			t.Errorf("exit code %d; `etfcast help settings` lacks %q", code, want)
		}
	}
	if strings.Contains(out, "grant") {
		t.Errorf("--grant is listed as a setting:\n%s", out)
	}
	code, out, _ = etfcast(t, nil, "help", "exit-codes")
	for _, c := range exitCodes {
		if code != exitOK || !strings.Contains(out, c.meaning) || !strings.Contains(out, c.remedy) {
			t.Errorf("exit code %d; `etfcast help exit-codes` lacks code %d", code, c.code)
		}
	}
}

func TestCrossCheckShare(t *testing.T) {
	for _, x := range []float64{0, 0.1, 1} {
		if got, err := (&serverSettings{crossCheck: x}).checkShare(); err != nil || got != x {
			t.Errorf("%g: %g %v", x, got, err)
		}
	}
	for _, x := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		if _, err := (&serverSettings{crossCheck: x}).checkShare(); err == nil || !strings.Contains(err.Error(), "cross-check") {
			t.Errorf("%g: %v", x, err)
		}
	}
}

func TestScoreHorizons(t *testing.T) {
	for text, want := range map[string][]int{"": {1, 5, 21}, "1,5,21": {1, 5, 21}, "1": {1}, "2, 3": {2, 3}, "21": {21}} {
		if got, err := (&serverSettings{horizons: text}).scoreHorizons(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "22", "5,1", "1,1", "1,,5", "1,x", "-1"} {
		_, err := (&serverSettings{horizons: text}).scoreHorizons()
		if err == nil || !strings.Contains(err.Error(), "score-horizons") || !strings.Contains(err.Error(), "1,5,21") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
