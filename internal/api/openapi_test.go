package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/queue"
)

// described returns a validator of the document.
var described = sync.OnceValues(func() (validator.Validator, error) {
	source, err := os.ReadFile("openapi.json")
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(source)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

// validating makes checks one at a time: the validator builds its schemas as it goes.
var validating sync.Mutex

// checkDescribed fails the test unless the document describes an answer that is our own.
func checkDescribed(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Header().Get("OpenHQM-Source") == "" || r.Method == http.MethodOptions || w.Code == http.StatusMethodNotAllowed ||
		!strings.HasPrefix(r.URL.Path, "/api/v1/") || r.URL.Path == "/api/v1/nothing" {
		return // another's answer, or one that no operation of the document gives
	}
	v, err := described()
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(r.Method, r.URL.String(), nil)
	request.Host = "localhost:8001"
	if r.Method == http.MethodHead {
		request.Method = http.MethodGet
		if w.Body.Len() == 0 {
			return
		}
	}
	validating.Lock()
	defer validating.Unlock()
	response := *w
	if _, errs := v.ValidateHttpResponse(request, response.Result()); len(errs) > 0 {
		for _, e := range errs {
			t.Errorf("%s %s: %d is not as described: %s: %s", r.Method, r.URL.Path, w.Code, e.Message, e.Reason)
			for _, s := range e.SchemaValidationErrors {
				t.Errorf("  %s: %s", s.FieldPath, s.Reason)
			}
		}
	}
}

func TestOpenAPIDocumentIsValid(t *testing.T) {
	v, err := described()
	if err != nil {
		t.Fatal(err)
	}
	if ok, errs := v.ValidateDocument(); !ok {
		for _, e := range errs {
			t.Errorf("%s: %s %v", e.Message, e.Reason, e.SchemaValidationErrors)
		}
	}
}

func TestOpenAPIDescribesEveryRouteAndNoOther(t *testing.T) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	f := newFixture(t)
	if err := json.Unmarshal(f.call("GET", "/api/v1/openapi.json", "").wants(200).Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	want(t, f.operate("GET", "/api/v1/openapi.json", "").wants(200).Body.String(), f.call("GET", "/api/v1/openapi.json", "").Body.String())
	var described []string
	for path, item := range document.Paths {
		for method, raw := range item {
			var operation struct {
				OperationID string `json:"operationId"`
			}
			if method == "servers" {
				continue
			}
			if err := json.Unmarshal(raw, &operation); err != nil {
				t.Fatal(err)
			}
			described = append(described, strings.ToUpper(method)+" "+path+" "+operation.OperationID)
		}
	}
	slices.Sort(described)
	routes := api.Routes()
	slices.Sort(routes)
	routes = slices.Compact(routes) // the document itself is served on both listeners
	for _, route := range routes {
		if !slices.Contains(described, route) {
			t.Errorf("openapi.json does not describe %s", route)
		}
	}
	for _, operation := range described {
		if !slices.Contains(routes, operation) {
			t.Errorf("openapi.json describes %s, which routes.go does not list", operation)
		}
	}
}

// TestOpenAPISchemasHaveTheMembersOfTheWireTypes walks both ways; values are checked wherever a test makes a call.
func TestOpenAPISchemasHaveTheMembersOfTheWireTypes(t *testing.T) {
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Type any } `json:"properties"`
				Required   []string                      `json:"required"`
			} `json:"schemas"`
		} `json:"components"`
	}
	source, err := os.ReadFile("openapi.json")
	if err == nil {
		err = json.Unmarshal(source, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{client.Accepted{}, client.Links{}, client.Status{}, client.Response{}, client.Problem{}, client.ProblemError{},
		client.Queues{}, client.Queue{}, client.Counts{}, client.Limits{}, client.Hold{}, client.Endpoints{}, client.Endpoint{},
		client.HoldRequest{}, client.ReleaseRequest{}, client.Messages{}, client.Message{}, client.Lane{}, client.Request{},
		client.Result{}, client.Attempt{}, client.Purged{}, client.Redriven{}, client.Edit{}, client.Explanation{}, client.Audit{}, client.AuditQueue{}, client.Fault{},
		client.BackupRequest{}, client.Backup{}, client.CallbackState{}, client.Intake{}, client.Routes{}, client.RoutePosition{}, client.RouteCount{},
		client.RouteChange{}} {
		kind := reflect.TypeOf(v)
		schema, ok := document.Components.Schemas[kind.Name()]
		if !ok {
			t.Errorf("no schema %s", kind.Name())
			continue
		}
		var members, required []string
		for i := range kind.NumField() {
			name, options, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			members = append(members, name)
			if !strings.Contains(options, "omitempty") {
				required = append(required, name)
			}
		}
		var properties []string
		for name := range schema.Properties {
			properties = append(properties, name)
		}
		slices.Sort(members)
		slices.Sort(required)
		slices.Sort(properties)
		slices.Sort(schema.Required)
		want(t, kind.Name()+fmt.Sprint(properties), kind.Name()+fmt.Sprint(members))
		want(t, kind.Name()+fmt.Sprint(schema.Required), kind.Name()+fmt.Sprint(required))
	}
}

// TestOpenAPISetsAreTheDomains compares the closed sets of the document with those of package queue.
func TestOpenAPISetsAreTheDomains(t *testing.T) {
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string } `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	source, err := os.ReadFile("openapi.json")
	if err == nil {
		err = json.Unmarshal(source, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	status := document.Components.Schemas["Status"].Properties
	want(t, fmt.Sprint(status["state"].Enum), fmt.Sprint(queue.States()))
	want(t, fmt.Sprint(status["reason"].Enum), fmt.Sprint(queue.Reasons()))
	want(t, fmt.Sprint(status["closed_by"].Enum), fmt.Sprint(queue.HoldReasons()))
	want(t, fmt.Sprint(document.Components.Schemas["Explanation"].Properties["cause"].Enum), fmt.Sprint(queue.Causes()))
	want(t, fmt.Sprint(document.Components.Schemas["Attempt"].Properties["class"].Enum), fmt.Sprint(queue.Classes()))
	for _, s := range queue.States() {
		if !slices.Contains(status["status"].Enum, s.Status()) {
			t.Errorf("no status word %s", s.Status())
		}
	}
}

// TestEveryRouteAnswersAsDescribed calls every route once with success; checkDescribed compares each answer.
func TestEveryRouteAnswersAsDescribed(t *testing.T) {
	f := newFixture(t)
	f.routes = switched()
	done := f.finish(answered(200, `{"a":1}`, "Content-Type", "application/json", "Set-Cookie", "a=1", "Set-Cookie", "b=2")).String()
	dead := f.finish(answered(500, "broken")).String()
	waiting := f.submit(`{"payload":1,"headers":{"X-A":"1"},"metadata":{"priority":1,"delay":60}}`).String()
	_ = f.submit(`{"payload":1,"metadata":{"endpoint":"billing"}}`)
	f.operate("POST", "/api/v1/endpoints/billing/hold", `{"seconds":60,"note":"n"}`).wants(200)
	missing := queue.NewID(3, time.Now()).String()
	called := map[string]bool{}
	for _, c := range []struct {
		route, target, body string
		status              int
	}{
		{"submit", "POST /submit", `{"payload":1}`, 202},
		{"status", "GET /status/" + done, "", 200},
		{"status", "GET /status/" + dead, "", 200},
		{"status", "GET /status/" + waiting, "", 200},
		{"response", "GET /response/" + done, "", 200},
		{"response", "GET /response/" + dead, "", 200},
		{"response", "GET /response/" + waiting, "", 202},
		{"response_raw", "GET /response/" + waiting + "/raw", "", 202},
		{"response_raw", "GET /response/" + missing + "/raw", "", 404},
		{"events", "GET /events/" + done, "", 200},
		{"cancel", "DELETE /requests/" + waiting, "", 200},
		{"cancel", "DELETE /requests/" + done, "", 409},
		{"openapi", "GET /openapi.json", "", 200},
		{"queues", "GET /queues", "", 200},
		{"queue", "GET /queues/billing", "", 200},
		{"queue_pause", "POST /queues/billing/pause", "{}", 200},
		{"queue_resume", "POST /queues/billing/resume", "", 200},
		{"intake_pause", "POST /queues/billing/intake/pause", "{}", 200},
		{"intake_resume", "POST /queues/billing/intake/resume", "", 200},
		{"messages", "GET /messages", "", 200},
		{"message", "GET /messages/" + dead + "?body=true", "", 200},
		{"message_explain", "GET /messages/" + dead + "/explain", "", 200},
		{"queue_explain", "GET /queues/billing/explain", "", 200},
		{"dead", "GET /dead", "", 200},
		{"dead_export", "GET /dead/export", "", 200},
		{"dead_redrive_all", "POST /dead/redrive?queue=billing", "", 200},
		{"dead_redrive", "POST /dead/" + dead + "/redrive", "", 200},
		{"dead_remove", "DELETE /dead?all=true", "", 200},
		{"queue_purge", "POST /queues/legacy/purge", "", 200},
		{"audit", "GET /audit", "", 501},
		{"backup", "POST /backup", `{"dir":"/backup"}`, 501},
		{"endpoints", "GET /endpoints", "", 200},
		{"endpoint_hold", "POST /endpoints/legacy/hold", "", 200},
		{"endpoint_release", "POST /endpoints/legacy/release", "", 200},
		{"routes", "GET /routes", "", 200},
		{"route_change", "PATCH /routes/orders", `{"queue_percent": 25}`, 200},
		{"route_reset", "POST /routes/orders/reset", "", 200},
	} {
		method, path, _ := strings.Cut(c.target, " ")
		a := f.call(method, "/api/v1"+path, c.body)
		if a.Code == appStatus {
			a = f.operate(method, "/api/v1"+path, c.body)
		}
		a.wants(c.status)
		called[c.route] = true
	}
	for _, route := range api.Routes() {
		if name := route[strings.LastIndex(route, " ")+1:]; !called[name] {
			t.Errorf("route %s is not called here", route)
		}
	}
}
