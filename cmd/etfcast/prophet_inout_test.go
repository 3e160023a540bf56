package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

func failing(err error) func(io.Writer) error {
	return func(io.Writer) error { return err }
}

// Outputs appear together or not at all; a link's target is replaced, and a device is written to, not replaced.
func TestInOut(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	broken := errors.New("no content")
	b.put("first", "old")
	var stdout bytes.Buffer
	f := &inOut{ctx: t.Context(), stdout: &stdout}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.write("out", b.path("first"), bytesOf([]byte("new"))))
	must(f.write("more", b.path("second"), failing(broken)))
	must(f.write("rest", "-", bytesOf([]byte("new"))))
	if err := f.commit(); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if got := b.names(); !slices.Equal(got, []string{"first"}) || b.get("first") != "old" || stdout.Len() > 0 {
		t.Errorf("after an error: %v, %s, %s", got, b.get("first"), stdout.String())
	}

	must(os.Symlink("first", b.path("link")))
	f = &inOut{ctx: t.Context(), stdout: &stdout}
	must(f.write("out", b.path("link"), bytesOf([]byte("new"))))
	must(f.write("device", os.DevNull, bytesOf([]byte("lost"))))
	must(f.write("rest", "-", bytesOf([]byte("said"))))
	must(f.commit())
	if got := b.names(); !slices.Equal(got, []string{"first", "link"}) || b.get("first") != "new" || stdout.String() != "said" {
		t.Errorf("%v, %s, %s", got, b.get("first"), stdout.String())
	}
	if info, err := os.Lstat(b.path("link")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if info, err := os.Lstat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s was replaced: %v", os.DevNull, err)
	}
}

// An interruption while outputs are written leaves what was there, and nothing else.
func TestInOutInterruptedWhileWriting(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("file", "old")
	ctx, cancel := context.WithCancel(t.Context())
	var stdout bytes.Buffer
	f := &inOut{ctx: ctx, stdout: &stdout}
	err := errors.Join(
		f.write("out", b.path("file"), func(w io.Writer) error {
			cancel()
			return bytesOf([]byte("new"))(w)
		}),
		f.write("rest", "-", bytesOf([]byte("new"))))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got := b.names(); !slices.Equal(got, []string{"file"}) || b.get("file") != "old" || stdout.Len() > 0 {
		t.Errorf("%v, %s, %s", got, b.get("file"), stdout.String())
	}
}

// An output is opened when it is named, but does not appear under its name; discarded, it leaves nothing.
func TestInOutDiscards(t *testing.T) {
	b := newWorkbench(t)
	b.put("old", "old")
	f := &inOut{ctx: t.Context()}
	if err := errors.Join(f.write("out", b.path("old"), bytesOf([]byte("new"))), f.write("more", b.path("new"), bytesOf([]byte("new")))); err != nil {
		t.Fatal(err)
	}
	hidden := 0
	for _, name := range b.names() {
		if strings.HasPrefix(name, ".old") || strings.HasPrefix(name, ".new") {
			hidden++
		} else if name != "old" {
			t.Errorf("%s is there before the command has succeeded", name)
		}
	}
	if hidden != 2 || b.get("old") != "old" {
		t.Errorf("%d hidden files, want 2; old: %s", hidden, b.get("old"))
	}
	f.discard()
	f.discard()
	if got := b.names(); !slices.Equal(got, []string{"old"}) || b.get("old") != "old" {
		t.Errorf("after discarding: %v, %s", got, b.get("old"))
	}
}

// A file that can't be created is refused when it is named.
func TestInOutRefusesClosedFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		testenv.OrdinaryUser.Missing(t)
	}
	b := newWorkbench(t)
	b.put("old", "old")
	if err := os.Chmod(b.dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(b.dir, 0o700) })
	f := &inOut{ctx: t.Context()}
	for _, name := range []string{"old", "new"} {
		err := f.write("out", b.path(name), failing(errors.New("the content was requested")))
		if code := exitCode(t.Context(), err); code != exitUsage || !strings.Contains(err.Error(), "out: the folder of "+b.path(name)+" can't be written to: permission denied") {
			t.Errorf("%s: exit code %d: %v", name, code, err)
		}
	}
}

// A stream that can't be written to leaves the files as they were: writing to /dev/full fails.
func TestProphetStreamsComeFirst(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		testenv.FullDevice.Missing(t)
	}
	b := newWorkbench(t)
	b.put("history.csv", daily(60))
	b.put("out.csv", "KEEP\n")
	before := b.names()
	code, _, stderr := b.run("cv --in @history.csv --horizon 5d --cutoffs 2023-02-10 --out @out.csv --metrics-out /dev/full")
	if code != exitError || !strings.Contains(stderr, "writing --metrics-out") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	var errs bytes.Buffer
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if code := run(t.Context(), b.args("fit --in @history.csv --model-out @out.csv --json"), nil, full, &errs); code != exitError || !strings.Contains(errs.String(), "writing --json") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if after := b.names(); !slices.Equal(after, before) || b.get("out.csv") != "KEEP\n" {
		t.Errorf("the folder had %v and now has %v; out.csv: %s", before, after, b.get("out.csv"))
	}
}

// A replaced file keeps its permissions, whether tight or loose.
func TestInOutKeepsPermissions(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	for _, mode := range []os.FileMode{0o600, 0o640, 0o666, 0o200} {
		b.put("file", "old")
		if err := os.Chmod(b.path("file"), mode); err != nil {
			t.Fatal(err)
		}
		f := &inOut{ctx: t.Context()}
		var during os.FileMode
		err := f.write("out", b.path("file"), func(w io.Writer) error {
			info, err := w.(*os.File).Stat()
			during = info.Mode().Perm()
			return err
		})
		if err = errors.Join(err, f.commit()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(b.path("file"))
		if err != nil || info.Size() != 0 || info.Mode().Perm() != mode || during != mode {
			t.Errorf("%v: %v after, %v while it was written (%v)", mode, info.Mode().Perm(), during, err)
		}
		if err := os.Remove(b.path("file")); err != nil {
			t.Fatal(err)
		}
	}
}

// A command that is interrupted while it waits for an input ends as interrupted.
func TestProphetInterruptedWhileWaiting(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t)
	b.put("history.csv", daily(60))
	if err := exec.CommandContext(t.Context(), "mkfifo", b.path("pipe"), b.path("closed")).Run(); err != nil {
		testenv.NamedPipes.Missing(t)
	}
	waiting, writer := io.Pipe()
	defer writer.Close()
	// An open, empty pipe.
	open, err := os.OpenFile(b.path("pipe"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	before := b.names()
	for _, args := range []string{
		"fit --in - --model-out @new.json",
		"fit --in @pipe --model-out @new.json",
		"fit --in @closed --model-out @new.json",
		"fit --in @history.csv --config @closed --model-out @new.json",
		"predict --model @closed --periods 5 --out @new.csv",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		a := &app{env: environment{}, stdout: &out, stderr: &errs}
		root := rootCommand(a)
		root.SetIn(waiting)
		root.SetArgs(b.args(args))
		ended := make(chan error)
		go func() { ended <- root.ExecuteContext(ctx) }()
		select {
		case err := <-ended:
			t.Errorf("%s did not wait: %v", args, err)
		default:
			cancel()
			if code := exitCode(ctx, <-ended); code != exitInterrupted {
				t.Errorf("%s: exit code %d", args, code)
			}
		}
		cancel()
	}
	if after := b.names(); !slices.Equal(after, before) {
		t.Errorf("the folder had %v and now has %v", before, after)
	}
}

// A command that is interrupted while nobody reads its output ends.
func TestInOutInterruptedWhileNobodyReads(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	f := &inOut{ctx: ctx, stdout: writer}
	if err := f.write("out", "-", bytesOf([]byte("new"))); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- f.commit() }()
	one := make([]byte, 1)
	if _, err := reader.Read(one); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	_ = reader.Close()
}

// An endless input is refused.
func TestInOutBoundsInputs(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1 << 20, 1<<20 + 1} {
		f := &inOut{ctx: t.Context(), stdin: bytes.NewReader(make([]byte, size))}
		raw, err := f.read("config", "-", 1)
		if large := size > 1<<20; large != (err != nil) || !large && len(raw) != size || large && (etf.KindOf(err) != etf.KindInvalid || !strings.Contains(err.Error(), "config: it is larger than 1 MB")) {
			t.Errorf("%d bytes: %d read, %v", size, len(raw), err)
		}
	}
	if _, err := os.Stat("/dev/zero"); err == nil {
		b := newWorkbench(t)
		b.put("history.csv", daily(30))
		for _, args := range []string{"fit --in /dev/zero --model-out @out", "fit --in @history.csv --config /dev/zero --model-out @out", "fit --in @history.csv --holidays /dev/zero --model-out @out"} {
			if code, _, stderr := b.run(args); code != exitUsage || !strings.Contains(stderr, "/dev/zero: ") {
				t.Errorf("%s: exit code %d: %s", args, code, stderr)
			}
		}
	}
}
