package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

func calendarCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "calendar",
		Short: "Print an exchange's trading sessions and closures",
	}
	cmd.AddCommand(calendarList(a, "sessions", "Print the trading sessions, one date per line", printSessions),
		calendarList(a, "closures", "Print the weekdays on which the exchange is closed, with the reasons", printClosures))
	return cmd
}

func calendarList(a *app, use, short string, show func(*app, *calendar.Calendar, etf.Window, format) error) *cobra.Command {
	var from, to string
	var as format
	cmd := &cobra.Command{
		Use:     use + " EXCHANGE",
		Short:   short,
		Example: "  etfcast calendar " + use + " XNYS --from 2025-01-01 --to 2025-12-31",
		Args:    exactArgs("EXCHANGE"),
		RunE: func(_ *cobra.Command, args []string) error {
			exchange, err := etf.ParseExchange(args[0])
			if err != nil {
				return err
			}
			cal, err := calendar.For(exchange)
			if err != nil {
				return err
			}
			w := cal.Range()
			if err := parseBound("from", from, &w.From, cal.Range()); err != nil {
				return err
			}
			if err := parseBound("to", to, &w.To, cal.Range()); err != nil {
				return err
			}
			if w.From > w.To {
				return etf.Invalid("from", fmt.Sprintf("%s is after --to %s", w.From, w.To), "swap them")
			}
			return show(a, cal, w, as)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first date, inclusive (default: the calendar's first)")
	cmd.Flags().StringVar(&to, "to", "", "last date, inclusive (default: the calendar's last)")
	as.addFlags(cmd, "", "")
	return cmd
}

func parseBound(field, text string, bound *etf.Session, span etf.Window) error {
	if text == "" {
		return nil
	}
	s, err := etf.ParseSession(text)
	if err != nil {
		return etf.Invalid(field, fmt.Sprintf("%q is not a date", text), "write YYYY-MM-DD")
	}
	if !span.Contains(s) {
		return etf.Invalid(field, fmt.Sprintf("%s is outside the calendar", s), fmt.Sprintf("use a date from %s to %s", span.From, span.To))
	}
	*bound = s
	return nil
}

func printSessions(a *app, cal *calendar.Calendar, w etf.Window, as format) error {
	type session struct {
		Session etf.Session `json:"session"`
		Open    time.Time   `json:"open"`
		Close   time.Time   `json:"close"`
	}
	rows := []session{}
	for _, s := range cal.Sessions(w) {
		if as.forPeople() {
			fmt.Fprintln(a.stdout, s)
			continue
		}
		open, err := cal.Open(s)
		if err != nil {
			return err
		}
		end, err := cal.Close(s)
		if err != nil {
			return err
		}
		rows = append(rows, session{s, open, end})
	}
	if as.forPeople() {
		return nil
	}
	return a.encode(as, rows)
}

func printClosures(a *app, cal *calendar.Calendar, w etf.Window, as format) error {
	type closure struct {
		Date      etf.Session  `json:"date"`
		Name      string       `json:"name"`
		Announced *etf.Session `json:"announced"` // null: by a permanent rule
	}
	rows := []closure{}
	for _, c := range cal.Closures(w) {
		row := closure{Date: c.Date, Name: c.Name}
		if !c.Announced.IsZero() {
			row.Announced = &c.Announced
		}
		rows = append(rows, row)
	}
	if !as.forPeople() {
		return a.encode(as, rows)
	}
	t := newTable(a.stdout, "DATE", "DAY", "NAME", "ANNOUNCED").spare("ANNOUNCED", "NAME")
	for _, c := range rows {
		announced := "by rule"
		if c.Announced != nil {
			announced = c.Announced.String()
		}
		t.row(c.Date, c.Date.Weekday().String()[:3], c.Name, announced)
	}
	return t.flush()
}
