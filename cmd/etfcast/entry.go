package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func entryCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "entry", Short: "Enter forecasts made elsewhere, to be scored like etfcast's own"}
	cmd.AddCommand(entrySubmitCommand(a), entryCheckCommand(a), entryListCommand(a))
	return cmd
}

const entryFileHelp = `FILE is JSON as POST /v1/entries takes it, or CSV with the hubverse's columns, in any order:
origin_date,horizon,target,target_end_date,location,output_type,output_type_id,value, and if you
like model_id. "-" is standard input. docs/arena.md has examples.`

// entryFlags are the flags of the commands that read entries.
type entryFlags struct {
	model string
	late  bool
	as    format
}

func (f *entryFlags) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.model, "model", "", "name under which the forecasts are entered, if the file has none")
	flags.BoolVar(&f.late, "late", false, "take entries after their deadline too: they are scored and marked late")
	f.as.addFlags(cmd, "", "")
}

func entrySubmitCommand(a *app) *cobra.Command {
	var f entryFlags
	var key ledgerSettings
	cmd := &cobra.Command{
		Use:   "submit FILE",
		Short: "Enter forecasts: all that the file has, or none",
		Long: `Enter forecasts: all that the file has, or none.

` + entryFileHelp + `

An entry must come before the open of the session after its origin. Entries are kept in the same
ledger as etfcast's own forecasts and scored the same; they are never served. Each ETF and origin
can be entered once.`,
		Example: "  etfcast entry submit naive.csv --model naive\n  python3 mine.py | etfcast entry submit -",
		Args:    exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := readEntries(cmd, args[0], f)
			if err != nil {
				return err
			}
			signer, err := key.signer()
			if err != nil {
				return usageError{err}
			}
			a.checkpointNote, a.checkpoints = signer.Note, key
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			receipt, err := svc.Enter(cmd.Context(), request)
			if err != nil {
				return err
			}
			if !f.as.forPeople() {
				items := entriesJSON(receipt.Entries)
				return a.encodeRows(f.as, entryReceiptJSON{
					Model: receipt.Model, Items: items, Checkpoint: receipt.Checkpoint, NotAnchored: receipt.NotAnchored,
				}, items)
			}
			if err := writeEntries(a.stdout, receipt.Entries); err != nil {
				return err
			}
			if receipt.Checkpoint == nil {
				_, err = fmt.Fprintf(a.stdout, "\nstored, and not anchored yet: %s\n", receipt.NotAnchored)
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "\nThe checkpoint with %d leaves covers them. Keep it to prove what was entered when:\n\n%s", receipt.Checkpoint.Size, receipt.Checkpoint.Note)
			return err
		},
	}
	f.addFlags(cmd)
	key.addFlags(cmd.Flags())
	return cmd
}

func entryCheckCommand(a *app) *cobra.Command {
	var f entryFlags
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check entries against calendar, clock and registry; stores nothing",
		Long: `Check entries against calendar, clock and registry, and store nothing.

` + entryFileHelp,
		Example: "  etfcast entry check naive.csv --model naive",
		Args:    exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := readEntries(cmd, args[0], f)
			if err != nil {
				return err
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			entered, err := svc.CheckEntries(cmd.Context(), request)
			if err != nil {
				return err
			}
			if !f.as.forPeople() {
				return a.encode(f.as, entriesJSON(entered))
			}
			return writeEntries(a.stdout, entered)
		},
	}
	f.addFlags(cmd)
	return cmd
}

func entryListCommand(a *app) *cobra.Command {
	var q service.EntryQuery
	var as format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the entrants, or with --model the entries of one",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Model == "" && q.Symbol != "" {
				return usageError{etf.Invalid("symbol", "--symbol selects entries of one entrant", "name the entrant with --model")}
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			if q.Model == "" {
				entrants, err := svc.Entrants(cmd.Context())
				if err != nil {
					return err
				}
				if !as.forPeople() {
					return a.encode(as, entrants)
				}
				return writeEntrants(a.stdout, entrants)
			}
			page, next, err := svc.Entries(cmd.Context(), q)
			if err != nil {
				return err
			}
			if !as.forPeople() {
				return a.encode(as, entriesJSON(page))
			}
			if err := writeEntries(a.stdout, page); err != nil {
				return err
			}
			if next != (etf.EntryPosition{}) {
				_, err = fmt.Fprintf(a.stdout, "There are more: name one ETF with --symbol, or show up to %d with --limit.\n", service.MaxPage)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&q.Model, "model", "", "the entrant whose entries are listed")
	cmd.Flags().StringVar(&q.Symbol, "symbol", "", "only entries of this ETF")
	cmd.Flags().IntVar(&q.Limit, "limit", 100, "maximum number of entries")
	as.addFlags(cmd, "", "")
	return cmd
}

// maxEntryFile is the size of a file with the most entries there can be, and some to spare.
const maxEntryFile = 16 << 20

// readEntries reads a file of entries, or standard input: JSON if it begins with a brace, and CSV otherwise.
func readEntries(cmd *cobra.Command, path string, f entryFlags) (service.EntryRequest, error) {
	var request service.EntryRequest
	files := inOut{ctx: cmd.Context(), stdin: cmd.InOrStdin()}
	err := files.scan("FILE", path, func(in io.Reader) error {
		raw, err := io.ReadAll(io.LimitReader(in, maxEntryFile+1))
		if err != nil {
			return err
		}
		if len(raw) > maxEntryFile {
			return etf.Invalid("FILE", fmt.Sprintf("it is larger than %d MiB", maxEntryFile>>20), fmt.Sprintf("submit at most %d entries at once", etf.MaxEntries))
		}
		mediaType := "text/csv"
		if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
			mediaType = "application/json"
		}
		request, err = api.ReadEntries(raw, mediaType, f.model)
		return err
	})
	request.Late = request.Late || f.late
	return request, err
}

// entryJSON is an entry as the commands print it, with the names that the API uses.
type entryJSON struct {
	ID       string       `json:"id,omitempty"`
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Model    string       `json:"model"`
	Origin   etf.Session  `json:"origin"`
	Deadline time.Time    `json:"deadline"`
	IssuedAt time.Time    `json:"issued_at"`
	Standing etf.Standing `json:"standing"`
	Horizons []int        `json:"horizons"`
	Chain    *entryChain  `json:"chain,omitempty"` // nil for an entry that is not stored
}

type entryChain struct {
	Position int64  `json:"position"`
	Hash     string `json:"hash"`
}

// entryReceiptJSON is the result of submitting entries.
type entryReceiptJSON struct {
	Model       string          `json:"model"`
	Items       []entryJSON     `json:"items"`
	Checkpoint  *etf.Checkpoint `json:"checkpoint"`
	NotAnchored string          `json:"not_anchored,omitempty"`
}

func entriesJSON(list []service.Entered) []entryJSON {
	out := make([]entryJSON, len(list))
	for i, e := range list {
		out[i] = entryJSON{e.ID, e.Symbol, e.Exchange, e.Model, e.Origin, e.Deadline, e.IssuedAt, e.Standing, horizonsOf(e), nil}
		if e.Chain > 0 {
			out[i].Chain = &entryChain{e.Chain, e.Hash}
		}
	}
	return out
}

func horizonsOf(e service.Entered) []int {
	list := make([]int, len(e.Points))
	for i, p := range e.Points {
		list[i] = p.Horizon
	}
	return list
}

func writeEntries(w io.Writer, list []service.Entered) error {
	t := newTable(w, "SYMBOL", "ORIGIN", "HORIZONS", "STANDING", "DEADLINE", "FORECAST").spare("DEADLINE", "HORIZONS")
	for _, e := range list {
		horizons := make([]string, len(e.Points))
		for i, h := range horizonsOf(e) {
			horizons[i] = strconv.Itoa(h)
		}
		t.row(e.Symbol, e.Origin, strings.Join(horizons, ","), e.Standing, e.Deadline.UTC().Format(time.RFC3339), dash(e.ID))
	}
	return t.flush()
}

func writeEntrants(w io.Writer, list []etf.Entrant) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "Nobody has entered forecasts yet.")
		return err
	}
	t := newTable(w, "MODEL", "SINCE")
	for _, e := range list {
		t.row(e.Model, e.RegisteredAt.UTC().Format(time.RFC3339))
	}
	return t.flush()
}
