package api_test

import (
	"testing"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/queue"
)

func TestAnAuditTellsOfDriftAndNamesTheMessages(t *testing.T) {
	id := queue.NewID(1, time.Now())
	a := api.AuditOf(&queue.Audit{Records: 3, Faulty: 2, Faults: []queue.Fault{{ID: id, What: "revived"}, {What: "counters"}},
		Queues: map[string]queue.Counts{"b": {Accepted: 1, Ready: 2}, "a": {Accepted: 2, Removed: 1}}})
	want(t, a.OK(), false)
	want(t, a.Drift, 2) // one too many does not make up for one too few
	want(t, a.Queues[0], client.AuditQueue{Name: "a", Counts: client.Counts{Accepted: 2, Removed: 1}, Drift: 1})
	want(t, a.Queues[1].Drift, -1)
	want(t, a.Faults[0], client.Fault{CorrelationID: id.String(), Detail: "revived"})
	want(t, a.Faults[1], client.Fault{Detail: "counters"})
	sound := api.AuditOf(&queue.Audit{Records: 1, Queues: map[string]queue.Counts{"a": {Accepted: 1, Done: 1}}})
	want(t, sound.OK(), true)
}

func TestABackendThatCannotRecountItselfSaysSo(t *testing.T) {
	newFixture(t).operate("GET", "/api/v1/audit", "").wants(501).problem("unsupported")
}
