package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// The environment variables that hold the data source names, for messages.
const (
	DSNVariable      = "ETFCAST_MYSQL_DSN"
	AdminDSNVariable = "ETFCAST_MYSQL_ADMIN_DSN"
	// ReaderDSNVariable holds that of a reader's user, which only doctor looks at.
	ReaderDSNVariable = "ETFCAST_READER_DSN"
)

// Options tunes a Store. The zero value is right for production.
type Options struct {
	// Variable is the name of the setting that holds the DSN, for messages; DSNVariable if empty.
	Variable string
	// MaxConns limits the connections; 16 if zero.
	MaxConns int
	// Now is the clock for known_from and the other instants the store sets; time.Now if nil.
	Now func() time.Time
	// Timeout limits how long a statement waits for the server to take or send the next bytes, so that a connection that
	// broke unnoticed is given up; the DSN's readTimeout and writeTimeout if zero, which default to no limit. The error is
	// KindUnavailable.
	Timeout time.Duration
	// NoLocalInfile turns LOAD DATA LOCAL off.
	NoLocalInfile bool
}

// Store is the database. It is safe for concurrent use.
type Store struct {
	db       *sql.DB
	q        *sqlcgen.Queries
	clock    func() time.Time
	variable string
	noLocal  atomic.Bool // the server refuses LOAD DATA LOCAL
	granted  grantedTables
	anchored anchoredHeads
	shards   shards
	sharing  chan struct{} // of size 1: whoever stores bodies that fetches share
}

// Open prepares a store; it does not connect, so that the order in which processes start does not matter. A malformed
// DSN, or one without a database name, is KindInvalid with the variable's name as Field.
func Open(dsn string, o Options) (*Store, error) {
	if o.Variable == "" {
		o.Variable = DSNVariable
	}
	cfg, err := parseDSN(dsn, o.Variable)
	if err != nil {
		return nil, err
	}
	if cfg.DBName == "" {
		return nil, etf.Invalid(o.Variable, "the DSN names no database", "write user:password@tcp(host:port)/database")
	}
	if o.Timeout > 0 {
		cfg.ReadTimeout, cfg.WriteTimeout = o.Timeout, o.Timeout
	}
	pool, err := openPool(cfg, o.MaxConns)
	if err != nil {
		return nil, etf.Wrap(etf.KindInvalid, err, "opening the DSN of "+o.Variable)
	}
	s := &Store{db: pool, q: sqlcgen.New(pool), clock: o.Now, variable: o.Variable, sharing: make(chan struct{}, 1),
		granted: grantedTables{turn: make(chan struct{}, 1), at: map[string]time.Time{}}}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.noLocal.Store(o.NoLocalInfile)
	return s, nil
}

// Close closes the connections.
func (s *Store) Close() error { return s.db.Close() }

// now is the current instant as the database stores it.
func (s *Store) now() time.Time { return instant(s.clock()) }

// instant truncates t to the microseconds of DATETIME(6), in UTC, so that the server has nothing to round.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func parseDSN(dsn, variable string) (*mysql.Config, error) {
	const form = "write user:password@tcp(host:port)/database"
	if dsn == "" {
		return nil, etf.Invalid(variable, "is not set", form)
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		// The driver's message may quote the DSN, which holds a password.
		return nil, etf.Invalid(variable, "is not a DSN of the MySQL driver", form)
	}
	return cfg, nil
}

// The session settings of every connection, whatever the server's defaults. Strict mode refuses values that would be
// truncated; the isolation level is set by a statement because its variable's name differs between the servers.
const (
	sqlMode = "'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
	// READ COMMITTED takes no gap locks, so writers of different ETFs never wait for each other. Rows that must not
	// change between two statements are locked by the first (MySQL, MariaDB) or checked at COMMIT (Dolt, whose
	// transactions are always snapshots).
	isolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
)

// fixedVariables are the session variables that a DSN can't set, in lower case.
var fixedVariables = map[string]bool{
	"sql_mode": true, "time_zone": true, "character_set_client": true, "character_set_connection": true,
	"character_set_results": true, "collation_connection": true,
}

// strict returns the configuration with the mandatory settings.
func strict(cfg *mysql.Config) *mysql.Config {
	c := cfg.Clone()
	c.ParseTime = true
	c.Loc = time.UTC
	c.Collation = "utf8mb4_bin"
	// The driver writes the values into the statement: one round trip instead of three. Its escaping is safe in
	// utf8mb4, where no other character contains a byte that reads as a backslash or a quote. NO_BACKSLASH_ESCAPES is not
	// in sqlMode; if a server sets it nevertheless, the driver sees it in every response and doubles quotes instead.
	c.InterpolateParams = true
	c.ClientFoundRows = true // an UPDATE reports the rows it matched, so that repeating it does not report 0
	c.MultiStatements = false
	c.AllowAllFiles = false // LOAD DATA LOCAL reads from registered readers only
	c.AllowOldPasswords = false
	c.Logger = driverLog{}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	maps.DeleteFunc(c.Params, func(variable, _ string) bool { return fixedVariables[strings.ToLower(variable)] })
	c.Params["sql_mode"] = sqlMode
	c.Params["time_zone"] = "'+00:00'"
	return c
}

// driverLog receives what the driver would write to standard error, where it would break a log of JSON lines. The errors
// themselves are returned, so its lines are only for debugging.
type driverLog struct{}

// Print implements mysql.Logger.
func (driverLog) Print(values ...any) {
	slog.Default().Debug("database driver", "line", strings.TrimSpace(fmt.Sprintln(values...)))
}

func openPool(cfg *mysql.Config, maxConns int) (*sql.DB, error) {
	inner, err := mysql.NewConnector(strict(cfg))
	if err != nil {
		return nil, err
	}
	if maxConns <= 0 {
		maxConns = 16
	}
	pool := sql.OpenDB(connector{inner})
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	return pool, nil
}

// connector sets the isolation level on every new connection.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, isolation, nil); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("setting the isolation level: %w", err)
	}
	return conn, nil
}
