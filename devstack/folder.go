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

	"github.com/google/renameio/v2"
)

const (
	markerFile = "devstack.json"
	lockFile   = "devstack.lock"

	temporaryPrefix = "etfcast-devstack-"

	// folderFormat is the version of the data folder's format. Increment it when an older devstack can no longer read
	// what this one writes: after a change of layout, or an upgrade to a server whose files its predecessor refuses.
	folderFormat = 1
)

// marker is devstack.json: the version that wrote the folder, and the database passwords.
type marker struct {
	Format    int               `json:"format"`
	Devstack  string            `json:"devstack"`
	Created   time.Time         `json:"created"`
	Passwords map[string]string `json:"mysql_passwords"`
}

// folder is a data folder that this process holds exclusively.
type folder struct {
	path      string
	ephemeral bool
	marker    marker
	lock      *os.File
}

// openFolder first checks everything that can be checked without writing (the folder's state, then the ports), and then
// claims the folder for this process.
func openFolder(opts options) (*folder, error) {
	if opts.ephemeral {
		if strings.Contains(os.TempDir(), "%") {
			return nil, fmt.Errorf("TMPDIR %s contains %%, which Dolt treats as an escape; set TMPDIR to another folder for --ephemeral", os.TempDir())
		}
		if err := checkPorts(opts); err != nil {
			return nil, err
		}
		sweepTemporary()
		path, err := os.MkdirTemp("", temporaryPrefix)
		if err != nil {
			return nil, fmt.Errorf("creating a temporary folder for --ephemeral (set TMPDIR to a writable one): %w", err)
		}
		f := &folder{path: path, ephemeral: true}
		if err := f.claim(); err != nil {
			f.close()
			return nil, err
		}
		return f, nil
	}

	if strings.Contains(opts.folder, "%") {
		return nil, fmt.Errorf("--data %s contains %%, which Dolt treats as an escape; use another folder", opts.folder)
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

// sweepTemporary removes the temporary folders left by killed devstacks. A running devstack holds its lock; one that is
// just starting may not hold it yet, so recent folders are skipped.
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

// inspect reads an existing folder and refuses one that devstack must not use. It changes nothing.
func (f *folder) inspect() error {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("inspecting --data %s: %w", f.path, err)
	case !info.IsDir():
		return fmt.Errorf("--data %s is a file; use a folder", f.path)
	}
	if err := f.awaitLock(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = f.readMarker()
	if errors.Is(err, fs.ErrNotExist) {
		return f.mustBeOurs()
	}
	return err
}

// readMarker reads the marker and refuses one that this devstack can't use.
func (f *folder) readMarker() error {
	data, err := os.ReadFile(f.file(markerFile))
	if err != nil {
		return fmt.Errorf("reading the version of --data %s: %w", f.path, err)
	}
	if err := json.Unmarshal(data, &f.marker); err != nil {
		return fmt.Errorf("%s is damaged (%w); restore it, or use another --data folder", f.file(markerFile), err)
	}
	if f.marker.Format > folderFormat {
		return fmt.Errorf("--data %s was written by the newer devstack %s (format %d; this one reads formats up to %d); "+
			"rebuild devstack, or use another --data folder", f.path, f.marker.Devstack, f.marker.Format, folderFormat)
	}
	return nil
}

// mustBeOurs refuses a folder that has files but no marker: devstack did not create it, and the servers would mix their
// files with someone else's.
func (f *folder) mustBeOurs() error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("listing --data %s: %w", f.path, err)
	}
	for _, e := range entries {
		// A devstack killed between creating the lock and the marker leaves these two behind.
		if e.Name() != lockFile && e.Name() != markerFile+".new" {
			return fmt.Errorf("--data %s has files but no %s, so devstack did not create it; use an empty or new folder",
				f.path, markerFile)
		}
	}
	return nil
}

// claim creates the folder if needed, locks it and writes the marker.
func (f *folder) claim() error {
	for _, dir := range []string{f.path, f.file("logs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("--data %s can't be created; use a folder in a writable place: %w", f.path, err)
		}
	}
	if f.lock == nil {
		if err := f.takeLock(os.O_RDWR | os.O_CREATE); err != nil {
			return err
		}
	}
	if err := errors.Join(f.lock.Truncate(0), writeAt(f.lock, strconv.Itoa(os.Getpid()))); err != nil {
		return fmt.Errorf("--data %s can't be written; use a writable folder: %w", f.path, err)
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

// awaitLock is takeLock with some patience: the server processes of a killed devstack hold its lock for a moment longer.
func (f *folder) awaitLock() error {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := f.takeLock(os.O_RDWR)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			return err
		}
	}
}

// takeLock locks the lock file until the process and the server processes that inherited the file have ended. The kernel
// releases the lock even after SIGKILL, so it is never stale.
func (f *folder) takeLock(mode int) error {
	lock, err := os.OpenFile(f.file(lockFile), mode, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return fmt.Errorf("--data %s can't be written; use a writable folder: %w", f.path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(lock.Name())
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return inUseError{f.path, strings.TrimSpace(string(holder))}
		}
		return fmt.Errorf("locking --data %s: %w", f.path, err)
	}
	f.lock = lock
	return nil
}

// inUseError says which process holds a folder's lock.
type inUseError struct{ path, holder string }

func (e inUseError) Error() string {
	return fmt.Sprintf("--data %s is in use by another devstack (process %s); stop it, or use another --data folder or --ephemeral", e.path, e.holder)
}

func (inUseError) Unwrap() error { return syscall.EWOULDBLOCK }

// writeMarker replaces the marker by renaming, so that a kill leaves either the old or the new one, never half of one.
func (f *folder) writeMarker() error {
	data, err := json.MarshalIndent(f.marker, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", markerFile, err)
	}
	if err := renameio.WriteFile(f.file(markerFile), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("--data %s can't be written; use a writable folder: %w", f.path, err)
	}
	return nil
}

func (f *folder) file(elem ...string) string {
	return filepath.Join(append([]string{f.path}, elem...)...)
}

// close releases the folder and removes it if it is temporary.
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
