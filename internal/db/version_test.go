package db

import "testing"

func TestTooOld(t *testing.T) {
	for v, want := range map[string]bool{"3.51.2": true, "3.51.3": false, "3.52.0": false, "4.0.0": false, "3.9.99": true, "2.99.99": true, "": true, "x": true, "3.51": true} {
		if tooOld(v) != want {
			t.Errorf("%q: %v", v, !want)
		}
	}
}
