// Package recorder is a raw TCP server for tests: it logs the exact bytes of
// every HTTP/1 request that arrives and answers what a script says, byte for
// byte. Nothing is parsed beyond what framing needs and nothing is normalised, so it
// sees what a real server would be sent and can answer what no real one would.
//
// # Guarantees
//
//  1. An arrival is logged before the first byte of its answer is written, and
//     also when it never became complete.
//  2. Arrivals are numbered in the order in which their last byte came in.
//  3. An answer's bytes are the script's and no others.
//
// # Concurrency
//
// All methods may be called from several goroutines. A script is called from the
// goroutine of its connection, so calls overlap when connections do.
//
// # Not here
//
// HTTP/2, and anything that stands between: it listens on loopback only.
package recorder

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// A Script decides how an arrival is answered. It is called once for each
// complete arrival.
type Script func(Arrival) Reply

// A Recorder is a listening server with a log of what arrived.
type Recorder struct {
	listener net.Listener
	script   Script
	secure   *tls.Config // nil: plain TCP
	closed   chan struct{}
	running  sync.WaitGroup

	mu       sync.Mutex
	arrivals []Arrival
	changed  chan struct{} // closed and replaced at every arrival
	conns    map[net.Conn]struct{}
	dialed   int
}

// Start listens on a free loopback port and answers by the script until Close.
func Start(script Script) (*Recorder, error) {
	return StartAt("127.0.0.1:0", script)
}

// StartAt is Start on an address of the caller's choice, so that a test can take
// an endpoint away and bring it back.
func StartAt(address string, script Script) (*Recorder, error) {
	return start(address, nil, script)
}

// StartTLS is Start over TLS. A handshake that fails is no arrival.
func StartTLS(config *tls.Config, script Script) (*Recorder, error) {
	return start("127.0.0.1:0", config, script)
}

func start(address string, secure *tls.Config, script Script) (*Recorder, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		listener: listener, script: script, secure: secure,
		closed:  make(chan struct{}),
		changed: make(chan struct{}),
		conns:   map[net.Conn]struct{}{},
	}
	r.running.Go(r.accept)
	return r, nil
}

// Address is host:port of the listener.
func (r *Recorder) Address() string { return r.listener.Addr().String() }

// URL is the base URL of the recorder, without a slash at the end.
func (r *Recorder) URL() string {
	if r.secure != nil {
		return "https://" + r.Address()
	}
	return "http://" + r.Address()
}

// Arrivals returns a copy of the log so far.
func (r *Recorder) Arrivals() []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Arrival(nil), r.arrivals...)
}

// Connections returns how many connections have been accepted.
func (r *Recorder) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dialed
}

// Wait blocks until n arrivals are in the log and returns them all, or returns
// what there is with ctx's error.
func (r *Recorder) Wait(ctx context.Context, n int) ([]Arrival, error) {
	for {
		r.mu.Lock()
		changed, got := r.changed, len(r.arrivals)
		r.mu.Unlock()
		if got >= n {
			return r.Arrivals(), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r.Arrivals(), context.Cause(ctx)
		}
	}
}

// Close stops listening, cuts every connection, ends scripts that are delaying,
// and waits for their goroutines. The log stays readable.
func (r *Recorder) Close() error {
	select {
	case <-r.closed:
		return nil
	default:
	}
	close(r.closed)
	err := r.listener.Close()
	r.mu.Lock()
	for conn := range r.conns {
		conn.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
	return err
}

func (r *Recorder) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.dialed++
		number := r.dialed
		r.conns[conn] = struct{}{} // below TLS, whose own end would wait for what is being written
		r.mu.Unlock()
		select {
		case <-r.closed:
			conn.Close()
			return
		default:
		}
		r.running.Go(func() { r.serve(conn, number) })
	}
}

// serve answers one connection's requests in turn until one side ends it.
func (r *Recorder) serve(raw net.Conn, number int) {
	conn := raw
	if r.secure != nil {
		conn = tls.Server(raw, r.secure)
	}
	defer func() {
		r.mu.Lock()
		delete(r.conns, raw)
		r.mu.Unlock()
		conn.Close()
	}()
	in := bufio.NewReader(conn)
	for {
		arrival, begun := read(in)
		if !begun {
			return
		}
		arrival.Connection = number
		arrival.At = time.Now()
		arrival = r.log(arrival)
		if !arrival.Complete {
			return
		}
		reply := r.script(arrival)
		if reply == nil || !reply.play(conn, r.closed) {
			return
		}
	}
}

// log numbers an arrival, appends it and wakes those who wait.
func (r *Recorder) log(a Arrival) Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.Number = len(r.arrivals) + 1
	r.arrivals = append(r.arrivals, a)
	close(r.changed)
	r.changed = make(chan struct{})
	return a
}
