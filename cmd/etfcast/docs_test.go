package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/operations.md")

const repository = "../../"

func readText(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// files lists the repository's files whose names have one of these suffixes.
func files(t *testing.T, ends ...string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "bin", ".devstack", "testdata", "node_modules"}, d.Name()) {
			return fs.SkipDir
		}
		if !d.IsDir() && slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(path, end) }) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func settingsTable() string {
	var b strings.Builder
	b.WriteString("| flag | environment | settings file | default | commands | meaning |\n|---|---|---|---|---|---|\n")
	all, readers := allSettings(testRoot())
	for _, s := range all {
		fmt.Fprintf(&b, "| `--%s` | `%s` | `%s:` | %s | %s | %s |\n", s.name, envName(s.name), s.name, s.byCommand(), s.belongsTo(readers), s.meaning)
	}
	return b.String()
}

func exitCodeTable() string {
	var b strings.Builder
	b.WriteString("| code | meaning | a script's remedy |\n|---|---|---|\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", c.code, c.meaning, c.remedy)
	}
	return b.String()
}

// The tables of settings and exit codes in docs/operations.md match the code.
func TestTablesMatchTheCode(t *testing.T) {
	const page = repository + "docs/operations.md"
	for name, want := range map[string]string{"settings": settingsTable(), "exit-codes": exitCodeTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, ok := strings.Cut(readText(t, page), begin)
		got, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no section between %q and %q", page, begin, end)
		}
		if strings.TrimSpace(got) == strings.TrimSpace(want) {
			continue
		}
		if !*update {
			t.Errorf("the table %s in docs/operations.md does not match the code; `go test ./cmd/etfcast -update` rewrites it", name)
			continue
		}
		if err := os.WriteFile(page, []byte(before+begin+"\n"+want+"\n"+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shellWords splits a command line as a shell does, up to a comment, pipe, redirection or second command.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	flush := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	for i, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
			flush()
		case r == '#' && !inWord, r == ';', r == '>', r == '&', r == '|' && strings.HasPrefix(line[i:], "| "):
			flush()
			return words
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	flush()
	return words
}

var assignment = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)

// callOf returns the arguments of an etfcast command line; ok is false if the line runs another program.
func callOf(line string) (args []string, ok bool) {
	words := shellWords(strings.TrimPrefix(strings.TrimSpace(line), "$ "))
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 || filepath.Base(words[0]) != "etfcast" || strings.HasSuffix(words[0], "cmd/etfcast") {
		return nil, false
	}
	return words[1:], true
}

// alternatives expands "finding accept|reject" into two command lines.
func alternatives(args []string) [][]string {
	all := [][]string{nil}
	for _, word := range args {
		var next [][]string
		for _, choice := range strings.Split(word, "|") {
			for _, so := range all {
				next = append(next, append(slices.Clone(so), choice))
			}
		}
		all = next
	}
	return all
}

// placeholder reports whether a word stands for others: a format verb, an optional part or an ellipsis.
func placeholder(word string) bool {
	return strings.ContainsAny(word, "%<[…") || strings.HasPrefix(word, "...")
}

// checkCall says what is wrong with a command line: its commands and flags must exist. If it is meant to be typed
// verbatim, it must also have all its arguments, and its flags valid values.
func checkCall(args []string, typed bool) error {
	root := testRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	for i, word := range rest {
		name, _, _ := strings.Cut(word, "=")
		switch {
		case strings.HasPrefix(word, "--"):
			if cmd.Flags().Lookup(name[2:]) == nil && cmd.InheritedFlags().Lookup(name[2:]) == nil {
				return fmt.Errorf("%s has no flag %s", cmd.CommandPath(), name)
			}
		case i == 0 && cmd.HasSubCommands() && !placeholder(word):
			return fmt.Errorf("%s has no command %s", cmd.CommandPath(), word)
		}
	}
	if topic := cmd.Name() == "help" && len(rest) > 0; topic {
		if c, left, err := root.Find(rest); err != nil || c == root || len(left) > 0 {
			return fmt.Errorf("there is no help on %v", rest)
		}
	}
	if !typed || slices.ContainsFunc(rest, placeholder) {
		return nil
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

func checkLine(t *testing.T, where, line string, typed bool) (checked int) {
	t.Helper()
	args, ok := callOf(line)
	if !ok {
		return 0
	}
	for _, one := range alternatives(args) {
		checked++
		if err := checkCall(one, typed); err != nil {
			t.Errorf("%s: %s: %v", where, line, err)
		}
	}
	return checked
}

func TestCheckCall(t *testing.T) {
	for line, right := range map[string]bool{
		"etfcast ledger verify --json": true, "$ A=1 bin/etfcast run show daily:XNYS:2025-09-26 # then": true,
		"etfcast finding accept|reject ID --by me": true, "etfcast help settings": true, "etfcast schedule resume %s": true,
		"etfcast prophet plot --model m.json --out x | head": true, "etfcast": true, "etfcast --version": true,
		"etfcast backfill SPY": false, "etfcast ledger verify --jso": false, "etfcast run weekly": false, "etfcast finding accept|refuse ID": false,
		"etfcast run show": false, "etfcast run list --limit many": false, "etfcast help nothing": false, "etfcast etf add A B": false,
	} {
		args, ok := callOf(line)
		if !ok {
			t.Errorf("%s is not recognised as a command line", line)
			continue
		}
		var err error
		for _, one := range alternatives(args) {
			if e := checkCall(one, true); e != nil {
				err = e
			}
		}
		if (err == nil) != right {
			t.Errorf("%s: %v", line, err)
		}
	}
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```")
	inline = regexp.MustCompile("`([^`\n]+)`")

	quoted    = regexp.MustCompile(`"(etfcast [^"\n]+)"`)
	mentioned = regexp.MustCompile(`\b(etfcast ([a-z]+) [a-z]+)\b`)
)

// groupNames maps the name of each command to whether it has subcommands.
func groupNames() map[string]bool {
	groups := map[string]bool{}
	for _, c := range testRoot().Commands() {
		groups[c.Name()] = c.HasSubCommands()
	}
	return groups
}

// Every command line in the docs exists, including its flags.
func TestCommandsInPagesExist(t *testing.T) {
	groups := groupNames()
	typed, named := 0, 0
	for _, page := range files(t, ".md") {
		if strings.HasSuffix(page, "CHANGELOG.md") {
			continue // it also describes the past
		}
		text := readText(t, page)
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			m[1] = strings.ReplaceAll(m[1], "\netfcast is up;", "") // printed by --demo
			for _, line := range strings.Split(strings.ReplaceAll(m[1], "\\\n", " "), "\n") {
				for _, part := range strings.Split(line, "&& ") {
					typed += checkLine(t, page, part, true)
				}
				if before, program, ok := strings.Cut(line, "ExecStart="); ok && before == "" {
					typed += checkLine(t, page, program, true)
				}
			}
		}
		for _, m := range inline.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			line := m[1]
			// "run show" without the program's name.
			if words := strings.Fields(line); len(words) > 1 && groups[words[0]] && !strings.Contains(words[1], "/") {
				line = "etfcast " + line
			}
			named += checkLine(t, page, line, false)
		}
	}
	if typed < 30 || named < 40 {
		t.Errorf("only %d command lines and %d mentioned commands were found: the patterns no longer match", typed, named)
	}
}

// The command that each alert begins with exists.
func TestCommandsOfAlertsExist(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations map[string]string
			}
		}
	}
	const path = repository + "deploy/prometheus/rules.yml"
	if err := yaml.Unmarshal([]byte(readText(t, path)), &file); err != nil {
		t.Fatal(err)
	}
	label := regexp.MustCompile(`\{\{ \$labels\.\w+ \}\}`)
	checked := 0
	for _, g := range file.Groups {
		for _, rule := range g.Rules {
			checked += checkLine(t, path+": "+rule.Alert, label.ReplaceAllString(rule.Annotations["command"], "XNYS"), true)
		}
	}
	if checked < 15 {
		t.Errorf("only %d commands were checked", checked)
	}
}

// literal returns the value of an expression of string literals, with "%" for operands that are not literals.
func literal(e ast.Expr) (text string, isText bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "%", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "%", false
		}
		left, l := literal(e.X)
		right, r := literal(e.Y)
		return left + right, l || r
	case *ast.ParenExpr:
		return literal(e.X)
	}
	return "%", false
}

// texts calls do with every string in the repository's Go files except tests.
func texts(t *testing.T, do func(where, text string)) {
	t.Helper()
	set := token.NewFileSet()
	for _, path := range files(t, ".go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, isText := literal(e)
			if isText {
				do(fmt.Sprint(set.Position(n.Pos())), text)
			}
			return !isText
		})
	}
}

// Every command named in a message, remedy or help text exists, including its flags.
func TestCommandsInMessagesExist(t *testing.T) {
	groups, checked := groupNames(), 0
	texts(t, func(where, text string) {
		for _, m := range inline.FindAllStringSubmatch(text, -1) {
			checked += checkLine(t, where, m[1], false)
		}
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			checked += checkLine(t, where, m[1], false)
		}
		for _, m := range mentioned.FindAllStringSubmatch(text, -1) { // in prose, where the end of a command line is unknown
			if groups[m[2]] {
				checked += checkLine(t, where, m[1], false)
			}
		}
	})
	if checked < 60 {
		t.Errorf("only %d commands were found: the patterns no longer match", checked)
	}
}

// The examples in the help can be typed verbatim.
func TestExamplesCanBeTyped(t *testing.T) {
	checked := 0
	check := func(cmd *cobra.Command) {
		for _, line := range strings.Split(cmd.Example, "\n") {
			line, _, _ = strings.Cut(line, "   ") // the description
			if strings.TrimSpace(line) == "" {
				line = strings.TrimSpace(cmd.Example)
			}
			checked += checkLine(t, cmd.CommandPath(), strings.TrimSpace(line), true)
		}
	}
	root := testRoot()
	check(root)
	commands(root, check)
	if checked < 20 {
		t.Errorf("only %d examples were found", checked)
	}
}

var variable = regexp.MustCompile(`\bETFCAST_[A-Z0-9_]+`)

// Every variable named anywhere is a setting, a source's credential or one of otherVariables, and CONTRIBUTING.md explains the latter.
func TestVariablesExist(t *testing.T) {
	known := knownSettings(testRoot())
	exists := func(name string) bool {
		return isCredential(name) || slices.ContainsFunc(known, func(flag string) bool { return envName(flag) == name }) ||
			slices.ContainsFunc(otherVariables, func(other string) bool {
				return name == other || strings.HasSuffix(other, "_") && strings.HasPrefix(name, other)
			})
	}
	checked := map[string]bool{}
	check := func(where, text string) {
		for _, name := range variable.FindAllString(text, -1) {
			checked[name] = true
			if !exists(name) {
				t.Errorf("%s: %s is neither a setting, nor a credential, nor one of otherVariables", where, name)
			}
		}
	}
	for _, path := range files(t, ".md", "Makefile", "Dockerfile", ".yml", ".yaml", ".sh", ".py", ".env.example", ".ci/run") {
		if !strings.HasSuffix(path, "CHANGELOG.md") {
			check(path, readText(t, path))
		}
	}
	texts(t, check)
	contributing := readText(t, repository+"CONTRIBUTING.md")
	for _, name := range otherVariables {
		if !strings.Contains(contributing, "`"+name) {
			t.Errorf("CONTRIBUTING.md does not say what %s is for", name)
		}
	}
	for _, name := range []string{"ETFCAST_MYSQL_DSN", "ETFCAST_REAL_DATA", "ETFCAST_TEST_DATABASES", "ETFCAST_ADMIN_PASSWORD"} {
		if !checked[name] {
			t.Errorf("%s was found nowhere: the pattern no longer matches", name)
		}
	}
}

// operations returns the paths in the OpenAPI document with their methods.
func operations(t *testing.T) map[string][]string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal([]byte(readText(t, repository+"api/openapi.yaml")), &document); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for path, entries := range document.Paths {
		for method := range entries {
			all[path] = append(all[path], strings.ToUpper(method))
		}
		if slices.Contains(all[path], "GET") {
			all[path] = append(all[path], "HEAD")
		}
	}
	return all
}

// served reports whether the API has a path, written with values or placeholders, for the method; "" means any method.
func served(all map[string][]string, method, path string) bool {
	written := strings.Split(strings.TrimRight(path, "/."), "/")
	for pattern, methods := range all {
		want := strings.Split(pattern, "/")
		if len(want) != len(written) || method != "" && !slices.Contains(methods, method) {
			continue
		}
		match := true
		for i := range want {
			open := strings.HasPrefix(want[i], "{") || strings.ContainsAny(written[i], "%{") || strings.HasPrefix(written[i], ":")
			match = match && (open && written[i] != "" || want[i] == written[i])
		}
		if match {
			return true
		}
	}
	return false
}

var (
	endpoint   = regexp.MustCompile(`(?:\b(GET|HEAD|POST|PUT|PATCH|DELETE) )?(?:\$API|https?://[\w.%\[\]-]+(?::[\w%]+)?|localhost:\d+|\B)(/v1/[\w{}:.%/\[\]-]+)`)
	curlMethod = regexp.MustCompile(`-X ?([A-Z]+)`)
	rootPath   = regexp.MustCompile("^(?:(GET|HEAD|POST) )?(/[a-z.]+(?:/[a-z-]+)*)$")
)

// Every endpoint named in the docs, a message or a remedy is in the OpenAPI document, with that method.
func TestEndpointsExist(t *testing.T) {
	all := operations(t)
	checked := 0
	check := func(where, method, path string) {
		checked++
		if !served(all, method, path) {
			t.Errorf("%s: %s %s is not in api/openapi.yaml", where, method, path)
		}
	}
	for _, page := range files(t, ".md") {
		if strings.HasSuffix(page, "CHANGELOG.md") {
			continue
		}
		text := strings.ReplaceAll(readText(t, page), "\\\n", " ")
		for _, line := range strings.Split(text, "\n") {
			for _, m := range endpoint.FindAllStringSubmatch(line, -1) {
				method := m[1]
				if command := strings.TrimSpace(line); strings.HasPrefix(command, "curl ") {
					method = "GET"
					if x := curlMethod.FindStringSubmatch(command); x != nil {
						method = x[1]
					} else if strings.Contains(command, " -d ") {
						method = "POST"
					}
				}
				check(page, method, m[2])
			}
		}
		for _, m := range inline.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if p := rootPath.FindStringSubmatch(m[1]); p != nil && !strings.HasPrefix(p[2], "/v1/") {
				check(page, p[1], p[2])
			}
		}
	}
	inPages := checked
	texts(t, func(where, text string) {
		if strings.HasPrefix(where, repository+"source/") {
			return // the providers' endpoints
		}
		for _, m := range endpoint.FindAllStringSubmatch(text, -1) {
			check(where, m[1], m[2])
		}
	})
	if inPages < 40 || checked-inPages < 10 {
		t.Errorf("only %d endpoints were found in the docs and %d in the code: the patterns no longer match", inPages, checked-inPages)
	}
	for path, want := range map[string]bool{
		"GET /v1/etfs/SPY": true, "POST /v1/runs/daily:XNYS:2025-09-26/cancel": true, " /v1/forecasts/%s/fit": true, "HEAD /readyz": true,
		"DELETE /v1/etfs/SPY": false, " /v1/backfillz": false, "GET /v1/runs/x/cancel": false, "GET /status": false,
	} {
		if method, path, _ := strings.Cut(path, " "); served(all, method, path) != want {
			t.Errorf("%s %s: served is not %v", method, path, want)
		}
	}
}
