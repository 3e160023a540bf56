package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary also serves as the program under test (first argument "devstack") and as the commands that it runs
// ("probe"), so that nothing else has to be built and no server shares a process with a test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "devstack":
			os.Args = os.Args[1:]
			main()
			os.Exit(0)
		case "serve": // as a devstack under test starts its server processes
			main()
			os.Exit(0)
		case "probe":
			if err := probes[os.Args[2]](); err != nil {
				fmt.Fprintf(os.Stderr, "probe %s: %v\n", os.Args[2], err)
				os.Exit(3)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// limit allows for a machine under load; a start usually takes about a second.
const limit = 100 * time.Second

// process is a devstack under test.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	tmp    string // its TMPDIR
	stdout *bufio.Reader
	stderr bytes.Buffer
}

// probe returns the arguments that make devstack run a probe, starting with "--".
func probe(name string) []string { return []string{"--", os.Args[0], "probe", name} }

func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, func(*process) {}, args...)
}

// startWith lets a test change the process before it starts.
func startWith(t *testing.T, change func(*process), args ...string) *process {
	t.Helper()
	p := &process{t: t, tmp: t.TempDir(), cmd: exec.Command(os.Args[0], append([]string{"devstack"}, args...)...)}
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.tmp)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	change(p)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(limit, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() { kill.Stop(); _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

// line reads the next line of standard output and checks it.
func (p *process) line(want string) {
	p.t.Helper()
	got, err := p.stdout.ReadString('\n')
	if strings.TrimSpace(got) != want {
		p.t.Fatalf("standard output: got %q (%v), want %q; standard error:\n%s", got, err, want, p.stderr.String())
	}
}

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the process, checks its exit code and returns the rest of its standard output.
func (p *process) end(code int) string {
	p.t.Helper()
	rest, _ := io.ReadAll(p.stdout)
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("exit code %d, want %d; standard error:\n%s", got, code, p.stderr.String())
	}
	return string(rest)
}
