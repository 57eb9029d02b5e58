package routing

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Rules is a set of rules in the form that is walked: a [Router] whose first rule that holds decides. It never changes
// and is safe for concurrent use. A nil *Rules has no rules and passes.
//
// Whoever edits rules compiles a new set: each decision then uses one version, which it names.
type Rules struct {
	version string
	list    []compiled // in the order of the walk, also those that aren't looked at
	entry   []int32    // where each rule's tests begin
	tests   []test
	index   index
	asks    []Target

	// Sets of rules by their place in list.
	everywhere bits            // those that are on and have no scope
	scoped     map[string]bits // the others that are on, by channel
	handOver   bits            // those that are looked at at hand-over
	ungated    bits            // those that have no gate, see gate
}

var _ Router = (*Rules)(nil)

// compiled is one rule.
type compiled struct {
	place    Place
	name     string
	channels []string
	skip     Outcome // why it is never looked at: off or broken
	problem  string  // of a broken one
	handOver bool
	root     node
	decision Decision
}

// node is a condition as people wrote it, for [Rules.Explain].
type node struct {
	field string
	op    operator
	kids  []node
	leaf  int32 // of a question
}

type operator uint8

const (
	opQuestion operator = iota
	opAlways
	opAll
	opAny
	opNot
)

// test is a question of a rule, with where to go on.
type test struct {
	leaf    int32
	yes, no int32 // the next test, or holds, or fails
	dear    bool  // the question is answered only when it is needed
}

const (
	holds int32 = -1
	fails int32 = -2
)

// Compile checks a set of rules and compiles it. The error is a [FieldErrors] with everything that is wrong, with fields
// such as "rules[2].condition.any[0].text.regexp". version is the caller's, and named by every decision. The result
// shares no memory with rules. It takes some 10 ms for 1,000 rules.
func Compile(version string, rules []Rule) (*Rules, error) {
	c := newChecker()
	c.set(rules)
	if err := c.errs.err(); err != nil {
		return nil, err
	}
	b := newBuilder(version, c)
	for i := range rules {
		b.rules = append(b.rules, source{rule: &rules[i]})
	}
	return b.build(), nil
}

// Stored is a rule as it was stored.
type Stored struct {
	ID   string // what it is stored under
	Data []byte // its JSON form
}

// Broken is a stored rule that can't be used.
type Broken struct {
	ID  string
	Err error // a [FieldErrors]
}

// CompileStored compiles what was stored, without ever failing: a rule that can't be used, because another version
// of the library wrote it or somebody edited the row, is left out and returned. [Rules.Explain] names it too.
func CompileStored(version string, stored []Stored) (*Rules, []Broken) {
	b := newBuilder(version, newChecker())
	var broken []Broken
	seen := map[string]bool{}
	for _, s := range stored {
		r := new(Rule)
		err := b.read(r, s, seen)
		if err != nil {
			broken = append(broken, Broken{s.ID, err})
			r.ID = s.ID
		}
		seen[s.ID] = true
		b.rules = append(b.rules, source{r, err})
	}
	return b.build(), broken
}

// read reads and checks one stored rule. One that is refused doesn't use up what the set may have.
func (b *builder) read(r *Rule, s Stored, seen map[string]bool) error {
	c := b.checker
	before := c.totals
	c.errs = decode(s.Data, r, "")
	form := c.errs
	c.errs = nil
	c.rule("", r)
	c.errs = merge(form, c.errs)
	switch {
	case seen[s.ID]:
		c.errs.add("id", "is stored twice")
	case r.ID != s.ID && !form.about("id"):
		c.errs.add("id", "isn't what the rule is stored under")
	case len(seen) >= maxRules:
		c.errs.add("", fmt.Sprintf("is one too many: at most %d rules are allowed", maxRules))
	}
	if c.errs != nil {
		c.totals = before
	}
	return c.errs.err()
}

// builder turns checked rules into Rules.
type builder struct {
	checker *checker
	rules   []source
	out     *Rules
	leaves  map[string]int32 // by question, so that one that many rules ask is answered once
	finder  *finderBuilder
	zones   map[string]int
}

type source struct {
	rule   *Rule
	broken error
}

func newBuilder(version string, c *checker) *builder {
	return &builder{
		checker: c, out: &Rules{version: version, scoped: map[string]bits{}},
		leaves: map[string]int32{}, finder: newFinderBuilder(), zones: map[string]int{},
	}
}

func (b *builder) build() *Rules {
	slices.SortStableFunc(b.rules, func(x, y source) int { return x.rule.Place().Compare(y.rule.Place()) })
	n, out := len(b.rules), b.out
	out.everywhere, out.handOver, out.ungated = bits(nil).cleared(n), bits(nil).cleared(n), bits(nil).cleared(n)
	for i, s := range b.rules {
		r := b.compile(s)
		out.list = append(out.list, r)
		if r.skip != "" {
			out.entry = append(out.entry, fails)
			continue
		}
		out.entry = append(out.entry, b.branch(&r.root, holds, fails))
		b.scope(int32(i), &r)
		b.gate(int32(i), &r.root)
	}
	b.index()
	return out
}

// scope enters a rule that is on in the sets that are walked.
func (b *builder) scope(i int32, r *compiled) {
	if r.handOver {
		b.out.handOver.set(i)
	}
	if len(r.channels) == 0 {
		b.out.everywhere.set(i)
	}
	for _, ch := range r.channels {
		if b.out.scoped[ch] == nil {
			b.out.scoped[ch] = bits(nil).cleared(len(b.rules))
		}
		b.out.scoped[ch].set(i)
	}
}

// compile makes everything of a rule but its tests.
func (b *builder) compile(s source) compiled {
	r := s.rule
	out := compiled{place: r.Place(), name: r.Name, channels: slices.Clone(r.Channels), handOver: r.AlsoAtHandOver}
	switch {
	case s.broken != nil:
		out.skip, out.problem = OutcomeBroken, s.broken.Error()
		return out
	case r.Disabled:
		out.skip = OutcomeOff
		return out
	}
	out.root = b.node("condition", &r.Condition)
	out.decision = Decision{
		Targets: cloneTargets(r.Targets), Labels: slices.Clone(r.AddLabels), Reason: cmp.Or(r.Name, r.ID),
		Unavailable: r.fallback(), Timeout: r.Timeout, Place: r.Place(), Version: b.out.version,
	}
	if r.SetPriority != nil {
		out.decision.Priority = new(*r.SetPriority)
	}
	return out
}

// fallback returns what Unavailable means.
func (r *Rule) fallback() Fallback {
	switch {
	case r.Unavailable != "":
		return r.Unavailable
	case slices.ContainsFunc(r.Targets, func(t Target) bool { return t.Kind != ToAI }):
		return Wait
	}
	return NextTier
}

func (b *builder) node(field string, c *Condition) node {
	n := node{field: field}
	switch {
	case c.Always:
		n.op = opAlways
	case c.All != nil:
		n.op, n.kids = opAll, b.nodes(field+".all", c.All)
	case c.Any != nil:
		n.op, n.kids = opAny, b.nodes(field+".any", c.Any)
	case c.Not != nil:
		n.op, n.kids = opNot, []node{b.node(field+".not", c.Not)}
	default:
		n.leaf = b.leaf(c)
		n.field = sub(field, b.out.index.leaves[n.leaf].name)
	}
	return n
}

func (b *builder) nodes(field string, conds []Condition) []node {
	kids := make([]node, len(conds))
	for i := range conds {
		kids[i] = b.node(item(field, i), &conds[i])
	}
	return kids
}

// leaf returns the number of a question, and indexes one that is new.
func (b *builder) leaf(c *Condition) int32 {
	key, _ := json.Marshal(c) // plain data: can't fail
	id, known := b.leaves[string(key)]
	if !known {
		id = b.newLeaf(string(key))
		b.question(id, c)
	}
	return id
}

func (b *builder) newLeaf(key string) int32 {
	id := int32(len(b.out.index.leaves))
	b.leaves[key] = id
	b.out.index.leaves = append(b.out.index.leaves, leaf{})
	return id
}

// branch writes the tests of a node that go to yes if it holds and to no if it doesn't. It writes backwards, so that
// where to go on is always known. Cheap questions are asked first: the order is no part of what a condition means.
func (b *builder) branch(n *node, yes, no int32) int32 {
	switch n.op {
	case opAlways:
		return yes
	case opNot:
		return b.branch(&n.kids[0], no, yes)
	case opAll, opAny:
		kids := slices.Clone(n.kids)
		slices.Reverse(kids)
		slices.SortStableFunc(kids, func(x, y node) int { return cmp.Compare(b.cost(&y), b.cost(&x)) })
		at := yes
		if n.op == opAny {
			at = no
		}
		for i := range kids {
			if n.op == opAll {
				at = b.branch(&kids[i], at, no)
			} else {
				at = b.branch(&kids[i], yes, at)
			}
		}
		return at
	}
	t := test{leaf: n.leaf, yes: yes, no: no, dear: b.out.index.leaves[n.leaf].ask.dear()}
	b.out.tests = append(b.out.tests, t)
	return int32(len(b.out.tests) - 1)
}

// cost ranks a node by the dearest question in it.
func (b *builder) cost(n *node) int {
	cost := 0
	if n.op == opQuestion {
		cost = int(b.out.index.leaves[n.leaf].ask)
	}
	for i := range n.kids {
		cost = max(cost, b.cost(&n.kids[i]))
	}
	return cost
}

// Version returns the version that the rules were compiled with; "" for a nil *Rules.
func (r *Rules) Version() string {
	if r == nil {
		return ""
	}
	return r.version
}

// Asks returns the agents, teams and humans whose availability some rule that is on asks for, each once. A caller loads
// these before it routes, so that [Facts].Available can answer from what it holds. The slice is shared: read it only.
func (r *Rules) Asks() []Target {
	if r == nil {
		return nil
	}
	return r.asks
}
