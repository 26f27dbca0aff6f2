package app

import "syscall"

// lower gives this process the processor and the disk when nobody else wants them.
func lower() {
	const background = 0x00100000 // PROCESS_MODE_BACKGROUND_BEGIN
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return
	}
	syscall.NewLazyDLL("kernel32.dll").NewProc("SetPriorityClass").Call(uintptr(self), background)
}
