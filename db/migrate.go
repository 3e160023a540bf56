package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	"github.com/etfcast/etfcast/db/migrations"
	"github.com/etfcast/etfcast/etf"
)

const (
	versionTable = "schema_versions"
	// lockWait is how long a migration waits for another one.
	lockWait = 2 * time.Minute
)

// MigrateOptions tunes Migrate. The zero value migrates and grants nothing.
type MigrateOptions struct {
	// GrantUsers get the pipeline's rights, table by table. "name" means 'name'@'%', "name@host" only that host. The
	// users must exist.
	GrantUsers []string
	// GrantDSN is the DSN of another user who gets them: the account that the server takes this user for, whatever host it
	// is limited to. Empty grants nothing.
	GrantDSN string
	// GrantReaders get SELECT on ReaderTables and nothing else: for Grafana and other programs that only look. They are
	// written like GrantUsers, must exist, and can't be among them.
	GrantReaders []string
	// Variable is the name of the setting that holds the DSN, for messages; AdminDSNVariable if empty.
	Variable string
	// Log gets a line for each migration; nil logs nothing.
	Log *slog.Logger
}

// Migrate migrates the schema to the version this program needs, creating the database if it is missing, and grants the
// pipeline's rights. It may be repeated and run concurrently: a lock on the server admits one at a time. KindConflict if
// the schema is newer than this program.
func Migrate(ctx context.Context, adminDSN string, o MigrateOptions) error {
	if o.Variable == "" {
		o.Variable = AdminDSNVariable
	}
	cfg, err := parseDSN(adminDSN, o.Variable)
	if err != nil {
		return err
	}
	if cfg.DBName == "" {
		return etf.Invalid(o.Variable, "the DSN names no database", "write user:password@tcp(host:port)/database")
	}
	return withMigrator(ctx, cfg, o.Variable, func(pool *sql.DB, p *goose.Provider) error {
		current, wanted, err := p.GetVersions(ctx)
		if err != nil {
			return err
		}
		if current > wanted {
			return &etf.Error{Kind: etf.KindConflict, Field: o.Variable,
				Message: fmt.Sprintf("the schema of %s is at version %d, but this program knows only %d", cfg.DBName, current, wanted),
				Remedy:  "upgrade etfcast"}
		}
		results, err := p.Up(ctx)
		if o.Log != nil {
			for _, r := range results {
				o.Log.Info("schema migrated", "version", r.Source.Version, "duration", r.Duration)
			}
		}
		if err != nil {
			return err
		}
		users := o.GrantUsers
		if o.GrantDSN != "" {
			user, err := accountOf(ctx, o.GrantDSN)
			if err != nil {
				return err
			}
			users = append(slices.Clone(users), user)
		}
		for _, reader := range o.GrantReaders {
			if slices.ContainsFunc(users, func(user string) bool { return sameUser(user, reader) }) {
				return etf.Invalid("grant-reader", fmt.Sprintf("%s is the pipeline's user, who may write", reader),
					"create another user with CREATE USER and name that one")
			}
		}
		for _, user := range users {
			if err := grant(ctx, pool, cfg.DBName, "grant", user, rights); err != nil {
				return err
			}
		}
		for _, reader := range o.GrantReaders {
			if err := grant(ctx, pool, cfg.DBName, "grant-reader", reader, readerRights()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Down reverts every migration, which deletes all data. For tests.
func Down(ctx context.Context, adminDSN string) error {
	cfg, err := parseDSN(adminDSN, AdminDSNVariable)
	if err != nil {
		return err
	}
	return withMigrator(ctx, cfg, AdminDSNVariable, func(_ *sql.DB, p *goose.Provider) error {
		_, err := p.DownTo(ctx, 0)
		return err
	})
}

// WantedSchema returns the version of the newest migration in this program.
func WantedSchema() int64 {
	files, err := migrations.Files.ReadDir(".")
	if err != nil || len(files) == 0 {
		return 0
	}
	version, err := goose.NumericComponent(files[len(files)-1].Name())
	if err != nil {
		return 0
	}
	return version
}

func withMigrator(ctx context.Context, cfg *mysql.Config, variable string, do func(*sql.DB, *goose.Provider) error) error {
	if err := createDatabase(ctx, cfg); err != nil {
		return connecting(err, variable)
	}
	pool, err := openPool(cfg, 4)
	if err != nil {
		return etf.Wrap(etf.KindInvalid, err, "opening the DSN of "+variable)
	}
	defer pool.Close()
	unlock, err := lockSchema(ctx, pool, cfg.DBName)
	if err != nil {
		return connecting(err, variable)
	}
	defer unlock()
	p, err := goose.NewProvider(goose.DialectMySQL, pool, migrations.Files,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return etf.Wrap(etf.KindInternal, err, "reading the migrations")
	}
	return translate(do(pool, p), "migrating the schema of "+cfg.DBName)
}

func connecting(err error, variable string) error {
	return translate(err, "connecting to the database of "+variable)
}

// createDatabase creates the database if it is missing.
func createDatabase(ctx context.Context, cfg *mysql.Config) error {
	bare := cfg.Clone()
	bare.DBName = ""
	pool, err := openPool(bare, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	var name string
	err = pool.QueryRowContext(ctx, "SELECT schema_name FROM information_schema.schemata WHERE schema_name = ?", cfg.DBName).Scan(&name)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	_, err = pool.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+identifier(cfg.DBName)+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
	return err
}

// lockSchema takes a named lock on the server, which the server releases if this program dies.
func lockSchema(ctx context.Context, pool *sql.DB, database string) (unlock func(), err error) {
	sum := sha256.Sum256([]byte(database)) // lock names are limited to 64 characters
	name := "etfcast-migrate-" + hex.EncodeToString(sum[:8])
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, int(lockWait.Seconds())).Scan(&got); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if got.Int64 != 1 {
		return nil, errors.Join(&etf.Error{Kind: etf.KindUnavailable, Message: "another migration has been running for " + lockWait.String(),
			Remedy: "wait for it, or end its connection"}, conn.Close())
	}
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(?)", name) // closing the connection releases it too
		_ = conn.Close()
	}, nil
}

func noSuchTable(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && my.Number == 1146
}

// identifier quotes a name for use in a statement.
func identifier(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
