// Package storetest is the contract of [livedesk.Store] as a test suite. Whoever writes a Store runs it in a test of
// their own:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) livedesk.Store { return mystore.Open(t.TempDir()) })
//	}
//
// Each subtest is one sentence of the contract, so that the name of a failing one says what doesn't hold. A store that
// can't do something says so where everybody sees it, with [Without]; those cases are skipped, never passed.
//
// A store that outlives the process says with [WithReopen] how to open it again; then Run also tests what must survive:
// rows, fences, revisions and the keys of TakeIn.
//
// The package imports the standard library and this module only, so it adds nothing to a host's dependencies. [Cases]
// has the same clauses as plain functions, for whoever runs them another way.
package storetest
