package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// parseJSON turns a JSON value given in a variable or flag into a tree. Its errors never repeat the text, which may hold
// secrets.
func parseJSON(text string, src source) (*node, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	n, err := jsonValue(dec, src, 0)
	if err != nil {
		return nil, fmt.Errorf("not valid JSON at byte %d", dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("not valid JSON: more text after byte %d", dec.InputOffset())
	}
	return n, nil
}

func jsonValue(dec *json.Decoder, src source, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		return &node{kind: scalar, src: src, null: true}, nil
	case bool:
		return &node{kind: scalar, src: src, text: fmt.Sprint(t)}, nil
	case json.Number:
		return &node{kind: scalar, src: src, text: t.String()}, nil
	case string:
		return &node{kind: scalar, src: src, text: t}, nil
	}
	n := &node{kind: list, src: src}
	if token == json.Delim('{') {
		n.kind = mapping
	}
	for dec.More() {
		var name string
		if n.kind == mapping {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			name = key.(string) // the decoder accepts nothing else here
		}
		value, err := jsonValue(dec, src, depth+1)
		switch {
		case err != nil:
			return nil, err
		case n.kind == list:
			n.items = append(n.items, value)
		default:
			n.set(name, src, value)
		}
	}
	_, err = dec.Token() // the closing delimiter
	return n, err
}
