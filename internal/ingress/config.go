package ingress

import (
	"log/slog"
	"net/netip"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// Config is what users set. Zero values take the defaults of the fields.
type Config struct {
	MaxBody        int64          // largest body that is stored, in bytes; 10 MiB
	MaxTargetBytes int            // longest request target; 16 KiB. RFC 9110 4.1 asks for at least 8000
	MaxHeaderBytes int            // names and values of all fields together; 64 KiB
	MaxHeld        int            // clients held at once; 1000. Further ones get 202 at once
	MaxHeldBytes   int64          // what held requests pin in memory, fields and inline bodies; 64 MiB
	MaxLine        int            // calls that wait in line for one target; 1000. Further ones get 503
	TrustedProxies []netip.Prefix // whose Forwarded and X-Forwarded-* fields are believed; those of others are dropped
}

func (c Config) withDefaults() Config {
	defaults := Config{MaxBody: 10 << 20, MaxTargetBytes: 16 << 10, MaxHeaderBytes: 64 << 10, MaxHeld: 1000,
		MaxHeldBytes: 64 << 20, MaxLine: 1000}
	setDefault(&c.MaxBody, defaults.MaxBody)
	setDefault(&c.MaxTargetBytes, defaults.MaxTargetBytes)
	setDefault(&c.MaxHeaderBytes, defaults.MaxHeaderBytes)
	setDefault(&c.MaxHeld, defaults.MaxHeld)
	setDefault(&c.MaxHeldBytes, defaults.MaxHeldBytes)
	setDefault(&c.MaxLine, defaults.MaxLine)
	return c
}

func setDefault[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Options are what the caller injects.
type Options struct {
	Broker  *queue.Broker
	Targets Targets
	Replies *reply.Replies
	// Callback returns nil if a request may name this receiver of its callback, else the problem to answer. nil: it may name none.
	Callback func(receiver string) error
	// Circular returns why a request with these Via fields is refused as one that goes in a circle, or "". nil: none is.
	Circular func(via []string) string
	Log      *slog.Logger
}
