package main

import (
	"strings"
	"testing"
)

func TestListenBeyondLoopback(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "", "127.9.9.9:0": "", "[::1]:8080": "", "localhost:8080": "",
		"0.0.0.0:8080": "no keys", ":8080": "no keys", "[::]:8080": "no keys", "10.0.0.5:8080": "no keys", "0:8080": "listen",
		"[::ffff:0.0.0.0]:8080": "no keys", "8080": "not an address", "127.0.0.1": "not an address",
	} {
		s := serverSettings{listen: listen}
		err := s.checkListen()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("--listen %s: %v, want %q", listen, err, want)
		}
		s.insecure = true
		if err := s.checkListen(); (err != nil) != (want == "not an address") {
			t.Errorf("--listen %s --insecure: %v", listen, err)
		}
	}
	for _, command := range []string{"up", "api", "worker"} {
		code, _, stderr := etfcast(t, []string{"ETFCAST_MYSQL_DSN=u:p@tcp(127.0.0.1:1)/etfcast", "ETFCAST_ALLOWED_HOSTS=http://x"}, command, "--listen", "0.0.0.0:0")
		if code != 2 || !strings.Contains(stderr, "--insecure") || !strings.Contains(stderr, "allowed-hosts") {
			t.Errorf("%s on every address: exit code %d, %s", command, code, stderr)
		}
	}
}
