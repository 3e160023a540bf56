package etf

import "time"

// Build says which program on which processor made a forecast: the same forecast is expected to the bit from an equal Build, and
// to 1e-9 from another.
type Build struct {
	Go       string `json:"go"`                 // version of Go, such as go1.26.8
	Arch     string `json:"arch"`               // GOARCH, such as amd64
	Features string `json:"features"`           // what of the processor changes the last bits of floating-point numbers, such as v1+fma
	Modified bool   `json:"modified,omitempty"` // the program was built from a tree that differs from its commit
}

// Checkpoint is the head of the ledger at one size: whoever has kept it finds any later change to what came before.
type Checkpoint struct {
	Size   int64     `json:"size"` // leaves
	Root   string    `json:"root"` // hash of the tree, base64
	Note   string    `json:"note"` // the checkpoint as text, with signatures if Signed
	Signed bool      `json:"signed"`
	At     time.Time `json:"at"`
}

// Anchored is what anchoring has added to the ledger.
type Anchored struct {
	Leaves     int        `json:"leaves"`     // added; 0 if no head had moved
	Checkpoint Checkpoint `json:"checkpoint"` // the newest; Size 0 while the ledger is empty
}

// AnchorScope says whose chains are anchored: those of the symbols, or of every ETF of the exchange.
type AnchorScope struct {
	Exchange Exchange `json:"exchange,omitempty"`
	Symbols  []Symbol `json:"symbols,omitempty"`
}

// CheckpointNote makes the text of a checkpoint of the instance's log, and says whether it is signed.
type CheckpointNote func(instance string, size int64, root [32]byte) (note string, signed bool, err error)
