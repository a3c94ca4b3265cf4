package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that users write as `30s`, `1h30m`, `14d`, `2w`, or as a number of seconds. Never negative.
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

var (
	errDuration = errors.New("not a duration")
	errSize     = errors.New("not a size")
	errRate     = errors.New("not a rate")
)

// UnmarshalText parses text; it refuses negative values and those beyond 292 years.
func (d *Duration) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if n, err := parseDecimal(s); err == nil {
		v, ok := scale(n, int64(time.Second))
		if !ok {
			return errDuration
		}
		*d = Duration(v)
		return nil
	}
	if s == "" {
		return errDuration
	}
	var sum int64
	for s != "" {
		n, unit, rest := splitUnit(s)
		factor, ok := durationUnit(unit)
		if !ok {
			return errDuration
		}
		number, err := parseDecimal(n)
		if err != nil {
			return errDuration
		}
		part, ok := scale(number, int64(factor))
		if !ok || sum > math.MaxInt64-part {
			return errDuration
		}
		sum += part
		s = rest
	}
	*d = Duration(sum)
	return nil
}

// String returns the shortest text that parses to d, in days from two days on.
func (d Duration) String() string {
	const day = 24 * time.Hour
	std := time.Duration(d)
	if std >= 2*day && std%day == 0 {
		return strconv.FormatInt(int64(std/day), 10) + "d"
	}
	s := std.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func durationUnit(unit string) (time.Duration, bool) {
	switch unit {
	case "ns":
		return time.Nanosecond, true
	case "us", "µs":
		return time.Microsecond, true
	case "ms":
		return time.Millisecond, true
	case "s":
		return time.Second, true
	case "m":
		return time.Minute, true
	case "h":
		return time.Hour, true
	case "d":
		return 24 * time.Hour, true
	case "w":
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}

// Size is a number of bytes that users write as `10MiB`, `10MB`, or as a plain number. Never negative.
type Size int64

// UnmarshalText parses text. KiB and Ki are 1024 bytes, KB and K 1000; case does not matter.
func (z *Size) UnmarshalText(text []byte) error {
	number, unit, rest := splitUnit(strings.TrimSpace(string(text)))
	if rest != "" {
		return errSize
	}
	n, err := parseDecimal(number)
	if err != nil {
		return errSize
	}
	factor, ok := sizeUnit(strings.ToLower(strings.TrimSpace(unit)))
	if !ok {
		return errSize
	}
	v, ok := scale(n, factor)
	if !ok {
		return errSize
	}
	*z = Size(v)
	return nil
}

// String returns z in the largest unit that gives a whole number.
func (z Size) String() string {
	if z == 0 {
		return "0"
	}
	for _, unit := range []string{"TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "KB"} {
		if factor, _ := sizeUnit(strings.ToLower(unit)); int64(z)%factor == 0 {
			return strconv.FormatInt(int64(z)/factor, 10) + unit
		}
	}
	return strconv.FormatInt(int64(z), 10)
}

// MarshalText is String.
func (z Size) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

func sizeUnit(unit string) (int64, bool) {
	switch unit {
	case "", "b":
		return 1, true
	case "k", "kb":
		return 1e3, true
	case "m", "mb":
		return 1e6, true
	case "g", "gb":
		return 1e9, true
	case "t", "tb":
		return 1e12, true
	case "ki", "kib":
		return 1 << 10, true
	case "mi", "mib":
		return 1 << 20, true
	case "gi", "gib":
		return 1 << 30, true
	case "ti", "tib":
		return 1 << 40, true
	}
	return 0, false
}

// Rate is a number of calls per time that users write as `100/s`, `6000/m`, `5/h`, `1/d`, or as a number per second.
// The zero Rate is no limit.
type Rate struct {
	Count float64
	Per   time.Duration
}

// PerSecond returns the rate in calls per second; 0 is no limit.
func (r Rate) PerSecond() float64 {
	if r.Count == 0 {
		return 0
	}
	return r.Count / r.Per.Seconds()
}

// UnmarshalText parses text. 0, with or without a unit, is the zero Rate.
func (r *Rate) UnmarshalText(text []byte) error {
	number, unit, found := strings.Cut(strings.TrimSpace(string(text)), "/")
	n, err := parseDecimal(strings.TrimSpace(number))
	if err != nil {
		return errRate
	}
	per := time.Second
	if found {
		var ok bool
		if per, ok = rateUnit(strings.ToLower(strings.TrimSpace(unit))); !ok {
			return errRate
		}
	}
	if n == 0 {
		*r = Rate{}
		return nil
	}
	*r = Rate{Count: n, Per: per}
	return nil
}

// String returns text that parses to r.
func (r Rate) String() string {
	if r.Count == 0 {
		return "0"
	}
	unit := "/s"
	switch r.Per {
	case time.Minute:
		unit = "/m"
	case time.Hour:
		unit = "/h"
	case 24 * time.Hour:
		unit = "/d"
	}
	return strconv.FormatFloat(r.Count, 'f', -1, 64) + unit
}

// MarshalText is String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func rateUnit(unit string) (time.Duration, bool) {
	switch unit {
	case "s", "sec", "second":
		return time.Second, true
	case "m", "min", "minute":
		return time.Minute, true
	case "h", "hour":
		return time.Hour, true
	case "d", "day":
		return 24 * time.Hour, true
	}
	return 0, false
}

// splitUnit cuts s into its leading number, the unit that follows, and what comes after that unit.
func splitUnit(s string) (number, unit, rest string) {
	isNumber := func(c rune) bool { return c >= '0' && c <= '9' || c == '.' }
	i := strings.IndexFunc(s, func(c rune) bool { return !isNumber(c) })
	if i < 0 {
		return s, "", ""
	}
	j := strings.IndexFunc(s[i:], isNumber)
	if j < 0 {
		return s[:i], s[i:], ""
	}
	return s[:i], s[i : i+j], s[i+j:]
}

// parseDecimal parses digits with at most one point: no sign, no exponent, no NaN or infinity, at most 18 digits.
func parseDecimal(s string) (float64, error) {
	digits := 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c != '.':
			return 0, strconv.ErrSyntax
		}
	}
	if digits == 0 || digits > 18 {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

// scale returns n times unit, rounded to the nearest whole number, or false when that does not fit.
func scale(n float64, unit int64) (int64, bool) {
	v := math.Round(n * float64(unit))
	if v >= math.MaxInt64 {
		return 0, false
	}
	return int64(v), true
}
