package reply

import "time"

// RetryAfter returns the Retry-After field of an answer about a queue: when, at the rate at which it drains now, it should
// have come to a message that is accepted now.
func (p *Replies) RetryAfter(queueName string) []string { return p.retryAfter(queueName, time.Time{}) }
