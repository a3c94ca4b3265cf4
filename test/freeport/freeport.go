// Package freeport finds addresses on which a process that a test starts can listen.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports lie below those that systems give to outgoing connections, so that no connection of another test takes one
// before the process listens.
const (
	lowest = 18_000
	most   = 12_000
)

var given sync.Map // ports; no process of one test program is told the same twice

// Address returns a loopback address on which nobody listens, and which was not returned before.
func Address() (string, error) {
	for range 1000 {
		port := lowest + rand.IntN(most)
		if _, known := given.LoadOrStore(port, true); known {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("no free port between %d and %d", lowest, lowest+most)
}
