package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhqm/openhqm/client"
)

// eachQueue does something to the queue of a name, or to all there are. One that fails does not keep the others from it.
func (o origin) eachQueue(ctx context.Context, admin *client.Admin, name string, all bool, do func(name string) error) error {
	if all == (name != "") {
		return usage("give the name of a queue, or --all")
	}
	if !all {
		return o.explain(do(name))
	}
	queues, err := admin.Queues(ctx)
	if err != nil {
		return o.explain(err)
	}
	var failed []error
	for i := range queues {
		if err := do(queues[i].Name); err != nil {
			failed = append(failed, fmt.Errorf("queue %s: %w", queues[i].Name, o.explain(err)))
		}
	}
	return errors.Join(failed...)
}
