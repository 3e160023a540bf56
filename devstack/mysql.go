package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dolthub/dolt/go/cmd/dolt/cli"
	"github.com/dolthub/dolt/go/cmd/dolt/commands/sqlserver"
	"github.com/dolthub/dolt/go/cmd/dolt/doltversion"
	"github.com/dolthub/dolt/go/libraries/doltcore/dconfig"
	"github.com/dolthub/dolt/go/libraries/doltcore/doltdb"
	"github.com/dolthub/dolt/go/libraries/doltcore/env"
	"github.com/dolthub/dolt/go/libraries/doltcore/servercfg"
	"github.com/dolthub/dolt/go/libraries/utils/filesys"
	"github.com/dolthub/dolt/go/libraries/utils/svcs"
	gmssql "github.com/dolthub/go-mysql-server/sql"
	"github.com/go-sql-driver/mysql"
	"gopkg.in/yaml.v3"
)

const (
	mysqlDatabase = "etfcast"
	mysqlUser     = "etfcast"
	mysqlAdmin    = "etfcast_admin"
)

var mysqlUsers = []string{mysqlUser, mysqlAdmin}

// doltLogLevels translates --log-level for Dolt.
var doltLogLevels = map[string]servercfg.LogLevel{
	"error": servercfg.LogLevel_Error, "warn": servercfg.LogLevel_Warning,
	"info": servercfg.LogLevel_Info, "debug": servercfg.LogLevel_Debug,
}

// mysqlServer is the embedded Dolt server. A process can run only one at a time: Dolt keeps its system variables and
// logger in package variables.
type mysqlServer struct {
	port       int
	passwords  map[string]string
	controller *svcs.Controller
	served     chan error // receives one value when the server has ended
	log        io.Closer
}

// startMySQL starts the server and returns once both users can use database etfcast.
func startMySQL(ctx context.Context, f *folder, port int, logLevel string) (*mysqlServer, error) {
	data, home := f.file("mysql"), f.file("mysql-home")
	if err := prepareDoltHome(home); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("creating the database's folder: %w", err)
	}
	logFile, err := os.OpenFile(f.file("logs", "mysql.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the database's log: %w", err)
	}
	cli.CliOut, cli.CliErr = logFile, logFile

	fs, err := filesys.LocalFilesysWithWorkingDir(data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database's folder: %w", err), logFile.Close())
	}
	conf, err := doltConfig(f, data, port, logLevel)
	if err != nil {
		return nil, errors.Join(err, logFile.Close())
	}
	if err := servercfg.ApplySystemVariables(nil, conf, gmssql.SystemVariables); err != nil {
		return nil, errors.Join(fmt.Errorf("setting the database's system variables: %w", err), logFile.Close())
	}

	m := &mysqlServer{
		port: port, passwords: f.marker.Passwords, controller: svcs.NewController(),
		served: make(chan error, 1), log: logFile,
	}
	go func() {
		startErr, closeErr := sqlserver.Serve(context.WithoutCancel(ctx), &sqlserver.Config{
			Version:      doltversion.Version,
			ServerConfig: conf,
			Controller:   m.controller,
			DoltEnv: env.LoadWithoutDB(ctx, func() (string, error) { return home, nil }, fs,
				doltdb.LocalDirDoltDB, doltversion.Version),
			SkipRootUserInit: true, // no root user without a password: provision creates the only users
		})
		m.served <- errors.Join(startErr, closeErr)
	}()
	if err := m.controller.WaitForStart(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the database on port %d (see %s): %w", port, logFile.Name(), err), <-m.served, logFile.Close())
	}
	if err := m.becomeReady(ctx, fs); err != nil {
		return nil, errors.Join(err, m.stop())
	}
	return m, nil
}

// stop closes the connections, waits for their running statements and flushes the data.
func (m *mysqlServer) stop() error {
	m.controller.Stop()
	err := <-m.served
	if err := errors.Join(err, m.log.Close()); err != nil {
		return fmt.Errorf("stopping the database: %w", err)
	}
	return nil
}

// prepareDoltHome gives Dolt a separate home in the data folder, so that it neither reads nor writes the developer's
// ~/.dolt. The settings keep Dolt from reporting usage and from checking for newer versions.
func prepareDoltHome(home string) error {
	if err := os.MkdirAll(home+"/.dolt", 0o700); err != nil {
		return fmt.Errorf("creating Dolt's home: %w", err)
	}
	const settings = `{"metrics.disabled":"true","versioncheck.disabled":"true","user.name":"etfcast","user.email":"etfcast@localhost"}`
	if err := os.WriteFile(home+"/.dolt/config_global.json", []byte(settings), 0o600); err != nil {
		return fmt.Errorf("writing Dolt's settings: %w", err)
	}
	// Dolt looks up the home again for each database it loads, and then only in the environment.
	for name, value := range map[string]string{dconfig.EnvDoltRootPath: home, "DOLT_DISABLE_EVENT_FLUSH": "true"} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// doltConfig returns the equivalent of Dolt's config.yaml.
func doltConfig(f *folder, data string, port int, logLevel string) (servercfg.ServerConfig, error) {
	settings, err := yaml.Marshal(map[string]any{
		"log_level":           string(doltLogLevels[logLevel]),
		"data_dir":            data,
		"cfg_dir":             f.file("mysql", ".doltcfg"),
		"privilege_file":      f.file("mysql", ".doltcfg", "privileges.db"),
		"branch_control_file": f.file("mysql", ".doltcfg", "branch_control.db"),
		"behavior": map[string]any{
			"autocommit":              true,
			"dolt_transaction_commit": false, // no version history: nobody reads it, and it doubles the writes
			"event_scheduler":         "OFF",
			// Each commit leaves old tree nodes behind; without garbage collection the folder would only grow. Archive level
			// 0 skips Dolt's slow recompression, which would occupy one of two cores for minutes.
			"auto_gc_behavior": map[string]any{"enable": true, "archive_level": 0},
		},
		"listener": map[string]any{
			"host":                 loopback,
			"port":                 port,
			"max_connections":      200,
			"back_log":             200,
			"read_timeout_millis":  8 * 60 * 60 * 1000, // MySQL's default wait_timeout
			"write_timeout_millis": 8 * 60 * 60 * 1000,
		},
		"system_variables": map[string]any{
			"local_infile":            1,
			"dolt_stats_enabled":      0, // recollecting them after each change costs more than they save at this size
			"dolt_show_system_tables": 0,
			"max_allowed_packet":      67108864,
			"secure_file_priv":        f.file("mysql", "no-files"),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the database's settings: %w", err)
	}
	conf, err := servercfg.NewYamlConfig(settings)
	if err != nil {
		return nil, fmt.Errorf("building the database's settings: %w", err)
	}
	return *conf, nil
}

// becomeReady creates the database and its users if missing, and waits until both users can connect.
func (m *mysqlServer) becomeReady(ctx context.Context, fs filesys.Filesys) error {
	// At each start, the server creates a superuser with a new password for local tools such as this one.
	local, err := sqlserver.LoadLocalCreds(fs)
	if err != nil {
		return fmt.Errorf("reading the database's local credentials: %w", err)
	}
	superuser := mysqlDSN(m.port, sqlserver.LocalConnectionUser, local.Secret, "")
	if err := until(ctx, func(ctx context.Context) error { return ping(ctx, superuser) }); err != nil {
		return fmt.Errorf("waiting for the database on port %d: %w", m.port, err)
	}
	if err := m.provision(ctx, superuser); err != nil {
		return err
	}
	for _, user := range mysqlUsers {
		if err := ping(ctx, mysqlDSN(m.port, user, m.passwords[user], mysqlDatabase)); err != nil {
			return fmt.Errorf("connecting to the database as %s: %w", user, err)
		}
	}
	return nil
}

// provision creates the database, its users and their grants. It is idempotent. It sets the passwords each time, because
// clients are given those in devstack.json.
func (m *mysqlServer) provision(ctx context.Context, dsn string) error {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return fmt.Errorf("opening the database as its superuser: %w", err)
	}
	defer db.Close()
	statements := []string{"CREATE DATABASE IF NOT EXISTS " + mysqlDatabase}
	for _, user := range mysqlUsers {
		statements = append(statements,
			fmt.Sprintf("CREATE USER IF NOT EXISTS '%s'@'%%' IDENTIFIED BY '%s'", user, m.passwords[user]),
			fmt.Sprintf("ALTER USER '%s'@'%%' IDENTIFIED BY '%s'", user, m.passwords[user]))
	}
	statements = append(statements,
		fmt.Sprintf("GRANT ALL PRIVILEGES ON *.* TO '%s'@'%%' WITH GRANT OPTION", mysqlAdmin),
		// Dolt requires FILE even if the rows come from the client (LOAD DATA LOCAL), where MySQL requires INSERT on the
		// table. The server's files stay inaccessible: secure_file_priv names a folder that does not exist. FILE also
		// lets the user connect to a database in which it has no privileges yet, which Dolt otherwise refuses.
		fmt.Sprintf("GRANT FILE ON *.* TO '%s'@'%%'", mysqlUser))
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			public, _, _ := strings.Cut(statement, " IDENTIFIED BY ")
			return fmt.Errorf("setting up the database (%s): %w", public, err)
		}
	}
	return nil
}

func ping(ctx context.Context, dsn string) error {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

func mysqlDSN(port int, user, password, database string) string {
	conf := mysql.NewConfig()
	conf.User, conf.Passwd, conf.DBName = user, password, database
	conf.Net, conf.Addr = "tcp", address(port)
	return conf.FormatDSN()
}
