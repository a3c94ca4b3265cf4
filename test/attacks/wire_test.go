package attacks

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An answer is what a client read; of one that was stored, what the endpoint answered in the end.
type answer struct {
	status int
	header http.Header
	body   string
}

// An exchange is one row on one connection.
type exchange struct {
	attack
	class, marker, raw string
	way                way

	answers []answer
	err     error // why reading ended, if not in order
}

// send puts the row on a connection of its own, reads to its end, and fetches the results of what was stored.
func (x *exchange) send(s *server) {
	x.raw = render(x.input, x.marker, x.way.field)
	if !x.ends {
		x.raw += render(honest, x.marker, x.way.field)
	}
	x.answers, x.err = converse(s.address, x.raw, x.ends)
	for i, a := range x.answers {
		if a.status == http.StatusAccepted {
			if x.answers[i], x.err = s.result(a.header.Get("OpenHQM-Correlation-Id")); x.err != nil {
				return
			}
		}
	}
}

// converse writes bytes and reads answers until the connection ends.
func converse(address, raw string, end bool) ([]answer, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	go func() {
		_, _ = io.WriteString(conn, raw) // who is refused may not be read to the end
		if end {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	in := bufio.NewReader(conn)
	var answers []answer
	for {
		if _, err := in.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				return answers, nil
			}
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				return answers, fmt.Errorf("the connection stays open: %w", err)
			}
			return answers, nil // a reset ends it as well
		}
		method := ""
		if strings.HasPrefix(raw, "HEAD ") && len(answers) == 0 {
			method = http.MethodHead
		}
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return answers, err
		}
		if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		answers = append(answers, answer{status: resp.StatusCode, header: resp.Header, body: string(body)})
		if err != nil {
			return answers, err
		}
	}
}

// result waits for the answer to a stored request.
func (s *server) result(id string) (answer, error) {
	for began := time.Now(); time.Since(began) < patience; {
		resp, err := http.Get("http://" + s.address + "/api/v1/response/" + id + "/raw?wait=10s")
		if err != nil {
			return answer{}, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return answer{}, err
		}
		if resp.StatusCode != http.StatusAccepted {
			return answer{status: resp.StatusCode, header: resp.Header, body: string(body)}, nil
		}
	}
	return answer{}, fmt.Errorf("%s has no answer within %v", id, patience)
}

// do sends a request of net/http and returns status and body.
func do(t *testing.T, r *http.Request) (int, []byte) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}
