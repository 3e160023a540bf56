package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// uploadSettings say where files that clients send are kept.
type uploadSettings struct{ dir string }

func (s *uploadSettings) addFlags(flags *pflag.FlagSet) {
	settings{flags}.StringVar(&s.dir, "upload-dir", "", "folder in which the API keeps the CSV files that clients send: that of --file-dir, or one inside it (default: it keeps none)")
}

// open returns the folder; nil if none is set. fileDir is that of source file.
func (s uploadSettings) open(fileDir string) (service.PriceFolder, error) {
	if s.dir == "" {
		return nil, nil
	}
	refuse := func(message, remedy string) error { return usageError{etf.Invalid("upload-dir", message, remedy)} }
	if fileDir == "" {
		return nil, refuse("no folder of price files is set, and only what is in it can be read", "set --file-dir to the same folder")
	}
	// By their real paths: a link that leads out of the folder can't be read from it.
	files, err := filepath.EvalSymlinks(fileDir)
	if err != nil {
		return nil, refuse("the folder of --file-dir can't be read: "+cause(err).Error(), "make it, or name another one")
	}
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return nil, refuse(s.dir+" can't be read: "+cause(err).Error(), "make the folder, or name another one")
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, refuse(s.dir+" is not a folder", "name a folder")
	}
	if files, err = filepath.Abs(files); err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	below, err := filepath.Rel(files, dir)
	if err != nil || !filepath.IsLocal(below) {
		return nil, refuse(fmt.Sprintf("%s is not inside %s, and only what is there can be read", s.dir, fileDir), "name the folder of --file-dir, or one inside it")
	}
	return priceFolder{dir: dir, prefix: filepath.ToSlash(below)}, nil
}

// priceFolder keeps files of prices in a folder. It is safe for use by several processes. It implements service.PriceFolder.
type priceFolder struct {
	dir    string
	prefix string // its path inside the folder of source file; "." = that folder
}

// Keep implements service.PriceFolder.
func (p priceFolder) Keep(ctx context.Context, name string, raw []byte) (ref string, created bool, err error) {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return "", false, p.failed(err)
	}
	defer func() { _ = root.Close() }()
	ref = name
	if p.prefix != "." {
		ref = p.prefix + "/" + name
	}
	if created, err := p.known(root, name, raw); err != nil || !created {
		return ref, false, err
	}
	// Written under another name first: source file must never see a part of it. A link, unlike a rename, replaces nothing.
	part := ".part-" + rand.Text()
	if err := write(root, part, raw); err != nil {
		_ = root.Remove(part)
		return "", false, p.failed(err)
	}
	linked := root.Link(part, name)
	if err := root.Remove(part); err != nil && linked == nil {
		return "", false, p.failed(err)
	}
	switch {
	case errors.Is(linked, fs.ErrExist):
		_, err := p.known(root, name, raw) // another request was faster
		return ref, false, err
	case linked != nil:
		return "", false, p.failed(linked)
	}
	return ref, true, nil
}

// known reports whether nothing is stored under the name. If something is, it must be the same.
func (p priceFolder) known(root *os.Root, name string, raw []byte) (free bool, err error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, p.failed(err)
	}
	defer func() { _ = f.Close() }() // opened for reading only
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return false, p.failed(err)
	}
	kept, sent := hex.EncodeToString(sum.Sum(nil)), sha256.Sum256(raw)
	if kept == hex.EncodeToString(sent[:]) {
		return false, nil
	}
	return false, &etf.Error{Kind: etf.KindConflict, Field: "symbol",
		Message: fmt.Sprintf("another file is kept as %s: its SHA-256 is %s, that of the one sent %x", name, kept, sent),
		Remedy:  "have the operator replace or remove the file in the folder of --upload-dir"}
}

// write writes a new file, durably, that every user may read: a worker may run as another one.
func write(root *os.Root, name string, raw []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (p priceFolder) failed(err error) error {
	return &etf.Error{Kind: etf.KindUnavailable, Field: "upload-dir", Message: "the file can't be kept: " + cause(err).Error(),
		Remedy: "have the operator check the folder of --upload-dir: its owner, its space, and whether it is mounted read-only"}
}
