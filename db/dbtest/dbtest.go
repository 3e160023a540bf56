// Package dbtest gives every test a database of its own: made, migrated, opened as a user with the pipeline's rights
// and nothing more, and dropped at the end. It refuses to start servers: their data source names come from the
// environment (package testenv).
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

// prefix begins the names of test databases and users; the unix time of their making follows, so that what crashed
// tests have left behind can be told by its age.
const prefix = "etfcast_test_"

// New returns a store on a database of its own on the embedded server (ETFCAST_MYSQL_ADMIN_DSN); without one the test
// is skipped.
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
	AdminDSN string // of this database
	UserDSN  string // the pipeline's user
	Name     string
}

// Open returns a database of its own on the server of the DSN.
func Open(t testing.TB, serverDSN string) Database {
	t.Helper()
	return open(t, serverDSN)
}

// Empty is Open without migrations and without a store.
func Empty(t testing.TB, serverDSN string) Database {
	t.Helper()
	return create(t, serverDSN)
}

// Servers runs do as a subtest on each kind of server that the environment names, side by side; the others are skipped
// by name.
func Servers(t *testing.T, do func(t *testing.T, serverDSN string)) {
	t.Helper()
	for _, server := range []struct {
		name string
		need testenv.Need
	}{{"embedded", testenv.Database}, {"mysql", testenv.MySQL}, {"mariadb", testenv.MariaDB}} {
		t.Run(server.name, func(t *testing.T) {
			dsn := server.need.Value(t)
			t.Parallel() // they wait for three different servers
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

// Another opens a further store on the same database, as another process would.
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

// Admin opens the database as its administrator, for looking behind the store's back.
func (d Database) Admin(t testing.TB) *sql.DB {
	t.Helper()
	pool := connect(t, d.AdminDSN)
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
	for _, statement := range []string{
		"CREATE DATABASE " + name + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		"CREATE USER '" + user + "'@'%' IDENTIFIED BY '" + suffix + "'",
	} {
		if _, err := admin.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, statement := range []string{"DROP DATABASE IF EXISTS " + name, "DROP USER IF EXISTS '" + user + "'@'%'"} {
			if _, err := admin.ExecContext(context.Background(), statement); err != nil {
				t.Error(err)
			}
		}
		_ = admin.Close()
	})
	d := Database{Name: name}
	cfg.DBName = name
	d.AdminDSN = cfg.FormatDSN()
	cfg.User, cfg.Passwd = user, suffix
	d.UserDSN = cfg.FormatDSN()
	return d
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

// dropLeftovers removes, once per process and server, what tests of more than a day ago have left behind. Trouble with
// it is not this test's.
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

// old returns the names a query lists that begin with start and a time more than a day ago.
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
