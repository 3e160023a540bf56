package testenv

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	// NoSkipVariable, set to 1, turns every skip into a failure.
	NoSkipVariable = "ETFCAST_NO_SKIP"
	// AbsentVariable lists, separated by commas, the names of the needs that may be missing even so.
	AbsentVariable = "ETFCAST_ABSENT"
)

// Need is something that a test can't bring with it.
type Need struct {
	name     string // as in ETFCAST_ABSENT
	variable string // the environment variable that gives it; none for a feature of the operating system
	remedy   string
}

// The needs there are.
var (
	// RealData is the folder of real prices and recorded responses.
	RealData = Need{"real-data", "ETFCAST_REAL_DATA", "set it to the folder of real prices and recorded responses"}
	// Temporal is the address of a Temporal server.
	Temporal = Need{"temporal", "TEMPORAL_ADDRESS", onStack}
	// Database is the administrator's DSN of the embedded database.
	Database = Need{"database", "ETFCAST_MYSQL_ADMIN_DSN", onStack}
	// Pipeline is the pipeline's DSN of the embedded database.
	Pipeline = Need{"pipeline", "ETFCAST_MYSQL_DSN", onStack}
	// MySQL is the DSN of a real MySQL server; its user may create databases and users.
	MySQL = Need{"mysql", "ETFCAST_TEST_MYSQL_DSN", withServers}
	// MariaDB is the DSN of a MariaDB server; its user may create databases and users.
	MariaDB = Need{"mariadb", "ETFCAST_TEST_MARIADB_DSN", withServers}
	// FullDevice is /dev/full, which refuses what is written to it.
	FullDevice = Need{name: "full-device", remedy: "run the test on Linux: there is no /dev/full here"}
	// OrdinaryUser is a user whom permissions bind.
	OrdinaryUser = Need{name: "ordinary-user", remedy: "run the test as another user than root: permissions do not bind root"}
	// NamedPipes are what mkfifo makes.
	NamedPipes = Need{name: "named-pipes", remedy: "install mkfifo (coreutils)"}
)

const (
	onStack     = "run `make test`, or this test under `bin/devstack run --ephemeral --`"
	withServers = `run eval "$(scripts/test-databases.sh start)"`
)

var needs = []Need{RealData, Temporal, Database, Pipeline, MySQL, MariaDB, FullDevice, OrdinaryUser, NamedPipes}

// Value returns the value of the need's variable; without one the test ends as Missing says.
func (n Need) Value(t testing.TB) string {
	t.Helper()
	value := os.Getenv(n.variable)
	if value == "" {
		n.Missing(t)
	}
	return value
}

// Missing ends a test whose need is not met: it is skipped, or fails under ETFCAST_NO_SKIP=1 unless ETFCAST_ABSENT
// names the need.
func (n Need) Missing(t testing.TB) {
	t.Helper()
	text := n.remedy
	if n.variable != "" {
		text = n.variable + " is not set: " + text
	}
	absent, unknown := absentNeeds(os.Getenv(AbsentVariable))
	if len(unknown) > 0 {
		t.Fatalf("%s names %s, which is no need of a test: use %s", AbsentVariable, strings.Join(unknown, ", "), strings.Join(names(), ", "))
	}
	if os.Getenv(NoSkipVariable) == "1" && !slices.Contains(absent, n.name) {
		t.Fatalf("%s (%s=1 allows no skip; %s=%s would)", text, NoSkipVariable, AbsentVariable, n.name)
	}
	t.Skip(text)
}

// absentNeeds splits what ETFCAST_ABSENT lists into names there are and names there are not.
func absentNeeds(list string) (absent, unknown []string) {
	known := names()
	for name := range strings.SplitSeq(list, ",") {
		switch name = strings.TrimSpace(name); {
		case name == "":
		case slices.Contains(known, name):
			absent = append(absent, name)
		default:
			unknown = append(unknown, name)
		}
	}
	return absent, unknown
}

func names() []string {
	var all []string
	for _, n := range needs {
		all = append(all, n.name)
	}
	return all
}
