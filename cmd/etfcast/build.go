package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/cpu"

	"github.com/etfcast/etfcast/etf"
)

// thisBuild is the running program on this processor.
var thisBuild = newBuild(runtime.Version(), runtime.GOARCH, debug.ReadBuildInfo, cpu.X86.HasAVX && cpu.X86.HasFMA, version)

// maxBuildText is the width of the columns that hold a build's texts.
const maxBuildText = 64

// newBuild describes a program. Its features are the level of the instruction set that it was compiled for, and "+fma" on an amd64
// processor with AVX and FMA: math.Exp then multiplies and adds without rounding in between (math/exp_amd64.go). On other
// architectures the compiler decides about that, so the level is enough.
func newBuild(goVersion, arch string, buildInfo func() (*debug.BuildInfo, bool), fma bool, code string) etf.Build {
	b := etf.Build{Go: goVersion, Arch: arch, Modified: strings.Contains(code, ".dirty.")}
	if info, ok := buildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "GO"+strings.ToUpper(levelOf(arch)) {
				b.Features = s.Value
			}
		}
	}
	if arch == "amd64" {
		if b.Features == "" {
			b.Features = "v1"
		}
		if fma {
			b.Features += "+fma"
		}
	}
	b.Go, b.Features = b.Go[:min(len(b.Go), maxBuildText)], b.Features[:min(len(b.Features), maxBuildText)]
	return b
}

// levelOf is the architecture's name in the variable that sets its level, such as GOMIPS64 for mips64le.
func levelOf(arch string) string {
	for _, family := range []string{"mips64", "mips", "ppc64"} {
		if strings.HasPrefix(arch, family) {
			return family
		}
	}
	return arch
}
