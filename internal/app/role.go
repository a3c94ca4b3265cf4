package app

import (
	"fmt"

	"github.com/openhqm/openhqm/queue"
)

// Role says which parts of the system a process runs.
type Role string

// The roles; each is a subcommand.
const (
	RoleServe  Role = "serve"  // everything
	RoleAPI    Role = "api"    // takes requests in; delivers nothing
	RoleWorker Role = "worker" // delivers; its ingress listener is closed
)

func (r Role) ingress() bool { return r != RoleWorker }

func (r Role) worker() bool { return r != RoleAPI }

// check refuses a part of the system that would stand alone on a store nobody else can use: requests that no worker
// could ever see, or a worker that no request could ever reach.
func (r Role) check(c queue.Capabilities) error {
	if r == RoleServe || c.Shared {
		return nil
	}
	return fmt.Errorf("%s alone needs a shared queue, and the %s backend belongs to one process: run openhqm serve, "+
		"or configure a shared backend with queue.type", r, c.Name)
}
