package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/etfcast/etfcast/"

// row is a row of the table of packages in architecture.md: the folders it names.
type row []string

// has reports whether the row names the folder. "source/..." stands for a folder and everything below it.
func (r row) has(folder string) bool {
	for _, name := range r {
		under, all := strings.CutSuffix(name, "/...")
		if folder == name || all && (folder == under || strings.HasPrefix(folder, under+"/")) {
			return true
		}
	}
	return false
}

// layers returns the rows of the table, lowest layer first, and the folders that are not part of the binary.
func layers(t *testing.T) (rows []row, others row) {
	t.Helper()
	_, text, _ := strings.Cut(read(t, "architecture.md"), "## The packages")
	text, _, _ = strings.Cut(text, "\n## ")
	quoted := regexp.MustCompile("`([^` ]+)`")
	names := func(s string) (r row) {
		for _, m := range quoted.FindAllStringSubmatch(s, -1) {
			r = append(r, m[1])
		}
		return r
	}
	for line := range strings.SplitSeq(text, "\n") {
		if cells := strings.Split(line, "|"); strings.HasPrefix(line, "| `") && len(cells) > 2 {
			rows = append(rows, names(cells[1]))
		}
	}
	_, rest, ok := strings.Cut(text, "not part of the binary")
	if !ok || len(rows) < 10 {
		t.Fatalf("architecture.md has no table of packages that this test can read: %d rows", len(rows))
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	return rows, names(rest)
}

// No package imports from a row below its own, and every package is in the table.
func TestImportsFollowTheTable(t *testing.T) {
	rows, others := layers(t)
	layer := func(folder string) int {
		for i, r := range rows {
			if r.has(folder) {
				return i
			}
		}
		return -1
	}
	checked := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && file != ".." && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata" || name == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../")
		from := layer(folder)
		if from < 0 && !others.has(folder) {
			t.Errorf("%s is in no row of the table in architecture.md", folder)
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range parsed.Imports {
			imported, _ := strconv.Unquote(i.Path.Value)
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			checked++
			switch at := layer(to); {
			case from < 0: // not part of the binary: may import any of it
			case at < 0:
				t.Errorf("%s imports %s, which is not part of the binary", file, to)
			case at > from:
				t.Errorf("%s imports %s, which is in a row below its own", file, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 200 {
		t.Errorf("only %d imports checked: the test no longer recognises imports", checked)
	}
}
