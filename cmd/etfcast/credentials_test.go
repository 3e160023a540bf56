package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestCredentials(t *testing.T) {
	k := etf.Source("tiingo").Key
	path := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := environment{"ETFCAST_TIINGO_KEY_FILE": path}.credential(k)
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no file: %v", err)
	}
	for _, key := range []string{"first", "second"} { // a new key needs no restart
		write(key + "\n")
		if got, err := ask(); got != key || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	write(strings.Repeat("x", maxKeyFile+1))
	if _, err := ask(); err == nil || strings.Contains(err.Error(), "xxx") {
		t.Errorf("too large: %v", err)
	}
	if got, err := (environment{"ETFCAST_TIINGO_KEY": " abc ", "ETFCAST_TIINGO_KEY_FILE": path}).credential(k)(); got != "abc" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := (environment{}).credential(k)(); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// The variables of credentials are known; a misspelt one is warned about, and its value is not shown.
func TestVariablesOfCredentials(t *testing.T) {
	warned := unknownVariables(nil, environment{"ETFCAST_TIINGO_KEY": "a", "ETFCAST_EODHD_KEY_FILE": "b", "ETFCAST_ALPHAVANTAGE_KEY_EXPIRES": "2027-01-01", "ETFCAST_TINGO_KEY": "s3cr3t"})
	if len(warned) != 1 || !strings.Contains(warned[0], "ETFCAST_TINGO_KEY ") || strings.Contains(warned[0], "s3cr3t") {
		t.Errorf("%q", warned)
	}
}
