package redis_test

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/store/redis"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// server is a redis-server of the tests.
type server struct {
	address string
	process *os.Process
	dir     string
}

// serve starts a redis-server on a port of its own, with the append-only file synced at each write.
func serve(tb testing.TB, dir, address string, more ...string) *server {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatal("redis-server is not installed, and the Redis store is proven by nothing else (Debian: apt-get install redis-server); .ci/run installs it")
	}
	if address == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		address = l.Addr().String()
		l.Close()
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		tb.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	c := exec.Command(binary, append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always"}, more...)...)
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return &server{address, c.Process, dir}
		}
		if time.Now().After(deadline) {
			tb.Fatalf("redis-server does not listen: %v", err)
		}
	}
}

// stop makes the server stand still until resume.
func (s *server) stop(tb testing.TB)   { s.signal(tb, syscall.SIGSTOP) }
func (s *server) resume(tb testing.TB) { s.signal(tb, syscall.SIGCONT) }

func (s *server) signal(tb testing.TB, signal os.Signal) {
	tb.Helper()
	if err := s.process.Signal(signal); err != nil {
		tb.Fatal(err)
	}
}

func open(tb testing.TB, o redis.Options) *redis.Store {
	tb.Helper()
	s, err := redis.Open(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestStoreKeepsTheContract runs the suite on a real server; each store has a prefix of its own.
func TestStoreKeepsTheContract(t *testing.T) {
	at := serve(t, t.TempDir(), "").address
	prefixes := map[queue.Store]string{}
	guard := make(chan struct{}, 1)
	with := func(tb testing.TB, prefix string, o storetest.Options) queue.Store {
		s := open(tb, redis.Options{Addrs: []string{at}, Prefix: prefix, MaxMessages: o.MaxMessages, MaxBytes: o.MaxBytes})
		guard <- struct{}{}
		prefixes[s] = prefix
		<-guard
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open: func(tb testing.TB, o storetest.Options) queue.Store { return with(tb, rand.Text(), o) },
		Reopen: func(tb testing.TB, s queue.Store, o storetest.Options) queue.Store {
			guard <- struct{}{}
			prefix := prefixes[s]
			<-guard
			if err := s.Close(); err != nil {
				tb.Fatal(err)
			}
			return with(tb, prefix, o)
		},
	})
}
