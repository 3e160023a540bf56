package main

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/etf"
)

// checkListen refuses an address beyond loopback without --insecure: the API has neither accounts nor keys.
func (s *serverSettings) checkListen() error {
	const form = "write host:port, for example 127.0.0.1:8080"
	host, _, err := net.SplitHostPort(s.listen)
	if err != nil {
		return &etf.Error{Kind: etf.KindInvalid, Field: "listen", Message: "this is not an address", Err: err, Remedy: form}
	}
	if s.insecure {
		return nil
	}
	addr, err := net.ResolveTCPAddr("tcp", s.listen)
	if err != nil {
		return &etf.Error{Kind: etf.KindInvalid, Field: "listen", Message: "this address can't be resolved", Err: err, Remedy: form}
	}
	if addr.IP.IsLoopback() {
		return nil
	}
	if host == "" {
		host = "every address"
	}
	return etf.Invalid("listen", fmt.Sprintf("%s (%s) can be reached from other machines, and there are no keys yet: whoever reaches it can do everything", s.listen, host),
		"listen on 127.0.0.1 and put a proxy that authenticates in front, or allow it with --insecure (ETFCAST_INSECURE=true) in a network that you trust")
}

// hosts are the names by which requests may address the server.
func (s *serverSettings) hosts() (api.Hosts, error) {
	names := s.allowedHosts
	// An address to listen on is allowed as the connection's own.
	if host, _, err := net.SplitHostPort(s.listen); err == nil && host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			names = append([]string{host}, names...)
		}
	}
	return api.NewHosts(names)
}
