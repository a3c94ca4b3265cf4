package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

func (a *Admin) queues(w http.ResponseWriter, r *http.Request, _ vars) {
	stats, err := a.o.Broker.Stats(r.Context())
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	names := a.o.Queues()
	for name := range stats.Queues {
		names = append(names, name)
	}
	slices.Sort(names)
	list := client.Queues{Queues: []client.Queue{}}
	for _, name := range slices.Compact(names) {
		if !queue.Hidden(name) {
			list.Queues = append(list.Queues, a.queueOf(name, stats))
		}
	}
	a.json(w, r, list)
}

func (a *Admin) queue(w http.ResponseWriter, r *http.Request, v vars) {
	stats, err := a.known(r, v.name)
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.json(w, r, a.queueOf(v.name, stats))
}

// pause stops the deliveries of a queue: for some seconds, or until it is resumed.
func (a *Admin) pause(w http.ResponseWriter, r *http.Request, v vars) {
	hold, err := readHold(r)
	if err == nil {
		_, err = a.known(r, v.name)
	}
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	hold.Reason = queue.HoldPaused
	a.change(w, r, v.name, queue.GateChange{Hold: []queue.HoldChange{hold}})
}

func (a *Admin) resume(w http.ResponseWriter, r *http.Request, v vars) {
	if _, err := a.known(r, v.name); err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.change(w, r, v.name, queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}})
}

// change changes the gate of a queue and answers the queue as it is then.
func (a *Admin) change(w http.ResponseWriter, r *http.Request, name string, c queue.GateChange) {
	if _, err := a.o.Broker.SetGate(r.Context(), name, c); err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.queue(w, r, vars{name: name})
}

// purge removes what waits in a queue, or what is in the states that are named. What runs stays.
func (a *Admin) purge(w http.ResponseWriter, r *http.Request, v vars) {
	f, err := readFilter(r.URL.Query(), purgeBounds)
	if err == nil && f.Queue != "" && f.Queue != v.name {
		err = badParameter("queue", f.Queue, "the path names the queue "+v.name)
	}
	if err == nil {
		_, err = a.known(r, v.name)
	}
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	f.Queue = v.name
	if len(f.States) == 0 {
		f.States = []queue.State{queue.Ready, queue.Parked, queue.Scheduled}
	}
	a.remove(w, r, f)
}

// remove purges one bounded part.
func (a *Admin) remove(w http.ResponseWriter, r *http.Request, f queue.Filter) {
	purged, err := a.o.Broker.Purge(r.Context(), f)
	if err != nil {
		a.o.Replies.Error(w, r, cursorProblem(f.Cursor, err))
		return
	}
	a.json(w, r, client.Purged{Removed: purged.Removed, Next: purged.Next})
}

// known returns the counters, and a problem if nothing knows the queue.
func (a *Admin) known(r *http.Request, name string) (queue.Stats, error) {
	stats, err := a.o.Broker.Stats(r.Context())
	if err != nil {
		return stats, err
	}
	if _, ok := stats.Queues[name]; ok || slices.Contains(a.o.Queues(), name) {
		return stats, nil
	}
	names := a.o.Queues()
	for other := range stats.Queues {
		if !queue.Hidden(other) {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	return stats, reply.NewProblem(reply.KindNotFound,
		"no queue is named \""+name+"\"; known are: "+firstOf(strings.Join(slices.Compact(names), ", "), "none"))
}

// queueOf returns a queue as operators see it.
func (a *Admin) queueOf(name string, stats queue.Stats) client.Queue {
	q := stats.Queues[name]
	return client.Queue{
		Name:     name,
		Endpoint: a.endpointOf(name),
		Depth:    q.Depth(),
		Running:  q.Leased,
		Reserved: int64(q.Reserved),
		OldestAt: instant(q.OldestAt),
		Rate:     a.o.Broker.Drain(name).Rate,
		Counts:   countsOf(q.Counts),
		Limits:   limitsOf(q.Gate),
		Holds:    holdsOf(q.Gate, stats.Now),
		Intake:   intakeOf(q.Gate, stats.Now),
		Recovery: recoveryOf(q.Gate.Recovery),
	}
}

func limitsOf(g queue.Gate) client.Limits {
	return client.Limits{Concurrency: g.Limits.MaxLeased, Adaptive: g.Adaptive, Rate: g.Limits.Rate, Burst: g.Limits.Burst,
		SyncShare: g.Limits.Share()}
}

func recoveryOf(r queue.Recovery) *client.Recovery {
	if r.MaxLeased == 0 {
		return nil
	}
	return &client.Recovery{Since: moment(r.Since), Concurrency: r.MaxLeased}
}

func countsOf(c queue.Counts) client.Counts {
	return client.Counts{Accepted: c.Accepted, Ready: c.Ready, Parked: c.Parked, Scheduled: c.Scheduled, Leased: c.Leased,
		Done: c.Done, Dead: c.Dead, Cancelled: c.Cancelled, Expired: c.Expired, Removed: c.Removed}
}

// holdsOf returns the holds that stand, by reason.
func holdsOf(g queue.Gate, now time.Time) []client.Hold {
	holds := []client.Hold{}
	for _, reason := range queue.HoldReasons() {
		if h, ok := g.Holds[reason]; ok && (h.Until.IsZero() || h.Until.After(now)) {
			holds = append(holds, client.Hold{Reason: string(reason), Since: moment(h.Since), Until: instant(h.Until), Note: h.Note})
		}
	}
	return holds
}
