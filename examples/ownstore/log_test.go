package ownstore_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/examples/ownstore"
	"github.com/livedesk/livedesk-go/livedesk"
)

// takeIn takes a key in, and reports whether it was new.
func takeIn(ctx context.Context, s livedesk.Store, n int, key string) (fresh bool, err error) {
	err = s.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		list, err := tx.TakeIn(ctx, []livedesk.Arrival{{Workspace: "main", Channel: "ch", Key: key, Address: address(n)}})
		fresh = err == nil && list[0].New
		return err
	})
	return fresh, err
}

func address(n int) channel.Address { return channel.Address(fmt.Sprintf("+1415555%04d", n)) }

// contacts returns how many of the first n contacts there are; those must be the first ones.
func contacts(t *testing.T, s livedesk.Store, n int) (found int) {
	t.Helper()
	var keys []livedesk.ThreadKey
	for i := range n {
		keys = append(keys, livedesk.ThreadKey{Workspace: "main", Channel: "ch", Address: address(i)})
	}
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx livedesk.ReadTx) error {
		rows, err := tx.Threads(ctx, keys)
		for i, l := range rows {
			if l.Contact.ID != "" {
				require.Equal(t, i, found, "a transaction before the last one is missing")
				found++
			}
		}
		return err
	}))
	return found
}

// written is a log of n transactions, and where each of them ends.
func written(t *testing.T, n int) (data []byte, ends []int) {
	t.Helper()
	path := logPath(t)
	s := open(t, path, newClock().Now)
	for i := range n {
		_, err := takeIn(t.Context(), s, i, fmt.Sprint("key ", i))
		require.NoError(t, err)
		data, err = os.ReadFile(path)
		require.NoError(t, err)
		ends = append(ends, len(data))
	}
	return data, ends
}

// reopen opens a log of these bytes.
func reopen(t *testing.T, data []byte) (s *ownstore.Store, path string, err error) {
	t.Helper()
	path = logPath(t)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s, err = ownstore.Open(path, newClock().Now)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	return s, path, err
}

// A crash can end the last record at any byte, and the file system may leave zeros where the rest should be.
func TestTornRecordIsCutOff(t *testing.T) {
	t.Parallel()
	data, ends := written(t, 3)
	for cut := ends[1]; cut < ends[2]; cut++ {
		for _, tail := range [][]byte{nil, make([]byte, ends[2]-cut), make([]byte, 4096)} {
			torn := append(append([]byte{}, data[:cut]...), tail...)
			s, path, err := reopen(t, torn)
			require.NoError(t, err, "cut at %d", cut)
			require.Equal(t, 2, contacts(t, s, 3), "cut at %d", cut)
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.EqualValues(t, ends[1], info.Size())
		}
	}
	s, path, err := reopen(t, data[:ends[2]-1])
	require.NoError(t, err)
	fresh, err := takeIn(t.Context(), s, 2, "key 2") // goes on behind the cut
	require.NoError(t, err)
	require.True(t, fresh, "the torn transaction never was")
	require.NoError(t, s.Close())
	require.Equal(t, 3, contacts(t, open(t, path, nil), 3))
}

// A byte that turned before the last record must not cost the records behind it without anybody noticing.
func TestDamageIsRefused(t *testing.T) {
	t.Parallel()
	data, ends := written(t, 3)
	for at := range ends[1] {
		spoilt := append([]byte{}, data...)
		spoilt[at] ^= 0x20
		_, path, err := reopen(t, spoilt)
		require.ErrorIs(t, err, ownstore.ErrDamaged, "byte %d", at)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, spoilt, left, "the log is left as it is")
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "a diary\nthat is no log\n", `{"json": true}` + "\n"} {
		_, path, err := reopen(t, []byte(text))
		require.ErrorIs(t, err, ownstore.ErrDamaged)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(left))
	}
}

// When the disk refuses a record, the transaction isn't kept, and nothing is written behind what may be half a record.
func TestNothingIsWrittenAfterTheDiskFailed(t *testing.T) {
	t.Parallel()
	path := logPath(t)
	s, err := ownstore.Open(path, nil)
	require.NoError(t, err)
	_, err = takeIn(t.Context(), s, 0, "kept")
	require.NoError(t, err)
	mend := s.BreakDisk(t)
	_, err = takeIn(t.Context(), s, 1, "refused")
	require.ErrorIs(t, err, ownstore.ErrNotWritable)
	mend()
	_, err = takeIn(t.Context(), s, 2, "behind it")
	require.ErrorIs(t, err, ownstore.ErrNotWritable)
	require.Equal(t, 1, contacts(t, s, 3), "Views go on, with what was committed")
	require.NoError(t, s.Close())
	require.Equal(t, 1, contacts(t, open(t, path, nil), 3))
}
