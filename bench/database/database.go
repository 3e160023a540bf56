// Package database gives a measurement a database of its own on a real MySQL server, that of ETFCAST_TEST_MYSQL_DSN.
package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/etf"
)

// Variable holds the DSN of the server.
const Variable = "ETFCAST_TEST_MYSQL_DSN"

// Database is an empty database, to be dropped after the measurement.
type Database struct {
	Admin *sql.DB
	DSN   string // with the database's name
	name  string
	user  string // made by NewUser
}

// New creates a database on the server of the DSN, which must not name one.
func New(ctx context.Context, serverDSN string) (*Database, error) {
	if serverDSN == "" {
		return nil, etf.Invalid(Variable, "is not set", "start the servers with `eval \"$(scripts/test-databases.sh start)\"`")
	}
	cfg, err := mysql.ParseDSN(serverDSN)
	if err != nil {
		return nil, etf.Invalid(Variable, "is not a DSN", "write user:password@tcp(host:port)/")
	}
	var unique [5]byte
	_, _ = rand.Read(unique[:]) // never fails (crypto/rand)
	d := &Database{name: fmt.Sprintf("etfcast_test_%d_%s", time.Now().Unix(), hex.EncodeToString(unique[:]))}
	cfg.DBName = ""
	server, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		return nil, err
	}
	defer server.Close()
	if _, err := server.ExecContext(ctx, "CREATE DATABASE "+d.name); err != nil {
		return nil, fmt.Errorf("creating a database on the server of %s: %w", Variable, err)
	}
	cfg.DBName = d.name
	d.DSN = cfg.FormatDSN()
	d.Admin, err = sql.Open("mysql", d.DSN)
	return d, err
}

// NewUser makes a user without rights, as which the product is to work, and returns its name and DSN. Drop removes it.
func (d *Database) NewUser(ctx context.Context) (name, dsn string, err error) {
	cfg, err := mysql.ParseDSN(d.DSN)
	if err != nil {
		return "", "", err
	}
	d.user = "bench_" + d.name[len(d.name)-10:]
	cfg.User, cfg.Passwd = d.user, rand.Text()
	_, err = d.Admin.ExecContext(ctx, fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", cfg.User, cfg.Passwd))
	return cfg.User, cfg.FormatDSN(), err
}

// Drop removes the database and its user, and closes the connection.
func (d *Database) Drop() {
	if d.user != "" {
		_, _ = d.Admin.ExecContext(context.Background(), "DROP USER '"+d.user+"'@'%'")
	}
	_, _ = d.Admin.ExecContext(context.Background(), "DROP DATABASE "+d.name)
	_ = d.Admin.Close()
}

// ServerPID returns the process that listens on the port of the server, for measuring its CPU time. It is an error if that
// is not a process on this machine whose open files this one may see.
func (d *Database) ServerPID() (int, error) {
	cfg, err := mysql.ParseDSN(d.DSN)
	if err != nil {
		return 0, err
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(port)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && !ip.IsLoopback() {
		return 0, fmt.Errorf("%s is not on this machine", cfg.Addr)
	}
	sockets, err := listening(number)
	if err != nil {
		return 0, err
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && sockets[target] {
			return strconv.Atoi(strings.Split(file, "/")[2])
		}
	}
	return 0, fmt.Errorf("no process was found that listens on port %d", number)
}

// listening returns the sockets, as /proc/PID/fd names them, that listen on a port.
func listening(port int) (map[string]bool, error) {
	const (
		localAddress, state, inode = 1, 3, 9 // columns
		listen                     = "0A"    // state
	)
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > inode && fields[state] == listen && strings.HasSuffix(fields[localAddress], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return sockets, nil
}
