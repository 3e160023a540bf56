package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/workflows"
)

// productRun runs the day with the real binary and returns its figures and the process's peak memory in MB.
func productRun(ctx context.Context, c client.Client, binary string, in workflows.DailyInput, etfs int, pids processes) (run figures, rss float64, err error) {
	log := &output{started: make(chan struct{})}
	cmd := exec.CommandContext(ctx, binary, "up", "--listen", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = os.Environ()
	if err := cmd.Start(); err != nil {
		return figures{}, 0, err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		<-ended
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, log.String())
		}
	}()
	select {
	case <-log.started:
	case <-ended:
		return figures{}, 0, fmt.Errorf("%s ended before its workers started", binary)
	case <-ctx.Done():
		return figures{}, 0, ctx.Err()
	}
	used, err := startMeter(cmd.Process.Pid, pids)
	if err != nil {
		return figures{}, 0, err
	}
	handle, err := c.ExecuteWorkflow(ctx, dispatch.DailyOptions(in), workflows.DailyWorkflow, in)
	if err != nil {
		return figures{}, 0, err
	}
	var done workflows.DailyResult
	if err := handle.Get(ctx, &done); err != nil {
		return figures{}, 0, err
	}
	if done.Counts.Updated != etfs || done.Counts.RowsNew != etfs || done.Counts.Forecasts < etfs {
		return figures{}, 0, fmt.Errorf("the run did not update every ETF with one row and a forecast: %+v", done.Counts)
	}
	spent, err := used.perETF(etfs)
	if err != nil {
		return figures{}, 0, err
	}
	rate, err := ratePerSecond(ctx, c, in.Run().WorkflowID(), etfs)
	if err != nil {
		return figures{}, 0, err
	}
	rss, err = peakMemory(cmd.Process.Pid)
	fmt.Fprintf(os.Stderr, "etfcast: %.1f ETFs/s, %.0f MB at most, CPU in ms per ETF: %s\n", rate, rss, spent)
	return figures{rate, spent}, rss, err
}

// output collects the process's output and detects when its workers have started: startup is not measured.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	once    sync.Once
	started chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.text.Write(p)
	if bytes.Contains(o.text.Bytes(), []byte("workers started")) {
		o.once.Do(func() { close(o.started) })
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// peakMemory returns the peak resident memory of a process in MB, as reported by Linux.
func peakMemory(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmHWM", pid)
}
