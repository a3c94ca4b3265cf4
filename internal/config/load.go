package config

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"reflect"
)

// DefaultFile is read from the working directory when no path is given and it exists.
const DefaultFile = "openhqm.yaml"

// Options are the inputs of one Load.
type Options struct {
	// Path of the file. Empty: DefaultFile if present, else none.
	Path string
	// Env is the environment, as os.Environ returns it.
	Env []string
	// Flags are values by dotted key (server.port), which win over everything.
	Flags map[string]string
	// FlagNames says how the flag of a key is called ("--port"), for messages. Optional.
	FlagNames map[string]string
	// Backends are the queue backends of this binary. Nil means the embedded one alone.
	Backends []string
}

// Load reads the file, lays environment and flags over it, and validates the result. The notes are in the order of the
// sources; they are returned with an error too. The error is always [Errors], and then the Config is nil.
func Load(o Options) (*Config, []Note, error) {
	r := &report{}
	root, held := readFile(&o, r)
	c, notes, err := build(root, o, r)
	if err == nil && c.file != "" {
		c.own[c.file] = held
	}
	return c, notes, err
}

// build lays environment and flags over the file's tree and turns the whole into a Config.
func build(root *node, o Options, r *report) (*Config, []Note, error) {
	applyEnvironment(root, o.Env, r)
	applyFlags(root, o.Flags, o.FlagNames, r)

	c := Default()
	c.file = o.Path
	c.sources, c.filled, c.files, c.own = map[string]string{}, map[string]bool{}, map[string]Digest{}, map[string]Digest{}
	d := &decoder{report: r, lookup: environment(o.Env).lookup, sources: c.sources, filled: c.filled, files: c.files}
	d.section("", root, reflect.ValueOf(c).Elem())

	d.routingFile(c)

	k := &checker{report: r, c: c}
	k.resolve()
	k.validate(o.Backends)
	if len(r.errs) > 0 {
		return nil, r.notes, r.errs
	}
	return c, r.notes, nil
}

// readFile returns the tree of the file, and what it held; it sets o.Path to the file that was read, or to "".
func readFile(o *Options, r *report) (*node, Digest) {
	path := o.Path
	if path == "" {
		path = DefaultFile
	}
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		o.Path = path
		return parseFile(path, data, r), sha256.Sum256(data)
	case o.Path == "" && errors.Is(err, fs.ErrNotExist):
	default:
		cause := err
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			cause = pathError.Err
		}
		r.fail(path, "", "cannot be read: %v", cause)
	}
	return &node{kind: mapping, src: source{name: path}}, Digest{}
}
