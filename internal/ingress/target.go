package ingress

import (
	"net/http"
	"slices"
	"time"
)

// Target is an endpoint or handler as ingress knows it.
type Target struct {
	Name       string
	Queue      string // where its messages stand
	Endpoint   bool   // false: a handler in this process, such as the demo
	Selectable bool   // the client may choose it with OpenHQM-Endpoint
	Terms

	Mode    Mode          // ModeDefault: the request decides
	Wait    time.Duration // how long auto holds, and how long sync waits in line; 0: not at all
	MaxWait time.Duration // how far Prefer: wait may lengthen Wait; less than Wait counts as Wait

	// KeepOnDisconnect keeps the message of a client that goes while it is held and whose request has not begun.
	KeepOnDisconnect bool
	// ForwardsAuthorization: the client's Authorization reaches the endpoint, so that the message is of no use after a
	// token in it has expired.
	ForwardsAuthorization bool
	// Method replaces the method of requests, as Override says; "" leaves it.
	Method string
	// MaxBody is the largest body that is stored, in bytes; 0 takes Config.MaxBody.
	MaxBody int64
	// FailOpen sends a request straight through that the store provably did not take because it is down; else it is refused.
	FailOpen bool
	// Pass takes a request straight through; nil where that is not possible, and then sync is auto.
	Pass http.Handler
}

// Targets is where requests can go. Its methods may be called by many goroutines at once.
type Targets interface {
	// Default returns the target of a request that names none; false if there is none.
	Default() (Target, bool)
	// Named returns the target of that name, selectable or not.
	Named(name string) (Target, bool)
	// Names returns the names of the selectable targets, sorted.
	Names() []string
}

// Table is a fixed set of targets.
type Table struct {
	byName      map[string]Target
	defaultName string
	names       []string
	routes      *Routes
}

// NewTable returns a table. The default is a name of one of the targets, or "" for none.
func NewTable(defaultName string, targets ...Target) *Table {
	t := &Table{byName: make(map[string]Target, len(targets)), defaultName: defaultName}
	for _, target := range targets {
		t.byName[target.Name] = target
		if target.Selectable {
			t.names = append(t.names, target.Name)
		}
	}
	slices.Sort(t.names)
	return t
}

// Default implements Targets.
func (t *Table) Default() (Target, bool) { return t.Named(t.defaultName) }

// Named implements Targets.
func (t *Table) Named(name string) (Target, bool) {
	target, ok := t.byName[name]
	return target, ok
}

// Names implements Targets.
func (t *Table) Names() []string { return t.names }
