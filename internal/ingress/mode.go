package ingress

import (
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/openhqm/openhqm/queue"
)

// Mode says what becomes of a captured request.
type Mode uint8

// The modes.
const (
	ModeDefault Mode = iota // as the request is: see byRequest
	ModeSync                // passes straight through
	ModeAsync               // stored, 202 at once
	ModeAuto                // stored, then held for the answer
)

var modeNames = [...]string{ModeDefault: "default", ModeSync: "sync", ModeAsync: "async", ModeAuto: "auto"}

// String returns default, sync, async or auto.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// ParseMode is the inverse of String; "" is the default.
func ParseMode(name string) (Mode, bool) {
	if name == "" {
		return ModeDefault, true
	}
	for m, n := range modeNames {
		if n == name {
			return Mode(m), true
		}
	}
	return 0, false
}

// decide returns the mode of a request to a target, after its preferences.
//
//	configured  alone   respond-async   respond-async, wait   wait
//	sync        sync    sync            sync                  sync, the time in line changed
//	async       async   async           async                 async
//	auto        auto    async           auto, wait changed    auto, wait changed
//	(none)      by request: safe methods, upgrades, gRPC-Web and event streams are sync, the rest auto;
//	            a sync that was not configured becomes async, or auto with a wait; upgrades and gRPC-Web stay sync
//
// Sync needs a target through which requests pass; without one it is auto. What only makes sense on a live connection is
// refused by readHead where it would be stored at an endpoint.
func decide(r *http.Request, t *Target, p *preferences) Mode {
	mode := t.Mode
	if mode == ModeDefault {
		mode = byRequest(r, p)
	}
	if mode == ModeSync && t.Pass == nil {
		mode = ModeAuto
	}
	if mode == ModeAuto && p.async && !(p.hasWait && p.wait > 0) {
		mode = ModeAsync
	}
	return mode
}

func byRequest(r *http.Request, p *preferences) Mode {
	switch {
	case unstorable(r):
		return ModeSync
	case p.async:
		return ModeAuto // which decide turns into async, unless a wait came with it
	case queue.Safe(r.Method) || wantsEvents(r):
		return ModeSync
	}
	return ModeAuto
}

// unstorable reports whether a request only makes sense on a live connection.
func unstorable(r *http.Request) bool { return upgrades(r) || isGRPCWeb(r) }

// upgrades reports whether the client asks for another protocol (RFC 9110 7.8). An offer of h2c is not one: every server
// may ignore it, and this one does.
func upgrades(r *http.Request) bool {
	protocol := r.Header["Upgrade"]
	return len(protocol) > 0 && !strings.EqualFold(protocol[0], "h2c") &&
		httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade")
}

const (
	grpcType    = "application/grpc"
	grpcWebType = "application/grpc-web"
)

// isGRPC reports whether a request is gRPC over HTTP/2; gRPC-Web, which needs HTTP/1.1 only, is not.
func isGRPC(r *http.Request) bool { return hasType(r, grpcType) && !hasType(r, grpcWebType) }

func isGRPCWeb(r *http.Request) bool { return hasType(r, grpcWebType) }

func hasType(r *http.Request, prefix string) bool {
	kind := r.Header["Content-Type"]
	return len(kind) > 0 && strings.HasPrefix(kind[0], prefix)
}

func wantsEvents(r *http.Request) bool {
	for _, line := range r.Header["Accept"] {
		if strings.Contains(line, "text/event-stream") {
			return true
		}
	}
	return false
}
