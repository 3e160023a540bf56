package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// The folder must be one that source file reads.
func TestUploadFolder(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	inside, outside := filepath.Join(files, "uploads"), t.TempDir()
	plain := filepath.Join(files, "plain.csv")
	link := filepath.Join(files, "link")
	for _, err := range []error{os.Mkdir(inside, 0o755), os.WriteFile(plain, nil, 0o644), os.Symlink(outside, link)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		dir, files string
		ref        string // of SPY.csv; "" = refused
	}{
		{files, files, "SPY.csv"},
		{files + "/", files, "SPY.csv"},
		{inside, files, "uploads/SPY.csv"},
		{filepath.Join(inside, "..", "uploads"), files, "uploads/SPY.csv"},
		{inside, "", ""},
		{outside, files, ""},
		{filepath.Dir(files), files, ""},
		{link, files, ""}, // source file does not follow it
		{plain, files, ""},
		{filepath.Join(files, "none"), files, ""},
		{inside, filepath.Join(files, "none"), ""},
	} {
		folder, err := uploadSettings{dir: c.dir}.open(c.files)
		if c.ref == "" {
			var e *etf.Error
			if !errors.As(err, &e) || e.Field != "upload-dir" || e.Remedy == "" || !isUsage(err) {
				t.Errorf("%s in %s: %v", c.dir, c.files, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s in %s: %v", c.dir, c.files, err)
			continue
		}
		ref, _, err := folder.Keep(t.Context(), "SPY.csv", []byte("Date\n"))
		if err != nil || ref != c.ref {
			t.Errorf("%s in %s: %q, %v; want %q", c.dir, c.files, ref, err, c.ref)
		}
	}
	if folder, err := (uploadSettings{}).open(files); folder != nil || err != nil {
		t.Errorf("without the setting: %v, %v", folder, err)
	}
}

func isUsage(err error) bool {
	var u usageError
	return errors.As(err, &u)
}

// A file is kept whole and once; another one under its name is refused with both hashes, and nothing is left behind.
func TestKeepUpload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := priceFolder{dir: dir, prefix: "."}
	ref, created, err := folder.Keep(t.Context(), "SPY.csv", []byte("abc"))
	if err != nil || !created || ref != "SPY.csv" {
		t.Fatalf("%q, %v, %v", ref, created, err)
	}
	if _, created, err := folder.Keep(t.Context(), "SPY.csv", []byte("abc")); err != nil || created {
		t.Errorf("the same again: %v, %v", created, err)
	}
	_, _, err = folder.Keep(t.Context(), "SPY.csv", []byte("abcd"))
	// sha256sum of abc and of abcd.
	for _, hash := range []string{"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"} {
		if etf.KindOf(err) != etf.KindConflict || !strings.Contains(err.Error(), hash) {
			t.Errorf("another file: %v; want a conflict that names %s", err, hash)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "SPY.csv"))
	if err != nil || info.Mode().Perm() != 0o644 || info.Size() != 3 {
		t.Errorf("%v, %v", info, err)
	}
	wantOnly(t, dir, "SPY.csv")
	if err := os.Remove(dir + "/SPY.csv"); err != nil {
		t.Fatal(err)
	}
	_, _, err = priceFolder{dir: dir + "/none", prefix: "."}.Keep(t.Context(), "SPY.csv", []byte("abc"))
	if etf.KindOf(err) != etf.KindUnavailable || !strings.Contains(err.Error(), "--upload-dir") {
		t.Errorf("without the folder: %v", err)
	}
}

// Of many that send different files under one name at once, one has it kept, and the others are told.
func TestKeepUploadsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var folder service.PriceFolder = priceFolder{dir: dir, prefix: "."}
	const n = 16
	results := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, _, results[i] = folder.Keep(t.Context(), "SPY.csv", []byte(fmt.Sprint("file ", i))) })
	}
	wg.Wait()
	kept, err := os.ReadFile(filepath.Join(dir, "SPY.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range results {
		if mine := string(kept) == fmt.Sprint("file ", i); mine != (err == nil) || err != nil && etf.KindOf(err) != etf.KindConflict {
			t.Errorf("file %d: %v; kept %s", i, err, kept)
		}
	}
	wantOnly(t, dir, "SPY.csv")
}

func wantOnly(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("the folder has %v, %v; want %s alone", entries, err, name)
	}
}

// The demo keeps files beside its data; a folder that somebody has set stays.
func TestDemoFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	var s serverSettings
	remove, err := s.demoFiles()
	if err != nil || s.uploads.dir == "" || s.uploads.dir != s.sources.fileDir {
		t.Fatalf("%+v, %v", s.uploads, err)
	}
	if _, err := s.uploads.open(s.sources.fileDir); err != nil {
		t.Error(err)
	}
	remove()
	if _, err := os.Stat(s.uploads.dir); err == nil {
		t.Error("the folder outlives the demo, whose data do not")
	}
	if err := os.Mkdir(demoData, 0o755); err != nil {
		t.Fatal(err)
	}
	s = serverSettings{}
	remove, err = s.demoFiles()
	remove()
	if _, missing := os.Stat(s.uploads.dir); err != nil || missing != nil || s.uploads.dir != filepath.Join(demoData, "files") {
		t.Errorf("%+v, %v, %v", s.uploads, err, missing)
	}
	s = serverSettings{sources: sourceSettings{fileDir: "/prices"}}
	if _, err := s.demoFiles(); err != nil || s.uploads.dir != "" || s.sources.fileDir != "/prices" {
		t.Errorf("%+v %+v, %v", s.sources, s.uploads, err)
	}
}
