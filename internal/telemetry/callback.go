package telemetry

// CallbackEnd says what came of one attempt to deliver a callback: a closed set.
type CallbackEnd uint8

// What came of an attempt to deliver a callback.
const (
	CallbackDelivered   CallbackEnd = iota // the receiver answered 2xx
	CallbackRefused                        // it answered another status
	CallbackGone                           // it answered 410 and wants no more
	CallbackUnanswered                     // it may have arrived, and no complete head of an answer came
	CallbackUnreachable                    // it was not sent: the name, the connection or TLS
	CallbackForbidden                      // it was not sent: the receiver or its address is not allowed
	CallbackUnreadable                     // the ticket cannot be read
	CallbackEndedEarly                     // cancelled, cut by the end of the process or by a lost lease
	callbackEnds
)

var callbackNames = [callbackEnds]string{"delivered", "refused", "gone", "unanswered", "unreachable", "forbidden", "unreadable",
	"ended_early"}

// Callback counts an attempt to deliver a callback.
func (m *Metrics) Callback(end CallbackEnd) { m.callbacks[end].Inc() }
