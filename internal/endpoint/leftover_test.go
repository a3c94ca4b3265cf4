package endpoint_test

import (
	"sync"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// Bytes beyond an answer are nobody's: they are not taken for the answer to the next request on the connection.
func TestWhatFollowsAnAnswerIsNotTheNextAnswer(t *testing.T) {
	const strange = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nstrange"
	for name, test := range map[string]struct{ method, reply string }{
		"an answer behind the head for HEAD": {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + strange},
		"a body behind the head for HEAD":    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndirect"},
		"half an answer":                     {"HEAD", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nstrange"},
		"more than was announced":            {"PUT", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + strange},
		"an answer behind one without body":  {"GET", "HTTP/1.1 204 No Content\r\n\r\n" + strange},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(a recorder.Arrival) recorder.Reply {
				if a.Method() == test.method {
					return recorder.Reply{recorder.Write([]byte(test.reply))}
				}
				return recorder.Answer(200, "mine")
			})
			e := open(t, r.URL(), func(c *endpoint.Config) { c.Concurrency = 64 })
			var all sync.WaitGroup
			for i := range 64 {
				all.Go(func() {
					for range 100 {
						method, want := "POST", "mine"
						if i%2 == 0 {
							method, want = test.method, ""
						}
						o := e.Handle(t.Context(), delivery(queue.Request{Method: method}))
						if method == "POST" && o.Class == queue.Unanswered {
							t.Errorf("%s: %v", method, o.Err)
						}
						if want != "" && o.Class == queue.Answered {
							if got := content(t, o.Result.Body); got != want {
								t.Errorf("answered with %q", got)
							}
						}
					}
				})
			}
			all.Wait()
		})
	}
}
