package client

import "time"

// Callback is the body of a callback: the notice that a request has finished, signed by Standard Webhooks. Its webhook-id
// is the same for each attempt at one generation of a request, so that a receiver can drop what it has had.
type Callback struct {
	Type      string       `json:"type"` // request.completed, request.failed, request.timeout or request.cancelled
	Timestamp time.Time    `json:"timestamp"`
	Data      CallbackData `json:"data"`
}

// CallbackData is what had become of the request when it finished. The answer itself is behind the links.
type CallbackData struct {
	CorrelationID string        `json:"correlation_id"`
	Status        string        `json:"status"`                // a status word
	State         string        `json:"state"`                 // done, dead, cancelled or expired
	Reason        string        `json:"reason,omitempty"`      // why it is FAILED: a closed set
	StatusCode    int           `json:"status_code,omitempty"` // of the stored answer
	Endpoint      string        `json:"endpoint,omitempty"`    // the configured target; absent for a built-in handler
	Generation    int           `json:"generation"`            // raised by each redrive; each announces itself
	SubmittedAt   time.Time     `json:"submitted_at"`
	CompletedAt   time.Time     `json:"completed_at"`
	Links         CallbackLinks `json:"links"`
}

// CallbackLinks are URLs, or absolute paths where the server has no server.public_url.
type CallbackLinks struct {
	Status   string `json:"status"`
	Response string `json:"response"`
	Raw      string `json:"raw"`
}

// States of a CallbackState.
const (
	CallbackWaiting   = "waiting"   // the request has not finished
	CallbackPending   = "pending"   // to be delivered, or being delivered
	CallbackDelivered = "delivered" // the receiver answered 2xx
	CallbackFailed    = "failed"    // given up: see the reason; an operator can redrive it
	CallbackExpired   = "expired"   // its time ran out before the receiver took it
	CallbackCancelled = "cancelled" // withdrawn by an operator
	CallbackRemoved   = "removed"   // no longer known: retention or an operator removed it
)

// CallbackState is how far the callback of a request is.
type CallbackState struct {
	State       string     `json:"state"`
	URL         string     `json:"url"`                       // the receiver, secret parameters masked
	ID          string     `json:"webhook_id,omitempty"`      // of what this generation announces; absent while waiting
	Attempts    int        `json:"attempts"`                  // that were answered or may have been
	DeliveredAt *time.Time `json:"delivered_at,omitempty"`    // when the receiver's 2xx was stored
	NextAttempt *time.Time `json:"next_attempt_at,omitempty"` // pending: not before this time
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`      // pending: when it is given up
	StatusCode  int        `json:"status_code,omitempty"`     // of the receiver's last answer
	Error       string     `json:"error,omitempty"`           // what the last attempt ran into, for people
	Reason      string     `json:"reason,omitempty"`          // failed: why it was given up, a closed set
}
