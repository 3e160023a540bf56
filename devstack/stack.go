package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// stack is the three running servers.
type stack struct {
	folder   *folder
	temporal *temporalServer
	ui       *webUI
	mysql    *mysqlServer
}

// startStack starts all servers concurrently and returns once they are ready. On error, none is left running.
func startStack(ctx context.Context, opts options, f *folder) (*stack, error) {
	if err := choosePorts(&opts.temporalPort, &opts.uiPort, &opts.mysqlPort); err != nil {
		return nil, err
	}
	if err := trimLogs(f); err != nil {
		return nil, err
	}
	s := &stack{folder: f}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.mysql, err = startMySQL(groupCtx, f, opts.mysqlPort, opts.logLevel)
		return err
	})
	group.Go(func() (err error) {
		if s.temporal, err = startTemporal(groupCtx, f, opts.temporalPort, opts.logLevel); err != nil {
			return err
		}
		s.ui, err = startUI(groupCtx, opts.uiPort, opts.temporalPort)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// stop stops the servers, the Web UI before the Temporal server it uses.
func (s *stack) stop() error {
	if s.ui != nil {
		s.ui.stop()
	}
	var group errgroup.Group
	if s.temporal != nil {
		group.Go(s.temporal.stop)
	}
	if s.mysql != nil {
		group.Go(s.mysql.stop)
	}
	return group.Wait()
}

// environ returns the variables with which a command finds the servers.
func (s *stack) environ() []string {
	return []string{
		"TEMPORAL_ADDRESS=" + address(s.temporal.port),
		"TEMPORAL_NAMESPACE=" + temporalNamespace,
		"ETFCAST_TEMPORAL_UI=" + s.ui.url(),
		"ETFCAST_MYSQL_DSN=" + s.mysql.userDSN(mysqlUser),
		"ETFCAST_MYSQL_ADMIN_DSN=" + s.mysql.userDSN(mysqlAdmin),
	}
}

// banner prints where everything is, but no passwords: terminals are recorded and shared.
func (s *stack) banner(w io.Writer, took time.Duration) {
	fmt.Fprintf(w, `devstack is ready after %d ms
  Temporal Web UI  %s
  Temporal         %s, namespace %s
  MySQL            mysql -h %s -P %d -u %s -p %s
                   also user %s; passwords in %s
  Data             %s (logs in logs/)
`,
		took.Milliseconds(), s.ui.url(), address(s.temporal.port), temporalNamespace,
		loopback, s.mysql.port, mysqlUser, mysqlDatabase, mysqlAdmin, s.folder.file(markerFile), s.folder.path)
}
