package api

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// Config is what users set of the producers' calls.
type Config struct {
	Prefix         string // path of the API, such as /api/v1
	CORS           CORS   // who may call it from a browser
	MaxRequestSize int64  // bytes of a submit's body at most; 0: 10 MiB
	MaxResultSize  int64  // bytes of a result, once decoded, in its JSON envelope at most; 0: 10 MiB
	MaxWaiting     int    // waiting calls and event streams at once; 0: 10,000
}

const (
	defaultMaxBody    = 10 << 20
	defaultMaxWaiting = 10_000
)

// Options are what the caller injects.
type Options struct {
	Broker  *queue.Broker
	Replies *reply.Replies
	Targets Targets
	Log     *slog.Logger
	// Callback returns nil if a request may name this receiver of its callback, else the problem to answer. nil: it may name none.
	Callback func(receiver string) error
	// Next serves every request that is not ours.
	Next http.Handler
	// Instrument wraps the handler of each route, under the route's name. nil: nothing does.
	Instrument func(route string, h http.Handler) http.Handler
	// Caller returns the authenticated principal of a request. nil: nobody is known, and whoever has an ID may read.
	Caller func(r *http.Request) string
}

// Targets is where submits may go; its answers may change at any time (reload).
type Targets interface {
	// Default returns the target of a submit that names none, and false if there is none.
	Default() (Target, bool)
	// Named returns a target that requests may name.
	Named(name string) (Target, bool)
	// Names returns the names for Named, sorted.
	Names() []string
}

// Target is one place that messages are delivered to.
type Target struct {
	Name     string
	Queue    string
	Endpoint bool   // a configured endpoint: an application of the user's own; false for a built-in handler
	Method   string // of submits that name none; "": POST
	// MethodOverride is the method of all submits, whatever they name; "" leaves it.
	MethodOverride string

	MaxBody int64 // largest payload in bytes; 0: what Config.MaxRequestSize leaves
	ingress.Terms
	// ForwardsAuthorization: Authorization reaches the endpoint, so that the message is of no use after a token in it has
	// expired.
	ForwardsAuthorization bool
}

// Producer serves the calls of producers on the ingress listener.
type Producer struct {
	config  Config
	o       Options
	table   *table
	cors    CrossOrigin
	heavy   chan struct{} // held while a large body is parsed
	waiting chan struct{} // held by each waiting call and event stream
	ends    context.Context
	drain   context.CancelFunc
	doc     []byte
}

// NewProducer returns the producers' calls. They claim shapes below the prefix; o.Next serves the rest.
func NewProducer(c Config, o Options) *Producer {
	if c.MaxRequestSize <= 0 {
		c.MaxRequestSize = defaultMaxBody
	}
	if c.MaxResultSize <= 0 {
		c.MaxResultSize = defaultMaxBody
	}
	if c.MaxWaiting <= 0 {
		c.MaxWaiting = defaultMaxWaiting
	}
	p := &Producer{config: c, o: o, cors: *NewCrossOrigin(&c.CORS), heavy: make(chan struct{}, runtime.GOMAXPROCS(0)+1),
		waiting: make(chan struct{}, c.MaxWaiting), doc: document(c.Prefix)}
	p.ends, p.drain = context.WithCancel(context.Background())
	p.table = newTable(c.Prefix, producerRoutes(p), o.Instrument)
	return p
}

// Drain makes every waiting call answer now and ends every event stream; calls that come later do not wait. Without it a
// server's Shutdown would wait for them.
func (p *Producer) Drain() { p.drain() }

// ServeHTTP serves what is ours and passes on the rest.
func (p *Producer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := p.table.find(r)
	if c.shape == nil {
		p.o.Next.ServeHTTP(w, r)
		return
	}
	switch ours := c.err == nil; {
	case ours && c.handler >= 0:
		p.begin(w, r)
		c.serve(w, r)
	case ours && r.Method == http.MethodOptions && c.shape.offers(r.Header.Get("Access-Control-Request-Method")):
		p.begin(w, r)
		p.preflight(w, r, c.shape)
	case p.appOwnsTheRest():
		p.o.Next.ServeHTTP(w, r)
	case c.err != nil:
		p.begin(w, r)
		p.o.Replies.Error(w, r, c.err)
	default:
		p.begin(w, r)
		methodNotAllowed(p.o.Replies, w, r, c.shape)
	}
}

// appOwnsTheRest reports whether an application stands behind this listener that may own what only resembles our calls.
func (p *Producer) appOwnsTheRest() bool {
	if router, ok := p.o.Targets.(Router); ok && router.HasRoutes() {
		return true // one of them may take it
	}
	target, ok := p.o.Targets.Default()
	return ok && target.Endpoint
}

func (p *Producer) begin(w http.ResponseWriter, r *http.Request) {
	p.cors.Allow(w.Header(), r)
}

func methodNotAllowed(replies *reply.Replies, w http.ResponseWriter, r *http.Request, s *shape) {
	w.Header().Set("Allow", s.allow())
	replies.Problem(w, r, reply.NewProblem(reply.KindMethodNotAllowed,
		"this path does not serve "+r.Method+"; it serves "+s.allow()))
}

// record returns the record of an ID for a request, if its sender may see it.
func (p *Producer) record(r *http.Request, id queue.ID) (*queue.Record, error) {
	rec, err := p.o.Broker.Get(r.Context(), id)
	return p.visible(r, rec, err)
}

// visible hides records of other callers, and those of hidden queues, as if they did not exist.
func (p *Producer) visible(r *http.Request, rec *queue.Record, err error) (*queue.Record, error) {
	if err == nil && (queue.Hidden(rec.Queue) || p.o.Caller != nil && rec.Caller != p.o.Caller(r)) {
		return nil, queue.ErrNotFound
	}
	return rec, err
}

// fail answers an error about a message.
func (p *Producer) fail(w http.ResponseWriter, r *http.Request, id queue.ID, err error) {
	p.o.Replies.ErrorAbout(w, r, reply.About{ID: id}, err)
}

// bigBody takes one of the few places for work whose memory grows with a body, and returns how to give it back.
func (p *Producer) bigBody(ctx context.Context) (func(), error) {
	select {
	case p.heavy <- struct{}{}:
		return func() { <-p.heavy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
