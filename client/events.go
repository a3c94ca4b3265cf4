package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxEvent is the longest line of a stream that is read, in bytes.
const maxEvent = 1 << 20

// EventStream is the changes of one request as they happen.
type EventStream struct {
	body  io.Closer
	lines *bufio.Scanner
}

// Events follows a request until it is terminal. With after, the Revision of the last status seen, it goes on from there;
// 0 begins with the status as it is. The caller closes the stream, or ends ctx.
func (c *Client) Events(ctx context.Context, id string, after uint64) (*EventStream, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	header := http.Header{"Accept": {"text/event-stream"}}
	if after > 0 {
		header.Set("Last-Event-Id", strconv.FormatUint(after, 10))
	}
	response, err := c.do(ctx, http.MethodGet, "/events/"+id, nil, header, nil)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusNoContent: // nothing comes after a terminal status that was seen
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, maxEvent)
		return &EventStream{body: response.Body, lines: lines}, nil
	default:
		defer response.Body.Close()
		return nil, errorOf(response)
	}
}

// Next blocks until the next change. After the terminal one, or when the server ends the stream, it returns io.EOF.
func (s *EventStream) Next() (*Status, error) {
	var data strings.Builder
	for s.lines.Scan() {
		line := s.lines.Text()
		switch {
		case line == "" && data.Len() > 0:
			status := &Status{}
			if err := json.Unmarshal([]byte(data.String()), status); err != nil {
				return nil, fmt.Errorf("read event: %w", err)
			}
			return status, nil
		case strings.HasPrefix(line, "data:"):
			data.WriteString(strings.TrimPrefix(line[len("data:"):], " "))
		}
	}
	if err := s.lines.Err(); err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return nil, io.EOF
}

// Close ends the stream.
func (s *EventStream) Close() error { return s.body.Close() }
