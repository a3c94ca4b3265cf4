package queue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func wantsCallback(m *queue.Message) {
	m.Callback = "https://Client.example:8443/done?token=1"
	m.Caller, m.Endpoint = "shop", "legacy"
	m.KeepResult, m.KeepDead = time.Hour, 24*time.Hour
}

func TestTicketBearsAllThatTheCallbackSays(t *testing.T) {
	r := record(t, queue.Done, wantsCallback)
	r.Result = &queue.Result{Status: 418}
	ticket := queue.NewTicket(r, start)
	if ticket.Request.Method != "POST" || ticket.Request.Target != r.Callback || ticket.Caller != "shop" {
		t.Errorf("the request is %+v of %q", ticket.Request, ticket.Caller)
	}
	if want := (queue.Lane{Key: "client.example:8443", Bound: queue.TicketLane}); ticket.Lane != want {
		t.Errorf("the lane is %+v, want that of the receiver, %+v", ticket.Lane, want)
	}
	if err := ticket.Validate(); err != nil {
		t.Error(err)
	}
	got, err := queue.ReadTicket(ticket)
	if err != nil {
		t.Fatal(err)
	}
	want := queue.Announcement{Status: "COMPLETED", State: "done", StatusCode: 418, Endpoint: "legacy",
		AcceptedMS: r.AcceptedAt.UnixMilli(), CompletedMS: r.CompletedAt.UnixMilli()}
	if got != want {
		t.Errorf("announced %+v\nwant      %+v", got, want)
	}
	if id, ok := queue.TicketOf(r); !ok || id != ticket.ID {
		t.Errorf("the record names the ticket %v, want %v", id, ticket.ID)
	}
}

func TestADeliveredTicketStaysAsLongAsItsSubject(t *testing.T) {
	for _, tc := range []struct {
		state        queue.State
		result, dead time.Duration
		want         time.Duration
	}{
		{queue.Done, time.Hour, 24 * time.Hour, time.Hour},
		{queue.Dead, time.Hour, 24 * time.Hour, 24 * time.Hour},
		{queue.Dead, 48 * time.Hour, 24 * time.Hour, 48 * time.Hour},
		{queue.Dead, time.Hour, 0, time.Hour},
		{queue.Dead, 0, 24 * time.Hour, 0},
		{queue.Cancelled, -1, 24 * time.Hour, -1},
	} {
		r := record(t, tc.state, wantsCallback, func(m *queue.Message) { m.KeepResult, m.KeepDead = tc.result, tc.dead })
		if got := queue.NewTicket(r, start).KeepResult; got != tc.want {
			t.Errorf("%s kept %s, dead ones %s: the ticket is kept %s, want %s", tc.state, tc.result, tc.dead, got, tc.want)
		}
	}
}

func TestOnlyWhatIsTerminalHasATicket(t *testing.T) {
	for _, state := range queue.States() {
		r := record(t, state, wantsCallback)
		if _, ok := queue.TicketOf(r); ok != state.Terminal() {
			t.Errorf("%s: %t", state, ok)
		}
	}
	if _, ok := queue.TicketOf(record(t, queue.Done)); ok {
		t.Error("a message without a callback has a ticket")
	}
}

func TestWhatIsNoTicketIsNotRead(t *testing.T) {
	ticket := queue.NewTicket(record(t, queue.Done, wantsCallback), start)
	for name, change := range map[string]func(m *queue.Message){
		"no subject":  func(m *queue.Message) { m.Subject = queue.ID{} },
		"no receiver": func(m *queue.Message) { m.Request.Target = "" },
		"no metadata": func(m *queue.Message) { m.Metadata = nil },
	} {
		m := *ticket
		change(&m)
		if _, err := queue.ReadTicket(&m); !errors.Is(err, queue.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}
