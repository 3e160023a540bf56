package ledger

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/etf"
)

const instance = "00112233445566778899aabbccddeeff"

// sample is the forecast at a position of the chain of SPY and drift.
func sample(position int64, previous string) etf.Forecast {
	f := etf.Forecast{ID: fmt.Sprintf("%032x", position), Symbol: "SPY", Model: "drift", Origin: etf.MustSession("2025-09-26"),
		DataVersion: etf.DataVersion{Number: position, Writer: "ab"}, Basis: etf.SplitAdjusted, Params: `{"a":1}`, ParamsHash: "p", Seed: 7,
		CodeVersion: "v0.2.0", Diagnostics: map[string]string{"status": "ok"}, Run: "daily:XNYS:2025-09-26", Chain: position, PrevHash: previous,
		AsOf: time.Date(2025, 9, 26, 21, 0, 0, 0, time.UTC), IssuedAt: time.Date(2025, 9, 26, 21, 0, 1, 5000, time.UTC), FitHash: strings.Repeat("f", 64)}
	for h := range 21 {
		f.Points = append(f.Points, etf.ForecastPoint{Horizon: h + 1, Target: f.Origin.AddDays(h + 1), Mean: 100 / float64(3+h),
			Quantiles: [7]float64{1. / 3, 2. / 3, 1, 4. / 3, 5. / 3, 2, 7. / 3}})
	}
	return f
}

// store keeps the hashes of a log in memory.
type store []tlog.Hash

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		list[i] = s[x]
	}
	return list, nil
}

// logOf returns a log with the leaves after its genesis.
func logOf(leaves ...Leaf) (store, *Builder) {
	var s store
	var b Builder
	for _, l := range append([]Leaf{Genesis(instance)}, leaves...) {
		s = append(s, b.Append(l)...)
	}
	return s, &b
}

func checkpointOf(t testing.TB, b *Builder, signer *Signer) Checkpoint {
	t.Helper()
	text, signed, err := signer.Note(instance, b.Size(), b.Root())
	if err != nil || signed != (signer != nil) {
		t.Fatal(signed, err)
	}
	c, err := ParseCheckpoint(text)
	if err != nil || c.Signed() != signed || c.Size != b.Size() || c.Root != b.Root() || c.Instance != instance {
		t.Fatalf("%+v, %v", c, err)
	}
	return c
}

// The builder's hashes and roots are those of package tlog.
func TestBuilder(t *testing.T) {
	var want, got store
	b := &Builder{}
	for n := range int64(300) {
		l := Leaf{Symbol: "SPY", Model: "drift", Position: n + 1, Hash: strings.Repeat("0", 64)}
		if n == 0 {
			l = Genesis(instance)
		}
		hashes, err := tlog.StoredHashes(n, l.Text(), want)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, hashes...)
		if n%7 == 0 { // as another process would continue
			if b, err = ContinueAt(n, got); err != nil {
				t.Fatal(err)
			}
		}
		got = append(got, b.Append(l)...)
		root, err := tlog.TreeHash(n+1, want)
		if err != nil || !slices.Equal(got, want) || b.Root() != root || b.Size() != n+1 || int64(len(got)) != tlog.StoredHashCount(n+1) {
			t.Fatalf("leaf %d: %v", n, err)
		}
	}
	if empty, _ := tlog.TreeHash(0, nil); (&Builder{}).Root() != empty {
		t.Error("the root of an empty log")
	}
}

// proofFixture is a valid, signed proof that reaches from position 2 to the anchored position 4, with the checkpoint kept when the log had
// three leaves.
func proofFixture(t testing.TB) (p Proof, public string, kept Checkpoint) {
	t.Helper()
	private, public, err := GenerateKey("etfcast/test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(private + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if signer.PublicKey() != public {
		t.Fatalf("derived %q, want %q", signer.PublicKey(), public)
	}
	var texts, hashes []string
	previous := ""
	for position := range int64(5) {
		f := sample(position+1, previous)
		text, err := AppendForecast(nil, &f)
		if err != nil {
			t.Fatal(err)
		}
		previous = LinkHash(previous, text)
		texts, hashes = append(texts, string(text)), append(hashes, previous)
	}
	leaf := func(position int64) Leaf {
		return Leaf{Symbol: "SPY", Model: "drift", Position: position, Hash: hashes[position-1]}
	}
	other := Leaf{Symbol: "QQQ", Model: "drift", Position: 1, Hash: strings.Repeat("a", 64)}
	_, b := logOf(leaf(1), other)
	kept = checkpointOf(t, b, nil)
	hashStore, b := logOf(leaf(1), other, leaf(4), other, leaf(5))
	inclusion, err := tlog.ProveRecord(6, 3, hashStore)
	if err != nil {
		t.Fatal(err)
	}
	since, err := tlog.ProveTree(6, 3, hashStore)
	if err != nil {
		t.Fatal(err)
	}
	return Proof{Version: 1, Forecast: sample(2, "").ID, Links: texts[1:4], Leaf: leaf(4), Number: 3, Inclusion: FormatHashes(inclusion),
		Checkpoint: checkpointOf(t, b, signer).Note, Since: &Consistency{Size: 3, Hashes: FormatHashes(since)}}, public, kept
}

func TestProof(t *testing.T) {
	p, public, kept := proofFixture(t)
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if p, err = ReadProof(data); err != nil {
		t.Fatal(err)
	}
	shown, err := p.Verify(Options{PublicKey: public, Against: &kept})
	if err != nil || shown.Forecast.Chain != 2 || shown.Links != 3 || !shown.Signed {
		t.Fatalf("%+v, %v", shown, err)
	}
	words := strings.Join(shown.Words(), "\n")
	for _, want := range []string{"position 2", "With the 2 that follow", "leaf 3", "signed with etfcast/test", "begins with the 3 leaves", "after that checkpoint"} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not said:\n%s", want, words)
		}
	}
	// Anybody can add a line that pretends to be another's signature.
	pretended := p
	pretended.Checkpoint += "— NYSE AAAAAAAAAAAAAAAA\n"
	shown, err = pretended.Verify(Options{PublicKey: public})
	if words := strings.Join(shown.Words(), "\n"); err != nil || !strings.Contains(words, "signed with etfcast/test.") || strings.Contains(words, "NYSE") {
		t.Errorf("%v: %s", err, words)
	}
	shown, err = p.Verify(Options{})
	if words := strings.Join(shown.Words(), "\n"); err != nil || !strings.Contains(words, "was not checked") || !strings.Contains(words, "Nothing shows when") {
		t.Errorf("%v: %s", err, words)
	}
}

// Whatever is changed in a proof, it shows nothing any more, and the error names the part.
func TestTamperedProof(t *testing.T) {
	_, otherPublic, err := GenerateKey("etfcast/test")
	if err != nil {
		t.Fatal(err)
	}
	unsigned := func(text string) string { body, _, _ := strings.Cut(text, "\n\n"); return body + "\n" }
	for name, c := range map[string]struct {
		change func(p *Proof, o *Options)
		field  string
	}{
		"a value":            {func(p *Proof, _ *Options) { p.Links[0] = strings.Replace(p.Links[0], `"seed":7`, `"seed":8`, 1) }, "links[1]"},
		"a value at the end": {func(p *Proof, _ *Options) { p.Links[2] = strings.Replace(p.Links[2], `"seed":7`, `"seed":8`, 1) }, "leaf"},
		"spaces":             {func(p *Proof, _ *Options) { p.Links[0] += " " }, "links[0]"},
		"an unknown field":   {func(p *Proof, _ *Options) { p.Links[0] = strings.Replace(p.Links[0], `"seed":7`, `"seed":7,"x":1`, 1) }, "links[0]"},
		"a field twice": {func(p *Proof, _ *Options) {
			p.Links[0] = strings.Replace(p.Links[0], `"seed":7`, `"seed":8,"seed":7`, 1)
		}, "links[0]"},
		"another forecast":   {func(p *Proof, _ *Options) { p.Forecast = "ffff" }, "links[0]"},
		"order":              {func(p *Proof, _ *Options) { p.Links[0], p.Links[1] = p.Links[1], p.Links[0] }, "links[1]"},
		"a link less":        {func(p *Proof, _ *Options) { p.Links = p.Links[:2] }, "leaf"},
		"a link less inside": {func(p *Proof, _ *Options) { p.Links = slices.Delete(p.Links, 1, 2) }, "links[1]"},
		"no links":           {func(p *Proof, _ *Options) { p.Links = nil }, "links"},
		"another model":      {func(p *Proof, _ *Options) { p.Leaf.Model = "prophet" }, "links[0]"},
		"the leaf's hash":    {func(p *Proof, _ *Options) { p.Leaf.Hash = strings.Repeat("0", 64) }, "leaf"},
		"the leaf's form":    {func(p *Proof, _ *Options) { p.Leaf.Symbol = "SPY\n" }, "leaf"},
		"the genesis":        {func(p *Proof, _ *Options) { p.Leaf = Genesis(instance) }, "leaf"},
		"the leaf's number":  {func(p *Proof, _ *Options) { p.Number = 2 }, "inclusion"},
		"a number below 0":   {func(p *Proof, _ *Options) { p.Number = -1 }, "inclusion"},
		"inclusion":          {func(p *Proof, _ *Options) { p.Inclusion[0] = p.Inclusion[1] }, "inclusion"},
		"no hash":            {func(p *Proof, _ *Options) { p.Inclusion[0] = "x" }, "inclusion[0]"},
		"the size":           {func(p *Proof, _ *Options) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n6\n", "\n7\n", 1) }, "checkpoint"},
		"a huge size": {func(p *Proof, _ *Options) {
			p.Checkpoint = strings.Replace(p.Checkpoint, "\n6\n", "\n9223372036854775807\n", 1)
		}, "checkpoint"},
		"the instance": {func(p *Proof, _ *Options) {
			p.Checkpoint = strings.Replace(p.Checkpoint, instance, strings.Repeat("0", 32), 1)
		}, "checkpoint"},
		"another key":           {func(_ *Proof, o *Options) { o.PublicKey = otherPublic }, "public_key"},
		"no key":                {func(_ *Proof, o *Options) { o.PublicKey = "x" }, "public_key"},
		"no signature":          {func(p *Proof, _ *Options) { p.Checkpoint = unsigned(p.Checkpoint) }, "public_key"},
		"another log":           {func(_ *Proof, o *Options) { o.Against.Root[0]++ }, "since"},
		"another instance":      {func(_ *Proof, o *Options) { o.Against.Instance = strings.Repeat("0", 32) }, "checkpoint"},
		"the kept size":         {func(_ *Proof, o *Options) { o.Against.Size-- }, "since"},
		"a newer checkpoint":    {func(_ *Proof, o *Options) { o.Against.Size = 9 }, "since"},
		"no consistency":        {func(p *Proof, _ *Options) { p.Since = nil }, "since"},
		"another consistency":   {func(p *Proof, _ *Options) { p.Since.Hashes = p.Since.Hashes[1:] }, "since"},
		"same size, other root": {func(p *Proof, o *Options) { o.Against.Size = 6 }, "checkpoint"},
		"the version":           {func(p *Proof, _ *Options) { p.Version = 2 }, "proof"},
	} {
		p, public, kept := proofFixture(t)
		o := Options{PublicKey: public, Against: &kept}
		c.change(&p, &o)
		_, err := p.Verify(o)
		wantField(t, name, err, c.field)
	}
}

// Any byte of a proof's file that is changed makes it unreadable or wrong, or leaves the same proof (white space, the JSON's escapes).
func TestTamperedProofBytes(t *testing.T) {
	p, public, kept := proofFixture(t)
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(10, 2))
	for range 3000 {
		changed := slices.Clone(data)
		changed[r.IntN(len(changed))] ^= 1 << r.IntN(8)
		q, err := ReadProof(changed)
		if err != nil {
			wantField(t, "a bit", err, "proof")
			continue
		}
		again, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Verify(Options{PublicKey: public, Against: &kept}); (err == nil) != (string(again) == string(data)) {
			t.Fatalf("%v of\n%s", err, changed)
		}
	}
}

func TestReadProofRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", "{", `{"version":2}`, `{"version":1,"extra":1}`, `{"version":1,"number":"x"}`} {
		_, err := ReadProof([]byte(text))
		wantField(t, text, err, "proof")
	}
}

func wantField(t testing.TB, name string, err error, field string) {
	t.Helper()
	errs := etf.Errors(err)
	if len(errs) != 1 || errs[0].Kind != etf.KindInvalid || errs[0].Field != field || errs[0].Remedy == "" {
		t.Errorf("%s: %v, want a KindInvalid of field %s with a remedy", name, err, field)
	}
}
