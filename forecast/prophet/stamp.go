package prophet

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/etfcast/etfcast/etf"
)

// Stamp is a civil date and time without a time zone: microseconds since 1970-01-01 00:00.
type Stamp int64

// Units of Stamp.
const (
	Microsecond Stamp = 1
	Second            = 1_000_000 * Microsecond
	Minute            = 60 * Second
	Hour              = 60 * Minute
	Day               = 24 * Hour
)

// The range of valid stamps: the range of pandas' nanosecond timestamps, rounded inwards to whole years.
var (
	minStamp = DateOf(1678, time.January, 1)
	maxStamp = DateOf(2262, time.January, 1)
)

// DateOf returns midnight of a civil date.
func DateOf(year int, month time.Month, day int) Stamp {
	return Stamp(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).UnixMicro())
}

// SessionStamp returns midnight of a session.
func SessionStamp(s etf.Session) Stamp {
	return Stamp(s.Time().UnixMicro())
}

// Time returns the stamp as a time in UTC.
func (s Stamp) Time() time.Time { return time.UnixMicro(int64(s)).UTC() }

// Days returns days since 1970-01-01 00:00, with the fraction of the day.
func (s Stamp) Days() float64 { return float64(s) / float64(Day) }

// Date returns midnight of the stamp's date.
func (s Stamp) Date() Stamp {
	d := s / Day
	if s%Day < 0 {
		d--
	}
	return d * Day
}

// Weekday returns the day of the week.
func (s Stamp) Weekday() time.Weekday { return s.Time().Weekday() }

// String returns "2006-01-02" for midnight, otherwise "2006-01-02 15:04:05", with six decimals if there is a fraction.
func (s Stamp) String() string {
	switch t := s.Time(); {
	case s%Day == 0:
		return t.Format("2006-01-02")
	case s%Second == 0:
		return t.Format("2006-01-02 15:04:05")
	default:
		return t.Format("2006-01-02 15:04:05.000000")
	}
}

// stampLayouts are the layouts ParseStamp accepts. time.Parse also accepts fractional seconds after the seconds.
var stampLayouts = []string{
	"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04",
	"2006/01/02", "2006/01/02 15:04:05", "20060102", "2006-01",
}

// zonedLayouts are times with a zone or an offset, which ParseStamp refuses with their own message.
var zonedLayouts = []string{
	time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700", "2006-01-02 15:04:05-07", "2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05 MST", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00",
}

// ParseStamp parses a date, with or without a time of day, in ISO 8601 or as the digits YYYYMMDD. Errors are of
// KindInvalid: text with a time zone or an offset, fractional seconds finer than a microsecond, and anything that is not
// a date between 1678 and 2261.
func ParseStamp(text string) (Stamp, error) {
	for _, layout := range stampLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			if at := strings.LastIndexAny(text, ".,"); at >= 0 {
				if digits := text[at+1:]; len(digits) > 6 && strings.Trim(digits[6:], "0") != "" {
					return 0, etf.Invalid("ds", fmt.Sprintf("%q is finer than a microsecond", text), "write at most 6 digits of fractional seconds")
				}
			}
			s := Stamp(t.UnixMicro())
			if t.Year() < 1678 || s >= maxStamp {
				return 0, etf.Invalid("ds", fmt.Sprintf("%q is outside 1678-01-01 to 2261-12-31", text), "use a date in this range")
			}
			return s, nil
		}
	}
	zoned := func() (Stamp, error) {
		return 0, etf.Invalid("ds", fmt.Sprintf("%q has a time zone", text), "write local times of one zone, without naming the zone")
	}
	for _, layout := range zonedLayouts {
		if _, err := time.Parse(layout, text); err == nil {
			return zoned()
		}
	}
	// A date, a time of day and a zone such as America/New_York or [Asia/Seoul].
	if at := strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) && r != 'T' || r == '[' }); at > 0 {
		if _, err := ParseStamp(strings.TrimSpace(text[:at])); err == nil {
			return zoned()
		}
	}
	return 0, etf.Invalid("ds", fmt.Sprintf("%q is not a date", text), "write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS")
}
