//go:build !unix

package main

import "os"

// restartSignals: none here; a restart is a stop and a start.
var restartSignals []os.Signal
