package main

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"

	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
)

// LookupEnv lets Temporal's own configuration read what main was given.
func (e environment) LookupEnv(key string) (string, bool) { return e.lookup(key) }

// Environ is the other half of envconfig's interface.
func (e environment) Environ() []string {
	pairs := make([]string, 0, len(e))
	for k, v := range e {
		pairs = append(pairs, k+"="+v)
	}
	return pairs
}

// temporalOptions reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the rest as Temporal's SDK does.
func (a *app) temporalOptions(log *slog.Logger) (client.Options, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: a.env})
	if err != nil {
		return options, usageError{etf.Wrap(etf.KindInvalid, err, "reading the TEMPORAL_* settings")}
	}
	options.Logger = sdklog.NewStructuredLogger(log)
	return options, nil
}

// openStore prepares the store of the pipeline's user for a command. It does not connect.
func (a *app) openStore() (*db.Store, error) { return a.openStoreFor(0) }

// openStoreFor prepares the store with at most so many connections; 0 = the store's default.
func (a *app) openStoreFor(connections int) (*db.Store, error) {
	if err := checkDSN("mysql-dsn", a.common.mysqlDSN, "set ETFCAST_MYSQL_DSN or --mysql-dsn to user:password@tcp(host:port)/database"); err != nil {
		return nil, usageError{err}
	}
	return db.Open(a.common.mysqlDSN, db.Options{MaxConns: connections})
}

// service is what the commands act through: the same logic as the API's. closeAll ends its connections.
func (a *app) service(ctx context.Context) (*api.Service, func(), error) {
	store, err := a.openStore()
	if err != nil {
		return nil, nil, err
	}
	service, closeTemporal, err := a.newService(ctx, store)
	if err != nil {
		_ = store.Close()
		return nil, nil, err
	}
	return service, func() { closeTemporal(); _ = store.Close() }, nil
}

// temporalService is service for commands that need no database.
func (a *app) temporalService(ctx context.Context) (*api.Service, func(), error) {
	return a.newService(ctx, nil)
}

func (a *app) newService(_ context.Context, store api.Store) (*api.Service, func(), error) {
	// A command reports its own errors: the SDK's lines about a server that is away would only repeat them.
	options, err := a.temporalOptions(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return nil, nil, usageError{etf.Wrap(etf.KindInvalid, err, "using the TEMPORAL_* settings")}
	}
	return api.NewService(api.ServiceDeps{
		Store: store, Temporal: api.NewTemporal(temporal), Sources: sourceNames(), UI: a.common.temporalUI, Namespace: options.Namespace,
	}), temporal.Close, nil
}
