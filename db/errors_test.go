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

// The numbers and texts are those of MySQL 9.7, MariaDB 10.11 and Dolt, as their servers sent them.
func TestTranslate(t *testing.T) {
	my := func(number uint16, text string) error { return &mysql.MySQLError{Number: number, Message: text} }
	for _, c := range []struct {
		err   error
		kind  etf.Kind
		field string
	}{
		{my(1205, "Lock wait timeout exceeded; try restarting transaction"), etf.KindConflict, ""},
		{my(1213, "serialization failure: this transaction conflicts with a committed transaction from another client, try restarting transaction."), etf.KindConflict, ""},
		{my(1105, "this transaction conflicts with a committed transaction from another client"), etf.KindConflict, ""},
		{my(1062, "Duplicate entry '1-drift-3' for key 'forecasts.PRIMARY'"), etf.KindConflict, ""},
		{errLost, etf.KindConflict, ""},
		{my(1406, "Data too long for column 'media_type' at row 1"), etf.KindInvalid, "media_type"},
		{my(1264, "Out of range value for column 'close' at row 1"), etf.KindInvalid, "close"},
		{my(1366, "Incorrect decimal value: 'x' for column `etfcast`.`bars`.`open` at row 1"), etf.KindInvalid, ""},
		{my(4025, "CONSTRAINT `findings_severity` failed for `x`.`findings`"), etf.KindInvalid, ""},
		{my(1040, "Too many connections"), etf.KindUnavailable, ""},
		{my(1053, "Server shutdown in progress"), etf.KindUnavailable, ""},
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
			t.Errorf("%v is lost in %v", c.err, err)
		}
	}
	if translate(nil, "doing it") != nil {
		t.Error("no error became one")
	}
}

// TestRetry: what loses is done again, but not for ever, and not when it can't help.
func TestRetry(t *testing.T) {
	s := &Store{}
	lost := &mysql.MySQLError{Number: erLockDeadlock}
	for _, c := range []struct {
		name  string
		fail  func(try int) error
		tries int
		kind  etf.Kind // "" = succeeds
	}{
		{"at once", func(int) error { return nil }, 1, ""},
		{"third time", func(n int) error {
			if n < 3 {
				return lost
			}
			return nil
		}, 3, ""},
		{"not a race", func(int) error { return &mysql.MySQLError{Number: 1406} }, 1, etf.KindInvalid},
		{"without LOCAL", func(n int) error {
			if n == 1 {
				return errNoLocal
			}
			return nil
		}, 2, ""},
	} {
		tries := 0
		err := s.retry(t.Context(), "doing it", func() error { tries++; return c.fail(tries) })
		if tries != c.tries || (err == nil) != (c.kind == "") || (err != nil && etf.KindOf(err) != c.kind) {
			t.Errorf("%s: %d tries, %v", c.name, tries, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err := s.retry(ctx, "doing it", func() error {
		if tries++; tries == 3 {
			cancel()
		}
		return lost
	})
	if tries != 3 || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %d tries, %v", tries, err)
	}
}
