package sqlitestore

import (
	"fmt"
	"syscall"
)

// networkFileSystems are those whose locks and shared memory don't hold between machines, by the magic number of
// statfs(2). SQLite may take them for fine and damage the file later (https://sqlite.org/wal.html, 1: "All processes
// using a database must be on the same host computer; WAL does not work over a network filesystem").
var networkFileSystems = map[uint32]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB2",
	0x564c:     "NCP",
	0x5346414f: "AFS",
	0x73757245: "Coda",
	0x00c36400: "Ceph",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
}

// checkFileSystem refuses a path on a network file system.
func checkFileSystem(path string) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return nil // SQLite will say what is wrong
	}
	return checkMagic(uint32(st.Type))
}

func checkMagic(magic uint32) error {
	if name := networkFileSystems[magic]; name != "" {
		return fmt.Errorf("is on a network file system (%s), where SQLite can't keep it whole; use a local disk", name)
	}
	return nil
}
