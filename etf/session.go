package etf

import (
	"fmt"
	"time"
)

// Session is a trading session, named by its civil date in the exchange's own time zone. It is the number of
// days since 1970-01-01, so sessions compare and subtract as integers (calendar days, not sessions). The zero
// value means "no session": 1970-01-01 was a holiday on every exchange.
//
// Text and JSON form: "2006-01-02", empty for none.
type Session int32

// NewSession returns the session of a civil date.
func NewSession(year int, month time.Month, day int) Session {
	return Session(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// SessionOf returns the civil date of t in t's own location.
func SessionOf(t time.Time) Session {
	y, m, d := t.Date()
	return NewSession(y, m, d)
}

// ParseSession reads "2006-01-02" strictly. Errors are of KindInvalid with Field "session".
func ParseSession(s string) (Session, error) {
	if s == "" {
		return 0, Invalid("session", "no date is given", "write it as YYYY-MM-DD, for example 2025-09-26")
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || len(s) != len(time.DateOnly) {
		return 0, Invalid("session", fmt.Sprintf("%q is not a date", s), "write the session as YYYY-MM-DD, for example 2025-09-26")
	}
	if t.Year() < 1900 || t.Year() > 2200 {
		return 0, Invalid("session", fmt.Sprintf("the year of %s is out of range", s), "use a date from 1900 to 2200")
	}
	return Session(t.Unix() / 86400), nil
}

// MustSession is ParseSession for constants; it panics on a bad date.
func MustSession(s string) Session {
	v, err := ParseSession(s)
	if err != nil {
		panic(err)
	}
	return v
}

// Time returns midnight UTC of the civil date.
func (s Session) Time() time.Time { return time.Unix(int64(s)*86400, 0).UTC() }

// Date returns the civil date.
func (s Session) Date() (year int, month time.Month, day int) { return s.Time().Date() }

// Weekday returns the day of the week.
func (s Session) Weekday() time.Weekday { return s.Time().Weekday() }

// AddDays returns the civil date n calendar days later.
func (s Session) AddDays(n int) Session { return s + Session(n) }

// IsZero reports whether s means "no session".
func (s Session) IsZero() bool { return s == 0 }

// String returns "2006-01-02", or "" for no session.
func (s Session) String() string {
	if s == 0 {
		return ""
	}
	return s.Time().Format(time.DateOnly)
}

// MarshalText implements encoding.TextMarshaler.
func (s Session) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Session) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*s = 0
		return nil
	}
	v, err := ParseSession(string(b))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// Window is an inclusive range of civil dates. A zero From means "from the earliest session".
type Window struct {
	From Session `json:"from"`
	To   Session `json:"to"`
}

// Contains reports whether s lies in the window.
func (w Window) Contains(s Session) bool { return s >= w.From && s <= w.To }
