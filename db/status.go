package db

import (
	"context"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// Ping checks that the database responds.
func (s *Store) Ping(ctx context.Context) error {
	return translate(s.db.PingContext(ctx), "connecting to the database of "+s.variable)
}

// SchemaVersion returns the schema's version (0 before the first migration) and the one this program needs. KindDenied if
// the DSN's user has no rights yet.
func (s *Store) SchemaVersion(ctx context.Context) (current, wanted int64, err error) {
	wanted = WantedSchema()
	err = s.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+versionTable+" WHERE is_applied").Scan(&current)
	if noSuchTable(err) {
		return 0, wanted, nil
	}
	return current, wanted, translate(err, "reading the schema's version")
}

// Contents counts the stored rows. It reads every ETF and forecast, so it is not for a hot path.
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

// Capabilities describes the server.
type Capabilities struct {
	Server      string `json:"server"` // "MySQL", "MariaDB" or "Dolt"
	Version     string `json:"version"`
	LocalInfile bool   `json:"local_infile"` // whether LOAD DATA LOCAL is allowed; without it long histories load more slowly
}

// Capabilities reads the server's kind, version and settings.
func (s *Store) Capabilities(ctx context.Context) (Capabilities, error) {
	c := Capabilities{Server: "MySQL"}
	var comment string
	if err := s.db.QueryRowContext(ctx, "SELECT VERSION(), @@version_comment, @@local_infile").Scan(&c.Version, &comment, &c.LocalInfile); err != nil {
		return Capabilities{}, translate(err, "reading the server's version")
	}
	switch {
	case strings.Contains(c.Version, "MariaDB"):
		c.Server = "MariaDB"
	case strings.Contains(comment, "Dolt"):
		c.Server = "Dolt"
	}
	return c, nil
}

// Session is the session settings of this program's connections.
type Session struct {
	SQLMode, TimeZone, Charset string
}

// Session reads the session settings of a connection from the server, for doctor.
func (s *Store) Session(ctx context.Context) (Session, error) {
	var r Session
	err := s.db.QueryRowContext(ctx, "SELECT @@session.sql_mode, @@session.time_zone, @@session.character_set_client").Scan(&r.SQLMode, &r.TimeZone, &r.Charset)
	return r, translate(err, "reading the session's settings")
}
