package ingress_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// flood is a connection of HTTP/2 that misbehaves: step writes once more.
type flood struct {
	name  string
	steps int // as many as it writes, unless its connection is ended before
	reads bool
	ends  bool // the server has to end the connection
	step  func(f *http2.Framer, n uint32, head []byte) error
}

var floods = []flood{
	{name: "streams that are reset at once", steps: 50_000, reads: true, step: func(f *http2.Framer, n uint32, head []byte) error {
		if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*n + 1, BlockFragment: head, EndHeaders: true}); err != nil {
			return err
		}
		return f.WriteRSTStream(2*n+1, http2.ErrCodeCancel)
	}},
	{name: "streams beyond the limit, never ended", steps: 50_000, reads: true, step: func(f *http2.Framer, n uint32, head []byte) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*n + 1, BlockFragment: head, EndHeaders: true})
	}},
	{name: "pings whose answers are not read", steps: 3_000_000, ends: true, step: func(f *http2.Framer, n uint32, _ []byte) error {
		return f.WritePing(false, [8]byte{byte(n)})
	}},
	{name: "settings whose acknowledgements are not read", steps: 300_000, step: func(f *http2.Framer, n uint32, _ []byte) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000 + n%1000})
	}},
	{name: "a head without an end", steps: 100_000, ends: true, step: func(f *http2.Framer, n uint32, head []byte) error {
		if n == 0 {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head})
		}
		var more bytes.Buffer
		_ = hpack.NewEncoder(&more).WriteField(hpack.HeaderField{Name: "x-more", Value: strings.Repeat("m", 1000), Sensitive: true})
		return f.WriteContinuation(1, false, more.Bytes())
	}},
	{name: "a head without an end, of empty frames", steps: 500_000, step: func(f *http2.Framer, n uint32, head []byte) error {
		if n == 0 {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head})
		}
		return f.WriteContinuation(1, false, nil)
	}},
}

// TestFloodsOfFramesHarmNobodyElse lets one connection misbehave while others ask: those are answered, memory does not grow
// with the flood, and a connection that only costs is ended.
func TestFloodsOfFramesHarmNobodyElse(t *testing.T) {
	for _, attack := range floods {
		t.Run(attack.name, func(t *testing.T) {
			f := start(t, setup{})
			before := heap()
			c, err := net.Dial("tcp", f.address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- attack.run(c) }()
			for {
				if got := f.send(t, "POST /honest HTTP/1.1\r\nHost: h\r\nPrefer: respond-async\r\nContent-Length: 1\r\n\r\nx"); got.status != 202 {
					t.Fatalf("an honest request got %d meanwhile", got.status)
				}
				select {
				case err := <-ended:
					var late net.Error
					if attack.ends && (err == nil || errors.As(err, &late) && late.Timeout()) {
						t.Errorf("the connection was not ended: %v", err)
					}
					if grown := heap() - before; grown > 32<<20 {
						t.Errorf("the heap has grown by %d MiB", grown>>20)
					}
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
}

// run writes until the flood is over, or the server ends it.
func (a *flood) run(c net.Conn) error {
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return err
	}
	if a.reads {
		go func() { _, _ = io.Copy(io.Discard, c) }()
	}
	framer := http2.NewFramer(c, nil)
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	var head bytes.Buffer
	encoder := hpack.NewEncoder(&head)
	encoder.SetMaxDynamicTableSize(0)
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/flood"}} {
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			return err
		}
	}
	for n := range uint32(a.steps) {
		if err := a.step(framer, n, head.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
