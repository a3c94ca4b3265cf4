package redis_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/store/redis"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// command runs one command on a server, as an operator would.
func (s *server) command(t *testing.T, args ...string) string {
	t.Helper()
	host, port, _ := strings.Cut(s.address, ":")
	out, err := exec.Command("redis-cli", append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestWhatIsQueuedGoesOnWhenTheServerIsFull(t *testing.T) {
	at := serve(t, t.TempDir(), "", "--appendonly", "no", "--maxmemory", "16mb", "--maxmemory-policy", "noeviction")
	s := open(t, redis.Options{Addrs: []string{at.address}, MaxBytes: 16 << 20})
	defer s.Close()
	large := func(m *queue.Message) { m.Request.Body = queue.InlineBody(bytes.Repeat([]byte("x"), 60<<10)) }
	stored := 0
	for ; ; stored++ {
		all, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders", large)})
		if errors.Is(err, queue.ErrUnavailable) {
			break
		}
		if err != nil || all[0].Err != nil {
			t.Fatal(err, all)
		}
		if stored > 1000 {
			t.Fatal("16 MiB hold more than 60 MiB")
		}
	}
	for range stored {
		got, err := s.Lease(t.Context(), request(1))
		if err != nil {
			t.Fatal(err)
		}
		answers, err := s.Settle(t.Context(), []queue.Settlement{{LeaseRef: got[0].LeaseRef, Kind: queue.SettleDone, Result: storetest.NewResult(200, "ok")}})
		if err != nil || answers[0] != nil {
			t.Fatal(err, answers)
		}
	}
}

func TestAQueueOfAnotherFormatIsLeftAlone(t *testing.T) {
	at := serve(t, t.TempDir(), "")
	at.command(t, "HSET", "hqm:{0}:meta", "format", "99")
	_, err := redis.Open(context.Background(), redis.Options{Addrs: []string{at.address}})
	if err == nil || !strings.Contains(err.Error(), "format 99") || !strings.Contains(err.Error(), "nothing was touched") {
		t.Fatalf("error = %v", err)
	}
	if got := at.command(t, "FUNCTION", "LIST"); got != "" {
		t.Errorf("functions were loaded: %s", got)
	}
	if got := at.command(t, "DBSIZE"); got != "1" {
		t.Errorf("%s keys, want the one that was there", got)
	}
}

func TestTheAnswerSaysWhatTheServerPromises(t *testing.T) {
	for want, args := range map[queue.Durability][]string{
		queue.DurabilityDisk:    nil,
		queue.DurabilityRelaxed: {"--appendfsync", "everysec"},
		queue.DurabilityMemory:  {"--appendonly", "no"},
		queue.DurabilityUnknown: {"--rename-command", "CONFIG", ""},
	} {
		at := serve(t, t.TempDir(), "", args...)
		s := open(t, redis.Options{Addrs: []string{at.address}})
		if got := s.Capabilities().Durability; got != want {
			t.Errorf("%v: durability %q, want %q", args, got, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFunctionsThatAreGoneAreLoadedAgain, as after a restart of a server that keeps nothing.
func TestFunctionsThatAreGoneAreLoadedAgain(t *testing.T) {
	at := serve(t, t.TempDir(), "")
	s := open(t, redis.Options{Addrs: []string{at.address}})
	defer s.Close()
	put(t, s, 1)
	at.command(t, "FUNCTION", "FLUSH")
	put(t, s, 1)
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Queues["orders"].Ready != 2 {
		t.Errorf("%+v %v", stats.Queues["orders"], err)
	}
}

// TestAServerThatStandsStillHangsNobody stops the server without ending it.
func TestAServerThatStandsStillHangsNobody(t *testing.T) {
	at := serve(t, t.TempDir(), "")
	s := open(t, redis.Options{Addrs: []string{at.address}})
	put(t, s, 1)
	at.stop(t)
	began := time.Now()
	m := storetest.NewMessage("orders")
	_, err := s.Enqueue(t.Context(), []*queue.Message{m})
	if !errors.Is(err, queue.ErrOutcomeUnknown) && !errors.Is(err, queue.ErrUnavailable) {
		t.Errorf("error = %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	at.resume(t)
	for until := time.Now().Add(10 * time.Second); ; {
		all, err := s.Enqueue(t.Context(), []*queue.Message{m}) // the same ID
		if err == nil && all[0].Err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Queues["orders"].Accepted != 2 {
		t.Errorf("%+v %v", stats.Queues["orders"], err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
