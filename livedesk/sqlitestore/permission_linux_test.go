package sqlitestore_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/livedesk/sqlitestore"
)

// F124: files and directories that may not be read or written. Root may do everything, so the thread that opens becomes
// nobody for the file system; it isn't used for anything else afterwards.
func TestOpenWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	for p := dir; p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
		require.NoError(t, os.Chmod(p, 0o755))
	}
	readOnly := filepath.Join(dir, "read-only.db")
	s, err := sqlitestore.Open(t.Context(), readOnly, sqlitestore.Config{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(readOnly, 0o444))
	secret := filepath.Join(dir, "secret.db")
	require.NoError(t, os.WriteFile(secret, nil, 0o000))

	for path, want := range map[string]string{
		readOnly:                     "may not be",
		secret:                       "may not be",
		filepath.Join(dir, "new.db"): "permission denied",
	} {
		errs := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if os.Geteuid() == 0 {
				if err := syscall.Setfsuid(65534); err != nil {
					errs <- err
					return
				}
			}
			_, err := sqlitestore.Open(t.Context(), path, sqlitestore.Config{})
			errs <- err
		}()
		require.ErrorContains(t, <-errs, want, path)
	}
}

func TestNetworkFileSystem(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, sqlitestore.CheckMagic(0x6969), "network file system (NFS)")
	require.NoError(t, sqlitestore.CheckMagic(0xef53), "ext4")
}
