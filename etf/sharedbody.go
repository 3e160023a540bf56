package etf

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// SharedBody is a body that several fetches share, such as one response with every ETF of a session. It is stored once.
type SharedBody struct {
	Hash string // SHA-256 of Raw, hex
	Raw  []byte
}

// NewSharedBody returns the body with its hash.
func NewSharedBody(raw []byte) SharedBody {
	sum := sha256.Sum256(raw)
	return SharedBody{Hash: hex.EncodeToString(sum[:]), Raw: raw}
}

// ManifestType is the media type of a Manifest.
const ManifestType = "application/vnd.etfcast.shared-bodies+json"

// Manifest takes the place of Response.Raw for a response that was put together from shared bodies: it names them, by their hashes.
type Manifest struct {
	Bodies []ManifestBody `json:"shared_bodies"` // in the order in which they are read
}

// ManifestBody names one shared body.
type ManifestBody struct {
	Session   Session   `json:"session"`
	Hash      string    `json:"sha256"`
	Bytes     int       `json:"bytes"`
	MediaType string    `json:"media_type"`
	At        time.Time `json:"at"` // when it was asked for
}

// ParseManifest reads a manifest. Errors are of KindCorrupt.
func ParseManifest(raw []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, Wrap(KindCorrupt, err, "the list of shared bodies can't be read")
	}
	for i, b := range m.Bodies {
		if len(b.Hash) != 2*sha256.Size || b.Session.IsZero() {
			return m, &Error{Kind: KindCorrupt, Field: fmt.Sprintf("shared_bodies[%d]", i), Message: "it names no session, or no SHA-256"}
		}
	}
	return m, nil
}
