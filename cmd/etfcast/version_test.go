package main

import (
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	const commit, other = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d", "ffffffffffffffffffffffffffffffffffffffff"
	recorded := func(revision, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}}
	}
	// "h1:" is followed by a SHA-256 in base64; this one is of empty input, e3b0c44298fc...
	module := &debug.BuildInfo{Main: debug.Module{Version: "v0.1.0", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}
	for _, c := range []struct {
		name, stamp string
		info        *debug.BuildInfo
		want        string
		reads       bool // whether it hashes the executable
	}{
		{"a clean tree", "", recorded(commit, "false"), "0.1.0+1a2b3c4d5e6f", false},
		{"a tree with changes", "", recorded(commit, "true"), "0.1.0+1a2b3c4d5e6f.dirty.01234567", true},
		{"a clean worktree, built by make", commit, &debug.BuildInfo{}, "0.1.0+1a2b3c4d5e6f", false},
		{"a worktree with changes, built by make", commit + ".dirty", &debug.BuildInfo{}, "0.1.0+1a2b3c4d5e6f.dirty.01234567", true},
		{"the Go tool's record overrides the stamp", other, recorded(commit, "false"), "0.1.0+1a2b3c4d5e6f", false},
		{"go install of a module version", "", module, "0.1.0+module.e3b0c44298fc", false},
		{"a source archive", "", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "0.1.0+executable.0123456789ab", true},
		{"an invalid module sum", "", &debug.BuildInfo{Main: debug.Module{Sum: "h1:AAAA"}}, "0.1.0+executable.0123456789ab", true},
		{"no build information", "", nil, "0.1.0+executable.0123456789ab", true},
	} {
		read := false
		got := newVersion(c.stamp, func() (*debug.BuildInfo, bool) { return c.info, c.info != nil }, func() string {
			read = true
			return "0123456789abcdef"
		})
		if want := strings.Replace(c.want, "0.1.0", release, 1); got != want || read != c.reads {
			t.Errorf("%s: version %s, want %s; executable read: %v, want %v", c.name, got, want, read, c.reads)
		}
		// The column code_version holds 100 characters.
		if len(got) > 100 {
			t.Errorf("%s: %d characters", got, len(got))
		}
	}
}

// The test binary has no stamp: its version is the hash of its executable.
func TestExecutableHash(t *testing.T) {
	if h := executableHash(); !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(h) || h != executableHash() {
		t.Errorf("%q, then %q", h, executableHash())
	}
	if _, out, _ := etfcast(t, nil, "version"); !strings.HasPrefix(out, "etfcast "+version+" (go") {
		t.Errorf("etfcast version prints %s", out)
	}
}

// The linker silently ignores -X for a variable that does not exist.
func TestMakeSetsTheStamp(t *testing.T) {
	if raw, err := os.ReadFile("../../Makefile"); err != nil || !strings.Contains(string(raw), "-X main.stamp=$(STAMP)") {
		t.Errorf("the Makefile does not set main.stamp (%q here): %v", stamp, err)
	}
}

func TestReleaseIsTheChangelogs(t *testing.T) {
	raw, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	heads := regexp.MustCompile(`(?m)^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$`).FindAllStringSubmatch(string(raw), -1)
	if len(heads) < 2 || heads[0][1] != "Unreleased" || heads[1][1] != release || heads[1][2] == "" {
		t.Errorf("CHANGELOG.md has the sections %q; want [Unreleased] first, then %s with its date", heads, release)
	}
}
