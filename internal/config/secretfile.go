package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// filePrefix begins a reference to a file: ${file:/run/secrets/token}.
const filePrefix = "file:"

// maxValueFile bounds a file that holds one value, in bytes.
const maxValueFile = 64 << 10

// Digest tells whether a file still says what a configuration was made of. The zero value stands for a file that cannot be
// used.
type Digest [sha256.Size]byte

// Files returns the files whose contents are values of the configuration, by ${file:PATH}, and what they held. A process
// reloads when [DigestOf] one of them is another.
func (c *Config) Files() map[string]Digest { return c.files }

// DigestOf returns what a file holds now.
func DigestOf(path string) Digest {
	data, err := valueFile(path)
	if err != nil {
		return Digest{}
	}
	return sha256.Sum256(data)
}

// valueFile reads a file that holds one value. Line breaks at its end are no part of it: editors and echo leave one. Errors
// name the file and never what it holds.
func valueFile(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("${file:} names no file; write ${file:/path/of/file}")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxValueFile+1))
	if err != nil {
		return nil, fileError(path, err)
	}
	if len(data) > maxValueFile {
		return nil, fmt.Errorf("file %s is larger than 64KiB; give a file that holds the value alone", path)
	}
	data = bytes.TrimRight(data, "\r\n")
	if len(data) == 0 {
		return nil, fmt.Errorf("file %s is empty; write the value into it", path)
	}
	return data, nil
}

func fileError(path string, err error) error {
	var where *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("file %s does not exist; create it, or correct the path", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("file %s may not be read by this process; give its user the right to", path)
	case errors.As(err, &where):
		err = where.Err
	}
	return fmt.Errorf("file %s cannot be read: %w", path, err)
}

// wholeFile returns the path of a value that is nothing but ${file:PATH}. Such a one is obeyed in a variable and a flag too:
// no shell has replaced it, and it cannot be meant as it stands.
func wholeFile(text string) (path string, ok bool) {
	inner, ok := strings.CutPrefix(strings.TrimSpace(text), "${"+filePrefix)
	if !ok || strings.IndexByte(inner, '}') != len(inner)-1 {
		return "", false
	}
	return inner[:len(inner)-1], true
}

// fromFile reads a value from a file and remembers what it held.
func (d *decoder) fromFile(path string) (string, error) {
	data, err := valueFile(path)
	if err != nil {
		return "", err
	}
	d.files[path] = sha256.Sum256(data)
	return string(data), nil
}
