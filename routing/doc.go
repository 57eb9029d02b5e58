// Package routing decides who gets a conversation. A [Router] says where it goes: the rules of a desk ([Rules]) are one,
// and a host may put its own before them. A [Strategy] chooses among the people behind a target. All of it is pure: no
// I/O, no locks, no clock, and it may run again for the same conversation. The engine takes the place, in one
// transaction, under the queue's lock. The package imports nothing else of this module.
//
// # Rules
//
// A [Rule] is plain data: a scope, an order, a [Condition], targets, side effects, and what happens when nobody is
// there. [ParseRules] reads the strict JSON form that [Schema] describes, [Rule.Validate] names everything that is wrong
// with one, [Compile] turns a set into [Rules], and [CompileStored] does so with rows that may have gone bad.
//
// [Rules.Route] walks them in order. The first that is on, covers the channel and whose condition holds decides; the rest
// is not looked at. Its [Decision] names targets in order of preference and says what to do when nobody is available
// behind any: wait in the queue, maybe for a time only; go on with the rules behind it ([Rules.After]); or leave the rules
// to the tiers behind them, AI agents and then people. A [Target] can be narrowed to people with skills, and who speak a
// language: [{team support, skills billing}, {team support}] prefers those who know billing. [Rules.Explain] says of each rule why it did or didn't hold.
//
// A rule without a condition is refused. A catch-all is written so that nobody makes one by mistake: {"always": true}.
//
// # Comparing texts
//
// Messages and the values of attributes are compared as people read them:
//
//   - Case doesn't count, in any script.
//   - Accents don't count on Latin and Greek letters, whether sent as one character or two, nor do the strokes of
//     ø, ł, đ, ħ, ŧ and ð and the dots of İ, ı and ё. Marks that make another letter stay: й, ї, ў.
//   - ß is ss, æ is ae, œ is oe, þ is th, ĳ is ij.
//   - Blanks at the ends don't count, and blanks of any kind and number count as one.
//   - Curly apostrophes and quotes, long dashes, the one-character ellipsis and full-width characters are the plain ones.
//     Characters that nobody sees (soft hyphens, zero-width and direction marks) aren't there.
//
// Only the first 2,048 characters of a message are looked at; the longest SMS has 1,600. A keyword is a word or several
// that touch no further letter or digit. A regular expression is searched in the message as it was written, without regard to
// case; accents count there.
//
// # Bounds
//
// A set holds at most 5,000 rules with 20,000 conditions, a rule 200 conditions in 8 levels, 10 targets and 20 labels, a
// list 1,000 values, a word 256 characters, all words together 256 KiB, a pattern 1,024 bytes. Since Go's regexp takes
// time in proportion to text times pattern, a pattern may have 500 steps with its repetitions written out, and all
// patterns together 5,000. Matching is linear in the text. Of patterns that were made to be slow, the most that are allowed
// take a tenth of a second for the worst text; ordinary ones a few milliseconds.
//
// # Cost
//
// A walk starts from what the conversation has: one pass over the text finds all words of all rules, one look-up for each
// label and attribute all rules about it, and only rules that may hold because of that are looked at. So a thousand mixed
// rules cost about 2 µs where the last one matches, without allocation. What costs is a pattern that has to be run, about
// 3 µs for a text of 140 characters: most aren't, because a word that they need isn't there. Compiling a thousand rules
// takes some 10 ms, explaining a decision up to 0.7 µs for each rule.
//
// The same thousand conditions as programs of the expression language expr-lang (v1.17), one after the other, take 450 to
// 720 µs and 1,200 allocations where these rules take 3.5 to 4 µs and none, for a text that none of them is for. From the
// root of the repository:
//
//	go test ./routing/bench -run '^$' -bench 'Routing|Expr' -count 2
package routing
