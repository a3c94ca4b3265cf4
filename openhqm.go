// Package openhqm builds a binary of one's own: the stock OpenHQM with handlers and queue backends of the caller's.
//
//	func main() {
//		openhqm.Main(openhqm.WithHandler("thumbnails", queue.HandlerFunc(makeThumbnail)))
//	}
//
// The binary has every subcommand, flag and key of the stock one.
package openhqm

import (
	"context"
	"os"

	"github.com/openhqm/openhqm/internal/cli"
	"github.com/openhqm/openhqm/queue"
)

// Option adds a part to the binary.
type Option func(*cli.Extensions)

// StoreConfig is what a queue backend is told of the configuration: the bounds queue.max_messages and queue.max_bytes.
// Beyond them Enqueue returns queue.ErrFull. Everything else (addresses, credentials) is the backend's own affair.
type StoreConfig = cli.StoreConfig

// WithHandler adds a handler, fed by the queue of the same name. Where it is the only one and no endpoint is configured, it
// takes the place of the demo handler; else requests name it (the OpenHQM-Endpoint field, metadata.endpoint). A name is 1
// to 200 bytes and does not begin with an underscore. Handlers run in every process that delivers.
func WithHandler(name string, h queue.Handler) Option {
	return func(e *cli.Extensions) { e.Handlers[name] = h }
}

// WithStore adds a queue backend, which `queue.type: NAME` chooses. The process closes the store when it ends. Whether it
// keeps the contract is proven by package queue/storetest.
func WithStore(name string, open func(ctx context.Context, c StoreConfig) (queue.Store, error)) Option {
	return func(e *cli.Extensions) { e.Stores[name] = open }
}

// Main runs the command line of the process and ends it with the exit code: 0 for success, also after a drain; 1 for a
// failure; 2 for a wrong command line.
func Main(options ...Option) {
	e := cli.Extensions{Handlers: map[string]queue.Handler{}, Stores: map[string]cli.OpenStore{}}
	for _, option := range options {
		option(&e)
	}
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.System(e)))
}
