package bandwidth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// maxDepth is how deep a callback may nest; Bandwidth's deepest is 7.
const maxDepth = 24

// manyNames is from where on names of one object are compared by a map and no longer one by one.
const manyNames = 16

// rawEvent is an element of a callback's array, as it is on the wire.
type rawEvent struct {
	body []byte
	err  error // why nobody may read it
}

// events cuts a callback into its events. encoding/json alone takes the last of two equal names and any case of one,
// so that two readers may see two different events; here a name counts once and as it is written, and an event where
// it comes twice is read by nobody. It spoils no other.
func events(body []byte) ([]rawEvent, error) {
	if !json.Valid(body) { // a byte order mark, a second document, anything behind the first
		return nil, fmt.Errorf("%w: not one JSON document", channel.ErrMalformed)
	}
	body = bytes.Trim(body, " \t\r\n")
	if body[0] != '[' {
		return nil, fmt.Errorf("%w: not an array", channel.ErrMalformed)
	}
	var out []rawEvent
	for e := range elements(body) {
		if len(out) == maxEvents {
			return nil, channel.ErrTooLarge
		}
		out = append(out, rawEvent{body: e})
	}
	var s strictScan
	for i := range out {
		out[i].err = s.scan(out[i].body)
		if errors.Is(out[i].err, errDepth) { // whoever sends that is no carrier
			return nil, fmt.Errorf("%w: %w", channel.ErrMalformed, errDepth)
		}
	}
	return out, nil
}

// The functions below read JSON that [json.Valid] has accepted, and rely on it: they never look for an error.

// end returns the index behind the value that begins at i.
func end(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\r', '\n':
			i++
		default:
			i = scalarEnd(b, i)
		}
		if depth == 0 {
			return i
		}
	}
}

func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func scalarEnd(b []byte, i int) int {
	for i < len(b) && !between(b[i]) && b[i] != ']' && b[i] != '}' {
		i++
	}
	return i
}

// next returns the index of the first byte at or behind i that is no blank and neither a comma nor a colon.
func next(b []byte, i int) int {
	for between(b[i]) {
		i++
	}
	return i
}

func between(c byte) bool {
	switch c {
	case ',', ':', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// elements yields the elements of an array; nothing for any other value.
func elements(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(b) == 0 || b[0] != '[' {
			return
		}
		for i := next(b, 1); b[i] != ']'; {
			e := end(b, i)
			if !yield(b[i:e]) {
				return
			}
			i = next(b, e)
		}
	}
}

// members yields the names, quotes included, and values of an object; nothing for any other value.
func members(b []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		if len(b) == 0 || b[0] != '{' {
			return
		}
		for i := next(b, 1); b[i] != '}'; {
			n := end(b, i)
			v := next(b, n)
			e := end(b, v)
			if !yield(b[i:n], b[v:e]) {
				return
			}
			i = next(b, e)
		}
	}
}

var (
	errDepth = errors.New("nested too deep")
	errTwice = errors.New("a name comes twice in one object")
)

// strictScan looks through an event once for what the grammar allows and we don't: deep nesting and repeated names.
type strictScan struct {
	b     []byte
	i     int
	names [][]byte // of all open objects, the innermost last
}

func (s *strictScan) scan(b []byte) error {
	s.b, s.i, s.names = b, 0, s.names[:0]
	return s.value(2) // the array is the first
}

func (s *strictScan) value(depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	switch s.b[s.i] {
	case '{':
		return s.object(depth)
	case '[':
		return s.array(depth)
	}
	s.i = end(s.b, s.i)
	return nil
}

func (s *strictScan) array(depth int) error {
	for s.i = next(s.b, s.i+1); s.b[s.i] != ']'; s.i = next(s.b, s.i) {
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	s.i++
	return nil
}

func (s *strictScan) object(depth int) error {
	base := len(s.names)
	var seen map[string]struct{}
	for s.i = next(s.b, s.i+1); s.b[s.i] != '}'; s.i = next(s.b, s.i) {
		e := end(s.b, s.i)
		name := plain(s.b[s.i:e])
		if seen = widen(seen, s.names[base:]); twice(seen, s.names[base:], name) {
			return errTwice
		}
		if seen != nil {
			seen[string(name)] = struct{}{}
		} else {
			s.names = append(s.names, name)
		}
		s.i = next(s.b, e)
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	s.i++
	s.names = s.names[:base]
	return nil
}

// widen turns a long list of names into a set, so that an object of 50,000 names costs no 50,000 squared.
func widen(seen map[string]struct{}, names [][]byte) map[string]struct{} {
	if seen != nil || len(names) < manyNames {
		return seen
	}
	seen = make(map[string]struct{}, 2*manyNames)
	for _, n := range names {
		seen[string(n)] = struct{}{}
	}
	return seen
}

func twice(seen map[string]struct{}, names [][]byte, name []byte) bool {
	if seen != nil {
		_, ok := seen[string(name)]
		return ok
	}
	for _, n := range names {
		if bytes.Equal(n, name) {
			return true
		}
	}
	return false
}

// plain returns what a quoted string says. It allocates only for one with escapes or with bytes that are no UTF-8.
func plain(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // valid JSON: lone surrogates and ill-formed bytes become U+FFFD
	return []byte(s)
}

// object holds the members of one object, in their order: there are a dozen, for which a search beats a map.
type object []member

type member struct{ name, value []byte }

// read returns the members of b; nil when b is no object.
func read(b []byte) object {
	if len(b) == 0 || b[0] != '{' {
		return nil
	}
	o := make(object, 0, 14)
	for name, value := range members(b) {
		o = append(o, member{plain(name), value})
	}
	return o
}

// value returns the value of that name; nil when it is absent or null.
func (o object) value(name string) []byte {
	for i := range o {
		if string(o[i].name) == name && o[i].value[0] != 'n' {
			return o[i].value
		}
	}
	return nil
}

// text returns the string of that name; ok is false when there is another kind of value. Absent and null are "".
func (o object) text(name string) (s string, ok bool) {
	v := o.value(name)
	if v == nil {
		return "", true
	}
	return str(v)
}

// texts returns the array of strings of that name, under the same rules.
func (o object) texts(name string) (list []string, ok bool) {
	v := o.value(name)
	if v == nil {
		return nil, true
	}
	if v[0] != '[' {
		return nil, false
	}
	for e := range elements(v) {
		s, ok := str(e)
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// count returns the whole number of that name; 0 when there is none that makes sense.
func (o object) count(name string) int {
	n, err := strconv.Atoi(string(o.value(name)))
	if err != nil || n < 0 || n > math.MaxInt16 {
		return 0
	}
	return n
}

func str(b []byte) (string, bool) {
	if b[0] != '"' {
		return "", false
	}
	return string(plain(b)), true
}
