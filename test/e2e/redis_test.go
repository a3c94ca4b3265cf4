package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// startRedis runs a redis-server that syncs every write, over a directory, at an address; "" for a free one.
func startRedis(t testing.TB, dir, address string) (*process, string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed (Debian: apt-get install redis-server); .ci/run installs it")
	}
	if address == "" {
		address = freeAddress(t)
	}
	p := launch(t, "redis-server", path, []string{"--port", port(address), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes",
		"--appendfsync", "always"}, nil)
	endWithTest(t, p)
	p.awaitListening(t, address)
	return p, address
}

// onRedis puts a process on a queue that others share.
func onRedis(address string) option { return setting("QUEUE__REDIS_URL", "redis://"+address) }

// TestManyProcessesWorkOnOneQueueOnRedis takes requests in at two processes and delivers them by two others, one of which is killed:
// each is answered once, and what may not be repeated is not sent again.
func TestManyProcessesWorkOnOneQueueOnRedis(t *testing.T) {
	t.Parallel()
	_, redis := startRedis(t, t.TempDir(), "")
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		time.Sleep(20 * time.Millisecond)
		return recorder.Answer(200, "done "+a.Target(), fixedDate)
	})
	options := []option{onRedis(redis), endpoint(r.URL()), setting("WORKER__LEASE", "2s"), setting("WORKER__CONCURRENCY", "8")}
	with := func(more ...option) []option { return append(append([]option{}, options...), more...) }
	apis := []*server{serve(t, with(role("api"))...), serve(t, with(role("api"))...)}
	serve(t, with(role("worker"))...)
	killed := begin(t, with(role("worker"))...)
	killed.awaitReady(t)

	if got := send(t, apis[0].address, post("/held", "x")); got.status != http.StatusOK || got.text() != "done /held" {
		t.Errorf("a held request got %d %s", got.status, got.text())
	}
	const each = 100
	var ids []string
	for i := range 2 * each {
		method := "PUT" // may be repeated
		if i%2 == 0 {
			method = "POST"
		}
		got := send(t, apis[i%2].address, request{method: method, target: fmt.Sprintf("/%s/%d", method, i), body: "x", fields: []string{"Prefer: respond-async"}})
		if got.status != http.StatusAccepted || got.header.Get("OpenHQM-Durability") != "disk" {
			t.Fatalf("request %d: %d %s, durability %q", i, got.status, got.text(), got.header.Get("OpenHQM-Durability"))
		}
		ids = append(ids, got.header.Get("OpenHQM-Correlation-Id"))
		if i == each {
			killed.kill(t)
		}
	}
	unknown := 0
	for i, id := range ids {
		final := apis[(i+1)%2].settled(t, id) // asked of the other one
		switch {
		case final.Status == "COMPLETED":
		case i%2 == 0 && final.Status == "FAILED" && final.Reason == "unknown_outcome":
			unknown++
		default:
			t.Errorf("request %d ended %s %s", i, final.Status, final.Reason)
		}
	}
	if unknown > 8 {
		t.Errorf("%d have an unknown outcome, and the killed worker held 8 at most", unknown)
	}
	arrived := map[string]int{}
	for _, a := range r.Arrivals() {
		arrived[a.Target()]++
	}
	for target, n := range arrived {
		if strings.HasPrefix(target, "/POST/") && n > 1 {
			t.Errorf("%s arrived %d times", target, n)
		}
	}
}

// TestRedisGoesAndComesBack kills the server below a queue: submits are refused while it is away, and what was accepted before is
// delivered when it is back.
func TestRedisGoesAndComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, address := startRedis(t, dir, "")
	r := record(t, func(recorder.Arrival) recorder.Reply { return recorder.Answer(200, "ok", fixedDate) })
	s := serve(t, onRedis(address), endpoint(r.URL()), setting("WORKER__LEASE", "2s"))
	if out, code := s.cli(t, "queue", "pause", "default"); code != 0 {
		t.Fatalf("pause ended %d: %s", code, out)
	}
	var ids []string
	for i := range 50 {
		ids = append(ids, s.enqueue(t, post(fmt.Sprintf("/%d", i), "x")))
	}
	_ = server.cmd.Process.Kill()
	<-server.done
	began := time.Now()
	got := send(t, s.address, post("/away", "x", "Prefer: respond-async"))
	if got.status != http.StatusServiceUnavailable {
		t.Errorf("a submit without Redis got %d %s", got.status, got.text())
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a submit without Redis took %v", took)
	}
	eventually(t, 10*time.Second, func() error {
		if got := send(t, s.admin, get("/readyz")); got.status != http.StatusServiceUnavailable {
			return fmt.Errorf("/readyz is %d without Redis", got.status)
		}
		return nil
	})
	startRedis(t, dir, address)
	s.awaitReady(t)
	if out, code := s.cli(t, "queue", "resume", "default"); code != 0 {
		t.Fatalf("resume ended %d: %s", code, out)
	}
	for i, id := range ids {
		if final := s.settled(t, id); final.Status != "COMPLETED" {
			t.Errorf("request %d ended %s %s", i, final.Status, final.Reason)
		}
	}
	seen := map[string]int{}
	for _, a := range r.Arrivals() {
		seen[a.Target()]++
	}
	for target, n := range seen {
		if n != 1 {
			t.Errorf("%s arrived %d times", target, n)
		}
	}
}

// TestAServerThatIsNoPlaceForAQueueIsRefused starts on servers that are missing, may evict, or hold another format.
func TestAServerThatIsNoPlaceForAQueueIsRefused(t *testing.T) {
	t.Parallel()
	mentions(t, refused(t, setting("QUEUE__REDIS_URL", "redis://:s3cret@"+freeAddress(t))), "queue.redis_url", "connect to Redis at 127.0.0.1")
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed (Debian: apt-get install redis-server); .ci/run installs it")
	}
	address := freeAddress(t)
	p := launch(t, "redis-server", path, []string{"--port", port(address), "--bind", "127.0.0.1", "--save", "", "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"}, nil)
	endWithTest(t, p)
	p.awaitListening(t, address)
	mentions(t, refused(t, onRedis(address)), "may evict what is queued", "noeviction")
	_, plain := startRedis(t, t.TempDir(), "")
	mentions(t, refused(t, onRedis(plain), setting("QUEUE__REDIS__SHARDS", "4")), "queue.redis.shards", "not supported")
}
