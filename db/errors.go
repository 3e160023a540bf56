package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/etf"
)

// The server error numbers that this package distinguishes; the names are MySQL's.
const (
	erDupEntry              = 1062
	erLockWaitTimeout       = 1205
	erLockDeadlock          = 1213
	erRowChanged            = 1020 // MariaDB with innodb_snapshot_isolation, the default since 11.6.2
	erNotAllowedCommand     = 1148
	erClientLocalDisabled   = 3948
	erLoadLocalDenied       = 1235 // Dolt, and MariaDB in some cases
	erMariaLoadInfileDenied = 4166
	erNoSuchUser            = 1133
	erCreateUserByGrant     = 1410
)

// unavailable are the numbers that mean "not now", with the remedy if there is one. They include those of a database
// that has not been migrated yet.
var unavailable = map[uint16]string{
	1021: freeSpace, 1040: "", 1041: "", 1053: "", 1077: "", 1114: freeSpace, 1129: "", 1152: "", 1158: "", 1159: "", 1160: "", 1161: "",
	1203: "", 1226: "", 1317: "", 1927: "", 2006: "", 2013: "", 3024: "", 3169: "",
	1290: acceptWrites, 1792: acceptWrites, 1836: acceptWrites,
	1049: "create the database and run `etfcast migrate`", 1054: "run `etfcast migrate`", 1146: "run `etfcast migrate`",
}

const (
	acceptWrites = "the server is read-only: make it accept writes, or name another in the DSN"
	freeSpace    = "the database server's disk is full: free space on it; a Dolt server has to be started again then"
)

// unavailableText are parts of the messages that mean "not now" whatever the number: a full disk has many (3, 1026, 1030, 1598, ...), and Dolt has one
// for everything.
var unavailableText = []struct{ text, remedy string }{
	{"no space left on device", freeSpace},
	{"errcode: 28", freeSpace},
	{"errno: 28", freeSpace},
	{"error 28 ", freeSpace}, // "Got error 28 from storage engine"
	{"error: 28 ", freeSpace},
	{"set to read only mode", acceptWrites},
	{"database is read only", acceptWrites},
	{"read only transaction", acceptWrites},
}

// notNow returns the remedy of an error that means "not now".
func notNow(my *mysql.MySQLError) (remedy string, ok bool) {
	if remedy, ok = unavailable[my.Number]; ok {
		return remedy, true
	}
	text := strings.ToLower(my.Message)
	for _, u := range unavailableText {
		if strings.Contains(text, u.text) {
			return u.remedy, true
		}
	}
	return "", false
}

// unfit are the error numbers for values that do not fit their column.
var unfit = map[uint16]bool{
	1048: true, 1153: true, 1264: true, 1265: true, 1292: true, 1366: true, 1406: true, 1411: true, 1690: true,
	3819: true, 4025: true,
}

// refused are the error numbers for missing rights.
var refused = map[uint16]bool{1044: true, 1045: true, 1142: true, 1143: true, 1227: true, 1370: true, 1698: true}

var columnInText = regexp.MustCompile("(?i)column [`'\"]([A-Za-z0-9_.`]+)['\"`]")

// translate wraps err as an etf.Error of the kind that tells the caller how to react. what names the failed operation
// ("reading a run"). Errors that already have a kind are returned unchanged.
func translate(err error, what string) error {
	if err == nil {
		return nil
	}
	var known *etf.Error
	if errors.As(err, &known) {
		return err
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		if remedy, ok := notNow(my); ok {
			return &etf.Error{Kind: etf.KindUnavailable, Message: what, Remedy: remedy, Err: err}
		}
		switch {
		case collision(err):
			return &etf.Error{Kind: etf.KindConflict, Message: what + " lost to other writers", Err: err}
		case unfit[my.Number] || doltUnfit(my):
			return &etf.Error{Kind: etf.KindInvalid, Field: columnOf(my.Message), Message: what, Err: err,
				Remedy: "correct the value: it does not fit its column"}
		case refused[my.Number] || doltRefused(my):
			return &etf.Error{Kind: etf.KindDenied, Message: what, Err: err,
				Remedy: "check the user of the DSN and run `etfcast migrate --grant USER`"}
		}
		return etf.Wrap(etf.KindInternal, err, what)
	}
	var netErr net.Error
	switch {
	case errors.Is(err, errLost):
		return etf.Wrap(etf.KindConflict, err, what+" lost to other writers")
	case errors.Is(err, sql.ErrNoRows):
		return etf.Wrap(etf.KindNotFound, err, what)
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &netErr),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return etf.Wrap(etf.KindUnavailable, err, what)
	case errors.Is(err, mysql.ErrPktTooLarge):
		return etf.Wrap(etf.KindInvalid, err, what)
	}
	return etf.Wrap(etf.KindInternal, err, what)
}

// collision reports whether err means a conflict with another transaction, so that the whole transaction must be
// retried: deadlock, lock wait timeout, Dolt's serialization failure, a position taken meanwhile.
func collision(err error) bool {
	if errors.Is(err, errLost) {
		return true
	}
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return false
	}
	switch my.Number {
	case erLockWaitTimeout, erLockDeadlock, erRowChanged, erDupEntry:
		return true
	}
	text := strings.ToLower(my.Message)
	return strings.Contains(text, "serialization failure") || strings.Contains(text, "conflicts with a committed transaction")
}

func duplicate(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && my.Number == erDupEntry
}

// createsUser reports whether a GRANT failed because its user does not exist: it would have created one.
func createsUser(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && (my.Number == erNoSuchUser || my.Number == erCreateUserByGrant ||
		my.Number == erUnknown && strings.Contains(my.Message, "create a user with GRANT"))
}

// localRefused reports whether the server refuses LOAD DATA LOCAL.
func localRefused(err error) bool {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return false
	}
	switch my.Number {
	case erNotAllowedCommand, erClientLocalDisabled, erMariaLoadInfileDenied:
		return true
	}
	text := strings.ToLower(my.Message)
	return strings.Contains(text, "local_infile") || strings.Contains(text, "local data is disabled") ||
		doltRefused(my) || // Dolt wants the global FILE privilege, which the pipeline's user should not have
		(my.Number == erLoadLocalDenied && strings.Contains(text, "local"))
}

// Dolt sends many errors as 1105, MySQL's "unknown error", so only their text distinguishes them.
const erUnknown = 1105

func doltUnfit(my *mysql.MySQLError) bool {
	if my.Number != erUnknown {
		return false
	}
	text := strings.ToLower(my.Message)
	for _, s := range []string{"too large for column", "too long for column", "out of range", "check constraint", "incorrect date value", "incorrect datetime value"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

func doltRefused(my *mysql.MySQLError) bool {
	text := strings.ToLower(my.Message)
	// A SELECT on a table without any privilege gets the second.
	return my.Number == erUnknown && (strings.Contains(text, "command denied") || strings.Contains(text, "access denied"))
}

func columnOf(message string) string {
	m := columnInText.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	return m[1]
}
