package testenv

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ending records how a test ended; it panics to end it.
type ending struct {
	testing.TB
	how, text string
}

func (e *ending) Helper() {}

func (e *ending) Skip(args ...any) {
	e.how, e.text = "skip", fmt.Sprint(args...)
	panic(e)
}

func (e *ending) Fatalf(format string, args ...any) {
	e.how, e.text = "fail", fmt.Sprintf(format, args...)
	panic(e)
}

// run returns how a test that needs n ends; how is "" if nothing is missing.
func run(t *testing.T, n Need) (e *ending, value string) {
	e = &ending{TB: t}
	defer func() {
		if r := recover(); r != nil && r != any(e) {
			panic(r)
		}
	}()
	if n.variable == "" {
		n.Missing(e)
	}
	return e, n.Value(e)
}

func TestNeeds(t *testing.T) {
	for _, tc := range []struct {
		name                  string
		need                  Need
		value, noSkip, absent string
		how                   string
		text1, text2          string
	}{
		{name: "present", need: RealData, value: "/data", noSkip: "1"},
		{name: "missing", need: RealData, how: "skip", text1: "ETFCAST_REAL_DATA is not set", text2: "folder of real prices"},
		{name: "another value of the switch", need: RealData, noSkip: "0", how: "skip"},
		{name: "no skips", need: RealData, noSkip: "1", how: "fail", text1: "ETFCAST_REAL_DATA is not set", text2: "ETFCAST_ABSENT=real-data"},
		{name: "no skips except this one", need: RealData, noSkip: "1", absent: "mysql, real-data", how: "skip"},
		{name: "no skips except another", need: MariaDB, noSkip: "1", absent: "mysql,real-data", how: "fail", text1: "ETFCAST_TEST_MARIADB_DSN"},
		{name: "a misspelt name", need: RealData, absent: "realdata", how: "fail", text1: "realdata", text2: "use real-data, temporal"},
		{name: "no variable", need: FullDevice, how: "skip", text1: "/dev/full"},
		{name: "no variable, no skips", need: FullDevice, noSkip: "1", how: "fail", text1: "/dev/full"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(NoSkipVariable, tc.noSkip)
			t.Setenv(AbsentVariable, tc.absent)
			if tc.need.variable != "" {
				t.Setenv(tc.need.variable, tc.value)
			}
			e, value := run(t, tc.need)
			if e.how != tc.how || value != tc.value || !strings.Contains(e.text, tc.text1) || !strings.Contains(e.text, tc.text2) {
				t.Errorf("value %q, ending %q with %q", value, e.how, e.text)
			}
		})
	}
}

// Every skip in the repository goes through this package: ETFCAST_NO_SKIP does not affect any other.
func TestNoOtherSkips(t *testing.T) {
	const root = "../.."
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			name := entry.Name()
			if path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules" || path == filepath.Join(root, "internal", "testenv")) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, found := range skips(set, file) {
			t.Errorf("%s: use a Need of package testenv instead, or remove the case", found)
		}
		if strings.HasSuffix(path, "_test.go") {
			files++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d test files were read, want at least 100", files)
	}
}

// skips lists the selectors that may skip a test, in a file that imports testing.
func skips(set *token.FileSet, file *ast.File) []string {
	if !slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing"` }) {
		return nil
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, _ := s.X.(*ast.Ident)
		switch name := s.Sel.Name; {
		case name == "Skip", name == "Skipf", name == "SkipNow", name == "Short" && x != nil && x.Name == "testing":
			found = append(found, fmt.Sprintf("%s: %s", set.Position(s.Pos()), name))
		}
		return true
	})
	return found
}

func TestSkipsAreFound(t *testing.T) {
	const source = `package p
import "testing"
func Test(t *testing.T) { t.Skip(); b.tb.Skipf("x"); f := t.SkipNow; _ = testing.Short(); result.Skipped++; other.Short() }`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(skips(set, file), ", ")
	if want := "p.go:3:27: Skip, p.go:3:37: Skipf, p.go:3:59: SkipNow, p.go:3:74: Short"; got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}
