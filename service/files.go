package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/filecheck"
	"github.com/etfcast/etfcast/quality"
)

// MaxFileBytes is the largest file of prices that is checked or kept for a client.
const MaxFileBytes = 8 << 20

// PriceFolder keeps files of prices where source "file" finds them.
type PriceFolder interface {
	// Keep stores the file under its name, whole or not at all, and returns what source "file" calls it; created is false if the same
	// file is kept already. KindConflict for a different one, which stays as it is.
	Keep(ctx context.Context, name string, raw []byte) (ref string, created bool, err error)
}

// ErrNoPriceFolder is returned if no folder for files of prices is configured.
var ErrNoPriceFolder = &etf.Error{Kind: etf.KindDenied, Field: "upload-dir", Message: "this installation keeps no files for its clients",
	Remedy: "its operator can set --upload-dir (ETFCAST_UPLOAD_DIR) to the folder of --file-dir or one inside it"}

// FileRequest is a file of prices to check, as the user gave it.
type FileRequest struct {
	Exchange string // required
	Symbol   string // what the file is called in findings; needed to keep it
	Session  string // that the file is checked for; "" = its newest that has closed
	Options  string // of the file source: "basis=as_traded&dates=dmy"
	Raw      []byte
}

// CheckedFile is what a check has found.
type CheckedFile struct {
	filecheck.Result
	Exchange etf.Exchange
	remedy   string // about a file that can't be read; the only finding says so
}

// FileFinding is what one rule says of an unbroken run of a file's sessions, and what to do about it once the rows are stored.
type FileFinding struct {
	filecheck.Line
	Remedy string
}

// Findings returns the first n findings at most.
func (c CheckedFile) Findings(n int) []FileFinding {
	list := make([]FileFinding, min(n, len(c.Lines)))
	for i := range list {
		list[i] = FileFinding{c.Lines[i], cmp.Or(c.remedy, quality.Remedy(c.Lines[i].Rule))}
	}
	return list
}

// OK reports whether no finding is an error.
func (c CheckedFile) OK() bool { return c.Severity() != etf.SeverityError }

// CheckFile checks a file by the rules that a daily update applies to an ETF's first response. Nothing is stored. A file that can't be read is a
// finding, not an error; what is wrong with the rest of the request is reported at once, as KindInvalid.
func (s *Service) CheckFile(r FileRequest) (CheckedFile, error) {
	o := filecheck.Options{Now: s.now()}
	var symbolErr, sessionErr, optionsErr error
	exchange, exchangeErr := etf.ParseExchange(r.Exchange)
	o.Exchange = exchange
	if r.Symbol != "" {
		_, symbolErr = etf.ParseSymbol(r.Symbol)
	}
	if r.Session != "" {
		o.Session, sessionErr = etf.ParseSession(r.Session)
	}
	if strings.ContainsFunc(r.Options, func(c rune) bool { return c < '!' || c > '~' || c == '?' }) {
		optionsErr = etf.Invalid("options", fmt.Sprintf("%q are not options of a file source", etf.Clip(r.Options, etf.MaxQuoted)), "write key=value&key=value")
	}
	if err := errors.Join(exchangeErr, symbolErr, sessionErr, optionsErr); err != nil {
		return CheckedFile{}, err
	}
	f := filecheck.File{Name: fileOf(cmp.Or(r.Symbol, "file"), r.Options), Raw: r.Raw}
	found, err := filecheck.Check(f, o)
	var e *etf.Error
	switch {
	case err == nil:
	case etf.KindOf(err) == etf.KindCorrupt && errors.As(err, &e):
		line := filecheck.Unreadable(f, err)
		line.Evidence = etf.Clip(line.Evidence, maxEvidence)
		return CheckedFile{Exchange: exchange, Result: filecheck.Result{Lines: []filecheck.Line{line}}, remedy: e.Remedy}, nil
	case errors.As(err, &e) && e.Field == "ref":
		return CheckedFile{}, etf.WithField(err, "options")
	default:
		return CheckedFile{}, err
	}
	return CheckedFile{Exchange: exchange, Result: found}, nil
}

// maxEvidence is the most bytes of evidence, as in a finding.
const maxEvidence = 1000

func fileOf(symbol, options string) string {
	if options == "" {
		return symbol + ".csv"
	}
	return symbol + ".csv?" + options
}

// KeptFile is a file that an ETF can be registered with.
type KeptFile struct {
	Ref    string // what source "file" calls it, with its options
	SHA256 string
	Rows   int
}

// KeepFile checks a file and keeps it as SYMBOL.csv; created is false if the same file is kept already. The errors are those of CheckFile,
// ErrNoPriceFolder, KindConflict for a different file under that name, and KindInvalid with what was found for one from which no row
// would be used.
func (s *Service) KeepFile(ctx context.Context, r FileRequest) (kept KeptFile, created bool, err error) {
	if s.files == nil {
		return KeptFile{}, false, ErrNoPriceFolder
	}
	if r.Symbol == "" {
		return KeptFile{}, false, etf.Invalid("symbol", "no symbol is given", "give the one that the ETF has or will have")
	}
	found, err := s.CheckFile(r)
	if err != nil {
		return KeptFile{}, false, err
	}
	if err := found.refused(); err != nil {
		return KeptFile{}, false, err
	}
	ref, created, err := s.files.Keep(ctx, fileOf(r.Symbol, ""), r.Raw)
	if err != nil {
		return KeptFile{}, false, err
	}
	options := r.Options
	if found.WholeLastLine {
		// Whoever sent the file has sent all of it; without the option, a daily run would wait for the rest of the line.
		options = strings.TrimPrefix(options+"&last_line=complete", "&")
	}
	if options != "" {
		ref += "?" + options
	}
	sum := sha256.Sum256(r.Raw)
	return KeptFile{Ref: ref, SHA256: hex.EncodeToString(sum[:]), Rows: len(found.Bars)}, created, nil
}

// maxRefusals is how many findings a refusal lists.
const maxRefusals = 20

// refused returns why nothing of the file would be used; nil if some of it would be.
func (c CheckedFile) refused() error {
	used := slices.ContainsFunc(c.Verdicts, func(v etf.Verdict) bool { return v == etf.VerdictKeep || v == etf.VerdictHold })
	if used {
		return nil
	}
	var problems []error
	for _, l := range c.Lines {
		if l.Severity == etf.SeverityError && len(problems) < maxRefusals {
			problems = append(problems, etf.Invalid("body", l.Rule+": "+strings.TrimSuffix(l.Evidence, "; "+c.remedy), cmp.Or(c.remedy, "correct the file, and look at it with POST /v1/check")))
		}
	}
	if problems == nil {
		return etf.Invalid("body", "the file has no row that can be used", "export it again")
	}
	return errors.Join(problems...)
}
