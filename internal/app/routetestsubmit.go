package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"unicode/utf8"

	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/route"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// submitted tests a submit: by the routes, then by the rules of a routing.yaml, as the API does.
func (t *RouteTest) submitted(c *config.Config, s *snapshot, r *http.Request) error {
	store := memory.New(memory.Options{}) // for the body
	defer store.Close()                   // of memory: it does not fail
	var now live
	now.Store(s)
	log := slog.New(slog.DiscardHandler)
	broker := queue.NewBroker(store, queue.BrokerOptions{})
	replies, err := newReplies(c, broker, log)
	if err != nil {
		return err
	}
	producer := api.NewProducer(api.Config{Prefix: c.Server.APIPrefix, MaxRequestSize: largestRequest(c)}, api.Options{Broker: broker,
		Replies: replies, Targets: explained{apiTargets{&now}, t}, Callback: now.checkCallback, Next: http.NotFoundHandler(), Log: log})
	asked, problem := producer.Preview(r)
	if problem != nil {
		t.Refusal, t.Status = problem.Detail, problem.Status()
		return nil
	}
	target := s.queues[asked.Queue]
	t.Route, t.Endpoint, t.Mode = asked.Route, asked.Queue, ingress.ModeAsync.String()
	t.Priority, t.Caller = asked.Priority, asked.Caller
	if asked.Lane.Fair {
		t.FairnessKey = asked.Lane.Key
	} else {
		t.OrderingKey = asked.Lane.Key
	}
	if asked.Delay > 0 {
		t.Delay = asked.Delay.String()
	}
	if asked.MaxAge > 0 {
		t.MaxAge = asked.MaxAge.String()
	}
	if asked.KeepKey > 0 {
		t.Dedupe = asked.KeepKey.String()
	} else {
		t.Keyed = asked.IdempotencyKey != ""
	}
	if target.endpoint == nil {
		return nil
	}
	if t.Body, err = shownBody(asked.Request.Body); err != nil {
		return err
	}
	return t.preview(c, target.endpoint, asked.Endpoint, true, &asked.Request)
}

// shownBytes is how much of a payload a test shows.
const shownBytes = 4 << 10

// shownBody returns the beginning of a payload.
func shownBody(body queue.Body) (string, error) {
	r, err := body.Open(context.Background())
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, shownBytes))
	if body.Size() > shownBytes {
		for len(text) > 0 && !utf8.Valid(text) {
			text = text[:len(text)-1]
		}
		text = append(text, "..."...)
	}
	return string(text), err
}

// explained are targets that write down why each route and rule takes a submit or not.
type explained struct {
	apiTargets
	test *RouteTest
}

// Route implements api.Router.
func (e explained) Route(request *queue.Request, body, metadata func() any, client *http.Request) (api.Target, *ingress.Action, bool) {
	if routes := e.live.Load().table.Routes(); routes != nil {
		e.write(routes.ExplainSubmitted(request, body, metadata))
	}
	return e.apiTargets.Route(request, body, metadata, client)
}

// Rule implements api.Ruler.
func (e explained) Rule(m *route.Message) (*api.Ruled, error) {
	if rules := e.live.Load().rules; rules != nil {
		e.write(rules.table.Explain(m))
	}
	return e.apiTargets.Rule(m)
}

func (e explained) write(verdicts []route.Verdict) {
	for _, v := range verdicts {
		e.test.Verdicts = append(e.test.Verdicts, RouteVerdict(v))
	}
}
