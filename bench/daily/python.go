package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/etf"
)

// pipeline is the job that bench-seed compares with.
const pipeline = "bench/seed/pipeline.py"

// checkPython makes sure that Python has what the job needs, before anything is measured.
func checkPython(ctx context.Context, python string) error {
	out, err := exec.CommandContext(ctx, python, pipeline, "check").CombinedOutput()
	var failed *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed):
		return errors.New(string(bytes.TrimSpace(bytes.TrimPrefix(out, []byte("bench-seed: ")))))
	}
	return etf.Wrap(etf.KindInvalid, err, "starting "+python)
}

// seedRun does the day's job for as many ETFs in Python, in a database of its own on the same server.
func seedRun(ctx context.Context, python string, session etf.Session, etfs, years int) (*seeded, error) {
	place, err := database.New(ctx, os.Getenv(database.Variable))
	if err != nil {
		return nil, err
	}
	defer place.Drop()
	server, err := place.ServerPID()
	if err != nil {
		server = 0 // prepareDatabase has said so
	}
	cfg, err := mysql.ParseDSN(place.DSN)
	if err != nil {
		return nil, err
	}
	if cfg.Net != "tcp" {
		return nil, etf.Invalid(database.Variable, "bench/seed connects by TCP only", "write user:password@tcp(host:port)/")
	}
	address := url.URL{Scheme: "mysql+pymysql", Host: cfg.Addr, Path: "/" + cfg.DBName, User: url.UserPassword(cfg.User, cfg.Passwd)}
	do := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, python, append([]string{pipeline}, args...)...)
		cmd.Env = append(os.Environ(), "PIPELINE_DATABASE_URL="+address.String())
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", pipeline, args[0], err)
		}
		return out, nil
	}
	n := strconv.Itoa(etfs)
	if _, err := do("prepare", n, strconv.Itoa(years), session.String()); err != nil {
		return nil, err
	}
	used, err := startMeter(0, processes{database: server})
	if err != nil {
		return nil, err
	}
	out, err := do("run", n, session.String())
	if err != nil {
		return nil, err
	}
	spent, err := used.perETF(etfs)
	if err != nil {
		return nil, err
	}
	result := &seeded{}
	if err := json.Unmarshal(out, result); err != nil {
		return nil, fmt.Errorf("reading the figures of %s: %w", pipeline, err)
	}
	result.PerS, result.CPU, result.Database = round(result.PerS, 2), round(result.CPU, 1), round(spent.Database, 1)
	fmt.Fprintf(os.Stderr, "seed: %.1f ETFs/s, CPU in ms per ETF: %.1f, database %.1f\n", result.PerS, result.CPU, result.Database)
	return result, nil
}
