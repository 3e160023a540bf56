package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/etf"
)

// app is what every command needs: the environment, the output streams and the common settings.
type app struct {
	env            environment
	stdout, stderr io.Writer // escape what could act on a terminal (safeWriter)
	common         commonSettings
	// checkpointNote makes the texts of the checkpoints that a command's entries get; nil for a command that enters none.
	checkpointNote etf.CheckpointNote
	checkpoints    ledgerSettings // where those are kept
}

// commonSettings are the settings of every command.
type commonSettings struct {
	config     string
	logLevel   string
	logFormat  string
	mysqlDSN   string
	temporalUI string
	times      exchangeTimes
}

// run is the whole program.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	env := newEnvironment(environ)
	out, errs := newSafeWriter(stdout), newSafeWriter(stderr)
	out.screen, errs.screen = screenOf(env), screenOf(env)
	a := &app{env: env, stdout: out, stderr: errs}
	root := rootCommand(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	report(a.stderr, err)
	return exitCode(ctx, err)
}

func rootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:     "etfcast",
		Version: version,
		Short:   "Daily ETF prices that can be trusted, forecasts that can be checked",
		Long: `etfcast stores daily ETF prices that can be trusted and issues forecasts that can be checked.

One durable pipeline, run by Temporal, leads from a provider's response to a stored forecast:
fetch, validate, persist, forecast, for every ETF and every trading session.

A flag that is a setting can also be given as ETFCAST_<FLAG> in the environment
(--file-dir is ETFCAST_FILE_DIR) or in the YAML file named by --config; other flags are
given on the command line only. "etfcast help settings" lists the settings. Temporal is
configured by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other TEMPORAL_* variables.

` + exitCodesHelp(),
		Example: `  etfcast up                                     migrate, then run worker and API in one process
  etfcast etf add SPY --exchange XNYS --source yahoo
  etfcast run daily --exchange XNYS --wait       update every ETF of the exchange now
  etfcast schedule apply                         and, from now on, after every close
  etfcast doctor                                 check everything and print remedies`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFlagGroups(cmd, args); err != nil {
				return err
			}
			warnings, err := applySettings(cmd, a.env)
			if err != nil || len(warnings) == 0 {
				return err
			}
			log, err := a.logger()
			if err != nil {
				return err
			}
			for _, w := range warnings {
				log.Warn(w)
			}
			return nil
		},
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	})
	addCommonFlags(root.PersistentFlags(), &a.common)
	root.AddCommand(
		upCommand(a), workerCommand(a), apiCommand(a), migrateCommand(a), readyCommand(a),
		etfCommand(a), sourceCommand(a), barsCommand(a), forecastCommand(a), freshnessCommand(a), scoreboardCommand(a), gateCommand(a), backtestCommand(a), runCommand(a), backfillCommand(a), gapsCommand(a), watchCommand(a), scheduleCommand(a), findingCommand(a), actionCommand(a), entryCommand(a),
		calendarCommand(a), checkCommand(a), prophetCommand(a), pruneCommand(a), reproduceCommand(a), provenanceCommand(a), ledgerCommand(a), keyCommand(a), doctorCommand(a), versionCommand(a),
		settingsTopic(), exitCodesTopic())
	// A group is not a command by itself, unless it says what it does: without a subcommand it prints its help, with an unknown one it fails.
	groups := append(root.Commands(), root)
	for _, group := range groups {
		if group.HasSubCommands() && group.RunE == nil {
			group.Args = cobra.ArbitraryArgs
			group.SuggestionsMinimumDistance = 2
			group.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					hint := ""
					if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
						hint = ", did you mean " + strings.Join(like, " or ") + "?"
					}
					return usageError{fmt.Errorf("unknown command %q%s; see `%s --help`", args[0], hint, cmd.CommandPath())}
				}
				return cmd.Help()
			}
		}
	}
	return root
}

func addCommonFlags(flags *pflag.FlagSet, c *commonSettings) {
	flags.StringVar(&c.config, "config", "", "YAML file with settings (ETFCAST_CONFIG)")
	declare := settings{flags}
	declare.StringVar(&c.logLevel, "log-level", "info", "lowest level to log: debug, info, warn or error")
	declare.StringVar(&c.logFormat, "log-format", "text", "log format on standard error: text or json")
	declare.StringVar(&c.mysqlDSN, "mysql-dsn", "", "DSN of the pipeline's user, user:password@tcp(host:port)/database")
	declare.StringVar(&c.temporalUI, "temporal-ui", "", "URL of Temporal's Web UI, for links")
}

// logger returns the configured logger, which writes to standard error: standard output is for results.
func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.common.logLevel)); err != nil {
		return nil, usageError{etf.Invalid("log-level", fmt.Sprintf("%q is not a log level", a.common.logLevel), "use debug, info, warn or error")}
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.common.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(a.stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.stderr, options)), nil
	}
	return nil, usageError{etf.Invalid("log-format", fmt.Sprintf("%q is not a log format", a.common.logFormat), "use text or json")}
}

// checkFlagGroups refuses flags that exclude each other as an error in the command line, which cobra alone does not.
func checkFlagGroups(cmd *cobra.Command, _ []string) error {
	if err := cmd.ValidateFlagGroups(); err != nil {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	}
	return nil
}

// exactArgs checks the number of arguments and names the missing or extra ones.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError{fmt.Errorf("argument %s is missing; usage: %s", strings.Join(names[len(args):], " "), cmd.UseLine())}
		}
		if len(args) > len(names) {
			return usageError{fmt.Errorf("%q is one argument too many; usage: %s", args[len(names)], cmd.UseLine())}
		}
		return nil
	}
}
