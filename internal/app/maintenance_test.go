package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestMaintenanceWindowsAreTimesOfTheWeek(t *testing.T) {
	nightly := config.Maintenance{From: "22:00", To: "04:00", Timezone: "Europe/Berlin"}
	weekend := config.Maintenance{Days: []string{"sat"}, From: "23:00", To: "01:30"}
	spring := config.Maintenance{From: "02:10", To: "02:50", Timezone: "Europe/Berlin"} // an hour that the clock leaves out
	for _, tc := range []struct {
		windows   []config.Maintenance
		now, want string // want: "" for open
	}{
		{[]config.Maintenance{nightly}, "2026-01-14T20:59:59Z", ""},
		{[]config.Maintenance{nightly}, "2026-01-14T21:00:00Z", "2026-01-15T03:00:00Z"},
		{[]config.Maintenance{nightly}, "2026-01-15T02:59:59Z", "2026-01-15T03:00:00Z"},
		{[]config.Maintenance{nightly}, "2026-01-15T03:00:00Z", ""},
		{[]config.Maintenance{nightly}, "2026-07-14T20:00:00Z", "2026-07-15T02:00:00Z"}, // summer time
		{[]config.Maintenance{nightly}, "2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z"}, // a night of 5 hours
		{[]config.Maintenance{spring}, "2026-03-29T01:20:00Z", "2026-03-29T01:50:00Z"},  // it is 03:20 then
		{[]config.Maintenance{spring}, "2026-03-30T00:20:00Z", "2026-03-30T00:50:00Z"},
		{[]config.Maintenance{weekend}, "2026-01-16T23:30:00Z", ""}, // a Friday
		{[]config.Maintenance{weekend}, "2026-01-17T23:30:00Z", "2026-01-18T01:30:00Z"},
		{[]config.Maintenance{weekend}, "2026-01-18T01:29:00Z", "2026-01-18T01:30:00Z"},
		{[]config.Maintenance{weekend}, "2026-01-18T23:30:00Z", ""},
		{[]config.Maintenance{weekend, {Days: []string{"sun"}, From: "01:30", To: "02:00"}}, "2026-01-17T23:30:00Z", "2026-01-18T02:00:00Z"},
		{[]config.Maintenance{{Days: []string{"wed"}, From: "06:00", To: "06:00"}}, "2026-01-15T05:59:00Z", "2026-01-15T06:00:00Z"},
		{nil, "2026-01-15T05:59:00Z", ""},
	} {
		all := windows(&config.Endpoint{Maintenance: tc.windows})
		until, _, closed := inMaintenance(all, at(t, tc.now))
		if closed != (tc.want != "") || closed && !until.Equal(at(t, tc.want)) {
			t.Errorf("%v at %s: closed %t until %s, want %q", tc.windows, tc.now, closed, until.UTC(), tc.want)
		}
	}
	always := windows(&config.Endpoint{Maintenance: []config.Maintenance{{From: "00:00", To: "00:00"}}})
	if until, _, closed := inMaintenance(always, at(t, "2026-01-15T05:59:00Z")); !closed || until.Before(at(t, "2026-01-22T00:00:00Z")) {
		t.Errorf("a window without an end is closed %t until %s", closed, until)
	}
	for now, want := range map[string]time.Duration{"2026-01-14T20:59:30Z": 30 * time.Second, "2026-01-14T20:00:00Z": time.Minute, "2026-01-14T21:00:00Z": time.Minute} {
		if got := nextMaintenance(windows(&config.Endpoint{Maintenance: []config.Maintenance{nightly}}), at(t, now), time.Minute); got != want {
			t.Errorf("at %s the next round is due in %s, want %s", now, got, want)
		}
	}
}

// The bubble's clock begins on 2000-01-01 at 00:00 UTC.
func TestAMaintenanceWindowClosesOnTimeAndOpensByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &config.Endpoint{Maintenance: []config.Maintenance{{From: "00:10", To: "00:30"}}}
		now := &snapshot{queues: map[string]*served{"app": {windows: windows(e), tried: new(atomic.Bool)}}}
		broker := queue.NewBroker(memory.New(memory.Options{}), queue.BrokerOptions{})
		g := &gates{broker: broker, log: slog.New(slog.DiscardHandler), live: func() *snapshot { return now }, wake: make(chan struct{}, 1)}
		go g.run(t.Context())
		closed := func() bool {
			synctest.Wait()
			stats, err := broker.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			reason, hold, held := stats.Queues["app"].Gate.Closed(stats.Now)
			if held && (reason != queue.HoldMaintenance || hold.Until.Sub(time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC)).Abs() > time.Second) {
				t.Errorf("held by %s until %s", reason, hold.Until)
			}
			return held
		}
		time.Sleep(10*time.Minute - time.Millisecond)
		if closed() {
			t.Error("closed before the window begins")
		}
		time.Sleep(2 * time.Millisecond)
		if !closed() {
			t.Error("open when the window has begun")
		}
		time.Sleep(19 * time.Minute)
		if !closed() {
			t.Error("open before the window ends")
		}
		time.Sleep(time.Minute)
		if closed() {
			t.Error("closed when the window has ended")
		}
	})
}

func TestQueuedWorkWaitsForTheEndOfMaintenance(t *testing.T) {
	app := named(t, "done")
	from := time.Now().UTC().Add(-time.Hour)
	yaml := func(more string) *config.Config {
		return load(t, "proxy: {wait: 0s, endpoints: {a: {url: '"+app+"'"+more+"}}}")
	}
	closed := fmt.Sprintf(", maintenance: [{from: '%s', to: '%s'}]", from.Format("15:04"), from.Add(3*time.Hour).Format("15:04"))
	p := start(t, yaml(closed), Options{})
	id := p.submit(t, "/x")
	passed := call(t, "GET", p.url+"/", "")
	if passed.status != http.StatusServiceUnavailable || passed.header.Get("Retry-After") == "" {
		t.Errorf("passed through in maintenance: %d %v %s", passed.status, passed.header, passed.body)
	}
	explained := call(t, "GET", p.admin+"/api/v1/messages/"+id+"/explain", "")
	if !strings.Contains(explained.body, "by its maintenance window ("+from.Format("15:04")) {
		t.Errorf("explained: %d %s", explained.status, explained.body)
	}
	longer := fmt.Sprintf(", maintenance: [{from: '%s', to: '%s'}]", from.Format("15:04"), from.Add(2*time.Hour).Format("15:04"))
	if _, err := p.Reload(yaml(longer)); err != nil {
		t.Fatal(err)
	}
	await(t, "the new end, which is earlier", func() bool {
		hold, held := gateOf(t, p, "a").Holds[queue.HoldMaintenance]
		return held && time.Until(hold.Until) < time.Hour+time.Minute
	})
	if _, err := p.Reload(yaml("")); err != nil {
		t.Fatal(err)
	}
	if got := p.wait(t, id); got != "COMPLETED" {
		t.Errorf("after the window was taken away: %s", got)
	}
	if got := call(t, "GET", p.url+"/", ""); got.status != 200 {
		t.Errorf("passed through: %d %s", got.status, got.body)
	}
}

func TestAMaintenanceWindowHoldsAcrossARestart(t *testing.T) {
	from := time.Now().UTC().Add(-time.Hour)
	yaml := fmt.Sprintf("proxy: {wait: 0s, endpoints: {a: {url: '%s', maintenance: [{from: '%s', to: '%s'}]}}}", named(t, "done"),
		from.Format("15:04"), from.Add(3*time.Hour).Format("15:04"))
	p := start(t, load(t, yaml), Options{})
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	p = start(t, load(t, yaml), Options{})
	if _, held := gateOf(t, p, "a").Holds[queue.HoldMaintenance]; !held {
		t.Error("a process that starts in a window takes calls") // before it listens: start returns when it does
	}
}
