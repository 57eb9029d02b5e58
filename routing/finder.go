package routing

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// finder finds any number of words in one pass over a folded text, in time that grows with the text only (A. Aho and
// M. Corasick, "Efficient string matching", 1975). The zero value finds nothing.
type finder struct {
	states []state
	labels []byte // the edges of all states, those of one state together
	nexts  []int32
	first  [256]int32 // the root's edges; 0 leads back to it
	words  []word     // those that end in one state together
}

// state is a node of the tree of all words: what was read last is one's beginning.
type state struct {
	edges  uint32 // where they begin
	words  uint32
	degree uint16 // how many edges
	ends   uint16 // how many words end here
	depth  uint16 // bytes from the root
	fail   int32  // the longest end of this that begins a word too
	suffix int32  // the longest end of this that is a word; 0 for none
}

// word is a text that is looked for in one way.
type word struct {
	id     int32
	mode   wordMode
	leaves []int32 // that hold where it is found
	// A keyword that begins or ends with a letter or digit mustn't touch another one there.
	startsWithLetter, endsWithLetter bool
}

// wordMode says where a word counts.
type wordMode uint8

const (
	anywhere wordMode = iota
	atStart
	asWhole
	asKeyword
)

// counts reports whether a word at text[from:to] counts.
func (w *word) counts(text []byte, from, to int) bool {
	switch w.mode {
	case atStart:
		return from == 0
	case asWhole:
		return from == 0 && to == len(text)
	case asKeyword:
		return !(w.startsWithLetter && letterBefore(text[:from])) && !(w.endsWithLetter && letterAfter(text[to:]))
	}
	return true
}

func letterBefore(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	r, _ := utf8.DecodeLastRune(text)
	return partOfWord(r)
}

func letterAfter(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	r, _ := utf8.DecodeRune(text)
	return partOfWord(r)
}

// partOfWord reports whether a character is a letter, a digit, or a mark that belongs to one.
func partOfWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.M)
}

// next returns the state after one more byte.
func (f *finder) next(s int32, c byte) int32 {
	for s != 0 {
		st := &f.states[s]
		edges := f.labels[st.edges : st.edges+uint32(st.degree)]
		if i := bytes.IndexByte(edges, c); i >= 0 {
			return f.nexts[st.edges+uint32(i)]
		}
		s = st.fail
	}
	return f.first[c]
}

// finderBuilder collects words into a tree.
type finderBuilder struct {
	nodes []treeNode
	ids   map[wordKey]int32
}

type treeNode struct {
	kids  []treeEdge
	words []word
}

type treeEdge struct {
	label byte
	node  int32
}

type wordKey struct {
	text string
	mode wordMode
}

func newFinderBuilder() *finderBuilder {
	return &finderBuilder{nodes: make([]treeNode, 1), ids: map[wordKey]int32{}}
}

// add makes a folded word be looked for and returns its id. leaves hold where it is found.
func (b *finderBuilder) add(text string, mode wordMode, leaves ...int32) int32 {
	node := &b.nodes[b.node(text)]
	key := wordKey{text, mode}
	id, known := b.ids[key]
	if !known {
		id = int32(len(b.ids))
		b.ids[key] = id
		node.words = append(node.words, word{
			id: id, mode: mode, startsWithLetter: letterAfter([]byte(text)), endsWithLetter: letterBefore([]byte(text)),
		})
	}
	i := slices.IndexFunc(node.words, func(w word) bool { return w.id == id })
	node.words[i].leaves = append(node.words[i].leaves, leaves...)
	return id
}

// node returns where text ends in the tree, and grows it as far as needed.
func (b *finderBuilder) node(text string) int32 {
	at := int32(0)
	for _, c := range []byte(text) {
		i := slices.IndexFunc(b.nodes[at].kids, func(e treeEdge) bool { return e.label == c })
		if i < 0 {
			i = len(b.nodes[at].kids)
			b.nodes[at].kids = append(b.nodes[at].kids, treeEdge{c, int32(len(b.nodes))})
			b.nodes = append(b.nodes, treeNode{})
		}
		at = b.nodes[at].kids[i].node
	}
	return at
}

// build lays the tree out level by level, so that a state's fail and suffix, which are nearer to the root, are complete
// when they are asked.
func (b *finderBuilder) build() *finder {
	f := &finder{states: make([]state, 1, len(b.nodes))}
	queue := make([]int32, 1, len(b.nodes)) // the node of each state
	for s := 0; s < len(queue); s++ {
		node := &b.nodes[queue[s]]
		st := &f.states[s]
		st.edges, st.degree = uint32(len(f.labels)), uint16(len(node.kids))
		st.words, st.ends = uint32(len(f.words)), uint16(len(node.words))
		if st.suffix = st.fail; f.states[st.fail].ends == 0 {
			st.suffix = f.states[st.fail].suffix
		}
		f.words = append(f.words, node.words...)
		depth, fail := st.depth, st.fail
		for _, e := range node.kids {
			kid := state{depth: depth + 1}
			if s > 0 {
				kid.fail = f.next(fail, e.label)
			} else {
				f.first[e.label] = int32(len(queue))
			}
			f.labels, f.nexts = append(f.labels, e.label), append(f.nexts, int32(len(queue)))
			f.states, queue = append(f.states, kid), append(queue, e.node)
		}
	}
	return f
}
