package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
	"github.com/etfcast/etfcast/service"
)

// ledgerSettings say how checkpoints are signed and where they are kept.
type ledgerSettings struct{ key, dir string }

func (s *ledgerSettings) addFlags(flags *pflag.FlagSet) {
	declare := settings{flags}
	declare.StringVar(&s.key, "ledger-key", "", "file with the private key that signs the ledger's checkpoints, as `etfcast key init --out FILE` writes it (default: they are not signed)")
	declare.StringVar(&s.dir, "checkpoint-dir", "", "folder to which the ledger's checkpoints are written, to be kept elsewhere too (default: only the database has them)")
}

// signer reads the key; nil without one.
func (s ledgerSettings) signer() (*ledger.Signer, error) {
	if s.key == "" {
		return nil, nil
	}
	const remedy = "make one with `etfcast key init --out FILE`"
	text, err := os.ReadFile(s.key)
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindInvalid, Field: "ledger-key", Message: s.key + " can't be read", Err: cause(err), Remedy: "name a file with a private key; " + remedy}
	}
	signer, err := ledger.NewSigner(string(text))
	if err != nil {
		return nil, etf.Invalid("ledger-key", s.key+" holds no private key", remedy)
	}
	return signer, nil
}

// cause is an error of the file system without the path, which the message has.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// checkpointFolder keeps checkpoints in a folder: checkpoint-<size>.txt for each, and checkpoint.txt for the newest, as the API
// serves them. It is safe for use by several processes. It implements activities.Checkpoints.
type checkpointFolder string

const newestCheckpoint = "checkpoint.txt"

// Keep writes the checkpoint. A file that holds another checkpoint of the same size is evidence, and stays.
func (dir checkpointFolder) Keep(_ context.Context, c etf.Checkpoint) error {
	said, err := ledger.ParseCheckpoint(c.Note)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(dir), 0o755); err != nil {
		return dir.failed("making the folder", err)
	}
	path := filepath.Join(string(dir), fmt.Sprintf("checkpoint-%d.txt", c.Size))
	switch kept, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
		if err := renameio.WriteFile(path, []byte(c.Note), 0o644); err != nil {
			return dir.failed("writing "+filepath.Base(path), err)
		}
	case err != nil:
		return dir.failed("reading "+filepath.Base(path), err)
	case string(kept) != c.Note:
		return differs(path, string(kept), said)
	}
	return dir.renew(said.Instance)
}

// differs says what a file is that holds another checkpoint than the ledger's of that size.
func differs(path, kept string, said ledger.Checkpoint) error {
	e := &etf.Error{Kind: etf.KindConflict, Field: "checkpoint-dir", Message: fmt.Sprintf("%s is not the ledger's checkpoint of %d leaves", path, said.Size),
		Remedy: "keep the file; `etfcast ledger verify --against FILE` says what was changed"}
	if other, err := ledger.ParseCheckpoint(kept); err == nil && other.Instance != said.Instance {
		e.Message, e.Remedy = fmt.Sprintf("%s is of another instance, %s", path, other.Instance), "give each instance a folder of its own"
	}
	return e
}

// renew makes checkpoint.txt the newest checkpoint of the instance. The files of all checkpoints are there before any process
// writes checkpoint.txt, and each looks again after writing it, so whichever is last writes the newest.
func (dir checkpointFolder) renew(instance string) error {
	path := filepath.Join(string(dir), newestCheckpoint)
	for {
		note, err := dir.newest(instance)
		if err != nil {
			return dir.failed("reading the folder", err)
		}
		if kept, err := os.ReadFile(path); err == nil && string(kept) == note {
			return nil
		}
		if err := renameio.WriteFile(path, []byte(note), 0o644); err != nil {
			return dir.failed("writing "+newestCheckpoint, err)
		}
	}
}

// newest returns the note of the instance's newest checkpoint in the folder; "" if there is none.
func (dir checkpointFolder) newest(instance string) (string, error) {
	entries, err := os.ReadDir(string(dir))
	if err != nil {
		return "", err
	}
	var sizes []int64
	for _, e := range entries {
		text, isCheckpoint := strings.CutPrefix(e.Name(), "checkpoint-")
		text, isText := strings.CutSuffix(text, ".txt")
		if size, err := strconv.ParseInt(text, 10, 64); err == nil && isCheckpoint && isText {
			sizes = append(sizes, size)
		}
	}
	slices.Sort(sizes)
	for _, size := range slices.Backward(sizes) {
		text, err := os.ReadFile(filepath.Join(string(dir), fmt.Sprintf("checkpoint-%d.txt", size)))
		if err != nil {
			return "", err
		}
		if c, err := ledger.ParseCheckpoint(string(text)); err == nil && c.Instance == instance && c.Size == size {
			return string(text), nil
		}
	}
	return "", nil
}

// keepingAnchors anchors what is entered and keeps the checkpoints in a folder, as a run does.
type keepingAnchors struct {
	service.Anchorer
	dir     checkpointFolder
	notKept func(etf.Checkpoint, error) // is told of one that could not be written: the entries and the database's checkpoint stand
}

// Anchor implements service.Anchorer.
func (k keepingAnchors) Anchor(ctx context.Context, scope etf.AnchorScope, note etf.CheckpointNote) (etf.Anchored, error) {
	a, err := k.Anchorer.Anchor(ctx, scope, note)
	if err != nil || a.Checkpoint.Size == 0 {
		return a, err
	}
	if err := k.dir.Keep(ctx, a.Checkpoint); err != nil {
		k.notKept(a.Checkpoint, err)
	}
	return a, nil
}

// anchors returns the store's anchoring, which also keeps the checkpoints if there is a folder.
func (s ledgerSettings) anchors(store service.Anchorer, notKept func(etf.Checkpoint, error)) service.Anchorer {
	if s.dir == "" || store == nil {
		return store
	}
	return keepingAnchors{store, checkpointFolder(s.dir), notKept}
}

func (dir checkpointFolder) failed(doing string, err error) error {
	return &etf.Error{Kind: etf.KindUnavailable, Field: "checkpoint-dir", Message: fmt.Sprintf("%s in %s", doing, string(dir)), Err: cause(err),
		Remedy: "let the worker's user write there; the next run writes the newest checkpoint"}
}

// ledger examines the key and the folder of checkpoints.
func (d *doctor) ledger() {
	signer, err := d.checkpoints.signer()
	info, statErr := os.Stat(d.checkpoints.key)
	switch {
	case err != nil:
		d.bad("ledger key", err, "")
	case signer == nil:
		d.ok("ledger key", "checkpoints are not signed: --ledger-key is not set (`etfcast key init --out FILE` makes a key)")
	case statErr == nil && info.Mode().Perm()&0o077 != 0:
		d.warn("ledger key", "checkpoints are signed with "+signer.PublicKey()+", but others can read "+d.checkpoints.key, "chmod 600 "+d.checkpoints.key)
	default:
		d.ok("ledger key", "checkpoints are signed with "+signer.PublicKey())
	}
	if d.checkpoints.dir == "" {
		d.ok("checkpoint files", "--checkpoint-dir is not set; only the database has the checkpoints")
		return
	}
	dir := checkpointFolder(d.checkpoints.dir)
	if err := dir.probe(); err != nil {
		d.bad("checkpoint files", err, "")
		return
	}
	d.ok("checkpoint files", "written to "+string(dir))
}

// checkpoint compares the stored ledger with the newest checkpoint in the folder.
func (d *doctor) checkpoint(ctx context.Context, svc *service.Service) {
	// The file is read first: a run that ends meanwhile must not make it look newer than the ledger.
	path := filepath.Join(d.checkpoints.dir, newestCheckpoint)
	text, readErr := os.ReadFile(path)
	newest, err := svc.Checkpoint(ctx, "")
	empty := err != nil && etf.KindOf(err) == etf.KindNotFound
	switch {
	case empty:
		d.ok("ledger", "it is empty: the next run begins it")
	case err != nil:
		d.bad("ledger", err, "")
		return
	default:
		d.ok("ledger", fmt.Sprintf("%d leaves, since %s", newest.Size, newest.At.UTC().Format(time.RFC3339)))
	}
	if d.checkpoints.dir == "" {
		return
	}
	const check = "checkpoint kept"
	if errors.Is(readErr, fs.ErrNotExist) {
		d.ok(check, "none yet in "+d.checkpoints.dir+": the next run writes one")
		return
	}
	kept, parseErr := ledger.ParseCheckpoint(string(text))
	if err := cmp.Or(readErr, parseErr); err != nil {
		d.bad(check, fmt.Errorf("%s is not a checkpoint: %w", path, err), "move it away: the next run writes it again")
		return
	}
	tampered := func(what string) {
		d.bad(check, fmt.Errorf("%s: %s", path, what), "keep the folder; `etfcast ledger verify --against "+path+"` says what was changed")
	}
	switch {
	case empty:
		tampered(fmt.Sprintf("it is of %d leaves, but the ledger is empty", kept.Size))
	case kept.Instance != newest.Instance:
		d.bad(check, fmt.Errorf("%s is of another instance, %s", path, kept.Instance), "give each instance a folder of its own")
	case kept.Size > newest.Size:
		tampered(fmt.Sprintf("it is of %d leaves, but the ledger has %d", kept.Size, newest.Size))
	default:
		stored, err := svc.Checkpoint(ctx, strconv.FormatInt(kept.Size, 10))
		switch {
		case err != nil:
			d.bad(check, err, "")
		case stored.Root != kept.Root.String():
			tampered("the ledger's checkpoint of that size is another one")
		case kept.Size < newest.Size:
			d.warn(check, fmt.Sprintf("%s is of %d leaves, but the ledger has %d", path, kept.Size, newest.Size),
				"the log of the worker says why it was not written; the next run writes the newest")
		default:
			d.ok(check, path+" is the ledger's newest checkpoint")
		}
	}
}

// probe reports whether files can be made in the folder.
func (dir checkpointFolder) probe() error {
	if err := os.MkdirAll(string(dir), 0o755); err != nil {
		return dir.failed("making the folder", err)
	}
	f, err := os.CreateTemp(string(dir), ".probe-*")
	if err != nil {
		return dir.failed("making a file", err)
	}
	_ = f.Close()
	return os.Remove(f.Name())
}
