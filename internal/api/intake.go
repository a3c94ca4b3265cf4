package api

import (
	"net/http"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

// pauseIntake lets no new messages into a queue: for some seconds, or until its intake is resumed. What is there is delivered
// as before.
func (a *Admin) pauseIntake(w http.ResponseWriter, r *http.Request, v vars) {
	hold, err := readHold(r)
	if err == nil {
		_, err = a.known(r, v.name)
	}
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.change(w, r, v.name, queue.GateChange{Intake: &queue.IntakeChange{Pause: true, For: hold.For, Note: hold.Note}})
}

func (a *Admin) resumeIntake(w http.ResponseWriter, r *http.Request, v vars) {
	if _, err := a.known(r, v.name); err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.change(w, r, v.name, queue.GateChange{Intake: &queue.IntakeChange{}})
}

func intakeOf(g queue.Gate, now time.Time) *client.Intake {
	pause, ok := g.IntakePaused(now)
	if !ok {
		return nil
	}
	return &client.Intake{Since: moment(pause.Since), Until: instant(pause.Until), Note: pause.Note}
}

// intakeSentence is what the explanation of a queue says of its intake, if that is paused.
func intakeSentence(e *queue.Explanation) string {
	pause, ok := e.Queue.Gate.IntakePaused(e.Now)
	if !ok {
		return ""
	}
	text := "; new requests get 503"
	if !pause.Until.IsZero() {
		text += " until " + clock(pause.Until, e.Now)
	}
	text += ": an operator paused the intake"
	if pause.Note != "" {
		text += " (" + pause.Note + ")"
	}
	return text
}
