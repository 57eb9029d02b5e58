package memstore

import "strings"

// tree is an ordered map from string to V whose nodes are never changed once they are reachable: put and del make
// new nodes along one path and leave the old tree as it was. A copy of a tree is therefore a snapshot, and giving up
// a transaction means forgetting its copy.
//
// It is a weight-balanced tree (Adams; the parameters are those proven by Hirai and Yamamoto, J. Funct. Program.
// 21(3), 2011). Each operation takes O(log n); sizes in the nodes make counting a range O(log n) too.
type tree[V any] struct{ root *node[V] }

type node[V any] struct {
	left, right *node[V]
	key         string
	value       V
	size        int
}

// A subtree may weigh at most delta times its sibling; ratio decides between a single and a double rotation.
const (
	delta = 3
	ratio = 2
)

func (t tree[V]) get(key string) (V, bool) {
	n := t.root
	for n != nil {
		switch c := strings.Compare(key, n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n.value, true
		}
	}
	var zero V
	return zero, false
}

func (t tree[V]) has(key string) bool {
	_, ok := t.get(key)
	return ok
}

func (t *tree[V]) put(key string, value V) { t.root = insert(t.root, key, value) }

func (t *tree[V]) del(key string) {
	if t.has(key) {
		t.root = remove(t.root, key)
	}
}

// count returns how many keys k hold lo <= k < hi.
func (t tree[V]) count(lo, hi string) int { return max(0, t.rank(hi)-t.rank(lo)) }

// rank returns how many keys are less than key.
func (t tree[V]) rank(key string) int {
	less := 0
	for n := t.root; n != nil; {
		if n.key < key {
			less += size(n.left) + 1
			n = n.right
		} else {
			n = n.left
		}
	}
	return less
}

// at returns the key with i smaller ones before it; i must be within the tree.
func (t tree[V]) at(i int) string {
	n := t.root
	for {
		switch l := size(n.left); {
		case i < l:
			n = n.left
		case i > l:
			i -= l + 1
			n = n.right
		default:
			return n.key
		}
	}
}

// first returns the smallest key k with lo <= k < hi, and its value.
func (t tree[V]) first(lo, hi string) (string, V, bool) {
	c := t.seek(lo, hi)
	return c.next()
}

// cursor walks a range of a tree in ascending order. It holds the tree as it was, whatever is put meanwhile.
type cursor[V any] struct {
	stack []*node[V]
	hi    string
}

// seek returns a cursor over the keys k with lo <= k < hi.
func (t tree[V]) seek(lo, hi string) cursor[V] {
	c := cursor[V]{hi: hi}
	for n := t.root; n != nil; {
		if n.key >= lo {
			c.stack = append(c.stack, n)
			n = n.left
		} else {
			n = n.right
		}
	}
	return c
}

func (c *cursor[V]) next() (string, V, bool) {
	if len(c.stack) == 0 {
		var zero V
		return "", zero, false
	}
	top := c.stack[len(c.stack)-1]
	if top.key >= c.hi {
		c.stack = nil
		var zero V
		return "", zero, false
	}
	c.stack = c.stack[:len(c.stack)-1]
	for n := top.right; n != nil; n = n.left {
		c.stack = append(c.stack, n)
	}
	return top.key, top.value, true
}

func size[V any](n *node[V]) int {
	if n == nil {
		return 0
	}
	return n.size
}

func insert[V any](n *node[V], key string, value V) *node[V] {
	if n == nil {
		return &node[V]{key: key, value: value, size: 1}
	}
	switch c := strings.Compare(key, n.key); {
	case c < 0:
		return balance(n, insert(n.left, key, value), n.right)
	case c > 0:
		return balance(n, n.left, insert(n.right, key, value))
	}
	return &node[V]{left: n.left, right: n.right, key: key, value: value, size: n.size}
}

func remove[V any](n *node[V], key string) *node[V] {
	switch c := strings.Compare(key, n.key); {
	case c < 0:
		return balance(n, remove(n.left, key), n.right)
	case c > 0:
		return balance(n, n.left, remove(n.right, key))
	}
	return glue(n.left, n.right)
}

// glue joins the subtrees of a removed node.
func glue[V any](l, r *node[V]) *node[V] {
	if l == nil {
		return r
	}
	if r == nil {
		return l
	}
	if l.size > r.size {
		m := l
		for m.right != nil {
			m = m.right
		}
		return balance(m, remove(l, m.key), r)
	}
	m := r
	for m.left != nil {
		m = m.left
	}
	return balance(m, l, remove(r, m.key))
}

// balance returns a node with n's key and value over l and r, which differ from a balanced pair by one key at most.
func balance[V any](n, l, r *node[V]) *node[V] {
	ls, rs := size(l), size(r)
	switch {
	case ls+rs <= 1:
	case rs > delta*ls:
		if size(r.left) < ratio*size(r.right) {
			return join(r, join(n, l, r.left), r.right)
		}
		return join(r.left, join(n, l, r.left.left), join(r, r.left.right, r.right))
	case ls > delta*rs:
		if size(l.right) < ratio*size(l.left) {
			return join(l, l.left, join(n, l.right, r))
		}
		return join(l.right, join(l, l.left, l.right.left), join(n, l.right.right, r))
	}
	return join(n, l, r)
}

func join[V any](n, l, r *node[V]) *node[V] {
	return &node[V]{left: l, right: r, key: n.key, value: n.value, size: size(l) + size(r) + 1}
}
