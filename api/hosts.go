package api

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// Hosts are the names by which requests may address a server, apart from those that are always its own: localhost,
// loopback addresses, and the address that a connection came in on. The zero value allows only these.
//
// A browser lets a page talk to whatever its own host name resolves to. Whoever owns a name can first serve a page
// under it and then make it resolve to a server that trusts its neighbourhood (DNS rebinding): for the browser, and for
// the check of the origin, the page then belongs to that server. Only the Host header gives it away.
type Hosts struct{ names map[string]bool }

var hostForm = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$`)

// NewHosts returns the Hosts with these names or IP addresses. One with a port, a scheme or a wildcard is KindInvalid
// with Field "allowed-hosts".
func NewHosts(names []string) (Hosts, error) {
	h := Hosts{names: map[string]bool{}}
	for _, text := range names {
		name := plainHost(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "["), "]"))
		if _, err := netip.ParseAddr(name); err != nil && !hostForm.MatchString(name) {
			return Hosts{}, etf.Invalid("allowed-hosts", fmt.Sprintf("%q is not the name or address of a host", etf.Clip(text, etf.MaxQuoted)),
				"write names or IP addresses, without scheme and port, separated by commas: etfcast.example.com,10.0.0.5")
		}
		h.names[name] = true
	}
	return h, nil
}

// plainHost returns the one form of a name or address that is compared.
func plainHost(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap().String()
	}
	return name
}

// allow reports whether the request addresses this server. What proxies say in X-Forwarded-Host does not count: a page
// can set it.
func (h Hosts) allow(r *http.Request) bool {
	if r.Host == "" {
		return !r.ProtoAtLeast(1, 1) // every browser names a host
	}
	name := r.Host
	if host, port, err := net.SplitHostPort(name); err == nil {
		if strings.Trim(port, "0123456789") != "" {
			return false
		}
		name = host
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	name = plainHost(name)
	if name == "localhost" || h.names[name] {
		return true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	// An address can't be rebound. Health checks come by the container's own, which no setting could know.
	local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return addr.IsLoopback() || local != nil && local.AddrPort().Addr().Unmap() == addr
}

// only passes on the requests that address this server and refuses the others.
func (h Hosts) only(next http.Handler, refused func(error) func(http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.allow(r) {
			next.ServeHTTP(w, r)
			return
		}
		refused(refuse(problemHost, "Host", fmt.Sprintf("%q is not a name of this server", etf.Clip(r.Host, etf.MaxQuoted)),
			"use localhost or the server's address, or allow the name with --allowed-hosts (ETFCAST_ALLOWED_HOSTS)"))(w, r)
	})
}
