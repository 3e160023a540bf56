package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"strings"
	"unicode"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/etf"
)

// GenerateKey makes an Ed25519 key with the name, as the texts of package note. KindInvalid with Field "name" if the name is empty or
// contains spaces or a plus sign.
func GenerateKey(name string) (private, public string, err error) {
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool {
		return r == '+' || r > unicode.MaxASCII || !unicode.IsGraphic(r) || unicode.IsSpace(r)
	}) {
		return "", "", etf.Invalid("name", "it can't name a key", "use up to 100 letters, digits, dots, slashes and hyphens")
	}
	private, public, err = note.GenerateKey(rand.Reader, name)
	return private, public, etf.Wrap(etf.KindInternal, err, "making a key")
}

// Signer signs checkpoints. A nil Signer leaves them unsigned.
type Signer struct {
	signer note.Signer
	public string
}

// NewSigner reads a private key as GenerateKey made it, with or without a line end. KindInvalid with Field "ledger-key" if it isn't one.
func NewSigner(private string) (*Signer, error) {
	private = strings.TrimSpace(private)
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, etf.Invalid("ledger-key", "the file holds no private key", "name a file that `etfcast key init` has written")
	}
	parts := strings.SplitN(private, "+", 5) // PRIVATE+KEY+<name>+<hash>+<algorithm and seed>, which NewSigner has checked
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, etf.Invalid("ledger-key", "the file holds no Ed25519 key", "name a file that `etfcast key init` has written")
	}
	public, err := note.NewEd25519VerifierKey(signer.Name(), ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
	return &Signer{signer: signer, public: public}, etf.Wrap(etf.KindInternal, err, "deriving the public key")
}

// PublicKey is the text with which others verify the signatures; empty for a nil Signer.
func (s *Signer) PublicKey() string {
	if s == nil {
		return ""
	}
	return s.public
}

// Note makes the text of a checkpoint: etf.CheckpointNote.
func (s *Signer) Note(instance string, size int64, root [32]byte) (text string, signed bool, err error) {
	text = checkpointText(instance, size, tlog.Hash(root))
	if s == nil {
		return text, false, nil
	}
	message, err := note.Sign(&note.Note{Text: text}, s.signer)
	if err != nil {
		return "", false, etf.Wrap(etf.KindInternal, err, "signing a checkpoint")
	}
	return string(message), true, nil
}
