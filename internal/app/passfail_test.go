package app

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
)

func TestAMalformedBodyThatPassesThroughIsTheClientsFault(t *testing.T) {
	out := &lines{}
	c := load(t, "proxy: {default_endpoint: 'http://"+silent(t)+"'}")
	p := start(t, c, Options{Log: slog.New(slog.NewTextHandler(out, nil))})
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /e HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn) // to its end: the connection is closed
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), "bad-framing") {
		t.Errorf("answered %s, %v", answer, err)
	}
	if out.has("calls that pass through") {
		t.Error("logged as trouble of the endpoint")
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

// silent returns the address of a server that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
