package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// commentsJSON holds the comments of the section structs by key. TestReferenceIsCurrent writes it from the Go source with
// -update and fails when it is out of date.
//
//go:embed comments.json
var commentsJSON []byte

// KeyDoc describes one key for the reference manual.
type KeyDoc struct {
	Key     string `json:"key"`               // dotted path; NAME stands for the name of an endpoint or a route
	Type    string `json:"type"`              // what kind of value it takes
	Default string `json:"default,omitempty"` // as a user would write it, "" when there is none
	Env     string `json:"env"`               // variable that sets it; "" for a key of an item of a list
	Accepts string `json:"accepts,omitempty"` // the accepted words or range
	Live    bool   `json:"live"`              // a reload applies it
	Status  Status `json:"status"`
	Doc     string `json:"doc"` // its comment
}

// Status says what setting a key does in this version.
type Status string

// The statuses of keys.
const (
	Effective      Status = "effective"
	HasNoEffect    Status = "ignored"     // accepted, with a note
	NotInThis      Status = "unsupported" // an error
	OnlyFalseTaken Status = "off"         // only false is accepted
)

// Keys describes every key, in the order of the sections.
func Keys() []KeyDoc {
	comments := map[string]string{}
	if err := json.Unmarshal(commentsJSON, &comments); err != nil {
		panic("config: comments.json, which is part of the binary: " + err.Error())
	}
	return keysWith(comments)
}

func keysWith(comments map[string]string) []KeyDoc {
	defaults := reflect.ValueOf(Default()).Elem()
	endpoint := reflect.ValueOf(defaultEndpoint())
	var docs []KeyDoc
	for _, k := range schema() {
		doc := KeyDoc{Key: k.path, Env: variableOf(k.path), Live: k.live, Status: statusOf(k.field.Type), Doc: comments[k.path]}
		if doc.Status == Effective {
			doc.Type, doc.Accepts = typeName(k.field), limits(k.field)
			if ofItem(k.path) {
				// An item has no defaults of its own.
			} else if rest, ok := strings.CutPrefix(k.path, "proxy.endpoints."+placeholder+"."); ok {
				doc.Default = defaultOf(endpoint, rest)
			} else if _, rest, ok := strings.Cut(k.path, "config_dict.routes."+placeholder+"."); ok {
				doc.Default = defaultOf(reflect.ValueOf(defaultRule()), rest)
			} else if rest, ok := strings.CutPrefix(k.path, "routes."+placeholder+"."); ok {
				doc.Default = defaultOf(reflect.ValueOf(defaultRoute()), rest)
			} else {
				doc.Default = defaultOf(defaults, k.path)
			}
		}
		docs = append(docs, doc)
	}
	return docs
}

// variableOf returns the variable that sets a key; "" for a key of an item, which comes with the variable of its list.
func variableOf(path string) string {
	if ofItem(path) {
		return ""
	}
	return envName(path)
}

func statusOf(t reflect.Type) Status {
	switch t {
	case ignoredType:
		return HasNoEffect
	case unsupportedType:
		return NotInThis
	case offType:
		return OnlyFalseTaken
	}
	return Effective
}

// derived are the keys whose default Load computes; their comments say how.
func derived(path string) bool {
	switch path {
	case "queue.type", "proxy.enabled", "proxy.default_endpoint", "timeout", "max_retries", "authorization", "max_request_size", "max_response_size",
		"forward_headers", "wait":
		return true
	}
	return false
}

func defaultOf(v reflect.Value, path string) string {
	if derived(path) {
		return ""
	}
	t := v.Type()
	for _, part := range strings.Split(path, ".") {
		f, _ := fieldOf(t, part)
		v, t = v.FieldByIndex(f.Index), f.Type
	}
	switch t.Kind() {
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, fmt.Sprintf("%q", shown(v.Index(i))))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		return "{}"
	}
	return scalarNode(path, v).Value
}

func typeName(f reflect.StructField) string {
	switch t := f.Type; {
	case t == durationType:
		return "duration"
	case t == sizeType:
		return "size"
	case t == rateType:
		return "rate"
	case t == secretType:
		return "secret"
	case t == urlType:
		return "URL"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t == reflect.SliceOf(secretType):
		return "list of secrets"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map:
		return "mapping"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "number"
}

// limits tells the accepted words, or the range.
func limits(f reflect.StructField) string {
	if words := f.Tag.Get("enum"); words != "" {
		return strings.Join(strings.Split(strings.TrimPrefix(words, "|"), "|"), ", ")
	}
	lo, hasLo := f.Tag.Lookup("min")
	hi, hasHi := f.Tag.Lookup("max")
	switch {
	case hasLo && hasHi:
		return lo + " to " + hi
	case hasLo:
		return "at least " + lo
	case hasHi:
		return "at most " + hi
	}
	return ""
}

//go:embed reference.md
var referenceHead string

// Reference writes the reference manual of the given keys as Markdown.
func Reference(w io.Writer, keys []KeyDoc) error {
	var b strings.Builder
	b.WriteString(referenceHead)
	section := ""
	for _, k := range keys {
		if name, _, _ := strings.Cut(k.Key, "."); name != section {
			section = name
			fmt.Fprintf(&b, "\n## %s\n", section)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n%s\n", k.Key, strings.Join(facts(k), " · "), k.Doc)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write configuration reference: %w", err)
	}
	return nil
}

func facts(k KeyDoc) []string {
	switch k.Status {
	case HasNoEffect:
		return []string{"accepted, no effect", "`" + k.Env + "`"}
	case NotInThis:
		return []string{"not supported in this version", "`" + k.Env + "`"}
	case OnlyFalseTaken:
		return []string{"only `false` is accepted", "`" + k.Env + "`"}
	}
	facts := []string{k.Type}
	if k.Accepts != "" {
		facts = append(facts, k.Accepts)
	}
	if k.Default != "" {
		facts = append(facts, "default `"+k.Default+"`")
	}
	if k.Env != "" {
		facts = append(facts, "`"+k.Env+"`")
	}
	if k.Live {
		return append(facts, "applied on reload")
	}
	return append(facts, "needs a restart")
}
