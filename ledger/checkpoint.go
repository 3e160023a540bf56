package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/etf"
)

// origin starts the first line of every checkpoint; the instance's ID follows.
const origin = "etfcast/"

// maxSize bounds the size of a log that is believed: the arithmetic of package tlog needs a bound far below the largest int64.
const maxSize = 1 << 48

const savedBody = "give the body of GET /v1/ledger/checkpoint as it was saved, or what `etfcast ledger show --checkpoint` prints"

// Checkpoint is the head of a log at some size, as its note says (C2SP tlog-checkpoint).
type Checkpoint struct {
	Instance string    // 32 hex digits
	Size     int64     // leaves
	Root     tlog.Hash // of the tree over them
	Note     string    // the text that was read
	Signers  []string  // names of the keys that the note claims to be signed with; empty if it is unsigned
}

// Signed reports whether the note has signatures. Whether they are good only CheckSignature says.
func (c Checkpoint) Signed() bool { return len(c.Signers) > 0 }

// checkpointText is the text of a checkpoint without signatures.
func checkpointText(instance string, size int64, root tlog.Hash) string {
	return origin + instance + "\n" + strconv.FormatInt(size, 10) + "\n" + root.String() + "\n"
}

// ParseCheckpoint reads a checkpoint: a note, signed or not. KindInvalid with Field "checkpoint" for anything else. It does not
// check signatures.
func ParseCheckpoint(text string) (Checkpoint, error) {
	c := Checkpoint{Note: text}
	body, signatures, signed := strings.Cut(text, "\n\n")
	if signed {
		body += "\n"
		if signatures == "" {
			return c, unreadable("it ends with an empty line")
		}
		for line := range strings.Lines(signatures) {
			fields := strings.Fields(line)
			if len(fields) != 3 || fields[0] != "—" || line != "— "+fields[1]+" "+fields[2]+"\n" {
				return c, unreadable(fmt.Sprintf("%q is not a signature", etf.Clip(strings.TrimSpace(line), 80)))
			}
			c.Signers = append(c.Signers, fields[1])
		}
	}
	lines := strings.Split(body, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return c, unreadable("it does not consist of three lines: origin, size and root")
	}
	var known bool
	if c.Instance, known = strings.CutPrefix(lines[0], origin); !known || !isHex(c.Instance, 32) {
		return c, unreadable(fmt.Sprintf("its first line is %q, not etfcast/ and an instance", etf.Clip(lines[0], 80)))
	}
	var err error
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 1 || c.Size > maxSize || strconv.FormatInt(c.Size, 10) != lines[1] {
		return c, unreadable(fmt.Sprintf("its size is %q", etf.Clip(lines[1], 80)))
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil || c.Root.String() != lines[2] {
		return c, unreadable(fmt.Sprintf("its root is %q", etf.Clip(lines[2], 80)))
	}
	return c, nil
}

// ReadCheckpoint reads a saved checkpoint: a note, or a JSON object with the note in its field note, and a size and a root
// that agree with it if it has them. What editors, shells and git do to line ends, and a byte order mark, is undone: it changes nothing of what
// the checkpoint says.
func ReadCheckpoint(saved []byte) (Checkpoint, error) {
	saved = bytes.TrimPrefix(saved, []byte("\ufeff"))
	if !bytes.HasPrefix(bytes.TrimLeft(saved, " \t\r\n"), []byte("{")) {
		text := strings.ReplaceAll(string(saved), "\r\n", "\n")
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return ParseCheckpoint(text)
	}
	var object etf.Checkpoint
	if err := json.Unmarshal(saved, &object); err != nil {
		return Checkpoint{}, unreadable("it is not valid JSON: " + err.Error())
	}
	c, err := ParseCheckpoint(object.Note)
	if err == nil && (object.Size != 0 && object.Size != c.Size || object.Root != "" && object.Root != c.Root.String()) {
		return c, unreadable("its size or root differs from its note's")
	}
	return c, err
}

func unreadable(reason string) error {
	return etf.Invalid("checkpoint", "it can't be read: "+reason, savedBody)
}

// CheckSignature requires a signature that the public key (the text that `etfcast key init` prints) verifies. KindInvalid: with
// Field "public_key" if the key can't be read, or the checkpoint is unsigned or signed with other keys only; with Field "checkpoint"
// if the signature does not match the text.
func (c Checkpoint) CheckSignature(publicKey string) error {
	verifier, err := note.NewVerifier(strings.TrimSpace(publicKey))
	if err != nil {
		return etf.Invalid("public_key", "it is not a public key", "give the text that `etfcast key show` prints: NAME+HASH+KEY")
	}
	if !c.Signed() {
		return etf.Invalid("public_key", "the checkpoint is not signed", "omit the key, or take a checkpoint made since the instance has a key")
	}
	_, err = note.Open([]byte(c.Note), note.VerifierList(verifier))
	var unverified *note.UnverifiedNoteError
	var bad *note.InvalidSignatureError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unverified):
		return etf.Invalid("public_key", fmt.Sprintf("the checkpoint is not signed with the key %s+%08x but with %s", verifier.Name(), verifier.KeyHash(), strings.Join(c.keys(), ", ")),
			"give the public key of the instance that made the checkpoint")
	case errors.As(err, &bad):
		return etf.Invalid("checkpoint", "its signature does not match its text: it is not what the key "+verifier.Name()+" has signed",
			"fetch it again; if it came from the instance itself, keep it as evidence")
	}
	return unreadable(err.Error())
}

// keys names the keys that the note claims to be signed with: names, and hashes as in their public keys.
func (c Checkpoint) keys() []string {
	list := slices.Clone(c.Signers)
	_, signatures, _ := strings.Cut(c.Note, "\n\n")
	i := 0
	for line := range strings.Lines(signatures) {
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:])); err == nil && len(raw) > 4 && i < len(list) {
			list[i] += fmt.Sprintf("+%x", raw[:4])
		}
		i++
	}
	return list
}

// SameLog requires that the checkpoint is of the instance's log.
func (c Checkpoint) SameLog(instance string) error {
	if c.Instance != instance {
		return etf.Invalid("checkpoint", fmt.Sprintf("it is of instance %s, not of %s", c.Instance, instance), "give a checkpoint of this instance")
	}
	return nil
}
