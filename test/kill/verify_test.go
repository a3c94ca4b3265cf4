package kill

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// verify reads back what became of every request that the producer sent.
func verify(t *testing.T, s *server, service *service, sent []*request) {
	t.Helper()
	v := &verifier{server: s, service: service, states: map[string]int{},
		client: &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: readers}}}
	work := make(chan *request)
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for r := range work {
				if fault := v.fault(r); fault != "" {
					v.report(r, fault)
				}
			}
		})
	}
	ids := map[string]string{}
	accepted, refused, unknown := 0, 0, 0
	for _, r := range sent {
		switch {
		case r.id != "":
			accepted++
			if other, taken := ids[r.id]; taken {
				t.Errorf("%s and %s were both accepted as %s", other, r.token, r.id)
			}
			ids[r.id] = r.token
		case r.known:
			refused++
		default:
			unknown++
		}
		work <- r
	}
	close(work)
	group.Wait()
	fmt.Printf("sent %d: accepted %d %v, refused %d, unknown %d; sent again after a kill: %d; faults %d\n",
		len(sent), accepted, v.states, refused, unknown, v.repeated, len(v.faults))
	for i, f := range v.faults {
		if i == 20 {
			t.Errorf("... and %d more", len(v.faults)-i)
			break
		}
		t.Error(f)
	}
}

const readers = 32

type verifier struct {
	server   *server
	service  *service
	client   *http.Client
	mu       sync.Mutex
	states   map[string]int
	repeated int
	faults   []string
}

func (v *verifier) report(r *request, fault string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, fmt.Sprintf("%s (may be repeated: %v, id %q): %s", r.token, r.safe, r.id, fault))
}

// fault says what is wrong with a request's fate, or nothing.
func (v *verifier) fault(r *request) string {
	if r.id == "" {
		n := v.service.arrived(r.token)
		switch {
		case r.known && n > 0:
			return "was refused and arrived all the same"
		case !r.safe && n > 1:
			return fmt.Sprintf("arrived %d times", n)
		}
		return ""
	}
	state, reason, err := v.terminal(r.id)
	if err != nil {
		return err.Error()
	}
	v.mu.Lock()
	v.states[strings.TrimSpace(state+" "+reason)]++
	v.mu.Unlock()
	arrived := v.service.arrived(r.token)
	switch {
	case !r.safe && arrived > 1:
		return fmt.Sprintf("arrived %d times", arrived)
	case r.safe && arrived > 1:
		v.mu.Lock()
		v.repeated++
		v.mu.Unlock()
	}
	switch {
	case state == "COMPLETED":
		return v.wrongResult(r, arrived)
	case state == "FAILED" && reason == "unknown_outcome" && !r.safe, state == "FAILED" && reason == "poison" && r.safe:
		return ""
	}
	return fmt.Sprintf("ended %s %s", state, reason)
}

// terminal long-polls until the message is settled.
func (v *verifier) terminal(id string) (state, reason string, err error) {
	for range 10 {
		var status struct{ Status, Reason string }
		code, body, err := v.get("/api/v1/status/" + id + "?wait=30s")
		if err != nil {
			return "", "", err
		}
		if code != http.StatusOK {
			return "", "", fmt.Errorf("status: %d %s", code, body)
		}
		if err := json.Unmarshal(body, &status); err != nil {
			return "", "", err
		}
		if status.Status != "PENDING" && status.Status != "PROCESSING" {
			return status.Status, status.Reason, nil
		}
	}
	return "", "", fmt.Errorf("not terminal after ten long polls")
}

// wrongResult reads the result twice.
func (v *verifier) wrongResult(r *request, arrived int) string {
	_, first, err := v.get("/api/v1/response/" + r.id + "/raw")
	if err != nil {
		return err.Error()
	}
	_, second, err := v.get("/api/v1/response/" + r.id + "/raw")
	if err != nil {
		return err.Error()
	}
	if string(first) != string(second) {
		return fmt.Sprintf("two reads differ: %q and %q", first, second)
	}
	for n := 1; n <= arrived; n++ {
		if string(first) == answer(r.token, n) {
			return ""
		}
	}
	return fmt.Sprintf("result %q is not an answer of the endpoint, which it reached %d times", first, arrived)
}

func (v *verifier) get(path string) (int, []byte, error) {
	response, err := v.client.Get("http://" + v.server.ingress + path)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}
