package service

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

// Ledger reads the transparency log over the chains of forecasts. What does not match its hashes is KindCorrupt (etf.ErrAltered).
type Ledger interface {
	// Checkpoint returns the newest checkpoint; KindNotFound while the ledger is empty.
	Checkpoint(ctx context.Context) (etf.Checkpoint, error)
	// CheckpointAt returns the checkpoint of that many leaves; KindNotFound if there was none.
	CheckpointAt(ctx context.Context, size int64) (etf.Checkpoint, error)
	// LedgerConsistency returns the hashes, base64, that show that the log of `to` leaves begins with that of `from`.
	LedgerConsistency(ctx context.Context, from, to int64) ([]string, error)
	// LedgerProof returns the proof that a forecast is part of the log; KindNotFound for an unknown forecast, and for one whose
	// chain has not been anchored since it was issued.
	LedgerProof(ctx context.Context, forecast string) (ledger.Proof, error)
}

// Checkpoint is a checkpoint of the ledger with the instance it belongs to, 32 hex digits.
type Checkpoint struct {
	etf.Checkpoint
	Instance string

	said ledger.Checkpoint // by the note
}

const anchoring = "the first run anchors its forecasts when it ends: `etfcast run daily --exchange XNYS --wait`"

// Checkpoint returns the ledger's newest checkpoint or, if a size is given, the one of that many leaves. KindNotFound while the
// ledger is empty, and if there is none of that size; KindInvalid for a malformed size.
func (s *Service) Checkpoint(ctx context.Context, size string) (Checkpoint, error) {
	if size == "" {
		return s.newestCheckpoint(ctx)
	}
	n, err := leaves("size", size)
	if err != nil {
		return Checkpoint{}, err
	}
	return s.checkpointAt(ctx, "size", n)
}

func (s *Service) newestCheckpoint(ctx context.Context) (Checkpoint, error) {
	c, err := s.store.Checkpoint(ctx)
	if etf.KindOf(err) == etf.KindNotFound && err != nil {
		return Checkpoint{}, etf.NotFound("", "the ledger is empty", anchoring)
	}
	if err != nil {
		return Checkpoint{}, altered(err)
	}
	return checked(c)
}

func (s *Service) checkpointAt(ctx context.Context, field string, size int64) (Checkpoint, error) {
	c, err := s.store.CheckpointAt(ctx, size)
	if err == nil {
		return checked(c)
	}
	if etf.KindOf(err) != etf.KindNotFound {
		return Checkpoint{}, altered(err)
	}
	newest, err := s.newestCheckpoint(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	if size > newest.Size {
		return Checkpoint{}, etf.NotFound(field, fmt.Sprintf("the ledger has %d leaves, not %d", newest.Size, size),
			"if you have kept a checkpoint of that size, the ledger has been cut off or is another one: `etfcast ledger verify --against FILE` says which")
	}
	return Checkpoint{}, etf.NotFound(field, fmt.Sprintf("there is no checkpoint of %d leaves", size), "use the size of a checkpoint: GET /v1/ledger/checkpoint has the newest")
}

// leaves parses a number of leaves.
func leaves(field, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != text {
		return 0, etf.Invalid(field, fmt.Sprintf("%q is not a number of leaves", etf.Clip(text, etf.MaxQuoted)), "use a whole number from 1: the second line of a checkpoint")
	}
	return n, nil
}

// checked compares a stored checkpoint with its own note.
func checked(c etf.Checkpoint) (Checkpoint, error) {
	said, err := ledger.ParseCheckpoint(c.Note)
	if err != nil || said.Size != c.Size || said.Root.String() != c.Root || said.Signed() != c.Signed {
		return Checkpoint{}, rewritten(fmt.Sprintf("the checkpoint of %d leaves is not as it was made", c.Size))
	}
	return Checkpoint{c, said.Instance, said}, nil
}

// altered marks an error of a ledger that can't be read: nothing but a change from outside makes it so.
func altered(err error) error {
	if etf.KindOf(err) != etf.KindCorrupt || errors.Is(err, etf.ErrAltered) {
		return err
	}
	return rewritten("the ledger is not as it was written: " + err.Error())
}

func rewritten(message string) error {
	return &etf.Error{Kind: etf.KindCorrupt, Message: message, Remedy: "`etfcast ledger verify` says what was changed", Err: etf.ErrAltered}
}

// LedgerConsistency returns the sizes of two checkpoints and the proof, base64, that the log of the second begins with that of the
// first; an empty `to` is the newest. KindInvalid for malformed sizes, KindNotFound if one of them has no checkpoint.
func (s *Service) LedgerConsistency(ctx context.Context, from, to string) (first, second int64, hashes []string, err error) {
	first, fromErr := leaves("from", from)
	var toErr error
	if to != "" {
		second, toErr = leaves("to", to)
	}
	if err := errors.Join(fromErr, toErr); err != nil {
		return 0, 0, nil, err
	}
	if to != "" && second < first {
		return 0, 0, nil, etf.Invalid("to", fmt.Sprintf("%d leaves are fewer than %d", second, first), "give the smaller size as from")
	}
	earlier, err := s.checkpointAt(ctx, "from", first)
	if err != nil {
		return 0, 0, nil, err
	}
	var later Checkpoint
	if to == "" {
		later, err = s.newestCheckpoint(ctx)
	} else {
		later, err = s.checkpointAt(ctx, "to", second)
	}
	if err != nil {
		return 0, 0, nil, err
	}
	hashes, err = s.store.LedgerConsistency(ctx, earlier.Size, later.Size)
	if err != nil {
		return 0, 0, nil, altered(err)
	}
	if ledger.CheckConsistency(hashes, earlier.said, later.said) != nil {
		return 0, 0, nil, rewritten(fmt.Sprintf("the log of %d leaves does not begin with that of the checkpoint of %d", later.Size, earlier.Size))
	}
	return earlier.Size, later.Size, hashes, nil
}

// LedgerProof returns the proof that a forecast is part of the ledger. If a size is given as since, the proof also shows that the
// ledger has only grown since it had that many leaves. KindInvalid for a malformed ID or size; KindNotFound for an unknown
// forecast, for one that is not anchored yet, and if there is no checkpoint of that size.
func (s *Service) LedgerProof(ctx context.Context, forecast, since string) (ledger.Proof, error) {
	var formErr, sinceErr error
	if !forecastForm.MatchString(forecast) {
		formErr = etf.Invalid("forecast", fmt.Sprintf("%q is not the ID of a forecast", etf.Clip(forecast, etf.MaxQuoted)), "use an ID of 32 lower-case hex digits")
	}
	var size int64
	if since != "" {
		size, sinceErr = leaves("since", since)
	}
	if err := errors.Join(formErr, sinceErr); err != nil {
		return ledger.Proof{}, err
	}
	p, err := s.store.LedgerProof(ctx, forecast)
	if err != nil {
		return p, altered(etf.WithField(err, "forecast"))
	}
	shown, err := p.Verify(ledger.Options{})
	if err != nil {
		return p, rewritten("the ledger does not prove forecast " + forecast + ": " + err.Error())
	}
	if size == 0 || size == shown.Checkpoint.Size {
		return p, nil
	}
	if _, err := s.checkpointAt(ctx, "since", size); err != nil || size > shown.Checkpoint.Size {
		return p, err
	}
	_, _, hashes, err := s.LedgerConsistency(ctx, since, strconv.FormatInt(shown.Checkpoint.Size, 10))
	if err != nil {
		return p, err
	}
	p.Since = &ledger.Consistency{Size: size, Hashes: hashes}
	return p, nil
}
