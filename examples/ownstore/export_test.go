package ownstore

import (
	"os"
	"syscall"
	"testing"
)

// BreakDisk lets writes fail until the function that it returns is called.
func (s *Store) BreakDisk(t *testing.T) (mend func()) {
	t.Helper()
	whole := s.file
	broken, err := os.Open(whole.Name()) // for reading only
	if err != nil {
		t.Fatal(err)
	}
	s.file = broken
	return func() {
		s.file = whole
		if err := broken.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Path is where the log is.
func (s *Store) Path() string { return s.file.Name() }

// ErrNotWritable is what a write to such a file answers.
const ErrNotWritable = syscall.EBADF
