package rule

import (
	"strings"
	"testing"
)

func BenchmarkJudge(b *testing.B) {
	for name, c := range map[string]Config{
		"head":  {Rules: []Rule{{Conditions: Conditions{Status: []string{"302"}, Header: map[string]string{"Location": "/login"}}}}},
		"regex": {Rules: []Rule{{Conditions: Conditions{BodyRegex: `<(\w+:)?Fault[ >]`}}}},
		"jq":    {Rules: []Rule{{Conditions: Conditions{JQ: `.error.code == "BUSY"`}}}},
	} {
		s, err := New(c)
		if err != nil {
			b.Fatal(err)
		}
		a := &Answer{Status: 200, Body: []byte(`{"items": ["` + strings.Repeat("x", 1000) + `"]}`), Whole: true}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Judge(b.Context(), a)
			}
		})
	}
}
