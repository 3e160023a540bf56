// Package docs checks the documentation against the code: the tables generated from it, links, and make targets. It
// contains only tests.
package docs

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet/config"
	"github.com/etfcast/etfcast/quality"
)

var update = flag.Bool("update", false, "rewrite the tables of operations.md, prophet.md and sources.md")

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func errorTypeTable() string {
	var b strings.Builder
	b.WriteString("| type | meaning | retried | remedy |\n|---|---|---|---|\n")
	for _, e := range activities.ErrorTypes() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Name, cell(e.Meaning), cell(e.Retried), cell(e.Remedy))
	}
	return b.String()
}

func ruleTable() string {
	var b strings.Builder
	b.WriteString("| rule | severity | meaning | remedy |\n|---|---|---|---|\n")
	for _, r := range quality.Rules() {
		severities := make([]string, len(r.Severities))
		for i, s := range r.Severities {
			severities[i] = string(s)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, strings.Join(severities, ", "), cell(r.Meaning), cell(r.Remedy))
	}
	return b.String()
}

func configTable() string {
	var b strings.Builder
	b.WriteString("| key | values | default | meaning |\n|---|---|---|---|\n")
	for _, k := range config.Keys() {
		standard := "required"
		if k.Default != "" {
			standard = "`" + k.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, cell(k.Values), standard, cell(k.Meaning))
	}
	return b.String()
}

func settlingTable() string {
	var b strings.Builder
	b.WriteString("| exchange | final after | because |\n|---|---|---|\n")
	for _, s := range etf.Settlings() {
		fmt.Fprintf(&b, "| %s | %.0f minutes | %s |\n", s.Exchange, s.After.Minutes(), cell(s.Why))
	}
	return b.String()
}

// sourceTable is for people who choose a source.
func sourceTable() string {
	var b strings.Builder
	b.WriteString("| source | prices | exchanges | history | limits | needs | costs | mind that |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range etf.Sources() {
		exchanges := "all"
		if s.Exchanges != nil {
			names := make([]string, len(s.Exchanges))
			for i, x := range s.Exchanges {
				names[i] = string(x)
			}
			exchanges = strings.Join(names, ", ")
		}
		prices := string(s.Basis)
		if s.Restated {
			prices += ", restated"
		}
		history := "all"
		switch {
		case s.Depth.Rows > 0:
			history = fmt.Sprintf("the last %d sessions", s.Depth.Rows)
		case s.Depth.Days > 0:
			history = fmt.Sprintf("the last %d days", s.Depth.Days)
		case s.DayResponses:
			history = "day by day"
		}
		var limits []string
		if s.Rate > 0 {
			limits = append(limits, fmt.Sprintf("%g a second", s.Rate))
		}
		if s.Quota > 0 {
			zone := s.QuotaZone
			if zone == "" {
				zone = "UTC"
			}
			limits = append(limits, fmt.Sprintf("%d a day (%s)", s.Quota, zone))
		}
		if limits == nil {
			limits = []string{"none"}
		}
		needs := "nothing"
		if !s.Key.IsZero() {
			needs = "a key (" + s.Key.From + "), in `" + s.Key.Variable + "`"
		}
		fmt.Fprintf(&b, "| `%s`: %s | %s | %s | %s | %s | %s | %s | %s |\n", s.Name, cell(s.About), prices, exchanges, history, strings.Join(limits, ", "), cell(needs), cell(s.Cost), cell(s.Pitfalls))
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// The tables of error types, rules, options and sources in the pages match the code.
func TestTablesMatchTheCode(t *testing.T) {
	for _, table := range []struct{ page, name, want string }{
		{"operations.md", "error-types", errorTypeTable()}, {"operations.md", "rules", ruleTable()}, {"prophet.md", "config-keys", configTable()},
		{"sources.md", "sources", sourceTable()},
		{"sources.md", "settlings", settlingTable()},
	} {
		text := read(t, table.page)
		begin, end := "<!-- "+table.name+" -->\n", "<!-- /"+table.name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		got, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no section between %q and %q", table.page, begin, end)
		}
		if strings.TrimSpace(got) == strings.TrimSpace(table.want) {
			continue
		}
		if !*update {
			t.Errorf("the table %s of docs/%s does not match the code; run `go test ./docs -update`", table.name, table.page)
			continue
		}
		if err := os.WriteFile(table.page, []byte(before+begin+"\n"+table.want+"\n"+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrorTypesAreComplete(t *testing.T) {
	for _, e := range activities.ErrorTypes() {
		if e.Meaning == "" || e.Retried == "" || e.Remedy == "" {
			t.Errorf("error type %s lacks a meaning, a retry or a remedy: %+v", e.Name, e)
		}
	}
	for _, r := range quality.Rules() {
		if r.Meaning == "" || r.Remedy == "" || len(r.Severities) == 0 {
			t.Errorf("rule %s lacks a meaning, a remedy or severities: %+v", r.Name, r)
		}
	}
}

// pages returns the markdown files in the repository's root and in docs.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d pages found: %v", len(found), found)
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	fenced  = regexp.MustCompile("(?s)\n *```.*?\n *```")
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the fragments of a page's headings, by the rule that GitHub and most renderers follow.
func anchors(text string) []string {
	var all []string
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		slug := strings.ToLower(notSlug.ReplaceAllString(h[1], ""))
		all = append(all, strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

func TestRelativeLinksResolve(t *testing.T) {
	checked := 0
	for _, page := range pages(t) {
		text := read(t, page)
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			checked++
			path, fragment, _ := strings.Cut(m[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), filepath.FromSlash(path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the target of the link %s does not exist", page, m[1])
				continue
			}
			if fragment != "" && filepath.Ext(target) == ".md" && !slices.Contains(anchors(read(t, target)), fragment) {
				t.Errorf("%s: %s has no heading for #%s", page, target, fragment)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d links checked: the pattern no longer matches", checked)
	}
}

// Every image is shown on some page.
func TestImagesAreUsed(t *testing.T) {
	images, err := filepath.Glob("images/*.png")
	if err != nil || len(images) == 0 {
		t.Fatalf("no images: %v", err)
	}
	var all strings.Builder
	for _, page := range pages(t) {
		all.WriteString(read(t, page))
	}
	for _, image := range images {
		if !strings.Contains(all.String(), filepath.ToSlash(image)) {
			t.Errorf("%s is on no page", image)
		}
		if info, err := os.Stat(image); err != nil || info.Size() > 300_000 {
			t.Errorf("%s is larger than 300 KB (%v)", image, err)
		}
	}
}

var (
	makeCall   = regexp.MustCompile("(?:`|\n)make ([a-z][a-z-]*)")
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-zA-Z0-9_-]*):`)
)

// Every make target named on a page exists.
func TestMakeTargetsExist(t *testing.T) {
	var have []string
	for _, m := range makeTarget.FindAllStringSubmatch(read(t, "../Makefile"), -1) {
		have = append(have, m[1])
	}
	checked := 0
	for _, page := range pages(t) {
		for _, m := range makeCall.FindAllStringSubmatch(read(t, page), -1) {
			if strings.HasSuffix(m[1], "-") { // "make bench-..." means all of them
				continue
			}
			checked++
			if !slices.Contains(have, m[1]) {
				t.Errorf("%s names `make %s`, which the Makefile does not have", page, m[1])
			}
		}
	}
	if checked == 0 {
		t.Error("no make target found on any page: the pattern no longer matches")
	}
}

var (
	inline   = regexp.MustCompile("`([^`\n]+)`")
	pathLike = regexp.MustCompile(`^(?:\./)?[\w.-]+(?:/[\w.*<>-]+)*/?$`)
	ofSource = regexp.MustCompile(`\.(go|md|sql|ya?ml|sh|py|mod)$`)
	holder   = regexp.MustCompile(`<[\w-]+>`)
)

// Files and folders of the repository that the pages name exist. A name with a slash is relative to the repository's
// root; a name without one, such as `policy.go`, may be in any folder.
func TestFilesNamedInPagesExist(t *testing.T) {
	var names []string // base names of all files
	top := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == ".devstack") {
			return fs.SkipDir
		}
		if d.IsDir() && filepath.Dir(path) == ".." {
			top[d.Name()] = true
		}
		names = append(names, d.Name())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range pages(t) {
		if strings.HasSuffix(page, "CHANGELOG.md") { // it also names files that no longer exist
			continue
		}
		for _, m := range inline.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, page), ""), -1) {
			for _, word := range strings.Fields(m[1]) {
				word = strings.TrimPrefix(strings.TrimSuffix(word, "/..."), "./")
				first, _, slash := strings.Cut(word, "/")
				switch {
				case !pathLike.MatchString(word):
				case slash && (top[first] || ofSource.MatchString(word)):
					checked++
					if found, err := filepath.Glob("../" + holder.ReplaceAllString(word, "*")); err != nil || len(found) == 0 {
						t.Errorf("%s names %s, which does not exist", page, word)
					}
				case !slash && ofSource.MatchString(word):
					checked++
					if !slices.Contains(names, word) {
						t.Errorf("%s names %s, and no file has this name", page, word)
					}
				}
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d names checked: the patterns no longer match", checked)
	}
}

// The store's tests, the containers and the operators who follow operations.md create the database and its users with the
// same statements.
func TestDatabaseUsersAreTheTested(t *testing.T) {
	statements := func(text string) []string {
		var list []string
		for line := range strings.Lines(text) {
			line, _, _ = strings.Cut(line, "--")
			if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, "temporal") {
				list = append(list, line)
			}
		}
		return list
	}
	want := statements(dbtest.Setup)
	_, documented, _ := strings.Cut(read(t, "operations.md"), "```sql\n")
	documented, _, _ = strings.Cut(documented, "```")
	if got := statements(documented); !slices.Equal(got, want) {
		t.Errorf("operations.md has\n%s\nwant dbtest.Setup:\n%s", strings.Join(got, "\n"), dbtest.Setup)
	}
	_, script, _ := strings.Cut(read(t, "../deploy/mysql/users.sh"), "<<SQL\n")
	script, _, _ = strings.Cut(script, "\nSQL\n")
	script = strings.NewReplacer("IF NOT EXISTS ", "", "$ETFCAST_ADMIN_PASSWORD", "...", "$ETFCAST_PASSWORD", "...").Replace(script)
	if got := statements(script); !slices.Equal(got, want) {
		t.Errorf("users.sh has\n%s\nwant dbtest.Setup:\n%s", strings.Join(got, "\n"), dbtest.Setup)
	}
}

// What the table of sources says for people, the dashboard says in each language: in English the same, in Korean under the same keys. So
// does it what a backfill waits for.
func TestSourcesAreTranslated(t *testing.T) {
	messages := map[string]map[string]string{}
	for _, language := range []string{"en", "ko"} {
		texts := map[string]string{}
		if err := json.Unmarshal([]byte(read(t, "../web/src/messages/"+language+"/sources.json")), &texts); err != nil {
			t.Fatal(err)
		}
		messages[language] = texts
	}
	known := map[string]bool{}
	for _, source := range etf.Sources() {
		for kind, text := range map[string]string{"description": source.About, "ref": source.Refers, "cost": source.Cost, "pitfalls": source.Pitfalls} {
			key := "sources." + kind + "Of." + source.Name
			known[key] = true
			if got := strings.ReplaceAll(messages["en"][key], "’", "'"); got != text {
				t.Errorf("%s in English: %q, want %q (etf/source.go): change the Korean text too", key, got, text)
			}
			if messages["ko"][key] == "" {
				t.Errorf("%s is not translated into Korean", key)
			}
		}
	}
	for key := range messages["en"] {
		if kind, _, of := strings.Cut(strings.TrimPrefix(key, "sources."), "Of."); of && kind != "basis" && !known[key] {
			t.Errorf("%s is of no source", key)
		}
	}
	workflow, page := read(t, "../workflows/backfill.go"), read(t, "../web/src/lib/backfill.ts")
	for _, form := range []string{"the daily quota of ", ", which fails", "a source that has not answered"} {
		if !strings.Contains(workflow, `"`+form+`"`) || !strings.Contains(page, form) {
			t.Errorf("%q is not what a backfill waits for in both the workflow and the dashboard", form)
		}
	}
}
