package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/etfcast/etfcast/db"
)

func upCommand(a *app) *cobra.Command {
	var s serverSettings
	var adminDSN string
	var demo bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Migrate, then run worker and API in one process",
		Long: `Migrate, then run worker and API in one process. It waits for a database or Temporal that is not up
yet; /readyz says what it is waiting for. Without ETFCAST_MYSQL_ADMIN_DSN it does not migrate but
waits until the schema is up to date. Ctrl-C stops it after letting running activities finish.`,
		Example: "  etfcast up --listen 127.0.0.1:8080",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if demo {
				remove, err := s.demoFiles()
				if err != nil {
					return err
				}
				defer remove()
			}
			p, err := a.newProcess(s)
			if err != nil {
				return err
			}
			defer p.close()
			if adminDSN != "" {
				if err := checkDSN("mysql-admin-dsn", adminDSN, ""); err != nil {
					return usageError{err}
				}
			}
			return runTogether(cmd.Context(), p.log,
				func(ctx context.Context) error {
					if adminDSN == "" {
						return nil
					}
					return a.migrate(ctx, adminDSN, db.MigrateOptions{GrantDSN: a.common.mysqlDSN, Log: p.log})
				},
				func(ctx context.Context) error {
					// A worker that has just been killed is listed for a while, and does no work.
					return p.serveAPI(ctx, p.service().OwnQueueProbes(queues()))
				},
				p.work,
				func(ctx context.Context) error {
					if !demo {
						return nil
					}
					return p.demo(ctx, a.stdout)
				})
		},
	}
	s.addFlags(cmd.Flags(), "127.0.0.1:8080")
	s.uploads.addFlags(cmd.Flags())
	a.common.times.addFinal(cmd.Flags())
	a.common.times.addSchedule(cmd.Flags())
	addAdminDSN(cmd, &adminDSN)
	cmd.Flags().BoolVar(&demo, "demo", false, "register simulated ETFs on both exchanges, apply the schedules, run the last closed session and print where to look")
	return cmd
}

func workerCommand(a *app) *cobra.Command {
	var s serverSettings
	cmd := &cobra.Command{
		Use:     "worker",
		Short:   "Run the workflows and activities",
		Example: "  etfcast worker --listen 127.0.0.1:8081",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.newProcess(s)
			if err != nil {
				return err
			}
			defer p.close()
			return runTogether(cmd.Context(), p.log, p.serveHealth, p.work)
		},
	}
	s.addFlags(cmd.Flags(), "127.0.0.1:8081")
	return cmd
}

func apiCommand(a *app) *cobra.Command {
	var s serverSettings
	cmd := &cobra.Command{
		Use:     "api",
		Short:   "Serve the HTTP API",
		Example: "  etfcast api --listen 127.0.0.1:8080",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.newProcess(s)
			if err != nil {
				return err
			}
			defer p.close()
			return runTogether(cmd.Context(), p.log, func(ctx context.Context) error {
				return p.serveAPI(ctx, p.service().QueueProbes(queues()))
			})
		},
	}
	s.addFlags(cmd.Flags(), "127.0.0.1:8080")
	s.uploads.addFlags(cmd.Flags())
	a.common.times.addFinal(cmd.Flags())
	return cmd
}

// runTogether runs the parts until the first error or until ctx ends, then waits for all of them. Stopping because ctx
// ended is not an error.
func runTogether(ctx context.Context, log *slog.Logger, parts ...func(context.Context) error) error {
	g, inner := errgroup.WithContext(ctx)
	for _, part := range parts {
		g.Go(func() error {
			err := part(inner)
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		})
	}
	err := g.Wait()
	if ctx.Err() != nil && err == nil {
		log.Info("stopped")
	}
	return err
}
