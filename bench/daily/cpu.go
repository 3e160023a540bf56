package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat: Linux shows it to programs as 100 a second, whatever the kernel's own.
const clockTick = 10 * time.Millisecond

// cpuOf is the processor time a process has used, its threads' together. On a shared machine it says more than a rate
// does: it does not grow while others have the processor.
func cpuOf(pid int) (time.Duration, error) {
	fields, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	var ticks time.Duration
	for _, field := range fields[11:13] { // utime and stime, counted from the state, which is the first
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("reading the processor time of process %d: %w", pid, err)
		}
		ticks += time.Duration(n)
	}
	return ticks * clockTick, nil
}

// statOf returns the fields of /proc/PID/stat that follow the name in parentheses.
func statOf(pid int) ([]string, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	_, rest, found := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return nil, fmt.Errorf("/proc/%d/stat has another form: %q", pid, raw)
	}
	return fields, nil
}

// stackPID finds devstack among the processes this one descends from; `go run` may stand in between.
func stackPID() (int, error) {
	for pid := os.Getppid(); pid > 1; {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			return 0, err
		}
		if strings.HasPrefix(string(name), "devstack") {
			return pid, nil
		}
		fields, err := statOf(pid)
		if err != nil {
			return 0, err
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("this runs under no devstack: start it with `make bench-daily`")
}

// meter measures the processor time of processes over a stretch.
type meter struct {
	pids   []int
	before []time.Duration
}

func startMeter(pids ...int) (*meter, error) {
	m := &meter{pids: pids}
	for _, pid := range pids {
		t, err := cpuOf(pid)
		if err != nil {
			return nil, err
		}
		m.before = append(m.before, t)
	}
	return m, nil
}

// perETF returns the milliseconds each process has used since the start, divided by the number of ETFs.
func (m *meter) perETF(etfs int) ([]float64, error) {
	used := make([]float64, len(m.pids))
	for i, pid := range m.pids {
		t, err := cpuOf(pid)
		if err != nil {
			return nil, err
		}
		used[i] = float64((t - m.before[i]).Microseconds()) / 1e3 / float64(etfs)
	}
	return used, nil
}
