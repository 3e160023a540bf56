package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// release is the latest release in CHANGELOG.md: this code is that release or later.
const release = "0.1.0"

// stamp is set by `make build` to the full commit hash, with ".dirty" appended if the tree had changes. The Go tool
// records the same information, but not in a worktree and not with -buildvcs=false.
var stamp string

// version identifies the code in every forecast and is part of the forecast's identity.
var version = newVersion(stamp, debug.ReadBuildInfo, executableHash)

// newVersion returns a version that no two different programs share:
//
//	0.1.0+1a2b3c4d5e6f                   built from that commit
//	0.1.0+1a2b3c4d5e6f.dirty.9f8e7d6c    ... with changes, which the executable's hash identifies
//	0.1.0+module.1a2b3c4d5e6f            go install of a module version; the module's hash
//	0.1.0+executable.1a2b3c4d5e6f        neither is known; the executable's hash
//
// The executable is read only if its hash is needed.
func newVersion(stamp string, buildInfo func() (*debug.BuildInfo, bool), executable func() string) string {
	commit, dirty := strings.CutSuffix(stamp, ".dirty")
	sum := ""
	if info, ok := buildInfo(); ok {
		sum = info.Main.Sum
		recorded := map[string]string{}
		for _, s := range info.Settings {
			recorded[s.Key] = s.Value
		}
		if recorded["vcs.revision"] != "" {
			commit, dirty = recorded["vcs.revision"], recorded["vcs.modified"] == "true"
		}
	}
	switch {
	case len(commit) >= 12 && dirty:
		return release + "+" + commit[:12] + ".dirty." + executable()[:8]
	case len(commit) >= 12:
		return release + "+" + commit[:12]
	}
	if hash, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:")); err == nil && len(hash) == sha256.Size {
		return release + "+module." + hex.EncodeToString(hash)[:12]
	}
	return release + "+executable." + executable()[:12]
}

// executableHash returns the SHA-256 of the running executable in hexadecimal. If it can't be read, the digits are
// random: two versions for one program are better than one version for two.
func executableHash() string {
	h := sha256.New()
	path, err := os.Executable()
	if err == nil {
		var f *os.File
		if f, err = os.Open(path); err == nil {
			_, err = io.Copy(h, f)
			_ = f.Close()
		}
	}
	if err != nil {
		h.Reset()
		_, _ = io.CopyN(h, rand.Reader, sha256.Size)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func versionCommand(a *app) *cobra.Command {
	var as format
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version that every forecast records",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if !as.forPeople() {
				return a.encode(as, struct {
					Go       string `json:"go"`
					Platform string `json:"platform"`
					Version  string `json:"version"`
				}{runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, version})
			}
			_, err := fmt.Fprintf(a.stdout, "etfcast %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	as.addFlags(cmd, "", "")
	return cmd
}
