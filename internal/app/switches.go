package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/ingress"
)

// switchesFile holds what operators have turned, in the data directory of an embedded store. It is apart from the store, which
// may be what is down when a switch is turned.
const switchesFile = "route-switches.json"

// switches are the switches of the routes over reloads. What an operator turned counts until it is reset, or until the
// configuration of that switch changes: of both, the later word. The zero value is ready, and keeps nothing over a restart.
type switches struct {
	file string // "": nothing outlives the process

	mu     sync.Mutex
	routes map[string]*routeSwitch
	turned map[string]turned // by route, also of routes that are not configured at the moment
}

// routeSwitch is the switch of one route.
type routeSwitch struct {
	live       *ingress.Switch
	configured ingress.Position
}

// turned is what an operator has turned, and what stood in the configuration then.
type turned struct {
	ingress.Position
	Configured ingress.Position `json:"configured"`
	At         time.Time        `json:"at"`
}

// load reads what was turned before, from where it is kept from now on; a missing file is an empty one.
func (s *switches) load(file string) error {
	if s.file = file; file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s.turned)
	}
	if err != nil {
		return fmt.Errorf("switches of routes: %w; correct or remove %s, which holds what `openhqm route set` changed", err, file)
	}
	return nil
}

// of returns the switch of a route for a snapshot that is being built. One that is in use stands as it stood until settle.
func (s *switches) of(r *config.Route) *ingress.Switch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.routes[r.Name]; ok {
		return known.live
	}
	configured := position(r)
	known := &routeSwitch{configured: configured, live: ingress.NewSwitch(s.position(r.Name, configured))}
	if s.routes == nil {
		s.routes = make(map[string]*routeSwitch)
	}
	s.routes[r.Name] = known
	return known.live
}

// settle turns the switches as a configuration that has taken effect says, where that is the later word, and forgets what was
// turned before it: a configuration that goes back to an older value does not bring it back. It takes effect even when it returns
// an error, which says that what is kept for a restart is not up to date.
func (s *switches) settle(c *config.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for i := range c.Routes {
		r := &c.Routes[i]
		known, ok := s.routes[r.Name]
		if !ok {
			continue
		}
		known.configured = position(r)
		now := s.position(r.Name, known.configured)
		known.live.Turn(now)
		if t, ok := s.turned[r.Name]; ok && t.Configured != known.configured {
			changed = true
			if t.Position, t.Configured = now, known.configured; now != known.configured {
				s.turned[r.Name] = t
			} else {
				delete(s.turned, r.Name)
			}
		}
	}
	if !changed || s.file == "" {
		return nil
	}
	return s.save()
}

// position returns how the switch of a route stands by what was turned and what is configured.
func (s *switches) position(name string, configured ingress.Position) ingress.Position {
	t, ok := s.turned[name]
	if !ok {
		return configured
	}
	p := t.Position
	if t.Configured.QueuePercent != configured.QueuePercent {
		p.QueuePercent = configured.QueuePercent
	}
	if t.Configured.Bypass != configured.Bypass {
		p.Bypass = configured.Bypass
	}
	return p
}

// turn turns the switch of a route, or with nil resets it to what is configured. It takes effect even when it returns an error,
// which says that a restart will undo it.
func (s *switches) turn(name string, p *ingress.Position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.routes[name]
	if p == nil {
		delete(s.turned, name)
		known.live.Turn(known.configured)
	} else {
		if s.turned == nil {
			s.turned = make(map[string]turned)
		}
		s.turned[name] = turned{Position: *p, Configured: known.configured, At: time.Now().UTC()}
		known.live.Turn(*p)
	}
	return s.save()
}

// state returns how the switch of a route stands, what is configured, and when an operator turned it; zero: nobody did.
func (s *switches) state(name string) (live, configured ingress.Position, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.routes[name]
	live, configured = known.live.Position(), known.configured
	if live != configured {
		at = s.turned[name].At
	}
	return live, configured, at
}

// save writes the file anew, whole or not at all.
func (s *switches) save() error {
	if s.file == "" {
		return errors.New("this process has no data directory to keep it in")
	}
	text, err := json.MarshalIndent(s.turned, "", "  ")
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(s.file), switchesFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name()) // after the rename there is none
	_, err = next.Write(append(text, '\n'))
	if err = errors.Join(err, next.Sync(), next.Close()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), s.file); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(s.file))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func position(r *config.Route) ingress.Position {
	return ingress.Position{QueuePercent: r.QueuePercent, Bypass: r.Bypass}
}

// switchesIn returns where a process with this configuration keeps what is turned, or "".
func switchesIn(c *config.Config) string {
	if c.Queue.Type != "embedded" {
		return ""
	}
	return filepath.Join(c.Queue.Embedded.Dir, switchesFile)
}
