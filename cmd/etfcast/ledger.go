package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

func ledgerCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Verify the record of forecasts, and prove that a forecast is part of it",
		Long: `Every forecast is hash-chained to the one before it, and after each daily run the heads of the chains are appended to a
transparency log. Its checkpoint commits to everything before it: whoever has kept one finds any later change.`,
		Args: exactArgs(),
	}
	cmd.AddCommand(ledgerVerifyCommand(a), ledgerShowCommand(a), ledgerProofCommand(a), ledgerVerifyProofCommand(a))
	return cmd
}

// comparison is what a ledger or a proof is compared with.
type comparison struct {
	against, publicKey string
}

func (c *comparison) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.against, "against", "", "file with a checkpoint that you have kept (the body of GET /v1/ledger/checkpoint)")
	cmd.Flags().StringVar(&c.publicKey, "public-key", "", "the instance's public key, or a file with it: require that the checkpoint is signed with it")
}

// read returns the checkpoint, nil if there is none, and the text of the public key.
func (c *comparison) read() (*ledger.Checkpoint, string, error) {
	key := c.publicKey
	if key != "" && !strings.Contains(key, "+") {
		text, err := os.ReadFile(key)
		if err != nil {
			return nil, "", fileError("public-key", err)
		}
		key = string(text)
	}
	if c.against == "" {
		return nil, key, nil
	}
	saved, err := os.ReadFile(c.against)
	if err != nil {
		return nil, "", fileError("against", err)
	}
	checkpoint, err := ledger.ReadCheckpoint(saved)
	return &checkpoint, key, err
}

// readAll is read, but against may also be a folder of checkpoints as --checkpoint-dir fills it: the largest of them, and the others.
func (c *comparison) readAll() (*ledger.Checkpoint, []ledger.Checkpoint, string, error) {
	if info, err := os.Stat(c.against); c.against == "" || err != nil || !info.IsDir() {
		newest, key, err := c.read()
		return newest, nil, key, err
	}
	_, key, err := (&comparison{publicKey: c.publicKey}).read()
	if err != nil {
		return nil, nil, "", err
	}
	paths, err := filepath.Glob(filepath.Join(strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(c.against), "checkpoint-*.txt"))
	if err != nil || len(paths) == 0 {
		return nil, nil, "", etf.Invalid("against", c.against+" has no checkpoint-*.txt", "name a folder that --checkpoint-dir has filled, or a file with a checkpoint")
	}
	var list []ledger.Checkpoint
	for _, path := range paths {
		saved, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, "", fileError("against", err)
		}
		checkpoint, err := ledger.ReadCheckpoint(saved)
		if err != nil {
			return nil, nil, "", fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, checkpoint)
	}
	slices.SortFunc(list, func(a, b ledger.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	last := len(list) - 1
	return &list[last], list[:last], key, nil
}

// fileError is the error of a file that can't be read: exit code 2.
func fileError(flag string, err error) error {
	return &etf.Error{Kind: etf.KindInvalid, Field: flag, Message: "the file can't be read", Err: err, Remedy: "name a file that exists"}
}

func ledgerVerifyCommand(a *app) *cobra.Command {
	var c comparison
	var as format
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Recompute every hash of the ledger and of every forecast (exit code 1 if something was changed)",
		Long: `Read every stored forecast with its points, components, tails, fit and provenance, recompute its hash and its chain, and
recompute the log's tree with all its checkpoints. With --against, also require that the log begins with the leaves of a checkpoint that
you have kept elsewhere: only that finds what the database's owner has rewritten consistently. A single checkpoint tells that the log was
rewritten; a folder of them (checkpoint-*.txt, as --checkpoint-dir fills it) also tells between which two.

It changes nothing, needs only the pipeline's user and may run at any time. The exit code is 0 if everything is intact, 1 if
something was changed, removed or inserted (the first problem names symbol, model and position), and 2 if the checkpoint can't be read, is
of another instance or not signed with the given key.`,
		Example: "  etfcast ledger verify --against checkpoint.txt",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			against, earlier, key, err := c.readAll()
			if err != nil {
				return err
			}
			store, err := a.openStoreWith(db.Options{}) // however long the server takes to say something
			if err != nil {
				return err
			}
			defer store.Close()
			report, err := store.VerifyLedger(cmd.Context(), db.VerifyOptions{Against: against, Earlier: earlier, PublicKey: key})
			if err != nil {
				return err
			}
			if as.forPeople() {
				a.printLedgerReport(report, key != "")
			} else if err := a.encode(as, report); err != nil {
				return err
			}
			if report.Broken > 0 {
				return errors.New("the record is not as it was: compare the database with a backup")
			}
			return nil
		},
	}
	c.addFlags(cmd)
	cmd.Flags().Lookup("against").Usage = "file with a checkpoint that you have kept (the body of GET /v1/ledger/checkpoint), or a folder of them"
	as.addFlags(cmd, "", "")
	return cmd
}

func (a *app) printLedgerReport(r db.LedgerReport, checked bool) {
	for _, p := range r.Problems {
		where := "ledger"
		if p.Symbol != "" {
			where = fmt.Sprintf("%s %s %d", p.Symbol, p.Model, p.Position)
		}
		fmt.Fprintf(a.stdout, "ERROR    %-24s %s\n", where, p.Message)
	}
	if more := r.Broken - len(r.Problems); more > 0 {
		fmt.Fprintf(a.stdout, "ERROR    %-24s %d more problems\n", "", more)
	}
	state := "intact  "
	if r.Broken > 0 {
		state = "broken  "
	}
	fmt.Fprintf(a.stdout, "%s chains    %d, of %d ETFs: %d forecasts, of which %d are newer than the ledger\n", state, r.Chains, r.ETFs, r.Forecasts, r.Unanchored)
	if r.Leaves == 0 {
		fmt.Fprintf(a.stdout, "%s ledger    empty: it begins with the next daily run\n", state)
		return
	}
	signed := "unsigned"
	switch {
	case r.Signed && checked:
		signed = "signed with the key"
	case r.Signed:
		signed = "signed (not checked: --public-key)"
	}
	fmt.Fprintf(a.stdout, "%s ledger    instance %s: %d leaves, %d checkpoints, the newest %s, root %s\n", state, r.Instance, r.Leaves, r.Checkpoints, signed, r.Root)
	if r.Against > 0 && r.Broken == 0 {
		fmt.Fprintf(a.stdout, "%s against   it begins with the %d leaves of the checkpoint you kept\n", state, r.Against)
	}
}

func ledgerShowCommand(a *app) *cobra.Command {
	var onlyNote bool
	var as format
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Print the newest checkpoint of the ledger",
		Example: "  etfcast ledger show --checkpoint > checkpoint.txt",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			c, err := store.Checkpoint(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case !as.forPeople():
				return a.encode(as, c)
			case onlyNote:
				_, err = fmt.Fprint(a.stdout, c.Note)
				return err
			}
			signed := "not signed (make a key with `etfcast key init`)"
			if c.Signed {
				signed = "signed"
			}
			fmt.Fprintf(a.stdout, "%d leaves, anchored %s, %s\n\n%s", c.Size, c.At.Format("2006-01-02 15:04:05 UTC"), signed, c.Note)
			return nil
		},
	}
	as.addFlags(cmd, "", "")
	cmd.Flags().BoolVar(&onlyNote, "checkpoint", false, "print only the checkpoint, as it is to be kept")
	cmd.MarkFlagsMutuallyExclusive("json", "csv", "checkpoint")
	return cmd
}

func ledgerProofCommand(a *app) *cobra.Command {
	var out, against string
	cmd := &cobra.Command{
		Use:   "proof FORECAST",
		Short: "Print the proof that a forecast is part of the ledger, as JSON",
		Long: `Print what shows, without the database, that a forecast is part of the ledger: the links of its chain up to an anchored
head, that head's leaf and its inclusion in the log, and the newest checkpoint. With --against, also that the log has only grown since that
checkpoint. Others check it with ` + "`etfcast ledger verify-proof FILE`.",
		Example: "  etfcast ledger proof 4f0c... --against checkpoint.txt --out proof.json",
		Args:    exactArgs("FORECAST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			kept, _, err := (&comparison{against: against}).read()
			if err != nil {
				return err
			}
			store, err := a.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			since := int64(0)
			if kept != nil {
				since = kept.Size
			}
			p, err := store.LedgerProofSince(cmd.Context(), args[0], since)
			if err != nil {
				return err
			}
			text, err := json.MarshalIndent(p, "", "  ")
			if err != nil {
				return etf.Wrap(etf.KindInternal, err, "encoding a proof")
			}
			text = append(text, '\n')
			if out == "" {
				_, err = a.stdout.Write(text)
				return err
			}
			if err := renameio.WriteFile(out, text, 0o644); err != nil {
				return &etf.Error{Kind: etf.KindInvalid, Field: "out", Message: "the file can't be written", Err: err, Remedy: "name a file in a folder that exists"}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write to this file instead of standard output")
	cmd.Flags().StringVar(&against, "against", "", "file with a checkpoint that the reader has kept (the body of GET /v1/ledger/checkpoint)")
	return cmd
}

// shownJSON is what a proof has shown.
type shownJSON struct {
	Forecast etf.Forecast `json:"forecast"` // with its hash
	Instance string       `json:"instance"`
	Size     int64        `json:"size"`   // of the checkpoint's log, in leaves
	Leaf     int64        `json:"leaf"`   // the number of the leaf to which the forecast's chain leads
	Signed   bool         `json:"signed"` // the signature was checked with the public key
	Words    []string     `json:"words"`
}

func ledgerVerifyProofCommand(a *app) *cobra.Command {
	var c comparison
	var as format
	cmd := &cobra.Command{
		Use:   "verify-proof FILE",
		Short: "Check a proof, without a database (exit code 2 if it does not hold)",
		Long: `Check a proof that ` + "`etfcast ledger proof FORECAST`" + ` or GET /v1/ledger/proof has made, and say what it shows. It needs neither
database nor settings. With --public-key, the checkpoint must be signed with that key; with --against, the proof must belong to the log of a
checkpoint that you have kept. With --json, it prints the whole forecast as the proof holds it, to be compared with what was served.`,
		Example: "  etfcast ledger verify-proof proof.json --against checkpoint.txt --public-key key.pub",
		Args:    exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			kept, key, err := c.read()
			if err != nil {
				return err
			}
			data, err := os.ReadFile(args[0])
			if err != nil {
				return fileError("FILE", err)
			}
			p, err := ledger.ReadProof(data)
			if err != nil {
				return err
			}
			shown, err := p.Verify(ledger.Options{PublicKey: key, Against: kept})
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, shownJSON{shown.Forecast, shown.Checkpoint.Instance, shown.Checkpoint.Size, shown.Number, shown.Signed, shown.Words()})
			}
			for _, line := range shown.Words() {
				fmt.Fprintln(a.stdout, line)
			}
			return nil
		},
	}
	c.addFlags(cmd)
	as.addFlags(cmd, "", "")
	return cmd
}
