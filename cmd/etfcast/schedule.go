package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func scheduleCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "schedule", Short: "Manage the schedules that start the daily runs"}
	cmd.AddCommand(scheduleApplyCommand(a), scheduleListCommand(a),
		scheduleAct(a, "pause", "Pause a schedule", func(ctx context.Context, s *service.Service, id, why string) (etf.Schedule, error) {
			return s.PauseSchedule(ctx, id, "etfcast schedule pause", why)
		}),
		scheduleAct(a, "resume", "Resume a paused schedule; it catches up on missed sessions", func(ctx context.Context, s *service.Service, id, why string) (etf.Schedule, error) {
			return s.ResumeSchedule(ctx, id, "etfcast schedule resume", why)
		}),
		scheduleAct(a, "trigger", "Fire a schedule now, even if paused", func(ctx context.Context, s *service.Service, id, _ string) (etf.Schedule, error) {
			return s.TriggerSchedule(ctx, id)
		}))
	return cmd
}

func scheduleApplyCommand(a *app) *cobra.Command {
	var exchange string
	var as format
	cmd := &cobra.Command{
		Use:     "apply",
		Short:   "Create or update the schedules; a paused one stays paused",
		Example: "  etfcast schedule apply\n  etfcast schedule apply --exchange XKRX\n  etfcast schedule apply --schedule-xnys 20:30",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			exchanges := etf.HomeExchanges()
			if exchange != "" {
				x, err := etf.ParseExchange(exchange)
				if err != nil {
					return err
				}
				exchanges = []etf.Exchange{x}
			}
			svc, closeAll, err := a.temporalService()
			if err != nil {
				return err
			}
			defer closeAll()
			applied := make([]etf.Schedule, 0, len(exchanges))
			for _, x := range exchanges {
				s, created, err := svc.ApplySchedule(cmd.Context(), x)
				if err != nil {
					return err
				}
				applied = append(applied, s)
				if as.forPeople() {
					result := "updated"
					if created {
						result = "created"
					}
					fmt.Fprintf(a.stdout, "schedule %s %s: %s\n", s.ID, result, s.Fires)
				}
			}
			if !as.forPeople() {
				return a.encode(as, applied)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", "only this exchange (default: XNYS and XKRX)")
	a.common.times.addSchedule(cmd.Flags())
	as.addFlags(cmd, "", "")
	return cmd
}

func scheduleListCommand(a *app) *cobra.Command {
	var as format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the schedules and when they fire next",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.temporalService()
			if err != nil {
				return err
			}
			defer closeAll()
			all, err := svc.Schedules(cmd.Context())
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, all)
			}
			if len(all) == 0 {
				fmt.Fprintln(a.stdout, "there are no schedules yet; create them with `etfcast schedule apply`")
				return nil
			}
			t := newTable(a.stdout, "SCHEDULE", "FIRES", "STATE", "NEXT").spare("FIRES")
			for _, s := range all {
				state, next := "active", "-"
				if s.Paused {
					state = "paused"
				}
				if len(s.Next) > 0 {
					next = s.Next[0].UTC().Format(time.RFC3339)
				}
				t.row(s.ID, s.Fires, state, next)
			}
			return t.flush()
		},
	}
	as.addFlags(cmd, "", "")
	return cmd
}

func scheduleAct(a *app, use, short string, act func(ctx context.Context, s *service.Service, id, why string) (etf.Schedule, error)) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:     use + " SCHEDULE",
		Short:   short,
		Example: "  etfcast schedule " + use + " daily-XNYS",
		Args:    exactArgs("SCHEDULE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.temporalService()
			if err != nil {
				return err
			}
			defer closeAll()
			s, err := act(cmd.Context(), svc, args[0], why)
			if err != nil {
				return err
			}
			state := "active"
			if s.Paused {
				state = "paused"
			}
			_, err = fmt.Fprintf(a.stdout, "schedule %s: %s done; it is %s\n", s.ID, use, state)
			return err
		},
	}
	if use != "trigger" {
		cmd.Flags().StringVar(&why, "why", "", "the reason, for the schedule's note")
	}
	return cmd
}
