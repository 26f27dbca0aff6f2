// Package powertest is a disk that forgets: a file system (FUSE, in memory) that knows of
// each file and each folder what was synced and what was only written. A cut of the power
// leaves what was synced, and of the rest nothing, all, or some at random, as a real disk
// may. It is strict: a file's bytes last when the file was synced, a name (also one that a
// rename or a removal changed) when its folder was, a new folder when the one above was.
//
// The file system lives in a process of its own, since a Go program that waits for a page
// of a file which itself is to serve can stand still for ever. Both live in a mount
// namespace of their own, so that nothing is left behind whatever ends them:
//
//	func TestMain(m *testing.M) { powertest.Main(); os.Exit(m.Run()) }
//	func TestX(t *testing.T) {
//		if !powertest.Inside() {
//			powertest.Run(t) // this test again, where a disk can be mounted
//			return
//		}
//		disk := powertest.Mount(t)
//	}
package powertest
