package callback

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

// MaxPayload bounds a callback's body, in bytes; Standard Webhooks recommends less than 20 KB. Nothing in it can grow so
// far: names are bounded, and URLs are ours.
const MaxPayload = 16 << 10

// payload returns the body of a callback: the same bytes for each attempt, as long as the links stay the same.
func payload(subject queue.ID, a *queue.Announcement, base string) ([]byte, error) {
	id := subject.String()
	response := base + "/response/" + id
	body, err := json.Marshal(client.Callback{
		Type:      "request." + strings.ToLower(a.Status),
		Timestamp: moment(a.CompletedMS),
		Data: client.CallbackData{
			CorrelationID: id,
			Status:        a.Status,
			State:         a.State,
			Reason:        a.Reason,
			StatusCode:    a.StatusCode,
			Endpoint:      a.Endpoint,
			Generation:    a.Generation,
			SubmittedAt:   moment(a.AcceptedMS),
			CompletedAt:   moment(a.CompletedMS),
			Links:         client.CallbackLinks{Status: base + "/status/" + id, Response: response, Raw: response + "/raw"},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode a callback: %w", err)
	}
	if len(body) > MaxPayload {
		return nil, fmt.Errorf("a callback of %d bytes; at most %d are sent", len(body), MaxPayload)
	}
	return body, nil
}

func moment(unixMS int64) time.Time { return time.UnixMilli(unixMS).UTC() }
