package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// exchangeTimes are the times of day that are settings, one of each for every exchange: final-xnys is when a day's prices are
// final on XNYS, schedule-xnys when its daily runs start.
type exchangeTimes struct {
	final, schedule map[etf.Exchange]*string
}

// addFinal declares when prices are final, for commands that say what is provisional.
func (t *exchangeTimes) addFinal(flags *pflag.FlagSet) {
	t.final = declareTimes(flags, "final", t.final, service.DefaultFinal,
		"time of day on %s after which the day's prices are final: a bar fetched only before then is provisional")
}

// addSchedule declares when the daily runs start, for commands that create the schedules.
func (t *exchangeTimes) addSchedule(flags *pflag.FlagSet) {
	t.schedule = declareTimes(flags, "schedule", t.schedule, dispatch.DefaultSchedule,
		"time of day on %s at which the schedule starts the daily run; it takes effect with schedule apply")
}

// declareTimes declares a setting for every exchange. Several commands may declare the same ones.
func declareTimes(flags *pflag.FlagSet, name string, texts map[etf.Exchange]*string, byDefault func(etf.Exchange) etf.TimeOfDay, usage string) map[etf.Exchange]*string {
	if texts == nil {
		texts = map[etf.Exchange]*string{}
	}
	for _, x := range etf.Exchanges() {
		if texts[x] == nil {
			texts[x] = new(string)
		}
		settings{flags}.StringVar(texts[x], flagOf(name, x), byDefault(x).String(), fmt.Sprintf(usage, x))
	}
	return texts
}

func flagOf(name string, x etf.Exchange) string { return name + "-" + strings.ToLower(string(x)) }

// parse returns the times, and reports all that are not times of day.
func (t exchangeTimes) parse() (final, schedule map[etf.Exchange]etf.TimeOfDay, err error) {
	var problems []error
	read := func(name string, texts map[etf.Exchange]*string) map[etf.Exchange]etf.TimeOfDay {
		list := map[etf.Exchange]etf.TimeOfDay{}
		for _, x := range etf.Exchanges() {
			if texts[x] == nil {
				continue
			}
			at, err := etf.ParseTimeOfDay(*texts[x])
			if err != nil {
				problems = append(problems, etf.WithField(err, flagOf(name, x)))
			}
			list[x] = at
		}
		return list
	}
	final, schedule = read("final", t.final), read("schedule", t.schedule)
	if len(problems) > 0 {
		return nil, nil, usageError{errors.Join(problems...)}
	}
	return final, schedule, nil
}
