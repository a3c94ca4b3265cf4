package app

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/openhqm/openhqm/internal/config"
)

// itself refuses an endpoint whose URL leads to one of this process's own listeners, which would deliver every request to
// its own queue again. Names other than localhost and the machine's own are not resolved: what a name means may change, and
// the Via field ends such a loop at run time.
func itself(name string, e *config.Endpoint, listeners map[string]net.Addr) error {
	u, err := url.Parse(e.URL.Reveal())
	if err != nil {
		return fmt.Errorf("proxy.endpoints.%s.url: %w", name, err)
	}
	port := u.Port()
	switch {
	case port != "":
	case strings.EqualFold(u.Scheme, "https"):
		port = "443"
	default:
		port = "80"
	}
	for section, address := range listeners {
		own, ok := address.(*net.TCPAddr)
		if !ok || strconv.Itoa(own.Port) != port || !reaches(u.Hostname(), own.IP) {
			continue
		}
		return fmt.Errorf("proxy.endpoints.%s.url: %s is OpenHQM itself (%s.port): requests would come back to it for ever; "+
			"give the address of your application", name, e.URL, section)
	}
	return nil
}

// reaches reports whether a connection to host on this machine gets to a listener bound to the address.
func reaches(host string, bound net.IP) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return bound.IsUnspecified() || bound.IsLoopback()
	}
	if own, err := os.Hostname(); err == nil && strings.EqualFold(own, host) {
		return true
	}
	target, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	target = target.WithZone("").Unmap()
	if target.IsUnspecified() || target.IsLoopback() {
		return bound.IsUnspecified() || bound.IsLoopback()
	}
	if !bound.IsUnspecified() {
		return bound.Equal(net.IP(target.AsSlice()))
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addresses {
		if own, ok := a.(*net.IPNet); ok && own.IP.Equal(net.IP(target.AsSlice())) {
			return true
		}
	}
	return false
}
