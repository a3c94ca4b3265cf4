package main

import (
	"net/http"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// mostRedriven bounds how many dead letters are put back at the end of a run.
const mostRedriven = 60

// redrive puts dead letters back, as an operator does when everything is well again, and reads what becomes of them.
func (r *run) redrive() {
	var back []accepted
	client := &http.Client{Timeout: 30 * time.Second}
	failed := r.reader.failed
	r.random.Shuffle(len(failed), func(i, j int) { failed[i], failed[j] = failed[j], failed[i] })
	for _, a := range failed {
		if len(back) == mostRedriven || r.producer.kills(a.op) {
			break
		}
		e := history.Event{Kind: history.Redrive, Op: a.op, ID: a.id, From: r.log.Now()}
		response, err := client.Post("http://"+r.server.admin+"/api/v1/dead/"+a.id+"/redrive", "application/json", nil)
		if err != nil {
			r.verdict("redrive", err)
			return
		}
		response.Body.Close()
		e.Status = response.StatusCode
		r.log.Log(e)
		back = append(back, a)
	}
	r.reader.all(back)
}
