package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// LookupEnv implements envconfig.EnvLookup, so that Temporal's SDK reads the same environment as the settings.
func (e environment) LookupEnv(key string) (string, bool) { return e.lookup(key) }

// Environ implements envconfig.EnvLookup.
func (e environment) Environ() []string {
	pairs := make([]string, 0, len(e))
	for k, v := range e {
		pairs = append(pairs, k+"="+v)
	}
	return pairs
}

// temporalOptions reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other TEMPORAL_* variables as Temporal's SDK does.
func (a *app) temporalOptions(log *slog.Logger) (client.Options, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: a.env})
	if err != nil {
		return options, usageError{etf.Wrap(etf.KindInvalid, err, "reading the TEMPORAL_* settings")}
	}
	options.Logger = sdklog.NewStructuredLogger(log)
	return options, nil
}

// commandTimeout is how long a command waits for the database to say anything.
const commandTimeout = 30 * time.Second

// openStore opens a command's store, as the pipeline's user. It does not connect yet.
func (a *app) openStore() (*db.Store, error) {
	return a.openStoreWith(db.Options{Timeout: commandTimeout})
}

func (a *app) openStoreWith(o db.Options) (*db.Store, error) {
	if err := checkDSN("mysql-dsn", a.common.mysqlDSN, "set ETFCAST_MYSQL_DSN or --mysql-dsn to user:password@tcp(host:port)/database"); err != nil {
		return nil, usageError{err}
	}
	return db.Open(a.common.mysqlDSN, o)
}

// service returns the service that commands share with the API. closeAll closes its connections.
func (a *app) service() (s *service.Service, closeAll func(), err error) {
	store, err := a.openStore()
	if err != nil {
		return nil, nil, err
	}
	knowCalendars(context.Background(), store)
	s, closeTemporal, err := a.newService(store)
	if err != nil {
		_ = store.Close()
		return nil, nil, err
	}
	return s, func() { closeTemporal(); _ = store.Close() }, nil
}

// temporalService is service for commands that need no database.
func (a *app) temporalService() (*service.Service, func(), error) { return a.newService(nil) }

func (a *app) newService(store service.Store) (*service.Service, func(), error) {
	temporal, err := a.temporal()
	if err != nil {
		return nil, nil, err
	}
	s, err := a.serviceOn(store, temporal)
	if err != nil {
		temporal.Close()
		return nil, nil, err
	}
	return s, temporal.Close, nil
}

func (a *app) serviceOn(store service.Store, temporal *dispatch.Client) (*service.Service, error) {
	final, schedules, err := a.common.times.parse()
	if err != nil {
		return nil, err
	}
	anchors, _ := store.(service.Anchorer) // nil: there is no store
	return service.New(service.Deps{
		Store: store, Anchors: a.checkpoints.anchors(anchors, func(_ etf.Checkpoint, err error) {
			fmt.Fprintf(a.stderr, "warning: the checkpoint is not in a file: %v\n", err)
		}), CheckpointNote: a.checkpointNote, Temporal: temporal, Sources: etf.SourceNames(), UI: a.common.temporalUI, Namespace: temporal.Namespace(),
		Final: final, Schedules: schedules, Keys: a.env.keyState,
	}), nil
}

// temporal creates a command's Temporal client. It does not connect yet.
func (a *app) temporal() (*dispatch.Client, error) {
	// Commands report their own errors: the SDK's log lines about an unreachable server would only repeat them.
	silent := slog.New(slog.DiscardHandler)
	options, err := a.temporalOptions(silent)
	if err != nil {
		return nil, err
	}
	c, err := dispatch.New(options, silent)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// calendarPatience is how long a command waits for the changes of calendars.
const calendarPatience = 3 * time.Second

// knowCalendars has this process know the changes of calendars that are stored. Without a database the calendars are as released: a command
// that needs it says so itself.
func knowCalendars(ctx context.Context, store service.Calendars) {
	ctx, stop := context.WithTimeout(ctx, calendarPatience)
	defer stop()
	_ = service.NewCalendarReader(store, time.Now).Read(ctx, 0)
}

// knowCalendars is the same for commands that need no database, if one is set.
func (a *app) knowCalendars(ctx context.Context) {
	if a.common.mysqlDSN == "" {
		return
	}
	if store, err := a.openStore(); err == nil {
		defer func() { _ = store.Close() }()
		knowCalendars(ctx, store)
	}
}
