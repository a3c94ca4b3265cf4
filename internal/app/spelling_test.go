package app

import (
	"bytes"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

func TestHeaderNamesArriveAsSpelled(t *testing.T) {
	r, err := recorder.Start(recorder.Always(recorder.Answer(200, "ok")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	p := start(t, load(t, "proxy: {endpoints: {a: {url: '"+r.URL()+"', header_names: [SOAPAction, X-tenant-ID], headers: {x-tenant-id: t1}}}}"), Options{})
	for n, method := range []string{"POST", "GET"} { // queued, and passed through
		if got := call(t, method, p.url+"/", "", "soapaction", "go"); got.status != 200 {
			t.Fatalf("%s: %d %s", method, got.status, got.body)
		}
		head := r.Arrivals()[n].Head
		if !bytes.Contains(head, []byte("\r\nSOAPAction: go\r\n")) || !bytes.Contains(head, []byte("\r\nX-tenant-ID: t1\r\n")) {
			t.Errorf("%s arrived as\n%s", method, head)
		}
	}
}
