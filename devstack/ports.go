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

// checkPorts refuses ports that somebody listens on, before anything is changed.
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
				return fmt.Errorf("port %d is in use; stop what listens there, or choose another with --%s (--ephemeral takes free ports)",
					p.port, p.flag)
			}
			return fmt.Errorf("listening on port %d (choose another with --%s): %w", p.port, p.flag, err)
		}
		listener.Close()
	}
	return nil
}

// listen needs no context: on loopback it is answered at once.
func listen(addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
}

// freePort returns a port nobody else on this machine will be handed for a while.
//
// The servers bind their ports themselves, some time after they were chosen, so a port that is merely unused now could
// be given away in between. Leaving the port's side of a closed connection in TIME_WAIT prevents that: the kernel
// skips such ports when it picks one, while a listener that asks for it by number (SO_REUSEADDR, as Go sets it) may bind.
func freePort() (int, error) {
	listener, err := listen(address(0))
	if err != nil {
		return 0, fmt.Errorf("asking for a free port: %w", err)
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
	// The side that closes first is the one left in TIME_WAIT; it has to be the listener's.
	accepted.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// choosePorts replaces each 0 by a free port.
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
