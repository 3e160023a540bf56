package web

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestValues(t *testing.T) {
	t.Parallel()
	v, err := Decode("Acme", []byte("\xef\xbb\xbf"+` [{"a":1.50,"a":2,"b b":{"x":null,"t":"s"}}, 1e400, true] `))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := v.List()
	if err != nil || len(rows) != 3 {
		t.Fatal(rows, err)
	}
	a := rows[0].Optional("a")
	if n, err := a.Number(); n != "2" || err != nil || a.Place() != "$[0].a" {
		t.Errorf("%s %v %s", n, err, a.Place())
	}
	all, err := rows[0].Members()
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	if n, err := all[0].Number(); n != "1.50" || err != nil { // the text, not the number
		t.Errorf("%s %v", n, err)
	}
	x, err := all[2].Field("x")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := x.Number(); n != "" || err != nil || !x.IsNull() || x.Place() != `$[0]["b b"].x` {
		t.Errorf("%q %v %s", n, err, x.Place())
	}
	if n, err := rows[1].Number(); n != "1e400" || err != nil {
		t.Errorf("%q %v", n, err)
	}
	if got := rows[0].Show(100); got != `{a=1.50, a=2, b b={x=null, t="s"}}` {
		t.Error(got)
	}
	for name, c := range map[string]struct {
		err  func() error
		text string
	}{
		"renamed":        {func() error { _, err := rows[0].Field("close"); return err }, "$[0].close: Acme sent no such field; there are a, a, b b"},
		"twice":          {func() error { _, err := rows[0].Field("a"); return err }, "$[0].a: Acme sent the field twice"},
		"not an object":  {func() error { _, err := rows[1].Field("close"); return err }, "$[1]: Acme sent a number (1e400) instead of an object"},
		"not a list":     {func() error { _, err := rows[0].List(); return err }, "$[0]: Acme sent an object instead of a list"},
		"not a number":   {func() error { _, err := rows[2].Number(); return err }, "$[2]: Acme sent true or false (true) instead of a number"},
		"null as text":   {func() error { _, err := x.Text(); return err }, `$[0]["b b"].x: Acme sent null instead of text`},
		"object as text": {func() error { _, err := rows[0].Text(); return err }, "an object instead of text"},
	} {
		if err := c.err(); etf.KindOf(err) != etf.KindCorrupt || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBrokenJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		kind etf.Kind
		text string
	}{
		`[{"a":1},{"a":`:                      {etf.KindUnavailable, "ends too early, in $[1].a"},
		`[{"a":1`:                             {etf.KindUnavailable, "ends too early"},
		``:                                    {etf.KindUnavailable, "ends too early"},
		`[{"a":NaN}]`:                         {etf.KindCorrupt, "$[0].a: Acme's response is not valid JSON at byte"},
		`[1] [2]`:                             {etf.KindCorrupt, "after the JSON value"},
		`hello`:                               {etf.KindCorrupt, "not valid JSON"},
		strings.Repeat("[", 100):              {etf.KindCorrupt, "more values"},
		"[" + strings.Repeat("1,", 1_000_001): {etf.KindCorrupt, "more values"},
	} {
		if _, err := Decode("Acme", []byte(body)); etf.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%.40s: %s %v", body, etf.KindOf(err), err)
		}
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	table, err := ReadCSV("Acme", []byte("\xef\xbb\xbfday,close , extra\r\n2025-01-02,1.50,x\r\n\r\n2025-01-03,\"2\",y\r\n"), "day", "close")
	if err != nil || len(table.Rows) != 2 {
		t.Fatal(table, err)
	}
	r := table.Rows[1]
	if r.Cell("close") != "2" || r.Cell("none") != "" || r.Place("close") != "line 4, column close" || r.Show(50) != "2025-01-03,2,y" {
		t.Errorf("%+v", r)
	}
	for body, want := range map[string]struct {
		kind etf.Kind
		text string
	}{
		"":                         {etf.KindCorrupt, "line 1: Acme sent no header"},
		"day,last\n":               {etf.KindCorrupt, "line 1, column close: Acme sent no such column; there are day, last"},
		"day,close\n1,2\n3":        {etf.KindUnavailable, "ends too early, in line 3"},
		"day,close\n1,\"2":         {etf.KindUnavailable, "ends too early, in line 2"},
		"day,close\n1,2,3\n3,4\n":  {etf.KindCorrupt, "line 2: Acme sent 3 cells under 2 columns"},
		"day,close\n1\n3,4\n":      {etf.KindCorrupt, "line 2: Acme sent 1 cells under 2 columns"},
		"day,close\n1,2\"x\n3,4\n": {etf.KindCorrupt, "line 2: Acme's response is not valid CSV"},
	} {
		if _, err := ReadCSV("Acme", []byte(body), "day", "close"); etf.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%q: %s %v", body, etf.KindOf(err), err)
		}
	}
}

// Valid JSON is read as encoding/json reads it.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{`[{"a":1.50,"b":[]},{}]`, ` { "a" : null , "\u00e9\"" : "x\\y\ud83d\ude00" } `, "\"\xff\"", `-1e-7`, `[true,false,[[]],{"":{}}]`, `[1`, ``, `{"a":1,"a":2}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Decode("Acme", body)
		if err != nil {
			if json.Valid(body) && !strings.Contains(err.Error(), "more values") || etf.KindOf(err) == etf.KindInternal {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q is read, but %v", body, err)
		}
		if plain := plainOf(got); !reflect.DeepEqual(plain, want) {
			t.Errorf("%q is %v, want %v", body, plain, want)
		}
	})
}

func plainOf(v *Value) any {
	switch v.kind {
	case null:
		return nil
	case boolean:
		return v.text == "true"
	case number:
		return json.Number(v.text)
	case str:
		return v.text
	case list:
		all := make([]any, len(v.values))
		for i, c := range v.values {
			all[i] = plainOf(c)
		}
		return all
	}
	all := map[string]any{}
	for _, c := range v.values {
		all[c.name] = plainOf(c)
	}
	return all
}
