package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// probes are the commands that the tests make devstack run.
var probes = map[string]func() error{
	"servers": probeServers,
	"write":   probeWrite,
	"read":    probeRead,
	"hold":    probeHold,
	"signals": probeSignals,
	"insist":  probeInsist,
}

// probeServers uses all three servers the way etfcast does.
func probeServers() error {
	return errors.Join(checkUI(), checkGrants(), checkLocalInfile(), checkWorkflow())
}

func checkUI() error {
	for _, path := range []string{"/", "/namespaces/default/workflows", "/api/v1/namespaces/default"} {
		response, err := http.Get(os.Getenv("ETFCAST_TEMPORAL_UI") + path)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the Web UI responded to GET %s with %s", path, response.Status)
		}
	}
	return nil
}

func open(variable string) *sql.DB {
	db, err := sql.Open("mysql", os.Getenv(variable))
	if err != nil {
		panic(err)
	}
	return db
}

func admin() *sql.DB { return open("ETFCAST_MYSQL_ADMIN_DSN") }
func user() *sql.DB  { return open("ETFCAST_MYSQL_DSN") }

// execute runs statements in order, stopping at the first that fails.
func execute(db *sql.DB, statements ...string) error {
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func mustRefuse(db *sql.DB, statements ...string) error {
	for _, statement := range statements {
		if _, err := db.Exec(statement); err == nil {
			return fmt.Errorf("the statement was not refused: %s", statement)
		}
	}
	return nil
}

// checkGrants checks that the user has exactly the table privileges that were granted, and that the admin can create
// databases and grant privileges in them.
func checkGrants() error {
	a, u := admin(), user()
	defer a.Close()
	defer u.Close()
	if err := execute(a, "CREATE TABLE granted (id BIGINT PRIMARY KEY, v INT)", "INSERT INTO granted VALUES (1, 1)"); err != nil {
		return err
	}
	if err := execute(u, "SELECT 1"); err != nil {
		return err
	}
	if err := mustRefuse(u, "SELECT * FROM granted", "CREATE TABLE other (id INT)", "SELECT * FROM mysql.user", "DROP TABLE granted"); err != nil {
		return err
	}
	if err := execute(a, "GRANT SELECT, INSERT ON etfcast.granted TO 'etfcast'@'%'"); err != nil {
		return err
	}
	if err := execute(u, "SELECT * FROM granted", "INSERT INTO granted VALUES (2, 2)"); err != nil {
		return err
	}
	if err := mustRefuse(u, "UPDATE granted SET v = 3", "DELETE FROM granted", "TRUNCATE TABLE granted"); err != nil {
		return err
	}
	return execute(a, "CREATE DATABASE etfcast_test", "CREATE TABLE etfcast_test.t (id INT PRIMARY KEY)",
		"GRANT SELECT ON etfcast_test.t TO 'etfcast'@'%'", "DROP DATABASE etfcast_test", "SET GLOBAL local_infile = 1")
}

func checkLocalInfile() error {
	a, u := admin(), user()
	defer a.Close()
	defer u.Close()
	mysql.RegisterReaderHandler("rows", func() io.Reader { return strings.NewReader("1,2.50000001\n2,3\n") })
	err := errors.Join(
		execute(a, "CREATE TABLE loaded (id BIGINT PRIMARY KEY, p DECIMAL(20,8))", "GRANT SELECT, INSERT ON etfcast.loaded TO 'etfcast'@'%'"),
		execute(u, "LOAD DATA LOCAL INFILE 'Reader::rows' INTO TABLE loaded FIELDS TERMINATED BY ','"),
		mustRefuse(u, "LOAD DATA INFILE '/etc/passwd' INTO TABLE loaded"),
	)
	if err != nil {
		return err
	}
	var sum string
	if err := u.QueryRow("SELECT SUM(p) FROM loaded").Scan(&sum); err != nil {
		return err
	}
	if sum != "5.50000001" {
		return fmt.Errorf("loaded rows sum to %s", sum)
	}
	return nil
}

func dial() (client.Client, error) {
	return client.Dial(client.Options{
		HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: os.Getenv("TEMPORAL_NAMESPACE"), Logger: silent{},
	})
}

var (
	exchange = temporal.NewSearchAttributeKeyKeyword("EtfcastExchange")
	symbol   = temporal.NewSearchAttributeKeyKeyword("EtfcastSymbol")
	session  = temporal.NewSearchAttributeKeyKeyword("EtfcastSession")
	outcome  = temporal.NewSearchAttributeKeyKeyword("EtfcastOutcome")
	runID    = temporal.NewSearchAttributeKeyKeyword("EtfcastRun")
)

const queue = "probe"

func workflowOptions(id string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: id, TaskQueue: queue, StaticSummary: "a probe", StaticDetails: "**bold**",
		Priority: temporal.Priority{PriorityKey: 1, FairnessKey: "probe"},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			exchange.ValueSet("XNYS"), symbol.ValueSet("SPY"), runID.ValueSet(id),
			session.ValueSet("2025-09-26")),
	}
}

// checkWorkflow runs one workflow with one activity, finds it by each search attribute, and creates a schedule.
func checkWorkflow() error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()

	w := worker.New(c, queue, worker.Options{})
	w.RegisterActivityWithOptions(func(context.Context) (string, error) { return "done", nil }, activity.RegisterOptions{Name: "act"})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, Summary: "the activity"})
		workflow.SetCurrentDetails(ctx, "| a | b |")
		var result string
		if err := workflow.ExecuteActivity(ctx, "act").Get(ctx, &result); err != nil {
			return "", err
		}
		return result, workflow.UpsertTypedSearchAttributes(ctx, outcome.ValueSet(result))
	}, workflow.RegisterOptions{Name: "work"})
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()

	run, err := c.ExecuteWorkflow(ctx, workflowOptions("probe/1"), "work")
	if err != nil {
		return err
	}
	var result string
	if err := run.Get(ctx, &result); err != nil {
		return err
	}
	query := "EtfcastExchange='XNYS' AND EtfcastSymbol='SPY' AND EtfcastRun='probe/1' AND EtfcastOutcome='done'" +
		" AND EtfcastSession='2025-09-26' AND ExecutionStatus='Completed'"
	if err := until(ctx, func(ctx context.Context) error { return listed(ctx, c, query) }); err != nil {
		return err
	}

	_, err = c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:     "probe-schedule",
		Spec:   client.ScheduleSpec{CronExpressions: []string{"0 18 * * MON-FRI"}, TimeZoneName: "America/New_York"},
		Action: &client.ScheduleWorkflowAction{ID: "tick", Workflow: "work", TaskQueue: queue},
		Paused: true,
	})
	return err
}

func listed(ctx context.Context, c client.Client, query string) error {
	response, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return err
	}
	if len(response.Executions) != 1 {
		return fmt.Errorf("%d workflows match %s, want 1", len(response.Executions), query)
	}
	return nil
}

// probeWrite leaves a row and a running workflow behind.
func probeWrite() error {
	a := admin()
	defer a.Close()
	err := execute(a, "CREATE TABLE IF NOT EXISTS kept (id BIGINT PRIMARY KEY)", "REPLACE INTO kept VALUES (42)",
		"GRANT SELECT ON etfcast.kept TO 'etfcast'@'%'")
	if err != nil {
		return err
	}
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.ExecuteWorkflow(context.Background(), workflowOptions("kept"), "work")
	return err
}

// probeRead finds what probeWrite left, including the grant.
func probeRead() error {
	u := user()
	defer u.Close()
	var id int
	if err := u.QueryRow("SELECT id FROM kept").Scan(&id); err != nil {
		return err
	}
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx := context.Background()
	found, err := c.DescribeWorkflowExecution(ctx, "kept", "")
	if err != nil {
		return err
	}
	if got := found.WorkflowExecutionInfo.Status; got != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return fmt.Errorf("the workflow is %v", got)
	}
	return until(ctx, func(ctx context.Context) error { return listed(ctx, c, "EtfcastRun='kept'") })
}

// probeHold does what probeWrite does, then writes to the database until it is killed, so that the kill comes in the
// middle of a write.
func probeHold() error {
	if err := probeWrite(); err != nil {
		return err
	}
	a := admin()
	defer a.Close()
	if err := execute(a, "CREATE TABLE busy (id BIGINT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100))"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := execute(a, "INSERT INTO busy (v) VALUES (REPEAT('x', 100))"); err != nil {
			return err
		}
		if i == 20 {
			fmt.Println("holding")
		}
	}
}

// probeInsist does what probeWrite does and goes on writing rows, whatever happens to the servers. For each line of standard
// input, it waits until both servers can be used, checks that nothing they acknowledged is lost, and prints "checked".
func probeInsist() error {
	if err := probeWrite(); err != nil {
		return err
	}
	a := admin()
	defer a.Close()
	if err := execute(a, "CREATE TABLE rows_kept (id BIGINT PRIMARY KEY)"); err != nil {
		return err
	}
	var acknowledged atomic.Int64
	go func() {
		for {
			// A row whose acknowledgement was lost is written again.
			if execute(a, fmt.Sprintf("REPLACE INTO rows_kept VALUES (%d)", acknowledged.Load()+1)) == nil {
				acknowledged.Add(1)
			}
		}
	}()
	fmt.Println("insisting")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Println("checked") {
		before := acknowledged.Load()
		err := until(context.Background(), func(context.Context) error {
			if acknowledged.Load() == before {
				return errors.New("no row was written since")
			}
			return probeRead()
		})
		if err != nil {
			return err
		}
		written, count, highest := acknowledged.Load(), int64(0), int64(0)
		if err := a.QueryRow("SELECT COUNT(*), MAX(id) FROM rows_kept").Scan(&count, &highest); err != nil {
			return err
		}
		if count != highest || count < written {
			return fmt.Errorf("%d rows up to %d, but %d were acknowledged", count, highest, written)
		}
	}
	return nil
}

// probeSignals prints the signals it gets, and exits with code 9 on SIGTERM.
func probeSignals() error {
	got := make(chan os.Signal, 16)
	signal.Notify(got, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
	fmt.Println("ready")
	for sig := range got {
		fmt.Println(sig)
		if sig == syscall.SIGTERM {
			os.Exit(9)
		}
	}
	return nil
}
