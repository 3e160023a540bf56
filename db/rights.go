package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const (
	// rightsKept is how long the result that no right is missing is cached: readiness is checked often, and rights seldom
	// change.
	rightsKept = 15 * time.Second
	// partKept is how long what a check found counts that was cut short, as the database is far away or busy: the next one goes on
	// where it stopped. It is long, so that the first tables do not have to be checked again before the last ones were reached.
	partKept = 10 * time.Minute
)

// MissingRights lists what this program needs and the DSN's user lacks: "INSERT, UPDATE on bars, fetches". It runs a
// statement for each right, because every server checks those alike, whether the right comes from the table, its
// columns, the database or a role; none of them changes a row. A table whose rows can't all be read is listed with SELECT
// only: the statements for INSERT and UPDATE read it. That none is missing is cached for 15 seconds after the end of a check. A check
// that ctx cuts short is continued by the next one; if none was missing a short while ago, that counts meanwhile. KindUnavailable
// if the server accepts no writes or a table is missing.
func (s *Store) MissingRights(ctx context.Context) ([]string, error) {
	select {
	case s.granted.turn <- struct{}{}:
		defer func() { <-s.granted.turn }()
	case <-ctx.Done():
		return nil, translate(ctx.Err(), "waiting for another check of the rights")
	}
	due := s.granted.due(s.clock())
	if len(due) == 0 {
		return nil, nil
	}
	var byTable byTable
	granted := 0
	err := s.probing(ctx, func(p prober) error {
		for _, table := range due {
			lacking, err := p.missing(table, strings.Split(rights[table], ", "))
			if err != nil {
				return err
			}
			byTable.add(table, lacking)
			if len(lacking) == 0 {
				s.granted.at[table] = s.clock()
				granted++
			}
		}
		if byTable.order != nil {
			// Rights on a database and roles apply to new connections: the next check must not find this one idle.
			_ = p.conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		return nil
	})
	missing := byTable.list()
	known := s.granted.ended(s.clock(), err != nil, len(missing) > 0)
	if err != nil && ctx.Err() != nil && known && granted > 0 {
		return nil, nil //nolint:nilerr // the server responds, only not fast enough for all of it
	}
	if err != nil {
		return nil, err
	}
	return missing, nil
}

// grantedTables remembers when each table was found to lack no right.
type grantedTables struct {
	turn chan struct{}        // holds a value while a check is at work
	at   map[string]time.Time // by table, in the check under way; or in the last one, if that found rights missing
	cut  bool                 // the check under way was cut short
	all  time.Time            // when a check last found that no right is missing; zero if one is
}

// due lists the tables to check.
func (g *grantedTables) due(now time.Time) []string {
	fresh := func(at time.Time, kept time.Duration) bool { age := now.Sub(at); return age >= 0 && age < kept }
	if !g.cut && fresh(g.all, rightsKept) {
		return nil
	}
	kept := rightsKept
	if g.cut {
		kept = partKept
	}
	var tables []string
	for _, table := range slices.Sorted(maps.Keys(rights)) {
		if !fresh(g.at[table], kept) {
			tables = append(tables, table)
		}
	}
	return tables
}

// ended notes how a check ended, and reports whether none was missing when all were last checked, a short while ago.
func (g *grantedTables) ended(now time.Time, cut, missing bool) bool {
	g.cut = cut
	if age := now.Sub(g.all); missing || age < 0 || age >= partKept {
		g.all = time.Time{}
	}
	if !cut && !missing {
		g.all, g.at = now, map[string]time.Time{}
	}
	return !g.all.IsZero()
}

// byTable collects rights on tables; tables with the same rights become one entry of its list.
type byTable struct {
	order  []string // the different sets of rights, as they came
	tables map[string][]string
}

func (b *byTable) add(table string, rights []string) {
	if len(rights) == 0 {
		return
	}
	key := strings.Join(rights, ", ")
	if b.tables == nil {
		b.tables = map[string][]string{}
	}
	if b.tables[key] == nil {
		b.order = append(b.order, key)
	}
	b.tables[key] = append(b.tables[key], table)
}

func (b *byTable) list() []string {
	var list []string
	for _, key := range b.order {
		list = append(list, key+" on "+strings.Join(b.tables[key], ", "))
	}
	return list
}

// ExcessRights is what the pipeline's user may do although this program never does it.
type ExcessRights struct {
	// Rights are listed as "UPDATE on forecasts", "UPDATE (mean) on forecast_points" or "DROP on etfcast.*".
	Rights []string
	// Upsert reports that the server lets INSERT ... ON DUPLICATE KEY UPDATE change rows of an append-only table without
	// the right to update it, as Dolt does.
	Upsert bool
}

// ExcessRights looks for rights that this program does not need, above all those that would let its user change what is
// append-only. It tries one statement for each column, so it is for doctor.
func (s *Store) ExcessRights(ctx context.Context) (ExcessRights, error) {
	var found ExcessRights
	var byTable byTable
	err := s.probing(ctx, func(p prober) error {
		for _, table := range slices.Sorted(maps.Keys(rights)) {
			excess, upsert, err := p.excess(table, strings.Split(rights[table], ", "))
			if err != nil {
				return err
			}
			byTable.add(table, excess)
			found.Upsert = found.Upsert || upsert
		}
		owned, err := p.owned()
		found.Rights = append(byTable.list(), owned...)
		return err
	})
	return found, err
}

// ReaderRights checks the rights of a reader's user, the DSN's: missing lists what `etfcast migrate --grant-reader` grants and
// the user lacks, excess what it may do beyond that, both as in "SELECT on bars, runs". It tries a statement for each right, so it
// is for doctor.
func (s *Store) ReaderRights(ctx context.Context) (missing, excess []string, err error) {
	var lacking, beyond byTable
	err = s.probing(ctx, func(p prober) error {
		for _, table := range slices.Sorted(maps.Keys(rights)) {
			_, err := p.columns(table)
			readable := err == nil
			if err != nil && etf.KindOf(err) != etf.KindDenied {
				return err
			}
			may := hidden[table] == ""
			if may && !readable {
				lacking.add(table, []string{"SELECT"})
			}
			if !readable {
				continue // the statements that try other rights read the table
			}
			found, _, err := p.excess(table, nil)
			if err != nil {
				return err
			}
			if !may {
				found = append([]string{"SELECT"}, found...)
			}
			beyond.add(table, found)
		}
		owned, err := p.owned()
		excess = append(beyond.list(), owned...)
		return err
	})
	return lacking.list(), excess, err
}

// prober runs statements that need a right and change nothing, on one connection.
type prober struct {
	ctx  context.Context //nolint:containedctx // it lives for one call
	conn *sql.Conn
}

func (s *Store) probing(ctx context.Context, do func(prober) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return translate(err, "connecting to the database of "+s.variable)
	}
	defer conn.Close()
	return do(prober{ctx, conn})
}

// missing returns those of the table's rights that the user lacks.
func (p prober) missing(table string, needed []string) (lacking []string, err error) {
	columns, err := p.columns(table)
	if etf.KindOf(err) == etf.KindDenied {
		return []string{"SELECT"}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, right := range needed {
		if right == "SELECT" {
			continue
		}
		ok, err := p.allowed(table, right, columns...)
		if err != nil {
			return nil, err
		}
		if !ok {
			lacking = append(lacking, right)
		}
	}
	return lacking, nil
}

// excess returns the rights on the table beyond those needed, and whether ON DUPLICATE KEY UPDATE gets around a lack of
// UPDATE.
func (p prober) excess(table string, needed []string) (found []string, upsert bool, err error) {
	columns, err := p.columns(table)
	if etf.KindOf(err) == etf.KindDenied {
		return nil, false, nil // MissingRights says so
	}
	if err != nil {
		return nil, false, err
	}
	for _, right := range []string{"INSERT", "UPDATE", "DELETE"} {
		if slices.Contains(needed, right) {
			continue
		}
		ok, err := p.allowed(table, right, columns...)
		if err != nil {
			return nil, false, err
		}
		if ok {
			found = append(found, right)
			continue
		}
		if right != "UPDATE" {
			continue
		}
		var some []string
		for _, c := range columns {
			if ok, err = p.allowed(table, right, c); err != nil {
				return nil, false, err
			} else if ok {
				some = append(some, c)
			}
		}
		if len(some) > 0 {
			found = append(found, "UPDATE ("+strings.Join(some, ", ")+")")
		} else if slices.Contains(needed, "INSERT") {
			if upsert, err = p.allowed(table, "UPSERT", columns...); err != nil {
				return nil, false, err
			}
		}
	}
	return found, upsert, nil
}

// owned returns the rights to change tables rather than rows, and to pass on rights: those of the user who migrates.
func (p prober) owned() (found []string, err error) {
	var account string
	if err := p.conn.QueryRowContext(p.ctx, "SELECT CURRENT_USER()").Scan(&account); err != nil {
		return nil, translate(err, "reading the user's name")
	}
	at := strings.LastIndex(account, "@")
	grantee := "'" + account[:max(at, 0)] + "'@'" + account[at+1:] + "'"
	rows, err := p.conn.QueryContext(p.ctx, `SELECT privilege_type, is_grantable, '*.*' FROM information_schema.user_privileges WHERE grantee = ?
UNION ALL SELECT privilege_type, is_grantable, CONCAT(table_schema, '.*') FROM information_schema.schema_privileges WHERE grantee = ? AND DATABASE() LIKE table_schema
UNION ALL SELECT privilege_type, is_grantable, table_name FROM information_schema.table_privileges WHERE grantee = ? AND table_schema = DATABASE()`,
		grantee, grantee, grantee)
	if err != nil {
		return nil, translate(err, "listing the user's rights")
	}
	defer rows.Close()
	byScope := map[string][]string{}
	for rows.Next() {
		var right, grantable, scope string
		if err := rows.Scan(&right, &grantable, &scope); err != nil {
			return nil, translate(err, "listing the user's rights")
		}
		if slices.Contains([]string{"ALTER", "DROP", "TRIGGER", "SUPER"}, right) {
			byScope[scope] = append(byScope[scope], right)
		}
		if grantable == "YES" && !slices.Contains(byScope[scope], "GRANT OPTION") {
			byScope[scope] = append(byScope[scope], "GRANT OPTION")
		}
	}
	for _, scope := range slices.Sorted(maps.Keys(byScope)) {
		slices.Sort(byScope[scope])
		found = append(found, strings.Join(byScope[scope], ", ")+" on "+scope)
	}
	return found, translate(rows.Err(), "listing the user's rights")
}

// columns returns the names of the table's columns, if all of them may be read.
func (p prober) columns(table string) ([]string, error) {
	rows, err := p.conn.QueryContext(p.ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return nil, translate(err, "checking the rights on "+table)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err == nil {
		err = rows.Err()
	}
	return columns, translate(err, "checking the rights on "+table)
}

// allowed reports whether the user has the right on all of these columns. "UPSERT" is an INSERT that would update.
func (p prober) allowed(table, right string, columns ...string) (bool, error) {
	assign := func(from string) string {
		list := make([]string, len(columns))
		for i, c := range columns {
			list[i] = fmt.Sprintf("%s.%s = %s.%[2]s", table, identifier(c), from)
		}
		return strings.Join(list, ", ")
	}
	var statement string
	switch right {
	case "INSERT":
		statement = "INSERT INTO " + table + " SELECT * FROM " + table + " WHERE FALSE"
	case "UPDATE":
		statement = "UPDATE " + table + " SET " + assign(table) + " WHERE FALSE"
	case "DELETE":
		statement = "DELETE FROM " + table + " WHERE FALSE"
	case "UPSERT":
		statement = "INSERT INTO " + table + " SELECT source.* FROM " + table + " AS source WHERE FALSE ON DUPLICATE KEY UPDATE " + assign("source")
	}
	_, err := p.conn.ExecContext(p.ctx, statement)
	err = translate(err, "checking the right to "+right+" on "+table)
	if etf.KindOf(err) == etf.KindDenied {
		return false, nil
	}
	return err == nil, err
}
