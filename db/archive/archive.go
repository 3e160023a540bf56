package archive

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// Facts are facts about a database, recorded with the release that wrote it. Raw JSON is what its commands printed.
type Facts struct {
	Release     string `json:"release"`
	CodeVersion string `json:"code_version"` // of the program, as in its forecasts
	Schema      int64  `json:"schema"`       // the version of the last migration
	// Rows is the number of rows of each table.
	Rows map[string]int `json:"rows"`
	// ETFs is `etf list --json`, Findings `finding list --all --json`, Runs `run show --json` of each run.
	ETFs     json.RawMessage   `json:"etfs"`
	Findings json.RawMessage   `json:"findings"`
	Runs     []json.RawMessage `json:"runs"`
	// Prices summarises each ETF's current bars.
	Prices []Prices `json:"prices"`
	// Revised are the sessions whose bar was replaced.
	Revised   []Revised `json:"revised"`
	Chains    []Chain   `json:"chains"`
	Forecasts []Text    `json:"forecasts"`
}

// Prices summarises the current bars of an ETF.
type Prices struct {
	Symbol      etf.Symbol `json:"symbol"`
	Bars        int        `json:"bars"`
	Quarantined int        `json:"quarantined"`
	CloseSum    string     `json:"close_sum"` // exact
}

// Revised is a session whose bar was replaced, with every close ever stored: the oldest first, the current one last.
type Revised struct {
	Symbol  etf.Symbol  `json:"symbol"`
	Session etf.Session `json:"session"`
	Closes  []string    `json:"closes"` // exact
}

// Chain is the hash chain of one ETF and model.
type Chain struct {
	Symbol etf.Symbol `json:"symbol"`
	Model  string     `json:"model"`
	Length int64      `json:"length"`
	Head   string     `json:"head"` // the last forecast's hash
}

// Text is a forecast in the form that is hashed: Hash is the SHA-256 of PrevHash, a newline and JSON.
type Text struct {
	ID       string `json:"id"`
	Hash     string `json:"hash"`
	PrevHash string `json:"prev_hash"`
	JSON     string `json:"json"`
}

// An Archive is a database of a release.
type Archive struct {
	Facts Facts
	SQL   []byte // what Dump wrote
}

const (
	sqlEnding   = ".sql.gz"
	factsEnding = ".json.gz"
)

// Releases lists the releases that have an archive in the folder, ascending by name.
func Releases(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+sqlEnding))
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), sqlEnding)
	}
	slices.Sort(files)
	return files, nil
}

// Read returns the archive of a release from the folder.
func Read(dir, release string) (Archive, error) {
	var a Archive
	facts, err := unzip(filepath.Join(dir, release+factsEnding))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(facts, &a.Facts); err != nil {
		return a, fmt.Errorf("reading the facts of release %s: %w", release, err)
	}
	a.SQL, err = unzip(filepath.Join(dir, release+sqlEnding))
	return a, err
}

// Write adds the archive to the folder, which it creates if it is missing. KindConflict if the release has an archive
// already: archives are never replaced.
func (a Archive) Write(dir string) error {
	facts, err := json.MarshalIndent(a.Facts, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, file := range []struct {
		ending string
		text   []byte
	}{{sqlEnding, a.SQL}, {factsEnding, append(facts, '\n')}} {
		if err := zip(filepath.Join(dir, a.Facts.Release+file.ending), file.text); err != nil {
			return err
		}
	}
	return nil
}

func unzip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

func zip(path string, text []byte) error {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return &etf.Error{Kind: etf.KindConflict, Field: "release", Message: "the archive " + path + " exists already",
			Remedy: "name another release: archives are never replaced"}
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(packed.Bytes()); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
