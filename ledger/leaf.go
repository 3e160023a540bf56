package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/etf"
)

// Leaf is one entry of the log: the head of a chain when it was anchored. Leaf 0 of a log, its genesis, names the instance: its
// Hash is the instance's ID, and the other fields are zero.
type Leaf struct {
	Symbol   etf.Symbol `json:"symbol"`
	Model    string     `json:"model"`
	Position int64      `json:"position"` // in the chain, from 1
	Hash     string     `json:"hash"`     // of the forecast at that position, hex
}

// Genesis is leaf 0 of the instance's log.
func Genesis(instance string) Leaf { return Leaf{Hash: instance} }

// IsGenesis reports whether the leaf names an instance.
func (l Leaf) IsGenesis() bool { return l.Symbol == "" && l.Model == "" && l.Position == 0 }

// Text is what the log has a hash of.
func (l Leaf) Text() []byte {
	if l.IsGenesis() {
		return []byte("etfcast ledger v1\n" + l.Hash + "\n")
	}
	return []byte("etfcast leaf v1\n" + string(l.Symbol) + "\n" + l.Model + "\n" + strconv.FormatInt(l.Position, 10) + "\n" + l.Hash + "\n")
}

// RecordHash is the leaf's hash in the tree (RFC 6962).
func (l Leaf) RecordHash() tlog.Hash { return tlog.RecordHash(l.Text()) }

// check requires a leaf whose text can be read in one way only.
func (l Leaf) check() error {
	const field = "leaf"
	_, err := etf.ParseSymbol(string(l.Symbol))
	switch {
	case l.IsGenesis():
		return etf.Invalid(field, "it is the first leaf of a log, which is no forecast's", "make the proof again with `etfcast ledger proof FORECAST`")
	case err != nil || l.Model == "" || strings.ContainsAny(l.Model, "\n\r") || l.Position < 1 || !isHex(l.Hash, 64):
		return etf.Invalid(field, fmt.Sprintf("%+v names no position of a chain", l), "make the proof again with `etfcast ledger proof FORECAST`")
	}
	return nil
}

// isHex reports whether s consists of n lower-case hex digits.
func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// Builder computes the hashes and roots of a log from its leaves, in order from the first. The zero value is an empty log.
type Builder struct {
	size    int64
	peaks   []tlog.Hash // roots of the complete subtrees that make up the log, the largest first
	heights []int
}

// Append adds a leaf and returns the hashes that are stored for it, in the order of their indexes (tlog.StoredHashIndex).
// The slice is only valid until the next call.
func (b *Builder) Append(l Leaf) []tlog.Hash {
	h, height := l.RecordHash(), 0
	added := []tlog.Hash{h}
	for n := len(b.peaks); n > 0 && b.heights[n-1] == height; n = len(b.peaks) {
		h = tlog.NodeHash(b.peaks[n-1], h)
		added = append(added, h)
		b.peaks, b.heights = b.peaks[:n-1], b.heights[:n-1]
		height++
	}
	b.peaks, b.heights = append(b.peaks, h), append(b.heights, height)
	b.size++
	return added
}

// Size is the number of leaves.
func (b *Builder) Size() int64 { return b.size }

// Root is the hash of the tree over the leaves.
func (b *Builder) Root() tlog.Hash {
	if len(b.peaks) == 0 {
		root, _ := tlog.TreeHash(0, nil) // an empty tree reads no hash
		return root
	}
	root := b.peaks[len(b.peaks)-1]
	for i := len(b.peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(b.peaks[i], root)
	}
	return root
}

// ContinueAt returns the builder of a log of size leaves whose hashes can be read.
func ContinueAt(size int64, r tlog.HashReader) (*Builder, error) {
	b := &Builder{size: size}
	var indexes []int64
	for height, left := 62, int64(0); height >= 0; height-- {
		if size&(1<<height) != 0 {
			indexes = append(indexes, tlog.StoredHashIndex(height, left>>height))
			b.heights = append(b.heights, height)
			left += 1 << height
		}
	}
	if len(indexes) == 0 {
		return b, nil
	}
	var err error
	b.peaks, err = r.ReadHashes(indexes)
	return b, err
}
