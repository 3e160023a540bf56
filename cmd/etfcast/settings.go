package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/etfcast/etfcast/etf"
)

// Every flag can also be given as ETFCAST_<FLAG> in the environment ("--file-dir" is ETFCAST_FILE_DIR) and as
// "<flag>:" in the YAML file named by --config or ETFCAST_CONFIG. Flags win over the environment, the environment
// over the file, the file over the default. Temporal's own settings (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS, API
// key, profiles) are read by Temporal's SDK.

// environment answers look-ups in what main was given, not in the process's own.
type environment map[string]string

func newEnvironment(pairs []string) environment {
	env := make(environment, len(pairs))
	for _, p := range pairs {
		if k, v, ok := strings.Cut(p, "="); ok {
			env[k] = v
		}
	}
	return env
}

func (e environment) lookup(key string) (string, bool) { v, ok := e[key]; return v, ok }

func envName(flag string) string {
	return "ETFCAST_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// notSettings are flags of a single invocation: an environment variable must not switch them.
var notSettings = []string{"help", "config", "json", "wait", "rerun", "from", "to", "exchange", "session", "symbols", "demo", "limit", "status", "older-than", "url", "by", "why", "all", "symbol", "grant"}

// applySettings fills the flags that the command line left alone. Every problem is reported at once.
func applySettings(flags *pflag.FlagSet, env environment) error {
	file, err := settingsFile(flags, env)
	if err != nil {
		return err
	}
	var problems []error
	flags.VisitAll(func(f *pflag.Flag) {
		fromFile, inFile := file[f.Name]
		delete(file, f.Name)
		if f.Changed || slices.Contains(notSettings, f.Name) {
			return
		}
		value, origin := fromFile, "the settings file"
		if v, ok := env.lookup(envName(f.Name)); ok && v != "" {
			value, origin = v, envName(f.Name)
		} else if !inFile {
			return
		}
		if err := f.Value.Set(value); err != nil {
			problems = append(problems, etf.Invalid(origin, fmt.Sprintf("--%s can't take the value given: %v", f.Name, err), "see `etfcast help` for the form"))
		}
	})
	known := knownSettings()
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if !slices.Contains(known, key) {
			problems = append(problems, etf.Invalid(key, "the settings file has an unknown key", "known keys: "+strings.Join(known, ", ")))
		}
	}
	if len(problems) > 0 {
		return usageError{errors.Join(problems...)}
	}
	return nil
}

func settingsFile(flags *pflag.FlagSet, env environment) (map[string]string, error) {
	path, _ := flags.GetString("config")
	if path == "" {
		path, _ = env.lookup("ETFCAST_CONFIG")
	}
	if path == "" {
		return map[string]string{}, nil
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usageError{etf.Invalid("config", path+" does not exist", "name an existing YAML file, or none")}
	}
	if err != nil {
		return nil, usageError{etf.Wrap(etf.KindInvalid, err, "reading the settings file")}
	}
	var values map[string]any
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return nil, usageError{etf.Wrapf(etf.KindInvalid, err, "%s is not a YAML mapping of settings", path)}
	}
	out := make(map[string]string, len(values))
	for k, v := range values {
		out[k] = fmt.Sprint(v)
	}
	return out, nil
}

// redactDSN returns the DSN with its password hidden, for logs and `doctor`.
func redactDSN(dsn string) string {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return "(not a DSN)"
	}
	if cfg.Passwd != "" {
		cfg.Passwd = "***"
	}
	return cfg.FormatDSN()
}

// checkDSN says what is wrong with a DSN without showing it.
func checkDSN(field, dsn, remedy string) error {
	if dsn == "" {
		return etf.Invalid(field, "no database is named", remedy)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return etf.Invalid(field, "not a MySQL DSN", "write user:password@tcp(host:port)/database")
	}
	if cfg.DBName == "" {
		return etf.Invalid(field, "the DSN names no database", "write user:password@tcp(host:port)/database")
	}
	return nil
}
