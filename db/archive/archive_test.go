package archive

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestLiterals(t *testing.T) {
	for _, c := range []struct {
		kind  string
		value sql.RawBytes
		want  string
	}{
		{"decimal", sql.RawBytes("12.50000000"), "12.50000000"},
		{"bigint", sql.RawBytes("18446744073709551615"), "18446744073709551615"}, // the largest unsigned value
		{"double", sql.RawBytes("0.1"), "1e-01"},
		{"double", sql.RawBytes("1.7976931348623157e308"), "1.7976931348623157e+308"},
		{"mediumblob", sql.RawBytes{0, '\'', 0xff}, "X'0027ff'"},
		{"mediumblob", sql.RawBytes{}, "X''"},
		{"varchar", sql.RawBytes("O'Brien \\ \"a\"\r\n\x00김"), `'O\'Brien \\ "a"\r\n\0김'`},
		{"text", sql.RawBytes{}, "''"},
		{"text", nil, "NULL"},
		{"date", sql.RawBytes("2025-09-26"), "'2025-09-26'"},
		{"datetime", sql.RawBytes("9999-12-31 00:00:00.000000"), "'9999-12-31 00:00:00'"},
		{"datetime", sql.RawBytes("9999-12-31 00:00:00"), "'9999-12-31 00:00:00'"},
		{"datetime", sql.RawBytes("2025-09-26 21:10:00.120000"), "'2025-09-26 21:10:00.12'"},
	} {
		got, err := appendLiteral(nil, c.kind, c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%s %q is written as %s, %v; want %s", c.kind, c.value, got, err, c.want)
		}
	}
	for kind, value := range map[string]string{"json": "{}", "double": "one"} {
		if got, err := appendLiteral(nil, kind, sql.RawBytes(value)); err == nil {
			t.Errorf("%s %q is written as %s, want an error", kind, value, got)
		}
	}
}

func TestArchiveIsNeverReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "releases")
	want := Archive{SQL: []byte("INSERT INTO `t` (`a`) VALUES (1)\n")}
	want.Facts.Release, want.Facts.Schema = "0.2.0", 8
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	other := want
	other.SQL = []byte("other")
	if err := other.Write(dir); etf.KindOf(err) != etf.KindConflict {
		t.Errorf("a second archive of one release: %v", err)
	}
	got, err := Read(dir, "0.2.0")
	if err != nil || !bytes.Equal(got.SQL, want.SQL) || got.Facts.Schema != 8 {
		t.Errorf("read %+v, %v", got, err)
	}
	names, err := Releases(dir)
	if err != nil || !reflect.DeepEqual(names, []string{"0.2.0"}) {
		t.Errorf("releases %v, %v", names, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0.2.0"+sqlEnding), []byte("not gzip"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir, "0.2.0"); err == nil {
		t.Error("a damaged archive was read without an error")
	}
}
