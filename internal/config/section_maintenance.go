package config

import (
	"regexp"
	"strconv"
	"time"
	_ "time/tzdata" // a container image may have no time zones
)

// Maintenance is a time of the week in which an endpoint is not called.
type Maintenance struct {
	// Days of the week on which it begins. Not set: every day.
	Days []string `yaml:"days" enum:"mon|tue|wed|thu|fri|sat|sun" alias:"monday=mon|tuesday=tue|wednesday=wed|thursday=thu|friday=fri|saturday=sat|sunday=sun"`
	// When it begins, as `22:00`.
	From string `yaml:"from"`
	// When it ends, as `04:00`; not after `from`: on the next day. With `from` and `to` the same it lasts a day.
	To string `yaml:"to"`
	// Time zone of the times, as `Europe/Berlin`. Not set: UTC.
	Timezone string `yaml:"timezone"`
}

var timeOfDay = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// Clock returns the hour and minute of a time such as 22:00, which validation has accepted.
func Clock(text string) (hour, minute int) {
	if len(text) != len("22:00") {
		return 0, 0
	}
	hour, _ = strconv.Atoi(text[:2])
	minute, _ = strconv.Atoi(text[3:])
	return hour, minute
}

// maintenance judges the maintenance windows of an endpoint.
func (k *checker) maintenance(path string, e *Endpoint) {
	for i := range e.Maintenance {
		key, w := join(path, strconv.Itoa(i+1)), &e.Maintenance[i]
		for name, text := range map[string]string{"from": w.From, "to": w.To} {
			if !timeOfDay.MatchString(text) {
				k.wrong(join(key, name), "%q is not accepted; give a time of the day from 00:00 to 23:59, such as 22:00", text)
			}
		}
		if _, err := time.LoadLocation(w.Timezone); err != nil {
			k.wrong(key+".timezone", "%q is not known; give a name of the time zone database such as Europe/Berlin, or UTC", w.Timezone)
		}
	}
}
