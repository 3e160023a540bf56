package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// setting describes one setting as its commands declare it.
type setting struct {
	name     string // of the flag, also the key in a settings file
	meaning  string
	commands []string // that have it, in help order
	defaults []string // one per command
}

// allSettings returns the settings of every command in alphabetical order, and how many commands read settings.
func allSettings(root *cobra.Command) (all []setting, readers int) {
	found := map[string]*setting{}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			walk(c)
		}
		if !cmd.Runnable() || cmd.HasSubCommands() || !readsSettings(cmd) {
			return
		}
		readers++
		note := func(f *pflag.Flag) {
			if !marked(f) {
				return
			}
			s := found[f.Name]
			if s == nil {
				s = &setting{name: f.Name}
				found[f.Name] = s
			}
			var standard string
			s.meaning, standard = describeFlag(f)
			s.commands = append(s.commands, strings.TrimPrefix(cmd.CommandPath(), root.Name()+" "))
			s.defaults = append(s.defaults, standard)
		}
		cmd.LocalFlags().VisitAll(note)
		cmd.InheritedFlags().VisitAll(note)
	}
	walk(root)
	for _, s := range found {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b setting) int { return cmp.Compare(a.name, b.name) })
	return all, readers
}

// readsSettings reports whether the root command's hook, which reads the settings, runs before the command; a hook of a
// group replaces it.
func readsSettings(cmd *cobra.Command) bool {
	for ; cmd.HasParent(); cmd = cmd.Parent() {
		if cmd.PersistentPreRunE != nil {
			return false
		}
	}
	return true
}

// knownSettings returns every key that a settings file may have.
func knownSettings(root *cobra.Command) []string {
	all, _ := allSettings(root)
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return names
}

var defaultInUsage = regexp.MustCompile(` \(default: ([^()]+)\)$`)

// describeFlag returns a flag's meaning and default. Where the zero value means a default, the usage text names it.
func describeFlag(f *pflag.Flag) (meaning, standard string) {
	_, usage := pflag.UnquoteUsage(f)
	if m := defaultInUsage.FindStringSubmatch(usage); m != nil {
		return strings.TrimSuffix(usage, m[0]), m[1]
	}
	switch f.DefValue {
	case "", "[]", "0":
		return usage, "none"
	}
	return usage, f.DefValue
}

// byCommand returns the default, followed by the commands whose default differs.
func (s setting) byCommand() string {
	var b strings.Builder
	b.WriteString(s.defaults[0])
	for i, d := range s.defaults {
		if d != s.defaults[0] {
			fmt.Fprintf(&b, " (%s: %s)", s.commands[i], d)
		}
	}
	return b.String()
}

func (s setting) belongsTo(readers int) string {
	if len(s.commands) == readers {
		return "all but check and prophet"
	}
	return strings.Join(s.commands, ", ")
}

func writeSettings(w io.Writer, root *cobra.Command) {
	fmt.Fprint(w, `A setting is given by its flag, its environment variable, or its key in the YAML file named by --config or
ETFCAST_CONFIG. The flag overrides the variable, which overrides the file, which overrides the default. Every other flag
applies to one invocation and is given on the command line only.

`)
	all, readers := allSettings(root)
	for _, s := range all {
		fmt.Fprintf(w, "  --%s, %s, %s:\n      %s\n      default: %s; commands: %s\n", s.name, envName(s.name), s.name, s.meaning, s.byCommand(), s.belongsTo(readers))
	}
}

// settingsTopic is `etfcast help settings`.
func settingsTopic() *cobra.Command {
	topic := &cobra.Command{Use: "settings", Short: "List the settings: flag, variable, key in the settings file, default, commands"}
	topic.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeSettings(cmd.OutOrStdout(), cmd.Root()) })
	return topic
}

// exitCodesTopic is `etfcast help exit-codes`.
func exitCodesTopic() *cobra.Command {
	topic := &cobra.Command{Use: "exit-codes", Short: "List the exit codes, with a script's remedy for each"}
	topic.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		w := cmd.OutOrStdout()
		fmt.Fprintln(w, "Exit codes:")
		for _, c := range exitCodes {
			fmt.Fprintf(w, "  %-4d %s\n       %s\n", c.code, c.meaning, c.remedy)
		}
	})
	return topic
}
