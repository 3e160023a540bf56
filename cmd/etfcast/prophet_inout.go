package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
)

// standardStream names standard input or output in a flag.
const standardStream = "-"

// inOut holds the files of one command. Outputs are opened under temporary names before any work is done, and all appear
// together at the end: a command that fails or is interrupted leaves what was there before.
type inOut struct {
	ctx     context.Context // ends reading, and waiting for a pipe's other end
	stdin   io.Reader
	stdout  io.Writer
	inputs  []input
	outputs []*output
}

type input struct {
	flag string
	info os.FileInfo // nil: standard input
}

// output is a file to be written.
type output struct {
	flag    string
	path    string // where it goes, links followed; "" = standard output
	content func(io.Writer) error
	pending *renameio.PendingFile // next to path, until it replaces it; nil = a stream, which is written to, not replaced
}

func (a *app) inOut(cmd *cobra.Command) *inOut {
	return &inOut{ctx: cmd.Context(), stdin: cmd.InOrStdin(), stdout: dataWriter(a.stdout)}
}

// displayName is a file's name in messages.
func displayName(path string) string {
	if path == standardStream {
		return "standard input"
	}
	return path
}

// scan opens an input and passes it to read, whose errors get the file's name.
func (f *inOut) scan(flag, path string, read func(io.Reader) error) error {
	if path == "" {
		return usageError{etf.Invalid(flag, "no file is named", fmt.Sprintf("give --%s FILE, or - for standard input", flag))}
	}
	if path == standardStream {
		for _, i := range f.inputs {
			if i.info == nil {
				return usageError{etf.Invalid(flag, fmt.Sprintf("--%s already reads standard input", i.flag), "name a file for one of them")}
			}
		}
		f.inputs = append(f.inputs, input{flag: flag})
		return f.readThrough(path, f.stdin, read)
	}
	// Opening a pipe waits for a writer.
	file, err := await(f.ctx, func() (*os.File, error) { return os.Open(path) })
	if err != nil {
		if f.ctx.Err() != nil {
			return err
		}
		return usageError{openError(flag, path, err)}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return usageError{openError(flag, path, err)}
	}
	if info.IsDir() {
		return usageError{etf.Invalid(flag, path+" is a folder", "name a file")}
	}
	f.inputs = append(f.inputs, input{flag, info})
	return f.readThrough(path, file, read)
}

// readThrough runs read on a reader until it is done or the command is interrupted.
func (f *inOut) readThrough(path string, r io.Reader, read func(io.Reader) error) error {
	in := interruptible(f.ctx, r)
	defer in.stop()
	if err := read(in); err != nil {
		return inFile(path, err)
	}
	return nil
}

// await returns what f returns, or ctx's error as soon as ctx is done: f then keeps waiting until the program ends.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// interruptedReader reads, until its context is done, from a reader that may block for ever.
type interruptedReader struct {
	ctx   context.Context
	asked chan struct{}
	given chan readResult
	rest  []byte
	err   error
}

type readResult struct {
	some []byte // until the next request
	err  error
}

func interruptible(ctx context.Context, r io.Reader) *interruptedReader {
	in := &interruptedReader{ctx: ctx, asked: make(chan struct{}), given: make(chan readResult, 1)}
	go func() {
		buffer := make([]byte, 64<<10)
		for range in.asked {
			n, err := r.Read(buffer)
			in.given <- readResult{buffer[:n], err}
		}
	}()
	return in
}

// Read implements io.Reader.
func (in *interruptedReader) Read(p []byte) (int, error) {
	if len(in.rest) == 0 && in.err == nil {
		in.asked <- struct{}{}
		select {
		case got := <-in.given:
			in.rest, in.err = got.some, got.err
		case <-in.ctx.Done():
			in.err = in.ctx.Err()
		}
	}
	n := copy(p, in.rest)
	if in.rest = in.rest[n:]; len(in.rest) > 0 {
		return n, nil
	}
	return n, in.err
}

func (in *interruptedReader) stop() { close(in.asked) }

func openError(flag, path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return etf.Invalid(flag, path+" does not exist", "name an existing file, or - for standard input")
	case errors.Is(err, fs.ErrPermission):
		return etf.Invalid(flag, path+" can't be read: permission denied", "allow reading it, or name another file")
	}
	return &etf.Error{Kind: etf.KindInvalid, Field: flag, Message: path + " can't be opened", Remedy: "name another file", Err: err}
}

// read returns the content of an input of at most the given number of megabytes.
func (f *inOut) read(flag, path string, megabytes int64) (raw []byte, err error) {
	err = f.scan(flag, path, func(r io.Reader) error {
		var err error
		if raw, err = io.ReadAll(io.LimitReader(r, megabytes<<20+1)); err == nil && int64(len(raw)) > megabytes<<20 {
			return usageError{etf.Invalid(flag, fmt.Sprintf("it is larger than %d MB", megabytes), "name another file: --"+flag+" does not read files of this size")}
		}
		return err
	})
	return raw, err
}

// write names an output and what will be written to it; see commit. What can't be written is refused here: a folder,
// another file of this command, a file in a folder that can't be written to, a read-only file. The caller calls discard
// when the command is done.
func (f *inOut) write(flag, path string, content func(io.Writer) error) error {
	out := &output{flag: flag, content: content}
	var existing os.FileInfo // nil: it does not exist, or it is standard output
	switch path {
	case "":
		return usageError{etf.Invalid(flag, "no file is named", fmt.Sprintf("give --%s FILE, or - for standard output", flag))}
	case standardStream:
	default:
		var err error
		if out.path, existing, err = destination(flag, path); err != nil {
			return usageError{err}
		}
	}
	for _, o := range f.outputs {
		if o.path == out.path {
			name := path
			if out.path == "" {
				name = "standard output"
			}
			return usageError{etf.Invalid(flag, fmt.Sprintf("--%s is also written to %s", o.flag, name), "name another file for one of them")}
		}
	}
	if stream := out.path == "" || existing != nil && !existing.Mode().IsRegular(); !stream {
		for _, i := range f.inputs {
			if existing != nil && i.info != nil && os.SameFile(i.info, existing) {
				return usageError{etf.Invalid(flag, fmt.Sprintf("%s is also the input of --%s", path, i.flag), "name another file")}
			}
		}
		var err error
		if out.pending, err = renameio.NewPendingFile(out.path, renameio.WithTempDir(filepath.Dir(out.path)), renameio.WithPermissions(0o666), renameio.WithExistingPermissions()); err != nil {
			return usageError{writeError(flag, path, err)}
		}
	}
	f.outputs = append(f.outputs, out)
	return nil
}

// destination returns where an output goes, following links, and what is already there, nil for nothing.
func destination(flag, path string) (string, os.FileInfo, error) {
	to := path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		to = real
	} else if link, e := os.Lstat(path); e == nil && link.Mode()&fs.ModeSymlink != 0 {
		return "", nil, &etf.Error{Kind: etf.KindInvalid, Field: flag, Message: path + " is a link to a file that does not exist", Remedy: "create the file it points to, or name another file", Err: err}
	}
	const anybody = 0o222
	info, err := os.Stat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return to, nil, nil
	case err != nil:
		return "", nil, writeError(flag, path, err)
	case info.IsDir():
		return "", nil, etf.Invalid(flag, path+" is a folder", "name a file")
	case info.Mode().IsRegular() && info.Mode().Perm()&anybody == 0:
		// Replacing it needs no permission on the file, but would circumvent its mode.
		return "", nil, etf.Invalid(flag, path+" can't be written: it is read-only", "allow writing it, or name another file")
	}
	return to, info, nil
}

// writeError says why a file can't be created.
func writeError(flag, path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return etf.Invalid(flag, fmt.Sprintf("the folder of %s does not exist", path), "create it, or name another file")
	case errors.Is(err, fs.ErrPermission):
		return etf.Invalid(flag, fmt.Sprintf("the folder of %s can't be written to: permission denied", path), "name another file")
	}
	return &etf.Error{Kind: etf.KindInvalid, Field: flag, Message: path + " can't be written", Remedy: "name another file", Err: err}
}

// discard removes the outputs that have not taken their places.
func (f *inOut) discard() {
	for _, o := range f.outputs {
		if o.pending != nil {
			_ = o.pending.Cleanup()
		}
	}
	f.outputs = nil
}

// commit writes all outputs: each file completely under its temporary name, then, unless the command is interrupted, the
// streams, which may fail, and at last moves all files to their places. It leaves nothing to discard.
func (f *inOut) commit() error {
	defer f.discard()
	streams := make([]bytes.Buffer, len(f.outputs))
	for i, o := range f.outputs {
		if err := o.stage(&streams[i]); err != nil {
			return err
		}
	}
	if err := f.ctx.Err(); err != nil {
		return err
	}
	for i, o := range f.outputs {
		if o.pending != nil {
			continue
		}
		_, err := await(f.ctx, func() (struct{}, error) { return struct{}{}, o.writeThrough(f.stdout, streams[i].Bytes()) })
		if err != nil {
			return fmt.Errorf("writing --%s: %w", o.flag, err)
		}
	}
	for _, o := range f.outputs {
		if o.pending == nil {
			continue
		}
		if err := o.pending.CloseAtomicallyReplace(); err != nil {
			return fmt.Errorf("writing --%s: %w", o.flag, err)
		}
	}
	return nil
}

// stage writes the content to the pending file and flushes it to disk, or to a stream's buffer.
func (o *output) stage(stream *bytes.Buffer) error {
	if o.pending == nil {
		return o.content(stream)
	}
	if err := o.content(o.pending.File); err != nil {
		return err
	}
	if err := o.pending.Sync(); err != nil {
		return fmt.Errorf("writing --%s: %w", o.flag, err)
	}
	return nil
}

// writeThrough writes to standard output, a device or a pipe.
func (o *output) writeThrough(stdout io.Writer, content []byte) error {
	if o.path == "" {
		_, err := stdout.Write(content)
		return err
	}
	file, err := os.OpenFile(o.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// bytesOf is the content of an output that is already in memory.
func bytesOf(raw []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	}
}
