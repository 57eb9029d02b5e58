package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// meter reads what /proc says of this process and of the PostgreSQL server's, if that runs on this machine. Where there
// is no /proc everything is 0, which the report leaves out.
type meter struct{ postmaster int }

// newMeter finds the server's first process by one of its connections'.
func newMeter(backend int) meter {
	if backend == 0 {
		return meter{}
	}
	p, ok := readProcess(strconv.Itoa(backend))
	if !ok || p.name != "postgres" { // another machine's, or another container's
		return meter{}
	}
	return meter{postmaster: p.parent}
}

// process is a line of /proc/PID/stat.
type process struct {
	name   string
	parent int
	cpu    time.Duration // user and system time, of all its threads
	reaped time.Duration // of its children that ended
}

func readProcess(pid string) (process, bool) {
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return process{}, false
	}
	// The name stands in parentheses and may hold anything; what follows is counted from the last one.
	line := string(raw)
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return process{}, false
	}
	field := strings.Fields(line[end+1:])
	if len(field) < 15 {
		return process{}, false
	}
	number := func(i int) int { n, _ := strconv.Atoi(field[i]); return n }
	return process{
		name: line[open+1 : end], parent: number(1),
		cpu: time.Duration(number(11)+number(12)) * tick, reaped: time.Duration(number(13)+number(14)) * tick,
	}, true
}

// cpu returns the processor time that this process has used.
func (m meter) cpu() time.Duration {
	p, _ := readProcess("self")
	return p.cpu
}

// serverCPU returns the processor time that all processes of the PostgreSQL server have used, the other databases' of
// the same server among them.
func (m meter) serverCPU() time.Duration {
	if m.postmaster == 0 {
		return 0
	}
	first, _ := readProcess(strconv.Itoa(m.postmaster))
	sum := first.cpu + first.reaped
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		if p, ok := readProcess(e.Name()); ok && p.parent == m.postmaster {
			sum += p.cpu
		}
	}
	return sum
}

// memory returns the bytes of this process that are in memory.
func (m meter) memory() int64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}
