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
	// AbsentVariable lists, separated by commas, the needs that may be missing even then.
	AbsentVariable = "ETFCAST_ABSENT"
)

// Need is something that a test needs from outside.
type Need struct {
	name     string // as in ETFCAST_ABSENT
	variable string // the environment variable that holds it; "" for a feature of the operating system
	remedy   string
}

// The needs.
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
	// FullDevice is /dev/full, on which every write fails.
	FullDevice = Need{name: "full-device", remedy: "run the test on Linux: this system has no /dev/full"}
	// OrdinaryUser is a user to whom file permissions apply.
	OrdinaryUser = Need{name: "ordinary-user", remedy: "run the test as a user other than root: file permissions do not apply to root"}
	// Root is the superuser, who may mount a file system of limited size.
	Root = Need{name: "root", remedy: "run the test as root, with the right to mount: it needs a disk that it can fill"}
	// NamedPipes are what mkfifo creates.
	NamedPipes = Need{name: "named-pipes", remedy: "install mkfifo (coreutils)"}
	// Prometheus are Prometheus and promtool, on the path.
	Prometheus = Need{name: "prometheus", remedy: "install Prometheus (Debian: apt-get install prometheus)"}
	// GitHistory is git with the commits of the releases.
	GitHistory = Need{name: "git-history", remedy: "run the test in a git clone with the whole history (git fetch --unshallow)"}
)

const (
	onStack     = "run `make test`, or this test under `bin/devstack run --ephemeral --`"
	withServers = `run eval "$(scripts/test-databases.sh start)"`
)

var needs = []Need{RealData, Temporal, Database, Pipeline, MySQL, MariaDB, FullDevice, OrdinaryUser, Root, NamedPipes, Prometheus, GitHistory}

// Value returns the value of the need's variable; if it is not set, Value calls Missing.
func (n Need) Value(t testing.TB) string {
	t.Helper()
	value := os.Getenv(n.variable)
	if value == "" {
		n.Missing(t)
	}
	return value
}

// Missing ends a test whose need is not met: it skips the test, or fails it if ETFCAST_NO_SKIP=1 and ETFCAST_ABSENT does
// not name the need.
func (n Need) Missing(t testing.TB) {
	t.Helper()
	text := n.remedy
	if n.variable != "" {
		text = n.variable + " is not set: " + text
	}
	absent, unknown := absentNeeds(os.Getenv(AbsentVariable))
	if len(unknown) > 0 {
		t.Fatalf("%s names %s, which no test needs; use %s", AbsentVariable, strings.Join(unknown, ", "), strings.Join(names(), ", "))
	}
	if os.Getenv(NoSkipVariable) == "1" && !slices.Contains(absent, n.name) {
		t.Fatalf("%s; %s=1 forbids skipping, unless %s=%s", text, NoSkipVariable, AbsentVariable, n.name)
	}
	t.Skip(text)
}

// absentNeeds splits the list in ETFCAST_ABSENT into known and unknown names.
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
