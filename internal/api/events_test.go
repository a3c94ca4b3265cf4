package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/client"
)

// eventsOf reads a stream: the statuses with their IDs, and the number of heartbeats.
func eventsOf(t *testing.T, stream string) (statuses []client.Status, ids []string, beats int) {
	t.Helper()
	for block := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		var s client.Status
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "":
				beats++
			case "retry":
			case "event":
				want(t, value, "status")
			case "id":
				ids = append(ids, value)
			case "data":
				if err := json.Unmarshal([]byte(value), &s); err != nil {
					t.Fatalf("data %s: %v", value, err)
				}
				statuses = append(statuses, s)
			default:
				t.Errorf("line %q", line)
			}
		}
	}
	return statuses, ids, beats
}

func TestEventsTellEveryChangeUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		id := f.submit(`{"payload":1}`)
		done := f.later("/api/v1/events/" + id.String())
		time.Sleep(40 * time.Second)
		d := f.lease("legacy")
		synctest.Wait()
		f.settle(d, answered(200, "{}"))
		a := (<-done).wants(200)
		want(t, a.Header().Get("Content-Type"), "text/event-stream")
		want(t, a.Header().Get("X-Accel-Buffering"), "no")
		want(t, a.Header().Get("Cache-Control"), "no-store")
		statuses, ids, beats := eventsOf(t, a.Body.String())
		var words []string
		for _, s := range statuses {
			words = append(words, s.Status)
		}
		want(t, strings.Join(words, " "), "PENDING PROCESSING COMPLETED")
		want(t, strings.Join(ids, " "), "1 2 3")
		want(t, beats, 2)
	})
}

func TestEventsGoOnWhereTheClientLeftOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		id := f.submit(`{"payload":1}`)
		done := f.later("/api/v1/events/"+id.String(), "Last-Event-ID", "1")
		time.Sleep(time.Second)
		d := f.lease("legacy")
		synctest.Wait()
		f.settle(d, answered(200, "{}"))
		_, ids, _ := eventsOf(t, (<-done).wants(200).Body.String())
		want(t, strings.Join(ids, " "), "2 3")

		again := f.call("GET", "/api/v1/events/"+id.String(), "", "Last-Event-ID", "2").wants(200)
		_, ids, _ = eventsOf(t, again.Body.String())
		want(t, strings.Join(ids, " "), "3")
		f.call("GET", "/api/v1/events/"+id.String(), "", "Last-Event-ID", "3").wants(204)
		f.call("GET", "/api/v1/events/"+id.String(), "", "Last-Event-ID", "none").wants(200)
	})
}

func TestHeadOfEventsHasNoStream(t *testing.T) {
	f := newFixture(t)
	id := f.submit(`{"payload":1}`)
	a := f.call("HEAD", "/api/v1/events/"+id.String(), "").wants(200)
	want(t, a.Body.Len(), 0)
}
