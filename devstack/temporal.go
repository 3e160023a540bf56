package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/primitives/timestamp"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
)

const (
	temporalNamespace = "default"
	temporalRetention = 7 * 24 * time.Hour
	temporalCluster   = "active"

	// historyShards can't change once a folder has been written. More than one lets workflows advance concurrently on two
	// cores; many more would only cost memory and timers, since all write to one SQLite file.
	historyShards = 4
)

// searchAttributes are etfcast's custom search attributes, by which the Web UI lists and filters workflows.
var searchAttributes = map[string]enumspb.IndexedValueType{
	"EtfcastExchange": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"EtfcastSymbol":   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"EtfcastSession":  enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"EtfcastOutcome":  enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	"EtfcastRun":      enumspb.INDEXED_VALUE_TYPE_KEYWORD,
}

// temporalServer is the embedded Temporal server: all four services in this process, on one SQLite file.
type temporalServer struct {
	port   int
	server temporal.Server
}

// startTemporal starts the server and returns once the namespace "default" and the search attributes are usable.
func startTemporal(ctx context.Context, f *folder, port int, logLevel string) (*temporalServer, error) {
	store := temporalStore(f.file("temporal.db"))
	if err := prepareTemporalStore(f.file("temporal.db")); err != nil {
		return nil, err
	}
	if err := prepareNamespace(store); err != nil {
		return nil, err
	}
	conf, hosts, err := temporalConfig(store, port)
	if err != nil {
		return nil, err
	}
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Level: logLevel, OutputFile: f.file("logs", "temporal.log")}))
	server, err := temporal.NewServer(
		temporal.WithConfig(conf),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(temporalSettings),
	)
	if err != nil {
		return nil, fmt.Errorf("building the Temporal server: %w", err)
	}
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("starting the Temporal server on port %d (see %s): %w", port, f.file("logs", "temporal.log"), err)
	}
	t := &temporalServer{port: port, server: server}
	if err := t.becomeReady(ctx); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
}

func (t *temporalServer) stop() error {
	if err := t.server.Stop(); err != nil {
		return fmt.Errorf("stopping the Temporal server: %w", err)
	}
	return nil
}

// temporalStore configures how the server opens its SQLite file. WAL with synchronous=NORMAL keeps the file consistent if
// the process is killed; a power failure loses at most the last moments, which is acceptable for a development stack.
func temporalStore(path string) *config.SQL {
	return &config.SQL{
		PluginName:   sqlite.PluginName,
		DatabaseName: sqliteURIPath(path),
		ConnectAttributes: map[string]string{
			"mode":               "rwc",
			"busy_timeout":       "10000",
			"cache_size":         "-32768", // KiB
			"journal_mode":       "wal",
			"journal_size_limit": "67108864", // cut the log back to 64 MB after a burst
			"synchronous":        "normal",
			"temp_store":         "memory",
			"wal_autocheckpoint": "4000", // pages of 4 KB
		},
	}
}

// sqliteURIPath escapes what would end the path in SQLite's "file:" URI.
func sqliteURIPath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// prepareTemporalStore creates the file with its tables if it does not exist. It creates it under another name and
// renames it: after a kill, a file with only some of its tables would never work again.
func prepareTemporalStore(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checking Temporal's data file: %w", err)
	}
	next := path + ".new"
	if err := os.RemoveAll(next); err != nil {
		return fmt.Errorf("removing an incomplete Temporal data file: %w", err)
	}
	// No journal: nothing reads this file before it is renamed, and creating the tables takes a tenth of the time.
	err := sqliteschema.SetupSchema(&config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      sqliteURIPath(next),
		ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": "off", "synchronous": "off"},
	})
	if err != nil {
		return fmt.Errorf("creating Temporal's tables: %w", err)
	}
	if err := syncFile(next); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("renaming Temporal's data file: %w", err)
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening %s to sync it: %w", path, err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}

// prepareNamespace writes the namespace and its search attributes to the file before the server starts: a running server
// would take seconds to see a namespace created through its API. An existing namespace is left unchanged.
func prepareNamespace(store *config.SQL) error {
	namespace, err := sqliteschema.NewNamespaceConfig(temporalCluster, temporalNamespace, false, searchAttributes)
	if err != nil {
		return fmt.Errorf("describing Temporal namespace %s: %w", temporalNamespace, err)
	}
	namespace.Detail.Config.Retention = timestamp.DurationPtr(temporalRetention)
	namespace.Detail.Info.Description = "etfcast's development stack"
	if err := sqliteschema.CreateNamespaces(store, namespace); err != nil {
		return fmt.Errorf("writing Temporal namespace %s: %w", temporalNamespace, err)
	}
	return nil
}

// temporalConfig returns the static configuration: the frontend on the given port, the other three services on free ones.
func temporalConfig(store *config.SQL, frontend int) (*config.Config, map[primitives.ServiceName]static.Hosts, error) {
	conf := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     sqlite.PluginName,
			VisibilityStore:  sqlite.PluginName,
			NumHistoryShards: historyShards,
			DataStores:       map[string]config.DataStore{sqlite.PluginName: {SQL: store}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        temporalCluster,
			CurrentClusterName:       temporalCluster,
			ClusterInformation: map[string]cluster.ClusterInformation{
				temporalCluster: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address(frontend)},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: address(frontend)},
		Services:            map[string]config.Service{},
	}
	conf.Global.Membership.MaxJoinDuration = 30 * time.Second
	conf.Global.Membership.BroadcastAddress = loopback
	conf.Archival.History.State = config.ArchivalDisabled
	conf.Archival.Visibility.State = config.ArchivalDisabled
	conf.NamespaceDefaults.Archival.History.State = config.ArchivalDisabled
	conf.NamespaceDefaults.Archival.Visibility.State = config.ArchivalDisabled

	hosts := map[primitives.ServiceName]static.Hosts{}
	for _, service := range []primitives.ServiceName{
		primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
	} {
		port := frontend
		if service != primitives.FrontendService {
			var err error
			if port, err = freePort(); err != nil {
				return nil, nil, err
			}
		}
		conf.Services[string(service)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
		hosts[service] = static.SingleLocalHost(address(port))
	}
	return conf, hosts, nil
}

// temporalSettings is the dynamic configuration for one machine and one user, without the limits that protect a shared
// cluster.
// Schedules, updates, user metadata, worker deployments and task priority are on by default in this version.
var temporalSettings = dynamicconfig.StaticClient{
	// Nothing may leave the machine.
	dynamicconfig.EnableServerVersionCheck.Key(): false,

	// One partition per task queue: with one process there is nothing to distribute, and a task in a different partition
	// than the poller would wait to be forwarded.
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
	dynamicconfig.MatchingEnableFairness.Key():              true,

	dynamicconfig.FrontendRPS.Key():                                                        20_000,
	dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():                                 20_000,
	dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key():                       1_000,
	dynamicconfig.FrontendMaxNamespaceNamespaceReplicationInducingAPIsRPSPerInstance.Key(): 100,
	dynamicconfig.FrontendGlobalNamespaceNamespaceReplicationInducingAPIsRPS.Key():         100,
	dynamicconfig.FrontendGlobalWorkerDeploymentReadRPS.Key():                              1_000,
	dynamicconfig.FrontendPersistenceMaxQPS.Key():                                          20_000,
	dynamicconfig.MatchingRPS.Key():                                                        20_000,
	dynamicconfig.MatchingPersistenceMaxQPS.Key():                                          20_000,
	dynamicconfig.HistoryRPS.Key():                                                         20_000,
	dynamicconfig.HistoryPersistenceMaxQPS.Key():                                           20_000,
	dynamicconfig.FrontendMaxConcurrentBatchOperationPerNamespace.Key():                    10,
	dynamicconfig.FrontendMaxExecutionCountBatchOperationPerNamespace.Key():                10_000,
	dynamicconfig.VisibilityPersistenceMaxReadQPS.Key():                                    20_000,
	dynamicconfig.VisibilityPersistenceMaxWriteQPS.Key():                                   20_000,
}

// becomeReady waits until the namespace is usable, and adds search attributes that a folder from an older devstack lacks.
func (t *temporalServer) becomeReady(ctx context.Context) error {
	c, err := client.NewLazyClient(client.Options{
		HostPort: address(t.port), Namespace: temporalNamespace, Logger: silent{},
	})
	if err != nil {
		return fmt.Errorf("creating a client for the Temporal server: %w", err)
	}
	defer c.Close()

	err = until(ctx, func(ctx context.Context) error {
		if _, err := c.CheckHealth(ctx, nil); err != nil {
			return err
		}
		return t.ensureSearchAttributes(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("waiting for the Temporal server on port %d: %w", t.port, err)
	}
	return nil
}

func (t *temporalServer) ensureSearchAttributes(ctx context.Context, c client.Client) error {
	has, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: temporalNamespace})
	if err != nil {
		return fmt.Errorf("listing Temporal's search attributes: %w", err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, kind := range searchAttributes {
		if _, ok := has.CustomAttributes[name]; !ok {
			missing[name] = kind
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: temporalNamespace, SearchAttributes: missing,
	})
	if err != nil {
		return fmt.Errorf("adding Temporal's search attributes: %w", err)
	}
	// Retry until a listing shows them.
	return errors.New("the search attributes are not visible yet")
}

// silent discards the SDK client's log lines: everything that matters is returned as an error.
type silent struct{}

var _ sdklog.Logger = silent{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
