package misbehaviour_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/misbehaviour"
)

var update = flag.Bool("update", false, "write the table into the document")

const document = "../../docs/delivery.md"

func TestTheTableOfTheDocumentsIsThisOne(t *testing.T) {
	const begin, end = "<!-- table: misbehaviour -->\n", "<!-- end of table -->\n"
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended || strings.Contains(after, begin) {
		t.Fatalf("%s has not exactly one table between %s and %s", document, begin, end)
	}
	want := misbehaviour.Table()
	if *update && table != want {
		if err := os.WriteFile(document, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the table of %s differs from the one that the tests run from; run this test with -update.\ngot:\n%s\nwant:\n%s", document, table, want)
	}
}

// Each class and each thing that may follow has its kinds, and no two kinds are told alike.
func TestTheTableIsWhole(t *testing.T) {
	names, follows, classes := map[string]bool{}, map[misbehaviour.Next]bool{}, map[string]bool{}
	for _, k := range misbehaviour.Kinds() {
		if names[k.Name] {
			t.Errorf("two kinds are called %q", k.Name)
		}
		names[k.Name], follows[k.May], follows[k.Not], classes[k.Class.String()] = true, true, true, true
		if strings.Contains(k.Name, "|") || strings.Contains(k.Name, "\n") {
			t.Errorf("%q breaks the table", k.Name)
		}
	}
	for next := misbehaviour.Result; next <= misbehaviour.Tried; next++ {
		if !follows[next] {
			t.Errorf("nothing is followed by %q", next)
		}
	}
	if len(names) < 25 || len(classes) != 3 {
		t.Errorf("%d kinds of %d classes", len(names), len(classes))
	}
}
