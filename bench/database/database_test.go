package database

import (
	"net"
	"os"
	"runtime"
	"testing"
)

func TestServerPID(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // CPU time is only measured on Linux
	}
	server, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &Database{DSN: "user@tcp(" + server.Addr().String() + ")/x"}
	if pid, err := d.ServerPID(); err != nil || pid != os.Getpid() {
		t.Errorf("found process %d, %v; want %d", pid, err, os.Getpid())
	}
	_ = server.Close()
	if pid, err := d.ServerPID(); err == nil {
		t.Errorf("found process %d for a closed port", pid)
	}
	d.DSN = "user@tcp(192.0.2.1:3306)/x"
	if pid, err := d.ServerPID(); err == nil {
		t.Errorf("found process %d for another machine", pid)
	}
}
