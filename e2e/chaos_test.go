package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

var (
	kills       = flag.Int("kills", 4, "how many processes TestChaos kills, at least 1")
	seed        = flag.Uint64("seed", 0, "the seed of TestChaos; 0 draws one")
	timed       = flag.Bool("timed", false, "whether TestChaos fails if a recovery takes too long; only on a machine that does nothing else")
	chaosResult = flag.String("chaos-result", "", "a file for the result of TestChaos, one line of JSON")
)

const (
	// firstActivityLimit is how long after its worker is ready the first activity may take to be done.
	firstActivityLimit = 5 * time.Second
	// resumeLimit is how long after that the next attempt of work in flight may take to start. A dead worker is noticed after
	// the heartbeat timeout, 20 s.
	resumeLimit = 25 * time.Second
)

// strike is one SIGKILL.
type strike struct {
	victim string        // worker, api, temporal or database
	after  time.Duration // since the start of the round, or since the previous strike and the start of its victim's successor
	away   time.Duration // before a server is started again; 0 for worker and API
}

func (s strike) String() string {
	text := fmt.Sprintf("%s after %s", s.victim, s.after.Round(time.Millisecond))
	if s.away > 0 {
		text += fmt.Sprintf(" for %s", s.away.Round(time.Millisecond))
	}
	return text
}

// plan draws rounds of 2 to 4 strikes. In a round the next strike comes while the effects of the last one are felt: at once,
// while the victim starts again (once at most), or in the midst of the recovery. The kinds of victims take turns, so each is struck among
// eight kills. A third of the killed servers is away for up to 15 s.
func plan(rng *rand.Rand, kills int) (rounds [][]strike) {
	var victims []string
	for kills > 0 {
		var round []strike
		again := false // the last victim was killed while it started again
		for range min(kills, 2+rng.IntN(3)) {
			if len(victims) == 0 {
				victims = []string{"worker", "api", "temporal", "database"}
				rng.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
			}
			s := strike{victim: victims[0], after: time.Duration(rng.Int64N(int64(3 * time.Second)))}
			victims = victims[1:]
			if len(round) > 0 {
				switch kind := rng.IntN(3); {
				case kind == 0:
					s.after, again = 0, false
				case kind == 1 && !again: // while the last victim starts again; the one whose turn it was has it later
					victims = append(victims, s.victim)
					s = strike{victim: round[len(round)-1].victim, after: time.Duration(rng.Int64N(int64(time.Second)))}
					again = true
				default:
					again = false
				}
			}
			if (s.victim == "temporal" || s.victim == "database") && rng.IntN(3) == 0 {
				s.away = time.Duration(rng.Int64N(int64(15 * time.Second)))
			}
			round = append(round, s)
			kills--
		}
		rounds = append(rounds, round)
	}
	return rounds
}

// Eight kills strike each kind of process, whatever the seed.
func TestChaosPlan(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		struck, kills := map[string]int{}, 0
		for _, round := range plan(rand.New(rand.NewPCG(seed, 0)), 8) {
			for _, s := range round {
				struck[s.victim]++
				kills++
			}
		}
		if len(struck) != 4 || kills != 8 {
			t.Fatalf("seed %d: %d kills of %v", seed, kills, struck)
		}
	}
}

// market is what the undisturbed and the disturbed installation have to do. On XNYS, ETFs some of which have a faulty source, and a run for each
// session. On XKRX, ETFs of ten years (deepETFs), whose history is backfilled part by part while one Tick catches up with several sessions and a
// person decides on what is found; in the end one more run. Every session but the first scores the forecasts of those before it.
type market struct {
	etfs map[etf.Symbol]map[string]any
	xnys []etf.Session // the first has a run before the rounds, which have one each
	tick workflows.TickInput
	xkrx []etf.Session // the first has a run before the Tick, the last one after everything else
	deep []deepETF
	// parts are what each round asks backfills for.
	parts [][]part

	sundays []etf.Session // one for each round
}

const perExchange = 16

func newMarket(t *testing.T, rounds int) market {
	t.Helper()
	m := market{etfs: map[etf.Symbol]map[string]any{}, deep: deepETFs(), parts: deepParts(rounds)}
	sessions := func(x etf.Exchange, n int) []etf.Session {
		cal, err := calendar.For(x)
		if err != nil {
			t.Fatal(err)
		}
		first := etf.MustSession("2025-09-15")
		last, err := cal.Nth(first, n-1)
		if err != nil {
			t.Fatal(err)
		}
		return cal.Sessions(etf.Window{From: first, To: last})
	}
	m.xnys = sessions(etf.XNYS, 1+rounds)
	m.xkrx = sessions(etf.XKRX, min(1+rounds, 4)+1)
	for i := range rounds {
		m.sundays = append(m.sundays, etf.MustSession("2025-06-01").AddDays(7*i))
	}
	m.tick = workflows.TickInput{Exchange: etf.XKRX, Nominal: m.xkrx[len(m.xkrx)-2].Time().Add(20 * time.Hour)}
	for i := range perExchange {
		symbol := etf.Symbol(fmt.Sprintf("SIMY%02d", i))
		ref := string(symbol) + "?inception=2024-01-02"
		switch {
		case i == 1:
			ref += "&faults=bad_tick@" + m.xnys[1].String() // a person has to decide
		case i == 2:
			ref += "&faults=duplicate@" + m.xnys[1].String()
		case i == 3:
			ref += "&faults=server_error:1" // once per session and worker
		case i == 4:
			ref += "&split=2025-06-02:4:1"
		case i%3 == 0:
			ref += "&faults=slow:700ms"
		}
		m.etfs[symbol] = map[string]any{"symbol": symbol, "exchange": etf.XNYS, "currency": "USD",
			"sources": []etf.SourceRef{{Name: "simulated", Ref: ref}}}
	}
	for _, d := range m.deep {
		m.etfs[d.symbol] = map[string]any{"symbol": d.symbol, "exchange": etf.XKRX, "currency": "KRW",
			"sources": []etf.SourceRef{{Name: "simulated", Ref: d.ref(recentInception)}}}
	}
	return m
}

// TestChaos kills worker, API, Temporal and database at instants drawn from a seed, while daily runs, backfills and a person's decisions are at
// work. Every recovery has its time limits. In the end everything that is stored about the ETFs without a backfill is what an undisturbed
// installation stores: each row once, each count right, each chain of forecasts whole. Of those with a backfill, which meets the
// daily runs and decisions earlier or later each time, it is everything that is believed, and the forecasts made from that.
func TestChaos(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64N(1e6) + 1
	}
	began := time.Now()
	rounds := plan(rand.New(rand.NewPCG(*seed, 0)), *kills)
	t.Logf("seed %d: %v; repeat with: make chaos SEED=%d KILLS=%d", *seed, rounds, *seed, *kills)
	result := chaosReport{Kills: *kills, Seed: *seed}
	t.Cleanup(func() { result.write(t) })
	m := newMarket(t, len(rounds))
	servers := startServers(t)

	calm := newInstallation(t, servers, m)
	calm.begin()
	for i, session := range m.xnys[1:] {
		location := calm.startRun(etf.XNYS, session)
		calm.startBackfills(i)
		calm.awaitRun(location)
	}
	calm.finish()
	want, believed := calm.strict(), calm.believed()
	calm.checkSuspectedSplits()
	calm.worker.kill()
	calm.api.kill()
	t.Logf("undisturbed: %d lines of content and %d that are believed, hash %s, after %s", len(want), len(believed), hashOf(want, believed), time.Since(began).Round(time.Second))

	rough := newInstallation(t, servers, m)
	rough.begin()
	for i, round := range rounds {
		rough.round(i, m.xnys[1+i], round)
	}
	rough.finish()
	result.Back = rough.back.Seconds()
	got, gotBelieved := rough.strict(), rough.believed()
	result.Equal = true
	for _, pair := range [][2][]string{{got, want}, {gotBelieved, believed}} {
		if !slices.Equal(pair[0], pair[1]) {
			result.Equal = false
			t.Errorf("%d lines of content, %d undisturbed; %s", len(pair[0]), len(pair[1]), differences(pair[0], pair[1]))
		}
	}
	rough.checkCounts()
	rough.checkSuspectedSplits()
	verify := rough.start(t, nil, "ledger", "verify", "--json")
	verify.wait()
	if report := verify.out.String(); !strings.Contains(report, `"broken":0`) {
		t.Errorf("ledger verify reports %s", report)
	}
	rough.checkComparison()
	t.Logf("%d kills, hash %s, %s in all", *kills, hashOf(got, gotBelieved), time.Since(began).Round(time.Second))
}

// chaosReport is the result of TestChaos.
type chaosReport struct {
	Equal bool    `json:"equal"`
	Kills int     `json:"kills"`
	Seed  uint64  `json:"seed"`
	Back  float64 `json:"back_s_max"` // from a restart until the first activity was done, or work in flight was resumed; the longest
}

// write writes the result into the file of -chaos-result. A test that failed otherwise is not equal either.
func (r chaosReport) write(t *testing.T) {
	r.Equal = r.Equal && !t.Failed()
	r.Back = math.Round(r.Back*1000) / 1000
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", line)
	if *chaosResult != "" {
		if err := os.WriteFile(*chaosResult, append(line, '\n'), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// installation is a worker and an API on a database and namespace of their own.
type installation struct {
	*stack
	t       *testing.T
	servers *servers
	market  market
	worker  *process
	api     *process
	tick    client.WorkflowRun

	backfills []string // their paths
	person    *person
	back      time.Duration // as in chaosReport
}

func newInstallation(t *testing.T, servers *servers, m market) *installation {
	t.Helper()
	return &installation{stack: servers.newStack(t), t: t, servers: servers, market: m}
}

// begin migrates, starts the processes, registers the ETFs, completes the first session of both exchanges, starts the Tick, and
// lets the person decide from now on.
func (in *installation) begin() {
	t := in.t
	t.Helper()
	if code := in.start(t, nil, "migrate", "--grant", in.user).wait(); code != 0 {
		t.Fatalf("migrate ended with %d", code)
	}
	in.worker, in.api = in.start(t, nil, "worker"), in.start(t, nil, "api")
	in.worker.waitReady()
	in.api.waitReady()
	for _, body := range in.market.etfs {
		in.api.must(http.MethodPost, "/v1/etfs", body, http.StatusCreated)
	}
	for _, location := range []string{in.startRun(etf.XNYS, in.market.xnys[0]), in.startRun(etf.XKRX, in.market.xkrx[0])} {
		in.awaitRun(location)
	}
	for _, d := range in.market.deep {
		in.api.must(http.MethodPatch, "/v1/etfs/"+string(d.symbol), map[string]any{"sources": []etf.SourceRef{{Name: "simulated", Ref: d.ref(deepInception)}}}, http.StatusOK)
	}
	in.person = startPerson(t, in.api, in.market.deep)
	tick, err := in.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: workflows.TickID(etf.XKRX), TaskQueue: workflows.TaskQueue, TypedSearchAttributes: in.market.tick.SearchAttributes(),
	}, workflows.TickWorkflow, in.market.tick)
	if err != nil {
		t.Fatal(err)
	}
	in.tick = tick
}

// finish waits until the Tick has ended and has run every session, until every backfill has ended and until the person has decided on everything.
// Then it runs the last session of XKRX.
func (in *installation) finish() {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), waitLimit)
	defer cancel()
	var result workflows.TickResult
	if err := in.tick.Get(ctx, &result); err != nil {
		in.t.Fatalf("the Tick ended with %v", err)
	}
	var got []etf.Session
	for _, s := range result.Sessions {
		if s.Status == etf.RunCompleted {
			got = append(got, s.Session)
		}
	}
	if want := in.market.xkrx[1 : len(in.market.xkrx)-1]; !slices.Equal(got, want) {
		in.t.Errorf("the Tick completed the sessions %v, want %v", got, want)
	}
	in.awaitBackfills()
	in.person.await(in.t)
	in.awaitRun(in.startRun(etf.XKRX, in.last()))
}

// last is the last session of XKRX.
func (in *installation) last() etf.Session { return in.market.xkrx[len(in.market.xkrx)-1] }

// startRun requests a run and returns its path.
func (in *installation) startRun(x etf.Exchange, session etf.Session) (location string) {
	in.t.Helper()
	return in.request("the run of "+string(x)+" "+session.String(), "/v1/runs", map[string]any{"workflow": "daily", "exchange": x, "session": session})
}

// request asks for work and returns its path. Like any client, it sends a request that got no response again.
func (in *installation) request(what, path string, body any) (location string) {
	t := in.t
	t.Helper()
	eventually(t, what+" to be accepted", func() error {
		code, raw, header, err := in.api.request(http.MethodPost, path, body)
		location = header.Get("Location")
		switch {
		case err != nil:
			return err
		case code == http.StatusConflict && path == "/v1/backfills": // so many are running
			return fmt.Errorf("status %d: %s", code, raw)
		case code >= 300 && code != http.StatusServiceUnavailable && code != http.StatusTooManyRequests:
			t.Fatalf("POST %s: status %d: %s", path, code, raw)
		case code >= 300:
			return fmt.Errorf("status %d: %s", code, raw)
		}
		return nil
	})
	return location
}

func (in *installation) awaitRun(location string) {
	in.t.Helper()
	if done := in.api.waitRun(location); done.Status != etf.RunCompleted || done.Counts.Failed > 0 {
		in.t.Errorf("run %s ended %s, %+v", location, done.Status, done.Counts)
		for _, e := range done.ETFs.Items {
			if e.ErrorType != "" {
				in.t.Logf("%s: %s, %s: %s", e.Symbol, e.Outcome, e.ErrorType, e.ErrorMessage)
				break
			}
		}
	}
}

// round starts a run, strikes, and waits until everything has recovered.
func (in *installation) round(i int, session etf.Session, strikes []strike) {
	t := in.t
	t.Helper()
	location := in.startRun(etf.XNYS, session)
	in.startBackfills(i)
	for _, s := range strikes {
		<-time.After(s.after) // the instant is part of the case
		switch s.victim {
		case "worker":
			in.worker.kill()
			in.worker = in.start(t, nil, "worker")
		case "api":
			in.api.kill()
			in.api = in.start(t, nil, "api")
			in.person.ask(in.api)
		default:
			in.servers.kill(t, s.victim, s.away)
		}
	}
	struck := time.Now()
	given := in.giveWork(i)

	in.servers.await(t)
	in.api.waitReady()
	in.worker.waitReady()
	ready := time.Now()
	before := in.activitiesDone()
	inFlight := in.pendingActivities(struck)
	behind := 0 // of them, a backfill's
	for key := range inFlight {
		if strings.HasPrefix(key.workflow, etf.BackfillRun+"/") {
			behind++
		}
	}
	total := len(inFlight)
	work := <-given
	if work.err != nil {
		t.Fatal(work.err)
	}
	eventually(t, "an activity to be done", func() error {
		n := in.activitiesDone()
		if n > before {
			return nil
		}
		// The work may all have been done before the readiness was noticed.
		d, err := in.client.DescribeWorkflowExecution(t.Context(), work.id, "")
		if err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED {
			return nil
		}
		return fmt.Errorf("%d are done, as when the worker was ready; the run %s: %w", n, work.id, err)
	})
	first := time.Since(ready)
	if work.at.After(ready) {
		first = time.Since(work.at)
	}
	if *timed && first > firstActivityLimit {
		t.Errorf("round %d %v: the first activity was done %s after the worker was ready, want at most %s", i, strikes, first, firstActivityLimit)
	}
	var resumed time.Duration
	for len(inFlight) > 0 {
		eventually(t, "the work in flight to be resumed", func() error {
			for key := range inFlight {
				now, err := in.pendingActivity(key)
				if err != nil {
					return err
				}
				if now == nil || now.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED && now.GetLastStartedTime().AsTime().After(struck) || refusedSince(now, struck) {
					delete(inFlight, key)
				} else if *timed && time.Since(ready) > resumeLimit {
					t.Errorf("round %d %v: %s of %s is not resumed %s after the worker was ready: attempt %d, %s, last failure %q", i, strikes,
						now.GetActivityType().GetName(), key.workflow, time.Since(ready), now.GetAttempt(), now.GetState(), now.GetLastFailure().GetMessage())
					delete(inFlight, key)
				}
			}
			if len(inFlight) > 0 {
				return fmt.Errorf("%d activities are not", len(inFlight))
			}
			return nil
		})
		resumed = time.Since(ready)
	}
	in.back = max(in.back, first, resumed)
	in.awaitRunOrStall(location, ready)
	t.Logf("round %d %v: ready after %s, first activity %s later, work in flight (%d activities, %d of backfills) resumed %s later, run ended %s later", i, strikes,
		ready.Sub(struck).Round(time.Millisecond), first.Round(time.Millisecond), total, behind, resumed.Round(time.Millisecond), time.Since(ready).Round(time.Millisecond))
}

// stallLimit is how long after everything is ready the round's run may take, several times what it takes undisturbed.
const stallLimit = time.Minute

// awaitRunOrStall is awaitRun, but says what a run waits for that takes too long.
func (in *installation) awaitRunOrStall(location string, ready time.Time) {
	t := in.t
	t.Helper()
	stalled := false
	eventually(t, "run "+location+" to end", func() error {
		if !stalled && time.Since(ready) > stallLimit {
			stalled = true
			for key := range in.pendingActivities(time.Now()) {
				a, err := in.pendingActivity(key)
				t.Logf("%s waits: %v %v", key.workflow, a, err)
			}
			if *timed {
				t.Errorf("the run has not ended %s after everything was ready; the worker's last lines:\n%s", stallLimit, in.worker.tail())
			}
		}
		code, raw, _, err := in.api.request(http.MethodGet, location, nil)
		if err == nil && (code != http.StatusOK || strings.Contains(string(raw), `"status":"running"`)) {
			err = fmt.Errorf("status %d: %.300s", code, raw)
		}
		return err
	})
	in.awaitRun(location)
}

type accepted struct {
	id  string // of the workflow
	at  time.Time
	err error
}

// giveWork starts a run of a day without trading, which gives a worker two activities to do and changes no ETF.
func (in *installation) giveWork(round int) <-chan accepted {
	input := workflows.DailyInput{Exchange: etf.XNYS, Session: in.market.sundays[round], Attempt: 1}
	done := make(chan accepted, 1)
	ctx, cancel := context.WithTimeout(in.t.Context(), waitLimit)
	go func() {
		defer cancel()
		for {
			attempt, stop := context.WithTimeout(ctx, time.Second)
			_, err := in.client.ExecuteWorkflow(attempt, dispatch.DailyOptions(input), workflows.DailyWorkflow, input)
			stop()
			if err == nil || ctx.Err() != nil {
				done <- accepted{dispatch.DailyOptions(input).ID, time.Now(), err}
				return
			}
		}
	}()
	return done
}

// activitiesDone returns how many activities the worker's process has done.
func (in *installation) activitiesDone() int {
	_, raw, _, err := in.worker.request(http.MethodGet, "/metrics", nil)
	if err != nil {
		return 0
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "etfcast_activity_seconds_count{") && strings.Contains(line, `outcome="ok"`) {
			fields := strings.Fields(line)
			count, err := strconv.Atoi(fields[len(fields)-1])
			if err != nil {
				in.t.Fatalf("/metrics: %q", line)
			}
			n += count
		}
	}
	return n
}

// activityKey names an activity of a workflow's run.
type activityKey struct{ workflow, run, activity string }

// refusedSince reports whether an attempt has ended since the instant with an error of its own, such as the simulated provider's 503: a worker
// has had it, and it waits for its next attempt.
func refusedSince(a *workflow.PendingActivityInfo, at time.Time) bool {
	return a.GetLastAttemptCompleteTime().AsTime().After(at) && a.GetLastFailure().GetApplicationFailureInfo() != nil
}

// pendingActivities returns the activities in flight whose latest attempt started before the instant.
func (in *installation) pendingActivities(before time.Time) map[activityKey]bool {
	in.t.Helper()
	found := map[activityKey]bool{}
	eventually(in.t, "the open workflows", func() error {
		open, err := in.client.ListWorkflow(in.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "ExecutionStatus='Running'"})
		if err != nil {
			return err
		}
		for _, x := range open.GetExecutions() {
			key := activityKey{workflow: x.GetExecution().GetWorkflowId(), run: x.GetExecution().GetRunId()}
			described, err := in.client.DescribeWorkflowExecution(in.t.Context(), key.workflow, key.run)
			if err != nil {
				return err
			}
			for _, a := range described.GetPendingActivities() {
				if at := a.GetLastStartedTime(); at != nil && at.AsTime().Before(before) {
					key.activity = a.GetActivityId()
					found[key] = true
				}
			}
		}
		return nil
	})
	return found
}

// pendingActivity returns an activity's state, or nil if it is no longer pending.
func (in *installation) pendingActivity(key activityKey) (*workflow.PendingActivityInfo, error) {
	described, err := in.client.DescribeWorkflowExecution(in.t.Context(), key.workflow, key.run)
	if err != nil {
		return nil, err
	}
	for _, a := range described.GetPendingActivities() {
		if a.GetActivityId() == key.activity {
			return a, nil
		}
	}
	return nil, nil
}
