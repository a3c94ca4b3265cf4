package app

import "testing"

func TestTheMemoryLimitOfTheContainerIsRead(t *testing.T) {
	for text, want := range map[string]int64{"max\n": 0, "134217728\n": 134217728 / 10 * 9, "": 0, "-1": 0} {
		if got := softLimit(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
