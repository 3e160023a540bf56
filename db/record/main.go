package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/archive"
	"github.com/etfcast/etfcast/etf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("record", flag.ContinueOnError)
	binary := flags.String("etfcast", "bin/etfcast", "the release's program")
	release := flags.String("release", "", "the release, which names the files (required)")
	dir := flags.String("dir", "db/testdata/releases", "folder to write to")
	limit := flags.Duration("timeout", 15*time.Minute, "time limit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *release == "" {
		return etf.Invalid("release", "no release is named", "give --release, for example --release 0.1.0")
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	adminDSN := os.Getenv(db.AdminDSNVariable)
	if adminDSN == "" {
		return etf.Invalid(db.AdminDSNVariable, "is not set", "run `make record-database`, which starts the embedded stack")
	}
	pool, err := archive.Connect(adminDSN)
	if err != nil {
		return err
	}
	defer pool.Close()
	if tables, err := archive.Tables(ctx, pool); err != nil {
		return err
	} else if len(tables) > 0 {
		return &etf.Error{Kind: etf.KindConflict, Field: db.AdminDSNVariable, Message: "the database is not empty", Remedy: "use an empty one: bin/devstack run --ephemeral"}
	}
	files, err := os.MkdirTemp("", "etfcast-record-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(files)

	program := &program{path: *binary, files: files}
	if err := play(ctx, program); err != nil {
		return err
	}
	a, err := collect(ctx, program, pool, *release)
	if err != nil {
		return err
	}
	if err := a.Write(*dir); err != nil {
		return err
	}
	for _, table := range []string{"etfs", "bars", "bar_revisions", "corporate_actions", "findings", "finding_decisions", "forecasts", "forecast_fits", "runs"} {
		fmt.Fprintf(out, "%-18s %6d rows\n", table, a.Facts.Rows[table])
	}
	_, err = fmt.Fprintf(out, "release %s, code version %s, schema %d, %d bytes of SQL\n", *release, a.Facts.CodeVersion, a.Facts.Schema, len(a.SQL))
	return err
}
