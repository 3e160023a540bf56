package db

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// rights are the privileges of the pipeline's user, table by table. Append-only tables have neither UPDATE nor DELETE,
// so that not even a bug in this program can change them.
var rights = map[string]string{
	versionTable:            "SELECT",
	"etfs":                  "SELECT, INSERT, UPDATE",
	"etf_sources":           "SELECT, INSERT",
	"etf_changes":           "SELECT, INSERT",
	"etf_details":           "SELECT, INSERT",
	"etf_identities":        "SELECT, INSERT",
	"etf_symbols":           "SELECT, INSERT",
	"chain_symbols":         "SELECT, INSERT",
	"data_versions":         "SELECT, INSERT",
	"fetches":               "SELECT, INSERT, UPDATE",
	"etf_fetches":           "SELECT, INSERT",
	"fetch_bodies":          "SELECT, INSERT, DELETE",
	"shared_bodies":         "SELECT, INSERT, UPDATE, DELETE",
	"fetch_shared_bodies":   "SELECT, INSERT, DELETE",
	"fetch_checks":          "SELECT, INSERT",
	"staged_bars":           "SELECT, INSERT, UPDATE, DELETE",
	"bars":                  "SELECT, INSERT, UPDATE, DELETE", // DELETE for a series that its source has restated
	"bar_revisions":         "SELECT, INSERT",
	"actions":               "SELECT, INSERT, UPDATE",
	"finding_proposals":     "SELECT, INSERT",
	"navs":                  "SELECT, INSERT, UPDATE",
	"corporate_actions":     "SELECT, INSERT, UPDATE",
	"findings":              "SELECT, INSERT",
	"finding_rows":          "SELECT, INSERT",
	"finding_decisions":     "SELECT, INSERT",
	"decisions":             "SELECT, INSERT, UPDATE",
	"etf_confirmations":     "SELECT, INSERT, UPDATE",
	"etf_listings":          "SELECT, INSERT",
	"etf_grounds":           "SELECT, INSERT, UPDATE",
	"forecast_marks":        "SELECT, INSERT",
	"forecasts":             "SELECT, INSERT",
	"forecast_points":       "SELECT, INSERT",
	"forecast_components":   "SELECT, INSERT",
	"forecast_fits":         "SELECT, INSERT",
	"forecast_provenance":   "SELECT, INSERT",
	"forecast_tails":        "SELECT, INSERT",
	"forecast_targets":      "SELECT, INSERT",
	"forecast_raw":          "SELECT, INSERT",
	"assessments":           "SELECT, INSERT",
	"gate_verdicts":         "SELECT, INSERT",
	"scores":                "SELECT, INSERT",
	"score_sums":            "SELECT, INSERT, UPDATE",
	"scorings":              "SELECT, INSERT, UPDATE",
	"ledger_leaves":         "SELECT, INSERT",
	"ledger_hashes":         "SELECT, INSERT",
	"ledger_checkpoints":    "SELECT, INSERT",
	"entrants":              "SELECT, INSERT",
	"events":                "SELECT, INSERT, DELETE", // DELETE after 30 days
	"missed_deadlines":      "SELECT, INSERT, UPDATE",
	"runs":                  "SELECT, INSERT, UPDATE",
	"run_etfs":              "SELECT, INSERT, DELETE", // DELETE is REPLACE's
	"calendar_closures":     "SELECT, INSERT",
	"forecast_target_dates": "SELECT, INSERT",
	"backtests":             "SELECT, INSERT, UPDATE",
	"backtest_etfs":         "SELECT, INSERT, DELETE", // DELETE, here and below, when one is cancelled
	"backtest_parts":        "SELECT, INSERT, DELETE",
	"backtest_pieces":       "SELECT, INSERT, DELETE", // and of parts that the result replaces

	"source_days":            "SELECT, INSERT, UPDATE",
	"source_breakers":        "SELECT, INSERT, UPDATE",
	"source_breaker_changes": "SELECT, INSERT",
	"backfills":              "SELECT, INSERT, UPDATE",
	"backfill_etfs":          "SELECT, INSERT, UPDATE, DELETE", // DELETE when one is started again
	"backfill_windows":       "SELECT, INSERT, DELETE",         // DELETE of one that failed and is asked for again
}

// hidden are the tables that a reader's user gets no right to, with the reason. The first four hold what providers have
// sent, which their terms seldom allow to pass on; the others have nothing to show.
var hidden = map[string]string{
	"fetch_bodies":      "the raw responses",
	"shared_bodies":     "the same, of those that fetches share",
	"fetch_checks":      "rows of a second source's response",
	"staged_bars":       "rows of responses that nobody has judged yet",
	"forecast_fits":     "compressed fits, for this program only",
	"ledger_hashes":     "packed hashes, for this program only",
	"backtest_pieces":   "compressed results, for this program only",
	"finding_decisions": "replaced by decisions",
	"corporate_actions": "replaced by actions",
}

// ReaderTables lists, by name, the tables that the reader's user may read: all but the hidden ones.
func ReaderTables() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(rights)), func(table string) bool { return hidden[table] != "" })
}

// readerRights are the privileges of a reader's user, table by table.
func readerRights() map[string]string {
	list := map[string]string{}
	for _, table := range ReaderTables() {
		list[table] = "SELECT"
	}
	return list
}

// AppendOnly lists, by name, the tables that the pipeline's user may neither update nor delete from.
func AppendOnly() []string {
	var names []string
	for table, r := range rights {
		if strings.Contains(r, "INSERT") && !strings.Contains(r, "UPDATE") && !strings.Contains(r, "DELETE") {
			names = append(names, table)
		}
	}
	slices.Sort(names)
	return names
}

// accountOf returns the account that the server takes the DSN's user for, as name@host. If the user can't connect yet, it
// is the name, for any host.
func accountOf(ctx context.Context, dsn string) (string, error) {
	cfg, err := parseDSN(dsn, DSNVariable)
	if err != nil {
		return "", err
	}
	bare := cfg.Clone()
	bare.DBName = "" // to which the user has no rights yet
	pool, err := openPool(bare, 1)
	if err != nil {
		return "", etf.Wrap(etf.KindInvalid, err, "opening the DSN of "+DSNVariable)
	}
	defer pool.Close()
	var account string
	if err := pool.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&account); err != nil || !strings.HasPrefix(account, cfg.User+"@") {
		return cfg.User, nil //nolint:nilerr // the user may be created later, or be denied access for now
	}
	return account, nil
}

// grant gives the user, "name" or "name@host", the rights on the tables. field is the flag that named the user.
func grant(ctx context.Context, pool *sql.DB, database, field, user string, rights map[string]string) error {
	name, host := splitUser(user)
	if name == "" || strings.ContainsAny(user, "'\"\\`") {
		return etf.Invalid(field, fmt.Sprintf("%q is not a user", user), "use name or name@host")
	}
	unknown := etf.NotFound(field, fmt.Sprintf("the database has no user '%s'@'%s'", name, host), "create it with CREATE USER first")
	// MariaDB creates a missing user, without a password, if the administrator may create users. One who may not read
	// mysql.user may not create users either: GRANT fails.
	var found int
	err := translate(pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM mysql.user WHERE user = ? AND host = ?", name, host).Scan(&found), "looking for user "+user)
	if err != nil && etf.KindOf(err) != etf.KindDenied {
		return err
	}
	if err == nil && found == 0 {
		return unknown
	}
	for _, table := range slices.Sorted(maps.Keys(rights)) {
		statement := fmt.Sprintf("GRANT %s ON %s.%s TO '%s'@'%s'", rights[table], identifier(database), table, name, host)
		if _, err := pool.ExecContext(ctx, statement); createsUser(err) {
			return unknown
		} else if err != nil {
			return translate(err, "granting rights to "+user)
		}
	}
	return nil
}

// splitUser splits "name@host"; without a host it is "%", any.
func splitUser(user string) (name, host string) {
	name, host, _ = strings.Cut(user, "@")
	if host == "" {
		host = "%"
	}
	return name, host
}

// sameUser reports whether both name the same account.
func sameUser(a, b string) bool {
	nameA, hostA := splitUser(a)
	nameB, hostB := splitUser(b)
	return nameA == nameB && hostA == hostB
}
