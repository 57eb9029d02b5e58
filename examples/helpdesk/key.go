package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/livedesk/livedesk-go/livedesk"
)

const keyBytes = 32

// sealerFor returns the sealer of the credentials in a database. Its key lies beside it in a file that only its owner
// may read: whoever copies the database alone has no credentials. A host with a key service implements livedesk.Sealer.
func sealerFor(store string) (livedesk.Sealer, error) {
	path := store + ".key"
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(store, path)
	}
	if err != nil {
		return nil, fmt.Errorf("key of the credentials: %w", err)
	}
	if err := checkKey(path, key); err != nil {
		return nil, err
	}
	return livedesk.NewKeyRing(key)
}

// makeKey makes the key of a new database. One for a database that has another key already would lock its credentials
// away.
func makeKey(store, path string) ([]byte, error) {
	if _, err := os.Stat(store); err == nil {
		return nil, fmt.Errorf("%s is missing, without which the credentials in %s can't be read; put it back, or begin with a new -store", path, store)
	}
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(key)
	return key, errors.Join(err, f.Sync(), f.Close())
}

func checkKey(path string, key []byte) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s may be read by others (mode %04o); chmod 600 it", path, info.Mode().Perm())
	case len(key) != keyBytes:
		return fmt.Errorf("%s is not a key: it must hold %d bytes", path, keyBytes)
	}
	return nil
}
