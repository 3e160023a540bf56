package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	markerFile = "devstack.json"
	lockFile   = "devstack.lock"

	temporaryPrefix = "etfcast-devstack-"

	// folderFormat is the layout of the data folder. Raise it when an older devstack could no longer read what this one
	// writes: another layout, or a pinned server whose files its predecessor refuses.
	folderFormat = 1
)

// marker is devstack.json: what wrote the folder, and the secrets that go with its data.
type marker struct {
	Format    int               `json:"format"`
	Devstack  string            `json:"devstack"`
	Created   time.Time         `json:"created"`
	Passwords map[string]string `json:"mysql_passwords"`
}

// folder is a data folder that this process alone holds.
type folder struct {
	path      string
	ephemeral bool
	marker    marker
	lock      *os.File
}

// openFolder checks everything that can be checked without writing (the folder's state, then the ports), and only then
// makes the folder this process's own.
func openFolder(opts options) (*folder, error) {
	if opts.ephemeral {
		if strings.Contains(os.TempDir(), "%") {
			return nil, fmt.Errorf("TMPDIR %s has a %% in it, which Dolt takes for an escape; set TMPDIR to another folder for --ephemeral", os.TempDir())
		}
		if err := checkPorts(opts); err != nil {
			return nil, err
		}
		sweepTemporary()
		path, err := os.MkdirTemp("", temporaryPrefix)
		if err != nil {
			return nil, fmt.Errorf("making a temporary folder for --ephemeral (set TMPDIR to a writable one): %w", err)
		}
		f := &folder{path: path, ephemeral: true}
		if err := f.claim(); err != nil {
			f.close()
			return nil, err
		}
		return f, nil
	}

	if strings.Contains(opts.folder, "%") {
		return nil, fmt.Errorf("--data %s has a %% in it, which Dolt takes for an escape; name another folder", opts.folder)
	}
	f := &folder{path: opts.folder}
	if err := f.inspect(); err != nil {
		f.close()
		return nil, err
	}
	if err := checkPorts(opts); err != nil {
		f.close()
		return nil, err
	}
	if err := f.claim(); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// sweepTemporary removes the temporary folders that killed devstacks left. A living one holds its lock; one that is only
// just being made may not hold it yet, so young folders are left alone.
func sweepTemporary() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), temporaryPrefix+"*"))
	for _, path := range left {
		f := &folder{path: path, ephemeral: true}
		lock, err := os.Stat(f.file(lockFile))
		if err == nil && time.Since(lock.ModTime()) > time.Minute && f.takeLock(os.O_RDWR) == nil {
			f.close()
		}
	}
}

// inspect reads an existing folder and refuses one that is not ours to use. It changes nothing.
func (f *folder) inspect() error {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at --data %s: %w", f.path, err)
	case !info.IsDir():
		return fmt.Errorf("--data %s is a file; name a folder", f.path)
	}
	if err := f.takeLock(os.O_RDWR); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	data, err := os.ReadFile(f.file(markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f.mustBeOurs()
	}
	if err != nil {
		return fmt.Errorf("reading the version of --data %s: %w", f.path, err)
	}
	if err := json.Unmarshal(data, &f.marker); err != nil {
		return fmt.Errorf("%s is damaged (%w); restore it, or use another --data folder", f.file(markerFile), err)
	}
	if f.marker.Format > folderFormat {
		return fmt.Errorf("--data %s was written by the newer devstack %s (format %d, this one reads up to %d); "+
			"rebuild devstack, or use another --data folder", f.path, f.marker.Devstack, f.marker.Format, folderFormat)
	}
	return nil
}

// mustBeOurs refuses a folder that holds something but no marker: it is not devstack's, and servers would spread their
// files among somebody's own.
func (f *folder) mustBeOurs() error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("listing --data %s: %w", f.path, err)
	}
	for _, e := range entries {
		// A devstack killed between making the lock and the marker leaves these two.
		if e.Name() != lockFile && e.Name() != markerFile+".new" {
			return fmt.Errorf("--data %s has files in it but no %s, so devstack did not make it; name an empty or a new folder",
				f.path, markerFile)
		}
	}
	return nil
}

// claim makes the folder, locks it and writes the marker.
func (f *folder) claim() error {
	for _, dir := range []string{f.path, f.file("logs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("--data needs a folder that can be written: %w", err)
		}
	}
	if f.lock == nil {
		if err := f.takeLock(os.O_RDWR | os.O_CREATE); err != nil {
			return err
		}
	}
	if err := errors.Join(f.lock.Truncate(0), writeAt(f.lock, strconv.Itoa(os.Getpid()))); err != nil {
		return fmt.Errorf("--data %s cannot be written: %w", f.path, err)
	}

	if f.marker.Format == 0 {
		f.marker.Created = time.Now().UTC().Truncate(time.Second)
	}
	f.marker.Format, f.marker.Devstack = folderFormat, version
	if f.marker.Passwords == nil {
		f.marker.Passwords = map[string]string{}
	}
	for _, user := range mysqlUsers {
		if f.marker.Passwords[user] == "" {
			f.marker.Passwords[user] = rand.Text()
		}
	}
	return f.writeMarker()
}

// takeLock holds the lock file until the process ends. The kernel lets go of it even after SIGKILL, so a stale one
// cannot be.
func (f *folder) takeLock(mode int) error {
	lock, err := os.OpenFile(f.file(lockFile), mode, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return fmt.Errorf("--data %s cannot be written; name a folder that can: %w", f.path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(lock.Name())
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("--data %s is in use by another devstack (process %s); stop that one, or use another --data folder or --ephemeral",
				f.path, strings.TrimSpace(string(holder)))
		}
		return fmt.Errorf("locking --data %s: %w", f.path, err)
	}
	f.lock = lock
	return nil
}

// writeMarker replaces the marker by rename, so that a kill leaves the old one or the new one and never half of one.
func (f *folder) writeMarker() error {
	data, err := json.MarshalIndent(f.marker, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", markerFile, err)
	}
	next := f.file(markerFile + ".new")
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("--data %s cannot be written; name a folder that can: %w", f.path, err)
	}
	if err := os.Rename(next, f.file(markerFile)); err != nil {
		return fmt.Errorf("putting %s in place: %w", markerFile, err)
	}
	return nil
}

func (f *folder) file(elem ...string) string {
	return filepath.Join(append([]string{f.path}, elem...)...)
}

// close lets go of the folder, and removes it when it was a temporary one.
func (f *folder) close() {
	if f.ephemeral {
		os.RemoveAll(f.path)
	}
	if f.lock != nil {
		f.lock.Close()
	}
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}
