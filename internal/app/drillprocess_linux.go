package app

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"unsafe"
)

// endWithParent has the system end the process when the thread that starts it is gone.
func endWithParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// The idle class of the disk, as ioprio_set(2) has it.
const (
	ioprioProcess = 1
	ioprioIdle    = 3 << 13
)

// schedIdle is SCHED_IDLE of sched(7). A thread of it gives the processor up the moment that any
// other wakes; one of nice 19 alone ends its turn first, some milliseconds, and a purchase wakes
// the shop dozens of times.
const schedIdle = 5

// lower gives this process the processor, the disk and memory when nobody else wants them. Both belong
// to threads: those that are there are lowered, and later ones take it from them.
func lower() {
	os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o600) // where memory ends, this process goes first
	for range 3 {                                                   // one may begin while they are listed
		es, err := os.ReadDir("/proc/self/task")
		if err != nil {
			syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19)
			return
		}
		for _, e := range es {
			if id, err := strconv.Atoi(e.Name()); err == nil {
				syscall.Setpriority(syscall.PRIO_PROCESS, id, 19)
				syscall.Syscall(syscall.SYS_SCHED_SETSCHEDULER, uintptr(id), schedIdle, uintptr(unsafe.Pointer(&struct{ priority int32 }{})))
				syscall.Syscall(syscall.SYS_IOPRIO_SET, ioprioProcess, uintptr(id), ioprioIdle)
			}
		}
	}
}
