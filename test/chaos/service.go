package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// service is the endpoint. It logs every arrival before it works on it, and what it answers before it does.
type service struct {
	log      *history.Log
	address  string
	seed     uint64
	noise    noise
	poisoned func(op int64) bool // called with the op of each arrival: true if it killed the product

	calls    atomic.Int64
	inFlight atomic.Int64
	mute     atomic.Bool            // nothing is logged, and all is well
	outage   atomic.Pointer[string] // the kind of fault that all calls meet

	mu      sync.Mutex
	server  *http.Server
	epoch   int           // raised when it goes down: calls of an earlier one were cut by it
	arrived map[int64]int // by op
}

func startService(log *history.Log, seed uint64) (*service, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &service{log: log, address: address, seed: seed, noise: newNoise(seed + 1), arrived: map[int64]int{},
		poisoned: func(int64) bool { return false }}
	return s, s.up()
}

// up begins to listen.
func (s *service) up() error {
	var listener net.Listener
	var err error
	for range 100 { // a connection of the product may have taken the port for a moment
		if listener, err = net.Listen("tcp", s.address); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = &http.Server{Handler: s}
	go func(server *http.Server) { _ = server.Serve(listener) }(s.server) // ends with Close
	return nil
}

// down refuses connections and cuts those there are.
func (s *service) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	_ = s.server.Close() // what it cuts does not matter
}

func (s *service) cutSince(epoch int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch != epoch
}

// serviceTime is what a call takes on average.
const serviceTime = 100 * time.Millisecond

// ServeHTTP implements http.Handler.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.mute.Load() {
		return
	}
	call := s.calls.Add(1)
	flying := s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	op, _ := strconv.ParseInt(r.Header.Get(opField), 10, 64) // 0 is nobody's
	delivery, _ := strconv.Atoi(r.Header.Get("OpenHQM-Delivery"))
	s.log.Log(history.Event{Kind: history.Arrive, Op: op, ID: r.Header.Get(idField), Call: call, Delivery: delivery, Method: r.Method,
		Target: r.RequestURI, InFlight: int(flying), Fields: fieldsDigest(r.Header)})
	s.mu.Lock()
	s.arrived[op]++
	nth, epoch := s.arrived[op], s.epoch
	s.mu.Unlock()

	leave := history.Event{Kind: history.Leave, Op: op, Call: call, Outcome: history.Cut}
	body := sha256.New()
	if _, err := io.Copy(body, r.Body); err != nil {
		if s.cutSince(epoch) {
			leave.Outcome = history.Reset
		}
		s.log.Log(leave)
		return
	}
	leave.Body = hex.EncodeToString(body.Sum(nil)[:8])
	killed := s.poisoned(op)
	random := rand.New(rand.NewPCG(s.seed, uint64(op)<<16|uint64(nth)))
	a := s.choose(random, op)
	if killed {
		a = act{outcome: history.Hung}
	}
	s.await(r, a)
	leave.Outcome, leave.Status = a.outcome, a.status
	if a.outcome == history.Answered {
		a.body = s.text(random, op, call, a.status)
		a.fields = someFields(random)
		delete(a.fields, "Cookie")
		leave.Answer, leave.Fields = digest(a.body), fieldsDigest(a.fields)
		if len(a.body) > history.PrefixSize {
			leave.Prefix = digest(a.body[:history.PrefixSize])
		}
	}
	switch {
	case s.cutSince(epoch):
		leave.Outcome = history.Reset
	case r.Context().Err() != nil && a.outcome != history.Hung:
		leave.Outcome = history.Cut
	case killed:
		leave.Outcome = history.Cut
	}
	s.log.Log(leave)
	a.write(w)
}

// await takes the time of the act, or until the caller is gone.
func (s *service) await(r *http.Request, a act) {
	d := a.takes
	if a.outcome == history.Hung {
		d = 2 * attemptTimeout
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// text is the body of an answer that no other call gives.
func (s *service) text(random *rand.Rand, op, call int64, status int) []byte {
	if status == http.StatusNoContent {
		return nil
	}
	n := 0
	switch p := random.IntN(1000); {
	case p < 2:
		n = random.IntN(1 << 20)
	case p < 50:
		n = random.IntN(128 << 10)
	case p < 300:
		n = random.IntN(8 << 10)
	}
	return append([]byte(fmt.Sprintf("request %d, call %d\n", op, call)), s.noise.piece(random, n)...)
}
