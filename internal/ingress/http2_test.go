package ingress_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// asked sends one request over h2c and returns the status of its answer; "" if the stream or the connection was ended.
func asked(t *testing.T, f *fixture, fields ...string) string {
	t.Helper()
	conn := f.dial(t)
	conn.write(http2.ClientPreface)
	framer := http2.NewFramer(conn, conn.in)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		if err := encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := framer.ReadFrame()
		switch {
		case errors.Is(err, io.EOF):
			return ""
		case err != nil:
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			return frame.PseudoValue("status")
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return ""
		}
	}
}

func TestHTTP2RefusesWhatWouldMeanSomethingElseInHTTP1(t *testing.T) {
	f := start(t, setup{})
	request := func(path string, more ...string) []string {
		return append([]string{":method", "GET", ":scheme", "http", ":authority", "shop.example", ":path", path, "prefer", "respond-async"}, more...)
	}
	if status := asked(t, f, request("/x")...); status != "202" {
		t.Fatalf("a plain request: %q", status)
	}
	for name, fields := range map[string][]string{
		"connection":           request("/x", "connection", "close"),
		"transfer-encoding":    request("/x", "transfer-encoding", "chunked"),
		"keep-alive":           request("/x", "keep-alive", "1"),
		"proxy-connection":     request("/x", "proxy-connection", "close"),
		"upgrade":              request("/x", "upgrade", "h2c"),
		"te":                   request("/x", "te", "gzip"),
		"newline in a value":   request("/x", "x-a", "1\r\nx-b: 2"),
		"upper case":           request("/x", "X-A", "1"),
		"length without body":  request("/x", "content-length", "5"),
		"path without slash":   request("x"),
		"empty path":           request(""),
		"space in the path":    request("/x HTTP/1.1"),
		"newline in the path":  request("/x\r\nx-b: 2"),
		"pseudo after regular": request("/x", ":path", "/y"),
	} {
		if status := asked(t, f, fields...); status != "" && status[0] != '4' {
			t.Errorf("%s: %s", name, status)
		}
	}
}
