package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/etfcast/etfcast/etf"
)

// CheckConsistency requires that the log of the later checkpoint begins with that of the earlier one, as hashes (base64, RFC 6962,
// consistency proof) are to show. KindInvalid with Field "hashes" if they don't.
func CheckConsistency(hashes []string, earlier, later Checkpoint) error {
	proof, err := ParseHashes(hashes, "hashes")
	if err != nil {
		return err
	}
	if err := later.SameLog(earlier.Instance); err != nil {
		return err
	}
	if tlog.CheckTree(proof, later.Size, later.Root, earlier.Size, earlier.Root) != nil {
		return etf.Invalid("hashes", fmt.Sprintf("they do not show that the log of %d leaves begins with that of %d", later.Size, earlier.Size),
			"ask for them again; if that does not help, the log was rewritten: keep both checkpoints as evidence")
	}
	return nil
}
