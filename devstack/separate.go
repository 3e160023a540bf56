package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

const (
	// stopLimit is how long a server process may take to stop before it is killed.
	stopLimit = 30 * time.Second
	// firstPause and longestPause are the pauses before a server that could not start is started again.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second

	// report is the file descriptor on which a server process writes that it is ready, or why it could not start.
	report = 3
	ready  = "ready"
)

// serverProcess keeps a server running in a process of its own: whenever that ends, by a signal or by itself, it starts the
// server again on the same data and port.
type serverProcess struct {
	name   string
	args   []string
	folder *folder
	stderr *os.File

	started  chan error    // receives one value: nil when the server is ready for the first time, or why it could not start
	stopping chan struct{} // closed by stop
	ended    chan struct{} // closed when no process is left
	err      error         // why the server did not stop cleanly; set before ended is closed
}

// startProcess starts a server and returns once it is ready. Killing it before that does not matter.
func startProcess(ctx context.Context, opts options, f *folder, name string, stderr *os.File) (part, error) {
	p := &serverProcess{
		name: name, args: opts.serveArgs(name, f.path), folder: f, stderr: stderr,
		started: make(chan error, 1), stopping: make(chan struct{}), ended: make(chan struct{}),
	}
	go p.keepRunning()
	var err error
	select {
	case err = <-p.started:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// stop stops the server as an interrupt would and waits for the process to end.
func (p *serverProcess) stop() error {
	close(p.stopping)
	<-p.ended
	if p.err != nil {
		return fmt.Errorf("stopping the %s server: it %w", p.name, p.err)
	}
	return nil
}

func (p *serverProcess) pidFile() string { return p.folder.file(p.name + ".pid") }

// keepRunning starts the server's process again and again until stop is called, or until it fails to start for the first
// time.
func (p *serverProcess) keepRunning() {
	// Pdeathsig fires when the thread that started the child ends; this one lasts as long as the goroutine.
	runtime.LockOSThread()
	defer close(p.ended)
	defer func() { _ = os.Remove(p.pidFile()) }() // it is not there if no process could be started
	pause, served := firstPause, false
	for {
		wasReady, err := p.runOnce(func() {
			if served {
				fmt.Fprintf(p.stderr, "devstack: the %s server is ready again\n", p.name)
				return
			}
			served = true
			p.started <- nil
		})
		select {
		case <-p.stopping:
			if wasReady {
				p.err = err
			}
			return
		default:
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		killed := errors.As(err, new(signalError))
		if !served && !killed {
			p.started <- err
			return
		}
		fmt.Fprintf(p.stderr, "devstack: the %s server %v; starting it again\n", p.name, err)
		if wasReady || killed {
			pause = firstPause
			continue
		}
		select {
		case <-p.stopping:
			return
		case <-time.After(pause):
			pause = min(2*pause, longestPause)
		}
	}
}

// signalError says which signal ended a server's process.
type signalError syscall.Signal

func (e signalError) Error() string { return "was ended by signal " + syscall.Signal(e).String() }

// runOnce runs one process of the server until it ends, or stops it when p.stopping is closed. It calls onReady once the
// server is ready, and returns how the process ended, nil if it stopped cleanly.
func (p *serverProcess) runOnce(onReady func()) (wasReady bool, err error) {
	program, err := os.Executable()
	if err != nil {
		return false, fmt.Errorf("can't find its own program: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return false, fmt.Errorf("can't get a pipe: %w", err)
	}
	defer read.Close()
	// No context ends it: stop lets it flush its data first.
	cmd := exec.CommandContext(context.Background(), program, p.args...)
	cmd.Stderr = p.stderr
	cmd.ExtraFiles = []*os.File{write, p.folder.lock} // the lock lasts as long as any server runs
	// Its own process group: Ctrl-C in the terminal is for devstack, which stops its servers when the command has ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	err = cmd.Start()
	write.Close()
	if err != nil {
		return false, fmt.Errorf("can't be started: %w", err)
	}
	if err := renameio.WriteFile(p.pidFile(), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o600); err != nil {
		fmt.Fprintf(p.stderr, "devstack: %s can't be written: %v\n", p.pidFile(), err)
	}

	said := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(read)
		said <- string(text)
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopping := p.stopping
	var kill <-chan time.Time
	var message string
	for {
		select {
		case message = <-said:
			if said = nil; message == ready {
				wasReady = true
				onReady()
			}
		case <-stopping:
			stopping = nil
			kill = time.After(stopLimit)
			_ = cmd.Process.Signal(syscall.SIGTERM)
		case <-kill:
			_ = cmd.Process.Kill()
		case err := <-ended:
			if said != nil {
				message = <-said
			}
			return wasReady, endOf(err, message)
		}
	}
}

// endOf returns how a server's process ended, given its report; nil if it stopped cleanly.
func endOf(err error, message string) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return signalError(status.Signal())
		}
	}
	if message != "" && message != ready {
		return errors.New(message)
	}
	if err != nil {
		return fmt.Errorf("ended by itself: %w", err)
	}
	return nil
}

// serve runs one server of a separate stack until a signal asks it to end. It reports on file descriptor 3.
func serve(ctx context.Context, s *signals, opts options) error {
	f := &folder{path: opts.folder}
	if err := f.takeLock(os.O_RDWR); !errors.Is(err, syscall.EWOULDBLOCK) {
		f.close()
		return usagef("serve is for devstack itself; use run --separate")
	}
	to := os.NewFile(report, "report")
	say := func(text string) { _, _ = io.WriteString(to, text); _ = to.Close() } // a devstack that is gone needs no report

	starting, stopStarting := s.interruptible(ctx)
	var running part
	err := f.readMarker()
	if err == nil {
		running, err = startServer(starting, opts, f, opts.server)
	}
	stopStarting()
	if err != nil {
		say(strings.ReplaceAll(err.Error(), "\n", "; "))
		return exitError(1)
	}
	say(ready)
	s.wait(ctx)
	return running.stop()
}
