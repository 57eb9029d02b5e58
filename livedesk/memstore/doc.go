// Package memstore keeps a desk in memory: a [livedesk.Store] for tests, trials and examples. It keeps the whole
// contract, including transactions that roll back, but nothing outlives the process.
//
//	engine, err := livedesk.New(memstore.New(), livedesk.Config{})
//
// Rows and indexes are persistent trees. A View takes the roots of the last commit and waits for nobody; an Update
// changes a copy of the roots and publishes it when it ends, so that giving up costs nothing. A change costs O(log n)
// for each row and index that it touches, a read O(log n) and its result. Updates run one at a time.
//
// Where the contract leaves a store free it is strict, so that a test finds out what another store would do: behind Apply,
// which the contract has as the last, every verb of a transaction answers an error.
package memstore
