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
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"github.com/etfcast/etfcast/etf"
)

// A flag that is declared as a setting can also be given as ETFCAST_<FLAG> in the environment ("--file-dir" is
// ETFCAST_FILE_DIR) and as "<flag>:" in the YAML file named by --config or ETFCAST_CONFIG. Flags override the
// environment, which overrides the file, which overrides the default. Every other flag applies to one invocation and is
// given on the command line only. Temporal's settings (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS, API key, profiles) are
// read by Temporal's SDK.

// settings declares flags that are settings. A flag declared on the flag set directly is not a setting.
type settings struct{ flags *pflag.FlagSet }

// isSetting is the annotation that marks a flag as a setting.
const isSetting = "etfcast_setting"

func (s settings) mark(name string) {
	if err := s.flags.SetAnnotation(name, isSetting, []string{"true"}); err != nil {
		panic(err) // the flag was declared one line above
	}
}

func (s settings) StringVar(p *string, name, value, usage string) {
	s.flags.StringVar(p, name, value, usage)
	s.mark(name)
}

func (s settings) IntVar(p *int, name string, value int, usage string) {
	s.flags.IntVar(p, name, value, usage)
	s.mark(name)
}

func (s settings) Float64Var(p *float64, name string, value float64, usage string) {
	s.flags.Float64Var(p, name, value, usage)
	s.mark(name)
}

func (s settings) BoolVar(p *bool, name string, value bool, usage string) {
	s.flags.BoolVar(p, name, value, usage)
	s.mark(name)
}

func (s settings) StringSliceVar(p *[]string, name string, value []string, usage string) {
	s.flags.StringSliceVar(p, name, value, usage)
	s.mark(name)
}

func (s settings) StringToStringVar(p *map[string]string, name string, value map[string]string, usage string) {
	s.flags.StringToStringVar(p, name, value, usage)
	s.mark(name)
}

func marked(f *pflag.Flag) bool { return f.Annotations[isSetting] != nil }

// environment looks variables up in what was passed to run, not in the process's environment.
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

// otherVariables begin with ETFCAST_ but are not settings; one that ends in "_" is a prefix. CONTRIBUTING.md says what
// they are for.
var otherVariables = []string{
	"ETFCAST_CONFIG",                                                          // names the settings file
	"ETFCAST_REAL_DATA", "ETFCAST_NO_SKIP", "ETFCAST_ABSENT", "ETFCAST_TEST_", // tests
	"ETFCAST_URL", "ETFCAST_WEB_TOOLS", "ETFCAST_BENCH_DSN", // tests and measurements
	"ETFCAST_ADMIN_PASSWORD", "ETFCAST_PASSWORD", "ETFCAST_READER_PASSWORD", "ETFCAST_VERSION", // docker-compose.yml
}

// applySettings sets the command's settings that are not on the command line. It reports all problems at once. Unknown
// keys in the settings file are errors. Variables that look like settings but are not are returned as warnings: other
// programs set variables too (Kubernetes, for example, sets some for each service).
func applySettings(cmd *cobra.Command, env environment) (warnings []string, err error) {
	file, err := settingsFile(cmd.Flags(), env)
	if err != nil {
		return nil, err
	}
	var problems []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || !marked(f) {
			return
		}
		value, origin := file[f.Name], "the settings file"
		if v, ok := env.lookup(envName(f.Name)); ok && v != "" {
			value, origin = v, envName(f.Name)
		}
		if value == "" {
			return
		}
		if err := f.Value.Set(value); err != nil {
			problems = append(problems, etf.Invalid(origin, fmt.Sprintf("the value is not valid for --%s: %v", f.Name, err), "see `etfcast help settings`"))
		}
	})
	known := knownSettings(cmd.Root())
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if !slices.Contains(known, key) {
			problems = append(problems, etf.Invalid(key, "the settings file has an unknown key", "use "+strings.Join(known, ", ")))
		}
	}
	if len(problems) > 0 {
		return nil, usageError{errors.Join(problems...)}
	}
	return unknownVariables(known, env), nil
}

// unknownVariables returns a warning for each variable that looks like a setting but is not.
func unknownVariables(known []string, env environment) []string {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !strings.HasPrefix(name, "ETFCAST_") || env[name] == "" || slices.ContainsFunc(known, func(flag string) bool { return envName(flag) == name }) {
			continue
		}
		if isCredential(name) || slices.ContainsFunc(otherVariables, func(other string) bool {
			return name == other || strings.HasSuffix(other, "_") && strings.HasPrefix(name, other)
		}) {
			continue
		}
		warnings = append(warnings, name+" is not a setting and has no effect; `etfcast help settings` lists the settings")
	}
	return warnings
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
		return nil, usageError{etf.Invalid("config", path+" does not exist", "name an existing YAML file, or omit it")}
	}
	if err != nil {
		return nil, usageError{etf.Wrap(etf.KindInvalid, err, "reading the settings file")}
	}
	var values map[string]yaml.Node
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return nil, usageError{etf.Wrapf(etf.KindInvalid, err, "%s is not a YAML mapping of settings", path)}
	}
	out := make(map[string]string, len(values))
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch node := values[key]; {
		case node.Kind != yaml.ScalarNode:
			problems = append(problems, etf.Invalid(key, fmt.Sprintf("line %d of %s has a list or mapping as its value", node.Line, path), "write one string, as on the command line, with commas"))
		case node.Tag == "!!null":
			out[key] = ""
		default:
			out[key] = node.Value // as written: a decoded date or number would be formatted differently
		}
	}
	if len(problems) > 0 {
		return nil, usageError{errors.Join(problems...)}
	}
	return out, nil
}

// redactDSN returns the DSN without its password, for logs and `doctor`.
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

// checkDSN says what is wrong with a DSN without printing it.
func checkDSN(field, dsn, remedy string) error {
	if dsn == "" {
		return etf.Invalid(field, "the DSN is not set", remedy)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return etf.Invalid(field, "this is not a MySQL DSN", "write user:password@tcp(host:port)/database")
	}
	if cfg.DBName == "" {
		return etf.Invalid(field, "the DSN names no database", "write user:password@tcp(host:port)/database")
	}
	return nil
}
