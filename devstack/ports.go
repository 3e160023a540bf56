package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

const loopback = "127.0.0.1"

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// checkPorts refuses ports that are in use, before anything is changed.
func checkPorts(opts options) error {
	for _, p := range []struct {
		flag string
		port int
	}{
		{"temporal-port", opts.temporalPort},
		{"ui-port", opts.uiPort},
		{"mysql-port", opts.mysqlPort},
	} {
		if p.port == 0 {
			continue
		}
		listener, err := listen(address(p.port))
		if err != nil {
			if errors.Is(err, syscall.EADDRINUSE) {
				return fmt.Errorf("port %d is in use; stop the process that listens on it, or choose another port with --%s (--ephemeral uses free ports)",
					p.port, p.flag)
			}
			return fmt.Errorf("listening on port %d (choose another port with --%s): %w", p.port, p.flag, err)
		}
		listener.Close()
	}
	return nil
}

// listen needs no context: on loopback it returns at once.
func listen(addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
}

// freePort returns a port that the kernel will not assign to any other process for a while.
//
// The servers bind their ports some time after they are chosen, so a port that is merely unused now could be assigned to
// another process in between. Leaving the port's end of a closed connection in TIME_WAIT prevents that: the kernel skips
// such ports when it picks one, while a listener that requests the port by number (with SO_REUSEADDR, as Go sets it) can
// bind it.
func freePort() (int, error) {
	listener, err := listen(address(0))
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer listener.Close()
	dialled, err := new(net.Dialer).DialContext(context.Background(), "tcp", listener.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("reserving a free port: %w", err)
	}
	defer dialled.Close()
	accepted, err := listener.Accept()
	if err != nil {
		return 0, fmt.Errorf("holding a free port: %w", err)
	}
	// The end that closes first is left in TIME_WAIT; it has to be the listener's.
	accepted.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// choosePorts replaces each 0 with a free port.
func choosePorts(ports ...*int) error {
	for _, p := range ports {
		if *p != 0 {
			continue
		}
		free, err := freePort()
		if err != nil {
			return err
		}
		*p = free
	}
	return nil
}
