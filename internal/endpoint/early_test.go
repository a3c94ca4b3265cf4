package endpoint_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/queue"
)

// early is a server that answers when it has read the head, and then reads the body or closes.
func early(t *testing.T, drain bool) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			if _, err := http.ReadRequest(in); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
			}
			if drain {
				_, _ = io.Copy(io.Discard, in)
			}
			conn.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

func TestAnswerBeforeTheBodyWasReadCounts(t *testing.T) {
	big := queue.InlineBody([]byte(strings.Repeat("b", 8<<20)))
	o := open(t, early(t, true), nil).Handle(t.Context(), delivery(queue.Request{Body: big}))
	if o.Class != queue.Answered || o.Result.Status != 413 || content(t, o.Result.Body) != "no" {
		t.Errorf("class %s, error %v", o.Class, o.Err)
	}
	// A server that closes with unread bytes resets, and the reset may overtake its answer.
	for range 20 {
		o := open(t, early(t, false), nil).Handle(t.Context(), delivery(queue.Request{Body: big}))
		if o.Class != queue.Unanswered && (o.Class != queue.Answered || o.Result.Status != 413) {
			t.Errorf("class %s, error %v", o.Class, o.Err)
		}
	}
}
