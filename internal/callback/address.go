package callback

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
)

// addresses says to which addresses a connection may be made.
type addresses struct {
	allowed []netip.Prefix // beyond the public ones
}

// special are the networks that are not public (the special-purpose registries of IANA, RFC 6890), by what they are called
// in an error. The first that contains an address counts.
var special = []struct {
	network netip.Prefix
	kind    string
}{
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("0.0.0.0/8"), "loopback"}, // "this host": a connection to it is one to this machine
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "private"}, // between carriers and their customers; also of clouds' services
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
	{netip.MustParsePrefix("192.0.2.0/24"), "reserved"},
	{netip.MustParsePrefix("192.88.99.0/24"), "reserved"},
	{netip.MustParsePrefix("198.18.0.0/15"), "reserved"},
	{netip.MustParsePrefix("198.51.100.0/24"), "reserved"},
	{netip.MustParsePrefix("203.0.113.0/24"), "reserved"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"}, // broadcast among them

	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("::/128"), "loopback"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fec0::/10"), "private"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("2001::/23"), "reserved"}, // Teredo among them, which holds an IPv4 address
	{netip.MustParsePrefix("2001:db8::/32"), "reserved"},
	{netip.MustParsePrefix("2002::/16"), "reserved"}, // 6to4, which holds an IPv4 address
	{netip.MustParsePrefix("3fff::/20"), "reserved"},
}

var (
	globalV6  = netip.MustParsePrefix("2000::/3")     // all that is assigned to public use
	translate = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: the last four bytes are an IPv4 address
)

// forbidden says what kind of address it is to which no connection may be made, or "" if one may.
func (a *addresses) forbidden(address netip.Addr) string {
	address = address.WithZone("").Unmap()
	if slices.ContainsFunc(a.allowed, func(p netip.Prefix) bool { return p.Contains(address) }) {
		return ""
	}
	if translate.Contains(address) {
		bytes := address.As16()
		return a.forbidden(netip.AddrFrom4([4]byte(bytes[12:])))
	}
	for i := range special {
		if special[i].network.Contains(address) {
			return special[i].kind
		}
	}
	if !address.IsValid() || address.Is6() && !globalV6.Contains(address) {
		return "reserved"
	}
	return ""
}

// forbiddenError ends a connection before it is made.
type forbiddenError struct{ kind string }

func (e *forbiddenError) Error() string { return "a " + e.kind + " address" }

// dialer returns a dialer that looks at each address after its name was resolved and just before the connection is made:
// nothing lies between the look and the call that uses the address.
func (a *addresses) dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout:   timeout,
		KeepAlive: 15 * time.Second,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return a.control(network, address)
		},
	}
}

func (a *addresses) control(network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return errors.New("not a TCP connection")
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &forbiddenError{kind: "reserved"}
	}
	if kind := a.forbidden(at.Addr()); kind != "" && !fault.Planted(fault.ForbiddenAddressCalled) {
		return &forbiddenError{kind: kind}
	}
	return nil
}
