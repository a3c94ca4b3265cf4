package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Log writes events.
type Log struct {
	began time.Time
	mu    sync.Mutex
	file  *os.File
	fail  func(error)
}

// Create begins a log in a new file. fail is called when it cannot be written, and must not return.
func Create(path string, fail func(error)) (*Log, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &Log{began: time.Now(), file: file, fail: fail}, nil
}

// Now returns the log's time.
func (l *Log) Now() int64 { return int64(time.Since(l.began)) }

// Log writes one event, with the time of now if it has none.
func (l *Log) Log(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.At == 0 {
		e.At = l.Now()
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = l.file.Write(append(line, '\n'))
	}
	if err != nil {
		l.fail(fmt.Errorf("the log cannot be written: %w", err))
	}
}

// Close ends the log.
func (l *Log) Close() error { return l.file.Close() }

// ReadAll reads a log.
func ReadAll(r io.Reader) ([]Event, error) {
	var events []Event
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(events)+1, err)
		}
		events = append(events, e)
	}
	return events, lines.Err()
}
