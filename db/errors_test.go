package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/etf"
)

// The numbers and texts were sent by MySQL 9.7, MariaDB 10.11 and Dolt servers.
func TestTranslate(t *testing.T) {
	my := func(number uint16, text string) error { return &mysql.MySQLError{Number: number, Message: text} }
	for _, c := range []struct {
		err   error
		kind  etf.Kind
		field string
	}{
		{my(1205, "Lock wait timeout exceeded; try restarting transaction"), etf.KindConflict, ""},
		{my(1213, "serialization failure: this transaction conflicts with a committed transaction from another client, try restarting transaction."), etf.KindConflict, ""},
		{my(1020, "Record has changed since last read in table 'fetches'; try restarting transaction"), etf.KindConflict, ""},
		{my(1105, "this transaction conflicts with a committed transaction from another client"), etf.KindConflict, ""},
		{my(1062, "Duplicate entry '1-drift-3' for key 'forecasts.PRIMARY'"), etf.KindConflict, ""},
		{errLost, etf.KindConflict, ""},
		{my(1406, "Data too long for column 'media_type' at row 1"), etf.KindInvalid, "media_type"},
		{my(1264, "Out of range value for column 'close' at row 1"), etf.KindInvalid, "close"},
		{my(1366, "Incorrect decimal value: 'x' for column `etfcast`.`bars`.`open` at row 1"), etf.KindInvalid, ""},
		{my(4025, "CONSTRAINT `findings_severity` failed for `x`.`findings`"), etf.KindInvalid, ""},
		{my(1040, "Too many connections"), etf.KindUnavailable, ""},
		{my(1053, "Server shutdown in progress"), etf.KindUnavailable, ""},
		{my(1290, "The MySQL server is running with the --read-only option so it cannot execute this statement"), etf.KindUnavailable, ""},
		{my(1105, "database server is set to read only mode"), etf.KindUnavailable, ""},
		{my(1114, "The table 'bars' is full"), etf.KindUnavailable, ""},
		{my(3, "Error writing file '/var/tmp/MLfd=48' (OS errno 28 - No space left on device)"), etf.KindUnavailable, ""},
		{my(1026, "Error writing file './binlog.000002' (errno: 28 - No space left on device)"), etf.KindUnavailable, ""},
		{my(1030, "Got error 28 from storage engine"), etf.KindUnavailable, ""},
		{my(1030, "Got error 168 from storage engine"), etf.KindInternal, ""},
		{my(1105, "write /data/etfcast/.dolt/noms/vvvv: no space left on device"), etf.KindUnavailable, ""},
		{my(1146, "Table 'x.etfs' doesn't exist"), etf.KindUnavailable, ""},
		{my(1045, "Access denied for user"), etf.KindDenied, ""},
		{my(1142, "UPDATE command denied to user"), etf.KindDenied, ""},
		{my(1105, "command denied to user 'x'@'%'"), etf.KindDenied, ""},
		{my(1105, "Access denied for user 'x'@'%' to table 'bars'"), etf.KindDenied, ""},
		{my(1064, "You have an error in your SQL syntax"), etf.KindInternal, ""},
		{driver.ErrBadConn, etf.KindUnavailable, ""},
		{fmt.Errorf("commit: %w", mysql.ErrInvalidConn), etf.KindUnavailable, ""},
		{context.DeadlineExceeded, etf.KindUnavailable, ""},
		{etf.NotFound("symbol", "x", ""), etf.KindNotFound, "symbol"},
		{errors.New("anything else"), etf.KindInternal, ""},
	} {
		err := translate(c.err, "doing it")
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != c.kind || (c.field != "" && e.Field != c.field) {
			t.Errorf("%v became %v (%s), want %s of %q", c.err, err, etf.KindOf(err), c.kind, c.field)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%v does not wrap %v", err, c.err)
		}
	}
	if translate(nil, "doing it") != nil {
		t.Error("translating nil returned an error")
	}
}

// TestRetry checks that a transaction that loses is retried until it succeeds or the context ends, and that other errors
// are not retried.
func TestRetry(t *testing.T) {
	s := &Store{}
	lost := &mysql.MySQLError{Number: erLockDeadlock}
	for _, c := range []struct {
		name     string
		fail     func(attempt int) error
		attempts int
		kind     etf.Kind // "" = succeeds
	}{
		{"succeeds at once", func(int) error { return nil }, 1, ""},
		{"succeeds at the third attempt", func(n int) error {
			if n < 3 {
				return lost
			}
			return nil
		}, 3, ""},
		{"not a collision", func(int) error { return &mysql.MySQLError{Number: 1406} }, 1, etf.KindInvalid},
		{"without LOCAL", func(n int) error {
			if n == 1 {
				return errNoLocal
			}
			return nil
		}, 2, ""},
	} {
		attempts := 0
		err := s.retry(t.Context(), "doing it", func() error { attempts++; return c.fail(attempts) })
		if attempts != c.attempts || (err == nil) != (c.kind == "") || (err != nil && etf.KindOf(err) != c.kind) {
			t.Errorf("%s: %d attempts, %v", c.name, attempts, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	err := s.retry(ctx, "doing it", func() error {
		if attempts++; attempts == 3 {
			cancel()
		}
		return lost
	})
	if attempts != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %d attempts, %v", attempts, err)
	}
}
