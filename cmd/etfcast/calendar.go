package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func calendarCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "calendar",
		Short: "Print an exchange's trading sessions and closures, and close a session that was announced",
	}
	cmd.AddCommand(calendarListCommand(a), calendarChange(a, false), calendarChange(a, true), calendarList(a, "sessions", "Print the trading sessions, one date per line", printSessions),
		calendarList(a, "closures", "Print the weekdays on which the exchange is closed, with the reasons", printClosures))
	return cmd
}

func calendarListCommand(a *app) *cobra.Command {
	var as format
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the calendars with their versions, and the sessions that were closed",
		Example: "  etfcast calendar list",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			list, err := svc.Calendars(cmd.Context(), "")
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, list)
			}
			t := newTable(a.stdout, "EXCHANGE", "VERSION", "SESSION", "STATE", "REASON", "BY", "AT").spare("BY", "REASON")
			for _, c := range list {
				if len(c.Changes) == 0 {
					t.row(c.Exchange, c.Version, "-", "as released", "-", "-", "-")
				}
				for _, x := range c.Changes {
					state := "closed"
					if !x.Closed {
						state = "reopened"
					}
					t.row(c.Exchange, x.Number, x.Session, state, x.Reason, x.By, x.At.UTC().Format(time.RFC3339))
				}
			}
			return t.flush()
		},
	}
	as.addFlags(cmd, "", "")
	return cmd
}

// calendarChange is `calendar close`, or `calendar reopen`.
func calendarChange(a *app, reopen bool) *cobra.Command {
	r := service.CalendarRequest{Reopen: reopen}
	var as format
	cmd := &cobra.Command{
		Use:   "close EXCHANGE SESSION",
		Short: "Close a session that the exchange has announced it won't hold",
		Long: `Close a session of an exchange: a closure that was announced after this program was released. It makes the next
version of the calendar, which every process uses within seconds. Forecasts whose horizon reaches the session
get new targets, in rows of their own; forecasts made from then on name the version in their parameters. A
session that has bars can't be closed.`,
		Example: `  etfcast calendar close XKRX 2026-06-03 --reason "temporary holiday"`,
		Args:    exactArgs("EXCHANGE", "SESSION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Exchange, r.Session, r.By = args[0], args[1], a.authorOf(cmd, r.By)
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			done, err := svc.ChangeCalendar(cmd.Context(), r)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, done)
			}
			state := "closed"
			if reopen {
				state = "open again"
			}
			if !done.Changed {
				_, err = fmt.Fprintf(a.stdout, "%s is %s on %s already, since version %d of its calendar; nothing changed\n", done.Exchange, state, done.Session, done.Number)
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%s is %s on %s: version %d of its calendar; %d points of forecasts have another target now\n", done.Exchange, state, done.Session, done.Number, done.Moved)
			return err
		},
	}
	if reopen {
		cmd.Use, cmd.Short = "reopen EXCHANGE SESSION", "Take a closure back that was made with calendar close"
		cmd.Long = "Take back a closure that was made with `etfcast calendar close`. It makes the next version of the calendar, and\nhorizons of forecasts end again where they would without it. Holidays that come with the program stay closed."
		cmd.Example = `  etfcast calendar reopen XKRX 2026-06-03 --reason "the exchange trades after all"`
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "what was announced, for people; required")
	cmd.Flags().StringVar(&r.By, "by", "", "who makes the change (default: the user of this shell)")
	as.addFlags(cmd, "", "")
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
		RunE: func(cmd *cobra.Command, args []string) error {
			exchange, err := etf.ParseExchange(args[0])
			if err != nil {
				return err
			}
			a.knowCalendars(cmd.Context())
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
