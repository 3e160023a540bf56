package ledger

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestReadCheckpoint(t *testing.T) {
	private, public, err := GenerateKey("etfcast/a")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	_, b := logOf(Leaf{Symbol: "SPY", Model: "drift", Position: 1, Hash: strings.Repeat("a", 64)})
	for _, s := range []*Signer{signer, nil} {
		c := checkpointOf(t, b, s)
		object, err := json.Marshal(etf.Checkpoint{Size: c.Size, Root: c.Root.String(), Note: c.Note, Signed: c.Signed()})
		if err != nil {
			t.Fatal(err)
		}
		for _, saved := range []string{c.Note, strings.TrimSuffix(c.Note, "\n"), "\ufeff" + strings.ReplaceAll(c.Note, "\n", "\r\n"), "\ufeff" + string(object), string(object), "\n " + string(object) + "\n", `{"note":` + string(mustJSON(t, c.Note)) + `}`} {
			got, err := ReadCheckpoint([]byte(saved))
			if err != nil || got.Note != c.Note || got.Root != c.Root {
				t.Errorf("%v of %q", err, saved)
			}
		}
		for name, saved := range map[string]string{
			"empty": "", "an empty line": "\n", "cut off": c.Note[:len(instance)+20], "carriage returns alone": strings.ReplaceAll(c.Note, "\n", "\r"),
			"another origin": "x" + c.Note, "no instance": strings.Replace(c.Note, instance, "", 1), "capitals": strings.Replace(c.Note, instance, strings.ToUpper(instance), 1),
			"a leading zero": strings.Replace(c.Note, "\n2\n", "\n02\n", 1), "size 0": strings.Replace(c.Note, "\n2\n", "\n0\n", 1),
			"a negative size": strings.Replace(c.Note, "\n2\n", "\n-2\n", 1), "no number": strings.Replace(c.Note, "\n2\n", "\nx\n", 1),
			"a short root": strings.Replace(c.Note, "=\n", "\n", 1), "a line more": strings.Replace(c.Note, "=\n", "=\nextra\n", 1),
			"bytes after it": c.Note + "x", "an empty line at the end": c.Note + "\n", "no JSON": "{", "another size": strings.Replace(string(object), `"size":2`, `"size":3`, 1),
			"a list": "[]", "JSON without a note": "{}",
		} {
			_, err := ReadCheckpoint([]byte(saved))
			wantField(t, name, err, "checkpoint")
		}
	}
	c := checkpointOf(t, b, signer)
	if err := c.CheckSignature(" " + public + "\n"); err != nil {
		t.Error(err)
	}
	_, other, _ := GenerateKey("etfcast/a")
	err = c.CheckSignature(other)
	wantField(t, "another key of that name", err, "public_key")
	keyOf := func(public string) string { return public[:len("etfcast/a+00000000")] }
	if want := "with the key " + keyOf(other) + " but with " + keyOf(public); !strings.Contains(err.Error(), want) {
		t.Errorf("%v, not %q", err, want)
	}
	wantField(t, "no key", c.CheckSignature(private), "public_key")
	wantField(t, "unsigned", checkpointOf(t, b, nil).CheckSignature(public), "public_key")
	edited, err := ParseCheckpoint(strings.Replace(c.Note, "\n2\n", "\n3\n", 1))
	if err != nil {
		t.Fatal(err)
	}
	wantField(t, "edited", edited.CheckSignature(public), "checkpoint")
	wantField(t, "another instance", c.SameLog(strings.Repeat("0", 32)), "checkpoint")
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeys(t *testing.T) {
	for _, name := range []string{"", "a b", "a+b", "é", "a\n", strings.Repeat("a", 101)} {
		_, _, err := GenerateKey(name)
		wantField(t, name, err, "name")
	}
	_, public, _ := GenerateKey("etfcast/a")
	for _, text := range []string{"", "x", public, "PRIVATE+KEY+a+00000000+AAAA"} {
		_, err := NewSigner(text)
		wantField(t, text, err, "ledger-key")
	}
	if (*Signer)(nil).PublicKey() != "" {
		t.Error("a nil signer has a public key")
	}
}

// The texts are what others verify: they never change. The root was computed with sha256sum over the texts (RFC 6962).
func TestTexts(t *testing.T) {
	if got := string(Genesis(instance).Text()); got != "etfcast ledger v1\n"+instance+"\n" {
		t.Errorf("%q", got)
	}
	if got := string(Leaf{Symbol: "069500", Model: "drift", Position: 12, Hash: "ab"}.Text()); got != "etfcast leaf v1\n069500\ndrift\n12\nab\n" {
		t.Errorf("%q", got)
	}
	_, b := logOf()
	want := "etfcast/" + instance + "\n1\n" + genesisRoot + "\n"
	if got, _, _ := (*Signer)(nil).Note(instance, b.Size(), b.Root()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// genesisRoot is SHA-256 over a zero byte and the text of the genesis leaf, from: printf '\\0etfcast ledger v1\\n...\\n' | sha256sum | xxd -r -p | base64.
const genesisRoot = "+y2Mf014nQC2JZRYM6vOtw09ZGm7hrW7V/DMhKEURAc="
