package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
	"github.com/etfcast/etfcast/service"
)

const (
	thisInstance  = "00112233445566778899aabbccddeeff"
	otherInstance = "ffeeddccbbaa99887766554433221100"
)

// checkpointOf returns a checkpoint of the instance; variant decides on its root.
func checkpointOf(t *testing.T, instance string, size int64, variant byte) etf.Checkpoint {
	t.Helper()
	var signer *ledger.Signer
	note, _, err := signer.Note(instance, size, [32]byte{variant, byte(size), byte(size >> 8)})
	if err != nil {
		t.Fatal(err)
	}
	return etf.Checkpoint{Size: size, Note: note}
}

func content(t *testing.T, dir checkpointFolder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(dir), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCheckpointFolder(t *testing.T) {
	t.Parallel()
	dir := checkpointFolder(filepath.Join(t.TempDir(), "new"))
	keep := func(c etf.Checkpoint) error { return dir.Keep(t.Context(), c) }
	nine, twelve := checkpointOf(t, thisInstance, 9, 0), checkpointOf(t, thisInstance, 12, 0)
	for _, c := range []etf.Checkpoint{nine, twelve, nine, twelve} { // and again, as after a crash
		if err := keep(c); err != nil {
			t.Fatal(err)
		}
	}
	if content(t, dir, "checkpoint-9.txt") != nine.Note || content(t, dir, "checkpoint-12.txt") != twelve.Note || content(t, dir, "checkpoint.txt") != twelve.Note {
		t.Error("the files are not the checkpoints")
	}
	// One that comes late is kept, and is not the newest: 100 is more than 12, although it sorts before it as text.
	for _, size := range []int64{100, 13} {
		if err := keep(checkpointOf(t, thisInstance, size, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if content(t, dir, "checkpoint.txt") != checkpointOf(t, thisInstance, 100, 0).Note {
		t.Errorf("the newest is %s", content(t, dir, "checkpoint.txt"))
	}
	// A rewritten ledger does not rewrite what was kept.
	err := keep(checkpointOf(t, thisInstance, 12, 1))
	if etf.KindOf(err) != etf.KindConflict || !strings.Contains(err.Error(), "etfcast ledger verify --against FILE") || content(t, dir, "checkpoint-12.txt") != twelve.Note {
		t.Errorf("ended with %v", err)
	}
	// Nor does another instance, whose newest checkpoint is the newest of its own.
	if err := keep(checkpointOf(t, otherInstance, 12, 0)); etf.KindOf(err) != etf.KindConflict || !strings.Contains(err.Error(), "of another instance, "+thisInstance) {
		t.Errorf("ended with %v", err)
	}
	if err := keep(checkpointOf(t, otherInstance, 50, 0)); err != nil || content(t, dir, "checkpoint.txt") != checkpointOf(t, otherInstance, 50, 0).Note {
		t.Errorf("ended with %v; the newest is %s", err, content(t, dir, "checkpoint.txt"))
	}
	if err := keep(etf.Checkpoint{Size: 200, Note: "x"}); err == nil {
		t.Error("something that is no checkpoint was kept")
	}
	entries, err := os.ReadDir(string(dir))
	if err != nil || len(entries) != 6 { // of 9, 12, 13, 50 and 100 leaves, and the newest
		t.Errorf("%d files, %v", len(entries), err)
	}
}

// Whichever of several writers is last, the newest checkpoint is the newest.
func TestCheckpointFolderAtOnce(t *testing.T) {
	t.Parallel()
	dir := checkpointFolder(t.TempDir())
	var all []etf.Checkpoint
	for size := range int64(40) {
		all = append(all, checkpointOf(t, thisInstance, size+1, 0))
	}
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() {
			if err := dir.Keep(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := content(t, dir, "checkpoint.txt"); got != all[39].Note {
		t.Errorf("the newest is %s", got)
	}
	for _, c := range all {
		if content(t, dir, fmt.Sprintf("checkpoint-%d.txt", c.Size)) != c.Note {
			t.Errorf("the file of %d leaves differs", c.Size)
		}
	}
}

func TestCheckpointFolderThatCantBeWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := checkpointFolder(path).Keep(t.Context(), checkpointOf(t, thisInstance, 9, 0))
	if etf.KindOf(err) != etf.KindUnavailable || !strings.HasPrefix(err.Error(), "checkpoint-dir: making the folder in "+path) {
		t.Errorf("ended with %v", err)
	}
}

// anchorerOf anchors to one checkpoint.
type anchorerOf etf.Anchored

func (a anchorerOf) Anchor(context.Context, etf.AnchorScope, etf.CheckpointNote) (etf.Anchored, error) {
	return etf.Anchored(a), nil
}

// The checkpoints of entries are kept in the folder too, and one that can't be written leaves the entries anchored.
func TestCheckpointsOfEntriesAreKept(t *testing.T) {
	t.Parallel()
	nine := checkpointOf(t, thisInstance, 9, 0)
	ledger := anchorerOf{Leaves: 1, Checkpoint: nine}
	path := filepath.Join(t.TempDir(), "kept")
	notKept := 0
	count := func(etf.Checkpoint, error) { notKept++ }
	for dir, want := range map[string]int{"": 0, path: 0} {
		if a, err := (ledgerSettings{dir: dir}).anchors(ledger, count).Anchor(t.Context(), etf.AnchorScope{}, nil); err != nil || a.Checkpoint != nine || notKept != want {
			t.Errorf("%q: %+v, %v, %d not kept", dir, a, err, notKept)
		}
	}
	if got := content(t, checkpointFolder(path), newestCheckpoint); got != nine.Note {
		t.Errorf("kept %q", got)
	}
	broken := ledgerSettings{dir: filepath.Join(path, newestCheckpoint)} // a file
	if a, err := broken.anchors(ledger, count).Anchor(t.Context(), etf.AnchorScope{}, nil); err != nil || a.Checkpoint != nine || notKept != 1 {
		t.Errorf("%+v, %v, %d not kept", a, err, notKept)
	}
	if broken.anchors(nil, count) != nil {
		t.Error("without a store there is something that anchors")
	}
}

func diagnosed(d *doctor, check string) diagnosis {
	for _, f := range d.found {
		if f.Check == check {
			return f
		}
	}
	return diagnosis{}
}

func TestDoctorOnTheLedger(t *testing.T) {
	t.Parallel()
	private, public, err := ledger.GenerateKey("etfcast/test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		settings            ledgerSettings
		check, state, words string
	}{
		"no key":             {ledgerSettings{}, "ledger key", "ok", "checkpoints are not signed"},
		"a key":              {ledgerSettings{key: file("key", private+"\n", 0o600)}, "ledger key", "ok", "signed with " + public},
		"a key for everyone": {ledgerSettings{key: file("open", private, 0o644)}, "ledger key", "warning", "others can read"},
		"no such key":        {ledgerSettings{key: filepath.Join(dir, "none")}, "ledger key", "error", "can't be read: no such file"},
		"something else":     {ledgerSettings{key: file("public", public, 0o600)}, "ledger key", "error", "holds no private key"},
		"no folder":          {ledgerSettings{}, "checkpoint files", "ok", "only the database"},
		"a folder":           {ledgerSettings{dir: t.TempDir()}, "checkpoint files", "ok", "written to"},
		"a file":             {ledgerSettings{dir: file("file", "", 0o600)}, "checkpoint files", "error", "making the folder"},
	} {
		d := &doctor{checkpoints: c.settings}
		d.ledger()
		got := diagnosed(d, c.check)
		if got.State != c.state || !strings.Contains(got.Detail, c.words) {
			t.Errorf("%s: %+v", name, got)
		}
		if c.check == "ledger key" && c.state == "error" && !strings.Contains(got.Remedy, "etfcast key init --out FILE") {
			t.Errorf("%s: the remedy is %q", name, got.Remedy)
		}
	}
}

// storedLedger is a ledger's checkpoints, the last of them the newest.
type storedLedger struct {
	service.Store
	checkpoints []etf.Checkpoint
}

func (s storedLedger) Checkpoint(context.Context) (etf.Checkpoint, error) {
	if len(s.checkpoints) == 0 {
		return etf.Checkpoint{}, etf.NotFound("ledger", "empty", "")
	}
	return s.checkpoints[len(s.checkpoints)-1], nil
}

func (s storedLedger) CheckpointAt(_ context.Context, size int64) (etf.Checkpoint, error) {
	for _, c := range s.checkpoints {
		if c.Size == size {
			return c, nil
		}
	}
	return etf.Checkpoint{}, etf.NotFound("size", "none", "")
}

// A checkpoint in the folder shows what has happened to the ledger since.
func TestDoctorComparesWhatWasKept(t *testing.T) {
	t.Parallel()
	stored := func(instance string, variant byte, sizes ...int64) (s storedLedger) {
		for _, size := range sizes {
			c := checkpointOf(t, instance, size, variant)
			said, err := ledger.ParseCheckpoint(c.Note)
			if err != nil {
				t.Fatal(err)
			}
			c.Root = said.Root.String()
			s.checkpoints = append(s.checkpoints, c)
		}
		return s
	}
	for name, c := range map[string]struct {
		ledger       storedLedger
		kept         int64
		state, words string
	}{
		"the newest":          {stored(thisInstance, 0, 9, 12), 12, "ok", "is the ledger's newest checkpoint"},
		"nothing yet":         {stored(thisInstance, 0, 9, 12), 0, "ok", "none yet"},
		"an earlier one":      {stored(thisInstance, 0, 9, 12), 9, "warning", "is of 9 leaves, but the ledger has 12"},
		"a rewritten ledger":  {stored(thisInstance, 1, 9, 12), 9, "error", "another one"},
		"a ledger cut off":    {stored(thisInstance, 0, 9), 12, "error", "is of 12 leaves, but the ledger has 9"},
		"an emptied ledger":   {storedLedger{}, 12, "error", "but the ledger is empty"},
		"a lost checkpoint":   {stored(thisInstance, 0, 9, 12), 10, "error", "there is no checkpoint of 10 leaves"},
		"of another instance": {stored(otherInstance, 0, 9, 12), 12, "error", "of another instance, " + thisInstance},
	} {
		dir := checkpointFolder(t.TempDir())
		if c.kept > 0 {
			if err := dir.Keep(t.Context(), checkpointOf(t, thisInstance, c.kept, 0)); err != nil {
				t.Fatal(err)
			}
		}
		d := &doctor{checkpoints: ledgerSettings{dir: string(dir)}}
		d.checkpoint(t.Context(), service.New(service.Deps{Store: c.ledger}))
		if got := diagnosed(d, "checkpoint kept"); got.State != c.state || !strings.Contains(got.Detail, c.words) {
			t.Errorf("%s: %+v", name, got)
		}
		if got := diagnosed(d, "ledger"); got.State != "ok" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A key that can't be used is a usage error that names the remedy, before anything is started.
func TestLedgerKeyIsChecked(t *testing.T) {
	for _, command := range []string{"up", "worker", "api"} {
		code, _, stderr := etfcast(t, []string{"ETFCAST_MYSQL_DSN=u:p@tcp(127.0.0.1:1)/x", "ETFCAST_LEDGER_KEY=" + filepath.Join(t.TempDir(), "none")}, command, "--listen", "127.0.0.1:0")
		if code != exitUsage || !strings.Contains(stderr, "ledger-key: ") || !strings.Contains(stderr, "etfcast key init --out FILE") {
			t.Errorf("%s: exit code %d, %s", command, code, stderr)
		}
	}
}
