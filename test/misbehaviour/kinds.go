package misbehaviour

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

const (
	ok = "HTTP/1.1 200 OK\r\n"
	// last is for answers whose body is wrong: a HEAD must not leave its connection, and what is in it, to another call.
	last = ok + "Connection: close\r\n"
)

// Kinds returns the table.
func Kinds() []Kind {
	return append(append(unsent(), unanswered()...), answered()...)
}

// always gives every arrival the same reply.
func always(steps ...recorder.Step) func(int) recorder.Reply {
	return func(int) recorder.Reply { return steps }
}

// bytes gives every arrival these bytes, after which the connection is closed.
func bytes(text string) func(int) recorder.Reply {
	return always(recorder.Write([]byte(text)), recorder.Close())
}

// status gives every arrival a complete answer.
func status(code int, fields ...string) func(int) recorder.Reply {
	return func(int) recorder.Reply { return recorder.Answer(code, "text", fields...) }
}

// once gives each request this answer once, and then a good one.
func once(code int, fields func() []string) func(int) recorder.Reply {
	return func(nth int) recorder.Reply {
		switch {
		case nth > 1:
			return recorder.Answer(200, "well")
		case fields == nil:
			return recorder.Answer(code, "not now")
		}
		return recorder.Answer(code, "not now", fields()...)
	}
}

func after(field string) func() []string { return func() []string { return []string{field} } }

// date is a Retry-After by date, as far from the Date of the answer as one second.
func date() []string {
	now := time.Now().UTC()
	return []string{"Date: " + now.Format(http.TimeFormat), "Retry-After: " + now.Add(time.Second).Format(http.TimeFormat)}
}

// unsent are the kinds of which it is certain that nothing arrived.
func unsent() []Kind {
	kind := func(name string, open func(*pki, string) (*Site, error)) Kind {
		return Kind{Name: name, Class: queue.NotSent, May: Tried, Not: Tried, open: open}
	}
	slow := func(k Kind) Kind { k.Slow = true; return k }
	return []Kind{
		kind("refuses connections", refusing),
		kind("has a name that cannot be resolved", nameless),
		slow(kind("is silent when TLS begins", silent)),
		kind("speaks no TLS", plain),
		kind("has a certificate of an authority that is not trusted", untrusted),
		kind("has a certificate for another name", misnamed),
		kind("has a certificate that has expired", expired),
		kind("speaks only an older TLS than `tls.min_version`", outdated),
		kind("wants a client certificate and is shown none, TLS 1.2", demanding(tls12, false)),
		kind("wants a client certificate and is shown none, TLS 1.3", demanding(tls13, false)),
		kind("refuses the client certificate, TLS 1.2", demanding(tls12, true)),
		kind("refuses the client certificate, TLS 1.3", demanding(tls13, true)),
	}
}

// unanswered are the kinds after which nobody knows whether the request was executed.
func unanswered() []Kind {
	kind := func(name string, reply func(int) recorder.Reply) Kind {
		return Kind{Name: name, Class: queue.Unanswered, May: Again, Not: Unknown, reply: reply}
	}
	slow := func(k Kind) Kind { k.Slow = true; return k }
	cut := func(k Kind) Kind { k.Cut = true; return k }
	hang := recorder.Delay(time.Hour)
	return []Kind{
		kind("closes the connection without a byte", always(recorder.Close())),
		kind("resets the connection without a byte", always(recorder.Reset())),
		{Name: "closes a kept connection when the next request comes", Class: queue.Unanswered, May: Again, Not: Unknown, Reused: true,
			reply: always(recorder.Close())},
		slow(kind("hangs", always(hang))),
		kind("resets within the head", always(recorder.Write([]byte("HTTP/1.1 20")), recorder.Delay(20*time.Millisecond), recorder.Reset())),
		kind("closes within the head", bytes(ok+"X-A: b\r\n")),
		slow(kind("hangs within the head", always(recorder.Write([]byte(ok+"X-A: b\r\n")), hang))),
		kind("sends a head over 1 MiB", bytes(ok+"X-A: "+strings.Repeat("a", 1<<20)+"\r\n\r\n")),
		kind("floods with 1xx answers", always(flood)),
		kind("sends a field without a colon", bytes(ok+"no colon\r\n\r\n")),
		kind("sends two lengths that differ", bytes(ok+"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
		kind("sends a length that is no number", bytes(ok+"Content-Length: -1\r\n\r\nab")),
		kind("sends no HTTP", bytes("SSH-2.0-OpenSSH_9.6\r\n")),
		kind("switches protocols unasked", bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")),
		cut(kind("resets after the head", always(recorder.Write([]byte(last+"Content-Length: 9\r\n\r\n")), recorder.Delay(20*time.Millisecond), recorder.Reset()))),
		cut(kind("closes in the middle of the body", bytes(last+"Content-Length: 9\r\n\r\nhalf"))),
		cut(slow(kind("hangs in the middle of the body", always(recorder.Write([]byte(last+"Content-Length: 9\r\n\r\nhalf")), hang)))),
		cut(slow(kind("drips: a byte now and then, over the timeout", always(recorder.Write([]byte(last+"Content-Length: 100000\r\n\r\n")), drip)))),
		cut(kind("sends a bad chunk", bytes(last+"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n"))),
		cut(kind("ends without the last chunk", bytes(last+"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"))),
	}
}

// answered are the kinds that answer, though not always what one would wish.
func answered() []Kind {
	kind := func(name string, may, not Next, reply func(int) recorder.Reply) Kind {
		return Kind{Name: name, Class: queue.Answered, May: may, Not: not, reply: reply}
	}
	same := func(name string, next Next, reply func(int) recorder.Reply) Kind {
		return kind(name, next, next, reply)
	}
	injected := func(k Kind) Kind { k.Credentials = true; return k }
	all := []Kind{
		{Name: "never ends its body: it is cut at `proxy.max_response_size` and flagged", Class: queue.Answered, May: Result, Not: Result,
			Endless: true, reply: always(recorder.Write([]byte(last+"\r\n")), endless)},
		same("sends more than it announced: the rest is dropped", Result, bytes(last+"Content-Length: 2\r\n\r\nok and more")),
		same("sends some 1xx answers first", Result, always(recorder.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\n"+ok+"Content-Length: 2\r\n\r\nok")))),
		same("answers in HTTP/1.0 until it closes", Result, bytes("HTTP/1.0 200 OK\r\n\r\nall of it")),
		same("redirects: not followed", Result, status(307, "Location: /elsewhere")),
		same("answers 404, or another status that is not named here", Result, status(404)),
		same("answers 200 with a `RateLimit` that is used up", Closing, status(200, `RateLimit: "default";r=0;t=1`)),
		same("answers 429 with Retry-After in seconds", Closed, once(429, after("Retry-After: 1"))),
		same("answers 429 with Retry-After as a date", Closed, once(429, date)),
		same("answers 429 with a `RateLimit` that is used up", Closed, once(429, after(`RateLimit: "default";r=0;t=1`))),
		same("answers 429 without Retry-After", Later, once(429, nil)),
		same("answers 503 with Retry-After in seconds", Closed, once(503, after("Retry-After: 1"))),
		same("answers 503 with Retry-After as a date", Closed, once(503, date)),
		injected(same("answers 401 to credentials that OpenHQM injects", Held, once(401, nil))),
		injected(same("answers 403 to credentials that OpenHQM injects", Held, once(403, nil))),
		same("answers 401 to the client's own credentials", Result, status(401)),
		kind("answers 500", Again, Fail, status(500)),
	}
	for _, code := range []int{502, 504} {
		all = append(all, kind(fmt.Sprintf("answers %d", code), Again, Unknown, status(code)))
	}
	for _, code := range []int{408, 425} {
		all = append(all, kind(fmt.Sprintf("answers %d", code), Again, Again, status(code)))
	}
	return append(all, kind("answers 503 without Retry-After", Again, Again, status(503)))
}

func flood(conn net.Conn, _ <-chan struct{}) bool {
	hint := []byte("HTTP/1.1 103 Early Hints\r\nLink: </" + strings.Repeat("a", 8<<10) + ">\r\n\r\n")
	for {
		if _, err := conn.Write(hint); err != nil {
			return false
		}
	}
}

func endless(conn net.Conn, _ <-chan struct{}) bool {
	part := []byte(strings.Repeat("x", 4096))
	for {
		if _, err := conn.Write(part); err != nil {
			return false
		}
	}
}

func drip(conn net.Conn, closed <-chan struct{}) bool {
	for {
		if _, err := conn.Write([]byte("x")); err != nil || !recorder.Delay(10*time.Millisecond)(conn, closed) {
			return false
		}
	}
}
