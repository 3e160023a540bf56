package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat: Linux reports 100 ticks per second, whatever the kernel uses internally.
const clockTick = 10 * time.Millisecond

// cpuOf returns the CPU time that all threads of a process have used. On a shared machine it is more telling than a
// rate: it does not grow while other processes use the CPU.
func cpuOf(pid int) (time.Duration, error) {
	fields, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	var ticks time.Duration
	for _, field := range fields[11:13] { // utime and stime; fields[0] is the state
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
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
		return nil, fmt.Errorf("/proc/%d/stat has an unexpected format: %q", pid, raw)
	}
	return fields, nil
}

// stackPID finds devstack among this process's ancestors; `go run` may be in between.
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
	return 0, fmt.Errorf("not running under devstack; start it with `make bench-daily`")
}

// processes are those whose CPU time counts beside that of the process with the workers; 0 if there is none.
type processes struct {
	stack, database int
}

// meter measures the CPU time that processes use from its start.
type meter struct {
	pids   [3]int // workers, stack, database
	before [3]time.Duration
}

func startMeter(workers int, others processes) (*meter, error) {
	m := &meter{pids: [3]int{workers, others.stack, others.database}}
	var err error
	m.before, err = m.read()
	return m, err
}

func (m *meter) read() (used [3]time.Duration, err error) {
	for i, pid := range m.pids {
		if pid == 0 {
			continue
		}
		if used[i], err = cpuOf(pid); err != nil {
			return used, err
		}
	}
	return used, nil
}

// perETF returns the CPU time that the processes have used since the start, per ETF.
func (m *meter) perETF(etfs int) (cpu, error) {
	now, err := m.read()
	var ms [3]float64
	for i := range now {
		ms[i] = float64((now[i] - m.before[i]).Microseconds()) / 1e3 / float64(etfs)
	}
	return cpu{ms[0], ms[1], ms[2]}, err
}
