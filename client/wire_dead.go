package client

// Edit is what a redrive changes of a request. What it does not name stays as it is.
type Edit struct {
	Method     string            `json:"method,omitempty"`
	Target     string            `json:"target,omitempty"`         // path and query below the endpoint's URL, beginning with a slash
	Headers    map[string]string `json:"headers,omitempty"`        // fields to set, each to one value
	Remove     []string          `json:"remove_headers,omitempty"` // names of fields to leave out
	Body       *string           `json:"body,omitempty"`           // the new body, if it is text
	BodyBase64 []byte            `json:"body_base64,omitempty"`    // the new body, if it is anything else
}

// ExportFormats returns the formats of ExportDead: messages as JSON lines, or requests as curl commands.
func ExportFormats() []string { return []string{"jsonl", "curl"} }
