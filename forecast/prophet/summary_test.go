package prophet

import (
	"strings"
	"testing"
)

// Why each built-in seasonality is on or off.
func TestSummarySaysWhySeasonalitiesAreOnOrOff(t *testing.T) {
	t.Parallel()
	series := func(n int, gap Stamp) *Frame {
		f := &Frame{Y: noisy(10, n)}
		for i := range n {
			f.DS = append(f.DS, DateOf(2020, 1, 1)+Stamp(i)*gap)
		}
		return f
	}
	options := func(change func(*Options)) Options {
		o := Defaults()
		change(&o)
		return o
	}
	for _, c := range []struct {
		name string
		f    *Frame
		o    Options
		want map[string]string // name: on or off, and why
	}{
		{"two years of days", series(731, Day), Defaults(), map[string]string{
			"yearly": "on automatic: 730 days of history", "weekly": "on automatic: 730 days of history, rows 1 day apart",
			"daily": "off automatic: rows are 1 day apart, less than 1 day is needed"}},
		{"a day less", series(730, Day), Defaults(), map[string]string{"yearly": "off automatic: 729 days of history, 730 days are needed"}},
		{"hours", series(100, Day/24), Defaults(), map[string]string{
			"weekly": "off automatic: 4.125 days of history, 14 days are needed", "daily": "on automatic: 4.125 days of history, rows 1 hour apart"}},
		{"by option", series(100, Day), options(func(o *Options) {
			o.WeeklySeasonality, o.DailySeasonality, o.YearlySeasonality = SeasonalOff, 2, SeasonalOn
		}),
			map[string]string{"yearly": "on on by option", "weekly": "off off by option", "daily": "on on by option"}},
		{"added under a built-in's name", series(100, Day), options(func(o *Options) { o.Seasonalities = []Seasonality{{Name: "weekly", Period: 7, FourierOrder: 2}} }),
			map[string]string{"weekly": "on added"}},
	} {
		got := map[string]string{}
		for _, s := range fitBy(t, c.o, c.f, MAP, FitOptions{}).Summary().Seasonalities {
			on := "off "
			if s.On {
				on = "on "
			}
			got[s.Name] = on + s.Why
		}
		for name, want := range c.want {
			if got[name] != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got[name], want)
			}
		}
	}
}

// A seasonality whose period is seen less than twice gets a warning, one that is chosen automatically never does.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rows int
		o    func(*Options)
		want []string // how the warnings begin
	}{
		{"nothing", 40, func(*Options) {}, nil},
		{"two years", 731, func(o *Options) { o.YearlySeasonality = SeasonalOn }, nil},
		{"less than two years", 730, func(o *Options) { o.YearlySeasonality = SeasonalOn }, []string{"seasonality yearly has a period of 365.25 days, but the history is only 729 days long"}},
		{"an order", 200, func(o *Options) { o.YearlySeasonality = 2 }, []string{"seasonality yearly"}},
		{"added", 300, func(o *Options) {
			o.Seasonalities = []Seasonality{{Name: "year", Period: 365, FourierOrder: 2}, {Name: "month", Period: 30.5, FourierOrder: 2}}
		},
			[]string{"seasonality year has"}},
		{"two weeks", 13, func(o *Options) { o.WeeklySeasonality = SeasonalOn }, []string{"seasonality weekly has a period of 7 days, but the history is only 12 days long"}},
	} {
		o := Defaults()
		c.o(&o)
		got := fitBy(t, o, dailyFrame(noisy(10, c.rows)...), MAP, FitOptions{}).Summary().Warnings
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %d", c.name, got, len(c.want))
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: %q, want %q", c.name, got[i], want)
			}
		}
	}
	got := fitBy(t, Defaults(), dailyFrame(noisy(1e9, 40)...), MAP, FitOptions{}).Summary().Warnings
	if len(got) != 1 || !strings.Contains(got[0], "subtract the offset from y, or use scaling minmax") {
		t.Errorf("a large offset: %q", got)
	}
	o := Defaults()
	o.Scaling = MinMax
	if got := fitBy(t, o, dailyFrame(noisy(1e9, 40)...), MAP, FitOptions{}).Summary().Warnings; len(got) != 0 {
		t.Errorf("a large offset with minmax: %q", got)
	}
}
