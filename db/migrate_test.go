package db_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// schema lists every column of a database, as the server describes it.
func schema(t *testing.T, d dbtest.Database) string {
	t.Helper()
	rows, err := d.Admin(t).Query(`SELECT table_name, column_name, column_type, is_nullable, collation_name
FROM information_schema.columns WHERE table_schema = ? ORDER BY table_name, ordinal_position`, d.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var table, column, kind, nullable string
		var collation *string
		if err := rows.Scan(&table, &column, &kind, &nullable, &collation); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s.%s %s %s", table, column, kind, nullable)
		if collation != nil {
			fmt.Fprintf(&out, " %s", *collation)
			if *collation != "ascii_bin" && *collation != "utf8mb4_bin" && !strings.HasPrefix(table, "schema_") {
				t.Errorf("%s.%s has collation %s, want ascii_bin or utf8mb4_bin", table, column, *collation)
			}
		}
		out.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestMigrateUpDownUp(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, d := t.Context(), dbtest.Empty(t, dsn)
		s := d.Another(t, db.Options{})
		if current, wanted, err := s.SchemaVersion(ctx); err == nil && current != 0 || wanted < 7 {
			t.Errorf("an empty database has schema %d of %d, %v", current, wanted, err)
		}
		// Two migrations at once: a lock admits one at a time, and the second finds nothing to do.
		var log bytes.Buffer
		var wg sync.WaitGroup
		var mu sync.Mutex
		failures := make([]error, 2)
		for i := range failures {
			wg.Go(func() {
				var own bytes.Buffer
				failures[i] = db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{Log: slog.New(slog.NewTextHandler(&own, nil))})
				mu.Lock()
				defer mu.Unlock()
				log.Write(own.Bytes())
			})
		}
		wg.Wait()
		for _, err := range failures {
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(log.String(), "schema migrated"); n != int(db.WantedSchema()) {
			t.Errorf("%d migrations were logged, want %d:\n%s", n, db.WantedSchema(), &log)
		}
		up := schema(t, d)
		if !strings.Contains(up, "bars.session") {
			t.Fatalf("schema:\n%s", up)
		}
		if err := db.Down(ctx, d.AdminDSN); err != nil {
			t.Fatal(err)
		}
		if down := schema(t, d); strings.Contains(down, "bars.") {
			t.Fatalf("after down:\n%s", down)
		}
		if err := db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{}); err != nil {
			t.Fatal(err)
		}
		if again := schema(t, d); again != up {
			t.Errorf("after up, down, up:\n%s\nwant\n%s", again, up)
		}

		if _, err := d.Admin(t).Exec("INSERT INTO schema_versions (version_id, is_applied) VALUES (99, 1)"); err != nil {
			t.Fatal(err)
		}
		err := db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{})
		wantKind(t, err, etf.KindConflict, db.AdminDSNVariable)
	})
}

func TestMigrateErrors(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, d := t.Context(), dbtest.Open(t, dsn)
		owner, _, _ := strings.Cut(d.AdminDSN, ":")
		err := db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{GrantUsers: []string{"nobody_of_that_name"}})
		wantKind(t, err, etf.KindNotFound, "grant")
		_, _ = d.Admin(t).Exec("REVOKE SELECT (user, host) ON mysql.user FROM '" + owner + "'@'%'") // Dolt has no such right
		err = db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{GrantUsers: []string{"nobody_of_that_name"}})
		wantKind(t, err, etf.KindNotFound, "grant") // by GRANT, if the owner may not look for users
		err = db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{GrantUsers: []string{"x' IDENTIFIED BY 'y"}})
		wantKind(t, err, etf.KindInvalid, "grant")

		// The pipeline's user may not migrate.
		cfg, err := mysql.ParseDSN(d.UserDSN)
		if err != nil {
			t.Fatal(err)
		}
		cfg.DBName = d.Name + "_new"
		if err := db.Migrate(ctx, cfg.FormatDSN(), db.MigrateOptions{}); etf.KindOf(err) != etf.KindDenied {
			t.Errorf("migrating without rights: %v (%s)", err, etf.KindOf(err))
		}
		cfg.Passwd = "wrong"
		if err := db.Migrate(ctx, cfg.FormatDSN(), db.MigrateOptions{}); etf.KindOf(err) != etf.KindDenied || !strings.Contains(err.Error(), db.AdminDSNVariable) {
			t.Errorf("a wrong password: %v (%s)", err, etf.KindOf(err))
		}

		// A missing database is created.
		admin, err := mysql.ParseDSN(d.RootDSN)
		if err != nil {
			t.Fatal(err)
		}
		admin.DBName = d.Name + "_made"
		t.Cleanup(func() { _, _ = d.Admin(t).Exec("DROP DATABASE IF EXISTS " + admin.DBName) })
		if err := db.Migrate(ctx, admin.FormatDSN(), db.MigrateOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func TestDSNErrors(t *testing.T) {
	ctx := context.Background()
	for name, dsn := range map[string]string{"unset": "", "not a DSN": "mysql://root:secret@localhost/x", "no database": "root:secret@tcp(127.0.0.1:1)/"} {
		_, err := db.Open(dsn, db.Options{})
		wantKind(t, err, etf.KindInvalid, db.DSNVariable)
		err2 := db.Migrate(ctx, dsn, db.MigrateOptions{})
		wantKind(t, err2, etf.KindInvalid, db.AdminDSNVariable)
		if strings.Contains(err.Error()+err2.Error(), "secret") {
			t.Errorf("%s: the error shows the password: %v; %v", name, err, err2)
		}
	}
}

// TestDatabaseDown checks that an unreachable database is KindUnavailable, with an error that names the setting.
func TestDatabaseDown(t *testing.T) {
	s, err := db.Open("root@tcp(127.0.0.1:1)/etfcast", db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	for name, err := range map[string]error{
		"ping":    s.Ping(ctx),
		"read":    func() error { _, err := s.ETF(ctx, "SPY"); return err }(),
		"write":   s.SaveFetch(ctx, etf.Fetch{ID: newID()}, etf.Response{}),
		"migrate": db.Migrate(ctx, "root@tcp(127.0.0.1:1)/etfcast", db.MigrateOptions{}),
	} {
		if etf.KindOf(err) != etf.KindUnavailable {
			t.Errorf("%s: %v (%s)", name, err, etf.KindOf(err))
		}
	}
	if err := s.Ping(ctx); !strings.Contains(err.Error(), db.DSNVariable) {
		t.Errorf("%v does not name the setting", err)
	}
}

// TestBeforeMigrate checks that a missing schema is KindUnavailable, so that a worker that starts first waits for it.
func TestBeforeMigrate(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Empty(t, dsn)
		admin := d
		admin.UserDSN = d.AdminDSN
		_, err := admin.Another(t, db.Options{}).ETF(t.Context(), "SPY")
		wantKind(t, err, etf.KindUnavailable, "")
		if !strings.Contains(err.Error(), "etfcast migrate") {
			t.Errorf("%v does not name the remedy", err)
		}
		cfg, err := mysql.ParseDSN(d.RootDSN)
		if err != nil {
			t.Fatal(err)
		}
		cfg.DBName = "etfcast_no_such_database"
		s, err := db.Open(cfg.FormatDSN(), db.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		wantKind(t, s.Ping(t.Context()), etf.KindUnavailable, "")
	})
}
