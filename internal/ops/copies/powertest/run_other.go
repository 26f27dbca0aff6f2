//go:build !linux

package powertest

import "testing"

// Main is for systems with FUSE.
func Main() {}

// Inside tells whether this process is one where Mount works: none.
func Inside() bool { return false }

// Run says that nothing was shown.
func Run(t *testing.T) { t.Log("NOT RUN: no disk that forgets can be mounted here") }

// Disk is a mounted disk.
type Disk struct{}

// Mount has nothing to mount.
func Mount(t *testing.T) *Disk { t.Fatal("no disk"); return nil }

// Dir is a new folder on the disk.
func (d *Disk) Dir(t *testing.T) string { return t.TempDir() }

// Cut is the folder that would be found after a loss of power.
func (d *Disk) Cut(t *testing.T, _ string, _ int64) string { return t.TempDir() }

// Kill is the folder that would be found after the process was killed.
func (d *Disk) Kill(t *testing.T, _ string) string { return t.TempDir() }
