package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
	"github.com/etfcast/etfcast/workflows"
)

// checkpoint returns the body of the checkpoint as curl gets it, and what it says.
func (p *process) checkpoint() ([]byte, ledger.Checkpoint) {
	p.t.Helper()
	raw, header := p.must(http.MethodGet, "/v1/ledger/checkpoint", nil, http.StatusOK)
	c, err := ledger.ReadCheckpoint(raw)
	if err != nil || !strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
		p.t.Fatalf("%s %s: %v", header.Get("Content-Type"), raw, err)
	}
	return raw, c
}

// save writes a file in a folder of the test and returns its path.
func save(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// anchoredTwice selects the positions that the ledger has more than once: none.
const anchoredTwice = `SELECT symbol, model, position, COUNT(*) FROM ledger_leaves GROUP BY symbol, model, position HAVING COUNT(*) > 1`

// headsMissing selects the heads of chains that the ledger does not have with their hash: none, once every run has ended.
const headsMissing = `SELECT e.symbol, f.model, f.chain FROM forecasts f JOIN etfs e ON e.id = f.etf_id
	WHERE f.chain = (SELECT MAX(g.chain) FROM forecasts g WHERE g.etf_id = f.etf_id AND g.model = f.model)
	AND NOT EXISTS (SELECT 1 FROM ledger_leaves l WHERE l.symbol = e.symbol AND l.model = f.model AND l.position = f.chain AND l.hash = f.hash)`

// From a run to a proof that is checked with the database stopped: a checkpoint is kept, the ledger grows, and what was kept
// is still part of it.
func TestLedger(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	dir, keys := filepath.Join(t.TempDir(), "checkpoints"), filepath.Join(t.TempDir(), "ledger.key")
	made := s.start(t, nil, "key", "init", "--out", keys)
	if code := made.wait(); code != 0 {
		t.Fatalf("key init ended with %d: %s", code, made.out.String())
	}
	p := s.start(t, []string{"ETFCAST_CHECKPOINT_DIR=" + dir, "ETFCAST_LEDGER_KEY=" + keys}, "up")
	p.waitReady()
	symbols := p.registerSimulated(etf.XNYS, 3)
	models := len(p.models())

	raw, _ := p.must(http.MethodGet, "/v1/ledger/checkpoint", nil, http.StatusNotFound)
	if !strings.Contains(string(raw), "the ledger is empty") {
		t.Errorf("before the first run: %s", raw)
	}
	run := map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": "2025-09-25"}
	first := p.waitRun(p.startRun(run))
	kept, early := p.checkpoint()
	if want := int64(1 + 3*models); early.Size != want { // the instance's leaf, and a head of each chain
		t.Errorf("after the first run the ledger has %d leaves, not %d: run %+v", early.Size, want, first.Counts)
	}
	if !early.Signed() {
		t.Errorf("the checkpoint is not signed:\n%s", kept)
	}
	var result workflows.DailyResult
	if err := s.client.GetWorkflow(t.Context(), first.ID.WorkflowID(), "").Get(t.Context(), &result); err != nil || result.Checkpoint == nil ||
		result.Checkpoint.Note != string(kept) || result.NotAnchored != "" {
		t.Errorf("the run's result is %+v, %v", result, err)
	}
	raw, _ = p.must(http.MethodGet, "/v1/etfs/"+string(symbols[0])+"/forecasts/latest", nil, http.StatusOK)
	var forecast struct{ ID string }
	if err := json.Unmarshal(raw, &forecast); err != nil {
		t.Fatal(err)
	}

	// A run over one ETF anchors its heads alone, and then one over the exchange the others'.
	run["session"], run["symbols"] = "2025-09-26", symbols[:1]
	p.waitRun(p.startRun(run))
	if _, c := p.checkpoint(); c.Size != early.Size+int64(models) {
		t.Errorf("after a run over one ETF the ledger has %d leaves, %d before", c.Size, early.Size)
	}
	delete(run, "symbols")
	p.waitRun(p.startRun(run))
	newest, late := p.checkpoint()
	if late.Size != early.Size+3*int64(models) {
		t.Errorf("after the second run the ledger has %d leaves, %d before", late.Size, early.Size)
	}
	run["rerun"] = true // changes nothing
	p.waitRun(p.startRun(run))
	if _, c := p.checkpoint(); c.Size != late.Size {
		t.Errorf("a run that changed nothing made %d leaves of %d", c.Size, late.Size)
	}

	var consistency struct {
		From, To int64
		Hashes   []string
	}
	raw, _ = p.must(http.MethodGet, fmt.Sprintf("/v1/ledger/consistency?from=%d", early.Size), nil, http.StatusOK)
	if err := json.Unmarshal(raw, &consistency); err != nil {
		t.Fatal(err)
	}
	if err := ledger.CheckConsistency(consistency.Hashes, early, late); err != nil {
		t.Errorf("%s: %v", raw, err)
	}
	proof, _ := p.must(http.MethodGet, fmt.Sprintf("/v1/ledger/proof?forecast=%s&since=%d", forecast.ID, early.Size), nil, http.StatusOK)

	// The files are the responses.
	for name, want := range map[string][]byte{
		fmt.Sprintf("checkpoint-%d.txt", early.Size): kept, fmt.Sprintf("checkpoint-%d.txt", late.Size): newest, "checkpoint.txt": newest,
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != string(want) {
			t.Errorf("%s is %q, want %q; %v", name, got, want, err)
		}
	}

	checkpointFile, proofFile := save(t, "checkpoint.txt", kept), save(t, "proof.json", proof)
	verify := s.start(t, nil, "ledger", "verify", "--against", checkpointFile)
	if code := verify.wait(); code != 0 {
		t.Errorf("ledger verify ended with %d: %s", code, verify.out.String())
	}
	p.kill()

	// Neither database nor Temporal from here on.
	alone := &stack{temporal: "127.0.0.1:1", namespace: "none", dsn: "nobody:x@tcp(127.0.0.1:1)/none", adminDSN: "nobody:x@tcp(127.0.0.1:1)/none"}
	offline := alone.start(t, nil, "ledger", "verify-proof", proofFile, "--against", checkpointFile, "--public-key", strings.TrimSpace(made.out.String()))
	if code := offline.wait(); code != 0 || !strings.Contains(offline.out.String(), forecast.ID) {
		t.Errorf("ledger verify-proof ended with %d: %s", code, offline.out.String())
	}
	forged := save(t, "forged.json", forge(string(proof)))
	refused := alone.start(t, nil, "ledger", "verify-proof", forged, "--against", checkpointFile)
	if code := refused.wait(); code != 2 || !strings.Contains(refused.out.String(), notItsHash) {
		t.Errorf("a forged proof: %d, %s", code, refused.out.String())
	}
}

// forge makes the first quantile of a proof 1.
func forge(proof string) []byte {
	// A whole number is written in one way only, whatever digits the true one has.
	number := regexp.MustCompile(`(\\"quantiles\\":\[)[0-9.e+-]+`)
	first := number.FindStringSubmatchIndex(proof)
	return []byte(proof[:first[3]] + "1" + proof[first[1]:])
}

// notItsHash is in the reason why a forged proof is refused.
const notItsHash = "its hash is not that of position"
