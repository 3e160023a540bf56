package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// signals receives every signal sent to devstack, from the moment it has something to clean up.
type signals struct {
	incoming chan os.Signal
	last     atomic.Int32 // the signal that interrupted the start
}

func catchSignals() *signals {
	s := &signals{incoming: make(chan os.Signal, 16)}
	signal.Notify(s.incoming, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	return s
}

func (s *signals) release() { signal.Stop(s.incoming) }

// interruptible returns a context that a signal ends. The returned function stops consuming signals.
func (s *signals) interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case sig := <-s.incoming:
				if ends(sig) {
					s.last.Store(int32(sig.(syscall.Signal)))
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() { cancel(); <-ended }
}

// caught returns the signal that ended the interruptible context, or 0.
func (s *signals) caught() syscall.Signal { return syscall.Signal(s.last.Load()) }

// wait returns at the first signal that asks devstack to end, or when ctx does.
func (s *signals) wait(ctx context.Context) {
	for {
		select {
		case sig := <-s.incoming:
			if ends(sig) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// ends reports whether a signal asks devstack to end; the others are meant only for the command.
func ends(sig os.Signal) bool { return sig != syscall.SIGUSR1 && sig != syscall.SIGUSR2 }
