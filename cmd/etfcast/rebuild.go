package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// rebuild builds the program that made a forecast and runs it.
type rebuild struct {
	wanted     bool
	repository string // a folder in it
	deep       bool   // beginning at the stored responses
	anyway     bool   // with deep: what other versions judged counts as recorded
}

// childExit is the exit code of a program that was run in place of this one and has reported everything itself.
type childExit int

func (e childExit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run builds the code version of the forecast in a temporary folder and runs its `reproduce`.
func (r rebuild) run(ctx context.Context, a *app, f etf.Forecast, as format) error {
	commit := service.CommitOf(f.CodeVersion)
	if commit == "" {
		return etf.Invalid("build", fmt.Sprintf("forecast %s was made by etfcast %s, which does not name the commit of its code", f.ID, f.CodeVersion),
			"run the program that made it, if it was kept, or try this one with --anyway")
	}
	folder, err := os.MkdirTemp("", "etfcast-reproduce-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	program, err := r.build(ctx, a.stderr, f, commit, folder)
	if err != nil {
		return err
	}
	args := []string{"reproduce", f.ID}
	if as.json {
		args = append(args, "--json")
	}
	if as.csv {
		args = append(args, "--csv")
	}
	if r.deep {
		args = append(args, "--deep")
	}
	if r.anyway {
		args = append(args, "--anyway")
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = slices.DeleteFunc(a.env.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "ETFCAST_") })
	cmd.Env = append(cmd.Env, "ETFCAST_MYSQL_DSN="+a.common.mysqlDSN) // the other settings may be unknown to that version
	cmd.Stdout, cmd.Stderr = a.stdout, a.stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && ctx.Err() == nil {
		return childExit(exit.ExitCode())
	}
	return err
}

// goRelease matches the versions of Go that the go command can download.
var goRelease = regexp.MustCompile(`^go1\.\d+(\.\d+)?$`)

// build checks the commit out below the folder, builds it as the forecast says, and returns the program's path.
func (r rebuild) build(ctx context.Context, progress io.Writer, f etf.Forecast, commit, folder string) (program string, err error) {
	source := filepath.Join(folder, "source")
	program = filepath.Join(folder, "etfcast")
	whole, err := toolOutput(ctx, "", nil, "git", "-C", r.repository, "rev-parse", "--verify", "--quiet", commit+"^{commit}")
	if etf.KindOf(err) == etf.KindInvalid { // there is no git
		return "", err
	}
	if err != nil {
		return "", etf.Invalid("repo", fmt.Sprintf("%s is no git repository with commit %s", r.repository, commit),
			"name one with --repo, and fetch all of its commits (`git fetch --unshallow`)")
	}
	root, err := toolOutput(ctx, "", nil, "git", "-C", r.repository, "rev-parse", "--path-format=absolute", "--git-common-dir")
	if err != nil {
		return "", notBuilt(ctx, commit, err)
	}
	fmt.Fprintf(progress, "etfcast: building commit %s for %s\n", commit, programText(f.CodeVersion, f.Build))
	for _, call := range [][]string{
		{"git", "clone", "--quiet", "--no-checkout", "--shared", root, source},
		{"git", "-C", source, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", whole},
	} {
		if _, err := toolOutput(ctx, "", nil, call[0], call[1:]...); err != nil {
			return "", notBuilt(ctx, commit, err)
		}
	}
	// The same Go and level of instructions as the forecast's, so that every bit may be equal. The go command gets this Go if it is
	// another one.
	env := append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if goRelease.MatchString(f.Build.Go) {
		env = append(env, "GOTOOLCHAIN="+f.Build.Go)
	}
	if level, _, _ := strings.Cut(f.Build.Features, "+"); level != "" && f.Build.Arch == runtime.GOARCH {
		env = append(env, "GO"+strings.ToUpper(levelOf(f.Build.Arch))+"="+level)
	}
	if _, err := toolOutput(ctx, source, env, "go", "build", "-buildvcs=true", "-trimpath", "-o", program, "./cmd/etfcast"); err != nil {
		return "", notBuilt(ctx, commit, err)
	}
	told, err := toolOutput(ctx, "", nil, program, "version")
	if err != nil {
		return "", notBuilt(ctx, commit, err)
	}
	if words := strings.Fields(told); len(words) < 2 || words[1] != f.CodeVersion {
		return "", &etf.Error{Kind: etf.KindConflict, Field: "build", Message: fmt.Sprintf("commit %s gives %q, not etfcast %s", commit, told, f.CodeVersion),
			Remedy: "build that version yourself and run it, or try this program with --anyway"}
	}
	if help, err := toolOutput(ctx, "", nil, program, "--help"); err == nil && !strings.Contains(help, "reproduce") {
		return "", &etf.Error{Kind: etf.KindConflict, Field: "build", Message: fmt.Sprintf("etfcast %s has no command that makes forecasts again", f.CodeVersion),
			Remedy: "try this program with --anyway"}
	}
	return program, nil
}

// notBuilt is the error of a program that can't be built: not that of a forecast that differs.
func notBuilt(ctx context.Context, commit string, err error) error {
	if ctx.Err() != nil || etf.KindOf(err) == etf.KindInvalid { // interrupted; a program is missing
		return err
	}
	return &etf.Error{Kind: etf.KindConflict, Field: "build", Message: fmt.Sprintf("commit %s can't be built here: %v", commit, err),
		Remedy: "build it elsewhere and run it, or try this program with --anyway", Err: err}
}

// toolOutput runs a program and returns what it prints, without the space around it. The error has what it printed to standard error.
func toolOutput(ctx context.Context, folder string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = folder, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", etf.Invalid("build", fmt.Sprintf("there is no program %q", name), "install it, or build the version yourself")
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("running %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), err
}
