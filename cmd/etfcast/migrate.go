package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/internal/retry"
)

func migrateCommand(a *app) *cobra.Command {
	var adminDSN string
	var grant, readers []string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database schema up to date and grant the pipeline's user its privileges",
		Long: `Bring the database schema up to date, and with --grant give a user the privileges that worker and API
need, table by table: no UPDATE or DELETE on append-only tables. With --grant-reader, a user for Grafana and
other programs that only look may read all tables but those with raw responses and internal formats. It
connects as the user of ETFCAST_MYSQL_ADMIN_DSN, which only up and migrate use, and waits for a database
that is not up yet.`,
		Example: "  etfcast migrate --grant etfcast\n  etfcast migrate --grant etfcast --grant-reader grafana",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := a.logger()
			if err != nil {
				return err
			}
			return a.migrate(cmd.Context(), adminDSN, db.MigrateOptions{GrantUsers: grant, GrantReaders: readers, Log: log})
		},
	}
	addAdminDSN(cmd, &adminDSN)
	cmd.Flags().StringSliceVar(&grant, "grant", nil, "database users to grant the pipeline's privileges to, USER or USER@HOST")
	cmd.Flags().StringSliceVar(&readers, "grant-reader", nil, "database users to grant the right to read to, USER or USER@HOST")
	return cmd
}

func addAdminDSN(cmd *cobra.Command, dsn *string) {
	settings{cmd.Flags()}.StringVar(dsn, "mysql-admin-dsn", "", "DSN of the user who owns the schema (migrations only); without it, up waits for a migration run elsewhere")
}

// migrate runs the migrations, retrying as long as the database can't be reached.
func (a *app) migrate(ctx context.Context, adminDSN string, o db.MigrateOptions) error {
	if err := checkDSN("mysql-admin-dsn", adminDSN, "set ETFCAST_MYSQL_ADMIN_DSN or --mysql-admin-dsn"); err != nil {
		return usageError{err}
	}
	return retry.Until(ctx, o.Log, 0, func(ctx context.Context) error { return db.Migrate(ctx, adminDSN, o) })
}
