package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// serverNames are the servers that can run as processes of their own.
var serverNames = []string{"temporal", "database"}

// part is a running server: in this process, or a process of its own.
type part interface {
	stop() error
}

// stack is the running servers.
type stack struct {
	folder  *folder
	options options // with every port chosen
	servers []part
}

// startStack starts all servers concurrently and returns once they are ready. On error, none is left running.
func startStack(ctx context.Context, opts options, f *folder, stderr *os.File) (*stack, error) {
	if err := choosePorts(&opts.temporalPort, &opts.uiPort, &opts.mysqlPort); err != nil {
		return nil, err
	}
	if err := trimLogs(f); err != nil {
		return nil, err
	}
	s := &stack{folder: f, options: opts, servers: make([]part, len(serverNames))}
	group, groupCtx := errgroup.WithContext(ctx)
	for i, name := range serverNames {
		group.Go(func() (err error) {
			if opts.separate {
				s.servers[i], err = startProcess(groupCtx, opts, f, name, stderr)
			} else {
				s.servers[i], err = startServer(groupCtx, opts, f, name)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// startServer starts a server in this process and returns once it is ready. The Web UI belongs to Temporal.
func startServer(ctx context.Context, opts options, f *folder, name string) (part, error) {
	if name == "database" {
		m, err := startMySQL(ctx, f, opts.mysqlPort, opts.logLevel)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	t, err := startTemporal(ctx, f, opts.temporalPort, opts.logLevel)
	if err != nil {
		return nil, err
	}
	ui, err := startUI(ctx, opts.uiPort, opts.temporalPort)
	if err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return temporalWithUI{t, ui}, nil
}

type temporalWithUI struct {
	temporal *temporalServer
	ui       *webUI
}

// stop stops the Web UI before the server it uses.
func (t temporalWithUI) stop() error {
	t.ui.stop()
	return t.temporal.stop()
}

// stop stops the servers.
func (s *stack) stop() error {
	var group errgroup.Group
	for _, server := range s.servers {
		if server != nil {
			group.Go(server.stop)
		}
	}
	return group.Wait()
}

// environ returns the variables with which a command finds the servers.
func (s *stack) environ() []string {
	return []string{
		"TEMPORAL_ADDRESS=" + address(s.options.temporalPort),
		"TEMPORAL_NAMESPACE=" + temporalNamespace,
		"ETFCAST_TEMPORAL_UI=" + "http://" + address(s.options.uiPort),
		"ETFCAST_MYSQL_DSN=" + s.userDSN(mysqlUser),
		"ETFCAST_MYSQL_ADMIN_DSN=" + s.userDSN(mysqlAdmin),
	}
}

func (s *stack) userDSN(user string) string {
	return mysqlDSN(s.options.mysqlPort, user, s.folder.marker.Passwords[user], mysqlDatabase)
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
		took.Milliseconds(), "http://"+address(s.options.uiPort), address(s.options.temporalPort), temporalNamespace,
		loopback, s.options.mysqlPort, mysqlUser, mysqlDatabase, mysqlAdmin, s.folder.file(markerFile), s.folder.path)
}
