package route_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/openhqm/openhqm/internal/route"
)

func table(t testing.TB, routes ...route.Route) *route.Table {
	t.Helper()
	made, err := route.New(routes, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// one is a table of a single route with these conditions.
func one(t *testing.T, c route.Conditions) *route.Table {
	return table(t, route.Route{Name: "r", Conditions: c})
}

func input(method, url string, header http.Header) *route.Input {
	rest := strings.TrimPrefix(url, "http://")
	host, target, _ := strings.Cut(rest, "/")
	path, query, _ := strings.Cut("/"+target, "?")
	return &route.Input{Method: method, Host: host, Path: path, RawQuery: query, Header: header}
}

func TestEachConditionTakesWhatItSays(t *testing.T) {
	tests := []struct {
		name      string
		c         route.Conditions
		yes, no   []string // URLs
		yesH, noH []http.Header
	}{
		{name: "nothing", c: route.Conditions{}, yes: []string{"http://a/", "http://b:80/x?y=z"}},
		{name: "host", c: route.Conditions{Hosts: []string{"Shop.example.com"}},
			yes: []string{"http://shop.example.com/", "http://SHOP.example.com:8000/", "http://shop.example.com./"},
			no:  []string{"http://a.shop.example.com/", "http://example.com/", "http://xshop.example.com/", "http:///"}},
		{name: "hosts below", c: route.Conditions{Hosts: []string{"*.example.com"}},
			yes: []string{"http://a.example.com/", "http://a.b.example.com:1/"},
			no:  []string{"http://example.com/", "http://aexample.com/", "http://.example.org/"}},
		{name: "path", c: route.Conditions{Path: "/orders"},
			yes: []string{"http://a/orders", "http://a/orders?x", "http://a/%6frders"}, no: []string{"http://a/orders/", "http://a/Orders", "http://a/order"}},
		{name: "prefix", c: route.Conditions{PathPrefix: "/orders"},
			yes: []string{"http://a/orders", "http://a/orders/", "http://a/orders/1/2"}, no: []string{"http://a/orders2", "http://a/", "http://a/x/orders"}},
		{name: "prefix with a slash", c: route.Conditions{PathPrefix: "/orders/"}, yes: []string{"http://a/orders", "http://a/orders/1"}, no: []string{"http://a/orders2"}},
		{name: "every path", c: route.Conditions{PathPrefix: "/"}, yes: []string{"http://a/", "http://a/x"}},
		{name: "expression", c: route.Conditions{PathRegex: `/orders/[0-9]+`},
			yes: []string{"http://a/orders/12"}, no: []string{"http://a/orders/12/x", "http://a/v1/orders/12", "http://a/orders/x"}},
		{name: "alternatives are whole too", c: route.Conditions{PathRegex: `/a|/b`}, yes: []string{"http://h/a", "http://h/b"}, no: []string{"http://h/ax", "http://h/xb"}},
		{name: "query", c: route.Conditions{Query: []route.Field{{Name: "v", Exact: "2"}, {Name: "debug"}}},
			yes: []string{"http://a/?v=2&debug", "http://a/?debug=1&v=1&v=2"}, no: []string{"http://a/?v=2", "http://a/?debug&v=22"}},
		{name: "query expression", c: route.Conditions{Query: []route.Field{{Name: "v", Regex: "[0-9]+"}}}, yes: []string{"http://a/?v=12"}, no: []string{"http://a/?v=1x", "http://a/"}},
		{name: "header", c: route.Conditions{Headers: []route.Field{{Name: "x-tenant-id", Exact: "a"}}},
			yesH: []http.Header{{"X-Tenant-Id": {"a"}}, {"X-Tenant-Id": {"b", "a"}}}, noH: []http.Header{nil, {"X-Tenant-Id": {"ab"}}}},
		{name: "headers", c: route.Conditions{Headers: []route.Field{{Name: "A"}, {Name: "B", Regex: "x.*"}}},
			yesH: []http.Header{{"A": {""}, "B": {"xy"}}}, noH: []http.Header{{"B": {"xy"}}, {"A": {"1"}, "B": {"ax"}}}},
		{name: "predicate", c: route.Conditions{JQ: `.headers["x-n"][0] | tonumber > 3`}, yesH: []http.Header{{"X-N": {"4"}}}, noH: []http.Header{{"X-N": {"3"}}}},
		{name: "predicate of the query", c: route.Conditions{JQ: `.query.a == ["1","2"] and .method == "POST" and .host == "h" and .path == "/p"`},
			yes: []string{"http://h:9/p?a=1&a=2"}, no: []string{"http://h/p?a=1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := one(t, test.c)
			check := func(in *route.Input, want bool) {
				t.Helper()
				if _, got := r.Match(in); got != want {
					t.Errorf("%s %s%s?%s %v: %v, want %v", in.Method, in.Host, in.Path, in.RawQuery, in.Header, got, want)
				}
			}
			for _, url := range test.yes {
				check(input("POST", url, nil), true)
			}
			for _, url := range test.no {
				check(input("POST", url, nil), false)
			}
			for _, h := range test.yesH {
				check(input("POST", "http://a/", h), true)
			}
			for _, h := range test.noH {
				check(input("POST", "http://a/", h), false)
			}
		})
	}
	methods := one(t, route.Conditions{Methods: []string{"POST", "PUT"}})
	if _, ok := methods.Match(input("PUT", "http://a/", nil)); !ok {
		t.Error("PUT is one of the methods")
	}
	lower := one(t, route.Conditions{Methods: []string{"put", "purge"}})
	for method, want := range map[string]bool{"PUT": true, "put": false, "purge": true, "PURGE": false} {
		if _, ok := lower.Match(input(method, "http://a/", nil)); ok != want {
			t.Errorf("%s: %v", method, ok)
		}
	}
	if _, ok := methods.Match(input("GET", "http://a/", nil)); ok {
		t.Error("GET is none of the methods")
	}
}

func TestAnotherSpellingOfAPathTakesNoOtherRoute(t *testing.T) {
	for raw, want := range map[string]string{
		"/": "/", "": "/", "*": "*", "/a/b": "/a/b", "/a/": "/a/",
		"/%61dmin": "/admin", "/%7Ex": "/~x", "/a%2fb": "/a%2Fb", "/a%2Fb": "/a%2Fb", "/a%zz": "/a%25zz", "/a%": "/a%25", "/a%4": "/a%254",
		"//admin": "/admin", "/a//b///c": "/a/b/c", "/public/../admin": "/admin", "/public/%2e%2E/admin": "/admin", "/public/.%2e": "/",
		"/./admin": "/admin", "/admin/.": "/admin/", "/admin/..": "/", "/../../admin": "/admin", "/a/../../../b": "/b", "/.well-known/x": "/.well-known/x",
		"/...": "/...", "/a/..b": "/a/..b",
	} {
		if got := route.CleanPath(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
		if again := route.CleanPath(route.CleanPath(raw)); again != want {
			t.Errorf("%q: once more %q", raw, again)
		}
	}
	r := one(t, route.Conditions{PathPrefix: "/admin"})
	for _, path := range []string{"/admin/x", "//admin/x", "/%61dmin/x", "/public/../admin/x", "/./admin/x", "/x/%2e%2e/admin/x"} {
		if _, ok := r.Match(&route.Input{Method: "GET", Path: path}); !ok {
			t.Errorf("%s does not take the route", path)
		}
	}
}

func TestTheFirstRouteThatMatchesIsTaken(t *testing.T) {
	r := table(t,
		route.Route{Name: "post", Conditions: route.Conditions{Methods: []string{"POST"}, PathPrefix: "/a"}},
		route.Route{Name: "all", Conditions: route.Conditions{PathPrefix: "/"}},
		route.Route{Name: "never", Conditions: route.Conditions{Path: "/a/b"}})
	for method, want := range map[string]string{"POST": "post", "GET": "all"} {
		i, ok := r.Match(input(method, "http://h/a/b", nil))
		if !ok || r.Name(i) != want {
			t.Errorf("%s: %d %v, want %s", method, i, ok, want)
		}
	}
	verdicts := r.Explain(input("GET", "http://h/a/b", nil))
	if len(verdicts) != 2 || verdicts[0].Matches || verdicts[0].Why != "method is GET, not POST" || !verdicts[1].Matches {
		t.Errorf("%+v", verdicts)
	}
}

// TestTheIndexFindsWhatALinearSearchFinds compares with Explain, which asks every route in turn.
func TestTheIndexFindsWhatALinearSearchFinds(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	segment := func() string { return pick("a", "b", "c") }
	for range 300 {
		var routes []route.Route
		for i := range 1 + rnd.IntN(30) {
			var c route.Conditions
			for range rnd.IntN(3) {
				c.Hosts = append(c.Hosts, pick("x.com", "*.x.com", "*.com", "y.x.com", "*.y.x.com"))
			}
			path := "/" + segment() + pick("", "/"+segment())
			switch rnd.IntN(4) {
			case 0:
				c.Path = path
			case 1:
				c.PathPrefix = pick(path, "/")
			case 2:
				c.PathRegex = path + pick("/.*", "", "[a-c]?", "(/a)?")
			}
			if rnd.IntN(3) == 0 {
				c.Headers = []route.Field{{Name: pick("A", "B"), Exact: pick("1", "2", "")}}
			}
			if rnd.IntN(4) == 0 {
				c.Methods = []string{pick("GET", "POST")}
			}
			routes = append(routes, route.Route{Name: fmt.Sprint(i), Conditions: c})
		}
		r := table(t, routes...)
		for range 50 {
			in := input(pick("GET", "POST"), "http://"+pick("x.com", "y.x.com", "z.y.x.com", "com", "other")+"/"+segment()+pick("", "/", "/"+segment(), "/a/b"),
				http.Header{pick("A", "B", "C"): {pick("1", "2"), "1"}})
			i, ok := r.Match(in)
			verdicts := r.Explain(in)
			want := len(verdicts) > 0 && verdicts[len(verdicts)-1].Matches
			if ok != want || ok && i != len(verdicts)-1 {
				t.Fatalf("seed %d: %+v: index %d %v, in turn %+v", seed, in, i, ok, verdicts)
			}
		}
	}
}

func TestAPredicateThatFailsDoesNotHold(t *testing.T) {
	for program, want := range map[string]string{
		`.headers.nothing[0] | tonumber`: "tonumber",
		`[range(1e12)] | length > 0`:     "steps",
		`def f: f; f`:                    "steps",
		`error("no")`:                    "no",
		`.path + 1`:                      "add",
		`"x" * 1e12 | length > 0`:        "",
		`.body.n > 1e9`:                  "",
		`env.HOME | length > 0`:          "",
		`empty`:                          "",
	} {
		var told []string
		r, err := route.New([]route.Route{{Name: "r", Conditions: route.Conditions{JQ: program}}},
			func(name string, err error) { told = append(told, name+": "+err.Error()) })
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		if _, ok := r.Match(input("GET", "http://a/", nil)); ok {
			t.Errorf("%s holds", program)
		}
		if want != "" && (len(told) != 1 || !strings.Contains(told[0], want)) {
			t.Errorf("%s: told %q, want %q", program, told, want)
		}
	}
}

func TestABodyIsReadOnceAndOnlyForAPredicateThatMentionsIt(t *testing.T) {
	r := table(t,
		route.Route{Name: "head", Conditions: route.Conditions{JQ: `.path == "/x"`}},
		route.Route{Name: "first", Conditions: route.Conditions{JQ: `.body.type == "order"`}},
		route.Route{Name: "second", Conditions: route.Conditions{JQ: `.body.type == "refund" and .body.id == 7`}})
	read := 0
	with := func(path string) *route.Input {
		in := input("POST", "http://a"+path, nil)
		in.Body = func() any { read++; return map[string]any{"type": "refund", "id": 7.0} }
		return in
	}
	if i, ok := r.Match(with("/")); !ok || r.Name(i) != "second" || read != 1 {
		t.Errorf("%d %v, read %d times", i, ok, read)
	}
	if i, ok := r.Match(with("/x")); !ok || r.Name(i) != "head" || read != 1 {
		t.Errorf("%d %v, read %d times", i, ok, read)
	}
	if !r.ReadsBody() {
		t.Error("the table does not say that it reads bodies")
	}
}

func TestWhatCanNeverWorkIsRefusedByName(t *testing.T) {
	for want, c := range map[string]route.Conditions{
		"begins with a slash": {Path: "orders"},
		"without a query":     {PathPrefix: "/a?b"},
		"is compared as":      {Path: "/a/../b"},
		"give one of them":    {Path: "/a", PathPrefix: "/b"},
		"missing closing ]":   {PathRegex: "/[a"},
		"host":                {Hosts: []string{"*"}},
		"X: error parsing":    {Headers: []route.Field{{Name: "X", Regex: "("}}},
		"compared by hosts":   {Headers: []route.Field{{Name: "host", Exact: "a"}}},
		"is no program":       {JQ: ".a |"},
		"cannot be compiled":  {JQ: "nothing_like_it"},
		"is not allowed":      {JQ: "input"},
	} {
		if _, err := route.New([]route.Route{{Name: "bad", Conditions: c}}, nil); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "route bad: ") {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

func TestAKeyKeepsItsEndpoint(t *testing.T) {
	const keys = 20000
	counts := [2]int{}
	for i := range keys {
		key := fmt.Sprint("tenant-", i)
		chosen := route.Choose(key, []string{"old", "new"}, []int{90, 10})
		if turned := route.Choose(key, []string{"new", "old"}, []int{10, 90}); turned == chosen {
			t.Fatalf("%s depends on the order of the endpoints", key)
		}
		counts[chosen]++
	}
	if share := float64(counts[1]) / keys; share < 0.09 || share > 0.11 {
		t.Errorf("a weight of 10 in 100 got %.3f of the keys", share)
	}
	if got := route.Choose("k", []string{"a", "b"}, []int{0, 1}); got != 1 {
		t.Error("a weight of 0 got a key")
	}
}

func TestAChangedWeightMovesFewKeys(t *testing.T) {
	names := []string{"old", "new"}
	moved := 0
	for i := range 20000 {
		key := fmt.Sprint("tenant-", i)
		before, after := route.Choose(key, names, []int{90, 10}), route.Choose(key, names, []int{80, 20})
		if before == 1 && after == 0 {
			t.Fatalf("%s went back to the endpoint that lost weight", key)
		}
		if before != after {
			moved++
		}
	}
	if share := float64(moved) / 20000; share < 0.08 || share > 0.125 {
		t.Errorf("%.3f of the keys moved for a tenth of the weight", share)
	}
}

func TestARewriteChangesThePathOnly(t *testing.T) {
	tests := []struct {
		c          route.RewriteConfig
		from, want string
	}{
		{route.RewriteConfig{StripPrefix: "/api"}, "/api/orders?x=/api", "/orders?x=/api"},
		{route.RewriteConfig{StripPrefix: "/api/"}, "/api", "/"},
		{route.RewriteConfig{StripPrefix: "/api"}, "/apis/x", "/apis/x"},
		{route.RewriteConfig{StripPrefix: "/api", AddPrefix: "/v2/"}, "/api/orders", "/v2/orders"},
		{route.RewriteConfig{AddPrefix: "/v2"}, "/", "/v2/"},
		{route.RewriteConfig{Path: "/hook"}, "/a/b?c", "/hook?c"},
		{route.RewriteConfig{Regex: "^/u/([^/]+)", Replace: "/users/$1"}, "/u/7%20a/x", "/users/7%20a/x"},
		{route.RewriteConfig{Regex: ".*", Replace: ""}, "/a", "/"},
		{route.RewriteConfig{StripPrefix: "/a"}, "/x/../a/%2e%2e/b", "/b"},
		{route.RewriteConfig{StripPrefix: "/a"}, "*", "*"},
		{route.RewriteConfig{StripPrefix: "/a"}, "/a//evil.example/x", "/evil.example/x"},
	}
	for _, test := range tests {
		r, err := route.NewRewrite(test.c)
		if err != nil {
			t.Errorf("%+v: %v", test.c, err)
			continue
		}
		if got := r.Target(test.from); got != test.want {
			t.Errorf("%+v of %s: %s, want %s", test.c, test.from, got, test.want)
		}
	}
	for _, wrong := range []route.RewriteConfig{{StripPrefix: "a"}, {Path: "/a", AddPrefix: "/b"}, {Replace: "/x"}, {Regex: "("},
		{Regex: "a", Replace: "/x?y"}, {Path: "/a b"}, {StripPrefix: "/a", Regex: "b"}} {
		if _, err := route.NewRewrite(wrong); err == nil {
			t.Errorf("%+v is accepted", wrong)
		}
	}
}

// BenchmarkMatch is what a match costs by the number and kind of routes; the last of them takes the request.
func BenchmarkMatch(b *testing.B) {
	kinds := map[string]func(i int) route.Conditions{
		"exact":  func(i int) route.Conditions { return route.Conditions{Path: fmt.Sprintf("/s%d/orders", i)} },
		"prefix": func(i int) route.Conditions { return route.Conditions{PathPrefix: fmt.Sprintf("/s%d", i)} },
		"host": func(i int) route.Conditions {
			return route.Conditions{Hosts: []string{fmt.Sprintf("s%d.example.com", i)}, PathPrefix: "/"}
		},
		"header": func(i int) route.Conditions {
			return route.Conditions{PathPrefix: "/", Headers: []route.Field{{Name: "X-Tenant-Id", Exact: fmt.Sprint(i)}}}
		},
		"expression": func(i int) route.Conditions { return route.Conditions{PathRegex: fmt.Sprintf("/s%d/[a-z]+", i)} },
	}
	for _, kind := range []string{"exact", "prefix", "host", "header", "expression"} {
		for _, n := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				var routes []route.Route
				for i := range n {
					routes = append(routes, route.Route{Name: fmt.Sprint(i), Conditions: kinds[kind](i)})
				}
				made := table(b, routes...)
				in := route.Input{Method: "POST", Host: fmt.Sprintf("s%d.example.com:8000", n-1), Path: fmt.Sprintf("/s%d/orders", n-1),
					Header: http.Header{"X-Tenant-Id": {fmt.Sprint(n - 1)}, "Content-Type": {"application/json"}}}
				b.ReportAllocs()
				for b.Loop() {
					again := in
					if i, ok := made.Match(&again); !ok || i != n-1 {
						b.Fatal(i, ok)
					}
				}
			})
		}
	}
}

func TestATableIsSharedByManyRequests(t *testing.T) {
	r := table(t,
		route.Route{Name: "no", Conditions: route.Conditions{JQ: `.body.n > 5 and (.headers["x-n"] | length) == 0`}},
		route.Route{Name: "yes", Conditions: route.Conditions{PathRegex: "/[a-z]+", JQ: `.body.n as $n | [range($n)] | add == 10`}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				in := input("POST", "http://a/x", http.Header{"X-N": {"1"}})
				in.Body = func() any { return map[string]any{"n": 5.0} }
				if i, ok := r.Match(in); !ok || r.Name(i) != "yes" {
					t.Errorf("%d %v", i, ok)
				}
			}
		})
	}
	all.Wait()
}
