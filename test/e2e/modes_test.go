package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

func TestASafeMethodPassesStraightThrough(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "direct", fixedDate, "Cache-Control: max-age=60")))
	s := serve(t, endpoint(r.URL()))
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		got := send(t, s.address, request{method: method, target: "/x"})
		if got.status != 200 || got.header.Get("Cache-Control") != "max-age=60" {
			t.Errorf("%s: status %d, Cache-Control %q", method, got.status, got.header.Get("Cache-Control"))
		}
		if id := got.header.Get("OpenHQM-Correlation-Id"); id != "" {
			t.Errorf("%s was stored as %s, want it passed through", method, id)
		}
	}
}

func TestAPassThroughStreamsAsItComes(t *testing.T) {
	release := make(chan struct{})
	r := record(t, recorder.Always(recorder.Reply{
		recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")),
		recorder.Hold(release),
		recorder.Write([]byte("6\r\nsecond\r\n0\r\n\r\n")),
	}))
	s := serve(t, endpoint(r.URL()))
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(get("/stream", "Accept: text/event-stream").render(s.address)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, len("first"))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first" {
		t.Fatalf("before the answer's end came %q, %v", first, err)
	}
	close(release)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "second" {
		t.Errorf("then came %q, %v", rest, err)
	}
}

func TestAnyOtherRequestIsHeldForItsAnswer(t *testing.T) {
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Delay(200 * time.Millisecond)}, recorder.Answer(201, "made", fixedDate, "X-App: 1")...)))
	s := serve(t, endpoint(r.URL()))
	got := send(t, s.address, post("/orders", `{"n":1}`, "Content-Type: application/json"))
	if got.status != 201 || string(got.body) != "made" || got.header.Get("X-App") != "1" {
		t.Fatalf("status %d, body %q, want the app's 201", got.status, got.body)
	}
	id := got.header.Get("OpenHQM-Correlation-Id")
	if id == "" || got.header.Get("OpenHQM-State") != "COMPLETED" {
		t.Fatalf("a held answer without its state and correlation ID: %v", got.header)
	}
	if again := s.replay(t, id); again.status != 201 || string(again.body) != "made" {
		t.Errorf("read again: status %d, body %q", again.status, again.body)
	}
	if arrived := len(r.Arrivals()); arrived != 1 {
		t.Errorf("arrived %d times", arrived)
	}
}

func TestAHeldRequestThatTakesTooLongGetsA202AndItsAnswerLater(t *testing.T) {
	release := make(chan struct{})
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "late", fixedDate)...)))
	s := serve(t, endpoint(r.URL()), setting("PROXY__WAIT", "300ms"))
	got := send(t, s.address, post("/slow", "x"))
	if got.status != http.StatusAccepted {
		t.Fatalf("status %d, want 202: %s", got.status, got.text())
	}
	var body ticket
	decode(t, got, &body)
	if got.header.Get("Location") == "" || got.header.Get("Retry-After") == "" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("OpenHQM-Durability") == "" {
		t.Errorf("a 202 lacks one of Location, Retry-After, Cache-Control, OpenHQM-Durability: %v", got.header)
	}
	if pending := s.replay(t, body.ID); pending.status != http.StatusAccepted || pending.header.Get("Retry-After") == "" {
		t.Errorf("the raw answer of a running message: status %d, %v; want 202 and Retry-After", pending.status, pending.header)
	}
	if state := s.status(t, body.ID); state.Status != "PROCESSING" || state.Deliveries != 1 {
		t.Errorf("meanwhile %+v, want PROCESSING in its first delivery", state)
	}
	close(release)
	s.settled(t, body.ID)
	if late := s.replay(t, body.ID); late.status != 200 || string(late.body) != "late" {
		t.Errorf("later: status %d, body %q", late.status, late.body)
	}
	if arrived := len(r.Arrivals()); arrived != 1 {
		t.Errorf("sent %d times, want once: giving up waiting is no reason to send again", arrived)
	}
}

func TestPreferRespondAsyncIsAppliedAndConsumed(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "x", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	for _, sent := range []request{get("/a"), post("/a", "x")} {
		got := send(t, s.address, sent.with("Prefer: respond-async"))
		if got.status != http.StatusAccepted || !strings.Contains(got.header.Get("Preference-Applied"), "respond-async") {
			t.Errorf("%s: status %d, Preference-Applied %q", sent.method, got.status, got.header.Get("Preference-Applied"))
		}
		location := got.header.Get("Location")
		s.settled(t, got.header.Get("OpenHQM-Correlation-Id"))
		target := location[strings.Index(location, "/api/"):]
		if raw := send(t, s.address, get(target)); raw.status != 200 || string(raw.body) != "x" {
			t.Errorf("%s: following Location %s gave status %d", sent.method, location, raw.status)
		}
	}
	for _, arrived := range r.Arrivals() {
		if prefer := arrived.Values("Prefer"); len(prefer) > 0 {
			t.Errorf("the endpoint was sent Prefer: %q", prefer)
		}
	}
}

func TestTheSubmitEnvelopeIsDeliveredAndItsResultRead(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, `{"ok": [1, 2.50, "ü"]}`, fixedDate, "Content-Type: application/json")))
	s := serve(t, endpoint(r.URL()))
	got := send(t, s.address, post("/api/v1/submit", `{"payload": {"a": [1, null, "ü"]}, "headers": {"X-Own": "1"}, "metadata": {"priority": 3, "tenant_id": "t"}}`, "Content-Type: application/json"))
	if got.status != http.StatusAccepted {
		t.Fatalf("status %d: %s", got.status, got.text())
	}
	var accepted ticket
	decode(t, got, &accepted)
	if final := s.settled(t, accepted.ID); final.Status != "COMPLETED" {
		t.Fatalf("ended %+v", final)
	}
	arrived := r.Arrivals()
	if len(arrived) != 1 || arrived[0].Method() != "POST" || string(arrived[0].Body) != `{"a": [1, null, "ü"]}` || arrived[0].Value("X-Own") != "1" {
		t.Errorf("arrived as %d requests: %s\n%s", len(arrived), arrived[0].Head, arrived[0].Body)
	}
	var result struct {
		Status     string `json:"status"`
		StatusCode int    `json:"status_code"`
		Result     struct {
			OK []any `json:"ok"`
		} `json:"result"`
	}
	envelope := send(t, s.address, get("/api/v1/response/"+accepted.ID))
	decode(t, envelope, &result)
	if envelope.status != 200 || result.Status != "COMPLETED" || result.StatusCode != 200 || len(result.Result.OK) != 3 {
		t.Errorf("envelope %d: %s", envelope.status, envelope.text())
	}
}

func TestTheDemoHandlerAnswersWhenNoEndpointIsConfigured(t *testing.T) {
	s := serve(t)
	got := send(t, s.address, post("/any/path?x=1", "hello", "X-Mine: 1"))
	if got.status != 200 {
		t.Fatalf("status %d: %s", got.status, got.text())
	}
	mentions(t, string(got.body), "POST", "/any/path?x=1", "hello", "X-Mine")
}

func TestAWaitingRequestIsCancelledByItsClient(t *testing.T) {
	release := make(chan struct{})
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "x")...)))
	s := serve(t, endpoint(r.URL()), setting("WORKER__CONCURRENCY", "1"))
	running := s.enqueue(t, post("/first", "x"))
	waitArrivals(t, r, 1)
	waiting := s.enqueue(t, post("/second", "x"))
	if got := send(t, s.address, request{method: "DELETE", target: "/api/v1/requests/" + waiting}); got.status != 200 {
		t.Errorf("cancel: status %d: %s", got.status, got.text())
	}
	if got := s.status(t, waiting); got.Status != "CANCELLED" {
		t.Errorf("cancelled is %s", got.Status)
	}
	wantProblem(t, s.replay(t, waiting), http.StatusConflict)
	close(release)
	if got := s.settled(t, running); got.Status != "COMPLETED" {
		t.Errorf("the one before it ended %s", got.Status)
	}
	wantProblem(t, send(t, s.address, request{method: "DELETE", target: "/api/v1/requests/" + running}), http.StatusConflict)
	if arrived := len(r.Arrivals()); arrived != 1 {
		t.Errorf("%d arrivals, want the cancelled request never sent", arrived)
	}
}
