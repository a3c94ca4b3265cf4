package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/openhqm/openhqm/internal/reply"
)

// access decides who may call as an operator.
type access struct {
	token func() string
	cross *http.CrossOriginProtection
}

func newAccess(token func() string) *access {
	if token == nil {
		token = func() string { return "" }
	}
	return &access{token: token, cross: http.NewCrossOriginProtection()}
}

// refuse returns why a request is not served, or nil. With a token that is all that counts. Without one the peer must be
// loopback, no proxy may stand between, and the Host must be loopback too: else any web page could reach in through its
// visitor's browser, by a cross-origin request or by a name that it lets point to 127.0.0.1 (DNS rebinding).
func (a *access) refuse(r *http.Request) *reply.Problem {
	if want := a.token(); want != "" {
		scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		switch {
		case !strings.EqualFold(scheme, "Bearer"):
			return reply.NewProblem(reply.KindUnauthorized, "this call needs the admin token as Authorization: Bearer ... (auth.admin_token)")
		case !same(strings.TrimSpace(got), want):
			return reply.NewProblem(reply.KindUnauthorized, "the token given is not auth.admin_token of this server")
		}
	} else if problem := onlyLoopback(r); problem != nil {
		return problem
	}
	if err := a.cross.Check(r); err != nil {
		return reply.NewProblem(reply.KindForbidden, "a page of another origin may not make this call")
	}
	return nil
}

// same compares in constant time, whatever the lengths.
func same(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// proxyFields are what proxies add. Where all are missing there may still be one.
var proxyFields = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

func onlyLoopback(r *http.Request) *reply.Problem {
	const remedy = "; set auth.admin_token to call it from elsewhere"
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil || !peer.Addr().Unmap().IsLoopback():
		return reply.NewProblem(reply.KindForbidden, "without an admin token this call is served to loopback only"+remedy)
	case slices.ContainsFunc(proxyFields, func(name string) bool { return r.Header[name] != nil }):
		return reply.NewProblem(reply.KindForbidden, "the request came through a proxy, so that its sender need not be on this machine"+remedy)
	case !loopbackHost(r.Host):
		return reply.NewProblem(reply.KindForbidden, "the Host is not localhost, 127.0.0.1 or [::1]"+remedy)
	}
	return nil
}

func loopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.IsLoopback()
}
