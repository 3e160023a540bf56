package activities

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// keeper keeps the checkpoints it is given.
type keeper struct {
	kept []etf.Checkpoint
	err  error
}

func (k *keeper) Keep(_ context.Context, c etf.Checkpoint) error {
	k.kept = append(k.kept, c)
	return k.err
}

var exchangeHeads = AnchorInput{Scope: etf.AnchorScope{Exchange: etf.XNYS}, Run: "daily:XNYS:2025-09-26"}

func TestAnchor(t *testing.T) {
	t.Parallel()
	newest := etf.Checkpoint{Size: 9, Root: "root", Note: "note", Signed: true, At: fridayEvening}
	long := strings.Repeat("x", 1000)
	for name, c := range map[string]struct {
		anchored etf.Anchored
		keepErr  error
		kept     int
		notKept  string
	}{
		"heads have moved":               {etf.Anchored{Leaves: 4, Checkpoint: newest}, nil, 1, ""},
		"an earlier attempt anchored":    {etf.Anchored{Checkpoint: newest}, nil, 1, ""}, // and may not have written the file
		"the ledger is empty":            {etf.Anchored{}, nil, 0, ""},
		"the folder can't be written to": {etf.Anchored{Leaves: 4, Checkpoint: newest}, errors.New("read-only"), 1, "read-only"},
		"with a long message":            {etf.Anchored{Leaves: 4, Checkpoint: newest}, errors.New(long), 1, etf.Clip(long, 300)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, files := newFakeStore(), &keeper{err: c.keepErr}
			store.anchored = c.anchored
			env := newEnv(t, &Anchoring{Store: store, Files: files})
			got, err := do[AnchorResult](t, env, (*Anchoring)(nil).Anchor, exchangeHeads)
			if err != nil {
				t.Fatal(err)
			}
			want := AnchorResult{Leaves: c.anchored.Leaves, Checkpoint: c.anchored.Checkpoint, NotKept: c.notKept}
			if got != want || store.scope.Exchange != etf.XNYS {
				t.Errorf("got %+v, want %+v; scope %+v", got, want, store.scope)
			}
			if len(files.kept) != c.kept || c.kept > 0 && files.kept[0] != newest {
				t.Errorf("kept %+v", files.kept)
			}
		})
	}
}

// Without a folder the database alone has the checkpoints.
func TestAnchorWithoutFiles(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.anchored = etf.Anchored{Leaves: 1, Checkpoint: etf.Checkpoint{Size: 2}}
	got, err := do[AnchorResult](t, newEnv(t, &Anchoring{Store: store}), (*Anchoring)(nil).Anchor, exchangeHeads)
	if err != nil || got.Leaves != 1 || got.NotKept != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Nothing is written to the folder that the database has not got.
func TestAnchorRefused(t *testing.T) {
	t.Parallel()
	store, files := newFakeStore(), &keeper{}
	store.err["Anchor"] = &etf.Error{Kind: etf.KindCorrupt, Message: "leaf 4 is not as it was written"}
	_, err := do[AnchorResult](t, newEnv(t, &Anchoring{Store: store, Files: files}), (*Anchoring)(nil).Anchor, exchangeHeads)
	if err == nil || !strings.Contains(err.Error(), TypeCorrupt) || len(files.kept) != 0 {
		t.Errorf("ended with %v, kept %+v", err, files.kept)
	}
}
