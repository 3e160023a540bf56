package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultTemporalPort = 7233
	defaultUIPort       = 8233
	defaultMySQLPort    = 13306 // not 3306, where many machines run their own MySQL
	defaultFolder       = ".devstack"
)

const usage = `devstack runs the servers needed to develop and test etfcast, on 127.0.0.1 and in one
process (or two, with --separate): a Temporal server with its Web UI, and a
MySQL-compatible database. Data is kept in one folder across restarts.

Usage:
  devstack run [flags] [-- COMMAND ARGS...]
  devstack env [--data DIR]
  devstack version
  devstack help

With a command, run waits until all servers are ready, runs the command with the
environment below, forwards signals to it, stops the servers once it has ended
and exits with its exit code (128+signal if a signal ended it). Without a command
it serves until interrupted.

env prints the same environment for use in another terminal, while devstack is
running: eval "$(devstack env)"

Flags of run:
  --data DIR           folder for all data            (default .devstack)
  --temporal-port N    Temporal's gRPC port           (default 7233)
  --ui-port N          port of Temporal's Web UI      (default 8233)
  --mysql-port N       port of the database           (default 13306)
  --ephemeral          free ports and a temporary folder, removed at the end;
                       any number of these can run at the same time
  --separate           run Temporal and the database as two more processes, whose
                       IDs are in DIR/temporal.pid and DIR/database.pid; one that
                       is killed is started again on its data and port
  --log-level LEVEL    error, warn, info or debug, for the servers' log files
                       in the data folder             (default warn)
  --quiet              no banner

Environment of the command:
  TEMPORAL_ADDRESS         host:port of the Temporal server
  TEMPORAL_NAMESPACE       default
  ETFCAST_TEMPORAL_UI      URL of Temporal's Web UI
  ETFCAST_MYSQL_DSN        database etfcast as user etfcast, who has no privileges
                           on any table until "etfcast migrate --grant etfcast"
  ETFCAST_MYSQL_ADMIN_DSN  database etfcast as user etfcast_admin, for migrations
                           and for tests, which create their own databases
`

// options is a validated command line.
type options struct {
	verb         string // run, serve, env, version, help
	server       string // what serve runs: one of serverNames
	folder       string // absolute; empty when ephemeral
	temporalPort int    // 0 = any free port, for all three
	uiPort       int
	mysqlPort    int
	ephemeral    bool
	separate     bool
	quiet        bool
	logLevel     string
	command      []string
}

var logLevels = []string{"error", "warn", "info", "debug"}

func parseArgs(args []string) (options, error) {
	if len(args) == 0 {
		return options{}, usagef("the command is missing; use run, env, version or help (devstack help explains them)")
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return options{verb: "help"}, nil
	case "version", "--version":
		return options{verb: "version"}, nil
	case "run", "env":
	case "serve":
		return parseServeArgs(args[1:])
	default:
		return options{}, usagef("there is no command %q; use run, env, version or help", args[0])
	}

	opts := options{verb: args[0]}
	flags := flag.NewFlagSet(opts.verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller prints the error
	flags.Usage = func() {}
	flags.StringVar(&opts.folder, "data", defaultFolder, "")
	if opts.verb == "env" {
		err := parseEnvArgs(flags, args[1:], &opts)
		return opts, err
	}
	flags.IntVar(&opts.temporalPort, "temporal-port", defaultTemporalPort, "")
	flags.IntVar(&opts.uiPort, "ui-port", defaultUIPort, "")
	flags.IntVar(&opts.mysqlPort, "mysql-port", defaultMySQLPort, "")
	flags.BoolVar(&opts.ephemeral, "ephemeral", false, "")
	flags.BoolVar(&opts.separate, "separate", false, "")
	flags.BoolVar(&opts.quiet, "quiet", false, "")
	flags.StringVar(&opts.logLevel, "log-level", "warn", "")
	flagArgs, command, separated := cutAtDashes(args[1:])
	if err := flags.Parse(flagArgs); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return options{verb: "help"}, nil
		}
		return options{}, usagef("%v (devstack help lists the flags of run)", err)
	}
	if flags.NArg() > 0 {
		return options{}, usagef("-- is missing before the command; use devstack run [flags] -- %s", strings.Join(flags.Args(), " "))
	}
	if separated && len(command) == 0 {
		return options{}, usagef("there is no command after --; add one, or omit -- to serve until interrupted")
	}
	opts.command = command

	set := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { set[f.Name] = true })
	return opts, opts.complete(set)
}

// parseServeArgs reads the command line of a server's own process. Only devstack writes it (serveArgs), so usage does not
// show it.
func parseServeArgs(args []string) (options, error) {
	opts := options{verb: "serve"}
	if len(args) == 0 || !slices.Contains(serverNames, args[0]) {
		return opts, usagef("serve is for devstack itself; use run --separate")
	}
	opts.server = args[0]
	flags := flag.NewFlagSet(opts.verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller prints the error
	flags.StringVar(&opts.folder, "data", "", "")
	flags.IntVar(&opts.temporalPort, "temporal-port", 0, "")
	flags.IntVar(&opts.uiPort, "ui-port", 0, "")
	flags.IntVar(&opts.mysqlPort, "mysql-port", 0, "")
	flags.StringVar(&opts.logLevel, "log-level", "warn", "")
	if err := flags.Parse(args[1:]); err != nil {
		return opts, usagef("%v (serve is for devstack itself; use run --separate)", err)
	}
	return opts, nil
}

// serveArgs is the command line that parseServeArgs reads.
func (o options) serveArgs(server, folder string) []string {
	return []string{
		"serve", server, "--data", folder, "--log-level", o.logLevel, "--temporal-port", strconv.Itoa(o.temporalPort),
		"--ui-port", strconv.Itoa(o.uiPort), "--mysql-port", strconv.Itoa(o.mysqlPort),
	}
}

func parseEnvArgs(flags *flag.FlagSet, args []string, opts *options) error {
	if err := flags.Parse(args); err != nil {
		return usagef("%v (env takes only --data DIR)", err)
	}
	if flags.NArg() > 0 {
		return usagef("unexpected argument %q; env takes only --data DIR", flags.Arg(0))
	}
	path, err := filepath.Abs(opts.folder)
	if err != nil {
		return fmt.Errorf("resolving --data %s for env: %w", opts.folder, err)
	}
	opts.folder = path
	return nil
}

// cutAtDashes splits the arguments at the first "--": the flag package drops it without reporting whether it was there.
func cutAtDashes(args []string) (before, after []string, found bool) {
	if i := slices.Index(args, "--"); i >= 0 {
		return args[:i], args[i+1:], true
	}
	return args, nil, false
}

// complete fills in what depends on other flags and checks everything that needs no access to the machine.
func (o *options) complete(set map[string]bool) error {
	if !slices.Contains(logLevels, o.logLevel) {
		return usagef("--log-level %q is not a log level; use %s", o.logLevel, strings.Join(logLevels, ", "))
	}
	ports := []struct {
		flag string
		port *int
	}{{"temporal-port", &o.temporalPort}, {"ui-port", &o.uiPort}, {"mysql-port", &o.mysqlPort}}
	taken := map[int]string{}
	for _, p := range ports {
		if o.ephemeral && !set[p.flag] {
			*p.port = 0
			continue
		}
		if *p.port < 1 || *p.port > 65535 {
			return usagef("--%s %d is not a port; use 1 to 65535", p.flag, *p.port)
		}
		if other, ok := taken[*p.port]; ok {
			return usagef("--%s and --%s are both %d; use different ports", other, p.flag, *p.port)
		}
		taken[*p.port] = p.flag
	}
	if o.ephemeral {
		if set["data"] {
			return usagef("--ephemeral and --data can't be combined, as an ephemeral folder is removed at the end; use one of them")
		}
		o.folder = ""
		return nil
	}
	if o.folder == "" {
		return usagef("--data is empty; give it a folder")
	}
	abs, err := filepath.Abs(o.folder)
	if err != nil {
		return fmt.Errorf("resolving --data %s: %w", o.folder, err)
	}
	o.folder = abs
	return nil
}
