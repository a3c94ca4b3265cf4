package ingress_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/route"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// withRoutes returns a handler whose routes and endpoints are so many: /s0 goes to endpoint e0, and so on.
func withRoutes(t testing.TB, broker *queue.Broker, routes, endpoints int) *ingress.Handler {
	t.Helper()
	targets := make([]ingress.Target, endpoints)
	for i := range targets {
		name := fmt.Sprint("e", i)
		targets[i] = ingress.Target{Name: name, Queue: name, Endpoint: true, Selectable: true}
	}
	conditions, actions := make([]route.Route, routes), make([]ingress.Action, routes)
	for i := range conditions {
		name := fmt.Sprint("r", i)
		conditions[i] = route.Route{Name: name, Conditions: route.Conditions{Methods: []string{"POST"}, PathPrefix: fmt.Sprint("/s", i)}}
		actions[i] = ingress.Action{Route: name, Choices: targets[i%endpoints : i%endpoints+1], Weights: []int{1}, Priority: 3}
	}
	table, err := route.New(conditions, nil)
	if err != nil {
		t.Fatal(err)
	}
	return handlerOf(t, broker, ingress.NewTable("e0", targets...).WithRoutes(ingress.NewRoutes(table, actions)))
}

func handlerOf(t testing.TB, broker *queue.Broker, targets ingress.Targets) *ingress.Handler {
	t.Helper()
	replies, err := reply.New(reply.Config{Prefix: "/api/v1"}, reply.Options{Broker: broker, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return ingress.New(ingress.Config{}, ingress.Options{Broker: broker, Targets: targets, Replies: replies, Log: slog.New(slog.DiscardHandler)})
}

// BenchmarkRoutes is what accepting a request costs by the number of routes and endpoints; the last route takes it.
func BenchmarkRoutes(b *testing.B) {
	for _, size := range []struct{ routes, endpoints int }{{1, 1}, {1000, 100}} {
		b.Run(fmt.Sprintf("%d routes to %d endpoints", size.routes, size.endpoints), func(b *testing.B) {
			broker := queue.NewBroker(stub{memory.New(memory.Options{})}, queue.BrokerOptions{})
			handler := withRoutes(b, broker, size.routes, size.endpoints)
			r, body := upload1KiB()
			r.RequestURI = fmt.Sprintf("/s%d/orders?x=1", size.routes-1)
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(make([]byte, 1024))
				w := &sink{header: make(http.Header, 16)}
				handler.ServeHTTP(w, r)
				if w.status != http.StatusAccepted {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// TestABodyThatAPredicateReadsIsStillWhatTheClientSent cuts an upload that a predicate reads ahead, and sends one slowly to a
// route that passes through.
func TestABodyThatAPredicateReadsIsStillWhatTheClientSent(t *testing.T) {
	store := memory.New(memory.Options{})
	broker := runBroker(t, store)
	arrived := make(chan string, 1)
	target := ingress.Target{Name: "app", Queue: "app", Endpoint: true, Mode: ingress.ModeSync,
		Pass: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			arrived <- fmt.Sprint(string(body), err, r.Trailer["X-Sum"])
		})}
	table, err := route.New([]route.Route{{Name: "r", Conditions: route.Conditions{Path: "/p", JQ: `.body.a == [1, "x"]`}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stored := target
	stored.Mode = ingress.ModeAsync
	targets := ingress.NewTable("app", stored).WithRoutes(ingress.NewRoutes(table, []ingress.Action{{Route: "r", Choices: []ingress.Target{target}, Weights: []int{1}}}))
	server := &http.Server{Handler: handlerOf(t, broker, targets), ReadHeaderTimeout: time.Minute}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	send := func(parts ...string) (int, string) {
		t.Helper()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, part := range parts {
			if _, err := io.WriteString(conn, part); err != nil {
				t.Fatal(err)
			}
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(text)
	}
	head := "POST /p HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
	body := `{"a":[1,"x"]}`
	if status, text := send(head+"Content-Length: 13\r\nConnection: close\r\n\r\n", body[:5], body[5:]); status != 200 {
		t.Errorf("%d %s", status, text)
	} else if got := <-arrived; got != body+"<nil> []" {
		t.Errorf("%s arrived", got)
	}
	if status, text := send(head+"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n", "d\r\n"+body+"\r\n0\r\nX-Sum: 7\r\n\r\n"); status != 200 {
		t.Errorf("%d %s", status, text)
	} else if got := <-arrived; got != body+"<nil> [7]" {
		t.Errorf("%s arrived", got)
	}
	if status, text := send(head+"Content-Length: 99\r\n\r\n", body); status != 400 || !strings.Contains(text, "nothing was stored") {
		t.Errorf("a cut upload: %d %s", status, text)
	}
	stats, err := broker.Stats(t.Context())
	if err != nil || stats.Queues["app"].Counts.Accepted != 0 {
		t.Errorf("%+v %v", stats.Queues["app"], err)
	}
}
