package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/etf"
)

// loadData measures the baseline: one LOAD DATA LOCAL of rows from memory into an empty table with the columns and the key of bars, in one
// transaction. It returns rows per second.
func loadData(ctx context.Context, admin *sql.DB, etfs, rows int) (float64, error) {
	for _, statement := range []string{"DROP TABLE IF EXISTS baseline", "CREATE TABLE baseline LIKE bars"} {
		if _, err := admin.ExecContext(ctx, statement); err != nil {
			return 0, err
		}
	}
	var lines bytes.Buffer
	first := etf.MustSession("2000-01-03")
	fetch := newID()
	for i := range etfs {
		for j := range rows {
			cents := 10_000 + (i*31+j*17)%9973
			fmt.Fprintf(&lines, "%d\t%s\t%d.%02d\t%d.%02d\t%d.%02d\t%d.%02d\t\\N\t%d\tas_traded\tsimulated\t%s\t0\t1\t2025-01-02 03:04:05.000000\n", i+1, first.AddDays(j),
				cents/100, cents%100, cents/100+1, cents%100, cents/100-1, cents%100, cents/100, cents%100, 1_000_000+i+j, fetch)
		}
	}
	mysql.RegisterReaderHandler("bench-backfill", func() io.Reader { return &lines })
	defer mysql.DeregisterReaderHandler("bench-backfill")
	start := time.Now()
	result, err := admin.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::bench-backfill' INTO TABLE baseline CHARACTER SET ascii")
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	if loaded, err := result.RowsAffected(); err != nil || loaded != int64(etfs*rows) {
		return 0, fmt.Errorf("LOAD DATA LOCAL loaded %d of %d rows: %w", loaded, etfs*rows, err)
	}
	return float64(etfs*rows) / took.Seconds(), nil
}
