package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/worker"
	"github.com/etfcast/etfcast/workflows"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("record", flag.ContinueOnError)
	dir := flags.String("dir", "workflows/testdata/histories", "folder to write to")
	label := flags.String("label", "", "version of the recorded code, the prefix of each file's name (required)")
	only := flags.String("only", "", "record only the scenarios whose names begin so")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *label == "" {
		return etf.Invalid("label", "the version is missing", "give --label, for example --label 0.1.0")
	}
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return err
	}
	options.Identity = "recorder" // not this machine's name
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	temporal, err := dispatch.New(options, log)
	if err != nil {
		return err
	}
	defer temporal.Close()
	c := temporal.SDK()
	if err := temporal.EnsureSearchAttributes(ctx, log); err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	env := newEnvironment(c)
	stop, err := serve(c, env.script)
	if err != nil {
		return err
	}
	defer stop()
	for _, s := range scenarios {
		if !strings.HasPrefix(s.name, *only) {
			continue
		}
		saved, err := env.play(ctx, s)
		if err != nil {
			return fmt.Errorf("scenario %s: %w", s.name, err)
		}
		path := filepath.Join(*dir, *label+"_"+s.name+".json.gz")
		events, size, err := save(ctx, c, saved, path)
		if err != nil {
			return fmt.Errorf("saving scenario %s: %w", s.name, err)
		}
		fmt.Fprintf(out, "%-28s %-44s %6d events %9d bytes\n", s.name, saved.workflowID, events, size)
	}
	return nil
}

// longest is how long a scenario may take: the longest ones take a minute or two, and a scenario that ends only with the workflow's patience,
// which may be a day, records something else than it says.
const longest = 10 * time.Minute

// play runs a scenario.
func (s *environment) play(ctx context.Context, of scenario) (recorded, error) {
	ctx, stop := context.WithTimeout(ctx, longest)
	defer stop()
	saved, err := of.run(ctx, s)
	if lacks := s.script.lacks(); lacks != nil {
		return saved, lacks
	}
	return saved, err
}

// serve starts workers for the workflows and the scripted activities.
func serve(c client.Client, s *script) (stop func(), err error) {
	var options worker.Options
	main := sdkworker.New(c, workflows.TaskQueue, options.Main())
	fit := sdkworker.New(c, workflows.FitTaskQueue, options.Fit())
	simulated := sdkworker.New(c, workflows.SourceTaskQueue("simulated"), options.Source("simulated"))
	file := sdkworker.New(c, workflows.SourceTaskQueue("file"), options.Source("file"))
	yahoo := sdkworker.New(c, workflows.SourceTaskQueue("yahoo"), options.Source("yahoo"))
	worker.RegisterWorkflows(main)
	s.register(main, fit, simulated, file, yahoo)
	var started []sdkworker.Worker
	stop = func() {
		for _, w := range started {
			w.Stop()
		}
	}
	for _, w := range []sdkworker.Worker{main, fit, simulated, file, yahoo} {
		if err := w.Start(); err != nil {
			stop()
			return nil, err
		}
		started = append(started, w)
	}
	return stop, nil
}

// save writes a run's whole history and returns its number of events and its size in Temporal, in bytes.
func save(ctx context.Context, c client.Client, r recorded, path string) (events, size int, err error) {
	var history historypb.History
	iter := c.GetWorkflowHistory(ctx, r.workflowID, r.runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		event, err := iter.Next()
		if err != nil {
			return 0, 0, err
		}
		if q := event.GetWorkflowTaskScheduledEventAttributes().GetTaskQueue(); q.GetKind() == enums.TASK_QUEUE_KIND_STICKY {
			q.Name = "sticky" // it has this machine's name
		}
		history.Events = append(history.Events, event)
		size += event.Size()
	}
	text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(&history)
	if err != nil {
		return 0, 0, err
	}
	var zipped bytes.Buffer
	zip, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return 0, 0, err
	}
	if _, err := zip.Write(text); err != nil {
		return 0, 0, err
	}
	if err := zip.Close(); err != nil {
		return 0, 0, err
	}
	return len(history.Events), size, os.WriteFile(path, zipped.Bytes(), 0o644)
}
