package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/etf"
)

// ProofVersion is the version of the form of a Proof.
const ProofVersion = 1

const proofAgain = "make the proof again with `etfcast ledger proof FORECAST`"

// Proof shows, without the database, that a forecast is part of a log: the links of its chain from the forecast to an anchored head,
// the leaf of that head, its inclusion in the tree, and the checkpoint of that tree.
type Proof struct {
	Version  int    `json:"version"`
	Forecast string `json:"forecast"` // ID
	// Links are the texts of the forecasts that the hashes cover (AppendForecast): first the forecast's, last that of the head that
	// the leaf names.
	Links      []string `json:"links"`
	Leaf       Leaf     `json:"leaf"`
	Number     int64    `json:"number"`     // of the leaf, from 0
	Inclusion  []string `json:"inclusion"`  // hashes, base64 (RFC 6962, audit path)
	Checkpoint string   `json:"checkpoint"` // the note
	// Since shows that the log has only grown since an earlier size; nil if that wasn't asked for.
	Since *Consistency `json:"since,omitempty"`
}

// Consistency shows that a log of another, larger size begins with the same leaves.
type Consistency struct {
	Size   int64    `json:"size"`   // the smaller
	Hashes []string `json:"hashes"` // base64 (RFC 6962, consistency proof)
}

// ReadProof reads the JSON of a proof. KindInvalid with Field "proof" for anything else.
func ReadProof(data []byte) (Proof, error) {
	var form struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return Proof{}, etf.Invalid("proof", "it is not the JSON of a proof: "+err.Error(), "give a file that `etfcast ledger proof FORECAST` has written")
	}
	if form.Version != ProofVersion {
		return Proof{}, etf.Invalid("proof", fmt.Sprintf("it has the version %d; this etfcast reads %d", form.Version, ProofVersion), "use the etfcast that it was made with")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var p Proof
	if err := d.Decode(&p); err != nil {
		return Proof{}, etf.Invalid("proof", "it is not the JSON of a proof: "+err.Error(), "give a file that `etfcast ledger proof FORECAST` has written")
	}
	return p, nil
}

// Options says what a proof is checked with beyond itself.
type Options struct {
	PublicKey string      // requires that the checkpoint is signed with this key
	Against   *Checkpoint // requires that the log is the one of this checkpoint, which the verifier has kept
}

// Shown is what a proof has shown.
type Shown struct {
	Forecast   etf.Forecast // with its hash
	Links      int          // from the forecast to the anchored head, both included
	Leaf       Leaf
	Number     int64
	Checkpoint Checkpoint
	Signed     bool   // a signature was checked with the public key
	Key        string // the name of that key
	Against    *Checkpoint
}

// Words says in words what was shown and what wasn't.
func (s Shown) Words() []string {
	f := s.Forecast
	list := []string{
		fmt.Sprintf("Forecast %s of %s by %s from %s, position %d of its chain, issued at %s, has the hash %s.",
			f.ID, f.Symbol, f.Model, f.Origin, f.Chain, f.IssuedAt.Format("2006-01-02T15:04:05.999999Z07:00"), f.Hash),
		fmt.Sprintf("With the %d that follow it, it leads to leaf %d of the log of instance %s, of %d leaves.", s.Links-1, s.Number, s.Checkpoint.Instance, s.Checkpoint.Size),
	}
	for i, p := range f.Points {
		if i == 0 || i == len(f.Points)-1 {
			list = append(list, fmt.Sprintf("For %s, horizon %d, it says: mean %v, quantiles %v at %v.", p.Target, p.Horizon, p.Mean, p.Quantiles, etf.QuantileLevels))
		}
	}
	if f.FitHash != "" {
		list = append(list, "Of its fit, it holds only the hash.")
	}
	switch {
	case s.Signed:
		list = append(list, "The checkpoint of that log is signed with "+s.Key+".")
	case s.Checkpoint.Signed():
		list = append(list, "The checkpoint's signature was not checked: give the instance's public key with --public-key.")
	default:
		list = append(list, "The checkpoint is not signed.")
	}
	if s.Against != nil {
		list = append(list, fmt.Sprintf("That log begins with the %d leaves of the checkpoint you kept.", min(s.Against.Size, s.Checkpoint.Size)))
		if s.Number < s.Against.Size {
			return append(list, "So the forecast is as it was when you kept that checkpoint.")
		}
		return append(list, "The forecast was anchored after that checkpoint, so when it was issued rests on the newer checkpoint alone.")
	}
	return append(list, "Nothing shows when the checkpoint was made: compare it with one you have kept (--against).")
}

// Verify checks a proof, without anything but the options. An error is of KindInvalid and names the part of the proof that does not
// hold.
func (p Proof) Verify(o Options) (Shown, error) {
	shown := Shown{Leaf: p.Leaf, Number: p.Number, Links: len(p.Links), Against: o.Against}
	if p.Version != ProofVersion {
		return shown, etf.Invalid("proof", fmt.Sprintf("it has the version %d; this etfcast reads %d", p.Version, ProofVersion), "use the etfcast that it was made with")
	}
	if err := p.Leaf.check(); err != nil {
		return shown, err
	}
	forecast, err := p.checkLinks()
	if err != nil {
		return shown, err
	}
	shown.Forecast = forecast
	if shown.Checkpoint, err = ParseCheckpoint(p.Checkpoint); err != nil {
		return shown, err
	}
	inclusion, err := ParseHashes(p.Inclusion, "inclusion")
	if err != nil {
		return shown, err
	}
	c := shown.Checkpoint
	if tlog.CheckRecord(inclusion, c.Size, c.Root, p.Number, p.Leaf.RecordHash()) != nil {
		return shown, etf.Invalid("inclusion", fmt.Sprintf("leaf %d is not part of the checkpoint's log", p.Number), proofAgain)
	}
	if o.PublicKey != "" {
		if err := c.CheckSignature(o.PublicKey); err != nil {
			return shown, err
		}
		verifier, err := note.NewVerifier(strings.TrimSpace(o.PublicKey))
		if err != nil {
			return shown, err
		}
		shown.Signed, shown.Key = true, verifier.Name()
	}
	if o.Against != nil {
		return shown, p.checkAgainst(c, *o.Against)
	}
	return shown, nil
}

// checkLinks follows the chain from the forecast to the head that the leaf names, and returns the forecast with its hash.
func (p Proof) checkLinks() (etf.Forecast, error) {
	var first, before etf.Forecast
	for i, text := range p.Links {
		field := fmt.Sprintf("links[%d]", i)
		f, err := readLink(text, field)
		if err != nil {
			return first, err
		}
		switch {
		case f.Symbol != p.Leaf.Symbol || f.Model != p.Leaf.Model:
			return first, etf.Invalid(field, fmt.Sprintf("it is of %s and %s, but the leaf is of %s and %s", f.Symbol, f.Model, p.Leaf.Symbol, p.Leaf.Model), proofAgain)
		case i > 0 && (f.Chain != before.Chain+1 || f.PrevHash != before.Hash):
			return first, etf.Invalid(field, fmt.Sprintf("it does not follow position %d of its chain", before.Chain), proofAgain)
		}
		f.Hash = LinkHash(f.PrevHash, []byte(text))
		if i == 0 {
			first = f
		}
		before = f
	}
	switch {
	case len(p.Links) == 0:
		return first, etf.Invalid("links", "there are none", proofAgain)
	case first.ID != p.Forecast:
		return first, etf.Invalid("links[0]", fmt.Sprintf("it is forecast %s, not %s", etf.Clip(first.ID, 40), etf.Clip(p.Forecast, 40)), proofAgain)
	case before.Chain != p.Leaf.Position || before.Hash != p.Leaf.Hash:
		return first, etf.Invalid("leaf", fmt.Sprintf("its hash is not that of position %d, to which the links lead", before.Chain), proofAgain)
	}
	return first, nil
}

func (p Proof) checkAgainst(c, kept Checkpoint) error {
	if err := kept.SameLog(c.Instance); err != nil {
		return err
	}
	switch {
	case kept.Size == c.Size && kept.Root == c.Root:
		return nil
	case kept.Size == c.Size:
		return etf.Invalid("checkpoint", fmt.Sprintf("the proof's log of %d leaves is not the one of the checkpoint you kept", c.Size),
			"one of the two was forged: keep both as evidence")
	case kept.Size > c.Size || p.Since == nil || p.Since.Size != kept.Size:
		return etf.Invalid("since", fmt.Sprintf("the proof does not relate its log of %d leaves to that of %d", c.Size, kept.Size),
			"make the proof with `etfcast ledger proof FORECAST --against FILE`")
	}
	hashes, err := ParseHashes(p.Since.Hashes, "since")
	if err != nil {
		return err
	}
	if tlog.CheckTree(hashes, c.Size, c.Root, kept.Size, kept.Root) != nil {
		return etf.Invalid("since", fmt.Sprintf("the proof's log does not begin with the %d leaves of the checkpoint you kept", kept.Size),
			"make the proof again; if that does not help, the log was rewritten: keep both as evidence")
	}
	return nil
}

// ParseHashes reads hashes in base64. KindInvalid with the field if one isn't.
func ParseHashes(list []string, field string) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(list))
	for i, text := range list {
		h, err := tlog.ParseHash(text)
		if err != nil || h.String() != text {
			return nil, etf.Invalid(fmt.Sprintf("%s[%d]", field, i), "it is not a hash", proofAgain)
		}
		hashes[i] = h
	}
	return hashes, nil
}

// FormatHashes writes hashes in base64.
func FormatHashes(list []tlog.Hash) []string {
	texts := make([]string, len(list))
	for i, h := range list {
		texts[i] = h.String()
	}
	return texts
}
