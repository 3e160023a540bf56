package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// maxKeyFile bounds a file with a credential, in bytes.
const maxKeyFile = 4096

// credential reads a source's credential: from the variable, or else from the file that the variable with _FILE names. The file is
// read each time, so that a new key needs no restart. "" means that neither is set. Errors don't have the credential.
func (e environment) credential(k etf.SourceKey) func() (string, error) {
	return func() (string, error) {
		if v, ok := e.lookup(k.Variable); ok && strings.TrimSpace(v) != "" {
			return strings.TrimSpace(v), nil
		}
		path, ok := e.lookup(k.Variable + "_FILE")
		if !ok || path == "" {
			return "", nil
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return "", etf.Invalid(k.Variable+"_FILE", "the file "+path+" does not exist", "name an existing file")
		}
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }() // only read
		raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
		if err == nil && len(raw) > maxKeyFile {
			return "", etf.Invalid(k.Variable+"_FILE", "the file "+path+" is too large to be a key", "write only the key into it")
		}
		return strings.TrimSpace(string(raw)), err
	}
}

// isCredential reports whether the environment variable belongs to a source's credential.
func isCredential(name string) bool {
	for _, s := range etf.Sources() {
		if k := s.Key.Variable; k != "" && (name == k || name == k+"_FILE" || name == k+"_EXPIRES") {
			return true
		}
	}
	return false
}
