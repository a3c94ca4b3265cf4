package api

import (
	"maps"
	"net/http"
	"slices"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

// audit recounts all messages. It takes as long as reading all of them does.
func (a *Admin) audit(w http.ResponseWriter, r *http.Request, _ vars) {
	found, err := a.o.Broker.Audit(r.Context())
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.json(w, r, AuditOf(found))
}

// AuditOf returns a recount as operators see it.
func AuditOf(found *queue.Audit) client.Audit {
	v := client.Audit{Records: found.Records, Queues: []client.AuditQueue{}, Faulty: found.Faulty, Faults: []client.Fault{}}
	for _, name := range slices.Sorted(maps.Keys(found.Queues)) {
		c := found.Queues[name]
		v.Queues = append(v.Queues, client.AuditQueue{Name: name, Counts: countsOf(c), Drift: c.Drift()})
		v.Drift += max(c.Drift(), -c.Drift())
	}
	for _, f := range found.Faults {
		fault := client.Fault{Detail: f.What}
		if !f.ID.IsZero() {
			fault.CorrelationID = f.ID.String()
		}
		v.Faults = append(v.Faults, fault)
	}
	return v
}
