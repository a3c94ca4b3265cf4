package reply

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/openhqm/openhqm/queue"
)

// Names of the fields that answers bear, in the canonical form of Go's maps.
const (
	FieldSource        = "Openhqm-Source"         // openhqm: OpenHQM itself made the answer
	FieldState         = "Openhqm-State"          // the message's status word, such as COMPLETED
	FieldCorrelationID = "Openhqm-Correlation-Id" // of the message that the answer is about
	FieldDurability    = "Openhqm-Durability"     // what an accepted message survives
	FieldContentLength = "Openhqm-Content-Length" // announced length of an answer that has no body, or was cut
	FieldCacheControl  = "Openhqm-Cache-Control"  // the endpoint's own Cache-Control, in a replay
	FieldTruncated     = "Openhqm-Truncated"      // true: the body is only the beginning of the endpoint's
	FieldOwnID         = "X-Correlation-Id"       // of own answers
)

// Config is what users set.
type Config struct {
	Prefix         string         // path of the API, such as /api/v1: absolute, without a slash at its end
	PublicURL      string         // what links begin with, such as https://queue.example.com/base; "": a path only
	TrustedProxies []netip.Prefix // whose X-Forwarded-Prefix is believed
}

// Options are what the caller injects.
type Options struct {
	Broker *queue.Broker // measures how fast queues drain, for Retry-After
	Log    *slog.Logger  // takes the details that clients must not see
}

// Replies writes answers.
type Replies struct {
	base    string // PublicURL and Prefix; "" while the request decides
	prefix  string
	trusted []netip.Prefix
	broker  *queue.Broker
	log     *slog.Logger
	mark    func(h http.Header, r *http.Request) // adds to the fields of own answers; may be nil
}

// Marked returns a Replies that also lets mark add to the fields of each own answer.
func (p *Replies) Marked(mark func(h http.Header, r *http.Request)) *Replies {
	marked := *p
	marked.mark = mark
	return &marked
}

// New returns a Replies. An error names the setting that cannot stand in a link.
func New(c Config, o Options) (*Replies, error) {
	if c.Prefix != "" && !linkable(c.Prefix) {
		return nil, fmt.Errorf("api prefix %q: want an absolute path such as /api/v1, without a slash at its end", c.Prefix)
	}
	p := &Replies{prefix: c.Prefix, trusted: c.TrustedProxies, broker: o.Broker, log: o.Log}
	if c.PublicURL != "" {
		public := strings.TrimRight(c.PublicURL, "/")
		u, err := url.Parse(public)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" ||
			!plain(public) {
			return nil, fmt.Errorf("public URL %q: want http or https, a host and at most a path", c.PublicURL)
		}
		p.base = public + c.Prefix
	}
	return p, nil
}

// About is what an answer is about. The zero value: nothing that is stored.
type About struct {
	ID    queue.ID
	State queue.State // 0 if it is not known
	Queue string      // measures Retry-After; may be ""
}

// AboutRecord returns what an answer about a record needs.
func AboutRecord(r *queue.Record) About { return About{ID: r.ID, State: r.State, Queue: r.Queue} }

// Values that never change; nobody writes into them.
var (
	valueSource     = []string{"openhqm"}
	valueNoReferrer = []string{"no-referrer"}
	valueNoStore    = []string{"no-store"}
	valueJSON       = []string{"application/json"}
	valueProblem    = []string{"application/problem+json"}
	valueTrue       = []string{"true"}
	valuePrivate    = []string{"private, no-store"}
)

// Own sets the fields of every own answer, and with an ID those of an answer about a message. It also forbids caching.
// X-Correlation-ID is the message's; without one the client's own value, if it sent a plain one, else a new one.
func (p *Replies) Own(h http.Header, r *http.Request, a About) {
	h["Referrer-Policy"] = valueNoReferrer
	h["Cache-Control"] = valueNoStore
	h[FieldSource] = valueSource
	if p.mark != nil {
		p.mark(h, r)
	}
	if a.ID.IsZero() {
		h[FieldOwnID] = []string{ownID(r)}
		return
	}
	p.message(h, a)
	h[FieldOwnID] = h[FieldCorrelationID]
}

// message sets the fields of every answer about a message, replays included.
func (p *Replies) message(h http.Header, a About) {
	h[FieldCorrelationID] = []string{a.ID.String()}
	if a.State != 0 {
		h[FieldState] = stateValue(a.State)
	}
}

func ownID(r *http.Request) string {
	if id := r.Header.Get(FieldOwnID); id != "" && len(id) <= 128 && plain(id) {
		return id
	}
	return newIncident()
}

// stateValue returns the field value of a state without allocating.
func stateValue(s queue.State) []string {
	switch s {
	case queue.Ready, queue.Parked, queue.Scheduled:
		return valuePending
	case queue.Leased:
		return valueProcessing
	case queue.Done:
		return valueCompleted
	default:
		return []string{s.Status()}
	}
}

var (
	valuePending    = []string{queue.Ready.Status()}
	valueProcessing = []string{queue.Leased.Status()}
	valueCompleted  = []string{queue.Done.Status()}
)

// linkable reports whether s is an absolute path that may begin a link.
func linkable(s string) bool {
	return s[0] == '/' && !strings.HasSuffix(s, "/") && !strings.HasPrefix(s, "//") && plain(s) && !strings.ContainsAny(s, "?#")
}

// plain reports whether s holds only visible ASCII that needs no escape in a field or a JSON string.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
