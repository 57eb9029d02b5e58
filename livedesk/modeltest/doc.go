// Package modeltest holds the engine's assignment against a model of a few hundred lines that says the same in another way: who
// has which conversation, who waits where, and whose turn it is. Random days of a desk are played on both, on every store, and
// after each event both must say the same. It has tests only; the test that finds something prints the shortest day that shows
// it. More days than a run of the suite takes:
//
//	go test ./livedesk/modeltest -run TestModel/memory -rapid.checks=20000 -timeout 0
package modeltest
