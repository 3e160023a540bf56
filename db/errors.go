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

// The servers' error numbers this package tells apart; the names are MySQL's.
const (
	erDupEntry              = 1062
	erLockWaitTimeout       = 1205
	erLockDeadlock          = 1213
	erNotAllowedCommand     = 1148
	erClientLocalDisabled   = 3948
	erLoadLocalDenied       = 1235 // Dolt and MariaDB, depending on who refuses
	erMariaLoadInfileDenied = 4166
)

// unavailable are the numbers that say: not now. Among them what a server says whose schema is still to be migrated.
var unavailable = map[uint16]string{
	1021: "", 1040: "", 1041: "", 1053: "", 1077: "", 1114: "", 1129: "", 1152: "", 1158: "", 1159: "", 1160: "", 1161: "",
	1203: "", 1226: "", 1290: "", 1317: "", 1836: "", 1927: "", 2006: "", 2013: "", 3024: "", 3169: "",
	1049: "create the database and run `etfcast migrate`", 1054: "run `etfcast migrate`", 1146: "run `etfcast migrate`",
}

// unfit are the numbers of values that do not fit their column.
var unfit = map[uint16]bool{
	1048: true, 1153: true, 1264: true, 1265: true, 1292: true, 1366: true, 1406: true, 1411: true, 1690: true,
	3819: true, 4025: true,
}

// refused are the numbers of missing rights.
var refused = map[uint16]bool{1044: true, 1045: true, 1142: true, 1143: true, 1227: true, 1370: true, 1698: true}

var columnInText = regexp.MustCompile("(?i)column [`'\"]([A-Za-z0-9_.`]+)['\"`]")

// translate gives err the kind of etf.Error that tells a caller what to do. what is a phrase in the present
// participle. Errors that already have a kind are passed on.
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
		if remedy, ok := unavailable[my.Number]; ok {
			return &etf.Error{Kind: etf.KindUnavailable, Message: what, Remedy: remedy, Err: err}
		}
		switch {
		case collision(err):
			return &etf.Error{Kind: etf.KindConflict, Message: what + " lost to other writers", Err: err}
		case unfit[my.Number] || doltUnfit(my):
			return &etf.Error{Kind: etf.KindInvalid, Field: columnOf(my.Message), Message: what, Err: err,
				Remedy: "a value does not fit its column"}
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

// collision reports whether err says that another transaction was in the way, so that the whole transaction is to be
// done again: deadlock, lock wait timeout, Dolt's serialization failure, a position taken in the meantime.
func collision(err error) bool {
	if errors.Is(err, errLost) {
		return true
	}
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return false
	}
	switch my.Number {
	case erLockWaitTimeout, erLockDeadlock, erDupEntry:
		return true
	}
	text := strings.ToLower(my.Message)
	return strings.Contains(text, "serialization failure") || strings.Contains(text, "conflicts with a committed transaction")
}

func duplicate(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && my.Number == erDupEntry
}

// localRefused reports whether the server does not take LOAD DATA LOCAL.
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
		doltRefused(my) || // Dolt asks for the global FILE right, which the pipeline's user has no business with
		(my.Number == erLoadLocalDenied && strings.Contains(text, "local"))
}

// Dolt sends many errors under 1105, MySQL's "unknown error", so its texts have to be read.
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
	// The second is what a SELECT from a table without any right gets.
	return my.Number == erUnknown && (strings.Contains(text, "command denied") || strings.Contains(text, "access denied"))
}

func columnOf(message string) string {
	m := columnInText.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	return m[1]
}
