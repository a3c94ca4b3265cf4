// Package config turns a YAML file, the environment and command line flags into one validated Config.
//
// Words it owns: a key is a dotted path such as proxy.endpoints.legacy.url; a source is where a key was set, a file with
// its line, an environment variable or a flag; a note is something the user should hear of at start although it stops
// nothing.
//
// The three layers are laid over each other as one tree whose every value knows its source; the tree is then decoded once,
// over [Default]. Later layers win: file, environment, flags. Mappings merge key by key, lists and scalars are replaced.
// The section structs are the schema and their comments the reference manual (docs/config.md is generated from them):
//
//	yaml   name of the key
//	min    smallest accepted value, written as a user would write it
//	max    largest accepted value
//	enum   the accepted words, separated by |; for a map, of its values
//	alias  further words and what they mean: other=word|...
//	live   "true": a reload applies a change of this key, or of all keys below it, without a restart
//	why    for the marker types Ignored, Unsupported and Off: what the user is told
//
// # Guarantees
//
//  1. A Config that Load returned has passed every check of this package; there is no other way to a partly valid one.
//  2. Nothing is ignored silently. An unknown key or OPENHQM_ variable is an error; a known key without effect is a note.
//  3. One Load reports all errors it can find, each with key, source, value and what is accepted.
//  4. No error, note, Print or log output contains the value of a [Secret], nor a password inside a URL.
//
// # Concurrency
//
// Load reads the file system and nothing else global: the environment is passed in. A Config is read-only after Load and
// may then be shared.
//
// # Failure
//
// Load returns [Errors]. An unreadable file is one of them, because variables and flags are still worth checking.
//
// # Not here
//
// Whether an address is free, a directory writable or an endpoint reachable: only the running process can know, see
// internal/app. Which queue backends a binary has is told to Load by Options.Backends.
package config
