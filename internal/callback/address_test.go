package callback

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

func TestOnlyPublicAddressesAreCalled(t *testing.T) {
	a := addresses{}
	for address, want := range map[string]string{
		"93.184.215.14": "", "1.1.1.1": "", "172.15.0.1": "", "172.32.0.1": "", "100.128.0.1": "", "198.20.0.1": "",
		"2606:4700::1111": "", "2a00:1450:4001::1": "",
		"127.0.0.1": "loopback", "127.255.255.254": "loopback", "0.0.0.0": "loopback", "0.1.2.3": "loopback",
		"::1": "loopback", "::": "loopback",
		"10.0.0.1": "private", "172.16.0.1": "private", "172.31.255.255": "private", "192.168.1.1": "private",
		"100.64.0.1": "private", "100.100.100.200": "private", // metadata of a cloud
		"fc00::1": "private", "fd00:ec2::254": "private", // and of another
		"fec0::1":         "private",
		"169.254.169.254": "link-local", "169.254.0.1": "link-local", "fe80::1": "link-local", "fe80::1%eth0": "link-local",
		"192.0.0.192": "reserved", "192.0.2.1": "reserved", "198.18.0.1": "reserved", "198.51.100.1": "reserved",
		"203.0.113.1": "reserved", "240.0.0.1": "reserved", "255.255.255.255": "reserved", "192.88.99.1": "reserved",
		"224.0.0.1": "multicast", "ff02::1": "multicast",
		"::ffff:127.0.0.1": "loopback", "::ffff:169.254.169.254": "link-local", "::ffff:1.1.1.1": "", // mapped
		"::127.0.0.1":            "reserved",                                                           // compatible, deprecated
		"64:ff9b::169.254.169.1": "link-local", "64:ff9b::10.0.0.1": "private", "64:ff9b::1.1.1.1": "", // translated
		"64:ff9b:1::1.1.1.1":  "reserved",
		"2002:7f00:1::1":      "reserved", // 6to4 of 127.0.0.1
		"2001:0:7f00:1::1":    "reserved", // Teredo
		"2001:db8::1":         "reserved",
		"3fff::1":             "reserved",
		"100::1":              "reserved",
		"5f00::1":             "reserved",
		"4000::1":             "reserved",
		"::ffff:0:127.0.0.1":  "reserved",
		"::ffff:192.168.0.10": "private",
	} {
		if got := a.forbidden(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
	if got := a.forbidden(netip.Addr{}); got == "" {
		t.Error("no address at all may be called")
	}
}

func TestAllowedNetworksMayBeCalled(t *testing.T) {
	a := addresses{allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/64")}}
	for address, allowed := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "64:ff9b::10.1.2.3": true,
		"fd00::9": true, "10.2.0.1": false, "fd01::9": false, "127.0.0.1": false, "169.254.169.254": false} {
		if got := a.forbidden(netip.MustParseAddr(address)); (got == "") != allowed {
			t.Errorf("%s is %q", address, got)
		}
	}
}

// counting is a listener that counts the connections it gets.
func counting(t *testing.T, network, address string) (port string, connections *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("this machine has no %s on %s: %v", network, address, err)
	}
	connections = new(atomic.Int64)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	server.Listener.Close()
	server.Listener = listener
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, connections
}

// Each name is allow-listed, so that only the look at the address stands in the way. Names that mean loopback are what a
// rebound name is: at submit nothing shows.
func TestNoConnectionIsMadeToAForbiddenAddress(t *testing.T) {
	for name, attack := range map[string]struct {
		listen string // where the victim listens
		host   string // what the attacker names
	}{
		"loopback by name":                {"127.0.0.1:0", "localhost"},
		"loopback by a name of it":        {"127.0.0.1:0", "LOCALHOST."},
		"loopback by address":             {"127.0.0.1:0", "127.0.0.1"},
		"another address of loopback":     {"127.0.0.2:0", "127.0.0.2"},
		"this host":                       {"127.0.0.1:0", "0.0.0.0"},
		"loopback mapped into IPv6":       {"127.0.0.1:0", "[::ffff:127.0.0.1]"},
		"loopback mapped, in hexadecimal": {"127.0.0.1:0", "[::ffff:7f00:1]"},
		"loopback of IPv6":                {"[::1]:0", "[::1]"},
		"this host of IPv6":               {"[::1]:0", "[::]"},
		"loopback in one number":          {"127.0.0.1:0", "2130706433"},
		"loopback in octal":               {"127.0.0.1:0", "0177.0.0.1"},
		"loopback in hexadecimal":         {"127.0.0.1:0", "0x7f.1"},
		"loopback without its middle":     {"127.0.0.1:0", "127.1"},
	} {
		t.Run(name, func(t *testing.T) {
			network := "tcp4"
			if strings.HasPrefix(attack.listen, "[") {
				network = "tcp6"
			}
			port, connections := counting(t, network, attack.listen)
			url := "http://" + attack.host + ":" + port
			s, ends := sender(t, Config{Allow: []string{url}}, Options{})
			o := try(t, s, url+"/internal")
			if o.Class != queue.NotSent || o.Err == nil || o.Result != nil {
				t.Errorf("the outcome is %+v, want not sent", o)
			}
			if n := connections.Load(); n != 0 {
				t.Errorf("%d connections were made", n)
			}
			// What is not written as an address is a name, which nobody resolves.
			if ends[telemetry.CallbackForbidden]+ends[telemetry.CallbackUnreachable] != 1 {
				t.Errorf("counted as %v", ends)
			}
			if o.Err != nil && strings.Contains(o.Err.Error(), port) {
				t.Errorf("the error tells what is there: %v", o.Err)
			}
		})
	}
}

func TestTheAddressIsLookedAtAgainForEachConnection(t *testing.T) {
	a := addresses{}
	// A name that meant a public address at submit, and another one by the time of the connection.
	for _, tc := range []struct {
		network, address string
		ok               bool
	}{
		{"tcp4", "93.184.215.14:443", true}, {"tcp4", "127.0.0.1:443", false}, {"tcp6", "[fe80::1%eth0]:443", false},
		{"tcp6", "[::ffff:10.0.0.1]:443", false}, {"tcp4", "nonsense", false}, {"udp4", "93.184.215.14:443", false},
	} {
		if err := a.control(tc.network, tc.address); (err == nil) != tc.ok {
			t.Errorf("%s %s: %v", tc.network, tc.address, err)
		}
	}
	port, connections := counting(t, "tcp4", "127.0.0.1:0")
	_, err := a.dialer(connectTimeout).DialContext(t.Context(), "tcp", "localhost:"+port)
	var forbidden *forbiddenError
	if !errors.As(err, &forbidden) || forbidden.kind != "loopback" || connections.Load() != 0 {
		t.Errorf("dialled: %v, %d connections", err, connections.Load())
	}
}

func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	proxyPort, connections := counting(t, "tcp4", "127.0.0.1:0")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+proxyPort)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:"+proxyPort)
	s, _ := sender(t, Config{Allow: []string{"http://receiver.invalid"}, Networks: loopback}, Options{})
	if o := try(t, s, "http://receiver.invalid/"); o.Class != queue.NotSent || connections.Load() != 0 {
		t.Errorf("%v, and the proxy had %d connections", o, connections.Load())
	}
	if s.transport.Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}
