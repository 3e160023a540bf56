package diagnostics

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// units are the spellings of units of time, in lower case. They are those of pandas, with which the original reads
// durations.
var units = func() map[string]prophet.Stamp {
	out := map[string]prophet.Stamp{}
	for unit, names := range map[prophet.Stamp]string{
		7 * prophet.Day:            "w week weeks",
		prophet.Day:                "d day days",
		prophet.Hour:               "h hr hrs hour hours",
		prophet.Minute:             "m min mins minute minutes",
		prophet.Second:             "s sec secs second seconds",
		1000 * prophet.Microsecond: "ms millis milli millisecond milliseconds",
		prophet.Microsecond:        "us µs μs micros micro microsecond microseconds",
	} {
		for _, name := range strings.Fields(names) {
			out[name] = unit
		}
	}
	return out
}()

// longest bounds durations: the span of all possible stamps.
const longest = 585 * 366 * prophet.Day

// ParseDuration reads a length of time above zero: numbers with units ("30d", "30 days", "36h", "1d12h", "1.5 days",
// "2 weeks"), which may end in a time of day ("1 days 12:00:00", as durations are printed). Fractions of a microsecond
// are truncated. Errors are of KindInvalid, also for months and years, which have no fixed length.
func ParseDuration(text string) (prophet.Stamp, error) {
	invalid := func(message, remedy string) (prophet.Stamp, error) {
		return 0, etf.Invalid("duration", fmt.Sprintf("%s %s", quote(text), message), remedy)
	}
	const example = `write a number and a unit, such as "30 days", "36h" or "1d12h"`
	total := new(big.Rat)
	rest := strings.TrimPrefix(strings.TrimSpace(text), "+")
	if len(rest) > 100 {
		return invalid("is too long", example)
	}
	if rest == "" {
		return invalid("is empty", example)
	}
	if strings.HasPrefix(rest, "-") {
		return invalid("is below zero", "write a length of time above zero")
	}
	for rest != "" {
		if clock, ok := timeOfDay(rest); ok {
			total.Add(total, clock)
			break
		}
		number := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789."))]
		v, ok := new(big.Rat).SetString(number)
		if !ok || number[0] == '.' {
			return invalid("is not a duration", example)
		}
		rest = strings.TrimLeft(rest[len(number):], " ")
		name := rest
		if at := strings.IndexAny(rest, " ,0123456789.+-:"); at >= 0 {
			name = rest[:at]
		}
		rest = strings.TrimLeft(rest[len(name):], " ,")
		unit, ok := units[strings.ToLower(name)]
		switch lower := strings.ToLower(name); {
		case name == "M" || strings.HasPrefix(lower, "mon") || strings.HasPrefix(lower, "y"):
			return invalid("has a unit without a fixed length", `write days, such as "30 days" or "365 days"`)
		case name == "":
			return invalid("has a number without a unit", example)
		case !ok:
			return invalid(fmt.Sprintf("has the unknown unit %s", quote(name)), "use w, d, h, min, s, ms or us")
		}
		total.Add(total, v.Mul(v, new(big.Rat).SetInt64(int64(unit))))
	}
	whole := new(big.Int).Quo(total.Num(), total.Denom())
	switch {
	case whole.Sign() == 0:
		return invalid("is zero", "write a length of time above zero")
	case whole.Cmp(big.NewInt(int64(longest))) > 0:
		return invalid("is longer than any history", "write a shorter one")
	}
	return prophet.Stamp(whole.Int64()), nil
}

// timeOfDay reads HH:MM:SS with or without a fraction, in microseconds.
func timeOfDay(text string) (*big.Rat, bool) {
	parts := strings.Split(strings.TrimPrefix(text, "+"), ":")
	if len(parts) != 3 {
		return nil, false
	}
	total := new(big.Rat)
	for i, unit := range []prophet.Stamp{prophet.Hour, prophet.Minute, prophet.Second} {
		if p := parts[i]; p == "" || strings.Trim(p, "0123456789.") != "" || i < 2 && (len(p) > 2 || strings.Contains(p, ".")) {
			return nil, false
		}
		v, ok := new(big.Rat).SetString(parts[i])
		if !ok || i > 0 && v.Cmp(big.NewRat(60, 1)) >= 0 {
			return nil, false
		}
		total.Add(total, v.Mul(v, new(big.Rat).SetInt64(int64(unit))))
	}
	return total, true
}

// quote quotes text for a message, and shortens long text.
func quote(text string) string {
	const longest = 60
	return strconv.Quote(etf.Clip(text, longest))
}

// FormatDurations formats differences of stamps as pandas does a column of them, all in one form: "37 days" if all are
// whole days, else "37 days 06:00:00", with six decimals of a second if any needs them. A negative one is a negative
// number of days plus a time of day: "-1 days +23:00:00".
func FormatDurations(all []prophet.Stamp) []string {
	days, seconds := true, true
	for _, d := range all {
		days = days && d%prophet.Day == 0
		seconds = seconds && d%prophet.Second == 0
	}
	out := make([]string, len(all))
	for i, d := range all {
		whole := d.Date()
		text := strconv.FormatInt(int64(whole/prophet.Day), 10) + " days"
		if !days {
			text += " "
			if d < 0 {
				text += "+"
			}
			clock := (d - whole).Time()
			if seconds {
				text += clock.Format("15:04:05")
			} else {
				text += clock.Format("15:04:05.000000")
			}
		}
		out[i] = text
	}
	return out
}
