package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// account is the pipeline's user of a test's database, whose rights a test changes.
type account struct {
	t    *testing.T
	d    dbtest.Database
	exec func(statement string) error
	user string
	name string // quoted, with its host
	dolt bool
	now  time.Time
	s    *db.Store
}

func newAccount(t *testing.T, dsn string) *account {
	t.Helper()
	d := dbtest.Open(t, dsn)
	user, _, _ := strings.Cut(d.UserDSN, ":")
	admin := d.Admin(t)
	a := &account{t: t, d: d, user: user, name: "'" + user + "'@'%'", now: time.Now(),
		exec: func(statement string) error { _, err := admin.Exec(statement); return err }}
	a.s = d.Another(t, db.Options{Now: func() time.Time { return a.now }})
	can, err := a.s.Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.dolt = can.Server == "Dolt"
	return a
}

// do runs a statement in which DB, ACCOUNT and GROUP (a role) stand for the test's names.
func (a *account) do(statement string) {
	a.t.Helper()
	statement = strings.NewReplacer("DB.", a.d.Name+".", "ACCOUNT", a.name, "GROUP", "'"+a.user+"_r'").Replace(statement)
	if err := a.exec(statement); err != nil {
		a.t.Fatalf("%s: %v", statement, err)
	}
}

// missing checks what MissingRights reports, without its cache.
func (a *account) missing(when string, want ...string) {
	a.t.Helper()
	a.now = a.now.Add(time.Hour)
	if got, err := a.s.MissingRights(a.t.Context()); err != nil || !slices.Equal(got, want) {
		a.t.Errorf("%s: missing %q (%v), want %q", when, got, err, want)
	}
}

// excess checks what ExcessRights reports. Only Dolt can't refuse ON DUPLICATE KEY UPDATE.
func (a *account) excess(when string, want ...string) {
	a.t.Helper()
	got, err := a.s.ExcessRights(a.t.Context())
	if err != nil || !slices.Equal(got.Rights, want) || got.Upsert != a.dolt {
		a.t.Errorf("%s: excess %+v (%v), want %q", when, got, err, want)
	}
}

// tablesWith lists the tables of which the program needs exactly these rights.
func tablesWith(rights string) string {
	var names []string
	for table, r := range db.Rights() {
		if r == rights {
			names = append(names, table)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// The documented rights are exactly those that the program needs; each one that is taken away is named.
func TestMissingRights(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		a := newAccount(t, dsn)
		a.missing("as documented")
		a.excess("as documented")
		for _, table := range slices.Sorted(maps.Keys(db.Rights())) {
			for _, right := range strings.Split(db.Rights()[table], ", ") {
				a.do("REVOKE " + right + " ON DB." + table + " FROM ACCOUNT")
				a.missing("without "+right+" on "+table, right+" on "+table)
				a.do("GRANT " + right + " ON DB." + table + " TO ACCOUNT")
			}
		}
		a.missing("all rights back")
	})
}

func TestMissingRightsOfAReader(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		a := newAccount(t, dsn)
		for table, rights := range db.Rights() {
			if _, writes, ok := strings.Cut(rights, ", "); ok {
				a.do("REVOKE " + writes + " ON DB." + table + " FROM ACCOUNT")
			}
		}
		a.missing("a reader",
			"INSERT, UPDATE on "+tablesWith("SELECT, INSERT, UPDATE"),
			"INSERT on "+tablesWith("SELECT, INSERT"),
			"INSERT, UPDATE, DELETE on "+tablesWith("SELECT, INSERT, UPDATE, DELETE"),
			"INSERT, DELETE on "+tablesWith("SELECT, INSERT, DELETE"))
	})
}

// Rights on columns do not suffice, rights on the database or by a role do.
func TestRightsElsewhere(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		a := newAccount(t, dsn)
		if !a.dolt { // which has rights on tables only
			a.do("REVOKE UPDATE, INSERT ON DB.runs FROM ACCOUNT")
			a.do("GRANT UPDATE (status), INSERT (id) ON DB.runs TO ACCOUNT")
			a.missing("some columns", "INSERT, UPDATE on runs")
			a.do("GRANT UPDATE (mean), SELECT (mean) ON DB.forecast_points TO ACCOUNT")
			a.excess("a column more", "UPDATE (mean) on forecast_points")
			a.do("REVOKE SELECT ON DB.bars FROM ACCOUNT")
			a.do("GRANT SELECT (etf_id, session) ON DB.bars TO ACCOUNT")
			a.missing("some columns to read", "SELECT on bars", "INSERT, UPDATE on runs")
			a.do("REVOKE UPDATE (mean) ON DB.forecast_points FROM ACCOUNT")
		}
		a.do("GRANT SELECT, INSERT, UPDATE, DELETE ON DB.* TO ACCOUNT")
		a.missing("the whole database")
		text := fmt.Sprint(a.s.ExcessRights(t.Context()))
		for _, table := range db.AppendOnly() {
			if !strings.Contains(text, table) {
				t.Errorf("the user may change %s, which is not reported: %s", table, text)
			}
		}
		if a.dolt {
			return
		}
		a.do("DROP USER ACCOUNT")
		_, password, _ := strings.Cut(a.d.UserDSN, ":")
		password, _, _ = strings.Cut(password, "@")
		a.do("CREATE USER ACCOUNT IDENTIFIED BY '" + password + "'")
		a.do("CREATE ROLE GROUP")
		t.Cleanup(func() {
			if err := a.exec("DROP ROLE '" + a.user + "_r'"); err != nil {
				t.Error(err)
			}
		})
		a.do("GRANT SELECT, INSERT, UPDATE, DELETE ON DB.* TO GROUP")
		a.do("GRANT GROUP TO ACCOUNT")
		if can, err := a.s.Capabilities(t.Context()); err == nil && can.Server == "MariaDB" {
			a.do("SET DEFAULT ROLE GROUP FOR ACCOUNT")
		} else {
			a.do("SET DEFAULT ROLE GROUP TO ACCOUNT")
		}
		a.s = a.d.Another(t, db.Options{}) // a role applies to new connections
		a.missing("by a role")
	})
}

// What would let the pipeline's user change what is append-only is found.
func TestExcessRights(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		a := newAccount(t, dsn)
		a.do("GRANT UPDATE ON DB.forecasts TO ACCOUNT")
		a.do("GRANT UPDATE, DELETE ON DB.finding_decisions TO ACCOUNT")
		a.do("GRANT INSERT ON DB.schema_versions TO ACCOUNT")
		a.do("GRANT DROP ON DB.bar_revisions TO ACCOUNT")
		got, err := a.s.ExcessRights(t.Context())
		want := []string{"UPDATE, DELETE on finding_decisions", "UPDATE on forecasts", "INSERT on schema_versions", "DROP on bar_revisions"}
		if err != nil || !slices.Equal(got.Rights, want) {
			t.Errorf("excess %q (%v), want %q", got.Rights, err, want)
		}
		owner := a.d
		owner.UserDSN = a.d.AdminDSN
		got, err = owner.Another(t, db.Options{}).ExcessRights(t.Context())
		if text := strings.Join(got.Rights, "; "); err != nil || !strings.Contains(text, "UPDATE, DELETE on assessments, bar_revisions") || !strings.Contains(text, "ALTER, DROP, GRANT OPTION, TRIGGER on "+a.d.Name+".*") {
			t.Errorf("excess of the schema's owner: %q (%v)", text, err)
		}
	})
}

// newReader makes an account without rights, to which migrate grants those of a reader.
func newReader(t *testing.T, dsn string) (a *account, migrate func() error) {
	t.Helper()
	a = newAccount(t, dsn)
	name := a.user + "_g"
	a.name = "'" + name + "'@'%'"
	_, rest, _ := strings.Cut(a.d.UserDSN, ":")
	password, _, _ := strings.Cut(rest, "@")
	a.do("CREATE USER ACCOUNT IDENTIFIED BY '" + password + "'")
	t.Cleanup(func() {
		if err := a.exec("DROP USER " + a.name); err != nil {
			t.Error(err)
		}
	})
	pipeline := a.user
	a.d.UserDSN = name + ":" + rest
	a.s = a.d.Another(t, db.Options{Variable: db.ReaderDSNVariable})
	return a, func() error {
		return db.Migrate(t.Context(), a.d.AdminDSN, db.MigrateOptions{GrantUsers: []string{pipeline}, GrantReaders: []string{name}})
	}
}

// The reader may read exactly the tables that are not hidden, and change none; doctor's check names every deviation.
func TestReaderRights(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		a, migrate := newReader(t, dsn)
		for range 2 { // it may be repeated
			if err := migrate(); err != nil {
				t.Fatal(err)
			}
		}
		check := func(when string, wantMissing, wantExcess []string) {
			t.Helper()
			s := a.d.Another(t, db.Options{}) // rights apply to new connections
			missing, excess, err := s.ReaderRights(ctx)
			if err != nil || !slices.Equal(missing, wantMissing) || !slices.Equal(excess, wantExcess) {
				t.Errorf("%s: missing %q, excess %q (%v), want %q and %q", when, missing, excess, err, wantMissing, wantExcess)
			}
		}
		check("as granted", nil, nil)

		reader := connectAs(t, a.d.UserDSN)
		readable := db.ReaderTables()
		for table := range db.Rights() {
			_, err := reader.ExecContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
			if may := slices.Contains(readable, table); may != (err == nil) {
				t.Errorf("reading %s: %v", table, err)
			}
			for _, statement := range []string{"DELETE FROM " + table, "INSERT INTO " + table + " SELECT * FROM " + table, "DROP TABLE " + table} {
				if _, err := reader.ExecContext(ctx, statement); err == nil {
					t.Errorf("the reader may %s", statement)
				}
			}
		}
		for _, table := range []string{"fetch_bodies", "staged_bars"} { // what providers have sent
			if slices.Contains(readable, table) {
				t.Errorf("%s can be read", table)
			}
		}

		a.do("REVOKE SELECT ON DB.bars FROM ACCOUNT")
		a.do("REVOKE SELECT ON DB.runs FROM ACCOUNT")
		check("two tables less", []string{"SELECT on bars, runs"}, nil)
		a.do("GRANT SELECT ON DB.bars TO ACCOUNT")
		a.do("GRANT SELECT ON DB.runs TO ACCOUNT")
		a.do("GRANT SELECT ON DB.fetch_bodies TO ACCOUNT")
		a.do("GRANT UPDATE ON DB.forecasts TO ACCOUNT")
		check("more than it should", nil, []string{"SELECT on fetch_bodies", "UPDATE on forecasts"})
	})
}

// The pipeline's user can't be the reader, in whichever way they are named, and a reader must exist.
func TestGrantReaderErrors(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, d := t.Context(), dbtest.Open(t, dsn)
		user, _, _ := strings.Cut(d.UserDSN, ":")
		for _, o := range []db.MigrateOptions{
			{GrantUsers: []string{user}, GrantReaders: []string{user}},
			{GrantUsers: []string{user}, GrantReaders: []string{user + "@%"}},
			{GrantDSN: d.UserDSN, GrantReaders: []string{user}},
			{GrantReaders: []string{"x' IDENTIFIED BY 'y"}},
		} {
			wantKind(t, db.Migrate(ctx, d.AdminDSN, o), etf.KindInvalid, "grant-reader")
		}
		wantKind(t, db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{GrantReaders: []string{"nobody_of_that_name"}}), etf.KindNotFound, "grant-reader")
	})
}

// An empty result is cached, a missing right is not.
func TestMissingRightsAreCached(t *testing.T) {
	ctx, a := t.Context(), newAccount(t, dbtest.Embedded(t))
	want := func(when string, want ...string) {
		t.Helper()
		if got, err := a.s.MissingRights(ctx); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q (%v), want %q", when, got, err, want)
		}
	}
	a.do("REVOKE INSERT ON DB.forecast_fits FROM ACCOUNT")
	want("revoked", "INSERT on forecast_fits")
	a.do("GRANT INSERT ON DB.forecast_fits TO ACCOUNT")
	want("granted")
	a.do("REVOKE INSERT ON DB.forecast_fits FROM ACCOUNT")
	a.now = a.now.Add(14 * time.Second)
	want("within 15 seconds")
	a.now = a.now.Add(time.Second)
	want("15 seconds later", "INSERT on forecast_fits")
}

// A database so slow that each check reaches a few tables only, within more than the 15 seconds that a result is cached, is ready in the end
// and stays so; a right that is taken away is noticed all the same.
func TestRightsOfASlowDatabase(t *testing.T) {
	a := newAccount(t, dbtest.Embedded(t))
	const perCheck = 7
	now, left := time.Now(), 0
	cut := func() {}
	s := a.d.Another(t, db.Options{Now: func() time.Time {
		if left--; left < 0 {
			cut()
		}
		return now
	}})
	check := func() ([]string, error) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		now, left, cut = now.Add(20*time.Second), perCheck, stop
		return s.MissingRights(ctx)
	}
	most := len(db.Rights())/(perCheck-1) + 2
	checks := 0
	for ; checks < most; checks++ {
		missing, err := check()
		if err == nil && len(missing) == 0 {
			break
		}
		if etf.KindOf(err) != etf.KindUnavailable {
			t.Fatalf("a check that was cut short: %q, %v", missing, err)
		}
	}
	if checks < 5 || checks == most {
		t.Fatalf("none is missing after %d checks; want some, and at most %d", checks, most)
	}
	for range 2 * most {
		if missing, err := check(); err != nil || len(missing) > 0 {
			t.Fatalf("a check of what was complete: %q, %v", missing, err)
		}
	}
	a.do("REVOKE INSERT ON DB.forecast_fits FROM ACCOUNT")
	for checks = 0; checks < 2*most; checks++ {
		if missing, err := check(); err != nil || len(missing) > 0 {
			break
		}
	}
	if checks == 2*most {
		t.Errorf("a right that was taken away is not noticed within %d checks", checks)
	}
	left = 1 << 20
	cut = func() {}
	if missing, err := s.MissingRights(t.Context()); err != nil || !slices.Equal(missing, []string{"INSERT on forecast_fits"}) {
		t.Errorf("a check with all the time it needs: %q, %v", missing, err)
	}
}

// A check that waits for another one to end waits for no longer than its context.
func TestRightsCheckedAtOnce(t *testing.T) {
	a := newAccount(t, dbtest.Embedded(t))
	began, end := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := a.d.Another(t, db.Options{Now: func() time.Time {
		once.Do(func() { close(began); <-end })
		return time.Now()
	}})
	first := make(chan error, 1)
	go func() { _, err := s.MissingRights(t.Context()); first <- err }()
	<-began
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := s.MissingRights(ctx)
	wantKind(t, err, etf.KindUnavailable, "")
	close(end)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// Before anything is granted the error is KindDenied, without tables or a server KindUnavailable: callers wait for both.
func TestRightsBeforeMigrate(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, d := t.Context(), dbtest.Empty(t, dsn)
		_, _, err := d.Another(t, db.Options{}).SchemaVersion(ctx)
		wantKind(t, err, etf.KindDenied, "")
		_, err = d.Another(t, db.Options{}).MissingRights(ctx)
		wantKind(t, err, etf.KindDenied, "")
		if err := db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{}); err != nil {
			t.Fatal(err)
		}
		_, _, err = d.Another(t, db.Options{}).SchemaVersion(ctx)
		wantKind(t, err, etf.KindDenied, "")
		if err := db.Down(ctx, d.AdminDSN); err != nil {
			t.Fatal(err)
		}
		d.UserDSN = d.RootDSN
		_, err = d.Another(t, db.Options{}).MissingRights(ctx)
		wantKind(t, err, etf.KindUnavailable, "") // the tables are missing, not the rights
	})
	s, err := db.Open("root@tcp(127.0.0.1:1)/etfcast", db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.MissingRights(t.Context())
	wantKind(t, err, etf.KindUnavailable, "")
}

// A server that takes no writes is reported as such, although the rights are there.
func TestReadOnlyServer(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		if can, err := d.Store.Capabilities(t.Context()); err != nil || can.Server == "Dolt" {
			return // which has no such setting
		}
		variable := "transaction_read_only"
		if can, _ := d.Store.Capabilities(context.Background()); can.Server == "MariaDB" {
			variable = "tx_read_only"
		}
		d.UserDSN += "?" + variable + "=1"
		_, err := d.Another(t, db.Options{}).MissingRights(t.Context())
		wantKind(t, err, etf.KindUnavailable, "")
		if !strings.Contains(err.Error(), "the server is read-only") {
			t.Errorf("%v does not say why", err)
		}
	})
}

// The user of a DSN gets its rights even if its account is limited to a host.
func TestGrantToTheUserOfADSN(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		ctx, d := t.Context(), dbtest.Empty(t, dsn)
		admin := d.Admin(t)
		user, rest, _ := strings.Cut(d.UserDSN, ":")
		password, _, _ := strings.Cut(rest, "@")
		name := user + "_h"
		for _, host := range []string{"localhost", "127.0.0.1"} { // whichever of them the server calls this machine
			account := "'" + name + "'@'" + host + "'"
			if _, err := admin.Exec("CREATE USER " + account + " IDENTIFIED BY '" + password + "'"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := admin.Exec("DROP USER " + account); err != nil {
					t.Error(err)
				}
			})
		}
		d.UserDSN = name + ":" + rest
		if err := db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{GrantDSN: d.UserDSN}); err != nil {
			t.Fatal(err)
		}
		if missing, err := d.Another(t, db.Options{}).MissingRights(ctx); err != nil || len(missing) != 0 {
			t.Errorf("missing %q, %v", missing, err)
		}
		nobody := strings.Replace(d.UserDSN, name, "nobody_of_that_name", 1)
		wantKind(t, db.Migrate(ctx, d.AdminDSN, db.MigrateOptions{GrantDSN: nobody}), etf.KindNotFound, "grant")
	})
}

// connectAs opens a database without the store.
func connectAs(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}
