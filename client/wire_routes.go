package client

import "time"

// Routes is the list of all configured routes, in their order.
type Routes struct {
	Routes []Route `json:"routes"`
}

// Route is one configured route and how its switch stands.
type Route struct {
	Name      string   `json:"name"`
	Mode      string   `json:"mode"`
	Endpoints []string `json:"endpoints"`
	RoutePosition
	Configured RoutePosition `json:"configured"`
	ChangedAt  *time.Time    `json:"changed_at"`        // when an operator turned it away from what is configured; nil: nobody did
	Direct     RouteCount    `json:"direct"`            // went straight through
	Queued     RouteCount    `json:"queued"`            // went through the queue
	Open       RouteCount    `json:"open"`              // went straight through because the store was down
	Warning    string        `json:"warning,omitempty"` // of a change: why a restart undoes it
}

// RoutePosition is how the switch of a route stands.
type RoutePosition struct {
	QueuePercent int  `json:"queue_percent"` // of the keys whose requests are queued
	Bypass       bool `json:"bypass"`        // every request goes straight through, and needs no store
}

// RouteCount is how many requests of a route have ended since the process started.
type RouteCount struct {
	Requests int64 `json:"requests"`
	Errors   int64 `json:"errors"` // of them: answered 5xx, or failed
}

// RouteChange turns the switch of a route; nil leaves a part as it is.
type RouteChange struct {
	QueuePercent *int  `json:"queue_percent,omitempty"`
	Bypass       *bool `json:"bypass,omitempty"`
}
