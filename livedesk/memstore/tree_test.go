package memstore

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sane checks order, sizes and balance, and returns how many nodes there are.
func sane(t *testing.T, n *node[int], lo, hi string) int {
	t.Helper()
	if n == nil {
		return 0
	}
	require.True(t, lo == "" || n.key > lo)
	require.True(t, hi == "" || n.key < hi)
	l, r := sane(t, n.left, lo, n.key), sane(t, n.right, n.key, hi)
	require.Equal(t, l+r+1, n.size)
	if l+r > 1 {
		require.LessOrEqual(t, l, delta*r)
		require.LessOrEqual(t, r, delta*l)
	}
	return n.size
}

func contents(tr tree[int], lo, hi string) (keys []string) {
	for c := tr.seek(lo, hi); ; {
		k, _, found := c.next()
		if !found {
			return keys
		}
		keys = append(keys, k)
	}
}

// run plays puts and dels on a tree and on a map, and compares them. Each byte of script is an operation.
func run(t *testing.T, script []byte) {
	t.Helper()
	var tr, old tree[int]
	model := map[string]int{}
	var before []string
	for i, b := range script {
		k := string([]byte{'a' + b>>1&0x0f, 'a' + b>>5})
		if i == len(script)/2 {
			old, before = tr, slices.Sorted(maps.Keys(model))
		}
		if b&1 == 0 {
			tr.put(k, i)
			model[k] = i
		} else {
			tr.del(k)
			delete(model, k)
		}
	}
	keys := slices.Sorted(maps.Keys(model))
	require.Equal(t, len(keys), sane(t, tr.root, "", ""))
	require.Equal(t, keys, contents(tr, "", "~"))
	require.Equal(t, before, contents(old, "", "~"), "a copy stays what it was")
	for i, k := range keys {
		v, found := tr.get(k)
		require.True(t, found)
		require.Equal(t, model[k], v)
		require.Equal(t, i, tr.rank(k))
		require.Equal(t, k, tr.at(i))
		require.Equal(t, keys[i:], contents(tr, k, "~"))
		require.Equal(t, len(keys)-i-1, tr.count(k+nul, "~"))
	}
}

func FuzzTree(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5})
	f.Add([]byte(strings.Repeat("the quick brown fox jumps over the lazy dog", 20)))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) < 5000 {
			run(t, script)
		}
	})
}

func TestTreeStaysBalanced(t *testing.T) {
	t.Parallel()
	var tr tree[int]
	for i := range 4000 {
		tr.put(number(int64(i)), i)
	}
	require.Equal(t, 4000, sane(t, tr.root, "", ""))
	for i := range 3900 {
		tr.del(number(int64(i)))
	}
	require.Equal(t, 100, sane(t, tr.root, "", ""))
}

// Keys of different parts must be different and in the order of their parts, whatever the parts hold: a workspace that
// could be spelled so that its keys run into another's would break tenancy (I17).
func FuzzKey(f *testing.F) {
	f.Add("a", "bc", "ab", "c")
	f.Add("a", "", "", "a")
	f.Add("a\x00", "b", "a", "\x00b")
	f.Add("a\x00\x01", "b", "a", "\x01b")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		x, y := key(a, b), key(c, d)
		want := strings.Compare(a, c)
		if want == 0 {
			want = strings.Compare(b, d)
		}
		require.Equal(t, want, strings.Compare(x, y))
		prefix := key(c)
		require.Equal(t, a == c, x >= prefix && x < end(prefix), "the range of a part holds the keys that begin with it")
		require.Equal(t, strings.Compare(d, b), strings.Compare(backwards(b), backwards(d)))
	})
}

func TestTimesSortAsKeys(t *testing.T) {
	t.Parallel()
	times := []time.Time{
		{}, time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, -1000), time.Unix(0, 0), time.Unix(0, 1000),
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for i := range times[1:] {
		require.Less(t, instant(times[i]), instant(times[i+1]))
		require.Greater(t, newest(times[i]), newest(times[i+1]))
	}
}
