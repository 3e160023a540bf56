package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

// fakeLedger is a log of one chain, of SPY by drift, that was anchored after each of its forecasts.
type fakeLedger struct {
	hashes      []tlog.Hash
	links       []string // by position, from 1
	leaves      []ledger.Leaf
	checkpoints map[int64]etf.Checkpoint
	newest      int64
}

const logInstance = "5f0c9a7e2d1b4c3895e6a1d07b2f4c88"

// ReadHashes implements tlog.HashReader.
func (l *fakeLedger) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		list[i] = l.hashes[x]
	}
	return list, nil
}

// chained is the ID of the forecast at a position of the chain.
func chained(position int) string { return fmt.Sprintf("%032x", position) }

func newLedger(t *testing.T, forecasts int, signer *ledger.Signer) *fakeLedger {
	t.Helper()
	l := &fakeLedger{checkpoints: map[int64]etf.Checkpoint{}, leaves: []ledger.Leaf{ledger.Genesis(logInstance)}}
	var b ledger.Builder
	l.hashes = append(l.hashes, b.Append(l.leaves[0])...)
	previous := ""
	for i := 1; i <= forecasts; i++ {
		f := etf.Forecast{ID: chained(i), Symbol: "SPY", Model: "drift", Origin: etf.MustSession("2025-09-26"), Chain: int64(i), PrevHash: previous, AsOf: testNow, IssuedAt: testNow}
		text, err := ledger.AppendForecast(nil, &f)
		if err != nil {
			t.Fatal(err)
		}
		previous = ledger.LinkHash(previous, text)
		leaf := ledger.Leaf{Symbol: "SPY", Model: "drift", Position: int64(i), Hash: previous}
		l.links, l.leaves, l.hashes = append(l.links, string(text)), append(l.leaves, leaf), append(l.hashes, b.Append(leaf)...)
		note, signed, err := signer.Note(logInstance, b.Size(), b.Root())
		if err != nil {
			t.Fatal(err)
		}
		l.newest = b.Size()
		l.checkpoints[l.newest] = etf.Checkpoint{Size: b.Size(), Root: b.Root().String(), Note: note, Signed: signed, At: testNow}
	}
	return l
}

func (f *fakeStore) Checkpoint(ctx context.Context) (etf.Checkpoint, error) {
	if f.log == nil {
		return etf.Checkpoint{}, cmpErr(f.err, etf.NotFound("", "empty", ""))
	}
	return f.CheckpointAt(ctx, f.log.newest)
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func (f *fakeStore) CheckpointAt(_ context.Context, size int64) (etf.Checkpoint, error) {
	if f.log != nil {
		if c, ok := f.log.checkpoints[size]; ok {
			return c, f.err
		}
	}
	return etf.Checkpoint{}, cmpErr(f.err, etf.NotFound("size", "none", ""))
}

func (f *fakeStore) LedgerConsistency(_ context.Context, from, to int64) ([]string, error) {
	proof, err := tlog.ProveTree(to, from, f.log)
	return ledger.FormatHashes(proof), cmpErr(f.err, err)
}

func (f *fakeStore) LedgerProof(_ context.Context, forecast string) (ledger.Proof, error) {
	if f.err != nil {
		return ledger.Proof{}, f.err
	}
	for i := range f.log.links {
		if chained(i+1) != forecast {
			continue
		}
		inclusion, err := tlog.ProveRecord(f.log.newest, int64(i+1), f.log)
		return ledger.Proof{Version: ledger.ProofVersion, Forecast: forecast, Links: f.log.links[i : i+1], Leaf: f.log.leaves[i+1], Number: int64(i + 1),
			Inclusion: ledger.FormatHashes(inclusion), Checkpoint: f.log.checkpoints[f.log.newest].Note}, err
	}
	return ledger.Proof{}, etf.NotFound("id", "it is not anchored yet", "wait")
}

func TestLedgerCheckpoint(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := f.get("/v1/ledger/checkpoint").wantProblem(t, http.StatusNotFound)
	if !strings.Contains(p.Detail, "the ledger is empty") || !strings.Contains(p.Detail, "etfcast run daily") {
		t.Errorf("while the ledger is empty: %s", p.Detail)
	}
	private, public, err := ledger.GenerateKey("etfcast/test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ledger.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*ledger.Signer{nil, signer} {
		f.store.log = newLedger(t, 5, s)
		text := f.get("/v1/ledger/checkpoint").want(t, http.StatusOK) // as curl -o sends it, with Accept: */*
		kept, err := ledger.ReadCheckpoint(text.body)
		if err != nil || kept.Size != 6 || kept.Signed() != (s != nil) || kept.Instance != logInstance || !strings.HasPrefix(text.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s %s: %+v, %v", text.header.Get("Content-Type"), text.body, kept, err)
		}
		if s != nil && kept.CheckSignature(public) != nil {
			t.Error(kept.CheckSignature(public))
		}
		if any := f.get("/v1/ledger/checkpoint", header("Accept", "*/*")); string(any.body) != string(text.body) {
			t.Errorf("with */* the body is %s", any.body)
		}
		object := f.get("/v1/ledger/checkpoint", header("Accept", "application/json")).want(t, http.StatusOK)
		c := decode[gen.LedgerCheckpoint](t, object)
		if c.Note != string(text.body) || c.Size != 6 || c.Root != kept.Root.String() || c.Signed != (s != nil) || c.Instance != logInstance || !c.At.Equal(testNow) {
			t.Errorf("%+v", c)
		}
		if again, err := ledger.ReadCheckpoint(object.body); err != nil || again.Root != kept.Root { // a saved object is a checkpoint, too
			t.Errorf("%+v, %v", again, err)
		}
	}
	earlier := f.get("/v1/ledger/checkpoint?size=3").want(t, http.StatusOK)
	if c, err := ledger.ReadCheckpoint(earlier.body); err != nil || c.Size != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, size := range []string{"0", "-3", "+3", "03", "3.5", "x", "99999999999999999999"} {
		f.get("/v1/ledger/checkpoint?size="+size).wantProblem(t, http.StatusBadRequest, "size")
	}
	f.get("/v1/ledger/checkpoint?size=1").wantProblem(t, http.StatusNotFound, "size") // nothing was anchored with the instance's leaf alone
	p = f.get("/v1/ledger/checkpoint?size=7").wantProblem(t, http.StatusNotFound, "size")
	if e := (*p.Errors)[0]; e.Message != "the ledger has 6 leaves, not 7" || !strings.Contains(*e.Remedy, "ledger verify --against FILE") {
		t.Errorf("%+v", e)
	}
	f.get("/v1/ledger/checkpoint", header("Accept", "image/png")).wantProblem(t, http.StatusNotAcceptable, "Accept")
	f.store.err = etf.Wrap(etf.KindUnavailable, fmt.Errorf("refused"), "reading the ledger")
	f.get("/v1/ledger/checkpoint").wantProblem(t, http.StatusServiceUnavailable)
	f.get("/v1/ledger/checkpoint?size=3").wantProblem(t, http.StatusServiceUnavailable)
}

// A checkpoint whose row was changed in the database is not served.
func TestLedgerCheckpointAltered(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c, other *etf.Checkpoint){
		"size":   func(c, _ *etf.Checkpoint) { c.Size++ },
		"root":   func(c, other *etf.Checkpoint) { c.Root = other.Root },
		"note":   func(c, other *etf.Checkpoint) { c.Note = other.Note },
		"signed": func(c, _ *etf.Checkpoint) { c.Signed = true },
		"form":   func(c, _ *etf.Checkpoint) { c.Note = "etfcast\n" },
	} {
		f := newFixture(t)
		f.store.log = newLedger(t, 5, nil)
		c, other := f.store.log.checkpoints[6], f.store.log.checkpoints[5]
		change(&c, &other)
		f.store.log.checkpoints[6] = c
		if p := f.get("/v1/ledger/checkpoint").wantProblem(t, http.StatusInternalServerError); p.Type != "/problems/integrity" {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// So is a ledger that the store can't read because something is missing in it.
func TestLedgerThatCantBeRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.log = newLedger(t, 5, nil)
	f.store.err = &etf.Error{Kind: etf.KindCorrupt, Field: "ledger", Message: "hash 7 of the log is missing"}
	for _, path := range []string{"checkpoint", "checkpoint?size=3", "consistency?from=3", "proof?forecast=" + chained(1)} {
		if p := f.get("/v1/ledger/"+path).wantProblem(t, http.StatusInternalServerError); p.Type != "/problems/integrity" || !strings.Contains(p.Detail, "etfcast ledger verify") {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

func TestLedgerConsistency(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.get("/v1/ledger/consistency?from=3").wantProblem(t, http.StatusNotFound)
	f.store.log = newLedger(t, 9, nil)
	root := func(size int64) tlog.Hash {
		h, err := tlog.ParseHash(f.store.log.checkpoints[size].Root)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for from := int64(2); from <= 10; from++ {
		for to := from; to <= 10; to++ {
			path := fmt.Sprintf("/v1/ledger/consistency?from=%d&to=%d", from, to)
			if to == 10 {
				path = fmt.Sprintf("/v1/ledger/consistency?from=%d", from)
			}
			c := decode[gen.LedgerConsistency](t, f.get(path).want(t, http.StatusOK))
			hashes, err := ledger.ParseHashes(c.Hashes, "hashes")
			if err != nil || c.From != from || c.To != to || tlog.CheckTree(hashes, to, root(to), from, root(from)) != nil {
				t.Errorf("%s: %+v, %v", path, c, err)
			}
		}
	}
	f.get("/v1/ledger/consistency").wantProblem(t, http.StatusBadRequest, "from")
	f.get("/v1/ledger/consistency?from=x&to=0").wantProblem(t, http.StatusBadRequest, "from", "to")
	f.get("/v1/ledger/consistency?from=5&to=4").wantProblem(t, http.StatusBadRequest, "to")
	f.get("/v1/ledger/consistency?from=1").wantProblem(t, http.StatusNotFound, "from")
	f.get("/v1/ledger/consistency?from=5&to=11").wantProblem(t, http.StatusNotFound, "to")
	f.store.log.hashes[3] = tlog.Hash{} // of the leaves 2 and 3
	if p := f.get("/v1/ledger/consistency?from=3").wantProblem(t, http.StatusInternalServerError); p.Type != "/problems/integrity" {
		t.Errorf("%+v", p)
	}
}

func TestLedgerProof(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.store.log = newLedger(t, 9, nil)
	for i := 1; i <= 9; i++ {
		body := f.get("/v1/ledger/proof?forecast="+chained(i)).want(t, http.StatusOK).body
		p, err := ledger.ReadProof(body)
		if err != nil {
			t.Fatal(err)
		}
		if shown, err := p.Verify(ledger.Options{}); err != nil || shown.Forecast.ID != chained(i) || shown.Checkpoint.Size != 10 || p.Since != nil {
			t.Errorf("%+v, %v", shown, err)
		}
		for size := int64(2); size <= 10; size++ { // with every checkpoint that somebody may have kept
			kept, err := ledger.ParseCheckpoint(f.store.log.checkpoints[size].Note)
			if err != nil {
				t.Fatal(err)
			}
			p, err := ledger.ReadProof(f.get(fmt.Sprintf("/v1/ledger/proof?forecast=%s&since=%d", chained(i), size)).want(t, http.StatusOK).body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Verify(ledger.Options{Against: &kept}); err != nil {
				t.Errorf("forecast %d against %d leaves: %v", i, size, err)
			}
		}
	}
	f.get("/v1/ledger/proof").wantProblem(t, http.StatusBadRequest, "forecast")
	f.get("/v1/ledger/proof?forecast=x&since=0").wantProblem(t, http.StatusBadRequest, "forecast", "since")
	f.get("/v1/ledger/proof?forecast="+chained(10)).wantProblem(t, http.StatusNotFound, "forecast")
	f.get("/v1/ledger/proof?forecast="+chained(3)+"&since=11").wantProblem(t, http.StatusNotFound, "since")
	f.store.log.links[2] = strings.Replace(f.store.log.links[2], "drift", "DRIFT", 1)
	if p := f.get("/v1/ledger/proof?forecast="+chained(3)).wantProblem(t, http.StatusInternalServerError); p.Type != "/problems/integrity" {
		t.Errorf("%+v", p)
	}
}
