package ledger

import (
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// Each size of a log is the beginning of each larger one, as package tlog proves, and of no other log.
func TestCheckConsistency(t *testing.T) {
	t.Parallel()
	var leaves []Leaf
	for i := range 12 {
		leaves = append(leaves, Leaf{Symbol: "SPY", Model: "drift", Position: int64(i + 1), Hash: LinkHash("", []byte{byte(i)})})
	}
	other := slices.Clone(leaves)
	other[1].Hash = LinkHash("", []byte("x"))
	whole, _ := logOf(leaves...)
	checkpoints := func(list []Leaf) (all []Checkpoint) {
		for n := range len(list) + 1 {
			_, b := logOf(list[:n]...)
			all = append(all, checkpointOf(t, b, nil))
		}
		return all
	}
	right, wrong := checkpoints(leaves), checkpoints(other)
	for i, earlier := range right {
		for j := i; j < len(right); j++ {
			proof, err := tlog.ProveTree(right[j].Size, earlier.Size, whole)
			if err != nil {
				t.Fatal(err)
			}
			hashes := FormatHashes(proof)
			if err := CheckConsistency(hashes, earlier, right[j]); err != nil {
				t.Errorf("%d in %d: %v", earlier.Size, right[j].Size, err)
			}
			if j > 1 && CheckConsistency(hashes, earlier, wrong[j]) == nil {
				t.Errorf("%d in the other log's %d", earlier.Size, wrong[j].Size)
			}
			if i > 1 && CheckConsistency(hashes, wrong[i], right[j]) == nil {
				t.Errorf("the other log's %d in %d", wrong[i].Size, right[j].Size)
			}
			if len(hashes) > 0 && CheckConsistency(hashes[1:], earlier, right[j]) == nil {
				t.Errorf("%d in %d with a hash missing", earlier.Size, right[j].Size)
			}
		}
	}
	if CheckConsistency([]string{"x"}, right[3], right[7]) == nil {
		t.Error("something that is no hash was taken for one")
	}
}
