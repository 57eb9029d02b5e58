package hours

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"
	_ "time/tzdata" // for machines without zone files

	"github.com/stretchr/testify/require"
)

var errNoFile = errors.New("no such file")

// TestHostWithoutZoneData is F111: a missing zone is an error and never UTC.
func TestHostWithoutZoneData(t *testing.T) {
	t.Parallel()
	none := func(string) (*time.Location, error) { return nil, errNoFile }
	table, err := Schedule{Zone: "Europe/Paris"}.compile(none, nil)
	require.Nil(t, table)
	require.ErrorIs(t, err, ErrZone)
	require.EqualError(t, err, "hours: zone: not a usable time zone: no zone data on this host, import time/tzdata")
}

func TestUnusableZones(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "Local", "localtime", "posixrules", "Factory", "right/Europe/Paris", "posix/Europe/Paris",
		"Europe/Pariss", "europe/paris/", "../zoneinfo/UTC", "/etc/localtime", "+02:00", " UTC", "Europe\x00Paris",
	} {
		table, err := Schedule{Zone: name}.Compile()
		require.Nil(t, table, "%q", name)
		require.ErrorIs(t, err, ErrZone, "%q", name)
	}
	for _, name := range []string{"UTC", "Etc/GMT-14", "Asia/Calcutta", "CET"} {
		_, err := Schedule{Zone: name}.Compile()
		require.NoError(t, err, name)
	}
}

// TestStretches walks zones over years with and without a table and checks each offset against package time.
func TestStretches(t *testing.T) {
	t.Parallel()
	from := time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	to := time.Date(2053, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for _, name := range []string{
		"UTC", "Europe/Paris", "Europe/Dublin", "America/New_York", "Africa/Casablanca", "Asia/Gaza", "America/Nuuk",
		"Antarctica/Troll", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo", "Asia/Kathmandu",
	} {
		loc, err := time.LoadLocation(name)
		require.NoError(t, err)
		for at := from; at < to; {
			offset, end := stretch(loc, at, to)
			require.Greater(t, end, at, "%s %d", name, at)
			for probe := at; probe < end; probe += 30 * 60 {
				if offsetAt(loc, probe) != offset {
					t.Fatalf("%s: %d is not in the stretch from %d to %d", name, probe, at, end)
				}
			}
			back, start := stretchBack(loc, end, from)
			require.Equal(t, offset, back)
			require.LessOrEqual(t, start, max(at, from), "%s %d", name, at)
			require.Equal(t, offset, offsetAt(loc, start))
			at = end
		}
	}
}

func TestFirstShowing(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	back := time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC).Unix() // 03:00 becomes 02:00
	require.Equal(t, back-1, firstShowing(paris, back-1))
	require.Equal(t, back-3600, firstShowing(paris, back))
	require.Equal(t, back-1, firstShowing(paris, back+3599))
	require.Equal(t, back+3600, firstShowing(paris, back+3600))
	forth := time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC).Unix()
	require.Equal(t, forth, firstShowing(paris, forth))
}

// zoneWithOneChange returns a zone that leaves one offset for another at an instant and then follows a POSIX rule, in
// the format of RFC 9636.
func zoneWithOneChange(t *testing.T, at int64, before, after int32, rule string) *time.Location {
	t.Helper()
	header := func(counts ...uint32) []byte {
		b := append([]byte("TZif2"), make([]byte, 15)...)
		for _, n := range counts {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	data := header(0, 0, 0, 0, 1, 1)          // the 32-bit block, which readers skip
	data = append(data, make([]byte, 6+1)...) // one type, one byte of names
	data = append(data, header(0, 0, 0, 1, 2, 4)...)
	data = binary.BigEndian.AppendUint64(data, uint64(at))
	data = append(data, 1)
	for _, offset := range []int32{before, after} {
		data = binary.BigEndian.AppendUint32(data, uint32(offset))
		data = append(data, 0, 0) // not summer time, name at 0
	}
	data = append(data, "XXX\x00\n"+rule+"\n"...)
	loc, err := time.LoadLocationFromTZData("Test/Zone", data)
	require.NoError(t, err)
	return loc
}

// TestChangeOutsideTheRule has clocks go back in February by decree: after it ZoneBounds names New Year as the start.
func TestChangeOutsideTheRule(t *testing.T) {
	t.Parallel()
	change := time.Date(2026, 2, 10, 8, 0, 0, 0, time.UTC).Unix()
	loc := zoneWithOneChange(t, change, -4*3600, -5*3600, "EST5EDT,M3.2.0,M11.1.0")
	offset, start := stretchBack(loc, change+600, change-60*daySeconds)
	require.Equal(t, int64(-5*3600), offset)
	require.Equal(t, change, start)
	require.Equal(t, change-3000, firstShowing(loc, change+600))
}
