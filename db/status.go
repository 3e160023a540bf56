package db

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return translate(s.db.PingContext(ctx), "reaching the database of "+s.variable)
}

// SchemaVersion returns the version the schema is at (0 before the first migration) and the one this program wants.
func (s *Store) SchemaVersion(ctx context.Context) (current, wanted int64, err error) {
	wanted = WantedSchema()
	err = s.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+versionTable+" WHERE is_applied").Scan(&current)
	if etf.KindOf(translate(err, "")) == etf.KindDenied || noSuchTable(err) {
		return 0, wanted, nil // not migrated, or not for this user
	}
	return current, wanted, translate(err, "reading the schema's version")
}

// grantsKept is how long the answer that nothing is missing stands: readiness is asked often, grants change at an upgrade.
const grantsKept = time.Minute

// Ungranted returns the tables this program uses and the DSN's user may not read, in order of name: those that migrations
// have made since rights were last granted. It asks for one table after another, and after an empty answer not again for
// a minute.
func (s *Store) Ungranted(ctx context.Context) ([]string, error) {
	now := s.clock()
	if at := s.grantedAt.Load(); at != nil && now.Sub(*at) < grantsKept && !now.Before(*at) {
		return nil, nil
	}
	var missing []string
	for _, table := range slices.Sorted(maps.Keys(rights)) {
		err := s.db.QueryRowContext(ctx, "SELECT 1 FROM "+table+" LIMIT 0").Scan(new(int))
		if errors.Is(err, sql.ErrNoRows) {
			continue // which is all it can say
		}
		if err = translate(err, "looking whether "+table+" is granted"); etf.KindOf(err) == etf.KindDenied {
			missing = append(missing, table)
		} else if err != nil {
			return nil, err
		}
	}
	if len(missing) == 0 {
		s.grantedAt.Store(&now)
	}
	return missing, nil
}

// Contents counts what is stored. It reads every ETF and forecast: not for a hot path.
func (s *Store) Contents(ctx context.Context) (etf.Contents, error) {
	sum, err := s.q.SumETFs(ctx)
	if err != nil {
		return etf.Contents{}, translate(err, "counting ETFs")
	}
	forecasts, err := s.q.CountForecasts(ctx)
	if err != nil {
		return etf.Contents{}, translate(err, "counting forecasts")
	}
	runs, err := s.q.CountRunsCompleted(ctx)
	return etf.Contents{
		ETFs: int(sum.Etfs), Bars: int(sum.Bars), Quarantined: int(sum.Quarantined), Forecasts: int(forecasts), RunsCompleted: int(runs),
	}, translate(err, "counting runs")
}

// Capabilities says what kind of server this is.
type Capabilities struct {
	Server      string `json:"server"` // "MySQL", "MariaDB" or "Dolt"
	Version     string `json:"version"`
	LocalInfile bool   `json:"local_infile"` // LOAD DATA LOCAL is allowed; without it large histories load more slowly
}

// Capabilities asks the server what it is.
func (s *Store) Capabilities(ctx context.Context) (Capabilities, error) {
	c := Capabilities{Server: "MySQL"}
	var comment string
	if err := s.db.QueryRowContext(ctx, "SELECT VERSION(), @@version_comment, @@local_infile").Scan(&c.Version, &comment, &c.LocalInfile); err != nil {
		return Capabilities{}, translate(err, "asking the server what it is")
	}
	switch {
	case strings.Contains(c.Version, "MariaDB"):
		c.Server = "MariaDB"
	case strings.Contains(comment, "Dolt"):
		c.Server = "Dolt"
	}
	return c, nil
}

// Session is how the server treats this program's connections.
type Session struct {
	SQLMode, TimeZone, Charset string
}

// Session reads the settings of a connection back from the server, for doctor.
func (s *Store) Session(ctx context.Context) (Session, error) {
	var r Session
	err := s.db.QueryRowContext(ctx, "SELECT @@session.sql_mode, @@session.time_zone, @@session.character_set_client").Scan(&r.SQLMode, &r.TimeZone, &r.Charset)
	return r, translate(err, "reading the session's settings")
}
