package sqlitestore

import "unicode/utf8"

// scope is where a key is looked for: in a workspace, and there on a channel or in a conversation.
type scope struct{ workspace, within string }

// batch is the keys of one scope. One statement looks all of them up, which costs a fraction of a statement for each.
type batch struct {
	keys   []string
	places []int // in the answer, of each key
}

// batches has keys by their scope.
type batches map[scope]*batch

// add notes a key and where in the answer its row belongs. A key that isn't UTF-8 is nobody's.
func (b batches) add(s scope, key string, place int) {
	if !utf8.ValidString(key) {
		return
	}
	if b[s] == nil {
		b[s] = &batch{}
	}
	b[s].keys, b[s].places = append(b[s].keys, key), append(b[s].places, place)
}

// lookUp runs a statement whose first argument is the keys of a batch, as a JSON array, and whose first column is the
// number of the key. It hands over each row that it finds, with its place.
func lookUp[T any](r *reader, b *batch, scan scanner[T], found func(place int, row T), text string, args ...any) error {
	return r.some(func(c *cells) bool {
		key := c.int()
		found(b.places[key], scan(c))
		return true
	}, text, append([]any{encode(b.keys)}, args...)...)
}
