package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestEphemeralRunsAllServersAndLeavesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, append([]string{"run", "--ephemeral"}, probe("servers")...)...)
	p.end(0)
	left, err := os.ReadDir(p.tmp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	banner := p.stderr.String()
	for _, want := range []string{"devstack is ready after", "http://127.0.0.1:", "mysql -h 127.0.0.1"} {
		if !strings.Contains(banner, want) {
			t.Errorf("the banner does not contain %q:\n%s", want, banner)
		}
	}
}

func TestKeepsDataAcrossRestartAndKill(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "a folder?with #odd name")
	run := func(rest ...string) *process {
		t.Helper()
		return start(t, append([]string{"run", "--quiet", "--data", data, "--temporal-port", port(t), "--ui-port", port(t), "--mysql-port", port(t)}, rest...)...)
	}
	run(probe("write")...).end(0)
	before := passwords(t, data)
	run(probe("read")...).end(0)
	if after := passwords(t, data); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("passwords changed from %v to %v", before, after)
	}

	// The probe shares this standard output: reaching its end shows that the command does not outlive devstack.
	held := run(probe("hold")...)
	held.line("holding")
	held.signal(syscall.SIGKILL)
	held.end(-1)

	run(probe("read")...).end(0)
}

// With --separate, each server can be killed: it is started again on its data and port, and has lost nothing that it
// acknowledged.
func TestSeparateServersAreStartedAgain(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"run", "--separate", "--quiet", "--data", data, "--temporal-port", port(t), "--ui-port", port(t), "--mysql-port", port(t)}
	var stdin io.WriteCloser
	p := startWith(t, func(p *process) {
		var err error
		if stdin, err = p.cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
	}, append(args, probe("insist")...)...)
	p.line("insisting")
	pids := map[string]int{}
	for _, c := range []struct {
		servers []string
		again   bool // killed again while it starts
	}{
		{servers: []string{"temporal"}},
		{servers: []string{"database"}},
		{servers: []string{"database", "temporal"}},
		{servers: []string{"temporal", "database"}, again: true},
	} {
		for _, name := range c.servers {
			pids[name] = killServer(t, data, name, pids[name])
			if c.again {
				pids[name] = killServer(t, data, name, pids[name])
			}
		}
		fmt.Fprintln(stdin)
		p.line("checked")
	}
	// The servers end with a killed devstack, and another one can use the folder at once.
	p.signal(syscall.SIGKILL)
	p.end(-1)
	start(t, append(args, probe("read")...)...).end(0)
	if left, _ := filepath.Glob(filepath.Join(data, "*.pid")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// killServer waits until the server has another process than last, kills that and returns its ID.
func killServer(t *testing.T, data, name string, last int) int {
	t.Helper()
	pid := last
	if err := until(t.Context(), func(context.Context) error {
		text, err := os.ReadFile(filepath.Join(data, name+".pid"))
		if err != nil {
			return err
		}
		if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid == last {
			err = fmt.Errorf("%s is still process %d", name, pid)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestSeparateServersStopWithTheCommand(t *testing.T) {
	t.Parallel()
	p := start(t, append([]string{"run", "--separate", "--ephemeral"}, probe("servers")...)...)
	p.end(0)
	if left, err := os.ReadDir(p.tmp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	if got := p.stderr.String(); strings.Contains(got, "again") {
		t.Errorf("a server was started again: %s", got)
	}
}

func TestSeparateServerThatCannotStart(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	args := []string{"run", "--separate", "--quiet", "--data", data, "--temporal-port", port(t), "--ui-port", port(t), "--mysql-port", port(t)}
	start(t, append(args, "--", "true")...).end(0)
	if err := os.WriteFile(filepath.Join(data, "temporal.db"), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, append(args, "--", "true")...)
	p.end(1)
	if got := p.stderr.String(); !strings.Contains(got, "Temporal") || strings.Count(got, "\n") != 1 {
		t.Errorf("the message is %q", got)
	}
}

func passwords(t *testing.T, data string) map[string]string {
	t.Helper()
	path := filepath.Join(data, markerFile)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", markerFile, info.Mode())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m marker
	if err := json.Unmarshal(content, &m); err != nil {
		t.Fatal(err)
	}
	return m.Passwords
}

func port(t *testing.T) string {
	t.Helper()
	free, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(free)
}

func TestForwardsEachSignalOnceAndWaits(t *testing.T) {
	t.Parallel()
	p := start(t, append([]string{"run", "--ephemeral", "--quiet"}, probe("signals")...)...)
	p.line("ready")
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGINT, syscall.SIGINT} {
		p.signal(sig)
		p.line(sig.String())
	}
	p.signal(syscall.SIGTERM)
	p.line("terminated")
	if rest := p.end(9); rest != "" {
		t.Errorf("the command got more signals than were sent: %q", rest)
	}
}

func TestServesUntilInterruptedAndLocksItsFolder(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	ports := []string{"--temporal-port", port(t), "--ui-port", port(t), "--mysql-port", port(t)}
	// Read the banner through a pipe: it shows when the servers are up.
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	p := startWith(t, func(p *process) { p.cmd.Stderr = write }, append([]string{"run", "--data", data}, ports...)...)
	write.Close()
	banner := bufio.NewReader(read)
	if line, _ := banner.ReadString('\n'); !strings.HasPrefix(line, "devstack is ready") {
		t.Fatalf("banner: %q", line)
	}

	refused := start(t, "run", "--data", data, "--temporal-port", port(t), "--ui-port", port(t), "--mysql-port", port(t))
	refused.end(1)
	if got := refused.stderr.String(); !strings.Contains(got, fmt.Sprintf("in use by another devstack (process %d)", p.cmd.Process.Pid)) {
		t.Errorf("second devstack on the same folder: %s", got)
	}
	refused = start(t, append([]string{"run", "--data", t.TempDir()}, ports...)...)
	refused.end(1)
	if got := refused.stderr.String(); !strings.Contains(got, "--temporal-port") || !strings.Contains(got, "in use") {
		t.Errorf("second devstack on the same ports: %s", got)
	}

	env := start(t, "env", "--data", data)
	env.line("export TEMPORAL_ADDRESS='127.0.0.1:" + ports[1] + "'")
	env.end(0)

	p.signal(syscall.SIGTERM)
	p.end(0)
	env = start(t, "env", "--data", data)
	env.end(1)
	if got := env.stderr.String(); !strings.Contains(got, "no devstack is running on --data") {
		t.Errorf("environment of a stopped devstack: %s", got)
	}
}

// A terminal sends Ctrl-C to its whole foreground group. The command must get it once, and devstack must keep running.
func TestCtrlCReachesTheCommandOnce(t *testing.T) {
	t.Parallel()
	keyboard, terminal := pseudoTerminal(t)
	p := startWith(t, func(p *process) {
		p.cmd.Stdin = terminal
		p.cmd.SysProcAttr.Setsid, p.cmd.SysProcAttr.Setctty = true, true
	}, append([]string{"run", "--ephemeral", "--quiet"}, probe("signals")...)...)
	terminal.Close()
	p.line("ready")
	fmt.Fprint(keyboard, "\x03")
	p.line("interrupt")
	p.signal(syscall.SIGTERM)
	p.line("terminated")
	if rest := p.end(9); rest != "" {
		t.Errorf("the command got more signals than were sent: %q", rest)
	}
}

func pseudoTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	var unlocked int32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlocked))); errno != 0 {
		t.Fatal(errno)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return keyboard, terminal
}

func TestRefusesBeforeItChangesAnything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("file", "")
	newer := filepath.Dir(write("newer/"+markerFile, `{"format": 99, "devstack": "9.9.9"}`))
	damaged := filepath.Dir(write("damaged/"+markerFile, `{"format": `))
	foreign := filepath.Dir(write("foreign/thesis.txt", ""))
	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, taken, _ := net.SplitHostPort(listener.Addr().String())

	ports := []string{"--temporal-port", port(t), "--ui-port", port(t), "--mysql-port", port(t)}
	on := func(data string) []string { return append([]string{"run", "--data", data}, ports...) }
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"a file", on(file), 1, []string{"--data", "is a file"}},
		{"a path below a file", on(filepath.Join(file, "sub")), 1, []string{"--data"}},
		{"a newer folder", on(newer), 1, []string{"--data", "newer devstack 9.9.9", "rebuild"}},
		{"a damaged marker", on(damaged), 1, []string{markerFile, "damaged"}},
		{"someone else's folder", on(foreign), 1, []string{"--data", "did not create it"}},
		{"a percent sign", on(filepath.Join(dir, "100%25")), 1, []string{"--data", "%"}},
		{"port in use", append(on(filepath.Join(dir, "new")), "--mysql-port", taken), 1, []string{"port " + taken, "in use", "--mysql-port"}},
		{"port in use, ephemeral", []string{"run", "--ephemeral", "--ui-port", taken}, 1, []string{"port " + taken, "--ui-port"}},
		{"a server by hand", []string{"serve", "database", "--data", newer}, 2, []string{"run --separate"}},
		{"unknown flag", []string{"run", "--nope"}, 2, []string{"-nope", "help"}},
		{"unknown command", []string{"fly"}, 2, []string{"fly", "help"}},
	} {
		before := tree(t, dir)
		p := start(t, c.args...)
		p.end(c.code)
		message := p.stderr.String()
		for _, want := range c.want {
			if !strings.Contains(message, want) {
				t.Errorf("%s: the message %q does not contain %q", c.name, message, want)
			}
		}
		if strings.Count(message, "\n") != 1 {
			t.Errorf("%s: the message is not one line: %q", c.name, message)
		}
		if after := tree(t, dir); after != before {
			t.Errorf("%s: the folder changed from %s to %s", c.name, before, after)
		}
	}
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(paths, " ")
}

func TestExitCodeIsTheCommands(t *testing.T) {
	s := catchSignals()
	defer s.release()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -KILL $$": 137, "kill -TERM $$": 143} {
		got := 0
		err := runCommand(s, []string{"sh", "-c", script}, nil, nil, os.Stdout, os.Stderr)
		var exit exitError
		if errors.As(err, &exit) {
			got = int(exit)
		} else if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: exit code %d, want %d", script, got, want)
		}
	}
	err := runCommand(s, []string{"/no/such/command"}, nil, nil, nil, nil)
	var exit exitError
	if err == nil || errors.As(err, &exit) {
		t.Errorf("a command that does not exist: %v", err)
	}
}

func TestLargeLogsAreEmptied(t *testing.T) {
	f := &folder{path: t.TempDir()}
	if err := os.Mkdir(f.file("logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"temporal.log": logLimit + 1, "mysql.log": logLimit} {
		if err := os.WriteFile(f.file("logs", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(f.file("logs", name), size); err != nil { // sparse: takes no disk space
			t.Fatal(err)
		}
	}
	if err := trimLogs(f); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"temporal.log": 0, "mysql.log": logLimit} {
		info, err := os.Stat(f.file("logs", name))
		if err != nil || info.Size() != want {
			t.Errorf("%s: %v bytes (%v), want %d", name, info.Size(), err, want)
		}
	}
}

func TestFreePortsDiffer(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		p, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		if seen[p] {
			t.Fatalf("port %d was returned twice", p)
		}
		seen[p] = true
		listener, err := net.Listen("tcp", address(p))
		if err != nil {
			t.Fatal(err)
		}
		listener.Close()
	}
}
