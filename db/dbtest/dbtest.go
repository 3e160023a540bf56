// Package dbtest gives every test its own database: created with its two users as docs/operations.md says, migrated by the
// one, opened as the other, and dropped at the end. It starts no servers: their data source names come from the environment (package testenv).
package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/internal/testenv"
)

// prefix starts the names of test databases; the Unix time of their creation follows, so that leftovers of crashed tests
// can be recognised by their age.
const prefix = "etfcast_test_"

// New returns a store on a new database of the embedded server (ETFCAST_MYSQL_ADMIN_DSN), or skips the test if there is
// no such server.
func New(t testing.TB) *db.Store {
	t.Helper()
	return open(t, Embedded(t)).Store
}

// Embedded returns the admin DSN of the embedded server, or skips the test.
func Embedded(t testing.TB) string {
	t.Helper()
	return testenv.Database.Value(t)
}

// Database is one test's database.
type Database struct {
	Store    *db.Store
	AdminDSN string // the user who owns the schema
	UserDSN  string // the pipeline's user
	RootDSN  string // the server's administrator, who may do everything
	Name     string
}

// Setup are the statements that create a database and its two users, as docs/operations.md shows them to operators.
const Setup = `CREATE DATABASE etfcast CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE USER 'etfcast_admin'@'%' IDENTIFIED BY '...';
GRANT ALL ON etfcast.* TO 'etfcast_admin'@'%' WITH GRANT OPTION;
GRANT SELECT (user, host) ON mysql.user TO 'etfcast_admin'@'%';
CREATE USER 'etfcast'@'%' IDENTIFIED BY '...';
`

// Open returns a new, migrated database on the server of the DSN.
func Open(t testing.TB, serverDSN string) Database {
	t.Helper()
	return open(t, serverDSN)
}

// Empty is Open without migrations and without a store.
func Empty(t testing.TB, serverDSN string) Database {
	t.Helper()
	return create(t, serverDSN)
}

// Servers runs do as a subtest on each kind of server that the environment names, in parallel, and skips the subtests of
// the others.
func Servers(t *testing.T, do func(t *testing.T, serverDSN string)) {
	t.Helper()
	for _, server := range []struct {
		name string
		need testenv.Need
	}{{"embedded", testenv.Database}, {"mysql", testenv.MySQL}, {"mariadb", testenv.MariaDB}} {
		t.Run(server.name, func(t *testing.T) {
			dsn := server.need.Value(t)
			t.Parallel() // each waits for another server
			do(t, dsn)
		})
	}
}

func open(t testing.TB, serverDSN string) Database {
	t.Helper()
	d := create(t, serverDSN)
	ctx := context.Background()
	user, _, _ := strings.Cut(d.UserDSN, ":")
	if err := db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{GrantUsers: []string{user}}); err != nil {
		t.Fatal(err)
	}
	d.Store = d.Another(t, db.Options{})
	return d
}

// Another opens another store on the same database, as a second process would.
func (d Database) Another(t testing.TB, o db.Options) *db.Store {
	t.Helper()
	s, err := db.Open(d.UserDSN, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Admin opens the database as the server's administrator, to bypass the store.
func (d Database) Admin(t testing.TB) *sql.DB {
	t.Helper()
	pool := connect(t, d.RootDSN)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

func create(t testing.TB, serverDSN string) Database {
	t.Helper()
	cfg, err := mysql.ParseDSN(serverDSN)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DBName = ""
	admin := connect(t, cfg.FormatDSN())
	dropLeftovers(admin, cfg.Addr)

	var unique [5]byte
	_, _ = rand.Read(unique[:])
	suffix := hex.EncodeToString(unique[:])
	name := fmt.Sprintf("%s%d_%s", prefix, time.Now().Unix(), suffix)
	user := fmt.Sprintf("et_%d_%s", time.Now().Unix(), suffix) // MySQL allows 32 characters
	owner := user + "_o"
	t.Cleanup(func() {
		for _, statement := range []string{"DROP DATABASE IF EXISTS " + name, "DROP USER IF EXISTS '" + user + "'@'%', '" + owner + "'@'%'"} {
			if _, err := admin.ExecContext(context.Background(), statement); err != nil {
				t.Error(err)
			}
		}
		_ = admin.Close()
	})
	setUp(t, admin, strings.NewReplacer("'etfcast_admin'", "'"+owner+"'", "'etfcast'", "'"+user+"'", "etfcast", name, "'...'", "'"+suffix+"'"))
	d := Database{Name: name}
	cfg.DBName = name
	d.RootDSN = cfg.FormatDSN()
	cfg.User, cfg.Passwd = owner, suffix
	d.AdminDSN = cfg.FormatDSN()
	cfg.User = user
	d.UserDSN = cfg.FormatDSN()
	return d
}

// setUp runs the statements of Setup with other names.
func setUp(t testing.TB, admin *sql.DB, names *strings.Replacer) {
	t.Helper()
	ctx := context.Background()
	var server string
	if err := admin.QueryRowContext(ctx, "SELECT @@version_comment").Scan(&server); err != nil {
		t.Fatal(err)
	}
	for statement := range strings.Lines(Setup) {
		if strings.Contains(statement, "SELECT (") && strings.Contains(server, "Dolt") {
			continue // Dolt has no rights on columns
		}
		if _, err := admin.ExecContext(ctx, names.Replace(strings.TrimSuffix(strings.TrimSpace(statement), ";"))); err != nil {
			t.Fatal(err)
		}
	}
}

func connect(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

var swept sync.Map

// dropLeftovers removes, once per process and server, the leftovers of tests more than a day ago. It ignores errors, which
// have nothing to do with the test.
func dropLeftovers(admin *sql.DB, addr string) {
	if _, done := swept.LoadOrStore(addr, true); done {
		return
	}
	ctx := context.Background()
	drop := func(list, start, statement string) {
		for _, name := range old(ctx, admin, list, start) {
			_, _ = admin.ExecContext(ctx, fmt.Sprintf(statement, name))
		}
	}
	drop("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'etfcast\\_test\\_%'", prefix, "DROP DATABASE IF EXISTS `%s`")
	drop("SELECT user FROM mysql.user WHERE user LIKE 'et\\_%'", "et_", "DROP USER IF EXISTS '%s'@'%%'")
}

// old returns the names listed by a query that consist of start and a time more than a day ago.
func old(ctx context.Context, admin *sql.DB, list, start string) []string {
	rows, err := admin.QueryContext(ctx, list)
	if err != nil {
		return nil
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if rows.Scan(&name) == nil && olderThanADay(name, start) {
			names = append(names, name)
		}
	}
	if rows.Err() != nil {
		return nil
	}
	return names
}

func olderThanADay(name, start string) bool {
	made, _, ok := strings.Cut(strings.TrimPrefix(name, start), "_")
	seconds, err := strconv.ParseInt(made, 10, 64)
	return ok && err == nil && time.Since(time.Unix(seconds, 0)) > 24*time.Hour
}
