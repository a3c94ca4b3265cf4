package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// call renders one HTTP/1.1 request.
func call(method, target, host string, body []byte, fields ...string) []byte {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n", method, target, host)
	for _, f := range fields {
		b = append(append(b, f...), "\r\n"...)
	}
	if body != nil {
		b = fmt.Appendf(b, "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n", len(body))
	}
	return append(append(b, "\r\n"...), body...)
}

// conn is one connection that speaks as little HTTP as will do, so that the generator costs little of the two cores.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func dial(addr string) (*conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 16<<10)}, nil
}

// do sends a request and reads the whole answer; location is its Location field, if wanted.
func (c *conn) do(request []byte, wantLocation bool) (status int, location string, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, "", err
	}
	length := int64(0)
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, "", err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			if len(line) < 12 {
				return 0, "", fmt.Errorf("status line %q", line)
			}
			status, err = strconv.Atoi(string(line[9:12]))
			if err != nil {
				return 0, "", err
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case len(name) == len("content-length") && bytes.EqualFold(name, []byte("content-length")):
			length, err = strconv.ParseInt(string(value), 10, 64)
			if err != nil {
				return 0, "", err
			}
		case wantLocation && bytes.EqualFold(name, []byte("location")):
			location = string(value)
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			return 0, "", fmt.Errorf("a chunked answer, which this generator does not read")
		}
	}
	_, err = io.CopyN(io.Discard, c.r, length)
	return status, location, err
}

// closedLoop keeps connections busy for a time and returns the answers per second. Any answer but want fails the run.
func closedLoop(ctx context.Context, addr string, connections int, d time.Duration, request []byte, want int) (float64, error) {
	return busy(ctx, connections, d, func() (func() error, func(), error) {
		c, err := dial(addr)
		if err != nil {
			return nil, nil, err
		}
		return func() error {
			status, _, err := c.do(request, false)
			if err == nil && status != want {
				err = fmt.Errorf("answer %d, want %d", status, want)
			}
			return err
		}, func() { c.Close() }, nil
	})
}

// clientLoop is closedLoop with the standard library's client, one for all connections, as a caller would have it.
func clientLoop(ctx context.Context, addr string, connections int, d time.Duration, body []byte, want int) (float64, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	caller := &http.Client{Transport: transport}
	return busy(ctx, connections, d, func() (func() error, func(), error) {
		return func() error {
			request, err := http.NewRequest(http.MethodPost, "http://"+addr+"/orders", bytes.NewReader(body))
			if err != nil {
				return err
			}
			request.Header.Set("Prefer", "respond-async")
			request.Header.Set("Content-Type", "application/octet-stream")
			response, err := caller.Do(request)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if response.StatusCode != want {
				return fmt.Errorf("answer %s, want %d", response.Status, want)
			}
			_, err = io.Copy(io.Discard, response.Body)
			return err
		}, func() {}, nil
	})
}

// busy runs as many callers as there are connections, each making its calls one after the other, and returns the calls per
// second. connect returns a caller's call and what ends it.
func busy(ctx context.Context, connections int, d time.Duration, connect func() (func() error, func(), error)) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var group sync.WaitGroup
	counts, errs := make([]int, connections), make([]error, connections)
	started := time.Now()
	for i := range connections {
		group.Go(func() {
			call, end, err := connect()
			if err != nil {
				errs[i] = err
				return
			}
			defer end()
			for ctx.Err() == nil {
				if errs[i] = call(); errs[i] != nil {
					return
				}
				counts[i]++
			}
		})
	}
	group.Wait()
	elapsed := time.Since(started)
	total := 0
	for i := range counts {
		if errs[i] != nil {
			return 0, errs[i]
		}
		total += counts[i]
	}
	return float64(total) / elapsed.Seconds(), nil
}

// latencies are sorted.
type latencies []time.Duration

func (l latencies) at(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	return l[min(int(q*float64(len(l))), len(l)-1)]
}

// openLoop makes rate calls a second whatever the answers do, each at its own moment, and measures each from the moment
// it was due, so that a stall shows in all that it delayed. next returns the request for the i-th call; done, if not nil,
// sees each answer.
func openLoop(ctx context.Context, addr string, rate int, d time.Duration, next func(i int) []byte, want int, done func(location string)) (latencies, error) {
	const connections = 64
	n := int(float64(rate) * d.Seconds())
	due := make(chan int, n)
	results := make([]time.Duration, n)
	errs := make([]error, connections)
	moment := make([]time.Time, n)
	var group sync.WaitGroup
	for i := range connections {
		group.Go(func() {
			c, err := dial(addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.Close()
			for k := range due {
				status, location, err := c.do(next(k), done != nil)
				if err == nil && status != want {
					err = fmt.Errorf("answer %d, want %d", status, want)
				}
				if err != nil {
					errs[i] = err
					return
				}
				results[k] = time.Since(moment[k])
				if done != nil {
					done(location)
				}
			}
		})
	}
	started := time.Now().Add(50 * time.Millisecond)
	step := time.Second / time.Duration(rate)
	for k := range n {
		moment[k] = started.Add(time.Duration(k) * step)
		waitUntil(moment[k])
		due <- k
		if ctx.Err() != nil {
			break
		}
	}
	close(due)
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(results)
	return results, context.Cause(ctx)
}

// waitUntil sleeps to the moment with the kernel's precision: the runtime's own timers may be a millisecond late.
func waitUntil(t time.Time) {
	for d := time.Until(t); d > 0; d = time.Until(t) {
		wait := syscall.NsecToTimespec(int64(d))
		syscall.Nanosleep(&wait, nil) // interrupted: look again
	}
}

// median runs f and returns the middle of its values.
func median(rounds int, f func(round int) (float64, error)) (float64, error) {
	values := make([]float64, 0, rounds)
	for i := range rounds {
		v, err := f(i)
		if err != nil {
			return 0, err
		}
		values = append(values, v)
	}
	slices.Sort(values)
	return values[len(values)/2], nil
}
