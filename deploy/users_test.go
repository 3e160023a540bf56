package deploy

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/internal/testenv"
)

// The users that Compose creates have the rights that migration and pipeline need; other tests run as root, which has
// more than either. All names are unique to the test, so that it can run on any server.
func TestUsersSufficeForMigration(t *testing.T) {
	server := testenv.MySQL.Value(t)
	suffix := make([]byte, 4)
	_, _ = rand.Read(suffix)
	base := "deploy_" + hex.EncodeToString(suffix)
	admin, pipeline := base+"_admin", base
	names := strings.NewReplacer("'etfcast_admin'", "'"+admin+"'", "'etfcast'", "'"+pipeline+"'", "etfcast.*", base+".*",
		"EXISTS etfcast ", "EXISTS "+base+" ", "$ETFCAST_ADMIN_PASSWORD", "a1", "$ETFCAST_PASSWORD", "p1")

	root, err := sql.Open("mysql", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	t.Cleanup(func() {
		for _, s := range []string{"DROP DATABASE IF EXISTS " + base, "DROP USER IF EXISTS '" + admin + "'@'%', '" + pipeline + "'@'%'"} {
			if _, err := root.Exec(s); err != nil {
				t.Errorf("%s: %v", s, err)
			}
		}
	})
	script, err := os.ReadFile("mysql/users.sh")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(script), "<<SQL\n")
	text, _, _ = strings.Cut(text, "\nSQL\n")
	ran := 0
	for line := range strings.Lines(text) {
		if strings.Contains(line, "temporal") {
			continue // Temporal's user and databases
		}
		statement := names.Replace(strings.TrimSuffix(strings.TrimSpace(line), ";"))
		if _, err := root.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		ran++
	}
	if ran < 4 {
		t.Fatalf("only %d statements of users.sh are for etfcast:\n%s", ran, text)
	}

	as := func(user, password string) string {
		cfg, err := mysql.ParseDSN(server)
		if err != nil {
			t.Fatal(err)
		}
		cfg.User, cfg.Passwd, cfg.DBName = user, password, base
		return cfg.FormatDSN()
	}
	if err := db.Migrate(t.Context(), as(admin, "a1"), db.MigrateOptions{GrantUsers: []string{pipeline}}); err != nil {
		t.Fatalf("migrating as the admin user: %v", err)
	}
	store, err := db.Open(as(pipeline, "p1"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if got, want, err := store.SchemaVersion(t.Context()); err != nil || got != want {
		t.Errorf("the pipeline's user sees schema version %d, want %d (error: %v)", got, want, err)
	}
	if _, err := store.Contents(t.Context()); err != nil {
		t.Errorf("the pipeline's user can't read: %v", err)
	}
}
