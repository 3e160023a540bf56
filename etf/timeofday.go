package etf

import (
	"fmt"
	"time"
)

// TimeOfDay is a time of day to the minute, in minutes after midnight. Zero means that none is given.
type TimeOfDay int

// ParseTimeOfDay reads "17:30". Midnight is no time of day here: nothing happens on an exchange then.
func ParseTimeOfDay(text string) (TimeOfDay, error) {
	t, err := time.Parse("15:04", text)
	at := TimeOfDay(60*t.Hour() + t.Minute())
	if err != nil || at == 0 {
		return 0, Invalid("time", fmt.Sprintf("%q is not a time of day", Clip(text, MaxQuoted)), "write hours and minutes, from 00:01 to 23:59, like 17:30")
	}
	return at, nil
}

// Hour and Minute are the parts of the time.
func (t TimeOfDay) Hour() int { return int(t) / 60 }

// Minute is the minute of the hour.
func (t TimeOfDay) Minute() int { return int(t) % 60 }

// String formats the time as "17:30".
func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", t.Hour(), t.Minute()) }

// On returns the instant at which it is that time in the location on the session's day.
func (t TimeOfDay) On(s Session, in *time.Location) time.Time {
	day := s.Time()
	return time.Date(day.Year(), day.Month(), day.Day(), t.Hour(), t.Minute(), 0, 0, in)
}
