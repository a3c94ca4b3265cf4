package app

import (
	"fmt"
	"net/http"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/reply"
)

// maxTarget is the longest request target, in bytes. RFC 9110 4.1 asks for at least 8000.
const maxTarget = 16 << 10

// headRoom is what a head may exceed its limits by and still be read whole, so that our own answer tells its client what
// was too long. Beyond it the server below answers, with a plain 431.
const headRoom = 1 << 20

// serverHead is the limit of the server below.
func serverHead(c *config.Config) int { return int(c.Server.MaxHeaderBytes) + headRoom }

// boundedHeads refuses requests whose target or fields are over their limits, before anything else looks at them.
func boundedHeads(next http.Handler, c *config.Config, replies *reply.Replies) http.Handler {
	limit := int(c.Server.MaxHeaderBytes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := len(r.RequestURI); n > maxTarget {
			replies.Problem(w, r, reply.NewProblem(reply.KindTargetTooLong,
				fmt.Sprintf("the request target has %d bytes, the limit is %d", n, maxTarget)))
			return
		}
		size := 0
		for name, values := range r.Header {
			for _, value := range values {
				size += len(name) + len(value) + len(": \r\n")
			}
		}
		if size > limit {
			replies.Problem(w, r, reply.NewProblem(reply.KindHeadersTooLarge,
				fmt.Sprintf("the header fields have %d bytes, the limit is %d (server.max_header_bytes)", size, limit)))
			return
		}
		next.ServeHTTP(w, r)
	})
}
