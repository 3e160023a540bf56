package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/etf"
)

// Anchoring adds the heads of chains of forecasts to the ledger.
type Anchoring struct {
	Store Ledger
	Note  etf.CheckpointNote
	// Files keeps checkpoints outside the database; nil = nowhere.
	Files Checkpoints
}

// AnchorInput says whose heads are anchored, and for which run.
type AnchorInput struct {
	Scope etf.AnchorScope `json:"scope"`
	Run   etf.RunID       `json:"run"` // for the log
}

// AnchorResult says what came of it.
type AnchorResult struct {
	Leaves     int            `json:"leaves"`     // added; 0 if no head had moved, or an earlier attempt has added them
	Checkpoint etf.Checkpoint `json:"checkpoint"` // the newest; Size 0 while the ledger is empty
	// NotKept says why the checkpoint is in no file although it should be.
	NotKept string `json:"not_kept,omitempty"`
}

// notKept bounds the message about a file, in bytes: it is in the histories of runs.
const notKept = 300

// Anchor adds a leaf for each chain of the scope whose head has moved since it was last anchored, and keeps the checkpoint of
// the ledger then. A repeat adds nothing and returns the newest checkpoint. A file that can't be written does not make it
// fail: the database has the checkpoint.
func (a *Anchoring) Anchor(ctx context.Context, in AnchorInput) (AnchorResult, error) {
	anchored, err := a.Store.Anchor(ctx, in.Scope, a.Note)
	if err != nil {
		return AnchorResult{}, err
	}
	result := AnchorResult{Leaves: anchored.Leaves, Checkpoint: anchored.Checkpoint}
	c, log := result.Checkpoint, activity.GetLogger(ctx)
	if result.Leaves > 0 {
		log.Info("heads anchored", "run", in.Run, "leaves", result.Leaves, "checkpoint", c.Size, "root", c.Root, "signed", c.Signed)
	}
	if a.Files == nil || c.Size == 0 {
		return result, nil
	}
	// Even if nothing was added: an earlier attempt may have ended between the database and the file.
	if err := a.Files.Keep(ctx, c); err != nil {
		log.Error("checkpoint not written", "run", in.Run, "checkpoint", c.Size, "error", err)
		result.NotKept = etf.Clip(err.Error(), notKept)
	}
	return result, nil
}
