package reply_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// newReplies returns a Replies over an empty store, and its log.
func newReplies(t testing.TB, c reply.Config) (*reply.Replies, *bytes.Buffer) {
	t.Helper()
	store := memory.New(memory.Options{})
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	var log bytes.Buffer
	replies, err := reply.New(c, reply.Options{Broker: queue.NewBroker(store, queue.BrokerOptions{}), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return replies, &log
}

var api = reply.Config{Prefix: "/api/v1"}

// ask runs one handler on a real server and returns what a client reads.
func ask(t testing.TB, handler http.HandlerFunc, method string, fields ...string) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	r, err := http.NewRequest(method, server.URL+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return resp, string(body)
}

func newID() queue.ID { return queue.NewID(queue.HomeOf("app"), time.Now()) }

func TestAcceptedSaysWhereTheAnswerWillBe(t *testing.T) {
	replies, _ := newReplies(t, api)
	id := newID()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.FixedZone("", 3600))
	tests := []struct {
		name    string
		expires time.Time
		want    any
	}{
		{"with a deadline", at.Add(time.Hour), "2026-01-02T03:04:05.678Z"},
		{"without", time.Time{}, nil},
	}
	for _, test := range tests {
		a := reply.AcceptedAs(queue.Receipt{ID: id, AcceptedAt: at, ExpiresAt: test.expires, Durability: queue.DurabilityDisk}, "app")
		a.Applied = []string{"respond-async"}
		resp, body := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Accepted(w, r, &a) }, http.MethodPost)
		if resp.StatusCode != http.StatusAccepted {
			t.Errorf("status %d", resp.StatusCode)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		links, _ := json.Marshal(got["links"])
		base := "/api/v1"
		want := fmt.Sprintf(`{"cancel":"%[1]s/requests/%[2]s","events":"%[1]s/events/%[2]s","raw":"%[1]s/response/%[2]s/raw","response":"%[1]s/response/%[2]s","status":"%[1]s/status/%[2]s"}`, base, id)
		if string(links) != want {
			t.Errorf("links %s, want %s", links, want)
		}
		if got["correlation_id"] != id.String() || got["status"] != "PENDING" || got["submitted_at"] != "2026-01-02T02:04:05.678Z" || got["expires_at"] != test.want {
			t.Errorf("%s: %s", test.name, body)
		}
		wantFields(t, resp.Header, map[string]string{"Location": base + "/response/" + id.String() + "/raw", "Retry-After": "1",
			"OpenHQM-Durability": "disk", "OpenHQM-State": "PENDING", "OpenHQM-Correlation-Id": id.String(), "X-Correlation-ID": id.String(),
			"Cache-Control": "no-store", "Preference-Applied": "respond-async", "Content-Type": "application/json"})
	}
}

func wantFields(t testing.TB, h http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if h.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, h.Get(name), value)
		}
	}
}

func TestLinksBeginAsTheClientCanFollowThem(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	tests := []struct {
		name   string
		config reply.Config
		remote string
		prefix string
		want   string
	}{
		{"a path", api, "192.0.2.1:1", "", "/api/v1"},
		{"the public URL", reply.Config{Prefix: "/api/v1", PublicURL: "https://q.example/base/"}, "192.0.2.1:1", "/other", "https://q.example/base/api/v1"},
		{"a trusted proxy's prefix", reply.Config{Prefix: "/hqm", TrustedProxies: proxies}, "192.0.2.1:1", "/queue", "/queue/hqm"},
		{"a trusted proxy over IPv6", reply.Config{Prefix: "/hqm", TrustedProxies: proxies}, "[2001:db8::1]:1", "/queue", "/queue/hqm"},
		{"a mapped address", reply.Config{Prefix: "/hqm", TrustedProxies: proxies}, "[::ffff:192.0.2.1]:1", "/queue", "/queue/hqm"},
		{"a stranger's prefix", reply.Config{Prefix: "/hqm", TrustedProxies: proxies}, "198.51.100.1:1", "/queue", "/hqm"},
		{"another host as prefix", reply.Config{Prefix: "/hqm", TrustedProxies: proxies}, "192.0.2.1:1", "//evil.example", "/hqm"},
		{"a prefix that would break out", reply.Config{Prefix: "/hqm", TrustedProxies: proxies}, "192.0.2.1:1", `/a","x":"`, "/hqm"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			replies, _ := newReplies(t, test.config)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = test.remote
			if test.prefix != "" {
				r.Header.Set("X-Forwarded-Prefix", test.prefix)
			}
			id := newID()
			if got := replies.Links(r, id).Status; got != test.want+"/status/"+id.String() {
				t.Errorf("%s, want %s/status/...", got, test.want)
			}
		})
	}
}

func TestSettingsThatCannotStandInALinkAreRefused(t *testing.T) {
	for _, c := range []reply.Config{{Prefix: "api"}, {Prefix: "/api/"}, {Prefix: "/a b"}, {PublicURL: "queue.example"},
		{PublicURL: "https://x/?a"}, {PublicURL: "ftp://x"}, {PublicURL: `https://x/"`}} {
		if _, err := reply.New(c, reply.Options{}); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestOwnAnswersSayWhoMadeThem(t *testing.T) {
	replies, _ := newReplies(t, api)
	id := newID()
	handlers := map[string]http.HandlerFunc{
		"json": func(w http.ResponseWriter, r *http.Request) {
			replies.JSON(w, r, 200, reply.About{}, map[string]int{"a": 1})
		},
		"problem": func(w http.ResponseWriter, r *http.Request) {
			replies.Problem(w, r, reply.NewProblem(reply.KindNotFound, "none"))
		},
		"error": func(w http.ResponseWriter, r *http.Request) { replies.Error(w, r, queue.ErrFull) },
		"about": func(w http.ResponseWriter, r *http.Request) {
			replies.ErrorAbout(w, r, reply.About{ID: id, State: queue.Done}, queue.ErrTerminal)
		},
	}
	for name, handler := range handlers {
		for _, own := range []string{"", "client-1", `not "plain"`} {
			resp, _ := ask(t, handler, http.MethodGet, "X-Correlation-ID", own)
			wantFields(t, resp.Header, map[string]string{"OpenHQM-Source": "openhqm", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"})
			got := resp.Header.Get("X-Correlation-ID")
			switch {
			case name == "about":
				wantFields(t, resp.Header, map[string]string{"X-Correlation-ID": id.String(), "OpenHQM-Correlation-Id": id.String(), "OpenHQM-State": "COMPLETED"})
			case own == "client-1" && got != own, own != "client-1" && len(got) != 36:
				t.Errorf("%s: X-Correlation-ID %q for the client's %q", name, got, own)
			}
		}
	}
}

func TestEveryErrorHasItsStatusAndType(t *testing.T) {
	replies, _ := newReplies(t, api)
	tests := []struct {
		err    error
		status int
		kind   string
		retry  bool
		detail string
	}{
		{fmt.Errorf("parse: %w", queue.ErrBadID), 400, "bad-id", false, "malformed correlation ID"},
		{queue.ErrNotFound, 404, "not-found", false, ""},
		{queue.ErrGone, 410, "gone", false, "retention"},
		{queue.ErrLeaseLost, 409, "lease-lost", false, ""},
		{queue.ErrTerminal, 409, "already-finished", false, ""},
		{queue.ErrRunning, 409, "already-started", false, ""},
		{queue.ErrNotDead, 409, "not-dead", false, ""},
		{queue.ErrKeyReused, 422, "key-reused", false, "new key"},
		{&queue.FullError{Bound: "messages", Limit: 5}, 503, "queue-full", true, "5 messages"},
		{queue.ErrFull, 503, "queue-full", true, ""},
		{queue.ErrBodyTooLarge, 413, "body-too-large", false, ""},
		{&http.MaxBytesError{Limit: 7}, 413, "body-too-large", false, "7 bytes"},
		{&queue.GateError{Queue: "app", Reason: "paused", After: 90 * time.Second}, 503, "endpoint-closed", true, "paused"},
		{&queue.GateError{Queue: "app", Reason: "limit"}, 503, "endpoint-closed", true, `queue "app" is at its limit (concurrency or rate)`},
		{queue.ErrGateClosed, 503, "endpoint-closed", true, ""},
		{fmt.Errorf("submit: %w: priority 12", queue.ErrInvalid), 400, "invalid-message", false, "priority 12"},
		{queue.ErrUnsupported, 501, "unsupported", false, ""},
		{fmt.Errorf("%w: 10.0.0.1", queue.ErrUnavailable), 503, "store-unavailable", true, "nothing was stored"},
		{queue.ErrOutcomeUnknown, 503, "outcome-unknown", true, "status"},
		{&queue.CorruptError{Path: "/secret", Err: errors.New("checksum")}, 500, "corrupt", false, "log"},
		{queue.ErrClosed, 503, "stopping", true, ""},
		{queue.ErrDraining, 503, "stopping", true, ""},
		{queue.ErrCancelRequested, 500, "internal", false, "log"},
		{io.ErrUnexpectedEOF, 400, "bad-framing", false, "nothing was stored"},
		{fmt.Errorf("op: %w", reply.NewProblem(reply.KindBadJSON, "line 3")), 400, "bad-json", false, "line 3"},
		{errors.New("secret"), 500, "internal", false, "log"},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			resp, body := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Error(w, r, test.err) }, http.MethodGet)
			var got struct {
				Type, Title, Detail string
				Status              int
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if resp.StatusCode != test.status || got.Status != test.status || got.Type != "urn:openhqm:problem:"+test.kind || got.Title == "" {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, body, test.status, test.kind)
			}
			if got.Detail == "" || !strings.Contains(got.Detail, test.detail) {
				t.Errorf("detail %q does not mention %q", got.Detail, test.detail)
			}
			if strings.Contains(body, "secret") || strings.Contains(body, "10.0.0.1") {
				t.Errorf("shows what is for the log: %s", body)
			}
			if retry := resp.Header.Get("Retry-After"); (retry != "") != test.retry {
				t.Errorf("Retry-After %q, want one: %t", retry, test.retry)
			}
		})
	}
}

func TestRetryAfterStaysWithinAMinute(t *testing.T) {
	replies, _ := newReplies(t, api)
	for after, want := range map[time.Duration]string{time.Hour: "60", time.Millisecond: "1", time.Second: "1"} {
		resp, _ := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Error(w, r, &queue.GateError{After: after}) }, http.MethodGet)
		if got := resp.Header.Get("Retry-After"); got != want {
			t.Errorf("after %v: %s, want %s", after, got, want)
		}
	}
}

func TestTheRetryAfterOfAScheduledMessageIsNotBeforeItIsDue(t *testing.T) {
	replies, _ := newReplies(t, api)
	for after, want := range map[time.Duration]string{-time.Hour: "1", 0: "1", 2 * time.Second: "2", time.Hour: "60"} {
		rec := &queue.Record{Message: &queue.Message{ID: newID(), Queue: "app"},
			Progress: queue.Progress{State: queue.Scheduled, EligibleAt: time.Now().Add(after)}}
		resp, _ := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Pending(w, r, rec, nil) }, http.MethodGet)
		if got := resp.Header.Get("Retry-After"); got != want {
			t.Errorf("due in %v: %s, want %s", after, got, want)
		}
	}
}

func TestAnUnknownErrorIsAnsweredWithItsIDOnly(t *testing.T) {
	replies, log := newReplies(t, api)
	_, body := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Error(w, r, errors.New("the cause")) }, http.MethodGet)
	_, incident, found := strings.Cut(body, "under ")
	if !found || len(incident) < 36 || strings.Contains(body, "the cause") {
		t.Fatalf("%s", body)
	}
	if logged := log.String(); !strings.Contains(logged, incident[:36]) || !strings.Contains(logged, "the cause") {
		t.Errorf("logged %q, want ID %s and the cause", logged, incident[:36])
	}
}
