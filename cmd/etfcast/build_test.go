package main

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestBuild(t *testing.T) {
	set := func(key, value string) *debug.BuildInfo {
		return &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: key, Value: value}}}
	}
	const clean, dirty = "0.1.0+1a2b3c4d5e6f", "0.1.0+1a2b3c4d5e6f.dirty.01234567"
	long := strings.Repeat("x", 100)
	for _, c := range []struct {
		name, goVersion, arch string
		info                  *debug.BuildInfo
		fma                   bool
		code                  string
		want                  etf.Build
	}{
		{"amd64", "go1.26.8", "amd64", set("GOAMD64", "v1"), true, clean, etf.Build{Go: "go1.26.8", Arch: "amd64", Features: "v1+fma"}},
		{"amd64 without FMA", "go1.26.8", "amd64", set("GOAMD64", "v1"), false, clean, etf.Build{Go: "go1.26.8", Arch: "amd64", Features: "v1"}},
		{"amd64 v3", "go1.26.8", "amd64", set("GOAMD64", "v3"), true, dirty, etf.Build{Go: "go1.26.8", Arch: "amd64", Features: "v3+fma", Modified: true}},
		{"no build information", "go1.26.8", "amd64", nil, true, clean, etf.Build{Go: "go1.26.8", Arch: "amd64", Features: "v1+fma"}},
		{"arm64", "go1.26.8", "arm64", set("GOARM64", "v8.0"), false, clean, etf.Build{Go: "go1.26.8", Arch: "arm64", Features: "v8.0"}},
		{"ppc64le", "go1.26.8", "ppc64le", set("GOPPC64", "power8"), false, clean, etf.Build{Go: "go1.26.8", Arch: "ppc64le", Features: "power8"}},
		{"too long for the columns", long, "s390x", set("GOAMD64", "v1"), false, clean, etf.Build{Go: long[:64], Arch: "s390x"}},
	} {
		got := newBuild(c.goVersion, c.arch, func() (*debug.BuildInfo, bool) { return c.info, c.info != nil }, c.fma, c.code)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if thisBuild.Go != runtime.Version() || thisBuild.Arch != runtime.GOARCH {
		t.Errorf("this build is %+v", thisBuild)
	}
}
