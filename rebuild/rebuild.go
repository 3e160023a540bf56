package rebuild

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Parse parses the stored body of a fetch as its source did. The query has the ETF's exchange, currency, the window asked for and
// the instant of the fetch; the reference is in the fetch's request.
type Parse func(q etf.Query, f etf.Fetch, body []byte) (etf.Response, error)

// Inputs is what an ETF's data are rebuilt from.
type Inputs struct {
	Past etf.Past
	// Version is the data version to rebuild.
	Version int64
	// Parsers are those of the sources, by name.
	Parsers map[string]Parse
	// CodeVersion is that of the running program, whose rules judge. If it is empty, those of other versions count as its own.
	CodeVersion string
	// Body returns the stored body of a fetch: KindNotFound if there is none, KindCorrupt if it can't be unpacked.
	Body func(fetch string) ([]byte, error)
}

// Result is an ETF's data as rebuilt.
type Result struct {
	Version int64 `json:"data_version"`
	// Fetches is how many responses were compared with their hashes: those that were parsed, which have Rows rows, and those that had
	// findings and changed nothing.
	Fetches int `json:"fetches"`
	Rows    int `json:"rows"`
	// Bars is how many bars there are as of the version, used or not.
	Bars int `json:"bars"`
	// Decided is how many of these are as a person decided, Released how many the market's moves released.
	Decided  int `json:"decided"`
	Released int `json:"released"`
	// Differences are the first differences from what is recorded, ascending by version and session; at most maxDifferences.
	Differences []Difference `json:"differences,omitempty"`
	// Otherwise are the versions whose responses another code version judged, and that its rules would make differently: the first
	// difference of each. They are taken as recorded, after a check that their numbers are those of the responses.
	Otherwise []Difference `json:"otherwise,omitempty"`

	version etf.PastVersion
	bars    []etf.StoredBar
	stated  []etf.StatedAction
}

const maxDifferences = 20

// Difference is one difference between what was rebuilt and what is recorded.
type Difference struct {
	Version int64       `json:"data_version"`
	Cause   string      `json:"cause"`    // of the version
	CauseID string      `json:"cause_id"` // such as the fetch
	Session etf.Session `json:"session,omitzero"`
	Field   string      `json:"field"`   // such as "close"
	Rebuilt string      `json:"rebuilt"` // empty if there is nothing
	Stored  string      `json:"stored"`
	// JudgedBy are the code versions that may have judged the response, if this program's is not the only one.
	JudgedBy []string `json:"judged_by,omitempty"`
}

// What names the part of the data that differs.
func (d Difference) What() string {
	if d.Session.IsZero() {
		return d.Field
	}
	return fmt.Sprintf("%s of %s", d.Field, d.Session)
}

// RebuiltText is what was rebuilt, in words if it is nothing.
func (d Difference) RebuiltText() string { return cmp.Or(d.Rebuilt, "nothing") }

// StoredText is what is recorded, in words if it is nothing.
func (d Difference) StoredText() string { return cmp.Or(d.Stored, "nothing") }

// String says what differs in one sentence.
func (d Difference) String() string {
	return fmt.Sprintf("data version %d (%s %s): %s is %s as rebuilt, but %s is stored", d.Version, d.Cause, d.CauseID, d.What(), d.RebuiltText(), d.StoredText())
}

// History returns the series that a forecast was made from: the bars in use up to and including session to, at most the newest
// limit of them, and the accepted splits.
func (r Result) History(to etf.Session, limit int) etf.History {
	h := etf.History{DataVersion: r.version.DataVersion, AsOf: r.version.KnownFrom}
	for _, b := range r.bars {
		switch {
		case b.Session > to:
		case !b.Quarantined && !b.Held:
			h.Bars = append(h.Bars, etf.StoredBar{Bar: etf.Bar{Session: b.Session, Close: b.Close, Volume: etf.VolumeUnknown}, Basis: b.Basis})
		case b.Held && b.Session == to:
			h.Held = true
		}
	}
	h.Bars = h.Bars[max(0, len(h.Bars)-limit):]
	for _, a := range r.stated {
		if a.Kind == etf.Split && a.Status == etf.Accepted {
			h.Splits = append(h.Splits, etf.Action{Kind: etf.Split, Ex: a.Ex, Numerator: a.Numerator, Denominator: a.Denominator})
		}
	}
	return h
}

// Data rebuilds an ETF's data as of a version. Errors: KindNotFound with Field "fetch" for a response whose body is not stored,
// KindInvalid for a version that there is not and for a source without a parser, KindConflict with Field "code_version" for a response
// that another code version could parse and this one can't. A body that differs from its hash is a difference, and ends the work.
func Data(in Inputs) (Result, error) {
	n := slices.IndexFunc(in.Past.Versions, func(v etf.PastVersion) bool { return v.Number == in.Version })
	if n < 0 && in.Version != 0 {
		return Result{}, etf.Invalid("data_version", fmt.Sprintf("%s has no data version %d", in.Past.ETF.Symbol, in.Version),
			fmt.Sprintf("`etfcast etf versions %s` lists its versions", in.Past.ETF.Symbol))
	}
	b := builder{in: in, result: Result{Version: in.Version}, fetches: map[string]etf.PastFetch{}, parsed: map[string]etf.Response{},
		judged: map[string]*judged{}, seconds: map[string]etf.SecondOpinion{}, written: map[int64][]etf.BarBelief{}, superseded: map[int64][]etf.BarBelief{},
		states: map[int64][]etf.StatedAction{}, ever: map[etf.Session][]etf.StoredBar{}, by: map[etf.Session]string{}}
	if n >= 0 {
		b.result.version = in.Past.Versions[n]
	}
	b.index()
	err := b.replay(in.Past.Versions[:n+1])
	if err == nil && n >= 0 {
		err = b.unused()
	}
	b.result.Bars, b.result.bars, b.result.stated = len(b.bars), b.bars, b.stated
	for _, cause := range b.by {
		switch cause {
		case etf.CauseDecision, etf.CauseAction:
			b.result.Decided++
		case etf.CauseMarket:
			b.result.Released++
		}
	}
	if errors.Is(err, errDiffers) {
		err = nil
	}
	return b.result, err
}

// builder is the state of one rebuilding.
type builder struct {
	in      Inputs
	result  Result
	fetches map[string]etf.PastFetch
	parsed  map[string]etf.Response
	judged  map[string]*judged
	seconds map[string]etf.SecondOpinion // by the fetch that they are about

	// What is recorded: the bars that a version wrote and superseded, the states of statements it wrote, and the cases.
	written, superseded map[int64][]etf.BarBelief
	states              map[int64][]etf.StatedAction
	cases               cases

	// What is rebuilt.
	made   int64           // the newest version
	bars   []etf.StoredBar // ascending
	stated []etf.StatedAction
	ever   map[etf.Session][]etf.StoredBar // every bar so far
	by     map[etf.Session]string          // the cause of the version that wrote the current bar
}

func (b *builder) index() {
	past := b.in.Past
	for _, f := range past.Fetches {
		b.fetches[f.ID] = f
	}
	for _, belief := range past.Bars {
		b.written[belief.DataVersion] = append(b.written[belief.DataVersion], belief)
		if belief.SupersededBy != 0 {
			b.superseded[belief.SupersededBy] = append(b.superseded[belief.SupersededBy], belief)
		}
	}
	for _, a := range past.Actions {
		b.states[a.DataVersion] = append(b.states[a.DataVersion], a)
	}
	b.cases = casesOf(past.Findings, b.fetches)
}

// replay makes one version after another. A response is judged against the newest version there was when it was judged, which may
// not be the one before its own.
func (b *builder) replay(versions []etf.PastVersion) error {
	judge := map[int64][]string{} // by the version that they were judged against
	for i, v := range versions {
		if v.Number != int64(i+1) {
			b.differs(v, 0, "number of the version", fmt.Sprint(i+1), fmt.Sprint(v.Number))
			return errDiffers
		}
		if !fromFetch(v.Cause) {
			continue
		}
		f, known := b.fetches[v.CauseID]
		if !known {
			b.differs(v, 0, "fetch", v.CauseID, "")
			return errDiffers
		}
		against := int64(0)
		for _, earlier := range versions[:i] {
			if earlier.CauseID != f.ID && b.before(earlier, f.JudgedAt) {
				against = earlier.Number
			}
		}
		if !slices.Contains(judge[against], f.ID) && b.judged[f.ID] == nil {
			judge[against] = append(judge[against], f.ID)
			b.judged[f.ID] = &judged{}
		}
	}
	for n := int64(0); ; n++ {
		b.made = n
		for _, id := range judge[n] {
			if err := b.judge(b.fetches[id]); err != nil {
				return err
			}
		}
		if n == int64(len(versions)) {
			return nil
		}
		if err := b.version(versions[n]); err != nil {
			return err
		}
	}
}

// version makes a version.
func (b *builder) version(v etf.PastVersion) error {
	before := slices.Clone(b.bars)
	if !fromFetch(v.Cause) {
		if err := b.apply(v); err != nil {
			return err
		}
		b.compare(v, before)
		return nil
	}
	other := b.judgedBy(b.fetches[v.CauseID])
	found, stated, by := len(b.result.Differences), b.stated, maps.Clone(b.by)
	if v.Cause == etf.CauseListing {
		listed := b.judged[v.CauseID].listed
		b.remove(func(s etf.Session) bool { return s < listed })
	} else if err := b.persist(v); err != nil {
		return err
	}
	b.compare(v, before)
	if len(other) == 0 || len(b.result.Differences) == found {
		return nil
	}
	difference := b.result.Differences[found]
	difference.JudgedBy = other
	b.result.Differences = b.result.Differences[:found]
	b.bars, b.stated, b.by = slices.Clone(before), stated, by
	b.adopt(v)
	b.compare(v, before)
	if len(b.result.Differences) == found {
		b.otherwise(difference)
	}
	return nil
}

func (b *builder) otherwise(d Difference) {
	if !slices.ContainsFunc(b.result.Otherwise, func(o Difference) bool { return o.Version == d.Version }) {
		b.result.Otherwise = append(b.result.Otherwise, d)
	}
}

// judgedBy returns the code versions that may have judged the fetch; nil if only the running one can have.
func (b *builder) judgedBy(f etf.PastFetch) []string {
	if b.in.CodeVersion == "" || !slices.ContainsFunc(f.CodeVersions, func(code string) bool { return code != b.in.CodeVersion }) {
		return nil
	}
	return f.CodeVersions
}

// before reports whether a version was there at the instant. While the clock is behind, KnownFrom is after the instant at which the
// version was made.
func (b *builder) before(v etf.PastVersion, at time.Time) bool {
	switch {
	case !v.KnownFrom.After(at):
		return true
	case fromFetch(v.Cause):
		return !b.fetches[v.CauseID].PersistedAt.After(at)
	case v.Cause != etf.CauseDecision:
		return false
	}
	i := slices.IndexFunc(b.in.Past.Findings, func(f etf.FindingRecord) bool { return f.ID == v.CauseID })
	return i >= 0 && slices.ContainsFunc(b.in.Past.Findings[i].Decisions, func(d etf.DecisionRecord) bool {
		return d.DataVersion == v.Number && !d.At.After(at)
	})
}

// unused compares the responses that made no version, but had findings by the instant of the version, with their hashes: people decided
// in view of them. One that is not stored any more is not needed.
func (b *builder) unused() error {
	for _, f := range b.in.Past.Fetches {
		if _, used := b.parsed[f.ID]; used || f.JudgedAt.IsZero() || f.JudgedAt.After(b.result.version.KnownFrom) {
			continue
		}
		if _, err := b.body(f); err != nil && etf.KindOf(err) != etf.KindNotFound {
			return err
		}
	}
	return nil
}

func fromFetch(cause string) bool {
	return cause == etf.CauseFetch || cause == etf.CauseRestated || cause == etf.CauseListing
}

// errDiffers ends the work: what follows can't be rebuilt.
var errDiffers = &etf.Error{Kind: etf.KindCorrupt, Message: "the record differs"}

func (b *builder) differs(v etf.PastVersion, session etf.Session, field, rebuilt, stored string) {
	if len(b.result.Differences) < maxDifferences {
		b.result.Differences = append(b.result.Differences, Difference{
			Version: v.Number, Cause: v.Cause, CauseID: v.CauseID, Session: session, Field: field, Rebuilt: rebuilt, Stored: stored,
		})
	}
}

// versionOf returns the first version that the fetch caused, for messages.
func (b *builder) versionOf(fetch string) etf.PastVersion {
	for _, v := range b.in.Past.Versions {
		if v.CauseID == fetch {
			return v
		}
	}
	return etf.PastVersion{Cause: etf.CauseFetch, CauseID: fetch}
}

// body returns the stored body of a fetch, after its hash has been compared.
func (b *builder) body(f etf.PastFetch) ([]byte, error) {
	body, err := b.in.Body(f.ID)
	switch etf.KindOf(err) {
	case etf.KindNotFound:
		return nil, etf.NotFound("fetch", fmt.Sprintf("the response of %s to fetch %s at %s is not stored any more", f.Source, f.ID, f.FetchedAt.UTC().Format("2006-01-02 15:04:05Z")),
			"restore it from a backup of the table fetch_bodies, or reproduce without --deep")
	case etf.KindCorrupt:
		b.differs(b.versionOf(f.ID), 0, "body of fetch "+f.ID, "", err.Error())
		return nil, errDiffers
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	if hash := hex.EncodeToString(sum[:]); hash != f.Hash {
		b.differs(b.versionOf(f.ID), 0, "SHA-256 of the response to fetch "+f.ID, hash, f.Hash)
		return nil, errDiffers
	}
	b.result.Fetches++
	return body, nil
}

// response returns what the source's response says.
func (b *builder) response(f etf.PastFetch) (etf.Response, error) {
	if r, ok := b.parsed[f.ID]; ok {
		return r, nil
	}
	body, err := b.body(f)
	if err != nil {
		return etf.Response{}, err
	}
	r := etf.Response{Basis: f.Basis}
	if f.Source == etf.SourcePerson {
		err = json.Unmarshal(body, &r.Bars)
	} else {
		parse := b.in.Parsers[f.Source]
		if parse == nil {
			return etf.Response{}, etf.Invalid("source", fmt.Sprintf("fetch %s is from %s, which this program has no parser for", f.ID, f.Source), "")
		}
		r, err = parse(etf.Query{
			Symbol: cmp.Or(b.preference(f.FetchedAt).Symbol, b.in.Past.ETF.Symbol), Exchange: b.in.Past.ETF.Exchange, Currency: b.preference(f.FetchedAt).Currency,
			Window: f.Window, AsOf: f.FetchedAt,
		}, f.Fetch, body)
		if err == nil {
			r, err = r.InCurrency(b.preference(f.FetchedAt).Currency)
		}
	}
	if etf.KindOf(err) == etf.KindNotFound { // a body that it shares with other fetches
		return r, etf.NotFound("fetch", fmt.Sprintf("a part of the response of %s to fetch %s at %s is not stored any more", f.Source, f.ID, f.FetchedAt.UTC().Format("2006-01-02 15:04:05Z")),
			"restore it from a backup of the table shared_bodies, or reproduce without --deep")
	}
	other := b.judgedBy(f)
	if err != nil && len(other) > 0 {
		return r, &etf.Error{Kind: etf.KindConflict, Field: "code_version",
			Message: fmt.Sprintf("this etfcast can't read the response to fetch %s: %v; etfcast %s may have read it", f.ID, err, strings.Join(other, " or ")),
			Remedy:  "reproduce with that version, or without --deep"}
	}
	if etf.KindOf(err) == etf.KindUnavailable { // of a shared body: the database is down
		return r, err
	}
	if err != nil {
		b.differs(b.versionOf(f.ID), 0, "response to fetch "+f.ID, err.Error(), fmt.Sprintf("%d rows", f.Rows))
		return etf.Response{}, errDiffers
	}
	r = compact(r)
	r.DataAt, r.Raw = f.DataAt, nil
	if len(r.Bars) != f.Rows {
		v := b.versionOf(f.ID)
		d := Difference{Version: v.Number, Cause: v.Cause, CauseID: v.CauseID, Field: "number of rows in fetch " + f.ID,
			Rebuilt: fmt.Sprint(len(r.Bars)), Stored: fmt.Sprint(f.Rows), JudgedBy: other}
		if len(other) > 0 {
			b.otherwise(d)
		} else {
			b.differs(v, 0, d.Field, d.Rebuilt, d.Stored)
		}
	}
	b.result.Rows += len(r.Bars)
	b.parsed[f.ID] = r
	return r, nil
}
